"""What a list page says of how much it holds: 共1234篇, 共25页, 第1/25页, “Page 1 of 25”, a link to its last page. Pure.

Simplified, Traditional and English, figures in any width, Chinese numerals. Titles are no statements (“领导讲话稿（共10篇）” is one on its
own): what counts is said beside the pager, or in a short line of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import cast

from lxml import etree

from crawler.pagers import Pager, find_pager, is_pager_label

MOST_PAGES = 999
MOST_ITEMS = 9_999_999
BLOCK = 400  # characters of the block that a pager stands in; a longer one holds the list as well
LINE = 60  # characters of a line that says a total by itself
MOST_LINKS, MOST_ABOVE = 40, 6  # links of pagers, and elements around each, that are looked at
REST = 12  # characters of it that say something else
_TITLE = 8  # characters of a link's name that make it a title

_TRADITIONAL = str.maketrans(
    "頁條總筆則記錄計個結顯資料項檔數據內搜尋為您篇", "页条总笔则记录计个结显资料项档数据内搜寻为您篇"
)
_N = r"(?P<{0}>\d{{1,3}}(?:,\d{{3}})+|\d{{1,7}}|[零〇一二两三四五六七八九十百千万]{{1,9}})"
_UNIT = r"(?:条|篇|个|项|则|笔|份|件)"
_THING = r"(?:记录|文章|资料|结果|文档|数据|信息|内容|文件|范文|稿件)"


def _n(name: str) -> str:
    return _N.format(name)


_PAGES = tuple(
    re.compile(p, re.IGNORECASE)
    for p in (
        rf"第\s*{_n('page')}\s*页?\s*[/,，、|()（]?\s*(?:总)?共\s*(?:有|计)?\s*{_n('pages')}\s*页",
        rf"(?:页次|页码|页数|当前页?|第)\s*[::]?\s*{_n('page')}\s*/\s*{_n('pages')}(?:\s*页)?",
        rf"(?<![\d/.-]){_n('page')}\s*/\s*{_n('pages')}\s*页",
        rf"(?:共|总计)\s*(?:有|计)?\s*{_n('pages')}\s*页",
        rf"总页数\s*[::]?\s*{_n('pages')}",
        rf"\bpage\s+{_n('page')}\s+(?:of|/)\s+{_n('pages')}\b",
        rf"\b{_n('pages')}\s+pages\b",
    )
)
_ITEMS = tuple(
    re.compile(p, re.IGNORECASE)
    for p in (
        rf"共\s*(?:有|计|找到|收录|搜索到|搜寻到|为您找到|检索到|包含)?\s*(?:相关)?\s*{_THING}?\s*[::]?\s*{_n('items')}\s*{_UNIT}",
        rf"页\s*[/,，、|]?\s*{_n('items')}\s*{_UNIT}",
        rf"(?:找到|搜索到|收录|检索到)\s*(?:相关)?\s*{_THING}?\s*{_n('items')}\s*{_UNIT}",
        rf"(?:{_THING}总数|总{_THING}数?|总数|总计|合计|总共)\s*[::]?\s*{_n('items')}(?!\s*页)",
        rf"(?<!每页)(?<!本页)(?<!显示)(?<![\d/年月-]){_n('items')}\s*{_UNIT}\s*{_THING}",
        rf"\bof\s+(?:about\s+)?{_n('items')}\s+(?:results?|items?|articles?|records?|entries|documents?|posts?)\b",
        rf"(?<!of )\b{_n('items')}\s+(?:results?|items?|articles?|records?|entries|documents?|posts?)\b(?!\s+per)",
        rf"\btotal\s*(?:records?|items?|articles?)?\s*[::]\s*{_n('items')}",
    )
)
_BARE_ITEMS = re.compile(rf"^{_n('items')}\s*(?:条|篇|笔|则)$")  # beside a pager only
_TOTAL_TITLE = re.compile(r"^(?:总数|记录总数|文章总数|总记录数|total\s*records?)$", re.IGNORECASE)
_PER_PAGE = re.compile(
    rf"(?:每页|本页|per\s+page|显示)\s*[::]?\s*(?:显示)?\s*\d{{1,4}}\s*{_UNIT}?(?:{_THING})?", re.IGNORECASE
)
_LAST = re.compile(r"^[\s\[(【<«]*(?:[尾末]\s*页|最[后後]一?页|last(?:\s*page)?)[\s\])】>»]*$", re.IGNORECASE)
# without one of these no text says a total: most short lines are dates
_SAYS = re.compile(
    r"[页当第条篇个项则笔份件总合]|page|total|result|item|article|record|entries|document|post", re.IGNORECASE
)
_HINT = re.compile(r"\d|共")
_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
_BLOCKS = frozenset(("div", "p", "td", "ul", "ol", "nav", "center", "table", "form", "dl", "section", "span", "tr"))
_ENTRIES = frozenset(("li", "dd", "dl", "tr", "article"))


@dataclass(frozen=True, slots=True)
class Stated:
    """What a list page says. items, pages: in all; page: the number of this page; said: its words."""

    items: int | None = None
    pages: int | None = None
    page: int | None = None
    said: str = ""

    def __bool__(self) -> bool:
        return self.items is not None or self.pages is not None


@lru_cache(maxsize=4096)  # the words of pagers and menus stand on each page
def plain(text: str) -> str:
    """A text as it is compared: one width, Simplified where the words of lists differ, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_TRADITIONAL).split())


