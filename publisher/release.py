"""Publishing: from records to one more version, or to the reason why there is none.

Order of a publish: lock → recover → build → gates → unchanged? → parts → version folder → latest.json → projections.
Replacing latest.json is the commit. Before it nothing that readers see has changed; a publish that died is undone by the
next one (publisher/locks.py). After it, projections (versions.json, index.json, feed, Delta log, the link `latest`) are made from
what is there, now or by the next publish.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from publisher import rowindex
from publisher.build import Build, Parent, Progress, build, state_of
from publisher.cards import readme
from publisher.contract import check_parent, check_program
from publisher.gates import RefusedError
from publisher.intake import Shards, Source, Tables, sites_with_records
from publisher.locks import JOURNAL, building, locked, recover
from publisher.manifest import FileEntry, Gate, Latest, Manifest, as_json, latest_of, sha256, to_json
from publisher.parts import PartStore
from publisher.projections import project
from publisher.recipe import Recipe
from publisher.storage import encode, link_or_copy
from publisher.tables import SCHEMA_VERSION
from publisher.versions import LATEST, read_latest, read_manifest, require_known, version_names

__all__ = ["PublishResult", "dataset_folder", "locked", "publish", "publish_records", "recover"]

DATASETS = ("speeches",)
Commit = Callable[[Path, Manifest, Latest], None]


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
    folder: Path | None = None,
    commit: Commit | None = None,
    progress: Progress = lambda *_: None,
) -> PublishResult:
    """Publish the next version of a dataset from the records of every site in the home.

    now: the time of publishing, aware (default: the clock); it names the version. accept: reasons for failed gates, by
    gate. wait: seconds to wait for another publish to end. folder: another place of the dataset than the home's (a mirror of a remote
    one); commit: see `publish_records`.

    Raises RefusedError when a gate refuses, JianghuaError when the disk is full or another publish does not end,
    DamagedError when the parent version is damaged, and for a correction file with a mistake. In each case the latest
    version stays as it is.
    """
    target = dataset_folder(home, dataset) if folder is None else folder
    if not sites_with_records(home) and not (target / LATEST).exists():
        raise JianghuaError(
            "there is nothing to publish: no site has records",
            where=str(home.var / "records"),
            remedy="run `jianghua crawl SITE` and `jianghua extract SITE` first, or `jianghua run SITE` for the whole chain",
        )
    memo = home.var / "publish" / (dataset if folder is None else f"mirror-{sha256(str(folder).encode())[:16]}")
    # The records are read under the lock, so that of two publishes the later one has the newer records.
    with locked(target, wait), _scratch(memo) as scratch:
        return publish_records(
            target,
            Shards(home, scratch / "records"),
            now=now,
            accept=accept,
            memo=memo,
            corrections=load_corrections(home),
            commit=commit,
            progress=progress,
            scratch=scratch,
        )


@contextlib.contextmanager
def _scratch(memo: Path | None) -> Iterator[Path]:
    """A folder for what does not fit into memory; what a killed publish left there goes first."""
    try:
        if memo is None:
            folder = Path(tempfile.mkdtemp(prefix="jianghua-publish-"))
        else:
            folder = memo / "scratch"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
    except OSError as e:
        raise cannot_write(memo or Path("a folder for temporary files"), e) from e
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish_records(
    folder: Path,
    records: Mapping[str, pa.Table] | Source,
    *,
    now: datetime | None = None,
    accept: Mapping[str, str] | None = None,
    memo: Path | None = None,
    corrections: Sequence[Correction] = (),
    commit: Commit | None = None,
    progress: Progress = lambda *_: None,
    scratch: Path | None = None,
) -> PublishResult:
    """Publish the next version of the dataset in `folder`. The caller holds the lock.

    records: where they come from, or the tables speeches, provenance and pages of all sites, rows in any order. memo: folder of what is
    remembered between publishes. corrections: what people put right. commit: called with the dataset folder, manifest and latest.json
    of the new version right before it becomes visible; an error there undoes the version.
    Raises as `publish` does.
    """
    if scratch is None:
        with _scratch(memo) as own:
            return publish_records(
                folder, records, now=now, accept=accept, memo=memo, corrections=corrections, commit=commit,
                progress=progress, scratch=own,
            )  # fmt: skip
    check_program()
    now = (now or datetime.now(UTC)).astimezone(UTC)
    source: Source = Tables(records) if isinstance(records, Mapping) else records
    store = PartStore(folder)
    try:
        recover(folder)
        latest = read_latest(folder)
        if latest:
            project(folder, latest)  # a publish that died right after its commit left this to us
        parent = _parent(folder, store, latest, memo) if latest else None
        name = next_name(folder, now)
        try:
            made = build(
                source,
                parent,
                store,
                name,
                now,
                accept=accept,
                recipe=Recipe(corrections),
                scratch=scratch,
                index=memo / "copies" if memo else None,
                progress=progress,
            )
            if not made.entries and any(g.result == "fail" and g.accepted is None for g in made.gates):
                _record_refusal(folder, made, parent, now)
                raise RefusedError(made.gates, where=str(folder))
            if parent and not made.changed:
                m = parent.manifest
                return PublishResult(
                    None, m.version, m.sequence, m.tables["speeches"].rows, 0, 0, 0,
                    f"no new version: nothing changed since {m.version}", tuple(made.gates),
                )  # fmt: skip
            return _commit(folder, store, made, parent, name, now, memo, commit)
        except BaseException:
            with contextlib.suppress(Exception):
                store.discard()
                recover(folder)
            raise
    except OSError as e:
        raise cannot_write(Path(e.filename) if e.filename else folder, e) from e


def _parent(folder: Path, store: PartStore, latest: Latest, memo: Path | None) -> Parent:
    manifest, _ = read_manifest(folder, latest.version, latest.manifest_sha256)
    require_known(manifest, str(folder / latest.manifest))
    check_parent(manifest.schema_version)
    state = rowindex.load(memo, latest.manifest_sha256) if memo else None
    return Parent(manifest, latest.reference, state or state_of(store, manifest))


def next_name(folder: Path, now: datetime) -> str:
    """The name of the next version: the day (UTC) and a number that goes on from the day's last."""
    day = f"{now:%Y-%m-%d}"
    names = [
        *version_names(folder),
        *(p.name.removesuffix(".gone.json") for p in (folder / "versions").glob("*.gone.json")),
    ]
    numbers = [int(n.split(".")[1]) for n in names if n.startswith(day + ".")]
    return f"{day}.{max(numbers, default=0) + 1}"


