"""The service is stopped in the middle of a real crawl, politely and with kill -9, and goes on."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from crawler.home import Home
from crawler.sample import install_site_files
from crawler.sample.build import build
from crawler.sample.server import SampleServer
from schedules.ledger import Ledger
from tests.schedules.house import until
from tests.service.server import Up

Start = Callable[..., Up]
REAL = True  # how it begins and ends is what this is about


@pytest.fixture
def crawled(tmp_path: Path) -> Home:
    """A home with a schedule that never fires by itself; its only step is the crawl of one sample site."""
    home = Home.find(tmp_path / "home")
    install_site_files(home)
    home.own_schedules.mkdir()
    return home


def schedule(home: Home, url: str) -> None:
    facts = {
        "name": "yearly",
        "cron": "0 0 1 1 *",
        "sites": ["tanxi"],
        "steps": ["crawl"],
        "crawl": {"delay": 0, "at": {"tanxi": url}},
    }
    (home.own_schedules / "yearly.yaml").write_text(json.dumps(facts))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_crawl_that_is_broken_off_goes_on(crawled: Home, ups: Start, number: signal.Signals) -> None:
    with SampleServer(build(articles=12, chars=400), latency=0.08) as sites:
        schedule(crawled, sites.urls["tanxi"])
        real = number == signal.SIGTERM  # a kill finds no other process where it was forked
        up = ups(crawled, real=real).ready()
        until(lambda: up.get("/health").json["status"] != "failing")
        started = up.post("/api/v1/schedules/yearly/run")
        assert started.status == 200, started.text
        (run,) = started.json["runs"]
        until(lambda: len(sites.requests("tanxi")) >= 12)
        code = up.end(number)
        at_stop = len(sites.requests("tanxi"))
        if number == signal.SIGTERM:
            assert code == 0, up.log
            ledger = Ledger(f"sqlite:///{crawled.ledger}")
            assert ledger.run(run).state == "due"
            ledger.close()
        assert at_stop < 60
        sites.set_latency(0)
        again = ups(crawled, real=real).ready()
        until(lambda: again.get(f"/api/v1/runs/{run}").json["state"] == "done", 90)
        asked = [r.path for r in sites.requests("tanxi") if r.path != "/robots.txt"]
        wanted = {
            s["path"]
            for s in sites.sample.speeches(1)
            if s["site"] == "tanxi" and not s["disallowed"] and s["status"] == 200
        }
        assert wanted <= set(asked)
        twice = len(asked) - len(set(asked))
        # a page whose answer came is kept; after kill -9 those of the last, uncommitted handful are asked for again
        assert twice <= (0 if number == signal.SIGTERM else 16), sorted(p for p in set(asked) if asked.count(p) > 1)
        detail = again.get(f"/api/v1/runs/{run}").json
        assert detail["attempts"] == 2
        assert again.end() == 0


def test_a_second_signal_has_no_patience(crawled: Home, ups: Start) -> None:
    with SampleServer(build(articles=12, chars=400), latency=30) as sites:
        schedule(crawled, sites.urls["tanxi"])
        up = ups(crawled, env={"JIANGHUA_STOP": "600"}).ready()
        until(lambda: up.get("/health").json["status"] != "failing")
        assert up.post("/api/v1/schedules/yearly/run").status == 200
        until(lambda: (crawled.logs / "1" / "crawl.log").exists())
        up.process.send_signal(signal.SIGTERM)
        assert up.end(signal.SIGTERM) == 0, up.log
