"""What hostile pages cannot do: everything scraped stays text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from publisher.reader import open_dataset
from tests.catalogue.browsing import TABS, tab
from tests.catalogue.catalogue_made import HOSTILE


def test_hostile_pages_stay_text(browser: Any, address: str, published: Path) -> None:
    """Titles with <script> and "><img onerror>, regions, outlines and topics with tags, a javascript: address."""
    rows_there = {r["title"]: r for r in open_dataset(published / "speeches").arrow().to_pylist()}
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
