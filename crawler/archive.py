"""WARC in, WARC out: every response kept is one WARC record in a gzip member of its own.

A page is addressed by file, offset, length and the SHA-256 of its payload. Each crawl attempt writes a new file; a file is
never appended to by another run, so a record torn by a kill can only be the last one of its file, and nothing refers to it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import secrets
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from crawler.durable import cannot_write, fsync_folder
from crawler.errors import DamagedError
from crawler.home import Home
from crawler.loading import without

with without("fsspec"):  # for archives in clouds, which we have none in: 60 ms
    from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParser, StatusAndHeadersParserException
    from warcio.warcwriter import WARCWriter

GZIP_LEVEL = 3  # 30 KB of HTML in 0.4 ms; level 9 takes four times as long for 3 % less


_WARC = StatusAndHeadersParser(["WARC/1.0", "WARC/1.1"])
_HTTP = StatusAndHeadersParser(["HTTP/1.0", "HTTP/1.1"])


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


def _stamp(when: datetime) -> str:
    # strftime asks the C library, which looks each time whether the time zone of the machine is another one
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def http_record(
    kind: str, url: str, payload: bytes, headers: StatusAndHeaders, warc: dict[str, str], name: str
) -> bytes:
    """A record of an answer as warcio writes it, without its ways of reading what it is given. name: its WARC-Record-ID."""
    try:
        head = headers.to_ascii_bytes()
    except UnicodeEncodeError:  # of a value with fields warcio escapes those behind an equals sign alone
        head = "".join(c if c.isascii() else quote(c) for c in headers.to_str()).encode() + b"\r\n"
    digest = hashlib.sha1(head, usedforsecurity=False)
    digest.update(payload)
    told = warc | {
        "WARC-Type": kind,
        "WARC-Record-ID": name,
        "WARC-Target-URI": url,
        "WARC-Block-Digest": f"sha1:{base64.b32encode(digest.digest()).decode()}",
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(head) + len(payload)),
    }
    lines = "".join(f"{k}: {v}\r\n" for k, v in told.items())
    return b"".join((b"WARC/1.0\r\n", lines.encode(), b"\r\n", head, payload, b"\r\n\r\n"))


def _packed(record: bytes) -> bytes:
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return packer.compress(record) + packer.flush()


class ArchiveWriter:
    """Writes the WARC file of one crawl attempt of one site; the file is made with its first record.

    Raises JianghuaError when the disk is full; what was flushed before stays readable.
    """

    def __init__(self, home: Home, site: str, software: str) -> None:
        self._folder = home.archive(site)
        self._site = site
        self._software = software
        self._out: io.BufferedWriter | None = None
        self._name = ""
        self._offset = 0

    def _information(self) -> bytes:
        """The record that a file begins with."""
        told = f"software: {self._software}\r\nformat: WARC File Format 1.1\r\nisPartOf: {self._site}\r\n".encode()
        warc = {"WARC-Filename": self._name, "Content-Type": "application/warc-fields"}
        buffer = io.BytesIO()
        writer = WARCWriter(buffer, gzip=False)
        record = writer.create_warc_record(
            None, "warcinfo", payload=io.BytesIO(told), length=len(told), warc_headers_dict=warc
        )
        writer.write_record(record)
        return _packed(buffer.getvalue())

    def _answer(self, kind: str, url: str, payload: bytes, headers: StatusAndHeaders, warc: dict[str, str]) -> bytes:
        return _packed(http_record(kind, url, payload, headers, warc, StatusAndHeadersParser.make_warc_id()))

    def _append(self, member: bytes) -> tuple[int, int]:
        try:
            if self._out is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}.warc.gz"
                self._out = (self._folder / self._name).open("xb")
                fsync_folder(self._folder)
                first = self._information()
                self._out.write(first)
                self._offset = len(first)
            offset = self._offset
            self._out.write(member)
        except OSError as e:
            raise cannot_write(self._folder / self._name, e) from e
        self._offset += len(member)
        return offset, len(member)

    def response(
        self,
        url: str,
        status: int,
        reason: str,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        when: datetime,
        sha256: str | None = None,
    ) -> WarcAddress:
        """Append a response; its address holds once `flush` has returned.

        body: with content encoding removed; the headers that say otherwise are kept as X-Archive-…. sha256: of the body, where it is known.
        """
        sha256 = sha256 or hashlib.sha256(body).hexdigest()
        told = [
            (
                f"X-Archive-Original-{k}"
                if k.lower() in ("content-encoding", "transfer-encoding", "content-length")
                else k,
                v,
            )
            for k, v in headers
        ]
        told.append(("Content-Length", str(len(body))))
        warc = {"WARC-Date": _stamp(when), "WARC-Payload-Digest": f"sha256:{sha256}"}
        member = self._answer(
            "response", url, body, StatusAndHeaders(f"{status} {reason or 'OK'}", told, protocol="HTTP/1.1"), warc
        )
        offset, length = self._append(member)
        return WarcAddress(f"{self._site}/{self._name}", offset, length, sha256)

    def revisit(
        self,
        url: str,
        status: int,
        reason: str,
        headers: Iterable[tuple[str, str]],
        when: datetime,
        sha256: str,
        first_date: datetime,
    ) -> None:
        """Append a revisit record: the same payload as one archived before (identical-payload-digest)."""
        warc = {
            "WARC-Date": _stamp(when),
            "WARC-Payload-Digest": f"sha256:{sha256}",
            "WARC-Profile": "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest",
            "WARC-Refers-To-Target-URI": url,
            "WARC-Refers-To-Date": _stamp(first_date),
        }
        self._append(
            self._answer(
                "revisit",
                url,
                b"",
                StatusAndHeaders(f"{status} {reason or 'OK'}", list(headers), protocol="HTTP/1.1"),
                warc,
            )
        )

    def flush(self) -> None:
        """Make every record appended so far durable."""
        if self._out is None:
            return
        try:
            self._out.flush()
            os.fsync(self._out.fileno())
        except OSError as e:
            raise cannot_write(self._folder / self._name, e) from e

    def close(self) -> None:
        """Flush and close the file."""
        if self._out is not None:
            self.flush()
            self._out.close()
            self._out = None


def read_response(home: Home, address: WarcAddress) -> ArchivedResponse:
    """The archived response at an address.

    Raises DamagedError naming file and offset when the file is gone, the record cannot be read or its payload is not the one
    that was written.
    """
    path = home.var / "archive" / address.file
    where = f"{path}, offset {address.offset}"
    remedy = "crawl the page again (jianghua crawl SITE --refetch all); the other records of the file are not touched"
    try:
        with Path(path).open("rb") as file:
            file.seek(address.offset)
            member = file.read(address.length)
        if len(member) != address.length:
            raise DamagedError("the archive is cut off in a record", where=where, remedy=remedy)
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        raw = unpacker.decompress(member)
        if not unpacker.eof:
            raise DamagedError("the archive is cut off in a record", where=where, remedy=remedy)
        stream = io.BytesIO(raw)
        warc = _WARC.parse(stream)
        told = {name.lower(): value for name, value in warc.headers}
        end = stream.tell() + int(told["content-length"])
        http = _HTTP.parse(stream)
        body = raw[stream.tell() : end]
        headers = tuple(http.headers)
        status = int(http.get_statuscode())
        url = told["warc-target-uri"]
        when = datetime.fromisoformat(told["warc-date"])
    except DamagedError:
        raise
    except (OSError, zlib.error, KeyError, ValueError, TypeError, EOFError, StatusAndHeadersParserException) as e:
        raise DamagedError(
            f"the archived page cannot be read: {e or type(e).__name__}", where=where, remedy=remedy
        ) from e
    if hashlib.sha256(body).hexdigest() != address.sha256:
        raise DamagedError(
            "the archived page is not the one that was written (SHA-256 differs)", where=where, remedy=remedy
        )
    return ArchivedResponse(url, status, headers, body, when)
