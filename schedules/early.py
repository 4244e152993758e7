"""`jianghua up` is told to end before it has begun: exit code 0, and at once.

From here to its first page it takes seconds: modules are loaded, an older ledger is migrated, a database may not answer. Nothing has
begun that would have to be ended, and every one of these may be killed at any moment; so a signal (SIGTERM, Ctrl-C) ends the process as if it had
never been started. The first module that the command loads brings this one, and `hand_over` ends it when the service has handlers of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from types import FrameType, TracebackType

SIGNALS = (signal.SIGTERM, signal.SIGINT)
PATIENCE = 3.0  # seconds for what is under way (a call into a database) to come back and be told

_watching = False
_asked = False
_ended = threading.Event()


class Stopped(SystemExit):
    """Asked to end before anything had begun."""


def begin() -> None:
    """End this process with exit code 0 when a signal asks for it. In the main thread alone."""
    global _watching
    _watching = True
    read, write = os.pipe()
    os.set_blocking(write, False)
    # A handler of Python's runs between two of its instructions, which a call that waits for a locked ledger does not reach; the
    # byte in the pipe comes at once.
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, _on_signal)
    # a library that is being loaded may make an error of its own of what the handler raises (pydantic does, of a class that it builds)
    sys.excepthook = _told
    atexit.register(_at_exit)
    threading.Thread(target=_watch, args=(read,), name="early signals", daemon=True).start()


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not (_asked and _watching):
        sys.__excepthook__(kind, error, trace)


def _at_exit() -> None:
    if _asked and _watching:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)


def hand_over() -> None:
    """The service has handlers of its own. Raises Stopped when a signal came before, and what it raised was lost on its way."""
    global _watching
    if not _watching:
        return
    if _asked:
        raise Stopped(0)
    _watching = False
    signal.set_wakeup_fd(-1)
    _ended.set()


def _on_signal(number: int, _frame: FrameType | None) -> None:
    global _asked
    if not _watching:  # the service has ended, and only cleans up
        os._exit(0)
    _asked = True
    raise Stopped(0)


def _watch(read: int) -> None:
    while os.read(read, 64):
        if not _ended.wait(PATIENCE):
            os._exit(0)


if sys.argv[1:2] == ["up"]:
    begin()
