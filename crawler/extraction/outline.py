"""The numbered points and headings of a speech, and the points a speaker announces against those that are there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from crawler.extraction.plain import number
from crawler.extraction.rules import Rule, any_of, rules

MAX_MARKERS = 500  # a list of more is no speech; keeps the work linear
HEADING_CHARS = 80
_SHORT = 60  # a marked paragraph up to here is a heading as a whole

_WORDS = {
    "首先": 1,
    "其一": 1,
    "其次": 2,
    "其二": 2,
    "再次": 3,
    "其三": 3,
    "第三是": 3,
    "其四": 4,
    "其五": 5,
    "最后": 99,
}
_LAST = 99  # 最后 closes a run of 首先, 其次 … whatever its number
_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮"
_FIRST = re.compile(r"[\s\"“]*(?=[第一二三四五六七八九十(〔\[0-9①-⑮首其再最])")
_STOP = re.compile(r"[。!?;]|:(?=.{12})")
_TRIM = " \t。;:,.；：，、"
# Where a point may begin within a paragraph, for counting: at its start or behind a mark.
_INLINE = re.compile(r"(?:^|[。;!?:,\n”)])\s*(?=[第一二三四五六七八九十(①-⑮1-9首其再最])")
_NEEDS_TWO = frozenset({"arabic", "arabic_bracketed", "circled", "clause", "word"})  # alone these prove nothing


@dataclass(slots=True)
class _Mark:
    paragraph: int
    family: str
    style: str
    rank: int
    n: int
    start: int
    end: int
    depth: int = 0
    run: int = -1


def _value(style: str, m: re.Match[str]) -> int | None:
    numeral = m[1] or (m[2] if m.re.groups > 1 else None)
    if numeral is None:
        return None
    if style == "word":
        return _WORDS.get(numeral)
    if style == "circled":
        return _CIRCLED.index(numeral) + 1
    try:
        return number(numeral)
    except (ValueError, KeyError):
        return None


@cache
def _by_first() -> dict[str, tuple[Rule, ...]]:
    """Marker rules by the kind of character they may begin with: most paragraphs are told apart by that one alone."""
    of = {r.id: r for r in rules("outline", "marker")}
    numerals = (of["chinese"], of["clause"])
    kinds: dict[str, tuple[Rule, ...]] = dict.fromkeys("一二三四五六七八九十", numerals)
    kinds |= dict.fromkeys("0123456789", (of["arabic"], of["arabic_bracketed"]))
    kinds |= dict.fromkeys("(〔[", (of["bracketed"], of["arabic_bracketed"]))
    kinds |= dict.fromkeys(_CIRCLED, (of["circled"],)) | dict.fromkeys("首其再最", (of["word"],))
    return kinds | {"第": (of["part"], of["ordinal"], of["word"])}


def _mark_at(view: str, at: int, paragraph: int, line: str | None = None) -> _Mark | None:
    """The marker that begins at offset `at` of a plain view."""
    candidates = _by_first().get(view[at : at + 1])
    if not candidates:
        return None
    head = view[at : at + 48] if line is None else line
    for rule in candidates:
        if (m := rule.pattern.match(head)) and (n := _value(rule.id, m)):
            return _Mark(paragraph, rule.value["family"], rule.id, rule.value["rank"], n, at, at + m.end())
    return None


def _marks(views: Sequence[str]) -> list[_Mark]:
    out: list[_Mark] = []
    for i, view in enumerate(views):
        if (m := _FIRST.match(view)) and (mark := _mark_at(view, m.end(), i)):
            out.append(mark)
            if len(out) >= MAX_MARKERS:
                break
    return out


def _nest(marks: list[_Mark]) -> list[_Mark]:
    """Keep the marks that run in sequence and give each its depth.

    A stack of open runs: a mark continues the nearest run whose next number it is (a Chinese-numbered top style may skip one
    number, as copies lose headings); 1 opens a run below every run that goes on later or that outranks it.
    """
    goes_on = _later(marks)
    stack: list[_Mark] = []
    kept: list[_Mark] = []
    runs: dict[int, list[_Mark]] = {}
    for k, mark in enumerate(marks):
        at = _continued(stack, mark)
        if at >= 0:
            mark.run = stack[at].run
            del stack[at:]
        elif mark.n == 1:
            while stack and (
                stack[-1].style == mark.style or not (stack[-1].rank < mark.rank or goes_on[id(stack[-1])])
            ):
                stack.pop()
            mark.run = k
        else:
            continue
        stack.append(mark)
        runs.setdefault(mark.run, []).append(mark)
        kept.append(mark)
    single = {r for r, members in runs.items() if len(members) == 1 and members[0].style in _NEEDS_TWO}
    kept = [m for m in kept if m.run not in single]
    return _depths(kept)


def _continued(stack: list[_Mark], mark: _Mark) -> int:
    """Place in the stack of the run that a mark continues, of its own style before one of its family; -1 when none."""
    gap = 2 if mark.family == "top" else _LAST if mark.n == _LAST else 1
    downwards = range(len(stack) - 1, -1, -1)
    for d in downwards:
        if stack[d].style == mark.style and 1 <= mark.n - stack[d].n <= gap:
            return d
    for d in downwards:
        if stack[d].family == mark.family and mark.n == stack[d].n + 1:
            return d
    return -1


def _later(marks: list[_Mark]) -> dict[int, bool]:
    """Whether each mark's run goes on: its next number comes before its family starts again at 1."""
    out: dict[int, bool] = {}
    following: dict[str, set[int]] = {}
    for mark in reversed(marks):
        out[id(mark)] = (mark.n + 1) in following.get(mark.family, ())
        if mark.n == 1:
            following[mark.family] = {1}
        else:
            following.setdefault(mark.family, set()).add(mark.n)
    return out


