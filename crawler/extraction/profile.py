"""What a site's pages tell together that none tells alone: where the body stands, and which lines stand in it everywhere.

A profile is an explicit input of extraction: numbered, immutable, one JSON file (var/profiles/SITE/0001.json). It knows the layouts
of a site, before and after a redesign; which one a page has is told from the page alone. The same pages give the same profile
in any order. A new number is made only where what it says has changed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lxml.html import HtmlElement

from crawler.durable import write_json
from crawler.errors import DamagedError, UsageError
from crawler.extraction.blocks import Block, place, read_blocks
from crawler.extraction.model import PageFacts, PageInput
from crawler.extraction.plain import plain
from crawler.extraction.repetition import LONG_LEAST, LONG_SHARE, Repeated, Seen, repeated_lines, repeated_sentences
from crawler.home import Home
from crawler.site import Site

if TYPE_CHECKING:
    from crawler.extraction.standing import Standing

MIN_PAGES = 5  # fewer pages cannot tell what a site repeats
BODY_SHARE = 0.15  # a place that holds the body on so many of the pages is a body place
MIN_TEXT = 200  # characters of running text that make a page an article for learning
SAME_FRAME = 0.5  # of the classes around two bodies in common, and their pages have one layout
REDESIGN_SHARE = 0.25  # a layout that no profile knows on so many of the pages is a redesign
KEPT_LAYOUTS = 8  # of former layouts those seen last are kept
_STOPS = ("。", "!", "?", ";", ")", "」", "”")
BLOCK = 40  # characters from which a line that is the site's could be taken for a body


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout of a site.

    bodies: places (blocks.place) that hold bodies: what a page is known by. lines: what stands on its pages and is cut (see
    standing.line_key for how it is written); sentences: the same, inside paragraphs. pages: how many were learned from;
    first, last: days (YYYY-MM-DD, UTC) on which its pages were fetched, None where that is not known. The latter three
    and the pages of each line are for people: they change nothing that is read.
    """

    bodies: tuple[str, ...]
    lines: tuple[Repeated, ...] = ()
    sentences: tuple[Repeated, ...] = ()
    pages: int = 0
    first: str | None = None
    last: str | None = None

    @property
    def content(self) -> dict[str, Any]:
        return {
            "bodies": list(self.bodies),
            "lines": [[r.key, r.place] for r in self.lines],
            "sentences": [r.key for r in self.sentences],
        }


@dataclass(frozen=True)
class Profile:
    """What was learned about a site.

    version: its number (0 before it is saved). bodies: places that hold bodies in any layout. lines: lines that are cut, of all layouts.
    layouts: what holds for the pages of one layout, the layout seen last at the end; a page of none is read by what all have.
    blocks: long lines that stand outside the bodies of many pages, and are no body.
    """

    version: int
    site: str
    bodies: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    layouts: tuple[Layout, ...] = ()
    blocks: tuple[str, ...] = ()

    @property
    def content(self) -> dict[str, Any]:
        """What the profile says of how to read, without its number."""
        said: dict[str, Any] = {"bodies": list(self.bodies), "lines": list(self.lines)}
        if self.layouts:
            said["layouts"] = sorted((x.content for x in self.layouts), key=lambda c: c["bodies"])
        if self.blocks:
            said["blocks"] = list(self.blocks)
        return said

    @cached_property
    def _standing(self) -> tuple[dict[str, Standing], Standing]:
        """What is cut by body place, and from pages of no known layout."""
        by_place = {body: _standing_of([layout]) for layout in reversed(self.layouts) for body in layout.bodies}
        return by_place, _standing_of(self.layouts, self.lines)

    def standing(self, body: Sequence[Block]) -> Standing:
        """What is cut from a body; its layout is the one that knows the innermost place around most of its text."""
        by_place, of_all = self._standing
        longest = max(body, key=lambda b: b.size, default=None)
        node: HtmlElement | None = longest.element if longest else None
        while node is not None and by_place:
            if (where := place(node)) in by_place:
                return by_place[where]
            node = node.getparent()
        return of_all

    def mark(self, blocks: Sequence[Block]) -> None:
        """Tell of the long lines that stand on many pages, so that none is taken for a body."""
        if known := self._blocks:
            from crawler.extraction.standing import line_key

            for block in blocks:
                if block.size >= BLOCK and not block.is_linked and line_key(block.folded) in known:
                    block.standing = True

    @cached_property
    def _blocks(self) -> frozenset[str]:
        return frozenset(self.blocks)


def _standing_of(layouts: Sequence[Layout], lines: Sequence[str] = ()) -> Standing:
    from crawler.extraction.standing import Standing

    placed: dict[str, set[str]] = {}
    for layout in layouts:
        for line in layout.lines:
            if line.place is not None:
                placed.setdefault(line.key, set()).add(line.place)
    return Standing(
        frozenset(lines) | {r.key for x in layouts for r in x.lines if r.place is None},
        {key: frozenset(places) for key, places in placed.items()},
        frozenset(r.key for x in layouts for r in x.sentences),
    )


