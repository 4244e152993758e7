"""The sites: what their files say, how their last runs went, and what these brought."""

from __future__ import annotations

from statistics import median
from urllib.parse import urlsplit

from crawler.errors import JianghuaError
from crawler.site import Site, load_site, site_files
from schedules.ledger import Run
from service.house import House
from service.looking import by_site
from service.models import PointOut, SiteOut

RUNS = 60  # of the ledger that are looked through
TREND = 24  # points of a trend


def safe_address(url: str | None) -> str | None:
    """An address that a link may lead to: http or https with a host, else None."""
    if url is None or any(ord(c) < 33 for c in url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def site_list(house: House) -> list[SiteOut]:
    """Every site of the home that has run or has an address, by name."""
    recent = [r for r in house.ledger.runs(limit=RUNS) if r.started is not None]
    trends: dict[str, list[tuple[Run, PointOut, str | None, int | None]]] = {}
    for run in sorted(recent, key=lambda r: (r.started or r.scheduled_for, r.id)):
        for found in by_site(run):
            if found.new is None and found.error is None:
                continue  # its crawl has not ended yet
            point = PointOut(
                run=run.id,
                at=run.started or run.scheduled_for,
                new=found.new or 0,
                changed=found.changed or 0,
                speeches=found.speeches,
                failed=found.error is not None,
            )
            trends.setdefault(found.site, []).append((run, point, found.error, found.requests))
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
        out.append(_site(name, site, error, trends.get(name, [])))
    return out


def _site(
    name: str, site: Site | None, error: str | None, trend: list[tuple[Run, PointOut, str | None, int | None]]
) -> SiteOut:
    last = trend[-1] if trend else None
    health, why = "well", None
    if error:
        health, why = "broken", error
    elif last is None:
        health = "never run"
    elif last[1].failed:
        health, why = "failing", last[2]
    elif _quiet([p for _, p, _, _ in trend]):
        health, why = "quiet", "its last run brought nothing, which is not usual for it"
    spoken = [p.speeches for _, p, _, _ in trend if p.speeches is not None]
    return SiteOut(
        name=name,
        title=site.title if site else name,
        address=safe_address(site.start[0]) if site and not site.unfilled else None,
        error=error,
        health=health,  # type: ignore[arg-type]  # one of its words
        why=why,
        last_run=last[0].id if last else None,
        last_at=last[1].at if last else None,
        pages=_pages(last[0], name) if last else None,
        speeches=spoken[-1] if spoken else None,
        trend=[p for _, p, _, _ in trend[-TREND:]],
    )


def _quiet(points: list[PointOut]) -> bool:
    """Whether the last run brought nothing although most runs before it did."""
    brought = [p.new + p.changed for p in points]
    return len(brought) >= 4 and brought[-1] == 0 and median(brought[:-1]) > 0


def _pages(run: Run, site: str) -> int | None:
    report = (run.counts.get("crawl") or {}).get("report")
    for row in report.get("sites", []) if isinstance(report, dict) else []:
        if isinstance(row, dict) and row.get("site") == site and isinstance(row.get("known"), int):
            return int(row["known"])
    return None
