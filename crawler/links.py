"""Which links a page has, what kind of page it is, and which further pages its article goes on over. Pure: bytes in, data out."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import cast
from urllib.parse import urlsplit

from lxml import etree

from crawler.extraction.decode import declared_charsets, decode
from crawler.notices import MOST_TEXT, MOST_TITLES, Notice, may_be_notice, notice_of
from crawler.pagers import MAX_LABEL, Pager, find_pager, is_pager_label
from crawler.scripted import asked_for_more, data_names, scripted
from crawler.site import Site
from crawler.totals import Stated, last_page, list_pager, read_totals
from crawler.twins import MAX_TEXTS
from crawler.urls import Resolver, Target, kind_by_pattern

MAX_BYTES = 2 * 1024 * 1024
MAX_LINKS = 3000
MAX_TAGS = 60_000
_LONG_TEXT = 16  # characters of a line of running text outside links; old and mobile layouts break lines early
_SOME_TEXT = 40  # so much running text may be a short page of a split article
_ARTICLE_TEXT = 250
_TITLE = 8  # characters of a link's name that make it a title

_ARTICLE_PATH = re.compile(r"/[^/]*\d[^/]*\.\w{2,6}$|/\d{3,}/?$")
_LIST_PATH = re.compile(
    r"/$|/(?:list|index|page|class|category|cat|tags?|column|channel|topic|archive|forum|forumdisplay|board)s?[-_]?[\w-]*(?:\.\w{2,6})?$|[?&](?:page|pn|pg)=",
    re.IGNORECASE,
)
_ARTICLE_QUERY = re.compile(
    r"/\w*(?:show|view|detail|read|article|content|display|thread|topic)\w*(?:\.\w{2,6})?/?\?|[?&](?:a|mod|act|action|do)=(?:show|view|detail|read|article)",
    re.IGNORECASE,
)
_RUNNING = re.compile(r"[,，。；;：:、！!？?]")
_TEASER = re.compile(r"(?:…|\.\.\.|。。。)\W*$")
_REFRESH = re.compile(r"""url\s*=\s*['"]?([^'">\s]+)""", re.IGNORECASE)
LONG_TAG = 8_000  # characters
MANY_ATTRIBUTES = 200  # signs of equality in them, that tell a bomb from a script
_LONG_TAG = re.compile(rf"<([A-Za-z][A-Za-z0-9]*)[^<>]{{{LONG_TAG},}}>?")  # a bomb of attributes, or data: images
_BARE = re.compile(rf"<([A-Za-z][A-Za-z0-9]*)[^<]{{{LONG_TAG},}}")  # the same with > hidden in quotes
_ADDRESS = re.compile(r"[./?]")
_TEXTS = etree.XPath("//text()", smart_strings=False)
# texts in these do not stand on the page themselves
_ASIDE = ("script", "style", "title", "a", "textarea", "option", "noscript")
_SILENT = frozenset(("a", "script", "style", "noscript", "option", "textarea"))
_NUMBERS = re.compile(r"[0-9a-fA-F]*\d[0-9a-fA-F]*")
_SAID = re.compile(r"""\balert\s*\(\s*(["'])(.{1,200}?)\1""")
MAX_SAID = 4_000  # characters of a script that are looked at for it
_PAGE_NUMBER = re.compile(r"第?[0-9一二三四五六七八九十]+[页頁]?|page|[\W_]+")
_PARTS = ("a", "area", "base", "meta", "option", "frame", "iframe", "link")
_FEED_FILE = re.compile(r"\.(?:xml|rss|atom|rdf)$|[?&][a-z]+=(?:rss|atom)", re.IGNORECASE)
_FEEDS = ("application/rss+xml", "application/atom+xml", "application/rdf+xml")
_PIECE = 7  # characters of a piece of text that says something; noise between pieces spoils few of them
_PIECES = re.compile(rf"[^\s,，。；;：:、！!？?“”\"]{{{_PIECE},}}")
SOME = 3  # pieces of text that tell an article from others


@dataclass(slots=True)
class PageLinks:
    """kind: `list` or `article`. links: targets in scope in order of the page, each once. pager: None when the page does not go
    on over others. text: characters outside links and in links that are titles (0 for articles: nobody asks).
    titled: keys of the targets that some link names as with a title. canonical: key of the page that this one says it is another address
    of, in scope. texts: hashes of pieces of its long texts. Of a list: stated: what it says that it holds; list_pager: its pager; items: keys of
    what it lists. shows: a hash of what it shows, whatever the order, 0 where too little; title: a hash of its title without
    numbers, of a page whose pager has no numbers; notice: what it says instead of what was asked for (notices.py), and a hash of how it says so."""

    kind: str
    links: list[Target] = field(default_factory=list)
    pager: Pager | None = None
    text: int = 0
    titled: set[str] = field(default_factory=set)
    canonical: str | None = None
    texts: tuple[int, ...] = ()
    stated: Stated = field(default_factory=Stated)
    list_pager: Pager | None = None
    items: list[str] = field(default_factory=list)
    shows: int = 0
    title: int = 0
    notice: Notice | None = None
    said: int = 0


