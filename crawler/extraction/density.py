"""Where the running text of a page stands: a reader by text density.

Each block gets a weight: running text its length, links and short lines less than nothing. The heaviest run of consecutive
blocks (maximum subarray, as in Body Text Extraction, Finn et al. 2001) is the body; it then grows to the edges of the
smallest element that holds it, as far as what is added there reads like text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

from lxml.html import HtmlElement

from crawler.extraction.blocks import Block
from crawler.extraction.comments import comment_blocks
from crawler.extraction.edges import is_address_line
from crawler.extraction.pagetalk import is_notice
from crawler.extraction.prefilter import AnyOf
from crawler.extraction.rules import any_of, rules

_STOP = re.compile(r"[\u3002!?;:\u2026][\u201d\u2019\u300d\u300f)]?\s*$")
_PUNCTUATION = re.compile(r"[,;:!?.\u3001\u3002\u2026\u201c\u201d]")
_NUMBERED = re.compile(
    r"^\s*(?:第?[一二三四五六七八九十百\d]{1,3}\s*[\u3001.,:篇章节条是要]|\([一二三四五六七八九十\d]{1,3}\))"
)


_TAIL = any_of("furniture", "tail")
_LINE = any_of("furniture", "line")
_FURNITURE = any_of("furniture", "tail", "line")
_SOFT_TAIL = AnyOf([r for r in rules("furniture", "tail") if r.value == "soft"])
_PAUSE = AnyOf([r for r in rules("furniture", "tail") if r.value == "pause"])
FURNITURE_CHARS = 160  # furniture lines are short
_UNLIKELY = re.compile(
    r"(?:^|[\s_-])(?:comments?|commentlist|reply|replies|respond|footer?|foot|copyright|sidebar|side|aside|related?|relate|recommend|"
    r"recommends?|share|bdshare|breadcrumbs?|crumbs?|nav|navbar|menu|topbar|toolbar|pager|pagination|hot|rank|links?|friendlink|"
    r"widget|advert|ads?|sign|signature|user[_-]?sign(?:ature)?|statement|disclaimer|postfoot|post-footer|prevnext|tags?|login|search)(?:[\s_-]|$|\d)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Body:
    """Blocks first..last (both included) are the body; `element` is the smallest element that holds its text."""

    first: int
    last: int
    element: HtmlElement
    weight: float


def is_furniture(block: Block) -> bool:
    """Whether a block is a line of the page's furniture by its words."""
    if block.furniture is None:
        block.furniture = block.size <= FURNITURE_CHARS and _is_furniture(block.folded)
    return block.furniture


# the lines of a template stand on each of a site's pages, and are looked at once
@lru_cache(maxsize=4096)
def _is_furniture(view: str) -> bool:
    return _FURNITURE.search(view) is not None


_DAY = re.compile(
    r"^\s*(?:(?:19|20)\d\d\s?年\s?\d{1,2}\s?月\s?\d{1,2}\s?日|[一二][〇零○O0一二三四五六七八九]{3}年[一二三四五六七八九十]{1,2}月[一二三四五六七八九十]{1,3}日)\s*$"
)
_WHEN = re.compile(r"^\s*(?:会议|讲话|活动|演讲|发言)?(?:时间|日期)\s*:")


def is_day(block: Block, *, labelled: bool = False) -> bool:
    """Whether a block is a lone 2023年5月4日: above a speech the day on which it was held. labelled: or that behind 时间:."""
    if block.size > (20 if labelled else 14) or block.link:
        return False
    return _DAY.match(_WHEN.sub("", block.folded) if labelled else block.folded) is not None


def is_tail(block: Block) -> bool:
    """Whether a block is a line that ends an article: 相关阅读, 上一篇 …"""
    return is_furniture(block) and _TAIL.search(block.folded) is not None


