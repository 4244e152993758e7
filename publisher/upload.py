"""Publish to object storage, safe with several publishers at once and with publishers that die.

A local mirror of the remote dataset is brought to what the remote latest.json says; the ordinary publish builds on it; right
before it would replace its local latest.json it calls `Upload`, which puts the new version to the storage:

1. new parts, named by their content;
2. versions/NAME/manifest.json, only if there is none: this takes the name;
3. the rest of the version's folder, parts as copies on the storage's side, SHA256SUMS last;
4. latest.json, only if it still is what the build began from: the commit.

Whoever fails at 2 or 4 has lost a race: the local version is undone, the mirror brought up, and the version built again upon
the winner's. A publisher that dies before 4 has published nothing; what it left is swept by later publishes (publisher/sync.py).
After 4 the version is published whatever becomes of the publisher: projections are brought up by the next one.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Protocol

from crawler.durable import write_bytes, writing_told
from crawler.errors import DamagedError, JianghuaError
from publisher.chain import History, Known, Place, open_place, read_history
from publisher.fencing import Fence, FencedError
from publisher.gone import remove_version as remove_folder
from publisher.manifest import Latest, Manifest, sha256, to_json
from publisher.projections import project
from publisher.release import NEXT_PUBLISH, Commit, PublishedError, PublishResult, locked, recover
from publisher.remote import ConflictError, FolderStore, Store, at_once, conflict
from publisher.shipping import (
    VersionUpload,
    bring_logs,
    fetch,
    files_of,
    hashed,
    part_names,
    project_to,
    remove_version,
)
from publisher.storage import checked, read_file
from publisher.sync import bring_version, drop_parts, manifests_only, sweep
from publisher.versions import LATEST, VERSION

TRIES = 30  # of a publish that loses races; every race lost is a version that another one published
PAUSE = 0.2  # seconds, at most, before the second try; it doubles up to PAUSE_MOST, times a random share
PAUSE_MOST = 5.0
# A publisher that has been at it for longer does not write any more: half of what sweeping waits for (sync.GRACE).
LONGEST = 24 * 3600.0
# What a mirror keeps of versions that are not the latest: what projections and release rules look back at.
KEPT = ("manifest.json", "quality.json")


class PublishLocally(Protocol):
    """The ordinary publish into another folder than the home's, whose lock it takes: publisher.release.publish.

    commit: to be called right before latest.json is replaced; what it raises undoes the version. taken: names that the new
    version must not have, beside those that the folder knows.
    """

    def __call__(self, folder: Path, commit: Commit, taken: frozenset[str]) -> PublishResult:
        """Publish, and say what became of it."""


def publish_to(
    url: str,
    mirrors: Path,
    publish: PublishLocally,
    *,
    dataset: str = "speeches",
    wait: float = 60.0,
    tries: int = TRIES,
    fence: Fence = nullcontext,
    progress: Callable[[str], None] = lambda _: None,
) -> PublishResult:
    """Publish the next version of the dataset at `url`.

    mirrors: folder for the local mirrors (`var/publish/mirror`); each may be deleted at any time. wait: seconds to wait for another
    publish on this machine to the same place, which may be a folder too. fence: held while latest.json there is replaced; it raises when this publish must not commit any more.

    Raises what `publish` raises (PublishedError also when what is derived cannot be brought up there); ConflictError when `tries` races were lost; UsageError for an address that cannot be used or
    without credentials; JianghuaError when the storage does not answer; DamagedError when the remote dataset is damaged.
    """
    place = open_place(url, dataset, to_write=True)
    folder = mirror_folder(mirrors, place)
    renewed = False
    with locked(folder.parent, wait), _alone_there(place, wait):
        for attempt in range(tries):
            try:
                progress(f"bringing up the mirror of {place.store.where}")
                with locked(folder, wait):
                    history = mirror(place, folder)
                progress("building the version")
                strays = history.folders - set(history.versions) - set(history.gone)
                result = publish(folder, Upload(place, history, progress, fence), strays)
            except ConflictError:
                if attempt + 1 == tries:
                    raise
                progress("another publisher was faster; building again upon its version")
                time.sleep(random.uniform(0, min(PAUSE_MOST, PAUSE * 2**attempt)))
                continue
            except Exception as e:
                # A flipped bit in the mirror may show as anything; all of the mirror lies at the remote, whole.
                told = isinstance(e, JianghuaError) and not isinstance(e, DamagedError)
                if told or renewed or _is_whole(folder):
                    with writing_told(folder):
                        raise
                renewed = True
                with locked(folder, wait):
                    _empty(folder)
                continue
            progress("bringing up versions.json and what else is derived")
            try:
                with locked(folder, wait):
                    finish(place, folder)
            except (JianghuaError, OSError) as e:
                if result.version is None:
                    raise
                raise PublishedError(result.version, e, folder=folder, next_=NEXT_PUBLISH) from e
            return replace(result, reason=f"{result.reason} (at {place.store.where})")
    raise JianghuaError("no try was allowed", where=url, remedy="allow at least one")


@contextmanager
def _alone_there(place: Place, wait: float) -> Iterator[None]:
    """In a folder, whose own publishes know nothing of conditional puts, one at a time; what one that died left there under its name goes."""
    if not isinstance(place.store, FolderStore):
        yield
        return
    with locked(place.store.root, wait):
        recover(place.store.root)
        there = read_history(place.store)
        for name, stray in there.strays.items():
            if there.latest is None or stray.sequence > there.latest.sequence:
                remove_version(place.store, name)
        yield


def mirror_folder(mirrors: Path, place: Place) -> Path:
    """The local mirror of a remote dataset."""
    return mirrors / hashlib.sha256(place.store.where.encode()).hexdigest()[:16] / place.dataset


# --- the mirror -----------------------------------------------------------------------------------------------------


def _is_whole(folder: Path) -> bool:
    """Whether the latest version of a mirror is as it was published, file by file, in its folder and in the store of parts."""
    store = FolderStore(folder)
    try:
        history = read_history(store)
        if history.latest:
            known = history.versions[history.latest.version]
            for file in files_of(store, known.manifest, known.sha256):
                hashed(store, f"versions/{history.latest.version}/{file.name}", file.sha256)
                if file.is_part:
                    hashed(store, f"tables/{file.name}", file.sha256)
    except DamagedError:
        return False
    return True


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()


def mirror(place: Place, folder: Path) -> History:
    """Bring the mirror to the remote's latest version: that one whole, of the others what KEPT names. Gives the remote's history.

    What the mirror has beyond that goes: the remote decides. A name that a publisher of this mirror holds at the remote, and did not begin to
    commit, is let go: it has died, since the caller holds the mirror's lock. Raises DamagedError when the remote is damaged.
    """
    recover(folder)
    paths = {p.parent.name: p for p in folder.glob("versions/*/manifest.json")}
    history = read_history(place.store, lambda name: paths[name].read_bytes() if name in paths else None)
    latest, head = history.latest, history.head
    _let_go(place, folder, history)
    for path in folder.glob("versions/*"):
        if VERSION.fullmatch(path.name) and path.name not in history.versions:
            shutil.rmtree(path)
    if latest is None or head is None:
        for name in (LATEST, "versions.json", "feed.xml"):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / "tables", ignore_errors=True)
        return history
    bring_version(place.store, folder, history.versions[latest.version])
    bring_logs(place.store, folder)
    manifests_only(history, folder)
    _bring_quality(place.store, folder, history)
    _thin(folder, head)
    drop_parts(folder, history)
    return history


def _claim(folder: Path) -> Path:
    """The file that remembers how far the publisher of a mirror has come with which name at the remote, while it is at it."""
    return folder.parent / "claim.json"


def _note(folder: Path, name: str, stage: Literal["claiming", "claimed", "committing"]) -> None:
    """Remember it before what it says is done; `claimed` right after."""
    write_bytes(_claim(folder), (json.dumps({"version": name, "stage": stage}) + "\n").encode())


def _let_go(place: Place, folder: Path, history: History) -> None:
    """Remove what a dead publisher of this mirror has put under its name.

    Who died claiming it may never have had it: another one may be at work under it. And a commit whose answer did not come may be on its way
    still. Such a folder is passed over, and goes by `sweep` when its time has come.
    """
    note = _claim(folder)
    if not note.exists():
        return
    name, stage = "", ""
    with suppress(ValueError, KeyError, TypeError):
        told = json.loads(note.read_bytes())
        name, stage = str(told["version"]), str(told["stage"])
    if VERSION.fullmatch(name) and stage == "claimed" and name not in history.versions:
        remove_version(place.store, name)
    note.unlink()


def _bring_quality(store: Store, folder: Path, history: History) -> None:
    """The measures of older versions, to which the release rules compare a new one."""

    def bring(known: Known) -> None:
        entry = known.manifest.files.get("quality.json")
        name = f"versions/{known.manifest.version}/quality.json"
        if entry and not (folder / name).is_file():
            fetch(store, name, entry.sha256, folder / name)

    at_once(history.versions.values(), bring)


def _thin(folder: Path, head: Manifest) -> None:
    """Keep of older versions what KEPT names, and only the parts of the latest."""
    for path in folder.glob("versions/*/*"):
        if path.parent.name != head.version and path.name not in KEPT:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    live = part_names(head)
    for path in folder.glob("tables/*/part-*.parquet"):
        if str(path.relative_to(folder)) not in live:
            path.unlink()


# --- the commit -----------------------------------------------------------------------------------------------------


class Upload:
    """The hook that makes a version, whole in the local mirror, the one that readers of the remote get.

    history: of the remote, as the version was built upon. fence: held while latest.json is replaced.
    """

    def __init__(
        self,
        place: Place,
        history: History,
        progress: Callable[[str], None] = lambda _: None,
        fence: Fence = nullcontext,
    ) -> None:
        self.place, self.history, self.progress, self.fence = place, history, progress, fence
        self._began = time.monotonic()

    def __call__(self, folder: Path, manifest: Manifest, latest: Latest) -> None:
        """Put the version to the storage and commit it there.

        Raises ConflictError when the name is taken or the remote has another latest version than the one built upon, JianghuaError
        when the storage does not answer: whether the commit was done then shows at the next publish.
        """
        source, target = FolderStore(folder), self.place.store
        name = manifest.version
        own = folder / "versions" / name / "manifest.json"
        data = checked(read_file(own), latest.manifest_sha256, str(own))
        head = self.history.head
        self._unmoved(manifest)
        self.progress(f"uploading {name}")
        with TemporaryDirectory(prefix="jianghua-upload-") as spool:
            files = files_of(source, manifest, sha256(data))
            upload = VersionUpload(source, target, manifest, files, Path(spool))
            upload.parts(part_names(head) if head else set())
            _note(folder, name, "claiming")
            try:
                upload.claim(data, again=False)
            except ConflictError:
                _claim(folder).unlink()
                raise
            try:
                _note(folder, name, "claimed")
                upload.rest()
                self._in_time()
            except Exception:
                self._give_up(folder, name)
                raise
        try:
            with self.fence() as made_it:
                _note(folder, name, "committing")
                target.put(LATEST, to_json(latest), absent=self.history.tag is None, tag=self.history.tag)
                if made_it is not None:
                    made_it(name)
        except FencedError:
            self._give_up(folder, name)
            raise
        except ConflictError:
            # Or the answer to the first request was lost, and the client's second try met our own file.
            if not self._done(latest):
                self._give_up(folder, name)
                raise
        _claim(folder).unlink()

    def _unmoved(self, manifest: Manifest) -> None:
        """Raises ConflictError when the race is lost before anything is uploaded, as most lost ones are."""
        found = self.place.store.read(LATEST)
        built_upon = self.history.latest.reference if self.history.latest else None
        if (found.tag if found else None) != self.history.tag or manifest.parent != built_upon:
            raise conflict(f"{self.place.store.where}/{LATEST}")

    def _done(self, latest: Latest) -> bool:
        found = self.place.store.read(LATEST)
        if found is None:
            return False
        # Or somebody has built upon it already.
        return found.data == to_json(latest) or latest.version in read_history(self.place.store).versions

    def _give_up(self, folder: Path, name: str) -> None:
        """Remove what nobody will ever read. What stays because of an error goes at the next publish."""
        try:
            remove_version(self.place.store, name)
            _claim(folder).unlink()
        except JianghuaError:
            self.progress(f"what was uploaded of {name} is left for the next publish to remove")

    def _in_time(self) -> None:
        if time.monotonic() - self._began > LONGEST:
            raise JianghuaError(
                f"the upload took longer than {LONGEST / 3600:.0f} hours",
                where=self.place.store.where,
                remedy="run the same command again",
            )


def finish(place: Place, folder: Path) -> None:
    """Bring up at the remote what is derived, and sweep. Each can be done again at any time, by any publisher."""
    paths = {p.parent.name: p for p in folder.glob("versions/*/manifest.json")}
    history = read_history(place.store, lambda name: paths[name].read_bytes() if name in paths else None)
    for gone in history.gone.values():  # also of versions that went meanwhile
        remove_folder(folder, gone)
    local = read_history(FolderStore(folder)).latest
    if local is not None:
        project(folder, local)
        project_to(place, folder, local.sequence)
        sweep(place, history)