@dataclass(frozen=True, slots=True)
class _Page:
    """What learning keeps of one page. told: its titles; whole: all its unlinked lines; where: place of its body, None when it has none."""

    told: PageFacts
    whole: tuple[Seen, ...]
    where: str | None
    frame: frozenset[str]
    lines: tuple[Seen, ...]
    sentences: tuple[Seen, ...]
    day: str | None


def _observe(page: PageInput, site: Site, known: frozenset[str] = frozenset(), told: PageFacts | None = None) -> _Page:
    """known: long lines that are no body, where that was told from all pages: their whole lines are no longer asked for then. told: the
    page's titles, where they are known."""
    from crawler.extraction.density import find_body, trim
    from crawler.extraction.dom import parse
    from crawler.extraction.facts import read_titles
    from crawler.extraction.standing import line_key, observed, title_forms

    document = parse(page.body, page.content_type, page.url)
    facts = told or read_titles(document, site)
    titles = title_forms(facts.title_raw, facts.title)
    names = {re.sub(r"\s+", "", plain(n)) for n in (site.title, facts.site_title) if n and len(n) >= 3}
    blocks = read_blocks(document.node)
    if known:
        for block in blocks:
            block.standing = block.size >= BLOCK and line_key(block.folded) in known
    # without titles: what holds for every page must be known before the page's facts are
    whole = () if known else observed([b for b in blocks if not b.is_linked], (), names, within=False)[0]
    body = find_body(blocks)
    none = _Page(facts, whole, None, frozenset(), (), (), page.fetched)
    if body is None or body.element.tag in ("body", "html"):  # says nothing of where the text stands
        return none
    kept = trim(blocks[body.first : body.last + 1])
    if sum(b.size for b in kept if not b.is_linked and not b.standing) < MIN_TEXT:
        return none
    lines, inside = observed(kept, titles, names)
    return _Page(facts, whole, place(body.element), _frame(body.element), lines, inside, page.fetched)


def _frame(body: HtmlElement) -> frozenset[str]:
    """The ids and classes of the template around a body."""
    found: set[str] = set()
    for element in body.getroottree().getroot().iter("div", "table", "section", "main", "header", "footer", "ul", "td"):
        for name in (element.get("id"), *(element.get("class") or "").split()[:2]):
            if name:
                found.add(re.sub(r"\d+", "0", name))
    return frozenset(found)


def learn(articles: Iterable[Sequence[PageInput]], site: Site) -> Profile | None:
    """A profile (version 0) from the first pages of a site's articles; None when there are too few to tell.

    Pages whose running text is short (lists, forms) do not count.
    """
    # in an order of their own: nothing may depend on that of the crawl
    firsts = sorted((pages[0] for pages in articles if pages), key=lambda p: (p.url, p.body))
    seen = [_observe(p, site) for p in firsts]
    blocks = _standing_blocks(seen)
    if blocks:
        seen = [
            _observe(p, site, blocks, x.told) if any(s.key in blocks for s in x.whole) else x
            for p, x in zip(firsts, seen, strict=True)
        ]
    pages = [p for p in seen if p.where is not None]
    if len(pages) < MIN_PAGES:
        return None
    bodies = Counter(p.where for p in pages)
    layouts = []
    for places in _same_layout(pages):
        own = [p for p in pages if p.where in places]
        named = tuple(sorted(b for b in places if bodies[b] >= max(3, BODY_SHARE * len(pages))))
        lines = repeated_lines([p.lines for p in own])
        inside = repeated_sentences([p.sentences for p in own])
        days = sorted(p.day for p in own if p.day)
        if named:
            span = (days[0], days[-1]) if days else (None, None)
            layouts.append(Layout(named, lines, inside, len(own), *span))
    return _profile(site.name, layouts, tuple(sorted(blocks)))


def _profile(site: str, layouts: Iterable[Layout], blocks: tuple[str, ...]) -> Profile:
    found = tuple(sorted(layouts, key=lambda x: (x.last or "", x.pages, x.bodies))[-KEPT_LAYOUTS:])
    bodies = tuple(sorted({b for x in found for b in x.bodies}))
    lines = tuple(sorted({r.key for x in found for r in x.lines if r.place is None}))
    return Profile(0, site, bodies, lines, found, blocks)


def _standing_blocks(pages: Sequence[_Page]) -> frozenset[str]:
    """Long lines of whole pages that stand on so many of them that they can be no body."""
    least = max(LONG_LEAST, LONG_SHARE * len(pages))
    sizes = {s.key: s.size for p in pages for s in p.whole}
    found = repeated_lines([p.whole for p in pages])
    # a teaser in a list, which changes by the day, breaks off
    return frozenset(r.key for r in found if sizes[r.key] >= BLOCK and r.pages >= least and r.key.endswith(_STOPS))


