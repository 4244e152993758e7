"""Replicas of real kinds of sites that nobody has described: added by their addresses alone, crawled, read, scored."""

from __future__ import annotations

import pytest

from crawler.home import Home
from tests.chain import report
from tests.docsites import MISSING, Docsites, Walk, score, serve

pytestmark = [pytest.mark.docsites, MISSING, pytest.mark.timeout(480)]
LEAST = {
    "precision": 0.98,
    "recall": 0.98,
    "text_f1": 0.98,
    "perfect_body": 0.90,
    "title_exact": 0.97,
    "date_accuracy": 0.97,
    "split_count_exact": 0.95,
    "paged_text_f1": 0.98,
}


def test_sites_added_by_their_addresses_are_crawled_completely_and_read_well(
    built_docsites: Docsites, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("docsites-added")
    server = serve(built_docsites.folder, root / "ports.json")
    try:
        walk = Walk(Home.find(root / "home"), server)
        names = [report(walk.home, "sites", "add", url, "--yes")["name"] for url in server.urls.values()]
        assert len(set(names)) == len(server.urls)  # they differ in port alone
        looked = server.log()
        assert {site for site, log in looked.items() if not 10 <= len(log) <= 40} == set()
        version = report(walk.home, "run", *names, "--refetch", "all", "--delay", "0")["version"]
        found = score(built_docsites.folder, walk, version, 1)
    finally:
        server.process.kill()
        server.process.wait()
    assert {k: round(found[k], 4) for k, least in LEAST.items() if found[k] < least} == {}, found["worst"]
