"""What a visitor stumbled over once: damaged files, other scripts, no scripts, paper, small screens, datasets of one speech."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalogue.build import build
from publisher.release import publish_records
from tests.catalogue.browsing import Tab, tab
from tests.catalogue.catalogue_made import DAY, rows
from tests.catalogue.range_server import range_server
from tests.publisher.publisher_made import records, speech

SIMPLE = "各位代表、同志们：\n今天召开市容环境百日行动部署会，主要任务是总结前一阶段的情况。\n谢谢大家，让我们一起努力把这件事办好。"
COMPLEX = "各位代表、同志們:\n今天召開市容環境百日行動部署會,主要任務是總結前一階段的情況。\n謝謝大家，讓我們一起努力把這件事辦好。"


def publish(folder: Path, some: list[dict[str, Any]]) -> Path:
    (folder / "speeches").mkdir(parents=True)
    publish_records(folder / "speeches", records(some), now=DAY)
    build(folder)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two speeches that are one in two scripts, all of one month, one without a place."""
    simple = speech("wenmi", 1, SIMPLE, title="城市管理讲话稿5篇", title_raw="x", part_title="【篇四】", region=None)
    other = speech("gongwen", 2, COMPLEX, title="在市容環境會議上的講話", title_raw="y", region="青河县")
    folder = publish(tmp_path_factory.mktemp("small") / "datasets", [simple, other])
    with range_server(folder, folder) as found:
        yield found


def ids(t: Any) -> list[str]:
    t.go("#/speeches/browse", ".browse .entry-title")
    hrefs = t.page.locator(".entry-title").evaluate_all("e => e.map(a => a.getAttribute('href'))")
    return [h.rpartition("/")[2] for h in hrefs]


def test_two_scripts_are_no_difference_unless_asked_for(browser: Any, small: str) -> None:
    with tab(browser, small) as t:
        a, b = ids(t)
        t.go(f"#/speeches/compare/{a}/{b}", ".sides")
        assert t.page.locator("del, ins").count() == 0
        assert "only in script" in t.page.inner_text(".compare")
        assert any("【篇四】" in head for head in t.texts(".heads h2"))  # which speech of the page it is
        t.page.click(".toggle")
        t.page.wait_for_selector("del")
        assert t.page.locator(".pair:not(.heads)").count() == 3
        t.page.click(".toggle")
        t.until("document.querySelectorAll('del').length === 0")


def test_what_was_asked_for_is_marked_in_either_script(browser: Any, small: str) -> None:
    with tab(browser, small) as t:
        t.go("#/speeches/browse?q=会议上", ".browse .entry-title")
        assert t.texts(".entry mark") == ["會議上"]


def test_what_is_not_known_is_told_beside_the_bars(browser: Any, small: str) -> None:
    with tab(browser, small) as t:
        t.go("#/speeches/pictures", "#by-region")
        assert t.texts("#by-region .bars .name") == ["青河县"]
        assert "not known: 1" in t.page.inner_text("#by-region")


def test_one_bar_and_one_month_stand_in_the_middle(browser: Any, tmp_path: Path) -> None:
    folder = publish(tmp_path / "datasets", [speech("wenmi", 1, SIMPLE, title="讲话", title_raw="x")])
    with range_server(folder, folder) as base, tab(browser, base) as t:
        t.go("#/speeches/pictures")
        t.page.wait_for_selector("canvas >> nth=1")
        t.page.wait_for_timeout(200)
        for n in (0, 1):
            first, last, width = (
                t.page.locator("canvas")
                .nth(n)
                .evaluate(
                    """c => { const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let a = c.width, b = 0;
                  for (let i = 0; i < p.length; i += 4) if (p[i + 3] && p[i] - p[i + 1] > 60) { const x = (i / 4) % c.width; a = Math.min(a, x); b = Math.max(b, x); }
                  return [a, b, c.width]; }"""
                )
            )
            assert 0.35 * width < (first + last) / 2 < 0.65 * width, n


