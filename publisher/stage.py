"""One table on its way from a parent version to the next: which rows are new, changed, unchanged or missing, and the parts they give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crawler.textfacts import UNKNOWN, Facts
from publisher import quality
from publisher.layout import Mask, Places, differs, flat, keys, plan
from publisher.manifest import Part, TableEntry
from publisher.parts import PartStore
from publisher.rowindex import HELD, NO_UNIT, NOT_HELD, compared, digests, ignored, index_rows, of_pieces, sites_of
from publisher.spill import RANGE, Spill
from publisher.storage import PART_ROWS, SMALL_PART_ROWS
from publisher.tables import Table
from publisher.upgrade import filled, missing_columns

UNIT, RAW, FACTS = "__unit", ("__r0", "__r1"), "__facts"
EXTRA = [UNIT, *RAW, FACTS]  # what goes with waiting rows beside their columns
_EXTRA_FIELDS = [pa.field(UNIT, pa.int32()), *(pa.field(r, pa.uint64()) for r in RAW), pa.field(FACTS, pa.uint8())]
TEXTS = 1000  # of new and changed speeches, held for comparing
I32 = npt.NDArray[np.int32]
U64 = npt.NDArray[np.uint64]


@dataclass(slots=True)
class Changed:
    """The rows of a table that changed: keys, which columns, text digests before and after, revision after (speeches alone)."""

    keys: list[str] = field(default_factory=list)
    columns: list[tuple[str, ...]] = field(default_factory=list)
    old_sha256: list[str | None] = field(default_factory=list)
    new_sha256: list[str | None] = field(default_factory=list)
    revision: list[int | None] = field(default_factory=list)


class Stage:
    """A table between two versions.

    parts, index: of the parent (none: the first version); schema_version: the parent's. A row of the parent has a place, its number in
    the version; a new one has a place of its own behind them (`base` + its rank). Take in all rows, decide about those that are
    missing, then `emit`.
    """

    def __init__(
        self, table: Table, parts: Sequence[Part], index: pa.Table, schema_version: str, scratch: Path, memory: int
    ) -> None:
        self.table = table
        self.parts = list(parts)
        self.index = index
        self.schema_version = schema_version
        self.missing = missing_columns(table, schema_version)
        self.columns = compared(table, table.schema_in(schema_version).names)
        self.spill = Spill(pa.schema([*table.schema, *_EXTRA_FIELDS]), scratch / table.name, memory)
        self.old = index.num_rows
        self.base = -(-self.old // RANGE) * RANGE
        self.d0, self.d1 = (index[c].to_numpy() for c in ("d0", "d1"))
        self.raw: U64 = np.stack([index[c].to_numpy() for c in ("r0", "r1")], axis=1)
        self.units: I32 = index["unit"].to_numpy().copy()
        self.held = index["held"].to_numpy().copy()
        self.seen: Mask = np.zeros(self.old, bool)
        self.kept: Mask = np.zeros(self.old, bool)  # of units that are not read again
        self.changed: Mask = np.zeros(self.old, bool)
        self.removed: Mask = np.zeros(self.old, bool)
        self.most = PART_ROWS if table.name == "speeches" else SMALL_PART_ROWS
        self.starts = np.concatenate([[0], np.cumsum([p.rows for p in self.parts])]).astype(np.int64)
        self._added: list[Places] = []
        self._added_keys: list[pa.Array] = []
        self.new_sites: Counter[str] = Counter()

    def find(self, found: pa.Array) -> Places:
        """The places of keys in the parent, -1 for those that it has not."""
        if not self.old or not len(found):
            return np.full(len(found), -1, np.int64)
        if len(found) * 8 < self.old:  # a table of the few is made sooner than one of the many
            few = found.dictionary_encode()
            at = np.full(len(few.dictionary), -1, np.int64)
            which = pc.index_in(flat(self.index["key"]), value_set=few.dictionary)
            here = np.flatnonzero(which.is_valid().to_numpy(zero_copy_only=False))
            at[which.take(pa.array(here)).to_numpy()] = here
            return np.asarray(at[few.indices.to_numpy()], np.int64)
        at = pc.index_in(found, value_set=flat(self.index["key"]))
        return np.asarray(pc.fill_null(at, -1).to_numpy(zero_copy_only=False), np.int64)

    def same(self, at: Places, units: Places) -> None:
        """Take in rows that are known to be as the parent has them, by their places."""
        self.seen[at] = True
        self.units[at] = units
        self.held[at] = NOT_HELD

    def take_in(
        self,
        rows: pa.Table,
        at: Places,
        ranks: Places,
        units: Places,
        raw: U64 | None = None,
        facts: Facts | None = None,
        found: pa.Array | None = None,
    ) -> tuple[Mask, Mask]:
        """Take in rows; gives which of them are new and which changed.

        at: the place of each in the parent, or -1; ranks: the order of each among all that are taken in;
        units: the number of its unit; raw: digests of their records; facts: what is known of their texts; found: their keys,
        made here when None.
        """
        known = at >= 0
        where = at[known]
        changed = np.zeros(rows.num_rows, bool)
        if len(where):
            d0, d1 = digests(rows, self.columns)
            changed[known] = (self.d0[where] != d0[known]) | (self.d1[where] != d1[known])
        self.same(where, units[known])
        if raw is None:
            raw = np.zeros((rows.num_rows, 2), np.uint64)
        if facts is None:
            facts = np.full(rows.num_rows, UNKNOWN, np.uint8)
        self.raw[where] = raw[known]
        self.changed[at[changed]] = True
        new = ~known
        wanted = np.flatnonzero(new | changed) if not self.missing else np.arange(rows.num_rows)
        places = np.where(new, self.base + ranks, at)
        if len(wanted):
            some = rows if len(wanted) == rows.num_rows else rows.take(pa.array(wanted))
            extra = [units[wanted].astype(np.int32), *(raw[wanted, i] for i in (0, 1)), facts[wanted]]
            columns = [*some.columns, *map(pa.array, extra)]
            some = pa.Table.from_arrays(columns, schema=pa.schema([*self.table.schema, *_EXTRA_FIELDS]))
            self.spill.add(some, places[wanted])
        if new.any():
            self._added.append(places[new])
            light = rows.select([n for n in {*self.table.key, "site"} if n in rows.column_names])
            light = light if new.all() else light.filter(pa.array(new))
            mine = keys(light, self.table.key) if found is None else found if new.all() else found.filter(pa.array(new))
            self._added_keys.append(mine)
            sites = pc.value_counts(sites_of(self.table, light))
            self.new_sites.update({v["values"]: v["counts"] for v in sites.to_pylist()})
        return new, changed

    def forget(self, sites: Iterable[str]) -> None:
        """Take rows of these sites that were not read again as not taken in."""
        of_sites = pc.is_in(self.index["site"], value_set=pa.array(list(sites), pa.string()))
        self.seen[np.asarray(flat(of_sites).to_numpy(zero_copy_only=False), bool)] = False
        self.kept &= self.seen

    @property
    def gone(self) -> Places:
        """Places of the parent's rows that were not taken in, by now."""
        return np.flatnonzero(~self.seen)

    def keep(self, places: Places, held: int = HELD) -> None:
        """Keep rows of the parent that were not taken in."""
        self.seen[places] = True
        self.held[places] = held

    def close_intake(self) -> None:
        """All rows are there: what was not taken in or kept leaves."""
        self.removed = ~self.seen
        self.spill.finish()

    @property
    def added(self) -> Places:
        """Places of the new rows, in their order."""
        return np.sort(np.concatenate(self._added)) if self._added else np.zeros(0, np.int64)

    @property
    def added_keys(self) -> pa.Array:
        """Keys of the new rows, in no order."""
        return pa.concat_arrays([pa.array([], pa.large_string()), *self._added_keys])

    def counts(self) -> dict[str, int]:
        return {
            "added": sum(map(len, self._added)),
            "changed": int(self.changed.sum()),
            "removed": int(self.removed.sum()),
        }

    @property
    def differs(self) -> bool:
        """Whether the table is another one than the parent's."""
        return any(self.counts().values())

    def details(self, store: PartStore, places: Places, columns: Sequence[str]) -> pa.Table:
        """Some columns of rows of the parent, in the order of `places` (ascending)."""
        out = []
        for number in np.unique(np.searchsorted(self.starts, places, side="right") - 1).tolist():
            here = places[(places >= self.starts[number]) & (places < self.starts[number + 1])] - self.starts[number]
            out.append(store.some(self.table.name, self.parts[number], columns, here))
        schema = pa.schema([self.table.schema.field(c) for c in columns])
        return pa.concat_tables([schema.empty_table(), *(t.cast(schema) for t in out)])

    def emit(self, store: PartStore, own: OwnColumns, measures: dict[str, Any] | None = None) -> Emitted:
        """Write the parts of the next version. own: fills the publisher's own columns. measures: gets what is counted of each part
        (publisher/quality.py), by its digest; a part that stands there already is not counted again."""
        touched = np.ones(self.old, bool) if self.missing else self.changed | self.removed
        outputs = plan([p.rows for p in self.parts], touched, self.removed, self.added, self.most)
        parts: list[Part] = []
        kept: list[int | None] = []
        indexes: list[
            pa.Table | tuple[int, int]
        ] = []  # of rows that stay: from where to where they stand in the parent's
        changed = Changed()
        index = self._marked(self.index, self.units, self.raw).set_column(5, "held", pa.array(self.held))
        marked = self._marks_differ(index)
        names = compared(self.table, self.table.schema.names)
        last: tuple[int, pa.Table] | None = None
        fresh_rows: list[Mask] = []
        revisions = [pa.array([], pa.int32())]
        texts: dict[int, str] = {}
        for output in outputs:
            if isinstance(output, int):
                parts.append(self.parts[output])
                fresh_rows.append(np.zeros(self.parts[output].rows, bool))
                if measures is not None and parts[-1].sha256 not in measures:
                    rows = store.read(self.table.name, parts[-1], self.schema_version)
                    measures[parts[-1].sha256] = quality.measure(rows).as_json()
                first, end = self.starts[output : output + 2].tolist()
                kept.append(None if marked[first:end].any() else output)
                if indexes and isinstance(before := indexes[-1], tuple) and before[1] == first:
                    indexes[-1] = before[0], end
                else:
                    indexes.append((first, end))
                continue
            stay = output[output < self.old]
            pieces, marks = [], []
            facts = np.full(len(output), UNKNOWN, np.uint8)
            for number in np.unique(np.searchsorted(self.starts, stay, side="right") - 1).tolist():
                here = stay[(stay >= self.starts[number]) & (stay < self.starts[number + 1])]
                if last is None or last[0] != number:
                    last = number, store.read(self.table.name, self.parts[number], self.schema_version)
                old, old_index = last[1], index.slice(self.starts[number], self.parts[number].rows)
                if len(here) < old.num_rows:
                    within = pa.array(here - self.starts[number])
                    old, old_index = old.take(within), old_index.take(within)
                rows, new_index = self._merged(old, here, old_index, own, changed, names)
                pieces.append(rows)
                marks.append(new_index)
            if len(fresh := output[len(stay) :]):
                rows, found = self.spill.take(fresh)
                assert len(found) == len(fresh)
                units, raw = _extra(rows)
                facts[len(stay) :] = rows[FACTS].to_numpy()
                rows = own.added(rows.drop_columns(EXTRA))
                if self.table.name == "speeches":
                    revisions.append(flat(rows["revision"]))
                pieces.append(rows)
                marks.append(self._indexed(rows, units, raw, names))
            rows = pa.concat_tables(pieces).combine_chunks()
            parts.append(store.write(self.table.name, rows))
            if measures is not None:
                measures[parts[-1].sha256] = quality.measure(rows, facts).as_json()
            fresh_rows.append(output >= self.old)
            if self.table.name == "speeches" and len(texts) < TEXTS:
                mine = np.flatnonzero(fresh_rows[-1])
                mine = np.sort(np.append(mine, np.flatnonzero(self.changed[stay])))[: TEXTS - len(texts)]
                first = sum(p.rows for p in parts[:-1])
                texts.update(zip((first + mine).tolist(), rows["text"].take(pa.array(mine)).to_pylist(), strict=True))
            kept.append(None)
            indexes += marks
        if not parts:
            # so that its folder can be read; the parent's, where it is empty as well, whatever wrote it
            empty = [p for p in self.parts if not p.rows and not self.missing]
            parts = empty[:1] or [store.write(self.table.name, self.table.schema.empty_table())]
            kept.append(None)
        self.spill.close()
        entry = TableEntry(rows=sum(p.rows for p in parts), parts=tuple(parts), **self.counts())
        fresh_mask = np.concatenate([np.zeros(0, bool), *fresh_rows])
        pieces = [index.slice(i[0], i[1] - i[0]) if isinstance(i, tuple) else i for i in indexes]
        return Emitted(
            entry,
            of_pieces(pieces, index.schema, self.table.name == "speeches"),
            tuple(kept),
            changed,
            fresh_mask,
            texts,
            pa.concat_arrays(revisions),
        )

    def _marks_differ(self, index: pa.Table) -> Mask:
        """Which rows of the parent have other marks in this index than in the one that is kept of it."""
        out: Mask = np.zeros(self.old, bool)
        for name in ("unit", "held", "r0", "r1"):
            out |= index[name].to_numpy() != self.index[name].to_numpy()
        return out

    def _indexed(self, rows: pa.Table, units: I32, raw: U64, names: Sequence[str]) -> pa.Table:
        return self._marked(index_rows(self.table, rows, 0, names), units, raw)

    @staticmethod
    def _marked(index: pa.Table, units: I32, raw: U64) -> pa.Table:
        out = index.set_column(4, "unit", pa.array(units))
        return out.set_column(6, "r0", pa.array(raw[:, 0])).set_column(7, "r1", pa.array(raw[:, 1]))

    def _merged(
        self,
        old: pa.Table,
        places: Places,
        marks: pa.Table,
        own: OwnColumns,
        changed: Changed,
        names: Sequence[str],
    ) -> tuple[pa.Table, pa.Table]:
        """Rows of the parent with the changed ones in their places, and their index. marks: the parent's index of them."""
        new, at = self.spill.take(places)
        old = filled(old, new.drop_columns(EXTRA), self.table, self.missing)
        mine = self.changed[places[at]]
        at, new = at[mine], new.filter(pa.array(mine))
        if self.missing:
            marks = self._indexed(old, self.units[places], self.raw[places], names).set_column(
                5, "held", pa.array(self.held[places])
            )
        if not len(at):
            return old, marks
        units, raw = _extra(new)
        before = old.take(pa.array(at))
        told = self.columns_of_change
        masks = [differs(before[n], new[n]) for n in told]
        columns = [tuple(n for n, m in zip(told, masks, strict=True) if m[i]) for i in range(len(at))]
        new = own.changed(before, new.drop_columns(EXTRA), columns)
        changed.keys += flat(marks["key"]).take(pa.array(at)).to_pylist()
        changed.columns += columns
        for sha, rows in ((changed.old_sha256, before), (changed.new_sha256, new)):
            sha += rows["text_sha256"].to_pylist() if self.table.name == "speeches" else [None] * len(at)
        changed.revision += new["revision"].to_pylist() if self.table.name == "speeches" else [None] * len(at)
        order = np.arange(old.num_rows)
        order[at] = old.num_rows + np.arange(len(at))
        fresh = self._indexed(new, units, raw, names)
        return _placed(old, before, new, order), pa.concat_tables([marks, fresh]).take(pa.array(order))

    @property
    def columns_of_change(self) -> list[str]:
        """The columns whose change is told: those that are compared, and the text."""
        skip = {*self.table.key, *ignored(self.table), *self.missing}
        return [n for n in self.table.schema.names if n not in skip]


