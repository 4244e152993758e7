"""kill -9 twenty times at random moments of every stage: what is published in the end is what an undisturbed run publishes."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crawler.home import Home
from crawler.sample import install_site_files
from crawler.sample.build import Sample, build
from crawler.sample.server import SampleServer
from crawler.sitecrawl import BATCH
from tests.chain import at, changes, content, jianghua, kill_group, report, rows, start

SEED = 2026
# day, command, how many kills, and the seconds after its start within which it is killed
PLAN = (
    (1, "crawl", 4, (0.05, 0.7)),
    (1, "learn", 2, (0.05, 0.5)),
    (1, "extract", 4, (0.05, 0.7)),
    (1, "publish", 3, (0.05, 0.45)),
    (2, "run", 7, (0.2, 2.4)),
)


@pytest.fixture(scope="module")
def tiny() -> Sample:
    return build(articles=13, chars=400, sites=("zhimo", "muduo"))


@pytest.fixture(scope="module")
def server(tiny: Sample) -> Iterator[SampleServer]:
    with SampleServer(tiny) as made:
        yield made


def fresh(folder: Path) -> Home:
    home = Home.find(folder)
    install_site_files(home)
    return home


def arguments(command: str, server: SampleServer) -> tuple[str, ...]:
    match command:
        case "crawl" | "run":
            return (command, *at(server.urls), "--refetch", "all", "--delay", "0")
        case "publish":
            return ("publish", "speeches")
        case _:
            return (command, *server.urls)


def disturbed(home: Home, args: tuple[str, ...], kills: int, window: tuple[float, float], rng: random.Random) -> int:
    """Run a command that is killed with -9, it and all it started, `kills` times, and then once to its end; kills that hit."""
    hits = 0
    for _ in range(kills):
        process = start(home, *args)
        try:
            process.wait(rng.uniform(*window))
        except subprocess.TimeoutExpired:
            kill_group(process)
            hits += 1
    if args[0] == "run":
        until = time.monotonic() + 90  # the steps of a run are process groups of their own, and die with it
        while (left := working_in(home)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not left, [told(p) for p in left]
    done = jianghua(home, *args)
    assert done.returncode == 0, done.stderr[-3000:]
    return hits


def told(pid: int) -> str:
    """What a process is, for who reads why a test failed."""
    try:
        place = Path(f"/proc/{pid}")
        return (
            f"{pid}: {(place / 'cmdline').read_bytes().replace(bytes(1), b' ').decode()} {(place / 'stat').read_text()}"
        )
    except OSError:
        return f"{pid}: gone"


def working_in(home: Home) -> list[int]:
    """Processes that have a home as theirs."""
    mark = f"JIANGHUA_HOME={home.root}".encode()
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
        except OSError:
            continue
    return found


def test_twenty_kills_change_nothing_that_is_published(tmp_path: Path, server: SampleServer, tiny: Sample) -> None:
    rng = random.Random(SEED)
    calm, wild = fresh(tmp_path / "calm"), fresh(tmp_path / "wild")
    hits = 0
    for day in (1, 2):
        server.set_day(day)
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(report, calm, *arguments("run", server))
            for at_day, command, kills, window in PLAN:
                if at_day == day:
                    hits += disturbed(wild, arguments(command, server), kills, window, rng)
            assert run.result()["version"]
    assert hits >= 10, "on a machine this quick most commands had ended before they were killed: shorten the windows"
    versions = [v["version"] for v in report(wild, "versions")]
    assert versions == [v["version"] for v in report(calm, "versions")]
    assert len(versions) == 2
    for version in versions:
        one, other = content(calm, version), content(wild, version)
        for table in one:
            assert other[table] == one[table], (version, table)
    assert changes(wild, *versions) == changes(calm, *versions) == tiny.changes()
    assert len(rows(wild)) == len(tiny.speeches(2))
    report(wild, "verify")
    states = {r["state"] for r in report(wild, "runs")}
    assert states <= {"done", "failed"}


def test_a_killed_crawl_fetches_again_only_what_was_in_flight(tmp_path: Path, server: SampleServer) -> None:
    home = fresh(tmp_path)
    server.set_day(1)
    server.reset()
    server.set_latency(0.02)
    try:
        args = arguments("crawl", server)
        kills, rng = 0, random.Random(SEED)
        while kills < 3:
            process = start(home, *args)
            before = len(server.requests())
            until = time.monotonic() + 30
            wanted = before + rng.randrange(8, 25)
            while len(server.requests()) < wanted and process.poll() is None and time.monotonic() < until:
                time.sleep(0.01)
            assert process.poll() is None
            kill_group(process)
            kills += 1
        said = report(home, *args)
    finally:
        server.set_latency(0)
    assert all(s["finished"] and s["resumed"] for s in said["sites"])
    counts: dict[tuple[str, str], int] = {}
    for r in server.requests():
        if r.status == 200 and r.path != "/robots.txt":
            counts[r.site, r.path] = counts.get((r.site, r.path), 0) + 1
    twice = sum(n - 1 for n in counts.values())
    # at each kill, of each site: what was in flight, and what had been answered and not been committed
    assert twice <= kills * len(server.urls) * (BATCH + 1), twice
    expected = {
        (site, path)
        for site in server.urls
        for path, a in server.sample.pages(site, 1).items()
        if a.status == 200 and not a.location and path != "/robots.txt"
    }
    undisturbed = fresh(tmp_path / "undisturbed")
    server.reset()
    report(undisturbed, *args)
    fetched = {(r.site, r.path) for r in server.requests() if r.status == 200 and r.path != "/robots.txt"}
    assert set(counts) == fetched
    assert fetched <= expected
