"""kill -9 at any moment: the same command goes on, loses nothing, and ends where an undisturbed crawl ends."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from crawler.archive import read_response
from crawler.home import Home
from crawler.sample import install_site_files
from crawler.sample.server import SampleServer
from crawler.sitecrawl import BATCH
from tests.crawler.crawling import crawl, lasting, pages, start
from tests.crawler.faults import FaultServer, Reply, html, links, site_file

SITES = ("qingyun", "zhimo", "muduo")


def at(sites: SampleServer) -> list[str]:
    return [w for s in SITES for w in ("--at", f"{s}={sites.urls[s]}")]


def bodies(home: Home, site: str) -> None:
    for page in pages(home, site).values():
        if page.address is not None:
            read_response(home, page.address)


def shake(home: Home, words: list[str], sites: SampleServer, moments: list[int]) -> int:
    """Start a crawl again and again and kill it when so many requests were answered; how often it was still running."""
    kills = 0
    for moment in moments:
        until = len(sites.log) + moment
        process = start(home, "crawl", *words, "--json")
        while len(sites.log) < until and process.poll() is None:
            time.sleep(0.002)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return kills


def test_killed_at_random_moments_a_crawl_ends_like_an_undisturbed_one(
    small_sites: SampleServer, tmp_path: Path
) -> None:
    calm, shaken = Home.find(tmp_path / "calm"), Home.find(tmp_path / "shaken")
    for home in (calm, shaken):
        install_site_files(home)
    words = [*SITES, *at(small_sites), "--delay", "0", "--refetch", "all"]
    seed = random.randrange(1000)
    moments = random.Random(seed)
    for day in (1, 2):
        small_sites.set_day(day)
        small_sites.reset()
        assert crawl(calm, *words).code == 0
        small_sites.reset()
        small_sites.set_latency(0.004)
        kills = shake(shaken, words, small_sites, [moments.randint(1, 25) for _ in range(3)])
        assert kills == 3, seed
        ran = crawl(shaken, *words)
        assert ran.code == 0, ran.err
        for site in SITES:
            assert ran.sites[site]["resumed"]
            assert ran.sites[site]["finished"]
            assert lasting(shaken, site) == lasting(calm, site), seed
            bodies(shaken, site)
            asked = Counter(r.path for r in small_sites.requests(site) if r.path != "/robots.txt")
            rechecked = sum(p.status in (404, 410) for p in pages(calm, site).values()) + 1
            assert max(asked.values()) <= 1 + kills + 1
            assert sum(n - 1 for n in asked.values()) <= kills * (BATCH + 1) + rechecked
    small_sites.reset()
    again = crawl(shaken, *words)  # finished: the same command begins a new round
    assert not again.sites["muduo"]["resumed"]
    assert len(small_sites.requests("muduo")) >= len(pages(shaken, "muduo"))


def test_with_a_delay_a_kill_costs_one_request(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    with FaultServer() as server:
        names = [f"/a{n}.html" for n in range(30)]
        server.pages |= {"/": links(*names), "/sitemap.xml": Reply(status=404)} | {n: html() for n in names}
        site_file(home, "s", server.url, "politeness:\n  delay: 0.05\n")
        for _ in range(3):
            process = start(home, "crawl", "s", "--json")
            until = len(server.log) + 6
            while len(server.log) < until and process.poll() is None:
                time.sleep(0.005)
            process.kill()
            process.communicate()
        assert crawl(home, "s").code == 0
        asked = Counter(server.paths())
        assert sum(n - 1 for n in asked.values()) <= 3
        assert len(pages(home, "s")) == 31


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_crawl_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    home = Home.find(tmp_path)
    with FaultServer() as server:
        names = [f"/a{n}.html" for n in range(40)]
        server.pages |= {"/": links(*names)} | {n: Reply(html(), seconds=0.02) for n in names}
        site_file(home, "s", server.url)
        process = start(home, "crawl", "s", "--json")
        while len(server.log) < 8:
            time.sleep(0.01)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "interrupted" in err
        assert "Traceback" not in err
        before = Counter(server.paths())
        ran = crawl(home, "s")
        assert ran.code == 0
        assert ran.sites["s"]["resumed"]
        assert max(Counter(server.paths()).values()) == 1, before  # a clean end loses nothing at all


def test_another_policy_keeps_what_was_left(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    with FaultServer() as server:
        names = [f"/a{n}.html" for n in range(12)]
        server.pages |= {"/": links(*names)} | {n: html() for n in names}
        site_file(home, "s", server.url)
        assert crawl(home, "s", "--limit", "5").sites["s"]["queued"] > 0
        ran = crawl(home, "s", "--refetch", "none")
        assert ran.sites["s"]["finished"]
        assert len(pages(home, "s")) == 13
        assert all(p.address for p in pages(home, "s").values())