def _record_refusal(folder: Path, made: Build, parent: Parent | None, now: datetime) -> None:
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


def _commit(
    folder: Path,
    store: PartStore,
    made: Build,
    parent: Parent | None,
    name: str,
    now: datetime,
    memo: Path | None,
    commit: Commit | None,
) -> PublishResult:
    assert made.changes is not None
    sequence = parent.manifest.sequence + 1 if parent else 1
    head = {"version": name, "sequence": sequence, "parent": parent.manifest.version if parent else None}
    files = {
        "changes.parquet": encode(made.changes),
        "changes.json": as_json(changes_summary(made.changes, made.counts, **head)),
    }
    manifest = Manifest(
        dataset=folder.name,
        version=name,
        sequence=sequence,
        schema_version=SCHEMA_VERSION,
        published_at=now.replace(microsecond=0),
        parent=parent.reference if parent else None,
        tables=made.entries,
        sites=made.sites,
        held=made.held,
        carried=made.carried,
        gates=tuple(made.gates),
        files={n: FileEntry(bytes=len(data), sha256=sha256(data)) for n, data in sorted(files.items())},
        schema_change=check_parent(parent.manifest.schema_version) if parent else "none",
        software=_software(),
    )
    _place(folder, store, name, sequence)
    digest = _write_folder(folder, manifest, files)
    latest = latest_of(manifest, digest)
    if commit:
        commit(folder, manifest, latest)
    write_bytes(folder / LATEST, to_json(latest))  # the commit
    (folder / JOURNAL).unlink(missing_ok=True)
    if memo and made.state:
        with contextlib.suppress(JianghuaError, OSError):
            rowindex.save(memo, digest, made.state)
    project(folder, latest)
    d = made.counts["speeches"]
    total = made.entries["speeches"].rows
    reason = f"published {name}: {total} speeches, {d['added']} added, {d['changed']} changed, {d['removed']} removed"
    if made.upgraded:
        reason += f"; with the columns of schema {SCHEMA_VERSION} for the first time"
    return PublishResult(name, name, sequence, total, d["added"], d["changed"], d["removed"], reason, manifest.gates)


def changes_summary(rows: pa.Table, counts: Mapping[str, Mapping[str, int]], **head: Any) -> dict[str, Any]:
    """changes.json: counts a table, ids of speeches by what happened to them. head: what it begins with (version, parent …)."""
    ids: dict[str, list[str]] = {"added": [], "changed": [], "removed": []}
    for table, op, speech_id in zip(*(rows[c].to_pylist() for c in ("table", "op", "id")), strict=True):
        if table == "speeches":
            ids[op].append(speech_id)
    return {**head, "tables": {n: dict(c) for n, c in counts.items()}, "speeches": ids}


def _place(folder: Path, store: PartStore, version: str, sequence: int) -> None:
    """Move the new parts to their places, journal first."""
    targets = [(beside, folder / "tables" / table / file) for (table, file), beside in store.waiting.items()]
    created = [f"{t.parent.name}/{t.name}" for _, t in targets if not t.exists()]
    write_json(folder / JOURNAL, {"version": version, "sequence": sequence, "created": created})
    for beside, target in targets:
        beside.replace(target)
    store.waiting.clear()
    for place in (*sorted({t.parent for _, t in targets}), folder / "tables", folder):
        fsync_folder(place)


def _write_folder(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> str:
    """Make the version folder beside its place and move it there; gives the manifest's digest."""
    beside = building(folder, manifest.version)
    beside.mkdir(parents=True)
    sums: dict[str, str] = {}
    for name, entry in manifest.tables.items():
        (beside / name).mkdir()
        for part in entry.parts:
            link_or_copy(folder / "tables" / name / part.file, beside / name / part.file)
            sums[f"{name}/{part.file}"] = part.sha256
        fsync_folder(beside / name)
    data = to_json(manifest)
    every = {"manifest.json": data, "README.md": readme(manifest).encode(), **files}
    sums |= {name: sha256(content) for name, content in every.items()}
    every["SHA256SUMS"] = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode()
    for name, content in every.items():
        write_bytes(beside / name, content)
    beside.rename(folder / "versions" / manifest.version)
    fsync_folder(folder / "versions")
    return sha256(data)
