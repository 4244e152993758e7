"""Make one place hold what another holds: folders, object storage, and web servers to read from.

Order, so that a reader at the target never meets half a version: parts, version folders (each whole before it can be seen),
latest.json, projections; then what is gone at the source goes. Only what is missing is moved, everything is verified by
SHA-256 on the way, and a sync that was killed goes on where it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from crawler.durable import fsync_folder, write_bytes, writing_told
from crawler.errors import UsageError
from publisher import reissue
from publisher.buckets import BucketStore
from publisher.chain import History, Known, Place, read_history, require_published
from publisher.gone import SUFFIX
from publisher.gone import remove_version as remove_folder
from publisher.manifest import Manifest, to_json
from publisher.projections import project
from publisher.release import locked, recover
from publisher.remote import FolderStore, Store, at_once
from publisher.shipping import (
    SUMS,
    File,
    VersionUpload,
    bring_logs,
    fetch,
    files_of,
    part_names,
    project_to,
    remove_version,
)
from publisher.storage import link_or_copy
from publisher.versions import LATEST, VERSION

# Nothing that was written within this time is swept: somebody may be at work with it. More than a day, so that a name, which
# begins with its day, is not taken again while a publisher that slept might still write under it.
GRACE = timedelta(hours=48)


@dataclass(slots=True)
class Synced:
    """What a sync did, or would do with dry_run.

    latest: what readers of the target get after it. versions: those brought; gone: those removed; files, bytes: moved (bytes as
    far as the manifests tell); swept: files that no manifest names, removed.
    """

    source: str
    target: str
    latest: str
    versions: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    swept: list[str] = field(default_factory=list)
    dry_run: bool = False

    def count(self, files: list[File]) -> None:
        self.files += len(files)
        self.bytes += sum(f.bytes or 0 for f in files)


def sync(
    source: Place,
    target: Place,
    *,
    dry_run: bool = False,
    delete: bool = False,
    check: bool = False,
    wait: float = 60.0,
    progress: Callable[[str], None] = lambda _: None,
) -> Synced:
    """Bring every published version of a dataset from one place to another.

    delete: also remove parts and folders at the target that belong to no version, older than GRACE. check: look at every file of
    versions that are there already, by size. wait: seconds for a publish into a target folder to end.

    Raises UsageError when nothing is published at the source, the target has another history, or what was taken down there would come back, ConflictError when somebody
    publishes to the target meanwhile, DamagedError when a file of the source is not what was published.
    """
    if source.store.where == target.store.where:
        raise UsageError("source and target are the same place", where=source.store.where, remedy="give two places")
    history = read_history(source.store, _manifest_at(target.store))
    latest = require_published(history, source.store.where)
    report = Synced(source.store.where, target.store.where, latest.version, dry_run=dry_run)
    if isinstance(target.store, FolderStore):
        folder = target.store.root
        if dry_run:
            _pull(source.store, folder, history, report, check, progress)
            return report
        with locked(folder, wait), writing_told(folder):
            recover(folder)
            reissue.finish(folder)
            _pull(source.store, folder, history, report, check, progress)
            if delete:
                report.swept = sweep(target, read_history(target.store), GRACE)
    else:
        _push(source, target, history, report, check, progress)
        if delete and not dry_run:
            report.swept = sweep(target, read_history(target.store), GRACE)
    return report


def _manifest_at(store: Store) -> Callable[[str], bytes | None]:
    """Manifests that a local target has already; the chain of digests tells whether they are the source's."""
    if not isinstance(store, FolderStore):
        return lambda _: None
    paths = {p.parent.name: p for p in store.root.glob("versions/*/manifest.json")}
    return lambda name: paths[name].read_bytes() if name in paths else None


def require_same_history(source: History, target: History, where: str) -> None:
    """What readers of the target get is also in the source's history, and nothing that was taken down there would come back from the source, as
    from a copy that was made before. Raises UsageError when not."""
    for gone in target.gone.values():
        if gone.state == "yanked" and gone.version in source.versions:
            raise UsageError(
                f"the target has let version {gone.version} go ({gone.reason}), which the source still has",
                where=where,
                remedy="sync the other way first, or do at the source what was done at the target (`jianghua takedown apply`)",
            )
    mine = target.latest
    if mine is None or mine.version in source.gone:
        return
    known = source.versions.get(mine.version)
    if known is None or known.sha256 != mine.manifest_sha256:
        raise UsageError(
            f"the target has version {mine.version}, which the source has not: it is ahead, or another dataset",
            where=where,
            remedy="sync the other way, or give an empty target",
        )


# --- into a folder --------------------------------------------------------------------------------------------------


