"""The commands: alarms, health, and what settings with mistakes are told."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from schedules.cli import main
from tests.watching.made import House
from tests.watching.test_rules import CASES
from tests.watching.test_webhook_and_mail import Receiver
from watching.cli import moment
from watching.settings import alarm_settings


def called(capsys: pytest.CaptureFixture[str], home: Home, *args: str) -> tuple[int, str, str]:
    """Call the command in this process: exit code, standard output, standard error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JIANGHUA_HOME", str(home.root))
        patch.setattr(sys, "argv", ["jianghua", *args])
        with pytest.raises(SystemExit) as e:
            main()
    told = capsys.readouterr()
    return int(e.value.code or 0), told.out, told.err


def test_alarms_are_listed_shown_and_muted(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no alarm is open" in called(capsys, house.home, "alarms")[1]
    assert (
        "no alarm of the site muduo is closed"
        in called(capsys, house.home, "alarms", "--state", "closed", "--site", "muduo")[1]
    )
    for _ in range(4):
        house.ran()
    house.ran(CASES["slow"][0])
    code, out, _ = called(capsys, house.home, "alarms", "check", "--json")
    assert code == 0
    found = json.loads(out)
    (number,) = found["opened"]
    assert found["told"] == {"log": 1}
    (alarm,) = json.loads(called(capsys, house.home, "alarms", "--json")[1])
    assert (alarm["kind"], alarm["site"], alarm["state"]) == ("slow", "muduo", "open")
    out = called(capsys, house.home, "alarms", "show", str(number))[1]
    assert "1.90 s (median); usual are 0.20 s" in out
    assert "told by log" in out
    code, out, _ = called(capsys, house.home, "alarms", "mute", str(number), "--until", "3d")
    assert code == 0
    assert "muted until" in called(capsys, house.home, "alarms")[1]
    assert called(capsys, house.home, "alarms", "mute", str(number), "--off")[0] == 0
    assert called(capsys, house.home, "alarms", "mute", str(number))[0] == 2
    assert called(capsys, house.home, "alarms", "show", "99")[0] == 2
    assert called(capsys, house.home, "alarms", "--state", "sad")[0] == 2
    assert "slow" in called(capsys, house.home, "alarms", "rules")[1]


def test_a_trial_message(house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = called(capsys, house.home, "alarms", "test")
    assert code == 2
    assert "no channel but the log" in err
    with Receiver(200) as receiver:
        monkeypatch.setenv("JIANGHUA_ALARMS_WEBHOOK", receiver.url)
        code, out, _ = called(capsys, house.home, "alarms", "test")
        assert (code, out.strip()) == (0, "webhook: sent")
        assert b"trial message" in receiver.got[0][2]
        receiver.statuses = [403]
        code, out, _ = called(capsys, house.home, "alarms", "test")
        assert code == 1
        assert "answered 403" in out
        assert "T0P" not in out


def test_health_as_a_command(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.ran()
    code, out, _ = called(capsys, house.home, "health", "--json")
    assert json.loads(out)["status"] in ("ok", "degraded")
    assert code == 0
    (house.home.datasets / "speeches" / "versions" / "2026-11-02.1").mkdir(parents=True)
    code, out, _ = called(capsys, house.home, "health")
    assert code == 1
    assert "latest.json is missing" in out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("webhok = 'http://x/'", "unknown setting 'webhok'"),
        ("webhook = 'ftp://x/'", "http"),
        ("quiet = '22'", "22:00-07:00"),
        ("time_zone = 'Mars/Olympus'", "IANA"),
        ("smtp_host = 'mail.example.com'", "needs mail_from"),
        ("off = ['slo']", "unknown kind of alarm 'slo'"),
        ("limits = {slow = {second = 5}}", "has no limit 'second'"),
        ("mail_to = ['nobody']", "no mail address"),
    ],
)
def test_settings_with_mistakes_are_told_with_their_place(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "jianghua.toml").write_text(f"[alarms]\n{text}\n")
    with pytest.raises(JianghuaError, match=told) as e:
        alarm_settings(Home(tmp_path))
    assert "jianghua.toml" in str(e.value)


def test_secrets_of_settings_are_never_printed(tmp_path: Path) -> None:
    (tmp_path / "jianghua.toml").write_text(
        "[alarms]\nwebhook = 'https://h/T0PSECRET'\nwebhook_secret = 'abcdef123'\nsmtp_password = 'hunter2222'\n"
    )
    found = alarm_settings(Home(tmp_path))
    for text in (repr(found), str(found), found.model_dump_json()):
        assert not any(s in text for s in ("T0PSECRET", "abcdef123", "hunter2222"))
    assert set(found.secrets()) == {"https://h/T0PSECRET", "abcdef123", "hunter2222"}


def test_times_until_which_to_mute() -> None:
    now = datetime(2026, 11, 10, 12, tzinfo=UTC)
    assert moment("3d", now, "UTC") == now + timedelta(days=3)
    assert moment("2026-11-12", now, "Asia/Shanghai") == datetime(2026, 11, 11, 16, tzinfo=UTC)
    assert moment("2026-11-12T08:00+01:00", now, "UTC") == datetime(2026, 11, 12, 7, tzinfo=UTC)
    for wrong in ("soon", "2026-11-01"):
        with pytest.raises(UsageError):
            moment(wrong, now, "UTC")
