"""What became of each block of an article's pages, and why: the decisions of a reading as plain data.

A reading takes a Trace along only where somebody wants to look (`jianghua explain`, `jianghua sites try`); without one nothing here
runs. When the reading is done, every visible block of every page has exactly one fate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Literal, get_args

from lxml.html import HtmlElement

from crawler.extraction.blocks import Block, place, read_blocks
from crawler.extraction.decode import declared_charsets
from crawler.extraction.density import weigh, within

if TYPE_CHECKING:
    from crawler.extraction.classify import Verdict
    from crawler.extraction.coverage import Coverage
    from crawler.extraction.dom import Document
    from crawler.extraction.evidence import Evidence
    from crawler.extraction.model import PageInput, Part

Fate = Literal[
    "kept",  # in a paragraph of a speech
    "heading",  # the heading of a part
    "subtitle",  # date, place or speaker below the title
    "intro",  # the editor's introduction
    "title",  # the title once more
    "marker",  # says that the rest is not shown
    "cut",  # inside the main text, cut by a rule
    "dropped",  # an element that the site file drops
    "outside",  # outside the main text
    "unread",  # in the main text of a page that was told by its looks to be no document
]
FATES: tuple[Fate, ...] = get_args(Fate)

_FATE_OF: tuple[tuple[str, Fate], ...] = (
    ("structure.intro", "intro"),
    ("abstract", "intro"),
    ("before_address", "intro"),
    ("before_parts", "intro"),
    ("structure.preview", "marker"),
    ("subtitle", "subtitle"),
    ("title", "title"),
)


@dataclass(slots=True)
class Piece:
    """Text that was taken out of a block (`before` without it is what stayed), and the rule that took it."""

    rule: str
    text: str


@dataclass(slots=True)
class TracedBlock:
    """One visible block: where it stands, what it weighs, and what became of it.

    page: in-article page, from 0; place: tags and classes around it; size, link: characters, and how many of them in links;
    weight: of the density reader. fate, rule: see Fate; rule is None for what stayed or was never looked at. part, paragraph:
    of a block that was kept, both from 1; last_paragraph: another one where a hole in it made two. pieces: what was taken out of it.
    """

    page: int
    text: str
    place: str
    size: int
    link: int
    weight: float | None
    fate: Fate | None = None
    rule: str | None = None
    part: int | None = None
    paragraph: int | None = None
    last_paragraph: int | None = None
    pieces: list[Piece] = field(default_factory=list)


@dataclass(slots=True)
class MainText:
    """How the main text of a page was found.

    by: `site_file`, `profile`, `density`, `votes` where trafilatura and the title's place were asked as well, or `other_page` where the text of another page of the article
    stands; None: there is none. named: the selector or place that named it. candidates: those weighed against each other, with first and last block, weight, and what spoke for each.
    """

    by: str | None
    named: str | None = None
    first: int | None = None
    last: int | None = None
    candidates: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class TracedPage:
    """One in-article page: address, how it was decoded, how its main text was found, its blocks in reading order."""

    url: str
    charset: str
    declared: list[str]
    decoded_by: str
    main: MainText = field(default_factory=lambda: MainText(None))
    blocks: list[TracedBlock] = field(default_factory=list)


class Trace:
    """Collects the decisions of one reading. Give it to `read_article`, then look at `pages`, `verdict` and `facts`.

    fate, why, score: the verdict on the page. coverage: how much of the pages' running text was taken. facts: where each fact of the page comes from, by column. flags: what looked wrong.
    """

    def __init__(self) -> None:
        self.pages: list[TracedPage] = []
        self.fate: str | None = None
        self.why: str | None = None
        self.score: float | None = None
        self.coverage: Coverage | None = None
        self.facts: dict[str, Evidence] = {}
        self.flags: list[str] = []
        self._by_key: dict[tuple[int, int], TracedBlock] = {}
        self._kept: list[tuple[Part, list[Block]]] = []
        self._opening: list[Block] = []

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "pages": [asdict(p) for p in self.pages],
            "fate": self.fate,
            "why": self.why,
            "score": self.score,
            "coverage": asdict(self.coverage) if self.coverage is not None else None,
            "facts": {k: asdict(v) for k, v in self.facts.items()},
            "flags": self.flags,
        }

    # --- what the reading tells, in this order ---------------------------------------------------------------------

    def decoded(self, page: PageInput, document: Document) -> None:
        """A page was decoded and parsed."""
        declared = declared_charsets(page.body, page.content_type)
        self.pages.append(TracedPage(page.url, document.charset, declared, _how_decoded(page.body, document.charset, declared)))  # fmt: skip

    def blocks(
        self, page: int, shown: Sequence[Block], blocks: Sequence[Block], dropped: Sequence[tuple[str, HtmlElement]]
    ) -> None:
        """The blocks of a page: as shown, and as they are after the site file's `drop` took elements out (selector, element)."""
        own = self.pages[page].blocks
        made = [_traced(page, b, w) for b, w in zip(blocks, weigh(list(blocks)), strict=True)]
        for b, traced in zip(blocks, made, strict=True):
            self._by_key[page, b.index] = traced
        if not dropped:
            own.extend(made)
            return
        same = SequenceMatcher(None, [b.text for b in shown], [b.text for b in blocks], autojunk=False)
        for kind, i1, i2, j1, j2 in same.get_opcodes():
            own.extend(made[j1:j2])
            if kind not in ("delete", "replace"):
                continue
            for b in shown[i1:i2]:
                selector = next((s for s, e in dropped if within(b.element, e)), None)
                if selector is not None:
                    one = _traced(page, b, None)
                    one.fate, one.rule = "dropped", f"site_file.drop {selector}"
                    own.append(one)
                elif j1 < j2:  # an element inside a line
                    into = made[j1]
                    for s, e in dropped:
                        piece = " ".join("".join(e.itertext()).split())
                        if piece and piece in b.text and piece not in into.text:
                            into.pieces.append(Piece(f"site_file.drop {s}", piece))

    def main(self, page: int, found: MainText) -> None:
        """How the main text of a page was found."""
        self.pages[page].main = found

    def cut(self, rule: str, blocks: Iterable[Block]) -> None:
        """Blocks were cut whole by a rule."""
        for b in blocks:
            for traced in self._of(b):
                if traced.fate is None:
                    traced.rule = rule
                    traced.fate = next((fate for start, fate in _FATE_OF if rule.startswith(start)), "cut")

    def piece(self, rule: str, block: Block, text: str) -> None:
        """A piece was taken out of a block."""
        of = self._of(block)
        for traced in [t for t in of if text in t.text] or of[:1]:
            traced.pieces.append(Piece(rule, text))

    def heading(self, block: Block, text: str, rest: str) -> None:
        """A block opens a part: with a heading, with text behind it on the same line, or with both."""
        if rest:
            self._opening = [block]
            if text:
                self.piece("parts.heading", block, text)
            return
        for traced in self._of(block):
            traced.fate, traced.rule = "heading", None

    def kept(self, part: Part, blocks: Sequence[Block]) -> None:
        """These blocks make the paragraphs of a part."""
        self._kept.append((part, [*self._opening, *blocks]))
        self._opening = []

    def judged(self, verdict: Verdict) -> None:
        """What the page is."""
        self.fate, self.why, self.score = verdict.fate, verdict.why, verdict.score

    def finish(self, parts: Sequence[Part], read: bool) -> None:
        """Give every block that has none yet its fate. read: whether the main text was looked at line by line."""
        for part, blocks in self._kept:
            number = next((k for k, p in enumerate(parts, 1) if p is part), None)
            for block, paragraph in zip(blocks, _paragraph_of(blocks, part.paragraphs), strict=True):
                for traced in self._of(block):
                    if number is not None and paragraph is not None:
                        if traced.paragraph is None or traced.part != number:
                            traced.fate, traced.rule, traced.part, traced.paragraph = "kept", None, number, paragraph
                        traced.last_paragraph = paragraph
                    elif traced.fate is None:
                        traced.fate, traced.rule = "cut", traced.pieces[-1].rule if traced.pieces else "empty"
        for page in self.pages:
            inside = {
                id(t)
                for i in range(page.main.first, page.main.last + 1)
                if (t := self._by_key.get((self.pages.index(page), i))) is not None
            } if page.main.first is not None and page.main.last is not None else set()  # fmt: skip
            for traced in page.blocks:
                if traced.fate is not None:
                    continue
                if id(traced) not in inside:
                    traced.fate = "outside"
                elif not read:
                    traced.fate = "unread"
                elif traced.pieces and all(p.rule.startswith("structure.preview") for p in traced.pieces):
                    traced.fate, traced.rule = "marker", traced.pieces[-1].rule
                else:
                    traced.fate, traced.rule = "cut", traced.pieces[-1].rule if traced.pieces else "unexplained"

    def _of(self, block: Block) -> list[TracedBlock]:
        return [self._by_key[k] for k in block.keys if k in self._by_key]


