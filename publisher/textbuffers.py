"""Texts of a string column as slices of Arrow's own buffers, so that nothing is copied into Python strings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Indices = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


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
