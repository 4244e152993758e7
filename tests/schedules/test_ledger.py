"""The ledger: one row a fire time whoever writes it, one lease holder, runs taken up again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import schedules.clock
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from schedules import store
from schedules.child import FENCE
from schedules.clock import Scheduler
from schedules.fence import fence_of
from schedules.ledger import MAX_ATTEMPTS, Lease, LeaseLost, Ledger, Run
from schedules.owner import myself, surely_dead
from schedules.plan import Due, Schedule, due_runs
from schedules.settings import load_settings
from tests.chain import popen
from tests.publisher.denied import only_read
from tests.schedules.postgres_server import PostgresServer

LEASE = timedelta(seconds=30)
T0 = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = T0

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(url: str, clock: Clock) -> Iterator[Ledger]:
    ledger = Ledger(url, clock)
    yield ledger
    ledger.close()


def schedule(**more: object) -> Schedule:
    return Schedule.model_validate({"name": "s", "cron": "0 * * * *", **more})


def held(ledger: Ledger, owner: str = "a:1:1:m") -> Lease:
    lease = ledger.take_lease(owner, LEASE)
    assert lease is not None
    return lease


def record(ledger: Ledger, lease: Lease, s: Schedule, clock: Clock) -> None:
    until, _ = ledger.mark(lease, s, clock.time)
    ledger.record(lease, s, due_runs(s, until, clock.time), clock.time)


def start(ledger: Ledger, lease: Lease, run_id: int, sites: list[str]) -> Run:
    run = ledger.claim(lease, run_id, {"plan": 1}, sites, LEASE)
    assert isinstance(run, Run)
    return run


def test_one_holder_at_a_time_and_each_has_a_higher_token(ledger: Ledger, clock: Clock) -> None:
    first = held(ledger)
    assert ledger.take_lease("b:2:2:m", LEASE) is None
    clock.time += timedelta(seconds=29)
    ledger.renew(first, LEASE)
    clock.time += timedelta(seconds=29)
    assert ledger.take_lease("b:2:2:m", LEASE) is None
    clock.time += timedelta(seconds=2)
    second = held(ledger, "b:2:2:m")
    assert second.token > first.token
    with pytest.raises(LeaseLost):
        ledger.renew(first, LEASE)
    with pytest.raises(LeaseLost):
        ledger.record(first, schedule(), [], clock.time)
    ledger.release(first)  # nothing to give back
    assert ledger.lease_holder()[0] == "b:2:2:m"
    ledger.release(second)
    assert held(ledger).token > second.token


def test_the_lease_of_a_dead_process_of_this_machine_is_free_at_once(ledger: Ledger) -> None:
    code = "from schedules.owner import myself; print(myself())"
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert surely_dead(dead)
    assert not surely_dead(myself())
    assert not surely_dead("elsewhere:1:1:m")
    held(ledger, dead)
    assert ledger.take_lease(myself(), LEASE) is not None


def test_a_new_schedule_begins_now_and_a_changed_one_too(ledger: Ledger, clock: Clock) -> None:
    lease = held(ledger)
    assert ledger.mark(lease, schedule(), T0) == (T0, True)
    clock.time += timedelta(hours=5)
    assert ledger.mark(lease, schedule(), clock.time) == (T0, False)
    assert ledger.mark(lease, schedule(cron="30 * * * *"), clock.time) == (clock.time, True)


@pytest.mark.parametrize(
    ("missed", "states"),
    [
        ("latest", ["missed", "missed", "missed", "due"]),
        ("all", ["due"] * 4),
        ("none", ["missed"] * 4),
        ("within: 2h", ["missed", "missed", "due", "due"]),
    ],
)
def test_downtime_is_recorded_as_the_schedule_says(
    ledger: Ledger, clock: Clock, missed: str, states: list[str]
) -> None:
    lease, s = held(ledger), schedule(missed=missed)
    record(ledger, lease, s, clock)
    clock.time += timedelta(hours=4, minutes=20)
    lease = held(ledger)
    record(ledger, lease, s, clock)
    rows = ledger.runs(oldest_first=True)
    assert [r.state for r in rows] == states
    assert [r.scheduled_for for r in rows] == [T0 + timedelta(hours=h) for h in (1, 2, 3, 4)]
    assert all(r.why for r in rows)
    record(ledger, lease, s, clock)
    assert len(ledger.runs()) == 4
    for row in ledger.runs(states=["due"], oldest_first=True):
        run = start(ledger, lease, row.id, ["x"])
        assert ledger.finish(run.id, lease.owner, "done", None)
    assert {r.state for r in ledger.runs()} <= {"missed", "caught_up"}


@pytest.mark.parametrize("overlap", ["skip", "queue"])
def test_overlap(ledger: Ledger, clock: Clock, overlap: str) -> None:
    lease, s = held(ledger), schedule(overlap=overlap)
    record(ledger, lease, s, clock)
    for _ in range(3):
        clock.time += timedelta(hours=1)
        lease = held(ledger)
        record(ledger, lease, s, clock)
    first, second, third = ledger.runs(oldest_first=True)
    assert first.state == "due"
    if overlap == "skip":
        assert second.state == third.state == "skipped"
        assert f"run {first.id}" in (second.why or "")
    else:
        assert second.state == third.state == "due"


def test_runs_that_share_a_site_wait_for_each_other(ledger: Ledger, clock: Clock) -> None:
    lease = held(ledger)
    for name in ("s", "t"):
        s = schedule().model_copy(update={"name": name})
        record(ledger, lease, s, clock)
    clock.time += timedelta(hours=1)
    lease = held(ledger)
    for name in ("s", "t"):
        record(ledger, lease, schedule().model_copy(update={"name": name}), clock)
    one, two = ledger.runs(oldest_first=True)
    start(ledger, lease, one.id, ["x", "y"])
    assert "run 1" in str(ledger.claim(lease, two.id, {}, ["y", "z"], LEASE))
    with pytest.raises(UsageError, match="works on x"):
        ledger.add_manual("c:3:3:m", {}, ["x"], LEASE)
    assert ledger.add_manual("c:3:3:m", {}, ["z"], LEASE).schedule == "manual"
    assert "waits for run" in str(ledger.claim(lease, two.id, {}, ["z"], LEASE))
    ledger.finish(one.id, lease.owner, "done", None)
    start(ledger, lease, two.id, ["y"])


def test_a_silent_run_is_taken_up_again_where_it_was(ledger: Ledger, clock: Clock) -> None:
    lease, s = held(ledger), schedule()
    record(ledger, lease, s, clock)
    clock.time += timedelta(hours=1)
    lease = held(ledger)
    record(ledger, lease, s, clock)
    run = start(ledger, lease, 1, ["x"])
    assert ledger.beat(1, lease.owner, step="extract", counts={"crawl": {"ok": True}})
    assert ledger.take_up(lease, LEASE, [1]) == []
    clock.time += timedelta(seconds=31)
    other = held(ledger, "b:2:2:m")
    assert [r.id for r in ledger.take_up(other, LEASE)] == [1]
    assert not ledger.beat(1, lease.owner)
    assert not ledger.finish(1, lease.owner, "done", None)
    again = start(ledger, other, 1, ["other sites now"])
    assert (again.step, again.counts, again.attempts) == ("extract", {"crawl": {"ok": True}}, 2)
    assert (again.plan, again.sites, again.started) == (run.plan, ["x"], run.started)
    assert ledger.finish(1, other.owner, "done", None, "2026-11-22.1")
    assert ledger.run(1).version == "2026-11-22.1"


def test_a_run_that_always_dies_is_given_up(ledger: Ledger, clock: Clock) -> None:
    lease, s = held(ledger), schedule()
    record(ledger, lease, s, clock)
    clock.time += timedelta(hours=1)
    lease = held(ledger)
    record(ledger, lease, s, clock)
    for _ in range(MAX_ATTEMPTS):
        start(ledger, lease, 1, ["x"])
        (run,) = ledger.take_up(lease, LEASE)
    assert run.state == "failed"
    assert f"died {MAX_ATTEMPTS} times" in (run.why or "")


def test_a_dead_manual_run_is_closed_not_repeated(ledger: Ledger, clock: Clock) -> None:
    ledger.add_manual("elsewhere:1:1:m", {}, ["x"], LEASE)
    with pytest.raises(UsageError):
        ledger.add_manual("elsewhere:2:2:m", {}, ["x"], LEASE)
    clock.time += timedelta(seconds=31)
    ledger.add_manual("elsewhere:2:2:m", {}, ["x"], LEASE)
    assert [r.state for r in ledger.runs(oldest_first=True)] == ["failed", "running"]


RECORDER = """
import sys
from datetime import datetime, timedelta, UTC
from schedules.ledger import Ledger, LeaseLost
from schedules.plan import Schedule, due_runs
ledger = Ledger(sys.argv[1])
s = Schedule(name="s", cron="* * * * *", missed="all")
now = datetime(2026, 11, 22, 3, tzinfo=UTC)
mine = 0
for i in range(40):
    until = now + timedelta(minutes=5 * i)
    lease = ledger.take_lease(f"host:{sys.argv[2]}:1:x", timedelta(seconds=0))
    try:
        if lease:
            mark, _ = ledger.mark(lease, s, now)
            mine += sum(ledger.record(lease, s, due_runs(s, mark, until), max(mark, until)).values())
    except LeaseLost:
        pass
