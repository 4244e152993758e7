"""Site names and addresses that a site injects into its texts, so that a copy gives itself away."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from crawler.extraction.prefilter import quick

_ADDRESS = r"(?:https?://|www\.)[A-Za-z0-9./_-]+"
_DOMAIN = re.compile(
    r"(?<![A-Za-z0-9@.])(?:https?://)?(?:[A-Za-z0-9][A-Za-z0-9-]{1,30}\.){1,4}[A-Za-z]{2,8}(?![A-Za-z0-9])(?:/[A-Za-z0-9_./-]*)?"
)
_OFFICIAL = re.compile(r"\.(?:gov|edu)(?:\.|$)|\.(?:docx?|pdf|pptx?|xlsx?|wps|jpe?g|png|gif|txt)$", re.IGNORECASE)
# who speaks of an address names it as one
_SPOKEN_OF = re.compile(r"(?:网址|邮箱|官网|平台|网站|登录|邮件|域名)[是为:：叫]?[\s\u201c\u300c]*$")
_SITE_WORD = re.compile(
    r"(?:网|网站|文库|之家|大全|吧|坊|屋|库|铺|斋|驿站|在线|公社|家园|天地|范文|文秘|公文|讲稿|文档|资料)$"
)
_BODY_WORD = re.compile(
    r"(?:政府|学校|[中小大]学|学院|局|委|委员会|公司|集团|医院|[厅部处科室]|协会|中心|法院|检察院|支部|办公室|党校|官网|政府网|新闻网)$"
)
_BRACKETED = re.compile(r"[(（\[【{〖〔《][^()（）\[\]【】{}〖〗〔〕《》。，,]{2,30}[)）\]】}〗〕》]")
_SPACED = re.compile(r"[\u4e00-\u9fff]([%#|~^_+=*＊·•.。／/\\-]{1,2})[\u4e00-\u9fff](?:\1[\u4e00-\u9fff]){1,8}")
_FOOT_NAME = re.compile(
    r"(?:版权所有|©|\([Cc]\)|Copyright)[\s:：©\d\-–—,.A-Za-z()]*([\u4e00-\u9fff]{2,10})|([\u4e00-\u9fff]{2,10})\s*(?:版权所有|[Aa]ll [Rr]ights)"
)
_HAS_FOOT_NAME = quick(_FOOT_NAME.pattern)
_BREAK = "，。！？；、,.!?;”“\"'"
_OPENING = dict(zip(")）]】}〗》", "(（[【{〖《", strict=True))
_EMPTY = re.compile(r"[(（\[【]\s*[)）\]】]")
_GENERIC = frozenset(("首页", "网站", "领导讲话", "讲话", "文章", "正文", "范文", "新闻", "公文"))


def site_names(titles: Iterable[str | None], url: str | None) -> tuple[str, ...]:
    """What a site may call itself in a watermark: its titles and its host, longest first."""
    names = {t.strip() for t in titles if t and 2 <= len(t.strip()) <= 12} - _GENERIC
    host = (urlsplit(url).hostname or "") if url else ""
    if host and not host.replace(".", "").isdigit() and "." in host:
        names |= {host, host.removeprefix("www.")}
    return tuple(sorted(names, key=lambda n: (-len(n), n)))


@lru_cache(maxsize=256)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    plain = "|".join(re.escape(n) for n in names)
    spaced = "|".join(r"[.·•*|/\s]{1,2}".join(map(re.escape, n)) for n in names if len(n) >= 3 and not n.isascii())
    parts = [
        rf"[(（\[【〔{{〖][^()（）\[\]【】。]{{0,12}}(?:{plain})[^()（）\[\]【】。]{{0,40}}[)）\]】〕}}〗]",
        rf"(?:本?[内文资][容章料]?)?(?:来自|来源于?|出自|摘自|由)\s*(?:{plain})(?:\s*{_ADDRESS})?(?:整理|提供|收集|发布|分享)?",
        rf"(?:{plain})\s*[:：]?\s*{_ADDRESS}",
        rf"[(（\[【]\s*{_ADDRESS}\s*[)）\]】]",
    ]
    if spaced:
        parts.append(f"(?:{spaced})")
    return re.compile("|".join(parts))


def without_watermarks(text: str, names: tuple[str, ...]) -> str:
    """The text without injected names and addresses; a name that is only mentioned stays."""
    if not names or not (any(n in text for n in names) or "www." in text or "http" in text or _spread(text, names)):
        return text
    return _pattern(names).sub("", text)


def watermarks_in(text: str, names: tuple[str, ...]) -> list[str]:
    """What `without_watermarks` takes out of a text."""
    return [m.group() for m in _pattern(names).finditer(text) if m.group()]


def names_in_footer(texts: Iterable[str]) -> list[str]:
    """What a site calls itself in its footer (© 2020 某某文库 版权所有); public bodies and firms, of whom speeches speak, are left out."""
    found: list[str] = []
    for text in texts:
        for m in _FOOT_NAME.finditer(text) if _HAS_FOOT_NAME.possible(text) else ():
            name = re.sub(r"版权所有.*|保留.*|网站$", "", m[1] or m[2])
            if len(name) >= 3 and not _BODY_WORD.search(name):
                found.append(name)
    return found


def injected(texts: Sequence[str], names: tuple[str, ...], title: str = "") -> list[str]:
    """Strings that a site has put into the sentences of a text, longest first; they go wherever they stand.

    texts: the paragraphs. Told by what no speaker does: the same address again and again, glued into sentences together with the same name;
    a name with a mark between all its characters; the same bracket with a site's name in it. title: what it names is spoken of.
    """
    whole = "\n".join(texts)
    found: set[str] = set()
    if "." in whole:
        found |= _addresses(whole, names)
    spaced: dict[str, int] = defaultdict(int)
    for m in _SPACED.finditer(whole):
        spaced[m.group()] += 1
    for text, n in spaced.items():
        if n >= 2 or re.sub(r"[^\u4e00-\u9fff]", "", text) in names:
            found.add(text)
    brackets: dict[str, int] = defaultdict(int)
    for m in _BRACKETED.finditer(whole):
        brackets[m.group()] += 1
    for text, n in brackets.items():
        if n >= 2 and (_SITE_WORD.search(text[1:-1].strip()) or _DOMAIN.search(text)) and not text.startswith("《"):
            found.add(text)
    for name in names:
        if (
            len(name) >= 3
            and not name.isascii()
            and _SITE_WORD.search(name)
            and not _BODY_WORD.search(name)
            and name not in title
            and whole.count(name) >= 3
        ):
            found.add(_with_surroundings(whole, name))
    return sorted(found, key=lambda t: (-len(t), t))


def _with_surroundings(whole: str, name: str) -> str:
    """A name that comes again and again, with what stands on either side of it every time."""
    spans = [m.span() for m in re.finditer(re.escape(name), whole)]
    before = _common([whole[max(0, a - 10) : a][::-1] for a, _ in spans], "。！？\n")
    after = _common([whole[b : b + 10] for _, b in spans], "。！？\n")
    a, b = spans[0]
    return whole[a - before : b + after]


def _addresses(whole: str, names: tuple[str, ...]) -> set[str]:
    """Addresses that come again and again, or that are the site's own, with the name that is glued to them."""
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for m in _DOMAIN.finditer(whole):
        if not _OFFICIAL.search(m.group().split("/")[0] if "//" not in m.group() else m.group()):
            places[m.group()].append(m.span())
    found: set[str] = set()
    hosts = tuple(n.lower() for n in names if n.isascii())
    for address, spans in places.items():
        own = any(h in address.lower() or address.lower() in h for h in hosts)
        if len(spans) < 2 and not own:
            continue
        if any(_SPOKEN_OF.search(whole[max(0, a - 8) : a]) for a, _ in spans) and not own:
            continue
        for a, b in spans:
            start, end = a, b
            if len(spans) > 1:
                start = a - _common([whole[max(0, x - 16) : x][::-1] for x, _ in spans])
            if name := next((n for n in names if not n.isascii() and whole[:a].rstrip(" :：").endswith(n)), None):
                start = min(start, whole.rindex(name, 0, a))
            end += _words_behind(whole, start, b, len(spans) > 1)
            if whole[end - 1] in _OPENING:
                start = min(start, whole.rfind(_OPENING[whole[end - 1]], max(0, a - 24), a))
            found.add(whole[start:end])
    return found


