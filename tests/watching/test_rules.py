"""Each rule: silent when all is as usual, loud when it is not, and over when it is over. Over a real ledger."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schedules.store import marks
from service.words import phrases
from tests.watching.made import SITE, House, counts, crawl, extract, publish, step
from watching import facts as facts_module
from watching.alarms import alarms
from watching.check import check
from watching.disk import Disk
from watching.facts import gather
from watching.health import health
from watching.rules import RULES, Finding, find_all, listed
from watching.settings import AlarmSettings

GIB = 1 << 30


@pytest.fixture(autouse=True)
def _room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of the machine that runs the tests is not what is tested."""
    monkeypatch.setattr(facts_module, "disk_of", lambda home: Disk(500 * GIB, 1000 * GIB))


def kinds(house: House, **settings: Any) -> dict[str, str]:
    """The open alarms after a look: kind and severity."""
    found = check(house.home, house.ledger, settings=AlarmSettings(**settings), telling=False)
    return {a.kind: a.severity for a in found.open}


def host(answer: float) -> list[dict[str, Any]]:
    return [{"host": "muduo.example.com", "requests": 100, "bytes": 1, "answer_median": answer}]


def _lists(seen: int) -> dict[str, Any]:
    short = {
        "list": "/jianghua/",
        "said": "共25页",
        "pages_stated": 25,
        "pages_seen": seen,
        "items_stated": None,
        "items_seen": 10 * seen,
        "complete": False,
    }
    return {"lists_stated": 4, "lists_complete": 3, "lists": [short]}


