"""Counts in sentences that people read (1 speech, 2 speeches), and names that are nearly right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

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


def meant(name: str, known: Collection[str]) -> str:
    """What stands before a long list of names for who wrote one that is none: `did you mean title? `, or nothing where none is near."""
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}? " if near else ""
