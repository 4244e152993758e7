"""Reading beside a crawl gives what crawl, learn and extract give one after the other; learning keeps what changes what is read."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crawler import shards
from crawler.extraction import follow, jobs
from crawler.extraction.inputs import reader_digest
from crawler.extraction.learning import SAMPLE
from crawler.extraction.profile import load_profile
from crawler.extraction.report import ExtractReport
from crawler.home import Home
from tests.chain import popen
from tests.crawler.extraction.archived import ORIGIN, Archived
from tests.crawler.extraction.readers import LOG
from tests.nursery import Forked

READER = "tests.crawler.extraction.readers:read_cutting"
LEARNER = "tests.crawler.extraction.readers:learn_lines"
ADVERT, SLOGAN = "本站广告", "欢迎光临"


@pytest.fixture
def site(tmp_path: Path) -> Archived:
    return Archived(tmp_path / "followed")


@pytest.fixture
def read_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "read.log"
    path.touch()
    monkeypatch.setenv(LOG, str(path))
    return path


def counted(log: Path) -> Counter[str]:
    found = Counter(line.removeprefix(ORIGIN) for line in log.read_text().splitlines())
    log.write_text("")
    return found


def content(home: Home) -> dict[str, bytes]:
    """Records and profiles, byte by byte."""
    return {
        str(p.relative_to(home.var)): p.read_bytes()
        for root in (home.records("hua"), home.profiles("hua"))
        for p in sorted(root.rglob("*"))
        if p.is_file() and p.name != ".lock"
    }


def one_after_the_other(home: Home, place: Path) -> dict[str, bytes]:
    """What learn and then extract give from the same archive, in a home without records and profiles."""
    for folder in ("archive", "state"):
        shutil.copytree(home.var / folder, place / "var" / folder)
    shutil.copytree(home.own_sites, place / "sites")
    other = Home(place)
    jobs.learn_all(other, ["hua"], learner=LEARNER, reader=READER)
    assert jobs.extract(other, ["hua"], reader=READER, learner=LEARNER, workers=1).ok
    return content(other)


def beside(site: Archived, steps: list[Callable[[], None]], **options: Any) -> ExtractReport:
    """Follow a crawl that commits what each step makes of the site, a step a look."""
    left = list(steps)

    def ended() -> bool:
        if left:
            left.pop(0)()
            site.commit()
        return not left

    how: dict[str, Any] = {"reader": READER, "learner": LEARNER, "workers": 1, "learning": True}
    return jobs.extract(site.home, ["hua"], until=ended, **(how | options))


def some(site: Archived, first: int, last: int, *lines: str) -> Callable[[], None]:
    def make() -> None:
        for n in range(first, last):
            site.page(f"/{n}", "\n".join([f"第{n}篇", *lines]))

    return make


def test_a_first_crawl_is_read_once_and_as_if_read_afterwards(site: Archived, read_log: Path, tmp_path: Path) -> None:
    steps = [some(site, 20 * n, 20 * n + 20, ADVERT) for n in range(8)]
    report = beside(site, steps)
    assert set(counted(read_log).values()) == {1}
    assert (report.sites[0].read, report.sites[0].fates) == (160, {"speech": 160})
    assert report.learned == [{"site": "hua", "profile": 1, "error": None}]
    assert content(site.home) == one_after_the_other(site.home, tmp_path / "other")
    assert set(shards.read_records(site.home, "hua", "provenance")["profile_version"].to_pylist()) == {1}


def test_a_profile_that_turns_out_otherwise_means_reading_again(site: Archived, read_log: Path, tmp_path: Path) -> None:
    """The first pages have a line that the others lack: what was read with it cut is not taken."""
    beside(site, [some(site, 0, 2 * SAMPLE, ADVERT, SLOGAN), some(site, 2 * SAMPLE, 9 * SAMPLE, ADVERT)])
    assert max(counted(read_log).values()) == 2
    assert content(site.home) == one_after_the_other(site.home, tmp_path / "other")
    assert sum(SLOGAN in t for t in shards.read_records(site.home, "hua", "speeches")["text"].to_pylist()) == 2 * SAMPLE


def test_what_was_committed_on_the_way_is_taken_too(
    site: Archived, read_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "COMMIT_ARTICLES", 50)
    steps = [some(site, 40 * n, 40 * n + 40, ADVERT) for n in range(4)]
    report = beside(site, steps)
    assert set(counted(read_log).values()) == {1}
    assert report.sites[0].read == 160
    assert content(site.home) == one_after_the_other(site.home, tmp_path / "other")


def test_pages_that_change_go_or_come_late_while_it_is_followed(site: Archived, tmp_path: Path, read_log: Path) -> None:
    def changes() -> None:
        some(site, 100, 140, ADVERT)()
        site.page("/3", "别的\n" + ADVERT)
        site.page("/4", fate="gone", status=404, gone_since=None)
        site.page("/5_2", "下一页", article_key="/5", ordinal=2, expected=2)

    def late() -> None:
        site.page("/200", "第一页\n" + ADVERT, expected=2)

    def later() -> None:
        site.page("/200_2", "第二页", article_key="/200", ordinal=2, expected=2)

    beside(site, [some(site, 0, 100, ADVERT), late, changes, later])
    assert counted(read_log)["/200"] == 1  # not before its second page was there
    assert content(site.home) == one_after_the_other(site.home, tmp_path / "other")


def test_without_learning_a_site_is_read_with_the_profile_it_has(site: Archived, tmp_path: Path) -> None:
    beside(site, [some(site, 0, 100, ADVERT), lambda: None], learning=False)
    assert load_profile(site.home, "hua") is None
    texts = shards.read_records(site.home, "hua", "speeches")["text"].to_pylist()
    assert all(ADVERT in t for t in texts)


RUN = """
import os, sys, time
from crawler.extraction import jobs, follow
from crawler.home import Home
from pathlib import Path
follow.COMMIT_ARTICLES = 30
end = time.monotonic() + float(sys.argv[2])
jobs.extract(Home(Path(sys.argv[1])), ["hua"], reader=sys.argv[3], learner=sys.argv[4], workers=2,
             until=lambda: time.monotonic() > end, learning=True)
