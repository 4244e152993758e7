"""Which links a page has, what kind of page it is, and which further pages an article goes on over. Pure: bytes in, data out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from lxml import etree
from lxml.html import HTMLParser, document_fromstring
from w3lib.url import canonicalize_url, safe_url_string

from crawler.extraction.decode import decode
from crawler.site import Site

MAX_BYTES = 2 * 1024 * 1024
MAX_LINKS = 3000
MAX_PAGES = 60  # an article over more in-article pages is a calendar
_LONG_TEXT = 40  # characters of running text outside links
_ARTICLE_TEXT = 250

_NUMBER = re.compile(r"^[\s\[(【<«]*第?\s*(\d{1,3})\s*页?[\s\])】>»]*$")
_NEXT = re.compile(
    r"^[\s\[(【<«»>]*(?:下一?[页頁]|后一?页|次页|[Nn]ext(?:\s*[Pp]age)?|余下全文|阅读余下全文|查看余下.*|继续阅读|[»>]{1,2})[\s\])】>»]*$"
)
_PAGER_WORD = re.compile(
    r"^[\s\[(【<«»>]*(?:上一?[页頁]|前一?页|首\s*[页頁]|尾\s*[页頁]|末\s*[页頁]|[Pp]rev(?:ious)?|[«<]{1,2}|最后一页)[\s\])】>»]*$"
)
_PATH_SUFFIX = re.compile(r"^(?P<stem>.*?[^/_-])[_-](?P<n>\d{1,3})(?P<ext>\.[A-Za-z]{2,6})?$")
_PATH_STEP = re.compile(r"^(?P<stem>.*[^/])/(?P<n>\d{1,3})/?$")
_PAGE_KEYS = frozenset(("page", "p", "pn", "pg", "pageno", "pageindex", "page_no", "pageid", "curpage", "paged"))
_LIST_PATH = re.compile(
    r"/$|/(?:list|index|page|class|category|cat|tags?|column|channel|topic|archive)s?[-_]?[\w-]*(?:\.\w{2,6})?$|[?&](?:page|pn|pg)=",
    re.IGNORECASE,
)
_RUNNING = re.compile(r"[,，。；;：:、！!？?]")
_REFRESH = re.compile(r"""url\s*=\s*['"]?([^'">\s]+)""", re.IGNORECASE)
_NOISE = re.compile(r"(?is)<(script|style)\b[^>]*>.*?</\1\s*>|<!--.*?-->")
_LONG_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9]*)[^<>]{8000,}>?")


@dataclass(frozen=True, slots=True)
class Link:
    """A link to follow: its address without fragment, and what the site's patterns say it is (None: to be seen)."""

    url: str
    kind: str | None


@dataclass(slots=True)
class PageLinks:
    """kind: `list` or `article`. links: in order of the page, each once. pages: in-article pages by ordinal, this one included;
    empty when the page does not go on over others."""

    kind: str
    links: list[Link] = field(default_factory=list)
    pages: dict[int, str] = field(default_factory=dict)


_LEADING_FLAGS = re.compile(r"^\(\?([aimsux]+)\)(.*)$", re.DOTALL)


