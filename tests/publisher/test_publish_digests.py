"""Digests read from Arrow's buffers equal those of the values, whatever slices, chunks and nulls the buffers have."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.records import OUTLINE, STRINGS
from crawler.textrules import text_digests_wrong
from publisher.storage import content_digest, decode, encode
from publisher.tables import SPEECHES
from tests.publisher.publisher_made import records, speech

SCHEMA = pa.schema(
    [
        ("s", pa.string()),
        ("big", pa.large_string()),
        ("flag", pa.bool_()),
        ("small", pa.int16()),
        ("n", pa.int64()),
        ("f", pa.float32()),
        ("d", pa.float64()),
        ("day", pa.date32()),
        ("at", pa.timestamp("ms", "UTC")),
        ("words", STRINGS),
        ("outline", pa.list_(pa.field("item", OUTLINE, nullable=False))),
        ("maybe", pa.list_(pa.list_(pa.string()))),
        ("pair", pa.struct([("a", pa.string()), ("b", pa.int32())])),
    ]
)

TEXT = st.text("aé讲话\n𠀀\0", max_size=6)
LEVEL = st.fixed_dictionaries(
    {"level": st.integers(1, 3), "marker": TEXT, "heading": TEXT, "paragraph": st.integers(0, 9)}
)
ROW = st.fixed_dictionaries(
    {
        "s": st.none() | TEXT,
        "big": st.none() | TEXT,
        "flag": st.none() | st.booleans(),
        "small": st.none() | st.integers(-9, 9),
        "n": st.none() | st.integers(-(2**62), 2**62),
        "f": st.none() | st.floats(width=32, allow_nan=False),
        "d": st.none() | st.floats(allow_nan=False),
        "day": st.none() | st.dates(date(1900, 1, 1), date(2100, 1, 1)),
        "at": st.none()
        | st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda d: d.replace(microsecond=0, tzinfo=UTC)),
        "words": st.none() | st.lists(TEXT, max_size=3),
        "outline": st.none() | st.lists(LEVEL, max_size=2),
        "maybe": st.none() | st.lists(st.none() | st.lists(st.none() | TEXT, max_size=2), max_size=3),
        "pair": st.none() | st.fixed_dictionaries({"a": st.none() | TEXT, "b": st.none() | st.integers(-5, 5)}),
    }
)


def digest_by_values(table: pa.Table) -> str:
    """The digest as it was first written, value by value: what published manifests hold."""
    digest = hashlib.sha256()
    for field in table.schema:
        plain = str(field.type).replace("large_", "").replace(" not null", "")
        digest.update(f"{field.name}\0{plain}\0{table.num_rows}\0".encode())
        column = table[field.name]
        _feed(digest, pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type))
    return digest.hexdigest()


def _feed(digest: Any, array: pa.Array) -> None:
    digest.update(np.asarray(array.is_valid().to_numpy(zero_copy_only=False), dtype=np.uint8).tobytes())
    dtype = array.type
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        array = pc.fill_null(array, "")
        lengths = pc.binary_length(array).cast(pa.int64()).to_numpy(zero_copy_only=False)
        digest.update(lengths.astype("<i8").tobytes())
        digest.update("".join(array.to_pylist()).encode())
    elif pa.types.is_list(dtype):
        lengths = pc.fill_null(pc.list_value_length(array), 0).cast(pa.int64()).to_numpy(zero_copy_only=False)
        digest.update(lengths.astype("<i8").tobytes())
        _feed(digest, array.flatten())
    elif pa.types.is_struct(dtype):
        for i in range(dtype.num_fields):
            _feed(digest, pc.struct_field(array, [i]))
    elif pa.types.is_boolean(dtype):
        digest.update(pc.fill_null(array, False).to_numpy(zero_copy_only=False).astype(np.uint8).tobytes())
    elif pa.types.is_floating(dtype):
        digest.update(pc.fill_null(array, 0.0).to_numpy(zero_copy_only=False).astype("<f8").tobytes())
    else:
        width = pa.int32() if pa.types.is_date32(dtype) else pa.int64()
        numbers = array.cast(width) if pa.types.is_temporal(dtype) else array
        digest.update(pc.fill_null(numbers.cast(pa.int64()), 0).to_numpy(zero_copy_only=False).astype("<i8").tobytes())


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Rows in several chunks, each cut out of a longer one, with values under the nulls."""
    pieces = [SCHEMA.empty_table()] if draw(st.booleans()) else []
    for rows in draw(st.lists(st.lists(ROW, max_size=5), min_size=0 if pieces else 1, max_size=3)):
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        start = draw(st.integers(0, len(rows)))
        table = table.slice(start, draw(st.integers(0, len(rows) - start)))
        if draw(st.booleans()):  # nulls laid over values, whose bytes stay in the buffer
            hide = draw(st.lists(st.booleans(), min_size=table.num_rows, max_size=table.num_rows))
            table = table.set_column(0, SCHEMA.field(0), pa.chunked_array([_hidden(table["s"], hide)]))
        pieces.append(table)
    return pa.concat_tables(pieces)


