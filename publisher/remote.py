"""Where a dataset lies, a folder or object storage, behind one small interface.

    store = open_store("s3://bucket/prefix")        # or a folder, gs://…, az://…, and to read http(s)://…
    store.read("latest.json")                       # its bytes and the tag that names just these bytes
    store.put("latest.json", data, tag=found.tag)   # only while it still is what was read; else ConflictError

Names are relative to the store, with `/`. A put is whole or not at all, and durable when it returns. Credentials and endpoint of
object storage come from the environment (AWS_…, GOOGLE_…, AZURE_…), see docs/object-storage.md.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeAlias
from urllib.parse import urlsplit

from crawler.durable import alone, cannot_write, fsync_folder, replacing
from crawler.errors import DamagedError, JianghuaError, UsageError
from publisher.storage import link_or_copy

CHUNK = 1 << 20  # bytes handed on at once
SCHEMES = ("s3", "gs", "az", "http", "https")
AT_ONCE = 8  # requests

# E-tag and version of an object: together they name one content of it. Compare, never look inside.
Tag: TypeAlias = tuple[str | None, str | None]


class ConflictError(JianghuaError):
    """A conditional put found something else than expected: another writer was faster."""


@dataclass(frozen=True, slots=True)
class Content:
    """What `read` found: the bytes, and the tag that `put` can be told to replace."""

    data: bytes
    tag: Tag


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or object: name within the store, bytes, when it was last written (by the storage's clock).

    md5: of its content, where the storage may tell it; some tell another thing in its place, which looks alike.
    """

    name: str
    size: int
    modified: datetime
    md5: str | None = None


class Store(Protocol):
    """A folder or a prefix of object storage. Every method raises JianghuaError when the storage does not answer or refuses."""

    @property
    def where(self) -> str:
        """Folder or address, for messages."""

    def at(self, folder: str) -> Store:
        """The store that lies in `folder` of this one."""

    def read(self, name: str) -> Content | None:
        """A file whole, None when it is not there."""

    def stream(self, name: str) -> Iterator[bytes]:
        """A file piece by piece. Raises DamagedError when it is not there."""

    def stat(self, name: str) -> Entry | None:
        """A file's size and time, None when it is not there."""

    def entries(self, folder: str = "") -> Iterator[Entry]:
        """Every file below a folder, in no order; hidden ones (of writers at work) left out. Raises UsageError on the web."""

    def children(self, folder: str = "") -> tuple[list[str], list[str]]:
        """Names of the folders and of the files directly in a folder. Raises UsageError on the web.

        Some storage still names a folder for a while when its last file is gone.
        """

    def put(self, name: str, data: bytes | Path, *, absent: bool = False, tag: Tag | None = None) -> None:
        """Write a file. absent: only when there is none; tag: only when it still is what was read with this tag.

        Raises ConflictError when the condition does not hold.
        """

    def copy(self, source: str, target: str) -> None:
        """Make `target` equal to `source`, on the storage's side. Raises FileNotFoundError without a source."""

    def delete(self, names: Iterable[str]) -> None:
        """Remove files; one that is not there is fine."""


def require_slashes(text: str) -> None:
    """Raises UsageError for `s3:/bucket` and the like: a folder called `s3:` is not meant."""
    scheme, colon, _ = text.partition(":")
    if colon and "://" not in text and scheme.lower() in SCHEMES:
        raise UsageError(
            f"'{text}' is no address: two slashes stand behind the colon",
            remedy=f"write {scheme}://BUCKET/PREFIX; a folder of this name is ./{text}",
        )


def open_store(where: str | Path, *, to_write: bool = False) -> Store:
    """The store at a folder or an address (s3://bucket/prefix, gs://…, az://account/container/prefix, http(s)://… to read).

    Nothing is asked of the storage yet. Raises UsageError for an address that is none, that cannot be written, or without
    credentials.
    """
    text = str(where)
    require_slashes(text)
    if "://" not in text:
        return FolderStore(Path(text).resolve())
    url = urlsplit(text)
    if url.scheme not in SCHEMES:
        known = ", ".join(f"{s}://" for s in SCHEMES)
        raise UsageError(f"cannot use {url.scheme}:// addresses", where=_plain(text), remedy=f"use a folder or {known}")
    if url.username or url.password or url.query or url.fragment:
        raise UsageError(
            "an address holds no credentials and no query",
            where=_plain(text),
            remedy="give credentials in the environment (AWS_ACCESS_KEY_ID …), see docs/object-storage.md",
        )
    if url.scheme in ("http", "https") and to_write:
        raise UsageError(
            "a web address can only be read", where=text, remedy="write to s3://, gs:// or az://, or to a folder"
        )
    if not url.netloc or (url.scheme == "az" and not url.path.strip("/")):
        raise UsageError(
            "the address names no bucket", where=text, remedy="write it as s3://BUCKET/PREFIX or az://ACCOUNT/CONTAINER"
        )
    from publisher.buckets import open_bucket  # brings the client of object storage, which most commands do without

    return open_bucket(text.rstrip("/"))


