"""Real scheduler processes on one ledger: killed with -9, stopped politely, two at a time. The steps are small processes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schedules import revisions
from schedules.clock import Scheduler
from schedules.jobs import Outcome
from schedules.ledger import Ledger
from schedules.settings import load_settings
from schedules.store import marks
from tests.schedules.house import House, alive, until
from tests.schedules.postgres_server import PostgresServer


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.end()


def test_catch_up_runs_the_steps_and_records_the_rest(house: House) -> None:
    house.schedule()
    process = house.start(0, once=True)
    assert process.wait(60) == 0, house.log(0)
    *missed, last = house.ledger.runs(oldest_first=True)
    assert last.state == "caught_up" or (last.cause == "timer" and last.state == "done")
    assert {r.state for r in missed} == {"missed"}
    assert [e[:2] for e in house.events()] == [
        [w, s] for s in ("crawl", "learn", "extract", "publish") for w in ("begin", "end")
    ]
    assert last.version == "2026-11-22.1"
    assert {k: v["report"]["items"] for k, v in last.counts.items()} == dict.fromkeys(last.counts, 3)
    again = house.start(0, once=True)
    assert again.wait(60) == 0
    assert len(house.events()) == 8


def test_a_failed_crawl_stops_nobody_and_is_told(house: House) -> None:
    house.schedule()
    assert house.start(0, once=True, STEP_CODES='{"crawl": 1}').wait(60) == 1
    last = house.ledger.runs(limit=1)[0]
    assert last.state == "failed"
    assert "crawl could not" in (last.why or "")
    assert last.version == "2026-11-22.1"
    assert ["end", "publish"] in [e[:2] for e in house.events()]
    assert "crawl could not" in (house.home.logs / str(last.id) / "crawl.log").read_text()


@pytest.mark.parametrize(("code", "remedy"), [(7, "--accept rows_lost"), (8, "jianghua publish speeches --confirm")])
def test_what_gates_say_waits_for_a_person_until_a_later_version(house: House, code: int, remedy: str) -> None:
    house.schedule("s")
    assert house.start(0, once=True, STEP_CODES=f'{{"publish": {code}}}').wait(60) == 1
    waiting = house.ledger.runs(limit=1)[0]
    assert (waiting.state, waiting.version) == ("waiting", None)
    assert remedy in (waiting.why or "")
    house.schedule("t")
    assert house.start(0, once=True).wait(60) == 0
    after = house.run(waiting.id)
    assert after.state == "failed"
    assert "never confirmed" in (after.why or "")


def test_killed_in_the_middle_it_is_taken_up_again_at_its_step(house: House) -> None:
    house.schedule()
    first = house.start(60)
    for step in ("crawl", "learn"):
        (house.folder / f"go-{step}").touch()  # these two may end, extract may not
    until(lambda: ["begin", "extract"] in [e[:2] for e in house.events()])
    open_ = next(r for r in house.ledger.runs() if r.state == "running")
    pid = house.events()[-1][2]
    first.send_signal(signal.SIGKILL)
    first.wait()
    until(lambda: not alive(pid))  # the step does not outlive its scheduler
    (house.folder / "go").touch()
    begun = len(house.events())
    assert house.start(0, once=True).wait(60) == 0, house.log(1)
    run = house.run(open_.id)
    assert run.state in ("caught_up", "done")
    assert run.attempts == 2
    later = [e[:2] for e in house.events()[begun:]]
    assert ["begin", "crawl"] not in later
    assert later[-1] == ["end", "publish"]
    assert not [e for e in house.events() if e[0] == "clash"]


def test_killed_again_and_again_it_ends_in_one_run(house: House) -> None:
    house.schedule(down=timedelta(hours=1))
    for moment in (0.0, 0.2, 0.4):
        begun = len(house.events())
        process = house.start(0.2)
        until(lambda n=begun: len(house.events()) > n or "done" in house.states() or "caught_up" in house.states())  # type: ignore[misc]
        time.sleep(moment)
        process.kill()
        process.wait()
    assert house.start(0.2, once=True).wait(60) == 0
    assert [r.state for r in house.ledger.runs() if r.state not in ("missed", "skipped")] in (["caught_up"], ["done"])
    ended = [e[1] for e in house.events() if e[0] == "end"]
    assert set(ended) == {"crawl", "learn", "extract", "publish"}
    assert ended == sorted(ended, key=["crawl", "learn", "extract", "publish"].index)
    assert not [e for e in house.events() if e[0] == "clash"]


def test_a_second_scheduler_waits_and_takes_over_after_kill_9(house: House) -> None:
    house.schedule()
    first = house.start(60)
    until(lambda: house.events())
    second = house.start(60)
    until(lambda: "waits" in house.log(1))
    assert "holds the lease" in house.log(0)
    assert len(house.events()) == 1
    first.send_signal(signal.SIGKILL)
    first.wait()
    until(lambda: "taken up again" in house.log(1))
    (house.folder / "go").touch()
    until(lambda: house.states()[-1] in ("caught_up", "done"))
    assert second.poll() is None
    assert not [e for e in house.events() if e[0] == "clash"]


def test_with_once_it_does_not_wait_for_a_living_scheduler(house: House) -> None:
    house.schedule()
    house.start(60)
    until(lambda: house.events())
    second = house.start(0, once=True)
    assert second.wait(60) == 1
    assert "another scheduler is at work" in house.log(1)


def test_a_scheduler_ends_when_a_newer_program_has_migrated_the_ledger(house: House) -> None:
    """It knows nothing of the locks and columns of that one, which takes up what was at work."""
    house.schedule()
    process = house.start(60)
    until(lambda: house.events())
    with house.ledger.engine.begin() as c:
        c.execute(revisions.said.update().values(version_num="9000"))
    assert process.wait(60) == 1
    assert "the ledger is of a newer Jianghua: revision 9000" in house.log(0)
    assert not alive(house.events()[0][2])
    assert house.ledger.runs(limit=1)[0].state == "running"
    with house.ledger.engine.begin() as c:
        c.execute(revisions.said.update().values(version_num=revisions.newest()))
    (house.folder / "go").touch()
    assert house.start(0, once=True).wait(60) == 0
    assert house.states()[-1] == "caught_up"


def test_sigterm_leaves_the_run_to_go_on_later(house: House) -> None:
    house.schedule()
    process = house.start(60)
    until(lambda: house.events())
    process.terminate()
    assert process.wait(60) == 0
    run = house.ledger.runs(limit=1)[0]
    assert (run.state, run.step) == ("due", "crawl")
    assert "interrupted" in (run.why or "")
    assert not alive(house.events()[0][2])
    assert house.ledger.lease_holder()[0] is None
    (house.folder / "go").touch()
    assert house.start(0, once=True).wait(60) == 0
    assert house.run(run.id).state in ("caught_up", "done")


def test_asked_twice_it_ends_though_the_ledger_never_answers(postgres: PostgresServer, tmp_path: Path) -> None:
    house = House(tmp_path, postgres.new_ledger())
    house.schedule()
    process = house.start(60, LAST_WORD="1")
    until(lambda: house.events())
    step = house.events()[0][2]
    with postgres.frozen():
        time.sleep(1)  # a heartbeat waits for an answer
        process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.terminate()
        assert process.wait(30) == 1
        until(lambda: not alive(step))
    assert "ends at once" in house.log(0)
    (house.folder / "go").touch()
    assert house.start(0, once=True).wait(60) == 0
    assert house.states()[-1] == "caught_up"
    house.end()


def test_a_step_killed_from_outside_goes_on_by_itself(house: House) -> None:
    house.schedule()
    process = house.start(60)
    until(lambda: house.events())
    os.kill(int(house.events()[0][2]), signal.SIGKILL)
    until(lambda: len(house.events()) == 2)
    (house.folder / "go").touch()
    until(lambda: house.states()[-1] in ("caught_up", "done"))
    assert process.poll() is None
    assert [e[:2] for e in house.events()[:3]] == [["begin", "crawl"], ["begin", "crawl"], ["end", "crawl"]]


def test_runs_of_two_schedules_on_one_site_go_one_after_the_other(house: House) -> None:
    house.schedule("s")
    house.schedule("t")
    assert house.start(0.3, once=True).wait(60) == 0
    assert not [e for e in house.events() if e[0] == "clash"]
    assert len([e for e in house.events() if e[:2] == ["end", "publish"]]) == 2


def test_a_broken_schedule_stops_no_other_and_is_told(house: House) -> None:
    house.schedule("s")
    (house.home.own_schedules / "bad.yaml").write_text("name: bad\ncron: never\n")
    assert house.start(0, once=True).wait(60) == 1
    assert "bad.yaml:2" in house.log(0)
    assert house.states()[-1] in ("caught_up", "done")


def test_what_is_due_waits_while_the_file_of_its_schedule_is_broken(house: House) -> None:
    """Broken before the scheduler is started, so that it has no last good content."""
    house.schedule("s")
    house.schedule("t")
    process = house.start(60)
    until(lambda: "running" in house.states())
    process.kill()
    process.wait()
    due = [r.id for r in house.ledger.runs(states=["due"])]
    assert due
    good = {p: p.read_text() for p in house.home.own_schedules.iterdir()}
    for path in good:
        path.write_text(f"name: {path.stem}\ncron: never\n")
    (house.home.own_schedules / "u.yaml").write_text("name: u\nevery: 6h\nsites: [wanshu]\n")
    (house.folder / "go").touch()
    assert house.start(0, once=True).wait(60) == 1
    assert [r.state for r in map(house.run, due)] == ["due"] * len(due)
    assert "mended" in (house.run(due[0]).why or "")
    for path, text in good.items():
        path.write_text(text)
    assert house.start(0, once=True).wait(60) == 0
    assert not house.ledger.runs(states=["due", "skipped"])


def test_a_schedule_is_mended_by_the_site_that_it_lacked(house: House) -> None:
    house.schedule("s")
    path = house.home.own_schedules / "t.yaml"
    path.write_text("name: t\nevery: 6h\nsites: [wanshu, newcomer]\n")
    process = house.start(0)
    until(lambda: "unknown site 'newcomer'" in house.log(0))
    house.home.own_sites.mkdir()
    site = house.home.own_sites / "newcomer.yaml"
    site.write_text("name: newcomer\ntitle: 新\nstart: [http://127.0.0.1:1/]\n")
    until(lambda: "schedule t: begins now" in house.log(0))
    assert house.log(0).count("unknown site 'newcomer'") == 1
    process.terminate()
    assert process.wait(60) == 0


def test_a_wake_up_that_breaks_off_ends_no_run(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a mistake of ours raises: what is at work goes on, and so does the next wake-up."""
    house.schedule("s")
    scheduler = Scheduler(house.home, house.ledger, load_settings(house.home, heartbeat=0.05), perform=Held(house))
    broken = iter([ZeroDivisionError("a mistake")] * 3)

    def marks() -> dict[str, tuple[datetime, str]]:
        if house.states() and (error := next(broken, None)) is not None:
            raise error
        return Ledger.marks(house.ledger)

    monkeypatch.setattr(house.ledger, "marks", marks)
    thread = threading.Timer(1.5, scheduler._ask_to_stop)
    thread.start()
    assert scheduler.run() == 0
    assert house.states()[-1] == "caught_up"


