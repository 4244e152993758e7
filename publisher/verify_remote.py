"""Verify a dataset wherever it lies: every file of every version is read through and compared with its SHA-256.

Nothing is kept on disk. What only rows can tell (keys, references between tables) `jianghua verify` checks of a copy on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from crawler.errors import DamagedError
from publisher.buckets import BucketStore
from publisher.chain import History, read_history, require_published
from publisher.download import LOCK
from publisher.manifest import latest_of
from publisher.remote import FolderStore, Store, at_once
from publisher.shipping import SUMS, File, files_of, hashed
from publisher.verify import Report
from publisher.versions import unknown_version


def verify_remote(store: Store, version: str | None = None, progress: Callable[[str], None] = lambda _: None) -> Report:
    """Verify one version of the dataset at `store`, or all and the parts that they share.

    progress: called with each version's name. Raises DamagedError naming the first damaged or missing file, UsageError for an
    unknown version or where nothing is published.
    """
    history = read_history(store)
    latest = require_published(history, store.where)
    name = latest.version if version == "latest" else version
    if name is not None and name not in history.versions:
        raise unknown_version(name, list(history.versions), store.where)
    if latest != latest_of(history.versions[latest.version].manifest, latest.manifest_sha256):
        raise DamagedError(
            "latest.json does not say what the manifest says", where=store.where, remedy="restore it from a copy"
        )
    report = Report([])
    start = monotonic()
    for each in history.versions if name is None else [name]:
        progress(each)
        _version(store, history, each, report)
        report.versions.append(each)
    if name is None:
        _parts(store, history, report)
    report.seconds = round(monotonic() - start, 3)
    return report


def _version(store: Store, history: History, name: str, report: Report) -> None:
    known = history.versions[name]
    files = files_of(store, known.manifest, known.sha256, in_part=_downloaded(store))
    if not (isinstance(store, BucketStore) and store.web):
        there = {e.name.removeprefix(f"versions/{name}/") for e in store.entries(f"versions/{name}")}
        for odd in sorted(there ^ {SUMS, *(f.name for f in files)}):
            what = "a file is not listed in SHA256SUMS" if odd in there else "a file is missing"
            raise DamagedError(
                what,
                where=f"{store.where}/versions/{name}/{odd}",
                remedy="restore the version from a copy of the dataset",
            )
    _read(store, [(f"versions/{name}/{f.name}", f) for f in files], report)
    here = {f.name.partition("/")[0] for f in files if f.is_part}
    report.rows += sum(e.rows for t, e in known.manifest.tables.items() if t in here)


def _downloaded(store: Store) -> bool:
    """Whether the dataset is a folder of downloads: its versions may lack tables, and it has no store of parts."""
    return isinstance(store, FolderStore) and (store.root / LOCK).exists() and not (store.root / "tables").exists()


def _parts(store: Store, history: History, report: Report) -> None:
    """The store of parts, which versions to come are built on. Who only reads has none: the web, and a download."""
    if isinstance(store, BucketStore) and store.web:
        return
    if _downloaded(store):
        return
    shared = {
        f"tables/{t}/{p.file}": File(f"{t}/{p.file}", p.sha256, p.bytes, True)
        for k in history.versions.values()
        for t, e in k.manifest.tables.items()
        for p in e.parts
    }
    _read(store, sorted(shared.items(), key=lambda each: each[0]), report)


def _read(store: Store, files: list[tuple[str, File]], report: Report) -> None:
    sizes: list[int] = []
    at_once(files, lambda each: sizes.append(hashed(store, each[0], each[1].sha256)))
    report.files += len(sizes)
    report.bytes += sum(sizes)
