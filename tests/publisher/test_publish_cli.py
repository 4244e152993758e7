"""The commands on records that lie in a home as extraction writes them."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crawler.console import run_app
from crawler.home import Home
from crawler.shards import SCHEMAS, pointer_path, write_shard
from publisher.cli import app
from publisher.intake import read_all
from publisher.release import publish
from tests.publisher.publisher_made import page, records, speech


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def jianghua(home: Path, *arguments: str) -> Done:
    """Run a command as the console script does, in this process: importing everything anew takes a second each time."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    argv, sys.argv = sys.argv, ["jianghua", *arguments, "--home", str(home)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            run_app(app)
    except SystemExit as e:
        code = int(e.code or 0)
    finally:
        sys.argv = argv
    return Done(code, out.getvalue(), err.getvalue())


def extracted(home: Path, site: str, rows: list[dict[str, Any]], pages: Any = ()) -> None:
    """Write records of a site as extraction does, in two shards."""
    made = records(rows, pages)
    for bucket in (0, 1):
        tables = {n: t.slice(bucket * 3, 3 if bucket == 0 else None) for n, t in made.items()}
        tables |= {n: SCHEMAS[n].empty_table() for n in ("readings", "cuts")}
        write_shard(Home(home), site, bucket, tables, input_digest=f"{bucket}")


def test_records_are_read_from_all_sites(tmp_path: Path) -> None:
    extracted(tmp_path, "a", [speech("a", n) for n in range(8)])
    extracted(tmp_path, "b", [speech("b", n) for n in range(4)])
    tables = read_all(Home(tmp_path))
    assert {n: t.num_rows for n, t in tables.items()} == {"speeches": 12, "provenance": 12, "pages": 12}


def test_publish_list_verify_and_compare(tmp_path: Path) -> None:
    nothing = jianghua(tmp_path, "publish", "speeches")
    assert nothing.returncode == 1
    assert "nothing to publish" in nothing.stderr
    assert "no version yet" in jianghua(tmp_path, "versions").stdout

    rows = [speech("a", n) for n in range(8)]
    extracted(tmp_path, "a", rows)
    first = jianghua(tmp_path, "publish", "speeches", "--json")
    assert first.returncode == 0, first.stderr
    made = json.loads(first.stdout)
    assert (made["sequence"], made["rows"], made["added"]) == (1, 8, 8)

    again = jianghua(tmp_path, "publish", "speeches")
    assert again.returncode == 0
    assert f"no new version: nothing changed since {made['version']}" in again.stdout

    extracted(tmp_path, "a", [*rows[1:], speech("a", 9)], [page(rows[0], "gone")])
    second = jianghua(tmp_path, "publish")
    assert "8 speeches, 1 added, 0 changed, 1 removed" in second.stdout
    listed = json.loads(jianghua(tmp_path, "versions", "--json").stdout)
    assert [v["latest"] for v in listed] == [False, True]
    assert listed[1]["version"] in jianghua(tmp_path, "versions").stdout

    checked = jianghua(tmp_path, "verify")
    assert checked.returncode == 0
    assert "all as written" in checked.stdout
    found = json.loads(jianghua(tmp_path, "changes", made["version"], "latest", "--json").stdout)
    assert found["tables"]["speeches"] == {"added": 1, "changed": 0, "removed": 1}
    assert {r["op"] for r in found["rows"] if r["table"] == "speeches"} == {"added", "removed"}
    assert rows[0]["speech_id"] in jianghua(tmp_path, "changes", made["version"]).stdout


@pytest.fixture
def home(tmp_path: Path) -> Path:
    extracted(tmp_path, "a", [speech("a", n) for n in range(8)])
    extracted(tmp_path, "b", [speech("b", n) for n in range(4)])
    assert jianghua(tmp_path, "publish").returncode == 0
    return tmp_path


def test_versions_are_listed_by_their_sequence_and_not_by_name(tmp_path: Path) -> None:
    for n, day in ((3, 22), (4, 20), (5, 23)):  # a clock that was set back once
        extracted(tmp_path, "a", [speech("a", i) for i in range(n)])
        publish(Home(tmp_path), now=datetime(2026, 11, day, tzinfo=UTC))
    said = jianghua(tmp_path, "versions").stdout
    names = ["2026-11-22.1", "2026-11-20.1", "2026-11-23.1"]
    assert sorted(names, key=said.index) == names
    assert [v["version"] for v in json.loads(jianghua(tmp_path, "versions", "--json").stdout)] == names


