"""The whole chain on the built-in sample: two days, two versions, compared with the sample's own gold to the last row."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pytest
from protego import Protego

from crawler.extraction.fold import fold
from crawler.home import Home
from crawler.sample import install_site_files
from crawler.sample.build import DAYS, Sample
from crawler.sample.compose import SOFT
from crawler.sample.score import score
from crawler.sample.server import Request, SampleServer
from crawler.site import without_case
from publisher.duplicates import NEAR_PREVIEW, SHARE
from publisher.reader import open_dataset
from publisher.similarity import shingle_set
from tests.chain import Key, at, changes, files, jianghua, key_of, report, rows
from tests.rulechange import copied, kept_bytes, read_with_another_rule


@dataclass(slots=True)
class Chain:
    """Two days of the sample, crawled and published. logs: requests by day, `again` for the first day's second crawl."""

    home: Home
    sample: Sample
    urls: Mapping[str, str]
    versions: dict[int, str] = field(default_factory=dict)
    logs: dict[int | str, list[Request]] = field(default_factory=dict)
    again: dict[str, Any] = field(default_factory=dict)
    kept: tuple[dict[str, bytes], dict[str, bytes]] = ({}, {})

    def gold(self, day: int) -> list[dict[str, Any]]:
        return self.sample.speeches(day)

    def answers(self, request: Request) -> Any:
        return self.sample.pages(request.site, request.day).get(request.path)


def state_of(home: Home) -> dict[str, bytes]:
    """Every byte of what extraction and publishing keep."""
    return {
        k: v
        for k, v in files(home.root, "var/records/**/*", "var/profiles/**/*", "datasets/**/*").items()
        if not k.endswith(".lock")
    }


