"""The next version of the tables from the records and the parent version: unit by unit in, part by part out.

Nothing that readers see is touched: new parts lie beside their places until publisher/release.py commits them. Memory is bounded by
the largest unit and a few parts; time follows what changed, since a unit that the parent has taken in already is not read
again (publisher/rowindex.py) and a part whose rows stay is not written again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crawler.errors import DamagedError
from publisher import checks, gates, quality, rules, takedown
from publisher.carrying import CARRIED_SITES, LET_GO, carried, failed_sites
from publisher.changes import SCHEMA as CHANGES
from publisher.contract import Change, check_parent
from publisher.duplicates import Relations, relate
from publisher.history import Entry
from publisher.intake import Source, Tables, Unit
from publisher.layout import Mask, Places, flat
from publisher.looking import RECORDS, Changed, batches, look, look_for_changes, rank, unique_keys
from publisher.manifest import Carried, Gate, Manifest, Part, Reference, TableEntry
from publisher.memory import give_back
from publisher.missing import TOMBSTONE, Missing, decide, fates_of_sites, keep_pages, keep_provenance
from publisher.parts import PartStore
from publisher.quality import Measures
from publisher.recipe import CORRECTION, Recipe
from publisher.releaserules import Run, release_gates, rows_gates, set_aside
from publisher.rowindex import CARRIED, FACTS, HELD, NO_UNIT, State, compared, needed, rebuilt, schema_of, segments_of
from publisher.stage import Emitted, OwnColumns, SpeechColumns, Stage, whole
from publisher.tables import CONTENT, SCHEMA_VERSION, TABLES
from publisher.taking import Intake, in_order
from publisher.versions import day_of

MEMORY = {"speeches": 96 << 20, "provenance": 64 << 20, "pages": 64 << 20}  # bytes of waiting rows
CLOCKS_DIFFER = timedelta(minutes=5)  # of machines that publish to one place

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Parent:
    """The version that the next one is built on, and what is remembered of it. measures: of its quality.json, None where it has none."""

    manifest: Manifest
    reference: Reference
    state: State
    measures: Measures | None = None


@dataclass(slots=True)
class Build:
    """A version ready to be committed, or the gates that stand in its way, or nothing new (then `entries` is empty).

    run: what was found, for the history; None when it did not come to that. failed: sites that failed, and why. entries: the tables; state:
    what to remember of the version; changes: rows of changes.SCHEMA; counts: of changes by table. held: speeches whose page could not be
    read. left: speeches that leave (missing.TOMBSTONE and `reason`). upgraded: the parent has an older schema.
    """

    gates: list[Gate]
    run: Run | None = None
    failed: dict[str, str] = field(default_factory=dict)
    sites: dict[str, int] = field(default_factory=dict)
    entries: dict[str, TableEntry] = field(default_factory=dict)
    state: State | None = None
    changes: pa.Table | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    relations: dict[str, int] = field(default_factory=dict)
    held: int = 0
    carried: dict[str, Carried] = field(default_factory=dict)
    left: list[dict[str, Any]] = field(default_factory=list)
    upgraded: bool = False

    @property
    def changed(self) -> bool:
        """Whether a table that is content changed, or has columns that its parent had not."""
        return bool(self.entries)


def state_of(store: PartStore, manifest: Manifest) -> State:
    """What is to be remembered of a version, from its parts."""
    then = {n: TABLES[n].schema_in(manifest.schema_version).names for n in manifest.tables}
    names = {n: compared(TABLES[n], TABLES[n].schema_in(manifest.schema_version).names) for n in manifest.tables}

    def parts(name: str) -> Iterator[pa.Table]:
        for part in manifest.tables[name].parts:
            wanted = needed(TABLES[name], names[name])
            rows = store.columns(name, part, wanted)
            if lacking := {*wanted, *TABLES[name].key} & set(then[name]) - set(rows.column_names):
                raise DamagedError(
                    f"the file has no column {min(lacking)}",
                    where=str(store.path(name, part)),
                    remedy="restore the file from a copy of the dataset (its name tells its SHA-256), then run `jianghua verify`",
                )
            yield rows.cast(pa.schema([TABLES[name].schema.field(c) for c in rows.column_names]))

    return rebuilt(parts, names)


def build(
    source: Source,
    parent: Parent | None,
    store: PartStore,
    version: str,
    now: datetime,
    *,
    accept: Mapping[str, str] | None = None,
    recipe: Recipe | None = None,
    history: Sequence[Entry] = (),
    scratch: Path,
    index: Path | None = None,
    carry_refused: bool = False,
    progress: Progress = lambda *_: None,
) -> Build:
    """Build the next version; its new parts lie beside their places in `store`.

    version, now: name and time it would get. accept: reasons for failed gates, by gate. history: what earlier publishes found. scratch:
    folder for what does not fit into memory; index: folder of the kept index of near duplicates. progress: called with a step, how far it
    is and how far it goes. Raises DamagedError when parts of the parent cannot be read, of a first version also for records.

    carry_refused: where gates refuse the version because of single sites, it is built again with the rows that the parent has of these, and what
    the gates say of that counts; unless they refuse that as well, and not only because a site has failed for too long.
    """
    job = _Job(source, parent, store, version, now, accept or {}, recipe or Recipe(), scratch, progress)
    first = made = _build(job, history, index)
    aside: dict[str, str] = {}
    while carry_refused and made.run and gates.refused(made.gates):
        more = {s: why for s, why in set_aside(made.run, made.gates).items() if s not in aside}
        if not more:
            break
        aside |= more
        store.discard()
        rest = source.without(aside) if isinstance(source, Tables) else source
        made = _build(replace(job, source=rest, aside=aside, scratch=scratch / f"without-{len(aside)}"), history, index)
    if not aside or not gates.refused(made.gates) or gates.refused_by(made.gates) == {CARRIED_SITES}:
        return made
    assert first.run is not None
    first.run = replace(first.run, failed={**first.run.failed, **aside})  # for the history: since when they fail
    return first


def _build(job: _Job, history: Sequence[Entry], index: Path | None) -> Build:
    """As `build`; what gates refuse is refused."""
    parent = job.parent
    taken = _take_in(job)
    found, failed, speeches = taken.gates, taken.failed, taken.stages["speeches"]
    if gates.refused(found):
        return Build(found, failed=failed)
    if parent and job.now + CLOCKS_DIFFER < parent.manifest.published_at:
        found.append(checks.clock(job.now, parent.manifest.published_at))
    give_back()  # batches are larger than parts
    missing = _settle(job, taken)
    sites = _sites_now(speeches)
    if not sites:
        found.append(checks.no_rows({u.site for u in taken.units}, sum(taken.before.values()), taken.intake.dropped))
    if job.recipe.corrections:
        otherwise = _not_idle(speeches, missing, taken.intake)
        found.append(checks.corrections(job.recipe.corrections, taken.intake.notes, otherwise, failed))
    run = _run(job, taken, missing)
    held = int(((speeches.held == HELD) & speeches.seen).sum())
    facts: dict[str, Any] = {
        "failed": failed, "sites": sites, "held": held, "carried": run.carried, "left": missing.left, "upgraded": job.older,
    }  # fmt: skip
    early = gates.accepted(rows_gates(run, history), job.accept)
    if gates.refused([*found, *early]):
        return Build([*found, *early], run, **facts)
    if parent and not (job.older or speeches.differs or taken.stages["removed"].differs):
        return Build([*found, *gates.accepted(release_gates(run, history), job.accept)], run, **facts)
    measures = dict(parent.state.measures) if parent else {}
    emitted, relations = _emit(job, taken, measures, index)
    found.append(_provenance(parent, taken.stages, emitted))
    entries = {n: emitted[n].entry for n in TABLES}
    kept = {p.sha256: measures[p.sha256] for p in entries["speeches"].parts}
    run = replace(run, now=quality.summed_json(kept.values()), duplicates=entries["duplicates"].rows)
    found += gates.accepted(release_gates(run, history), job.accept)
    if gates.refused(found):
        return Build(found, run, **facts)
    return Build(
        found,
        run,
        entries=entries,
        state=_state(job, taken, emitted, kept),
        changes=_changes(taken.stages, emitted, missing),
        counts={n: taken.stages[n].counts() for n in TABLES},
        relations={
            "duplicates": entries["duplicates"].rows,
            "clusters": len(pc.unique(relations.duplicates["cluster_id"])),
            "contained": entries["contained"].rows,
            "removed": entries["removed"].rows,
        },
        **facts,
    )


@dataclass(frozen=True, slots=True)
class _Job:
    """What a build is given, for its steps (see `build`). aside: sites of which the parent's rows are taken for those in the records, and why."""

    source: Source
    parent: Parent | None
    store: PartStore
    version: str
    now: datetime
    accept: Mapping[str, str]
    recipe: Recipe
    scratch: Path
    progress: Progress
    aside: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema_version(self) -> str:
        """Of the parent; today's where there is none."""
        return self.parent.manifest.schema_version if self.parent else SCHEMA_VERSION

    @property
    def older(self) -> bool:
        """Whether the parent has another schema than today's."""
        return self.schema_version != SCHEMA_VERSION