def _pull(
    source: Store, folder: Path, history: History, report: Synced, check: bool, progress: Callable[[str], None]
) -> None:
    here = read_history(FolderStore(folder))
    require_same_history(history, here, str(folder))
    latest = require_published(history, source.where)
    for name, known in history.versions.items():
        if name not in here.gone and (check or not _is_here(folder, known)):  # what retention let go here stays away
            progress(name)
            lacking = bring_version(source, folder, known, dry_run=report.dry_run)
            report.count(lacking)
            if lacking:
                report.versions.append(name)
    report.gone = [n for n in history.gone if (folder / "versions" / n).exists()]
    if report.dry_run:
        return
    if here.latest != latest:
        write_bytes(folder / LATEST, to_json(latest))
    drop_parts(folder, history)
    for gone in history.gone.values():
        remove_folder(folder, gone)
    if not (isinstance(source, BucketStore) and source.web):
        bring_logs(source, folder)
    project(folder, latest)


def _is_here(folder: Path, known: Known) -> bool:
    place = folder / "versions" / known.manifest.version
    try:
        return (place / SUMS).is_file() and (place / "manifest.json").read_bytes() == known.data
    except OSError:
        return False


def bring_version(source: Store, folder: Path, known: Known, *, dry_run: bool = False) -> list[File]:
    """Bring what a local dataset folder lacks of a version, and give it. The version appears whole, by one rename.

    Raises DamagedError when a file at the source is not what was published.
    """
    name = known.manifest.version
    files = files_of(source, known.manifest, known.sha256)
    place = folder / "versions" / name
    lacking = [f for f in files if not _fits(place / f.name, f.bytes)]
    if not dry_run and (lacking or not (place / SUMS).is_file()):
        if not (place / SUMS).is_file() and place.exists():
            shutil.rmtree(place)  # only a manifest, of a mirror that has not needed the version yet
            lacking = files
        building = place if place.exists() else folder / "versions" / f".building-{name}"

        def bring(file: File) -> None:
            path = building / file.name
            if not file.is_part:
                fetch(source, f"versions/{name}/{file.name}", file.sha256, path)
                return
            kept = folder / "tables" / file.name
            if not _fits(kept, file.bytes):
                fetch(source, f"versions/{name}/{file.name}", file.sha256, kept)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            link_or_copy(kept, path)

        at_once(lacking, bring)
        found = source.read(f"versions/{name}/{SUMS}")
        write_bytes(building / SUMS, found.data if found else b"")
        for each in {(building / f.name).parent for f in files}:
            fsync_folder(each)
        if building != place:
            building.rename(place)
            fsync_folder(place.parent)
    return lacking


def _fits(path: Path, size: int | None) -> bool:
    try:
        found = path.stat().st_size
    except OSError:
        return False
    return size is None or found == size


def drop_parts(folder: Path, history: History) -> None:
    """Where versions are gone, remove the parts that no published version names. The caller holds the folder's lock."""
    if history.gone:
        live = {p for k in history.versions.values() for p in part_names(k.manifest)}
        for path in folder.glob("tables/*/part-*.parquet"):
            if str(path.relative_to(folder)) not in live:
                path.unlink()


# --- to object storage ----------------------------------------------------------------------------------------------


def _push(
    source: Place, target: Place, history: History, report: Synced, check: bool, progress: Callable[[str], None]
) -> None:
    there = read_history(target.store, lambda n: history.versions[n].data if n in history.versions else None)
    require_same_history(history, there, target.store.where)
    latest = require_published(history, source.store.where)
    whole = _whole(target.store, list(history.versions))
    have = {e.name: e.size for e in target.store.entries("tables")}
    with TemporaryDirectory(prefix="jianghua-sync-") as spool:
        for name, known in history.versions.items():
            if name in whole and not check:
                continue
            files = files_of(source.store, known.manifest, known.sha256)
            present = {e.name: e.size for e in target.store.entries(f"versions/{name}")}
            lacking = [
                f
                for f in files
                if (size := present.get(f"versions/{name}/{f.name}")) is None or f.bytes not in (None, size)
            ]
            parts = [f for f in files if f.is_part and have.get(f"tables/{f.name}") != f.bytes]
            if not lacking and not parts and name in whole:
                continue
            progress(name)
            report.versions.append(name)
            # A part that only has to be copied on the storage's side is not moved.
            report.count(parts + [f for f in lacking if not f.is_part])
            have |= {f"tables/{f.name}": f.bytes or 0 for f in parts}
            if report.dry_run:
                continue
            upload = VersionUpload(source.store, target.store, known.manifest, files, Path(spool))
            upload.parts({f"tables/{f.name}" for f in files if f.is_part and f not in parts})
            upload.claim(known.data, again=True)
            upload.rest(None if name not in whole else {f.name for f in lacking})
        if report.dry_run:
            report.gone = [n for n in history.gone if n in there.versions or n in there.strays]
            return
        if there.latest != latest:
            target.store.put(LATEST, to_json(latest), absent=there.tag is None, tag=there.tag)
        for name, gone in history.gone.items():
            if name not in there.gone:
                target.store.put(f"versions/{name}{SUFFIX}", to_json(gone))
        # The manifests go last: as long as one is there, a sync that was killed here finds what has to go.
        _drop_parts(target.store, history, there)
        report.gone = [n for n in history.gone if n in there.folders and remove_version(target.store, n)]
        project_from(source, target, history, Path(spool))


