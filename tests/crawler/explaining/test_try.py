"""`jianghua sites try`: any page, fetched politely or from a file, read as extraction would."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest

from crawler.config import Settings
from crawler.errors import JianghuaError, UsageError
from crawler.explaining.trying import try_pages
from crawler.fetch_once import Fetcher
from crawler.home import Home
from tests.chain import jianghua, report
from tests.crawler.extraction.pages import SPEECH, TITLE, page, paragraphs
from tests.crawler.faults import FaultServer, Reply, site_file


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests in this process follow each other at once where a test does not look at the delay."""
    monkeypatch.setattr("crawler.fetch_once.DELAY", 0.0)


GOLDEN = Path(__file__).parent / "golden"
INFO = "<div class=info>时间:2024-05-03 10:20:30 来源:网友投稿 作者:林小草 浏览次数:12</div>"
BODY = (
    f"<p>{TITLE}</p><p>下面是小编为大家整理的镇长在全镇护林工作会议上的讲话,供大家参考。</p>"
    + paragraphs(SPEECH)
    + "<p>标签: #护林</p><p>上一篇:<a href=/a/0.html>护林倡议书</a></p>"
)


def test_what_is_told_of_a_saved_page(tmp_path: Path) -> None:
    """The whole answer, as it stands in golden/try.txt; JIANGHUA_ACCEPT=1 in the environment writes it anew."""
    saved = tmp_path / "saved.html"
    saved.write_bytes(page(BODY, above=INFO))
    done = jianghua(Home.find(tmp_path), "sites", "try", str(saved), COLUMNS="110")
    assert done.returncode == 0, done.stderr
    told = "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"
    told, _, row = told.replace(saved.as_uri(), "file:///saved.html").partition("\nRow: ")
    assert re.search(r"^ author +林小草 +label, rule facts.labels.author:", row, re.MULTILINE)
    told = re.sub(r"\.yaml:\d+", ".yaml:N", told)  # rules move as others are added above them
    wanted = GOLDEN / "try.txt"
    if os.environ.get("JIANGHUA_ACCEPT"):
        wanted.write_text(told, encoding="utf-8")
    assert told == wanted.read_text(encoding="utf-8")


def test_what_looks_like_markup_in_a_page_is_shown_as_it_stands(tmp_path: Path) -> None:
    said = "今天我讲三点意见,[b]第一[/b]要抓好落实[/url],:star:谢谢大家。"
    saved = tmp_path / "saved.html"
    saved.write_bytes(page(BODY.replace("<p>标签", f"<p>{said}</p><p>标签")))
    done = jianghua(Home.find(tmp_path), "sites", "try", str(saved), COLUMNS="200")
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


def test_files_are_taken_by_path_and_by_address(tmp_path: Path) -> None:
    saved = tmp_path / "讲话 1.html"
    saved.write_bytes(page(BODY))
    home = Home.find(tmp_path)
    (by_path,) = try_pages(home, [str(saved)])
    assert try_pages(home, [saved.as_uri()]) == [by_path]
    assert by_path["speeches"][0]["paragraphs"] == SPEECH
    with pytest.raises(UsageError, match="cannot be read"):
        try_pages(home, [str(tmp_path / "none.html")])
    assert not (tmp_path / "var").exists()  # looking makes nothing


