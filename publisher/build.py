"""The next version of the tables from the records and the parent version: unit by unit in, part by part out.

Nothing that readers see is touched: new parts lie beside their places until publisher/release.py commits them. Memory is bounded by
the largest unit and a few parts; time follows what changed, since a unit that the parent has taken in already is not read
again (publisher/rowindex.py) and a part whose rows stay is not written again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from publisher import checks, gates
from publisher.changes import SCHEMA as CHANGES
from publisher.duplicates import Relations, relate
from publisher.identity import reconcile
from publisher.intake import Source, Unit
from publisher.layout import Places, flat, keys
from publisher.manifest import Carried, Gate, Manifest, Reference, TableEntry
from publisher.parts import PartStore
from publisher.recipe import Applied, Recipe, apply, dropped_ids
from publisher.rowindex import (
    CARRIED,
    FACTS,
    HELD,
    NO_UNIT,
    State,
    compared,
    needed,
    page_codes,
    rebuilt,
    schema_of,
)
from publisher.stage import Emitted, OwnColumns, SpeechColumns, Stage, whole
from publisher.tables import CONTENT, SCHEMA_VERSION, TABLES, Table
from publisher.upgrade import nothing

# The page could not be read this time, which says nothing of its speeches: they stay as the parent has them.
TROUBLE = frozenset({"error", "unfetched", "poison"})
REASON = {
    "gone": "gone",
    "soft_404": "soft_404",
    "speech": "part_gone",
    "preview": "part_gone",
    "disallowed": "disallowed",
    "redirect": "moved",
}
RECORDS = ("speeches", "provenance", "pages")
BATCH = 10_000  # rows of all tables that are taken in together, where units are small
MEMORY = {"speeches": 96 << 20, "provenance": 32 << 20, "pages": 32 << 20}  # bytes of waiting rows
TOMBSTONE = ("speech_id", "page_url", "site", "part", "title", "text_sha256", "first_version", "revision")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Parent:
    """The version that the next one is built on, and what is remembered of it."""

    manifest: Manifest
    reference: Reference
    state: State


@dataclass(slots=True)
class Build:
    """A version ready to be committed, or the gates that stand in its way, or nothing new (then `entries` is empty).

    entries: the tables; state: what to remember of the version; changes: rows of changes.SCHEMA; sites: speeches by site;
    held: speeches whose page could not be read; carried: sites that failed. upgraded: the parent has an older schema.
    """

    gates: list[Gate]
    sites: dict[str, int] = field(default_factory=dict)
    entries: dict[str, TableEntry] = field(default_factory=dict)
    state: State | None = None
    changes: pa.Table | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    held: int = 0
    carried: dict[str, Carried] = field(default_factory=dict)
    upgraded: bool = False

    @property
    def changed(self) -> bool:
        """Whether a table that is content changed, or has columns that its parent had not."""
        return bool(self.entries)


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


def state_of(store: PartStore, manifest: Manifest) -> State:
    """What is to be remembered of a version, from its parts."""
    names = {n: compared(TABLES[n], TABLES[n].schema_in(manifest.schema_version).names) for n in manifest.tables}

    def parts(name: str) -> Iterator[pa.Table]:
        for part in manifest.tables[name].parts:
            rows = store.columns(name, part, needed(TABLES[name], names[name]))
            yield rows.cast(pa.schema([TABLES[name].schema.field(c) for c in rows.column_names]))

    return rebuilt(parts, names)


# ------------------------------------------------------------------------------------------------ taking in


@dataclass(slots=True)
class _Light:
    """Of some units and a table: the keys of the rows; for each its place in the parent or -1, its rank among all rows read, and the
    number of its unit."""

    keys: pa.Array
    at: Places
    ranks: Places
    units: Places

    def of(self, found: pa.Array) -> _Light:
        """The same for rows that a recipe has left, whatever their order."""
        if found.equals(self.keys):
            return self
        at = pc.index_in(found, value_set=self.keys).to_numpy(zero_copy_only=False).astype(np.int64)
        return _Light(found, self.at[at], self.ranks[at], self.units[at])


def _joined(parts: Sequence[_Light]) -> _Light:
    if len(parts) == 1:
        return parts[0]
    return _Light(
        pa.concat_arrays([p.keys for p in parts]),
        *(np.concatenate(arrays) for arrays in zip(*((p.at, p.ranks, p.units) for p in parts), strict=True)),
    )


def _batches(units: Sequence[Unit], light: Mapping[str, Mapping[str, _Light]], alone: bool) -> Iterator[list[Unit]]:
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


def _light(
    source: Source, units: Sequence[Unit], stages: Mapping[str, Stage], numbers: Mapping[str, int]
) -> dict[str, dict[str, _Light]]:
    """Keys of all rows of the units, and their order: what is new is laid out by the day of its speech, then by key, so that the
    newest speeches stand together, which are the ones most likely to change again."""
    found: dict[str, list[pa.Array]] = {n: [] for n in RECORDS}
    days: dict[str, list[npt.NDArray[np.int64]]] = {n: [] for n in RECORDS}
    for unit in units:
        rows = {n: source.read(unit, n, _light_columns(n)) for n in RECORDS}
        for n in RECORDS:
            wanted = [c for c in _light_columns(n) if c not in rows[n].column_names]
            if wanted:
                return {}  # the gate of the schema will say so
        speeches = rows["speeches"]
        day = pc.fill_null(flat(speeches["published_at"]).cast(pa.timestamp("ms", "UTC")).cast(pa.int64()), -(2**62))
        of_speech = day.to_numpy(zero_copy_only=False)
        for n, column, among in (("provenance", "speech_id", "speech_id"), ("pages", "url", "page_url")):
            at = pc.index_in(rows[n][column], value_set=flat(speeches[among]))
            known = pc.fill_null(at, -1).to_numpy()
            days[n].append(np.where(known >= 0, of_speech[known] if len(of_speech) else 0, -(2**62)))
        days["speeches"].append(of_speech)
        for n in RECORDS:
            found[n].append(keys(rows[n], TABLES[n].key))
    out: dict[str, dict[str, _Light]] = {u.name: {} for u in units}
    for n in RECORDS:
        every = pa.concat_arrays(found[n]) if found[n] else pa.array([], pa.large_string())
        order = pc.sort_indices(
            pa.table({"day": np.concatenate(days[n]) if days[n] else np.zeros(0, np.int64), "key": every}),
            sort_keys=[("day", "ascending"), ("key", "ascending")],
        ).to_numpy()
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        at = stages[n].find(every)
        start = 0
        for unit, part in zip(units, found[n], strict=True):
            here = slice(start, start + len(part))
            number = np.full(len(part), numbers[unit.name], np.int64)
            out[unit.name][n] = _Light(part, at[here], ranks[here], number)
            start += len(part)
    return out


class _Intake:
    """Takes the units in, one after the other."""

    def __init__(self, source: Source, stages: dict[str, Stage], store: PartStore, recipe: Recipe) -> None:
        self.source, self.stages, self.store, self.recipe = source, stages, store, recipe
        self.gates: list[Gate] = []
        self.notes: dict[str, Any] = {}
        self.dropped: dict[str, str] = {}
        self.brought: Counter[str] = Counter()
        self.fates: dict[tuple[str, str], dict[str, Any]] = {}
        speeches = stages["speeches"]
        self._pages = speeches.index["page"].to_numpy() if speeches.old else np.zeros(0, np.uint64)
        self._by_page = np.argsort(self._pages, kind="stable")
        self._tombs: frozenset[str] = frozenset()

    def tombstones(self, ids: Iterable[str]) -> None:
        self._tombs = frozenset(ids)

    def take(self, units: Sequence[Unit], light: Mapping[str, Mapping[str, _Light]]) -> bool:
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
        made = apply(self.recipe, given["speeches"], given["provenance"], given["pages"])
        self.dropped |= made.dropped
        if made.notes:
            self.notes[units[0].name] = made.notes
        where = {
            n: _joined([light[u.name][n] for u in units]).of(keys(rows, TABLES[n].key))
            for n, rows in (("speeches", made.speeches), ("provenance", made.provenance), ("pages", made.pages))
        }
        self._identify(made, where)
        for n, rows in (("speeches", made.speeches), ("provenance", made.provenance), ("pages", made.pages)):
            new, changed = self.stages[n].take_in(rows, where[n].at, where[n].ranks, where[n].units)
            if n == "speeches":
                some = rows if (new | changed).all() else rows.filter(pa.array(new | changed))
                self.gates += checks.of_rows(some, made.provenance)
        self.gates = checks.merged(self.gates)
        return True

    def _identify(self, made: Applied, where: Mapping[str, _Light]) -> None:
        """On pages whose parts are not what they were, ids follow the text (publisher/identity.py)."""
        stage = self.stages["speeches"]
        if not stage.old or not made.speeches.num_rows:
            return
        at = where["speeches"].at
        pages = page_codes(made.speeches)
        order = self._by_page
        lo = np.searchsorted(self._pages, pages, side="left", sorter=order)
        hi = np.searchsorted(self._pages, pages, side="right", sorter=order)
        before = hi - lo
        _, inverse, count = np.unique(pages, return_inverse=True, return_counts=True)
        now = count[inverse]
        several = (before > 1) | ((now > 1) & (before > 0))
        if not several.any():
            return
        texts = stage.index["text_sha256"]
        new_texts = made.speeches["text_sha256"]
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
        new = made.speeches.filter(pa.array(chosen)).select(columns)
        taken = {*old["speech_id"].to_pylist(), *self._tombs}
        names = {a: b for a, b in reconcile(old, new, taken).items() if a != b}
        if not names:
            return
        made.speeches, renamed = _renamed(made.speeches, names)
        where["speeches"].at = at = at.copy()
        at[renamed] = stage.find(keys(made.speeches.filter(pa.array(renamed)), TABLES["speeches"].key))
        made.provenance, renamed = _renamed(made.provenance, names)
        where["provenance"].at = at = where["provenance"].at.copy()
        at[renamed] = self.stages["provenance"].find(
            keys(made.provenance.filter(pa.array(renamed)), TABLES["provenance"].key)
        )


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


# ------------------------------------------------------------------------------------------------ what is missing


def _fates(source: Source, sites: Iterable[str], wanted: pa.Table) -> list[str | None]:
    """What became of pages: by address, else by the key that the parent knew for the address. wanted: columns url, site, key."""
    asked = set(sites)
    urls = set(wanted["url"].to_pylist())
    by_url: dict[str, str] = {}
    by_key: dict[tuple[str, str], str] = {}
    for unit in source.units():
        if unit.site and unit.site not in asked:
            continue
        rows = source.read(unit, "pages", ["url", "site", "key", "fate"])
        hit = pc.or_(
            pc.is_in(rows["url"], value_set=pa.array(list(urls), pa.string())),
            pc.is_in(rows["key"], value_set=pa.array(wanted["key"].to_pylist(), pa.string())),
        )
        for row in rows.filter(hit).to_pylist():
            by_url[row["url"]] = row["fate"]
            by_key[row["site"], row["key"]] = row["fate"]
    return [
        by_url.get(r["url"]) or by_key.get((r["site"], r["key"] or ""))
        for r in wanted.select(["url", "site", "key"]).to_pylist()
    ]


def _reason(fate: str | None) -> str:
    """Why a speech leaves whose page has this fate."""
    return REASON.get(fate, "no_longer_a_speech") if fate else "unknown"


@dataclass(slots=True)
class _Missing:
    """The parent's speeches that no record has: which leave (rows of TOMBSTONE, with `reason`), how many are held, which sites failed."""

    left: list[dict[str, Any]] = field(default_factory=list)
    held: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def _decide(
    source: Source,
    stages: Mapping[str, Stage],
    store: PartStore,
    intake: _Intake,
    recipe: Recipe,
    failed: dict[str, str],
) -> _Missing:
    """Decide about the parent's speeches that the records do not have."""
    stage = stages["speeches"]
    out = _Missing(failed=failed)
    places = stage.gone
    if not len(places):
        return out
    rows = stage.details(store, places, TOMBSTONE)
    ids = rows["speech_id"].to_pylist()
    dropped = dropped_ids(recipe, ids, rows["text_sha256"].to_pylist())
    dropped |= {i: why for i, why in intake.dropped.items() if i in set(ids)}
    of_failed = np.array([s in failed for s in rows["site"].to_pylist()], bool)
    of_failed &= np.array([i not in dropped for i in ids], bool)
    fates: list[str | None] = [None] * len(ids)
    rest = np.flatnonzero(~of_failed)
    if len(rest):
        asked = rows.take(pa.array(rest))
        keyed = _keys_of_pages(stages["pages"], store, asked)
        found = _fates(source, asked["site"].to_pylist(), keyed)
        for i, fate in zip(rest.tolist(), found, strict=True):
            fates[i] = fate
    trouble = np.array([i not in dropped and f in TROUBLE for i, f in zip(ids, fates, strict=True)], bool)
    stage.keep(places[trouble], HELD)
    stage.keep(places[of_failed], CARRIED)
    for i, row in enumerate(rows.to_pylist()):
        if not trouble[i] and not of_failed[i]:
            out.left.append(row | {"reason": dropped.get(row["speech_id"]) or _reason(fates[i])})
    return out


