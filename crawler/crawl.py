"""The crawl behind the command: several sites side by side in one process, with progress and a summary."""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from crawler import logs
from crawler.config import load_settings
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.hosts import Hosts
from crawler.loading import loading, seldom_collecting
from crawler.site import Site, load_site, site_files

log = logging.getLogger("jianghua.crawl")


@dataclass(slots=True)
class SiteResult:
    """What crawling one site came to: counts by name, and why it failed (None when it did not)."""

    site: str
    counts: dict[str, Any]
    error: str | None
    interrupted: bool = False


def chosen_sites(home: Home, names: Sequence[str], at: Sequence[str]) -> tuple[list[Site], list[SiteResult]]:
    """The sites to crawl, pointed at their replicas, and those whose files have mistakes, with what is wrong.

    names: none means every site that has an address. at: `SITE=URL`, or a bare URL when there is one site.
    Raises UsageError for an unknown site or an address that fits none, and a broken file's error when no site is left.
    """
    bare = [a for a in at if "=" not in a.split("://", 1)[0]]
    named = dict(a.split("=", 1) for a in at if a not in bare)
    if bare and len(names) != 1:
        raise UsageError(
            "--at with a bare address needs exactly one site", where=bare[0], remedy="give it as --at SITE=URL"
        )
    for site in named:
        if site not in site_files(home):
            load_site(site, home)  # raises with the known names
        if names and site not in names:
            raise UsageError(
                f"--at names '{site}', which is not among the sites to crawl",
                where=f"{site}={named[site]}",
                remedy=f"add {site} to the command",
            )
    wanted = list(dict.fromkeys(names)) or sorted({*named, *(n for n in site_files(home) if _has_address(home, n))})
    if not wanted:
        raise UsageError(
            "no site has a start address",
            where=str(home.own_sites),
            remedy="name a site, and give its replica with --at SITE=URL",
        )
    out: list[Site] = []
    broken: list[SiteResult] = []
    first: JianghuaError | None = None
    for name in wanted:
        try:
            site_ = load_site(name, home)
        except UsageError:
            raise
        except JianghuaError as e:
            broken.append(SiteResult(name, {}, str(e)))
            first = first or e
            continue
        url = named.get(name) or (bare[0] if bare else None)
        out.append(site_.at(url) if url else site_)
    if first is not None and not out:
        raise first
    return out, broken


def _has_address(home: Home, name: str) -> bool:
    try:
        return not load_site(name, home).unfilled
    except JianghuaError:
        return True  # its error is told when it is crawled


def crawl(home: Home, sites: Sequence[Site], *, refetch: str = "due", delay: float | None = None, limit: int | None = None,
          watch: Callable[[list[Any]], None] | None = None) -> list[SiteResult]:  # fmt: skip
    """Crawl sites side by side; returns when all have ended. Can be called once in a process (Twisted's reactor).

    A site that fails does not stop the others; its error is in its result. watch: called twice a second with the running
    SiteCrawl objects.
    """
    process = crawler_process(home)
    from twisted.internet.task import LoopingCall

    from crawler.spiders.document import DocumentSpider

    crawlers: list[tuple[Site, Any]] = []
    results: dict[str, SiteResult] = {}
    hosts: Hosts = {}
    for site in sites:
        spider_class = type(f"Site_{site.name}", (DocumentSpider,), {"name": site.name, "site_name": site.name})
        crawler = process.create_crawler(spider_class)
        try:
            started = process.crawl(
                crawler, site=site, home=home, refetch=refetch, delay=delay, limit=limit, hosts=hosts
            )
        except JianghuaError as e:
            results[site.name] = SiteResult(site.name, {}, str(e))
            continue
        started.addErrback(_keep_error, site.name, results)
        crawlers.append((site, crawler))
    loop = None
    if watch is not None:
        loop = LoopingCall(lambda: watch([c.spider.crawl for _, c in crawlers if c.spider is not None]))
        loop.start(0.5, now=False)
    with seldom_collecting():
        run_to_the_end(process)
    if loop is not None and loop.running:
        loop.stop()
    for site, crawler in crawlers:
        if crawler.spider is None:
            results.setdefault(site.name, SiteResult(site.name, {}, "the crawl could not start"))
            continue
        run = crawler.spider.crawl
        counts = run.counts.as_json()
        error = str(run.error) if run.error else run.counts.failed
        interrupted = crawler.spider.reason == "shutdown" and not error
        results.setdefault(site.name, SiteResult(site.name, counts, error, interrupted))
        _tell(site.name, counts, error)
    return [results[s.name] for s in sites]


