"""A row and its corrections: what changes, what follows, what is told of those that do nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.corrections.apply import apply
from crawler.corrections.entries import CORRECTABLE, Correction, tidy_text
from crawler.corrections.match import correct
from crawler.extraction.article import read_article
from crawler.extraction.model import PageInput
from crawler.records import SPEECH_SCHEMA
from crawler.shards import speech_id
from crawler.site import Site
from tests.crawler.extraction.pages import SPEECH, page, paragraphs

SITE = Site(name="qingquan", title="清泉文库", start=("http://127.0.0.1:1/",))


def as_read(lines: list[str] = SPEECH, n: int = 1) -> dict[str, Any]:
    """A row as extraction writes it."""
    url = f"http://127.0.0.1:1/a/{n}.html"
    (row,) = read_article([PageInput(url, page(paragraphs(lines)), "text/html")], SITE).speeches
    return {**row, "speech_id": speech_id("qingquan", f"/a/{n}.html", 1), "page_url": url, "site": "qingquan"}


def fix(row: dict[str, Any], field: str | None, value: Any = None, where: str = "c.yaml:1", **more: Any) -> Correction:
    return Correction(**{"speech_id": row["speech_id"], "text_sha256": None, "field": field, "value": value,
                         "reason": "x", "where": where} | more)  # fmt: skip


def problems(row: dict[str, Any], *corrections: Correction) -> list[str | None]:
    return [e.problem for e in apply(row, corrections)[1]]


def test_a_corrected_text_is_as_if_it_had_been_read() -> None:
    broken = [x.replace("护林", "护木木") for x in SPEECH]
    row, wanted = as_read(broken), as_read(SPEECH)
    made, effects = apply(row, [fix(row, "text", find="护木木", replace="护林")])
    assert made is not None
    assert [e.applied for e in effects] == [True]
    assert made["corrected"] == ["text"]
    for name in ("text", "paragraphs", "chars", "script", "mask_count", "masks", "outline", "points_found", "points_announced",
                 "quality_flags", "text_sha256", "simtext_sha256"):  # fmt: skip
        assert made[name] == wanted[name], name
    other = [*SPEECH[:3], "XX市和20xx年。", *SPEECH[3:5]]
    made, _ = apply(row, [fix(row, "text", tidy_text("\n\n".join(other)))])
    assert made is not None
    assert (made["paragraphs"], made["mask_count"]) == (6, 2)
    assert made["outline"] == as_read(other)["outline"]


def test_values_flags_and_evidence() -> None:
    row = as_read() | {"quality_flags": ["incomplete", "unsure_speech"]}
    at = datetime(2023, 5, 4, tzinfo=ZoneInfo("Asia/Shanghai"))
    made, _ = apply(
        row,
        [
            fix(row, "published_at", at),
            fix(row, "is_preview", True),
            fix(row, "text", find="同志们", replace="同志们\ufffd"),
        ],
    )
    assert made is not None
    assert (made["published_at"], made["published_from"]) == (at, "correction")
    assert (made["is_preview"], made["preview_evidence"]) == (True, "correction")
    assert set(made["quality_flags"]) - {"ascii_punctuation"} == {"incomplete", "mojibake", "unsure_speech"}
    assert made["corrected"] == ["text", "published_at", "is_preview"]
    back, _ = apply(made, [fix(row, "is_preview", False), fix(row, "published_at", None)])
    assert back is not None
    assert back["preview_evidence"] is back["published_from"] is None
    assert row["quality_flags"] == ["incomplete", "unsure_speech"]  # the row that was given stays


def test_what_does_nothing_is_told() -> None:
    row = as_read()
    assert problems(row, fix(row, "title", row["title"])) == ["its value is already so"]
    assert problems(row, fix(row, "text", find="没有这句", replace="甲")) == ["`find` does not stand in the text"]
    assert problems(row, fix(row, "text", find="护木木", replace="护林")) == ["its value is already so"]
    assert problems(row, fix(row, "text", find=row["text"], replace="")) == ["nothing would be left of the text"]
    by_text = {"speech_id": None, "text_sha256": row["text_sha256"]}
    assert problems(row, fix(row, "region", "甲县", "a:1", **by_text), fix(row, "region", "乙县", "b:2")) == [
        "b:2 gives another value", None
    ]  # fmt: skip
    assert problems(row, fix(row, "region", "甲县"), fix(row, None, where="d:1", drop=True)) == [
        "the speech is dropped by d:1", None
    ]  # fmt: skip
    assert apply(row, [fix(row, None, drop=True)])[0] is None
    assert problems(row, fix(row, "region", "甲县", text_sha256="0" * 64)) == [
        "its text is not the one with this text_sha256"
    ]
    assert problems(row, fix(row, "region", "甲县", speech_id="a:" + "0" * 20)) == []  # for another speech
    for c in (fix(row, "title", row["title"]), fix(row, "text", find="没有这句", replace="甲")):
        assert apply(row, [c])[0] == row | {"corrected": []}


ROW = as_read()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("护林同志们,。\n一二X年会"), st.text("甲XX20xx\n。 ", max_size=5)), max_size=4)
)
def test_digests_and_counts_always_fit_the_text(replacements: list[tuple[str, str]]) -> None:
    made, effects = apply(ROW, [fix(ROW, "text", find=a, replace=b) for a, b in replacements])
    assert made is not None
    assert made["text"] == tidy_text(made["text"]) != ""
    assert made["paragraphs"] == len(made["text"].split("\n"))
    assert made["mask_count"] == sum(m["count"] for m in made["masks"])
    assert (made["text_sha256"] != ROW["text_sha256"]) == (made["text"] != ROW["text"])
    assert all(o["paragraph"] < made["paragraphs"] for o in made["outline"])
    assert len(effects) == len(replacements)
    pa.Table.from_pylist([made], schema=SPEECH_SCHEMA)


def test_all_rows_at_once() -> None:
    rows = [as_read(SPEECH, 1), as_read(SPEECH, 2), as_read([*SPEECH, "谢谢大家!"], 3)]
    table = pa.Table.from_pylist(rows, schema=SPEECH_SCHEMA)
    copies = {"speech_id": None, "text_sha256": rows[0]["text_sha256"]}
    both = fix(rows[0], "region", "甲县", "a:1", **copies)
    unknown = fix(rows[0], "region", "乙县", "a:2", speech_id="a:" + "0" * 20)
    lost = fix(rows[0], "region", "乙县", "a:3", speech_id=None, text_sha256="0" * 64)
    out = fix(rows[2], None, where="a:4", drop=True)
    made = correct(table, [both, unknown, lost, out])
    assert {r["speech_id"]: r["region"] for r in made.rows.to_pylist()} == {
        rows[0]["speech_id"]: "甲县", rows[1]["speech_id"]: "甲县"
    }  # fmt: skip
    assert (made.speeches, made.dropped) == (2, frozenset([rows[2]["speech_id"]]))
    assert made.applied == [both, out]
    assert made.idle == [(unknown, "no speech has this id"), (lost, "no speech has this text as read")]
    assert correct(table, []).rows is table
    assert set(CORRECTABLE) < set(SPEECH_SCHEMA.names)
