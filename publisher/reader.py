"""Read a published dataset: from disk, from any web server or from object storage, the latest version or any other.

    import jianghua

    ds = jianghua.open_dataset("datasets/speeches")     # or https://example.org/datasets/speeches, or s3://bucket/speeches
    ds.arrow()                                          # a pyarrow.Table of speeches
    ds.pandas("duplicates")
    ds.scan().filter(polars.col("chars") > 2000).collect()
    ds.duckdb().sql("select region, count(*) from speeches group by 1")

Every file is compared with its SHA-256 in the manifest and every Parquet page with its checksum before a row is handed over. What
that means for each way of reading stands in docs/reading-data.md.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from crawler.durable import cannot_read
from crawler.errors import JianghuaError, UsageError
from crawler.records import Column
from crawler.wording import counted
from publisher.finding import VersionInfo, find, fits, history, read_latest_of, sums
from publisher.manifest import Manifest, parse_manifest
from publisher.selection import NEEDS, REFERS, Filters, Split, kept
from publisher.storage import checked, decode
from publisher.tables import TABLES, knows
from publisher.transfer import Folder, Objects, Source, TransferError, Web
from publisher.verified import Files, known, missing
from publisher.versions import no_name, unknown_version

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pandas import DataFrame as PandasFrame
    from polars import DataFrame as PolarsFrame
    from polars import LazyFrame


class Dataset:
    """One version of a dataset. Nothing but the manifest is read before it is asked for.

    manifest: what the version holds; see publisher/manifest.py. filters: what `speeches`, and with it every table that refers to
    speeches (duplicates, contained, provenance), leaves out.
    """

    def __init__(
        self,
        source: Source,
        manifest: Manifest,
        prefix: str,
        filters: Filters | None = None,
        verify: bool | None = None,
    ) -> None:
        self.manifest = manifest
        self.filters = filters or Filters()
        self._source = source
        self._prefix = prefix
        self._files = Files(source, manifest, prefix, verify)

    @property
    def version(self) -> str:
        """Name of the version, e.g. `2026-11-22.1`."""
        return self.manifest.version

    @property
    def folder(self) -> Path | None:
        """The folder of the version, None when it is not on this disk."""
        return self._source.local(self._prefix) if self._files.local else None

    @property
    def tables(self) -> list[str]:
        """Names of the tables, `speeches` first."""
        return sorted(self.manifest.tables, key=lambda t: list(TABLES).index(t) if t in TABLES else len(TABLES))

    def __repr__(self) -> str:
        rows = self.manifest.tables["speeches"].rows
        told = f", {self.filters}" if self.filters.active else ""
        return f"<Dataset {self.manifest.dataset} {self.version}: {counted(rows, 'speech')}, from {self._source.where}{told}>"

    def columns(self, table: str = "speeches") -> tuple[Column, ...]:
        """The columns that a table has in this version: name, Arrow type, whether null occurs, and what it means."""
        self._files.parts(table)
        names = TABLES[table].schema_in(self.manifest.schema_version).names
        return tuple(c for c in TABLES[table].columns if c.name in names)

    def arrow(self, table: str = "speeches", columns: Iterable[str] | None = None) -> pa.Table:
        """A table as pyarrow.Table, rows in the order of the version.

        columns: which ones, in this order (default: all). Raises UsageError for an unknown table or column, DamagedError
        when a file is not what was published.
        """
        return pa.concat_tables(list(self._pieces(table, columns)))

    def batches(
        self, table: str = "speeches", columns: Iterable[str] | None = None, rows: int = 1_000
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a table in batches of at most `rows`, file by file, so that memory holds a few files at most.

        A file is verified before its first row is handed over. Raises as `arrow`.
        """
        if not isinstance(rows, Integral) or rows < 1:
            raise UsageError(f"rows is {rows!r}", remedy="give the size of a batch, 1 or more")
        for piece in self._pieces(table, columns):
            yield from piece.to_batches(max_chunksize=rows)

    def pandas(
        self,
        table: str = "speeches",
        columns: Iterable[str] | None = None,
        dtype_backend: Literal["numpy", "pyarrow"] = "numpy",
    ) -> PandasFrame:
        """A table as pandas.DataFrame (times keep their zone).

        dtype_backend: `pyarrow` keeps whole numbers with gaps, dates and lists as they are; the default makes them float and
        object. Raises as `arrow`.
        """
        import pandas

        if dtype_backend not in ("numpy", "pyarrow"):
            raise UsageError(f"unknown dtype_backend {dtype_backend!r}", remedy="use numpy or pyarrow")
        mapper = pandas.ArrowDtype if dtype_backend == "pyarrow" else None
        frame: PandasFrame = self.arrow(table, columns).to_pandas(types_mapper=mapper)
        return frame

    def polars(self, table: str = "speeches", columns: Iterable[str] | None = None) -> PolarsFrame:
        """A table as polars.DataFrame. Raises as `arrow`."""
        import polars

        frame = polars.from_arrow(self.arrow(table, columns))
        assert isinstance(frame, polars.DataFrame)
        return frame

    def scan(self, table: str = "speeches") -> LazyFrame:
        """A table as polars.LazyFrame over the version's files; only what a query needs is decoded.

        The files are verified now; from elsewhere they are fetched whole. Raises as `arrow`.
        """
        import polars

        frame = polars.scan_parquet(self._files.paths(table), glob=False, hive_partitioning=False)
        for name in self._filtered(table):
            ids = polars.LazyFrame({name: polars.from_arrow(self._kept)})
            frame = frame.join(ids, on=name, how="semi", maintain_order="left")
        return frame

    def duckdb(self) -> DuckDBPyConnection:
        """A DuckDB connection in memory with one view a table, over the version's files.

        The files are verified now; from elsewhere they are fetched whole. Raises DamagedError.
        """
        import duckdb

        connection = duckdb.connect()
        if self.filters.active:
            connection.register("kept", pa.table({"speech_id": self._kept}))
            connection.execute("CREATE SCHEMA jianghua")
            connection.execute("CREATE TABLE jianghua.kept AS SELECT speech_id FROM kept")
            connection.unregister("kept")
        for table in self.tables:
            if table not in TABLES:
                continue
            files = ", ".join("'" + str(f).replace("'", "''") + "'" for f in self._files.paths(table))
            conditions = [f"{name} IN (SELECT speech_id FROM jianghua.kept)" for name in self._filtered(table)]
            where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
            connection.execute(
                f'CREATE VIEW "{table}" AS SELECT * FROM read_parquet([{files}], hive_partitioning=false){where}'
            )
        return connection

    def hf(self, table: str = "speeches", columns: Iterable[str] | None = None) -> Any:
        """A table as Hugging Face datasets.Dataset, in memory: nothing is written into the cache.

        Raises as `arrow`, and JianghuaError where `datasets` is not installed.
        """
        try:
            datasets = importlib.import_module(
                "datasets"
            )  # by name: it has no types, and a folder of ours has its name
        except ImportError as e:
            raise JianghuaError("Hugging Face datasets is not installed", remedy="pip install datasets") from e
        rows = self.arrow(table, columns)
        if not rows.num_rows:  # it wants a chunk a column
            rows = pa.Table.from_arrays([pa.array([], f.type) for f in rows.schema], schema=rows.schema)
        said = f"{self.manifest.dataset} {self.version} {table} {rows.column_names} {self.filters}"
        info = datasets.DatasetInfo(
            description=f"{self.manifest.dataset} {self.version}, table {table}: {TABLES[table].description}",
            features=datasets.Features.from_arrow_schema(rows.schema),
        )
        split = datasets.Split(self.filters.split or "train") if table == "speeches" else None
        # the fingerprint is told and not computed: hashing every row again would take longer than reading them
        return datasets.Dataset(
            datasets.table.InMemoryTable(rows),
            info=info,
            split=split,
            fingerprint=hashlib.sha256(said.encode()).hexdigest()[:16],
        )

    def versions(self) -> list[VersionInfo]:
        """Every version that the dataset has or had, oldest first; of a version's folder alone only itself.

        Raises DamagedError, JianghuaError when a server cannot be reached.
        """
        m = self.manifest
        if not self._prefix:
            return [VersionInfo(m.version, m.sequence, m.published_at, m.tables["speeches"].rows)]
        return history(self._source, read_latest_of(self._source))

    def changes(self, since: str | None = None) -> pa.Table:
        """What each version after `since` up to this one changed, in order: `version` and the columns of changes.parquet.

        since: name of an older version; None: only what this version changed against its parent. A row may occur in several
        versions; the net difference of two versions is what `jianghua changes A B` tells. The filters play no part.

        Where versions between are no more, the step across the gap is compared (on the publisher's own disk).
        Raises UsageError for an unknown or newer version, GoneError for one that is no more, JianghuaError for a gap that
        cannot be compared, DamagedError.
        """
        if since is None:
            return self._changes_of(self._prefix, self.manifest)
        if not self._prefix:
            raise UsageError(
                "a version's folder alone does not hold the changes of others",
                where=self._source.where,
                remedy="open the dataset",
            )
        start, _, _ = find(self._source, since)
        if start.sequence > self.manifest.sequence:
            raise UsageError(
                f"{since} is newer than {self.version}", remedy="open the newer version, with since the older"
            )
        steps = {v.sequence: v for v in self.versions() if v.state == "published"}
        tables = [self._changes_of(self._prefix, self.manifest).slice(0, 0)]
        before = start
        for sequence in sorted(s for s in steps if start.sequence < s <= self.manifest.sequence):
            manifest, _, prefix = find(self._source, steps[sequence].version)
            if sequence == before.sequence + 1:
                tables.append(self._changes_of(prefix, manifest))
            else:
                tables.append(self._across(before.version, manifest.version))
            before = manifest
        return pa.concat_tables(tables, promote_options="default")

    def _changes_of(self, prefix: str, manifest: Manifest) -> pa.Table:
        name = f"{prefix}changes.parquet"
        where = f"{self._source.where}/{name}"
        data = self._source.read(name)
        if data is None:
            raise missing(where)
        if entry := manifest.files.get("changes.parquet"):
            checked(data, entry.sha256, where)
        elif digest := sums(self._source, prefix).get("changes.parquet"):
            checked(data, digest, where)
        return _named(decode(data, where), manifest.version)

    def _across(self, a: str, b: str) -> pa.Table:
        folder = self._source.local("")
        if folder is None or not (folder / "tables").is_dir():
            raise JianghuaError(
                f"the versions between {a} and {b} are no more, so nothing tells what changed",
                where=self._source.where,
                remedy="compare the two yourself; `jianghua changes` does so where the dataset is published",
            )
        from publisher.compare import diff

        return _named(diff(folder, a, b).rows, b)

    # reading

    def _pieces(self, table: str, columns: Iterable[str] | None) -> Iterator[pa.Table]:
        """The rows of each part that pass the filters, verified."""
        self._files.parts(table)
        if isinstance(columns, str):
            raise UsageError("columns is one string", remedy=f"give a list of names, e.g. ['{columns}']")
        wanted = list(columns) if columns is not None else None
        if wanted is not None and knows(self.manifest.schema_version):
            known(wanted, table, [c.name for c in self.columns(table)])
        keys = self._filtered(table)
        needed = None if wanted is None else list(dict.fromkeys([*wanted, *keys]))
        chosen = self._kept if keys else None
        for rows in self._files.rows(table, needed):
            for key in keys:
                rows = rows.filter(pc.is_in(rows[key], value_set=chosen))
            yield rows if wanted is None else rows.select(wanted)

    def _filtered(self, table: str) -> tuple[str, ...]:
        """The columns of a table by which the filters choose its rows."""
        return REFERS.get(table, ()) if self.filters.active else ()

    @cached_property
    def _kept(self) -> pa.Array:
        """The ids of the speeches that pass the filters."""
        whole = Dataset(self._source, self.manifest, self._prefix, None, self._files.verify)
        speeches, duplicates, contained = (whole.arrow(t, NEEDS[t]) for t in ("speeches", "duplicates", "contained"))
        return kept(speeches, duplicates, contained, self.filters)