@dataclass(slots=True)
class _Taken:
    """The records, taken in.

    stages: the tables on their way, by name. numbers: of the units, by name. unread: names of the units of which no file was read. before: rows by
    site in the parent; brought: as many as were brought now; failed: sites that failed, and why; out: sites of whose records nothing was taken
    in. removed: the parent's tombstones.
    """

    stages: dict[str, Stage]
    intake: Intake
    units: list[Unit]
    numbers: dict[str, int]
    unread: frozenset[str]
    before: dict[str, int]
    brought: Counter[str]
    failed: dict[str, str]
    out: frozenset[str]
    removed: pa.Table
    gates: list[Gate]


def _take_in(job: _Job) -> _Taken:
    """Read the records of which the parent has not seen every one, and compare them with it."""
    parent, source, recipe = job.parent, job.source, job.recipe
    stages = {n: _stage(n, parent, job.scratch) for n in RECORDS}
    before = _by_site(stages["speeches"].index) if parent else {}
    units = list(source.units())
    numbers = _numbers(units, parent.state.numbers if parent else {})
    same = _same_units(job, units)
    _keep_units(parent, stages, numbers, same)
    intake = Intake(source, stages, job.store, recipe, job.version, job.now)
    removed = _rows(parent, job.store, "removed")
    intake.tombstones(removed)
    if parent:
        intake.notes |= {n: v for n, v in parent.state.notes.items() if n in same}

    todo = [u for u in units if u.name not in same and u.site not in job.aside]
    damaged = dict(source.damaged)
    looked: Changed | None = None
    if parent and not job.older and parent.state.recipe == recipe.digest() and not recipe.corrections:
        looked, todo, broken = look_for_changes(source, todo, stages, numbers, parent.state.units)
        damaged |= broken
    light, broken = look(source, [u for u in todo if u.site not in damaged], stages, numbers)
    damaged |= broken
    looked = looked.without(damaged, units, numbers) if looked and damaged else looked
    rank(light, looked)
    out = {*damaged, *job.aside}
    _leave_out(out, units, intake)
    todo = [u for u in todo if u.site not in damaged]
    new = {site: why for site, why in sorted(damaged.items()) if not before.get(site)}
    if new and not parent:  # nobody waits for it yet, and who begins wants to know
        site, why = next(iter(new.items()))
        raise DamagedError(
            f"the records of '{site}' cannot be read: {why}", where=site, remedy=f"run `jianghua extract {site}` again"
        )

    done = 0
    if looked and looked.same:
        intake.take_changed(looked)
    for batch in batches(todo, light, alone=bool(recipe.corrections)):
        job.progress("reading records", done, len(todo))
        if not intake.take(batch, light):
            break
        done += len(batch)
    job.progress("reading records", len(todo), len(todo))
    if parent and units and not intake.gates:
        intake.nothing()

    found = [*intake.gates]
    if not gates.refused(found):
        found += [unique_keys(stages[n], light, looked) for n in RECORDS]
        found += rules.gates_of(intake.rules.result())
    brought = Counter(intake.brought)
    brought.update(_by_site_of(stages["speeches"], same, numbers))
    silent = [s for s, n in before.items() if n and not brought.get(s) and s not in damaged and s not in job.aside]
    fates = fates_of_sites(source, silent)
    failed = failed_sites(before, brought, damaged, fates, aside=job.aside, let_go=LET_GO in job.accept)
    unread = frozenset(same) | (looked.told if looked else frozenset())
    found = gates.accepted(found, job.accept)
    if new:
        found.append(checks.unread_sites(new))
    return _Taken(stages, intake, units, numbers, unread, before, brought, failed, frozenset(out), removed, found)


