"""The scheduler: wakes up when a schedule fires, writes into the ledger what is due, and runs it.

APScheduler only wakes us up. Whether something is due is worked out from the schedule files and the ledger at every
wake-up, so a lost, late, doubled or early alarm changes nothing, and neither does a kill at any moment.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Literal
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler

from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.site import site_files
from crawler.wording import counted
from schedules.ending import wrap_up
from schedules.fence import fence_of
from schedules.jobs import Command, Interrupted, Outcome, Plan, before_failure, command, plan_of, run_plan
from schedules.ledger import ASKED, AT_ONCE, Lease, LeaseLost, Ledger, Run
from schedules.old_runs import forget, run_rules
from schedules.owner import myself, short
from schedules.plan import (
    ABSENT,
    Pause,
    Schedule,
    dark_until,
    due_runs,
    fire_times,
    load_schedules,
    schedule_files,
    span,
)
from schedules.revisions import NewerLedgerError
from schedules.settings import Settings

log = logging.getLogger("jianghua.schedules")


# A clock that moves so much further than time has passed was set, or the machine slept.
JUMP = timedelta(seconds=30)
FORGET_EVERY = 3600.0  # seconds between two looks for old runs
LAST_WORD = 10.0  # seconds that a process gets to end which was asked twice


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a run is ended before its time. until: when it goes on, for one that the blackout holds back; again: whether it is
    tried again as one that failed."""

    why: str
    until: datetime | None = None
    again: bool = False


@dataclass(slots=True)
class Worker:
    """A run that this process works on. began: by the monotonic clock."""

    run: Run
    began: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    failed: bool = False
    token: int | None = None  # of the lease under which it began
    ours: bool = True  # False once the ledger says that another scheduler has the run
    ending: Ending | None = None  # why it is asked to stop, where that is not the scheduler's own end


