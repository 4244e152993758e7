"""The dataset as Delta tables: a log beside the parts of each table (tables/TABLE/_delta_log), one commit a version.

The log is derived: made from the manifests, by appending the commits of versions that it lacks, or anew where it says anything
else (a version is gone or was re-issued, the log is damaged). Readers, Delta's own and ours, only read it; our lock decides who
writes. Never vacuum these tables: the files belong to the versions.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.durable import cannot_write, fsync_folder
from crawler.errors import DamagedError
from publisher.delta_log import (
    LOG,
    REMEDY,
    Commit,
    File,
    Step,
    begun,
    commit_name,
    delta_schema,
    following,
    last_stamp,
    make,
    names_digest,
    read_log,
)
from publisher.gone import gone_names
from publisher.manifest import Latest, Manifest, TableEntry
from publisher.tables import TABLES, knows
from publisher.versions import live_versions, read_manifest, unknown_version, version_names

Manifests = list[tuple[Manifest, str]]


def project(folder: Path, latest: Latest) -> None:
    """Bring the Delta log of every table of a dataset up to its latest version; cheap where it is there already.

    The caller holds the dataset's lock. Killed at any moment and run again, the same log comes out. Raises DamagedError for
    a damaged manifest, JianghuaError when the disk is full.
    """
    names = version_names(folder)
    for left in folder.glob("tables/*/.delta*.tmp"):
        _discard(left)
    digest = names_digest(names)
    stale = [t for t in _tables(folder) if not _up_to_date(t, latest, digest)]
    if not stale:
        return
    look = cache(partial(_last_two, folder, latest, names))
    live = cache(partial(live_versions, folder, latest))
    try:
        for table in stale:
            name = f"{folder.name}/{table.name}"
            if not _follow(table, name, look, digest):
                _bring(table, name, live())
    except OSError as e:
        raise cannot_write(Path(e.filename) if e.filename else folder, e) from e


def delta_version_of(folder: Path, table: str, dataset_version: str) -> int:
    """The number that a version of the dataset has as version of a Delta table: `DeltaTable(path, version=number)`.

    Numbers change when versions go. Raises UsageError for a version that the log does not have, DamagedError.
    """
    known = [c.version for c in read_log(folder / "tables" / table)]
    if dataset_version not in known:
        raise unknown_version(dataset_version, known, str(folder / "tables" / table / LOG))
    return known.index(dataset_version)


def check(folder: Path, manifests: Mapping[str, tuple[Manifest, str]]) -> None:
    """Hold the Delta logs of a dataset against its manifests, without reading data.

    manifests: of all versions there are, by name, with their SHA-256. A log that is missing or behind is no damage, as it is
    derived; one that says something else is. Raises DamagedError naming the first thing that is wrong.
    """
    gone = gone_names(folder)
    for table in _tables(folder):
        _check(table, manifests, gone)


def stale(folder: Path, latest: Latest, manifests: Mapping[str, tuple[Manifest, str]]) -> list[Path]:
    """The tables whose log is missing, behind, or not what the manifests say. manifests: as of `check`."""
    digest, gone = names_digest(manifests), gone_names(folder)
    out = []
    for table in _tables(folder):
        try:
            _check(table, manifests, gone)
            good = _up_to_date(table, latest, digest)
        except DamagedError:
            good = False
        if not good and any(table.name in m.tables for m, _ in manifests.values()):
            out.append(table)
    return out


def put_aside(tables: Iterable[Path]) -> None:
    """Take the logs of tables away, so that `project` makes them anew."""
    for table in tables:
        old, place = table / ".delta-old.tmp", table / LOG
        _discard(old)
        if place.is_dir():
            place.rename(old)
        else:
            place.unlink(missing_ok=True)


def _check(table: Path, manifests: Mapping[str, tuple[Manifest, str]], gone: Collection[str]) -> None:
    commits = read_log(table)
    sequences = [c.sequence for c in commits]
    for before, commit in zip([None, *commits], commits, strict=False):
        if before and commit.sequence <= before.sequence:
            raise _wrong(commit, f"it has version {commit.version} after {before.version}")
        if commit.version in gone:
            continue  # a publish or a retention that was killed has not made the log anew yet
        if commit.version not in manifests:
            raise _wrong(commit, f"there is no version {commit.version}")
        manifest, digest = manifests[commit.version]
        if (manifest.sequence, digest) != (commit.sequence, commit.manifest_sha256):
            raise _wrong(commit, f"version {commit.version} is another one")
        true = _files(manifest.tables.get(table.name))
        if commit.files != true:
            odd = sorted(p for p in {*true, *commit.files} if true.get(p) != commit.files.get(p))
            raise _wrong(commit, f"{odd[0]} is not there as in version {commit.version}")
    for manifest, _ in manifests.values():
        if (
            commits
            and manifest.sequence < sequences[-1]
            and manifest.sequence not in sequences
            and table.name in manifest.tables
        ):
            raise DamagedError(
                f"the Delta log of {table.name} lacks version {manifest.version}",
                where=str(table / LOG),
                remedy=REMEDY,
            )


def _wrong(commit: Commit, what: str) -> DamagedError:
    return DamagedError(f"the Delta log contradicts the manifests: {what}", where=str(commit.path), remedy=REMEDY)


def _tables(folder: Path) -> list[Path]:
    """The folders of the tables in the store."""
    store = folder / "tables"
    return sorted(p for p in store.iterdir() if p.is_dir() and p.name[0] != ".") if store.is_dir() else []


def _up_to_date(table: Path, latest: Latest, digest: str) -> bool:
    """Whether the last commit is of the latest version, made when there were the versions that there are now."""
    stamp = last_stamp(table)
    return stamp is not None and (stamp.get("version"), stamp.get("manifest_sha256"), stamp.get("versions")) == (
        latest.version,
        latest.manifest_sha256,
        digest,
    )


def _files(entry: TableEntry | None) -> dict[str, File]:
    return {p.file: File(p.bytes, p.rows) for p in entry.parts} if entry else {}


Two = tuple[tuple[Manifest, str], tuple[Manifest, str]]


def _last_two(folder: Path, latest: Latest, names: list[str], version: str, digest: str, versions: str) -> Two | None:
    """The manifest that a log ends with and the latest one, if the latter is all that the log lacks. digest, versions: as its last
    commit has them."""
    if version not in names or latest.version not in names or version == latest.version:
        return None
    if versions != names_digest(n for n in names if n != latest.version):
        return None
    try:
        before, _ = read_manifest(folder, version, digest)
    except DamagedError:
        return None
    after, _ = read_manifest(folder, latest.version, latest.manifest_sha256)
    if before.sequence >= after.sequence or after.reissue_of is not None:
        return None
    return (before, digest), (after, latest.manifest_sha256)


def _follow(table: Path, name: str, look: Callable[[str, str, str], Two | None], digest: str) -> bool:
    """Append the latest version to a log that lacks nothing else, without reading it: what every publish needs, at a cost that
    follows the change. Whether that was the case."""
    stamp = last_stamp(table)
    two = look(str(stamp["version"]), str(stamp["manifest_sha256"]), str(stamp["versions"])) if stamp else None
    if stamp is None or two is None or table.name not in two[0][0].tables:
        return False
    try:
        created = begun(table)
    except DamagedError:
        return False
    number = int(stamp["number"]) + 1
    if _same_schema(table, *(m for m, _ in two)):
        was, now = (_step(table, m, d, digest, "", own=False) for m, d in two)
        if data := following(name, now, was.files, created):
            _add(table, number, data, now)
            return True
    last, step = (_step(table, m, d, digest, "") for m, d in two)
    before = Commit(
        table / LOG, last.version, last.sequence, last.manifest_sha256, "", last.schema, created, last.files
    )
    _append(table, name, before, number, [replace(step, schema=step.schema or last.schema)])
    return True


def _bring(table: Path, name: str, live: Manifests) -> None:
    """Bring a log up to date, whatever it is like."""
    steps = _steps(table, live)
    try:
        commits = read_log(table)
    except DamagedError:
        commits = []
    there = [(c.version, c.sequence, c.manifest_sha256, c.versions, c.files) for c in commits]
    wanted = [(s.version, s.sequence, s.manifest_sha256, s.versions, s.files) for s in steps]
    if there and there == wanted[: len(there)]:
        _append(table, name, commits[-1], len(commits), steps[len(commits) :])
    else:
        _anew(table, name, steps)


def _append(table: Path, name: str, last: Commit, number: int, steps: list[Step]) -> None:
    if not steps:
        return
    for i, data in enumerate(make(name, steps, table, last)):
        _add(table, number + i, data, steps[i])


def _add(table: Path, number: int, data: bytes, step: Step) -> None:
    beside = table / f".delta-{number}.json.tmp"
    _write(beside, data, step)
    beside.rename(table / LOG / commit_name(number))
    fsync_folder(table / LOG)


def _anew(table: Path, name: str, steps: list[Step]) -> None:
    """Make the whole log beside the old one and put it in its place; between the two moves there is none for a moment."""
    new, old, place = table / ".delta-new.tmp", table / ".delta-old.tmp", table / LOG
    if steps:
        new.mkdir()
        for i, data in enumerate(make(name, steps, table)):
            _write(new / commit_name(i), data, steps[i])
        fsync_folder(new)
    if place.exists():
        place.rename(old)
    if steps:
        new.rename(place)
    fsync_folder(table)
    _discard(old)


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write(path: Path, data: bytes, step: Step) -> None:
    with path.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    # time travel by date goes by the time of the file
    at = step.published_at.timestamp()
    os.utime(path, (at, at))


def _steps(table: Path, live: Manifests) -> list[Step]:
    """The commits that the log is to have: from the first version that has the table."""
    first = next((i for i, (m, _) in enumerate(live) if table.name in m.tables), len(live))
    steps: list[Step] = []
    for i, (manifest, digest) in enumerate(live):
        if i >= first:
            names = names_digest(m.version for m, _ in live[: i + 1])
            steps.append(_step(table, manifest, digest, names, steps[-1].schema if steps else ""))
    return steps


def _same_schema(table: Path, before: Manifest, after: Manifest) -> bool:
    """Whether the table has one schema in both versions, as can be told without a file of it."""
    known = table.name in TABLES and knows(after.schema_version)
    return table.name not in after.tables or (known and before.schema_version == after.schema_version)


def _step(table: Path, manifest: Manifest, digest: str, names: str, schema: str, own: bool = True) -> Step:
    """The commit of a version. schema: of the version before, for one that does not tell its own; own: whether its own is asked for."""
    entry = manifest.tables.get(table.name)
    if entry and own:
        schema = _schema(table, manifest.schema_version, entry.parts[0].file if entry.parts else None) or schema
    return Step(
        table.name,
        manifest.version,
        manifest.sequence,
        digest,
        names,
        manifest.published_at,
        schema,
        _files(entry),
    )


def _schema(table: Path, schema_version: str, part: str | None) -> str | None:
    """The schema of a table in a version: ours where this program knows it, else the one that its files have."""
    if table.name in TABLES and knows(schema_version):
        return _known_schema(table.name, schema_version)
    if part is None:
        return None
    try:
        schema = pq.read_schema(table / part)
    except (OSError, pa.ArrowException) as e:
        raise DamagedError(
            f"damaged Parquet file: {e}", where=str(table / part), remedy="restore it from a copy of the dataset"
        ) from e
    return delta_schema(schema, table.name)


@cache
def _known_schema(table: str, schema_version: str) -> str:
    return delta_schema(TABLES[table].schema_in(schema_version), table)
