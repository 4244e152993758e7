"""Points and headings nest by what the text uses; announced points are counted against those that are there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.extraction.outline import outline, points
from crawler.extraction.plain import plain


def levels(*paragraphs: str) -> list[tuple[int, str, str]]:
    return [(o["level"], o["marker"], o["heading"]) for o in outline(paragraphs, [plain(p) for p in paragraphs])]


def count(*paragraphs: str) -> tuple[int | None, int | None]:
    return points([plain(p) for p in paragraphs])


def test_three_levels_and_back() -> None:
    assert levels("同志们:", "一、甲", "(一)子", "1.a", "2.b", "（二）丑", "二、乙。", "一是x。说明", "二是y") == [
        (1, "一、", "甲"),
        (2, "(一)", "子"),
        (3, "1.", "a"),
        (3, "2.", "b"),
        (2, "（二）", "丑"),
        (1, "二、", "乙"),
        (2, "一是", "x。说明"),
        (2, "二是", "y"),
    ]


def test_first_style_of_a_text_is_its_first_level() -> None:
    assert [x[0] for x in levels("第一,甲", "一要a", "二要b", "第二,乙", "一要c", "二要d")] == [1, 2, 2, 1, 2, 2]
    assert [x[0] for x in levels("一是a", "二是b", "一、甲", "二、乙")] == [1, 1, 1, 1]
    assert [x[0] for x in levels("(一)甲", "1、a", "2、b", "(二)乙", "1、c", "2、d")] == [1, 2, 2, 1, 2, 2]


def test_styles_of_one_family_take_over() -> None:
    assert [x[:2] for x in levels("一、甲", "二、乙", "第三,丙")] == [(1, "一、"), (1, "二、"), (1, "第三,")]
    assert [x[:2] for x in levels("一、甲", "第一,a", "二、乙", "第一,b", "第二,c", "三、丙")] == [
        (1, "一、"),
        (2, "第一,"),
        (1, "二、"),
        (2, "第一,"),
        (2, "第二,"),
        (1, "三、"),
    ]


def test_a_lost_heading_breaks_no_run() -> None:
    assert [x[1] for x in levels("一、甲", "三、丙")] == ["一、", "三、"]


@pytest.mark.parametrize(
    "paragraphs",
    [
        ("3.5万人", "2022年"),
        ("1. 孤立",),
        ("第一书记", "第一时间"),
        ("2.乙", "3.丙"),
        ("一是孤立",),
        ("5月1日", "6月2日"),
    ],
)
def test_stray_numbers_are_no_points(paragraphs: tuple[str, ...]) -> None:
    assert levels(*paragraphs) == []


def test_run_in_point_gives_its_first_sentence() -> None:
    long = "一是强化源头管理。" + "对来往人员进行检疫,充分利用网格化管理手段。" * 4
    assert levels(long, "二是y")[0] == (1, "一是", "强化源头管理")


def test_first_next_last() -> None:
    assert [x[1] for x in levels("首先,甲", "其次,乙", "最后,丙")] == ["首先,", "其次,", "最后,"]


@pytest.mark.parametrize(
    ("paragraphs", "expected"),
    [
        (("下面,我讲三点意见。", "一、甲", "二、乙", "三、丙"), (3, 3)),
        (("下面,我讲三点意见。", "一、甲", "一是a", "二是b", "二、乙"), (3, 2)),
        (("我讲3点:一是甲;二是乙;三是丙。",), (3, 3)),
        (("下面，我從三個方面匯報。", "第一，甲", "第二，乙", "第三，丙"), (3, 3)),
        (("借此机会,提五点要求。",), (5, 0)),
        (("下面,我讲几点意见。", "一、甲"), (None, None)),
        (("刚才,王书记讲了三点意见,我同意。", "一、甲"), (None, None)),
        (("会议强调三点要求。", "一、甲"), (None, None)),
        (("我市要做好三项工作。", "一、甲"), (None, None)),
        (("要从三个方面入手抓落实。", "一、甲"), (None, None)),
        (("刚才王书记讲了四点意见。下面,我再讲两点意见。", "第一,甲", "第二,乙"), (2, 2)),
        (("一、甲", "在此,我提三点希望。", "二、乙"), (None, None)),
    ],
)
def test_announced_against_found(paragraphs: tuple[str, ...], expected: tuple[int | None, int | None]) -> None:
    assert count(*paragraphs) == expected


def test_a_text_that_ends_as_speeches_end_was_not_cut() -> None:
    assert count("下面,我讲三点意见。", "一、甲", "二、乙", "让我们携手并进,共创更加美好的未来!") == (3, None)


LONG = "要把责任落实到每一个岗位、每一个环节,让各项措施落地见效,不留死角,不走过场,真正经得起检验"


@pytest.mark.parametrize(
    "paragraphs",
    [
        (
            "茶水管够,听我说三句话。",
            "第一句,先拆我家的。",
            "第二句,地方不盖楼。",
            "第三句,不搞一刀切。",
            "好了,谁先说?",
        ),
        ("受大家委托,我简要讲三个方面。", "首先,甲。", "其次,乙。", "最后,丙。", "散会。"),
        ("我讲三点意见。首先,甲。其次,乙。最后,丙。",),
        ("下面,我讲三层意思。", "第一层意思,甲。", "第二层意思,乙。", "第三层,丙。"),
        ("下面,我就三个问题讲一讲。", "第一个问题,甲。", "第二个问题,乙。", "第三个问题,丙。"),
        ("我想和大家交流三个“不”。", "第一个“不”是不打。", "第二个“不”是不骂。", "第三个“不”是不比。"),
    ],
)
def test_ways_of_counting(paragraphs: tuple[str, ...]) -> None:
    assert count(*paragraphs) == (3, 3)


@pytest.mark.parametrize(
    ("paragraphs", "found"),
    [
        (("归结起来,就是三句话。", "一、甲", LONG, "二、乙", LONG), 2),
        (("具体讲,要做好三件事。", f"1、甲。{LONG}"), 1),
        (("下面,我讲三点意见。", "一、甲", "(一)a", "(二)b", "(三)c", "二、乙", "(一)d", "(二)e", f"(三)f。{LONG}"), 2),
        (("下面,我讲三点意见。", "一、甲", f"二、乙。这让我们有些坐办公室的人脸红,{LONG}。{LONG}。{LONG}。"), 2),
        (("我谈三个意思。", "首先,甲。", f"其次,乙。{LONG}"), 2),
        (("我谈三个意思。",), 0),
    ],
)
def test_a_text_that_stops_within_its_points(paragraphs: tuple[str, ...], found: int) -> None:
    assert count(*paragraphs) == (3, found)


@pytest.mark.parametrize(
    "end",
    [
        "我不想再在现场见到各位。散会。",
        "祝各位同事新春快乐,阖家幸福,万事如意!",
        "锣鼓响起来吧!",
        "现在我宣布:运动会开幕!",
        "拜托各位了!",
    ],
)
def test_endings_without_thanks(end: str) -> None:
    assert count("下面,我讲三点意见。", f"一、甲。{LONG}", f"二、乙。{LONG}", end) == (3, None)


def test_uncounted_points_are_no_evidence() -> None:
    assert count("下面,我讲三点意见。", *["各地要认真抓好落实,不得有误。" * 5] * 4) == (3, None)


@given(
    st.lists(
        st.sampled_from(
            [
                "一、甲",
                "二、乙",
                "三、丙",
                "(一)a",
                "(二)b",
                "1.x",
                "2.y",
                "一是p",
                "二是q",
                "正文。",
                "第一,m",
                "第二,n",
            ]
        )
    )
)
def test_levels_never_skip(paragraphs: list[str]) -> None:
    depth = 0
    for level, _, _ in levels(*paragraphs):
        assert 1 <= level <= depth + 1
        depth = level
