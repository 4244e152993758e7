"""How a text was laid out: paragraphs broken at a fixed width, or torn by a page mark, are put together again."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from lxml.html import HtmlElement

from crawler.extraction.blocks import Block, with_text
from crawler.extraction.blocks import joined as join_blocks
from crawler.extraction.edges import OUTLINE, is_address_line
from crawler.extraction.rules import any_of

_OPEN_END = re.compile(r"[\u4e00-\u9fffA-Za-z0-9,、\u201c(%]$")
_DIGITS = re.compile(r"\d+")
_FURNITURE = any_of("furniture", "tail", "line")


def goes_on(last: Block, block: Block) -> bool:
    """Whether a paragraph goes on behind a page mark: no end before it, no new beginning behind it."""
    return (
        last.size >= 25
        and bool(_OPEN_END.search(last.folded))
        and not block.indent
        and not OUTLINE.match(block.folded)
        and not is_address_line(block)
    )


def unwrap(lines: list[Block]) -> list[Block]:
    """Join lines that were broken at a fixed width.

    Told by the page: in one element many lines without an end stand at the full width, and the line behind them is not
    indented. Viewers of documents put each line into an element of its own; there they must be longer and more alike.
    """
    shared = {a.element for a, b in pairwise(lines) if a.element is b.element}
    broken = [k for k in range(len(lines) - 1) if _is_wrapped(lines[k], lines[k + 1], shared)]
    indented: dict[HtmlElement, int] = {}
    for b in lines:
        if b.indent:
            owner = _owner(b, shared)
            indented[owner] = indented.get(owner, 0) + 1
    indents = {o for k in broken if indented.get(o := _owner(lines[k], shared), 0) >= 2}
    apart = sum(lines[k].element not in shared for k in broken)
    if len(broken) < ((2 + bool(apart)) if indents else 4):
        return lines
    widths = sorted(lines[k].size for k in broken)
    middle = widths[len(widths) // 2]
    near = [k for k in broken if 0.8 * middle <= lines[k].size <= 1.25 * middle]
    if middle > 60 or len(near) < 0.6 * len(broken):
        return lines
    # headings between whole paragraphs, whose lines would be longer than the width
    around = {_owner(lines[k], shared) for k in near}
    held = [b.size for b in lines if _owner(b, shared) in around]
    if 4 * sum(n > 1.6 * middle for n in held) > len(held):
        return lines
    if 2 * apart > len(broken) and (
        middle < _APART_WIDTH
        # headings without an end between whole paragraphs: no line of a viewer is longer than the others
        or 20 * sum(b.size > 1.3 * middle for b in lines) > max(20, len(lines))
        or len(near) < 0.8 * len(broken)
        or 2 * sum(bool(_INSIDE.search(lines[k].folded)) for k in near) < len(near)  # a list of names or slogans
    ):
        return lines
    joined = set(near)
    # where paragraphs are indented, a line that is not goes on with the one before, whatever that ends with
    owners = {_owner(lines[k], shared) for k in near}
    for owner in owners:
        own = [k for k, b in enumerate(lines) if _owner(b, shared) is owner]
        if sum(lines[k].indent for k in own) >= 2:
            joined |= {
                k - 1
                for k in own
                if not lines[k].indent
                and k - 1 in own
                and (lines[k].element is lines[k - 1].element or _alike(lines[k].element, lines[k - 1].element))
                and lines[k - 1].size >= 0.8 * middle
                and not OUTLINE.match(lines[k].folded)
                and not is_address_line(lines[k - 1])
                and not _FURNITURE.search(lines[k].folded)
            }
    out: list[Block] = []
    for k, block in enumerate(lines):
        if k - 1 in joined:
            out[-1] = join_blocks(out[-1], block)
        else:
            out.append(block)
    return out


_INSIDE = re.compile(r"[,;:。!?、].")
_APART_WIDTH = 20  # characters of lines that stand in an element each


_MARKER = re.compile(r"^(?:[一二三四五六七八九十]{1,3}、|\d{1,2}[、.]|\([一二三四五六七八九十\d]{1,3}\)|[①-⑳])$")


def with_markers(lines: list[Block]) -> list[Block]:
    """Join a number that stands in an element of its own with the paragraph beside it."""
    out: list[Block] = []
    for block in lines:
        if out and _MARKER.match(out[-1].folded) and _beside(out[-1].element, block.element):
            out[-1] = join_blocks(out[-1], block)
        else:
            out.append(block)
    return out


def _beside(one: HtmlElement, other: HtmlElement) -> bool:
    """Whether two elements stand alone beside each other in one row."""
    row = one.getparent()
    return one is not other and row is not None and row is other.getparent() and len(row) == 2


def _owner(block: Block, shared: set[HtmlElement]) -> HtmlElement:
    """The element whose lines a line belongs to: its own, or, where that holds no other, the one around it."""
    parent = block.element.getparent()
    return block.element if block.element in shared or parent is None else parent


def _alike(one: HtmlElement, other: HtmlElement) -> bool:
    """Whether two elements may hold one line each of the same text: siblings of one kind, their classes but for digits the same."""
    return (
        one.tag == other.tag
        and one.getparent() is other.getparent()
        and _DIGITS.sub("", one.get("class") or "") == _DIGITS.sub("", other.get("class") or "")
    )


def _is_wrapped(line: Block, following: Block, shared: set[HtmlElement]) -> bool:
    return (
        (
            line.element is following.element
            or (
                line.element not in shared
                and following.element not in shared
                and _alike(line.element, following.element)
            )
        )
        and line.size >= 12
        and not line.is_heading
        and not line.is_linked
        and not following.indent
        and bool(_OPEN_END.search(line.folded))
        and not OUTLINE.match(following.folded)
        and not is_address_line(following)
        and not _FURNITURE.search(following.folded)
    )


_ORDINAL = re.compile(r"^\s*(\d{1,3})\s*、\s*(?=\S)")
_ENDED = re.compile(r"[。!?;:…][\"'”’」』)】》\]]*$")
_CHUNK = 80  # characters of a piece that a site cuts a text into, at least


def without_chunk_numbers(lines: list[Block], note: Callable[[Block, str], None]) -> list[Block]:
    """Take the numbers out that a site of documents sets before each piece of a text, which it cuts by length alone; note: is told of each.

    They run from 1 to the end, the pieces but the last are of much the same length, and most begin in the middle of a sentence; no
    speaker's points do.
    """
    starts: list[int] = []
    for k, b in enumerate(lines):
        if (m := _ORDINAL.match(b.folded)) and int(m[1]) == len(starts) + 1:
            starts.append(k)
    if len(starts) < 2 or starts[0] > 2:
        return lines
    torn = sum(not _ENDED.search(lines[k - 1].folded) for k in starts[1:])
    sizes = [sum(b.size for b in lines[a:z]) for a, z in pairwise(starts)]
    if min(sizes) < _CHUNK or max(sizes) > 1.3 * min(sizes) or 2 * torn < len(starts) - 1 or not torn:
        return lines
    out: list[Block] = []
    for k, b in enumerate(lines):
        if k not in starts:
            out.append(b)
            continue
        end = m.end() if (m := _ORDINAL.match(b.folded)) else 0
        rest = with_text(b, b.text[end:])
        note(b, b.text[:end])
        if k in starts[1:] and not _ENDED.search(lines[k - 1].folded):
            out[-1] = join_blocks(out[-1], rest)
        else:
            out.append(rest)
    return out
