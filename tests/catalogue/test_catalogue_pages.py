"""The catalogue in a real browser, from a real web server: what people do with it, what hostile pages cannot do, what is loaded."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from catalogue.build import build
from catalogue.terms import fold
from publisher.documents.snippets import SNIPPETS
from publisher.reader import open_dataset
from publisher.release import publish_records
from tests.catalogue.catalogue_made import DAY, HOSTILE, publish, rows
from tests.catalogue.range_server import range_server
from tests.publisher.nginx_server import nginx_server
from tests.publisher.publisher_made import records

MOST = 20_000  # ms; an upper bound, not a wait


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages") / "datasets"
    publish(folder, count=150)
    build(folder)
    return folder


@pytest.fixture(scope="module")
def address(datasets: Path) -> Iterator[str]:
    with range_server(datasets, datasets) as found:
        yield found


@dataclass
class Tab:
    """A page of the browser, with all that it asked for and complained of."""

    page: Any
    base: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str, wait: str = "main h1") -> None:
        self.page.goto("about:blank")
        self.page.goto(self.base + path)
        self.page.wait_for_selector(wait)

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.page.locator(selector).all_inner_texts()
        return found

    def until(self, script: str) -> None:
        """Wait until a script gives something true. (wait_for_function would have the page evaluate text, which its policy forbids.)"""
        end = time.monotonic() + MOST / 1000
        while not self.page.evaluate(script):
            assert time.monotonic() < end, script
            self.page.wait_for_timeout(20)

    def search(self, words: str) -> list[str]:
        """Type into the search field; gives the titles found."""
        self.page.fill("#q", words)
        self.page.wait_for_selector(f'.browse[data-asked="{words}"] .entries:not([aria-busy])')
        return self.texts(".entry-title")


@contextmanager
def tab(browser: Any, base: str, width: int = 1280, **options: Any) -> Iterator[Tab]:
    """A new page; at its end nothing foreign was asked for, and nothing complained."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **({"locale": "en-GB"} | options))
    context.set_default_timeout(MOST)
    page = context.new_page()
    found = Tab(page, base)
    page.on("request", lambda r: found.asked.append(r.url))
    page.on("console", lambda m: found.complaints.append(f"{m.type}: {m.text}"))
    page.on("pageerror", lambda e: found.complaints.append(f"error: {e}"))
    try:
        yield found
        assert [u for u in found.asked if not u.startswith(base)] == []
        assert found.complaints == []
        assert page.evaluate("window.broken") is None
    finally:
        context.close()


TABS = ("", "/browse", "/pictures", "/versions", "/load", "/columns")


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_every_page_shows_itself_on_any_screen(browser: Any, address: str, width: int, scheme: str) -> None:
    with tab(browser, address, width, color_scheme=scheme, locale="zh-CN") as t:
        for path in ("", *(f"#/speeches{p}" for p in TABS)):
            t.go(path)
            assert t.page.evaluate("document.scrollingElement.scrollWidth") <= width, path
            ink, paper = t.page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
            light = [sum(map(int, re.findall(r"\d+", c)[:3])) for c in (ink, paper)]
            assert (light[0] < light[1]) == (scheme == "light")
            assert t.page.get_attribute("html", "lang") == "zh-Hans"
        t.go("#/speeches/browse?preview=only", ".browse .entry-title")
        t.page.click(".browse .entry-title")
        t.page.wait_for_selector(".text")
        assert t.page.evaluate("document.scrollingElement.scrollWidth") <= width
        assert "仅有这篇讲话的开头" in t.page.inner_text(".preview")
        assert "2,400" in t.page.inner_text(".preview")


