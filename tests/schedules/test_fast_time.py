"""The scheduler in fast time: two years in twenty zones, clocks that are set, downtime, limits, retries, blackout hours."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from crawler.errors import JianghuaError
from schedules import control
from schedules.jobs import Outcome
from schedules.ledger import Lease, Ledger
from schedules.plan import Due, Pause, Schedule, due_runs, fire_times, last_fire_time, load_schedule
from tests.schedules.fast_time import DONE, WAITS, FastTime, utc
from tests.schedules.test_calendar import ZONES, dates

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
T0 = utc("2026-11-22 03:00")


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[FastTime]:
    fast = FastTime(tmp_path, T0)
    yield fast
    fast.ledger.close()


def test_over_two_years_in_twenty_zones_each_date_has_one_run_in_the_ledger(tmp_path: Path) -> None:
    """Woken once in thirty days, at odd times: each fire time gets its row whether it was met or is caught up."""
    ledger = Ledger(f"sqlite:///{tmp_path}/state.db")
    lease = ledger.take_lease("test", 10_000 * DAY)
    assert lease is not None
    for zone, year in ZONES.items():
        name = zone.lower().replace("/", "-")
        s = Schedule(name=name, cron="10 0 * * *", time_zone=zone, missed="all", overlap="queue")  # type: ignore[arg-type]
        start = datetime(year, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        end = datetime(year + 2, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        now = start
        while now < end:
            until, _ = ledger.mark(lease, s, now)
            ledger.record(lease, s, due_runs(s, until, now), now)
            now += timedelta(days=30, seconds=977)
        until, _ = ledger.mark(lease, s, end)
        ledger.record(lease, s, due_runs(s, until, end), end)
        count: Counter[date] = Counter(
            r.scheduled_for.astimezone(ZoneInfo(zone)).date() for r in ledger.runs(schedule=name)
        )
        assert set(count.values()) == {1}, zone
        assert set(count) == dates(ZoneInfo(zone), start, end), zone
    ledger.close()


def test_met_one_after_the_other_a_daily_schedule_runs_once_a_date_in_the_odd_weeks(fast: FastTime) -> None:
    odd = {
        "Pacific/Apia": utc("2011-12-27 12:00"),
        "Europe/Berlin": utc("2026-10-22 12:00"),
        "Australia/Lord_Howe": utc("2026-04-02 12:00"),
        "America/Scoresbysund": utc("2025-03-27 12:00"),
    }
    for zone, start in odd.items():
        name = zone.lower().replace("/", "-")
        fast.schedule(
            name, cron="10 2 * * *" if "Scores" not in zone else "30 23 * * *", time_zone=zone, sites=["wanshu"]
        )
        s = Schedule(**json.loads((fast.home.own_schedules / f"{name}.yaml").read_text()))
        fast.wall = start
        fast.tick()
        for t in fire_times(s, start, start + 7 * DAY):
            fast.to(t + timedelta(seconds=3))
            fast.tick()
        rows = fast.ledger.runs(schedule=name)
        assert {r.state for r in rows} == {"done"}
        count = Counter(r.scheduled_for.astimezone(ZoneInfo(zone)).date() for r in rows)
        assert set(count.values()) == {1}
        assert len(count) == 7
        assert set(count) == dates(ZoneInfo(zone), rows[-1].scheduled_for, rows[0].scheduled_for + HOUR)
        (fast.home.own_schedules / f"{name}.yaml").unlink()
    assert set(fast.finished.values()) == {1}


# ---------------------------------------------------------------------------------------------- clocks that are set

jumps = st.sampled_from([HOUR, DAY, -HOUR, -DAY])
winds = st.integers(1, 200).map(lambda m: timedelta(minutes=m))
events = st.lists(st.tuples(st.booleans(), winds, jumps), min_size=2, max_size=8)


@given(events=events, policy=st.sampled_from(["all", "latest", "none", {"within": "2h"}]))
@example(events=[(True, timedelta(minutes=192), HOUR), (False, timedelta(minutes=119), -DAY)], policy="all")
@settings(max_examples=8, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # a smaller example would take minutes
def test_however_the_clock_is_set_nothing_runs_twice_and_nothing_is_lost_unsaid(
    events: list[tuple[bool, timedelta, timedelta]], policy: object
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fast = FastTime(Path(folder), T0 + timedelta(minutes=7))
        fast.schedule(cron="5 * * * *", missed=policy)
        fast.tick()
        seen = [fast.wall]
        for jump, wind, by in events:
            if jump:
                fast.set_clock(by)
            else:
                fast.wind(wind)
            fast.tick()
            seen.append(fast.wall)
        s = Schedule(name="s", cron="5 * * * *")
        rows = fast.rows()
        times = [r.scheduled_for for r in rows]
        # all that the clock went over on its way forward, however it went
        assert times == sorted({t for a, b in pairwise(seen) for t in fire_times(s, a, max(a, b))})
        assert all(n == 1 for n in fast.finished.values())
        assert {int(name) for name in fast.finished} == {r.id for r in rows if r.state in ("done", "caught_up")}
        assert all(r.why for r in rows if r.state not in ("done", "due"))
        if policy == "all":
            left = [
                r for r in rows if r.state not in ("done", "caught_up")
            ]  # on time, while one before it was being caught up
            assert all(r.state == "skipped" and "overlap: skip" in (r.why or "") for r in left)
        fast.ledger.close()


def test_what_the_clock_jumped_over_is_missed_and_says_so(fast: FastTime) -> None:
    fast.schedule(every="1h", missed="latest")
    fast.tick()
    fast.wind(HOUR)
    fast.tick()
    fast.set_clock(4 * HOUR + timedelta(minutes=10))
    fast.tick()
    assert fast.told() == [
        ("04:00", "done"),
        *[(f"0{h}:00", "missed") for h in (5, 6, 7)],
        ("08:00", "caught_up"),
    ]
    assert "the clock went 4h 10m forward while the scheduler ran" in (fast.rows()[1].why or "")
    fast.scheduler = fast.new_scheduler()  # a scheduler that was not there does not know of clocks
    fast.wind(2 * HOUR)
    fast.tick()
    assert "no scheduler was running" in (fast.rows()[-2].why or "")


def test_a_clock_that_was_ahead_and_is_put_right_loses_no_fire_time(fast: FastTime) -> None:
    fast.schedule(every="1h", missed="latest")
    fast.tick()
    fast.set_clock(DAY + timedelta(minutes=10))
    fast.tick()
    assert Counter(r.state for r in fast.rows()) == {"missed": 23, "caught_up": 1}
    fast.set_clock(-DAY - timedelta(minutes=10))
    fast.tick()
    assert len(fast.rows()) == 24
    for _ in range(25):
        fast.wind(HOUR)
        fast.tick()
    rows = fast.rows()
    assert [r.scheduled_for for r in rows] == [T0 + n * HOUR for n in range(1, 26)]
    assert Counter(r.state for r in rows) == {"done": 24, "caught_up": 1}
    assert set(fast.finished.values()) == {1}


def test_a_schedule_that_is_new_while_the_clock_is_ahead_still_fires_today(fast: FastTime) -> None:
    fast.set_clock(DAY)
    fast.schedule(every="1h")
    fast.tick()
    fast.set_clock(-DAY)
    fast.tick()
    fast.wind(HOUR)
    fast.tick()
    assert fast.told() == [("04:00", "done")]


def test_a_retry_does_not_wait_for_a_clock_that_was_set_back(fast: FastTime) -> None:
    fast.schedule(every="1h", retries={"times": 1, "wait": "10m", "most": "20m"})
    fast.perform = lambda tries: Outcome("failed", "no net", {}, None, True) if tries == 0 else DONE
    fast.tick()
    fast.wind(HOUR)
    fast.tick()
    assert fast.rows()[0].not_before == T0 + HOUR + timedelta(minutes=10)
    fast.set_clock(-HOUR + timedelta(minutes=1))
    fast.tick()
    assert fast.told() == [("04:00", "due")]  # its fire time itself is to come again
    fast.wind(HOUR - timedelta(minutes=1))
    fast.tick()
    fast.wind(timedelta(minutes=21))
    fast.tick()
    assert fast.told() == [("04:00", "done")]


def test_a_machine_that_forgot_the_date_and_is_told_it_again_has_missed_nothing_from_before_its_schedules(
    fast: FastTime,
) -> None:
    """It starts in the year 2000, and some minutes later a time server puts its clock right."""
    fast.schedule(every="1d", missed="all", overlap="queue")
    fast.tick()
    fast.to(T0 + 2 * DAY)
    fast.tick()
    done = fast.told()
    assert [state for _, state in done] == ["caught_up"] * 2
    fast.set_clock(utc("2000-01-01 00:00") - fast.wall)
    fast.tick()
    fast.wind(timedelta(minutes=3))
    fast.tick()
    fast.set_clock(T0 + 3 * DAY - fast.wall)
    fast.tick()
    assert [state for _, state in fast.told()] == ["caught_up"] * 3
    assert fast.rows()[-1].scheduled_for == utc("2026-11-25 00:00")


def test_what_was_to_begin_at_once_does_not_wait_for_a_clock_that_was_set_back(fast: FastTime) -> None:
    """What a person wants while the clock is a year ahead and all hands are busy."""
    fast.schedule(every="1d")
    fast.schedule("busy", every="1d", anchor="2026-01-01 12:00")
    fast.tick()
    fast.scheduler.settings.parallel = 1
    fast.perform = lambda _: WAITS
    asked = control.run_now(fast.ledger, "busy", "me")
    fast.tick(wait=False)
    assert fast.at_work.wait(30)
    fast.set_clock(365 * DAY)
    fast.tick(wait=False)
    control.run_now(fast.ledger, "s", "me")
    assert {r.cause for r in fast.ledger.runs(states=["due"])} == {"catch_up", "now"}
    fast.set_clock(-365 * DAY)
    fast.release.set()
    while fast.ledger.run(asked.id).state == "running":
        time.sleep(0.01)
    fast.tick()
    assert {r.cause for r in fast.ledger.runs(states=["due"])} == {"catch_up"}  # for a time that is still to come


def test_a_run_for_a_time_to_come_is_not_in_the_way_of_those_before_it(fast: FastTime) -> None:
    """The clock is a year ahead for a moment, in which a schedule fires that begins some minutes later (jitter)."""
    fast.schedule(every="1d", jitter="10m")
    fast.tick()
    fast.set_clock(365 * DAY - timedelta(hours=3))
    fast.tick()
    assert [r.cause for r in fast.ledger.runs(states=["due"])] == ["timer"]
    fast.set_clock(utc("2026-11-22 23:00") - fast.wall)
    fast.tick()
    for _ in range(60):
        fast.wind(HOUR)
        fast.tick()
    near = [r for r in fast.rows() if r.scheduled_for <= fast.wall]
    assert {r.state for r in near} == {"done"}
    assert len(near) == 3


def test_where_the_clock_is_set_forward_those_who_live_get_time_to_say_so(fast: FastTime) -> None:
    """A run by hand, and a scheduler that holds the lease, both on another machine; then they are silent indeed."""
    fast.schedule(every="1d")
    fast.tick()
    run = fast.ledger.add_manual("elsewhere:1:1:m", {}, ["hualong"], timedelta(seconds=30))
    fast.wind(timedelta(seconds=5))
    fast.tick()
    fast.set_clock(HOUR)
    fast.tick()
    fast.wind(timedelta(seconds=5))
    fast.tick()
    assert fast.ledger.run(run.id).state == "running"
    for _ in range(6):
        fast.wind(timedelta(seconds=5))
        fast.tick()
    assert fast.ledger.run(run.id).state == "failed"

    assert fast.scheduler.lease is not None
    fast.ledger.release(fast.scheduler.lease)
    assert fast.ledger.take_lease("elsewhere:2:2:m", timedelta(seconds=30)) is not None
    fast.scheduler = fast.new_scheduler()
    fast.tick()
    fast.set_clock(HOUR)
    for _ in range(6):
        fast.tick()
        assert fast.scheduler.lease is None
        fast.wind(timedelta(seconds=5))
    fast.tick()
    assert fast.scheduler.lease is not None


def test_while_the_ledger_does_not_answer_nobody_says_that_no_scheduler_ran(
    fast: FastTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast.schedule(every="1h", missed="none")
    fast.tick()
    fast.wind(timedelta(minutes=58))

    def locked() -> dict[str, Pause]:
        fast.wind(timedelta(minutes=5))
        if fast.wall > T0 + timedelta(minutes=70):
            monkeypatch.undo()
        raise JianghuaError("the ledger does not answer: database is locked", where="here", remedy="wait")

    monkeypatch.setattr(fast.ledger, "pauses", locked)
    fast.scheduler.settings.heartbeat = 0.01
    threading.Timer(1.0, fast.scheduler._ask_to_stop).start()
    fast.scheduler.run()
    (run,) = fast.rows()
    assert run.state == "missed"
    assert "could not write into the ledger" in (run.why or "")


def test_no_step_is_done_again_because_the_ledger_did_not_answer_when_it_ended(
    fast: FastTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast.schedule(every="1h")
    fast.tick()
    fast.scheduler.settings.heartbeat = 0.01

    def three_times_not(then: Callable[..., bool]) -> Callable[..., bool]:
        restarted = iter(range(3))

        def write(*how: Any, **more: Any) -> bool:
            if next(restarted, None) is not None:
                raise JianghuaError(
                    "the ledger does not answer: server closed the connection", where="here", remedy="wait"
                )
            return then(*how, **more)

        return write

    monkeypatch.setattr(fast.ledger, "beat", three_times_not(fast.ledger.beat))
    monkeypatch.setattr(fast.ledger, "finish", three_times_not(fast.ledger.finish))
    fast.perform = lambda _: Outcome("done", None, {}, "2026-11-22.1")
    fast.to(utc("2026-11-22 04:00"))
    fast.tick(wait=False)
    (worker,) = fast.scheduler.workers.values()
    assert worker.thread is not None
    worker.thread.join(30)
    (run,) = fast.rows()
    assert (run.state, run.version, run.attempts) == ("done", "2026-11-22.1", 1)
    assert len(fast.begun) == 1


# ---------------------------------------------------------------------------------------------- downtime


def test_what_was_missed_in_a_long_time_is_written_in_pieces(fast: FastTime, monkeypatch: pytest.MonkeyPatch) -> None:
    """No transaction is longer than some hundred rows need, and the lease is kept meanwhile."""
    fast.schedule(cron="* * * * *")
    fast.tick()
    fast.wind(timedelta(minutes=1750, seconds=30))
    pieces, renewed = [], []
    record, renew = fast.ledger.record, fast.ledger.renew

    def recorded(held: Lease, schedule: Schedule, dues: Iterable[Due], until: datetime) -> Counter[str]:
        assert isinstance(dues, list)  # worked out before the transaction
        pieces.append(len(dues))
        return record(held, schedule, dues, until)

    monkeypatch.setattr(fast.ledger, "record", recorded)

    def kept(held: Lease, time: timedelta) -> None:
        renewed.append(time)
        renew(held, time)

    monkeypatch.setattr(fast.ledger, "renew", kept)
    fast.scheduler.settings.heartbeat = 0
    fast.tick()
    assert pieces == [500, 500, 500, 250]
    assert len(renewed) >= 4
    rows = fast.rows()
    assert [r.scheduled_for for r in rows] == [T0 + n * timedelta(minutes=1) for n in range(1, 1751)]
    assert [r.state for r in rows] == ["missed"] * 1749 + ["done"]  # the last is on time


@given(
    last=st.integers(0, 40_000),
    until=st.integers(0, 40_000),
    cron=st.sampled_from(["*/7 * * * *", "0 3 * * *", "5 0 1 * *"]),
)
def test_the_last_fire_time_is_the_last_of_all(last: int, until: int, cron: str) -> None:
    s = Schedule.model_validate({"name": "s", "cron": cron, "time_zone": "Europe/Berlin"})
    after, end = (utc("2026-03-01 00:00") + timedelta(minutes=m) for m in (last, until))
    assert last_fire_time(s, after, end) == max(fire_times(s, after, end), default=None)


def test_what_waits_is_told_in_one_transaction(fast: FastTime, monkeypatch: pytest.MonkeyPatch) -> None:
    fast.schedule(every="1h", missed="all", overlap="queue")
    fast.tick()
    control.pause(fast.ledger, "s", "a look", "me")
    fast.scheduler._stopping.set()
    noted = []
    note = fast.ledger.note

    def counted(held: Lease, whys: Mapping[int, str]) -> None:
        noted.append(len(whys))
        note(held, whys)

    monkeypatch.setattr(fast.ledger, "note", counted)
    control.backfill(fast.ledger, load_schedule("s", fast.home), T0 - 30 * DAY, T0)
    fast.tick()
    assert noted == [721]
    assert {r.why for r in fast.rows()} == {str(fast.ledger.pauses()["s"])}


def test_runs_of_a_schedule_that_is_gone_are_all_skipped_at_once(fast: FastTime) -> None:
    fast.schedule(every="1h")
    fast.schedule("t", every="1h")
    fast.tick()
    control.backfill(fast.ledger, load_schedule("s", fast.home), T0 - DAY, T0)
    (fast.home.own_schedules / "s.yaml").unlink()
    fast.tick()
    assert {(r.state, r.why) for r in fast.ledger.runs(schedule="s")} == {
        ("skipped", "the schedule is not there any more")
    }


@pytest.mark.parametrize("down", [1, 2, 5])
@pytest.mark.parametrize("policy", ["latest", "all", "none", {"within": "2h"}])
def test_after_so_many_missed_fire_times_exactly_what_the_schedule_says_runs(
    fast: FastTime, down: int, policy: object
) -> None:
    fast.schedule(every="1h", missed=policy)
    fast.tick()
    fast.wind(down * HOUR + timedelta(minutes=20))
    fast.scheduler = fast.new_scheduler()
    for _ in range(down + 1):
        fast.tick()
    caught = {"latest": 1, "all": down, "none": 0}.get(str(policy), min(down, 2))
    rows = fast.rows()
    assert [r.scheduled_for for r in rows] == [T0 + n * HOUR for n in range(1, down + 1)]
    assert [r.state for r in rows] == ["missed"] * (down - caught) + ["caught_up"] * caught
    assert all(r.why for r in rows)
    assert sum(fast.finished.values()) == caught


# ---------------------------------------------------------------------------------------------- limits and retries


def test_a_run_beyond_its_time_limit_is_ended_and_fails_with_the_reason(fast: FastTime) -> None:
    fast.schedule(every="6h", time_limit="3h")
    fast.perform = lambda _: WAITS
    fast.tick()
    fast.to(utc("2026-11-22 06:00"))
    fast.tick(wait=False)
    assert fast.at_work.wait(30)
    fast.wind(3 * HOUR - timedelta(seconds=1))
    fast.set_clock(DAY)  # however much later the clock says that it is
    fast.tick(wait=False)
    (run,) = fast.ledger.runs(states=["running"])
    fast.set_clock(-DAY)
    fast.wind(timedelta(seconds=1))
    fast.tick()
    run = fast.ledger.run(run.id)
    assert run.state == "failed"
    assert run.why == "took longer than its time limit of 3h, in step crawl; what it kept is kept"


def test_a_failed_run_is_tried_again_with_longer_and_longer_waits(fast: FastTime) -> None:
    fast.schedule(every="1d", retries={"times": 3, "wait": "5m", "factor": 2, "most": "1h"})
    crawled = {"crawl": {"ok": True, "seconds": 2.0}, "publish": {"ok": False, "seconds": 1.0}}
    fast.perform = lambda tries: Outcome("failed", f"no room ({tries})", crawled, None, True) if tries < 3 else DONE
    fast.to(utc("2026-11-22 23:59"))
    fast.tick()
    fast.to(utc("2026-11-23 00:00"))
    fast.tick()
    for waited, retry in ((5, 1), (10, 2), (20, 3)):
        (run,) = fast.rows()
        assert (run.state, run.retries, run.step) == ("due", retry, "publish")
        assert run.not_before == fast.wall + timedelta(minutes=waited)
        assert f"retry {retry} of 3" in (run.why or "")
        assert f"no room ({retry - 1})" in (run.why or "")
        fast.wind(timedelta(minutes=waited, seconds=-1))
        fast.tick()
        assert fast.tried["1"] == retry
        fast.wind(timedelta(seconds=1))
        fast.tick()
    (run,) = fast.rows()
    assert (run.state, run.attempts) == ("done", 4)
    assert fast.finished == {"1": 1}
    assert [first for _, first in fast.begun] == [None, "publish", "publish", "publish"]
    fast.wind(timedelta(hours=5))
    fast.tick()
    assert len(fast.begun) == 4


def test_when_all_retries_failed_the_run_has_failed(fast: FastTime) -> None:
    fast.schedule(every="1d", retries={"times": 2})
    fast.perform = lambda _: Outcome("failed", "no net", {}, None, True)
    fast.tick()
    fast.to(utc("2026-11-23 00:00"))
    for _ in range(8):
        fast.tick()
        fast.wind(timedelta(minutes=11))
    (run,) = fast.rows()
    assert (run.state, run.why) == ("failed", "no net (after 2 retries)")
    assert fast.tried["1"] == 3


@pytest.mark.parametrize(
    "ended", [Outcome("waiting", "half of it is gone", {}, None), Outcome("failed", "no site", {}, None)]
)
def test_what_waits_for_a_person_or_would_fail_again_is_not_tried_again(fast: FastTime, ended: Outcome) -> None:
    fast.schedule(every="1d", retries={"times": 2})
    fast.perform = lambda _: ended
    fast.tick()
    fast.to(utc("2026-11-23 00:00"))
    for _ in range(8):
        fast.tick()
        fast.wind(timedelta(minutes=11))
    (run,) = fast.rows()
    assert (run.state, fast.tried["1"]) == (ended.state, 1)


def test_a_retry_is_taken_up_by_the_next_scheduler_and_ends_at_the_time_limit_again(fast: FastTime) -> None:
    fast.schedule(every="1d", retries={"times": 1}, time_limit="1h")
    fast.perform = lambda _: WAITS
    fast.to(utc("2026-11-22 23:59"))
    fast.tick()
    fast.wind(timedelta(minutes=1))
    fast.tick(wait=False)
    assert fast.at_work.wait(30)
    fast.wind(HOUR)
    fast.tick()
    assert "time limit" in (fast.rows()[0].why or "")
    assert fast.rows()[0].retries == 1
    fast.scheduler = fast.new_scheduler()
    fast.wind(timedelta(minutes=6))
    fast.tick(wait=False)
    assert fast.at_work.wait(30)
    fast.wind(HOUR)
    fast.tick()
    (run,) = fast.rows()
    assert (run.state, fast.tried["1"]) == ("failed", 2)


# ---------------------------------------------------------------------------------------------- blackout


def test_a_fire_time_in_the_blackout_begins_at_its_end_and_says_so(fast: FastTime) -> None:
    fast.schedule(every="1h", blackout=["03:30-06:15"], overlap="skip")
    fast.tick()
    for _ in range(3):
        fast.wind(HOUR)
        fast.tick()
    assert fast.told() == [("04:00", "due"), ("05:00", "skipped"), ("06:00", "skipped")]
    assert "blackout hours at 2026-11-22 06:15:00 UTC" in (fast.rows()[0].why or "")
    assert "run 1" in (fast.rows()[1].why or "")
    fast.wind(timedelta(minutes=15))
    fast.tick()
    assert fast.told()[0] == ("04:00", "done")


def test_what_runs_when_the_blackout_begins_is_let_finish(fast: FastTime) -> None:
    fast.schedule(cron="0 4 * * *", blackout=["04:10-06:15"])
    fast.perform = lambda _: WAITS
    fast.tick()
    fast.wind(HOUR)
    fast.tick(wait=False)
    assert fast.at_work.wait(30)
    fast.wind(HOUR)
    fast.tick(wait=False)
    assert fast.told() == [("04:00", "running")]
    fast.release.set()
    fast.tick()
    assert fast.told() == [("04:00", "done")]


def test_where_it_says_so_it_is_ended_and_goes_on_afterwards(fast: FastTime) -> None:
    fast.schedule(cron="0 4 * * *", blackout=["04:10-06:15"], blackout_stop=True)
    fast.perform = lambda tries: WAITS if tries == 0 else DONE
    fast.tick()
    fast.wind(HOUR)
    fast.tick(wait=False)
    assert fast.at_work.wait(30)
    fast.wind(timedelta(minutes=10))
    fast.tick()
    (run,) = fast.rows()
    assert (run.state, run.step, run.retries) == ("due", "crawl", 0)
    fast.to(utc("2026-11-22 06:14"))
    fast.tick()
    assert fast.told() == [("04:00", "due")]
    fast.wind(timedelta(minutes=1))
    fast.tick()
    assert fast.told() == [("04:00", "done")]
    assert fast.begun == [("1", None), ("1", "crawl")]
