"""Where rows lie: the next state of a table from its parent's parts and the new rows, and what changed between them.

Rows keep their part and their place; new rows go into new parts; a part is made again only when one of its rows changed or
left. Small parts are merged when four of one size class have gathered, so that a row is written again a few times in its
life and never with each publish.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from publisher.manifest import Part
from publisher.storage import PART_ROWS
from publisher.tables import Table

MERGE_AT = 4  # parts of one size class
SIZE_CLASS = 4  # each class holds parts up to four times as long as the one before

Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stored:
    """A part of the parent version with its rows. kept: whether its file can be part of the next version as it is."""

    part: Part
    rows: pa.Table
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed in one table: rows of the new state added and changed, rows of the old one removed.

    added, removed, changed_new, changed_old: indices into the new or the old rows; columns: names of the columns that differ,
    one tuple a changed row.
    """

    added: Indices
    removed: Indices
    changed_old: Indices
    changed_new: Indices
    columns: list[tuple[str, ...]]

    @property
    def empty(self) -> bool:
        return not (len(self.added) or len(self.removed) or len(self.changed_new))

    def counts(self) -> dict[str, int]:
        return {"added": len(self.added), "changed": len(self.changed_new), "removed": len(self.removed)}


@dataclass(slots=True)
class Planned:
    """The next state of a table: parts kept as they are and rows of parts to write, in their order."""

    parts: list[Part | pa.Table] = field(default_factory=list)
    rows: int = 0


def keys(table: pa.Table, columns: Sequence[str]) -> pa.Array:
    """One string a row that identifies it."""
    parts = [pc.cast(table[c], pa.large_string()) for c in columns]
    joined = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, pa.scalar("\x1f", pa.large_string()))
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column


def differs(old: pa.ChunkedArray | pa.Array, new: pa.ChunkedArray | pa.Array) -> Mask:
    """Where two columns of one type and length differ; null equals null and nothing else."""
    a, b = _flat(old), _flat(new)
    valid_a, valid_b = (np.asarray(x.is_valid().to_numpy(zero_copy_only=False), dtype=bool) for x in (a, b))
    out: Mask = valid_a != valid_b
    if pa.types.is_list(a.type):
        length_a, length_b = (
            pc.fill_null(pc.list_value_length(x), -1).to_numpy(zero_copy_only=False).astype(np.int64) for x in (a, b)
        )
        out |= length_a != length_b
        same = ~out
        items = differs(a.filter(pa.array(same)).flatten(), b.filter(pa.array(same)).flatten())
        owner = np.repeat(np.flatnonzero(same), np.maximum(length_a[same], 0))
        out[owner[items]] = True
        return out
    if pa.types.is_struct(a.type):
        for i in range(a.type.num_fields):
            out |= differs(pc.struct_field(a, [i]), pc.struct_field(b, [i]))
        return out
    unequal = pc.fill_null(pc.not_equal(a, b), False).to_numpy(zero_copy_only=False)
    out |= unequal.astype(bool)
    return out


def _positions(values: pa.Array, among: pa.Array) -> Indices:
    """For each value its index among the others, or -1."""
    found = pc.fill_null(pc.index_in(values, value_set=among), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def compare(old: pa.Table, new: pa.Table, table: Table, ignore: Sequence[str] = ()) -> Difference:
    """What changed between two states of a table. `ignore` names columns whose change does not count."""
    key_old, key_new = keys(old, table.key), keys(new, table.key)
    at = _positions(key_new, key_old)
    removed = np.flatnonzero(_positions(key_old, key_new) < 0)
    added = np.flatnonzero(at < 0)
    pairs_new = np.flatnonzero(at >= 0)
    pairs_old = at[pairs_new]
    left, right = old.take(pa.array(pairs_old)), new.take(pa.array(pairs_new))
    names = [c.name for c in table.columns if c.name not in table.key and c.name not in ignore]
    masks = np.array([differs(left[n], right[n]) for n in names]).reshape(len(names), len(pairs_new))
    hit = np.flatnonzero(masks.any(axis=0))
    columns = [tuple(names[i] for i in np.flatnonzero(masks[:, j])) for j in hit]
    return Difference(added, removed, pairs_old[hit], pairs_new[hit], columns)


def plan(
    parent: Sequence[Stored],
    new: pa.Table,
    difference: Difference,
    table: Table,
) -> Planned:
    """The parts of the next state. new: all its rows; difference: `compare` of the parent's rows with them."""
    schema = table.schema
    old = pa.concat_tables([schema.empty_table(), *(s.rows for s in parent)])
    changed = new.take(pa.array(difference.changed_new))
    added = new.take(pa.array(difference.added))
    added = added.take(pc.sort_indices(keys(added, table.key)))

    # For each parent row the row that takes its place in [old, changed], or -1 when it left.
    place = np.arange(old.num_rows, dtype=np.int64)
    place[difference.changed_old] = old.num_rows + np.arange(changed.num_rows)
    place[difference.removed] = -1
    pool = pa.concat_tables([old, changed])
    parts: list[Part | pa.Table] = []
    start = 0
    for stored in parent:
        here = place[start : start + stored.rows.num_rows]
        kept = here[here >= 0]
        if stored.kept and len(kept) == len(here) and (kept < old.num_rows).all():
            parts.append(stored.part)
        elif len(kept):
            parts.append(pool.take(pa.array(kept)))
        start += stored.rows.num_rows
    parts += [added.slice(i, PART_ROWS) for i in range(0, added.num_rows, PART_ROWS)]
    parts = [p for p in parts if _rows(p)]
    known = {s.part.sha256: s.rows for s in parent}
    parts = _merge(parts, lambda p: known[p.sha256] if isinstance(p, Part) else p)
    if not parts:
        parts = [schema.empty_table()]  # a table always has a file, so that its folder can always be read
    return Planned(parts, sum(map(_rows, parts)))


def _rows(part: Part | pa.Table) -> int:
    return part.rows if isinstance(part, Part) else part.num_rows


def _size_class(rows: int) -> int:
    return -1 if rows >= PART_ROWS // 2 else int(np.log(max(rows, 1)) / np.log(SIZE_CLASS) + 1e-9)


def _merge(parts: list[Part | pa.Table], load: Callable[[Part | pa.Table], pa.Table]) -> list[Part | pa.Table]:
    """Merge parts of one size class, at the place of the first of them, until no class has MERGE_AT of them."""
    while True:
        classes: dict[int, list[int]] = {}
        for i, part in enumerate(parts):
            classes.setdefault(_size_class(_rows(part)), []).append(i)
        full = next((v for k, v in sorted(classes.items()) if k >= 0 and len(v) >= MERGE_AT), None)
        if full is None:
            return parts
        rows = pa.concat_tables([load(parts[i]) for i in full])
        merged = [rows.slice(i, PART_ROWS) for i in range(0, rows.num_rows, PART_ROWS)]
        parts = [*parts[: full[0]], *merged, *(p for i, p in enumerate(parts) if i > full[0] and i not in full)]
