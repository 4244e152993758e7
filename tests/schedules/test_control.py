"""What a person does to schedules and runs: pause, resume, run now, backfill, cancel; by function and on the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from crawler.errors import UsageError
from crawler.home import Home
from schedules import control
from schedules.control_cli import moment_of
from schedules.ledger import Ledger, Run
from schedules.plan import Pause, Schedule, load_schedule
from schedules.report import report_of
from tests.chain import popen
from tests.schedules.fast_time import WAITS, FastTime, utc
from tests.schedules.house import House, alive, until
from tests.schedules.test_command_line import ROOT, called
from tests.schedules.test_scheduler import house as house
from watching.facts import gather
from watching.rules import run_missed, stuck

HOUR = timedelta(hours=1)
T0 = utc("2026-11-22 03:00")


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[FastTime]:
    fast = FastTime(tmp_path, T0)
    fast.schedule(every="1h")
    yield fast
    fast.ledger.close()


def of(fast: FastTime) -> Schedule:
    return load_schedule("s", fast.home)


def test_while_paused_fire_times_are_skipped_with_the_reason(fast: FastTime) -> None:
    fast.tick()
    assert control.pause(fast.ledger, "s", "moving house", "wang") == Pause(T0, "moving house", "wang")
    assert control.pause(fast.ledger, "s", "moving far", "li").since == T0
    for _ in range(2):
        fast.wind(HOUR)
        fast.tick()
    assert fast.told() == [("04:00", "skipped"), ("05:00", "skipped")]
    assert fast.rows()[0].why == "paused since 2026-11-22 03:00 UTC by li: moving far"
    control.resume(fast.ledger, "s", "wang")
    fast.wind(HOUR)
    fast.tick()
    assert fast.told()[2:] == [("06:00", "done")]
    with pytest.raises(UsageError, match="not paused"):
        control.resume(fast.ledger, "s")


def test_what_was_due_when_it_was_paused_waits_and_goes_on(fast: FastTime) -> None:
    fast.schedule(every="1h", jitter="50m", overlap="queue")
    fast.tick()
    fast.wind(HOUR)
    fast.tick()
    control.pause(fast.ledger, "s", "no", "li")
    fast.wind(timedelta(minutes=55))
    fast.tick()
    (run,) = fast.rows()
    assert (run.state, run.why) == ("due", "paused since 2026-11-22 04:00 UTC by li: no")
    assert fast.scheduler.tick()  # with --once there is nothing to wait for
    control.resume(fast.ledger, "s", "wang")
    assert fast.ledger.run(run.id).why == "resumed by wang at 2026-11-22 04:55 UTC"
    fast.tick()
    assert fast.told() == [("04:00", "done")]


def test_a_pause_that_no_scheduler_saw_is_recorded_when_it_ends(fast: FastTime) -> None:
    fast.tick()
    fast.wind(2 * HOUR + timedelta(minutes=10))  # nobody is there
    control.pause(fast.ledger, "s", "no disk", "li")
    fast.wind(2 * HOUR)
    control.resume(fast.ledger, "s", "li", schedule=of(fast))
    assert [(t, s) for t, s in fast.told()] == [
        ("04:00", "missed"),
        ("05:00", "due"),
        ("06:00", "skipped"),
        ("07:00", "skipped"),
    ]
    fast.wind(HOUR)
    fast.scheduler = fast.new_scheduler()
    fast.tick()
    assert [s for _, s in fast.told()] == ["missed", "caught_up", "skipped", "skipped", "caught_up"]


def test_a_pause_that_ends_while_the_scheduler_looks_is_recorded_once(
    fast: FastTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading up to when a schedule is dealt with and writing what became of its times, somebody else writes that."""
    fast.schedule(cron="0 * * * *")
    fast.tick()
    control.pause(fast.ledger, "s", "a look", "me")
    fast.wind(timedelta(hours=2, minutes=1))
    read = fast.ledger.marks

    def marks() -> dict[str, tuple[datetime, str]]:
        found = read()
        monkeypatch.undo()
        fast.wall += timedelta(seconds=1)
        control.resume(fast.ledger, "s", "me", schedule=load_schedule("s", fast.home))
        return found

    monkeypatch.setattr(fast.ledger, "marks", marks)
    fast.tick()
    assert [state for _, state in fast.told()] == ["skipped", "skipped"]
    until, _ = fast.ledger.marks()["s"]
    assert until == fast.wall
    fast.to(utc("2026-11-22 06:00"))
    fast.tick()
    assert [state for _, state in fast.told()] == ["skipped", "skipped", "done"]


