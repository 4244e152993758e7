"""A home with schedules, and real scheduler processes in it, for the tests of time."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crawler.home import Home
from schedules.ledger import Ledger, Run
from schedules.plan import Schedule
from tests.chain import popen
from tests.nursery import Forked

DRIVER = Path(__file__).parent / "driver.py"
ROOT = Path(__file__).parents[2]


class House:
    """A home with schedules, and the scheduler processes started in it."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.home = Home.find(folder / "home")
        self.folder = folder
        self.home.own_schedules.mkdir(parents=True)
        self.url = url or f"sqlite:///{self.home.ledger}"
        self.ledger = Ledger(self.url)
        self.processes: list[Forked] = []

    def schedule(self, name: str = "s", *, down: timedelta = timedelta(hours=3, minutes=5), **more: object) -> None:
        """A schedule that fires each hour, next in about half an hour, so that no test meets a fire time; last dealt with `down` ago (three
        fire times were missed)."""
        minute = (datetime.now(UTC).minute + 30) % 60
        facts = {"name": name, "cron": f"{minute} * * * *", "sites": ["wanshu"], **more}
        (self.home.own_schedules / f"{name}.yaml").write_text(json.dumps(facts))
        until = datetime.now(UTC) - down
        lease = self.ledger.take_lease("test", timedelta(0))
        assert lease is not None
        self.ledger.mark(lease, Schedule.model_validate(facts), until)
        self.ledger.release(lease)

    def start(self, seconds: float, *, once: bool = False, **env: str) -> Forked:
        process = popen(
            [
                sys.executable,
                str(DRIVER),
                str(self.home.root),
                str(self.folder),
                str(seconds),
                *(["once"] if once else []),
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT), "JIANGHUA_STATE": self.url, **env},
            stderr=(self.folder / f"log{len(self.processes)}").open("w"),
        )
        self.processes.append(process)
        return process

    def log(self, number: int) -> str:
        return (self.folder / f"log{number}").read_text()

    def events(self) -> list[list[str]]:
        path = self.folder / "events"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def run(self, run_id: int = 1) -> Run:
        return self.ledger.run(run_id)

    def states(self) -> list[str]:
        return [r.state for r in self.ledger.runs(oldest_first=True)]

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.ledger.close()


def until(true: Callable[[], object], seconds: float = 30, every: float = 0.05) -> None:
    """Wait until something is so; fail when it never is. every: seconds between two looks."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(every)


def alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
