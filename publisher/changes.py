"""What changed from one version to the next: changes.parquet and changes.json of a version. Any two versions: publisher/compare.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from publisher.layout import Difference, keys
from publisher.tables import CONTENT, TABLES

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
