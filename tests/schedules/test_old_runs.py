"""Old runs go from the ledger by rule, with their logs, and no fire time runs again for it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crawler.errors import JianghuaError
from crawler.home import Home
from publisher.retention import retention_settings
from schedules import control, old_runs
from schedules.jobs import Outcome
from schedules.ledger import LeaseLost, Ledger
from schedules.old_runs import LAST, RunRules, forget, run_rules
from schedules.plan import Due, Schedule
from schedules.store import runs
from schedules.totals import Total, all_totals, total_of
from tests.chain import popen
from tests.schedules.fast_time import FastTime, utc
from tests.schedules.test_command_line import called
from watching import metrics as metrics_module
from watching.alarms import alarms
from watching.check import check
from watching.metrics import metrics

NOW = utc("2026-11-22 03:00")
DAY = timedelta(days=1)
RULES = RunRules(730, 100_000)


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    ledger = Ledger(url, lambda: NOW)
    yield ledger
    ledger.close()


def fill(
    ledger: Ledger, days: int, *, schedule: str = "s", state: str = "done", until: datetime = NOW, **more: Any
) -> list[int]:
    """A run a day up to `until`; their numbers, oldest first."""
    rows = []
    for day in range(days, 0, -1):
        at = until - day * DAY
        rows.append(
            {
                "schedule": schedule, "scheduled_for": at, "start_after": at, "cause": "timer", "state": state, "sites": ["muduo"],
                "started": None if state in ("missed", "skipped") else at, "finished": at + timedelta(hours=1), "heartbeat": at,
                "attempts": 1, "counts": {}, **more,
            }
        )  # fmt: skip
    with ledger.engine.begin() as c:
        before = c.execute(sa.select(sa.func.coalesce(sa.func.max(runs.c.id), 0))).scalar_one()
        c.execute(runs.insert(), rows)
    return list(range(before + 1, before + 1 + days))


def change(ledger: Ledger, number: int, **values: Any) -> None:
    with ledger.engine.begin() as c:
        c.execute(runs.update().where(runs.c.id == number).values(**values))


def there(ledger: Ledger) -> set[int]:
    with ledger.engine.connect() as c:
        return set(c.execute(sa.select(runs.c.id)).scalars())


def kept_of(ledger: Ledger, schedule: str = "s") -> Total:
    with ledger.engine.connect() as c:
        return total_of(c, schedule)


def test_runs_go_by_age_and_leave_their_counts_and_times(ledger: Ledger, tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    numbers = fill(ledger, 1000)
    for number in (numbers[0], numbers[-1]):
        (home.logs / str(number)).mkdir(parents=True)
        (home.logs / str(number) / "crawl.log").write_text("x" * 1000)
    told = forget(home, ledger, RULES, dry_run=True)
    assert there(ledger) == {*numbers}
    assert (home.logs / str(numbers[0])).is_dir()
    done = forget(home, ledger, RULES)
    assert (done.runs, done.schedules, done.bytes, done.left) == (told.runs, told.schedules, told.bytes, told.left)
    assert there(ledger) == {*numbers[-730:]}
    assert (done.runs, done.bytes, done.left) == (270, 1000, 730)
    assert [p.name for p in home.logs.iterdir()] == [str(numbers[-1])]
    total = kept_of(ledger)
    assert total.removed == {"done": 270}
    assert (total.removed_since, total.removed_until) == (NOW - 1000 * DAY, NOW - 731 * DAY)
    assert forget(home, ledger, RULES).runs == 0


def test_the_oldest_go_where_there_are_too_many_but_none_that_ended_within_a_week(
    ledger: Ledger, tmp_path: Path
) -> None:
    home = Home.find(tmp_path)
    first = fill(ledger, 500)
    second = fill(ledger, 500, schedule="t", until=NOW - 300 * DAY)
    change(ledger, first[0], finished=NOW - DAY)  # a backfill of long ago
    rules = RunRules(10_000, 600)
    told = forget(home, ledger, rules, dry_run=True)
    done = forget(home, ledger, rules)
    assert done.schedules == told.schedules
    assert done.left == 600
    # those of t are older; its last 200 stay
    assert there(ledger) == {first[0], *first[101:], *second[-LAST:]}
    rules = RunRules(10_000, 1)
    forget(home, ledger, rules)
    assert there(ledger) == {first[0], *first[-LAST:], *second[-LAST:]}


def test_what_anybody_needs_stays_whatever_its_age(ledger: Ledger, tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    numbers = fill(ledger, 700, state="failed", until=NOW - 2000 * DAY)
    open_ones = {"due": numbers[0], "running": numbers[1], "waiting": numbers[2]}
    for state, number in open_ones.items():
        change(ledger, number, state=state)
    change(ledger, numbers[3], state="done")  # the last that ended well
    missed = fill(ledger, 300, state="missed", until=NOW - 1000 * DAY)
    with ledger.engine.begin() as c:
        c.exec_driver_sql(
            "INSERT INTO alarms (key, kind, severity, what, remedy, figures, first_seen, last_seen, times) VALUES "
            f"('run_failed s', 'run_failed', 'critical', 'x', 'y', '{{\"run\": {numbers[5]}}}', '2026-01-01', '2026-01-01', 1)"
        )
    forget(home, ledger, RULES)
    expected = {*open_ones.values(), numbers[3], numbers[5], *numbers[-LAST:], *missed[-LAST:]}
    assert there(ledger) == expected
    (alone,) = fill(ledger, 1, schedule="rare", until=NOW - 3000 * DAY)
    forget(home, ledger, RULES)
    assert there(ledger) == {*expected, alone}


def test_a_run_that_is_asked_for_again_meanwhile_stays(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = fill(ledger, 1000, state="missed")
    found = old_runs.old_runs

    def then_asked_for(*args: Any) -> list[Any]:
        rows = found(*args)
        change(ledger, numbers[0], state="due")
        return rows

    monkeypatch.setattr(old_runs, "old_runs", then_asked_for)
    forget(Home.find(tmp_path), ledger, RULES)
    assert there(ledger) == {numbers[0], *numbers[-730:]}
    assert kept_of(ledger).removed == {"missed": 269}


def test_nothing_goes_for_a_scheduler_that_lost_its_lease(ledger: Ledger, tmp_path: Path) -> None:
    numbers = fill(ledger, 1000)
    held = ledger.take_lease("a:1:1:m", timedelta(0))
    assert held is not None
    assert ledger.take_lease("b:1:1:m", DAY) is not None
    with pytest.raises(LeaseLost):
        forget(Home.find(tmp_path), ledger, RULES, held=held)
    assert there(ledger) == {*numbers}


def test_a_fire_time_whose_run_was_removed_runs_no_more(ledger: Ledger, tmp_path: Path) -> None:
    s = Schedule.model_validate({"name": "s", "cron": "0 3 * * *", "missed": "all", "overlap": "queue"})
    held = ledger.take_lease("a:1:1:m", DAY)
    assert held is not None
    ledger.mark(held, s, NOW - 1000 * DAY)
    fill(ledger, 1000)
    forget(Home.find(tmp_path), ledger, RULES)
    # the clock was set back below them and is right again: everything since the schedule began is looked at again
    ledger.mark(held, s, NOW - 3000 * DAY)
    until, _ = ledger.mark(held, s, NOW)
    assert until < NOW - 900 * DAY
    dues = [Due(NOW - day * DAY, "catch_up", NOW, None) for day in range(1000, -1, -1)]
    assert ledger.record(held, s, dues, NOW) == {"due": 1}
    assert [r.scheduled_for for r in ledger.runs(states=["due"])] == [NOW]
    # nor does it when a person asks for all that have no run
    plan = control.backfill(ledger, s, NOW - 1003 * DAY, NOW)
    assert plan.times == tuple(NOW - day * DAY for day in (1003, 1002, 1001))
    assert plan.known == 1001
    # a machine that is at a time before all of them works as ever
    ledger.mark(held, s, NOW - 2000 * DAY)
    early = NOW - 1990 * DAY
    assert ledger.record(held, s, [Due(early, "run", early, None)], early) == {"due": 1}


def test_counters_never_fall_when_runs_go(tmp_path: Path) -> None:
    """Prometheus takes one that falls for a restart, and what it shows then for an increase."""
    from tests.watching.made import House

    house = House(tmp_path)
    for _ in range(230):
        house.ran(hours=12)
    check(house.home, house.ledger, telling=False)
    before = [x for x in metrics(house.home, house.ledger).decode().splitlines() if "_total{" in x]
    assert 'jianghua_requests_total{schedule="nightly"} 23000.0' in before
    assert forget(house.home, house.ledger, RunRules(1, 1000)).runs == 30
    assert [x for x in metrics(house.home, house.ledger).decode().splitlines() if "_total{" in x] == before
    house.ran()
    assert 'jianghua_requests_total{schedule="nightly"} 23100.0' in metrics(house.home, house.ledger).decode()
    assert alarms(house.ledger) == []
    house.ledger.close()


def test_logs_that_another_process_removes_just_then_hold_nothing_up(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.find(tmp_path)
    numbers = fill(ledger, 1000)
    (home.logs / str(numbers[0]) / "site").mkdir(parents=True)
    (home.logs / str(numbers[0]) / "site" / "crawl.log").write_text("x")
    size = old_runs._size

    def then_gone(path: Path) -> int:
        found = size(path)
        shutil.rmtree(path.parent, ignore_errors=True)
        return found

    monkeypatch.setattr(old_runs, "_size", then_gone)
    assert forget(home, ledger, RULES).runs == 270
    assert there(ledger) == {*numbers[-730:]}


def test_counters_are_those_of_one_moment(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that are removed while the metrics are made count once: twice now would be a counter that falls at the next look."""
    home = Home.find(tmp_path)
    fill(ledger, 1000)

    def then_removed(c: sa.Connection) -> dict[str, Total]:
        if there(ledger) == {*range(1, 1001)}:
            assert forget(home, ledger, RULES).runs == 270
        return all_totals(c)

    monkeypatch.setattr(metrics_module, "all_totals", then_removed)
    for _ in range(2):
        assert b'jianghua_runs_total{schedule="s",state="done"} 1000.0' in metrics(home, ledger)


