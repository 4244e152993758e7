"""Reading beside the crawl: while a run's crawl is at work, one more process reads and learns from what it commits.

It does what the steps learn and extract do, only sooner; when the crawl has ended it does what is left of them and tells what
it came to. When it fails, or is killed, these steps run by themselves and find what it committed: it can save time and decide
nothing.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from crawler import logs
from crawler.extraction.pool import default_workers
from crawler.home import Home
from schedules.child import Child, package_path

NAME = "ahead"  # of its log and its report beside those of the steps


def command(sites: list[str], learn: bool, home: Home, pid: int) -> list[str]:
    """The command line: read beside the crawl with the process id `pid`."""
    argv = [sys.executable, "-P", "-m", "schedules.cli", "extract", *sites, "--follow", str(pid)]
    return [*argv, *(["--learn"] if learn else []), "--json", "--home", str(home.root)]


def worth_it() -> bool:
    """Whether there is a CPU for it: on a single one, reading beside the crawl only slows the crawl."""
    return default_workers() > 1


class Ahead:
    """The process beside a crawl. Its output goes to FOLDER/ahead.json and ahead.log."""

    def __init__(self, sites: list[str], learn: bool, home: Home, folder: Path, grace: Callable[[], float]) -> None:
        self.sites, self.learn, self.home, self.folder, self.grace = sites, learn, home, folder, grace
        self._child: Child | None = None

    def start(self, pid: int) -> None:
        """Begin beside a crawl with that process id; one that followed an earlier try of this crawl ends."""
        self.cancel(lambda: 0.0)
        own = {k: v for k, v in os.environ.items() if k != "JIANGHUA_ERROR_FILE"}
        env = package_path({**own, logs.RUN: self.folder.name, logs.STEP: "extract"})
        argv = command(self.sites, self.learn, self.home, pid)
        with (
            suppress(OSError),  # without it the steps run one after the other
            (self.folder / f"{NAME}.json").open("wb") as out,
            (self.folder / f"{NAME}.log").open("ab") as err,
        ):
            self._child = Child(argv, stdout=out, stderr=err, env=env)

    def cancel(self, grace: Callable[[], float] | None = None) -> None:
        """End it, if it runs."""
        if self._child is not None:
            self._child.stop(grace or self.grace)
            self._child = None

    def finish(self, stop: threading.Event) -> dict[str, tuple[Any, float]] | None:
        """Wait until it has done the rest; by step (learn, extract) its report and seconds. None when there is none, when it
        failed or when `stop` was set: then the steps are still to be run."""
        if self._child is None:
            return None
        began = time.monotonic()
        while (code := self._child.wait(0.05)) is None:
            if stop.is_set():
                self.cancel()
                return None
        self._child = None
        try:
            report = json.loads((self.folder / f"{NAME}.json").read_text(encoding="utf-8"))
            learned, seconds = report.pop("learned", []), float(report.pop("learned_seconds", 0.0))
        except (OSError, ValueError, AttributeError):
            return None
        if code != 0:
            return None
        after = time.monotonic() - began
        return {"learn": (learned, min(seconds, after)), "extract": (report, max(0.0, after - seconds))}
