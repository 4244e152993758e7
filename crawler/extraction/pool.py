"""A pool of worker processes that may hang, crash or eat memory without taking anything else with them.

The standard pools do not fit: one killed worker breaks a whole concurrent.futures pool, and neither can stop a worker that
hangs. Here each worker has its own pipe and works on small batches of tasks; every answer comes back at once, so the parent
always knows which task a worker is at. A task over its time limit, or one that ends its worker twice, is given back as Lost; the
worker is replaced and everything else goes on.

A worker is a fresh interpreter started for this module, not a spawned copy: spawning would import the caller's main module
(the whole command line, Scrapy and all) into each worker. It dies with its parent, however that ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import logging
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any

from crawler.errors import JianghuaError
from crawler.loading import loading, seldom_collecting

TIME_LIMIT = 20.0  # seconds a task may take; a page takes milliseconds
MEMORY_LIMIT = 2 * 1024**3  # bytes of private memory a worker may take; the largest real pages take under 0.2 GiB
BATCH = 16  # tasks a message: a message costs as much as handing over some 30 tasks
# Bytes of a message that a worker is sent while it is at work, so that it need not wait when the parent is busy with what came back. It has read the
# message before, so that this one finds its pipe empty; a longer one might block the parent while the worker waits for it to take an answer.
ROOM = 64 * 1024
FEW = 8  # tasks that are worth a worker which is started before they are there
START_LIMIT = 120.0  # seconds for a worker to come up on a busy machine
START_TRIES = 3

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Lost:
    """What a task comes back as when it has no answer: why, for people. kind: `timeout`, `died`, `memory` or `failed`."""

    kind: str
    why: str


@dataclass(slots=True)
class _Item:
    task: Any
    tries: int = 0


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    deadline: float
    ready: bool = False
    batch: deque[_Item] = field(default_factory=deque)


def default_workers() -> int:
    """As many workers as this process may use CPUs."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool:
    """Worker processes for one kind of task; use it as a context manager, which ends them all.

    target: `module:function`; the function is called once in each worker with `setup` and gives the function that is called with
        each task. Tasks, answers and setup are pickled.
    workers: how many at most (default: the CPUs); each is started when there is work for it.
    time_limit: seconds a task; memory_limit: bytes a worker.
    """

    def __init__(
        self,
        target: str,
        setup: Any = None,
        *,
        workers: int | None = None,
        time_limit: float = TIME_LIMIT,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        self.target = target
        self.setup = setup
        self.size = max(1, workers or default_workers())
        self.time_limit = time_limit
        self.memory_limit = memory_limit
        self.restarts = 0
        self._batch = BATCH
        self._limit = time_limit
        self._sends_ahead = sys.platform == "linux"  # elsewhere a pipe may hold less
        self._workers: list[_Worker] = []
        self._failed_starts = 0
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed in close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End all workers at once. What `run` has not yet given back is dropped."""
        for w in self._workers:
            w.process.kill()
        for w in self._workers:
            w.process.wait()
            w.connection.close()
        self._workers.clear()
        self._log.close()

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers that run now."""
        return [w.process.pid for w in self._workers]

    # ------------------------------------------------------------------------------------------ parent

    def start(self, tasks: int) -> None:
        """Start workers for so many tasks that are sure to come: what they load is loaded when these do. Not one a CPU for a handful of
        tasks: a worker that starts costs as much as reading some hundred pages."""
        while len(self._workers) < min(self.size, -(-tasks // FEW)):
            self._start()

    def run(
        self, tasks: Iterable[Any], *, batch: int = BATCH, time_limit: float | None = None
    ) -> Iterator[tuple[Any, Any]]:
        """Give each task to a worker; yield (task, answer or Lost) for every one, as they come back.

        `tasks` is taken as workers become free: at most one and a half times `batch` a worker are under way. time_limit: seconds a task,
        of this run alone. Ends when every task came back; the workers stay for the next run. One run at a time.
        Raises JianghuaError when workers do not start at all.
        """
        self._batch = batch
        self._limit = self.time_limit if time_limit is None else time_limit
        source = iter(tasks)
        more = True
        again: deque[_Item] = deque()  # tasks whose worker died
        while True:
            for worker in self._idle():
                items, more = self._next(source, again, more)
                if not items:
                    break
                self._send(worker, items, again)
            while len(self._workers) < self.size and (more or again):
                items, more = self._next(source, again, more)
                if not items:
                    break
                self._start().batch.extend(items)
            more = self._send_ahead(source, again, more)
            busy = [w for w in self._workers if w.batch or not w.ready]
            if not any(w.batch for w in busy):
                if not more and not again:
                    return
                if not busy:
                    continue
            before = time.monotonic()
            left = max(0.0, min(w.deadline for w in busy) - before)
            ready = set(wait([w.connection for w in busy], left))
            if (asleep := time.monotonic() - before - left) > 1.0:  # we were stopped (Ctrl-Z), and the workers with us
                for worker in busy:
                    worker.deadline += asleep
            for worker in busy:
                if worker.connection in ready:
                    yield from self._receive(worker, again)
            now = time.monotonic()
            for worker in [w for w in busy if w in self._workers and w.deadline <= now]:
                if not worker.connection.poll(0):
                    yield from self._overdue(worker, again)

    def _next(self, source: Iterator[Any], again: deque[_Item], more: bool) -> tuple[list[_Item], bool]:
        """The next batch and whether the source may have more. A task that ended a worker goes alone."""
        if again:
            if again[0].tries:
                return [again.popleft()], more
            batch: list[_Item] = []
            while again and not again[0].tries and len(batch) < self._batch:
                batch.append(again.popleft())
            return batch, more
        batch = []
        while more and len(batch) < self._batch:
            try:
                batch.append(_Item(next(source)))
            except StopIteration:
                more = False
        return batch, more

    def _send_ahead(self, source: Iterator[Any], again: deque[_Item], more: bool) -> bool:
        """Send the next tasks to workers that are half through with theirs; whether the source may have more. What ended a worker waits for an
        idle one."""
        for worker in self._workers:
            if not self._sends_ahead or not more or again:
                break
            if worker.ready and 0 < len(worker.batch) <= self._batch // 2:
                items, more = self._next(source, again, more)
                message = pickle.dumps([i.task for i in items])
                if not items:
                    break
                if len(message) > ROOM:
                    again.extend(items)
                    self._sends_ahead = False
                    break
                try:
                    worker.connection.send_bytes(message)
                except OSError:  # it died: what it was at is seen when its pipe is looked at
                    again.extend(items)
                    break
                worker.batch.extend(items)
        return more

    def _idle(self) -> list[_Worker]:
        return [w for w in self._workers if w.ready and not w.batch]

    def _start(self) -> _Worker:
        ours, theirs = Pipe()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-c", f"from {__name__} import serve; serve({theirs.fileno()}, {os.getpid()})"],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p or os.curdir for p in sys.path)},
            )
        worker = _Worker(process, ours, time.monotonic() + START_LIMIT)
        self._workers.append(worker)
        with contextlib.suppress(OSError):  # one that died at once is met by the next wait
            ours.send((self.target, self.setup, self.memory_limit))
        return worker

    def _send(self, worker: _Worker, batch: list[_Item], again: deque[_Item]) -> None:
        try:  # the worker is waiting for this, so a full pipe cannot block both sides
            worker.connection.send([i.task for i in batch])
        except OSError:  # it died while idle: no task's fault
            again.extendleft(reversed(batch))
            self._end(worker)
            return
        worker.batch.extend(batch)
        worker.deadline = time.monotonic() + self._limit

    def _receive(self, worker: _Worker, again: deque[_Item]) -> Iterator[tuple[Any, Any]]:
        while True:
            try:
                kind, value, leaving = worker.connection.recv()
            except (EOFError, OSError):
                yield from self._died(worker, again)
                return
            if kind == "ready":
                worker.ready = True
                self._failed_starts = 0
                batch = list(worker.batch)
                worker.batch.clear()
                if batch:
                    self._send(worker, batch, again)
            elif kind == "broken":
                raise JianghuaError("the extraction workers do not start", where=self.target, remedy=str(value))
            else:
                worker.deadline = time.monotonic() + self._limit
                item = worker.batch.popleft()
                if leaving:
                    again.extendleft(reversed(worker.batch))
                    worker.batch.clear()
                    self._end(worker)
                if kind == "memory":
                    # not surely this task's fault: the worker may have grown before; alone in another one it gets its chance
                    yield from self._blame(
                        item, Lost("memory", f"its reading needs more memory than {self._memory()}"), again
                    )
                else:
                    yield item.task, value
            if worker not in self._workers or not worker.connection.poll(0):
                return

    def _memory(self) -> str:
        return f"{self.memory_limit / 1024**2:.0f} MiB"

    @staticmethod
    def _blame(item: _Item, lost: Lost, again: deque[_Item]) -> Iterator[tuple[Any, Any]]:
        item.tries += 1
        if item.tries > 1:
            yield item.task, lost
        else:
            again.append(item)

    def _died(self, worker: _Worker, again: deque[_Item]) -> Iterator[tuple[Any, Any]]:
        """A worker's pipe is closed: replace it; the task it was at gets one more try, those behind it start anew."""
        batch = list(worker.batch)
        with contextlib.suppress(subprocess.TimeoutExpired):  # its pipe closes a moment before it is gone
            worker.process.wait(2)
        code = self._end(worker)
        if not worker.ready:
            self._failed_starts += 1
            again.extendleft(reversed(batch))
            if self._failed_starts >= START_TRIES:
                raise JianghuaError(
                    f"the extraction workers do not start (exit code {code})",
                    where=self.target,
                    remedy=self._last_words() or "check the memory of this machine",
                )
        elif batch:
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            again.extendleft(reversed(batch[1:]))
            yield from self._blame(batch[0], Lost("died", f"its reading ended the worker twice ({how})"), again)

    def _overdue(self, worker: _Worker, again: deque[_Item]) -> Iterator[tuple[Any, Any]]:
        batch = list(worker.batch)
        self._end(worker)
        if not worker.ready:
            raise JianghuaError(
                f"an extraction worker did not start within {START_LIMIT:.0f} s",
                where=self.target,
                remedy=self._last_words() or "check the load of this machine",
            )
        if batch:
            again.extendleft(reversed(batch[1:]))
            yield batch[0].task, Lost("timeout", f"its reading took longer than {self._limit:g} s")

    def _end(self, worker: _Worker) -> int:
        self._workers.remove(worker)
        self.restarts += 1
        worker.process.kill()
        code = worker.process.wait()
        worker.connection.close()
        return code

    def _last_words(self) -> str:
        self._log.seek(0)
        return self._log.read()[-2000:].decode("utf-8", "replace").strip()


# ---------------------------------------------------------------------------------------------- worker


def serve(fd: int, parent: int) -> None:
    """The life of a worker: called in its own process with the file descriptor of its pipe and its parent's process id."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us
    _die_with(parent)
    connection = Connection(fd)
    with contextlib.suppress(EOFError, OSError):  # the parent went away
        target, setup, memory_limit = connection.recv()
        logging.disable(logging.ERROR)  # warnings of libraries about single pages; nobody would read them
        try:
            # RLIMIT_DATA and not RLIMIT_AS: mapped libraries and reserved, unused address space are no memory
            resource.setrlimit(resource.RLIMIT_DATA, (memory_limit, memory_limit))
            module, _, name = target.partition(":")
            with loading():
                work: Callable[[Any], Any] = getattr(importlib.import_module(module), name)(setup)
        except Exception:
            connection.send(("broken", traceback.format_exc(limit=-3), True))
            return
        with seldom_collecting():
            _work(connection, work, memory_limit)


def _work(connection: Connection, work: Callable[[Any], Any], memory_limit: int) -> None:
    connection.send(("ready", None, False))
    while True:
        tasks = connection.recv()
        for n, task in enumerate(tasks, 1):
            # grown by leaks or one huge page: make way for a fresh worker before the limit hits an innocent task
            if not _answer(connection, work, task, n == len(tasks) and _peak() > memory_limit // 2):
                os._exit(0)


def _answer(connection: Connection, work: Callable[[Any], Any], task: Any, leaving: bool) -> bool:
    """Send the answer to a task; False when this worker must end."""
    try:
        message = pickle.dumps(("done", work(task), leaving))
    except MemoryError:
        message, leaving = pickle.dumps(("memory", None, True)), True
    except (Exception, SystemExit) as e:
        message = pickle.dumps(("done", Lost("failed", _explain(e)), leaving))
    connection.send_bytes(message)
    return not leaving


def _explain(e: BaseException) -> str:
    """An exception in one line: its type, its message and where it was raised."""
    frames = traceback.extract_tb(e.__traceback__)
    at = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""  # noqa: PTH119
    return f"its reading failed: {type(e).__name__}: {e}"[:300] + at


def _peak() -> int:
    """The largest resident size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _die_with(parent: int) -> None:
    """Be killed when the parent ends (Linux; elsewhere the closed pipe ends an idle worker)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
