"""Versions that go by rule: what stays, tombstones, the sweep, kills, and what reading and verifying say afterwards."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import DamagedError, JianghuaError, UsageError
from crawler.home import Home
from publisher.delta import delta_version_of
from publisher.gone import gone_path, gone_versions, read_gone, remove_version, tombstone
from publisher.locks import locked
from publisher.manifest import as_json, sha256, to_json
from publisher.reader import open_dataset
from publisher.release import publish_records
from publisher.retention import Dated, RetentionSettings, decide, retain, retention_settings
from publisher.verify import verify
from publisher.versions import as_of, read_latest, read_manifest, taken_names, version_names
from schedules.cli import app
from tests.children import environment, program
from tests.publisher.publisher_made import page, records, speech, text
from tests.publisher.retention_child import NOW, RULES

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
NAMES = [f"2026-11-{22 + day}.1" for day in range(5)]
HOURS_24 = RetentionSettings(keep_days=0, monthly=False)


def publish(folder: Path, day: int) -> None:
    rows = [speech("a", n, text(("a", n, "new")) if n == day else None) for n in range(day, 8 + 2 * day)]
    gone = [page(speech("a", n), "gone") for n in range(day)]
    publish_records(folder, records(rows, gone), now=DAY + timedelta(days=day), accept={"rows_gone": "a test"})


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home's dataset with five versions."""
    folder = tmp_path_factory.mktemp("retention") / "datasets" / "speeches"
    for day in range(5):
        publish(folder, day)
    return folder


def copied(source: Path, target: Path) -> Path:
    """A copy of a datasets folder that keeps its hard links."""
    subprocess.run(["cp", "-a", str(source.parent), str(target)], check=True)
    return target / "datasets" / "speeches"


@pytest.fixture
def dataset(published: Path, tmp_path: Path) -> Path:
    return copied(published, tmp_path)


def parts(folder: Path) -> set[str]:
    return {f"{p.parent.name}/{p.name}" for p in folder.glob("tables/*/part-*")}


def named(folder: Path) -> set[str]:
    found = (read_manifest(folder, n)[0] for n in version_names(folder))
    return {f"{t}/{p.file}" for m in found for t, e in m.tables.items() for p in e.parts}


def used(folder: Path) -> int:
    """Bytes on disk, hard links once; without the log that retention itself writes."""
    sizes = {}
    for path in folder.rglob("*"):
        ours = ("versions" in path.parts and not path.name.endswith(".gone.json")) or path.name.startswith("part-")
        if ours and path.is_file() and not path.is_symlink():
            sizes[path.stat().st_ino] = path.stat().st_size
    return sum(sizes.values())


# -- the rules


def dated(*times: datetime) -> list[Dated]:
    return [Dated(f"{t:%Y-%m-%d}.{i}", i, t) for i, t in enumerate(times, 1)]


def test_recent_ones_stay_then_the_last_of_each_month() -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    versions = dated(*(now - timedelta(days=n) for n in range(120, -1, -1)))
    kept, gone = decide(versions, RetentionSettings(), now)
    whys = {k.version[:10]: k.why for k in kept}
    assert len(kept) + len(gone) == 121
    assert [d for d in whys if d < "2026-10-29"] == ["2026-07-31", "2026-08-31", "2026-09-30"]
    assert whys["2026-11-27"] == "latest"
    assert whys["2026-10-31"] == "younger than 30 days"
    assert sum(w.startswith("younger") for w in whys.values()) == 28  # today's and yesterday's stay by other rules
    told = gone["2026-08-30.32"]
    assert "older than 30 days" in told
    assert "2026-08-31.33" in told


def test_months_are_those_of_utc_and_may_end() -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    last = datetime(2026, 9, 30, 23, 59, tzinfo=UTC)  # in Shanghai it is October
    versions = dated(last, last + timedelta(minutes=1), last + timedelta(days=1), now, now)
    rules = RetentionSettings(keep_days=1)
    assert [k.version for k in decide(versions, rules, now)[0]] == [versions[i].version for i in (0, 2, 3, 4)]
    rules = RetentionSettings(keep_days=1, keep_months=2)
    kept, gone = decide(versions, rules, now)
    assert [k.version for k in kept] == [versions[i].version for i in (2, 3, 4)]
    assert "older than 1 day and than 2 months" in gone[versions[0].version]


