"""What a backup is on disk: a folder, or one file NAME.tar.zst, with the same files and `backup.json`, which is written last.

Both are written beside and renamed into place, and read with a digest of each file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

from crawler.durable import cannot_write, fsync_folder, write_json
from crawler.errors import DamagedError, JianghuaError, UsageError

MANIFEST = "backup.json"
FORMAT = 1
CHUNK = 1 << 20
PACKED = ".tar.zst"
# Names that say that one file of another kind is wanted: a folder of that name would be a surprise.
OTHERS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz", ".zst", ".gz", ".bz2", ".xz", ".7z", ".rar")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a backup. same: the name of the file before it that it is a hard link of; it is kept once."""

    bytes: int
    sha256: str
    same: str | None = None


@dataclass(slots=True)
class Contents:
    """backup.json. holds: which parts of a home; ledger: revision, database and rows a table, None without one; links: symbolic ones."""

    made_at: str
    jianghua: str
    holds: list[str]
    ledger: dict[str, Any] | None = None
    files: dict[str, Entry] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        files = {
            n: {"bytes": e.bytes, "sha256": e.sha256, **({"same": e.same} if e.same else {})}
            for n, e in self.files.items()
        }
        return {
            "format": FORMAT,
            "made_at": self.made_at,
            "jianghua": self.jianghua,
            "holds": self.holds,
            "ledger": self.ledger,
            "files": files,
            "links": self.links,
        }


def contents_of(data: bytes, where: str) -> Contents:
    """What a backup.json says. Raises DamagedError when it is none, JianghuaError when it is of a newer Jianghua."""
    try:
        value = json.loads(data)
        if value["format"] > FORMAT:
            raise JianghuaError(
                f"the backup has format {value['format']}, and this Jianghua knows up to {FORMAT}",
                where=where,
                remedy="update Jianghua",
            )
        files = {safe(n): Entry(int(e["bytes"]), str(e["sha256"]), e.get("same")) for n, e in value["files"].items()}
        links = {safe(n): str(t) for n, t in value["links"].items()}
        for name, target in links.items():
            safe(os.path.normpath(PurePosixPath(name).parent / target))
        return Contents(value["made_at"], value["jianghua"], list(value["holds"]), value["ledger"], files, links)
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise _damaged(f"backup.json cannot be understood: {e}", where) from None