def _leave_out(sites: Collection[str], units: Sequence[Unit], intake: Intake) -> None:
    """Take nothing in of these sites: of a site all is taken in or nothing."""
    for unit in units if sites else ():
        if unit.site in sites:
            intake.notes.pop(unit.name, None)
    for stage in intake.stages.values() if sites else ():
        stage.forget(sites)


def _settle(job: _Job, taken: _Taken) -> Missing:
    """Decide about the parent's rows that were not brought again: which stay, and which leave with a tombstone."""
    stages, recipe = taken.stages, job.recipe
    # a site that brings nothing and is not carried was let go by name
    let_go = {s for s, n in taken.before.items() if n and not taken.brought.get(s) and s not in taken.failed}
    missing = decide(job.source, stages, job.store, taken.intake.dropped, recipe, taken.failed, let_go)
    keep_provenance(stages)
    keep_pages(stages, taken.out)
    for stage in stages.values():
        stage.close_intake()
    removed = _removed(taken.removed, missing.left, stages["speeches"].added_keys, job.version, job.parent)
    if recipe.takedowns:
        down = [i for i, why in taken.intake.dropped.items() if why == takedown.REASON]
        removed = takedown.scrub_removed(removed, recipe.takedowns, down)
    stages["removed"] = whole(_stage("removed", job.parent, job.scratch), removed)
    return missing


