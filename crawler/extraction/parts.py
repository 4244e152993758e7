"""Compilations: one page, several speeches. Where each part begins and what its heading is.

Several readings are tried, each with its own evidence, and the one that explains the page best is taken:

* ordinals of one form (篇1, 【篇一】, 第一篇:, 范文一, 其一, 上篇, a title with (一) behind it) that run on by one, or with gaps
  where the parts open like speeches; ordinals of several forms that run on by one together;
* full titles of their own, without ordinals;
* a form of address with something that reads like a heading, or a line of ornaments, straight above it, whatever its form;
* where the page declares a number of speeches, as many new salutations or lines of ornaments.

Each part must hold text, so that a table of contents is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from crawler.extraction.blocks import Block
from crawler.extraction.edges import is_address_line
from crawler.extraction.part_headings import (
    MIN_PART,
    NUM,
    TITLE_LIKE,
    Heading,
    count_opened,
    declared_count,
    greets,
    is_title,
    number,
    opens,
    part_sizes,
)
from crawler.extraction.unnumbered import (
    above_addresses,
    between_ornaments,
    declared_headlines,
    own_titles,
    salutations,
)

_HAN, _ARABIC = r"(?:[一二三四五六七八九十百]{1,4})", r"(?:\d{1,3}|[①-⑳])"
_LETTER = r"(?:[A-Ha-h](?![A-Za-z])|[甲乙丙丁戊己庚辛])"
_MARKS = r"[^\w。!?;]*"  # brackets, stars, dashes: whatever is no word and ends no sentence
_SEP = r"(?P<sep>[^\w。!?;(《“\"【\[]*)"  # the same between an ordinal and what stands behind it

MAX_HEADING = 70
MAX_GAP = 3  # parts that may be missing between two ordinals

# style → pattern with the ordinal `n`, what parts it from the rest, and the rest; searched in plain views
_ORDINAL_STYLES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("篇n", re.compile(rf"^{_MARKS}(?P<pre>[^。!?;]{{0,50}}?)\s*(?<!第)(?:篇|之)\s*(?P<n>{NUM})(?![篇年月日个项点]){_SEP}(?P<rest>.*)$")),
    ("第n篇", re.compile(rf"^{_MARKS}(?P<pre>[^。!?;第]{{0,50}}?)\s*第\s*(?P<n>{NUM})\s*(?:篇|份|稿|部(?!分)|则){_SEP}(?P<rest>.*)$")),
    ("范文n", re.compile(
        rf"^{_MARKS}(?P<pre>[^。!?;]{{0,50}}?(?:范文|样本|例文|样文|模板|范例|范本|样稿|例稿|版本|稿件|讲话稿?|讲稿|发言稿?|演讲稿?|致辞稿?|主持词|党课|稿|材料|文稿|篇目|案例|示例|文本|样例|(?<![一-龥])例))"
        rf"\s*[)】\]]?\s*[(【\[]?\s*(?P<n>{NUM}|{_LETTER})\s*[)】\]]?(?![年月日个项点次届、篇则份]){_SEP}(?P<rest>.*)$")),
    ("题(n)", re.compile(rf"^{_MARKS}(?P<pre>[^。!?;]{{4,60}}?)\s*[(\[【]\s*(?P<n>{NUM})\s*[)\]】](?P<sep>)(?P<rest>){_MARKS}$")),
    ("Part n", re.compile(rf"^{_MARKS}(?P<pre>)(?:Part|PART|part|No|NO|Chapter|Speech)\s*\.?\s*(?P<n>{NUM}){_SEP}(?P<rest>.*)$")),
    ("上篇", re.compile(rf"^{_MARKS}(?P<pre>)(?P<n>[上中下])\s*(?:篇|集|部)(?P<sep>[^\w。!?;,(《“\"【\[]*)(?P<rest>.*)$")),
    ("其n", re.compile(rf"^{_MARKS}(?P<pre>)其\s*(?P<n>{NUM})(?P<sep>)(?P<rest>){_MARKS}$")),
    ("(n)题", re.compile(rf"^\s*[(\[【]\s*(?P<pre>)(?P<n>{NUM})\s*[)\]】](?P<sep>)\s*(?P<rest>.{{4,60}})$")),
    ("n、题", re.compile(rf"^\s*(?P<pre>)(?P<n>{_HAN})\s*[、.:](?P<sep>)\s*(?P<rest>.{{4,60}})$")),
    ("1、题", re.compile(rf"^\s*(?P<pre>)(?P<n>{_ARABIC})\s*[、.:](?P<sep>)\s*(?P<rest>.{{4,60}})$")),
    ("n", re.compile(rf"^{_MARKS}(?P<pre>)(?P<n>{NUM})(?P<sep>)(?P<rest>){_MARKS}$")),
)  # fmt: skip
_WEAK_STYLES = frozenset(("题(n)", "其n", "n"))
_TITLED_STYLES = frozenset(("(n)题", "n、题", "1、题"))  # an outline looks the same: each must be the title of a speech
_GAP_STYLES = frozenset(("篇n", "第n篇", "范文n", "Part n", "上篇"))  # forms of ordinals that no outline has

_CHAPTER_STYLES = frozenset(("Part n", "上篇", "第n篇", "篇n"))
_OF_ONE = re.compile(r"在.{2,}(?:[上中时]的?|的)(?:讲话|致辞|致词|发言|演讲|报告|党课|讲稿)(?:稿|提纲)?\s*$")

_SCRIPT = re.compile(r"主持|串词|串联|议程|剧本|台词|流程")  # one text in which several people are addressed


@dataclass(frozen=True, slots=True)
class _Candidate:
    index: int
    n: int
    pre: str
    heading: str
    rest: str
    titled: bool
    style: str


def _candidates(blocks: Sequence[Block], name: str, style: re.Pattern[str]) -> list[_Candidate]:
    out = []
    for i, b in enumerate(blocks):
        if b.size > MAX_HEADING and not (b.size <= 4000 and b.folded[:1] in "【[第篇(范样〖〔★◆■●"):
            continue
        m = style.match(b.folded[: MAX_HEADING + 30])
        if not m or (n := number(m["n"])) is None or n < 1:
            continue
        rest_at = m.start("rest")
        rest = b.text[rest_at:].strip() if m["rest"] or b.size > MAX_HEADING else ""
        plain_rest = b.folded[rest_at:].strip()
        titled = bool(rest) and is_title(plain_rest)
        opening = bool(rest) and greets(plain_rest)
        # 第一篇章,叫作坚持: what runs on without anything between is a word of a sentence
        if rest and not m["sep"] and not opening and name in _GAP_STYLES and not TITLE_LIKE.search(plain_rest):
            continue
        if (
            rest
            and not titled
            and b.size > MAX_HEADING
            and (rest_at > 12 or not (re.search(r"[:\s)】\]》〗〕★]", m["sep"]) or opening))
        ):
            continue
        heading = b.text if titled or not rest else b.text[:rest_at].strip()
        out.append(_Candidate(i, n, re.sub(r"\s+", "", m["pre"]), heading.strip(), "" if titled else rest,
                              titled and bool(TITLE_LIKE.search(plain_rest.strip("《》〈〉<>「」“” "))), name))  # fmt: skip
    return out


def _series(blocks: Sequence[Block], found: list[_Candidate], gap: int = 1, cut: bool = False) -> list[_Candidate]:
    """The best run of candidates whose ordinals go on by one (by `gap` at most) and whose parts hold text; [] for none."""
    best: list[_Candidate] = []
    best_key = (0, 0)
    for k, first in enumerate(found):
        if first.n > 4 or _follows(found[:k], first):
            continue
        run = [first]
        for c in found[k + 1 :]:
            if 0 < c.n - run[-1].n <= gap and c.index > run[-1].index:
                run.append(c)
            elif c.n == first.n and len(run) == 1:
                break  # the same ordinal again: a later start is a better one
        held = part_sizes(blocks, [c.index for c in run], cut)
        if any(size + len(c.rest) < MIN_PART for c, size in zip(run, held, strict=True)):
            continue
        key = (len(run), -k)
        if key > best_key:
            best, best_key = run, key
    return best


def _follows(before: Sequence[_Candidate], first: _Candidate) -> bool:
    """Whether the ordinal before `first` heads the text above it: then nothing is missing, and what begins here is no first part."""
    return any(c.n == first.n - 1 and first.index - c.index > 1 for c in before)


def _alike(a: str, b: str) -> float:
    """Share of the shorter text's character pairs that the longer one has."""
    x, y = ({s[i : i + 2] for i in range(len(s) - 1)} for s in (a, b))
    return len(x & y) / max(1, min(len(x), len(y)))