def test_a_pager_is_followed_robots_obeyed_and_the_agent_told(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    with FaultServer() as server:
        pager = "<div>上一页 <a href=/a/1.html>1</a> <a href=/a/1_2.html>2</a> <a href=/a/1_3.html>3</a> 下一页</div>"
        for n, lines in enumerate((SPEECH[:3], SPEECH[3:5], SPEECH[5:]), 1):
            server.pages[f"/a/1{'' if n == 1 else f'_{n}'}.html"] = page(paragraphs(lines), below=pager)
        server.pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /secret\nCrawl-delay: 1.5\n")
        server.pages["/secret.html"] = page(BODY)
        waited: list[float] = []
        fetcher = Fetcher(Settings(), frozenset([server.url.partition("//")[2]]), sleep=waited.append)
        assert fetcher.fetch(server.url + "/a/1.html").status == 200
        fetcher.fetch(server.url + "/a/1_2.html")
        assert [round(w, 1) for w in waited] == [1.5, 1.5]
        with pytest.raises(JianghuaError, match=r"robots\.txt forbids"):
            fetcher.fetch(server.url + "/secret.html")
        assert all(a.headers["user-agent"].startswith("Jianghua/") for a in server.log)
        assert "/secret.html" not in server.paths()

        server.pages["/robots.txt"] = Reply(status=404)
        (view,) = try_pages(home, [server.url + "/a/1_2.html"])
        assert [p["url"].rpartition("/")[2] for p in view["pages"]] == ["1.html", "1_2.html", "1_3.html"]
        assert view["speeches"][0]["paragraphs"] == SPEECH
        (two,) = try_pages(home, [server.url + "/a/1.html"], max_pages=2)
        assert len(two["pages"]) == 2
        assert "3 in-article pages" in two["notes"][1]


def test_a_page_of_a_known_site_is_read_with_its_file(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    with FaultServer() as server:
        server.pages["/1.html"] = page(BODY)
        site_file(home, "known", server.url, "reading:\n  cut: ['^同志们,青山']")
        (view,) = report(home, "sites", "try", server.url + "/1.html")
        assert view["site"] == "known"
        assert view["speeches"][0]["paragraphs"] == SPEECH[:-1]
        assert "site_file.cut ^同志们,青山" in view["rules"]
    saved = tmp_path / "1.html"
    saved.write_bytes(page(BODY))
    assert try_pages(home, [str(saved)])[0]["site"] is None
    assert try_pages(home, [str(saved)], "known")[0]["site"] == "known"
    with pytest.raises(UsageError, match="unknown site 'nowhere'"):
        try_pages(home, [str(saved)], "nowhere")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(status=404), "it is gone"),
        (Reply(status=503), "status 503"),
        (Reply(b"%PDF", headers={"Content-Type": "application/pdf"}), "application/pdf"),
        (Reply(close=True), "cannot be fetched"),
        (Reply(status=302, headers={"Location": "/x"}), "redirects to nowhere"),
        (Reply(status=302, headers={"Location": "http://127.0.0.2:9/"}), "local address"),
        (Reply(status=302, headers={"Location": "http://2130706433:9/"}), "local address"),
        (Reply(status=302, headers={"Location": "file:///etc/hosts"}), "redirects to nowhere"),
    ],
)
def test_what_cannot_be_fetched_is_told(tmp_path: Path, reply: Reply, said: str) -> None:
    with FaultServer() as server:
        server.pages["/x"] = reply
        with pytest.raises(JianghuaError) as e:
            try_pages(Home.find(tmp_path), [server.url + "/x"])
    assert said in str(e.value)


def test_a_robots_txt_that_cannot_be_had_forbids_all(tmp_path: Path) -> None:
    with FaultServer() as server:
        server.pages["/robots.txt"] = Reply(status=500)
        server.pages["/x"] = page(BODY)
        with pytest.raises(JianghuaError, match=r"robots\.txt cannot be had"):
            try_pages(Home.find(tmp_path), [server.url + "/x"])
        assert server.paths() == ["/robots.txt"]


def test_a_bomb_is_given_up() -> None:
    with FaultServer() as server:
        bomb = gzip.compress(b"a" * 30_000_000)
        server.pages["/x"] = Reply(bomb, headers={"Content-Encoding": "gzip", "Content-Type": "text/html"})
        server.pages["/y"] = Reply(
            gzip.compress(page(BODY)), headers={"Content-Encoding": "gzip", "Content-Type": "text/html"}
        )
        fetcher = Fetcher(Settings(), frozenset([server.url.partition("//")[2]]), sleep=lambda _: None)
        with pytest.raises(JianghuaError, match="larger than"):
            fetcher.fetch(server.url + "/x")
        assert fetcher.fetch(server.url + "/y").body == page(BODY)