@lru_cache(maxsize=64)
def _pattern(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    # flags at the start of a pattern hold for this pattern alone
    return (
        re.compile(
            "|".join(_LEADING_FLAGS.sub(r"(?\1:\2)", p) if _LEADING_FLAGS.match(p) else f"(?:{p})" for p in patterns)
        )
        if patterns
        else None
    )


def clean_url(url: str) -> str | None:
    """The address to fetch: http or https, escaped, without fragment, path never empty; None when it is none of ours."""
    try:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        port = (
            f":{parts.port}" if parts.port and (parts.scheme, parts.port) not in (("http", 80), ("https", 443)) else ""
        )
    except ValueError:
        return None
    safe = safe_url_string(
        urlunsplit((parts.scheme, parts.hostname.lower() + port, parts.path or "/", parts.query, ""))
    )
    return canonicalize_url(safe, keep_blank_values=True) if "?" in safe else safe


def in_scope(url: str, site: Site) -> bool:
    """Whether an address lies on one of the site's hosts (host and port) and is not to be ignored."""
    parts = urlsplit(url)
    if parts.netloc.lower() not in site.hosts:
        return False
    ignored = _pattern(site.follow.ignore)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return not (ignored and ignored.search(path))


def kind_by_pattern(url: str, site: Site) -> str | None:
    """What the site file's patterns say an address is: `list`, `article`, `page` (in-article) or None."""
    path = urlsplit(url).path + (f"?{urlsplit(url).query}" if urlsplit(url).query else "")
    for kind, patterns in (("page", site.follow.pages), ("list", site.follow.lists), ("article", site.follow.articles)):
        found = _pattern(patterns)
        if found and found.search(path):
            return kind
    return None


def stem_and_ordinal(url: str) -> list[tuple[str, int]]:
    """Readings of an address as page n of something: (what it is a page of, n); itself as page 1 first."""
    parts = urlsplit(url)
    base = urlunsplit((parts.scheme, parts.netloc, parts.path, parts.query, ""))
    out = [(base, 1)]
    if m := _PATH_SUFFIX.match(parts.path):
        out.append(
            (urlunsplit((parts.scheme, parts.netloc, m["stem"] + (m["ext"] or ""), parts.query, "")), int(m["n"]))
        )
    if m := _PATH_STEP.match(parts.path):
        out.append((urlunsplit((parts.scheme, parts.netloc, m["stem"], parts.query, "")), int(m["n"])))
        out.append((urlunsplit((parts.scheme, parts.netloc, m["stem"] + "/", parts.query, "")), int(m["n"])))
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    for i, (k, v) in enumerate(pairs):
        if k.lower() in _PAGE_KEYS and v.isdigit() and len(v) <= 3:
            rest = urlencode(pairs[:i] + pairs[i + 1 :])
            out.append((urlunsplit((parts.scheme, parts.netloc, parts.path, rest, "")), int(v)))
    return out


def read_links(body: bytes, content_type: str | None, url: str, site: Site) -> PageLinks:
    """The links of a page, its kind, and the pages its article goes on over. Never raises for bad HTML."""
    text = decode(body[:MAX_BYTES], content_type).text
    text = _LONG_TAG.sub(r"<\1>", _NOISE.sub("", text)).replace("\x00", "")
    try:
        root = document_fromstring(text, parser=HTMLParser(huge_tree=True))
    except (etree.ParserError, ValueError, AssertionError):
        return PageLinks("list")
    base = url
    seen: dict[str, str] = {}
    anchors: list[tuple[str, str]] = []
    running = 0
    texts = 0
    for element in root.iter():
        tag = element.tag
        if tag == "a" or tag == "area":
            href = element.get("href")
            if (
                href
                and len(anchors) < MAX_LINKS
                and not href.lstrip().lower().startswith(("javascript:", "mailto:", "#", "data:", "tel:"))
            ):
                label = "".join(map(str, element.itertext())).strip() if len(element) else (element.text or "").strip()
                anchors.append((href, label))
        elif tag == "base" and element.get("href"):
            base = urljoin(url, element.get("href") or "")
        elif tag == "meta" and (element.get("http-equiv") or "").lower() == "refresh":
            if m := _REFRESH.search(element.get("content") or ""):
                anchors.append((m[1], ""))
        elif (
            element.text
            and len(element.text) >= _LONG_TEXT
            and isinstance(tag, str)
            and tag not in ("title", "option", "textarea")
        ):
            if _RUNNING.search(element.text):
                running += len(element.text.strip())
                texts += 1
        if element.tail and len(element.tail) >= _LONG_TEXT and _RUNNING.search(element.tail):
            running += len(element.tail.strip())
            texts += 1
    labelled: list[tuple[str, str]] = []
    for href, label in anchors:
        try:
            target = clean_url(urljoin(base, href.strip()))
        except ValueError:
            continue
        if target is None:
            continue
        labelled.append((target, label))
        if target not in seen and in_scope(target, site):
            seen[target] = label
    titles = sum(len(t) for t in seen.values() if len(t) >= 8)
    told = kind_by_pattern(url, site)
    if told is not None:
        kind = "list" if told == "list" else "article"
    elif running < _ARTICLE_TEXT:
        kind = "list"
    else:
        listed = _LIST_PATH.search(url) and len(seen) >= 2 * texts
        kind = "list" if listed or titles > 1.5 * running else "article"
    found = PageLinks(kind, [Link(u, kind_by_pattern(u, site)) for u in seen])
    # a short page of a split article holds little text; a list's address says that it is one
    if kind == "article" or (running >= _LONG_TEXT and not _LIST_PATH.search(url)):
        found.pages = _pager(url, labelled, site)
    return found


def _pager(url: str, labelled: list[tuple[str, str]], site: Site) -> dict[int, str]:
    """In-article pages by ordinal: links named by a number or 下一页 whose address is this one's but for a page suffix."""
    here = stem_and_ordinal(url)
    stems = {stem: n for stem, n in reversed(here)}
    pages: dict[int, str] = {}
    mine: int | None = None
    first: str | None = None
    for target, label in labelled:
        number = _NUMBER.match(label)
        if not number and not _NEXT.match(label) and not _PAGER_WORD.match(label):
            continue
        if target == url or not in_scope(target, site):
            if target == url and number:
                mine = int(number[1])
            continue
        for stem, n in stem_and_ordinal(target):
            if stem not in stems or (stem == url and n == 1):
                continue
            own = stems[stem]
            ordinal = int(number[1]) if number and n > 1 else n
            if ordinal == own or not 1 <= ordinal <= MAX_PAGES:
                continue
            pages[ordinal] = target
            mine = mine or own
            first = stem
            break
    if not pages:
        return {}
    pages[mine or 1] = url
    if 1 not in pages and first is not None:
        pages[1] = first
    return pages
