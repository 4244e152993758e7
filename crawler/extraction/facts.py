"""What a page says of itself: title, date, source, author, breadcrumb, keywords, views and the site's name.

Facts stand around the title: in the breadcrumb above it, in the byline below it, sometimes in a line behind the body. What a
list, a side bar, a comment or the body itself says is never taken for a fact of the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import cast

from lxml.cssselect import CSSSelector
from lxml.html import HtmlElement

from crawler.extraction.breadcrumb import Crumbs, find_breadcrumb, is_home_word, steps_of
from crawler.extraction.byline import Labelled, labelled, loose_views, read_values, text_value, views_value
from crawler.extraction.dates import find_dates, parse_stamp
from crawler.extraction.dom import Document
from crawler.extraction.head import Head, read_head
from crawler.extraction.keywords import labelled_keywords, linked_keywords, meta_keywords, split_keywords, tidy
from crawler.extraction.lines import ASIDE, FOOTER, INFO, LINK, MARK, NAV, Line, read_lines, slot_flags
from crawler.extraction.model import PageFacts
from crawler.extraction.published import date_in_head, find_published
from crawler.extraction.rules import any_of, rules
from crawler.extraction.signed import signed
from crawler.extraction.titles import clean_title, find_title, fold_title, leads_home, site_of_title
from crawler.extraction.zones import Zones, find_zones, is_paragraph
from crawler.site import Reading, Site

_DATE_METAS = (
    "article:published_time",
    "og:published_time",
    "pubdate",
    "publishdate",
    "publish_date",
    "publish-date",
    "publicationdate",
    "datepublished",
    "og:release_date",
    "og:article:published_time",
    "weibo:article:create_at",
    "bytedance:published_time",
    "dc.date.issued",
    "firstpublishedtime",
    "article:published",
    "article:create_at",
    "published_time",
    "publication_date",
    "pub_date",
    "release_date",
    "dc.date",
    "dcterms.issued",
    "dcterms.created",
    "dcterms.date",
    "parsely-pub-date",
    "sailthru.date",
    "createtime",
)
_AUTHOR = 1  # the rank of 作者:
_WRITES = 2  # up to this rank a label tells who wrote, beyond it who edited or typed
_KEYWORD_START = re.compile(
    r"[签籤簽词詞字題题問问](?:\s*[\x1f ]*[:】\]]|[\x1f\s])|(?i:tags?|words?)[\x1f ]*:|推荐|访问"
)
_EDGE = " \x1f\t:;,.|/\\·•-—–_~()[]<>【】"
# 2021-10-07 23:33:08 223: a count of readers; of comments where the next element says so
_COUNT_REST = re.compile(
    r"^[\s\x1f|]*([0-9]{1,9})\s*(?=\x1f|$)(?![\s\x1f]*(?:[评評][论論]|[回][复覆]|[赞讚]|[字页頁条條楼樓]|下[载載]|收藏))"
)
_DESK_CODE = re.compile(r"(?:^|[\s_])[A-Z]{1,4}\d{2,6}$")  # which desk of a newspaper somebody sits at: 王小溪_NF4425
_OTHER_LABEL = re.compile(r"(?:选稿|选编|编辑|责编|责任编辑|来源|出处|发布|时间|日期)\s*[:\uff1a]")
_AUTHOR_SLOT = re.compile(r"(?:^|[\s_-])(?:author|zuozhe|vcard|fn)(?:$|[\s_-])")
_MOST_VIEWS = 10**12  # more readers than people: no counter but damage
# the address of a member's own page, and what such a link says when it names nobody
_MEMBER = re.compile(
    r"(?:space|home|profile|member|user)[\w./-]*\?(?:[^#]*&)?(?:uid|userid|id)=\d+|/(?:space-uid|u|uid|user|people)[-/]\d+"
)
_NO_MEMBER = re.compile(r"作者|楼主|登[录陆]|注册|查看|关注|空间|主页|资料|更多|消息|好友|文章|帖子|\d{3}")
_VALUE = re.compile(r"^[^:\uff1a]{1,8}[:\uff1a]\s*")


@lru_cache(maxsize=512)
def _selector(css: str) -> CSSSelector:
    return CSSSelector(css)


def _selected(root: HtmlElement, selectors: Sequence[str]) -> list[HtmlElement]:
    """Elements of the first selector that finds text."""
    for css in selectors:
        if found := [e for e in cast("list[HtmlElement]", _selector(css)(root)) if _text(e) or e.get("content")]:
            return found
    return []


def _text(element: HtmlElement) -> str:
    return " ".join("".join(element.itertext()).split())


def _pick(values: list[tuple[int, Labelled]], fact: str, longest: int, least: int = 9) -> str | None:
    """The value of a fact with the best rank, of those ranks up to `least`."""
    best: tuple[int, str] | None = None
    for _, value in values:
        if (
            value.fact == fact
            and value.rank <= least
            and (best is None or value.rank < best[0])
            and (text := text_value(value, longest))
        ):
            best = (value.rank, text)
    return best[1] if best else None


def _author_slot(lines: list[Line], zones: Zones, title_at: int) -> str | None:
    """The name in an element that says it is the author's (rel=author, class author) beside the title."""
    for i in zones.near:
        line = lines[i]
        if not title_at - 3 <= i <= title_at + 8 or not line.flags & (INFO | LINK) or len(line.raw) > 160:
            continue
        for element in line.element.iter("a", "span", "em", "i", "b", "strong"):
            slot = f"{element.get('class') or ''} {element.get('rel') or ''} {element.get('itemprop') or ''}"
            member = element.tag == "a" and _MEMBER.search(element.get("href") or "")
            if member or (slot.strip() and _AUTHOR_SLOT.search(slot.lower())):
                name = _text(element).strip(_EDGE)
                name = re.sub(r"^(?:(?:by|文|作者)[\s/:\uff1a]+|作者(?=.{2}))", "", name, flags=re.IGNORECASE)
                if _OTHER_LABEL.match(name):
                    continue  # who picked or edited the text, in a slot named after its author
                if 1 < len(name) <= 30 and not find_dates(name) and not (member and _NO_MEMBER.search(name)):
                    return name
    return None


