"""Pages that are had only by a way round: lists as JSON behind a button, sessions in the path, https where there is only http, sitemaps as lists of lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.feeds import data_addresses, read_data
from crawler.home import Home
from crawler.state import SiteState
from crawler.urls import clean_url
from tests.crawler.crawling import crawl, pages
from tests.crawler.faults import Asked, FaultServer, Reply, html, links


def _site(home: Home, server: FaultServer) -> None:
    (home.root / "sites").mkdir(parents=True, exist_ok=True)
    (home.root / "sites" / "s.yaml").write_text(f"name: s\ntitle: s\nstart: [{server.url}/]\n", encoding="utf-8")


def test_a_session_in_the_path_is_no_part_of_an_address() -> None:
    assert clean_url("http://a.test/(S(lit3py55t21z))/b/c.aspx?id=7") == "http://a.test/b/c.aspx?id=7"
    assert clean_url("http://a.test/x/(S(a)F(b))/c.aspx") == "http://a.test/x/c.aspx"
    assert clean_url("http://a.test/c(1)/d.html") == "http://a.test/c(1)/d.html"


def test_a_server_that_wants_its_session_in_the_path_gets_it(home: Home) -> None:
    tokens = iter(range(1000))

    def lead(asked: Asked) -> Reply:
        return Reply(status=302, headers={"Location": f"/(S(k{next(tokens)})){asked.path}"})

    class Server(FaultServer):
        def _reply(self, asked: Asked) -> Reply:
            head, mark, rest = asked.path.partition("))")
            if mark and head.startswith("/(S("):
                return Reply(html() if rest == "/a.aspx" else links(f"{head}))/a.aspx"))
            return lead(asked) if asked.path in ("/", "/a.aspx") else super()._reply(asked)

    with Server() as server:
        _site(home, server)
        for _ in range(2):
            assert crawl(home, "s", "--delay", "0", "--refetch", "all").code == 0
            met = pages(home, "s")
            assert {k: p.fate for k, p in met.items()} == {"/": None, "/a.aspx": None}
            assert met["/a.aspx"].url == f"{server.url}/a.aspx"


def test_links_that_say_https_of_a_site_on_http_are_followed(home: Home) -> None:
    with FaultServer() as server:
        server.pages |= {"/": links(server.url.replace("http:", "https:") + "/a.html"), "/a.html": html()}
        _site(home, server)
        assert crawl(home, "s", "--delay", "0").code == 0
        assert pages(home, "s")["/a.html"].fate is None


def test_sitemaps_as_lists_of_lines_may_be_named_without_host_and_begin_with_a_mark(home: Home) -> None:
    with FaultServer() as server:
        lines = "\ufeff" + "\n".join(f"{server.url}/{n}.html" for n in range(3))
        server.pages |= {
            "/": b"<html><body>...</body></html>",
            "/robots.txt": Reply(b"User-agent: *\nSitemap: /all.txt\n"),
        }
        server.pages |= {"/all.txt": Reply(lines.encode(), headers={"Content-Type": "text/plain"})}
        server.pages |= {f"/{n}.html": html() for n in range(3)}
        _site(home, server)
        assert crawl(home, "s", "--delay", "0").code == 0
        assert [k for k, p in pages(home, "s").items() if p.fate is None] == ["/", "/0.html", "/1.html", "/2.html"]


def test_lists_as_json_behind_a_button_are_read_to_their_end(home: Home) -> None:
    with FaultServer() as server:
        more = '<button data-page="2" data-url="/ajax/list?c=1">加载更多</button>'
        server.pages |= {"/": links("/a/1.html").replace(b"</body>", more.encode() + b"</body>")}
        server.pages |= {f"/a/{n}.html": html(f"<p>{n}</p>") for n in range(1, 8)}
        for n in (2, 3):
            rows = [
                {"title": "t", "url": f"/a/{n * 2 - 2}.html"},
                {"html": f"<li><a href='/a/{n * 2 - 1}.html'>t</a></li>"},
            ]
            server.pages[f"/ajax/list?c=1&page={n}"] = Reply(
                json.dumps({"code": 0, "data": {"rows": rows}}).encode(), headers={"Content-Type": "application/json"}
            )
        server.pages["/ajax/list?c=1&page=4"] = Reply(
            b'{"code": 0, "data": []}', headers={"Content-Type": "application/json"}
        )
        _site(home, server)
        assert crawl(home, "s", "--delay", "0").code == 0
        assert [k for k, p in pages(home, "s").items() if p.fate is None] == [
            "/",
            *(f"/a/{n}.html" for n in range(1, 6)),
        ]
        assert "/ajax/list?c=1&page=5" not in server.paths()


@pytest.mark.timeout(60)
def test_a_list_as_json_whose_first_page_has_two_addresses_is_read_to_its_end(home: Home) -> None:
    """The button asks for page one, and names the same list without number; past its end the list shows its last page again."""

    class Pages(dict[str, object]):
        def get(self, key: str, default: object = None) -> object:
            if not key.startswith("/more"):
                return super().get(key, default)
            n = min(int(key.partition("page=")[2] or 1), 4)
            return Reply(json.dumps([{"url": f"/a/{n}.html"}]).encode(), headers={"Content-Type": "application/json"})

    with FaultServer() as server:
        button = b'<button data-page="1" data-url="/more">\xe6\x9b\xb4\xe5\xa4\x9a</button></body>'
        server.pages = Pages({**server.pages, "/": links("/x.html").replace(b"</body>", button)})
        server.pages |= {f"/a/{n}.html": html(f"<p>{n}</p>") for n in range(1, 8)} | {"/x.html": html("x")}
        _site(home, server)
        assert crawl(home, "s", "--delay", "0").code == 0
        assert {f"/a/{n}.html" for n in range(1, 5)} <= set(server.paths())
        assert "/more?page=6" not in server.paths()


@given(
    st.recursive(
        st.none() | st.text(max_size=8) | st.integers(),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(("url", "a")), x),
    )
)
def test_any_json_is_read(data: object) -> None:
    body = json.dumps(data).encode()
    found = read_data(body)
    assert all(isinstance(a, str) for a in data_addresses(found))
    assert read_data(body[:-1]) is None


@pytest.mark.parametrize("width", [1, 2])
def test_a_long_article_whose_pager_shows_a_part_of_it_is_one(home: Home, width: int) -> None:
    """1 2 3 … beside page one, 7 8 9 beside page eight: what none of them says alone, all of them say."""
    names = ["/a/5.html", *(f"/a/5_{n}.html" for n in range(2, 10))]
    with FaultServer() as server:
        server.pages["/"] = links("/a/5.html")
        for i, name in enumerate(names):
            near = range(max(0, i - width), min(len(names), i + width + 1))
            pager = "".join(f'<a href="{names[n]}">{n + 1}</a>' for n in near if n != i)
            server.pages[name] = html(f"<p>第{i + 1}段</p>{pager}")
        _site(home, server)
        for _ in range(2):
            crawl(home, "s", "--delay", "0", "--refetch", "all")
            found = pages(home, "s")
            assert [(found[n].article_key, found[n].ordinal, found[n].expected) for n in names] == [
                ("/a/5.html", n, 9) for n in range(1, 10)
            ]
            with SiteState.open(home, "s") as state:  # as versions before lost them
                for name in names[6:]:
                    state.update(name, article_key=name, ordinal=1, expected=1)
                state.commit()
