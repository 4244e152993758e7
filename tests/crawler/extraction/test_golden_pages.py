"""The golden pages: the project's own pages with what is true of them. `jianghua golden` shows the same for people."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from crawler.errors import JianghuaError, UsageError
from crawler.extraction import golden
from crawler.extraction.golden_cli import app
from crawler.records import SPEECH, Fate

FOLDER = Path(__file__).parents[2] / "golden"
NAMES = golden.page_names(FOLDER)
KNOWN = golden.known_misses(FOLDER)


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_page_is_read_as_expected(name: str) -> None:
    expected = golden.load(FOLDER / f"{name}.json")
    found = list(golden.differences(expected, golden.read(FOLDER, name, expected)))
    if name in KNOWN:
        assert found, f"{name} is read well by now: take it out of {golden.KNOWN}"
    else:
        assert not found, "\n".join(f"{d.where}: expected {d.expected!r}, read {d.read!r}" for d in found)


def test_every_page_says_what_it_is_for_and_names_only_what_there_is() -> None:
    columns = {c.name for c in SPEECH}
    notes = set()
    for name in NAMES:
        expected = golden.load(FOLDER / f"{name}.json")
        assert expected["fate"] in get_args(Fate)
        assert expected["note"] not in notes, name
        notes.add(expected["note"])
        assert bool(expected["speeches"]) == (expected["fate"] in ("speech", "preview")), name
        named = set(expected.get("page", {})).union(*expected["speeches"])
        assert named <= columns, name
        assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == golden.as_text(expected), name
    assert set(KNOWN) <= set(NAMES)
    assert {p.stem for p in FOLDER.glob("*.json")} == set(NAMES)
    assert sum(p.stat().st_size for p in FOLDER.iterdir()) < 1_500_000


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Three golden pages in a folder of their own."""
    for name in ("parts-toc", "not-plan", "layout-in-article-pages"):
        for path in FOLDER.glob(f"{name}.*"):
            shutil.copy(path, tmp_path)
    return tmp_path


def change(folder: Path, name: str, **fields: object) -> None:
    path = folder / f"{name}.json"
    path.write_text(golden.as_text(json.loads(path.read_text(encoding="utf-8")) | fields), encoding="utf-8")


def called(folder: Path, *args: str) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(app, [*args, "--folder", str(folder)])
    return result.exit_code, result.stdout, result.exception


def test_the_command_shows_differences_field_by_field(copy: Path) -> None:
    code, out, _ = called(copy)
    assert code == 0
    assert "3 of 3" in out
    expected = golden.load(copy / "parts-toc.json")
    expected["speeches"][1]["text"][1] = "另一段文字。"
    change(copy, "parts-toc", speeches=expected["speeches"], page={"title": "别的题目"})
    change(copy, "not-plan", why="通知")
    code, out, error = called(copy)
    assert code == 1
    assert isinstance(error, JianghuaError)
    assert "2 of 3" in str(error)
    assert "speech 2: text" in out
    assert "- 另一段文字。" in out
    assert "别的题目" in out
    code, out, _ = called(copy, "parts-toc", "--json")
    told = json.loads(out)
    assert (code, told["pages"], list(told["differ"])) == (1, 1, ["parts-toc"])
    assert {d["where"] for d in told["differ"]["parts-toc"]} == {"page.title", "speech 2: text"}


def test_accepting_writes_what_is_read_and_nothing_else(copy: Path) -> None:
    before = {p.name: p.read_text(encoding="utf-8") for p in copy.glob("*.json")}
    code, _, _ = called(copy, "--accept", "--yes")
    assert code == 0
    assert {p.name: p.read_text(encoding="utf-8") for p in copy.glob("*.json")} == before
    change(copy, "not-plan", why="通知", fate="speech")
    (copy / "parts-toc.json").unlink()
    assert called(copy)[0] == 1
    assert called(copy, "--accept", "not-plan", "parts-toc")[0] == 0
    assert golden.load(copy / "not-plan.json")["fate"] == "off_topic"
    made, was = golden.load(copy / "parts-toc.json"), json.loads(before["parts-toc.json"])
    assert [s["text"] for s in made["speeches"]] == [s["text"] for s in was["speeches"]]
    assert called(copy)[0] == 0


def test_accepting_all_asks_first(copy: Path) -> None:
    assert isinstance(called(copy, "--accept")[2], UsageError)


def test_a_known_miss_that_is_mended_must_leave_the_list(copy: Path) -> None:
    change(copy, "not-plan", why="通知")
    (copy / golden.KNOWN).write_text("not-plan: the reason\n", encoding="utf-8")
    code, out, _ = called(copy)
    assert code == 0
    assert "the reason" in out
    change(copy, "not-plan", why="方案")
    code, _, error = called(copy)
    assert code == 1
    assert "not-plan" in str(error)


def test_a_folder_or_page_that_is_not_there_is_told(tmp_path: Path, copy: Path) -> None:
    (tmp_path / "empty").mkdir()
    for error in (called(tmp_path / "empty")[2], called(tmp_path / "nowhere")[2]):
        assert isinstance(error, UsageError)
        assert "no golden pages" in error.what
    error = called(copy, "nonsense")[2]
    assert isinstance(error, UsageError)
    assert "nonsense" in error.what
    (copy / "not-plan.json").write_text("{", encoding="utf-8")
    error = called(copy)[2]
    assert isinstance(error, JianghuaError)
    assert "not-plan.json" in str(error)