GOOD = counts([crawl()], [extract()])
# kind: a run in which it shows, and the severity it shows with
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "site_failed": (counts([crawl(error="muduo.example.com cannot be reached: refused", finished=False)], [extract()]), "warning"),
    "few_pages": (counts([crawl(new=0, changed=0, unchanged=20)], [extract()]), "warning"),
    "extraction_yield": (
        counts([crawl()], [extract(fresh={"articles": 80, "speeches": 8, "fates": {"speech": 8, "empty": 72}})]), "warning"),
    "redesigned": (counts([crawl(changed=84, unchanged=6)], [extract()]), "info"),
    "charset": (counts([crawl()], [extract(fresh={"flags": {"mojibake": 6}})]), "warning"),
    "soft_404": (counts([crawl()], [extract(fresh={"fates": {"speech": 9, "soft_404": 6}})]), "warning"),
    "robots": (counts([crawl(disallowed=40, newly_disallowed=40, lost_to_robots=40)], [extract()]), "warning"),
    "slow": (counts([crawl(hosts=host(1.9))], [extract()]), "warning"),
    "incomplete": (counts([crawl(**_lists(3))], [extract()]), "info"),
    "run_failed": ({**GOOD, "learn": step([], "was killed by signal 9, 3 times")}, "critical"),
    "gate_failed": (
        {**GOOD, "publish": step({"version": None, "gates": [{"name": "rows_lost", "result": "fail", "what": "muduo lost 40 of 90"}]},
                                 "not published: rows_lost", waiting=True)}, "critical"),
    "gate_waiting": (
        {**GOOD, "publish": step({"version": None, "gates": [{"name": "previews", "result": "warn", "what": "muduo rose"}]},
                                 "not published yet: previews", waiting=True)}, "warning"),
    "site_carried": (
        {**GOOD, "publish": step({"version": "2026-11-22.1", "gates": [{"name": "carried_sites", "result": "warn", "what": "muduo as of before"}]})},
        "warning"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_a_rule_is_silent_as_usual_loud_when_not_and_over_afterwards(house: House, kind: str) -> None:
    house.schedule()
    for _ in range(4):
        house.ran()
    assert kinds(house) == {}
    bad, severity = CASES[kind]
    house.ran(bad)
    assert kinds(house) == {kind: severity}
    assert kinds(house) == {kind: severity}  # looking again is no news
    (alarm,) = alarms(house.ledger)
    assert alarm.times == 2
    assert alarm.figures
    assert alarm.site == (
        SITE if alarm.kind not in ("run_failed", "gate_failed", "gate_waiting", "site_carried") else None
    )
    assert "{" not in alarm.remedy
    house.ran()
    assert kinds(house) == {}
    (alarm,) = alarms(house.ledger, "closed")
    assert alarm.closed_at == house.clock.now


def test_every_rule_has_its_case() -> None:
    elsewhere = {
        "few_new",
        "run_missed",
        "overdue",
        "stuck",
        "schedule_broken",
        "disk",
        "dataset_damaged",
        "commit_held",
    }
    assert {r.kind for r in RULES} == CASES.keys() | elsewhere
    assert all(r.remedy and r.title for r in RULES)


@pytest.mark.parametrize("kind", ["few_pages", "extraction_yield", "redesigned", "slow"])
def test_a_site_without_history_is_not_judged(house: House, kind: str) -> None:
    house.ran()
    house.ran(CASES[kind][0])
    assert kinds(house) == {}


def test_a_site_that_is_down_three_times_is_critical_and_hides_no_older_alarm(house: House) -> None:
    for _ in range(4):
        house.ran()
    house.ran(CASES["few_pages"][0])
    assert kinds(house) == {"few_pages": "warning"}
    since = None
    for n in (1, 2, 3):
        house.ran(CASES["site_failed"][0])
        found = kinds(house)
        # whether it still gives few pages cannot be told while it is down
        assert found == {"few_pages": "warning", "site_failed": "critical" if n == 3 else "warning"}
        (down,) = [a for a in alarms(house.ledger) if a.kind == "site_failed"]
        since = since or down.since
        assert down.since == since
    assert down.figures["runs"] == 3
    house.ran()
    assert kinds(house) == {}


def test_what_stays_is_the_new_usual(house: House) -> None:
    for _ in range(5):
        house.ran()
    bad = CASES["slow"][0]
    seen = []
    for _ in range(9):
        house.ran(bad)
        seen.append("slow" in kinds(house))
    assert seen[0]
    assert not seen[-1]
    assert len(alarms(house.ledger, "all")) == 1


def test_a_redesign_stays_open_until_enough_was_read_well_again(house: House) -> None:
    for _ in range(3):
        house.ran()
    house.ran(CASES["extraction_yield"][0])
    assert "extraction_yield" in kinds(house)
    nothing = counts(
        [crawl(new=0, changed=0, unchanged=90)], [extract(fresh={"articles": 0, "speeches": 0, "fates": {}})]
    )
    house.ran(nothing)
    assert "extraction_yield" in kinds(house)
    house.ran()
    assert "extraction_yield" not in kinds(house)


def test_shorter_speeches_and_lost_records_are_told_too(house: House) -> None:
    for _ in range(3):
        house.ran()
    house.ran(counts([crawl()], [extract(fresh={"chars_median": 700}, speeches=60)]))
    assert "extraction_yield" in kinds(house)
    (alarm,) = [a for a in alarms(house.ledger) if a.kind == "extraction_yield"]
    assert alarm.figures["usual_chars"] == 2400
    assert (alarm.figures["speeches"], alarm.figures["usual_speeches"]) == (60, 90)


def test_hardly_anything_new_is_told_when_it_lasts(house: House) -> None:
    for _ in range(6):
        house.ran()
    dry = counts([crawl(new=1)], [extract()])
    house.ran(dry)
    assert kinds(house) == {}
    house.ran(dry)
    assert kinds(house) == {"few_new": "warning"}
    house.ran()
    assert kinds(house) == {}


def test_what_the_site_file_expects(house: House) -> None:
    path = house.home.own_sites / f"{SITE}.yaml"
    path.write_text(path.read_text() + "\nexpect: {items_min: 100, speech_share_min: 0.99}\n")
    house.ran()
    assert kinds(house) == {"few_pages": "warning", "extraction_yield": "warning"}


def test_the_failure_of_a_site_is_one_alarm_and_not_also_one_of_the_run(house: House) -> None:
    house.schedule()
    house.ran(CASES["site_failed"][0])
    assert kinds(house) == {"site_failed": "warning"}


def test_a_version_published_by_hand_ends_what_waited(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.ran(CASES["gate_waiting"][0])
    assert kinds(house) == {"gate_waiting": "warning"}
    later = house.clock.pass_(hours=1)
    monkeypatch.setattr(facts_module, "datasets", lambda home: ({"speeches": later}, {}))
    assert kinds(house) == {}


def test_missed_and_skipped_fire_times(house: House) -> None:
    house.schedule()
    house.ran()
    house.row("missed", days=1)
    assert kinds(house) == {"run_missed": "warning"}
    house.ran()
    assert kinds(house) == {}
    for _ in range(2):
        house.row("skipped", hours=1)
    assert kinds(house) == {}
    house.row("skipped", hours=1)
    assert kinds(house) == {"run_missed": "warning"}
    (house.home.own_schedules / "nightly.yaml").unlink()
    house.schedule(name="other")
    assert kinds(house) == {}  # nobody wants it to run any more


def test_a_run_that_does_not_begin(house: House) -> None:
    house.schedule()
    house.row("due", days=1)
    house.clock.pass_(hours=5)
    assert kinds(house) == {}
    house.clock.pass_(hours=2)
    assert kinds(house) == {"stuck": "warning"}


def test_nobody_looks_after_a_schedule(house: House) -> None:
    house.schedule()
    house.ran()
    with house.ledger.engine.begin() as c:
        c.execute(marks.insert().values(schedule="nightly", until=house.clock.now, timing="x"))
    due = house.clock.now.replace(hour=3, minute=30) + timedelta(days=1)
    house.clock.now = due + timedelta(minutes=14)
    assert kinds(house) == {}
    house.clock.now = due + timedelta(minutes=16)
    assert kinds(house) == {"overdue": "critical"}


def test_a_broken_schedule_file(house: House) -> None:
    house.schedule("name: nightly\ncrn: 1\n")
    assert kinds(house) == {"schedule_broken": "warning"}
    house.schedule()
    assert kinds(house) == {}


@pytest.mark.parametrize(
    ("free", "a_day", "wanted"),
    [
        (500 * GIB, 0, None),
        (1 * GIB, 0, "warning"),
        (GIB // 4, 0, "critical"),
        (500 * GIB, 20 * GIB, None),
        (100 * GIB, 20 * GIB, "warning"),
        (40 * GIB, 20 * GIB, "critical"),
    ],
)
def test_the_disk(house: House, monkeypatch: pytest.MonkeyPatch, free: int, a_day: int, wanted: str | None) -> None:
    disk: Callable[[int], Disk] = lambda left: Disk(left, 1000 * GIB)  # noqa: E731
    monkeypatch.setattr(facts_module, "disk_of", lambda home: disk(free + 2 * a_day))
    kinds(house)
    house.clock.pass_(days=2)
    monkeypatch.setattr(facts_module, "disk_of", lambda home: disk(free))
    assert kinds(house) == ({"disk": wanted} if wanted else {})


def test_a_commit_that_does_not_end(house: House) -> None:
    house.clock.now = datetime.now(UTC)
    run = house.ledger.add_manual("host:1:1:m", {}, [], timedelta(hours=1))
    with house.ledger.fenced(run.id, "host:1:1:m", 1, None):
        assert "commit_held" not in kinds(house)
        assert [p.what for p in health(house.home, house.ledger).problems] == []
        house.clock.pass_(minutes=7)
        (finding,) = [
            f for r, f in find_all(gather(house.home, house.ledger, house.clock())) if r.kind == "commit_held"
        ]
        assert isinstance(finding, Finding)
        told = f"the commit of run {run.id} has held its dataset for 7m"
        assert finding.what.startswith(told)
        assert finding.what.endswith(f": process {os.getpid()} on {socket.gethostname()}")
        (problem,) = health(house.home, house.ledger).problems
        assert (problem.component, problem.status, problem.what) == ("dataset", "failing", finding.what)
        assert "kill -9" in problem.remedy
        assert phrases()(finding.what).startswith(f"运行 {run.id} 的提交已占用其数据集")
    assert "commit_held" not in kinds(house)


def test_each_dataset_whose_commit_does_not_end_is_told(house: House) -> None:
    house.clock.now = datetime.now(UTC)
    one, two = (house.ledger.add_manual(f"host:{n}:1:m", {}, [], timedelta(hours=1)) for n in (1, 2))
    with (
        house.ledger.fenced(one.id, "host:1:1:m", 1, None, "speeches"),
        house.ledger.fenced(two.id, "host:2:1:m", 1, None, "minutes"),
    ):
        house.clock.pass_(minutes=7)
        check(house.home, house.ledger, telling=False)
        held = {a.key: a.figures["run"] for a in alarms(house.ledger) if a.kind == "commit_held"}
        assert held == {"commit_held speeches": one.id, "commit_held minutes": two.id}


def test_kinds_can_be_turned_off_and_limits_set(house: House) -> None:
    for _ in range(3):
        house.ran()
    house.ran(CASES["slow"][0])
    assert kinds(house, limits={"slow": {"seconds": 5}}) == {}
    assert kinds(house) == {"slow": "warning"}
    assert kinds(house, off=("slow",)) == {}


def test_the_table_of_rules_is_in_the_docs() -> None:
    from tests.chain import ROOT

    assert listed() in (ROOT / "docs" / "watching.md").read_text()


def test_two_sites_have_alarms_of_their_own(house: House) -> None:
    other = "wenku"
    for _ in range(3):
        house.ran(counts([crawl(), crawl(other)], [extract(), extract(other)], publish()))
    down: dict[str, Any] = {"error": "answers 503 to everything", "finished": False}
    house.ran(counts([crawl(**down), crawl(other, **down)], [extract(), extract(other)]))
    check(house.home, house.ledger, telling=False)
    assert sorted((a.kind, a.site) for a in alarms(house.ledger)) == [("site_failed", SITE), ("site_failed", other)]
    assert [a.site for a in alarms(house.ledger, site=other)] == [other]
