"""Re-read everything that was published and name the first thing that is not as it was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crawler.errors import DamagedError
from publisher import delta
from publisher.changes import SCHEMA as CHANGES_SCHEMA
from publisher.gone import gone_path, gone_versions
from publisher.layout import keys
from publisher.manifest import Gone, Manifest, Part, as_json, latest_of, sha256, to_json
from publisher.projections import entry as listed_entry
from publisher.projections import gone_entry, index_entry, versions_document
from publisher.storage import checked, content_digest, decode, part_name, read_file
from publisher.tables import TABLES, knows
from publisher.versions import LATEST, conform, part_path, read_latest, read_manifest, unknown_version, version_names

_RESTORE = "restore it from a copy of the dataset"


@dataclass(slots=True)
class Report:
    """What was verified: names of versions, files and bytes read, rows of all tables."""

    versions: list[str]
    files: int = 0
    bytes: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class _Seen:
    """Files already read in this run, by device and inode: versions share their parts through hard links."""

    parts: dict[tuple[int, int], tuple[str, pa.Table]]


def verify(dataset: Path, version: str | None = None, progress: Callable[[str], None] = lambda _: None) -> Report:
    """Verify one version of a dataset folder, or, with none given, all of them, the store and latest.json.

    progress: called with each version's name. Raises DamagedError naming the first damaged file or broken link, UsageError
    for an unknown version.
    """
    latest = read_latest(dataset)
    names = version_names(dataset)
    if version == "latest" and latest:
        version = latest.version
    if latest is None or (version is not None and version not in names):
        raise unknown_version(version or "latest", names, str(dataset))
    report = Report([])
    path = dataset / LATEST
    if to_json(latest) != read_file(path):
        raise DamagedError("damaged latest.json: it is not as it was written", where=str(path), remedy=_RESTORE)
    if latest.version not in names:
        raise DamagedError(
            f"latest.json names version {latest.version}, which is missing",
            where=str(path),
            remedy=_RESTORE,
        )
    if latest != latest_of(read_manifest(dataset, latest.version, latest.manifest_sha256)[0], latest.manifest_sha256):
        raise DamagedError("latest.json does not say what the manifest says", where=str(path), remedy=_RESTORE)
    seen = _Seen({})
    digests: dict[str, tuple[Manifest, str]] = {}
    for name in names if version is None else [version]:
        progress(name)
        manifest, data = read_manifest(dataset, name, latest.manifest_sha256 if name == latest.version else None)
        digests[name] = manifest, sha256(data)
        _version(dataset, manifest, seen, report)
        report.versions.append(name)
    if version is None:
        gone = {g.version: g for g in gone_versions(dataset)}
        _chain(dataset, digests, gone)
        _listed(dataset, digests, gone)
        delta.check(dataset, digests)
        _store(dataset, digests, seen, report)
    return report


def _version(dataset: Path, manifest: Manifest, seen: _Seen, report: Report) -> None:
    """The files of a version folder against SHA256SUMS and manifest, and its rows against each other."""
    folder = dataset / "versions" / manifest.version
    sums = _sums(folder)
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {"SHA256SUMS"}
    for name in sorted(found ^ set(sums)):
        what = "a file is missing" if name in sums else "a file is not listed in SHA256SUMS"
        raise DamagedError(what, where=str(folder / name), remedy=_RESTORE)
    for table, entry in manifest.tables.items():
        for part in entry.parts:
            name = f"{table}/{part.file}"
            if sums.get(name) != part.sha256:
                raise DamagedError(
                    f"SHA256SUMS and manifest.json disagree about {name}", where=str(folder), remedy=_RESTORE
                )
    rows: dict[str, pa.Table] = {}
    for table, entry in manifest.tables.items():
        pieces = [
            _part(folder / table / part.file, table, part, manifest.schema_version, seen, report)
            for part in entry.parts
        ]
        rows[table] = pa.concat_tables(pieces) if pieces else pa.table({})
        if sum(p.rows for p in entry.parts) != entry.rows:
            raise DamagedError(
                f"the parts of {table} do not add up to {entry.rows} rows", where=str(folder), remedy=_RESTORE
            )
    for name in sorted(n for n in sums if "/" not in n):
        data = checked(read_file(folder / name), sums[name], str(folder / name))
        report.files += 1
        report.bytes += len(data)
        if name == "changes.parquet":
            decode(data, str(folder / name)).cast(CHANGES_SCHEMA)
    if missing := [t for t in TABLES if not manifest.tables.get(t) or not manifest.tables[t].parts]:
        raise DamagedError(f"the version has no table {missing[0]}", where=str(folder), remedy=_RESTORE)
    _links(folder, rows)


def _sums(folder: Path) -> dict[str, str]:
    path = folder / "SHA256SUMS"
    sums = {}
    for line in read_file(path).decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name:
            raise DamagedError(f"SHA256SUMS has a line that is none: {line[:40]!r}", where=str(path), remedy=_RESTORE)
        sums[name] = digest
    return sums


def _part(path: Path, table: str, part: Part, schema_version: str, seen: _Seen, report: Report) -> pa.Table:
    """The keys of a part's rows, the whole part verified; read once however many versions link it."""
    try:
        stat = path.stat()
    except OSError as e:
        raise DamagedError(f"cannot read: {e.strerror}", where=str(path), remedy=_RESTORE) from e
    identity = (stat.st_dev, stat.st_ino)
    if identity in seen.parts:
        digest, rows = seen.parts[identity]
        if digest == part.sha256:
            return rows
    data = checked(read_file(path), part.sha256, str(path))
    if part_name(part.sha256) != part.file or len(data) != part.bytes:
        raise DamagedError("name or size of the part is not what its digest says", where=str(path), remedy=_RESTORE)
    rows = decode(data, str(path))
    if table in TABLES:
        rows = conform(rows, table, part, str(path), schema_version) if knows(schema_version) else rows
        if content_digest(rows) != part.content_sha256:
            raise DamagedError("the rows do not have their content digest", where=str(path), remedy=_RESTORE)
        rows = rows.select(list(TABLES[table].key))  # all that is needed further on
    seen.parts[identity] = part.sha256, rows
    report.files += 1
    report.bytes += len(data)
    report.rows += part.rows
    return rows


