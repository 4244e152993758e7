"""The JSON API of a real service: what it gives, in parts and filtered, what it does, and how it says no."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crawler.home import Home
from crawler.sample import install_site_files
from schedules.jobs import Plan
from schedules.ledger import Ledger, Run
from service.models import HealthOut, RunDetail, ScheduleOut
from tests.schedules.house import until
from tests.service.server import Up

COUNTS = {
    "crawl": {"ok": True, "why": None, "seconds": 3.0, "waiting": False, "report": {"sites": [
        {"site": "muduo", "error": None, "requests": 30, "bytes": 9000, "new": 7, "changed": 2, "unchanged": 1, "gone": 0, "errors": 1,
         "disallowed": 2, "known": 40, "queued": 0, "finished": True, "seconds": 2.0, "reasons": {"timeout": 1}}]}},
    "publish": {"ok": False, "why": "not published: rows_lost: half; where: x; do: publish all the same with --accept rows_lost --reason TEXT",
                "seconds": 1.0, "waiting": True, "report": None},
}  # fmt: skip


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A service whose ledger holds 12 runs by hand, the last of which waits for a person, and a schedule far from its time."""
    home = Home.find(tmp_path_factory.mktemp("busy") / "home")
    install_site_files(home)
    home.own_schedules.mkdir()
    facts = {
        "name": "yearly",
        "cron": "0 0 1 1 *",
        "sites": ["muduo"],
        "crawl": {"at": {"muduo": "http://127.0.0.1:9/"}},
    }
    (home.own_schedules / "yearly.yaml").write_text(json.dumps(facts))
    ledger = Ledger(f"sqlite:///{home.ledger}")
    for n in range(12):
        run = ledger.add_manual("me", Plan(("muduo",)).as_json(), ["muduo"], timedelta(minutes=1))
        ledger.beat(run.id, "me", step="publish", counts=COUNTS)
        ledger.finish(run.id, "me", "waiting" if n == 11 else "failed" if n % 2 else "done", "why" if n % 2 else None)
    last = _last(ledger)
    refused = home.datasets / "speeches" / "refused"
    refused.mkdir(parents=True)
    assert last.finished
    told = {"refused_at": last.finished.isoformat(), "gates": [{"name": "rows_lost", "result": "fail", "what": "half"}]}
    (refused / "20261122T000000Z.json").write_text(json.dumps(told))
    ledger.close()
    up = Up(home)
    try:
        yield up.ready()
    finally:
        up.close()


def _last(ledger: Ledger) -> Run:
    return ledger.runs(limit=1)[0]


def test_runs_come_in_parts_and_filtered(busy: Up) -> None:
    seen: list[int] = []
    offset: int | None = 0
    while offset is not None:
        part = busy.get(f"/api/v1/runs?limit=5&offset={offset}&schedule=manual").json
        assert part["total"] == 12
        seen += [r["id"] for r in part["items"]]
        offset = part["next"]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 12
    assert busy.get("/api/v1/runs?state=done&state=waiting").json["total"] == 7
    assert busy.get("/api/v1/runs?site=muduo&limit=1").json["total"] == 12
    assert busy.get("/api/v1/runs?site=tanxi").json["items"] == []
    assert busy.get("/api/v1/runs?since=2999-01-01T00:00:00Z").json["total"] == 0


