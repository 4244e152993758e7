"""What the JSON API gives: one model a thing, times in ISO 8601 with their zone (UTC), sizes in bytes, lengths of time in seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field

from schedules.ledger import State
from schedules.report import RunReport
from watching.rules import Severity

T = TypeVar("T")


def _told_in_utc(value: datetime) -> datetime:
    if not 1970 <= value.year <= 9998:
        raise ValueError("not a time between 1970 and 9998")
    return value


# A time that somebody gives: what lies beyond cannot be told in UTC, or a day later.
Moment = Annotated[datetime, AfterValidator(_told_in_utc)]
Health = Literal["well", "alarm", "failing", "quiet", "never run", "broken"]


class Page(BaseModel, Generic[T]):
    """A part of a list. total: of the whole list; next: the offset of the next part, null at the end."""

    items: list[T]
    total: int
    offset: int
    next: int | None


class Problem(BaseModel):
    """What was wrong, where, and what to do about it."""

    error: str
    where: str | None = None
    remedy: str | None = None


class RunOut(BaseModel):
    """A run. cause: timer, catch_up, manual …; state: see docs/scheduling.md; seconds: that it took, or has taken so far."""

    id: int
    schedule: str
    scheduled_for: datetime
    start_after: datetime
    cause: str
    state: State
    why: str | None
    sites: list[str]
    step: str | None
    steps: list[str]
    attempts: int
    asked_by: str | None
    started: datetime | None
    finished: datetime | None
    seconds: float | None
    version: str | None
    dataset: str | None


class StepOut(BaseModel):
    """A step of a run. state: left out, where the run ended before it; totals: the numbers that it printed, summed over its sites; printed: all of it."""

    name: str
    state: Literal["done", "failed", "running", "waiting", "to come", "left out"]
    why: str | None
    seconds: float | None
    totals: dict[str, float]
    printed: Any = None


class GateOut(BaseModel):
    """A check before publishing that did not simply pass. acceptable: whether a person may publish all the same."""

    name: str
    result: Literal["warn", "fail"]
    what: str
    acceptable: bool = False


class LogOut(BaseModel):
    """The end of a step's log. size: of the whole file."""

    step: str
    text: str
    size: int
    cut: bool


class RunDetail(RunOut):
    """A run in full. waits_for: what a person may do; report: what it brought, a site at a time and in total
    (docs/run-report.schema.json); gates: those that did not pass, also where nothing was published; logs: their ends."""

    waits_for: Literal["confirm", "accept"] | None
    steps_done: list[StepOut]
    gates: list[GateOut]
    logs: list[LogOut]
    report: RunReport


class ScheduleOut(BaseModel):
    """A schedule. error: what is wrong with its file; next: its next fire times, none while it is paused or disabled."""

    name: str
    title: str
    error: str | None
    enabled: bool
    paused: bool
    why_paused: str | None = None
    fires: str | None
    time_zone: str | None
    jitter: str | None
    missed: str | None
    overlap: str | None
    steps: list[str]
    sites: str | None
    dataset: str | None
    next: list[datetime]
    last: RunOut | None


class PointOut(BaseModel):
    """What one run brought from a site."""

    run: int
    at: datetime
    new: int
    changed: int
    speeches: int | None
    failed: bool


class SiteAlarm(BaseModel):
    """An open alarm of a site; `alarms/ID` has all of it."""

    id: int
    kind: str
    title: str
    severity: Severity
    what: str


class SiteOut(BaseModel):
    """A site. health: what its last run says (quiet: its last two brought nothing, which is not usual for it), and alarm where that is well but an alarm is open; alarms: those that are open, the most
    severe first; trend: its last runs, oldest first; address: where it is, http or https only."""

    name: str
    title: str
    address: str | None
    error: str | None
    health: Health
    why: str | None
    alarms: list[SiteAlarm]
    last_run: int | None
    last_at: datetime | None
    pages: int | None
    speeches: int | None
    trend: list[PointOut]


class QueueOut(BaseModel):
    """running: what is worked on; due: what is to be run, in the order in which it will be; waiting: what waits for a person."""

    running: list[RunOut]
    due: list[RunOut]
    waiting: list[RunOut]


class VersionOut(BaseModel):
    """A published version. remarks: what gates said of it."""

    version: str
    sequence: int
    published_at: datetime
    rows: int
    added: int
    changed: int
    removed: int
    bytes: int
    latest: bool
    confirmed: str | None
    remarks: list[str]


class DatasetOut(BaseModel):
    """A dataset and its versions, latest first."""

    name: str
    latest: str | None
    versions: list[VersionOut]
    error: str | None = None


class CheckOut(BaseModel):
    """One thing that health looks at."""

    name: str
    ok: bool
    what: str
    todo: str | None = None


class HealthOut(BaseModel):
    """Whether the service does its work; checks are shown to operators only."""

    status: Literal["ok", "degraded", "failing"]
    checks: list[CheckOut] = Field(default_factory=list)


class MeOut(BaseModel):
    """Who asks. csrf: to send as X-CSRF-Token with POST requests of a browser session; programs send the token as bearer instead."""

    operator: bool
    token_required: bool
    csrf: str
    version: str
    home: str | None
    time: datetime


class MaybeReason(BaseModel):
    """Why, for those who look at it later."""

    reason: str | None = Field(default=None, max_length=1000)


class Reason(BaseModel):
    """Why; it is kept, and stands in the manifest of what is published."""

    reason: str = Field(min_length=1, max_length=1000)


class Acceptance(Reason):
    """The gates that may fail, and why."""

    gates: list[str] = Field(min_length=1, max_length=20)


class Backfill(BaseModel):
    """All past fire times from `since` to `until` that have no run yet; missed: also those recorded as missed or skipped; dry: only
    tell which."""

    since: Moment
    until: Moment
    missed: bool = False
    dry: bool = False


class Started(BaseModel):
    """What an action did, the runs that it made or changed, and the fire times that a backfill fills."""

    done: str
    runs: list[int] = Field(default_factory=list)
    times: list[datetime] = Field(default_factory=list)


class Mute(BaseModel):
    """Until when nobody is to be told, with its zone."""

    until: Moment
