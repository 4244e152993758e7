"""Addresses in scripts and attributes, feeds, and other addresses of one article."""

from __future__ import annotations

import gzip
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.answers import _named
from crawler.feeds import addresses, is_feed
from crawler.home import Home
from crawler.links import read_links
from crawler.scripted import _built, _keyed, data_names
from crawler.site import Site
from tests.crawler.crawling import crawl, pages
from tests.crawler.faults import TEXT, FaultServer, Reply, html, links

SITE = Site(name="a", title="a", start=("http://a.test/",))


def found(body: str, url: str = "http://a.test/x/index.html") -> list[str]:
    read = read_links(f"<html><body>{body}</body></html>".encode(), "text/html; charset=utf-8", url, SITE)
    return [t.url.removeprefix("http://a.test") for t in read.links]


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ('<script>createPageHTML(4, 0, "index", "html");</script>', ["/x/index_1.html", "/x/index_2.html", "/x/index_3.html"]),
        ('<script>var n = 3; createPageHTML(n, 1, "index", "shtml", 40)</script>', ["/x/index_1.shtml", "/x/index_2.shtml"]),
        ("<script>createPageHTML('box', 2, 1, 'list', 'html')</script>", ["/x/list_1.html", "/x/list_2.html"]),
        ("<a href=\"javascript:location.href='list_2.html'\">2</a>", ["/x/list_2.html"]),
        ("<a href=\"javascript:goPage('/l?page=2')\">2</a>", ["/l?page=2"]),
        ("<button onclick=\"window.location.href='/a/1.html'\">go</button>", ["/a/1.html"]),
        ("<div data-href='/a/2.html'>t</div>", ["/a/2.html"]),
        ("<script>window.location.href = '/m/index.html';</script>", ["/m/index.html"]),
        ("<script>var countPage = 3; for (i=1;i<countPage;i++) document.write('<a href=\"list_' + i + '.html\">');</script>",
         ["/x/list_1.html", "/x/list_2.html", "/x/list_3.html"]),
        ("<script>function go(n){location.href='?page='+n;}</script><a href='javascript:go(2)'>2</a><a href='javascript:go(5)'>5</a>",
         ["/x/index.html?page=2", "/x/index.html?page=5"]),
        ('<link rel="next" href="/x/list_2.html">', ["/x/list_2.html"]),
        ("<div data-next-url='/c?page=2'>加载更多</div>", ["/c?page=2"]),
        ('<script>var list = [{"title": "甲", "url": "\\/a\\/1.html"}, {"title": "乙", "link": "/b/xyz"}]</script>', ["/a/1.html", "/b/xyz"]),
        ("<script>var list = [{title: '甲', url: '/a/1.html'}]</script>", ["/a/1.html"]),
        ('<script type="text/xml"><record><![CDATA[<li><a class=x href="/art/1.html">甲</a></li>]]></record></script>', ["/art/1.html"]),
        ("<script>document.write('<a href=\"/a/2.html\">乙</a>')</script>", ["/a/2.html"]),
        ("<select onchange=\"location='/l?c=2&page='+this.value\"><option value=1>1</option><option value=2>2</option></select>",
         ["/l?c=2&page=1", "/l?c=2&page=2"]),
        ("<form name=f action=l.asp><input type=hidden name=cat value=3><input name=page></form><a href='javascript:goPage(2)'>2</a>"
         "<script>function goPage(n){document.f.page.value=n;document.f.submit()}</script>", ["/x/l.asp?cat=3&page=2"]),
        ("<form action='/l'><select name=page onchange='submit()'><option value=1>1</option><option value=2>2</option></select></form>",
         ["/l?page=1", "/l?page=2"]),
        ('<link rel="alternate" type="application/rss+xml" href="/feed">', ["/feed"]),
        ("<script>function show(id){window.open('show.asp?id='+id,'','width=700');}</script><a href='javascript:show(5)'>甲</a>"
         "<li onclick=\"show('x7')\">乙</li>", ["/x/show.asp?id=5", "/x/show.asp?id=x7"]),
        ("<script>function go(id, t) {var u = '/doc/' + id + '.html'; location.href = u;} function other(x){}</script><p onclick='go(12, 1)'>丙</p>", ["/doc/12.html"]),
        ('<script>d.add(1,0,"领导讲话","list.asp?id=2"); d.add(2, 0, \'党课\', \'/dk/index.html\');</script>', ["/x/list.asp?id=2", "/dk/index.html"]),
    ],
)  # fmt: skip
def test_addresses_are_found_where_scripts_hold_them(html: str, wanted: list[str]) -> None:
    assert found(html) == wanted


