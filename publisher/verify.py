"""Re-read everything that was published and name the first thing that is not as it was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from crawler.durable import cannot_read
from crawler.errors import DamagedError, UsageError
from publisher import delta
from publisher.documents.feed import whole
from publisher.gone import gone_error, gone_path, gone_versions, read_gone
from publisher.lost import above, above_error, lost, lost_error
from publisher.manifest import Gone, Manifest, as_json, latest_of, sha256, to_json
from publisher.projections import copied_latest, gone_entry, index_entry, versions_document
from publisher.projections import entry as listed_entry
from publisher.storage import read_file
from publisher.verify_version import RESTORE, Report, Run, verify_version
from publisher.versions import LATEST, VERSION, read_latest, read_manifest, unknown_version, version_names

__all__ = ["Report", "verify"]


def verify(
    dataset: Path,
    version: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
    *,
    quick: bool = False,
) -> Report:
    """Verify one version of a dataset folder, or, with none given, all of them, the store and latest.json.

    progress: called with what is looked at now, for people. quick: only that every file is there and has its size, and that the
    manifests are those that latest.json and their successors name; damage inside a file is not seen. Raises DamagedError naming the
    first damaged file or broken link, UsageError for an unknown version, JianghuaError for what may not be read.
    """
    try:
        return _verify(dataset, version, progress, quick)
    except OSError as e:
        raise cannot_read(e.filename or dataset, e) from e


def _verify(dataset: Path, version: str | None, progress: Callable[[str], None], quick: bool) -> Report:
    start = monotonic()
    latest = read_latest(dataset)
    names = version_names(dataset)
    if version == "latest" and latest:
        version = latest.version
    if version is not None and version not in names and (gone := read_gone(dataset, version)):
        raise gone_error(gone, str(dataset), partial(read_gone, dataset))
    if latest is None and not names:
        raise UsageError(
            "there is no version yet",
            where=str(dataset),
            remedy="`jianghua publish speeches` makes the first one; --home names another home, --at a copy elsewhere",
        )
    if latest is None or (version is not None and version not in names):
        raise unknown_version(version or "latest", names, str(dataset))
    run = Run(dataset, Report([], quick=quick), progress)
    path = dataset / LATEST
    if to_json(latest) != read_file(path):
        raise DamagedError("damaged latest.json: it is not as it was written", where=str(path), remedy=RESTORE)
    if latest.version not in names:
        raise DamagedError(
            f"latest.json names version {latest.version}, which is missing", where=str(path), remedy=RESTORE
        )
    digests: dict[str, tuple[Manifest, str]] = {}
    for name in names:
        try:
            manifest, data = read_manifest(dataset, name, latest.manifest_sha256 if name == latest.version else None)
        except DamagedError:
            if version is None or name in (version, latest.version):
                raise
            continue  # damage of another version is not asked for
        digests[name] = manifest, sha256(data)
    if latest != latest_of(digests[latest.version][0], latest.manifest_sha256):
        raise DamagedError("latest.json does not say what the manifest says", where=str(path), remedy=RESTORE)
    if version is None:
        if (newer := above(dataset, latest)) and read_latest(dataset) == latest:  # else a publish has just made them
            raise above_error(dataset, latest, newer)
        for name in lost(dataset, {m.version: m for m, _ in digests.values()}):
            raise lost_error(dataset, name)
    for name in names if version is None else [version]:
        progress(name)
        manifest = digests[name][0]
        verify_version(run, manifest, _parent(manifest, digests), quick)
        run.report.versions.append(name)
    gone_by_name = {g.version: g for g in gone_versions(dataset)}
    _chain(dataset, digests, gone_by_name, version)
    if version is None:
        _listed(dataset, latest.version, digests, gone_by_name)
        delta.check(dataset, digests)
        for manifest, _ in digests.values():
            run.store(manifest, quick)
    run.report.seconds = round(monotonic() - start, 3)
    return run.report


def _parent(manifest: Manifest, digests: dict[str, tuple[Manifest, str]]) -> Manifest | None:
    """The manifest of a version's parent, where it is there and the one that the version was made from."""
    if manifest.parent is None:
        return None
    parent, digest = digests.get(manifest.parent.version, (None, ""))
    return parent if digest == manifest.parent.manifest_sha256 else None


