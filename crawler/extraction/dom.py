"""Text to tree, with the caps that keep a hostile page from holding a worker: bytes, tags, attributes, depth.

Measured: one tag with 50,000 attributes (0.4 MB) holds lxml for 47 s; libxml2 drops what is nested deeper than about 250
levels unless huge_tree is set.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import islice

from lxml import etree
from lxml.cssselect import CSSSelector
from lxml.html import HtmlElement, document_fromstring

from crawler.extraction.blocks import BLOCK_TAGS
from crawler.extraction.decode import decode
from crawler.extraction.embedded import embedded_text, may_hold_text
from crawler.extraction.hidden import apply, is_hidden, telling_selectors
from crawler.extraction.nodes import Node, node_and_depth, node_of

MAX_BYTES = 4 * 1024 * 1024  # a speech of 4 MiB of HTML does not exist; the largest real page seen is 0.5 MB
MAX_TAGS = 40_000
MAX_TAG_CHARS = 4_000  # a longer tag keeps its name only: data: addresses and attribute bombs
MAX_DEPTH = 200

_LONG_TAG = re.compile(rf"<([A-Za-z][A-Za-z0-9]*)[^<>]{{{MAX_TAG_CHARS},}}>?")
_TAG = re.compile(r"<[A-Za-z]")
_NOISE = re.compile(r"<(script|style|noscript|template|iframe|svg|object|textarea|select)\b|<!--", re.IGNORECASE)
_NOISE_END = {
    name: re.compile(rf"</{name}\s*>", re.IGNORECASE)
    for name in ("script", "style", "noscript", "template", "iframe", "svg", "object", "textarea", "select")
} | {"": re.compile("-->")}
_SHEET = re.compile(r"<style\b[^<>]{0,500}>\s{0,9}(?:<!--)?([^<]*)", re.IGNORECASE)
# what no reader sees: control characters, and those of no width, with which sites break their sentences against copying
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffe\uffff\ud800-\udfff]"
)
_NO_WIDTH = re.compile(
    r"&(?:#(?:0*(?:173|820[3-7]|823[4-8]|828[89]|829[0-2]|65279)|x0*(?:ad|200[b-f]|202[a-e]|206[0-4]|feff))(?:;|(?![0-9a-f]))"
    r"|(?:shy|zwn?j|lrm|rlm|ZeroWidthSpace|NoBreak);)",
    re.IGNORECASE,
)
# markup that was escaped once too often, so that readers see its names: &amp;nbsp; and &lt;p&gt;
_TWICE = re.compile(
    r"&amp;((?:nbsp|[en]msp|ensp|thinsp|[lr][sd]quo|hellip|[mn]dash|middot|bull|times|quot|laquo|raquo|yen|deg|permil"
    r"|#0*(?:1[6-9]\d|[2-9]\d\d|\d{4,6})|#[xX]0*(?:[a-fA-F][0-9a-fA-F]|[0-9a-fA-F]{3,5}));)"
)
_SHOWN_TAG = re.compile(
    r"&lt;(/?(?:p|br|div|span|strong|b|font|section|h[1-6]|em|u|li|ul|ol|o:p)(?=[\s/&])(?:[^&<>]|&(?:quot|amp|apos|nbsp|#\d{1,5});){0,400}?)&gt;",
    re.IGNORECASE,
)
_SHOWN_ENDS = re.compile(r"&lt;(?:/p|br\s{0,3}/?|/div)&gt;", re.IGNORECASE)
_LEAST_SHOWN = 3  # ends of lines by such markup that make it more than a mention
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


@dataclass(slots=True)
class Document:
    """A parsed page: tree without scripts, styles and comments; what had to be capped is in `flags`.

    linked_data: texts of its JSON-LD scripts, not parsed. node: the tree as plain values, which also keeps every element, so that lxml makes
    its Python side only once; who changes the tree makes it anew.
    """

    root: HtmlElement
    url: str | None
    charset: str
    node: Node = field(repr=False)
    flags: list[str] = field(default_factory=list)
    linked_data: list[str] = field(default_factory=list)

    @property
    def body(self) -> Node:
        """Its <body>, or all of it where there is none."""
        return next((n for n in self.node[4] if n[1] == "body"), self.node)


def _parser() -> etree.HTMLParser:
    """A parser whose elements are of one class: lxml.html's asks Python for the class of each."""
    parser = etree.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True, collect_ids=False)
    parser.set_element_class_lookup(etree.ElementDefaultClassLookup(element=HtmlElement))
    return parser