def test_a_run_tells_its_report_gates_and_what_it_waits_for(busy: Up) -> None:
    run = RunDetail.model_validate(busy.get("/api/v1/runs/12").json)
    assert (run.state, run.waits_for, [s.state for s in run.steps_done]) == (
        "waiting",
        "accept",
        ["done", "to come", "to come", "waiting"],
    )
    (site,) = run.report.sites
    assert site.crawl
    assert (site.crawl.new, site.crawl.requests, site.crawl.known) == (7, 30, 40)
    assert [(g.name, g.result, g.acceptable) for g in run.gates] == [("rows_lost", "fail", True)]
    page = busy.get("/runs/12").text
    assert 'name="gate_rows_lost"' in page


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/v1/runs/99", 404), ("/api/v1/runs/0", 422), ("/api/v1/runs/x", 422), ("/api/v1/runs?limit=0", 422), ("/api/v1/runs?state=odd", 422),
     ("/api/v1/runs?since=2026-11-27T00:00:00", 400), ("/api/v1/schedules/none", 404), ("/api/v1/schedules/A", 422), ("/api/v1/datasets/none", 404),
     ("/api/v1/alarms/99", 404), ("/api/v1/nothing", 404), ("/api/v1/runs?schedule=../x", 422),
     ("/api/v1/runs?since=0001-01-01T00:00:00%2B14:00", 422), ("/api/v1/runs?since=9999-12-31T23:59:59-14:00", 422)],
)  # fmt: skip
def test_mistakes_are_told(busy: Up, path: str, status: int) -> None:
    answer = busy.get(path)
    assert answer.status == status
    assert answer.json["error"]
    assert set(answer.json) == {"error", "where", "remedy"}


def test_a_schedule_is_paused_run_filled_and_its_runs_cancelled(busy: Up) -> None:
    until(lambda: busy.get("/health").json["status"] == "ok")
    assert busy.post("/api/v1/schedules/yearly/pause", {"reason": "a look"}).json["done"] == "paused"
    paused = ScheduleOut.model_validate(busy.get("/api/v1/schedules/yearly").json)
    assert paused.paused
    assert "a look" in (paused.why_paused or "")
    assert paused.next == []
    times = {"since": "2020-06-01T00:00:00Z", "until": "2024-06-01T00:00:00Z"}
    dry = busy.post("/api/v1/schedules/yearly/backfill", times | {"dry": True}).json
    assert [t[:4] for t in dry["times"]] == ["2021", "2022", "2023", "2024"]
    assert busy.get("/api/v1/runs?schedule=yearly").json["total"] == 0
    assert busy.post("/api/v1/schedules/yearly/backfill", times).json["times"] == dry["times"]
    due = busy.get("/api/v1/queue").json["due"]
    assert [r["cause"] for r in due] == ["backfill"] * 4  # the pause holds them back
    for run in due:
        assert busy.post(f"/api/v1/runs/{run['id']}/cancel", {"reason": "not wanted"}).status == 200
    assert busy.get("/api/v1/queue").json["due"] == []
    assert busy.get(f"/api/v1/runs/{due[0]['id']}").json["state"] == "skipped"
    assert busy.post("/api/v1/schedules/yearly/resume").json["done"] == "resumed"
    again = busy.post("/api/v1/schedules/yearly/resume")
    assert (again.status, again.json["error"]) == (400, "'yearly' is not paused")
    wrong = busy.post("/api/v1/schedules/yearly/backfill", {"since": "2020-01-01", "until": "x"})
    assert wrong.status == 422
    assert wrong.json["error"] == "'until' must be a date or time, like 2026-11-22 or 2026-11-22T08:00:00Z"
    assert busy.post("/api/v1/schedules/yearly/backfill", {}).json["error"] == "'since' is missing"
    form = busy.post(
        "/api/v1/schedules/yearly/pause", {"reason": "x"}, Content_Type="application/x-www-form-urlencoded"
    )
    assert (form.status, form.json["error"]) == (422, "the body holds no JSON object")
    assert "Content-Type: application/json" in form.json["remedy"]


def test_steps_that_an_ended_run_never_came_to_are_not_to_come(busy: Up) -> None:
    detail = RunDetail.model_validate(busy.get("/api/v1/runs/2").json)
    assert (detail.state, [s.state for s in detail.steps_done]) == (
        "failed",
        ["done", "left out", "left out", "waiting"],
    )
    page = busy.get("/runs/2").text
    assert "left out</span>" in page
    assert "to come" not in page


