"""Blackout hours: times of the week, in a zone, at which no run is to begin.

A window goes from the first moment at which its zone's clocks show its start to the last at which they show its end, so an
hour that comes twice when summer time ends is dark both times.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from schedules.crontab import weekdays
from schedules.wallclock import first_moment, last_moment

_DAY = 24 * 60
_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # as datetime.weekday() counts
_FORM = re.compile(r"(?:(\S+)\s+)?(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class Window:
    """days: on which it begins, from Monday = 0. start, end: minutes after midnight; an end that is not after the start is on the next day."""

    days: frozenset[int]
    start: int
    end: int

    def __str__(self) -> str:
        hours = f"{self.start // 60:02}:{self.start % 60:02}-{self.end // 60:02}:{self.end % 60:02}"
        if len(self.days) == 7:
            return hours
        return f"{','.join(_NAMES[d].capitalize() for d in sorted(self.days))} {hours}"

    @property
    def length(self) -> int:
        """How long it is by the clock on the wall, in minutes."""
        return self.end - self.start if self.end > self.start else self.end - self.start + _DAY


def window(text: str) -> Window:
    """`08:00-20:00`, `22:00-06:00` (into the next day), `Sat,Sun 00:00-24:00`, `Mon-Fri 08:00-18:00`. Raises ValueError."""
    m = _FORM.fullmatch(text.strip())
    if not m:
        raise ValueError(f"'{text}' is no time of the day; write 08:00-20:00 or Sat,Sun 00:00-24:00")
    start, end = int(m[2]) * 60 + int(m[3]), int(m[4]) * 60 + int(m[5])
    if int(m[3]) > 59 or int(m[5]) > 59 or start >= _DAY or end > _DAY:
        raise ValueError(f"'{text}': a day goes from 00:00 to 24:00")
    if start == end:
        raise ValueError(f"'{text}' begins when it ends; a whole day is 00:00-24:00")
    days = _NAMES if m[1] is None else weekdays(m[1]).split(",")
    return Window(frozenset(_NAMES.index(d) for d in days), start, end)


def leaves_time(windows: Iterable[Window]) -> bool:
    """Whether any minute of the week is in none of them."""
    week = 7 * _DAY
    dark: list[tuple[int, int]] = []
    for w in windows:
        for day in w.days:
            begin = day * _DAY + w.start
            dark += [(begin, begin + w.length), (begin - week, begin - week + w.length)]
    reach = 0
    for begin, end in sorted(dark):
        if begin > reach:
            return True
        reach = max(reach, end)
    return reach < week


def _around(windows: Iterable[Window], moment: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """The windows that may hold a moment, from when to when."""
    today = moment.astimezone(zone).date()
    for day in (today + timedelta(days=n) for n in (-2, -1, 0)):
        midnight = datetime.combine(day, time())
        for w in windows:
            if day.weekday() in w.days:
                begin = midnight + timedelta(minutes=w.start)
                yield first_moment(begin, zone), last_moment(begin + timedelta(minutes=w.length), zone)


def blackout_end(windows: tuple[Window, ...], moment: datetime, zone: ZoneInfo) -> datetime | None:
    """When the blackout ends in which a moment lies, in UTC; None when it lies in none. Windows that touch are one."""
    end = moment
    while True:
        further = max((e for b, e in _around(windows, end, zone) if b <= end < e), default=None)
        if further is None:
            return end.astimezone(UTC) if end > moment else None
        end = further