def _run(job: _Job, taken: _Taken, missing: Missing) -> Run:
    """What was found of the records, for the gates and the history; of the version that becomes of them the parent's measures."""
    parent, speeches = job.parent, taken.stages["speeches"]
    carried_rows = Counter(_by_site(speeches.index, (speeches.held == CARRIED) & speeches.seen))
    measures = parent.measures or _measured(job.store, speeches.parts, parent) if parent else None
    counts = speeches.counts()
    return Run(
        at=job.now,
        now=measures or Measures(),
        parent=measures,
        new=taken.intake.fresh,
        sites=taken.before,
        brought=taken.brought,
        lost=[(row["site"], row["reason"]) for row in missing.left],
        failed=taken.failed,
        carried=carried(taken.failed, carried_rows, parent.manifest) if parent else {},
        carried_before=parent.manifest.carried if parent else {},
        added=counts["added"],
        changed=counts["changed"],
        removed=counts["removed"],
        added_by=dict(speeches.new_sites),
        duplicates_before=parent.manifest.tables["duplicates"].rows if parent else 0,
        schema=(job.schema_version, _change(parent)) if parent else None,
    )


def _emit(
    job: _Job, taken: _Taken, measures: dict[str, Any], index: Path | None
) -> tuple[dict[str, Emitted], Relations]:
    """Write the parts of all tables. measures: gets what is counted of each part of speeches, by its digest; index: as of `build`."""
    stages, parent, store = taken.stages, job.parent, job.store
    tombs = {r["speech_id"]: (r["revision"], r["first_version"]) for r in taken.removed.to_pylist()}
    emitted: dict[str, Emitted] = {}
    for i, n in enumerate(RECORDS):
        job.progress("writing parts", i, len(RECORDS))
        own = SpeechColumns(job.version, tombs) if n == "speeches" else OwnColumns()
        emitted[n] = stages[n].emit(store, own, measures if n == "speeches" else None)
    job.progress("writing parts", len(RECORDS), len(RECORDS))
    give_back()
    job.progress("comparing texts", 0, 1)
    relations = _relations(parent, store, emitted["speeches"], index)
    for n, rows in (("duplicates", relations.duplicates), ("contained", relations.contained)):
        stages[n] = whole(_stage(n, parent, job.scratch), rows)
    for n in ("duplicates", "contained", "removed"):
        emitted[n] = stages[n].emit(store, OwnColumns())
    job.progress("comparing texts", 1, 1)
    return emitted, relations


