"""What headings of parts are made of: ordinals, counts in titles, lines of ornaments, and whether a part opens like a speech."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from crawler.extraction.blocks import Block
from crawler.extraction.rules import any_of
from crawler.extraction.salutation import is_address, salutation

NUM = r"(?:[一二三四五六七八九十百]{1,4}|\d{1,3}|[①-⒇]|[㈠-㈩]|[Ⅰ-Ⅻ]|[壹贰叁肆伍陆柒捌玖拾])"
MIN_SPEECH = 90  # characters of a part that nothing but its title or salutation sets apart
BEGUN = 20  # characters of a part in which the page breaks off
MIN_PART = 60  # characters a part must hold; between the lines of a table of contents stands less
_SERIAL = {
    c: n for word in ("上中下", "甲乙丙丁戊己庚辛", "ABCDEFGH", "壹贰叁肆伍陆柒捌玖拾") for n, c in enumerate(word, 1)
}
ORNAMENT = re.compile(r"^[\-=_*~—–─━═·•#+.,。、★☆◆◇■□●○▲△▼▽※✦✿❀◎\s]{3,}$")
_DOTS = re.compile(r"^[\s.…·。]+$")
TITLE_LIKE = re.compile(
    r"(?:讲话|致辞|致词|发言|演讲|主持词|主持稿|报告|党课|讲稿|讲话稿|发言稿|演讲稿|贺词|开幕词|闭幕词|寄语|祝词|祝辞|献词|悼词|欢迎词|表态|稿)"
    r"(?:提纲|材料|范文|全文|实录|摘要|稿|草稿)?\s*(?:[(\[【《][^)\]】》]{1,20}[)\]】》])?(?:[—–:-]{1,2}.{2,30})?\s*$|^(?:关于|在)[^。]{4,50}(?:讲话|致辞|发言|演讲|报告)"
)
_DECLARED = re.compile(
    rf"(?P<n>{NUM}|[两])\s*(?:篇(?!大?文章)|则|份|[位名]\S{{1,8}}的?(?:讲话|致辞|致词|发言|演讲)(?!上|中|时))|(?:汇编|合集|集锦|汇总|大全|集合)"
)
_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}
_GREETING = any_of("salutation", "greeting")


def number(text: str) -> int | None:
    """The value of an ordinal: Chinese up to 99, Arabic, circled, in brackets, Roman, A to H, 甲 to 辛, 壹贰叁, 上中下; None when it is none."""
    if text.isdigit() and text.isascii():
        return int(text)
    if len(text) == 1 and "①" <= text <= "⑳":
        return ord(text) - ord("①") + 1
    if len(text) == 1 and "⑴" <= text <= "⒇":
        return ord(text) - ord("⑴") + 1
    if len(text) == 1 and "㈠" <= text <= "㈩":
        return ord(text) - ord("㈠") + 1
    if len(text) == 1 and "Ⅰ" <= text <= "Ⅻ":
        return ord(text) - ord("Ⅰ") + 1
    if text.upper() in _SERIAL:
        return _SERIAL[text.upper()]
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


def is_ornament(block: Block) -> bool:
    """A line of dashes, stars or the like that parts a text and is none itself."""
    return block.size >= 3 and bool(ORNAMENT.match(block.folded)) and not _DOTS.match(block.folded)


@dataclass(frozen=True, slots=True)
class Heading:
    """A part begins behind block `index` of the body; `rest` is text that stands behind the heading on its line.

    before: lines straight above the heading that belong to it (ornaments).
    """

    index: int
    ordinal: int | None
    text: str
    rest: str
    before: int = 0

    @property
    def first(self) -> int:
        """The first line that is no more of the part before."""
        return self.index - self.before


_ENDS = ("。", "!", "?", ";", ":", ",")


def is_title(text: str) -> bool:
    """Whether a text (plain view) reads like a title: short, and not ended like a sentence or an address."""
    return (
        2 <= len(text) <= 60
        and not text.removesuffix("\n").endswith(_ENDS)
        and text.count(",") <= 1
        and not is_address(text)
    )


def part_sizes(blocks: Sequence[Block], starts: Sequence[int], cut: bool = False) -> list[int]:
    """Characters of each part. cut: the page breaks off, so that the last part counts as whole however little of it is there."""
    ends = [*starts[1:], len(blocks)]
    held = [sum(b.size for b in blocks[s + 1 : e] if not b.is_linked) for s, e in zip(starts, ends, strict=True)]
    return [*held[:-1], max(held[-1], MIN_SPEECH)] if cut and len(held) > 1 and held[-1] >= BEGUN else held


def greets(view: str) -> bool:
    """Whether a text (plain view) opens with a form of address or a greeting."""
    return salutation([view], [view])[1] >= 0 or bool(_GREETING.search(view[:12])) or view.startswith("大家好")


def count_opened(blocks: Sequence[Block], headings: Sequence[Heading]) -> int:
    """How many parts open with a form of address or a greeting within three lines of their heading."""
    return sum(opens(blocks, h) for h in headings)


def opens(blocks: Sequence[Block], heading: Heading) -> bool:
    """Whether a part opens with a form of address or a greeting, on the line of its heading or within three lines below it."""
    if heading.rest and greets(heading.rest):
        return True
    views = [b.folded for b in blocks[heading.index + 1 : heading.index + 4]]
    return salutation(views, views)[1] >= 0 or any(is_address(v.strip(" :!")) or v.startswith("大家好") for v in views)
