"""HTTP connections of the service: uvicorn's, with limits to how long a request may take to arrive, and its answer to be taken."""

from __future__ import annotations

import asyncio
import fcntl
import sys
import termios
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_TIME = 15.0  # seconds for a request's line and headers
TAKE_TIME = (
    120.0  # seconds in which some of an answer must be taken; a slow line takes the 48 kB that make a difference
)


class Connection(H11Protocol):
    """Closed when a request's head dribbles in, or nothing of an answer is taken, so that a few visitors cannot hold all connections."""

    _waiting: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

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

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        self._taken()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        self._taken()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEAD_TIME, self.transport.close)

    def _heard(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _watch(self) -> None:
        self._taking = self.loop.call_later(TAKE_TIME, self._look, self._untaken())

    def _look(self, before: int) -> None:
        """Whatever the other side took meanwhile, were it a byte, is a sign of life."""
        if self._untaken() < before:
            self._watch()
        else:
            self.transport.abort()

    def _untaken(self) -> int:
        """Bytes of the answer that the other side has not taken: those that wait here, and those in the kernel, which may be megabytes."""
        queued = bytearray(4)
        with suppress(OSError):
            fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, queued)
        return self.transport.get_write_buffer_size() + int.from_bytes(queued, sys.byteorder)

    def _taken(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None