def test_what_somebody_holds_back_raises_no_alarm(fast: FastTime) -> None:
    fast.tick()
    control.pause(fast.ledger, "s", "moving house", "li")
    for _ in range(4):
        fast.wind(HOUR)
        fast.tick()
    control.backfill(fast.ledger, of(fast), T0 - timedelta(days=3), T0 - HOUR, "li")
    assert {r.state for r in fast.rows()} == {"skipped", "due"}
    facts = gather(fast.home, fast.ledger, fast.wall)
    assert facts.fires.get("s", []) == []
    assert [*run_missed(facts, {"missed": 1, "skipped": 3}), *stuck(facts, {"hours": 1})] == []


def test_now_runs_besides_the_fire_times_even_while_paused_and_in_the_blackout(fast: FastTime) -> None:
    with pytest.raises(UsageError, match="no scheduler is running"):
        control.run_now(fast.ledger, "s", "li")
    assert fast.rows() == []
    fast.schedule(every="1h", blackout=["00:00-23:00"])
    fast.tick()
    control.pause(fast.ledger, "s")
    run = control.run_now(fast.ledger, "s", "li")
    assert (run.cause, run.state, run.asked_by, run.scheduled_for) == ("now", "due", "li", T0)
    with pytest.raises(UsageError, match=f"run {run.id} of 's' was asked for already"):
        control.run_now(fast.ledger, "s", "wang")
    fast.tick()
    assert fast.ledger.run(run.id).state == "done"
    again = control.run_now(fast.ledger, "s", "wang")  # in the same moment
    assert again.scheduled_for > T0
    fast.wind(timedelta(seconds=40))  # longer than the lease: the scheduler may be dead
    with pytest.raises(UsageError, match="no scheduler is running"):
        control.run_now(fast.ledger, "t")


def test_nobody_is_asked_who_serves_other_schedules_only(fast: FastTime) -> None:
    fast.schedule("t", every="1h")
    fast.scheduler.names = ["s"]
    fast.tick()
    with pytest.raises(UsageError, match="serves s alone"):
        control.run_now(fast.ledger, "t", "li")
    assert control.not_served(fast.ledger, "t") is not None
    assert control.not_served(fast.ledger, "s") is None
    assert control.run_now(fast.ledger, "s", "li").state == "due"
    assert fast.scheduler.lease is not None
    fast.ledger.release(fast.scheduler.lease)
    fast.scheduler = fast.new_scheduler()
    fast.tick()
    assert control.run_now(fast.ledger, "t", "li").state == "due"


def test_backfill_makes_one_run_for_each_past_fire_time_that_has_none(fast: FastTime) -> None:
    fast.tick()
    fast.wind(HOUR)
    fast.tick()
    since = T0 - 3 * HOUR
    dry = control.backfill(fast.ledger, of(fast), since, fast.wall + 9 * HOUR, "li", dry=True)
    assert dry.times == tuple(since + n * HOUR for n in range(4))
    assert dry.known == 1
    assert len(fast.rows()) == 1
    made = control.backfill(fast.ledger, of(fast), since, fast.wall, "li")
    assert made == dry
    assert control.backfill(fast.ledger, of(fast), since, fast.wall, "li").times == ()
    assert [r.cause for r in fast.rows()] == ["backfill"] * 4 + ["timer"]
    assert fast.rows()[0].why == "backfill asked for by li"
    fast.wind(HOUR)  # the fire time that comes now is not skipped because of them, and goes first
    fast.tick()
    assert {r.state for r in fast.rows()} == {"done"}
    assert fast.begun[1][0] == str(fast.rows()[-1].id)
    assert [int(x) for x, _ in fast.begun[2:]] == [r.id for r in fast.rows()[:4]]
    with pytest.raises(UsageError, match="no past"):
        control.backfill(fast.ledger, of(fast), fast.wall, fast.wall + HOUR)
    with pytest.raises(UsageError, match="more than 100,000"):
        control.backfill(fast.ledger, of(fast), fast.wall - timedelta(days=365 * 20), fast.wall)


def test_backfill_of_what_was_missed(fast: FastTime) -> None:
    fast.schedule(every="1h", missed="none")
    fast.tick()
    fast.wind(3 * HOUR + timedelta(minutes=5))
    fast.scheduler = fast.new_scheduler()
    fast.tick()
    assert [s for _, s in fast.told()] == ["missed"] * 3
    assert control.backfill(fast.ledger, of(fast), T0, fast.wall, missed=False).times == (T0,)
    assert len(control.backfill(fast.ledger, of(fast), T0, fast.wall, missed=True).times) == 3
    assert "no scheduler was running" in (fast.rows()[1].why or "")
    fast.tick()
    assert [s for _, s in fast.told()] == ["done"] * 4


