"""Compilations: one page, several speeches. Where each part begins and what its heading is.

A heading is told by its style: an ordinal in a fixed form (篇1, 【篇一】, 第一篇:, 范文一, a title with (一) behind it), a full
title of its own, or, where the page declares a number of speeches, only a new salutation. Candidates of one style make a
series; a series counts when its ordinals run on by one, each part holds text, and what stands before it is no speech.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crawler.extraction.blocks import Block
from crawler.extraction.salutation import is_address

_NUM = r"(?:[一二三四五六七八九十百]{1,4}|\d{1,3}|[①-⑳]|[Ⅰ-Ⅻ])"
_CLOSE = r"[\s】\])》>#*~〗〕」』]*"
_OPEN = r"[\s【\[(《<#*~〖〔「『]*"
_SEP = r"[\s:：、.,\-—】\])》〗〕」』]*"

MAX_HEADING = 70
MIN_SPEECH = 90  # characters of a part that nothing but its title or salutation sets apart
MIN_PART = 60  # characters a part must hold; between the lines of a table of contents stands less

# style → pattern with the ordinal `n` and what stands behind it `rest`; searched in plain views
_ORDINAL_STYLES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("篇n", re.compile(rf"^{_OPEN}(?P<pre>[^。!?;]{{0,50}}?)\s*(?<!第)(?:篇|之)\s*(?P<n>{_NUM})(?![篇年月日个项点])(?:{_SEP})(?P<rest>.*)$")),
    ("第n篇", re.compile(rf"^{_OPEN}(?P<pre>[^。!?;第]{{0,50}}?)\s*第\s*(?P<n>{_NUM})\s*(?:篇|份|稿|部|则)(?:{_SEP})(?P<rest>.*)$")),
    ("范文n", re.compile(
        rf"^{_OPEN}(?P<pre>[^。!?;]{{0,50}}?(?:范文|样本|例文|样文|模板|范例|范本|样稿|例稿|版本|稿件|讲话稿?|讲稿|发言稿?|演讲稿?|致辞稿?|主持词|党课|稿|材料|文稿|篇目|案例))"
        rf"\s*[(【\[]?\s*(?P<n>{_NUM})\s*[)】\]]?(?![年月日个项点次届、篇则份])(?:{_SEP})(?P<rest>.*)$")),
    ("题(n)", re.compile(rf"^{_OPEN}(?P<pre>[^。!?;]{{4,60}}?)\s*[(\[【]\s*(?P<n>{_NUM})\s*[)\]】](?P<rest>){_CLOSE}$")),
    ("Part n", re.compile(rf"^{_OPEN}(?P<pre>)(?:Part|PART|No|NO|Chapter)\.?\s*(?P<n>{_NUM})(?:{_SEP})(?P<rest>.*)$")),
    ("(n)题", re.compile(rf"^\s*[(\[【]\s*(?P<pre>)(?P<n>{_NUM})\s*[)\]】]\s*(?P<rest>.{{6,60}})$")),
    ("n、题", re.compile(rf"^\s*(?P<pre>)(?P<n>{_NUM})\s*[、.:]\s*(?P<rest>.{{6,60}})$")),
    ("n", re.compile(rf"^{_OPEN}(?P<pre>)(?P<n>{_NUM})(?P<rest>){_CLOSE}[、.:]?\s*$")),
)  # fmt: skip
_WEAK_STYLES = frozenset(("题(n)", "n"))
_TITLED_STYLES = frozenset(("(n)题", "n、题"))  # an outline looks the same: each must be the title of a speech

_TITLE_LIKE = re.compile(
    r"(?:讲话|致辞|致词|发言|演讲|主持词|主持稿|报告|党课|讲稿|讲话稿|发言稿|演讲稿|贺词|开幕词|闭幕词|寄语|祝词|祝辞|献词|悼词|欢迎词|表态|稿)"
    r"(?:提纲|材料|范文|全文|实录|摘要|稿|草稿)?\s*(?:[(\[【《][^)\]】》]{1,20}[)\]】》])?\s*$|^(?:关于|在)[^。]{4,50}(?:讲话|致辞|发言|演讲|报告)"
)
_DECLARED = re.compile(rf"(?P<n>{_NUM}|[两])\s*(?:篇|则|份)|(?:汇编|合集|集锦|汇总|大全|集合)")
_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}


def number(text: str) -> int | None:
    """The value of an ordinal: Chinese up to 99, Arabic, circled or Roman; None when it is none."""
    if text.isdigit() and text.isascii():
        return int(text)
    if len(text) == 1 and "①" <= text <= "⑳":
        return ord(text) - ord("①") + 1
    if len(text) == 1 and "Ⅰ" <= text <= "Ⅻ":
        return ord(text) - ord("Ⅰ") + 1
    if "百" in text:
        return None
    if "十" in text:
        tens, _, ones = text.partition("十")
        if len(tens) > 1 or len(ones) > 1:
            return None
        return (_DIGITS.get(tens, 1) if tens else 1) * 10 + (_DIGITS.get(ones, 0) if ones else 0)
    return _DIGITS.get(text)


def declared_count(title: str) -> int | None:
    """How many speeches a title (plain view) declares: `讲话稿6篇` 6, `汇编4篇` 4, `讲话汇编` 0 (some), else None."""
    found = None
    for m in _DECLARED.finditer(title):
        found = number(m["n"]) if m["n"] else (found or 0)
    return found


@dataclass(frozen=True, slots=True)
class Heading:
    """A part begins at block `index` of the body; `rest` is text that stands behind the heading on its line, from `offset`."""

    index: int
    ordinal: int | None
    text: str
    rest: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    index: int
    n: int
    pre: str
    heading: str
    rest: str


def _candidates(blocks: Sequence[Block], style: re.Pattern[str], titled: bool = False) -> list[_Candidate]:
    out = []
    for i, b in enumerate(blocks):
        if b.size > MAX_HEADING and not (b.size <= 4000 and b.folded[:1] in "【[第篇(范样〖〔"):
            continue
        head = b.folded[: MAX_HEADING + 30]
        m = style.match(head)
        if not m or (n := number(m["n"])) is None or n < 1:
            continue
        rest_at = m.start("rest")
        rest = b.text[rest_at:].strip()
        if titled and not (_is_title(m["rest"]) and _TITLE_LIKE.search(m["rest"])):
            continue
        title_rest = rest if _is_title(b.folded[rest_at:].strip()) else ""
        if rest and not title_rest and b.size > MAX_HEADING and rest_at > 12:
            continue
        heading = b.text if title_rest or not rest else b.text[:rest_at].strip()
        out.append(
            _Candidate(i, n, re.sub(r"\s+", "", m["pre"]), heading.strip(), "" if title_rest or not rest else rest)
        )
    return out


def _is_title(text: str) -> bool:
    """A line that reads like a title: short, and not ended like a sentence or an address."""
    return 2 <= len(text) <= 60 and not re.search(r"[。!?;:,]$", text) and text.count(",") <= 1 and not is_address(text)


def _sizes(blocks: Sequence[Block], starts: Sequence[int]) -> list[int]:
    ends = [*starts[1:], len(blocks)]
    return [sum(b.size for b in blocks[s + 1 : e] if not b.is_linked) for s, e in zip(starts, ends, strict=True)]


def _series(blocks: Sequence[Block], found: list[_Candidate]) -> list[_Candidate]:
    """The best run of candidates whose ordinals go on by one and whose parts hold text; [] when there is none."""
    best: list[_Candidate] = []
    best_key = (0, 0)
    for k, first in enumerate(found):
        if first.n > 4:
            continue
        run = [first]
        for c in found[k + 1 :]:
            if c.n == run[-1].n + 1:
                run.append(c)
            elif c.n == first.n and len(run) == 1:
                break  # the same ordinal again: a later start is a better one
        held = _sizes(blocks, [c.index for c in run])
        filled = [c for c, size in zip(run, held, strict=True) if size + len(c.rest) >= MIN_PART]
        if len(filled) < len(run):
            continue
        key = (len(run), -k)
        if key > best_key:
            best, best_key = run, key
    return best


def _alike(a: str, b: str) -> float:
    """Share of the shorter text's character pairs that the longer one has."""
    x, y = ({s[i : i + 2] for i in range(len(s) - 1)} for s in (a, b))
    return len(x & y) / max(1, min(len(x), len(y)))


