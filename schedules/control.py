"""What a person may do to schedules and runs: pause, resume, run now, backfill, cancel.

Plain functions over the ledger, for the command line, the pages and the API alike. by: who asks. None of them starts anything
itself: they write what is wanted, and the running scheduler does it at its next heartbeat.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from crawler.errors import UsageError
from schedules.ledger import Ledger, Run, dealt_until, free_moment, write_dues
from schedules.owner import surely_dead
from schedules.plan import MANUAL, Pause, Schedule, due_runs, fire_times
from schedules.store import marks, paused, runs
from schedules.totals import count_left, total_of

MOST = 100_000  # rows that one backfill may make


@dataclass(frozen=True, slots=True)
class Backfill:
    """What a backfill makes, or would make: the fire times that get a run, and how many have one already."""

    schedule: str
    times: tuple[datetime, ...]
    known: int


def me() -> str:
    """Who asks, on the command line: the name of the user."""
    with suppress(KeyError, OSError, ImportError):
        return getpass.getuser()
    return "somebody"


def _asked(what: str, by: str | None, why: str | None = None) -> str:
    told = f"{what} by {by}" if by else what
    return f"{told}: {why}" if why else told


def pause(ledger: Ledger, name: str, why: str | None = None, by: str | None = None) -> Pause:
    """Hold a schedule back: nothing of it begins, and its fire times are recorded as skipped. What runs is let finish.

    Of a schedule that is paused already the reason changes, and its beginning stays.
    """
    with ledger._changing() as c:
        row = c.execute(sa.select(paused).where(paused.c.schedule == name)).one_or_none()
        since = ledger.now() if row is None else row.at
        if row is None:
            c.execute(paused.insert().values(schedule=name, at=since, why=why, by=by))
        else:
            c.execute(paused.update().where(paused.c.schedule == name).values(why=why, by=by))
    return Pause(since, why, by)


def resume(ledger: Ledger, name: str, by: str | None = None, *, schedule: Schedule | None = None) -> Pause:
    """Let a paused schedule go on; the pause that ends. `schedule`: where it is given, fire times of the pause that no
    scheduler has recorded are recorded as skipped now, else one that comes back later takes them for missed.

    Raises UsageError when it is not paused.
    """
    now = ledger.now()
    with ledger._changing() as c:
        row = c.execute(sa.select(paused).where(paused.c.schedule == name)).one_or_none()
        if row is None:
            raise UsageError(f"'{name}' is not paused", remedy="`jianghua schedule list` shows which schedules are")
        ended = Pause(row.at, row.why, row.by)
        c.execute(paused.delete().where(paused.c.schedule == name))
        if schedule is not None:
            mark = c.execute(sa.select(marks).where(marks.c.schedule == name)).one_or_none()
            if mark is not None and mark.timing == schedule.timing_digest and mark.until < now:
                write_dues(c, schedule, due_runs(schedule, dealt_until(mark, now), now, paused=ended), now, now)
        resumed = f"{_asked('resumed', by)} at {now:%Y-%m-%d %H:%M} UTC"
        held = (runs.c.schedule == name, runs.c.state == "due", runs.c.why == str(ended))
        c.execute(runs.update().where(*held).values(why=resumed))
    return ended


def scheduler_at_work(ledger: Ledger) -> str | None:
    """The owner of the lease, where one holds it that may be alive."""
    owner, expires = ledger.lease_holder()
    if owner is None or expires is None or expires <= ledger.now() or surely_dead(owner):
        return None
    return owner


def not_served(ledger: Ledger, name: str) -> str | None:
    """Why nobody looks after a schedule now, for people; None when the scheduler that runs does."""
    if scheduler_at_work(ledger) is None:
        return "no scheduler is running"
    names = ledger.served()
    if names is None or name in names:
        return None
    return f"the scheduler that is running serves {', '.join(names)} alone"


def run_now(ledger: Ledger, name: str, by: str | None = None) -> Run:
    """A due run of a schedule besides its fire times, which the running scheduler begins at once, also while the schedule is
    paused or in its blackout hours; after the schedule's run that is at work, if there is one.

    Raises UsageError when no scheduler is at work that serves it, or when one was asked for already and has not begun.
    """
    why = not_served(ledger, name)
    if why is not None:
        raise UsageError(
            f"{why}, so nobody would begin it",
            where=ledger.url,
            remedy=f"start `jianghua up` or `jianghua schedule run` for all; or run it here with `jianghua run --schedule {name}`",
        )
    now = ledger.now()
    with ledger._changing() as c:
        waits = (runs.c.schedule == name, runs.c.cause == "now", runs.c.state == "due")
        other = c.execute(sa.select(runs).where(*waits)).first()
        if other is not None:
            raise UsageError(
                f"run {other.id} of '{name}' was asked for already and has not begun",
                remedy=f"`jianghua runs show {other.id}` says what it waits for",
            )
        now = free_moment(c, name, now)
        made = c.execute(
            runs.insert().values(
                schedule=name,
                scheduled_for=now,
                start_after=now,
                cause="now",
                state="due",
                why=_asked("asked for", by),
                asked_by=by,
            )
        )
        key = made.inserted_primary_key
        assert key is not None
    return ledger.run(key[0])


def _past(schedule: Schedule, since: datetime, until: datetime) -> Iterator[datetime]:
    for count, t in enumerate(fire_times(schedule, since - timedelta(microseconds=1), until)):
        if count >= MOST:
            raise UsageError(
                f"'{schedule.name}' fires more than {MOST:,} times in this time",
                where=f"{since:%Y-%m-%d} to {until:%Y-%m-%d}",
                remedy="give a shorter time",
            )
        yield t


def backfill(
    ledger: Ledger,
    schedule: Schedule,
    since: datetime,
    until: datetime,
    by: str | None = None,
    *,
    missed: bool = False,
    dry: bool = False,
) -> Backfill:
    """A due run for each fire time in [since, until] that has had none, and is past; one whose run was removed has had it. They begin one
    after the other, after what is due now. missed: also those that are recorded as missed or skipped. dry: only tell.

    Raises UsageError when the time is empty or holds too many of them.
    """
    now = ledger.now()
    if since >= min(until, now):
        raise UsageError(
            "there is no past between these times",
            where=f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC",
            remedy="give a --since that is earlier than now and than --until",
        )
    times = list(_past(schedule, since, min(until, now)))
    of_time = (runs.c.schedule == schedule.name, runs.c.scheduled_for >= since, runs.c.scheduled_for <= until)
    with ledger._reading() if dry else ledger._changing() as c:
        there = {r.scheduled_for: r for r in c.execute(sa.select(runs).where(*of_time))}
        again = [
            r
            for t, r in there.items()
            if missed and r.state in ("missed", "skipped") and r.started is None and t in {*times}
        ]
        total = total_of(c, schedule.name)
        new = [t for t in times if t not in there and not total.had(t)]
        if not dry:
            facts = {"cause": "backfill", "state": "due", "why": _asked("backfill asked for", by), "asked_by": by}
            for row in again:
                why = f"{facts['why']}; before: {row.why}"
                c.execute(runs.update().where(runs.c.id == row.id).values(**{**facts, "why": why, "finished": None}))
            count_left(c, schedule.name, [row.state for row in again])
            if new:
                c.execute(
                    runs.insert(),
                    [{"schedule": schedule.name, "scheduled_for": t, "start_after": t, **facts} for t in new],
                )
    made = sorted([*new, *(r.scheduled_for for r in again)])
    return Backfill(schedule.name, tuple(made), len(times) - len(made))


def cancel(ledger: Ledger, run_id: int, by: str | None = None, why: str | None = None) -> Run:
    """End a run: one that is due never begins, one at work is ended cleanly by the process that works on it, one that waits
    for a person waits no more. It is not tried again. Its row as it is now.

    Raises UsageError when there is none, or it has ended.
    """
    told = _asked("cancelled", by, why)
    now = ledger.now()
    run = ledger.run(run_id)
    with ledger._changing() as c:
        row = c.execute(sa.select(runs).where(runs.c.id == run_id)).one()
        if row.state == "due":
            state = "skipped" if row.started is None else "failed"
            values = {"state": state, "why": told, "cancel": told, "finished": now}
        elif row.state == "waiting":
            values = {"state": "failed", "why": f"{told} (it waited: {row.why})", "cancel": told}
            count_left(c, row.schedule, [row.state])
        elif row.state == "running":
            values = {"cancel": told}
        else:
            raise UsageError(f"run {run_id} has ended: {row.state}", remedy=f"`jianghua runs show {run_id}` shows it")
        c.execute(runs.update().where(runs.c.id == run_id).values(**values))
    return ledger.run(run.id)


def may_be_asked(schedule: Schedule | None, name: str) -> None:
    """Raises UsageError when runs of a schedule cannot be asked for: there is none of that name, or it is disabled."""
    if name == MANUAL or schedule is None:
        raise UsageError(f"unknown schedule '{name}'", remedy="`jianghua schedule list` shows which there are")
    if not schedule.enabled:
        raise UsageError(
            f"'{name}' is disabled, so the scheduler does not look after it",
            remedy=f"write `enabled: true` into its file, or run it here with `jianghua run --schedule {name}`",
        )
