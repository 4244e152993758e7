"""What looks wrong with a text: damage (mojibake, OCR slips, lost paragraphs) and foreign matter (site names, markup)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from crawler.extraction.rules import any_of

# every flag that quality_flags can give
TEXT_FLAGS = frozenset(
    {
        "ascii_punctuation",
        "hard_wrapped",
        "markup",
        "mojibake",
        "ocr_noise",
        "one_paragraph",
        "repeated_text",
        "spun",
        "truncated",
        "watermark",
    }
)
ONE_PARAGRAPH = 800  # characters in one paragraph from which its paragraphs must have been lost
_GROUPS = ("mojibake", "spun", "watermark", "ocr_noise", "markup")  # flags whose rules are patterns
_SPACED = re.compile(r"[一-龥] (?=[一-龥])")
_ENDS = "。！？；：…”』」》）】!?;:).\"'"
_POINT = re.compile(
    r"[\s\"“]*(?:[一二三四五六七八九十]{1,3}[、是要]|第[一二三四五六七八九十]|[((][一二三四五六七八九十\d]|\d{1,2}[.、])"
)


def quality_flags(paragraphs: Sequence[str], text: str, headings: Sequence[int] = ()) -> list[str]:
    """Flags of a speech, in alphabetical order; `text` is its paragraphs joined by newlines.

    headings: indices of the paragraphs that an outline point begins.

    ascii_punctuation, hard_wrapped, markup, mojibake, ocr_noise, one_paragraph, repeated_text, spun, truncated, watermark.
    """
    flags = {group for group in _GROUPS if _any(group, text)}
    if len(_SPACED.findall(text)) > max(8, len(text) // 100):
        flags.add("ocr_noise")
    longest = max(map(len, paragraphs), default=0)
    if longest >= ONE_PARAGRAPH and longest >= 0.9 * len(text):
        flags.add("one_paragraph")
    ascii_commas = text.count(",")
    if ascii_commas >= 8 and ascii_commas > 4 * text.count("，"):
        flags.add("ascii_punctuation")
    if _hard_wrapped(paragraphs):
        flags.add("hard_wrapped")
    if _repeated(paragraphs, text):
        flags.add("repeated_text")
    last = paragraphs[-1].rstrip() if paragraphs else ""
    if last and _cut(last, headings, len(paragraphs) - 1):
        flags.add("truncated")
    return sorted(flags)


def _cut(last: str, headings: Sequence[int], index: int) -> bool:
    """Whether the last paragraph breaks off: a long one without an end, or a heading with nothing under it, unlike those before it."""
    if len(last) > 40:
        return last[-1] not in _ENDS or last.endswith(("...", "…"))
    return (
        last[-1] not in _ENDS
        and bool(headings)
        and headings[-1] == index
        and any(b - a > 1 for a, b in pairwise(headings))
    )


def _any(group: str, text: str) -> bool:
    # nearly all texts are clean: most patterns are told by the prefilter to be not worth trying
    for rule in any_of("quality", group).possible(text):
        needed = rule.value
        for n, _ in enumerate(rule.pattern.finditer(text), 1):
            if n >= needed:
                return True
    return False


def _hard_wrapped(paragraphs: Sequence[str]) -> bool:
    """Lines of nearly one length that break in mid-sentence: the paragraphs are the lines of another page's column."""
    if len(paragraphs) < 8:
        return False
    broken = [
        len(a)
        for a, b in pairwise(paragraphs)
        if 14 <= len(a) <= 90 and a.rstrip()[-1:] not in _ENDS and not _POINT.match(b)
    ]
    if len(broken) < 0.5 * len(paragraphs):
        return False
    broken.sort()
    middle = broken[len(broken) // 2]
    return sum(abs(n - middle) <= 4 for n in broken) >= 0.7 * len(broken)


def _repeated(paragraphs: Sequence[str], text: str) -> bool:
    """The text, or the most of it, stands there twice."""
    long = [p for p in paragraphs if len(p) >= 40]
    if len(long) >= 2 and len(long) - len(set(long)) >= max(1, 0.3 * len(long)):
        return True
    if len(text) < 200:
        return False
    # A preview printed twice in one paragraph, or glued: its beginning comes again in the middle and goes on alike.
    head = text[:30]
    again = text.find(head, 60)
    return again > 0 and text[again : again + 120] == text[:120][: len(text) - again] and len(text) - again >= 60
