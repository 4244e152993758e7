"""Looking: which rows of the records a publish has to read, and where they stand in the parent version.

Of a shard that the parent has not taken in as it is, three things tell the rows that changed, the cheapest first: what extraction kept of
the difference to the shard before it, where the parent has taken in that one; the digest of each row beside the shard; the keys alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crawler.errors import DamagedError
from crawler.shards import MARKS_SCHEMA, ShardChange
from crawler.textfacts import UNKNOWN, Facts
from publisher import checks
from publisher.intake import SCHEMAS, Source, Unit
from publisher.layout import Mask, Places, flat, keys
from publisher.manifest import Gate
from publisher.rowindex import NOT_HELD, page_codes
from publisher.stage import Stage
from publisher.tables import TABLES

RECORDS = ("speeches", "provenance", "pages")
MOST_CHANGED = 50_000  # rows that are read at once where only what changed is read
BATCH = 20_000  # rows of all tables that are taken in together, where units are small


@dataclass(slots=True)
class Light:
    """Of some units and a table: the keys of the rows; for each its place in the parent or -1, the day of its speech, and the number of its
    unit. raw: digests of the records, once they are known; facts: what is told of their words (crawler/textfacts.py), None where nothing is;
    ranks: the order of the rows among all that are read (`rank`)."""

    keys: pa.Array
    at: Places
    days: npt.NDArray[np.int64]
    units: Places
    raw: npt.NDArray[np.uint64] | None = None
    facts: Facts | None = None
    ranks: Places | None = None

    def of(self, found: pa.Array) -> Light:
        """The same for rows that a recipe has left, whatever their order."""
        if found.equals(self.keys):
            return self
        at = pc.index_in(found, value_set=self.keys).to_numpy(zero_copy_only=False).astype(np.int64)
        return self.take(at)

    def take(self, at: Places) -> Light:
        """Some of the rows, by their numbers."""
        raw = None if self.raw is None else self.raw[at]
        facts = None if self.facts is None else self.facts[at]
        ranks = None if self.ranks is None else self.ranks[at]
        return Light(self.keys.take(pa.array(at)), self.at[at], self.days[at], self.units[at], raw, facts, ranks)


def joined(parts: Sequence[Light]) -> Light:
    if len(parts) == 1:
        return replace(parts[0])

    def both(found: Sequence[npt.NDArray[Any] | None]) -> npt.NDArray[Any] | None:
        there = [x for x in found if x is not None]
        return np.concatenate(there) if len(there) == len(parts) else None

    return Light(
        pa.concat_arrays([p.keys for p in parts]),
        np.concatenate([p.at for p in parts]),
        np.concatenate([p.days for p in parts]),
        np.concatenate([p.units for p in parts]),
        both([p.raw for p in parts]),
        both([p.facts for p in parts]),
        both([p.ranks for p in parts]),
    )


def rank(light: Mapping[str, Mapping[str, Light]], looked: Changed | None) -> None:
    """Give the rows that are read their order: by the day of their speech, then by key, so that of what is new the newest speeches stand
    together, which are the ones most likely to change again."""
    for n in RECORDS:
        lights = [part[n] for part in light.values()] + ([looked.lights[n]] if looked and looked.lights else [])
        if not lights:
            continue
        every = pa.table(
            {"day": np.concatenate([x.days for x in lights]), "key": pa.concat_arrays([x.keys for x in lights])}
        )
        order = pc.sort_indices(every, sort_keys=[("day", "ascending"), ("key", "ascending")]).to_numpy()
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        start = 0
        for x in lights:
            x.ranks = ranks[start : start + len(x.at)]
            start += len(x.at)


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
    """Keys of all rows of the units; and the sites with records that cannot be read, with what is wrong."""
    seen: dict[str, dict[str, tuple[pa.Array, npt.NDArray[np.int64]]]] = {}
    marks: dict[str, dict[str, pa.Table]] = {}
    damaged: dict[str, str] = {}
    for unit in units:
        try:
            if (known := source.marks(unit)) is not None:
                source.check(unit)
                marks[unit.name] = _by_table(known)
                seen[unit.name] = {n: _told_by(marks[unit.name][n]) for n in RECORDS}
                continue
            rows = {n: source.read(unit, n, _light_columns(n)) for n in RECORDS}
        except DamagedError as e:
            damaged[unit.site] = _told(e)
            continue
        if any(c not in rows[n].column_names for n in RECORDS for c in _light_columns(n)):
            return {}, {}  # the gate of the schema will say so
        seen[unit.name] = _days(rows)
    good = [u for u in units if u.site not in damaged]
    out: dict[str, dict[str, Light]] = {u.name: {} for u in good}
    for n in RECORDS:
        every = pa.concat_arrays([pa.array([], pa.large_string()), *(seen[u.name][n][0] for u in good)])
        at = stages[n].find(every)
        start = 0
        for unit in good:
            found, days = seen[unit.name][n]
            here = slice(start, start + len(found))
            number = np.full(len(found), numbers[unit.name], np.int64)
            told = marks.get(unit.name)
            raw = np.zeros((len(found), 2), np.uint64) if told is None else _raw(told[n])
            facts = np.full(len(found), UNKNOWN, np.uint8) if told is None else _facts(told[n])
            out[unit.name][n] = Light(found, at[here], days, number, raw, facts)
            start += len(found)
    return out, damaged


def _by_table(marks: pa.Table) -> dict[str, pa.Table]:
    """The marks of each table; they lie one table after the other."""
    out = {n: marks.slice(0, 0) for n in RECORDS}
    start = 0
    for v in pc.value_counts(flat(marks["table"])).to_pylist():
        out[v["values"]] = marks.slice(start, v["counts"])
        start += v["counts"]
    return out


def _told_by(marks: pa.Table) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """Keys of the rows of a table and the day of the speech that each belongs to, as its marks tell them."""
    return flat(marks["key"]), pc.fill_null(flat(marks["day"]), OLD).to_numpy(zero_copy_only=False)


def _raw(marks: pa.Table) -> npt.NDArray[np.uint64]:
    """Digests of the records, as their marks tell them."""
    return np.stack([marks[c].to_numpy() for c in ("high", "low")], axis=1)


def _facts(marks: pa.Table) -> Facts:
    """What the marks tell of the words of rows."""
    return np.asarray(flat(marks["facts"]).to_numpy(zero_copy_only=False), np.uint8)


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


@dataclass(slots=True)
class Changed:
    """What changed in units of which the unchanged rows need not be read. same: places in the parent of the rows that are as it has them, and
    the numbers of their units, by table; raw: the rows that are not, by table, with their `lights`, and the pages of those speeches;
    brought: speeches in the records, by site; told: names of the units of which the change since the parent took them in was kept."""

    same: dict[str, tuple[Places, Places]] = field(default_factory=dict)
    raw: dict[str, pa.Table] = field(default_factory=dict)
    lights: dict[str, Light] = field(default_factory=dict)
    brought: Counter[str] = field(default_factory=Counter)
    told: frozenset[str] = frozenset()

    def without(self, sites: Collection[str], units: Sequence[Unit], numbers: Mapping[str, int]) -> Changed:
        """The same without what is of these sites: their records turned out to be damaged, and of a site all is taken in or nothing."""
        theirs = [u for u in units if u.site in sites]
        if not theirs:
            return self
        of_theirs = np.array([numbers[u.name] for u in theirs], np.int64)
        out = Changed(
            brought=Counter({s: n for s, n in self.brought.items() if s not in sites}),
            told=self.told - {u.name for u in theirs},
        )
        for n, (at, of) in self.same.items():
            stay = ~np.isin(of, of_theirs)
            out.same[n] = at[stay], of[stay]
        for n, light in self.lights.items():
            stay = ~np.isin(light.units, of_theirs)
            out.lights[n] = light.take(np.flatnonzero(stay))
            out.raw[n] = self.raw[n].filter(pa.array(stay))
        return out


@dataclass(slots=True)
class _Found:
    """Of some units: places and units of unchanged rows, rows that are read and their lights, by table; speeches by site."""

    same: dict[str, list[tuple[Places, Places]]] = field(default_factory=lambda: {n: [] for n in RECORDS})
    raw: dict[str, list[pa.Table]] = field(default_factory=lambda: {n: [] for n in RECORDS})
    lights: dict[str, list[Light]] = field(default_factory=lambda: {n: [] for n in RECORDS})
    brought: Counter[str] = field(default_factory=Counter)


def look_for_changes(
    source: Source,
    units: Sequence[Unit],
    stages: Mapping[str, Stage],
    numbers: Mapping[str, int],
    taken: Mapping[str, str | None],
) -> tuple[Changed, list[Unit], dict[str, str]]:
    """Find the rows that changed in units that tell them, and read these alone.

    taken: tokens of the units that the parent was made of, by name; it must have been made by the same recipe. Gives also the units that do
    not tell them, or have too much changed to hold at once, and the sites whose records cannot be read, with what is wrong.
    """
    out = _Found()
    found = _kept_changes(source, units, taken)
    told = _by_change(found, stages, numbers, out) if found else set()
    for unit in units:
        if unit.name in told:
            out.brought[unit.site] += found[unit.name].rows("speeches")
    most = MOST_CHANGED - sum(t.num_rows for of in out.raw.values() for t in of)
    unmarked, damaged = _by_marks(source, [u for u in units if u.name not in told], stages, numbers, most, out)
    if unmarked is None:
        return Changed(), list(units), {}
    changed = Changed(brought=out.brought, told=frozenset(told))
    for n in RECORDS if any(out.lights.values()) else ():
        changed.same[n] = np.concatenate([a for a, _ in out.same[n]]), np.concatenate([b for _, b in out.same[n]])
        changed.raw[n] = pa.concat_tables([SCHEMAS[n].empty_table(), *out.raw[n]]).combine_chunks()
        changed.lights[n] = joined(out.lights[n])
    return changed, unmarked, damaged


def _kept_changes(source: Source, units: Sequence[Unit], taken: Mapping[str, str | None]) -> dict[str, ShardChange]:
    """What changed in units since the parent took them in, where it was kept; none at all where these are too many rows to hold at once."""
    found: dict[str, ShardChange] = {}
    rows = 0
    for unit in units:
        if (before := taken.get(unit.name)) is None:
            continue
        if (kept := source.change(unit)) is not None and kept.before == before:
            found[unit.name] = kept
            rows += sum(t.num_rows for t in kept.tables.values())
        if rows > MOST_CHANGED:
            return {}
    return found


def _by_change(
    found: Mapping[str, ShardChange], stages: Mapping[str, Stage], numbers: Mapping[str, int], out: _Found
) -> set[str]:
    """Put what changed in units since the parent took them in into `out`; gives the names of those of which that was enough.

    It is not where the parent has what changed under other ids or not at all, nor where something changed on pages with several speeches (how
    ids are given there depends on all of them). Nor is it where the parent has not all rows of the unit: what was taken down decides about
    the row of its page.
    """
    names = [*found]
    nth = np.full(max(numbers.values()) + 2, -1, np.int64)  # of the units found, by number; the last is for NO_UNIT
    nth[[numbers[u] for u in names]] = np.arange(len(names))
    good = np.ones(len(names), bool)
    mine: dict[str, Places] = {}  # which of the units brought each row of the parent; -1: none, or the row is held
    told: dict[str, tuple[Light, Places, Places]] = {}
    for n in RECORDS:
        stage = stages[n]
        marks = pa.concat_tables([found[u].marks[n] for u in names]).combine_chunks()
        owner = np.repeat(np.arange(len(names)), [found[u].marks[n].num_rows for u in names])
        gone = pa.concat_arrays([found[u].gone[n] for u in names])
        left = np.repeat(np.arange(len(names)), [len(found[u].gone[n]) for u in names])
        keyed, days = _told_by(marks)
        places = stage.find(pa.concat_arrays([keyed, gone]))
        at, was = places[: len(owner)], places[len(owner) :]
        mine[n] = np.where(stage.held == NOT_HELD, nth[stage.units], -1)
        by = np.append(mine[n], -1)
        known = marks["known"].to_numpy(zero_copy_only=False)
        good[owner[np.where(known, by[at] != owner, by[at] >= 0)]] = False
        good[left[by[was] != left]] = False
        had = np.bincount(mine[n][mine[n] >= 0], minlength=len(names))
        good[had != [found[u].were.get(n, 0) for u in names]] = False
        number = np.array([numbers[names[i]] for i in owner], np.int64)
        told[n] = Light(keyed, at, days, number, _raw(marks), _facts(marks)), owner, was
    shared = _on_shared_pages(stages["speeches"], {u: found[u].tables["speeches"] for u in names})
    good[[i for i, u in enumerate(names) if u in shared]] = False
    good[_origins_on_shared_pages(stages["speeches"], [found[u] for u in names])] = False
    for n, (light, owner, was) in told.items():
        stage = stages[n]
        stay = (mine[n] >= 0) & np.append(good, False)[mine[n]]
        stay[light.at[light.at >= 0]] = False
        stay[was[was >= 0]] = False
        same = np.flatnonzero(stay)
        out.same[n].append((same, stage.units[same].astype(np.int64)))
        out.lights[n].append(light.take(np.flatnonzero(good[owner])))
        out.raw[n] += [found[u].tables[n] for i, u in enumerate(names) if good[i]]
    return {u for i, u in enumerate(names) if good[i]}


def _by_marks(
    source: Source,
    units: Sequence[Unit],
    stages: Mapping[str, Stage],
    numbers: Mapping[str, int],
    most: int,
    out: _Found,
) -> tuple[list[Unit] | None, dict[str, str]]:
    """Put what the marks of units tell to have changed into `out`, where these are not more than `most` rows. Gives the units without marks
    (None where it was too much), and the sites whose records cannot be read."""
    marks: dict[str, dict[str, pa.Table]] = {}
    damaged: dict[str, str] = {}
    rest: list[Unit] = []
    for unit in units:
        try:
            found = source.marks(unit)
        except DamagedError as e:
            damaged[unit.site] = _told(e)
            continue
        if found is None:
            rest.append(unit)
        else:
            marks[unit.name] = _by_table(found)
    good = [u for u in units if u.name in marks]
    lights = {n: _marked(good, marks, n, stages[n], numbers) for n in RECORDS}
    differ = {n: {u: _differ(stages[n], light) for u, light in lights[n].items()} for n in RECORDS}
    if sum(int(d.sum()) for of in differ.values() for d in of.values()) > most:
        return None, {}
    raw: dict[str, dict[str, pa.Table]] = {n: {} for n in RECORDS}
    for unit in good:
        try:
            for n in RECORDS if unit.site not in damaged else ():
                if (mask := differ[n][unit.name]).any():
                    raw[n][unit.name] = source.some(unit, n, np.flatnonzero(mask).tolist())
        except DamagedError as e:
            damaged[unit.site] = _told(e)
    several = _on_shared_pages(stages["speeches"], raw["speeches"])
    for unit in good:
        if unit.name not in raw["speeches"] or unit.site in damaged:
            continue
        try:
            if (pages := several.get(unit.name)) is not None:
                mask = differ["speeches"][unit.name]
                mask |= np.isin(page_codes(source.read(unit, "speeches", ["site", "page_url"])), pages)
                raw["speeches"][unit.name] = source.some(unit, "speeches", np.flatnonzero(mask).tolist())
            # whether a speech's page is gone is told by that page's row alone
            urls = flat(raw["speeches"][unit.name]["page_url"])
            mask = differ["pages"][unit.name]
            mask |= np.asarray(pc.is_in(flat(source.read(unit, "pages", ["url"])["url"]), value_set=urls), bool)
            raw["pages"][unit.name] = source.some(unit, "pages", np.flatnonzero(mask).tolist())
        except DamagedError as e:
            damaged[unit.site] = _told(e)
    for unit in good:
        if unit.site in damaged:
            continue
        out.brought[unit.site] += len(lights["speeches"][unit.name].at)
        for n in RECORDS:
            light, mask = lights[n][unit.name], differ[n][unit.name]
            same = light.take(np.flatnonzero(~mask))
            out.same[n].append((same.at, same.units))
            out.lights[n].append(light.take(np.flatnonzero(mask)))
            out.raw[n] += [raw[n][unit.name]] if unit.name in raw[n] else []
    return rest, damaged


def _told(error: DamagedError) -> str:
    return f"{error.what} ({'; '.join(x for x in (error.where, error.remedy) if x)})"


def _marked(
    units: Sequence[Unit],
    marks: Mapping[str, Mapping[str, pa.Table]],
    name: str,
    stage: Stage,
    numbers: Mapping[str, int],
) -> dict[str, Light]:
    """Keys, places, days and digests of all rows of a table in some units, from their marks."""
    of = {u.name: marks[u.name][name] for u in units}
    every = pa.concat_tables([MARKS_SCHEMA.empty_table(), *of.values()])
    found = flat(every["key"])
    days = pc.fill_null(flat(every["day"]), OLD).to_numpy(zero_copy_only=False)
    at = stage.find(found)
    raw, facts = _raw(every), _facts(every)
    out: dict[str, Light] = {}
    start = 0
    for unit in units:
        n = of[unit.name].num_rows
        here = slice(start, start + n)
        out[unit.name] = Light(
            found.slice(start, n),
            at[here],
            days[here],
            np.full(n, numbers[unit.name], np.int64),
            raw[here],
            facts[here],
        )
        start += n
    return out


def _differ(stage: Stage, light: Light) -> Mask:
    """Which rows are not in the parent as they are. Rows that were held or carried are read in any case: their marks may be the same, and what
    is made of the records another thing by now (a recipe, a column that is new)."""
    assert light.raw is not None
    out = light.at < 0
    known = ~out
    at = light.at[known]
    out[known] = (stage.raw[at] != light.raw[known]).any(axis=1) | (stage.held[at] != NOT_HELD)
    return out


def _on_shared_pages(stage: Stage, speeches: Mapping[str, pa.Table]) -> dict[str, npt.NDArray[np.uint64]]:
    """By unit the codes of pages with several speeches, in the parent or now, that have speeches among these (those that changed): how
    ids are given to the parts of such a page depends on all of them."""
    if not speeches:
        return {}
    light = pa.concat_tables([t.select(["site", "page_url", "parts"]) for t in speeches.values()])
    codes = page_codes(light)
    known = np.sort(stage.index["page"].to_numpy()) if stage.old else np.zeros(0, np.uint64)
    several = known[1:][known[1:] == known[:-1]]
    now = light["parts"].to_numpy() > 1
    mine = (now & _in_sorted(codes, known)) | _in_sorted(codes, several)
    out = {}
    start = 0
    for name, rows in speeches.items():
        here = slice(start, start + rows.num_rows)
        start += rows.num_rows
        if mine[here].any():
            out[name] = np.unique(codes[here][mine[here]])
    return out


def _origins_on_shared_pages(stage: Stage, found: Sequence[ShardChange]) -> list[int]:
    """Numbers of those changes in which provenance changed, and not its speech, on pages with several in the parent: it may have that speech under
    the id of another."""
    ids: list[str] = []
    owner: list[int] = []
    for i, change in enumerate(found):
        origins = [*change.marks["provenance"]["key"].to_pylist(), *change.gone["provenance"].to_pylist()]
        speeches = {*change.marks["speeches"]["key"].to_pylist(), *change.gone["speeches"].to_pylist()}
        alone = {key.split("\x1f")[0] for key in origins} - speeches
        ids += alone
        owner += [i] * len(alone)
    if not ids:
        return []
    at = stage.find(pa.array(ids, pa.large_string()))
    pages = stage.index["page"].to_numpy()
    known = np.sort(pages)
    several = known[1:][known[1:] == known[:-1]]
    bad = (at < 0) | _in_sorted(np.append(pages, np.uint64(0))[at], several)
    return sorted({owner[i] for i in np.flatnonzero(bad).tolist()})


def _in_sorted(some: npt.NDArray[np.uint64], among: npt.NDArray[np.uint64]) -> Mask:
    """Which of a few numbers are among many, sorted (numpy.isin would go through all of those each time)."""
    if not len(among):
        return np.zeros(len(some), bool)
    at = np.minimum(np.searchsorted(among, some), len(among) - 1)
    return np.asarray(among[at] == some, bool)


def unique_keys(stage: Stage, light: Mapping[str, Mapping[str, Light]], looked: Changed | None = None) -> Gate:
    """No two rows of the records have one key: neither two that were read nor one that was read and one of a unit that was not."""
    name = stage.table.name
    read = [part[name] for part in light.values()]
    if looked and looked.same:
        read.append(looked.lights[name])
    # keys that the parent has are told by their places, which is cheaper
    same = [looked.same[name][0]] if looked and looked.same else []
    places = np.concatenate([np.flatnonzero(stage.kept), *same, *(x.at[x.at >= 0] for x in read)])
    twice = np.flatnonzero(np.bincount(places, minlength=1) > 1)
    known = flat(stage.index["key"]).take(pa.array(np.repeat(twice, 2)))
    new = [x.keys if (x.at < 0).all() else x.keys.filter(pa.array(x.at < 0)) for x in read]
    return checks.unique_keys(stage.table, pa.concat_arrays([known, *new]))
