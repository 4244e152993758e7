"""Files as a web server gives them out: by strong ETag, in ranges, and never from outside of their folder."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from email.utils import formatdate
from pathlib import Path, PurePosixPath
from threading import Lock

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

CHUNK = 256 * 1024  # bytes read at a time
KNOWN = 4096  # digests that are remembered
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_digests: OrderedDict[tuple[int, int, int, int], str] = OrderedDict()
_lock = Lock()


def open_below(root: Path, path: PurePosixPath) -> int | None:
    """A file descriptor of a regular file below `root`, None where there is none. No link is followed on the way, so that
    whatever stands in `path` or lies on the disk, nothing from outside of `root` is given out."""
    if not path.parts or not all(_SEGMENT.fullmatch(p) for p in path.parts):
        return None
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in path.parts[:-1]:
            before = at
            try:
                at = os.open(part, flags | os.O_DIRECTORY, dir_fd=before)
            finally:
                os.close(before)
        try:
            fd = os.open(path.parts[-1], flags, dir_fd=at)
        finally:
            os.close(at)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    return fd


def digest_of(fd: int) -> str:
    """SHA-256 of an open file, hex; remembered for as long as the file is the same."""
    s = os.fstat(fd)
    key = (s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns)
    with _lock:
        if key in _digests:
            _digests.move_to_end(key)
            return _digests[key]
    digest, at = hashlib.sha256(), 0
    while data := os.pread(fd, CHUNK, at):
        digest.update(data)
        at += len(data)
    found = digest.hexdigest()
    with _lock:
        _digests[key] = found
        while len(_digests) > KNOWN:
            _digests.popitem(last=False)
    return found


def _range(text: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte that are asked for; None: all. Raises ValueError when they do not exist.

    Several ranges at once are answered with all, as RFC 9110 allows.
    """
    found = _RANGE.fullmatch(text.strip()) if text else None
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = int(found[2])
        if not length or not size:
            raise ValueError
        return max(0, size - length), size - 1
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return None
    if first >= size:
        raise ValueError
    return first, last


def _matches(header: str | None, etag: str) -> bool:
    return header is not None and (
        header.strip() == "*" or etag in [t.strip().removeprefix("W/") for t in header.split(",")]
    )


async def send(
    request: Request, root: Path, path: PurePosixPath, media_type: str, headers: Mapping[str, str]
) -> Response | None:
    """The answer that gives out a file below `root`; None where there is none. GET and HEAD."""
    fd = await run_in_threadpool(open_below, root, path)
    if fd is None:
        return None
    try:
        digest = await run_in_threadpool(digest_of, fd)
        s = os.fstat(fd)
        etag = f'"{digest}"'
        told = {
            **headers,
            "etag": etag,
            "accept-ranges": "bytes",
            "last-modified": formatdate(s.st_mtime, usegmt=True),
            "repr-digest": f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:",
        }
        if _matches(request.headers.get("if-none-match"), etag):
            os.close(fd)
            return Response(status_code=304, headers=told)
        asked = request.headers.get("range") if request.method in ("GET", "HEAD") else None
        if asked and (condition := request.headers.get("if-range")) and condition.strip() != etag:
            asked = None  # the file is another by now: all of it
        try:
            span = _range(asked, s.st_size)
        except ValueError:
            os.close(fd)
            return Response(status_code=416, headers={**headers, "etag": etag, "content-range": f"bytes */{s.st_size}"})
        first, last = span or (0, s.st_size - 1)
        told["content-length"] = str(last - first + 1)
        if span:
            told["content-range"] = f"bytes {first}-{last}/{s.st_size}"
        status = 206 if span else 200
        if request.method == "HEAD":
            os.close(fd)
            return Response(status_code=status, headers=told, media_type=media_type)
    except BaseException:
        os.close(fd)
        raise
    return Sending(fd, first, last + 1, status, told, media_type)


class Sending(StreamingResponse):
    """A part of an open file; closed when it is sent, or when nobody takes it any more."""

    def __init__(self, fd: int, begin: int, end: int, status: int, headers: Mapping[str, str], media_type: str) -> None:
        self.fd: int | None = fd
        super().__init__(self._read(begin, end), status, headers, media_type)

    async def _read(self, at: int, end: int) -> AsyncIterator[bytes]:
        while at < end and self.fd is not None:
            data = await run_in_threadpool(os.pread, self.fd, min(CHUNK, end - at), at)
            if not data:
                break  # cut short by somebody; the client sees that by the length
            at += len(data)
            yield data

    async def __call__(self, *args: object) -> None:
        try:
            await super().__call__(*args)  # type: ignore[arg-type]
        finally:
            if self.fd is not None:
                os.close(self.fd)
                self.fd = None
