"""Columns of Parquet files elsewhere: only what they take is fetched, nothing damaged gets through, Arrow's threads hold nothing of Python's."""

from __future__ import annotations

import gc
import threading
import weakref
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.errors import DamagedError
from publisher.parquet import encode
from publisher.ranges import HOLE, fetched
from publisher.storage import decode, decode_away


def table(rows: int, wide: int = 400) -> pa.Table:
    rng = np.random.default_rng(rows)
    return pa.table(
        {
            "id": [f"{n:08}" for n in range(rows)],
            "text": ["".join(map(chr, rng.integers(0x4E00, 0x9F00, wide))) for _ in range(rows)],
            "kind": [None if n % 7 == 0 else "讲话" for n in range(rows)],
            "outline": [[{"level": n, "heading": str(n)}] * (n % 3) for n in range(rows)],
            "n": list(range(rows)),
        }
    )


class Away:
    """A file elsewhere, and what was asked of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: list[tuple[int, int]] = []

    def __call__(self, start: int, length: int) -> bytes:
        assert start >= 0
        assert start + length <= len(self.data)
        assert type(threading.current_thread()).__name__ != "_DummyThread", "asked by a thread of Arrow's"
        self.asked.append((start, length))
        return self.data[start : start + length]


@pytest.mark.parametrize("rows", [0, 1, 300, 3000])
@pytest.mark.parametrize(
    "columns", [["n"], ["text"], ["outline", "id"], ["n", "nothing"], ["nothing"], list(table(1).column_names)]
)
def test_what_is_fetched_gives_the_rows(rows: int, columns: list[str]) -> None:
    whole = table(rows)
    away = Away(encode(whole))
    found = decode_away(away, len(away.data), "x", columns)
    there = [c for c in whole.column_names if c in columns]
    assert found.num_rows == rows or not there
    for name in there:
        assert found[name].combine_chunks().equals(whole[name].combine_chunks()), name
    assert len(away.asked) <= 2 + len(columns)


def test_what_is_not_asked_for_is_not_fetched() -> None:
    away = Away(encode(table(3000)))
    text = pq.read_metadata(pa.BufferReader(away.data)).row_group(0).column(1)
    assert text.total_compressed_size > 1 << 20
    found = decode_away(away, len(away.data), "x", ["n", "id"])
    assert found.num_rows == 3000
    assert sum(n for _, n in away.asked) < len(away.data) - text.total_compressed_size // 2
    told = sorted((a, a + n) for a, n in away.asked)
    assert all(b >= a for (_, a), (b, _) in pairwise(told)), "nothing is fetched twice"


def test_a_footer_longer_than_what_is_fetched_at_first() -> None:
    wide = pa.table({f"column{n:05}": pa.array([n, None, n + 1]) for n in range(1500)})
    away = Away(encode(wide))
    assert len(away.data) > 200_000
    assert decode_away(away, len(away.data), "x", ["column00007"])["column00007"].to_pylist() == [7, None, 8]


@settings(max_examples=150, deadline=None)
@given(
    at=st.integers(0, 1 << 20), bit=st.integers(0, 7), column=st.sampled_from(["id", "text", "outline", "n", "kind"])
)
def test_a_flipped_bit_is_told_or_lies_elsewhere(at: int, bit: int, column: str) -> None:
    whole = table(200, wide=40)
    data = bytearray(encode(whole))
    at %= len(data)
    data[at] ^= 1 << bit
    try:
        found = decode_away(Away(bytes(data)), len(data), "x", [column])
    except DamagedError:
        return
    if (
        at < len(data) - 10_000
    ):  # pages have checksums, which their headers and the footer have not; that rows lack is seen by their number
        lost = column not in found.column_names or found.num_rows != whole.num_rows
        assert lost or found[column].combine_chunks().equals(whole[column].combine_chunks())


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"x" * 100, b"PAR1" + b"\xff" * 200 + b"PAR1", b"<html>" + b" " * 90_000]
)
def test_what_is_no_parquet_file_is_told(data: bytes) -> None:
    with pytest.raises(DamagedError, match="damaged Parquet file"):
        decode_away(Away(data), len(data), "x", ["n"])


def test_a_short_answer_is_told() -> None:
    data = encode(table(50))
    with pytest.raises(DamagedError, match="bytes came of"):
        decode_away(lambda start, length: data[start : start + length - 1], len(data), "x", ["n"])


def test_small_holes_are_fetched_large_ones_not() -> None:
    away = Away(encode(table(3000)))
    buffer = fetched(away, len(away.data), ["id", "kind", "outline", "n"])
    assert buffer.size == len(away.data)
    ranges = sorted(away.asked)
    for (a, n), (b, _) in pairwise(ranges):
        assert b == a + n or b - a - n > HOLE


def test_threads_of_arrow_hold_no_memory_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that still lets go of it when the interpreter ends would take the process down."""
    held: list[Any] = []
    plain = pq.ParquetFile

    def holding(source: Any, **how: Any) -> Any:
        held.append(source)
        return plain(source, **how)

    monkeypatch.setattr(pq, "ParquetFile", holding)
    data = np.frombuffer(encode(table(20)), np.uint8).copy()  # memory that tells when it is gone
    gone = weakref.ref(data)
    assert decode(data.data, "x", threads=True).num_rows == 20
    del data
    gc.collect()
    assert held
    assert gone() is None
