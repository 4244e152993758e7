"""One version's folder, verified: its files against its manifest, its rows against each other, and what is derived made again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crawler.durable import cannot_read
from crawler.errors import DamagedError
from crawler.textrules import text_digests_wrong
from crawler.wording import counted
from publisher.changes import SCHEMA as CHANGES_SCHEMA
from publisher.changes import Changes
from publisher.layout import keys
from publisher.manifest import Manifest, Part
from publisher.storage import checked, content_digest, decode, part_name, read_file
from publisher.tables import TABLES, knows
from publisher.versions import conform, part_path

RESTORE = "restore it from a copy of the dataset"
_BUG = "report this as a bug"


@dataclass(slots=True)
class Report:
    """What was verified. files, bytes: read (`quick`: looked at); rows: of all tables; seconds: that it took. unchecked: what could not be,
    since another version than those asked for is damaged, for people."""

    versions: list[str]
    files: int = 0
    bytes: int = 0
    rows: int = 0
    seconds: float = 0.0
    quick: bool = False
    unchecked: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is kept of a part that was read: the keys of its rows, and how many a site has (of speeches)."""

    sha256: str
    keys: pa.Table
    sites: Counter[str]


@dataclass(slots=True)
class Run:
    """One verification. seen: parts already read, by device and inode: versions share their parts through hard links."""

    dataset: Path
    report: Report
    progress: Callable[[str], None]
    seen: dict[tuple[int, int], _Facts] = field(default_factory=dict)

    def part(self, path: Path, table: str, part: Part, schema_version: str) -> _Facts:
        """What a part holds, the whole part verified; read once however many versions link it."""
        try:
            if path.is_symlink():
                raise linked(path)
            stat = path.stat()
        except PermissionError as e:
            raise cannot_read(path, e) from e
        except OSError as e:
            raise DamagedError(f"cannot read: {e.strerror}", where=str(path), remedy=RESTORE) from e
        known = self.seen.get((stat.st_dev, stat.st_ino))
        if known and known.sha256 == part.sha256:
            return known
        data = checked(read_file(path), part.sha256, str(path))
        if part_name(part.sha256) != part.file or len(data) != part.bytes:
            raise DamagedError("name or size of the part is not what its digest says", where=str(path), remedy=RESTORE)
        rows = decode(data, str(path))
        sites: Counter[str] = Counter()
        if table in TABLES:
            rows = conform(rows, table, part, str(path), schema_version) if knows(schema_version) else rows
            if content_digest(rows) != part.content_sha256:
                raise DamagedError("the rows do not have their content digest", where=str(path), remedy=RESTORE)
            if table == "speeches":
                wrong = text_digests_wrong(rows)
                if len(wrong):
                    speech = rows["speech_id"][int(wrong[0])].as_py()
                    raise DamagedError(f"the text of {speech} does not have its SHA-256", where=str(path), remedy=_BUG)
                sites.update({v["values"]: v["counts"] for v in pc.value_counts(rows["site"]).to_pylist()})
            rows = rows.select(list(TABLES[table].key))  # all that is needed further on
        facts = _Facts(part.sha256, rows, sites)
        self.seen[stat.st_dev, stat.st_ino] = facts
        self.report.files += 1
        self.report.bytes += len(data)
        self.report.rows += part.rows
        return facts

    def store(self, manifest: Manifest, quick: bool) -> None:
        """The store has every part of a version, whole."""
        for table, entry in manifest.tables.items():
            for part in entry.parts:
                path = part_path(self.dataset, table, part)
                if quick:
                    self.size(path, part.bytes)
                else:
                    self.part(path, table, part, manifest.schema_version)

    def size(self, path: Path, size: int) -> None:
        """A file is there and has this size."""
        try:
            if path.is_symlink():
                raise linked(path)
            found = path.stat().st_size
        except OSError as e:
            raise DamagedError(f"cannot read: {e.strerror}", where=str(path), remedy=RESTORE) from e
        if found != size:
            raise DamagedError(f"the file has {counted(found, 'byte')}, not {size}", where=str(path), remedy=RESTORE)
        self.report.files += 1
        self.report.bytes += size


