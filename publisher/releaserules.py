"""Release rules: is a version as its parent and the runs before it let one expect? Each rule is data: a value, two bars, a reason.

A value is a share of speeches (or a distance), for each site and for all sites that both versions have together. It is compared with the
parent version and with the median of the last runs (publisher/history.py). It warns or fails when it rose by more than the rule's bar, and
by more than SWINGS times what it moves from run to run anyway, so that a site that always swings does not warn every day; and only when
the rise is of MIN_ROWS speeches or more, so that small sites do not warn by chance. What rose slowly is seen against the median, what rose
at once against the parent. When a person has confirmed or accepted how things are, the median begins anew.

New and changed speeches are also judged by themselves against their site as it was (`new` in the figures): in a large dataset a day on
which every new speech is damaged would move the whole by nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any, Literal

from crawler.wording import counted
from publisher import gates
from publisher.carrying import carried_sites
from publisher.contract import Change
from publisher.history import NEVER, Entry, Outcome, Past, last_new, past, run_of_zeros
from publisher.manifest import Carried, Gate
from publisher.quality import LISTS, Counts, Measures, share, shift, together

WINDOW = 15  # runs that count as usual: a lasting change is the new usual after half of them
MIN_RUNS = 5  # below that only the parent is compared
SWINGS = 2.0  # so often the usual movement from run to run is still usual
MIN_ROWS = 10  # speeches by which a share must have risen
NEW_ROWS = 30  # new speeches of a site from which they are judged by themselves
CHANCE = 3.0  # standard deviations of a share among few speeches that are chance
ALL = "all sites"
Result = Literal["pass", "warn", "fail"]
WORST: dict[Result, int] = {"pass": 0, "warn": 1, "fail": 2}

# Columns that a page fills, so that more nulls in them tell of a reading that misses something. The others say something rare or bad.
FILLED = (
    "published_at", "source", "author", "site_title", "salutation", "speaker_role", "speaker_name", "admin_level", "region",
    "occasion", "event_date", *LISTS,
)  # fmt: skip
# Of these, what a page need not show at all: a site that was redesigned shows no tags any more, and its speeches are all there. Told, never refused.
MAY_GO = frozenset({"source", "author", "site_title", "keywords", "breadcrumb"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. what: the value, for people; why: the reason for the bars.

    warn, fail: rises above which it warns or fails. of: the share's speeches by subject ("" : the site itself, else a column). distance:
    a distance to the version before instead. first: value above which a first version warns, which nothing can be compared with. mild: columns that
    warn where others fail.
    """

    name: str
    what: str
    warn: float
    fail: float
    why: str
    of: Callable[[Counts], Mapping[str, int]] | None = None
    distance: Callable[[Counts, Counts], float] | None = None
    first: float = math.inf
    unit: str = "%"
    mild: frozenset[str] = frozenset()


RULES: tuple[Rule, ...] = (
    Rule(
        "previews",
        "share of previews",
        0.05,
        0.25,
        "one speech in twenty: a site that closes its texts, or a reading that takes whole texts for cut ones, moves far more; "
        "single pages far less",
        of=lambda c: {"": c.previews},
        first=0.5,
    ),
    Rule(
        "mojibake",
        "share of texts with mojibake",
        0.01,
        0.05,
        "damaged characters come from a wrong charset, which hits all pages of a site at once; clean sites have below one in a hundred",
        of=lambda c: {"": c.mojibake},
        first=0.05,
    ),
    Rule(
        "boilerplate",
        "share of texts with boilerplate",
        0.02,
        0.10,
        "a redesigned page brings its navigation into every text; what slips through elsewhere is below one in fifty",
        of=lambda c: {"": c.boilerplate},
        first=0.2,
    ),
    Rule(
        "lengths",
        "lengths of texts (octaves from the version before)",
        0.25,
        1.0,
        "a quarter octave is a fifth longer or shorter throughout, or one text in eight cut to a quarter; an octave is half the text "
        "lost everywhere",
        distance=shift,
        unit="",
    ),
    Rule(
        "nulls",
        "share of nulls",
        0.10,
        0.50,
        "one tenth: facts come from a site's template, so a change of it empties a column for most of its pages; "
        "source, author, breadcrumb, keywords and the site's name never fail: a new template may leave them out",
        of=lambda c: {n: c.nulls.get(n, 0) for n in FILLED},
        mild=MAY_GO,
    ),
)
DUPLICATES = Rule(
    "duplicates",
    "share of speeches that have copies",
    0.05,
    0.20,
    "copies grow slowly with the dataset; a site read twice (another address, another host) doubles at once",
)