def _press(lines: list[Line], zones: Zones, title_at: int) -> str | None:
    """The newspaper, agency or site of news that stands without a label right behind day and hour: 2019-05-04 08:12 某某日报."""
    for i in zones.near:
        line = lines[i]
        if line.long or len(line.raw) > 120 or not title_at < i <= title_at + 8:
            continue
        dates = find_dates(line.half)
        if len(dates) != 1 or not dates[0].timed:
            continue
        behind = line.raw[dates[0].end :].replace(MARK, " ").split()
        if behind and any_of("facts", "press_behind_hour").search(behind[0].strip(_EDGE)) is not None:
            return behind[0].strip(_EDGE)
    return None


def _posted_by(lines: list[Line], zones: Zones, title_at: int) -> str | None:
    """The name that stands before the word of posting: 陈舟 发布于 2019-05-04, 由陈舟于2019-05-04发表."""
    for i in zones.near:
        line = lines[i]
        if line.long or len(line.raw) > 120 or not title_at - 3 <= i <= title_at + 8:
            continue
        for rule in rules("facts", "posted_by"):
            if (m := rule.pattern.search(line.half)) and not (
                any_of("facts", "not_names").search(m["name"]) is not None
            ):
                return line.raw[m.start("name") : m.end("name")]
    return None


def _names_keywords(line: Line) -> bool:
    """A quick look at the first characters: may this be a line of keywords?"""
    return not line.long and bool(_KEYWORD_START.search(line.half[:16]))


def _in_byline(value: Labelled) -> bool:
    """Whether a label further on in its line is one of several there, with its links behind it."""
    line = value.line
    return bool(
        line.flags & INFO or line.is_linked or value.half[:1] == MARK or line.half[value.start - 1] == MARK
    ) and any(value.start < a < (value.stop or len(line.raw)) for a, _, _ in line.links)


def _find_keywords(lines: list[Line], values: Iterable[tuple[int, Labelled]]) -> list[str]:
    for i, value in values:
        if value.fact != "keywords" or not (value.start < 12 or _in_byline(value)):
            continue
        if items := labelled_keywords(value, lines, i):
            return items
    return []


