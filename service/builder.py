"""Keeps the catalogue up to date: whenever a dataset has another version, it is made anew by a process of its own."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from pathlib import Path

from crawler.home import Home
from schedules.child import Child, package_path

log = logging.getLogger("jianghua.service")
LOOK = 2.0  # seconds between two looks at what is published
AGAIN = 300.0  # seconds until a build that failed is tried again, unless something is published before


class Builder:
    """A thread that looks at latest.json of each dataset. error: why the catalogue could not be made, None when it is as it should be."""

    def __init__(self, home: Home, out: Path) -> None:
        self.home, self.out = home, out
        self.error: str | None = None
        self.built = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="catalogue", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End, and a build with it: it can be made again at any time."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _seen(self) -> dict[str, tuple[int, int]]:
        found = {}
        for path in self.home.datasets.glob("*/latest.json"):
            try:
                s = path.stat()
            except OSError:
                continue
            found[path.parent.name] = (s.st_mtime_ns, s.st_ino)
        return found

    def _keep(self) -> None:
        known: dict[str, tuple[int, int]] | None = None
        waited = 0.0
        while not self._stopping.wait(0 if known is None else LOOK):
            seen = self._seen()
            waited += LOOK
            if seen == known and not (self.error and waited >= AGAIN):
                continue
            known, waited = seen, 0.0
            self.error = self._build()
            if self.error is None:
                self.built += 1
            elif not self._stopping.is_set():
                log.error("the catalogue could not be made: %s", self.error)

    def _build(self) -> str | None:
        """Make it; what was wrong, None when nothing was."""
        argv = [sys.executable, "-P", "-m", "schedules.cli", "catalogue", "build", "--home", str(self.home.root)]
        argv += ["--out", str(self.out), "--data", "../datasets/", "--json"]
        env = package_path({**os.environ})
        errors = self.home.logs / "catalogue.log"
        try:
            errors.parent.mkdir(parents=True, exist_ok=True)
            with errors.open("wb") as told, Path(os.devnull).open("wb") as nothing:
                child = Child(["nice", "-n", "10", *argv], stdout=nothing, stderr=told, env=env)
                while (code := child.wait(0.2)) is None:
                    if self._stopping.is_set():
                        child.stop(lambda: 0.0)
                        return "stopped"
            if code == 0:
                return None
            said = " ".join(re.sub(r"[\u2500-\u257f]+", " ", errors.read_text("utf-8", "replace")).split())
        except OSError as e:
            return str(e)
        return said[-500:] or f"ended with code {code}"