Values = dict[str, dict[str, float]]
Sites = dict[str, tuple[Counts, Counts | None]]  # now and before


def _sites(now: Measures, before: Measures | None) -> Sites:
    """The sites with their counts now and before, and all sites that are in both together."""
    found = {site: (counts, before.sites.get(site) if before else None) for site, counts in now.sites.items()}
    both = [(a, b) for a, b in found.values() if b is not None]
    if both:
        found[ALL] = together(a for a, _ in both), together(b for _, b in both)
    return found


def _values(rule: Rule, counts: Counts, before: Counts | None) -> dict[str, float]:
    """Value by column, or under ""."""
    if rule.distance is not None:
        return {"": rule.distance(counts, before)} if before is not None else {}
    assert rule.of is not None
    return {name: share(n, counts.rows) for name, n in rule.of(counts).items()}


def _subject(site: str, name: str) -> str:
    return f"{site} {name}" if name else site


def values(now: Measures, before: Measures | None, duplicates: int | None) -> Values:
    """What each rule judges, by subject (a site, or site and column), without what is 0: for the history."""
    out: Values = {}
    sites = _sites(now, before)
    for rule in RULES:
        found = {
            _subject(site, name): v
            for site, (counts, then) in sites.items()
            for name, v in _values(rule, counts, then).items()
            if v
        }
        if found:
            out[rule.name] = found
    if duplicates:
        out[DUPLICATES.name] = {ALL: share(duplicates, now.total.rows)}
    return out


