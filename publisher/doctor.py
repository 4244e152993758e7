"""`jianghua doctor`: finds what publishes, re-issues, retention, syncs and uploads that died have left, and files that rotted, and mends it.

Nothing of this is needed after a mere kill: the next publish undoes or finishes what it finds. The doctor does it now, tells what it did,
and looks further than a publish has time to: at every file of every version. What it cannot put right by itself it tells, with what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from crawler.durable import cannot_read, replacing, write_bytes, writing_told
from crawler.errors import DamagedError, JianghuaError, UsageError
from crawler.home import Home
from crawler.wording import counted
from publisher import history, reissue, rowindex, sketches
from publisher.build import state_of
from publisher.gone import gone_names, gone_path
from publisher.locks import discard, left_beside, locked, recover
from publisher.lost import above, above_error, lost, lost_remedy
from publisher.manifest import Gone, Latest, Manifest, Reference, latest_of, sha256, to_json
from publisher.mending import Digests, Kept, bad_and_good, documents_of, mend, parts_of
from publisher.parts import PartStore
from publisher.places import dataset_folder, memo_folder
from publisher.projections import copied_latest, project, project_anew, stale
from publisher.storage import read_file
from publisher.verify_version import Report, Run, sums_of, verify_version
from publisher.versions import JOURNAL, LATEST, order, read_journal, read_latest, read_manifest, version_names

# mended: put right; found: a dry run that would; left: a person has to do it; remark: nothing is wrong
State = Literal["mended", "found", "left", "remark"]


@dataclass(frozen=True, slots=True)
class Finding:
    """what was found; where: the file or folder; done: what was done, or is to be done."""

    what: str
    where: str
    state: State
    done: str


@dataclass(slots=True)
class Diagnosis:
    """What a doctor found. looked_at: versions whose files were all read."""

    dataset: str
    dry_run: bool
    looked_at: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether nothing is left to do."""
        return not any(f.state in ("found", "left") for f in self.findings)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {**asdict(self), "well": self.well}

    def add(self, what: str, where: Path, done: str) -> None:
        """Note what is put right, or would be. done: as in "removed"."""
        self.findings.append(
            Finding(what, str(where), "found", f"to be {done}")
            if self.dry_run
            else Finding(what, str(where), "mended", done)
        )

    def leave(self, what: str, where: Path, do: str) -> None:
        """Note what a person has to do."""
        self.findings.append(Finding(what, str(where), "left", do))

    def remark(self, what: str, where: Path, done: str) -> None:
        """Note what is in order and worth knowing."""
        self.findings.append(Finding(what, str(where), "remark", done))


def examine(
    home: Home,
    dataset: str = "speeches",
    *,
    dry_run: bool = False,
    restore_latest: bool = False,
    lost_for_good: Collection[str] = (),
    wait: float = 60.0,
    progress: Callable[[str], None] = lambda _: None,
) -> Diagnosis:
    """Find and mend what is not as it should be in a dataset of a home and in what is remembered of it.

    restore_latest: let a latest.json that is missing, damaged or older than the versions name the newest one that verifies. lost_for_good: versions whose
    folders are lost for good; they get tombstones. wait: seconds to wait for a publish to end.
    Killed at any moment it can be run again. Raises UsageError for an unknown dataset and for a version that is not lost, JianghuaError when the disk is full, something
    cannot be removed, or a publish does not end.
    """
    folder = dataset_folder(home, dataset)
    found = Diagnosis(dataset, dry_run)
    memo = memo_folder(home, dataset)
    try:
        there = folder.is_dir()
    except OSError as e:
        raise cannot_read(folder, e) from e
    if there:
        with locked(folder, wait, to_look=dry_run), writing_told(folder):
            _dataset(found, folder, _mirrors(home, dataset), restore_latest, lost_for_good, progress)
            progress("what is remembered")
            _memo(found, folder, memo)
    for mirror in _mirrors(home, dataset):
        progress("mirrors")
        with writing_told(mirror):
            _mirror(found, mirror, memo_folder(home, dataset, mirror))
    return found


def _mirrors(home: Home, dataset: str) -> list[Path]:
    return sorted(p for p in (home.var / "publish" / "mirror").glob(f"*/{dataset}") if (p / "versions").is_dir())


# -- the dataset