def _state(job: _Job, taken: _Taken, emitted: Mapping[str, Emitted], measures: Mapping[str, Any]) -> State:
    """What is to be remembered of the version that was made. measures: of its parts of speeches, by their digests."""
    past = job.parent.state.segments if job.parent else {}
    tokens = _tokens(job.source, taken.units, {*taken.failed, *taken.out}, taken.unread)
    rows = {n: [p.rows for p in emitted[n].entry.parts] for n in TABLES}
    return State(
        {n: emitted[n].index for n in TABLES},
        {n: segments_of(emitted[n].kept, rows[n], past.get(n, ())) for n in TABLES},
        tokens,
        {n: taken.numbers[n] for n in tokens},
        job.recipe.digest(),
        taken.intake.notes,
        dict(measures),
    )


def _stage(name: str, parent: Parent | None, scratch: Path) -> Stage:
    table = TABLES[name]
    known = parent is not None and name in parent.manifest.tables
    return Stage(
        table,
        parent.manifest.tables[name].parts if parent and known else (),
        parent.state.tables[name] if parent and known else schema_of(table).empty_table(),
        parent.manifest.schema_version if parent else SCHEMA_VERSION,
        scratch,
        MEMORY.get(name, 32 << 20),
    )


def _provenance(parent: Parent | None, stages: Mapping[str, Stage], emitted: Mapping[str, Emitted]) -> Gate:
    """Every speech says where it was read from."""
    ids, origins = flat(emitted["speeches"].index["key"]), emitted["provenance"].index["key"]
    if few := _every_one_told(parent):  # then only of what is new or lost an answer has to be asked
        stage = stages["provenance"]
        lost = _told(flat(stage.index["key"]).filter(pa.array(stage.removed)))
        asked = pa.array(emitted["speeches"].fresh)
        ids = ids.filter(pc.or_(asked, pc.is_in(ids, value_set=lost)) if len(lost) else asked)
    # nearly always each has its first answer, which is cheaper to see than which ids there are
    first = pc.binary_join_element_wise(ids, pa.scalar("1", ids.type), pa.scalar("\x1f", ids.type))
    answers = origins.filter(pc.is_in(origins, value_set=first)) if few else origins
    if pc.all(pc.is_in(first, value_set=flat(answers))).as_py() is not False:
        ids = ids.slice(0, 0)
    told = _told(flat(origins) if len(ids) else flat(origins.slice(0, 0)))
    return gates.provenance(
        pa.table({"speech_id": pa.chunked_array([ids])}), pa.table({"speech_id": pa.chunked_array([told])})
    )


def _told(keys: pa.Array) -> pa.Array:
    """The speeches of these keys of provenance."""
    return pc.replace_substring_regex(keys, "\x1f.*$", "")


def _every_one_told(parent: Parent | None) -> bool:
    """Whether every speech of the parent says where it was read from."""
    if (
        parent is None or parent.manifest.reissue_of is not None
    ):  # what is re-issued has the gates of the version that it replaces
        return False
    return any(g.name == "provenance" and g.result == "pass" for g in parent.manifest.gates)


def _change(parent: Parent) -> Change:
    return check_parent(parent.manifest.schema_version)


def _measured(store: PartStore, parts: Sequence[Part], parent: Parent) -> Measures:
    """Measures of a parent that has no quality.json; kept by part."""
    for part in parts:
        if part.sha256 not in parent.state.measures:
            rows = store.read("speeches", part, parent.manifest.schema_version)
            parent.state.measures[part.sha256] = quality.measure(_today(rows)).as_json()
    return quality.summed_json(parent.state.measures[p.sha256] for p in parts)


def _today(rows: pa.Table) -> pa.Table:
    """Rows of an older schema with today's columns, for counting."""
    schema = TABLES["speeches"].schema
    return in_order(rows, TABLES["speeches"]) if rows.schema.names != schema.names else rows


def _same_units(job: _Job, units: Sequence[Unit]) -> set[str]:
    """Names of the units that the parent has taken in as they are now."""
    if job.parent is None or job.older or job.parent.state.recipe != job.recipe.digest():
        return set()
    known = job.parent.state.units
    return {u.name for u in units if u.token is not None and known.get(u.name) == u.token}


