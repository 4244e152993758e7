"""Taking in: the records of a publish, some units at a time, each row compared with what the parent version has of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crawler.errors import DamagedError
from publisher import checks, gates, quality
from publisher import recipe as recipes
from publisher.identity import reconcile
from publisher.intake import Source, Unit
from publisher.layout import Places, flat, keys
from publisher.manifest import Gate
from publisher.parts import PartStore
from publisher.recipe import Recipe
from publisher.rowindex import page_codes
from publisher.rules import RowCheck
from publisher.stage import SpeechColumns, Stage
from publisher.tables import TABLES, Table
from publisher.upgrade import nothing

RECORDS = ("speeches", "provenance", "pages")
BATCH = 10_000  # rows of all tables that are taken in together, where units are small


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


@dataclass(slots=True)
class Light:
    """Of some units and a table: the keys of the rows; for each its place in the parent or -1, its rank among all rows read, and the
    number of its unit."""

    keys: pa.Array
    at: Places
    ranks: Places
    units: Places

    def of(self, found: pa.Array) -> Light:
        """The same for rows that a recipe has left, whatever their order."""
        if found.equals(self.keys):
            return self
        at = pc.index_in(found, value_set=self.keys).to_numpy(zero_copy_only=False).astype(np.int64)
        return Light(found, self.at[at], self.ranks[at], self.units[at])


def _joined(parts: Sequence[Light]) -> Light:
    if len(parts) == 1:
        return parts[0]
    return Light(
        pa.concat_arrays([p.keys for p in parts]),
        *(np.concatenate(arrays) for arrays in zip(*((p.at, p.ranks, p.units) for p in parts), strict=True)),
    )


def batches(units: Sequence[Unit], light: Mapping[str, Mapping[str, Light]], alone: bool) -> Iterator[list[Unit]]:
    """Units that are taken in together: small ones until they have BATCH rows. alone: each by itself."""
    batch: list[Unit] = []
    rows = 0
    for unit in units:
        more = sum(len(part.at) for part in light.get(unit.name, {}).values())
        if batch and (alone or rows + more > BATCH):
            yield batch
            batch, rows = [], 0
        batch.append(unit)
        rows += more
    if batch:
        yield batch


def _light_columns(name: str) -> list[str]:
    return [*TABLES[name].key, *{"speeches": ["page_url", "published_at"], "pages": ["url"]}.get(name, [])]


OLD = -(2**62)  # the day of what has none: before all others


def look(
    source: Source, units: Sequence[Unit], stages: Mapping[str, Stage], numbers: Mapping[str, int]
) -> tuple[dict[str, dict[str, Light]], dict[str, str]]:
    """Keys of all rows of the units and their order; and the sites with records that cannot be read, with what is wrong.

    What is new is laid out by the day of its speech, then by key, so that the newest speeches stand together, which are the ones most
    likely to change again.
    """
    seen: dict[str, dict[str, tuple[pa.Array, npt.NDArray[np.int64]]]] = {}
    damaged: dict[str, str] = {}
    for unit in units:
        try:
            rows = {n: source.read(unit, n, _light_columns(n)) for n in RECORDS}
        except DamagedError as e:
            damaged[unit.site] = f"{e.what} ({e.where})" if e.where else e.what
            continue
        if any(c not in rows[n].column_names for n in RECORDS for c in _light_columns(n)):
            return {}, {}  # the gate of the schema will say so
        seen[unit.name] = _days(rows)
    good = [u for u in units if u.site not in damaged]
    out: dict[str, dict[str, Light]] = {u.name: {} for u in good}
    for n in RECORDS:
        every = pa.concat_arrays([pa.array([], pa.large_string()), *(seen[u.name][n][0] for u in good)])
        day = np.concatenate([np.zeros(0, np.int64), *(seen[u.name][n][1] for u in good)])
        order = pc.sort_indices(
            pa.table({"day": day, "key": every}), sort_keys=[("day", "ascending"), ("key", "ascending")]
        ).to_numpy()
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        at = stages[n].find(every)
        start = 0
        for unit in good:
            found = seen[unit.name][n][0]
            here = slice(start, start + len(found))
            out[unit.name][n] = Light(found, at[here], ranks[here], np.full(len(found), numbers[unit.name], np.int64))
            start += len(found)
    return out, damaged


def _days(rows: Mapping[str, pa.Table]) -> dict[str, tuple[pa.Array, npt.NDArray[np.int64]]]:
    """Of the rows of a unit by table: their keys, and the day of the speech that each belongs to."""
    speeches = rows["speeches"]
    day = pc.fill_null(flat(speeches["published_at"]).cast(pa.timestamp("ms", "UTC")).cast(pa.int64()), OLD)
    of_speech = np.append(day.to_numpy(zero_copy_only=False), OLD)
    out = {"speeches": (keys(speeches, TABLES["speeches"].key), of_speech[:-1])}
    for n, column, among in (("provenance", "speech_id", "speech_id"), ("pages", "url", "page_url")):
        at = flat(pc.fill_null(pc.index_in(rows[n][column], value_set=flat(speeches[among])), -1))
        out[n] = keys(rows[n], TABLES[n].key), of_speech[at.to_numpy(zero_copy_only=False)]
    return out


class Intake:
    """Takes the units in, one after the other."""

    def __init__(
        self, source: Source, stages: dict[str, Stage], store: PartStore, recipe: Recipe, version: str, now: datetime
    ) -> None:
        self.version = version
        self.source, self.stages, self.store, self.recipe = source, stages, store, recipe
        self.gates: list[Gate] = []
        self.rules = RowCheck(now)
        self.fresh = quality.Measures()  # of new and changed speeches
        self.notes: dict[str, Any] = {}
        self.dropped: dict[str, str] = {}
        self.brought: Counter[str] = Counter()
        self.fates: dict[tuple[str, str], dict[str, Any]] = {}
        speeches = stages["speeches"]
        self._pages = speeches.index["page"].to_numpy() if speeches.old else np.zeros(0, np.uint64)
        self._by_page = np.argsort(self._pages, kind="stable")
        self._tombs: dict[str, str] = {}

    def tombstones(self, removed: pa.Table) -> None:
        """What the parent says of speeches that are no more: their ids are not given to another text."""
        ids = removed["speech_id"].to_pylist()
        self._tombs = dict(zip(ids, (x or "" for x in removed["text_sha256"].to_pylist()), strict=True))

    def take(self, units: Sequence[Unit], light: Mapping[str, Mapping[str, Light]]) -> bool:
        """Take some units in; False when their tables are not what they should be (see `gates`)."""
        raw = {n: pa.concat_tables([self.source.read(u, n) for u in units]) for n in RECORDS}
        for n, rows in raw.items():
            table = TABLES[n]
            names = [c.name for c in table.columns if c.name not in (*table.own, *table.made)]
            self.gates.append(gates.schema(table, rows, names))
        if gates.refused(self.gates):
            return False
        self.brought.update(raw["speeches"]["site"].to_pylist())
        given = {n: in_order(rows, TABLES[n]) for n, rows in raw.items()}
        given["speeches"] = _with_gone_since(given["speeches"], given["pages"])
        given["speeches"] = SpeechColumns(self.version, {}).added(given["speeches"])  # as if all were new
        where = {n: _joined([light[u.name][n] for u in units]) for n in RECORDS}
        self._identify(given, where)
        made = recipes.apply(self.recipe, given["speeches"], given["provenance"], given["pages"])
        self.dropped |= made.dropped
        if made.notes:
            self.notes[units[0].name] = made.notes
        for n, rows in (("speeches", made.speeches), ("provenance", made.provenance), ("pages", made.pages)):
            where[n] = where[n].of(keys(rows, TABLES[n].key))
            new, changed = self.stages[n].take_in(rows, where[n].at, where[n].ranks, where[n].units)
            fresh = new | changed
            some = rows if fresh.all() else rows.filter(pa.array(fresh))
            self.rules.add(n, some)
            if n == "speeches":
                self.fresh += quality.measure(some)
                self.gates.append(gates.provenance(some, made.provenance))
        self.gates = checks.merged(self.gates)
        return True

    def _identify(self, given: dict[str, pa.Table], where: dict[str, Light]) -> None:
        """On pages whose parts are not what they were, ids follow the text (publisher/identity.py)."""
        stage = self.stages["speeches"]
        if not stage.old or not given["speeches"].num_rows:
            return
        at = where["speeches"].at
        pages = page_codes(given["speeches"])
        order = self._by_page
        lo = np.searchsorted(self._pages, pages, side="left", sorter=order)
        hi = np.searchsorted(self._pages, pages, side="right", sorter=order)
        before = hi - lo
        _, inverse, count = np.unique(pages, return_inverse=True, return_counts=True)
        now = count[inverse]
        several = (before > 0) & ((before > 1) | (now > 1) | (at < 0))
        if not several.any():
            return
        texts = stage.index["text_sha256"]
        new_texts = given["speeches"]["text_sha256"]
        suspects: set[int] = set()
        mine = np.flatnonzero(several)
        old_texts = texts.take(pa.array(np.maximum(at[mine], 0))).to_pylist()
        for i, old_text, new_text in zip(
            mine.tolist(), old_texts, new_texts.take(pa.array(mine)).to_pylist(), strict=True
        ):
            if at[i] < 0 or old_text != new_text or before[i] != now[i]:
                suspects.add(int(pages[i]))
        if not suspects:
            return
        chosen = np.isin(pages, np.fromiter(suspects, np.uint64))
        old_places = np.sort(
            np.concatenate([order[a:b] for a, b in {(int(lo[i]), int(hi[i])) for i in np.flatnonzero(chosen)}])
        )
        columns = [
            "speech_id",
            "site",
            "page_url",
            "part",
            "title",
            "part_title",
            "text",
            "text_sha256",
            "simtext_sha256",
        ]
        old = stage.details(self.store, old_places, columns)
        new = given["speeches"].filter(pa.array(chosen)).select(columns)
        taken = {*old["speech_id"].to_pylist(), *self._tombs}
        names = {a: b for a, b in reconcile(old, new, taken, self._tombs).items() if a != b}
        if not names:
            return
        for name in ("speeches", "provenance"):
            given[name], renamed = _renamed(given[name], names)
            found = keys(given[name], TABLES[name].key)
            at = where[name].at.copy()
            at[renamed] = self.stages[name].find(found.filter(pa.array(renamed)))
            where[name] = Light(found, at, where[name].ranks, where[name].units)


def _renamed(rows: pa.Table, names: Mapping[str, str]) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    ids = rows["speech_id"].to_pylist()
    renamed = np.fromiter((i in names for i in ids), bool, len(ids))
    at = rows.schema.get_field_index("speech_id")
    column = pa.array([names.get(i, i) for i in ids], pa.string())
    return rows.set_column(at, rows.schema.field(at), column), renamed


def _with_gone_since(speeches: pa.Table, pages: pa.Table) -> pa.Table:
    at = speeches.schema.get_field_index("gone_since")
    gone = pages.filter(pc.is_valid(pages["gone_since"]))
    where = pc.index_in(speeches["page_url"], value_set=flat(gone["url"]))
    return speeches.set_column(at, speeches.schema.field(at), gone["gone_since"].take(where))


def unique_keys(stage: Stage, light: Mapping[str, Mapping[str, Light]]) -> Gate:
    """No two rows of the records have one key: neither two that were read nor one that was read and one of a unit that was not."""
    name = stage.table.name
    read = [part[name].keys for part in light.values()]
    kept = flat(stage.index["key"]).filter(pa.array(stage.kept))
    return checks.unique_keys(stage.table, pa.concat_arrays([*read, kept]))
