"""A process that publishes and is killed by the test: forks a publisher for each line it reads, so that imports cost once.

Each line is JSON: folder, rows (see test), day, and one of kill_at (SIGKILL itself before the n-th change to the folder),
limit (bytes a file may have: a full disk) or nothing. It answers with the child's exit code (negative: signal) and message.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from publisher_made import page, records, speech, text

from crawler.errors import JianghuaError
from publisher.duplicates import relation
from publisher.release import locked, publish_records

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
CHANGES = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "shutil.rmtree"}


def state(day: int) -> dict[str, Any]:
    """The records of a day: each adds, changes and removes a little."""
    rows = [speech("a", n, text(("a", n, "new")) if n == day else None) for n in range(day, 12 + 2 * day)]
    rows += [speech("b", n, text(("a", n))) for n in range(5)]
    return records(rows, [page(speech("a", n), "gone") for n in range(day)])


def kill_at(folder: str, n: int) -> None:
    """SIGKILL this process just before its n-th change under `folder`."""
    left = n

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event not in CHANGES or folder not in str(arguments):
            return
        if event == "open" and isinstance(arguments[2], int) and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def run(job: dict[str, Any]) -> str:
    folder = Path(job["folder"])
    given = state(job["day"])
    if "limit" in job:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["limit"], job["limit"]))
    if "kill_at" in job:
        kill_at(str(folder), job["kill_at"])
    with locked(folder, job.get("wait", 60.0)):
        result = publish_records(folder, given, now=DAY + timedelta(days=job["day"]))
    return result.reason


def main() -> None:
    state(0)  # loads what folding needs, once for all children
    relation(speech("a", 1, "學習。"), speech("a", 1, "学习") | {"text_sha256": ""})
    for line in sys.stdin:
        read, write = os.pipe()
        if not (child := os.fork()):
            code, message = 3, ""
            try:
                message = run(json.loads(line))
                code = 0
            except JianghuaError as e:
                code, message = e.exit_code, str(e)
            except BaseException as e:
                message = repr(e)
            os.write(write, message.encode()[:4000])
            os._exit(code)
        os.close(write)
        message = b""
        while piece := os.read(read, 4096):
            message += piece
        os.close(read)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(json.dumps([code, message.decode()]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
