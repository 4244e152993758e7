"""What the commands about time show: schedules, fire times, runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from crawler import logs
from crawler.config import load_settings as crawler_settings
from crawler.console import err, home_of, show
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.site import site_files, site_groups
from schedules import report_shown
from schedules.ledger import Ledger, Run, State, utcnow
from schedules.owner import described, short, surely_dead
from schedules.plan import (
    Schedule,
    dark_until,
    describe,
    load_schedule,
    load_schedules,
    parse_schedule,
    schedule_files,
    span,
)
from schedules.report import report_of
from schedules.settings import load_settings

# Of a run that the ledger still calls running: whoever looks writes nothing, and a row is closed by who takes it up.
ENDED = "its process is no more"
BRIEF = 120  # characters of a reason in a list
COLOURS = {
    "done": "green",
    "caught_up": "green",
    "failed": "red",
    "missed": "yellow",
    "skipped": "yellow",
    "running": "cyan",
}


def open_ledger(home: Home) -> Ledger:
    return Ledger(load_settings(home).ledger_url(home))


def ledger_if_any(home: Home) -> Ledger | None:
    """The ledger, but none is made only by looking."""
    settings = load_settings(home)
    return None if settings.state is None and not home.ledger.exists() else Ledger(settings.ledger_url(home))


def as_dict(run: Run) -> dict[str, Any]:
    """A run as plain values, for --json; times in ISO 8601, UTC."""
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(run).items()}


def summed(report: Any) -> dict[str, float]:
    """The numbers of a step's report: those at its top, sums over its sites."""
    totals: dict[str, float] = {}

    def add(value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    add(item)
        elif isinstance(value, dict):
            for key, item in value.items():
                # `fresh` is told of again what is counted already, and so are the sites of a publish
                if isinstance(item, bool) or key in ("elapsed", "seconds", "fresh") or (key == "sites" and totals):
                    continue
                if isinstance(item, int | float):
                    totals[key] = totals.get(key, 0) + item
                elif key in ("sites", "results") or isinstance(item, dict):
                    add(
                        item if isinstance(item, list) else list(item.values()) if key in ("sites", "results") else item
                    )

    add(report)
    return totals


def summary(report: Any) -> str:
    """The numbers of a step's report on one line."""
    totals = summed(report)
    return ", ".join(f"{k} {v:,.0f}" if v == int(v) else f"{k} {v:,.2f}" for k, v in list(totals.items())[:8] if v)


def brief(why: str) -> str:
    """What a list shows of the reason of a run: not where it was and what to do, which `runs show` tells, and not pages of it."""
    what = why.partition("; where: ")[0].partition("; do: ")[0]
    return what if len(what) <= BRIEF else f"{what[: BRIEF - 1]}…"


def _local(moment: datetime | None, zone: str | None = None) -> str:
    if moment is None:
        return ""
    return f"{moment.astimezone(ZoneInfo(zone) if zone else UTC):%Y-%m-%d %H:%M:%S %Z}"


# ---------------------------------------------------------------------------------------------- schedules


Beside = Callable[[Home, Ledger], AbstractContextManager[None]]


def schedule_run(
    home_path: Path | None,
    names: list[str] | None,
    once: bool,
    seconds: float | None,
    as_json: bool,
    beside: Beside = lambda home, ledger: nullcontext(),
) -> int:
    """Be the scheduler until stopped; the exit code. beside: what goes on meanwhile."""
    from schedules.clock import Scheduler, require

    home = home_of(home_path)
    settings = load_settings(home)
    logs.set_up(crawler_settings(home).log_format)
    require(home, names)  # before a ledger is made
    ledger = Ledger(settings.ledger_url(home))
    scheduler = Scheduler(home, ledger, settings, names=names)
    with beside(home, ledger):
        code = scheduler.run(once=once, seconds=seconds)
    if as_json:
        value = {"runs": [as_dict(ledger.run(i)) for i in scheduler.worked_on], "broken": scheduler.broken}
        show(value, Text, as_json)
    return code


def schedule_list(home_path: Path | None, as_json: bool) -> int:
    """Show all schedules, broken ones too; 1 when one is broken."""
    from schedules.clock import next_runs

    home = home_of(home_path)
    good, broken = load_schedules(home)
    files = schedule_files(home)
    ledger = ledger_if_any(home)
    pauses = ledger.pauses() if ledger else {}
    rows = []
    for name, path in files.items():
        last = ledger.runs(schedule=name, limit=1) if ledger else []
        row: dict[str, Any] = {"name": name, "file": str(path), "error": None, "last_run": None, "next": None}
        row["paused"] = asdict(pauses[name]) | {"told": str(pauses[name])} if name in pauses else None
        if last:
            row["last_run"] = as_dict(last[0])
        if name in broken:
            row["error"] = str(broken[name])
        else:
            row |= describe(good[name])
            if good[name].enabled:
                row["next"] = next((t.isoformat() for t in next_runs(good[name], utcnow(), 1)), None)
        rows.append(row)

    def human() -> RenderableType:
        table = Table("schedule", "fires", "next", "last run", "sites", box=None, pad_edge=False)
        for row in rows:
            last = row["last_run"]
            told = f"{last['state']} ({last['id']})" if last else "never"
            if row["error"]:
                table.add_row(row["name"], Text("broken", style="red"), "", told, "")
                continue
            schedule = good[row["name"]]
            zone = ZoneInfo(schedule.time_zone)
            at = datetime.fromisoformat(row["next"]).astimezone(zone) if row["next"] else None
            table.add_row(
                schedule.name,
                f"{schedule.fires}\n{schedule.time_zone}",
                Text(str(pauses[name]), style="yellow")
                if name in pauses
                else f"{at:%a %Y-%m-%d}\n{at:%H:%M %Z}"
                if at
                else "disabled",
                told,
                schedule.sites_told,
            )
        return table

    show(rows, human, as_json)
    _tell(broken)
    return 1 if broken else 0


def _tell(broken: dict[str, JianghuaError]) -> None:
    for error in broken.values():
        err.print("error:", style="bold red", end=" ")
        err.print(str(error), soft_wrap=True)


def schedule_next(home_path: Path | None, names: list[str] | None, count: int, as_json: bool) -> int:
    """Show the next fire times."""
    from schedules.clock import next_runs

    home = home_of(home_path)
    broken: dict[str, JianghuaError] = {}
    if names:
        chosen = {n: load_schedule(n, home) for n in names}
    else:
        good, broken = load_schedules(home)
        chosen = {n: s for n, s in good.items() if s.enabled}
    times = {n: next_runs(s, utcnow(), count) for n, s in chosen.items()}

    def human() -> RenderableType:
        table = Table("schedule", "local time", "UTC", "begins up to", box=None, pad_edge=False)
        for name, moments in times.items():
            schedule = chosen[name]
            for t in moments:
                table.add_row(
                    name,
                    f"{t.astimezone(ZoneInfo(schedule.time_zone)):%a} {_local(t, schedule.time_zone)}",
                    _local(t),
                    f"{dark.astimezone(ZoneInfo(schedule.time_zone)):%a %H:%M} (blackout)"
                    if (dark := dark_until(schedule, t)) is not None
                    else f"{span(schedule.jitter)} later"
                    if schedule.jitter
                    else "at once",
                )
        return table

    show({n: [t.isoformat() for t in ts] for n, ts in times.items()}, human, as_json)
    _tell(broken)
    return 1 if broken else 0


def schedule_check(home_path: Path | None, files: list[Path] | None, as_json: bool) -> int:
    """Check schedule files; 1 when one has a mistake."""
    home = home_of(home_path)
    sites = site_files(home)
    results: dict[str, Schedule | JianghuaError] = {}
    for path in files or schedule_files(home).values():
        try:
            results[str(path)] = parse_schedule(path, sites, lambda: site_groups(home))
        except JianghuaError as e:
            results[str(path)] = e

    def human() -> RenderableType:
        good = [Text(f"{path}: {r.name} is right") for path, r in results.items() if isinstance(r, Schedule)]
        return (
            Group(*good)
            if good
            else Text("no schedule file is right" if files is None else "none of these files is right")
        )

    broken = {path: r for path, r in results.items() if isinstance(r, JianghuaError)}
    value = [{"file": path, "error": None if isinstance(r, Schedule) else str(r)} for path, r in results.items()]
    show(value, human, as_json)
    _tell(broken)
    return 1 if broken else 0


# ---------------------------------------------------------------------------------------------- runs


def runs_list(home_path: Path | None, schedule: str | None, states: list[str] | None, limit: int, as_json: bool) -> int:
    """Show runs, newest first."""
    for state in states or ():
        if state not in get_args(State):
            raise UsageError(f"unknown state '{state}'", remedy=f"use one of: {', '.join(get_args(State))}")
    home = home_of(home_path)
    ledger = ledger_if_any(home)
    rows = ledger.runs(schedule=schedule, states=states, limit=limit) if ledger else []
    zones = {n: s.time_zone for n, s in load_schedules(home)[0].items()}

    def human() -> RenderableType:
        if not rows:
            if ledger is not None and ledger.runs(limit=1):
                return Text("no such run; `jianghua runs` lists all")
            return Text("nothing has run yet; `jianghua run` or `jianghua schedule run` begins")
        table = Table(
            "run", "schedule", "scheduled for", "state", "step", "took", "version", "why", box=None, pad_edge=False
        )
        table.columns[6].no_wrap = True  # a name that is cut names nothing
        for r in rows:
            took = (
                span((r.finished or utcnow()) - r.started) if r.started and r.state not in ("missed", "skipped") else ""
            )
            table.add_row(
                str(r.id),
                r.schedule,
                _local(r.scheduled_for, zones.get(r.schedule)),
                Text(r.state, style=COLOURS.get(r.state, "")),
                (r.step or "") if r.state in ("running", "due", "failed") else "",
                took,
                r.version or "",
                Text(brief(r.why or (ENDED if r.state == "running" and surely_dead(r.owner) else ""))),
            )
        return table

    show([as_dict(r) for r in rows], human, as_json)
    return 0


def runs_show(home_path: Path | None, number: int, as_json: bool) -> int:
    """Show one run in full."""
    home = home_of(home_path)
    ledger = ledger_if_any(home)
    if ledger is None:
        raise UsageError(f"unknown run {number}", where=str(home.ledger), remedy="nothing has run yet")
    run = ledger.run(number)
    report = report_of(run)
    folder = home.logs / str(run.id)

    def human() -> RenderableType:
        facts = Table(box=None, show_header=False, pad_edge=False)
        for key, value in (
            ("run", f"{run.id} of {run.schedule} ({run.cause})"),
            ("scheduled for", _local(run.scheduled_for)),
            ("state", run.state),
            ("why", run.why),
            ("sites", ", ".join(run.sites)),
            ("started", _local(run.started)),
            ("finished", _local(run.finished)),
            ("last sign", _local(run.heartbeat) if run.state == "running" else None),
            ("owner", (described if run.state == "running" else short)(run.owner) if run.owner else None),
            ("attempts", str(run.attempts) if run.attempts > 1 else None),
            ("retries", str(run.retries) if run.retries else None),
            ("begins", _local(run.not_before) if run.not_before and run.state == "due" else None),
            ("asked for by", run.asked_by),
            ("to be ended", run.cancel if run.state == "running" else None),
            ("version", run.version),
            ("logs", str(folder) if folder.is_dir() else None),
        ):
            if value:
                facts.add_row(Text(key, style="bold"), Text(value))
        return Group(facts, Text(), report_shown.shown(report)) if run.counts else facts

    value = as_dict(run) | {"logs": str(folder), "report": report.model_dump(mode="json")}
    show(value, human, as_json)
    return 0
