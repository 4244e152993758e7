"""Publishing: from records to one more version, or to the reason why there is none.

Order of a publish: lock → recover → build → gates → unchanged? → parts → version folder → latest.json → projections.
Replacing latest.json is the commit. Before it nothing that readers see has changed; a publish that died is undone by the
next one with the help of a journal (.publishing.json), which names what it was about to make. After it, projections
(versions.json, index.json, the link `latest`) are made from what is there, now or by the next publish.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pyarrow as pa

from crawler.corrections.entries import Correction, load_corrections
from crawler.durable import cannot_write, fsync_folder, write_bytes, write_json
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from publisher.build import Build, build
from publisher.cards import readme
from publisher.changes import Changes, collect
from publisher.gates import RefusedError
from publisher.intake import read_all, sites_with_records
from publisher.manifest import Gate, Manifest, Part, TableEntry, as_json, latest_of, sha256, to_json
from publisher.memo import memo_path, remembering
from publisher.projections import project
from publisher.storage import content_digest, encode, link_or_copy, part_name, put
from publisher.tables import SCHEMA_VERSION, TABLES
from publisher.versions import LATEST, Version, read_latest, read_version, version_names

DATASETS = ("speeches",)
JOURNAL = ".publishing.json"


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What a publish did. version: the one made, None when nothing changed; latest: the one that readers get now.

    added, changed, removed: speeches against the parent. reason: for people.
    """

    version: str | None
    latest: str
    sequence: int
    rows: int
    added: int
    changed: int
    removed: int
    reason: str
    gates: tuple[Gate, ...] = ()


def dataset_folder(home: Home, dataset: str = "speeches") -> Path:
    """The folder of a dataset. Raises UsageError for an unknown one."""
    if dataset not in DATASETS:
        raise UsageError(f"unknown dataset '{dataset}'", remedy=f"use one of: {', '.join(DATASETS)}")
    return home.datasets / dataset


def publish(
    home: Home,
    dataset: str = "speeches",
    *,
    now: datetime | None = None,
    accept: Mapping[str, str] | None = None,
    wait: float = 60.0,
) -> PublishResult:
    """Publish the next version of a dataset from the records of every site in the home.

    now: the time of publishing, aware (default: the clock); it names the version. accept: reasons for failed gates, by
    gate. wait: seconds to wait for another publish to end.

    Raises RefusedError when a gate refuses, JianghuaError when the disk is full or another publish does not end,
    DamagedError when records or parent version are damaged, and for a correction file with a mistake. In each case the latest
    version stays as it is.
    """
    folder = dataset_folder(home, dataset)
    if not sites_with_records(home) and not (folder / LATEST).exists():
        raise JianghuaError(
            "there is nothing to publish: no site has records",
            where=str(home.var / "records"),
            remedy="run `jianghua crawl SITE` and `jianghua extract SITE` first, or `jianghua run SITE` for the whole chain",
        )
    # The records are read under the lock, so that of two publishes the later one has the newer records.
    with locked(folder, wait):
        records = read_all(home)
        return publish_records(
            folder,
            records,
            now=now,
            accept=accept,
            memo=memo_path(home.var / "publish"),
            corrections=load_corrections(home),
        )


