"""Datasets on object storage (S3, Google, Azure) and on web servers, as a publisher.remote.Store, through obstore."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawler.errors import JianghuaError, UsageError
from publisher.remote import CHUNK, Content, Entry, Tag, conflict, missing

if TYPE_CHECKING:
    from obstore import UpdateVersion
    from obstore.store import ObjectStore

RETRIES, RETRY_SECONDS = 5, 60  # of one request


def open_bucket(url: str) -> BucketStore:
    """The store at an address whose form is checked. Raises UsageError without credentials or with settings that do not fit."""
    _require_credentials(url.split(":", 1)[0], url)
    return BucketStore(_client(url), url, "")


@dataclass(frozen=True, slots=True)
class BucketStore:
    """A prefix of object storage, or an address on a web server (which can only be read, and not listed)."""

    client: ObjectStore
    root: str
    prefix: str

    @property
    def where(self) -> str:
        return f"{self.root}/{self.prefix}".rstrip("/")

    @property
    def web(self) -> bool:
        """Whether this is a plain web server."""
        return self.root.startswith(("http://", "https://"))

    def at(self, folder: str) -> BucketStore:
        return BucketStore(self.client, self.root, self._key(folder) + "/")

    def _key(self, name: str) -> str:
        return f"{self.prefix}{name}".rstrip("/")

    def read(self, name: str) -> Content | None:
        with _explained(f"{self.where}/{name}"):
            try:
                found = self.client.get(self._key(name))
                return Content(bytes(found.bytes()), (found.meta["e_tag"], found.meta["version"]))
            except FileNotFoundError as e:
                _require_bucket(e, self.root)
                return None

    def stream(self, name: str, start: int = 0) -> Iterator[bytes]:
        options: Any = {"range": {"offset": start}} if start else None
        with _explained(f"{self.where}/{name}"):
            try:
                for piece in self.client.get(self._key(name), options=options).stream(min_chunk_size=CHUNK):
                    yield bytes(piece)
            except FileNotFoundError:
                raise missing(f"{self.where}/{name}") from None

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Part of a file. Raises DamagedError when it is not there."""
        with _explained(f"{self.where}/{name}"):
            try:
                return bytes(self.client.get_range(self._key(name), start=start, length=length))
            except FileNotFoundError:
                raise missing(f"{self.where}/{name}") from None

    def stat(self, name: str) -> Entry | None:
        with _explained(f"{self.where}/{name}"):
            try:
                found = self.client.head(self._key(name))
                return Entry(name, found["size"], found["last_modified"])
            except FileNotFoundError:
                return None

    def entries(self, folder: str = "") -> Iterator[Entry]:
        self._refuse_web()
        with _explained(f"{self.where}/{folder}"):
            for chunk in self.client.list(self._key(folder) or None, chunk_size=1000):
                for found in chunk:
                    name = found["path"][len(self.prefix) :]
                    if not any(p.startswith(".") for p in name.split("/")):
                        yield Entry(name, found["size"], found["last_modified"], _md5(found["e_tag"]))

    def children(self, folder: str = "") -> tuple[list[str], list[str]]:
        self._refuse_web()
        with _explained(f"{self.where}/{folder}"):
            found = self.client.list_with_delimiter(self._key(folder) or None)
        last = [p.rsplit("/", 1)[-1] for p in found["common_prefixes"]]
        return sorted(last), sorted(o["path"].rsplit("/", 1)[-1] for o in found["objects"])

    def put(self, name: str, data: bytes | Path, *, absent: bool = False, tag: Tag | None = None) -> None:
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        where = f"{self.where}/{name}"
        with _explained(where):
            try:
                if absent:
                    self.client.put(self._key(name), data, mode="create")
                elif tag is not None:
                    self.client.put(self._key(name), data, mode=_only(tag))
                else:
                    self.client.put(self._key(name), data)
            except (AlreadyExistsError, PreconditionError) as e:
                raise conflict(where) from e
            except FileNotFoundError as e:
                _require_bucket(e, self.root)
                raise conflict(where) from e  # what was to be replaced is gone

    def copy(self, source: str, target: str) -> None:
        with _explained(f"{self.where}/{target}"):
            self.client.copy(self._key(source), self._key(target))

    def delete(self, names: Iterable[str]) -> None:
        keys = [self._key(n) for n in names]
        if keys:
            with _explained(self.where):
                self.client.delete(keys)

    def _refuse_web(self) -> None:
        if self.web:
            raise UsageError("a web server does not list its files", where=self.where, remedy="use versions.json")


