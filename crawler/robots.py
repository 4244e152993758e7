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
    """The rules of one host as they were at a time (UTC).

    url, status, sha256: where they were had, what the server answered, and the digest of the bytes; None where nobody asked.
    """

    text: str
    at: datetime
    url: str | None = None
    status: int | None = None
    sha256: str | None = None
    _rules: Protego = field(init=False, repr=False, compare=False)

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
        """What the state keeps of it: the rules of a day, and the evidence of what a site allowed (publisher/sources.py)."""
        told = {"url": self.url, "status": self.status, "sha256": self.sha256}
        return json.dumps(
            {"at": self.at.isoformat(), "text": self.text, **{k: v for k, v in told.items() if v is not None}}
        )


def load_robots(kept: str | None, now: datetime | None = None) -> Robots | None:
    """The rules kept in the state, while they are fresh."""
    if not kept:
        return None
    value = json.loads(kept)
    told = (value.get(name) for name in ("url", "status", "sha256"))  # a state of an older version has none
    robots = Robots(value["text"], datetime.fromisoformat(value["at"]), *told)
    return robots if robots.fresh(now) else None
