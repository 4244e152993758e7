"""The crawl of one site, without Scrapy: what is asked next and when, and what an answer changes.

Politeness stands here, in one place: robots.txt as RFC 9309 says, Crawl-delay and Retry-After, one request at a time to a host.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from scrapy.utils.gz import gunzip
from scrapy.utils.sitemap import Sitemap

from crawler.archive import ArchiveWriter, WarcAddress
from crawler.errors import JianghuaError
from crawler.home import Home
from crawler.links import Link, clean_url, in_scope, read_links
from crawler.robots import Robots, load_robots
from crawler.site import Site
from crawler.state import ARTICLE, LIST, RECHECK, SEED, UNKNOWN, SiteState, new_row, text_time

MAX_TRIES = 4  # asks for a URL in one run when the server fails
MAX_RETRY_AFTER = 600.0  # seconds; a server that wants longer gets its URL left for the next run
BACKOFF = 2.0  # seconds before the second ask, doubled each time
BATCH = 8  # answers that are committed together: so many are asked again at most after a kill
FLUSH_SECONDS = 0.25
MAX_QUERY_TEMPLATE = 5_000  # addresses of one form: calendars and endless ?page=N
MAX_PATH_TEMPLATE = 300_000
MAX_URL = 1_000
_LOOP = re.compile(r"(/[^/]+)\1{2,}(?:/|$)")
_HTML = ("text/html", "application/xhtml")


@dataclass(slots=True)
class Fetch:
    """A request to make: a page (`row` of the state) or a robots.txt (`row` None)."""

    url: str
    row: Any
    headers: dict[str, str]
    hops: int = 0


@dataclass(slots=True)
class Counts:
    """What a crawl did; `failed` says why the site could not be crawled, None when it could."""

    requests: int = 0
    bytes: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    not_modified: int = 0
    gone: int = 0
    errors: int = 0
    disallowed: int = 0
    redirects: int = 0
    not_html: int = 0
    retries: int = 0
    seconds: float = 0.0
    known: int = 0
    queued: int = 0
    run: str = ""
    resumed: bool = False
    finished: bool = False
    failed: str | None = None
    reasons: Counter[str] = field(default_factory=Counter)


def template_of(url: str) -> str:
    """The form of an address: digits folded, query without values."""
    parts = urlsplit(url)
    keys = ",".join(sorted({p.split("=", 1)[0] for p in parts.query.split("&")})) if parts.query else ""
    return re.sub(r"\d+", "0", parts.path) + (f"?{keys}" if keys else "")


class SiteCrawl:
    """A crawl of one site that may be killed at any moment. Not thread-safe; times are wall clock, waits monotonic."""

    def __init__(
        self,
        home: Home,
        site: Site,
        *,
        user_agent: str,
        refetch: str = "due",
        delay: float | None = None,
        limit: int | None = None,
    ) -> None:
        self.home, self.site = home, site
        self.user_agent = user_agent
        self.refetch = refetch
        self.delay = site.politeness.delay if delay is None else delay
        self.limit = limit
        self.counts = Counts()
        self.error: JianghuaError | None = None
        self._buffer: deque[Any] = deque()
        self._flying: dict[str, Fetch] = {}
        self._later: dict[str, float] = {}
        self._robots: dict[str, Robots] = {}
        self._robots_wait: dict[str, tuple[int, float]] = {}
        self._ready = 0.0
        self._redirected: Fetch | None = None  # where a robots.txt leads
        self._pending = 0
        self._last_commit = time.monotonic()
        self._began = time.monotonic()
        self._spent = 0

    # -- beginning and end

    def open(self) -> None:
        """Open the state, start or take up a run. Raises JianghuaError when the site cannot be crawled now."""
        if self.site.unfilled:
            raise JianghuaError(f"site '{self.site.name}' has no start address yet", where=self.site.start[0],
                                remedy="write its address in `start:` of the site file, or give a replica with --at URL")  # fmt: skip
        self.state = SiteState.open(self.home, self.site.name)
        self.writer = ArchiveWriter(self.home, self.site.name, self.user_agent)
        now = datetime.now(UTC)
        run = self.state.unfinished_run()
        if run is None or run.get("refetch") != self.refetch:
            keep = run is not None
            run = {"id": now.strftime("%Y%m%dT%H%M%SZ"), "started": text_time(now), "refetch": self.refetch}
            if not keep or self.refetch == "all":
                self.state.queue_due(self.site, self.refetch, now)
            self.state.start_run(run)
        else:
            self.counts.resumed = True
        self._run = run
        self.counts.run = str(run["id"])
        stamp = text_time(now)
        self._templates: Counter[str] = Counter(self.state.template_counts())
        self._known = self.state.keys()
        self._add(
            [
                new_row(self.site.key(u), u, stamp, priority=SEED, template=template_of(u))
                for u in map(clean_url, self.site.start)
                if u
            ]
        )
        day = now.strftime("%Y-%m-%d")
        spent = (self.state.meta("budget") or "").partition(" ")
        self._spent = int(spent[2]) if spent[0] == day else 0
        self._day = day
        self.state.commit()

    def close(self, finished: bool) -> None:
        """Write down what is done; a run is finished when nothing is left in its frontier."""
        try:
            if self.error is None:
                self.flush()
            left = self.state.queued()
            self.counts.queued, self.counts.known = left, self.state.known()
            if finished and left == 0 and self.error is None and self.counts.failed is None:
                self.state.start_run({**self._run, "finished": text_time(datetime.now(UTC))})
                self.state.commit()
                self.counts.finished = True
        except JianghuaError as e:
            self.error = self.error or e
        finally:
            self.counts.seconds = time.monotonic() - self._began
            try:
                self.writer.close()
            except JianghuaError as e:
                self.error = self.error or e
            self.state.close()

    def flush(self) -> None:
        """Make the archive durable, then the state that refers to it."""
        if self._pending:
            self.writer.flush()
            self.state.set_meta("budget", f"{self._day} {self._spent}")
            self.state.commit()
        self._pending = 0
        self._last_commit = time.monotonic()

    def tick(self) -> None:
        """Flush what has waited long enough; called now and then."""
        if self._pending and time.monotonic() - self._last_commit >= FLUSH_SECONDS:
            self.flush()

    # -- asking

    @property
    def flying(self) -> int:
        return len(self._flying)

    def pending(self) -> bool:
        """Whether anything is left to ask for in this run."""
        if self.counts.failed or self.error or self._exhausted():
            return False
        return bool(self._buffer) or self.state.queued() > len(self._flying) - sum(
            f.row is None for f in self._flying.values()
        )

    def _exhausted(self) -> bool:
        budget = self.site.politeness.daily_budget
        return (self.limit is not None and self.counts.requests >= self.limit) or (
            budget is not None and self._spent >= budget
        )

    def next(self) -> tuple[Fetch | None, float]:
        """The next request, or None and the seconds until there may be one (0: when an answer has come)."""
        if (
            self.counts.failed
            or self.error
            or self._exhausted()
            or len(self._flying) >= self.site.politeness.concurrency
        ):
            return None, 0.0
        wait = self._ready - time.monotonic()
        if wait > 0:
            return None, wait
        for _ in range(10_000):
            row = self._next_row()
            if row is None:
                soonest = min(self._later.values(), default=0.0) - time.monotonic()
                return None, max(0.05, soonest) if self._later else 0.0
            # the same site may stand on another host or port today
            url = row.url if row.key.startswith("//") else self.site.origin + row.key
            netloc = urlsplit(url).netloc.lower()
            robots = self._robots_of(url, netloc)
            if robots is None:
                self._buffer.appendleft(row)
                return self._ask_robots(url, netloc)
            if robots.unreachable:
                self._give_up(row, f"robots.txt of {netloc} cannot be reached")
                continue
            if self.site.politeness.robots == "obey" and not robots.allows(url, self.user_agent):
                self.state.update(
                    row.key,
                    fate="disallowed",
                    why="robots.txt forbids it",
                    queued=0,
                    checked_at=text_time(datetime.now(UTC)),
                )
                self.counts.disallowed += 1
                self._done()
                continue
            fetch = Fetch(url, row, self._conditional(row))
            self._flying[row.key] = fetch
            return fetch, 0.0
        return None, 0.01

    def _conditional(self, row: Any) -> dict[str, str]:
        headers = {}
        if row.warc_file or row.fate == "not_html" or row.kind == "sitemap":
            if row.etag:
                headers["If-None-Match"] = row.etag
            if row.last_modified:
                headers["If-Modified-Since"] = row.last_modified
        return headers

    def _next_row(self) -> Any:
        for _ in range(2):
            now = time.monotonic()
            while self._buffer:
                row = self._buffer.popleft()
                if row.key in self._flying or self._later.get(row.key, 0.0) > now:
                    continue
                self._later.pop(row.key, None)
                if row.priority == RECHECK and self._flying:
                    continue  # asked again only when all the rest is done
                return row
            self._buffer.extend(
                r for r in self.state.next_queued(32 + len(self._flying) + len(self._later))
                if r.key not in self._flying and self._later.get(r.key, 0.0) <= now
            )  # fmt: skip
            if not self._buffer:
                return None
        return None

    # -- robots

    def _robots_of(self, url: str, netloc: str) -> Robots | None:
        if self.site.politeness.robots == "ignore":
            return Robots.allow_all()
        if netloc not in self._robots:
            kept = load_robots(self.state.meta(f"robots {netloc}"))
            if kept is None:
                return None
            self._robots[netloc] = kept
        return self._robots[netloc]

    def _ask_robots(self, url: str, netloc: str) -> tuple[Fetch | None, float]:
        name = f"robots {netloc}"
        if name in self._flying:
            return None, 0.0
        _, ready = self._robots_wait.get(netloc, (0, 0.0))
        wait = ready - time.monotonic()
        if wait > 0:
            return None, wait
        fetch = Fetch(f"{urlsplit(url).scheme}://{netloc}/robots.txt", None, {})
        self._flying[name] = fetch
        return fetch, 0.0

    def _take_robots(self, fetch: Fetch, status: int, headers: Mapping[str, str], body: bytes) -> None:
        netloc = urlsplit(fetch.url).netloc.lower()
        asked = next((k.partition(" ")[2] for k, f in self._flying.items() if f is fetch), netloc)
        self._flying.pop(f"robots {asked}", None)
        if 300 <= status < 400 and headers.get("location") and fetch.hops < 5:
            target = clean_url(urljoin(fetch.url, headers["location"]))
            if target and urlsplit(target).netloc.lower() in self.site.hosts:
                again = Fetch(target, None, {}, fetch.hops + 1)
                self._flying[f"robots {asked}"] = again
                self._redirected = again
                return
        if status >= 500 or status == 429 or status == 0:
            tries, _ = self._robots_wait.get(asked, (0, 0.0))
            tries += 1
            wait = self._retry_after(headers) or BACKOFF * 2 ** (tries - 1)
            self._robots_wait[asked] = (tries, time.monotonic() + min(wait, 30.0))
            if tries >= 3 or (status == 0 and tries >= 2):
                why = f"robots.txt answered {status}" if status else "robots.txt cannot be reached"
                self._robots[asked] = Robots.nothing()
                if asked == urlsplit(self.site.start[0]).netloc.lower():
                    self.counts.failed = f"{why}; RFC 9309 forbids crawling then"
            return
        robots = Robots.parse(body if 200 <= status < 300 else b"", datetime.now(UTC))
        self._robots[asked] = robots
        self.state.set_meta(f"robots {asked}", robots.kept())
        if self.site.follow.sitemaps:
            self._queue_sitemaps(fetch.url, robots)
        self._done()

    def _queue_sitemaps(self, url: str, robots: Robots) -> None:
        wanted: list[str] = []
        for given in self.site.follow.sitemaps:
            wanted += (
                [urljoin(url, "/sitemap.xml"), *robots.sitemaps]
                if given == "auto"
                else [urljoin(self.site.origin + "/", given)]
            )
        now = text_time(datetime.now(UTC))
        for target in map(clean_url, wanted):
            if target and urlsplit(target).netloc.lower() in self.site.hosts:
                self._add(
                    [new_row(self.site.key(target), target, now, kind="sitemap", priority=LIST, template="sitemap")]
                )

    # -- answers

    def answered(
        self,
        fetch: Fetch,
        url: str,
        status: int,
        reason: str,
        headers: Mapping[str, str],
        raw_headers: list[tuple[str, str]],
        body: bytes,
    ) -> Fetch | None:
        """Take an answer; a request to make at once when robots.txt leads elsewhere, else None.

        headers: names in lower case. Raises JianghuaError when it cannot be kept.
        """
        self._sent(len(body))
        if fetch.row is None:
            self._redirected = None
            self._take_robots(fetch, status, headers, body)
            return self._redirected
        row = fetch.row
        self._flying.pop(row.key, None)
        now = datetime.now(UTC)
        stamp = text_time(now)
        if status == 304:
            self.counts.not_modified += 1
            self.counts.unchanged += 1
            self.state.update(row.key, queued=0, tries=0, missing=0, status=200, checked_at=stamp, gone_since=None,
                              fate=None if row.warc_file else row.fate, why=None if row.warc_file else row.why, url=url)  # fmt: skip
        elif 200 <= status < 300:
            self._take_page(row, url, status, reason, headers, raw_headers, body, now)
        elif 300 <= status < 400:
            self._take_redirect(row, url, status, headers, stamp)
        elif status in (404, 410) and row.kind == "sitemap":  # most sites have none
            self.state.update(row.key, queued=0, status=status, checked_at=stamp)
        elif status in (404, 410):
            self._take_missing(row, status, stamp)
        elif status in (408, 425, 429) or status >= 500:
            self._take_failure(row, f"answered {status}", status, self._retry_after(headers))
        else:
            self.counts.errors += 1
            self.counts.reasons[f"answered {status}"] += 1
            self.state.update(
                row.key, queued=0, status=status, checked_at=stamp, **self._error_fate(row, f"answered {status}")
            )
        self._done()
        return None

    def failed(self, fetch: Fetch, why: str, lasting: bool = False) -> None:
        """Take a failure without an answer: refused, timed out, too large. lasting: asking again is of no use."""
        self._sent(0)
        if fetch.row is None:
            self._redirected = None
            self._take_robots(fetch, 0, {}, b"")
            if self.counts.failed:
                self.counts.failed = f"{urlsplit(fetch.url).netloc} cannot be reached: {why}"
            return
        self._flying.pop(fetch.row.key, None)
        if lasting:
            self.counts.errors += 1
            self.counts.reasons[why] += 1
            self.state.update(
                fetch.row.key, queued=0, checked_at=text_time(datetime.now(UTC)), **self._error_fate(fetch.row, why)
            )
        else:
            self._take_failure(fetch.row, why, None, None)
        self._done()

    def _sent(self, size: int) -> None:
        self.counts.requests += 1
        self.counts.bytes += size
        self._spent += 1
        delay = self.delay
        for robots in self._robots.values():
            delay = max(delay, robots.delay(self.user_agent) or 0.0)
        self._ready = max(self._ready, time.monotonic() + delay)

    def _done(self) -> None:
        self._pending += 1
        if self._pending >= BATCH:
            self.flush()

    def _error_fate(self, row: Any, why: str) -> dict[str, Any]:
        # what was read before stays readable: an error never deletes
        return {} if row.warc_file and row.fate is None else {"fate": "error", "why": why}

    def _give_up(self, row: Any, why: str) -> None:
        self.counts.errors += 1
        self.counts.reasons[why] += 1
        self.state.update(row.key, queued=0, **self._error_fate(row, why))
        self._done()

    def _take_page(
        self,
        row: Any,
        url: str,
        status: int,
        reason: str,
        headers: Mapping[str, str],
        raw: list[tuple[str, str]],
        body: bytes,
        now: datetime,
    ) -> None:
        stamp = text_time(now)
        content_type = headers.get("content-type", "")
        values: dict[str, Any] = {
            "queued": 0, "tries": 0, "missing": 0, "status": status, "checked_at": stamp, "gone_since": None, "url": url, "why": None,
            "etag": headers.get("etag"), "last_modified": headers.get("last-modified"),
        }  # fmt: skip
        if row.kind == "sitemap":
            self._take_sitemap(row, body, stamp)
            self.state.update(row.key, **values)
            return
        if not self._is_html(content_type, body):
            self.counts.not_html += 1
            media = content_type.partition(";")[0].strip() or "unknown media type"
            self.state.update(row.key, **{**values, "fate": "not_html", "why": media, "kind": "file"})
            return
        sha256 = hashlib.sha256(body).hexdigest()
        known = row.warc_file is not None
        if known and row.sha256 == sha256:
            self.counts.unchanged += 1
            self.writer.revisit(url, status, reason, raw, now, sha256, datetime.fromisoformat(row.fetched_at))
            if row.content_type != (content_type or None):
                values["content_type"] = content_type or None
        else:
            self.counts.changed += known
            self.counts.new += not known
            address: WarcAddress = self.writer.response(url, status, reason, raw, body, now)
            values |= {
                "warc_file": address.file, "warc_offset": address.offset, "warc_length": address.length, "sha256": sha256,
                "fetched_at": stamp, "changed_at": stamp, "content_type": content_type or None,
            }  # fmt: skip
        values["fate"] = None
        found = read_links(body, content_type, url, self.site)
        values["kind"] = found.kind
        if found.pages:
            values |= self._take_pager(row, url, found.pages, stamp)
        self._take_links(row, found.links, stamp)
        self.state.update(row.key, **values)

    def _is_html(self, content_type: str, body: bytes) -> bool:
        media = content_type.partition(";")[0].strip().lower()
        if media.startswith(_HTML):
            return True
        head = body[:1024].lstrip().lower()
        return media in ("", "text/plain", "application/octet-stream") and (
            head.startswith((b"<!doctype html", b"<html")) or b"<body" in head
        )

    def _take_pager(self, row: Any, url: str, pages: dict[int, str], stamp: str) -> dict[str, Any]:
        """Keep the pages of one article together: all carry the key of the first and their number."""
        first = self.site.key(pages[1]) if 1 in pages else row.article_key
        expected = max(max(pages), row.expected)
        known = self.state.group(first)
        expected = max([expected, *(r.expected for r in known)])
        mine = next((n for n, u in pages.items() if u == url), row.ordinal)
        new = []
        for n, u in sorted(pages.items()):
            if u == url or (n == 1 and self.state.row(self.site.key(u)) is not None):
                continue
            new.append(
                new_row(
                    self.site.key(u),
                    u,
                    stamp,
                    kind="article",
                    depth=row.depth,
                    priority=ARTICLE,
                    template=template_of(u),
                )
            )
        self._add(new)
        for n, u in pages.items():
            if u != url:
                self.state.update(self.site.key(u), article_key=first, ordinal=n, expected=expected)
        for r in known:
            if r.expected < expected:
                self.state.update(r.key, expected=expected)
        return {"article_key": first, "ordinal": mine, "expected": expected, "kind": "article"}

    def _take_links(self, row: Any, links: list[Link], stamp: str) -> None:
        depth = row.depth + 1
        if depth > self.site.follow.max_depth:
            return
        listed = bool(self.site.follow.lists or self.site.follow.articles)
        rows = []
        for link in links:
            if len(link.url) > MAX_URL or _LOOP.search(urlsplit(link.url).path) or (listed and link.kind is None):
                continue
            template = template_of(link.url)
            kind = {"list": "list", "article": "article", "page": "article"}.get(link.kind or "")
            key = self.site.key(link.url)
            if key in self._known:
                continue
            made = new_row(key, link.url, stamp, kind=kind, depth=depth, template=template,
                           priority=LIST if kind == "list" else ARTICLE if kind == "article" else UNKNOWN)  # fmt: skip
            cap = MAX_QUERY_TEMPLATE if "?" in template else MAX_PATH_TEMPLATE
            if self._templates[template] >= cap:
                continue
            rows.append(made)
        self._add(rows)

    def _add(self, rows: list[dict[str, Any]]) -> None:
        new = [r for r in rows if r["key"] not in self._known]
        if new:
            self.state.insert(new)
            for r in new:
                self._known.add(r["key"])
                self._templates[r["template"]] += 1

    def _take_sitemap(self, row: Any, body: bytes, stamp: str) -> None:
        try:
            data = gunzip(body, max_size=50 * 1024 * 1024) if body[:2] == b"\x1f\x8b" else body
            found = Sitemap(data)
            index = found.type == "sitemapindex"
            rows = []
            for entry in found:
                target = clean_url(urljoin(row.url, entry.get("loc", "")))
                if target is None or urlsplit(target).netloc.lower() not in self.site.hosts:
                    continue
                if index:
                    rows.append(
                        new_row(
                            self.site.key(target),
                            target,
                            stamp,
                            kind="sitemap",
                            depth=row.depth + 1,
                            priority=LIST,
                            template="sitemap",
                        )
                    )
                elif in_scope(target, self.site):
                    rows.append(
                        new_row(
                            self.site.key(target),
                            target,
                            stamp,
                            depth=1,
                            priority=UNKNOWN,
                            template=template_of(target),
                        )
                    )
                if len(rows) >= 50_000:
                    break
            self._add(rows)
        except Exception as e:  # a sitemap is a courtesy: a broken one is no failure of the site
            self.counts.reasons[f"sitemap not readable: {type(e).__name__}"] += 1

    def _take_redirect(self, row: Any, url: str, status: int, headers: Mapping[str, str], stamp: str) -> None:
        target = clean_url(urljoin(url, headers.get("location", "")))
        self.counts.redirects += 1
        if target is not None and self.site.key(target) == row.key and row.tries < 3:
            # sets a cookie and leads to itself: ask again with the cookie
            self.state.update(row.key, tries=row.tries + 1, status=status, queued=1)
            return
        inside = target is not None and in_scope(target, self.site)
        if inside and target is not None:
            self._add(
                [
                    new_row(
                        self.site.key(target),
                        target,
                        stamp,
                        depth=row.depth,
                        priority=row.priority if row.priority != RECHECK else UNKNOWN,
                        template=template_of(target),
                    )
                ]
            )
        why = (
            f"leads to {target}"
            if inside
            else f"leads out of the site, to {target or headers.get('location', 'nowhere')}"
        )
        values: dict[str, Any] = {"queued": 0, "missing": 0, "tries": 0, "status": status, "checked_at": stamp}
        if not (row.warc_file and row.fate is None and status in (302, 303, 307)):  # a passing detour deletes nothing
            values |= {"fate": "redirect", "why": why[:300]}
        self.state.update(row.key, **values)

    def _take_missing(self, row: Any, status: int, stamp: str) -> None:
        if not row.missing:
            self.state.update(row.key, missing=1, status=status, priority=RECHECK, queued=1)
            return
        self.counts.gone += 1
        self.state.update(
            row.key,
            queued=0,
            tries=0,
            status=status,
            checked_at=stamp,
            gone_since=row.gone_since or stamp,
            fate="gone",
            why=f"answers {status}",
        )

    def _take_failure(self, row: Any, why: str, status: int | None, retry_after: float | None) -> None:
        tries = row.tries + 1
        if tries >= MAX_TRIES or (retry_after or 0) > MAX_RETRY_AFTER:
            self.counts.errors += 1
            self.counts.reasons[why] += 1
            values: dict[str, Any] = {"queued": 0, "tries": 0, **self._error_fate(row, why)}
            if status is not None and not row.warc_file:
                values["status"] = status
            self.state.update(row.key, **values)
            return
        self.counts.retries += 1
        wait = retry_after if retry_after is not None else BACKOFF * 2 ** (tries - 1)
        self._later[row.key] = time.monotonic() + wait
        if retry_after is not None:
            self._ready = max(self._ready, time.monotonic() + retry_after)  # the host asked to be left alone
        self.state.update(row.key, tries=tries, queued=1)

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        value = headers.get("retry-after", "").strip()
        if not value:
            return None
        if value.isdigit():
            return float(value)
        try:
            return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
        except (TypeError, ValueError):
            return None
