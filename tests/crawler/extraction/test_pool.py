"""The worker pool with real processes: kills, crashes, hangs, memory, and what remains of everything else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import JianghuaError
from crawler.extraction import pool as pools
from crawler.extraction.pool import BATCH, FEW, ROOM, Lost, Pool


@pytest.fixture(autouse=True)
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are started, not forked from one that has loaded everything (tests/conftest.py)."""
    monkeypatch.setattr(pools, "subprocess", subprocess)


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def gone(pids: list[int], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while any(map(alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_every_task_comes_back_once_from_several_workers() -> None:
    with Pool("tests.crawler.extraction.pool_tasks:square", 5, workers=3) as pool:
        got = list(pool.run(range(500)))
        pids = pool.pids
    assert sorted(t for t, _ in got) == list(range(500))
    assert all(answer[0] == t * t + 5 for t, answer in got)
    assert len({answer[1] for _, answer in got}) > 1
    assert gone(pids)


def test_workers_start_only_for_work_and_serve_again() -> None:
    with Pool("tests.crawler.extraction.pool_tasks:square", workers=4) as pool:
        assert list(pool.run([])) == []
        assert pool.pids == []
        assert [a[0] for _, a in pool.run([3])] == [9]
        first = pool.pids
        assert len(first) == 1
        assert [a[0] for _, a in pool.run([4])] == [16]
        assert pool.pids == first


def test_workers_are_started_ahead_as_far_as_the_tasks_are_worth_it() -> None:
    with Pool("tests.crawler.extraction.pool_tasks:square", workers=3) as pool:
        for tasks, started in ((0, 0), (1, 1), (FEW, 1), (FEW + 1, 2), (5, 2), (100 * FEW, 3)):
            pool.start(tasks)
            assert len(pool.pids) == started
        assert len(list(pool.run(range(200)))) == 200


def test_tasks_are_taken_as_workers_are_free() -> None:
    taken = 0

    def source() -> Iterator[int]:
        nonlocal taken
        for n in range(2000):
            taken += 1
            yield n

    with Pool("tests.crawler.extraction.pool_tasks:square", workers=2) as pool:
        for done, _ in enumerate(pool.run(source()), 1):
            assert taken - done <= 2 * (BATCH + BATCH // 2)
    assert taken == 2000


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a pipe may hold less")
def test_a_worker_that_is_half_through_has_its_next_tasks(tmp_path: Path) -> None:
    """So that it does not wait while the parent is busy with what came back."""
    go, done = tmp_path / "go", tmp_path / "done"
    go.touch()
    done.touch()
    with Pool("tests.crawler.extraction.pool_tasks:granted", workers=1) as pool:
        answers = pool.run([str(tmp_path)] * 24, batch=8)
        for n in range(1, 7):  # one after the other: when four are left the next eight go out
            go.write_bytes(b"." * n)
            next(answers)
        go.write_bytes(b"." * 24)
        until = time.monotonic() + 60
        while done.stat().st_size < 16 and time.monotonic() < until:  # nobody takes an answer meanwhile
            time.sleep(0.01)
        assert done.stat().st_size == 16
        assert len(list(answers)) == 18


def test_a_message_that_may_not_fit_a_pipe_waits_until_its_worker_is_idle() -> None:
    big = ["x" * (ROOM // 2) + str(n) for n in range(40)]
    with Pool("tests.crawler.extraction.pool_tasks:echo", workers=2) as pool:
        assert sorted(pool.run(big, batch=8)) == sorted((t, t * 8) for t in big)  # answers that no pipe holds
        assert dict(pool.run(range(100))) == {n: n * 8 for n in range(100)}


def test_what_a_worker_was_sent_ahead_outlives_it(tmp_path: Path) -> None:
    """A worker dies of its first task, of its last, and of one that it was sent ahead; every other task comes back."""
    for at in (0, 7, 9, 15):
        tasks: list[Any] = [*range(40)]
        tasks.insert(at, ("once", str(tmp_path / f"mark{at}")))
        with Pool("tests.crawler.extraction.pool_tasks:trouble", workers=1) as pool:
            got = []
            for pair in pool.run(tasks, batch=8):
                got.append(pair)
        assert len(got) == 41
        assert dict(got) == {t: t * 2 if isinstance(t, int) else "second time" for t in tasks}


@pytest.mark.parametrize(
    ("task", "kind", "why"),
    [
        ("kill", "died", "SIGKILL"),
        ("segfault", "died", "SIGSEGV"),
        ("quit", "died", "exit code 3"),
        ("exit", "failed", "SystemExit: 3"),
        ("hang", "timeout", "longer than 1 s"),
        ("spin", "timeout", "longer than 1 s"),
        ("memory", "memory", "more memory than 1024 MiB"),
        ("raise", "failed", "ValueError: no such thing (pool_tasks.py:"),
        ("unpicklable", "failed", "pickle"),
    ],
)
def test_one_bad_task_is_lost_and_nothing_else(task: str, kind: str, why: str) -> None:
    tasks = [*range(40), task, *range(40, 80)]
    with Pool("tests.crawler.extraction.pool_tasks:trouble", workers=2, time_limit=1, memory_limit=1024**3) as pool:
        got = dict(pool.run(tasks))
        pids = pool.pids
    lost = got.pop(task)
    assert isinstance(lost, Lost)
    assert lost.kind == kind
    assert why in lost.why
    assert got == {n: n * 2 for n in range(80)}
    assert gone(pids)


def test_many_bad_tasks_side_by_side() -> None:
    tasks = [("kill", "memory", "raise")[n % 3] if n % 40 == 7 else n for n in range(240)]
    with Pool("tests.crawler.extraction.pool_tasks:trouble", workers=2, time_limit=5, memory_limit=1024**3) as pool:
        got = list(pool.run(tasks))
    assert len(got) == 240
    assert sorted(str(t) for t, _ in got) == sorted(map(str, tasks))
    assert all(isinstance(a, Lost) == isinstance(t, str) for t, a in got)


def test_a_task_whose_worker_died_gets_a_second_try(tmp_path: Path) -> None:
    task = ("once", str(tmp_path / "mark"))
    with Pool("tests.crawler.extraction.pool_tasks:trouble", workers=1) as pool:
        assert dict(pool.run([1, task, 2])) == {1: 2, task: "second time", 2: 4}
        assert pool.restarts == 1


def test_a_worker_killed_from_outside_costs_nothing() -> None:
    with Pool("tests.crawler.extraction.pool_tasks:square", workers=2) as pool:
        for _ in range(5):  # one kill a run: a task that is at work at two of them is lost, and rightly
            got = []
            for n, pair in enumerate(pool.run(range(200))):
                if n == 50:
                    os.kill(pool.pids[0], signal.SIGKILL)
                got.append(pair)
            assert sorted((t, a[0]) for t, a in got) == [(n, n * n) for n in range(200)]


def test_a_worker_that_grew_makes_way_before_the_limit() -> None:
    with Pool("tests.crawler.extraction.pool_tasks:grow", 10 * 1024**2, workers=1, memory_limit=300 * 1024**2) as pool:
        answers = [a for _, a in pool.run(range(48))]
    assert not any(isinstance(a, Lost) for a in answers)
    assert len(set(answers)) > 1


@pytest.mark.parametrize(("target", "words"), [("broken", "the model file is missing"), ("dead", "last words")])
def test_workers_that_do_not_start_are_an_error(target: str, words: str) -> None:
    with (
        Pool(f"tests.crawler.extraction.pool_tasks:{target}", workers=2) as pool,
        pytest.raises(JianghuaError, match="do not start") as e,
    ):
        list(pool.run(range(10)))
    assert words in str(e.value)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent(tmp_path: Path, how: signal.Signals) -> None:
    pids = tmp_path / "pids"
    code = (
        "import signal\n"
        "from crawler.extraction.pool import Pool\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts the tests in the background has it ignored\n"
        "with Pool('tests.crawler.extraction.pool_tasks:trouble', workers=2) as pool:\n"
        f"    list(pool.run([('pid', {str(pids)!r})] * 40))\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 30
        while not pids.exists() or len(pids.read_text().split()) < 2:
            assert time.monotonic() < end
            time.sleep(0.02)
        workers = [int(p) for p in pids.read_text().split()]
        assert all(map(alive, workers))
        parent.send_signal(how)
        assert parent.wait(10) != 0
    finally:
        parent.kill()
        parent.wait()
    assert gone(workers)
