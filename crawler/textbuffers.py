"""Texts of a string column as slices of Arrow's own buffers, so that nothing is copied into Python strings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Indices = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
MOST = 2**31 - 1  # bytes in one string array; a large_string array has no limit


@dataclass(frozen=True, slots=True)
class Block:
    """Some values of a column, one after the other. first: index of the first in the column; value i of the block is
    data[offsets[i]:offsets[i+1]], UTF-8; a null value is empty."""

    first: int
    offsets: Indices
    data: Bytes

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def bytes(self) -> memoryview:
        """All of `data`, also what lies outside of the offsets."""
        return self.data.data


def blocks(column: pa.ChunkedArray | pa.Array, most: int | None = None) -> Iterator[Block]:
    """The values of a string or large_string column, chunk by chunk; of at most about `most` bytes each where that is given."""
    first = 0
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        if not len(chunk):
            continue
        _, starts, data = chunk.buffers()
        dtype = np.int64 if pa.types.is_large_string(chunk.type) else np.int32
        offsets = np.frombuffer(starts, dtype)[chunk.offset : chunk.offset + len(chunk) + 1].astype(
            np.int64, copy=False
        )
        values = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
        if most is None:
            yield Block(first, offsets, values)
        else:
            at = 0
            while at < len(chunk):
                end = max(at + 1, int(np.searchsorted(offsets, offsets[at] + most, side="right")) - 1)
                yield Block(first + at, offsets[at : end + 1], values)
                at = end
        first += len(chunk)


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a column where they lie: value i is data[whose[i]][low[i]:high[i]]; whose None: all lie in the first."""

    data: list[memoryview]
    whose: Indices | None
    low: Indices
    high: Indices

    def slices(self, rows: Indices) -> list[memoryview]:
        """The bytes of the values at these rows; nothing is copied."""
        low, high = self.low[rows].tolist(), self.high[rows].tolist()
        if self.whose is None:
            one = self.data[0]
            return [one[a:z] for a, z in zip(low, high, strict=True)]
        data = self.data
        return [data[w][a:z] for w, a, z in zip(self.whose[rows].tolist(), low, high, strict=True)]

    def take(self, rows: Indices) -> Values:
        """The values at these rows, in this order."""
        return Values(self.data, None if self.whose is None else self.whose[rows], self.low[rows], self.high[rows])


def values_of(column: pa.ChunkedArray) -> Values:
    """The values of a string or large_string column; a null is empty."""
    found = list(blocks(column))
    if not found:
        return Values([memoryview(b"")], None, np.zeros(0, np.int64), np.zeros(0, np.int64))
    whose = np.repeat(np.arange(len(found)), [len(b) for b in found]) if len(found) > 1 else None
    low, high = (np.concatenate([b.offsets[side] for b in found]) for side in (slice(0, -1), slice(1, None)))
    return Values([b.bytes for b in found], whose, low, high)


def joined(values: Values, rows: Indices, dtype: pa.DataType) -> pa.ChunkedArray:
    """The values at these rows as a column of type string or large_string: in one piece, unless a string array cannot hold so much. Raises
    ValueError for a single value that none can hold."""
    width = np.int64 if pa.types.is_large_string(dtype) else np.int32
    most = np.iinfo(np.int64).max if width is np.int64 else MOST
    ends = np.concatenate([[0], np.cumsum(values.high[rows] - values.low[rows])])
    pieces = []
    at = 0
    while at < len(rows):
        end = len(rows)
        if ends[end] - ends[at] > most:
            end = int(np.searchsorted(ends, ends[at] + most, side="right")) - 1
            if end == at:
                raise ValueError(f"a value of {ends[at + 1] - ends[at]} bytes is too long for {dtype}")
        offsets = pa.py_buffer((ends[at : end + 1] - ends[at]).astype(width))
        buffers = [None, offsets, pa.py_buffer(b"".join(values.slices(rows[at:end])))]
        pieces.append(pa.Array.from_buffers(dtype, end - at, buffers))
        at = end
    return pa.chunked_array(pieces, dtype)


def buffers_of(strings: pa.Array) -> tuple[npt.NDArray[Any], memoryview]:
    """Where the values of a string array begin and end (n + 1 offsets), and the bytes that these point into."""
    _, offsets, data = strings.buffers()
    width = np.dtype("<i8" if pa.types.is_large_string(strings.type) else "<i4")
    if offsets is None or not len(strings):  # an array without values need not have buffers
        return np.zeros(1, width), memoryview(b"")
    at = np.frombuffer(offsets, width, count=len(strings) + 1, offset=strings.offset * width.itemsize)
    return at, memoryview(data) if data is not None else memoryview(b"")