def at_once(jobs: Iterable[Any], do: Any) -> None:
    """Do something with each of many things, AT_ONCE at a time; the first error ends it."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(do, job) for job in jobs]
        try:
            for one in waiting:
                one.result()
        finally:
            for one in waiting:
                one.cancel()


@dataclass(frozen=True, slots=True)
class FolderStore:
    """A folder on local disk. Conditional puts are safe between processes of one machine."""

    root: Path

    @property
    def where(self) -> str:
        return str(self.root)

    def at(self, folder: str) -> FolderStore:
        return FolderStore(self.root / folder)

    def read(self, name: str) -> Content | None:
        try:
            data = (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as e:
            raise _cannot_read(self.root / name, e) from e
        return Content(data, _tag(data))

    def stream(self, name: str) -> Iterator[bytes]:
        try:
            with (self.root / name).open("rb") as file:
                while piece := file.read(CHUNK):
                    yield piece
        except (FileNotFoundError, NotADirectoryError):
            raise missing(f"{self.root}/{name}") from None
        except OSError as e:
            raise _cannot_read(self.root / name, e) from e

    def stat(self, name: str) -> Entry | None:
        try:
            found = (self.root / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Entry(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def entries(self, folder: str = "") -> Iterator[Entry]:
        for place, folders, files in os.walk(self.root / folder):
            folders[:] = [f for f in folders if not f.startswith(".")]
            for file in files:
                if not file.startswith("."):
                    found = self.stat(str((Path(place) / file).relative_to(self.root)))
                    if found:
                        yield found

    def children(self, folder: str = "") -> tuple[list[str], list[str]]:
        place = self.root / folder
        found = [p for p in place.iterdir() if not p.name.startswith(".")] if place.is_dir() else []
        folders = sorted(p.name for p in found if p.is_dir() and not p.is_symlink())
        return folders, sorted(p.name for p in found if p.is_file())

    def put(self, name: str, data: bytes | Path, *, absent: bool = False, tag: Tag | None = None) -> None:
        path = self.root / name
        if not absent and tag is None:
            _write(path, data)
            return
        with alone(path.parent):
            found = self.read(name)
            if (found is not None) if absent else (found is None or found.tag != tag):
                raise conflict(str(path))
            _write(path, data)

    def copy(self, source: str, target: str) -> None:
        path = self.root / target
        if not (self.root / source).is_file():
            raise FileNotFoundError(str(self.root / source))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            beside.unlink(missing_ok=True)
            link_or_copy(self.root / source, beside)
            beside.replace(path)
            beside.unlink(missing_ok=True)  # a rename onto another link of the same file leaves both
            fsync_folder(path.parent)
        except OSError as e:
            raise cannot_write(path, e) from e

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            path = self.root / name
            try:
                path.unlink(missing_ok=True)
                while path.parent != self.root and not any(path.parent.iterdir()):
                    path = path.parent
                    path.rmdir()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as e:
                raise cannot_write(path, e) from e


def _tag(data: bytes) -> Tag:
    return hashlib.sha256(data).hexdigest(), None


def _write(path: Path, data: bytes | Path) -> None:
    with replacing(path) as out:
        if isinstance(data, bytes):
            out.write(data)
            return
        with data.open("rb") as source:
            while piece := source.read(CHUNK):
                out.write(piece)


def _cannot_read(path: Path, error: OSError) -> JianghuaError:
    return JianghuaError(
        f"cannot read: {error.strerror or error}", where=str(path), remedy="check the file's permissions and the disk"
    )


def missing(where: str) -> DamagedError:
    """The error for a file that the dataset should have."""
    return DamagedError("a file of the dataset is missing", where=where, remedy="restore it from a copy of the dataset")


def conflict(where: str) -> ConflictError:
    return ConflictError("somebody else wrote it meanwhile", where=where, remedy="run the same command again")


def _plain(url: str) -> str:
    """An address without user and password."""
    return re.sub(r"://[^/@]*@", "://…@", url).split("?")[0]


def unreadable(where: str) -> NoReturn:
    """Raise the error for a place without a dataset."""
    raise UsageError(
        "there is no published dataset here",
        where=where,
        remedy="give the folder or address that holds latest.json, or the one above it",
    )