def weight(block: Block) -> float:
    """How much a block speaks for running text (positive) or for the page's furniture (negative)."""
    if block.link * 2 > block.size:  # first, for most lines of a page are links and need no reading
        return -8.0 - 0.6 * min(block.size, 60)
    if block.standing:
        return -2.0  # neither text nor the end of one
    if is_furniture(block):
        return -40.0
    if is_notice(block):
        return -10.0
    if block.tag == "button":
        return -8.0
    plain = block.size - block.link
    marks = len(_PUNCTUATION.findall(block.folded)) if plain < 80 else 9
    if plain >= 80 or (plain >= 25 and marks >= 2):
        return float(plain)
    if _STOP.search(block.folded):
        return 0.8 * plain
    if marks >= 1 and plain >= 15:
        return 0.5 * plain
    if _NUMBERED.match(block.folded) and plain >= 6:
        return 0.4 * plain
    if block.size <= 3:
        return -2.0
    return -5.0


def heaviest_run(weights: list[float]) -> tuple[int, int, float]:
    """First index, last index and sum of the heaviest run; (0, -1, 0.0) when nothing weighs more than nothing."""
    best = (0, -1, 0.0)
    total, start = 0.0, 0
    for i, w in enumerate(weights):
        if total <= 0:
            total, start = 0.0, i
        total += w
        if total > best[2]:
            best = (start, i, total)
    return best


def ancestors(element: HtmlElement) -> list[HtmlElement]:
    """The element and everything it stands in, innermost first."""
    out = [element]
    while (parent := out[-1].getparent()) is not None:
        out.append(parent)
    return out


def smallest_holder(blocks: list[Block], weights: list[float], share: float = 0.93) -> HtmlElement:
    """The deepest element that holds at least `share` of the positive weight of the given blocks."""
    held: dict[HtmlElement, float] = {}
    total = 0.0
    for block, w in zip(blocks, weights, strict=True):
        if w > 0:
            total += w
            for a in ancestors(block.element):
                held[a] = held.get(a, 0.0) + w
    good = [(len(ancestors(a)), a) for a, w in held.items() if w >= share * total]
    return max(good, key=lambda x: x[0])[1]


def _is_linked_title(block: Block) -> bool:
    """A linked title, perhaps with a date or a counter behind it."""
    return (block.is_linked and block.size >= 4) or (
        block.link >= 8 and block.link * 3 >= block.size and block.size <= 120
    )


def teasers(blocks: list[Block]) -> list[int]:
    """Indices of teasers: short texts that stand alone between linked titles, three times or more in a row, in elements of one kind."""
    out: list[int] = []
    run: list[int] = []

    def end() -> None:
        if not run:  # as at nearly every block
            return
        kinds = Counter(_kind(blocks[i]) for i in run)
        out.extend(i for i in run if kinds[_kind(blocks[i])] >= 3)
        run.clear()

    for i, block in enumerate(blocks):
        if _is_linked_title(block):
            continue
        if 4 <= block.size <= 240 and i and _is_linked_title(blocks[i - 1]) and not is_address_line(block):
            run.append(i)
        elif not (run and run[-1] == i - 1 and (block.size <= 30 or is_furniture(block))):
            end()
    end()
    out.extend(_read_more(blocks))
    out.extend(item_teasers(blocks))
    return out


def _kind(block: Block) -> tuple[str, str]:
    """What the elements of a list's items have in common."""
    return block.tag, block.element.get("class") or ""


_CUT_SHORT = re.compile(r"(?:\.{3}|…)\s*$")
_ITEM_BLOCKS = 4  # title, date, teaser and a link to more: an item of a list holds no more lines