def _chain(dataset: Path, digests: dict[str, tuple[Manifest, str]], gone: dict[str, Gone], version: str | None) -> None:
    """Each version's parent is there or has a tombstone, unchanged, and one before it. version: look at its links alone."""
    known = {m.version: (m.sequence, d, "manifest.json") for m, d in digests.values()}
    known |= {g.version: (g.sequence, g.manifest_sha256, "") for g in gone.values()}
    for manifest, _ in digests.values():
        parent = manifest.parent
        if parent and parent.version in known and version in (None, manifest.version, parent.version):
            sequence, digest, file = known[parent.version]
            if digest != parent.manifest_sha256 or sequence >= manifest.sequence:
                place = dataset / "versions" / parent.version / file if file else gone_path(dataset, parent.version)
                raise DamagedError(
                    f"version {parent.version} is not the parent that {manifest.version} was made from",
                    where=str(place),
                    remedy=RESTORE,
                )


def _listed(dataset: Path, latest: str, digests: dict[str, tuple[Manifest, str]], gone: dict[str, Gone]) -> None:
    """versions.json and index.json say what the manifests and tombstones say. They are derived: one that is missing, or that a
    publish or a retention killed right after its commit has not brought up to date yet, is no damage."""
    true = sorted((listed_entry(m, d) for m, d in digests.values()), key=lambda v: int(v["sequence"]))
    name = next(iter(digests.values()))[0].dataset  # the folder may have been renamed
    path = dataset / "versions.json"
    listed = _derived(path, "versions")
    if listed is not None:
        try:
            _versions(dataset, name, listed, true, gone)
        except (
            KeyError,
            TypeError,
            AttributeError,
            IndexError,
        ) as e:  # what an entry has is not there, or is something else
            raise _derived_damage(path, "it does not say what the manifests say") from e
    _link(dataset, latest, gone)
    path = dataset / "feed.xml"
    if path.exists() and not whole(read_file(path)):
        raise _derived_damage(path, "it is no feed as written")
    index = dataset.parent / "index.json"
    every = _derived(index, "datasets") or {"datasets": []}
    for each in every["datasets"]:
        told = each.get("dataset")
        if told == name:
            if not _indexed(name, each, true, len(gone)):
                raise _derived_damage(index, f"it does not say of {name} what the manifests say")
        elif not isinstance(told, str) or not (dataset.parent / told / LATEST).is_file():
            raise _derived_damage(index, f"it names a dataset {told!r}, and there is none of that name")


def _link(dataset: Path, version: str, gone: dict[str, Gone]) -> None:
    """`latest` leads to a version of the dataset; it may be behind, as the others may. A folder in its place stays behind: it is of the latest
    version (`version`), or none."""
    link = dataset / "latest"
    if not link.is_symlink():  # there is none where the file system has no links
        if link.is_dir() and (copied := copied_latest(dataset)) != version:
            of = f"a copy of {copied}" if copied else "a copy of no version"
            raise _derived_damage(link, f"it is a folder, {of}, and the latest version is {version}")
        return
    head, _, name = str(link.readlink()).partition("/")
    there = (dataset / "versions" / name / "manifest.json").is_file() or name in gone
    if head != "versions" or not VERSION.fullmatch(name) or not there:
        raise _derived_damage(link, f"it leads to {link.readlink()}, which is no version of the dataset")


def _versions(
    dataset: Path, name_of: str, listed: dict[str, Any], true: list[dict[str, Any]], gone: dict[str, Gone]
) -> None:
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
    document = versions_document(name_of, listed["versions"], told)
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
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise _derived_damage(path, f"it is no list of {key} as written")


def _derived_damage(path: Path, what: str) -> DamagedError:
    return DamagedError(
        f"damaged {path.name}: {what}",
        where=str(path),
        remedy="delete it and run `jianghua publish speeches`, which writes it anew",
    )
