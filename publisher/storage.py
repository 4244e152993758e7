"""Parquet parts: written so that the same rows give the same bytes, named by their SHA-256, read only when whole.

A part is immutable. `sha256` is of the file's bytes and names it; `content_sha256` is of the rows, whatever wrote them, so
that a new version of the Parquet library does not make old parts look changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.durable import cannot_read, cannot_write, write_bytes
from crawler.errors import DamagedError
from publisher.digests import content_digest
from publisher.parquet import ROW_GROUP_ROWS, encode, encoded
from publisher.ranges import ReadRange, fetched, owned

__all__ = [
    "PART_ROWS",
    "ROW_GROUP_ROWS",
    "checked",
    "content_digest",
    "decode",
    "decode_away",
    "encode",
    "encoded",
    "link_or_copy",
    "part_name",
    "put",
    "read_file",
]

# Small enough that one changed row costs little, large enough for engines that read whole row groups.
PART_ROWS = 2_500
SMALL_PART_ROWS = 10_000  # of tables without texts

_REMEDY = "restore the file from a copy of the dataset (its name tells its SHA-256), then run `jianghua verify`"


def decode(
    data: bytes | memoryview | pa.Buffer | pa.NativeFile,
    where: str,
    columns: list[str] | None = None,
    threads: bool = False,
) -> pa.Table:
    """The rows of a Parquet file, every page's checksum verified.

    threads: a column a thread, which is quicker for who waits on a machine with many cores, and costs about twice the CPU time.
    Raises DamagedError naming `where` when the bytes are no whole Parquet file.
    """
    try:
        if threads and isinstance(data, bytes | memoryview):
            data = owned(data)  # see publisher/ranges.py
        on_disk = isinstance(data, pa.NativeFile)  # then reads that lie side by side are made as one
        file = pq.ParquetFile(
            data if on_disk else pa.BufferReader(data), page_checksum_verification=True, pre_buffer=on_disk
        )
        return file.read(columns=columns, use_threads=threads)
    except (pa.ArrowException, OSError, ValueError) as e:
        raise _not_whole(where, e) from e


def decode_away(read_range: ReadRange, size: int, where: str, columns: list[str]) -> pa.Table:
    """As `decode`, of some columns of a file of `size` bytes that is read by ranges. Raises what `read_range` raises as well."""
    try:
        data = fetched(read_range, size, columns)
    except (pa.ArrowException, ValueError) as e:
        raise _not_whole(where, e) from e
    return decode(data, where, columns, threads=True)


def _not_whole(where: str, error: Exception) -> DamagedError:
    told = (str(error).splitlines() or [""])[0]
    return DamagedError(f"damaged Parquet file: {told}", where=where, remedy=_REMEDY)


def read_file(path: Path) -> bytes:
    """The bytes of a file that we wrote. Raises DamagedError when it is missing or cannot be read, JianghuaError when it may not be."""
    try:
        return path.read_bytes()
    except PermissionError as e:
        raise cannot_read(path, e) from e
    except OSError as e:
        raise DamagedError(f"cannot read: {e.strerror or e}", where=str(path), remedy=_REMEDY) from e


def checked(data: bytes, sha256: str, where: str) -> bytes:
    """`data` itself when it has this SHA-256. Raises DamagedError when not."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        # whole where they begin alike: then it is the digest that is damaged
        ours, asked = (d if found[:16] == sha256[:16] else f"{d[:16]}…" for d in (found, sha256))
        raise DamagedError(f"damaged file: its SHA-256 is {ours}, not {asked}", where=where, remedy=_REMEDY)
    return data


def part_name(sha256: str) -> str:
    """File name of the part whose bytes have this SHA-256."""
    return f"part-{sha256[:32]}.parquet"


def put(path: Path, data: bytes) -> None:
    """Write `path` whole and durable, unless it is there with just these bytes."""
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return
    write_bytes(path, data)


def link_or_copy(source: Path | str, target: Path | str) -> None:
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
        with Path(target).open("rb+") as copy:
            os.fsync(copy.fileno())
    except OSError as e:
        raise cannot_write(Path(target), e) from e
