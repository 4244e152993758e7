"""The rules of the alarms, as data: a kind, how severe it is, its limits with their reasons, what to do, and a pure function that finds.

What is usual for a site is the median of its own last runs, so that no rule needs to be set up for a site, and a change that stays is the
new usual after half of them. Rules that compare need MIN_RUNS runs to compare with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Literal

from schedules.plan import span
from schedules.report import NO_CANDIDATES, ExtractFigures, RunReport
from watching.disk import growth
from watching.facts import Facts, Visit, late_since, silence

Severity = Literal["info", "warning", "critical"]
MIN_RUNS = 2
UNHOLD = "end that process where it is stopped or hangs (`kill -9` and its number): nothing kept is lost, and its run goes on"
Limits = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong now. subject: what tells two alarms of one kind apart: a site, a schedule, a dataset, or nothing. since: when it began, where
    that is known from the runs. severity, remedy: others than the rule's."""

    what: str
    figures: Mapping[str, Any]
    site: str | None = None
    schedule: str | None = None
    dataset: str | None = None
    since: datetime | None = None
    severity: Severity | None = None
    remedy: str | None = None

    @property
    def subject(self) -> str:
        return self.site or self.schedule or self.dataset or ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A subject that cannot be judged now, e.g. a site whose last crawl failed: an alarm of it neither opens nor closes."""

    subject: str


Found = Iterator[Finding | Unknown]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. title: the kind for people; why: the reason for its limits; remedy: what to do, with {subject} and {run}
    (of the finding's figures) filled in."""

    kind: str
    title: str
    severity: Severity
    remedy: str
    find: Callable[[Facts, Limits], Found]
    limits: Mapping[str, float] = field(default_factory=dict)
    why: str = ""


def find_all(
    facts: Facts, off: Sequence[str] = (), limits: Mapping[str, Limits] | None = None
) -> Iterator[tuple[Rule, Finding | Unknown]]:
    """Everything that is wrong or cannot be judged, rule by rule. off: kinds that are not looked for. limits: by kind others than the rule's."""
    for rule in RULES:
        if rule.kind in off:
            continue
        own = {**rule.limits, **(limits or {}).get(rule.kind, {})}
        for finding in rule.find(facts, own):
            yield rule, finding


# ---------------------------------------------------------------------------------------------- what is usual


def _crawled(visits: Sequence[Visit]) -> list[Visit]:
    """The visits whose crawl came to an end; of one that failed nothing can be compared."""
    return [v for v in visits if v.figures.crawl is not None and v.figures.crawl.finished and not v.figures.error]


def _last_good(visits: Sequence[Visit]) -> tuple[Visit, list[Visit]] | None:
    """The last visit, where it came to an end, and the ended ones before it."""
    good = _crawled(visits)
    if not good or good[-1] is not visits[-1]:
        return None
    return good[-1], good[:-1]


def usual(values: Sequence[float | None]) -> float | None:
    """The median of what is known; None for fewer than MIN_RUNS values."""
    known = [v for v in values if v is not None]
    return float(median(known)) if len(known) >= MIN_RUNS else None


