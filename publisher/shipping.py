"""Moving files of a dataset from one place to another: whole, verified by SHA-256, in the order that readers need."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from crawler.durable import replacing, write_bytes
from crawler.errors import DamagedError
from publisher.chain import Place
from publisher.manifest import Manifest, as_json, parse_latest
from publisher.remote import ConflictError, Entry, FolderStore, Store, at_once, missing
from publisher.storage import read_file
from publisher.versions import LATEST

SUMS = "SHA256SUMS"  # of a version folder; put last, so that where it is the folder is whole
_TRIES = 50  # of a projection, when publishers race; each failure is another one's success


@dataclass(frozen=True, slots=True)
class File:
    """A file of a version: name within the version's folder, its SHA-256, and its bytes if the manifest tells them."""

    name: str
    sha256: str
    bytes: int | None
    is_part: bool


def files_of(store: Store, manifest: Manifest, manifest_sha256: str, in_part: bool = False) -> list[File]:
    """Every file of a version but SHA256SUMS, which lists them. Raises DamagedError when it does not agree with the manifest.

    in_part: the version may lack whole tables, as one does that was downloaded with --table.
    """
    path = f"versions/{manifest.version}/{SUMS}"
    where = f"{store.where}/{path}"
    found = store.read(path)
    if found is None:
        raise missing(where)
    sums = dict(_lines(found.data, where))
    parts = {f"{t}/{p.file}": (p.sha256, p.bytes) for t, e in manifest.tables.items() for p in e.parts}
    sizes = {n: e.bytes for n, e in manifest.files.items()} | {n: b for n, (_, b) in parts.items()}
    true = {n: s for n, (s, _) in parts.items()} | {n: e.sha256 for n, e in manifest.files.items()}
    true["manifest.json"] = manifest_sha256
    here = {n.partition("/")[0] for n in sums if "/" in n}
    lacking = [t for t, e in manifest.tables.items() if e.parts and t not in here]
    if lacking and not in_part:
        raise DamagedError(
            f"the version lacks the table{'s' if lacking[1:] else ''} {', '.join(lacking)}, as one does that was downloaded with --table",
            where=where,
            remedy="download the other tables too, without --table; or restore the version folder from a copy of the dataset",
        )
    true = {n: d for n, d in true.items() if n.partition("/")[0] not in lacking}
    for name, digest in true.items():
        if sums.get(name) != digest:
            raise DamagedError(
                f"SHA256SUMS and manifest.json disagree about {name}",
                where=where,
                remedy="restore the version folder from a copy of the dataset",
            )
    return [File(n, s, sizes.get(n), n in parts) for n, s in sorted(sums.items())]


def _lines(data: bytes, where: str) -> Iterator[tuple[str, str]]:
    for line in data.decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        parts = name.split("/")
        if len(digest) != 64 or not name or name.startswith("/") or ".." in parts or "" in parts:
            raise DamagedError(
                f"SHA256SUMS has a line that is none: {line[:40]!r}", where=where, remedy="restore it from a copy"
            )
        yield name, digest


def part_names(manifest: Manifest) -> set[str]:
    """Where the store keeps the parts of a version, relative to the dataset."""
    return {f"tables/{t}/{p.file}" for t, e in manifest.tables.items() for p in e.parts}


def fetch(source: Store, name: str, digest: str, path: Path) -> int:
    """Bring a file to `path`, whole and verified, and give its bytes.

    Raises DamagedError when it is missing or does not have its SHA-256; then `path` is as it was.
    """
    with replacing(path) as out:
        return _verified(source, name, digest, out.write)


def hashed(source: Store, name: str, digest: str) -> int:
    """Read a file through and give its bytes. Raises DamagedError when it is missing or does not have its SHA-256."""
    return _verified(source, name, digest, lambda _: None)


