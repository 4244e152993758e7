"""What a version is made of: manifest.json, and latest.json, the one file whose change publishes a version."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

import pydantic_core
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from crawler.errors import DamagedError


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Part(_Model):
    """One Parquet file of a table, in version folder and store alike `TABLE/FILE`.

    sha256: of the file; content_sha256: of its rows, whatever wrote them (publisher/storage.py).
    """

    file: str
    rows: int
    bytes: int
    sha256: str
    content_sha256: str


class TableEntry(_Model):
    """One table of a version: its rows, in the order of its parts, and what changed in it against the parent."""

    rows: int
    parts: tuple[Part, ...]
    added: int = 0
    changed: int = 0
    removed: int = 0


class Gate(_Model):
    """The result of one check made before publishing."""

    name: str
    result: Literal["pass", "warn", "fail"]
    what: str
    figures: dict[str, Any] = Field(default_factory=dict)
    accepted: str | None = None  # the reason an operator gave for publishing all the same


class FileEntry(_Model):
    """A file of the version folder that is no part and does not derive from the manifest, e.g. changes.parquet."""

    bytes: int
    sha256: str


class Carried(_Model):
    """Speeches of a site that failed, taken over from the version before as they were.

    rows: how many; as_of: when the site was last read well (`published_at` of the version that its rows come from);
    since: name of that version; why: what failed, for people.
    """

    rows: int
    as_of: AwareDatetime
    since: str
    why: str


class Gone(_Model):
    """versions/NAME.gone.json: the tombstone of a version whose folder is no more.

    state: yanked (taken down, see `reason`; `replaced_by` names the version re-issued without the text) or retired (by the
    rules of retention). at: when it went. manifest_sha256: of the manifest that it had; published_at: as that manifest said.
    """

    version: str
    sequence: int
    state: Literal["yanked", "retired"]
    reason: str
    at: AwareDatetime
    manifest_sha256: str
    replaced_by: str | None = None
    published_at: AwareDatetime | None = None


class Reference(_Model):
    """Another version, by name and manifest digest."""

    version: str
    sequence: int
    manifest_sha256: str


class Manifest(_Model):
    """Everything a reader needs to know of a version."""

    format: Literal["jianghua-manifest-1"] = "jianghua-manifest-1"
    dataset: str
    version: str
    sequence: int
    schema_version: str
    published_at: AwareDatetime
    parent: Reference | None
    tables: dict[str, TableEntry]
    sites: dict[str, int]
    held: int = 0
    carried: dict[str, Carried] = Field(default_factory=dict)
    gates: tuple[Gate, ...] = ()
    confirmed: str | None = None  # the reason with which an operator confirmed the warnings among the gates
    schema_change: Literal["none", "patch", "minor", "major"] = "none"  # against the parent
    files: dict[str, FileEntry] = Field(default_factory=dict)
    reissue_of: str | None = None  # the version that this one replaces, without what was taken down
    software: dict[str, str] = Field(default_factory=dict)


class Latest(_Model):
    """latest.json: which version readers get. Replacing this file is the commit of a publish."""

    dataset: str
    version: str
    sequence: int
    manifest: str
    manifest_sha256: str
    published_at: AwareDatetime

    @property
    def reference(self) -> Reference:
        return Reference(version=self.version, sequence=self.sequence, manifest_sha256=self.manifest_sha256)


def latest_of(manifest: Manifest, manifest_sha256: str) -> Latest:
    """The latest.json that makes a version the one readers get."""
    return Latest(
        dataset=manifest.dataset,
        version=manifest.version,
        sequence=manifest.sequence,
        manifest=f"versions/{manifest.version}/manifest.json",
        manifest_sha256=manifest_sha256,
        published_at=manifest.published_at,
    )


def as_json(value: Any) -> bytes:
    """A value as readable JSON (UTF-8, sorted keys, one newline at the end), as crawler.durable.write_json writes it."""
    try:
        return pydantic_core.to_json(_sorted(value), indent=1) + b"\n"  # the same bytes in a tenth of the time
    except _Unlike:
        return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


_PLAIN = frozenset({str, int, bool, type(None)})
_TEXT = frozenset({str})


class _Unlike(Exception):
    """A value that the two writers of JSON do not write alike."""


def _sorted(value: Any) -> Any:
    """The value with its keys sorted. Raises _Unlike."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, dict):
        if not _TEXT.issuperset(map(type, value)) and not all(isinstance(k, str) for k in value):
            raise _Unlike
        return {k: v if type(v) in _PLAIN else _sorted(v) for k, v in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [v if type(v) in _PLAIN else _sorted(v) for v in value]
    if kind is float and (value == 0 or 1e-4 <= abs(value) < 1e15):  # beyond, exponents are written in two ways
        return value
    raise _Unlike


def to_json(model: BaseModel) -> bytes:
    """A model as readable JSON."""
    return as_json(model.model_dump(mode="json"))


def parse_manifest(data: bytes, where: str) -> Manifest:
    """The manifest in `data`. Raises DamagedError naming `where`."""
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as e:
        raise _damaged("manifest", where, e) from e


def parse_latest(data: bytes, where: str) -> Latest:
    """The content of a latest.json. Raises DamagedError naming `where`."""
    try:
        return Latest.model_validate_json(data)
    except ValidationError as e:
        raise _damaged("latest.json", where, e) from e


def parse_gone(data: bytes, where: str) -> Gone:
    """The tombstone in `data`. Raises DamagedError naming `where`."""
    try:
        return Gone.model_validate_json(data)
    except ValidationError as e:
        raise _damaged("tombstone of a version", where, e) from e


def _damaged(what: str, where: str, error: ValidationError) -> DamagedError:
    first = error.errors()[0]
    at = ".".join(map(str, first["loc"]))
    return DamagedError(
        f"damaged {what}: {first['msg']}{f' at {at}' if at else ''}",
        where=where,
        remedy="restore the file from a copy of the dataset; the versions themselves lie in versions/",
    )


def sha256(data: bytes) -> str:
    """SHA-256 of bytes, hex."""
    return hashlib.sha256(data).hexdigest()
