"""Parquet parts: written so that the same rows give the same bytes, named by their SHA-256, read only when whole.

A part is immutable. `sha256` is of the file's bytes and names it; `content_sha256` is of the rows, whatever wrote them, so
that a new version of the Parquet library does not make old parts look changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crawler.durable import cannot_write, write_bytes
from crawler.errors import DamagedError

# Small enough that one changed row costs little, large enough for engines that read whole row groups.
PART_ROWS = 5_000
ROW_GROUP_ROWS = 20_000

_REMEDY = "restore the file from a copy of the dataset (its name tells its SHA-256), then run `jianghua verify`"


def encode(table: pa.Table) -> bytes:
    """The table as one Parquet file: zstd 3, page index, page checksums, no pandas metadata; deterministic."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata(None),
        sink,
        row_group_size=ROW_GROUP_ROWS,
        compression="zstd",
        compression_level=3,
        write_page_index=True,
        write_page_checksum=True,
    )
    return bytes(sink.getvalue())


def decode(data: bytes | pa.Buffer, where: str, columns: list[str] | None = None) -> pa.Table:
    """The rows of a Parquet file, every page's checksum verified.

    Raises DamagedError naming `where` when the bytes are no whole Parquet file.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        return file.read(columns=columns)
    except (pa.ArrowException, OSError, ValueError) as e:
        raise DamagedError(f"damaged Parquet file: {str(e).splitlines()[0]}", where=where, remedy=_REMEDY) from e


def read_file(path: Path) -> bytes:
    """The bytes of a file that we wrote. Raises DamagedError when it is missing or cannot be read."""
    try:
        return path.read_bytes()
    except OSError as e:
        raise DamagedError(f"cannot read: {e.strerror or e}", where=str(path), remedy=_REMEDY) from e


def checked(data: bytes, sha256: str, where: str) -> bytes:
    """`data` itself when it has this SHA-256. Raises DamagedError when not."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DamagedError(
            f"damaged file: its SHA-256 is {found[:16]}…, not {sha256[:16]}…", where=where, remedy=_REMEDY
        )
    return data


def part_name(sha256: str) -> str:
    """File name of the part whose bytes have this SHA-256."""
    return f"part-{sha256[:32]}.parquet"


def content_digest(table: pa.Table) -> str:
    """SHA-256 (hex) of the rows, independent of how and by what they are stored.

    Fed column by column: name and type; then one byte a value (1 present, 0 null); then numbers, dates and times as
    little-endian integers, strings as byte lengths (int64) and UTF-8 bytes, lists as lengths and their items, structs field by
    field; what is null counts as zero or empty.
    """
    digest = hashlib.sha256()
    for field in table.schema:
        digest.update(f"{field.name}\0{_plain_type(field.type)}\0{table.num_rows}\0".encode())
        column = table[field.name]
        _feed(digest, pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type))
    return digest.hexdigest()


def _plain_type(dtype: pa.DataType) -> str:
    return str(dtype).replace("large_", "").replace(" not null", "")


def _feed(digest: Any, array: pa.Array) -> None:
    digest.update(np.asarray(array.is_valid().to_numpy(zero_copy_only=False), dtype=np.uint8).tobytes())
    dtype = array.type
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        array = pc.fill_null(array, "")
        lengths = pc.binary_length(array).cast(pa.int64()).to_numpy(zero_copy_only=False)
        digest.update(lengths.astype("<i8").tobytes())
        # One join instead of the value buffer: a slice or a null may leave bytes in the buffer that are no value's.
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


def put(path: Path, data: bytes) -> None:
    """Write `path` whole and durable, unless it is there with just these bytes."""
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return
    write_bytes(path, data)


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`, or a durable copy where the file system has no hard links."""
    try:
        os.link(source, target)
        return
    except FileExistsError:
        raise
    except OSError:
        pass  # no hard links here (another file system, FAT, too many links): a copy serves as well
    try:
        shutil.copyfile(source, target)
        with target.open("rb+") as copy:
            os.fsync(copy.fileno())
    except OSError as e:
        raise cannot_write(target, e) from e
