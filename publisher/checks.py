"""Gates over records that come unit by unit: each unit gives its gates, and those of one name become one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crawler.corrections.entries import Correction
from crawler.wording import counted
from publisher import releaserules, rules
from publisher.manifest import Gate
from publisher.tables import Table

_ORDER = ("pass", "warn", "fail")
_SHOWN = 5
_DROPPED = {"correction": "by corrections", "taken_down": "taken down"}  # why a speech of the records is left out


def names() -> frozenset[str]:
    """The names of all gates that there are."""
    of_rows = {
        "schema",
        "unique_keys",
        "rows",
        "corrections",
        "provenance",
        "row_rules",
        "clock",
        "unread_sites",
        *rules.RULES,
    }
    of_releases = {"silent_sites", "carried_sites", "rows_lost", "rows_gone", "nothing_new", "schema_change"}
    return frozenset(of_rows | of_releases | {r.name for r in releaserules.RULES} | {releaserules.DUPLICATES.name})


def merged(found: Iterable[Gate]) -> list[Gate]:
    """One gate a name and table: the worst result with its words, numbers added up, examples of the first."""
    out: dict[tuple[str, str], Gate] = {}
    for gate in found:
        name = (gate.name, str(gate.figures.get("table", "")))
        before = out.get(name)
        if before is None:
            out[name] = gate
            continue
        worse = gate if _ORDER.index(gate.result) > _ORDER.index(before.result) else before
        figures = {k: _sum(before.figures.get(k), v) for k, v in gate.figures.items()}
        out[name] = worse.model_copy(update={"figures": figures})
    return list(out.values())


def _sum(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if isinstance(a, list) and isinstance(b, list):
        return [*a, *b][:_SHOWN]
    return b if a is None else a


def no_rows(sites: Collection[str], before: int, dropped: Mapping[str, str]) -> Gate:
    """Nothing is left to publish, and why, as far as it can be told.

    sites: that have records; before: speeches of the parent version; dropped: speeches of the records that are left out, with the reason
    (`correction`, `taken_down`).
    """
    names = ", ".join(sorted(sites)[:_SHOWN]) + (f" and {len(sites) - _SHOWN} more" if len(sites) > _SHOWN else "")
    if not sites:
        what = "no site has records"
    elif dropped:
        why = Counter(_DROPPED.get(r, r) for r in dropped.values())
        told = ", ".join(f"{n} {reason}" for reason, n in sorted(why.items()))
        what = f"every speech in the records of {names} is left out: {told}"
    else:
        what = f"the records of {names} hold no speech: every page that was read is something else"
    if before:
        what += f"; the version before has {counted(before, 'speech')}"
    return Gate(
        name="rows",
        result="fail",
        what=what,
        figures={"rows": 0, "sites": sorted(sites), "before": before, "dropped": dict(Counter(dropped.values()))},
    )


def clock(now: datetime, before: datetime) -> Gate:
    """The clock is behind the version before. now: of the publish; before: when the parent was published, by the clock of that time."""
    return Gate(
        name="clock",
        result="warn",
        what=f"the version before was published on {before:%Y-%m-%d %H:%M} UTC, and now it is {now:%Y-%m-%d %H:%M}: the clock is wrong or was; versions are "
        "named and found by their date",
        figures={"now": now.isoformat(), "before": before.isoformat()},
    )


def unread_sites(damaged: Mapping[str, str]) -> Gate:
    """Sites whose records cannot be read, and of which the version before has nothing that could be carried forward. damaged: what is wrong."""
    parts = [f"{site}: {why}" for site, why in damaged.items()]
    return Gate(
        name="unread_sites",
        result="warn",
        what=f"left out, since {'its' if len(parts) == 1 else 'their'} records cannot be read (`jianghua extract {' '.join(damaged)}` makes "
        f"them anew): {'; '.join(parts[:_SHOWN])}",
        figures={"sites": list(damaged)},
    )


def unique_keys(table: Table, found: pa.Array) -> Gate:
    """No two rows of those that were taken in have one key."""
    # nearly always all are: to count each takes longer than to see how many there are
    counts = pc.value_counts(found if len(pc.unique(found)) < len(found) else found.slice(0, 0))
    twice = counts.filter(pc.greater(pc.struct_field(counts, "counts"), 1))
    examples = [str(v["values"]).replace("\x1f", " ") for v in twice.slice(0, _SHOWN).to_pylist()]
    bad = len(twice) > 0
    what = f"{table.name}: {counted(len(twice), 'key stands', 'keys stand')} in several rows, e.g. {', '.join(examples[:2])}"
    return Gate(
        name="unique_keys",
        result="fail" if bad else "pass",
        what=what if bad else f"{table.name}: every key is unique",
        figures={"table": table.name, "repeated": len(twice), "examples": examples},
    )


def corrections(
    given: Sequence[Correction], notes: Mapping[str, Mapping[str, Any]], known: Collection[str], failed: Collection[str]
) -> Gate:
    """Every correction still matches (a warning when not).

    notes: what each unit of records says of the corrections, by their numbers; known: ids of speeches that the version has, or has not,
    by other reasons. failed: sites that failed: what was not read says nothing of a correction.
    """

    def told(c: Correction) -> bool:
        if c.speech_id is None:
            return not failed
        return c.speech_id not in known and c.speech_id.rpartition(":")[0] not in failed

    applied: set[int] = set()
    why: dict[int, str] = {}
    speeches = 0
    dropped = 0
    for unit in notes.values():
        if of_unit := unit.get("corrections"):
            applied.update(of_unit["applied"])
            for n, text in of_unit["idle"]:
                # that it is not here says nothing where another unit has it
                if n not in why or why[n].startswith("no speech has"):
                    why[n] = text
            speeches += of_unit["speeches"]
            dropped += of_unit["dropped"]
    for n, c in enumerate(given):
        if n not in applied:
            why.setdefault(n, "no speech has this id" if c.speech_id else "no speech has this text as read")
    idle = [(given[n], text) for n, text in sorted(why.items()) if n not in applied and told(given[n])]
    what = f"{counted(len(applied), 'correction')} applied: {counted(speeches, 'speech')} corrected, {dropped} dropped"
    if idle:
        c, text = idle[0]
        what += f"; {counted(len(idle), 'does', 'do')} nothing any more, e.g. {c.where}: {text} (see `jianghua corrections check`)"
    return Gate(
        name="corrections",
        result="warn" if idle else "pass",
        what=what,
        figures={
            "applied": len(applied),
            "corrected": speeches,
            "dropped": dropped,
            "idle": [f"{c.where}: {text}" for c, text in idle[:20]],
        },
    )
