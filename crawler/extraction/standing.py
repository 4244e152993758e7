"""Lines and sentences that stand on many pages of a site: how they are keyed, and how a page is read without them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from crawler.extraction.blocks import Block, place, with_text
from crawler.extraction.plain import plain
from crawler.extraction.previews import find_marker
from crawler.extraction.repetition import MOST_LINES, Seen
from crawler.extraction.rules import any_of
from crawler.extraction.salutation import is_address

TITLE = "{title}"  # stands in a key where the page's title stood
_LEAST_TITLE = 6  # a shorter title also stands in speeches

_NUMBERED = re.compile(r"^(?:第?[一二三四五六七八九十0]{1,3}[、.,:是要]|\(|首先|其次|再次|最后)")
_CUE = any_of("structure", "cue")
# what speakers wish their listeners, in the same few words on many pages of a site
_WISH = re.compile(
    r"^.{0,12}(?:祝|祝愿|预祝|恭祝|谨祝|敬祝|祝福)(?:大家|各位|同志|同学|老师|家长|朋友|来宾|领导|嘉宾|孩子|选手|运动员|学员|新人|我们|咱们|全体|全[县市区镇乡村校厂公]|本[次届]|这[次届]|此次|大会|会议|论坛|活动|比赛)"
)
_INTRO = any_of("structure", "intro")
_RUNNING = 40  # characters of a line from which it is no title, date or name above a speech
_SITE_WORDS = any_of("standing", "site_words")
_SENTENCE = re.compile(r"\([^()]{4,80}\)|【[^【】]{4,80}】|[^。!?;(【]+(?:[。!?;…]+[\"”’」』)】]*)?|.", re.DOTALL)
_LEAST_SENTENCE = 8  # characters


def title_forms(*titles: str) -> tuple[str, ...]:
    """The forms of a page's title that are folded out of its lines, longest first."""
    forms = {re.sub(r"\s+", "", plain(t)) for t in titles}
    return tuple(sorted((f for f in forms if len(f) >= _LEAST_TITLE), key=lambda f: (-len(f), f)))


_DIGITS = re.compile(r"\d+")


def line_key(folded: str, titles: Sequence[str] = ()) -> str:
    """A line as profiles keep it: plain view without white space, the page's title (title_forms) as a slot, digits folded to 0."""
    key = "".join(folded.split())
    for title in titles:
        key = key.replace(title, TITLE)
    return _DIGITS.sub("0", key)


def sentences(text: str) -> list[tuple[int, int]]:
    """Begin and end of each sentence of a paragraph (plain view); a remark in brackets is one of its own."""
    return [m.span() for m in _SENTENCE.finditer(text) if not m.group().isspace()]


def _is_said(key: str) -> bool:
    """Lines that many speeches share because speakers say them: thanks, wishes, 下面我讲三点意见, numbered points."""
    return bool(_CUE.search(key)) or bool(_NUMBERED.match(key)) or bool(_WISH.match(key))


# most lines of a site stand on many of its pages, and are looked at once
@lru_cache(maxsize=4096)
def _told(key: str, names: frozenset[str]) -> tuple[bool, bool]:
    """Whether a line speaks of the site, and whether speakers say it or it tells nothing."""
    address = is_address(key.strip(":!,。"))
    evident = not address and (bool(_SITE_WORDS.search(key)) or any(n in key for n in names))
    bare = not key.replace(TITLE, "").strip("0()《》【】,.:;-_|")  # the title alone is the page's, not the site's
    return evident, bare or address or (not evident and _is_said(key))


def _seen(key: str, where: str, size: int, names: frozenset[str], left: bool) -> Seen:
    evident, exempt = _told(key, names)
    return Seen(key, where, size, evident, left or exempt)


def observed(
    blocks: Sequence[Block], titles: Sequence[str] = (), names: Collection[str] = (), *, within: bool = True
) -> tuple[tuple[Seen, ...], tuple[Seen, ...]]:
    """The lines of a body as they are counted, and the sentences inside its paragraphs, without `within` none. names: the site's own,
    squeezed."""
    names = frozenset(names)
    lines: list[Seen] = []
    inside: list[Seen] = []
    begun = False
    for block in blocks[:MOST_LINES]:
        if block.size < 4:
            continue
        # what take_out leaves alone need not be known
        left = find_marker(block) is not None or (not begun and _INTRO.search(block.folded) is not None)
        begun = begun or (not left and _begins(block))
        where = place(block.element)
        lines.append(_seen(line_key(block.folded, titles), where, block.size, names, left))
        spans = sentences(block.folded) if within else []
        if len(spans) < 2:
            continue
        for begin, end in spans:
            key = line_key(block.folded[begin:end], titles)
            if len(key) >= _LEAST_SENTENCE:
                inside.append(_seen(key, where, end - begin, names, left))
    return tuple(lines), tuple(inside)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is cut of the pages of one layout. lines: keys anywhere; placed: places by key; sentences: keys inside paragraphs."""

    lines: frozenset[str] = frozenset()
    placed: Mapping[str, frozenset[str]] | None = None
    sentences: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.lines or self.placed or self.sentences)

    def holds(self, block: Block, titles: Sequence[str]) -> bool:
        """Whether a block is a line of the site's; a marker that says the rest is not shown is evidence, however many pages have it."""
        key = line_key(block.folded, titles)
        known = key in self.lines or bool(
            self.placed and key in self.placed and place(block.element) in self.placed[key]
        )
        return known and find_marker(block) is None


def _begins(block: Block) -> bool:
    """Whether a line is no title, date, name or introduction above a speech any more."""
    return block.size >= _RUNNING or is_address(block.folded.strip(" :!,。"))


def take_out(
    blocks: Sequence[Block], standing: Standing, titles: Sequence[str] = ()
) -> tuple[list[Block], list[tuple[Block, str]]]:
    """The blocks without what stands on the site's pages, and what was taken out: each block with its text or a piece of it.

    Introductions above the speech are left to those who keep them as what they are.
    """
    kept: list[Block] = []
    cut: list[tuple[Block, str]] = []
    begun = False
    for block in blocks:
        if not begun and _INTRO.search(block.folded):
            kept.append(block)
            continue
        if standing.holds(block, titles):
            cut.append((block, block.text))
            continue
        begun = begun or _begins(block)
        rest, gone = _without_sentences(block, standing.sentences, titles) if standing.sentences else (block.text, [])
        cut.extend((block, text) for text in gone)
        if rest == block.text:
            kept.append(block)
        elif rest:
            kept.append(with_text(block, rest))
    return kept, cut


def _without_sentences(block: Block, known: Collection[str], titles: Sequence[str]) -> tuple[str, list[str]]:
    spans = sentences(block.folded)
    out = [s for s in spans if line_key(block.folded[s[0] : s[1]], titles) in known] if len(spans) > 1 else []
    gone = [block.text[a:b].strip() for a, b in out]
    if not out or any(find_marker(with_text(block, text)) for text in gone):
        return block.text, []
    return "".join(block.text[a:b] for a, b in spans if (a, b) not in out).strip(), gone
