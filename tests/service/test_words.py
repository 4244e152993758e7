"""Every word of the pages has its Chinese."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

import service
from crawler.records import Fate
from schedules.ledger import State
from schedules.plan import STEPS
from service.health import WELL
from service.rendering import DONE
from service.words import CHINESE, phrases
from watching.rules import RULES, Severity

FOLDER = Path(service.__file__).parent


def used() -> set[str]:
    """The words in the templates and in the modules that speak: t("…"), and lists whose items go through t."""
    found: set[str] = {*DONE.values(), *get_args(State), *STEPS, *get_args(Severity), *WELL, *WELL.values()}
    found |= {r.title for r in RULES}
    # what became of pages: as it is in a report, and as a figure of a step
    found |= {x for fate in get_args(Fate) for x in (fate, fate.replace("_", " "))}
    for path in [*FOLDER.glob("templates/*.html"), *FOLDER.glob("*.py")]:
        text = path.read_text()
        for m in re.finditer(r"""\bt\((?:"([^"]*)"|'([^']*)')""", text):
            found.add(m[1] or m[2])
        for m in re.finditer(r'\(\("(?P<x>[A-Z][a-z ]+)", |\("([A-Z][A-Za-z ]+)", ', text):
            if path.suffix == ".html":
                found.add(m[1] or m[2])
        for m in re.finditer(r"{% for \w+ in \[([^\]]*)\] %}<(?:th|li)", text):
            found.update(re.findall(r'"([^"]+)"', m[1]))
    return found


def test_every_word_has_its_chinese() -> None:
    assert sorted(used() - set(CHINESE)) == []


@pytest.mark.parametrize("english", sorted(CHINESE))
def test_the_chinese_has_the_same_places(english: str) -> None:
    def places(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert places(english) == places(CHINESE[english])


def test_the_reason_of_a_run_is_told_in_chinese_from_end_to_end() -> None:
    assert phrases()("interrupted; what was kept is kept, the same command goes on") == (
        "已中断；已保存的内容不会丢失，再次运行同一命令即可继续"
    )
    assert phrases()("its process died in step learn; what it kept is kept, the same command goes on").startswith(
        "其进程在步骤"
    )
    told = phrases()(
        "do: look at the records of the sites named, or publish all the same with --accept rows_lost --reason TEXT; "
        "the latest version stays as it is; never confirmed, run 5 published after it"
    )
    assert "--accept rows_lost --reason" in told
    assert "stays" not in told
    assert "never" not in told
    told = phrases()("publish: not published: no new speech; where: /a/b; do: run the same command again later")
    assert "位置：/a/b" in told
    assert "处理办法：" in told
