"""What a title says of its speech: kind, occasion, date of the event, and a year that the text contradicts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date

from crawler.extraction.plain import number, year
from crawler.extraction.rules import any_of, first_match

_KIND = (
    r"(?:主持[词稿辞]|主持讲话|讲话|致[辞词]|发言|演讲|报告|党课|讲稿|[祝贺献悼]词|欢迎[词辞]|答谢[词辞]|开幕[词辞]|闭幕[词辞]|汇报|串词|寄语|"
    r"(?:即席|即兴|(?:政府)?工作|辅导|专题|情况|总结|动员|交流|表态|主题|重要|典型|竞职|就职|任职|离职|开班|开场)(?:性)?(?:的)?(?:讲话|发言|演讲|致辞|报告))"
)
_OCCASION = re.compile(
    rf"在(?!此|于|位|职|岗|我)(?P<o>[^。;:\n]{{2,60}}?)(?:(?:期间|上|中|时|后)的?|的|(?=[^上的]{{0,8}}$)){_KIND}"
)
# 【篇一】 第二篇: 范文三 before the title of a part
_PART = re.compile(
    r"^\s*(?:【[^】]{1,8}】|[第篇(]*[一二三四五六七八九十\d]{1,3}[篇)]?\s*[:、.\s]|范文[一二三四五六七八九十\d]{1,3}[:、\s]?)\s*"
)
_GATHERING = (
    r"(?:大会|会议|座谈会|推进会|调度会|部署会|动员会|现场会|表彰会|总结会|家长会|年会|晚会|例会|茶话会|研讨会|报告会|联席会|班会|运动会|婚礼|宴会|仪式|典礼|"
    r"开幕式|闭幕式|论坛|培训班|活动|招待会|发布会|推介会|联欢会|全会|(?!在)[一-龥]会)"
)
_BARE_OCCASION = re.compile(rf"^(?P<o>[^。;:\n在]{{2,50}}?{_GATHERING})(?:上|中)?的?{_KIND}")
_DATE = re.compile(
    r"(?P<y>(?:19|20)\d\d|[二一][〇零○0O九][〇零○0O一二三四五六七八九]{2})\s*[年.\-/]\s*(?P<m>\d{1,2}|[一二三四五六七八九十]{1,2})\s*[月.\-/]\s*"
    r"(?P<d>\d{1,2}|[一二三四五六七八九十]{1,3})(?:日|号|(?!\d))"
)
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?=年|-\d|届|级|\.\d|/)")
_TITLE_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d)|((?:二[〇零○]|一九)[〇零○一二三四五六七八九]{2})(?=年)")
_PLAN = re.compile(r"(?:到|至|截至|—|-)\s*$")
_WHEN = re.compile(r"^(?:会议|讲话|活动|演讲|发言)?(?:时间|日期)\s*:\s*")
_DATE_LINE = 45  # a line under the title that holds date, place and speaker is no longer


def doc_type(titles: Sequence[str], text: str) -> str:
    """讲话 致辞 主持词 党课 发言 演讲 报告 其他, by the last such word of a title (part title first), else by the text's beginning."""
    for title in titles:
        best: tuple[int, int, str] | None = None
        for rule in any_of("doctype", "in_title").possible(title):
            for m in rule.pattern.finditer(title):
                # the last word wins; where one word lies in another the one that begins earlier is the longer
                if best is None or m.start() >= best[1] or (m.start() < best[0] and m.end() >= best[1]):
                    best = m.start(), m.end(), str(rule.value)
        if best:
            return best[2]
    head = text[:600]
    found = first_match("doctype", "in_text", head)
    return str(found[0].value) if found else "其他"


def occasion(titles: Sequence[str], role: str | None) -> str | None:
    """What stands between 在 and 上的讲话, or before the kind where the title has no 在 (全县招商大会主持词)."""
    for title in (_PART.sub("", t) for t in titles):
        if m := _OCCASION.search(title):
            found = m["o"].strip()
            if found[:1] in '“"' and found[-1:] in '”"':
                found = found[1:-1]
            if found not in ("会上", "会议", "会中", "大会", "这里", "台上"):
                return found
        if m := _BARE_OCCASION.search(title):
            found = m["o"].strip()
            if role and found.endswith(role):
                found = found[: -len(role)]
            # 老干部局局长重阳节茶话会致辞
            if role and (at := found.find(role)) >= 0 and len(found) - at - len(role) > 2:
                found = found[at + len(role) :]
            if len(found) > 2:
                return found
    return None


def _as_date(m: re.Match[str]) -> date | None:
    try:
        y = year(m["y"])
        return date(y, number(m["m"]), number(m["d"])) if y else None
    except (ValueError, KeyError):
        return None


def event_date(titles: Sequence[str], views: Sequence[str]) -> date | None:
    """The full date in a title or on a short line of its own under it: (2023年5月4日), 2023年5月4日 王某某. Never a guess."""
    for title in titles:
        if m := _DATE.search(title):
            return _as_date(m)
    for view in views[:3]:
        if len(view) <= _DATE_LINE and (m := _DATE.search(view)):
            line = _WHEN.sub("", view.strip())
            rest = line.replace(m[0], "").strip()
            if line.startswith("(") and line.endswith(")"):
                return _as_date(m)
            if len(rest) <= 16 and not re.search(r"[,。;!?:]", rest):
                return _as_date(m)
    return None


def title_year(title: str, text: str) -> int | None:
    """A year in the title that the text contradicts: the text dates itself by other years near it, and never by that year or a neighbour."""
    m = _TITLE_YEAR.search(title)
    if not m:
        return None
    claimed = int(m[1]) if m[1] else year(m[2])
    if claimed is None:
        return None
    named: Counter[int] = Counter()
    for found in _YEAR.finditer(text):
        # 到2025年, 2035年: plans say nothing of when the speech was held
        if not _PLAN.search(text[max(found.start() - 3, 0) : found.start()]):
            named[int(found[1])] += 1
    if any(abs(y - claimed) <= 1 for y in named):
        return None
    older = sum(n for y, n in named.items() if claimed - 12 <= y <= claimed - 2)
    newer = sum(n for y, n in named.items() if claimed + 2 <= y <= claimed + 4 and y % 5)  # round years are plans
    return claimed if older + newer >= 2 else None
