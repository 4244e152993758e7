"""Readers' comments below a text, told by their form: a line with a user and a time, a few lines of text, over and over."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from crawler.extraction.blocks import Block, place
from crawler.extraction.edges import is_address_line
from crawler.extraction.prefilter import quick

_WHEN = re.compile(
    r"(?:19|20)\d\d\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}\s*日?(?:[T\s]*\d{1,2}:\d{2}(?::\d{2})?)?"
    r"|(?<![\d:])\d{1,2}\s*[-/月]\s*\d{1,2}(?!\d)\s*日?\s*\d{1,2}:\d{2}|(?<!\d)\d{1,3}\s?(?:秒钟?|分钟|小时|天|周|个?月|年)(?:以?前)"
    r"|(?:刚刚|今天|昨天|前天)\s*(?:\d{1,2}:\d{2})?|(?<!\d)\d{1,3}\s*(?:楼|#|F(?![a-z]))|沙发|板凳|地板"
)
_HAS_WHEN = quick(_WHEN.pattern)
_DAY_ALONE = re.compile(r"^\s*\([^():]*\)\s*$")  # (2021年3月8日), the day of a speech under its title
_LABELS = re.compile(
    r"发[表布][于在]?|回[复应]|评论|留言|说道?|网友|游客|用户|会员|匿名|来自|时间|日期|IP|支持|反对|赞|踩|举报|引用|楼|的|于|"
    r"[\s\W\d]"
)
_DAY = re.compile(r"^\s*(?:19|20)\d\d\s?年\s?\d{1,2}\s?月\s?\d{1,2}\s?日\s*$")
_SENTENCE = re.compile(r"[。!?]")
_HEAD = 60  # characters of the line above a comment
_TEXT = 60  # characters
_NAME = 16  # characters of a user's name and place
_UNIT_LINES = 6  # lines of one comment, its head included
_UNIT_CHARS = 600
_LEAST = 3  # comments that make a list of them; two are enough where they stand in one place of the template


# the lines of a template stand on each of a site's pages, and are looked at once
@lru_cache(maxsize=4096)
def _is_head(view: str) -> bool:
    """Whether a line (plain view) of at most _HEAD characters holds a time and hardly more than a name."""
    if not _HAS_WHEN.search(view) or _DAY_ALONE.match(view):
        return False
    rest = _LABELS.sub("", _WHEN.sub("", view))
    return len(rest) <= _NAME and not re.search(r"[。!?;]|,.*,", view)


def comment_blocks(blocks: Sequence[Block]) -> set[int]:
    """Indices (in the list) of the blocks that make lists of comments; empty where there are none.

    A forum's first post has such a head as well: where no running text stands above, what follows the first head is the text.
    """
    heads = [i for i, b in enumerate(blocks) if b.size <= _HEAD and _is_head(b.folded)]
    if len(heads) < 2:
        return set()
    found: set[int] = set()
    chain: list[int] = []
    for i, following in zip(heads, [*heads[1:], -1], strict=True):
        chain.append(i)
        if following >= 0 and _is_unit(blocks[i:following]):
            continue
        # the last of its chain: how far it reaches is told by the others
        found |= _reach(blocks, chain)
        chain = []
    return found


def _is_unit(unit: Sequence[Block]) -> bool:
    """Whether lines from one head to before the next are one comment."""
    text = [b for b in unit[1:] if not b.is_linked]
    return (
        bool(text)
        and len(unit) <= _UNIT_LINES
        and sum(b.size for b in text) <= _UNIT_CHARS
        and not any(is_address_line(b) for b in text)
    )


def _has_text(blocks: Sequence[Block]) -> bool:
    """Whether there is something to comment on: sentences that are no link."""
    return sum(b.size for b in blocks if b.size >= 20 and not b.is_linked and _SENTENCE.search(b.folded)) >= _TEXT


def _reach(blocks: Sequence[Block], chain: Sequence[int]) -> set[int]:
    if (
        len(chain) > 1
        and _DAY.match(blocks[chain[0]].folded)
        and place(blocks[chain[0]].element, 3) != place(blocks[chain[1]].element, 3)
    ):
        chain = chain[1:]  # the day on which the text above was signed
    if len(chain) < _LEAST and not (
        len(chain) == 2 and place(blocks[chain[0]].element, 3) == place(blocks[chain[1]].element, 3)
    ):
        return set()
    if not _has_text(blocks[: chain[0]]):
        chain = chain[1:]
        if len(chain) < 2:
            return set()
    unit = max(b - a for a, b in pairwise(chain))
    last = chain[-1]
    end = last + 1
    while end < len(blocks) and end - last < unit and blocks[end].size <= _UNIT_CHARS:
        end += 1
    first = chain[0]
    # the user's name may have a line of its own above the time
    if first and blocks[first - 1].size <= _NAME and not re.search(r"[。!?,:;]", blocks[first - 1].folded) and unit > 2:
        first -= 1
    return set(range(first, end))