@pytest.fixture(scope="module")
def chain(small_sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    home = Home.find(tmp_path_factory.mktemp("chain"))
    install_site_files(home)
    with SampleServer(small_sample) as server:
        made = Chain(home, small_sample, server.urls)
        run = ("run", *at(server.urls), "--refetch", "all", "--delay", "0")
        for day in DAYS:
            server.set_day(day)
            made.versions[day] = report(home, *run)["version"]
            made.logs[day] = server.requests()
            server.reset()
            if day == 1:
                made.again = report(home, *run)
                made.logs["again"] = server.requests()
                server.reset()
        before = state_of(home)
        report(home, "learn", *server.urls)
        report(home, "extract", *server.urls)
        report(home, "publish", "speeches")
        made.kept = (before, state_of(home))
        yield made


@pytest.mark.parametrize("day", DAYS)
def test_every_speech_is_published_as_the_gold_says_and_nothing_else(chain: Chain, day: int) -> None:
    found = rows(chain.home, version=chain.versions[day])
    result = score(found, chain.gold(day))
    assert not result.worst
    assert (result.found, result.extra, result.perfect) == (result.wanted, 0, result.wanted)
    gold = {(g["site"], g["path"], g["part"]): g for g in chain.gold(day)}
    for row in found:
        g = gold[key_of(row)]
        assert (row["parts"], row["part_title"]) == (g["parts"], g["part_title"]), key_of(row)
        assert row["paragraphs"] == len(row["text"].split("\n"))
        assert row["site_title"] in (g["site_title"], None)


@pytest.mark.parametrize("day", DAYS)
def test_copies_are_found_and_no_others(chain: Chain, day: int) -> None:
    version = chain.versions[day]
    names = {r["speech_id"]: key_of(r) for r in rows(chain.home, version=version)}
    found, contained = defaultdict(set), set()
    for row in rows(chain.home, "duplicates", version):
        found[row["cluster_id"]].add(names[row["speech_id"]])
    for row in rows(chain.home, "contained", version):
        contained.add(frozenset((names[row["speech_id"]], names[row["container_id"]])))
    wanted, previews = defaultdict(set), set()
    for g in chain.gold(day):
        if g["cluster"]:
            wanted[g["cluster"]].add((g["site"], g["path"], g["part"]))
        if g["is_preview"]:
            previews.add((g["site"], g["path"], g["part"]))

    def pairs(clusters: Mapping[str, set[Key]]) -> set[frozenset[Key]]:
        return {frozenset(p) for c in clusters.values() for p in itertools.combinations(c, 2)}

    assert pairs(found) <= pairs(wanted)
    # A preview is no copy of the whole, it stands in it; unless the whole was edited so much that it stands there no more.
    texts = {key_of(r): shingle_set(fold(r["text"])) for r in rows(chain.home, version=version)}
    for pair in pairs(wanted) - pairs(found) - contained:
        assert pair & previews, pair
        a, b = (set(texts[key].tolist()) for key in pair)
        assert len(a & b) / min(len(a), len(b)) < SHARE, pair
        assert len(a & b) / len(a | b) < NEAR_PREVIEW, pair


def test_the_changes_are_exactly_those_of_the_gold(chain: Chain) -> None:
    assert changes(chain.home, chain.versions[1], chain.versions[2]) == chain.sample.changes()
    assert [v["version"] for v in report(chain.home, "versions")] == [chain.versions[1], chain.versions[2]]


def test_what_left_has_a_tombstone_with_its_reason(chain: Chain) -> None:
    wanted = {}
    for site, path, part in chain.sample.changes()["removed"]:
        article = next(a for a in chain.sample.articles[site] if a.path == path)
        state = article.on(2)
        reason = "gone" if isinstance(state, int) and state != SOFT else "soft_404" if state == SOFT else "part_gone"
        wanted[site, path, part] = reason
    found = {key_of(r): r["reason"] for r in rows(chain.home, "removed", chain.versions[2])}
    assert found == wanted


def test_the_same_day_again_is_answered_304_and_makes_no_version(chain: Chain) -> None:
    assert chain.again["state"] == "done"
    assert chain.again["version"] is None
    documents = {(r["site"], p) for r in chain.sample.expected(1) if "split" in r for p in r["split"]}
    refetched = [r for r in chain.logs["again"] if (r.site, r.path) in documents]
    with_validators = [r for r in refetched if (a := chain.answers(r)).etag or a.last_modified]
    assert len(with_validators) > 50
    assert sum(r.status == 304 for r in with_validators) >= 0.95 * len(with_validators)
    # and every article was asked for again, by conditional requests where that is possible
    allowed = {
        (r["site"], p)
        for r in chain.sample.expected(1)
        if "split" in r and not r["disallowed"] and r["status"] == 200
        for p in r["split"]
    }
    asked = {(r.site, in_order(r.path)) for r in chain.logs["again"]}
    assert {(site, p) for site, p in allowed if (site, in_order(p)) not in asked} == set()


def in_order(path: str) -> str:
    """A path with the fields of its query in order: they may be asked for in any."""
    before, _, query = path.partition("?")
    return f"{before}?{'&'.join(sorted(query.split('&')))}"


def robots_of(chain: Chain, requests: Sequence[Request]) -> dict[str, Protego]:
    return {
        site: Protego.parse(answer.body.decode())
        for site in {r.site for r in requests}
        if (answer := chain.sample.pages(site, requests[0].day).get("/robots.txt"))
    }


@pytest.mark.parametrize("log", [1, "again", 2])
def test_politeness_by_the_servers_log(chain: Chain, log: int | str) -> None:
    requests = chain.logs[log]
    robots = robots_of(chain, requests)
    assert [
        (r.site, r.path) for r in requests if r.site in robots and not robots[r.site].can_fetch(r.path, r.agent)
    ] == []
    assert max(r.running for r in requests) == 1
    assert all("jianghua" in r.agent.lower() and "+" in r.agent for r in requests)
    disallowed = {(r["site"], r["path"]) for r in chain.sample.expected(1) if r["disallowed"]}
    assert disallowed
    assert not disallowed & {(r.site, r.path) for r in requests}
    waits = {site: w for site, r in robots.items() if (w := r.crawl_delay(requests[0].agent))}
    assert waits
    for site, wait in waits.items():
        times = sorted(r.at for r in requests if r.site == site)
        gaps = [b - a for a, b in itertools.pairwise(times)]
        # when the server's loop woke up is noise of some milliseconds; all of them together are not
        assert sum(gaps) >= wait * len(gaps) - 0.1, site


def test_nothing_is_asked_for_twice_in_one_crawl(chain: Chain) -> None:
    soft = {(s, a.path) for s, of in chain.sample.articles.items() for a in of for day in (1, 2) if a.on(day) == SOFT}
    for requests in chain.logs.values():
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for r in requests:
            # a page that is gone, or says so, is asked once more at the end of the run
            if r.status not in (404, 410) and (r.site, r.path) not in soft:
                counts[r.site, r.path] += 1
        assert {k: n for k, n in counts.items() if n > 1} == {}


def test_learning_reading_and_publishing_again_changes_no_byte(chain: Chain) -> None:
    before, after = chain.kept
    assert len(before) > 50
    assert {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)} == set()


