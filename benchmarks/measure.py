"""Run a command and measure it: wall time, CPU time, and peak memory of each process that it starts."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Process:
    """One process: pid, a short name, the largest resident set it had in MiB, CPU seconds it had used when last seen."""

    pid: int
    name: str
    peak_mib: float
    cpu: float = 0.0


@dataclass(slots=True)
class Measured:
    """seconds: wall time; cpu: user and system time of all processes; code: exit code."""

    seconds: float
    cpu: float
    code: int
    processes: list[Process] = field(default_factory=list)
    peak_total_mib: float = 0.0  # the largest sum over all processes at one moment


def _children(root: int) -> list[int]:
    """root and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parent = int(stat[stat.rindex(")") + 2 :].split()[1])
            parents.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += parents.get(pid, [])
    return found


def _memory(pid: int) -> tuple[float, float] | None:
    """Peak and present resident set in MiB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    values = {k: v for k, _, v in (line.partition(":") for line in lines)}
    if "VmHWM" not in values:
        return None
    return int(values["VmHWM"].split()[0]) / 1024, int(values["VmRSS"].split()[0]) / 1024


def _cpu(pid: int) -> float:
    """CPU seconds that a process has used so far."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = stat[stat.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _name(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return "?"
    words = [Path(w).name if "/" in w else w for w in words if w]
    return " ".join(w for w in words[:7] if not w.startswith("http"))[:70] or "?"


def run(
    argv: list[str], cwd: Path | None = None, env: dict[str, str] | None = None, log: Path | None = None
) -> Measured:
    """Run a command to its end. Its output goes to `log` (nowhere when None)."""
    seen: dict[int, Process] = {}
    total = 0.0
    over = threading.Event()

    def watch(root: int) -> None:
        nonlocal total
        while not over.wait(0.1):
            now = 0.0
            for pid in _children(root):
                memory = _memory(pid)
                if memory is None:
                    continue
                now += memory[1]
                if pid in seen:
                    seen[pid].peak_mib = max(seen[pid].peak_mib, memory[0])
                    if seen[pid].name == "?" or time.monotonic() - began < 2:
                        seen[pid].name = _name(pid)
                else:
                    seen[pid] = Process(pid, _name(pid), memory[0])
                seen[pid].cpu = max(seen[pid].cpu, _cpu(pid))
            total = max(total, now)

    out = log.open("wb") if log else subprocess.DEVNULL
    before = os.times()
    began = time.monotonic()
    try:
        child = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        thread = threading.Thread(target=watch, args=(child.pid,), daemon=True)
        thread.start()
        code = child.wait()
        seconds = time.monotonic() - began
    finally:
        over.set()
        if not isinstance(out, int):
            out.close()
    thread.join()
    after = os.times()
    waited = (after.children_user + after.children_system) - (before.children_user + before.children_system)
    # a worker that was killed is missing in what the system counts, a short one in what was seen
    cpu = max(waited, sum(p.cpu for p in seen.values()))
    return Measured(seconds, cpu, code, sorted(seen.values(), key=lambda p: -p.peak_mib), total)
