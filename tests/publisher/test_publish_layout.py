from __future__ import annotations

import errno
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler import textbuffers
from crawler.errors import JianghuaError
from crawler.records import OUTLINE
from publisher import spill, stage
from publisher.layout import MERGE_AT, _size_class, differs, keys, plan
from publisher.parts import PartStore
from publisher.rowindex import schema_of
from publisher.spill import Spill
from publisher.stage import OwnColumns, Stage
from publisher.storage import content_digest, decode, encode
from publisher.tables import REMOVED, SCHEMA_VERSION

AT = datetime(2026, 1, 1, tzinfo=UTC)
MOST = 8
VALUES = st.tuples(st.integers(1, 3), st.sampled_from(["甲", "乙", ""]))
STATES = st.dictionaries(st.integers(0, 40).map(lambda i: f"a:{i}"), VALUES, max_size=30)


def rows(state: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "speech_id": k, "page_url": "http://a/", "site": "a", "part": part, "title": title, "reason": "gone", "removed_in": "v",
                "last_version": "v", "removed_at": AT, "first_version": "v", "revision": 1,
            }
            for k, (part, title) in state.items()
        ],
        schema=REMOVED.schema,
    )  # fmt: skip


class Published:
    """A table published again and again, as the publisher does it."""

    def __init__(self, folder: Path, memory: int = 1 << 20) -> None:
        self.store, self.folder, self.memory = PartStore(folder), folder, memory
        self.parts: list[Any] = []
        self.index = schema_of(REMOVED).empty_table()
        self.written = 0

    def publish(self, new: pa.Table, pieces: int = 1) -> Stage:
        made = Stage(REMOVED, self.parts, self.index, SCHEMA_VERSION, self.folder / "scratch", self.memory)
        ranks = np.empty(new.num_rows, np.int64)
        ranks[pc.sort_indices(keys(new, REMOVED.key)).to_numpy()] = np.arange(new.num_rows)
        for n in range(pieces):
            here = np.arange(n, new.num_rows, pieces)
            some = new.take(pa.array(here))
            made.take_in(some, made.find(keys(some, REMOVED.key)), ranks[here], np.full(len(here), n))
        made.close_intake()
        before = {p.sha256 for p in self.parts}
        emitted = made.emit(self.store, OwnColumns())
        self.parts, self.index = list(emitted.entry.parts), emitted.index
        self.written += sum(p.rows for p in self.parts if p.sha256 not in before)
        self.changed = emitted.changed
        return made

    def rows(self) -> pa.Table:
        return pa.concat_tables([self.store.read("removed", p, SCHEMA_VERSION) for p in self.parts])


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "SMALL_PART_ROWS", MOST)
    monkeypatch.setattr(stage, "RANGE", 16)
    monkeypatch.setattr(spill, "RANGE", 16)


