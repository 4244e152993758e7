"""The documents of a version: card, Croissant, Data Package, citation and changelog, held against the files and the standards."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from publisher.cards import documents
from publisher.documents import about, changelog
from publisher.documents.card import front_matter
from publisher.documents.markdown import code, escape, plain, table
from publisher.documents.yamltext import yaml_text
from publisher.manifest import Carried
from publisher.tables import TABLES
from tests.publisher.documents_made import HOSTILE, SOURCES, Made, made


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(tmp_path_factory.mktemp("documents"))


def read(version: Made, name: str) -> str:
    return (version.folder / name).read_text(encoding="utf-8")


def front(version: Made) -> dict[str, Any]:
    _, metadata, _ = read(version, "README.md").split("---\n", 2)
    found: dict[str, Any] = yaml.safe_load(metadata)
    return found


WORDS = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    st.sampled_from(
        ["true", "1.5", "~", "2020-01-01", "- a", "a: b", "a #b", "---", "", "讲话稿,第2稿", "𠀀", "a\u00a0b"]
    ),
)


@given(st.dictionaries(WORDS, st.recursive(st.one_of(WORDS, st.integers(), st.booleans()), st.lists, max_leaves=6)))
@settings(deadline=None)
def test_yaml_is_the_same_text_with_and_without_libyaml(value: dict[str, Any]) -> None:
    plain = yaml.dump(value, Dumper=yaml.SafeDumper, allow_unicode=True, sort_keys=False, width=1000)
    assert yaml_text(value) == plain


def test_yaml_needs_no_libyaml(version: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    told = front_matter(version.manifest)
    made = yaml_text(told)
    monkeypatch.delattr(yaml, "CSafeDumper", raising=False)
    assert yaml_text(told) == made


# ------------------------------------------------------------------------------------------------ all of them


def test_documents_are_the_same_bytes_for_the_same_manifest(version: Made) -> None:
    again = documents(version.manifest, version.quality, version.changes, SOURCES)
    assert {name: (version.folder / name).read_bytes() for name in again} == again
    assert set(again) == {
        "README.md", "LICENSE.md", "CHANGES.md", "CITATION.cff", "croissant.json", "datapackage.json", "quality.html", "schema.json", "sources.json",
    }  # fmt: skip
    alone = documents(version.manifest)
    assert set(again) - set(alone) == {"quality.html", "sources.json"}
    assert json.loads(again["sources.json"])["sites"] == SOURCES


def test_an_older_schema_shows_its_own_columns(version: Made) -> None:
    older = version.manifest.model_copy(update={"schema_version": "1.0.0"})
    files = documents(older)
    assert b"`speech_score`" not in files["README.md"]
    assert b"`text_sha256`" in files["README.md"]
    assert b"speeches/speech_score" not in files["croissant.json"]
    assert b"speech_score" not in files["datapackage.json"]


@pytest.mark.parametrize(
    ("rows", "category"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (200_000, "100K<n<1M"),
        (10**9, "1B<n<10B"),
        (10**10, "10B<n<100B"),
        (10**12, "n>1T"),
    ],
)
def test_size_categories_are_those_of_the_hub(rows: int, category: str) -> None:
    assert about.size_category(rows) == category


def test_version_names_become_semver() -> None:
    assert about.semver("2026-11-02.10") == "2026.11.2+10"  # no leading zeros
    with pytest.raises(ValueError, match="no version name"):
        about.semver("latest")


# ------------------------------------------------------------------------------------------------ Hugging Face


def test_the_card_is_one_that_the_hub_reads(version: Made) -> None:
    from huggingface_hub import DatasetCard

    data = vars(DatasetCard(read(version, "README.md")).data)
    assert data["language"] == ["zh"]
    assert data["license"] == "other"
    assert (version.folder / data["license_link"]).is_file()
    assert data["size_categories"] == ["n<1K"]
    assert data["task_categories"]


def test_configs_name_every_file_of_their_table_and_no_other(version: Made) -> None:
    configs = front(version)["configs"]
    assert [c["config_name"] for c in configs if c.get("default")] == ["speeches"]
    for config in configs:
        (files,) = config["data_files"]
        entry = version.manifest.tables[config["config_name"]]
        assert files["path"] == [f"{config['config_name']}/{p.file}" for p in entry.parts]
        assert all((version.folder / path).is_file() for path in files["path"])
    rows = {name: t.rows for name, t in version.manifest.tables.items()}
    assert {c["config_name"] for c in configs} == {name for name, n in rows.items() if n}
    assert len(version.manifest.tables["speeches"].parts) > 1  # else the lists prove little


def test_the_card_describes_every_column_and_every_site(version: Made) -> None:
    text = read(version, "README.md")
    for t in TABLES.values():
        section = text.split(f"### {t.name}\n")[1].split("\n### ")[0]
        assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == t.schema.names
    assert all(f"| `{site}` |" in text for site in version.manifest.sites)
    assert "fetched 2026-11-21" in text
    assert "Confirmed: looked at" in text
    assert "it is a test" in text


# ------------------------------------------------------------------------------------------------ Croissant


@pytest.fixture(scope="module")
def loaded(version: Made) -> Iterator[tuple[Any, list[str]]]:
    import mlcroissant
    from absl import logging as absl_logging

    told: list[str] = []

    class Listen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    listen = Listen(logging.WARNING)
    loggers = (absl_logging.get_absl_logger(), logging.getLogger())
    for logger in loggers:
        logger.addHandler(listen)
    yield mlcroissant.Dataset(str(version.folder / "croissant.json")), told
    for logger in loggers:
        logger.removeHandler(listen)


def test_croissant_has_no_error_and_no_warning(loaded: tuple[Any, list[str]], version: Made) -> None:
    dataset, told = loaded
    issues = dataset.metadata.ctx.issues
    assert (issues.errors, issues.warnings, told) == (set(), set(), [])
    metadata = dataset.metadata
    assert (metadata.version, metadata.name) == ("2026.11.22+2", "jianghua-speeches")
    assert metadata.cite_as
    assert metadata.date_published
    assert metadata.creators
    assert metadata.publisher
    assert metadata.ctx.is_v1_1()
    assert metadata.ctx.is_live_dataset is False


@pytest.mark.parametrize("name", list(TABLES))
def test_croissant_records_are_the_rows(loaded: tuple[Any, list[str]], version: Made, name: str) -> None:
    dataset, _ = loaded
    records = list(dataset.records(name))
    t = version.tables[name]
    assert len(records) == t.num_rows
    key = [f"{name}/{k}" for k in TABLES[name].key]
    found = sorted(([r[f"{name}/{c}"] for c in t.schema.names] for r in records), key=str)
    wanted = sorted(([shown(name, c, row[c]) for c in t.schema.names] for row in t.to_pylist()), key=str)
    assert [[same(v) for v in row] for row in found] == [[same(v) for v in row] for row in wanted]
    assert len({tuple(map(str, (r[k] for k in key))) for r in records}) == t.num_rows


def shown(name: str, column: str, value: Any) -> Any:
    """A value as Croissant shows it: the fields of a struct by their whole name."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [{f"{name}/{column}/{k}": v for k, v in item.items()} for item in value]
    return value


