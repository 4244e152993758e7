"""Sites that answer strangely, crawled three times: chains of redirects, cookies, wrong headers, notices instead of pages, sessions, refusals."""

from __future__ import annotations

import gzip
import itertools
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crawler.answers import MAX_HOPS
from crawler.home import Home
from crawler.hosts import FORBIDDING, PACE, REFUSING, Host
from crawler.noise import Noise
from crawler.notices import notice_of
from crawler.state import SiteState, text_time
from crawler.traps import LAST
from tests.crawler.crawling import Rounds, crawl, pages
from tests.crawler.faults import Asked, FaultServer, Reply, html, links, site_file

NAMES = ("detours", "wires", "notices", "closed", "members", "lies", "sessions", "facets", "shut", "home", "mending")
CAPTCHA = "<html><head><meta charset=utf-8><title>安全验证</title></head><body>您的访问过于频繁，请输入验证码后继续访问 {}</body></html>"
CLOSED = "<html><head><meta charset=utf-8><title>系统维护</title></head><body><h1>网站升级维护中</h1><p>请稍后访问。</p></body></html>"
MISSING = (
    "<html><head><meta charset=utf-8></head><body>抱歉，该文档不存在或者已经被删除。<a href='/'>首页</a></body></html>"
)
SHORT = "<html><head><meta charset=utf-8><title>在系统升级会上的讲话</title></head><body><h1>在系统升级会上的讲话</h1><p>同志们，系统升级了。</p></body></html>"
LOGIN = "<html><head><meta charset=utf-8></head><body><form>请先登录 用户名<input name=u> 密码<input type=password name=p></form></body></html>"
NOTHING = "<html><head><meta charset=utf-8><title>出错了</title></head><body>您访问的页面不存在</body></html>"


def article(n: int, more: str = "") -> bytes:
    """An article whose texts stand on no other."""
    return html(
        f"<p>第{n}号议题的要求是这样的，第{n}号议题的目标是那样的，请第{n}小组记录。</p>{more}",
        title=f"第{n}次会议上的讲话",
    )


def names(count: int, form: str = "/a{}.html") -> list[str]:
    return [form.format(n) for n in range(count)]


def lead(target: str, status: int = 302, **headers: str) -> Reply:
    return Reply(status=status, headers={"Location": target, **{k.replace("_", "-"): v for k, v in headers.items()}})


def _detours(server: FaultServer) -> None:
    """A start page that sees by way of another address whether its cookie came; redirects without end."""

    def start(asked: Asked) -> Reply:
        if "seen=1" in asked.headers.get("cookie", ""):
            return Reply(links("/a.html", "/chain0", "/round1"))
        return lead("/check", Set_Cookie="seen=1; Path=/")

    server.pages |= {"/": start, "/check": lead("/"), "/a.html": article(1)}
    server.pages |= {f"/chain{n}": lead(f"/chain{n + 1}") for n in range(200)}
    server.pages |= {"/round1": lead("/round2"), "/round2": lead("/round1")}


