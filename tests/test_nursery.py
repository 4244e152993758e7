"""What a nursery forks is, to those who start and end it, a process like one that was started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.children import environment
from tests.schedules.house import alive, until

# A nursery whose forks do what their last word says, and one who asks it.
ASKS = """
import os, resource, signal, sqlalchemy, subprocess, sys, time
from tests.nursery import Nursery, die_with

COMMAND = ["-P", "-m", "schedules.cli"]

def run(args, nursery):
    assert args[:3] == COMMAND
    word = args[3]
    if word == "tell":
        assert "OF_ANOTHER" not in os.environ and os.environ["OWN"] == "x"
        assert os.getsid(0) == os.getpid() and sys.stdin.read() == ""
        assert os.getcwd() == "/" and resource.getrlimit(resource.RLIMIT_FSIZE) == (1000, 1000)
        print(os.read(int(args[4]), 9).decode(), flush=True)
        os.write(2, b"told\\n")
        sys.exit(3)
    if word == "sleep":
        time.sleep(100)
    if word == "database":
        engine = sqlalchemy.create_engine(f"sqlite:///{args[4]}")
        with engine.begin() as c:
            c.exec_driver_sql("PRAGMA journal_mode=wal")
            c.exec_driver_sql("CREATE TABLE t (x)")
    if word == "parent":
        if "dies" in sys.argv:
            die_with(os.getppid())
        print(os.getppid(), flush=True)
        time.sleep(100)
    if word == "grandchild":
        child = start("sleep", by=nursery)
        print(child.pid, flush=True)
        child.wait()

def start(*words, by, **how):
    how = {"stdin": subprocess.DEVNULL, "stdout": None, "stderr": None, "env": {"OWN": "x"}, **how}
    return by.popen([sys.executable, *COMMAND, *words], **how)

os.environ["OF_ANOTHER"] = "x"
nursery = Nursery.begin(run, dies="dies" in sys.argv)
"""


def said(code: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ASKS + code, *words], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_its_files_environment_folder_limit_session_and_exit_code_are_those_it_was_given() -> None:
    code = """
import tempfile
os.chdir("/")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
read, write = os.pipe()
os.dup2(read, 40)
os.write(write, b"hello")
with tempfile.TemporaryFile() as err:
    child = start("tell", "40", by=nursery, stderr=err, pass_fds=(40,), start_new_session=True)
    assert child.wait(30) == 3 == child.poll() == child.returncode
    err.seek(0)
    assert err.read() == b"told\\n"
"""
    assert said(code) == "hello\n"


def test_it_is_waited_for_and_ended() -> None:
    code = """
children = [start("sleep", by=nursery) for _ in range(3)]
for child, how in zip(children, ("kill", "terminate", "kill")):
    assert child.poll() is None
    try:
        child.wait(0.1)
    except subprocess.TimeoutExpired:
        getattr(child, how)()
    print(child.wait(30))
    child.kill()  # of one that has ended nothing comes
"""
    assert said(code).split() == [f"{-signal.SIGKILL}", f"{-signal.SIGTERM}", f"{-signal.SIGKILL}"]


def test_a_fork_asks_the_same_nursery() -> None:
    code = """
read, write = os.pipe()
with open(write, "w") as out:
    child = start("grandchild", by=nursery, stdout=out)
os.kill(int(os.read(read, 20)), signal.SIGKILL)
print(child.wait(30))  # it saw the end of its own
"""
    assert said(code) == "0\n"


def test_what_it_has_open_is_closed_in_the_end() -> None:
    """A database that is not leaves its log behind, in which a later process finds what it had."""
    code = """
import pathlib, tempfile
with tempfile.TemporaryDirectory() as folder:
    child = start("database", str(pathlib.Path(folder, "db")), by=nursery)
    print(child.wait(30), [p.name for p in pathlib.Path(folder).iterdir()])
"""
    assert said(code) == "0 ['db']\n"


@pytest.mark.parametrize("how", ["", "dies"])
def test_it_ends_with_those_who_can_ask(how: str) -> None:
    """Killed with what it forked where it dies with its process; else it ends by itself when its last fork has."""
    code = """
read, write = os.pipe()
with open(write, "w") as out:
    child = start("parent", by=nursery, stdout=out)
print(os.read(read, 20).decode(), child.pid)
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", ASKS + code, how], env=environment(), stdout=subprocess.PIPE, text=True
    )
    nursery, child = done.stdout.split()
    if not how:
        until(lambda: alive(child))
        os.kill(int(child), signal.SIGKILL)
    until(lambda: not alive(child) and not alive(nursery))


def test_other_processes_are_started_as_ever() -> None:
    code = """
child = nursery.popen(["echo", "1"])
assert isinstance(child, subprocess.Popen) and child.wait(30) == 0
"""
    assert said(code) == "1\n"
