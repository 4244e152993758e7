"""The pages in a real browser: on any screen, by keyboard, in two languages, copies side by side, versions, pictures, print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from publisher.reader import open_dataset
from tests.catalogue.browsing import TABS, tab


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_every_page_shows_itself_on_any_screen(browser: Any, address: str, width: int, scheme: str) -> None:
    with tab(browser, address, width, color_scheme=scheme, locale="zh-CN") as t:
        for path in ("", *(f"#/speeches{p}" for p in TABS)):
            t.go(path)
            assert t.page.evaluate("document.scrollingElement.scrollWidth") <= width, path
            ink, paper = t.page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
            light = [sum(map(int, re.findall(r"\d+", c)[:3])) for c in (ink, paper)]
            assert (light[0] < light[1]) == (scheme == "light")
            assert t.page.get_attribute("html", "lang") == "zh-Hans"
        t.go("#/speeches/browse?preview=only", ".browse .entry-title")
        t.page.click(".browse .entry-title")
        t.page.wait_for_selector(".text")
        assert t.page.evaluate("document.scrollingElement.scrollWidth") <= width
        assert "仅有这篇讲话的开头" in t.page.inner_text(".preview")
        assert "2,400" in t.page.inner_text(".preview")


def test_copies_stand_side_by_side(browser: Any, address: str, published: Path) -> None:
    texts = {
        r["speech_id"]: r["text"]
        for r in open_dataset(published / "speeches").arrow(columns=["speech_id", "text"]).to_pylist()
    }
    with tab(browser, address) as t:
        t.go("#/speeches/browse?copies=only&preview=none", ".browse .entry-title")
        t.page.click(".browse .entry-title")
        t.page.wait_for_selector("#copies p a.button")
        assert "alike" in t.page.inner_text("#copies thead") or t.page.locator("#copies tbody tr").count() >= 2
        t.page.click("#copies p a.button")
        t.page.wait_for_selector(".sides")
        ids = [p.replace("%3A", ":") for p in t.page.url.split("/compare/")[1].split("/")]
        for side, speech_id in zip("ab", ids, strict=True):
            shown = t.page.locator(f'.pair:not(.heads) .cell[data-side="{side}"]:not(.empty)').evaluate_all("e => e.map(p => p.textContent)")  # fmt: skip
            assert "\n".join(shown) == texts[speech_id]
        assert texts[ids[0]] != texts[ids[1]]
        assert t.page.locator("del, ins").count() > 0
        # what is marked is really only there
        for mark, other in (("del", ids[1]), ("ins", ids[0])):
            assert all(m not in texts[other] for m in t.texts(mark) if len(m) > 8)


def test_the_keyboard_is_enough(browser: Any, address: str) -> None:
    with tab(browser, address) as t:
        t.go("#/speeches/browse", ".browse .entry-title")
        t.page.keyboard.press("Tab")
        assert t.page.evaluate("document.activeElement.className") == "skip"
        t.page.keyboard.press("Enter")
        assert t.page.evaluate("document.activeElement.id") == "main"
        t.page.keyboard.press("/")
        assert t.page.evaluate("document.activeElement.id") == "q"
        outline = t.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        t.page.keyboard.press("ArrowDown")
        t.page.keyboard.press("ArrowDown")
        titles = t.texts(".entry-title")
        assert t.page.evaluate("document.activeElement.textContent") == titles[1]
        t.page.keyboard.press("ArrowUp")
        t.page.keyboard.press("End")
        assert t.page.evaluate("document.activeElement.textContent") == titles[-1]
        t.page.keyboard.press("Home")
        t.page.keyboard.press("Enter")
        t.page.wait_for_selector(".text")
        assert t.page.inner_text(".masthead h1") == titles[0]
        assert t.page.evaluate("document.activeElement.tagName") == "H1"
        unnamed = t.page.evaluate("[...document.querySelectorAll('input, select, button, a')].filter(e => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).length")  # fmt: skip
        assert unnamed == 0


def test_the_language_is_remembered(browser: Any, address: str) -> None:
    with tab(browser, address) as t:
        t.go("#/speeches")
        assert t.page.get_attribute("html", "lang") == "en"
        assert "Quality" in t.page.inner_text("main")
        t.page.click(".lang")
        t.until("document.documentElement.lang === 'zh-Hans'")
        t.page.wait_for_selector("#quality h2:has-text('质量')")
        t.page.reload()
        t.page.wait_for_selector("#quality h2:has-text('质量')")
        assert t.page.inner_text(".lang") == "English"


def test_versions_tell_what_changed(browser: Any, address: str) -> None:
    with tab(browser, address) as t:
        t.go("#/speeches/versions")
        assert t.page.locator(".version").count() == 2
        assert t.page.locator(".version[open]").count() == 1
        text = t.page.inner_text(".version[open]")
        assert "Added" in text
        assert "（修订）" in text
        assert "title" in t.texts(".version[open] .op li code")
        t.page.wait_for_selector("#growth canvas")
        t.page.click("#growth summary")
        t.page.wait_for_selector("#growth table tbody tr >> nth=1")
        t.page.locator(".version[open] .op a").first.click()
        t.page.wait_for_selector(".text")


def test_pictures_lead_to_speeches(browser: Any, address: str) -> None:
    with tab(browser, address) as t:
        t.go("#/speeches/pictures")
        t.page.wait_for_selector("canvas >> nth=1")
        for canvas in t.page.locator("canvas").all():
            drawn = canvas.evaluate("c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size")
            assert drawn > 10
        t.page.click("figure details summary >> nth=0")
        t.page.wait_for_selector("figure table tbody tr >> nth=2")
        bar = t.page.locator(".bars a").first
        number = bar.locator(".n").inner_text()
        bar.click()
        t.page.wait_for_selector(".browse .entry-title")
        assert t.page.inner_text(".count").split()[0] == number


def test_print_leaves_the_text_alone(browser: Any, address: str) -> None:
    with tab(browser, address, color_scheme="dark") as t:
        t.go("#/speeches/browse", ".browse .entry-title")
        t.page.click(".browse .entry-title")
        t.page.wait_for_selector(".text")
        t.page.emulate_media(media="print")
        assert not t.page.locator(".top").is_visible()
        assert not t.page.locator("button").first.is_visible()
        assert t.page.locator(".text").is_visible()
        assert t.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
