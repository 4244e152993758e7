"""A process that forks one child for each line it reads: FOLDER, tab, NUMBER; the child lets versions go by the rules that the tests
use and is killed before its change of that number. See delta_child.py."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import deltalake.transaction  # noqa: F401  # once for all children

from publisher.retention import RetentionSettings, retain
from tests.publisher.delta_child import kill_at

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
RULES = RetentionSettings(keep_days=0, monthly=False, grace=timedelta(0))

if __name__ == "__main__":
    for line in sys.stdin:
        folder, number = line.rstrip("\n").split("\t")
        if not (child := os.fork()):
            try:
                kill_at(folder, int(number))
                retain(Path(folder), RULES, now=NOW)
            except BaseException as e:
                sys.stderr.write(f"{e!r}\n")
                sys.stderr.flush()
                os._exit(3)
            os._exit(0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()