@given(
    st.lists(st.integers(0, 900), min_size=1, max_size=40),
    st.integers(0, 100),
    st.integers(2, 5),
    st.booleans(),
    st.none() | st.integers(1, 12),
    st.sets(st.integers(0, 39)),
)
def test_what_the_rules_promise(
    ages: list[int], days: int, last: int, monthly: bool, months: int | None, pins: set[int]
) -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    versions = dated(*(now - timedelta(days=n) for n in sorted(ages, reverse=True)))
    pinned = tuple(versions[i].version for i in pins if i < len(versions))
    rules = RetentionSettings(keep_days=days, keep_last=last, monthly=monthly, keep_months=months, keep=pinned)
    kept, gone = decide(versions, rules, now)
    stay = {k.version for k in kept}
    assert stay | set(gone) == {v.version for v in versions}
    assert not stay & set(gone)
    assert {v.version for v in versions[-last:]} <= stay
    assert set(pinned) <= stay
    assert all(v.version in stay for v in versions if now - v.published_at < timedelta(days=days))
    if monthly and months is None:
        assert {v.published_at.strftime("%Y-%m") for v in versions} == {
            v.published_at.strftime("%Y-%m") for v in versions if v.version in stay
        }
    # the rules say the same of what they left, so that a second run changes nothing
    assert decide([v for v in versions if v.version in stay], rules, now)[1] == {}


# -- what goes


def test_versions_go_and_parts_follow_after_the_grace_time(dataset: Path) -> None:
    before = parts(dataset)
    expected = retain(dataset, HOURS_24, now=NOW, dry_run=True)
    assert version_names(dataset) == NAMES
    assert not (dataset / ".unreferenced.json").exists()
    size = used(dataset)
    report = retain(dataset, HOURS_24, now=NOW)
    assert asdict(report) == asdict(expected) | {"dry_run": False}
    assert [r.version for r in report.retired] == NAMES[:3]
    assert [k.why for k in report.kept] == ["one of the last 2", "latest"]
    assert version_names(dataset) == NAMES[3:]
    assert size - used(dataset) == report.bytes > 0
    assert parts(dataset) == before
    assert {w.part for w in report.waiting} == before - named(dataset)
    assert report.swept == []

    early = retain(dataset, HOURS_24, now=NOW + timedelta(hours=23))
    assert (early.retired, early.swept, len(early.waiting)) == ([], [], len(report.waiting))
    size = used(dataset)
    expected = retain(dataset, HOURS_24, now=NOW + timedelta(hours=24), dry_run=True)
    late = retain(dataset, HOURS_24, now=NOW + timedelta(hours=24))
    assert asdict(late) == asdict(expected) | {"dry_run": False}
    assert {s.part for s in late.swept} == {w.part for w in report.waiting}
    assert size - used(dataset) == late.bytes == report.later_bytes > 0
    assert parts(dataset) == named(dataset)
    again = retain(dataset, HOURS_24, now=NOW + timedelta(hours=25))
    assert (again.retired, again.swept, again.waiting, again.bytes) == ([], [], [], 0)


