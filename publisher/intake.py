"""What a publish takes in: the records of every site, unit by unit (a unit is one shard), so that no more than one has to be in memory.

A unit has a token that names its content; a publish skips the units whose token its parent version has already taken in.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from crawler.durable import cannot_write
from crawler.errors import DamagedError
from crawler.home import Home
from crawler.records import PAGE_SCHEMA, PROVENANCE_SCHEMA, SPEECH_SCHEMA
from crawler.shards import (
    BUCKETS,
    MARKS,
    Shard,
    ShardChange,
    decoded,
    extracted_sites,
    fresh_path,
    read_fresh,
    read_marks,
    read_pointer,
    verify,
)
from publisher.layout import flat

FRESH = "fresh.arrows"
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

    def check(self, unit: Unit) -> None:
        """See whether the files of a unit are what was written, without reading rows. Raises DamagedError."""

    def marks(self, unit: Unit) -> pa.Table | None:
        """Key, day and digest of each row of a unit (crawler/shards.py, MARKS_SCHEMA), None where they are not known. Raises DamagedError."""

    def change(self, unit: Unit) -> ShardChange | None:
        """What the token of a unit changed in it, None where that was not kept."""

    def some(self, unit: Unit, table: str, rows: Sequence[int]) -> pa.Table:
        """Some rows of a table of a unit, by their numbers, ascending. Raises DamagedError."""

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

    def check(self, unit: Unit) -> None:
        pass

    def marks(self, unit: Unit) -> pa.Table | None:
        return None

    def change(self, unit: Unit) -> ShardChange | None:
        return None

    def some(self, unit: Unit, table: str, rows: Sequence[int]) -> pa.Table:
        return self.tables[table].take(pa.array(rows, pa.int64()))

    def token(self, unit: Unit) -> str | None:
        return None

    def without(self, sites: Collection[str]) -> Tables:
        """The same without what is of these sites."""
        of_id = pc.replace_substring_regex(self.tables["provenance"]["speech_id"], ":[^:]*$", "")
        names = {n: of_id if n == "provenance" else rows["site"] for n, rows in self.tables.items()}
        theirs = pa.array(list(sites), pa.string())
        rest = {n: rows.filter(pc.invert(pc.is_in(names[n], value_set=theirs))) for n, rows in self.tables.items()}
        return Tables(rest, self.damaged)


@dataclass
class Shards:
    """The committed shards of every site of a home, held fast: an extraction may go on beside.

    folder: where the files are linked to while they are read, so that a shard replaced meanwhile can still be read.
    """

    home: Home
    folder: Path
    damaged: dict[str, str] = field(default_factory=dict)
    _found: dict[str, Shard] = field(default_factory=dict)
    _held: dict[str, Path] = field(default_factory=dict)
    _checked: dict[tuple[str, str], Path] = field(default_factory=dict)
    _fresh: dict[str, ShardChange | None] = field(default_factory=dict)

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
        path = self._verified(unit, table)
        try:
            with pa.memory_map(str(path)) as file:
                return decoded(file, table, self._found[unit.name].form, columns)
        except (pa.ArrowException, OSError, ValueError, KeyError) as e:
            raise self._broken(unit, table, e) from None

    def check(self, unit: Unit) -> None:
        for table in SCHEMAS:
            self._verified(unit, table)

    def _verified(self, unit: Unit, table: str) -> Path:
        """The file of a table, compared once with the digest that the pointer tells."""
        if (known := self._checked.get((unit.name, table))) is not None:
            return known
        held = replace(self._found[unit.name], folder=self._hold(unit))
        try:
            verify(held, (table,))
        except DamagedError as e:
            raise self._broken(unit, table, e) from None
        return self._checked.setdefault((unit.name, table), held.path(table))

    def _hold(self, unit: Unit, attempts: int = 5) -> Path:
        """The unit's files, linked where nobody sweeps them."""
        if (held := self._held.get(unit.name)) is not None:
            return held
        target = self.folder / unit.name
        shard = self._found[unit.name]
        for attempt in range(attempts):
            if attempt or target.exists():
                shutil.rmtree(target, ignore_errors=True)
            try:
                target.mkdir(parents=True)
                for file in [
                    *(f"{table}.{shard.form}" for table in SCHEMAS),
                    *([MARKS] if shard.marks is not None else []),
                ]:
                    _link(f"{shard.folder}/{file}", f"{target}/{file}")  # joining paths takes longer than linking does
                with contextlib.suppress(FileNotFoundError):
                    _link(fresh_path(self.home, shard), target / FRESH)
                break
            except FileNotFoundError as e:
                # An extraction may have replaced the shard between its pointer and its files; then there is a new pointer.
                newer = read_pointer(self.home, shard.site, shard.bucket)
                if newer is None or newer.folder == shard.folder or attempt == attempts - 1:
                    raise DamagedError(
                        "a file of the records is missing",
                        where=str(shard.folder),
                        remedy="run `jianghua extract` again: it makes the shard anew",
                    ) from e
                shard = self._found[unit.name] = newer
            except OSError as e:
                raise cannot_write(target, e) from e
        self._held[unit.name] = target
        return target

    def marks(self, unit: Unit) -> pa.Table | None:
        folder = self._hold(unit)
        try:
            return read_marks(self._found[unit.name], folder / MARKS)
        except DamagedError as e:
            raise self._broken(unit, "marks", e) from None

    def change(self, unit: Unit) -> ShardChange | None:
        """The unit need not be held for it: what its token changed is in this one file."""
        return read_fresh(fresh_path(self.home, self._found[unit.name]))

    def some(self, unit: Unit, table: str, rows: Sequence[int]) -> pa.Table:
        """From what extraction keeps of a shard beside it, where all of the rows are there."""
        if unit.name not in self._fresh:  # of one unit at a time, which is how they are asked for
            self._fresh = {unit.name: read_fresh(self._hold(unit) / FRESH)}
        if (kept := self._fresh[unit.name]) is not None:
            at = pc.index_in(pa.array(rows, pa.int64()), value_set=flat(kept.numbers[table]))
            if not at.null_count:
                return kept.tables[table].take(at)
        return self.read(unit, table).take(pa.array(rows, pa.int64()))

    def _broken(self, unit: Unit, table: str, error: Exception) -> DamagedError:
        shard = self._found[unit.name]
        return DamagedError(
            error.what
            if isinstance(error, DamagedError)
            else f"a file of the records cannot be read: {(str(error) or repr(error)).splitlines()[0]}",
            where=str(shard.folder / MARKS if table == "marks" else shard.path(table)),
            remedy="run `jianghua extract` again: it makes the shard anew",
        )

    def token(self, unit: Unit) -> str | None:
        return self._found[unit.name].folder.name


def _link(source: Path | str, target: Path | str) -> None:
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
