"""What changed from one version to another: changes.parquet and changes.json of a version, and any two versions compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crawler.errors import JianghuaError
from publisher.build import ignored
from publisher.layout import Difference, compare, keys
from publisher.manifest import Manifest
from publisher.tables import CONTENT, SCHEMA_VERSION, TABLES, Table, knows
from publisher.versions import read_latest, read_manifest, read_part, unknown_version

SCHEMA = pa.schema(
    [
        pa.field("table", pa.string(), nullable=False),
        pa.field("op", pa.string(), nullable=False),  # added, changed, removed
        pa.field("id", pa.string(), nullable=False),  # the key; of several columns joined by one space
        pa.field(
            "columns", pa.list_(pa.field("item", pa.string(), nullable=False)), nullable=False
        ),  # of a changed row
        pa.field("old_sha256", pa.string()),  # text_sha256 before and after; of speeches only
        pa.field("new_sha256", pa.string()),
        pa.field("revision", pa.int32()),  # of a speech, after the change (removed: its last)
    ]
)


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes between two versions. rows: SCHEMA, content tables alone; summary: counts a table, ids of speeches."""

    rows: pa.Table
    summary: dict[str, Any]


def collect(
    old: Mapping[str, pa.Table], new: Mapping[str, pa.Table], differences: Mapping[str, Difference], **head: Any
) -> Changes:
    """The changes that `differences` describe. head: what the summary begins with (version, parent …)."""
    tables = [_of_table(n, old[n], new[n], d) for n, d in differences.items() if n in CONTENT]
    rows = pa.concat_tables([SCHEMA.empty_table(), *tables]).sort_by(
        [("table", "ascending"), ("op", "ascending"), ("id", "ascending")]
    )
    speeches = rows.filter(pc.equal(rows["table"], "speeches"))
    ids = {
        op: speeches.filter(pc.equal(speeches["op"], op))["id"].to_pylist() for op in ("added", "changed", "removed")
    }
    counts = {n: d.counts() for n, d in differences.items()}
    return Changes(rows, {**head, "tables": counts, "speeches": ids})


def _of_table(name: str, old: pa.Table, new: pa.Table, d: Difference) -> pa.Table:
    table = TABLES[name]
    groups = []
    for op, rows, before, after in (
        ("added", new.take(pa.array(d.added)), None, True),
        ("changed", new.take(pa.array(d.changed_new)), old.take(pa.array(d.changed_old)), True),
        ("removed", old.take(pa.array(d.removed)), old.take(pa.array(d.removed)), False),
    ):
        n = rows.num_rows
        nothing = pa.nulls(n, pa.string())
        texts = name == "speeches"
        columns: Any = [list(c) for c in d.columns] if op == "changed" else [[]] * n
        groups.append(
            pa.Table.from_arrays(
                [
                    pa.repeat(pa.scalar(name), n),
                    pa.repeat(pa.scalar(op), n),
                    pc.replace_substring(keys(rows, table.key), "\x1f", " ").cast(pa.string()),
                    pa.array(columns, SCHEMA.field("columns").type),
                    before["text_sha256"].combine_chunks() if texts and before is not None else nothing,
                    rows["text_sha256"].combine_chunks() if texts and after else nothing,
                    rows["revision"].combine_chunks() if texts else pa.nulls(n, pa.int32()),
                ],
                schema=SCHEMA,
            )
        )
    return pa.concat_tables(groups)


def diff(dataset: Path, a: str, b: str) -> Changes:
    """What changed from version `a` to version `b` of the dataset folder; they need not be neighbours.

    Parts that both versions have are not read. Raises UsageError for an unknown version, DamagedError for damage.
    """
    first, second = _resolve(dataset, a), _resolve(dataset, b)
    old: dict[str, pa.Table] = {}
    new: dict[str, pa.Table] = {}
    for manifest in (first, second):
        if not knows(manifest.schema_version):
            raise JianghuaError(
                f"version {manifest.version} has schema {manifest.schema_version}, this program knows {SCHEMA_VERSION}",
                where=str(dataset),
                remedy="use the Jianghua that wrote it",
            )
    both = min(first.schema_version, second.schema_version, key=lambda v: [int(n) for n in v.split(".")])
    for name, table in TABLES.items():
        left = first.tables[name].parts if name in first.tables else ()
        right = second.tables[name].parts if name in second.tables else ()
        shared = {p.sha256 for p in left} & {p.sha256 for p in right}
        for rows, parts, manifest in ((old, left, first), (new, right, second)):
            read = [read_part(dataset, name, p, manifest.schema_version) for p in parts if p.sha256 not in shared]
            rows[name] = pa.concat_tables(read) if read else table.schema_in(manifest.schema_version).empty_table()
    # a column that one of them has not is no change of a row
    differences = {n: compare(old[n], new[n], t, (*ignored(t), *_later(t, both))) for n, t in TABLES.items()}
    return collect(old, new, differences, parent=first.version, version=second.version)


def _later(table: Table, schema_version: str) -> list[str]:
    """The columns that a table got after a schema version."""
    return [n for n in table.schema.names if n not in table.schema_in(schema_version).names]


def _resolve(dataset: Path, name: str) -> Manifest:
    if name != "latest":
        return read_manifest(dataset, name)[0]
    latest = read_latest(dataset)
    if latest is None:
        raise unknown_version(name, [], str(dataset))
    return read_manifest(dataset, latest.version, latest.manifest_sha256)[0]
