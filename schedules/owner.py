"""Who holds a lease or a run: a process that can be told apart from every other, and be known to be dead."""

from __future__ import annotations

import hashlib
import os
import socket
from functools import lru_cache
from pathlib import Path


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


@lru_cache(maxsize=1)
def _machine() -> str:
    """This boot of this machine and its process number space: containers may share a host name, a reboot reuses pids."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return hashlib.sha256(f"{_read('/proc/sys/kernel/random/boot_id')} {space}".encode()).hexdigest()[:8]


def _started(pid: int) -> str:
    """The kernel's start time of a process (clock ticks since boot); empty where it cannot be told or it is a zombie."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return "" if not fields or fields[0] in "ZX" else fields[19]


def myself() -> str:
    """The name of this process as an owner: `host:pid:start:machine`."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_started(pid)}:{_machine()}"


def surely_dead(owner: str | None) -> bool:
    """True when the owner was a process of this machine and is no more. False when nobody can tell from here."""
    host, pid, started, machine = [*(owner or "").rsplit(":", 3), "", "", "", ""][:4]
    if not started or machine != _machine() or host != socket.gethostname() or not pid.isdigit():
        return False
    return _started(int(pid)) != started


def described(owner: str | None) -> str:
    """An owner of something at work, for people: as `short`, and that its process is no more where that is sure."""
    return f"{short(owner)}, which is no more" if surely_dead(owner) else short(owner)


def short(owner: str | None) -> str:
    """An owner for people: host and process number."""
    host, pid = [*(owner or "?").split(":"), "?"][:2]
    return f"{host} (process {pid})"