def _dataset(
    found: Diagnosis,
    folder: Path,
    mirrors: list[Path],
    restore: bool,
    given_up: Collection[str],
    progress: Callable[[str], None],
) -> None:
    unfinished = _unfinished(folder)
    manifests = _files(found, folder, unfinished, mirrors, progress)
    latest, wrong, offered = _latest(folder)
    if wrong and offered and restore:
        latest = _restored(found, folder, manifests, wrong, progress)
    elif wrong:
        offer = ", or let it name the newest version that verifies: `jianghua doctor --restore-latest`"
        found.leave(wrong, folder / LATEST, "restore it from a copy of the dataset" + (offer if offered else ""))
    readable = wrong is None or latest is not None
    before = set(version_names(folder))
    _leftovers(found, folder, readable)
    reissued = set(version_names(folder)) - before
    names = [n for n in version_names(folder) if n not in unfinished]
    if readable and not found.dry_run:
        latest, *_ = _latest(folder)  # a re-issue that was finished has replaced it
    if latest is None:
        return
    _strays(found, folder, names, latest)
    if set(names) - set(manifests) - reissued:
        return  # a damaged manifest: nothing is derived from it
    if _lost(found, folder, manifests, given_up):
        return  # what is derived would say nothing of them any more
    progress("versions.json and what else is derived")
    _projections(found, folder, latest, settled=not (found.dry_run and not found.well))
    _unnamed(found, folder)


def _unfinished(folder: Path) -> set[str]:
    """Names of versions that a publish was about to make when it died."""
    note = read_journal(folder / JOURNAL)
    if note is None:
        return set()
    with suppress(DamagedError):
        latest = read_latest(folder)
        if latest and latest.sequence >= note["sequence"]:
            return set()  # it had made it
    return {note["version"]}


def _latest(folder: Path) -> tuple[Latest | None, str | None, bool]:
    """What latest.json says; what is wrong with it; whether it can be made again from a version."""
    try:
        latest = read_latest(folder)
        if latest is None:
            return None, None, False
        if to_json(latest) != read_file(folder / LATEST):
            return None, "damaged latest.json: it is not as it was written", True
    except DamagedError as e:
        if not (folder / LATEST).exists() and set(version_names(folder)) <= _unfinished(folder):
            return None, None, False  # the first publish died before its commit
        return None, e.what, True
    try:
        read_manifest(folder, latest.version, latest.manifest_sha256)
    except DamagedError as e:
        return None, f"the manifest of {latest.version}, which latest.json names, is damaged: {e.what}", False
    except JianghuaError as e:
        return None, f"latest.json: {e.what}", True
    if newer := above(folder, latest, published=True):
        return None, above_error(folder, latest, newer).what, True
    return latest, None, False


def _restored(
    found: Diagnosis, folder: Path, manifests: dict[str, Manifest], wrong: str, progress: Callable[[str], None]
) -> Latest | None:
    """Let latest.json name the newest version that verifies."""
    for manifest in sorted(manifests.values(), key=lambda m: (m.sequence, order(m.version)), reverse=True):
        progress(f"verifying {manifest.version}")
        parent = manifests.get(manifest.parent.version) if manifest.parent else None
        try:
            _, data = read_manifest(folder, manifest.version)
            verify_version(Run(folder, Report([]), progress), manifest, parent)
        except JianghuaError as e:
            found.leave(
                f"version {manifest.version} does not verify: {e.what}",
                folder / "versions" / manifest.version,
                "restore it from a copy of the dataset; until then do not publish: latest.json cannot name it",
            )
            continue
        latest = latest_of(manifest, sha256(data))
        if not found.dry_run:
            write_bytes(folder / LATEST, to_json(latest))
        found.add(wrong, folder / LATEST, f"restored: it names {manifest.version}, the newest version that verifies")
        return latest
    found.leave(wrong, folder / LATEST, "restore the dataset from a copy: no version of it verifies")
    return None


def _files(
    found: Diagnosis, folder: Path, unfinished: set[str], mirrors: list[Path], progress: Callable[[str], None]
) -> dict[str, Manifest]:
    """Every file of every version against its digest; gives the manifests that are whole."""
    sums: dict[str, dict[str, str]] = {}
    names = [n for n in version_names(folder) if n not in unfinished]
    for name in names:
        try:
            sums[name] = sums_of(folder / "versions" / name)
        except DamagedError as e:
            found.leave(e.what, folder / "versions" / name / "SHA256SUMS", "restore it from a copy of the dataset")
    digests = Digests()
    _contents(found, documents_of(folder, sums, mirrors), digests, progress)
    manifests: dict[str, Manifest] = {}
    for name in names:
        try:
            manifest, data = read_manifest(folder, name)
        except DamagedError as e:
            if name not in sums:  # else it is told already
                found.leave(e.what, Path(e.where or folder), "restore it from a copy of the dataset")
            continue
        if sums.get(name, {}).get("manifest.json", sha256(data)) == sha256(data):
            manifests[name] = manifest
    _contents(found, parts_of(folder, manifests, mirrors), digests, progress)
    found.looked_at = [n for n in manifests if n in sums]
    return manifests


