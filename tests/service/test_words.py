"""Every word of the pages has its Chinese."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

import service
from schedules.ledger import State
from schedules.plan import STEPS
from service.health import WELL
from service.rendering import DONE
from service.words import CHINESE
from watching.rules import RULES, Severity

FOLDER = Path(service.__file__).parent


def used() -> set[str]:
    """The words in the templates and in the modules that speak: t("…"), and lists whose items go through t."""
    found: set[str] = {*DONE.values(), *get_args(State), *STEPS, *get_args(Severity), *WELL, *WELL.values()}
    found |= {r.title for r in RULES}
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