def _text_of(body: bytes, content_type: str | None) -> tuple[str, str]:
    """Text and charset. Links are nearly always ASCII, so what fits strictly is good enough; only doubt is worth the long way."""
    if body[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return body.decode(), "utf-8"
        except UnicodeDecodeError:
            pass
        for charset in declared_charsets(body, content_type)[:1]:
            try:
                return body.decode(charset), charset
            except (UnicodeDecodeError, LookupError):
                continue
    found = decode(body, content_type)
    return found.text, found.charset


def _without_bombs(text: str) -> str:
    """The text with tags of thousands of characters without what they hold. Only what is that long is looked at."""
    out: list[str] = []
    done, at = 0, text.find("<")
    while 0 <= at < len(text) - LONG_TAG - 1:
        later = text.rfind("<", at + 1, at + LONG_TAG + 2)
        if later < 0:
            later = text.find("<", at + LONG_TAG + 2)
            tag = text[at : later if later > 0 else len(text)]
            # most are scripts: a tag that ends, and not many attributes behind it
            if tag.find(">", 0, LONG_TAG + 2) < 0 or tag.count("=") >= MANY_ATTRIBUTES:
                bare = _LONG_TAG.sub(r"<\1>", tag)
                bare = _BARE.sub(lambda m: m[0] if m[0].count("=") < MANY_ATTRIBUTES else f"<{m[1]}>", bare)
                out += [text[done:at], bare]
                done = at + len(tag)
        at = later
    return "".join((*out, text[done:])) if out else text


def _tree(text: str) -> etree._Element | None:
    text = _without_bombs(text.replace("\x00", ""))
    if text.count("<") > MAX_TAGS:
        text = "<".join(text.split("<", MAX_TAGS)[:MAX_TAGS])
    if text.lstrip()[:5] == "<?xml":  # lxml refuses text that declares an encoding
        text = text[text.find("?>") + 2 :]
    try:
        # lxml.html's own elements would cost as much again as parsing
        return cast(
            "etree._Element | None",
            etree.fromstring(
                text, etree.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True, collect_ids=False)
            ),
        )
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError):
        return None


def _is_feed_file(url: str, site: Site) -> bool:
    """Whether an address is that of a feed and no page's, on a host of the site: what folders not to follow hold (/data/rss.xml,
    /e/web/?type=rss2) is fetched where a page names it as its feed."""
    return urlsplit(url).netloc.lower() in site.hosts and bool(_FEED_FILE.search(url)) and "comment" not in url.lower()


@dataclass(slots=True)
class _Anchors:
    """The links of a page in order with their names, feeds and further parts of a list apart, and the address that it calls canonical."""

    links: list[tuple[Target, str]]
    feeds: list[Target]
    more: list[Target]
    canonical: Target | None


def _anchors(root: etree._Element, url: str, resolver: Resolver, charset: str, text: str) -> _Anchors:
    """Every link with its name: anchors, areas, frames, refreshes, choices that hold addresses, and what scripts lead to."""
    base = url
    raw: list[tuple[str, str]] = []
    feeds: list[str] = []
    canonical: str | None = None
    # what stands behind </html>, where a template closes the page too early, hangs below a root of its own
    roots = (root,) if root.getnext() is None else (root, *root.itersiblings())
    for element in cast("Iterable[etree._Element]", chain.from_iterable(r.iter(*_PARTS) for r in roots)):
        tag = element.tag
        if tag in ("a", "area"):
            href = element.get("href")
            if href:
                name = "".join(map(str, element.itertext())) if len(element) else element.text or ""
                raw.append((href, name.strip()))
        elif tag == "base":
            if base is url and (given := element.get("href")):
                found = resolver.resolve(url, given)
                base = found.url if found else url
        elif tag == "meta":
            if (element.get("http-equiv") or "").lower() == "refresh" and (
                m := _REFRESH.search(element.get("content") or "")
            ):
                raw.append((m[1], ""))
        elif tag == "option":
            value = element.get("value")
            if value and _ADDRESS.search(value) and " " not in value.strip():
                raw.append((value, (element.text or "").strip()))
        elif tag == "link":
            rel, href = (element.get("rel") or "").lower().split(), element.get("href")
            if href and "canonical" in rel:
                canonical = canonical or href
            elif href and ("next" in rel or "prev" in rel):
                raw.append((href, "下一页" if "next" in rel else "上一页"))
            elif href and "alternate" in rel and (element.get("type") or "").lower().strip() in _FEEDS:
                feeds.append(href)
        elif src := element.get("src"):
            raw.append((src, ""))
        if len(raw) >= MAX_LINKS:
            break
    names = data_names(text)
    raw += scripted(root, text, names)[:MAX_LINKS]
    resolve = resolver.of_page(base, charset)
    return _Anchors(
        [(target, name) for href, name in raw if (target := resolve(href)) is not None],
        [t for f in feeds if (t := resolve(f)) is not None],
        [t for m in asked_for_more(root, text, names) if (t := resolve(m)) is not None],
        resolve(canonical) if canonical else None,
    )


