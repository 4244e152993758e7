"""The page that says what could not be done: in the language of the others, its commands as code."""

from __future__ import annotations

import re

import pytest

from service.words import phrases
from tests.service.server import Up


@pytest.mark.parametrize(
    ("path", "english", "chinese"),
    [
        ("/sites/nothing", "unknown site &#39;nothing&#39;", "没有名为“nothing”的站点"),
        ("/schedules/nothing", "unknown schedule &#39;nothing&#39;", "没有名为“nothing”的计划"),
        ("/runs/9999", "unknown run 9999", "没有运行 9999"),
        ("/nowhere", "Not Found", "网址可能有误"),
    ],
)
def test_what_is_wrong_is_told_in_the_language_of_the_page(quiet: Up, path: str, english: str, chinese: str) -> None:
    for language, words, todo in (("en", english, "What to do"), ("zh", chinese, "处理办法")):
        answer = quiet.get(path, Accept_Language=language)
        assert answer.status == 404
        main = answer.text.partition("<main")[2].partition("</main>")[0]
        assert words in main
        assert "`" not in main
        if todo in main and language == "zh":
            assert re.search("</span> .*[\u4e00-\u9fff]", main)
    if path.startswith("/runs"):
        assert "<code>jianghua runs</code>" in main


def test_states_within_a_sentence_are_told_too() -> None:
    assert phrases()("run 7 has ended: done") == "运行 7 已结束：完成"
    assert phrases()("run 7 was confirmed already: run 9 is running") == "运行 7 已经确认过：运行 9 运行中"
