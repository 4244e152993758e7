"""Old runs go from the ledger by rule, a few at a time, with their logs.

What stays whatever the rules say: runs that are open or wait for a person; the last runs of each schedule, by which alarms, health and the
pages judge what is usual; the last one that ended well; runs that an open alarm names; the newest of all. What goes leaves in `totals` how many
there were, by state, and between which scheduled times those lie that had begun: no fire time there gets a run again, whatever the clock shows or a
backfill asks for.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from crawler.home import Home
from schedules.ledger import Lease, Ledger
from schedules.store import alarms, runs, state_told
from schedules.totals import Total, total_of, write_total

log = logging.getLogger("jianghua.schedules")

LAST = 200  # runs of a schedule that stay: as many as the alarms look at (watching/facts.py)
YOUNG = timedelta(days=7)  # a run that ended since stays, were there ever so many
STEP = 100  # runs that go in one transaction, which others wait for
LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
GOOD = ("done", "caught_up")
ENDED = (*GOOD, "failed")
OVER = (
    *ENDED,
    "missed",
    "skipped",
)  # nobody writes into such a row any more but a backfill of what was missed or skipped


@dataclass(frozen=True, slots=True)
class RunRules:
    """days: a run older than this goes; most: and the oldest, where there are more than so many."""

    days: float
    most: int

    def before(self, now: datetime) -> datetime | None:
        """The moment before which runs go by their age; None for such an age that none does."""
        try:
            return now - timedelta(days=self.days)
        except OverflowError:
            return None


@dataclass(slots=True)
class Gone:
    """Runs of a schedule that went, or would go. since, until: the first and the last of their scheduled times."""

    runs: int = 0
    since: datetime | None = None
    until: datetime | None = None


@dataclass(slots=True)
class Forgotten:
    """What went, or would go, by schedule; bytes: of their logs; left: runs that stay."""

    dry_run: bool
    schedules: dict[str, Gone] = field(default_factory=dict)
    bytes: int = 0
    left: int = 0

    @property
    def runs(self) -> int:
        return sum(g.runs for g in self.schedules.values())


def run_rules(home: Home) -> RunRules:
    """The rules of a home. Raises JianghuaError naming file and key, or the variable."""
    from publisher.retention import retention_settings  # one section for all that goes by rule

    settings = retention_settings(home)
    return RunRules(settings.runs_keep_days, settings.runs_most)


def old_runs(c: sa.Connection, rules: RunRules, now: datetime, limit: int | None = None) -> list[Any]:
    """The runs that go (id, schedule, scheduled_for, state), oldest first; limit: no more than so many."""
    counted = sa.select(runs.c.schedule, sa.func.count().label("n")).group_by(runs.c.schedule)
    there = {row.schedule: row.n for row in c.execute(counted)}
    spared = _spared(c)
    before = rules.before(now)
    over = sum(there.values()) - rules.most
    aged: list[Any] = []
    oldest: list[Any] = []
    for schedule, n in there.items():
        if n <= LAST:
            continue
        query = (
            sa.select(runs.c.id, runs.c.schedule, runs.c.scheduled_for, runs.c.state)
            .where(
                runs.c.schedule == schedule,
                state_told.in_(OVER),
                runs.c.scheduled_for < _last(c, schedule),
                sa.or_(state_told.not_in(ENDED), runs.c.scheduled_for < _last(c, schedule, ENDED)),
            )
            .order_by(runs.c.scheduled_for)
        )
        if before is not None:
            some = None if limit is None else limit + len(spared)
            aged += c.execute(query.where(runs.c.scheduled_for < before, _ended_at() < before).limit(some)).all()
        if over > 0:
            some = (over if limit is None else min(over, limit)) + len(spared)
            oldest += c.execute(query.where(_ended_at() < now - YOUNG).limit(some)).all()
    found = {row.id: row for row in _in_order(aged) if row.id not in spared}
    if limit is None or not found:  # by their number only when none is left that goes by its age
        for row in _in_order(oldest):
            if len(found) >= over:
                break
            if row.id not in spared:
                found[row.id] = row
    return _in_order(found.values())[:limit]


def _in_order(rows: Iterable[Any]) -> list[Any]:
    return sorted(rows, key=lambda r: (r.scheduled_for, r.id))


def _ended_at() -> sa.ColumnElement[datetime]:
    return sa.func.coalesce(runs.c.finished, runs.c.heartbeat, runs.c.scheduled_for)


def _last(c: sa.Connection, schedule: str, states: Sequence[str] | None = None) -> datetime:
    """The scheduled time of the oldest of the last runs of a schedule (in these states); long ago where there are fewer."""
    query = sa.select(runs.c.scheduled_for).where(runs.c.schedule == schedule)
    if states is not None:
        query = query.where(state_told.in_(states))
    found = c.execute(query.order_by(runs.c.scheduled_for.desc()).limit(1).offset(LAST - 1)).scalar()
    return found if found is not None else LONG_AGO


def _spared(c: sa.Connection) -> set[int]:
    """Runs that stay beside the last ones: the newest (its number must not be given again), the last of each schedule that ended well,
    and what open alarms name."""
    newest = c.execute(sa.select(sa.func.max(runs.c.id))).scalar()
    spared = {newest} if newest is not None else set()
    good = (
        sa.select(runs.c.schedule, sa.func.max(runs.c.finished).label("at"))
        .where(state_told.in_(GOOD))
        .group_by(runs.c.schedule)
        .subquery()
    )
    same = (runs.c.schedule == good.c.schedule, runs.c.finished == good.c.at, runs.c.state.in_(GOOD))
    spared.update(c.execute(sa.select(runs.c.id).join(good, sa.and_(*same))).scalars())
    for figures in c.execute(sa.select(alarms.c.figures).where(alarms.c.closed_at.is_(None))).scalars():
        if isinstance(figures, dict) and isinstance(figures.get("run"), int):
            spared.add(figures["run"])
    return spared


def forget(
    home: Home,
    ledger: Ledger,
    rules: RunRules,
    *,
    held: Lease | None = None,
    steps: int | None = None,
    dry_run: bool = False,
) -> Forgotten:
    """Let old runs go, STEP of them at a time, with their logs. steps: so often at most; held: only while this lease is held.

    May be killed at any moment, and called by several processes at once. Raises LeaseLost, and JianghuaError when the ledger does not answer.
    """
    done = Forgotten(dry_run)
    now = ledger.now()
    while steps is None or steps > 0:
        with ledger._reading() as c:
            found = old_runs(c, rules, now, None if dry_run else STEP)
        for row in found:  # before their rows: a kill in between leaves no logs of runs that nobody knows
            done.bytes += _logs_of(home, row.id, remove=not dry_run)
        if dry_run:
            _add(done, found)
            break
        went = _remove(ledger, [row.id for row in found], held) if found else []
        _add(done, went)
        if not went or len(found) < STEP:
            break
        steps = None if steps is None else steps - 1
    with ledger._reading() as c:
        done.left = c.execute(sa.select(sa.func.count()).select_from(runs)).scalar_one() - (done.runs if dry_run else 0)
    return done


def _remove(ledger: Ledger, ids: list[int], held: Lease | None) -> list[Any]:
    """Remove those of these runs that are still over; they as they were."""
    with ledger._changing(held) as c:
        asked = sa.select(runs.c.id, runs.c.schedule, runs.c.scheduled_for, runs.c.state, runs.c.started)
        there = c.execute(asked.where(runs.c.id.in_(ids), runs.c.state.in_(OVER))).all()
        by_schedule: dict[str, list[Any]] = {}
        for row in there:
            by_schedule.setdefault(row.schedule, []).append(row)
        for schedule, rows in by_schedule.items():
            total = total_of(c, schedule)
            # Of those alone that began: what a clock that was years ahead jumped over was never run, and must not bar what comes.
            times = [row.scheduled_for for row in rows if row.started is not None]
            removed = Counter(total.removed)
            removed.update(row.state for row in rows)
            since, until = total.removed_since, total.removed_until
            since = min((*times, since) if since else times, default=None)
            until = max((*times, until) if until else times, default=None)
            write_total(c, schedule, Total(total.sums, removed, since, until))
        c.execute(runs.delete().where(runs.c.id.in_([row.id for row in there])))
    return list(there)


def _add(done: Forgotten, rows: Iterable[Any]) -> None:
    for row in rows:
        gone = done.schedules.setdefault(row.schedule, Gone())
        gone.runs += 1
        gone.since = row.scheduled_for if gone.since is None else min(gone.since, row.scheduled_for)
        gone.until = row.scheduled_for if gone.until is None else max(gone.until, row.scheduled_for)


def _logs_of(home: Home, run: int, *, remove: bool) -> int:
    """The bytes of a run's logs; what cannot be removed is left and told in the log."""
    folder = home.logs / str(run)
    if not folder.is_dir() or folder.is_symlink():
        return 0
    try:
        size = sum(_size(p) for p in folder.rglob("*"))
        if remove:
            shutil.rmtree(folder)
    except FileNotFoundError:  # another process is at the same work
        return 0
    except OSError as e:
        log.warning("the logs of run %d cannot be removed: %s", run, e.strerror or e)
        return 0
    return size


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
