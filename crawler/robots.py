"""robots.txt as RFC 9309 says: 4xx allows all, an unreachable one forbids all, kept for a day, 500 KiB are read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from protego import Protego

MAX_BYTES = 500 * 1024
KEPT_FOR = timedelta(hours=24)


@dataclass(slots=True)
class Robots:
    """The rules of one host. unreachable: nothing may be fetched."""

    text: str
    at: datetime
    unreachable: bool = False
    _rules: Protego = field(init=False)

    def __post_init__(self) -> None:
        self._rules = Protego.parse(self.text)

    @classmethod
    def parse(cls, body: bytes, now: datetime) -> Robots:
        """The rules of a robots.txt; an empty body allows all."""
        return cls(body[:MAX_BYTES].decode("utf-8-sig", "replace"), now)

    @classmethod
    def allow_all(cls) -> Robots:
        return cls("", datetime.now(UTC))

    @classmethod
    def nothing(cls) -> Robots:
        """What holds while robots.txt cannot be reached."""
        return cls("User-agent: *\nDisallow: /\n", datetime.now(UTC), unreachable=True)

    def allows(self, url: str, user_agent: str) -> bool:
        return bool(self._rules.can_fetch(url, user_agent))

    def delay(self, user_agent: str) -> float | None:
        """Crawl-delay in seconds, if there is one."""
        found = self._rules.crawl_delay(user_agent)
        return float(found) if found is not None else None

    @property
    def sitemaps(self) -> list[str]:
        return list(self._rules.sitemaps)

    def kept(self) -> str:
        """What the state keeps of it."""
        return json.dumps({"at": self.at.isoformat(), "text": self.text})


def load_robots(kept: str | None, now: datetime | None = None) -> Robots | None:
    """The rules kept in the state, while they are fresh."""
    if not kept:
        return None
    value = json.loads(kept)
    at = datetime.fromisoformat(value["at"])
    if (now or datetime.now(UTC)) - at > KEPT_FOR:
        return None
    return Robots(value["text"], at)
