"""Connections that do not get on: a few visitors must not be able to hold all of them."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

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