def test_times_that_were_never_run_are_no_obstacle_when_the_clock_was_years_ahead(tmp_path: Path) -> None:
    """It was so for more than a week, so that what it jumped over was removed as missed; then it is put right."""
    fast = FastTime(tmp_path, NOW)
    fast.schedule(cron="0 3,9,15,21 * * *", time_zone="UTC", missed="none")
    fast.tick()
    for _ in range(210):
        fast.wind(timedelta(hours=6))
        fast.tick()
    fast.set_clock(3 * 365 * DAY)
    for _ in range(9):
        fast.wind(DAY)
        fast.tick()
    assert forget(fast.home, fast.ledger, RunRules(10_000, 1000)).runs > 3000
    fast.set_clock(-3 * 365 * DAY)
    fast.tick()
    fast.wind(timedelta(hours=6))
    fast.tick()
    assert [r.state for r in fast.rows() if r.scheduled_for == fast.wall] == ["done"]
    fast.ledger.close()


def counted(fast: FastTime) -> dict[str, float]:
    """The counters of runs that the metrics give."""
    lines = metrics(fast.home, fast.ledger).decode().splitlines()
    return {k: float(v) for k, v in (x.rsplit(" ", 1) for x in lines if x.startswith("jianghua_runs_total{"))}


def test_counters_do_not_fall_either_when_runs_are_made_up_for_or_confirmed(tmp_path: Path) -> None:
    fast = FastTime(tmp_path, NOW)
    fast.schedule(every="1h", missed="none")
    fast.tick()
    seen = [counted(fast)]

    def grown(**by: int) -> None:
        """So many runs more of these states, and no others."""
        seen.append(counted(fast))
        more = {k: n - seen[-2].get(k, 0.0) for k, n in seen[-1].items()}
        assert {k.split('"')[3]: n for k, n in more.items() if n} == by

    fast.wind(timedelta(hours=3, minutes=5))
    fast.scheduler = fast.new_scheduler()
    fast.tick()
    grown(missed=3)
    (schedule,) = fast.scheduler.schedules.values()
    assert len(control.backfill(fast.ledger, schedule, NOW, fast.wall, missed=True, dry=True).times) == 4
    grown()
    assert len(control.backfill(fast.ledger, schedule, NOW, fast.wall, missed=True).times) == 4
    fast.tick()
    grown(done=4)

    fast.set_clock(timedelta(hours=2))  # and right again: what was missed meanwhile runs after all
    fast.tick()
    grown(missed=2)
    fast.set_clock(timedelta(hours=-2))
    fast.tick()
    for minutes in (55, 60):
        fast.wind(timedelta(minutes=minutes))
        fast.tick()
    grown(done=2)

    waits = Outcome("waiting", "too many gone", {}, None)
    published = Outcome("done", None, {}, "2026-11-22.1")

    def publishes(outcome: Outcome) -> Outcome:
        assert fast.ledger.beat(fast.rows()[-1].id, fast.scheduler.owner, counts={"publish": {}})
        return outcome

    def run(outcome: Outcome) -> None:
        fast.perform = lambda _: publishes(outcome)
        fast.wind(timedelta(hours=1))
        fast.tick()

    run(waits)
    grown(waiting=1)
    control.cancel(fast.ledger, fast.rows()[-1].id)
    grown(failed=1)
    run(waits)
    grown(waiting=1)
    run(published)
    grown(done=1, failed=1)  # the other one that waits was never confirmed
    fast.ledger.close()


