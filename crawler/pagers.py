"""In-article pagers (上一页 1 2 3 下一页): which further pages an article goes on over, and what its pages are together. Pure.

A pager's links are named by a number or a word for next, previous, first, last, and their addresses are the page's own but
for a page number: `x_2.html`, `x-2.html`, `x/2.html`, `x?page=2`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from crawler.site import without_case

MAX_LABEL = 16  # characters of the name of a pager's link
MAX_PAGES = 60  # an article over more in-article pages is a calendar

_NUMBER = re.compile(
    r"^[\s\[(【<«]*(?:第\s*(?P<word>[一二三四五六七八九]?十?[一二三四五六七八九]?)\s*[页頁]|第?\s*(?P<n>\d{1,3})\s*[页頁]?)(?:\s*[/／]\s*共?\d{1,3}[页頁]?)?[\s\])】>»]*$"
)
_WORD = re.compile(
    r"^[\s\[(【<«»>←→]*(?:(?:点击|點擊|进入|進入|查看|转到){0,2}(?:[上下前后後]\s*[一1]?\s*[页頁]|次[页頁])(?:\s*[(（]?\d{1,3}(?:[/／]\d{1,3})?[)）]?)?|[续續][页頁]|首\s*[页頁]|[尾末]\s*[页頁]|最[后後]一?[页頁]|"
    r"(?:[Nn]ext|NEXT)(?:\s*(?:[Pp]age|PAGE))?|(?:[Pp]rev(?:ious)?|PREV(?:IOUS)?)(?:\s*(?:[Pp]age|PAGE))?|阅读余下全文|余下全文|查看余下.{0,12}|继续阅读|[»>]{1,2}|[«<]{1,2}|[›→▶‹←◀])[\s\])】>»›←→▶]*$"
)
_CHINESE = {c: n for n, c in enumerate("一二三四五六七八九", 1)}
# x_2, x-2, x_p2, x-page-2, x,2, x~2, and 7.2 or 7p2 behind a number
_PATH_SUFFIX = re.compile(
    r"^(?P<stem>.*?[^/_,~-])(?:[_-](?:p(?:age)?[_-]?)?|,|~|(?<=\d)(?:\.|p(?:age)?))(?P<n>\d{1,3})(?P<ext>\.[A-Za-z]{2,6})?$"
)
_PATH_STEP = re.compile(r"^(?P<stem>.*?[^/])/(?:p(?:age)?[_/-]?)?(?P<n>\d{1,3})(?P<ext>/|\.[A-Za-z]{2,6})?$")
_INDEX = re.compile(r"/(?:index|default)\.[A-Za-z]{2,6}$")
_ENDING = re.compile(r"(?<=[^/.])\.[A-Za-z]{2,6}$")
_PATH_MIDDLE = re.compile(
    r"^(?P<stem>.*\d[_-])(?P<n>\d{1,3})(?P<ext>[_-]\d{1,3}(?:\.[A-Za-z]{2,6})?)$"
)  # thread-7-2-1.html
# names of fields that number pages: page, p, pageNo, ArticlePage, current_page; others count or name something else: pageSize, fromPage, and the
# fpage of a forum, which is the page of the list that a reader came from
PAGE_KEY = r"(?:(?!(?:f|from|per|home|last|back|ref|land|max|total|all)_?page)[a-z]{0,12}_?page(?:d|_?(?:no|num|number|index|id|n))?|p|pn|pg|cp|paging)"
_PAGE_KEY = re.compile(PAGE_KEY, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pager:
    """What one page says of the article it belongs to.

    pages: addresses by number, this page's own included. whole: the address without page number; it may be no page's. shift: 1 where the addresses count from nought behind a first page
    without number (`x.html`, `x_1.html` is the second), 0 where they do not, None where this page does not tell. numbered: whether links are
    named by numbers, and not by arrows and words alone.
    """

    pages: dict[int, str]
    whole: str
    shift: int | None
    numbered: bool = True


@lru_cache(maxsize=1024)
def is_page_key(name: str) -> bool:
    """Whether a field of a query so named numbers pages."""
    return _PAGE_KEY.fullmatch(name) is not None


def _labelled(label: str) -> int | None:
    """The number that names a link, in figures or as in 第二页; None where none does."""
    m = _NUMBER.match(label)
    if m is None:
        return None
    if m["n"]:
        return int(m["n"])
    tens, ten, ones = m["word"].rpartition("十")
    return (_CHINESE.get(tens, 1) * 10 if ten else 0) + _CHINESE.get(ones, 0) or None


def readings(url: str) -> list[tuple[str, int]]:
    """An address read as page n of something: (address of the whole, n); as an article of its own, (itself, 0), first."""
    parts = urlsplit(url)

    def made(path: str, query: str) -> str:
        return urlunsplit((parts.scheme, parts.netloc, path, query, ""))

    out = [(made(parts.path, parts.query), 0)]
    if m := _PATH_SUFFIX.match(parts.path):
        out.append((made(m["stem"] + (m["ext"] or ""), parts.query), int(m["n"])))
    if m := _PATH_MIDDLE.match(parts.path):
        out.append((made(m["stem"] + m["ext"], parts.query), int(m["n"])))
    if m := _PATH_STEP.match(parts.path):
        out.append((made(m["stem"] + (m["ext"] or ""), parts.query), int(m["n"])))
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    for i, (k, v) in enumerate(pairs):
        if is_page_key(k) and v.isdigit() and len(v) <= 3:
            out.append((made(parts.path, urlencode(pairs[:i] + pairs[i + 1 :])), int(v)))
    return out


def _folded(whole: str) -> str:
    """The address of a whole for comparing: the pages of /a/7.html may be /a/7/2, those of /a/7/ /a/7/2.html or /a/7/index_2.html."""
    parts = urlsplit(whole)
    path = _INDEX.sub("/", parts.path) if _INDEX.search(parts.path) else _ENDING.sub("", parts.path)
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip("/"), parts.query, ""))


def wholes(whole: str, url: str) -> list[str]:
    """The addresses that the first page of an article may have, the likeliest first. whole: as a pager has it; url: of a page of it."""
    parts = urlsplit(_folded(whole))
    ending = _ENDING.search(urlsplit(url).path)
    last = ending[0] if ending else ".html"
    paths = (parts.path + "/", parts.path, parts.path + last, parts.path + "/index" + last)
    return list(dict.fromkeys([whole, *(urlunsplit(parts._replace(path=p)) for p in paths if p)]))


def _same_case(url: str) -> str:
    """An address for comparing: servers that know no case are linked in any."""
    parts = urlsplit(url)
    path, _, query = without_case(parts.path + (f"?{parts.query}" if parts.query else "")).partition("?")
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def without_page(url: str) -> str:
    """The address without the fields of its query that count pages."""
    parts = urlsplit(url)
    query = urlencode([(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not is_page_key(k)])
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def next_page(url: str) -> str | None:
    """The address of the next page where a field of the query counts pages; None where none does."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    for i, (k, v) in enumerate(pairs):
        if is_page_key(k) and v.isdigit() and len(v) <= 3:
            query = urlencode([*pairs[:i], (k, str(int(v) + 1)), *pairs[i + 1 :]])
            return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
    return None


