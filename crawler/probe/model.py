"""What a look at a site came to: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from crawler.probe.forms import Form
from crawler.probe.platforms import Recognised

Kind = Literal[
    "list", "article", "in-article page", "copy", "feed or sitemap", "other", "mixed", "not seen", "not fetched"
]


@dataclass(frozen=True, slots=True)
class Because:
    """A value for the site file and the reason for it."""

    value: Any
    why: str


@dataclass(frozen=True, slots=True)
class Group:
    """Addresses of one form and what they are. count: addresses met; looked: of them read; agree: of those, of this kind.

    sure: from 0 to 1, how likely the next address of this form is of this kind. pattern: None where no pattern should be written.
    """

    form: Form
    kind: Kind
    count: int
    looked: int
    agree: int
    sure: float
    why: str
    examples: tuple[str, ...]
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What would be read from one article. dated: evidence of the date. speeches: how many it gives; words: its beginning."""

    url: str
    fate: str
    why: str | None
    title: str | None
    date: str | None
    dated: str | None
    speeches: int
    words: str


@dataclass(slots=True)
class Proposal:
    """What the site file should hold, and what people want to know before they take it."""

    name: Because
    title: Because
    start: list[Because]
    allowed: list[Because]
    platform: Because
    recognised: Recognised | None
    delay: Because
    lists: list[Because]
    articles: list[Because]
    pages: list[Because]
    sitemaps: list[Because]
    groups: list[Group]
    readings: list[Reading]
    charset: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
