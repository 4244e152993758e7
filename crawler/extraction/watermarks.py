"""Site names and addresses that a site injects into its texts, so that a copy gives itself away."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

_ADDRESS = r"(?:https?://|www\.)[A-Za-z0-9./_-]+"
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


def _spread(text: str, names: tuple[str, ...]) -> bool:
    """Whether a name may stand there with marks between its characters."""
    return any(len(n) >= 3 and not n.isascii() and all(c in text for c in n) for n in names)
