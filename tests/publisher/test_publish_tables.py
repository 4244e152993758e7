import re
from pathlib import Path

import pyarrow as pa

from crawler.extraction.quality import TEXT_FLAGS
from crawler.records import SPEECH
from publisher.manifest import Carried, FileEntry, Gate, Gone, Latest, Manifest, Part, Reference, TableEntry
from publisher.tables import SPEECHES, TABLES, dictionary, type_name

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "dataset.md"
BEGIN, END = "<!-- dictionary: made by publisher.tables.dictionary() -->\n", "<!-- end of dictionary -->"


def test_every_quality_flag_is_told_in_the_docs() -> None:
    code = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "crawler" / "extraction").glob("*.py"))
    flags = TEXT_FLAGS | {"capped_bytes", "incomplete"} | set(re.findall(r'flags\.(?:append|add)\("(\w+)"\)', code))
    assert len(flags) > 15
    told = (ROOT / "docs" / "reading-speech.md").read_text(encoding="utf-8").partition("## Flags")[2]
    assert {f for f in flags if f"`{f}`" not in told} == set()


def test_data_dictionary_in_docs_is_current() -> None:
    text = DOCS.read_text(encoding="utf-8")
    written = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert written == dictionary(), (
        "write the output of publisher.tables.dictionary() between the marks of docs/dataset.md"
    )


def test_every_column_of_the_records_is_published_under_its_name_and_in_order() -> None:
    published = [c.name for c in SPEECHES.columns if c.name not in (*SPEECHES.own, *SPEECHES.made)]
    assert published == [c.name for c in SPEECH]
    assert all(c.description for t in TABLES.values() for c in t.columns)


def test_keys_and_own_columns_exist() -> None:
    for table in TABLES.values():
        names = {c.name for c in table.columns}
        assert len(names) == len(table.columns)
        assert names.issuperset((*table.key, *table.own, *table.made, *table.quiet))


def test_type_names() -> None:
    assert type_name(pa.list_(pa.string())) == "list<string>"
    assert type_name(pa.timestamp("ms", "UTC")) == "timestamp[ms, UTC]"
    assert type_name(pa.date32()) == "date32"


def test_every_field_of_manifest_latest_and_tombstone_is_told() -> None:
    told = DOCS.read_text(encoding="utf-8").split("<!-- manifest -->")[1].split("<!-- end of manifest -->")[0]
    models = (Manifest, TableEntry, Part, FileEntry, Gate, Carried, Reference, Latest, Gone)
    for model in models:
        assert not [name for name in model.model_fields if f"`{name}`" not in told], model
    known = {name for model in models for name in model.model_fields}
    listed = set(re.findall(r"`([a-z_0-9]+)`", told.split("`versions.json`")[0]))
    assert listed <= known, "the docs tell of fields that there are none of"
