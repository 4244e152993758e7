"""A version's tables and documents without what was taken down: pure functions of rows and values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from publisher.changes import SCHEMA as CHANGES
from publisher.duplicates import relate, texts_of
from publisher.layout import keys
from publisher.tables import CONTAINED, DUPLICATES

SHORTEST = 4  # characters of a title by which it is found in a document; a shorter one stands in others by chance


def without_ids(rows: pa.Table, column: str, ids: Collection[str]) -> pa.Table:
    """Rows whose `column` is none of `ids`; the same table when none is."""
    hit = pc.is_in(rows[column], value_set=pa.array(list(ids), pa.string()))
    return rows.filter(pc.invert(hit)) if pc.any(hit).as_py() else rows


def neighbours(duplicates: pa.Table, contained: pa.Table, ids: Collection[str]) -> set[str]:
    """The speeches whose relations hang on those that go: the others of their clusters, and what stands in them or they in."""
    gone = pa.array(list(ids), pa.string())
    clusters = duplicates["cluster_id"].filter(pc.is_in(duplicates["speech_id"], value_set=gone)).unique()
    near = duplicates["speech_id"].filter(pc.is_in(duplicates["cluster_id"], value_set=clusters)).to_pylist()
    inside = contained.filter(pc.is_in(contained["container_id"], value_set=gone))["speech_id"].to_pylist()
    return {*near, *inside} - set(ids)


def relations(
    duplicates: pa.Table, contained: pa.Table, ids: Collection[str], speeches: pa.Table
) -> tuple[pa.Table, pa.Table]:
    """The tables `duplicates` and `contained` without the speeches `ids`, rows in their order.

    speeches: rows of their `neighbours`. Their clusters are worked out again: another one may stand for a cluster now, or a cluster may
    fall apart. What stood in a speech that goes may stand in a copy of it.
    """
    gone = pa.array(list(ids), pa.string())
    mine = speeches["speech_id"].to_pylist()
    found = relate(speeches, texts_of(speeches)) if mine else None
    new = {r["speech_id"]: r for r in found.duplicates.to_pylist()} if found else {}
    rows = []
    again = set(duplicates["speech_id"].to_pylist()) & set(mine)
    for row in duplicates.to_pylist():
        if row["speech_id"] in again:
            if row["speech_id"] in new:
                rows.append(new[row["speech_id"]])
        elif row["speech_id"] not in ids:
            rows.append(row)
    kept = contained.filter(
        pc.invert(
            pc.or_(
                pc.is_in(contained["speech_id"], value_set=gone), pc.is_in(contained["container_id"], value_set=gone)
            )
        )
    )
    pairs = kept.to_pylist()
    if found:
        # of several containers with one folded text only the best has a row: where it goes, the next best gets it
        known = {(r["speech_id"], r["container_id"]) for r in pairs}
        inside = set(contained.filter(pc.is_in(contained["container_id"], value_set=gone))["speech_id"].to_pylist())
        new_pairs = [r for r in found.contained.to_pylist() if (r["speech_id"], r["container_id"]) not in known]
        pairs += [r for r in new_pairs if r["speech_id"] in inside and r["container_id"] in again]
    return (
        pa.Table.from_pylist(rows, schema=duplicates.schema if duplicates.num_rows else DUPLICATES.schema),
        pa.Table.from_pylist(pairs, schema=contained.schema if contained.num_rows else CONTAINED.schema),
    )


def document(value: Any, words: Collection[str]) -> Any:
    """A JSON value without the items of lists, and the keys of mappings, that name one of `words`; a string that holds one is left empty."""
    if isinstance(value, str):
        return "" if _named(value, words) else value
    if isinstance(value, list):
        return [document(x, words) for x in value if not _names(x, words)]
    if isinstance(value, Mapping):
        return {k: document(v, words) for k, v in value.items() if not _named(str(k), words)}
    return value


def _names(value: Any, words: Collection[str]) -> bool:
    """Whether an item of a list is about one of the words: it is such a string, or a mapping that has one as a value."""
    if isinstance(value, str):
        return _named(value, words)
    return isinstance(value, Mapping) and any(isinstance(v, str) and _named(v, words) for v in value.values())


def _named(text: str, words: Collection[str]) -> bool:
    return any(w in text for w in words)


def words_of(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Words by which the documents of a version may name speeches: ids, addresses of their pages, titles."""
    out: set[str] = set()
    for row in rows:
        out |= {row["speech_id"], row["page_url"]}
        out |= {t for n in ("title", "title_raw", "part_title") if (t := row.get(n)) and len(t) >= SHORTEST}
    return out


def filtered_changes(rows: pa.Table, ids: Collection[str]) -> pa.Table:
    """Rows of changes.parquet that do not speak of these speeches."""
    mine = set(ids)
    stay = [not (mine & set(i.split(" "))) for i in rows["id"].to_pylist()]
    return rows.filter(pa.array(stay, pa.bool_())).cast(CHANGES)


def parts_of(rows: pa.Table, before: Sequence[pa.Table], key: Sequence[str]) -> Iterator[pa.Table]:
    """`rows`, dealt out again to the parts that they came from; what is new goes to the last. Empty parts are left out."""
    places = {k: i for i, part in enumerate(before) for k in keys(part, key).to_pylist()}
    last = max(len(before) - 1, 0)
    at = [places.get(k, last) for k in keys(rows, key).to_pylist()]
    for i in range(max(len(before), 1)):
        here = rows.filter(pa.array([a == i for a in at], pa.bool_()))
        if here.num_rows:
            yield here
