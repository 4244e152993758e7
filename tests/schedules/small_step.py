"""A small real step for the tests: `small_step.py STEP FOLDER SECONDS [EXIT]`. Writes when it began and ended.

It lasts so long, or until there is FOLDER/go or FOLDER/go-STEP. It keeps an exclusive lock on FOLDER/lock while it runs, as a crawl does on its site, and fails when it is taken.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from pathlib import Path

from schedules.child import FENCE, die_with_parent

REFUSED = 7  # the exit code for which the step ends as a publish does that a gate refused
WAITING = 8  # … and as one whose warnings wait for a person
PUBLISHED = 6  # … and as one that failed behind its commit


def main() -> int:
    die_with_parent()
    step, folder, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    code = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    run = json.loads(os.environ.get(FENCE, "{}")).get("run", "")  # a publish is told
    with (folder / "lock").open("w") as lock, (folder / "events").open("a") as events:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            events.write(f"clash {step} {os.getpid()}\n")
            sys.stderr.write("error: two steps at once\n")
            return 9
        events.write(f"begin {step} {os.getpid()} {run}\n")
        events.flush()
        until = time.monotonic() + seconds
        while time.monotonic() < until and not any((folder / go).exists() for go in ("go", f"go-{step}")):
            time.sleep(0.02)
        if code:
            from crawler.errors import JianghuaError
            from schedules.jobs import tell_error  # only here: most steps are to begin quickly
        if code in (REFUSED, WAITING):
            from publisher.gates import RefusedError, WaitingError
            from publisher.manifest import Gate

            lost = Gate(name="rows_lost", result="fail" if code == REFUSED else "warn", what="half of them")
            tell_error((RefusedError if code == REFUSED else WaitingError)([lost], where="here"))
        elif code == PUBLISHED:
            from publisher.release import PublishedError

            tell_error(PublishedError("2026-11-22.7", OSError(28, "no space"), folder=folder, next_="later"))
        elif code:
            tell_error(JianghuaError(f"{step} could not", where="here", remedy="something"))
            sys.stderr.write(f"{step} could not\n")
        else:
            events.write(f"end {step} {os.getpid()} {run}\n")
        sys.stdout.write(
            json.dumps(
                {"step": step, "items": 3, "version": "2026-11-22.1" if step == "publish" and not code else None}
            )
        )
    return code


if __name__ == "__main__":
    sys.exit(main())
