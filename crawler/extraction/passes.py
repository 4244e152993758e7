"""One pass of extraction: plan the buckets of each site, hand their articles to the pool, commit each bucket as its last answer comes.

A bucket whose input did not change is skipped; of a changed one only the changed articles are read, the others are copied from
the old shard.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from crawler import shards
from crawler.errors import DamagedError, JianghuaError
from crawler.extraction import pool, rows
from crawler.extraction.inputs import (
    Article,
    environment,
    group,
    input_digest,
    pages_to_read,
    read_task,
    reading_digest,
)
from crawler.extraction.profile import Profile
from crawler.extraction.report import SiteReport
from crawler.extraction.rows import Outcome
from crawler.extraction.worker import Reading, ReadTask, Setup
from crawler.home import Home
from crawler.site import Site
from crawler.state import SiteState

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class _Job:
    """One bucket under way. todo: articles to be read by key; fresh: their readings; pending: how many are still out."""

    site: Site
    profile_version: int | None
    bucket: int
    articles: list[Article]
    input: str
    old: shards.Shard | None
    digests: dict[str, str]
    outcomes: dict[str, Outcome]
    todo: dict[str, ReadTask]
    pending: int = 0
    fresh: dict[str, Reading] = field(default_factory=dict)
    old_rows: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)

    def of_old(self, table: str, by: str) -> dict[str, list[dict[str, Any]]]:
        """The rows of a table of the old shard by a column; read once."""
        if table not in self.old_rows:
            index = self.old_rows.setdefault(table, {})
            for row in shards.read_table(self.old, table).to_pylist() if self.old else []:
                index.setdefault(row[by], []).append(row)
        return self.old_rows[table]


Ahead = Mapping[str, tuple[str, Reading]]


class Extraction:
    """One run: gives tasks to the pool, takes their answers, commits each bucket when its last answer is there.

    profiles: by site. ahead: by site the articles that were read already but not committed: reading digest and reading.
    """

    def __init__(
        self,
        home: Home,
        setup: Setup,
        profiles: Mapping[str, Profile | None],
        again: bool = False,
        progress: Progress | None = None,
        ahead: Mapping[str, Ahead] | None = None,
    ) -> None:
        self.home = home
        self.setup = setup
        self.profiles = profiles
        self.ahead = ahead or {}
        self.again = again
        self.progress = progress
        self.open: dict[tuple[str, int], _Job] = {}
        self.reports: dict[str, SiteReport] = {}
        self.done: Counter[str] = Counter()

    def tasks(self, sites: list[tuple[Site, SiteReport]]) -> Iterator[ReadTask]:
        """The articles to read, bucket by bucket; buckets without any are settled on the way."""
        for site, own in sites:
            self.reports[site.name] = own
            try:
                with SiteState.open(self.home, site.name, read_only=True) as state:
                    buckets = group(state.pages())
                if not buckets and shards.committed(self.home, site.name):
                    raise JianghuaError(
                        "the site's state knows no page, but there are records of it",
                        where=str(self.home.state_db(site.name)),
                        remedy=f"crawl the site, or remove {self.home.records(site.name)} if its records are not wanted",
                    )
            except JianghuaError as e:
                own.error = str(e)
                continue
            own.articles = sum(map(len, buckets.values()))
            profile = self.profiles[site.name]
            shared = environment(site, profile, self.setup.reader, self.setup.threshold)
            self._advance(site.name, 0)
            for bucket in range(shards.BUCKETS):
                job = self._open(site, own, profile, shared, bucket, buckets.pop(bucket, []))
                if job is None:
                    continue
                if not job.pending:
                    self._finish(job)
                    continue
                self.open[site.name, bucket] = job
                yield from [task for key, task in job.todo.items() if key not in job.fresh]

    def _advance(self, site: str, articles: int) -> None:
        self.done[site] += articles
        if self.progress:
            self.progress(site, self.done[site], self.reports[site].articles)

    def _open(
        self,
        site: Site,
        own: SiteReport,
        profile: Profile | None,
        shared: str,
        bucket: int,
        articles: list[Article],
    ) -> _Job | None:
        """Plan a bucket; None when there is nothing to do for it."""
        old = self._old(own, bucket)
        if not articles:
            if old is not None or shards.pointer_path(self.home, site.name, bucket).exists():
                shards.drop_shard(self.home, site.name, bucket)
            return None
        own.jobs += 1
        version = profile.version if profile else None
        digest = input_digest(articles, shared, version)
        if old is not None and old.input == digest and old.complete and not self.again:
            shards.sweep(old.folder.parent, bucket, keep=old.folder.name)
            own.skipped += 1
            own.add(old)
            self._advance(site.name, len(articles))
            return None
        job = _Job(site, version, bucket, articles, digest, old, {}, {}, {})
        known = {}
        ahead = self.ahead.get(site.name, {})
        if old is not None:
            known = {r["article_key"]: rows.outcome_of(r) for r in shards.read_table(old, "readings").to_pylist()}
        for article in articles:
            pages = pages_to_read(article, site)
            if not pages:
                continue
            task = read_task(article, pages, site, profile)
            job.digests[article.key] = reading_digest(task, shared)
            before = known.get(article.key)
            if before is not None:
                job.outcomes[article.key] = before
            if before is None or self.again or before.digest != job.digests[article.key]:
                job.todo[article.key] = task
                read = ahead.get(article.key)
                if read is not None and read[0] == job.digests[article.key]:
                    job.fresh[article.key] = read[1]
                    own.read += 1
                    own.pages_read += len(task.pages)
        job.pending = len(job.todo) - len(job.fresh)
        self._advance(site.name, len(articles) - job.pending)
        own.reused += len(job.digests) - len(job.todo)
        return job

    def _old(self, own: SiteReport, bucket: int) -> shards.Shard | None:
        """The committed shard of a bucket if it is whole; a damaged one is made anew from the archive, with a warning."""
        try:
            shard = shards.read_pointer(self.home, own.site, bucket)
            if shard is not None:
                shards.verify(shard)
        except DamagedError as e:
            own.warnings.append(f"{e.what} ({e.where}); the shard is made anew")
            log.warning("%s: %s (%s); the shard is made anew", own.site, e.what, e.where)
            return None
        return shard

    def take(self, task: ReadTask, answer: Reading | pool.Lost) -> None:
        """Keep an answer; the last one of a bucket commits it."""
        own = self.reports[task.site]
        job = self.open[task.site, shards.bucket_of(task.article_key)]
        reading = checked(answer)
        own.read += 1
        own.pages_read += len(task.pages) - len(reading.damaged)
        own.damaged += [(d.url, d.where, d.what) for d in reading.damaged]
        job.fresh[task.article_key] = reading
        job.pending -= 1
        self._advance(task.site, 1)
        if not job.pending:
            del self.open[task.site, job.bucket]
            self._finish(job)

    def _finish(self, job: _Job) -> None:
        """Make a bucket's rows and commit its shard."""
        own, name = self.reports[job.site.name], job.site.name
        by_key = {a.key: a for a in job.articles}
        speeches: dict[str, list[dict[str, Any]]] = {}
        for key, reading in job.fresh.items():
            if reading.damaged and key in job.outcomes:
                job.outcomes[key] = _as_it_was(job, by_key[key])
                continue
            speeches[key] = rows.complete_rows(job.site, by_key[key], reading)
        try:
            fresh = rows.table("speeches", [r for of in speeches.values() for r in of])
        except rows.UNFIT:  # find those that do not fit; the others go on
            for key, of in speeches.items():
                if wrong := rows.check_values(of):
                    job.fresh[key] = Reading("poison", f"the reader gave {wrong}"[:300])
                    speeches[key] = []
            fresh = rows.table("speeches", [r for of in speeches.values() for r in of])
        for key, of in speeches.items():
            reading = job.fresh[key]
            if reading.fate == "poison":
                own.poison.append((job.todo[key].page_url, reading.why or ""))
            job.outcomes[key] = Outcome(
                "" if reading.damaged else job.digests[key],
                reading.fate,
                reading.why,
                reading.title,
                reading.charsets,
                reading.statuses,
                tuple(r["part"] for r in of),
                reading.score,
                damaged=frozenset(d.ordinal for d in reading.damaged),
            )
            own.fresh.count(reading.fate, of)
        own.poison.sort()
        outcomes = {k: job.outcomes[k] for k in by_key if k in job.digests}
        kept = [shards.speech_id(name, k, p) for k, o in outcomes.items() if o.kept for p in o.parts]
        if kept and job.old is not None:
            fresh = pa.concat_tables([rows.kept_speeches(shards.read_table(job.old, "speeches"), kept), fresh])
        cuts = rows.table("cuts", (r for k, of in speeches.items() if of for r in rows.cut_rows(k, job.fresh[k])))
        if kept and job.old is not None:
            known = [k for k, o in outcomes.items() if o.kept]
            cuts = pa.concat_tables([rows.kept_cuts(shards.read_table(job.old, "cuts"), known), cuts])
        tables = {
            "speeches": fresh,
            "provenance": rows.table(
                "provenance",
                (
                    r
                    for k, o in outcomes.items()
                    for r in rows.provenance_rows(job.site, by_key[k], o, job.profile_version)
                ),
            ),
            "pages": rows.table(
                "pages", (r for a in job.articles for r in rows.page_rows(job.site, a, outcomes.get(a.key)))
            ),
            "readings": rows.table("readings", (rows.reading_row(k, o) for k, o in outcomes.items())),
            "cuts": cuts,
        }
        complete = not any(r.damaged for r in job.fresh.values())
        own.add(shards.write_shard(self.home, name, job.bucket, tables, input_digest=job.input, complete=complete))


def _as_it_was(job: _Job, article: Article) -> Outcome:
    """A damaged record: the article keeps all the rows it had, and is tried again next time."""
    before = job.outcomes[article.key]
    provenance, pages = job.of_old("provenance", "speech_id"), job.of_old("pages", "key")
    ids = [shards.speech_id(job.site.name, article.key, p) for p in before.parts]
    # pages that the article did not have before are told by what the crawl knows of them
    every = frozenset(p.ordinal for p in article.pages)
    now = rows.page_rows(job.site, article, replace(before, parts=(), damaged=every))
    return replace(
        before,
        provenance=tuple(r for i in ids for r in provenance.get(i, [])),
        pages=tuple(pages.get(r["key"], [r])[0] for r in now),
    )


def checked(answer: Reading | pool.Lost) -> Reading:
    """A worker's answer as a reading: poison where there is none, or none that fits."""
    reading = Reading("poison", answer.why) if isinstance(answer, pool.Lost) else answer
    if wrong := rows.check(reading):
        return Reading("poison", f"the reader gave {wrong}"[:300])
    return reading
