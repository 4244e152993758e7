"""Personal data in the published rows: told in a column, and masked. What it is and how it is found stands in crawler/personal.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crawler.corrections.apply import with_text
from crawler.personal import FIELDS, KINDS, LISTS, Hit, digest, find, mask, rules, scan, scanned, words
from crawler.records import STRINGS

__all__ = ["COLUMN", "KINDS", "Hit", "apply", "digest", "find", "mask", "pages", "rules", "scan"]

COLUMN = "personal_data"
Mask = npt.NDArray[np.bool_]


def apply(rows: pa.Table, mask_found: bool, among: Mask | None = None) -> pa.Table:
    """Rows of `speeches` with the column personal_data filled (added at the end where there is none), and, with `mask_found`, what was
    found masked in every column that holds text. What follows from the text (digests, lengths, masks, outline …) is made anew there.

    personal_data tells what was found in the row as read, masked or not: kinds that stand there already stay, so that a row that
    was masked before (one held from the version before) keeps them. The same rows give the same result, as often as it is applied.

    among: the rows that may have any (crawler/textfacts.py), all when None.
    """
    kinds: dict[int, set[str]] = {}
    some, at = _some(rows, among, ["text", *(n for n in (*FIELDS, *LISTS) if n in rows.column_names)])
    for column in (some["text"], words(some)) if len(at) else ():
        for i, told in scanned(column):
            kinds.setdefault(int(at[i]), set()).update(told)
    there = COLUMN in rows.column_names
    if not there:
        nothing = pa.array([[]], STRINGS).take(pa.array(np.zeros(rows.num_rows, np.int64)))
        rows = rows.append_column(pa.field(COLUMN, STRINGS, nullable=False), nothing)
    if not kinds:
        return rows
    hit = sorted(kinds)
    listed: list[Any] = rows[COLUMN].to_pylist()
    for i in hit:
        listed[i] = sorted(kinds[i] | set(listed[i] or ()))
    if mask_found:
        rows = _replaced(rows, hit)
    at = rows.schema.get_field_index(COLUMN)
    return rows.set_column(at, rows.schema.field(at), pa.array(listed, STRINGS))


def pages(rows: pa.Table, among: Mask | None = None) -> pa.Table:
    """Rows of `pages` with what was found in their titles masked: they are those of the speeches, and of what is none. among: as of `apply`."""
    some, at = _some(rows, among, ["title"])
    hit = [int(at[i]) for i, _ in scanned(some["title"])] if len(at) else []
    if not hit:
        return rows
    titles = rows["title"].to_pylist()
    for i in hit:
        titles[i] = mask(titles[i])
    at = rows.schema.get_field_index("title")
    return rows.set_column(at, rows.schema.field(at), pa.array(titles, rows.schema.field(at).type))


def _some(rows: pa.Table, among: Mask | None, columns: Sequence[str]) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """These columns of the rows that are among these, and their numbers."""
    if among is None or among.all():
        return rows.select(columns), np.arange(rows.num_rows)
    # filtered, not taken: a take would put all texts into one piece first
    return rows.select(columns).filter(pa.array(among)), np.flatnonzero(among)


def _masked(row: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(row)
    for name in FIELDS:
        if out.get(name):
            out[name] = mask(out[name])
    for name in LISTS:
        if out.get(name):
            out[name] = [mask(x) for x in out[name]]
    text = mask(row["text"])
    return with_text(out, text) if text != row["text"] else out


def _replaced(rows: pa.Table, at: list[int]) -> pa.Table:
    """The rows with those at `at` (ascending) masked; columns in which nothing changes stay as they are."""
    here = np.zeros(rows.num_rows, bool)
    here[at] = True
    before = rows.filter(pa.array(here))
    new = [_masked(r) for r in before.to_pylist()]
    made = pa.Table.from_pylist([{n: r[n] for n in rows.column_names} for r in new], schema=rows.schema)
    place = np.arange(rows.num_rows)
    place[at] = rows.num_rows + np.arange(len(at))
    take = pa.array(place)
    columns = []
    for name in rows.column_names:
        old = rows[name]
        same = before[name].combine_chunks().equals(made[name].combine_chunks())
        columns.append(old if same else pa.chunked_array([*old.chunks, *made[name].chunks], old.type).take(take))
    return pa.Table.from_arrays(columns, schema=rows.schema)
