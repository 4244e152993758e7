"""Correction files: what they may hold, what is told of a mistake, and what adding an entry leaves alone."""

from __future__ import annotations

import threading
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from crawler.corrections.entries import (
    CORRECTABLE,
    add_entry,
    corrections_for,
    load_corrections,
    tidy_text,
    value_of,
)
from crawler.errors import JianghuaError
from crawler.home import Home

ID = "qingquan:" + "0123456789" * 2
OTHER = "qingquan:" + "abcdef0123" * 2
DIGEST = "5" * 64


def written(home: Path, text: str, name: str = "names") -> Path:
    path = home / "corrections" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_no_folder_and_empty_files_are_no_corrections(tmp_path: Path) -> None:
    assert load_corrections(Home(tmp_path)) == ()
    written(tmp_path, "")
    written(tmp_path, "# nothing yet\n", "more")
    assert load_corrections(Home(tmp_path)) == ()


def test_entries_are_read_in_order_with_their_lines(tmp_path: Path) -> None:
    written(
        tmp_path,
        f"# reviewed in November\n- speech_id: {ID}\n  field: title\n  value: ' 在全县大会上的讲话 '\n  reason: the page says 全区\n"
        f"- text_sha256: '{DIGEST}'\n  drop: true\n  reason: a novel\n  by: 李明\n  date: 2026-11-27\n",
    )
    written(tmp_path, f"- speech_id: {ID}\n  field: event_date\n  value: 2023-05-04\n  reason: minutes\n", "dates")
    found = load_corrections(Home(tmp_path))
    assert [(c.where, c.field, c.value) for c in found] == [
        ("corrections/dates.yaml:1", "event_date", date(2023, 5, 4)),
        ("corrections/names.yaml:2", "title", "在全县大会上的讲话"),
        ("corrections/names.yaml:6", None, None),
    ]
    assert (found[2].drop, found[2].by, found[2].date) == (True, "李明", date(2026, 11, 27))
    assert [c.where for c in corrections_for(Home(tmp_path), ID, "6" * 64)] == [c.where for c in found[:2]]
    assert corrections_for(Home(tmp_path), OTHER, DIGEST) == [found[2]]