def _keys_of_pages(stage: Stage, store: PartStore, speeches: pa.Table) -> pa.Table:
    """url, site and key (as the parent's pages have it, else null) of the pages of speeches."""
    urls = speeches["page_url"].to_pylist()
    known: dict[str, str] = {}
    wanted = pa.array(sorted(set(urls)), pa.string())
    for part in stage.parts:
        rows = store.columns("pages", part, ["url", "key"])
        hit = rows.filter(pc.is_in(rows["url"], value_set=wanted))
        known |= dict(zip(hit["url"].to_pylist(), hit["key"].to_pylist(), strict=True))
    return pa.table(
        {
            "url": pa.array(urls, pa.string()),
            "site": speeches["site"],
            "key": pa.array([known.get(u) for u in urls], pa.string()),
        }
    )


# ------------------------------------------------------------------------------------------------ building


def build(
    source: Source,
    parent: Parent | None,
    store: PartStore,
    version: str,
    now: datetime,
    *,
    accept: Mapping[str, str] | None = None,
    recipe: Recipe | None = None,
    scratch: Path,
    index: Path | None = None,
    progress: Progress = lambda *_: None,
) -> Build:
    """Build the next version; its new parts lie beside their places in `store`.

    version, now: name and time it would get. accept: reasons for failed gates, by gate. scratch: folder for what does not fit into
    memory; index: folder of the kept index of near duplicates. progress: called with a step, how far it is and how far it goes.
    """
    accept, recipe = accept or {}, recipe or Recipe()
    schema_version = parent.manifest.schema_version if parent else SCHEMA_VERSION
    older = schema_version != SCHEMA_VERSION
    stages = {
        n: Stage(
            t,
            parent.manifest.tables[n].parts if parent and n in parent.manifest.tables else [],
            parent.state.tables[n] if parent and n in parent.state.tables else schema_of(t).empty_table(),
            schema_version,
            scratch,
            MEMORY.get(n, 32 << 20),
        )
        for n, t in TABLES.items()
        if n in RECORDS
    }
    units = list(source.units())
    numbers = {u.name: i for i, u in enumerate(units)}
    digest = recipe.digest()
    same = _same_units(parent, units, digest, older)
    _keep_units(parent, stages, numbers, same)
    todo = [u for u in units if u.name not in same]
    intake = _Intake(source, stages, store, recipe)
    old_removed = _rows(parent, store, "removed")
    intake.tombstones(old_removed["speech_id"].to_pylist())
    if parent:
        intake.notes |= {n: v for n, v in parent.state.notes.items() if n in same}
    light = _light(source, todo, stages, numbers)
    done = 0
    for batch in _batches(todo, light, alone=bool(recipe.corrections)):
        progress("reading records", done, len(todo))
        if not intake.take(batch, light):
            break
        done += len(batch)
    progress("reading records", len(todo), len(todo))
    found = [*intake.gates]
    if not gates.refused(found):
        found += [_unique(stages[n], light) for n in RECORDS if light]
        found += [checks.some_rows(_rows_now(stages["speeches"]))]
    found = gates.accepted(found, accept)
    if gates.refused(found):
        return Build(found)

    before = _by_site(stages["speeches"].index) if parent else {}
    brought = Counter(intake.brought)
    brought.update(_by_site_of(stages["speeches"], same, numbers))
    failed = dict(source.damaged) | {
        s: "it brought no speech" for s, n in before.items() if n and not brought.get(s) and s not in source.damaged
    }
    if "silent_sites" in accept:
        failed = {}
    missing = _decide(source, stages, store, intake, recipe, {s: w for s, w in failed.items() if before.get(s)})
    _keep_provenance(stages)
    for stage in stages.values():
        stage.close_intake()
    held = stages["speeches"].held
    held_rows, carried_rows = int((held == HELD).sum()), int((held == CARRIED).sum())
    sites = _sites_now(stages["speeches"])
    if recipe.corrections:
        found.append(checks.corrections(recipe.corrections, intake.notes, _not_idle(stages, missing, intake)))
    if parent:
        lost = [(row["site"], row["reason"]) for row in missing.left]
        found += gates.accepted(gates.against_parent(lost, before, brought), accept)
    if gates.refused(found):
        return Build(found, sites, held=held_rows)
    if parent and not older and not stages["speeches"].differs:
        return Build(found, sites, held=held_rows)
    carried = _carried(parent, missing.failed, before, carried_rows, now) if parent else {}

    # ---- parts
    tombs = {r["speech_id"]: (r["revision"], r["first_version"]) for r in old_removed.to_pylist()}
    emitted: dict[str, Emitted] = {}
    for i, n in enumerate(RECORDS):
        progress("writing parts", i, len(RECORDS))
        own = SpeechColumns(version, tombs) if n == "speeches" else OwnColumns()
        emitted[n] = stages[n].emit(store, own)
    facts = emitted["speeches"].index
    speeches = emitted["speeches"]
    progress("comparing texts", 0, 1)
    relations = _relations(parent, store, stages["speeches"], speeches, index)
    removed = _removed(old_removed, missing.left, flat(facts["key"]), version, parent, now)
    for n, rows in (("duplicates", relations.duplicates), ("contained", relations.contained), ("removed", removed)):
        stage = whole(
            TABLES[n],
            rows,
            parent.manifest.tables[n].parts if parent and n in parent.manifest.tables else [],
            parent.state.tables[n] if parent and n in parent.state.tables else schema_of(TABLES[n]).empty_table(),
            schema_version,
            scratch,
            32 << 20,
        )
        stages[n] = stage
        emitted[n] = stage.emit(store, OwnColumns())
    progress("comparing texts", 1, 1)

    entries = {n: emitted[n].entry for n in TABLES}
    state = State(
        {n: emitted[n].index for n in TABLES},
        {u.name: source.token(u) if hasattr(source, "token") else u.token for u in units},
        digest,
        intake.notes,
    )
    changes = _changes(stages, emitted, missing, store)
    counts = {n: stages[n].counts() for n in TABLES}
    return Build(found, sites, entries, state, changes, counts, held_rows, carried, older)