def _md5(e_tag: str | None) -> str | None:
    """Of what was put in one piece the tag is the MD5 on most storage."""
    found = (e_tag or "").strip('"')
    return found if re.fullmatch("[0-9a-f]{32}", found) else None


def _only(tag: Tag) -> UpdateVersion:
    """The condition that an object still is what was read with this tag."""
    only: UpdateVersion = {}
    if tag[0] is not None:
        only["e_tag"] = tag[0]
    if tag[1] is not None:
        only["version"] = tag[1]
    return only


def _client(url: str) -> ObjectStore:
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    retry: Any = {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS)}
    options: Any = {"allow_http": True} if url.startswith("http://") else None
    try:
        return from_url(url, retry_config=retry, client_options=options)
    except (BaseError, ValueError) as e:
        raise UsageError(
            f"the storage cannot be used: {_first_line(e)}",
            where=url,
            remedy="check the address and the environment (AWS_…, GOOGLE_…, AZURE_…), see docs/object-storage.md",
        ) from e


def _require_credentials(scheme: str, where: str) -> None:
    """Without credentials the client would ask the machine's metadata address, which on most machines only costs minutes."""
    given = {k.upper() for k, v in os.environ.items() if v}
    ways = {
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_SKIP_SIGNATURE",
        "AWS_METADATA_ENDPOINT",
    }
    if scheme == "s3" and not given & ways:
        raise UsageError(
            "there are no credentials for object storage",
            where=where,
            remedy="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_REGION or AWS_ENDPOINT_URL), AWS_SKIP_SIGNATURE (true) "
            "for a public bucket, or AWS_METADATA_ENDPOINT=http://169.254.169.254 for the role of the machine",
        )
    if scheme == "s3" and "AWS_ACCESS_KEY_ID" in given and "AWS_SECRET_ACCESS_KEY" not in given:
        raise UsageError("AWS_SECRET_ACCESS_KEY is missing", where=where, remedy="set it beside AWS_ACCESS_KEY_ID")


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Errors of the storage as errors for people. Answers of servers and requests may quote keys: only codes are taken over."""
    from obstore import exceptions as oe

    try:
        yield
    except (oe.PermissionDeniedError, oe.UnauthenticatedError) as e:
        raise JianghuaError(
            f"the storage refuses: {_code(e) or 'no permission'}",
            where=where,
            remedy="check the credentials in the environment and what they may do in this bucket (get, put, list, delete)",
        ) from None
    except oe.NotSupportedError:
        raise JianghuaError(
            "the storage cannot do this (conditional writes or copies)",
            where=where,
            remedy="use storage that honours If-None-Match and If-Match on PUT; AWS_CONDITIONAL_PUT must not switch it off",
        ) from None
    except oe.BaseError as e:
        what = _code(e) or ("no connection" if "Connect" in str(e) else _first_line(e))
        raise JianghuaError(
            f"the storage cannot be used: {what}",
            where=where,
            remedy=(
                "check the address and the network, "
                if where.startswith("http")
                else "check address and endpoint (AWS_ENDPOINT_URL; AWS_ALLOW_HTTP=true where it has no https) and the network, "
            )
            + "then run the same command again: it goes on where it was",
        ) from None
    except OSError as e:
        if isinstance(e, FileNotFoundError):
            raise
        raise JianghuaError(f"the storage cannot be used: {e.strerror or e}", where=where) from None


def _code(error: Exception) -> str | None:
    """The code that an S3 server gave, or the HTTP status."""
    text = str(error)
    found = re.search(r"<Code>(\w+)</Code>", text) or re.search(r"status code: (\d{3}[ \w]*)", text)
    return found[1].strip() if found else None


def _first_line(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    for name, value in os.environ.items():
        if len(value) > 5 and name.upper().endswith(("_KEY", "_KEY_ID", "_TOKEN", "_SECRET", "_PASSWORD")):
            text = text.replace(value, "…")
    return text[:300]


def _require_bucket(error: FileNotFoundError, root: str) -> None:
    if "NoSuchBucket" in str(error):
        raise UsageError(
            "there is no such bucket",
            where=root,
            remedy="make the bucket first, or check its name and AWS_ENDPOINT_URL",
        ) from None
