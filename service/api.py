"""The JSON API: /api/v1. What it gives is in models.py; /api/openapi.json describes it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.exceptions import HTTPException

from crawler.errors import UsageError
from schedules.ledger import State
from service import health as watching
from service import looking
from service.access import form_is_ours, form_token
from service.guard import SAFE, Visitor
from service.house import House
from service.models import (
    AlarmOut,
    DatasetOut,
    HealthOut,
    MeOut,
    Page,
    Problem,
    QueueOut,
    RunDetail,
    RunOut,
    ScheduleOut,
    SiteOut,
)
from service.sites import site_list

NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
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
    return watching.health(house)


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
    since: datetime | None = None,
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
def alarms(house: Here) -> list[AlarmOut]:
    """What a person should look at, each with what to do."""
    return watching.alarms(house)


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