def number(text: str) -> int:
    """A number in figures or Chinese numerals. Raises ValueError."""
    digits = text.replace(",", "")
    if digits.isdigit():
        return int(digits)
    total = section = current = 0
    for c in text:
        if c in _DIGITS:
            current = _DIGITS[c]
        elif c == "万":
            total, section, current = total + (section + current) * 10_000, 0, 0
        elif c in _UNITS:
            section, current = section + (current or 1) * _UNITS[c], 0
        else:
            raise ValueError(text)
    return total + section + current


def stated_in(text: str) -> Stated:
    """What a short text says of totals. text: as `plain` gives it."""
    if not _SAYS.search(text):
        return Stated()
    text = _PER_PAGE.sub(" ", text)
    items = pages = page = None
    said: list[tuple[int, str]] = []
    for pattern in _PAGES:
        if m := pattern.search(text):
            try:
                found = number(m["pages"])
                here = number(m["page"]) if "page" in m.groupdict() and m["page"] else None
            except ValueError:
                continue
            if 1 <= found <= MOST_ITEMS and (here is None or here <= found):
                pages, page = found, here
                said.append((m.start(), m[0]))
                break
    for pattern in _ITEMS:
        if m := pattern.search(text):
            try:
                found = number(m["items"])
            except ValueError:
                continue
            if 0 <= found <= MOST_ITEMS:
                items = found
                said.append((m.start(), m[0]))
                break
    return Stated(items, pages, page, " ".join(dict.fromkeys(s.strip() for _, s in sorted(said))))


def _text(element: etree._Element, most: int) -> str | None:
    """Text of an element with its parts apart; None where it is longer than `most`, which is not read to its end."""
    if not len(element):
        text = element.text or ""
        return plain(text) if len(text.strip()) <= most else None
    parts: list[str] = []
    length = 0
    for part in element.itertext():
        parts.append(str(part))
        length += len(parts[-1].strip())
        if length > most:
            return None
    return plain(" ".join(parts))


def _name(element: etree._Element) -> str:
    return ("".join(map(str, element.itertext())) if len(element) else element.text or "").strip()


