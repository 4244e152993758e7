"""What a site is called: the name of its file, from its address, and its title, from its pages. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from crawler.addresses import address_of
from crawler.extraction.dom import parse
from crawler.extraction.head import read_head
from crawler.extraction.model import ArticleResult
from crawler.probe.model import Because
from crawler.wording import counted

if TYPE_CHECKING:
    from crawler.probe.look import Look

MAX_NAME = 63
_DEFAULT = {"http": 80, "https": 443}
_OTHER = re.compile(r"[^a-z0-9]+")
_SEPARATOR = re.compile(r"\s*(?:[|_–—>»·]|--?(?=\s|[^\x00-\x7f])|[,,、::](?=.{3}))\s*")
_WELCOME = re.compile(
    r"^(?:欢迎(?:来到|访问|光临)?|歡迎(?:光臨|來到)?|首页|首頁|主页)[\s::_-]*|[\s::_-]*(?:首页|首頁|主页|官网|手机版)$"
)


def name_for(start: str) -> Because:
    """The name of a site's file: its host in letters, digits and hyphens; with the port where that is not the usual one."""
    parts = urlsplit(start)
    host = (parts.hostname or "").removeprefix("www.")
    port = parts.port if parts.port and parts.port != _DEFAULT.get(parts.scheme) else None
    address = address_of(host)
    local = host == "localhost" or (address is not None and address.is_loopback)
    bare = (
        "local" if local else _OTHER.sub("-", host.encode("idna").decode() if not host.isascii() else host).strip("-")
    )
    end = f"-{port}" if port else ""
    why = "this machine" if local else "its host"
    why += " and port: sites that differ only in port are different sites" if port else ""
    return Because((bare[: MAX_NAME - len(end)].strip("-") or "site") + end, why)


def site_title(look: Look, results: Mapping[str, ArticleResult]) -> Because:
    """What the site calls itself: what its articles agree on, else the beginning of the title of its first page, else its host."""
    told = [str(row["site_title"]) for r in results.values() for row in r.speeches[:1] if row.get("site_title")]
    home = next((p for p in look.pages.values() if p.url == look.start and p.body is not None), None)
    shown = read_head(parse(home.body or b"", home.content_type)).title if home is not None else ""
    if told:
        name, count = Counter(told).most_common(1)[0]
        if count * 2 > len(told):
            return Because(
                name,
                f"{count} of {counted(len(told), 'article')} say so"
                + (", and its first page" if name in shown else ""),
            )
    pieces = [x for piece in _SEPARATOR.split(shown) if (x := _WELCOME.sub("", piece).strip())]
    if pieces:
        return Because(pieces[0][:30], "beginning of the title of its first page")
    return Because(urlsplit(look.start).netloc, "no page says what it is called")
