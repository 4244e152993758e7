"""The catalogue from real web servers: the whole way of a visitor, downloads, new versions, servers without Range."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

from catalogue.build import build
from publisher.documents.snippets import SNIPPETS
from publisher.reader import open_dataset
from publisher.release import publish_records
from tests.catalogue.browsing import tab
from tests.catalogue.catalogue_made import DAY, publish, rows
from tests.catalogue.range_server import range_server
from tests.publisher.nginx_server import nginx_server
from tests.publisher.publisher_made import records


def test_somebody_looks_for_a_speech(browser: Any, published: Path, tmp_path: Path) -> None:
    """The whole way, from a plain nginx: dataset, search, facets, speech, source, record, and back."""
    with nginx_server(published, tmp_path / "nginx") as base, tab(browser, f"{base}/") as t:
        t.go("")
        t.page.click(".card h2 a")
        t.page.wait_for_selector(".figures.big")
        table = open_dataset(published / "speeches").arrow().to_pylist()
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
        t.page.wait_for_selector(".facets:not([aria-busy]) [data-facet]")
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
            r for r in open_dataset(published / "speeches").arrow("provenance").to_pylist() if r["speech_id"] == chosen["speech_id"]
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


def test_files_that_are_downloaded_are_whole(browser: Any, address: str, published: Path, tmp_path: Path) -> None:
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
        version = open_dataset(published / "speeches").version
        for i in range(tabs.count()):
            tabs.nth(i).click()
            shown = t.page.inner_text("#snippet code")
            assert not re.search(r"\{(?:url|folder|dataset|version)\}", shown)
            assert version in shown
    if shutil.which("curl") and shutil.which("sha256sum") and shutil.which("sh"):
        done = subprocess.run(["sh", "-ec", code], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "speeches/versions" / version / "manifest.json").is_file()


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


def test_a_server_without_ranges_will_do(browser: Any, published: Path) -> None:
    with range_server(published, published, ranges=False) as base, tab(browser, base) as t:
        t.go("#/speeches/browse", ".browse .entry-title")
        assert len(t.search("讲话")) == 30
        t.page.click(".browse .entry-title")
        t.page.wait_for_selector(".text")
        assert len(t.texts(".text p")) > 3


def test_pages_elsewhere_find_the_data(browser: Any, published: Path, tmp_path: Path) -> None:
    shutil.copytree(published / "speeches", tmp_path / "files/speeches", symlinks=True)
    build(tmp_path / "files", tmp_path / "pages")
    with nginx_server(tmp_path, tmp_path / "nginx") as base, tab(browser, f"{base}/") as t:
        t.go("pages/index.html#/speeches/browse", ".browse .entry-title")
        t.page.click(".browse .entry-title")
        t.page.wait_for_selector(".text")
        assert any("/files/speeches/versions/" in u for u in t.asked)
