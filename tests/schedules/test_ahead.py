"""A run reads beside its crawl; its records are those of crawl, learn and extract one after the other, also after kill -9."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.home import Home
from crawler.sample import install_site_files
from crawler.sample.build import build
from crawler.sample.server import SampleServer
from crawler.shards import read_records
from schedules.jobs import Plan, ahead_of
from tests.chain import TIMES_AND_PLACES, at, kill_group, report, start

SITES = ("qingyun", "muduo")


@pytest.fixture(scope="module")
def server() -> Iterator[SampleServer]:
    with SampleServer(build(articles=75, sites=SITES)) as serving:
        yield serving


def home_at(path: Path) -> Home:
    home = Home.find(path)
    install_site_files(home)
    return home


def records(home: Home) -> dict[str, list[str]]:
    """All records without times and archive addresses, what differs between two answers of a server, and the profiles."""
    left_out = TIMES_AND_PLACES | {"views", "html_sha256"}
    found = {
        f"{site} {table}": sorted(
            json.dumps({k: v for k, v in r.items() if k not in left_out}, ensure_ascii=False, default=str)
            for r in read_records(home, site, table).to_pylist()
        )
        for site in SITES
        for table in ("speeches", "provenance", "pages")
    }
    profiles = {str(p.relative_to(home.root)): [p.read_text()] for p in home.var.glob("profiles/*/0*.json")}
    return found | profiles


@pytest.fixture(scope="module")
def wanted(server: SampleServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    home = home_at(tmp_path_factory.mktemp("sequence"))
    report(home, "crawl", *at(server.urls), "--delay", "0")
    report(home, "learn", *SITES)
    report(home, "extract", *SITES)
    found = records(home)
    assert len(found["muduo speeches"]) > 60
    return found


def run(server: SampleServer) -> tuple[str, ...]:
    return ("run", *at(server.urls), "--steps", "crawl,learn,extract", "--delay", "0")


def test_reading_beside_the_crawl_gives_the_same_records(
    server: SampleServer, wanted: dict[str, list[str]], tmp_path: Path
) -> None:
    home = home_at(tmp_path)
    told: dict[str, Any] = report(home, *run(server))
    assert records(home) == wanted
    assert set(told["counts"]) == {"crawl", "learn", "extract"}
    assert {r["site"]: r["profile"] for r in told["counts"]["learn"]["report"]} == dict.fromkeys(SITES, 1)
    if ahead_of(Plan(SITES), ("crawl", "extract"), home, tmp_path, lambda: 0.0):  # there is a second CPU
        assert (home.logs / "1" / "ahead.json").exists()
        assert not (home.logs / "1" / "extract.json").exists()
        assert sum(s["read"] for s in told["counts"]["extract"]["report"]["sites"]) > 150
    # a second time nothing of a site is read whose pages come back byte for byte, and the same holds
    again = report(home, *run(server))
    assert {s["site"]: s["read"] for s in again["counts"]["extract"]["report"]["sites"]}["muduo"] == 0
    assert records(home) == wanted


def test_killed_on_the_way_and_run_again_it_gives_the_same_records(
    server: SampleServer, wanted: dict[str, list[str]], tmp_path: Path
) -> None:
    home = home_at(tmp_path)
    process = start(home, *run(server))
    end = time.monotonic() + 30
    while time.monotonic() < end and not (home.records("muduo") / "00.json").exists():
        time.sleep(0.02)  # the first bucket of one site stands, the others do not
    kill_group(process)
    while time.monotonic() < end and _held(home):
        time.sleep(0.05)
    report(home, *run(server))
    assert records(home) == wanted


def _held(home: Home) -> bool:
    """Whether a process of the killed run is still there: it ends a moment after the one that started it."""
    return any(
        b"\0--home\0" + str(home.root).encode() in p.read_bytes()
        for p in Path("/proc").glob("[0-9]*/cmdline")
        if p.exists()
    )


def test_when_it_is_not_started(tmp_path: Path) -> None:
    home = Home(tmp_path)

    def of(plan: Plan, *steps: Any) -> object:
        return ahead_of(plan, steps or plan.steps, home, tmp_path, lambda: 0.0)

    assert of(Plan(SITES, again=True)) is None  # all is read anew afterwards
    assert of(Plan(SITES), "learn", "extract", "publish") is None  # taken up again behind its crawl
    assert of(Plan(SITES), "crawl", "publish") is None