def _traced(page: int, block: Block, weight: float | None) -> TracedBlock:
    rounded = None if weight is None else round(weight, 1)
    return TracedBlock(page, block.text, place(block.element), block.size, block.link, rounded)


def _how_decoded(body: bytes, charset: str, declared: Sequence[str]) -> str:
    """In words, how the charset was decided (see decode.py)."""
    if charset.startswith("utf-16") or body.startswith(b"\xef\xbb\xbf"):
        return "a byte order mark says so"
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "every byte fits UTF-8"
    return "declared, and reads well" if charset in declared else "reads most like running Chinese"


def _paragraph_of(blocks: Sequence[Block], paragraphs: Sequence[str]) -> list[int | None]:
    """Of each block the number (from 1) of the paragraph that it is in, None where it is in none."""
    views = ["".join(p.split()) for p in paragraphs]
    filled = [k for k, b in enumerate(blocks) if b.text.strip()]
    if len(filled) == len(views):
        number = {k: n for n, k in enumerate(filled, 1)}
        return [number.get(k) for k in range(len(blocks))]
    found: list[int | None] = []
    at = 0
    for block in blocks:
        mine = "".join(block.text.split())
        key = mine.rstrip(".…。·") or mine
        hit = None
        for k in range(at, len(views)):
            if mine == views[k] or (key and key in views[k]) or (len(views[k]) >= 2 and views[k] in mine):
                hit = k
                break
        if hit is None and len(mine) > 12:  # normalised on the way: a good piece of it tells
            hit = next((k for k in range(at, len(views)) if mine[2:12] in views[k]), None)
        if hit is not None:
            at = hit + (mine == views[hit])
        found.append(None if hit is None else hit + 1)
    return found


def read_shown(document: Document) -> list[Block]:
    """The blocks of a page before anything is taken out."""
    return read_blocks(document.body)