def test_reading_everything_anew_by_the_same_rules_changes_no_byte(chain: Chain, tmp_path: Path) -> None:
    home = copied(chain.home, tmp_path / "home")
    before = kept_bytes(home)
    told = report(home, "extract", "--again", *chain.urls)
    assert all(s["read"] and not s["skipped"] for s in told["sites"])
    assert report(home, "publish", "speeches")["version"] is None
    assert kept_bytes(home) == before


def test_a_new_rule_changes_the_rows_that_it_touches_and_no_other(chain: Chain, tmp_path: Path) -> None:
    home = copied(chain.home, tmp_path / "home")
    found = read_with_another_rule(home, chain.urls, tmp_path / "code")
    assert 0 < len(found.touched) < len(chain.gold(DAYS[-1]))
    assert found.changed == found.touched
    assert found.published == {"added": set(), "changed": found.touched, "removed": set()}
    assert found.again is None


def test_both_versions_are_whole_and_any_reader_reads_them(chain: Chain) -> None:
    assert len(report(chain.home, "verify")["versions"]) == 2
    folder = chain.home.datasets / "speeches"
    latest = pandas.read_parquet(folder / "latest" / "speeches")
    assert len(latest) == len(chain.gold(2))
    first = folder / "versions" / chain.versions[1] / "speeches" / "*.parquet"
    with duckdb.connect() as db:  # the one that is there is everybody's, and busy until a result is fetched to its end
        ((count,),) = db.execute(f"SELECT count(*) FROM read_parquet('{first}')").fetchall()
    assert count == len(chain.gold(1))
    assert open_dataset(folder).polars().height == len(latest)


def test_every_address_met_has_a_fate_and_provenance_leads_to_the_archive(chain: Chain) -> None:
    pages = {(r["site"], r["key"]): r for r in rows(chain.home, "pages", chain.versions[2])}
    fates = {k: r["fate"] for k, r in pages.items()}
    for row in chain.sample.expected(2):
        key = row["site"], without_case(row["path"])
        if row["kind"] == "speech" and row["disallowed"]:
            assert fates.get(key, "disallowed") == "disallowed"
        elif row["kind"] == "speech":
            wanted = "preview" if row["is_preview"] else "speech"
            assert fates[key] in (wanted, "preview"), row["path"]
    assert "unfetched" not in fates.values()
    for row in rows(chain.home, "provenance", chain.versions[2]):
        assert (chain.home.var / "archive" / row["warc_file"]).stat().st_size >= row["warc_offset"] + row["warc_length"]


def test_the_ledger_tells_of_all_runs(chain: Chain) -> None:
    told = report(chain.home, "runs")
    assert [r["state"] for r in told] == ["done"] * 3
    assert {r["version"] for r in told} == {*chain.versions.values(), None}
    assert jianghua(chain.home, "runs").returncode == 0


def test_manifests_name_their_parents(chain: Chain) -> None:
    folder = chain.home.datasets / "speeches"
    manifest = json.loads((folder / "versions" / chain.versions[2] / "manifest.json").read_text())
    assert chain.versions[1] in Path(folder / "versions" / chain.versions[2] / "manifest.json").read_text()
    assert manifest["sequence"] == 2
