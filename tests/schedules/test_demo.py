"""The demo: the whole chain from crawl to published version on served sites, twice."""

from __future__ import annotations

from pathlib import Path
from subprocess import PIPE
from types import SimpleNamespace

import pandas
import pytest

from crawler.errors import UsageError
from crawler.sample.build import build
from schedules import demo as module
from schedules.demo import demo, prepare
from tests.chain import ran


def test_the_demo_publishes_two_versions_and_finds_exactly_the_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forked = SimpleNamespace(PIPE=PIPE, run=lambda argv, env, **_: ran(argv, env=env))
    monkeypatch.setattr(module, "subprocess", forked)
    folder = tmp_path / "demo"
    home = prepare(folder)
    said: list[object] = []
    result = demo(home, folder, said.append, build(articles=13, chars=500, sites=("muduo", "tanxi")))
    assert len(set(result["versions"])) == 2
    assert result["recall"] == [1.0, 1.0]
    assert result["precision"] == [1.0, 1.0]
    assert min(result["exact_paragraphs"]) >= 0.95
    assert result["changes_as_expected"]
    assert {r["what"] for r in result["changes"]} == {"added", "changed", "removed"}
    assert {r["site"] for r in result["query"]} == {"muduo", "tanxi"}
    assert any("DuckDB" in str(x) for x in said)
    frame = pandas.read_parquet(home.datasets / "speeches" / "latest" / "speeches")
    assert len(frame) == result["speeches"][1]
    # a second demo starts afresh, in the folder that the first one made
    assert prepare(folder) == home
    assert not home.datasets.exists()
    assert not home.var.exists()


def test_a_folder_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="did not make"):
        prepare(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"
