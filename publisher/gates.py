"""Checks made before a version is published. Each is a plain function over tables and gives a Gate.

A `fail` refuses the publish: no version is made, `latest` stays, the refusal is recorded with its figures. An operator may
accept a failed gate by name and with a reason, which the manifest keeps; what would make a version unreadable cannot be
accepted. A `warn` is published and stands in the manifest; where the publish was told to wait for a person (`warnings="wait"`), it is
published when somebody confirms it with a reason.

Row rules: publisher/rules.py. Release rules: publisher/releaserules.py. Sites that fail: publisher/carrying.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from crawler.errors import JianghuaError
from crawler.wording import counted
from publisher.manifest import Gate
from publisher.tables import Table

LOST_WARN, LOST_FAIL, LOST_ROWS = 0.01, 0.10, 5
GONE = frozenset({"gone", "soft_404"})  # the page is not there: its server says so, or the page itself
WANTED = GONE | {"correction", "taken_down"}  # reasons for which speeches leave that are no loss
MOVED = "moved"
GONE_WARN, GONE_FAIL, GONE_ROWS = 0.20, 0.50, 10

# Without these a version could not be read or compared: no reason makes them acceptable.
FINAL = frozenset({"schema", "unique_keys", "rows"})
# Warnings that never make a publish wait: to hold back what changed would not bring anything new.
NEVER_WAITS = frozenset({"nothing_new"})
# how to get back what was left out of a version that would be empty
_PUT_BACK = {
    "correction": "`jianghua corrections list` shows which entries drop speeches: remove or narrow them",
    "taken_down": "`jianghua takedown list` shows what is taken down: `jianghua takedown lift ID --reason TEXT` brings it back",
}
Warnings = Literal["publish", "wait"]


def _remedy(gate: Gate) -> str:
    """What to do about a gate that failed."""
    if gate.name == "rows":
        if not gate.figures.get("sites"):
            return "run `jianghua crawl SITE` and `jianghua extract SITE` first, or `jianghua run SITE` for the whole chain"
        ways = [_PUT_BACK[r] for r in gate.figures.get("dropped") or () if r in _PUT_BACK]
        return "; ".join(ways) or (
            "`jianghua extract` says what became of the pages of each site, `jianghua explain SITE PATH` why one of them is no speech; when only "
            "lists were fetched so far, let `jianghua crawl SITE` go on, and `jianghua sites try PAGE` shows whether the site file fits"
        )
    if gate.name == "carried_sites":
        return (
            "look at the records of the sites named; where a gate is named that refuses what a site brings, accepting that one takes it as it is; the "
            "speeches of a site that has closed for good go with --accept silent_sites --reason TEXT"
        )
    return "look at the records of the sites named"


class RefusedError(JianghuaError):
    """A publish that a gate refused. `gates` holds every result; `waiting`: whether a person may accept what failed.

    alone: the sites because of which alone it was refused, where their last good rows may be carried forward.
    """

    lasting = True  # the same records would be refused again

    def __init__(self, gates: Iterable[Gate], *, where: str, alone: Collection[str] = ()) -> None:
        self.gates = tuple(gates)
        failed = [g for g in self.gates if g.result == "fail" and g.accepted is None]
        acceptable = [g.name for g in failed if g.name not in FINAL]
        self.waiting = bool(failed) and len(acceptable) == len(failed)
        remedy = "; ".join(dict.fromkeys(_remedy(g) for g in failed))
        if self.waiting:
            remedy += (
                ", or publish all the same with " + " ".join(f"--accept {n}" for n in acceptable) + " --reason TEXT"
            )
        if alone:
            remedy += (
                f', or keep the last good rows of {", ".join(sorted(alone))} and publish all else: refused_sites = "carry" below [publish] in '
                "jianghua.toml, or JIANGHUA_PUBLISH_REFUSED_SITES=carry for this once"
            )
        super().__init__(
            "not published: " + "; ".join(f"{g.name}: {g.what}" for g in failed),
            where=where,
            remedy=remedy + "; the latest version stays as it is",
        )


class WaitingError(JianghuaError):
    """A publish with warnings that waits for a person. `gates` holds every result."""

    waiting = True

    def __init__(self, gates: Iterable[Gate], *, where: str, dataset: str = "speeches") -> None:
        self.gates = tuple(gates)
        super().__init__(
            "not published yet: " + "; ".join(f"{g.name}: {g.what}" for g in waiting_for(self.gates)),
            where=where,
            remedy=f'look at it, then `jianghua publish {dataset} --confirm "REASON"`; the latest version stays as it is',
        )


def waiting_for(gates: Iterable[Gate]) -> list[Gate]:
    """The warnings for which a publish waits that was told to."""
    return [g for g in gates if g.result == "warn" and g.name not in NEVER_WAITS]


def waits(gates: Iterable[Gate], warnings: Warnings, confirm: str | None) -> bool:
    """Whether a version that no gate refuses has to wait for a person. confirm: the reason with which one confirmed its warnings."""
    return warnings == "wait" and not confirm and bool(waiting_for(gates))


def confirmed(gates: Iterable[Gate], confirm: str | None) -> str | None:
    """What the manifest keeps: the reason, where there was a warning to confirm."""
    return confirm if confirm and any(g.result == "warn" for g in gates) else None


def accepted(gates: Iterable[Gate], accept: Mapping[str, str]) -> list[Gate]:
    """The gates with the operator's reasons written to those that failed and may be accepted."""
    return [
        g.model_copy(update={"accepted": accept[g.name]})
        if g.result == "fail" and g.name in accept and g.name not in FINAL
        else g
        for g in gates
    ]


