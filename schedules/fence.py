"""The fence: a publish that is a step of a run commits only while the run is still that of the scheduler that began it.

The scheduler gives the step, in its environment, the run, itself as owner, the attempt and the token of its lease. Right
before the step replaces latest.json it takes a lock for the run and one for the dataset, looks whether lease and run are still those,
and keeps the locks until latest.json is in its place (schedules/committing.py). A scheduler takes over a run only where its lock is free: so
either it was there first, and the step sees that and publishes nothing, or it leaves the run until the step has published, or has ended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from crawler.errors import JianghuaError
from publisher.fencing import FencedError
from schedules.child import FENCE
from schedules.ledger import LeaseLost, Ledger, Run
from schedules.owner import short


def fence_of(ledger: Ledger, run: Run, token: int | None) -> dict[str, str]:
    """What the environment of a run's publish gets. token: of the lease under which it began, None for a run by hand."""
    url = ledger.engine.url.render_as_string(hide_password=False)
    told = {"ledger": url, "run": run.id, "owner": run.owner, "attempt": run.attempts, "token": token}
    told["dataset"] = _dataset(run)
    return {FENCE: json.dumps(told)}


def _dataset(run: Run) -> str:
    return (run.plan or {}).get("dataset") or "speeches"


@contextmanager
def from_environment() -> Iterator[Callable[[str], None]]:
    """Held while a publish commits: the fence that the environment tells of; what it gives is called with the version that is made.

    Raises FencedError when the run is another's by now, JianghuaError when the ledger does not answer: then nobody can know, and
    nothing is published."""
    told = json.loads(os.environ[FENCE])
    ledger = Ledger(told["ledger"])
    try:
        # a scheduler that was not started anew since the program was updated names no dataset
        dataset = told.get("dataset") or _dataset(ledger.run(told["run"]))
        with ledger.fenced(told["run"], told["owner"], told["attempt"], told["token"], dataset) as note:
            yield note
    except LeaseLost:
        raise refused(ledger, told["run"], told["owner"]) from None
    finally:
        ledger.close()


def refused(ledger: Ledger, run_id: int, owner: str) -> JianghuaError:
    """The error for a publish whose run was taken over."""
    run, (holder, _) = ledger.run(run_id), ledger.lease_holder()
    other = run.owner if run.owner != owner else holder
    by = (
        f"another scheduler, {short(other)}, took over"
        if other and other != owner
        else "it counted as dead, and is no longer ours"
    )
    return FencedError(
        f"nothing is published: run {run_id} ({run.schedule}) was silent for too long, and {by}",
        where=f"{ledger.url} (begun by {short(owner)})",
        remedy=f"none is needed, whoever took it over goes on with it: `jianghua runs show {run_id}`",
    )
