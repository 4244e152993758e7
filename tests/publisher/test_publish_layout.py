from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.records import OUTLINE, STRINGS, Column
from publisher.layout import MERGE_AT, Stored, _size_class, compare, differs, plan
from publisher.manifest import Part, sha256
from publisher.storage import PART_ROWS, content_digest, decode, encode, part_name
from publisher.tables import Table

TABLE = Table(
    "t",
    "a table for tests",
    (
        Column("k", pa.string(), "key"),
        Column("n", pa.int32(), "number", nullable=True),
        Column("words", STRINGS, "words"),
        Column("views", pa.int64(), "counter", nullable=True),
    ),
    key=("k",),
    quiet=("views",),
)

VALUES = st.tuples(
    st.none() | st.integers(0, 3), st.lists(st.sampled_from(["甲", "乙", ""]), max_size=3), st.integers(0, 9)
)
STATES = st.dictionaries(st.integers(0, 40).map(str), VALUES, max_size=30)


def rows(state: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(
        [{"k": k, "n": n, "words": w, "views": v} for k, (n, w, v) in state.items()], schema=TABLE.schema
    )


def store(parts: list[Part | pa.Table], before: list[Stored]) -> list[Stored]:
    known = {s.part.sha256: s for s in before}
    out = []
    for p in parts:
        if isinstance(p, Part):
            out.append(known[p.sha256])
            continue
        data = encode(p)
        part = Part(
            file=part_name(sha256(data)),
            rows=p.num_rows,
            bytes=len(data),
            sha256=sha256(data),
            content_sha256=content_digest(p),
        )
        out.append(Stored(part, p))
    return out


@settings(max_examples=60, deadline=None)
@given(st.lists(STATES, min_size=1, max_size=6))
def test_parts_hold_the_newest_state_and_only_what_changed_is_written(states: list[dict[str, Any]]) -> None:
    parts: list[Stored] = []
    held: dict[str, Any] = {}
    for state in states:
        old = pa.concat_tables([TABLE.schema.empty_table(), *(s.rows for s in parts)])
        new = rows(state)
        difference = compare(old, new, TABLE, TABLE.quiet)
        counted = {k for k in state if k in held and state[k][:2] != held[k][:2]}
        assert set(new["k"].take(pa.array(difference.added)).to_pylist()) == set(state) - set(held)
        assert set(old["k"].take(pa.array(difference.removed)).to_pylist()) == set(held) - set(state)
        assert set(new["k"].take(pa.array(difference.changed_new)).to_pylist()) == counted
        planned = plan(parts, new, difference, TABLE)
        if difference.empty and parts:
            assert all(isinstance(p, Part) for p in planned.parts) or not held
        parts = store(planned.parts, parts)
        # An unchanged row keeps the counter that was published with it.
        held = {k: held[k] if k in held and k not in counted else v for k, v in state.items()}
        now = pa.concat_tables([s.rows for s in parts])
        got = {r["k"]: (r["n"], r["words"], r["views"]) for r in now.to_pylist()}
        assert now.num_rows == len(got) == planned.rows
        assert got == held
        classes = [_size_class(s.part.rows) for s in parts if s.part.rows < PART_ROWS // 2]
        assert all(classes.count(c) < MERGE_AT for c in classes)


@given(STATES, st.randoms(use_true_random=False))
def test_plan_does_not_depend_on_the_order_of_new_rows(state: dict[str, Any], rng: Any) -> None:
    items = list(state.items())
    rng.shuffle(items)
    empty = TABLE.schema.empty_table()
    one, two = (plan([], r, compare(empty, r, TABLE), TABLE) for r in (rows(state), rows(dict(items))))
    assert [encode(p) for p in one.parts] == [encode(p) for p in two.parts]  # type: ignore[arg-type]


NESTED = st.none() | st.lists(
    st.fixed_dictionaries(
        {
            "level": st.integers(1, 2),
            "marker": st.sampled_from("一二"),
            "heading": st.just("h"),
            "paragraph": st.just(0),
        }
    ),
    max_size=3,
)


@given(st.lists(st.tuples(NESTED, NESTED), max_size=8))
def test_differs_and_content_digest_agree_with_python(pairs: list[tuple[Any, Any]]) -> None:
    dtype = pa.list_(pa.field("item", OUTLINE, nullable=False))
    a, b = (pa.array([p[i] for p in pairs], dtype) for i in (0, 1))
    assert differs(a, b).tolist() == [x != y for x, y in pairs]
    one, two = pa.table({"c": a}), pa.table({"c": b})
    assert (content_digest(one) == content_digest(two)) == (a.to_pylist() == b.to_pylist())
    # however it is cut into chunks, sliced or written
    chunked = pa.table({"c": pa.chunked_array([a.slice(0, 2), a.slice(2)], dtype)})
    assert content_digest(chunked) == content_digest(one)
    assert content_digest(decode(encode(one), "test").cast(one.schema)) == content_digest(one)


def test_large_growth_keeps_parts_few_and_bounded() -> None:
    parts: list[Stored] = []
    state: dict[str, Any] = {}
    written = 0
    for step in range(60):
        state |= {f"{step:03}-{i:03}": (i, [], 0) for i in range(100)}
        old = pa.concat_tables([TABLE.schema.empty_table(), *(s.rows for s in parts)])
        planned = plan(parts, rows(state), compare(old, rows(state), TABLE), TABLE)
        written += sum(p.num_rows for p in planned.parts if isinstance(p, pa.Table))
        parts = store(planned.parts, parts)
        assert all(s.part.rows <= PART_ROWS for s in parts)
    assert len(parts) < 16
    assert written < 6 * len(state)  # a row is written again a few times in its life
    assert sum(s.part.rows for s in parts) == len(state)
    assert np.all([s.rows.schema.equals(TABLE.schema) for s in parts])
