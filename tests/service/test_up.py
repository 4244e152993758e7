"""`jianghua up` as a real process: how it begins, what it refuses, how it ends and goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from service.settings import load_service_settings
from service.up import listen
from tests.schedules.house import alive, until
from tests.service.server import Up

Start = Callable[..., Up]


def test_it_begins_without_set_up_and_ends_cleanly(bare: Home, ups: Start) -> None:
    up = ups(bare, real=True).ready()
    assert up.get("/").status == 200
    until(lambda: up.get("/health").json["status"] == "ok")
    checks = {c["name"]: c["ok"] for c in up.get("/health").json["checks"]}
    assert set(checks) == {"ledger", "scheduler", "schedules", "disk", "dataset", "catalogue"}
    assert all(checks.values())
    assert up.get("/api/v1/runs").json == {"items": [], "total": 0, "offset": 0, "next": None}
    assert stat.S_IMODE((bare.var / "token").stat().st_mode) == 0o600
    assert up.end(signal.SIGTERM) == 0, up.log
    assert "Traceback" not in up.log
    again = ups(bare, real=True).ready()
    until(lambda: again.get("/health").json["status"] == "ok")
    assert again.end(signal.SIGINT) == 0


def test_a_settings_file_without_a_word_on_the_service(bare: Home, ups: Start) -> None:
    bare.settings_file.write_text("heartbeat = 1\n\n[alarms]\nevery = 30\n")
    assert ups(bare).ready().get("/").status == 200


def test_a_second_service_on_a_home_is_told_who_is_there(bare: Home, ups: Start) -> None:
    first = ups(bare).ready()
    second = ups(bare)
    assert second.process.wait(60) == 1
    assert f"another service is at work on this home: process {first.process.pid} at {first.url}/" in second.log
    assert first.get("/").status == 200
    first.end()
    assert ups(bare).ready().get("/").status == 200


def test_a_port_that_is_taken(bare: Home, ups: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        up = ups(bare, port=other.getsockname()[1])
        assert up.process.wait(60) == 1
    assert "cannot listen: Address already in use" in up.log
    assert "give another with --port" in up.log
    assert "Traceback" not in up.log


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[service]\nprot = 1\n", "unknown setting 'prot'"),
        ("service = 1\n", "`service` is no section"),
        ("[service]\nport = 'x'\n", "setting 'port'"),
        ("[service]\nhosts = ['http://data.example']\n", "no host name"),
        ("[service]\nhosts = 3\n", "setting 'hosts'"),
        ("[service]\ntoken = 'short'\n", "setting 'token': a token has at least 16"),
        ("[service\n", "the settings cannot be read"),
    ],
)
def test_settings_with_mistakes_are_told(bare: Home, text: str, told: str) -> None:
    bare.settings_file.write_text(text)
    with pytest.raises(JianghuaError) as e:
        load_service_settings(bare)
    assert told in e.value.what
    assert "jianghua.toml" in (e.value.where or "")
    assert "short" not in str(e.value)


@pytest.mark.parametrize(
    "value", ["data.example,two.example", "data.example two.example", '["data.example", "two.example"]']
)
def test_names_of_hosts_come_from_the_environment(bare: Home, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIANGHUA_HOSTS", value)
    monkeypatch.setenv("JIANGHUA_HEARTBEAT", "1")  # of others
    assert load_service_settings(bare).hosts == ("data.example", "two.example")


def test_an_address_of_another_machine_is_told_as_that(bare: Home) -> None:
    with pytest.raises(JianghuaError, match="this machine has no such address"):
        listen("192.0.2.1", 0)
    for host in ("", "x" * 300, "nobody.invalid"):
        with pytest.raises(UsageError, match="cannot listen"):
            listen(host, 0)


def test_a_home_that_cannot_be_written(tmp_path: Path, ups: Start) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "var").write_text("a file")
    (tmp_path / "file").write_text("a file")
    for name, code, told in (("home", 1, "the home cannot be written"), ("file", 2, "the home is no folder")):
        up = ups(Home.find(tmp_path / name))
        assert up.process.wait(60) == code
        assert told in up.log
        assert "Traceback" not in up.log


@pytest.mark.parametrize(("token", "told"), [("short", "at least 16"), ("geheim-geheim-geheim-ü", "ASCII")])
def test_a_bad_token_is_refused_and_not_shown(bare: Home, ups: Start, token: str, told: str) -> None:
    up = ups(bare, env={"JIANGHUA_TOKEN": token})
    assert up.process.wait(60) == 1
    assert told in up.log
    assert token not in up.log


def test_the_scheduler_is_started_again_when_it_dies(bare: Home, ups: Start) -> None:
    up = ups(bare, real=True).ready()
    until(lambda: up.get("/health").json["status"] == "ok")
    first = _scheduler(up)
    os.kill(first, signal.SIGKILL)
    until(lambda: _scheduler(up) not in (0, first) and up.get("/health").json["status"] == "ok")
    assert up.get("/").status == 200


def test_a_scheduler_that_hangs_is_not_taken_for_one_that_begins(bare: Home, ups: Start) -> None:
    up = ups(bare, real=True, env={"JIANGHUA_LEASE": "2"}).ready()
    until(lambda: "jianghua_scheduler_alive 1.0" in up.get("/metrics").text)
    scheduler = _scheduler(up)
    os.kill(scheduler, signal.SIGSTOP)
    try:
        until(lambda: up.get("/health").status == 503, 30)
        (told,) = [c for c in up.get("/health").json["checks"] if not c["ok"]]
        assert told["what"] == f"the scheduler (process {scheduler}) gives no sign"
        assert f"kill -9 {scheduler}" in told["todo"]
        assert f"调度器（进程 {scheduler}）没有响应" in up.get("/alarms?lang=zh").text
    finally:
        os.kill(scheduler, signal.SIGCONT)
    until(lambda: up.get("/health").json["status"] == "ok")


def test_the_scheduler_ends_with_the_service_however_that_ends(bare: Home, ups: Start) -> None:
    up = ups(bare, real=True).ready()
    until(lambda: up.get("/health").json["status"] == "ok")
    scheduler = _scheduler(up)
    up.end(signal.SIGKILL)
    until(lambda: not alive(str(scheduler)))
    again = ups(bare, real=True).ready()  # neither lock nor lease is in its way
    until(lambda: again.get("/health").json["status"] == "ok")


def test_a_sole_schedule_that_is_paused_is_told_as_that(bare: Home, ups: Start) -> None:
    bare.own_schedules.mkdir()
    (bare.own_schedules / "yearly.yaml").write_text("name: yearly\ncron: 0 0 1 1 *\n")
    up = ups(bare).ready()
    until(lambda: up.get("/health").json["status"] == "ok")
    assert up.post("/api/v1/schedules/yearly/pause", {"reason": "the site moves"}).status == 200
    page = up.get("/").text
    assert "No schedule is set to fire" not in page
    assert re.search(r"yearly</a> <span><span class=\"state s-paused\">paused</span>.*the site moves", page)
    for page in ("/?lang=zh", "/schedules/yearly?lang=zh"):
        assert re.search(r"自 [-0-9]+ [:0-9]+ UTC 起由 an operator by the API 暂停：the site moves", up.get(page).text)
    health = up.get("/health")
    assert (health.status, health.json["status"]) == (200, "degraded")
    (told,) = [c for c in health.json["checks"] if not c["ok"]]
    assert told["what"].startswith("nothing fires: yearly is paused since")
    assert "jianghua schedule resume yearly" in told["todo"]
    until(lambda: "jianghua_scheduler_alive 1.0" in up.get("/metrics").text)
    assert 'jianghua_schedule_paused{schedule="yearly"} 1.0' in up.get("/metrics").text
    assert up.post("/api/v1/schedules/yearly/resume").status == 200
    assert up.get("/health").json["status"] == "ok"


def test_no_schedule_and_broken_ones_are_told_and_stop_nothing(bare: Home, ups: Start) -> None:
    bare.own_schedules.mkdir()
    (bare.own_schedules / "wrong.yaml").write_text("name: wrong\ncron: whenever\n")
    up = ups(bare).ready()
    until(lambda: up.get("/health").json["status"] == "degraded")
    page = up.get("/schedules").text
    assert "a cron line has 5 fields" in page
    assert "wrong.yaml:2" in page
    (bare.own_schedules / "wrong.yaml").write_text(json.dumps({"name": "wrong", "cron": "0 3 * * *"}))
    until(lambda: up.get("/health").json["status"] == "ok")


def _scheduler(up: Up) -> int:
    """The process of the scheduler: the child that is one."""
    task = f"/proc/{up.process.pid}/task"
    for thread in os.listdir(task):  # noqa: PTH208
        for child in Path(f"{task}/{thread}/children").read_text().split():
            if b"service.scheduler" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    return 0
