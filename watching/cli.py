"""Commands of the watching: alarms, health."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, get_args
from zoneinfo import ZoneInfo

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

import watching.alarms as memory
from crawler.console import HomeOption, JsonOption, home_of, show
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.site import Duration
from schedules.ledger import Ledger
from schedules.look import ledger_if_any
from watching.alarms import Alarm, State
from watching.check import channels_of, check, masker
from watching.health import health as health_of
from watching.rules import RULES
from watching.settings import alarm_settings
from watching.telling import LOG, Event

app = typer.Typer(no_args_is_help=True, help="Is all well?")
alarms_app = typer.Typer(help="What is wrong: list, show, mute; send a trial message.", invoke_without_command=True)
app.add_typer(alarms_app, name="alarms")

COLOURS = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
AlarmArgument = Annotated[int, typer.Argument(help="Number of the alarm.")]


def _ledger(home: Home) -> Ledger:
    ledger = ledger_if_any(home)
    if ledger is None:
        raise UsageError(
            "nothing has run yet", where=str(home.ledger), remedy="`jianghua run` or `jianghua schedule run` begins"
        )
    return ledger


@alarms_app.callback()
def alarms(
    ctx: typer.Context,
    state: Annotated[str, typer.Option(metavar="open|closed|all", help="Which alarms.")] = "open",
    site: Annotated[str | None, typer.Option(metavar="NAME", help="Only alarms of this site.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, newest first.")] = 50,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the alarms, the most severe first."""
    if ctx.invoked_subcommand is not None:
        return
    if state not in get_args(State):
        raise UsageError(f"unknown state '{state}'", remedy="use open, closed or all")
    ledger = ledger_if_any(home_of(home))
    wanted: State = state  # type: ignore[assignment]  # checked above
    found = memory.alarms(ledger, wanted, site=site, limit=limit) if ledger else []

    def human() -> RenderableType:
        if not found:
            of_site = f" of the site {site}" if site else ""
            return Text(f"no alarm{of_site} is {state}" if state != "all" else f"there are no alarms{of_site}")
        table = Table("alarm", "severity", "kind", "since", "what", box=None, pad_edge=False)
        for a in found:
            severity = Text(a.severity, style=COLOURS[a.severity]) if a.state == "open" else Text("over")
            muted = (
                f" (muted until {a.muted_until:%Y-%m-%d %H:%M} UTC)"
                if a.muted(ledger.now() if ledger else datetime.now(UTC))
                else ""
            )
            table.add_row(str(a.id), severity, a.kind, f"{a.since:%Y-%m-%d %H:%M}", Text(a.what + muted))
        return table

    show([a.model_dump(mode="json") for a in found], human, as_json)


