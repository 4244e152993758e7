"""Read a published dataset: from disk or from any web server, the latest version or any other, always verified.

    from publisher.reader import open_dataset

    ds = open_dataset("datasets/speeches")              # or https://example.org/datasets/speeches
    ds.arrow()                                          # a pyarrow.Table of speeches
    ds.pandas("duplicates")
    ds.polars(columns=["speech_id", "title"])
    ds.duckdb().sql("select region, count(*) from speeches group by 1")

Whatever it is read with, every file is compared with its SHA-256 in the manifest and every Parquet page with its checksum.
"""

from __future__ import annotations

import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import pyarrow as pa

from crawler.errors import DamagedError, JianghuaError, UsageError
from publisher.manifest import Latest, Manifest, Part, parse_latest, parse_manifest
from publisher.storage import checked, decode, read_file
from publisher.tables import TABLES, knows
from publisher.versions import conform, order, unknown_version, version_names

if TYPE_CHECKING:
    import duckdb
    import pandas
    import polars

TIMEOUT = 60.0  # seconds without an answer of a web server
LARGEST = 4 << 30  # bytes; no part is as large, an endless answer is


class _Source(Protocol):
    """Where files come from; `name` is relative to the dataset folder."""

    @property
    def where(self) -> str:
        """Folder or address, for messages."""

    def read(self, name: str) -> bytes | None:
        """The bytes of a file, None when it is not there."""

    def versions(self) -> list[str]:
        """Names of the versions there are, as far as can be told."""

    def file(self, name: str, data: bytes) -> Path:
        """A local file with this content, `data` having been read from `name`."""


@dataclass(frozen=True, slots=True)
class _Folder:
    root: Path

    @property
    def where(self) -> str:
        return str(self.root)

    def read(self, name: str) -> bytes | None:
        path = self.root / name
        return read_file(path) if path.is_file() else None

    def versions(self) -> list[str]:
        return version_names(self.root)

    def file(self, name: str, data: bytes) -> Path:
        return self.root / name


@dataclass(frozen=True)
class _Web:
    root: str
    cache: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="jianghua-")
    )

    @property
    def where(self) -> str:
        return self.root

    def read(self, name: str) -> bytes | None:
        url = f"{self.root}/{name}"
        request = urllib.request.Request(url, headers={"User-Agent": "jianghua-reader"})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                data: bytes = answer.read(LARGEST)
                return data
        except urllib.error.HTTPError as e:
            if e.code in (404, 410):
                return None
            raise JianghuaError(
                f"the server answers {e.code} {e.reason}", where=url, remedy="check the address, or try again later"
            ) from e
        except (OSError, ValueError) as e:
            reason = getattr(e, "reason", e)
            raise JianghuaError(
                f"cannot reach the dataset: {reason}", where=url, remedy="check the address and the network"
            ) from e

    def versions(self) -> list[str]:
        try:
            listed = json.loads(self.read("versions.json") or b"")["versions"]
            return sorted((str(v["version"]) for v in listed), key=order)
        except (ValueError, KeyError, TypeError, UsageError):
            return []

    def file(self, name: str, data: bytes) -> Path:
        path = Path(self.cache.name) / name.replace("/", "-")
        if not path.exists():
            path.write_bytes(data)
        return path


