"""Chromium for the tests of the pages: what it is shown must come from the service alone, and nothing may complain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from playwright.sync_api import Page

from tests.service.server import Up

PATIENCE = 60_000  # ms: the machine may be busy


class Seen(Protocol):
    """A service, and a browser to look at it."""

    up: Up
    browser: Any


@contextmanager
def visit(world: Seen, **options: Any) -> Iterator[Page]:
    """A page in a browser of its own; at its end nothing foreign was asked for, nothing complained, and no dialog came up."""
    context = world.browser.new_context(**({"locale": "en-GB", "viewport": {"width": 1280, "height": 900}} | options))
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.on("console", lambda m: complaints.append(f"{m.type}: {m.text}"))
    page.on("pageerror", lambda e: complaints.append(f"error: {e}"))

    def dialog(d: Any) -> None:
        complaints.append(f"dialog: {d.message}")
        d.dismiss()

    page.on("dialog", dialog)
    page.set_default_timeout(PATIENCE)
    try:
        yield page
        assert asked
        assert [u for u in asked if not u.startswith(world.up.url + "/")] == []
        assert complaints == []
    finally:
        context.close()


def check_fits(page: Page) -> None:
    """Nothing of a page stands out of its window, on a telephone and on a desk, in the light and in the dark; it ends as it began."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, width, scheme)