def verify_version(run: Run, manifest: Manifest, parent: Manifest | None, quick: bool = False) -> None:
    """The files of a version folder against SHA256SUMS and manifest, its rows against each other and against its parent's.

    parent: the one that the manifest names, where it is still there. quick: sizes and the manifest alone, no file else is read. Raises
    DamagedError naming the first thing that is wrong.
    """
    folder = run.dataset / "versions" / manifest.version
    sums = sums_of(folder)
    _files(run, folder, manifest, sums, quick)
    if missing := [t for t in TABLES if not manifest.tables.get(t) or not manifest.tables[t].parts]:
        raise DamagedError(f"the version has no table {missing[0]}", where=str(folder), remedy=RESTORE)
    found: dict[str, list[_Facts]] = {}
    for table, entry in manifest.tables.items():
        if sum(p.rows for p in entry.parts) != entry.rows:
            raise DamagedError(
                f"the parts of {table} do not add up to {counted(entry.rows, 'row')}", where=str(folder), remedy=RESTORE
            )
        for number, part in enumerate(entry.parts, 1):
            run.progress(f"{manifest.version}: {table} {number}/{len(entry.parts)}")
            path = folder / table / part.file
            if quick:
                run.size(path, part.bytes)
            else:
                found.setdefault(table, []).append(run.part(path, table, part, manifest.schema_version))
    if quick:
        return
    data = {}
    for name in sorted(n for n in sums if "/" not in n):
        data[name] = checked(read_file(folder / name), sums[name], str(folder / name))
        run.report.files += 1
        run.report.bytes += len(data[name])
    _links(folder, {t: pa.concat_tables([f.keys for f in facts]) for t, facts in found.items()})
    _counted(folder, manifest, found["speeches"])
    if knows(manifest.schema_version) and (parent is None or knows(parent.schema_version)):
        _changes(run, folder, manifest, parent, data)


def sums_of(folder: Path) -> dict[str, str]:
    """What SHA256SUMS of a version folder lists: digest by file. Raises DamagedError when it is not as it was written."""
    path = folder / "SHA256SUMS"
    data = read_file(path)
    sums = {}
    for line in data.decode("utf-8", "replace").split("\n")[:-1]:
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name:
            raise DamagedError(f"SHA256SUMS has a line that is none: {line[:40]!r}", where=str(path), remedy=RESTORE)
        sums[name] = digest
    if "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode() != data:
        raise DamagedError("SHA256SUMS is not as it was written", where=str(path), remedy=RESTORE)
    return sums


def linked(path: Path) -> DamagedError:
    """The error for a symbolic link in the place of a file: what it leads to is in other hands, and a copy of the dataset has not got it."""
    return DamagedError(
        f"a link to {path.readlink()} is in the place of a file",
        where=str(path),
        remedy="put the file itself there; `jianghua doctor` does where a copy of it lies in the dataset",
    )


def _within(folder: Path) -> Iterator[Path]:
    """All that lies in a folder and in its folders. Raises JianghuaError for one that may not be looked into, which Path.rglob passes over."""
    try:
        for place in folder.iterdir():
            yield place
            if place.is_dir() and not place.is_symlink():
                yield from _within(place)
    except OSError as e:
        raise cannot_read(e.filename or folder, e) from e


def _files(run: Run, folder: Path, manifest: Manifest, sums: dict[str, str], quick: bool) -> None:
    """The folder holds just the files that SHA256SUMS lists, and the manifest says the same of those that it knows."""
    every = {str(p.relative_to(folder)): p for p in _within(folder)}
    # engines that read a folder follow a link to another one and read what lies there
    found = {name for name, p in every.items() if p.is_symlink() or not p.is_dir()} - {"SHA256SUMS"}
    for name in sorted(found ^ set(sums)):
        what = "a file is missing" if name in sums else "a file is not listed in SHA256SUMS"
        raise DamagedError(what, where=str(folder / name), remedy=RESTORE)
    for name in sorted(n for n in (*found, "SHA256SUMS") if every[n].is_symlink()):
        raise linked(every[name])
    known = {f"{t}/{p.file}": p.sha256 for t, entry in manifest.tables.items() for p in entry.parts}
    known |= {name: entry.sha256 for name, entry in manifest.files.items()}
    for name, digest in known.items():
        if sums.get(name) != digest:
            raise DamagedError(f"SHA256SUMS and manifest.json disagree about {name}", where=str(folder), remedy=RESTORE)
    for name in sums:
        if "/" in name and name not in known:
            raise DamagedError(f"manifest.json does not name {name}", where=str(folder / name), remedy=RESTORE)
    for name in sorted(set(every) - found - {n.rpartition("/")[0] for n in sums} - {"SHA256SUMS"}):
        raise DamagedError("an empty folder is not of the version", where=str(every[name]), remedy="remove it")
    if quick:
        checked(read_file(folder / "manifest.json"), sums.get("manifest.json", ""), str(folder / "manifest.json"))
    for name, entry in manifest.files.items():
        if quick:
            run.size(folder / name, entry.bytes)
        elif (folder / name).stat().st_size != entry.bytes:
            raise DamagedError(
                f"the file does not have {counted(entry.bytes, 'byte')}", where=str(folder / name), remedy=RESTORE
            )


