"""The next version of the tables as a function of the records and the parent version. No disk, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crawler.corrections.entries import Correction
from crawler.corrections.match import correct
from publisher import gates
from publisher.duplicates import Sketcher, plain_sketcher, relate
from publisher.layout import Difference, Planned, compare, plan
from publisher.manifest import Gate
from publisher.tables import CONTENT, SCHEMA_VERSION, SPEECHES, TABLES, Table
from publisher.upgrade import nothing, upgraded
from publisher.versions import Version

# The page could not be read this time, which says nothing of its speeches: they stay as the parent has them.
HELD = frozenset({"error", "unfetched", "poison"})
DROPPED = "correction"  # a reviewed correction says that it is no speech
REASON = {
    "gone": "gone",
    "soft_404": "soft_404",
    "speech": "part_gone",
    "preview": "part_gone",
    "disallowed": "disallowed",
    "redirect": "moved",
}


@dataclass(slots=True)
class Build:
    """A version ready to be written, or the gates that stand in its way (then `tables` is empty).

    tables: the parts of each table; new: its rows; differences: against the parent's. upgraded: the parent has an older schema.
    """

    gates: list[Gate]
    tables: dict[str, Planned]
    new: dict[str, pa.Table]
    differences: dict[str, Difference]
    sites: dict[str, int]
    held: int
    upgraded: bool = False

    @property
    def changed(self) -> bool:
        """Whether a table that is content changed, or has columns that its parent had not."""
        return self.upgraded or any(not self.differences[t].empty for t in CONTENT)


def ignored(table: Table) -> tuple[str, ...]:
    """Columns whose change alone does not change a row. `gone_since` counts: people want to see the flag."""
    return (*table.quiet, *(c for c in table.own if c != "gone_since"))


def in_order(rows: pa.Table, table: Table) -> pa.Table:
    """Rows in the published types, columns in the published order; the publisher's own columns as zero or null."""
    columns = []
    for c in table.columns:
        if c.name in rows.column_names:
            columns.append(rows[c.name].cast(c.type))
        elif c.nullable:
            columns.append(pa.chunked_array([pa.nulls(rows.num_rows, c.type)]))
        else:
            columns.append(pa.chunked_array([pa.array([nothing(c.type)] * rows.num_rows, c.type)]))
    return pa.Table.from_arrays(columns, schema=table.schema)


class _Fates:
    """What became of the pages: by address, else by the key that the parent version knows for the address."""

    def __init__(self, pages: pa.Table, parent: pa.Table | None) -> None:
        self.by_url: dict[str, dict[str, Any]] = {}
        self.by_key: dict[tuple[str, str], dict[str, Any]] = {}
        for row in pages.select(["url", "site", "key", "fate", "gone_since"]).to_pylist():
            self.by_url[row["url"]] = row
            self.by_key[row["site"], row["key"]] = row
        self.keys = (
            {}
            if parent is None
            else {r["url"]: (r["site"], r["key"]) for r in parent.select(["url", "site", "key"]).to_pylist()}
        )

    def of(self, url: str) -> str | None:
        row = self.by_url.get(url) or self.by_key.get(self.keys.get(url, ("", "")))
        return row["fate"] if row else None

    def gone_since(self, url: str) -> datetime | None:
        row = self.by_url.get(url)
        return row["gone_since"] if row else None


def _count(sites: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(sites).items()))