def _same_units(parent: Parent | None, units: Sequence[Unit], recipe: str, older: bool) -> set[str]:
    """Names of the units that the parent has taken in as they are now."""
    if parent is None or older or parent.state.recipe != recipe:
        return set()
    known = parent.state.units
    return {u.name for u in units if u.token is not None and known.get(u.name) == u.token}


def _keep_units(parent: Parent | None, stages: Mapping[str, Stage], numbers: Mapping[str, int], same: set[str]) -> None:
    """Rows of units that are as they were stay; the units get their present numbers."""
    if parent is None:
        return
    names = list(parent.state.units)
    now = np.array([numbers.get(n, NO_UNIT) for n in names] + [NO_UNIT], np.int32)
    kept = np.array([n in same for n in names] + [False], bool)
    for stage in stages.values():
        old = stage.units
        stage.seen = kept[old]
        stage.kept = stage.seen.copy()
        stage.units = now[old]


def _by_site(index: pa.Table) -> dict[str, int]:
    counts = pc.value_counts(flat(index["site"]))
    return dict(sorted((v["values"], v["counts"]) for v in counts.to_pylist()))


def _by_site_of(stage: Stage, same: set[str], numbers: Mapping[str, int]) -> dict[str, int]:
    """Speeches by site that units brought which were not read again."""
    wanted = np.isin(stage.units, [numbers[n] for n in same]) & (stage.held == 0) if same else np.zeros(stage.old, bool)
    return _by_site(stage.index.filter(pa.array(wanted)))


