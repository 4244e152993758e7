"""Other addresses of one article: folded where text and name agree, kept apart where either differs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.home import Home
from crawler.probe.look import platform_ignore
from crawler.site import PLATFORMS, Follow, Site
from crawler.twins import MAX_TEXTS, Read, furniture, name_of, one_name, same_articles
from crawler.urls import in_scope
from tests.crawler.crawling import crawl, pages
from tests.crawler.faults import TEXT, FaultServer, links

TEXTS = frozenset(range(100, 140))


@pytest.mark.parametrize(
    ("here", "there", "one"),
    [
        ("/a/1.html", "/a/1.html?from=list", True),
        ("/a/1.html?from=list", "/a/1.html?ref=home", True),
        ("/a/tong-zhi", "/a/tong-zhi/", True),
        ("/a/tong-zhi?from=x", "/a/tong-zhi/?ref=y", True),
        ("/a/7/", "/a/7/index.html", True),
        ("/Doc/View/7", "/doc/view/7", True),
        ("/show.php?id=7", "/show.php?id=7&from=list", True),
        ("/show.php?id=7&from=a", "/show.php?id=7&ref=b", True),
        ("/read/7.html", "/print/7.html", True),
        ("/read/7.html", "/m/7.html", True),
        ("/read/7.html", "/read/7_all.html", True),
        ("/p/7/", "/p/7/full", True),
        ("/view.php?id=7", "/view.php?id=7&all=1", True),
        ("/html/2015/7.html", "/plus/view.php?aid=7", True),
        ("/a/tong-zhi-men.html", "/print/tong-zhi-men.html", True),
        ("/?p=107", "/archives/107.html", True),
        ("/show.php?id=7", "/show.php?id=8", False),
        ("/show.php?class=3&id=7", "/show.php?class=3&id=8", False),
        ("/a/7.html", "/a/8.html", False),
        ("/2019/7.html", "/2020/7.html", False),
        ("/a/t20190504_7.html", "/b/t20190504_8.html", False),
        ("/thread-7-1-1.html", "/thread-8-1-1.html", False),
        ("/a/tong-zhi-men.html", "/a/ge-wei-dai-biao.html", False),
        ("/view.php?id=7&cid=3", "/read.php?id=9&cid=3", False),
        ("/?p=107", "/?p=108", False),
        ("/index.php?r=article/view&id=7", "/index.php?r=article/view&id=8", False),
        ("/index.php?s=/article/7.html", "/index.php?s=/article/8.html", False),
    ],
)
def test_what_names_one_article(here: str, there: str, one: bool) -> None:
    """Pages that show the same text are one article where their addresses name one thing, and then only."""
    assert one_name(name_of(here), name_of(there)) is one
    assert one_name(name_of(there), name_of(here)) is one
    read = {k: Read(k, 1, 0, TEXTS) for k in (here, there)}
    assert len(same_articles(read, ())) == one
    other = {here: Read(here, 1, 0, TEXTS), there: Read(there, 1, 0, frozenset(range(200, 240)))}
    assert same_articles(other, ()) == {}


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        (("/a/1.html?from=list", "/a/1.html", "/print/1.html"), "/a/1.html"),
        (("/m/1.html", "/news/html/1.html"), "/news/html/1.html"),
        (("//b.test:8080/v/1.html", "/show.asp?class=3&id=1"), "/show.asp?class=3&id=1"),
        (("/DOC/VIEW/1", "/doc/view/1", "/Doc/View/1"), "/doc/view/1"),
    ],
)
def test_which_address_is_kept(keys: tuple[str, ...], kept: str) -> None:
    for order in (keys, keys[::-1]):
        found = same_articles({k: Read(k, 1, 0, TEXTS) for k in order}, ())
        assert found == {k: kept for k in keys if k != kept}


def test_texts_of_the_site_and_cut_off_texts() -> None:
    """What stands on every page is no article's text; of a long text only so much is kept, and that is compared."""
    frame = frozenset(range(10))
    every = [Read(f"/a/{n}.html", 1, 0, frame | {1000 + n}) for n in range(10)]
    assert furniture(every) == frame
    pair = {k: Read(k, 1, 0, frame | {n, n + 1}) for n, k in ((50, "/a/5.html"), (60, "/m/5.html"))}
    assert same_articles(pair, frame) == {}
    several = [
        Read(k, 1, 0, frame)
        for k in ("/a/7.html", "/m/7.html", "/print/7.html", "/view.php?id=7", "/a/7.html?t=1690000001")
    ]
    assert furniture(several) == set()  # one article
    long = frozenset(range(3 * MAX_TEXTS))
    cut = {
        "/a/5.html": Read("/a/5.html", 1, 0, long),
        "/m/5.html": Read("/m/5.html", 2, 0, frozenset(range(MAX_TEXTS)), MAX_TEXTS - 1),
    }
    assert same_articles(cut, ()) == {"/m/5.html": "/a/5.html"}
    part = {**cut, "/m/5.html": Read("/m/5.html", 2, 0, frozenset(range(MAX_TEXTS)))}
    assert same_articles(part, ()) == {}