def item_teasers(blocks: Sequence[Block]) -> list[int]:
    """Indices of teasers told by their place: each shares a small element with the linked title above it, and beside that
    element stands another of its kind with a link. Two such items make a list, wherever it stands."""
    out: list[int] = []
    for i in range(1, len(blocks)):
        block, title = blocks[i], blocks[i - 1]
        if (
            _is_linked_title(block)
            or not 4 <= block.size <= 240
            or not _is_linked_title(title)
            or is_address_line(block)
        ):
            continue
        item: HtmlElement | None = title.element
        for _ in range(3):
            if item is None or within(block.element, item):
                break
            item = item.getparent()
        if item is None or item.tag in ("body", "html") or not within(block.element, item):
            continue
        held = sum(within(b.element, item) for b in blocks[max(0, i - _ITEM_BLOCKS) : i + _ITEM_BLOCKS])
        box = item.getparent()
        if held > _ITEM_BLOCKS or box is None:
            continue
        others = [s for s in box.iterchildren(item.tag) if s is not item and s.get("class") == item.get("class")]
        # the only item of a list: what is cut short below a linked title is told where that leads
        alone = item.tag == "li" and not others and _CUT_SHORT.search(block.folded) is not None
        if alone or any(s.find(".//a") is not None for s in others):
            out.append(i)
    return out


_MORE = re.compile(
    r"^[\s\W]*(?:点击|继续)?(?:阅读|查看|浏览|展开|更多|了解)?(?:全文|原文|更多|详情|详细|正文|[Mm]ore)[\s\W]*$|^[\s\W]*继续阅读[\s\W]*$"
)
_SAME_PAGE = re.compile(r"^\s*(?:#|javascript:|$)", re.IGNORECASE)


_TEASER_BLOCKS = 12  # paragraphs of a long teaser


def _leads_to(block: Block, address: str) -> bool:
    """Whether a block is a title that links to an address: one link, and no line of a menu."""
    if not (block.is_linked and block.size >= 6 and len(block.links) == 1) or _MORE.search(block.folded):
        return False
    return (block.links[0].get("href") or "").strip() == address


def _begins_text(block: Block) -> bool:
    """How a text of this page begins: a heading that is no link and no point of a text, or a form of address."""
    if is_address_line(block):
        return True
    return block.is_heading and not block.is_linked and not _NUMBERED.match(block.folded)


def _read_more(blocks: list[Block]) -> list[int]:
    """Indices of single teasers below a text: a headline, one or two paragraphs, and a link to read on elsewhere."""
    out: list[int] = []
    for i, block in enumerate(blocks):
        if not (block.is_linked and block.size <= 12 and _MORE.search(block.folded)):
            continue
        if not block.links or _SAME_PAGE.match(block.links[0].get("href") or ""):
            continue
        whole = (block.links[0].get("href") or "").strip()
        above = [k for k in range(max(i - _TEASER_BLOCKS, 0), i) if _leads_to(blocks[k], whole)]
        # headline and link to read on lead to one place, so what stands between belongs there; but not where the
        # page's own text begins there: its menu and the link below it lead to one column as well (a teaser's form of address
        # stands right below its headline)
        if above and not any(
            _begins_text(b) and not (k == above[-1] + 1 and is_address_line(b))
            for k, b in enumerate(blocks[above[-1] + 1 : i], above[-1] + 1)
        ):
            out.extend(range(above[-1], i + 1))
            continue
        for k in range(i - 1, max(i - 4, 0), -1):
            if (blocks[k].is_heading or (blocks[k].is_linked and blocks[k].size >= 6)) and not _NUMBERED.match(
                blocks[k].folded
            ):
                # the page's own headline has no text above it
                if sum(b.size for b in blocks[:k] if not b.is_linked and b.size >= 25) >= 60:
                    out.extend(range(k, i + 1))
                break
    return out


def is_unlikely(element: HtmlElement) -> bool:
    """Whether an element says by its name that it is no place for a body: comments, footer, side bar …"""
    return _is_unlikely(f"{element.get('id') or ''} {element.get('class') or ''}") or element.tag in _UNLIKELY_TAGS


_UNLIKELY_TAGS = frozenset(("nav", "footer", "aside"))


