"""What a page says of itself: title, date, source, author, breadcrumb, keywords, views and the site's name.

Facts stand around the title: in the breadcrumb above it, in the byline below it, sometimes in a line behind the body. What a
list, a side bar, a comment or the body itself says is never taken for a fact of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from lxml.cssselect import CSSSelector
from lxml.html import HtmlElement

from crawler.extraction.breadcrumb import find_breadcrumb
from crawler.extraction.byline import (
    Labelled,
    date_value,
    is_bare_label,
    labelled,
    loose_views,
    text_value,
    views_value,
)
from crawler.extraction.dates import find_dates, parse_stamp
from crawler.extraction.dom import Document
from crawler.extraction.keywords import labelled_keywords, meta_keywords, split_keywords, tidy
from crawler.extraction.lines import ASIDE, CRUMB, FOOTER, INFO, ITEM, LINK, LONG, MARK, NAV, TIME, Line, read_lines
from crawler.extraction.model import PageFacts
from crawler.extraction.rules import rules
from crawler.extraction.titles import clean_title, find_title, fold_title, leads_home, site_of_title
from crawler.site import Site

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
    "createtime",
)
_BODY_LINE = 60  # characters of running text: the body has begun
NEAR = 40  # lines behind the title that a byline may stand in
_RUNNING = re.compile(r"[。;!?]|,[^,]{4,},")
_PLACE = re.compile(r"地\s?[点點]\s?:|(?:参加|參加|出席|与会)(?:人员|领导|人員)?\s?:")
_SIGNED = re.compile(r"(?:发表|發表|发布|發布|张贴|张帖|貼文|提交|发贴|发帖)[^\w]*$|^[^\w]*(?:由|本贴由|本帖由|作者)")
_KEYWORD_START = re.compile(r"[签籤簽词詞字题題问問]\s*[\x1f ]*[:】\]]|(?i:tags?|words?)[\x1f ]*:|推荐|访问")
_POSTED = re.compile(r"[发發][表布佈][^\n]{0,8}(?:19|20)\d\d")
_NOTHING = " \x1f\t:;,.|/\\·•-—–_~()[]<>【】"
_TIMESTAMP_REST = re.compile(r"^[\s\x1f|]*([0-9]{1,9})[\s\x1f]*$")
_AUTHOR_SLOT = re.compile(r"(?:^|[\s_-])(?:author|zuozhe|vcard|fn)(?:$|[\s_-])")


@dataclass(slots=True)
class Head:
    """What the elements of <head> say: text of <title>, meta content by lower-cased name, property or itemprop."""

    title: str = ""
    metas: dict[str, str] = field(default_factory=dict)

    def meta(self, *names: str) -> str:
        """Content of the first of these that is there and not empty."""
        return next((self.metas[n] for n in names if self.metas.get(n)), "")


def read_head(root: HtmlElement) -> Head:
    """Title and meta elements, wherever a broken page has left them."""
    head = Head()
    for element in root.iter("title", "meta"):
        if element.tag == "title":
            if not head.title:
                head.title = " ".join("".join(element.itertext()).split())
            continue
        name = element.get("name") or element.get("property") or element.get("itemprop")
        content = element.get("content")
        if name and content:
            head.metas.setdefault(name.strip().lower(), " ".join(content.split()))
    return head


@lru_cache(maxsize=512)
def _selector(css: str) -> CSSSelector:
    return CSSSelector(css)


def _selected(root: HtmlElement, selectors: Sequence[str]) -> list[HtmlElement]:
    """Elements of the first selector that finds text."""
    for css in selectors:
        found: list[HtmlElement] = [e for e in _selector(css)(root) if "".join(e.itertext()).strip()]
        if found:
            return found
    return []


def _text(element: HtmlElement) -> str:
    return " ".join("".join(element.itertext()).split())


@dataclass(slots=True)
class _Zones:
    """Positions in the list of lines: near lines stand around the title and before the body, tail lines behind the body.

    inside: short lines within the run of the body that may say when it was posted (a forum's posts run into each other).
    """

    near: list[int]
    tail: list[int]
    inside: list[int]


def _ends_article(line: Line) -> bool:
    return len(line.raw) < 60 and any(r.pattern.search(line.half) for r in rules("facts", "after_article"))


def _body_run(lines: list[Line], first: int, outside: int) -> tuple[int, int]:
    """First and last line of the heaviest run of paragraphs from `first` on; (n, n) when there is none."""
    n = len(lines)
    best, found = 0, (n, n)
    total, start = 0, first
    for i in range(first, n):
        line = lines[i]
        if line.flags & outside:
            weight = -60
        elif line.long:
            weight = LONG
        elif line.is_linked:
            weight = -40
        elif _is_paragraph(line):
            weight = len(line.raw)
        else:
            weight = -6
        if total <= 0:
            total, start = 0, i
        total += weight
        if total > best:
            best, found = total, (start, i)
    return found


def _zones(lines: list[Line], at: int, own: int) -> _Zones:
    """Which lines may carry facts. at: position of the title (-1 when unknown); own: flags the title itself has (they say nothing)."""
    outside = (ASIDE | NAV | FOOTER) & ~own
    n = len(lines)
    body, last = _body_run(lines, at + 1, outside)

    def fit(line: Line) -> bool:
        return not (line.long or line.flags & outside or (line.flags & ITEM and line.links and line.is_linked))

    near: list[int] = []
    for i in range(at + 1, min(body, at + 1 + (NEAR if at >= 0 else 0))):
        if i - at > 3 and not lines[i].flags & outside and _ends_article(lines[i]):
            break
        if fit(lines[i]):
            near.append(i)
    begun = near[-1] if near else at
    near += [i for i in range(max(begun + 1, body - 10), min(body, n)) if fit(lines[i])]
    near += [j for j in range(at - 1, max(at - 14, -1), -1) if fit(lines[j]) and not lines[j].flags & (CRUMB | ITEM)]
    tail: list[int] = []
    for j in range(max(body, last - 3), min(n, last + 30)):
        line = lines[j]
        if j > last and not line.flags & outside and _ends_article(line):
            break
        if fit(line) and len(line.raw) <= 160:
            tail.append(j)
    inside = [
        i
        for i in range(body, min(last + 1, n))
        if len(lines[i].raw) < 100 and _POSTED.search(lines[i].raw) and fit(lines[i])
    ]
    return _Zones(near, tail, inside)


def _is_paragraph(line: Line) -> bool:
    """Running text of the body, not a line of labels or links."""
    if line.long:
        return True
    if len(line.raw) < _BODY_LINE or line.is_linked or not (_RUNNING.search(line.half) or len(line.text) > 150):
        return False
    if line.flags & INFO and len(line.raw) < 250:
        return False
    start = line.half[:24]
    return not ((":" in start or "】" in start or "20" in start) and any(v.start < 16 for v in labelled(line)))


def _values(lines: list[Line], places: Iterable[int]) -> list[tuple[int, Labelled]]:
    """Labelled values of the given lines; a label alone in a table cell takes the next cell's text."""
    found: list[tuple[int, Labelled]] = []
    for i in places:
        line = lines[i]
        if line.long:
            continue
        values = labelled(line)
        if not values and (bare := is_bare_label(line)):
            values = [bare]
        if values and not values[-1].half.strip(_NOTHING) and i + 1 < len(lines) and not values[-1].fact == "keywords":
            last, follow = values[-1], lines[i + 1]
            if len(follow.raw) < 80 and not labelled(follow) and _side_by_side(line, follow, last.fact):
                values[-1] = Labelled(last.fact, last.rank, last.rule, follow.half, follow.raw, line, last.start)
        found += [(i, v) for v in values]
    return found


def _side_by_side(label: Line, value: Line, fact: str) -> bool:
    """Whether a line is the value of the label in the line before: the next cell of its row; a date also in the next block."""
    if fact == "other":
        return False
    if label.element.tag in ("td", "th", "dt"):
        return value.element.getparent() is label.element.getparent() or fact == "date"
    return fact == "date"


def _is_meeting(lines: list[Line], i: int) -> bool:
    """Whether 时间: belongs to a meeting (时间: 地点: 参加人员:), not to the page."""
    return not lines[i].flags & INFO and any(_PLACE.search(x.half) for x in lines[max(i - 1, 0) : i + 3] if not x.long)


def _find_date(
    lines: list[Line],
    zones: _Zones,
    values: list[tuple[int, Labelled]],
    tail: list[tuple[int, Labelled]],
    title_at: int,
) -> tuple[datetime, str] | None:
    """The date of publication and its evidence, or None."""
    best: tuple[int, datetime] | None = None
    for i, value in values:
        if value.fact != "date" or (best and value.rank >= best[0]):
            continue
        made = date_value(value)
        if made is None or (value.rule == "time" and _is_meeting(lines, i)):
            continue
        best = (value.rank, made.moment)
    if best:
        return best[1], "labelled"
    for i in zones.near:
        line = lines[i]
        if line.times and (
            stamp := parse_stamp(line.times[0]) or next((f.moment for f in find_dates(line.half)), None)
        ):
            return stamp, "time_element"
        if line.flags & TIME and (dates := find_dates(line.half)):
            return dates[0].moment, "time_element"
    if title_at >= 0 and (moment := _bare_date(lines[title_at], 0, False)):
        return moment, "byline"
    named = {i for i, v in values if v.fact in ("source", "author", "views")}
    if title_at >= 0:
        for i in zones.near:
            signed = bool(named & {i - 2, i - 1, i, i + 1})
            if title_at - 3 <= i <= title_at + 12 and (moment := _bare_date(lines[i], i - title_at, signed)):
                return moment, "byline"
        for i in zones.near:
            if lines[i].flags & INFO and (dates := find_dates(lines[i].half)) and dates[0].timed:
                return dates[0].moment, "byline"
    for i in zones.inside:
        for value in labelled(lines[i]):
            if value.rule == "published" and value.start < 50 and (made := date_value(value)):
                return made.moment, "labelled"
    for _, value in tail:
        if value.fact == "date" and value.rule != "time" and value.start < 50 and (made := date_value(value)):
            return made.moment, "labelled"
    for i in zones.tail:
        line = lines[i]
        if len(line.raw) < 90 and (dates := find_dates(line.half)) and dates[0].timed and _SIGNED.search(line.half):
            return dates[0].moment, "byline"
    return None


def _bare_date(line: Line, distance: int, signed: bool) -> datetime | None:
    """The date of a byline without a label: `2021-10-07 23:33:08 223`, `2005年03月21日 08:12 新浪科技`.

    distance: lines from the title (negative above it); signed: source or author stand beside it. A date in brackets or a lone
    2023年5月4日 is the day of the speech, not of the page, unless its slot or its neighbours say otherwise.
    """
    half = line.half
    if line.long or len(half) > 200 or ("20" not in half and "19" not in half):
        return None
    dates = find_dates(half)
    if not dates:
        return None
    first = dates[0]
    if any(sum(not c.isascii() for c in half[a:b]) >= 8 for a, b, _ in line.links) and not line.level:
        return None  # a title in a list with its date
    rest = (half[: first.start] + half[first.end :]).strip(_NOTHING)
    before, behind = half[: first.start].strip(" \x1f"), half[first.end :].strip(" \x1f")
    if before[-1:] in ("(", "【") and behind[:1] in (")", "】") and not first.timed:
        return None
    if line.flags & INFO or line.level:
        return first.moment
    if not -3 <= distance <= 6:
        return None
    if first.timed:
        return first.moment if len(rest) <= 80 else None
    if first.chinese:
        return first.moment if (signed or distance == -1) and len(rest) <= 40 else None
    return first.moment if len(rest) <= 40 and len(before) <= 20 else None


def _pick(values: list[tuple[int, Labelled]], fact: str, longest: int) -> str | None:
    best: tuple[int, str] | None = None
    for _, value in values:
        if value.fact == fact and (best is None or value.rank < best[0]) and (text := text_value(value, longest)):
            best = (value.rank, text)
    return best[1] if best else None


def _author_slot(lines: list[Line], zones: _Zones, title_at: int) -> str | None:
    """The name in an element that says it is the author's (rel=author, class author) beside the title."""
    for i in zones.near:
        line = lines[i]
        if not title_at - 3 <= i <= title_at + 8 or not line.flags & (INFO | LINK) or len(line.raw) > 160:
            continue
        for element in line.element.iter("a", "span", "em", "i", "b", "strong"):
            slot = f"{element.get('class') or ''} {element.get('rel') or ''} {element.get('itemprop') or ''}"
            if slot.strip() and _AUTHOR_SLOT.search(slot.lower()):
                name = _text(element).strip(_NOTHING)
                name = re.sub(r"^(?:by|文|作者)[\s/:\uff1a]+", "", name, flags=re.IGNORECASE)
                if 1 < len(name) <= 30 and not find_dates(name):
                    return name
    return None


def _names_keywords(line: Line) -> bool:
    """A quick look at the first characters: may this be a line of keywords?"""
    return not line.long and bool(_KEYWORD_START.search(line.half[:16]))


def _find_keywords(lines: list[Line], values: Iterable[tuple[int, Labelled]]) -> list[str]:
    for i, value in values:
        if value.fact == "keywords" and value.start < 12 and (items := labelled_keywords(value, lines, i)):
            return items
    return []


def _find_views(lines: list[Line], zones: _Zones, values: list[tuple[int, Labelled]], title_at: int) -> int | None:
    for _, value in values:
        if value.fact == "views" and (count := views_value(value)) is not None:
            return count
    for i in zones.near:
        line = lines[i]
        if line.long or len(line.raw) > 160 or not title_at - 3 <= i <= title_at + 8:
            continue
        if (count := loose_views(line)) is not None:
            return count
        dates = find_dates(line.half) if i > title_at else []
        if len(dates) == 1 and dates[0].timed and (m := _TIMESTAMP_REST.match(line.half[dates[0].end :])):
            return int(m[1])
    return None


def _logo_names(lines: list[Line]) -> list[str]:
    """Texts of links to the front page near the top: the site's name or 首页."""
    names = []
    for line in lines[:40]:
        for begin, end, href in line.links:
            if leads_home(href) and 2 <= end - begin <= 24:
                names.append(" ".join(line.raw[begin:end].replace(MARK, "").split()))
    return names


def _is_home_word(text: str) -> bool:
    return any(r.pattern.search(text) for r in rules("facts", "home_words"))


def read_facts(doc: Document, site: Site | None = None) -> PageFacts:
    """What the page says of itself. Never raises; a missing fact is None or empty, never a guess.

    site: its `reading` selectors are tried first, its `title` helps to take the site's name off <title>.
    """
    facts = PageFacts()
    reading = site.reading if site else None
    head = read_head(doc.root)
    body = doc.root.find("body")
    lines = read_lines(body if body is not None else doc.root)

    logos = [n for n in _logo_names(lines) if not _is_home_word(n)]
    og_site = head.meta("og:site_name", "sitename", "application-name")
    folded_head = fold_title(head.title)
    names = [n for n in (site.title if site else "", og_site, *logos) if n]
    title, line = find_title(lines, head.title, head.meta("og:title", "twitter:title", "articletitle"), names)
    if reading and (chosen := _selected(doc.root, reading.title)):
        title = _text(chosen[0])
        line = next((x for x in lines if x.element is chosen[0] or x.text == title), line)
    facts.title_raw = title
    facts.title = clean_title(title) if title else ""
    at = line.index if line is not None else -1
    own = line.flags if line is not None else 0

    crumbs = find_breadcrumb(lines, at if at >= 0 else 30, title, doc.url)
    if crumbs:
        facts.breadcrumb = crumbs.steps
    zones = _zones(lines, at, own)
    if crumbs:
        zones.near = [i for i in zones.near if not crumbs.first <= i <= crumbs.last]
    near = _values(lines, zones.near)
    tail = _values(lines, zones.tail)

    found = _find_date(lines, zones, near, tail, at)
    if not found and (
        stamp := next((s for n in _DATE_METAS if head.metas.get(n) and (s := parse_stamp(head.metas[n]))), None)
    ):
        found = stamp, "meta"
    if found:
        facts.published_at, facts.published_from = found
    behind = [(i, v) for i, v in tail if v.start < 60 and v.rule != "reporter"]
    facts.source = _pick(near, "source", 50) or _pick(behind, "source", 30)
    facts.author = _pick(near, "author", 40) or _author_slot(lines, zones, at) or _pick(behind, "author", 30)
    facts.views = _find_views(lines, zones, near + behind, at)
    facts.keywords = _find_keywords(lines, near) or _find_keywords(
        lines,
        (
            (x.index, v)
            for x in lines[max(at, 0) :]
            if not x.flags & ASIDE & ~own and _names_keywords(x)
            for v in labelled(x)
        ),
    )
    if not facts.keywords:
        facts.keywords = meta_keywords(head.meta("keywords"))

    first = facts.breadcrumb[0] if facts.breadcrumb and not _is_home_word(facts.breadcrumb[0]) else None
    suffix = site_of_title(head.title, title, {fold_title(n) for n in names}) if head.title else None
    agreed = next((n for n in logos if fold_title(n) in folded_head and fold_title(n) != fold_title(title)), None)
    facts.site_title = og_site or agreed or suffix or first or None
    if reading:
        _from_site_file(facts, doc.root, reading)
    return facts


def _from_site_file(facts: PageFacts, root: HtmlElement, reading: object) -> None:
    """Overwrite facts with what the site file's selectors find."""
    from crawler.site import Reading

    assert isinstance(reading, Reading)
    for element in _selected(root, reading.date):
        stamp = parse_stamp(element.get("datetime") or "") or parse_stamp(_text(element)[-60:])
        dates = find_dates(_text(element), labelled=True)
        if moment := dates[0].moment if dates else stamp:
            facts.published_at, facts.published_from = moment, "site_file"
            break
    for name in ("source", "author"):
        if chosen := _selected(root, getattr(reading, name)):
            text = _text(chosen[0])
            setattr(facts, name, re.sub(r"^[^:\uff1a]{1,8}[:\uff1a]\s*", "", text).strip() or None)
    if chosen := _selected(root, reading.breadcrumb):
        steps = [s for e in chosen for x in read_lines(e) for s in _steps(x)]
        facts.breadcrumb = [s for s in steps if fold_title(s) != fold_title(facts.title_raw)]
    if chosen := _selected(root, reading.keywords):
        links = [_text(a) for e in chosen for a in ([e] if e.tag == "a" else e.iter("a"))]
        facts.keywords = tidy(links) if links else split_keywords(_text(chosen[0]))


def _steps(line: Line) -> list[str]:
    from crawler.extraction.breadcrumb import _prefix, split_steps

    return split_steps(line, _prefix(line))
