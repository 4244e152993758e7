"""Plain data that passes between the steps of reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from crawler.extraction.blocks import Block

if TYPE_CHECKING:
    from crawler.extraction.trace import Trace


@dataclass(frozen=True, slots=True)
class PageInput:
    """One archived response to read: bytes and what the server said of them.

    fetched: the day (YYYY-MM-DD, UTC), for what is learned about a site; reading never looks at it.
    """

    url: str
    body: bytes
    content_type: str | None = None
    ordinal: int = 1
    fetched: str | None = None


@dataclass(slots=True)
class PageFacts:
    """What a page says of itself (not of the speech). Missing facts are None or empty, never a guess.

    title_raw: the title as shown (of h1, heading block or <title>, without the site's name); title: decorations taken off.
    published_from: evidence of published_at: `site_file`, `labelled` (时间: 发布日期: …), `byline`, `time_element`, `meta`, `url`.
    breadcrumb: steps without 当前位置 and without the title or 正文 as last step.
    """

    title_raw: str = ""
    title: str = ""
    published_at: datetime | None = None
    published_from: str | None = None
    source: str | None = None
    author: str | None = None
    breadcrumb: list[str] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    views: int | None = None
    site_title: str | None = None


@dataclass(slots=True)
class SpeechFacts:
    """What is told from title and paragraphs of one speech; field names are those of records.SPEECH."""

    doc_type: str = "其他"
    salutation: str | None = None
    speaker_role: str | None = None
    speaker_name: str | None = None
    admin_level: str | None = None
    region: str | None = None
    occasion: str | None = None
    event_date: Any = None
    topics: list[str] = field(default_factory=list)
    outline: list[dict[str, Any]] = field(default_factory=list)
    points_announced: int | None = None
    points_found: int | None = None
    masks: list[dict[str, str | int]] = field(default_factory=list)
    quality_flags: list[str] = field(default_factory=list)
    title_year: int | None = None

    @property
    def mask_count(self) -> int:
        """How many masks there are, of all kinds together."""
        return sum(int(m["count"]) for m in self.masks)


@dataclass(slots=True)
class Part:
    """One speech of a page: its heading (None when the page is no compilation), paragraphs, and what says it is cut."""

    heading: str | None
    paragraphs: list[str]
    intro: str | None = None
    subtitles: list[str] = field(default_factory=list)
    is_preview: bool = False
    preview_evidence: str | None = None


class Cut(NamedTuple):
    """Text that was cut: the rule that cut it (`file.group.id` of rules/, or the name of a step), the text, and the in-article page
    that it stood on, from 0."""

    rule: str
    text: str
    page: int = 0


@dataclass(slots=True)
class Structure:
    """The speeches of a page and what was cut. trace: takes what became of each block, where somebody wants to know."""

    parts: list[Part]
    declared: int | None = None
    chars_declared: int | None = None
    flags: list[str] = field(default_factory=list)
    cut: list[Cut] = field(default_factory=list)
    trace: Trace | None = None

    def note(self, rule: str, blocks: Sequence[Block]) -> None:
        """Keep blocks that were cut, with the rule that cut them."""
        self.cut.extend(Cut(rule, b.text, b.page) for b in blocks)
        if self.trace is not None:
            self.trace.cut(rule, blocks)

    def note_piece(self, rule: str, block: Block, text: str) -> None:
        """Keep a piece that was cut out of a block."""
        self.cut.append(Cut(rule, text, block.page))
        if self.trace is not None:
            self.trace.piece(rule, block, text)


@dataclass(slots=True)
class ArticleResult:
    """What reading made of one article (all its in-article pages together).

    fate, why: see records.Fate. title: of the page. charset: of the first page. score: of the verdict whether it is a speech, None
    where it did not come to one. speeches: rows of records.SPEECH by column name.
    cut: what was cut out of the main text and by which rule, for audit.
    """

    fate: str
    why: str | None = None
    title: str | None = None
    charset: str = "utf-8"
    score: float | None = None
    speeches: list[dict[str, Any]] = field(default_factory=list)
    cut: list[Cut] = field(default_factory=list)
