"""What a person lets pass: a run of its own publishes it, once, and the run that waited says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from crawler.errors import UsageError
from crawler.home import Home
from schedules.confirming import confirm
from schedules.jobs import Plan, command
from schedules.ledger import Lease, Ledger, Run

MINUTE = timedelta(minutes=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path / 'state.db'}")
    yield made
    made.close()


def waiting(ledger: Ledger) -> Run:
    """A run that ended with a version that waits."""
    run = ledger.add_manual("me", Plan(("muduo",), dataset="talks", warnings="wait").as_json(), ["muduo"], MINUTE)
    ledger.beat(
        run.id, "me", step="publish", counts={"publish": {"ok": False, "waiting": True, "why": "not published yet"}}
    )
    ledger.finish(run.id, "me", "waiting", "not published yet")
    return ledger.run(run.id)


def begin(ledger: Ledger, run: Run) -> Plan:
    """Begin a due run as the scheduler does; its plan."""
    lease = ledger.take_lease("scheduler", MINUTE)
    assert lease is not None
    assert run.plan is not None
    plan = Plan.from_json(run.plan)
    claimed = ledger.claim(Lease("scheduler", lease.token), run.id, plan.as_json(), list(plan.sites), MINUTE)
    assert isinstance(claimed, Run)
    return plan


def test_the_run_publishes_with_the_reason_and_the_other_says_so(ledger: Ledger, tmp_path: Path) -> None:
    first = waiting(ledger)
    run = confirm(ledger, first.id, " looked at it ", "li")
    assert (run.state, run.cause, run.asked_by, run.sites) == ("due", "confirm", "li", ["muduo"])
    plan = begin(ledger, run)
    argv = command("publish", plan, Home.find(tmp_path))
    assert plan.steps == ("publish",)
    assert argv[argv.index("publish") : argv.index("--json")] == [
        "publish",
        "talks",
        "--confirm",
        "looked at it",
        "--warnings",
        "wait",
    ]
    ledger.beat(run.id, "scheduler", counts={"publish": {"ok": True}})
    ledger.finish(run.id, "scheduler", "done", None, "2026-11-22.1")
    assert ledger.run(run.id).version == "2026-11-22.1"
    after = ledger.run(first.id)
    assert (after.state, after.version) == ("done", None)
    assert after.why == f"run {run.id} published it, confirmed: looked at it"


def test_gates_are_accepted_by_name(ledger: Ledger, tmp_path: Path) -> None:
    run = confirm(ledger, waiting(ledger).id, "known", accept=["rows_lost", "previews"])
    argv = command("publish", begin(ledger, run), Home.find(tmp_path))
    told = [
        "--confirm",
        "known",
        "--accept",
        "rows_lost",
        "--accept",
        "previews",
        "--reason",
        "known",
        "--warnings",
        "wait",
    ]
    assert argv[argv.index("publish") : argv.index("--json")] == ["publish", "talks", *told]


def test_it_is_confirmed_once_and_only_where_something_waits(ledger: Ledger) -> None:
    first = waiting(ledger)
    run = confirm(ledger, first.id, "yes")
    with pytest.raises(UsageError, match=f"confirmed already: run {run.id} is due"):
        confirm(ledger, first.id, "yes")
    begin(ledger, run)
    with pytest.raises(UsageError, match="confirmed already"):
        confirm(ledger, first.id, "yes")
    ledger.beat(run.id, "scheduler", counts={"publish": {"ok": False}})
    ledger.finish(run.id, "scheduler", "failed", "the disk was full")
    assert ledger.run(first.id).state == "waiting"
    assert confirm(ledger, first.id, "again").id > run.id  # what failed may be asked for again
    with pytest.raises(UsageError, match="does not wait for anybody: failed"):
        confirm(ledger, run.id, "yes")
    with pytest.raises(UsageError, match="unknown run 99"):
        confirm(ledger, 99, "yes")
    with pytest.raises(UsageError, match="a reason is needed"):
        confirm(ledger, first.id, " ")
