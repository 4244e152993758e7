"""Metrics that Prometheus can read, by its rules; health that says what is wrong and what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from datetime import timedelta

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from schedules import control, report
from schedules.ledger import Ledger
from schedules.store import lease, marks, runs
from tests.watching.made import House, counts, crawl, extract, publish
from watching import facts as facts_module
from watching import health as health_module
from watching import metrics as metrics_module
from watching.check import check
from watching.disk import Disk
from watching.health import Health, health
from watching.metrics import metrics

ROOM = Disk(1 << 40, 1 << 41)


@pytest.fixture(autouse=True)
def _room(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (facts_module, health_module, metrics_module):
        monkeypatch.setattr(module, "disk_of", lambda home: ROOM)


def values(house: House) -> dict[str, float]:
    """Each sample by name and labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics(house.home, house.ledger).decode()):
        for s in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(s.labels.items()))
            key = f"{s.name}{{{labels}}}"
            assert key not in found, f"twice: {key}"
            found[key] = s.value
    return found


def test_the_figures_are_those_of_the_ledger(house: House) -> None:
    house.schedule()
    for _ in range(2):
        house.ran()
    house.ran(counts([crawl(error="answers 503", new=3)], [extract()]))
    house.row("missed", days=1)
    house.row("due", hours=1)
    check(house.home, house.ledger, telling=False)
    found = values(house)
    assert found["jianghua_up{}"] == 1
    assert found["jianghua_runs_total{schedule=nightly,state=done}"] == 2
    assert found["jianghua_runs_total{schedule=nightly,state=failed}"] == 1
    assert found["jianghua_runs_total{schedule=nightly,state=missed}"] == 1
    assert found["jianghua_active_runs{schedule=nightly,state=due}"] == 1
    assert found["jianghua_queue_length{}"] == 1
    assert found["jianghua_requests_total{schedule=nightly}"] == 300
    assert found["jianghua_pages_total{result=new,schedule=nightly}"] == 23
    assert found["jianghua_received_bytes_total{schedule=nightly}"] == 15_000_000
    assert found["jianghua_speeches_read_total{schedule=nightly}"] == 42
    assert found["jianghua_row_changes_total{change=added,schedule=nightly}"] == 27
    assert found["jianghua_last_success_age_seconds{schedule=nightly}"] == timedelta(days=2, hours=1).total_seconds()
    assert found["jianghua_last_run_step_seconds{schedule=nightly,step=crawl}"] == 12.5
    assert found["jianghua_site_up{site=muduo}"] == 0
    assert found["jianghua_site_speeches{site=muduo}"] == 90
    assert found["jianghua_site_rejects{reason=off_topic,site=muduo}"] == 3
    assert found["jianghua_host_request_interval_seconds{host=muduo.example.com,site=muduo}"] == 1.1
    assert found["jianghua_alarms_open{kind=site_failed,severity=warning}"] == 1
    assert found["jianghua_alarms_open{kind=slow,severity=warning}"] == 0
    assert found["jianghua_scheduler_alive{}"] == 0
    assert found["jianghua_disk_free_bytes{}"] == ROOM.free
    held = house.ledger.take_lease("host:1:2:m", timedelta(seconds=30))
    assert held
    assert values(house)["jianghua_scheduler_alive{}"] == 1
    house.clock.pass_(seconds=31)
    assert values(house)["jianghua_scheduler_alive{}"] == 0


def test_names_and_units_follow_the_conventions(house: House) -> None:
    """What promtool's lint asks for."""
    house.ran()
    text = metrics(house.home, house.ledger).decode()
    families = list(text_string_to_metric_families(text))
    assert len({f.name for f in families}) == len(families)
    for family in families:
        assert re.fullmatch(r"jianghua_[a-z][a-z0-9_]*", family.name), family.name
        assert family.documentation, family.name
        assert family.documentation.endswith("."), family.name
        assert not re.search(r"_(?:total|count|sum|bucket)$", family.name), family.name
        assert not re.search(r"milliseconds|_ms\b|minutes|hours|days|kilobytes|megabytes|percent", family.name), (
            family.name
        )
        assert not re.search(r"_(?:gauge|counter|histogram)", family.name), family.name
        for sample in family.samples:
            if family.type == "counter":
                assert sample.name.endswith("_total")
            else:
                assert not sample.name.endswith("_total")
            assert all(re.fullmatch(r"[a-z][a-z_]*", k) for k in sample.labels)
        if re.search(r"seconds|bytes", family.name):
            assert re.search(r"_(?:seconds|bytes)$", family.name), f"the unit comes last: {family.name}"