def _tokens(
    source: Source, units: Sequence[Unit], failed: Collection[str], unread: Collection[str]
) -> dict[str, str | None]:
    """The token of each unit as it was taken in. failed: sites whose rows are carried, or of which nothing was taken in: their units have none, so
    that all of them are looked at again, since what is carried stays only for as long as the site fails. unread: names of units of which no file was read for
    that: they may have been replaced meanwhile, and looked into for other reasons."""
    return {u.name: None if u.site in failed else u.token if u.name in unread else source.token(u) for u in units}


def _keep_units(parent: Parent | None, stages: Mapping[str, Stage], numbers: Mapping[str, int], same: set[str]) -> None:
    """Rows of units that are as they were stay; those of units that are no more, or were not taken in, have none."""
    if parent is None:
        return
    known = parent.state.numbers
    most = max([-1, *known.values(), *(int(s.units.max(initial=-1)) for s in stages.values())])
    now = np.full(most + 2, NO_UNIT, np.int32)  # the last for rows without a unit, whose number is -1
    kept = np.zeros(most + 2, bool)
    for name in known.keys() & numbers.keys():
        now[known[name]], kept[known[name]] = numbers[name], name in same
    for stage in stages.values():
        old = stage.units
        stage.seen = kept[old]
        stage.kept = stage.seen.copy()
        stage.units = now[old]


def _numbers(units: Sequence[Unit], known: Mapping[str, int]) -> dict[str, int]:
    """The number of each unit, by name: the one that it had, so that what is kept of its rows stays the same; new ones follow."""
    out = {u.name: known[u.name] for u in units if u.name in known}
    fresh = [u.name for u in units if u.name not in known]
    return out | dict(zip(fresh, count(max(known.values(), default=-1) + 1), strict=False))


def _by_site(index: pa.Table, among: Mask | None = None) -> dict[str, int]:
    """Rows by site. among: which of them, all when None."""
    sites = flat(index["site"])
    counts = pc.value_counts(sites if among is None else sites.filter(pa.array(among)))
    return dict(sorted((v["values"], v["counts"]) for v in counts.to_pylist()))


def _by_site_of(stage: Stage, same: set[str], numbers: Mapping[str, int]) -> dict[str, int]:
    """Speeches by site that units brought which were not read again."""
    wanted = np.isin(stage.units, [numbers[n] for n in same]) & (stage.held == 0) if same else np.zeros(stage.old, bool)
    return _by_site(stage.index, wanted)


def _sites_now(stage: Stage) -> dict[str, int]:
    """Speeches by site in the next version."""
    counts = Counter(_by_site(stage.index, ~stage.removed))
    counts.update(stage.new_sites)
    return dict(sorted(counts.items()))


def _not_idle(stage: Stage, missing: Missing, intake: Intake) -> set[str]:
    """Ids of speeches that are, or are not, in the version for other reasons: a correction of one is not idle."""
    held = flat(stage.index["key"]).filter(pa.array(stage.held > 0)).to_pylist()
    return {*held, *intake.dropped, *(r["speech_id"] for r in missing.left if r["reason"] == CORRECTION)}


def _rows(parent: Parent | None, store: PartStore, name: str) -> pa.Table:
    """All rows of a small table of the parent."""
    table = TABLES[name]
    if parent is None or name not in parent.manifest.tables:
        return table.schema.empty_table()
    then = parent.manifest.schema_version
    parts = [store.read(name, p, then) for p in parent.manifest.tables[name].parts]
    return pa.concat_tables([table.schema.empty_table(), *(in_order(rows, table) for rows in parts)])


def _relations(parent: Parent | None, store: PartStore, made: Emitted, index: Path | None) -> Relations:
    """Copies and containments in the next version."""
    starts = np.concatenate([[0], np.cumsum([p.rows for p in made.entry.parts])]).astype(np.int64)
    keys_now = flat(made.index["key"])
    facts = made.index.select(["key", *FACTS]).rename_columns(["speech_id", *FACTS])
    at = facts.schema.get_field_index("speech_id")
    facts = facts.set_column(at, pa.field("speech_id", pa.string()), keys_now.cast(pa.string()))

    def texts(rows: Places) -> Iterator[tuple[int, str]]:
        held = np.isin(rows, np.array(list(made.texts), np.int64))
        yield from ((r, made.texts[r]) for r in rows[held].tolist())
        rows = np.sort(rows[~held])
        for number in np.unique(np.searchsorted(starts, rows, side="right") - 1).tolist():
            here = rows[(rows >= starts[number]) & (rows < starts[number + 1])]
            found = store.some("speeches", made.entry.parts[number], ["text"], here - starts[number])
            yield from zip(here.tolist(), found["text"].to_pylist(), strict=True)

    if parent is None:
        return relate(facts, texts, index=index)
    old = Relations(_rows(parent, store, "duplicates"), _rows(parent, store, "contained"))
    # facts are among what makes a row count as changed
    touched = [*keys_now.filter(pa.array(made.fresh)).to_pylist(), *made.changed.keys]
    return relate(facts, texts, old=old, touched=touched, index=index)