def find_headings(
    blocks: Sequence[Block], title: str, *, same_title: Callable[[str, str], bool], cut: bool = False
) -> tuple[list[Heading], int | None]:
    """The headings of a compilation's parts, in order ([] for a page with one speech), and the number the title declares.

    blocks: the body, furniture and introductions still in it. title: the page's title (plain view).
    cut: the page breaks off, so that its last part may hold little.
    A first part without a heading of its own (the page starts at 篇2) has a Heading with index -1 and empty text.
    """
    declared = declared_count(title)
    readings = [r for r in _readings(blocks, title, declared, same_title, cut) if len(r) > 1]
    if not readings:
        return [], declared
    fitting = [r for r in readings if declared and len(r) == declared]
    best = (fitting or readings)[0]
    for other in readings:
        # a reading that sets more parts apart, each of which opens like a speech, and denies none of those found
        if (
            len(other) > len(best)
            and not fitting
            and count_opened(blocks, other) == len(other)
            and all(any(abs(h.index - o.index) <= 2 for o in other) for h in best)
        ):
            best = other
    return best, declared


def _readings(
    blocks: Sequence[Block], title: str, declared: int | None, same_title: Callable[[str, str], bool], cut: bool
) -> Iterable[list[Heading]]:
    """The ways in which the page can be read as a compilation, surest first."""
    by_style = {name: _candidates(blocks, name, pattern) for name, pattern in _ORDINAL_STYLES}
    for name, found in by_style.items():
        yield _of_one_style(blocks, title, declared, name, found, cut)
    yield _of_mixed_styles(blocks, by_style)
    yield own_titles(blocks, title, declared, same_title, cut)
    if not _SCRIPT.search(title) or declared is not None:
        yield above_addresses(blocks, declared, cut)
    if declared is not None and declared >= 2:
        yield salutations(blocks, declared)
        yield between_ornaments(blocks, declared)
        yield declared_headlines(blocks, declared)


