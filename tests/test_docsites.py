"""The whole chain on replicas of real kinds of sites: three days, by hand and by a schedule, against their gold."""

from __future__ import annotations

import itertools
from pathlib import Path
from urllib.parse import unquote

import pytest
from protego import Protego

from tests.chain import at, changes, report, rows
from tests.docsites import DAYS, MISSING, Docsites, Walk
from tests.docsites_served import Days
from tests.rulechange import copied, kept_bytes

pytestmark = [pytest.mark.docsites, MISSING, pytest.mark.timeout(480)]
WALKS = ("by hand", "by schedule")
LEAST = {
    "precision": 0.995,
    "recall": 0.995,
    "text_f1": 0.99,
    "para_precision": 0.96,
    "para_recall": 0.96,
    "perfect_body": 0.95,
    "title_exact": 0.98,
    "date_accuracy": 0.98,
    "source_accuracy": 0.95,
    "breadcrumb_accuracy": 0.95,
    "keywords_exact": 0.95,
    "preview_accuracy": 0.97,
    "salutation_accuracy": 0.97,
    "split_count_exact": 0.98,
    "cluster_f1": 0.97,
}


@pytest.fixture
def walk(docsites: Docsites, request: pytest.FixtureRequest) -> Walk:
    """The walk of the way that the test is for; by schedule is what a service has run (docsites_served.py)."""
    way = request.getfixturevalue("way")
    if way not in docsites.walks:
        served: Days = request.getfixturevalue("served_days")
        docsites.walks[way] = served.walk()
    return docsites.walks[way]


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("way", WALKS)
def test_each_day_is_read_as_well_as_promised(walk: Walk, way: str, day: int) -> None:
    score = walk.days[day].score
    assert {k: round(score[k], 4) for k, least in LEAST.items() if score[k] < least} == {}, score["worst"]


@pytest.mark.parametrize("way", WALKS)
def test_the_changes_between_versions_are_exactly_those_of_the_gold(docsites: Docsites, walk: Walk, way: str) -> None:
    for before, after in ((1, 2), (2, 3)):
        old, new = walk.days[before].version, walk.days[after].version
        assert old
        assert new
        found, wanted = changes(walk.home, old, new), docsites.changes(before, after)
        wrong = {op: (sorted(found[op] - wanted[op]), sorted(wanted[op] - found[op])) for op in wanted}
        assert found == wanted, f"day {before} to {after}: (too many, missing) {wrong}"
        made = walk.days[after].made
        left = {(r["site"], r["part"]) for r in rows(walk.home, "removed", new) if r["removed_in"] in made}
        assert left == {(site, part) for site, _, part in wanted["removed"]}


@pytest.mark.parametrize("way", WALKS)
def test_nothing_disallowed_is_fetched_and_crawl_delay_is_kept(docsites: Docsites, walk: Walk, way: str) -> None:
    told = 0
    for day in [*walk.days.values(), *([walk.again] if walk.again else [])]:
        for site, requests in day.log.items():
            assert requests, site
            text = docsites.robots(site)
            assert {r["concurrency"] for r in requests} == {1}, site
            assert all("jianghua" in r["ua"].lower() for r in requests), site
            if text is None:
                continue
            robots = Protego.parse(text)
            assert [r["path"] for r in requests if not robots.can_fetch(r["path"], r["ua"])] == []
            wait = robots.crawl_delay(requests[0]["ua"])
            if wait:
                told += 1
                times = sorted(r["t"] for r in requests)
                gaps = [b - a for a, b in itertools.pairwise(times)]
                # when the server's thread woke up is noise of some milliseconds; all of them together are not
                assert sum(gaps) >= wait * len(gaps) - 0.1, (site, sum(gaps) / len(gaps))
                assert min(gaps) > wait / 2, (site, min(gaps))
    assert told


def test_the_same_day_again_is_answered_304_and_makes_no_version(docsites: Docsites) -> None:
    walk = docsites.walks["by hand"]
    assert walk.again
    assert walk.again.version is None
    with_validators = {s["name"] for s in docsites.sites if s["validators"]}
    documents: dict[str, set[str]] = {}
    for g in docsites.gold:
        if g["title"] and g["first_day"] == 1 and not g.get("disallowed"):
            documents.setdefault(g["site"], set()).update([g["path"], *(g.get("split_pages") or [])])
    refetched = [
        (site, unquote(r["path"]), r["status"])
        for site in with_validators
        for r in walk.again.log[site]
        if unquote(r["path"]) in documents[site]
    ]
    assert {(s, p) for s, p, _ in refetched} == {(s, p) for s in with_validators for p in documents[s]}
    other = [x for x in refetched if x[2] != 304]
    assert len(other) <= 0.05 * len(refetched), other


@pytest.mark.parametrize("way", WALKS)
def test_reading_and_publishing_again_changes_nothing(walk: Walk, way: str) -> None:
    report(walk.home, "extract", *walk.server.urls)
    assert report(walk.home, "publish", "speeches")["version"] is None
    assert report(walk.home, "verify")["versions"]


def test_reading_everything_anew_changes_no_byte(docsites: Docsites, tmp_path: Path) -> None:
    walk = docsites.walks["by hand"]
    home = copied(walk.home, tmp_path / "home")
    before = kept_bytes(home)
    report(home, "extract", "--again", *walk.server.urls)
    assert report(home, "publish", "speeches")["version"] is None
    assert kept_bytes(home) == before


@pytest.mark.parametrize("way", WALKS[1:])
def test_both_ways_give_the_same(docsites: Docsites, walk: Walk, way: str) -> None:
    """By hand and by a schedule, on other servers: the same speeches in the same words."""
    hand, timer = (
        {
            (r["speech_id"], r["title"], r["text_sha256"], str(r["published_at"]), r["source"], r["doc_type"])
            for r in rows(home)
        }
        for home in (docsites.walks["by hand"].home, walk.home)
    )
    assert hand == timer


def test_a_run_by_hand_can_name_one_site(docsites: Docsites) -> None:
    walk = docsites.walks["by hand"]
    one = {"gongwen": walk.server.urls["gongwen"]}
    said = report(walk.home, "run", *at(one), "--refetch", "none", "--delay", "0")
    assert said["state"] == "done"
    assert said["version"] is None