def test_what_is_left_is_a_whole_dataset(dataset: Path) -> None:
    true = {n: open_dataset(dataset, n).arrow() for n in NAMES}
    retain(dataset, RULES.model_copy(update={"keep": (NAMES[1],)}), now=NOW)
    kept = [NAMES[1], *NAMES[3:]]
    assert verify(dataset).versions == kept
    for name in kept:
        assert open_dataset(dataset, name).arrow().equals(true[name])
        number = delta_version_of(dataset, "speeches", name)
        found = DeltaTable(str(dataset / "tables" / "speeches"), version=number)
        assert found.to_pyarrow_table().num_rows == true[name].num_rows
    assert DeltaTable(str(dataset / "tables" / "speeches")).version() == len(kept) - 1
    listed = json.loads((dataset / "versions.json").read_bytes())
    assert [v["version"] for v in listed["versions"]] == kept
    assert [(g["version"], g["state"]) for g in listed["gone"]] == [(NAMES[0], "retired"), (NAMES[2], "retired")]
    assert "retention" in listed["gone"][0]["reason"]
    index = json.loads((dataset.parent / "index.json").read_bytes())
    assert index["datasets"][0]["versions"] == len(kept)
    publish(dataset, 5)
    assert verify(dataset).versions == [*kept, "2026-11-27.1"]


def test_a_gone_version_says_so(dataset: Path) -> None:
    retain(dataset, RULES, now=NOW)
    with pytest.raises(UsageError, match=r"2026-11-22\.1 is no longer kept since 2026-11-27 \(retired\): retention"):
        read_manifest(dataset, NAMES[0])
    gone = read_gone(dataset, NAMES[0])
    assert gone
    assert gone.sequence == 1
    assert taken_names(dataset) == NAMES
    remove_version(dataset, gone.model_copy(update={"state": "yanked"}))  # the first tombstone stays
    assert read_gone(dataset, NAMES[0]) == gone


def test_reading_at_a_date(dataset: Path) -> None:
    assert as_of(dataset, DAY) == NAMES[0]
    assert as_of(dataset, DAY + timedelta(days=2, hours=-1)) == NAMES[1]
    assert as_of(dataset, DAY + timedelta(days=900)) == NAMES[4]
    with pytest.raises(UsageError, match="nothing had been published"):
        as_of(dataset, DAY - timedelta(seconds=1))
    manifest, data = read_manifest(dataset, NAMES[1])
    again = manifest.model_copy(update={"version": "2026-11-23.2", "reissue_of": NAMES[1]})
    shutil.copytree(dataset / "versions" / NAMES[1], dataset / "versions" / "2026-11-23.2")
    (dataset / "versions" / "2026-11-23.2" / "manifest.json").write_bytes(to_json(again))
    remove_version(dataset, tombstone(manifest, sha256(data), "yanked", "asked for", NOW, "2026-11-23.2"))
    assert as_of(dataset, DAY + timedelta(days=1)) == "2026-11-23.2"
    with pytest.raises(UsageError, match="was taken back") as caught:
        read_manifest(dataset, NAMES[1])
    assert "2026-11-23.2" in (caught.value.remedy or "")
    manifest, data = read_manifest(dataset, NAMES[2])
    remove_version(dataset, tombstone(manifest, sha256(data), "retired", "old", NOW))
    with pytest.raises(
        UsageError, match=f"version {NAMES[2]}, the latest at 2026-11-24 04:00:00 UTC, is gone"
    ) as caught:
        as_of(dataset, DAY + timedelta(days=2, hours=1))
    assert "2026-11-23.2" in (caught.value.remedy or "")
    assert as_of(dataset, DAY + timedelta(days=3)) == NAMES[3]


def test_pins_follow_a_reissue_and_must_exist(dataset: Path) -> None:
    manifest, data = read_manifest(dataset, NAMES[0])
    again = manifest.model_copy(update={"version": "2026-11-22.2", "reissue_of": NAMES[0]})
    shutil.copytree(dataset / "versions" / NAMES[0], dataset / "versions" / "2026-11-22.2")
    (dataset / "versions" / "2026-11-22.2" / "manifest.json").write_bytes(to_json(again))
    remove_version(dataset, tombstone(manifest, sha256(data), "yanked", "asked for", NOW, "2026-11-22.2"))
    rules = RULES.model_copy(update={"keep": (NAMES[0],)})
    assert next(k.version for k in retain(dataset, rules, now=NOW, dry_run=True).kept) == "2026-11-22.2"
    with pytest.raises(UsageError, match=r"unknown version '2026-11-20\.1'"):
        retain(dataset, RULES.model_copy(update={"keep": ("2026-11-20.1",)}), now=NOW)
    assert version_names(dataset) == ["2026-11-22.2", *NAMES[1:]]


