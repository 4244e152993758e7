"""What Scrapy tells of each page is for nobody, whoever has set up the logs of a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crawler.faults import FaultServer, html

CODE = """
import logging, sys
from pathlib import Path
from crawler import crawl, logs
from crawler.home import Home
if sys.argv[2] == "ours":
    logs.set_up()
crawl.crawler_process(Home(Path(sys.argv[1])))
engine = logging.getLogger("scrapy.core.engine")
engine.debug("Crawled (200)")
engine.info("Spider opened")
engine.warning("to be heeded")
"""


@pytest.mark.parametrize("whose", ["ours", "Scrapy's"])
def test_scrapy_tells_of_no_page(tmp_path: Path, whose: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path), whose], stderr=subprocess.PIPE, text=True, check=True
    )
    (line,) = told.stderr.splitlines()
    assert "to be heeded" in line


LISTENING = """
import socket, sys
from pathlib import Path
from crawler import crawl
from crawler.home import Home
from crawler.site import Site
heard = []
socket.socket.listen = lambda *_: heard.append("a socket")
site = Site(name="a", title="a", start=("http://a.test/",)).at(sys.argv[2])
(result,) = crawl.crawl(Home(Path(sys.argv[1])), [site], delay=0)
print(result.counts["requests"], heard)
"""


def test_nobody_can_talk_to_a_crawl(tmp_path: Path) -> None:
    """Scrapy 2.19 and later listens for code to run unless it is told not to, and says where in a file of the user's folder."""
    folder = tmp_path / "user"
    with FaultServer() as server:
        server.pages["/"] = html("one")
        told = subprocess.run(
            [sys.executable, "-c", LISTENING, str(tmp_path / "home"), server.url], stdout=subprocess.PIPE, text=True, check=True,
            env={**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")},
        )  # fmt: skip
    requests, heard = told.stdout.split(" ", 1)
    assert int(requests) >= 1
    assert heard.strip() == "[]"
    assert not list(folder.rglob("*scrapy*"))
