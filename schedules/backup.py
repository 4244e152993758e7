"""A consistent copy of a home, made while everything goes on, and a home made of it elsewhere.

Parts are taken one after the other, so that what is taken later knows all that what was taken before refers to: the ledger, then
datasets, records, profiles, the states of the sites, the archive. The ledger and each site's state are copies of one moment. A home made of it is
one that was killed at that moment: every command goes on where it was.

What changes only by being replaced whole (parts, versions, shards, profiles) is first linked into HOME/var/.backup, under the
lock of its dataset, so that nobody waits while it is copied.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from crawler.durable import alone, cannot_write, fsync_folder, write_json
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from publisher.locks import locked
from schedules.ledger import Ledger
from schedules.packing import OTHERS, PACKED, Contents, Entry, Writer, contents_of, unpack, writing
from schedules.portable import export_rows, import_rows, refuse_used
from schedules.revisions import check_not_newer, copy_sqlite, newest
from schedules.settings import load_settings

LARGE = ("archive", "records", "datasets")  # taken only when asked for
OWN = ("sites", "schedules", "corrections", "takedowns")  # folders of a home that people write
TRIES = 50  # to take a shard that extraction goes on replacing
STAGE, LEDGER, RESTORING = ".backup", "ledger", ".restoring"
WHOLE = ".restoring.json"  # all is unpacked and checked, and is being put into place
# Of var: what is taken in a way of its own, and what needs no backup.
_KNOWN = {"state", "archive", "records", "publish", "logs"}
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made. rows: of the ledger's tables."""

    path: Path
    holds: list[str]
    files: int
    bytes: int
    rows: dict[str, int]


def back_up(home: Home, to: Path, large: Collection[str] = (), progress: Progress = lambda _: None) -> Made:
    """Back a home up to `to`, a new folder or a new file NAME.tar.zst. large: which of LARGE it holds, besides all else.

    Raises UsageError when there is something at `to` or its name asks for another kind of file, JianghuaError when the disk is full. Waits for another backup of the home to end.
    """
    if not to.name.endswith(PACKED) and to.name.lower().endswith(OTHERS):
        raise UsageError(
            "a backup is a folder or one file NAME.tar.zst", where=str(to), remedy=f"let the name end in {PACKED}"
        )
    if not home.root.is_dir() or not (
        home.var.exists() or any((home.root / n).exists() for n in (*OWN, "jianghua.toml"))
    ):
        raise UsageError("there is no home here", where=str(home.root), remedy="name it with --home or JIANGHUA_HOME")
    stage = home.var / STAGE
    with alone(stage), writing(to) as (writer, contents):
        _empty(stage)
        try:
            contents.made_at = datetime.now(UTC).isoformat(timespec="seconds")
            contents.jianghua = version("jianghua")
            contents.holds = ["settings", "state", *(x for x in LARGE if x in large)]
            contents.ledger = _ledger(home, stage, writer, contents, progress)
            _files(home, stage, large, writer, contents, progress)
        finally:
            _empty(stage)
    with suppress(OSError):
        stage.rmdir()
    rows = contents.ledger["rows"] if contents.ledger else {}
    total = sum(e.bytes for e in contents.files.values() if not e.same)
    return Made(to, contents.holds, len(contents.files), total, rows)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _ledger(home: Home, stage: Path, writer: Writer, contents: Contents, progress: Progress) -> dict[str, Any] | None:
    settings = load_settings(home)
    if settings.state is None and not home.ledger.exists():
        return None
    progress("the ledger")
    ledger = Ledger(settings.ledger_url(home))
    try:
        rows = export_rows(ledger.engine, stage / LEDGER)
        database = ledger.engine.dialect.name
    finally:
        ledger.close()
    for table in rows:
        name = f"{LEDGER}/{table}.jsonl"
        contents.files[name] = writer.add(name, stage / name)
    return {"revision": newest(), "database": database, "rows": rows}


