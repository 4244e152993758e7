"""A real scheduler on a real ledger whose clocks the test winds: years go by in seconds."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crawler.home import Home
from schedules.clock import Scheduler
from schedules.jobs import Interrupted, Outcome, Plan
from schedules.ledger import Ledger, Run
from schedules.settings import load_settings

DONE = Outcome("done", None, {}, None)


class FastTime:
    """A home, its scheduler, and the two clocks that it looks at: `wall` can be set, time goes on in both.

    perform: what a run does, given how often its fire time was tried before; it may wait for `stop` (`until_stopped`).
    """

    def __init__(self, folder: Path, start: datetime) -> None:
        self.home = Home.find(folder)
        self.home.own_schedules.mkdir(parents=True, exist_ok=True)
        self.wall, self.passed = start, 0.0
        self.ledger = Ledger(f"sqlite:///{self.home.ledger}", lambda: self.wall)
        self.tried: Counter[str] = Counter()  # by run
        self.begun: list[tuple[str, str | None]] = []  # run, first step
        self.finished: Counter[str] = Counter()  # ends without failure, by run
        self.perform: Callable[[int], Outcome] = lambda _: DONE
        self.release = threading.Event()
        self.at_work = threading.Event()
        self.scheduler = self.new_scheduler()

    def new_scheduler(self) -> Scheduler:
        return Scheduler(
            self.home,
            self.ledger,
            load_settings(self.home, heartbeat=5, lease=30, parallel=50),
            monotonic=lambda: self.passed,
            perform=self._perform,
        )

    def _perform(self, plan: Plan, home: Home, name: str, *, stop: threading.Event, **how: Any) -> Outcome:
        self.begun.append((name, how["first"]))
        before = self.tried[name]
        self.tried[name] += 1
        how["note"](plan.steps[0], dict(how["counts"]))
        self.at_work.set()
        outcome = self.perform(before)
        if outcome is WAITS:
            while not self.release.wait(0.01):
                if stop.is_set():
                    raise Interrupted
            outcome = DONE
        if outcome.state == "done":
            self.finished[name] += 1
        return outcome

    def schedule(self, name: str = "s", **facts: object) -> None:
        value = {"name": name, "sites": ["wanshu"], "crawl": {"at": {"wanshu": "http://127.0.0.1:1"}}, **facts}
        (self.home.own_schedules / f"{name}.yaml").write_text(json.dumps(value))

    def set_clock(self, by: timedelta) -> None:
        self.wall += by

    def wind(self, by: timedelta) -> None:
        self.wall += by
        self.passed += by.total_seconds()

    def to(self, moment: datetime) -> None:
        self.wind(moment - self.wall)

    def tick(self, *, wait: bool = True) -> None:
        """Wake the scheduler up; wait: again and again until what it began has ended."""
        self.at_work.clear()
        self.scheduler.tick()
        while wait and self.scheduler.workers:
            for worker in list(self.scheduler.workers.values()):
                assert worker.thread is not None
                worker.thread.join(30)
                assert not worker.thread.is_alive()
            self.scheduler.tick()

    def rows(self) -> list[Run]:
        return self.ledger.runs(oldest_first=True)

    def told(self) -> list[tuple[str, str]]:
        """Hour and minute (UTC) of each fire time, and its state."""
        return [(f"{r.scheduled_for:%H:%M}", r.state) for r in self.rows()]


WAITS = Outcome("done", None, {}, "waits until it is stopped or let go")


def utc(text: str) -> datetime:
    """`2026-11-22 03:00` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
