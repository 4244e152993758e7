"""What the page of the sites says of one: its last run, and the alarms that are open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from crawler.home import Home
from service.models import Health, PointOut
from service.sites import Visit, _site, safe_address
from tests.service.server import Up
from watching.alarms import Alarm
from watching.rules import Severity

NOW = datetime(2026, 11, 10, 3, 30, tzinfo=UTC)


def visit(number: int, error: str | None = None, new: int = 3) -> Visit:
    return Visit(
        PointOut(run=number, at=NOW, new=new, changed=0, speeches=8, failed=error is not None),
        error,
        None if error else 20,
    )


def brought(*new: int) -> list[Visit]:
    return [visit(n, new=count) for n, count in enumerate(new, 1)]


def alarm(severity: Severity) -> Alarm:
    return Alarm(
        id=7, key="slow muduo", kind="slow", title="A site answers far more slowly than usual", site="muduo", schedule=None, severity=severity,
        state="open", what="site muduo answers in 2.00 s", remedy="give it time", figures={}, since=NOW, last_seen=NOW, times=1, closed_at=None,
        muted_until=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("trend", "severities", "health"),
    [
        ([visit(1)], [], "well"),
        ([visit(1)], ["warning"], "alarm"),
        ([visit(1)], ["critical", "info"], "alarm"),
        ([visit(1)], ["info"], "well"),
        ([visit(1), visit(2, "it cannot be reached")], ["warning"], "failing"),
        (brought(90, 3, 3, 3, 3, 3, 0, 0), [], "quiet"),
        (brought(90, 3, 3, 3, 3, 3, 0, 0), ["warning"], "alarm"),
        (brought(90, 3, 3, 3, 3, 3, 3, 0), [], "well"),  # one quiet run is none
        (brought(90, 0, 12, 9, 0), [], "well"),  # a catch-up run after a bad day, of a site that is new
        (brought(90, 3, 3, 3, 3, 0, 0), [], "well"),  # too few to say what is usual
        (brought(90, 0, 0, 0, 0, 4, 0, 0), [], "well"),  # it is usual for this one
        (
            [*brought(90, 3, 3, 3, 3, 3, 0), visit(8, "down"), visit(9, new=0)],
            [],
            "quiet",
        ),  # one that failed says nothing
        ([], ["warning"], "never run"),
    ],
)
def test_an_alarm_stands_beside_what_the_last_run_says(
    trend: list[Visit], severities: list[Severity], health: Health
) -> None:
    found = _site("muduo", None, None, trend, [alarm(s) for s in severities])
    assert found.health == health
    assert [(a.kind, a.severity) for a in found.alarms] == [("slow", s) for s in severities]


@pytest.mark.parametrize(
    ("address", "shown"),
    [("http://www.muduo.test/list?a=b@c", "http://www.muduo.test/list?a=b@c"), ("https://user:secret@www.muduo.test:8080/a", "https://www.muduo.test:8080/a"),
     ("http://us@er:se@cret@www.muduo.test/", "http://www.muduo.test/"), ("javascript:alert(1)", None), ("http:///x", None), ("ftp://x/", None),
     ("http://x/ y", None), ("http://[::1/", None), (None, None)],
)  # fmt: skip
def test_an_address_is_a_link_of_the_web_without_its_password(address: str | None, shown: str | None) -> None:
    assert safe_address(address) == shown


def test_half_a_character_in_a_title_takes_no_list_away(bare: Home, ups: Callable[..., Up]) -> None:
    """YAML can write one, and no encoding takes it."""
    for folder, name, text in (
        (
            bare.own_sites,
            "odd",
            'name: odd\ntitle: "a\\ud800\\e[31m"\nstart: [http://user:secretPassword@www.odd.test/]\n',
        ),
        (bare.own_schedules, "yearly", 'name: yearly\ntitle: "b\\ud800"\ncron: 0 0 1 1 *\n'),
    ):
        folder.mkdir()
        (folder / f"{name}.yaml").write_text(text)
    up = ups(bare).ready()
    (site,) = [s for s in up.get("/api/v1/sites").json if s["name"] == "odd"]
    assert (site["title"], site["address"], site["error"]) == ("a\ufffd\ufffd[31m", "http://www.odd.test/", None)
    (schedule,) = up.get("/api/v1/schedules").json
    assert schedule["title"] == "b\ufffd"
    for path in ("/", "/sites", "/sites/odd", "/schedules", "/schedules/yearly"):
        answer = up.get(path)
        assert answer.status == 200
        assert "secretPassword" not in answer.text
