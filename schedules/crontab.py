"""Crontab expressions as wall-clock times, in no zone.

Days of the week count as in crontab (0 and 7 are Sunday), and a restricted day of the month and a restricted day of the
week are alternatives, as in crontab too.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from apscheduler.triggers.cron import CronTrigger

# The longest a valid cron can be silent: 29 February, around a century that is no leap year.
LONGEST_SILENCE = timedelta(days=366 * 8 + 1)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def weekdays(field: str) -> str:
    """A crontab day-of-week field as names, because APScheduler counts from Monday = 0 and crontab from Sunday = 0."""
    found: list[str] = []
    for part in field.lower().split(","):
        m = re.fullmatch(r"(\*|[0-7]|[a-z]{3})(?:-([0-7]|[a-z]{3}))?(?:/(\d+))?", part)
        if not m or (m[1] == "*" and m[2]):
            raise ValueError(f"'{part}' is not a day of the week")

        def number(text: str) -> int:
            if text.isdigit():
                return int(text)
            if text not in _DAYS:
                raise ValueError(f"'{text}' is not a day of the week")
            return _DAYS.index(text)

        first = 0 if m[1] == "*" else number(m[1])
        last = 6 if m[1] == "*" or (m[3] and not m[2]) else number(m[2]) if m[2] else first
        if last < first:
            last += 7
        step = int(m[3] or 1)
        if step < 1:
            raise ValueError(f"'{part}': a step must be at least 1")
        found += [_DAYS[n % 7] for n in range(first, last + 1, step)]
    return ",".join(dict.fromkeys(found))


@lru_cache(maxsize=256)
def _triggers(cron: str, end: datetime | None = None) -> tuple[CronTrigger, ...]:
    """The APScheduler triggers whose union is the crontab expression, in a zone without jumps, up to `end`."""
    fields = cron.split()
    if len(fields) != 5:
        raise ValueError(f"a cron line has 5 fields (minute hour day month weekday), this one has {len(fields)}")
    minute, hour, day, month, weekday = fields
    by_day = not day.startswith("*")
    by_weekday = not weekday.startswith("*")
    names = weekdays(weekday)
    base = {"minute": minute, "hour": hour, "month": month.lower(), "timezone": UTC, "end_date": end}
    try:
        if by_day and by_weekday:
            return (CronTrigger(**base, day=day), CronTrigger(**base, day="*", day_of_week=names))
        return (CronTrigger(**base, day=day, day_of_week=names),)
    except ValueError as e:
        raise ValueError(f"not a cron line ({e})") from None


def walls(cron: str, start: datetime) -> Iterator[datetime]:
    """Wall-clock times of a cron expression from `start` (naive, inclusive), ascending, without end."""

    def one(trigger: CronTrigger) -> Iterator[datetime]:
        at = start.replace(tzinfo=UTC)
        while True:
            found = trigger.get_next_fire_time(None, at)
            if found is None:
                return
            yield found.replace(tzinfo=None)
            at = found + timedelta(seconds=1)

    last = None
    for wall in heapq.merge(*(one(t) for t in _triggers(cron))):
        if wall != last:
            yield wall
        last = wall


def cron_line(value: str) -> str:
    """A cron line with single spaces. Raises ValueError when it is none, or one that never fires."""
    value = " ".join(value.split())
    start = datetime(2026, 1, 1, tzinfo=UTC)
    if not any(t.get_next_fire_time(None, start) for t in _triggers(value, start + LONGEST_SILENCE)):
        raise ValueError("this cron line never fires")
    return value