@settings(max_examples=50, deadline=None)
@given(st.lists(STATES, min_size=1, max_size=6), st.sampled_from([0, 1 << 20]), st.integers(1, 3))
def test_parts_hold_the_newest_state_and_only_what_changed_is_written(
    states: list[dict[str, Any]], memory: int, pieces: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = Published(Path(folder), memory)
        held: dict[str, Any] = {}
        for state in states:
            before = [p.sha256 for p in table.parts]
            made = table.publish(rows(state), pieces)
            changed = {k for k in state if k in held and state[k] != held[k]}
            assert made.counts() == {
                "added": len(set(state) - set(held)),
                "changed": len(changed),
                "removed": len(set(held) - set(state)),
            }
            assert set(table.changed.keys) == changed
            assert all(
                c == tuple(n for n, a, b in zip(("part", "title"), held[k], state[k], strict=True) if a != b)
                for k, c in zip(table.changed.keys, table.changed.columns, strict=True)
            )
            if state == held and before:
                assert [p.sha256 for p in table.parts] == before
            held = state
            now = table.rows()
            assert {r["speech_id"]: (r["part"], r["title"]) for r in now.to_pylist()} == held
            assert now.num_rows == len(held) == sum(p.rows for p in table.parts)
            assert table.index["key"].to_pylist() == now["speech_id"].to_pylist()
            sizes = [p.rows for p in table.parts]
            classes = [_size_class(n, MOST) for n in sizes if 0 < n < MOST // 2]
            assert all(classes.count(c) < MERGE_AT for c in classes)
            assert max(sizes) <= MOST


@settings(deadline=None, max_examples=30)
@given(STATES, st.randoms(use_true_random=False))
def test_parts_do_not_depend_on_the_order_of_new_rows(state: dict[str, Any], rng: Any) -> None:
    items = list(state.items())
    rng.shuffle(items)
    made = []
    for some in (state, dict(items)):
        with tempfile.TemporaryDirectory() as folder:
            table = Published(Path(folder))
            table.publish(rows(some))
            made.append([p.sha256 for p in table.parts])
    assert made[0] == made[1]


def test_places_of_a_plan() -> None:
    touched = np.zeros(20, bool)
    removed = np.zeros(20, bool)
    touched[9] = removed[9] = True
    out = plan([8, 8, 4], touched, removed, np.arange(100, 103), 8)
    assert out[0] == 0
    assert list(out[1]) == [8, *range(10, 16)]  # type: ignore[arg-type]
    assert out[2] == 2
    assert list(out[3]) == [100, 101, 102]  # type: ignore[arg-type]


def test_parts_of_a_few_rows_before_larger_ones_are_merged_with_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three small parts and a new one become one of the next class, of which three stand behind it."""
    monkeypatch.setattr(stage, "SMALL_PART_ROWS", 100)
    table = Published(tmp_path)
    state: dict[str, Any] = {}
    for n, more in enumerate((3, 3, 3, 4, 4, 4, 1)):
        state |= {f"a:{n}{i}": (1, f"{n} {i}") for i in range(more)}
        table.publish(rows(state))
        found = table.rows()
        assert sorted(zip(found["speech_id"].to_pylist(), found["title"].to_pylist(), strict=True)) == sorted(
            (k, title) for k, (_, title) in state.items()
        )
        assert table.index["key"].to_pylist() == found["speech_id"].to_pylist()
    assert len(table.parts) == 1


@given(
    st.lists(st.integers(0, 200), unique=True, max_size=60),
    st.sampled_from([0, 1 << 8, 1 << 20]),
    st.sampled_from([pa.string(), pa.large_string()]),
    st.lists(st.integers(0, 200), unique=True, max_size=20),
)
@settings(deadline=None, max_examples=60)
def test_rows_come_back_by_place(places: list[int], memory: int, dtype: pa.DataType, some_first: list[int]) -> None:
    def text(place: int) -> str:
        return "讲话" * (place % 5) + str(place)

    with tempfile.TemporaryDirectory() as folder:
        schema = pa.schema([("v", pa.int64()), pa.field("text", dtype), ("l", pa.list_(pa.int64()))])
        waiting = Spill(schema, Path(folder) / "s", memory)
        for start in range(0, len(places), 7):
            some = np.array(places[start : start + 7], np.int64)
            rows = {
                "v": some * 10,
                "text": [text(p) for p in some.tolist()],
                "l": [[p] * (p % 3) for p in some.tolist()],
            }
            # one row too many on both sides, in pieces, as rows come out of a filter
            made = pa.table(rows, schema=schema)
            made = pa.concat_tables([made.slice(0, 1), made, made.slice(0, 1)]).slice(1, len(some))
            waiting.add(made, some)
        waiting.finish()
        for wanted in (np.array(some_first, np.int64), np.arange(201), np.arange(100, 130)):
            found, at = waiting.take(wanted)
            assert found.schema == schema
            expected = [p for p in wanted.tolist() if p in places]
            assert wanted[at].tolist() == expected
            assert found["v"].to_pylist() == [p * 10 for p in expected]
            assert found["text"].to_pylist() == [text(p) for p in expected]
            assert found["l"].to_pylist() == [[p] * (p % 3) for p in expected]
        waiting.close()
        assert not [p for p in Path(folder).rglob("*") if p.is_file()]


def test_a_full_disk_is_told_while_rows_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def some_of_it(file: int, slices: list[Any]) -> int:
        return write(file, b"".join(slices)[:3])  # as at the end of a disk

    def no_more(file: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    waiting = Spill(pa.schema([pa.field("text", pa.string())]), tmp_path / "s", 0)
    monkeypatch.setattr(os, "writev", some_of_it)
    rows = pa.table({"text": ["some text", "and more"]})
    waiting.add(rows, np.array([0, 1], np.int64))  # what one call leaves is written by the next
    monkeypatch.setattr(os, "write", no_more)
    assert (tmp_path / "s" / "0.text").read_bytes() == b"some textand more"
    with pytest.raises(JianghuaError, match="cannot write"):
        waiting.add(rows, np.array([2, 3], np.int64))
    waiting.close()
    assert not list((tmp_path / "s").iterdir())


@pytest.mark.parametrize("dtype", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("memory", [0, 1 << 30])
def test_more_text_than_one_array_holds_comes_in_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: pa.DataType, memory: int
) -> None:
    monkeypatch.setattr(textbuffers, "MOST", 10)
    texts = ["四个字", "", "長長長", None, "abc", "012", "x"]
    waiting = Spill(pa.schema([pa.field("n", pa.int64()), pa.field("text", dtype)]), tmp_path / "s", memory)
    waiting.add(pa.table({"n": range(7), "text": pa.array(texts, dtype)}), np.arange(7))
    waiting.finish()
    rows, found = waiting.take(np.array([6, 0, 1, 2, 3, 4, 5]))
    waiting.close()
    assert found.tolist() == [*range(7)]
    assert rows["n"].to_pylist() == [6, 0, 1, 2, 3, 4, 5]
    assert rows["text"].to_pylist() == ["x", "四个字", "", "長長長", "", "abc", "012"]
    assert rows["text"].num_chunks == (3 if dtype == pa.string() else 1)


def test_a_single_text_that_no_array_holds_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textbuffers, "MOST", 10)
    values = textbuffers.values_of(pa.chunked_array([["a", "b" * 11]], pa.large_string()))
    with pytest.raises(ValueError, match="11 bytes is too long for string"):
        textbuffers.joined(values, np.arange(2), pa.string())
    assert textbuffers.joined(values, np.arange(2), pa.large_string()).to_pylist() == ["a", "b" * 11]


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


def test_large_growth_keeps_parts_few_and_bounded(tmp_path: Path) -> None:
    table = Published(tmp_path)
    state: dict[str, Any] = {}
    for step in range(40):
        state |= {f"a:{step:03}-{i:03}": (1, "") for i in range(3)}
        table.publish(rows(state))
        assert all(p.rows <= MOST for p in table.parts)
    assert len(table.parts) < 16 + len(state) // MOST
    assert table.written < 6 * len(state)  # a row is written again a few times in its life