def find_headings(
    blocks: Sequence[Block], title: str, *, same_title: Callable[[str, str], bool]
) -> tuple[list[Heading], int | None]:
    """The headings of a compilation's parts, in order ([] for a page with one speech), and the number the title declares.

    blocks: the body, furniture and introductions still in it. title: the page's title (plain view).
    A first part without a heading of its own (the page starts at 篇2) has a Heading with index -1 and empty text.
    """
    declared = declared_count(title)
    for name, pattern in _ORDINAL_STYLES:
        run = _series(blocks, _candidates(blocks, pattern, name in _TITLED_STYLES))
        if not run:
            continue
        before = sum(b.size for b in blocks[: run[0].index])
        unheaded = run[0].n > 1 and (
            before >= 3 * MIN_PART or (before >= MIN_PART and _opened(blocks[: run[0].index], [-1]) > 0)
        )
        if len(run) + unheaded < 2:
            continue
        if name in _TITLED_STYLES and 2 * _opened(blocks, [c.index for c in run]) < len(run):
            continue
        if name in _WEAK_STYLES and not _weak_is_real(blocks, run, title, declared, name):
            continue
        heads = [Heading(c.index, c.n, c.heading, c.rest) for c in run]
        return ([Heading(-1, None, "", ""), *heads] if unheaded else heads), declared
    own = _own_titles(blocks, title, declared, same_title)
    if own:
        return own, declared
    if declared is not None and declared >= 2:
        again = _salutations(blocks, declared)
        if again:
            return again, declared
    return [], declared


