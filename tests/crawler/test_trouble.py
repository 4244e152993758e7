"""A site that cannot be had is told in plain words, by whatever way it fails."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from scrapy.exceptions import CannotResolveHostError, DownloadFailedError, DownloadTimeoutError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed

from crawler.home import Home
from crawler.middlewares.guard import ForbiddenAddress
from crawler.trouble import LONGEST, words
from tests.crawler.crawling import crawl
from tests.crawler.faults import site_file

Way = Callable[[socket.socket], object]


def _reset(taken: socket.socket) -> None:
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


WAYS: dict[str, tuple[Way | None, str]] = {
    "refused": (None, "connection refused"),
    "resets": (_reset, "the connection was lost"),
    "closes": (lambda taken: None, "the connection was closed before the answer was whole"),
    "garbles": (lambda taken: taken.sendall(b"\0\xff that is no HTTP\r\n\r\n"), "the answer is no HTTP"),
    "halves": (
        lambda taken: taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx"),
        "the answer was cut short",
    ),
}


@contextmanager
def served(way: Way | None) -> Iterator[int]:
    """A port at which every request meets the same fate; None: nobody is there."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        if way is not None:

            def serve() -> None:
                with suppress(OSError):
                    while True:
                        taken, _ = listening.accept()
                        with suppress(OSError), taken:
                            taken.recv(65536)
                            way(taken)

            threading.Thread(target=serve, daemon=True).start()
            yield port
            return
    yield port


def test_a_site_that_is_down_is_told_in_plain_words(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    with ExitStack() as stack:
        for name, (way, _) in WAYS.items():
            site_file(home, name, f"http://127.0.0.1:{stack.enter_context(served(way))}")
        ran = crawl(home, *WAYS)
    for name, (_, told) in WAYS.items():
        error = ran.sites[name]["error"]
        assert error.endswith(f" cannot be reached: {told}"), error


def several(*errors: Exception) -> Exception:
    """How Twisted tells that an answer failed: with the errors that made it fail."""
    untyped: Any = ResponseFailed
    failure: Any = Failure
    return untyped([failure(e) for e in errors])  # type: ignore[no-any-return]


def raised(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CannotResolveHostError("DNS lookup failed: no results"), "the name of the host cannot be resolved (DNS)"),
        (DownloadTimeoutError("x"), "timed out"),
        (
            raised(DownloadFailedError("x"), several(ConnectionDone())),
            "the connection was closed before the answer was whole",
        ),
        (raised(DownloadFailedError("x"), ConnectionLost()), "the connection was lost"),
        (ForbiddenAddress("ftp addresses are not fetched"), "ftp addresses are not fetched"),
        (RuntimeError("two\nlines"), "two lines (RuntimeError)"),
        (
            raised(DownloadFailedError("[<twisted…>]"), several(RuntimeError("odd"))),
            "odd (DownloadFailedError)",
        ),
        (RuntimeError(), "RuntimeError (RuntimeError)"),
    ],
)
def test_what_is_raised_becomes_words(error: Exception, told: str) -> None:
    assert words(error) == told


def test_errors_of_openssl_give_their_reasons() -> None:
    from OpenSSL.SSL import Error

    error = raised(DownloadFailedError("x"), several(Error([("SSL routines", "", "wrong version number")])))
    assert words(error) == "no secure connection: wrong version number"
    assert len(words(Error([("a", "b", "c" * 500)]))) == LONGEST


def test_an_error_that_was_raised_for_itself_ends() -> None:
    error = RuntimeError("round")
    assert words(raised(error, error)) == "round (RuntimeError)"
