"""Health: is this installation at work, and if not, what is wrong and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from crawler.errors import JianghuaError
from crawler.home import Home
from crawler.secrecy import masker_of
from schedules.ledger import Ledger
from schedules.owner import surely_dead
from schedules.plan import load_schedules, span
from watching.facts import datasets, disk_of, known_marks, late_since, lease_of, silence
from watching.rules import UNHOLD

Status = Literal["ok", "degraded", "failing"]
HELD = timedelta(minutes=1)  # a commit that takes so long is frozen
FULL, NEARLY_FULL = 200_000_000, 1_000_000_000  # bytes free


class Problem(BaseModel):
    """One thing that is wrong. component: ledger, scheduler, schedules, disk or dataset."""

    model_config = ConfigDict(frozen=True)

    component: str
    status: Literal["degraded", "failing"]
    what: str
    remedy: str


class Health(BaseModel):
    """status: ok; degraded (works, but a person should look); failing (new data will not come, or what is published does not hold)."""

    model_config = ConfigDict(frozen=True)

    status: Status
    at: AwareDatetime
    problems: tuple[Problem, ...] = ()
    scheduler: str | None = Field(
        default=None, description="host and process of the scheduler, None when none is at work"
    )


def health(home: Home, ledger: Ledger) -> Health:
    """How this home is. Never raises; holds no secret."""
    hide = masker_of(os.environ)
    found = [
        p.model_copy(update={"what": hide(p.what), "remedy": hide(p.remedy)})
        for p in (*_ledger(home, ledger), *_commits(ledger), *_schedules(home), *_disk(home), *_datasets(home))
    ]
    status: Status = "failing" if any(p.status == "failing" for p in found) else "degraded" if found else "ok"
    return Health(status=status, at=ledger.now(), problems=tuple(found), scheduler=_holder(ledger))


def _holder(ledger: Ledger) -> str | None:
    try:
        owner, expires, _ = lease_of(ledger)
    except JianghuaError:
        return None
    alive = owner is not None and expires is not None and expires > ledger.now() and not surely_dead(owner)
    host, pid = [*(owner or "").split(":"), ""][:2]
    return f"{host} (process {pid})" if alive else None


def _ledger(home: Home, ledger: Ledger) -> Iterator[Problem]:
    now = ledger.now()
    if ledger.moved():
        yield Problem(
            component="ledger",
            status="failing",
            what="the ledger's file was removed or replaced while it is in use; what is written now is lost",
            remedy="stop the service (or `jianghua schedule run`), put the file in its place, start again",
        )
    try:
        owner, expires, _ = lease_of(ledger)
        marks, pauses = known_marks(ledger), ledger.pauses()
    except JianghuaError as e:
        yield Problem(component="ledger", status="failing", what=e.what, remedy=e.remedy or "start the database")
        return
    dead = owner is not None and (surely_dead(owner) or (expires is not None and expires <= now))
    if dead:
        yield Problem(
            component="scheduler",
            status="failing",
            what="the scheduler died: its lease was not given back"
            + (f" and ran out at {expires:%Y-%m-%d %H:%M:%S} UTC" if expires else ""),
            remedy="start `jianghua schedule run` (or the service) again; it takes up what was left",
        )
    for name, schedule in load_schedules(home)[0].items():
        due = late_since(schedule, marks.get(name), pauses.get(name), now)
        if due is not None and not dead and now - due > silence(schedule) + timedelta(minutes=5):
            yield Problem(
                component="scheduler",
                status="failing",
                what=f"no scheduler is at work: schedule {name} should have run {span(now - due)} ago",
                remedy="start `jianghua schedule run` (or the service), and let the system restart it",
            )


def _commits(ledger: Ledger) -> Iterator[Problem]:
    now = ledger.now()
    try:
        commits = ledger.committing()
    except JianghuaError:
        return  # the ledger's own problem
    for commit in commits:
        if now - commit.since > HELD:
            yield Problem(
                component="dataset",
                status="failing",
                what=f"the commit of run {commit.run} has held its dataset for {span(now - commit.since)}: {commit.process}",
                remedy=UNHOLD,
            )


def _schedules(home: Home) -> Iterator[Problem]:
    for name, error in load_schedules(home)[1].items():
        yield Problem(
            component="schedules",
            status="degraded",
            what=f"schedule {name}: {error.what}" + (f" ({error.where})" if error.where else ""),
            remedy=error.remedy or "mend the file; `jianghua schedule check` tells line and remedy",
        )


def _disk(home: Home) -> Iterator[Problem]:
    disk = disk_of(home)
    if disk is not None and disk.free < NEARLY_FULL:
        yield Problem(
            component="disk",
            status="failing" if disk.free < FULL else "degraded",
            what=f"{disk.free / 1e6:,.0f} MB are free on the disk of the home",
            remedy="make room: `jianghua retention` lets old versions and archive files go by rule",
        )
    for folder in (home.var, home.datasets):
        if folder.exists() and not os.access(folder, os.W_OK):
            yield Problem(
                component="disk",
                status="failing",
                what=f"{folder} cannot be written",
                remedy="ask as the user that Jianghua runs as, or give that user the folder",
            )


def _datasets(home: Home) -> Iterator[Problem]:
    for name, error in datasets(home)[1].items():
        yield Problem(
            component="dataset",
            status="failing",
            what=f"{name}: {error.splitlines()[0]}",
            remedy="`jianghua verify latest` names the file; restore it from a copy (`jianghua sync`), `jianghua doctor` mends the rest",
        )
