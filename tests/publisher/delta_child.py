"""A process that forks one child for each line it reads: FOLDER, tab, NUMBER; the child brings the Delta logs of the dataset up to
date and is killed before its change of that number under the folder. Answers with the child's exit code (negative: signal).

Apart from the tests because deltalake's threads do not outlive a fork: here none has been started before it.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import deltalake.transaction  # noqa: F401  # once for all children

from publisher import delta
from publisher.versions import read_latest

CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.utime", "shutil.rmtree"}


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


def main() -> None:
    for line in sys.stdin:
        folder, number = line.rstrip("\n").split("\t")
        if not (child := os.fork()):
            try:
                kill_at(folder, int(number))
                latest = read_latest(Path(folder))
                assert latest
                delta.project(Path(folder), latest)
            except BaseException as e:
                sys.stderr.write(f"{e!r}\n")
                sys.stderr.flush()
                os._exit(3)
            os._exit(0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