@lru_cache(maxsize=4096)
def _is_unlikely(names: str) -> bool:
    return _UNLIKELY.search(names) is not None


def _doubt_unlikely_places(blocks: list[Block], weights: list[float]) -> None:
    """Text in an element whose id or class says comments, footer, side … counts against the body.

    An element that holds most of the page's text is believed whatever it is called; so are they all where no other text is left.
    """
    total = sum(w for w in weights if w > 0) or 1.0
    around: dict[HtmlElement, tuple[HtmlElement, ...]] = {}  # of each element the unlikely ones it stands in
    held: dict[HtmlElement, float] = {}
    for block, w in zip(blocks, weights, strict=True):
        if w > 0:
            for a in _unlikely_around(block.element, around):
                held[a] = held.get(a, 0.0) + w
    told = [
        w > 0 and any(held[a] < (0.6 if a.tag == "footer" else 0.4) * total for a in around[b.element])
        for b, w in zip(blocks, weights, strict=True)
    ]
    if not any(w > 0 and not doubted for w, doubted in zip(weights, told, strict=True)):
        return
    for i, doubted in enumerate(told):
        if doubted:
            weights[i] = -10.0


def _unlikely_around(
    element: HtmlElement, known: dict[HtmlElement, tuple[HtmlElement, ...]]
) -> tuple[HtmlElement, ...]:
    """The unlikely places that an element is or stands in. known: those of other elements, which it adds to."""
    way: list[HtmlElement] = []
    node: HtmlElement | None = element
    while node is not None and node not in known:
        way.append(node)
        node = node.getparent()
    found = known[node] if node is not None else ()
    for e in reversed(way):
        if is_unlikely(e):
            found = (*found, e)
        known[e] = found
    return found


def weigh(blocks: list[Block], teased: Iterable[int] | None = None) -> list[float]:
    """The weight of each block, place and neighbours considered. teased: its teasers, where they are known."""
    weights = [weight(b) for b in blocks]
    _doubt_unlikely_places(blocks, weights)
    for i in teasers(blocks) if teased is None else teased:
        weights[i] = min(weights[i], -8.0)
    for i in comment_blocks(blocks):
        weights[i] = -10.0
    return weights


def find_bodies(blocks: list[Block], most: int = 3, teased: Iterable[int] | None = None) -> list[Body]:
    """The heaviest bodies of a page that do not overlap, heaviest first; [] when the page has no running text. teased: see weigh."""
    weights = weigh(blocks, teased)
    found: list[Body] = []
    left = list(weights)
    for _ in range(most):
        first, last, total = heaviest_run(left)
        if last < first:
            break
        holder = smallest_holder(blocks[first : last + 1], left[first : last + 1])
        inside = _inside(blocks, holder)
        if len(inside) == 1 and last > first:
            inside = (
                _beside(blocks, holder, first, last) or inside
            )  # a form of address and one paragraph of a short preview
        if holder.tag == "p" and last > first:
            inside = _around_boxes(blocks, weights, holder, first, last) or inside
        if inside:
            first, last = _grow(blocks, weights, first, last, inside[0], inside[-1])
        found.append(Body(first, last, holder, total))
        for i in {*range(first, last + 1), *inside}:
            left[i] = -1e6
    return found


def _around_boxes(blocks: list[Block], weights: list[float], holder: HtmlElement, first: int, last: int) -> list[int]:
    """The blocks that stand in one element with a paragraph of several lines which a box of links has closed, where the text goes on
    beyond the box; else []."""
    parent = holder.getparent()
    if parent is None or parent.tag in ("body", "html"):
        return []
    for edge, way in (
        (first, range(first - 1, max(first - _BOX, 0) - 1, -1)),
        (last, range(last + 1, min(last + _BOX, len(blocks) - 1) + 1)),
    ):
        if len(way) and blocks[way[0]].is_linked and _beyond(blocks, weights, way, blocks[edge]) >= 0:
            return _inside(blocks, parent)
    return []