def test_the_sums_follow_the_reports_as_they_are_kept(house: House) -> None:
    """At minute intervals a month of them took longer to read than a scrape may take."""

    def requests() -> float:
        return values(house)["jianghua_requests_total{schedule=nightly}"]

    numbers = [house.ran() for _ in range(6)]
    assert requests() == 600
    with house.ledger.engine.begin() as c:  # no report is read any more
        c.execute(runs.update().where(runs.c.id == numbers[0]).values(report=None))
    assert requests() == 600
    report.keep(house.ledger, numbers[1])  # a report that is made again counts once
    assert requests() == 600
    with house.ledger.engine.begin() as c:
        kept = counts([crawl(requests=7)], [extract()], publish(added=1))
        c.execute(runs.update().where(runs.c.id == numbers[1]).values(counts=kept))
    report.keep(house.ledger, numbers[1])
    assert requests() == 507
    house.ran(schedule="weekly")
    found = values(house)
    assert found["jianghua_requests_total{schedule=nightly}"] == 507
    assert found["jianghua_requests_total{schedule=weekly}"] == 100
    assert found["jianghua_row_changes_total{change=added,schedule=nightly}"] == 5 * 9 + 1


def test_a_scrape_reads_no_rows_of_many_runs(house: House) -> None:
    """Counts come from an index alone, and of the runs themselves the last hundred are read."""
    asked: list[tuple[str, object]] = []

    @sa.event.listens_for(house.ledger.engine, "before_cursor_execute")
    def remember(c: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    house.ran()
    asked.clear()
    values(house)
    plans = []
    with house.ledger.engine.connect() as c:
        for statement, parameters in [x for x in asked if "FROM runs" in x[0]]:
            plan = c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()  # type: ignore[arg-type]
            plans.append([row.detail for row in plan])
    counted = "SCAN runs USING COVERING INDEX ix_runs_counted"
    assert sorted(plans) == [[counted], [counted], ["SCAN runs USING INDEX ix_runs_listed"]]


def test_hostile_names_stay_labels(house: House) -> None:
    hostile = 'x"} 1\njianghua_up 5\\'
    house.ran(counts([crawl(hosts=[{"host": hostile, "requests": 3, "delay_median": 1.0}])], [extract()]))
    found = values(house)
    assert found["jianghua_up{}"] == 1
    assert any(hostile in key for key in found)


def test_a_scrape_makes_nothing_and_survives_a_ledger_that_is_gone(house: House) -> None:
    before = sorted(house.home.root.rglob("*"))
    metrics(house.home, house.ledger)
    assert [p for p in sorted(house.home.root.rglob("*")) if "state.db" not in p.name] == [
        p for p in before if "state.db" not in p.name
    ]
    with house.ledger.engine.begin() as c:
        c.exec_driver_sql("DROP TABLE alarms")
    found = values(house)
    assert found["jianghua_up{}"] == 0
    assert found["jianghua_disk_free_bytes{}"] == ROOM.free


def test_a_ledger_without_its_runs_is_told_to_the_monitor_too(house: House) -> None:
    with house.ledger.engine.begin() as c:
        c.exec_driver_sql("DROP TABLE runs")
    found = values(house)
    assert found["jianghua_up{}"] == 0
    assert found["jianghua_disk_free_bytes{}"] == ROOM.free


def test_what_nobody_thought_of_takes_no_other_figure_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(metrics_module, "visits_of", broken)
    found = values(house)
    assert found["jianghua_up{}"] == 0
    assert found["jianghua_disk_free_bytes{}"] == ROOM.free


def test_a_scheduler_that_was_killed_is_not_alive_until_its_lease_runs_out(house: House) -> None:
    named = "from schedules.owner import myself; print(myself(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", named], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        house.ledger.take_lease(process.stdout.readline().decode().strip(), timedelta(seconds=30))
        assert values(house)["jianghua_scheduler_alive{}"] == 1
        process.kill()
        process.wait()
    assert values(house)["jianghua_scheduler_alive{}"] == 0