_FIRST = re.compile(r"^[\s\[(【<«]*(?:首\s*[页頁]|第一[页頁])[\s\])】>»]*$")


def is_pager_label(label: str) -> bool:
    """Whether a link of this name can belong to a pager."""
    return len(label) <= MAX_LABEL and (_labelled(label) is not None or _WORD.match(label) is not None)


def find_pager(url: str, links: Iterable[tuple[str, str]], most: int = MAX_PAGES) -> Pager | None:
    """The pager of a page, None when it has none. links: (address, name) of every link, in order. most: pages that there can be."""
    mine = {_folded(whole): n for whole, n in reversed(readings(_same_case(url)))}
    # of each link: its whole, its number in the address (0: none), its number by name, whether it says 首页
    found: list[tuple[str, int, int | None, str, bool]] = []
    for target, label in links:
        number = _labelled(label)
        if target == url or (number is None and not _WORD.match(label)):
            continue
        for stem, n in readings(_same_case(target)):
            same = _folded(stem)
            if same in mine and (n or mine[same]) and n <= most and n != mine[same]:
                found.append((stem, n, number, target, bool(_FIRST.match(label))))
                break
    if not found or all(first for *_, first in found):
        return None  # 首页 alone leads home
    same = Counter(_folded(s) for s, *_ in found).most_common(1)[0][0]
    own = mine[same]
    found = [f for f in found if _folded(f[0]) == same]
    stem = next((s for s, n, *_ in found if not n), found[0][0]) if own else _same_case(url)
    # index.php?id=7 is no file of a folder, but the script that shows article 7
    if _INDEX.search(urlsplit(stem).path) and stem != _same_case(url) and not urlsplit(stem).query:
        stem = urljoin(stem, ".")
    told = Counter(label - n for _, n, label, *_ in found if label is not None and n)
    shift: int | None = None
    if told:
        shift = 1 if told[1] > told[0] else 0
    elif any(n == 1 for _, n, *_ in found) and own == 0:
        shift = 1  # from the first page 下一页 leads to number one
    elif own == 1 and any(n == 0 for _, n, *_ in found):
        shift = 1  # number one has a page before it
    by = shift or 0
    pages: dict[int, str] = {own + by if own else 1: url}
    # an address without number is page one; where there is an x_1.html too, that is the same page under another name
    for _, n, _, target, _ in sorted(found, key=lambda f: (f[1] != 0, f[1], f[3])):
        ordinal = n + by if n else 1
        if 1 <= ordinal <= most:
            pages.setdefault(ordinal, target)
    return Pager(pages, stem, shift, any(f[2] is not None for f in found)) if len(pages) > 1 else None