print(mine)
"""


def test_several_processes_at_once_write_each_fire_time_once(url: str) -> None:
    processes = [
        popen([sys.executable, "-c", RECORDER, url, str(i)], stdout=subprocess.PIPE, text=True) for i in range(4)
    ]
    written = [int(p.communicate()[0]) for p in processes]
    assert [p.returncode for p in processes] == [0] * 4
    rows = Ledger(url).runs()
    assert len({r.scheduled_for for r in rows}) == len(rows) == sum(written) == 195


def test_errors_for_people(tmp_path: Path, ledger: Ledger) -> None:
    with pytest.raises(JianghuaError, match="cannot open"):
        Ledger("nonsense://x")
    with pytest.raises(UsageError, match="unknown run 7"):
        ledger.run(7)
    bad = tmp_path / "not.db"
    bad.write_bytes(b"no database at all, but long enough to be looked at" * 50)
    with pytest.raises(JianghuaError, match="is damaged"):
        Ledger(f"sqlite:///{bad}")


def test_the_ledger_of_a_home_lies_in_it_whatever_its_name(tmp_path: Path) -> None:
    home = Home.find(tmp_path / "what? My%20Data%41 讲话")
    ledger = Ledger(load_settings(home).ledger_url(home))
    told = fence_of(ledger, ledger.run(ledger.add_manual("a:1:1:m", {}, ["x"], LEASE).id), None)
    ledger.close()
    assert [p.name for p in tmp_path.iterdir()] == [home.root.name]
    assert home.ledger.is_file()
    again = Ledger(json.loads(told[FENCE])["ledger"])  # as a step of a run opens it
    assert len(again.runs()) == 1
    again.close()


def test_a_ledger_that_may_only_be_read_is_read(tmp_path: Path) -> None:
    home = Home.find(tmp_path / "home")
    ledger = Ledger(load_settings(home).ledger_url(home))
    ledger.add_manual("a:1:1:m", {}, ["x"], LEASE)
    for written in ("now, so that its files lie beside it", "no more"):
        if written == "no more":
            ledger.close()
        with only_read(home.root) as copy:
            there = sorted(p.name for p in (copy / "var").iterdir())
            reader = Ledger(load_settings(Home(copy)).ledger_url(Home(copy)))
            assert [r.sites for r in reader.runs()] == [["x"]], written
            with pytest.raises(JianghuaError, match="may only be read") as caught:
                reader.add_manual("a:1:1:m", {}, ["y"], LEASE)
            assert "as the user whose home it is" in str(caught.value.remedy)
            reader.close()
            assert sorted(p.name for p in (copy / "var").iterdir()) == there


def test_the_password_of_a_ledger_is_in_no_message(tmp_path: Path) -> None:
    for url in ("postgresql+nothing://me:secret@h/d", f"postgresql+psycopg://me:secret@/d?host={tmp_path}"):
        with pytest.raises(JianghuaError) as e:
            Ledger(url)
        assert "secret" not in str(e.value)


def test_a_process_frozen_in_a_change_on_postgresql_does_not_hold_up_the_others(
    postgres: PostgresServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_ledger()
    monkeypatch.setattr(store, "IDLE", 1)
    frozen, other = Ledger(url, clock), Ledger(url, clock)
    lease = held(frozen)
    clock.time += 2 * LEASE

    def change() -> None:
        with frozen._changing(lease) as c:
            c.execute(store.lease.update().values(expires=clock.time))
            held(other, "b:2:2:m")  # waits for the lock until the server gives the first one up

    with pytest.raises(JianghuaError, match="does not answer"):
        change()
    assert other.lease_holder()[0] == "b:2:2:m"
    with pytest.raises(LeaseLost):
        frozen.renew(lease, LEASE)  # by a new connection
    frozen.close()
    other.close()


def test_on_postgresql_what_was_missed_may_take_longer_to_work_out_than_a_change_may_wait(
    postgres: PostgresServer, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "IDLE", 1)
    ledger = Ledger(postgres.new_ledger(), clock)
    home = Home.find(tmp_path)
    home.own_schedules.mkdir()
    (home.own_schedules / "s.yaml").write_text("name: s\nevery: 1h\nmissed: none\n")

    def slowly(*how: Any, **more: Any) -> Iterator[Due]:
        for due in due_runs(*how, **more):
            time.sleep(0.1)
            yield due

    monkeypatch.setattr(schedules.clock, "due_runs", slowly)
    scheduler = Scheduler(home, ledger, load_settings(home))
    scheduler.tick()
    clock.time += timedelta(hours=20, minutes=30)
    scheduler.tick()
    assert ledger.count(states=["missed"]) == 20
    ledger.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite://", "a ledger in memory"),
        ("sqlite:///", "a ledger in memory"),
        ("sqlite:///:memory:", "a ledger in memory"),
        ("postgresql+psycopg://u:s3cr/et@w@[::1/x", "its address cannot be understood"),
        ("postgresql+psycopg://u:s3cr/et@w@host:port/x", "cannot open the ledger"),
        ("mysql+nothing://u:s3cr/et@w@host/x", "cannot open the ledger"),
        ("s3cr no address at all", "cannot open the ledger"),
    ],
)
def test_an_address_that_is_none_is_told_without_its_password(url: str, told: str) -> None:
    with pytest.raises(JianghuaError, match=told) as e:
        Ledger(url)
    assert e.value.remedy
    if "@" in url:
        assert "s3cr" not in str(e.value)
        assert "et@w" not in str(e.value)


def test_a_damaged_ledger_is_told_as_one(url: str, clock: Clock) -> None:
    for damage in ("DELETE FROM lease", "DROP TABLE marks"):
        ledger = Ledger(url, clock)
        with ledger.engine.begin() as c:
            c.exec_driver_sql(damage)
        with pytest.raises(JianghuaError, match="the ledger is damaged") as e:
            ledger.marks() if "marks" in damage else ledger.take_lease("a:1:1:m", LEASE)
        assert "backup --restore" in str(e.value)
        ledger.close()


def test_values_of_json_columns_come_as_they_were_kept(url: str) -> None:
    """psycopg gives them as bytes, SQLite as text."""
    ledger = Ledger(url)
    counts = {"crawl": {"why": "讲话 \N{GRINNING FACE} \\ud800"}}
    run = ledger.add_manual("me", {}, ["muduo"], timedelta(minutes=1))
    assert ledger.beat(run.id, "me", counts=counts)
    assert ledger.run(run.id).counts == counts
    ledger.close()


def test_half_a_character_that_an_older_program_kept_breaks_no_answer(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/state.db")
    run = ledger.add_manual("me", {}, ["muduo"], timedelta(minutes=1))
    with ledger.engine.begin() as c:
        c.exec_driver_sql(
            "UPDATE runs SET counts = ?", ('{"crawl": {"why": "half \\ud800, whole \\uD83D\\ude00, 讲话"}}',)
        )
    assert ledger.run(run.id).counts == {"crawl": {"why": "half \ufffd, whole \N{GRINNING FACE}, 讲话"}}
    ledger.close()
