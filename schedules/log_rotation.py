"""The logs of runs under var/logs: old ones go by age and by size, so that they never fill the disk.

    var/logs/RUN/STEP.log     a folder a run

A folder goes whole. One whose run is still open stays, but a file in it that grew too large loses its middle: how a run began and what
it said last are what a person looks for.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from crawler.home import Home

log = logging.getLogger("jianghua.logs")
HEAD = 256 * 1024  # bytes that are kept of the beginning of a log that grew too large


@dataclass(slots=True)
class Rotated:
    """What went. removed: names of runs; cut: files that lost their middle; bytes: that were freed."""

    removed: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    bytes: int = 0


def rotate(
    home: Home, now: datetime, *, keep: timedelta, most: int, most_of_file: int, active: Collection[str] = ()
) -> Rotated:
    """Let old logs go. keep: age after which a run's logs go; most: bytes of all logs together, the oldest go first; most_of_file: bytes
    of one file; active: runs that are open. What cannot be removed is left and told in the log."""
    done = Rotated()
    found: list[tuple[float, int, Path]] = []
    try:
        folders = [p for p in home.logs.iterdir() if p.is_dir() and not p.is_symlink()]
    except OSError:
        return done
    for folder in folders:
        for path in folder.glob("*.log"):
            done.bytes += _cut(path, most_of_file, done.cut)
        changed, size = _looked_at(folder)
        if folder.name not in active:
            found.append((changed, size, folder))
    total = sum(_looked_at(f)[1] for f in folders)
    for changed, size, folder in sorted(found, key=lambda x: (x[0], x[2].name)):
        if now.timestamp() - changed <= keep.total_seconds() and total <= most:
            continue
        try:
            shutil.rmtree(folder)
        except OSError as e:
            log.warning("the logs of run %s cannot be removed: %s", folder.name, e.strerror or e)
            continue
        done.removed.append(folder.name)
        done.bytes += size
        total -= size
    return done


def _looked_at(folder: Path) -> tuple[float, int]:
    """When something in a folder was last written, and its bytes."""
    changed, size = 0.0, 0
    with suppress(OSError):
        changed = folder.stat().st_mtime
    for path in folder.rglob("*"):
        with suppress(OSError):
            stat = path.lstat()
            changed, size = max(changed, stat.st_mtime), size + stat.st_size
    return changed, size


def _cut(path: Path, most: int, told: list[str]) -> int:
    """Take the middle out of a file that is too large; bytes freed. The file stays the same one, for whoever writes to it (at its end)."""
    try:
        if path.is_symlink() or (size := path.stat().st_size) <= most:
            return 0
        with path.open("r+b") as file:
            head = file.read(min(HEAD, most // 4))
            file.seek(size - most // 2)
            tail = file.read()
            head = head[: head.rfind(b"\n") + 1] or head
            tail = tail[tail.find(b"\n") + 1 :]
            mark = f"\n… {size - len(head) - len(tail)} bytes left out: the log had grown too large …\n".encode()
            file.seek(0)
            file.write(head + mark + tail)
            file.truncate()
            after = file.tell()
            file.flush()
            os.fsync(file.fileno())
    except OSError as e:
        log.warning("the log %s cannot be cut: %s", path.name, e.strerror or e)
        return 0
    told.append(f"{path.parent.name}/{path.name}")
    return size - after
