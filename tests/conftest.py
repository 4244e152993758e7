"""What many tests share: the built sample, its servers on free ports, a home of one's own; and how they are run."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings

from crawler.extraction import pool
from crawler.home import Home
from crawler.sample import install_site_files
from crawler.sample.build import Sample, build, write
from crawler.sample.server import SampleServer
from tests.chain import popen
from tests.docsites import built_docsites as built_docsites
from tests.docsites import docsites as docsites
from tests.docsites_served import served_days as served_days

settings.register_profile("jianghua", deadline=None)  # no test is about time, and machines are busy
settings.load_profile("jianghua")

# The files that take longest, the longest first. They are begun first, so that in the end no worker is alone with one of them;
# pytest-xdist by itself begins with the files of many tests, which are the quick ones.
LONGEST = (
    "service/test_three_days.py",
    "test_docsites.py",
    "test_docsites_watched.py",
    "test_seeds.py",
    "test_docsites_added.py",
    "test_bad_input.py",
    "crawler/extraction/test_fuzz.py",
    "test_chain.py",
    "test_kills.py",
    "service/test_browser.py",
    "publisher/test_publish_upload.py",
    "crawler/test_strange_sites.py",
    "crawler/test_traps.py",
    "publisher/test_publish_sequences.py",
    "schedules/test_three_schedulers.py",
    "crawler/probe/test_sites_add.py",
    "schedules/test_demo.py",
    "service/test_stopping.py",
    "service/test_up.py",
    "schedules/test_fence.py",
    "publisher/test_publish_release.py",
    "publisher/test_publish_crash.py",
    "catalogue/test_catalogue_looks.py",
    "catalogue/test_catalogue_search.py",
    "catalogue/test_catalogue_pages.py",
    "publisher/test_publish_follows_change.py",
    "service/test_early_stop.py",
    "schedules/test_scheduler.py",
    "schedules/test_ahead.py",
    "catalogue/test_catalogue_hosting.py",
    "catalogue/test_catalogue_hostile.py",
    "publisher/test_doctor.py",
    "publisher/test_publish_verify.py",
    "crawler/explaining/test_explain.py",
    "publisher/test_downloads.py",
    "schedules/test_command_line.py",
    "publisher/test_publish_failures.py",
    "publisher/test_reissue.py",
    "schedules/test_fast_time.py",
    "crawler/test_crawl.py",
    "crawler/test_kill.py",
    "crawler/extraction/test_jobs.py",
    "publisher/test_publish_retention.py",
    "schedules/test_backup.py",
    "schedules/test_old_runs.py",
    "crawler/test_politeness.py",
    "crawler/explaining/test_page.py",
    "crawler/test_scripted.py",
)
# What one of these files prepares, minutes of it, others look at as well: one worker runs them all.
TOGETHER = dict.fromkeys(
    (
        "tests/service/test_three_days.py",
        "tests/test_docsites.py",
        "tests/test_docsites_watched.py",
        "tests/test_seeds.py",
    ),
    "tests/service/test_three_days.py",
)
MEMORY = Path("/dev/shm")
ROOM = 4 * 1024**3  # bytes that must be free in memory, several times what the tests leave lying


def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary files in memory where there is room: nearly every test waits for the disk at each file it makes safe.

    And keep what Python compiles, also where it is told not to (as in many containers): the tests start some thousand processes.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        sys.dont_write_bytecode = False
    if "TMPDIR" not in os.environ and MEMORY.is_dir():
        found = os.statvfs(MEMORY)
        if (
            os.access(MEMORY, os.W_OK)
            and not found.f_flag & os.ST_NOEXEC
            and _memory() >= ROOM <= found.f_bavail * found.f_frsize
        ):
            os.environ["TMPDIR"] = str(MEMORY)
            tempfile.tempdir = None  # it is asked for anew


def _memory() -> int:
    """Bytes of memory that can be had without swapping; 0 where that is not known."""
    lines = Path("/proc/meminfo").read_text().splitlines() if Path("/proc/meminfo").exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)


def pytest_collection() -> None:
    """All that is made while tests are collected stays: nobody has to look through it for garbage, now or while the tests run."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_report_header() -> str:
    return f"temporary files: {tempfile.gettempdir()}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {Path(__file__).parent / name: n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are CPUs, for many a test waits for a server, a lock or a clock; one more where there is little memory."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cpus + (2 if _memory() >= 2 * ROOM else 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With --dist loadfile: a file's tests go to one worker, and so do those of files that belong together."""
    from xdist.scheduler import LoadFileScheduling  # here: pytest works without xdist as well

    class Together(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return TOGETHER.get(file, file)

    return Together(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session", autouse=True)
def forked_workers() -> None:
    """The workers of pools that tests have in their own process are forked from one that has loaded what reading needs; those of
    crawler/extraction/test_pool.py are real ones."""
    vars(pool)["subprocess"] = SimpleNamespace(**{**vars(subprocess), "Popen": popen})


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