def _named(rows: pa.Table, version: str) -> pa.Table:
    return rows.add_column(
        0, pa.field("version", pa.string(), nullable=False), pa.repeat(pa.scalar(version), rows.num_rows)
    )


def open_dataset(
    path_or_url: str | Path,
    version: str | None = None,
    as_of: date | datetime | str | None = None,
    dedupe: bool = False,
    previews: bool = True,
    split: Split | None = None,
    verify: bool | None = None,
    test_share: float = 0.1,
) -> Dataset:
    """Open a published dataset.

    path_or_url: the dataset's folder (`datasets/speeches`), the folder of datasets, a home, or a single version's folder; or the
    address of one of these on a web server (http, https) or on object storage (s3).
    version: a version's name or `latest` (the default). as_of: instead, the version that was the latest at that time: a date (its
    end, UTC), an aware datetime, or either in ISO form; see publisher.versions.latest_at for versions that are no more.
    dedupe: one copy of each speech. previews: False leaves texts out that are cut. split: only the training or the test side;
    copies are always on one side (publisher.selection). test_share: share of the test side.
    verify: True compares every file with its SHA-256 before a row of it is handed over; False does not; None does, but over
    the network fetches only the columns asked for, checked page by page.

    Raises UsageError when there is no such dataset or version (naming the ones there are), GoneError for a version that is no more,
    DamagedError when a file is not what was published, JianghuaError when a server cannot be reached.
    """
    filters = Filters(dedupe, previews, split, test_share)
    source, prefix = locate(path_or_url)
    if prefix is None:
        manifest, _, prefix = find(source, version, as_of, verify is not False)
    else:
        manifest = _only(source, version, as_of, verify is not False)
    return Dataset(source, manifest, prefix, filters, verify)


