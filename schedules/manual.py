"""`jianghua run`: the whole chain by hand, recorded in the ledger like any other run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any, get_args

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from crawler.console import err, home_of, show
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from schedules.ending import wrap_up
from schedules.fence import fence_of
from schedules.jobs import Interrupted, Outcome, Plan, plan_of, run_plan, usable_sites
from schedules.ledger import Ledger
from schedules.look import as_dict, summary
from schedules.owner import myself
from schedules.plan import STEPS, Step, load_schedule, span
from schedules.settings import load_settings


def replicas(at: list[str], sites: tuple[str, ...]) -> dict[str, str]:
    """`--at` values as a mapping of site to address; a bare URL is for the one site that was named.

    Raises UsageError when a bare URL is given and not exactly one site is named.
    """
    found: dict[str, str] = {}
    for value in at:
        name, equals, url = value.partition("=")
        if not equals or ":" in name or "/" in name:
            if len(sites) != 1:
                raise UsageError(
                    "--at with a bare URL needs exactly one site", where=value, remedy="write --at SITE=URL"
                )
            name, url = sites[0], value
        found[name] = url
    return found


def chosen(steps: str | None) -> tuple[Step, ...]:
    """The steps named in `--steps`, in their order. Raises UsageError."""
    if steps is None:
        return STEPS
    names = [s.strip() for s in steps.split(",") if s.strip()]
    if not names or (unknown := [s for s in names if s not in get_args(Step)]):
        raise UsageError(
            f"--steps: unknown step '{unknown[0] if names else ''}'", remedy=f"use some of: {', '.join(STEPS)}"
        )
    return tuple(s for s in STEPS if s in names)


def make_plan(
    home: Home,
    sites: tuple[str, ...],
    at: list[str],
    refetch: str | None,
    delay: float | None,
    again: bool,
    steps: str | None,
    dataset: str,
    schedule: str | None,
) -> Plan:
    """What a run by hand is to do. Raises UsageError."""
    if schedule is not None:
        if sites or at or steps:
            raise UsageError("--schedule says which sites and steps", remedy="leave out SITE, --at and --steps")
        return plan_of(load_schedule(schedule, home), home)
    if refetch not in (None, "due", "all", "none"):
        raise UsageError(f"--refetch: '{refetch}'", remedy="use due, all or none")
    places = replicas(at, sites)
    for name in places:
        if sites and name not in sites:
            raise UsageError(f"--at names '{name}', which is not among the sites", remedy=f"add {name} to the sites")
    wanted = sites or (tuple(places) if places else None)  # pointing sites somewhere means these sites
    good, broken = usable_sites(home, wanted, places)
    return Plan(tuple(good), chosen(steps), refetch, delay, places, again, dataset, broken)


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    def handler(number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {s: signal.signal(s, handler) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def _beating(ledger: Ledger, run_id: int, owner: str, every: float, stop: threading.Event) -> Iterator[None]:
    """Say every few seconds that the run lives; `stop` is set when the ledger says that it is not ours any more."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(every):
            try:
                if not ledger.beat(run_id, owner) or ledger.cancelled([run_id]):
                    stop.set()
            except Exception as e:  # e.g. a full disk: the run goes on, the next beat may succeed
                err.print(f"cannot write the heartbeat: {e}")

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def run(
    home_path: Path | None,
    sites: tuple[str, ...],
    at: list[str],
    refetch: str | None,
    delay: float | None,
    again: bool,
    steps: str | None,
    dataset: str,
    schedule: str | None,
    *,
    as_json: bool,
) -> int:
    """Run the chain with its progress on standard error; the exit code."""
    home = home_of(home_path)
    settings = load_settings(home)
    plan = make_plan(home, sites, at, refetch, delay, again, steps, dataset, schedule)
    ledger = Ledger(settings.ledger_url(home))
    owner = myself()
    row = ledger.add_manual(owner, plan.as_json(), list(plan.sites), settings.lease_time)
    stop = threading.Event()
    told: list[Step] = []

    def note(step: Step, counts: Mapping[str, Any]) -> bool:
        if step in counts:
            result = counts[step]
            took = span(timedelta(seconds=round(result["seconds"])))
            mark = ("done", "green") if result["ok"] else ("failed", "red")
            err.print(Text.assemble(mark, f" {step} in {took}  {summary(result['report'])}"))
        elif step not in told:
            told.append(step)
            err.rule(f"{plan.steps.index(step) + 1}/{len(plan.steps)} {step}: {', '.join(plan.sites)}", align="left")
        return ledger.beat(row.id, owner, step=step, counts=dict(counts))

    for name, why in plan.broken.items():
        err.print(Text.assemble(("left out", "red"), f" {name}: {why}"))
    outcome: Outcome | None = None
    with _stopped_by_signals(stop):
        try:
            with _beating(ledger, row.id, owner, settings.heartbeat, stop):
                outcome = run_plan(
                    plan,
                    home,
                    str(row.id),
                    stop=stop,
                    note=note,
                    live=True,
                    grace=lambda: settings.stop,
                    fence=fence_of(ledger, row, None),
                )
            ledger.finish(row.id, owner, outcome.state, outcome.why, outcome.version)
            wrap_up(home, ledger, row.id)
        except JianghuaError as e:
            with suppress(JianghuaError):  # a full disk may refuse this too; the row is then closed by the next run
                ledger.finish(row.id, owner, "failed", "; ".join(x.strip() for x in str(e).splitlines()))
            raise
        except Interrupted:
            ended_by = ledger.run(row.id).cancel or "interrupted"
            ledger.finish(row.id, owner, "failed", f"{ended_by}; what was kept is kept, the same command goes on")
            err.print(f"{ended_by}; what was kept is kept, the same command goes on", style="bold red")
    ended = ledger.run(row.id)

    def human() -> RenderableType:
        table = Table("step", "result", "seconds", "counts", box=None, pad_edge=False)
        for step, result in ended.counts.items():
            table.add_row(
                step, "done" if result["ok"] else "failed", f"{result['seconds']:.1f}", summary(result["report"])
            )
        version = f"version {ended.version}" if ended.version else "no new version"
        told = f"run {ended.id} {ended.state}: {version}" + (f"\n{ended.why}" if ended.why else "")
        return Group(table, Text(told)) if ended.counts else Text(told)

    show(as_dict(ended), human, as_json)
    if outcome is None:
        return 130
    return 0 if outcome.state == "done" else 1
