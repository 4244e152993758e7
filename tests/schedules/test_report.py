"""The report of a run: made from what steps printed, kept with the run, shown to people, described by its schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from schedules import report_shown
from schedules.jobs import REPORT_LIMIT, _kept
from schedules.ledger import Run
from schedules.report import RunReport, make_report, report_of
from tests.chain import ROOT
from tests.watching.made import House, counts, crawl, extract, publish, step

NOW = datetime(2026, 11, 2, 3, 30, tzinfo=UTC)


def run(kept: dict[str, Any], **values: Any) -> Run:
    usual: dict[str, Any] = {
        "id": 5, "schedule": "nightly", "scheduled_for": NOW, "start_after": NOW, "cause": "timer", "state": "done", "why": None, "sites": ["muduo"],
        "plan": None, "started": NOW, "finished": NOW.replace(hour=4), "heartbeat": NOW, "owner": None, "step": None, "attempts": 1, "counts": kept,
    }  # fmt: skip
    return Run(**usual | values)


def test_sites_and_totals() -> None:
    crawled = [
        crawl("muduo", errors=3, reasons={"answered 500": 2, "timed out": 1}, seconds=10),
        crawl("wenku", errors=1, reasons={"timed out": 1}, new=7, seconds=30, finished=False, queued=4),
    ]
    read = [extract("muduo"), extract("wenku", fresh={"flags": {"mojibake": 2}}, poison=[["http://x/1", "too long"]])]
    found = make_report(run(counts(crawled, read), version="2026-11-02.1"))
    assert [s.site for s in found.sites] == ["muduo", "wenku"]
    total = found.total
    assert total.crawl
    assert total.extract
    assert total.extract.fresh
    assert (total.crawl.requests, total.crawl.new, total.crawl.failed, total.crawl.queued) == (200, 17, 4, 4)
    assert total.crawl.failures == {"timed out": 2, "answered 500": 2}
    assert total.crawl.seconds == 30  # side by side
    assert not total.crawl.finished
    assert (total.extract.speeches, total.extract.previews, total.extract.poison) == (180, 20, 1)
    assert total.extract.rejects == {"off_topic": 6, "soft_404": 2}
    assert total.extract.fresh.flags == {"mojibake": 2}
    assert found.published
    assert (found.published.rows, found.published.added) == (90, 9)
    assert found.sites[0].publish
    assert found.sites[1].publish is None
    assert found.seconds == 3600
    assert found.sites[0].crawl
    assert found.sites[0].crawl.hosts[0].delay_median == 1.1


def test_what_failed() -> None:
    kept = counts(
        [crawl("muduo", error="answers 503 to everything"), {"site": "yushan", "error": "its file is broken"}],
        [extract()],
    )
    kept["publish"] = step(
        {"version": None, "gates": [{"name": "rows_lost", "result": "fail", "what": "40 of 90"}]},
        "not published",
        waiting=True,
    )
    found = make_report(run(kept, state="waiting", plan={"sites": ["muduo"], "broken": {"tanxi": "no address"}}))
    assert {s.site: s.error for s in found.sites} == {
        "muduo": "answers 503 to everything", "yushan": "its file is broken", "tanxi": "no address",
    }  # fmt: skip
    assert found.sites[1].crawl is None
    assert [g.name for g in found.gates] == ["rows_lost"]
    assert found.published is None
    assert [(s.step, s.ok, s.waiting) for s in found.stages] == [
        ("crawl", False, False),
        ("extract", True, False),
        ("publish", False, True),
    ]


PRINTED = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**9) | st.text(max_size=5),
    lambda x: st.lists(x, max_size=4) | st.dictionaries(st.sampled_from(["sites", "site", "fates", "requests", "gates", "fresh", "hosts", "rows", "error", "name", "result"]), x, max_size=6),
    max_leaves=25,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["crawl", "learn", "extract", "publish"]), PRINTED))
def test_whatever_a_step_printed_there_is_a_report(printed: dict[str, Any]) -> None:
    found = make_report(run({k: step(v) for k, v in printed.items()}))
    assert RunReport.model_validate_json(found.model_dump_json()) == found
    Console(width=100, file=open("/dev/null", "w")).print(report_shown.shown(found))  # noqa: PTH123, SIM115


def test_no_secret_is_in_a_report() -> None:
    kept = counts([crawl(error="no answer from http://me:hunter2222@proxy.example.com/")], [extract()])
    kept["publish"] = step(None, "cannot open s3://key:hunter2222@bucket")
    assert "hunter2222" not in make_report(run(kept)).model_dump_json()


def test_it_is_kept_with_the_run_and_made_again_where_it_is_not(house: House) -> None:
    number = house.ran(counts([crawl()], [extract()]))
    row = house.ledger.run(number)
    assert row.report is not None
    assert report_of(row).sites[0].crawl
    assert report_of(row) == make_report(row)
    older = run(row.counts, report={"format": "another"})
    assert report_of(older).run == 5


def test_it_is_shown_to_people() -> None:
    lists = {
        "list": "/jianghua/",
        "said": "共25页",
        "pages_stated": 25,
        "pages_seen": 3,
        "items_seen": 30,
        "complete": False,
    }
    kept = counts(
        [crawl(errors=2, reasons={"timed out": 2}, newly_disallowed=4, lists_stated=2, lists_complete=1, lists=[lists]), crawl("wenku")],
        [extract(), extract("wenku")], publish(gates=[{"name": "previews", "result": "warn", "what": "muduo rose"}]),
    )  # fmt: skip
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(report_shown.shown(make_report(run(kept, version="2026-11-02.1"))))
    text = console.export_text()
    for words in (
        "muduo", "wenku", "all", "timed out", "3 of 25 pages (“共25页”)", "robots.txt newly forbids 4 pages", "1.10 s", "Version 2026-11-02.1",
        "warn: previews: muduo rose", "2,400", "off_topic",
    ):  # fmt: skip
        assert words in text, words


def test_a_report_that_is_too_long_keeps_its_counts() -> None:
    long = {"sites": [extract(poison=[[f"http://x/{n}", "too long " * 20] for n in range(5000)])]}
    kept = _kept(long)
    assert len(json.dumps(kept)) < REPORT_LIMIT
    found = make_report(run({"extract": step(kept)})).sites[0].extract
    assert found
    assert found.poison == 5000
    assert found.speeches == 90


def test_the_schema_in_the_docs_is_that_of_the_program() -> None:
    kept = json.loads((ROOT / "docs" / "run-report.schema.json").read_text())
    assert kept == json.loads(json.dumps(RunReport.model_json_schema())), (
        "python -m schedules.report docs/run-report.schema.json"
    )


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "home")
