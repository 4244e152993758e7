"""The benchmark of readers: its measures, its picture, and that it runs on the golden pages."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from tests.chain import ROOT

SCRIPT = ROOT / "benchmarks" / "readers.py"


@pytest.fixture(scope="module")
def readers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readers_benchmark", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_shingles_of_characters_and_words(readers: ModuleType) -> None:
    assert readers.shingles("") == {}
    assert readers.shingles("开会") == {("开", "会"): 1}
    assert readers.shingles("今天开会！") == {("今", "天", "开", "会"): 1}
    assert readers.shingles("在２０２３年 ABC会") == readers.shingles("在2023年abc会。")
    assert list(readers.shingles("a1 年会b2")) == [("a1", "年", "会", "b2")]
    assert readers.shingles("讲话讲话讲话")[("讲", "话", "讲", "话")] == 2


def test_agreement_counts_as_often_as_it_stands_there(readers: ModuleType) -> None:
    wanted, found = readers.shingles("一二三四五六"), readers.shingles("一二三四五六七八九")
    assert readers.agreement(wanted, found) == (0.5, 1.0, pytest.approx(2 / 3))
    assert readers.agreement(readers.shingles(""), found)[2] == 0.0
    twice = readers.paragraphs("甲\n\n 乙 \n甲")
    assert twice == {"甲": 2, "乙": 1}
    assert readers.agreement(twice, readers.paragraphs("甲\n乙"))[:2] == (1.0, pytest.approx(2 / 3))


def test_it_runs_on_the_golden_pages_and_draws(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--gold", str(tmp_path), "--json", "r.json", "--picture", "r.svg"],
        cwd=tmp_path, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (scores,) = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["sets"].values()
    assert scores["jianghua, speeches"]["paragraphs"] == 1.0
    assert {n for n, s in scores.items() if s["failed"]} == set()
    assert all(name in done.stdout for name in scores)
    drawn = ElementTree.parse(tmp_path / "r.svg").getroot()
    assert len(drawn.findall("{http://www.w3.org/2000/svg}circle")) == len(scores) >= 8
