"""What `jianghua schedule pause|resume|now|backfill|cancel` do and tell."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from crawler.console import err, home_of, show
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.wording import counted, plural
from schedules import control
from schedules.ledger import Ledger
from schedules.look import as_dict, ledger_if_any, open_ledger
from schedules.owner import described, short, surely_dead
from schedules.plan import Schedule, load_schedule
from schedules.wallclock import first_moment


def _known(name: str, home: Home) -> Schedule | None:
    """The schedule of that name, or None when its file is broken, which must not keep anybody from holding it back.

    Raises UsageError when there is none.
    """
    try:
        return load_schedule(name, home)
    except UsageError:
        raise
    except JianghuaError:
        return None


def _served(ledger: Ledger, name: str) -> str:
    why = control.not_served(ledger, name)
    return f"; {why} now" if why else ""


def pause(home_path: Path | None, name: str, why: str | None, as_json: bool) -> int:
    """Hold a schedule back."""
    home = home_of(home_path)
    _known(name, home)
    ledger = open_ledger(home)
    found = control.pause(ledger, name, why, control.me())
    running = [r.id for r in ledger.runs(schedule=name, states=["running"])]

    def human() -> Text:
        let = f"; run {running[0]}, which is at work, is let finish" if running else ""
        return Text(f"{name} is {found}{let}")

    show({"schedule": name, "paused": asdict(found), "running": running}, human, as_json)
    return 0


def resume(home_path: Path | None, name: str, as_json: bool) -> int:
    """Let a paused schedule go on."""
    home = home_of(home_path)
    schedule = _known(name, home)
    ledger = open_ledger(home)
    ended = control.resume(ledger, name, control.me(), schedule=schedule)
    show(
        {"schedule": name, "was_paused": asdict(ended)},
        lambda: Text(f"{name} goes on; it was {ended}{_served(ledger, name)}"),
        as_json,
    )
    return 0


def now(home_path: Path | None, name: str, as_json: bool) -> int:
    """Have a schedule run now."""
    home = home_of(home_path)
    control.may_be_asked(load_schedule(name, home), name)
    ledger = ledger_if_any(home) or open_ledger(home)
    run = control.run_now(ledger, name, control.me())
    holder = control.scheduler_at_work(ledger)
    show(
        as_dict(run),
        lambda: Text(f"run {run.id} of {name} is due; {short(holder)} begins it. `jianghua runs show {run.id}`"),
        as_json,
    )
    return 0


def moment_of(text: str, option: str, zone: ZoneInfo, *, end: bool = False) -> datetime:
    """`2026-11-01` or `2026-11-01 12:00` in a zone as a moment; end: a date alone is its end. Raises UsageError."""
    try:
        wall = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{option}: not a date or time", where=text, remedy='write 2026-11-01 or "2026-11-01 12:00"'
        ) from None
    if wall.tzinfo is not None:
        return wall
    if end and len(text.strip()) <= len("2026-11-01"):
        return first_moment(wall + timedelta(days=1), zone) - timedelta(seconds=1)
    return first_moment(wall, zone)


def backfill(
    home_path: Path | None,
    name: str,
    since: str,
    until: str | None,
    missed: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Make runs for fire times of the past, after showing which."""
    home = home_of(home_path)
    schedule = load_schedule(name, home)
    control.may_be_asked(schedule, name)
    zone = ZoneInfo(schedule.time_zone)
    ledger = open_ledger(home)
    begin = moment_of(since, "--since", zone)
    end = ledger.now() if until is None else moment_of(until, "--until", zone, end=True)
    plan = control.backfill(ledger, schedule, begin, end, missed=missed, dry=True)

    def told(what: str) -> str:
        if not plan.times:
            return f"nothing to backfill: no fire time of {name} is without a run ({plan.known} have one)"
        first, last = (f"{t.astimezone(zone):%Y-%m-%d %H:%M %Z}" for t in (plan.times[0], plan.times[-1]))
        more = f"; {plan.known} more {plural(plan.known, 'has', 'have')} one already" if plan.known else ""
        return f"{what} {counted(len(plan.times), 'run')} of {name}, for {first} to {last}{more}"

    def value(made: bool) -> dict[str, Any]:
        times = [t.isoformat() for t in plan.times]
        return {"schedule": name, "made": made, "runs": len(times), "known": plan.known, "scheduled_for": times}

    if dry_run or not plan.times:
        show(value(False), lambda: Text(told("would make")), as_json)
        return 0
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(told("would make"), remedy="give --yes to make them, or --dry-run to see them only")
        err.print(told("makes"))
        if not typer.confirm("Go on?", err=True):
            return 1
    plan = control.backfill(ledger, schedule, begin, end, control.me(), missed=missed)
    show(value(True), lambda: Text(f"{told('made')}{_served(ledger, name)}"), as_json)
    return 0


def cancel(home_path: Path | None, number: int, why: str | None, as_json: bool) -> int:
    """End a run."""
    home = home_of(home_path)
    ledger = ledger_if_any(home)
    if ledger is None:
        raise UsageError(f"unknown run {number}", where=str(home.ledger), remedy="nothing has run yet")
    run = control.cancel(ledger, number, control.me(), why)

    def human() -> Text:
        if run.state == "running":
            if surely_dead(run.owner):
                return Text(f"run {run.id} ({run.schedule}) is to end; {described(run.owner)}")
            return Text(
                f"run {run.id} ({run.schedule}) is asked to end; {short(run.owner)} does so at its next heartbeat"
            )
        return Text(f"run {run.id} ({run.schedule}) is {run.state}: {run.why}")

    show(as_dict(run), human, as_json)
    return 0