class Held:
    """A run that is at work for half a second."""

    def __init__(self, house: House) -> None:
        self.house = house

    def __call__(self, *_: object, stop: threading.Event, **__: object) -> Outcome:
        assert not stop.wait(0.5)
        return Outcome("done", None, {}, None)


def test_a_schedule_that_was_disabled_begins_anew(house: House) -> None:
    house.schedule("s", enabled=False)
    house.schedule("t")
    assert house.start(0, once=True).wait(60) == 0
    assert {r.schedule for r in house.ledger.runs()} == {"t"}
    with house.ledger.engine.connect() as c:
        assert [r.schedule for r in c.execute(marks.select())] == ["t"]


def test_the_alarm_wakes_it_when_the_time_comes(house: House) -> None:
    """The clock of the ledger is put just before a full minute; the heartbeat is too slow to notice by itself."""
    house.schedule(cron="* * * * *", missed="none", down=timedelta(0))
    ahead = 57 - datetime.now(UTC).second
    process = house.start(0, AHEAD=str(ahead if ahead >= 0 else ahead + 60), BEAT="300", LEASE="900")
    until(lambda: [r for r in house.ledger.runs(states=["done"]) if r.cause == "timer"], 60)
    run = house.ledger.runs(states=["done"])[0]
    assert run.started is not None
    assert run.started >= run.scheduled_for
    process.terminate()
    assert process.wait(60) == 0