def locate(path_or_url: str | Path) -> tuple[Source, str | None]:
    """Where a dataset's files are. The prefix is "" when it is a single version's folder, else None.

    Raises UsageError when there is none, JianghuaError when a server cannot be reached.
    """
    text = str(path_or_url)
    if "://" in text:
        return _locate_away(text)
    try:
        root = Path(text).expanduser()
        if (root / "manifest.json").is_file() and not (root / "latest.json").is_file():
            return Folder(root.resolve()), ""
        for folder in (root, root / "speeches", root / "datasets" / "speeches"):
            if (folder / "latest.json").is_file() or (folder / "versions").is_dir():
                return Folder(folder.resolve()), None
    except OSError as e:  # a folder that may not be looked into, a name too long
        raise cannot_read(e.filename or text, e) from e
    except RuntimeError:  # ~NAME, and there is nobody of that name
        pass
    raise UsageError(
        "there is no published dataset here",
        where=text,
        remedy="give the folder that holds latest.json, e.g. datasets/speeches; `jianghua publish speeches` makes one",
    )


def _locate_away(url: str) -> tuple[Source, str | None]:
    scheme, _, rest = url.strip().partition("://")
    url = f"{scheme.lower()}://{rest.rstrip('/').removesuffix('/latest.json')}"
    source: type[Web] | type[Objects] = Web if url.startswith(("http://", "https://")) else Objects
    refused: TransferError | None = None
    for root in (url, f"{url}/speeches", f"{url}/datasets/speeches"):
        try:
            if source(root).read("latest.json") is not None:
                return source(root), None
        except TransferError as e:
            if e.status != 403:
                raise
            refused = refused or e  # so object storage that must not be listed tells of what is not there
    try:
        manifest = source(url).read("manifest.json")
    except TransferError as e:
        if e.status != 403:
            raise
        manifest = None
    if manifest is None:
        raise refused or UsageError(
            "there is no published dataset at this address",
            where=url,
            remedy="give the address of the folder that holds latest.json",
        )
    return source(url), ""


def _only(source: Source, version: str | None, as_of: date | datetime | str | None, verify: bool) -> Manifest:
    """The manifest of a folder that is one version."""
    if version is not None and not isinstance(version, str):
        raise no_name(version)
    if as_of is not None:
        raise UsageError("this is a single version", where=source.where, remedy="leave as_of out, or open the dataset")
    where = f"{source.where}/manifest.json"
    data = source.read("manifest.json") or b""
    if verify and (digest := sums(source, "").get("manifest.json")):
        checked(data, digest, where)
    manifest = parse_manifest(data, where)
    fits(manifest, None, where)
    if version not in (None, "latest", manifest.version):
        raise unknown_version(str(version), [manifest.version], source.where)
    return manifest
