"""HTTP connections of the service: uvicorn's, with a limit to how long a request may take to arrive."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_TIME = 15.0  # seconds for a request's line and headers


class Connection(H11Protocol):
    """Closed when a request's head dribbles in, so that slow senders cannot hold all connections."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        before: Any = self.cycle
        try:
            super().data_received(data)
        except UnicodeDecodeError:  # an address with bytes that are no ASCII, which h11 lets through
            self.send_400_response("Invalid HTTP request received.")
            return
        if self.cycle is not before:
            self._heard()
        elif self._waiting is None and (before is None or before.response_complete):
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEAD_TIME, self.transport.close)

    def _heard(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