def _aside(root: etree._Element) -> Iterator[str]:
    """Long texts that stand in links, scripts, choices. To ask each text for its parent would take longer."""
    for top in (root, *root.itersiblings(), *root.itersiblings(preceding=True)):
        for element in cast("Iterable[etree._Element]", top.iter(*_ASIDE)):
            if element.tag == "a" and element.get("href") is None and element.get("name") is not None:
                continue  # a place to lead to, with all the text that was pasted in it
            text = element.text
            if text and len(text) >= _LONG_TEXT:
                yield text
            for child in element if len(element) else ():
                text = child.tail
                if text and len(text) >= _LONG_TEXT:
                    yield text


def _is_teaser(text: str) -> bool:
    """Whether a text is cut off."""
    return ("…" in text or "..." in text or "。。。" in text) and _TEASER.search(text) is not None


def _running(root: etree._Element, every: list[str]) -> tuple[int, int, list[str]]:
    """Characters, number and wording of long texts that run like sentences; teasers of a list, all cut off alike, do not count.

    every: all texts of the page.
    """
    long = [t for t in every if len(t) >= _LONG_TEXT]
    aside = Counter(_aside(root)) if long else Counter()
    texts = []
    for text in long:
        if aside[text]:
            aside[text] -= 1
        elif len(text := text.strip()) >= _LONG_TEXT and _RUNNING.search(text):
            texts.append(text)
    whole = [t for t in texts if not _is_teaser(t)]
    if len(texts) - len(whole) >= 3:
        texts = whole
    return sum(map(len, texts)), len(texts), texts


def _outside(root: etree._Element, every: list[str]) -> int:
    """Characters outside links and scripts, white space left out. every: all texts of the page."""
    # a page may have two roots, of which the first is read
    alone = root.getnext() is None and root.getprevious() is None
    whole = "".join(every if alone else cast("Iterable[str]", root.itertext()))
    count = len(whole) - whole.count(" ") - whole.count("\n")
    for element in cast("Iterable[etree._Element]", root.iter("a", "script", "style", "title", "option")):
        inside = "".join(map(str, element.itertext())) if len(element) else element.text or ""
        count -= len(inside) - inside.count(" ") - inside.count("\n")
    return max(count, 0)


def _spoken(root: etree._Element) -> tuple[str, int] | None:
    """All texts outside links and scripts, the title first, and how many characters they have; None where these are more than a notice
    has, of which nobody reads the rest."""
    out: list[str] = []
    size = 0
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        if event == "end":
            text = element.tail
        elif element.tag in _SILENT:
            walk.skip_subtree()
            continue
        else:
            text = element.text
        if text and (words := text.split()):
            size += sum(map(len, words))
            if size > MOST_TEXT:
                return None
            out.append(text.strip())
    return " ".join(out), size


def _title_of(root: etree._Element) -> int:
    """A hash of the title without the number of a page in it, 0 where there is none."""
    element = next(root.iter("title"), None)
    text = _PAGE_NUMBER.sub("", (element.text or "").lower()) if element is not None else ""
    return zlib.crc32(text.encode()) if text else 0


def _named(links: Iterable[tuple[Target, str]]) -> list[tuple[str, str]]:
    """Address and name of the links that can belong to a pager."""
    return [(t.url, name) for t, name in links if len(name) <= MAX_LABEL and t.inside and is_pager_label(name)]


def _items(links: Iterable[Target], titled: set[str], pager: Pager | None) -> list[str]:
    """Keys of what a list page lists: targets of the form of those that are named as with a title, its own further pages left out."""
    further = set(pager.pages.values()) if pager is not None else set()
    some = [t for t in links if t.kind != "list" and t.url not in further]
    forms = {t.template for t in some if t.key in titled}
    return [t.key for t in some if t.template in forms]


