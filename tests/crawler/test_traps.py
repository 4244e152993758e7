"""Crawler traps starve nothing; sites that only look like one are read to their end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crawler.home import Home
from crawler.traps import LAST, Traps
from tests.crawler.crawling import crawl
from tests.crawler.faults import Asked, FaultServer, Reply, html, links, site_file

LIST, ARTICLE = "/l/list_0.html", "/a/0.html"


def test_a_form_that_leads_on_and_on_goes_last() -> None:
    traps = Traps()
    for n in range(LAST):
        assert not traps.last("/c")
        assert traps.seen("/c", [("/c", False)], 30, article=False), n
    assert traps.last("/c")
    assert not traps.last("/d")
    assert not traps.seen("/c", [("/c", False)], 30, article=False), "nothing to keep"


def test_anything_new_elsewhere_sets_a_form_right_again() -> None:
    traps = Traps({LIST: LAST})
    assert traps.seen(LIST, [(LIST, False), (ARTICLE, False)], 30, article=False)
    assert not traps.last(LIST)
    assert not traps.seen(LIST, [(LIST, False), (ARTICLE, False)], 30, article=False), "nothing to keep"


def test_links_into_another_trap_bring_nothing_unless_they_name_something() -> None:
    traps = Traps({"/day": LAST})
    days = [("/day", False)] * 28
    assert not traps.bears("/month", days)
    assert traps.bears("/list", [*days, ("/day", True)])
    traps.seen("/month", [*days, ("/month", False)], 500, article=False)
    assert traps.barren["/month"] == 1


def test_text_articles_and_titles_are_no_trap() -> None:
    traps = Traps()
    for _ in range(3 * LAST):
        traps.seen("/thin", [], 10, article=False)
        traps.seen(ARTICLE, [], 400, article=False)  # short previews look like lists
        traps.seen("/p", [], 0, article=True)
        traps.seen("/0.html", [("/0.html", True)] * 20, 600, article=False)  # lists and articles of one form
    assert traps.barren == {"/thin": LAST}


def test_a_list_shows_something_when_no_page_of_its_form_showed_it_before() -> None:
    traps = Traps()
    for n in range(3 * LAST):  # its articles are known from a sitemap, and its next page is all that is new
        traps.seen(LIST, [(LIST, False)], 500, False, [(f"/a/{n}.html", ARTICLE, True), ("/", "/", False)])
    assert not traps.last(LIST)
    for n in range(LAST + 1):  # the same under other conditions
        traps.barren[f"{LIST}?{n}"] = LAST
        traps.seen(LIST, [(f"{LIST}?{n}", False)] * 9, 500, False, [("/a/1.html", ARTICLE, True)])
    assert traps.last(LIST)
    assert traps.ends(LIST, LIST, titled=False)
    assert not traps.ends(LIST, LIST, titled=True)
    assert not traps.ends(LIST, ARTICLE, titled=False)


def test_what_is_kept_makes_the_same_again() -> None:
    traps = Traps()
    traps.seen("/c", [("/c", False)], 0, article=False)
    assert Traps(json.loads(json.dumps(traps.barren))).barren == traps.barren


def _calendar(years: range) -> dict[str, bytes]:
    """Every month leads to the next one and to its days, every day to the next month; none holds anything."""
    out: dict[str, bytes] = {}
    for year in years:
        for month in range(1, 13):
            after = f'<a href="/cal/{year + month // 12}/{month % 12 + 1}">&gt;</a>'
            days = [f"/cal/{year}/{month}/{day}" for day in range(1, 29)]
            out |= dict.fromkeys(days, f"<html><body>{after}</body></html>".encode())
            grid = "".join(f'<td><a href="{d}">{n}</a></td>' for n, d in enumerate(days, 1))
            out[f"/cal/{year}/{month}"] = f"<html><body>{after}<table>{grid}</table></body></html>".encode()
    return out


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.find(tmp_path)


def test_an_endless_calendar_starves_nothing(home: Home) -> None:
    with FaultServer() as server:
        server.pages |= _calendar(range(2022, 2032))
        server.pages["/"] = links("/cal/2022/1", "/list/1")
        for n in range(1, 31):  # each list leads to the next one alone
            server.pages[f"/list/{n}"] = links(f"/list/{n + 1}", f"/speech/{n}.html")
            server.pages[f"/speech/{n}.html"] = html(str(n))
        site_file(home, "trap", server.url)
        ran = crawl(home, "trap", "--limit", "200")
        assert not ran.sites["trap"]["finished"]
        asked = server.paths()
        assert {f"/speech/{n}.html" for n in range(1, 31)} <= set(asked)
        assert sum(p.startswith("/cal/") for p in asked[: asked.index("/speech/30.html")]) < 100, (
            "what is good goes first"
        )


class _Dates(dict[str, object]):
    """Any month leads to the next, the one before and the same of next year, and to its days; any day to the next."""

    def get(self, key: str, default: object = None) -> object:
        kind, _, rest = key.lstrip("/").partition("/")
        if kind == "month":
            n = int(rest)
            days = "".join(f'<a href="/day/?d={n}-{d}">{d}</a>' for d in range(1, 29))
            return f"<html><body>{''.join(f'<a href=/month/{m}>{m}</a>' for m in (n + 1, n - 1, n + 12))}{days}</body></html>".encode()
        if kind == "day":
            month, _, day = rest.partition("=")[2].partition("-")
            return f'<html><body><a href="/day/?d={month}-{int(day) + 1}">next</a></body></html>'.encode()
        return super().get(key, default)


def test_a_calendar_that_leads_to_other_pages_than_months_ends(home: Home) -> None:
    with FaultServer() as server:
        names = [f"/speech/{n}.html" for n in range(20)]
        server.pages = _Dates(
            {
                **server.pages,
                "/": links("/month/24000", "/list/"),
                "/list/": links(*names),
                **{n: html(n) for n in names},
            }
        )
        site_file(home, "dates", server.url)
        assert crawl(home, "dates", "--limit", "1500").sites["dates"]["finished"]
        asked = server.paths()
        assert set(names) <= set(asked[:200])
        assert len(asked) < 1200
        server.log.clear()
        assert crawl(home, "dates").sites["dates"]["finished"]
        assert len(server.log) < 10, "what brought nothing is not looked at each time"


def test_a_list_whose_pager_never_ends_is_looked_at_each_time(home: Home) -> None:
    def page(asked: Asked) -> Reply:
        n = int(asked.path.partition("=")[2] or 1)
        shown = names[min(n, 3) * 5 - 5 : min(n, 3) * 5]  # behind the last page comes the last page again
        pager = f'<a href="/list?page={n + 1}">下一页</a></body>'.encode()
        return Reply(links(*shown).replace(b"</body>", pager))

    class Pages(dict[str, object]):
        def get(self, key: str, default: object = None) -> object:
            return page if key.startswith("/list") else super().get(key, default)

    names = [f"/speech/{n}.html" for n in range(15)]
    with FaultServer() as server:
        server.pages = Pages({**server.pages, "/": links("/list"), **{n: html(n) for n in names}})
        site_file(home, "endless", server.url)
        assert crawl(home, "endless").sites["endless"]["finished"]
        assert len(server.log) < 60
        names[13] = "/speech/new.html"
        server.pages["/speech/new.html"] = html("new")
        server.log.clear()
        assert crawl(home, "endless").sites["endless"]["finished"]
        assert "/speech/new.html" in server.paths()
        assert len(server.log) < 25, "what came behind the end is not looked at again"


def test_a_long_list_is_read_to_its_end(home: Home) -> None:
    with FaultServer() as server:
        server.pages["/"] = links("/list/1")
        for n in range(1, 76):
            server.pages[f"/list/{n}"] = (
                links(f"/list/{n + 1}", f"/speech/{n}.html") if n < 75 else links("/speech/75.html")
            )
            server.pages[f"/speech/{n}.html"] = f"<html><body><p>第{n}篇，同志们，短。</p></body></html>".encode()
        site_file(home, "long", server.url)
        assert crawl(home, "long").sites["long"]["finished"]
        assert {f"/speech/{n}.html" for n in range(1, 76)} <= set(server.paths())
