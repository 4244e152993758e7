"""The browser that the tests look at pages with, wherever it is on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

# The first is the same browser without windows and what is in them, which takes a quarter less CPU time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FOUND = next((p for n in NAMES if (p := shutil.which(n))), None)
NEEDED = pytest.mark.skipif(FOUND is None, reason="no Chromium on this machine (Debian: apt-get install chromium)")


# The list under its address bar, two pages of the browser's own for each window: more than half of what it takes to open one.
ADDRESS_BAR = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup")
# What playwright switches off by itself. Of two lists the browser knows the later one alone.
OFF = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable", "LensOverlay",
    "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints",
    "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch",
)  # fmt: skip


def launched(playwright: Any) -> Any:
    """A browser of playwright's."""
    off = f"--disable-features={','.join([*OFF, *ADDRESS_BAR])}"
    return playwright.chromium.launch(executable_path=FOUND, args=["--no-sandbox", off])


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
