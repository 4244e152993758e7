"""Row rules: each is broken by a row made for it, and by no other; batches add up; texts are checked from their buffers."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler import textrules
from crawler.textbuffers import blocks
from crawler.textrules import text_digests_wrong
from publisher.rowschemas import SCHEMAS
from publisher.rules import EXAMPLES, RULES, RowCheck, Violation, check_rows, gates_of, merged, said
from publisher.tables import TABLES
from tests.publisher.publisher_made import origin, page, speech, text

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
ID = "a:" + "0" * 20
Row = dict[str, Any]


def speech_row(n: int = 1, body: str | None = None, **columns: Any) -> Row:
    own: Row = {
        "revision": 1,
        "gone_since": None,
        "first_version": "2026-11-22.1",
        "corrected": [],
        "personal_data": [],
    }
    return speech("a", n, body) | own | columns


def row_of(table: str) -> Row:
    """A row that keeps every rule."""
    made = speech_row()
    match table:
        case "speeches":
            return made
        case "duplicates":
            copy: Row = {
                "speech_id": ID,
                "cluster_id": "c1",
                "is_representative": True,
                "jaccard": 1.0,
                "reason": "exact",
            }
            return copy
        case "contained":
            return {"speech_id": ID, "container_id": "a:" + "1" * 20, "share": 0.95}
        case "provenance":
            return origin(made)
        case "pages":
            return page(made)
        case _:
            tomb = {n: made[n] for n in ("speech_id", "page_url", "site", "part", "title", "first_version", "revision")}
            return tomb | {
                "reason": "gone",
                "removed_in": "2026-11-22.1",
                "last_version": "2026-11-21.1",
                "removed_at": NOW,
            }


def rows_of(table: str, rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=TABLES[table].schema)


# rule: what breaks it, in a row that keeps every rule
BREAKS: dict[str, Row] = {
    "speech_id_form": {"speech_id": "a:0123"},
    "page_url_form": {"page_url": "javascript:void(0)"},
    "empty_text": {
        "text": " \u3000\n",
        "text_sha256": hashlib.sha256(" \u3000\n".encode()).hexdigest(),
        "chars": 0,
        "paragraphs": 2,
    },
    "text_digests": {"text_sha256": "0" * 64},
    "text_chars": {"chars": 7},
    "text_paragraphs": {"paragraphs": 3},
    "text_paragraphs_blank": {
        "text": "讲\n",
        "text_sha256": hashlib.sha256("讲\n".encode()).hexdigest(),
        "chars": 1,
        "paragraphs": 2,
    },
    "digest_form": {"simtext_sha256": "F" * 64},
    "title_blank": {"title": "\u3000"},
    "site_blank": {"site": ""},
    "part_of_parts": {"part": 2, "parts": 1},
    "revision_from_1": {"revision": 0},
    "first_version_form": {"first_version": ""},
    "script_known": {"script": "latin"},
    "doc_type_known": {"doc_type": "讲座"},
    "admin_level_known": {"admin_level": "洲"},
    "personal_data_known": {"personal_data": ["mobile", "address"]},
    "published_in_future": {"published_at": NOW + timedelta(days=2)},
    "published_before_1949": {"published_at": datetime(1919, 5, 4, tzinfo=UTC)},
    "event_date_range": {"event_date": date(1900, 1, 1)},
    "counts_negative": {"views": -1},
    "gone_in_future": {"gone_since": NOW + timedelta(days=2)},
    "duplicate_ids_form": {"cluster_id": ""},
    "duplicate_jaccard": {"jaccard": 1.01},
    "duplicate_reason": {"reason": "similar"},
    "contained_ids_form": {"container_id": "x"},
    "contained_share": {"share": -0.1},
    "contained_itself": {"container_id": ID},
    "origin_url_form": {"url": "file:///etc/hosts"},
    "origin_ordinal": {"ordinal": 0},
    "origin_digest": {"html_sha256": ""},
    "origin_place": {"warc_length": 0},
    "origin_status": {"status": 0},
    "origin_in_future": {"fetched_at": NOW + timedelta(days=2)},
    "page_form": {"url": "/a/1.html"},
    "page_fate": {"fate": "eaten"},
    "page_status": {"status": 999},
    "page_in_future": {"fetched_at": NOW + timedelta(days=2)},
    "page_speeches": {"speeches": -1},
    "tomb_id_form": {"speech_id": ""},
    "tomb_versions_form": {"removed_in": "yesterday"},
    "tomb_reason": {"reason": " "},
}


def test_every_rule_is_checked_and_has_a_reason() -> None:
    assert set(BREAKS) == set(RULES)
    assert all(r.what and r.why for r in RULES.values())
    in_schemas = {n for s in SCHEMAS.values() for n in vars(s) if n in RULES}
    over_texts = {"empty_text", "text_digests", "text_chars", "text_paragraphs", "text_paragraphs_blank"}
    assert over_texts.isdisjoint(in_schemas)


@pytest.mark.parametrize("table", SCHEMAS)
def test_good_rows_break_nothing(table: str) -> None:
    assert check_rows(table, rows_of(table, [row_of(table)] * 3), NOW) == {}
    assert check_rows(table, rows_of(table, []), NOW) == {}


@pytest.mark.parametrize("rule", RULES)
def test_a_row_breaks_just_the_rule_that_it_was_made_for(rule: str) -> None:
    table = RULES[rule].table
    good, bad = row_of(table), row_of(table) | BREAKS[rule]
    if rule == "contained_itself":
        bad["speech_id"] = ID
    found = check_rows(table, rows_of(table, [good, bad, good]), NOW)
    assert set(found) == {rule}
    key = " ".join(str(bad[k]) for k in TABLES[table].key)
    assert found[rule] == Violation(1, (key,))
    assert said(found[rule].count, RULES[rule].what) in gates_of(found)[1].what


def test_nulls_are_not_the_row_rules_business() -> None:
    row = speech_row(published_at=None, admin_level=None, event_date=None, views=None)
    assert check_rows("speeches", rows_of("speeches", [row]), NOW) == {}


def test_dates_of_today_and_of_the_next_hours_are_no_future() -> None:
    row = speech_row(published_at=NOW + timedelta(hours=20), event_date=date(2027, 12, 1))
    assert check_rows("speeches", rows_of("speeches", [row]), NOW) == {}


def test_batches_add_up_in_any_order_and_keep_the_smallest_examples() -> None:
    rng = random.Random(3)
    rows = [speech_row(n, doc_type="讲座" if n % 3 else "讲话", revision=int(n % 4 > 0)) for n in range(60)]
    whole = check_rows("speeches", rows_of("speeches", rows), NOW)
    assert whole["doc_type_known"].count == 40
    ids = sorted(r["speech_id"] for n, r in enumerate(rows) if n % 3)
    assert whole["doc_type_known"].examples == tuple(ids[:EXAMPLES])
    rng.shuffle(rows)
    parts = [rows_of("speeches", rows[i : i + 7]) for i in range(0, 60, 7)]
    assert merged(check_rows("speeches", p, NOW) for p in parts) == whole
    check = RowCheck(NOW, at_once=20)
    for part in parts:
        check.add("speeches", part)
        check.add("contained", rows_of("contained", []))
    assert check.result() == whole == check.result()


def test_gates_tell_what_is_broken_and_which_of_it_refuses() -> None:
    found = {"text_chars": Violation(2, ("a:1", "a:2")), "title_blank": Violation(1, ("a:3",))}
    kept, *gates = gates_of(found)
    assert (kept.name, kept.result, kept.figures["kept"]) == ("row_rules", "pass", len(RULES) - 2)
    assert [(g.name, g.result) for g in gates] == [("text_chars", "fail"), ("title_blank", "warn")]
    assert gates[0].what == "2 speeches have more or fewer characters than chars says, e.g. a:1, a:2"
    assert [g.name for g in gates_of({})] == ["row_rules"]


# ---------------------------------------------------------------------------------------------- texts

TEXTS = st.lists(st.text(st.sampled_from("讲话a \n\u3000é😀\t"), max_size=12), max_size=12)
Cut = tuple[int, int]


def column(texts: list[str], cut: Cut, dtype: pa.DataType) -> pa.ChunkedArray:
    """The texts as a column of two chunks, one of which is a slice of a longer array."""
    padded = pa.array(["前\n面", *texts, "后"], dtype)
    at = 1 + cut[0] % (len(texts) + 1)
    return pa.chunked_array([padded.slice(1, at - 1), pa.array(texts[at - 1 :], dtype)], dtype)


@given(TEXTS, st.tuples(st.integers(0, 20), st.integers(0, 20)), st.sampled_from([None, 1, 8]))
@settings(max_examples=60, deadline=None)
def test_blocks_are_the_texts(texts: list[str], cut: Cut, most: int | None) -> None:
    for dtype in (pa.string(), pa.large_string()):
        made = list(blocks(column(texts, cut, dtype), most))
        found = [bytes(b.bytes[x:y]).decode() for b in made for x, y in zip(b.offsets[:-1], b.offsets[1:], strict=True)]
        assert found == texts
        assert [b.first for b in made] == [sum(len(x) for x in made[:i]) for i in range(len(made))]


@given(TEXTS, st.tuples(st.integers(0, 20), st.integers(0, 20)), st.sets(st.integers(0, 11)))
@settings(max_examples=60, deadline=None)
def test_texts_are_judged_as_python_would(texts: list[str], cut: Cut, spoilt: set[int]) -> None:
    col = column(texts, cut, pa.large_string())
    wrong = sorted(i for i in spoilt if i < len(texts))
    made = [hashlib.sha256(t.encode()).hexdigest() for t in texts]
    said = [("0" * 64, "", h[:-1] + "G", h.upper())[i % 4] if i in wrong else h for i, h in enumerate(made)]
    expected = [i for i in wrong if said[i] != made[i]]
    beside = pa.table({"text": col, "text_sha256": pa.array(said, pa.string())})
    assert text_digests_wrong(beside).tolist() == expected
    paragraphs = np.array([t.count("\n") + 1 for t in texts], np.int64)
    chars = np.array([len("".join(t.split())) for t in texts], np.int64)
    assert textrules.wrong_paragraphs(col, paragraphs).tolist() == []
    assert textrules.wrong_chars(col, chars, paragraphs).tolist() == []
    spoilt_chars, spoilt_paragraphs = chars.copy(), paragraphs.copy()
    for i in wrong:
        spoilt_chars[i] += 100
        spoilt_paragraphs[i] += 2
    assert textrules.wrong_paragraphs(col, spoilt_paragraphs).tolist() == wrong
    assert textrules.wrong_chars(col, spoilt_chars, paragraphs).tolist() == wrong
    assert textrules.wrong_chars(col, chars, spoilt_paragraphs).tolist() == []
    empty, blank = textrules.ends(col)
    assert empty.tolist() == [i for i, t in enumerate(texts) if not t.strip()]
    assert blank.tolist() == [i for i, t in enumerate(texts) if t.strip() and (t[0] == "\n" or t[-1] == "\n")]


def test_nulls_among_texts_are_empty_texts() -> None:
    col = pa.chunked_array([pa.array(["讲话", None, "", "话"], pa.large_string())])
    assert textrules.ends(col)[0].tolist() == [1, 2]


def test_a_wrong_paragraph_among_many_long_texts_is_found() -> None:
    texts = [text(n, 8) for n in range(300)]
    col = pa.chunked_array([pa.array(texts, pa.large_string())])
    said = np.array([t.count("\n") + 1 for t in texts], np.int64)
    said[[17, 211]] += (1, -1)
    assert textrules.wrong_paragraphs(col, said).tolist() == [17, 211]


def test_very_many_texts_with_other_white_space_are_not_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textrules, "_SLOWLY", 2)
    texts = ["一 二"] * 5
    col = pa.chunked_array([pa.array(texts, pa.large_string())])
    one = np.ones(5, np.int64)
    assert textrules.wrong_chars(col, np.array([2, 2, 2, 9, 2]), one).tolist() == [3]
    assert textrules.wrong_chars(col, np.array([2, 1, 2, 1, 2]), one).tolist() == [1]