class Scheduler:
    """One scheduler process. names: the schedules to work on, None for all enabled ones. build: makes a step's command line;
    perform: runs the steps of a plan.

    What time it is says the ledger's clock; how long something takes, and whether that clock was set, says `monotonic`.
    """

    def __init__(
        self,
        home: Home,
        ledger: Ledger,
        settings: Settings,
        *,
        names: list[str] | None = None,
        build: Command = command,
        monotonic: Callable[[], float] = time.monotonic,
        perform: Callable[..., Outcome] = run_plan,
    ) -> None:
        self.home, self.ledger, self.settings, self.build = home, ledger, settings, build
        self.names, self.monotonic, self.perform = names, monotonic, perform
        self.owner = myself()
        self.lease: Lease | None = None
        self.schedules: dict[str, Schedule] = {}
        self.broken: dict[str, str] = {}
        self.workers: dict[int, Worker] = {}
        self.failures = 0
        self.worked_on: deque[int] = deque(maxlen=1000)
        self.pauses: dict[str, Pause] = {}
        self._seen: tuple[datetime, float] | None = None  # both clocks at the last wake-up
        self._absent = ABSENT
        self._gap = timedelta(0), 0.0  # between two wake-ups that lay too far apart, and when (monotonic) that was
        self._next: dict[str, tuple[tuple[str, datetime], datetime]] = {}
        self._files: object = None
        self._sites: object = {}
        self._forget = False
        self._forget_at: float | None = None  # when old runs are looked for again (monotonic)
        self._forgotten = 0  # old runs that went since the last look
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._last_word: threading.Timer | None = None
        self._publishing = threading.Lock()
        self._waiting_for: tuple[str | None, datetime | None] | None = None
        self._alarm = BackgroundScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True})

    # ------------------------------------------------------------------------------------------ running

    def run(self, *, once: bool = False, seconds: float | None = None, waits: bool = False) -> int:
        """Run what is due until stopped: exit code 0, or 1 when a run failed or a schedule file is broken.

        once: stop when nothing is due any more. seconds: stop after so long. waits: also while there is no schedule to work on
        yet. Raises what `require` raises, unless it waits, and NewerLedgerError when a newer program has migrated the ledger meanwhile.
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
                except NewerLedgerError:
                    # the newer program may hold locks of which this one knows nothing: what is at work here is that one's to take up
                    self._give_up()
                    raise
                except JianghuaError as e:
                    if once:
                        raise
                    log.error("%s", e)  # e.g. the disk is full: the runs go on, the next wake-up tries again
                    self._absent = "the scheduler ran and could not write into the ledger, {late} past this time"
                    idle = False
                except Exception as e:  # a mistake of ours: it must not end the runs that are at work
                    if once:
                        raise
                    log.error("this wake-up broke off: %s", e, exc_info=True)
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
            if self._last_word is not None:
                self._last_word.cancel()
            for number, handler in before.items():
                signal.signal(number, handler)
        return 1 if self.failures or self.broken else 0

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        # in a thread of its own: the wait that the signal interrupts may hold the very locks that set() needs
        threading.Thread(target=self._ask_to_stop, daemon=True).start()

    def _ask_to_stop(self) -> None:
        if self._stopping.is_set():  # asked twice: no more patience
            self.settings.stop = 0.0
            if self._last_word is None:  # the ledger may not answer, and never
                self._last_word = threading.Timer(LAST_WORD, _end_at_once)
                self._last_word.daemon = True
                self._last_word.start()
        self._stopping.set()
        self._wake.set()

    def tick(self) -> bool:
        """One wake-up: hold the lease, record what is due, start what can start. True when nothing is left to do.

        Raises LeaseLost.
        """
        now = self.ledger.now()
        self._look_at_the_clock(now)
        if self.lease is None:
            self.lease = self.ledger.take_lease(self.owner, self.settings.lease_time, self._patience(), self.names)
            if self.lease is None:
                self._say_waiting()
                self._absent = ABSENT
                return False
            log.info("holds the lease (token %d)", self.lease.token)
        else:
            self.ledger.renew(self.lease, self.settings.lease_time)
        self._load()
        self.pauses = self.ledger.pauses()
        self._look_after_workers(now)
        if self._forget and self.names is None:
            self.ledger.keep_marks(self.lease, {*self.schedules, *self.broken})
            self._forget = False
        for run in self.ledger.take_up(self.lease, self.settings.lease_time + self._patience(), self.workers):
            if run.state == "due":
                log.warning("run %d (%s) died in step %s; taken up again", run.id, run.schedule, run.step or "?")
            else:
                log.error("run %d (%s) %s", run.id, run.schedule, run.why)
        marks = self.ledger.marks()
        for schedule in self.schedules.values():
            self._record(schedule, now, marks.get(schedule.name))
        self._absent = ABSENT
        idle = self._start_due(now)
        self._let_old_runs_go()
        return idle

    def _look_at_the_clock(self, now: datetime) -> None:
        """Tell when the clock was set; what it jumped over is then missed, and what it shows again is in the ledger."""
        seen, self._seen = self._seen, (now, self.monotonic())
        if seen is None:
            return
        if now - seen[0] > self.settings.lease_time / 2 + timedelta(seconds=self.settings.heartbeat):
            self._gap = now - seen[0], self._seen[1]
        ahead = (now - seen[0]) - timedelta(seconds=self._seen[1] - seen[1])
        if ahead > JUMP:
            self._absent = f"the clock went {span(ahead)} forward while the scheduler ran, {{late}} past this time"
            log.warning("the clock went %s forward (it was set, or the machine slept)", span(ahead))
        elif ahead < -JUMP:
            log.warning("the clock was set back by %s; fire times that have a run get no second one", span(-ahead))
        if abs(ahead) > JUMP:
            self._set_alarms()
            self._forget_at = self.monotonic() + FORGET_EVERY

    def _let_old_runs_go(self) -> None:
        """Remove some old runs from the ledger, every hour those that came of age. Not in the first hour, nor in the one after the clock
        was set: by a clock that is wrong, runs of yesterday would be old."""
        if self._forget_at is None:
            self._forget_at = self.monotonic() + FORGET_EVERY
        if self.lease is None or self._stopping.is_set() or self.monotonic() < self._forget_at:
            return
        went = 0
        try:
            went = forget(self.home, self.ledger, run_rules(self.home), held=self.lease, steps=1).runs
        except JianghuaError as e:
            log.warning("old runs stay in the ledger for now: %s", e)
        self._forgotten += went
        if went:
            return  # and more with the next wake-up
        if self._forgotten:
            log.info("%s removed from the ledger", counted(self._forgotten, "old run"))
        self._forgotten = 0
        self._forget_at = self.monotonic() + FORGET_EVERY

    def _patience(self) -> timedelta:
        """How much longer than they should others may be silent: where the clock was set forward, or this process was held up
        (the machine slept), they have had no time yet to give a sign."""
        gap, seen = self._gap
        return gap if self.monotonic() - seen < self.settings.lease_time.total_seconds() else timedelta(0)

    def _look_after_workers(self, now: datetime) -> None:
        """Beat for the runs at work, let go those that ended, and end those that are to end."""
        cancelled = self.ledger.cancelled(self.workers) if self.workers else {}
        for worker in list(self.workers.values()):
            run = worker.run
            if worker.thread is not None and not worker.thread.is_alive():
                del self.workers[run.id]
                self.failures += worker.failed
            elif worker.ours and not self.ledger.beat(run.id, self.owner):
                worker.ours = False
                worker.stop.set()
            elif worker.ending is None and (ending := self._ending(worker, now, cancelled.get(run.id))) is not None:
                worker.ending = ending
                log.warning("run %d (%s): %s; ends it", run.id, run.schedule, ending.why)
                worker.stop.set()

    def _ending(self, worker: Worker, now: datetime, cancelled: str | None) -> Ending | None:
        """Why a run at work is to be ended now, if it is."""
        if cancelled is not None:
            return Ending(cancelled)
        schedule = self.schedules.get(worker.run.schedule)
        if schedule is None:
            return None
        limit = schedule.time_limit
        if limit is not None and self.monotonic() - worker.began >= limit.total_seconds():
            return Ending(f"took longer than its time limit of {span(limit)}", again=True)
        if schedule.blackout_stop and worker.run.cause not in ASKED and (end := dark_until(schedule, now)) is not None:
            return Ending(f"ended when the blackout hours began; goes on at {_local(end, schedule)}", until=end)
        return None

    def _record(self, schedule: Schedule, now: datetime, mark: tuple[datetime, str] | None) -> None:
        assert self.lease is not None
        if mark is None or mark[0] > now or mark[1] != schedule.timing_digest:
            until, new = self.ledger.mark(self.lease, schedule, now)
            if new:
                following = _local(next(fire_times(schedule, now)), schedule)
                log.info("schedule %s: begins now; next %s", schedule.name, following)
        else:
            until = mark[0]
        if self._first_after(schedule, until) > now:
            return
        # After a long time without a scheduler there are very many. They are worked out between transactions, which others wait
        # for, and the lease is kept meanwhile: else two schedulers would take it from each other before either had done.
        dues = due_runs(schedule, until, now, paused=self.pauses.get(schedule.name), absent=self._absent)
        written: Counter[str] = Counter()
        renewed = time.monotonic()
        while not self._stopping.is_set():
            some = list(islice(dues, AT_ONCE))
            done = len(some) < AT_ONCE
            written += self.ledger.record(self.lease, schedule, some, now if done else some[-1].scheduled_for)
            if done:
                break
            if time.monotonic() - renewed > self.settings.heartbeat:
                self.ledger.renew(self.lease, self.settings.lease_time)
                renewed = time.monotonic()
        for state in ("missed", "skipped"):
            if written[state]:
                log.warning(
                    "schedule %s: %s %s; see `jianghua runs`",
                    schedule.name,
                    counted(written[state], "fire time"),
                    state,
                )

    def _first_after(self, schedule: Schedule, until: datetime) -> datetime:
        """The next fire time; worked out once, since it is asked for at every heartbeat."""
        asked = schedule.timing_digest, until
        known = self._next.get(schedule.name)
        if known is None or known[0] != asked:
            known = self._next[schedule.name] = (asked, next(fire_times(schedule, until)))
        return known[1]

    def _start_due(self, now: datetime) -> bool:
        """Start what can start; True when nothing is left to do but what is held back (paused, blackout)."""
        assert self.lease is not None
        waiting = self.ledger.runs(states=["due"], oldest_first=True)
        if self.names is not None:
            waiting = [r for r in waiting if r.schedule in self.names]
        waiting.sort(key=lambda r: r.cause == "backfill")  # what is to be done now goes before the past
        busy = {w.run.schedule for w in self.workers.values()}
        left = False
        notes: dict[int, str] = {}
        for run in waiting:
            if run.cancel is not None:
                self._settle(run, "failed", run.cancel)
                continue
            held = self._held(run, now)
            if held is None and run.plan is None and run.schedule not in self.schedules:
                gone = run.schedule not in schedule_files(self.home)
                why = f"the schedule {'is not there any more' if gone else 'was disabled meanwhile'}"
                self._settle(run, "skipped", why)
                continue
            if held is not None:
                if held != run.why:
                    notes[run.id] = held
                continue
            left = True
            begin = self._begin(run, now)
            if begin > now:
                self._alarm_at(begin, f"start of run {run.id}")
                continue
            if run.schedule in busy or len(self.workers) >= self.settings.parallel:
                continue
            busy.add(run.schedule)  # the runs of one schedule go in the order of their times
            self._start(run)
        if notes:
            self.ledger.note(self.lease, notes)
            for why, count in Counter(notes.values()).items():
                log.info("%s: %s", counted(count, "run"), why)
        return not left and not self.workers

    def _begin(self, run: Run, now: datetime) -> datetime:
        """When a due run may begin."""
        schedule = self.schedules.get(run.schedule)
        wait = run.not_before
        if wait is not None and schedule is not None and schedule.retries is not None and run.retries:
            wait = min(wait, now + schedule.retries.most)  # the clock was set back meanwhile
        # What was to begin when it was written (blackout hours apart, see `_held`) does not wait for a clock that was set back.
        meant = now if run.cause in ASKED else run.start_after if run.cause == "timer" else run.scheduled_for
        return meant if wait is None else max(meant, wait)

    def _held(self, run: Run, now: datetime) -> str | None:
        """Why a due run is not to begin for now, where neither its time nor another run is the reason."""
        if run.plan is None and run.schedule in self.broken and run.schedule not in self.schedules:
            return f"waits until the mistakes in {run.schedule}.yaml are mended (`jianghua schedule check`)"
        if run.cause in ASKED:
            return None  # a person wants it now
        if run.schedule in self.pauses:
            return str(self.pauses[run.schedule])
        schedule = self.schedules.get(run.schedule)
        end = dark_until(schedule, now) if schedule is not None else None
        if end is None:
            return None
        self._alarm_at(end, f"start of run {run.id}")
        return f"waits for the end of the blackout hours at {_local(end, schedule)}"

    def _start(self, run: Run) -> None:
        assert self.lease is not None
        try:
            plan = Plan.from_json(run.plan) if run.plan else plan_of(self.schedules[run.schedule], self.home)
        except JianghuaError as e:
            self.failures += 1
            self._settle(run, "failed", "; ".join(str(e).split("\n  ")))
            return
        claimed = self.ledger.claim(self.lease, run.id, plan.as_json(), list(plan.sites), self.settings.lease_time)
        if isinstance(claimed, str):
            if claimed != run.why:
                self.ledger.note(self.lease, {run.id: claimed})
                log.info("run %d (%s): %s", run.id, run.schedule, claimed)
            return
        worker = Worker(claimed, self.monotonic(), token=self.lease.token)
        worker.thread = threading.Thread(target=self._work, args=(worker, plan), name=f"run {run.id}", daemon=True)
        self.workers[run.id] = worker
        if run.id in self.worked_on:
            self.worked_on.remove(run.id)
        self.worked_on.append(run.id)
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
            worker.ours = worker.ours and self._insist(
                worker, lambda: self.ledger.beat(run.id, self.owner, step=step, counts=counts)
            )
            return worker.ours

        try:
            outcome = self.perform(
                plan,
                self.home,
                str(run.id),
                stop=worker.stop,
                first=run.step,  # a step's name or None
                counts=run.counts,
                note=note,
                build=self.build,
                grace=lambda: self.settings.stop if worker.ours else 0.0,
                publishing=self._publishing,
                fence=fence_of(self.ledger, run, worker.token),
            )
            if outcome.state == "failed" and outcome.again:
                step, counts = before_failure(outcome.counts)
                made = {"version": outcome.version} if outcome.version else {}  # the retry finds nothing new to publish
                if self._tried_again(run, outcome.why, step=step, counts=counts, **made):
                    return
            why = _after_retries(run, outcome.why) if outcome.state == "failed" else outcome.why
            self._insist(worker, lambda: self.ledger.finish(run.id, self.owner, outcome.state, why, outcome.version))
            wrap_up(self.home, self.ledger, run.id)
            worker.failed = outcome.state != "done"
            level = logging.ERROR if worker.failed else logging.INFO
            version = f", version {outcome.version}" if outcome.version else ""
            log.log(
                level, "run %d (%s) %s%s%s", run.id, run.schedule, outcome.state, version, f": {why}" if why else ""
            )
        except Interrupted:
            try:
                self._interrupted(worker)
            except JianghuaError as e:  # it is taken up again, as one whose process died
                log.error("run %d (%s) is ended, and the ledger does not know: %s", run.id, run.schedule, e)
        except Exception as e:  # the row stays `running` without a heartbeat and is taken up again
            worker.failed = True
            log.error("run %d (%s) broke off: %s", run.id, run.schedule, e, exc_info=not isinstance(e, JianghuaError))
        finally:
            self._wake.set()

    def _insist(self, worker: Worker, write: Callable[[], bool]) -> bool:
        """Write into the ledger, again and again while it does not answer: what a step of hours did is not to be done again because
        a database was restarted just then. Raises JianghuaError when the run is to stop meanwhile."""
        while True:
            try:
                return write()
            except JianghuaError as e:
                if worker.stop.is_set() or not worker.ours:
                    raise
                log.warning("run %d waits to write how it stands: %s", worker.run.id, e.what)
                worker.stop.wait(self.settings.heartbeat)

    def _interrupted(self, worker: Worker) -> None:
        """Write how a run stands whose step was ended before its time."""
        run, ending = worker.run, worker.ending
        if not worker.ours:
            log.warning("run %d (%s) was taken over by another scheduler; ended here", run.id, run.schedule)
        elif ending is None:
            self.ledger.finish(run.id, self.owner, "due", "interrupted; goes on when a scheduler runs again")
            log.info("run %d (%s) interrupted; it goes on when a scheduler runs again", run.id, run.schedule)
        elif ending.until is not None:
            self.ledger.try_again(run.id, self.owner, ending.until, ending.why, retry=False)
        else:
            step = self.ledger.run(run.id).step
            why = f"{ending.why}, in step {step}; what it kept is kept" if step else ending.why
            if ending.again and self._tried_again(run, why):
                return
            self.ledger.finish(run.id, self.owner, "failed", _after_retries(run, why))
            wrap_up(self.home, self.ledger, run.id)
            worker.failed = True
            log.error("run %d (%s) failed: %s", run.id, run.schedule, why)

    def _tried_again(self, run: Run, why: str | None, **changes: object) -> bool:
        """Put a run back that failed, where its schedule says that it is to be tried again."""
        schedule = self.schedules.get(run.schedule)
        retries = schedule.retries if schedule is not None else None
        if retries is None or run.retries >= retries.times:
            return False
        at = self.ledger.now() + retries.pause(run.retries)
        told = f"retry {run.retries + 1} of {retries.times} at {_local(at, schedule)}; before: {why}"
        if self.ledger.try_again(run.id, self.owner, at, told, retry=True, **changes):
            log.warning("run %d (%s) failed; %s", run.id, run.schedule, told)
        return True

    # ------------------------------------------------------------------------------------------ schedules

    def _load(self) -> None:
        """Read the schedule files when one of them changed. A file that broke keeps its last good content."""
        stamp = {str(p): _stamp(p) for p in schedule_files(self.home).values()}
        # A file that names a site which is not there is mended by adding the site.
        sites = {str(p): _stamp(p) for p in site_files(self.home).values()} if self.broken else self._sites
        if stamp == self._files and sites == self._sites:
            return
        enabled, broken = usable(self.home, self.names)
        kept = {n: s for n, s in self.schedules.items() if n in broken}
        for name, error in broken.items():
            if self.broken.get(name) != str(error):
                log.error(
                    "schedule %s is broken%s\n%s", name, "; its last good content stays" if name in kept else "", error
                )
        self._files, self._sites = stamp, {str(p): _stamp(p) for p in site_files(self.home).values()} if broken else {}
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
        self._give_up()

    def _give_up(self) -> None:
        """End the runs at work and leave them to others."""
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


def _end_at_once() -> None:
    """As kill -9 does, which everything here survives; the steps end with this process."""
    log.error(
        "asked to end twice, and the ledger does not answer: ends at once; runs go on when a scheduler runs again"
    )
    os._exit(1)


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


def _after_retries(run: Run, why: str | None) -> str | None:
    tried = f" (after {counted(run.retries, 'retry', 'retries')})"
    return f"{why}{tried}" if run.retries else why


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