def test_somebody_looks_for_a_speech(browser: Any, datasets: Path, tmp_path: Path) -> None:
    """The whole way, from a plain nginx: dataset, search, facets, speech, source, record, and back."""
    with nginx_server(datasets, tmp_path / "nginx") as base, tab(browser, f"{base}/") as t:
        t.go("")
        t.page.click(".card h2 a")
        t.page.wait_for_selector(".figures.big")
        table = open_dataset(datasets / "speeches").arrow().to_pylist()
        assert t.page.locator(".figures.big dd").first.get_attribute("title") == str(len(table))
        t.page.fill("#q", "防汛抗旱")
        t.page.press("#q", "Enter")
        t.page.wait_for_selector(".browse .entry-title")
        wanted = sorted(
            (r for r in table if "防汛抗旱" in r["title"]),
            key=lambda r: (r["published_at"], r["speech_id"]),
            reverse=True,
        )
        assert t.texts(".entry-title") == [r["title"] for r in wanted[:30]]
        assert t.texts(".entry mark")[:1] == ["防汛抗旱"]
        kind = t.page.locator('[data-facet="kind"] li', has_text="党课").first
        number = int(kind.locator(".n").inner_text())
        assert number == sum(r["doc_type"] == "党课" for r in wanted)
        kind.locator("input").check()
        t.until(f"document.querySelectorAll('.entry').length === {number}")
        assert "kind=%E5%85%9A%E8%AF%BE" in t.page.url
        chosen = next(r for r in wanted if r["doc_type"] == "党课")
        t.page.reload()
        t.page.wait_for_selector(".browse .entry-title")
        assert t.page.locator(".entry").count() == number
        t.page.click(".entry-title")
        t.page.wait_for_selector(".text")
        assert "\n".join(t.page.locator(".text p").evaluate_all("e => e.map(p => p.textContent)")) == chosen["text"]
        assert t.page.url.endswith(f"#/speeches/speech/{quote(chosen['speech_id'], safe='')}")
        assert t.texts(".outline .marker") == [o["marker"] for o in chosen["outline"]]
        t.page.locator(".outline a").nth(1).click()
        assert t.page.evaluate("document.activeElement.id") == f"p{chosen['outline'][1]['paragraph']}"
        link = t.page.locator("#source a.address").first
        assert link.get_attribute("href") == chosen["page_url"]
        assert set((link.get_attribute("rel") or "").split()) == {"noopener", "noreferrer", "nofollow"}
        t.page.locator("#source details summary").click()
        t.page.wait_for_selector(".record")
        (origin,) = (
            r for r in open_dataset(datasets / "speeches").arrow("provenance").to_pylist() if r["speech_id"] == chosen["speech_id"]
        )  # fmt: skip
        shown = t.page.inner_text(".record")
        for value in (
            origin["warc_file"],
            origin["html_sha256"],
            origin["url"],
            f"{origin['fetched_at']:%Y-%m-%d %H:%M}",
        ):
            assert value in shown
        t.page.go_back()
        t.page.wait_for_selector(".browse .entry-title")
        assert t.page.input_value("#q") == "防汛抗旱"


@pytest.mark.parametrize(
    "words", ["讲话", "会 讲", "議", "2013年", "党风廉政建设会议上", "没有这样的题目", "script", "(", "🙂"]
)
def test_search_finds_what_a_title_has(browser: Any, address: str, datasets: Path, words: str) -> None:
    table = open_dataset(datasets / "speeches").arrow(columns=["title"]).to_pylist()
    wanted = [r["title"] for r in table if all(fold(w) in fold(r["title"]) for w in words.split())]
    with tab(browser, address) as t:
        t.go("#/speeches/browse")
        found = t.search(words)
        assert len(found) == min(30, len(wanted))
        clean = {re.sub("[\u202a-\u202e]", "", w) for w in wanted}
        assert set(found) <= clean
        if not wanted:
            assert t.texts(".none strong") == ["Nothing was found"]
        while t.page.locator(".more").is_visible():
            before = t.page.locator(".entry").count()
            t.page.click(".more")
            t.until(f"document.querySelectorAll('.entry').length > {before} || document.querySelector('.more').hidden")  # fmt: skip
        assert sorted(t.texts(".entry-title")) == sorted(re.sub("[\u202a-\u202e]", "", w) for w in wanted)
        assert t.page.inner_text(".count").split()[0] == str(len(wanted))


def test_ids_and_addresses_are_found(browser: Any, address: str, datasets: Path) -> None:
    row = open_dataset(datasets / "speeches").arrow(columns=["speech_id", "page_url", "title"]).to_pylist()[40]
    with tab(browser, address) as t:
        t.go("#/speeches/browse")
        for asked in (
            row["speech_id"],
            row["speech_id"].split(":")[1],
            row["page_url"],
            row["page_url"].removeprefix("http://") + "/",
        ):
            assert t.search(asked) == [row["title"]], asked
        assert t.search("0" * 20) == []
        assert t.search("http://nowhere.example/x") == []


