"""A step runs in a process of its own that must not outlive the process that started it, however that one ended.

The parent keeps the write end of a pipe and never writes; the step watches the read end in a thread. When the parent is
gone, even by kill -9, the kernel closes the pipe, and the step kills its whole process group at once: itself and the
workers it started. Every step may be killed at any moment, so nothing is lost, and no second crawl of a site can
meet a first one that was left behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

PIPE = "JIANGHUA_PARENT_PIPE"
FENCE = "JIANGHUA_FENCE"  # what a step has to hold to publish, see schedules/fence.py


def die_with_parent() -> None:
    """In a step: end this process group when the process that started it ends. Does nothing when run by hand."""
    text = os.environ.pop(PIPE, None)
    if text is None or not text.isdigit():
        return
    fd = int(text)
    try:
        os.set_inheritable(fd, False)
    except OSError:
        return

    def watch() -> None:
        while True:
            try:
                if not os.read(fd, 1):
                    break
            except InterruptedError:
                continue
            except OSError:
                break
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


class Child:
    """A step's process, in a process group of its own. stdout and stderr: files, or None to inherit."""

    def __init__(
        self, argv: Sequence[str], *, stdout: IO[bytes], stderr: IO[bytes] | None, env: dict[str, str]
    ) -> None:
        read, self._write = os.pipe()
        try:
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**env, PIPE: str(read)},
                pass_fds=(read,),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._write)
            raise
        finally:
            os.close(read)
        self.pid = self._process.pid

    def wait(self, seconds: float) -> int | None:
        """The exit code (negative: the signal that ended it), or None when it still runs after `seconds`."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._signal(signal.SIGKILL)  # workers that it left behind
        if self._write >= 0:
            os.close(self._write)
            self._write = -1
        return code

    def stop(self, grace: Callable[[], float]) -> int:
        """Ask the step to end, and end it when it has not after `grace` seconds (asked again and again); its exit code."""
        self._signal(signal.SIGTERM, group=False)  # the step ends its own workers in its own order
        began = time.monotonic()
        while (code := self.wait(0.1)) is None:
            if time.monotonic() - began >= grace():
                self._signal(signal.SIGKILL)
        return code

    def _signal(self, number: int, *, group: bool = True) -> None:
        try:
            if group:
                os.killpg(self.pid, number)
            else:
                self._process.send_signal(number)
        except (ProcessLookupError, PermissionError):
            pass


def package_path(env: dict[str, str]) -> dict[str, str]:
    """The environment with which a child finds the same Jianghua as this process, wherever it is started."""
    root = str(Path(__file__).parent.parent)
    known = env.get("PYTHONPATH", "").split(os.pathsep) if env.get("PYTHONPATH") else []
    if root.endswith("-packages") or root in known:
        return env
    return env | {"PYTHONPATH": os.pathsep.join([root, *known])}
