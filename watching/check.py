"""One look: what is wrong now, what of it is new, who is told. The scheduler and the service look every `[alarms] every` seconds."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from crawler.errors import JianghuaError
from crawler.home import Home
from crawler.secrecy import Masker, masker_of
from schedules.ledger import Ledger
from watching import disk, mail, webhook
from watching.alarms import Alarm, alarms, remember
from watching.facts import gather
from watching.rules import find_all
from watching.settings import AlarmSettings, alarm_settings
from watching.telling import LOG, Send, tell, to_log

log = logging.getLogger("jianghua.alarms")


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look came to: numbers of the alarms that it opened, found again and closed; events told by channel; the open alarms."""

    opened: tuple[int, ...] = ()
    lasting: tuple[int, ...] = ()
    closed: tuple[int, ...] = ()
    told: Mapping[str, int] = field(default_factory=dict)
    open: tuple[Alarm, ...] = ()


def check(
    home: Home,
    ledger: Ledger,
    *,
    now: datetime | None = None,
    settings: AlarmSettings | None = None,
    channels: Mapping[str, Send] | None = None,
    telling: bool = True,
) -> Checked:
    """Look at everything once: open, update and close alarms, and tell who is to be told.

    now: aware (default: the ledger's clock). settings: default those of the home. channels: default those of the settings. telling: False
    only looks. May be called by several processes at once. Raises JianghuaError when settings or ledger cannot be read.
    """
    now = now or ledger.now()
    settings = settings or alarm_settings(home)
    facts = gather(home, ledger, now)
    if facts.disk is not None:
        disk.remember(home, facts.disk, now)
    changed = remember(ledger, find_all(facts, settings.off, settings.limits), now, settings.off)
    told: dict[str, int] = {}
    if telling:
        told = tell(home, ledger, channels or channels_of(settings), settings, now, masker(settings))
    return Checked(tuple(changed.opened), tuple(changed.lasting), tuple(changed.closed), told, tuple(alarms(ledger)))


def look_after(home: Home, ledger: Ledger) -> None:
    """`check` for those who have other work: what goes wrong in it is logged and never raised."""
    try:
        check(home, ledger)
    except Exception as e:
        log.warning("the alarms could not be looked at: %s", e, exc_info=not hasattr(e, "remedy"))


def channels_of(settings: AlarmSettings) -> dict[str, Send]:
    """The channels that the settings name; the log is always one."""
    found: dict[str, Send] = {LOG: to_log}
    if settings.webhook is not None:
        found["webhook"] = partial(webhook.send, settings=settings)
    if settings.smtp_host is not None:
        found["mail"] = partial(mail.send, settings=settings)
    return found


def masker(settings: AlarmSettings) -> Masker:
    """What takes the secrets of settings and environment out of texts."""
    return masker_of(os.environ, settings.secrets())


@contextmanager
def beside(home: Home, ledger: Ledger) -> Iterator[None]:
    """Look at the alarms every now and then while something else goes on, and once more when it has ended."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_every(home)):
            look_after(home, ledger)

    thread = threading.Thread(target=watch, name="watching", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(60)
        look_after(home, ledger)


def _every(home: Home) -> float:
    try:
        return alarm_settings(home).every
    except JianghuaError:
        return 60.0  # what is wrong with the settings is told by the look
