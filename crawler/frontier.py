"""Scrapy's SCHEDULER on the durable frontier of a site: hands out what SiteCrawl says is next, when it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from scrapy import Request, Spider
from scrapy.core.scheduler import BaseScheduler

from crawler.errors import JianghuaError
from crawler.sitecrawl import Fetch

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from twisted.internet.defer import Deferred

    from crawler.spiders.document import DocumentSpider


class Frontier(BaseScheduler):
    """Every request comes from the state file; nothing is kept in memory but what is in flight."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._wake: Any = None
        self._again: list[Fetch] = []

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Frontier:
        return cls(crawler)

    def open(self, spider: Spider) -> Deferred[None] | None:
        self._spider = cast("DocumentSpider", spider)
        return None

    def close(self, reason: str) -> Deferred[None] | None:
        if self._wake is not None and self._wake.active():
            self._wake.cancel()
        self._spider.crawl.close(reason == "finished")
        return None

    def has_pending_requests(self) -> bool:
        return bool(self._again) or self._spider.crawl.pending()

    def enqueue_request(self, request: Request) -> bool:
        return False  # requests come from the frontier alone

    def ask_again(self, fetch: Fetch) -> None:
        """Make a request before all others (robots.txt that leads elsewhere)."""
        self._again.append(fetch)

    def next_request(self) -> Request | None:
        crawl = self._spider.crawl
        try:
            fetch, wait = (self._again.pop(), 0.0) if self._again else crawl.next()
        except JianghuaError as e:
            self._spider.stop(e)
            return None
        if fetch is None:
            if wait > 0 and (self._wake is None or not self._wake.active()):
                from twisted.internet import reactor

                later: Any = reactor
                self._wake = later.callLater(wait, self._nudge)
            return None
        return Request(
            fetch.url,
            callback=self._spider.parse,
            errback=self._spider.failed,
            headers=fetch.headers,
            dont_filter=True,
            meta={
                "fetch": fetch,
                "handle_httpstatus_all": True,
                "download_slot": urlsplit(fetch.url).netloc,
                "cookiejar": self._spider.name,
            },
        )

    def _nudge(self) -> None:
        engine = self._crawler.engine
        if engine is not None and engine._slot is not None:
            engine._slot.nextcall.schedule()
