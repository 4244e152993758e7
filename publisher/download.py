"""Download a version of a dataset: resumable, every file verified, only what is missing, seen only when whole.

A download makes a dataset folder like the one it comes from, without the publisher's store:

    TO/latest.json                        names the newest version downloaded
    TO/versions.json                      lists those that are here
    TO/versions/2026-11-22.1/             a version, whole; `sha256sum -c SHA256SUMS` checks it
    TO/versions/.downloading-2026-…/      one that is not whole yet; the same command goes on with it

Files of a version never change and their digests are known beforehand, so that what was fetched in part goes on at its end,
whatever the server says of its age; the digest of the whole decides.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

from crawler.durable import cannot_write, fsync_folder, write_bytes
from crawler.errors import DamagedError, JianghuaError, UsageError
from publisher.finding import find, fits, read_latest_of, sums, tombstone
from publisher.gone import gone_error
from publisher.manifest import Manifest, as_json, latest_of, parse_manifest, sha256, to_json
from publisher.projections import entry as listed_entry
from publisher.projections import versions_document
from publisher.reader import locate
from publisher.storage import link_or_copy, put
from publisher.tables import TABLES
from publisher.transfer import Folder, Source, TransferError, patiently
from publisher.versions import LATEST, order, read_manifest, version_names

TRIES = 6  # of each file, in all
PARALLEL = 4
PARTIAL = ".partial"
LOCK = ".download.lock"

# told as (what is done: `total`, `fetch`, `link`, `have`, or `wait` for another download; name; bytes)
Watch = Callable[[str, str, int], object]


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What a download did. folder: of the version; fetched, linked, kept: files (and bytes) by where they came from.

    linked: parts that another version here has; kept: what an earlier download of this version had brought. withdrawn: versions
    that are here and that the publisher has taken down since, with the reason. strange: what lies in the version's folder and is not of it;
    who reads a table's folder as a whole would read it too.
    """

    version: str
    folder: str
    files: int
    bytes: int
    fetched: int
    fetched_bytes: int
    linked: int
    kept: int
    withdrawn: dict[str, str] = field(default_factory=dict)
    strange: tuple[str, ...] = ()


def download(
    path_or_url: str | Path,
    to: str | Path | None = None,
    version: str | None = None,
    as_of: date | datetime | str | None = None,
    tables: Iterable[str] | None = None,
    parallel: int = PARALLEL,
    watch: Watch | None = None,
) -> Downloaded:
    """Download one version of a dataset.

    path_or_url, version, as_of: as of open_dataset. to: folder of downloads (default: one of the dataset's name in the current
    folder); several versions in one folder share their files. tables: only these (default: all); SHA256SUMS of the folder then
    lists what is there. parallel: files at once. watch: told of the progress, by several threads.

    Killed at any point it can be run again, and brings only what is missing. Raises UsageError, GoneError, TransferError (after
    several tries), DamagedError for a file that is not what was published, JianghuaError for a full disk.
    """
    if not 1 <= parallel <= 64:
        raise UsageError(f"parallel is {parallel}", remedy="give a number from 1 to 64")
    source, prefix = locate(path_or_url)
    if prefix is None:
        manifest, data, prefix = find(source, version, as_of)
    else:
        if as_of is not None:
            raise UsageError("this is a single version", where=source.where, remedy="leave --as-of out")
        data = source.read("manifest.json") or b""
        manifest = parse_manifest(data, f"{source.where}/manifest.json")
        fits(manifest, None, f"{source.where}/manifest.json")
        if version not in (None, "latest", manifest.version):
            raise UsageError(f"this is version {manifest.version}", where=source.where, remedy="leave --version out")
    folder = Path(to) if to is not None else Path(manifest.dataset)
    try:
        store = (folder / "tables").exists()
    except OSError as e:
        raise cannot_write(folder, e) from e
    if store:
        raise UsageError(
            "a dataset is published in this folder; a download does not belong there",
            where=str(folder),
            remedy="give another one with --to",
        )
    wanted = _wanted(manifest, tables, source.where)
    try:
        with _alone(folder, watch):
            return _Download(source, prefix, manifest, data, folder, wanted, parallel, watch).run()
    except OSError as e:
        raise cannot_write(Path(e.filename) if e.filename else folder, e) from e


