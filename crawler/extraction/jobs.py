"""Extract and learn: from the archive alone to records; one bucket of a site's articles is one unit of work.

Killed at any moment and run again, the same shards come out (see passes.py).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from crawler import shards
from crawler.errors import JianghuaError, UsageError
from crawler.extraction import pool
from crawler.extraction.inputs import group, pages_to_read, read_task
from crawler.extraction.passes import Extraction, Progress
from crawler.extraction.profile import Profile, load_profile, save_profile
from crawler.extraction.report import ExtractReport, SiteReport
from crawler.extraction.worker import ReadTask, Setup
from crawler.home import Home
from crawler.site import Site, load_site
from crawler.state import PageState, SiteState

READER = "crawler.extraction.article:read_article"
LEARNER = "crawler.extraction.profile:learn"
SAMPLE = 400  # articles that a profile is learned from: what repeats on a site shows in far fewer
LEARN_LIMIT = 600.0  # seconds

# beside a crawl: a pass is worth its fixed cost (every bucket is written again) when so many pages are new
FOLLOW_PAGES = 200
FOLLOW_SHARE = 0.3
FOLLOW_SECONDS = 1.0


def crawled_sites(home: Home) -> list[str]:
    """The names of the sites that were ever crawled in this home."""
    return sorted(p.stem for p in (home.var / "state").glob("*.db"))


def asked_sites(home: Home, names: Sequence[str]) -> list[Site]:
    """The sites asked for, all that were crawled when none is named.

    Raises UsageError for an unknown name and when none of them was ever crawled, JianghuaError for a broken site file.
    """
    sites = [load_site(name, home) for name in dict.fromkeys(names or crawled_sites(home))]
    if not any(home.state_db(site.name).exists() for site in sites):
        which = ", ".join(f"the site '{s.name}'" for s in sites)
        raise UsageError(
            f"{which} was never crawled here" if sites else "nothing was crawled here yet",
            where=str(home.var / "state"),
            remedy=f"run `jianghua crawl {sites[0].name if sites else 'SITE'}` first, or give --home",
        )
    return sites


def extract(
    home: Home,
    site_names: Sequence[str] = (),
    *,
    again: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    until: Callable[[], bool] | None = None,
    reader: str = READER,
    time_limit: float = pool.TIME_LIMIT,
    memory_limit: int = pool.MEMORY_LIMIT,
) -> ExtractReport:
    """Bring the records of the sites (all crawled ones when none is named) up to date with archive, site files, rules and profiles.

    again: read everything anew, also what did not change. workers: processes (default: the CPUs). progress: called with site,
    articles done and articles in all. until: go on taking what a running crawl commits until it gives True, then once more;
    None: what is there now. reader: `module:function` of article.read_article's form.
    Raises UsageError for a site unknown or under extraction elsewhere and when none was ever crawled, JianghuaError when
    the disk is full. A site that fails in another way does not stop the others: see SiteReport.error.
    """
    began = time.monotonic()
    if until is None:
        sites = asked_sites(home, site_names)
    else:  # the crawl may only be starting
        sites = [load_site(name, home) for name in dict.fromkeys(site_names)]
    with ExitStack() as stack:
        for site in sites:
            stack.enter_context(shards.locked(home, site.name))
        profiles: dict[str, Profile | None] = {}
        broken: dict[str, str] = {}
        for site in sites:
            try:
                profiles[site.name] = load_profile(home, site.name)
            except JianghuaError as e:
                broken[site.name] = str(e)
        setup = Setup(home, {s.name: s for s in sites if s.name not in broken}, profiles, reader)
        workers_ = stack.enter_context(
            pool.Pool(
                "crawler.extraction.worker:reading",
                setup,
                workers=workers,
                time_limit=time_limit,
                memory_limit=memory_limit,
            )
        )
        followed = _follow(home, setup, workers_, progress, until) if until else []
        report = _once(home, sites, broken, setup, workers_, progress, again)
    for earlier in followed:
        report.add(earlier)
    report.seconds = time.monotonic() - began
    return report


def _once(
    home: Home,
    sites: list[Site],
    broken: dict[str, str],
    setup: Setup,
    workers: pool.Pool,
    progress: Progress | None,
    again: bool,
) -> ExtractReport:
    """One pass over the sites as they are now."""
    report = ExtractReport([SiteReport(s.name, error=broken.get(s.name)) for s in sites])
    ready = []
    for site, own in zip(sites, report.sites, strict=True):
        if not home.state_db(site.name).exists():
            own.error = f"never crawled; run `jianghua crawl {site.name}` first"
        elif own.error is None:
            ready.append((site, own))
    extraction = Extraction(home, setup, again, progress)
    for task, answer in workers.run(extraction.tasks(ready)):
        extraction.take(task, answer)
    return report


def _follow(
    home: Home, setup: Setup, workers: pool.Pool, progress: Progress | None, until: Callable[[], bool]
) -> list[ExtractReport]:
    """Passes beside a running crawl, each when enough new pages are archived; none after `until` gave True."""
    seen: dict[str, int] = {}
    reports = []
    while not until():
        began = time.monotonic()
        due = []
        for site in setup.sites.values():
            known = _archived(home, site.name)
            if known - seen.get(site.name, 0) >= max(FOLLOW_PAGES, FOLLOW_SHARE * seen.get(site.name, 0)):
                seen[site.name] = known
                due.append(site)
        if due:
            reports.append(_once(home, due, {}, setup, workers, progress, False))
        else:  # looking costs a read of the state: keep it a small part of the time
            time.sleep(max(FOLLOW_SECONDS, 10 * (time.monotonic() - began)))
    return reports


def _archived(home: Home, site: str) -> int:
    """How many pages of a site are archived; 0 while its crawl has not begun."""
    if not home.state_db(site).exists():
        return 0
    try:
        with SiteState.open(home, site, read_only=True) as state:
            return sum(p.address is not None for p in state.pages())
    except JianghuaError:
        return 0


def _sampled(pages: Iterator[PageState], site: Site) -> list[ReadTask]:
    """The articles that a profile is learned from: those with the smallest hash of their key, so that a site that grows
    changes its sample little; in order of key."""
    articles = [a for bucket in group(pages).values() for a in bucket]
    articles.sort(key=lambda a: hashlib.sha256(a.key.encode()).digest())
    tasks: list[ReadTask] = []
    for article in articles:
        if chosen := pages_to_read(article, site):
            tasks.append(read_task(article, chosen, site))
            if len(tasks) == SAMPLE:
                break
    return sorted(tasks, key=lambda t: t.article_key)


def learn(
    home: Home,
    site_name: str,
    *,
    learner: str = LEARNER,
    time_limit: float = LEARN_LIMIT,
    memory_limit: int = pool.MEMORY_LIMIT,
) -> Profile | None:
    """Learn a site's profile from a sample of its archived articles and keep it under a new number if it changed.

    None when there is nothing to learn from. Raises UsageError for a site unknown or never crawled, JianghuaError when
    learning fails, takes too long or too much memory; the profiles kept before still hold then.
    """
    (site,) = asked_sites(home, [site_name])
    with SiteState.open(home, site.name, read_only=True) as state:
        tasks = _sampled(iter(state.pages()), site)
    if not tasks:
        return None
    setup = Setup(home, {site.name: site}, {}, learner)
    with pool.Pool(
        "crawler.extraction.worker:learning",
        setup,
        workers=1,
        time_limit=time_limit,
        memory_limit=memory_limit,
    ) as worker:
        ((_, answer),) = worker.run([tasks])
    if isinstance(answer, pool.Lost):
        raise JianghuaError(
            f"the profile of '{site.name}' could not be learned: {answer.why.removeprefix('its reading ')}",
            where=str(home.profiles(site.name)),
            remedy="extraction goes on with the last profile; report the message if it comes again",
        )
    return save_profile(home, site.name, answer) if answer is not None else None
