"""Labelled facts around a title: 时间: 来源: 作者: 点击: … and the lines that carry them without labels."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from crawler.extraction.dates import Found, find_dates
from crawler.extraction.lines import CELL, INFO, MARK, Line
from crawler.extraction.rules import Rule, any_of, rules

_ADDRESS_END = re.compile(r"\s*[(\uff08]?\s*(?:https?[:\uff1a]//|www\.)[\w./-]+\s*[)\uff09]?$")
_STRIP = " \x1f\t:;,.|/\\·•-—–_~()[]{}<>【】《》〔〕┊│┃\"'“”‘’、。。丨"
_STRIP_NAME = _STRIP.replace("(", "").replace(")", "") + "\u3000\uff1a\uff0c\uff1b\uff5c"
# Behind a label: a colon, a bracket, a date; the edge of its element; a stroke or mere gap, which only count in a byline.
_LABEL_END = (
    r"(?:[\s\x1f]{0,8}(?::[\s\x1f:]*|[】\]][\s\x1f:]*|(?P<day>(?=[\s\x1f]?(?:19|20)\d\d[-/.年]))|(?P<edge>\x1f+\s?\x1f*(?=[^\s\x1f])))"
    r"|(?P<gap>[\s\x1f]{0,3}[/|丨][\s\x1f]{0,3}(?=\w)|[\s\x1f]{1,4}(?=[^\s\x1f])))"
)
_ENDS = frozenset({"day", "edge", "gap"})
# What may stand behind a label without a colon: a short name of its own, a number.
_TOKEN = re.compile(r"(?P<name>[^\W\d_][\w.&·()-]{1,19})(?=$|[\s\x1f|/,·)】\]])")
_COUNT = re.compile(r"[0-9][0-9,.]*\s*[万萬wWkK]?\+?\s*(?:次|人|遍)?(?=$|[\s\x1f|/,·)】\]])")
# Behind a number that counts no readers: the rest of a date, those who commented
_NOT_READ = re.compile(
    r"\s?[-/年月日.]\s?\d|年|\s?(?:[人位次条條]|个人)?\s?(?:[评評][论論]|回[复覆]|[参參][与與]|点赞|[赞讚]|收藏|下[载載])"
)
_BEFORE_LOOSE = frozenset(" \x1f|/·•,、;([【丨")
_STRICT = re.compile(r"(?:(?:19|20)\d\d[-/.年]\d)|[一-龥]{2}[\s\x1f]?:")
_JOIN = re.compile(r"\x1f+\s*(?:[、,&]|和)\s*\x1f*")
_NUMBER = re.compile(r"^[\s\x1f(\[]*([0-9][0-9,]*(?:\.[0-9]+)?)[\s\x1f]*([万wWkK千])?")
_TEMPLATE = re.compile(r"[={}$<>]")
_SENTENCE = re.compile(r"[。!?;]|,.{8,}")


@dataclass(frozen=True, slots=True)
class Labelled:
    """One labelled value: the fact it tells, the label's rank and rule, the value's text (marks kept) in half and original width,
    where the label begins and the value ends in the line."""

    fact: str
    rank: int
    rule: str
    half: str
    raw: str
    line: Line
    start: int
    stop: int = 0


@cache
def _labels() -> tuple[re.Pattern[str], re.Pattern[str], tuple[Rule, ...]]:
    """All labels as one pattern (the number of the group that matched is the rule's place), and a quick test for a line.

    Most lines hold no label: so the pattern looks further only from characters that occur in labels, and the test asks
    whether such a character stands before a colon, a bracket or a date.
    """
    every = rules("facts", "labels")
    body = "|".join(f"(?P<l{i}>{r.source})" for i, r in enumerate(every))
    letters = "".join(sorted(set(re.findall("[A-Za-z\u4e00-\u9fff]", body)) | set(string.ascii_letters)))
    loose = "|".join(r.source for r in every if "loose" in r.value)
    test = re.compile(
        rf"[{letters}][\s\x1f]{{0,8}}(?:[:】\]]|(?:19|20)\d\d[-/.年]\d)|(?:^|\x1f)[{letters}]{{2,5}}\x1f"
        rf"|(?=[{letters}])(?:{loose})[\s\x1f]{{0,3}}[\s\x1f/|丨]|[{letters}][\s\x1f]{{0,3}}[/|丨][\s\x1f]{{0,3}}[一-龥A-Za-z]"
    )
    return re.compile(f"(?=[{letters}])(?:{body}){_LABEL_END}"), test, every


@cache
def _value_end() -> re.Pattern[str]:
    return re.compile("|".join(r.source for r in rules("facts", "value_ends")))


# Labels that also stand without a colon in an element of their own; others are buttons there as often.
_EDGE_LABELS = frozenset({"published", "author", "uploader", "keywords", "source", "other", "updated"})
_PLACEHOLDER = re.compile(r"[^\[\]{}\x1f]{0,12}[\]}]")


def _place(m: re.Match[str]) -> int:
    """Number of the rule whose label matched."""
    if m.lastgroup and m.lastgroup not in _ENDS:
        return int(m.lastgroup[1:])
    return next(int(name[1:]) for name, text in m.groupdict().items() if text is not None and name not in _ENDS)


def _is_ideograph(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def labelled(line: Line) -> list[Labelled]:
    """Every labelled value of a line, in order. A label counts at the start, after white space, punctuation, a digit or an element's edge."""
    if line.notes is None:
        line.notes = _labelled(line)
    found: list[Labelled] = line.notes  # type: ignore[assignment]
    return found


@lru_cache(maxsize=4096)
def _may_hold_label(half: str) -> bool:
    return _labels()[1].search(half) is not None


def _labelled(line: Line) -> list[Labelled]:
    half = line.half
    pattern, _, every = _labels()
    if not _may_hold_label(half):
        return []
    marks: list[tuple[int, int, Rule]] = []
    at = 0
    while m := pattern.search(half, at):
        start, end = m.start(), m.end()
        rule = every[_place(m)]
        before = half[start - 1] if start else " "
        at = end
        # <span>标签</span><a>…: without a colon a label must have an element of its own
        own_element = m["edge"] and (not start or before == MARK) and not line.long and rule.id in _EDGE_LABELS
        if (m["edge"] or m["gap"]) and not own_element and not _stands_loose(line, rule, start, end, m["gap"] or ""):
            at = start + 1 if m["gap"] else end
            continue
        if m["day"] is not None and rule.value[0] != "date":
            continue
        if before in "[{" and line.raw[end - 1 : end] == ":" and _PLACEHOLDER.match(half, end):
            continue  # [标签:标题]: a slot of the template that was never filled
        if half[end - 1 : end] in "】]" and before not in "【[":
            continue
        if before.isalpha():
            # 来源:网络作者:佚名: glued to the value of the label before, with no gap since that label
            glued = marks and not re.search(r"[\s\x1f]", half[marks[-1][1] : start]) and _is_ideograph(before)
            if not glued or start == marks[-1][1]:
                continue
        marks.append((start, end, rule))
    found = []
    for i, (start, end, rule) in enumerate(marks):
        stop = marks[i + 1][0] if i + 1 < len(marks) else len(half)
        fact, rank = rule.value[:2]
        found.append(Labelled(fact, rank, rule.id, half[end:stop], line.raw[end:stop], line, start, stop))
    return found


def _stands_loose(line: Line, rule: Rule, start: int, end: int, gap: str) -> bool:
    """Whether a label without a colon stands in a byline and what is behind it can be its value: 发布者 王某, 作者/王某, 浏览 123."""
    half = line.half
    if line.long or len(half) > 200 or (start and half[start - 1] not in _BEFORE_LOOSE):
        return False
    word = half[start - 2 : start - 1] if start > 1 and half[start - 1] == " " else ""
    if half[start].isascii() and word.isascii() and word.isalpha():
        return False  # Powered by …
    fact = rule.value[0]
    if fact == "keywords":
        words = half[end:].replace(MARK, " ").split()
        return start < 2 and (
            any(0 <= a - end <= 2 for a, _, _ in line.links)
            or (len(words) > 1 and all(len(w) <= 12 and not _SENTENCE.search(w) for w in words))
        )
    stroke = any(c in gap for c in "/|丨") and fact in ("author", "source", "other")
    if "loose" not in rule.value and not stroke:
        return False
    behind = half[end:]
    if fact == "date":
        return any(not behind[: d.start].strip(_STRIP) for d in find_dates(behind[:60], labelled=True)[:1])
    if fact == "views":
        value = _COUNT.match(behind)
        return value is not None and not _NOT_READ.match(behind, value.end())
    value = _TOKEN.match(behind)
    if value is None or (any_of("facts", "not_names").search(value["name"]) is not None):
        return False
    alone = start < 2 and not behind[value.end() :].strip(_STRIP)
    return alone or bool(line.flags & INFO or _STRICT.search(half) or find_dates(half))


def is_bare_label(line: Line) -> Labelled | None:
    """The label that a table cell or term holds alone (发布日期 | 2024-05-03), with an empty value."""
    if not line.flags & CELL or len(line.raw) > 20:
        return None
    pattern, _, every = _labels()
    m = pattern.fullmatch(line.half.strip(" \x1f:[]【】") + ":")
    if not m or not m.lastgroup:
        return None
    rule = every[int(m.lastgroup[1:])]
    return Labelled(rule.value[0], rule.value[1], rule.id, "", "", line, 0)


def date_value(value: Labelled) -> Found | None:
    """The date that a date label is followed by, or None when it stands further away."""
    dates = find_dates(value.half, labelled=True)
    return dates[0] if dates and not value.half[: dates[0].start].strip(_STRIP) else None


def text_value(value: Labelled, longest: int) -> str | None:
    """The name behind a label, or None when it is empty, too long or a sentence."""
    half, raw = value.half, value.raw
    skip = len(half) - len(half.lstrip(" \x1f[("))
    half, raw = half[skip:], raw[skip:]
    stop = len(half)
    at = 0
    while (edge := half.find(MARK, at)) > 0:  # the element that holds the value ends here
        if m := _JOIN.match(half, edge):
            at = m.end()
            continue
        if half[at:edge].strip(_STRIP):
            stop = edge
            break
        at = edge + 1
    if m := _value_end().search(half[:stop]):
        stop = m.start()
    for date in find_dates(half[:stop]):
        stop = date.start
        break
    text = " ".join(raw[:stop].replace(MARK, "").split()).strip(_STRIP_NAME)
    text = text.rstrip("(\uff08 ")
    if text[-1:] in ")\uff09" and not re.search(r"[(\uff08]", text):
        text = text[:-1].rstrip(_STRIP_NAME)
    if "》" in text and "《" not in text:  # 《秘书工作》2021年第3期: the first mark belongs to the name
        text = f"《{text}"
    elif text.count("《") == text.count("》") + 1 and raw[:stop].rstrip(" \x1f").endswith("》"):
        text = f"{text}》"  # 某网-《某某日报》: so does the last one
    text = _ADDRESS_END.sub("", text) or text
    if not text or len(text) > longest or _TEMPLATE.search(text) or _SENTENCE.search(text):
        return None
    if any_of("facts", "empty_values").search(text) is not None:
        return None
    return text


def number(text: str, unit: str | None) -> int:
    """1,234 and 1.2 with unit 万 as integers."""
    factor = {"万": 10_000, "w": 10_000, "W": 10_000, "k": 1000, "K": 1000, "千": 1000}.get(unit or "", 1)
    return round(float(text.replace(",", "")) * factor)


def views_value(value: Labelled) -> int | None:
    """The count behind a views label; None when the slot is empty (filled by a script) or holds a date."""
    m = _NUMBER.match(value.half)
    if not m or re.match(r"[-/年.]\d", value.half[m.end() :]):
        return None
    return number(m[1], m[2])


def loose_views(line: Line) -> int | None:
    """A count without a colon: 阅读(123), 123次阅读, 阅读 123 次."""
    text = line.half.replace(MARK, " ")
    for rule in rules("facts", "views"):
        for m in rule.pattern.finditer(text):
            if any(d.start <= m.start(1) < d.end for d in find_dates(text)):
                continue  # Posted on May 4, 2019 浏览 692
            digits = (m[1] or m[m.lastindex or 1]).strip().rstrip("+")
            unit = digits[-1] if digits[-1] in "万wWkK" else None
            return number(digits.rstrip("万萬wWkK "), unit)
    return None


def read_values(lines: list[Line], places: Iterable[int]) -> list[tuple[int, Labelled]]:
    """Labelled values of the given lines; a label alone in a table cell takes the next cell's text."""
    found: list[tuple[int, Labelled]] = []
    for i in places:
        line = lines[i]
        if line.long:
            continue
        values = labelled(line)
        if not values and (bare := is_bare_label(line)):
            values = [bare]
        if values and not values[-1].half.strip(_STRIP) and i + 1 < len(lines) and values[-1].fact != "keywords":
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
