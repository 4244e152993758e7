"""Look at a site politely: one crawl of a few dozen requests into a home that is thrown away.

It is the crawl's own machinery, so that robots.txt, Crawl-delay, Retry-After, the guard, charsets, links and pagers are those of the
crawl. Only the order is another one: forms of addresses that were seen least come first, so that few pages show many kinds.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from crawler.addresses import address_of, is_local
from crawler.archive import WarcAddress, read_response
from crawler.errors import Interrupted, JianghuaError
from crawler.extraction.decode import decode
from crawler.home import Home
from crawler.links import PageLinks
from crawler.probe.forms import forms_of
from crawler.probe.platforms import recognise
from crawler.robots import Robots
from crawler.site import PLATFORMS, Follow, Politeness, Site, load_yaml
from crawler.sitecrawl import Fetch, SiteCrawl
from crawler.state import RECHECK, SiteState
from crawler.urls import any_pattern, clean_url

LEAST, MOST = 15, 40  # requests
SECONDS = 120.0  # that a look should not take much longer than, where the host wants long delays
SITEMAPS = 4  # of them, at most
HOPS = 3  # other hosts that the start page may lead to, one after the other
NAME = "looked-at"
_HOSTS = re.compile(rb"""href\s*=\s*["']?https?://([A-Za-z0-9.-]+(?::\d{1,5})?)""", re.IGNORECASE)
_FRONT = re.compile(r"^(?:www|m|wap|3g)\.")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: status (None: no answer, for the reason `why`), seconds it took, head of the answer in lower case."""

    url: str
    status: int | None
    seconds: float
    headers: Mapping[str, str]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """An address that was met. body: None when it was not fetched or is no page. titled: a link to it is named as with a title.

    kind: as the crawl saw it: list, article, sitemap, file, None before it was fetched. pager: it says that its article goes on.
    """

    key: str
    url: str
    kind: str | None
    fate: str | None
    why: str | None
    status: int | None
    article_key: str
    ordinal: int
    expected: int
    pager: bool
    content_type: str | None
    titled: bool
    depth: int
    canonical: str | None
    body: bytes | None = field(repr=False, default=None)


@dataclass(slots=True)
class Look:
    """What was seen of a site. start: the address that it is crawled from; moved: from where one was led here, in order.

    robots: the rules of the main host, None when there is no robots.txt. failed: why the site could not be looked at. delay: seconds
    that were kept between requests. outside: links to other hosts, by host.
    """

    start: str
    moved: list[str]
    pages: dict[str, Page]
    asked: list[Asked]
    robots: Robots | None
    delay: float
    failed: str | None = None
    outside: Counter[str] = field(default_factory=Counter)

    @property
    def site(self) -> Site:
        """The site as it was looked at."""
        return looked_at(self.start, self.delay)


def looked_at(start: str, delay: float = 1.0) -> Site:
    """The site that is looked at: everything on the host of `start`, from there and from the host's root."""
    root = urljoin(start, "/")
    return Site(
        name=NAME, title="", start=tuple(dict.fromkeys((start, root))), follow=Follow(ignore=platform_ignore("generic")),
        politeness=Politeness(delay=delay),
    )  # fmt: skip


def platform_ignore(platform: str) -> tuple[str, ...]:
    """What sites of a platform are never asked for."""
    value, _ = load_yaml(PLATFORMS / f"{platform}.yaml")
    return tuple(((value or {}).get("follow") or {}).get("ignore") or ())


