"""Text that is written not to be seen: anti-copy noise in the middle of sentences, hints for screen readers.

A page may also hide its own body until a script shows it, so only short texts count as hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lxml.html import HtmlElement

HIDDEN_MAX = 300  # characters; an element that holds more is never dropped, however it is styled
_MOST_RULES = 2_000  # of a page's style sheets
_ZERO = r"0{1,4}(?:\.0{1,4})?(?:px|pt|em|rem|vw|%)?\s*(?:;|!|$)"

_STYLE = re.compile(
    rf"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|font(?:-size)?\s*:\s*{_ZERO}|font-size\s*:\s*(?:0?\.\d{{1,4}}|1)px"
    r"|opacity\s*:\s*0(?:\.0{1,4})?\s*(?:;|!|$)|(?:^|[;\s])color\s*:\s*transparent|clip\s*:\s*rect\(\s*0\w{0,2}[\s,]{1,3}0"
    r"|clip-path\s*:\s*inset\(\s*(?:50|100)%"
    # what is to be had for money, made unreadable
    r"|filter\s*:\s*blur\(\s*(?:[2-9]|\d{2,3})(?:\.\d{1,4})?px"
    # far outside the window
    r"|(?:left|top|right|bottom|text-indent|margin-left|margin-top)\s*:\s*-\s?(?:[5-9]\d\d|\d{4,9})(?:\.\d{1,4})?(?:px|\s*(?:;|!|$))|(?:left|top|text-indent)\s*:\s*-\d{2,4}r?em",
    re.IGNORECASE,
)
# without extent, and what stands over is not shown
_NO_EXTENT = re.compile(rf"(?:^|[;\s])(?:max-)?(?:height|width)\s*:\s*{_ZERO}", re.IGNORECASE)
_CLIPPED = re.compile(r"overflow(?:-[xy])?\s*:\s*(?:hidden|clip)", re.IGNORECASE)
_HIDDEN_CLASS = re.compile(r"(?:^|\s)(?:jammer|sr-only|visually-hidden|screen-reader-text)(?:\s|$)", re.IGNORECASE)
_COLOUR = re.compile(r"(?:^|[;\s])color\s*:\s*([^;!]+)", re.IGNORECASE)
_GROUND = re.compile(r"background(?:-color|-image)?\s*:\s*([^;!]+)", re.IGNORECASE)
_NEAR = 6  # of 255 in each of the three colours
_NAMES = {"white": "ffffff", "black": "000000"}
_INLINE = frozenset(("span", "font", "i", "em", "b", "u", "s", "small", "strong", "label", "sub", "sup", "a", "ins", "code", "var", "bdo", "q", "cite", "abbr", "mark", "kbd", "samp", "tt", "big", "strike", "del", "dfn"))  # fmt: skip
_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})\b")
_RGB = re.compile(r"rgba?\(\s*(\d+)\s*[, ]\s*(\d+)\s*[, ]\s*(\d+)")
_MOST_CSS = 200_000  # characters of them
_LONGEST = 2_000  # characters of a rule that are looked at
_NAME = re.compile(r"[.#][\w-]+")
# what a style sheet may say of a text's colours and line breaks
_TELLS = re.compile(
    r"white-space\s*:\s*(?:pre|break)|display\s*:\s*(?:block|list-item)|background|color\s*:\s*(?:#(?:f|F)|white|rgb)",
    re.IGNORECASE,
)
_DISPLAY = re.compile(r"display\s*:[^;]*;?", re.IGNORECASE)
_TELLING = re.compile(
    r"(?<![\w-])(?:white-space\s*:\s*(?:pre|break)[\w-]*|display\s*:\s*(?:block|list-item)|background(?:-color|-image)?\s*:[^;{}]{1,200}|color\s*:\s*(?:#[fF]|white|rgb)[^;{}]{0,40})",
    re.IGNORECASE,
)
_SIMPLE = re.compile(r"^(?:[a-z][a-z0-9]*)?(?:[.#][\w-]+)+$|^[a-z][a-z0-9]*$", re.IGNORECASE)


def hides(style: str) -> bool:
    """Whether declarations of style (a style attribute, the block of a rule) hide what they style."""
    return _STYLE.search(style) is not None or (
        "overflow" in style and _NO_EXTENT.search(style) is not None and _CLIPPED.search(style) is not None
    )


@lru_cache(maxsize=4096)
def is_hidden_class(names: str) -> bool:
    """Whether a class attribute is one by which an element is hidden."""
    return _HIDDEN_CLASS.search(names) is not None


# the attributes by which an element may be hidden
HIDING = frozenset(("style", "class", "hidden", "aria-hidden", "color"))


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
            hidden = hidden or is_hidden_class(value)
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
        if node.get("background") or (ground and ("url(" in ground or "gradient" in ground)):
            return False  # a picture
        if ground and (known := _rgb(ground.split()[0])) is not None:
            return _near(known, ink)
        # what stands in a box of its own may have a ground that only a style sheet knows
        if node is not element and node.get("class") and node.tag not in _INLINE and node.tag not in ("p", "div", "td", "body", "section", "article"):  # fmt: skip
            return False
        node = node.getparent()
    return _near(ink, "ffffff") and element.tag in _INLINE and _in_a_sentence(element)


def _near(one: str, other: str) -> bool:
    """Whether two colours cannot be told apart."""
    return all(abs(int(one[k : k + 2], 16) - int(other[k : k + 2], 16)) <= _NEAR for k in (0, 2, 4))


def _in_a_sentence(element: HtmlElement) -> bool:
    """Whether other text stands beside an element in its parent: on a ground that is unknown, whole paragraphs may be white."""
    parent = element.getparent()
    return parent is not None and any(
        t and not t.isspace() for t in (parent.text, *(sibling.tail for sibling in parent))
    )


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector of a style sheet: its steps, outermost first, each with whether it is the direct child of the one before; what it
    does to what it selects: hides it, or adds declarations of style that reading looks at."""

    steps: tuple[tuple[bool, str], ...]
    hidden: bool
    style: str


