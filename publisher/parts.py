"""Parts on their way into the store: each written beside its place, read back and compared, then named by its digest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from crawler.durable import cannot_write
from crawler.errors import DamagedError, JianghuaError
from crawler.wording import counted
from publisher.manifest import Part, sha256
from publisher.pages import strings_at
from publisher.storage import checked, content_digest, decode, encoded, part_name, read_file
from publisher.versions import conform

_MANY = 20  # of fewer rows than one in so many, only the pages up to the last are read
_AT_ONCE = 128  # rows


def _damaged(path: Path, error: Exception) -> DamagedError:
    return DamagedError(
        f"damaged Parquet file: {str(error).splitlines()[0]}",
        where=str(path),
        remedy="restore the file from a copy of the dataset (its name tells its SHA-256), then run `jianghua verify`",
    )


@dataclass(slots=True)
class PartStore:
    """The parts of a dataset folder, with those that are not in place yet.

    waiting: new parts by table and file name; they lie beside their places until `place`.
    """

    folder: Path
    waiting: dict[tuple[str, str], Path] = field(default_factory=dict)
    bytes: int = 0
    # room for what is written and for what is read back, used again for each part
    _room: bytearray = field(default_factory=bytearray)
    _back: bytearray = field(default_factory=bytearray)

    def path(self, table: str, part: Part) -> Path:
        """Where a part can be read now."""
        return self.waiting.get((table, part.file)) or self.folder / "tables" / table / part.file

    def write(self, table: str, rows: pa.Table) -> Part:
        """Write rows (in the published schema) as a part beside its place; they are read back and compared.

        Raises JianghuaError when the disk is full, or when what was written does not read back the same.
        """
        store = self.folder / "tables" / table
        if len(self._room) < rows.nbytes:  # nearly always more than it takes in the file
            self._room = bytearray(rows.nbytes + rows.nbytes // 4)
        data = encoded(rows, pa.py_buffer(self._room))
        digest = sha256(data)
        part = Part(
            file=part_name(digest),
            rows=rows.num_rows,
            bytes=data.size,
            sha256=digest,
            content_sha256=content_digest(rows),
        )
        target = store / part.file
        if (table, part.file) in self.waiting:
            return part
        try:
            store.mkdir(parents=True, exist_ok=True)
            if target.is_file() and target.stat().st_size == data.size and sha256(target.read_bytes()) == digest:
                return part
            beside = store / f".{part.file}.tmp"
            with beside.open("wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            self.waiting[table, part.file] = beside
            written = self._read_back(beside, data.size)
            if not pa.py_buffer(written).equals(data):  # quicker to see than its SHA-256
                checked(bytes(written), digest, str(beside))
            del data
            back = decode(written, str(beside))
        except OSError as e:
            raise cannot_write(target, e) from e
        if not back.cast(rows.schema).equals(rows):
            raise JianghuaError(
                f"a part of {table} does not read back as it was written",
                where=str(beside),
                remedy="report this as a bug, with the version of pyarrow",
            )
        self.bytes += part.bytes
        return part

    def _read_back(self, path: Path, size: int) -> memoryview:
        """All bytes of a file that should have `size` of them; good until the next call."""
        if len(self._back) <= size:  # one more, by which a longer file is seen
            self._back = bytearray(size + size // 4 + 1)
        room, found = memoryview(self._back), 0
        with path.open("rb", buffering=0) as file:
            while found <= size and (more := file.readinto(room[found:])):
                found += more
        return room[:found]

    def read(self, table: str, part: Part, schema_version: str) -> pa.Table:
        """All rows of a part, verified by SHA-256 and page checksums. Raises DamagedError."""
        path = self.path(table, part)
        rows = decode(checked(read_file(path), part.sha256, str(path)), str(path))
        return conform(rows, table, part, str(path), schema_version)

    def columns(self, table: str, part: Part, columns: Sequence[str]) -> pa.Table:
        """Some columns of a part, verified by page checksums alone; those that an older schema has not are left out."""
        path = self.path(table, part)
        try:
            with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
                names = set(file.schema_arrow.names)
                rows = file.read(columns=[c for c in columns if c in names], use_threads=False)
        except (pa.ArrowException, OSError, ValueError) as e:
            raise _damaged(path, e) from e
        if rows.num_rows != part.rows:
            raise DamagedError(
                f"the file holds {counted(rows.num_rows, 'row')}, the manifest says {part.rows}",
                where=str(path),
                remedy="restore the file from a copy of the dataset",
            )
        return rows

    def some(self, table: str, part: Part, columns: Sequence[str], rows: npt.NDArray[np.int64]) -> pa.Table:
        """Some columns of some rows of a part, by their numbers, ascending; the pages behind the last of them are not read, and of a
        column of strings alone only the pages on which they stand.

        Verified by page checksums alone. Raises DamagedError.
        """
        if len(rows) == part.rows:
            return self.columns(table, part, columns)
        if not len(rows) or len(rows) * _MANY > part.rows:
            return self.columns(table, part, columns).take(pa.array(rows))
        path = self.path(table, part)
        found, start = [], 0
        try:
            with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
                if len(columns) == 1 and (strings := strings_at(path, file, columns[0], rows.tolist())) is not None:
                    return pa.table([strings], pa.schema([file.schema_arrow.field(columns[0])]))
                for batch in file.iter_batches(_AT_ONCE, columns=list(columns), use_threads=False):
                    here = rows[(rows >= start) & (rows < start + batch.num_rows)] - start
                    if len(here):
                        found.append(batch.take(pa.array(here)))
                    start += batch.num_rows
                    if start > rows[-1]:
                        break
        except (pa.ArrowException, OSError, ValueError) as e:
            raise _damaged(path, e) from e
        if sum(b.num_rows for b in found) != len(rows):
            raise DamagedError(
                f"the file holds fewer rows than the {part.rows} of the manifest",
                where=str(path),
                remedy="restore the file from a copy of the dataset",
            )
        return pa.Table.from_batches(found).select(list(columns))

    def discard(self) -> None:
        """Remove what was written beside its place."""
        for path in self.waiting.values():
            path.unlink(missing_ok=True)
        self.waiting.clear()
