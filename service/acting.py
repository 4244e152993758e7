"""What an operator may do, for pages and API alike: schedules/control.py and schedules/confirming.py do it; here is who, and on what."""

from __future__ import annotations

import time
from datetime import datetime

from crawler.errors import UsageError
from schedules import control
from schedules.confirming import confirm as confirm_run
from schedules.plan import load_schedule
from service.house import House
from service.models import Started
from watching import alarms

LONGEST = 1000  # characters of a reason
BEGINS = 20.0  # seconds that somebody who wants a run waits for a scheduler that begins


def _reason(text: str | None, *, needed: bool = False) -> str | None:
    """A reason as it is kept: one line, without signs that steer a terminal or turn a line round. Raises UsageError when it is needed
    and missing, or too long."""
    found = " ".join("".join(c if c.isprintable() else " " for c in text or "").split())
    if needed and not found:
        raise UsageError("a reason is needed", remedy="say why; it is kept")
    if len(found) > LONGEST:
        raise UsageError("the reason is too long", remedy=f"say it in {LONGEST} characters")
    return found or None


def _until_served(house: House) -> None:
    """Wait for a scheduler that only begins, as after the start of the service; whether there is one is for others to say."""
    until = time.monotonic() + BEGINS
    while control.scheduler_at_work(house.ledger) is None and time.monotonic() < until:
        if house.supervisor.stopping:
            return
        time.sleep(0.2)


def pause(house: House, name: str, reason: str | None, by: str) -> Started:
    """Hold a schedule back."""
    control.may_be_asked(load_schedule(name, house.home), name)
    control.pause(house.ledger, name, _reason(reason), by)
    return Started(done="paused")


def resume(house: House, name: str, by: str) -> Started:
    """Let a schedule go on."""
    schedule = load_schedule(name, house.home)
    control.resume(house.ledger, name, by, schedule=schedule)
    return Started(done="resumed")


def run_now(house: House, name: str, by: str) -> Started:
    """Run a schedule besides its times."""
    control.may_be_asked(load_schedule(name, house.home), name)
    _until_served(house)
    return Started(done="started", runs=[control.run_now(house.ledger, name, by).id])


def backfill(
    house: House, name: str, since: datetime, until: datetime, by: str, *, missed: bool = False, dry: bool = False
) -> Started:
    """A run for each past fire time that has none. Raises UsageError when the times have no zone, or there is none."""
    if since.tzinfo is None or until.tzinfo is None:
        raise UsageError("the times need a zone", remedy="write e.g. 2026-11-27T00:00:00Z")
    schedule = load_schedule(name, house.home)
    control.may_be_asked(schedule, name)
    found = control.backfill(house.ledger, schedule, since, until, by, missed=missed, dry=dry)
    return Started(done="would be made" if dry else "backfilled", times=list(found.times))


def cancel(house: House, number: int, reason: str | None, by: str) -> Started:
    """End a run for good."""
    control.cancel(house.ledger, number, by, _reason(reason))
    return Started(done="cancelled", runs=[number])


def confirm(house: House, number: int, reason: str | None, by: str, accept: list[str] | None = None) -> Started:
    """Publish what a run would not without a person: with its warnings, or (accept) although these gates fail."""
    told = _reason(reason, needed=True)
    assert told is not None
    run = confirm_run(house.ledger, number, told, by, accept=accept or ())
    return Started(done="accepted" if accept else "confirmed", runs=[run.id])


def mute(house: House, number: int, until: datetime) -> alarms.Alarm:
    """Tell nobody of an alarm until then. Raises UsageError when that is past or has no zone."""
    if until.tzinfo is None or until <= house.now():
        raise UsageError("not a time to come", where=until.isoformat(), remedy="write e.g. 2026-12-01T00:00:00Z")
    return alarms.mute(house.ledger, number, until)


def unmute(house: House, number: int) -> alarms.Alarm:
    """Let an alarm be told again."""
    return alarms.unmute(house.ledger, number)