def publish_records(
    folder: Path,
    records: Mapping[str, pa.Table],
    *,
    now: datetime | None = None,
    accept: Mapping[str, str] | None = None,
    memo: Path | None = None,
    corrections: Sequence[Correction] = (),
) -> PublishResult:
    """Publish the next version of the dataset in `folder` from tables in memory. The caller holds the lock.

    records: speeches, provenance and pages of all sites, rows in any order. memo: file that remembers sketches.
    corrections: what people put right.
    Raises as `publish` does.
    """
    now = (now or datetime.now(UTC)).astimezone(UTC)
    try:
        recover(folder)
        latest = read_latest(folder)
        if latest:
            project(folder, latest)  # a publish that died right after its commit left this to us
        parent = read_version(folder, latest.version, latest.manifest_sha256) if latest else None
        name = next_name(folder, now)
        sketcher = {"sketcher": remembering(memo)} if memo else {}
        made = build(records, parent, name, now, accept, corrections=corrections, **sketcher)
        if not made.tables:
            _record_refusal(folder, made, parent, now)
            raise RefusedError(made.gates, where=str(folder))
        if parent and not made.changed:
            m = parent.manifest
            return PublishResult(
                None, m.version, m.sequence, m.tables["speeches"].rows, 0, 0, 0,
                f"no new version: nothing changed since {m.version}", tuple(made.gates),
            )  # fmt: skip
        try:
            return _commit(folder, made, parent, name, now)
        except BaseException:
            with contextlib.suppress(Exception):
                recover(folder)
            raise
    except OSError as e:
        raise cannot_write(Path(e.filename) if e.filename else folder, e) from e


def next_name(folder: Path, now: datetime) -> str:
    """The name of the next version: the day (UTC) and a number that goes on from the day's last."""
    day = f"{now:%Y-%m-%d}"
    numbers = [int(n.split(".")[1]) for n in version_names(folder) if n.startswith(day + ".")]
    return f"{day}.{max(numbers, default=0) + 1}"


@contextlib.contextmanager
def locked(folder: Path, wait: float) -> Iterator[None]:
    """The dataset's lock: one publish at a time on this machine; it ends with the process that holds it.

    Raises JianghuaError when another process still holds it after `wait` seconds.
    """
    path = folder / ".lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as e:
        raise cannot_write(path, e) from e
    try:
        until = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    holder = os.pread(fd, 100, 0).decode(errors="replace").strip() or "unknown"
                    raise JianghuaError(
                        f"another publish is running (process {holder})",
                        where=str(path),
                        remedy="wait until it has ended, then run the same command again",
                    ) from None
                time.sleep(0.05)
        with contextlib.suppress(OSError):  # who holds it is for people; a full disk must not stop a publish here
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def recover(folder: Path) -> None:
    """Undo what a publish that died before its commit has left. Safe at any time under the lock."""
    journal = folder / JOURNAL
    if journal.exists():
        note = _read_journal(journal)
        latest = read_latest(folder) if (folder / LATEST).exists() else None
        if note and (latest is None or latest.sequence < note["sequence"]):
            orphan = folder / "versions" / note["version"]
            if orphan.exists():
                orphan.rename(_building(folder, note["version"]))
            for part in note["created"]:
                (folder / "tables" / part).unlink(missing_ok=True)
    for pattern in ("versions/.building-*", "tables/*/.*.tmp", ".*.tmp", "versions/*/.*.tmp"):
        for left in folder.glob(pattern):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink(missing_ok=True)
    for left in folder.parent.glob(".index.json.*.tmp"):
        left.unlink(missing_ok=True)
    journal.unlink(missing_ok=True)


def _read_journal(path: Path) -> dict[str, Any] | None:
    try:
        note = json.loads(path.read_bytes())
        return {"version": str(note["version"]), "sequence": int(note["sequence"]), "created": list(note["created"])}
    except (ValueError, KeyError, TypeError):
        return None  # it is replaced whole, so this is bit rot: what it named stays, and does no harm


def _building(folder: Path, version: str) -> Path:
    return folder / "versions" / f".building-{version}"


def _record_refusal(folder: Path, made: Build, parent: Version | None, now: datetime) -> None:
    write_json(
        folder / "refused" / f"{now:%Y%m%dT%H%M%SZ}.json",
        {
            "refused_at": now.isoformat(),
            "parent": parent.manifest.version if parent else None,
            "sites": made.sites,
            "gates": [g.model_dump(mode="json") for g in made.gates],
        },
    )


def _software() -> dict[str, str]:
    out = {}
    for name in ("jianghua", "pyarrow", "rensa"):
        with contextlib.suppress(PackageNotFoundError):
            out[name] = installed(name)
    return out


