"""Reading ahead, beside a running crawl: what the crawl commits is read as it comes, so that no CPU waits for the other stage.

Nothing that is read ahead decides anything: a reading is taken only where the extraction at the end would read the same bytes with
the same site file, rules, extractor and profile content, which is what its digest says. So the records are those of crawl, learn and
extract one after the other, whenever the crawl was looked at.

A site that is crawled for the first time has no profile yet. Then a provisional one (number 0) is learned as soon as there is a
sample to learn from; it is kept nowhere. Where the profile learned at the end says the same, which is the rule, all that was
read ahead is taken; where it does not, the site is read again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import sqlalchemy as sa

from crawler import shards
from crawler.errors import JianghuaError
from crawler.extraction import pool
from crawler.extraction.inputs import Article, environment, group, pages_to_read, read_task, reading_digest
from crawler.extraction.learning import SAMPLE, learn_once, sampled
from crawler.extraction.passes import Ahead, Extraction, Progress, checked
from crawler.extraction.profile import Profile, load_profile
from crawler.extraction.report import ExtractReport, SiteReport
from crawler.extraction.worker import Reading, ReadTask, Setup
from crawler.home import Home
from crawler.site import Site
from crawler.state import SiteState, pages_table

LOOK_PAGES = 16  # a site is looked at again when so many more of its pages are archived,
LOOK_SHARE = 0.05  # and this share of those that were: a look reads all that the state knows
SECONDS = 0.5  # between two looks that found nothing
LEARN_AGAIN = 8  # a provisional profile is learned again when the site has so many times the articles
# What was read is committed when a kill would cost too much of it; every bucket is written again then, so not too often.
COMMIT_ARTICLES = 500
COMMIT_SHARE = 0.5
COMMIT_MOST = 5000  # some 100 MB


@dataclass(slots=True)
class _Followed:
    """A site that is followed. seen: pages archived at the last look; done: reading digest of each article that the records hold;
    ahead: what was read since; learned_from: how many articles there were when the provisional profile was learned; environment: of
    its profile, which is asked for with each article."""

    site: Site
    profile: Profile | None
    ready: bool
    done: dict[str, str]
    seen: int = 0
    learned_from: int = 0
    environment: tuple[Profile | None, str] | None = None
    ahead: dict[str, tuple[str, Reading]] = field(default_factory=dict)


class Follower:
    """Reads ahead; what it read and did not commit stands in `ahead`, by site and article key."""

    def __init__(self, home: Home, setup: Setup, workers: pool.Pool, progress: Progress | None, learning: bool) -> None:
        self.home = home
        self.setup = setup
        self.workers = workers
        self.progress = progress
        self.sites: dict[str, _Followed] = {}
        for site in setup.sites.values():
            try:
                profile = load_profile(home, site.name)
                done = _known(home, site.name)
            except JianghuaError:  # the extraction at the end tells it
                continue
            # without a profile, and none to come, a page is read without one
            self.sites[site.name] = _Followed(site, profile, profile is not None or not learning, done)

    @property
    def ahead(self) -> dict[str, Ahead]:
        return {name: f.ahead for name, f in self.sites.items()}

    def follow(self, until: Callable[[], bool]) -> list[ExtractReport]:
        """Read until `until` gives True and what was begun is done; the reports of what was committed on the way."""
        reports = []
        while not until():
            began = time.monotonic()
            grown = {name: articles for name in self.sites if (articles := self._look(name)) is not None}
            self.workers.start(sum(self._unknown(name, articles) for name, articles in grown.items()))
            self._learn(grown)
            for task, answer in self.workers.run(self._tasks(grown)):
                self._take(task, answer)
            for followed in self.sites.values():
                if len(followed.ahead) >= min(COMMIT_MOST, max(COMMIT_ARTICLES, COMMIT_SHARE * len(followed.done))):
                    reports.append(self._commit(followed))
            if not grown:  # looking reads the state: keep it a small part of the time
                time.sleep(max(SECONDS, 10 * (time.monotonic() - began)))
        return reports

    def _look(self, name: str) -> list[Article] | None:
        """A site's articles, when enough pages came since the last look."""
        followed = self.sites[name]
        if not self.home.state_db(name).exists():
            return None
        try:
            with SiteState.open(self.home, name, read_only=True) as state:
                query = sa.select(sa.func.count()).where(pages_table.c.warc_file.is_not(None))
                archived = state.db.execute(query).scalar_one()
                if archived < followed.seen + max(LOOK_PAGES, LOOK_SHARE * followed.seen):
                    return None
                articles = [a for bucket in group(state.pages()).values() for a in bucket]
        except (JianghuaError, sa.exc.DatabaseError):  # the crawl tells it
            return None
        followed.seen = archived
        return articles

    def _unknown(self, name: str, articles: list[Article]) -> int:
        """How many of a site's articles were never read, also those that cannot be read yet."""
        followed = self.sites[name]
        return sum(a.key not in followed.done and a.key not in followed.ahead for a in articles)

    def _learn(self, grown: dict[str, list[Article]]) -> None:
        """A provisional profile for the sites that have none and are not yet known, or known by too few articles."""
        samples: dict[str, tuple[ReadTask, ...]] = {}
        for name, articles in grown.items():
            followed = self.sites[name]
            known = followed.profile is not None and followed.profile.version > 0
            if known or (followed.ready and not followed.learned_from):
                continue
            count = sum(bool(pages_to_read(a, followed.site)) for a in articles)
            if count >= (LEARN_AGAIN * followed.learned_from or SAMPLE):
                followed.learned_from = count
                samples[name] = sampled(articles, followed.site)
        for name, learned in learn_once(self.workers, samples) if samples else ():
            followed = self.sites[name]
            if isinstance(learned, Profile):
                if followed.profile is None or followed.profile.content != learned.content:
                    followed.profile = learned
                    followed.ahead.clear()
                followed.ready = True

    def _tasks(self, grown: dict[str, list[Article]]) -> Iterator[ReadTask]:
        for name, articles in grown.items():
            followed = self.sites[name]
            if not followed.ready:
                continue
            shared = self._environment(followed)
            for article in articles:
                pages = pages_to_read(article, followed.site)
                if not pages or len(pages) < max(p.expected for p in article.pages):  # the others are still to come
                    continue
                task = read_task(article, pages, followed.site, followed.profile)
                digest = reading_digest(task, shared)
                before = followed.ahead.get(article.key)
                if digest != (before[0] if before else followed.done.get(article.key)):
                    yield task

    def _take(self, task: ReadTask, answer: Reading | pool.Lost) -> None:
        followed = self.sites[task.site]
        reading = checked(answer)
        if not reading.damaged:  # a damaged record is for the end to see and to tell
            digest = reading_digest(task, self._environment(followed))
            followed.ahead[task.article_key] = digest, reading
        if self.progress:
            self.progress(task.site, len(followed.done) + len(followed.ahead), followed.seen)

    def _environment(self, followed: _Followed) -> str:
        if followed.environment is None or followed.environment[0] is not followed.profile:
            made = environment(followed.site, followed.profile, self.setup.reader, self.setup.threshold)
            followed.environment = followed.profile, made
        return followed.environment[1]

    def _commit(self, followed: _Followed) -> ExtractReport:
        name = followed.site.name
        report = ExtractReport([SiteReport(name)])
        extraction = Extraction(self.home, self.setup, {name: followed.profile}, ahead={name: followed.ahead})
        for task, answer in self.workers.run(extraction.tasks([(followed.site, report.sites[0])])):
            extraction.take(task, answer)
        followed.done |= {key: digest for key, (digest, _) in followed.ahead.items()}
        followed.ahead.clear()
        return report


def _known(home: Home, site: str) -> dict[str, str]:
    """The reading digest of each article that the records hold."""
    found: dict[str, str] = {}
    for shard in shards.committed(home, site):
        table = shards.read_table(shard, "readings", ["article_key", "digest"])
        found |= dict(zip(table["article_key"].to_pylist(), table["digest"].to_pylist(), strict=True))
    return found