def _opened(blocks: Sequence[Block], starts: Sequence[int]) -> int:
    """How many parts open with a form of address or a greeting within three lines of their heading."""
    return sum(
        any(is_address(b.folded.strip(" :!")) or b.folded.startswith("大家好") for b in blocks[i + 1 : i + 4])
        for i in starts
    )


def _weak_is_real(blocks: Sequence[Block], run: list[_Candidate], title: str, declared: int | None, style: str) -> bool:
    """Whether bracketed or bare ordinals are parts and not the outline of one speech."""
    sizes = _sizes(blocks, [c.index for c in run])
    opens = _opened(blocks, [c.index for c in run])
    if style == "题(n)":
        bare_title = re.sub(r"[\d一二三四五六七八九十两]+\s*篇.*$", "", title)
        same = len({c.pre for c in run}) == 1
        return (same and (_alike(run[0].pre, bare_title) >= 0.5 or opens >= 2)) or (
            opens * 2 >= len(run) and all(_TITLE_LIKE.search(c.pre) for c in run)
        )
    return (declared is not None and declared in (0, len(run)) and min(sizes) >= 2 * MIN_PART) or opens >= max(
        2, len(run) - 1
    )


def _own_titles(
    blocks: Sequence[Block], title: str, declared: int | None, same_title: Callable[[str, str], bool]
) -> list[Heading]:
    """Parts that open with a full title of their own and no ordinal."""
    found = []
    for i, b in enumerate(blocks):
        bare = b.folded.strip(" 《》【】<>[]★☆◆■●*#")
        if not (6 <= b.size <= 64) or b.is_linked or not _is_title(bare) or not _TITLE_LIKE.search(bare):
            continue
        if same_title(b.text, title) or b.folded.startswith(("第一", "一、", "(一", "1")):
            continue
        found.append(i)
    found = [
        i
        for k, i in enumerate(found)
        if k + 1 == len(found) or sum(b.size for b in blocks[i + 1 : found[k + 1]]) >= MIN_PART
    ]
    if len(found) < 2 or min(_sizes(blocks, found)) < MIN_SPEECH:
        return []
    strong = sum(blocks[i].is_heading or _opened(blocks, [i]) for i in found)
    before = sum(b.size for b in blocks[: found[0]])
    fits = declared is not None and (declared in (0, len(found)) or strong == len(found))
    if fits or (strong == len(found) and len(found) >= 2 and before < 200):
        return [Heading(i, None, blocks[i].text, "") for i in found]
    return []


def _salutations(blocks: Sequence[Block], declared: int) -> list[Heading]:
    """Parts told only by a new salutation, where as many stand there as the title declares."""
    found = [
        i
        for i, b in enumerate(blocks)
        if b.size <= 40 and b.folded.rstrip().endswith((":", "!")) and is_address(b.folded.strip(" :!"))
    ]
    if len(found) == declared and min(_sizes(blocks, found)) >= MIN_SPEECH:
        return [Heading(i, None, "", blocks[i].text) for i in found]
    return []