@dataclass(frozen=True, slots=True)
class Place:
    """A page's place in its article: key of the first page, number from 1, how many pages the article shows."""

    article_key: str
    ordinal: int
    expected: int


def _without_neighbours(pagers: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """Pagers without those of articles that lead to the next article by an arrow: /doc/16.html and /doc/17.html are no pages of one where
    nothing numbers them, no page is the first, and each has a title of its own."""
    titles: dict[str, list[int]] = {}
    for said in pagers.values():
        if said.get("title") and said["first"] not in pagers:
            titles.setdefault(said["first"], []).append(said["title"])
    apart = {first for first, found in titles.items() if 1 < len(found) == len(set(found))}
    return {k: p for k, p in pagers.items() if p["first"] not in apart or not p.get("title")}


def places(keys: Iterable[str], pagers: Mapping[str, Mapping[str, Any]]) -> dict[str, Place]:
    """The places of pages that belong together, from what each of them says. The order in which they were seen has no part in it.

    pagers: by key of the page that says it: {"first": key, "shift": 0 | 1 | None, "pages": {"1": key, …}, "title": hash of its title where its links
    have no numbers}.
    """
    pagers = _without_neighbours(pagers)
    shifts = Counter(p["shift"] for p in pagers.values() if p["shift"] is not None)
    whole = 1 if shifts[1] > shifts[0] else 0
    votes: dict[str, Counter[tuple[str, int]]] = {}
    most: Counter[str] = Counter()
    for said in pagers.values():
        by = whole if said["shift"] is None else 0
        first = said["first"]
        for n, key in said["pages"].items():
            ordinal = int(n) + by if key != first else 1
            votes.setdefault(key, Counter())[first, ordinal] += 1
            most[first] = max(most[first], ordinal)
    out = {}
    for key in keys:
        if key in votes:
            article, ordinal = min(votes[key], key=lambda v: (-votes[key][v], len(v[0]), v))
            out[key] = Place(article, ordinal, max(most[article], 1))
        else:
            out[key] = Place(key, 1, 1)
    return out