def _find_views(lines: list[Line], zones: Zones, values: list[tuple[int, Labelled]], title_at: int) -> int | None:
    for _, value in values:
        if value.fact == "views":
            return views_value(value)  # an empty slot is filled by a script: nothing else on the page tells
    for i in zones.near:
        line = lines[i]
        if line.long or len(line.raw) > 160 or not title_at - 3 <= i <= title_at + 8:
            continue
        if (count := loose_views(line)) is not None:
            return count
        dates = find_dates(line.half) if i > title_at else []
        if len(dates) == 1 and dates[0].timed and (m := _COUNT_REST.match(line.half[dates[0].end :])):
            return int(m[1])
    return None


def _not_aside(lines: list[Line]) -> None:
    """Takes ASIDE off the lines of a column that is called a side column but holds the text (class=right beside a menu on the left).

    Told by the page: of its running text more than nine tenths stand in such columns, in one element below which they begin.
    """
    running = [x for x in lines if is_paragraph(x)]
    inside = [x for x in running if x.flags & ASIDE]
    if len(inside) < 2 or sum(len(x.raw) for x in inside) < 0.9 * sum(len(x.raw) for x in running):
        return
    column = _column(max(inside, key=lambda x: len(x.raw)).element)
    if column is None or sum(len(x.raw) for x in inside if _column(x.element) is column) < 200:
        return
    for line in lines:
        if line.flags & ASIDE and _column(line.element) is column:
            line.flags &= ~ASIDE


def _column(element: HtmlElement) -> HtmlElement | None:
    """The nearest element around a line that is called a side column."""
    at: HtmlElement | None = element
    while at is not None:
        if any(slot_flags(at.get(name) or "") & ASIDE for name in ("class", "id")):
            return at
        at = at.getparent()
    return None


def _logo_names(lines: list[Line]) -> list[str]:
    """Texts of links to the front page near the top: the site's name or 首页."""
    names = []
    for line in lines[:40]:
        for begin, end, href in line.links:
            if leads_home(href) and 2 <= end - begin <= 24:
                names.append(" ".join(line.raw[begin:end].replace(MARK, "").split()))
    return names


def _meta_date(head: Head) -> tuple[datetime, str] | None:
    """The date that a meta element or JSON-LD gives, for pages that show none."""
    for text in (*(head.metas.get(n, "") for n in _DATE_METAS), head.published):
        if text and (stamp := parse_stamp(text)):
            return stamp, "meta"
    return None


@dataclass(frozen=True, slots=True)
class _Titled:
    """What is read of a page first: its head and lines, and the title with its line. names: what the site may call itself; logos: those of
    them that lead to its front page."""

    head: Head
    lines: list[Line]
    title: str
    line: Line | None
    names: list[str]
    logos: list[str]

    @property
    def at(self) -> int:
        return self.line.index if self.line is not None else -1


def _titled(doc: Document, site: Site | None) -> _Titled:
    head = read_head(doc)
    lines = read_lines(doc.body)
    _not_aside(lines)
    logos = [n for n in _logo_names(lines) if not is_home_word(n)]
    names = [n for n in (site.title if site else "", _og_site(head), *logos) if n]
    title, line = find_title(lines, head.title, head.meta("og:title", "twitter:title", "articletitle"), names)
    if site and (chosen := _selected(doc.root, site.reading.title)):
        title = _text(chosen[0])
        line = next((x for x in lines if x.element is chosen[0] or x.text == title), line)
    return _Titled(head, lines, title, line, names, logos)


def _og_site(head: Head) -> str:
    return head.meta("og:site_name", "sitename", "application-name")


def _breadcrumb(page: _Titled, url: str | None) -> Crumbs | None:
    return find_breadcrumb(page.lines, page.at if page.at >= 0 else 30, page.title, url)


def _site_title(page: _Titled, breadcrumb: Callable[[], Sequence[str]]) -> str | None:
    """What the page calls its site. breadcrumb: gives its steps, of which the first may be that."""
    head, title = page.head, page.title
    if named := _og_site(head):
        return named
    folded_head = fold_title(head.title)
    agreed = next((n for n in page.logos if fold_title(n) in folded_head and fold_title(n) != fold_title(title)), None)
    suffix = site_of_title(head.title, title, {fold_title(n) for n in page.names}) if head.title else None
    if agreed or suffix:
        return agreed or suffix
    steps = breadcrumb()
    return steps[0] if steps and steps[0] and not is_home_word(steps[0]) else None


