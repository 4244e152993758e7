"""The versions of a dataset folder, read: which there are, their manifests and rows. Everything read is verified."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from crawler.errors import DamagedError, JianghuaError, UsageError
from publisher.layout import Stored
from publisher.manifest import (
    Latest,
    Manifest,
    Part,
    Reference,
    TableEntry,
    parse_latest,
    parse_manifest,
    sha256,
)
from publisher.storage import checked, decode, read_file
from publisher.tables import SCHEMA_VERSION, TABLES, knows

VERSION = re.compile(r"(\d{4}-\d{2}-\d{2})\.(\d+)")
LATEST = "latest.json"


@dataclass(frozen=True, slots=True)
class Version:
    """One version in memory: its manifest, where it was read from, and its tables as parts with rows."""

    manifest: Manifest
    reference: Reference
    tables: dict[str, list[Stored]]

    def rows(self, table: str) -> pa.Table:
        """All rows of a table, in the order of its parts; a version of an older schema lacks the columns added since."""
        parts = [s.rows for s in self.tables[table]]
        return pa.concat_tables(parts) if parts else TABLES[table].schema.empty_table()


def read_latest(folder: Path) -> Latest | None:
    """What latest.json says, None before the first version.

    Raises DamagedError when it cannot be understood, or is missing although there are versions.
    """
    path = folder / LATEST
    if not path.exists():
        if names := version_names(folder):
            raise DamagedError(
                f"latest.json is missing, though there are {len(names)} versions",
                where=str(path),
                remedy="restore latest.json from a copy of the dataset; nothing was changed",
            )
        return None
    return parse_latest(read_file(path), str(path))


def version_names(folder: Path) -> list[str]:
    """Names of the version folders, by date and number."""
    names = [p.name for p in (folder / "versions").glob("*") if VERSION.fullmatch(p.name)]
    return sorted(names, key=order)


def order(name: str) -> tuple[str, int]:
    """Sort key of a version name. Raises UsageError when it is none."""
    m = VERSION.fullmatch(name)
    if not m:
        raise UsageError(f"'{name}' is no version name", remedy="write it as in `jianghua versions`, e.g. 2026-11-22.1")
    return m[1], int(m[2])


def unknown_version(name: str, known: Sequence[str], where: str) -> UsageError:
    """The error for a version that is not there, naming the ones that are."""
    shown = ", ".join(known[-10:]) or "none yet"
    return UsageError(
        f"unknown version '{name}'",
        where=where,
        remedy=f"use latest or one of: {shown}" + (f" (and {len(known) - 10} older)" if len(known) > 10 else ""),
    )


def read_manifest(folder: Path, name: str, manifest_sha256: str | None = None) -> tuple[Manifest, bytes]:
    """The manifest of a version and its bytes, checked against its digest where one is given.

    Raises UsageError for a version that is not there, DamagedError for a manifest that is not what was written.
    """
    path = folder / "versions" / name / "manifest.json"
    if not path.parent.is_dir():
        raise unknown_version(name, version_names(folder), str(folder))
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
            f"the file holds {rows.num_rows} rows of {len(rows.schema)} columns, the manifest says {part.rows} of {len(schema)}",
            where=where,
            remedy="restore the file from a copy of the dataset",
        )
    return rows.cast(schema)


def read_tables(folder: Path, entries: dict[str, TableEntry], schema_version: str) -> dict[str, list[Stored]]:
    """The parts of every table with their rows. Raises DamagedError."""
    return {
        name: [Stored(p, read_part(folder, name, p, schema_version)) for p in entry.parts]
        for name, entry in entries.items()
        if name in TABLES
    }


def read_version(folder: Path, name: str, manifest_sha256: str | None = None) -> Version:
    """A whole version in memory, in its own schema version.

    Raises UsageError for an unknown one, DamagedError for a damaged one, JianghuaError for one whose schema this program does not know.
    """
    manifest, data = read_manifest(folder, name, manifest_sha256)
    if not knows(manifest.schema_version):
        raise JianghuaError(
            f"version {name} has schema {manifest.schema_version}, this program knows {SCHEMA_VERSION}",
            where=str(folder / "versions" / name / "manifest.json"),
            remedy="use the Jianghua that wrote it, or begin a new dataset folder",
        )
    reference = Reference(version=name, sequence=manifest.sequence, manifest_sha256=sha256(data))
    return Version(manifest, reference, read_tables(folder, manifest.tables, manifest.schema_version))