def test_pictures_are_printed_in_the_colours_of_paper(browser: Any, small: str) -> None:
    most = "c => { const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, n = {}; for (let i = 0; i < p.length; i += 4) if (p[i + 3] > 200) n[[p[i], p[i + 1], p[i + 2]]] = (n[[p[i], p[i + 1], p[i + 2]]] ?? 0) + 1; return Object.entries(n).sort((a, b) => b[1] - a[1])[0][0]; }"
    with tab(browser, small, color_scheme="dark") as t:
        t.go("#/speeches/pictures")
        t.page.wait_for_selector("canvas >> nth=1")
        t.page.wait_for_timeout(200)
        bars = t.page.locator("canvas").nth(1)
        red = int(bars.evaluate(most).split(",")[0])
        t.page.emulate_media(media="print")
        t.page.wait_for_timeout(300)
        assert int(t.page.locator("canvas").nth(1).evaluate(most).split(",")[0]) < red - 30  # dark ink


def test_paper_has_no_buttons_and_says_nothing_twice(browser: Any, small: str) -> None:
    with tab(browser, small) as t:
        t.go(f"#/speeches/speech/{ids(t)[0]}", "#copies table")
        t.page.emulate_media(media="print")
        assert t.page.locator("a.button:visible, button:visible, summary:visible").all_inner_texts() == ["Facts"]
        after = t.page.locator("#source a.address").evaluate("a => getComputedStyle(a, '::after').content")
        assert after in ("none", "normal", '""')


@pytest.mark.parametrize(
    ("path", "width", "cells"),
    [
        ("load", 390, "#files td:first-child a"),
        ("columns", 1280, ".dictionary td:nth-child(2) code:not(:has(+ *))"),
        ("columns", 390, ".dictionary td:first-child code"),
    ],
)
def test_no_name_is_broken_in_its_middle(browser: Any, small: str, path: str, width: int, cells: str) -> None:
    with tab(browser, small, width) as t:
        t.go(f"#/speeches/{path}", cells)
        broken = t.page.locator(cells).evaluate_all(
            "e => e.filter(c => !c.textContent.includes(' ') && c.getClientRects().length > 1).map(c => c.textContent)"
        )
        assert broken == []


def test_a_very_long_title_leaves_room_for_the_others(browser: Any, tmp_path: Path) -> None:
    title = "在全市" + "深入学习贯彻落实关于进一步加强和改进安全生产工作的若干意见暨" * 12 + "大会上的讲话"
    folder = publish(
        tmp_path / "datasets", [*rows(3), speech("wenmi", 900, SIMPLE, title=title, title_raw=title, region=None)]
    )
    with range_server(folder, folder) as base, tab(browser, base, 390) as t:
        t.go("#/speeches/browse", ".browse .entry-title")
        entry = t.page.locator(".entry-title", has_text="若干意见")
        assert entry.bounding_box()["height"] < 90
        entry.click()
        t.page.wait_for_selector(".text")
        assert t.page.inner_text(".masthead h1") == title
        assert t.page.locator(".masthead h1").bounding_box()["height"] < 800


def test_who_has_no_scripts_finds_the_files(browser: Any, small: str, published: Path) -> None:
    with tab(browser, small, java_script_enabled=False) as t:
        t.page.goto(small)
        assert "Jianghua speeches" in t.page.inner_text("main")
        for name in ("README.md", "SHA256SUMS", "preview.parquet"):
            href = t.page.get_by_role("link", name=name).get_attribute("href")
            assert t.page.request.get(small + href).status == 200, name


@pytest.fixture
def broken(published: Path, tmp_path: Path) -> Path:
    """A copy of the datasets whose files may be damaged."""
    shutil.copytree(published, tmp_path / "datasets")
    return tmp_path / "datasets"


