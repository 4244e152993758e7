"""Zones and their odd days: once on each date that the calendar of a zone has, and blackout hours by its clocks."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedules.blackout import Window, blackout_end, leaves_time, window
from schedules.plan import Schedule, fire_times
from schedules.wallclock import exists, first_moment, last_moment

# 20 zones and the two years in which they did what is odd
ZONES = {
    "UTC": 2026,
    "Asia/Shanghai": 1990,  # summer time, the last years that China had it
    "Asia/Urumqi": 2026,
    "Asia/Kathmandu": 1985,  # from 5:30 to 5:45 at midnight
    "Asia/Pyongyang": 2018,  # half an hour at 23:30
    "Asia/Tehran": 2021,  # summer time at midnight
    "Asia/Beirut": 2026,
    "Asia/Gaza": 2025,
    "Africa/Casablanca": 2026,  # summer time ends for Ramadan
    "Africa/Cairo": 2026,
    "Europe/London": 2026,
    "Europe/Berlin": 2026,
    "America/New_York": 2026,
    "America/Havana": 2026,
    "America/Santiago": 2026,  # the clocks jump at midnight
    "America/Scoresbysund": 2025,  # the clocks jump from 23:00 into the next day
    "America/Nuuk": 2022,
    "Australia/Lord_Howe": 2026,  # half an hour
    "Pacific/Apia": 2011,  # 30 December 2011 was left out
    "Pacific/Kwajalein": 1992,  # so was 21 August 1993
}
TIMES = ("00:10", "02:15", "23:45")


def dates(zone: ZoneInfo, start: datetime, end: datetime) -> set[date]:
    """Every date that clocks of the zone show between two moments, told by looking at them every hour."""
    return {
        (start + timedelta(hours=n)).astimezone(zone).date() for n in range(int((end - start) / timedelta(hours=1)))
    }


@pytest.mark.parametrize("name", ZONES)
def test_a_daily_time_runs_once_on_each_date_over_two_years(name: str) -> None:
    zone = ZoneInfo(name)
    first, last = date(ZONES[name], 1, 1), date(ZONES[name] + 2, 1, 1)
    start = first_moment(datetime.combine(first, datetime.min.time()), zone)
    end = first_moment(datetime.combine(last, datetime.min.time()), zone)
    there = dates(zone, start, end)
    for at in TIMES:
        hour, minute = at.split(":")
        daily = Schedule(name="s", cron=f"{int(minute)} {int(hour)} * * *", time_zone=name)
        found = fire_times(daily, start - timedelta(seconds=1), end - timedelta(seconds=1))
        count = Counter(t.astimezone(zone).date() for t in found)
        assert {d for d, n in count.items() if n != 1} == set(), at
        assert set(count) == there, at


def test_the_days_that_were_left_out_are_in_what_was_tested() -> None:
    for name, day in (("Pacific/Apia", date(2011, 12, 30)), ("Pacific/Kwajalein", date(1993, 8, 21))):
        noon = datetime.combine(day, datetime.min.time()) + timedelta(hours=12)
        assert not exists(noon, ZoneInfo(name))
        assert ZONES[name] <= day.year <= ZONES[name] + 1
    assert not exists(datetime(2025, 3, 29, 23, 30), ZoneInfo("America/Scoresbysund"))


def test_an_hourly_schedule_gets_no_further_time_where_clocks_jump_over_midnight() -> None:
    zone = ZoneInfo("America/Scoresbysund")
    hourly = Schedule(name="s", cron="0 * * * *", time_zone="America/Scoresbysund")
    start = datetime(2025, 3, 29, 21, 30, tzinfo=zone).astimezone(UTC)
    local = [t.astimezone(zone).strftime("%a %H:%M") for t in fire_times(hourly, start, start + timedelta(hours=4))]
    assert local == ["Sat 22:00", "Sun 00:00", "Sun 01:00", "Sun 02:00"]


# ---------------------------------------------------------------------------------------------- blackout

minutes = st.integers(0, 24 * 60 - 1)
windows = st.builds(
    Window,
    st.frozensets(st.integers(0, 6), min_size=1),
    minutes,
    minutes.map(lambda m: m + 1),
).filter(lambda w: w.start != w.end)
several = st.lists(windows, min_size=1, max_size=4).map(tuple).filter(leaves_time)
moments = st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)).map(
    lambda t: t.replace(second=0, microsecond=0)
)


def shown_dark(windows: tuple[Window, ...], wall: datetime) -> bool:
    """Whether a clock that shows this time shows one of the windows."""
    for w in windows:
        minute = wall.hour * 60 + wall.minute
        today, yesterday = wall.weekday() in w.days, (wall.weekday() - 1) % 7 in w.days
        if w.end > w.start:
            if today and w.start <= minute < w.end:
                return True
        elif (today and minute >= w.start) or (yesterday and minute < w.end):
            return True
    return False


@given(windows=several, moment=moments)
@settings(max_examples=200)
def test_blackout_hours_are_those_that_the_clock_shows(windows: tuple[Window, ...], moment: datetime) -> None:
    end = blackout_end(windows, moment, ZoneInfo("Asia/Shanghai"))
    local = moment.astimezone(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None)
    assert (end is not None) == shown_dark(windows, local)
    if end is not None:  # the first minute that is not dark
        last = end.astimezone(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None)
        assert not shown_dark(windows, last)
        at = local
        while at < last:
            assert shown_dark(windows, at)
            at += timedelta(minutes=1)


@given(windows=several, zone=st.sampled_from(sorted(ZONES)), moment=moments)
@settings(max_examples=150)
def test_where_clocks_change_no_run_begins_while_the_clock_shows_the_blackout(
    windows: tuple[Window, ...], zone: str, moment: datetime
) -> None:
    end = blackout_end(windows, moment, ZoneInfo(zone))
    if end is None:
        assert not shown_dark(windows, moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None))
    else:
        assert end > moment
        assert blackout_end(windows, end, ZoneInfo(zone)) is None
        assert blackout_end(windows, end - timedelta(seconds=1), ZoneInfo(zone)) == end


@given(windows=st.lists(windows, min_size=1, max_size=6).map(tuple))
def test_whether_any_minute_is_left(windows: tuple[Window, ...]) -> None:
    monday = datetime(2024, 1, 1)
    week = (monday + timedelta(minutes=n) for n in range(7 * 24 * 60))
    assert leaves_time(windows) == any(not shown_dark(windows, at) for at in week)


def test_an_hour_that_comes_twice_is_dark_both_times() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    dark = (window("02:00-02:30"),)
    first, second = (datetime(2026, 10, 25, 2, 15, tzinfo=berlin, fold=f) for f in (0, 1))
    assert blackout_end(dark, first, berlin) == blackout_end(dark, second, berlin)
    assert last_moment(datetime(2026, 10, 25, 2, 30), berlin) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    over = (window("02:00-02:45"),)  # in spring neither of its ends exists: there is no such blackout that night
    assert blackout_end(over, datetime(2026, 3, 29, 1, 0, tzinfo=UTC), berlin) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("8:00-20:00", "08:00-20:00"),
        ("22:00 - 06:00", "22:00-06:00"),
        ("Sat,Sun 00:00-24:00", "Sat,Sun 00:00-24:00"),
        ("mon-fri 08:00-18:00", "Mon,Tue,Wed,Thu,Fri 08:00-18:00"),
        ("0,6 00:00-01:00", "Sat,Sun 00:00-01:00"),
    ],
)
def test_windows_are_read_and_told(text: str, told: str) -> None:
    assert str(window(text)) == told
    assert window(told) == window(text)
