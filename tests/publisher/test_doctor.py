"""`jianghua doctor` on real damage and on what killed publishes have left."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from typer.testing import CliRunner

from crawler.errors import DamagedError, JianghuaError, UsageError
from crawler.home import Home
from crawler.takedowns import Entry, Takedown
from publisher import rowindex
from publisher.chain import open_place
from publisher.cli_doctor import app
from publisher.doctor import Diagnosis, examine
from publisher.manifest import as_json
from publisher.release import memo_folder, publish_records
from publisher.retention import RetentionSettings, retain
from publisher.sync import sync
from publisher.takedown_work import carry_out
from publisher.verify import verify
from publisher.versions import read_latest, read_manifest
from tests.chain import popen
from tests.children import environment, program
from tests.publisher.denied import only_read
from tests.publisher.publisher_child import DAY, state
from tests.publisher.publisher_disturbed import Days, Run, begin, left_over, runner, stands, tree, undisturbed_days
from tests.publisher.test_reissue import state as held_and_gone


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Days:
    return undisturbed_days(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with runner() as ask:
        yield ask


@pytest.fixture
def home(tmp_path: Path, undisturbed: Days) -> Home:
    """A home with the dataset of three days, the last one published last, and what is remembered of it."""
    home = Home(tmp_path)
    begin(undisturbed[2], home.datasets)
    (home.datasets / "index.json").write_bytes((undisturbed[2].parent / "index.json").read_bytes())
    shutil.copytree(undisturbed[2].parent / "memo", memo_folder(home))
    return home


def told(found: Diagnosis) -> list[tuple[str, str]]:
    return [(f.state, Path(f.where).name) for f in found.findings]


def everything(home: Home) -> dict[str, bytes]:
    return {n: d for n, d in tree(home.root).items() if not n.endswith(".lock")}


def flip(path: Path, at: int = 100, alone: bool = False) -> None:
    """Flip a bit of a file; alone: it is no hard link any more before, so that its other links stay whole."""
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 4
    if alone:
        path.unlink()
    path.write_bytes(data)


def a_part(home: Home, table: str = "speeches") -> tuple[Path, list[Path]]:
    """A part in the store that two versions have, and it in their folders."""
    folder = home.datasets / "speeches"
    for part in sorted((folder / "tables" / table).glob("part-*.parquet")):
        links = sorted(folder.glob(f"versions/*/{table}/{part.name}"))
        if len(links) > 1:
            return part, links
    raise AssertionError("no part is shared")


def test_nothing_is_found_where_nothing_is_wrong(home: Home, tmp_path: Path) -> None:
    before = everything(home)
    found = examine(home)
    assert (found.findings, found.well, found.looked_at) == ([], True, ["2026-11-22.1", "2026-11-23.1", "2026-11-24.1"])
    assert everything(home) == before
    assert examine(Home(tmp_path / "empty")).findings == []
    assert not (tmp_path / "empty").exists()


@pytest.fixture(scope="module")
def steps(run: Run, undisturbed: Days, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many there are in the publish that is killed."""
    code, _, steps = run(begin(undisturbed[0], tmp_path_factory.mktemp("steps")), 1)
    assert code == 0
    return steps


@pytest.mark.parametrize("share", [0.15, 0.33, 0.54, 0.72, 0.85, 0.97])
def test_what_a_killed_publish_left_is_undone_or_finished(
    tmp_path: Path, run: Run, undisturbed: Days, steps: int, share: float
) -> None:
    home = Home(tmp_path)
    folder = begin(undisturbed[0], home.datasets)
    assert run(folder, 1, kill_at=int(share * steps))[0] == -signal.SIGKILL
    before = everything(home)
    dry = examine(home, dry_run=True)
    assert everything(home) == before
    found = examine(home)
    assert found.well
    assert bool(found.findings) != dry.well
    assert {f.state for f in found.findings} <= {"mended"}
    day = stands(folder, undisturbed[:2])
    assert tree(folder) == tree(undisturbed[day])
    assert not left_over(folder)
    assert examine(home).findings == []