def test_reasons_are_needed_and_bounded(busy: Up) -> None:
    assert busy.post("/api/v1/runs/12/confirm", {"reason": ""}).status == 422
    assert busy.post("/api/v1/runs/12/confirm", {"reason": " "}).status == 400
    assert busy.post("/api/v1/runs/12/confirm", {"reason": "x" * 1001}).status == 422
    assert busy.post("/api/v1/runs/12/accept", {"reason": "x", "gates": []}).status == 422
    assert busy.post("/api/v1/runs/1/confirm", {"reason": "x"}).status == 400  # it does not wait


def test_times_at_the_ends_of_the_calendar_are_mistakes(busy: Up) -> None:
    early, late = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
    for since, end in ((early, "2026-11-01T00:00:00Z"), ("2026-11-01T00:00:00Z", late)):
        answer = busy.post("/api/v1/schedules/yearly/backfill", {"since": since, "until": end, "dry": True})
        assert answer.status == 422
        assert "between 1970 and 9998" in answer.json["error"]
    assert busy.post("/api/v1/alarms/1/mute", {"until": late}).status == 422


def test_a_reason_is_kept_without_signs_that_steer(busy: Up) -> None:
    """A terminal would obey them, PostgreSQL refuses the first, and the last turns round what stands behind it."""
    reason = "a\0b \x1b[31mred\x07 c\nd \u202egnp.exe"
    assert busy.post("/api/v1/schedules/yearly/pause", {"reason": reason}).status == 200
    kept = busy.get("/api/v1/schedules/yearly").json["why_paused"]
    assert kept.endswith(": a b [31mred c d gnp.exe")
    busy.post("/api/v1/schedules/yearly/resume")


def test_a_browser_acts_with_its_session_and_the_token_of_its_forms(busy: Up) -> None:
    page = busy.get("/alarms")
    cookie = page.headers["Set-Cookie"].split(";")[0]
    csrf = busy.get("/api/v1/me", Cookie=cookie).json["csrf"]
    body = json.dumps({"reason": "mine"}).encode()
    headers = {"Cookie": cookie, "Content_Type": "application/json"}
    assert busy.ask("/api/v1/schedules/yearly/pause", "POST", None, body, **headers).status == 403
    assert busy.ask("/api/v1/schedules/yearly/pause", "POST", None, body, **headers, X_CSRF_Token=csrf).status == 200
    assert busy.ask("/api/v1/schedules/yearly/resume", "POST", None, b"", **headers, X_CSRF_Token=csrf).status == 200


def test_health_metrics_and_sites(busy: Up) -> None:
    health = HealthOut.model_validate(busy.get("/api/v1/health").json)
    assert {c.name for c in health.checks} >= {"ledger", "scheduler", "disk", "catalogue"}
    metrics = busy.get("/metrics")
    assert metrics.headers["Content-Type"].startswith("text/plain")
    assert 'jianghua_runs_total{schedule="manual"' in metrics.text
    sites = {s["name"]: s for s in busy.get("/api/v1/sites").json}
    assert len(sites["muduo"]["trend"]) == 12
    assert (sites["muduo"]["pages"], sites["muduo"]["health"]) == (40, "well")


def test_every_answer_is_described(busy: Up) -> None:
    told = busy.get("/api/openapi.json").json
    assert told["openapi"].startswith("3.")
    paths: dict[str, Any] = told["paths"]
    assert all(p.startswith("/api/v1/") for p in paths)
    assert len(paths) >= 20
    for path, methods in paths.items():
        for method, operation in methods.items():
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            assert schema, (method, path)
            assert operation["description"] or operation["summary"], (method, path)
    assert busy.get("/docs").status == 404


def test_times_are_those_of_the_zone_asked_for(busy: Up) -> None:
    now = datetime.fromisoformat(busy.get("/api/v1/me").json["time"])
    assert now.tzinfo is not None
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=2)
