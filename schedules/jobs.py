"""What a run does: the steps crawl → learn → extract → publish, each in a child process.

A process of its own because Scrapy's reactor cannot be started twice and because a step must be killable. Each step
prints one JSON value, which goes into the ledger, and its log goes to var/logs/RUN/STEP.log. A site whose crawl failed
stops nobody: the others are read and published, and the run is recorded as failed with the reason.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from crawler import logs
from crawler.durable import cannot_write
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.plain import plain, plain_value
from crawler.secrecy import masker_of
from crawler.site import load_site, site_files, site_groups
from schedules.ahead import Ahead, worth_it
from schedules.child import Child, package_path
from schedules.plan import STEPS, Schedule, SiteGroups, Step

# A step that was killed from outside (out of memory, an impatient operator) goes on where it was; so often at most.
TRIES = 3
ERROR_FILE = "JIANGHUA_ERROR_FILE"
REPORT_LIMIT = 262_144  # characters of a step's JSON that are kept in the ledger
LIST_LIMIT = 20  # entries of a list in it, where it would be longer


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to do. at: replica addresses by site; broken: sites that cannot be crawled and why; warnings: what a publish does
    with them (publish or wait). Of a run that publishes what a person let pass (schedules/confirming.py): answers: the run that waited;
    reason: why; accept: the gates that may fail."""

    sites: tuple[str, ...]
    steps: tuple[Step, ...] = STEPS
    refetch: str | None = None
    delay: float | None = None
    at: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    dataset: str = "speeches"
    broken: Mapping[str, str] = field(default_factory=dict)
    warnings: str = "publish"
    answers: int | None = None
    reason: str | None = None
    accept: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"sites": list(self.sites), "steps": list(self.steps), "accept": list(self.accept)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Plan:
        told = {k: tuple(value[k]) for k in ("sites", "steps", "accept") if k in value}
        return cls(**{**value, **told})


Command = Callable[[Step, Plan, Home], list[str]]


def command(step: Step, plan: Plan, home: Home) -> list[str]:
    """The command line of a step."""
    argv = [sys.executable, "-P", "-m", "schedules.cli", step]
    match step:
        case "crawl":
            argv += plan.sites
            for site, url in plan.at.items():
                argv += ["--at", f"{site}={url}"]
            if plan.refetch is not None:
                argv += ["--refetch", plan.refetch]
            if plan.delay is not None:
                argv += ["--delay", f"{plan.delay:g}"]
        case "learn" | "extract":
            # A site whose first crawl failed has nothing to read; its crawl has said so.
            crawled = [s for s in plan.sites if home.state_db(s).exists()]
            argv += crawled or plan.sites
            if plan.again and step == "extract":
                argv += ["--again"]
        case "publish":
            argv += [plan.dataset]
            if plan.reason is not None:
                argv += ["--confirm", plan.reason]
                argv += [x for gate in plan.accept for x in ("--accept", gate)]
                argv += ["--reason", plan.reason] if plan.accept else []
            if plan.warnings != "publish":
                argv += ["--warnings", plan.warnings]
    return [*argv, "--json", "--home", str(home.root)]


