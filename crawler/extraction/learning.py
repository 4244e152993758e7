"""Learn what a site's pages repeat: a sample of its archived articles to a numbered profile.

What was learned from which sample is remembered beside the profiles (learned.json), so that learning again from the same sample
costs nothing. That memory decides no more than that: without it the same profile comes out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from crawler.durable import write_json
from crawler.errors import JianghuaError
from crawler.extraction import pool
from crawler.extraction.inputs import Article, environment, group, pages_to_read, read_task, reading_digest
from crawler.extraction.profile import Layout, Profile, is_redesign, load_profile, save_profile, with_former
from crawler.extraction.worker import LearnTask, Reading, ReadTask, Setup
from crawler.home import Home
from crawler.site import Site
from crawler.state import SiteState

LEARNER = "crawler.extraction.profile:learn"
SAMPLE = 60  # articles that a profile is learned from: what stands on a quarter of a site's pages shows in them
LEARN_LIMIT = 600.0  # seconds a site


def sampled(articles: Iterable[Article], site: Site) -> tuple[ReadTask, ...]:
    """The articles that a profile is learned from: the SAMPLE with the smallest hash of their key, so that neither the order of
    the crawl counts nor does a site that grows change its sample much; in order of key."""
    tasks: list[ReadTask] = []
    for article in sorted(articles, key=lambda a: hashlib.sha256(a.key.encode()).digest()):
        if chosen := pages_to_read(article, site):
            tasks.append(read_task(article, chosen, site))
            if len(tasks) == SAMPLE:
                break
    return tuple(sorted(tasks, key=lambda t: t.article_key))


def learn_once(
    workers: pool.Pool, samples: Mapping[str, Sequence[ReadTask]]
) -> Iterator[tuple[str, Profile | pool.Lost | None]]:
    """Learn several sites at a time, each from its sample; (site, profile under number 0 or None or Lost) as they come."""
    tasks = [LearnTask(site, tuple(sample)) for site, sample in samples.items()]
    for task, answer in workers.run(tasks, batch=1, time_limit=LEARN_LIMIT):
        yield task.site, answer


def learn_sites(home: Home, setup: Setup, workers: pool.Pool) -> dict[str, Profile | JianghuaError | None]:
    """Learn the sites of `setup` from their archives and keep each profile under a new number where that changes what is read.

    By site its newest profile, None when there is too little to learn from, or what went wrong: the profiles kept before then
    still hold, and the other sites are learned.
    """
    found: dict[str, Profile | JianghuaError | None] = {}
    samples: dict[str, tuple[ReadTask, ...]] = {}
    inputs: dict[str, str] = {}
    for site in setup.sites.values():
        try:
            with SiteState.open(home, site.name, read_only=True) as state:
                sample = sampled((a for bucket in group(state.pages()).values() for a in bucket), site)
            newest = load_profile(home, site.name)
        except JianghuaError as e:
            found[site.name] = e
            continue
        inputs[site.name] = _input(sample, site, setup)
        if not sample or _remembered(home, site.name) == [inputs[site.name], newest.version if newest else None]:
            found[site.name] = newest
        else:
            samples[site.name] = sample
    for name, learned in list(learn_once(workers, samples)):
        if isinstance(learned, pool.Lost):
            found[name] = JianghuaError(
                f"the profile of '{name}' could not be learned: {learned.why.removeprefix('its reading ')}",
                where=str(home.profiles(name)),
                remedy="extraction goes on with the last profile; report the message if it comes again",
            )
            continue
        newest = load_profile(home, name)
        known = _with_days(newest, _days(home, name)) if newest else None
        now = with_former(learned, known) if learned and known else learned
        if newest is None or now is None or _is_news(workers, samples[name], newest, now):
            newest = save_profile(home, name, learned, known)
        days = {"|".join(x.bodies): [x.first, x.last] for x in (now or known or Profile(0, name)).layouts}
        found[name] = newest
        write_json(
            _memory(home, name), {"input": inputs[name], "version": newest.version if newest else None, "days": days}
        )
    return {site: found[site] for site in setup.sites}


def _is_news(workers: pool.Pool, sample: Sequence[ReadTask], old: Profile, new: Profile) -> bool:
    """Whether a new profile changes what is read from the sample, or tells of a redesign; one that only says the same in other words
    is not worth reading a whole site again."""
    if old.content == new.content:
        return False
    if is_redesign(old, new):
        return True
    readings: dict[str, list[Reading | pool.Lost]] = {}
    # under one number, for what a reader makes of the number is no difference
    both = [replace(p, version=0) for p in (old, new)]
    for task, answer in workers.run(_with(t, p) for t in sample for p in both):
        readings.setdefault(task.article_key, []).append(answer)
    return any(a != b for a, b in readings.values())


def _with(task: ReadTask, profile: Profile | None) -> ReadTask:
    """The same task under a profile."""
    return replace(task, profile=profile)


def _input(sample: Sequence[ReadTask], site: Site, setup: Setup) -> str:
    """Digest of all that learning from a sample depends on."""
    shared = environment(site, None, f"{setup.learner} {setup.reader}", setup.threshold)
    return hashlib.sha256(" ".join(reading_digest(t, shared) for t in sample).encode()).hexdigest()[:32]


def _memory(home: Home, site: str) -> Path:
    return home.profiles(site) / "learned.json"


def _days(home: Home, site: str) -> dict[str, list[str | None]]:
    """Of each layout the days it was seen on since its profile was made, as far as they are remembered."""
    try:
        value = json.loads(_memory(home, site).read_text(encoding="utf-8"))["days"]
        return {str(k): [v[0], v[1]] for k, v in value.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return {}


def _with_days(profile: Profile, days: Mapping[str, Sequence[str | None]]) -> Profile:
    """A profile with the days that are remembered of its layouts."""

    def widened(x: Layout) -> Layout:
        all_ = sorted(d for d in (x.first, x.last, *days.get("|".join(x.bodies), ())) if d)
        return replace(x, first=all_[0], last=all_[-1]) if all_ else x

    return replace(profile, layouts=tuple(map(widened, profile.layouts)))


def _remembered(home: Home, site: str) -> list[str | int | None] | None:
    """Of which input the newest profile was learned or confirmed, and its number; None when that is not known."""
    try:
        value = json.loads(_memory(home, site).read_text(encoding="utf-8"))
        return [value["input"], value["version"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