def _sites_now(stage: Stage) -> dict[str, int]:
    """Speeches by site in the next version."""
    counts = Counter(_by_site(stage.index.filter(pa.array(~stage.removed))))
    counts.update(stage.new_sites)
    return dict(sorted(counts.items()))


def _rows_now(stage: Stage) -> int:
    """Speeches that the records bring."""
    return int((stage.seen & (stage.held == 0)).sum()) + stage.counts()["added"]


def _unique(stage: Stage, light: Mapping[str, Mapping[str, _Light]]) -> Gate:
    """No two rows of the records have one key: neither two that were read nor one that was read and one of a unit that was not."""
    name = stage.table.name
    read = [part[name].keys for part in light.values()]
    kept = flat(stage.index["key"]).filter(pa.array(stage.kept))
    return checks.unique_keys(stage.table, pa.concat_arrays([*read, kept]))


def _keep_provenance(stages: Mapping[str, Stage]) -> None:
    """Speeches that are held keep the provenance that they had."""
    speeches, provenance = stages["speeches"], stages["provenance"]
    kept = flat(speeches.index["key"]).filter(pa.array(speeches.seen & (speeches.held > 0)))
    gone = provenance.gone
    if not len(kept) or not len(gone):
        return
    found = flat(provenance.index["key"]).take(pa.array(gone))
    ids = pc.replace_substring_regex(found, "\x1f.*$", "")
    provenance.keep(gone[np.asarray(pc.is_in(ids, value_set=kept).to_numpy(zero_copy_only=False), bool)])


