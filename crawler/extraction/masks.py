"""Masks: XX, 某某, ××, 20xx and their kin, put where a name, number or date stood."""

from __future__ import annotations

import re
from functools import cache

from crawler.extraction.rules import rules

# Cheap test before the patterns: most texts hold no mask at all.
_HINT = re.compile(r"[XxХхΧ×╳✕*★☆□■△▲○〇●◯_]|某|(?:18|19|20)[Dd]")


@cache
def mask_pattern() -> re.Pattern[str]:
    """All mask rules as one pattern, in the order of rules/masks.yaml; reads the plain view."""
    return re.compile("|".join(f"(?:{r.pattern.pattern})" for r in rules("masks", "mask")))


def mask_count(view: str) -> int:
    """How many masks a text (plain view) holds; a run of signs is one mask, X月X日 are two."""
    if not _HINT.search(view):
        return 0
    pattern = mask_pattern()
    # Only the neighbourhood of a hint can hold a mask: the pattern is tried there, not at every character.
    count, end = 0, 0
    for hint in _HINT.finditer(view):
        if hint.start() < end:
            continue
        for at in range(max(end, hint.start() - 3), hint.start() + 1):
            if m := pattern.match(view, at):
                count, end = count + 1, m.end()
                break
    return count
