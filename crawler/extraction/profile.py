"""What a site's pages tell together that none tells alone: where the body stands, and which lines stand in it everywhere.

A profile is an explicit input of extraction: numbered, immutable, one JSON file (var/profiles/SITE/0001.json). The same
pages give the same profile in any order. A new number is made only where what it says has changed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crawler.durable import write_json
from crawler.errors import DamagedError, UsageError
from crawler.extraction.blocks import Block, place, read_blocks
from crawler.extraction.density import find_body, trim
from crawler.extraction.dom import parse
from crawler.extraction.model import PageInput
from crawler.extraction.previews import find_marker
from crawler.extraction.rules import any_of
from crawler.extraction.salutation import is_address
from crawler.home import Home
from crawler.site import Site

MIN_PAGES = 5  # fewer pages cannot tell what a site repeats
BODY_SHARE = 0.15  # a place that holds the body on so many of the pages is a body place
LINE_SHARE = 0.25  # a line on so many of the pages of a layout is the site's
MIN_TEXT = 200  # characters of running text that make a page an article for learning

_NUMBERED = re.compile(r"^\s*(?:第?[一二三四五六七八九十\d]{1,3}\s*[、.,:是要]|\(|首先|其次|再次|最后)")
_CUE = any_of("structure", "cue")


@dataclass(frozen=True, slots=True)
class Profile:
    """What was learned about a site.

    version: its number (0 before it is saved). bodies: places (blocks.place) that hold bodies. lines: lines, digits folded,
    that stand in the body of most pages and are cut.
    """

    version: int
    site: str
    bodies: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def content(self) -> dict[str, list[str]]:
        """What the profile says, without its number."""
        return {"bodies": list(self.bodies), "lines": list(self.lines)}


def line_key(block: Block) -> str:
    """A line as profiles keep it: plain view without white space, digits folded to 0."""
    return re.sub(r"\d+", "0", re.sub(r"\s+", "", block.folded))


def _is_speech_line(block: Block) -> bool:
    """Lines that many speeches share because speakers say them: salutations, thanks, 下面我讲三点意见."""
    return (
        block.size > 60
        or is_address(block.folded.strip(" :!,。"))
        or bool(_CUE.search(block.folded))
        or bool(_NUMBERED.match(block.folded))
        or find_marker(block) is not None
    )


def learn(articles: Iterable[Sequence[PageInput]], site: Site) -> Profile | None:
    """A profile (version 0) from the first pages of a site's articles; None when there are too few to tell.

    Pages whose running text is short (lists, forms) do not count.
    """
    bodies: Counter[str] = Counter()
    lines: Counter[tuple[str, str]] = Counter()
    for pages in articles:
        if not pages:
            continue
        first = pages[0]
        blocks = read_blocks(parse(first.body, first.content_type, first.url).root)
        body = find_body(blocks)
        if body is None:
            continue
        kept = trim(blocks[body.first : body.last + 1])
        if sum(b.size for b in kept if not b.is_linked) < MIN_TEXT:
            continue
        where = place(body.element)
        if body.element.tag in ("body", "html"):  # says nothing of where the text stands
            continue
        bodies[where] += 1
        for key in {line_key(b) for b in kept if b.size >= 4 and not _is_speech_line(b)}:
            lines[(where, key)] += 1
    total = sum(bodies.values())
    if total < MIN_PAGES:
        return None
    return Profile(
        0,
        site.name,
        tuple(sorted(b for b, n in bodies.items() if n >= max(3, BODY_SHARE * total))),
        tuple(sorted({key for (where, key), n in lines.items() if n >= max(4, LINE_SHARE * bodies[where])})),
    )


def _files(home: Home, site: str) -> dict[int, Path]:
    return {int(p.stem): p for p in sorted(home.profiles(site).glob("[0-9]*.json")) if p.stem.isdigit()}


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
        return Profile(value["version"], value["site"], tuple(value["bodies"]), tuple(value["lines"]))
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise DamagedError(f"the profile cannot be read: {e}", where=str(files[number]),
                           remedy=f"delete it and run: jianghua learn {site}") from e  # fmt: skip


def save_profile(home: Home, site: str, profile: Profile | None) -> Profile | None:
    """Keep a profile under the next number, or give back the newest one when it says the same."""
    newest = load_profile(home, site)
    if profile is None:
        return newest
    if newest is not None and newest.content == profile.content:
        return newest
    number = (newest.version if newest else 0) + 1
    saved = Profile(number, site, profile.bodies, profile.lines)
    write_json(home.profiles(site) / f"{number:04d}.json", {"version": number, "site": site, **saved.content})
    return saved
