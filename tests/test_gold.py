"""Main text of real pages with hand-made gold that lie beside the project on some machines."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.chain import ROOT
from tests.docsites import SHARED

EVALUATE = SHARED / "gold" / "evaluate.py"
pytestmark = pytest.mark.skipif(not EVALUATE.is_file(), reason="the hand-made gold is not on this machine")


@pytest.mark.parametrize("function", ["crawler.extraction:main_text", "crawler.extraction:read_page"])
def test_main_text_of_real_pages(function: str, record_property: Callable[[str, object], None]) -> None:
    done = subprocess.run(
        [sys.executable, str(EVALUATE), function, "--brief", "--worst", "5"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    figures = re.search(r"^\w+ +ALL +(\d+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)", done.stdout, re.M)
    assert figures, done.stdout
    record_property("gold", figures[0])
    assert float(figures[2]) >= 0.95, done.stdout
    if function.endswith(":read_page"):
        dates, authors = re.findall(r"(\d+)/\d+", figures.string[figures.start() :].split("\n", 1)[0])[-2:]
        assert int(dates) >= 44, done.stdout
        assert int(authors) >= 30, done.stdout
