"""Who is told what of which alarm, and when. Pure, but for `tell`, which hands the messages to their channels.

A channel is told when an alarm opens, when it becomes critical, again after some days while it lasts, and when it is over. In the quiet hours it is told of
critical ones alone; what came together meanwhile is one message afterwards. What cannot be delivered is tried again at later
looks, each time after a longer wait.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from crawler.errors import JianghuaError
from crawler.home import Home
from crawler.secrecy import Masker
from schedules.ledger import Ledger
from watching.alarms import RANK, Alarm, Told, to_tell, write_told
from watching.settings import AlarmSettings

log = logging.getLogger("jianghua.alarms")

What = Literal["opened", "worse", "reminder", "closed"]
Send = Callable[[Sequence["Event"], datetime], None]
LOG = "log"
WAIT = timedelta(minutes=1)  # after the first failure; doubled with each, up to LONGEST
LONGEST = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell of one alarm."""

    what: What
    alarm: Alarm

    def line(self) -> str:
        """In one line, for people."""
        words = {"opened": "", "worse": "now critical: ", "reminder": "still: ", "closed": "over: "}
        return f"{self.alarm.severity if self.what != 'closed' else 'over'}: {words[self.what] if self.what != 'closed' else ''}{self.alarm.what}"


def event_for(alarm: Alarm, told: Told | None, now: datetime, settings: AlarmSettings) -> What | None:
    """What a channel has to be told of an alarm, apart from quiet hours; None for nothing. told: what it was told last."""
    known = told is not None and told.event not in (None, "closed")
    if alarm.state == "closed":
        # an alarm that came and went before anybody was told is still worth a word, after the quiet hours
        return "closed" if known or (told is not None and told.event is None) else None
    if alarm.muted(now):
        return None
    if not known or told is None:
        return "opened"
    if alarm.severity == "critical" and told.severity != "critical":
        return "worse"
    again = settings.remind_after()
    if again is not None and told.at is not None and now - told.at >= again:
        return "reminder"
    return None


def held(alarm: Alarm, channel: str, now: datetime, settings: AlarmSettings) -> bool:
    """Whether the quiet hours keep a channel from being told now. The log wakes nobody."""
    return channel != LOG and alarm.severity != "critical" and settings.is_quiet(now)


def resting(told: Told | None, now: datetime) -> bool:
    """Whether a delivery failed so shortly ago that it is not tried again yet."""
    if told is None or not told.tries or told.tried_at is None:
        return False
    wait: timedelta = min(LONGEST, WAIT * 2 ** min(told.tries - 1, 10))
    return timedelta(0) <= now - told.tried_at < wait


def events_of(alarms: Sequence[Alarm], channel: str, now: datetime, settings: AlarmSettings) -> list[Event]:
    """What a channel is to be told now, as one message; the most severe first."""
    due = []
    for alarm in alarms:
        told = alarm.told.get(channel)
        what = event_for(alarm, told, now, settings)
        if what is not None and not held(alarm, channel, now, settings) and not resting(told, now):
            due.append(Event(what, alarm))
    return sorted(due, key=lambda e: (e.what == "closed", RANK[e.alarm.severity], e.alarm.id))


def waiting_for(alarms: Sequence[Alarm], channel: str, now: datetime, settings: AlarmSettings) -> list[Alarm]:
    """Open alarms that the quiet hours hold back and of which nothing is noted for the channel yet; so that their end is told too."""
    return [
        a
        for a in alarms
        if channel not in a.told and event_for(a, None, now, settings) == "opened" and held(a, channel, now, settings)
    ]


def tell(
    home: Home,
    ledger: Ledger,
    channels: Mapping[str, Send],
    settings: AlarmSettings,
    now: datetime,
    masker: Masker,
) -> dict[str, int]:
    """Tell every channel what it has to be told; how many events each was told.

    A delivery that fails is noted with its alarms and tried again at a later look. Of two looks at once only one tells. A process that is
    killed between a delivery and its note tells the same again: better twice than never.
    """
    sent: dict[str, int] = {}
    with _alone(home) as ours:
        if not ours:
            return sent
        alarms = to_tell(ledger, channels)
        for channel, send in channels.items():
            for alarm in waiting_for(alarms, channel, now, settings):
                write_told(ledger, alarm.id, channel, Told())
            events = events_of(alarms, channel, now, settings)
            if not events:
                continue
            error: str | None = None
            try:
                send(events, now)
            except Exception as e:  # whatever is wrong with one channel, the others are told
                known = isinstance(e, JianghuaError)
                what = str(e) if known else f"{type(e).__name__}: {e}"
                error = masker("; ".join(x.strip() for x in what.splitlines()))
                log.warning("alarms could not be told by %s: %s", channel, error, exc_info=not known)
            for event in events:
                write_told(ledger, event.alarm.id, channel, _noted(event, event.alarm.told.get(channel), now, error))
            if error is None:
                sent[channel] = len(events)
    return sent


def _noted(event: Event, before: Told | None, now: datetime, error: str | None) -> Told:
    if error is None:
        return Told(event="closed" if event.what == "closed" else "opened", severity=event.alarm.severity, at=now)
    known = before or Told()
    return known.model_copy(update={"tries": known.tries + 1, "tried_at": now, "error": error})


def to_log(events: Sequence[Event], now: datetime) -> None:
    """The channel that is always there."""
    levels = {"critical": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO}
    for event in events:
        alarm = event.alarm
        level = logging.INFO if event.what == "closed" else levels[alarm.severity]
        about = {
            "site": alarm.site,
            "run": alarm.figures.get("run"),
            "figures": {"alarm": alarm.id, "kind": alarm.kind, **alarm.figures},
        }
        told = f"alarm {alarm.id} ({alarm.kind}) {event.what}: {alarm.what}"
        log.log(level, "%s%s", told, "" if event.what == "closed" else f"; do: {alarm.remedy}", extra=about)


@contextmanager
def _alone(home: Home) -> Iterator[bool]:
    """Whether nobody else of this home is telling at the moment."""
    folder = home.var / "watching"
    fd = -1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder / "telling.lock", os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)
