"""Versions that are no more: their tombstones (versions/NAME.gone.json), and how a version goes.

Writing the tombstone is the commit: from then on the version is gone for everything here, whether its folder still lies there or
not. The folder is moved away in one step, so that nobody sees half of one, and then removed; `finish` does what a kill left.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from crawler.durable import cannot_read, cannot_write, fsync_folder, write_bytes
from crawler.errors import DamagedError, UsageError
from publisher.manifest import Gone, Manifest, parse_gone, to_json
from publisher.storage import read_file

SUFFIX = ".gone.json"


def gone_path(folder: Path, name: str) -> Path:
    """Where the tombstone of a version lies. folder: of the dataset."""
    return folder / "versions" / f"{name}{SUFFIX}"


def tombstone(
    manifest: Manifest,
    manifest_sha256: str,
    state: Literal["yanked", "retired"],
    reason: str,
    at: datetime,
    replaced_by: str | None = None,
) -> Gone:
    """The tombstone of a version. reason: for people; at: now; replaced_by: the version that stands in its place."""
    return Gone(
        version=manifest.version,
        sequence=manifest.sequence,
        state=state,
        reason=reason,
        at=at.astimezone(UTC).replace(microsecond=0),
        manifest_sha256=manifest_sha256,
        replaced_by=replaced_by,
        published_at=manifest.published_at,
    )


def read_gone(folder: Path, name: str) -> Gone | None:
    """The tombstone of a version, None when it has none. Raises DamagedError when it is not as it was written."""
    path = gone_path(folder, name)
    try:
        if not path.exists():
            return None
    except OSError as e:  # a folder that may not be looked into
        raise cannot_read(path, e) from e
    data = read_file(path)
    gone = parse_gone(data, str(path))
    if gone.version != name or to_json(gone) != data:
        raise DamagedError(
            "damaged tombstone of a version: it is not as it was written",
            where=str(path),
            remedy="restore the file from a copy of the dataset",
        )
    return gone


def gone_names(folder: Path) -> set[str]:
    """Names of the versions that have a tombstone."""
    try:
        return {p.name.removesuffix(SUFFIX) for p in (folder / "versions").iterdir() if p.name.endswith(SUFFIX)}
    except FileNotFoundError:
        return set()


def gone_versions(folder: Path) -> list[Gone]:
    """Every tombstone, by sequence and name. Raises DamagedError."""
    found = [g for name in gone_names(folder) if (g := read_gone(folder, name))]
    return sorted(found, key=lambda g: (g.sequence, g.version))


class GoneError(UsageError):
    """A version was asked for that is gone. gone: its tombstone."""

    gone: Gone


def gone_error(gone: Gone, where: str, look: Callable[[str], Gone | None]) -> GoneError:
    """The error for reading a version that is gone: what became of it, why, and what to read in its place.

    look: gives the tombstone of a version, None when it has none. What replaced a version may have been replaced in its turn.
    """
    last, seen = gone, {gone.version}
    while last.replaced_by and last.replaced_by not in seen and (after := look(last.replaced_by)):
        seen.add(last.replaced_by)
        last = after
    how = "was taken back on" if gone.state == "yanked" else "is no longer kept since"
    error = GoneError(
        f"version {gone.version} {how} {gone.at:%Y-%m-%d} ({gone.state}): {gone.reason}",
        where=where,
        remedy=f"use {last.replaced_by}, which replaces it"
        if last.replaced_by
        else "use another version; `jianghua versions` lists them",
    )
    error.gone = gone
    return error


def remove_version(folder: Path, gone: Gone) -> None:
    """Let a version go: its tombstone first, then its folder. Its parts stay in the store (publisher/retention.py sweeps them).

    The caller holds the dataset's lock. Killed at any point, `finish` does the rest. A tombstone that is there already stays as
    it is. Raises JianghuaError when the disk is full or the folder cannot be changed.
    """
    if read_gone(folder, gone.version) is None:
        write_bytes(gone_path(folder, gone.version), to_json(gone))
    _remove_folder(folder, gone.version)


def finish(folder: Path) -> None:
    """Remove what is left of versions that have a tombstone. The caller holds the dataset's lock."""
    for name in sorted(gone_names(folder)):
        _remove_folder(folder, name)
    for left in (folder / "versions").glob(".gone-*"):
        shutil.rmtree(left)


def _remove_folder(folder: Path, name: str) -> None:
    place, aside = folder / "versions" / name, folder / "versions" / f".gone-{name}"
    try:
        if place.exists():
            if aside.exists():
                shutil.rmtree(aside)
            place.rename(aside)
            fsync_folder(place.parent)
        if aside.exists():
            shutil.rmtree(aside)
    except OSError as e:
        raise cannot_write(place, e) from e
