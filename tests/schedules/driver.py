"""A real scheduler process for the tests, with small steps: `driver.py HOME FOLDER SECONDS [once]`.

JSON in the environment's STEP_CODES gives exit codes by step; LEASE and BEAT are seconds; AHEAD is
by how many seconds the clock of the ledger is in front of the machine's, SPEED how many times as fast it has gone since EPOCH.
With PUBLISHING the step publish is a real one, see publishing_step.py.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from crawler.home import Home
from schedules import clock
from schedules.clock import Scheduler
from schedules.jobs import Plan
from schedules.ledger import Ledger, utcnow
from schedules.plan import Step
from schedules.settings import load_settings

STEP = Path(__file__).parent / "small_step.py"
PUBLISHING = Path(__file__).parent / "publishing_step.py"


def fast_clock() -> Callable[[], datetime]:
    """The clock of the ledger."""
    ahead = timedelta(seconds=float(os.environ.get("AHEAD", "0")))
    epoch, speed = (
        datetime.fromisoformat(os.environ.get("EPOCH", "2026-01-01T00:00Z")),
        float(os.environ.get("SPEED", "1")),
    )
    return lambda: epoch + (utcnow() - epoch) * speed + ahead


def main() -> int:
    home, folder, seconds = Home.find(sys.argv[1]), sys.argv[2], sys.argv[3]
    codes = json.loads(os.environ.get("STEP_CODES", "{}"))

    def build(step: Step, plan: Plan, home: Home) -> list[str]:
        if step == "publish" and "PUBLISHING" in os.environ:
            return [sys.executable, str(PUBLISHING), folder, str(home.root)]
        return [sys.executable, str(STEP), step, folder, seconds, str(codes.get(step, 0))]

    vars(clock)["LAST_WORD"] = float(os.environ.get("LAST_WORD", clock.LAST_WORD))
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    settings = load_settings(
        home, heartbeat=float(os.environ.get("BEAT", "0.2")), lease=float(os.environ.get("LEASE", "30"))
    )
    ledger = Ledger(settings.ledger_url(home), fast_clock())
    scheduler = Scheduler(home, ledger, settings, build=build)
    return scheduler.run(once="once" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