def parse(body: bytes, content_type: str | None = None, url: str | None = None) -> Document:
    """Decode and parse a page. Never raises for bad HTML; an empty page gives an empty tree."""
    flags: list[str] = []
    if len(body) > MAX_BYTES:
        body, flags = body[:MAX_BYTES], ["capped_bytes"]
    decoded = decode(body, content_type)
    if decoded.replaced:
        flags.append("lost_characters")
    text = _as_meant(_CONTROL.sub("", _XML_DECLARATION.sub("", decoded.text)))
    if any(">" not in p[:MAX_TAG_CHARS] for p in _long_pieces(text)):
        text, cut = _LONG_TAG.subn(r"<\1>", text)
        if cut:
            flags.append("capped_attributes")
    linked_data = _linked_data(text)
    telling = telling_selectors(_SHEET.findall(text)) if "<style" in text or "<STYLE" in text else []
    text = _to_its_end(_without_noise(text))
    if text.count("<") > MAX_TAGS and (m := next(islice(_TAG.finditer(text), MAX_TAGS, None), None)):
        text = text[: m.start()]
        flags.append("capped_tags")
    root, alive = _tree(text), []
    if root.getnext() is not None:  # what stands behind its end may be deep as well
        _flatten(root, flags)
    if telling:
        apply(alive := list(root.iter()), telling)
    node, depth = node_and_depth(root)
    del alive
    # as seldom any is, and to look for it beforehand takes a twentieth of parsing
    if depth >= MAX_DEPTH and "flattened" not in flags:
        root = _tree(text)
        _flatten(root, flags)
        if telling:
            apply(root.iter(), telling)
        node = node_of(root)
    return Document(root, url, decoded.charset, node, flags, linked_data)


def _tree(text: str) -> HtmlElement:
    try:
        root = document_fromstring(text, parser=_parser())
    except (etree.ParserError, ValueError, AssertionError):
        return document_fromstring("<html><body></body></html>")
    # <a name="OLE_LINK1"> around what was pasted is a place to lead to, and no link
    for anchor in [a for a in root.iter("a") if a.get("href") is None and a.get("name") is not None]:
        anchor.tag = "span"
    return root


def _long_pieces(text: str) -> Iterator[str]:
    """What stands between two opening brackets and is longer than a tag may be."""
    at = -1
    while len(text) - at - 1 > MAX_TAG_CHARS:
        near = text.rfind("<", at + 1, at + MAX_TAG_CHARS + 2)
        if near < 0:
            near = text.find("<", at + MAX_TAG_CHARS + 2)
            yield text[at + 1 : near if near >= 0 else len(text)]
            if near < 0:
                return
        at = near


def _as_meant(text: str) -> str:
    """The page without characters of no width, and with markup as markup where it was escaped once too often."""
    text = _NO_WIDTH.sub("", text)
    if "&amp;" in text:
        text = _TWICE.sub(r"&\1", text)
    if "&lt;" in text and len(_SHOWN_ENDS.findall(text)) >= _LEAST_SHOWN:
        text = _SHOWN_TAG.sub(lambda m: f"<{html.unescape(m[1])}>", text)
    return text


def _to_its_end(text: str) -> str:
    """A page whose template closes it above its text, without that: what stands behind </html> has a root of its own, which nobody reads."""
    at = min((i for tag in ("</html", "</HTML") if (i := text.find(tag)) >= 0), default=len(text))
    if len(text) - at < _MIN_FIELD or len(_WIDE.findall(text, at)) < _MIN_FIELD:
        return text
    return _CLOSED.sub("", text)