def _links(folder: Path, rows: dict[str, pa.Table]) -> None:
    """Keys are unique, and duplicates, contained and provenance speak of speeches that are there."""
    for known in TABLES.values():
        found = rows[known.name]
        if pc.count_distinct(keys(found, known.key)).as_py() != found.num_rows:
            raise DamagedError(f"a key stands twice in {known.name}", where=str(folder), remedy=_BUG)
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
                f"{table}.{column} {strange[0].as_py()} is no speech of the version", where=str(folder), remedy=_BUG
            )
    if pc.any(pc.is_in(rows["removed"]["speech_id"], value_set=speeches)).as_py():
        raise DamagedError("a speech is both there and removed", where=str(folder), remedy=_BUG)


def _counted(folder: Path, manifest: Manifest, speeches: list[_Facts]) -> None:
    """The manifest counts the speeches of each site as they are."""
    sites = sum((f.sites for f in speeches), Counter[str]())
    if odd := [s for s in sorted({*sites, *manifest.sites}) if sites[s] != manifest.sites.get(s, 0)]:
        raise DamagedError(
            f"manifest.json counts {counted(manifest.sites.get(odd[0], 0), 'speech')} of {odd[0]}, and there {'is' if sites[odd[0]] == 1 else 'are'} {sites[odd[0]]}",
            where=str(folder / "manifest.json"),
            remedy=RESTORE,
        )


def _changes(run: Run, folder: Path, manifest: Manifest, parent: Manifest | None, files: dict[str, bytes]) -> None:
    """changes.parquet, changes.json and the counts in the manifest say how the version differs from its parent.

    Where the parent is no more, or cannot be read, only what can be told without it is held against the version.
    """
    run.progress(f"{manifest.version}: changes")
    path = folder / "changes.parquet"
    told = decode(files.get("changes.parquet", b""), str(path))
    try:
        told = told.cast(CHANGES_SCHEMA)
    except (pa.ArrowException, ValueError) as e:
        raise DamagedError("changes.parquet has other columns", where=str(path), remedy=RESTORE) from e
    true: Changes | None = None
    if parent is not None or manifest.parent is None:
        from publisher.compare import differences  # brings polars, which a quick look can do without

        try:
            true = differences(parent, manifest, partial(_read, run, manifest.version))
        except _OtherDamagedError as e:
            run.report.unchecked.append(
                f"whether the changes of {manifest.version} are told as they are: {e.__cause__}"
            )
    if true is not None:
        if not told.combine_chunks().equals(true.rows.combine_chunks()):
            raise DamagedError(f"changes.parquet {_first(told, true)}", where=str(path), remedy=RESTORE)
        counts = true.summary["tables"]
        summary: dict[str, Any] = true.summary
    else:
        assert manifest.parent is not None
        counts, summary = _tallied(told), {"version": manifest.version, "parent": manifest.parent.version}
    for table, entry in manifest.tables.items():
        if table in counts and counts[table] != {op: getattr(entry, op) for op in counts[table]}:
            raise DamagedError(
                f"manifest.json counts other changes of {table} than there are",
                where=str(folder / "manifest.json"),
                remedy=RESTORE,
            )
    path = folder / "changes.json"
    try:
        found = dict(json.loads(files.get("changes.json", b"{}")))
    except (ValueError, TypeError, RecursionError) as e:
        raise DamagedError("changes.json is no JSON object", where=str(path), remedy=RESTORE) from e
    for key, value in summary.items():
        if found.get(key) != value:
            raise DamagedError(f"changes.json says something else of '{key}'", where=str(path), remedy=RESTORE)


class _OtherDamagedError(Exception):
    """A file of another version than the one that is verified is damaged."""


def _read(run: Run, verified: str, manifest: Manifest, table: str, part: Part, columns: list[str]) -> pa.Table:
    folder = run.dataset / "versions" / manifest.version
    from publisher.compare import read_columns

    try:
        return read_columns(folder / table / part.file, manifest, table, part, columns)
    except DamagedError as e:
        if manifest.version == verified:
            raise
        raise _OtherDamagedError from e


def _tallied(rows: pa.Table) -> dict[str, dict[str, int]]:
    counts = rows.group_by(["table", "op"]).aggregate([([], "count_all")]).to_pylist()
    out = {t.name: dict.fromkeys(("added", "changed", "removed"), 0) for t in TABLES.values() if t.content}
    for c in counts:
        out[c["table"]][c["op"]] = c["count_all"]
    return out


def _first(told: pa.Table, true: Changes) -> str:
    """Where two tables of changes part."""
    key = ("table", "op", "id")
    a, b = (set(zip(*(t[c].to_pylist() for c in key), strict=True)) for t in (told, true.rows))
    if lacking := min(b - a, default=None):
        return f"does not say that {lacking[2]} of {lacking[0]} is {lacking[1]}"
    if strange := min(a - b, default=None):
        return f"says that {strange[2]} of {strange[0]} is {strange[1]}, which is not so"
    return "says something else of a row than the versions do, or in another order"
