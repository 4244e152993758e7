"""Counts in sentences that people read: 1 speech, 2 speeches."""

from __future__ import annotations

import re

_HISSING = re.compile(r"(?:s|x|z|ch|sh)$")
_CONSONANT_Y = re.compile(r"(?<![aeiou])y$")


def plural(n: int, one: str, many: str | None = None) -> str:
    """The word for `n` things: `one` of them, or `many` (default: `one` with the usual ending)."""
    if n == 1:
        return one
    if many is not None:
        return many
    return f"{one}es" if _HISSING.search(one) else _CONSONANT_Y.sub("ie", one) + "s"


def counted(n: int, one: str, many: str | None = None) -> str:
    """How many there are, in words: 1 speech, 2 speeches, 0 copies."""
    return f"{n} {plural(n, one, many)}"
