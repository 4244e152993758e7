"""Tree to lines: the visible text of a page as a list of blocks, one block a paragraph as a reader sees it.

Block elements and `<br>` break; so do, inside one element, runs of ideographic or no-break spaces after the end of a
sentence and line breaks before such an indent (old table layouts write whole speeches into one cell). Hidden anti-copy text
is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from lxml.html import HtmlElement

from crawler.extraction.hidden import HIDING, is_hidden, is_hidden_class
from crawler.extraction.nodes import Node, node_of
from crawler.extraction.plain import plain

BLOCK_TAGS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "button",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "dir",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "frameset",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hgroup",
        "hr",
        "html",
        "legend",
        "li",
        "listing",
        "main",
        "menu",
        "nav",
        "ol",
        "option",
        "p",
        "plaintext",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
        "xmp",
    ]
)
SKIPPED_TAGS = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "iframe",
        "svg",
        "object",
        "embed",
        "textarea",
        "select",
        "input",
        "img",
        "video",
        "audio",
        "canvas",
        "map",
        "area",
        "head",
        "title",
        "meta",
        "link",
        "param",
        "rp",
        "rt",
    ]
)
PRE_TAGS = frozenset(("pre", "xmp", "listing", "plaintext"))
HEADING_TAGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
BOLD_TAGS = frozenset(("b", "strong", "h1", "h2", "h3", "h4", "h5", "h6", "th"))

_BLOCK_STYLE = re.compile(r"display\s*:\s*(?:block|flex|grid|table|list-item)", re.IGNORECASE)

_WHITE_SPACE = re.compile(r"white-space\s*:\s*(pre|break-spaces)?", re.IGNORECASE)
_OTHER_BLANKS = re.compile("[\u2002\u2003]")  # blanks of one and of half a character's width, with which others indent

_INDENT_BREAK = re.compile(
    # behind the end of a sentence: white space with two or more ideographic or three or more no-break spaces in it
    r"(?<=[\u3002!?;:\uff01\uff1f\uff1b\uff1a\u2026\u201d\u2019\u300d\u300f)\uff09])"
    r"(?=[ \t\r\n\xa0\u3000]*(?:\u3000{2}|(?:\xa0[ \t\r\n]*){3}))[ \t\r\n\xa0\u3000]+(?=\S)"
    # a line break before an indent
    r"|\r?\n[ \t]*(?=\u3000\u3000|\xa0\xa0\xa0)"
)
# a heading without an end in a text whose paragraphs are parted by indents alone
_HEAD_BREAK = re.compile(
    r"(^[\s\u3000\xa0]*(?:[一二三四五六七八九十]{1,3}[、.．]|[（(][一二三四五六七八九十\d]{1,3}[)）]|第[一二三四五六七八九十]{1,3}[、，：:]?|\d{1,2}[、.．])"
    r"[^。！？；\s\u3000\xa0]{2,40})[ \t\r\n]*(?:\u3000{2}|(?:\xa0[ \t\r\n]*){3})[ \t\r\n\xa0\u3000]*(?=\S)"
)
# lines above such a text that have no end either: its title, a line of dashes, a day, who speaks, before the form of address
_GAP = r"[ \t\r\n]*(?:\u3000{2}|(?:\xa0[ \t\r\n]*){3})[ \t\r\n\xa0\u3000]*"
_LEAD_BREAK = re.compile(
    rf"(?<=日){_GAP}(?=\S)"
    rf"|(?<=\S){_GAP}(?=(?:19|20)\d\d\s?年|[一二][〇○零九]|[【（(\[]|[—─―]|[一1][、.．]|同志|各位|尊敬|敬爱|亲爱)"
)
_KEPT = re.compile("[\u3000\xa0\u2002\u2003]")
_INDENT = re.compile(r"[ \t\r\n]*(?:\u3000|\xa0{2})")
_BLANKS = re.compile(r"^[ \t]{2,}(?=\S)")
_SPACE = re.compile(r"[\s\u200b\ufeff\u00ad]+")
_WIDE = r"\u00b7\u2014\u2018\u2019\u201c\u201d\u2026\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f"
_WRAP = re.compile(rf"(?<=[{_WIDE}])[ \t]*[\r\n]+[ \t]*(?=[{_WIDE}])")


@dataclass(slots=True)
class Block:
    """One line of text as a reader sees it.

    element: the nearest block element; text: white space folded; folded: its plain view (Simplified, half-width, same
    length), which is what rules are searched in; size: characters without white space; link, bold: how
    many of them stand in links and in bold; links: the links whose text is in it, for its element may hold other lines too;
    indent: the line begins with ideographic or no-break spaces, as a paragraph does;
    furniture: whether it is a line of the page's furniture by its words (density.is_furniture keeps its answer here).
    standing: the site's profile knows it as a text that stands on many pages, and is no body. page, index: which block of which
    in-article page it is (from 0); also: those that were joined to it, so that the end of each can be told.
    """

    element: HtmlElement
    text: str
    size: int
    link: int
    bold: int
    index: int
    folded: str
    indent: bool = False
    furniture: bool | None = None
    standing: bool = False
    page: int = 0
    also: tuple[tuple[int, int], ...] = ()
    links: tuple[HtmlElement, ...] = ()
    is_linked: bool = field(init=False)  # more than half of it stands in links

    def __post_init__(self) -> None:
        self.is_linked = self.link * 2 > self.size

    @property
    def keys(self) -> tuple[tuple[int, int], ...]:
        """(page, index) of every block of the pages that is in it."""
        return ((self.page, self.index), *self.also)

    @property
    def tag(self) -> str:
        return str(self.element.tag)

    @property
    def is_heading(self) -> bool:
        """A heading element, or bold throughout."""
        return self.tag in HEADING_TAGS or (self.size > 0 and self.bold >= self.size)


def with_text(block: Block, text: str) -> Block:
    """The block with another text in the same place."""
    size = len(text) - text.count(" ")
    link = min(block.link, size) if block.is_linked else 0  # what was a link stays one
    return Block(block.element, text, size, link, 0, block.index, plain(text), block.indent, page=block.page, also=block.also,
                 links=block.links)  # fmt: skip


def joined(block: Block, following: Block, text: str | None = None) -> Block:
    """Two blocks as one, in the place of the first. text: of the second, where it is not its own."""
    one = with_text(block, block.text + (following.text if text is None else text))
    one.also = (*block.also, *following.keys)
    return one


def fold_space(text: str) -> str:
    """Fold white space: a line break between two wide characters is a hard wrap and vanishes, the rest is one space."""
    if "\n" in text:
        text = _WRAP.sub("", text)
    return _SPACE.sub(" ", text).strip()


def _size(text: str) -> int:
    return len(text) - text.count(" ")


_SHORT = 200  # characters of a line that a template may have


def _pieces(raw: str) -> tuple[tuple[str, int, str, bool], ...]:
    """The lines that one block's text is read as: text, size, plain view and whether it is indented, of each."""
    if _OTHER_BLANKS.search(raw):
        raw = raw.replace("\u2003", "\u3000").replace("\u2002", "\xa0")
    split = _INDENT_BREAK.split(raw) if ("\u3000" in raw or "\xa0" in raw) else [raw]
    if len(split) > 2:
        split = [part for p in split for part in _HEAD_BREAK.split(p) if part]
        split[:1] = _LEAD_BREAK.split(split[0])
    return tuple(
        (t, _size(t), plain(t), bool(k) or bool(_INDENT.match(p))) for k, p in enumerate(split) if (t := fold_space(p))
    )


