"""The scheduler: wakes up when a schedule fires, writes into the ledger what is due, and runs it.

APScheduler only wakes us up. Whether something is due is worked out from the schedule files and the ledger at every
wake-up, so a lost, late, doubled or early alarm changes nothing, and neither does a kill at any moment.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Literal
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler

from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from schedules.ending import wrap_up
from schedules.fence import fence_of
from schedules.jobs import Command, Interrupted, Plan, command, plan_of, run_plan
from schedules.ledger import Lease, LeaseLost, Ledger, Run
from schedules.owner import myself, short
from schedules.plan import Schedule, due_runs, fire_times, load_schedules, schedule_files
from schedules.settings import Settings

log = logging.getLogger("jianghua.schedules")


@dataclass(slots=True)
class Worker:
    """A run that this process works on."""

    run: Run
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    failed: bool = False
    token: int | None = None  # of the lease under which it began
    ours: bool = True  # False once the ledger says that another scheduler has the run


class Scheduler:
    """One scheduler process. names: the schedules to work on, None for all enabled ones. build: makes a step's command line."""

    def __init__(
        self,
        home: Home,
        ledger: Ledger,
        settings: Settings,
        *,
        names: list[str] | None = None,
        build: Command = command,
    ) -> None:
        self.home, self.ledger, self.settings, self.build = home, ledger, settings, build
        self.names = names
        self.owner = myself()
        self.lease: Lease | None = None
        self.schedules: dict[str, Schedule] = {}
        self.broken: dict[str, str] = {}
        self.workers: dict[int, Worker] = {}
        self.failures = 0
        self.worked_on: list[int] = []
        self._files: object = None
        self._forget = False
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._publishing = threading.Lock()
        self._waiting_for: tuple[str | None, datetime | None] | None = None
        self._alarm = BackgroundScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True})

    # ------------------------------------------------------------------------------------------ running

    def run(self, *, once: bool = False, seconds: float | None = None, waits: bool = False) -> int:
        """Run what is due until stopped: exit code 0, or 1 when a run failed or a schedule file is broken.

        once: stop when nothing is due any more. seconds: stop after so long. waits: also while there is no schedule to work on
        yet. Raises what `require` raises, unless it waits.
        """
        if not waits:
            require(self.home, self.names)
        began = time.monotonic()
        before = {s: signal.signal(s, self._on_signal) for s in (signal.SIGTERM, signal.SIGINT)}
        self._alarm.start()
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                try:
                    idle = self.tick()
                except LeaseLost:
                    self._lost()
                    idle = False
                except JianghuaError as e:
                    if once:
                        raise
                    log.error("%s", e)  # e.g. the disk is full: the runs go on, the next wake-up tries again
                    idle = False
                if once and self.lease is None:
                    self._give_up_if_held()
                if once and idle:
                    log.info("nothing is due%s", " any more" if self.worked_on else "")
                if (once and idle) or (seconds is not None and time.monotonic() - began >= seconds):
                    break
                left = None if seconds is None else max(0.0, seconds - (time.monotonic() - began))
                self._wake.wait(min(self.settings.heartbeat, self.settings.heartbeat if left is None else left))
        finally:
            self._stop_workers()
            self._alarm.shutdown(wait=False)
            if self.lease is not None:
                self.ledger.release(self.lease)
                self.lease = None
            for number, handler in before.items():
                signal.signal(number, handler)
        return 1 if self.failures or self.broken else 0

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        # in a thread of its own: the wait that the signal interrupts may hold the very locks that set() needs
        threading.Thread(target=self._ask_to_stop, daemon=True).start()

    def _ask_to_stop(self) -> None:
        if self._stopping.is_set():  # asked twice: no more patience
            self.settings.stop = 0.0
        self._stopping.set()
        self._wake.set()

    def tick(self) -> bool:
        """One wake-up: hold the lease, record what is due, start what can start. True when nothing is left to do.

        Raises LeaseLost.
        """
        now = self.ledger.now()
        if self.lease is None:
            self.lease = self.ledger.take_lease(self.owner, self.settings.lease_time)
            if self.lease is None:
                self._say_waiting()
                return False
            log.info("holds the lease (token %d)", self.lease.token)
        else:
            self.ledger.renew(self.lease, self.settings.lease_time)
        for worker in list(self.workers.values()):
            if worker.thread is not None and not worker.thread.is_alive():
                del self.workers[worker.run.id]
                self.failures += worker.failed
            elif worker.ours and not self.ledger.beat(worker.run.id, self.owner):
                worker.ours = False
                worker.stop.set()
        self._load()
        if self._forget and self.names is None:
            self.ledger.keep_marks(self.lease, {*self.schedules, *self.broken})
            self._forget = False
        for run in self.ledger.take_up(self.lease, self.settings.lease_time, self.workers):
            if run.state == "due":
                log.warning("run %d (%s) died in step %s; taken up again", run.id, run.schedule, run.step or "?")
            else:
                log.error("run %d (%s) %s", run.id, run.schedule, run.why)
        for schedule in self.schedules.values():
            self._record(schedule, now)
        return self._start_due(now)

    def _record(self, schedule: Schedule, now: datetime) -> None:
        assert self.lease is not None
        until, new = self.ledger.mark(self.lease, schedule, now)
        if new:
            log.info(
                "schedule %s: begins now; next %s", schedule.name, _local(next(fire_times(schedule, now)), schedule)
            )
        if next(fire_times(schedule, until, now), None) is None:
            return
        written = self.ledger.record(self.lease, schedule, due_runs(schedule, until, now), now)
        for state in ("missed", "skipped"):
            if written[state]:
                log.warning(
                    "schedule %s: %d fire time(s) %s; see `jianghua runs`", schedule.name, written[state], state
                )

    def _start_due(self, now: datetime) -> bool:
        assert self.lease is not None
        waiting = self.ledger.runs(states=["due"], oldest_first=True)
        if self.names is not None:
            waiting = [r for r in waiting if r.schedule in self.names]
        busy = {w.run.schedule for w in self.workers.values()}
        for run in waiting:
            if run.start_after > now:
                self._alarm_at(run.start_after, f"start of run {run.id}")
                continue
            if run.schedule in busy or len(self.workers) >= self.settings.parallel:
                continue
            busy.add(run.schedule)  # the runs of one schedule go in the order of their times
            self._start(run)
        return not waiting and not self.workers

    def _start(self, run: Run) -> None:
        assert self.lease is not None
        if run.plan is None and run.schedule not in self.schedules:
            gone = run.schedule not in schedule_files(self.home)
            self._settle(
                run, "skipped", f"the schedule {'is not there any more' if gone else 'was disabled meanwhile'}"
            )
            return
        try:
            plan = Plan.from_json(run.plan) if run.plan else plan_of(self.schedules[run.schedule], self.home)
        except JianghuaError as e:
            self.failures += 1
            self._settle(run, "failed", "; ".join(str(e).split("\n  ")))
            return
        claimed = self.ledger.claim(self.lease, run.id, plan.as_json(), list(plan.sites), self.settings.lease_time)
        if isinstance(claimed, str):
            if claimed != run.why:
                self.ledger.note(self.lease, run.id, claimed)
                log.info("run %d (%s) %s", run.id, run.schedule, claimed)
            return
        worker = Worker(claimed, token=self.lease.token)
        worker.thread = threading.Thread(target=self._work, args=(worker, plan), name=f"run {run.id}", daemon=True)
        self.workers[run.id] = worker
        self.worked_on = [*(i for i in self.worked_on if i != run.id), run.id]
        again = f", taken up again in step {run.step}" if run.step else ""
        log.info("run %d (%s, for %s) begins%s", run.id, run.schedule, self._time(run), again)
        worker.thread.start()

    def _settle(self, run: Run, state: Literal["skipped", "failed"], why: str) -> None:
        assert self.lease is not None
        self.ledger.settle(self.lease, run.id, state, why)
        log.error("run %d (%s) %s: %s", run.id, run.schedule, state, why)

    def _work(self, worker: Worker, plan: Plan) -> None:
        """In a thread of its own: run the steps, write how it ended."""
        run = worker.run

        def note(step: str, counts: dict[str, object]) -> bool:
            worker.ours = worker.ours and self.ledger.beat(run.id, self.owner, step=step, counts=counts)
            return worker.ours

        try:
            outcome = run_plan(
                plan,
                self.home,
                str(run.id),
                stop=worker.stop,
                first=run.step,  # type: ignore[arg-type]  # a step's name or None
                counts=run.counts,
                note=note,
                build=self.build,
                grace=lambda: self.settings.stop if worker.ours else 0.0,
                publishing=self._publishing,
                fence=fence_of(self.ledger, run, worker.token),
            )
            self.ledger.finish(run.id, self.owner, outcome.state, outcome.why, outcome.version)
            wrap_up(self.home, self.ledger, run.id)
            worker.failed = outcome.state != "done"
            level = logging.ERROR if worker.failed else logging.INFO
            version = f", version {outcome.version}" if outcome.version else ""
            why = f": {outcome.why}" if outcome.why else ""
            log.log(level, "run %d (%s) %s%s%s", run.id, run.schedule, outcome.state, version, why)
        except Interrupted:
            if worker.ours:
                self.ledger.finish(run.id, self.owner, "due", "interrupted; goes on when a scheduler runs again")
                log.info("run %d (%s) interrupted; it goes on when a scheduler runs again", run.id, run.schedule)
            else:
                log.warning("run %d (%s) was taken over by another scheduler; ended here", run.id, run.schedule)
        except Exception as e:  # the row stays `running` without a heartbeat and is taken up again
            worker.failed = True
            log.error("run %d (%s) broke off: %s", run.id, run.schedule, e, exc_info=not isinstance(e, JianghuaError))
        finally:
            self._wake.set()

    # ------------------------------------------------------------------------------------------ schedules

    def _load(self) -> None:
        """Read the schedule files when one of them changed. A file that broke keeps its last good content."""
        stamp = {str(p): _stamp(p) for p in schedule_files(self.home).values()}
        if stamp == self._files:
            return
        self._files = stamp
        enabled, broken = usable(self.home, self.names)
        kept = {n: s for n, s in self.schedules.items() if n in broken}
        for name, error in broken.items():
            log.error(
                "schedule %s is broken%s\n%s", name, "; its last good content stays" if name in kept else "", error
            )
        self.schedules = enabled | kept
        self.broken = {n: str(e) for n, e in broken.items()}
        self._forget = True
        self._set_alarms()

    def _set_alarms(self) -> None:
        for job in self._alarm.get_jobs():
            if job.id.startswith("next "):
                job.remove()
        for schedule in self.schedules.values():
            self._next_alarm(schedule.name)

    def _next_alarm(self, name: str) -> None:
        schedule = self.schedules.get(name)
        at = next(fire_times(schedule, self.ledger.now()), None) if schedule is not None else None
        if at is not None:
            self._alarm_at(at, f"next {name}", name)

    def _fired(self, name: str | None) -> None:
        self._wake.set()
        if name is not None:
            self._next_alarm(name)

    def _alarm_at(self, at: datetime, job: str, name: str | None = None) -> None:
        ahead = at - self.ledger.now()  # by the ledger's clock, which is the one that decides
        self._alarm.add_job(
            self._fired, "date", run_date=datetime.now(UTC) + ahead, args=[name], id=job, replace_existing=True
        )

    # ------------------------------------------------------------------------------------------ the lease

    def _say_waiting(self) -> None:
        holder, expires = self.ledger.lease_holder()
        if self._waiting_for is None or self._waiting_for[0] != holder:
            log.info(
                "waits: %s holds the lease (until %s unless renewed)",
                short(holder),
                f"{expires:%H:%M:%S} UTC" if expires else "?",
            )
            self._waiting_for = (holder, expires)

    def _give_up_if_held(self) -> None:
        """With --once: a holder that renews its lease lives and does the work; one that does not is waited out."""
        if self._waiting_for is None:
            return
        holder, expires = self.ledger.lease_holder()
        if holder == self._waiting_for[0] and holder is not None and expires != self._waiting_for[1]:
            raise JianghuaError(
                f"another scheduler is at work: {short(holder)}",
                where=str(self.ledger.url),
                remedy="leave the work to it, or stop it first; without --once this one waits and takes over",
            )

    def _lost(self) -> None:
        log.warning("lost the lease to another scheduler; ends its runs and waits")
        self.lease = None
        self._waiting_for = None
        for worker in self.workers.values():
            worker.ours = False
        self._stop_workers()

    def _stop_workers(self) -> None:
        for worker in self.workers.values():
            worker.stop.set()
        until = time.monotonic() + self.settings.stop + 70
        for worker in self.workers.values():
            while worker.thread is not None and worker.thread.is_alive() and time.monotonic() < until:
                worker.thread.join(0.5)
                if self.lease is not None:
                    try:
                        self.ledger.renew(self.lease, self.settings.lease_time)
                        if worker.ours:
                            self.ledger.beat(worker.run.id, self.owner)
                    except (LeaseLost, JianghuaError):
                        self.lease = None
            self.failures += worker.failed
        self.workers.clear()

    def _time(self, run: Run) -> str:
        schedule = self.schedules.get(run.schedule)
        return _local(run.scheduled_for, schedule)