_BEHIND = re.compile(r" ?(?:整理|收集|提供|首发|原创|分享|发布)?([)）\]】}〗》]?)")


def _words_behind(whole: str, start: int, end: int, again: bool) -> int:
    """How many characters behind an address belong to it: who collected it, and the bracket that closes around it."""
    m = _BEHIND.match(whole[end : end + 6])
    if m is None:
        return 0
    if m[1]:
        return m.end() if whole.rfind(_OPENING[m[1]], max(0, start - 24), end) >= 0 else 0
    return m.end() if again else 0


def _common(befores: Sequence[str], stops: str = _BREAK + "\n") -> int:
    """How many characters are the same next to all occurrences (those before one given reversed), up to one of the stops."""
    n = 0
    while all(n < len(t) for t in befores) and len({t[n] for t in befores}) == 1 and befores[0][n] not in stops:
        n += 1
    return n


def without(text: str, marks: Sequence[str]) -> str:
    """The text without injected strings, and without brackets that stood around one."""
    for mark in marks:
        text = text.replace(mark, "")
    return _EMPTY.sub("", text)


def _spread(text: str, names: tuple[str, ...]) -> bool:
    """Whether a name may stand there with marks between its characters."""
    return any(len(n) >= 3 and not n.isascii() and all(c in text for c in n) for n in names)
