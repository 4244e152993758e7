"""Replicas of real kinds of document sites that lie beside the project on some machines: built, served, crawled for three days.

They are crawled twice: by hand with `jianghua run`, here, and by the schedule of a `jianghua up`, where the third day goes wrong before it is
well (docsites_served.py).
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from crawler.home import Home
from schedules.report import RunReport
from tests.chain import ROOT, Key, at, ran, report

SHARED = ROOT.parent / "shared"
SOURCE = SHARED / "docsites"
DAYS = (1, 2, 3)
MISSING = pytest.mark.skipif(not (SOURCE / "build.py").is_file(), reason="the replica sites are not on this machine")


@dataclass(slots=True)
class Server:
    """A process that serves the replicas on free ports."""

    process: subprocess.Popen[bytes]
    ports: dict[str, int]
    ports_file: Path

    @property
    def urls(self) -> dict[str, str]:
        return {name: f"http://127.0.0.1:{port}/" for name, port in self.ports.items()}

    def ask(self, path: str, post: bool = False) -> Any:
        port = next(iter(self.ports.values()))
        url = f"http://127.0.0.1:{port}{path}"
        with urllib.request.urlopen(
            urllib.request.Request(url, method="POST" if post else "GET"), timeout=30
        ) as answer:
            return json.load(answer)

    def show_day(self, day: int) -> None:
        self.ask(f"/_control/day?day={day}", post=True)
        self.ask("/_control/reset", post=True)

    def log(self) -> dict[str, list[dict[str, Any]]]:
        """What was asked since the day was shown, by site."""
        log: dict[str, list[dict[str, Any]]] = self.ask("/_log.json?all=1")
        return log


@dataclass(slots=True)
class Day:
    """What came of one day. log: the servers' requests by site; made: the versions of the day, the last of them its own."""

    version: str | None
    report: RunReport
    log: dict[str, list[dict[str, Any]]]
    score: dict[str, Any] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Walk:
    """Three days by one of the ways. again: the first day crawled a second time; alarms: what is open in the end."""

    home: Home
    server: Server
    days: dict[int, Day] = field(default_factory=dict)
    again: Day | None = None
    alarms: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Docsites:
    """The built replicas, their gold and scorer, and both walks."""

    folder: Path
    gold: list[dict[str, Any]]
    scorer: ModuleType
    sites: list[dict[str, Any]]
    walks: dict[str, Walk] = field(default_factory=dict)

    def live(self, day: int) -> dict[Key, dict[str, Any]]:
        """The gold of a day: every speech by site, path and part."""
        found: dict[Key, dict[str, Any]] = self.scorer.gold_state(self.gold, day)[0]
        return found

    def changes(self, before: int, after: int) -> dict[str, set[Key]]:
        """Which speeches the gold adds, changes and removes between two days."""
        old, new = self.live(before), self.live(after)
        return {
            "added": set(new) - set(old),
            "removed": set(old) - set(new),
            "changed": {k for k in set(old) & set(new) if old[k] != new[k]},
        }

    def robots(self, site: str) -> str | None:
        path = self.folder / "dev" / site / "day1" / "robots.txt"
        return path.read_text() if path.is_file() else None


def serve(folder: Path, ready: Path, *options: str) -> Server:
    """Serve built replicas on free ports. options: others for serve.py."""
    process = subprocess.Popen(
        [
            sys.executable,
            str(folder / "serve.py"),
            "--sites",
            "dev",
            "--base-port",
            "0",
            "--ready",
            str(ready),
            *options,
        ],
        stdout=subprocess.DEVNULL,
    )
    end = time.monotonic() + 30
    while not ready.is_file():
        assert process.poll() is None
        assert time.monotonic() < end, "the replicas are not served"
        time.sleep(0.05)
    return Server(process, json.loads(ready.read_text()), ready)


def score(folder: Path, walk: Walk, version: str, day: int) -> dict[str, Any]:
    """What the replicas' scorer says of a version."""
    made = walk.home.datasets / "speeches" / "versions" / version
    out = walk.home.root / f"score-{day}.json"
    done = ran([
        sys.executable, str(folder / "score.py"), str(made / "speeches"), str(folder / "dev" / "gold.jsonl"),
        "--map", str(folder / "map.json"), "--join", f"{made / 'duplicates'}:speech_id", "--ports", str(walk.server.ports_file),
        "--day", str(day), "--json", str(out), "--list-missed", "--by-site",
    ])  # fmt: skip
    assert done.returncode == 0, done.stderr
    (walk.home.root / f"score-{day}.txt").write_text(done.stdout)
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def _by_hand(walk: Walk, folder: Path) -> None:
    for day, again in ((1, False), (1, True), (2, False), (3, False)):
        walk.server.show_day(day)
        said = report(walk.home, "run", *at(walk.server.urls), "--refetch", "all", "--delay", "0")
        log = walk.server.log()
        told = report(walk.home, "runs", "show", str(said["id"]))["report"]
        result = Day(said["version"], RunReport.model_validate(told), log)
        if again:
            walk.again = result
        else:
            assert said["version"]
            result.made = [said["version"]]
            result.score = score(folder, walk, said["version"], day)
            walk.days[day] = result
    walk.alarms = report(walk.home, "alarms", "check")["open"]


@pytest.fixture(scope="session")
def built_docsites(tmp_path_factory: pytest.TempPathFactory) -> Docsites:
    """The replicas, built, with nothing crawled."""
    folder = tmp_path_factory.mktemp("docsites") / "built"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("dev", "heldout", "__pycache__"))
    subprocess.run([sys.executable, str(folder / "build.py"), "dev"], check=True, stdout=subprocess.DEVNULL)
    spec = importlib.util.spec_from_file_location("docsites_score", folder / "score.py")
    assert spec
    assert spec.loader
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    return Docsites(
        folder,
        scorer.read_jsonl(str(folder / "dev" / "gold.jsonl")),
        scorer,
        json.loads((folder / "dev" / "sites.json").read_text()),
    )


@pytest.fixture(scope="session")
def docsites(built_docsites: Docsites) -> Iterator[Docsites]:
    """The walk by hand over the three days, done once a session."""
    made, folder = built_docsites, built_docsites.folder
    server = serve(folder, folder.parent / "by-hand.json")
    try:
        walk = made.walks["by hand"] = Walk(Home.find(folder.parent / "by-hand"), server)
        walk.home.root.mkdir()
        _by_hand(walk, folder)
        yield made
    finally:
        server.process.kill()
        server.process.wait()
