"""Health as the service sees it: what watching/health.py says of the home, and whether scheduler and catalogue are at work."""

from __future__ import annotations

from crawler.errors import JianghuaError
from schedules.owner import short, surely_dead
from schedules.plan import Pause, load_schedules
from service.house import House
from service.models import CheckOut, HealthOut
from watching.health import Problem
from watching.health import health as health_of

BEGINS = 60  # seconds that a scheduler may take to begin
WELL = {"ledger": "answers", "scheduler": "is at work", "schedules": "can be read", "disk": "has room", "dataset": "as it was written",
        "catalogue": "up to date"}  # fmt: skip


def health(house: House) -> HealthOut:
    """Whether the service does its work, and what is wrong where it does not: a line for everything that is looked at."""
    scheduler = _scheduler(house)
    problems = [
        p for p in health_of(house.home, house.ledger).problems if p.component != "scheduler" or scheduler is None
    ]
    if isinstance(scheduler, Problem):
        problems.append(scheduler)
    problems += _own(house)
    told = [CheckOut(name=p.component, ok=False, what=p.what, todo=p.remedy) for p in problems]
    wrong = {p.component for p in problems}
    fine = [
        CheckOut(name=name, ok=True, what=scheduler if name == "scheduler" and isinstance(scheduler, str) else what)
        for name, what in WELL.items()
        if name not in wrong
    ]
    failing = any(p.status == "failing" for p in problems)
    return HealthOut(status="failing" if failing else "degraded" if problems else "ok", checks=[*told, *fine])


def _scheduler(house: House) -> Problem | str | None:
    """What is wrong with the scheduler; a word where it only begins, or another one does the work; None when it is at work."""
    try:
        holder, expires = house.ledger.lease_holder()
    except JianghuaError:
        return "is not known"  # the ledger's own problem
    state, now = house.supervisor.state, house.now()
    if holder is not None and expires is not None and expires > now and not surely_dead(holder):
        return None if holder.split(":")[1:2] == [str(state.pid)] else f"{short(holder)} is at work"
    if holder is not None and holder.split(":")[1:2] == [str(state.pid)] and not surely_dead(holder):
        return Problem(
            component="scheduler",
            status="failing",
            what=f"the scheduler (process {state.pid}) gives no sign",
            remedy=f"look what holds it up (a disk or a database that hangs); `kill -9 {state.pid}` ends it, and it is started again by itself",
        )
    if state.pid is not None and state.since is not None and (now - state.since).total_seconds() < BEGINS:
        return "begins"
    code = f"; the last one ended with code {state.last_exit}" if state.last_exit is not None else ""
    return Problem(
        component="scheduler",
        status="failing",
        what=f"no scheduler is at work{code}",
        remedy="it is started again by itself; the service's log says why it ended",
    )


def _pauses(house: House) -> dict[str, Pause]:
    try:
        return house.ledger.pauses()
    except JianghuaError:
        return {}  # the ledger's own problem


def _own(house: House) -> list[Problem]:
    found = []
    good, broken = load_schedules(house.home)
    if not broken and not any(s.enabled for s in good.values()):
        found.append(
            Problem(
                component="schedules",
                status="degraded",
                what="none is enabled",
                remedy="write `enabled: true` into a schedule file",
            )
        )
    pauses = _pauses(house)
    fire = [name for name, s in good.items() if s.enabled]
    if fire and not broken and all(name in pauses for name in fire):
        found.append(
            Problem(
                component="schedules",
                status="degraded",
                what=f"nothing fires: {'; '.join(f'{name} is {pauses[name]}' for name in fire)}",
                remedy=f"when that is over: `jianghua schedule resume {fire[0]}`",
            )
        )
    if house.builder.error:
        found.append(
            Problem(
                component="catalogue",
                status="degraded",
                what=f"could not be made: {house.builder.error}",
                remedy="the reason is in var/logs/catalogue.log; it is tried again",
            )
        )
    return found