def _verified(source: Store, name: str, digest: str, take: Callable[[bytes], object]) -> int:
    state = hashlib.sha256()
    size = 0
    for piece in source.stream(name):
        state.update(piece)
        size += len(piece)
        take(piece)
    if state.hexdigest() != digest:
        raise DamagedError(
            f"damaged file: its SHA-256 is {state.hexdigest()[:16]}…, not {digest[:16]}…",
            where=f"{source.where}/{name}",
            remedy="restore it from a copy of the dataset: delete the damaged file there, then run "
            "`jianghua sync COPY PLACE --check`",
        )
    return size


@contextlib.contextmanager
def at_hand(source: Store, name: str, digest: str, spool: Path) -> Iterator[Path]:
    """A verified local file with the content of `name`. Raises DamagedError."""
    if isinstance(source, FolderStore):
        hashed(source, name, digest)
        yield source.root / name
        return
    with TemporaryDirectory(dir=spool) as folder:
        path = Path(folder) / "file"
        fetch(source, name, digest, path)
        yield path


class VersionUpload:
    """Puts one version to object storage: parts, then the name, then the rest of its folder, then SHA256SUMS.

    have: names (`tables/TABLE/FILE`) of parts known to be at the target. Every step may be done again.
    """

    def __init__(self, source: Store, target: Store, manifest: Manifest, files: list[File], spool: Path) -> None:
        self.source, self.target, self.manifest, self.spool = source, target, manifest, spool
        self.files = files
        self.folder = f"versions/{manifest.version}"

    def parts(self, have: set[str]) -> None:
        """Put the parts that the target has not. Parts are named by their content, so a writer that is faster does no harm."""

        def put(file: File) -> None:
            with self._file(file) as path:
                self.target.put(f"tables/{file.name}", path)

        at_once([f for f in self.files if f.is_part and f"tables/{f.name}" not in have], put)

    def claim(self, data: bytes, *, again: bool) -> None:
        """Take the version's name by its manifest. again: an equal manifest that is there already is ours.

        Raises ConflictError when the name is taken.
        """
        name = f"{self.folder}/manifest.json"
        try:
            self.target.put(name, data, absent=True)
        except ConflictError:
            found = self.target.read(name) if again else None
            if found is None or found.data != data:
                raise

    def rest(self, only: set[str] | None = None) -> None:
        """Put all other files of the folder, or `only` some; parts are copied on the storage's side. The name must be claimed."""
        rest = [f for f in self.files if f.name != "manifest.json" and (only is None or f.name in only)]
        at_once(rest, self._put)
        sums = self.source.read(f"{self.folder}/{SUMS}")
        if sums is None:
            raise missing(f"{self.source.where}/{self.folder}/{SUMS}")
        self.target.put(f"{self.folder}/{SUMS}", sums.data)

    def _put(self, file: File) -> None:
        if file.is_part:
            try:
                self.target.copy(f"tables/{file.name}", f"{self.folder}/{file.name}")
                return
            except FileNotFoundError:  # lost at the target: here it is still
                with self._file(file) as path:
                    self.target.put(f"tables/{file.name}", path)
        with self._file(file) as path:
            self.target.put(f"{self.folder}/{file.name}", path)

    def _file(self, file: File) -> contextlib.AbstractContextManager[Path]:
        return at_hand(self.source, f"{self.folder}/{file.name}", file.sha256, self.spool)


def remove_version(target: Store, name: str) -> list[str]:
    """Remove a version's folder, the manifest last: until then nobody else can take the name. Gives what was there."""
    own = f"versions/{name}/manifest.json"
    every = [e.name for e in target.entries(f"versions/{name}")]
    target.delete([n for n in every if n != own])
    target.delete([n for n in every if n == own])
    return every


# --- projections ----------------------------------------------------------------------------------------------------