def _files(
    home: Home, stage: Path, large: Collection[str], writer: Writer, contents: Contents, progress: Progress
) -> None:
    linked: dict[tuple[int, int], str] = {}

    def take(name: str, path: Path) -> None:
        """Take a file in; one that is gone by now was replaced by what is taken with its successor."""
        try:
            found = path.stat()
            key = (found.st_dev, found.st_ino)
            if found.st_nlink > 1 and key in linked:
                same = linked[key]
                entry = contents.files[same]
                writer.link(name, same)
                contents.files[name] = Entry(entry.bytes, entry.sha256, same)
                return
            contents.files[name] = writer.add(name, path)
            linked[key] = name
        except FileNotFoundError:
            if path.exists():
                raise

    for path in _own(home):
        take(str(path.relative_to(home.root)), path)
    if "datasets" in large:
        progress("datasets")
        _stage_datasets(home, stage)
        for path in _below(stage / "datasets"):
            name = str(path.relative_to(stage))
            if path.is_symlink():
                contents.links[name] = os.readlink(path)  # noqa: PTH115 (as it is written)
            else:
                take(name, path)
    if "records" in large:
        progress("records")
        for pointer in sorted((home.var / "records").glob("*/*.json")):
            _stage_shard(home, stage, pointer)
        for path in _below(stage / "var" / "records"):
            take(str(path.relative_to(stage)), path)
    for path in _rest(home):
        take(str(path.relative_to(home.root)), path)
    for path in sorted((home.var / "state").glob("*.db")):
        progress(f"state of {path.stem}")
        name = str(path.relative_to(home.root))
        copy_sqlite(path, stage / name)
        take(name, stage / name)
    if "archive" in large:
        for path in _below(home.var / "archive"):
            progress(f"archive: {path.name}")
            take(str(path.relative_to(home.root)), path)


def _below(folder: Path) -> Iterator[Path]:
    """The files below a folder in order, without what is hidden: locks, and what is being written."""
    for place, folders, files in os.walk(folder):
        links = sorted(f for f in folders if (Path(place) / f).is_symlink())
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in links)
        for file in [*links, *sorted(files)]:
            if not file.startswith(".") and not file.endswith((".lock", ".tmp")):
                yield Path(place) / file


def _own(home: Home) -> Iterator[Path]:
    if home.settings_file.is_file():
        yield home.settings_file
    for name in OWN:
        yield from (p for p in _below(home.root / name) if not p.is_symlink())


def _rest(home: Home) -> Iterator[Path]:
    """What is small in var: the publisher's history, profiles, and what may come."""
    if not home.var.is_dir():
        return
    yield from sorted((home.var / "publish").glob("history-*.jsonl"))
    for path in sorted(home.var.iterdir()):
        if path.name in _KNOWN or path.name.startswith((".", home.ledger.name)) or path.is_symlink():
            continue
        if path.is_dir():
            yield from (p for p in _below(path) if not p.is_symlink())
        elif not path.name.endswith((".lock", ".tmp")):
            yield path


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:  # no hard links here
        shutil.copyfile(source, target)


def _stage_datasets(home: Home, stage: Path) -> None:
    """Every dataset as its last publish left it."""
    for folder in sorted(p for p in home.datasets.glob("*") if p.is_dir() and not p.is_symlink()):
        with locked(folder, 600.0):
            for path in _below(folder):
                target = stage / path.relative_to(home.root)
                if path.is_symlink():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.symlink_to(path.readlink())
                else:
                    _link(path, target)
    for path in sorted(home.datasets.glob("*")):
        if path.is_file() and not path.name.startswith("."):
            _link(path, stage / path.relative_to(home.root))


def _stage_shard(home: Home, stage: Path, pointer: Path) -> None:
    """A pointer and the shard that it names, though extraction may replace both at any time."""
    for _ in range(TRIES):
        try:
            data = pointer.read_bytes()
            shard = pointer.parent / str(json.loads(data)["shard"])
            target = stage / shard.relative_to(home.root)
            for path in sorted(shard.iterdir()):
                _link(path, target / path.name)
        except FileNotFoundError:
            if not pointer.exists():
                return
            continue
        except (ValueError, KeyError, TypeError):
            return  # damaged: extraction makes it anew
        (stage / pointer.relative_to(home.root)).write_bytes(data)
        return
    raise JianghuaError(
        "the records are replaced faster than they can be copied",
        where=str(pointer),
        remedy="run the same command again",
    )


# --- the way back ----------------------------------------------------------------------------------------------------


