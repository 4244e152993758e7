"""What Scrapy tells of each page is for nobody, whoever has set up the logs of a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
