"""Addresses that a page holds in scripts and attributes instead of links: pagers made by JavaScript, buttons that lead on. Pure.

Nothing is run. Known are addresses that stand there whole (`location.href='list_2.html'`), those put together of a beginning, a
number and an ending (`"list_" + n + ".html"`) where the page says how many there are or calls the function with numbers, and the
pager of TRS (`createPageHTML(25, 0, "index", "html")`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

from lxml import etree

MAX_SCRIPT = 100_000  # characters of a script that are looked at: a longer one is a library
MAX_NUMBERS = 1_000

_CALL = re.compile(
    r"""createPage(?:HTML)?\s*\(\s*(?:(?P<box>["'][\w#-]*["'])\s*,\s*)?(?P<count>\w+)\s*,\s*(?P<at>\w+)\s*,\s*["'](?P<name>[\w./-]+)["']\s*,\s*["']\.?(?P<ending>\w{2,6})["']"""
)
_LEADS = re.compile(
    r"""(?:\blocation(?:\.href)?\s*=|\blocation\.(?:replace|assign)\s*\(|\bwindow\.open\s*\(|\b(?:go|turn|to|jump|load|open|change)(?:to)?_?(?:page|url|link)?\s*\(\s*)\s*["']([^"'\s<>]{1,300})["']\s*(?![\s+])""",
    re.IGNORECASE,
)
_BUILT = re.compile(
    r"""(?P<head>[\w./?&=%-]{0,120}[_\-/=])["']\s*\+\s*(?P<n>\(?[\w.]{1,30}(?:\s*[-+]\s*\d)?\)?)\s*(?:\+\s*["'](?P<tail>\.(?:s?html?|aspx?|php|jsp)(?:\?[\w=&-]*)?)["'])?"""
)
_PAGE_FIELD = re.compile(
    r"[?&](?:page|p|pn|pg|page_?no|page_?index|cur_?page|paged|cpage|currentpage)=$", re.IGNORECASE
)
_COUNT = re.compile(
    r"\b(?:count_?pages?|page_?counts?|total_?pages?|pages?_?total|all_?pages?|max_?pages?|page_?nums?|pages|last_?page)\s*[=:]\s*[\"']?(\d{1,4})\b",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\b[A-Za-z_]\w{1,30}\(\s*[\"']?(\d{1,4})[\"']?\s*\)")
_HREF = re.compile(r"^.*(?:href|src)=", re.IGNORECASE)
_DATA = ("data-href", "data-url", "data-link")
_ADDRESS = re.compile(
    r"^(?:https?:)?/[^\s{}<>]*$|^\??[\w./%=&-]+\.(?:s?html?|php|aspx?|jsp)(?:\?[\w=&%.-]*)?$|^\?[\w=&%.-]+$"
)


def scripted(root: etree._Element, text: str) -> list[tuple[str, str]]:
    """Addresses in a page's scripts and attributes, as written, each with the name of what leads there (empty where none does)."""
    found: list[tuple[str, str]] = []
    calls: list[str] = []
    if "onclick" in text or "javascript:" in text or "onClick" in text:
        for element in cast(
            "Iterable[etree._Element]", root.iter("a", "button", "li", "div", "span", "td", "tr", "input", "p")
        ):
            told = f"{element.get('onclick') or ''} {h if (h := element.get('href') or '')[:11].lower() == 'javascript:' else ''}"
            if len(told) > 1:
                name = "".join(map(str, element.itertext())).strip() if len(told) < 500 else ""
                found += [(m[1], name[:40]) for m in _LEADS.finditer(told[:1000]) if _ADDRESS.match(m[1])]
                calls += _NUMBERED.findall(told[:1000])
    for name in _DATA:
        if name in text:
            for element in cast("Iterable[etree._Element]", root.iter()):
                value = element.get(name) if isinstance(element.tag, str) else None
                if value and _ADDRESS.match(value.strip()):
                    found.append((value.strip(), "".join(map(str, element.itertext())).strip()[:40]))
    scripts = [
        s for e in cast("Iterable[etree._Element]", root.iter("script")) if (s := e.text) and len(s) <= MAX_SCRIPT
    ]
    for script in scripts:
        if "location" in script:
            found += [(m[1], "") for m in _LEADS.finditer(script) if "ocation" in m[0] and _ADDRESS.match(m[1])]
    whole = "\n".join(scripts)
    if "createPage" in whole:
        for m in _CALL.finditer(whole):
            count = _number(m["count"], whole)
            # TRS counts from nought, and page one has no number; with a box in front it is page two that is number two
            first = 1
            found += [
                (f"{m['name']}_{n}.{m['ending']}", "") for n in range(first, _most(count) + (1 if m["box"] else 0))
            ]
    found += _built(whole, calls)
    return list(dict.fromkeys(found))


def _built(script: str, calls: list[str]) -> list[tuple[str, str]]:
    """Addresses that a script puts together with page numbers."""
    if "+" not in script:
        return []
    counts = [int(n) for n in _COUNT.findall(script)]
    numbers = list(range(1, _most(max(counts)) + 1)) if counts else sorted({int(n) for n in calls})
    out: list[tuple[str, str]] = []
    for m in _BUILT.finditer(script) if numbers else ():
        head, tail = _HREF.sub("", m["head"]), m["tail"] or ""
        if (tail and head) or _PAGE_FIELD.search(head):
            out += [(f"{head}{n}{tail}", str(n)) for n in numbers]
    return out


def _number(word: str, script: str) -> int:
    """The value of a number or of a variable that is set to one; 0 when it is not told."""
    if word.isdigit():
        return int(word[:6])
    m = re.search(rf"\b{re.escape(word)}\s*=\s*[\"']?(\d{{1,5}})\b", script)
    return int(m[1]) if m else 0


def _most(count: int) -> int:
    return min(count, MAX_NUMBERS)
