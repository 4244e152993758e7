"""Where the facts of a page and of a speech come from: the line, element or paragraph that says each, found again on the page.

Looked up behind the reading, so that reading itself pays nothing for it. What is told here is where the page says what was read; a fact that
the page says nowhere in so many words is told as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crawler.extraction.byline import Labelled, date_value, labelled, loose_views, read_values, text_value, views_value
from crawler.extraction.dates import find_dates, parse_stamp
from crawler.extraction.dom import Document, select
from crawler.extraction.head import Head, read_head
from crawler.extraction.lines import MARK, Line, read_lines
from crawler.extraction.model import PageFacts
from crawler.extraction.plain import plain
from crawler.extraction.titles import fold_title
from crawler.site import Site

_LONGEST = 160  # characters of a line that are shown


@dataclass(frozen=True, slots=True)
class Evidence:
    """how: in words, what kind of place tells it; text: what stands there, None where nothing on the page says it in so many words."""

    how: str
    text: str | None = None


def find_evidence(document: Document, facts: PageFacts, site: Site | None = None) -> dict[str, Evidence]:
    """Of each fact that the page gave, by column of records.SPEECH, where it stands. Call it on the page as it was parsed."""
    head = read_head(document)
    lines = read_lines(document.body)
    found: dict[str, Evidence | None] = {}
    title_line = next((x for x in lines if x.text == facts.title_raw), None)
    at = title_line.index if title_line is not None else 0
    near = sorted((x for x in lines if not x.long), key=lambda x: (abs(x.index - at), x.index))
    values = [v for _, v in read_values(lines, [x.index for x in near])]
    if facts.title_raw:
        found["title_raw"] = _title(document, head, facts.title_raw, lines, title_line)
        if facts.title and facts.title != facts.title_raw:
            found["title"] = Evidence("title_raw without its decorations", facts.title_raw)
        else:
            found["title"] = found["title_raw"]
    if facts.published_at is not None:
        found["published_at"] = _date(head, facts.published_at, facts.published_from, near, values)
    for name in ("source", "author"):
        if value := getattr(facts, name):
            found[name] = _labelled(value, name, values) or _somewhere(value, near)
    if facts.views is not None:
        found["views"] = _views(facts.views, near, values)
    if facts.breadcrumb:
        found["breadcrumb"] = next((Evidence(_place(x), _shown(x)) for x in lines if _holds(x.text, facts.breadcrumb)), None) or (
            _steps(facts.breadcrumb, lines)
        )  # fmt: skip
    if facts.keywords:
        found["keywords"] = _keywords(head, facts.keywords, near)
    if facts.site_title:
        found["site_title"] = _site_title(head, facts.site_title, lines, facts)
    if site is not None:
        found |= _site_file(document, site, facts)
    return {k: v or Evidence("worked out from the page") for k, v in found.items()}


def _shown(line: Line) -> str:
    text = " ".join((line.text or line.raw.replace(MARK, " ")).split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _place(line: Line) -> str:
    element = line.element
    name = str(element.tag) if isinstance(element.tag, str) else "?"
    slot = "".join(f".{c}" for c in (element.get("class") or "").split()[:2])
    ident = f"#{element.get('id')}" if element.get("id") else ""
    return f"<{name}{ident}{slot}>"


def _title(document: Document, head: Head, raw: str, lines: Sequence[Line], line: Line | None) -> Evidence | None:
    if line is not None:
        kind = f"heading {_place(line)}" if line.level else f"line {_place(line)}"
        agrees = ", agrees with <title>" if head.title and fold_title(raw) in fold_title(head.title) else ""
        return Evidence(kind + agrees, _shown(line))
    if head.title and fold_title(raw) in fold_title(head.title):
        return Evidence("<title>", head.title)
    near = next((x for x in lines if not x.long and raw in x.text), None)
    return Evidence(f"line {_place(near)}", _shown(near)) if near is not None else None


def _date(head: Head, when: datetime, how: str | None, near: Sequence[Line], values: Sequence[Labelled]) -> Evidence | None:  # fmt: skip
    def same(other: datetime | None) -> bool:
        return other is not None and (other == when or other.replace(hour=0, minute=0, second=0) == when)

    if how == "labelled":
        for v in values:
            if v.fact == "date" and (made := date_value(v)) and made.moment == when:
                return Evidence(f"label, rule facts.labels.{v.rule}", _shown(v.line))
    if how == "time_element":
        for line in near:
            if any(same(parse_stamp(t)) or parse_stamp(t) == when for t in line.times):
                return Evidence(f"<time datetime={line.times[0]!r}>", _shown(line))
    if how == "meta":
        for name, content in head.metas.items():
            if content and parse_stamp(content) == when:
                return Evidence(f'<meta name="{name}">', content)
        return Evidence("JSON-LD", head.published) if head.published else None
    for line in near:
        if any(d.moment == when for d in find_dates(line.half)):
            return Evidence(f"line {_place(line)} without a label", _shown(line))
    return None


def _labelled(value: str, fact: str, values: Sequence[Labelled]) -> Evidence | None:
    for v in values:
        if v.fact == fact and text_value(v, 60) == value:
            return Evidence(f"label, rule facts.labels.{v.rule}", _shown(v.line))
    return None


def _somewhere(value: str, near: Sequence[Line]) -> Evidence | None:
    line = next((x for x in near if value in x.text), None)
    return Evidence(f"line {_place(line)}", _shown(line)) if line is not None else None


def _views(count: int, near: Sequence[Line], values: Sequence[Labelled]) -> Evidence | None:
    for v in values:
        if v.fact == "views" and views_value(v) == count:
            return Evidence(f"label, rule facts.labels.{v.rule}", _shown(v.line))
    for line in near:
        if loose_views(line) == count or str(count) in line.text:
            return Evidence(f"line {_place(line)}", _shown(line))
    return None


def _holds(text: str, steps: Sequence[str]) -> bool:
    at = 0
    for step in steps:
        at = text.find(step, at)
        if at < 0:
            return False
        at += len(step)
    return True


def _steps(steps: Sequence[str], lines: Sequence[Line]) -> Evidence | None:
    """A breadcrumb whose steps are lines of their own."""
    first = next((x for x in lines if x.text.strip(" >»/") == steps[0]), None)
    return Evidence(f"lines from {_place(first)} on", " > ".join(steps)) if first is not None else None


def _keywords(head: Head, keywords: Sequence[str], near: Sequence[Line]) -> Evidence | None:
    for line in near:
        if any(v.fact == "keywords" for v in labelled(line)) and (keywords[0] in line.text or len(line.text) < 16):
            return Evidence("label, rule facts.labels.keywords", _shown(line))
    meta = head.meta("keywords")
    if meta and all(k in meta for k in keywords):
        return Evidence('<meta name="keywords">', meta[:_LONGEST])
    return next((Evidence(f"line {_place(x)}", _shown(x)) for x in near if _holds(x.text, keywords)), None)


def _site_title(head: Head, name: str, lines: Sequence[Line], facts: PageFacts) -> Evidence | None:
    if head.meta("og:site_name", "sitename", "application-name") == name:
        return Evidence("<meta> with the site's name", name)
    if head.title and name in head.title:
        return Evidence("<title>", head.title)
    return _somewhere(name, lines) or (Evidence("first step of the breadcrumb", name) if name in facts.breadcrumb else None)  # fmt: skip


def _site_file(document: Document, site: Site, facts: PageFacts) -> dict[str, Evidence]:
    """Facts that the selectors of the site file found."""
    columns = {"title": "title_raw", "date": "published_at"}
    found = {}
    for name in ("title", "date", "source", "author", "breadcrumb", "keywords"):
        column = columns.get(name, name)
        value = getattr(facts, column)
        if not value or (name == "date" and facts.published_from != "site_file"):
            continue
        for css in getattr(site.reading, name):
            texts = [
                " ".join("".join(e.itertext()).split()) or e.get("content") or "" for e in select(document.root, css)
            ]
            if text := next((t for t in texts if t), ""):
                found[column] = Evidence(f"site file, {name}: {css}", text[:_LONGEST])
                break
    return found


def speech_evidence(
    row: Mapping[str, Any], subtitles: Sequence[str] = (), also: Iterable[str] = ()
) -> dict[str, Evidence]:
    """Of what was told from title and text of a speech, where it stands: title, part title, subtitle or paragraph.

    row: columns of records.SPEECH.
    """
    paragraphs = str(row["text"]).split("\n")
    places = [("part_title", row.get("part_title") or ""), ("title", row.get("title") or "")]
    places += [("line below the title", s) for s in subtitles]
    places += [(f"paragraph {n}", p) for n, p in enumerate(paragraphs, 1)]
    found: dict[str, Evidence] = {}
    for column in ("speaker_role", "speaker_name", "region", "occasion", "salutation", "doc_type", *also):
        value = row.get(column)
        if not value:
            continue
        view = plain(str(value))
        if hit := next(((where, text) for where, text in places if view in plain(text)), None):
            found[column] = Evidence(hit[0], _around(hit[1], str(value)))
    if when := row.get("event_date"):
        for where, text in places:
            if any(d.moment.date() == when for d in find_dates(plain(text))):
                found["event_date"] = Evidence(where, _around(text, ""))
                break
        else:
            for where, text in places:
                view = plain(text)
                if f"{when.month}月{when.day}日" in view or f"{when.month}.{when.day}" in view:
                    found["event_date"] = Evidence(where, _around(text, ""))
                    break
    if (year := row.get("title_year")) and str(year) in str(row.get("title")):
        found["title_year"] = Evidence("title; the body names other years", row["title"])
    if row.get("preview_evidence"):
        found["is_preview"] = Evidence("the marker, or points announced against found", row["preview_evidence"])
    return found


def _around(text: str, value: str) -> str:
    at = max(0, text.find(value))
    start = max(0, at - 40)
    end = at + len(value) + 60
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
