"""What a publish takes in: the records of every site, unit by unit (a unit is one shard), so that no more than one has to be in memory.

A unit has a token that names its content; a publish skips the units whose token its parent version has already taken in.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.durable import cannot_write
from crawler.errors import DamagedError
from crawler.home import Home
from crawler.records import PAGE_SCHEMA, PROVENANCE_SCHEMA, SPEECH_SCHEMA
from crawler.shards import BUCKETS, Shard, extracted_sites, read_pointer, verify

SCHEMAS: dict[str, pa.Schema] = {
    "speeches": SPEECH_SCHEMA,
    "provenance": PROVENANCE_SCHEMA,
    "pages": PAGE_SCHEMA,
}


@dataclass(frozen=True, slots=True)
class Unit:
    """One shard of records. name: `SITE/BUCKET`; token: names its content, None where it cannot be told without reading."""

    name: str
    site: str
    token: str | None


class Source(Protocol):
    """Where records come from."""

    def units(self) -> Sequence[Unit]:
        """Every unit there is, in a fixed order."""

    def read(self, unit: Unit, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a table of a unit, always the same ones in the same order. Raises DamagedError."""

    def rows(self, unit: Unit, table: str) -> int:
        """How many rows a table of a unit has."""

    def token(self, unit: Unit) -> str | None:
        """The token of what was really read: a shard may have been replaced after `units`."""

    @property
    def damaged(self) -> Mapping[str, str]:
        """Sites whose records cannot be read, and what is wrong with them; they have no units."""


@dataclass(frozen=True)
class Tables:
    """Records in memory, as one unit."""

    tables: Mapping[str, pa.Table]
    damaged: Mapping[str, str] = field(default_factory=dict)

    def units(self) -> Sequence[Unit]:
        return [Unit("memory", "", None)]

    def read(self, unit: Unit, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        rows = self.tables[table]
        return rows if columns is None else rows.select([c for c in columns if c in rows.column_names])

    def rows(self, unit: Unit, table: str) -> int:
        return len(self.tables[table])

    def token(self, unit: Unit) -> str | None:
        return None


@dataclass
class Shards:
    """The committed shards of every site of a home, held fast: an extraction may go on beside.

    folder: where the files are linked to while they are read, so that a shard replaced meanwhile can still be read.
    """

    home: Home
    folder: Path
    damaged: dict[str, str] = field(default_factory=dict)
    _found: dict[str, Shard] = field(default_factory=dict)
    _held: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for site in extracted_sites(self.home):
            try:
                shards = {f"{site}/{b:02x}": read_pointer(self.home, site, b) for b in range(BUCKETS)}
            except DamagedError as e:
                self.damaged[site] = str(e)
                continue
            self._found |= {name: shard for name, shard in shards.items() if shard is not None}

    def units(self) -> Sequence[Unit]:
        return [Unit(name, s.site, s.folder.name) for name, s in self._found.items() if s.site not in self.damaged]

    def read(self, unit: Unit, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        folder = self._hold(unit)
        path = folder / f"{table}.parquet"
        try:
            found = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False).read(
                columns=None if columns is None else list(columns)
            )
            # Parquet knows no seconds: timestamps come back in milliseconds
            return found.cast(pa.schema([SCHEMAS[table].field(name) for name in found.column_names]))
        except (pa.ArrowException, OSError, ValueError, KeyError) as e:
            raise DamagedError(
                f"a file of the records cannot be read: {str(e).splitlines()[0]}",
                where=str(self._found[unit.name].path(table)),
                remedy="run `jianghua extract` again: it makes the shard anew",
            ) from None

    def _hold(self, unit: Unit, attempts: int = 5) -> Path:
        """The unit's files, linked where nobody sweeps them and checked against their SHA-256."""
        target = self.folder / unit.name
        if unit.name in self._held:
            return target
        shard = self._found[unit.name]
        for attempt in range(attempts):
            shutil.rmtree(target, ignore_errors=True)
            try:
                target.mkdir(parents=True)
                for table in SCHEMAS:
                    _link(shard.path(table), target / f"{table}.parquet")
                verify(Shard(shard.site, shard.bucket, target, "", shard.files), tuple(SCHEMAS))
                break
            except (DamagedError, FileNotFoundError) as e:
                # An extraction may have replaced the shard between its pointer and its files; then there is a new pointer.
                newer = read_pointer(self.home, shard.site, shard.bucket)
                if newer is None or newer.folder == shard.folder or attempt == attempts - 1:
                    raise DamagedError(
                        "a file of the records is not what was written",
                        where=str(shard.folder),
                        remedy="run `jianghua extract` again: it makes the shard anew",
                    ) from e
                shard = self._found[unit.name] = newer
            except OSError as e:
                raise cannot_write(target, e) from e
        self._held.add(unit.name)
        return target

    def rows(self, unit: Unit, table: str) -> int:
        return int(self._found[unit.name].files[table]["rows"])

    def token(self, unit: Unit) -> str | None:
        return self._found[unit.name].folder.name


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or none with hard links
        shutil.copyfile(source, target)


def sites_with_records(home: Home) -> list[str]:
    """Names of the sites that extraction has written records of."""
    return extracted_sites(home)


def read_all(home: Home) -> dict[str, pa.Table]:
    """The tables speeches, provenance and pages of all sites, in memory (for small homes and tests). Raises DamagedError."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="jianghua-") as folder:
        source = Shards(home, Path(folder))
        units = source.units()
        return {n: pa.concat_tables([s.empty_table(), *(source.read(u, n) for u in units)]) for n, s in SCHEMAS.items()}
