"""Text that is written not to be seen: anti-copy noise in the middle of sentences, hints for screen readers.

A page may also hide its own body until a script shows it, so only short texts count as hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml.html import HtmlElement

HIDDEN_MAX = 300  # characters; an element that holds more is never dropped, however it is styled
_MOST_RULES = 2_000  # of a page's style sheets
_ZERO = r"0{1,4}(?:\.0{1,4})?(?:px|pt|em|rem|vw|%)?\s*(?:;|!|$)"

_STYLE = re.compile(
    rf"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|font(?:-size)?\s*:\s*{_ZERO}|font-size\s*:\s*(?:0?\.\d{{1,4}}|1)px"
    r"|opacity\s*:\s*0(?:\.0{1,4})?\s*(?:;|!|$)|(?:^|[;\s])color\s*:\s*transparent|clip\s*:\s*rect\(\s*0\w{0,2}[\s,]{1,3}0"
    r"|clip-path\s*:\s*inset\(\s*(?:50|100)%"
    # far outside the window
    r"|(?:left|top|right|bottom|text-indent|margin-left|margin-top)\s*:\s*-\s?(?:[5-9]\d\d|\d{4,9})(?:\.\d{1,4})?(?:px|\s*(?:;|!|$))|(?:left|top|text-indent)\s*:\s*-\d{2,4}r?em",
    re.IGNORECASE,
)
# without extent, and what stands over is not shown
_NO_EXTENT = re.compile(rf"(?:^|[;\s])(?:max-)?(?:height|width)\s*:\s*{_ZERO}", re.IGNORECASE)
_CLIPPED = re.compile(r"overflow(?:-[xy])?\s*:\s*(?:hidden|clip)", re.IGNORECASE)
_HIDDEN_CLASS = re.compile(r"(?:^|\s)(?:jammer|sr-only|visually-hidden|screen-reader-text)(?:\s|$)", re.IGNORECASE)
_COLOUR = re.compile(r"(?:^|[;\s])color\s*:\s*([^;!]+)", re.IGNORECASE)
_GROUND = re.compile(r"background(?:-color)?\s*:\s*([^;!]+)", re.IGNORECASE)
_NAMES = {"white": "ffffff", "black": "000000"}
_INLINE = frozenset(("span", "font", "i", "em", "b", "u", "s", "small", "strong", "label", "sub", "sup", "a", "ins", "code", "var", "bdo"))  # fmt: skip
_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})\b")
_RGB = re.compile(r"rgba?\(\s*(\d+)\s*[, ]\s*(\d+)\s*[, ]\s*(\d+)")
_MOST_CSS = 200_000  # characters of them
_LONGEST = 2_000  # characters of a rule that are looked at
_NAME = re.compile(r"[.#][\w-]+")
_SIMPLE = re.compile(r"^(?:[a-z][a-z0-9]*)?(?:[.#][\w-]+)+$|^[a-z][a-z0-9]*$", re.IGNORECASE)


def hides(style: str) -> bool:
    """Whether declarations of style (a style attribute, the block of a rule) hide what they style."""
    return _STYLE.search(style) is not None or (
        "overflow" in style and _NO_EXTENT.search(style) is not None and _CLIPPED.search(style) is not None
    )


def is_hidden(element: HtmlElement) -> bool:
    """Whether an element is written not to be seen."""
    hidden = False
    colour = None
    for name, value in element.items():
        if name == "style":
            hidden = hidden or hides(value)
            if "color" in value and (m := _COLOUR.search(value)):
                colour = m[1]
        elif name == "class":
            hidden = hidden or _HIDDEN_CLASS.search(value) is not None
        elif name == "hidden":
            hidden = True
        elif name == "aria-hidden":
            hidden = hidden or (value == "true" and element.tag in _INLINE)
        elif name == "color" and element.tag == "font":
            colour = value
    if not hidden and colour is not None:
        hidden = _like_its_ground(element, colour)
    return hidden and len("".join(element.itertext())) <= HIDDEN_MAX


def _rgb(value: str) -> str | None:
    """A colour as six hexadecimal digits; None for one that is not understood."""
    value = value.strip().lower()
    if value in _NAMES:
        return _NAMES[value]
    if m := _HEX.search(value if value.startswith("#") else f"#{value}" if re.fullmatch("[0-9a-f]{6}", value) else ""):
        return m[1] if len(m[1]) == 6 else "".join(c + c for c in m[1])
    if m := _RGB.match(value):
        return "".join(f"{min(int(x), 255):02x}" for x in m.groups())
    return None


def _like_its_ground(element: HtmlElement, colour: str) -> bool:
    """Whether text has the colour of what it stands on: as the page says it, else white, but only in a sentence."""
    ink = _rgb(colour)
    if ink is None:
        return False
    node: HtmlElement | None = element
    while node is not None:
        style, ground = node.get("style") or "", node.get("bgcolor")
        if m := _GROUND.search(style):
            ground = m[1]
        if node.get("background") or (ground and "url(" in ground):
            return False  # a picture
        if ground and (known := _rgb(ground.split()[0])) is not None:
            return known == ink
        # what stands in a box of its own may have a ground that only a style sheet knows
        if node is not element and node.get("class") and node.tag not in _INLINE and node.tag not in ("p", "div", "td", "body", "section", "article"):  # fmt: skip
            return False
        node = node.getparent()
    return ink == "ffffff" and element.tag in _INLINE and _in_a_sentence(element)


def _in_a_sentence(element: HtmlElement) -> bool:
    """Whether other text stands beside an element in its parent: on a ground that is unknown, whole paragraphs may be white."""
    parent = element.getparent()
    return parent is not None and any(
        t and not t.isspace() for t in (parent.text, *(sibling.tail for sibling in parent))
    )


def hiding_selectors(sheets: Iterable[str]) -> list[list[str]]:
    """The selectors of style sheets that hide what they select, each as its steps; those for some windows or moments do not count."""
    found: dict[str, bool] = {}
    for rule in _without_at_rules(_without_comments("\n".join(sheets)[:_MOST_CSS])).split("}", _MOST_RULES)[
        :_MOST_RULES
    ]:
        selectors, _, said = rule[-_LONGEST:].partition("{")
        hidden = hides(said)
        for selector in selectors.split(","):
            name = " ".join(selector.split())
            if hidden or (name in found and "display" in said):
                found[name] = hidden
    steps = [name.split(" ") for name, hidden in found.items() if hidden]
    return [s for s in steps if all(map(_SIMPLE.match, s)) and ("." in s[-1] or "#" in s[-1])]


def _without_comments(css: str) -> str:
    out: list[str] = []
    at = 0
    while (start := css.find("/*", at)) >= 0:
        out.append(css[at:start])
        end = css.find("*/", start + 2)
        if end < 0:
            return "".join(out)
        at = end + 2
    return "".join(out) + css[at:]


def _without_at_rules(css: str) -> str:
    """A style sheet without its @media and other blocks."""
    out: list[str] = []
    at = 0
    while (start := css.find("@", at)) >= 0:
        out.append(css[at:start])
        open_, end = css.find("{", start), css.find(";", start)
        if open_ < 0:
            return "".join(out)
        if 0 <= end < open_:
            at = end + 1
            continue
        depth, at = 1, open_ + 1
        while depth and at < len(css):
            depth += {"{": 1, "}": -1}.get(css[at], 0)
            at += 1
    return "".join(out) + css[at:]


def hide(elements: Iterable[HtmlElement], selectors: list[list[str]]) -> None:
    """Give the `hidden` attribute to the elements that a page's style sheets hide."""
    wanted: dict[str, list[list[str]]] = {}
    for steps in selectors:
        wanted.setdefault(_NAME.findall(steps[-1])[-1], []).append(steps)
    for element in elements:
        css = element.get("class")
        names = [f".{c}" for c in css.split()] if css else []
        if (own := element.get("id")) is not None:
            names.append(f"#{own}")
        for name in names:
            if any(_selects(steps, element) for steps in wanted.get(name, ())):
                element.set("hidden", "")


def _selects(steps: list[str], element: HtmlElement) -> bool:
    if not _fits(steps[-1], element):
        return False
    left = steps[:-1]
    node = element.getparent()
    while left and node is not None:
        if _fits(left[-1], node):
            left = left[:-1]
        node = node.getparent()
    return not left


def _fits(step: str, element: HtmlElement) -> bool:
    tag = re.match(r"[A-Za-z][A-Za-z0-9]*", step)
    if tag and element.tag != tag[0].lower():
        return False
    classes = (element.get("class") or "").split()
    return all(name[1:] in classes if name[0] == "." else name[1:] == element.get("id") for name in _NAME.findall(step))
