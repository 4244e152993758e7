"""The report of a run: what it brought, a site at a time and in total, made from what its steps printed.

Pure: a row of the ledger in, a RunReport out. The report is kept with the row when the run has ended (`keep`); of a run that
still goes, or that ended before there were reports, it is made when it is asked for (`report_of`).

`python -m schedules.report docs/run-report.schema.json` writes its JSON schema.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from crawler.durable import write_json
from crawler.secrecy import masked
from schedules.store import runs
from schedules.totals import count_report

if TYPE_CHECKING:
    from schedules.ledger import Ledger, Run

Model = TypeVar("Model", bound=BaseModel)
GOOD = ("speech", "preview")  # fates of pages that give a speech
# Fates of pages that were never meant to give one, or that give theirs with another page; the other fates are rejects.
NO_CANDIDATES = ("list", "continuation", "redirect", "not_html", "disallowed", "gone", "error", "unfetched")


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class HostFigures(_Part):
    """How one host was asked."""

    host: str = Field(description="host, with its port where it is not the usual one")
    requests: int = Field(default=0, description="requests made, robots.txt and those asked again included")
    bytes: int = Field(default=0, description="bytes of the answers' bodies, after decompression")
    delay_shortest: float | None = Field(
        default=None, description="shortest time from one request to the next, in seconds; null for less than two"
    )
    delay_median: float | None = Field(default=None, description="median of these times, in seconds")
    answer_median: float | None = Field(default=None, description="median seconds until an answer came")


class ListFigures(_Part):
    """A list page that says how much it holds, against what was fetched of it."""

    list: str = Field(description="key (path and query) of the list's first page, or of the page that says so")
    said: str = Field(description="the words of the page")
    pages_stated: int | None = Field(default=None, description="pages that the list says it has")
    pages_seen: int = Field(default=0, description="pages of the list that were fetched")
    items_stated: int | None = Field(default=None, description="items that the list says it has")
    items_seen: int = Field(default=0, description="different items that the fetched pages of the list name")
    complete: bool = Field(default=True, description="whether what was seen is what was stated")


class CrawlFigures(_Part):
    """What crawling brought."""

    new: int = Field(default=0, description="pages fetched for the first time")
    changed: int = Field(default=0, description="pages whose bytes changed")
    unchanged: int = Field(default=0, description="pages whose bytes did not change, answers 304 included")
    not_modified: int = Field(default=0, description="answers 304 among the unchanged")
    gone: int = Field(default=0, description="pages that answered 404 or 410, asked twice")
    failed: int = Field(default=0, description="pages that could not be had")
    failures: dict[str, int] = Field(default_factory=dict, description="failed pages by reason, the most frequent ones")
    disallowed: int = Field(default=0, description="pages that robots.txt forbids")
    newly_disallowed: int = Field(default=0, description="those among them that had been read before")
    lost_to_robots: int = Field(
        default=0, description="known pages that were read before and that robots.txt forbids now"
    )
    redirects: int = 0
    not_html: int = Field(default=0, description="answers of another media type")
    retries: int = Field(default=0, description="requests that were made again after a failure that may pass")
    requests: int = Field(default=0, description="requests made")
    bytes: int = Field(default=0, description="bytes of the answers' bodies, after decompression")
    known: int = Field(default=0, description="addresses known at the end")
    queued: int = Field(default=0, description="addresses still to be asked for at the end")
    seconds: float = Field(default=0.0, description="time that the crawl of the site took")
    finished: bool = Field(default=False, description="whether nothing was left to ask for")
    hosts: list[HostFigures] = Field(default_factory=list)
    lists_stated: int = Field(default=0, description="lists that say how much they hold")
    lists_complete: int = Field(default=0, description="those among them of which all was seen")
    lists: list[ListFigures] = Field(default_factory=list, description="lists of which less was seen than they say")


class FreshFigures(_Part):
    """What reading made of the articles that were read in this run: the new and the changed ones."""

    articles: int = Field(default=0, description="articles read")
    speeches: int = Field(default=0, description="speeches found in them")
    fates: dict[str, int] = Field(default_factory=dict, description="articles by what became of them")
    flags: dict[str, int] = Field(default_factory=dict, description="speeches by quality flag")
    chars_median: int | None = Field(default=None, description="median length of these speeches in characters")


class ExtractFigures(_Part):
    """What the records of a site hold after the run, and what was read in it."""

    articles: int = Field(default=0, description="articles that are known")
    read: int = Field(default=0, description="articles read in this run")
    speeches: int = Field(default=0, description="speeches in the records")
    previews: int = Field(default=0, description="pages that show only the beginning of a speech")
    rejects: dict[str, int] = Field(
        default_factory=dict, description="pages that were read and give no speech, by what they are"
    )
    fates: dict[str, int] = Field(default_factory=dict, description="all pages by what became of them")
    fresh: FreshFigures | None = None
    poison: int = Field(default=0, description="pages whose reading took too long or killed a worker, in this run")
    damaged: int = Field(default=0, description="archived records that cannot be read")
    profile: int | None = Field(default=None, description="number of the site's newest profile")


class RowFigures(_Part):
    """Speeches in the dataset."""

    rows: int = Field(default=0, description="speeches in the version")
    added: int = 0
    changed: int = 0
    removed: int = 0


class SiteFigures(_Part):
    """One site in a run. A stage that did not run for it, or failed for it before it could count, is null."""

    site: str
    error: str | None = Field(default=None, description="why the site could not be crawled or read")
    crawl: CrawlFigures | None = None
    extract: ExtractFigures | None = None
    publish: RowFigures | None = None


class Stage(_Part):
    """One step of the run."""

    step: str
    ok: bool
    waiting: bool = Field(default=False, description="whether a person may accept or confirm what was wrong")
    seconds: float
    why: str | None = None


class GateFigures(_Part):
    """A gate that did not pass."""

    name: str
    result: Literal["warn", "fail"]
    what: str
    accepted: str | None = Field(default=None, description="the reason with which a person accepted it")


class RunReport(_Part):
    """What a run brought. Times are UTC, ISO 8601; a figure that is not known is null."""

    format: Literal["jianghua-run-report-1"] = "jianghua-run-report-1"
    run: int
    schedule: str
    cause: str
    state: str
    why: str | None = None
    scheduled_for: AwareDatetime
    started: AwareDatetime | None = None
    finished: AwareDatetime | None = None
    seconds: float | None = Field(default=None, description="from begin to end, or to the last sign of life")
    dataset: str = "speeches"
    stages: list[Stage] = Field(default_factory=list)
    sites: list[SiteFigures] = Field(default_factory=list)
    total: SiteFigures
    version: str | None = Field(default=None, description="the version that was made")
    published: RowFigures | None = Field(default=None, description="speeches of the dataset, where publish ran well")
    gates: list[GateFigures] = Field(default_factory=list, description="gates that did not pass")


# ---------------------------------------------------------------------------------------------- making it


def make_report(run: Run) -> RunReport:
    """The report of a run as its row says it. Never raises for what a step printed: what cannot be understood is left out."""
    counts = run.counts or {}
    crawl = _by_site(_printed(counts, "crawl"))
    extract = _by_site(_printed(counts, "extract"))
    learned = {str(x.get("site")): x for x in _rows(_printed(counts, "learn"))}
    publish = _printed(counts, "publish")
    publish = publish if isinstance(publish, dict) else {}
    broken = (run.plan or {}).get("broken") or {}
    planned = (run.plan or {}).get("sites") or run.sites
    names = list(dict.fromkeys([*planned, *crawl, *extract, *broken]))
    told = publish.get("sites")
    by_site: dict[str, Any] = told if isinstance(told, dict) else {}
    sites = [
        SiteFigures(
            site=name,
            error=_error(name, broken, crawl.get(name), extract.get(name), learned.get(name)),
            crawl=crawl_figures(crawl[name]) if _counted(crawl.get(name), "requests") else None,
            extract=extract_figures(extract[name], learned.get(name)) if _counted(extract.get(name), "fates") else None,
            publish=_model(RowFigures, by_site[name]) if name in by_site else None,
        )
        for name in names
    ]
    end = run.finished or run.heartbeat
    return RunReport(
        run=run.id,
        schedule=run.schedule,
        cause=run.cause,
        state=run.state,
        why=masked(run.why) if run.why else None,
        scheduled_for=run.scheduled_for,
        started=run.started,
        finished=run.finished,
        dataset=str((run.plan or {}).get("dataset") or "speeches"),
        seconds=round((end - run.started).total_seconds(), 3) if run.started and end else None,
        stages=[
            Stage(
                step=step,
                ok=bool(x.get("ok")),
                waiting=bool(x.get("waiting")),
                seconds=float(x.get("seconds") or 0.0),
                why=masked(str(x["why"])) if x.get("why") else None,
            )
            for step, x in counts.items()
        ],
        sites=sites,
        total=total_of(sites, _model(RowFigures, publish) if "rows" in publish else None),
        version=run.version,
        published=_model(RowFigures, publish) if "rows" in publish else None,
        gates=[
            GateFigures(
                name=str(g["name"]), result=g["result"], what=str(g.get("what", "")), accepted=g.get("accepted")
            )
            for g in _rows(publish.get("gates"))
            if g.get("result") in ("warn", "fail") and "name" in g
        ],
    )


def report_of(run: Run) -> RunReport:
    """The report that is kept with a run; where none is, or an older program kept another form, it is made now."""
    if run.report:
        try:
            return RunReport.model_validate(run.report)
        except ValidationError:
            pass
    return make_report(run)


def keep(ledger: Ledger, run_id: int) -> RunReport:
    """Make the report of a run that has ended and keep it in the ledger; what all runs brought together follows it."""
    run = ledger.run(run_id)
    found = make_report(run)
    told = found.model_dump(mode="json")
    with ledger._changing() as c:
        before = c.execute(sa.select(runs.c.report).where(runs.c.id == run_id)).scalar()
        c.execute(runs.update().where(runs.c.id == run_id).values(report=told))
        count_report(c, run.schedule, before, told)
    return found


def crawl_figures(printed: Mapping[str, Any]) -> CrawlFigures:
    """The figures of a site from what `crawl --json` prints of it."""
    return _model(
        CrawlFigures,
        {**printed, "failed": printed.get("errors", 0), "failures": printed.get("reasons") or {}},
    )


def extract_figures(printed: Mapping[str, Any], learned: Mapping[str, Any] | None = None) -> ExtractFigures:
    """The figures of a site from what `extract --json` and `learn --json` print of it."""
    fates = {str(k): int(v) for k, v in (printed.get("fates") or {}).items()}
    return _model(
        ExtractFigures,
        {
            **printed,
            "fates": fates,
            "previews": fates.get("preview", 0),
            "rejects": rejects(fates),
            "poison": _count(printed.get("poison")),
            "damaged": _count(printed.get("damaged")),
            "profile": (learned or {}).get("profile"),
        },
    )


def rejects(fates: Mapping[str, int]) -> dict[str, int]:
    """Of pages by fate those that were read and give no speech, most frequent first."""
    found = [(f, n) for f, n in fates.items() if n and f not in GOOD and f not in NO_CANDIDATES]
    return dict(sorted(found, key=lambda x: (-x[1], x[0])))


def total_of(sites: Sequence[SiteFigures], published: RowFigures | None = None) -> SiteFigures:
    """All sites of a run together; hosts and lists stand with their sites alone, medians do not add up."""
    crawls = [s.crawl for s in sites if s.crawl]
    extracts = [s.extract for s in sites if s.extract]
    fresh = [e.fresh for e in extracts if e.fresh]
    crawl = None
    if crawls:
        sums = {f: sum(getattr(c, f) for c in crawls) for f in _SUMS}
        crawl = CrawlFigures(
            **sums,
            failures=_added(c.failures for c in crawls),
            seconds=round(max(c.seconds for c in crawls), 3),  # they go side by side
            finished=all(c.finished for c in crawls),
        )
    extract = None
    if extracts:
        extract = ExtractFigures(
            **{f: sum(getattr(e, f) for e in extracts) for f in ("articles", "read", "speeches", "previews", "poison", "damaged")},
            rejects=_added(e.rejects for e in extracts),
            fates=_added(e.fates for e in extracts),
            fresh=FreshFigures(
                articles=sum(f.articles for f in fresh),
                speeches=sum(f.speeches for f in fresh),
                fates=_added(f.fates for f in fresh),
                flags=_added(f.flags for f in fresh),
            )
            if fresh
            else None,
        )  # fmt: skip
    return SiteFigures(site="", crawl=crawl, extract=extract, publish=published)


_SUMS = (
    "new", "changed", "unchanged", "not_modified", "gone", "failed", "disallowed", "newly_disallowed", "lost_to_robots", "redirects", "not_html",
    "retries", "requests", "bytes", "known", "queued", "lists_stated", "lists_complete",
)  # fmt: skip


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total.most_common())


def _printed(counts: Mapping[str, Any], step: str) -> Any:
    found = counts.get(step)
    return found.get("report") if isinstance(found, dict) else None


def _rows(value: Any) -> list[dict[str, Any]]:
    return [x for x in value if isinstance(x, dict)] if isinstance(value, list) else []


def _by_site(printed: Any) -> dict[str, dict[str, Any]]:
    """What a step printed of each site."""
    found = printed.get("sites") if isinstance(printed, dict) else None
    return {str(x["site"]): x for x in _rows(found) if "site" in x}


def _counted(printed: Mapping[str, Any] | None, key: str) -> bool:
    return printed is not None and key in printed


def _error(name: str, broken: Mapping[str, str], *printed: Mapping[str, Any] | None) -> str | None:
    told = [broken.get(name), *(p.get("error") for p in printed if p is not None)]
    return next((masked(str(x)) for x in told if x), None)


def _count(value: Any) -> int:
    """How many; a step prints the list of them, or says how many there are where the list would be too long."""
    return len(value) if isinstance(value, list) else value if isinstance(value, int) else 0


def _model(model: type[Model], values: Mapping[str, Any]) -> Model:
    """A part of the report from printed values; what is missing, of another type or not known is left at its default."""
    given = {k: v for k, v in values.items() if k in model.model_fields and v is not None}
    while True:
        try:
            return model.model_validate(given)
        except ValidationError as e:
            wrong = {str(x["loc"][0]) for x in e.errors() if x["loc"]} & given.keys()
            if not wrong:
                raise
            given = {k: v for k, v in given.items() if k not in wrong}


def seconds_of(report: RunReport) -> dict[str, float]:
    """Seconds by step."""
    return {s.step: s.seconds for s in report.stages}


def ended(report: RunReport) -> datetime | None:
    """When the run ended, or gave its last sign of life."""
    return report.finished or report.started


if __name__ == "__main__":
    write_json(Path(sys.argv[1]), json.loads(json.dumps(RunReport.model_json_schema())))
