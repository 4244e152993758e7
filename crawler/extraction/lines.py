"""One pass over a page's tree: its lines of text with what the template says of each (heading, link, slot, side list).

The reader of facts needs other things of a line than the reader of the body (which links it holds, where its inline elements
begin and end, what its slot is called), so it makes its own pass and never looks at the text of long paragraphs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from lxml.html import HtmlElement

from crawler.extraction.blocks import BLOCK_TAGS, SKIPPED_TAGS
from crawler.extraction.hidden import is_hidden
from crawler.extraction.nodes import Node, node_of
from crawler.extraction.rules import rules

# What is known of a line or of the elements around it.
LINK, BOLD, CENTER, BIG, ITEM, NAV, ASIDE, TITLE, INFO, CRUMB, TIME, FOOTER, CELL, ARTICLE = (1 << n for n in range(14))
# What an element tells about itself only, not about what stands inside its blocks.
_OWN = TITLE | INFO

MARK = "\x1f"  # stands where an inline element begins or ends
LONG = 400  # characters; a longer line is a paragraph of the body, never a fact

_TAG_FLAGS = {
    "b": BOLD,
    "strong": BOLD,
    "center": CENTER,
    "big": BIG,
    "li": ITEM,
    "nav": NAV,
    "aside": ASIDE,
    "footer": FOOTER | ASIDE,
    "article": ARTICLE,
    "time": TIME,
    "dd": CELL,
    "dt": CELL,
    "td": CELL,
    "th": CELL | BOLD,
}
_HEADING = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_SLOT_FLAGS = {"title": TITLE, "info": INFO, "crumb": CRUMB, "aside": ASIDE}
_BIG_STYLE = re.compile(
    r"font-size\s*:\s*(?:1[6-9]|[2-9]\d)(?:\.\d+)?\s*(?:px|pt)|font-size\s*:\s*(?:x{0,2}-large|1\.[3-9]|2)"
)
_MAYBE_HIDDEN = re.compile(r"none|hidden|size|opacity|olor|-\d\d|clip|collapse")
_RELATIVE = re.compile(r"前|昨|今|ago|刚刚|剛剛")
_FULL_DATE = re.compile(r"^\s*(?:19|20)\d\d[-/.年]\d")
_SPACE = re.compile(r"[ \t\r\n]{2,}|[\t\r\n]")


# Full-width forms to ASCII and every white space to a plain space, one character for one, so that offsets stay true.
_HALF = (
    {c: c - 0xFEE0 for c in range(0xFF01, 0xFF5F)}
    | {ord(c): " " for c in "\u3000\xa0\t\r\n\x0b\x0c\u2002\u2003\u2009\u200b\ufeff\u200c\u200d"}
    | {0xFE30: ":", 0x2236: ":", 0xFE55: ":"}
)


_TO_HALVE = re.compile("[" + "".join(re.escape(chr(c)) for c in _HALF if chr(c) != " ") + "]")
_HALVED = {chr(c): v if isinstance(v, str) else chr(v) for c, v in _HALF.items()}


def _halved(m: re.Match[str]) -> str:
    return _HALVED[m[0]]


def half_width(text: str) -> str:
    """The text with full-width forms as ASCII and white space as plain spaces, of the same length: rules match on this."""
    # few characters of a text are wide: one look at each of those is quicker than a table for all
    return _TO_HALVE.sub(_halved, text)


_short_half = lru_cache(maxsize=4096)(half_width)


@dataclass(slots=True, eq=False)
class Line:
    """One line as a reader sees it.

    raw: text with runs of plain white space as one space and MARK where inline elements begin and end; text: without marks, white space
    folded to one space; flags: what the template says (LINK …); level: 1 to 6 inside a heading, else 0; links: (start, end, address)
    offsets into raw; times: machine-readable stamps of <time datetime> in it; linked: characters in links;
    long: a paragraph of the body, whose text is not looked at; notes: for
    readers to keep what they found in it.
    """

    element: HtmlElement
    index: int
    raw: str
    flags: int
    level: int
    links: list[tuple[int, int, str]] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    linked: int = 0
    text: str = ""
    long: bool = False
    notes: object = None
    _half: str | None = None

    @property
    def half(self) -> str:
        """raw in half-width forms (see half_width), with the marks."""
        if self._half is None:
            self._half = half_width(self.raw) if self.long else _short_half(self.raw)
        return self._half

    @property
    def is_linked(self) -> bool:
        """More than half of it stands in links."""
        return self.linked * 2 > (len(self.text) or len(self.raw))


@lru_cache(maxsize=8192)
def slot_flags(names: str) -> int:
    """Flags that a class or id attribute gives its element (TITLE, INFO, CRUMB, ASIDE)."""
    found = 0
    lowered = names.lower()
    if (parted := _CAMEL.sub("-", names)) != names:  # titleName is a name of two words as well
        lowered = f"{lowered} {parted.lower()}"
    for rule in rules("facts", "slots"):
        if rule.pattern.search(lowered):
            found |= _SLOT_FLAGS[rule.value]
    # 'info' is the weakest word of a template: page-info-title is a title, sidebar-info is a side bar.
    return found & ~INFO if found & (TITLE | CRUMB | ASIDE) else found


_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@lru_cache(maxsize=8192)
def _style_flags(style: str) -> int:
    lowered = style.lower()
    found = BIG if _BIG_STYLE.search(lowered) else 0
    if "center" in lowered and "text-align" in lowered:
        found |= CENTER
    if "bold" in lowered:
        found |= BOLD
    return found


def _font_size(size: str) -> int:
    return BIG if size.strip() in ("4", "5", "6", "7", "+1", "+2", "+3", "+4") else 0


# the lines of a template stand on each of a site's pages
@lru_cache(maxsize=4096)
def _shown_text(raw: str) -> str:
    return " ".join(raw.replace(MARK, "").split())


_TELLING = frozenset(("class", "id", "style", "align", "size", "datetime", "itemprop", "hidden", "title"))


def read_lines(root: HtmlElement | Node) -> list[Line]:
    """The visible lines under `root` in reading order; lines without text are left out."""
    top = root if isinstance(root, tuple) else node_of(root)
    lines: list[Line] = []
    parts: list[str] = []
    links: list[tuple[int, int, str]] = []
    times: list[str] = []
    size = linked = flags_any = level_any = 0
    owner = top[0]

    def flush() -> None:
        nonlocal size, linked, flags_any, level_any
        raw = "".join(parts)
        if size > LONG:
            lines.append(Line(owner, len(lines), raw, flags_any, level_any, links[:], times[:], linked, "", True))
        elif text := _shown_text(raw):
            lines.append(Line(owner, len(lines), raw, flags_any, level_any, links[:], times[:], linked, text))
        parts.clear()
        links.clear()
        times.clear()
        size = linked = flags_any = level_any = 0

    def add(text: str, block: HtmlElement, flags: int, level: int) -> None:
        nonlocal size, linked, flags_any, level_any, owner
        if "\n" in text or "  " in text or "\t" in text:
            text = _SPACE.sub(" ", text)
        if not size:
            if text.isspace():
                return
            owner = block
            level_any = level
        flags_any |= flags
        parts.append(text)
        size += len(text)
        if flags & LINK:
            linked += len(text)

    def walk(node: Node, block: HtmlElement, flags: int, level: int) -> None:
        nonlocal size
        element, tag, attributes, text, children, _ = node
        if tag == "br" or tag == "hr":
            if size:
                flush()
            return
        if tag in SKIPPED_TAGS or not isinstance(tag, str):
            return
        stamp = instead = None
        is_block = tag in BLOCK_TAGS
        if is_block:
            if size:
                flush()
            block = element
            flags &= ~_OWN if tag in ("div", "section", "table") else -1
        for name, value in attributes:
            if name not in _TELLING:
                continue
            if name == "class" or name == "id":
                # <span class=right> only floats; a side column is a block
                flags |= slot_flags(value) if is_block else slot_flags(value) & ~ASIDE
            elif name == "style":
                flags |= _style_flags(value)
                if _MAYBE_HIDDEN.search(value) and is_hidden(element):
                    return
            elif name == "align":
                if value.lower() == "center":
                    flags |= CENTER
            elif name == "size":
                if tag == "font":
                    flags |= _font_size(value)
            elif name == "datetime":
                stamp = value
            elif name == "itemprop":
                if value in ("datePublished", "dateCreated") and tag != "meta":
                    stamp = element.get("content") or stamp
            elif name == "hidden":
                if is_hidden(element):
                    return
            elif name == "title" and tag != "a" and _FULL_DATE.match(value):
                instead = value
        if tag != "footer" or not flags & ARTICLE:  # the foot of an article is no foot of the page
            flags |= _TAG_FLAGS.get(tag, 0)
        level = _HEADING.get(tag, level)
        begin = -1
        if tag == "a":
            flags |= LINK
            begin = size
        if not is_block and size:
            parts.append(MARK)
            size += 1
            begin += begin >= 0
        if instead and _RELATIVE.search(text or ""):
            text = instead
        if text:
            add(text, block, flags, level)
        for child in children:
            walk(child, block, flags, level)  # noqa: F821  deleted when it has ended
            if tail := child[5]:
                add(tail, block, flags, level)
        if begin >= 0 and size > begin:
            links.append((begin, size, element.get("href") or ""))
        if stamp:
            times.append(stamp)
        if not size:
            return
        if is_block:
            flush()
        else:
            parts.append(MARK)
            size += 1

    walk(top, owner, 0, 0)
    del walk  # a function that calls itself is a circle, see read_blocks
    if size:
        flush()
    return lines
