"""Files of the archive that go: what is named stays; with --even-named the rows are held through extraction and publish."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawler import shards
from crawler.archive import ArchiveWriter
from crawler.errors import DamagedError, JianghuaError, UsageError
from crawler.extraction import jobs
from crawler.forgetting import WHY
from crawler.home import Home
from crawler.state import PageState, SiteState
from publisher.locks import locked
from publisher.reader import open_dataset
from publisher.release import publish
from publisher.retention_archive import ArchiveReport, retain_archive
from publisher.verify import verify
from publisher.versions import read_latest
from schedules.cli import app
from tests.crawler.extraction.archived import ORIGIN, Archived
from tests.crawler.extraction.pages import OTHER, OTHER_TITLE, SPEECH, TITLE, page, paragraphs
from tests.publisher.denied import only_read

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
DAYS = timedelta(days=1)
Retain = Callable[..., ArchiveReport]


class Crawled(Archived):
    """An archive of several crawls, a file each, begun when asked."""

    def crawl(self, begun: str, **pages: str) -> str:
        """Archive pages (by name) in a file of its own; its name, relative to var/archive."""
        self.writer = ArchiveWriter(self.home, self.site, "tests")
        for name, text in pages.items():
            self.page(f"/{name}", text)
        self.writer.close()
        (found,) = {self.states[f"/{n}"].address.file for n in pages}  # type: ignore[union-attr]
        file = f"{self.site}/{begun}T030000Z-{len(self.files()):06x}.warc.gz"
        (self.home.var / "archive" / found).rename(self.home.var / "archive" / file)
        for name in pages:
            state = self.states[f"/{name}"]
            assert state.address
            self.states[f"/{name}"] = replace(state, address=replace(state.address, file=file))
        return file

    def files(self) -> list[str]:
        return sorted(f"{self.site}/{p.name}" for p in self.home.archive(self.site).glob("*.warc.gz"))

    def extract(self, commit: bool = True) -> None:
        if commit:
            self.commit()
        (report,) = jobs.extract(self.home, [self.site], workers=1).sites
        assert report.error is None
        assert report.damaged == []

    def publish(self, day: int, **options: Any) -> None:
        publish(self.home, now=NOW + day * DAYS, **options)

    def rows(self, table: str = "speeches") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = open_dataset(self.home.datasets / "speeches").arrow(table).to_pylist()
        return sorted(rows, key=lambda r: str(r.get("speech_id") or r["url"]))

    def state(self) -> dict[str, PageState]:
        with SiteState.open(self.home, self.site, read_only=True) as state:
            return {p.key: p for p in state.pages()}


def html(title: str, lines: list[str]) -> str:
    return page(paragraphs(lines), title).decode()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    """Three crawls: of the first nothing is named any more, the second has two articles, the third one."""
    crawled = Crawled(tmp_path_factory.mktemp("archive"))
    crawled.crawl("20260101", a=html(TITLE, SPEECH[:3]))
    crawled.crawl("20260601", a=html(TITLE, SPEECH), b=html(OTHER_TITLE, OTHER))
    crawled.crawl("20261101", c=html("村长在村民大会上的讲话", SPEECH[::-1] * 2))
    crawled.extract()
    crawled.publish(0)
    assert len(crawled.rows()) == 3
    return crawled


@pytest.fixture
def crawled(template: Crawled, tmp_path: Path) -> Crawled:
    """A copy of it."""
    shutil.copytree(template.home.root, tmp_path / "home", symlinks=True)
    copy = Crawled(tmp_path / "home")
    copy.states = dict(template.states)
    return copy


@pytest.fixture
def retain(crawled: Crawled) -> Retain:
    """Retention of the archive, each time with a dry run before it that tells the same and changes nothing."""

    def both(*sites: str, **rules: Any) -> ArchiveReport:
        files, state = crawled.files(), crawled.state()
        told = retain_archive(crawled.home, sites, now=NOW, dry_run=True, **rules)
        assert (crawled.files(), crawled.state()) == (files, state)
        size = sum((crawled.home.var / "archive" / f).stat().st_size for f in files)
        done = retain_archive(crawled.home, sites, now=NOW, **rules)
        assert asdict(done) == asdict(told) | {"dry_run": False}
        assert sorted({f.file for f in done.removed} | set(crawled.files())) == files
        left = sum((crawled.home.var / "archive" / f).stat().st_size for f in crawled.files())
        assert (size - left, left) == (done.bytes, done.left)
        return done

    return both


def test_only_what_nothing_names_goes_by_age(crawled: Crawled, retain: Retain) -> None:
    first, second, third = crawled.files()
    report = retain(older_than=30 * DAYS)
    assert [f.file for f in report.removed] == [first]
    assert [(f.file, f.named_by) for f in report.spared] == [(second, "state")]
    assert crawled.files() == [second, third]
    crawled.extract(commit=False)
    assert publish(crawled.home, now=NOW + DAYS).version is None
    assert retain(older_than=30 * DAYS).removed == []


def test_the_oldest_go_until_the_budget_holds(crawled: Crawled, retain: Retain) -> None:
    folder = crawled.home.archive(crawled.site)
    for n in range(5):
        (folder / f"2026020{n + 1}T000000Z-aaaaaa.warc.gz").write_bytes(bytes(10_000))
    total = sum((crawled.home.var / "archive" / f).stat().st_size for f in crawled.files())
    assert retain(max_bytes=total).removed == []
    report = retain(max_bytes=total - 15_000)
    assert report.over == 0
    begun = [f.begun[:10] for f in report.removed]
    assert begun == ["2026-01-01", "2026-02-01", "2026-02-02"][: len(begun)]
    assert report.left + 15_000 <= total < report.left + 25_000
    report = retain(max_bytes=1)
    assert len(crawled.files()) == 2
    assert report.over == report.left - 1 > 0
    assert {f.named_by for f in report.spared} == {"state"}


def test_what_a_kept_version_names_stays_and_what_only_records_name_too(crawled: Crawled, retain: Retain) -> None:
    first, second, _ = crawled.files()
    # the pages are fetched again: the state points elsewhere, the records of before do not
    crawled.crawl("20261120", a=html(TITLE, SPEECH), b=html(OTHER_TITLE, OTHER))
    crawled.commit()
    assert [(f.file, f.named_by) for f in retain(older_than=100 * DAYS).spared] == [(second, "records")]
    crawled.extract(commit=False)
    report = retain(older_than=100 * DAYS)
    latest = read_latest(crawled.home.datasets / "speeches")
    assert latest
    assert [(f.file, f.named_by) for f in report.spared] == [(second, f"provenance of {latest.version}")]
    report = retain(older_than=100 * DAYS, even_named=True)
    assert [f.file for f in report.removed] == [second]
    assert report.pages == 0  # nothing is read from it any more
    assert first not in crawled.files()


def test_what_a_version_on_object_storage_names_stays(crawled: Crawled, retain: Retain) -> None:
    """The home has a mirror of it, and no dataset of its own. A page was fetched again meanwhile."""
    first, second, third = crawled.files()
    mirror = crawled.home.var / "publish" / "mirror" / "0123" / "speeches"
    shutil.copytree(crawled.home.datasets / "speeches", mirror, symlinks=True)
    shutil.rmtree(crawled.home.datasets)
    fourth = crawled.crawl("20261120", a=html(TITLE, SPEECH[1:]), b=html(OTHER_TITLE, OTHER[1:]))
    crawled.extract()
    report = retain(older_than=30 * DAYS)
    assert [f.file for f in report.removed] == [first]
    assert [(f.file, f.named_by) for f in report.spared] == [(second, "provenance of 2026-11-27.1")]
    assert crawled.files() == [second, third, fourth]
    with locked(mirror.parent, 0), pytest.raises(JianghuaError, match="another publish"):
        retain_archive(crawled.home, now=NOW, older_than=DAYS, wait=0)


def test_even_named_holds_the_rows_through_extract_and_publish(crawled: Crawled, retain: Retain) -> None:
    before = crawled.rows()
    second = crawled.files()[1]
    report = retain(older_than=30 * DAYS, even_named=True)
    assert [f.named_by for f in report.removed] == [None, "state"]
    assert report.pages == 2
    assert second not in crawled.files()
    states = crawled.state()
    assert {k: (s.fate, s.why, s.address) for k, s in states.items() if k != "/c"} == dict.fromkeys(
        ("/a", "/b"), ("unfetched", WHY, None)
    )
    assert states["/c"].address
    crawled.extract(commit=False)
    assert shards.read_records(crawled.home, crawled.site, "speeches").num_rows == 1
    assert publish(crawled.home, now=NOW + DAYS).version is None  # held: nothing changed
    # a version made later holds them as well
    later = Crawled(crawled.home.root, "other")
    later.crawl("20261126", z=html("镇长在开学典礼上的讲话", OTHER[::-1] * 2))
    later.extract()
    crawled.publish(2)
    after = crawled.rows()
    assert len(after) == 4
    assert [r for r in after if r["site"] == "hua"] == before
    assert verify(crawled.home.datasets / "speeches").versions[-1] == "2026-11-29.1"


def test_an_article_of_several_pages_is_forgotten_whole(crawled: Crawled, retain: Retain) -> None:
    crawled.crawl("20260601", d=html("局长在动员大会上的讲话", SPEECH[1:]))
    crawled.crawl("20261102", d_2=html("局长在动员大会上的讲话", OTHER[1:]))
    for ordinal, key in enumerate(("/d", "/d_2"), 1):
        crawled.page(key, article_key="/d", ordinal=ordinal, expected=2)
    crawled.extract()
    crawled.publish(1)
    before = crawled.rows()
    report = retain(older_than=100 * DAYS, even_named=True)
    assert report.pages == 4
    assert {k for k, s in crawled.state().items() if s.address} == {"/c"}
    crawled.extract(commit=False)
    assert publish(crawled.home, now=NOW + 2 * DAYS).version is None
    assert crawled.rows() == before


def test_other_addresses_of_a_forgotten_article_do_not_become_speeches(crawled: Crawled, retain: Retain) -> None:
    crawled.crawl("20261102", p=html(TITLE, SPEECH))
    crawled.commit()
    with SiteState.open(crawled.home, crawled.site) as state:
        words = " ".join(f"{n:x}" for n in range(1000, 1030))
        state.update("/a", kind="article", texts=words, canonical="/a")
        state.update("/p", kind="article", texts=words, canonical="/a")
        state.commit()
        assert state.twins().keys() == {"/p"}
    crawled.extract(commit=False)
    before = shards.read_records(crawled.home, crawled.site, "speeches")["page_url"].to_pylist()
    assert f"{ORIGIN}/p" not in before
    retain(older_than=100 * DAYS, even_named=True)
    assert {k for k, s in crawled.state().items() if s.address} == {"/c"}
    crawled.extract(commit=False)
    assert shards.read_records(crawled.home, crawled.site, "speeches")["page_url"].to_pylist() == [f"{ORIGIN}/c"]


def test_last_copies_of_gone_pages_stay_where_the_site_file_keeps_them(crawled: Crawled, retain: Retain) -> None:
    second = crawled.files()[1]
    crawled.file("refetch:\n  gone: keep\n")
    crawled.page("/b", fate="gone", gone_since=NOW - DAYS)
    crawled.extract()
    report = retain(older_than=100 * DAYS, even_named=True)
    assert [(f.file, f.named_by) for f in report.spared] == [(second, "last copies of pages that are gone")]
    crawled.file("refetch:\n  gone: remove\n")
    assert [f.file for f in retain(older_than=100 * DAYS, even_named=True).removed] == [second]


def test_a_site_under_crawl_or_extraction_is_left_alone(crawled: Crawled) -> None:
    files = crawled.files()
    for path in (
        crawled.home.state_db(crawled.site).with_suffix(".lock"),
        crawled.home.records(crawled.site) / ".lock",
    ):
        with path.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            report = retain_archive(crawled.home, now=NOW, older_than=DAYS, even_named=True)
        assert (report.busy, report.removed) == ([crawled.site], [])
        assert crawled.files() == files
    assert retain_archive(crawled.home, now=NOW, older_than=DAYS).busy == []


def test_a_dry_run_needs_nothing_but_to_read(crawled: Crawled) -> None:
    dry = retain_archive(crawled.home, now=NOW, older_than=30 * DAYS, dry_run=True)
    assert dry.removed
    with only_read(crawled.home.root) as copy:
        assert retain_archive(Home(copy), now=NOW, older_than=30 * DAYS, dry_run=True) == dry
        with pytest.raises(JianghuaError, match="cannot write"):
            retain_archive(Home(copy), now=NOW, older_than=30 * DAYS)


def test_an_archive_without_state_may_go(tmp_path: Path) -> None:
    home = Home(tmp_path)
    folder = home.archive("old")
    folder.mkdir(parents=True)
    made = folder / "strange-name.warc.gz"
    made.write_bytes(b"x")
    os.utime(made, (0, 0))
    assert [f.begun[:4] for f in retain_archive(home, now=NOW, older_than=DAYS).removed] == ["1970"]
    assert not made.exists()
    assert not home.state_db("old").exists()


def test_what_cannot_be_read_stops_everything(crawled: Crawled) -> None:
    files = crawled.files()
    part = next((crawled.home.datasets / "speeches" / "tables" / "provenance").glob("part-*"))
    part.write_bytes(part.read_bytes()[:-9])
    with pytest.raises(DamagedError, match="damaged Parquet"):
        retain_archive(crawled.home, now=NOW, older_than=DAYS, even_named=True)
    assert crawled.files() == files


def test_from_the_command_line(crawled: Crawled, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["retention", "archive", "--home", str(crawled.home.root)]
    with pytest.raises(UsageError, match="no rule"):
        app(call, standalone_mode=False)
    with pytest.raises(UsageError, match="--max-bytes 'lots'"):
        app([*call, "--max-bytes", "lots"], standalone_mode=False)
    with pytest.raises(UsageError, match="no archive of the site 'none'"):
        app([*call, "none", "--older-than", "1d"], standalone_mode=False)
    crawled.home.settings_file.write_text('[retention]\narchive_max_bytes = "1kB"\n')
    app([*call, "--dry-run", "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert (len(told["removed"]), len(told["spared"]), told["pages"]) == (1, 2, 0)
    app([*call, "hua", "--max-bytes", "0B", "--even-named"], standalone_mode=False)
    out = capsys.readouterr().out
    assert "3 files went" in out
    assert "3 pages without archived body; their rows are held" in out
    assert crawled.files() == []