def _tell(site: str, counts: dict[str, Any], error: str | None) -> None:
    """A line of log for a site whose crawl has ended, where there is a log: a person at a terminal sees the summary."""
    if not logs.set_up_here():
        return
    figures = {k: v for k, v in counts.items() if isinstance(v, int | float) and v}
    if error:
        log.error("crawl of %s failed: %s", site, error.splitlines()[0], extra={"site": site, "figures": figures})
        return
    told = "{requests} requests: {new} new, {changed} changed, {unchanged} unchanged, {gone} gone, {errors} failed".format_map(
        counts
    )
    log.info("crawl of %s ended: %s", site, told, extra={"site": site, "figures": figures})


def load_scrapy() -> None:
    """Load what a crawl needs of Scrapy, and no reactor.

    Three of its classes ask at that time for all frames of the stack with their lines of source, to know the module that they are in;
    deep inside a crawl that takes longer than the whole rest of loading. They are told their own frame alone.
    """

    def near(context: int = 1) -> list[Any]:
        return [None, (sys._getframe(2),)]

    whole = inspect.stack
    inspect.stack = near
    try:
        with loading():
            importlib.import_module("scrapy.core.downloader.handlers.http11")
            importlib.import_module("scrapy.crawler")
            importlib.import_module("crawler.sitecrawl")
    finally:
        inspect.stack = whole


def crawler_process(home: Home) -> Any:
    """Scrapy with the project's settings and those of a home, ready to take spiders. One a process (Twisted's reactor)."""
    os.environ.setdefault("SCRAPY_SETTINGS_MODULE", "crawler.settings")
    load_scrapy()
    from scrapy.crawler import CrawlerProcess
    from scrapy.utils.project import get_project_settings
    from scrapy.utils.reactor import install_reactor

    own = load_settings(home)
    settings = get_project_settings()
    settings.set("DOWNLOAD_TIMEOUT", own.timeout, priority="cmdline")
    settings.set("DOWNLOAD_MAXSIZE", own.max_size, priority="cmdline")
    without_suffix_list()
    # Scrapy installs the reactor with the first site, but not when that site cannot start
    install_reactor(settings["TWISTED_REACTOR"])
    # where the logs of this process are set up already (a step of a run), Scrapy's go there too
    settings.set("LOG_INSTALL_ROOT_HANDLER", not logs.set_up_here(), priority="cmdline")
    return CrawlerProcess(settings)


def run_to_the_end(process: Any) -> None:
    """Run what a process was given to crawl. Signals mean what they meant before once it has ended: Scrapy leaves its handlers
    in place, and Ctrl-C at a question that is asked afterwards would end nothing."""
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    process.start(install_signal_handlers=True)
    if threading.current_thread() is threading.main_thread():
        for number, handler in before.items():
            signal.signal(number, handler)


def _keep_error(failure: Any, name: str, results: dict[str, SiteResult]) -> None:
    results.setdefault(name, SiteResult(name, {}, _told(failure.value)))


def _told(error: BaseException) -> str:
    return str(error) if isinstance(error, JianghuaError) else f"{type(error).__name__}: {error}"


def without_suffix_list() -> None:
    """Keep Scrapy's cookie middleware from asking the internet for the public suffix list at the first cookie."""
    from scrapy.downloadermiddlewares import cookies
    from tldextract import TLDExtract

    cookies._split_domain = TLDExtract(suffix_list_urls=(), include_psl_private_domains=True)
