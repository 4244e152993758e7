"""What pydantic says of a value comes out in words for who wrote it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, ByteSize, Field, TypeAdapter, ValidationError

from crawler.mistakes import FORMS, NAME, SHA256, SPEECH_ID, said, telling


class Inner(BaseModel):
    key: int = 1


def mistakes(kind: Any, value: Any) -> list[str]:
    with pytest.raises(ValidationError) as e:
        TypeAdapter(kind).validate_python(value)
    return [said(m) for m in telling(e.value.errors())]


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (tuple[str, ...], "http://a.test/", "must be a list: write it in brackets, like [one, two]"),
        (list[str], {"a": 1}, "must be a list: write it in brackets, like [one, two]"),
        (Inner, 3, "must be keys with values, not a single value"),
        (dict[str, str], "x", "must be keys with values, not a single value"),
        (str, 5, "must be text; a number, a date, true and false become text in quotes"),
        (bool, "perhaps", "must be true or false"),
        (bool, [], "must be true or false"),
        (int, "many", "must be a whole number"),
        (int, 1.5, "must be a whole number"),
        (float, "soon", "must be a number"),
        (Annotated[int, Field(ge=3)], 2, "must be 3 or more"),
        (Annotated[float, Field(gt=0)], 0, "must be more than 0"),
        (Annotated[float, Field(le=0.5)], 1, "must be 0.5 or less"),
        (Annotated[float, Field(allow_inf_nan=False)], float("inf"), "must be a finite number"),
        (Literal["due", "all"], "x", "must be 'due' or 'all'"),
        (Annotated[str, Field(pattern=NAME)], "A b", FORMS[NAME]),
        (Annotated[str, Field(pattern=SPEECH_ID)], "x", FORMS[SPEECH_ID]),
        (Annotated[str, Field(pattern=SHA256)], "x", FORMS[SHA256]),
        (Annotated[str, Field(pattern="^a$")], "x", "must fit the pattern ^a$"),
        (Annotated[str, Field(min_length=1)], "", "must not be empty"),
        (Annotated[list[int], Field(min_length=1)], [], "must not be empty"),
        (date, "tomorrow", "must be a date, like 2026-11-22"),
        (datetime, "tomorrow", "must be a date or time, like 2026-11-22 or 2026-11-22T08:00:00Z"),
        (
            AwareDatetime,
            "2026-11-22T08:00:00",
            "must say its time zone, like 2026-11-22T08:00:00+08:00 or 2026-11-22T00:00:00Z",
        ),
        (ByteSize, "lots", "must be a size, like 50GB"),
        (ByteSize, "5 elephants", "must be a size, like 50GB"),
    ],
)
def test_a_mistake_says_what_to_write_instead(kind: Any, value: Any, words: str) -> None:
    assert mistakes(kind, value) == [words]


def test_the_words_of_a_check_of_our_own_stay() -> None:
    assert said({"type": "value_error", "msg": "Value error, not a duration"}) == "not a duration"


def test_a_list_whose_entries_are_wrong_is_not_told_as_empty_too() -> None:
    kind = Annotated[tuple[Annotated[str, Field(min_length=2)], ...], Field(min_length=1)]
    assert mistakes(kind, ["a"]) == ["must have 2 characters or more"]
