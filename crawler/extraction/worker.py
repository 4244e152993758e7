"""What runs inside a worker process: read an article's pages from the archive, read the article, give back its rows.

Page bytes never pass through a pipe: a worker gets addresses and gives back speeches. Nothing here imports pyarrow: a worker
starts faster and stays smaller without it. The classes here have no slots because those pickle several times slower.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from crawler.archive import WarcAddress, read_response
from crawler.errors import JianghuaError
from crawler.extraction.decode import decode
from crawler.extraction.model import ArticleResult, Cut, PageInput
from crawler.home import Home
from crawler.site import Site

if TYPE_CHECKING:
    from crawler.extraction.profile import Profile


@dataclass(frozen=True)
class PageRef:
    """One archived page to read."""

    ordinal: int
    url: str
    content_type: str | None
    address: WarcAddress


@dataclass(frozen=True)
class ReadTask:
    """One article to read, as a worker gets it. expected: how many in-article pages its pager shows.

    profile: of its site, None when it has none. The tasks of a message share one, so it is sent once a message.
    """

    site: str
    article_key: str
    page_url: str
    expected: int
    pages: tuple[PageRef, ...]
    profile: Profile | None = None


@dataclass(frozen=True)
class LearnTask:
    """A site's profile to learn from a sample of its articles."""

    site: str
    articles: tuple[ReadTask, ...]


@dataclass(frozen=True)
class Damage:
    """An archived record that cannot be read. where: file and offset, for people."""

    ordinal: int
    url: str
    where: str
    what: str


@dataclass(frozen=True)
class Reading:
    """What reading made of an article.

    charsets, statuses: of each page read, in order. score: as ArticleResult.score. speeches: as ArticleResult.speeches.
    damaged: pages whose record cannot be read; the others were read without them. cuts: what was cut out of its speeches, of a
    bounded size (see bounded_cuts).
    """

    fate: str
    why: str | None = None
    title: str | None = None
    charsets: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    speeches: tuple[dict[str, Any], ...] = ()
    damaged: tuple[Damage, ...] = ()
    cuts: tuple[tuple[str, str, int, int], ...] = ()
    score: float | None = None


MAX_CUTS, CUT_CHARS, CUTS_CHARS = 200, 600, 12_000  # of an article: cuts kept, characters of one and of all of them


def bounded_cuts(cut: Sequence[Cut]) -> tuple[tuple[str, str, int, int], ...]:
    """What was cut as it is kept: (rule, first characters of the text, page from 1, characters of the whole without white space).

    Of an article that was cut in more places, or of more text, than is kept, the last row has the rule `more` and tells how much is not.
    """
    kept: list[tuple[str, str, int, int]] = []
    room = CUTS_CHARS
    for n, one in enumerate(cut):
        text = one.text[:CUT_CHARS]
        if n >= MAX_CUTS or len(text) > room:
            left = sum(len("".join(c.text.split())) for c in cut[n:])
            kept.append(("more", f"{len(cut) - n} more cuts", one.page + 1, left))
            break
        room -= len(text)
        kept.append((one.rule, text, one.page + 1, len("".join(one.text.split()))))
    return tuple(kept)


Reader = Callable[..., ArticleResult]  # of the form of article.read_article


@dataclass(frozen=True)
class Setup:
    """What every task of a worker shares: home, site by name, reader and learner as `module:function`, and the score from which a
    document is a speech."""

    home: Home
    sites: dict[str, Site]
    reader: str
    learner: str
    threshold: float


def resolve(name: str) -> Any:
    """The function called `module:function`."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def reading(setup: Setup) -> Callable[[ReadTask], Reading]:
    """The function that reads one article (see Reading); what the reader itself raises passes through."""
    reader: Reader = resolve(setup.reader)

    def read(task: ReadTask) -> Reading:
        pages, statuses, damaged = _fetch(setup.home, task.pages)
        if not pages:
            return Reading("error", "the archived record is damaged", damaged=damaged)
        result = reader(pages, setup.sites[task.site], task.profile, threshold=setup.threshold)
        incomplete = len(pages) < task.expected or bool(damaged)
        charsets = (result.charset, *(decode(p.body, p.content_type).charset for p in pages[1:]))
        for row in result.speeches:
            if incomplete and "incomplete" not in row["quality_flags"]:
                row["quality_flags"] = [*row["quality_flags"], "incomplete"]
        return Reading(
            fate=result.fate,
            why=result.why,
            title=result.title,
            charsets=charsets,
            statuses=statuses,
            speeches=tuple(result.speeches),
            damaged=damaged,
            cuts=bounded_cuts(result.cut) if result.speeches else (),
            score=result.score,
        )

    return read


def _fetch(
    home: Home, refs: tuple[PageRef, ...], days: bool = False
) -> tuple[list[PageInput], tuple[int, ...], tuple[Damage, ...]]:
    """The pages of an article from the archive. days: with the day of their fetch, which readers never get to see."""
    pages, statuses, damaged = [], [], []
    for ref in refs:
        try:
            response = read_response(home, ref.address)
        except JianghuaError as e:
            where = f"{ref.address.file}, offset {ref.address.offset}"
            damaged.append(Damage(ref.ordinal, ref.url, where, e.what))
        else:
            day = response.fetched_at.date().isoformat() if days else None
            pages.append(PageInput(ref.url, response.body, ref.content_type, ref.ordinal, day))
            statuses.append(response.status)
    return pages, tuple(statuses), tuple(damaged)


def learning(setup: Setup) -> Callable[[LearnTask], Profile | None]:
    """The function that learns a site's profile from a sample of its articles; damaged records are passed over."""
    learner: Callable[[Iterator[list[PageInput]], Site], Profile | None] = resolve(setup.learner)

    def learn(task: LearnTask) -> Profile | None:
        def groups() -> Iterator[list[PageInput]]:
            for article in task.articles:
                if pages := _fetch(setup.home, article.pages, days=True)[0]:
                    yield pages

        return learner(groups(), setup.sites[task.site])

    return learn


def working(setup: Setup) -> Callable[[ReadTask | LearnTask], Reading | Profile | None]:
    """The function that does either, so that one pool serves a whole command; what learning needs beside is loaded when it is asked for."""
    read, learn = reading(setup), cache(lambda: learning(setup))

    def work(task: ReadTask | LearnTask) -> Reading | Profile | None:
        return read(task) if isinstance(task, ReadTask) else learn()(task)

    return work
