"""Dates as Chinese pages write them. Nothing is guessed: without a year, or without a day, there is no date."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
# Years of a web page. Extraction has no clock, so the upper bound is fixed: generous enough for years of use, and tight enough that a
# typing error (2099, 2103) or the end of a plan is no date of publication.
FIRST_YEAR, LAST_YEAR = 1990, 2035

_CLOCK = (
    r"(?:[\s\x1f,T日号]*(?:[(\[]?(?:星期|周|週|礼拜)[一二三四五六日天][)\]]?)?[\s\x1f,]*"
    r"(?P<half{0}>上午|下午|晚上|中午|凌晨|早上|[AaPp][Mm])?[\s\x1f]*"
    r"(?P<hour{0}>\d{{1,2}})\s?[::时點点]\s?(?P<minute{0}>\d{{1,2}})(?!\d)(?:\s?[::分]\s?(?P<second{0}>\d{{1,2}})(?!\d))?(?:\s?(?P<after{0}>[AaPp][Mm])\b)?)?"
)
_DATE = re.compile(
    r"(?<![\d.])(?P<y>(?:19|20)\d\d)\s?(?:(?P<sep>[-/.])\s?(?P<m>\d{1,2})\s?(?P=sep)\s?(?P<d>\d\d(?=\D|$|\d{1,2}:\d\d)|\d(?!\d))"
    r"|年\s?(?P<m2>\d{1,2})\s?月\s?(?P<d2>\d{1,2})(?!\d)\s?[日号號]?)" + _CLOCK.format(0)
)
_ROC = re.compile(
    r"(?:民國|民国|中華民國)\s?(\d{2,3})\s?(?:年|[-/.])\s?(\d{1,2})\s?(?:月|[-/.])\s?(\d{1,2})(?!\d)\s?日?"
    + _CLOCK.format(1)
)
# 112年5月3日: three digits before 年 are the ROC calendar, since no other year has three
_ROC_THREE = re.compile(
    r"(?<![\d〇一二三四五六七八九十])(1\d\d)\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})(?!\d)\s?[日号號]" + _CLOCK.format(5)
)
_ROC_TWO = re.compile(r"(?<!\d)(\d\d)\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})(?!\d)\s?[日号號]" + _CLOCK.format(6))
_ROC_BARE = re.compile(r"(?<![\d.\-/])(\d{2,3})(?P<s>[-/.])(\d{1,2})(?P=s)(\d{1,2})(?![\d.\-/])" + _CLOCK.format(2))
_COMPACT = re.compile(
    r"(?<!\d)((?:19|20)\d\d)(0[1-9]|1[0-2])([0-2]\d|3[01])(?:(?:\s?)([01]\d|2[0-3])([0-5]\d)([0-5]\d)?)?(?!\d)"
)
_DIGIT = {c: str(i) for i, c in enumerate("〇一二三四五六七八九")} | {"零": "0", "○": "0", "O": "0", "0": "0"}
_HAN = re.compile(
    r"(?<![〇零○一二三四五六七八九十])([一二][〇零○O0一二三四五六七八九]{3})\s?年\s?([一二三四五六七八九十]{1,2})\s?月\s?([一二三四五六七八九十]{1,3})\s?[日号號]"
    + _CLOCK.format(7)
)
# 民國一○八年五月四日
_ROC_HAN = re.compile(
    r"民[国國]\s?([〇零○O一二三四五六七八九十百]{2,5})\s?年\s?([一二三四五六七八九十]{1,2})\s?月\s?([一二三四五六七八九十]{1,3})\s?[日号號]"
)
_MONTHS = {m: i for i, m in enumerate(re.findall("...", "janfebmaraprmayjunjulaugsepoctnovdec"), 1)}
_ENGLISH = re.compile(
    r"\b(?:(?P<m1>[A-Za-z]{3,9})\.?\s+(?P<d1>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y1>(?:19|20)\d\d)|(?P<d2>\d{1,2})\s+(?P<m2>[A-Za-z]{3,9})\.?,?\s+(?P<y2>(?:19|20)\d\d))\b"
    + _CLOCK.format(3)
)
_DAY_LAST = re.compile(r"(?<![\d/.])(\d{1,2})/(\d{1,2})/((?:19|20)\d\d)(?!\d)" + _CLOCK.format(4))
_ISO_ZONE = re.compile(r"T?\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)\s*$")


@dataclass(frozen=True, slots=True)
class Found:
    """A date in a text: its moment (00:00 when only the day is given), where it stands, whether it has a time of day."""

    moment: datetime
    start: int
    end: int
    timed: bool
    chinese: bool = False  # written 2023年5月4日


def _moment(
    y: int,
    m: int,
    d: int,
    hour: str | None = None,
    minute: str | None = None,
    second: str | None = None,
    half: str | None = None,
) -> tuple[datetime, bool] | None:
    if not FIRST_YEAR <= y <= LAST_YEAR:
        return None
    try:
        day = date(y, m, d)
    except ValueError:
        return None
    if hour is None or minute is None:
        return datetime.combine(day, time(), SHANGHAI), False
    h = int(hour)
    if half and half.lower() in ("下午", "晚上", "pm") and h < 12:
        h += 12
    elif half and half.lower() in ("am", "凌晨") and h == 12:
        h = 0
    try:
        return datetime.combine(day, time(h, int(minute), int(second or 0)), SHANGHAI), True
    except ValueError:
        return datetime.combine(day, time(), SHANGHAI), False


def _clock(m: re.Match[str], n: int) -> tuple[str | None, str | None, str | None, str | None]:
    return m[f"hour{n}"], m[f"minute{n}"], m[f"second{n}"], m[f"half{n}"] or m[f"after{n}"]


def find_dates(text: str, *, labelled: bool = False) -> list[Found]:
    """Full dates in a half-width text, in order.

    labelled: the text stands behind a date label, so that forms too weak alone count: 113-05-03 and 民國113年5月3日 (ROC calendar),
    20240503, 7/25/2024, 22-04-05.
    """
    found: list[Found] = []
    for m in _DATE.finditer(text):
        month, day = m["m"] or m["m2"], m["d"] or m["d2"]
        if made := _moment(int(m["y"]), int(month), int(day), *_clock(m, 0)):
            found.append(Found(made[0], m.start(), m.end(), made[1], m["m2"] is not None))
    if "民" in text:
        for m in _ROC.finditer(text):
            if made := _moment(int(m[1]) + 1911, int(m[2]), int(m[3]), *_clock(m, 1)):
                found.append(Found(made[0], m.start(), m.end(), made[1], True))
        for m in _ROC_HAN.finditer(text):
            if made := _moment(_roc_han(m[1]) + 1911, _han_number(m[2]), _han_number(m[3])):
                found.append(Found(made[0], m.start(), m.end(), made[1], True))
    if not found and "年" in text:
        for m in _ROC_THREE.finditer(text):
            if made := _moment(int(m[1]) + 1911, int(m[2]), int(m[3]), *_clock(m, 5)):
                found.append(Found(made[0], m.start(), m.end(), made[1], True))
    if not found and "年" in text and "月" in text:
        for m in _HAN.finditer(text):
            y = int("".join(_DIGIT.get(c, "0") for c in m[1]))
            if made := _moment(y, _han_number(m[2]), _han_number(m[3]), *_clock(m, 7)):
                found.append(Found(made[0], m.start(), m.end(), made[1], True))
    if not found and (labelled or "20" in text):
        for m in _ENGLISH.finditer(text):
            month_number = _MONTHS.get((m["m1"] or m["m2"])[:3].lower())
            if month_number and (
                made := _moment(int(m["y1"] or m["y2"]), month_number, int(m["d1"] or m["d2"]), *_clock(m, 3))
            ):
                found.append(Found(made[0], m.start(), m.end(), made[1]))
    if labelled and not found and (made_last := _weak(text)):
        found.append(made_last)
    return sorted(found, key=lambda f: f.start)


def _weak(text: str) -> Found | None:
    """A date in a form that only a label makes credible."""
    made: tuple[datetime, bool] | None
    if m := _DAY_LAST.search(text):
        # 9/17/2004 and 17/9/2004 can be told apart, 7/5/2005 cannot: then there is no date
        a, b = int(m[1]), int(m[2])
        if (a > 12) == (b > 12) and a != b:
            return None
        made = _moment(int(m[3]), *((b, a) if a > 12 else (a, b)), *_clock(m, 4))
    elif m := _ROC_BARE.search(text):
        made = _moment(int(m[1]) + 1911, int(m[3]), int(m[4]), *_clock(m, 2))
        if made is None and len(m[1]) == 2 and m["s"] != "/":  # 22-04-05: a year without its century
            made = _moment(int(m[1]) + 2000, int(m[3]), int(m[4]), *_clock(m, 2))
    elif m := _ROC_TWO.search(text):
        # 98年5月3日 is 2009 in the ROC calendar and 1998 in everyday words: a web page is older than 2000 only seldom
        y = int(m[1])
        made = _moment(y + (1911 if y >= 79 else 2000), int(m[2]), int(m[3]), *_clock(m, 6))
    elif m := _COMPACT.search(text):
        made = _moment(int(m[1]), int(m[2]), int(m[3]), m[4], m[5], m[6])
    else:
        return None
    return Found(made[0], m.start(), m.end(), made[1]) if made else None


def _han_number(text: str) -> int:
    """十 to 10, 三十一 to 31."""
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return int(_DIGIT[text]) if text in _DIGIT else 0
    return (int(_DIGIT.get(tens, "0")) if tens else 1) * 10 + (int(_DIGIT.get(ones, "0")) if ones else 0)


def _roc_han(text: str) -> int:
    """一○八, 一百零八 and 九十八 to their numbers."""
    hundreds, hundred, rest = text.rpartition("百")
    if hundred:
        return (int(_DIGIT.get(hundreds, "1")) * 100) + _han_number(rest.lstrip("〇零○O"))
    return _han_number(text) if "十" in text else int("".join(_DIGIT.get(c, "0") for c in text))


def parse_stamp(text: str) -> datetime | None:
    """A machine-readable stamp (meta, <time datetime>, JSON-LD) in Asia/Shanghai, or None. A zone in it is honoured."""
    dates = find_dates(text.strip()[:60], labelled=True)
    if not dates:
        return None
    moment = dates[0].moment
    if dates[0].timed and (m := _ISO_ZONE.search(text)):
        zone = m[1]
        offset = timedelta(0) if zone == "Z" else timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        sign = -1 if zone.startswith("-") else 1
        moment = moment.replace(tzinfo=timezone(sign * offset)).astimezone(SHANGHAI)
    return moment


_URL_DATES = (
    re.compile(r"/((?:19|20)\d\d)[/-]?(0[1-9]|1[0-2])[/-]?(0[1-9]|[12]\d|3[01])(?=[/_.-]|$)"),
    re.compile(r"/((?:19|20)\d\d)-(\d{1,2})-(\d{1,2})(?=[/_.-]|$)"),
    re.compile(r"[/_]t((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])_"),
    re.compile(r"/((?:19|20)\d\d)/(\d{1,2})/(\d{1,2})/"),
)


def date_of_url(url: str) -> datetime | None:
    """The day that a URL's path names in full (/2022/0622/, /t20220622_), or None."""
    path = re.sub(r"^[a-z]+://[^/]*", "", url).split("?")[0]
    for pattern in _URL_DATES:
        if (m := pattern.search(path)) and (made := _moment(int(m[1]), int(m[2]), int(m[3]))):
            return made[0]
    return None
