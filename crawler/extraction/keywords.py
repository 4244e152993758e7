"""A page's own list of keywords (推荐访问: 标签: Tags: …), else those of its meta element."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from crawler.extraction.byline import Labelled, labelled
from crawler.extraction.lines import ASIDE, INFO, LINK, MARK, Line

MAX_KEYWORDS, MAX_KEYWORD = 40, 80
_EDGE = " \x1f\t\u3000\xa0#\uff03,\uff0c、;\uff1b:\uff1a。.·|/[]【】"
_COMMA = re.compile(r"[,\uff0c、;\uff1b|]+")
_SLASHED = re.compile(r"\s+[/／·]\s+|／|(?<=[\u4e00-\u9fff])/(?=[\u4e00-\u9fff])")
_SPACE = re.compile(r"[\s\x1f\u3000\xa0]+")
# what a template leaves where nothing was filled in: [标签:标题], of which the label may be off already
_UNFILLED = re.compile(
    r"^\[.*\]$|^[^\[]{1,8}\]$|[{}$<=]|^\W+$|^(?:无|暂无|暂无标签|null|更多|更多标签|none)$", re.IGNORECASE
)


# /tag/12.html, /tags/jianghua/, ?tag=…, tag.php, /keyword/…: a page of everything under one keyword
_TAG_PATH = re.compile(r"(?:^|[/?&_-])(?:tags?|biaoqian|keywords?|topics?|label)(?:[/=._-]|$)", re.IGNORECASE)
_TAG_SLOT = re.compile(
    r"(?:^|[\s_-])(?:post|article|entry|content|single|doc|news|meta|art)?[\s_-]?(?:tags?|keywords?|label|biaoqian)"
    r"(?:$|[\s_-](?:links?|list|box|wrap|item|area|con|group|inner)?s?(?:$|\s))|taxonomy-post_tag"
)


def linked_keywords(lines: Sequence[Line], outside: int) -> list[str]:
    """The page's keywords where no label introduces them: links with rel=tag, or a row of links to pages of keywords.

    lines: of the article, from its title to where it ends; outside: flags of lines that are none of its (side lists, menus).
    """
    marked: list[str] = []
    rows: list[str] = []
    for line in lines:
        if line.long or not line.links or line.flags & outside or not (line.is_linked or line.flags & INFO):
            continue
        candidates = line.element.iter("a") if len(line.links) <= MAX_KEYWORDS else ()
        named = [a for a in candidates if (a.get("rel") or "").lower().split() == ["tag"]]
        if named:
            marked += ["".join(a.itertext()) for a in named]
        elif not marked and all(_TAG_PATH.search(href) for _, _, href in line.links) and _in_tag_slot(line):
            rows += [line.raw[a:b] for a, b, _ in line.links]
    return tidy(dict.fromkeys(marked or rows))


def _in_tag_slot(line: Line) -> bool:
    node = line.element
    for _ in range(3):
        if _TAG_SLOT.search(f"{node.get('class') or ''} {node.get('id') or ''}".lower()):
            return True
        parent = node.getparent()
        if parent is None:
            break
        node = parent
    return False


def tidy(items: Iterable[str]) -> list[str]:
    """Items trimmed, without '#', empty ones and repetitions; order kept."""
    seen: dict[str, None] = {}
    for item in items:
        text = " ".join(item.replace(MARK, "").split())
        if _UNFILLED.search(text):
            continue
        text = text.strip(_EDGE)
        if text and len(text) <= MAX_KEYWORD:
            seen.setdefault(text)
    return list(seen)[:MAX_KEYWORDS]


def split_keywords(text: str) -> list[str]:
    """Keywords in one string: parted at commas and their like, else at '#', else at white space."""
    if "#" in text or "\uff03" in text:
        return tidy(re.split(r"[#\uff03]", text))
    pieces = _COMMA.split(text)
    if len(tidy(pieces)) <= 1:
        pieces = _SLASHED.split(text)
    if len(tidy(pieces)) <= 1:
        pieces = _SPACE.split(text)
    return tidy(pieces)


def meta_keywords(text: str) -> list[str]:
    """Keywords of <meta name=keywords>: parted at commas; at spaces only when every piece is short."""
    pieces = tidy(_COMMA.split(text))
    if len(pieces) == 1 and " " in pieces[0] and all(len(p) <= 8 for p in pieces[0].split()):
        return tidy(pieces[0].split())
    return pieces


def labelled_keywords(value: Labelled, lines: list[Line], place: int) -> list[str]:
    """Items behind a keywords label: each link behind it, else the text split; with an empty slot, the linked lines that follow.

    place: position of the value's line in `lines`.
    """
    line = value.line
    offset = len(line.raw) - len(line.half) + value.start
    stop = value.stop or len(line.raw)
    links = [line.raw[a:b] for a, b, _ in line.links if offset <= a < stop]
    if links:
        return tidy(links)
    if value.half.strip(" \x1f"):
        elements = tidy(value.raw.split(MARK))
        if len(elements) > 1 and not _COMMA.search(value.raw.strip(_EDGE)):
            return elements  # <b>关键词</b><span>甲</span><span>乙</span>
        return split_keywords(value.raw.replace(MARK, " "))
    holder = line.element.getparent()
    items: list[str] = []
    for follow in lines[place + 1 : place + 1 + MAX_KEYWORDS]:
        node = follow.element
        while node is not None and node is not holder:
            node = node.getparent()
        if (
            node is None
            or not (follow.flags & LINK and follow.is_linked)
            or follow.flags & ASIDE
            or len(follow.raw) > MAX_KEYWORD
            or any(v.start < 2 for v in labelled(follow))  # 分类: a linked column
        ):
            break
        items += [follow.raw[a:b] for a, b, _ in follow.links] or [follow.text]
    return tidy(items)
