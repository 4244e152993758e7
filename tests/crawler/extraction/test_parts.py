"""Compilations split at their headings, and single speeches stay whole."""

import pytest

from crawler.extraction.blocks import read_blocks
from crawler.extraction.dom import parse
from crawler.extraction.parts import declared_count, find_headings, number
from crawler.extraction.plain import plain
from crawler.extraction.titles import same_title
from tests.crawler.extraction.pages import OTHER, SPEECH, paragraphs

TITLE = "护林工作讲话稿3篇"


def headings(lines: list[str], title: str = TITLE) -> list[str]:
    blocks = read_blocks(parse(paragraphs(lines).encode()).root)
    return [h.text for h in find_headings(blocks, plain(title), same_title=same_title)[0]]


@pytest.mark.parametrize(
    "style",
    [
        ("护林工作讲话稿篇1", "护林工作讲话稿篇2", "护林工作讲话稿篇3"),
        ("篇1:", "篇2:", "篇3:"),
        ("第一篇:护林工作讲话稿", "第二篇:护林工作讲话稿", "第三篇:护林工作讲话稿"),
        ("【篇一】护林讲话", "【篇二】护林讲话", "【篇三】护林讲话"),
        ("范文一", "范文二", "范文三"),
        ("护林工作讲话稿样本1", "护林工作讲话稿样本2", "护林工作讲话稿样本3"),
        ("护林工作讲话稿(一)", "护林工作讲话稿(二)", "护林工作讲话稿(三)"),
        ("护林工作讲话稿一", "护林工作讲话稿二", "护林工作讲话稿三"),
    ],
)
def test_ordinal_styles(style: tuple[str, str, str]) -> None:
    assert headings([style[0], *SPEECH, style[1], *OTHER, style[2], *SPEECH]) == list(style)


def test_heading_and_salutation_on_one_line() -> None:
    blocks = read_blocks(
        parse(paragraphs(["【篇一】 同志们:", *SPEECH[1:], "【篇二】 各位代表:", *OTHER[1:]]).encode()).root
    )
    found, _ = find_headings(blocks, plain("讲话2篇"), same_title=same_title)
    assert [(h.text, h.rest) for h in found] == [("【篇一】", "同志们:"), ("【篇二】", "各位代表:")]


def test_parts_that_start_at_two() -> None:
    found = headings([*SPEECH, "篇2", *OTHER, "篇3", *SPEECH])
    assert found == ["", "篇2", "篇3"]


def test_table_of_contents_is_no_part() -> None:
    style = ["第一篇:护林讲话", "第二篇:开学致辞"]
    assert headings([*style, style[0], *SPEECH, style[1], *OTHER], "讲话2篇") == style


def test_own_titles_without_ordinals() -> None:
    own = ["镇长在护林会议上的讲话", "校长在开学典礼上的致辞"]
    assert headings([own[0], *SPEECH, own[1], *OTHER], "领导讲话汇编2篇") == own


def test_only_new_salutations() -> None:
    assert headings([*SPEECH, *OTHER], "讲话稿精选2篇") == ["", ""]


def test_outline_of_one_speech_is_no_compilation() -> None:
    outlined = ["同志们:", SPEECH[1], "(一)强化巡护", SPEECH[3], "(二)强化值守", SPEECH[5], "(三)强化宣传", SPEECH[3]]
    assert headings(outlined, "在护林会议上的讲话") == []
    assert headings(SPEECH, "在护林会议上的讲话") == []


@pytest.mark.parametrize(
    ("title", "count"),
    [("讲话稿6篇", 6), ("讲话汇编", 0), ("学习体会三篇", 3), ("在大会上的讲话", None), ("(精选十二篇)", 12)],
)
def test_declared_count(title: str, count: int | None) -> None:
    assert declared_count(title) == count


@pytest.mark.parametrize(
    ("text", "value"), [("十", 10), ("十二", 12), ("二十", 20), ("三", 3), ("12", 12), ("③", 3), ("Ⅳ", 4), ("甲", None)]
)
def test_number(text: str, value: int | None) -> None:
    assert number(text) == value