def _links(folder: Path, rows: dict[str, pa.Table]) -> None:
    """Keys are unique, and duplicates, contained and provenance speak of speeches that are there."""
    for known in TABLES.values():
        found = rows[known.name]
        if pc.count_distinct(keys(found, known.key)).as_py() != found.num_rows:
            raise DamagedError(f"a key stands twice in {known.name}", where=str(folder), remedy="report this as a bug")
    speeches = rows["speeches"]["speech_id"].combine_chunks()
    for table, column in (
        ("duplicates", "speech_id"),
        ("contained", "speech_id"),
        ("contained", "container_id"),
        ("provenance", "speech_id"),
    ):
        ids = rows[table][column]
        strange = ids.filter(pc.invert(pc.is_in(ids, value_set=speeches)))
        if len(strange):
            raise DamagedError(
                f"{table}.{column} {strange[0].as_py()} is no speech of the version",
                where=str(folder),
                remedy="report this as a bug",
            )
    if len(set(rows["removed"]["speech_id"].to_pylist()) & set(speeches.to_pylist())):
        raise DamagedError("a speech is both there and removed", where=str(folder), remedy="report this as a bug")


def _chain(dataset: Path, digests: dict[str, tuple[Manifest, str]], gone: dict[str, Gone]) -> None:
    """Each version's parent is there or has a tombstone, unchanged, and one before it."""
    known = {m.version: (m.sequence, d, "manifest.json") for m, d in digests.values()}
    known |= {g.version: (g.sequence, g.manifest_sha256, "") for g in gone.values()}
    for manifest, _ in digests.values():
        parent = manifest.parent
        if parent and parent.version in known:
            sequence, digest, file = known[parent.version]
            if digest != parent.manifest_sha256 or sequence >= manifest.sequence:
                place = dataset / "versions" / parent.version / file if file else gone_path(dataset, parent.version)
                raise DamagedError(
                    f"version {parent.version} is not the parent that {manifest.version} was made from",
                    where=str(place),
                    remedy=_RESTORE,
                )


