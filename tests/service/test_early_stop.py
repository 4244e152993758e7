"""A service that is told to end before its pages are up ends well, at whatever moment; one that is killed there leaves nothing in the way."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crawler.home import Home
from schedules.ledger import Ledger
from tests.schedules.house import until
from tests.schedules.test_revisions import make_old
from tests.service.server import Up

Start = Callable[..., Up]
REAL = True  # how it begins and ends is what this is about


def catches(up: Up) -> bool:
    """Whether the process has a handler for SIGTERM."""
    found = re.search(r"^SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{up.process.pid}/status").read_text(), re.M)
    return found is not None and bool(int(found[1], 16) >> (signal.SIGTERM - 1) & 1)


def loaded(up: Up, library: str) -> bool:
    """Whether it has loaded a library."""
    return library in Path(f"/proc/{up.process.pid}/maps").read_text()


def ends_well(up: Up, number: signal.Signals) -> None:
    up.process.send_signal(number)
    assert up.process.wait(60) == 0, up.log
    assert "Traceback" not in up.log
    assert "Aborted" not in up.log


MOMENTS: dict[str, Callable[[Up], bool]] = {
    "python has begun": lambda up: True,
    "modules are loaded": lambda up: loaded(up, "pydantic_core"),
    "the lock is held": lambda up: (up.home.var / "service.lock").exists(),
    "the ledger is made": lambda up: up.home.ledger.exists(),
    "the address is written": lambda up: '"url"' in (up.home.var / "service.lock").read_text(),
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", MOMENTS)
def test_it_ends_well_at_any_early_moment(bare: Home, ups: Start, moment: str, number: signal.Signals) -> None:
    up = ups(bare)
    until(lambda: catches(up) and _true(MOMENTS[moment], up), 100, 0.005)
    ends_well(up, number)
    assert bare.var.exists() or moment in ("python has begun", "modules are loaded")


def _true(holds: Callable[[Up], bool], up: Up) -> bool:
    try:
        return holds(up)
    except FileNotFoundError:
        return False


def used(up: Up) -> float:
    """Seconds of CPU time that the process has used."""
    fields = Path(f"/proc/{up.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_it_ends_well_however_far_it_has_come(bare: Home, ups: Start) -> None:
    """From the first handler to the first pages, a little further each time; the last one has told its address."""
    for step in range(60):
        up = ups(bare)
        until(lambda up=up: catches(up), 100, 0.005)  # type: ignore[misc]
        work = used(up) + 0.2 * step
        until(lambda up=up, work=work: used(up) >= work or "Jianghua is at" in up.log, 100, 0.005)  # type: ignore[misc]
        ends_well(up, signal.SIGTERM)
        if "Jianghua is at" in up.log:
            return
    pytest.fail("it was never up")


@pytest.mark.parametrize("then", ["raise ValueError('cannot be built') from e", "sys.exit(1)", "pass"])
def test_it_ends_well_when_what_is_being_loaded_makes_something_else_of_it(then: str) -> None:
    code = f"""
import os, signal, sys, time
sys.argv = ["jianghua", "up"]
from schedules import early
import typer
try:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)
except SystemExit as e:
    {then}
app = typer.Typer()
app.command()(early.hand_over)
app([])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_other_errors_are_told_as_ever() -> None:
    code = "import sys; sys.argv = ['jianghua', 'up']; from schedules import early; import typer; raise ValueError('of ours')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "ValueError: of ours" in done.stderr


@pytest.fixture
def held_up(bare: Home) -> Iterator[Home]:
    """A home whose ledger somebody else is writing into for a long time."""
    make_old(f"sqlite:///{bare.ledger}", "0003")
    with closing(sqlite3.connect(bare.ledger, isolation_level=None)) as c:
        c.execute("PRAGMA journal_mode = WAL")
        c.execute("BEGIN IMMEDIATE")
        yield bare


def test_it_ends_though_the_ledger_does_not_answer(held_up: Home, ups: Start) -> None:
    """A call that waits for the lock comes back after a minute, and no handler of Python's runs before."""
    up = ups(held_up)
    until(lambda: f"{held_up.ledger}-wal" in _open_files(up), 100)  # it has looked, and waits for the lock to migrate
    time.sleep(1.0)
    began = time.monotonic()
    ends_well(up, signal.SIGTERM)
    assert time.monotonic() - began < 30


def _open_files(up: Up) -> set[str]:
    found = set()
    for path in Path(f"/proc/{up.process.pid}/fd").iterdir():
        try:
            found.add(str(path.readlink()))
        except OSError:
            continue
    return found


def test_an_older_ledger_is_whole_when_its_migration_is_broken_off(bare: Home, ups: Start) -> None:
    make_old(f"sqlite:///{bare.ledger}", "0001")
    up = ups(bare)
    up.until("tables change")
    ends_well(up, signal.SIGTERM)
    ledger = Ledger(f"sqlite:///{bare.ledger}")
    assert ledger.runs()
    ledger.close()