"""


def run_apart(home: Home, seconds: float) -> Forked:
    return popen([sys.executable, "-c", RUN, str(home.root), str(seconds), READER, LEARNER])


def test_killed_while_following_and_run_again_gives_the_same(site: Archived, tmp_path: Path) -> None:
    code = reader_digest.__wrapped__()
    for round_ in range(3):
        some(site, 60 * round_, 60 * round_ + 60, "#slow", ADVERT, *([SLOGAN] if round_ < 1 else []))()
        site.commit()
        process = run_apart(site.home, 60)
        time.sleep(0.1 + 0.5 * round_)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert run_apart(site.home, 0).wait() == 0
    wanted = one_after_the_other(site.home, tmp_path / "other")
    assert reader_digest.__wrapped__() == code, "the extractor's code was edited while this ran: run it again"
    assert content(site.home) == wanted


# ---------------------------------------------------------------------------------------------- learning


def learn(site: Archived) -> int | None:
    site.commit()
    found = jobs.learn(site.home, "hua", learner=LEARNER, reader=READER)
    return found.version if found else None


def test_a_profile_that_changes_nothing_that_is_read_gets_no_number(site: Archived) -> None:
    some(site, 0, 20, ADVERT)()
    assert learn(site) == 1
    for n in range(8):  # a line less that stands nowhere any more, and one that the site now shows as well
        site.page(f"/{n}", f"第{n}篇\n{ADVERT}\n{SLOGAN}")
    assert learn(site) == 1
    for n in range(12):
        site.page(f"/{n}", f"第{n}篇\n{ADVERT}\n{SLOGAN}")
    assert learn(site) == 2
    found = load_profile(site.home, "hua")
    assert found is not None
    assert found.lines == tuple(sorted((ADVERT, SLOGAN)))


def test_the_line_of_a_redesign_that_is_gone_keeps_its_profile(site: Archived) -> None:
    some(site, 0, 20, ADVERT)()
    assert learn(site) == 1
    some(site, 0, 20)()  # the new profile would say nothing, which reads the same
    assert learn(site) == 1


def test_learning_from_the_same_sample_again_starts_no_worker(site: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    some(site, 0, 20, ADVERT)()
    assert learn(site) == 1
    with monkeypatch.context() as m:
        m.setattr("crawler.extraction.pool.Pool._start", None)
        assert learn(site) == 1
    shutil.rmtree(site.home.profiles("hua"))
    assert learn(site) == 1
    some(site, 0, 3)()  # too few pages to learn from any more: the profile stays
    site.states = {k: v for k, v in site.states.items() if k in ("/0", "/1")}
    assert learn(site) == 1