def _depths(kept: list[_Mark]) -> list[_Mark]:
    ends = {mark.run: k for k, mark in enumerate(kept)}
    stack: list[_Mark] = []
    for k, mark in enumerate(kept):
        at = next((d for d in range(len(stack) - 1, -1, -1) if stack[d].run == mark.run), -1)
        if at >= 0:
            del stack[at:]
        else:
            while stack and (
                stack[-1].style == mark.style or not (stack[-1].rank < mark.rank or ends[stack[-1].run] > k)
            ):
                stack.pop()
        stack.append(mark)
        mark.depth = len(stack)
    return kept


def _heading(paragraph: str, view: str, mark: _Mark) -> str:
    rest = view[mark.end :]
    if len(view) > _SHORT:
        m = _STOP.search(rest)
        stop = m.start() if m else len(rest)
        if stop > HEADING_CHARS:
            comma = rest.rfind(",", 0, HEADING_CHARS)
            stop = comma if comma > 0 else HEADING_CHARS
        rest = rest[:stop]
    return paragraph[mark.end : mark.end + len(rest)].strip(_TRIM)


def outline(paragraphs: Sequence[str], views: Sequence[str]) -> list[dict[str, Any]]:
    """Points that stand at the start of a paragraph: {level (from 1), marker, heading, paragraph (from 0)}.

    views: plain views of the paragraphs. Numbers must run in sequence to count.
    """
    return [
        {
            "level": mark.depth,
            "marker": paragraphs[mark.paragraph][mark.start : mark.end].strip(),
            "heading": _heading(paragraphs[mark.paragraph], views[mark.paragraph], mark),
            "paragraph": mark.paragraph,
        }
        for mark in _nest(_marks(views))
    ]


def announced(views: Sequence[str], opening_chars: int = 1500) -> tuple[int, int, int] | None:
    """(number, paragraph, offset behind) of the points that the speaker announces in the opening, in the speaker's own voice."""
    seen = 0
    found: tuple[int, int, int] | None = None
    for i, view in enumerate(views):
        if seen > opening_chars or i > 12:
            break
        if (
            (start := _FIRST.match(view))
            and (mark := _mark_at(view, start.end(), i))
            and mark.family in {"top", "part"}
        ):
            break  # the points have begun: what is announced from here on belongs to one of them
        for rule in rules("outline", "announced"):
            for m in rule.pattern.finditer(view):
                if seen + m.start() > opening_chars:
                    break
                if not _own(view, m.start()):
                    continue
                n = number(m[1])
                if 2 <= n <= 15:
                    found = n, i, m.end()
        if found:
            return found
        seen += len(view)
    return None


