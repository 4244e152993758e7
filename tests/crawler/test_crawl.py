"""What answers make of pages, over several rounds: changed, unchanged, gone and back, detours, errors, damage, traps, guards."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawler.archive import read_response
from crawler.home import Home
from crawler.state import SiteState
from tests.crawler.crawling import ROOT, Rounds, crawl, environment, pages, start
from tests.crawler.faults import Asked, FaultServer, Reply, html, links, site_file

NAMES = ("life", "valid", "split", "traps", "media", "guard")


def tagged(body: bytes, tag: str, back: str | None = None) -> Any:
    """A page with a validator; back: the tag it sends when it is asked conditionally, 304 when None."""

    def answer(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == tag and back is None:
            return Reply(status=304, headers={"ETag": tag})
        return Reply(body, headers={"ETag": back or tag})

    return answer


def endless(asked: Asked) -> Reply:
    page = int(asked.path.rpartition("=")[2])
    return Reply(links(f"/cal?page={page + 1}"))


def circle(asked: Asked) -> Reply:
    if "seen=1" in asked.headers.get("cookie", ""):
        return Reply(html("mit cookie"))
    return Reply(status=302, headers={"Location": "/circle.html", "Set-Cookie": "seen=1; Path=/"})


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rounds]:
    home = Home.find(tmp_path_factory.mktemp("rounds"))
    with ExitStack() as stack:
        servers = {n: stack.enter_context(FaultServer()) for n in (*NAMES, "foreign")}
        for name in NAMES:
            site_file(home, name, servers[name].url, "follow:\n  max_depth: 12\n" if name == "traps" else "")
        life = servers["life"].pages
        kinds = ("gone", "flicker", "back", "member", "moved", "broken", "refused", "forbidden", "empty", "denied")
        life |= {"/": links(*(f"/{k}.html" for k in kinds))} | {f"/{k}.html": html(k) for k in kinds}
        valid = servers["valid"].pages
        valid["/"] = links("/strong.html", "/weak.html", "/same.html", "/unasked.html", "/never.html", "/damaged.html")
        valid["/strong.html"] = tagged(html("strong"), '"s1"')
        valid["/weak.html"] = tagged(html("weak"), 'W/"w1"')
        valid["/same.html"] = tagged(html("same"), '"x"', back='"x"')
        valid["/unasked.html"] = html("unasked")
        valid["/never.html"] = [Reply(status=304), html("never")]
        valid["/damaged.html"] = tagged(html("damaged"), '"d1"')
        split = servers["split"].pages
        pager = "".join(f'<a href="/art{s}.html">{n}</a>' for n, s in ((1, ""), (2, "_2"), (3, "_3")))
        split |= {"/": links("/art.html", "/ask.html")}
        split |= {
            f"/art{s}.html": html(f"<div>{pager}<a href='/art_3.html'>下一页</a></div>") for s in ("", "_2", "_3")
        }
        split["/ask.html"] = html('<a href="?p=2">2</a> <a href="?p=3">3</a> <a href="?p=2">下一页</a>')
        split["/ask.html?p=2"] = html('<a href="/ask.html">1</a> <a href="?p=3">3</a>')
        split["/ask.html?p=3"] = html('<a href="/ask.html">1</a> <a href="?p=2">2</a>')
        traps = servers["traps"].pages
        traps["/"] = links(
            "/cal?page=1", "/x/x/x/x/y.html", "/circle.html", "/loop1.html", "/ok.html", "javascript:void(0)"
        )
        traps |= {f"/cal?page={n}": endless for n in range(1, 200)}
        traps |= {"/circle.html": circle, "/ok.html": html("ok")}
        traps["/loop1.html"] = Reply(status=301, headers={"Location": "/loop2.html"})
        traps["/loop2.html"] = Reply(status=301, headers={"Location": "/loop1.html"})
        media = servers["media"].pages
        media["/"] = links("/doc", "/bomb.html", "/plain", "/zip.html", "/cut.html", "/big5.html")
        media["/doc"] = Reply(b"%PDF-1.4", headers={"Content-Type": "application/pdf"})
        media["/bomb.html"] = Reply(gzip.compress(bytes(60 << 20)), headers={"Content-Encoding": "gzip"})
        media["/plain"] = Reply(html("plain"), headers={"Content-Type": "application/octet-stream"})
        media["/zip.html"] = Reply(gzip.compress(html("zip")), headers={"Content-Encoding": "gzip"})
        media["/cut.html"] = [Reply(html("cut"), length=100_000), html("cut")]
        media["/big5.html"] = Reply(
            links("/文章.html?名=值").decode().replace("<ul>", "<meta charset=gbk><ul>").encode("gbk")
        )
        index = "<?xml version='1.0'?><sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><sitemap><loc>{}/part.xml.gz</loc></sitemap></sitemapindex>"
        part = "<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc>{}/mapped.html</loc></url></urlset>"
        media["/sitemap.xml"] = Reply(index.format(servers["media"].url).encode(), headers={"Content-Type": "text/xml"})
        media["/part.xml.gz"] = Reply(
            gzip.compress(part.format(servers["media"].url).encode()), headers={"Content-Type": "application/gzip"}
        )
        media["/mapped.html"] = html("mapped")
        guard = servers["guard"].pages
        foreign = servers["foreign"].url
        guard["/"] = links(
            f"{foreign}/a.html", "/away.html", "/decimal.html", "http://2130706433:1/", "file:///etc/passwd"
        )
        guard["/away.html"] = Reply(status=302, headers={"Location": f"{foreign}/b.html"})
        guard["/decimal.html"] = Reply(status=301, headers={"Location": "http://0x7f000001/c.html"})
        found = Rounds(home, servers, NAMES)
        found.go()

        life["/gone.html"] = life["/back.html"] = Reply(status=404)
        life["/flicker.html"] = [Reply(status=404), html("flicker")]
        life["/member.html"] = Reply(status=302, headers={"Location": "/login"})
        life["/moved.html"] = Reply(status=301, headers={"Location": "/new.html"})
        life["/new.html"] = html("moved")
        life["/broken.html"] = Reply(status=500, headers={"Retry-After": "0"})
        life["/refused.html"] = Reply(status=403)
        life["/empty.html"] = Reply(b"", status=503, headers={"Retry-After": "0"})
        life["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /denied", headers={"Content-Type": "text/plain"})
        with SiteState.open(home, "life") as state:  # a day later
            old = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
            for host in [f"robots 127.0.0.1:{servers['life'].port}"]:
                kept = json.loads(state.meta(host) or "{}")
                state.set_meta(host, json.dumps({**kept, "at": old}))
            state.commit()
        valid["/unasked.html"] = Reply(status=304)
        address = found.states[0]["valid"]["/damaged.html"].address
        assert address is not None
        with (home.var / "archive" / address.file).open("r+b") as file:
            file.seek(address.offset + address.length // 2)
            file.write(b"\xff" * 8)
        split["/art_3.html"] = Reply(status=404)
        for s in ("", "_2"):
            split[f"/art{s}.html"] = html("".join(f'<a href="/art{x}.html">{n}</a>' for n, x in ((1, ""), (2, "_2"))))
        found.go()
        life["/back.html"] = html("back again")
        found.go()
        yield found


def test_404_twice_is_gone_and_once_is_not(rounds: Rounds) -> None:
    assert rounds.story("life", "/gone.html") == ["read", "gone", "gone"]
    gone = [s["life"]["/gone.html"] for s in rounds.states]
    assert gone[1].address == gone[0].address
    assert gone[1].gone_since == gone[2].gone_since is not None
    assert rounds.story("life", "/flicker.html") == ["read", "read", "read"]
    assert [a.status for a in rounds.asked[1]["life"] if a.path == "/flicker.html"] == [404, 200]
    assert [a.path for a in rounds.asked[1]["life"]][-3:].count("/gone.html") == 1  # again at the end


def test_a_page_that_comes_back_is_alive(rounds: Rounds) -> None:
    assert rounds.story("life", "/back.html") == ["read", "gone", "read"]
    assert rounds.states[2]["life"]["/back.html"].gone_since is None


@pytest.mark.parametrize("name", ["member", "broken", "refused", "empty", "denied"])
def test_detours_errors_and_a_new_robots_txt_delete_nothing(rounds: Rounds, name: str) -> None:
    assert rounds.story("life", f"/{name}.html") == ["read"] * 3
    assert len({s["life"][f"/{name}.html"].address for s in rounds.states}) == 1


def test_what_robots_forbid_later_is_not_asked_again(rounds: Rounds) -> None:
    assert not [a for a in rounds.asked[1]["life"] if a.path.startswith("/denied")]
    assert "forbids" in (rounds.states[1]["life"]["/denied.html"].why or "")


def test_a_page_that_moved_for_good_is_a_redirect(rounds: Rounds) -> None:
    assert rounds.story("life", "/moved.html") == ["read", "redirect", "redirect"]
    assert rounds.states[1]["life"]["/moved.html"].why == "leads to /new.html"
    assert rounds.states[1]["life"]["/new.html"].address is not None


def test_conditional_requests_keep_the_first_address(rounds: Rounds) -> None:
    for name in ("strong", "weak", "same", "unasked"):
        found = [s["valid"][f"/{name}.html"] for s in rounds.states]
        assert len({p.address for p in found}) == 1, name
        assert len({p.fetched_at for p in found}) == 1, name
        assert [p.status for p in found] == [200, 200, 200], name
    asked = {a.path: a for a in rounds.asked[1]["valid"]}
    assert asked["/strong.html"].status == asked["/weak.html"].status == 304
    assert asked["/weak.html"].headers["if-none-match"] == 'W/"w1"'
    assert asked["/same.html"].status == 200


def test_a_304_without_a_body_of_ours_is_asked_again(rounds: Rounds) -> None:
    assert [a.status for a in rounds.asked[0]["valid"] if a.path == "/never.html"] == [304, 200]


def test_a_body_damaged_in_the_archive_is_fetched_anew(rounds: Rounds) -> None:
    again = [a for a in rounds.asked[1]["valid"] if a.path == "/damaged.html"]
    assert [a.status for a in again] == [200]
    assert "if-none-match" not in again[0].headers
    address = rounds.states[1]["valid"]["/damaged.html"].address
    assert address is not None
    assert read_response(rounds.home, address).body == html("damaged")


def test_pages_of_an_article_are_kept_together(rounds: Rounds) -> None:
    first, second = rounds.states[0]["split"], rounds.states[1]["split"]
    assert {k: (p.article_key, p.ordinal, p.expected) for k, p in first.items() if "art" in k} == {
        "/art.html": ("/art.html", 1, 3),
        "/art_2.html": ("/art.html", 2, 3),
        "/art_3.html": ("/art.html", 3, 3),
    }
    assert [(first[k].article_key, first[k].ordinal) for k in ("/ask.html", "/ask.html?p=2", "/ask.html?p=3")] == [
        ("/ask.html", 1), ("/ask.html", 2), ("/ask.html", 3),
    ]  # fmt: skip
    assert second["/art_3.html"].fate == "gone"
    assert [second[k].expected for k in ("/art.html", "/art_2.html")] == [2, 2]  # the article has become shorter


def test_traps_end(rounds: Rounds) -> None:
    paths = [a.path for a in rounds.asked[0]["traps"]]
    assert len([p for p in paths if p.startswith("/cal")]) <= 12
    assert "/x/x/x/x/y.html" not in paths
    assert paths.count("/circle.html") == 2
    assert rounds.story("traps", "/circle.html")[0] == "read"
    assert rounds.story("traps", "/loop1.html")[0] == "redirect"
    assert rounds.story("traps", "/ok.html")[0] == "read"


def test_media(rounds: Rounds) -> None:
    state = rounds.states[0]["media"]
    assert (state["/doc"].fate, state["/doc"].why) == ("not_html", "application/pdf")
    assert state["/bomb.html"].fate == "error"
    assert rounds.asked[0]["media"][0].headers
    assert len([a for a in rounds.asked[0]["media"] if a.path == "/bomb.html"]) == 1
    for name in ("/plain", "/zip.html", "/cut.html", "/mapped.html"):
        assert rounds.story("media", name)[0] == "read", name
    zipped = state["/zip.html"].address
    assert zipped is not None
    assert read_response(rounds.home, zipped).body == html("zip")
    # a browser writes the path in UTF-8 and the query in the page's charset
    assert "/%E6%96%87%E7%AB%A0.html?%C3%FB=%D6%B5" in state


def test_nothing_outside_the_site_is_reached(rounds: Rounds) -> None:
    assert not any(r["foreign"] for r in rounds.asked)
    state = rounds.states[0]["guard"]
    assert set(state) == {"/", "/away.html", "/decimal.html"}
    assert (state["/away.html"].why or "").startswith("leads out of the site")


def test_a_public_name_that_resolves_to_this_machine_is_refused(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    with suppress(OSError):
        if not socket.gethostbyname(os.uname().nodename).startswith("127."):
            pytest.skip("no name but localhost is this machine here")
    with FaultServer() as server:
        server.pages["/"] = html()
        site_file(home, "named", f"http://{os.uname().nodename}:{server.port}")
        site_file(home, "literal", f"http://www.public.test:{server.port}", f"allowed: ['127.0.0.1:{server.port}']")
        ran = crawl(home, "named", "literal")
        assert ran.code == 1
        assert server.log == []
        assert "local address" in ran.sites["named"]["error"]


def test_unknown_and_broken_sites_and_bad_options_are_told(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    site_file(home, "broken", "http://127.0.0.1:1", "follow:\n  lists: ['(']\ncolour: red\n")
    for words, code, told in (
        (("nosuch",), 2, "unknown site 'nosuch'"),
        (("broken",), 1, "unknown key 'colour'"),
        (("wanshu", "--delay=-1"), 2, "--delay"),
        (("wanshu", "--refetch", "some"), 2, "use due, all or none"),
        (("wanshu", "--at", "ftp://x"), 2, "--at"),
    ):
        process = start(home, "crawl", *words)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, told in err, "Traceback" in err) == (code, True, False), (words, err)


def test_a_second_crawl_of_a_site_is_refused(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    with FaultServer() as server, FaultServer() as other:
        server.pages["/"] = other.pages["/"] = html()
        site_file(home, "s", server.url)
        site_file(home, "t", other.url)
        with SiteState.open(home, "s"):
            ran = crawl(home, "s", "t")
        assert ran.code == 1
        assert "another crawl of 's' is running" in ran.sites["s"]["error"]
        assert ran.sites["t"]["finished"]
        assert crawl(home, "s").code == 0


@pytest.mark.parametrize("room", [40_000, 150_000])
def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path, room: int) -> None:
    home = Home.find(tmp_path)
    with FaultServer() as server:
        names = [f"/a{n}.html" for n in range(40)]
        noise = {n: html("<!--" + os.urandom(6000).hex() + "-->") for n in names}
        server.pages |= {"/": links(*names)} | noise
        site_file(home, "s", server.url)
        process = start(home, "crawl", "s", limit=room)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "cannot" in err
        assert "make room" in err
        assert "Traceback" not in err
        if home.state_db("s").is_file() and room > 100_000:
            for page in pages(home, "s").values():
                if page.address is not None:
                    read_response(home, page.address)
        assert crawl(home, "s").code == 0
        found = pages(home, "s")
        for name in names:
            address = found[name].address
            assert address
            assert read_response(home, address).body == noise[name]


def test_no_warning_for_programmers_is_told_to_people(rounds: Rounds) -> None:
    assert [line for ran in rounds.ran for line in ran.err.splitlines() if "Warning" in line] == []


def test_scrapy_is_loaded_without_reading_the_source_of_the_whole_stack() -> None:
    code = """
