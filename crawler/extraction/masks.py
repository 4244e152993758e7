"""Masks: XX, 某某, ××, 20xx and their kin, put where a name, number or date stood."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from crawler.extraction.rules import rules

# Cheap test before the patterns: most texts hold no mask at all.
_HINT = re.compile(r"[XxХхΧ×╳✕*★☆□■△▲○〇●◯_]|某|(?:18|19|20)[Dd]|《 *》|“ *”| +同志|年? *月 *日")
_REACH = 3  # a mask begins at most so many characters before its hint
# Kinds that say themselves what stood there; of the others the text behind may tell.
_PLAIN = frozenset({"year", "censored", "deleted", "date"})


@cache
def mask_pattern() -> re.Pattern[str]:
    """All mask rules as one pattern, one named group a rule, in the order of rules/masks.yaml; reads the plain view."""
    return re.compile("|".join(f"(?P<{r.id}>{r.source})" for r in rules("masks", "mask")))


@cache
def _kinds() -> dict[str, str]:
    return {r.id: str(r.value) for r in rules("masks", "mask")}


def masks(view: str) -> list[dict[str, str | int]]:
    """The masks of a text (plain view) as `{"kind": …, "count": …}`, one a kind, in alphabetical order of the kinds.

    A run of signs is one mask, X月X日 are two. The kind is what stood there where the text tells it (year, date, number, censored,
    deleted), else the sign that was put there (letters, mou, cross, asterisk, star, figure, blank).
    """
    if not _HINT.search(view):
        return []
    pattern = mask_pattern()
    # Only the neighbourhood of a hint can hold a mask: the pattern is tried there, not at every character.
    counts: Counter[str] = Counter()
    end = 0
    for hint in _HINT.finditer(view):
        if hint.start() < end:
            continue
        for at in range(max(end, hint.start() - _REACH), hint.end()):
            if m := pattern.match(view, at):
                counts[_kind(m, view)] += 1
                end = m.end()
                break
    return [{"kind": kind, "count": n} for kind, n in sorted(counts.items())]


def _kind(found: re.Match[str], view: str) -> str:
    kind = _kinds()[str(found.lastgroup)]
    if kind in _PLAIN:
        return kind
    for rule in rules("masks", "stands_for"):
        if rule.pattern.match(view, found.end()):
            return str(rule.value)
    return kind