def _not_idle(stages: Mapping[str, Stage], missing: _Missing, intake: _Intake) -> set[str]:
    """Ids of speeches that are, or are not, in the version for other reasons: a correction of one is not idle."""
    stage = stages["speeches"]
    held = flat(stage.index["key"]).filter(pa.array(stage.held > 0)).to_pylist()
    return {*held, *intake.dropped, *(r["speech_id"] for r in missing.left if r["reason"] == "correction")}


def _carried(
    parent: Parent, failed: Mapping[str, str], before: Mapping[str, int], rows: int, now: datetime
) -> dict[str, Carried]:
    out = {}
    for site, why in sorted(failed.items()):
        earlier = parent.manifest.carried.get(site)
        out[site] = Carried(
            rows=before[site],
            as_of=earlier.as_of if earlier else parent.manifest.published_at,
            since=earlier.since if earlier else parent.manifest.version,
            why=why,
        )
    return out


def _rows(parent: Parent | None, store: PartStore, name: str) -> pa.Table:
    """All rows of a small table of the parent."""
    table = TABLES[name]
    if parent is None or name not in parent.manifest.tables:
        return table.schema.empty_table()
    parts = [store.read(name, p, parent.manifest.schema_version) for p in parent.manifest.tables[name].parts]
    return pa.concat_tables([table.schema.empty_table(), *parts])


