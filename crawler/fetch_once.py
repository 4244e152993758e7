"""Fetch a page now and then, by hand: politely, one request after the other, without a crawl, a state or an archive.

What holds for a crawl holds here: robots.txt is obeyed (an unreachable one forbids all), Crawl-delay is kept between two requests to a host, the user
agent says who asks, no public name leads into the machine or the local network, redirects are followed one by one under the same
rules, and an answer stops at its greatest size, also after decompression.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

from crawler.addresses import address_of, is_local
from crawler.config import Settings
from crawler.errors import JianghuaError
from crawler.robots import MAX_BYTES, Robots
from crawler.urls import clean_url

DELAY = 1.0  # seconds between two requests to a host, where robots.txt asks for no more
REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: the address that gave it (behind redirects), status, media type as sent, body with content encoding removed."""

    url: str
    status: int
    content_type: str | None
    body: bytes


@dataclass(slots=True)
class Fetcher:
    """Fetches pages one after the other. delay: seconds between two requests to a host (None: DELAY); sleep: how it waits.

    A local address may be fetched where it was given by hand (`given`), and no other.
    """

    settings: Settings
    given: frozenset[str] = frozenset()
    delay: float | None = None
    sleep: Callable[[float], None] = time.sleep
    _robots: dict[str, Robots] = field(default_factory=dict)
    _asked: dict[str, float] = field(default_factory=dict)

    def fetch(self, url: str) -> Page:
        """Fetch a page. Raises JianghuaError when it may not or cannot be had, or when the answer is no page (status, media type)."""
        at = clean_url(url)
        if at is None:
            raise JianghuaError("not an http or https address", where=url)
        for _ in range(REDIRECTS + 1):
            robots = self._robots_of(at)
            if not robots.allows(at):
                raise JianghuaError("robots.txt forbids this page", where=at, remedy="save it in a browser and give the file instead")  # fmt: skip
            answer = self._ask(at, robots.delay, self.settings.max_size)
            if answer.status not in (301, 302, 303, 307, 308):
                return _checked(answer.page(at))
            target = clean_url(urljoin(at, answer.headers.get("location") or ""))
            if target is None or target == at:
                raise JianghuaError("the page redirects to nowhere", where=at)
            at = target
        raise JianghuaError(f"the page redirects more than {REDIRECTS} times", where=url)

    def _robots_of(self, url: str) -> Robots:
        parts = urlsplit(url)
        netloc = f"{parts.scheme}://{parts.netloc}"
        if netloc not in self._robots:
            at = f"{netloc}/robots.txt"
            for _ in range(REDIRECTS + 1):
                answer = self._ask(at, 0.0, MAX_BYTES, cut=True)
                target = (
                    clean_url(urljoin(at, answer.headers.get("location") or "")) if 300 <= answer.status < 400 else None
                )
                if target is None or target == at:
                    break
                at = target
            if answer.status >= 500 or answer.status == 429:
                raise JianghuaError(f"its robots.txt cannot be had (status {answer.status}), so nothing may be fetched",
                                    where=at, remedy="try again later")  # fmt: skip
            ok = answer.status == 200
            self._robots[netloc] = Robots.parse(answer.body, datetime.now(UTC)) if ok else Robots.allow_all()
        return self._robots[netloc]

    def _ask(self, url: str, crawl_delay: float, most: int, cut: bool = False) -> _Answer:
        """One request, not before the host may be asked again."""
        parts = urlsplit(url)
        wait = (
            self._asked.get(parts.netloc, 0.0)
            + max(DELAY if self.delay is None else self.delay, crawl_delay)
            - time.monotonic()
        )
        if parts.netloc in self._asked and wait > 0:
            self.sleep(wait)
        try:
            return _request(url, self.settings, _allowed(parts.hostname or "", parts.port, self.given), most, cut)
        except (OSError, http.client.HTTPException, zlib.error) as e:
            raise JianghuaError(f"the page cannot be fetched: {_reason(e)}", where=url, remedy="check the address, or try again later") from None  # fmt: skip
        finally:
            self._asked[parts.netloc] = time.monotonic()


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def page(self, url: str) -> Page:
        return Page(url, self.status, self.headers.get("content-type"), self.body)


def _reason(e: Exception) -> str:
    return str(getattr(e, "strerror", None) or e or type(e).__name__)


def _checked(page: Page) -> Page:
    if page.status != 200:
        gone = "it is gone" if page.status in (404, 410) else "the server answers"
        raise JianghuaError(f"there is no such page: {gone} (status {page.status})", where=page.url)
    kind = (page.content_type or "text/html").partition(";")[0].strip().lower()
    if kind not in ("text/html", "application/xhtml+xml", "text/plain", "application/xml", "text/xml"):
        raise JianghuaError(f"this is no page of HTML ({kind})", where=page.url)
    return page


def _allowed(host: str, port: int | None, given: frozenset[str]) -> list[str]:
    """The addresses of a host that may be asked. Raises JianghuaError for a local one that nobody gave by hand."""
    netlocs = {host, f"{host}:{port}"} if port else {host}
    literal = address_of(host)
    if literal is not None:
        found = [str(literal)]
    else:
        try:
            found = list(dict.fromkeys(str(i[4][0]) for i in socket.getaddrinfo(host, port or 80, type=socket.SOCK_STREAM)))  # fmt: skip
        except (OSError, UnicodeError) as e:
            raise JianghuaError(
                f"the host is not known: {_reason(e)}", where=host, remedy="check the address"
            ) from None
    local = literal is not None or host == "localhost"
    if local and netlocs & given:
        return found
    if any(is_local(ipaddress.ip_address(a)) for a in found):
        raise JianghuaError(f"{host} is a local address", where=host, remedy="only a local address given by hand is fetched")  # fmt: skip
    return found


def _request(url: str, settings: Settings, addresses: list[str], most: int, cut: bool) -> _Answer:
    """One GET to the first address that answers; the name is not looked up again, so it cannot turn out to be another."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    error: OSError = OSError("the host has no address")
    for address in addresses:
        try:
            sock = socket.create_connection((address, port), settings.timeout)
        except OSError as e:
            error = e
            continue
        break
    else:
        raise error
    connection = http.client.HTTPConnection(parts.hostname or "", port, timeout=settings.timeout)
    try:
        connection.sock = (
            ssl.create_default_context().wrap_socket(sock, server_hostname=parts.hostname) if secure else sock
        )
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {
            "Host": parts.netloc, "User-Agent": settings.user_agent(), "Accept": "text/html,application/xhtml+xml,*/*;q=0.5",
            "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.3", "Accept-Encoding": "gzip, deflate", "Connection": "close",
        }  # fmt: skip
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        given = {k.lower(): v for k, v in response.getheaders()}
        return _Answer(response.status, given, _body(response, given.get("content-encoding", ""), settings, most, cut))
    finally:
        connection.close()


def _body(response: http.client.HTTPResponse, encoding: str, settings: Settings, most: int, cut: bool) -> bytes:
    """The body up to `most` bytes, decompressed; what is longer is an error, or cut. The whole answer has twice the time limit."""
    packed = encoding.strip().lower() in ("gzip", "x-gzip", "deflate")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32) if packed else None
    until = time.monotonic() + 2 * settings.timeout
    out = bytearray()
    while chunk := response.read1(65_536):
        out += unpacker.decompress(chunk, most + 1 - len(out)) if unpacker else chunk
        if len(out) > most:
            if cut:
                return bytes(out[: most + 1])
            raise OSError(f"it is larger than {most} bytes")
        if time.monotonic() > until:
            raise OSError("it does not come to an end")
    return bytes(out)