class ProbeCrawl(SiteCrawl):
    """A crawl that asks for what it knows least about, and notes how each answer came."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked: list[Asked] = []
        self.titled: set[str] = set()
        self._since: dict[str, float] = {}
        self._looked: Counter[str] = Counter()
        self._useless: re.Pattern[str] | None = None  # addresses that the platform's rules leave out

    def _start(self) -> None:
        super()._start()
        take = self.answers._links

        def links(row: Any, found: PageLinks, stamp: str) -> None:
            self.titled |= found.titled
            take(row, found, stamp)

        self.answers._links = links  # type: ignore[method-assign]

    def next(self) -> tuple[Fetch | None, float]:
        fetch, wait = super().next()
        if fetch is not None:
            self._since[fetch.url] = time.monotonic()
            if fetch.row is not None:
                self._looked[fetch.row.key] += 1
        return fetch, wait

    def _next_row(self) -> Any:
        row = self._choice()
        if row is not None:
            self._later.pop(row.key, None)
        return row

    def _choice(self) -> Any:
        """The row of the frontier whose form was seen least for how many addresses it has; start pages and a few sitemaps first."""
        self._buffer.clear()  # what waits is still queued in the state
        now = time.monotonic()
        rows = [
            r for r in self.state.next_queued(20_000)
            if r.key not in self._flying and self._later.get(r.key, 0.0) <= now and r.priority != RECHECK
        ]  # fmt: skip
        seen = sum(1 for r in self._looked if self.state.row(r).kind == "sitemap")
        pages = [r for r in rows if r.kind != "sitemap"]
        maps = [r for r in rows if r.kind == "sitemap"] if seen < SITEMAPS else []
        seeds = [r for r in pages if r.depth == 0]
        if seeds or not (pages or maps):
            self._drained = not seeds
            return seeds[0] if seeds else None
        if maps:
            return maps[0]
        known = self.state.keys()
        forms = forms_of(known)
        sizes = Counter(forms.values())
        looked = Counter(forms[k] for k in self._looked if k in forms)
        titles = Counter(forms[k] for k in self.titled if k in forms)

        def turn(r: Any) -> tuple[bool, float, bool, int, int]:
            form = forms[r.key]
            # addresses under titles are articles, most likely: they are worth more looks than others
            weight = 1 + math.log2(sizes[form]) * (1.5 if titles[form] * 2 > sizes[form] else 1.0)
            useless = form.repeated or bool(self._useless and self._useless.search(r.key))
            return useless, looked[form] / weight, r.key not in self.titled, r.depth, r.seq

        return min(pages, key=turn)

    def answered(self, fetch: Fetch, url: str, status: int, reason: str, headers: Mapping[str, str],
                 raw_headers: list[tuple[str, str]], body: bytes) -> None:  # fmt: skip
        """Take an answer, and note how it came."""
        self.asked.append(Asked(url, status, self._took(fetch), dict(headers)))
        super().answered(fetch, url, status, reason, headers, raw_headers, body)
        if self._useless is None and fetch.row is not None and fetch.row.depth == 0 and status == 200:
            self._useless = _useless_on(body, headers)
        if fetch.robots is not None and self.limit is not None:
            told = self.politeness.host(fetch.robots.netloc).delay(self.delay)
            self.limit = min(self.limit, requests_for(told))
        elif url == self.site.start[0] and led_to(url, self.asked):
            self.limit = self.counts.requests  # another host is the site: nothing more to see here

    def failed(self, fetch: Fetch, why: str, lasting: bool = False) -> None:
        """Take a failure, and note it."""
        self.asked.append(Asked(fetch.url, None, self._took(fetch), {}, why))
        super().failed(fetch, why, lasting)

    def _took(self, fetch: Fetch) -> float:
        return time.monotonic() - self._since.pop(fetch.url, time.monotonic())


def _useless_on(body: bytes, headers: Mapping[str, str]) -> re.Pattern[str] | None:
    """What is left out on the platform that a page shows; None when it shows none."""
    text = decode(body, headers.get("content-type")).text
    found = recognise([text], [], [f"{k}: {v}" for k, v in headers.items()])
    given = platform_ignore(found.platform.file) if found is not None else ()
    return any_pattern(given)


def look(home: Home, work: Home, url: str, delay: float, limit: int | None = None,
         watch: Callable[[int, int], None] | None = None) -> Look:  # fmt: skip
    """Look at a site. Once in a process (Twisted's reactor).

    home: whose settings hold. work: an empty home, for what is fetched. delay: seconds between two requests, never below
    Crawl-delay. limit: requests; None: 15 to 40, by the delay. watch: called now and then with requests made and to be made.
    """
    from twisted.internet.task import LoopingCall

    from crawler.crawl import crawler_process, run_to_the_end
    from crawler.spiders.document import DocumentSpider

    if home.settings_file.is_file():
        work.root.mkdir(parents=True, exist_ok=True)
        work.settings_file.write_bytes(home.settings_file.read_bytes())
    process = crawler_process(work)
    spider_class: Any = type("Look", (DocumentSpider,), {"name": NAME, "site_name": NAME, "crawl_class": ProbeCrawl})
    looks: list[tuple[str, Any, Home]] = []
    most = limit or requests_for(delay)

    def begin(start: str) -> Any:
        crawler = process.create_crawler(spider_class)
        looks.append((start, crawler, Home(work.root / str(len(looks)))))
        at = looks[-1][2]
        at.root.mkdir(parents=True, exist_ok=True)
        if work.settings_file.is_file():
            at.settings_file.write_bytes(work.settings_file.read_bytes())
        started = process.crawl(crawler, site=looked_at(start, delay), home=at, delay=delay, limit=most)
        return started.addCallback(lambda _: follow())

    def follow() -> Any:
        """Where the start page leads to another host, that one is the site."""
        start, crawler, _ = looks[-1]
        target = led_to(start, crawler.spider.crawl.asked) if crawler.spider is not None else None
        if target is not None and len(looks) <= HOPS and target not in [s for s, _, _ in looks]:
            refuse_local(start, target)
            return begin(target)
        return None

    errors: list[BaseException] = []
    begin(url).addErrback(lambda failure: errors.append(failure.value))
    loop = None
    if watch is not None:

        def tell() -> None:
            crawl = looks[-1][1].spider.crawl if looks[-1][1].spider is not None else None
            watch(len(crawl.asked) if crawl is not None else 0, (crawl.limit if crawl is not None else None) or most)

        loop = LoopingCall(tell)
        loop.start(0.5, now=False)
    run_to_the_end(process)
    if loop is not None and loop.running:
        loop.stop()
    if errors:
        raise errors[0]
    start, crawler, at = looks[-1]
    if crawler.spider is not None and crawler.spider.reason == "shutdown" and crawler.spider.crawl.error is None:
        raise Interrupted("the look was interrupted", where=start, remedy="nothing was written; look again")
    return _seen(start, [s for s, _, _ in looks[:-1]], crawler.spider.crawl, at)


def requests_for(delay: float) -> int:
    """How many requests to make at a delay in seconds: fewer where each costs long."""
    return MOST if delay <= 0 else max(LEAST, min(MOST, int(SECONDS / delay)))


def local(url: str) -> bool:
    """Whether an address is written as one of this machine or of the local network."""
    host = urlsplit(url).hostname or ""
    found = address_of(host)
    return host == "localhost" or host.endswith(".localhost") or (found is not None and is_local(found))


def refuse_local(start: str, target: str) -> None:
    """Raises JianghuaError when a public site leads to an address of the local network."""
    if local(target) and not local(start):
        raise JianghuaError(
            "the site leads to an address of the local network",
            where=f"{start} leads to {target}",
            remedy="give the address itself if you mean the local one",
        )


def led_to(start: str, asked: list[Asked]) -> str | None:
    """The address on another host that the start page leads to; None when it answers itself, or leads on within its host."""
    for a in asked:
        if a.url == start and a.status is not None and 300 <= a.status < 400:
            target = clean_url(urljoin(start, a.headers.get("location", "")))
            if target is not None and urlsplit(target).netloc != urlsplit(start).netloc:
                return target
    return None


def _seen(start: str, moved: list[str], crawl: Any, at: Home) -> Look:
    """What the crawl left in its home."""
    pages: dict[str, Page] = {}
    with SiteState.open(at, NAME, read_only=True) as state:
        for r in state.all_rows():
            body = None
            if r.warc_file:
                body = read_response(at, WarcAddress(r.warc_file, r.warc_offset, r.warc_length, r.sha256)).body
            pages[r.key] = Page(r.key, r.url, r.kind, r.fate, r.why, r.status, r.article_key, r.ordinal, r.expected, bool(r.pager),
                                r.content_type, r.key in crawl.titled, r.depth, r.canonical, body)  # fmt: skip
    host = crawl.politeness.host(crawl.politeness.main)
    failed = str(crawl.error) if crawl.error else crawl.counts.failed
    seen = Look(start, moved, pages, crawl.asked, host.robots, host.delay(crawl.delay), failed)
    main = urlsplit(start).netloc.lower()
    for page in pages.values():
        if page.body is not None:
            seen.outside.update(h for h in map(_host_of, _HOSTS.findall(page.body)) if h != main and _related(h, main))
    return seen


def _host_of(netloc: bytes) -> str:
    return netloc.decode("ascii").lower().removesuffix(":80").removesuffix(":443")


def _related(host: str, main: str) -> bool:
    """Whether two hosts look like one site's: the same name but for what stands in front of it. Names for telephones do not count."""
    base, other = _FRONT.sub("", main), _FRONT.sub("", host)
    if host.startswith(("m.", "wap.", "3g.", "mip.")) or "." not in base:
        return False
    return other == base or other.endswith("." + base)
