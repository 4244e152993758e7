"""Alarms and metrics on each kind of database: several who look at once, sums that are larger than an integer."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

from schedules.ledger import Ledger
from tests.watching.made import House, counts, crawl, extract
from watching.alarms import alarms, mute
from watching.check import check
from watching.metrics import metrics
from watching.settings import AlarmSettings
from watching.telling import Event


def test_several_who_look_at_once_open_one_alarm_and_tell_it_once(url: str, tmp_path: Path) -> None:
    house = House(tmp_path / "home", url)
    for _ in range(3):
        house.ran()
    house.ran(counts([crawl(error="answers 503 to everything", finished=False)], [extract()]))
    told: list[str] = []

    def channel(events: Sequence[Event], now: datetime) -> None:
        told.extend(e.alarm.kind for e in events)

    def look(_: int) -> None:
        ledger = Ledger(url, house.clock)
        check(house.home, ledger, channels={"mail": channel}, settings=AlarmSettings(off=("disk",)))
        ledger.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, range(8)))
    (alarm,) = alarms(house.ledger, "all")
    assert (alarm.kind, alarm.times) == ("site_failed", 8)
    assert told == ["site_failed"]
    assert alarm.told["mail"].event == "opened"
    until = house.clock.now + timedelta(days=1)
    assert mute(house.ledger, alarm.id, until).muted_until == until
    house.ledger.close()


def test_sums_are_larger_than_an_integer(url: str, tmp_path: Path) -> None:
    house = House(tmp_path / "home", url)
    for _ in range(2):
        house.ran(counts([crawl(bytes=3_000_000_000)], [extract()]))
    text = metrics(house.home, house.ledger).decode()
    assert "jianghua_up 1.0" in text
    assert 'jianghua_received_bytes_total{schedule="nightly"} 6e+09' in text
    house.ledger.close()