def _hidden(column: pa.ChunkedArray, hide: list[bool]) -> pa.Array:
    values = pa.array([v or "" for v in column.to_pylist()], pa.string())
    mask = pa.array([not h for h in hide], pa.bool_()).buffers()[1]
    return pa.Array.from_buffers(pa.string(), len(values), [mask, *values.buffers()[1:]])


@settings(max_examples=150, deadline=None)
@given(tables())
def test_the_content_digest_is_what_it_always_was(table: pa.Table) -> None:
    assert content_digest(table) == digest_by_values(table)
    assert content_digest(decode(encode(table), "memory").cast(SCHEMA)) == content_digest(table)


def test_the_digest_of_speeches_stays() -> None:
    rows = records([speech("a", n) for n in range(9)])["speeches"]
    for table in (rows, rows.slice(2, 5), rows.slice(4, 0), pa.concat_tables([rows.slice(5), rows.slice(0, 3)])):
        assert content_digest(table) == digest_by_values(table)
    assert content_digest(SPEECHES.schema.empty_table()) == digest_by_values(SPEECHES.schema.empty_table())


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_wrong_text_digests_are_found_in_slices_and_chunks(kind: pa.DataType) -> None:
    texts = ["讲话", "", "各位领导", "a\0b", None, "同志们"]
    sums = [hashlib.sha256((t or "").encode()).hexdigest() for t in texts]
    sums[2] = sums[0]
    table = pa.table({"text": pa.array(texts, kind), "text_sha256": pa.array(sums, pa.string())})
    assert text_digests_wrong(table).tolist() == [2, 4]
    parts = pa.concat_tables([table.slice(3, 2), table.slice(0, 0), table.slice(1, 4), table.slice(5)])
    assert text_digests_wrong(parts).tolist() == [1, 3, 5]
    assert text_digests_wrong(table.slice(0, 0)).tolist() == []
    assert text_digests_wrong(table.set_column(1, "text_sha256", pa.nulls(6, pa.string()))).tolist() == [*range(6)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXT, st.booleans()), max_size=8), st.integers(0, 8))
def test_exactly_the_wrong_ones_are_named(rows: list[tuple[str, bool]], start: int) -> None:
    table = pa.table(
        {
            "text": pa.array([t for t, _ in rows], pa.large_string()),
            "text_sha256": pa.array(
                [hashlib.sha256((t + "x" * bad).encode()).hexdigest() for t, bad in rows], pa.string()
            ),
        }
    )
    wrong = [i for i, (_, bad) in enumerate(rows) if bad]
    assert text_digests_wrong(table).tolist() == wrong
    assert text_digests_wrong(table.slice(start)).tolist() == [i - start for i in wrong if i >= start]


def test_a_digest_in_capitals_or_of_another_length_is_wrong() -> None:
    texts = ["讲话", "各位领导"]
    sums = [hashlib.sha256(t.encode()).hexdigest() for t in texts]
    for stated in ([sums[0].upper(), sums[1]], [sums[0] + sums[1], ""], [sums[0][:-1], sums[1]]):
        table = pa.table({"text": pa.array(texts, pa.large_string()), "text_sha256": pa.array(stated, pa.string())})
        assert text_digests_wrong(table).tolist() == [i for i in range(2) if stated[i] != sums[i]]