@pytest.mark.parametrize(
    ("entry", "line", "told"),
    [
        ("field: title\n  value: 甲\n  reason: x", 1, "speech_id or text_sha256"),
        (f"speech_id: {ID}\n  field: titel\n  value: 甲\n  reason: x", 2, "unknown column 'titel'"),
        (f"speech_id: {ID}\n  field: chars\n  value: 3\n  reason: x", 2, "follows from text"),
        (f"speech_id: {ID}\n  field: site\n  value: a\n  reason: x", 2, "cannot be corrected"),
        (f"speech_id: {ID}\n  field: title\n  value: 2023\n  reason: x", 3, "in quotes"),
        (f"speech_id: {ID}\n  field: title\n  value: null\n  reason: x", 3, "may not be empty"),
        (f"speech_id: {ID}\n  field: region\n  value: ''\n  reason: x", 3, "write null"),
        (f"speech_id: {ID}\n  field: views\n  value: many\n  reason: x", 3, "whole number"),
        (f"speech_id: {ID}\n  field: title_year\n  value: 99999\n  reason: x", 3, "does not fit"),
        (f"speech_id: {ID}\n  field: is_preview\n  value: 1\n  reason: x", 3, "true or false"),
        (f"speech_id: {ID}\n  field: published_at\n  value: yesterday\n  reason: x", 3, "2023-05-04 09:30"),
        (f"speech_id: {ID}\n  field: doc_type\n  value: 小说\n  reason: x", 3, "must be one of"),
        (f"speech_id: {ID}\n  field: topics\n  value: 教育\n  reason: x", 3, "must be a list"),
        (f"speech_id: {ID}\n  field: outline\n  value: [一]\n  reason: x", 3, "level, marker, heading, paragraph"),
        (f"speech_id: {ID}\n  field: title\n  value: 甲", 1, "'reason' is missing"),
        (f"speech_id: {ID}\n  field: title\n  value: 甲\n  reason: ' '", 4, "reason"),
        (f"speech_id: {ID}\n  field: title\n  reason: x", 1, "value: null"),
        (f"speech_id: {ID}\n  reason: x", 1, "drop: true"),
        (f"speech_id: {ID}\n  drop: true\n  field: title\n  reason: x", 1, "nothing to correct"),
        (f"speech_id: {ID}\n  field: text\n  find: 甲\n  reason: x", 1, "belong together"),
        (f"speech_id: {ID}\n  field: title\n  find: 甲\n  replace: 乙\n  reason: x", 1, "for the field text"),
        (f"speech_id: {ID}\n  field: text\n  find: 甲\n  replace: 乙\n  value: 丙\n  reason: x", 1, "either value"),
        (f"speech_id: {ID}\n  wert: 3\n  reason: x", 2, "unknown key 'wert'"),
        ("speech_id: nonsense\n  drop: true\n  reason: x", 1, "speech_id"),
        (f"speech_id: {ID}\n  speech_id: {ID}\n  reason: x", 2, "given twice"),
        (f"speech_id: {ID}\n  field: published_at\n  value: 2023-13-04\n  reason: x", 3, "month must be in"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, entry: str, line: int, told: str) -> None:
    path = written(tmp_path, f"- {entry}\n")
    with pytest.raises(JianghuaError) as e:
        load_corrections(Home(tmp_path))
    assert e.value.where == f"{path}:{line}"
    assert told in e.value.what
    assert e.value.remedy


def test_two_values_for_one_column_are_refused(tmp_path: Path) -> None:
    written(tmp_path, f"- {{speech_id: '{ID}', field: region, value: 甲县, reason: x}}\n", "a")
    written(tmp_path, f"\n- {{speech_id: '{ID}', field: region, value: 乙县, reason: x}}\n", "b")
    with pytest.raises(JianghuaError, match=r"twice \(first in corrections/a\.yaml:1\)") as e:
        load_corrections(Home(tmp_path))
    assert e.value.where == "corrections/b.yaml:2"


def test_values_become_what_the_columns_hold() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    at = CORRECTABLE["published_at"]
    assert value_of(at, "2023-05-04T01:00:00+00:00") == datetime(2023, 5, 4, 9, tzinfo=zone)
    assert value_of(at, datetime(2023, 5, 4, 9)) == datetime(2023, 5, 4, 9, tzinfo=zone)
    assert value_of(at, date(2023, 5, 4)) == datetime(2023, 5, 4, tzinfo=zone)
    assert value_of(at, None) is None
    assert value_of(CORRECTABLE["region"], " e\u0301县 ") == "\u00e9县"
    assert value_of(CORRECTABLE["text"], "同志们:\r\n\r\n 今天开会。\u3000\n") == "同志们:\n今天开会。"
    point = {"level": 1, "marker": "一、", "heading": "认识", "paragraph": 0}
    assert value_of(CORRECTABLE["outline"], [point]) == [point]


@given(st.text(max_size=80))
def test_tidy_text_is_tidy(text: str) -> None:
    made = tidy_text(text)
    assert made == tidy_text(made)
    assert all(line == line.strip() != "" for line in made.split("\n")) or made == ""


LAYOUTS = {
    "none": None,
    "comment": "# reviewed by 李明\n",
    "flush": f"# top\n- speech_id: {OTHER}   # keep me\n  field: region\n  value: 甲县\n  reason: x\n",
    "indented": f"  # top\n  - speech_id: {OTHER}\n    field: region\n    value: 甲县\n    reason: x",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_adding_keeps_what_stands_there(tmp_path: Path, layout: str) -> None:
    home, text = Home(tmp_path), LAYOUTS[layout]
    path = tmp_path / "corrections" / "names.yaml"
    if text is not None:
        written(tmp_path, text)
    entry: dict[str, Any] = {
        "speech_id": ID,
        "field": "text",
        "find": "甲\n乙: '丙'",
        "replace": "丁",
        "reason": "a # no comment",
    }
    made = add_entry(home, path, entry)
    assert (made.speech_id, made.find, made.replace, made.reason) == (ID, "甲\n乙: '丙'", "丁", "a # no comment")
    assert path.read_text(encoding="utf-8").startswith(text or "- ")
    assert load_corrections(home)[-1] == made
    assert [p.name for p in path.parent.iterdir()] == ["names.yaml"]


def test_adding_refuses_what_is_wrong_and_writes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    path = written(tmp_path, str(LAYOUTS["flush"]))
    before = path.read_bytes()
    good = {"speech_id": OTHER, "field": "title", "value": "甲", "reason": "x"}
    for entry, told in (
        (good | {"field": "titel"}, "unknown column"),
        (good | {"field": "region"}, "already"),
        ({k: v for k, v in good.items() if k != "reason"}, "reason"),
    ):
        with pytest.raises(JianghuaError, match=told):
            add_entry(home, path, entry)
    path.write_text("[]\n")
    with pytest.raises(JianghuaError, match="in one line"):
        add_entry(home, path, good)
    path.write_bytes(before + b"- broken\n")
    with pytest.raises(JianghuaError):
        add_entry(home, path, good)
    assert path.read_bytes() == before + b"- broken\n"


def test_two_that_add_at_a_time_lose_nothing(tmp_path: Path) -> None:
    home, path = Home(tmp_path), tmp_path / "corrections" / "names.yaml"
    entries = [{"speech_id": f"a:{n:020x}", "drop": True, "reason": "x"} for n in range(12)]
    threads = [threading.Thread(target=add_entry, args=(home, path, e)) for e in entries]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(e["speech_id"] for e in yaml.safe_load(path.read_text())) == [e["speech_id"] for e in entries]


def test_a_file_of_another_ending_is_told_and_not_passed_over(tmp_path: Path) -> None:
    folder = Home(tmp_path).own_corrections
    folder.mkdir()
    (folder / "own.yml").write_text(f"- speech_id: {ID}\n  drop: true\n  reason: x\n")
    with pytest.raises(JianghuaError, match=r"ends in \.yaml") as e:
        load_corrections(Home(tmp_path))
    assert e.value.remedy == "rename it to own.yaml"


def test_an_entry_that_stands_there_already_is_told_with_its_place_in_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    entry = {"speech_id": ID, "field": "title", "value": "甲", "reason": "x"}
    path = home.own_corrections / "own.yaml"
    add_entry(home, path, entry)
    with pytest.raises(JianghuaError, match="already") as e:
        add_entry(home, path, entry)
    assert e.value.where == "corrections/own.yaml:1"
