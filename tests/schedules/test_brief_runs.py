"""Lists of runs do not read what the runs reported."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from schedules.jobs import Plan
from schedules.ledger import Ledger


def test_a_brief_row_has_all_but_what_its_steps_reported(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'state.db'}")
    run = ledger.add_manual("me", Plan(("muduo",)).as_json(), ["muduo"], timedelta(minutes=1))
    ledger.beat(run.id, "me", counts={"crawl": {"ok": True}})
    (whole,) = ledger.runs()
    (brief,) = ledger.runs(brief=True)
    assert whole.counts == {"crawl": {"ok": True}}
    assert brief.counts == {}
    assert (brief.id, brief.plan, brief.sites, brief.heartbeat) == (whole.id, whole.plan, whole.sites, whole.heartbeat)
    ledger.close()