def _of_one_style(
    blocks: Sequence[Block], title: str, declared: int | None, name: str, found: list[_Candidate], cut: bool
) -> list[Heading]:
    titled = [c for c in found if c.titled] if name in _TITLED_STYLES else found
    run = _series(blocks, titled, cut=cut)
    if name in _GAP_STYLES:
        wider = _series(blocks, found, MAX_GAP, cut)
        if len(wider) > max(len(run), 1) and 2 * count_opened(blocks, _headings(wider)) >= len(wider):
            run = wider
    elif name in _TITLED_STYLES:
        # every line opens a speech: then it is a heading, whatever its words
        wider = _series(blocks, found, cut=cut)
        if len(wider) > max(len(run), 1) and count_opened(blocks, _headings(wider)) == len(wider):
            return _with_first(blocks, wider)
    if not run:
        return []
    heads = _with_first(blocks, run)
    if len(heads) < 2:
        return []
    opened = count_opened(blocks, _headings(run))
    # 上篇, Part 1 are headings within one speech as well: under the title of one, a part must open like another
    if not opened and declared is None and name in _CHAPTER_STYLES and _OF_ONE.search(title):
        return []
    if name in _TITLED_STYLES and 2 * opened < len(run):
        return []
    if name in _WEAK_STYLES and not _weak_is_real(blocks, run, opened, title, declared, name):
        return []
    return heads


def _headings(run: Sequence[_Candidate]) -> list[Heading]:
    return [Heading(c.index, c.n, c.heading, c.rest) for c in run]


def _with_first(blocks: Sequence[Block], run: Sequence[_Candidate]) -> list[Heading]:
    """The run's headings, and before them one of a first part that has none of its own."""
    before = sum(b.size for b in blocks[: run[0].index])
    unheaded = run[0].n > 1 and (
        before >= 3 * MIN_PART or (before >= MIN_PART and opens(blocks[: run[0].index], Heading(-1, None, "", "")))
    )
    return ([Heading(-1, None, "", "")] if unheaded else []) + _headings(run)


def _of_mixed_styles(blocks: Sequence[Block], by_style: dict[str, list[_Candidate]]) -> list[Heading]:
    """Ordinals of several forms that run on together (篇一, 第二篇, 【三】), each part opening like a speech."""
    first: dict[int, _Candidate] = {}
    for name, found in by_style.items():
        for c in found:
            if c.titled or name not in _TITLED_STYLES:
                first.setdefault(c.index, c)
    run = _series(blocks, [first[i] for i in sorted(first)])
    if len({c.style for c in run}) < 2 or count_opened(blocks, _headings(run)) < len(run):
        return []
    return _with_first(blocks, run)


def _weak_is_real(
    blocks: Sequence[Block], run: list[_Candidate], opened: int, title: str, declared: int | None, style: str
) -> bool:
    """Whether bracketed or bare ordinals are parts and not the outline of one speech."""
    sizes = part_sizes(blocks, [c.index for c in run])
    if style == "题(n)":
        bare_title = re.sub(r"[\d一二三四五六七八九十两]+\s*篇.*$", "", title)
        same = len({c.pre for c in run}) == 1
        return (same and (_alike(run[0].pre, bare_title) >= 0.5 or opened >= 2)) or (
            opened * 2 >= len(run) and all(TITLE_LIKE.search(c.pre) for c in run)
        )
    if (declared is not None and declared in (0, len(run)) and min(sizes) >= 2 * MIN_PART) or opened >= max(
        2, len(run) - 1
    ):
        return True
    # a form of address straight below a later one proves them all
    return style == "n" and not _OF_ONE.search(title) and any(is_address_line(blocks[c.index + 1]) for c in run[1:])
