"""Digests of the content of rows, straight from Arrow's buffers: no value becomes a Python object."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crawler.textbuffers import buffers_of


def content_digest(table: pa.Table) -> str:
    """SHA-256 (hex) of the rows, independent of how and by what they are stored.

    Fed column by column: name and type; then one byte a value (1 present, 0 null); then numbers, dates and times as
    little-endian integers, strings as byte lengths (int64) and UTF-8 bytes, lists as lengths and their items, structs field by
    field; what is null counts as zero or empty.
    """
    digest = hashlib.sha256()
    for field in table.schema:
        digest.update(f"{field.name}\0{_plain_type(field.type)}\0{table.num_rows}\0".encode())
        _feed(digest, field.type, table[field.name].chunks)
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _plain_type(dtype: pa.DataType) -> str:
    return str(dtype).replace("large_", "").replace(" not null", "")


def _feed(digest: Any, dtype: pa.DataType, arrays: Sequence[pa.Array]) -> None:
    for array in arrays:
        digest.update(_present(array))
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        values = []
        for array in arrays:
            if array.null_count == len(array):
                digest.update(bytes(8 * len(array)))
                continue
            # A null may leave bytes in the buffer that are no value's; filling makes the buffer anew, without them.
            offsets, data = buffers_of(pc.fill_null(array, "") if array.null_count else array)
            digest.update(np.ascontiguousarray(np.diff(offsets), "<i8"))
            values.append(data[int(offsets[0]) : int(offsets[-1])])  # they lie without gaps from the first to the last
        for data in values:
            digest.update(data)
    elif pa.types.is_list(dtype):
        for array in arrays:
            lengths = pc.list_value_length(array)
            lengths = (pc.fill_null(lengths, 0) if array.null_count else lengths).to_numpy(zero_copy_only=False)
            digest.update(np.ascontiguousarray(lengths, "<i8"))
        _feed(digest, dtype.value_type, [a.flatten() for a in arrays])
    elif pa.types.is_struct(dtype):
        for i in range(dtype.num_fields):
            _feed(digest, dtype.field(i).type, [pc.struct_field(a, [i]) for a in arrays])
    else:
        for array in arrays:
            digest.update(_numbers(array, dtype))


def _present(array: pa.Array) -> bytes | npt.NDArray[np.uint8]:
    """A byte a value: 1 present, 0 null."""
    if not array.null_count:
        return b"\1" * len(array)
    if array.null_count == len(array):
        return bytes(len(array))
    return np.ascontiguousarray(array.is_valid().to_numpy(zero_copy_only=False), np.uint8)


def _numbers(array: pa.Array, dtype: pa.DataType) -> bytes | npt.NDArray[Any]:
    """Booleans as bytes, floats as float64, all other numbers, dates and times as int64; little-endian, null as zero."""
    if array.null_count == len(array):
        return bytes(len(array) * (1 if pa.types.is_boolean(dtype) else 8))
    if pa.types.is_temporal(dtype):
        array = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())
    if array.null_count:
        array = pc.fill_null(array, False if pa.types.is_boolean(dtype) else 0)
    kind = np.uint8 if pa.types.is_boolean(dtype) else "<f8" if pa.types.is_floating(dtype) else "<i8"
    return np.ascontiguousarray(array.to_numpy(zero_copy_only=False), kind)
