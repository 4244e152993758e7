"""`jianghua sites add` on sites that nobody has described: the sample's, and such as answer badly."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from protego import Protego

from crawler.errors import JianghuaError
from crawler.home import Home
from crawler.probe.look import Asked, led_to, local, refuse_local
from crawler.sample.build import Sample
from crawler.sample.score import Score, score
from crawler.sample.server import Request, SampleServer
from crawler.site import parse_site
from tests.chain import ROOT, jianghua, report, rows
from tests.crawler.faults import FaultServer, Reply, html, links
from tests.schedules.house import until


@pytest.fixture(scope="module")
def added(
    small_sample: Sample, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Home, dict[str, Any], list[Request]]]:
    """A home with all sites of the sample added by their addresses alone, crawled and published."""
    home = Home.find(tmp_path_factory.mktemp("added"))
    with SampleServer(small_sample) as server:
        with ThreadPoolExecutor(2) as pool:
            adding = {
                n: pool.submit(report, home, "sites", "add", u, "--name", n, "--yes") for n, u in server.urls.items()
            }
            told = {n: a.result() for n, a in adding.items()}
        log = server.requests()
        report(home, "run", *server.urls, "--refetch", "all", "--delay", "0")
        yield home, told, log


def test_sites_added_by_their_address_are_read_like_described_ones(
    added: tuple[Home, dict[str, Any], list[Request]], small_sample: Sample
) -> None:
    result: Score = score(rows(added[0]), small_sample.speeches(1))
    assert result.recall >= 0.98, result.worst[:20]
    assert result.precision >= 0.98, result.worst[:20]
    assert result.perfect_share >= 0.95, result.worst[:20]
    assert {f: v for f, v in result.facts.items() if v < 0.97} == {}, result.worst[:20]


def test_what_is_said_of_pages_is_what_they_are(
    added: tuple[Home, dict[str, Any], list[Request]], small_sample: Sample
) -> None:
    home, told, _ = added
    for name, said in told.items():
        kinds = {g["path"]: g["kind"] for g in small_sample.expected(1) if g["site"] == name}
        assert {g["kind"] for g in said["kinds"]} >= {"article", "list"}, name
        site = parse_site(home.own_sites / f"{name}.yaml")
        assert site.title == said["title"] in {s.title for s in small_sample.sites}
        assert site.follow.articles or site.follow.pages, name
        for group in said["kinds"]:
            if group["pattern"] and group["kind"] == "article":
                assert not {kinds.get(e) for e in group["examples"]} & {"list", "home", "tag", "login", "about"}, group
        assert said["readings"], name
        assert any(r["speeches"] and r["date"] and r["words"] for r in said["readings"]), name


def test_the_look_is_polite(added: tuple[Home, dict[str, Any], list[Request]], small_sample: Sample) -> None:
    _, _, log = added
    for spec in small_sample.sites:
        mine = [r for r in log if r.site == spec.name]
        assert 10 <= len(mine) <= 40, spec.name
        assert {r.running for r in mine} == {1}
        assert all("Jianghua" in r.agent and "+" in r.agent for r in mine)
        robots = small_sample.pages(spec.name, 1).get("/robots.txt")
        if robots is not None:
            rules = Protego.parse(robots.body.decode())
            assert [r.path for r in mine if not rules.can_fetch(r.path, r.agent)] == []
            wait = rules.crawl_delay("Jianghua")
            if wait:
                times = sorted(r.at for r in mine)
                assert all(b - a > wait / 2 for a, b in itertools.pairwise(times))


def test_a_site_is_shown_before_it_is_written_and_never_lost(home: Home) -> None:
    with FaultServer() as server:
        server.pages |= {"/": links("/a/1.html", "/a/2.html"), "/a/1.html": html(), "/a/2.html": html()}
        port = server.port
        alone = jianghua(home, "sites", "add", server.url)
        assert alone.returncode == 2
        assert "--yes" in alone.stderr
        assert server.log == []
        path = home.own_sites / f"local-{port}.yaml"
        said = report(home, "sites", "add", server.url, "--dry-run")
        assert not path.exists()
        assert said["written"] is False
        assert report(home, "sites", "add", server.url, "--yes")["file"] == str(path)
        assert path.read_text() == said["site_file"]
        again = jianghua(home, "sites", "add", server.url, "--yes")
        assert again.returncode == 2
        assert "--replace" in again.stderr
        path.write_text(path.read_text() + "# mine\n")
        said = report(home, "sites", "add", server.url, "--yes", "--replace")
        assert Path(said["kept"]).read_text().endswith("# mine\n")
        assert "# mine" not in path.read_text()
        assert jianghua(home, "sites", "check", f"local-{port}").returncode == 0
        with FaultServer() as other:
            other.pages["/"] = server.pages["/"]
            taken = jianghua(home, "sites", "add", other.url, "--yes", "--name", f"local-{port}")
            assert taken.returncode == 2
            assert "another site" in taken.stderr
            assert said["warnings"] == []
            twice = report(home, "sites", "add", server.url, "--dry-run", "--name", "second")
            assert f"local-{port} begins at this host too" in twice["warnings"][-1]
            assert report(home, "sites", "add", server.url, "--yes", "--name", "second")["written"]
            third = jianghua(home, "sites", "add", server.url, "--dry-run", "--name", "third").stdout
            assert f"local-{port} and second begin at this host too" in " ".join(third.split())
            (line,) = [x for x in third.splitlines() if x.startswith("name:")]
            assert line.endswith("# as asked for")
            assert max(map(len, third[third.index("# Proposed") :].splitlines())) > 80  # YAML is not broken into lines
            assert report(home, "sites", "add", other.url, "--yes")["name"] == f"local-{other.port}"


def test_a_site_that_moved_is_added_where_it_is(home: Home) -> None:
    with FaultServer() as old, FaultServer() as new:
        old.pages["/"] = Reply(status=301, headers={"Location": new.url + "/"})
        new.pages |= {"/": links("/a/1.html", "/a/2.html"), "/a/1.html": html(), "/a/2.html": html()}
        said = report(home, "sites", "add", old.url, "--yes")
        assert (said["start"], said["moved_from"]) == ([new.url + "/"], [old.url + "/"])
        assert said["name"] == f"local-{new.port}"
        assert old.paths() == ["/robots.txt", "/"]


@pytest.mark.parametrize(
    ("pages", "told"),
    [
        ({"/robots.txt": Reply(b"User-agent: *\nDisallow: /")}, "robots.txt forbids"),
        ({"/robots.txt": Reply(status=503)}, "robots.txt"),
        ({"/": Reply(b"%PDF-1.4", headers={"Content-Type": "application/pdf"})}, "no web page"),
        ({"/": Reply(status=404)}, "404"),
        ({"/": Reply(status=500)}, "500"),
        ({"/": Reply(close=True)}, ""),
    ],
    ids=["forbidden", "robots-fails", "pdf", "404", "500", "closed"],
)
@pytest.mark.timeout(120)
def test_sites_that_cannot_be_looked_at_say_why(home: Home, pages: dict[str, Any], told: str) -> None:
    with FaultServer() as server:
        server.pages |= pages
        done = jianghua(home, "sites", "add", server.url, "--yes")
        assert done.returncode == 1, done.stdout + done.stderr
        assert done.stderr.startswith("error:") or "error:" in done.stderr
        assert told in done.stderr
        assert "Traceback" not in done.stderr
        assert not (home.own_sites / f"local-{server.port}.yaml").exists()


@pytest.mark.parametrize("url", ["", "not a host", "ftp://a.test/", "http://", "http://x.invalid/", "justaword"])
def test_what_is_no_address_is_refused(home: Home, url: str) -> None:
    done = jianghua(home, "sites", "add", url, "--yes")
    assert done.returncode == 2
    assert "error:" in done.stderr


def test_a_site_may_not_lead_into_the_local_network() -> None:
    asked = [Asked("http://a.test/", 302, 0.1, {"location": "http://127.1/"})]
    target = led_to("http://a.test/", asked)
    assert target
    assert local(target)
    with pytest.raises(JianghuaError, match="local network"):
        refuse_local("http://a.test/", target)
    refuse_local("http://127.0.0.1:8/", "http://127.0.0.1:9/")


def test_ctrl_c_ends_the_look_and_the_question(home: Home) -> None:
    with FaultServer() as server:
        server.pages |= {"/": links("/a/1.html", "/a/2.html"), "/a/1.html": html(), "/a/2.html": html()}
        command = [sys.executable, "-m", "schedules.cli", "sites", "add", server.url, "--home", str(home.root)]
        slow = subprocess.Popen([*command, "--yes", "--delay", "2"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        while not server.log:
            time.sleep(0.05)
        slow.send_signal(signal.SIGINT)
        assert "interrupted" in slow.communicate(timeout=60)[1]
        assert slow.returncode == 130

        terminal, stdin = os.openpty()
        asks = subprocess.Popen(command, cwd=ROOT, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert asks.stderr is not None
        shown = b""
        while b"Write " not in shown or b"[Y/n" not in shown:
            read = os.read(asks.stderr.fileno(), 65536)
            assert read, shown
            shown += read
        # Python misses a signal that comes in the moment before it waits for an answer, until there is one
        state = Path(f"/proc/{asks.pid}/stat")
        until(lambda: not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "S")
        asks.send_signal(signal.SIGINT)
        asks.communicate(timeout=60)
        assert asks.returncode != 0
        os.close(terminal)
        os.close(stdin)
    assert not list(home.own_sites.glob(f"local-{server.port}*"))