def _beside(blocks: list[Block], holder: HtmlElement, first: int, last: int) -> list[int]:
    """The blocks that stand in one element with the only paragraph of a run, where all of the run does; else []."""
    parent = holder.getparent()
    while parent is not None and parent.tag not in ("body", "html"):
        inside = _inside(blocks, parent)
        if inside[0] <= first and last <= inside[-1]:
            return inside
        if len(inside) > 1:
            break
        parent = parent.getparent()  # a wrapper of the one paragraph
    return []


def find_body(blocks: list[Block]) -> Body | None:
    """The heaviest body of a page, or None when the page has no running text."""
    found = find_bodies(blocks, 1)
    return found[0] if found else None


def _inside(blocks: Sequence[Block], holder: HtmlElement) -> list[int]:
    """Indices of the blocks that stand in an element."""
    out: list[int] = []
    known = {holder: True}  # whether an element is the holder, or stands in it
    for i, block in enumerate(blocks):
        way: list[HtmlElement] = []
        node: HtmlElement | None = block.element
        while node is not None and node not in known:
            way.append(node)
            node = node.getparent()
        found = node is not None and known[node]
        for element in way:
            known[element] = found
        if found:
            out.append(i)
    return out


def within(element: HtmlElement, holder: HtmlElement) -> bool:
    node: HtmlElement | None = element
    while node is not None:
        if node is holder:
            return True
        node = node.getparent()
    return False


_BOX = 16  # blocks of a box of links that stands inside a text


def _grow(blocks: list[Block], weights: list[float], first: int, last: int, low: int, high: int) -> tuple[int, int]:
    """Take in short unlinked lines next to the run, within the holder; shrink a run that reaches beyond the holder."""
    first, last = max(first, low), min(last, high)
    while first > low:
        if weights[first - 1] > -8.0 or is_day(blocks[first - 1], labelled=True):
            first -= 1
            continue
        step = _beyond(blocks, weights, range(first - 1, max(first - _BOX, low) - 1, -1), blocks[first])
        if step < 0:
            break
        first = step
    while last < high:
        if weights[last + 1] > -8.0:
            last += 1
            continue
        step = _beyond(blocks, weights, range(last + 1, min(last + _BOX, high) + 1), blocks[last])
        if step < 0:
            break
        last = step
    if last < high and is_day(blocks[last + 1]) and signs(blocks[last], blocks[last + 1]):
        last += 1
    return first, last


_SIGNER = 24  # characters of who signs a text


def signs(line: Block, day: Block) -> bool:
    """Whether a line above a day says who signs the text there: short, without an end, in one place with it."""
    return (
        2 <= line.size <= _SIGNER
        and not line.is_linked
        and not _STOP.search(line.folded)
        and not line.folded.isdigit()
        and in_line(day.element, line.element)
    )


_FEW = 2  # lines of an advert or a page mark inside a text


def _beyond(blocks: list[Block], weights: list[float], way: range, edge: Block) -> int:
    """The index of the paragraph with which a text goes on beyond what interrupts it: an advert, a page mark, a box of links; -1
    where it does not.

    way: the indices from the run's edge outwards; edge: the block at the edge. The text goes on in the place where it stopped.
    """
    parent = edge.element.getparent()
    links = among = 0  # among: links to other texts of which each is a paragraph among those of the text
    for n, k in enumerate(way):
        block = blocks[k]
        if not is_furniture(block) and (
            in_line(block.element, edge.element) or (links and _in_one(block.element, edge.element))
        ):
            if block.is_linked and edge.tag != "li":
                links += 1
                among += 1
                continue
            told = weights[k] > 0 and not block.is_linked and not (among and 4 * block.link > block.size)
            return k if told and (links or n <= _FEW) else -1
        if n <= _FEW and n and weights[k] > 0 and block.element.getparent() is parent and not block.is_linked:
            return k
        links += block.is_linked
    return -1


