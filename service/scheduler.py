"""The scheduler as a process of its own beside the pages: `python -m service.scheduler HOME`.

A process of its own so that nothing a request does (a leak, a crash of a native library) can hold up or end a run. It ends with
the service, however that one ended (schedules/child.py).
"""

from __future__ import annotations

import sys
from pathlib import Path

from crawler.loading import loading

with loading():
    from crawler import logs
    from crawler.config import load_settings as crawler_settings
    from crawler.console import err
    from crawler.errors import JianghuaError
    from crawler.home import Home
    from schedules.child import die_with_parent
    from schedules.clock import Scheduler
    from schedules.look import open_ledger
    from schedules.settings import load_settings
    from watching.check import beside


def main() -> int:
    """Be the scheduler until told to stop; 0 then, whatever runs it had."""
    die_with_parent()
    home = Home.find(Path(sys.argv[1]))
    try:
        logs.set_up(crawler_settings(home).log_format)
        ledger = open_ledger(home)
        with beside(home, ledger):
            Scheduler(home, ledger, load_settings(home)).run(waits=True)
    except JianghuaError as e:
        err.print("error:", e, soft_wrap=True)
        return e.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