def _wires(server: FaultServer) -> None:
    body = article(2)
    plain = {
        "long": Reply(body, length=len(body) + 500),  # always too long, and whole
        "gzip": Reply(body, headers={"Content-Encoding": "gzip"}),  # called so, and plain
        "br": Reply(body, headers={"Content-Encoding": "br"}),
        "hidden": Reply(gzip.compress(body)),  # packed, and not called so
        "raw": Reply(zlib.compress(body)[2:-4], headers={"Content-Encoding": "deflate"}),
        "xml": Reply(body, headers={"Content-Type": "application/xml; charset=utf-8"}),
        "typo": Reply(body, headers={"Content-Type": "text/htm"}),
        "bare": Reply(
            body.replace(b"<html><head>", b"").replace(b"</head><body>", b""), headers={"Content-Type": "text/plain"}
        ),
        "open": Reply(
            raw=b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n"
            % (len(body), body)
        ),
        "half": [
            Reply(raw=b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + body[: len(body) // 2]),
            Reply(body),
        ],
    }
    no_pages = {
        "code": Reply(b"body {margin: 0}", headers={"Content-Type": "text/css"}),
        "text": Reply("同志们。".encode(), headers={"Content-Type": "text/plain"}),
        "bytes": Reply(b"\x00\x01<" * 500, headers={"Content-Encoding": "gzip"}),
    }
    server.pages["/"] = links(*(f"/{k}.html" for k in (*plain, *no_pages)))
    server.pages |= {f"/{k}.html": v for k, v in {**plain, **no_pages}.items()}


def _sessions(server: FaultServer) -> None:
    """Every link of every page has a session that is new with each answer; the pages do not mind which."""
    count = itertools.count(0x1A2B3C4D, 7919)

    def page(asked: Asked) -> Reply:
        token = f"a{next(count):x}"
        path, _, query = asked.path.partition("?")
        told = dict(q.split("=") for q in query.split("&") if q)
        if path == "/show.php":
            n = int(told["id"])
            return Reply(
                article(n, f'<a href="/show.php?id={n % 20 + 1}&sid={token}">第{n % 20 + 1}次会议上的讲话</a>')
            )
        first = int(told.get("page", "1")) * 10 - 9
        rows = "".join(
            f'<li><a href="/show.php?id={n}&sid={token}">第{n}次会议上的讲话</a></li>' for n in range(first, first + 10)
        )
        pager = "".join(f'<a href="/list.php?page={n}&sid={token}">{n}</a>' for n in (1, 2))
        return Reply(f"<html><meta charset=utf-8><body><ul>{rows}</ul>{pager}</body></html>".encode())

    class Pages(dict[str, object]):
        def get(self, key: str, default: object = None) -> object:
            return page if key.startswith(("/list.php", "/show.php")) or key == "/" else super().get(key, default)

    server.pages = Pages(server.pages)


def _facets(server: FaultServer) -> None:
    """Lists of the same few titles under ever more conditions in the path."""

    def page(path: str) -> Reply:
        more = "".join(f'<a href="{path}{w}/">{w}</a>' for w in ("c1", "c2", "c3", "c4", "c5") if w not in path)
        return Reply(links(*names(6)).replace(b"</body>", more.encode() + b"</body>"))

    class Pages(dict[str, object]):
        def get(self, key: str, default: object = None) -> object:
            return page(key) if key.startswith("/f/") else super().get(key, default)

    server.pages = Pages(
        {**server.pages, "/": links("/f/", *names(6)), **{n: article(i) for i, n in enumerate(names(6))}}
    )


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rounds]:
    home = Home.find(tmp_path_factory.mktemp("strange"))
    with ExitStack() as stack:
        servers = {n: stack.enter_context(FaultServer()) for n in NAMES}
        for name, server in servers.items():
            site_file(home, name, server.url)
        _detours(servers["detours"])
        _wires(servers["wires"])
        _sessions(servers["sessions"])
        _facets(servers["facets"])
        for name in ("notices", "closed", "members", "shut", "home", "mending"):
            many = 3 * FORBIDDING if name == "members" else 12
            servers[name].pages["/"] = links(*names(many))
            servers[name].pages |= {n: article(i) for i, n in enumerate(names(many))}
        servers["notices"].pages |= {"/": links(*names(12), "/short.html"), "/short.html": SHORT.encode()}
        lies = servers["lies"].pages
        lies["/"] = links("/list.html")
        lies["/list.html"], lies["/a0.html"] = _always(links("/a0.html")), _always(article(0))
        found = Rounds(home, servers, NAMES)
        found.go()
        # the second round: trouble
        notices = servers["notices"].pages
        notices["/a0.html"], notices["/a1.html"] = notices["/"], LOGIN.encode()
        notices["/a3.html"] = notices["/a4.html"] = MISSING.encode()
        servers["closed"].pages |= dict.fromkeys(["/", *names(12)], CLOSED.encode())
        servers["members"].pages |= dict.fromkeys(["/", *names(3 * FORBIDDING)], Reply(b"no", 403))
        lies["/list.html"], lies["/a0.html"] = _always(links("/a0.html", "/a1.html")), _always(article(70))
        lies["/a1.html"] = article(1)
        servers["shut"].pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /a1")
        servers["home"].pages |= {
            "/a0.html": lead("/"),
            "/a1.html": lead("/error"),
            "/a3.html": lead("/", 301),
            "/a2.html": lead("/login"),
            "/error": NOTHING.encode(),
        }
        servers["home"].pages["/login"] = b"<html><body><form><input name=u></form></body></html>"
        servers["mending"].pages |= dict.fromkeys(names(12), lead("/"))
        found.go()
        # the third: most is in order again, and one site asks who we are
        servers["closed"].pages |= {"/": links(*names(12))} | {n: article(i) for i, n in enumerate(names(12))}
        servers["members"].pages |= {"/": links(*names(12))} | {n: article(i) for i, n in enumerate(names(12))}
        count = itertools.count()
        for i in range(5, 12):
            notices[f"/a{i}.html"] = _asks(article(i), count)
        found.go()
        yield found


def _always(body: bytes) -> Callable[[Asked], Reply]:
    """A page whose validator never changes, whatever it shows."""
    tag = {"ETag": '"1"'}
    return lambda asked: (
        Reply(status=304, headers=tag) if "if-none-match" in asked.headers else Reply(body, headers=tag)
    )


def _asks(body: bytes, count: Iterator[int]) -> Callable[[Asked], Reply]:
    """A page of a site that asks twice who we are, for all its pages together, and then is content."""

    def answer(asked: Asked) -> Reply:
        n = next(count)
        return Reply(CAPTCHA.format(n).encode() if n < 2 else body)

    return answer


def test_redirects_without_end_are_left(story: Rounds) -> None:
    for day in range(3):
        assert sum("/chain" in p for p in story.paths(day, "detours")) == MAX_HOPS + 1
    assert (
        story.states[0]["detours"][f"/chain{MAX_HOPS}"].why
        == f"leads on and on, after {MAX_HOPS} redirects to /chain{MAX_HOPS + 1}"
    )


def test_a_cookie_that_is_tried_by_way_of_another_address_opens_the_site(story: Rounds) -> None:
    for day in range(3):
        assert story.error(day, "detours") is None
        assert {"/", "/a.html"} <= story.read(day, "detours")
        assert story.paths(day, "detours").count("/") == 2


def test_wrong_headers_hide_no_page(story: Rounds) -> None:
    good = {f"/{k}.html" for k in ("long", "gzip", "br", "hidden", "raw", "xml", "typo", "bare", "open", "half")}
    assert story.read(0, "wires") == {"/", *good}
    same = {story.body(0, "wires", k) for k in good - {"/bare.html"}}
    assert len(same) == 1, "all of them whole"
    assert {story.states[0]["wires"][f"/{k}.html"].fate for k in ("code", "text")} == {"not_html"}
    assert story.states[0]["wires"]["/bytes.html"].fate == "error"


def test_a_page_that_says_that_it_is_gone_is_gone_when_it_was_an_article(story: Rounds) -> None:
    for key in ("/a3.html", "/a4.html"):
        assert [s["notices"][key].fate for s in story.states] == [None, "gone", "gone"]
        assert story.states[1]["notices"][key].why == "says that nothing is there"
        assert story.paths(1, "notices").count(key) == 2


def test_an_article_that_shows_a_list_instead_is_gone_and_one_to_log_in_is_a_detour(story: Rounds) -> None:
    assert [s["notices"]["/a0.html"].fate for s in story.states] == [None, "gone", "gone"]
    assert story.states[1]["notices"]["/a0.html"].why == "shows / instead"
    assert story.body(1, "notices", "/a1.html") == story.body(0, "notices", "/a1.html")
    assert story.paths(1, "notices").count("/a1.html") == 1


def test_a_short_page_may_use_such_words(story: Rounds) -> None:
    assert all("/short.html" in story.read(day, "notices") for day in range(3))
    assert [story.paths(day, "notices").count("/short.html") for day in range(3)] == [2, 1, 1]


def test_what_asks_who_we_are_takes_the_place_of_no_page(story: Rounds) -> None:
    assert story.error(2, "notices") is None
    for key in names(12)[5:]:
        assert story.body(2, "notices", key) == story.body(0, "notices", key)
    asked = [a for a in story.asked[2]["notices"] if a.path in names(12)[5:]]
    assert len(asked) == 7 + 2
    assert asked[-1].began - asked[-2].began > PACE / 2, "it is asked more slowly from then on"


def test_a_host_that_goes_on_refusing_is_left_alone() -> None:
    host = Host("example.org")
    waits = []
    for n in range(REFUSING):
        assert host.trouble(f"/{n}", answered=True) == "page"
        waits.append(host.too_much(None, 0.0))
    assert waits == [2, 4, 8, 16, 32, 32]
    assert host.trouble("/again", answered=True) == "host"
    assert host.delay(0.0) == PACE
    host.answered_well()
    assert host.trouble("/again", answered=True) == "page"
    host.too_much(5.0, 0.0)
    assert host.delay(0.0) == 2 * PACE, "it was too much again"


def test_a_site_that_is_closed_for_maintenance_loses_nothing(story: Rounds) -> None:
    assert "maintenance" in (story.error(1, "closed") or "")
    assert story.read(1, "closed") == story.read(0, "closed") == story.read(2, "closed")
    assert story.error(2, "closed") is None


def test_a_host_that_forbids_everything_is_left_alone_and_looked_at_the_next_time(story: Rounds) -> None:
    assert "403 to everything" in (story.error(1, "members") or "")
    assert len(story.paths(1, "members")) <= FORBIDDING + 4
    assert story.read(1, "members") == story.read(0, "members")
    assert story.error(2, "members") is None
    assert set(names(12)) <= set(story.paths(2, "members"))


def test_validators_that_do_not_change_with_the_page_are_not_relied_on(story: Rounds) -> None:
    assert "/a1.html" in story.read(1, "lies")
    assert story.body(1, "lies", "/a0.html") != story.body(0, "lies", "/a0.html")


def test_a_304_that_leaves_out_how_a_body_was_packed_is_believed(home: Home) -> None:
    def packed(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == '"5d8-gzip"':
            return Reply(status=304, headers={"ETag": '"5d8"'})
        return Reply(article(0), headers={"ETag": '"5d8-gzip"'})

    with FaultServer() as server:
        server.pages |= {"/": links("/a0.html"), "/a0.html": packed}
        site_file(home, "packed", server.url)
        crawl(home, "packed")
        server.log.clear()
        assert crawl(home, "packed", "--refetch", "all").sites["packed"]["not_modified"] == 1
        assert [a.status for a in server.asked("/a0.html")] == [304]


@pytest.mark.parametrize("tag", ['"1"', 'W/"1"'])
def test_articles_are_asked_for_whole_now_and_then(home: Home, tag: str) -> None:
    """Validators of lists change with them and those of articles do not."""

    def always(body: bytes) -> Callable[[Asked], Reply]:
        same = {"ETag": tag}
        return lambda asked: (
            Reply(status=304, headers=same) if "if-none-match" in asked.headers else Reply(body, headers=same)
        )

    with FaultServer() as server:
        server.pages |= {
            "/": links("/a0.html", "/a1.html"),
            "/a0.html": always(article(0)),
            "/a1.html": always(article(1)),
        }
        site_file(home, "late", server.url)
        crawl(home, "late")
        server.pages |= {"/a0.html": always(article(70)), "/a1.html": always(article(71))}
        assert crawl(home, "late", "--refetch", "all").sites["late"]["not_modified"] == 2
        with SiteState.open(home, "late") as state:
            assert not state.meta("validators")
            for key, days in (("/a0.html", 11), ("/a1.html", 9)):
                state.update(key, whole_at=text_time(datetime.now(UTC) - timedelta(days=days)))
            state.commit()
        ran = crawl(home, "late", "--refetch", "all").sites["late"]
        assert ran["changed"] == 2, (
            "the one was asked for whole, and then the other, for the first showed that validators say nothing"
        )
        with SiteState.open(home, "late", read_only=True) as state:
            assert "/a0.html changed" in (state.meta("validators") or "")


def test_sessions_that_are_new_on_each_page_are_no_part_of_an_address(story: Rounds) -> None:
    for day in range(3):
        shown = [p for p in story.paths(day, "sessions") if p.startswith("/show.php")]
        assert {p.partition("&")[0] for p in shown} == {f"/show.php?id={n}" for n in range(1, 21)}
        assert len(shown) <= 45
        assert len(story.paths(day, "sessions")) <= 65
    first, last = (
        sum(p.fate is None for k, p in s["sessions"].items() if k.startswith("/show"))
        for s in (story.states[0], story.states[2])
    )
    assert first == last == 20


def test_lists_of_the_same_under_ever_more_conditions_end(story: Rounds) -> None:
    assert sum(p.startswith("/f/") for p in story.paths(0, "facets")) <= 6 * LAST
    assert set(names(6)) <= story.read(0, "facets")


def test_a_new_run_asks_anew_what_robots_forbid(story: Rounds) -> None:
    assert not any(p.startswith("/a1") for p in story.paths(1, "shut"))
    assert all(story.paths(day, "shut").count("/robots.txt") == 1 for day in range(3))


def test_an_article_that_leads_to_the_start_page_or_to_one_that_says_so_is_gone(story: Rounds) -> None:
    assert {story.states[1]["home"][k].fate for k in ("/a0.html", "/a3.html")} == {"gone"}
    assert story.states[1]["home"]["/a1.html"].fate == "gone"
    assert "/a2.html" in story.read(1, "home"), "a detour to a login deletes nothing"


def test_a_site_that_sends_everybody_to_its_start_page_loses_nothing(story: Rounds) -> None:
    assert set(names(12)) <= story.read(1, "mending")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.find(tmp_path)


def test_a_host_that_says_once_that_it_is_too_much_is_asked_more_slowly(home: Home) -> None:
    """More than four requests in a second are answered 429, without a word of how long to wait."""
    with FaultServer() as server:

        def limited(body: bytes) -> Callable[[Asked], Reply]:
            def answer(asked: Asked) -> Reply:
                return Reply(b"", 429) if sum(a.began > asked.began - 1 for a in server.log) >= 4 else Reply(body)

            return answer

        server.pages["/"] = limited(links(*names(8)))
        server.pages |= {n: limited(article(i)) for i, n in enumerate(names(8))}
        site_file(home, "slow", server.url)
        ran = crawl(home, "slow", "--delay", "0")
        assert ran.sites["slow"]["error"] is None
        assert sum(p.fate is None for p in pages(home, "slow").values()) == 9
        assert sum(a.status == 429 for a in server.log) == 1


def test_a_site_whose_pages_all_want_a_cookie_is_crawled_in_pieces(home: Home) -> None:
    """Each attempt begins without the cookie, and ends at any place of the way to it and back."""
    with FaultServer() as server:

        def wants(path: str, body: bytes) -> None:
            def answer(asked: Asked) -> Reply:
                if "seen=1" in asked.headers.get("cookie", ""):
                    return lead(path) if "ck=1" in asked.path else Reply(body)
                return lead(f"{path}?ck=1", Set_Cookie="seen=1; Path=/")

            server.pages |= {path: answer, f"{path}?ck=1": answer}

        wants("/", links(*names(6)))
        for i, n in enumerate(names(6)):
            wants(n, article(i))
        site_file(home, "pieces", server.url)
        for attempt in range(20):
            if crawl(home, "pieces", "--limit", str(3 + attempt % 3)).sites["pieces"]["finished"]:
                break
        assert {k for k, p in pages(home, "pieces").items() if p.fate is None} == {"/", *names(6)}


def test_a_site_at_an_ipv6_address_is_crawled(home: Home) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        server = FaultServer("::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with server:
        server.pages |= {
            "/": links(f"{server.url}/a.html", server.url.replace("[::1]", "[0:0:0:0:0:0:0:1]") + "/b.html")
        }
        server.pages |= {"/a.html": article(1), "/b.html": article(2)}
        site_file(home, "six", server.url)
        assert crawl(home, "six").code == 0
        assert {k for k, p in pages(home, "six").items() if p.fate is None} == {"/", "/a.html", "/b.html"}


def test_a_sitemap_of_paths_alone_is_read(home: Home) -> None:
    with FaultServer() as server:
        server.pages |= {"/": links("/a.html"), "/a.html": article(1), "/b.html": article(2)}
        server.pages["/sitemap.xml"] = Reply(b"/a.html\r\n/b.html\r\n", headers={"Content-Type": "text/plain"})
        site_file(home, "paths", server.url)
        assert crawl(home, "paths").code == 0
        assert "/b.html" in pages(home, "paths")


@pytest.mark.parametrize(
    ("words", "outside", "titles", "what"),
    [
        ("安全验证 您的访问过于频繁，请输入验证码后继续访问", 30, 0, "check"),
        ("Just a moment... Checking your browser before accessing", 60, 0, "check"),
        ("网站升级维护中，请稍后访问", 20, 0, "closed"),
        ("抱歉，该文档不存在或者已经被删除。", 20, 30, "gone"),
        ("404 Not Found", 20, 0, "gone"),
        ("您要找的页面可能已经搬家", 20, 9, "gone"),
        ("用户名 密码 验证码 登录", 40, 40, None),  # a list with a form to log in
        ("在信息系统升级改造会议上的讲话 同志们", 2000, 0, None),
        ("网站防火墙 您的请求带有不合法参数，已被网站管理员设置拦截！", 40, 0, "check"),
        ("提示 请开启JavaScript并刷新该页", 20, 0, "check"),
        ("出错了 Can not connect to MySQL server", 40, 0, "broken"),
        ("Microsoft OLE DB Provider for ODBC Drivers 错误 '80004005'", 50, 0, "broken"),
        ("ADODB.Field 错误 '800a0bcd' BOF 或 EOF 中有一个是“真”，或者当前的记录已被删除", 60, 0, "gone"),
        ("“/”应用程序中的服务器错误。 运行时错误", 30, 0, "broken"),
        ("Fatal error: Uncaught Error in /www/conn.php:3", 60, 0, "broken"),
        ("HTTP Status 500 – 内部错误", 20, 0, "broken"),
        ("恭喜，站点创建成功！ 这是默认index.html", 40, 0, "broken"),
        ("该域名正在出售，有意者请联系", 20, 0, "broken"),
        ("该网站未完成备案，暂时无法访问", 20, 0, "broken"),
        ("在数据库建设推进会上的讲话 数据库服务广大群众", 40, 0, None),
        ("在网站备案工作会议上的讲话", 40, 0, None),
        ("范文列表 首页 讲话", 30, 20, None),
        ("查無此筆資料! 回上一頁", 12, 0, "gone"),
        ("您访问的文章正在审核中 返回首页", 20, 0, "gone"),
        ("应版权方要求,本文已下线", 20, 0, "gone"),
        ("您查看的公文已被管理员隐藏", 20, 0, "gone"),
        ("该主题已被移至回收站", 20, 0, "gone"),
        ("The requested URL was not found on this server.", 40, 0, "gone"),
        ("链接无效", 4, 0, "gone"),
        ("對不起,您要查看的資料不存在", 20, 0, "gone"),
        ("在开学典礼上的讲话 同学们 上一篇：没有了 下一篇： 相关文章", 300, 1, None),
    ],
)
def test_notices_are_told_by_their_words_where_nothing_else_stands(
    words: str, outside: int, titles: int, what: str | None
) -> None:
    assert notice_of(words, outside, titles) == what


def test_a_page_that_says_it_is_deleted_is_gone_though_a_form_to_log_in_stands_above_it() -> None:
    form = "用户名 密码 自动登录 登录 立即注册 "
    assert notice_of(form + "提示信息 抱歉，指定的主题不存在或已被删除或正在被审核", 60, 0, password=True) == "gone"
    assert notice_of(form + "抱歉，您尚未登录，该内容不存在或没有权限查看", 60, 0, password=True) == "login"
    assert notice_of(form, 30, 0, password=True) == "login"


def test_an_article_that_leads_to_the_list_of_its_column_is_gone(home: Home) -> None:
    many = names(12, "/jh/{}.html")
    login = b'<form><input name=u><input type="password" name=p></form></body>'
    with FaultServer() as server:
        server.pages |= {"/": links("/jh/list.html", "/vip/list.html"), "/jh/list.html": links(*many)}
        server.pages["/vip/list.html"] = links(*many).replace(b"</body>", login)
        server.pages |= {n: article(i) for i, n in enumerate(many)}
        site_file(home, "column", server.url)
        assert crawl(home, "column").code == 0
        server.pages |= {many[0]: lead("/jh/list.html"), many[1]: lead("/vip/list.html")}
        assert crawl(home, "column", "--refetch", "all").code == 0
        found = pages(home, "column")
        assert (found[many[0]].fate, found[many[0]].why) == ("gone", "leads to /jh/list.html, a list")
        assert found[many[1]].fate is None, "a form to log in is a detour"
        server.pages |= dict.fromkeys(many[2:], lead("/jh/list.html"))
        assert crawl(home, "column", "--refetch", "all").code == 0
        assert {pages(home, "column")[n].fate for n in many[2:]} == {None}, "a site that sends all away is being mended"


def test_what_one_address_alone_says_takes_the_place_of_no_article(home: Home) -> None:
    """An error of a database, a captcha, a form to log in below a footer that stands on every page, and nothing at all."""
    foot = "<p>版权所有：某某文库，未经书面许可不得转载本站的任何内容。</p></body>"

    def page(body: str) -> bytes:
        return f"<html><meta charset=utf-8><body>{body}{foot}</html>".encode()

    said = {
        "/a0.html": page("Microsoft OLE DB Provider 错误 '80004005'"),
        "/a1.html": page("访问过于频繁，请输入验证码"),
        "/a2.html": page("请先登录 用户名<input name=u> 密码<input type=password name=p>"),
        "/a3.html": b"<html><script>document.cookie='a=1';location.reload()</script></html>",
        "/a4.html": page("该文章不存在或已删除"),
        "/a5.html": "<meta charset=utf-8><script>alert('该文章不存在或已被删除!');history.back();</script>".encode(),
        "/a6.html": '<meta charset=utf-8><script>alert("请先登录");history.back();</script>'.encode(),
    }
    with FaultServer() as server:
        count = itertools.count()
        server.pages["/"] = links(*names(12), "/count.html")
        server.pages["/count.html"] = lambda _: f"<html><script>var n={next(count)}</script></html>".encode()
        server.pages |= {n: article(i).replace(b"</body>", foot.encode()) for i, n in enumerate(names(12))}
        site_file(home, "one", server.url)
        assert crawl(home, "one").code == 0
        before = pages(home, "one")
        server.pages |= said
        server.log.clear()
        assert crawl(home, "one", "--refetch", "all").code == 0
        began = sorted(a.began for a in server.log if a.path not in said)
        assert max(b - a for a, b in itertools.pairwise(began)) < PACE, "the others are asked as fast as before"
    after = pages(home, "one")
    assert after["/a4.html"].fate == after["/a5.html"].fate == "gone"
    assert [a.path for a in server.log].count("/count.html") == 1, "it never showed anything"
    for key in ("/a0.html", "/a1.html", "/a2.html", "/a3.html", "/a6.html"):
        assert (after[key].fate, after[key].address) == (None, before[key].address), key


def test_a_field_says_nothing_when_several_things_are_shown_under_other_values_of_it() -> None:
    noise = Noise()
    for n, token in itertools.product(range(1, 4), ("a1", "b2")):
        learned = noise.seen(f"/show?id={n}&k={token}", 100 + n, 0)
    assert learned
    assert noise.plain("/show?id=9&k=zz") == "/show?id=9"
    assert noise.plain("/other?id=9&k=zz") == "/other?id=9&k=zz"
    assert Noise(noise.kept()).silent == noise.silent == {"/show": {"k"}}


def test_pages_of_one_form_are_signs_together() -> None:
    noise = Noise()
    for n, token in itertools.product(range(1, 4), ("a1", "b2")):
        noise.seen(f"/m/{n}.html?from={token}", 100 + n, 0)
    assert noise.plain("/m/77.html?from=zz") == "/m/77.html"
    assert noise.plain("/m/77.html?to=zz") == "/m/77.html?to=zz"


def test_fields_that_change_together_are_told_too() -> None:
    noise = Noise()
    for n, token in itertools.product(range(1, 4), ("a1", "b2")):
        noise.seen(f"/show?id={n}&k={token}&t={token}9", 100 + n, 0)
    assert noise.plain("/show?id=9&k=zz&t=7") == "/show?id=9"


def test_one_page_for_every_number_and_pages_of_a_list_prove_nothing() -> None:
    noise = Noise()
    for n in range(1, 30):
        assert not noise.seen(f"/show?id={n}", 1, 40), "nothing is there, for all of them"
        assert not noise.seen(f"/list?page={n}", 2, 40), "the last page, shown behind it again and again"
        assert not noise.seen(f"/list?from={20 * n}&cat=1", n, 40)
        assert not noise.seen(f"/view?id={n}&cat={n % 3}", 50 + n, 40)