def same(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "isoformat"):
        return (
            value.isoformat()[:10]
            if not hasattr(value, "hour") or (value.hour, value.minute) == (0, 0)
            else value.timestamp()
        )
    if isinstance(value, list):
        return [same(v) for v in value]
    if isinstance(value, dict):
        return {k: same(v) for k, v in value.items()}
    return round(value, 5) if isinstance(value, float) else value


def test_croissant_names_every_file_with_its_digest(version: Made) -> None:
    files = [f for f in json.loads(read(version, "croissant.json"))["distribution"] if f["@type"] == "cr:FileObject"]
    assert {f["contentUrl"] for f in files} == {
        f"{n}/{p.file}" for n, t in version.manifest.tables.items() for p in t.parts
    }
    for f in files:
        data = (version.folder / f["contentUrl"]).read_bytes()
        assert f["sha256"] == hashlib.sha256(data).hexdigest()
        assert f["contentSize"] == f"{len(data)} B"
        assert f["encodingFormat"] == "application/x-parquet"


def test_croissant_refuses_a_file_that_is_not_the_one_described(version: Made, tmp_path: Path) -> None:
    import mlcroissant

    value = json.loads(read(version, "croissant.json"))
    (one,) = [f for f in value["distribution"] if f["@id"].startswith("duplicates/")]
    one["sha256"] = "0" * 64
    (tmp_path / "duplicates").symlink_to(version.folder / "duplicates")
    value["distribution"], value["recordSet"] = [one], [r for r in value["recordSet"] if r["@id"] == "duplicates"]
    (tmp_path / "croissant.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(Exception, match="Download"):
        list(mlcroissant.Dataset(str(tmp_path / "croissant.json")).records("duplicates"))


def test_croissant_on_the_web_has_whole_addresses(version: Made) -> None:
    from publisher.documents.croissant import croissant

    value = json.loads(croissant(version.manifest, SOURCES, "https://data.example/speeches/versions/2026-11-22.2/"))
    assert value["url"] == "https://data.example/speeches/versions/2026-11-22.2/"
    files = [f["contentUrl"] for f in value["distribution"] if f["@type"] == "cr:FileObject"]
    assert all(u.startswith(value["url"] + "") and "//" not in u[8:] for u in files)
    assert value["prov:wasDerivedFrom"] == [{"@id": "http://alpha.example/"}]


# ------------------------------------------------------------------------------------------------ Data Package

_FIELD_TYPES = {"string", "number", "integer", "boolean", "date", "datetime", "array"}


def test_the_data_package_is_one_by_the_standard(version: Made) -> None:
    package = json.loads(read(version, "datapackage.json"))
    assert package["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    assert re.fullmatch(r"[-a-z0-9._/]+", package["name"])
    assert datetime.fromisoformat(package["created"]).tzinfo == UTC
    assert all(set(x) & {"name", "path"} for x in package["licenses"])
    assert package["sources"] == [{"title": SOURCES[0]["title"], "path": "http://alpha.example/"}]
    names = [r["name"] for r in package["resources"]]
    assert names == [*TABLES, "changes"]
    for resource in package["resources"]:
        paths = resource["path"] if isinstance(resource["path"], list) else [resource["path"]]
        assert all(not p.startswith(("/", ".", "~")) and ".." not in p for p in paths)
        data = [(version.folder / p).read_bytes() for p in paths]
        assert resource["bytes"] == sum(map(len, data))
        digests = [resource["hash"]] if "hash" in resource else [p["hash"] for p in resource["parts"]]
        assert digests == [f"sha256:{hashlib.sha256(d).hexdigest()}" for d in data]
        assert (
            resource.get("rows", 1) == sum(pq.read_metadata(version.folder / p).num_rows for p in paths)
            or resource["name"] == "changes"
        )
    assert any("parts" in r for r in package["resources"])


def test_the_schemas_of_the_data_package_are_those_of_the_files(version: Made) -> None:
    for resource in json.loads(read(version, "datapackage.json"))["resources"]:
        path = resource["path"] if isinstance(resource["path"], str) else resource["path"][0]
        arrow = pq.read_schema(version.folder / path)
        fields = resource["schema"]["fields"]
        assert [f["name"] for f in fields] == arrow.names
        for f in fields:
            assert f["type"] in _FIELD_TYPES
            assert bool(f.get("constraints", {}).get("required")) == (not arrow.field(f["name"]).nullable)
            assert (f["type"] == "array") == pa.types.is_list(arrow.field(f["name"]).type)
            assert (f["type"] == "datetime") == pa.types.is_timestamp(arrow.field(f["name"]).type)
            if resource["name"] != "changes":
                assert f["description"]
    outline = next(
        f
        for f in json.loads(read(version, "datapackage.json"))["resources"][0]["schema"]["fields"]
        if f["name"] == "outline"
    )
    assert outline["jsonSchema"]["items"]["properties"]["level"] == {"type": "integer"}
    # frictionless loads no package in which a field has a constraint that its type does not know, and of a list it knows these
    assert set(outline["constraints"]) <= {"required", "unique", "enum", "minLength", "maxLength"}


def test_keys_of_the_data_package_hold_in_the_data(version: Made) -> None:
    foreign = 0
    for resource in json.loads(read(version, "datapackage.json"))["resources"]:
        schema, rows = resource["schema"], version.tables.get(resource["name"])
        if rows is None:
            continue
        keys = list(zip(*(rows[k].to_pylist() for k in schema["primaryKey"]), strict=True))
        assert len(set(keys)) == rows.num_rows
        for f in schema["fields"]:
            if f.get("constraints", {}).get("unique"):
                assert len(set(rows[f["name"]].to_pylist())) == rows.num_rows
        for link in schema.get("foreignKeys", ()):
            foreign += 1
            assert link["reference"]["resource"] == "speeches"
            known = set(version.tables["speeches"][link["reference"]["fields"][0]].to_pylist())
            assert set(rows[link["fields"][0]].to_pylist()) <= known
    assert foreign == 4


# ------------------------------------------------------------------------------------------------ citation


def test_the_citation_file_is_one_by_the_standard(version: Made) -> None:
    value = yaml.safe_load(read(version, "CITATION.cff"))
    assert set(value) <= {
        "cff-version", "message", "type", "title", "authors", "version", "date-released", "abstract", "keywords", "identifiers",
    }  # fmt: skip
    assert (value["cff-version"], value["type"], value["version"]) == ("1.2.0", "dataset", "2026-11-22.2")
    assert value["date-released"] == "2026-11-22"  # a string, as its schema wants
    assert value["authors"] == [{"name": about.CREATOR}]
    assert len(set(value["keywords"])) == len(value["keywords"])
    (identifier,) = value["identifiers"]
    digest = hashlib.sha256((version.folder / "manifest.json").read_bytes()).hexdigest()
    assert (identifier["type"], identifier["value"]) == ("other", f"sha256:{digest}")


# ------------------------------------------------------------------------------------------------ changelog


def test_the_changelog_tells_what_changed(version: Made) -> None:
    text = read(version, "CHANGES.md")
    counts = version.manifest.tables["speeches"]
    assert f"| `speeches` | {counts.added} | {counts.changed} | {counts.removed} | {counts.rows} |" in text
    assert (counts.added, counts.changed, counts.removed) == (3, 2, 1)
    added, changed, removed = (
        text.split(f"## {op} speeches\n")[1].split("\n## ")[0] for op in ("Added", "Changed", "Removed")
    )
    assert added.count("\n* ") == 3
    assert "`title`, `title_raw`" in changed
    assert "`is_preview`" in changed
    assert removed.count("\n* `beta` ") == 1
    assert "): " not in removed
    assert "unknown" in removed
    assert "its parent `2026-11-22.1`" in text


def test_the_changelog_tells_what_stayed_and_what_was_taken_down(version: Made) -> None:
    why = Carried(rows=7, as_of=datetime(2026, 11, 1, tzinfo=UTC), since="2026-11-01.1", why="answers 500 | <b>")
    manifest = version.manifest.model_copy(
        update={
            "carried": {"beta": why},
            "held": 2,
            "reissue_of": "2026-11-20.1",
            "schema_change": "minor",
            "parent": None,
        }
    )
    text = changelog.changelog(manifest, {"takedowns": [{"reason": "on *request*", "speeches": 3}]}).decode()
    assert "the first version" in text
    assert r"* `beta`: 7 speeches as of 2026-11-01 (`2026-11-01.1`): answers 500 \| \<b\>" in text
    assert r"* 3 speeches: on \*request\*" in text
    assert "takes the place of `2026-11-20.1`" in text
    assert "The schema changed (minor)" in text
    assert "2 speeches are as the parent has them" in text


def test_titles_of_what_was_taken_down_are_never_shown() -> None:
    titles = {"a": {"site": "s", "title": "gone by itself"}, "b": {"site": "s", "title": "SECRET"}}
    found = changelog.titled({"removed": ["a", "b"]}, titles, reasons={"a": "gone", "b": "taken_down"})
    assert [e["speech_id"] for e in found["removed"]] == ["a"]


def test_examples_are_few_and_do_not_depend_on_the_order() -> None:
    ids = [f"s:{n}" for n in range(500)]
    found = changelog.chosen({"added": ids})
    assert found == changelog.chosen({"added": ids[::-1]})
    assert len(found["added"]) == changelog.MOST
    assert found["removed"] == []


# ------------------------------------------------------------------------------------------------ hostile strings

_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_TAGS = re.compile(r"<[a-z/!][^>]*>")


def rendered(markdown: str) -> tuple[set[str], str]:
    """The tags of a page, and its words."""
    import html

    page = _MARKDOWN.render(markdown)
    return set(_TAGS.findall(page)), html.unescape(_TAGS.sub("", page)).strip()


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("*_`[]()<>|#~&$!:@\\-+=1. \nwx/h", max_size=40))
def test_any_string_shows_as_it_is(value: str) -> None:
    for form, tags in (("{}", {"<p>", "</p>"}), ("* x {}", {"<ul>", "<li>", "</li>", "</ul>"})):
        found, words = rendered(form.format(escape(value)))
        assert found <= tags
        bullet = "* " if form.startswith("*") else ""
        assert words == form.format(plain(value)).strip().removeprefix(bullet).strip()
    (row,) = table(["a", "b"], [[escape(value), code(value)]])[2:]
    found, words = rendered("\n".join(table(["a", "b"], [[escape(value), code(value)]])))
    assert not found - {f"<{s}{t}>" for s in ("", "/") for t in ("table", "thead", "tbody", "tr", "th", "td", "code")}
    assert row.count("\n") == 0
    assert words.split() == ["a", "b", *plain(value).split(), *plain(value).replace("|", "¦").split()]


@pytest.mark.parametrize(
    "value",
    [
        "http://x.example",
        "mailto:a@b.cn",
        "WWW.x.cn",
        "a@b.cn",
        ":smile:",
        "xmpp:a",
        "&lt;",
        "# x",
        "1. x",
        "- x",
        "= x",
    ],
)
def test_no_address_and_no_block_is_made_of_a_string(value: str) -> None:
    assert "\\" in escape(value)  # our renderer makes no links of bare addresses, those of the hubs do


def test_plain_words_stay_readable() -> None:
    assert (
        escape("on 3 sites: 2 speeches (of 5), done! a=b #5 10:30")
        == "on 3 sites: 2 speeches (of 5), done! a=b #5 10:30"
    )


@pytest.mark.parametrize("name", ["README.md", "CHANGES.md", "LICENSE.md"])
def test_nothing_of_a_page_marks_up_a_document(version: Made, name: str) -> None:
    text = read(version, name)
    text = text.split("---\n", 2)[2] if name == "README.md" else text
    tags, words = rendered(text)
    assert not [t for t in tags if re.match(r"</?(script|a|b|s|del|img|h1 )\b", t)]
    assert "evil.example" in words or name == "LICENSE.md"
    assert "\u202e" not in words


def test_hostile_strings_stay_strings_in_the_metadata(version: Made) -> None:
    odd = [{**SOURCES[0], "title": f"---\n{HOSTILE}"}]
    files = documents(version.manifest, None, None, odd)
    assert json.loads(files["datapackage.json"])["sources"][0]["title"] == f"---\n{HOSTILE}"
    assert yaml.safe_load(files["README.md"].decode().split("---\n", 2)[1])["configs"]