def _relations(parent: Parent | None, store: PartStore, stage: Stage, made: Emitted, index: Path | None) -> Relations:
    """Copies and containments in the next version."""
    starts = np.concatenate([[0], np.cumsum([p.rows for p in made.entry.parts])]).astype(np.int64)
    keys_now = flat(made.index["key"])
    facts = made.index.select(["key", *FACTS]).rename_columns(["speech_id", *FACTS])
    at = facts.schema.get_field_index("speech_id")
    facts = facts.set_column(at, pa.field("speech_id", pa.string()), keys_now.cast(pa.string()))

    def texts(ids: Sequence[str]) -> Iterator[tuple[str, str]]:
        places = pc.index_in(pa.array(ids, pa.large_string()), value_set=keys_now).to_numpy(zero_copy_only=False)
        places = np.sort(places.astype(np.int64))
        for number in np.unique(np.searchsorted(starts, places, side="right") - 1).tolist():
            here = places[(places >= starts[number]) & (places < starts[number + 1])] - starts[number]
            rows = store.columns("speeches", made.entry.parts[number], ["speech_id", "text"]).take(pa.array(here))
            yield from zip(rows["speech_id"].to_pylist(), rows["text"].to_pylist(), strict=True)

    import inspect

    if "facts" not in inspect.signature(relate).parameters:
        t = dict(texts(facts["speech_id"].to_pylist()))
        return relate(
            facts.append_column("text", pa.array([t[i] for i in facts["speech_id"].to_pylist()], pa.large_string()))
        )
    if parent is None:
        return relate(facts, texts, index=index)
    old = Relations(_rows(parent, store, "duplicates"), _rows(parent, store, "contained"))
    before = stage.index.select(["key", *FACTS])
    place = np.asarray(pc.fill_null(pc.index_in(keys_now, value_set=flat(before["key"])), -1).to_numpy(), np.int64)
    touched = place < 0
    known = np.flatnonzero(~touched)
    was = before.take(pa.array(place[known]))
    is_ = made.index.select(["key", *FACTS]).take(pa.array(known))
    from publisher.layout import differs

    for name in FACTS:
        touched[known] |= differs(was[name], is_[name])
    ids = keys_now.filter(pa.array(touched)).to_pylist()
    return relate(facts, texts, old=old, touched=ids, index=index)


