"""Digests straight from Arrow's buffers: of the content of rows, and of each text. No value becomes a Python object."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


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


def text_digests_wrong(rows: pa.Table, text: str = "text", sha256: str = "text_sha256") -> npt.NDArray[np.int64]:
    """Indices of the rows whose text does not have the SHA-256 (hex, of its UTF-8 bytes) that stands beside it, ascending.

    text, sha256: names of the two columns (string or large_string). A null on either side is wrong.
    """
    wrong: list[npt.NDArray[np.int64]] = []
    start = 0
    stated = rows[sha256]
    for chunk in rows[text].chunks:
        found = pa.array(_sha256_each(chunk), stated.type)
        unequal = pc.fill_null(pc.not_equal(stated.slice(start, len(chunk)), found), True)
        at = np.flatnonzero(unequal.to_numpy())
        if chunk.null_count:
            at = np.union1d(at, np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False)))
        wrong.append(at + start)
        start += len(chunk)
    return np.concatenate(wrong).astype(np.int64) if wrong else np.zeros(0, np.int64)


def _sha256_each(strings: pa.Array) -> list[str]:
    """SHA-256 (hex) of each value's bytes; what a null gives says nothing."""
    offsets, data = _buffers(strings)
    one = hashlib.sha256
    return [one(data[a:b]).hexdigest() for a, b in pairwise(offsets.tolist())]


def _buffers(strings: pa.Array) -> tuple[npt.NDArray[Any], memoryview]:
    """Where the values of a string array begin and end (n + 1 offsets), and the bytes that these point into."""
    _, offsets, data = strings.buffers()
    width = np.dtype("<i8" if pa.types.is_large_string(strings.type) else "<i4")
    if offsets is None or not len(strings):  # an array without values need not have buffers
        return np.zeros(1, width), memoryview(b"")
    at = np.frombuffer(offsets, width, count=len(strings) + 1, offset=strings.offset * width.itemsize)
    return at, memoryview(data) if data is not None else memoryview(b"")


@lru_cache(maxsize=256)
def _plain_type(dtype: pa.DataType) -> str:
    return str(dtype).replace("large_", "").replace(" not null", "")


def _feed(digest: Any, dtype: pa.DataType, arrays: Sequence[pa.Array]) -> None:
    for array in arrays:
        present = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else np.ones(len(array), np.uint8)
        digest.update(np.ascontiguousarray(present, np.uint8))
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        # A null may leave bytes in the buffer that are no value's; filling makes the buffer anew, without them.
        whole = [pc.fill_null(a, "") if a.null_count else a for a in arrays]
        for array in whole:
            digest.update(np.ascontiguousarray(np.diff(_buffers(array)[0]), "<i8"))
        for array in whole:
            offsets, data = _buffers(array)
            digest.update(
                data[int(offsets[0]) : int(offsets[-1])]
            )  # values lie without gaps from the first to the last
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


def _numbers(array: pa.Array, dtype: pa.DataType) -> npt.NDArray[Any]:
    """Booleans as bytes, floats as float64, all other numbers, dates and times as int64; little-endian, null as zero."""
    if pa.types.is_temporal(dtype):
        array = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())
    if array.null_count:
        array = pc.fill_null(array, False if pa.types.is_boolean(dtype) else 0)
    kind = np.uint8 if pa.types.is_boolean(dtype) else "<f8" if pa.types.is_floating(dtype) else "<i8"
    return np.ascontiguousarray(array.to_numpy(zero_copy_only=False), kind)
