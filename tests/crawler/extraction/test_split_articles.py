"""Articles over several pages on the templates that content systems come with."""

from __future__ import annotations

import pytest

from crawler.extraction.article import read_article
from crawler.extraction.model import ArticleResult, PageInput
from tests.crawler.extraction.pages import CLOSING, FIRST_TEXT, LONG, OPENING, SECOND_TEXT, SITE, page, paragraphs, text

ABOUT = (
    "<ul>"
    + "<li><a href=/a/8.html>在苗圃开园仪式上的致辞</a></li>" * 6
    + "</ul><div class=site><p>"
    + "树林网记录护林员的一天一夜,也收集各地林场的好做法,欢迎来信来稿。" * 3
    + "</p></div>"
)
PAGER = "<div class=pager><a href=1.html>1</a> <span>2</span> <a href=1_3.html>下一页</a></div>"


def together(*bodies: bytes) -> ArticleResult:
    return read_article(
        [PageInput(f"http://www.shulin.test/a/1_{k}.html", b, "text/html", k) for k, b in enumerate(bodies, 1)], SITE
    )


@pytest.mark.parametrize("cut", [2, 5])
def test_a_page_with_little_text_has_it_where_the_others_have_theirs(cut: int) -> None:
    bodies = [page(paragraphs(x) + PAGER, below=ABOUT) for x in (LONG[:cut], LONG[cut:])]
    assert text(together(*bodies)) == LONG


@pytest.mark.parametrize("behind", ["", "<p>推荐访问:<a href=/t/1>护林</a></p>", "<p>编辑:小溪</p>"])
def test_a_short_piece_that_ends_in_a_comma_goes_on_behind_lines_of_the_page(behind: str) -> None:
    broken = "山头地块,一个也不能空着,逐一分到人,谁的山头谁来守。"
    lines = ["同志们:", OPENING, FIRST_TEXT, broken, SECOND_TEXT, CLOSING]
    at = broken.index("逐")
    bodies = [
        page(paragraphs([*lines[:3], broken[:at]]) + behind + PAGER),
        page(paragraphs([broken[at:], *lines[4:]]) + PAGER),
    ]
    assert text(together(*bodies)) == lines


def test_the_title_below_the_last_paragraphs_is_no_head_of_the_page() -> None:
    foot = "<div class=share><p>镇长在全镇护林工作会议上的讲话</p></div>"
    bodies = [page(paragraphs(x) + foot, title="镇长在全镇护林工作会议上的讲话") for x in (LONG[:4], LONG[4:])]
    assert text(together(*bodies)) == LONG


def test_a_counter_above_the_text_of_a_further_page_does_not_end_it() -> None:
    counter = "<p>我们用双脚守护每一片山林,用双手栽下每一棵树苗。</p><div class=jt><a href=#>微博</a></div><div><a href=#>1</a></div>"
    half = [f"<div>{counter}{paragraphs(x)}</div>" for x in (LONG[:4], LONG[4:])]
    assert text(together(*(page(x) for x in half))) == LONG


def test_the_same_box_of_links_on_each_page_makes_no_list() -> None:
    box = (
        "<ul class=kk><li><a href=/a/5.html>在造林动员会上的讲话</a></li>"
        "<li><a href=/a/6.html>场长新年致辞全文</a></li></ul>"
    )
    first, second = (
        paragraphs(LONG[:2]) + box + paragraphs(LONG[2:3]),
        paragraphs(LONG[3:4]) + box + paragraphs(LONG[4:5]),
    )
    bodies = [page(x) for x in (first, second, paragraphs(LONG[5:]))]
    assert together(*bodies).fate == "speech"
    assert text(together(*bodies)) == LONG


def test_a_text_goes_on_behind_a_box_that_closes_its_paragraph() -> None:
    box = "<div class=kk><ul><li><a href=/a/5.html>在造林动员会上的讲话</a></li><li><a href=/a/6.html>场长新年致辞</a></li><li><a href=/a/7.html>在巡山誓师会上的讲话</a></li><li><a href=/a/8.html>在苗圃开园仪式上的致辞</a></li></ul></div>"
    for at in (2, 3, 5):
        body = "<p>" + "<br>".join(LONG[:at]) + box + "<br>".join(LONG[at:])
        assert text(together(page(body))) == LONG, at


def test_a_piece_that_begins_with_a_number_goes_on_and_a_point_does_not() -> None:
    for broken, at in (
        ("北坡我去过三次,第一次炉子是凉的,第二次水是热的,登记簿也写满了。", "第二次"),
        ("三月里下了一场大雪,十二个检查站都亮着灯,一个人也没有脱岗。", "十二"),
    ):
        lines = ["同志们:", OPENING, FIRST_TEXT, broken, SECOND_TEXT, CLOSING]
        cut = broken.index(at)
        bodies = page(paragraphs([*lines[:3], broken[:cut]])), page(paragraphs([broken[cut:], *lines[4:]]))
        assert text(together(*bodies)) == lines
    lines = [
        "同志们:",
        OPENING,
        "今年有两件事要办好,一件是路,一件是水,",
        "一、把路修到每一座山头",
        FIRST_TEXT,
        "二、把水引到每一块田里",
        SECOND_TEXT,
        CLOSING,
    ]
    assert text(together(page(paragraphs(lines[:3])), page(paragraphs(lines[3:])))) == lines
