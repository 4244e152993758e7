"""Who signed an article without saying 作者: a reporter's line at either end, a name in brackets behind the last word, a name under the title."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from crawler.extraction.lines import ITEM, LINK, MARK, NAV, Line, half_width
from crawler.extraction.roles import SURNAMES
from crawler.extraction.rules import any_of, rules
from crawler.extraction.zones import Zones

_TOP, _END = 8, 4  # lines under the title, and around the beginning and the end of the body, that may be signed
_LONGEST = 70  # characters of a line that is nothing but a signature
_LAST = 120  # characters at the end of a paragraph that a signature in brackets stands in
_NAMES = r"[一-龥·]{2,6}?(?:[ 、,]{1,3}[一-龥·]{2,4}?){0,6}?"
_PERSON = re.compile(rf"(?:[{SURNAMES}][一-龥]{{1,2}}|[一-龥]{{1,2}}·[一-龥]{{2,6}})$")
_UNSIGNED = re.compile(r"^(?:等|说|的|在|从|们|与|和|告诉|了解|获悉|看到|采访)")
_APART = re.compile(r"(?:[ 、,]|(?:实习|特约)?(?:记者|通讯员))+")
_SPEECH = re.compile(r"讲话|致辞|致词|发言|演讲|讲稿|党课|主持词|报告|表态|寄语|贺词")


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    # 记者张三, but 文/张三 and 执笔:张三
    role = "(?:" + "|".join(
        rf"(?:{r.source}){'[: /]{0,3}' if r.value == 'glued' else '[: /]{1,3}'}" for r in rules("facts", "signed")
    ) + ")"  # fmt: skip
    # what may stand behind the names: where from, and that it is a report
    rest = (
        r"(?:\s?(?:[一-龥]{2,8}\s?)?(?:摄影)?报道|\s?发自.{2,8}|\s?[一-龥]{0,6}电|/文.{0,12}|\s?[文摄](?:/.{1,12})?)?"
    )
    return (
        # 本报记者 张三 李四 · 记者张三发自某地 · 执笔:张三
        re.compile(rf"^[^一-龥A-Za-z]{{0,4}}(?P<org>[一-龥·A-Za-z ]{{0,20}}){role}(?P<names>{_NAMES}){rest}[^一-龥A-Za-z]{{0,3}}$"),
        # …的决定。(记者 张三)
        re.compile(rf"\((?P<org>[一-龥·]{{0,12}} ?){role}(?P<names>{_NAMES}){rest} ?\)\s*$"),
        # 某社某地1月2日电(记者 张三)
        re.compile(rf"^[^。!?]{{2,40}}[电讯] ?\((?P<org>){role}(?P<names>{_NAMES})\)"),
        # 本帖由某某于2005年8月12日发表
        re.compile(r"^本[帖贴文]由 ?(?P<names>[^ ]{1,16}?) ?于 ?(?=(?:19|20)\d\d[-/年])"),
    )  # fmt: skip


_BARE = re.compile(rf"\((?P<names>{_NAMES}){r'(?: [一-龥]{2,4}报道)?'} ?\)\s*$")


def _text(line: Line) -> str:
    return " ".join(half_width(line.raw).replace(MARK, "").split())


def _names(found: str) -> str | None:
    names = [n for n in _APART.split(found.strip()) if n]
    if not names or any(_UNSIGNED.search(n) for n in names) or any_of("facts", "not_names").search(names[0]):
        return None
    return " ".join(names)


def _persons(found: str) -> bool:
    """Whether these are names of persons by their family names."""
    return all(_PERSON.match(n) for n in re.split(r"[ 、,]+", found.strip()))


def signed(lines: Sequence[Line], zones: Zones, at: int, title: str) -> str | None:
    """The names that sign an article, several with a space between; None when it is not signed.

    at: position of the title (-1 when unknown).
    """
    first, last = zones.body
    inside = {*range(at + 1, at + 1 + _TOP), *range(first - _END, first + _END), *range(last - _END, last + _END)}
    ends = [
        i
        for i in sorted(inside)
        if at < i < min(zones.end or len(lines), len(lines)) and not lines[i].flags & NAV and not lines[i].is_linked
    ]
    whole, behind, agency, posted = _patterns()
    found: list[str] = []
    for i in ends:
        text = _text(lines[i])
        m = whole.match(text) if len(text) <= _LONGEST else None
        if not found:
            m = m or behind.search(text[-_LAST:]) or agency.match(text[:_LONGEST]) or posted.match(text[:_LONGEST])
        if m and (names := _names(m["names"])):
            found.append(names)
        elif found:
            break  # colleagues stand in the next line
    if found:
        return " ".join(found)
    for i in reversed([i for i in ends if i >= last - _END]):
        text = _text(lines[i])
        if (m := _BARE.search(text[-_LAST:])) and _persons(m["names"]):
            return _names(m["names"])
    if not title or _SPEECH.search(title):
        return None  # who stands under the title of a speech is its speaker
    for i in ends[:2]:
        line = lines[i]
        name: str = line.text.strip()
        if i <= at + 2 and 2 <= len(name) <= 4 and not line.flags & (ITEM | LINK) and _persons(name):
            return name
    return None
