"""The alarms page of a real service in Chromium: what is wrong and what to do, muting, what is over."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from crawler.home import Home
from service.words import phrases
from tests.chromium import NEEDED, launched
from tests.schedules.house import until
from tests.service.browser import visit
from tests.service.server import Up

pytestmark = NEEDED
WORDS = {
    "en-GB": ("A schedule file has a mistake", "Mute for", "Mute", "The alarm is muted.", "muted until", "Tell again",
              "The alarm is told again.", "No alarm. All is as it should be.", "Over"),
    "zh-CN": ("计划文件有误", "静音时长", "静音", "告警已静音。", "静音至", "恢复通知", "告警已恢复通知。", "没有告警，一切正常。", "已解除"),
}  # fmt: skip


@dataclass
class Look:
    """A service and a browser to look at it."""

    up: Up
    browser: Any


@pytest.mark.parametrize(
    ("language", "options"),
    [
        ("en-GB", {}),
        ("zh-CN", {"java_script_enabled": False, "viewport": {"width": 390, "height": 800}, "color_scheme": "dark"}),
    ],
)
def test_an_alarm_is_muted_told_again_and_over(
    bare: Home, ups: Callable[..., Up], language: str, options: dict[str, Any]
) -> None:
    title, choice, mute, muted, until_when, again, told, none, over = WORDS[language]
    file = _broken(bare)
    up = ups(bare, env={"JIANGHUA_ALARMS_EVERY": "0.5"}).ready()
    until(lambda: up.get("/api/v1/alarms").json)
    (alarm,) = up.get("/api/v1/alarms").json
    assert alarm["kind"] == "schedule_broken"
    with sync_playwright() as playwright, visit(Look(up, launched(playwright)), locale=language, **options) as page:
        page.goto(f"{up.url}/alarms")
        item = page.locator(f"#alarm-{alarm['id']}")
        expect(item).to_contain_text(title)
        expect(item).to_contain_text("line 2: 'cron'")
        remedy, what = alarm["remedy"], alarm["what"]
        if language == "zh-CN":
            remedy, what = phrases()(remedy), "计划 wrong 的文件有误"
            assert re.search("[\u4e00-\u9fff]", remedy)
        expect(item).to_contain_text(remedy.replace("`", ""))
        expect(item).to_contain_text(what)
        item.get_by_label(choice).focus()  # what somebody is at is not refreshed
        item.get_by_label(choice).select_option("3")
        before = datetime.now(UTC)
        item.get_by_role("button", name=mute).click()
        expect(page.get_by_role("status")).to_have_text(muted)
        expect(item).to_contain_text(until_when)
        expect(item.get_by_role("button", name=mute, exact=True)).to_have_count(0)
        kept = datetime.fromisoformat(up.get(f"/api/v1/alarms/{alarm['id']}").json["muted_until"])
        assert before <= kept - timedelta(days=3) <= datetime.now(UTC)
        item.get_by_role("button", name=again).click()
        expect(page.get_by_role("status")).to_have_text(told)
        expect(item.get_by_role("button", name=mute, exact=True)).to_be_visible()
        assert up.get(f"/api/v1/alarms/{alarm['id']}").json["muted_until"] is None
        file.unlink()
        until(lambda: up.get("/api/v1/alarms").json == [])
        page.goto(f"{up.url}/alarms")
        expect(page.get_by_text(none)).to_be_visible()
        past = page.get_by_role("region", name=over)
        expect(past).to_contain_text(title)
    late = up.post(f"/api/v1/alarms/{alarm['id']}/mute", {"until": "2999-01-01T00:00:00Z"})
    assert late.status in (400, 404)
    assert "is over" in late.json["error"]


def _broken(home: Home) -> Path:
    """A schedule file with a mistake."""
    home.own_schedules.mkdir()
    file = home.own_schedules / "wrong.yaml"
    file.write_text("name: wrong\ncron: whenever\n")
    return file
