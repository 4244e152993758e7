"""Versions re-issued without what was taken down: no byte of it is left, everything else is as it was, at any kill."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from crawler.durable import write_bytes
from crawler.errors import JianghuaError
from crawler.takedowns import Entry, Takedown
from publisher import quality, reissue, release, takedown
from publisher.chain import open_place
from publisher.fingerprint import fingerprint
from publisher.gone import read_gone, remove_version, tombstone
from publisher.manifest import sha256, to_json
from publisher.reader import open_dataset
from publisher.recipe import Recipe
from publisher.release import locked, publish_records
from publisher.retention import RetentionSettings, retain
from publisher.storage import content_digest
from publisher.sync import sync
from publisher.verify import verify
from publisher.versions import read_latest, read_manifest, version_names
from tests.children import environment, program
from tests.publisher.publisher_made import page, records, speech, text

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
NOW = datetime(2026, 12, 24, 6, 0, tzinfo=UTC)
SECRET = text("the secret one")
TITLE = "关于某件不宜再公开之事的讲话"


def secret(n: int = 3, **columns: Any) -> dict[str, Any]:
    return speech(
        "a", n, SECRET + f"\n{columns.pop('more', '')}完毕", **{"title": TITLE, "title_raw": TITLE, **columns}
    )


def state(day: int) -> dict[str, Any]:
    """Day 0: without it. Day 1: with it and a copy elsewhere. Day 2: it is changed. Day 3: gone. Day 4: something else is added."""
    rows = [speech("a", n) for n in range(6) if n != 3]
    rows += [speech("b", n, text(("a", 1)) if n == 1 else None) for n in range(4)]
    if day >= 1:
        rows.append(speech("b", 30, SECRET + "\n完毕", title="另一处的标题在此"))
    if day in (1, 2):
        rows.append(secret(more="又及。" if day == 2 else ""))
    if day >= 4:
        rows.append(speech("b", 40))
    return records(rows, [page(secret(), "gone")] if day >= 3 else [])


def entry(**columns: Any) -> Takedown:
    told = {"id": "t1", "reason": "来函要求", "date": date(2026, 12, 24), "everywhere": True}
    return Takedown(Entry.model_validate(told | columns), "takedowns/a.yaml:1")


BY_ID = entry(speech_id=secret()["speech_id"], pages=[{"site": "a", "keys": ["/a/3.html"]}])
BY_TEXT = entry(texts=[fingerprint(SECRET)])


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "speeches"
    for day in range(5):
        publish_records(folder, state(day), now=DAY + timedelta(days=day))
    return folder


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    return copy(published, tmp_path / "speeches")


def copy(source: Path, target: Path) -> Path:
    shutil.copytree(source, target, symlinks=True)
    for part in target.glob("versions/*/*/part-*.parquet"):
        part.unlink()
        os.link(target / "tables" / part.parent.name / part.name, part)
    if (source.parent / "index.json").exists():
        shutil.copy(source.parent / "index.json", target.parent)
    return target


def words(folder: Path) -> str:
    """All that can be read in a dataset folder: every file as text, Parquet files as their values."""
    out = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            if path.suffix == ".parquet":
                out.append(str(pq.ParquetFile(path).read().to_pylist()))
            out.append(path.read_bytes().decode("utf-8", "replace"))
    return "\n".join(out)


def run(folder: Path, *entries: Takedown, **how: Any) -> reissue.Reissued:
    with locked(folder, 0):
        return reissue.reissue(folder, entries, now=NOW, **how)


def test_every_version_that_held_it_is_replaced_and_no_byte_of_it_is_left(folder: Path) -> None:
    assert SECRET[:20] in words(folder)
    assert TITLE in words(folder)
    (folder / "refused").mkdir()
    refused = {"gates": [{"name": "x", "figures": {"examples": ["a:1", f"{TITLE} (a)"]}, "what": "two rows"}]}
    (folder / "refused" / "20261122T030000Z.json").write_text(json.dumps(refused))
    before = {n: open_dataset(folder, n).arrow() for n in version_names(folder)}
    told = run(folder, BY_ID, dry_run=True)
    assert read_latest(folder).version == "2026-11-26.1"  # type: ignore[union-attr]
    done = run(folder, BY_ID)
    assert [(v.old, v.new, v.speeches) for v in done.versions] == [
        ("2026-11-23.1", "2026-11-23.2", 1), ("2026-11-24.1", "2026-11-24.2", 1),
        ("2026-11-25.1", "2026-11-25.2", 0), ("2026-11-26.1", "2026-11-26.2", 0),
    ]  # fmt: skip
    assert told.versions == done.versions
    assert version_names(folder) == ["2026-11-22.1", "2026-11-23.2", "2026-11-24.2", "2026-11-25.2", "2026-11-26.2"]
    assert done.latest == open_dataset(folder).version == "2026-11-26.2"
    assert TITLE not in words(folder)
    assert "又及。" not in words(folder)
    (kept,) = (folder / "refused").iterdir()
    assert json.loads(kept.read_bytes())["gates"][0]["figures"] == {"examples": ["a:1"]}
    assert SECRET[:20] in words(folder)  # the copy elsewhere was not asked for
    verify(folder)
    for old, new in [(v.old, v.new) for v in done.versions]:
        was, now = before[old], open_dataset(folder, new).arrow()
        assert now.to_pylist() == [r for r in was.to_pylist() if r["speech_id"] != BY_ID.entry.speech_id]
        m, _ = read_manifest(folder, new)
        gone = read_gone(folder, old)
        assert gone is not None
        assert (m.reissue_of, gone.state, gone.replaced_by, gone.sequence) == (old, "yanked", new, m.sequence)
        assert "来函要求" in gone.reason
        with pytest.raises(JianghuaError):
            open_dataset(folder, old)
    # tombstones are the same in all, and without a title
    removed = [
        [r for r in open_dataset(folder, n).arrow("removed").to_pylist() if r["speech_id"] == BY_ID.entry.speech_id]
        for n in version_names(folder)
    ]
    assert [len(r) for r in removed] == [0, 1, 1, 1, 1]
    assert all(r[0]["title"] == "" and r[0]["reason"] == "taken_down" for r in removed[1:])
    assert removed[1] == removed[2]
    assert (removed[1][0]["removed_in"], removed[1][0]["last_version"]) == ("2026-11-23.2", "2026-11-24.1")
    assert run(folder, BY_ID).versions == ()


def test_parents_changes_and_copies_are_worked_out_again(folder: Path) -> None:
    run(folder, BY_ID)
    names = version_names(folder)
    chain = [read_manifest(folder, n)[0].parent for n in names]
    assert [p.version if p else None for p in chain] == [None, *names[:-1]]
    changes = {n: json.loads((folder / "versions" / n / "changes.json").read_bytes()) for n in names}
    ids = {n: {op: len(v) for op, v in c["speeches"].items()} for n, c in changes.items()}
    assert [ids[n] for n in names[1:]] == [
        {"added": 1, "changed": 0, "removed": 0}, {"added": 0, "changed": 0, "removed": 0},
        {"added": 0, "changed": 0, "removed": 0}, {"added": 1, "changed": 0, "removed": 0},
    ]  # fmt: skip
    assert changes[names[1]]["takedowns"] == [{"reason": "来函要求", "speeches": 1}]
    for name in names:
        duplicates = open_dataset(folder, name).arrow("duplicates").to_pylist()
        assert {r["speech_id"].split(":")[0] for r in duplicates} == {"a", "b"}
        assert len(duplicates) == 2  # a/1 and b/1; the secret and its copy were a cluster
        assert sum(r["is_representative"] for r in duplicates) == 1


def test_what_a_publish_would_have_made_without_it_is_what_is_there(folder: Path, tmp_path: Path) -> None:
    """The content of each re-issued version is that of a version that never had the text."""
    run(folder, BY_ID, BY_TEXT)
    clean = tmp_path / "clean" / "speeches"
    for day in range(5):
        made = state(day)
        kept, _ = takedown.apply(made["speeches"], [BY_TEXT])
        made["provenance"] = records(kept.to_pylist())["provenance"]
        made["speeches"] = kept
        publish_records(clean, made, now=DAY + timedelta(days=day))
    for name in version_names(clean):
        new = next(n for n in version_names(folder) if n.startswith(name[:11]))
        for table in ("duplicates", "contained"):
            key = "speech_id"
            assert (
                open_dataset(folder, new)
                .arrow(table)
                .sort_by(key)
                .equals(open_dataset(clean, name).arrow(table).sort_by(key))
            )
        mine = open_dataset(folder, new).arrow().sort_by("speech_id").drop_columns(["first_version", "revision"])
        other = open_dataset(clean, name).arrow().sort_by("speech_id").drop_columns(["first_version", "revision"])
        assert content_digest(mine) == content_digest(other)


def test_quality_counts_what_is_there_and_no_more(folder: Path) -> None:
    before = {n: json.loads((folder / "versions" / n / "quality.json").read_bytes()) for n in version_names(folder)}
    done = run(folder, BY_TEXT)
    assert any(v.speeches for v in done.versions)
    for v in done.versions:
        said = json.loads((folder / "versions" / v.new / "quality.json").read_bytes())
        m, _ = read_manifest(folder, v.new)
        dataset = open_dataset(folder, v.new)
        assert (said["version"], said["rows"]) == (v.new, before[v.old]["rows"] - v.speeches)
        assert said["parent"] == (m.parent.version if m.parent else None)
        assert quality.measures_of(said) == quality.measure(dataset.arrow())
        duplicates = dataset.arrow("duplicates")
        assert said["relations"] == {
            "duplicates": duplicates.num_rows,
            "clusters": len(set(duplicates["cluster_id"].to_pylist())),
            "contained": m.tables["contained"].rows,
            "removed": m.tables["removed"].rows,
        }
        assert said["totals"]["chars"] == sum(dataset.arrow()["chars"].to_pylist())
        assert [g["name"] for g in said["gates"]] == [g["name"] for g in before[v.old]["gates"]]
        assert said.keys() == before[v.old].keys()
        page = (folder / "versions" / v.new / "quality.html").read_text()
        assert f"{said['totals']['chars']:,}" in page
    verify(folder)


def test_by_text_every_copy_goes(folder: Path) -> None:
    done = run(folder, BY_TEXT)
    assert [v.speeches for v in done.versions] == [2, 2, 1, 1]
    assert SECRET[:20] not in words(folder)
    assert TITLE not in words(folder)
    verify(folder)
    assert not (folder / "tables" / done.dropped[0]).exists()


def test_the_next_publish_goes_on_from_what_was_re_issued(folder: Path) -> None:
    run(folder, BY_ID)
    with_more = state(4)
    with_more["pages"] = takedown.scrub_pages(with_more["pages"], [BY_ID])  # as a publish does
    assert publish_records(folder, with_more, now=NOW).version is None
    with_more["speeches"] = records([*with_more["speeches"].to_pylist(), speech("b", 50)])["speeches"]
    with_more["provenance"] = records(with_more["speeches"].to_pylist())["provenance"]
    assert publish_records(folder, with_more, now=DAY + timedelta(days=4, hours=1)).version == "2026-11-26.3"
    verify(folder)
    assert TITLE not in words(folder)


def test_nothing_is_done_where_nothing_is_held(folder: Path, tmp_path: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.name != ".lock"}
    assert run(folder, entry(speech_id="a:unknown")).versions == ()
    assert run(folder).versions == ()
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.name != ".lock"} == before
    empty = tmp_path / "empty" / "speeches"
    with locked(empty, 0):
        assert reissue.reissue(empty, [BY_ID]).latest is None


def test_a_version_whose_parent_was_retired_says_what_it_said(folder: Path) -> None:
    m, data = read_manifest(folder, "2026-11-22.1")
    with locked(folder, 0):
        remove_version(folder, tombstone(m, sha256(data), "retired", "by rule", NOW))
    run(folder, BY_ID)
    changes = json.loads((folder / "versions" / "2026-11-23.2" / "changes.json").read_bytes())
    assert {op: len(v) for op, v in changes["speeches"].items()} == {"added": 1, "changed": 0, "removed": 0}
    assert BY_ID.entry.speech_id
    assert BY_ID.entry.speech_id not in str(changes)
    verify(folder)


@pytest.fixture
def child() -> Iterator[Callable[..., tuple[int, int]]]:
    with subprocess.Popen(
        program("tests.publisher.reissue_child"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdin
        assert process.stdout
        given, told = process.stdin, process.stdout

        def ask(folder: Path, **how: Any) -> tuple[int, int]:
            given.write(json.dumps({"folder": str(folder), **how}) + "\n")
            given.flush()
            code, changes = json.loads(told.readline())
            return code, changes

        yield ask
        given.close()


def test_kill_9_at_any_step_and_the_next_one_finishes(tmp_path: Path, child: Callable[..., tuple[int, int]]) -> None:
    source = tmp_path / "source" / "speeches"
    for day in (1, 3):  # one version that holds the speech, one whose tombstone has its title
        publish_records(source, state(day), now=DAY + timedelta(days=day))
    wanted = copy(source, tmp_path / "wanted" / "speeches")
    code, steps = child(wanted)
    assert code == 0
    assert steps > 60
    tree = files(wanted)
    every = bool(os.environ.get("JIANGHUA_TEST_EVERY_STEP"))
    for step in range(steps) if every else random.Random(steps).sample(range(steps), 5):
        folder = copy(source, tmp_path / str(step) / "speeches")
        assert child(folder, kill_at=step)[0] == -signal.SIGKILL
        assert open_dataset(folder).arrow().num_rows  # readable at once, before or after
        for name in version_names(folder):
            open_dataset(folder, name).arrow()
        assert child(folder)[0] == 0
        verify(folder)
        found = files(folder)
        assert found.keys() == tree.keys()
        assert all(found[n] == tree[n] for n in tree if "_delta_log" not in n)
        assert TITLE not in words(folder)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def test_the_parent_is_found_over_versions_that_went_before(tmp_path: Path) -> None:
    folder = tmp_path / "speeches"
    rows = [speech("a", n) for n in range(6)]
    one, two = (entry(id=f"e{n}", speech_id=rows[n]["speech_id"]) for n in range(2))
    publish_records(folder, records(rows), now=DAY)
    more = records([*rows, speech("a", 9)])
    publish_records(folder, more, now=DAY + timedelta(days=1), recipe=Recipe((), (one, two)))
    run(folder, one)
    run(folder, two)
    assert [v.old for v in run(folder, entry(speech_id=speech("a", 9)["speech_id"])).versions] == ["2026-11-23.1"]
    manifest, _ = read_manifest(folder, "2026-11-23.2")
    assert manifest.parent is not None
    assert manifest.parent.version == "2026-11-22.3"
    changes = json.loads((folder / "versions" / "2026-11-23.2" / "changes.json").read_bytes())
    assert changes["speeches"] == {"added": [], "changed": [], "removed": []}
    verify(folder)


def test_what_was_carried_forward_is_counted_as_it_is_now(tmp_path: Path) -> None:
    folder = tmp_path / "speeches"
    rows = [speech("a", n) for n in range(8)]
    publish_records(folder, records([*rows, speech("z", 1), speech("z", 2), speech("y", 1)]), now=DAY)
    publish_records(folder, records([*rows, speech("a", 9)]), now=DAY + timedelta(days=1))
    run(folder, *(entry(id=f"e{s}", speech_id=speech(s, 1)["speech_id"]) for s in "zy"))
    manifest, _ = read_manifest(folder, "2026-11-23.2")
    assert {s: c.rows for s, c in manifest.carried.items()} == {"z": 1}
    assert manifest.sites == {"a": 9, "z": 1}
    verify(folder)


def test_parts_of_a_publish_that_died_are_not_taken_into_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The publish that left the text out died before its commit; re-issuing makes the very same parts."""
    folder = tmp_path / "speeches"
    rows = records([*(speech("a", n) for n in range(3)), secret()])
    publish_records(folder, rows, now=DAY)

    class KilledError(BaseException):
        pass

    def killed(path: Path, data: bytes) -> None:
        if path.name == "latest.json":
            patched.setattr(release, "recover", lambda _: None)  # nobody clears up behind it
            raise KilledError
        write_bytes(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(release, "write_bytes", killed)
        with pytest.raises(KilledError):
            publish_records(folder, rows, now=DAY + timedelta(days=1), recipe=Recipe((), (BY_ID,)))
    assert (folder / ".publishing.json").exists()
    run(folder, BY_ID)
    assert not (folder / ".publishing.json").exists()
    verify(folder)
    assert publish_records(folder, rows, now=NOW, recipe=Recipe((), (BY_ID,))).version is None
    verify(folder)
    assert TITLE not in words(folder)


def test_retention_and_sync_finish_a_re_issue_first(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a version and the one in its place would count as two, and the older one as retired."""
    copy(folder, tmp_path / "synced" / "speeches")

    class KilledError(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise KilledError

    for place in (folder, tmp_path / "synced" / "speeches"):
        with monkeypatch.context() as patched:
            patched.setattr(reissue, "remove_version", killed)
            with pytest.raises(KilledError):
                run(place, BY_ID)
        assert (place / "versions" / "2026-11-23.1").exists()
        assert (place / "versions" / "2026-11-23.2").exists()
    rules = RetentionSettings(keep_days=0, keep_last=4, monthly=False)
    found = retain(folder, rules, now=NOW)
    assert [k.version for k in found.kept] == ["2026-11-23.2", "2026-11-24.2", "2026-11-25.2", "2026-11-26.2"]
    gone = read_gone(folder, "2026-11-23.1")
    assert gone is not None
    assert (gone.state, gone.replaced_by) == ("yanked", "2026-11-23.2")
    verify(folder)
    sync(open_place(str(folder), "speeches"), open_place(str(tmp_path / "synced" / "speeches"), "speeches"))
    verify(tmp_path / "synced" / "speeches")
    gone = read_gone(tmp_path / "synced" / "speeches", "2026-11-23.1")
    assert gone is not None
    assert gone.state == "yanked"


def test_latest_json_is_as_it_would_be_written(folder: Path) -> None:
    run(folder, BY_ID)
    latest = read_latest(folder)
    assert latest is not None
    assert (folder / "latest.json").read_bytes() == to_json(latest)
    assert os.readlink(folder / "latest") == "versions/2026-11-26.2"  # noqa: PTH115


def test_a_disk_that_is_full_behind_the_decision_is_told_as_that_and_finished_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "versions.json"))

    with monkeypatch.context() as patched:
        patched.setattr(reissue, "project", full)
        with pytest.raises(JianghuaError, match="not all of them are in their places") as told:
            run(folder, BY_ID)
    assert "jianghua doctor" in str(told.value)
    assert "nothing already kept" not in str(told.value)
    assert reissue.finish(folder)
    verify(folder)
    assert TITLE not in words(folder)