import inspect, sys
whole, asked, frames = inspect.stack, [], inspect.getouterframes
inspect.getouterframes = lambda *a, **k: asked.append(a) or frames(*a, **k)
from crawler.crawl import load_scrapy
load_scrapy()
from scrapy.core.downloader.tls import ScrapyClientTLSOptions as deprecated
print(len(asked), inspect.stack is whole, deprecated.__module__, "twisted.internet.reactor" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.stdout == "0 True scrapy.core.downloader.tls False\n", done.stderr


def test_a_crawl_loads_nothing_of_scrapy_that_it_does_not_use(tmp_path: Path) -> None:
    with FaultServer() as server:
        server.pages |= {"/": links("/a.html"), "/a.html": html()}
        code = f"""
import sys
from crawler.crawl import chosen_sites, crawl
from crawler.home import Home
home = Home.find({str(tmp_path)!r})
(result,) = crawl(home, chosen_sites(home, ["own"], ["own={server.url}"])[0], delay=0)
print(result.counts["new"], [m for m in sys.modules if m.startswith(("aiohttp", "scrapy.extensions", "scrapy.spidermiddlewares"))],
      *sorted(m.removeprefix("scrapy.downloadermiddlewares.") for m in sys.modules if m.startswith("scrapy.downloadermiddlewares.")))
"""
        site_file(Home.find(tmp_path), "own", "http://own.invalid")
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.stdout == "2 [] cookies defaultheaders downloadtimeout httpcompression useragent\n", done.stderr


def test_scrapy_knows_the_sites(tmp_path: Path) -> None:
    home = Home.find(tmp_path)

    def scrapy(*words: str) -> subprocess.CompletedProcess[str]:
        env = {**environment(), "JIANGHUA_HOME": str(home.root)}
        return subprocess.run(
            [sys.executable, "-m", "scrapy", *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
        )

    with FaultServer() as server:
        server.pages |= {"/": links("/a.html"), "/a.html": html()}
        site_file(home, "own", "http://own.invalid")
        assert {"own", "wanshu"} <= set(scrapy("list").stdout.split())
        ran = scrapy("crawl", "own", "-a", f"at={server.url}", "-a", "delay=0")
        assert ran.returncode == 0, ran.stderr
        assert len(pages(home, "own")) == 2
        bad = scrapy("crawl", "own", "-a", "speed=9")
        assert bad.returncode != 0
        assert "unknown argument: speed" in bad.stderr
