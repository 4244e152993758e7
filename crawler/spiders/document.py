"""The document spider: fetches what the frontier hands out and gives every answer to SiteCrawl. Sites differ in their files only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from scrapy import Spider
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from crawler.config import load_settings
from crawler.errors import JianghuaError
from crawler.home import Home
from crawler.site import Site, load_site
from crawler.sitecrawl import FLUSH_SECONDS, Fetch, SiteCrawl


class DocumentSpider(Spider):
    """Crawls one site.

    Arguments (`-a` of `scrapy crawl`): at (a replica's address), refetch (due, all, none), delay (seconds), limit (requests),
    home (folder).
    """

    name = "document"
    site_name = ""

    def __init__(self, name: str | None = None, *, site: Site | None = None, at: str | None = None, refetch: str = "due",
                 delay: str | float | None = None, limit: str | int | None = None, home: Home | str | None = None, **kwargs: Any) -> None:  # fmt: skip
        super().__init__(name or self.site_name or (site.name if site else None), **kwargs)
        self.home = home if isinstance(home, Home) else Home.find(home)
        found = site or load_site(self.name, self.home)
        self.site = found.at(at) if at else found
        settings = load_settings(self.home)
        self.crawl = SiteCrawl(
            self.home, self.site, user_agent=settings.user_agent(self.site.politeness.contact), refetch=refetch,
            delay=None if delay is None else float(delay), limit=None if limit is None else int(limit),
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
        if getattr(self, "_flusher", None) is not None and self._flusher.running:
            self._flusher.stop()

    def parse(self, response: Response, **kwargs: Any) -> None:
        """Give an answer to the crawl."""
        fetch: Fetch = response.meta["fetch"]
        raw = [(k.decode("latin-1"), v.decode("latin-1")) for k, vs in response.headers.items() for v in vs]
        told = {k.lower(): v for k, v in raw}
        try:
            again = self.crawl.answered(fetch, response.url, response.status, "", told, raw, response.body)
        except JianghuaError as e:
            self.stop(e)
            return
        except Exception as e:  # one page that cannot be taken must not be asked for for ever
            self.logger.exception("could not take %s", response.url)
            self.crawl.failed(fetch, f"could not be taken: {type(e).__name__}", lasting=True)
            return
        if again is not None:
            self.crawler.engine._slot.scheduler.ask_again(again)  # type: ignore[union-attr]

    def failed(self, failure: Failure) -> None:
        """Give a failure without an answer to the crawl."""
        fetch: Fetch = failure.request.meta["fetch"]  # type: ignore[attr-defined]
        kind = type(failure.value).__name__
        lasting = kind in ("DownloadCancelledError", "IgnoreRequest", "NotSupported", "InvalidURL", "ForbiddenAddress")
        why = {
            "DownloadCancelledError": "larger than allowed",
            "TimeoutError": "timed out",
            "DownloadTimeoutError": "timed out",
        }.get(kind, f"{kind}: {failure.getErrorMessage()}"[:200])
        try:
            self.crawl.failed(fetch, why, lasting)
        except JianghuaError as e:
            self.stop(e)

    def stop(self, error: JianghuaError) -> None:
        """End this site's crawl because of an error a user must mend."""
        if self.crawl.error is None:
            self.crawl.error = error
            engine = self.crawler.engine
            if engine is not None and engine.spider is not None:
                engine.close_spider(self, "error")
