"""Scrapy's SCHEDULER on the durable frontier of a site: hands out what SiteCrawl says is next, when it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from scrapy import Request, Spider
from scrapy.core.scheduler import BaseScheduler

from crawler.errors import JianghuaError

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from twisted.internet.defer import Deferred

    from crawler.spiders.document import DocumentSpider


class Frontier(BaseScheduler):
    """Every request comes from the state file; nothing is kept in memory but what is in flight."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._wake: Any = None

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
        return self._spider.crawl.pending()

    def enqueue_request(self, request: Request) -> bool:
        return False  # requests come from the frontier alone

    def next_request(self) -> Request | None:
        crawl = self._spider.crawl
        try:
            fetch, wait = crawl.next()
        except JianghuaError as e:
            self._spider.stop(e)
            return None
        if fetch is None:
            if wait > 0:
                self._wake_in(wait)
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

    def _wake_in(self, seconds: float) -> None:
        from twisted.internet import reactor

        clock: Any = reactor
        if self._wake is not None and self._wake.active():
            if self._wake.getTime() <= clock.seconds() + seconds:
                return
            self._wake.cancel()
        self._wake = clock.callLater(seconds, self._nudge)

    def _nudge(self) -> None:
        engine = self._crawler.engine
        if engine is not None and engine._slot is not None:
            engine._slot.nextcall.schedule()
