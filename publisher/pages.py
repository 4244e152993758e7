"""A few strings out of a Parquet column without decoding what stands before them.

A reader of Parquet decodes a column from its beginning to the last row that is wanted, also where a single text is. Here the headers of
the pages tell which of them holds the row, and only that page is read and unpacked. What this does not know (a dictionary, values that
are missing, lists, another codec, a page without checksum) or does not find as it should be, it leaves to the reader of Parquet.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["strings_at"]

_HEADER = 4096  # bytes read for the header of a page; one with more of them (long statistics) is left to the reader
_MORE = 1 << 15  # bytes unpacked beyond where a string should end
_DATA_PAGE, _PLAIN, _RLE = 0, 0, 3
_LENGTH = struct.Struct("<I")


class _UnknownError(ValueError):
    """The column is laid out in a way that is not known here, or damaged."""


def strings_at(path: Path, file: pq.ParquetFile, column: str, rows: Sequence[int]) -> list[str] | None:
    """The values of a column of strings in some rows (ascending, distinct) of an open file.

    The pages they stand on are verified by their checksums. None: whoever asks should use the reader of Parquet, which tells what is
    damaged if it is that.
    """
    metadata, schema = file.metadata, file.schema
    leaf = next((i for i in range(metadata.num_columns) if schema.column(i).path == column), None)
    if leaf is None:
        return None
    told = schema.column(leaf)
    if str(told.logical_type) != "String" or told.max_repetition_level or told.max_definition_level > 1:
        return None
    optional = told.max_definition_level == 1
    found: list[str] = []
    first = 0
    try:
        with path.open("rb") as data:
            for number in range(metadata.num_row_groups):
                end = first + metadata.row_group(number).num_rows
                here = [r - first for r in rows if first <= r < end]
                if here:
                    found += _of_chunk(data.fileno(), metadata.row_group(number).column(leaf), optional, here)
                first = end
    except (OSError, ValueError, LookupError, struct.error, RecursionError, pa.ArrowException):
        return None
    return found if len(found) == len(rows) else None


def _of_chunk(file: int, chunk: Any, optional: bool, rows: Sequence[int]) -> list[str]:
    """The values of some rows of a column in one row group."""
    if chunk.physical_type != "BYTE_ARRAY" or chunk.has_dictionary_page or chunk.compression != "ZSTD":
        raise _UnknownError
    at = chunk.data_page_offset
    end = at + chunk.total_compressed_size
    out: list[str] = []
    first = 0
    while len(out) < len(rows) and at < end:
        page, size = _structure(os.pread(file, min(_HEADER, end - at), at), 0)
        values = page[5]
        if page[1] != _DATA_PAGE or values[2] != _PLAIN or values[3] != _RLE or values[1] <= 0:
            raise _UnknownError
        if not (0 <= page[2] <= chunk.total_uncompressed_size and 0 <= page[3] <= end - at):
            raise _UnknownError
        here = [r - first for r in rows[len(out) :] if r < first + values[1]]
        if here:
            packed = os.pread(file, page[3], at + size)
            if zlib.crc32(packed) != page[4] & 0xFFFFFFFF:
                raise _UnknownError
            out += _unpacked(packed, page[2], values[1], optional, here)
        first += values[1]
        at += size + page[3]
    return out


def _unpacked(packed: bytes, size: int, count: int, optional: bool, rows: Sequence[int]) -> list[str]:
    """Some of the `count` strings of a page, unpacked no farther than to the last of them. size: of the whole page, unpacked."""
    stream = pa.CompressedInputStream(pa.BufferReader(packed), "zstd")
    likely = size * (rows[-1] + 1) // count + _MORE
    raw = stream.read(likely)
    try:
        return _plain(raw, _levels(raw, count) if optional else 0, rows)
    except (IndexError, struct.error):  # the first are longer than others
        raw += stream.read()
        if len(raw) != size:
            raise
        return _plain(raw, _levels(raw, count) if optional else 0, rows)


def _levels(raw: bytes, count: int) -> int:
    """Where the values begin on a page of a column that may have nulls, but has none here."""
    size = _LENGTH.unpack_from(raw)[0]
    run, at = _varint(raw, 4)
    if run != count << 1 or raw[at] != 1:  # one run: each of them is there
        raise _UnknownError
    return 4 + int(size)


def _plain(raw: bytes, at: int, rows: Sequence[int]) -> list[str]:
    """Some of the strings, each of which stands behind its length."""
    out: list[str] = []
    number = 0
    for row in rows:
        while number < row:
            at += 4 + _LENGTH.unpack_from(raw, at)[0]
            number += 1
        end = at + 4 + _LENGTH.unpack_from(raw, at)[0]
        if end > len(raw):
            raise IndexError
        out.append(str(raw[at + 4 : end], "utf-8"))
        at, number = end, number + 1
    return out


def _structure(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """A structure in Thrift's compact protocol, by the numbers of its fields, and where it ends. Binary values are passed over."""
    out: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            raw, at = _varint(data, at)
            number = _signed(raw)
        kind = head & 15
        if kind in (1, 2):
            out[number] = kind == 1
        elif kind == 3:
            at += 1
        elif kind in (4, 5, 6):
            raw, at = _varint(data, at)
            out[number] = _signed(raw)
        elif kind == 7:
            at += 8
        elif kind == 8:
            size, at = _varint(data, at)
            at += size
        elif kind == 12:
            out[number], at = _structure(data, at)
        else:
            raise _UnknownError
    return out, at + 1


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while (byte := data[at]) & 0x80:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    return value | byte << shift, at + 1


def _signed(value: int) -> int:
    return value >> 1 ^ -(value & 1)
