"""A process that forks, as it is, for each process of the command that others would start anew: what it has loaded is loaded once.

Who uses it holds an end of a socket. A message names what is to run; with it go the files that it gets, and one over which first its process
id and then its exit code are told. A nursery ends when nobody holds such an end any more. It must be begun while there is a single thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import random
import re
import resource
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOM = 1 << 20  # bytes of a message: arguments and environment
MOST_FILES = 16  # of a message
COMMAND = ["-P", "-m", "schedules.cli"]
WORKER = re.compile(r"from crawler\.extraction\.pool import serve; serve\((\d+), \d+\)")
PR_SET_PDEATHSIG = 1


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
    def begin(cls, run: Callable[[list[str], socket.socket], None], *, dies: bool = False) -> Nursery:
        """Fork a nursery off this process. run: called in each of its forks with the command line behind the interpreter and an end to ask
        it by. dies: it is killed when this process ends, and does not wait until its forks have closed their ends."""
        asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (asking, asked):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        parent = os.getpid()
        if os.fork():
            asked.close()
            return cls(asking)
        asking.close()
        if dies:
            die_with(parent)
        with Path(os.devnull).open("r+b", buffering=0) as nothing:
            for fd in (0, 1):  # what they were is read to its end by somebody
                os.dup2(nothing.fileno(), fd)
        found = _serve(asked)
        if found is None:
            os._exit(0)
        job, files = found
        asking, args = _become(job, files)
        run(args, asking)
        sys.exit()

    def popen(self, args: Sequence[str], **how: Any) -> Forked | subprocess.Popen[bytes]:
        """As subprocess.Popen; forked are processes of the command and the workers that read pages."""
        words = list(args)
        if words[0] == sys.executable and (words[1:4] == COMMAND or (words[1] == "-c" and WORKER.fullmatch(words[2]))):
            return Forked(self, words, **how)
        return subprocess.Popen(words, **how)

    def subprocess(self) -> Any:
        """What a module is given for the module subprocess."""
        return SimpleNamespace(**{**vars(subprocess), "Popen": self.popen})


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
    """What subprocess.Popen is for a process that a nursery forked."""

    def __init__(
        self,
        nursery: Nursery,
        args: list[str],
        *,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        env: Mapping[str, str],
        pass_fds: Sequence[int] = (),
        start_new_session: bool = False,
    ) -> None:
        self.args = args
        self.returncode: int | None = None
        job = {
            "args": args,
            "env": dict(env),
            "files": list(pass_fds),
            "session": start_new_session,
            "folder": str(Path.cwd()),
            "limit": resource.getrlimit(resource.RLIMIT_FSIZE),
        }
        self._told, theirs = socket.socketpair()
        with contextlib.ExitStack() as stack:
            stack.enter_context(theirs)
            nothing = stack.enter_context(Path(os.devnull).open("r+b", buffering=0))
            own = [
                n if given is None else nothing.fileno() if given == subprocess.DEVNULL else given.fileno()
                for n, given in enumerate((stdin, stdout, stderr))
            ]
            files = [theirs.fileno(), nursery.asking.fileno(), *own, *pass_fds]
            socket.send_fds(nursery.asking, [json.dumps(job).encode()], files)
        self.pid = self._line()

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
