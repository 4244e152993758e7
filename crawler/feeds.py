"""RSS, RDF and Atom feeds as sources of addresses: what a feed is, and which pages it names. Pure."""

from __future__ import annotations

import re
from typing import cast

from lxml import etree

MAX_ENTRIES = 5_000
_ROOT = re.compile(rb"^[\s\xef\xbb\xbf]*(?:<\?[^>]*\?>\s*|<!--.*?-->\s*)*<(?:rss|feed|rdf:RDF)[\s>]", re.DOTALL)
_ADDRESS = re.compile(r"^\s*https?://\S+\s*$")


def is_feed(body: bytes) -> bool:
    """Whether a body is a feed, by its root element; media types say nothing reliable."""
    return bool(_ROOT.match(body[:4096]))


def addresses(body: bytes) -> list[str]:
    """The addresses of a feed's entries, as written, in order; what cannot be parsed gives what comes before it."""
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
