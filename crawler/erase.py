"""Erasing pages from a home: from the WARC archive, from the crawl's state and from the records.

A record that goes is overwritten by a tombstone record of the same length, so that every other record of the file keeps its address.
The file is written beside and renamed. Each step may be killed and done again.
"""

from __future__ import annotations

import io
import shutil
import uuid
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

from crawler import shards
from crawler.durable import cannot_write, replacing
from crawler.errors import DamagedError, JianghuaError
from crawler.home import Home
from crawler.site import without_case
from crawler.state import SiteState
from crawler.takedowns import FATE, WHY
from crawler.urls import clean_url

_COMMENT = 0x10  # FCOMMENT of a gzip header (RFC 1952)


@dataclass(slots=True)
class Erased:
    """What was erased of a site: WARC records and the files they lay in, pages of the state, speeches of the records."""

    site: str
    records: int = 0
    files: list[str] = field(default_factory=list)
    pages: int = 0
    speeches: int = 0

    @property
    def anything(self) -> bool:
        return bool(self.records or self.pages or self.speeches)


def erase(
    home: Home,
    site: str,
    keys: Collection[str],
    *,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Erased:
    """Erase the articles that the pages with these keys belong to: archived responses of every run, state, records.

    keys: as the site's state and `pages` have them. Other addresses of an article (for print, for telephones) go with it. dry_run: only tell
    what would go. progress: called with the name of each WARC file read. Raises JianghuaError when the site is being crawled or
    extracted, DamagedError when a WARC file cannot be read to its end; what was erased by then stays erased.
    """
    out = Erased(site)
    every = set(keys)
    if home.state_db(site).is_file():
        with SiteState.open(home, site, read_only=dry_run) as state:
            rows = _rows(state, every)
            every |= {r.key for r in rows}
            out.pages = sum(1 for r in rows if not _is_erased(r))
            if not dry_run:
                _forget(state, rows)
                state.commit()
            out.records, out.files = _archive(home, site, every, dry_run, progress)
    else:
        out.records, out.files = _archive(home, site, every, dry_run, progress)
    if home.records(site).is_dir():
        if dry_run:
            out.speeches = sum(_speeches(home, s, every)[0] for s in shards.committed(home, site))
        else:
            with shards.locked(home, site):
                out.speeches = _records(home, site, every)
    return out


# -- state


def article_keys(home: Home, site: str, keys: Collection[str]) -> list[str]:
    """The keys of all pages of the articles that these pages belong to, other addresses of them included, sorted; the keys themselves
    where the site was never crawled here."""
    if not home.state_db(site).is_file():
        return sorted(keys)
    with SiteState.open(home, site, read_only=True) as state:
        return sorted({*keys, *(r.key for r in _rows(state, set(keys)))})


def _rows(state: SiteState, keys: set[str]) -> list[Any]:
    """The rows of the articles that these pages belong to, other addresses of them included."""
    found: dict[str, Any] = {}
    wanted = set(keys)
    while wanted:
        here = state.rows(sorted(wanted))
        group = state.group(sorted({r.article_key for r in here}))
        new = {r.key: r for r in (*here, *group) if r.key not in found}
        found |= new
        wanted = state.addresses_of(new.keys()) - found.keys()
    return [found[k] for k in sorted(found)]


def _is_erased(row: Any) -> bool:
    return row.warc_file is None and row.fate == FATE and row.why == WHY


def _forget(state: SiteState, rows: list[Any]) -> None:
    for row in rows:
        state.update(
            row.key, fate=FATE, why=WHY, status=None, etag=None, last_modified=None, content_type=None, fetched_at=None, changed_at=None,
            gone_since=None, warc_file=None, warc_offset=None, warc_length=None, sha256=None, texts=None, queued=0, tries=0, missing=0,
            checked_at=row.checked_at or row.first_seen,
        )  # fmt: skip


# -- archive


def _archive(
    home: Home, site: str, keys: set[str], dry_run: bool, progress: Callable[[str], None]
) -> tuple[int, list[str]]:
    count, files = 0, []
    for path in sorted(home.archive(site).glob("*.warc.gz")):
        progress(path.name)
        found = [(at, length) for at, length, url in members(path) if url is not None and _is_meant(url, keys)]
        if found:
            count += len(found)
            files.append(f"{site}/{path.name}")
            if not dry_run:
                overwrite(path, found)
    for left in home.archive(site).glob(".*.warc.gz.*.tmp"):  # of an erasure that was killed: it may hold what is to go
        if not dry_run:
            left.unlink(missing_ok=True)
    return count, files


def _is_meant(url: str, keys: set[str]) -> bool:
    parts = urlsplit(clean_url(url) or url)
    path = without_case((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    return path in keys or f"//{parts.netloc.lower()}{path}" in keys


def members(path: Path) -> Iterator[tuple[int, int, str | None]]:
    """Offset, length and target URI of every record of a WARC file that is a gzip member of its own; None for one without a target.

    Raises DamagedError for a file that is none. A record cut off at the end (a crawl was killed there) is told like the others, as long
    as its head can be read.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            iterator = ArchiveIterator(file)
            last: tuple[int, str | None] | None = None
            for record in iterator:
                at = iterator.get_record_offset()
                if last is not None:
                    yield last[0], at - last[0], last[1]
                last = at, record.rec_headers.get_header("WARC-Target-URI")
            if last is not None:
                yield last[0], size - last[0], last[1]
    except (ArchiveLoadFailed, OSError, ValueError, EOFError, zlib.error) as e:
        raise DamagedError(
            f"the archive cannot be read: {e or type(e).__name__}",
            where=str(path),
            remedy="restore the file from a copy, or remove it and crawl its pages again (jianghua crawl SITE --refetch all)",
        ) from e


def tombstone(length: int) -> bytes:
    """A gzip member of exactly `length` bytes that holds a WARC record saying that something was erased here.

    Filled up by the comment of the gzip header, which readers skip. Raises ValueError when it is too short for any.
    """
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = b"erased: taken down\r\n"
    heads = (
        f"WARC/1.0\r\nWARC-Type: metadata\r\nWARC-Record-ID: <urn:uuid:{uuid.uuid4()}>\r\nWARC-Date: {stamp}\r\n"
        f"Content-Type: application/warc-fields\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body,
        b"WARC/1.0\r\nWARC-Type: metadata\r\nContent-Length: 0\r\n\r\n",
    )
    for record in heads:
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        content = record + b"\r\n\r\n"
        packed = packer.compress(content) + packer.flush()
        tail = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
        room = length - 10 - len(packed) - 8
        if room == 0:
            return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + packed + tail
        if room > 0:
            return b"\x1f\x8b\x08" + bytes([_COMMENT]) + b"\0\0\0\0\0\xff" + b" " * (room - 1) + b"\0" + packed + tail
    raise ValueError(f"no record fits into {length} bytes")


def overwrite(path: Path, places: Collection[tuple[int, int]]) -> None:
    """Put tombstones of the same length in the place of records (offset, length) of a WARC file; written beside, checked, renamed."""
    try:
        with path.open("rb") as source, replacing(path) as out:
            shutil.copyfileobj(source, out)
            for at, length in places:
                out.seek(at)
                out.write(tombstone(length))
            out.seek(0, io.SEEK_END)
    except OSError as e:
        raise cannot_write(path, e) from e
    except ValueError as e:
        raise JianghuaError(
            f"a record cannot be erased in place: {e}", where=str(path), remedy="report this as a bug"
        ) from e


# -- records


def _speeches(home: Home, shard: shards.Shard, keys: set[str]) -> tuple[int, dict[str, pa.Table]]:
    """How many speeches of a shard go, and its tables without them; no tables when nothing in it goes."""
    pages = shards.read_table(shard, "pages")
    hit = pc.is_in(pages["key"], value_set=pa.array(sorted(keys), pa.string()))
    if not pc.any(hit).as_py():
        return 0, {}
    readings = shards.read_table(shard, "readings")
    gone = pc.is_in(readings["article_key"], value_set=pa.array(sorted(keys), pa.string()))
    speeches, provenance, cuts = (shards.read_table(shard, t) for t in ("speeches", "provenance", "cuts"))
    read = [shards.speech_id(shard.site, r["article_key"], p) for r in readings.filter(gone).to_pylist() for p in r["parts"]]  # fmt: skip
    there = speeches.filter(pc.is_in(speeches["page_url"], value_set=pages.filter(hit)["url"].combine_chunks()))
    ids = pa.array([*read, *there["speech_id"].to_pylist()], pa.string())
    stay = pc.invert(pc.is_in(speeches["speech_id"], value_set=ids))
    blank = {
        "title": None,
        "is_speech": None,
        "speech_score": None,
        "fetched_at": None,
        "status": None,
        "gone_since": None,
    }
    told = [r | blank | {"fate": FATE, "why": WHY, "speeches": 0} for r in pages.filter(hit).to_pylist()]
    tables = {
        "speeches": speeches.filter(stay),
        "provenance": provenance.filter(pc.invert(pc.is_in(provenance["speech_id"], value_set=ids))),
        "pages": pa.concat_tables([pages.filter(pc.invert(hit)), pa.Table.from_pylist(told, schema=pages.schema)]),
        "readings": readings.filter(pc.invert(gone)),
        "cuts": cuts.filter(pc.invert(pc.is_in(cuts["article_key"], value_set=pa.array(sorted(keys), pa.string())))),
    }
    return speeches.num_rows - tables["speeches"].num_rows, tables


def _records(home: Home, site: str, keys: set[str]) -> int:
    count = 0
    for shard in shards.committed(home, site):
        gone, tables = _speeches(home, shard, keys)
        if tables:
            # no input digest: the next extraction looks at the bucket again, and finds the state as it is now
            shards.write_shard(home, site, shard.bucket, tables, input_digest="", complete=False)
            count += gone
    return count