def test_cancel_ends_what_is_due_at_work_or_waiting_and_nothing_else(fast: FastTime) -> None:
    fast.schedule(every="1h", jitter="50m", retries={"times": 3})
    fast.tick()
    fast.wind(HOUR)
    fast.tick()
    due = control.cancel(fast.ledger, 1, "li", "not today")
    assert (due.state, due.why) == ("skipped", "cancelled by li: not today")
    with pytest.raises(UsageError, match="has ended: skipped"):
        control.cancel(fast.ledger, 1, "li")
    fast.perform = lambda _: WAITS
    fast.schedule(every="1h", retries={"times": 3})
    fast.wind(HOUR)
    fast.tick(wait=False)
    assert fast.at_work.wait(30)
    assert control.cancel(fast.ledger, 2, "li").state == "running"
    fast.tick()
    run = fast.ledger.run(2)
    assert (run.state, run.retries) == ("failed", 0)
    assert run.why == "cancelled by li, in step crawl; what it kept is kept"
    with pytest.raises(UsageError, match="unknown run 9"):
        control.cancel(fast.ledger, 9)


def test_a_run_that_is_cancelled_while_its_scheduler_dies_or_stops_ends_all_the_same(fast: FastTime) -> None:
    fast.tick()
    fast.perform = lambda _: WAITS
    fast.wind(HOUR)
    fast.tick(wait=False)
    assert fast.at_work.wait(30)
    control.cancel(fast.ledger, 1, "li")
    fast.scheduler._stop_workers()  # as SIGTERM does: the run is put back
    assert fast.told() == [("04:00", "due")]
    fast.scheduler = fast.new_scheduler()
    fast.tick()
    assert fast.told() == [("04:00", "failed")]
    fast.wind(HOUR)
    fast.tick(wait=False)
    control.cancel(fast.ledger, 2, "li")
    fast.scheduler = fast.new_scheduler()  # the other one does not answer any more
    fast.wind(HOUR - timedelta(seconds=10))
    fast.tick(wait=False)
    assert fast.ledger.run(2).state == "failed"
    assert "its process had died" in (fast.ledger.run(2).why or "")
    fast.release.set()


def test_a_disabled_schedule_and_one_that_is_not_there_cannot_be_asked() -> None:
    with pytest.raises(UsageError, match="unknown schedule 'x'"):
        control.may_be_asked(None, "x")
    off = Schedule(name="x", cron="0 3 * * *", enabled=False)
    with pytest.raises(UsageError, match="disabled"):
        control.may_be_asked(off, "x")


def test_dates_are_in_the_zone_of_the_schedule_and_the_last_day_counts() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    assert moment_of("2026-11-22", "--since", zone) == utc("2026-11-21 16:00")
    assert moment_of("2026-11-22", "--until", zone, end=True) == utc("2026-11-22 15:59") + timedelta(seconds=59)
    assert moment_of("2026-11-22 12:00", "--until", zone, end=True) == utc("2026-11-22 04:00")
    assert moment_of("2026-11-22T12:00:00Z", "--since", zone) == utc("2026-11-22 12:00")
    with pytest.raises(UsageError, match="--since: not a date"):
        moment_of("yesterday", "--since", zone)


# ---------------------------------------------------------------------------------------------- real processes


def test_a_run_at_work_is_ended_cleanly_when_it_is_cancelled(house: House) -> None:
    house.schedule(retries={"times": 3})
    process = house.start(60)
    until(lambda: house.events())
    pid = house.events()[0][2]
    run = house.ledger.runs(states=["running"])[0]
    control.cancel(house.ledger, run.id, "li", "wrong site")
    until(lambda: house.run(run.id).state == "failed")
    assert not alive(pid)
    assert "cancelled by li: wrong site, in step crawl" in (house.run(run.id).why or "")
    assert process.poll() is None


def test_a_run_that_failed_is_tried_again_and_one_that_would_fail_again_is_not(house: House) -> None:
    house.schedule("s", retries={"times": 2, "wait": "1s", "factor": 1})
    assert house.start(0, once=True, STEP_CODES='{"extract": 1}').wait(60) == 1
    run = house.ledger.runs(schedule="s", limit=1)[0]
    assert (run.state, run.retries) == ("failed", 2)
    assert "(after 2 retries)" in (run.why or "")
    begun = [e[1] for e in house.events() if e[0] == "begin"]
    assert begun == ["crawl", "learn", *["extract", "publish"] * 3]
    house.schedule("t", retries={"times": 2, "wait": "1s", "factor": 1})
    assert house.start(0, once=True, STEP_CODES='{"extract": 2}').wait(60) == 1
    assert house.ledger.runs(schedule="t", limit=1)[0].retries == 0


