"""Counts in sentences: one of a thing is told as one."""

from __future__ import annotations

import re

import pytest

from crawler.errors import UsageError
from crawler.wording import counted, meant, plural
from publisher.checks import corrections, unique_keys
from publisher.rules import RULES, Violation, gates_of, said
from publisher.tables import TABLES
from publisher.verified import known


@pytest.mark.parametrize(
    ("n", "one", "told"),
    [
        (0, "speech", "0 speeches"),
        (1, "speech", "1 speech"),
        (2, "speech", "2 speeches"),
        (2, "copy", "2 copies"),
        (2, "day", "2 days"),
        (3, "address", "3 addresses"),
        (2, "archived response", "2 archived responses"),
        (12, "page", "12 pages"),
    ],
)
def test_counted(n: int, one: str, told: str) -> None:
    assert counted(n, one) == told
    assert plural(n, "is", "are") == ("is" if n == 1 else "are")


@pytest.mark.parametrize("name", RULES)
def test_a_row_rule_speaks_of_one_row_as_of_one(name: str) -> None:
    what = RULES[name].what
    assert said(3, what) == f"3 {what}"
    one = said(1, what)
    assert re.match(
        r"1 (contained )?(speech|duplicate|response|page|tombstone) (has|is|was|begins or ends) ", one + " "
    ), one
    assert not re.search(r"\b(have|are|were|they|themselves)\b", one), one
    assert gates_of({name: Violation(1, ("a:1",))})[1].what.startswith(f"{one}, e.g. a:1")


def test_gates_speak_of_one_as_of_one() -> None:
    import pyarrow as pa

    assert "1 key stands in several rows" in unique_keys(TABLES["speeches"], pa.array(["a:1", "a:1"])).what
    notes = {"u": {"corrections": {"applied": [0], "idle": [], "speeches": 1, "dropped": 0}}}
    assert corrections([], notes, (), ()).what.startswith("1 correction applied: 1 speech corrected, 0 dropped")


def test_a_name_that_is_nearly_right_is_guessed_and_no_other() -> None:
    assert meant("titel", ["text", "title", "site"]) == "did you mean title? "
    assert meant("row_lost", {"rows_lost", "rows_gone"}) == "did you mean rows_lost? "
    assert meant("zzz", ["text", "title"]) == ""
    with pytest.raises(UsageError) as e:
        known(["titel"], "speeches", ["text", "title"])
    assert e.value.remedy == "did you mean title? speeches has: text, title"