def test_pages_that_show_a_part_of_each_article_are_none_themselves() -> None:
    """Pages to download a text show its beginning. One such pair may be chance, as of an archive and an entry."""
    read: dict[str, Read] = {}
    for n in range(4):
        own = range(100 * n, 100 * n + 60)
        read |= {
            f"/a/{n}.html": Read(f"/a/{n}.html", 1, n, frozenset(own)),
            f"/dl/{n}.html": Read(f"/dl/{n}.html", 2, n, frozenset(own[:9])),
        }
    assert same_articles(read, ()) == {f"/dl/{n}.html": f"/a/{n}.html" for n in range(4)}
    assert same_articles({k: read[k] for k in ("/a/1.html", "/dl/1.html")}, ()) == {}
    turned = {k: Read(k, 3 - r.depth, r.met, r.texts) for k, r in read.items()}  # the whole one further away
    assert same_articles(turned, ()) == {}


def test_the_first_page_of_a_split_article_under_the_form_of_other_twins_is_one() -> None:
    """/plus/view.php?aid=9 shows the first of three pages of /a/9.html, as it shows all of other articles."""

    def text(n: int, share: float = 1.0) -> frozenset[int]:
        return frozenset(range(1000 * n, 1000 * n + int(40 * share)))

    read = {(k := f"/{column}/{n}.html"): Read(k, 1, 0, text(n)) for column, n in (("a", 7), ("b", 8), ("a", 9))}
    read |= {(k := f"/plus/view.php?aid={n}"): Read(k, 2, 0, text(n)) for n in (7, 8)}
    first = "/plus/view.php?aid=9"
    read[first] = Read(first, 2, 0, text(9, 0.35))
    assert same_articles(read, ())[first] == "/a/9.html"
    assert first not in same_articles({k: r for k, r in read.items() if not k.endswith("=7")}, ())


@given(st.lists(st.text("/a1?=&.html-_%", max_size=12).map(lambda t: "/" + t), max_size=12, unique=True))
def test_any_keys_give_one_kept_address_each_whatever_the_order(keys: list[str]) -> None:
    found = same_articles({k: Read(k, 1, 0, TEXTS) for k in keys}, ())
    assert found == same_articles({k: Read(k, 1, 0, TEXTS) for k in reversed(keys)}, ())
    assert not set(found) & set(found.values())


def _article(n: int, more: str = "") -> bytes:
    return f"<html><head><meta charset=utf-8></head><body>{''.join(f'<p>{n}、{i}{TEXT[:20]}第{n}次{i}会议的要求</p>' for i in range(9))}{more}</body></html>".encode()


def test_addresses_of_one_article_give_one_row_of_pages_to_read(home: Home) -> None:
    with FaultServer() as server:
        server.pages |= {"/": links(*(f"/a/{n}.html?from=list" for n in range(1, 9)), "/b/1.html")}
        for n in range(1, 9):
            server.pages[f"/a/{n}.html"] = _article(n)
            server.pages[f"/a/{n}.html?from=list"] = _article(
                n, f"<a href='/a/{n}.html'>甲</a><a href='/print/{n}.html'>打印</a>"
            )
            server.pages[f"/print/{n}.html"] = _article(n)
        server.pages["/b/1.html"] = _article(50)
        (home.root / "sites").mkdir(parents=True, exist_ok=True)
        (home.root / "sites" / "s.yaml").write_text(f"name: s\ntitle: s\nstart: [{server.url}/]\n", encoding="utf-8")
        assert crawl(home, "s", "--delay", "0").code == 0
    met = pages(home, "s")
    assert sorted(k for k, p in met.items() if p.fate is None) == [
        "/",
        *(f"/a/{n}.html" for n in range(1, 9)),
        "/b/1.html",
    ]
    assert met["/print/3.html"].fate == "redirect"
    assert "/a/3.html" in (met["/print/3.html"].why or "")


@pytest.mark.parametrize(
    ("platform", "path", "inside"),
    [
        ("generic", "/down/123.html", True),
        ("generic", "/so/123.html", True),
        ("generic", "/reg/45_2.html", True),
        ("generic", "/click/kai-mu.html", True),
        ("generic", "/doc/print-the-word.html", True),
        ("generic", "/gate/big5/www.a.test/ldjh/7.html", False),
        ("generic", "/2021/03/kai-mu/?variant=zh-tw", False),
        ("generic", "/big5/speech/7.htm", True),  # a site may have no other script
        ("generic", "/search/", False),
        ("generic", "/search?q=a", False),
        ("generic", "/search/index.html", False),
        ("generic", "/login.html", False),
        ("generic", "/down/123", False),
        ("generic", "/download.php?id=3", False),
        ("empirecms", "/e/action/ShowInfo.php?classid=3&id=7", True),
        ("empirecms", "/e/action/ListInfo/?classid=3", True),
        ("empirecms", "/e/search/result/?searchid=3", False),
        ("empirecms", "/d/7.html", True),
        ("dedecms", "/plus/view.php?aid=7", True),
        ("dedecms", "/plus/list.php?tid=7", True),
        ("dedecms", "/plus/search.php?q=a", False),
        ("dedecms", "/member/7.html", True),
        ("dedecms", "/member/index.php", False),
    ],
)
def test_rules_by_name_leave_articles_in(platform: str, path: str, inside: bool) -> None:
    """A column may be called as a service is."""
    assert (PLATFORMS / f"{platform}.yaml").is_file()
    ignore = platform_ignore("generic") + (platform_ignore(platform) if platform != "generic" else ())
    site = Site(name="s", title="s", start=("http://a.test/",), follow=Follow(ignore=ignore))
    assert in_scope(f"http://a.test{path}", site) is inside
