"""What pydantic finds wrong with a value that a person wrote, in words for that person: what to write instead, not what the
program makes of it (a YAML list is a tuple to the model, and `retries` a class)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Forms of names that stand in files of a home, by the pattern that a model holds them against.
NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
SPEECH_ID = r"^[a-z0-9][a-z0-9_-]{0,62}:[0-9a-f]{20}$"
SHA256 = r"^[0-9a-f]{64}$"
SOMETHING = r"\S"
FORMS = {
    NAME: "must be of small letters, digits, - and _, at most 63 of them, the first a letter or digit",
    SPEECH_ID: "must be a speech_id, like hualong:0c59a1d2e3f405162738",
    SHA256: "must be a SHA-256 in hex: 64 characters of 0-9 and a-f",
    SOMETHING: "must not be empty",
}

_LIST = "must be a list: write it in brackets, like [one, two]"
_KEYS = "must be keys with values, not a single value"
_BOOLEAN = "must be true or false"
_WHOLE = "must be a whole number"
_NUMBER = "must be a number"
_DATE = "must be a date, like 2026-11-22"
_TIME = "must be a date or time, like 2026-11-22 or 2026-11-22T08:00:00Z"
# By pydantic's type of a mistake.
_WORDS: Mapping[str, str | Callable[[Mapping[str, Any]], str]] = {
    "bool_parsing": _BOOLEAN,
    "bool_type": _BOOLEAN,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "finite_number": "must be a finite number",
    # never shown: what was given may be a secret
    "string_type": "must be text; a number, a date, true and false become text in quotes",
    "string_too_short": lambda of: (
        "must not be empty" if of["min_length"] == 1 else f"must have {of['min_length']} characters or more"
    ),
    "string_too_long": lambda of: f"must have at most {of['max_length']} characters",
    "string_pattern_mismatch": lambda of: FORMS.get(of["pattern"], f"must fit the pattern {of['pattern']}"),
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "too_short": lambda of: (
        "must not be empty" if of["min_length"] == 1 else f"must have {of['min_length']} entries or more"
    ),
    "too_long": lambda of: f"must have at most {of['max_length']} entries",
    "dict_type": _KEYS,
    "model_type": _KEYS,
    "model_attributes_type": _KEYS,
    "greater_than": lambda of: f"must be more than {of['gt']:.15g}",
    "greater_than_equal": lambda of: f"must be {of['ge']:.15g} or more",
    "less_than": lambda of: f"must be less than {of['lt']:.15g}",
    "less_than_equal": lambda of: f"must be {of['le']:.15g} or less",
    "literal_error": lambda of: f"must be {of['expected']}",
    "enum": lambda of: f"must be {of['expected']}",
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "timezone_aware": "must say its time zone, like 2026-11-22T08:00:00+08:00 or 2026-11-22T00:00:00Z",
    "byte_size": "must be a size, like 50GB",
    "byte_size_unit": "must be a size, like 50GB",
    "missing": "is missing",
}
_OURS = re.compile(r"^(?:Value error|Assertion failed), ")


def said(error: Mapping[str, Any]) -> str:
    """One mistake in words, to stand behind the name of what has it. error: an entry of `ValidationError.errors()`."""
    words = _WORDS.get(error["type"])
    if words is None:  # a check of our own, which speaks for itself
        return _OURS.sub("", error["msg"])
    return words if isinstance(words, str) else words(error.get("ctx", {}))


def telling(errors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of the mistakes that tell something: that a list is empty without its wrong entries is none of its own."""
    places = {tuple(e["loc"]) for e in errors}
    return [
        e
        for e in errors
        if e["type"] != "too_short"
        or not any(p[: len(e["loc"])] == tuple(e["loc"]) and p != tuple(e["loc"]) for p in places)
    ]
