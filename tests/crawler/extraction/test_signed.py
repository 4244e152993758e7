"""Who wrote an article, where no 作者: says it."""

from __future__ import annotations

import pytest

from crawler.extraction.dom import parse
from crawler.extraction.facts import read_facts
from tests.crawler.extraction.pages import FIRST_TEXT, OPENING, SECOND_TEXT, TITLE, page, paragraphs

NEWS = "北湖镇秋冬护林见成效"
BODY = [OPENING, FIRST_TEXT, SECOND_TEXT]


def author(body: str, title: str = NEWS, *, above: str = "", below: str = "") -> str | None:
    return read_facts(parse(page(body, title, above=above, below=below))).author


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("本报记者 周远山 李小禾", "周远山 李小禾"),
        ("□ 北湖日报记者 周远山", "周远山"),
        ("本报记者周远山发自北湖", "周远山"),
        ("北湖晚报记者 周远山 南岭报道", "周远山"),
        ("文/周远山", "周远山"),
        ("执笔人:周远山 李小禾", "周远山 李小禾"),
        ("通讯员 格桑次仁", "格桑次仁"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_line_that_signs_the_article(line: str, names: str, first: bool) -> None:
    assert author(paragraphs([line, *BODY] if first else [*BODY, line])) == names


@pytest.mark.parametrize(
    ("end", "names"),
    [
        ("(记者 周远山)", "周远山"),
        ("（本台记者 周远山 李小禾）", "周远山 李小禾"),
        ("（周远山 李小禾）", "周远山 李小禾"),
        ("（周远山 北湖报道）", "周远山"),
    ],
)
def test_names_in_brackets_behind_the_last_word(end: str, names: str) -> None:
    assert author(paragraphs([*BODY[:-1], BODY[-1] + end])) == names


def test_reporters_and_correspondents_in_two_lines() -> None:
    assert author(paragraphs(["本报记者 周远山", "通讯员 李小禾", *BODY])) == "周远山 李小禾"


def test_who_wrote_goes_before_who_edited_and_behind_who_is_called_the_author() -> None:
    signed = paragraphs([*BODY, "（记者 周远山）"])
    assert author(signed, above="<div class=info>责任编辑:赵文</div>") == "周远山"
    assert author(signed, above="<div class=info>作者:王小川</div>") == "王小川"
    assert author(paragraphs(BODY), above="<div class=info>责任编辑:赵文</div>") == "赵文"


def test_a_name_under_the_title_is_the_author_of_an_article_and_the_speaker_of_a_speech() -> None:
    assert author(paragraphs(["周远山", *BODY])) == "周远山"
    assert author(paragraphs(["周远山", *BODY]), TITLE) is None


@pytest.mark.parametrize(
    "line",
    ["记者在现场看到,护林员已经到岗。", "(掌声)", "（待续）", "(完)", "笔者以为不然", "(一)", "记者了解到", "——作者手记", "（北湖镇供图）"],
)  # fmt: skip
def test_what_signs_nothing(line: str) -> None:
    assert author(paragraphs([line, *BODY, line])) is None