def safe(name: str) -> str:
    """A name that stays within a folder. Raises ValueError for any other."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name or "\0" in name or str(path) != name:
        raise ValueError(f"'{name}' is no name of a file in a backup")
    return name


def _damaged(what: str, where: str) -> DamagedError:
    return DamagedError(what, where=where, remedy="take another backup; nothing was restored")


class Hashing:
    """A file being read: the first `size` bytes, which it must have, and their SHA-256."""

    def __init__(self, file: IO[bytes], size: int, where: str) -> None:
        self._file, self._left, self._where = file, size, where
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(self._left, CHUNK if size < 0 else size))
        if not data and self._left:
            raise DamagedError(
                "the file became shorter while it was read", where=self._where, remedy="run the same command again"
            )
        self._left -= len(data)
        self._hash.update(data)
        return data

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class Writer(Protocol):
    """Where a backup is written to."""

    def add(self, name: str, path: Path) -> Entry:
        """Take in a file, as long as it is now."""

    def link(self, name: str, same: str) -> None:
        """Take in another hard link of a file that was taken in."""


@dataclass(slots=True)
class FolderWriter:
    root: Path

    def add(self, name: str, path: Path) -> Entry:
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as source, target.open("xb") as out:
            size = os.fstat(source.fileno()).st_size
            reader = Hashing(source, size, str(path))
            while data := reader.read():
                out.write(data)
            os.fchmod(out.fileno(), _mode(path))
            out.flush()
            os.fsync(out.fileno())
        return Entry(size, reader.sha256)

    def link(self, name: str, same: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self.root / same, self.root / name)
        except OSError:  # no hard links here: it is kept once, and backup.json says so
            return


@dataclass(slots=True)
class TarWriter:
    tar: tarfile.TarFile

    def add(self, name: str, path: Path) -> Entry:
        with path.open("rb") as source:
            size = os.fstat(source.fileno()).st_size
            reader = Hashing(source, size, str(path))
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = size, _mode(path), int(path.stat().st_mtime)
            self.tar.addfile(info, reader)
        return Entry(size, reader.sha256)

    def link(self, name: str, same: str) -> None:
        pass  # it is kept once


@contextmanager
def writing(to: Path) -> Iterator[tuple[Writer, Contents]]:
    """A new backup at `to`, which is there when the block has ended well, and not at all when it has not.

    Raises UsageError when there is something already, JianghuaError when the disk is full.
    """
    if to.exists():
        raise UsageError("there is something already", where=str(to), remedy="name another place with --to")
    beside = to.with_name(f".{to.name}.tmp")
    contents = Contents("", "", [])
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        _remove(beside)
        if to.name.endswith(PACKED):
            yield from _packed(beside, contents)
        else:
            beside.mkdir(mode=0o700)
            yield FolderWriter(beside), contents
            write_json(beside / MANIFEST, contents.as_json())
        beside.rename(to)
        fsync_folder(to.parent)
    except OSError as e:
        raise cannot_write(Path(e.filename) if e.filename else to, e) from e
    finally:
        _remove(beside)


def _packed(beside: Path, contents: Contents) -> Iterator[tuple[Writer, Contents]]:
    import pyarrow as pa

    with beside.open("xb") as out:
        beside.chmod(0o600)
        with (
            pa.CompressedOutputStream(pa.PythonFile(out, "w"), "zstd") as packer,
            tarfile.open(fileobj=packer, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            yield TarWriter(tar), contents
            note = beside.with_name(f"{beside.name}.json")
            try:
                write_json(note, contents.as_json())
                TarWriter(tar).add(MANIFEST, note)
            finally:
                note.unlink(missing_ok=True)
    with beside.open("rb") as written:
        os.fsync(written.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def unpack(backup: Path, into: Path) -> Contents:
    """Copy all files of a backup into an empty folder, each checked; what the backup says it is.

    Raises UsageError when there is no backup, DamagedError when a file is missing or is not as it was written.
    """
    if not backup.exists() or (backup.is_dir() and not (backup / MANIFEST).is_file()):
        raise UsageError("there is no backup here", where=str(backup), remedy="name what `jianghua backup --to` made")
    try:
        found = _unpack_folder(backup, into) if backup.is_dir() else _unpack_file(backup, into)
        contents = contents_of((into / MANIFEST).read_bytes(), str(backup)) if MANIFEST in found else None
        if contents is None:
            raise _damaged("the backup has no end", str(backup))
        _check(contents, found, backup)
        for name, entry in contents.files.items():
            if entry.same:
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                (into / name).unlink(missing_ok=True)
                _same(into / entry.same, into / name)
        for name, target in contents.links.items():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).symlink_to(target)
    except OSError as e:
        raise cannot_write(Path(e.filename) if e.filename else into, e) from e
    (into / MANIFEST).unlink()
    return contents


def _same(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _mode(path: Path) -> int:
    """Permissions of a file: what is private stays so."""
    return path.stat().st_mode & 0o777


def _take(source: IO[bytes], size: int, mode: int, target: Path, where: str) -> Entry:
    target.parent.mkdir(parents=True, exist_ok=True)
    reader = Hashing(source, size, where)
    with target.open("xb") as out:
        while data := reader.read():
            out.write(data)
        os.fchmod(out.fileno(), mode & 0o777)
        out.flush()
        os.fsync(out.fileno())
    return Entry(size, reader.sha256)


def _unpack_folder(backup: Path, into: Path) -> dict[str, Entry]:
    contents = contents_of((backup / MANIFEST).read_bytes(), str(backup))
    found = {}
    for name in [*(n for n, e in contents.files.items() if not e.same), MANIFEST]:
        path = backup / name
        if not path.is_file():
            raise _damaged(f"{name} is missing", str(backup))
        with path.open("rb") as source:
            found[name] = _take(source, path.stat().st_size, _mode(path), into / name, str(path))
    return found


def _unpack_file(backup: Path, into: Path) -> dict[str, Entry]:
    import pyarrow as pa

    found = {}
    try:
        with (
            pa.CompressedInputStream(pa.OSFile(str(backup)), "zstd") as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            for info in tar:
                source = tar.extractfile(info) if info.isreg() else None
                if source is None:
                    raise _damaged(f"{info.name} is no file", str(backup))
                name = safe(info.name)  # before anything is written there
                found[name] = _take(source, info.size, info.mode, into / name, str(backup))
    except (tarfile.TarError, ValueError, EOFError) as e:
        raise _damaged(f"cannot be read to its end: {e}", str(backup)) from None
    except OSError as e:
        if e.filename is None and e.errno is None:  # of the decompressor
            raise _damaged(f"cannot be read to its end: {e}", str(backup)) from None
        raise
    return found


def _check(contents: Contents, found: Mapping[str, Entry], backup: Path) -> None:
    for name, entry in contents.files.items():
        same = contents.files.get(entry.same) if entry.same else None
        if entry.same:
            if same is None or same.same or (same.bytes, same.sha256) != (entry.bytes, entry.sha256):
                raise _damaged(f"{name} is the same as a file that is not there", str(backup))
        elif name not in found:
            raise _damaged(f"{name} is missing", str(backup))
        elif found[name] != entry:
            raise _damaged(f"{name} is not as it was written", str(backup))
    for name in found:
        if name != MANIFEST and name not in contents.files:
            raise _damaged(f"{name} is in it, and backup.json does not know it", str(backup))
