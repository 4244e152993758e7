"""What extraction takes in: the pages of an article, and digests that tell whether anything of it changed.

Two digests with two purposes: an article's *reading digest* covers what its reading depends on (bytes, addresses, site file, rules,
profile, extractor), so that an unchanged one is not read again; a bucket's *input digest* covers all that its rows depend on,
fetch times and last errors included, so that an unchanged bucket is not written again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawler.extraction.rules import RULES_VERSION
from crawler.extraction.worker import PageRef, ReadTask
from crawler.shards import COLUMNS, bucket_of
from crawler.site import Site
from crawler.state import PageState

if TYPE_CHECKING:
    from crawler.extraction.profile import Profile

# what runs the reading but does not change what it gives
_MACHINERY = {
    "pool.py",
    "jobs.py",
    "cli.py",
    "inputs.py",
    "rows.py",
    "passes.py",
    "report.py",
    "follow.py",
    "learning.py",
    "profile_view.py",
    "trace.py",
    "evidence.py",
}
_LIBRARIES = ("trafilatura", "lxml", "htmldate", "opencc")


@dataclass(frozen=True, slots=True)
class Article:
    """An article: all URLs that belong to it, by ordinal; the first is its first page."""

    key: str
    pages: tuple[PageState, ...]


def group(pages: Iterable[PageState]) -> dict[int, list[Article]]:
    """The articles of a site by bucket, each bucket in order of article key; buckets without any are left out."""
    articles: dict[str, list[PageState]] = {}
    for page in pages:
        articles.setdefault(page.article_key, []).append(page)
    buckets: dict[int, list[Article]] = {}
    for key in sorted(articles):
        # of two addresses of one in-article page (a.html and a_1.html) the article's own comes first
        members = sorted(articles[key], key=lambda p: (p.ordinal, p.key != key, p.key))
        buckets.setdefault(bucket_of(key), []).append(Article(key, tuple(members)))
    return buckets


def _readable(page: PageState, keep_gone: bool) -> bool:
    """Whether a page's archived body is to be read: a body stays readable when a later fetch failed or is still to come."""
    return page.address is not None and (
        page.fate in (None, "error", "unfetched") or (page.fate == "gone" and keep_gone)
    )


def pages_to_read(article: Article, site: Site) -> tuple[PageState, ...]:
    """The pages of an article that are read together, one an ordinal; none when its first page is gone for good."""
    keep = site.refetch.gone == "keep"
    if article.pages[0].fate == "gone" and not keep:
        return ()
    chosen: dict[int, PageState] = {}
    for page in article.pages:
        if _readable(page, keep):
            chosen.setdefault(page.ordinal, page)
    return tuple(chosen.values())


def read_task(article: Article, pages: tuple[PageState, ...], site: Site, profile: Profile | None = None) -> ReadTask:
    """What a worker needs to read an article."""
    refs = tuple(PageRef(p.ordinal, p.url, p.content_type, p.address) for p in pages if p.address is not None)
    return ReadTask(site.name, article.key, article.pages[0].url, max(p.expected for p in pages), refs, profile)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()[:32]


def reading_digest(task: ReadTask, environment: str) -> str:
    """Digest of all that reading an article depends on. Where the bytes lie in the archive is no part of it."""
    pages = [(p.ordinal, p.url, p.content_type, p.address.sha256) for p in task.pages]
    return _digest([environment, task.article_key, task.page_url, task.expected, pages])


def _facts(page: PageState) -> list[Any]:
    a = page.address
    return [
        page.key,
        page.url,
        page.article_key,
        page.ordinal,
        page.expected,
        page.fate,
        page.why,
        page.status,
        page.fetched_at.isoformat() if page.fetched_at else None,
        page.content_type,
        [a.file, a.offset, a.length, a.sha256] if a else None,
        page.gone_since.isoformat() if page.gone_since else None,
    ]


def input_digest(articles: list[Article], environment: str, profile_version: int | None) -> str:
    """Digest of all that the rows of a bucket depend on: what its readings do, and what provenance tells beside."""
    return _digest([environment, profile_version, [_facts(p) for a in articles for p in a.pages]])


def _version_of(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


@cache
def reader_digest() -> str:
    """Digest of the code that reads (the modules of this package but for the machinery) and of the libraries it stands on."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        if path.name not in _MACHINERY:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(repr([(d, _version_of(d)) for d in _LIBRARIES]).encode())
    return digest.hexdigest()[:12]


@cache
def extractor() -> str:
    """Name and version of the extractor, as provenance keeps it."""
    return f"jianghua {_version_of('jianghua')} reader {reader_digest()} trafilatura {_version_of('trafilatura')}"


def environment(site: Site, profile: Profile | None, reader: str, threshold: float) -> str:
    """Digest of all that readings of a site have in common: site file, what the profile says, rules, extractor, columns, threshold.

    The profile's number is no part of it: a profile that says the same under another number reads the same.
    """
    content = profile.content if profile is not None else None
    return _digest([site.reading_digest, content, RULES_VERSION, extractor(), reader, COLUMNS, float(threshold)])
