"""Publishing under kill -9 at any step, on a full disk, and twice at once."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.errors import DamagedError, JianghuaError
from publisher.reader import open_dataset
from publisher.release import locked
from publisher.verify import verify
from publisher.versions import JOURNAL, LATEST, read_latest
from tests.publisher.publisher_disturbed import (
    EVERY_STEP,
    Days,
    Run,
    begin,
    left_over,
    runner,
    stands,
    start,
    tree,
    undisturbed_days,
)

KILLS = 40
TRIED = KILLS if EVERY_STEP else 10


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with runner() as ask:
        yield ask


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Days:
    return undisturbed_days(tmp_path_factory.mktemp("undisturbed"))


def test_kill_9_at_random_steps_leaves_a_readable_dataset_that_the_next_publish_completes(
    tmp_path: Path, run: Run, undisturbed: Days
) -> None:
    """Every second time with a memo, which the kill may tear. The same 40 steps each time; a quarter of them by default."""
    verify(undisturbed[1])
    wanted = tree(undisturbed[1])
    total = {}
    for memo in (False, True):
        folder = begin(undisturbed[0], tmp_path / f"counted-{memo}", memo)
        code, message, total[memo] = run(folder, 1, memo=memo)
        assert (code, tree(folder)) == (0, wanted), message
        assert total[memo] > 100
    rng = random.Random(2026)
    steps = [(n % 2 == 1, rng.randrange(total[n % 2 == 1])) for n in range(KILLS)]
    found = []
    for n, (memo, step) in enumerate(steps[:TRIED]):
        folder = begin(undisturbed[0], tmp_path / str(n), memo)
        code, message, _ = run(folder, 1, memo=memo, kill_at=step)
        assert code == -signal.SIGKILL, (step, message)
        found.append(stands(folder, undisturbed[:2]))  # at once: the old version or the new one
        code, message, _ = run(folder, 1, memo=memo)
        assert code == 0, (step, message)
        assert tree(folder) == wanted
        assert not left_over(folder)
        shutil.rmtree(folder.parent)
    assert set(found) == {0, 1}  # before the commit, and after it


def test_kill_9_of_the_first_publish(tmp_path: Path, run: Run, undisturbed: Days) -> None:
    rng = random.Random(5)
    for n in range(KILLS if EVERY_STEP else 4):
        folder = tmp_path / str(n) / "speeches"
        memo = n % 2 == 1
        for _ in range(2):
            run(folder, 0, memo=memo, kill_at=rng.randrange(1, 150))
        assert run(folder, 0, memo=memo)[0] == 0
        assert tree(folder) == tree(undisturbed[0])


def test_a_first_version_that_is_not_committed_yet_is_none_and_no_damage(tmp_path: Path, undisturbed: Days) -> None:
    """As a reader meets it between the rename of its folder and the replacing of latest.json."""
    folder = begin(undisturbed[0], tmp_path)
    latest = folder / LATEST
    found = read_latest(folder)
    assert found is not None
    latest.rename(tmp_path / "aside")
    with pytest.raises(DamagedError, match=r"latest\.json is missing"):
        read_latest(folder)
    journal = {"version": found.version, "sequence": found.sequence, "created": []}
    (folder / JOURNAL).write_text(json.dumps(journal))
    assert read_latest(folder) is None
    (folder / JOURNAL).write_text(json.dumps(journal | {"version": "2020-01-01.1"}))
    with pytest.raises(DamagedError):
        read_latest(folder)
    (tmp_path / "aside").rename(latest)
    assert read_latest(folder) == found


def test_another_publish_after_a_kill_makes_its_own_version(tmp_path: Path, run: Run, undisturbed: Days) -> None:
    """The records have moved on meanwhile: what the killed publish left must not be mixed in."""
    folder = begin(undisturbed[1], tmp_path, memo=True)
    for step in (3, 20, 35, 50, 65):
        assert run(folder, 3, memo=True, kill_at=step)[0] == -signal.SIGKILL
        assert stands(folder, undisturbed) == 1
    assert run(folder, 2, memo=True)[0] == 0
    assert tree(folder) == tree(undisturbed[2])


@pytest.mark.parametrize("limit", [0, 50, 300, 2_000, 6_000])
def test_full_disk_is_a_clear_error_and_nothing_is_lost(
    tmp_path: Path, run: Run, undisturbed: Days, limit: int
) -> None:
    folder = begin(undisturbed[0], tmp_path)
    before = tree(folder)
    code, message, _ = run(folder, 1, limit=limit)
    assert code == 1
    assert "cannot write" in message
    assert "do:" in message
    assert tree(folder) == before
    verify(folder)
    assert run(folder, 1)[0] == 0
    assert tree(folder) == tree(undisturbed[1])


def test_two_publishers_at_once(tmp_path: Path, undisturbed: Days) -> None:
    folder = tmp_path / "speeches"
    others = [start() for _ in range(3)]
    for other in others:
        assert other.stdin
        other.stdin.write(json.dumps({"folder": str(folder), "day": 0}) + "\n")
        other.stdin.close()
    said = []
    for other in others:
        assert other.stdout
        said.append(json.loads(other.stdout.readline()))
        other.stdout.close()
        other.wait()
    assert [code for code, _, _ in said] == [0, 0, 0]
    assert sum("published 2026-11-22.1" in m for _, m, _ in said) == 1
    assert sum("nothing changed" in m for _, m, _ in said) == 2
    assert tree(folder) == tree(undisturbed[0])


def test_a_publish_that_does_not_end_is_named_and_the_lock_dies_with_it(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "speeches"
    with locked(folder, 0):
        code, message, _ = run(folder, 0, wait=0.1)
        assert code == 1
        assert f"process {os.getpid()}" in message
        with pytest.raises(JianghuaError, match="another publish"), locked(folder, 0):
            pass
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import fcntl,time; f=open({str(folder / '.lock')!r},'r+'); fcntl.flock(f,2); print(1,flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout
    holder.stdout.read(1)
    assert run(folder, 0, wait=0.1)[0] == 1
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert run(folder, 0, wait=5.0)[0] == 0


def test_readers_never_see_a_half_made_version(tmp_path: Path, undisturbed: Days) -> None:
    folder = begin(undisturbed[0], tmp_path)
    wanted = {open_dataset(u).version: open_dataset(u).arrow() for u in undisturbed}
    with start() as process:
        assert process.stdin
        process.stdin.writelines(json.dumps({"folder": str(folder), "day": d}) + "\n" for d in (1, 2))
        process.stdin.close()
        seen: list[str] = []
        until = time.monotonic() + 60
        while (not seen or seen[-1] != "2026-11-24.1") and time.monotonic() < until:
            dataset = open_dataset(folder)
            assert dataset.arrow().equals(wanted[dataset.version])
            seen.append(dataset.version)
        assert seen[-1] == "2026-11-24.1"
        assert seen == sorted(seen)