def telling_selectors(sheets: Iterable[str]) -> list[Selector]:
    """The selectors of style sheets that tell of text whether and how it is seen; those for some windows or moments do not count."""
    found: dict[str, tuple[bool, str]] = {}
    for rule in _without_at_rules(_without_comments("\n".join(sheets)[:_MOST_CSS])).split("}", _MOST_RULES)[
        :_MOST_RULES
    ]:
        selectors, _, said = rule[-_LONGEST:].partition("{")
        hidden = hides(said)
        style = ";".join(m.group() for m in _TELLING.finditer(said)) if _TELLS.search(said) else ""
        for selector in selectors.split(","):
            name = " ".join(selector.replace(">", " > ").split())
            if hidden or style or (name in found and "display" in said):
                found[name] = (hidden, style)
    out = []
    for name, (hidden, style) in found.items():
        steps = _steps(name)
        if not steps or not (hidden or style):
            continue
        # a bare tag tells what it hides only where it stands inside of sentences
        named = "." in steps[-1][1] or "#" in steps[-1][1]
        if (
            named
            or (len(steps) > 1 and steps[-1][1].lower() in _INLINE)
            or (not hidden and steps[-1][1] in ("body", "html"))
        ):
            out.append(Selector(steps, hidden, style))
    return out


def _steps(name: str) -> tuple[tuple[bool, str], ...]:
    """The steps of a selector; none where it holds more than names, classes and ids."""
    out: list[tuple[bool, str]] = []
    child = False
    for word in name.split(" "):
        if word == ">":
            child = True
            continue
        if not _SIMPLE.match(word):
            return ()
        out.append((child, word))
        child = False
    return tuple(out)


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


def apply(elements: Iterable[HtmlElement], selectors: Iterable[Selector]) -> None:
    """Give the `hidden` attribute to the elements that a page's style sheets hide, and others what they say of them as style."""
    wanted: dict[str, list[Selector]] = {}
    for selector in selectors:
        last = selector.steps[-1][1]
        names = _NAME.findall(last)
        wanted.setdefault(names[-1] if names else last.lower(), []).append(selector)
    by_id = any(name[0] == "#" for name in wanted)
    for element in elements:
        css = element.get("class")
        names = [f".{c}" for c in css.split()] if css else []
        if by_id and (own := element.get("id")) is not None:
            names.append(f"#{own}")
        names.append(element.tag)
        for name in names:
            for selector in wanted.get(name, ()):
                if not _selects(selector.steps, element):
                    continue
                if selector.hidden:
                    element.set("hidden", "")
                style = selector.style
                if "display" in style and _in_a_sentence(element):
                    style = _DISPLAY.sub("", style)  # another sheet may say otherwise, and a sentence would be torn
                if style:  # behind its own, which is stronger
                    element.set("style", f"{element.get('style') or ''};{style}")


def _selects(steps: Sequence[tuple[bool, str]], element: HtmlElement) -> bool:
    child, step = steps[-1]
    if not _fits(step, element):
        return False
    left = steps[:-1]
    node = element.getparent()
    while left and node is not None:
        fits = _fits(left[-1][1], node)
        if child and not fits:
            return False
        if fits:
            child, left = left[-1][0], left[:-1]
        node = node.getparent()
    return not left


def _fits(step: str, element: HtmlElement) -> bool:
    tag, classes, ids = _parts(step)
    if tag is not None and element.tag != tag:
        return False
    own = (element.get("class") or "").split() if classes else ()
    return all(c in own for c in classes) and all(i == element.get("id") for i in ids)


@lru_cache(maxsize=4096)
def _parts(step: str) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    """The tag, the classes and the ids that a step of a selector names."""
    tag = re.match(r"[A-Za-z][A-Za-z0-9]*", step)
    names = _NAME.findall(step)
    classes, ids = (tuple(n[1:] for n in names if n[0] == mark) for mark in ".#")
    return tag[0].lower() if tag else None, classes, ids