def _framed(
    root: etree._Element, url: str, links: Iterable[tuple[Target, str]], titled: set[str], running: int
) -> Pager | None:
    """The page in whose frame an article's text stands, as the second page of it: an article's address, a heading and a date, hardly a sentence, and
    one frame of the site."""
    path = urlsplit(url).path
    if (
        running >= _SOME_TEXT
        or len(titled) > MOST_TITLES
        or not (_ARTICLE_PATH.search(path) or _ARTICLE_QUERY.search(url))
    ):
        return None
    frames = {src.strip() for e in root.iter("iframe") if (src := e.get("src")) and src.strip(" ./")}
    inner = {
        t.url for t, name in links if not name and t.inside and any(t.url.endswith(f.lstrip("./")) for f in frames)
    }
    if len(frames) != 1 or len(inner) != 1 or url in inner:
        return None
    return Pager({1: url, 2: inner.pop()}, url, 0)


def read_links(
    body: bytes, content_type: str | None, url: str, site: Site, resolver: Resolver | None = None
) -> PageLinks:
    """The links of a page, its kind, and the pages its article goes on over. Never raises for bad HTML."""
    resolver = resolver or Resolver(site)
    text, charset = _text_of(body[:MAX_BYTES], content_type)
    root = _tree(text)
    if root is None:
        return PageLinks("list")
    read = _anchors(root, url, resolver, charset, text)
    anchors = read.links
    every = cast("list[str]", _TEXTS(root))
    running, texts, wording = _running(root, every)
    links: dict[str, Target] = {}
    titled: set[str] = set()
    names: set[str] = set()
    titles = 0
    for target, name in anchors:
        if not target.inside:
            continue
        if len(name) >= _TITLE:
            titled.add(target.key)
            names.add(name)
        if target.url not in links:
            links[target.url] = target
            titles += len(name) if len(name) >= _TITLE else 0
    told = kind_by_pattern(url, site)
    # ?page=2 behind an article's own address is its second page, behind a column's the second page of a list
    path = urlsplit(url).path
    whole = path + "?" + urlsplit(url).query
    # /index.php?a=show is the whole site's script, and no list
    listed = not _ARTICLE_QUERY.search(whole) and bool(
        _LIST_PATH.search(path) or (_LIST_PATH.search(url) and not _ARTICLE_PATH.search(path))
    )
    if told is not None:
        kind = "list" if told == "list" else "article"
    elif running < _ARTICLE_TEXT:
        kind = "list"
    else:
        kind = "list" if (listed and len(links) >= 2 * texts) or titles > 1.5 * running else "article"
    found = PageLinks(kind, list(links.values()), titled=titled)
    if kind == "list":
        found.text = titles + _outside(root, every)
        # an article's feeds are those of its comments
        found.links += [t for t in read.feeds if (t.inside or _is_feed_file(t.url, site)) and t.url not in links]
        # what a list asks for its further parts may lie where services do
        found.links += [t for t in read.more if urlsplit(t.url).netloc in site.hosts and t.url not in links]
        named = _named(anchors)
        found.list_pager = list_pager(url, named) if named else None
        found.stated = read_totals(root)
        if found.list_pager is not None and found.stated.pages is None and (n := last_page(found.list_pager, named)):
            found.stated = replace(found.stated, pages=n, said=f"{found.stated.said} 尾页 {n}".strip())
        if found.list_pager is not None or found.stated:
            found.items = _items(links.values(), titled, found.list_pager)
    if running <= 2 * MOST_TEXT and may_be_notice(body) and (told_ := _spoken(root)) is not None:
        spoken, size = told_
        password = any((e.get("type") or "").lower() == "password" for e in root.iter("input"))
        found.notice = notice_of(spoken, size, len(titled), password)
        if not spoken and all(t.key == site.key(url) for t, _ in anchors):
            # what a script says in a box before it goes back is what the page says
            said = " ".join(m[2] for e in root.iter("script") for m in _SAID.finditer((e.text or "")[:MAX_SAID]))
            found.notice = (notice_of(said, len(said), 0, password=True) if said else None) or "blank"
            spoken = said
        found.said = zlib.crc32(_NUMBERS.sub("", spoken).encode()) if found.notice else 0
    found.texts = tuple(sorted({zlib.crc32(p.encode()) for t in wording for p in _PIECES.findall(t)})[:MAX_TEXTS])
    shown = sorted(names) if kind == "list" else [*map(str, found.texts), "text"] if len(found.texts) >= SOME else []
    found.shows = zlib.crc32("\n".join(shown).encode()) if shown else 0
    if read.canonical is not None and read.canonical.inside and read.canonical.key != site.key(url):
        found.canonical = read.canonical.key
    # a short page of a split article holds little text; a list's address says that it is one
    if kind == "article" or (told is None and running >= _SOME_TEXT and not listed):
        named = named if kind == "list" else _named(anchors)
        found.pager = find_pager(url, named) if named else None
        if found.pager is not None and not found.pager.numbered:
            found.title = _title_of(root)
    if found.pager is None and b"<iframe" in body:
        found.pager = _framed(root, url, anchors, titled, running)
    return found