class Dataset:
    """One version of a dataset. Nothing but the manifest is read before it is asked for.

    manifest: what the version holds; see publisher/manifest.py.
    """

    def __init__(self, source: _Source, manifest: Manifest, prefix: str) -> None:
        self.manifest = manifest
        self._source = source
        self._prefix = prefix

    @property
    def version(self) -> str:
        """Name of the version, e.g. `2026-11-22.1`."""
        return self.manifest.version

    @property
    def tables(self) -> list[str]:
        """Names of the tables, `speeches` first."""
        return sorted(self.manifest.tables, key=lambda t: list(TABLES).index(t) if t in TABLES else len(TABLES))

    def __repr__(self) -> str:
        rows = self.manifest.tables["speeches"].rows
        return f"<Dataset {self.manifest.dataset} {self.version}: {rows} speeches, from {self._source.where}>"

    def _parts(self, table: str) -> tuple[Part, ...]:
        if table not in self.manifest.tables or table not in TABLES:
            raise UsageError(
                f"unknown table '{table}'", where=self._source.where, remedy=f"use one of: {', '.join(self.tables)}"
            )
        return self.manifest.tables[table].parts

    def _read(self, table: str, part: Part) -> tuple[str, bytes]:
        """Name and verified bytes of a part."""
        name = f"{self._prefix}{table}/{part.file}"
        where = f"{self._source.where}/{name}"
        data = self._source.read(name)
        if data is None:
            raise DamagedError(
                "a file of the version is missing", where=where, remedy="restore it from a copy of the dataset"
            )
        return name, checked(data, part.sha256, where)

    def arrow(self, table: str = "speeches", columns: Iterable[str] | None = None) -> pa.Table:
        """A table as pyarrow.Table, rows in the order of the version.

        columns: which ones, in this order (default: all). Raises UsageError for an unknown table or column, DamagedError
        when a file is not what was published.
        """
        parts = self._parts(table)
        wanted = list(columns) if columns is not None else None
        pieces = []
        for part in parts:
            name, data = self._read(table, part)
            where = f"{self._source.where}/{name}"
            rows = decode(data, where)
            # A version of an older schema is given as it is, one of a schema that is not known unchecked.
            if knows(self.manifest.schema_version):
                rows = conform(rows, table, part, where, self.manifest.schema_version)
            if unknown := [c for c in wanted or [] if c not in rows.column_names]:
                raise UsageError(
                    f"unknown column '{unknown[0]}'", remedy=f"{table} has: {', '.join(rows.column_names)}"
                )
            pieces.append(rows if wanted is None else rows.select(wanted))
        return pa.concat_tables(pieces)

    def pandas(self, table: str = "speeches", columns: Iterable[str] | None = None) -> pandas.DataFrame:
        """A table as pandas.DataFrame (times keep their zone). Raises as `arrow`."""
        frame: pandas.DataFrame = self.arrow(table, columns).to_pandas()
        return frame

    def polars(self, table: str = "speeches", columns: Iterable[str] | None = None) -> polars.DataFrame:
        """A table as polars.DataFrame. Raises as `arrow`."""
        import polars

        frame = polars.from_arrow(self.arrow(table, columns))
        assert isinstance(frame, polars.DataFrame)
        return frame

    def duckdb(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection in memory with one view a table, over the version's files. Raises DamagedError."""
        import duckdb

        connection = duckdb.connect()
        for table in self.tables:
            if table not in TABLES:
                continue
            files = [str(self._source.file(*self._read(table, part))) for part in self._parts(table)]
            quoted = ", ".join("'" + f.replace("'", "''") + "'" for f in files)
            connection.execute(f'CREATE VIEW "{table}" AS SELECT * FROM read_parquet([{quoted}])')
        if isinstance(self._source, _Web):
            _ALIVE.append(self._source)  # its views need the downloaded files for as long as the connection lives
        return connection


_ALIVE: list[_Source] = []


def open_dataset(path_or_url: str | Path, version: str = "latest") -> Dataset:
    """Open a published dataset.

    path_or_url: the dataset's folder (`datasets/speeches`), the folder of datasets, a home, or a single version's folder;
    or the address of one of the first two on a web server. version: a version's name or `latest`.

    Raises UsageError when there is no such dataset or version (naming the ones there are), DamagedError when a file is not
    what was published, JianghuaError when a server cannot be reached.
    """
    text = str(path_or_url)
    if text.startswith(("http://", "https://")):
        return _open_web(text, version)
    if "://" in text:
        raise UsageError(
            f"cannot read {urlsplit(text).scheme}:// addresses",
            where=text,
            remedy="give a folder or an http(s) address",
        )
    root = Path(text)
    if (root / "manifest.json").is_file() and not (root / "latest.json").is_file():
        return _open_folder_of_version(root, version)
    for folder in (root, root / "speeches", root / "datasets" / "speeches"):
        if (folder / "latest.json").is_file() or (folder / "versions").is_dir():
            return _open(_Folder(folder.resolve()), version)
    raise UsageError(
        "there is no published dataset here",
        where=text,
        remedy="give the folder that holds latest.json, e.g. datasets/speeches; `jianghua publish speeches` makes one",
    )


def _open_web(url: str, version: str) -> Dataset:
    url = url.rstrip("/").removesuffix("/latest.json")
    for root in (url, f"{url}/speeches"):
        web = _Web(root)
        if web.read("latest.json") is not None:
            return _open(web, version)
    web = _Web(url)
    data = web.read("manifest.json")
    if data is None:
        raise UsageError(
            "there is no published dataset at this address",
            where=url,
            remedy="give the address of the folder that holds latest.json",
        )
    return _only(Dataset(web, parse_manifest(data, f"{url}/manifest.json"), ""), version, url)


def _open_folder_of_version(root: Path, version: str) -> Dataset:
    path = root / "manifest.json"
    return _only(Dataset(_Folder(root.resolve()), parse_manifest(read_file(path), str(path)), ""), version, str(root))


def _only(dataset: Dataset, version: str, where: str) -> Dataset:
    if version not in ("latest", dataset.version):
        raise unknown_version(version, [dataset.version], where)
    return dataset


def _open(source: _Source, version: str) -> Dataset:
    data = source.read("latest.json")
    latest: Latest | None = None
    if data is not None:
        try:
            latest = parse_latest(data, f"{source.where}/latest.json")
        except DamagedError:
            if version == "latest":
                raise
    if version == "latest":
        if latest is None:
            raise DamagedError(
                "latest.json is missing",
                where=source.where,
                remedy=f"restore it from a copy, or name a version: {', '.join(source.versions()[-5:])}",
            )
        version = latest.version
    else:
        try:
            order(version)
        except UsageError:
            raise unknown_version(version, source.versions(), source.where) from None
    name = f"versions/{version}/manifest.json"
    manifest = source.read(name)
    if manifest is None:
        raise unknown_version(version, source.versions(), source.where)
    if latest and version == latest.version:
        checked(manifest, latest.manifest_sha256, f"{source.where}/{name}")
    return Dataset(source, parse_manifest(manifest, f"{source.where}/{name}"), f"versions/{version}/")
