"""The form of address that opens a speech: 同志们, 各位领导、各位来宾, 尊敬的老师、亲爱的同学们."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from crawler.extraction.rules import any_of, first_match

MAX_CHARS = 60  # longer lists of addressees do not occur; longer lines are sentences
_LOOK = 3  # an address stands among the first three paragraphs
_RUN_IN = 40  # characters behind an address from which the paragraph is the speech itself, whatever its first words

# 同志们: · 同志们! · 同志们, (a comma may also split an address, so that the longest fitting head is tried first)
_HEAD = re.compile(r"\s*[“\"]?([^:。!?;\n]{2,60}?)\s*([:!。])")
_COMMA_HEAD = re.compile(r"\s*([^:。!?;\n]{2,60}?)\s*,\s*")
_NEXT = re.compile(r"([^:。!?;\n,]{2,40}),\s*")
# 同志们!朋友们!
_EXCLAIMED = re.compile(r"\s*([^:。!?;\n]{2,30}?)\s*(?:[:!,。]|—{1,2})")
_SEGMENTS = re.compile(r"[、,;!\s]+|(?<=[们导宾师友学表长])(?:和|及|以及|与)")
_VERBAL = re.compile(r"[是说请把着了的]|(?:在|将|要|会)(?=[一-龥]{3})")
_GAP = re.compile(r"(?<=[一-龥、]) +(?=[一-龥、])")
_CLOSING = ' \t:!,。;~、"”—'


def is_greeting(line: str) -> bool:
    """Whether a line (plain view) only greets: 大家好, 各位早安."""
    return any_of("salutation", "greeting").search(line) is not None


def is_address(head: str, alone: bool = False) -> bool:
    """Whether `head` (plain view, without closing mark) names addressees and nothing else.

    alone: it has a line of its own with a closing mark, so that beside a certain addressee any noun may be one.
    """
    return len(head) <= MAX_CHARS and _is_address(head, alone)


@lru_cache(maxsize=4096)
def _is_address(head: str, alone: bool) -> bool:
    if any_of("salutation", "label").search(head):
        return False
    kinds: list[str] = []
    for segment in _SEGMENTS.split(head.strip()):
        if not segment:
            continue
        if is_greeting(segment):
            return False
        kind = _kind(segment) or (
            _kind(without) if (without := any_of("salutation", "nouns").sub("人人", segment)) != segment else None
        )
        if (
            kind is None
            and alone
            and any_of("salutation", "listed").search(any_of("salutation", "nouns").sub("人人", segment))
            and not _VERBAL.search(segment)
        ):
            kind = "listed"
        if kind is None:
            # 女士们、先 生们: blanks of a text that was recognised from a picture
            return alone and bool(_GAP.search(head)) and is_address(_GAP.sub("", head))
        kinds.append(kind)
    return "strong" in kinds or (alone and len(kinds) > 1 and set(kinds) == {"weak"})


def _kind(segment: str) -> str | None:
    found = first_match("salutation", "segment", segment)
    return found[0].value if found else None


def _head_of(view: str, first: bool, alone: bool) -> int:
    """End of the address that opens a paragraph (plain view); 0 when there is none.

    first: nothing of the speech stands before it, so that an address may share its line with the speech.
    alone: the text is so short that its address has no line of its own to stand on.
    """
    end = behind = heads = 0
    while "!" in view[:MAX_CHARS] and (m := _EXCLAIMED.match(view, behind)) and is_address(m[1], True):
        end, behind, heads = m.end(1), m.end(), heads + 1
    if heads > 1:
        rest = view[behind:].lstrip(" !,。:")
        if not rest or is_greeting(rest) or (first and _opens(rest, alone)):
            return end
    if m := _HEAD.match(view):
        rest = view[m.end() :].lstrip(" !,。:")
        if is_address(m[1], not rest or is_greeting(rest)) and (
            not rest or is_greeting(rest) or (first and _opens(rest, alone))
        ):
            return m.end(1)
        # 各位领导,大家好!
        head, comma, greeting = m[1].rpartition(",")
        if comma and is_greeting(greeting.strip()) and is_address(head) and (first or not rest):
            return m.start(1) + len(head)
    elif is_address(view.strip(_CLOSING), True) and len(view) > len(view.rstrip(_CLOSING)):
        return len(view.rstrip(_CLOSING))
    elif (first or len(view) <= 20) and is_address(view.strip()):
        return len(view.rstrip())
    if first and (m := _COMMA_HEAD.match(view)):
        # A comma ends an address less surely: 同志们,今天… at the very start, up to the last comma that still fits.
        end = 0
        while m and is_address(view[: m.end(1)].strip()):
            end = m.end(1)
            m = _NEXT.match(view, m.end())
        if end and _opens(view[end:].lstrip(" ,"), alone):
            return end
    return 0


def _opens(rest: str, alone: bool) -> bool:
    return alone or len(rest) >= _RUN_IN or is_greeting(rest) or any_of("salutation", "opener").search(rest) is not None


def salutation(paragraphs: Sequence[str], views: Sequence[str]) -> tuple[str | None, int]:
    """The opening address as shown, without closing marks, and the index of its paragraph; (None, -1) without one.

    views: plain views of the paragraphs. Only short lines (title, date, greeting) may stand before the address,
    and one short sentence (a note) when the address has a line of its own.
    """
    before = 0
    told = False  # a sentence stands before: a note of who posted the text, or the speech has begun
    for i, view in enumerate(views[:_LOOK]):
        if (end := _head_of(view, before == 0, len(views) <= 2)) and (
            not told or (view[end:].strip() == ":" and i + 1 < len(views))
        ):
            return paragraphs[i][:end].strip().strip('“"'), i
        if is_greeting(view.strip()):
            continue
        if len(view) > 60 or told:
            return None, -1
        told = view.rstrip().endswith(("。", "!", "?", ";"))
        before += 1
    return None, -1