def _whole(store: Store, names: list[str]) -> set[str]:
    found: set[str] = set()

    def look(name: str) -> None:
        if store.stat(f"versions/{name}/{SUMS}"):
            found.add(name)

    at_once(names, look)
    return found


def project_from(source: Place, target: Place, history: History, spool: Path) -> None:
    """Bring the projections of one place to another that has the same versions."""
    latest = require_published(history, source.store.where)
    if isinstance(source.store, FolderStore):
        project_to(target, source.store.root, latest.sequence)
        return
    with TemporaryDirectory(dir=spool) as beside:
        folder = Path(beside) / source.dataset
        manifests_only(history, folder)
        if not (isinstance(source.store, BucketStore) and source.store.web):
            bring_logs(source.store, folder)
        for extra in ("feed.xml",):
            if found := source.store.read(extra):
                write_bytes(folder / extra, found.data)
        project(folder, latest)
        project_to(target, folder, latest.sequence)


def manifests_only(history: History, folder: Path) -> None:
    """A local folder with manifests and tombstones of a dataset and no rows: all that projections are made from."""
    for name, known in history.versions.items():
        path = folder / "versions" / name / "manifest.json"
        if not path.is_file() or path.read_bytes() != known.data:
            write_bytes(path, known.data)
    for gone in history.gone.values():
        remove_folder(folder, gone)
    if history.latest:
        write_bytes(folder / LATEST, to_json(history.latest))


def _drop_parts(store: Store, history: History, there: History) -> None:
    """Parts that only versions now gone had, whatever their age: what was taken down has to go at once."""
    live = {p for k in history.versions.values() for p in part_names(k.manifest)}
    live |= {p for n, m in there.strays.items() if n not in history.gone for p in part_names(m)}
    gone = [k.manifest for n, k in there.versions.items() if n in history.gone]
    gone += [m for n, m in there.strays.items() if n in history.gone]
    store.delete(sorted({p for m in gone for p in part_names(m)} - live))


# --- what belongs to nobody -----------------------------------------------------------------------------------------


def sweep(place: Place, history: History, grace: timedelta = GRACE) -> list[str]:
    """Remove what dead publishers left at a place: strays that can no more be published, and parts that no manifest names.

    A stray whose number is not above latest's has lost: latest.json has moved on from the version that it builds on, so its
    publisher's last step must fail. Where none of that number is known to be or have been published, it may be the one that was (retention took
    the version after it, and with it the reference), and stays. Nothing younger than `grace` by the storage's clock goes. Gives the names removed.
    """
    store = place.store
    if history.latest is None:
        return []
    head = history.latest.sequence
    clock = store.stat(LATEST)
    before = (clock.modified if clock else datetime.min.replace(tzinfo=history.latest.published_at.tzinfo)) - grace
    known = {k.manifest.sequence for k in history.versions.values()} | {g.sequence for g in history.gone.values()}
    swept: list[str] = []
    for name in sorted(history.names - set(history.versions)):
        if not VERSION.fullmatch(name):
            continue
        stray = history.strays.get(name)
        found = list(store.entries(f"versions/{name}"))
        old = bool(found) and all(e.modified < before for e in found)
        if name in history.gone or (old and (stray is None or (stray.sequence <= head and stray.sequence in known))):
            swept += remove_version(store, name)
    live = _live(history, swept)
    dead = [
        e.name
        for e in store.entries("tables")
        if e.name.rpartition("/")[2].startswith("part-") and e.name not in live and e.modified < before
    ]
    store.delete(dead)
    return swept + dead


def _live(history: History, swept: list[str]) -> set[str]:
    """Parts that a manifest names, also one that is not published (yet)."""
    manifests: list[Manifest] = [k.manifest for k in history.versions.values()]
    manifests += [m for n, m in history.strays.items() if f"versions/{n}/manifest.json" not in swept]
    return {p for m in manifests for p in part_names(m)}
