"""Which versions of a dataset are published, wherever it lies, told from what writers at work or dead ones left.

A version is published when latest.json names it, or a published version names it as parent (by name and SHA-256 of its
manifest). Version folders that are not on that chain are strays: of a publisher that is still uploading, that lost a race, or
that died. Readers begin at latest.json or versions.json and never meet them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from crawler.errors import DamagedError, UsageError
from publisher.buckets import BucketStore
from publisher.gone import SUFFIX
from publisher.manifest import Gone, Latest, Manifest, Reference, parse_gone, parse_latest, parse_manifest, sha256
from publisher.remote import FolderStore, Store, Tag, at_once, open_store, require_slashes
from publisher.storage import checked
from publisher.versions import LATEST, VERSION


@dataclass(frozen=True, slots=True)
class Known:
    """A version: its manifest, the bytes of manifest.json and their SHA-256."""

    manifest: Manifest
    data: bytes
    sha256: str


@dataclass(slots=True)
class History:
    """What a place holds.

    latest, tag: what latest.json says, and the tag to replace it by. versions: those published, oldest first. gone: tombstones
    of versions that are no more. strays: manifests of folders that are not published. folders: names of
    all version folders, whatever is in them.
    """

    latest: Latest | None = None
    tag: Tag | None = None
    versions: dict[str, Known] = field(default_factory=dict)
    gone: dict[str, Gone] = field(default_factory=dict)
    strays: dict[str, Manifest] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """Every name that is taken."""
        return self.folders | frozenset(self.gone)

    @property
    def head(self) -> Manifest | None:
        """The manifest of the version that readers get."""
        return self.versions[self.latest.version].manifest if self.latest else None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dataset lies: `datasets` is the folder of datasets (with index.json), `store` the dataset's own."""

    datasets: Store
    dataset: str

    @property
    def store(self) -> Store:
        return self.datasets.at(self.dataset)


def open_place(where: str, dataset: str, *, to_write: bool = False) -> Place:
    """The place of a dataset: `where` is its folder if it is called like the dataset, else the folder of datasets, else a home.

    Raises UsageError for an address that cannot be used.
    """
    require_slashes(where)
    text = where.rstrip("/") if "://" in where else str(Path(where).resolve())
    if "://" in where and "://" not in text:
        text = where  # an address without a host: a folder called `s3:` is not meant
    head, _, last = text.rpartition("/")
    rest = text.partition("://")[2] or text
    # A bucket, and on Azure a container, may be called like the dataset without being its folder.
    if last == dataset and rest.count("/") > (1 if text.startswith("az://") else 0):
        return Place(open_store(head, to_write=to_write), dataset)
    store = open_store(text, to_write=to_write)
    if isinstance(store, FolderStore) and not (store.root / dataset).is_dir() and (store.root / "datasets").is_dir():
        store = store.at("datasets")
    return Place(store, dataset)


def published_at(where: str, dataset: str) -> Store:
    """The store of a dataset to read: as `open_place` finds it, or `where` itself, whatever it is called, when its latest.json is the
    dataset's (a download, a folder that a web server shows as its root). Raises UsageError, DamagedError."""
    store = open_place(where, dataset).store
    if store.read(LATEST) is None:
        itself = open_store(where)
        found = itself.read(LATEST)
        if found is not None and parse_latest(found.data, f"{itself.where}/{LATEST}").dataset == dataset:
            return itself
    return store


def read_history(store: Store, cached: Callable[[str], bytes | None] = lambda _: None) -> History:
    """The versions at a place. cached: manifest.json of a version by name, if it is at hand.

    Raises DamagedError when latest.json or a manifest of the chain is not what was written.
    """
    found = store.read(LATEST)
    names, tombstones = _listed(store)
    if found is None:
        if store.read("versions.json") is not None:
            raise DamagedError(
                "latest.json is missing, though there are versions",
                where=store.where,
                remedy="restore latest.json from a copy of the dataset; nothing was changed",
            )
        gone = {name: _tombstone(store, name) for name in tombstones}
        return History(folders=frozenset(names), gone=gone, strays=_manifests(_Shelf(store, cached), names))
    latest = parse_latest(found.data, f"{store.where}/{LATEST}")
    history = History(latest, found.tag, folders=frozenset(names))
    history.gone = {name: _tombstone(store, name) for name in tombstones}
    shelf = _Shelf(store, cached)
    every = _manifests(shelf, names)
    history.versions = _chain(latest, every, history, shelf)
    history.strays = {n: m for n, m in every.items() if n not in history.versions}
    return history