def test_verify_and_changes_say_that_there_is_no_version_yet(tmp_path: Path) -> None:
    for command in (["verify"], ["changes", "latest"], ["changes", "--since", "2026-11-01"]):
        done = jianghua(tmp_path, *command)
        assert (done.returncode, done.stdout) == (2, "")
        assert "there is no version yet" in done.stderr
        assert "unknown version" not in done.stderr


def test_a_gate_refuses_until_it_is_accepted_with_a_reason(home: Path) -> None:
    extracted(home, "b", [speech("b", 9)], [page(speech("b", n), "off_topic") for n in range(4)])
    extracted(home, "a", [speech("a", n) for n in range(2)], [page(speech("a", n), "off_topic") for n in range(2, 8)])
    refused = jianghua(home, "publish")
    assert refused.returncode == 1
    assert "rows_lost: speeches lost though their page is not gone: a 6 of 8" in refused.stderr.replace("\n", " ")
    assert "Traceback" not in refused.stderr
    assert jianghua(home, "publish", "--accept", "rows_lost").returncode == 2
    accepted = jianghua(home, "publish", "--accept", "rows_lost", "--reason", "it closed")
    assert accepted.returncode == 0
    assert "accepted: it closed" in accepted.stdout


def test_what_is_wrong_is_said_with_an_exit_code(home: Path) -> None:
    for arguments, code, said in (
        (["changes", "2020-01-01.1", "latest"], 2, "unknown version '2020-01-01.1'"),
        (["verify", "2020-01-01.1"], 2, "unknown version"),
        (["publish", "recipes"], 2, "unknown dataset 'recipes'"),
        (["versions", "--dataset", "recipes"], 2, "unknown dataset"),
    ):
        done = jianghua(home, *arguments)
        assert (done.returncode, done.stdout) == (code, "")
        assert said in done.stderr
        assert "do:" in done.stderr
        assert "Traceback" not in done.stderr
    part = next((home / "datasets" / "speeches" / "tables" / "speeches").glob("part-*"))
    data = part.read_bytes()
    part.write_bytes(data[:300] + b"\xff" + data[301:])
    damaged = jianghua(home, "verify")
    assert damaged.returncode == 1
    assert part.name in damaged.stderr.replace("\n", "")
    part.write_bytes(data)
    pointer = pointer_path(Home(home), "a", 0)
    pointer.write_text("{")
    carried = jianghua(home, "publish", "--json")  # what was read well before stays
    assert carried.returncode == 0
    assert "00.json" in next(g for g in json.loads(carried.stdout)["gates"] if g["name"] == "carried_sites")["what"]
    assert jianghua(home, "verify").returncode == 0
    shutil.rmtree(home / "datasets")
    broken = jianghua(home, "publish")  # but nothing can stand in for a site that was never read
    assert broken.returncode == 1
    assert "00.json" in broken.stderr.replace("\n", "")


def test_an_empty_version_is_refused_with_its_reason_and_what_to_do(tmp_path: Path) -> None:
    """Records without a speech, with speeches that are all taken down, that are all dropped by corrections."""
    row = speech("a", 1)
    extracted(tmp_path, "a", [], [page(row, "list")])
    done = jianghua(tmp_path, "publish")
    assert done.returncode == 1
    assert "rows: the records of a hold no speech: every page that was read is something else" in done.stderr
    assert "`jianghua explain SITE PATH` why one of them is no speech" in done.stderr
    assert "sites named" not in done.stderr
    extracted(tmp_path, "a", [row, speech("a", 2)])
    told = f"- id: t1\n  url: {row['page_url']}\n  reason: x\n  date: 2026-11-20\n"
    (tmp_path / "takedowns").mkdir()
    (tmp_path / "takedowns" / "t.yaml").write_text(told + told.replace("t1", "t2").replace("/1.html", "/2.html"))
    done = jianghua(tmp_path, "publish")
    assert done.returncode == 1
    assert "rows: every speech in the records of a is left out: 2 taken down" in done.stderr
    assert "`jianghua takedown lift ID --reason TEXT` brings it back; the latest version stays" in done.stderr
    (tmp_path / "takedowns" / "t.yaml").write_text(told)
    (tmp_path / "corrections").mkdir()
    (tmp_path / "corrections" / "c.yaml").write_text(
        f"- speech_id: {speech('a', 2)['speech_id']}\n  drop: true\n  reason: a novel\n"
    )
    done = jianghua(tmp_path, "publish")
    assert "is left out: 1 by corrections, 1 taken down" in done.stderr
    assert "`jianghua corrections list`" in done.stderr
    assert not (tmp_path / "datasets" / "speeches" / "latest.json").exists()
