"""Politeness: when a host may be asked again, and what its robots.txt says. A host is host and port.

The delay counts from the end of an answer to the start of the next request, whatever was asked: a page, robots.txt, a sitemap,
the same page once more. So what the host sees is never closer than the delay, however long an answer took on its way.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from crawler.robots import Robots

MAX_TRIES = 4  # asks for a URL in one run when the server fails
BACKOFF = 2.0  # seconds before the second ask, doubled each time
MAX_RETRY_AFTER = 600.0  # seconds; a server that wants longer gets the URL left for the next run
MOST_KEPT = (
    7 * 86_400.0
)  # seconds from now that such a wish is kept over runs, however far off a server says that it is
ROBOTS_TRIES = 3
REDIRECTS = 5  # hops that a robots.txt may take
UNREACHABLE = 5  # failures in a row, none answered, after which a host counts as unreachable; of so many URLs if it answered before
FAILING = 12  # server errors in a row, of at least three URLs, after which it counts as out of order
REFUSING = 6  # answers 429 in a row, each after a longer wait, after which it counts as refusing us
MOST_WAIT = 32.0  # seconds that are waited after such an answer, where it does not say for how long
PACE = 1.0  # seconds between two requests to a host that said once that it was too much; doubled each time
MOST_PACE = 30.0
FORBIDDING = 12  # pages in a row that are forbidden (403), after which a start page has to show that not everything is
LONG_WAITS = 3  # URLs in a row that are to be left alone for longer than MAX_RETRY_AFTER


Trouble = Literal["page", "doubt", "host"]  # what fails


@dataclass(slots=True)
class RobotsAsk:
    """A request for a robots.txt under way: of which host, at which address, after how many redirects."""

    netloc: str
    url: str
    hops: int = 0


@dataclass(slots=True)
class Host:
    """One host while it is crawled. ready: monotonic time from which it may be asked; flying: requests open now."""

    netloc: str
    ready: float = 0.0
    asked: float | None = None  # monotonic time of the last request
    flying: int = 0
    robots: Robots | None = None
    robots_error: str | None = None  # why its robots.txt cannot be had: then nothing may be fetched
    robots_tries: int = 0
    robots_ask: RobotsAsk | None = None  # the next address to ask for its robots.txt
    failures: int = 0  # in a row, without an answer
    errors: int = 0  # in a row, answered by a server error
    refusals: int = 0  # in a row, answered that it is too much
    pace: float = 0.0  # seconds between two requests that it is known to want
    forbidden: int = 0  # in a row, answered 403
    forbidding: int = FORBIDDING  # so many of them are doubted
    doubts: int = 0  # times that it was doubted, and a start page showed that pages fail and not the host
    failing: set[str] = field(default_factory=set)
    long_waits: int = 0
    answers: bool = False  # whether it has answered in order in this process

    def delay(self, wanted: float) -> float:
        """Seconds between two requests: what is wanted, never below Crawl-delay."""
        return max(wanted, self.pace, self.robots.delay if self.robots is not None else 0.0)

    def wait(self, seconds: float) -> None:
        """Leave the host alone for so long from now."""
        self.ready = max(self.ready, time.monotonic() + seconds)

    def answered_well(self) -> None:
        """Any answer but a server error: the host is in order."""
        self.answers = True
        if self.failures or self.errors or self.long_waits or self.refusals:
            self.failures = self.errors = self.long_waits = self.refusals = 0
            self.failing.clear()

    def too_much(self, wanted: float | None, delay: float) -> float:
        """Note that it was asked too much, and from now on ask it more slowly; seconds to leave it alone.

        wanted: what Retry-After says. delay: seconds between two requests until now.
        """
        self.refusals += 1
        self.pace = min(max(PACE, 2 * self.pace, 2 * delay), MOST_PACE) if self.refusals == 1 else self.pace
        wait = wanted if wanted is not None else min(BACKOFF * 2 ** (self.refusals - 1), MOST_WAIT)
        self.wait(wait)
        return wait

    def forbade(self) -> bool:
        """Note an answer 403; whether it is time to see whether the host forbids everything."""
        self.forbidden += 1
        if self.forbidden < self.forbidding:
            return False
        self.forbidding *= 2
        return True

    def trouble(self, key: str, answered: bool) -> Trouble:
        """Note a failure: whether the page fails, or the host, or whether that is to be seen. A host that answered before may hold pages that never
        do, which are asked for again one after the other at the end of a run; each time that a start page shows so, the next doubt takes twice as many."""
        if answered:
            self.failures = 0
            self.errors += 1
        else:
            self.failures += 1
        self.failing.add(key)
        if self.refusals >= REFUSING and len(self.failing) >= 3:
            return "host"
        many = 2**self.doubts
        gone = self.failures >= UNREACHABLE * many and (not self.answers or len(self.failing) >= UNREACHABLE)
        if not gone and not (self.errors >= FAILING * many and len(self.failing) >= 3):
            return "page"
        self.doubts += self.answers
        return "doubt" if self.answers else "host"


Hosts = dict[str, Host]


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After asks for, given in seconds or as a date; None when there is none that can be read."""
    value = (value or "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        when = parsedate_to_datetime(value)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None
