"""How a crawl asked its hosts: requests, bytes, the time from one request to the next, how long answers took."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class HostCount:
    """One host. gaps: milliseconds from one request to the next, by how often; answers: milliseconds until an answer came."""

    requests: int = 0
    bytes: int = 0
    shortest: float | None = None
    gaps: Counter[int] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)

    def asked(self, since: float | None) -> None:
        """Note a request. since: seconds since the host was asked last in this process, None for the first time."""
        self.requests += 1
        if since is not None:
            self.gaps[_milliseconds(since)] += 1
            self.shortest = since if self.shortest is None else min(self.shortest, since)

    def answered(self, seconds: float, size: int) -> None:
        """Note an answer, or that none came."""
        self.bytes += size
        self.answers[_milliseconds(seconds)] += 1

    def as_json(self, host: str) -> dict[str, Any]:
        """As the crawl prints it; times in seconds."""
        return {
            "host": host,
            "requests": self.requests,
            "bytes": self.bytes,
            "delay_shortest": None if self.shortest is None else round(self.shortest, 3),
            "delay_median": middle(self.gaps),
            "answer_median": middle(self.answers),
        }


def _milliseconds(seconds: float) -> int:
    """Rounded to three digits, so that a crawl of a million pages keeps a few hundred numbers."""
    value = max(0.0, seconds * 1000)
    step = 10 ** max(0, math.floor(math.log10(value)) - 2) if value >= 1 else 1
    return int(round(value / step) * step)


def middle(times: Counter[int]) -> float | None:
    """The median of counted milliseconds, in seconds; None where there are none."""
    total = sum(times.values())
    if not total:
        return None
    ordered = sorted(times)
    found: list[int] = []
    passed = 0
    for value in ordered:
        passed += times[value]
        while len(found) < 2 and passed > (total - 1 + len(found)) // 2:
            found.append(value)
        if len(found) == 2:
            break
    return round(sum(found) / len(found) / 1000, 3)
