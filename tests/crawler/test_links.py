"""Links, pagers and addresses: pure functions on many kinds of pages."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.links import read_links
from crawler.pagers import find_pager, is_page_key, is_pager_label, places
from crawler.site import Follow, Site
from crawler.urls import Resolver, clean_url, in_scope, kind_by_pattern, template_of

TEXT = "各位代表，同志们：今天我们在这里召开大会，总结过去一年的工作，部署今后的任务，意义十分重大，影响深远。"
HERE = "http://www.a.test/x/5.html"
SITE = Site(name="a", title="a", start=("http://www.a.test/",), follow=Follow(ignore=(r"(?i)/login", r"\.pdf$")))


def page(body: str, charset: str = "utf-8", url: str = HERE, kind: str = "text/html", site: Site = SITE) -> Any:
    text = "".join(f"<p>{TEXT}</p>" for _ in range(8))
    return read_links(f"<html><body>{text}{body}</body></html>".encode(charset), kind, url, site)


def found(body: str, **words: Any) -> list[str]:
    return [t.url for t in page(body, **words).links]


@pytest.mark.parametrize(
    ("html", "url"),
    [
        ('<a href="b.html">', "http://www.a.test/x/b.html"),
        ("<A HREF=b.html>", "http://www.a.test/x/b.html"),
        ('<a href="//www.a.test/c">', "http://www.a.test/c"),
        ('<a href="?a=1">', "http://www.a.test/x/5.html?a=1"),
        ('<a href="/s.asp?b=2&amp;a=1">', "http://www.a.test/s.asp?b=2&a=1"),
        ('<a href="/s?/news/1.html">', "http://www.a.test/s?/news/1.html"),
        ('<a href=" /c \n">', "http://www.a.test/c"),
        ('<a href="\\y\\z.html">', "http://www.a.test/y/z.html"),
        ('<a href="../d/./e.html#top">', "http://www.a.test/d/e.html"),
        ('<a href="http://WWW.A.test:80/d">', "http://www.a.test/d"),
        ('<a href="/c.jsp;jsessionid=0A1B?x=1">', "http://www.a.test/c.jsp?x=1"),
        ('<a href="/c.php?id=3&PHPSESSID=abc">', "http://www.a.test/c.php?id=3"),
        ('<a href="/c.php?spm=a1.b2&id=3&from=timeline">', "http://www.a.test/c.php?id=3"),
        ('<a href="/c.php?id=3&from=list">', "http://www.a.test/c.php?id=3&from=list"),
        ('<area href="/c">', "http://www.a.test/c"),
        ('<meta http-equiv="Refresh" content="3; URL=\'/c\'">', "http://www.a.test/c"),
        ('<select><option value="/c.html">c</select>', "http://www.a.test/c.html"),
        ('<iframe src="/c">', "http://www.a.test/c"),
        ('<a href="/%e4%b8%ad">', "http://www.a.test/%E4%B8%AD"),
        ("<base href='/base/'><a href='f.html'>", "http://www.a.test/base/f.html"),
    ],
)
def test_links_are_found(html: str, url: str) -> None:
    assert found(html) == [url]


@pytest.mark.parametrize(
    "html",
    [
        '<a href="javascript:go(1)">', '<a href=" JavaScript:void(0)">', '<a href="mailto:a@b.test">', '<a href="#x">', "<a href=''>",
        '<a href="ftp://www.a.test/">', '<a href="http://b.test/">', '<a href="http://www.a.test:81/">', '<a href="/login?x=1">',
        '<a href="/a.pdf">', '<a href="http://[">', '<a href="/a/b/a/b/a/b/c.html">', '<!-- <a href="/c"> -->', "<script>'<a href=/c>'</script>",
        '<a href="/l?o=1&o=1&a=2&o=1">', '<a href="file:///etc/passwd">', '<a href="http://2130706433/">', "<a href=http://www.a.test@b.test/>",
    ],
)  # fmt: skip
def test_these_are_no_links(html: str) -> None:
    assert found(html) == []


def test_a_query_is_written_in_the_charset_of_its_page() -> None:
    assert found('<meta charset=gbk><a href="/文?名=值">', charset="gbk") == [
        "http://www.a.test/%E6%96%87?%C3%FB=%D6%B5"
    ]


def pager(url: str, *links: tuple[str, str]) -> tuple[dict[int, str], int | None] | None:
    made = find_pager(url, list(links))
    return (made.pages, made.shift) if made else None


B = "http://a.test"


@pytest.mark.parametrize(
    ("url", "links", "wanted"),
    [
        ("/a.html", [("/a_2.html", "2"), ("/a_3.html", "[3]"), ("/a_2.html", "下一页")], {1: "/a.html", 2: "/a_2.html", 3: "/a_3.html"}),
        ("/a_2.html", [("/a.html", "1"), ("/a_3.html", "第3页"), ("/a.html", "上一页")], {1: "/a.html", 2: "/a_2.html", 3: "/a_3.html"}),
        ("/a.html", [("/a-2.html", "下一页")], {1: "/a.html", 2: "/a-2.html"}),
        ("/a", [("/a/2", "2")], {1: "/a", 2: "/a/2"}),
        ("/a/", [("/a/2/", "2"), ("/a/3/", "3")], {1: "/a/", 2: "/a/2/", 3: "/a/3/"}),
        ("/a.html", [("/a/2.html", "2")], {1: "/a.html", 2: "/a/2.html"}),
        ("/v?id=7", [("/v?id=7&page=2", "2"), ("/v?id=7&page=3", "尾页")], {1: "/v?id=7", 2: "/v?id=7&page=2", 3: "/v?id=7&page=3"}),
        ("/a.html", [("/a_1.html", "2"), ("/a_2.html", "3")], {1: "/a.html", 2: "/a_1.html", 3: "/a_2.html"}),
        ("/a.html", [("/a_1.html", "下一页")], {1: "/a.html", 2: "/a_1.html"}),
        ("/a_1.html", [("/a.html", "上一页"), ("/a_2.html", "下一页")], {1: "/a.html", 2: "/a_1.html", 3: "/a_2.html"}),
        ("/a_1.html", [("/a_1.html", "1"), ("/a_2.html", "2")], {1: "/a_1.html", 2: "/a_2.html"}),
        ("/a_6.html", [("/a_5.html", "5"), ("/a_7.html", "7"), ("/a_9.html", "末页")], {5: "/a_5.html", 6: "/a_6.html", 7: "/a_7.html", 9: "/a_9.html"}),
        ("/show.asp?id=7", [("/Show.asp?ID=7&Page=2", "[2]")], {1: "/show.asp?id=7", 2: "/Show.asp?ID=7&Page=2"}),
        ("/thread-7-1-1.html", [("/thread-7-2-1.html", "2"), ("/thread-7-2-1.html", "下一页")], {1: "/thread-7-1-1.html", 2: "/thread-7-2-1.html"}),
        ("/thread-7-1-1.html", [("/thread-8-1-1.html", "2"), ("/thread-8-2-1.html", "2")], None),
        ("/a.html", [("/b_2.html", "2"), ("/b.html", "下一篇")], None),
        ("/12.html", [("/13.html", "下一篇"), ("/11.html", "上一篇")], None),
        ("/a.html", [("/a.html", "1")], None),
        ("/a.html", [("/a_2.html", "二、主要工作")], None),
        ("/?p=7", [("/", "首页")], None), ("/n/7/", [("/n/", "首页")], None),
    ],
)  # fmt: skip
def test_pagers_of_many_kinds(url: str, links: list[tuple[str, str]], wanted: dict[int, str] | None) -> None:
    made = pager(B + url, *((B + u, name) for u, name in links))
    assert (made[0] if made else None) == ({n: B + u for n, u in wanted.items()} if wanted else None)


def test_pages_of_an_article_have_their_places_whatever_the_order() -> None:
    pages = {"/a": [("/a_1", "下一页")], "/a_1": [("/a", "上一页"), ("/a_2", "下一页")], "/a_2": [("/a_1", "上一页"), ("/a_3", "下一页")],
             "/a_3": [("/a_2", "上一页")]}  # fmt: skip
    said: dict[str, Any] = {}
    for url, links in pages.items():
        made = find_pager(B + url, [(B + u, name) for u, name in links])
        assert made is not None
        said[url] = {
            "first": "/a",
            "shift": made.shift,
            "pages": {str(n): u.removeprefix(B) for n, u in made.pages.items()},
        }
    for names in (list(said), list(reversed(said))):
        found = places(names, {n: said[n] for n in names})
        assert {k: (p.article_key, p.ordinal, p.expected) for k, p in found.items()} == {
            "/a": ("/a", 1, 4), "/a_1": ("/a", 2, 4), "/a_2": ("/a", 3, 4), "/a_3": ("/a", 4, 4)
        }  # fmt: skip


def test_a_list_and_its_pagination_are_no_article() -> None:
    titles = "".join(f'<li><a href="/x/{n}.html">在全市某项工作会议上的讲话之{n}</a></li>' for n in range(30))
    body = f"<html><body>{titles}<a href='/list_2.html'>2</a><a href='/list_2.html'>下一页</a></body></html>".encode()
    read = read_links(body, "text/html; charset=utf-8", "http://www.a.test/list.html", SITE)
    assert (read.kind, read.pager) == ("list", None)
    teasers = "".join(f'<li><a href="/x/{n}.html">讲话{n}</a><p>{TEXT}……</p></li>' for n in range(10))
    body = f"<html><meta charset=utf-8><body>{teasers}<a href='/xd_2.html'>2</a></body></html>".encode()
    assert read_links(body, None, "http://www.a.test/xd.html", SITE).pager is None


def test_a_short_page_of_the_one_script_of_a_site_is_a_page_of_its_article() -> None:
    here = "http://www.a.test/index.php?m=content&a=show&id=61055"
    numbers = "".join(f'<a href="{here}&page={n}">{n}</a>' for n in (2, 3))
    short = f"<html><body><p>{TEXT}</p>{numbers}</body></html>".encode()
    read = read_links(short, "text/html", here, SITE)
    assert read.pager is not None
    assert [*read.pager.pages] == [1, 2, 3]
    lists = here.replace("show", "lists")
    assert read_links(short.replace(b"a=show", b"a=lists"), "text/html", lists, SITE).pager is None


def test_the_whole_of_pages_of_a_script_is_the_script_with_its_query() -> None:
    here = "http://www.a.test/index.php?m=content&a=show&id=61055"
    read = find_pager(here + "&page=2", [(f"{here}&page={n}", str(n)) for n in (1, 3)])
    assert read is not None
    assert (read.whole, [*sorted(read.pages)]) == (here, [1, 2, 3])


def test_a_text_that_stands_in_a_place_to_lead_to_is_an_article() -> None:
    each = "".join(f'<p><a name="OLE_LINK{n}">{TEXT}</a></p>' for n in range(8))
    assert read_links(f"<html><body>{each}</body></html>".encode(), "text/html", HERE, SITE).kind == "article"
    linked = each.replace("name=", "href=")
    assert read_links(f"<html><body>{linked}</body></html>".encode(), "text/html", HERE, SITE).kind == "list"


def test_the_page_in_the_frame_of_an_article_is_a_page_of_it() -> None:
    shown = b"<html><body><h1>Rede</h1><p>2021-03-04</p><iframe src='/text/5.htm'></iframe></body></html>"
    read = read_links(shown, "text/html", HERE, SITE)
    assert read.pager is not None
    assert read.pager.pages == {1: HERE, 2: "http://www.a.test/text/5.htm"}
    assert (
        read_links(shown, "text/html", "http://www.a.test/", SITE).pager is None
    )  # a list in the frame of a start page
    with_text = shown.replace(b"<iframe", f"<p>{TEXT}</p><iframe".encode())
    assert read_links(with_text, "text/html", HERE, SITE).pager is None  # an advert beside the text


def test_articles_have_pagers_even_when_their_pages_are_short() -> None:
    assert page("<a href='5_2.html'>下一页</a>").pager is not None
    short = f"<html><meta charset=utf-8><body><p>{TEXT}</p><a href='5_2.html'>2</a></body></html>".encode()
    assert read_links(short, None, HERE, SITE).pager is not None


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "body",
    [
        b"<a " + b"x=1 " * 200_000 + b">", b"<a x='>' " + b"y=1 " * 200_000 + b">", b"<p>" * 300_000, b"<div>" * 100_000, b"<script>" * 200_000,
        b"<!--" * 200_000, b"<a href=" * 100_000, b"<select><option value=/x?" * 50_000, b"\x00" * 100_000, b"<meta http-equiv=refresh content='url=" * 9999,
        b"&" * 500_000, b"<a href='/a'>" + b"x" * 1_000_000,
    ],
    ids=range(12),
)  # fmt: skip
def test_hostile_pages_are_read_in_no_time(body: bytes) -> None:
    began = time.process_time()
    read_links(body, "text/html", HERE, SITE)
    assert time.process_time() - began < 10  # not a matter of speed: what these were made for takes minutes


@given(
    st.binary(max_size=400),
    st.sampled_from([None, "text/html; charset=gbk", "text/html; charset=nonsense", "text/html; charset=utf-16"]),
)
def test_any_bytes_are_read(body: bytes, kind: str | None) -> None:
    read_links(b"<a href='" + body + b"'>" + body, kind, HERE, SITE)


@given(st.text(max_size=60))
def test_a_clean_address_stays_as_it_is(text: str) -> None:
    for url in (clean_url("http://a.test/" + text), clean_url(text), clean_url("http://" + text)):
        if url is not None:
            assert url.startswith(("http://", "https://"))
            assert clean_url(url) == url


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_resolver_says_the_same_twice(base: str, href: str) -> None:
    resolver = Resolver(SITE)
    at = "http://www.a.test/" + base
    assert resolver.resolve(at, href) == resolver.resolve(at, href) == Resolver(SITE).resolve(at, href)


@pytest.mark.parametrize(
    ("path", "key"),
    [("/Show.asp?ID=7&Name=A", "/show.asp?id=7&name=A"), ("/A/B.ASPX", "/a/b.aspx"), ("/Show.php?ID=7", "/Show.php?ID=7"), ("/A.asp/B", "/A.asp/B")],
)  # fmt: skip
def test_servers_that_know_no_case_have_one_key_a_page(path: str, key: str) -> None:
    assert SITE.key("http://www.a.test" + path) == key
    assert SITE.key("http://www.a.test" + key) == key


def test_scope_kinds_and_forms() -> None:
    site = Site(name="a", title="a", start=("http://www.a.test/",), allowed=("b.test:8080",),
                follow=Follow(lists=("(?i)^/LIST",), articles=(r"\d+\.html$",), pages=(r"_\d+\.html$",)))  # fmt: skip
    assert in_scope("http://b.test:8080/", site)
    assert not in_scope("http://b.test/", site)
    assert [kind_by_pattern(f"http://www.a.test{p}", site) for p in ("/list/1", "/7.html", "/7_2.html", "/about")] == [
        "list", "article", "page", None,
    ]  # fmt: skip
    assert template_of("http://a.test/2021/03/7.html?b=1&a=2") == "/0/0/0.html?a,b"


@pytest.mark.parametrize(
    ("query", "inside"),
    [
        ("sort=time", True),
        ("sort=time&order=asc&view=card", True),
        ("sort=time&sort=hits", False),
        ("sort=time&order=asc&Sort=time", False),
        ("tag[]=a&tag[]=b", True),
        ("page=2&page=3", True),
        ("page=2&page=2&page=2", False),
        ("id=7", True),
    ],
)
def test_queries_that_name_a_field_again_are_not_followed(query: str, inside: bool) -> None:
    """Links that add to the query of the page they stand on make ever longer addresses of one list."""
    site = Site(name="s", title="s", start=("http://a.example/",))
    assert Resolver(site).target(f"http://a.example/list.php?{query}").inside is inside


def test_a_feed_in_a_folder_that_is_not_followed_is_fetched() -> None:
    site = Site(name="s", title="s", start=("http://a.example/",), follow=Follow(ignore=("^/(?:data|e)/",)))
    kind = 'rel="alternate" type="application/rss+xml"'
    head = "".join(
        f'<link {kind} href="{h}">' for h in ("/data/rss.xml", "/e/web/?type=rss2", "/data/comments.xml", "/data/x/")
    )
    body = f"<html><head>{head}</head><body><a href='/1.html'>甲</a><a href='/data/2.html'>乙</a></body></html>"
    found = read_links(body.encode(), "text/html", "http://a.example/", site)
    assert [urlsplit(t.url).path for t in found.links] == ["/1.html", "/data/rss.xml", "/e/web/"]


def test_text_behind_the_end_of_a_page_is_not_its_own() -> None:
    html = "<html><body><ul><li>甲乙丙丁</li></ul></body></html>"
    for behind in ("", "<p>戊己庚辛"):
        assert read_links(f"{html}{behind}".encode(), "text/html", HERE, SITE).text == 4


@pytest.mark.parametrize("behind", ["<ul><li><a href='/c'>c</a></ul>", "<html><body><a href='/c'>c</a></body></html>"])
def test_links_behind_the_end_of_a_page_are_read(behind: str) -> None:
    body = f"<html><body><a href='/b'>b</a></body></html>{behind}".encode()
    assert [t.key for t in read_links(body, "text/html", HERE, SITE).links] == ["/b", "/c"]


@pytest.mark.parametrize("before", ["", "甲" * 9_000, "<script>" + "q=1;" * 3_000 + "</script>"])
def test_a_bomb_of_attributes_hides_no_link_behind_it(before: str) -> None:
    bomb = "<p " + " ".join(f"a{i}='>'" for i in range(1_500)) + ">"
    assert found(f"{before}{bomb}<a href='/c'>c</a><img src='data:{'x' * 9_000}'><a href='/d'>d</a>") == [
        "http://www.a.test/c",
        "http://www.a.test/d",
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("/a/7.html", "/a/7,2.html"), ("/a/7.html", "/a/7_p2.html"), ("/a/7.html", "/a/7-page-2.html"), ("/a/7.html", "/a/7p2.html"),
        ("/a/7.html", "/a/7.2.html"), ("/a/7.html", "/a/7/2"), ("/a/7/", "/a/7/page/2/"), ("/a/7", "/a/7/page/2"), ("/a/7/", "/a/7/index_2.html"),
        ("/a/7/index.html", "/a/7/2.html"), ("/a?id=7", "/a?id=7&ArticlePage=2"), ("/a?id=7", "/a?id=7&current_page=2"), ("/a?id=7", "/a?id=7&cp=2"),
    ],
)  # fmt: skip
def test_a_page_has_its_number_in_many_forms(first: str, second: str) -> None:
    there, back = pager(B + first, (B + second, "2")), pager(B + second, (B + first, "1"))
    assert there is not None
    assert back is not None
    assert there[0] == back[0] == {1: B + first, 2: B + second}


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("page", True), ("PageNo", True), ("ArticlePage", True), ("content_page", True), ("page_num", True), ("pg", True), ("pageSize", False),
        ("fpage", False), ("from_page", False), ("perpage", False), ("homepage", False), ("pages", False), ("id", False), ("pid", False),
    ],
)  # fmt: skip
def test_which_fields_number_pages(name: str, numbers: bool) -> None:
    assert is_page_key(name) == numbers


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("第二页", True), ("第十二页", True), ("下 一 页", True), ("点击进入下一页", True), ("下一页(2)", True), ("下一页 2/3", True), ("续页", True), ("›", True),
        ("NEXT", True), ("第页", False), ("二", False), ("下一篇", False), ("页面", False), ("第二编", False), ("12-03", False),
    ],
)  # fmt: skip
def test_names_of_the_links_of_pagers(name: str, inside: bool) -> None:
    assert is_pager_label(name) == inside


def test_pages_named_in_words_have_their_numbers() -> None:
    assert pager(B + "/a.html", (B + "/a_1.html", "第二页"), (B + "/a_2.html", "第三页")) == (
        {1: B + "/a.html", 2: B + "/a_1.html", 3: B + "/a_2.html"}, 1
    )  # fmt: skip


def test_articles_that_lead_to_the_next_by_an_arrow_are_no_pages_of_one() -> None:
    def said(n: int, title: int, name: str = "»") -> dict[str, Any]:
        made = find_pager(f"{B}/doc/{n}.html", [(f"{B}/doc/{n + 1}.html", name), (f"{B}/doc/{n - 1}.html", name)])
        assert made is not None
        assert made.numbered == (name != "»")
        pages = {str(i): u.removeprefix(B) for i, u in made.pages.items()}
        return {"first": "/doc.html", "shift": made.shift, "pages": pages, **({"title": title} if title else {})}

    keys = [f"/doc/{n}.html" for n in (16, 17, 18)]
    for titles, alone in (((1, 2, 3), True), ((1, 1, 1), False), ((1, 1, 2), False), ((0, 0, 0), False)):
        found = places(keys, {k: said(n, t) for k, n, t in zip(keys, (16, 17, 18), titles, strict=True)})
        assert [p.expected == 1 for p in found.values()] == [alone] * 3
        assert [p.article_key for p in found.values()] == (keys if alone else ["/doc.html"] * 3)
    # where there is a first page, they are its own
    first = {"first": "/doc.html", "shift": None, "pages": {"1": "/doc.html", "2": "/doc/2.html"}, "title": 5}
    found = places(["/doc.html", "/doc/2.html"], {"/doc.html": first, "/doc/2.html": said(2, 6)})
    assert found["/doc/2.html"].article_key == "/doc.html"


def test_the_title_of_a_page_is_told_where_arrows_alone_lead_on() -> None:
    made = [
        page(f"<title>大会讲话 第{n}页</title><a href='5_{n + 1}.html'>»</a>", url=f"http://www.a.test/x/5_{n}.html")
        for n in (2, 3)
    ]  # fmt: skip
    assert made[0].title == made[1].title != 0
    assert page("<a href='5_2.html'>2</a>").title == 0
