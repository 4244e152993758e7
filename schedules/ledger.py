"""The ledger: what ran, what was missed, what was skipped and why. It is the truth; every clock is only an alarm.

A run is a row, unique by (schedule, scheduled_for), so that no fire time runs twice whoever wakes up for it. One
scheduler at a time holds the lease; each holder has a higher fencing token than the one before, and whatever a
scheduler writes is written only while its token is the current one. A row is owned by the process that works on it; when
that process stops giving signs of life, the row is taken up again by the holder of the lease.

Any SQLAlchemy URL will do; every change is one short transaction that locks the lease row first, so that two processes
never decide at the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from crawler.errors import UsageError
from schedules import committing
from schedules.committing import Committing, all_committing, committing_of
from schedules.owner import short, surely_dead
from schedules.plan import MANUAL, Due, Pause, Schedule, span
from schedules.revisions import check_not_newer, said
from schedules.store import IDLE, explained, lease, marks, open_engine, paused, runs, state_told
from schedules.totals import count_left, total_of

State = Literal["due", "running", "waiting", "done", "failed", "missed", "skipped", "caught_up"]
ASKED = ("now", "confirm")  # causes of runs that a person wants now: neither a pause nor blackout hours hold them back
OPEN: tuple[State, ...] = ("due", "running")
# A run that takes its scheduler down with it must not do so for ever; far above what bad luck alone brings.
MAX_ATTEMPTS = 50
# A clock that shows so much less than when a schedule began was wrong, and is right when it shows more again.
FAR = timedelta(days=1)
AT_ONCE = 500  # rows that one statement names


@dataclass(frozen=True, slots=True)
class Run:
    """One row of the ledger. Times are aware UTC. counts: what each step reported, by step."""

    id: int
    schedule: str
    scheduled_for: datetime
    start_after: datetime
    cause: str
    state: State
    why: str | None
    sites: list[str]
    plan: dict[str, Any] | None
    started: datetime | None
    finished: datetime | None
    heartbeat: datetime | None
    owner: str | None
    step: str | None
    attempts: int
    counts: dict[str, Any] = field(default_factory=dict)
    version: str | None = None
    report: dict[str, Any] | None = None
    not_before: datetime | None = None
    retries: int = 0
    asked_by: str | None = None
    cancel: str | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to be the one scheduler. token grows with each holder and fences off those before."""

    owner: str
    token: int


class LeaseLost(Exception):
    """Another scheduler has taken the lease; whatever this one was about to write was not written."""


def utcnow() -> datetime:
    return datetime.now(UTC)


def _asked(
    query: sa.Select[Any],
    schedule: str | None,
    states: Iterable[str] | None,
    since: datetime | None,
    part: bool = False,
) -> sa.Select[Any]:
    """part: only some of what is found is read, in its order; SQLite would sort whole rows of a hundred thousand runs by its index of
    states."""
    if schedule is not None:
        query = query.where(runs.c.schedule == schedule)
    if states is not None:
        state = state_told if part else runs.c.state
        query = query.where(state.in_(list(states)))
    return query if since is None else query.where(runs.c.scheduled_for >= since)


def _dead(row: Any, silent_since: datetime) -> bool:
    return surely_dead(row.owner) or row.heartbeat < silent_since