def _pager_blocks(root: etree._Element) -> Iterator[etree._Element]:
    """The blocks that pagers stand in, each once: the largest that is still short, around a link of a pager."""
    seen: set[etree._Element] = set()
    links = (a for a in cast("Iterable[etree._Element]", root.iter("a", "option")) if is_pager_label(_name(a)))
    for link in islice(links, MOST_LINKS):
        block = None
        for above in islice(link.iterancestors(), MOST_ABOVE):
            if above.tag in ("body", "html") or above in seen or _text(above, BLOCK) is None or _has_title(above):
                break
            if above.tag in _BLOCKS:
                block = above
        if block is not None and block not in seen:
            seen.add(block)
            yield block


def _has_title(element: etree._Element) -> bool:
    """Whether an element holds a link that is named as with a title."""
    return any(_is_title(_name(a)) for a in cast("Iterable[etree._Element]", element.iter("a")))


def _is_title(name: str) -> bool:
    """Whether a link's name is a title and not a part of a pager that says a total."""
    return len(name) >= _TITLE and not is_pager_label(name) and _rest(plain(name), stated_in(plain(name)).said) > 2


def _rest(text: str, said: str) -> int:
    """Characters of a text that say something else than the total."""
    return len(re.sub(r"[\W_]", "", text)) - len(re.sub(r"[\W_]", "", said))


def _beside_pager(block: etree._Element) -> Stated:
    """What is said in the block of a pager."""
    found = stated_in(_text(block, BLOCK) or "")
    items, said = found.items, found.said
    for element in cast("Iterable[etree._Element]", block.iter()):
        if items is not None or not isinstance(element.tag, str):
            continue
        name = plain(_name(element))
        if _TOTAL_TITLE.match(plain(element.get("title") or "")) and name.isdigit():
            items, said = int(name), f"{said} {element.get('title')} {name}".strip()
        elif m := _BARE_ITEMS.match(name):
            items, said = number(m["items"]), f"{said} {m[0]}".strip()
    return Stated(items, found.pages, found.page, said)


@lru_cache(maxsize=4096)  # most are dates
def _line(text: str) -> Stated | None:
    """What a short line says by itself, None where it says something else. text: as `plain` gives it."""
    if len(text) < 3 or not _HINT.search(text):
        return None
    found = stated_in(text)
    return found if found and _rest(text, found.said) <= REST else None


def _lines(root: etree._Element) -> Iterator[Stated]:
    """What short lines say by themselves, away from any title."""
    for element in cast(
        "Iterable[etree._Element]", root.iter("div", "p", "span", "td", "em", "b", "strong", "h3", "h4", "small", "dt")
    ):
        if len(element) > 4:
            continue
        text = _text(element, LINE)
        found = _line(text) if text is not None else None
        if found is None:
            continue
        above = [a for a in element.iterancestors() if a.tag in ("a", *_ENTRIES)]
        if any(a.tag == "a" or _has_title(a) for a in above[:2]) or _has_title(element):
            continue
        yield found


def read_totals(root: etree._Element) -> Stated:
    """What a list page says of how much it holds; nothing where it says nothing."""
    best = Stated()
    for found in (*map(_beside_pager, _pager_blocks(root)), *_lines(root)):
        if not found:
            continue
        best = Stated(
            best.items if best.items is not None else found.items,
            best.pages if best.pages is not None else found.pages,
            best.page if best.pages is not None else found.page,
            best.said if best.items is not None and best.pages is not None else f"{best.said} {found.said}".strip(),
        )
        if best.items is not None and best.pages is not None:
            break
    return Stated(best.items, best.pages, best.page, " ".join(dict.fromkeys(best.said.split(" ")))[:120])


# ---------------------------------------------------------------------------------------------- the pager of a list


def list_pager(url: str, links: Sequence[tuple[str, str]]) -> Pager | None:
    """The pager of a list page, None when it has none. links: (address, name) of those that pagers have."""
    return find_pager(url, links, MOST_PAGES)


def last_page(pager: Pager, links: Iterable[tuple[str, str]]) -> int | None:
    """The number of the page that a link to the last page leads to; None where there is no such link."""
    numbers = {u: n for n, u in pager.pages.items()}
    return max((numbers[u] for u, name in links if _LAST.match(plain(name)) and u in numbers), default=None)
