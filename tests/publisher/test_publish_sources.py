"""Provenance of the sites: robots.txt and terms of use as a real server sent them, read back from what the crawl has kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.archive import WarcAddress, read_response
from crawler.durable import write_bytes
from crawler.home import Home
from publisher import sources
from publisher.sources import snapshot
from tests.crawler.crawling import crawl
from tests.crawler.faults import FaultServer, Reply, html, links, site_file

ROBOTS = "User-agent: *\nDisallow: /secret/\n# 谢谢\n".encode()
TERMS = '<html><head><title>版权</title><script>alert("x")</script></head><body><p>本站文章\n版权归作者所有</p><p>不得转载</p></body></html>'


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, FaultServer]]:
    home = Home.find(tmp_path_factory.mktemp("sources"))
    with FaultServer() as server:
        server.pages |= {
            "/": links("/a.html"),
            "/a.html": html("a"),
            "/robots.txt": Reply(ROBOTS, headers={"Content-Type": "text/plain"}),
            "/terms.html": Reply(TERMS.encode("gbk"), headers={"Content-Type": "text/html; charset=gb2312"}),
        }
        site_file(home, "open", server.url, f"terms: '{server.url}/terms.html'")
        site_file(
            home,
            "lost",
            server.url,
            f"terms: '{server.url}/secret/terms.html'\npoliteness: {{delay: 0, robots: ignore}}",
        )
        assert crawl(home, "open").code == 0
        assert crawl(home, "lost").code == 0
        yield home, server


def of(home: Home, name: str) -> dict[str, Any]:
    (entry,) = snapshot(home, [name])
    return entry


def test_robots_are_kept_as_they_were_fetched(crawled: tuple[Home, FaultServer]) -> None:
    home, server = crawled
    entry = of(home, "open")
    assert (entry["site"], entry["title"], entry["start"]) == ("open", "试", [f"{server.url}/"])
    (robots,) = entry["robots"]
    assert robots["text"] == ROBOTS.decode()
    assert robots["sha256"] == hashlib.sha256(ROBOTS).hexdigest()
    assert (robots["url"], robots["status"]) == (f"{server.url}/robots.txt", 200)
    assert entry["robots_policy"] == "obey"


def test_terms_are_a_page_of_the_crawl_that_need_not_be_linked(crawled: tuple[Home, FaultServer]) -> None:
    home, server = crawled
    terms = of(home, "open")["terms"]
    assert terms["text"] == "本站文章 版权归作者所有\n不得转载"
    assert (terms["url"], terms["status"]) == (f"{server.url}/terms.html", 200)
    assert terms["sha256"] == hashlib.sha256(TERMS.encode("gbk")).hexdigest()
    assert len(server.asked("/terms.html")) == 1


def test_what_could_not_be_had_is_said(crawled: tuple[Home, FaultServer]) -> None:
    home, _ = crawled
    entry = of(home, "lost")
    assert (entry["robots_policy"], entry["robots"]) == ("ignore", [])
    assert (entry["terms"]["status"], entry["terms"]["sha256"]) == (404, None)
    assert "text" not in entry["terms"]


def test_a_site_without_file_or_state_keeps_its_name(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    assert of(home, "gone")["title"] == "gone"
    home.own_sites.mkdir()
    write_bytes(home.own_sites / "broken.yaml", b"name: [")
    assert [s["site"] for s in snapshot(home, ["gone", "broken", "gone"])] == ["broken", "gone"]


def test_a_site_whose_file_leaves_the_address_open_tells_where_it_was_crawled(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    assert of(home, "hualong")["start"] == []
    with FaultServer() as server:
        server.pages["/"] = html("x")
        assert crawl(home, "hualong", "--at", server.url).code == 0
        entry = of(home, "hualong")
        assert entry["start"] == [f"{server.url}/"]
        assert [r["status"] for r in entry["robots"]] == [404]


def test_two_snapshots_are_one_and_long_texts_are_cut(
    crawled: tuple[Home, FaultServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = crawled
    assert snapshot(home, ["open", "lost"]) == snapshot(home, ["lost", "open"])
    monkeypatch.setattr(sources, "CUT", 5)
    robots = of(home, "open")["robots"][0]
    assert (robots["text"], robots["cut"]) == ("User-", True)
    assert robots["sha256"] == hashlib.sha256(ROBOTS).hexdigest()


def test_an_archive_that_lost_the_terms_hinders_nothing(
    crawled: tuple[Home, FaultServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = crawled
    read = read_response

    def elsewhere(_: Home, address: WarcAddress) -> Any:
        return read(Home.find(tmp_path), address)

    monkeypatch.setattr(sources, "read_response", elsewhere)
    terms = of(home, "open")["terms"]
    assert "text" not in terms
    assert terms["sha256"]
