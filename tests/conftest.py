"""What many tests share: the built sample, its servers on free ports, a home of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from crawler.home import Home
from crawler.sample import install_site_files
from crawler.sample.build import Sample, build, write
from crawler.sample.server import SampleServer
from tests.docsites import built_docsites as built_docsites
from tests.docsites import docsites as docsites

settings.register_profile("jianghua", deadline=None)  # no test is about time, and machines are busy
settings.load_profile("jianghua")


@pytest.fixture(scope="session")
def sample() -> Sample:
    """The sample in its usual size. Read only: it is shared by all tests of the session."""
    return build()


@pytest.fixture(scope="session")
def small_sample() -> Sample:
    """The sample with 14 documents a site, for tests that crawl. Read only."""
    return build(articles=14, chars=600)


@pytest.fixture(scope="session")
def sample_dir(small_sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small sample on disk, as `jianghua sample build` writes it."""
    folder = tmp_path_factory.mktemp("sample")
    write(small_sample, folder)
    return folder


@pytest.fixture
def sites(sample: Sample) -> Iterator[SampleServer]:
    """The sample served on free ports, on day 1: `sites.urls["muduo"]`, `sites.set_day(2)`, `sites.requests("muduo")`."""
    with SampleServer(sample) as server:
        yield server


@pytest.fixture
def small_sites(small_sample: Sample) -> Iterator[SampleServer]:
    """The small sample served on free ports, on day 1."""
    with SampleServer(small_sample) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home with the sample's site files in `sites/`."""
    made = Home.find(tmp_path / "home")
    install_site_files(made)
    return made
