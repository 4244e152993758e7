"""A home is backed up in the middle of a crawl and goes on elsewhere: nothing that it knows is fetched twice."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from crawler.home import Home
from crawler.sample import install_site_files
from crawler.sample.build import build
from crawler.sample.server import SampleServer
from crawler.state import SiteState
from tests.chain import at, jianghua, kill_group, report, rows, start
from tests.schedules.house import until


def fetched(home: Home, site: str) -> set[tuple[str, str]]:
    """Site and path with query of every page that a home has the body of."""
    with SiteState.open(home, site, read_only=True) as state:
        pages = [urlsplit(p.url) for p in state.pages() if p.address]
    return {(site, p.path + (f"?{p.query}" if p.query else "")) for p in pages}


def test_a_home_backed_up_in_the_middle_of_a_crawl_goes_on_elsewhere(tmp_path: Path) -> None:
    sample = build(articles=13, chars=300, sites=("zhimo",))
    first = Home.find(tmp_path / "first")
    install_site_files(first)
    with SampleServer(sample) as server:
        server.set_latency(0.3)  # seconds an answer takes
        args = ("run", *at(server.urls), "--delay", "0")
        process = start(first, *args)
        until(lambda: len(server.requests()) > 12, 60)
        server.set_latency(10)  # so that the crawl is still at work when the copy is made, however long that takes
        report(first, "backup", "--all", "--to", str(tmp_path / "copy.tar.zst"))
        assert process.poll() is None
        kill_group(process)
        first.root.rename(tmp_path / "gone")  # nothing may be looked for where it was

        second = Home.find(tmp_path / "another" / "machine" / "home")
        report(second, "backup", "--restore", str(tmp_path / "copy.tar.zst"))
        known = {page for site in server.urls for page in fetched(second, site)}
        assert known
        server.set_latency(0)
        server.reset()
        done = jianghua(second, *args)
        assert done.returncode == 0, done.stderr[-3000:]
        again = {(r.site, r.path) for r in server.requests() if r.status == 200}
        assert again
        assert not again & known
    assert len(rows(second)) == len(sample.speeches(1))
    assert report(second, "verify")["versions"]
    interrupted, ended = report(second, "runs")[::-1]
    assert (interrupted["state"], ended["state"]) == ("failed", "done")
    assert "was running when the backup was made" in interrupted["why"]
