"""The rows of a version as the catalogue shows them: all but the texts, oldest first, with where each lies in its part.

The number of a row is its place in this order; every other file of the catalogue speaks of rows by number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crawler.errors import DamagedError
from publisher.manifest import Manifest
from publisher.storage import decode
from publisher.versions import part_path

I64 = npt.NDArray[np.int64]

PREVIEW, COPIES, CHOSEN, GONE, INSIDE = 1, 2, 4, 8, 16  # bits of `marks`
MARKS = {"preview": PREVIEW, "copies": COPIES, "chosen": CHOSEN, "gone": GONE, "inside": INSIDE}
FACETS = {"site": "site", "kind": "doc_type", "level": "admin_level", "region": "region"}
_COLUMNS = (
    "speech_id", "page_url", "site", "title", "part_title", "doc_type", "admin_level", "region", "topics", "published_at", "is_preview",
    "chars", "gone_since", "site_title",
)  # fmt: skip
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Coded:
    """A column as small numbers. values: what each number stands for, the most frequent first; None: nothing was found."""

    codes: I64
    values: list[Any]
    counts: list[int]


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of `speeches` of a version, oldest first, those without a date before all others.

    days: since 1970 in the site's own time, -2**31 without a date. place: number of the part, row in it. marks: see MARKS.
    facets: coded columns by name; `topic` codes lists of topics. cluster: number of the cluster or -1. clusters: of each its rows
    as [row, jaccard, reason, chosen], the chosen one first. inside: containers of a row as (row, share). origin: where the rows of
    `provenance` lie. fetched: seconds since 1970 of the first response, 0 where not known. site_titles: what most pages of a site call it.
    """

    ids: list[str]
    urls: list[str]
    titles: list[str]
    days: I64
    chars: I64
    marks: I64
    part: I64
    offset: I64
    facets: dict[str, Coded]
    cluster: I64
    clusters: list[list[tuple[int, float, str, bool]]]
    inside: dict[int, list[tuple[int, float]]]
    origin: dict[int, list[tuple[int, int]]] = field(repr=False)
    fetched: I64 = field(repr=False)
    site_titles: dict[str, str] = field(repr=False)

    def __len__(self) -> int:
        return len(self.ids)


UNDATED = -(2**31)


def read_rows(folder: Path, manifest: Manifest) -> Rows:
    """The rows of a version. folder: of the dataset. Raises DamagedError for a part that is not what was written."""
    table = _table(folder, manifest, "speeches", _COLUMNS)
    order = pc.sort_indices(
        table,
        sort_keys=[("published_at", "ascending", "at_start"), ("speech_id", "ascending", "at_end")],
    )
    table = table.take(order)
    ids: list[str] = table["speech_id"].to_pylist()
    at = {speech_id: n for n, speech_id in enumerate(ids)}
    marks = np.where(_numbers(table["is_preview"].cast(pa.int64())) > 0, PREVIEW, 0)
    marks |= np.where(_numbers(table["gone_since"].is_valid().cast(pa.int64())) > 0, GONE, 0)
    cluster, clusters = _clusters(folder, manifest, at, marks)
    inside = _inside(folder, manifest, at, marks)
    origin, fetched = _origin(folder, manifest, at)
    facets = {name: _coded(table[column].to_pylist()) for name, column in FACETS.items()}
    facets["topic"] = _coded([tuple(t) for t in table["topics"].to_pylist()])
    return Rows(
        ids=ids,
        urls=table["page_url"].to_pylist(),
        titles=[
            f"{t} · {p}" if p else t
            for t, p in zip(table["title"].to_pylist(), table["part_title"].to_pylist(), strict=True)
        ],
        days=_days(table["published_at"]),
        chars=_numbers(table["chars"]),
        marks=marks,
        part=_numbers(table["#part"]),
        offset=_numbers(table["#offset"]),
        facets=facets,
        cluster=cluster,
        clusters=clusters,
        inside=inside,
        origin=origin,
        fetched=fetched,
        site_titles=_site_titles(table),
    )


def _table(folder: Path, manifest: Manifest, name: str, columns: Sequence[str]) -> pa.Table:
    """Some columns of a table, with number of part and row in it as `#part` and `#offset`; page checksums verified."""
    found = []
    for number, part in enumerate(manifest.tables[name].parts):
        path = part_path(folder, name, part)
        try:
            with pq.ParquetFile(path) as file:
                there = [c for c in columns if c in file.schema_arrow.names]
            with pa.OSFile(str(path)) as opened:
                rows = decode(opened, str(path), there)
        except (OSError, pa.ArrowException) as e:
            raise DamagedError(
                f"cannot read: {str(e).splitlines()[0]}", where=str(path), remedy="run `jianghua doctor`"
            ) from e
        n = rows.num_rows
        if n != part.rows:
            raise DamagedError(
                f"{n} rows where the manifest says {part.rows}", where=str(path), remedy="run `jianghua doctor`"
            )
        rows = rows.append_column("#part", pa.repeat(pa.scalar(number, pa.int32()), n))
        found.append(rows.append_column("#offset", pa.array(np.arange(n, dtype=np.int32))))
    return pa.concat_tables(found, promote_options="permissive")