def test_the_scheduler_lets_old_runs_go_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = FastTime(tmp_path, NOW)
    fast.schedule(every="1d", anchor="2026-11-22 12:00")
    fill(fast.ledger, 1000)
    monkeypatch.setattr(old_runs, "STEP", 100)
    left = []
    fast.tick()
    fast.set_clock(timedelta(minutes=1))
    for _ in range(40):
        fast.wind(timedelta(minutes=3))
        fast.tick()
        left.append(len(there(fast.ledger)))
    # the clock was set in the first seconds; an hour later the first hundred go, then the others
    assert left[:20] == [1000] * 20
    assert [n for i, n in enumerate(left) if n not in left[:i]] == [1000, 900, 800, 729]
    fast.wind(DAY)
    fast.tick()
    fast.tick()
    assert len(there(fast.ledger)) == 729  # one more, and one less
    fast.ledger.close()


def test_settings_that_are_wrong_hold_nothing_up(tmp_path: Path) -> None:
    fast = FastTime(tmp_path, NOW)
    fast.schedule(every="1h")
    fill(fast.ledger, 1000)
    fast.home.settings_file.write_text("[retention]\nruns_keep_days = -3\n")
    with pytest.raises(JianghuaError, match="runs_keep_days"):
        run_rules(fast.home)
    fast.tick()
    fast.wind(timedelta(hours=2))
    fast.tick()
    assert fast.rows()[-1].state == "done"
    assert len(there(fast.ledger)) > 1000
    fast.ledger.close()