def build(
    records: Mapping[str, pa.Table],
    parent: Version | None,
    version: str,
    now: datetime,
    accept: Mapping[str, str] | None = None,
    sketcher: Sketcher = plain_sketcher,
    corrections: Sequence[Correction] = (),
) -> Build:
    """Build the next version.

    records: tables speeches, provenance and pages of all sites together, rows in any order, columns as extraction writes
    them. version, now: name and time the version would get. accept: reasons for failed gates, by gate. corrections: applied to the speeches
    when the records have passed their gates.
    """
    accept = accept or {}
    checks = gates.accepted(gates.of_records(records), accept)
    if gates.refused(checks):
        return Build(checks, {}, {}, {}, {}, 0)
    new = {n: in_order(records[n], TABLES[n]) for n in ("speeches", "provenance", "pages")}
    corrected = correct(new["speeches"], corrections)
    new["speeches"] = corrected.rows
    if parent:
        parent = upgraded(parent, new)
    old = {n: parent.rows(n) if parent else t.schema.empty_table() for n, t in TABLES.items()}

    fates = _Fates(new["pages"], old["pages"])
    missing = old["speeches"].filter(
        pc.invert(pc.is_in(old["speeches"]["speech_id"], value_set=new["speeches"]["speech_id"].combine_chunks()))
    )
    dropped = corrected.dropped | _dropped(missing, corrections)
    stay = pa.array(
        [
            i not in dropped and fates.of(u) in HELD
            for i, u in zip(missing["speech_id"].to_pylist(), missing["page_url"].to_pylist(), strict=True)
        ],
        pa.bool_(),
    )
    held, left = missing.filter(stay), missing.filter(pc.invert(stay))
    if held.num_rows:
        new["speeches"] = pa.concat_tables([new["speeches"], held])
        stale = pc.is_in(new["provenance"]["speech_id"], value_set=held["speech_id"].combine_chunks())
        theirs = pc.is_in(old["provenance"]["speech_id"], value_set=held["speech_id"].combine_chunks())
        new["provenance"] = pa.concat_tables(
            [new["provenance"].filter(pc.invert(stale)), old["provenance"].filter(theirs)]
        )
    since = [fates.gone_since(u) for u in new["speeches"]["page_url"].to_pylist()]
    at = SPEECHES.schema.get_field_index("gone_since")
    field = SPEECHES.schema.field(at)
    new["speeches"] = new["speeches"].set_column(at, field, pa.array(since, field.type))

    lost = [
        (row["site"], DROPPED if row["speech_id"] in dropped else _reason(fates.of(row["page_url"])))
        for row in left.select(["speech_id", "site", "page_url"]).to_pylist()
    ]
    if corrections:
        checks.append(gates.corrections(corrected, {*held["speech_id"].to_pylist(), *dropped}))
    before, after = _count(old["speeches"]["site"].to_pylist()), _count(new["speeches"]["site"].to_pylist())
    if parent:
        # A site whose rows are only held brought nothing.
        brought = _count(records["speeches"]["site"].to_pylist())
        checks += gates.accepted(gates.against_parent(lost, before, brought), accept)
    if gates.refused(checks):
        return Build(checks, {}, {}, {}, after, held.num_rows)

    relations = relate(new["speeches"], sketcher)
    new["duplicates"], new["contained"] = relations.duplicates, relations.contained
    new["removed"] = _removed(old["removed"], left, lost, new["speeches"], version, parent, now)
    differences = {n: compare(old[n], new[n], t, ignored(t)) for n, t in TABLES.items()}
    new["speeches"] = _own_columns(new["speeches"], old["speeches"], differences["speeches"], old["removed"], version)
    tables = {n: plan(parent.tables[n] if parent else [], new[n], differences[n], t) for n, t in TABLES.items()}
    older = parent is not None and parent.manifest.schema_version != SCHEMA_VERSION
    return Build(checks, tables, new, differences, after, held.num_rows, older)


def _reason(fate: str | None) -> str:
    """Why a speech leaves whose page has this fate."""
    return REASON.get(fate, "no_longer_a_speech") if fate else "unknown"


def _dropped(missing: pa.Table, corrections: Sequence[Correction]) -> frozenset[str]:
    """Ids of speeches of the parent, not in the records, of which a correction says that they are none."""
    drops = [c for c in corrections if c.drop]
    rows = missing.select(["speech_id", "text_sha256"]).to_pylist() if drops else []
    return frozenset(r["speech_id"] for r in rows if any(c.matches(r["speech_id"], r["text_sha256"]) for c in drops))


def _own_columns(new: pa.Table, old: pa.Table, difference: Difference, removed: pa.Table, version: str) -> pa.Table:
    """Fills revision and first_version of rows that are added or changed (of the others the parent's row stays anyway):
    carried on from the parent's row, or from the tombstone of a speech that is back."""
    tombs = {r["speech_id"]: r for r in removed.select(["speech_id", "revision", "first_version"]).to_pylist()}
    revision = np.ones(new.num_rows, dtype=np.int32)
    first = np.full(new.num_rows, version, dtype=object)
    before = old.select(["revision", "first_version"]).take(pa.array(difference.changed_old)).to_pylist()
    for at, row, columns in zip(difference.changed_new, before, difference.columns, strict=True):
        revision[at] = row["revision"] + (columns != ("gone_since",))
        first[at] = row["first_version"]
    ids = new["speech_id"].take(pa.array(difference.added)).to_pylist()
    for at, speech_id in zip(difference.added, ids, strict=True):
        if tomb := tombs.get(speech_id):
            revision[at], first[at] = tomb["revision"] + 1, tomb["first_version"]
    for name, values in (("revision", pa.array(revision)), ("first_version", pa.array(first, pa.string()))):
        at = new.schema.get_field_index(name)
        new = new.set_column(at, new.schema.field(at), values)
    return new


def _removed(
    old: pa.Table,
    left: pa.Table,
    lost: list[tuple[str, str]],
    speeches: pa.Table,
    version: str,
    parent: Version | None,
    now: datetime,
) -> pa.Table:
    """Tombstones: the parent's, without those of speeches that are back, and one for each speech that leaves now."""
    schema = TABLES["removed"].schema
    back = pc.is_in(old["speech_id"], value_set=speeches["speech_id"].combine_chunks())
    rows = [
        {
            **{n: row[n] for n in ("speech_id", "page_url", "site", "part", "title", "first_version", "revision")},
            "reason": reason,
            "removed_in": version,
            "last_version": parent.manifest.version if parent else "",
            "removed_at": now.replace(microsecond=0),
        }
        for row, (_, reason) in zip(left.drop_columns(["text"]).to_pylist(), lost, strict=True)
    ]
    return pa.concat_tables([old.filter(pc.invert(back)), pa.Table.from_pylist(rows, schema=schema)])
