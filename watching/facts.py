"""What the rules judge: gathered once from ledger, schedules, site files and disk, as plain data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from crawler.errors import JianghuaError
from crawler.home import Home
from crawler.site import Expect, load_site, site_files
from publisher.places import DATASETS, dataset_folder
from publisher.versions import read_latest, read_manifest
from schedules.committing import Committing
from schedules.ledger import Ledger
from schedules.plan import MANUAL, Pause, Schedule, fire_times, load_schedules, on_purpose
from schedules.report import RunReport, SiteFigures, report_of
from schedules.store import lease, marks, runs
from watching.disk import Disk, Sample, samples
from watching.store import reading

WINDOW = 16  # runs of a site that are looked at: the last one and those that say what is usual
LOOKED_AT = 200  # ended runs that are read at most
ENDED = ("done", "caught_up", "failed", "waiting")


@dataclass(frozen=True, slots=True)
class Visit:
    """One site in one run that has ended."""

    run: int
    schedule: str
    at: datetime
    figures: SiteFigures


@dataclass(frozen=True, slots=True)
class Fire:
    """A fire time that was recorded."""

    run: int
    scheduled_for: datetime
    state: str
    why: str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """now: aware UTC. schedules: those that are enabled; broken: files with mistakes. visits: by site, oldest first. reports: of ended
    runs by schedule, oldest first. fires: the last recorded fire times by schedule, oldest first, of whatever state. marks: up to when the
    fire times of a schedule are dealt with. pauses: the schedules that a person holds back. expects: of the site files. published: dataset: when its latest version was published; damaged: dataset: why that version does not hold. commits: runs that
    commit a version now."""

    now: datetime
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    visits: Mapping[str, Sequence[Visit]] = field(default_factory=dict)
    reports: Mapping[str, Sequence[RunReport]] = field(default_factory=dict)
    fires: Mapping[str, Sequence[Fire]] = field(default_factory=dict)
    marks: Mapping[str, datetime] = field(default_factory=dict)
    pauses: Mapping[str, Pause] = field(default_factory=dict)
    expects: Mapping[str, Expect] = field(default_factory=dict)
    disk: Disk | None = None
    samples: Sequence[Sample] = ()
    published: Mapping[str, datetime] = field(default_factory=dict)
    damaged: Mapping[str, str] = field(default_factory=dict)
    commits: Sequence[Committing] = ()


def gather(home: Home, ledger: Ledger, now: datetime) -> Facts:
    """The facts of a home now. Raises JianghuaError when the ledger cannot be read."""
    good, broken = load_schedules(home)
    reports = last_reports(ledger)
    by_schedule: dict[str, list[RunReport]] = {}
    for report in reports:
        by_schedule.setdefault(report.schedule, []).append(report)
    sites = site_files(home)  # one whose file was removed is watched no more
    visits = {name: v for name, v in visits_of(reports).items() if name in sites}
    published, damaged = datasets(home)
    return Facts(
        now=now,
        schedules={n: s for n, s in good.items() if s.enabled},
        broken={n: str(e) for n, e in broken.items()},
        visits=visits,
        reports=by_schedule,
        fires=last_fires(ledger),
        marks=known_marks(ledger),
        pauses=ledger.pauses(),
        expects=_expects(home, visits),
        disk=disk_of(home),
        samples=samples(home),
        published=published,
        damaged=damaged,
        commits=ledger.committing(),
    )


def last_reports(ledger: Ledger, limit: int = LOOKED_AT) -> list[RunReport]:
    """The reports of the last ended runs, oldest first."""
    found = ledger.runs(states=ENDED, limit=limit)
    return [report_of(r) for r in reversed(found)]


def visits_of(reports: Sequence[RunReport]) -> dict[str, list[Visit]]:
    """The last visits of each site that was crawled or read in one of the runs, oldest first."""
    found: dict[str, list[Visit]] = {}
    for report in reports:
        at = report.finished or report.started or report.scheduled_for
        for site in report.sites:
            if site.crawl is not None or site.extract is not None or site.error:
                found.setdefault(site.site, []).append(Visit(report.run, report.schedule, at, site))
    return {name: visits[-WINDOW:] for name, visits in found.items()}


def last_fires(ledger: Ledger, each: int = 50) -> dict[str, list[Fire]]:
    """The last recorded fire times of each schedule, oldest first, without those that somebody holds back."""
    columns = (runs.c.schedule, runs.c.id, runs.c.scheduled_for, runs.c.state, runs.c.why)
    number = sa.func.row_number().over(partition_by=runs.c.schedule, order_by=runs.c.scheduled_for.desc()).label("n")
    ranked = sa.select(*columns, number).where(runs.c.schedule != MANUAL, runs.c.cause != "manual").subquery()
    query = sa.select(ranked).where(ranked.c.n <= each).order_by(ranked.c.scheduled_for, ranked.c.id)
    found: dict[str, list[Fire]] = {}
    with reading(ledger) as c:
        for row in c.execute(query):
            if row.state in ("skipped", "due") and on_purpose(row.why):
                continue
            found.setdefault(row.schedule, []).append(Fire(row.id, row.scheduled_for, row.state, row.why))
    return found


def known_marks(ledger: Ledger) -> dict[str, datetime]:
    """Up to when the fire times of each schedule have been dealt with."""
    with reading(ledger) as c:
        return {row.schedule: row.until for row in c.execute(sa.select(marks.c.schedule, marks.c.until))}


def lease_of(ledger: Ledger) -> tuple[str | None, datetime | None, int]:
    """Who holds the lease, until when, and the fencing token (0: there never was a scheduler)."""
    with reading(ledger) as c:
        row = c.execute(sa.select(lease).where(lease.c.id == 1)).one()
    return row.owner, row.expires, row.token


def disk_of(home: Home) -> Disk | None:
    """The disk that a home is on; None where it cannot be told."""
    place = home.var if home.var.exists() else home.root
    try:
        usage = shutil.disk_usage(place)
    except OSError:
        return None
    return Disk(usage.free, usage.total)


def datasets(home: Home) -> tuple[dict[str, datetime], dict[str, str]]:
    """When the latest version of each dataset was published, and what is wrong with one that lacks a file or does not fit its manifest.
    Files are looked at, not read."""
    published: dict[str, datetime] = {}
    damaged: dict[str, str] = {}
    for name in DATASETS:
        folder = dataset_folder(home, name)
        for _ in range(2):  # a publish or a retention may go on meanwhile: what is wrong must be wrong twice
            damaged.pop(name, None)
            try:
                latest = read_latest(folder)
                if latest is not None:
                    from publisher.verify import (
                        verify,  # brings much, and not every service has published
                    )

                    verify(folder, "latest", quick=True)
                    published[name] = read_manifest(folder, latest.version)[0].published_at
                break
            except JianghuaError as e:
                damaged[name] = str(e)
            except OSError as e:
                damaged[name] = f"{e.strerror or e} ({e.filename or folder})"
    return published, damaged


def _expects(home: Home, sites: Mapping[str, object]) -> dict[str, Expect]:
    found: dict[str, Expect] = {}
    files = site_files(home)
    for name in sites:
        if name in files:
            try:
                found[name] = load_site(name, home).expect
            except JianghuaError:
                continue
    return found


def late_since(schedule: Schedule, until: datetime | None, pause: Pause | None, now: datetime) -> datetime | None:
    """The first fire time that nobody has dealt with; None where there is none, no scheduler has seen the schedule yet (until: None), or a person
    has paused it before."""
    if until is None or not schedule.enabled:
        return None
    first = next(fire_times(schedule, until, now), None)
    return None if first is None or (pause is not None and first > pause.since) else first


def silence(schedule: Schedule) -> timedelta:
    """How much later than its fire time a run of a schedule may begin before it counts as late."""
    return timedelta(minutes=10) + schedule.jitter
