"""WARC in, WARC out: every response kept is one WARC record in a gzip member of its own.

A page is addressed by file, offset, length and the SHA-256 of its payload. Each crawl run writes a new file; a file is
never appended to by another run, so a record torn by a kill can only be the last one of its file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WarcAddress:
    """Where a response lies: `file` relative to var/archive (e.g. `hualong/20261122T034200Z-1.warc.gz`)."""

    file: str
    offset: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ArchivedResponse:
    """A response as it was archived. `body` is the payload with content encoding removed; header names are as sent."""

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    fetched_at: datetime
