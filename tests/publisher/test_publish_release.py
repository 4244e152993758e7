from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from crawler.errors import DamagedError, JianghuaError, UsageError
from crawler.home import Home
from publisher.compare import diff
from publisher.gates import RefusedError
from publisher.reader import open_dataset
from publisher.release import PublishResult, publish, publish_records
from publisher.tables import TABLES
from publisher.verify import verify
from publisher.versions import version_names
from tests.publisher.publisher_made import WHEN, page, records, speech, text

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def go(folder: Path, rows: list[dict[str, Any]], day: int = 0, pages: Any = (), **options: Any) -> PublishResult:
    return publish_records(folder, records(rows, pages), now=DAY + timedelta(days=day), **options)


def by_id(folder: Path, table: str = "speeches", version: str = "latest") -> dict[str, dict[str, Any]]:
    return {r["speech_id"]: r for r in open_dataset(folder, version).arrow(table).to_pylist()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "datasets" / "speeches"


def some(n: int = 12, site: str = "a") -> list[dict[str, Any]]:
    return [speech(site, i) for i in range(n)]


def test_first_version_has_everything_and_says_so(folder: Path) -> None:
    result = go(folder, [*some(), speech("b", 1, text(("a", 1)))])
    assert (result.version, result.sequence, result.rows, result.added) == ("2026-11-22.1", 1, 13, 13)
    assert verify(folder).versions == ["2026-11-22.1"]
    rows = by_id(folder)
    assert {r["revision"] for r in rows.values()} == {1}
    assert {r["first_version"] for r in rows.values()} == {"2026-11-22.1"}
    assert open_dataset(folder).arrow("duplicates").num_rows == 2
    made = folder / "versions" / "2026-11-22.1"
    assert {p.name for p in made.iterdir()} >= {"manifest.json", "SHA256SUMS", "README.md", "changes.parquet", *TABLES}
    for name in TABLES:  # hard links, so that versions share their bytes
        for part in (made / name).iterdir():
            assert part.samefile(folder / "tables" / name / part.name)
    assert json.loads((folder.parent / "index.json").read_text())["datasets"][0]["version"] == "2026-11-22.1"


def test_nothing_changed_makes_no_version_whatever_order_counters_and_fetch_times(folder: Path) -> None:
    rows = some()
    go(folder, rows)
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    again = [r | {"views": 999} for r in rows]
    random.Random(1).shuffle(again)
    pages = [page(r, fetched_at=WHEN + timedelta(days=1)) for r in again]
    result = go(folder, again, 1, pages)
    assert result.version is None
    assert result.latest == "2026-11-22.1"
    assert "nothing changed since 2026-11-22.1" in result.reason
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"} == {
        p: b for p, b in before.items() if p.name != ".lock"
    }


