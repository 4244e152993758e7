"""The address guard: a crawl of a public site never reaches into the machine or the local network.

Checked when a connection is made, not when a link is read: a name may resolve to anything at any time. A site whose own start
address is local (a replica, a test) is free to be.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request, Spider
from scrapy.exceptions import IgnoreRequest
from scrapy.resolver import CachingHostnameResolver
from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from zope.interface import implementer

from crawler.addresses import address_of, is_local


class ForbiddenAddress(IgnoreRequest):
    """A request that would leave the site or reach a local address."""


_local_names: set[str] = set()  # hosts of sites that are local themselves
refused_names: dict[str, str] = {}  # and why; Twisted tells of a refusal only that nothing was found


class GuardMiddleware:
    """Refuses requests out of the site's hosts (host and port), and literal local addresses of sites that are not local."""

    def __init__(self, spider: Spider) -> None:
        site = spider.site  # type: ignore[attr-defined]
        main = urlsplit(site.origin)
        start = address_of(main.hostname or "")
        self._hosts, self._main = site.hosts, main.hostname
        self._replica = site.replica
        self._local = (start is not None and is_local(start)) or main.hostname == "localhost"

    @classmethod
    def from_crawler(cls, crawler: Any) -> GuardMiddleware:
        return cls(crawler.spider)

    def process_request(self, request: Request) -> None:
        """Raises ForbiddenAddress for a request that may not be made."""
        parts = urlsplit(request.url)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https"):
            raise ForbiddenAddress(f"{parts.scheme} addresses are not fetched")
        # a robots.txt may lead to another host, and is fetched there as robots.txt of the one that it was asked of
        robots = getattr(request.meta.get("fetch"), "robots", None)
        if parts.netloc.lower() not in self._hosts and not (robots and robots.hops):
            raise ForbiddenAddress(f"{parts.netloc} is none of the site's hosts")
        if self._local or self._replica:
            _local_names.add(self._main or "")
            if host == self._main:
                return
        literal = address_of(host)
        if literal is not None and is_local(literal):
            raise ForbiddenAddress(f"{host} is a local address")
        if host == "localhost" or host.endswith(".localhost"):
            raise ForbiddenAddress(f"{host} is a local name")


@implementer(IHostnameResolver)
class GuardResolver(CachingHostnameResolver):
    """Names to addresses of either kind, IPv4 and IPv6; refuses names of public sites that resolve to local addresses."""

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        receiver: Any = resolutionReceiver if hostName in _local_names else _Guarded(resolutionReceiver, hostName)
        return super().resolveHostName(receiver, hostName, portNumber, addressTypes, transportSemantics)


@implementer(IResolutionReceiver)
class _Guarded:
    """Hands on what a name resolves to, but for local addresses."""

    def __init__(self, receiver: Any, name: str) -> None:
        self._receiver, self._name = receiver, name

    def resolutionBegan(self, resolution: Any) -> None:
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: Any) -> None:
        if is_local(ipaddress.ip_address(address.host.partition("%")[0])):
            refused_names[self._name] = f"{self._name} resolves to the local address {address.host}"
        else:
            self._receiver.addressResolved(address)

    def resolutionComplete(self) -> None:
        self._receiver.resolutionComplete()