def usable(home: Home, names: list[str] | None) -> tuple[dict[str, Schedule], dict[str, JianghuaError]]:
    """The schedules to work on (those named, or all that are enabled), and the errors of those that are broken."""
    good, broken = load_schedules(home)
    if names is None:
        return {n: s for n, s in good.items() if s.enabled}, broken
    return {n: s for n, s in good.items() if n in names}, {n: e for n, e in broken.items() if n in names}


def require(home: Home, names: list[str] | None) -> None:
    """Raises UsageError when a name is unknown or nothing is enabled, a file's error when all that is left is broken."""
    files = schedule_files(home)
    for name in names or ():
        if name not in files:
            raise UsageError(f"unknown schedule '{name}'", remedy=f"use one of: {', '.join(files)}")
    enabled, broken = usable(home, names)
    if not enabled and broken:
        raise next(iter(broken.values()))  # `schedule check` tells them all
    if not enabled:
        raise UsageError(
            "no schedule is enabled",
            where=str(home.own_schedules),
            remedy="write `enabled: true` into a schedule file; `jianghua schedule list` shows them",
        )


def _local(moment: datetime, schedule: Schedule | None) -> str:
    """A moment as the schedule's own clock shows it."""
    zone = ZoneInfo(schedule.time_zone) if schedule is not None else UTC
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def next_runs(schedule: Schedule, now: datetime, count: int) -> list[datetime]:
    """The next `count` fire times of a schedule, in UTC."""
    times = fire_times(schedule, now, now + timedelta(days=366 * 50))
    return [t for t, _ in zip(times, range(count), strict=False)]
