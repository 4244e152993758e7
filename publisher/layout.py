"""Where rows lie: the next state of a table from its parent's parts and the new rows, and what changed between them.

Rows keep their part and their place; new rows go into new parts; a part is made again only when one of its rows changed or
left. Small parts are merged when four of one size class have gathered, so that a row is written again a few times in its
life and never with each publish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MERGE_AT = 4  # parts of one size class
SIZE_CLASS = 4  # each class holds parts up to four times as long as the one before

Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]
Places = Indices


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


def keys(table: pa.Table, columns: Sequence[str]) -> pa.Array:
    """One string a row that identifies it."""
    parts = [pc.cast(table[c], pa.large_string()) for c in columns]
    return flat(
        parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, pa.scalar("\x1f", pa.large_string()))
    )


def flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column in one piece."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def differs(old: pa.ChunkedArray | pa.Array, new: pa.ChunkedArray | pa.Array) -> Mask:
    """Where two columns of one type and length differ; null equals null and nothing else."""
    a, b = flat(old), flat(new)
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


def plan(sizes: Sequence[int], touched: Mask, removed: Mask, added: Places, most: int) -> list[int | Places]:
    """The parts of the next state of a table: the number of a part that stays as it is, or the places of the rows of a part to write.

    sizes: rows of each part of the parent; a row of the parent has the place that it has in the version. touched: which of these rows
    are changed or leave; removed: which leave; added: places of the new rows, in their order. most: rows a part.
    """
    parts: list[int | Places] = []
    start = 0
    counts: list[int] = []
    for number, size in enumerate(sizes):
        here = slice(start, start + size)
        if not touched[here].any():
            parts.append(number)
            counts.append(size)
        elif len(stay := start + np.flatnonzero(~removed[here])):
            parts.append(stay)
            counts.append(len(stay))
        start += size
    for i in range(0, len(added), most):
        parts.append(added[i : i + most])
        counts.append(len(parts[-1]))  # type: ignore[arg-type]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def places(part: int | Places) -> Places:
        return np.arange(starts[part], starts[part + 1]) if isinstance(part, int) else part

    drop = [i for i, n in enumerate(counts) if not n]  # an empty part stands only in an empty table
    for i in reversed(drop):
        del parts[i], counts[i]
    while True:
        classes: dict[int, list[int]] = {}
        for i, n in enumerate(counts):
            classes.setdefault(_size_class(n, most), []).append(i)
        full = next((v for k, v in sorted(classes.items()) if k >= 0 and len(v) >= MERGE_AT), None)
        if full is None:
            return parts
        # in the order of places: a part that was merged already may end with new rows, and older ones follow it
        rows = np.sort(np.concatenate([places(parts[i]) for i in full]))
        merged: list[int | Places] = [rows[i : i + most] for i in range(0, len(rows), most)]
        rest = [i for i in range(full[0] + 1, len(parts)) if i not in set(full)]
        parts = [*parts[: full[0]], *merged, *(parts[i] for i in rest)]
        counts = [*counts[: full[0]], *(len(m) for m in merged), *(counts[i] for i in rest)]  # type: ignore[arg-type]


def _size_class(rows: int, most: int) -> int:
    return -1 if rows >= most // 2 else int(np.log(max(rows, 1)) / np.log(SIZE_CLASS) + 1e-9)