def usable_sites(home: Home, named: tuple[str, ...] | None, at: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The sites to work on, and those that cannot be worked on with the reason.

    named: None means every site that has an address, in its file or in `at`; a site named without an address or with a
    broken file is told among the broken ones. Raises UsageError when a name is unknown or nothing is left.
    """
    files = site_files(home)
    for name in [*(named or ()), *at]:
        if name not in files:
            load_site(name, home)  # raises the error that explains
    good: list[str] = []
    broken: dict[str, str] = {}
    for name in files if named is None else dict.fromkeys(named):
        try:
            site = load_site(name, home)
        except JianghuaError as e:
            broken[name] = str(e)
            continue
        if not site.unfilled or name in at:
            good.append(name)
        elif named is not None:
            broken[name] = f"its start URL is still to be filled in ({files[name]}); or give --at {name}=URL"
    if not good:
        raise UsageError(
            "there is no site to crawl",
            where=str(home.own_sites),
            remedy="; ".join(f"{k}: {v}" for k, v in broken.items())
            or "fill in the start URL of a site file, or point a site at an address with --at SITE=URL",
        )
    return good, broken


def plan_of(schedule: Schedule, home: Home) -> Plan:
    """What a run of this schedule is to do now. Raises UsageError when there is no site to work on."""
    named: tuple[str, ...] | None = schedule.sites if isinstance(schedule.sites, tuple) else None
    if isinstance(schedule.sites, SiteGroups):
        groups = site_groups(home)
        named = tuple(sorted({name for group in schedule.sites.group for name in groups.get(group, ())}))
        if not named:
            raise UsageError(
                f"no site is in the {schedule.sites}",
                where=str(home.own_sites),
                remedy=f"write groups: [{schedule.sites.group[0]}] into the files of the sites that are meant",
            )
    sites, broken = usable_sites(home, named, schedule.crawl.at)
    return Plan(
        sites=tuple(sites),
        steps=schedule.steps,
        refetch=schedule.crawl.refetch,
        delay=schedule.crawl.delay,
        at={k: v for k, v in schedule.crawl.at.items() if k in sites},
        again=schedule.extract.again,
        dataset=schedule.publish.dataset,
        broken=broken,
        warnings=schedule.publish.warnings,
    )


# ---------------------------------------------------------------------------------------------- one step


@dataclass(slots=True)
class StepResult:
    """How a step ended. code: exit code; report: the JSON it printed, if any; why: what was wrong; waiting: whether what
    was wrong is for a person to confirm; lasting: whether it would be wrong again; version: that was made before it went wrong."""

    code: int
    report: Any
    why: str | None
    seconds: float
    waiting: bool = False
    lasting: bool = False
    version: str | None = None


class Interrupted(Exception):
    """The run was asked to stop, or is not ours any more; its step was ended and can be taken up again."""


def tell_error(error: Exception) -> None:
    """In a step: leave the error where the run looks for it (standard error may be a person's terminal)."""
    path = os.environ.get(ERROR_FILE)
    if not path:
        return
    waiting = bool(getattr(error, "waiting", False))  # publisher.gates: a person may accept or confirm it
    lasting = isinstance(error, UsageError) or bool(getattr(error, "lasting", False))  # trying again would not help
    version = getattr(error, "version", None)  # publisher.release.PublishedError: readers have it all the same
    text = str(error) if isinstance(error, JianghuaError) else f"{type(error).__name__}: {error}"
    lines = [x.strip() for x in masker_of(os.environ)(text).splitlines()]
    with contextlib.suppress(OSError):
        Path(path).write_text(
            json.dumps({"why": "; ".join(lines), "waiting": waiting, "lasting": lasting, "version": version}),
            encoding="utf-8",
        )


def _last_line(log: Path) -> str | None:
    try:
        with log.open("rb") as f:
            f.seek(max(0, log.stat().st_size - 4096))
            lines = [x.strip() for x in f.read().decode("utf-8", "replace").splitlines() if x.strip()]
    except OSError:
        return None
    return lines[-1][-500:] if lines else None


def _report(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if text.strip() else None
    except (OSError, ValueError):
        return None


def run_step(
    step: Step,
    plan: Plan,
    home: Home,
    folder: Path,
    stop: threading.Event,
    build: Command,
    live: bool,
    grace: Callable[[], float],
    started: Callable[[int], None],
    more: Mapping[str, str],
) -> StepResult:
    """Run one step to its end in a child process. Raises Interrupted when `stop` is set meanwhile.

    started: called with the process id, of each try. live: its progress goes to this process's standard error, else to `folder`/STEP.log. grace: how many seconds it gets
    to end by itself when asked to. more: for its environment.
    """
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    report, log, error = (folder / f"{step}.{x}" for x in ("json", "log", "error"))
    env = package_path({**os.environ, **more, ERROR_FILE: str(error), logs.RUN: folder.name, logs.STEP: step})
    argv = build(step, plan, home)
    code: int | None = None
    for attempt in range(1, TRIES + 1):
        error.unlink(missing_ok=True)
        with report.open("wb") as out, log.open("ab") as err:
            if live:
                sys.stderr.flush()
            child = Child(argv, stdout=out, stderr=None if live else err, env=env)
            started(child.pid)
            while (code := child.wait(0.2)) is None:
                if stop.is_set():
                    child.stop(grace)
                    raise Interrupted
        if code >= 0 or attempt == TRIES:
            break
        if stop.wait(1.0):
            raise Interrupted
    assert code is not None
    why, waiting, lasting, version = None, False, False, None
    if code < 0:
        why = f"was killed by signal {-code}, {TRIES} times"
    elif code > 0:
        told = _report(error) or {}
        why = told.get("why") or (None if live else _last_line(log)) or f"ended with exit code {code}"
        waiting = bool(told.get("waiting"))
        lasting = bool(told.get("lasting")) or code == UsageError.exit_code
        version = version_of(told)
    error.unlink(missing_ok=True)
    return StepResult(code, _report(report), why, round(time.monotonic() - began, 3), waiting, lasting, version)


# ---------------------------------------------------------------------------------------------- a run


@dataclass(slots=True)
class Outcome:
    """How a run ended. counts: by step {ok, why, seconds, report}; version: of the dataset, where one was made; again: whether
    trying again can help."""

    state: Literal["done", "failed", "waiting"]  # waiting for a person to accept or confirm what gates say
    why: str | None
    counts: dict[str, Any]
    version: str | None
    again: bool = False


def _kept(report: Any) -> Any:
    """A step's report as the ledger keeps it: of one that is too long, how many entries its long lists have."""
    for found in (report, _shortened(report)):
        if len(json.dumps(found, default=str)) <= REPORT_LIMIT:
            return found
    return {"left_out": "too long; see the log"}


def _shortened(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {k: _shortened(v, k) for k, v in value.items() if k != "figures"}
    if isinstance(value, list):
        if len(value) > LIST_LIMIT and name not in ("sites", "gates", "learned"):
            return len(value)
        return [_shortened(v) for v in value]
    return value


def version_of(report: Any) -> str | None:
    """The version that publish made, by its report; None when it made none."""
    version = report.get("version") if isinstance(report, dict) else None
    return version if isinstance(version, str) else None


def run_plan(
    plan: Plan,
    home: Home,
    name: str,
    *,
    stop: threading.Event,
    first: Step | None = None,
    counts: Mapping[str, Any] | None = None,
    note: Callable[[Step, dict[str, Any]], bool] = lambda step, counts: True,
    build: Command = command,
    live: bool = False,
    grace: Callable[[], float] = lambda: 20.0,
    publishing: AbstractContextManager[Any] | None = None,
    fence: Mapping[str, str] = {},
) -> Outcome:
    """Run the steps of a plan in order, from `first` on (a run that is taken up again), and tell how it ended.

    name: of the folder under var/logs. counts: of the steps before. note(step, counts): called as each step begins and
    ends; False means that the run is not ours any more. publishing: held during publish. fence: what the environment of publish gets,
    by which it sees before its commit that the run still is ours (schedules/fence.py). Raises Interrupted.
    """
    done: dict[str, Any] = dict(counts or {})
    steps = plan.steps[plan.steps.index(first) :] if first in plan.steps else plan.steps
    folder = home.logs / name
    ahead = ahead_of(plan, steps, home, folder, grace) if build is command else None
    found: dict[str, tuple[Any, float]] = {}
    version: str | None = None
    try:
        for step in steps:
            if stop.is_set() or not note(step, done):
                raise Interrupted
            if ahead is not None and step in ("learn", "extract") and step not in found:
                found = ahead.finish(stop) or {}
                if stop.is_set():
                    raise Interrupted
                ahead = None
            with (publishing or nullcontext()) if step == "publish" else nullcontext():
                if step in found:
                    report, seconds = found[step]
                    result = StepResult(0, report, None, round(seconds, 3))
                else:
                    started = ahead.start if ahead is not None and step == "crawl" else _nothing
                    try:
                        more = fence if step == "publish" else {}
                        result = run_step(step, plan, home, folder, stop, build, live, grace, started, more)
                    except OSError as e:
                        raise cannot_write(folder, e) from e
            done = done | {
                step: {
                    "ok": result.code == 0,
                    "why": plain(result.why) if result.why is not None else None,
                    "seconds": result.seconds,
                    "report": _kept(plain_value(result.report)),
                    "waiting": result.waiting,
                    "lasting": result.lasting,
                }
            }
            version = result.version or version
            if not note(step, done):
                raise Interrupted
            if result.code != 0 and step in ("extract", "publish") and not _partly(result.report):
                break  # what was not read whole must not be published
    finally:
        if ahead is not None:
            ahead.cancel()
    whys = [f"site {site}: {why}" for site, why in plan.broken.items()]
    whys += [f"{step}: {x['why']}" for step, x in done.items() if not x["ok"]]
    published = done.get("publish", {})
    version = version_of(published.get("report")) if published.get("ok") else version
    waiting = published.get("waiting")
    again = not waiting and any(not x["ok"] and not x.get("lasting") for x in done.values())
    return Outcome(
        "waiting" if waiting else "failed" if whys else "done", "; ".join(whys) or None, done, version, again
    )


def before_failure(counts: Mapping[str, Any]) -> tuple[Step | None, dict[str, Any]]:
    """Where a run that is tried again begins: the first step that failed, and what the steps before it reported."""
    kept: dict[str, Any] = {}
    for step in STEPS:
        if step in counts:
            if not counts[step]["ok"]:
                return step, kept
            kept[step] = counts[step]
    return None, kept


def ahead_of(plan: Plan, steps: tuple[Step, ...], home: Home, folder: Path, grace: Callable[[], float]) -> Ahead | None:
    """What reads beside the crawl of a plan, where that saves time; None where it does not."""
    if "crawl" not in steps or "extract" not in steps or plan.again or not worth_it():
        return None
    return Ahead(list(plan.sites), "learn" in steps, home, folder, grace)


def _nothing(_pid: int) -> None:
    pass


def _partly(report: Any) -> bool:
    """A step that failed for some sites but said what it did for the others."""
    return isinstance(report, dict | list) and bool(report)
