"""Keeps the scheduler's process going beside the pages, and ends it politely."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from crawler.home import Home
from schedules.child import Child, package_path

log = logging.getLogger("jianghua.service")
AGAIN = (1.0, 60.0)  # seconds before a scheduler that died is started again: at first, and at most
STEADY = 120.0  # seconds of life after which a scheduler counts as well again


@dataclass(slots=True)
class State:
    """What is known of the scheduler's process. starts: how often it was started; last_exit: how it ended last, if it did."""

    pid: int | None = None
    since: datetime | None = None
    starts: int = 0
    last_exit: int | None = None


class Supervisor:
    """Starts the scheduler, starts it again when it dies, stops it when asked. patience: seconds that stopping may take."""

    def __init__(self, home: Home, patience: float, argv: list[str] | None = None) -> None:
        self.home, self.patience = home, patience
        self.argv = argv or [sys.executable, "-P", "-m", "service.scheduler", str(home.root)]
        self.state = State()
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="supervisor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the scheduler to end: what it works on is kept."""
        self._stopping.set()

    def hurry(self) -> None:
        """Ask it to end without patience."""
        self._hurry.set()
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def join(self) -> None:
        """Wait until the scheduler has ended."""
        self._thread.join()

    def _keep(self) -> None:
        wait = AGAIN[0]
        while not self._stopping.is_set():
            began = time.monotonic()
            code = self._once()
            self.state.pid, self.state.last_exit = None, code
            if self._stopping.is_set():
                return
            wait = AGAIN[0] if time.monotonic() - began >= STEADY else min(AGAIN[1], wait * 2)
            log.error("the scheduler ended with code %s; started again in %.0f s", code, wait)
            self._stopping.wait(wait)

    def _once(self) -> int:
        env = package_path({**os.environ, "JIANGHUA_HOME": str(self.home.root)})
        with Path(os.devnull).open("wb") as nothing:
            try:
                child = Child(self.argv, stdout=nothing, stderr=None, env=env)
            except OSError as e:
                log.error("cannot start the scheduler: %s", e)
                return -1
        self.state.pid, self.state.since = child.pid, datetime.now(UTC)
        self.state.starts += 1
        while (code := child.wait(0.2)) is None:
            if self._stopping.is_set():
                return self._end(child)
        return code

    def _end(self, child: Child) -> int:
        os.kill(child.pid, signal.SIGTERM)  # not yet waited for, so the number is still its own
        began, hurried = time.monotonic(), False
        while (code := child.wait(0.1)) is None:
            if self._hurry.is_set() and not hurried:
                hurried = True
                os.kill(child.pid, signal.SIGTERM)
            if time.monotonic() - began > self.patience:
                log.error("the scheduler did not end within %.0f s and was killed", self.patience)
                return child.stop(lambda: 0.0)
        return code