def test_facets_and_choices_agree_with_the_table(browser: Any, address: str, datasets: Path) -> None:
    version = open_dataset(datasets / "speeches")
    table = version.arrow().to_pylist()
    copies = {r["speech_id"]: r["is_representative"] for r in version.arrow("duplicates").to_pylist()}
    cases = {
        "preview=only": lambda r: r["is_preview"],
        "preview=none": lambda r: not r["is_preview"],
        "copies=only": lambda r: r["speech_id"] in copies,
        "copies=one": lambda r: copies.get(r["speech_id"], True),
        "site=wenmi&level=县": lambda r: r["site"] == "wenmi" and r["admin_level"] == "县",
        "topic=教育&topic=防汛抗旱": lambda r: bool({"教育", "防汛抗旱"} & set(r["topics"])),
        "year=2020&year=2021": lambda r: r["published_at"].year in (2020, 2021),
        "region=青河县&q=讲话": lambda r: r["region"] == "青河县" and "讲话" in r["title"],
    }
    with tab(browser, address) as t:
        for query, wanted in cases.items():
            t.go(f"#/speeches/browse?{query}", ".count")
            assert t.page.inner_text(".count").split()[0] == str(sum(map(wanted, table))), query
        t.go("#/speeches/browse?site=wenmi&level=县", ".count")
        shown = dict(zip(t.texts('[data-facet="level"] .name'), t.texts('[data-facet="level"] .n'), strict=True))
        assert shown == {v: str(n) for v in {r["admin_level"] for r in table if r["site"] == "wenmi"} if (n := sum(r["admin_level"] == v and r["site"] == "wenmi" for r in table))}  # fmt: skip
        t.page.click(".chip >> nth=0")
        t.until("!location.hash.includes('site=')")
        t.until(f"document.querySelector('.count').textContent.split(' ')[0] === '{sum(r['admin_level'] == '县' for r in table)}'")  # fmt: skip


def test_copies_stand_side_by_side(browser: Any, address: str, datasets: Path) -> None:
    texts = {
        r["speech_id"]: r["text"]
        for r in open_dataset(datasets / "speeches").arrow(columns=["speech_id", "text"]).to_pylist()
    }
    with tab(browser, address) as t:
        t.go("#/speeches/browse?copies=only&preview=none", ".browse .entry-title")
        t.page.click(".browse .entry-title")
        t.page.wait_for_selector("#copies p a.button")
        assert "alike" in t.page.inner_text("#copies thead") or t.page.locator("#copies tbody tr").count() >= 2
        t.page.click("#copies p a.button")
        t.page.wait_for_selector(".sides")
        ids = [p.replace("%3A", ":") for p in t.page.url.split("/compare/")[1].split("/")]
        for side, speech_id in zip("ab", ids, strict=True):
            shown = t.page.locator(f'.pair:not(.heads) .cell[data-side="{side}"]:not(.empty)').evaluate_all("e => e.map(p => p.textContent)")  # fmt: skip
            assert "\n".join(shown) == texts[speech_id]
        assert texts[ids[0]] != texts[ids[1]]
        assert t.page.locator("del, ins").count() > 0
        # what is marked is really only there
        for mark, other in (("del", ids[1]), ("ins", ids[0])):
            assert all(m not in texts[other] for m in t.texts(mark) if len(m) > 8)


