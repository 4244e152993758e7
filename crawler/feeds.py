"""RSS, RDF and Atom feeds, and lists as JSON, as sources of addresses: what one is, and which pages it names. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, cast

from lxml import etree

MAX_ENTRIES = 5_000
_ROOT = re.compile(rb"^[\s\xef\xbb\xbf]*(?:<\?[^>]*\?>\s*|<!--.*?-->\s*)*<(?:rss|feed|rdf:RDF)[\s>]", re.DOTALL)
MAX_DATA = 4 * 1024 * 1024  # bytes
MAX_DEPTH = 12
_CALLED = re.compile(r"(?:url|href|link)$", re.IGNORECASE)
_LINK = re.compile(r"^(?:(?:https?:)?/[^\s<>]*|[^\s<>:/]+\.(?:s?html?|php|aspx?|jsp)(?:\?[^\s<>]*)?|\?[^\s<>]+)$")
_BARE = re.compile(
    rb"<!\[CDATA\[.*?\]\]>|&(?!#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|(?:amp|lt|gt|quot|apos);)", re.DOTALL
)  # HTML's entities are none of XML
_HREF = re.compile(r"""<a\b[^<>]{0,200}?\bhref\s*=\s*["']?([^"'\s<>]{1,300})""", re.IGNORECASE)
_ADDRESS = re.compile(r"^\s*https?://\S+\s*$")


def is_feed(body: bytes) -> bool:
    """Whether a body is a feed, by its root element; media types say nothing reliable."""
    return bool(_ROOT.match(body[:4096]))


def escaped(body: bytes) -> bytes:
    """XML with every & as it must be written: many sites write /show?catid=5&id=7 as it is, and a parser makes another address of that."""
    return _BARE.sub(lambda m: b"&amp;" if m[0] == b"&" else m[0], body) if b"&" in body else body


def addresses(body: bytes) -> list[str]:
    """The addresses of a feed's entries, as written, in order; what cannot be parsed gives what comes before it."""
    body = escaped(
        body.removeprefix(b"\xef\xbb\xbf").lstrip()
    )  # behind a blank line a parser that recovers loses every &amp;
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(body, parser)
    if root is None:
        return []
    found: list[str] = []
    for entry in cast("list[etree._Element]", list(root.iter("{*}item", "{*}entry"))[:MAX_ENTRIES]):
        link = _link_of(entry)
        if link:
            found.append(link)
    return list(dict.fromkeys(found))


def _link_of(entry: etree._Element) -> str | None:
    """An entry's link: an element's text, an alternate's address, or an identifier that is an address."""
    spare = None
    for child in entry:
        if not isinstance(child.tag, str):
            continue
        name = etree.QName(child).localname
        if name == "link":
            if href := child.get("href"):
                if child.get("rel", "alternate") == "alternate":
                    return str(href).strip()
            elif child.text and child.text.strip():
                return child.text.strip()
        elif name in ("guid", "id") and child.get("isPermaLink", "true") != "false":
            text = child.text or ""
            if _ADDRESS.match(text):
                spare = text.strip()
    return spare


def read_data(body: bytes) -> Any:
    """What a body of JSON says; None where it is none, or nothing but a word."""
    if body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"[") or len(body) > MAX_DATA:
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, (dict, list)) else None


def data_addresses(data: Any) -> list[str]:
    """The addresses that a list as JSON names, as written, in order: values that are called so, and links in values that are HTML."""
    return list(dict.fromkeys(_told(data, "", 0)))[:MAX_ENTRIES]


def _told(value: Any, name: str, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        if _CALLED.search(name) and _LINK.match(value.strip()):
            yield value.strip()
        elif "<a" in value:
            yield from _HREF.findall(value)
    elif depth < MAX_DEPTH:
        for key, inner in (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        ):
            yield from _told(inner, key if isinstance(key, str) else name, depth + 1)
