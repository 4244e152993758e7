"""A running service for the tests of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crawler.home import Home
from tests.service.server import Up


@pytest.fixture
def ups(request: pytest.FixtureRequest) -> Iterator[Callable[..., Up]]:
    """Start services; all of them end with the test. They are real processes for files that say so (REAL)."""
    real = getattr(request.module, "REAL", False)
    begun: list[Up] = []

    def start(*args: object, **more: object) -> Up:
        begun.append(Up(*args, **{"real": real, **more}))  # type: ignore[arg-type]
        return begun[-1]

    yield start
    for up in begun:
        up.close()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A service on an empty home, shared by the tests of a file."""
    home = Home.find(tmp_path_factory.mktemp("quiet") / "home")
    home.root.mkdir(parents=True)
    up = Up(home)
    try:
        yield up.ready()
    finally:
        up.close()


@pytest.fixture
def bare(tmp_path: Path) -> Home:
    """A home without anything."""
    home = Home.find(tmp_path / "home")
    home.root.mkdir()
    return home