def _without_noise(text: str) -> str:
    """The page without scripts, styles, forms' choices and comments; one pass, also where they are never closed.

    A page that shows no running text, for its script would write it, gets the text that it carries along for that (embedded.py).
    """
    kept: list[str] = []
    carried: list[tuple[str, str]] = []
    at = 0
    unclosed: set[str] = set()
    while m := _NOISE.search(text, at):
        name = (m[1] or "").lower()
        end = None if name in unclosed else _NOISE_END[name].search(text, m.end())
        if end is None:
            unclosed.add(name)
            kept.append(text[at : m.end()])
            at = m.end()
            continue
        kept.append(text[at : m.start()])
        if name == "textarea" and (shown := _text_of_field(text, m, end)):
            kept.append(shown)
        elif may_hold_text(name, inner := text[m.end() : end.start()]):
            carried.append((name, inner))
        at = end.end()
    kept.append(text[at:])
    page = "".join(kept)
    if carried and (shown := embedded_text(carried, page)):
        foot = page.lower().rfind("</body")
        page = page + shown if foot < 0 else page[:foot] + shown + page[foot:]
    return page


_MIN_FIELD = 150  # Chinese characters of running text in a form's field, from which on it is what the page shows
_CLOSED = re.compile(r"</(?:html|body)[^>]*>", re.IGNORECASE)
_WIDE = re.compile(r"[\u4e00-\u9fff]")


def _text_of_field(text: str, start: re.Match[str], end: re.Match[str]) -> str | None:
    """A long text in a form's text field as a block of the page; None where the field is one to write in, or a copy of the page's text."""
    inner = text[start.end() : end.start()].partition(">")[2]
    if len(_WIDE.findall(inner)) < _MIN_FIELD or not re.search("[\u3002\uff01\uff1f]", inner):
        return None
    shown = html.unescape(inner)
    longest = max(re.split(r"[\r\n]+|<[^<>]*>", shown), key=len).strip()
    key = longest[:24]
    if text.count(key, 0, start.start()) or text.count(key, end.end()):
        return None  # a field to copy from, beside the text itself
    if not re.search(r"<(?:p|br|div)\b", shown, re.IGNORECASE):
        shown = "<br>".join(html.escape(line, quote=False) for line in re.split(r"\r?\n|\r", shown))
    return f"<div>{shown}</div>"


def _linked_data(text: str, most: int = 4) -> list[str]:
    """Texts of the first JSON-LD scripts, found by plain search: a pattern would crawl on a page of unclosed scripts."""
    found: list[str] = []
    at = text.find("ld+json")
    while at >= 0 and len(found) < most:
        start = text.find(">", at) + 1
        end = text.find("</script", start) if start else -1
        if end < 0:
            break
        found.append(text[start : min(end, start + 20_000)])
        at = text.find("ld+json", end)
    return found


_DEEPEST = etree.XPath("/*" * MAX_DEPTH + "[*]")


def _flatten(root: HtmlElement, flags: list[str]) -> None:
    """Unwrap what is nested deeper than MAX_DEPTH, keeping its text, order and lines (later readers recurse).

    In one pass a subtree: unwrapping element by element moves what lies deepest again and again.
    """
    found = _DEEPEST(root)
    holders = [e for e in found if isinstance(e, HtmlElement)] if isinstance(found, list) else []
    if not holders:
        return
    flags.append("flattened")
    for holder in holders:
        lines: list[list[str]] = [[holder.text or ""]]
        unseen: HtmlElement | None = None  # the hidden element inside which the walk is
        for event, element in etree.iterwalk(holder, events=("start", "end")):
            if element is holder:
                continue
            if unseen is not None:
                if element is unseen and event == "end":
                    unseen = None
                    lines[-1].append(element.tail or "")
                continue
            if event == "start" and is_hidden(element):
                unseen = element
                continue
            if (element.tag == "br" and event == "start") or element.tag in BLOCK_TAGS:
                lines.append([])
            lines[-1].append((element.text if event == "start" else element.tail) or "")
        del holder[:]
        holder.text = "".join(lines[0])
        for line in lines[1:]:
            etree.SubElement(holder, "br").tail = "".join(line)


@cache
def _selector(css: str) -> CSSSelector:
    return CSSSelector(css)


def select(root: HtmlElement, css: str) -> list[HtmlElement]:
    """The elements under `root` that a CSS selector finds, in document order."""
    found = _selector(css)(root)
    return [e for e in found if isinstance(e, HtmlElement)] if isinstance(found, list) else []
