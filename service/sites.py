"""The sites: what their files say, how their last runs went, what these brought, and which alarms are open."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from urllib.parse import urlsplit

from crawler.errors import JianghuaError
from crawler.plain import plain
from crawler.site import Site, load_site, site_files
from schedules.report import report_of
from service.house import House
from service.models import Health, PointOut, SiteAlarm, SiteOut
from watching.alarms import Alarm
from watching.alarms import alarms as alarms_of

RUNS = 60  # of the ledger that are looked through
TREND = 24  # points of a trend
HISTORY = 5  # runs that say what is usual


@dataclass(frozen=True, slots=True)
class Visit:
    """One run at a site. pages: addresses known after it."""

    point: PointOut
    error: str | None
    pages: int | None


def safe_address(url: str | None) -> str | None:
    """An address that a link may lead to: http or https with a host, else None. A name and a password in it are left out."""
    if url is None or any(ord(c) < 33 for c in url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url


def site_list(house: House) -> list[SiteOut]:
    """Every site of the home that has run or has an address, by name."""
    recent = [r for r in house.ledger.runs(limit=RUNS) if r.started is not None]
    trends: dict[str, list[Visit]] = {}
    for run in sorted(recent, key=lambda r: (r.started or r.scheduled_for, r.id)):
        for found in report_of(run).sites:
            if found.crawl is None and found.error is None:
                continue  # its crawl has not ended yet, or it was not crawled
            crawl = found.crawl
            point = PointOut(
                run=run.id,
                at=run.started or run.scheduled_for,
                new=crawl.new if crawl else 0,
                changed=crawl.changed if crawl else 0,
                speeches=found.extract.speeches if found.extract else None,
                failed=found.error is not None,
            )
            trends.setdefault(found.site, []).append(Visit(point, found.error, crawl.known if crawl else None))
    alarms: dict[str, list[Alarm]] = {}
    for alarm in alarms_of(house.ledger):
        if alarm.site is not None:
            alarms.setdefault(alarm.site, []).append(alarm)
    out = []
    for name in site_files(house.home):
        site: Site | None = None
        error = None
        try:
            site = load_site(name, house.home)
        except JianghuaError as e:
            error = str(e)
        if site is not None and site.unfilled and name not in trends:
            continue  # comes with the program and is not used here
        out.append(_site(name, site, error, trends.get(name, []), alarms.get(name, [])))
    return out


def _site(name: str, site: Site | None, error: str | None, trend: list[Visit], alarms: list[Alarm]) -> SiteOut:
    last = trend[-1] if trend else None
    health: Health = "well"
    why = None
    if error:
        health, why = "broken", error
    elif last is None:
        health = "never run"
    elif last.point.failed:
        health, why = "failing", last.error
    elif any(a.severity != "info" for a in alarms):
        health = "alarm"
    elif _quiet([v.point for v in trend]):
        health, why = "quiet", "its last two runs brought nothing, which is not usual for it"
    spoken = [v.point.speeches for v in trend if v.point.speeches is not None]
    return SiteOut(
        name=name,
        title=plain(site.title) if site else name,
        address=safe_address(site.start[0]) if site and not site.unfilled else None,
        error=error,
        health=health,
        why=why,
        alarms=[SiteAlarm(id=a.id, kind=a.kind, title=a.title, severity=a.severity, what=a.what) for a in alarms],
        last_run=last.point.run if last else None,
        last_at=last.point.at if last else None,
        pages=next((v.pages for v in reversed(trend) if v.pages is not None), None),
        speeches=spoken[-1] if spoken else None,
        trend=[v.point for v in trend[-TREND:]],
    )


def _quiet(points: list[PointOut]) -> bool:
    """Whether the last two runs brought nothing although most runs before them did.

    As the alarm `few_new` judges: one quiet run is none (the second run of a day finds what the first one fetched), a run that failed says
    nothing, the first one finds everything that there ever was, and with fewer than HISTORY runs nothing is usual.
    """
    brought = [p.new + p.changed for p in points if not p.failed][1:]
    before, last = brought[:-2], brought[-2:]
    return len(before) >= HISTORY and not any(last) and median(before) > 0
