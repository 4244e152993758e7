"""What the elements of a page's head say: <title>, meta elements, JSON-LD."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from crawler.extraction.dom import Document

# A look is enough: such data is often not valid JSON, and only this one string is wanted of it.
MAX_CHARS = 2_000  # a longer <title> or meta element says nothing, and is costly to take apart
_PUBLISHED = re.compile(r'"(?:datePublished|pubDate|dateCreated)"\s*:\s*"([^"]{8,40})"')


@dataclass(slots=True)
class Head:
    """What the elements of <head> say: text of <title>, meta content by lower-cased name, property or itemprop.

    published: date of publication in JSON-LD, as written there.
    """

    title: str = ""
    metas: dict[str, str] = field(default_factory=dict)
    published: str = ""

    def meta(self, *names: str) -> str:
        """Content of the first of these that is there and not empty."""
        return next((self.metas[n] for n in names if self.metas.get(n)), "")


def read_head(doc: Document) -> Head:
    """Title and meta elements, wherever a broken page has left them."""
    head = Head()
    for element in doc.root.iter("title", "meta"):
        if element.tag == "title":
            if not head.title:
                head.title = " ".join("".join(element.itertext())[:MAX_CHARS].split())
            continue
        name = element.get("name") or element.get("property") or element.get("itemprop")
        content = element.get("content")
        if name and content:
            head.metas.setdefault(name.strip().lower(), " ".join(content[:MAX_CHARS].split()))
    for text in doc.linked_data:
        if m := _PUBLISHED.search(text):
            head.published = m[1]
            break
    return head
