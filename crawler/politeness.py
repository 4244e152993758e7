"""Politeness of one crawl: which host may be asked when, and what its robots.txt allows, over the hosts of a process."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

from crawler.hosts import BACKOFF, MAX_RETRY_AFTER, REDIRECTS, ROBOTS_TRIES, Host, Hosts, RobotsAsk, retry_after
from crawler.robots import Robots, load_robots
from crawler.site import Site
from crawler.state import SiteState
from crawler.urls import clean_url


class Politeness:
    """Delays and robots.txt for one site.

    delay: seconds between two requests to a host. since: seconds since this site was asked last, by an earlier crawl; None when
    it never was. began: when the run began; rules that are older are asked for anew.
    """

    def __init__(
        self,
        site: Site,
        state: SiteState,
        hosts: Hosts,
        delay: float,
        since: float | None,
        began: datetime | None = None,
    ) -> None:
        self._site, self._state, self._hosts = site, state, hosts
        self._delay, self._since, self._began = delay, since, began
        self._obey = site.politeness.robots == "obey"
        self.main = urlsplit(site.start[0]).netloc.lower()

    def host(self, netloc: str) -> Host:
        """A host; the first time with the robots.txt that the state keeps of it."""
        host = self._hosts.get(netloc)
        if host is None:
            host = self._hosts[netloc] = Host(netloc)
            host.robots = load_robots(self._state.meta(f"robots {netloc}"))
            if host.robots is not None and self._began is not None and host.robots.at < self._began:
                host.robots = None  # of an earlier run: a site that shuts us out is heeded at once
            if self._since is not None:
                host.wait(host.delay(self._delay) - self._since)
        return host

    def wait(self, host: Host) -> float | None:
        """Seconds until a host may be asked, None when that is now."""
        if host.flying >= self._site.politeness.concurrency:
            return 0.05
        seconds = host.ready - time.monotonic()
        return seconds if seconds > 0 else None

    def rest(self, host: Host) -> None:
        """An answer has come: the delay begins."""
        host.wait(host.delay(self._delay))

    def knows_robots(self, host: Host) -> bool:
        """Whether it is known what may be fetched from a host."""
        return not self._obey or (host.robots is not None and host.robots.fresh())

    def allows(self, host: Host, url: str) -> bool:
        """Whether robots.txt lets us fetch an address."""
        return not self._obey or (host.robots is not None and host.robots.allows(url))

    def ask_robots(self, host: Host, url: str) -> RobotsAsk | float:
        """What to ask for a host's robots.txt, or the seconds until that may be done."""
        ask = host.robots_ask or RobotsAsk(host.netloc, f"{urlsplit(url).scheme}://{host.netloc}/robots.txt")
        wait = self.wait(self.host(urlsplit(ask.url).netloc.lower()))
        return ask if wait is None else wait

    def take_robots(
        self, ask: RobotsAsk, status: int, headers: Mapping[str, str], body: bytes, why: str
    ) -> tuple[bool, str | None]:
        """Take the answer to a request for robots.txt; whether rules are known now, and why the site cannot be crawled.

        status: 0 when there was no answer, for the reason `why`.
        """
        host = self.host(ask.netloc)
        host.robots_ask = None
        if 300 <= status < 400 and headers.get("location") and ask.hops < REDIRECTS:
            target = clean_url(urljoin(ask.url, headers["location"]))
            if target:
                host.robots_ask = RobotsAsk(ask.netloc, target, ask.hops + 1)
                return False, None
        if status < 500 and status not in (0, 429):  # 4xx: there is none, all is allowed
            host.robots_tries = 0
            there = 200 <= status < 300
            host.robots = Robots.parse(body if there else b"", datetime.now(UTC))
            host.robots.url, host.robots.status = ask.url, status
            host.robots.sha256 = hashlib.sha256(body).hexdigest() if there else None
            self._state.set_meta(f"robots {ask.netloc}", host.robots.kept())
            return True, None
        host.robots_tries += 1
        wanted = retry_after(headers.get("retry-after"))
        host.wait(min(wanted if wanted is not None else BACKOFF * 2 ** (host.robots_tries - 1), MAX_RETRY_AFTER))
        if host.robots_tries >= (ROBOTS_TRIES if status else ROBOTS_TRIES - 1) or (wanted or 0) > MAX_RETRY_AFTER:
            told = f"answered {status}" if status else "cannot be reached"
            host.robots_error = f"robots.txt of {ask.netloc} {told}"
            if ask.netloc == self.main:
                if status:
                    return False, f"{host.robots_error}; RFC 9309 forbids crawling then"
                return False, f"{ask.netloc} cannot be reached: {why}"
        return False, None