def test_a_re_issue_that_died_is_finished_or_cleared_away(tmp_path: Path) -> None:
    """Killed before its journal, and after it."""
    source = tmp_path / "source" / "speeches"
    for day in (1, 3):
        publish_records(source, held_and_gone(day), now=DAY + timedelta(days=day))
    wanted = begin(source, tmp_path / "wanted")
    ((_, steps),) = re_issues({"folder": str(wanted)})
    folders = [begin(source, tmp_path / str(n) / "datasets") for n in range(2)]
    re_issues(*({"folder": str(f), "kill_at": steps * (1 + 2 * n) // 4} for n, f in enumerate(folders)))
    done = []
    for n, folder in enumerate(folders):
        begun = (folder / ".reissuing.json").exists()
        found = examine(Home(tmp_path / str(n)))
        assert found.well
        assert ("finished" in [f.done for f in found.findings]) == begun
        assert tree(folder).keys() == tree(wanted if begun else source).keys()
        assert not left_over(folder)
        verify(folder)
        done.append(begun)
    assert done == [False, True]


def re_issues(*jobs: dict[str, object]) -> list[tuple[int, int]]:
    """Exit code and steps of each re-issue in a child."""
    with popen(
        program("tests.publisher.reissue_child"), stdin=PIPE, stdout=PIPE, text=True, env=environment()
    ) as child:
        child.stdin.writelines(json.dumps(job) + "\n" for job in jobs)
        told, _ = child.communicate()
    assert child.returncode == 0
    return [tuple(json.loads(line)) for line in told.splitlines()]


def test_what_cannot_be_removed_is_told_with_its_name(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever recovers first: no bare error of the operating system."""
    folder = home.datasets / "speeches"
    left = folder / "versions" / ".building-2026-11-25.1"
    left.mkdir()
    copy, mirror = home.root / "copy" / "speeches", home.var / "publish" / "mirror" / "x" / "speeches"
    sync(open_place(str(home.datasets), "speeches"), open_place(str(copy.parent), "speeches"))
    (copy / "versions" / left.name).mkdir()
    (mirror / "versions" / left.name).mkdir(parents=True)

    def refused(path: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    entry = Takedown(
        Entry.model_validate(
            {"id": "t", "reason": "r", "date": "2026-11-30", "everywhere": True, "url": "http://a.example/x"}
        ),
        "",
    )
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", refused)
        for do in (
            lambda: examine(home),
            lambda: retain(folder, RetentionSettings(), now=datetime.now(UTC)),
            lambda: sync(open_place(str(home.datasets), "speeches"), open_place(str(copy.parent), "speeches")),
            lambda: carry_out(home, [entry]),
        ):
            with pytest.raises(JianghuaError, match="cannot write: Permission denied") as caught:
                do()
            assert ".building-2026-11-25.1" in str(caught.value.where)
        left.rmdir()
        with pytest.raises(JianghuaError, match="cannot write: Permission denied"):
            carry_out(home, [entry])  # a mirror
    assert examine(home).well


def test_leftovers_of_every_kind_go(home: Home) -> None:
    before = everything(home)
    folder, memo = home.datasets / "speeches", memo_folder(home)
    files = [
        folder / ".latest.json.abc.tmp",
        folder / ".latest.tmp",
        folder / "versions" / ".2026-11-22.1.gone.json.abc.tmp",
        folder / "versions" / ".building-2026-11-25.1" / "speeches" / "part",
        folder / "versions" / ".gone-2026-11-20.1" / "manifest.json",
        folder / "versions" / ".reissue-2026-11-22.2" / "manifest.json",
        folder / "tables" / "speeches" / ".part-1.parquet.tmp",
        folder / "tables" / "speeches" / ".delta-old.tmp" / "00000000000000000000.json",
        folder / "tables" / "speeches" / ".delta-3.json.tmp",
        folder.parent / ".index.json.abc.tmp",
        memo / "scratch" / "records" / "x",
        memo / ".state.json.abc.tmp",
        memo / "copies" / ".index.json.abc.tmp",
        memo / "speeches-0123456789abcdef.arrow",
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"half")
    dry = examine(home, dry_run=True)
    assert not dry.well
    assert {s for s, _ in told(dry)} == {"found"}
    assert all(f.exists() for f in files)
    found = examine(home)
    assert found.well
    assert [(f.what, f.where) for f in found.findings] == [(f.what, f.where) for f in dry.findings]
    assert len(found.findings) == len(files)
    assert everything(home) == before
    assert examine(home).findings == []


@pytest.mark.parametrize("rotten", ["store", "version"])
def test_a_damaged_part_is_mended_from_the_copy_that_is_whole(home: Home, rotten: str) -> None:
    before = everything(home)
    part, links = a_part(home)
    if rotten == "store":
        flip(part, alone=True)
    else:
        flip(links[0], alone=True)
        links[1].unlink()
    with pytest.raises(DamagedError):
        verify(home.datasets / "speeches")
    assert not examine(home, dry_run=True).well
    found = examine(home)
    assert found.well
    assert len(found.findings) == (1 if rotten == "store" else 2)
    assert everything(home) == before
    verify(home.datasets / "speeches")
    assert len({p.stat().st_ino for p in (part, *links)}) == 1


def test_a_damaged_part_of_which_every_link_is_damaged_is_told_and_mended_from_a_mirror(home: Home) -> None:
    before = everything(home)
    part, links = a_part(home)
    good = part.read_bytes()
    document = home.datasets / "speeches" / "versions" / "2026-11-23.1" / "README.md"
    flip(part)
    flip(document)
    found = examine(home)
    assert not found.well
    assert {Path(f.where) for f in found.findings} == {part, *links, document}
    assert {f.state for f in found.findings} == {"left"}
    mirror = home.var / "publish" / "mirror" / "0123" / "speeches"
    (mirror / "versions").mkdir(parents=True)
    (mirror / "tables" / "speeches").mkdir(parents=True)
    (mirror / "tables" / "speeches" / part.name).write_bytes(good)
    found = examine(home)
    assert [f.state for f in found.findings if Path(f.where) != document] == ["mended"] * (1 + len(links))
    assert [Path(f.where) for f in found.findings if f.state == "left"] == [document]
    flip(document)
    assert examine(home).well
    shutil.rmtree(mirror.parents[1])
    assert everything(home) == before


@pytest.mark.parametrize("how", ["missing", "cut", "another"])
def test_latest_json_is_restored_only_when_told(home: Home, how: str) -> None:
    before = everything(home)
    folder = home.datasets / "speeches"
    path = folder / "latest.json"
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:50])
    else:
        path.write_bytes(path.read_bytes().replace(b"2026-11-24.1", b"2026-11-29.1"))
    broken = everything(home)
    found = examine(home)
    assert not found.well
    assert "--restore-latest" in found.findings[0].done
    assert everything(home) == broken
    assert told(examine(home, dry_run=True, restore_latest=True)) == [("found", "latest.json")]
    assert everything(home) == broken
    assert told(examine(home, restore_latest=True)) == [("mended", "latest.json")]
    assert everything(home) == before
    verify(folder)


def test_latest_json_is_not_restored_to_a_version_that_was_never_published_or_is_damaged(
    tmp_path: Path, run: Run, undisturbed: Days
) -> None:
    home = Home(tmp_path)
    folder = begin(undisturbed[0], home.datasets)
    step = bisect(range(160), 1, key=lambda n: _sequence_after(run, undisturbed, tmp_path / str(n), n))
    run(folder, 1, kill_at=step - 1)  # right before latest.json is replaced
    assert (folder / "versions" / "2026-11-23.1").exists()
    (folder / "latest.json").unlink()
    found = examine(home)
    assert not found.well
    assert (folder / ".publishing.json").exists()  # nothing is undone while nobody knows what was committed
    assert (folder / "versions" / "2026-11-23.1").exists()
    found = examine(home, restore_latest=True)
    assert found.well
    latest = read_latest(folder)
    assert latest
    assert latest.version == "2026-11-22.1"
    assert tree(folder) == tree(undisturbed[0])

    later = Home(tmp_path / "later")
    folder = begin(undisturbed[2], later.datasets)
    flip(folder / "versions" / "2026-11-24.1" / "README.md")
    (folder / "latest.json").unlink()
    found = examine(later, restore_latest=True)
    latest = read_latest(folder)
    assert latest
    assert latest.version == "2026-11-23.1"
    assert not found.well
    assert any("2026-11-24.1 does not verify" in f.what for f in found.findings)


def _sequence_after(run: Run, undisturbed: Days, place: Path, step: int) -> int:
    """The sequence of the latest version after a kill at this step."""
    folder = begin(undisturbed[0], place)
    run(folder, 1, kill_at=step)
    latest = read_latest(folder)
    assert latest
    return latest.sequence


def test_a_stray_version_is_told(home: Home, undisturbed: Days) -> None:
    folder = home.datasets / "speeches"
    for name in ("latest.json", "versions.json"):
        (folder / name).write_bytes((undisturbed[1] / name).read_bytes())
    found = examine(home)
    assert not found.well
    assert [f.state for f in found.findings if "never published" in f.what] == ["left"]
    assert (folder / "versions" / "2026-11-24.1" / "manifest.json").exists()
    shutil.move(folder / "versions" / "2026-11-24.1", home.root / "aside")
    found = examine(home)
    assert found.well
    assert "remark" in {f.state for f in found.findings}  # parts that no version names any more
    verify(folder)


def test_an_older_latest_json_is_told_nothing_is_built_upon_it_and_it_can_be_made_anew(
    home: Home, undisturbed: Days
) -> None:
    before = everything(home)
    folder = home.datasets / "speeches"
    (folder / "latest.json").write_bytes((undisturbed[0] / "latest.json").read_bytes())
    broken = everything(home)
    with pytest.raises(DamagedError, match=r"names 2026-11-22.1, and 2026-11-24.1, which came after it"):
        verify(folder)
    with pytest.raises(DamagedError, match=r"names 2026-11-22.1, and 2026-11-24.1, which came after it"):
        publish_records(folder, state(2), now=DAY + timedelta(days=5))
    found = examine(home)
    assert told(found) == [("left", "latest.json")]
    assert "--restore-latest" in found.findings[0].done
    assert everything(home) == broken
    assert told(examine(home, restore_latest=True)) == [("mended", "latest.json")]
    assert everything(home) == before
    # also where versions.json tells nothing of it
    (folder / "latest.json").write_bytes((undisturbed[0] / "latest.json").read_bytes())
    (folder / "versions.json").unlink()
    with pytest.raises(DamagedError, match="which came after it"):
        verify(folder)
    with pytest.raises(DamagedError, match="which came after it"):
        publish_records(folder, state(2), now=DAY + timedelta(days=5))


def test_a_version_whose_folder_is_lost_is_told_until_it_has_a_tombstone(home: Home) -> None:
    folder = home.datasets / "speeches"
    listed = (folder / "versions.json").read_bytes()
    shutil.rmtree(folder / "versions" / "2026-11-23.1")
    for _ in range(2):  # by versions.json, and by what the versions say of their parents
        with pytest.raises(DamagedError, match=r"2026-11-23.1 is missing, and no tombstone says why") as caught:
            verify(folder)
        assert "--lost 2026-11-23.1" in str(caught.value)
        found = examine(home)
        assert ("left", "2026-11-23.1") in told(found)
        assert not found.well
        if (folder / "versions.json").exists():
            assert (folder / "versions.json").read_bytes() == listed
            (folder / "versions.json").unlink()
    with pytest.raises(UsageError, match=r"2026-11-24.1 is not lost"):
        examine(home, lost_for_good=["2026-11-24.1"])
    assert ("found", "2026-11-23.1") in told(examine(home, dry_run=True, lost_for_good=["2026-11-23.1"]))
    assert not (folder / "versions" / "2026-11-23.1.gone.json").exists()
    done = CliRunner().invoke(app, ["--home", str(home.root), "--lost", "2026-11-23.1"])
    assert done.exit_code == 0, done.output
    verify(folder)
    with pytest.raises(UsageError, match=r"no longer kept .*its folder was lost"):
        read_manifest(folder, "2026-11-23.1")
    assert examine(home).well


def test_projections_are_made_anew_whatever_is_wrong_with_them(home: Home) -> None:
    before = everything(home)
    folder = home.datasets / "speeches"
    listed = json.loads((folder / "versions.json").read_bytes())
    listed["versions"][0]["rows"] += 1
    (folder / "versions.json").write_bytes(as_json(listed))
    (folder / "feed.xml").unlink()
    (folder.parent / "index.json").write_bytes(b"{}")
    (folder / "latest").unlink()
    (folder / "latest").symlink_to("versions/2026-11-22.1")
    flip(folder / "tables" / "speeches" / "_delta_log" / f"{1:020}.json")
    shutil.rmtree(folder / "tables" / "pages" / "_delta_log")
    wanted = ["versions.json", "feed.xml", "index.json", "latest", "_delta_log", "_delta_log"]
    assert told(examine(home, dry_run=True)) == [("found", n) for n in wanted]
    assert told(examine(home)) == [("mended", n) for n in wanted]
    assert everything(home) == before
    assert str((folder / "latest").readlink()) == "versions/2026-11-24.1"
    verify(folder)


def test_a_folder_in_the_place_of_the_link_latest(home: Home) -> None:
    """What tools make of it that follow links: a copy, which would stay behind, and with it what is taken down later."""
    folder = home.datasets / "speeches"
    (folder / "latest").unlink()
    shutil.copytree(folder / "versions" / "2026-11-24.1", folder / "latest")
    assert examine(home).well
    verify(folder)
    shutil.rmtree(folder / "latest")
    shutil.copytree(folder / "versions" / "2026-11-22.1", folder / "latest")
    with pytest.raises(DamagedError, match=r"a copy of 2026-11-22\.1, and the latest version is 2026-11-24\.1"):
        verify(folder)
    assert told(examine(home, dry_run=True)) == [("found", "latest")]
    assert told(examine(home)) == [("mended", "latest")]
    assert str((folder / "latest").readlink()) == "versions/2026-11-24.1"
    assert not list(folder.glob(".latest*"))
    (folder / "latest").unlink()
    shutil.copytree(folder / "versions" / "2026-11-24.1", folder / "latest")
    (folder / "latest" / "manifest.json").unlink()  # whatever it is: it is not ours to remove
    with pytest.raises(DamagedError, match="a copy of no version"):
        verify(folder)
    assert told(examine(home)) == [("left", "latest")]
    assert (folder / "latest" / "README.md").exists()
    assert not list(folder.glob(".latest*"))


def test_a_dry_run_needs_nothing_but_to_read(home: Home) -> None:
    (home.datasets / "speeches" / ".lock").unlink(missing_ok=True)
    (home.datasets / "speeches" / "feed.xml").unlink()
    with only_read(home.root) as copy:
        assert told(examine(Home(copy), dry_run=True)) == [("found", "feed.xml")]
        assert not retain(copy / "datasets" / "speeches", RetentionSettings(), now=DAY, dry_run=True).retired
        with pytest.raises(JianghuaError, match="cannot write"):
            examine(Home(copy))


@pytest.mark.parametrize("within", [True, False])
def test_links_in_the_place_of_files_become_files(home: Home, tmp_path: Path, within: bool) -> None:
    """within: the dataset has another copy of it."""
    folder = home.datasets / "speeches"
    part = next((folder / "versions" / "2026-11-24.1" / "speeches").iterdir())
    elsewhere = tmp_path / "elsewhere.parquet"
    shutil.copyfile(part, elsewhere)
    every = [p for p in folder.rglob(part.name) if "latest" not in p.parts]
    places = every[:1] if within else every
    assert len(every) > 1
    for path in places:
        path.unlink()
        path.symlink_to(elsewhere)
    with pytest.raises(DamagedError, match="in the place of a file"):
        verify(folder)
    found = examine(home)
    assert found.well
    assert [(f.state, f.what) for f in found.findings] == [("mended", "a link in the place of a file")] * len(places)
    elsewhere.unlink()
    assert not any(p.is_symlink() for p in every)
    verify(folder)


def test_a_damaged_manifest_is_told_and_nothing_is_derived_from_it(home: Home) -> None:
    folder = home.datasets / "speeches"
    path = folder / "versions" / "2026-11-23.1" / "manifest.json"
    good = path.read_bytes()
    path.write_bytes(good.replace(b'"rows": 1', b'"rows": 2', 1))
    before = everything(home)
    found = examine(home)
    assert next(Path(f.where) for f in found.findings if f.state == "left") == path
    assert everything(home) == before
    path.write_bytes(good)
    assert examine(home).well


@pytest.mark.parametrize("file", ["state.json", "speeches-*.arrow", "copies/*.sketches", "copies/index.json"])
def test_a_damaged_memo_is_made_again_and_changes_nothing_that_is_published(
    home: Home, undisturbed: Days, file: str
) -> None:
    folder, memo = home.datasets / "speeches", memo_folder(home)
    (path,) = sorted(memo.glob(file))[:1]
    path.write_bytes(path.read_bytes()[:-40])
    assert not examine(home, dry_run=True).well
    assert examine(home).well
    assert examine(home).findings == []
    latest = read_latest(folder)
    assert latest
    assert rowindex.load(memo, latest.manifest_sha256) is not None
    twin = begin(undisturbed[2], home.root / "twin", memo=True)
    publish_records(folder, state(3), now=DAY + timedelta(days=3), memo=memo)
    publish_records(twin, state(3), now=DAY + timedelta(days=3), memo=twin.parent / "memo")
    assert tree(folder) == tree(twin)


def test_a_torn_history_loses_only_the_torn_line(home: Home) -> None:
    path = memo_folder(home).parent / "history-speeches.jsonl"
    whole = b'{"at":"2026-11-22T03:00:00+00:00","outcome":"published"}\n'
    path.write_bytes(whole + b'{"at":"2026')
    assert told(examine(home)) == [("mended", path.name)]
    assert path.read_bytes() == whole


def test_the_command_tells_by_its_exit_code(home: Home) -> None:
    part, _ = a_part(home)
    flip(part, alone=True)
    call = CliRunner().invoke
    dry = call(app, ["--home", str(home.root), "--dry-run"])
    assert dry.exit_code == 1
    assert "to be mended from" in dry.stdout
    assert "without --dry-run" in dry.stdout
    real = call(app, ["--home", str(home.root), "--json"])
    assert real.exit_code == 0
    told = json.loads(real.stdout)
    assert told["well"]
    assert [(f["state"], f["where"]) for f in told["findings"]] == [("mended", str(part))]
    well = call(app, ["--home", str(home.root)])
    assert (well.exit_code, well.stdout) == (0, "3 versions of speeches: all is well\n")


def test_a_version_of_the_records_is_not_taken_for_damage_of_a_manifest(home: Home) -> None:
    """Two names of one file: a mirror that is a copy of the dataset, as hard links."""
    folder = home.datasets / "speeches"
    mirror = home.var / "publish" / "mirror" / "0123" / "speeches"
    begin(folder, mirror.parent)
    path = folder / "versions" / "2026-11-23.1" / "manifest.json"
    flip(path, 20)
    assert told(examine(home)) == [("mended", "manifest.json")]
    assert read_manifest(folder, "2026-11-23.1")
    os.utime(path)
    verify(folder)