def write_dues(
    c: sa.Connection, schedule: Schedule, dues: Iterable[Due], until: datetime, now: datetime
) -> Counter[str]:
    """Write what becomes of each fire time up to `until`, in a transaction of the caller's; see `Ledger.record`."""
    written: Counter[str] = Counter()
    new: list[dict[str, Any]] = []  # there can be very many of these

    def write() -> None:
        if new:
            c.execute(runs.insert(), new)
            new.clear()

    mark = c.execute(sa.select(marks.c.until).where(marks.c.schedule == schedule.name)).scalar()
    of_schedule = sa.select(runs).where(runs.c.schedule == schedule.name)
    later = of_schedule.where(runs.c.scheduled_for > mark) if mark else of_schedule
    known = {row.scheduled_for: row for row in c.execute(later)}
    total = total_of(c, schedule.name)
    revived = 0
    for due in dues:
        if mark is not None and due.scheduled_for <= mark:
            continue  # somebody else has dealt with it since the caller looked
        if due.scheduled_for not in known and total.had(due.scheduled_for):
            continue  # it had its run, which was removed since; the clock was set back
        before = known.get(due.scheduled_for)
        if before is not None and not (before.state == "missed" and due.action in ("run", "catch_up")):
            continue
        values: dict[str, Any] = {
            "schedule": schedule.name,
            "scheduled_for": due.scheduled_for,
            "start_after": due.start_after,
            "cause": "catch_up" if due.action == "catch_up" else "timer",
            "state": {"miss": "missed", "skip": "skipped"}.get(due.action, "due"),
            "why": due.why,
            "finished": now if due.action in ("miss", "skip") else None,
        }
        if due.action == "run" and schedule.overlap == "skip":
            write()
            # One that is due at a time to come was written while the clock was ahead: it is in nobody's way until then.
            meant = sa.or_(runs.c.state == "running", runs.c.scheduled_for <= now)
            still = runs.c.state.in_(OPEN), runs.c.cause != "backfill", meant
            other = c.execute(of_schedule.where(*still).order_by(runs.c.scheduled_for)).first()
            if other is not None:
                why = f"run {other.id} (for {other.scheduled_for:%Y-%m-%d %H:%M} UTC) was still {other.state}"
                values |= {"state": "skipped", "why": f"{why} (overlap: skip)", "finished": now}
        written[values["state"]] += 1
        if before is not None:
            values["why"] = f"{values['why'] or ''} (was missed while the clock was ahead)".strip()
            c.execute(runs.update().where(runs.c.id == before.id).values(**values))
            revived += 1
        else:
            new.append(values)
    write()
    count_left(c, schedule.name, ["missed"] * revived)
    if mark is None or mark < until:
        c.execute(marks.update().where(marks.c.schedule == schedule.name).values(until=until))
    return written


def dealt_until(row: Any, now: datetime) -> datetime:
    """Up to when the fire times of a mark are dealt with. Where the clock was set back far behind the beginning of the schedule (a
    machine that forgot the date) and shows more again, there was no schedule yet at the times that lie between."""
    until: datetime = row.until
    if row.begun is not None and until + FAR < row.begun <= now:
        return row.begun  # type: ignore[no-any-return]
    return until


def free_moment(c: sa.Connection, schedule: str, at: datetime) -> datetime:
    """The first moment from `at` on for which a schedule has no run: two that people ask for may begin in the same microsecond."""
    while c.execute(sa.select(runs.c.id).where(runs.c.schedule == schedule, runs.c.scheduled_for == at)).first():
        at += timedelta(microseconds=1)
    return at


