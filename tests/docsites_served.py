"""Three days of the replicas under a real `jianghua up` whose schedule fires every minute; on the third one site is redesigned, one is down, one slow.

The first run is the timer's; the others are asked for by the API, while the schedule is paused, so that a day never changes under
a run. In the end the day in trouble is crawled once more, and then the sites get well. What is shown meanwhile is looked at in service/test_three_days.py; what was published is looked at in
test_docsites.py, as the walk by schedule.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crawler.home import Home
from service.models import DatasetOut, RunDetail, RunOut
from tests.docsites import Day, Docsites, Server, Walk, score, serve
from tests.schedules.house import until
from tests.service.server import Up
from watching.alarms import Alarm

if TYPE_CHECKING:
    from tests.watching.test_webhook_and_mail import Receiver

REDESIGNED, DOWN, SLOW = "hualong", "gongwen", "tougao"
TROUBLES = (("site_failed", DOWN), ("slow", SLOW), ("redesigned", REDESIGNED))
PAUSE = "the days are moved by hand"
Log = dict[str, list[dict[str, Any]]]


class Replicas:
    """The sites on two servers, so that one of them can go down and come back at its address."""

    def __init__(self, built: Docsites, root: Path) -> None:
        self.folder, self.root = built.folder, root
        self.most = serve(self.folder, root / "ports.json")
        self.alone: Server | None = None
        (root / "alone").mkdir()
        (root / "alone" / "sites.json").write_text(json.dumps([s for s in built.sites if s["name"] == DOWN]))
        (root / "alone" / DOWN).symlink_to(self.folder / "dev" / DOWN)
        self.port = 0
        self.up()
        assert self.alone
        self.urls: dict[str, str] = self.most.urls | self.alone.urls

    def up(self) -> None:
        """Have the one that can go down be there."""
        ready = self.root / "alone.json"
        ready.unlink(missing_ok=True)
        self.alone = serve(
            self.folder, ready, "--sites", str(self.root / "alone"), "--base-port", str(self.port), "--day", "1"
        )
        self.port = self.alone.ports[DOWN]

    def down(self) -> None:
        """Take it away."""
        if self.alone is not None:
            self.alone.process.kill()
            self.alone.process.wait()
            self.alone = None

    def slow(self, ms: int) -> None:
        self.most.ask(f"/_control/latency?ms={ms}&site={SLOW}", post=True)

    def show_day(self, day: int) -> None:
        for server in (self.most, self.alone):
            if server is not None:
                server.show_day(day)

    def log(self) -> Log:
        """What each site was asked for since the day was shown."""
        return self.most.log() | (self.alone.log() if self.alone else {DOWN: []})

    def server(self) -> Server:
        """All of them as if they were on one server."""
        assert self.alone
        ports = self.most.ports | self.alone.ports
        file = self.root / "all.json"
        file.write_text(json.dumps(ports))
        return Server(self.most.process, ports, file)

    def end(self) -> None:
        self.down()
        self.most.process.kill()
        self.most.process.wait()


@dataclass
class Days:
    """The service, and what came of each run: what the API says of it, and what the sites were asked for."""

    up: Up
    home: Home
    built: Docsites
    replicas: Replicas
    receiver: Receiver
    runs: list[RunDetail] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    browser: Any = None

    def all_runs(self) -> list[RunOut]:
        """Every run and fire time of the schedule, oldest first."""
        items = self.up.get("/api/v1/runs?schedule=minutely&limit=500").json["items"]
        return [RunOut.model_validate(r) for r in reversed(items)]

    def ended(self, number: int) -> RunDetail:
        """The run, when it has ended."""
        path = f"/api/v1/runs/{number}"
        until(lambda: self.up.get(path).json["state"] not in ("due", "running"), 300, every=0.5)
        self.runs.append(RunDetail.model_validate(self.up.get(path).json))
        self.logs.append(self.replicas.log())
        return self.runs[-1]

    def now(self) -> RunDetail:
        """Run the schedule now, to its end."""
        answer = self.up.post("/api/v1/schedules/minutely/run")
        assert answer.status == 200, answer.text
        return self.ended(answer.json["runs"][0])

    def alarms(self, state: str = "open") -> list[Alarm]:
        return [Alarm.model_validate(a) for a in self.up.get(f"/api/v1/alarms?state={state}").json]

    def told(self) -> list[tuple[str, str, str | None]]:
        """Every event that the webhook got."""
        events = [e for _, _, body in self.receiver.got for e in json.loads(body)["events"]]
        return [(e["event"], e["alarm"]["kind"], e["alarm"]["site"]) for e in events]

    def dataset(self) -> DatasetOut:
        return DatasetOut.model_validate(self.up.get("/api/v1/datasets/speeches").json)

    def well(self) -> RunDetail:
        """The last of the runs, when all sites are well again; before it the day in trouble once more. Done once."""
        if len(self.runs) == 4:
            self.replicas.show_day(3)
            self.now()
            self.replicas.slow(0)
            self.replicas.up()
            self.replicas.show_day(3)
            self.now()
        return self.runs[5]

    def walk(self) -> Walk:
        """All of it as one of the walks over the three days, with its scores."""
        self.well()
        made = Walk(self.home, self.replicas.server())
        first, again, second, *third = (
            Day(run.version, run.report, log) for run, log in zip(self.runs, self.logs, strict=True)
        )
        made.again = again
        made.days = {1: first, 2: second, 3: third[-1]}
        for number, day in made.days.items():
            assert day.version
            day.made = [d.version for d in third if d.version] if number == 3 else [day.version]
            day.score = score(self.built.folder, made, day.version, number)
        return made


@pytest.fixture(scope="session")
def served_days(built_docsites: Docsites, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    """Day 1 twice, day 2, day 3 in trouble: four runs, and three alarms that are open."""
    from tests.watching.test_webhook_and_mail import Receiver  # pytest wants to be the first to load a file of tests

    root = tmp_path_factory.mktemp("three-days")
    replicas = Replicas(built_docsites, root)
    home = Home.find(root / "home")
    home.own_schedules.mkdir(parents=True)
    with Receiver(200) as receiver:
        home.settings_file.write_text(
            # the disk is the machine's, and none of what is watched here
            f'[alarms]\nwebhook = "{receiver.url}"\nevery = 1\noff = ["disk"]\n'
        )
        soon = datetime.now(UTC) + timedelta(seconds=8)
        facts = {
            "name": "minutely",
            "title": "Every minute",
            "every": "1m",
            "anchor": f"{soon:%Y-%m-%d %H:%M:%S}",
            "sites": list(replicas.urls),
            "crawl": {"refetch": "all", "delay": 0, "at": replicas.urls},
        }
        (home.own_schedules / "minutely.yaml").write_text(json.dumps(facts))
        replicas.show_day(1)
        up = Up(home)
        try:
            walk = Days(up.ready(), home, built_docsites, replicas, receiver)
            until(lambda: any(r.state == "running" for r in walk.all_runs()), 150, every=0.2)
            assert up.post("/api/v1/schedules/minutely/pause", {"reason": PAUSE}).status == 200
            walk.ended(walk.all_runs()[0].id)
            replicas.show_day(1)
            walk.now()
            replicas.show_day(2)
            walk.now()
            assert walk.alarms("all") == []
            replicas.slow(600)
            replicas.down()
            replicas.show_day(3)
            walk.now()
            until(lambda: len(walk.alarms()) >= len(TROUBLES), every=0.2)
            yield walk
        finally:
            up.close()
            replicas.end()