def _in_one(one: HtmlElement, other: HtmlElement) -> bool:
    """Whether one of two elements holds text of its own beside the other: a box has closed the paragraph that a text began in."""
    return one.getparent() is other or other.getparent() is one


def in_line(one: HtmlElement, other: HtmlElement) -> bool:
    """Whether two elements are paragraphs of one text by their place: siblings of one kind, each in a wrapper of its own at most."""
    if one.tag != other.tag:
        return False
    a, b = one.getparent(), other.getparent()
    if a is b:
        return True
    return (
        a is not None
        and b is not None
        and a.tag == b.tag
        and a.get("class") == b.get("class")
        and one.get("class") == other.get("class")
        and len(a) <= 3
        and a.getparent() is b.getparent()
    )


_BELOW = 6  # lines below a number that heads a section
_ENOUGH = 120.0  # so much running text (characters) before a tail line, and the text is over there


def trim(blocks: list[Block]) -> list[Block]:
    """A body without the furniture inside it: ends before the first tail line that stands behind enough text; lines that are
    never text go; a text printed twice in a row stays once."""
    kept: list[Block] = []
    text = 0.0
    left = sum(_running(b) for b in blocks)
    for k, block in enumerate(blocks):
        left -= _running(block)
        if is_furniture(block):
            if _TAIL.search(block.folded):
                # a line like 相关链接 with much running text behind it is a heading inside the text; so is a number where it goes on at once
                over = left <= text or not _SOFT_TAIL.search(block.folded)
                if over and text >= _ENOUGH and not _is_heading_inside(kept, block, blocks[k + 1 : k + 1 + _BELOW]):
                    break
                continue
            if _LINE.search(block.folded):
                continue
        text += _running(block)
        kept.append(block)
    while kept and kept[-1].is_linked:
        kept.pop()
    return without_reprint(kept)


def _is_heading_inside(kept: Sequence[Block], block: Block, behind: Sequence[Block]) -> bool:
    """Whether a pager or a number stands over a paragraph of the text, right behind it or below a heading, in the place of the text.

    Below a bare number that is itself a paragraph among those of the text, short ones do.
    """
    if not kept or not _PAUSE.search(block.folded):
        return False
    last = kept[-1].element
    if not block.link and block.folded.strip().isdigit() and in_line(block.element, last):
        below = takewhile(lambda b: in_line(b.element, last) and not is_furniture(b), behind)
        return sum(map(_running, below)) >= 80
    return any(_running(b) >= 80 and in_line(b.element, last) and not is_furniture(b) for b in behind[:2])


def _running(block: Block) -> float:
    """The running text of a block in characters, as far as its weight counts it."""
    return 0.0 if block.is_linked else max(0.0, weight(block))


def without_reprint(blocks: list[Block]) -> list[Block]:
    """Leave out a second printing: from where the first long blocks come again in the same order to where they differ."""
    first_seen: dict[str, int] = {}
    for i, block in enumerate(blocks):
        if block.size < 40:
            continue
        at = first_seen.setdefault(block.text, i)
        if at == i:
            continue
        run = 1
        while i + run < len(blocks) and at + run < i and blocks[i + run].text == blocks[at + run].text:
            run += 1
        printed = sum(b.size for b in blocks[i : i + run])
        start = i
        while start - 1 > at and i - start < at and blocks[start - 1].text == blocks[at - (i - start) - 1].text:
            start -= 1  # short lines before the first long one came again as well
        if at + run >= start or (
            run >= 2 and printed >= 200
        ):  # the whole of what stands between, or a good piece of it
            between = blocks[at + run : start]
            if all(b.size <= 90 for b in between) and sum(b.size for b in between) <= 0.5 * printed:
                start = at + run  # title, date and tools between a print version and the text itself
            return without_reprint([*blocks[:start], *blocks[i + run :]])
    return blocks