def _placed(old: pa.Table, before: pa.Table, new: pa.Table, order: Places) -> pa.Table:
    """Rows with some of them replaced. before, new: these, as they are and as they become; order: of the rows of old and new. A column in which
    nothing becomes another value is not copied."""
    at = pa.array(order)
    columns = [
        a if b.equals(c) else pa.concat_arrays([*a.chunks, *c.chunks]).take(at)
        for a, b, c in zip(old.columns, before.columns, new.columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=old.schema)


def _extra(rows: pa.Table) -> tuple[I32, U64]:
    return rows[UNIT].to_numpy(), np.stack([rows[r].to_numpy() for r in RAW], axis=1)


@dataclass(frozen=True, slots=True)
class Emitted:
    """A table of the next version: its entry, its index, what changed in it, which of its rows are new, and the texts of rows that
    are new or changed (of speeches, by number, at most TEXTS): they are compared next, and would be read again. kept: of each part the number
    that it has in the parent, None where it is another one or the parent's index says something else of its rows. revisions: of its new rows,
    in their order (of speeches)."""

    entry: TableEntry
    index: pa.Table
    kept: tuple[int | None, ...]
    changed: Changed
    fresh: Mask
    texts: Mapping[int, str]
    revisions: pa.Array


class OwnColumns:
    """Fills the columns that the publisher owns; here of tables that have none."""

    def added(self, rows: pa.Table) -> pa.Table:
        """Of new rows."""
        return rows

    def changed(self, before: pa.Table, rows: pa.Table, columns: Sequence[tuple[str, ...]]) -> pa.Table:
        """Of changed rows. before: the rows as the parent has them; columns: what changed in each."""
        return rows


@dataclass(frozen=True)
class SpeechColumns(OwnColumns):
    """revision and first_version of speeches: carried on from the parent's row, or from the tombstone of a speech that is back.

    tombs: (revision, first_version) by id.
    """

    version: str
    tombs: dict[str, tuple[int, str]]

    def added(self, rows: pa.Table) -> pa.Table:
        revision = np.ones(rows.num_rows, np.int32)
        if not self.tombs:
            version = pa.array([self.version], pa.string()).take(pa.array(np.zeros(rows.num_rows, np.int64)))
            return _set(rows, revision=pa.array(revision), first_version=version)
        first = np.full(rows.num_rows, self.version, dtype=object)
        for i, speech_id in enumerate(rows["speech_id"].to_pylist()):
            if tomb := self.tombs.get(speech_id):
                revision[i], first[i] = tomb[0] + 1, tomb[1]
        return _set(rows, revision=pa.array(revision), first_version=pa.array(first, pa.string()))

    def changed(self, before: pa.Table, rows: pa.Table, columns: Sequence[tuple[str, ...]]) -> pa.Table:
        grows = np.array([c != ("gone_since",) for c in columns], np.int32)
        revision = before["revision"].to_numpy() + grows
        return _set(rows, revision=pa.array(revision.astype(np.int32)), first_version=before["first_version"])


def _set(rows: pa.Table, **columns: pa.Array | pa.ChunkedArray) -> pa.Table:
    for name, values in columns.items():
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(at), values)
    return rows


def whole(stage: Stage, rows: pa.Table) -> Stage:
    """The stage of a small table of which all rows are at hand, in the order of their keys."""
    found = keys(rows, stage.table.key)
    order = np.empty(rows.num_rows, np.int64)
    order[pc.sort_indices(found).to_numpy()] = np.arange(rows.num_rows)
    stage.take_in(rows, stage.find(found), order, np.full(rows.num_rows, NO_UNIT, np.int64))
    stage.close_intake()
    return stage
