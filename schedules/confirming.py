"""What a person says to a version that waits: publish it with its warnings, or although gates fail. A run of its own does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from crawler.errors import UsageError
from schedules.ledger import Ledger, Run, free_moment
from schedules.store import runs

CAUSE = "confirm"


def confirm(ledger: Ledger, run_id: int, reason: str, by: str | None = None, accept: Sequence[str] = ()) -> Run:
    """A due run that publishes what run `run_id` would not publish without a person; the running scheduler begins it at once.

    reason: is kept in the manifest. accept: the gates that may fail; none: the warnings are confirmed. The version is made from the
    records as they are then. Raises UsageError when that run does not wait, or was confirmed already.
    """
    if not reason.strip():
        raise UsageError("a reason is needed", remedy="say why; it is kept in the manifest")
    now = ledger.now()
    with ledger._changing() as c:
        row = c.execute(sa.select(runs).where(runs.c.id == run_id)).one_or_none()
        if row is None:
            raise UsageError(f"unknown run {run_id}", where=ledger.url, remedy="`jianghua runs` lists the runs")
        if row.state != "waiting":
            raise UsageError(
                f"run {run_id} does not wait for anybody: {row.state}", remedy=f"`jianghua runs show {run_id}` shows it"
            )
        for other in c.execute(sa.select(runs).where(runs.c.cause == CAUSE, runs.c.state.in_(("due", "running")))):
            if (other.plan or {}).get("answers") == run_id:
                raise UsageError(
                    f"run {run_id} was confirmed already: run {other.id} is {other.state}",
                    remedy=f"`jianghua runs show {other.id}` shows it",
                )
        plan: dict[str, Any] = {**(row.plan or {}), "steps": ["publish"], "answers": run_id, "reason": reason.strip()}
        plan["accept"] = list(accept)
        now = free_moment(c, row.schedule, now)
        what = f"accepts {', '.join(accept)}" if accept else "confirms the warnings"
        made = c.execute(
            runs.insert().values(
                schedule=row.schedule,
                scheduled_for=now,
                start_after=now,
                cause=CAUSE,
                state="due",
                why=f"{by or 'somebody'} {what} of run {run_id}: {reason.strip()}",
                asked_by=by,
                sites=row.sites,
                plan=plan,
            )
        )
        key = made.inserted_primary_key
        assert key is not None
    return ledger.run(key[0])