def _identity(engine: sa.Engine) -> tuple[int, int] | None:
    """What tells the file of a SQLite ledger from every other; None where it is none, or gone."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return None
    try:
        found = Path(engine.url.database).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Ledger:
    """The ledger at one URL. `now` gives the time, for tests."""

    def __init__(self, url: str | sa.URL, now: Callable[[], datetime] = utcnow) -> None:
        self.engine = open_engine(url)
        self.url = self.engine.url.render_as_string()  # without the password
        self.now = now
        self._file = _identity(self.engine)

    def moved(self) -> bool:
        """Whether the file of a SQLite ledger was removed or replaced since it was opened: what is written now is lost to all others."""
        return self._file is not None and _identity(self.engine) != self._file

    @contextmanager
    def _changing(self, held: Lease | None = None) -> Iterator[sa.Connection]:
        """A transaction that nobody else's changing transaction runs beside. Raises LeaseLost when `held` is not held, NewerLedgerError when
        a newer program has migrated the ledger since it was opened."""
        with explained(self.url), self.engine.begin() as c:
            revision = sa.select(said.c.version_num).scalar_subquery().label("revision")
            row = c.execute(sa.select(lease, revision).where(lease.c.id == 1).with_for_update(of=lease)).one()
            check_not_newer(row.revision, self.url)
            if held is not None and (row.token != held.token or row.owner != held.owner):
                raise LeaseLost
            yield c

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with explained(self.url), self.engine.connect().execution_options(reading=True) as c:
            yield c

    # ------------------------------------------------------------------------------------------ lease

    def take_lease(
        self,
        owner: str,
        time: timedelta,
        patience: timedelta = timedelta(0),
        serves: list[str] | None = None,
    ) -> Lease | None:
        """The lease, for `time` from now; None while another owner holds it and may be alive. patience: how much longer than it says.
        serves: the schedules that its holder looks after, where these are not all."""
        now = self.now()
        with self._changing() as c:
            row = c.execute(sa.select(lease).where(lease.c.id == 1)).one()
            if row.owner not in (None, owner) and row.expires + patience > now and not surely_dead(row.owner):
                return None
            c.execute(lease.update().values(owner=owner, token=row.token + 1, expires=now + time, serves=serves))
            return Lease(owner, row.token + 1)

    def renew(self, held: Lease, time: timedelta) -> None:
        """Hold the lease for `time` from now. Raises LeaseLost."""
        with self._changing(held) as c:
            c.execute(lease.update().values(expires=self.now() + time))

    def release(self, held: Lease) -> None:
        """Give the lease back, so that a waiting scheduler need not wait for it to expire."""
        with suppress(LeaseLost), self._changing(held) as c:
            c.execute(lease.update().values(owner=None, expires=None))

    def served(self) -> list[str] | None:
        """The schedules that the holder of the lease looks after; None: all that are enabled."""
        with self._reading() as c:
            return c.execute(sa.select(lease.c.serves).where(lease.c.id == 1)).scalar_one()  # type: ignore[no-any-return]

    def lease_holder(self) -> tuple[str | None, datetime | None]:
        """Who holds the lease and until when, if anybody does."""
        with self._reading() as c:
            row = c.execute(sa.select(lease).where(lease.c.id == 1)).one()
        return row.owner, row.expires

    @contextmanager
    def fenced(
        self, run_id: int, owner: str, attempt: int, token: int | None, dataset: str = "speeches"
    ) -> Iterator[Callable[[str], None]]:
        """While this is held nobody takes over this run, and no other run commits to the dataset; the lease and all other runs are free
        (schedules/committing.py). Raises LeaseLost when lease or run was taken over before. Yields what notes the version that the run has
        made: so the ledger has it also when the step is killed right behind its commit.

        token: of the lease under which the run began; None for a run by hand. attempt: the `attempts` of the run then. What
        becomes of the connection when the block has ended no longer matters, and raises nothing.
        """
        with ExitStack() as stack:
            with explained(self.url):
                holding = stack.enter_context(committing.held(self.engine, run_id, dataset))
                if holding is not None:
                    self._own(holding(), run_id, owner, attempt, token)
                else:
                    with self.engine.begin() as c:
                        self._own(c, run_id, owner, attempt, token)

            def note(version: str) -> None:
                ours = (runs.c.id == run_id, runs.c.owner == owner, runs.c.attempts == attempt)
                made = runs.update().where(*ours, runs.c.state == "running").values(version=version)
                with suppress(sa.exc.SQLAlchemyError):
                    if holding is not None:
                        # latest.json is in its place: who is frozen from here on must not hold the row for as long as that
                        holding().exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE}s'")
                        holding().execute(made)
                        holding().commit()
                    else:
                        with self.engine.begin() as c:
                            c.execute(made)

            yield note

    def _own(self, c: sa.Connection, run_id: int, owner: str, attempt: int, token: int | None) -> None:
        """Raises LeaseLost when a run, or the lease under which it began, is another's by now."""
        now = c.execute(sa.select(lease).where(lease.c.id == 1)).one()
        row = c.execute(sa.select(runs).where(runs.c.id == run_id)).one_or_none()
        if token is not None and (now.token, now.owner) != (token, owner):
            raise LeaseLost
        if row is None or (row.owner, row.attempts, row.state) != (owner, attempt, "running"):
            raise LeaseLost

    def committing(self) -> list[Committing]:
        """The runs that commit a version now, the longest first."""
        with self._reading() as c:
            return all_committing(c)

    # ------------------------------------------------------------------------------------------ fire times

    def marks(self) -> dict[str, tuple[datetime, str]]:
        """By schedule, up to when its fire times are dealt with, and the digest of the timing by which they were."""
        now = self.now()
        with self._reading() as c:
            return {row.schedule: (dealt_until(row, now), row.timing) for row in c.execute(sa.select(marks))}

    def mark(self, held: Lease, schedule: Schedule, now: datetime) -> tuple[datetime, bool]:
        """Up to when this schedule's fire times are dealt with, and whether that begins now.

        A schedule that is new, or whose cron or zone changed, begins now: its past is not judged by its new times. Where the
        clock was set back, what lies ahead of it again is looked at again: what has a row keeps it, so nothing runs twice; and what
        lies before its beginning is not judged when the clock is put right.
        """
        with self._changing(held) as c:
            row = c.execute(sa.select(marks).where(marks.c.schedule == schedule.name)).one_or_none()
            if row is not None and row.timing == schedule.timing_digest:
                if row.until > now:
                    c.execute(marks.update().where(marks.c.schedule == schedule.name).values(until=now))
                return min(dealt_until(row, now), now), False
            values = {"until": now, "timing": schedule.timing_digest, "begun": now}
            if row is None:
                c.execute(marks.insert().values(schedule=schedule.name, **values))
            else:
                c.execute(marks.update().where(marks.c.schedule == schedule.name).values(**values))
            return now, True

    def keep_marks(self, held: Lease, names: Iterable[str]) -> None:
        """Forget up to when other schedules were dealt with: one that was disabled or removed begins anew later."""
        with self._changing(held) as c:
            c.execute(marks.delete().where(marks.c.schedule.not_in(list(names))))

    def record(self, held: Lease, schedule: Schedule, dues: Iterable[Due], until: datetime) -> Counter[str]:
        """Write what becomes of each fire time up to `until`, all or nothing; how many new rows have which state.

        A fire time that is met while an earlier run of the schedule is open is skipped where the schedule says so. One that
        was recorded as missed because the clock was ahead, and that comes after all, runs.
        """
        with self._changing(held) as c:
            return write_dues(c, schedule, dues, until, self.now())

    def pauses(self) -> dict[str, Pause]:
        """The schedules that a person holds back."""
        with self._reading() as c:
            return {r.schedule: Pause(r.at, r.why, r.by) for r in c.execute(sa.select(paused))}

    # ------------------------------------------------------------------------------------------ runs

    def add_manual(self, owner: str, plan: dict[str, Any], sites: list[str], silent_for: timedelta) -> Run:
        """A row for a run that a person starts now. Raises UsageError when another run works on one of its sites."""
        now = self.now()
        with self._changing() as c:
            self._bury_manual(c, now - silent_for)
            other = self._in_the_way(c, sites, now - silent_for)
            if other is not None:
                raise UsageError(
                    f"run {other.id} ({other.schedule}) works on {', '.join(sorted({*other.sites} & {*sites}))} now",
                    where=f"owner: {short(other.owner)}",
                    remedy=f"wait until it has ended (`jianghua runs show {other.id}`) or end that process",
                )
            now = free_moment(c, MANUAL, now)
            result = c.execute(
                runs.insert().values(
                    schedule=MANUAL,
                    scheduled_for=now,
                    start_after=now,
                    cause="manual",
                    state="running",
                    plan=plan,
                    sites=sites,
                    owner=owner,
                    started=now,
                    heartbeat=now,
                    attempts=1,
                )
            )
            key = result.inserted_primary_key
            assert key is not None
        return self.run(key[0])

    def _in_the_way(self, c: sa.Connection, sites: list[str], silent_since: datetime) -> Any:
        """A running row that works on one of these sites and whose owner may be alive."""
        for row in c.execute(sa.select(runs).where(runs.c.state == "running")):
            if {*row.sites} & {*sites} and not _dead(row, silent_since):
                return row
        return None

    def claim(
        self, held: Lease, run_id: int, plan: dict[str, Any], sites: list[str], silent_for: timedelta
    ) -> Run | str:
        """Begin (or take up) a due run: its row, or the reason why it has to wait. The first plan is kept for good."""
        now = self.now()
        with self._changing(held) as c:
            row = c.execute(sa.select(runs).where(runs.c.id == run_id)).one()
            if row.state != "due":
                return f"run {run_id} is {row.state}"
            other = self._in_the_way(c, row.sites or sites, now - silent_for)
            if other is not None:
                shared = ", ".join(sorted({*other.sites} & {*(row.sites or sites)}))
                return f"waits for run {other.id} ({other.schedule}), which works on {shared}"
            c.execute(
                runs.update()
                .where(runs.c.id == run_id)
                .values(
                    state="running",
                    owner=held.owner,
                    heartbeat=now,
                    started=row.started or now,
                    attempts=row.attempts + 1,
                    plan=row.plan or plan,
                    sites=row.sites or sites,
                )
            )
        return self.run(run_id)

    def note(self, held: Lease, whys: Mapping[int, str]) -> None:
        """Write why due runs have not begun, by run; of many in one transaction."""
        with self._changing(held) as c:
            for why, ids in groupby(sorted(whys, key=whys.__getitem__), key=whys.__getitem__):
                still = list(ids)
                for at in range(0, len(still), AT_ONCE):
                    those = runs.c.id.in_(still[at : at + AT_ONCE])
                    c.execute(runs.update().where(those, runs.c.state == "due").values(why=why))

    def settle(self, held: Lease, run_id: int, state: State, why: str) -> None:
        """End a due run that will not begin."""
        with self._changing(held) as c:
            due = (runs.c.id == run_id, runs.c.state == "due")
            c.execute(runs.update().where(*due).values(state=state, why=why, finished=self.now()))

    def cancelled(self, run_ids: Iterable[int]) -> dict[int, str]:
        """Which of these runs a person wants ended: who and why, by run."""
        with self._reading() as c:
            asked = sa.select(runs.c.id, runs.c.cancel).where(runs.c.id.in_(list(run_ids)), runs.c.cancel.is_not(None))
            return {row.id: row.cancel for row in c.execute(asked)}

    def try_again(
        self, run_id: int, owner: str, not_before: datetime, why: str, *, retry: bool, **changes: Any
    ) -> bool:
        """Put a run back that is to begin again not before a moment. retry: because it failed, which is counted; changes: of
        the row (step, counts). False when it is not ours."""
        with self._changing() as c:
            done = c.execute(
                runs.update()
                .where(runs.c.id == run_id, runs.c.owner == owner, runs.c.state == "running")
                .values(
                    state="due",
                    why=why,
                    not_before=not_before,
                    heartbeat=self.now(),
                    retries=runs.c.retries + (1 if retry else 0),
                    **changes,
                )
            )
        return bool(done.rowcount == 1)

    def beat(self, run_id: int, owner: str, **changes: Any) -> bool:
        """Say that the run lives, and write `changes` (step, counts, version). False when the run is not ours any more."""
        with self._changing() as c:
            done = c.execute(
                runs.update()
                .where(runs.c.id == run_id, runs.c.owner == owner, runs.c.state == "running")
                .values(heartbeat=self.now(), **changes)
            )
        return bool(done.rowcount == 1)

    def finish(self, run_id: int, owner: str, state: State, why: str | None, version: str | None = None) -> bool:
        """End a run: `done` becomes `caught_up` where the run was late; `due` puts it back. False when it is not ours."""
        now = self.now()
        with self._changing() as c:
            row = c.execute(sa.select(runs).where(runs.c.id == run_id)).one()
            if row.owner != owner or row.state != "running":
                return False
            if row.cause == "catch_up" and state != "due":
                state = "caught_up" if state == "done" else state
                late = f"begun {span((row.started or now) - row.scheduled_for)} late, after a time without a scheduler"
                why = f"{why} ({late})" if why else late
            values: dict[str, Any] = {"state": state, "why": why, "version": version or row.version, "heartbeat": now}
            if state != "due":
                values["finished"] = now
            c.execute(runs.update().where(runs.c.id == run_id).values(**values))
            if state in ("done", "caught_up") and "publish" in (row.counts or {}):
                # What older runs wanted confirmed is in this version, or in the records no more.
                answers, reason = ((row.plan or {}).get(k) for k in ("answers", "reason"))
                for old in c.execute(sa.select(runs).where(runs.c.state == "waiting", runs.c.id < run_id)).all():
                    passed = {"state": "failed", "why": f"{old.why}; never confirmed, run {run_id} published after it"}
                    if old.id == answers:
                        passed = {"state": "done", "why": f"run {run_id} published it, confirmed: {reason}"}
                    c.execute(runs.update().where(runs.c.id == old.id).values(**passed))
                    count_left(c, old.schedule, [old.state])
        return True

    def take_up(self, held: Lease, silent_for: timedelta, working_on: Iterable[int] = ()) -> list[Run]:
        """Make the runs due again whose process died; a manual run is closed, since its user will start it anew.

        Dead is a process of this machine that is no more, or any that gave no sign for `silent_for`. A run whose step commits is left
        until that has ended.
        working_on: the runs that the holder of the lease works on itself.
        """
        now = self.now()
        ids = []
        working = set(working_on)
        with self._changing(held) as c:
            self._bury_manual(c, now - silent_for)
            dead = []
            for row in c.execute(sa.select(runs).where(runs.c.state == "running", runs.c.cause != "manual")).all():
                mine = row.owner == held.owner
                if not (row.id in working if mine else not _dead(row, now - silent_for)):
                    dead.append(row)
            commit = committing_of(c, [row.id for row in dead])
            for row in dead:
                if row.id in commit:
                    continue  # its step is only frozen, and may replace latest.json at any moment
                values: dict[str, Any] = {"state": "due"}
                if row.cancel is not None:
                    values = {"state": "failed", "why": f"{row.cancel}; its process had died", "finished": now}
                elif row.attempts >= MAX_ATTEMPTS:
                    why = f"died {row.attempts} times, the last time in step {row.step}"
                    values = {"state": "failed", "why": why, "finished": now}
                c.execute(runs.update().where(runs.c.id == row.id).values(**values))
                ids.append(row.id)
        return [self.run(i) for i in ids]

    def _bury_manual(self, c: sa.Connection, silent_since: datetime) -> None:
        manual = c.execute(sa.select(runs).where(runs.c.state == "running", runs.c.cause == "manual")).all()
        dead = [row for row in manual if _dead(row, silent_since)]
        commit = committing_of(c, [row.id for row in dead])
        for row in dead:
            if row.id not in commit:
                why = f"its process died in step {row.step or '?'}; what it kept is kept, the same command goes on"
                values = {"state": "failed", "why": why, "finished": row.heartbeat}
                c.execute(runs.update().where(runs.c.id == row.id).values(**values))

    # ------------------------------------------------------------------------------------------ looking

    def run(self, run_id: int) -> Run:
        """The run with this number. Raises UsageError when there is none."""
        with self._reading() as c:
            row = c.execute(sa.select(runs).where(runs.c.id == run_id)).one_or_none()
        if row is None:
            raise UsageError(f"unknown run {run_id}", where=self.url, remedy="`jianghua runs` lists the runs")
        return Run(**row._mapping)

    def runs(
        self,
        *,
        schedule: str | None = None,
        states: Iterable[str] | None = None,
        since: datetime | None = None,
        limit: int | None = None,
        offset: int = 0,
        oldest_first: bool = False,
        brief: bool = False,
    ) -> list[Run]:
        """Runs by scheduled time, newest first unless said otherwise. since: only those scheduled for then or later. brief: without
        what their steps reported, which is most of a row."""
        columns = [c for c in runs.c if not brief or c.name not in ("counts", "report")]
        query = _asked(sa.select(*columns), schedule, states, since, part=limit is not None)
        order = (runs.c.scheduled_for, runs.c.id)
        query = query.order_by(*(order if oldest_first else [x.desc() for x in order])).limit(limit).offset(offset)
        with self._reading() as c:
            return [Run(**r._mapping) for r in c.execute(query)]

    def count(
        self, *, schedule: str | None = None, states: Iterable[str] | None = None, since: datetime | None = None
    ) -> int:
        """How many runs there are of which `runs` gives a part."""
        with self._reading() as c:
            found = c.execute(_asked(sa.select(sa.func.count()).select_from(runs), schedule, states, since)).scalar()
        return int(found or 0)

    def close(self) -> None:
        self.engine.dispose()