def restore(home: Home, backup: Path, *, keep_ledger: bool = False, progress: Progress = lambda _: None) -> Contents:
    """Make a home of a backup, in a folder that is empty or not there; its ledger goes where the home's settings say.

    keep_ledger: leave the ledger as it is, which then has its rows already. A restore that was killed begins anew, or goes on where
    it was putting things into place; nothing that is in the home by then is touched. Raises UsageError when the home is not empty or the ledger has
    rows, DamagedError when the backup is not as it was written: then there is no home.
    """
    place = home.root / RESTORING
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        _room(home, place)
    except OSError as e:
        raise cannot_write(home.root, e) from e
    with alone(place):
        try:
            contents = _cut_short(home, backup)
            again = contents is not None
            if contents is None:
                _room(home, place)  # nobody has been at it since
                _empty(place)
                progress("reading the backup")
                contents = unpack(backup, place)
                if contents.ledger and not keep_ledger:
                    check_not_newer(str(contents.ledger["revision"]), str(backup))
                    _check_unused(home, Home(place))
                write_json(home.root / WHOLE, {"backup": str(backup.resolve()), **contents.as_json()})
        except BaseException:
            if not (home.root / WHOLE).exists():
                _empty(place)
                place.rmdir()
            raise
        ledger = contents.ledger if not keep_ledger else None
        _put_in_place(home, place)
        if ledger and (place / LEDGER).exists():
            progress("filling the ledger")
            try:
                _fill_ledger(home, place / LEDGER, str(ledger["revision"]))
            except UsageError:
                if not again:
                    raise  # else it was filled before the restore was killed
        _empty(place)
        place.rmdir()
        (home.root / WHOLE).unlink()
    return contents


def _cut_short(home: Home, backup: Path) -> Contents | None:
    """What a restore was putting into place when it was killed; None when there was none.

    Raises UsageError when it was another backup's.
    """
    marker = home.root / WHOLE
    if not marker.exists():
        return None
    note = json.loads(marker.read_text(encoding="utf-8"))
    if note.pop("backup") != str(backup.resolve()):
        raise UsageError(
            "the home is half restored from another backup",
            where=str(home.root),
            remedy=f"name that one ({json.loads(marker.read_text(encoding='utf-8'))['backup']}), or a new folder with --home",
        )
    return contents_of(json.dumps(note).encode(), str(marker))


def _put_in_place(home: Home, place: Path) -> None:
    """Rename what was unpacked into the home. Raises UsageError when something else has come there meanwhile."""
    for name in sorted(p.name for p in place.iterdir() if p.name != LEDGER):
        if (home.root / name).exists():
            raise UsageError(
                f"the home has got {name} while it was restored",
                where=str(home.root),
                remedy=f"end what works there and move {name} away, then run the same command again",
            )
        try:
            (place / name).rename(home.root / name)
        except OSError as e:
            raise cannot_write(home.root / name, e) from e
    fsync_folder(home.root)


def _room(home: Home, place: Path) -> None:
    """Raises UsageError when the home is not empty. What a restore that was killed had put into place is told by its note."""
    left = sorted(p.name for p in home.root.iterdir() if p not in (place, home.root / WHOLE))
    if left and not (home.root / WHOLE).exists():
        raise UsageError(
            f"the home is not empty: it has {', '.join(left[:5])}",
            where=str(home.root),
            remedy="name a new folder with --home",
        )


def restore_ledger(home: Home, backup: Path, progress: Progress = lambda _: None) -> Contents:
    """Fill the ledger that the settings of a home name, which must be empty, from a backup; nothing else is restored.

    Raises as `restore` does, and UsageError when the backup has no ledger.
    """
    place = home.var / RESTORING
    with alone(place):
        _empty(place)
        try:
            progress("reading the backup")
            contents = unpack(backup, place)
            if not contents.ledger:
                raise UsageError("the backup has no ledger", where=str(backup), remedy="make one of a home that has")
            _fill_ledger(home, place / LEDGER, str(contents.ledger["revision"]))
        finally:
            _empty(place)
        place.rmdir()
    return contents


def _check_unused(home: Home, restored: Home) -> None:
    """Raises UsageError when the ledger that the restored settings name has rows; the one in the home is not there yet."""
    settings = load_settings(restored)
    if settings.state is None:
        return
    ledger = Ledger(settings.ledger_url(home))
    try:
        with ledger.engine.connect().execution_options(reading=True) as c:
            refuse_used(c, ledger.url)
    finally:
        ledger.close()


def _fill_ledger(home: Home, rows: Path, revision: str) -> None:
    ledger = Ledger(load_settings(home).ledger_url(home))
    try:
        import_rows(ledger.engine, rows, revision)
    finally:
        ledger.close()
