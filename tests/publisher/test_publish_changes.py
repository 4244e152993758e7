"""`jianghua changes`: what changed between two versions, for people and for machines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from publisher.changes import SCHEMA
from publisher.changes_shown import value
from publisher.release import publish_records
from tests.publisher.publisher_made import page, records, speech, text
from tests.publisher.test_publish_cli import jianghua

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
HOSTILE = "[bold]在[/bold] | `x` <script>alert(1)</script>\n# *会议* [a](http://x.example) :star:"
ROWS = [speech("a", n) for n in range(6)] + [speech("b", 1)]
GONE, EDITED, NEW = ROWS[0], ROWS[1], speech("c", 1, title=HOSTILE)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("changes")
    folder = home / "datasets" / "speeches"
    edited = EDITED | {"doc_type": "报告", "keywords": ["甲", "乙"], "region": None}
    states = [
        records(ROWS),
        records([edited, *ROWS[2:]], [page(GONE, "gone")]),
        records([edited, *ROWS[2:-1], speech("b", 1, text("other")), NEW], [page(GONE, "gone")]),
    ]
    for day, state in enumerate(states):
        assert publish_records(folder, state, now=DAY + timedelta(days=day)).version
    return home


def test_machines_get_json_and_parquet(home: Path, tmp_path: Path) -> None:
    done = jianghua(home, "changes", "2026-11-22.1", "latest", "--json", "--parquet", str(tmp_path / "c.parquet"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["tables"]["speeches"] == {"added": 1, "changed": 2, "removed": 1}
    assert found["speeches"]["added"] == [NEW["speech_id"]]
    assert [(s["version"], s["added"], s["changed"], s["removed"]) for s in found["steps"]] == [
        ("2026-11-23.1", 0, 1, 1),
        ("2026-11-24.1", 1, 1, 0),
    ]
    rows = pq.read_table(tmp_path / "c.parquet").cast(SCHEMA)
    assert rows.to_pylist() == found["rows"]
    assert "values" not in found


def test_old_and_new_values(home: Path) -> None:
    found = json.loads(
        jianghua(home, "changes", "2026-11-22", "2026-11-23", "--json", "--values", "--limit", "0").stdout
    )
    assert found["values"] == {
        EDITED["speech_id"]: {
            "doc_type": ["讲话", "报告"],
            "keywords": [value(EDITED["keywords"]), "[甲, 乙]"],
            "region": [EDITED["region"], "–"],
        }
    }
    back = json.loads(jianghua(home, "changes", "2026-11-23", "2026-11-22", "--json", "--values").stdout)
    assert back["values"][EDITED["speech_id"]]["doc_type"] == ["报告", "讲话"]
    assert back["speeches"]["added"] == [GONE["speech_id"]]
    told = jianghua(home, "changes", "2026-11-22.1", "2026-11-23.1", "--values").stdout
    assert "doc_type: 讲话 → 报告" in told


def test_people_see_titles_and_reasons(home: Path) -> None:
    told = jianghua(home, "changes", "--since", "2026-11-22").stdout
    assert "2026-11-22.1 → 2026-11-24.1" in told
    for row, mark in ((GONE, "-"), (EDITED, "~"), (NEW, "+")):
        assert f"{mark} {row['speech_id']}" in told
    assert "gone" in told
    assert "[bold]" in told  # what a page says is no markup
    assert "step by step" in told
    few = jianghua(home, "changes", "2026-11-22.1", "--limit", "1").stdout
    assert "changed speeches (1 of 2)" in few
    assert "1 more; --limit 0 shows all" in few


def test_back_to_an_older_version_no_steps_are_told_that_lead_the_other_way(home: Path) -> None:
    there = ("changes", "2026-11-22.1", "2026-11-24.1", "--limit", "1")
    back = ("changes", "2026-11-24.1", "2026-11-22.1", "--limit", "1")
    for form in ((), ("--markdown",)):
        assert "2026-11-23.1" in jianghua(home, *there, *form).stdout
        assert "2026-11-23.1" not in jianghua(home, *back, *form).stdout


def test_a_changelog_in_markdown_is_escaped(home: Path) -> None:
    told = jianghua(home, "changes", "--since", "2026-11-22.1", "--markdown", "--values").stdout
    assert told.startswith("# `2026-11-22.1` → `2026-11-24.1`\n")
    lines = told.splitlines()
    assert [line for line in lines if line.startswith("#")][1:] == [
        "## Added speeches", "## Changed speeches", "## Removed speeches",
    ]  # fmt: skip
    assert r"\<script\>" in told
    assert "<script>" not in told
    assert "  * `doc_type`: 讲话 → 报告" in lines
    assert f"(`{GONE['speech_id']}`)" in told
    assert next(line for line in lines if GONE["speech_id"] in line).startswith(f"* {GONE['title']}: gone")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "one version to start from"),
        (["2026-11-22.1", "--since", "2026-11-22.1"], "one version to start from"),
        (["2026-11-21"], "nothing had been published"),
        (["2026-11-22.1", "2026-99-99"], "is no date"),
        (["2026-11-22.7"], "unknown version"),
        (["2026-11-22.1", "--markdown", "--json"], "exclude each other"),
    ],
)
def test_what_is_wrong_is_said(home: Path, arguments: list[str], said: str) -> None:
    done = jianghua(home, "changes", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "do:" in done.stderr