def _site_titles(table: pa.Table) -> dict[str, str]:
    if "site_title" not in table.column_names:
        return {}
    counts = table.group_by(["site", "site_title"]).aggregate([([], "count_all")]).to_pylist()
    best: dict[str, tuple[int, str]] = {}
    for r in counts:
        if r["site_title"] and (r["count_all"], r["site_title"]) > best.get(r["site"], (0, "")):
            best[r["site"]] = (r["count_all"], r["site_title"])
    return {site: title for site, (_, title) in best.items()}


def _numbers(column: pa.ChunkedArray) -> I64:
    return np.asarray(column.cast(pa.int64()).to_numpy(), dtype=np.int64)


def _days(published: pa.ChunkedArray) -> I64:
    local = pc.local_timestamp(published).cast(pa.date32()).cast(pa.int32())
    return np.asarray(pc.fill_null(local, UNDATED).to_numpy(), dtype=np.int64)


def _coded(values: Sequence[Any]) -> Coded:
    counts: dict[Any, int] = {}
    for v in values:
        counts[v] = counts.get(v, 0) + 1
    ranked = sorted(counts, key=lambda v: (-counts[v], str(v)))
    number = {v: n for n, v in enumerate(ranked)}
    codes = np.fromiter((number[v] for v in values), np.int64, len(values))
    return Coded(codes, [list(v) if isinstance(v, tuple) else v for v in ranked], [counts[v] for v in ranked])


def _clusters(
    folder: Path, manifest: Manifest, at: dict[str, int], marks: I64
) -> tuple[I64, list[list[tuple[int, float, str, bool]]]]:
    cluster = np.full(len(at), -1, np.int64)
    if "duplicates" not in manifest.tables:
        return cluster, []
    table = _table(
        folder, manifest, "duplicates", ("speech_id", "cluster_id", "is_representative", "jaccard", "reason")
    )
    members: dict[str, list[tuple[int, float, str, bool]]] = {}
    for r in table.to_pylist():
        row = at.get(r["speech_id"])
        if row is not None:
            members.setdefault(r["cluster_id"], []).append(
                (row, round(float(r["jaccard"] or 0), 4), r["reason"] or "", bool(r["is_representative"]))
            )
    clusters = [sorted(rows, key=lambda m: (not m[3], -m[1], m[0])) for rows in members.values() if len(rows) > 1]
    clusters.sort(key=lambda rows: rows[0][0])
    for number, rows in enumerate(clusters):
        for row, _, _, chosen in rows:
            cluster[row] = number
            marks[row] |= COPIES | (CHOSEN if chosen else 0)
    return cluster, clusters


def _inside(folder: Path, manifest: Manifest, at: dict[str, int], marks: I64) -> dict[int, list[tuple[int, float]]]:
    out: dict[int, list[tuple[int, float]]] = {}
    if "contained" in manifest.tables:
        table = _table(folder, manifest, "contained", ("speech_id", "container_id", "share"))
        for r in table.to_pylist():
            row, container = at.get(r["speech_id"]), at.get(r["container_id"])
            if row is not None and container is not None:
                out.setdefault(row, []).append((container, round(float(r["share"]), 4)))
                marks[row] |= INSIDE
    return {row: sorted(found) for row, found in out.items()}


def _origin(folder: Path, manifest: Manifest, at: dict[str, int]) -> tuple[dict[int, list[tuple[int, int]]], I64]:
    fetched = np.zeros(len(at), np.int64)
    out: dict[int, list[tuple[int, int]]] = {}
    if "provenance" in manifest.tables:
        table = _table(folder, manifest, "provenance", ("speech_id", "ordinal", "fetched_at"))
        table = table.sort_by([("ordinal", "ascending"), ("#part", "ascending"), ("#offset", "ascending")])
        seconds = _numbers(pc.fill_null(table["fetched_at"].cast(pa.int64()), 0)) // 1000
        for speech_id, part, offset, second in zip(
            table["speech_id"].to_pylist(), _numbers(table["#part"]), _numbers(table["#offset"]), seconds, strict=True
        ):
            row = at.get(speech_id)
            if row is not None:
                out.setdefault(row, []).append((int(part), int(offset)))
                if not fetched[row]:
                    fetched[row] = second
    return out, fetched


def year_of(day: int) -> int | None:
    """The year of a day since 1970; None without a date or outside of what a calendar has."""
    try:
        return None if day == UNDATED else date.fromordinal(day + _EPOCH).year
    except (ValueError, OverflowError):
        return None


def month_of(day: int) -> int | None:
    """The month of a day since 1970 as year times 100 plus month."""
    try:
        d = date.fromordinal(day + _EPOCH)
    except (ValueError, OverflowError):
        return None
    return d.year * 100 + d.month