class _Shelf:
    """The manifests of a place, each read once."""

    def __init__(self, store: Store, cached: Callable[[str], bytes | None]) -> None:
        self.store, self._cached = store, cached
        self._known: dict[str, Known | None] = {}

    def get(self, name: str, digest: str | None = None) -> Known | None:
        """The manifest of a version, None when it has none. digest: what its SHA-256 must be."""
        if name not in self._known or (self._known[name] and digest not in (None, self._known[name].sha256)):  # type: ignore[union-attr]
            self._known[name] = self._read(name, digest)
        return self._known[name]

    def _read(self, name: str, digest: str | None) -> Known | None:
        where = f"{self.store.where}/versions/{name}/manifest.json"
        data = self._cached(name)
        if data is None or (digest is not None and sha256(data) != digest):
            found = self.store.read(f"versions/{name}/manifest.json")
            if found is None:
                return None
            data = found.data
        if digest is not None:
            checked(data, digest, where)
        return Known(parse_manifest(data, where), data, sha256(data))


def _listed(store: Store) -> tuple[list[str], list[str]]:
    """Names of version folders and of tombstones; on the web what versions.json lists."""
    if isinstance(store, BucketStore) and store.web:
        found = store.read("versions.json")
        try:
            listed = json.loads(found.data) if found else {}
            names = [[str(v["version"]) for v in listed.get(k, [])] for k in ("versions", "gone")]
        except (ValueError, KeyError, TypeError, AttributeError):
            return [], []
        there, lost = ([n for n in each if VERSION.fullmatch(n)] for each in names)
        return there, lost
    folders, files = store.children("versions")
    gone = [f.removesuffix(SUFFIX) for f in files if f.endswith(SUFFIX)]
    return [f for f in folders if VERSION.fullmatch(f)], gone


def _manifests(shelf: _Shelf, names: Iterable[str]) -> dict[str, Manifest]:
    def look(name: str) -> None:
        try:
            known = shelf.get(name)
        except DamagedError:
            return  # if it is published the chain meets it and says so
        if known:
            out[name] = known.manifest

    out: dict[str, Manifest] = {}
    at_once(names, look)
    return out


def _tombstone(store: Store, name: str) -> Gone:
    where = f"{store.where}/versions/{name}{SUFFIX}"
    found = store.read(f"versions/{name}{SUFFIX}")
    gone = parse_gone(found.data if found else b"", where)
    if gone.version != name:
        raise DamagedError(
            f"the tombstone is of version {gone.version}",
            where=where,
            remedy="restore the file from a copy of the dataset",
        )
    return gone


def _chain(latest: Latest, every: dict[str, Manifest], history: History, shelf: _Shelf) -> dict[str, Known]:
    """The published versions, oldest first: from latest back by the parents that the manifests name."""
    chain: list[Known] = []
    wanted: Reference | None = latest.reference
    for sequence in range(latest.sequence, 0, -1):
        known: Known | None = None
        if wanted is not None and wanted.sequence == sequence:
            known = _referred(wanted, history, shelf)
            if known is None and not chain:
                raise DamagedError(
                    f"latest.json names version {latest.version}, which is missing",
                    where=shelf.store.where,
                    remedy="restore the version from a copy of the dataset",
                )
        elif len(names := [n for n, m in every.items() if m.sequence == sequence]) == 1:
            # The version after it is gone and with it the reference; what alone has the number was published.
            known = shelf.get(names[0])
        if known:
            chain.append(known)
        wanted = known.manifest.parent if known else None
    return {k.manifest.version: k for k in reversed(chain)}


def _referred(wanted: Reference, history: History, shelf: _Shelf) -> Known | None:
    """The version that a reference means: itself, or what it was re-issued as."""
    name: str | None = wanted.version
    if name not in history.gone:
        return shelf.get(wanted.version, wanted.manifest_sha256)
    seen: set[str] = set()
    while name is not None and name in history.gone and name not in seen:
        seen.add(name)
        name = history.gone[name].replaced_by
    return shelf.get(name) if name is not None and name not in seen else None


def require_published(history: History, where: str) -> Latest:
    """What latest.json says. Raises UsageError when nothing is published there."""
    if history.latest is None:
        raise UsageError(
            "there is no published dataset here",
            where=where,
            remedy="give the folder or address that holds latest.json, or the one above it",
        )
    return history.latest
