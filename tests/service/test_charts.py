"""The timeline: a bar a run, and few enough of them that the page stays light."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from schedules.ledger import State
from service.charts import Span, timeline
from service.models import RunOut
from service.rendering import translator

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
WEEK = Span(NOW - timedelta(days=7), NOW + timedelta(hours=17))


def run(number: int, at: datetime, state: State = "done") -> RunOut:
    return RunOut(
        id=number, schedule="minutely", scheduled_for=at, start_after=at, cause="timer", state=state, why=None, sites=[], step=None, steps=[],
        attempts=1, asked_by=None, started=at, finished=at + timedelta(seconds=20), seconds=20, version=None, dataset=None,
    )  # fmt: skip


def bars(runs: list[RunOut]) -> list[tuple[str, str]]:
    """Where each bar leads, and its label."""
    picture = timeline(runs, [], WEEK, NOW, UTC, translator("en"))
    return re.findall(r'<a href="([^"]+)" aria-label="([^"]+)"><rect', picture)


def test_a_bar_a_run_leads_to_it() -> None:
    found = bars([run(n, NOW - timedelta(hours=6 * n)) for n in range(1, 8)])
    assert [href for href, _ in found] == [f"/runs/{n}" for n in range(7, 0, -1)]
    assert found[-1][1] == "Run 1 · minutely · done · 2026-11-10 06:00"


def test_many_runs_of_a_state_share_bars_and_one_that_failed_stands_out() -> None:
    """1,500 runs at minute intervals made a page of 660 kB, which is looked at again every five seconds."""
    runs = [run(n, NOW - timedelta(minutes=n), "failed" if n == 700 else "done") for n in range(1, 1501)]
    found = bars(runs)
    assert len(found) < 60
    assert found[-1] == ("/runs/700", "Run 700 · minutely · failed · 2026-11-10 00:20")
    assert sum(int(m[1]) for _, label in found if (m := re.match(r"(\d+) runs: ", label))) + 1 == 1500
    assert found[0][0] == "/runs?schedule=minutely&amp;state=done"
    assert len(timeline(runs, [], WEEK, NOW, UTC, translator("en"))) < 30_000