def _same_layout(pages: Sequence[_Page]) -> list[frozenset[str]]:
    """The body places, those together whose pages have one frame."""
    frames: dict[str, list[frozenset[str]]] = {}
    for p in pages:
        frames.setdefault(p.where or "", []).append(p.frame)
    usual = {where: _usual(of) for where, of in frames.items()}
    found: list[set[str]] = []
    for where in sorted(usual):
        alike = [group for group in found if any(_alike(usual[where], usual[w]) for w in group)]
        found = [group for group in found if group not in alike] + [{where}.union(*alike)]
    return [frozenset(group) for group in found]


def _usual(frames: Sequence[frozenset[str]]) -> frozenset[str]:
    on = Counter(name for frame in frames for name in frame)
    return frozenset(name for name, n in on.items() if 2 * n >= len(frames))


def _alike(a: frozenset[str], b: frozenset[str]) -> bool:
    return len(a & b) >= SAME_FRAME * len(a | b)


def is_redesign(old: Profile, new: Profile) -> bool:
    """Whether a layout of `new` stands on a good part of its pages and `old` knows none like it."""
    total = sum(x.pages for x in new.layouts)
    return bool(old.bodies) and any(
        not set(x.bodies) & set(old.bodies) and x.pages >= max(MIN_PAGES, REDESIGN_SHARE * total) for x in new.layouts
    )


def with_former(new: Profile, old: Profile) -> Profile:
    """A profile that also keeps the layouts of an older one that no page shows any more, and the days known of the others."""
    layouts = list(new.layouts)
    for was in old.layouts:
        again = [k for k, x in enumerate(layouts) if set(x.bodies) & set(was.bodies)]
        if not again:
            layouts.append(was)
        for k in again:
            days = sorted(d for x in (layouts[k], was) for d in (x.first, x.last) if d)
            layouts[k] = replace(layouts[k], first=days[0] if days else None, last=days[-1] if days else None)
    return _profile(new.site, layouts, new.blocks) if layouts else new


def _files(home: Home, site: str) -> dict[int, Path]:
    return {int(p.stem): p for p in sorted(home.profiles(site).glob("[0-9]*.json")) if p.stem.isdigit()}


def _repeated(values: Any) -> tuple[Repeated, ...]:
    return tuple(Repeated(v["text"], v.get("place"), v["pages"]) for v in values)


def load_profile(home: Home, site: str, version: int | None = None) -> Profile | None:
    """A site's profile of that number, or its newest; None when it has none.

    Raises UsageError for a number that does not exist, DamagedError for a file that cannot be read.
    """
    files = _files(home, site)
    if version is None and not files:
        return None
    number = max(files) if version is None else version
    if number not in files:
        raise UsageError(f"site {site} has no profile {number}", where=str(home.profiles(site)),
                         remedy=f"use one of: {', '.join(map(str, files)) or 'none yet; run jianghua learn'}")  # fmt: skip
    try:
        value = json.loads(files[number].read_text(encoding="utf-8"))
        layouts = tuple(  # the first profiles knew none
            Layout(
                tuple(x["bodies"]), _repeated(x["lines"]), _repeated(x["sentences"]), x["pages"], x["first"], x["last"]
            )
            for x in value.get("layouts", ())
        )
        return Profile(
            value["version"],
            value["site"],
            tuple(value["bodies"]),
            tuple(value["lines"]),
            layouts,
            tuple(value.get("blocks", ())),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise DamagedError(f"the profile cannot be read: {e}", where=str(files[number]),
                           remedy=f"delete it and run: jianghua learn {site}") from e  # fmt: skip


def as_json(profile: Profile) -> dict[str, Any]:
    """A profile as its file holds it."""

    def lines(of: Sequence[Repeated]) -> list[dict[str, Any]]:
        return [{"text": r.key} | ({"place": r.place} if r.place is not None else {}) | {"pages": r.pages} for r in of]

    layouts = [
        {
            "bodies": list(x.bodies),
            "pages": x.pages,
            "first": x.first,
            "last": x.last,
            "lines": lines(x.lines),
            "sentences": lines(x.sentences),
        }
        for x in profile.layouts
    ]
    return {
        "version": profile.version,
        "site": profile.site,
        "bodies": list(profile.bodies),
        "lines": list(profile.lines),
        "blocks": list(profile.blocks),
        "layouts": layouts,
    }


def save_profile(home: Home, site: str, profile: Profile | None, former: Profile | None = None) -> Profile | None:
    """Keep a profile under the next number, or give back the newest one when it says the same.

    The layouts that the newest one knows are kept, whether or not the site still shows them. former: the newest one with the days that
    are known of its layouts by now.
    """
    newest = load_profile(home, site)
    if profile is None:
        return newest
    if newest is not None:
        profile = with_former(profile, former or newest)
        if newest.content == profile.content:
            return newest
    saved = replace(profile, version=(newest.version if newest else 0) + 1)
    write_json(home.profiles(site) / f"{saved.version:04d}.json", as_json(saved))
    return saved