def test_a_manifest_that_cannot_be_read_stops_everything(dataset: Path) -> None:
    path = dataset / "versions" / NAMES[1] / "manifest.json"
    path.write_bytes(b"{}")
    before = parts(dataset)
    with pytest.raises(DamagedError, match="damaged manifest"):
        retain(dataset, RULES, now=NOW)
    assert version_names(dataset) == NAMES
    assert parts(dataset) == before


def test_a_clock_that_was_ahead_for_a_while_keeps_no_part_for_ever(dataset: Path) -> None:
    rules = RetentionSettings(keep_days=0, monthly=False)
    retain(dataset, rules, now=NOW)
    waiting = retain(dataset, rules, now=NOW + timedelta(hours=1), dry_run=True).waiting
    assert waiting
    told = json.loads((dataset / ".unreferenced.json").read_bytes())
    (dataset / ".unreferenced.json").write_text(json.dumps(dict.fromkeys(told, "2046-01-01T00:00:00+00:00")))
    assert retain(dataset, rules, now=NOW).swept == []
    swept = retain(dataset, rules, now=NOW + timedelta(days=2)).swept
    assert {s.part for s in swept} == {w.part for w in waiting}


def test_a_part_named_again_begins_anew(dataset: Path) -> None:
    retain(dataset, HOURS_24, now=NOW)
    note = dataset / ".unreferenced.json"
    since = json.loads(note.read_bytes())
    note.write_bytes(b"\x00")  # lost: nothing goes early
    report = retain(dataset, HOURS_24, now=NOW + timedelta(hours=30))
    assert report.swept == []
    assert {w.part for w in report.waiting} == set(since)


def test_without_hard_links_the_bytes_are_right_too(published: Path, tmp_path: Path) -> None:
    shutil.copytree(published.parent, tmp_path / "datasets", symlinks=True)
    folder = tmp_path / "datasets" / "speeches"
    size = used(folder)
    report = retain(folder, RULES, now=NOW)
    assert size - used(folder) == report.bytes
    assert verify(folder).versions == NAMES[3:]


def test_it_waits_for_a_publish(dataset: Path) -> None:
    with locked(dataset, 0), pytest.raises(JianghuaError, match="another publish is running"):
        retain(dataset, RULES, now=NOW, wait=0)
    with pytest.raises(UsageError, match="there is no version yet"):
        retain(dataset.parent / "none", RULES, now=NOW)


# -- kills and damage


@pytest.fixture(scope="module")
def child() -> Iterator[subprocess.Popen[str]]:
    """See retention_child.py."""
    command = program("tests.publisher.retention_child")
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=environment()) as process:
        yield process
        assert process.stdin
        process.stdin.close()


def test_killed_anywhere_nothing_is_half_visible_and_the_next_run_ends_it(
    child: subprocess.Popen[str], published: Path, tmp_path: Path
) -> None:
    assert child.stdin
    assert child.stdout
    after, step, seen = 0, 17, set()
    while True:
        (tmp_path / str(after)).mkdir()
        folder = copied(published, tmp_path / str(after))
        child.stdin.write(f"{folder}\t{after}\n")
        child.stdin.flush()
        code = int(child.stdout.readline())
        if code == 0:
            break
        assert code == -signal.SIGKILL
        found = verify(folder)  # whole as it is
        seen.add(len(found.versions))
        for name in found.versions:
            assert open_dataset(folder, name).arrow().num_rows == read_manifest(folder, name)[0].tables["speeches"].rows
        if after % 2:
            publish(folder, 5)
            verify(folder)
        retain(folder, RULES, now=NOW)
        assert parts(folder) == named(folder)
        assert not list((folder / "versions").glob(".gone-*"))
        assert verify(folder).versions == version_names(folder)
        assert len(version_names(folder)) == 2
        shutil.rmtree(tmp_path / str(after))
        after += step
    assert after > 5 * step
    assert seen > {2, 5}