def test_a_publish_that_failed_behind_its_commit_has_its_version_in_the_ledger(house: House) -> None:
    house.schedule("s")
    assert house.start(0, once=True, STEP_CODES='{"publish": 6}').wait(60) == 1
    run = house.ledger.runs(schedule="s", limit=1)[0]
    assert (run.state, run.version) == ("failed", "2026-11-22.7")
    assert "2026-11-22.7 is published" in (run.why or "")
    assert report_of(run).version == "2026-11-22.7"


def test_the_version_of_a_publish_that_is_tried_again_stays(house: House) -> None:
    """The retry finds nothing new, and says of no version that it made it."""
    house.schedule("s", retries={"times": 1, "wait": "2s", "factor": 1})
    process = house.start(0, once=True, STEP_CODES='{"publish": 6}')
    until(lambda: house.ledger.runs(schedule="s", states=["due"]) and house.ledger.runs(limit=1)[0].retries == 1)
    assert house.ledger.runs(schedule="s", limit=1)[0].version == "2026-11-22.7"
    assert process.wait(60) == 1
    assert house.ledger.runs(schedule="s", limit=1)[0].version == "2026-11-22.7"


def test_now_is_begun_by_the_running_scheduler(house: House) -> None:
    house.schedule(missed="none", down=timedelta(0))
    house.start(0)
    until(lambda: "holds the lease" in house.log(0))
    run = control.run_now(house.ledger, "s", "li")
    until(lambda: house.run(run.id).state == "done")
    assert house.run(run.id).cause == "now"


def test_a_run_by_hand_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    ledger = Ledger(f"sqlite:///{home.ledger}")
    code = (
        "import schedules.jobs as jobs, sys\n"
        "from schedules import manual\n"
        "run = manual.run_plan\n"
        f"step = {str(Path(__file__).parent / 'small_step.py')!r}\n"
        "def slow(*a, **k): return run(*a, build=lambda s, p, h: [sys.executable, step, s, str(h.root), '60'], **k)\n"
        "manual.run_plan = slow\n"
        "from schedules.cli import main\n"
        "sys.argv = ['jianghua', 'run', 'wanshu', '--at', 'http://127.0.0.1:1']\n"
        "main()\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "JIANGHUA_HOME": str(tmp_path), "JIANGHUA_HEARTBEAT": "0.1"}
    process = popen([sys.executable, "-c", code], env=env, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: (tmp_path / "events").exists() and (tmp_path / "events").read_text())
        control.cancel(ledger, 1, "li", "enough")
        _, told = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert process.returncode == 130
    assert "cancelled by li: enough" in told
    assert ledger.run(1).state == "failed"
    ledger.close()


# ---------------------------------------------------------------------------------------------- the command line


def test_the_commands_tell_what_they_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "schedules"
    folder.mkdir()
    (folder / "s.yaml").write_text(
        "name: s\ncron: 0 3 * * *\ntime_zone: Asia/Shanghai\nsites: [wanshu]\ncrawl: {at: {wanshu: 'http://127.0.0.1:1'}}\n"
    )
    (folder / "idle.yaml").write_text("name: idle\nevery: 6h\nenabled: false\n")
    code, out, _ = called(capsys, tmp_path, "schedule", "pause", "s", "--why", "the disk is full")
    assert code == 0
    assert out.startswith("s is paused since")
    assert "the disk is full" in out
    assert "paused since" in " ".join(called(capsys, tmp_path, "schedule", "list")[1].split())
    listed = json.loads(called(capsys, tmp_path, "schedule", "list", "--json")[1])
    assert {r["name"]: (r["paused"] or {}).get("why") for r in listed} == {"s": "the disk is full", "idle": None}
    code, out, _ = called(capsys, tmp_path, "schedule", "resume", "s")
    assert code == 0
    assert "no scheduler is running now" in out
    backfill = ("schedule", "backfill", "s", "--since", "2026-03-01", "--until", "2026-03-10")
    code, out, _ = called(capsys, tmp_path, *backfill, "--dry-run")
    assert code == 0
    assert "would make 10 runs of s, for 2026-03-01 03:00 CST to 2026-03-10 03:00 CST" in out
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", open(os.devnull))  # noqa: PTH123, SIM115  (nobody is there to be asked)
        code, _, err = called(capsys, tmp_path, *backfill)
    assert code == 2
    assert "--yes" in err
    made = json.loads(called(capsys, tmp_path, *backfill, "--yes", "--json")[1])
    assert (made["made"], made["runs"], made["known"]) == (True, 10, 0)
    assert "nothing to backfill" in called(capsys, tmp_path, *backfill, "--yes")[1]
    code, out, _ = called(capsys, tmp_path, "schedule", "cancel", "1", "--why", "too much")
    assert code == 0
    assert "run 1 (s) is skipped: cancelled by" in out
    assert "asked for by" in called(capsys, tmp_path, "runs", "show", "2")[1]
    for command, said in (
        (["pause", "nothing"], "unknown schedule"),
        (["resume", "s"], "is not paused"),
        (["now", "s"], "no scheduler is running"),
        (["now", "idle"], "is disabled"),
        (["cancel", "1"], "has ended"),
        (["cancel", "99"], "unknown run 99"),
        (["backfill", "s", "--since", "soon"], "not a date"),
    ):
        code, _, err = called(capsys, tmp_path, "schedule", *command)
        assert code == 2, command
        assert said in " ".join(err.split()), command


def test_the_next_times_say_what_the_blackout_holds_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    folder = tmp_path / "schedules"
    folder.mkdir()
    (folder / "s.yaml").write_text('name: s\ncron: 0 9,23 * * *\ntime_zone: Asia/Shanghai\nblackout: ["08:00-20:00"]\n')
    out = called(capsys, tmp_path, "schedule", "next", "s", "-n", "2")[1]
    told = {line.split()[3]: line for line in out.splitlines() if line.startswith("s ")}
    assert "20:00 (blackout)" in told["09:00:00"]
    assert "at once" in told["23:00:00"]


def test_the_user_of_the_machine_is_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "wang")
    assert control.me() == "wang"


