"""What all runs of a schedule brought together, kept in the ledger: sums of their reports, and what is known of runs that were removed.

The sums follow each report as it is kept, in the same transaction, so that nobody has to read the reports of years to know them; and they
stay when a run is removed: who watches them takes one that falls for a restart, and what it is then for new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schedules.store import totals

PAGES = ("new", "changed", "unchanged", "gone", "failed", "disallowed")  # what became of a page in a crawl
CHANGES = ("added", "changed", "removed")  # of a version's rows
# By figure, where it stands in a report. The migration to revision 0005 has them too.
PLACES: dict[str, tuple[str, ...]] = (
    {f: ("total", "crawl", f) for f in ("requests", "bytes", *PAGES)}
    | {f"rows_{f}": ("published", f) for f in CHANGES}
    | {"speeches": ("total", "extract", "fresh", "speeches")}
)


@dataclass(frozen=True, slots=True)
class Total:
    """Of a schedule: sums of all reports, those of removed runs included; by state, how many runs were in it when they were removed, or left
    it since (`count_left`); and between which scheduled times runs were removed that had begun (None: none was)."""

    sums: Mapping[str, float] = field(default_factory=dict)
    removed: Mapping[str, int] = field(default_factory=dict)
    removed_since: datetime | None = None
    removed_until: datetime | None = None

    def had(self, scheduled_for: datetime) -> bool:
        """Whether a fire time lies among those whose runs were removed: it has had its run, whatever the ledger holds of it."""
        since, until = self.removed_since, self.removed_until
        return since is not None and until is not None and since <= scheduled_for <= until


def figures_of(report: Any) -> Counter[str]:
    """The figures of a report that are summed. What is not there, or is no number, counts as nothing."""
    found: Counter[str] = Counter()
    for name, place in PLACES.items():
        value = report
        for key in place:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = value  # type: ignore[assignment]
    return found


def total_of(c: sa.Connection, schedule: str) -> Total:
    """What is kept of a schedule; all empty where nothing is."""
    row = c.execute(sa.select(totals).where(totals.c.schedule == schedule)).one_or_none()
    return Total() if row is None else _total(row)


def all_totals(c: sa.Connection) -> dict[str, Total]:
    """What is kept, by schedule."""
    return {row.schedule: _total(row) for row in c.execute(sa.select(totals))}


def write_total(c: sa.Connection, schedule: str, total: Total) -> None:
    """Keep it, in a changing transaction of the ledger."""
    values = {
        "sums": {k: v for k, v in total.sums.items() if v},
        "removed": {k: v for k, v in total.removed.items() if v},
        "removed_since": total.removed_since,
        "removed_until": total.removed_until,
    }
    if c.execute(totals.update().where(totals.c.schedule == schedule).values(**values)).rowcount == 0:
        c.execute(totals.insert().values(schedule=schedule, **values))


def count_report(c: sa.Connection, schedule: str, before: Any, after: Any) -> None:
    """Let the sums follow a report that is kept; before: the one that it replaces, if there was one."""
    old, new = figures_of(before), figures_of(after)
    if old == new:
        return
    total = total_of(c, schedule)
    sums = Counter(total.sums)
    sums.update(new)
    sums.subtract(old)
    write_total(c, schedule, Total(sums, total.removed, total.removed_since, total.removed_until))


def count_left(c: sa.Connection, schedule: str, states: Iterable[str]) -> None:
    """Go on counting runs that had ended, or waited, in these states and are in another one now: what was missed is made up for, what waited
    is confirmed. states: one a run."""
    left = Counter(states)
    if left:
        total = total_of(c, schedule)
        write_total(c, schedule, replace(total, removed=left + Counter(total.removed)))


def _total(row: Any) -> Total:
    return Total(row.sums, row.removed, row.removed_since, row.removed_until)
