"""Completeness: what the lists of a site say they hold, against what was fetched of them. Pure, over what the state keeps of list pages.

Kept of a list page (column `stated`, JSON): `list`, the key of the whole list; `n`, its number in it; `items`, `pages`, what it says;
`said`, its words; `found`, checksums of the keys of the items that it names.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

ENOUGH = 0.9  # share of the items that a list says it has, which is as good as all: items are linked twice, or hidden
MOST_ITEMS = 300  # items of one page that are kept
MOST_TOLD = 50  # lists that are told of a site


@dataclass(frozen=True, slots=True)
class ListCount:
    """One list that says how much it holds. list: key of the whole; complete: whether what was seen is what was stated."""

    list: str
    said: str
    pages_stated: int | None
    pages_seen: int
    items_stated: int | None
    items_seen: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Completeness:
    """What a site's lists say. short: those of which less was seen, the worst first, MOST_TOLD at most."""

    stated: int
    complete: int
    short: tuple[ListCount, ...]

    def as_json(self) -> dict[str, Any]:
        """As the crawl prints it."""
        return {"lists_stated": self.stated, "lists_complete": self.complete, "lists": [asdict(x) for x in self.short]}


def mark(key: str) -> str:
    """The checksum by which an item is known."""
    return f"{zlib.crc32(key.encode()):08x}"


def kept(whole: str, n: int, items: int | None, pages: int | None, said: str, found: Iterable[str]) -> str:
    """What is kept of a list page. found: keys of the items that it names."""
    marks = list(dict.fromkeys(map(mark, found)))[:MOST_ITEMS]
    value: dict[str, Any] = {"list": whole, "n": n, "found": " ".join(marks)}
    value |= {k: v for k, v in (("items", items), ("pages", pages), ("said", said)) if v not in (None, "")}
    return json.dumps(value, ensure_ascii=False)


def completeness(pages: Mapping[str, str]) -> Completeness:
    """pages: what is kept of each list page that was fetched, by key."""
    lists: dict[str, list[dict[str, Any]]] = {}
    for _key, text in sorted(pages.items()):
        value = json.loads(text)
        lists.setdefault(value["list"], []).append(value)
    found = [count for name, of in sorted(lists.items()) if (count := _count(name, of)) is not None]
    short = sorted((x for x in found if not x.complete), key=lambda x: (_share(x), x.list))
    return Completeness(len(found), len(found) - len(short), tuple(short[:MOST_TOLD]))


def _count(name: str, pages: list[dict[str, Any]]) -> ListCount | None:
    """One list from its pages; None when none of them says how much it holds."""
    pages = sorted(pages, key=lambda p: p["n"])
    # the first page is looked at most often: what it says is the newest
    stated_pages = next((p["pages"] for p in pages if "pages" in p), None)
    stated_items = next((p["items"] for p in pages if "items" in p), None)
    if stated_pages is None and stated_items is None:
        return None
    said = next(p["said"] for p in pages if "said" in p)
    numbers = {p["n"] for p in pages if stated_pages is None or p["n"] <= stated_pages}
    times: Counter[str] = Counter()
    for page in pages:
        times.update(page["found"].split())
    # what stands on most pages of a list is beside it: recommended, most read
    items = sum(1 for n in times.values() if len(pages) < 3 or n <= len(pages) / 2)
    whole = (stated_pages is None or len(numbers) >= stated_pages) and (
        stated_items is None or items >= ENOUGH * stated_items
    )
    return ListCount(name, said, stated_pages, len(numbers), stated_items, items, whole)


def _share(x: ListCount) -> float:
    shares = [x.pages_seen / x.pages_stated] if x.pages_stated else []
    shares += [x.items_seen / x.items_stated] if x.items_stated else []
    return min(shares, default=1.0)