@alarms_app.command("show")
def show_alarm(number: AlarmArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show one alarm: what is wrong, since when, its figures, what to do, who was told."""
    found = memory.alarm(_ledger(home_of(home)), number)
    show(found.model_dump(mode="json"), lambda: _whole(found), as_json)


def _whole(a: Alarm) -> RenderableType:
    facts = Table(box=None, show_header=False, pad_edge=False)
    rows: list[tuple[str, Any]] = [
        ("alarm", f"{a.id} ({a.kind}): {a.title}"),
        ("state", Text(f"{a.state}, {a.severity}", style=COLOURS[a.severity] if a.state == "open" else "")),
        ("what", a.what),
        ("do", a.remedy),
        ("since", f"{a.since:%Y-%m-%d %H:%M:%S} UTC, seen {a.times} times, last {a.last_seen:%Y-%m-%d %H:%M:%S} UTC"),
        ("over", f"{a.closed_at:%Y-%m-%d %H:%M:%S} UTC" if a.closed_at else None),
        ("muted", f"until {a.muted_until:%Y-%m-%d %H:%M} UTC" if a.muted_until else None),
        ("figures", json.dumps(a.figures, ensure_ascii=False)),
    ]
    for channel, told in sorted(a.told.items()):
        when = f"{told.event} {told.at:%Y-%m-%d %H:%M} UTC" if told.event and told.at else "not yet"
        rows.append((f"told by {channel}", when + (f"; {told.tries} tries failed: {told.error}" if told.error else "")))
    for key, value in rows:
        if value:
            facts.add_row(Text(key, style="bold"), value if isinstance(value, Text) else Text(str(value)))
    return facts


@alarms_app.command("check")
def check_now(
    telling: Annotated[bool, typer.Option("--tell/--quiet", help="Whether channels are told.")] = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at everything once, now: for a crontab, where neither scheduler nor service runs all the time."""
    found = check(home_of(home), _ledger(home_of(home)), telling=telling)
    value = {
        "opened": list(found.opened), "lasting": list(found.lasting), "closed": list(found.closed), "told": dict(found.told),
        "open": [a.model_dump(mode="json") for a in found.open],
    }  # fmt: skip
    text = f"{len(found.open)} open: {len(found.opened)} new, {len(found.lasting)} as before; {len(found.closed)} over"
    lines = [Text(f"{a.severity}: {a.what}", style=COLOURS[a.severity]) for a in found.open]
    show(value, lambda: Group(Text(text), *lines), as_json)


@alarms_app.command("mute")
def mute(
    number: AlarmArgument,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="A date or time (in the time zone of [alarms]), or a span from now: 3d, 12h.",
        ),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Let it be told again.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell nobody of an alarm for a while; it stays in the list, and its end is told."""
    where = home_of(home)
    ledger = _ledger(where)
    if off == (until is not None):
        raise UsageError("until when?", remedy="give --until TIME, or --off to let it be told again")
    if until is None:
        found = memory.unmute(ledger, number)
    else:
        found = memory.mute(ledger, number, moment(until, ledger.now(), alarm_settings(where).time_zone))
    told = (
        f"alarm {number} is muted until {found.muted_until:%Y-%m-%d %H:%M} UTC"
        if found.muted_until
        else f"alarm {number} is told again"
    )
    show(found.model_dump(mode="json"), lambda: Text(told), as_json)


def moment(text: str, now: datetime, zone: str) -> datetime:
    """A time given as ISO date or time, local where it names no zone, or as a span from now. Raises UsageError for one that is none or past."""
    try:
        when = now + TypeAdapter(Duration).validate_python(text)
    except (ValidationError, ValueError):
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            raise UsageError(
                f"'{text}' is no time", where="--until", remedy="write 2026-12-01, 2026-12-01T08:00, 3d or 12h"
            ) from None
        when = when if when.tzinfo else when.replace(tzinfo=ZoneInfo(zone))
    when = when.astimezone(UTC)
    if when <= now:
        raise UsageError(f"{text} is past", where="--until", remedy="give a later time")
    return when


@alarms_app.command("test")
def trial(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Send a trial message by every channel of the settings. Exit code 1 when one fails, with the reason."""
    settings = alarm_settings(home_of(home))
    now = datetime.now(UTC)
    example = Alarm(
        id=0, key="trial", kind="trial", title="A trial message", site=None, schedule=None, severity="info", state="open",
        what="this is a trial message of jianghua", remedy="nothing; alarms will look like this", figures={"rules": len(RULES)},
        since=now, last_seen=now, times=1, closed_at=None, muted_until=None,
    )  # fmt: skip
    results: dict[str, str | None] = {}
    for name, send in channels_of(settings).items():
        if name == LOG:
            continue
        try:
            send([Event("opened", example)], now)
            results[name] = None
        except JianghuaError as e:
            results[name] = masker(settings)(str(e))
    if not results:
        raise UsageError(
            "no channel but the log is set up",
            where=f"{home_of(home).settings_file}, [alarms]",
            remedy="set webhook, or smtp_host with mail_from and mail_to (docs/watching.md)",
        )
    lines = [
        Text(f"{n}: {'sent' if why is None else why}", style="green" if why is None else "red")
        for n, why in results.items()
    ]
    show(results, lambda: Group(*lines), as_json)
    if any(results.values()):
        raise typer.Exit(1)


@alarms_app.command("rules")
def rules(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List what is watched: each kind with its limits and what to do."""
    settings = alarm_settings(home_of(home))
    rows = [
        {
            "kind": r.kind, "title": r.title, "severity": r.severity, "watched": r.kind not in settings.off,
            "limits": {**r.limits, **settings.limits.get(r.kind, {})}, "why": r.why, "remedy": r.remedy,
        }
        for r in RULES
    ]  # fmt: skip

    def human() -> RenderableType:
        table = Table("kind", "severity", "what", "limits", box=None, pad_edge=False)
        for r in RULES:
            limits = {**r.limits, **settings.limits.get(r.kind, {})}
            severity = Text(r.severity, style=COLOURS[r.severity]) if r.kind not in settings.off else Text("off")
            table.add_row(r.kind, severity, r.title, ", ".join(f"{k} {v:g}" for k, v in limits.items()))
        return table

    show(rows, human, as_json)


@app.command("health")
def health(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say whether all is well, and if not, what is wrong and what to do. Exit code 1 when something is failing."""
    where = home_of(home)
    found = health_of(where, _ledger(where))

    def human() -> RenderableType:
        lines = [Text(found.status, style={"ok": "green", "degraded": "yellow", "failing": "red"}[found.status])]
        for p in found.problems:
            lines.append(Text(f"{p.status}: {p.component}: {p.what}\n  do: {p.remedy}"))
        return Group(*lines)

    show(found.model_dump(mode="json"), human, as_json)
    if found.status == "failing":
        raise typer.Exit(1)
