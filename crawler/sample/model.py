"""Plain data of the sample: articles with their history, and what a server answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Part:
    """One speech (or other text) of a page, exactly as it is shown.

    heading: the part's heading in a compilation; glued: the heading stands on the line of the salutation.
    cluster: shared by all copies of one speech; copy: how this copy differs from the first one (original, exact, edited,
    masked, script, preview). dateline: lines between title and salutation that name speaker and day; neither wanted nor wrong.
    """

    paragraphs: tuple[str, ...]
    salutation: str | None = None
    heading: str | None = None
    glued: bool = False
    cluster: str | None = None
    copy: str | None = None
    dateline: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edition:
    """What an article shows from a certain day on.

    title, title_raw: without and with decorations. intro: introduction by the site's editor. marker: what says that the
    text is cut, printed after the block `marker_after`. twice: the text is printed twice in a row. declared: length of the whole as the page declares it.
    """

    title: str
    title_raw: str
    parts: tuple[Part, ...]
    intro: str | None = None
    marker: str | None = None
    marker_after: int = -1
    declared: int | None = None
    is_preview: bool = False
    twice: bool = False

    def blocks(self) -> list[tuple[str, str]]:
        """The page as (kind, text): `h` part heading, `p` paragraph, `d` dateline, `g` heading glued to the paragraph behind
        it, `m` marker."""
        out: list[tuple[str, str]] = []
        for part in self.parts:
            if part.heading:
                out.append(("g" if part.glued else "h", part.heading))
            out += [("d", d) for d in part.dateline]
            out += [("p", p) for p in part.paragraphs]
        if self.twice:
            out += [x for x in out if x[0] == "p"]
        if self.marker:
            out.insert(self.marker_after if self.marker_after >= 0 else len(out), ("m", self.marker))
        return out


@dataclass(frozen=True, slots=True)
class Article:
    """One document of a site. editions: (day from which it holds, Edition, or the status it answers since then).

    kind: `speech`, else what it is instead. split: over how many pages it is shown.
    """

    site: str
    number: int
    path: str
    category: tuple[str, str]
    kind: str
    published_at: datetime
    source: str
    author: str
    keywords: tuple[str, ...]
    views: int
    editions: tuple[tuple[int, Edition | int], ...]
    split: int = 1
    disallowed: bool = False

    def on(self, day: int) -> Edition | int | None:
        """The state on a day: an Edition, the status of a page that is gone, or None before its first day."""
        state: Edition | int | None = None
        for since, edition in self.editions:
            if since <= day:
                state = edition
        return state


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sends for one path. dynamic: the body holds marks that are filled in at each request."""

    status: int
    body: bytes
    content_type: str
    etag: str | None = None
    last_modified: str | None = None
    location: str | None = None
    dynamic: bool = False


@dataclass(slots=True)
class Shelf:
    """One site on one day, while its pages are made: what is alive and how large its pages are to be."""

    name: str
    title: str
    host: str
    day: int
    categories: tuple[tuple[str, str], ...]
    articles: list[Article]
    page_size: int
    page_bytes: int = 0

    def alive(self) -> list[tuple[Article, Edition]]:
        """Articles that can be read on this day, newest first."""
        out = []
        for a in self.articles:
            e = a.on(self.day)
            if isinstance(e, Edition):
                out.append((a, e))
        return sorted(out, key=lambda x: (x[0].published_at, x[0].number), reverse=True)
