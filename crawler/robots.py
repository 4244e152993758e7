"""robots.txt as RFC 9309 says: 4xx allows all, an unreachable one forbids all, kept for a day, 500 KiB are read."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from protego import Protego

AGENT = "Jianghua"  # the product token that groups of a robots.txt are matched with; the user agent begins with it
MAX_BYTES = 500 * 1024
KEPT_FOR = timedelta(hours=24)


@dataclass(slots=True)
class Robots:
    """The rules of one host as they were at a time (UTC)."""

    text: str
    at: datetime
    _rules: Protego = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._rules = Protego.parse(self.text)

    @classmethod
    def parse(cls, body: bytes, now: datetime) -> Robots:
        """The rules of a robots.txt; an empty body allows all. A line that the cap cuts in two is not read."""
        if len(body) > MAX_BYTES:
            body = body[:MAX_BYTES]
            body = body[: max(body.rfind(b"\n"), body.rfind(b"\r")) + 1]
        return cls(body.decode("utf-8-sig", "replace").replace("\x00", ""), now)

    @classmethod
    def allow_all(cls) -> Robots:
        """What holds where there is no robots.txt."""
        return cls("", datetime.now(UTC))

    def fresh(self, now: datetime | None = None) -> bool:
        """Whether the rules may still be used: for 24 hours."""
        return (now or datetime.now(UTC)) - self.at <= KEPT_FOR

    def allows(self, url: str) -> bool:
        """Whether our agent may fetch an address."""
        return bool(self._rules.can_fetch(url, AGENT))

    @property
    def delay(self) -> float:
        """Crawl-delay in seconds, 0 when there is none."""
        found = self._rules.crawl_delay(AGENT)
        value = float(found) if found is not None else 0.0
        return value if math.isfinite(value) and value > 0 else 0.0

    @property
    def sitemaps(self) -> list[str]:
        """The sitemaps it names."""
        return list(self._rules.sitemaps)

    def kept(self) -> str:
        """What the state keeps of it."""
        return json.dumps({"at": self.at.isoformat(), "text": self.text})


def load_robots(kept: str | None, now: datetime | None = None) -> Robots | None:
    """The rules kept in the state, while they are fresh."""
    if not kept:
        return None
    value = json.loads(kept)
    robots = Robots(value["text"], datetime.fromisoformat(value["at"]))
    return robots if robots.fresh(now) else None
