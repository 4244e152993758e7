"""Health and alarms, as far as the ledger, the disk and the scheduler's process tell them."""

from __future__ import annotations

import shutil

from crawler.errors import JianghuaError
from schedules.owner import short, surely_dead
from schedules.plan import load_schedules
from service.house import House
from service.models import AlarmOut, CheckOut, HealthOut

LEAST_DISK = 0.05  # share of the disk that should be free
OF_LATE = 50  # runs that are looked through


def health(house: House) -> HealthOut:
    """Whether the service does its work, and what is wrong where it does not."""
    checks = [_ledger(house), _scheduler(house), _schedules(house), _disk(house)]
    bad = [c for c in checks if not c.ok]
    failing = any(c.name in ("ledger", "scheduler") for c in bad)
    return HealthOut(status="failing" if failing else "degraded" if bad else "ok", checks=checks)


def _ledger(house: House) -> CheckOut:
    try:
        house.ledger.lease_holder()
    except JianghuaError as e:
        return CheckOut(name="ledger", ok=False, what=e.what, todo=e.remedy)
    return CheckOut(name="ledger", ok=True, what="answers")


def _scheduler(house: House) -> CheckOut:
    try:
        holder, expires = house.ledger.lease_holder()
    except JianghuaError as e:
        return CheckOut(name="scheduler", ok=False, what=e.what, todo=e.remedy)
    state, now = house.supervisor.state, house.now()
    if holder is not None and expires is not None and expires > now and not surely_dead(holder):
        ours = holder.split(":")[1:2] == [str(state.pid)]
        return CheckOut(name="scheduler", ok=True, what="is at work" if ours else f"{short(holder)} holds the lease")
    if state.pid is not None and state.since is not None and (now - state.since).total_seconds() < 30:
        return CheckOut(name="scheduler", ok=True, what="begins")
    return CheckOut(
        name="scheduler",
        ok=False,
        what="no scheduler holds the lease"
        + (f"; the last one ended with code {state.last_exit}" if state.last_exit else ""),
        todo="the service's log says why; it is started again by itself",
    )


def _schedules(house: House) -> CheckOut:
    good, broken = load_schedules(house.home)
    if broken:
        first = next(iter(broken.values()))
        return CheckOut(
            name="schedules", ok=False, what=f"{', '.join(broken)}: {first.what} ({first.where})", todo=first.remedy
        )
    if not any(s.enabled for s in good.values()):
        return CheckOut(
            name="schedules", ok=False, what="none is enabled", todo="write `enabled: true` into a schedule file"
        )
    return CheckOut(name="schedules", ok=True, what=f"{sum(s.enabled for s in good.values())} enabled")


def _disk(house: House) -> CheckOut:
    usage = shutil.disk_usage(house.home.var)
    share = usage.free / usage.total
    what = f"{share:.0%} of {usage.total / 1e9:,.0f} GB is free"
    return CheckOut(
        name="disk",
        ok=share >= LEAST_DISK,
        what=what,
        todo=None if share >= LEAST_DISK else "make room, or see `jianghua retention`",
    )


def alarms(house: House) -> list[AlarmOut]:
    """What a person should look at now."""
    found = [
        AlarmOut(kind=f"health_{c.name}", level="error", about=c.name, what=c.what, todo=c.todo or "")
        for c in health(house).checks
        if not c.ok
    ]
    later: set[str] = set()
    for run in house.ledger.runs(limit=OF_LATE):
        if run.state in ("running", "due"):
            continue
        if run.schedule not in later and run.state in ("failed", "waiting", "missed"):
            todo = {
                "failed": "its report says which step failed and why",
                "waiting": "look at the warnings, then confirm them or leave the version out",
                "missed": "run it now, or backfill it, if its day is wanted",
            }[run.state]
            found.append(
                AlarmOut(
                    kind=f"run_{run.state}",
                    level="error" if run.state == "failed" else "warning",
                    about=f"{run.schedule} {run.id}",
                    what=run.why or run.state,
                    todo=todo,
                    since=run.finished or run.scheduled_for,
                    run=run.id,
                    schedule=run.schedule,
                )
            )
        later.add(run.schedule)
    return found
