"""The sample on loopback: one port a site, the day switchable while it runs, every request logged, faults on demand.

All ports are served by one event loop in a thread of its own, from bytes in memory. On every port besides the pages:

    GET  /_log.json[?all=1]                      requests of this site (of all sites)
    GET  /_control/state                         day, latency and number of requests
    POST /_control/day?day=2[&site=NAME]         switch the day, of all sites or of one
    POST /_control/latency?ms=50[&site=NAME]     wait before each answer
    POST /_control/fail?path=/a&status=503[&retry_after=1][&times=1][&site=NAME]
    POST /_control/reset                         forget the log, the latency and the faults
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from crawler.errors import JianghuaError
from crawler.sample.build import Sample
from crawler.sample.model import Answer
from crawler.wording import counted

_REASONS = {
    200: "OK",
    301: "Moved Permanently",
    304: "Not Modified",
    404: "Not Found",
    410: "Gone",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_MISSING = Answer(
    404, b"<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>", "text/html"
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was answered. at: seconds since the epoch; running: requests to this site that were open then."""

    site: str
    at: float
    method: str
    path: str
    status: int
    bytes: int
    agent: str
    if_none_match: str | None
    if_modified_since: str | None
    running: int
    day: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens instead of the right answer: a status with headers, a connection reset, or an answer that never ends."""

    status: int = 503
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    reset: bool = False
    stall: float = 0.0  # seconds of silence in the middle of the answer, after which the connection is closed


@dataclass(slots=True)
class _Host:
    """One site while it is served."""

    name: str
    day: int
    port: int = 0
    latency: float = 0.0
    running: int = 0
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    replaced: dict[str, Answer] = field(default_factory=dict)
    ready: dict[tuple[int, str], bytes] = field(default_factory=dict)
    sorted: dict[int, dict[str, str]] = field(default_factory=dict)  # path with its query in order -> path, by day
    served: int = 0


class SampleServer:
    """Serve a sample. Use as a context manager, or `start()` and `stop()`; `urls` has the address of each site.

    base_port: port of the first site, the others follow; 0 takes free ports. flaky: each path answers 503 with Retry-After
    at every n-th path's first request (0: never). Raises JianghuaError when a port is taken.
    """

    def __init__(self, sample: Sample, day: int = 1, base_port: int = 0, latency: float = 0.0, flaky: int = 0) -> None:
        self.sample = sample
        self.base_port = base_port
        self.flaky = flaky
        self.log: list[Request] = []
        self._hosts = {s.name: _Host(s.name, day, latency=latency) for s in sample.sites}
        self._seen: set[tuple[str, str]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._failed: OSError | OverflowError | None = None
        self._transports: set[asyncio.Transport] = set()

    # life -------------------------------------------------------------------------------------
    def start(self) -> SampleServer:
        """Open all ports and serve until `stop`."""
        up = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(up,), name="sample-server", daemon=True)
        self._thread.start()
        up.wait()
        if self._failed:
            raise JianghuaError(
                "cannot open a port of the sample: "
                + (os.strerror(number) if (number := getattr(self._failed, "errno", None)) else str(self._failed)),
                where=f"127.0.0.1, {counted(len(self._hosts), 'port')} from {self.base_port} on",
                remedy="give another --base-port, or 0 for free ports",
            )
        return self

    def stop(self) -> None:
        """Close all ports and connections."""
        if self._loop and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread:
            self._thread.join()

    def __enter__(self) -> SampleServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, up: threading.Event) -> None:
        loop = self._loop = asyncio.new_event_loop()
        servers: list[asyncio.Server] = []
        try:
            for i, host in enumerate(self._hosts.values()):
                port = self.base_port + i if self.base_port else 0
                server = loop.run_until_complete(
                    loop.create_server(lambda h=host: _Connection(self, h), "127.0.0.1", port, backlog=512)  # type: ignore[misc]
                )
                servers.append(server)
                host.port = server.sockets[0].getsockname()[1]
        except (OSError, OverflowError) as e:  # OverflowError: behind the last port that there is
            self._failed = e
        up.set()
        try:
            if not self._failed:
                loop.run_forever()
        finally:
            for server in servers:
                server.close()
            for transport in list(self._transports):
                transport.abort()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

    # control ----------------------------------------------------------------------------------
    @property
    def urls(self) -> dict[str, str]:
        """`http://127.0.0.1:PORT` by site."""
        return {h.name: f"http://127.0.0.1:{h.port}" for h in self._hosts.values()}

    def set_day(self, day: int, site: str | None = None) -> None:
        """Show another day, on all sites or on one."""
        for host in self._of(site):
            self.sample.pages(host.name, day)  # made before it is shown, not at the first request
            host.day = day

    def set_latency(self, seconds: float, site: str | None = None) -> None:
        """Wait before each answer."""
        for host in self._of(site):
            host.latency = seconds

    def fail(self, site: str, path: str, *faults: Fault) -> None:
        """Let the next requests for a path meet these faults, one each, before it is answered again."""
        self._hosts[site].faults.setdefault(path, []).extend(faults)

    def replace(self, site: str, path: str, answer: Answer | None) -> None:
        """Answer a path with something else (None: with the sample's own again)."""
        host = self._hosts[site]
        if answer is None:
            host.replaced.pop(path, None)
        else:
            host.replaced[path] = answer

    def requests(self, site: str | None = None) -> list[Request]:
        """What was asked since the start or the last reset."""
        return [r for r in list(self.log) if site is None or r.site == site]

    def reset(self) -> None:
        """Forget the log, the latency and the faults."""
        self.log.clear()
        self._seen.clear()
        for host in self._hosts.values():
            host.faults.clear()
            host.replaced.clear()
            host.latency = 0.0

    def _of(self, site: str | None) -> list[_Host]:
        return [self._hosts[site]] if site else list(self._hosts.values())

    # answers ----------------------------------------------------------------------------------
    def answer(self, host: _Host, path: str) -> Answer:
        """What a path answers now. The fields of a query may come in any order, as on the servers that have such addresses."""
        if found := host.replaced.get(path):
            return found
        pages = self.sample.pages(host.name, host.day)
        if path in pages or "&" not in path:
            return pages.get(path, _MISSING)
        if host.day not in host.sorted:
            host.sorted[host.day] = {_in_order(p): p for p in pages if "&" in p}
        return pages.get(host.sorted[host.day].get(_in_order(path), ""), _MISSING)

    def fault(self, host: _Host, path: str) -> Fault | None:
        """The fault that the next request for a path meets, if any; it is used up."""
        if queue := host.faults.get(path):
            return queue.pop(0)
        if self.flaky and (host.name, path) not in self._seen:
            self._seen.add((host.name, path))
            if sum(path.encode()) % self.flaky == 0 and path != "/robots.txt":
                return Fault(503, (("Retry-After", "1"),))
        return None

    def control(self, host: _Host, path: str, method: str) -> Any:
        """Answer a control request; None when there is no such one."""
        name, _, query = path.partition("?")
        given = {k: v[-1] for k, v in parse_qs(query).items()}
        site = given.get("site")
        if site and site not in self._hosts:
            return None
        if name == "/_log.json":
            return [
                {f: getattr(r, f) for f in Request.__slots__}
                for r in self.requests(None if given.get("all") else host.name)
            ]
        if name == "/_control/state":
            return {
                h.name: {"day": h.day, "port": h.port, "latency": h.latency, "requests": h.served}
                for h in self._hosts.values()
            }
        if method != "POST":
            return None
        if name == "/_control/day" and given.get("day") in {"1", "2"}:
            self.set_day(int(given["day"]), site)
        elif name == "/_control/latency" and given.get("ms", "").isdigit():
            self.set_latency(int(given["ms"]) / 1000, site)
        elif name == "/_control/reset":
            self.reset()
        elif name == "/_control/fail" and given.get("path") and given.get("status", "503").isdigit():
            headers = (("Retry-After", given["retry_after"]),) if "retry_after" in given else ()
            fault = Fault(int(given.get("status", "503")), headers)
            self.fail(site or host.name, given["path"], *[fault] * int(given.get("times", "1")))
        else:
            return None
        return {"ok": True}


def _in_order(path: str) -> str:
    before, _, query = path.partition("?")
    return f"{before}?{'&'.join(sorted(query.split('&')))}"


def _head(status: int, headers: Mapping[str, str], length: int, close: bool) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", f"Content-Length: {length}"]
    lines += [f"{k}: {v}" for k, v in headers.items()]
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _headers(answer: Answer) -> dict[str, str]:
    out = {"Content-Type": answer.content_type}
    if answer.etag:
        out["ETag"] = answer.etag
    if answer.last_modified:
        out["Last-Modified"] = answer.last_modified
    if answer.location:
        out["Location"] = answer.location
    return out


class _Connection(asyncio.Protocol):
    """One connection: requests in, answers out, in order."""

    def __init__(self, server: SampleServer, host: _Host) -> None:
        self.server, self.host = server, host
        self.buffer = b""
        self.transport: asyncio.Transport | None = None
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server._transports.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.transport:
            self.server._transports.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._next()

    def _next(self) -> None:
        while not self.busy and (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].decode("latin-1").split("\r\n")
            fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
            length = int(fields.get("content-length") or 0)
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            method, _, rest = head[0].partition(" ")
            self._request(method, rest.rpartition(" ")[0] or "/", fields)

    def _request(self, method: str, path: str, fields: dict[str, str]) -> None:
        host = self.host
        if path.startswith(("/_log.json", "/_control/")):
            result = self.server.control(host, path, method)
            body = json.dumps(result).encode()
            self._send(
                _head(404 if result is None else 200, {"Content-Type": "application/json"}, len(body), False) + body
            )
            return
        host.running += 1
        if host.latency:
            self.busy = True
            asyncio.get_running_loop().call_later(host.latency, self._late, method, path, fields)
        else:
            self._answer(method, path, fields)

    def _late(self, method: str, path: str, fields: dict[str, str]) -> None:
        self.busy = False
        self._answer(method, path, fields)
        self._next()

    def _answer(self, method: str, path: str, fields: dict[str, str]) -> None:
        host, server = self.host, self.server
        close = fields.get("connection", "").lower() == "close"
        fault = server.fault(host, path)
        if fault:
            self._log(method, path, fields, 0 if fault.reset else fault.status, len(fault.body))
            self._misbehave(fault)
            return
        answer = server.answer(host, path)
        if self._unchanged(answer, fields):
            self._log(method, path, fields, 304, 0)
            self._send(_head(304, {k: v for k, v in _headers(answer).items() if k != "Content-Type"}, 0, close), close)
            return
        body = answer.body
        if answer.dynamic:
            body = (
                body.replace(b"%%HOST%%", fields.get("host", host.name).encode())
                .replace(b"%%TOKEN%%", secrets.token_hex(8).encode())
                .replace(b"%%COUNT%%", str(10_000 + host.served).encode())
            )
        self._log(method, path, fields, answer.status, len(body))
        if method == "HEAD" or answer.dynamic or close or path in host.replaced:
            head = _head(answer.status, _headers(answer), len(body), close)
            self._send(head if method == "HEAD" else head + body, close)
            return
        ready = host.ready.get((host.day, path))
        if ready is None:
            ready = _head(answer.status, _headers(answer), len(body), False) + body
            if answer is not _MISSING:  # a crawler may ask for any number of paths that are not there
                host.ready[host.day, path] = ready
        self._send(ready)

    @staticmethod
    def _unchanged(answer: Answer, fields: dict[str, str]) -> bool:
        if answer.status != 200:
            return False
        asked = fields.get("if-none-match")
        if asked is not None:  # RFC 9110: If-Modified-Since does not count beside it
            return answer.etag is not None and answer.etag in {t.strip() for t in asked.split(",")}
        since = fields.get("if-modified-since")
        return since is not None and since == answer.last_modified

    def _misbehave(self, fault: Fault) -> None:
        assert self.transport
        if fault.reset:
            self.transport.abort()
            return
        head = _head(fault.status, {"Content-Type": "text/html", **dict(fault.headers)}, len(fault.body), False)
        if fault.stall:
            self.transport.write(_head(200, {"Content-Type": "text/html"}, 1 << 20, False) + b"<html>")
            asyncio.get_running_loop().call_later(fault.stall, self.transport.abort)
            return
        self._send(head + fault.body)

    def _log(self, method: str, path: str, fields: dict[str, str], status: int, size: int) -> None:
        host = self.host
        host.served += 1
        self.server.log.append(
            Request(
                host.name,
                time.time(),
                method,
                path,
                status,
                size,
                fields.get("user-agent", ""),
                fields.get("if-none-match"),
                fields.get("if-modified-since"),
                host.running,
                host.day,
            )
        )
        host.running -= 1

    def _send(self, data: bytes, close: bool = False) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.write(data)
            if close:
                self.transport.close()
