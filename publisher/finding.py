"""Which versions a dataset has, had, and which one somebody means: by name, as the latest, or as it was at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any, Literal

from crawler.errors import DamagedError, JianghuaError, UsageError
from publisher.gone import SUFFIX, gone_error
from publisher.manifest import Gone, Latest, Manifest, parse_gone, parse_latest, parse_manifest
from publisher.storage import checked
from publisher.transfer import Source
from publisher.versions import LATEST, VERSION, latest_at, no_name, order, unknown_version

_NAME = re.compile(r"\w[\w.-]*")

AGAIN = 3  # how often latest.json is read again when the version that it names has just gone


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One line of a dataset's history.

    published_at: aware. rows: speeches, None of a version that is gone. state: whether it is still there; gone: its tombstone when not.
    """

    version: str
    sequence: int
    published_at: datetime | None = None
    rows: int | None = None
    state: Literal["published", "yanked", "retired"] = "published"
    gone: Gone | None = None

    @property
    def rank(self) -> tuple[int, tuple[str, int]]:
        """Order in time: a re-issued version stands at the place of the one that it replaces, after it."""
        return self.sequence, order(self.version)


def history(source: Source, latest: Latest | None) -> list[VersionInfo]:
    """Every version that is or was, oldest first.

    A folder is listed with its manifests and tombstones; elsewhere versions.json tells (its `versions`, and `gone` where it has that).
    What was not committed (a sequence above that of latest.json) is no version. Raises DamagedError, TransferError.
    """
    names = source.names()
    found = _of_document(source) if names is None else _of_folder(source, names)
    if latest is not None:
        found = [v for v in found if v.sequence <= latest.sequence]
        if not any(v.version == latest.version for v in found):  # versions.json is written after latest.json
            found.append(VersionInfo(latest.version, latest.sequence, latest.published_at))
    return sorted(found, key=lambda v: v.rank)


def _of_folder(source: Source, names: Sequence[str]) -> list[VersionInfo]:
    found, replaced = [], set()
    for name in names:
        if name.endswith(SUFFIX) and VERSION.fullmatch(name.removesuffix(SUFFIX)):
            if gone := tombstone(source, name.removesuffix(SUFFIX)):
                found.append(_gone(gone))
        elif VERSION.fullmatch(name) and f"{name}{SUFFIX}" not in names:
            path = f"versions/{name}/manifest.json"
            if (data := source.read(path)) is not None:
                m = parse_manifest(data, f"{source.where}/{path}")
                found.append(VersionInfo(m.version, m.sequence, m.published_at, m.tables["speeches"].rows))
                replaced.add(m.reissue_of)
    return [v for v in found if v.gone or v.version not in replaced]


def _of_document(source: Source) -> list[VersionInfo]:
    data = source.read("versions.json")
    if data is None:
        raise _unlisted(source, "versions.json is missing")
    try:
        listed: dict[str, Any] = json.loads(data)
        found = [
            VersionInfo(
                str(v["version"]), int(v["sequence"]), datetime.fromisoformat(v["published_at"]), int(v["rows"])
            )
            for v in listed["versions"]
        ]
        found += [_gone(Gone.model_validate(v)) for v in listed.get("gone", [])]
        if not all(VERSION.fullmatch(v.version) and (v.gone or _aware(v)) for v in found):
            raise ValueError("an entry is none")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise _unlisted(source, "damaged versions.json: it is no list of versions") from e
    return found


def _aware(version: VersionInfo) -> bool:
    return version.published_at is not None and version.published_at.tzinfo is not None


def _unlisted(source: Source, what: str) -> DamagedError:
    return DamagedError(
        what,
        where=f"{source.where}/versions.json",
        remedy="the next publish there writes it anew; until then read the latest version, or one by its name",
    )


def _gone(gone: Gone) -> VersionInfo:
    return VersionInfo(gone.version, gone.sequence, gone.published_at, None, gone.state, gone)


def tombstone(source: Source, name: str) -> Gone | None:
    """The tombstone of a version, None when it has none. Raises DamagedError, TransferError."""
    path = f"versions/{name}{SUFFIX}"
    data = source.read(path)
    return None if data is None else parse_gone(data, f"{source.where}/{path}")


