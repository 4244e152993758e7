"""Retention of the archive: WARC files that go by age and disk budget, whole files only.

A file stays that anything names: a page of a site's state, the records that extraction made, the provenance of a version that exists.
With even_named such files go too: the state forgets their bodies first (crawler/forgetting.py), so that the next extraction and
publish hold the rows that were read from them. The last copies of pages that are gone stay where the site file says `gone: keep`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from crawler import shards
from crawler.durable import cannot_write, fsync_folder
from crawler.errors import JianghuaError, UsageError
from crawler.forgetting import forget_bodies, last_copies, named_files
from crawler.home import Home
from crawler.site import load_site
from crawler.sqlite import sqlite_reader
from crawler.state import SiteState
from publisher.locks import locked
from publisher.storage import decode, read_file
from publisher.versions import part_path, read_latest, read_manifest, version_names

_STAMPED = re.compile(r"(\d{8}T\d{6}Z)-[^/]*\.warc\.gz")


@dataclass(frozen=True, slots=True)
class WarcFile:
    """A file of the archive. file: relative to var/archive; begun: when its crawl began; named_by: what points at it, if anything."""

    file: str
    bytes: int
    begun: str
    named_by: str | None = None


@dataclass(slots=True)
class ArchiveReport:
    """What retention of the archive did, or would do.

    removed: the files that go; bytes: what that frees; spared: files that the rules would let go but that are named; left: bytes that the
    archive has then; over: bytes by which that is more than asked for; pages: how many pages lost their archived body; busy: sites
    left alone because a crawl or an extraction of them runs.
    """

    dry_run: bool
    removed: list[WarcFile] = field(default_factory=list)
    spared: list[WarcFile] = field(default_factory=list)
    bytes: int = 0
    left: int = 0
    over: int = 0
    pages: int = 0
    busy: list[str] = field(default_factory=list)


def retain_archive(
    home: Home,
    sites: Sequence[str] = (),
    *,
    now: datetime,
    older_than: timedelta | None = None,
    max_bytes: int | None = None,
    even_named: bool = False,
    dry_run: bool = False,
    wait: float = 60.0,
) -> ArchiveReport:
    """Remove files of the archive: those older than a time, then the oldest until the archive has at most max_bytes.

    sites: only the archives of these (then max_bytes is of them together); none: of all. now: aware. wait: seconds to wait for a
    publish to end. Killed at any point, a second run does the rest. Raises UsageError without a rule and for an unknown site,
    DamagedError when what a version or the records name cannot be read (nothing goes then), JianghuaError when a file cannot
    be removed.
    """
    if older_than is None and max_bytes is None:
        raise UsageError(
            "no rule says which files of the archive may go",
            remedy="give --older-than or --max-bytes, or set archive_older_than or archive_max_bytes in [retention]",
        )
    archive = home.var / "archive"
    there = sorted(p.name for p in archive.iterdir() if p.is_dir()) if archive.is_dir() else []
    if unknown := [s for s in sites if s not in there]:
        raise UsageError(
            f"there is no archive of the site '{unknown[0]}'",
            where=str(archive),
            remedy=f"use one of: {', '.join(there)}" if there else "nothing was crawled here yet",
        )
    report = ArchiveReport(dry_run)
    with ExitStack() as stack:
        # No version is made meanwhile: it might name a file that is just going.
        for dataset in _datasets(home):
            stack.enter_context(locked(dataset, wait, to_look=dry_run))
        for mirror in _mirrors(home):
            stack.enter_context(locked(mirror.parent, wait, to_look=dry_run))
            stack.enter_context(locked(mirror, wait, to_look=dry_run))
        states: dict[str, SiteState | None] = {}
        for site in sites or there:
            try:
                states[site] = _open(home, site, stack, dry_run)
            except _BusyError:
                report.busy.append(site)
        named, last = _named(home, states)
        _choose(home, list(states), now, older_than, max_bytes, even_named, named, last, report)
        for site, state in states.items():
            _let_go(home, site, state, report)
    return report


class _BusyError(Exception):
    pass


def _open(home: Home, site: str, stack: ExitStack, dry_run: bool) -> SiteState | None:
    """The state of a site, held against crawls and extractions; None when it has none. A dry run looks only where it may not write."""
    if not home.state_db(site).exists():
        return None
    if dry_run and sqlite_reader(home.state_db(site)):
        return stack.enter_context(SiteState.open(home, site, read_only=True))
    try:
        state = stack.enter_context(SiteState.open(home, site))
        stack.enter_context(shards.locked(home, site))
    except JianghuaError as e:
        if e.what.startswith("another "):
            raise _BusyError from None
        raise
    # what the state forgets is on disk before a file goes
    state.db.exec_driver_sql("PRAGMA synchronous=FULL")
    state.db.commit()
    return state


def _datasets(home: Home) -> list[Path]:
    return sorted(p.parent for p in home.datasets.glob("*/latest.json"))


def _mirrors(home: Home) -> list[Path]:
    """The mirrors of datasets that this home publishes to object storage: only of their latest version all is here."""
    return sorted(p.parent for p in (home.var / "publish" / "mirror").glob("*/*/latest.json"))


def _named(home: Home, states: dict[str, SiteState | None]) -> tuple[dict[str, str], set[str]]:
    """What names each file, the strongest reason; and the files with last copies of pages that the site file wants kept."""
    named: dict[str, str] = {}
    versions = [(d, v) for d in _datasets(home) for v in version_names(d)]
    versions += [(m, latest.version) for m in _mirrors(home) if (latest := read_latest(m))]
    seen: set[tuple[Path, str]] = set()
    for dataset, version in versions:
        entry = read_manifest(dataset, version)[0].tables.get("provenance")
        for part in entry.parts if entry else ():
            if (dataset, part.file) not in seen:
                seen.add((dataset, part.file))
                path = part_path(dataset, "provenance", part)
                rows = decode(read_file(path), str(path), columns=["warc_file"])
                named |= dict.fromkeys(_unique(rows["warc_file"]), f"provenance of {version}")
    last: set[str] = set()
    for site, state in states.items():
        records = shards.read_records(home, site, "provenance", ["warc_file"])
        named |= dict.fromkeys(_unique(records["warc_file"]), "records")
        if state is not None:
            named |= dict.fromkeys(named_files(state), "state")
            if _keeps_gone(home, site) and (copies := last_copies(state)):
                named |= dict.fromkeys(copies, "last copies of pages that are gone")
                last |= copies
    return named, last


def _unique(column: pa.ChunkedArray) -> Iterator[str]:
    yield from (str(v) for v in pc.unique(column).to_pylist() if v)


def _keeps_gone(home: Home, site: str) -> bool:
    try:
        return load_site(site, home).refetch.gone == "keep"
    except JianghuaError:
        return True  # its file is missing or broken: what cannot be fetched again stays


def _files(home: Home, site: str) -> list[tuple[datetime, str, int]]:
    """The WARC files of a site: when their crawl began, name relative to var/archive, bytes."""
    out = []
    for path in sorted(home.archive(site).glob("*.warc.gz")):
        stat = path.stat()
        begun = datetime.fromtimestamp(int(stat.st_mtime), UTC)
        if m := _STAMPED.fullmatch(path.name):
            begun = datetime.strptime(m[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        out.append((begun, f"{site}/{path.name}", stat.st_size))
    return out


def _choose(
    home: Home,
    sites: Sequence[str],
    now: datetime,
    older_than: timedelta | None,
    max_bytes: int | None,
    even_named: bool,
    named: dict[str, str],
    last: set[str],
    report: ArchiveReport,
) -> None:
    """Which files go, the oldest first, those that nothing names before the others: into the report."""
    files = sorted(f for site in sites for f in _files(home, site))
    report.left = sum(size for _, _, size in files)

    def free(name: str) -> bool:
        return name not in named or (even_named and name not in last)

    for begun, name, size in sorted(files, key=lambda f: (f[1] in named, f)):
        old = older_than is not None and now - begun >= older_than
        too_much = max_bytes is not None and report.left > max_bytes
        if not (old or too_much):
            continue
        told = WarcFile(name, size, begun.isoformat(), named.get(name))
        if free(name):
            report.removed.append(told)
            report.left -= size
            report.bytes += size
        else:
            report.spared.append(told)
    report.over = max(0, report.left - max_bytes) if max_bytes is not None else 0


def _let_go(home: Home, site: str, state: SiteState | None, report: ArchiveReport) -> None:
    """Let the state forget the bodies in a site's files that go, then remove the files. On a dry run everything is taken back."""
    files = sorted(f.file for f in report.removed if f.file.split("/")[0] == site)
    if state is not None and set(files) & named_files(state):
        report.pages += forget_bodies(state, files)
        if report.dry_run:
            state.db.rollback()
        else:
            state.commit()
    if report.dry_run or not files:
        return
    for name in files:
        path = home.var / "archive" / name
        try:
            path.unlink(missing_ok=True)
        except OSError as e:
            raise cannot_write(path, e) from e
    fsync_folder(home.archive(site))
