"""A process that publishes and is killed by the test: forks a publisher for each line it reads, so that imports cost once.

Each line is JSON: folder, day, and of the following what is wanted: memo (folder of what is remembered), kill_at (SIGKILL itself before the
n-th change under the folder's parent), fail_at and how (the n-th call that writes there fails), limit (bytes a file may have: a full
disk), wait. It answers with the child's exit code (negative: signal), message, and how many such steps there were.
"""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import resource
import select
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crawler.errors import JianghuaError
from publisher.duplicates import relation
from publisher.release import locked, publish_records
from tests.publisher.publisher_made import page, records, speech, text

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
CHANGES = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "shutil.rmtree"}
WRITING = os.O_WRONLY | os.O_RDWR
HANGS = 120.0  # seconds
BEARABLE = {"jemalloc_bg_thd", "polars-ooc-clea"}  # threads that may be lacking in a fork


def state(day: int) -> dict[str, Any]:
    """The records of a day: each adds, changes and removes a little."""
    rows = [speech("a", n, text(("a", n, "new")) if n == day else None) for n in range(day, 12 + 2 * day)]
    rows += [speech("b", n, text(("a", n))) for n in range(5)]
    return records(rows, [page(speech("a", n), "gone") for n in range(day)])


def kill_at(place: str, n: int | None) -> list[int]:
    """Count the changes under `place` from now on, and SIGKILL this process just before the n-th."""
    made = [0]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CHANGES or place not in str(arguments):
            return
        if event == "open" and isinstance(arguments[2], int) and not arguments[2] & WRITING:
            return
        if made[0] == n:
            os.kill(os.getpid(), signal.SIGKILL)
        made[0] += 1

    sys.addaudithook(hook)
    return made


class _Writing:
    """A file opened for writing whose writes may fail."""

    def __init__(self, file: Any, step: Callable[[str], None]) -> None:
        self._file, self._step = file, step

    def write(self, data: Any) -> int:
        self._step("write")
        return int(self._file.write(data))

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._step("flush")
        self._file.flush()

    def __enter__(self) -> _Writing:
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()

    def __iter__(self) -> Any:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def fail_at(place: str, n: int, how: str) -> list[int]:
    """Count the calls that write under `place` from now on; the n-th raises an OSError.

    Counted are opening for writing, write, flush, fsync, rename, link, symlink, mkdir, ftruncate. how: ENOSPC or EIO, with "+" when every call
    after it fails as well, as on a disk that stays full. Only what Python calls: pyarrow and deltalake write by themselves (`limit`).
    """
    made = [0]
    code = getattr(errno, how.rstrip("+"))

    def step(what: str) -> None:
        at = made[0]
        made[0] += 1
        if at == n or (at > n and how.endswith("+")):
            raise OSError(code, os.strerror(code), place)

    def wrap(module: Any, name: str, is_ours: Callable[..., bool]) -> None:
        true = getattr(module, name)

        def call(*args: Any, **named: Any) -> Any:
            if is_ours(*args, **named):
                step(name)
            return true(*args, **named)

        setattr(module, name, call)

    def of_fd(fd: int, *_: Any) -> bool:
        return place in str(Path(f"/proc/self/fd/{fd}").readlink())

    def of_path(path: Any, *_: Any, **__: Any) -> bool:
        return place in str(path) if not isinstance(path, int) else of_fd(path)

    true_open = io.open

    def opened(file: Any, mode: str = "r", *args: Any, **named: Any) -> Any:
        if not set(mode) & set("wax+") or not of_path(file):
            return true_open(file, mode, *args, **named)
        step("open")
        return _Writing(true_open(file, mode, *args, **named), step)

    for name in ("write", "pwrite", "ftruncate", "fsync"):
        wrap(os, name, of_fd)
    for name in ("rename", "replace", "link", "mkdir"):
        wrap(os, name, of_path)
    wrap(os, "symlink", lambda _, path, *__, **___: of_path(path))
    wrap(os, "open", lambda path, flags, *_, **__: bool(flags & WRITING) and of_path(path))
    io.open = opened
    builtins.open = opened
    return made


def check_threads() -> None:
    """A fork has none of the threads: what starts pools (deltalake, polars) must be used in the children first."""
    assert "deltalake" not in sys.modules
    python = Path("/proc/self/comm").read_text().strip()
    found = {p.joinpath("comm").read_text().strip() for p in Path("/proc/self/task").iterdir()}
    assert found <= BEARABLE | {python}, found


def run(job: dict[str, Any], made: list[list[int]]) -> str:
    folder = Path(job["folder"])
    place = str(folder.parent)
    given = state(job["day"])
    tempfile.tempdir = place
    if "limit" in job:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["limit"], job["limit"]))
    if "fail_at" in job:
        made.append(fail_at(place, job["fail_at"], job["how"]))
    else:
        made.append(kill_at(place, job.get("kill_at")))
    memo = Path(job["memo"]) if job.get("memo") else None
    with locked(folder, job.get("wait", 60.0)):
        result = publish_records(folder, given, now=DAY + timedelta(days=job["day"]), memo=memo)
    return result.reason


def main() -> None:
    state(0)  # loads what folding needs, once for all children
    relation(speech("a", 1, "學習。"), speech("a", 1, "学习") | {"text_sha256": ""})
    check_threads()
    for line in sys.stdin:
        read, write = os.pipe()
        if not (child := os.fork()):
            code, message = 3, ""
            made: list[list[int]] = []
            write_all = os.write
            try:
                message = run(json.loads(line), made)
                code = 0
            except JianghuaError as e:
                code, message = e.exit_code, str(e)
            except BaseException as e:
                message = repr(e)
            write_all(write, json.dumps([message[:4000], made[0][0] if made else 0]).encode())
            os._exit(code)
        os.close(write)
        told = b""
        while select.select([read], [], [], HANGS)[0]:
            if not (piece := os.read(read, 4096)):
                break
            told += piece
        else:
            os.kill(child, signal.SIGABRT)  # it hangs: the test sees that signal
        os.close(read)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        message, steps = json.loads(told or b'["", 0]')
        sys.stdout.write(json.dumps([code, message, steps]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
