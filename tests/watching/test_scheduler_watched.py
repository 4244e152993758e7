"""The real scheduler in a process of its own: a site that is down, its alarm, its report, and logs that are lines of JSON without secrets."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crawler.home import Home
from crawler.sample import install_site_files
from schedules.ledger import Ledger
from schedules.plan import load_schedule
from schedules.report import report_of
from tests.chain import jianghua
from tests.watching.test_webhook_and_mail import Receiver


def test_a_site_that_is_down_is_told_by_the_scheduler(tmp_path: Path) -> None:
    home = Home.find(tmp_path / "home")
    install_site_files(home)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{s.getsockname()[1]}/"
    due = datetime.now(UTC) - timedelta(minutes=30)
    home.own_schedules.mkdir()
    (home.own_schedules / "often.yaml").write_text(
        f"name: often\ncron: '{due.minute} {due.hour} * * *'\nsites: [muduo]\nsteps: [crawl, learn, extract]\ncrawl: {{delay: 0, at: {{muduo: '{nobody}'}}}}\n"
    )
    ledger = Ledger(f"sqlite:///{home.ledger}")
    lease = ledger.take_lease("nobody:1:1:m", timedelta(seconds=30))
    assert lease
    ledger.mark(lease, load_schedule("often", home), datetime.now(UTC) - timedelta(minutes=61))
    ledger.release(lease)
    (home.root / "jianghua.toml").write_text("log_format = 'json'\n")
    with Receiver(200) as receiver:
        secrets = {"JIANGHUA_ALARMS_WEBHOOK": receiver.url, "JIANGHUA_ALARMS_WEBHOOK_SECRET": "not-for-any-log"}
        done = jianghua(home, "schedule", "run", "often", "--once", bytes_a_file=None, **secrets)
    assert done.returncode == 1
    run = ledger.runs(schedule="often", limit=1)[0]
    assert run.state == "failed"
    assert run.report is not None
    (site,) = report_of(run).sites
    assert "cannot be reached" in (site.error or "")
    (message,) = [json.loads(body) for _, _, body in receiver.got]
    assert [(e["event"], e["alarm"]["kind"], e["alarm"]["site"]) for e in message["events"]] == [
        ("opened", "site_failed", "muduo")
    ]
    ledger.close()

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"time", "level", "logger", "message"} <= set.intersection(*(set(x) for x in lines))
    assert any(x.get("run") == run.id and "failed" in x["message"] for x in lines)
    assert any(x["logger"] == "jianghua.alarms" and x.get("site") == "muduo" for x in lines)
    steps = [json.loads(x) for x in (home.logs / str(run.id) / "crawl.log").read_text().splitlines()]
    assert all((x["run"], x["step"]) == (run.id, "crawl") for x in steps)
    assert any(x.get("site") == "muduo" and x["level"] == "error" for x in steps)
    everything = done.stderr + done.stdout + "".join(p.read_text() for p in home.logs.rglob("*") if p.is_file())
    assert "not-for-any-log" not in everything
    assert "T0P" not in everything
