"""Publishing under kill -9 at every step, on a full disk, and twice at once."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from publisher_child import DAY, state

from crawler.errors import JianghuaError
from publisher.reader import open_dataset
from publisher.release import locked, publish_records
from publisher.tables import TABLES
from publisher.verify import verify

# Every step takes a minute; one in seven, and every one with JIANGHUA_TEST_EVERY_STEP set.
STRIDE = 1 if os.environ.get("JIANGHUA_TEST_EVERY_STEP") else 7
CHILD = Path(__file__).with_name("publisher_child.py")
Run = Callable[..., tuple[int, str]]


def start() -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(CHILD.parent), str(CHILD.parents[2])])
    return subprocess.Popen(
        [sys.executable, str(CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with start() as process:
        assert process.stdin
        assert process.stdout

        def ask(folder: Path, day: int, **how: Any) -> tuple[int, str]:
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps({"folder": str(folder), "day": day, **how}) + "\n")
            process.stdin.flush()
            code, message = json.loads(process.stdout.readline())
            return code, message

        yield ask
        process.stdin.close()


def tree(folder: Path) -> dict[str, bytes]:
    """Every file but the lock, which names the last process."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The dataset after day 0, after days 0 and 1, after days 0, 1 and 2."""
    root = tmp_path_factory.mktemp("undisturbed")
    folders = []
    for day in range(3):
        folder = root / str(day) / "speeches"
        if day:
            shutil.copytree(folders[-1], folder, symlinks=True)
            link_again(folder)
        publish_records(folder, state(day), now=DAY + timedelta(days=day))
        folders.append(folder)
    return folders


def link_again(folder: Path) -> None:
    """copytree copies hard links as files; make them links again."""
    for part in folder.glob("versions/*/*/part-*.parquet"):
        store = folder / "tables" / part.parent.name / part.name
        part.unlink()
        os.link(store, part)


def test_kill_9_at_any_step_leaves_a_readable_dataset_that_the_next_publish_completes(
    tmp_path: Path, run: Run, undisturbed: list[Path]
) -> None:
    wanted = [tree(u) for u in undisturbed]
    step, kills = 0, 0
    while True:
        folder = tmp_path / str(step) / "speeches"
        shutil.copytree(undisturbed[0], folder, symlinks=True)
        link_again(folder)
        code, message = run(folder, 1, kill_at=step)
        if code == 0:
            break
        assert code == -signal.SIGKILL, message
        kills += 1
        version = open_dataset(folder).version  # readable at once, the old version or the new one
        now = {t: open_dataset(folder).arrow(t) for t in TABLES}
        same = undisturbed[0 if version == "2026-11-22.1" else 1]
        assert all(now[t].equals(open_dataset(same).arrow(t)) for t in TABLES)
        code, message = run(folder, 1)
        assert code == 0, message
        assert tree(folder) == wanted[1]
        assert not list(folder.rglob(".*building*"))
        verify(folder)
        shutil.rmtree(folder)
        step += STRIDE
    assert kills * STRIDE > 50
    assert tree(folder) == wanted[1]


def test_kill_9_of_the_first_publish(tmp_path: Path, run: Run, undisturbed: list[Path]) -> None:
    rng = random.Random(5)
    for n in range(8):
        folder = tmp_path / str(n) / "speeches"
        run(folder, 0, kill_at=rng.randrange(1, 90))
        run(folder, 0, kill_at=rng.randrange(1, 90))
        assert run(folder, 0)[0] == 0
        assert tree(folder) == tree(undisturbed[0])


def test_another_publish_after_a_kill_makes_its_own_version(tmp_path: Path, run: Run, undisturbed: list[Path]) -> None:
    """The records have moved on meanwhile: what the killed publish left must not be mixed in."""
    folder = tmp_path / "speeches"
    shutil.copytree(undisturbed[1], folder, symlinks=True)
    link_again(folder)
    for step in (3, 12, 25, 40, 45):
        assert run(folder, 3, kill_at=step)[0] == -signal.SIGKILL
    assert run(folder, 2)[0] == 0
    assert tree(folder) == tree(undisturbed[2])


@pytest.mark.parametrize("limit", [0, 50, 300, 2_000, 6_000])
def test_full_disk_is_a_clear_error_and_nothing_is_lost(
    tmp_path: Path, run: Run, undisturbed: list[Path], limit: int
) -> None:
    folder = tmp_path / "speeches"
    shutil.copytree(undisturbed[0], folder, symlinks=True)
    link_again(folder)
    before = tree(folder)
    code, message = run(folder, 1, limit=limit)
    assert code == 1
    assert "cannot write" in message
    assert "do:" in message
    assert tree(folder) == before
    verify(folder)
    assert run(folder, 1)[0] == 0
    assert tree(folder) == tree(undisturbed[1])


def test_two_publishers_at_once(tmp_path: Path, undisturbed: list[Path]) -> None:
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
    assert [code for code, _ in said] == [0, 0, 0]
    assert sum("published 2026-11-22.1" in m for _, m in said) == 1
    assert sum("nothing changed" in m for _, m in said) == 2
    assert tree(folder) == tree(undisturbed[0])


def test_a_publish_that_does_not_end_is_named_and_the_lock_dies_with_it(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "speeches"
    with locked(folder, 0):
        code, message = run(folder, 0, wait=0.1)
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


def test_readers_never_see_a_half_made_version(tmp_path: Path, undisturbed: list[Path]) -> None:
    folder = tmp_path / "speeches"
    shutil.copytree(undisturbed[0], folder, symlinks=True)
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