def test_on_either_database_what_is_asked_stands_in_the_ledger(url: str) -> None:
    now = [T0 + timedelta(minutes=10)]
    ledger = Ledger(url, lambda: now[0])
    s = Schedule(name="s", every=HOUR)
    lease = ledger.take_lease("elsewhere:1:1:m", timedelta(days=1))
    assert lease is not None
    assert ledger.mark(lease, s, now[0]) == (now[0], True)
    control.pause(ledger, "s", "停电", "li")
    assert ledger.pauses() == {"s": Pause(now[0], "停电", "li")}
    now[0] += 2 * HOUR
    control.resume(ledger, "s", "li", schedule=s)
    assert ledger.pauses() == {}
    assert ledger.marks() == {"s": (now[0], s.timing_digest)}
    assert [r.state for r in ledger.runs()] == ["skipped"] * 2
    assert control.backfill(ledger, s, T0, now[0], "li", missed=True).known == 0
    assert [(r.state, r.cause, r.asked_by) for r in ledger.runs()] == [("due", "backfill", "li")] * 3
    run = control.run_now(ledger, "s", "wang")
    assert isinstance(ledger.claim(lease, run.id, {}, ["x"], HOUR), Run)
    assert control.cancel(ledger, run.id, "wang").cancel == "cancelled by wang"
    assert ledger.cancelled([run.id, 1]) == {run.id: "cancelled by wang"}
    assert ledger.try_again(run.id, lease.owner, now[0] + HOUR, "no net", retry=True, step="extract", counts={})
    again = ledger.run(run.id)
    assert (again.state, again.retries, again.not_before, again.step) == ("due", 1, now[0] + HOUR, "extract")
    assert not ledger.try_again(run.id, lease.owner, now[0], "it is not at work", retry=True)
    now[0] -= 5 * HOUR  # the clock is set back
    assert ledger.mark(lease, s, now[0]) == (now[0], False)
    ledger.close()


def test_a_run_by_hand_whose_process_is_no_more_is_told_as_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Looking writes nothing: the row says `running` until the next run takes note."""
    code = "from schedules.owner import myself; print(myself())"
    dead = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.strip()
    home = Home(tmp_path)
    ledger = Ledger(f"sqlite:///{home.ledger}")
    run = ledger.add_manual(dead, {}, ["wanshu"], HOUR)
    ledger.close()
    assert "its process is no" in called(capsys, tmp_path, "runs")[1]  # the line breaks there
    assert "which is no more" in called(capsys, tmp_path, "runs", "show", str(run.id))[1]
    out = called(capsys, tmp_path, "schedule", "cancel", str(run.id))[1]
    assert "which is no more" in out
    assert "heartbeat" not in out
