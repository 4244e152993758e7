"""The browser, and a catalogue of two versions that a server gives out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalogue.build import build
from tests.catalogue.catalogue_made import publish
from tests.catalogue.range_server import range_server
from tests.chromium import opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened() as found:
        yield found


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
