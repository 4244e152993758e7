"""The versions of a dataset folder, read: which there are, their manifests and rows. Everything read is verified."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from crawler.durable import cannot_read
from crawler.errors import DamagedError, JianghuaError, UsageError
from crawler.wording import counted
from publisher.gone import SUFFIX, gone_error, gone_versions, read_gone
from publisher.manifest import (
    Gone,
    Latest,
    Manifest,
    Part,
    parse_latest,
    parse_manifest,
    sha256,
)
from publisher.storage import checked, decode, read_file
from publisher.tables import SCHEMA_VERSION, TABLES, knows

VERSION = re.compile(r"([0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))\.([1-9][0-9]*)")
LATEST = "latest.json"
JOURNAL = ".publishing.json"  # what a publish is about to put into place (publisher/locks.py)


def read_latest(folder: Path) -> Latest | None:
    """What latest.json says, None before the first version. Safe while a publish goes on: a first version that is in its place, but not
    committed yet, is none.

    Raises DamagedError when it cannot be understood, or is missing although there are versions.
    """
    path = folder / LATEST
    try:
        there = path.exists()
    except OSError as e:  # a folder that may not be looked into
        raise cannot_read(path, e) from e
    if not there:
        names = version_names(folder)
        if names and (note := read_journal(folder / JOURNAL)):
            names = [n for n in names if n != note["version"]]
        # asked again: a journal goes after the commit, and that may have come since
        if names and not path.exists():
            raise DamagedError(
                f"latest.json is missing, though {'there is a version' if len(names) == 1 else f'there are {len(names)} versions'}",
                where=str(path),
                remedy="restore latest.json from a copy of the dataset; nothing was changed",
            )
        return None
    return parse_latest(read_file(path), str(path))


def read_journal(path: Path) -> dict[str, Any] | None:
    """What the journal of a publish names: version, sequence, created (parts, as TABLE/FILE); None when there is none, or it is damaged."""
    try:
        note = json.loads(path.read_bytes())
        return {"version": str(note["version"]), "sequence": int(note["sequence"]), "created": list(note["created"])}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return None  # it is replaced whole, so this is bit rot: what it named stays, and does no harm


def version_names(folder: Path) -> list[str]:
    """Names of the versions that there are, by date and number; one with a tombstone is none any more."""
    there = _listed(folder)
    return sorted(
        (n for n, d in there.items() if d and VERSION.fullmatch(n) and f"{n}{SUFFIX}" not in there), key=order
    )


def taken_names(folder: Path) -> list[str]:
    """Names of all versions that there ever were, by date and number; none of them is given again."""
    return sorted({m for n in _listed(folder) if VERSION.fullmatch(m := n.removesuffix(SUFFIX))}, key=order)


def _listed(folder: Path) -> dict[str, bool]:
    """What lies in versions/, and whether it is a folder."""
    try:
        with os.scandir(folder / "versions") as found:
            return {p.name: p.is_dir() for p in found}
    except FileNotFoundError:
        return {}
    except OSError as e:
        raise cannot_read(folder / "versions", e) from e


def live_versions(folder: Path, latest: Latest) -> list[tuple[Manifest, str]]:
    """The manifests of the versions up to the latest, each with its SHA-256, by sequence. Of a version and the one re-issued in
    its place only the latter counts. Raises DamagedError."""
    found = [(m, sha256(data)) for m, data in (read_manifest(folder, n) for n in version_names(folder))]
    replaced = {m.reissue_of for m, _ in found}
    out = [f for f in found if f[0].sequence <= latest.sequence and f[0].version not in replaced]
    return sorted(out, key=lambda f: f[0].sequence)


def as_of(folder: Path, when: datetime) -> str:
    """The name of the version that was the latest at a time; a re-issued one stands for the one that it replaces.

    when: aware. Raises UsageError when nothing had been published by then, or when the version of that time is gone.
    """
    latest = read_latest(folder)
    live = [(m.version, m.sequence, m.published_at) for m, _ in live_versions(folder, latest)] if latest else []
    return latest_at(when, live, gone_versions(folder), str(folder))


def latest_at(when: datetime, live: Sequence[tuple[str, int, datetime]], gone: Sequence[Gone], where: str) -> str:
    """The name of the version that was the latest at a time.

    live: name, sequence and `published_at` of each version that there is, by sequence. gone: the tombstones. A re-issued version has the
    sequence and the time of the one that it replaces, and so answers for it. Raises UsageError when nothing had been
    published by then, or when the version of that time is gone.
    """
    at = f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    found = next((v for v in reversed(live) if v[2] <= when), None)
    lost = [g for g in gone if g.replaced_by is None and _time_of(g) <= when]
    last = max(lost, key=lambda g: g.sequence, default=None)
    if last is not None and (found is None or last.sequence > found[1]):
        raise UsageError(
            f"version {last.version}, the latest at {at}, is gone ({last.state}): {last.reason}",
            where=where,
            remedy=f"the one before that is still there is {found[0]}"
            if found
            else f"the oldest that is still there is {live[0][0]}"
            if live
            else "there is no version any more",
        )
    if found is None:
        raise UsageError(
            f"nothing had been published at {at}",
            where=where,
            remedy=f"the first version is {live[0][0]}, of {live[0][2].astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
            if live
            else "`jianghua publish speeches` makes the first version",
        )
    return found[0]


def _time_of(gone: Gone) -> datetime:
    return gone.published_at or day_of(gone.version)


def day_of(name: str) -> datetime:
    """The day that a version is named after, as its midnight UTC: the same whatever the clock said that day. Raises UsageError."""
    return datetime.fromisoformat(f"{order(name)[0]}T00:00:00+00:00")


def order(name: str) -> tuple[str, int]:
    """Sort key of a version name. Raises UsageError when it is none."""
    m = VERSION.fullmatch(name)
    if not m:
        raise UsageError(f"'{name}' is no version name", remedy="write it as in `jianghua versions`, e.g. 2026-11-22.1")
    return m[1], int(m[2])


def no_name(version: object) -> UsageError:
    """The error for what cannot be the name of a version because it is no string."""
    return UsageError(
        f"{version!r} is no version: a version is a name like 2026-11-22.1",
        remedy='give the name as a string, e.g. version="2026-11-22.1" (`jianghua versions` lists them), or "latest"',
    )


def unknown_version(name: str, known: Sequence[str], where: str) -> UsageError:
    """The error for a version that is not there, naming the ones that are, as far as they are known."""
    shown = ", ".join(known[-10:])
    older = f" (and {len(known) - 10} older)" if len(known) > 10 else ""
    return UsageError(
        f"unknown version '{name}'",
        where=where,
        remedy=f"use latest or one of: {shown}{older}" if known else "use latest",
    )


def none_yet(where: str) -> UsageError:
    """The error for a dataset of which nothing was published."""
    return UsageError("there is no version yet", where=where, remedy="`jianghua publish speeches` makes the first one")


def read_manifest(folder: Path, name: str, manifest_sha256: str | None = None) -> tuple[Manifest, bytes]:
    """The manifest of a version and its bytes, checked against its digest where one is given.

    Raises UsageError for a version that is not there (one that is gone: why, and what replaces it), DamagedError for a manifest
    that is not what was written.
    """
    if gone := read_gone(folder, name):
        raise gone_error(gone, str(folder), partial(read_gone, folder))
    path = folder / "versions" / name / "manifest.json"
    try:
        known, whole = path.parent.is_dir(), path.exists()
    except OSError as e:  # a folder that may not be looked into
        raise cannot_read(path, e) from e
    if not known:
        raise unknown_version(name, version_names(folder), str(folder))
    if not whole:
        raise DamagedError(
            f"{name} is named like a version and has no manifest.json",
            where=str(path.parent),
            remedy="restore the version folder from a copy of the dataset; if it never was a version of this one, move it away",
        )
    data = read_file(path)
    if manifest_sha256 is not None:
        checked(data, manifest_sha256, str(path))
    manifest = parse_manifest(data, str(path))
    if manifest.version != name:
        raise DamagedError(
            f"the manifest is of version {manifest.version}",
            where=str(path),
            remedy="restore the version folder from a copy of the dataset",
        )
    return manifest, data


def part_path(folder: Path, table: str, part: Part) -> Path:
    """Where the store keeps a part."""
    return folder / "tables" / table / part.file


def read_part(folder: Path, table: str, part: Part, schema_version: str = SCHEMA_VERSION) -> pa.Table:
    """The rows of a part in the store: digest, page checksums, row count and schema verified. Raises DamagedError.

    schema_version: of the version that the part is read for; one that this program knows.
    """
    path = part_path(folder, table, part)
    rows = decode(checked(read_file(path), part.sha256, str(path)), str(path))
    return conform(rows, table, part, str(path), schema_version)


def conform(rows: pa.Table, table: str, part: Part, where: str, schema_version: str = SCHEMA_VERSION) -> pa.Table:
    """`rows` in the schema that the table has in a schema version. Raises DamagedError when they are not what the manifest says."""
    schema = TABLES[table].schema_in(schema_version)
    if rows.num_rows != part.rows or rows.schema.names != schema.names:
        raise DamagedError(
            f"the file holds {counted(rows.num_rows, 'row')} of {counted(len(rows.schema), 'column')}, the manifest says {part.rows} of {len(schema)}",
            where=where,
            remedy="restore the file from a copy of the dataset",
        )
    return rows.cast(schema)


def require_known(manifest: Manifest, where: str) -> None:
    """Raises JianghuaError when a version has a schema that this program does not know."""
    if not knows(manifest.schema_version):
        raise JianghuaError(
            f"version {manifest.version} has schema {manifest.schema_version}, this program knows {SCHEMA_VERSION}",
            where=where,
            remedy="use the Jianghua that wrote it, or begin a new dataset folder",
        )