def _contents(found: Diagnosis, kept: list[Kept], digests: Digests, progress: Callable[[str], None]) -> None:
    for content in kept:
        progress(content.name)
        bad, good = bad_and_good(content, digests)
        for place in bad:
            what = (
                "a link in the place of a file"
                if place.is_symlink()
                else "a damaged file"
                if place.exists()
                else "a file is missing"
            )
            if good is None:
                found.leave(what, place, f"restore it from a copy of the dataset; its SHA-256 is {content.sha256}")
                continue
            if not found.dry_run:
                mend(place, good, link=good in content.places)
            found.add(what, place, f"mended from {good}")


def _leftovers(found: Diagnosis, folder: Path, readable: bool) -> None:
    """What was cut short. readable: whether latest.json tells what was committed; without it nothing is undone or finished."""
    before = len(found.findings)
    journal, redoing = folder / JOURNAL, folder / reissue.JOURNAL
    if journal.exists():
        note = read_journal(journal)
        if note is None:
            found.add("a damaged journal of a publish", journal, "removed")
        elif note["version"] in _unfinished(folder):
            found.add(f"a publish of {note['version']} died before its commit", journal, "undone")
        else:
            found.add(f"a publish died right after it had published {note['version']}", journal, "finished")
    if redoing.exists():
        found.add("a re-issue of versions after a takedown died", redoing, "finished")
    gone = [folder / "versions" / n for n in sorted(gone_names(folder)) if (folder / "versions" / n).exists()]
    gone += sorted((folder / "versions").glob(".gone-*"))
    for path in gone:
        found.add("the folder of a version that is gone", path, "removed")
    if not redoing.exists():
        for path in sorted((folder / "versions").glob(f"{reissue.BESIDE}*")):
            found.add("a version of a re-issue that died before its commit", path, "removed")
    for path in left_beside(folder):
        found.add("left by a write that was cut short", path, "removed")
    if found.dry_run or len(found.findings) == before:
        return
    if not readable:
        told, found.findings = found.findings[before:], found.findings[:before]
        for f in told:
            found.leave(f.what, Path(f.where), "run `jianghua doctor` again when latest.json is there again")
        return
    try:
        recover(folder)
        reissue.finish(folder)
    except ValueError as e:  # the journal of a re-issue is replaced whole, so this is bit rot
        found.findings = [f for f in found.findings if f.where != str(redoing)]
        found.leave(
            f"a damaged journal of a re-issue: {str(e).splitlines()[0]}",
            redoing,
            "remove it and run `jianghua takedown apply` again",
        )


def _strays(found: Diagnosis, folder: Path, names: list[str], latest: Latest) -> None:
    for name in names:
        with suppress(JianghuaError):
            manifest, _ = read_manifest(folder, name)
            if manifest.sequence > latest.sequence:
                found.leave(
                    f"version {name} was never published: its number {manifest.sequence} is above that of latest.json ({latest.sequence}), and no journal names it",
                    folder / "versions" / name,
                    "move the folder out of the dataset before the next publish; or, if latest.json is older than it should be, "
                    "restore latest.json from a copy",
                )


def _lost(found: Diagnosis, folder: Path, manifests: dict[str, Manifest], given_up: Collection[str]) -> bool:
    """Versions whose folders are not there, without a tombstone; those in given_up get one. Whether there are others."""
    missing = lost(folder, manifests)
    if unknown := sorted(set(given_up) - set(missing)):
        raise UsageError(
            f"version {unknown[0]} is not lost",
            where=str(folder),
            remedy=f"lost are: {', '.join(missing)}" if missing else "no version is lost: leave --lost out",
        )
    for name, version in missing.items():
        path = folder / "versions" / name
        if name not in given_up:
            found.leave("a version is missing, and no tombstone says why", path, lost_remedy(name))
            continue
        if not found.dry_run:
            write_bytes(gone_path(folder, name), to_json(_tomb(version)))
        found.add("a version is missing, and no tombstone says why", path, "given a tombstone")
    return bool(set(missing) - set(given_up))


def _tomb(version: Reference) -> Gone:
    return Gone(
        version=version.version,
        sequence=version.sequence,
        state="retired",
        reason="its folder was lost",
        at=datetime.now(UTC).replace(microsecond=0),
        manifest_sha256=version.manifest_sha256,
    )