def test_damaged_tombstones_are_found(dataset: Path) -> None:
    retain(dataset, RULES, now=NOW)
    path = gone_path(dataset, NAMES[0])
    data = path.read_bytes()
    for at in range(3, len(data), 41):
        flipped = bytearray(data)
        flipped[at] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(DamagedError) as caught:
            verify(dataset)
        assert path.name in str(caught.value)
    path.write_bytes(data)
    verify(dataset)
    # a tombstone that does not fit the chain
    gone = gone_versions(dataset)[-1]
    (dataset / "versions.json").unlink()
    gone_path(dataset, gone.version).write_bytes(to_json(gone.model_copy(update={"manifest_sha256": "0" * 64})))
    with pytest.raises(DamagedError, match="is not the parent"):
        verify(dataset)


def test_lists_from_before_versions_went_are_no_damage_and_wrong_ones_are(dataset: Path) -> None:
    before, index = (p.read_bytes() for p in (dataset / "versions.json", dataset.parent / "index.json"))
    retain(dataset, RULES, now=NOW)
    (dataset / "versions.json").write_bytes(before)
    (dataset.parent / "index.json").write_bytes(index)
    verify(dataset)
    listed = json.loads(before)
    changes: list[Callable[[dict[str, Any]], object]] = [
        lambda v: v["versions"].pop(3),  # one that is there
        lambda v: v["versions"][0].update(sequence=9),
        lambda v: v["versions"][0].update(manifest_sha256="0" * 64),
        lambda v: v["versions"].reverse(),
        lambda v: v["gone"].append({"version": NAMES[4]}),
        lambda v: v.update(latest=NAMES[0]),
        lambda v: v.update(more=1),
    ]
    for change in changes:
        wrong = json.loads(json.dumps(listed))
        change(wrong)
        (dataset / "versions.json").write_bytes(as_json(wrong))
        with pytest.raises(DamagedError, match=r"versions\.json"):
            verify(dataset)


# -- settings and command line


def test_settings_come_from_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.find(tmp_path)
    assert retention_settings(home) == RetentionSettings()
    home.settings_file.write_text(
        '[retention]\nkeep_days = 7\nkeep = ["2026-11-22.1"]\ngrace = "36h"\narchive_max_bytes = "2GB"\n'
    )
    monkeypatch.setenv("JIANGHUA_RETENTION_KEEP_DAYS", "9")
    rules = retention_settings(home)
    assert (rules.keep_days, rules.keep, rules.grace) == (9, ("2026-11-22.1",), timedelta(hours=36))
    assert rules.archive_max_bytes == 2_000_000_000
    monkeypatch.setenv("JIANGHUA_RETENTION_KEEP", "a, b")
    assert retention_settings(home).keep == ("a", "b")
    home.settings_file.write_text("[retention]\nkeep_dayz = 7\n")
    with pytest.raises(JianghuaError, match="unknown setting 'keep_dayz'"):
        retention_settings(home)


def test_from_the_command_line(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = str(dataset.parents[1])
    call = ["retention", "--days", "0", "--no-monthly", "--home", home]
    app([*call, "--dry-run", "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert [r["version"] for r in told["retired"]] == NAMES[:3]
    app([*call, "--dry-run"], standalone_mode=False)
    assert "3 versions and 0 parts would go, 2 versions kept" in capsys.readouterr().out
    assert version_names(dataset) == NAMES
    app([*call, "--keep", NAMES[0], "--grace", "0"], standalone_mode=False)
    out = capsys.readouterr().out
    assert "2 versions and " in out
    assert "3 versions kept" in out
    assert version_names(dataset) == [NAMES[0], *NAMES[3:]]
    assert parts(dataset) == named(dataset)
    with pytest.raises(UsageError, match="not a duration"):
        app([*call, "--grace", "soon"], standalone_mode=False)
    assert read_latest(dataset)
