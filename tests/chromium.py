"""The browser that the tests look at pages with, wherever it is on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

FOUND = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
NEEDED = pytest.mark.skipif(FOUND is None, reason="no Chromium on this machine (Debian: apt-get install chromium)")


def launched(playwright: Any) -> Any:
    """A browser of playwright's."""
    return playwright.chromium.launch(executable_path=FOUND, args=["--no-sandbox"])


@contextmanager
def opened() -> Iterator[Any]:
    """A browser, closed in the end; where there is none the test is skipped."""
    if FOUND is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()