def _projections(found: Diagnosis, folder: Path, latest: Latest, settled: bool) -> None:
    """settled: nothing else is still to be put right, which would change them."""
    try:
        odd = stale(folder, latest)
        if not found.dry_run:
            (project_anew if odd else project)(folder, latest)
    except DamagedError as e:
        found.leave(
            f"what is derived from the manifests cannot be looked at: {e.what}",
            Path(e.where or folder),
            e.remedy or "restore it from a copy of the dataset",
        )
        return
    for path in odd if settled else ():
        found.add("missing, stale or damaged" if path.exists() else "missing", path, "made anew from the manifests")
    link = folder / "latest"
    if link.is_dir() and not link.is_symlink() and copied_latest(folder) is None:
        found.leave(
            "a folder that is no copy of a version is in the place of the link `latest`, and readers of it get what it holds",
            link,
            "move it away and run `jianghua doctor` again",
        )


def _unnamed(found: Diagnosis, folder: Path) -> None:
    named = set()
    for name in version_names(folder):
        manifest, _ = read_manifest(folder, name)
        named |= {f"{t}/{p.file}" for t, e in manifest.tables.items() for p in e.parts}
    parts = [p for p in folder.glob("tables/*/part-*.parquet") if f"{p.parent.name}/{p.name}" not in named]
    if parts:
        found.remark(
            f"{counted(len(parts), 'part')} ({counted(sum(p.stat().st_size for p in parts), 'byte')}) that no version names",
            folder / "tables",
            "`jianghua retention` removes them after its grace time",
        )


# -- what is remembered


def _memo(found: Diagnosis, folder: Path, memo: Path) -> None:
    """The memo of a dataset whose lock the caller holds: it may go at any time, so what is damaged goes."""
    _remove(found, "left by a publish that died", [memo / "scratch", *memo.glob(".*.tmp"), *memo.glob("copies/.*.tmp")])
    _remove(found, "left by a write that was cut short", sorted(memo.parent.glob(f".history-{memo.name}.jsonl.*.tmp")))
    if wrong := rowindex.damage(memo):
        if not found.dry_run:
            for path in (memo / "state.json", *memo.glob("*.arrow")):
                path.unlink(missing_ok=True)
            with suppress(JianghuaError):
                _remember(folder, memo)
        found.add(f"what is remembered of the latest version is damaged: {wrong}", memo, "removed and made again")
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        named = rowindex.files(memo)
        _remove(found, "left by a publish that died", [p for p in sorted(memo.glob("*.arrow")) if p.name not in named])
    if names := sketches.damaged(memo / "copies"):
        _remove(found, "a damaged index of near duplicates", [memo / "copies" / n for n in names])
    path = history.history_path(memo.parent, memo.name)
    entries = history.read(path)
    torn = len(path.read_bytes().splitlines()) - len(entries) if path.exists() else 0
    if torn:
        if not found.dry_run:
            with replacing(path) as out:
                out.writelines(history.line(e) for e in entries)
        found.add(f"{torn} damaged lines in the history of publishes", path, "removed")


def _remember(folder: Path, memo: Path) -> None:
    latest = read_latest(folder)
    if latest:
        manifest, _ = read_manifest(folder, latest.version, latest.manifest_sha256)
        rowindex.save(memo, latest.manifest_sha256, state_of(PartStore(folder), manifest))


def _remove(found: Diagnosis, what: str, paths: list[Path]) -> None:
    def remove() -> None:
        for path in paths:
            discard(path)

    _remove_by(found, what, paths, remove)


def _mirror(found: Diagnosis, folder: Path, memo: Path) -> None:
    """A mirror of object storage is brought up by each publish to it; here only what died ones left goes."""
    with ExitStack() as held:
        try:
            for place in (folder.parent, folder):  # as a publish to object storage takes them
                held.enter_context(locked(place, 0, to_look=found.dry_run))
        except JianghuaError:
            found.remark("a mirror in which a publish is running", folder, "left alone")
            return
        paths = [folder / JOURNAL, *left_beside(folder), *sorted((folder / "versions").glob(".gone-*"))]
        if _latest(folder)[1]:
            return  # the next publish to it makes the mirror anew
        _remove_by(found, "left in a mirror of object storage by a publish that died", paths, lambda: recover(folder))
        _memo(found, folder, memo)


def _remove_by(found: Diagnosis, what: str, paths: list[Path], remove: Callable[[], None]) -> None:
    there = [p for p in paths if p.exists()]
    if there and not found.dry_run:
        remove()
    for path in there:
        found.add(what, path, "removed")