def _removed(
    old: pa.Table,
    left: list[dict[str, Any]],
    new: pa.Array,
    version: str,
    parent: Parent | None,
) -> pa.Table:
    """Tombstones: the parent's, without those of speeches that are back, and one for each speech that leaves now."""
    schema = TABLES["removed"].schema
    back = pc.is_in(old["speech_id"].cast(pa.large_string()), value_set=new)
    rows = [
        {
            **{n: row[n] for n in TOMBSTONE},
            "text_sha256": None if row["reason"] == takedown.REASON else row["text_sha256"],
            "reason": row["reason"],
            "removed_in": version,
            "last_version": parent.manifest.version if parent else "",
            "removed_at": day_of(version),
        }
        for row in left
    ]
    return pa.concat_tables([old.filter(pc.invert(back)), pa.Table.from_pylist(rows, schema=schema)])


def _changes(stages: Mapping[str, Stage], emitted: Mapping[str, Emitted], missing: Missing) -> pa.Table:
    """The rows of changes.parquet."""
    out = [CHANGES.empty_table()]
    for name in CONTENT:
        stage, made = stages[name], emitted[name]
        speeches = name == "speeches"
        new = made.index.filter(pa.array(made.fresh))
        gone = stage.index.filter(pa.array(stage.removed))
        c = made.changed
        n = len(c.keys)
        revisions = {row["speech_id"]: row["revision"] for row in missing.left} if speeches else {}
        gone_revision = [revisions.get(i) for i in gone["key"].to_pylist()] if speeches else []
        none = pa.nulls(new.num_rows + n + gone.num_rows, pa.string())
        out += [
            _change_rows(
                name, "added", flat(new["key"]), None,
                none.slice(0, new.num_rows), flat(new["text_sha256"]) if speeches else none.slice(0, new.num_rows),
                made.revisions if speeches else None,
            ),
            _change_rows(
                name, "changed", pa.array(c.keys, pa.large_string()), c.columns,
                pa.array(c.old_sha256, pa.string()), pa.array(c.new_sha256, pa.string()), pa.array(c.revision, pa.int32()),
            ),
            _change_rows(
                name, "removed", flat(gone["key"]), None,
                flat(gone["text_sha256"]) if speeches else none.slice(0, gone.num_rows), none.slice(0, gone.num_rows),
                pa.array(gone_revision, pa.int32()) if speeches else None,
            ),
        ]  # fmt: skip
    return pa.concat_tables(out).sort_by([("table", "ascending"), ("op", "ascending"), ("id", "ascending")])


def _change_rows(
    table: str, op: str, ids: pa.Array, columns: Sequence[tuple[str, ...]] | None, old: pa.Array, new: pa.Array, revision: pa.Array | None
) -> pa.Table:  # fmt: skip
    n = len(ids)
    dtype = CHANGES.field("columns").type
    if columns is None:  # nothing to tell of any row, and there may be very many
        listed = pa.ListArray.from_arrays(pa.array(np.zeros(n + 1, np.int32)), pa.array([], dtype.value_type), dtype)
    else:
        listed = pa.array([list(c) for c in columns], dtype)
    return pa.Table.from_arrays(
        [
            pa.repeat(pa.scalar(table, pa.string()), n),
            pa.repeat(pa.scalar(op, pa.string()), n),
            pc.replace_substring(ids, "\x1f", " ").cast(pa.string()),
            listed,
            old,
            new,
            pa.nulls(n, pa.int32()) if revision is None else revision,
        ],
        schema=CHANGES,
    )
