"""One publish at a time, and nothing left of one that died: the lock of a dataset folder, the journal, recovery.

A publish writes beside and renames; only the replacing of latest.json is seen by readers. What it is about to put into place stands
in a journal (.publishing.json) before it does so, so that the next publish, or `jianghua doctor`, can undo a publish that died before
its commit.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from crawler.durable import cannot_read, cannot_write
from crawler.errors import JianghuaError
from publisher.gone import finish
from publisher.versions import JOURNAL, LATEST, read_journal, read_latest

_BESIDE = (
    ".*.tmp",
    "versions/.building-*",
    "versions/.*.tmp",
    "versions/*/.*.tmp",
    "versions/*/*/.*.tmp",
    "tables/*/.*.tmp",
    "refused/.*.tmp",
)


@contextlib.contextmanager
def locked(folder: Path, wait: float, *, to_look: bool = False) -> Iterator[None]:
    """The dataset's lock: one publish at a time on this machine; it ends with the process that holds it.

    to_look: nothing is going to be written, so that a folder will do that may only be read. Raises JianghuaError when another process still
    holds it after `wait` seconds.
    """
    path = folder / ".lock"
    kind = fcntl.LOCK_EX
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as e:
            if not to_look or e.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            # keeps publishes out as well, and is all that NFS gives for a file that is open for reading
            kind = fcntl.LOCK_SH
            fd = os.open(path if path.exists() else folder, os.O_RDONLY)
    except OSError as e:
        raise (cannot_read if to_look else cannot_write)(path, e) from e
    try:
        until = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(fd, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    holder = os.pread(fd, 100, 0).decode(errors="replace").strip() or "unknown"
                    raise JianghuaError(
                        f"another publish is running (process {holder})",
                        where=str(path),
                        remedy="wait until it has ended, then run the same command again",
                    ) from None
                time.sleep(0.05)
        # a folder that may only be read has no room for it; who holds it is for people; a full disk must not stop a publish here
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def recover(folder: Path) -> None:
    """Undo what a publish that died before its commit has left. Safe at any time under the lock."""
    journal = folder / JOURNAL
    if journal.exists():
        note = read_journal(journal)
        latest = read_latest(folder) if (folder / LATEST).exists() else None
        if note and (latest is None or latest.sequence < note["sequence"]):
            orphan = folder / "versions" / note["version"]
            if orphan.exists():
                orphan.rename(building(folder, note["version"]))
            for part in note["created"]:
                (folder / "tables" / part).unlink(missing_ok=True)
    for left in left_beside(folder):
        discard(left)
    journal.unlink(missing_ok=True)
    finish(folder)


def left_beside(folder: Path) -> list[Path]:
    """Temporary files and folders of writes into a dataset that were cut short. The caller holds the lock."""
    return [p for pattern in _BESIDE for p in sorted(folder.glob(pattern))] + sorted(
        folder.parent.glob(".index.json.*.tmp")
    )


def discard(path: Path) -> None:
    """Remove a file, or a folder with all in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def building(folder: Path, version: str) -> Path:
    return folder / "versions" / f".building-{version}"
