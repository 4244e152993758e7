"""A web server on loopback that does what it is told: pages, headers, faults, each by path, every request logged."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from crawler.home import Home

TEXT = "各位代表，同志们：今天我们在这里召开大会，总结过去一年的工作，部署今后的任务，意义十分重大。"


def html(body: str = "", title: str = "页") -> bytes:
    """A page with so much running text that it counts as an article."""
    paragraphs = "".join(f"<p>{n}{TEXT}</p>" for n in range(8))
    return (
        f"<html><head><meta charset=utf-8><title>{title}</title></head><body>{paragraphs}{body}</body></html>".encode()
    )


def links(*targets: str) -> bytes:
    """A page of links."""
    found = "".join(f'<li><a href="{t}">关于某次会议上的讲话{n}</a></li>' for n, t in enumerate(targets))
    return f"<html><body><ul>{found}</ul></body></html>".encode()


@dataclass(slots=True)
class Reply:
    """An answer. close: the connection is closed without one; seconds: waited before."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    close: bool = False
    seconds: float = 0.0
    length: int | None = None  # told instead of the real one
    raw: bytes | None = None  # sent as it is instead of all that, and the connection closed


@dataclass(frozen=True, slots=True)
class Asked:
    path: str
    headers: dict[str, str]
    began: float
    ended: float
    status: int


Answer = bytes | Reply | Callable[[Asked], "bytes | Reply"]


class FaultServer:
    """pages: by path with query: bytes (200, text/html), a Reply, a function of the request, or a list of them used up in turn
    (the last one stays)."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.pages: dict[str, Any] = {"/robots.txt": Reply(status=404)}
        self.log: list[Asked] = []
        self.open = self.most_open = 0
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._serve(self)

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._http = Server((host, 0), Handler)
        self.port = int(self._http.server_address[1])
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> FaultServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def asked(self, path: str) -> list[Asked]:
        """The requests for a path."""
        return [a for a in self.log if a.path == path]

    def paths(self) -> list[str]:
        """What was asked, in order."""
        return [a.path for a in self.log]

    def _reply(self, asked: Asked) -> Reply:
        found = self.pages.get(asked.path, Reply(b"<html>404</html>", 404))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if callable(found):
            found = found(asked)
        return Reply(found) if isinstance(found, bytes) else found

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        began = time.monotonic()
        headers = {k.lower(): v for k, v in handler.headers.items()}
        with self._lock:
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            reply = self._reply(Asked(handler.path, headers, began, 0.0, 0))
        if reply.seconds:
            time.sleep(reply.seconds)
        with self._lock:
            self.open -= 1
            self.log.append(Asked(handler.path, headers, began, time.monotonic(), 0 if reply.close else reply.status))
        if reply.close:
            handler.close_connection = True
            handler.connection.close()
            return
        if reply.raw is not None:
            handler.close_connection = True
            handler.wfile.write(reply.raw)
            return
        handler.send_response(reply.status)
        told = {"Content-Type": "text/html; charset=utf-8", **reply.headers}
        for name, value in told.items():
            handler.send_header(name, value)
        length = len(reply.body) if reply.length is None else reply.length
        if reply.status != 304:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        if reply.status != 304:
            handler.wfile.write(reply.body)
        if length != len(reply.body):
            handler.close_connection = True


@contextmanager
def etag(server: FaultServer, path: str, body: bytes, tag: str) -> Iterator[None]:
    """Serve a page with a validator for as long as the block lasts."""

    def answer(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == tag:
            return Reply(status=304, headers={"ETag": tag})
        return Reply(body, headers={"ETag": tag})

    server.pages[path] = answer
    yield


def site_file(home: Home, name: str, url: str, more: str = "") -> Path:
    """Write a site file that starts at the root of an address, without delay."""
    home.own_sites.mkdir(parents=True, exist_ok=True)
    path = home.own_sites / f"{name}.yaml"
    extra = more if "politeness:" in more else f"{more}\npoliteness:\n  delay: 0\n"
    path.write_text(f"name: {name}\ntitle: 试\nstart: ['{url}/']\n{extra}\n", encoding="utf-8")
    return path
