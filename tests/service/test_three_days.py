"""Three days of the replicas under a real `jianghua up`, looked at by the API and in Chromium.

The tests go in their order; the last one has the sites get well.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from service.models import RunDetail, SiteOut
from tests.chain import rows
from tests.chromium import NEEDED, launched
from tests.docsites import MISSING
from tests.docsites_served import DOWN, PAUSE, REDESIGNED, SLOW, TROUBLES, Days, Log
from tests.schedules.house import until
from tests.service.browser import check_fits, visit

pytestmark = [pytest.mark.docsites, MISSING, NEEDED, pytest.mark.timeout(1200)]
TITLES = {
    ("site_failed", DOWN): "A site cannot be crawled or read",
    ("slow", SLOW): "A site answers far more slowly than usual",
    ("redesigned", REDESIGNED): "Nearly all pages of a site changed at once",
}


assert set(TITLES) == set(TROUBLES)


@pytest.fixture(scope="module")
def days(served_days: Days) -> Iterator[Days]:
    with sync_playwright() as playwright:
        served_days.browser = launched(playwright)
        yield served_days
        served_days.browser.close()


def check_report(run: RunDetail, log: Log) -> None:
    """What a run reports is what the servers saw."""
    assert {s.site for s in run.report.sites} == set(log)
    for site in run.report.sites:
        requests = log[site.site]
        if not requests:
            assert site.site == DOWN
            assert "cannot be reached" in (site.error or "")
            continue
        crawl = site.crawl
        assert site.error is None
        assert crawl is not None
        (host,) = crawl.hosts
        assert crawl.requests == host.requests == len(requests), site.site
        assert crawl.not_modified == sum(r["status"] == 304 for r in requests), site.site
        gone = [r for r in requests if r["status"] in (404, 410) and not r["path"].startswith(("/robots", "/sitemap"))]
        assert crawl.gone * 2 == len(gone), site.site  # each is asked twice
        assert crawl.finished
        assert crawl.queued == 0


def test_the_reports_say_what_the_servers_saw(days: Days) -> None:
    for run, log in zip(days.runs, days.logs, strict=True):
        check_report(run, log)
    first, again, _, bad = days.runs
    assert [r.state for r in days.runs] == ["done", "done", "done", "failed"]
    assert first.report.total.crawl
    assert first.report.total.crawl.new > 0
    assert first.report.total.crawl.disallowed > 0
    assert again.report.total.crawl
    assert again.report.total.crawl.new == again.report.total.crawl.changed == 0
    redesigned = next(s.crawl for s in bad.report.sites if s.site == REDESIGNED)
    assert redesigned
    assert redesigned.changed > 4 * redesigned.unchanged


def test_every_minute_stands_in_the_ledger(days: Days) -> None:
    timed = [r for r in days.all_runs() if r.cause == "timer"]
    assert timed[0].id == days.runs[0].id
    assert timed[0].state == "done"
    assert [r.cause for r in days.runs[1:]] == ["now"] * 3
    steps = {b.scheduled_for - a.scheduled_for for a, b in itertools.pairwise(timed)}
    assert steps <= {timedelta(minutes=1)}
    assert {r.state for r in timed[1:]} <= {"skipped"}
    assert all(PAUSE in (r.why or "") for r in timed[1:])


def test_the_versions_are_those_of_the_gold(days: Days) -> None:
    first, again, second, bad = days.runs
    assert again.version is None
    versions = days.dataset().versions[::-1]
    assert [v.version for v in versions] == [first.version, second.version, bad.version]
    assert versions[0].rows == len(days.built.live(1))
    assert versions[1].rows == len(days.built.live(2))
    for version, days_between, without in ((versions[1], (1, 2), ()), (versions[2], (2, 3), (DOWN,))):
        wanted = days.built.changes(*days_between)
        assert (version.added, version.changed, version.removed) == tuple(
            sum(site not in without for site, _, _ in wanted[op]) for op in ("added", "changed", "removed")
        )
    for run, version in zip((first, second, bad), versions, strict=True):
        there = rows(days.home, version=version.version)
        assert version.rows == len(there)
        assert run.report.published
        assert run.report.published.rows == len(there)
        for site in run.report.sites:
            assert site.publish
            assert site.publish.rows == sum(r["site"] == site.site for r in there)


def test_each_alarm_is_raised_once(days: Days) -> None:
    found = {(a.kind, a.site): a for a in days.alarms("all")}
    assert set(found) == set(TITLES)
    assert [a.severity for a in days.alarms()] == ["warning", "warning", "info"]
    # it is looked at on and on, and nothing more is told
    until(lambda: all(a.times >= 4 for a in days.alarms()), 60, every=0.2)
    assert {(a.kind, a.site) for a in days.alarms("all")} == set(TITLES)
    assert sorted(days.told(), key=str) == sorted((("opened", *k) for k in TITLES), key=str)
    for alarm in days.alarms():
        assert alarm.title == TITLES[alarm.kind, alarm.site or ""]
        assert alarm.remedy
        assert (alarm.site or "") in alarm.what
        assert alarm.figures["run"] == days.runs[3].id
        assert alarm.told["webhook"].error is None


def test_the_alarms_are_on_their_page_and_the_overview(days: Days) -> None:
    with visit(days) as page:
        page.goto(days.up.url + "/")
        card = page.get_by_role("region", name="Alarms")
        expect(card.locator(".count")).to_have_text("3")
        for (_, site), title in TITLES.items():
            expect(card.locator("li", has_text=title).get_by_role("link", name=site, exact=True)).to_be_visible()
        card.get_by_role("link", name=TITLES["slow", SLOW]).click()
        expect(page.locator("ul.alarms > li")).to_have_count(3)
        for alarm in days.alarms():
            item = page.locator(f"#alarm-{alarm.id}")
            expect(item).to_contain_text(alarm.title)
            expect(item).to_contain_text(alarm.what)
            expect(item).to_contain_text(alarm.remedy.replace("`", ""))
            expect(item.get_by_role("button", name="Mute")).to_be_visible()
        page.locator("ul.alarms").get_by_role("link", name=SLOW, exact=True).click()
        expect(page.locator("h1 .state")).to_have_text("alarm")
        expect(page.get_by_text(next(a.what for a in days.alarms() if a.kind == "slow"))).to_be_visible()


def test_the_sites_show_who_is_down_and_who_is_slow(days: Days) -> None:
    found = {s["name"]: SiteOut.model_validate(s) for s in days.up.get("/api/v1/sites").json}
    assert set(found) == set(days.replicas.urls)
    assert {n: s.health for n, s in found.items()} == dict.fromkeys(found, "well") | {DOWN: "failing", SLOW: "alarm"}
    assert {(a.kind, n) for n, s in found.items() for a in s.alarms} == set(TITLES)
    with visit(days) as page:
        page.goto(days.up.url + "/sites")
        expect(page.locator("tbody tr")).to_have_count(len(found))
        for name, site in found.items():
            row = page.locator("tbody tr", has=page.locator(f'a[href="/sites/{name}"]'))
            expect(row.locator(".state")).to_have_text(site.health)
            expect(row.locator('td[data-label="speeches"]')).to_have_text(str(site.speeches))
        down, slow, redesigned = (
            page.locator("tbody tr", has=page.locator(f'a[href="/sites/{n}"]')) for n in (DOWN, SLOW, REDESIGNED)
        )
        expect(down).to_contain_text("cannot be reached")
        expect(slow).to_contain_text(TITLES["slow", SLOW])
        expect(redesigned).to_contain_text(TITLES["redesigned", REDESIGNED])


def _reported(page: Page, days: Days, run: RunDetail, log: Log) -> None:
    page.goto(f"{days.up.url}/runs/{run.id}")
    expect(page.locator("h1 .state")).to_have_text(run.state)
    table = page.get_by_role("region", name="What each site brought")
    for site in run.report.sites:
        assert site.crawl
        requests = len(log[site.site]) or site.crawl.requests  # those that nobody answered are in no log
        row = table.locator("tr", has=page.locator(f'a[href="/sites/{site.site}"]'))
        expect(row.locator('td[data-label="requests"]')).to_have_text(f"{requests:,}")
        if site.error:
            expect(row).to_contain_text("cannot be reached")


def test_runs_and_versions_are_on_their_pages(days: Days) -> None:
    with visit(days) as page:
        for run, log in zip(days.runs, days.logs, strict=True):
            _reported(page, days, run, log)
        page.goto(days.up.url + "/data")
        for version in days.dataset().versions:
            row = page.locator("tbody tr", has_text=version.version)
            for label in ("speeches", "added", "changed", "removed"):
                figure = version.rows if label == "speeches" else getattr(version, label)
                expect(row.locator(f'td[data-label="{label}"]')).to_have_text(f"{figure:,}")
        page.goto(days.up.url + "/runs")
        for run in days.runs:
            row = page.locator("table.runs tbody tr", has=page.locator(f'td:first-child a[href="/runs/{run.id}"]'))
            expect(row.locator(".state")).to_have_text(run.state)


def test_the_pages_of_a_bad_day_fit_their_window(days: Days) -> None:
    paths = ("/", "/alarms", "/sites", f"/sites/{SLOW}", f"/sites/{DOWN}", "/runs", f"/runs/{days.runs[3].id}")
    with visit(days, viewport={"width": 390, "height": 900}) as page:
        for path in paths:
            page.goto(days.up.url + path)
            check_fits(page)


def test_when_the_sites_are_well_again_the_alarms_end(days: Days) -> None:
    good = days.well()
    bad_again = days.runs[-2]
    assert bad_again.state == "failed"
    check_report(bad_again, days.logs[-2])
    check_report(good, days.logs[-1])
    assert good.state == "done"
    until(lambda: days.alarms() == [], every=0.2)
    assert {(a.kind, a.site) for a in days.alarms("closed")} == set(TITLES)
    assert len(days.alarms("all")) == len(TITLES)
    until(lambda: len(days.told()) >= 2 * len(TITLES), every=0.2)
    wanted = [(what, *k) for what in ("opened", "closed") for k in TITLES]
    assert sorted(days.told(), key=str) == sorted(wanted, key=str)
    latest = days.dataset().versions[0]
    assert latest.version == good.version
    assert latest.rows == len(days.built.live(3))
    wanted_of_down = {op: sum(s == DOWN for s, _, _ in keys) for op, keys in days.built.changes(2, 3).items()}
    assert {op: getattr(latest, op) for op in wanted_of_down} == wanted_of_down
    with visit(days) as page:
        _reported(page, days, good, days.logs[-1])
        page.goto(days.up.url + "/alarms")
        expect(page.get_by_text("No alarm. All is as it should be.")).to_be_visible()
        expect(page.get_by_role("region", name="Over").locator("li")).to_have_count(3)
        page.goto(days.up.url + "/sites")
        # the others brought what day 3 has in the run before: one run that brings nothing makes no site quiet
        expected = ["well"] * len(days.replicas.urls)
        expect(page.locator("tbody .state")).to_have_text(expected)
    assert days.up.end() == 0
    assert "Traceback" not in days.up.log