def _own(view: str, at: int) -> bool:
    sentence = view[max(view.rfind(c, 0, at) for c in "。;!?") + 1 : at][-90:]
    if any_of("outline", "own_voice").search(sentence) is None:
        # 讲三点意见: a sentence of its own, at the beginning of a paragraph
        return not sentence.strip(" ,再还简单要想主") and not view[:at].strip(" ,再还简单要想主")
    clause = re.split(r"[,、:]", sentence)[-1]
    others = any_of("outline", "other_voice").search(clause) is not None
    return not others or clause.lstrip().startswith(("我", "下面我", "今天我", "在此我", "在这里我"))


def points(views: Sequence[str]) -> tuple[int | None, int | None]:
    """(points announced, points found after that); None where nothing is announced or nothing countable follows.

    The count is None too where fewer were found and the text ends as speeches end. It is generous: of the styles that follow it
    takes the first one's best run, or another style's whose run is just as long as announced and does not begin anew below
    the first, so that found < announced is evidence of a cut text.
    """
    said = announced(views)
    if said is None:
        return None, None
    n, paragraph, offset = said
    rest = "\n".join([views[paragraph][offset:], *views[paragraph + 1 :]])
    best: dict[str, int] = {}
    last: dict[str, int] = {}
    begun: dict[str, int] = {}
    latest: dict[str, int] = {}
    order: list[str] = []
    for m in _INLINE.finditer(rest):
        mark = _mark_at(rest, m.end(), 0, rest[m.end() : m.end() + 48].split("\n", 1)[0])
        if mark is None:
            continue
        family = mark.family
        if mark.n == _LAST:
            if family not in last:
                continue
            mark.n = last[family] + 1
        if mark.n == 1:
            begun[family] = begun.get(family, 0) + 1
        elif mark.n - last.get(family, -9) != 1 and not (family == "top" and mark.n - last.get("top", -9) == 2):
            continue
        last[family] = mark.n
        if family not in best:
            order.append(family)
        best[family] = max(best.get(family, 0), mark.n)
        latest[family] = m.end()
    if not order:
        return n, 0 if len(rest.strip(" ,。:;!?\n")) < 4 else None
    first = order[0]
    found = best[first]
    if found < n and any(best[f] == n and begun[f] < 2 for f in order):
        found = n  # counted by another style; one that begins anew lies below the first
    if found >= n:
        return n, found
    # 1. alone is a point where the text ends in that very paragraph
    one = (
        first == "arabic"
        and rest[latest[first] - 1 : latest[first]] in ("\n", "")
        and "\n" not in rest[latest[first] :]
    )
    if (first in _NEEDS_TWO and found < 2 and not one) or _closes(views):
        return n, None
    return n, found


_END = 20  # characters; a shorter last paragraph that is no point and is a whole sentence is how a speech ends
_LAST_WORDS = re.compile(r"(?:[^。!?;]*[。!?;]+[”\"]?\s*)?[^。!?;]*[。!?;]*[”\"]?\s*$")


def _closes(views: Sequence[str]) -> bool:
    """Whether the text ends as speeches end: then no point was cut off, it only stands there without a number."""
    last = views[-1].strip()
    pointed = bool((m := _FIRST.match(last)) and _mark_at(last, m.end(), 0))
    if len(last) < _END and last.endswith(("。", "!", "?")) and not pointed:
        return True
    ends = [last] if pointed or len(last) > _SHORT or len(views) < 2 else [last, views[-2].strip()]
    for view in ends:
        tail = m[0] if (m := _LAST_WORDS.search(view[-160:])) else view
        if any_of("outline", "closing").search(tail) is not None:
            return True
        if any_of("outline", "closing_paragraph").search(view) is not None:
            return True
    return False
