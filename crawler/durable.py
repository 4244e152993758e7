"""Writing that survives a kill at any moment: write beside, fsync, rename, fsync the folder."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from crawler.errors import JianghuaError


def fsync_folder(folder: Path) -> None:
    """Make renames inside `folder` durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Until the block ends nobody else holds `folder` by this. The lock is on the folder itself, so that no file is left in it.

    Raises JianghuaError when the folder cannot be made.
    """
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fd = os.open(folder, os.O_RDONLY)
        except OSError as e:
            raise cannot_write(folder, e) from e
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                there = os.path.samestat(os.fstat(fd), folder.stat())
            except OSError:
                there = False
            if there:  # else who had it before removed it, and others hold the one that is there now
                yield
                return
        finally:
            os.close(fd)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` when the block ends well, and leaves nothing when it does not.

    Raises JianghuaError when the disk is full or the folder cannot be written.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(fd, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
        temporary = None
        fsync_folder(path.parent)
    except OSError as e:
        raise cannot_write(path, e) from e
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A file that somebody named, to write: replaced when the block ends well, as `replacing` does.

    A link stays one: the file that it leads to is replaced. What is no file (a pipe, /dev/null) is written to as it stands, and
    never replaced. Raises JianghuaError as `replacing`.
    """
    try:
        plain = path.is_file() or path.is_dir() or not path.exists()
        target = path.resolve() if path.is_symlink() else path
        if not plain:
            with path.open("wb") as out:
                yield out
            return
    except BrokenPipeError:
        raise  # whoever read it has seen enough
    except (OSError, RuntimeError) as e:
        raise cannot_write(path, e if isinstance(e, OSError) else OSError(errno.ELOOP, "too many links")) from e
    with replacing(target) as out:
        yield out


def cannot_read(path: Path | str, error: OSError) -> JianghuaError:
    """The error a user can act on for an operating system error met while reading `path`."""
    return JianghuaError(
        f"cannot read: {error.strerror or error}",
        where=str(path),
        remedy="check that the path is right and that you may read it",
    )


def cannot_write(path: Path, error: OSError) -> JianghuaError:
    """The error a user can act on for an operating system error met while writing `path`."""
    first = {
        errno.EISDIR: "move the folder away that lies in the place of this file",
        errno.EEXIST: "move the file away that lies in the place of this folder",
        errno.ENOTDIR: "move the file away that lies in the place of a folder on the way to it",
        errno.EROFS: "the disk is mounted for reading only: choose another place",
    }.get(error.errno or 0, "make room on the disk or check the folder's permissions")
    return JianghuaError(
        f"cannot write: {error.strerror or error}",
        where=str(path),
        remedy=f"{first}, then run the same command again; nothing already kept was touched",
    )


@contextmanager
def writing_told(place: Path) -> Iterator[None]:
    """Errors of the operating system met in the block as such errors. place: a folder, for those that name no file."""
    try:
        yield
    except OSError as e:
        raise cannot_write(Path(os.fsdecode(e.filename)) if isinstance(e.filename, str | bytes) else place, e) from e


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, whole or not at all."""
    with replacing(path) as out:
        out.write(data)


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` as readable JSON (UTF-8, sorted keys), whole or not at all."""
    write_bytes(path, (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode())