def _removed(
    old: pa.Table,
    left: list[dict[str, Any]],
    now_there: pa.Array,
    version: str,
    parent: Parent | None,
    now: datetime,
) -> pa.Table:
    """Tombstones: the parent's, without those of speeches that are back, and one for each speech that leaves now."""
    schema = TABLES["removed"].schema
    back = pc.is_in(old["speech_id"].cast(pa.large_string()), value_set=now_there)
    rows = [
        {
            **{n: row[n] for n in TOMBSTONE if n != "text_sha256"},
            "reason": row["reason"],
            "removed_in": version,
            "last_version": parent.manifest.version if parent else "",
            "removed_at": now.replace(microsecond=0),
        }
        for row in left
    ]
    return pa.concat_tables([old.filter(pc.invert(back)), pa.Table.from_pylist(rows, schema=schema)])


def _changes(
    stages: Mapping[str, Stage], emitted: Mapping[str, Emitted], missing: _Missing, store: PartStore
) -> pa.Table:
    """The rows of changes.parquet."""
    out = []
    left = {row["speech_id"]: row for row in missing.left}
    for name in CONTENT:
        stage, made = stages[name], emitted[name]
        speeches = name == "speeches"
        fresh = np.asarray(
            pc.is_null(pc.index_in(flat(made.index["key"]), value_set=flat(stage.index["key"]))).to_numpy(
                zero_copy_only=False
            ),
            bool,
        )
        new = made.index.filter(pa.array(fresh))
        revision = _revisions(stage, made, store, fresh) if speeches else [None] * new.num_rows
        gone = stage.index.filter(pa.array(stage.removed))
        gone_ids = gone["key"].to_pylist()
        c = made.changed
        ids = [*new["key"].to_pylist(), *c.keys, *gone_ids]
        n_new, n_changed, n_gone = new.num_rows, len(c.keys), len(gone_ids)
        nothing_: list[Any] = [None]
        new_sha = new["text_sha256"].to_pylist() if speeches else nothing_ * n_new
        old_sha = gone["text_sha256"].to_pylist() if speeches else nothing_ * n_gone
        out.append(
            pa.Table.from_arrays(
                [
                    pa.repeat(pa.scalar(name), len(ids)),
                    pa.array(["added"] * n_new + ["changed"] * n_changed + ["removed"] * n_gone, pa.string()),
                    pc.replace_substring(pa.array(ids, pa.string()), "\x1f", " "),
                    pa.array(
                        [[]] * n_new + [list(x) for x in c.columns] + [[]] * n_gone, CHANGES.field("columns").type
                    ),
                    pa.array(nothing_ * n_new + c.old_sha256 + old_sha, pa.string()),
                    pa.array(new_sha + c.new_sha256 + nothing_ * n_gone, pa.string()),
                    pa.array(
                        revision + c.revision + [left[i]["revision"] if speeches else None for i in gone_ids],
                        pa.int32(),
                    ),
                ],
                schema=CHANGES,
            )
        )
    return pa.concat_tables([CHANGES.empty_table(), *out]).sort_by(
        [("table", "ascending"), ("op", "ascending"), ("id", "ascending")]
    )


def _revisions(stage: Stage, made: Emitted, store: PartStore, fresh: npt.NDArray[np.bool_]) -> list[int | None]:
    """The revision of each new speech, in the order of the version: 1, or more for one that is back."""
    out: list[int | None] = []
    start = 0
    known = {p.sha256 for p in stage.parts}
    for part in made.entry.parts:
        mine = fresh[start : start + part.rows]
        start += part.rows
        if part.sha256 not in known and mine.any():
            out += store.columns("speeches", part, ["revision"])["revision"].filter(pa.array(mine)).to_pylist()
    return out
