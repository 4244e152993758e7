"""Alarms with memory, kept in the ledger: opened once, brought up to date while they last, closed when what was wrong is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from crawler.errors import UsageError
from crawler.secrecy import Masker, masked
from schedules.ledger import Ledger
from schedules.store import alarms as table
from schedules.store import told as told_table
from watching.rules import Finding, Rule, Severity, Unknown
from watching.store import changing, reading

State = Literal["open", "closed", "all"]
RANK: dict[str, int] = {"critical": 0, "warning": 1, "info": 2}


class Told(BaseModel):
    """What a channel was told of an alarm. event: the last one told; at: when; error: why the next one could not be told yet."""

    model_config = ConfigDict(frozen=True)

    event: str | None = None
    severity: str | None = None
    at: AwareDatetime | None = None
    tries: int = 0
    tried_at: AwareDatetime | None = None
    error: str | None = None


class Alarm(BaseModel):
    """One alarm. kind: of the rule; site, schedule: what it is about, where it is about one; since: when it began, last_seen: when it was last
    found, times: how often; closed_at: when it was over; told: by channel."""

    model_config = ConfigDict(frozen=True)

    id: int
    key: str
    kind: str
    title: str
    site: str | None
    schedule: str | None
    severity: Severity
    state: Literal["open", "closed"]
    what: str
    remedy: str
    figures: dict[str, Any]
    since: AwareDatetime
    last_seen: AwareDatetime
    times: int
    closed_at: AwareDatetime | None
    muted_until: AwareDatetime | None
    told: dict[str, Told] = Field(default_factory=dict)

    def muted(self, now: datetime) -> bool:
        """Whether nobody is to be told of it now."""
        return self.muted_until is not None and now < self.muted_until


@dataclass(slots=True)
class Changed:
    """The ids of the alarms that a look opened, found again, and closed."""

    opened: list[int] = field(default_factory=list)
    lasting: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)


def key_of(rule: Rule, finding: Finding) -> str:
    """What makes two alarms the same."""
    return f"{rule.kind} {finding.subject}".strip()


def _remedy(rule: Rule, finding: Finding) -> str:
    return finding.remedy or rule.remedy.format(subject=finding.subject, run=finding.figures.get("run", "RUN"))


def remember(
    ledger: Ledger,
    found: Iterable[tuple[Rule, Finding | Unknown]],
    now: datetime,
    off: Sequence[str] = (),
) -> Changed:
    """Write what was found: opens, updates and closes alarms, all or nothing. off: kinds whose alarms end without being over."""
    findings: dict[str, tuple[Rule, Finding]] = {}
    unknown: set[str] = set()
    for rule, finding in found:
        if isinstance(finding, Unknown):
            unknown.add(f"{rule.kind} {finding.subject}".strip())
        else:
            findings[key_of(rule, finding)] = rule, finding
    changed = Changed()
    with changing(ledger) as c:
        open_now = {row.key: row for row in c.execute(sa.select(table).where(table.c.closed_at.is_(None)))}
        for key, (rule, finding) in findings.items():
            values = {
                "severity": finding.severity or rule.severity,
                "what": masked(finding.what),
                "remedy": masked(_remedy(rule, finding)),
                "figures": Masker().value(finding.figures),
                "last_seen": now,
            }
            row = open_now.get(key)
            if row is None:
                since = min(finding.since or now, now)
                about = {"key": key, "kind": rule.kind, "site": finding.site, "schedule": finding.schedule}
                made = c.execute(table.insert().values(**about, **values, first_seen=since, times=1))
                assert made.inserted_primary_key is not None
                changed.opened.append(made.inserted_primary_key[0])
            else:
                c.execute(table.update().where(table.c.id == row.id).values(**values, times=row.times + 1))
                changed.lasting.append(row.id)
        for key, row in open_now.items():
            if key not in findings and (key not in unknown or row.kind in off):
                c.execute(table.update().where(table.c.id == row.id).values(closed_at=now))
                changed.closed.append(row.id)
    return changed


# ---------------------------------------------------------------------------------------------- looking


def alarms(ledger: Ledger, state: State = "open", *, site: str | None = None, limit: int = 200) -> list[Alarm]:
    """Alarms, the most severe and newest first. Raises JianghuaError when the ledger does not answer."""
    query = sa.select(table)
    if state != "all":
        query = query.where(table.c.closed_at.is_(None) if state == "open" else table.c.closed_at.is_not(None))
    if site is not None:
        query = query.where(table.c.site == site)
    query = query.order_by(table.c.closed_at.is_not(None), table.c.id.desc()).limit(limit)
    with reading(ledger) as c:
        rows = c.execute(query).all()
        told = _told(c, [r.id for r in rows])
    found = [_alarm(row, told.get(row.id, {})) for row in rows]
    return sorted(found, key=lambda a: (a.state == "closed", RANK[a.severity] if a.state == "open" else 0, -a.id))


def alarm(ledger: Ledger, number: int) -> Alarm:
    """The alarm with this number. Raises UsageError when there is none."""
    with reading(ledger) as c:
        row = c.execute(sa.select(table).where(table.c.id == number)).one_or_none()
        told = _told(c, [number])
    if row is None:
        raise UsageError(
            f"unknown alarm {number}", where=ledger.url, remedy="`jianghua alarms --state all` lists the alarms"
        )
    return _alarm(row, told.get(number, {}))


def mute(ledger: Ledger, number: int, until: datetime) -> Alarm:
    """Tell nobody of an open alarm until then (aware); it stays in the list. Raises UsageError when there is none, or when it is over."""
    _mute(ledger, number, until)
    return alarm(ledger, number)


def unmute(ledger: Ledger, number: int) -> Alarm:
    """Let an alarm be told again. Raises UsageError as `mute` does."""
    _mute(ledger, number, None)
    return alarm(ledger, number)


def _mute(ledger: Ledger, number: int, until: datetime | None) -> None:
    if alarm(ledger, number).state == "closed":
        raise UsageError(f"alarm {number} is over", remedy="`jianghua alarms` lists those that are open")
    with changing(ledger) as c:
        c.execute(table.update().where(table.c.id == number).values(muted_until=until))


def to_tell(ledger: Ledger, channels: Iterable[str]) -> list[Alarm]:
    """The alarms of which one of the channels may have to be told something: open ones, and closed ones that a channel heard of and not yet of
    their end."""
    unsettled = sa.select(told_table.c.alarm).where(
        told_table.c.alarm == table.c.id,
        told_table.c.channel.in_(list(channels)),
        sa.func.coalesce(told_table.c.event, "") != "closed",
    )
    query = sa.select(table).where(sa.or_(table.c.closed_at.is_(None), unsettled.exists())).order_by(table.c.id)
    with reading(ledger) as c:
        rows = c.execute(query).all()
        told = _told(c, [r.id for r in rows])
    return [_alarm(row, told.get(row.id, {})) for row in rows]


def write_told(ledger: Ledger, number: int, channel: str, told: Told) -> None:
    """Keep what a channel was told of an alarm."""
    values = told.model_dump()
    with changing(ledger) as c:
        here = (told_table.c.alarm == number, told_table.c.channel == channel)
        if c.execute(told_table.update().where(*here).values(**values)).rowcount == 0:
            c.execute(told_table.insert().values(alarm=number, channel=channel, **values))


def _told(c: sa.Connection, numbers: Sequence[int]) -> dict[int, dict[str, Told]]:
    found: dict[int, dict[str, Told]] = {}
    for row in c.execute(sa.select(told_table).where(told_table.c.alarm.in_(numbers))):
        values = {f: getattr(row, f) for f in Told.model_fields}
        found.setdefault(row.alarm, {})[row.channel] = Told.model_validate(values)
    return found


def _alarm(row: Any, told: dict[str, Told]) -> Alarm:
    from watching.rules import RULES

    title = next((r.title for r in RULES if r.kind == row.kind), row.kind)
    return Alarm(
        id=row.id,
        key=row.key,
        kind=row.kind,
        title=title,
        site=row.site,
        schedule=row.schedule,
        severity=row.severity,
        state="open" if row.closed_at is None else "closed",
        what=row.what,
        remedy=row.remedy,
        figures=row.figures,
        since=row.first_seen,
        last_seen=row.last_seen,
        times=row.times,
        closed_at=row.closed_at,
        muted_until=row.muted_until,
        told=told,
    )
