"""Search and facets in a real browser, held against the table itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalogue.build import build
from catalogue.terms import fold
from publisher.reader import open_dataset
from publisher.release import publish_records
from tests.catalogue.browsing import Tab, tab
from tests.catalogue.catalogue_made import DAY, rows
from tests.catalogue.range_server import range_server
from tests.publisher.publisher_made import records


@pytest.fixture(scope="module")
def searching(browser: Any, address: str) -> Iterator[Tab]:
    """A tab for many searches; each loads the page anew."""
    with tab(browser, address) as t:
        yield t


@pytest.mark.parametrize(
    "words", ["讲话", "会 讲", "議", "2013年", "党风廉政建设会议上", "没有这样的题目", "script", "(", "🙂"]
)
def test_search_finds_what_a_title_has(searching: Tab, published: Path, words: str) -> None:
    table = open_dataset(published / "speeches").arrow(columns=["title"]).to_pylist()
    wanted = [r["title"] for r in table if all(fold(w) in fold(r["title"]) for w in words.split())]
    t = searching
    t.go("#/speeches/browse")
    found = t.search(words)
    assert len(found) == min(30, len(wanted))
    clean = {re.sub("[\u202a-\u202e]", "", w) for w in wanted}
    assert set(found) <= clean
    if not wanted:
        assert t.texts(".none strong") == ["Nothing was found"]
    while t.page.locator(".more").is_visible():
        before = t.page.locator(".entry").count()
        t.page.click(".more")
        t.until(f"document.querySelectorAll('.entry').length > {before} || document.querySelector('.more').hidden")
    assert sorted(t.texts(".entry-title")) == sorted(re.sub("[\u202a-\u202e]", "", w) for w in wanted)
    assert t.page.inner_text(".count").split()[0] == str(len(wanted))


def test_ids_and_addresses_are_found(browser: Any, address: str, published: Path) -> None:
    row = open_dataset(published / "speeches").arrow(columns=["speech_id", "page_url", "title"]).to_pylist()[40]
    with tab(browser, address) as t:
        t.go("#/speeches/browse")
        for asked in (
            row["speech_id"],
            row["speech_id"].split(":")[1],
            row["page_url"],
            row["page_url"].removeprefix("http://") + "/",
        ):
            assert t.search(asked) == [row["title"]], asked
        assert t.search("0" * 20) == []
        assert t.search("http://nowhere.example/x") == []


def test_facets_and_choices_agree_with_the_table(browser: Any, address: str, published: Path) -> None:
    version = open_dataset(published / "speeches")
    table = version.arrow().to_pylist()
    copies = {r["speech_id"]: r["is_representative"] for r in version.arrow("duplicates").to_pylist()}
    cases = {
        "preview=only": lambda r: r["is_preview"],
        "preview=none": lambda r: not r["is_preview"],
        "copies=only": lambda r: r["speech_id"] in copies,
        "copies=one": lambda r: copies.get(r["speech_id"], True),
        "site=wenmi&level=县": lambda r: r["site"] == "wenmi" and r["admin_level"] == "县",
        "topic=教育&topic=防汛抗旱": lambda r: bool({"教育", "防汛抗旱"} & set(r["topics"])),
        "year=2020&year=2021": lambda r: r["published_at"].year in (2020, 2021),
        "region=青河县&q=讲话": lambda r: r["region"] == "青河县" and "讲话" in r["title"],
    }
    with tab(browser, address) as t:
        for query, wanted in cases.items():
            t.go(f"#/speeches/browse?{query}", ".count")
            assert t.page.inner_text(".count").split()[0] == str(sum(map(wanted, table))), query
        t.go("#/speeches/browse?site=wenmi&level=县", ".facets:not([aria-busy]) [data-facet]")
        shown = dict(zip(t.texts('[data-facet="level"] .name'), t.texts('[data-facet="level"] .n'), strict=True))
        assert shown == {v: str(n) for v in {r["admin_level"] for r in table if r["site"] == "wenmi"} if (n := sum(r["admin_level"] == v and r["site"] == "wenmi" for r in table))}  # fmt: skip
        t.page.click(".chip >> nth=0")
        t.until("!location.hash.includes('site=')")
        t.until(f"document.querySelector('.count').textContent.split(' ')[0] === '{sum(r['admin_level'] == '县' for r in table)}'")  # fmt: skip


def test_back_leads_to_where_one_was(browser: Any, address: str) -> None:
    with tab(browser, address) as t:
        t.go("#/speeches/browse?kind=讲话", ".browse .entry-title")
        t.page.click(".more")
        t.until("document.querySelectorAll('.entry').length > 40")
        t.page.locator(".entry-title").nth(40).click()
        t.page.wait_for_selector(".text")
        title = t.page.inner_text(".masthead h1")
        assert t.page.evaluate("scrollY") == 0
        t.page.go_back()
        t.page.wait_for_selector(".browse .entry-title")
        t.until("scrollY > 1000")
        assert t.page.evaluate("document.activeElement.textContent") == title
        t.page.click("nav a[href$='/browse']")
        t.until("!location.hash.includes('?')")
        t.until("scrollY === 0 && document.querySelectorAll('.entry').length === 30")


def test_a_facet_of_many_values_shows_them_all_when_asked(browser: Any, tmp_path: Path) -> None:
    """More places than are told at once: the rest is fetched for who wants to see it, and is found by typing."""
    folder = tmp_path / "datasets"
    some = rows(260)
    for i, row in enumerate(some):
        row["region"] = f"第{i % 130}村"
    (folder / "speeches").mkdir(parents=True)
    publish_records(folder / "speeches", records(some), now=DAY)
    build(folder)
    with range_server(folder, folder) as base, tab(browser, base) as t:
        t.go("#/speeches/browse", ".facets:not([aria-busy]) [data-facet]")
        more = t.page.locator("[data-more='region']")
        assert more.inner_text() == "122 more"
        more.click()
        t.until("document.querySelectorAll('[data-facet=region] li').length === 130")
        t.page.fill("[data-facet='region'] .narrow", "第129村")
        t.until("document.querySelectorAll('[data-facet=region] li').length === 1")
        t.page.click("[data-facet='region'] li input")
        t.page.wait_for_selector(".chip")
        t.until("document.querySelector('.count').textContent.startsWith('2 ')")
        assert all("第129村" in x for x in t.texts(".entry p"))