# the lines of a template stand on each of a site's pages
_short_pieces = lru_cache(maxsize=4096)(_pieces)


def read_blocks(root: HtmlElement | Node, *, hidden_boxes: bool = False) -> list[Block]:
    """The visible text under `root` in reading order; blocks without text are left out. hidden_boxes: with what stands in hidden block
    elements, for a page that hides all it has until a script shows it."""
    top = root if isinstance(root, tuple) else node_of(root)
    blocks: list[Block] = []
    parts: list[str] = []
    links: list[HtmlElement] = []
    link = bold = 0
    owner = top[0]

    def flush() -> None:
        nonlocal link, bold
        if not parts:
            return
        raw = "".join(parts)
        parts.clear()
        here: tuple[HtmlElement, ...] = ()
        if links:
            here = tuple(links)
            links.clear()
        pieces = _short_pieces(raw) if len(raw) <= _SHORT else _pieces(raw)
        if len(pieces) == 1:
            t, size, view, indent = pieces[0]
            blocks.append(Block(owner, t, size, link, bold, len(blocks), view, indent, links=here))
        elif pieces:
            total = sum(p[1] for p in pieces) or 1
            for t, size, view, indent in pieces:
                whole = size == total
                here_link = link if whole else link * size // total
                here_bold = bold if whole else bold * size // total
                blocks.append(Block(owner, t, size, here_link, here_bold, len(blocks), view, indent, links=here))
        link = bold = 0

    def add(text: str, block: HtmlElement, in_link: HtmlElement | None, in_bold: bool) -> None:
        nonlocal link, bold, owner
        if not parts:
            if text.isspace() and (text.isascii() or not _KEPT.search(text)):
                return  # white space between elements; an indent is kept, for it tells a paragraph's beginning
            owner = block
        parts.append(text)
        if in_link is not None or in_bold:
            n = len("".join(text.split()))
            if in_link is not None:
                link += n
                if n and (not links or links[-1] is not in_link):
                    links.append(in_link)
            if in_bold:
                bold += n

    def add_lines(text: str, block: HtmlElement, in_link: HtmlElement | None, in_bold: bool) -> None:
        """Preformatted text: each line is a line, blanks in front of it are an indent."""
        for n, line in enumerate(text.split("\n")):
            if n:
                flush()
            add(_BLANKS.sub("\u3000\u3000", line) if n or not parts else line, block, in_link, in_bold)

    def walk(node: Node, block: HtmlElement, in_link: HtmlElement | None, in_bold: bool, pre: bool = False) -> None:
        element, tag, attributes, text, children, _ = node
        if tag == "br":
            if parts:
                flush()
            return
        if tag in SKIPPED_TAGS or not isinstance(tag, str):
            return
        style = None
        may_hide = False
        for name, value in attributes:
            if name == "class":
                may_hide = may_hide or is_hidden_class(value)
            elif name == "style":
                style = value
                may_hide = True
            elif name in HIDING:
                may_hide = True
        if may_hide and is_hidden(element) and not (hidden_boxes and tag in BLOCK_TAGS):
            return
        is_block = tag in BLOCK_TAGS or (style is not None and _BLOCK_STYLE.search(style) is not None)
        if is_block:
            if parts:
                flush()
            block = element
        if tag == "a":
            in_link = element
        in_bold = in_bold or tag in BOLD_TAGS
        pre = pre or tag in PRE_TAGS
        if style is not None and "white" in style and (said := _WHITE_SPACE.search(style)):
            pre = said[1] is not None
        put = add_lines if pre else add
        if text:
            put(text, block, in_link, in_bold)
        for child in children:
            walk(child, block, in_link, in_bold, pre)  # noqa: F821  deleted when it has ended
            if text := child[5]:
                put(text, block, in_link, in_bold)
        if is_block and parts:
            flush()

    walk(top, owner, None, False)
    del walk  # a function that calls itself is a circle: all of the page would stay until Python looks for garbage
    flush()
    return blocks


def place(element: HtmlElement, depth: int = 4) -> str:
    """Where an element stands in the page's template: tags with id and classes, digits folded, of the nearest ancestors.

    Two pages of one template give the same place for the same slot: `div.left>div.content>p`.
    """
    steps: list[str] = []
    node: HtmlElement | None = element
    while node is not None and len(steps) < depth and isinstance(node.tag, str) and node.tag not in ("html",):
        steps.append(_step(node.tag, node.get("id"), node.get("class")))
        node = node.getparent()
    return ">".join(reversed(steps))


@lru_cache(maxsize=4096)
def _step(tag: str, own: str | None, classes: str | None) -> str:
    names = [n for n in (own, *(classes or "").split()) if n]
    return ".".join([tag, *(re.sub(r"\d+", "0", n) for n in names[:3])])
