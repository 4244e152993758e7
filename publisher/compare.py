"""Any two versions compared: which rows one has and the other has not, and in which columns the others differ.

Only parts that one of the two has alone are read, a few columns at a time, and never the texts: their digests stand beside them. So
the memory needed follows the keys of what differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crawler.errors import DamagedError, JianghuaError
from publisher.changes import SCHEMA, Changes
from publisher.finding import moment
from publisher.layout import Indices, Mask, differs, keys
from publisher.manifest import Manifest, Part
from publisher.rowindex import ignored
from publisher.storage import checked, read_file
from publisher.tables import CONTENT, SCHEMA_VERSION, TABLES, Table, knows
from publisher.versions import as_of, none_yet, part_path, read_latest, read_manifest, unknown_version, version_names

VALUES_AT_ONCE = 2_000_000  # of each side, in memory at a time
OPS = ("added", "changed", "removed")
Read = Callable[[Manifest, str, Part, Sequence[str]], pa.Table]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


def diff(dataset: Path, a: str, b: str) -> Changes:
    """What changed from version `a` to version `b` of the dataset folder, either of which may be the older one.

    a, b: names of versions, `latest`, or times as `resolve` takes them. Raises UsageError for a version that is unknown or gone,
    DamagedError for damage, JianghuaError for a version of a schema that this program does not know.
    """
    first, second = resolve(dataset, a), resolve(dataset, b)
    return differences(first, second, verified_columns(dataset))


def resolve(dataset: Path, name: str) -> Manifest:
    """The manifest of the version that `name` means: a name, `latest`, or a time (2026-11-22: the end of that day in UTC;
    2026-11-22T08:00:00Z) for the version that was the latest then. Raises as `diff`."""
    latest = read_latest(dataset)
    if latest is None:
        names = version_names(dataset)  # latest.json may be lost
        raise unknown_version(name, names, str(dataset)) if names else none_yet(str(dataset))
    if name == "latest":
        return read_manifest(dataset, latest.version, latest.manifest_sha256)[0]
    if _DAY.fullmatch(name):
        name = as_of(dataset, moment(name))
    return read_manifest(dataset, name, latest.manifest_sha256 if name == latest.version else None)[0]


def verified_columns(dataset: Path) -> Read:
    """Reads columns of parts from the store of a dataset folder; the first time that a part is read, all of its bytes are verified."""
    known: set[str] = set()

    def read(manifest: Manifest, table: str, part: Part, columns: Sequence[str]) -> pa.Table:
        path = part_path(dataset, table, part)
        if part.sha256 not in known:
            checked(read_file(path), part.sha256, str(path))
            known.add(part.sha256)
        return read_columns(path, manifest, table, part, columns)

    return read


def read_columns(path: Path, manifest: Manifest, table: str, part: Part, columns: Sequence[str]) -> pa.Table:
    """Some columns of a part, in the types that the table has in the version's schema, page checksums verified. Raises DamagedError."""
    schema = TABLES[table].schema_in(manifest.schema_version)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if file.metadata.num_rows == part.rows and file.schema_arrow.names == schema.names:
                rows = file.read(columns=list(columns), use_threads=False)
                return rows.cast(pa.schema([schema.field(c) for c in rows.column_names])).select(list(columns))
            what = "its rows or columns are not those that the manifest says"
    except (pa.ArrowException, OSError, ValueError) as e:
        what = str(e).splitlines()[0]
    raise DamagedError(
        f"damaged Parquet file: {what}", where=str(path), remedy="restore the file from a copy of the dataset"
    )


def differences(first: Manifest | None, second: Manifest, read: Read) -> Changes:
    """What changed from one version to another (None: from nothing). read: gives columns of a part.

    Raises JianghuaError for a version of a schema that this program does not know.
    """
    for manifest in (first, second):
        if manifest and not knows(manifest.schema_version):
            raise JianghuaError(
                f"version {manifest.version} has schema {manifest.schema_version}, this program knows {SCHEMA_VERSION}",
                where=manifest.dataset,
                remedy="use the Jianghua that wrote it",
            )
    rows: list[pa.Table] = []
    counts: dict[str, dict[str, int]] = {}
    for name, table in TABLES.items():
        found = _Two(table, first, second, read).compared()
        counts[name] = {op: len(found.at[op]) for op in OPS}
        if name in CONTENT:
            rows += [found.rows(op) for op in OPS]
    changed = pa.concat_tables([SCHEMA.empty_table(), *rows]).sort_by(
        [("table", "ascending"), ("op", "ascending"), ("id", "ascending")]
    )
    speeches = changed.filter(pc.equal(changed["table"], "speeches"))
    ids = {op: speeches.filter(pc.equal(speeches["op"], op))["id"].to_pylist() for op in OPS}
    head = {"parent": first.version if first else None, "version": second.version}
    return Changes(changed, {**head, "tables": counts, "speeches": ids})


def alone(table: str, first: Manifest | None, second: Manifest) -> tuple[list[Part], list[Part]]:
    """The parts of a table that only one of two versions has."""
    left, right = (m.tables[table].parts if m and table in m.tables else () for m in (first, second))
    shared = {p.sha256 for p in left} & {p.sha256 for p in right}
    return [p for p in left if p.sha256 not in shared], [p for p in right if p.sha256 not in shared]


