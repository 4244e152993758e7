"""Where on a page its facts may stand: around the title, right before the body, right behind it; never in lists and side bars."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crawler.extraction.byline import labelled
from crawler.extraction.lines import ASIDE, CRUMB, FOOTER, INFO, ITEM, LONG, NAV, Line, half_width
from crawler.extraction.rules import any_of

NEAR = 40  # lines behind the title that a byline may stand in
_BODY_LINE = 60  # characters of running text: the body has begun
_SHORT_LINE = 20  # where no line is as long
_RUNNING = re.compile("[。;!?\uff1b\uff01\uff1f]|[,\uff0c][^,\uff0c]{4,}[,\uff0c]")
_POSTED = re.compile(r"[发發][表布佈][^\n]{0,8}(?:19|20)\d\d")


@dataclass(slots=True)
class Zones:
    """Positions in the list of lines: near lines stand around the title and before the body, tail lines behind the body.

    inside: short lines within the run of the body that may say when it was posted (a forum's posts run into each other).
    end: the line before which the article ends. body: first and last line of the run of paragraphs.
    """

    near: list[int]
    tail: list[int]
    inside: list[int]
    end: int = 0
    body: tuple[int, int] = (0, 0)


def _ends_article(line: Line) -> bool:
    return len(line.raw) < 60 and (any_of("facts", "after_article").search(line.half) is not None)


def _body_run(lines: list[Line], first: int, outside: int, least: int = _BODY_LINE) -> tuple[int, int]:
    """First and last line of the heaviest run of paragraphs (of at least so many characters) from `first` on; (n, n) when there is none."""
    n = len(lines)
    best, found = 0, (n, n)
    total, start = 0, first
    for i in range(first, n):
        line = lines[i]
        if line.flags & outside:
            weight = -60
        elif line.long:
            weight = LONG
        elif line.is_linked:
            weight = -40
        elif is_paragraph(line, least):
            weight = len(line.raw)
        else:
            weight = -6
        if total <= 0:
            total, start = 0, i
        total += weight
        if total > best:
            best, found = total, (start, i)
    return found


def find_zones(lines: list[Line], at: int, own: int) -> Zones:
    """Which lines may carry facts. at: position of the title (-1 when unknown); own: flags the title itself has (they say nothing)."""
    outside = (ASIDE | NAV | FOOTER) & ~own
    n = len(lines)
    body, last = _body_run(lines, at + 1, outside)
    if body == n:  # a text of short paragraphs
        body, last = _body_run(lines, at + 1, outside, _SHORT_LINE)

    def fit(line: Line) -> bool:
        if line.long or line.flags & outside:
            return False
        # an item of a list of links, unless it is a label with a linked value
        if line.flags & ITEM and line.is_linked:
            return bool(line.links) and line.links[0][0] >= 2 and any(v.start < 2 for v in labelled(line))
        return True

    near: list[int] = []
    for i in range(at + 1, min(body, at + 1 + (NEAR if at >= 0 else 0))):
        if i - at > 3 and not lines[i].flags & outside and _ends_article(lines[i]):
            break
        if fit(lines[i]):
            near.append(i)
    begun = near[-1] if near else at
    near += [i for i in range(max(begun + 1, body - 10), min(body, n)) if fit(lines[i])]
    near += [j for j in range(at - 1, max(at - 14, -1), -1) if fit(lines[j]) and not lines[j].flags & (CRUMB | ITEM)]
    tail: list[int] = []
    end = min(n, last + 30)
    for j in range(max(body, last - 3), min(n, last + 30)):
        line = lines[j]
        if j > last and not line.flags & outside and _ends_article(line):
            end = j
            break
        if fit(line) and len(line.raw) <= 160:
            tail.append(j)
    inside = [
        i
        for i in range(body, min(last + 1, n))
        if len(lines[i].raw) < 100 and _POSTED.search(lines[i].raw) and fit(lines[i])
    ]
    return Zones(near, tail, inside, end, (body, last))


def is_paragraph(line: Line, least: int = _BODY_LINE) -> bool:
    """Running text of the body of at least so many characters, not a line of labels or links."""
    if line.long:
        return True
    if len(line.raw) < least or line.is_linked or not (_RUNNING.search(line.raw) or len(line.text) > 150):
        return False
    if line.flags & INFO and len(line.raw) < 250:
        return False
    start = half_width(line.raw[:24])
    return not ((":" in start or "】" in start or "20" in start) and any(v.start < 16 for v in labelled(line)))