def test_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    rows = some(20)
    shuffled = list(rows)
    random.Random(2).shuffle(shuffled)
    trees = []
    for name, given in (("one", rows), ("two", shuffled)):
        folder = tmp_path / name / "speeches"
        go(folder, given)
        go(folder, [*given[:0], *(r for r in given if r is not rows[3]), speech("a", 77)], 1)
        trees.append({p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert trees[0] == trees[1]


def test_added_changed_removed_and_what_stays_where(folder: Path) -> None:
    rows = some(30)
    go(folder, rows)
    first = by_id(folder)
    rows[4] = speech("a", 4, text("new body"), views=5)
    rows[5] = rows[5] | {"title_raw": "【最新】" + rows[5]["title_raw"]}
    rows[6] = rows[6] | {"views": 12345}
    gone = rows.pop(0)
    new = speech("a", 100)
    result = go(folder, [*rows, new], 1, [page(gone, "gone")])
    assert (result.version, result.sequence) == ("2026-11-23.1", 2)
    assert (result.added, result.changed, result.removed) == (1, 2, 1)
    now = by_id(folder)
    ids = [r["speech_id"] for r in rows]
    assert (now[ids[3]]["revision"], now[ids[4]]["revision"], now[ids[5]]["revision"]) == (2, 2, 1)
    assert now[ids[3]]["first_version"] == "2026-11-22.1"
    assert now[ids[5]]["views"] == first[ids[5]]["views"]  # the counter alone rewrites nothing
    assert now[new["speech_id"]]["first_version"] == "2026-11-23.1"
    tomb = by_id(folder, "removed")[gone["speech_id"]]
    assert (tomb["reason"], tomb["removed_in"], tomb["last_version"]) == ("gone", "2026-11-23.1", "2026-11-22.1")
    assert tomb["removed_at"] == datetime(2026, 11, 23, tzinfo=UTC)
    changes = json.loads((folder / "latest" / "changes.json").read_text())
    assert changes["speeches"] == {
        "added": [new["speech_id"]],
        "changed": sorted([ids[3], ids[4]]),
        "removed": [gone["speech_id"]],
    }
    listed = {r["id"]: r for r in diff(folder, "2026-11-22.1", "latest").rows.to_pylist() if r["table"] == "speeches"}
    assert listed[ids[4]]["columns"] == ["title_raw"]
    assert set(listed[ids[3]]["columns"]) == {"text", "chars", "text_sha256", "simtext_sha256"}
    assert listed[ids[3]]["old_sha256"] == first[ids[3]]["text_sha256"] != listed[ids[3]]["new_sha256"]
    assert diff(folder, "latest", "latest").rows.num_rows == 0
    assert verify(folder).versions == ["2026-11-22.1", "2026-11-23.1"]
    assert by_id(folder, version="2026-11-22.1") == first


def test_only_parts_with_changed_rows_are_written(folder: Path) -> None:
    rows = some(40)
    go(folder, rows[:30])
    go(folder, rows, 1)  # ten more rows: a part of their own
    before = [p.file for p in open_dataset(folder).manifest.tables["speeches"].parts]
    assert len(before) == 2
    rows[35] = speech("a", 35, text("changed"))
    go(folder, rows, 2)
    after = [p.file for p in open_dataset(folder).manifest.tables["speeches"].parts]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_a_speech_that_comes_back_goes_on_counting(folder: Path) -> None:
    rows = some()
    go(folder, rows)
    go(folder, rows[1:], 1, [page(rows[0], "gone")])
    result = go(folder, rows, 2)
    assert (result.added, result.removed) == (1, 0)
    back = by_id(folder)[rows[0]["speech_id"]]
    assert (back["revision"], back["first_version"]) == (2, "2026-11-22.1")
    assert by_id(folder, "removed") == {}
    assert len(by_id(folder, "removed", "2026-11-23.1")) == 1


@pytest.mark.parametrize("fate", ["error", "unfetched", "poison"])
def test_trouble_never_deletes(folder: Path, fate: str) -> None:
    rows = some()
    go(folder, rows)
    kept = by_id(folder, "provenance")[rows[0]["speech_id"]]
    result = go(folder, rows[1:], 1, [page(rows[0], fate)])
    assert result.version is None
    result = go(folder, [*rows[1:], speech("a", 50)], 2, [page(rows[0], fate)])
    assert (result.added, result.removed) == (1, 0)
    assert by_id(folder)[rows[0]["speech_id"]]["revision"] == 1
    assert by_id(folder, "provenance")[rows[0]["speech_id"]] == kept
    assert open_dataset(folder).manifest.held == 1


def test_gone_but_kept_is_flagged_without_a_new_revision(folder: Path) -> None:
    rows = some()
    go(folder, rows)
    result = go(folder, rows, 1, [page(rows[2], "speech", gone_since=WHEN)])
    assert (result.changed, result.removed) == (1, 0)
    row = by_id(folder)[rows[2]["speech_id"]]
    assert (row["gone_since"], row["revision"]) == (WHEN, 1)
    assert go(folder, rows, 2, [page(rows[2], "speech", gone_since=WHEN)]).version is None


@pytest.mark.parametrize(
    ("fate", "status", "reason"),
    [
        ("speech", 200, "part_gone"),
        ("off_topic", 200, "no_longer_a_speech"),
        ("soft_404", 200, "soft_404"),
        ("gone", 200, "soft_404"),  # the crawl saw that it says so
        ("redirect", 301, "moved"),
    ],
)
def test_reasons_of_tombstones(folder: Path, fate: str, status: int, reason: str) -> None:
    rows = some()
    go(folder, rows)
    result = go(folder, rows[1:], 1, [page(rows[0], fate, status=status)])
    assert by_id(folder, "removed")[rows[0]["speech_id"]]["reason"] == reason
    lost = [] if reason == "soft_404" else ["rows_lost"]  # what says that it is gone is as good as 404
    assert [g.name for g in result.gates if g.result == "warn"] == [*lost, "nothing_new"]


def test_provenance_and_pages_ride_along(folder: Path) -> None:
    rows = some()
    go(folder, rows)
    stranger = page(rows[0], "list") | {"url": "http://a.example/l/", "key": "/l/"}
    assert go(folder, rows, 1, [stranger]).version is None
    go(folder, [*rows, speech("a", 99)], 2, [stranger])
    assert open_dataset(folder).arrow("pages").num_rows == 14


def test_versions_of_one_day_are_numbered(folder: Path) -> None:
    rows = some()
    names = [go(folder, rows[: 6 + i], day).version for i, day in ((0, 0), (1, 0), (2, 0), (3, 1))]
    assert names == ["2026-11-22.1", "2026-11-22.2", "2026-11-22.3", "2026-11-23.1"]
    listed = json.loads((folder / "versions.json").read_text())
    assert [v["sequence"] for v in listed["versions"]] == [1, 2, 3, 4]
    assert listed["latest"] == names[-1]


def refuse(folder: Path, rows: list[dict[str, Any]], **options: Any) -> RefusedError:
    before = (folder / "latest.json").read_bytes() if (folder / "latest.json").exists() else None
    with pytest.raises(RefusedError) as caught:
        go(folder, rows, 1, **options)
    if before:
        assert (folder / "latest.json").read_bytes() == before
        verify(folder)
    note = json.loads(next((folder / "refused").iterdir()).read_text())
    assert {g["name"] for g in note["gates"] if g["result"] == "fail"} == {
        g.name for g in caught.value.gates if g.result == "fail"
    }
    return caught.value


def failed(error: RefusedError) -> set[str]:
    return {g.name for g in error.gates if g.result == "fail"}


def test_a_site_that_brings_nothing_is_carried_forward_with_its_own_date(folder: Path) -> None:
    rows = some(8, "a") + some(3, "b")
    go(folder, rows)
    kept = by_id(folder, "provenance")
    result = go(folder, rows[:8], 1)
    assert result.version is None  # nothing else changed
    assert "b (3 speeches as of 2026-11-22" in next(g for g in result.gates if g.name == "carried_sites").what
    result = go(folder, [*rows[:8], speech("a", 50)], 2, [page(r, "error") for r in rows[8:]])
    assert (result.added, result.removed) == (1, 0)
    manifest = open_dataset(folder).manifest
    assert manifest.carried["b"].model_dump() == {
        "rows": 3,
        "as_of": DAY,
        "since": "2026-11-22.1",
        "why": "it brought no speech: of its 3 pages 3 are error",
    }
    assert manifest.sites == {"a": 9, "b": 3}
    assert {k: v for k, v in by_id(folder, "provenance").items() if k.startswith("b:")} == {
        k: v for k, v in kept.items() if k.startswith("b:")
    }
    go(folder, [*rows[:8], speech("a", 50), speech("a", 51)], 3)
    assert open_dataset(folder).manifest.carried["b"].as_of == DAY
    assert go(folder, [*rows, speech("a", 50), speech("a", 51), speech("b", 9)], 4).removed == 0
    assert open_dataset(folder).manifest.carried == {}


def test_a_silent_site_may_go(folder: Path) -> None:
    rows = some(8, "a") + some(3, "b")
    go(folder, rows)
    result = go(folder, rows[:8], 1, accept={"silent_sites": "the site has closed"})
    assert result.removed == 3
    gate = next(g for g in open_dataset(folder).manifest.gates if g.name == "silent_sites")
    assert (gate.result, gate.accepted) == ("fail", "the site has closed")
    assert "the site has closed" in (folder / "latest" / "README.md").read_text()
    assert {r["reason"] for r in by_id(folder, "removed").values()} == {"unknown"}


def test_every_site_silent_at_once_is_refused(folder: Path) -> None:
    rows = some(8, "a") + some(3, "b")
    go(folder, rows)
    assert failed(refuse(folder, [], pages=[page(r, "error") for r in rows])) == {"carried_sites"}


def test_gate_rows_lost_and_gone(folder: Path) -> None:
    rows = some(40)
    go(folder, rows)
    assert failed(refuse(folder, rows[6:], pages=[page(r, "off_topic") for r in rows[:6]])) == {"rows_lost"}
    gone = [page(r, "gone") for r in rows[:25]]
    assert failed(refuse(folder, rows[25:], pages=gone)) == {"rows_gone"}
    assert go(folder, rows[15:], 1, gone[:15]).removed == 15  # many, but within bounds: a warning


def test_a_clock_that_was_set_back_is_told(folder: Path) -> None:
    rows = some()
    go(folder, rows)
    gates = {g.name for g in go(folder, [*rows, speech("a", 50)], 1).gates}
    assert "clock" not in gates
    result = go(folder, [*rows, speech("a", 50), speech("a", 51)], 0)
    told = next(g for g in result.gates if g.name == "clock")
    assert (told.result, result.version) == ("warn", "2026-11-22.2")
    assert "published on 2026-11-23" in told.what


def test_gates_of_the_records_alone(folder: Path) -> None:
    rows = some()
    assert failed(refuse(folder, [*rows, speech("a", 50, " \n ")])) == {"empty_text"}
    assert failed(refuse(folder, [*rows, rows[0]])) == {"unique_keys"}
    assert failed(refuse(folder, [rows[0] | {"text_sha256": "0" * 64}, *rows[1:]])) == {"text_digests"}
    assert failed(refuse(folder, [])) == {"rows"}
    with pytest.raises(RefusedError):  # no reason makes a table readable whose keys repeat
        go(folder, [*rows, rows[0]], accept={"unique_keys": "never mind"})
    good = records(rows)
    bad = good | {"speeches": good["speeches"].set_column(9, "paragraphs", pa.array(["x"] * len(rows)))}
    with pytest.raises(RefusedError, match="schema"):
        publish_records(folder, bad, now=DAY)
    assert not (folder / "latest.json").exists()


def test_nothing_to_publish_and_unknown_dataset(tmp_path: Path) -> None:
    with pytest.raises(JianghuaError, match="nothing to publish"):
        publish(Home(tmp_path))
    with pytest.raises(UsageError, match="unknown dataset"):
        publish(Home(tmp_path), "recipes")
    assert list(tmp_path.iterdir()) == []


def test_lost_projections_come_back(folder: Path) -> None:
    rows = some()
    go(folder, rows)
    go(folder, [*rows, speech("a", 50)], 1)
    kept = {n: (folder / n).read_bytes() for n in ("versions.json", "../index.json")}
    for n in (*kept, "latest"):
        (folder / n).unlink()
    assert go(folder, [*rows, speech("a", 50)], 2).version is None
    assert {n: (folder / n).read_bytes() for n in kept} == kept
    assert (folder / "latest" / "manifest.json").exists()


def test_a_damaged_parent_refuses_and_is_named(folder: Path) -> None:
    rows = some()
    go(folder, rows)
    part = next((folder / "tables" / "speeches").glob("part-*"))
    data = part.read_bytes()
    part.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    with pytest.raises(DamagedError, match=part.name):
        go(folder, rows[1:], 1)
    part.write_bytes(data)
    (folder / "latest.json").rename(folder / "elsewhere")
    with pytest.raises(DamagedError, match=r"latest\.json is missing"):
        go(folder, rows[1:], 1)


def test_what_only_looks_like_a_version_is_none(folder: Path) -> None:
    publish_records(folder, records(some()), now=DAY)
    for name in ("notes", "2026-13-45.1", "2026-11-22.0", "2026-11-22.01", "٢٠٢٦-11-22.2"):
        (folder / "versions" / name).mkdir()
    (folder / "versions" / "2026-11-22.7").write_text("")
    assert version_names(folder) == ["2026-11-22.1"]
    made = publish_records(folder, records([*some(), speech("a", 99)]), now=DAY)
    assert made.version == "2026-11-22.8"  # no name is given twice
    assert verify(folder).versions == ["2026-11-22.1", "2026-11-22.8"]
    (folder / "versions" / "2026-11-22.9").mkdir()
    with pytest.raises(DamagedError, match=r"2026-11-22\.9 is named like a version and has no manifest"):
        publish_records(folder, records(some()), now=DAY)
