"""The servers answer as they say: conditional requests, days, faults, the log."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from crawler.errors import JianghuaError
from crawler.sample.build import Sample
from crawler.sample.model import Answer
from crawler.sample.server import Fault, SampleServer


def ask(url: str, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def article(sample: Sample, site: str, number: int) -> str:
    return next(a.path for a in sample.articles[site] if a.number == number)


def test_pages_and_misses(sites: SampleServer) -> None:
    status, headers, body = ask(sites.urls["muduo"], "/")
    assert status == 200
    assert body == sites.sample.pages("muduo", 1)["/"].body
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert ask(sites.urls["muduo"], "/nothing.html")[0] == 404
    status, headers, body = ask(sites.urls["muduo"], "/", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 1000


@pytest.mark.parametrize(
    ("site", "etag", "modified"), [("muduo", True, True), ("wenku", True, False), ("tanxi", False, True)]
)
def test_conditional_requests(sites: SampleServer, site: str, etag: bool, modified: bool) -> None:
    path = article(sites.sample, site, 1)
    _, headers, _ = ask(sites.urls[site], path)
    assert ("etag" in headers, "last-modified" in headers) == (etag, modified)
    if etag:
        assert ask(sites.urls[site], path, If_None_Match=headers["etag"])[0] == 304
        assert ask(sites.urls[site], path, If_None_Match='"other"')[0] == 200
    if modified:
        status, _, body = ask(sites.urls[site], path, If_Modified_Since=headers["last-modified"])
        assert (status, body) == (304, b"")


def test_a_site_without_validators_changes_with_each_request(sites: SampleServer) -> None:
    path = article(sites.sample, "qingyun", 1)
    one, two = ask(sites.urls["qingyun"], path), ask(sites.urls["qingyun"], path)
    assert "etag" not in one[1]
    assert "last-modified" not in one[1]
    assert one[2] != two[2]
    assert b"%%" not in one[2]


def test_sitemap_names_the_host_asked(sites: SampleServer) -> None:
    url = sites.urls["zhimo"]
    assert url.encode() in ask(url, "/sitemap.xml")[2]
    assert url.encode() in ask(url, "/robots.txt")[2]
    assert b"template.example" in ask(sites.urls["muduo"], "/sitemap.xml")[2]
    assert ask(sites.urls["qingyun"], "/robots.txt")[0] == 404


def test_the_day_switches_while_it_runs(sites: SampleServer) -> None:
    path = article(sites.sample, "muduo", 7)
    url = sites.urls["muduo"]
    assert ask(url, path)[0] == 200
    assert ask(url, "/_control/day?day=2", "POST")[0] == 200
    assert ask(url, path)[0] == 404
    assert ask(url, article(sites.sample, "muduo", 8))[0] == 410
    assert json.loads(ask(url, "/_control/state")[2])["tanxi"]["day"] == 2
    assert ask(url, "/_control/day?day=1&site=muduo", "POST")[0] == 200
    assert ask(url, path)[0] == 200
    assert ask(url, "/_control/day?day=9", "POST")[0] == 404


def test_what_did_not_change_keeps_its_validators(sites: SampleServer) -> None:
    path = article(sites.sample, "tanxi", 1)
    changed = article(sites.sample, "tanxi", 4)
    kept = ask(sites.urls["tanxi"], path)[1]["last-modified"]
    old = ask(sites.urls["tanxi"], changed)[1]["last-modified"]
    sites.set_day(2)
    assert ask(sites.urls["tanxi"], path, If_Modified_Since=kept)[0] == 304
    assert ask(sites.urls["tanxi"], changed, If_Modified_Since=old)[0] == 200


def test_redirect_and_log(sites: SampleServer) -> None:
    status, headers, _ = ask(sites.urls["tanxi"], "/?p=3", User_Agent="tester")
    assert (status, headers["location"]) == (301, article(sites.sample, "tanxi", 3))
    log = json.loads(ask(sites.urls["tanxi"], "/_log.json")[2])
    assert [(r["path"], r["status"], r["agent"]) for r in log] == [("/?p=3", 301, "tester")]
    assert json.loads(ask(sites.urls["muduo"], "/_log.json")[2]) == []
    assert len(json.loads(ask(sites.urls["muduo"], "/_log.json?all=1")[2])) == 1
    ask(sites.urls["muduo"], "/_control/reset", "POST")
    assert sites.requests() == []


def test_faults(sites: SampleServer) -> None:
    url = sites.urls["wenku"]
    assert ask(url, "/_control/fail?path=/&status=503&retry_after=2&times=1", "POST")[0] == 200
    status, headers, _ = ask(url, "/")
    assert (status, headers["retry-after"]) == (503, "2")
    assert ask(url, "/")[0] == 200
    sites.fail("wenku", "/", Fault(reset=True), Fault(stall=0.05))
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(url, "/")
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(url, "/")
    sites.replace("wenku", "/", Answer(500, b"broken", "text/plain"))
    assert ask(url, "/")[0] == 500
    sites.replace("wenku", "/", None)
    assert ask(url, "/")[0] == 200


def test_flaky_servers_answer_the_second_time(sample: Sample) -> None:
    with SampleServer(sample, flaky=2) as server:
        paths = [a.path for a in sample.articles["muduo"]][:10]
        first = [ask(server.urls["muduo"], p)[0] for p in paths]
        second = [ask(server.urls["muduo"], p)[0] for p in paths]
    assert 503 in first
    assert 200 in first
    assert second == [200] * len(paths)


def test_the_fields_of_a_query_may_come_in_any_order(sites: SampleServer) -> None:
    split = next(r for r in sites.sample.speeches(1) if r["site"] == "yushan" and len(r["split"]) > 1)
    before, _, query = split["split"][1].partition("?")
    turned = f"{before}?{'&'.join(reversed(query.split('&')))}"
    assert ask(sites.urls["yushan"], turned)[2] == ask(sites.urls["yushan"], split["split"][1])[2]
    assert ask(sites.urls["yushan"], before + "?n=1&s=77777")[0] == 404


def test_many_requests_on_one_connection_in_one_packet(sites: SampleServer) -> None:
    port = urlsplit(sites.urls["muduo"]).port
    with socket.create_connection(("127.0.0.1", port or 0), timeout=10) as s:
        s.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        got = b""
        while got.count(b"HTTP/1.1 404") < 3:
            got += s.recv(65536)


def test_a_taken_port_is_a_clear_error(sample: Sample) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(JianghuaError, match="port"):
            SampleServer(sample, base_port=taken.getsockname()[1]).start()


def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    code = "from crawler.console import run_app; from crawler.sample.cli import app; run_app(app)"
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            code,
            "serve",
            "--base-port",
            "0",
            "--articles",
            "4",
            "--site",
            "muduo",
            "--ready",
            str(ready),
        ],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        while not ready.exists():
            assert process.poll() is None
            time.sleep(0.02)
        urls = json.loads(ready.read_text())
        assert list(urls) == ["muduo"]
        assert ask(urls["muduo"], "/")[0] == 200
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_port_that_there_is_not_is_a_clear_error(sample: Sample) -> None:
    with pytest.raises(JianghuaError, match="cannot open a port") as e:
        SampleServer(sample, base_port=65_535).start()  # of several sites the second has none
    assert "from 65535 on" in str(e.value.where)
