"""Tasks for the pool's tests, run in real worker processes."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def square(setup: Any) -> Callable[[int], tuple[int, int]]:
    """n → (n squared plus setup, process id)."""
    return lambda n: (n * n + (setup or 0), os.getpid())


def granted(setup: Any) -> Callable[[str], None]:
    """Adds a byte to the file `done` of a folder as soon as its file `go` is longer, so that others say and see how many were done."""

    def work(folder: str) -> None:
        go, done = (Path(folder) / name for name in ("go", "done"))
        while go.stat().st_size <= done.stat().st_size:
            time.sleep(0.001)
        with done.open("ab") as file:
            file.write(b".")

    return work


def echo(setup: Any) -> Callable[[Any], Any]:
    """A task eight times over."""
    return lambda task: task * 8


def trouble(setup: Any) -> Callable[[Any], Any]:
    """A number comes back doubled; a word makes trouble of its kind."""

    def work(task: Any) -> Any:
        match task:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "segfault":
                ctypes.string_at(0)
            case "hang":
                while True:
                    time.sleep(3600)
            case "spin":
                while True:
                    pass
            case "memory":
                return len(bytearray(4 * 1024**3))
            case "raise":
                raise ValueError("no such thing")
            case "unpicklable":
                return lambda: None
            case "exit":
                sys.exit(3)
            case "quit":
                os._exit(3)
            case ("once", path):  # ends the worker the first time only
                if not Path(path).exists():
                    Path(path).touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                return "second time"
            case ("pid", path):
                with Path(path).open("a") as f:
                    f.write(f"{os.getpid()}\n")
                time.sleep(3600)
        return task * 2

    return work


def grow(setup: Any) -> Callable[[int], int]:
    """A task that leaks memory: each takes `setup` bytes for good."""
    held: list[bytes] = []

    def work(task: int) -> int:
        held.append(b"x" * setup)
        return os.getpid()

    return work


def broken(setup: Any) -> Callable[[Any], Any]:
    """A worker that cannot be set up."""
    raise RuntimeError("the model file is missing")


def dead(setup: Any) -> Callable[[Any], Any]:
    """A worker that dies before it is set up."""
    sys.stderr.write("last words\n")
    sys.stderr.flush()
    os._exit(7)