def _wanted(manifest: Manifest, tables: Iterable[str] | None, where: str) -> set[str]:
    names = set(manifest.tables)
    if isinstance(tables, str):
        raise UsageError("tables is one string", remedy=f"give a list of names, e.g. ['{tables}']")
    chosen = names if tables is None else set(tables)
    if unknown := sorted(chosen - names):
        known = [t for t in TABLES if t in names] + sorted(names - set(TABLES))
        raise UsageError(f"unknown table '{unknown[0]}'", where=where, remedy=f"use one of: {', '.join(known)}")
    return chosen


@contextlib.contextmanager
def _alone(folder: Path, watch: Watch | None) -> Iterator[None]:
    """One process at a time downloads into a folder, so that versions share their files; a second one waits."""
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if watch:
                watch("wait", str(folder), 0)
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@dataclass(slots=True)
class _Download:
    source: Source
    prefix: str
    manifest: Manifest
    data: bytes  # of manifest.json
    folder: Path
    tables: set[str]
    parallel: int
    watch: Watch | None
    counts: dict[str, int] = field(default_factory=lambda: {"fetch": 0, "link": 0, "have": 0, "bytes": 0})
    wrong: dict[str, int] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def target(self) -> Path:
        return self.folder / "versions" / self.manifest.version

    @property
    def beside(self) -> Path:
        return self.folder / "versions" / f".downloading-{self.manifest.version}"

    def run(self) -> Downloaded:
        every = self._digests()
        digests = {n: d for n, d in every.items() if "/" not in n or n.partition("/")[0] in self.tables}
        self._tell("total", self.manifest.version, sum(self._size(n) for n in digests))
        there = self.target.is_dir()
        missing = self._lacking(digests) if there else digests
        if missing:
            self._gather(missing)
        # of a version that was here in part, the tables that it had count as well
        listed = {n: d for n, d in every.items() if n in digests or (there and (self.target / n).is_file())}
        self._publish("".join(f"{d}  {n}\n" for n, d in sorted(listed.items())).encode())
        self._point()
        self._list()
        return Downloaded(
            self.manifest.version,
            str(self.target.resolve()),
            len(digests) + 1,
            sum((self.target / n).stat().st_size for n in digests),
            self.counts["fetch"],
            self.counts["bytes"],
            self.counts["link"],
            self.counts["have"],
            self._withdrawn(),
            self._strange(every),
        )

    def _size(self, name: str) -> int:
        """Bytes of a file as far as the manifest says, else 0."""
        table, _, file = name.rpartition("/")
        if not table:
            return self.manifest.files[name].bytes if name in self.manifest.files else 0
        return next(p.bytes for p in self.manifest.tables[table].parts if p.file == file)

    def _digests(self) -> dict[str, str]:
        """Every file of the version with its SHA-256. Raises DamagedError where SHA256SUMS and manifest disagree."""
        listed = sums(self.source, self.prefix)
        known = {"manifest.json": sha256(self.data)} | {n: f.sha256 for n, f in self.manifest.files.items()}
        for table, entry in self.manifest.tables.items():
            known |= {f"{table}/{p.file}": p.sha256 for p in entry.parts}
        if not listed:
            raise self._vanished("SHA256SUMS")
        here = {n.partition("/")[0] for n in listed if "/" in n}
        for table in sorted(set(self.manifest.tables) - here):
            if table in self.tables:
                raise UsageError(
                    f"the table '{table}' is not there: this copy was itself downloaded in part",
                    where=f"{self.source.where}/{self.prefix}",
                    remedy=f"name those that are with --table: {', '.join(t for t in self.manifest.tables if t in here)}",
                )
            known = {n: d for n, d in known.items() if not n.startswith(f"{table}/")}
        for name, digest in known.items():
            if listed.get(name, "") != digest:
                raise DamagedError(
                    f"SHA256SUMS and manifest.json disagree about {name}",
                    where=f"{self.source.where}/{self.prefix}",
                    remedy="tell the publisher; nothing was kept",
                )
        return {n: d for n, d in sorted(listed.items()) if "/" not in n or n in known}

    def _lacking(self, digests: Mapping[str, str]) -> dict[str, str]:
        """What a version that is here lacks: tables not wanted before, and files that are not what they should be."""
        out = {}
        for name, digest in digests.items():
            if _sha256(self.target / name) == digest:
                self._tell("have", name, self._size(name))
                self._count("have")
            else:
                out[name] = digest
        return out

    def _gather(self, missing: Mapping[str, str]) -> None:
        """Bring every missing file into the folder beside, several at once."""
        for left in [p for p in self.beside.rglob("*") if not p.is_dir()]:
            if str(left.relative_to(self.beside)).removesuffix(PARTIAL) not in missing:
                left.unlink()  # of an earlier download that wanted other tables
        for name in {Path(n).parent for n in missing}:
            (self.beside / name).mkdir(parents=True, exist_ok=True)
        others = [
            self.folder / "versions" / v for v in reversed(version_names(self.folder)) if v != self.manifest.version
        ]
        stop = threading.Event()
        with ThreadPoolExecutor(self.parallel) as pool:
            running = [pool.submit(self._bring, n, d, others, stop) for n, d in missing.items()]
            try:
                done, _ = wait(running, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
            finally:  # an error of one ends the others, and so does Ctrl-C
                stop.set()
                for future in running:
                    future.cancel()

    def _bring(self, name: str, digest: str, others: list[Path], stop: threading.Event) -> None:
        if stop.is_set():
            return
        target = self.beside / name
        if target.exists():
            if _sha256(target) == digest:
                self._tell("have", name, target.stat().st_size)
                self._count("have")
                return
            target.unlink()
        if "/" in name:
            for other in others:
                # the same name is the same content; it is read all the same, since disks rot
                if (other / name).is_file() and _sha256(other / name) == digest:
                    link_or_copy(other / name, target)
                    self._tell("link", name, target.stat().st_size)
                    self._count("link")
                    return
        if name == "manifest.json":
            write_bytes(target, self.data)
        else:
            patiently(partial(self._fetch, name, digest, stop), TRIES, even_refused=True, sleep=stop.wait)
        self._count("fetch")

    def _fetch(self, name: str, digest: str, stop: threading.Event) -> None:
        """Fetch a file, from where an earlier try ended. Raises TransferError when it breaks off, DamagedError when it is wrong."""
        path = self.beside / f"{name}{PARTIAL}"
        with path.open("ab+") as out:  # appends, wherever it was read
            start = out.seek(0, os.SEEK_END)
            out.seek(0)
            seen = hashlib.file_digest(out, "sha256")
            if seen.hexdigest() != digest:
                seen = self._append(name, out, start, seen, stop)
                if stop.is_set():
                    return
            if seen.hexdigest() != digest:
                out.truncate(0)
                raise self._wrong(name, seen.hexdigest())
            out.flush()
            os.fsync(out.fileno())
        path.replace(self.beside / name)

    def _append(self, name: str, out: IO[bytes], start: int, seen: Any, stop: threading.Event) -> Any:
        """The rest of a file into `out`; gives the digest of the whole. seen: of what is there."""
        try:
            with self.source.stream(f"{self.prefix}{name}", start) as found:
                if found is None:
                    raise self._vanished(name)
                first, chunks = found
                if first != start:  # a server that knows no ranges begins anew
                    out.truncate(0)
                    seen = hashlib.sha256()
                for chunk in chunks:
                    if stop.is_set():
                        break
                    out.write(chunk)
                    seen.update(chunk)
                    self._tell("fetch", name, len(chunk))
                    with self.guard:
                        self.counts["bytes"] += len(chunk)
        except TransferError as e:
            if e.status == 416:  # there is more of it here than there
                out.truncate(0)
            raise
        return seen

    def _publish(self, listed: bytes) -> None:
        """Make the version visible: the whole folder in one step, or, of one that was there in part, table by table."""
        if self.beside.is_dir():
            for folder in (self.beside, *(p for p in self.beside.iterdir() if p.is_dir())):
                fsync_folder(folder)
                with contextlib.suppress(OSError):
                    folder.rmdir()  # one that an earlier download had begun; none that holds files
        if not self.target.is_dir():
            write_bytes(self.beside / "SHA256SUMS", listed)
            self.beside.replace(self.target)
            fsync_folder(self.target.parent)
            return
        for item in sorted(self.beside.iterdir()) if self.beside.is_dir() else ():
            there = self.target / item.name
            if item.is_dir() and there.is_dir():
                for file in item.iterdir():
                    file.replace(there / file.name)
                fsync_folder(there)
            elif item.name != "SHA256SUMS":
                item.replace(there)
        put(self.target / "SHA256SUMS", listed)
        shutil.rmtree(self.beside, ignore_errors=True)

    def _point(self) -> None:
        """latest.json names the newest version that is here."""
        path = self.folder / LATEST
        latest = None
        with contextlib.suppress(DamagedError):
            latest = read_latest_of(Folder(self.folder))
        mine = (self.manifest.sequence, order(self.manifest.version))
        if latest is None or (latest.sequence, order(latest.version)) < mine:
            write_bytes(path, to_json(latest_of(self.manifest, sha256(self.data))))

    def _list(self) -> None:
        """versions.json lists the versions that are here: by it they are found where this folder is served from."""
        found = []
        for name in version_names(self.folder):
            with contextlib.suppress(JianghuaError):  # another version that is damaged is not asked for
                found.append(read_manifest(self.folder, name))
        replaced = {m.reissue_of for m, _ in found}
        listed = [listed_entry(m, sha256(data)) for m, data in found if m.version not in replaced]
        listed.sort(key=lambda v: (int(v["sequence"]), order(v["version"])))
        put(self.folder / "versions.json", as_json(versions_document(self.manifest.dataset, listed, [])))

    def _strange(self, every: Mapping[str, str]) -> tuple[str, ...]:
        """Names in the version's folder of what is not of the version; links to folders, too."""
        found = ((str(p.relative_to(self.target)), p) for p in self.target.rglob("*"))
        files = {name for name, p in found if p.is_symlink() or not p.is_dir()}
        return tuple(sorted(files - set(every) - {"SHA256SUMS"}))

    def _withdrawn(self) -> dict[str, str]:
        """Versions here that the publisher has taken down."""
        if not self.prefix:
            return {}
        out = {}
        for name in version_names(self.folder):
            with contextlib.suppress(JianghuaError):
                gone = tombstone(self.source, name)
                if gone and gone.state == "yanked":
                    out[name] = gone.reason
        return out

    def _vanished(self, name: str) -> JianghuaError:
        """The error for a file that is not there: of a version that has just gone, or of one that is damaged."""
        if self.prefix and (gone := tombstone(self.source, self.manifest.version)):
            return gone_error(gone, self.source.where, partial(tombstone, self.source))
        return DamagedError(
            "a file of the version is missing",
            where=f"{self.source.where}/{self.prefix}{name}",
            remedy="tell the publisher; or, if versions are being removed there, run the command again",
        )

    def _wrong(self, name: str, found: str) -> JianghuaError:
        """The error for a file of another digest: once it may be the way, or an old part of it here; twice it is the file."""
        self.wrong[name] = self.wrong.get(name, 0) + 1
        what = f"the file is not what was published: its SHA-256 is {found[:16]}…"
        where = f"{self.source.where}/{self.prefix}{name}"
        if self.wrong[name] < 3:
            return TransferError(what, where=where, remedy="run the same command again")
        return DamagedError(what, where=where, remedy="tell the publisher; nothing of it was kept")

    def _tell(self, what: str, name: str, size: int) -> None:
        if self.watch:
            self.watch(what, name, size)

    def _count(self, what: str) -> None:
        with self.guard:
            self.counts[what] += 1


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
