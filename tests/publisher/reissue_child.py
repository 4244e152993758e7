"""A process that re-issues and kills itself: forks for each line it reads (JSON: folder, kill_at or none), so that imports cost once.

It answers with the child's exit code (negative: signal) and how many changes to the folder it made.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.publisher.test_reissue import BY_ID, run

CHANGES = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "shutil.rmtree"}


def count(folder: str, kill_at: int | None) -> list[int]:
    """Count the changes to a folder from now on, and SIGKILL this process just before the n-th."""
    made = [0]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CHANGES or folder not in str(arguments):
            return
        if event == "open" and isinstance(arguments[2], int) and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        if made[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        made[0] += 1

    sys.addaudithook(hook)
    return made


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        read, write = os.pipe()
        if not (child := os.fork()):
            code, made = 1, [0]
            try:
                made = count(job["folder"], job.get("kill_at"))
                run(Path(job["folder"]), BY_ID)
                code = 0
            finally:
                os.write(write, str(made[0]).encode())
                os._exit(code)
        os.close(write)
        told = os.read(read, 100)
        os.close(read)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(json.dumps([code, int(told or b"0")]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
