"""Connections that do not get on: a few visitors must not be able to hold all of them."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from service import connections
from service.up import Pages
from tests.schedules.house import until


class Server:
    """A web server of ours whose every answer is 130 MB."""

    def __init__(self) -> None:
        config = uvicorn.Config(
            self.app, interface="asgi3", http=connections.Connection, ws="none", lifespan="off", log_config=None
        )
        self.pages = Pages(config)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.run(self.pages.serve(sockets=[self.listening]))

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(2000):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        await send({"type": "http.response.body"})

    def asked(self) -> socket.socket:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(30)
        s.connect(self.listening.getsockname())
        s.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        return s

    @property
    def held(self) -> int:
        return len(self.pages.server_state.connections)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    made.thread.start()
    yield made
    made.pages.force_exit = made.pages.should_exit = True
    made.thread.join(20)
    made.listening.close()


def test_who_takes_nothing_of_an_answer_is_let_go(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TAKE_TIME", 1.0)
    sockets = [server.asked() for _ in range(5)]
    until(lambda: server.held == 5, 10)
    until(lambda: server.held == 0, 15)
    for s in sockets:
        s.close()


def test_who_takes_it_slowly_is_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel holds megabytes, so that nothing moves here for a long time although the other side takes some all the while."""
    monkeypatch.setattr(connections, "TAKE_TIME", 1.0)
    with server.asked() as s:
        until(lambda: server.held == 1, 10)
        for _ in range(50):
            assert s.recv(2000)
            time.sleep(0.1)
        assert server.held == 1
    until(lambda: server.held == 0, 10)


LIMIT = 8
go_on = threading.Event()  # the long answers may be given


@pytest.fixture
def small() -> Iterator[Server]:
    """A server that takes eight connections, of which each answer is short."""
    made = Server()
    made.pages.config.limit_concurrency = LIMIT
    made.pages.config.timeout_keep_alive = 60  # a machine under load must not close what the tests believe idle
    made.pages.config.app = _short
    go_on.clear()
    made.thread.start()
    yield made
    made.pages.force_exit = made.pages.should_exit = True
    made.thread.join(20)
    made.listening.close()


async def _short(scope: Scope, receive: Receive, send: Send) -> None:
    while scope["path"] == "/long" and not go_on.is_set():
        await asyncio.sleep(0.02)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def connect(server: Server, address: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(server.listening.getsockname(), 30, (address, 0))


def ask(s: socket.socket, path: str = "/") -> int:
    """The status of one more answer on a connection, which is taken whole; 0 when it is closed."""
    told = b""
    with suppress(ConnectionError):
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while not told.endswith(b"\r\n\r\nok") and (more := s.recv(4096)):
            told += more
    return int(told.split()[1]) if told else 0


def closed(s: socket.socket) -> bool:
    s.setblocking(False)
    try:
        return s.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    finally:
        s.settimeout(30)


def test_idle_connections_make_room_for_others(small: Server) -> None:
    """One visitor holds them all, and opens another one for each that is closed."""
    friend = connect(small, "127.0.0.2")
    assert ask(friend) == 200
    held = [connect(small) for _ in range(LIMIT)]
    until(lambda: small.held == LIMIT - 1, 10)
    for _ in range(40):
        again = [s for s in held if closed(s)]
        for s in again:
            s.close()
        held = [s for s in held if s not in again] + [connect(small) for _ in again]
        with connect(small, "127.0.0.3") as other:
            assert ask(other) == 200
    assert ask(friend) == 200  # idle the longest, but not of the address that holds the most
    assert small.held < LIMIT
    for s in [friend, *held]:
        s.close()


def test_the_longest_idle_one_of_an_address_goes_first(small: Server) -> None:
    held = [connect(small) for _ in range(LIMIT - 1)]
    until(lambda: small.held == LIMIT - 1, 10)
    assert [ask(s) for s in held[:3]] == [200] * 3  # these were asked later than the others came
    with connect(small) as one, connect(small) as two:
        assert [ask(one), ask(two)] == [200, 200]
        until(lambda: sum(closed(s) for s in held) == 2, 10)
        assert not any(closed(s) for s in held[:3])
    for s in held:
        s.close()


def test_a_connection_at_work_is_not_closed_for_another(small: Server) -> None:
    at_work = [connect(small) for _ in range(LIMIT - 1)]
    for s in at_work:
        s.sendall(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
    until(lambda: len(small.pages.server_state.tasks) == LIMIT - 1, 10)
    with connect(small) as s:
        assert ask(s) == 503
    go_on.set()
    assert all(s.recv(4096).startswith(b"HTTP/1.1 200") for s in at_work)
    for s in at_work:
        s.close()


def test_who_has_many_at_work_takes_no_idle_one_from_others(small: Server) -> None:
    friend = connect(small, "127.0.0.2")
    assert ask(friend) == 200
    at_work = [connect(small) for _ in range(LIMIT - 2)]
    for s in at_work:
        s.sendall(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
    until(lambda: len(small.pages.server_state.tasks) == LIMIT - 2, 10)
    with connect(small) as one_more:
        assert ask(one_more) == 0
        assert ask(friend) == 200
    go_on.set()
    assert all(s.recv(4096).startswith(b"HTTP/1.1 200") for s in at_work)
    for s in [friend, *at_work]:
        s.close()
