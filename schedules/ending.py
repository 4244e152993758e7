"""What is done when a run has ended: its report is kept, and old logs go. Neither may fail the run."""

from __future__ import annotations

import logging
from datetime import timedelta

from crawler.config import load_settings
from crawler.errors import JianghuaError
from crawler.home import Home
from schedules import report
from schedules.ledger import OPEN, Ledger
from schedules.log_rotation import rotate

log = logging.getLogger("jianghua.schedules")


def wrap_up(home: Home, ledger: Ledger, run_id: int) -> None:
    """Keep the report of a run that has ended, and let old logs go. What goes wrong is logged: the report can be made again from the run."""
    try:
        report.keep(ledger, run_id)
        let_logs_go(home, ledger)
    except (JianghuaError, OSError) as e:
        log.warning("run %d: its report could not be kept: %s", run_id, e, extra={"run": run_id})


def let_logs_go(home: Home, ledger: Ledger) -> None:
    """Remove old logs of runs, as the settings say. Raises JianghuaError when settings or ledger cannot be read."""
    settings = load_settings(home)
    active = {str(r.id) for r in ledger.runs(states=OPEN)}
    done = rotate(
        home,
        ledger.now(),
        keep=timedelta(days=settings.log_keep_days),
        most=settings.log_keep_bytes,
        most_of_file=settings.log_file_bytes,
        active=active,
    )
    if done.removed or done.cut:
        log.info(
            "old logs: %d runs' removed, %d files cut, %.1f MB freed",
            len(done.removed),
            len(done.cut),
            done.bytes / 1e6,
        )