def _listed(dataset: Path, digests: dict[str, tuple[Manifest, str]], gone: dict[str, Gone]) -> None:
    """versions.json and index.json say what the manifests and tombstones say. They are derived: one that is missing, or that a
    publish or a retention killed right after its commit has not brought up to date yet, is no damage."""
    true = sorted((listed_entry(m, d) for m, d in digests.values()), key=lambda v: int(v["sequence"]))
    path = dataset / "versions.json"
    listed = _derived(path, "versions")
    if listed is not None:
        _versions(dataset, listed, true, gone)
    index = dataset.parent / "index.json"
    every = _derived(index, "datasets") or {"datasets": []}
    for mine in every["datasets"]:
        if mine.get("dataset") == dataset.name and not _indexed(dataset.name, mine, true, len(gone)):
            raise _derived_damage(index, f"it does not say of {dataset.name} what the manifests say")


def _versions(dataset: Path, listed: dict[str, Any], true: list[dict[str, Any]], gone: dict[str, Gone]) -> None:
    """versions.json against what is true: as it is now, or as it was before the last versions came or went."""
    path = dataset / "versions.json"
    there = [v for v in listed["versions"] if v.get("version") not in gone]
    since = [v for v in listed["versions"] if v.get("version") in gone]
    for entry in since:  # it went after this was written
        tomb = gone[entry["version"]]
        if (entry.get("sequence"), entry.get("manifest_sha256")) != (tomb.sequence, tomb.manifest_sha256):
            raise _derived_damage(path, f"it does not say of {tomb.version} what its tombstone says")
    told = listed.get("gone", [])  # none in one written before versions could go
    for found in told if isinstance(told, list) else [None]:
        tomb_of = gone.get(str(found.get("version"))) if isinstance(found, dict) else None
        if tomb_of is None or gone_entry(tomb_of) != found:
            name = tomb_of.version if tomb_of else "a version"
            where = f"{gone_path(dataset, name).name} disagrees with it" if tomb_of else "there is no such tombstone"
            raise _derived_damage(path, f"it says of {name} that it is gone, and {where}")
    known = [v for v in true if v["version"] in {t.get("version") for t in there}]
    # a version that came after this was written is lacking at the end; one re-issued since, in the middle
    names = {v["version"] for v in known}
    lacking = [v["version"] for v in true[: len(known)] if v["version"] not in names]
    replaced = {g.replaced_by for g in gone.values()}
    document = versions_document(dataset.name, listed["versions"], told)
    if "gone" not in listed:
        del document["gone"]
    sequences = [v["sequence"] for v in listed["versions"]]
    if there != known or not known or set(lacking) - replaced or sequences != sorted(sequences) or listed != document:
        raise _derived_damage(path, "it does not say what the manifests say")


def _indexed(dataset: str, mine: dict[str, Any], true: list[dict[str, Any]], gone: int) -> bool:
    """Whether an entry of index.json is, or was before the last versions came or went, what the manifests say."""
    for i, last in enumerate(true):
        entry = index_entry(dataset, true[: i + 1])
        if mine == entry:
            return True
        more = mine.get("versions")
        if last is true[-1] and isinstance(more, int) and 0 <= more - len(true) <= gone:
            return mine == {**entry, "versions": more}
    return False


def _derived(path: Path, key: str) -> dict[str, Any] | None:
    """The content of a derived file written just as we write it, None when there is none."""
    if not path.exists():
        return None
    data = read_file(path)
    try:
        found = json.loads(data)
        if all(isinstance(v, dict) for v in found[key]) and as_json(found) == data:
            return dict(found)
    except (ValueError, KeyError, TypeError):
        pass
    raise _derived_damage(path, f"it is no list of {key} as written")


def _derived_damage(path: Path, what: str) -> DamagedError:
    return DamagedError(
        f"damaged {path.name}: {what}",
        where=str(path),
        remedy="delete it and run `jianghua publish speeches`, which writes it anew",
    )


def _store(dataset: Path, digests: dict[str, tuple[Manifest, str]], seen: _Seen, report: Report) -> None:
    """The store has every part of every version, whole."""
    for manifest, _ in digests.values():
        for table, entry in manifest.tables.items():
            for part in entry.parts:
                _part(part_path(dataset, table, part), table, part, manifest.schema_version, seen, report)
