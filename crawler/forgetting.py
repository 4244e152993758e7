"""Bodies that leave the archive: the state forgets where they lie, so that nothing is read from a file that is no more.

A page whose body is forgotten counts as `unfetched`: extraction gives no rows for it, and the publisher holds the rows that it has
(trouble never deletes). It is asked for again, whole, when its refetch interval says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import sqlalchemy as sa

from crawler.state import SiteState, pages_table

WHY = "its archived body was removed (retention); it is asked for again when it is due"
_P = pages_table.c
_FORGOTTEN = {
    "warc_file": None,
    "warc_offset": None,
    "warc_length": None,
    "sha256": None,
    "fetched_at": None,
    "content_type": None,
    # with a validator the site would answer "not modified", and there would be no body
    "etag": None,
    "last_modified": None,
}
_BATCH = 500


def named_files(state: SiteState) -> set[str]:
    """The WARC files that pages of a site point at, relative to var/archive."""
    return {f for (f,) in state.db.execute(sa.select(_P.warc_file).where(_P.warc_file.is_not(None)).distinct())}


def last_copies(state: SiteState) -> set[str]:
    """The WARC files with bodies of pages that are gone from their site: what `gone: keep` goes on reading."""
    gone = sa.and_(_P.warc_file.is_not(None), _P.fate == "gone")
    return {f for (f,) in state.db.execute(sa.select(_P.warc_file).where(gone).distinct())}


def forget_bodies(state: SiteState, files: Collection[str]) -> int:
    """Forget every body that lies in these WARC files, and with it all of its article, so that none is read in part. How many pages.

    state: open for writing; committed by the caller. Other addresses of a forgotten article are forgotten too: alone they would
    count as articles of their own.
    """
    twins = set(state.twins())
    count = 0
    articles = [
        key
        for some in _batches(sorted(files))
        for (key,) in state.db.execute(sa.select(_P.article_key).where(_P.warc_file.in_(some)).distinct())
    ]
    while articles:
        for some in _batches(sorted(set(articles))):
            here = sa.and_(_P.article_key.in_(some), _P.warc_file.is_not(None))
            why = sa.case((_P.fate.is_(None), WHY), else_=_P.why)
            count += state.db.execute(sa.update(pages_table).where(here).values(why=why, **_FORGOTTEN)).rowcount
        freed = twins - set(state.twins())
        articles = [
            key
            for some in _batches(sorted(freed))
            for (key,) in state.db.execute(
                sa.select(_P.article_key).where(_P.key.in_(some) | _P.article_key.in_(some), _P.warc_file.is_not(None))
            )
        ]
    return count


def _batches(values: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(values), _BATCH):
        yield values[start : start + _BATCH]