def test_rules_stand_in_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.find(tmp_path)
    assert run_rules(home) == RunRules(730, 100_000)
    home.settings_file.write_text("[retention]\nruns_keep_days = inf\nruns_most = 5000\n")
    assert run_rules(home) == RunRules(float("inf"), 5000)
    assert run_rules(home).before(NOW) is None
    monkeypatch.setenv("JIANGHUA_RETENTION_RUNS_KEEP_DAYS", "90")
    assert run_rules(home) == RunRules(90, 5000)
    assert retention_settings(home).keep_days == 30


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home.find(tmp_path)

    def said_by(*args: str) -> str:
        return called(capsys, tmp_path, "retention", "runs", *args)[1]

    assert "0 runs would go" in said_by("--dry-run")
    ledger = Ledger(f"sqlite:///{home.ledger}", lambda: NOW)
    long_ago = utc("2020-01-01 03:00")
    numbers = fill(ledger, 450, until=long_ago)
    told = json.loads(said_by("--dry-run", "--json"))
    assert told["runs"] == 250
    assert told["dry_run"] is True
    assert there(ledger) == {*numbers}
    said = said_by("--older-than", "5w", "--most", "1000")
    assert "s  250 runs, 2018-10-08 to 2019-06-14" in said
    assert "250 runs went, 200 stay" in said
    assert there(ledger) == {*numbers[-200:]}
    assert called(capsys, tmp_path, "retention", "runs", "--older-than", "5m")[0] == 2
    ledger.close()


CHILD = """
import sys
from pathlib import Path
from crawler.home import Home
from schedules.ledger import Ledger
from schedules.old_runs import RunRules, forget
forget(Home.find(Path(sys.argv[1])), Ledger(sys.argv[2]), RunRules(730, 100_000))
"""


def test_a_kill_at_any_moment_counts_each_run_once(ledger: Ledger, url: str, tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    numbers = fill(ledger, 1200, until=NOW - 2000 * DAY)
    for number in numbers:
        (home.logs / str(number)).mkdir(parents=True)
    for killed in range(8):
        child = popen([sys.executable, "-c", CHILD, str(home.root), url])
        try:
            child.wait(0.3 + 0.15 * killed)
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGKILL)
        child.wait()
        left = there(ledger)
        assert kept_of(ledger).removed.get("done", 0) == 1200 - len(left)
        logs = {int(p.name) for p in home.logs.iterdir()}
        assert logs <= left
    forget(home, ledger, RULES)
    assert there(ledger) == {*numbers[-LAST:]}
    assert {int(p.name) for p in home.logs.iterdir()} == {*numbers[-LAST:]}


def test_half_a_report_of_an_older_program_counts_as_far_as_it_goes() -> None:
    from schedules.totals import figures_of

    assert figures_of({"total": {"crawl": {"requests": 3, "bytes": True}, "extract": None}, "published": []}) == {
        "requests": 3
    }
    assert figures_of(None) == {}
    assert figures_of("half") == {}
