"""The JSON API: /api/v1. What it gives is in models.py; /api/openapi.json describes it."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.exceptions import HTTPException

from crawler.errors import UsageError
from crawler.mistakes import NAME
from schedules.ledger import State
from service import acting, looking
from service import health as service_health
from service.access import form_is_ours, form_token
from service.guard import SAFE, Visitor
from service.house import House
from service.models import (
    Acceptance,
    Backfill,
    DatasetOut,
    HealthOut,
    MaybeReason,
    MeOut,
    Moment,
    Mute,
    Page,
    Problem,
    QueueOut,
    Reason,
    RunDetail,
    RunOut,
    ScheduleOut,
    SiteOut,
    Started,
)
from service.sites import site_list
from watching.alarms import Alarm
from watching.alarms import alarm as alarm_of
from watching.alarms import alarms as alarms_of

Name = Annotated[str, Path(pattern=NAME)]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


def house_of(request: Request) -> House:
    house: House = request.app.state.house
    return house


Here = Annotated[House, Depends(house_of)]


def visitor_of(request: Request) -> Visitor:
    visitor: Visitor = request.state.visitor
    return visitor


def proven(request: Request, house: Here) -> None:
    """What changes something comes from a program with the token, or from our own page."""
    visitor = visitor_of(request)
    if request.method in SAFE or visitor.bearer:
        return
    if not form_is_ours(house.keys, visitor.session, request.headers.get("x-csrf-token")):
        raise HTTPException(403, "send the token as bearer, or X-CSRF-Token of /api/v1/me with its session cookie")


PROBLEMS: dict[int | str, dict[str, object]] = {
    400: {"model": Problem}, 401: {"model": Problem}, 403: {"model": Problem}, 404: {"model": Problem}, 422: {"model": Problem},
}  # fmt: skip
router = APIRouter(prefix="/api/v1", tags=["v1"], dependencies=[Depends(proven)], responses=PROBLEMS)


@router.get("/me")
def me(request: Request, house: Here) -> MeOut:
    """Who asks, and the token for requests that change something."""
    visitor = visitor_of(request)
    assert visitor.session is not None
    return MeOut(
        operator=visitor.operator,
        token_required=house.keys.required,
        csrf=form_token(house.keys, visitor.session),
        version=request.app.version,
        home=str(house.home.root),
        time=house.now(),
    )


@router.get("/health")
def health(house: Here) -> HealthOut:
    """Whether the service does its work; each check with what is wrong and what to do."""
    return service_health.health(house)


@router.get("/schedules")
def schedules(house: Here) -> list[ScheduleOut]:
    """Every schedule, with its next fire times and its last run."""
    return looking.schedules(house)


@router.get("/schedules/{name}")
def schedule(house: Here, name: Name) -> ScheduleOut:
    """One schedule."""
    return looking.schedule(house, name)


@router.get("/runs")
def runs(
    house: Here,
    schedule: Annotated[str | None, Query(pattern=NAME)] = None,
    state: Annotated[list[State] | None, Query(description=", ".join(get_args(State)))] = None,
    site: Annotated[str | None, Query(pattern=NAME)] = None,
    since: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Page[RunOut]:
    """Runs by scheduled time, newest first. since: with its zone, e.g. 2026-11-27T00:00:00Z."""
    if since is not None and since.tzinfo is None:
        raise UsageError("`since` needs a zone", where=since.isoformat(), remedy="write e.g. 2026-11-27T00:00:00Z")
    return looking.runs(house, schedule=schedule, states=state, site=site, since=since, limit=limit, offset=offset)


@router.get("/runs/{number}")
def run(house: Here, number: Number) -> RunDetail:
    """One run: its steps and their reports, what it brought, what gates remarked, the ends of its logs."""
    return looking.run_detail(house, number)


@router.get("/queue")
def queue(house: Here) -> QueueOut:
    """What runs, what is due, what waits for a person."""
    return looking.queue(house)


@router.get("/sites")
def sites(house: Here) -> list[SiteOut]:
    """The sites that run, with their health and what their last runs brought."""
    return site_list(house)


@router.get("/alarms")
def alarms(
    house: Here,
    state: Literal["open", "closed", "all"] = "open",
    site: Annotated[str | None, Query(pattern=NAME)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> list[Alarm]:
    """What a person should look at, the most severe first, each with what to do."""
    return alarms_of(house.ledger, state, site=site, limit=limit)


@router.get("/alarms/{number}")
def alarm(house: Here, number: Number) -> Alarm:
    """One alarm: since when, its figures, who was told."""
    return alarm_of(house.ledger, number)


@router.get("/datasets")
def datasets(house: Here) -> list[DatasetOut]:
    """The datasets and their versions."""
    return [looking.dataset(house, name) for name in looking.dataset_names(house)]


@router.get("/datasets/{name}")
def dataset(house: Here, name: Name) -> DatasetOut:
    """One dataset and its versions, latest first."""
    if name not in looking.dataset_names(house):
        raise UsageError(f"unknown dataset '{name}'", remedy="GET /api/v1/datasets lists them")
    return looking.dataset(house, name)


# ---------------------------------------------------------------------------------------------- what changes something

BY = "an operator by the API"


@router.post("/schedules/{name}/pause")
def pause(house: Here, name: Name, why: MaybeReason) -> Started:
    """Hold a schedule back: nothing of it begins; what runs is let finish."""
    return acting.pause(house, name, why.reason, BY)


@router.post("/schedules/{name}/resume")
def resume(house: Here, name: Name) -> Started:
    """Let a paused schedule go on."""
    return acting.resume(house, name, BY)


@router.post("/schedules/{name}/run")
def run_now(house: Here, name: Name) -> Started:
    """Run a schedule now, besides its fire times."""
    return acting.run_now(house, name, BY)


@router.post("/schedules/{name}/backfill")
def backfill(house: Here, name: Name, times: Backfill) -> Started:
    """Runs for past fire times that have none."""
    return acting.backfill(house, name, times.since, times.until, BY, missed=times.missed, dry=times.dry)


@router.post("/runs/{number}/cancel")
def cancel(house: Here, number: Number, why: MaybeReason) -> Started:
    """End a run for good: one that is due never begins, one at work is ended cleanly."""
    return acting.cancel(house, number, why.reason, BY)


@router.post("/runs/{number}/confirm")
def confirm(house: Here, number: Number, why: Reason) -> Started:
    """Publish the version that waits, with its warnings. The run that does it is `runs`."""
    return acting.confirm(house, number, why.reason, BY)


@router.post("/runs/{number}/accept")
def accept(house: Here, number: Number, why: Acceptance) -> Started:
    """Publish although these gates fail. The run that does it is `runs`."""
    return acting.confirm(house, number, why.reason, BY, why.gates)


@router.post("/alarms/{number}/mute")
def mute(house: Here, number: Number, until: Mute) -> Alarm:
    """Tell nobody of an alarm until then; it stays in the list."""
    return acting.mute(house, number, until.until)


@router.post("/alarms/{number}/unmute")
def unmute(house: Here, number: Number) -> Alarm:
    """Let an alarm be told again."""
    return acting.unmute(house, number)