@pytest.mark.parametrize(
    "html",
    [
        "<script>var a = 'index.html'; track('/a.html')</script>", "<script>location.href = base + '/a.html'</script>",
        "<script>location.href = '/a/' + id</script>", "<a href='javascript:void(0)' onclick='alert(\"/a.html\")'>x</a>",
        "<script>function f(id){if(confirm('?')) location.href='x.asp?id='+id}</script><a href='javascript:f(5)'>x</a>",
        "<script>function f(id){location.href='del.asp?id='+id}</script><a href='javascript:f(5)'>x</a>",
        "<script>function remove(id){location.href='x.asp?act=r&id='+id}</script><a href='javascript:remove(5)'>x</a>",
        "<script>function vote(id){post('/a/' + other)}</script><a href='javascript:vote(5)'>x</a>",
        "<script>function f(id){x('#tab_' + id)}</script><a onclick='f(5)'>x</a>", "<script>a('标题', '图.gif'); b('tab', 'x.html')</script>",
        "<script>createPageHTML(n, 0, 'index', 'html')</script>", "<link rel=stylesheet href='/a.css'>",
        "<script>$.ajax({url: '/vote/7'})</script>", "<script>document.write('<a href=\"/a/' + id + '.html\">')</script>",
        "<form action='/s'><input name=q></form><a href='javascript:goPage(2)'>2</a>", "<form action='/l'><input name=page></form>",
        "<script>location.href='javascript:;'</script>", "<div data-url='{\"a\":1}'>", "<script>x = 'a_' + n + '.html'</script>",
    ],
)  # fmt: skip
def test_these_are_no_addresses(html: str) -> None:
    assert found(html) == []


@given(st.text(max_size=200))
def test_any_script_is_read(text: str) -> None:
    found(f"<script>createPageHTML({text}</script><a onclick=\"location.href='{text}'\">x</a>")


RSS = b"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><link>http://a.test/</link><item><title>t</title><link>http://a.test/1.html</link></item>
<item><guid isPermaLink="false">7</guid><link> http://a.test/2.html </link></item><item><guid>http://a.test/3.html</guid></item></channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><link href="http://a.test/"/><entry><link rel="edit" href="/e"/>
<link href="/1.html"/></entry><entry><id>http://a.test/2.html</id></entry></feed>"""


def test_feeds_name_their_entries() -> None:
    assert is_feed(RSS)
    assert is_feed(b"\xef\xbb\xbf" + ATOM)
    assert not is_feed(b"<html><body>rss</body></html>")
    assert not is_feed(b"<urlset></urlset>")
    assert addresses(RSS) == ["http://a.test/1.html", "http://a.test/2.html", "http://a.test/3.html"]
    assert addresses(ATOM) == ["/1.html", "http://a.test/2.html"]
    assert addresses(RSS[: RSS.index(b"isPerma")]) == ["http://a.test/1.html"]


def test_addresses_with_a_bare_ampersand_stay_whole() -> None:
    given = (b"/s?m=1&id=2&copy=3", b"<![CDATA[/s?m=1&id=3]]>", b"/s?m=1&amp;id=4", b"/s?t=a&#38;id=5")
    feed = b"<rss><channel>%s</channel></rss>" % b"".join(b"<item><link>%s</link></item>" % g for g in given)
    wanted = ["/s?m=1&id=2&copy=3", "/s?m=1&id=3", "/s?m=1&id=4", "/s?t=a&id=5"]
    assert addresses(feed) == addresses(b'\n<?xml version="1.0"?>' + feed) == wanted
    found = _named(b"<urlset>%s</urlset>" % b"".join(b"<url><loc>%s</loc></url>" % g for g in given))
    assert (found[0], list(found[1])) == ("sitemap", wanted)


@given(st.binary(max_size=100))
def test_any_bytes_behind_a_feed_are_read(body: bytes) -> None:
    addresses(b"<rss><channel><item><link>" + body)


def _site(home: Home, server: FaultServer, more: str = "") -> None:
    home.own_sites.mkdir(parents=True, exist_ok=True)
    (home.own_sites / "s.yaml").write_text(f"name: s\ntitle: s\nstart: ['{server.url}/']\n{more}")


def test_feeds_and_packed_sitemaps_are_sources_of_addresses(home: Home) -> None:
    index = b"<sitemapindex><sitemap><loc>%s/part.xml.gz</loc></sitemap></sitemapindex>"
    with FaultServer() as server:
        here = server.url.encode()
        server.pages |= {
            "/": b'<html><head><link rel="alternate" type="application/atom+xml" href="/atom"></head><a href="/rss.php">RSS</a></html>',
            "/atom": Reply(ATOM.replace(b"http://a.test", here), headers={"Content-Type": "text/html"}),
            "/rss.php": Reply(RSS.replace(b"http://a.test", here), headers={"Content-Type": "application/xml"}),
            "/sitemap.xml": index % here,
            "/part.xml.gz": Reply(gzip.compress(b"<urlset><url><loc>%s/4.html</loc></url></urlset>" % here),
                                  headers={"Content-Type": "application/x-gzip"}),
            **{f"/{n}.html": html() for n in (1, 2, 3, 4)},
        }  # fmt: skip
        _site(home, server)
        assert crawl(home, "s", "--delay", "0").code == 0
        met = pages(home, "s")
        assert {k for k, p in met.items() if p.fate is None} == {"/", "/1.html", "/2.html", "/3.html", "/4.html"}
        server.log.clear()
        crawl(home, "s", "--delay", "0", "--refetch", "none")
        assert {"/atom", "/rss.php", "/sitemap.xml", "/part.xml.gz"} <= set(server.paths())


