"""When a page was published, and by which evidence."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise

from crawler.extraction.byline import Labelled, date_value, labelled
from crawler.extraction.dates import find_dates, parse_stamp
from crawler.extraction.lines import INFO, MARK, TIME, Line
from crawler.extraction.rules import any_of
from crawler.extraction.zones import Zones

_PLACE = re.compile(
    r"地\s?[点點]\s?:|(?:[讲講][话話]|[发發]言|主[讲講持]|演[讲講]|[报報]告|致[辞辭词詞])[人者]\s?:|(?:参加|參加|出席|与会)(?:人员|领导|人員)?\s?:"
)
_SIGNED = re.compile(r"(?:发表|發表|发布|發布|张贴|张帖|貼文|提交|发贴|发帖)[^\w]*$|^[^\w]*(?:由|本贴由|本帖由|作者)")
_SHORT_DATE = re.compile(r"\s*1?\d\d([-/.])\d{1,2}\1\d{1,2}\s*$")
_WEEKDAY = re.compile(r"[(\s](?:星期|[周週])[一二三四五六日天]\)?\s*$")
_CLOCK = re.compile(r"^[\s\x1f]*[一-龥]{0,4}[时時][间間]\s?:?\s?\d{1,2}\s?[时時:]\s?\d{1,2}\s?分?[\s\x1f]*$")
_EDGE = " \x1f\t:;,.|/\\·•-—–_~()[]<>【】"


def _is_counter(line: Line) -> bool:
    """Whether a line is a part of a byline that needs no label: 1971 阅读, 约3分钟, 作者 李某."""
    return len(line.raw) <= 120 and (any_of("facts", "byline_parts").search(line.half) is not None)


def _is_meeting(lines: list[Line], i: int) -> bool:
    """Whether 时间: belongs to a meeting (时间: 地点: 参加人员:), not to the page."""
    around = lines[i : i + 1] if lines[i].flags & INFO else lines[max(i - 1, 0) : i + 3]
    return any(_PLACE.search(x.half) for x in around if not x.long)


def _of_event(before: str, behind: str) -> bool:
    """Whether the words around a date say that it is the day of an event: 活动时间: …, … 在县城召开."""
    return (any_of("facts", "event_before").search(before) is not None) or (
        any_of("facts", "event_behind").search(behind) is not None
    )


def find_published(
    lines: list[Line],
    zones: Zones,
    values: list[tuple[int, Labelled]],
    tail: list[tuple[int, Labelled]],
    title_at: int,
) -> tuple[datetime, str] | None:
    """The date of publication and its evidence, or None."""
    best: tuple[int, datetime, str] | None = None
    for i, value in values:
        if value.fact != "date" or (best and value.rank >= best[0]):
            continue
        made = date_value(value)
        if made is None or (value.rule == "time" and _is_meeting(lines, i)):
            continue
        best = (value.rank, made.moment, "labelled")
        stamp = parse_stamp(value.line.times[0]) if value.line.times and not made.timed else None
        if stamp and abs(stamp - made.moment) < timedelta(days=2):  # the same moment, told more exactly
            best = (value.rank, stamp, "time_element")
    if best:
        return best[1:]
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
    named |= {i for i in zones.near if _is_counter(lines[i])}
    if title_at >= 0:
        for i in zones.near:
            signed = bool(named & {i - 2, i - 1, i, i + 1})
            if title_at - 3 <= i <= title_at + 12 and (moment := _bare_date(lines[i], i - title_at, signed)):
                return moment, "byline"
        for i in zones.near:
            if lines[i].flags & INFO and (dates := find_dates(lines[i].half)) and dates[0].timed:
                return dates[0].moment, "byline"
    else:  # no line shows the title: only what a slot for it or its neighbours in the line say of the page
        for i in zones.near:
            if (lines[i].flags & INFO or i in named) and (moment := _bare_date(lines[i], 1, True)):
                return moment, "byline"
    for i in zones.inside:
        for value in labelled(lines[i]):
            if value.rule == "published" and value.start < 50 and (made := date_value(value)):
                return made.moment, "labelled"
    beside = {i for i, v in tail if v.fact in ("source", "author", "views")}
    last: tuple[int, datetime] | None = None
    for i, value in tail:
        # 日期: alone behind a text is the day of the speech; beside 来源: or 点击: it is the page's
        if value.fact != "date" or value.start >= 50 or (value.rule == "time" and i not in beside):
            continue
        if (last is None or value.rank < last[0]) and (made := date_value(value)):
            last = value.rank, made.moment
    if last:
        return last[1], "labelled"
    for i in zones.tail:
        line = lines[i]
        if len(line.raw) < 90 and (dates := find_dates(line.half)) and dates[0].timed and _SIGNED.search(line.half):
            return dates[0].moment, "byline"
    # an office closes a release with the day and the hour of its issue: 2022年10月15日(星期六) / 香港時間15時30分
    for i, j in pairwise(zones.tail):
        half = lines[i].half
        released = j == i + 1 and len(half) < 40 and _WEEKDAY.search(half) and _CLOCK.match(lines[j].half)
        if released and (dates := find_dates(half)):
            return dates[0].moment, "byline"
    return None


_IN_ADDRESS = re.compile(r"[/_-]t?((?:19|20)\d\d)[-/]?(0[1-9]|1[0-2])[-/]?(0[1-9]|[12]\d|3[01])(?=[/_.-])")
_HEAD = 80  # characters of a line of a page's head


def date_in_head(lines: list[Line], below: int, url: str | None) -> datetime | None:
    """The day of issue that a newspaper's page shows at its head, far from the title: the one that its address names as well. below: the line
    of the title, or where the text begins."""
    m = _IN_ADDRESS.search(url or "")
    if m is None:
        return None
    day = (int(m[1]), int(m[2]), int(m[3]))
    for line in lines[:below]:
        if len(line.raw) <= _HEAD and not line.is_linked:
            for found in find_dates(line.half):
                if (found.moment.year, found.moment.month, found.moment.day) == day:
                    return found.moment
    return None


def _bare_date(line: Line, distance: int, signed: bool) -> datetime | None:
    """The date of a byline without a label: `2021-10-07 23:33:08 223`, `2005年03月21日 08:12 新浪科技`.

    distance: lines from the title (negative above it); signed: source or author stand beside it. A date in brackets or a lone
    2023年5月4日 is the day of the speech, not of the page, unless its slot or its neighbours say otherwise.
    """
    half = line.half
    if line.long or len(half) > 200:
        return None
    dates = find_dates(half)
    if not dates and signed and line.flags & INFO:
        # 99.08.08 between the other parts of a byline: the ROC calendar
        pieces = [p for p in half.split(MARK) if _SHORT_DATE.match(p)]
        dates = find_dates(pieces[0], labelled=True) if len(pieces) == 1 else []
        return dates[0].moment if dates else None
    if not dates:
        return None
    first = dates[0]
    if any(sum(not c.isascii() for c in half[a:b]) >= 8 for a, b, _ in line.links) and not line.level:
        return None  # a title in a list with its date
    stop = next((v.start for v in labelled(line) if v.start >= first.end), len(half))
    rest = (half[: first.start] + half[first.end : stop]).strip(_EDGE)
    before, behind = half[: first.start].strip(" \x1f"), half[first.end :].strip(" \x1f")
    if _of_event(before, behind) or (not first.timed and _PLACE.search(half)):
        return None
    if (
        distance == 0
        and first.chinese
        and not first.timed
        and MARK not in half[max(0, first.start - 2) : first.end + 2]
    ):
        return None  # 2023年5月4日在大会上的讲话: a title names the day of its event
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