def put_projection(place: Place, store: Store, name: str, sequence: int, make: Callable[[bytes | None], bytes]) -> None:
    """Bring one derived file up to the state of version `sequence`, unless a later one is published: never backwards.

    make: the new content from the present one. The tag is read before latest.json, so that a later publisher's file is either
    seen here or makes the put fail.
    """
    for _ in range(_TRIES):
        found = store.read(name)
        if _overtaken(place, sequence):
            return
        data = make(found.data if found else None)
        if found and found.data == data:
            return
        try:
            store.put(name, data, absent=found is None, tag=found.tag if found else None)
        except ConflictError:
            continue
        return


def _overtaken(place: Place, sequence: int) -> bool:
    """Whether a later version is published, whose publisher brings up the projections."""
    latest = place.store.read(LATEST)
    return latest is None or parse_latest(latest.data, f"{place.store.where}/{LATEST}").sequence > sequence


def project_to(place: Place, folder: Path, sequence: int) -> None:
    """Bring the projections at a place to those of a local dataset folder that is at version `sequence`; can always be done again."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.is_symlink() and path.name != LATEST and not path.name.startswith("."):
            data = read_file(path)
            put_projection(place, place.store, path.name, sequence, lambda _, d=data: d)  # type: ignore[misc]
    for log in sorted(folder.glob("tables/*/_delta_log")):
        _put_log(place, log, str(log.relative_to(folder)), sequence)
    index = folder.parent / "index.json"
    if index.is_file():
        mine = json.loads(read_file(index))["datasets"]
        for own in (d for d in mine if d["dataset"] == place.dataset):
            put_projection(place, place.datasets, "index.json", sequence, lambda current, d=own: _index(current, d))  # type: ignore[misc]


def _index(current: bytes | None, mine: Mapping[str, object]) -> bytes:
    others = []
    with contextlib.suppress(ValueError, KeyError, TypeError):
        others = [d for d in json.loads(current or b"")["datasets"] if d["dataset"] != mine["dataset"]]
    return as_json({"datasets": sorted([*others, mine], key=lambda d: str(d["dataset"]))})


def _put_log(place: Place, log: Path, name: str, sequence: int) -> None:
    """A Delta log, in the order of its commits. One that goes on from what is there only gets the commits that it lacks."""
    theirs = {e.name: e for e in place.store.entries(name)}
    mine = {f"{name}/{p.relative_to(log)}": p for p in sorted(log.rglob("*")) if p.is_file() and p.name[0] != "."}
    appended = _all_same(place.store, theirs, mine)
    if _overtaken(place, sequence):
        return
    if not appended:
        place.store.delete([n for n in theirs if n not in mine])
    for commit, path in mine.items():
        if not appended or commit not in theirs:
            put_projection(place, place.store, commit, sequence, lambda _, p=path: read_file(p))  # type: ignore[misc]


def _all_same(store: Store, there: Mapping[str, Entry], here: Mapping[str, Path]) -> bool:
    """Whether each of some files there is here with the same content. Size and last commit tell nothing: where an old version was re-issued, its
    commit may have the length of the one before, and the last one is what it was."""

    def same(entry: Entry) -> bool:
        data = read_file(here[entry.name])
        if len(data) != entry.size:
            return False
        if entry.md5 == hashlib.md5(data, usedforsecurity=False).hexdigest():
            return True
        found = store.read(entry.name)
        return found is not None and found.data == data

    return there.keys() <= here.keys() and all(map(same, there.values()))


def bring_logs(source: Store, folder: Path) -> None:
    """Make the Delta logs of a local dataset folder those at the source."""
    there = {e.name: e for e in source.entries("tables") if "/_delta_log/" in e.name}
    here = {
        str(p.relative_to(folder)): p
        for p in folder.glob("tables/*/_delta_log/**/*")
        if p.is_file() and not p.name.startswith(".")
    }
    appended = _all_same(source, {n: e for n, e in there.items() if n in here}, here) and here.keys() <= there.keys()
    if not appended:
        for name in here:
            (folder / name).unlink()

    def bring(name: str) -> None:
        if found := source.read(name):
            write_bytes(folder / name, found.data)

    at_once(sorted(n for n in there if not appended or n not in here), bring)
