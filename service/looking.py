"""What there is, read for pages and API alike: runs, schedules, the queue, datasets. Nothing here changes anything."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from crawler.errors import JianghuaError, UsageError
from crawler.plain import plain
from publisher.versions import read_latest, read_manifest, version_names
from schedules.clock import next_runs
from schedules.ledger import OPEN, Run
from schedules.look import summed
from schedules.plan import Pause, Schedule, describe, load_schedules, schedule_files
from schedules.report import report_of
from service.house import House
from service.models import (
    DatasetOut,
    GateOut,
    LogOut,
    Page,
    QueueOut,
    RunDetail,
    RunOut,
    ScheduleOut,
    StepOut,
    VersionOut,
)

LOG_TAIL = 16 * 1024  # bytes of a log that are shown
NEXT = 5  # fire times that are told ahead


def as_out(run: Run, now: datetime) -> RunOut:
    """A run as the API tells it."""
    plan = run.plan or {}
    took = (run.finished or now) - run.started if run.started and run.state not in ("missed", "skipped") else None
    return RunOut(
        id=run.id,
        schedule=run.schedule,
        scheduled_for=run.scheduled_for,
        start_after=run.start_after,
        cause=run.cause,
        state=run.state,
        why=run.why,
        sites=run.sites,
        step=run.step,
        steps=list(plan.get("steps", [])),
        attempts=run.attempts,
        asked_by=run.asked_by,
        started=run.started,
        finished=run.finished,
        seconds=round(took.total_seconds(), 1) if took is not None else None,
        version=run.version,
        dataset=plan.get("dataset") if "publish" in plan.get("steps", []) else None,
    )


def runs(
    house: House,
    *,
    schedule: str | None = None,
    states: Iterable[str] | None = None,
    site: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
    offset: int = 0,
) -> Page[RunOut]:
    """Runs by scheduled time, newest first."""
    asked: dict[str, Any] = {"schedule": schedule, "states": list(states) if states else None, "since": since}
    now = house.now()
    if site is None:
        total = house.ledger.count(**asked)
        found = house.ledger.runs(**asked, limit=limit, offset=offset, brief=True)
    else:  # sites stand in a JSON column, which not every database can search
        every = [r for r in house.ledger.runs(**asked, limit=5000, brief=True) if site in r.sites]
        total, found = len(every), every[offset : offset + limit]
    after = offset + len(found)
    return Page(
        items=[as_out(r, now) for r in found], total=total, offset=offset, next=after if after < total else None
    )


def run_detail(house: House, number: int) -> RunDetail:
    """One run in full. Raises UsageError when there is none."""
    run = house.ledger.run(number)
    out = as_out(run, house.now())
    folder = house.home.logs / str(run.id)
    gates = gates_of(house, run)
    publish = run.counts.get("publish") or {}
    waits: Literal["confirm", "accept"] | None = None
    if run.state == "waiting":
        waits = "accept" if "--accept" in str(publish.get("why") or run.why) else "confirm"
    return RunDetail(
        **out.model_dump(),
        waits_for=waits,
        steps_done=[_step(run, name) for name in out.steps or list(run.counts)],
        gates=gates,
        logs=list(log_tails(folder)),
        report=report_of(run),
    )


def _step(run: Run, name: str) -> StepOut:
    result = run.counts.get(name)
    if result is None:
        state: Literal["running", "to come", "left out"] = "to come" if run.state in (*OPEN, "waiting") else "left out"
        if run.state == "running" and run.step == name:
            state = "running"
        return StepOut(name=name, state=state, why=None, seconds=None, totals={})
    return StepOut(
        name=name,
        state="done" if result.get("ok") else "waiting" if result.get("waiting") else "failed",
        why=result.get("why"),
        seconds=result.get("seconds"),
        totals=summed(result.get("report")),
        printed=result.get("report"),
    )


def gates_of(house: House, run: Run) -> list[GateOut]:
    """The gates that remarked something on what a run was to publish."""
    from publisher.gates import FINAL  # brings polars, and few pages need it

    found: list[Any] = [g.model_dump() for g in report_of(run).gates]
    if not found and not (run.counts.get("publish") or {}).get("ok", True):
        found = _refused(house.home.datasets / str((run.plan or {}).get("dataset", "speeches")), run)
    return [
        GateOut(name=g["name"], result=g["result"], what=g["what"], acceptable=g["name"] not in FINAL)
        for g in found
        if isinstance(g, dict) and g.get("result") in ("warn", "fail")
    ]


def _refused(folder: Path, run: Run) -> list[Any]:
    """What the gates said of the version that a run did not publish: the publisher keeps it beside the versions."""
    begin, end = run.started, run.finished or run.heartbeat
    for path in sorted((folder / "refused").glob("*.json"), reverse=True):
        try:
            told = json.loads(path.read_text())
            at = datetime.fromisoformat(told["refused_at"])
            if begin and end and begin <= at <= end:
                return list(told["gates"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return []


def log_tails(folder: Path) -> Iterable[LogOut]:
    """The ends of the logs of a run."""
    for path in sorted(folder.glob("*.log")):
        try:
            with path.open("rb") as f:
                size = f.seek(0, 2)
                f.seek(max(0, size - LOG_TAIL))
                data = f.read(LOG_TAIL)
        except OSError:
            continue
        if not data:
            continue
        cut = size > len(data)
        if cut:
            data = data.partition(b"\n")[2] or data
        text = "".join(c for c in data.decode("utf-8", "replace") if c in "\n\t" or c.isprintable())
        yield LogOut(step=path.stem, text=text, size=size, cut=cut)


# ---------------------------------------------------------------------------------------------- schedules


def schedules(house: House) -> list[ScheduleOut]:
    """Every schedule, broken ones too."""
    good, broken = load_schedules(house.home)
    pauses = house.ledger.pauses()
    return [
        _schedule(house, name, good.get(name), broken.get(name), pauses.get(name))
        for name in schedule_files(house.home)
    ]


def _schedule(
    house: House, name: str, schedule: Schedule | None, error: JianghuaError | None, pause: Pause | None
) -> ScheduleOut:
    now = house.now()
    last = house.ledger.runs(schedule=name, limit=1, brief=True)
    told = as_out(last[0], now) if last else None
    if schedule is None:
        return ScheduleOut(
            name=name, title="", error=str(error), enabled=False, paused=False, fires=None, time_zone=None, jitter=None,
            missed=None, overlap=None, steps=[], sites=None, dataset=None, next=[], last=told,
        )  # fmt: skip
    facts = describe(schedule)
    return ScheduleOut(
        name=name,
        title=plain(schedule.title),
        error=None,
        enabled=schedule.enabled,
        paused=pause is not None,
        why_paused=str(pause) if pause is not None else None,
        fires=schedule.fires,
        time_zone=schedule.time_zone,
        jitter=facts["jitter"],
        missed=facts["missed"],
        overlap=schedule.overlap,
        steps=list(schedule.steps),
        sites=schedule.sites_told,
        dataset=schedule.publish.dataset if "publish" in schedule.steps else None,
        next=next_runs(schedule, now, NEXT) if schedule.enabled and pause is None else [],
        last=told,
    )


def schedule(house: House, name: str) -> ScheduleOut:
    """One schedule. Raises UsageError when there is none of that name."""
    good, broken = load_schedules(house.home)
    if name not in schedule_files(house.home):
        raise UsageError(f"unknown schedule '{name}'", remedy=f"there are: {', '.join([*good, *broken])}")
    return _schedule(house, name, good.get(name), broken.get(name), house.ledger.pauses().get(name))


def queue(house: House) -> QueueOut:
    """What runs, what is due, what waits for a person."""
    now = house.now()

    def of(state: str) -> list[RunOut]:
        return [as_out(r, now) for r in house.ledger.runs(states=[state], oldest_first=True, limit=500, brief=True)]

    return QueueOut(running=of("running"), due=of("due"), waiting=of("waiting"))


# ---------------------------------------------------------------------------------------------- datasets


def dataset_names(house: House) -> list[str]:
    """Names of the datasets that there are."""
    try:
        value = json.loads((house.home.datasets / "index.json").read_text())
        listed = [d["name"] for d in value["datasets"]]
    except (OSError, ValueError, KeyError, TypeError):
        listed = []
    found = sorted(p.parent.name for p in house.home.datasets.glob("*/latest.json"))
    return list(dict.fromkeys([*(n for n in listed if n in found), *found]))


def dataset(house: House, name: str, most: int | None = None) -> DatasetOut:
    """A dataset and its versions, the newest `most` of them; a damaged one is told with what is wrong."""
    folder = house.home.datasets / name
    versions: list[VersionOut] = []
    latest = None
    try:
        latest = read_latest(folder)
        for version in reversed(version_names(folder)):
            if len(versions) == most:
                break
            m, _ = read_manifest(folder, version)
            if latest is None or m.sequence > latest.sequence:
                continue
            entry = m.tables["speeches"]
            versions.append(
                VersionOut(
                    version=m.version,
                    sequence=m.sequence,
                    published_at=m.published_at,
                    rows=entry.rows,
                    added=entry.added,
                    changed=entry.changed,
                    removed=entry.removed,
                    bytes=sum(p.bytes for t in m.tables.values() for p in t.parts),
                    latest=m.version == latest.version,
                    confirmed=m.confirmed,
                    remarks=[f"{g.name}: {g.what}" for g in m.gates if g.result != "pass"],
                )
            )
    except JianghuaError as e:
        return DatasetOut(name=name, latest=latest.version if latest else None, versions=versions, error=str(e))
    return DatasetOut(name=name, latest=latest.version if latest else None, versions=versions)
