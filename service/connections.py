"""HTTP connections of the service: uvicorn's, with limits to how long a request may take to arrive, and its answer to be taken; and with
room for another one, were all of them held by visitors who ask for nothing."""

from __future__ import annotations

import asyncio
import fcntl
import sys
import termios
from collections import Counter
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_TIME = 15.0  # seconds for a request's line and headers
TAKE_TIME = (
    120.0  # seconds in which some of an answer must be taken; a slow line takes the 48 kB that make a difference
)


class Connection(H11Protocol):
    """Closed when a request's head dribbles in, or nothing of an answer is taken, so that a few visitors cannot hold all connections. When
    there are as many as there may be, an idle one makes room for the next."""

    _idle_since = 0.0  # by the loop's clock; in the middle of a request it says nothing
    _waiting: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._make_room()
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

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._idle_since = self.loop.time()

    def _make_room(self) -> None:
        """Close idle connections where there are too many: of the address that holds the most, the one that is idle the longest, which
        may be this one. So whoever holds them all, at work or not, and opens another one for each that is closed, takes them from himself."""
        while self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            here = [c for c in self.connections if isinstance(c, Connection)]
            held = Counter(c._address for c in here)
            idle = [c for c in here if c._idle]
            if idle == [self]:
                return  # all others are at work: uvicorn answers 503
            longest = min(idle, key=lambda c: (-held[c._address], c._idle_since))
            self.connections.discard(longest)
            longest.transport.close()

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    @property
    def _idle(self) -> bool:
        """Whether it has no request of which an answer is made or taken. A head that is not yet whole is none."""
        cycle: Any = self.cycle
        return (cycle is None or cycle.response_complete) and self.transport.get_write_buffer_size() == 0

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
