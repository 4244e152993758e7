"""Three days of the replicas under watch: one site is redesigned, one is down, one is slow. Reports are right, alarms come once each.

The first two days are those of the walk by hand, whose home is copied then; the third, which goes wrong, is only here.
"""

from __future__ import annotations

import itertools
import socket
from pathlib import Path

import pytest

from tests.chain import rows
from tests.docsites import MISSING, Docsites, Watched
from tests.watching.test_webhook_and_mail import Receiver

pytestmark = [pytest.mark.docsites, MISSING, pytest.mark.timeout(1500)]
REDESIGNED, DOWN, SLOW = "hualong", "gongwen", "tougao"


@pytest.fixture(scope="module")
def watched(docsites: Docsites) -> Watched:
    """Day 1 twice, day 2, day 3 in trouble twice, day 3 without: six runs."""
    walk, server = docsites.walks["by hand"].watched, docsites.walks["by hand"].server
    assert walk
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{s.getsockname()[1]}/"
    with Receiver(200) as receiver:
        server.ask(f"/_control/latency?ms=700&site={SLOW}", post=True)
        for _ in range(2):
            server.show_day(3)
            walk.run(server, receiver, server.urls | {DOWN: nobody}, exit_code=1)
        server.ask(f"/_control/latency?ms=0&site={SLOW}", post=True)
        server.show_day(3)
        walk.run(server, receiver, server.urls)
    return walk


def test_reports_say_what_the_servers_saw(watched: Watched, built_docsites: Docsites) -> None:
    for look in watched.looks:
        for site, requests in look.log.items():
            crawl = look.site(site).crawl
            if not requests:
                assert site == DOWN
                continue
            assert crawl is not None
            (host,) = crawl.hosts
            assert crawl.requests == host.requests == len(requests), site
            assert crawl.not_modified == sum(r["status"] == 304 for r in requests), site
            gone = [
                r for r in requests if r["status"] in (404, 410) and not r["path"].startswith(("/robots", "/sitemap"))
            ]
            assert crawl.gone * 2 == len(gone), site  # each is asked twice
            assert crawl.finished
            times = sorted(r["t"] for r in requests)
            gaps = [b - a for a, b in itertools.pairwise(times)]
            assert host.delay_shortest is not None
            assert host.delay_median == pytest.approx(sorted(gaps)[len(gaps) // 2], abs=0.25), site


def test_the_crawl_delay_that_a_site_asks_for_is_in_the_report(watched: Watched, built_docsites: Docsites) -> None:
    asked = 0
    for site in watched.looks[0].log:
        text = built_docsites.robots(site) or ""
        waits = [float(line.split(":")[1]) for line in text.splitlines() if line.lower().startswith("crawl-delay")]
        for look in watched.looks if waits else ():
            crawl = look.site(site).crawl
            if crawl and crawl.hosts:
                asked += 1
                assert crawl.hosts[0].delay_shortest is not None
                assert crawl.hosts[0].delay_shortest >= min(waits)
    assert asked


def test_reports_say_what_is_in_the_dataset(watched: Watched, built_docsites: Docsites) -> None:
    first, again, second, bad, bad_again, good = (x.report for x in watched.looks)
    for found in (first, second, good):
        assert found.published is not None
        assert found.version is not None
        there = rows(watched.home, version=found.version)
        assert found.published.rows == len(there)
        for site in found.sites:
            assert site.publish is not None
            assert site.extract is not None
            assert site.publish.rows == sum(r["site"] == site.site for r in there)
            assert site.extract.speeches == site.publish.rows
    wanted = built_docsites.changes(1, 2)
    assert second.published is not None
    assert (second.published.added, second.published.changed, second.published.removed) == tuple(
        len(wanted[op]) for op in ("added", "changed", "removed")
    )
    assert again.version is None
    assert again.published is not None
    assert (again.published.added, again.published.changed, again.published.removed) == (0, 0, 0)
    assert first.total.crawl is not None
    assert first.total.crawl.new > 0
    assert again.total.crawl is not None
    assert again.total.crawl.new == 0
    assert first.total.crawl.disallowed > 0
    assert first.total.extract is not None
    assert first.total.extract.rejects["off_topic"] > 0
    assert first.total.extract.previews > 0
    assert bad.state == "failed"
    assert bad_again.state == "failed"
    down = watched.looks[3].site(DOWN)
    assert down.error is not None
    assert "cannot be reached" in down.error
    assert good.state == "done"


def test_alarms_are_raised_once_each_and_end(watched: Watched) -> None:
    expected = {("redesigned", REDESIGNED), ("site_failed", DOWN), ("slow", SLOW)}
    assert [x.open() for x in watched.looks[:3]] == [set()] * 3
    assert watched.looks[3].open() == expected
    assert {k for k in watched.looks[4].open() if k[0] != "redesigned"} == expected - {("redesigned", REDESIGNED)}
    assert watched.looks[4].checked["opened"] == []
    assert watched.looks[5].open() == set()
    opened = [(kind, site) for _, what, kind, site in watched.told if what == "opened"]
    closed = [(kind, site) for _, what, kind, site in watched.told if what == "closed"]
    assert sorted(opened, key=str) == sorted(expected, key=str)
    assert sorted(closed, key=str) == sorted(expected, key=str)
    assert len(watched.told) == 6


def test_every_alarm_says_what_to_do(watched: Watched) -> None:
    for alarm in watched.looks[3].checked["open"]:
        assert alarm["remedy"]
        assert alarm["figures"]
        assert alarm["site"] in alarm["what"]
    assert Path(watched.home.var / "watching" / "disk.jsonl").is_file()
