"""What every page and every answer of the API is made from: the home, its ledger, its settings, and who is asking."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from crawler.home import Home
from schedules.ledger import Ledger
from schedules.settings import Settings
from service.access import Guesses, Keys
from service.builder import Builder
from service.settings import ServiceSettings
from service.supervisor import Supervisor


def local_zone(file: Path = Path("/etc/localtime")) -> tzinfo:
    """The zone of this machine with its changes of the clock; where that is not to be had (a rule of POSIX in TZ, no such file) what
    holds now."""
    try:
        if (name := os.environ.get("TZ")) is not None:
            return ZoneInfo(name.removeprefix(":") or "UTC")
        with file.open("rb") as f:
            return ZoneInfo.from_file(f, key="local time")
    except (KeyError, ValueError, OSError):
        return datetime.now().astimezone().tzinfo or UTC


class House:
    """The running service, as its pages see it. port: the one it listens on."""

    def __init__(
        self,
        home: Home,
        ledger: Ledger,
        settings: Settings,
        own: ServiceSettings,
        keys: Keys,
        supervisor: Supervisor,
        port: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.home, self.ledger, self.settings, self.own = home, ledger, settings, own
        self.keys, self.supervisor, self.port, self.now = keys, supervisor, port, now
        self.guesses = Guesses()
        self.catalogue = home.var / "catalogue"
        self.builder = Builder(home, self.catalogue)
        self.began = now()

    @property
    def cookie(self) -> str:
        """Name of the session cookie; with the port, because cookies do not tell ports of a host apart."""
        return f"jianghua_{self.port}"

    @cached_property
    def zone(self) -> tzinfo:
        """The zone in which pages show times."""
        return ZoneInfo(self.own.time_zone) if self.own.time_zone else local_zone()

    def close(self) -> None:
        """End what was begun for the pages."""
        self.builder.stop()