def refused_by(gates: Iterable[Gate]) -> set[str]:
    """The names of the gates that stand in the way."""
    return {g.name for g in gates if g.result == "fail" and g.accepted is None}


def refused(gates: Iterable[Gate]) -> bool:
    """Whether one of the gates stands in the way."""
    return bool(refused_by(gates))


def _gate(name: str, bad: bool, what: str, good: str, **figures: Any) -> Gate:
    return Gate(name=name, result="fail" if bad else "pass", what=what if bad else good, figures=figures)


def _some(values: Iterable[Any], n: int = 5) -> list[Any]:
    return sorted(values, key=str)[:n]


def schema(table: Table, rows: pa.Table, columns: Iterable[str]) -> Gate:
    """The records have exactly these columns, of the types of the table, and nulls only where they may be."""
    wanted = {c.name: c for c in table.columns if c.name in set(columns)}
    problems = [f"column {n} is missing" for n in wanted if n not in rows.column_names]
    problems += [f"column {n} is unknown" for n in rows.column_names if n not in wanted]
    for name, column in wanted.items():
        if name not in rows.column_names:
            continue
        found = rows.schema.field(name).type
        same = found == column.type or (pa.types.is_timestamp(found) and found.tz == getattr(column.type, "tz", None))
        if not same:
            problems.append(f"column {name} is {found}, not {column.type}")
        elif not column.nullable and rows[name].null_count:
            problems.append(f"column {name} has {counted(rows[name].null_count, 'null')}")
    return _gate(
        "schema",
        bool(problems),
        f"{table.name}: " + "; ".join(problems[:5]),
        f"{table.name} has the columns it should have",
        table=table.name,
        problems=problems,
    )


def silent_sites(before: Mapping[str, int], now: Mapping[str, int], carried: Collection[str] = ()) -> Gate:
    """Every site that had speeches in the parent version still brings some, or has them carried forward."""
    silent = sorted(s for s, n in before.items() if n and not now.get(s) and s not in carried)
    return _gate(
        "silent_sites",
        bool(silent),
        f"{', '.join(silent)} brought no speech, the version before had {sum(before[s] for s in silent)}",
        "every site of the version before brought speeches or has them carried forward",
        silent={s: before[s] for s in silent},
    )


def _shares(
    name: str, counts: Counter[str], before: Mapping[str, int], warn: float, fail: float, rows: int, what: str
) -> Gate:
    share = {s: round(n / max(1, before.get(s, 0)), 4) for s, n in sorted(counts.items())}
    failed = [s for s in share if share[s] > fail and counts[s] >= rows]
    warned = [s for s in share if share[s] > warn]
    named = failed or warned
    result = "fail" if failed else "warn" if warned else "pass"
    text = ", ".join(f"{s} {counts[s]} of {before.get(s, 0)}" for s in named[:5])
    return Gate(
        name=name,
        result=result,  # type: ignore[arg-type]
        what=f"{what}: {text}" if named else f"{what}: none to speak of",
        figures={"rows": dict(sorted(counts.items())), "share": share},
    )


def rows_lost(lost: Iterable[tuple[str, str]], before: Mapping[str, int], added: Mapping[str, int]) -> Gate:
    """A site loses few speeches whose page is not confirmed gone and that nobody dropped. lost: (site, reason) of each removed speech; added:
    new speeches by site: a site that gives its pages other addresses, and leads there, brings as many as have moved."""
    counts = Counter(site for site, reason in lost if reason not in {*WANTED, MOVED})
    for site, n in Counter(site for site, reason in lost if reason == MOVED).items():
        if n > added.get(site, 0):
            counts[site] += n - added.get(site, 0)
    what = "speeches lost though their page is not gone"
    return _shares("rows_lost", counts, before, LOST_WARN, LOST_FAIL, LOST_ROWS, what)


def rows_gone(lost: Iterable[tuple[str, str]], before: Mapping[str, int], added: Mapping[str, int]) -> Gate:
    """A site does not lose most of its speeches at once to 404, or to pages that say they are not there: that is rather the site's trouble than its will, unless it brings as many new ones
    under other addresses. added: new speeches by site."""
    lost = list(lost)
    moved = Counter(site for site, reason in lost if reason == MOVED)  # these have their share of the new ones first
    counts = Counter(site for site, reason in lost if reason in GONE)
    counts = +Counter({s: n - max(0, added.get(s, 0) - moved[s]) for s, n in counts.items()})
    what = "speeches whose page answers 404 or 410, or says that it is not there"
    return _shares("rows_gone", counts, before, GONE_WARN, GONE_FAIL, GONE_ROWS, what)


def provenance(speeches: pa.Table, rows: pa.Table) -> Gate:
    """Every speech says where it was read from (a warning when not)."""
    known = pc.is_in(speeches["speech_id"], value_set=rows["speech_id"].combine_chunks())
    missing = speeches["speech_id"].filter(pc.invert(known)).to_pylist()
    return Gate(
        name="provenance",
        result="warn" if missing else "pass",
        what=f"{counted(len(missing), 'speech')} without provenance" if missing else "every speech has its provenance",
        figures={"missing": len(missing), "examples": _some(missing)},
    )
