"""The HTML page of a reading, looked at in a real browser: all there, nothing from elsewhere, filters that filter, no text cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.explaining.html import page as made
from crawler.explaining.html import write_page
from crawler.explaining.trying import try_pages
from crawler.home import Home
from tests.chromium import opened
from tests.crawler.extraction.pages import OTHER, OTHER_TITLE, SPEECH, TITLE, page, paragraphs

INFO = "<div class=info>时间:2024-05-03 10:20:30 来源:网友投稿 作者:林小草</div>"
PLAIN = page(
    f"<p>{TITLE}</p><p>下面是小编为大家整理的镇长讲话,供大家参考。</p>{paragraphs(SPEECH)}<p>标签: #护林</p>",
    above=INFO,
)
PARTS = page(f"<p>篇1:{TITLE}</p>{paragraphs(SPEECH)}<p>篇2:{OTHER_TITLE}</p>{paragraphs(OTHER)}", "讲话稿2篇")


def views(tmp_path: Path, *pages: bytes) -> list[dict[str, Any]]:
    paths = []
    for n, body in enumerate(pages):
        paths.append(tmp_path / f"{n}.html")
        paths[-1].write_bytes(body)
    return try_pages(Home.find(tmp_path), [str(p) for p in paths])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened() as found:
        yield found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_a_reading_in_a_browser(browser: Any, tmp_path: Path, scheme: str, width: int) -> None:
    path = tmp_path / "out.html"
    write_page(path, views(tmp_path, PLAIN, PARTS))
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    asked: list[str] = []
    complaints: list[str] = []
    tab.on("request", lambda r: asked.append(r.url))
    tab.on("console", lambda m: complaints.append(m.text))
    tab.on("pageerror", lambda e: complaints.append(str(e)))
    tab.goto(path.as_uri())
    assert asked == [path.as_uri()]
    assert complaints == []
    assert tab.title() == TITLE
    assert tab.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    right = tab.locator("article").first.locator(".row.kept .right > span:last-child").all_inner_texts()
    assert right == SPEECH
    # left and right of a row stand side by side, or one below the other where there is no room
    row = tab.locator(".row.kept").nth(2)
    left_box, right_box = row.locator(".block").bounding_box(), row.locator(".right").bounding_box()
    assert (abs(left_box["y"] - right_box["y"]) < 1) == (width > 800)
    cut = tab.locator(".row.intro .rule").first
    assert "structure.intro" in cut.inner_text()
    assert "rules/structure.yaml" in (cut.get_attribute("title") or "")
    text, ground = tab.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    light = [sum(map(int, c.partition("(")[2].rstrip(")").split(",")[:3])) for c in (text, ground)]
    assert (light[0] < light[1]) == (scheme == "light")
    tab.close()


def test_filters_hide_what_they_name(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "out.html"
    write_page(path, views(tmp_path, PLAIN))
    tab = browser.new_page()
    tab.goto(path.as_uri())
    counts = {}
    for box in tab.locator("nav.legend label").all():
        fate = box.locator("input").get_attribute("id").removeprefix("show-")
        rows = tab.locator(f".row.{fate}")
        counts[fate] = rows.count()
        assert str(counts[fate]) in box.inner_text()
        if fate != "outside":  # those are folded
            assert rows.first.is_visible()
        box.click()
        assert not any(r.is_visible() for r in rows.all())
        box.click()
    assert counts["kept"] == len(SPEECH)
    assert {"intro", "title", "outside"} <= set(counts)
    tab.locator("summary").first.click()
    assert tab.locator(".row.outside").first.is_visible()
    tab.close()


def test_parts_are_numbered_and_their_headings_told(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "out.html"
    write_page(path, views(tmp_path, PARTS))
    tab = browser.new_page()
    tab.goto(path.as_uri())
    numbers = tab.locator(".row.kept .n").all_inner_texts()
    assert numbers == [f"1.{n}" for n in range(1, len(SPEECH) + 1)] + [f"2.{n}" for n in range(1, len(OTHER) + 1)]
    assert tab.locator(".row.heading").count() == 2
    tab.close()


def test_nothing_of_a_page_gets_out_of_its_text(tmp_path: Path) -> None:
    evil = "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=http://evil.invalid/x&gt;"
    body = page(paragraphs([*SPEECH, evil]), f'{TITLE}&lt;b&gt;"$title', above=f"<div>作者:{evil[:20]}</div>")
    text = made(views(tmp_path, body))
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;alert(1)" in text
