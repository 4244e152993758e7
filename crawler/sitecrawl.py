"""The crawl of one site, without Scrapy: what is asked next and when, and who takes the answer.

When a host may be asked is in hosts.py and robots.py, what an answer changes in answers.py; here is the order of things.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from crawler.answers import Answer, Answers, Counts, begins_whole, body_kept, ends_whole
from crawler.archive import ArchiveWriter
from crawler.completeness import completeness
from crawler.errors import JianghuaError
from crawler.figures import HostCount
from crawler.home import Home
from crawler.hosts import (
    BACKOFF,
    LONG_WAITS,
    MAX_RETRY_AFTER,
    MAX_TRIES,
    MOST_KEPT,
    Host,
    Hosts,
    RobotsAsk,
    retry_after,
)
from crawler.politeness import Politeness
from crawler.site import Site
from crawler.state import FORBIDDEN, RECHECK, SEED, SiteState, new_row, text_time
from crawler.takedowns import FATE, WHY, erased_keys
from crawler.urls import clean_url, template_of

BATCH = (
    8  # answers that are committed together where there is no delay between them: so many are asked again after a kill
)
FLUSH_SECONDS = 0.25
WHOLE_LISTS = 8  # list pages of a run that are asked for without conditions, to see whether validators can be relied on
WHOLE_EVERY = 10  # times that an article is due, after which it is asked for without conditions: some servers say 304 of what was edited
BUFFER = 32  # rows of the frontier that are looked at in one go
CATCH_UP = timedelta(days=1)  # a run taken up again after so long also looks at what has become due since


@dataclass(slots=True)
class Fetch:
    """A request to make: a page (`row` of the state) or a robots.txt (`robots`). sure: the body kept was seen to be whole; asked: monotonic time
    of the request."""

    url: str
    row: Any
    headers: dict[str, str] = field(default_factory=dict)
    robots: RobotsAsk | None = None
    sure: bool = False
    asked: float = 0.0


class SiteCrawl:
    """A crawl of one site that may be killed at any moment. Not thread-safe; times are wall clock, waits monotonic.

    refetch: due, all or none. delay: seconds between two requests to a host instead of the site file's. limit: requests of this
    attempt. hosts: shared by the crawls of a process, so that two sites on one host do not ask it twice at a time.
    """

    def __init__(self, home: Home, site: Site, *, user_agent: str, refetch: str = "due", delay: float | None = None,
                 limit: int | None = None, hosts: Hosts | None = None) -> None:  # fmt: skip
        self.home, self.site = home, site
        self.user_agent = user_agent
        self.refetch = refetch
        self.delay = site.politeness.delay if delay is None else delay
        self.limit = limit
        self.counts = Counts()
        self.error: JianghuaError | None = None
        self._hosts: Hosts = {} if hosts is None else hosts
        self._met: set[str] = set()
        self._buffer: deque[Any] = deque()
        self._flying: dict[str, Fetch] = {}
        self._later: dict[str, float] = {}
        self._left_alone: dict[
            str, str
        ] = {}  # until when hosts (//host) and pages (keys) want to be left alone, over runs
        self._whole_lists = 0
        self._forbade: list[str] = []  # keys of pages that were forbidden in a row
        self._proving = ""  # key of the start page that shows whether a host forbids everything
        self._doubted = ""  # key of the start page that shows whether a host or its pages are out of order
        self._unclosed: set[str] = set()  # hosts whose pages do not close what they open
        self._drained = False
        self._pending = 0
        self._last_commit = self._began = time.monotonic()
        self._spent = 0
        self._asked: datetime | None = None  # when the last answer came
        self._open = False

    # -- beginning and end

    def open(self) -> None:
        """Open the state, start or take up a run. Raises JianghuaError when the site cannot be crawled now."""
        if self.site.unfilled:
            raise JianghuaError(f"site '{self.site.name}' has no start address yet", where=self.site.start[0],
                                remedy="write its address in `start:` of the site file, or give a replica with --at URL")  # fmt: skip
        self.state = SiteState.open(self.home, self.site.name)
        try:
            self._start()
        except BaseException:
            self.state.close()
            raise

    def _start(self) -> None:
        self.writer = ArchiveWriter(self.home, self.site.name, self.user_agent)
        now = datetime.now(UTC)
        stamp = text_time(now)
        run = self.state.unfinished_run()
        if run is None or run.get("refetch") != self.refetch:
            # what another policy left unfinished stays queued, unless everything is asked for anyway
            keep = run is not None and self.refetch != "all"
            run = {"id": now.strftime("%Y%m%dT%H%M%SZ"), "started": stamp, "refetch": self.refetch}
            self.state.queue_due(self.site, self.refetch, now, keep)
            self.state.start_run(run)
        else:
            self.counts.resumed = True
            if now - datetime.fromisoformat(run.get("looked") or run["started"]) > CATCH_UP:
                self.state.queue_due(self.site, "due" if self.refetch == "all" else self.refetch, now, keep=True)
                run["looked"] = stamp
                self.state.start_run(run)
            elif run.pop("failed", None):
                self.state.queue_first_lists()  # what they list may have changed while the host was away
                self.state.start_run(run)
        self._run = run
        self._erased = erased_keys(self.home, self.site.name)
        self.counts.run = str(run["id"])
        self.answers = Answers(self.home, self.site, self.state, self.writer, self.counts, run["started"])
        starts = [u for u in map(clean_url, self.site.start) if u]
        self._seeds = {self.site.key(u): "" for u in starts}  # and why they could not be had
        self.answers.starts = set(self._seeds)
        self.answers.add([new_row(self.site.key(u), u, stamp, priority=SEED, template=template_of(u)) for u in starts])
        if terms := clean_url(self.site.terms or ""):  # a page like any other, that need not be linked
            self.answers.add([new_row(self.site.key(terms), terms, stamp, depth=1, template=template_of(terms))])
        most = text_time(now + timedelta(seconds=MOST_KEPT))
        kept = json.loads(self.state.meta("left alone") or "{}")
        self._left_alone = {what: min(until, most) for what, until in kept.items() if until > stamp}
        self._day = now.strftime("%Y-%m-%d")
        day, _, spent = (self.state.meta("budget") or "").partition(" ")
        self._spent = int(spent) if day == self._day else 0
        asked = self.state.meta("asked")
        # of a crawl that was killed nobody knows when it asked last
        since = 0.0 if self.counts.resumed else None
        if asked and not self.counts.resumed:
            since = (now - datetime.fromisoformat(asked)).total_seconds()
        self.politeness = Politeness(
            self.site, self.state, self._hosts, self.delay, since, datetime.fromisoformat(run["started"])
        )
        self.state.commit()
        self._open = True

    def close(self, finished: bool) -> None:
        """Write down what is done; a run is finished when nothing is left in its frontier."""
        if not self._open:
            return
        self._open = False
        try:
            if self.error is None:
                if finished and not self.counts.failed:
                    self._look_at_seeds()
                if self.counts.failed:
                    self.state.forget_tries()
                self._pending += 1
                self.flush()
            left = self.state.queued()
            self.counts.queued, self.counts.known = left, self.state.known()
            self.counts.lost_to_robots = self.state.lost_to_robots()
            self.counts.lists = completeness(self.state.lists())
            if self.counts.failed is not None and self.error is None:
                self.state.start_run({**self._run, "failed": text_time(datetime.now(UTC))})
                self.state.commit()
            if finished and left == 0 and self.error is None and self.counts.failed is None:
                self.state.start_run({**self._run, "finished": text_time(datetime.now(UTC))})
                self.state.commit()
                self.counts.finished = True
        except JianghuaError as e:
            self.error = self.error or e
        finally:
            self.counts.seconds = time.monotonic() - self._began
            for what in (self.writer, self.state):
                try:
                    what.close()
                except JianghuaError as e:
                    self.error = self.error or e

    def _look_at_seeds(self) -> None:
        """A site none of whose start pages can be had was not crawled: its run is not finished and goes on next time."""
        if all(self._seeds.values()) and not self._exhausted():
            self.counts.failed = f"the start page {next(iter(self._seeds.values()))}"
            for key in self._seeds:
                self.state.update(key, queued=1, missing=0, priority=SEED)

    def flush(self) -> None:
        """Make the archive durable, then the state that refers to it."""
        if self._pending:
            self.writer.flush()
            if self.site.politeness.daily_budget is not None:
                self.state.set_meta("budget", f"{self._day} {self._spent}")
            if self._asked is not None:
                self.state.set_meta("asked", self._asked.isoformat())
            self.state.commit()
        self._pending = 0
        self._last_commit = time.monotonic()

    def tick(self) -> None:
        """Flush what has waited long enough; called now and then."""
        if self._open and self._pending and time.monotonic() - self._last_commit >= FLUSH_SECONDS:
            self.flush()

    # -- asking

    @property
    def flying(self) -> int:
        """How many requests are open."""
        return len(self._flying)

    def pending(self) -> bool:
        """Whether anything is left to ask for in this run."""
        return not self._stopped() and bool(self._buffer or self._later or self._flying or not self._drained)

    def _exhausted(self) -> bool:
        budget = self.site.politeness.daily_budget
        asked = self.counts.requests + len(self._flying)
        return (self.limit is not None and asked >= self.limit) or (
            budget is not None and self._spent + len(self._flying) >= budget
        )

    def _stopped(self) -> bool:
        return bool(not self._open or self.counts.failed or self.error or self._exhausted())

    def next(self) -> tuple[Fetch | None, float]:
        """The next request, or None and the seconds until there may be one (0: when an answer has come)."""
        if self._stopped() or len(self._flying) >= self.site.politeness.concurrency:
            return None, 0.0
        held: list[Any] = []
        waits: list[float] = []
        fetch = None
        while fetch is None and len(held) < BUFFER and not self.counts.failed:
            row = self._next_row()
            if row is None:
                break
            found = self._ask(row)
            if isinstance(found, Fetch):
                fetch = found
                if fetch.robots is not None:
                    held.append(row)
            elif found is not None:
                held.append(row)
                waits.append(found)
                if len(self.site.hosts) == 1:
                    break
        self._buffer.extendleft(reversed(held))
        if fetch is not None:
            netloc = urlsplit(fetch.url).netloc.lower()
            host = self.politeness.host(netloc)
            host.flying += 1
            now = time.monotonic()
            self.counts.hosts.setdefault(netloc, HostCount()).asked(None if host.asked is None else now - host.asked)
            host.asked = fetch.asked = now
            self._flying[f"robots {fetch.robots.netloc}" if fetch.robots else fetch.row.key] = fetch
            return fetch, 0.0
        waits += [t - time.monotonic() for t in self._later.values()]
        return None, max(0.01, min(waits)) if waits else 0.0

    def _ask(self, row: Any) -> Fetch | float | None:
        """The request for a row, the seconds to wait for it, or None when the row is settled without one."""
        if row.key in self._erased:
            self._taken_down(row)
            return None
        # the same site may stand on another host or port today
        main = self.politeness.main
        url = (
            row.url
            if row.key.startswith("//") or urlsplit(row.url).netloc.lower() == main
            else self.site.origin + urlunsplit(("", "", *urlsplit(row.url)[2:4], ""))
        )
        netloc = urlsplit(url).netloc.lower()
        if self._left_alone and (wish := self._wish(row, netloc)) is not None:
            self._heed(row, netloc, wish)
            return None
        host = self.politeness.host(netloc)
        if not self.politeness.knows_robots(host):
            if host.robots_error is not None:
                self._give_up(row, host.robots_error)
                return None
            return self._ask_robots(host, url)
        if netloc not in self._met:
            self._met.add(netloc)
            self._meet(host, url)
        if not self.politeness.allows(host, url):
            self._disallowed(row)
            return None
        wait = self.politeness.wait(host)
        if wait is not None:
            return wait
        fetch = Fetch(url, row)
        if row.kind == "list" and self._whole_lists < WHOLE_LISTS and (row.etag or row.last_modified):
            self._whole_lists += 1  # lists change: they show whether validators do
        elif (row.etag or row.last_modified) and not self.answers.liar and not self._wants_whole(row):
            # a body that is damaged in the archive must come again
            fetch.sure = bool(row.warc_file) and body_kept(self.home, row)
            if fetch.sure or (not row.warc_file and (row.fate == "not_html" or row.kind == "sitemap")):
                if row.etag:
                    fetch.headers["If-None-Match"] = row.etag
                if row.last_modified:
                    fetch.headers["If-Modified-Since"] = row.last_modified
        return fetch

    def _wants_whole(self, row: Any) -> bool:
        """Whether an article's body was not sent for so long that its validators are not believed."""
        seen = row.whole_at or row.fetched_at
        if row.kind != "article" or not seen:
            return False
        now, refetch = datetime.now(UTC), self.site.refetch
        young = bool(row.changed_at and row.changed_at > text_time(now - refetch.young_for))
        every = max(refetch.young if young else refetch.old, timedelta(days=1))
        return bool(seen < text_time(now - WHOLE_EVERY * every))

    def _wish(self, row: Any, netloc: str) -> str | None:
        """Until when a page or its host asked to be left alone, None where neither did or that is over."""
        until = max(self._left_alone.get(f"//{netloc}", ""), self._left_alone.get(row.key, ""))
        return until if until > text_time(datetime.now(UTC)) else None

    def _heed(self, row: Any, netloc: str, until: str) -> None:
        """Leave a page for a later run, as was asked for by an answer to this one or an earlier one; the whole site, where its main host asked."""
        why = f"asked to be left alone until {until} (Retry-After)"
        if f"//{netloc}" in self._left_alone and netloc == self.politeness.main:
            self._fail(f"{netloc} {why}")
        else:
            self._give_up(row, why)

    def _leave(self, what: str, seconds: float) -> None:
        """Keep for later runs that a host (//host) or a page (its key) wants to be left alone for so long."""
        self._left_alone[what] = text_time(datetime.now(UTC) + timedelta(seconds=min(seconds, MOST_KEPT)))
        self.state.set_meta("left alone", json.dumps(self._left_alone, sort_keys=True))
        self._pending += 1

    def _next_row(self) -> Any:
        if self.answers.urgent is not None:
            last = self._buffer[-1] if self._buffer else None
            if last is not None and self.answers.urgent < (last.priority, last.depth):
                self._buffer.clear()  # something goes before what is in the buffer
            self.answers.urgent = None
        for _ in range(2):
            now = time.monotonic()
            while self._buffer:
                row = self._buffer.popleft()
                if row.key in self._flying or self._later.get(row.key, 0.0) > now:
                    continue
                if row.priority == RECHECK and (self._flying or self._later):
                    self._buffer.clear()  # asked again only when all the rest is done
                    return None
                self._later.pop(row.key, None)
                return row
            self._buffer.extend(
                r for r in self.state.next_queued(BUFFER + len(self._flying) + len(self._later))
                if r.key not in self._flying and self._later.get(r.key, 0.0) <= now
            )  # fmt: skip
        self._drained = True
        return None

    def _disallowed(self, row: Any) -> None:
        """A page that robots.txt forbids; what was read while it was allowed stays."""
        self.counts.disallowed += 1
        values: dict[str, Any] = {"queued": 0, "tries": 0, "missing": 0, "checked_at": text_time(datetime.now(UTC))}
        if row.warc_file and row.fate is None:
            self.counts.newly_disallowed += row.why != FORBIDDEN
            values["why"] = FORBIDDEN
        else:
            values |= {"fate": "disallowed", "why": "robots.txt forbids it"}
        self.state.update(row.key, **values)
        self._seed(row.key, "is forbidden by robots.txt")
        self._done()

    def _taken_down(self, row: Any) -> None:
        """A page that was erased here on request: it is not asked for again."""
        self.state.update(row.key, queued=0, tries=0, missing=0, fate=FATE, why=WHY, checked_at=text_time(datetime.now(UTC)))  # fmt: skip
        self._seed(row.key, "was taken down")
        self._done()

    def _seed(self, key: str, why: str) -> None:
        if key in self._seeds:
            self._seeds[key] = why

    # -- robots

    def _meet(self, host: Host, url: str) -> None:
        """The first time that a host is asked for a page: its sitemaps."""
        given: list[str] = []
        for name in self.site.follow.sitemaps:
            if name == "auto":
                given += [urljoin(url, "/sitemap.xml"), *(host.robots.sitemaps if host.robots else ())]
            else:
                given.append(urljoin(self.site.origin + "/", name))
        self.answers.sitemaps(given, text_time(datetime.now(UTC)))

    def _ask_robots(self, host: Host, url: str) -> Fetch | float:
        if f"robots {host.netloc}" in self._flying:
            return 0.05
        found = self.politeness.ask_robots(host, url)
        return Fetch(found.url, None, robots=found) if isinstance(found, RobotsAsk) else found

    def _take_robots(self, ask: RobotsAsk, status: int, headers: Mapping[str, str], body: bytes, why: str) -> None:
        known, failed = self.politeness.take_robots(ask, status, headers, body, why)
        wanted = retry_after(headers.get("retry-after")) if status == 429 or status >= 500 else None
        if not known and (wanted or 0) > MAX_RETRY_AFTER:
            self._leave(f"//{ask.netloc}", wanted or 0)
        if known:
            self._met.discard(ask.netloc)
            self._done()
        self.counts.failed = self.counts.failed or failed

    # -- answers

    def answered(self, fetch: Fetch, url: str, status: int, reason: str, headers: Mapping[str, str],
                 raw_headers: list[tuple[str, str]], body: bytes) -> None:  # fmt: skip
        """Take an answer. headers: names in lower case. Raises JianghuaError when it cannot be kept."""
        host = self._landed(fetch, len(body))
        try:
            if fetch.robots is not None:
                self._take_robots(fetch.robots, status, headers, body, "")
                return
            row = fetch.row
            answer = Answer(url, status, reason, headers, raw_headers, body, datetime.now(UTC))
            refused = None
            if 200 <= status < 300 and (body or row.kind == "sitemap"):
                refused = self.answers.page(row, answer, fetch.sure)
            if refused is None and status not in (408, 425, 429) and status < 500:
                host.answered_well()
                if row.key == self._doubted:
                    self._doubted = ""
                if status < 400:
                    host.forbidden = 0
                    self._forbade.clear()
            if status == 304 and (fetch.headers or row.warc_file):
                self.answers.unchanged(row, answer)
            elif refused is not None:
                self._failure(row, host, refused.why, refused.status, None)
            elif 200 <= status < 300 and (body or row.kind == "sitemap"):
                pass  # taken
            elif status == 304 or 200 <= status < 300:
                self._failure(row, host, f"answered {status} without a body", status, None)
            elif 300 <= status < 400:
                self.answers.redirect(row, answer)
            elif status in (404, 410):
                if self.answers.missing(row, answer):
                    self._seed(row.key, f"answers {status}")
            elif status in (408, 425, 429) or status >= 500:
                self._failure(row, host, f"answered {status}", status, retry_after(headers.get("retry-after")))
            else:
                self._error(row, f"answered {status}", status)
                if status == 403:
                    self._forbidden(row, host)
            self._done()
        finally:
            self.politeness.rest(host)

    def whole(self, fetch: Fetch, status: int, body: bytes, told_length: bool) -> bool:
        """Whether an answer that was cut short may be taken all the same. told_length: it is shorter than it said, or its last chunk is missing;
        else the connection was closed without a word, as old servers do.

        A length that is wrong each time is the server's mistake: when a page that ends as pages do was cut before, it is taken. A page that
        just stops is asked for once more, unless this host's pages stop like this.
        """
        if fetch.robots is not None:
            return not told_length
        if status >= 300:
            return True  # what stands in it does not matter
        again = bool(fetch.row.tries > 0)
        if told_length:
            return again and ends_whole(body)
        netloc = urlsplit(fetch.url).netloc
        if ends_whole(body) or not begins_whole(body) or netloc in self._unclosed:
            return True
        if again:
            self._unclosed.add(netloc)
        return again

    def failed(self, fetch: Fetch, why: str, lasting: bool = False) -> None:
        """Take a failure without an answer: refused, timed out, too large. lasting: asking again is of no use."""
        host = self._landed(fetch, 0)
        try:
            if fetch.robots is not None:
                self._take_robots(fetch.robots, 0, {}, b"", why)
            elif lasting:
                self._error(fetch.row, why, None)
                self._done()
            elif self._without_tls(fetch):
                self._done()
            else:
                self._failure(fetch.row, host, why, None, None)
                self._done()
        finally:
            self.politeness.rest(host)

    def _without_tls(self, fetch: Fetch) -> bool:
        """Ask for a page by http where a link said https, the site itself is on http and https gives no answer; whether that is done."""
        main = urlsplit(self.site.start[0])
        if not fetch.url.startswith("https:") or (main.scheme, self.politeness.main) != (
            "http",
            urlsplit(fetch.url).netloc.lower(),
        ):
            return False
        # an https:// that http leads to would come back
        self.counts.retries += 1
        self.state.update(fetch.row.key, url="http" + fetch.url[5:], tries=fetch.row.tries + 1, queued=1)
        return bool(fetch.row.tries + 1 < MAX_TRIES)

    def spoiled(self, fetch: Fetch, why: str) -> None:
        """Take an answer that `answered` could not take: one such page must not be asked for for ever."""
        if fetch.robots is not None:
            self._take_robots(fetch.robots, 0, {}, b"", why)
        else:
            self._error(fetch.row, why, None)
            self._done()

    def _landed(self, fetch: Fetch, size: int) -> Host:
        self._flying.pop(f"robots {fetch.robots.netloc}" if fetch.robots else fetch.row.key, None)
        self._drained = False
        self.counts.requests += 1
        self.counts.bytes += size
        self._spent += 1
        self._asked = datetime.now(UTC)
        netloc = urlsplit(fetch.url).netloc.lower()
        self.counts.hosts.setdefault(netloc, HostCount()).answered(time.monotonic() - fetch.asked, size)
        host = self.politeness.host(netloc)
        host.flying -= 1
        return host

    def _done(self) -> None:
        self._pending += 1
        if self._pending >= BATCH or self.delay > 0:
            self.flush()

    def _error(self, row: Any, why: str, status: int | None) -> None:
        """A page that cannot be had, and asking again in this run is of no use."""
        self.counts.errors += 1
        self.counts.reasons[why] += 1
        self._seed(row.key, why)
        values: dict[str, Any] = {"queued": 0, "tries": 0, "missing": 0, **self.answers.error_fate(row, why)}
        if "fate" in values:
            values["status"] = status
        if status is not None and status < 500 and status not in (408, 425, 429):  # these were not looked at
            values["checked_at"] = text_time(datetime.now(UTC))
        self.state.update(row.key, **values)

    def _give_up(self, row: Any, why: str) -> None:
        self._error(row, why, None)
        self._done()

    def _failure(self, row: Any, host: Host, why: str, status: int | None, wanted: float | None) -> None:
        """A failure that may pass: asked again later, for so many times."""
        trouble = host.trouble(row.key, status is not None)
        if trouble == "doubt" and host.netloc == self.politeness.main and self._prove(row):
            trouble = "page"
        if trouble != "page" or row.key == self._doubted:
            what = f"cannot be reached: {why}"
            if status is not None:
                what = f"answers {status} to everything" if why == f"answered {status}" else f"{why}, to everything"
            self._fail(f"{host.netloc} {what}")
            return
        tries = row.tries + 1
        if status == 429 and (wanted or 0) <= MAX_RETRY_AFTER:
            wanted = host.too_much(wanted, host.delay(self.delay))  # the host and not the page
        if tries >= MAX_TRIES or (wanted or 0) > MAX_RETRY_AFTER:
            if (wanted or 0) > MAX_RETRY_AFTER:
                host.long_waits += 1
                self._leave(row.key, wanted or 0)
                if host.long_waits >= LONG_WAITS:
                    self._leave(f"//{host.netloc}", wanted or 0)
                    self._fail(f"{host.netloc} asks to be left alone for {wanted:.0f} s (Retry-After)")
                    return
            self._error(row, why, status)
            return
        self.counts.retries += 1
        wait = wanted if wanted is not None else BACKOFF * 2 ** (tries - 1)
        self._later[row.key] = time.monotonic() + wait
        if wanted is not None:
            host.wait(wanted)  # the host asked to be left alone
        self.state.update(row.key, tries=tries, queued=1)

    def _prove(self, row: Any) -> bool:
        """Ask for a start page, to see whether a host that answered before is out of order; False where this is the page that shows it."""
        key = next(iter(self._seeds), row.key)
        if key in (row.key, self._doubted):
            return False
        self._doubted = key
        self.state.update(key, queued=1, missing=0, priority=SEED)
        self._buffer.clear()
        return True

    def _forbidden(self, row: Any, host: Host) -> None:
        """A page that is forbidden (403). Where many in a row are, a start page is asked for: a host that forbids it too refuses us."""
        self._forbade.append(row.key)
        if row.key == self._proving:
            for key in self._forbade:  # they were not looked at, and are the next time
                self.state.update(key, queued=1)
            self._fail(f"{host.netloc} answers 403 to everything")
        elif host.forbade() and self._seeds:
            self._proving = next(iter(self._seeds))
            self.state.update(self._proving, queued=1, missing=0, priority=SEED)
            self._buffer.clear()

    def _fail(self, why: str) -> None:
        """The host fails and not a page: stop here, lose nothing; the same command goes on when it is back."""
        self.counts.failed = why
