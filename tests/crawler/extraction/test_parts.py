"""Compilations split at their headings, and single speeches stay whole."""

import pytest

from crawler.extraction.blocks import read_blocks
from crawler.extraction.dom import parse
from crawler.extraction.part_headings import declared_count, number
from crawler.extraction.parts import find_headings
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
    "style",
    [
        ("★第一篇★", "★第二篇★", "★第三篇★"),
        ("(一)", "(二)", "(三)"),
        ("其一", "其二", "其三"),
        ("上篇", "中篇", "下篇"),
        ("范文A", "范文B", "范文C"),
        ("No.1", "No.2", "No.3"),
        ("篇1", "篇3", "篇6"),
        ("篇一", "第二篇", "【三】"),
        ("1、护林会上的讲话", "2、开学了,说几句", "3、年会上的话"),
        ("〖壹号稿〗", "〖贰号稿〗", "〖叁号稿〗"),
        ("壹", "贰", "叁"),
        ("【例1】", "【例2】", "【例3】"),
        ("【护林讲话稿】一", "【护林讲话稿】二", "【护林讲话稿】三"),
        ("一、《校长开学讲话——播下种子》", "二、《镇长护林讲话》", "三、《在国旗下的讲话——节约》"),
    ],
)
def test_forms_of_headings(style: tuple[str, str, str]) -> None:
    """Ordinals of other forms, with gaps and of several forms; lines of a form that nobody thought of, above an address."""
    third = ["各位乡亲:", *SPEECH[1:]]
    assert headings([style[0], *SPEECH, style[1], *OTHER, style[2], *third], "护林工作讲话") == list(style)


def test_one_form_of_address_below_an_ordinal_proves_the_others() -> None:
    plain_talk = [SPEECH[1] + SPEECH[3], SPEECH[5] + SPEECH[6]]
    lines = ["⑴", plain_talk[0], "⑵", plain_talk[1], "⑶", *SPEECH]
    assert headings(lines, "演讲稿范文") == ["⑴", "⑵", "⑶"]


def test_lines_of_ornaments_part_speeches() -> None:
    third = ["各位乡亲:", *SPEECH[1:]]
    assert headings([*SPEECH, "-----", *OTHER, "=====", *third], "护林讲话") == ["", "", ""]


@pytest.mark.parametrize(
    "lines",
    [
        ["第一部分 认清形势", SPEECH[1], "第二部分 抓好落实", SPEECH[3], "第三部分 加强领导", SPEECH[5]],
        ["第一篇章,叫作坚持。" + SPEECH[1], "第二篇章,叫作团结。" + SPEECH[3], "第三篇章,叫作梦想。" + SPEECH[5]],
        ["一、认清形势", SPEECH[1], "同志们:", SPEECH[3], "二、抓好落实", "同志们:", SPEECH[5]],
        [
            "Part 1 形势",
            SPEECH[1] + SPEECH[3],
            "Part 2 落实",
            SPEECH[3] + SPEECH[5],
            "Part 3 领导",
            SPEECH[5] + SPEECH[1],
        ],
        ["Part 1 形势", SPEECH[1][:30], "Part 2 落实", SPEECH[3][:40], "Part 3 领导", SPEECH[5] + SPEECH[1]],
        ["上篇 形势", SPEECH[1] + SPEECH[3], "下篇 落实", SPEECH[3] + SPEECH[5]],
    ],
)
def test_parts_of_one_speech_are_no_speeches(lines: list[str]) -> None:
    assert headings(["同志们:", *lines], "在护林会议上的讲话") == []


@pytest.mark.parametrize(
    ("title", "count"),
    [("讲话稿6篇", 6), ("讲话汇编", 0), ("学习体会三篇", 3), ("在大会上的讲话", None), ("(精选十二篇)", 12)],
)
def test_declared_count(title: str, count: int | None) -> None:
    assert declared_count(title) == count


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("十", 10),
        ("十二", 12),
        ("二十", 20),
        ("三", 3),
        ("12", 12),
        ("③", 3),
        ("⑶", 3),
        ("㈢", 3),
        ("叁", 3),
        ("Ⅳ", 4),
        ("乙", 2),
        ("下", 3),
        ("b", 2),
        ("春", None),
    ],
)
def test_number(text: str, value: int | None) -> None:
    assert number(text) == value


SPEAKERS = ["林学会理事长刘一鸣:", "陈二为(林业大学副校长):", "护林员代表张山:"]


def test_parts_headed_by_who_speaks() -> None:
    third = ["各位乡亲:", *OTHER[1:]]
    ended = [*SPEECH, "谢谢大家!"]
    lines = [SPEAKERS[0], *ended, SPEAKERS[1], *OTHER, SPEAKERS[2], *third]
    assert headings(lines, "护林大会开幕式三位嘉宾致辞全文") == SPEAKERS


def test_whom_one_speech_turns_to_is_no_speaker() -> None:
    lines = [
        "老师们、同学们:",
        SPEECH[1],
        "首先,我想对同学们说:",
        "同学们:",
        SPEECH[3],
        "其次,我想对老师们说:",
        "老师们:",
        SPEECH[5],
    ]
    assert headings(lines, "在开学典礼上的讲话") == []


def test_as_many_heading_elements_as_the_title_declares() -> None:
    texts = [SPEECH[1] + SPEECH[3], SPEECH[5] + SPEECH[6] + OTHER[1], OTHER[2] + OTHER[1] + SPEECH[3]]
    page = "".join(f"<h3>{h}</h3><p>{t}</p>" for h, t in zip(["扎根", "向上", "发光"], texts, strict=True))
    blocks = read_blocks(parse(page.encode()).root)
    of = {
        t: [h.text for h in find_headings(blocks, t, same_title=same_title)[0]]
        for t in ("三位青年的演讲", "演讲稿四篇", "在青年节上的演讲")
    }
    assert of == {"三位青年的演讲": ["扎根", "向上", "发光"], "演讲稿四篇": [], "在青年节上的演讲": []}


def test_a_last_part_that_breaks_off_is_one_however_short() -> None:
    own = ["镇长在护林会议上的讲话", "校长在开学典礼上的致辞", "局长在林业会议上的讲话"]
    begun = ["同志们:", "今天来了一百多位护林员,炉子都坐不下了。"]
    for style, title in ((own, "领导讲话合集"), (["篇一", "篇二", "篇三"], "讲话稿3篇")):
        blocks = read_blocks(parse(paragraphs([style[0], *SPEECH, style[1], *OTHER, style[2], *begun]).encode()).root)
        found = {
            cut: [h.text for h in find_headings(blocks, title, same_title=same_title, cut=cut)[0]]
            for cut in (True, False)
        }
        assert found[True] == style
        assert found[False] != style
