"""Politeness on real servers: robots.txt as RFC 9309 says, delays, Retry-After, limited tries, hosts that cannot be reached."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.home import Home
from crawler.hosts import FAILING, MAX_TRIES, UNREACHABLE, Host, retry_after
from crawler.robots import MAX_BYTES, Robots, load_robots
from crawler.state import SiteState
from tests.crawler.crawling import Ran, crawl, pages
from tests.crawler.faults import Asked, FaultServer, Reply, html, links, site_file

NAMES = ("crawldelay", "seconds", "date", "always", "robots500", "robots404", "moved", "looped", "groups", "mapped", "longwait", "order")  # fmt: skip


class World:
    """One server a scenario, crawled side by side in one command."""

    def __init__(self, home: Home, servers: dict[str, FaultServer], closed: str) -> None:
        self.home, self.servers, self.closed = home, servers, closed
        self.ran: Ran


def robots(text: str) -> Reply:
    return Reply(text.encode(), headers={"Content-Type": "text/plain"})


def soon(asked: Asked) -> Reply:
    """Please come back in three seconds, said as a date."""
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    return Reply(status=429, headers={"Retry-After": when})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = Home.find(tmp_path_factory.mktemp("polite"))
    with ExitStack() as stack:
        servers = {name: stack.enter_context(FaultServer()) for name in (*NAMES, "other")}
        for server in servers.values():
            server.pages["/"] = links("/a.html", "/b.html")
            server.pages |= {"/a.html": html("a"), "/b.html": html("b")}
        servers["crawldelay"].pages["/robots.txt"] = robots("User-agent: *\nCrawl-delay: 0.3\n")
        servers["seconds"].pages["/a.html"] = [Reply(status=503, headers={"Retry-After": "1"}), html("a")]
        servers["date"].pages["/"] = [soon, links("/a.html", "/b.html")]
        servers["always"].pages["/a.html"] = Reply(status=500, headers={"Retry-After": "0"})
        servers["robots500"].pages["/robots.txt"] = Reply(status=500, headers={"Retry-After": "0"})
        servers["robots404"].pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /", status=404)
        servers["other"].pages["/r.txt"] = robots("User-agent: *\nDisallow: /b\n")
        servers["moved"].pages["/robots.txt"] = Reply(status=301, headers={"Location": f"{servers['other'].url}/r.txt"})
        servers["looped"].pages["/robots.txt"] = Reply(status=302, headers={"Location": "/robots.txt"})
        servers["groups"].pages["/robots.txt"] = robots(
            "\ufeffUser-agent: *\nDisallow: /\n\nUser-agent: jianghua\nDisallow: /*.ht\nAllow: /a.html\n"
        )
        servers["mapped"].pages["/robots.txt"] = robots(
            f"Sitemap: {servers['mapped'].url}/map.xml\nSitemap: http://elsewhere.test/map.xml\n"
        )
        servers["mapped"].pages["/map.xml"] = Reply(
            f"<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc>{servers['mapped'].url}"
            "/c.html</loc></url><url><loc>http://elsewhere.test/d.html</loc></url></urlset>".encode(),
            headers={"Content-Type": "text/xml"},
        )
        servers["mapped"].pages["/c.html"] = html("c")
        servers["longwait"].pages["/a.html"] = Reply(status=503, headers={"Retry-After": "86400"})
        for name in NAMES:
            site_file(home, name, servers[name].url)
        site_file(home, "order", servers["order"].url, "politeness:\n  delay: 0.1\n")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
        site_file(home, "refused", closed)
        site_file(home, "nowhere", "http://no-such-host.test")
        found = World(home, servers, closed)
        found.ran = crawl(home, *NAMES, "refused", "nowhere")
        yield found


def gaps(server: FaultServer) -> list[float]:
    """Seconds between the end of an answer and the next request."""
    log = sorted(server.log, key=lambda a: a.began)
    return [b.began - a.ended for a, b in itertools.pairwise(log)]


def test_crawl_delay_is_kept_from_the_first_request_on(world: World) -> None:
    server = world.servers["crawldelay"]
    assert len(server.log) == 5  # robots, root, sitemap, two pages
    assert min(gaps(server)) >= 0.29
    assert server.most_open == 1


def test_the_sites_delay_stands_between_all_requests(world: World) -> None:
    assert min(gaps(world.servers["order"])) >= 0.09


def test_retry_after_is_kept_in_seconds_and_as_a_date(world: World) -> None:
    server = world.servers["seconds"]
    failed = server.asked("/a.html")[0]
    later = [a.began for a in server.log if a.began > failed.ended]
    assert min(later) - failed.ended >= 0.99
    assert [a.status for a in server.asked("/a.html")] == [503, 200]
    dated = world.servers["date"]
    assert [a.status for a in dated.asked("/")] == [429, 200]
    assert world.ran.sites["date"]["finished"]
    first, second = dated.asked("/")
    assert second.began - first.ended > 1  # dates are told in whole seconds


def test_a_page_that_always_fails_is_asked_so_many_times(world: World) -> None:
    assert len(world.servers["always"].asked("/a.html")) == MAX_TRIES
    site = world.ran.sites["always"]
    assert (site["error"], site["errors"], site["finished"]) == (None, 1, True)
    found = pages(world.home, "always")["/a.html"]
    assert (found.fate, found.why, found.status) == ("error", "answered 500", 500)


def test_a_long_retry_after_leaves_the_page_for_the_next_run(world: World) -> None:
    assert len(world.servers["longwait"].asked("/a.html")) == 1
    assert world.ran.sites["longwait"]["finished"]
    assert pages(world.home, "longwait")["/b.html"].address is not None


def test_a_long_retry_after_is_kept_for_the_next_run(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    busy = Reply(status=503, headers={"Retry-After": "5000"})
    with FaultServer() as server:
        server.pages |= {"/": links("/a.html", "/b.html"), "/a.html": busy, "/b.html": html("b")}
        site_file(home, "s", server.url)
        for _ in range(3):
            ran = crawl(home, "s")
            assert ran.sites["s"]["finished"]
        assert len(server.asked("/a.html")) == 1
        assert "left alone until" in (pages(home, "s")["/a.html"].why or "")
        with SiteState.open(home, "s") as state:
            (until,) = json.loads(state.meta("left alone") or "").values()
            assert 4000 < (datetime.fromisoformat(until) - datetime.now(UTC)).total_seconds() <= 5000
            state.set_meta("left alone", json.dumps({"/a.html": "2026-01-01T00:00:00+00:00"}))
            state.commit()
        server.pages["/a.html"] = html("a")
        crawl(home, "s")
        assert pages(home, "s")["/a.html"].address is not None


@pytest.mark.parametrize("what", ["/robots.txt", "pages"])
def test_a_host_that_wants_to_be_left_alone_for_long_is_not_asked_by_the_next_run(tmp_path: Path, what: str) -> None:
    home = Home.find(tmp_path)
    busy = Reply(status=503, headers={"Retry-After": "5000"})
    with FaultServer() as server:
        server.pages |= {"/": links("/a.html", "/b.html", "/c.html")}
        server.pages |= {what: busy} if what != "pages" else {f"/{n}.html": busy for n in "abc"}
        site_file(home, "s", server.url)
        assert "Retry-After" in crawl(home, "s").sites["s"]["error"] or what == "/robots.txt"
        asked = len(server.log)
        ran = crawl(home, "s")
        assert "asked to be left alone until" in ran.sites["s"]["error"]
        assert len(server.log) == asked


def test_robots_that_cannot_be_had_forbid_all(world: World) -> None:
    assert set(world.servers["robots500"].paths()) == {"/robots.txt"}
    assert "robots.txt" in world.ran.sites["robots500"]["error"]
    assert "answered 500" in world.ran.sites["robots500"]["error"]
    assert world.ran.code == 1


def test_robots_that_are_not_there_allow_all(world: World) -> None:
    assert world.ran.sites["robots404"]["new"] == 3
    assert len(world.servers["looped"].asked("/robots.txt")) == 6  # five hops, then it counts as not there
    assert world.ran.sites["looped"]["new"] == 3


def test_robots_are_followed_to_another_host_and_hold_for_the_first(world: World) -> None:
    assert world.servers["other"].paths() == ["/r.txt"]
    assert world.servers["moved"].asked("/b.html") == []
    assert pages(world.home, "moved")["/b.html"].fate == "disallowed"
    assert pages(world.home, "moved")["/a.html"].address is not None


def test_our_group_counts_and_the_longest_match(world: World) -> None:
    assert world.servers["groups"].asked("/b.html") == []
    assert len(world.servers["groups"].asked("/a.html")) == 1


def test_sitemaps_of_robots_are_read_and_stay_in_the_site(world: World) -> None:
    assert "/c.html" in pages(world.home, "mapped")
    assert not any("elsewhere" in k for k in pages(world.home, "mapped"))


def test_the_agent_names_project_and_contact(world: World) -> None:
    agents = {a.headers.get("user-agent", "") for s in world.servers.values() for a in s.log}
    assert len(agents) == 1
    assert agents.pop().startswith("Jianghua/")
    assert all("(+http" in a.headers["user-agent"] for a in world.servers["order"].log)


def test_a_host_that_is_not_there_fails_clearly_and_the_others_go_on(world: World) -> None:
    for name, host in (("refused", world.closed.partition("//")[2]), ("nowhere", "no-such-host.test")):
        assert f"{host} cannot be reached" in world.ran.sites[name]["error"]
        assert not world.ran.sites[name]["finished"]
    assert "Traceback" not in world.ran.err
    assert world.ran.sites["order"]["finished"]


def test_a_site_that_dies_on_the_way_goes_on_when_it_is_back(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    with FaultServer() as server:
        names = [f"/a{n}.html" for n in range(30)]
        server.pages |= {"/": links(*names)} | {n: html(n) for n in names}
        for n in names[6:]:
            server.pages[n] = Reply(close=True)
        server.pages["/"] = [links(*names), Reply(close=True)]
        site_file(home, "s", server.url)
        ran = crawl(home, "s")
        assert ran.code == 1
        assert "cannot be reached" in ran.sites["s"]["error"]
        assert len(server.log) <= 3 + 6 + 2 * (
            UNREACHABLE + 1
        )  # Twisted itself asks again where a kept connection was closed
        assert not any(p.fate for p in pages(home, "s").values() if p.address)
        server.pages |= {"/": links(*names), **{n: html(n) for n in names}}
        ran = crawl(home, "s", "--delay", "0.01")
        assert ran.code == 0
        assert ran.sites["s"]["resumed"]
        assert sum(p.address is not None for p in pages(home, "s").values()) == 31


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("12", 12.0), (" 0 ", 0.0), ("", None), ("soon", None), ("-3", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)],
)
def test_retry_after_is_read(value: str, seconds: float | None) -> None:
    assert retry_after(value) == seconds


@given(st.text(max_size=40))
def test_retry_after_survives_anything(value: str) -> None:
    found = retry_after(value)
    assert found is None or found >= 0


def test_robots_are_capped_and_kept_for_a_day() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    body = b"User-agent: *\nDisallow: /x\n" + b"#" * MAX_BYTES + b"\nDisallow: /y\n"
    found = Robots.parse(body, now)
    assert not found.allows("http://a/x")
    assert found.allows("http://a/y")
    assert load_robots(found.kept(), now + timedelta(hours=23)) == found
    found.url, found.status, found.sha256 = "http://a/robots.txt", 200, "0" * 64
    assert load_robots(found.kept(), now) == found
    assert load_robots('{"at": "2026-01-01T00:00:00+00:00", "text": "x"}', now) is not None  # a state from before
    assert load_robots(found.kept(), now + timedelta(hours=25)) is None
    assert Robots.parse("User-agent: *\nCrawl-delay: abc\n".encode("utf-16"), now).delay == 0.0


@given(st.binary(max_size=300))
def test_robots_survive_anything(body: bytes) -> None:
    found = Robots.parse(body, datetime.now(UTC))
    found.allows("http://a/b?c=d")
    assert found.delay >= 0


def test_delays_add_up_to_the_larger_one_and_waits_never_shrink() -> None:
    host = Host("a", robots=Robots.parse(b"User-agent: *\nCrawl-delay: 5", datetime.now(UTC)))
    assert (host.delay(1.0), host.delay(9.0)) == (5.0, 9.0)
    host.wait(100)
    host.wait(1)
    assert host.ready > time.monotonic() + 90


def test_a_host_out_of_order_is_told_from_a_page_that_is() -> None:
    host = Host("a")
    assert {host.trouble("/one", True) for _ in range(3 * FAILING)} == {"page"}
    assert host.trouble("/two", True) == "page"
    assert host.trouble("/three", True) == "host", "it never answered"
    host.answered_well()
    assert [host.trouble(f"/{n}", True) for n in range(FAILING)] == ["page"] * (FAILING - 1) + ["doubt"]
    host.answered_well()
    assert [host.trouble(f"/{n}", True) for n in range(2 * FAILING)][FAILING - 1 :: FAILING] == ["page", "doubt"]
    host = Host("a", answers=True)
    # a few pages that break every connection
    assert {host.trouble(f"/{n % 3}", False) for n in range(3 * UNREACHABLE)} == {"page"}
    host.answered_well()
    assert [host.trouble(f"/{n}", False) for n in range(UNREACHABLE)] == ["page"] * (UNREACHABLE - 1) + ["doubt"]
    # a host that never answered
    host = Host("b")
    assert [host.trouble("/x", False) for _ in range(UNREACHABLE)] == ["page"] * (UNREACHABLE - 1) + ["host"]


def test_pages_that_always_fail_are_no_host_that_does(tmp_path: Path) -> None:
    """They are asked for again one after the other when all the rest is done, and nothing else is left that answers."""
    home = Home.find(tmp_path)
    names = [f"/a{n}.html" for n in range(12)]
    broken = Reply(status=500, headers={"Retry-After": "0"})
    with FaultServer() as server:
        server.pages |= {"/": links(*names), **{n: html(n) for n in names}, **dict.fromkeys(names[:7], broken)}
        server.pages |= dict.fromkeys(names[7:9], Reply(close=True))
        site_file(home, "s", server.url)
        for _ in range(2):
            ran = crawl(home, "s").sites["s"]
            assert (ran["error"], ran["finished"], ran["errors"]) == (None, True, 9)
        # and when it is the host
        server.pages |= {"/": [links(*names), broken], **dict.fromkeys(names, broken)}
        server.log.clear()
        ran = crawl(home, "s", "--refetch", "all").sites["s"]
        assert "answers 500 to everything" in ran["error"]
        assert len(server.log) < FAILING + 6
