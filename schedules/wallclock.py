"""Which moment (UTC) a wall-clock time of a zone is, where clocks jump forward over it or show it twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def _offsets(wall: datetime, zone: ZoneInfo) -> tuple[timedelta, timedelta]:
    """The offsets from UTC before and after a change of the clocks that a wall-clock time falls in; equal where it falls in none."""
    first = wall.replace(tzinfo=zone, fold=0)
    before, after = first.utcoffset(), first.replace(fold=1).utcoffset()
    assert before is not None
    assert after is not None
    return before, after


def exists(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether a clock of the zone ever shows this time: False where the clocks jump forward over it."""
    before, after = _offsets(wall, zone)
    return after <= before


def first_moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment of a wall-clock time: the first where there are two, that of the jump where there is none."""
    before, after = _offsets(wall, zone)
    moment = (wall - before).replace(tzinfo=UTC)
    if after <= before:
        return moment
    # The clocks jump forward over this wall-clock time. The jump lies between these two moments.
    low, high = (wall - after).replace(tzinfo=UTC), moment
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def last_moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment of a wall-clock time: the last where there are two, that of the jump where there is none."""
    before, after = _offsets(wall, zone)
    return (wall - after).replace(tzinfo=UTC) if after < before else first_moment(wall, zone)