def test_hostile_pages_stay_text(browser: Any, address: str, datasets: Path) -> None:
    """Titles with <script> and "><img onerror>, regions, outlines and topics with tags, a javascript: address."""
    rows_there = {r["title"]: r for r in open_dataset(datasets / "speeches").arrow().to_pylist()}
    with tab(browser, address) as t:
        for title in HOSTILE:
            row = rows_there[title]
            shown = re.sub("[\u202a-\u202e]", "", title)
            t.go(f"#/speeches/browse?q={row['speech_id']}", ".browse .entry-title")
            assert t.texts(".entry-title") == [shown]
            t.page.click(".browse .entry-title")
            t.page.wait_for_selector(".text")
            assert t.page.inner_text(".masthead h1") == shown
            assert t.texts(".text p")[1] == "<b>正文</b>"
            assert "<u>书记</u>" in t.page.inner_text(".byline")
            assert (
                t.page.locator(
                    "main script, main img, main iframe, main svg, main b, main u, main i, main form"
                ).count()
                == 0
            )
            for href in t.page.locator("a[href]").evaluate_all("e => e.map(a => a.getAttribute('href'))"):
                assert re.match(r"#/|catalogue/|https?://|#main", href), href
            if row["page_url"].startswith("javascript"):
                assert t.page.locator("#source a.address").count() == 0
                assert "javascript://" in t.page.inner_text("#source span.address")
        for path in TABS:
            t.go(f"#/speeches{path}")
            assert t.page.locator("main script, main img, main iframe").count() == 0
        for path in ("#/speeches/speech/..%2f..%2fx", "#/speeches/speech/<script>", "#/..%2f..", "#/<img src=x onerror=window.broken=1>", "#/speeches/nothing", "#/%ff", "#/speeches/compare/x/y", "#/__proto__", "#/speeches/constructor"):  # fmt: skip
            t.go(path, ".trouble")


def test_the_keyboard_is_enough(browser: Any, address: str) -> None:
    with tab(browser, address) as t:
        t.go("#/speeches/browse", ".browse .entry-title")
        t.page.keyboard.press("Tab")
        assert t.page.evaluate("document.activeElement.className") == "skip"
        t.page.keyboard.press("Enter")
        assert t.page.evaluate("document.activeElement.id") == "main"
        t.page.keyboard.press("/")
        assert t.page.evaluate("document.activeElement.id") == "q"
        outline = t.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        t.page.keyboard.press("ArrowDown")
        t.page.keyboard.press("ArrowDown")
        titles = t.texts(".entry-title")
        assert t.page.evaluate("document.activeElement.textContent") == titles[1]
        t.page.keyboard.press("ArrowUp")
        t.page.keyboard.press("End")
        assert t.page.evaluate("document.activeElement.textContent") == titles[-1]
        t.page.keyboard.press("Home")
        t.page.keyboard.press("Enter")
        t.page.wait_for_selector(".text")
        assert t.page.inner_text(".masthead h1") == titles[0]
        assert t.page.evaluate("document.activeElement.tagName") == "H1"
        unnamed = t.page.evaluate("[...document.querySelectorAll('input, select, button, a')].filter(e => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).length")  # fmt: skip
        assert unnamed == 0


def test_the_language_is_remembered(browser: Any, address: str) -> None:
    with tab(browser, address) as t:
        t.go("#/speeches")
        assert t.page.get_attribute("html", "lang") == "en"
        assert "Quality" in t.page.inner_text("main")
        t.page.click(".lang")
        t.until("document.documentElement.lang === 'zh-Hans'")
        t.page.wait_for_selector("#quality h2:has-text('质量')")
        t.page.reload()
        t.page.wait_for_selector("#quality h2:has-text('质量')")
        assert t.page.inner_text(".lang") == "English"


def test_files_that_are_downloaded_are_whole(browser: Any, address: str, datasets: Path, tmp_path: Path) -> None:
    with tab(browser, address) as t:
        t.go("#/speeches/load")
        digests = dict(
            t.page.locator("#files tbody tr").evaluate_all(
                "rows => rows.map(r => [r.cells[0].textContent, r.cells[2].textContent])"
            )
        )
        assert {"README.md", "manifest.json", "SHA256SUMS", "croissant.json"} <= set(digests)
        for name in ("manifest.json", "preview.parquet"):
            with t.page.expect_download() as waiting:
                t.page.locator("a", has_text=name).last.click() if name != "preview.parquet" else t.page.click("a[download='preview.parquet'] >> nth=0")  # fmt: skip
            waiting.value.save_as(tmp_path / name)
        assert hashlib.sha256((tmp_path / "manifest.json").read_bytes()).hexdigest() == digests["manifest.json"]
        t.page.click("#parts summary >> nth=0")
        t.page.wait_for_selector("#parts table")
        code = t.page.inner_text("#curl code")
        tabs = t.page.locator("#snippets [role=tab]")
        assert tabs.count() == len(SNIPPETS)
        tabs.first.focus()
        t.page.keyboard.press("ArrowRight")
        assert t.texts("#snippets [aria-selected=true]") == [SNIPPETS[1].tool]
        version = open_dataset(datasets / "speeches").version
        for i in range(tabs.count()):
            tabs.nth(i).click()
            shown = t.page.inner_text("#snippet code")
            assert not re.search(r"\{(?:url|folder|dataset|version)\}", shown)
            assert version in shown
    if shutil.which("curl") and shutil.which("sha256sum") and shutil.which("sh"):
        done = subprocess.run(["sh", "-ec", code], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "speeches/versions" / version / "manifest.json").is_file()


