"""Where the files of a published dataset come from: a folder, a web server, object storage. Reading alone.

Names are relative to the dataset's folder, with slashes. What a version names never changes, so that a range of a file, or the
rest of one, may be asked for at any later time.
"""

from __future__ import annotations

import contextlib
import http.client
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import quote, urlsplit

from crawler.durable import cannot_read
from crawler.errors import DamagedError, JianghuaError, UsageError
from crawler.wording import counted
from publisher.remote import open_store
from publisher.storage import read_file

if TYPE_CHECKING:
    from publisher.buckets import BucketStore

TIMEOUT = 60.0  # seconds without an answer
LARGEST = 4 << 30  # bytes; no file is as large, an endless answer is
CHUNK = 1 << 18  # bytes, at most what a kill costs
TRIES = 3  # of a reader, in all
PATIENCE = 30.0  # seconds, the longest wait between two tries

T = TypeVar("T")


class TransferError(JianghuaError):
    """A server could not be reached, or answered something else than the file.

    passing: whether it may go well next time; wait: seconds that the server asked for (Retry-After); status: of its answer;
    refused: nobody listens there.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str,
        remedy: str,
        passing: bool = True,
        wait: float | None = None,
        status: int | None = None,
        refused: bool = False,
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.passing, self.wait, self.status, self.refused = passing, wait, status, refused


class NoRangesError(Exception):
    """The server sends whole files only."""


class Source(Protocol):
    """Files by name. `where` is the folder or address, for messages."""

    @property
    def where(self) -> str: ...

    def read(self, name: str) -> bytes | None:
        """The bytes of a file, None when it is not there. Raises TransferError."""

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Part of a file. Raises NoRangesError when only whole files can be had, TransferError otherwise."""

    def stream(
        self, name: str, start: int = 0
    ) -> contextlib.AbstractContextManager[tuple[int, Iterator[bytes]] | None]:
        """A file in chunks, from `start` on if the source can, and the offset that it does begin at; None: not there.

        Raises TransferError, also while the chunks are read.
        """

    def local(self, name: str) -> Path | None:
        """The file on this disk, None where the source is elsewhere."""

    def names(self) -> list[str] | None:
        """What stands in versions/, None where it cannot be listed."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A dataset on local disk."""

    root: Path

    @property
    def where(self) -> str:
        return str(self.root)

    def read(self, name: str) -> bytes | None:
        path = self.root / name
        return read_file(path) if is_file(path) else None

    def read_range(self, name: str, start: int, length: int) -> bytes:
        raise NoRangesError  # a local file is opened as such

    @contextlib.contextmanager
    def stream(self, name: str, start: int = 0) -> Iterator[tuple[int, Iterator[bytes]] | None]:
        path = self.root / name
        if not is_file(path):
            yield None
            return
        try:
            file = path.open("rb")
        except OSError as e:
            raise cannot_read(path, e) from e
        with file:
            yield start, _chunks(path, file, start)

    def local(self, name: str) -> Path | None:
        return self.root / name

    def names(self) -> list[str] | None:
        folder = self.root / "versions"
        try:
            return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
        except OSError as e:
            raise cannot_read(folder, e) from e


def is_file(path: Path) -> bool:
    """Whether there is a file. Raises JianghuaError where that cannot be seen."""
    try:
        return path.is_file()
    except OSError as e:
        raise cannot_read(path, e) from e


def _chunks(path: Path, file: IO[bytes], start: int) -> Iterator[bytes]:
    try:
        file.seek(start)
        while chunk := file.read(CHUNK):
            yield chunk
    except OSError as e:
        raise cannot_read(path, e) from e