OTHER = "秋收时节,村里的晒场上铺满了稻谷,老人们坐在树荫下说起往年的收成。"


def _article(words: str, canonical: str, text: str = TEXT) -> bytes:
    paragraphs = "".join(f"<p>{n}{words}{text}</p>" for n in range(9))
    return f"<html><head><meta charset=utf-8><link rel=canonical href='{canonical}'></head><body>{paragraphs}</body></html>".encode()


def test_another_address_of_an_article_gives_no_second_one(home: Home) -> None:
    with FaultServer() as server:
        server.pages |= {
            "/": links("/a/1.html", "/a/2.html", "/a/3.html", "/print.php?id=1", "/wap/2.html", "/wap/3.html"),
            "/a/1.html": _article("甲", "/a/1.html"), "/print.php?id=1": _article("甲", "/a/1.html"),
            "/a/2.html": html(), "/wap/2.html": _article("乙", "/a/2.html", OTHER),  # another text
            "/a/3.html": _article("丙", "/"), "/wap/3.html": _article("丙", "/"),  # every page names the first one
        }  # fmt: skip
        _site(home, server)
        for _ in range(2):
            assert crawl(home, "s", "--delay", "0", "--refetch", "all").code == 0
            met = pages(home, "s")
            assert met["/print.php?id=1"].fate == "redirect"
            assert "/a/1.html" in (met["/print.php?id=1"].why or "")
            assert [k for k, p in met.items() if p.fate is None] == [
                "/",
                "/a/1.html",
                "/a/2.html",
                "/a/3.html",
                "/wap/2.html",
            ]
            assert "another address" in (met["/wap/3.html"].why or "")  # which it does not say itself


def test_patterns_that_leave_others_out_and_such_that_do_not(home: Home) -> None:
    with FaultServer() as server:
        server.pages |= {"/": links("/a/1.html", "/b/2.html"), "/a/1.html": html(), "/b/2.html": html()}
        _site(home, server, "follow: {articles: ['^/a/']}\n")
        crawl(home, "s", "--delay", "0")
        assert set(pages(home, "s")) == {"/", "/a/1.html"}
        _site(home, server, "follow: {articles: ['^/a/'], others: follow}\n")
        crawl(home, "s", "--delay", "0", "--refetch", "all")
        assert set(pages(home, "s")) == {"/", "/a/1.html", "/b/2.html"}


# What is searched in steps, because that is quicker, is what one pattern says.
NAMED = re.compile(
    r"""(?P<mark>["'])?\b\w{0,20}(?:url|href|link)(?(mark)(?P=mark))\s*[:=]\s*(?P<q>["'])(?P<at>(?:[^"'\s<>\\]|\\/){2,300})(?P=q)""",
    re.IGNORECASE,
)
JOINED = re.compile(
    r"""(?P<head>[\w./?&=%-]{0,120}[_\-/=])["']\s*\+\s*\(?[\w.]{1,30}(?:\s*[-+]\s*\d)?\)?\s*(?:\+\s*["'](?P<tail>\.(?:s?html?|aspx?|php|jsp)(?:\?[\w=&-]*)?)["'])?"""
)
ATTRIBUTES = re.compile(r"\bdata-(?:\w+-)*(?:url|href|link)(?:-\w+)?(?=\s*=)", re.IGNORECASE)
PIECES = ("url", "href", "link", "URL", "Link", "l\u0131nk", "L\u0130NK", "lin\u212a", '"', "'", ":", "=", " ", "\n", "/", "\\/", "\\", "x",
          "_", "9", ".html", "/a/1.html", "?", "<", ">", "-", "data-", "DATA-", "+", "+n+", '"list_"', "(n+1)", "'.html'", "?page=", "中", "b" * 21,
          "c" * 119, '"url":"/a/2.html"', "url='/b.html'", '"x_"+n+".html"')  # fmt: skip


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=24).map("".join))
def test_addresses_are_those_that_one_pattern_finds(script: str) -> None:
    assert list(_keyed(script)) == [(m["at"], bool(m["mark"])) for m in NAMED.finditer(script)]
    assert data_names(script) == sorted({m[0].lower() for m in ATTRIBUTES.finditer(script)})
    joined = [(m["head"], m["tail"] or "") for m in JOINED.finditer(script)]
    made = [f"{head}3{tail}" for head, tail in joined if (tail and head) or head.endswith(("?page=", "&page="))]
    assert [at for at, _ in _built(script, ["3"])] == made