def _commit(folder: Path, made: Build, parent: Version | None, name: str, now: datetime) -> PublishResult:
    sequence = parent.manifest.sequence + 1 if parent else 1
    entries = _write_parts(folder, made, name, sequence)
    manifest = Manifest(
        dataset=folder.name,
        version=name,
        sequence=sequence,
        schema_version=SCHEMA_VERSION,
        published_at=now.replace(microsecond=0),
        parent=parent.reference if parent else None,
        tables=entries,
        sites=made.sites,
        held=made.held,
        gates=tuple(made.gates),
        software=_software(),
    )
    old = {n: parent.rows(n) if parent else t.schema.empty_table() for n, t in TABLES.items()}
    head = {"version": name, "sequence": sequence, "parent": parent.manifest.version if parent else None}
    digest = _write_folder(folder, manifest, collect(old, made.new, made.differences, **head))
    latest = latest_of(manifest, digest)
    write_bytes(folder / LATEST, to_json(latest))  # the commit
    (folder / JOURNAL).unlink(missing_ok=True)
    project(folder, latest)
    d = made.differences["speeches"].counts()
    total = entries["speeches"].rows
    reason = f"published {name}: {total} speeches, {d['added']} added, {d['changed']} changed, {d['removed']} removed"
    if made.upgraded:
        reason += f"; with the columns of schema {SCHEMA_VERSION} for the first time"
    return PublishResult(name, name, sequence, total, d["added"], d["changed"], d["removed"], reason, manifest.gates)


def _write_parts(folder: Path, made: Build, version: str, sequence: int) -> dict[str, TableEntry]:
    """Write the new parts into the store, journal first, and give the tables' entries."""
    entries: dict[str, TableEntry] = {}
    waiting: list[tuple[Path, Path]] = []
    for name, planned in made.tables.items():
        store = folder / "tables" / name
        store.mkdir(parents=True, exist_ok=True)
        parts = []
        for item in planned.parts:
            if isinstance(item, Part):
                parts.append(item)
                continue
            data = encode(item)
            digest = sha256(data)
            part = Part(
                file=part_name(digest),
                rows=item.num_rows,
                bytes=len(data),
                sha256=digest,
                content_sha256=content_digest(item),
            )
            parts.append(part)
            target = store / part.file
            if not (target.is_file() and target.read_bytes() == data):
                beside = store / f".{part.file}.tmp"
                put(beside, data)
                waiting.append((beside, target))
        counts = made.differences[name].counts()
        entries[name] = TableEntry(rows=planned.rows, parts=tuple(parts), **counts)
    created = [f"{t.parent.name}/{t.name}" for _, t in waiting if not t.exists()]
    write_json(folder / JOURNAL, {"version": version, "sequence": sequence, "created": created})
    for beside, target in waiting:
        beside.replace(target)
    for place in (*(folder / "tables" / name for name in made.tables), folder / "tables", folder):
        fsync_folder(place)
    return entries


def _write_folder(folder: Path, manifest: Manifest, changes: Changes) -> str:
    """Make the version folder beside its place and move it there; gives the manifest's digest."""
    building = _building(folder, manifest.version)
    building.mkdir(parents=True)
    sums: dict[str, str] = {}
    for name, entry in manifest.tables.items():
        (building / name).mkdir()
        for part in entry.parts:
            link_or_copy(folder / "tables" / name / part.file, building / name / part.file)
            sums[f"{name}/{part.file}"] = part.sha256
        fsync_folder(building / name)
    data = to_json(manifest)
    files = {
        "manifest.json": data,
        "README.md": readme(manifest).encode(),
        "changes.parquet": encode(changes.rows),
        "changes.json": as_json(changes.summary),
    }
    sums |= {name: sha256(content) for name, content in files.items()}
    files["SHA256SUMS"] = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode()
    for name, content in files.items():
        write_bytes(building / name, content)
    building.rename(folder / "versions" / manifest.version)
    fsync_folder(folder / "versions")
    return sha256(data)
