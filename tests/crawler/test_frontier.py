"""The state of a site: the frontier's order, what is due, what waits to be written, and files of older versions."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import DamagedError, JianghuaError
from crawler.home import Home
from crawler.site import Site
from crawler.state import ARTICLE, LIST, SEED, UNKNOWN, SiteState, new_row, text_time

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SITE = Site(name="s", title="s", start=("http://a.test/",))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.find(tmp_path)


def row(key: str, **values: Any) -> dict[str, Any]:
    return new_row(key, f"http://a.test{key}", text_time(NOW), **values)


def test_seeds_and_lists_go_before_the_rest_and_shallow_before_deep(home: Home) -> None:
    with SiteState.open(home, "s") as state:
        state.insert([row("/deep", depth=9), row("/b", depth=2), row("/list", priority=LIST, depth=5), row("/a", depth=2),
                      row("/art", priority=ARTICLE), row("/", priority=SEED)])  # fmt: skip
        assert [r.key for r in state.next_queued(9)] == ["/", "/list", "/b", "/a", "/deep", "/art"]
        assert [r.key for r in state.next_queued(2)] == ["/", "/list"]


def test_what_is_written_is_seen_and_what_is_not_committed_is_forgotten(home: Home) -> None:
    with SiteState.open(home, "s") as state:
        state.insert([row("/a"), row("/b")])
        state.update("/a", queued=0, status=200)
        state.update("/b", why="x")
        state.insert([row("/a", depth=7)])  # known already
        assert (state.queued(), state.known(), state.row("/a").depth, state.row("/b").why) == (1, 2, 0, "x")
        state.commit()
        state.update("/b", queued=0)
    with SiteState.open(home, "s", read_only=True) as state:
        assert state.queued() == 1
        assert [p.fate for p in state.pages()] == ["unfetched", "unfetched"]


def due(home: Home, refetch: str, keep: bool = False) -> set[str]:
    with SiteState.open(home, "s") as state:
        state.queue_due(SITE, refetch, NOW, keep)
        return {r.key for r in state.next_queued(99)}


def test_lists_are_due_each_time_young_articles_often_old_ones_seldom(home: Home) -> None:
    def known(key: str, kind: str, checked: float, changed: float, **more: Any) -> None:
        state.insert([row(key, kind=kind)])
        state.update(key, queued=0, checked_at=text_time(NOW - timedelta(days=checked)),
                     changed_at=text_time(NOW - timedelta(days=changed)), **more)  # fmt: skip

    with SiteState.open(home, "s") as state:
        known("/list", "list", 0, 0)
        known("/young", "article", 2, 5)
        known("/young-seen", "article", 0.5, 5)
        known("/old", "article", 31, 90)
        known("/old-seen", "article", 20, 90)
        known("/split", "article", 31, 90, article_key="/split", expected=2)
        known("/split_2", "article", 20, 90, article_key="/split", ordinal=2, expected=2)
        state.insert([row("/never")])
        state.update("/never", queued=0)
        state.commit()
    assert due(home, "due") == {"/list", "/young", "/old", "/split", "/split_2", "/never"}
    assert due(home, "none") == {"/list", "/never"}
    assert len(due(home, "all")) == 8
    with SiteState.open(home, "s") as state:
        state.queue_due(SITE, "none", NOW)
        state.update("/old-seen", queued=1)
        state.commit()
    assert due(home, "none", keep=True) == {"/list", "/never", "/old-seen"}


def test_one_writer_at_a_time_and_readers_beside_it(home: Home) -> None:
    with pytest.raises(JianghuaError, match="never crawled"):
        SiteState.open(home, "s", read_only=True)
    with SiteState.open(home, "s"):
        with pytest.raises(JianghuaError, match="another crawl"):
            SiteState.open(home, "s")
        SiteState.open(home, "s", read_only=True).close()
    SiteState.open(home, "s").close()


def test_a_file_that_is_no_state_is_told_and_left_alone(home: Home) -> None:
    path = home.state_db("s")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all, but long enough to be looked at" * 99)
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(DamagedError) as error:
            SiteState.open(home, "s", read_only=read_only)
        assert str(path) in str(error.value)
    assert path.read_bytes() == before


def test_a_state_of_an_older_version_gets_the_columns_it_lacks(home: Home) -> None:
    with SiteState.open(home, "s") as state:
        state.insert([row("/a")])
        state.commit()
    with sqlite3.connect(home.state_db("s")) as db:
        db.execute("ALTER TABLE pages DROP COLUMN pager")
    with SiteState.open(home, "s") as state:
        assert state.row("/a").pager is None
        assert state.row("/a").priority == UNKNOWN


def test_a_home_may_lie_below_any_name(tmp_path: Path) -> None:
    home = Home.find(tmp_path / "what? My%20Data%41 讲话")
    with SiteState.open(home, "s") as state:
        state.insert([row("/a")])
        state.commit()
    assert [p.name for p in tmp_path.iterdir()] == [home.root.name]
    assert home.state_db("s").is_file()
    with SiteState.open(home, "s", read_only=True) as state:
        assert state.queued() == 1
