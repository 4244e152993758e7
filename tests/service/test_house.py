"""In which zone the pages show times."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest

from service.house import local_zone

JANUARY, JULY = datetime(2026, 1, 10, 12, tzinfo=UTC), datetime(2026, 7, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", ["Europe/Berlin", ":Europe/Berlin"])
def test_the_machines_zone_knows_summer_and_winter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the next fire times behind a change of the clock, and old runs before it, stand an hour off."""
    monkeypatch.setenv("TZ", name)
    zone = local_zone()
    assert [at.astimezone(zone).strftime("%H:%M %Z") for at in (JANUARY, JULY)] == ["13:00 CET", "14:00 CEST"]


def test_it_comes_from_the_systems_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    known = Path("/usr/share/zoneinfo/America/New_York")
    if known.exists():
        assert [at.astimezone(local_zone(known)).hour for at in (JANUARY, JULY)] == [7, 8]
    (tmp_path / "torn").write_bytes(b"no zone")
    for file in (tmp_path / "none", tmp_path / "torn"):
        assert JULY.astimezone(local_zone(file)) == JULY


@pytest.mark.parametrize("odd", ["", "CET-1CEST,M3.5.0,M10.5.0/3", "../../etc/passwd", "/etc/passwd", "No/Where"])
def test_an_odd_name_breaks_nothing(odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", odd)
    assert JULY.astimezone(local_zone()) == JULY
    assert odd not in available_timezones()
    assert isinstance(local_zone(), ZoneInfo) == (odd == "")
