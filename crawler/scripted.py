"""Addresses that a page holds in scripts and attributes instead of links: pagers made by JavaScript, buttons that lead on. Pure.

Nothing is run. Known are addresses that stand there whole (`location.href='list_2.html'`), those put together of a beginning, a
number and an ending (`"list_" + n + ".html"`) where the page says how many there are or calls the function with numbers, the
pager of TRS (`createPageHTML(25, 0, "index", "html")`), those that a function makes of what it is called with (`openNews(123)`), entries of
menus that name an address behind a title (`d.add(1, 0, "领导讲话", "list.asp?id=2")`), forms with a field for the number of a page, and lists that a script holds
as data (`{"url": "/a/1.html"}`) or as HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import cast
from urllib.parse import urlencode

from lxml import etree

from crawler.pagers import PAGE_KEY

MAX_SCRIPT = 100_000  # characters of a script that are looked at: a longer one is a library
MAX_NUMBERS = 1_000
MAX_HIDDEN = 300  # characters in hidden fields of a form

_CALL = re.compile(
    r"""createPage(?:HTML)?\s*\(\s*(?:(?P<box>["'][\w#-]*["'])\s*,\s*)?(?P<count>\w+)\s*,\s*(?P<at>\w+)\s*,\s*["'](?P<name>[\w./-]+)["']\s*,\s*["']\.?(?P<ending>\w{2,6})["']"""
)
_LEADS = re.compile(
    r"""(?:\blocation(?:\.href)?\s*=|\blocation\.(?:replace|assign)\s*\(|\bwindow\.open\s*\(|\b(?:go|turn|to|jump|load|open|change)(?:to)?_?(?:page|url|link)?\s*\(\s*)\s*["']([^"'\s<>]{1,300})["']\s*(?![\s+])""",
    re.IGNORECASE,
)
# what stands in front is looked at where this is found: a pattern that begins with it begins at each character and goes on for a hundred
_BUILT = re.compile(
    r"""["'](?<=[_\-/=].)\s*\+\s*\(?[\w.]{1,30}(?:\s*[-+]\s*\d)?\)?\s*(?:\+\s*["'](?P<tail>\.(?:s?html?|aspx?|php|jsp)(?:\?[\w=&-]*)?)["'])?"""
)
_HEAD = re.compile(r"[\w./?&=%-]*\Z")
MAX_HEAD = 121  # characters of an address in front of the number of its page
_PAGE_FIELD = re.compile(rf"[?&]{PAGE_KEY}=$", re.IGNORECASE)
# each of its names holds "page"
_COUNT = re.compile(
    r"\b(?:count_?pages?|page_?counts?|total_?pages?|pages?_?total|all_?pages?|max_?pages?|page_?nums?|pages|last_?page)\s*[=:]\s*[\"']?(\d{1,4})\b",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\b[A-Za-z_]\w{1,30}\(\s*[\"']?(\d{1,4})[\"']?\s*\)")
_HREF = re.compile(r"^.*(?:href|src)=", re.IGNORECASE)
# begins behind `data`, with a sign that is rare: from one to the next of these `re` goes at once
_DATA = re.compile(r"-(?<=\bdata-)(?:\w+-)*(?:url|href|link)(?:-\w+)?(?=\s*=)", re.IGNORECASE)
_PAGING = re.compile(r"\b\w*(?:page|go|turn|jump|list)\w*\(\s*[\"']?(\d{1,4})[\"']?\s*[,)]", re.IGNORECASE)
_HAS_PAGE = re.compile(r"[?&]page=|/\d+(?:$|[?.])", re.IGNORECASE)
_FIELD = re.compile(rf"{PAGE_KEY}$", re.IGNORECASE)
_SET = re.compile(r"\.(\w{1,20})\.value\s*=")
# {"url": "/a/1.html"}; where the name has no quotes it may be what a script sends to, unless it is a page
_NAME_END = re.compile(
    r"""(?:url|href|link)(?=["'\s:=])"""
)  # in a script in small letters: IGNORECASE tries each character
_KEYED = re.compile(r"""(?P<mark>["']?)\s*[:=]\s*(?P<q>["'])(?P<at>(?:[^"'\s<>\\]|\\/){2,300}+)(?P=q)""")
MAX_NAME = 20  # characters of a name in front of url, href or link
_PAGE = re.compile(r"\.s?html?$")
_WRITTEN = re.compile(
    r"""<a\b[^<>]{0,200}?\bhref\s*=\s*(?P<q>\\?["'])(?P<at>(?:[^"'\s<>\\{}$]|\\/){1,300})(?P=q)[^<>]{0,200}>(?P<name>[^<>]{0,100})""",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"^(?:https?:)?/[^\s{}<>]*$|^\??[\w./%=&-]+\.(?:s?html?|php|aspx?|jsp)(?:\?[\w=&%.-]*)?$|^\?[\w=&%.-]+$"
)


# function openNews(id) {window.open("show.asp?id=" + id + "&x=1")}
_FUNCTION = re.compile(r"\bfunction\s+([A-Za-z_$][\w$]{0,40})\s*\(\s*([A-Za-z_$][\w$]{0,20})\s*[,)]")
MAX_FUNCTION = 600  # characters of a function that are looked at
_JOINED = re.compile(
    r"""(?P<q>["'])(?P<head>[^"'\s<>{}()+]{1,200}(?<=[=/_-]))(?P=q)\s*\+\s*(?:encodeURIComponent\(|escape\(|String\()?\s*(?P<name>[A-Za-z_$][\w$]{0,20})\s*\)?\s*(?:\+\s*(?P<r>["'])(?P<tail>[^"'\s<>{}()]{0,60})(?P=r))?"""
)
# functions that do something instead of showing something: nobody asks for what they lead to
_ACTS = re.compile(
    r"confirm\s*\(|(?:^|[/_.?&=\s\"'])(?:del|delete|remove|edit|modify|save|admin|logout|buy|pay|favou?rites?)(?=[^a-z]|$)",
    re.IGNORECASE,
)
_CALLED = re.compile(r"""\b([A-Za-z_$][\w$]{0,40})\(\s*(?:(\d{1,12})|["']([\w-]{1,40})["'])\s*[,)]""")
# "领导讲话", "list.asp?id=2": what a menu calls an address stands in front of it
_NAMED = re.compile(
    r"""(?P<q>["'])(?P<name>[^"'<>\n]{0,30}[\u4e00-\u9fff][^"'<>\n]{0,30})(?P=q)\s*,\s*(?P<r>["'])(?P<at>[\w./%-]{0,120}\.(?:s?html?|aspx?|php|jsp)(?:\?[\w=&%./-]{0,120})?)(?P=r)"""
)


_ENDINGS = ("html", ".htm", ".php", ".asp", ".jsp")


def data_names(text: str) -> list[str]:
    """Names of attributes of a page that hold addresses: data-url, data-next-href."""
    return sorted({f"data{m[0].lower()}" for m in _DATA.finditer(text)})


def scripted(root: etree._Element, text: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """Addresses in a page's scripts and attributes, as written, each with the name of what leads there (empty where none does).

    names: what `data_names` gives for the text.
    """
    found: list[tuple[str, str]] = []
    calls: list[str] = []
    asked: list[tuple[str, str, str]] = []  # functions that links call, with what, and the names of the links
    if "javascript:" in text or ("lick" in text and ("onclick" in text or "onClick" in text)):
        for element in cast(
            "Iterable[etree._Element]", root.iter("a", "button", "li", "div", "span", "td", "tr", "input", "p")
        ):
            click, href = element.get("onclick"), element.get("href")
            if click or (href and href[:11].lower() == "javascript:"):
                told = f"{click or ''} {href if href and href[:11].lower() == 'javascript:' else ''}"
                name = "".join(map(str, element.itertext())).strip() if len(told) < 500 else ""
                found += [(m[1], name[:40]) for m in _LEADS.finditer(told[:1000]) if _ADDRESS.match(m[1])]
                calls += _NUMBERED.findall(told[:1000])
                asked += [(name_, number or word, name[:40]) for name_, number, word in _CALLED.findall(told[:1000])]
    for name in names:
        for element in cast("Iterable[etree._Element]", root.iter(etree.Element)):
            value = element.get(name)
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
    if asked and "function" in whole:
        found += _made(whole, asked)
    if not whole.isascii() and any(ending in whole for ending in _ENDINGS):
        found += [(m["at"], m["name"].strip()) for m in _NAMED.finditer(whole)]
    found += _built(whole, calls)
    found += _held(whole)
    found += _chosen(root)
    if next(root.iter("form"), None) is not None and ("form" in text or "FORM" in text):
        found += _asked_for(root, text, whole)
    return list(dict.fromkeys(found))


def asked_for_more(root: etree._Element, text: str, names: Sequence[str]) -> list[str]:
    """Addresses that a button asks for more of a list: `<a data-page="2" data-url="/ajax/list">加载更多</a>`. names: as in `scripted`."""
    out: list[str] = []
    if not names or ("data-page" not in text and "data-next" not in text):
        return out
    for element in cast(
        "Iterable[etree._Element]", root.iter("a", "button", "div", "span", "li", "ul", "p", "section")
    ):
        page = (element.get("data-page") or element.get("data-next-page") or "").strip()
        for name in names:
            value = (element.get(name) or "").strip()
            if not value or not _ADDRESS.match(value):
                continue
            if page.isdigit() and not _HAS_PAGE.search(value):
                out.append(f"{value}{'&' if '?' in value else '?'}page={page[:4]}")
            elif "next" in name:
                out.append(value)
    return list(dict.fromkeys(out))


def _made(script: str, calls: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Addresses that functions of a script make of what links call them with. calls: function, argument, name of the link."""
    wanted = {name for name, *_ in calls}
    forms: dict[str, list[tuple[str, str]]] = {}
    for m in _FUNCTION.finditer(script):
        if m[1] not in wanted:
            continue
        body = script[m.end() : m.end() + MAX_FUNCTION]
        following = body.find("function ")
        body = body if following < 0 else body[:following]
        if _ACTS.search(body) or _ACTS.search(m[1]):
            continue
        for j in _JOINED.finditer(body):
            if j["name"] == m[2] and _ADDRESS.match(f"{j['head']}0{j['tail'] or ''}"):
                forms.setdefault(m[1], []).append((j["head"], j["tail"] or ""))
    return [(f"{h}{value}{t}", link) for name, value, link in calls for h, t in forms.get(name, ())]


def _held(script: str) -> list[tuple[str, str]]:
    """Addresses in lists that a script holds as data or as HTML."""
    out: list[tuple[str, str]] = []
    if "href" in script:
        out += [(m["at"].replace("\\/", "/"), m["name"].strip()) for m in _WRITTEN.finditer(script)]
    for at, quoted in _keyed(script):
        address = at.replace("\\/", "/")
        if _ADDRESS.match(address) and (quoted or _PAGE.search(address)):
            out.append((address, ""))
    return out


def _keyed(script: str) -> Iterator[tuple[str, bool]]:
    """What a script calls url, href or link, or by a name that ends so, and whether the name stands in quotes."""
    small = (script if script.isascii() else script.replace("\u0130", "i").replace("\u0131", "i")).lower()
    if "url" not in small and "href" not in small and "link" not in small:
        return
    done = 0
    for end in _NAME_END.finditer(small):
        m = _KEYED.match(script, end.end()) if end.start() >= done else None
        if m is None:
            continue
        begin = end.start()
        least = max(begin - MAX_NAME - 1, 0)
        while begin > least and _is_word(script[begin - 1]):
            begin -= 1
        if end.start() - begin > MAX_NAME:
            continue
        mark = m["mark"]
        if not mark or (begin > done and script[begin - 1] == mark):
            done = m.end()
            yield m["at"], bool(mark)


def _is_word(character: str) -> bool:
    return character == "_" or character.isalnum()


def _chosen(root: etree._Element) -> list[tuple[str, str]]:
    """Addresses that a choice of numbers leads to: `<select onchange="location='list.asp?page=' + this.value">`."""
    out: list[tuple[str, str]] = []
    for select in cast("Iterable[etree._Element]", root.iter("select")):
        told = (select.get("onchange") or "")[:1000]
        if "ocation" in told or "open" in told:
            out += _built(told, _options(select))
    return out


def _options(select: etree._Element) -> list[str]:
    return [v for o in cast("Iterable[etree._Element]", select.iter("option")) if (v := (o.get("value") or "")).isdigit() and len(v) <= 4]  # fmt: skip


def _asked_for(root: etree._Element, text: str, script: str) -> list[tuple[str, str]]:
    """Addresses that a form asks for when a pager fills in the number of a page."""
    out: list[tuple[str, str]] = []
    for form in cast("Iterable[etree._Element]", root.iter("form")):
        field = ""
        numbers: list[str] = []
        kept: list[tuple[str, str]] = []
        for part in cast("Iterable[etree._Element]", form.iter("input", "select")):
            name = part.get("name") or ""
            if _FIELD.match(name):
                field = name
                numbers += _options(part) if part.tag == "select" else []
            elif name and part.tag == "input" and (part.get("type") or "").lower() == "hidden":
                kept.append((name, part.get("value") or ""))
        if not field or sum(len(v) for _, v in kept) > MAX_HIDDEN:
            continue  # a form that carries the state of its page is answered in no other way
        if not numbers and field in _SET.findall(script):
            numbers = _PAGING.findall(text)
            counts = [int(n) for n in _COUNT.findall(script)]
            numbers += [str(n) for n in range(1, _most(max(counts)) + 1)] if counts else []
        action = (form.get("action") or "").strip().partition("#")[0]
        for n in sorted({int(n) for n in numbers} - {0}):
            query = urlencode([*kept, (field, str(n))])
            out.append((f"{action}{'&' if '?' in action else '?'}{query}", str(n)))
    return out[:MAX_NUMBERS]


def _built(script: str, calls: list[str]) -> list[tuple[str, str]]:
    """Addresses that a script puts together with page numbers."""
    if "+" not in script or not (calls or "page" in script.lower()):
        return []
    counts = [int(n) for n in _COUNT.findall(script)]
    numbers = list(range(1, _most(max(counts)) + 1)) if counts else sorted({int(n) for n in calls})
    out: list[tuple[str, str]] = []
    done = at = 0
    while numbers and (m := _BUILT.search(script, at)):
        at = m.start() + 1
        if m.start() <= done:
            continue  # what stands in front of it is part of the one before
        head = script[max(m.start() - MAX_HEAD, done) : m.start()]
        at = done = m.end()
        written = _HEAD.search(head)
        head, tail = _HREF.sub("", written[0] if written else ""), m["tail"] or ""
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