def test_versions_tell_what_changed(browser: Any, address: str) -> None:
    with tab(browser, address) as t:
        t.go("#/speeches/versions")
        assert t.page.locator(".version").count() == 2
        assert t.page.locator(".version[open]").count() == 1
        text = t.page.inner_text(".version[open]")
        assert "Added" in text
        assert "（修订）" in text
        t.page.wait_for_selector("#growth canvas")
        t.page.click("#growth summary")
        t.page.wait_for_selector("#growth table tbody tr >> nth=1")
        t.page.locator(".version[open] .op a").first.click()
        t.page.wait_for_selector(".text")


def test_pictures_lead_to_speeches(browser: Any, address: str) -> None:
    with tab(browser, address) as t:
        t.go("#/speeches/pictures")
        t.page.wait_for_selector("canvas >> nth=1")
        for canvas in t.page.locator("canvas").all():
            drawn = canvas.evaluate("c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size")
            assert drawn > 10
        t.page.click("figure details summary >> nth=0")
        t.page.wait_for_selector("figure table tbody tr >> nth=2")
        bar = t.page.locator(".bars a").first
        number = bar.locator(".n").inner_text()
        bar.click()
        t.page.wait_for_selector(".browse .entry-title")
        assert t.page.inner_text(".count").split()[0] == number


def test_a_page_that_was_open_while_a_new_version_came_goes_on(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "datasets"
    publish(folder, count=60, versions=1, hostile=False)
    build(folder)
    with range_server(folder, folder) as base, tab(browser, base) as t:
        t.go("#/speeches/browse", ".browse .entry-title")
        publish_records(folder / "speeches", records(rows(64)), now=DAY.replace(day=24))
        build(folder)
        t.page.fill("#q", "讲话")
        t.page.wait_for_selector(".notice")
        assert "newer version" in t.page.inner_text(".notice")
        wanted = sum("讲话" in r["title"] for r in rows(64))
        assert t.page.inner_text(".count").split()[0] == str(wanted)
        # the browser itself tells of each file that was not there
        t.complaints = [c for c in t.complaints if "404" not in c]


def test_a_server_without_ranges_will_do(browser: Any, datasets: Path) -> None:
    with range_server(datasets, datasets, ranges=False) as base, tab(browser, base) as t:
        t.go("#/speeches/browse", ".browse .entry-title")
        assert len(t.search("讲话")) == 30
        t.page.click(".browse .entry-title")
        t.page.wait_for_selector(".text")
        assert len(t.texts(".text p")) > 3


def test_pages_elsewhere_find_the_data(browser: Any, datasets: Path, tmp_path: Path) -> None:
    shutil.copytree(datasets / "speeches", tmp_path / "files/speeches", symlinks=True)
    build(tmp_path / "files", tmp_path / "pages")
    with nginx_server(tmp_path, tmp_path / "nginx") as base, tab(browser, f"{base}/") as t:
        t.go("pages/index.html#/speeches/browse", ".browse .entry-title")
        t.page.click(".browse .entry-title")
        t.page.wait_for_selector(".text")
        assert any("/files/speeches/versions/" in u for u in t.asked)


def test_print_leaves_the_text_alone(browser: Any, address: str) -> None:
    with tab(browser, address, color_scheme="dark") as t:
        t.go("#/speeches/browse", ".browse .entry-title")
        t.page.click(".browse .entry-title")
        t.page.wait_for_selector(".text")
        t.page.emulate_media(media="print")
        assert not t.page.locator(".top").is_visible()
        assert not t.page.locator("button").first.is_visible()
        assert t.page.locator(".text").is_visible()
        assert t.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
