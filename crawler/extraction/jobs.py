"""Extract and learn: from the archive alone to records; one bucket of a site's articles is one unit of work.

Killed at any moment and run again, the same shards come out (see passes.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from crawler import shards
from crawler.config import load_settings
from crawler.errors import JianghuaError, UsageError
from crawler.extraction import pool
from crawler.extraction.follow import Follower
from crawler.extraction.learning import LEARNER, learn_sites
from crawler.extraction.passes import Ahead, Extraction, Progress
from crawler.extraction.profile import Profile, load_profile
from crawler.extraction.report import ExtractReport, SiteReport
from crawler.extraction.worker import Setup
from crawler.home import Home
from crawler.site import Site, load_site, site_files

READER = "crawler.extraction.article:read_article"
WORKING = "crawler.extraction.worker:working"


def crawled_sites(home: Home) -> list[str]:
    """The names of the sites that were ever crawled in this home."""
    return sorted(p.stem for p in (home.var / "state").glob("*.db"))


def without_file(home: Home) -> list[str]:
    """The names of the crawled sites that have no site file any more: somebody took it away, and their archive and records stay as they are."""
    return sorted(set(crawled_sites(home)) - site_files(home).keys())


def asked_sites(home: Home, names: Sequence[str]) -> list[Site]:
    """The sites asked for, all that were crawled and have a site file when none is named.

    Raises UsageError for an unknown name and when none of them was ever crawled, JianghuaError for a broken site file.
    """
    gone = without_file(home) if not names else []
    sites = [load_site(n, home) for n in dict.fromkeys(names or [n for n in crawled_sites(home) if n not in gone])]
    if gone and not sites:
        raise UsageError(
            f"no site that was crawled here has a site file: {', '.join(gone)}",
            where=str(home.own_sites),
            remedy=f"put {gone[0]}.yaml back, or add the site again with `jianghua sites add URL --name {gone[0]}`",
        )
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
    learning: bool = False,
    reader: str = READER,
    learner: str = LEARNER,
    time_limit: float = pool.TIME_LIMIT,
    memory_limit: int = pool.MEMORY_LIMIT,
) -> ExtractReport:
    """Bring the records of the sites (all crawled ones when none is named) up to date with archive, site files, rules and profiles.

    again: read everything anew, also what did not change. workers: processes (default: the CPUs). progress: called with site,
    articles done and articles in all. until: go on taking what a running crawl commits until it gives True, then what is left;
    None: what is there now. learning: learn the sites first, as `learn` does; with `until`, when it has given True, and a site
    without a profile is read meanwhile with a provisional one. reader, learner: `module:function` of the form of
    article.read_article and profile.learn.
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
        setup = Setup(home, {s.name: s for s in sites}, reader, learner, load_settings(home).speech_threshold)
        workers_ = stack.enter_context(
            pool.Pool(WORKING, setup, workers=workers, time_limit=time_limit, memory_limit=memory_limit)
        )
        ahead: dict[str, Ahead] = {}
        earlier: list[ExtractReport] = []
        if until is not None:
            follower = Follower(home, setup, workers_, progress, learning)
            earlier = follower.follow(until)
            ahead = follower.ahead
        learned: list[dict[str, str | int | None]] = []
        if learning:
            then = time.monotonic()
            learned = learned_rows(learn_sites(home, setup, workers_))
            learned_seconds = time.monotonic() - then
        report = _once(home, setup, workers_, progress, again, ahead)
    for before in earlier:
        report.add(before)
    if learning:
        report.learned, report.learned_seconds = learned, learned_seconds
    report.seconds = time.monotonic() - began
    return report


def _once(
    home: Home,
    setup: Setup,
    workers: pool.Pool,
    progress: Progress | None,
    again: bool,
    ahead: dict[str, Ahead],
) -> ExtractReport:
    """One pass over the sites as they are now."""
    report = ExtractReport([SiteReport(name) for name in setup.sites])
    profiles: dict[str, Profile | None] = {}
    ready = []
    for site, own in zip(setup.sites.values(), report.sites, strict=True):
        try:
            profiles[site.name] = load_profile(home, site.name)
        except JianghuaError as e:
            own.error = str(e)
            continue
        if home.state_db(site.name).exists():
            ready.append((site, own))
        else:
            own.error = f"never crawled; run `jianghua crawl {site.name}` first"
    extraction = Extraction(home, setup, profiles, again, progress, ahead)
    for task, answer in workers.run(extraction.tasks(ready)):
        extraction.take(task, answer)
    return report


def learn(
    home: Home,
    site_name: str,
    *,
    learner: str = LEARNER,
    reader: str = READER,
    memory_limit: int = pool.MEMORY_LIMIT,
) -> Profile | None:
    """Learn a site's profile from a sample of its archived articles and keep it under a new number if it changes what is read.

    None when there is too little to learn from. Raises UsageError for a site unknown or never crawled, JianghuaError when
    learning fails, takes too long or too much memory; the profiles kept before still hold then.
    """
    (found,) = learn_all(home, [site_name], learner=learner, reader=reader, memory_limit=memory_limit).values()
    if isinstance(found, JianghuaError):
        raise found
    return found


def learn_all(
    home: Home,
    site_names: Sequence[str] = (),
    *,
    learner: str = LEARNER,
    reader: str = READER,
    memory_limit: int = pool.MEMORY_LIMIT,
) -> dict[str, Profile | JianghuaError | None]:
    """Learn the sites (all crawled ones when none is named), several at a time; by site its newest profile, None where there is
    too little to learn from, or what went wrong.

    Raises UsageError as `extract` does.
    """
    sites = asked_sites(home, site_names)
    setup = Setup(home, {s.name: s for s in sites}, reader, learner, load_settings(home).speech_threshold)
    with pool.Pool(WORKING, setup, memory_limit=memory_limit) as workers:
        return learn_sites(home, setup, workers)


def learned_rows(found: dict[str, Profile | JianghuaError | None]) -> list[dict[str, str | int | None]]:
    """What learning came to, as plain values: site, profile (its number), error."""
    return [
        {
            "site": site,
            "profile": x.version if isinstance(x, Profile) else None,
            "error": str(x) if isinstance(x, JianghuaError) else None,
        }
        for site, x in found.items()
    ]
