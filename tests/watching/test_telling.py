"""Who is told what and when: once, again after days, in quiet hours only what is critical, afterwards the rest as one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import JianghuaError
from tests.watching.made import House, counts, crawl, extract, step
from tests.watching.test_rules import CASES
from watching import facts as facts_module
from watching.alarms import alarms, mute, unmute
from watching.check import Checked, check
from watching.disk import Disk
from watching.settings import AlarmSettings, hours, within
from watching.telling import Event, Send


@pytest.fixture(autouse=True)
def _room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_module, "disk_of", lambda home: Disk(1 << 40, 1 << 41))


class Channel:
    """A channel that notes its messages; `broken` makes it fail."""

    def __init__(self) -> None:
        self.messages: list[list[tuple[str, str]]] = []
        self.broken = False

    def __call__(self, events: Sequence[Event], now: datetime) -> None:
        if self.broken:
            raise JianghuaError("cannot be reached", where="http://user:hunter2secret@hooks.example.com/…")
        self.messages.append([(e.what, e.alarm.kind) for e in events])


SLOW, DOWN = CASES["slow"][0], CASES["site_failed"][0]
FAILED = {**counts([crawl()], [extract()]), "learn": step([], "was killed by signal 9, 3 times")}


def look(house: House, channel: Channel, **settings: object) -> Checked:
    return check(
        house.home, house.ledger, channels={"webhook": channel}, settings=AlarmSettings.model_validate(settings)
    )


def usual(house: House) -> Channel:
    house.schedule()
    for _ in range(4):
        house.ran()
    return Channel()


def test_an_alarm_is_told_once_and_its_end_too(house: House) -> None:
    channel = usual(house)
    house.ran(SLOW)
    for _ in range(5):
        look(house, channel)
        house.clock.pass_(minutes=1)
    assert channel.messages == [[("opened", "slow")]]
    house.ran()
    look(house, channel)
    look(house, channel)
    assert channel.messages == [[("opened", "slow")], [("closed", "slow")]]


def test_what_comes_together_is_one_message_the_most_severe_first(house: House) -> None:
    channel = usual(house)
    house.ran({**SLOW, "learn": step([], "was killed")})
    look(house, channel)
    assert channel.messages == [[("opened", "run_failed"), ("opened", "slow")]]


def test_a_reminder_comes_after_days_and_what_becomes_critical_at_once(house: House) -> None:
    channel = usual(house)
    house.ran(DOWN)
    look(house, channel, remind_days=2)
    house.ran(DOWN, hours=1)
    look(house, channel, remind_days=2)
    house.ran(DOWN, hours=1)  # the third in a row
    look(house, channel, remind_days=2)
    assert channel.messages == [[("opened", "site_failed")], [("worse", "site_failed")]]
    house.clock.pass_(days=1)
    look(house, channel, remind_days=2)
    house.clock.pass_(days=1)
    look(house, channel, remind_days=2)
    assert channel.messages[2:] == [[("reminder", "site_failed")]]
    house.clock.pass_(days=30)
    look(house, channel, remind_days=0)
    assert len(channel.messages) == 3


def test_quiet_hours(house: House) -> None:
    """22:00 to 07:00 in Shanghai is 14:00 to 23:00 UTC."""
    channel = usual(house)
    quiet = {"quiet": "22:00-07:00", "time_zone": "Asia/Shanghai"}
    house.clock.now = datetime(2026, 11, 10, 13, 30, tzinfo=UTC)
    house.ran(SLOW, hours=1)  # 14:30 UTC
    look(house, channel, **quiet)
    assert channel.messages == []
    house.ran(FAILED, hours=1)  # critical; the site is fast again
    look(house, channel, **quiet)
    assert channel.messages == [[("opened", "run_failed")]]
    house.ran(CASES["charset"][0], hours=1)
    look(house, channel, **quiet)
    assert channel.messages[1:] == [[("closed", "run_failed")]]  # the end of what was told at night is told at night
    house.clock.now = datetime(2026, 11, 10, 23, 0, tzinfo=UTC)
    look(house, channel, **quiet)
    look(house, channel, **quiet)
    # what was found and is already over is worth a word too
    assert channel.messages[2:] == [[("opened", "charset"), ("closed", "slow")]]


def test_a_muted_alarm_is_not_told_but_its_end_is(house: House) -> None:
    channel = usual(house)
    house.ran(SLOW)
    look(house, channel)
    (alarm,) = alarms(house.ledger)
    muted = mute(house.ledger, alarm.id, house.clock.now + timedelta(days=10))
    assert muted.muted(house.clock.now)
    house.clock.pass_(days=9)
    look(house, channel, remind_days=1)
    assert len(channel.messages) == 1
    house.clock.pass_(days=2)
    look(house, channel, remind_days=1)
    assert channel.messages[1:] == [[("reminder", "slow")]]
    assert unmute(house.ledger, alarm.id).muted_until is None
    house.ran()
    look(house, channel)
    assert channel.messages[2:] == [[("closed", "slow")]]
    with pytest.raises(JianghuaError, match="is over"):
        mute(house.ledger, alarm.id, house.clock.now)


def test_what_cannot_be_delivered_is_tried_again_later_and_later(house: House) -> None:
    channel = usual(house)
    channel.broken = True
    house.ran(SLOW)
    tried = []
    for minute in range(12):
        before = alarms(house.ledger)[0].told["webhook"].tries if minute else 0
        look(house, channel)
        (alarm,) = alarms(house.ledger)
        if alarm.told["webhook"].tries > before:
            tried.append(minute)
        house.clock.pass_(minutes=1)
    assert tried == [0, 1, 3, 7]
    assert "hunter2secret" not in alarm.model_dump_json()
    assert "cannot be reached" in (alarm.told["webhook"].error or "")
    channel.broken = False
    house.clock.pass_(hours=1)
    look(house, channel)
    assert channel.messages == [[("opened", "slow")]]
    assert alarms(house.ledger)[0].told["webhook"].error is None


def test_channels_do_not_wait_for_each_other(house: House) -> None:
    good, bad = usual(house), Channel()
    bad.broken = True
    house.ran(SLOW)
    told = check(house.home, house.ledger, channels={"mail": good, "webhook": bad}, settings=AlarmSettings()).told
    assert told == {"mail": 1}
    assert len(good.messages) == 1
    house.clock.pass_(minutes=5)
    check(house.home, house.ledger, channels={"mail": good, "webhook": bad}, settings=AlarmSettings())
    assert len(good.messages) == 1


def test_a_channel_that_breaks_unforeseen_keeps_nobody_from_being_told(house: House) -> None:
    usual(house)
    house.ran(SLOW)

    def broken(events: Sequence[Event], now: datetime) -> None:
        raise ZeroDivisionError("nobody thought of this")

    other = Channel()
    channels: dict[str, Send] = {"webhook": broken, "mail": other}
    check(house.home, house.ledger, channels=channels, settings=AlarmSettings())
    assert other.messages == [[("opened", "slow")]]
    (told,) = alarms(house.ledger)
    assert told.told["webhook"].error == "ZeroDivisionError: nobody thought of this"
    assert told.told["webhook"].tries == 1


def test_a_channel_that_is_set_up_later_hears_of_what_is_open_and_not_of_old_times(house: House) -> None:
    usual(house)
    house.ran(SLOW)
    check(house.home, house.ledger, settings=AlarmSettings())
    house.ran(CASES["charset"][0])
    check(house.home, house.ledger, settings=AlarmSettings())
    late = Channel()
    look(house, late)
    assert late.messages == [[("opened", "charset")]]


@given(st.times(), st.times(), st.times())
def test_quiet_hours_are_a_span_of_the_day(begin: object, end: object, at: object) -> None:
    from datetime import time

    assert isinstance(begin, time)
    assert isinstance(end, time)
    assert isinstance(at, time)
    if begin != end:  # of two spans that make a day exactly one holds a time
        assert within((begin, end), at) != within((end, begin), at)


def test_hours_are_read() -> None:
    assert hours("22:00-07:30") == hours("22:00 - 7:30")
    for wrong in ("22-7", "25:00-07:00", "07:00-07:00", "22:00"):
        with pytest.raises(ValueError, match=r"form|begins"):
            hours(wrong)