def read_titles(doc: Document, site: Site | None = None) -> PageFacts:
    """Of what `read_facts` gives, the titles of page and site alone."""
    page = _titled(doc, site)

    def steps() -> Sequence[str]:
        crumbs = _breadcrumb(page, doc.url)
        return crumbs.steps if crumbs else ()

    title = clean_title(page.title) if page.title else ""
    return PageFacts(title_raw=page.title, title=title, site_title=_site_title(page, steps))


def read_facts(doc: Document, site: Site | None = None) -> PageFacts:
    """What the page says of itself. Never raises; a missing fact is None or empty, never a guess.

    site: its `reading` selectors are tried first, its `title` helps to take the site's name off <title>.
    """
    facts = PageFacts()
    page = _titled(doc, site)
    head, lines, title, line, at = page.head, page.lines, page.title, page.line, page.at
    facts.title_raw = title
    facts.title = clean_title(title) if title else ""
    own = line.flags if line is not None else 0

    crumbs = _breadcrumb(page, doc.url)
    if crumbs:
        facts.breadcrumb = crumbs.steps
    zones = find_zones(lines, at, own)
    if crumbs:
        zones.near = [i for i in zones.near if not crumbs.first <= i <= crumbs.last]
    if line is not None and line.text != title:
        zones.near.insert(0, at)  # a byline in the heading itself
    near = read_values(lines, zones.near)
    tail = read_values(lines, zones.tail)

    if found := find_published(lines, zones, near, tail, at) or _meta_date(head):
        facts.published_at, facts.published_from = found
    elif issued := date_in_head(lines, at if at >= 0 else zones.body[0], doc.url):
        facts.published_at, facts.published_from = issued, "byline"
    behind = [(i, v) for i, v in tail if v.start < 60 and v.rule != "reporter"]
    facts.source = _pick(near, "source", 50) or _pick(behind, "source", 30) or _press(lines, zones, at)
    facts.author = (
        _pick(near, "author", 40, _WRITES)
        or _author_slot(lines, zones, at)
        or _posted_by(lines, zones, at)
        or _pick(behind, "author", 30, _AUTHOR)
        or signed(lines, zones, at, facts.title)
        or _pick(near, "author", 40)
        or _pick(behind, "author", 30)
    )
    if facts.author:
        facts.author = _DESK_CODE.sub("", facts.author) or None
    views = _find_views(lines, zones, near + behind, at)
    facts.views = views if views is None or views < _MOST_VIEWS else None
    facts.keywords = _find_keywords(lines, near) or _find_keywords(
        lines,
        (
            (x.index, v)
            for x in lines[max(at, 0) :]
            if not x.flags & ASIDE & ~own and _names_keywords(x)
            for v in labelled(x)
        ),
    )
    if not facts.keywords and at >= 0:
        facts.keywords = linked_keywords(lines[at : zones.end], (ASIDE | NAV | FOOTER) & ~own)
    if not facts.keywords:
        facts.keywords = meta_keywords(head.meta("keywords"))

    facts.site_title = _site_title(page, lambda: facts.breadcrumb)
    if site:
        _from_site_file(facts, doc.root, site.reading)
    for x in lines:
        x.notes = None  # they know their line: a circle that the page would stay in memory with
    return facts


def _from_site_file(facts: PageFacts, root: HtmlElement, reading: Reading) -> None:
    """Overwrite facts with what the site file's selectors find."""
    for element in _selected(root, reading.date)[:1]:
        dates = find_dates(_text(element), labelled=True)
        if moment := dates[0].moment if dates else parse_stamp(element.get("datetime") or element.get("content") or ""):
            facts.published_at, facts.published_from = moment, "site_file"
    for name in ("source", "author"):
        for element in _selected(root, getattr(reading, name))[:1]:
            setattr(facts, name, _VALUE.sub("", _text(element)).strip() or None)
    if chosen := _selected(root, reading.breadcrumb):
        steps = [s for e in chosen for line in read_lines(e) for s in steps_of(line)]
        facts.breadcrumb = [s for s in steps if fold_title(s) != fold_title(facts.title_raw)]
    if chosen := _selected(root, reading.keywords):
        links = [_text(a) for e in chosen for a in ([e] if e.tag == "a" else e.iter("a"))]
        facts.keywords = tidy(links) if links else split_keywords(_text(chosen[0]))