@dataclass(frozen=True, slots=True)
class Web:
    """A dataset behind any web server that sends files."""

    root: str

    @property
    def where(self) -> str:
        return self.root

    def __post_init__(self) -> None:
        try:
            host = urlsplit(self.root).hostname
        except ValueError:
            host = None
        if not host or "\n" in self.root or "\r" in self.root:
            raise UsageError("this is no address", where=self.root, remedy="write it as https://HOST/PATH")

    def read(self, name: str) -> bytes | None:
        return patiently(lambda: self._read(name))

    def _read(self, name: str) -> bytes | None:
        with self._open(name) as answer:
            return None if answer is None else b"".join(iter(partial(self._take, name, answer, LARGEST), b""))

    def read_range(self, name: str, start: int, length: int) -> bytes:
        return patiently(lambda: self._read_range(name, start, length))

    def _read_range(self, name: str, start: int, length: int) -> bytes:
        with self._open(name, f"bytes={start}-{start + length - 1}") as answer:
            if answer is None:
                raise self._missing(name)
            if answer.status != 206 or _offset(answer) != start or isinstance(answer, _Packed):
                raise NoRangesError
            data = self._take(name, answer, length)
            if len(data) < length:
                raise self._failed(name, OSError("the file is shorter than the manifest says"))
            return data

    @contextlib.contextmanager
    def stream(self, name: str, start: int = 0) -> Iterator[tuple[int, Iterator[bytes]] | None]:
        with self._open(name, f"bytes={start}-" if start else None) as answer:
            if answer is None:
                yield None
                return
            if answer.status != 206 or not isinstance(answer, _Packed):
                yield self._from(name, answer)
                return
        # a range of what is packed is none of the file
        with self.stream(name) as whole:
            yield whole

    def _from(self, name: str, answer: _Answer) -> tuple[int, Iterator[bytes]]:
        first = _offset(answer) if answer.status == 206 else 0
        return first, iter(partial(self._take, name, answer, CHUNK), b"")

    def local(self, name: str) -> Path | None:
        return None

    def names(self) -> list[str] | None:
        return None

    @contextlib.contextmanager
    def _open(self, name: str, wanted: str | None = None) -> Iterator[_Answer | None]:
        """The answer to a request, None when there is no such file. Raises TransferError."""
        headers = {"User-Agent": "jianghua-reader", "Accept-Encoding": "identity"}
        if wanted:
            headers["Range"] = wanted
        try:
            request = urllib.request.Request(f"{_escaped(self.root)}/{quote(name)}", headers=headers)
            answer = urllib.request.urlopen(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as e:
            e.close()
            if e.code not in (404, 410):
                raise self._refused(name, e) from e
            answer = None
        except (OSError, ValueError, http.client.HTTPException) as e:
            raise self._failed(name, e) from e
        if answer is None:
            yield None
            return
        with answer:
            coding = str(answer.headers.get("Content-Encoding") or "identity").strip().lower()
            if coding not in ("identity", "gzip", "x-gzip"):
                raise TransferError(
                    f"the server packs the file ({coding}), though it was asked not to",
                    where=f"{self.root}/{name}",
                    remedy="have the server give out files as they are",
                    passing=False,
                )
            yield answer if coding == "identity" else _Packed(answer)

    def _take(self, name: str, answer: _Answer, size: int) -> bytes:
        """At most `size` more bytes of an answer; none at its end. Raises TransferError once it has broken off."""
        try:
            data = answer.read(size)
        except (OSError, http.client.HTTPException, zlib.error) as e:
            raise self._failed(name, e) from e
        if not data and answer.length:
            raise self._failed(name, OSError(f"the answer breaks off {counted(answer.length, 'byte')} before its end"))
        return data

    def _refused(self, name: str, e: urllib.error.HTTPError) -> TransferError:
        asked = e.headers.get("Retry-After", "")
        return TransferError(
            f"the server answers {e.code} {e.reason}",
            where=f"{self.root}/{name}",
            remedy="check the address, or try again later",
            passing=e.code in (408, 416, 425, 429) or e.code >= 500,
            wait=float(asked) if asked.isdecimal() else None,
            status=e.code,
        )

    def _missing(self, name: str) -> TransferError:
        return TransferError(
            "the file is not there any more",
            where=f"{self.root}/{name}",
            remedy="open the dataset again",
            passing=False,
        )

    def _failed(self, name: str, e: Exception) -> TransferError:
        reason = getattr(e, "reason", None) or (str(e) or type(e).__name__)
        return TransferError(
            f"cannot reach the dataset: {reason}",
            where=f"{self.root}/{name}",
            remedy="check the address and the network",
            refused=isinstance(getattr(e, "reason", e), ConnectionRefusedError),
            passing=not isinstance(e, ValueError),
        )


class _Packed:
    """The answer of a server that sends gzip whatever is asked for, unpacked as it is read."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self._answer = answer
        self._unpack = zlib.decompressobj(wbits=31)
        self.status = answer.status
        self.headers = answer.headers

    @property
    def length(self) -> int | None:
        """Bytes that are still to come of what is packed; None when that is not known."""
        return self._answer.length

    def read(self, size: int) -> bytes:
        """At most `size` bytes of the file, none at its end. Raises OSError when it breaks off before, zlib.error for what is no gzip."""
        while not self._unpack.eof:
            more = self._unpack.unconsumed_tail or self._answer.read(CHUNK)
            if data := self._unpack.decompress(more, min(size, 1 << 24)):
                return data
            if not more:
                raise OSError("the answer breaks off before its end")
        return b""


_Answer = http.client.HTTPResponse | _Packed


def _escaped(root: str) -> str:
    """An address whose path people wrote as they read it (Chinese, spaces), as requests need it; what is escaped already stays."""
    scheme, _, rest = root.partition("://")
    host, slash, path = rest.partition("/")
    kept = "%/:?#[]@!$&'()*+,;=~"
    return f"{scheme}://{host}{slash}{quote(path, safe=kept)}"


def _offset(answer: _Answer) -> int:
    """Where the part of the file begins that a 206 brings; -1 when it does not say so."""
    unit, _, span = (answer.headers.get("Content-Range") or "").partition(" ")
    first = span.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdecimal() else -1


@dataclass(frozen=True)
class Objects:
    """A dataset on object storage (publisher/buckets.py: credentials and endpoint from the environment)."""

    root: str

    @property
    def where(self) -> str:
        return self.root

    @cached_property
    def _bucket(self) -> BucketStore:
        from publisher.buckets import BucketStore

        store = open_store(self.root)
        assert isinstance(store, BucketStore)
        return store

    def read(self, name: str) -> bytes | None:
        with self._asking(name):
            found = self._bucket.read(name)
            return None if found is None else found.data

    def read_range(self, name: str, start: int, length: int) -> bytes:
        with self._asking(name):
            return self._bucket.read_range(name, start, length)

    @contextlib.contextmanager
    def stream(self, name: str, start: int = 0) -> Iterator[tuple[int, Iterator[bytes]] | None]:
        with self._asking(name):
            there = self._bucket.stat(name)
        yield None if there is None else (start, self._chunks(name, start, there.size))

    def _chunks(self, name: str, start: int, size: int) -> Iterator[bytes]:
        if start >= size:
            return
        pieces = self._bucket.stream(name, start)
        while True:
            with self._asking(name):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece

    def local(self, name: str) -> Path | None:
        return None

    def names(self) -> list[str] | None:
        return None

    @contextlib.contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        try:
            yield
        except (UsageError, DamagedError):
            raise
        except JianghuaError as e:
            raise TransferError(
                e.what, where=e.where or f"{self.root}/{name}", remedy=e.remedy or "run the same command again"
            ) from e


def patiently(
    ask: Callable[[], T],
    tries: int = TRIES,
    even_refused: bool = False,
    sleep: Callable[[float], object] | None = None,
) -> T:
    """What `ask` gives; asked again with growing pauses while its error is a passing one.

    tries: how often in all. even_refused: also while nobody listens there (a server that restarts).
    """
    for n in range(1, tries + 1):
        try:
            return ask()
        except TransferError as e:
            if n == tries or not e.passing or (e.refused and not even_refused):
                raise
            (sleep or time.sleep)(min(PATIENCE, e.wait if e.wait is not None else 0.25 * 2 ** (n - 1)))
    raise AssertionError("tries is at least 1")