def test_a_damaged_part_is_named(browser: Any, broken: Path) -> None:
    parts = list(broken.glob("speeches/versions/*/speeches/*.parquet"))
    for part in parts:
        data = bytearray(part.read_bytes())
        for i in range(len(data) // 8, len(data) // 2, 7):
            data[i] ^= 0x5A
        part.write_bytes(data)
    with range_server(broken, broken) as base, tab(browser, base) as t:
        t.go("#/speeches/browse", ".browse .entry-title")
        t.page.click(".browse .entry-title")
        t.page.wait_for_selector(".trouble")
        told = t.page.inner_text(".trouble")
        assert any(p.name in told for p in parts)
        assert "damaged" in told
        assert "connection" not in told


@pytest.mark.parametrize(
    ("pack", "path", "place"),
    [("clusters", "", "#copies [role=alert]"), ("facets", "#/speeches/browse?q=讲话", ".count [role=alert]")],
)
def test_a_file_that_is_gone_is_asked_for_once_and_named(
    browser: Any, broken: Path, pack: str, path: str, place: str
) -> None:
    """The page does not ask for it again and again, although only a piece of it is missing."""
    (gone,) = broken.glob(f"catalogue/data/speeches/{pack}-*")
    with range_server(broken, broken) as base, tab(browser, base) as t:
        if not path:
            t.go("#/speeches/browse?copies=only", ".browse .entry-title")
            path = t.page.locator(".entry-title").first.get_attribute("href")
        gone.unlink()
        t.go("")
        t.asked.clear()
        t.go(path, place)
        t.page.wait_for_timeout(1500)
        assert gone.name in t.page.inner_text(place)
        assert t.page.locator("main h1").count() == 1
        asked = Counter(u for u in t.asked if gone.name in u)
        assert max(asked.values()) <= 3
        t.complaints = [c for c in t.complaints if "404" not in c]


def test_why_a_speech_left_is_told_in_words(browser: Any, tmp_path: Path) -> None:
    folder = publish(tmp_path / "datasets", rows(12))
    publish_records(folder / "speeches", records(rows(12)[:-2]), now=DAY.replace(day=22), accept={"rows_lost": "meant"})
    build(folder)
    with range_server(folder, folder) as base, tab(browser, base, locale="zh-CN") as t:
        t.go("#/speeches/versions", ".version[open] .op")
        assert "原因不详" in t.page.inner_text(".version[open] .ops")
        t.page.click(".version[open] details summary")
        told = t.page.inner_text(".version[open] .prose")
        assert "原网页仍在却丢失的讲话" in told
        assert "though their page" not in told
        t.go("#/speeches", "#quality details")
        t.page.click("#quality summary")
        assert "原网页仍在却丢失的讲话" in t.page.inner_text("#quality .prose")


def test_who_waits_for_a_speech_sees_that_something_happens(browser: Any, address: str) -> None:
    with tab(browser, address) as t:
        t.go("#/speeches/browse", ".browse .entry-title")
        held: list[Any] = []
        free = False
        t.page.route("**/*.parquet", lambda route: route.continue_() if free else held.append(route))
        t.page.click(".browse .entry-title")
        t.page.wait_for_selector("[data-busy]")
        assert t.page.inner_text("#state") == "Loading …"
        assert t.page.locator(".browse .entry-title").count() == 30  # the list stays until the speech is there
        free = True
        for route in held:
            route.continue_()
        t.page.wait_for_selector(".text")
        assert t.page.locator("[data-busy]").count() == 0
        assert t.page.inner_text("#state") == ""


def test_one_thing_is_no_plural(browser: Any, tmp_path: Path) -> None:
    folder = publish(tmp_path / "datasets", [speech("wenmi", 1, SIMPLE, title="讲话", title_raw="x")])
    with range_server(folder, folder) as base, tab(browser, base) as t:
        for path in ("", "#/speeches", "#/speeches/browse", "#/speeches/versions", "#/speeches/load"):
            t.go(path)
            text = " ".join(t.page.inner_text("main").split())
            assert not any(f"1 {many}" in text.replace("\n", " ") for many in ("speeches", "sites", "files", "rows")), (
                path
            )


@pytest.mark.parametrize(
    "asked",
    ['"五一"', "「五一」表彰", "五一表彰", "２０２２", '"表彰大会"', "‘五一’ ２０２２年", "表彰大會", "（ＧＤＰ）gdp"],
)
def test_quotation_marks_and_widths_do_not_hide_a_title(quoted: Tab, asked: str) -> None:
    quoted.go("#/speeches/browse")
    quoted.page.fill("#q", asked)
    quoted.until("document.querySelector('.browse').dataset.asked.length > 0")
    assert quoted.texts(".entry-title") == ["在2022年“五一”表彰大会（ＧＤＰ）gdp 上的讲话"]
    assert quoted.texts(".entry mark")


@pytest.fixture(scope="module")
def quoted(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A tab for many searches; each loads the page anew."""
    title = "在2022年“五一”表彰大会（ＧＤＰ）gdp 上的讲话"
    some = [
        speech("wenmi", 1, SIMPLE, title=title, title_raw="x"),
        speech("wenmi", 2, COMPLEX, title="别的", title_raw="x"),
    ]
    folder = publish(tmp_path_factory.mktemp("quoted") / "datasets", some)
    with range_server(folder, folder) as base, tab(browser, base) as found:
        yield found


def test_an_axis_names_what_tells_its_moments_apart(browser: Any, address: str) -> None:
    """Years, months, days, and the time of day only where all is of one."""
    with tab(browser, address) as t:
        t.go("#/speeches/versions", "#growth canvas")
        chart = next(u for u in t.asked if u.endswith("/chart.js"))
        hour = 3600

        def labels(start: int, step: int, n: int) -> list[str]:
            found: list[str] = t.page.evaluate(
                "([path, at]) => import(path).then(m => m.dates(at))", [chart, [start + i * step for i in range(n)]]
            )
            return found

        new_year = 1767225600  # 2026-01-01 00:00 UTC
        assert labels(new_year, hour, 3) == ["00:00", "01:00", "02:00"]
        assert labels(new_year, 12 * hour, 5) == ["01-01", "", "01-02", "", "01-03"]
        assert labels(new_year, 31 * 24 * hour, 3) == ["2026-01", "2026-02", "2026-03"]
        assert labels(new_year, 366 * 24 * hour, 3) == ["2026", "2027", "2028"]


def test_a_page_that_was_open_while_the_program_was_updated_takes_its_new_scripts(browser: Any, broken: Path) -> None:
    with range_server(broken, broken) as base, tab(browser, base) as t:
        t.go("#/speeches/browse", ".browse .entry-title")
        (old,) = (broken / "catalogue").glob("app-*")
        new = old.with_name("app-0123456789ab")
        old.rename(new)
        for page in (broken / "index.html", broken / "catalogue/catalogue.json"):
            page.write_text(page.read_text().replace(old.name, new.name))
        t.page.click("nav a[href$='/pictures']")
        t.page.wait_for_selector("#by-kind")
        assert any(f"/{new.name}/pictures.js" in u for u in t.asked)
        t.complaints = [c for c in t.complaints if "404" not in c]


def test_no_connection_is_told_as_that(browser: Any, address: str) -> None:
    with tab(browser, address) as t:
        t.go("#/speeches/browse", ".browse .entry-title")
        t.page.context.set_offline(True)
        t.page.click("nav a[href$='/columns']")
        t.page.wait_for_selector(".trouble")
        assert "does not answer" in t.page.inner_text(".trouble")
        t.page.context.set_offline(False)
        t.page.click(".trouble button")
        t.page.wait_for_selector(".dictionary")
        t.complaints = [c for c in t.complaints if "ERR_INTERNET_DISCONNECTED" not in c]


def test_a_text_is_told_to_be_what_its_digest_says(browser: Any, small: str) -> None:
    with tab(browser, small) as t:
        t.go(f"#/speeches/speech/{ids(t)[0]}", "#source details")
        t.page.click("#source details summary")
        t.page.wait_for_selector("#source .badge.good")
        assert "matches" in t.page.inner_text("#source .badge.good")


def test_the_script_of_a_text_is_told_to_who_reads_it_aloud(browser: Any, tmp_path: Path) -> None:
    other = speech("gongwen", 2, COMPLEX, title="在市容環境會議上的講話", title_raw="y", script="traditional")
    folder = publish(tmp_path / "datasets", [other])
    with range_server(folder, folder) as base, tab(browser, base) as t:
        t.go(f"#/speeches/speech/{ids(t)[0]}", ".text")
        assert t.page.get_attribute(".text", "lang") == "zh-Hant"
        assert t.page.get_attribute(".masthead h1", "lang") == "zh-Hant"
