"""Titles: decorations off, meaning kept; which line is the title; the site's name off <title>."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.extraction.titles import clean_title, fold_title, same_title, site_of_title, strip_site

T = "在全市安全生产工作会议上的讲话"
WIDE = str.maketrans("()[]:", "\uff08\uff09\uff3b\uff3d\uff1a")
DECORATIONS = [
    "【优秀范文】",
    "【范文精选】",
    "(范文推荐)",
    "(精选7篇)",
    "(通用三篇)",
    "(共3篇)",
    "(3篇)",
    "(最新)",
    "(2023年最新版)",
    "【荐】",
    "[VIP]",
    "[免费]",
    "(完整版)",
    "(修订)",
    "〔热门〕",
    "(必备实用)",
    "【精品·推荐】",
    "(优秀讲话稿范文5篇)",
    "(Word版)",
    "【在线预览】",
    "[共4页]",
    "(2000字)",
    "(doc)",
    "(范文六篇可选)",
]
TRAILING = [
    "(2)",
    " (2)",
    "(12)",
    "(第2页)",
    ".docx",
    ".doc",
    ".pdf",
    ".PPT",
    ".wps",
    ".txt",
    "...docx",
    "★",
    " - 副本",
    " 免费下载",
    "\U0001f525",
]
MEANINGFUL = [
    "(支部版)",
    "(乡镇版)",
    "(2023年5月4日)",
    "(一)",
    "(2023)",
    "(试行)",
    "(征求意见稿)",
    "(节选)",
    "(扩大)",
    "6篇",
    "汇编4篇",
    "(上)",
]


@pytest.mark.parametrize("decoration", DECORATIONS)
def test_decorations_come_off_at_either_end(decoration: str) -> None:
    for text in (T + decoration, decoration + T, T + decoration + "(2)", T + ".docx" + decoration):
        assert clean_title(text) == T
        assert clean_title(text.translate(WIDE)) == T


@pytest.mark.parametrize("ending", TRAILING)
def test_endings_come_off(ending: str) -> None:
    assert clean_title(T + ending) == T
    assert clean_title(T + "【精选】" + ending) == T


@pytest.mark.parametrize("meaning", MEANINGFUL)
def test_what_means_something_stays(meaning: str) -> None:
    assert clean_title(T + meaning) == T + meaning
    assert clean_title(f"【推荐】{T}{meaning}(2)") == T + meaning


@pytest.mark.parametrize("label", ["原创首发:", "VIP专享 | ", "范文推荐：", "★", "■ "])
def test_what_praises_a_title_before_it_goes(label: str) -> None:
    assert clean_title(label + T) == T
    assert clean_title("党课讲稿:" + T) == "党课讲稿:" + T


def test_a_last_piece_that_only_praises_goes() -> None:
    for piece in (" | 范文", "-致辞范文", "_精选", "——优秀讲话稿"):
        assert clean_title(T + piece) == T
    for piece in ("-机关版", "——校长致辞", " | 2023年"):
        assert clean_title(T + piece) == T + piece


def test_year_in_front_and_leading_ordinal_stay() -> None:
    assert clean_title("2022年度" + T) == "2022年度" + T
    assert clean_title("(一)" + T) == "(一)" + T
    assert clean_title("(2)" + T) == "(2)" + T


@given(st.text(max_size=40))
def test_cleaning_is_idempotent_and_never_empties(text: str) -> None:
    once = clean_title(text)
    assert clean_title(once) == once
    assert bool(once) == bool(text.strip())


@given(
    st.lists(st.sampled_from(DECORATIONS), max_size=3), st.lists(st.sampled_from(DECORATIONS + TRAILING), max_size=3)
)
def test_stacked_decorations(front: list[str], back: list[str]) -> None:
    assert clean_title("".join(front) + T + "".join(back)) == T
    assert same_title("".join(front) + T, T + "".join(back))


def test_sameness_folds_width_space_and_punctuation() -> None:
    assert same_title(
        "专题党课: 以过硬作风抓好党建(支部版)", "专题党课\uff1a以过硬作风抓好党建\uff08支部版\uff09【精选】"
    )
    assert not same_title("专题党课(支部版)", "专题党课(机关版)")
    assert not same_title("", "")
    assert fold_title("\uff21\uff22 12!") == "ab12"


@pytest.mark.parametrize(
    ("element", "names", "title", "site"),
    [
        (f"{T}_好范文网", set(), T, "好范文网"),
        (f"{T}_领导讲话_好范文", set(), T, "好范文"),
        (f"{T} - 好范文", {"好范文"}, T, "好范文"),
        (f"{T}-文秘之家", set(), T, "文秘之家"),
        (f"{T} - 领导讲话 - 公文网", set(), T, "公文网"),
        (f"公文网 - {T}", {"公文网"}, T, "公文网"),
        (f"{T} - 政协动态 - 政协清泉市委员会", set(), T, "政协清泉市委员会"),
        (f"{T} – 清泉中学", set(), T, "清泉中学"),
        (f"{T} - 守好绿水青山", set(), f"{T} - 守好绿水青山", None),
        (f"{T} - 讲话稿", set(), T, "讲话稿"),
        (f"{T} – 清泉写作", set(), T, "清泉写作"),
        (f"清泉在线 - {T}", set(), T, "清泉在线"),
        (f"公文网_{T}", {"公文网"}, T, "公文网"),
        (f"凝心聚力——{T}", set(), f"凝心聚力——{T}", None),
        (f"凝心聚力 {T}-XX文库", set(), f"凝心聚力 {T}", "XX文库"),
        (T, {"公文网"}, T, None),
        ("", set(), "", None),
    ],
)
def test_site_name_off_the_title_element(element: str, names: set[str], title: str, site: str | None) -> None:
    assert strip_site(element, names) == (title, site)


def test_site_name_is_what_stands_beside_the_title() -> None:
    assert site_of_title(f"{T}-领导讲话-晨光资料库", T, set()) == "晨光资料库"
    assert site_of_title(f"晨光资料库 | {T}", T, set()) == "晨光资料库"
    assert site_of_title(T, T, set()) is None
