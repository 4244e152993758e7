"""Measures: what they count, that they add up, and quality.json."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler import textfacts
from publisher.documents.quality_page import quality_page
from publisher.manifest import Gate, Manifest, TableEntry, as_json
from publisher.quality import (
    EDGES,
    Counts,
    Measures,
    document,
    measure,
    measures_of,
    median_length,
    shift,
    summed,
    summed_json,
)
from publisher.tables import SPEECHES
from tests.publisher.publisher_made import speech

OWN: dict[str, Any] = {"revision": 1, "gone_since": None, "first_version": "v", "corrected": [], "personal_data": []}


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([OWN | r for r in rows], schema=SPEECHES.schema)


def test_everything_is_counted_by_site() -> None:
    body = "同志们:\n今天开会。"
    rows = [
        speech("b", 1, body, is_preview=True, preview_evidence="未完", quality_flags=["mojibake", "truncated"]),
        speech("a", 2, body, source=None, keywords=[], event_date=None),
        speech("b", 3, body + "\ufffd", quality_flags=["watermark"], personal_data=["mobile", "email"]),
        speech("b", 5, "\ufffd" + body + "\n上一篇:在会上的讲话"),
        speech("b", 7, "当前位置:首页\n" + body, chars=1000),
    ]
    found = measure(table(rows))
    assert list(found.sites) == ["a", "b"]
    a, b = found.sites["a"], found.sites["b"]
    assert (a.rows, a.previews, a.mojibake, a.boilerplate, a.flags, a.personal) == (1, 0, 0, 0, {}, {})
    assert (a.nulls["source"], a.nulls["keywords"], a.nulls["event_date"], a.chars) == (1, 1, 1, 9)
    assert "breadcrumb" not in a.nulls
    assert (b.rows, b.previews, b.mojibake, b.boilerplate) == (4, 1, 3, 3)
    assert b.flags == {"mojibake": 1, "truncated": 1, "watermark": 1}
    assert b.personal == {"email": 1, "mobile": 1}
    assert b.nulls["preview_evidence"] == 3
    assert sum(b.lengths.values()) == 4
    assert b.lengths[int(next(k for k in range(48) if EDGES[k + 1] > 1000))] == 1
    assert found.total == a + b
    # one site alone is counted another way
    assert measure(table([r for r in rows if r["site"] == "b"])).sites == {"b": b}
    assert measure(table([])) == Measures()


SIGNS = yaml.safe_load(textfacts.SIGNS_FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("place", "sign"), [(p, s) for p in ("begin", "end") for s in SIGNS[p]])
def test_each_sign_of_boilerplate_has_an_example(place: str, sign: dict[str, str]) -> None:
    for example, wanted in ((sign["example"], 1), (sign["not"], 0)):
        middle = "今天我们开会。" * 60
        body = f"{example}\n{middle}" if place == "begin" else f"{middle}\n{example}"
        assert measure(table([speech("a", 1, body)])).sites["a"].boilerplate == wanted
        buried = f"{middle}\n{example}\n{middle}"
        assert measure(table([speech("a", 1, buried)])).sites["a"].boilerplate == 0


@given(st.integers(0, 2**32), st.lists(st.integers(0, 30), max_size=4))
@settings(max_examples=25, deadline=None)
def test_measures_of_parts_add_up_to_those_of_the_whole_in_any_order(seed: int, cuts: list[int]) -> None:
    rng = random.Random(seed)
    flags = ["mojibake", "watermark", "spun"]
    rows = [
        speech(
            rng.choice("abc"),
            n,
            "同志们。" * rng.choice([1, 9, 400]) + rng.choice(["", "\ufffd", "\n下一篇"]),
            is_preview=rng.random() < 0.3,
            quality_flags=rng.sample(flags, rng.randint(0, 2)),
            author=rng.choice([None, "某"]),
        )
        for n in range(rng.randint(0, 30))
    ]
    whole = measure(table(rows))
    rng.shuffle(rows)
    at = sorted({0, len(rows), *(c % (len(rows) + 1) for c in cuts)})
    parts = [measure(table(rows[a:b])) for a, b in pairwise(at)]
    rng.shuffle(parts)
    assert summed(parts) == whole
    assert as_json(summed(parts).as_json()) == as_json(whole.as_json())
    kept = [json.loads(as_json(p.as_json())) for p in parts]
    assert summed_json(kept) == whole
    assert as_json(summed_json(kept).as_json()) == as_json(whole.as_json())
    assert Measures.from_json(json.loads(as_json(whole.as_json()))) == whole


def test_the_shift_of_lengths_is_in_octaves() -> None:
    short, long = (Counts(rows=10, lengths={k: 10}) for k in (16, 20))
    assert shift(short, long) == shift(long, short) == 2.0
    assert shift(short, short) == 0.0
    assert shift(short, Counts()) == 0.0
    assert shift(short, short + Counts(rows=10, lengths={18: 10})) == 0.5
    assert median_length(long) == 1024
    assert median_length(Counts()) == 0


def test_quality_json_is_the_same_whenever_it_is_made_and_gives_its_measures_back() -> None:
    found = measure(table([speech("a", n, quality_flags=["spun"] if n < 1 else []) for n in range(4)]))
    facts = {"dataset": "speeches", "version": "2026-11-22.1", "sequence": 1, "schema_version": "1.2.0", "parent": None}
    relations = {"duplicates": 2, "clusters": 1, "contained": 0, "removed": 0}
    made = [
        as_json(
            document(
                facts,
                found,
                [
                    Gate(
                        name="nothing_new",
                        result="warn",
                        what=f"none since {day}",
                        accepted="seen",
                        figures={"since": day, "added": 0, "short": "none"},
                    )
                ],
                relations,
            )
        )
        for day in ("2026-11-22", "2026-11-23")
    ]
    assert made[0] == made[1]
    value = json.loads(made[0])
    assert measures_of(value) == found
    assert value["flags"] == value["sites"]["a"]["flags"] == {"spun": 1}
    assert value["median_length"] == median_length(found.total) > 0
    assert value["shares"] == {"previews": 0.0, "mojibake": 0.0, "boilerplate": 0.0, "duplicates": 0.5}
    assert value["columns"]["author"] == {"nulls": 4}
    assert (sum(value["chars"]["counts"]), len(value["chars"]["edges"])) == (4, len(value["chars"]["counts"]) + 1)
    told = {"name": "nothing_new", "result": "warn", "what": "none", "accepted": "seen", "figures": {"added": 0}}
    assert value["gates"] == [told]


def test_the_quality_page_shows_what_is_measured() -> None:
    found = measure(table([speech("a", n, quality_flags=["mojibake"]) for n in range(4)]))
    manifest = Manifest(
        dataset="speeches",
        version="2026-11-22.1",
        sequence=1,
        schema_version="1.2.0",
        published_at=datetime(2026, 11, 22, tzinfo=UTC),
        parent=None,
        tables={"speeches": TableEntry(rows=4, parts=())},
        sites={"a": 4},
    )
    page = quality_page(manifest, document({}, found, [], {})).decode()
    for heading in ("Sites", "Length of the texts", "Missing values", "Quality flags"):
        assert f"<h2>{heading}</h2>" in page
    assert quality_page(manifest, document({}, Measures(), [], {}))
