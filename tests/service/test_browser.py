"""Chromium on the real service, with a dataset that it crawled and published itself from two sample sites.

One visit after the other on one home: an operator pauses and runs a schedule and confirms a version that waits; then a reader
finds the dataset, reads its changes, searches, opens a speech, sees its source, downloads the snapshot and verifies it. In all of
them no request leaves the service, and the console stays silent.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from crawler.home import Home
from crawler.sample import install_site_files
from crawler.sample.build import Sample, build
from crawler.sample.model import Answer
from crawler.sample.server import SampleServer
from publisher.reader import open_dataset
from publisher.versions import version_names
from tests.chain import argv, ran
from tests.children import environment
from tests.chromium import NEEDED, launched
from tests.schedules.house import until
from tests.service.browser import PATIENCE, check_fits, visit
from tests.service.server import Up

SITES = ("muduo", "tanxi")
HOSTILE = '在<script>alert(1)</script>"><img src=x onerror=alert(2)>校园安全工作会议上的讲话'

pytestmark = NEEDED


@dataclass
class World:
    """The sample sites, a home that has crawled and published them once, and the service on it."""

    sample: Sample
    sites: SampleServer
    home: Home
    up: Up
    browser: Any
    done: dict[str, Any] = field(default_factory=dict)


def hostile_page(server: SampleServer, sample: Sample) -> None:
    """Give one speech of muduo a title that would be markup if anybody let it."""
    speech = next(s for s in sample.speeches(1) if s["site"] == "muduo" and s["kind"] == "speech" and s["parts"] == 1)
    page = sample.pages("muduo", 1)[speech["path"]]
    body = (
        page.body.decode()
        .replace(speech["title_raw"], html.escape(HOSTILE))
        .replace(speech["title"], html.escape(HOSTILE))
    )
    server.replace("muduo", speech["path"], Answer(200, body.encode(), page.content_type))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = Home.find(tmp_path_factory.mktemp("world") / "home")
    install_site_files(home)
    sample = build(articles=10, chars=400)
    with SampleServer(sample) as sites, sync_playwright() as playwright:
        hostile_page(sites, sample)
        at = {s: sites.urls[s] for s in SITES}
        where = [x for s, url in at.items() for x in ("--at", f"{s}={url}")]
        words = ("run", *SITES, "--delay", "0", "--json", "--home", str(home.root), *where)
        done = ran(argv(*words), env=environment())
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["version"]
        home.own_schedules.mkdir()
        facts = {"name": "yearly", "title": "Once a year <b>", "cron": "0 0 1 1 *", "sites": list(SITES),
                 "crawl": {"refetch": "all", "delay": 0, "at": at}, "publish": {"warnings": "wait"}}  # fmt: skip
        (home.own_schedules / "yearly.yaml").write_text(json.dumps(facts))
        up = Up(home)
        browser = launched(playwright)
        try:
            yield World(sample, sites, home, up.ready(), browser)
        finally:
            browser.close()
            up.close()


def test_an_operator_pauses_and_resumes_a_schedule(world: World) -> None:
    with visit(world) as page:
        page.goto(world.up.url + "/")
        page.get_by_role("link", name="Schedules").first.click()
        page.get_by_role("link", name="yearly").click()
        expect(page.get_by_text("Once a year <b>")).to_be_visible()  # as text
        page.get_by_text("Pause…").click()
        page.get_by_label("Reason").first.fill('a look at <i>"it"')
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("status")).to_have_text("The schedule is paused.")
        expect(page.locator("h1 .state")).to_have_text("paused")
        expect(page.get_by_text('a look at <i>"it"')).to_be_visible()
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("status")).to_have_text("The schedule goes on.")
        expect(page.locator("h1 .state")).to_have_count(0)


def test_an_operator_runs_a_schedule_and_confirms_what_waits(world: World) -> None:
    world.sites.set_day(2)
    # more go than come: as many new ones would speak for new addresses
    there, then = (
        {x["path"] for x in world.sample.speeches(d) if x["site"] == "tanxi" and x["parts"] == 1} for d in (1, 2)
    )
    for path in sorted(there & then)[:4]:
        world.sites.replace("tanxi", path, Answer(404, b"", "text/html"))
    before = open_dataset(world.home.datasets / "speeches").version
    with visit(world) as page:
        page.goto(world.up.url + "/schedules/yearly")
        page.get_by_role("button", name="Run now").click()
        expect(page.get_by_role("status")).to_have_text("The run is in the queue and begins at once.")
        run = page.url.split("?")[0]
        expect(page.locator("h1 .state")).to_have_text("waiting", timeout=4 * PATIENCE)  # the page follows it by itself
        assert open_dataset(world.home.datasets / "speeches").version == before
        page.goto(run)
        expect(page.locator("#gates")).to_be_visible()
        page.get_by_text("Confirm the warnings and publish…").click()
        page.get_by_role("button", name="Confirm the warnings and publish").click()  # without a reason
        assert page.url == run
        page.get_by_label("Reason", exact=True).fill("the sites have let them go <ok>")
        page.get_by_role("button", name="Confirm the warnings and publish").click()
        expect(page.get_by_role("status")).to_have_text("Confirmed; a run publishes the version now.")
        expect(page.locator("h1 .state")).to_have_text("done", timeout=2 * PATIENCE)
        page.goto(run)
        expect(page.locator("h1 .state")).to_have_text("done")
        expect(page.get_by_text("the sites have let them go <ok>").first).to_be_visible()
    found = open_dataset(world.home.datasets / "speeches")
    assert found.version != before
    assert found.manifest.confirmed == "the sites have let them go <ok>"
    until(lambda: _catalogue(world).get("version") == found.version)


def second_version(world: World) -> None:
    """Make sure that there are two, also when a test runs alone: as the operator does it, by the API."""
    if len(version_names(world.home.datasets / "speeches")) == 1:
        world.sites.set_day(2)
        (run,) = world.up.post("/api/v1/schedules/yearly/run").json["runs"]
        until(lambda: world.up.get(f"/api/v1/runs/{run}").json["state"] == "waiting", 240)
        (answer,) = world.up.post(f"/api/v1/runs/{run}/confirm", {"reason": "seen"}).json["runs"]
        until(lambda: world.up.get(f"/api/v1/runs/{answer}").json["state"] == "done", 120)
    latest = open_dataset(world.home.datasets / "speeches").version
    until(lambda: _catalogue(world).get("version") == latest)


def _catalogue(world: World) -> dict[str, Any]:
    answer = world.up.get("/catalogue/catalogue/catalogue.json")
    return next(iter(answer.json["datasets"]), {}) if answer.status == 200 else {}


def test_a_reader_finds_a_speech_its_source_and_the_changes(world: World) -> None:
    second_version(world)
    table = open_dataset(world.home.datasets / "speeches").arrow().to_pylist()
    wanted = next(r for r in table if r["site"] == "tanxi" and r["parts"] == 1 and not r["is_preview"])
    with visit(world) as page:
        page.goto(world.up.url + "/data")
        page.get_by_role("link", name="Open the catalogue").click()
        page.click(".card h2 a")
        page.wait_for_selector(".figures.big")
        page.fill("#q", wanted["title"])
        page.press("#q", "Enter")
        page.click(".browse .entry-title")
        page.wait_for_selector(".text")
        assert "\n".join(page.locator(".text p").evaluate_all("e => e.map(p => p.textContent)")) == wanted["text"]
        link = page.locator("#source a.address").first
        assert link.get_attribute("href") == wanted["page_url"]
        assert {"noopener", "noreferrer", "nofollow"} <= set((link.get_attribute("rel") or "").split())
        page.goto(f"{world.up.url}/catalogue/#/speeches/versions")
        page.wait_for_selector(".version[open]")
        assert "Added" in page.inner_text(".version[open]")
        assert "Removed" in page.inner_text(".version[open]")


def test_a_reader_downloads_the_snapshot_and_verifies_it(world: World, tmp_path: Path) -> None:
    until(lambda: _catalogue(world))
    with visit(world, accept_downloads=True) as page:
        page.goto(f"{world.up.url}/catalogue/#/speeches/load")
        page.wait_for_selector("#files tbody tr")
        with page.expect_download() as waiting:
            page.locator("#files a", has_text="manifest.json").last.click()
        waiting.value.save_as(tmp_path / "manifest.json")
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    version = manifest["version"]
    sums = world.up.get(f"/datasets/speeches/versions/{version}/SHA256SUMS").text
    snapshot = tmp_path / "speeches"
    for line in sums.splitlines():
        digest, name = line.split(maxsplit=1)
        body = world.up.get(f"/datasets/speeches/versions/{version}/{name.lstrip('*')}").body
        assert hashlib.sha256(body).hexdigest() == digest, name
    words = ("download", f"{world.up.url}/datasets/speeches", "--to", str(snapshot), "--json")
    done = ran(argv(*words), env=environment())
    assert done.returncode == 0, done.stderr
    folder = snapshot / "versions" / version
    listed = dict(reversed(line.split(maxsplit=1)) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert len(listed) > 10
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name.lstrip("*")).read_bytes()).hexdigest() == digest, name
    assert open_dataset(snapshot).arrow().equals(open_dataset(world.home.datasets / "speeches").arrow())


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_hostile_text_is_text_on_every_page(world: World, language: str) -> None:
    hostile_run = _hostile_run(world)
    until(lambda: _catalogue(world))
    titles = [r["title"] for r in open_dataset(world.home.datasets / "speeches").arrow().to_pylist()]
    assert any("<script>" in t for t in titles)
    pages = [
        "/",
        "/runs",
        f"/runs/{hostile_run}",
        "/sites",
        "/sites/muduo",
        "/schedules",
        "/schedules/yearly",
        "/alarms",
        "/queue",
        "/data",
    ]
    with visit(world, locale=language) as page:
        for path in pages:
            page.goto(world.up.url + path)
            assert page.locator("main script, main img, main iframe, main b:has(script)").count() == 0, path
            for href in page.locator("a[href]").evaluate_all("e => e.map(a => a.getAttribute('href'))"):
                assert re.match(r"/|\?|#|https?://", href), (path, href)
        page.goto(f"{world.up.url}/runs/{hostile_run}")
        expect(page.get_by_text("<script>alert(3)</script>").first).to_be_visible()
        assert '"><img src=x onerror=alert(4)>' in (page.locator("pre.log").first.text_content() or "")
        page.goto(f"{world.up.url}/catalogue/#/speeches/browse?q=alert")
        page.wait_for_selector(".entry-title")
        assert any("<script>" in t for t in page.locator(".entry-title").all_inner_texts())
        page.locator(".entry-title", has_text="script").first.click()
        page.wait_for_selector(".text")
        assert page.locator("main script, main img").count() == 0


def _hostile_run(world: World) -> int:
    """A run whose every text that comes from outside is markup."""
    from schedules.ledger import Ledger

    if "hostile" not in world.done:
        ledger = Ledger(f"sqlite:///{world.home.ledger}")
        plan = {"sites": ["muduo"], "steps": ["crawl"], "broken": {"muduo": "<script>alert(3)</script>"}}
        run = ledger.add_manual("somebody", plan, ["muduo"], _long())
        why = '<script>alert(3)</script> javascript:alert(1) "><img src=x onerror=alert(3)>'
        counts = {"crawl": {"ok": False, "why": why, "seconds": 1.0, "waiting": False, "report": {"sites": [
            {"site": "muduo", "error": why, "requests": 1, "bytes": 2, "new": 0, "reasons": {why: 1}}]}}}  # fmt: skip
        ledger.beat(run.id, "somebody", step="crawl", counts=counts)
        ledger.finish(run.id, "somebody", "failed", why)
        folder = world.home.logs / str(run.id)
        folder.mkdir(parents=True)
        (folder / "crawl.log").write_text(
            '\x1b[31m"><img src=x onerror=alert(4)>\x1b[0m </pre><script>alert(4)</script>\n'
        )
        ledger.close()
        world.done["hostile"] = run.id
    return int(world.done["hostile"])


def _long() -> Any:
    from datetime import timedelta

    return timedelta(minutes=5)


def test_every_page_fits_its_window(world: World) -> None:
    with visit(world, viewport={"width": 390, "height": 900}) as page:
        for path in (
            "/",
            "/runs",
            "/runs/1",
            "/sites",
            "/sites/muduo",
            "/schedules",
            "/schedules/yearly",
            "/alarms",
            "/queue",
            "/data",
        ):
            page.goto(world.up.url + path)
            check_fits(page)
            assert page.locator("h1").count() == 1, path


def test_pages_work_without_script_and_by_keyboard(world: World) -> None:
    with visit(world, java_script_enabled=False) as page:
        page.goto(world.up.url + "/")
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the content")).to_be_focused()
        page.goto(world.up.url + "/schedules/yearly")
        page.locator("summary", has_text="Pause").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type("by keyboard")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("h1 .state")).to_have_text("paused")
        page.get_by_role("button", name="Resume").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("The schedule goes on.")
        page.get_by_role("link", name="中文").click()
        expect(page.get_by_role("link", name="概览")).to_be_visible()
        page.goto(world.up.url + "/runs")
        expect(page.get_by_role("heading", name="运行").first).to_be_visible()  # the language stays
