"""A process that forks, as it is, for each process of the command that others would start anew: what it has loaded is loaded once.

Who uses it holds an end of a socket. A message names what is to run; with it go the files that it gets, and one over which first its process
id and then its exit code are told. A nursery ends when nobody holds such an end any more. It must be begun while there is a single thread.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import fcntl
import gc
import json
import os
import random
import resource
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOM = 1 << 20  # bytes of a message: arguments and environment
MOST_FILES = 16  # of a message
PR_SET_PDEATHSIG = 1
Run = Callable[[list[str], "Nursery"], None]


def have_environment(new: Mapping[str, str]) -> None:
    """Have that environment, as if begun in it; and numbers by chance that no other fork has."""
    os.environ.clear()
    os.environ.update(new)
    time.tzset()
    random.seed()


@dataclass(frozen=True, slots=True)
class Nursery:
    """The end of the socket over which a nursery is asked."""

    asking: socket.socket

    @classmethod
    def start(cls, argv: Sequence[str], env: Mapping[str, str]) -> Nursery:
        """Start one as a process of its own: a command that is given the number of the file to `serve` as its last word."""
        asking, asked = _ends()
        with asked:
            subprocess.Popen([*argv, str(asked.fileno())], env=env, pass_fds=[asked.fileno()], stdin=subprocess.DEVNULL)
        return cls(asking)

    @classmethod
    def begin(cls, run: Run, *, dies: bool = False) -> Nursery:
        """Fork one off this process. run: see `serve`. dies: it is killed when this process ends, and does not wait until its forks have
        closed their ends."""
        asking, asked = _ends()
        parent = os.getpid()
        if os.fork():
            asked.close()
            return cls(asking)
        asking.close()
        if dies:
            die_with(parent)
        serve(asked, run)
        sys.exit()

    def popen(self, args: Sequence[str], **how: Any) -> Forked | subprocess.Popen[Any]:
        """As subprocess.Popen, where Python is to be started forked."""
        words = list(args)
        return Forked(self, words, **how) if words[0] == sys.executable else subprocess.Popen(words, **how)

    def subprocess(self) -> Any:
        """What a module is given for the module subprocess."""
        return SimpleNamespace(**{**vars(subprocess), "Popen": self.popen})


def _ends() -> tuple[socket.socket, socket.socket]:
    asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (asking, asked):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
    return asking, asked


def serve(asked: socket.socket, run: Run) -> None:
    """Be a nursery until nobody can ask any more. run: called in each of its forks with the command line behind the interpreter and the
    nursery to ask in its turn; a fork ends with it."""
    with Path(os.devnull).open("r+b", buffering=0) as nothing:
        for fd in (0, 1):  # what they were is read to its end by somebody
            os.dup2(nothing.fileno(), fd)
    if (found := _serve(asked)) is not None:
        asking, args = _become(*found)
        code: Any = None
        try:
            run(args, Nursery(asking))
        except SystemExit as e:
            code = e.code
        _end(code)


def _end(code: Any) -> None:
    """End as Python does, without taking apart what was loaded: that would copy all of it."""
    vars(threading)["_shutdown"]()
    vars(atexit)["_run_exitfuncs"]()
    sys.modules.pop("__main__", None)
    gc.collect()  # what the process itself has made ends, such as databases that are open
    for file in (sys.stdout, sys.stderr):
        file.flush()
    if code is None or isinstance(code, int):
        os._exit((code or 0) & 0xFF)
    sys.exit(code)


def die_with(parent: int) -> None:
    """Be killed when the parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _serve(asked: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Fork for each message until nobody can ask any more: then None. In a fork, what it is to do and its files."""
    running: dict[int, tuple[int, socket.socket]] = {}  # by the file that tells of its end: process id, who is told
    with selectors.DefaultSelector() as ready:
        ready.register(asked, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is not asked:
                    ready.unregister(key.fileobj)
                    pid, told = running.pop(key.fd)
                    os.close(key.fd)
                    _tell(told, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                    told.close()
                    continue
                message, files, *_ = socket.recv_fds(asked, ROOM, MOST_FILES)
                if not message:
                    return None
                told = socket.socket(fileno=files[0])
                if not (pid := os.fork()):
                    for fd, (_, other) in running.items():
                        os.close(fd)
                        other.close()
                    told.close()
                    asked.close()
                    return json.loads(message), files[1:]
                for fd in files[1:]:
                    os.close(fd)
                _tell(told, pid)
                pidfd = os.pidfd_open(pid)
                running[pidfd] = pid, told
                ready.register(pidfd, selectors.EVENT_READ)


def _tell(told: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # who asked is gone
        told.sendall(f"{number}\n".encode())


def _become(job: dict[str, Any], files: list[int]) -> tuple[socket.socket, list[str]]:
    """Make this process what the job says, with the files under their numbers; the end to ask by, and the command line."""
    if job["session"]:
        os.setsid()
    numbers = [0, 1, 2, *job["files"]]
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, max(numbers) + 1) for fd in files]  # out of the way of these numbers
    for fd in files:
        os.close(fd)
    for fd, number in zip(high[1:], numbers, strict=True):
        os.dup2(fd, number)
        os.close(fd)
    have_environment(job["env"])
    os.chdir(job["folder"])
    resource.setrlimit(resource.RLIMIT_FSIZE, job["limit"])
    return socket.socket(fileno=high[0]), job["args"][1:]


class Forked:
    """What subprocess.Popen is, for a process that a nursery forked. limit: bytes that a file of it may have."""

    def __init__(
        self,
        nursery: Nursery,
        args: list[str],
        *,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
        start_new_session: bool = False,
        text: bool = False,
        limit: int | None = None,
    ) -> None:
        self.args = args
        self.returncode: int | None = None
        self.stdin: Any = None
        self.stdout: Any = None
        self.stderr: Any = None
        job = {
            "args": args,
            "env": dict(os.environ if env is None else env),
            "files": list(pass_fds),
            "session": start_new_session,
            "folder": str(cwd or Path.cwd()),
            "limit": [limit, limit] if limit else resource.getrlimit(resource.RLIMIT_FSIZE),
        }
        self._told, theirs = socket.socketpair()
        with contextlib.ExitStack() as stack:
            stack.enter_context(theirs)
            files: list[int] = []
            for n, (name, given) in enumerate({"stdin": stdin, "stdout": stdout, "stderr": stderr}.items()):
                if given == subprocess.PIPE:
                    read, write = os.pipe()
                    own, his, mode = (write, read, "w") if name == "stdin" else (read, write, "r")
                    setattr(self, name, os.fdopen(own, mode if text else mode + "b"))
                    stack.callback(os.close, his)
                    files.append(his)
                elif given == subprocess.DEVNULL:
                    files.append(stack.enter_context(Path(os.devnull).open("r+b", buffering=0)).fileno())
                elif given == subprocess.STDOUT:
                    files.append(files[1])
                else:
                    files.append(n if given is None else given if isinstance(given, int) else given.fileno())
            files = [theirs.fileno(), nursery.asking.fileno(), *files, *pass_fds]
            socket.send_fds(nursery.asking, [json.dumps(job).encode()], files)
        self.pid = self._line()
        if self.pid < 0:  # a signal to that number would go to a group of others
            raise ChildProcessError("the nursery has ended")

    def _line(self) -> int:
        """The next number that is told. Of a nursery that was killed no more is, and its forks are killed with it."""
        line = b""
        while not line.endswith(b"\n"):
            if not (piece := self._told.recv(1)):
                return -signal.SIGKILL
            line += piece
        return int(line)

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            self.returncode = self._line()
            self._told.close()
        return self.returncode

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def communicate(self, timeout: float | None = None) -> tuple[Any, Any]:
        """All that it writes, when it has ended."""
        end = None if timeout is None else time.monotonic() + timeout
        if self.stdin is not None:
            self.stdin.close()
        found = {f: b"" for f in (self.stdout, self.stderr) if f is not None}
        with selectors.DefaultSelector() as ready:
            for file in found:
                ready.register(file, selectors.EVENT_READ)
            while ready.get_map():
                if not (some := ready.select(None if end is None else max(0.0, end - time.monotonic()))):
                    raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
                for key, _ in some:
                    piece = os.read(key.fd, 65536)
                    found[key.fileobj] += piece
                    if not piece:
                        ready.unregister(key.fileobj)
        self.wait(None if end is None else max(0.0, end - time.monotonic()))
        said = [self._decoded(f, found[f]) if f is not None else None for f in (self.stdout, self.stderr)]
        for file in found:
            file.close()
        return said[0], said[1]

    @staticmethod
    def _decoded(file: Any, data: bytes) -> str | bytes:
        return data.decode(file.encoding) if hasattr(file, "encoding") else data

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self.stdin, self.stdout, self.stderr):
            if file is not None:
                file.close()
        self.wait()
