"""The files of one version, verified: as rows, or as local files for engines that read by themselves."""

from __future__ import annotations

import hashlib
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from crawler.durable import cannot_read, write_bytes
from crawler.errors import DamagedError, UsageError
from crawler.wording import counted, meant
from publisher.manifest import Manifest, Part
from publisher.storage import checked, decode, decode_away, read_file
from publisher.tables import TABLES, knows
from publisher.transfer import NoRangesError, Source, is_file

RANGES_FROM = 64 << 10  # bytes; a smaller file is fetched whole as quickly as its footer
AHEAD = 4  # files fetched at once from elsewhere

T = TypeVar("T")


@dataclass(slots=True)
class Files:
    """Reads the parts of a version. prefix: of its files in the source; verify: as of open_dataset."""

    source: Source
    manifest: Manifest
    prefix: str
    verify: bool | None
    local: bool = field(init=False)
    ranges: bool | None = field(init=False, default=None)  # whether the source gives ranges, once that was tried

    def __post_init__(self) -> None:
        self.local = self.source.names() is not None

    def parts(self, table: str) -> tuple[Part, ...]:
        """The parts of a table. Raises UsageError for an unknown one."""
        if table not in self.manifest.tables or table not in TABLES:
            known = [t for t in TABLES if t in self.manifest.tables]
            raise UsageError(
                f"unknown table '{table}'", where=self.source.where, remedy=f"use one of: {', '.join(known)}"
            )
        return self.manifest.tables[table].parts

    def rows(self, table: str, columns: Sequence[str] | None) -> Iterator[pa.Table]:
        """The rows of each part, in order: all columns, or those named, in the order of the schema. Raises DamagedError."""
        return _ahead(lambda p: self._rows(table, p, columns), self.parts(table), 1 if self.local else AHEAD)

    def paths(self, table: str) -> list[Path]:
        """Local files with the parts of a table. Raises DamagedError."""
        return list(_ahead(lambda p: self._path(table, p), self.parts(table), 1 if self.local else AHEAD))

    def _name(self, table: str, part: Part) -> str:
        return f"{self.prefix}{table}/{part.file}"

    def _rows(self, table: str, part: Part, columns: Sequence[str] | None) -> pa.Table:
        """The rows of a part: all columns, or those named, in the order of the file."""
        name = self._name(table, part)
        where = f"{self.source.where}/{name}"
        wanted = None if columns is None else list(columns)
        rows = None if wanted is None else self._by_ranges(name, part, where, wanted)
        if rows is None:
            rows = decode(self._content(name, part), where, wanted, threads=True)
        if columns is not None and not set(columns) <= set(rows.column_names):
            every = decode(self._content(name, part), where)  # of a newer schema the file alone tells them
            known(columns, table, every.column_names)
        if not knows(self.manifest.schema_version):
            return rows if columns is None else rows.select(columns)  # given as it is, unchecked
        schema = TABLES[table].schema_in(self.manifest.schema_version)
        expected = schema.names if columns is None else [n for n in schema.names if n in columns]
        if rows.num_rows != part.rows or set(rows.column_names) != set(expected):
            raise DamagedError(
                f"the file holds {counted(rows.num_rows, 'row')} of {counted(len(rows.schema), 'column')}, the manifest says {part.rows} of "
                f"{len(expected)}",
                where=where,
                remedy="restore the file from a copy of the dataset",
            )
        return rows.select(expected).cast(pa.schema([schema.field(n) for n in expected]))

    def _by_ranges(self, name: str, part: Part, where: str, columns: list[str]) -> pa.Table | None:
        """Some columns of a part elsewhere, the rest of which is not fetched; None where it is better to fetch it whole."""
        if part.bytes < RANGES_FROM or self.local or self.verify or not self._gives_ranges(name):
            return None
        try:
            return decode_away(partial(self.source.read_range, name), part.bytes, where, columns)
        except NoRangesError:  # it did give some: there are several servers behind the address, or it was changed
            self.ranges = False
            return None

    def _content(self, name: str, part: Part) -> bytes | pa.NativeFile:
        """A part's bytes, verified; or a local file, where it is not to be."""
        path = self.source.local(name)
        if path is not None and self.verify is False:
            if not is_file(path):
                raise self._absent(name)
            try:
                return pa.OSFile(str(path))
            except OSError as e:
                raise cannot_read(path, e) from e
        data = self.source.read(name)
        if data is None:
            raise self._absent(name)
        return data if self.verify is False else checked(data, part.sha256, f"{self.source.where}/{name}")

    def _gives_ranges(self, name: str) -> bool:
        if self.ranges is None:
            try:
                self.source.read_range(name, 0, 4)
                self.ranges = True
            except NoRangesError:
                self.ranges = False
        return self.ranges

    def _absent(self, name: str) -> DamagedError:
        where = f"{self.source.where}/{name}"
        folder = self.source.local(name)
        if folder is not None and not folder.parent.exists():
            table = folder.parent.name
            return DamagedError(
                f"the table '{table}' is missing",
                where=str(folder.parent),
                remedy=f"if the version was downloaded in part: download it again with --table {table}; else restore it from a copy",
            )
        return missing(where)

    def _path(self, table: str, part: Part) -> Path:
        name = self._name(table, part)
        path = self.source.local(name)
        if path is None:
            path = _cache(self.source.where) / part.file
            if not path.exists() or _digest(path) != part.sha256:
                data = self._content(name, part)
                assert isinstance(data, bytes)
                write_bytes(path, data)
            return path
        if not is_file(path):
            raise self._absent(name)
        if self.verify is not False:
            try:
                whole = _digest(path) == part.sha256
            except OSError as e:
                raise cannot_read(path, e) from e
            if not whole:
                checked(read_file(path), part.sha256, str(path))
        if set("*?[") & set(str(path)):  # engines take such a path for a pattern
            link = _cache(str(path.parent)) / part.file
            if not link.is_symlink():
                link.symlink_to(path)
            return link
        return path


_CACHES: dict[str, tempfile.TemporaryDirectory[str]] = {}


def _cache(where: str) -> Path:
    """A folder for files of `where` that engines read by themselves; it goes when the process ends."""
    if where not in _CACHES:
        _CACHES.setdefault(where, tempfile.TemporaryDirectory(prefix="jianghua-"))
    return Path(_CACHES[where].name)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ahead(work: Callable[[Part], T], parts: Sequence[Part], at_once: int) -> Iterator[T]:
    """`work` on each part, in order, at most `at_once` of them begun and not handed over."""
    if at_once == 1 or len(parts) < 2:
        yield from map(work, parts)
        return
    with ThreadPoolExecutor(at_once) as pool:
        begun: deque[Future[T]] = deque()
        try:
            for part in parts:
                begun.append(pool.submit(work, part))
                if len(begun) == at_once:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()


def known(wanted: Sequence[str], table: str, names: Sequence[str]) -> None:
    """Raises UsageError for a column that a table has not."""
    if unknown := [c for c in wanted if c not in names]:
        raise UsageError(
            f"unknown column '{unknown[0]}'", remedy=f"{meant(unknown[0], names)}{table} has: {', '.join(names)}"
        )


def missing(where: str) -> DamagedError:
    """The error for a file that the version should have."""
    return DamagedError("a file of the version is missing", where=where, remedy="restore it from a copy of the dataset")