@dataclass(frozen=True, slots=True)
class _Found:
    """What differs in one table. at: numbers of rows, for `added` and `changed` among the new ones, for `removed` among the old.

    ids: of each op; columns: that differ, of each changed row; facts: text_sha256 before and after, and revision, of each op.
    """

    table: Table
    at: dict[str, Indices]
    ids: dict[str, pa.Array]
    columns: list[list[str]]
    facts: dict[str, tuple[pa.Array, pa.Array, pa.Array]]

    def rows(self, op: str) -> pa.Table:
        n = len(self.at[op])
        columns: list[list[str]] = self.columns if op == "changed" else [[]] * n
        return pa.Table.from_arrays(
            [
                pa.repeat(pa.scalar(self.table.name), n),
                pa.repeat(pa.scalar(op), n),
                pc.replace_substring(self.ids[op], "\x1f", " ").cast(pa.string()),
                pa.array(columns, SCHEMA.field("columns").type),
                *self.facts[op],
            ],
            schema=SCHEMA,
        )


class _Two:
    """One table in two versions."""

    def __init__(self, table: Table, first: Manifest | None, second: Manifest, read: Read) -> None:
        self.table = table
        self.versions = (first, second)
        self.parts = alone(table.name, first, second)
        self.read = read
        known = [set(table.schema_in(m.schema_version).names) for m in (first, second) if m]
        # A column that one of the two has not is no change of a row.
        self.columns = [n for n in table.schema.names if all(n in k for k in known)]

    def take(self, side: int, columns: Sequence[str]) -> pa.Table:
        """Columns of all rows of one side (0: old, 1: new), in the order of its parts."""
        manifest = self.versions[side]
        schema = pa.schema([self.table.schema.field(c) for c in columns])
        pieces = [schema.empty_table()]
        if manifest:
            pieces += [self.read(manifest, self.table.name, p, columns).cast(schema) for p in self.parts[side]]
        return pa.concat_tables(pieces)

    def compared(self) -> _Found:
        facts = ("text_sha256", "revision") if self.table.name == "speeches" else ()
        tables = tuple(self.take(side, (*self.table.key, *facts)) for side in (0, 1))
        old, new = (keys(t, self.table.key) for t in tables)
        at = pc.fill_null(pc.index_in(new, value_set=old), -1).to_numpy(zero_copy_only=False).astype(np.int64)
        stays = np.zeros(len(old), bool)
        stays[at[at >= 0]] = True
        pairs = at[at >= 0], np.flatnonzero(at >= 0)
        masks = self._masks(pairs) if len(pairs[0]) else {}
        hit = np.zeros(len(pairs[0]), bool)
        for mask in masks.values():
            hit |= mask
        columns: list[list[str]] = [[] for _ in range(int(hit.sum()))]
        for name, mask in masks.items():
            for i in np.flatnonzero(mask[hit]).tolist():
                columns[i].append(name)
        rows = {"added": np.flatnonzero(at < 0), "changed": pairs[1][hit], "removed": np.flatnonzero(~stays)}
        ids = {op: (old if op == "removed" else new).take(pa.array(i)) for op, i in rows.items()}
        return _Found(self.table, rows, ids, columns, self._facts(rows, pairs[0][hit], *tables))

    def _masks(self, pairs: tuple[Indices, Indices]) -> dict[str, Mask]:
        """Which pairs of an old and a new row differ in which column; columns in the order of the table."""
        skip = {*self.table.key, *ignored(self.table)}
        digests = {"text": "text_sha256"} if "text_sha256" in self.columns else {}
        wanted = [c for c in self.columns if c not in skip]
        found: dict[str, Mask] = {}
        for names in _batches(
            [c for c in wanted if c not in digests], sum(p.rows for parts in self.parts for p in parts)
        ):
            old, new = (self.take(side, names) for side in (0, 1))
            for name in names:
                found[name] = differs(old[name].take(pa.array(pairs[0])), new[name].take(pa.array(pairs[1])))
        return {c: found[digests.get(c, c)] for c in wanted}

    def _facts(
        self, rows: dict[str, Indices], before: Indices, old: pa.Table, new: pa.Table
    ) -> dict[str, tuple[pa.Array, pa.Array, pa.Array]]:
        def nulls(op: str, dtype: pa.DataType) -> pa.Array:
            return pa.nulls(len(rows[op]), dtype)

        if self.table.name != "speeches":
            return {op: (nulls(op, pa.string()), nulls(op, pa.string()), nulls(op, pa.int32())) for op in OPS}

        def of(column: pa.ChunkedArray, at: Indices) -> pa.Array:
            return column.take(pa.array(at)).combine_chunks()

        added, changed, removed = (rows[op] for op in OPS)
        return {
            "added": (nulls("added", pa.string()), of(new["text_sha256"], added), of(new["revision"], added)),
            "changed": (
                of(old["text_sha256"], before),
                of(new["text_sha256"], changed),
                of(new["revision"], changed),
            ),
            "removed": (of(old["text_sha256"], removed), nulls("removed", pa.string()), of(old["revision"], removed)),
        }


def _batches(names: Sequence[str], rows: int) -> Iterator[list[str]]:
    most = max(VALUES_AT_ONCE // max(rows, 1), 1)
    for i in range(0, len(names), most):
        yield list(names[i : i + most])


def rows_of(
    table: str, versions: tuple[Manifest, Manifest], side: int, ids: Collection[str], columns: Sequence[str], read: Read
) -> dict[str, dict[str, Any]]:
    """Columns of rows in which two versions differ, by speech_id, as the first (side 0) or the second (1) has them.

    table: speeches or removed. Columns that the version has not are left out.
    """
    manifest = versions[side]
    there = TABLES[table].schema_in(manifest.schema_version).names
    names = ["speech_id", *(c for c in columns if c in there)]
    wanted = pa.array(sorted(ids), pa.string())
    out: dict[str, dict[str, Any]] = {}
    for part in alone(table, *versions)[side] if ids else ():
        found = read(manifest, table, part, names)
        some = found.filter(pc.is_in(found["speech_id"], value_set=wanted))
        out.update((r["speech_id"], r) for r in some.to_pylist())
    return out
