"""The browser, and a catalogue of two versions that a server gives out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalogue.build import build
from tests.catalogue.catalogue_made import publish
from tests.catalogue.range_server import range_server


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


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages") / "datasets"
    publish(folder, count=150)
    build(folder)
    return folder


@pytest.fixture(scope="module")
def address(published: Path) -> Iterator[str]:
    with range_server(published, published) as found:
        yield found
