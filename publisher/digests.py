"""Digests straight from Arrow's buffers: of the content of rows, and of each text. No value becomes a Python object."""

from __future__ import annotations

import hashlib
from binascii import hexlify
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from publisher.layout import flat


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
        digests, said = _sha256_each(chunk), flat(stated.slice(start, len(chunk)))
        if not chunk.null_count and _hexadecimal(said) == hexlify(
            b"".join(digests)
        ):  # as nearly always: nothing is made of each
            start += len(chunk)
            continue
        found = pa.array([d.hex() for d in digests], stated.type)
        unequal = pc.fill_null(pc.not_equal(said, found), True)
        at = np.flatnonzero(unequal.to_numpy(zero_copy_only=False))
        if chunk.null_count:
            at = np.union1d(at, np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False)))
        wrong.append(at + start)
        start += len(chunk)
    return np.concatenate(wrong).astype(np.int64) if wrong else np.zeros(0, np.int64)


def _sha256_each(strings: pa.Array) -> list[bytes]:
    """SHA-256 of each value's bytes; what a null gives says nothing."""
    offsets, data = _buffers(strings)
    one = hashlib.sha256
    return [one(data[a:b]).digest() for a, b in pairwise(offsets.tolist())]


def _hexadecimal(strings: pa.Array) -> bytes | None:
    """All values, one behind the other, where each has the 64 digits of a SHA-256."""
    offsets, data = _buffers(strings)
    if strings.null_count or (np.diff(offsets) != 64).any():
        return None
    return bytes(data[int(offsets[0]) : int(offsets[-1])])


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
        digest.update(_present(array))
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        values = []
        for array in arrays:
            if array.null_count == len(array):
                digest.update(bytes(8 * len(array)))
                continue
            # A null may leave bytes in the buffer that are no value's; filling makes the buffer anew, without them.
            offsets, data = _buffers(pc.fill_null(array, "") if array.null_count else array)
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