def test_a_paused_schedule_is_told_and_is_not_late(house: House) -> None:
    house.schedule()
    with house.ledger.engine.begin() as c:
        c.execute(marks.insert().values(schedule="nightly", until=house.clock.now, timing="x"))
    assert values(house)["jianghua_schedule_paused{schedule=nightly}"] == 0
    control.pause(house.ledger, "nightly", "the site moves", "ann")
    house.clock.pass_(days=3)  # and nobody runs a scheduler
    found = values(house)
    assert found["jianghua_schedule_paused{schedule=nightly}"] == 1
    assert found["jianghua_schedules_enabled{}"] == 1
    assert health(house.home, house.ledger).status == "ok"
    assert check(house.home, house.ledger, telling=False).open == ()
    control.resume(house.ledger, "nightly")
    assert health(house.home, house.ledger).status == "failing"


def test_a_fire_time_that_was_late_before_the_pause_stays_late(house: House) -> None:
    house.schedule()
    with house.ledger.engine.begin() as c:
        c.execute(marks.insert().values(schedule="nightly", until=house.clock.now, timing="x"))
    house.clock.pass_(days=2)
    control.pause(house.ledger, "nightly")
    assert health(house.home, house.ledger).status == "failing"
    assert [a.kind for a in check(house.home, house.ledger, telling=False).open] == ["overdue"]


def test_health(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.schedule()
    assert health(house.home, house.ledger).status == "ok"
    house.schedule("name: broken\n", name="broken")
    found = health(house.home, house.ledger)
    assert (found.status, [p.component for p in found.problems]) == ("degraded", ["schedules"])
    (house.home.own_schedules / "broken.yaml").unlink()

    monkeypatch.setattr(health_module, "disk_of", lambda home: Disk(900_000_000, 1 << 40))
    assert health(house.home, house.ledger).status == "degraded"
    monkeypatch.setattr(health_module, "disk_of", lambda home: Disk(100_000_000, 1 << 40))
    found = health(house.home, house.ledger)
    assert (found.status, found.problems[0].component) == ("failing", "disk")
    monkeypatch.setattr(health_module, "disk_of", lambda home: ROOM)

    with house.ledger.engine.begin() as c:
        c.execute(marks.insert().values(schedule="nightly", until=house.clock.now, timing="x"))
    house.clock.pass_(days=2)
    found = health(house.home, house.ledger)
    assert found.status == "failing"
    assert "no scheduler is at work" in found.problems[0].what
    assert Health.model_validate_json(found.model_dump_json()) == found
    assert all(p.remedy for p in found.problems)


def test_health_sees_a_scheduler_that_died(house: House) -> None:
    house.ledger.take_lease("elsewhere:1:2:m", timedelta(seconds=30))
    assert health(house.home, house.ledger).scheduler == "elsewhere (process 1)"
    house.clock.pass_(seconds=31)
    found = health(house.home, house.ledger)
    assert found.status == "failing"
    assert found.scheduler is None
    assert "the scheduler died" in found.problems[0].what
    with house.ledger.engine.begin() as c:
        c.execute(lease.update().values(owner=None, expires=None))  # stopped in order
    assert health(house.home, house.ledger).status == "ok"


def test_health_sees_a_dataset_that_does_not_hold(house: House) -> None:
    folder = house.home.datasets / "speeches"
    (folder / "versions" / "2026-11-02.1").mkdir(parents=True)
    found = health(house.home, house.ledger)
    assert (found.status, found.problems[0].component) == ("failing", "dataset")
    (folder / "latest.json").write_text("{}")
    assert health(house.home, house.ledger).status == "failing"
    check(house.home, house.ledger, telling=False)
    assert "dataset_damaged" in json.dumps([a.kind for a in check(house.home, house.ledger, telling=False).open])


def test_health_sees_that_the_ledgers_file_is_another(house: House) -> None:
    """A SQLite file that was removed goes on for who has it open, and nobody else sees what is written to it."""
    assert health(house.home, house.ledger).status == "ok"
    copy = house.home.ledger.with_suffix(".copy")
    shutil.copy(house.home.ledger, copy)
    for path in house.home.ledger.parent.glob("state.db*"):
        path.unlink()
    found = health(house.home, house.ledger)
    assert (found.status, found.problems[0].component) == ("failing", "ledger")
    assert "removed or replaced" in found.problems[0].what
    copy.rename(house.home.ledger)
    assert "removed or replaced" in health(house.home, house.ledger).problems[0].what
    again = Ledger(house.ledger.url, house.clock)
    assert health(house.home, again).status == "ok"
    again.close()


def test_health_says_that_the_ledger_does_not_answer(house: House) -> None:
    with house.ledger.engine.begin() as c:
        c.exec_driver_sql("DROP TABLE lease")
    found = health(house.home, house.ledger)
    assert (found.status, found.problems[0].component) == ("failing", "ledger")
