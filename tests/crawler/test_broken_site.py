"""A site file with mistakes stops its own site only."""

from __future__ import annotations

from pathlib import Path

from crawler.home import Home
from tests.crawler.crawling import crawl
from tests.crawler.faults import FaultServer, html, site_file


def test_the_others_are_crawled_all_the_same(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    with FaultServer() as server:
        server.pages["/"] = html("whole")
        site_file(home, "whole", server.url)
        (home.own_sites / "torn.yaml").write_text("name: torn\nfoo: 1\n", encoding="utf-8")
        ran = crawl(home, "torn", "whole")
        assert ran.code == 1
        assert ran.sites["whole"]["finished"]
        assert "torn.yaml" in ran.sites["torn"]["error"]
        assert "unknown key 'foo'" in ran.err