def swing(run: Sequence[float]) -> float:
    """How much a value moves from run to run: the largest step, without the largest tenth of the steps (two at least), so that one
    change of level is none, nor one day that was unlike the others (up and down again)."""
    steps = sorted(abs(b - a) for a, b in pairwise(run))
    kept = steps[: len(steps) - max(2, len(steps) // 10)]
    return kept[-1] if kept else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of one subject. value, before, usual: now, in the parent version, median of the runs (None: not known)."""

    subject: str
    result: Result
    value: float
    before: float | None
    usual: float | None


def judge(
    rule: Rule,
    value: float,
    rows: int,
    before: float | None,
    past: Past = NEVER,
    chance: float = 0.0,
    subject: str = ALL,
) -> Verdict:
    """Compare a value. rows: speeches that it is a share of; before: the parent's value; chance: rise that says nothing among so few
    speeches."""
    usual = median(past.confirmed) if len(past.confirmed) >= MIN_RUNS else None
    slack = max(SWINGS * swing(past.run) if len(past.run) >= MIN_RUNS else 0.0, chance)
    result: Result = "pass"
    for known in (before, usual):
        if known is None:
            continue
        rise = round(value - known, 4)
        # in whole speeches: a share is rounded
        enough = round(rise * rows) >= MIN_ROWS if rule.distance is None else rows >= 5 * MIN_ROWS
        if enough and rise > max(rule.fail, slack):
            result = "fail"
        elif enough and rise > max(rule.warn, slack) and result == "pass":
            result = "warn"
    return Verdict(subject, result, value, before, usual)


@dataclass(frozen=True, slots=True)
class Run:
    """What a publish found, for the release rules and the history.

    at: time of the publish, aware. now, parent: measures of all rows of the new version and of its parent (None: a first version). new:
    of the rows that are added or changed. sites: speeches by site in the parent; brought: those that the records bring (see
    carrying.failed_sites). lost: (site, reason) of each speech that leaves, without those of carried sites. failed: why, by site; carried:
    what the manifest says of them; carried_before: what the parent's says. added, changed, removed: speeches; added_by: added ones by
    site. duplicates: rows of the table, now (None: not yet known) and in the parent. schema: the parent's schema version and what changed since.
    """

    at: datetime
    now: Measures
    parent: Measures | None = None
    new: Measures = field(default_factory=Measures)
    sites: Mapping[str, int] = field(default_factory=dict)
    brought: Mapping[str, int] = field(default_factory=dict)
    lost: Sequence[tuple[str, str]] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    carried: Mapping[str, Carried] = field(default_factory=dict)
    carried_before: Mapping[str, Carried] = field(default_factory=dict)
    added: int = 0
    changed: int = 0
    removed: int = 0
    added_by: Mapping[str, int] = field(default_factory=dict)
    duplicates: int | None = None
    duplicates_before: int = 0
    schema: tuple[str, Change] | None = None


def entry(run: Run, outcome: Outcome, version: str | None, judged: Iterable[Gate], confirmed: bool) -> dict[str, Any]:
    """The run as an entry of the history. version: the one made; judged: its gates; confirmed: a person confirmed its warnings."""
    judged = list(judged)
    # A run without changes does not look for copies: there are those of the parent. None would be 0 in the history.
    duplicates = run.duplicates_before if outcome == "unchanged" and run.duplicates is None else run.duplicates
    return {
        "at": run.at.isoformat(timespec="seconds"),
        "outcome": outcome,
        "version": version,
        "added": run.added,
        "changed": run.changed,
        "removed": run.removed,
        "rows": {site: c.rows for site, c in run.now.sites.items()},
        "new": dict(run.added_by),
        "failed": dict(run.failed),
        "values": values(run.now, run.parent, duplicates),
        "accepted": sorted(g.name for g in judged if g.accepted is not None),
        "confirmed": confirmed or any(g.accepted is not None for g in judged),
    }


def refusal(at: datetime, failed: Mapping[str, str]) -> dict[str, Any]:
    """An entry for a run that was refused before its rows were compared."""
    return {"at": at.isoformat(timespec="seconds"), "outcome": "refused", "version": None, "added": None, "changed": None,
            "removed": None, "rows": {}, "new": {}, "failed": dict(failed), "values": {}, "confirmed": False}  # fmt: skip


# ---------------------------------------------------------------------------------------------- gates


def release_gates(run: Run, history: Sequence[Entry] = (), *, days: int | None = None) -> list[Gate]:
    """The gates that compare a version with its parent and with the runs before. days: how long a failed site is carried."""
    sites = _sites(run.now, run.parent)
    found = [_rule_gate(rule, run, sites, history) for rule in RULES]
    if run.parent is None:
        return found
    return [
        *rows_gates(run, history, days=days),
        *found,
        *([] if run.duplicates is None else [duplicates_gate(run, history)]),
        nothing_new(run, history),
        *([schema_change(*run.schema)] if run.schema else []),
    ]


def rows_gates(run: Run, history: Sequence[Entry] = (), *, days: int | None = None) -> list[Gate]:
    """Those of the release gates that judge which sites and rows are there: they need no measures, and so no part to be written. days: as of
    `release_gates`. None for a first version."""
    if run.parent is None:
        return []
    limit = {} if days is None else {"days": days}
    lost = _lost(run)
    return [
        gates.silent_sites(run.sites, run.brought, run.failed),
        carried_sites(run.carried, run.sites, history, run.at, before=run.carried_before, **limit),
        gates.rows_lost(lost, run.sites, run.added_by),
        gates.rows_gone(lost, run.sites, run.added_by),
    ]


def _lost(run: Run) -> list[tuple[str, str]]:
    """Site and reason of each speech that leaves, without those of sites that are let go by name: who does that does not want to accept by it what
    others lose."""
    return [x for x in run.lost if run.brought.get(x[0]) or x[0] in run.failed]


def set_aside(run: Run, found: Sequence[Gate]) -> dict[str, str]:
    """The sites because of which alone gates refuse a version, and why: their last good rows may be carried forward, and all else published.

    found: every gate. None where a gate refuses that judges no single site, or where these sites and those that failed are more than half of all:
    then it is more likely our fault than theirs.
    """
    out: dict[str, str] = {}
    for gate in found:
        if gate.result != "fail" or gate.accepted is not None:
            continue
        of_gate = _refused_sites(run, gate)
        if not of_gate:
            return {}
        out = of_gate | out
    known = {site for site, n in run.sites.items() if n}
    return out if out and 2 * len({*out, *run.failed} & known) <= len(known) else {}


def _refused_sites(run: Run, gate: Gate) -> dict[str, str]:
    """The sites because of which a gate fails, and what it says of each; none where it fails for other reasons."""
    if of_rows := {"rows_lost": gates.rows_lost, "rows_gone": gates.rows_gone}.get(gate.name):
        lost = _lost(run)
        each = {site: of_rows([x for x in lost if x[0] == site], run.sites, run.added_by) for site, _ in lost}
        return {site: f"{gate.name}: {g.what}" for site, g in sorted(each.items()) if g.result == "fail"}
    out: dict[str, str] = {}
    for rule in RULES if gate.name in {r.name for r in RULES} else ():
        for subject, told in gate.figures["rose"].items() if rule.name == gate.name else ():
            site = subject.partition(" ")[0]
            if told["result"] == "fail" and site in run.sites and site not in out:
                said = _say(rule, Verdict(subject, "fail", told["now"], told["before"], told["usual"]))
                out[site] = f"{gate.name}: {rule.what} rose: {said}"
    return out


def _rule_gate(rule: Rule, run: Run, sites: Sites, history: Sequence[Entry]) -> Gate:
    verdicts = []
    for site, (counts, then) in sites.items():
        before = _values(rule, then, then) if then is not None else {}
        for name, value in _values(rule, counts, then).items():
            subject = _subject(site, name)
            known = before.get(name)
            if run.parent is None:
                if value > rule.first and round(value * counts.rows) >= MIN_ROWS:
                    verdicts.append(Verdict(subject, "warn", value, None, None))
                continue
            if known is None:
                continue  # a site that is new has nothing to be compared with
            runs = past(history, rule.name, subject, "" if site == ALL else site, WINDOW)
            verdict = judge(rule, value, counts.rows, known, runs, subject=subject)
            verdicts.append(
                replace(verdict, result="warn") if verdict.result == "fail" and name in rule.mild else verdict
            )
    return _gate(rule, verdicts, _new_ones(rule, run))


def _new_ones(rule: Rule, run: Run) -> list[Verdict]:
    """What the new and changed speeches say by themselves: at most a warning, as they are few."""
    if rule.distance is not None or run.parent is None:
        return []
    out = []
    for site, counts in run.new.sites.items():
        then = run.parent.sites.get(site)
        if then is None or counts.rows < NEW_ROWS or then.rows < NEW_ROWS:
            continue
        before = _values(rule, then, then)
        for name, value in _values(rule, counts, None).items():
            p = max(before[name], 1 / counts.rows)
            chance = CHANCE * math.sqrt(p * (1 - p) / counts.rows)
            verdict = judge(rule, value, counts.rows, before[name], NEVER, chance, _subject(site, name))
            if verdict.result != "pass":
                out.append(replace(verdict, result="warn"))
    return out


def _gate(rule: Rule, verdicts: Sequence[Verdict], new: Sequence[Verdict] = ()) -> Gate:
    told = [v for v in verdicts if v.result != "pass"]
    worst: Result = max((v.result for v in (*told, *new)), key=WORST.__getitem__, default="pass")
    told.sort(key=lambda v: (-WORST[v.result], -(v.value - (v.before or 0.0)), v.subject))
    parts = [_say(rule, v) for v in told[:5]] + [f"new speeches of {_say(rule, v)}" for v in new[:5]]
    return Gate(
        name=rule.name,
        result=worst,
        what=f"{rule.what} rose: {'; '.join(parts)}" if parts else f"{rule.what}: as usual",
        figures={
            "rose": {
                v.subject: {"now": v.value, "before": v.before, "usual": v.usual, "result": v.result} for v in told
            },
            "new": {v.subject: {"now": v.value, "before": v.before} for v in new},
            "subjects": len(verdicts),
        },
    )


def _say(rule: Rule, v: Verdict) -> str:
    def number(x: float) -> str:
        return f"{100 * x:.1f} %" if rule.unit == "%" else f"{x:.2f}"

    known = [] if v.before is None or rule.distance else [f"{number(v.before)} before"]
    known += [] if v.usual is None else [f"usual {number(v.usual)}"]
    return f"{v.subject} {number(v.value)}" + (f" ({', '.join(known)})" if known else "")


def duplicates_gate(run: Run, history: Sequence[Entry] = ()) -> Gate:
    """Judges the share of speeches that have copies, over all sites: copies are found across sites."""
    assert run.parent is not None
    rows, found = run.now.total.rows, run.duplicates or 0
    before = share(run.duplicates_before, run.parent.total.rows)
    usual = past(history, DUPLICATES.name, ALL, "", WINDOW)
    gate = _gate(DUPLICATES, [judge(DUPLICATES, share(found, rows), rows, before, usual)])
    came = sorted(run.now.sites.keys() - run.parent.sites.keys())
    if gate.result == "pass" or not came:
        return gate
    names = ", ".join(came[:5]) + (" and more" if len(came) > 5 else "")
    told = f"new since the version before: {names}; a site that was renamed stands twice until its old name is let go"
    return gate.model_copy(update={"what": f"{gate.what}; {told}"})


def nothing_new(run: Run, history: Sequence[Entry]) -> Gate:
    """Warns when a run found no new speech, with how many runs in a row and since when: a crawl that finds nothing looks like one that
    works."""
    runs, since = run_of_zeros(history)
    if run.added:
        return Gate(
            name="nothing_new", result="pass", what=counted(run.added, "new speech"), figures={"added": run.added}
        )
    runs, since = runs + 1, since or run.at.isoformat(timespec="seconds")
    last = last_new(history)
    what = "no new speech"
    if runs > 1:
        what += f", {runs} runs in a row since {since[:10]}"
    what += f"; the last new ones came on {last[:10]}" if last else ""
    return Gate(
        name="nothing_new",
        result="warn",
        what=what,
        figures={
            "added": 0,
            "changed": run.changed,
            "removed": run.removed,
            "runs": runs,
            "since": since,
            "short": "no new speech",
        },
    )


def schema_change(old: str, change: Change) -> Gate:
    """Tells what changed in the schema since the parent; a change without its bump is refused before (publisher/contract.py)."""
    return Gate(
        name="schema_change",
        result="warn" if change == "major" else "pass",
        what="the schema is the parent's" if change == "none" else f"a {change} change of the schema since {old}",
        figures={"parent": old, "change": change},
    )


def _bar(x: float, rule: Rule) -> str:
    value = 100 * x if rule.unit == "%" else x
    word = "point" if rule.unit == "%" else "octave"
    return f"{value:g} {word if value == 1 else word + 's'}"


def listed() -> str:
    """The release rules with two bars as a Markdown table (docs/gates.md holds it between two marks)."""
    lines = ["| gate | value | warns above a rise of | fails above | reason |", "| --- | --- | --- | --- | --- |"]
    for rule in (*RULES, DUPLICATES):
        bars = [_bar(x, rule) for x in (rule.warn, rule.fail)]
        lines.append(f"| `{rule.name}` | {rule.what} | {bars[0]} | {bars[1]} | {rule.why} |")
    return "\n".join(lines) + "\n"
