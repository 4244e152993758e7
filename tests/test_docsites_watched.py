"""What is told of the runs over the three days of the replicas, by hand and by a service, in trouble and without: reports are right.

That alarms come once each is told by service/test_three_days.py.
"""

from __future__ import annotations

import itertools

import pytest

from schedules.report import RunReport
from tests.chain import rows
from tests.docsites import MISSING, Docsites
from tests.docsites_served import DOWN, REDESIGNED, Days, Log

pytestmark = [pytest.mark.docsites, MISSING, pytest.mark.timeout(1500)]
Looks = list[tuple[RunReport, Log]]


@pytest.fixture(scope="module")
def by_hand(docsites: Docsites) -> Looks:
    """Day 1 twice, day 2, day 3."""
    walk = docsites.walks["by hand"]
    assert walk.again
    return [(d.report, d.log) for d in (walk.days[1], walk.again, walk.days[2], walk.days[3])]


@pytest.fixture(scope="module")
def served(served_days: Days) -> Looks:
    """Day 1 twice, day 2, day 3 in trouble twice, day 3 without: six runs."""
    served_days.well()
    return [(run.report, log) for run, log in zip(served_days.runs, served_days.logs, strict=True)]


@pytest.mark.parametrize("way", ["by_hand", "served"])
def test_reports_say_what_the_servers_saw(request: pytest.FixtureRequest, way: str) -> None:
    looks: Looks = request.getfixturevalue(way)
    for told, log in looks:
        for site, requests in log.items():
            crawl = next(s.crawl for s in told.sites if s.site == site)
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


@pytest.mark.parametrize("way", ["by_hand", "served"])
def test_the_crawl_delay_that_a_site_asks_for_is_in_the_report(
    built_docsites: Docsites, request: pytest.FixtureRequest, way: str
) -> None:
    looks: Looks = request.getfixturevalue(way)
    asked = 0
    for site in looks[0][1]:
        text = built_docsites.robots(site) or ""
        waits = [float(line.split(":")[1]) for line in text.splitlines() if line.lower().startswith("crawl-delay")]
        for told, _ in looks if waits else ():
            crawl = next(s.crawl for s in told.sites if s.site == site)
            if crawl and crawl.hosts:
                asked += 1
                assert crawl.hosts[0].delay_shortest is not None
                assert crawl.hosts[0].delay_shortest >= min(waits)
    assert asked


def test_reports_say_what_is_in_the_dataset(served: Looks, served_days: Days, built_docsites: Docsites) -> None:
    first, again, second, bad, bad_again, good = (told for told, _ in served)
    for found in (first, second, good):
        assert found.published is not None
        assert found.version is not None
        there = rows(served_days.home, version=found.version)
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
    down = next(s for s in bad.sites if s.site == DOWN)
    assert down.error is not None
    assert "cannot be reached" in down.error
    assert good.state == "done"


def test_the_alarms_that_are_looked_at_by_hand(docsites: Docsites) -> None:
    walk = docsites.walks["by hand"]
    assert [(a["kind"], a["site"]) for a in walk.alarms] == [("redesigned", REDESIGNED)]
    assert (walk.home.var / "watching" / "disk.jsonl").is_file()
