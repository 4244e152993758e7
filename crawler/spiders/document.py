"""The document spider: fetches what the frontier hands out and gives every answer to SiteCrawl. Sites differ in their files only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

from scrapy import Spider
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.utils.defer import deferred_from_coro
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from crawler.config import load_settings
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.hosts import Hosts
from crawler.middlewares.guard import refused_names
from crawler.site import Site, load_site
from crawler.sitecrawl import FLUSH_SECONDS, Fetch, SiteCrawl
from crawler.trouble import CUT, words


def _number(value: str | float | None, name: str, least: float) -> float | None:
    """A number given as an argument."""
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not least <= number < 1e9:
        raise UsageError(
            f"{name}={value} is not a number from {least:g} up", where="-a", remedy=f"give {name} as a number"
        )
    return number


class DocumentSpider(Spider):
    """Crawls one site.

    Arguments (`-a` of `scrapy crawl`): at (a replica's address), refetch (due, all, none), delay (seconds), limit (requests),
    home (folder).
    """

    name = "document"
    site_name = ""
    crawl_class = SiteCrawl

    def __init__(self, name: str | None = None, *, site: Site | None = None, at: str | None = None, refetch: str = "due",
                 delay: str | float | None = None, limit: str | int | None = None, home: Home | str | None = None, hosts: Hosts | None = None, **kwargs: Any) -> None:  # fmt: skip
        if kwargs:
            raise UsageError(f"unknown argument: {', '.join(sorted(kwargs))}", where="-a",
                             remedy="use at, refetch, delay, limit or home")  # fmt: skip
        super().__init__(name or self.site_name or (site.name if site else None))
        self.reason: str | None = None
        self.home = home if isinstance(home, Home) else Home.find(home)
        found = site or load_site(self.name, self.home)
        self.site = found.at(at) if at else found
        if refetch not in ("due", "all", "none"):
            raise UsageError(f"refetch={refetch} is not known", where="-a", remedy="use due, all or none")
        settings = load_settings(self.home)
        self.crawl = self.crawl_class(
            self.home, self.site, user_agent=settings.user_agent(self.site.politeness.contact), refetch=refetch,
            delay=_number(delay, "delay", 0), limit=None if limit is None else int(_number(limit, "limit", 1) or 1),
            hosts=hosts,
        )  # fmt: skip
        self.crawl.open()

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> DocumentSpider:
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.settings.set("USER_AGENT", spider.crawl.user_agent, priority="spider")
        return spider

    async def start(self) -> AsyncIterator[Any]:
        """Nothing to ask for here: every request comes from the frontier."""
        self._flusher = LoopingCall(self._tick)
        self._flusher.start(FLUSH_SECONDS, now=False)
        return
        yield

    def _tick(self) -> None:
        try:
            self.crawl.tick()
        except JianghuaError as e:
            self.stop(e)

    def closed(self, reason: str) -> None:
        """Scrapy calls this when the spider is closed."""
        self.reason = reason
        if getattr(self, "_flusher", None) is not None and self._flusher.running:
            self._flusher.stop()

    def parse(self, response: Response, **kwargs: Any) -> None:
        """Give an answer to the crawl."""
        fetch: Fetch = response.meta["fetch"]
        raw = [(k.decode("latin-1"), v.decode("latin-1")) for k, vs in response.headers.items() for v in vs]
        told = {k.lower(): v for k, v in raw}
        lost, unended = "dataloss" in response.flags, "partial" in response.flags
        if (lost or unended) and not self.crawl.whole(fetch, response.status, response.body, told_length=lost):
            self._told(lambda: self.crawl.failed(fetch, CUT))
            return
        try:
            self.crawl.answered(fetch, response.url, response.status, "", told, raw, response.body)
        except JianghuaError as e:
            self.stop(e)
            return
        except Exception as e:  # one page that cannot be taken must not be asked for for ever
            self.logger.exception("could not take %s", response.url)
            why = f"could not be taken: {type(e).__name__}"
            self._told(lambda: self.crawl.spoiled(fetch, why))
            return

    def failed(self, failure: Failure) -> None:
        """Give a failure without an answer to the crawl."""
        fetch: Fetch = failure.request.meta["fetch"]  # type: ignore[attr-defined]
        kind = type(failure.value).__name__
        lasting = kind in ("DownloadCancelledError", "IgnoreRequest", "NotSupported", "InvalidURL", "ForbiddenAddress")
        why = words(failure.value)
        host = urlsplit(fetch.url).hostname or ""
        if kind in ("CannotResolveHostError", "DNSLookupError") and host in refused_names:
            why, lasting = refused_names[host], True
        self._told(lambda: self.crawl.failed(fetch, why, lasting))

    def _told(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except JianghuaError as e:
            self.stop(e)

    def stop(self, error: JianghuaError) -> None:
        """End this site's crawl because of an error a user must mend."""
        if self.crawl.error is None:
            self.crawl.error = error
            engine = self.crawler.engine
            if engine is not None and engine.spider is not None:
                deferred_from_coro(engine.close_spider_async(reason="error"))