def _ratio(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


# ---------------------------------------------------------------------------------------------- sites


def _failures(visits: Sequence[Visit]) -> list[Visit]:
    """The unbroken row of visits up to the last in which the site failed."""
    row: list[Visit] = []
    for visit in reversed(visits):
        if not visit.figures.error:
            break
        row.append(visit)
    return row[::-1]


def site_failed(facts: Facts, limits: Limits) -> Found:
    for site, visits in facts.visits.items():
        row = _failures(visits)
        if not row:
            continue
        why = (row[-1].figures.error or "").splitlines()[0]
        runs = len(row)
        often = f", in {runs} runs in a row" if runs > 1 else ""
        yield Finding(
            f"site {site} failed{often}: {why}",
            {"runs": runs, "error": row[-1].figures.error, "run": row[-1].run},
            site=site,
            since=row[0].at,
            severity="critical" if runs >= limits["critical_runs"] else None,
        )


def _reached(visit: Visit) -> int:
    crawl = visit.figures.crawl
    return crawl.new + crawl.changed + crawl.unchanged if crawl else 0


def few_pages(facts: Facts, limits: Limits) -> Found:
    for site, visits in facts.visits.items():
        if (found := _last_good(visits)) is None:
            yield Unknown(site)
            continue
        last, before = found
        now, then = _reached(last), usual([_reached(v) for v in before])
        if then is not None and then >= limits["least"] and now < limits["share"] * then:
            yield Finding(
                f"site {site} gave {now} pages; usual are {then:.0f}",
                {"pages": now, "usual": then, "runs": len(before), "run": last.run},
                site=site,
                since=last.at,
            )
            continue
        expect = facts.expects.get(site)
        speeches = last.figures.extract.speeches if last.figures.extract else None
        if expect is not None and speeches is not None and speeches < expect.items_min:
            yield Finding(
                f"site {site} has {speeches} speeches; its file expects {expect.items_min} at least",
                {"speeches": speeches, "expected": expect.items_min, "run": last.run},
                site=site,
            )


def few_new(facts: Facts, limits: Limits) -> Found:
    rows = int(limits["runs"])
    for site, visits in facts.visits.items():
        if _last_good(visits) is None:
            yield Unknown(site)
            continue
        good = _crawled(visits)
        new = [v.figures.crawl.new for v in good if v.figures.crawl]
        # the first crawl of a site finds everything that there ever was
        last, before = new[-rows:], new[1:-rows]
        then = usual(before)
        if then is None or len(before) < limits["history"] or then < limits["least"]:
            continue
        if all(n < limits["share"] * then for n in last):
            yield Finding(
                f"site {site} brought {', '.join(map(str, last))} new pages in its last {rows} runs; usual are {then:.0f} a run",
                {"new": last, "usual": then, "run": good[-1].run},
                site=site,
                since=good[-rows].at,
            )


def _candidates(fates: Mapping[str, int]) -> tuple[int, int]:
    """Articles that gave a speech, and all that might have."""
    speech = fates.get("speech", 0) + fates.get("preview", 0)
    return speech, sum(n for f, n in fates.items() if f not in NO_CANDIDATES)


def fresh_share(extract: ExtractFigures | None, least: float) -> float | None:
    """Share of the articles read in a run that gave a speech; None where too few were read."""
    if extract is None or extract.fresh is None:
        return None
    speech, every = _candidates(extract.fresh.fates)
    return speech / every if every >= least else None


def fresh_length(extract: ExtractFigures | None, least: float) -> float | None:
    """Median length of the speeches read in a run; None where too few were read."""
    if extract is None or extract.fresh is None or extract.fresh.speeches < least:
        return None
    return extract.fresh.chars_median


def extraction_yield(facts: Facts, limits: Limits) -> Found:
    least = limits["least"]
    for site, visits in facts.visits.items():
        read = [v for v in visits if v.figures.extract is not None and not v.figures.error]
        if not read or read[-1] is not visits[-1]:
            yield Unknown(site)
            continue
        last, before = read[-1], read[:-1]
        told: list[str] = []
        figures: dict[str, Any] = {"run": last.run}
        share, then = (
            fresh_share(last.figures.extract, least),
            usual([fresh_share(v.figures.extract, least) for v in before]),
        )
        if share is not None and then is not None and then - share > limits["fall"] and share < limits["share"] * then:
            told.append(f"{_percent(share)} of the articles read gave a speech, usual are {_percent(then)}")
            figures |= {"share": round(share, 4), "usual_share": round(then, 4)}
        chars = fresh_length(last.figures.extract, least)
        usual_chars = usual([fresh_length(v.figures.extract, least) for v in before])
        if chars is not None and usual_chars and chars < limits["length"] * usual_chars:
            told.append(f"their median length is {chars:.0f} characters, usual are {usual_chars:.0f}")
            figures |= {"chars": chars, "usual_chars": usual_chars}
        here = last.figures.extract.speeches if last.figures.extract else 0
        were = usual([v.figures.extract.speeches for v in before if v.figures.extract])
        if were is not None and were >= least and here < limits["records"] * were:
            told.append(f"the records hold {here} speeches, usual are {were:.0f}")
            figures |= {"speeches": here, "usual_speeches": were}
        expect = facts.expects.get(site)
        if not told and share is not None and expect is not None and share < expect.speech_share_min:
            told.append(
                f"{_percent(share)} of the articles read gave a speech, its file expects {_percent(expect.speech_share_min)}"
            )
            figures |= {"share": round(share, 4), "expected_share": expect.speech_share_min}
        if told:
            yield Finding(f"site {site} reads worse than usual: {'; '.join(told)}", figures, site=site, since=last.at)
        elif share is None:  # too few articles were read to say that it is well again
            yield Unknown(site)


def redesigned(facts: Facts, limits: Limits) -> Found:
    for site, visits in facts.visits.items():
        if (found := _last_good(visits)) is None:
            yield Unknown(site)
            continue
        last, before = found

        def share(visit: Visit) -> float | None:
            crawl = visit.figures.crawl
            if crawl is None or crawl.changed + crawl.unchanged < limits["least"]:
                return None
            return crawl.changed / (crawl.changed + crawl.unchanged)

        now, then = share(last), usual([share(v) for v in before])
        if now is None:
            yield Unknown(site)
        elif then is not None and now >= limits["share"] and then <= limits["before"]:
            crawl = last.figures.crawl
            assert crawl is not None
            yield Finding(
                f"site {site} changed {crawl.changed} of {crawl.changed + crawl.unchanged} pages at once ({_percent(now)}; usual are "
                f"{_percent(then)}): it looks redesigned",
                {"changed": crawl.changed, "share": round(now, 4), "usual": round(then, 4), "run": last.run},
                site=site,
                since=last.at,
            )


def _share_rising(
    facts: Facts, limits: Limits, figure: Callable[[ExtractFigures], tuple[int, int] | None], told: str
) -> Found:
    """A share among what was read in the last run that is above what is usual."""
    for site, visits in facts.visits.items():
        read = [v for v in visits if v.figures.extract is not None and not v.figures.error]
        if not read or read[-1] is not visits[-1]:
            yield Unknown(site)
            continue

        def share(visit: Visit) -> float | None:
            found = figure(visit.figures.extract) if visit.figures.extract else None
            return found[0] / found[1] if found and found[1] else None

        last = read[-1]
        now = figure(last.figures.extract) if last.figures.extract else None
        if now is None or now[1] < limits["least"]:
            yield Unknown(site)
            continue
        if now[0] < limits["least"]:
            continue
        then = usual([share(v) for v in read[:-1]]) or 0.0
        if now[0] / now[1] - then > limits["rise"]:
            yield Finding(
                f"site {site}: {now[0]} of {now[1]} {told} ({_percent(now[0] / now[1])}; usual are {_percent(then)})",
                {"count": now[0], "of": now[1], "share": _ratio(*now), "usual": round(then, 4), "run": last.run},
                site=site,
                since=last.at,
            )


def charset(facts: Facts, limits: Limits) -> Found:
    def figure(extract: ExtractFigures) -> tuple[int, int] | None:
        fresh = extract.fresh
        return (fresh.flags.get("mojibake", 0), fresh.speeches) if fresh else None

    return _share_rising(facts, limits, figure, "speeches read have damaged characters")


def soft_404(facts: Facts, limits: Limits) -> Found:
    def figure(extract: ExtractFigures) -> tuple[int, int] | None:
        fresh = extract.fresh
        return (fresh.fates.get("soft_404", 0), fresh.articles) if fresh else None

    return _share_rising(facts, limits, figure, "articles read say “not found” with status 200")


def robots(facts: Facts, limits: Limits) -> Found:
    for site, visits in facts.visits.items():
        last = visits[-1]
        crawl = last.figures.crawl
        if crawl is None or last.figures.error:
            yield Unknown(site)
            continue
        counts = [v.figures.crawl.lost_to_robots for v in visits[:-1] if v.figures.crawl]
        then = usual([float(n) for n in counts]) if len(counts) >= MIN_RUNS else float(counts[0]) if counts else 0.0
        now = crawl.lost_to_robots
        if now - (then or 0.0) >= max(limits["least"], limits["share"] * crawl.known):
            yield Finding(
                f"robots.txt of site {site} forbids {now} pages that were read before; usual are {then or 0:.0f}",
                {"pages": now, "usual": then or 0.0, "disallowed": crawl.disallowed, "run": last.run},
                site=site,
                since=next(
                    (v.at for v in visits if v.figures.crawl and v.figures.crawl.lost_to_robots == now), last.at
                ),
            )


def slow(facts: Facts, limits: Limits) -> Found:
    for site, visits in facts.visits.items():
        if (found := _last_good(visits)) is None:
            yield Unknown(site)
            continue
        last, before = found

        def answer(visit: Visit) -> float | None:
            crawl = visit.figures.crawl
            hosts = [h for h in crawl.hosts if h.answer_median is not None] if crawl else []
            asked = max(hosts, key=lambda h: h.requests, default=None)  # the site's main host
            return asked.answer_median if asked and asked.requests >= limits["least"] else None

        now, then = answer(last), usual([answer(v) for v in before])
        if now is None:
            yield Unknown(site)
        elif then is not None and now > limits["times"] * then and now - then > limits["seconds"]:
            yield Finding(
                f"site {site} answers in {now:.2f} s (median); usual are {then:.2f} s",
                {"seconds": now, "usual": then, "run": last.run},
                site=site,
                since=last.at,
            )


def incomplete(facts: Facts, limits: Limits) -> Found:
    for site, visits in facts.visits.items():
        if (found := _last_good(visits)) is None:
            yield Unknown(site)
            continue
        crawl = found[0].figures.crawl
        assert crawl is not None
        short = [
            x
            for x in crawl.lists
            if (x.pages_stated is not None and x.pages_seen < limits["share"] * x.pages_stated)
            or (
                x.pages_stated is None
                and x.items_stated is not None
                and x.items_seen < limits["share"] * x.items_stated
            )
        ]
        if short:
            worst = min(
                short,
                key=lambda x: x.pages_seen / x.pages_stated if x.pages_stated else x.items_seen / (x.items_stated or 1),
            )
            seen = (
                f"{worst.pages_seen} of {worst.pages_stated} pages"
                if worst.pages_stated is not None
                else f"{worst.items_seen} of {worst.items_stated} items"
            )
            yield Finding(
                f"{len(short)} of {crawl.lists_stated} lists of site {site} hold more than was fetched, the worst is {worst.list}: {seen} "
                f"(it says “{worst.said}”)",
                {
                    "lists": [x.model_dump(mode="json") for x in short[:5]],
                    "stated": crawl.lists_stated,
                    "short": len(short),
                    "run": found[0].run,
                },
                site=site,
            )


# ---------------------------------------------------------------------------------------------- runs


def run_failed(facts: Facts, limits: Limits) -> Found:
    for schedule in facts.schedules:  # who started a run by hand has seen how it ended
        reports = facts.reports.get(schedule)
        if not reports or reports[-1].state != "failed":
            continue
        report = reports[-1]
        # what failed because of a site or a gate is told by those alarms
        sites = any(s.error for s in report.sites)
        wrong = [s for s in report.stages if not s.ok and not (s.step in ("crawl", "learn", "extract") and sites)]
        wrong = [s for s in wrong if not _refused(report) or s.step != "publish"]
        if not wrong and (report.stages or sites):
            continue
        why = "; ".join(f"{s.step}: {s.why}" for s in wrong) or report.why or "no reason is known"
        row = []
        for r in reversed(facts.reports[schedule]):
            if r.state != "failed":
                break
            row.append(r)
        yield Finding(
            f"run {report.run} of {schedule} failed: {why}",
            {"run": report.run, "runs": len(row), "steps": [s.step for s in wrong]},
            schedule=schedule,
            since=row[-1].finished or row[-1].started,
        )


def _published(facts: Facts) -> Iterator[tuple[str, RunReport]]:
    """By dataset the last run that came to publishing, where nothing was published after it by hand."""
    last: dict[str, RunReport] = {}
    for reports in facts.reports.values():
        for report in reports:
            if any(s.step == "publish" for s in report.stages):
                known = last.get(report.dataset)
                if known is None or report.run > known.run:
                    last[report.dataset] = report
    for dataset, report in last.items():
        since = facts.published.get(dataset)
        if since is None or report.finished is None or since < report.finished:
            yield dataset, report


def _refused(report: RunReport) -> bool:
    return any(g.result == "fail" and g.accepted is None for g in report.gates)


def gate_failed(facts: Facts, limits: Limits) -> Found:
    for dataset, report in _published(facts):
        if not _refused(report):
            continue
        failed = [g for g in report.gates if g.result == "fail" and g.accepted is None]
        stage = next(s for s in report.stages if s.step == "publish")
        accept = " ".join(f"--accept {g.name}" for g in failed)
        remedy = "look at the records of the sites named"
        if stage.waiting:  # what would make a version unreadable nobody can accept
            remedy += f"; when all is right: `jianghua publish {dataset} {accept} --reason TEXT`"
        yield Finding(
            f"the publish of run {report.run} ({report.schedule}) was refused: "
            + "; ".join(f"{g.name}: {g.what}" for g in failed),
            {"run": report.run, "gates": [g.name for g in failed]},
            dataset=dataset,
            since=report.finished,
            remedy=f"{remedy}. Until then readers keep the latest version",
        )


def gate_waiting(facts: Facts, limits: Limits) -> Found:
    for dataset, report in _published(facts):
        if report.state != "waiting" or _refused(report):
            continue
        warned = [g for g in report.gates if g.result == "warn"]
        told = "; ".join(f"{g.name}: {g.what}" for g in warned) or report.why or "a warning"
        yield Finding(
            f"the version of run {report.run} ({report.schedule}) waits for a person: {told}",
            {"run": report.run, "gates": [g.name for g in warned]},
            dataset=dataset,
            since=report.finished,
        )


def site_carried(facts: Facts, limits: Limits) -> Found:
    for dataset, report in _published(facts):
        told = next(
            (g for g in report.gates if g.name in ("carried_sites", "unread_sites") and g.result == "warn"), None
        )
        if told is not None and report.state == "done":
            yield Finding(
                f"run {report.run} ({report.schedule}) published without what a site brings now: {told.what}",
                {"run": report.run},
                dataset=dataset,
                since=report.finished,
            )


def commit_held(facts: Facts, limits: Limits) -> Found:
    for commit in facts.commits:
        if facts.now - commit.since > timedelta(minutes=limits["minutes"]):
            yield Finding(
                f"the commit of run {commit.run} has held its dataset for {span(facts.now - commit.since)}: {commit.process}",
                {"run": commit.run, "process": commit.pid, "host": commit.host, "since": commit.since.isoformat()},
                dataset=commit.dataset,
                since=commit.since,
            )


def run_missed(facts: Facts, limits: Limits) -> Found:
    for schedule in facts.schedules:
        row = []
        for fire in reversed(facts.fires.get(schedule, ())):
            if fire.state in ("done", "caught_up", "running", "due", "failed", "waiting"):
                break
            row.append(fire)
        missed = [f for f in row if f.state == "missed"]
        skipped = [f for f in row if f.state == "skipped"]
        if len(missed) >= limits["missed"] or len(skipped) >= limits["skipped"]:
            told = [f"{len(x)} {name}" for x, name in ((missed, "missed"), (skipped, "skipped")) if x]
            yield Finding(
                f"schedule {schedule}: {' and '.join(told)} since its last run",
                {
                    "missed": len(missed),
                    "skipped": len(skipped),
                    "last": row[0].scheduled_for.isoformat(),
                    "why": row[0].why,
                },
                schedule=schedule,
                since=row[-1].scheduled_for,
            )


def overdue(facts: Facts, limits: Limits) -> Found:
    for name, schedule in facts.schedules.items():
        late = timedelta(minutes=limits["minutes"]) + silence(schedule)
        first = late_since(schedule, facts.marks.get(name), facts.pauses.get(name), facts.now)
        if first is not None and facts.now - first > late:
            yield Finding(
                f"schedule {name} should have run {span(facts.now - first)} ago and nobody has looked",
                {"due": first.isoformat(), "late_seconds": round((facts.now - first).total_seconds())},
                schedule=name,
                since=first,
            )


def stuck(facts: Facts, limits: Limits) -> Found:
    for name in facts.schedules:
        due = [f for f in facts.fires.get(name, ()) if f.state == "due"]
        if due and facts.now - due[0].scheduled_for > timedelta(hours=limits["hours"]):
            yield Finding(
                f"run {due[0].run} of {name} is due for {span(facts.now - due[0].scheduled_for)} and has not begun"
                + (f": {due[0].why}" if due[0].why else ""),
                {"run": due[0].run, "waiting": len(due)},
                schedule=name,
                since=due[0].scheduled_for,
            )


def schedule_broken(facts: Facts, limits: Limits) -> Found:
    for name, error in facts.broken.items():
        yield Finding(
            f"the file of schedule {name} is broken: {error.splitlines()[0]}", {"error": error}, schedule=name
        )


# ---------------------------------------------------------------------------------------------- the machine and the data


def disk(facts: Facts, limits: Limits) -> Found:
    if facts.disk is None:
        return
    free, total = facts.disk.free, facts.disk.total
    day = growth(facts.samples, facts.now, free)
    left = free / day if day else None
    critical = free < limits["critical_bytes"] or (left is not None and left < limits["critical_days"])
    if not critical and free >= limits["least_bytes"] and (left is None or left >= limits["days"]):
        return
    told = f"{_size(free)} of {_size(total)} are free"
    if left is not None and day:
        told += f"; at {_size(day)} a day they last {left:.1f} days"
    yield Finding(
        told,
        {
            "free": free,
            "total": total,
            "day": None if day is None else round(day),
            "days": None if left is None else round(left, 2),
        },
        severity="critical" if critical else None,
    )


def dataset_damaged(facts: Facts, limits: Limits) -> Found:
    for name, error in facts.damaged.items():
        yield Finding(f"dataset {name}: {error.splitlines()[0]}", {"error": error}, dataset=name)


def _size(n: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


RULES: tuple[Rule, ...] = (
    Rule("site_failed", "A site cannot be crawled or read", "warning",
         "open the site in a browser from this machine; `jianghua runs show {run}` and var/logs/{run}/crawl.log say more. It is tried again with the next "
         "run, and its speeches stay in the dataset meanwhile",
         site_failed, {"critical_runs": 3}, "one failure is often gone the next day; three in a row are not"),
    Rule("few_pages", "A site yields far less than its own history", "warning",
         "look at the site's list pages: did its addresses, its pager or its login change? `jianghua sites try URL` shows what is found on a page",
         few_pages, {"share": 0.5, "least": 10}, "half of the usual pages: refetching by age moves less than that around the median"),
    Rule("few_new", "A site brings hardly anything new", "warning",
         "look whether the site still publishes; if it does, its lists are not found any more: `jianghua sites try URL-OF-A-LIST`",
         few_new, {"share": 0.2, "least": 5, "runs": 2, "history": 5}, "a fifth of the usual new pages, twice in a row, so that one quiet day is none; with fewer than five runs nothing is usual"),
    Rule("extraction_yield", "Extraction yields less than usual (redesign?)", "warning",
         "`jianghua sites try URL` shows what is taken from a page and what is cut; when the site was redesigned, `jianghua learn {subject}` and "
         "`jianghua extract {subject} --again` after mending the site file",
         extraction_yield, {"share": 0.6, "fall": 0.2, "length": 0.5, "records": 0.8, "least": 10},
         "four in ten speeches lost, half of the length, or a fifth of all records: more than a mixed batch of pages brings"),
    Rule("redesigned", "Nearly all pages of a site changed at once", "info",
         "compare a page before and after: `jianghua explain URL`; when the speeches are read as before, nothing is to be done",
         redesigned, {"share": 0.8, "before": 0.3, "least": 20}, "edits touch single pages; a new template touches all"),
    Rule("charset", "Damaged characters", "warning",
         "`jianghua explain URL` of one of the pages shows which charset was taken and why; the site may declare a wrong one since a change",
         charset, {"rise": 0.05, "least": 3}, "a wrong charset hits all pages of a site; clean ones have below one in a hundred"),
    Rule("soft_404", "Pages that say “not found” with status 200", "warning",
         "open some of them (table `pages`, fate soft_404): when the site has moved, mend `start` and `follow` of its file; when it is blocking, slow down",
         soft_404, {"rise": 0.1, "least": 5}, "single removed pages are usual, a tenth of what is read is not"),
    Rule("robots", "robots.txt newly forbids pages", "warning",
         "read the site's robots.txt and respect it; what was read before stays. To let the site go, remove its file; when it was meant for others, ask its owner",
         robots, {"least": 3, "share": 0.01}, "three pages or one in a hundred: rules are written for folders, not for pages"),
    Rule("slow", "A site answers far more slowly than usual", "warning",
         "give it time: raise `politeness.delay` in its file, or move the schedule to an hour when it is quiet",
         slow, {"times": 3, "seconds": 0.5, "least": 10}, "three times the usual and half a second more: what a person would notice"),
    Rule("incomplete", "Lists hold more than was fetched", "info",
         "`jianghua runs show {run}` lists them; when their further pages are not followed, add their form to `follow.lists` or raise `follow.max_depth`",
         incomplete, {"share": 0.9}, "lists grow while they are read: one page in ten is given"),
    Rule("run_failed", "A run failed", "critical",
         "`jianghua runs show {run}` tells the step and its log; what was kept is kept, and `jianghua run --schedule {subject}` goes on",
         run_failed),
    Rule("gate_failed", "A gate refused a version", "critical", "look at the records of the sites named", gate_failed),
    Rule("gate_waiting", "A version waits for a person", "warning",
         "look at what it says, then `jianghua publish {subject} --confirm REASON`; until then readers keep the latest version",
         gate_waiting),
    Rule("site_carried", "What a site brings is not published", "warning",
         "look at the records of the sites named; when all is right, and a gate is named that refuses them: "
         "`jianghua publish {subject} --accept GATE --reason TEXT`",
         site_carried),
    Rule("commit_held", "A commit does not end", "critical",
         UNHOLD, commit_held, {"minutes": 5}, "a commit takes milliseconds, on object storage that does not answer minutes"),
    Rule("run_missed", "Fire times were missed or skipped", "warning",
         "missed: keep `jianghua schedule run` (or the service) running; skipped: the run takes longer than its interval, so let it fire less often",
         run_missed, {"missed": 1, "skipped": 3}, "one missed run is a day without data; a skipped one now and then is overlap doing its work"),
    Rule("overdue", "No scheduler looks after a schedule", "critical",
         "start `jianghua schedule run` (or the service), and let the system restart it; `jianghua schedule list` shows what is due",
         overdue, {"minutes": 5}, "ten minutes and the jitter are always given; beyond that nobody is there"),
    Rule("stuck", "A due run does not begin", "warning",
         "`jianghua runs` says what it waits for: another run of the same site, or too few `parallel` runs",
         stuck, {"hours": 6}),
    Rule("schedule_broken", "A schedule file has a mistake", "warning",
         "`jianghua schedule check` names file, line and remedy; until then its last good content counts, after a restart nothing does",
         schedule_broken),
    Rule("disk", "The disk fills", "warning",
         "`jianghua retention` lets old versions and archive files go by rule; or make room, or move the home to a larger disk",
         disk, {"least_bytes": 2e9, "critical_bytes": 5e8, "days": 14, "critical_days": 3},
         "a publish needs room for a second copy of what changed; two weeks are time to order a disk"),
    Rule("dataset_damaged", "The latest version is not as it was written", "critical",
         "`jianghua verify latest` reads every file; restore what it names from a copy (`jianghua sync`), `jianghua doctor` mends the rest",
         dataset_damaged),
)  # fmt: skip


def listed() -> str:
    """The rules as a Markdown table (docs/watching.md holds it between two marks)."""
    lines = ["| kind | severity | what | limits | reason |", "| --- | --- | --- | --- | --- |"]
    for r in RULES:
        limits = ", ".join(f"`{k}` {v:g}" for k, v in r.limits.items())
        lines.append(f"| `{r.kind}` | {r.severity} | {r.title} | {limits} | {r.why} |")
    return "\n".join(lines) + "\n"
