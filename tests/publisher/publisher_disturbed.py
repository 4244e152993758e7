"""Publishing three days undisturbed, and the same with something in the way, in children of publisher_child.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from publisher.reader import open_dataset
from publisher.release import publish_records
from publisher.tables import TABLES
from publisher.verify import verify
from publisher.versions import version_names
from tests.chain import popen
from tests.children import environment, program
from tests.nursery import Forked
from tests.publisher.publisher_child import DAY, state

# Each step costs more than a second; some are tried, and every one with JIANGHUA_TEST_EVERY_STEP set.
EVERY_STEP = bool(os.environ.get("JIANGHUA_TEST_EVERY_STEP"))
Run = Callable[..., tuple[int, str, int]]
Days = list[Path]
COMMAND = program("tests.publisher.publisher_child")


def start() -> Forked:
    """A process that publishes for each line it is given. For a few lines: it is forked from one that has loaded far more than it needs, and
    each fork of its own costs more."""
    return popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())


@contextmanager
def runner() -> Iterator[Run]:
    """A function that publishes a day into a folder, in a child: exit code, message, and how many steps it took."""
    with subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdin
        assert process.stdout

        def ask(folder: Path, day: int, **how: Any) -> tuple[int, str, int]:
            assert process.stdin
            assert process.stdout
            how |= {"memo": str(folder.parent / "memo")} if how.get("memo") else {}
            process.stdin.write(json.dumps({"folder": str(folder), "day": day, **how}) + "\n")
            process.stdin.flush()
            code, message, steps = json.loads(process.stdout.readline())
            return code, message, steps

        yield ask
        process.stdin.close()


def undisturbed_days(root: Path) -> Days:
    """The dataset after day 0, after days 0 and 1, after days 0, 1 and 2, each with a memo beside it."""
    folders: Days = []
    for day in range(3):
        folder = root / str(day) / "speeches"
        if day:
            begin(folders[-1], folder.parent, memo=True)
        publish_records(folder, state(day), now=DAY + timedelta(days=day), memo=folder.parent / "memo")
        folders.append(folder)
    return folders


def begin(from_: Path, place: Path, memo: bool = False) -> Path:
    """A copy of a dataset in `place`, with its hard links, and with the memo if wanted."""
    folder = place / "speeches"
    shutil.copytree(from_, folder, symlinks=True)
    for part in folder.glob("versions/*/*/part-*.parquet"):
        part.unlink()
        os.link(folder / "tables" / part.parent.name / part.name, part)
    if memo:
        shutil.copytree(from_.parent / "memo", place / "memo")
        for history in from_.parent.glob("history-*"):
            shutil.copy(history, place)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """Every file but the lock, which names the last process."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def stands(folder: Path, days: Days) -> int:
    """Assert that what readers get is whole, and just what one of these days' versions holds; gives its number in `days`."""
    dataset = open_dataset(folder)
    (day,) = [i for i, d in enumerate(days) if open_dataset(d).version == dataset.version]
    same = open_dataset(days[day])
    assert all(dataset.arrow(t).equals(same.arrow(t)) for t in TABLES)
    verify(folder, "latest")
    for name in version_names(folder):  # what can be seen of a version is all of it
        assert (folder / "versions" / name / "SHA256SUMS").is_file()
    return day


def left_over(folder: Path) -> list[Path]:
    """What a publish that died has left in the dataset, beside it and in its memo; but for the system's folder for temporary files."""
    found = [*folder.parent.glob(".*"), *folder.rglob(".*"), *(folder.parent / "memo").rglob(".*")]
    return [p for p in found if p != folder / ".lock"]