def moment(value: date | datetime | str) -> datetime:
    """The last moment that a time given by people means: of a bare date its end in UTC. Raises UsageError."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) <= 10 else datetime.fromisoformat(value)
        except ValueError:
            raise UsageError(
                f"'{value}' is no date", remedy="write it as 2026-11-22, or with time and zone as 2026-11-22T08:00:00Z"
            ) from None
    if not isinstance(value, date):  # a datetime is a date
        raise UsageError(
            f"{value!r} is no date", remedy="give a date, a datetime with time zone, or either as a string"
        )
    if not isinstance(value, datetime):
        return datetime.combine(value, time.max, UTC)
    if value.tzinfo is None:
        raise UsageError(
            f"{value.isoformat()} says no time zone",
            remedy="add one, as in 2026-11-22T08:00:00Z or 2026-11-22T16:00:00+08:00",
        )
    try:
        return value.astimezone(UTC)
    except OverflowError:  # before the first or after the last year that there is in UTC
        return (datetime.max if value.year > 1 else datetime.min).replace(tzinfo=UTC)


def at(source: Source, latest: Latest | None, when: date | datetime | str) -> str:
    """The name of the version that readers got at a time (publisher.versions.latest_at). Raises UsageError, DamagedError."""
    if latest is not None and latest.published_at <= moment(when):
        return latest.version  # whatever came before it
    versions = history(source, latest)
    live = [(v.version, v.sequence, v.published_at) for v in versions if not v.gone and v.published_at]
    return latest_at(moment(when), live, [v.gone for v in versions if v.gone], source.where)


def read_latest_of(source: Source) -> Latest | None:
    """What latest.json says; None when it is not there. Raises DamagedError, TransferError."""
    data = source.read(LATEST)
    return None if data is None else parse_latest(data, f"{source.where}/{LATEST}")


def find(
    source: Source, version: str | None = None, as_of: date | datetime | str | None = None, verify: bool = True
) -> tuple[Manifest, bytes, str]:
    """The version that somebody means, as (manifest, its bytes, prefix of its files in the source).

    version: a name, `latest`, or None for it; as_of: instead of a name. verify: compare the manifest with its digest in
    latest.json or in the SHA256SUMS beside it.

    Raises UsageError for an unknown version (naming the ones that are) or a wrong time, GoneError for one that is no more, DamagedError
    (also for one that is listed and has no manifest), TransferError.
    """
    if version is not None and not isinstance(version, str):
        raise no_name(version)
    if version is not None and as_of is not None:
        raise UsageError("version and as_of exclude each other", remedy="give one of them")
    for attempt in range(AGAIN):
        latest = _latest(source, lenient=version not in (None, "latest"))
        name = _name(source, latest, version, as_of)
        prefix = f"versions/{name}/"
        data = source.read(f"{prefix}manifest.json")
        gone = tombstone(source, name) if data is None or source.names() is not None else None
        if data is None or gone:
            # The version may have gone between the two readings: a takedown, or retention.
            if version in (None, "latest") and attempt + 1 < AGAIN:
                continue
            if gone:
                raise gone_error(gone, source.where, partial(tombstone, source))
            known = _names(source, latest)
            if name in known:
                raise DamagedError(
                    f"version {name} has no manifest.json",
                    where=f"{source.where}/{prefix}manifest.json",
                    remedy="restore the version folder from a copy of the dataset; a download is made whole by the same command again",
                )
            raise unknown_version(name, known, source.where)
        where = f"{source.where}/{prefix}manifest.json"
        if latest and name == latest.version:
            checked(data, latest.manifest_sha256, where)
        elif verify and (digest := sums(source, prefix).get("manifest.json")):
            checked(data, digest, where)
        manifest = parse_manifest(data, where)
        fits(manifest, name, where)
        if as_of is not None and manifest.published_at > moment(as_of):
            raise _unlisted(source, f"versions.json says of {name} another time than its manifest")
        return manifest, data, prefix
    raise AssertionError("AGAIN is at least 1")


def fits(manifest: Manifest, name: str | None, where: str) -> None:
    """Raises DamagedError for a manifest whose names are none, which no path may be made of, or of another version than `name`."""
    if not VERSION.fullmatch(manifest.version) or name not in (None, manifest.version):
        raise DamagedError(
            f"the manifest is of version {manifest.version!r}",
            where=where,
            remedy="restore the version folder from a copy of the dataset",
        )
    if not _NAME.fullmatch(manifest.dataset):
        raise DamagedError(
            f"the manifest is of dataset {manifest.dataset!r}, which is no name",
            where=where,
            remedy="restore the version folder from a copy of the dataset",
        )


def _latest(source: Source, lenient: bool) -> Latest | None:
    try:
        return read_latest_of(source)
    except DamagedError:
        if lenient:
            return None
        raise


def _name(source: Source, latest: Latest | None, version: str | None, as_of: date | datetime | str | None) -> str:
    if as_of is not None:
        return at(source, latest, as_of)
    if version in (None, "latest"):
        if latest is None:
            raise DamagedError(
                "latest.json is missing",
                where=source.where,
                remedy=f"restore it from a copy, or name a version: {', '.join(_names(source, None)[-5:])}",
            )
        return latest.version
    assert version is not None
    if not VERSION.fullmatch(version):
        raise unknown_version(version, _names(source, latest), source.where)
    return version


def _names(source: Source, latest: Latest | None) -> list[str]:
    """Names of the versions that are there, as far as can be told."""
    names = source.names()
    if names is not None:
        return sorted((n for n in names if VERSION.fullmatch(n)), key=order)
    try:
        return [v.version for v in history(source, latest) if v.state == "published"]
    except JianghuaError:
        return []


def sums(source: Source, prefix: str) -> dict[str, str]:
    """SHA256SUMS of a version: digest by name; empty when the file is not there. Raises DamagedError for one that is none."""
    data = source.read(f"{prefix}SHA256SUMS")
    found: dict[str, str] = {}
    for line in (data or b"").decode(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name or name.startswith("/") or ".." in name.split("/"):
            raise DamagedError(
                "damaged SHA256SUMS",
                where=f"{source.where}/{prefix}SHA256SUMS",
                remedy="restore the file from a copy of the dataset",
            )
        found[name] = digest
    return found
