"""A tab of Chromium that looks at the catalogue, and keeps all that the pages ask for and complain of."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

MOST = 20_000  # ms; an upper bound, not a wait
TABS = ("", "/browse", "/pictures", "/versions", "/load", "/columns")


@dataclass
class Tab:
    """A page of the browser, with all that it asked for and complained of."""

    page: Any
    base: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    loads: int = 0

    def go(self, path: str, wait: str = "main h1") -> None:
        """Load a page anew: under another address each time, or only the place in it would change. (With an empty page between them each
        would have a process of its own, which costs as much as the page.)"""
        file, mark, place = path.partition("#")
        self.page.goto(f"{self.base}{file}{f'?{self.loads}' if self.loads else ''}{mark}{place}")
        self.loads += 1
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
