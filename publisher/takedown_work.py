"""A takedown carried out in a home: what it is for is looked up, published versions are re-issued, pages erased, copies cleaned."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa

from crawler.durable import write_json, writing_told
from crawler.erase import Erased, article_keys, erase
from crawler.errors import UsageError
from crawler.home import Home
from crawler.shards import BUCKETS, extracted_sites, read_records
from crawler.site import without_case
from crawler.state import SiteState
from crawler.takedowns import Entry, Fingerprint, Takedown
from crawler.urls import clean_url
from crawler.wording import counted
from publisher import takedown
from publisher.fingerprint import LEAST, SHINGLE, fingerprint
from publisher.gone import SUFFIX
from publisher.locks import discard, locked
from publisher.places import dataset_folder
from publisher.reissue import Reissued, reissue, survey
from publisher.versions import VERSION, read_latest, read_manifest, read_part

if TYPE_CHECKING:
    from publisher.remote import Store

ATTEMPTS = 5  # at a place where others publish
COLUMNS = ["speech_id", "site", "page_url", "part", "title", "text", "simtext_sha256"]
Progress = Callable[[str], None]


@dataclass(slots=True)
class Found:
    """What an entry would be for, here and now. entry: its fields but for id; speeches: rows of records and latest version that it takes,
    without their texts; copies_left: ids of copies in the latest version that it does not take."""

    entry: dict[str, Any]
    speeches: list[dict[str, Any]] = field(default_factory=list)
    copies_left: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Done:
    """What was carried out. reissued: by dataset folder; erased: by site; mirrors: local copies of remote datasets that were removed. remotes: versions
    that went, by address."""

    reissued: Reissued | None = None
    erased: list[Erased] = field(default_factory=list)
    mirrors: list[str] = field(default_factory=list)
    remotes: dict[str, list[str]] = field(default_factory=dict)


def look_up(
    home: Home,
    target: str | None,
    text: str | None,
    *,
    reason: str,
    by: str | None,
    copies: bool,
    everywhere: bool,
    archive: bool,
    dataset: str = "speeches",
    today: date | None = None,
) -> Found:
    """The entry for an address, a speech id, or a text, with what it is for now.

    Raises UsageError for an id that nothing here has, and for a text that is too short to be told from others.
    """
    told: dict[str, Any] = {}
    target = target.strip() if target is not None else None
    if text is not None:
        told["texts"] = [_long_enough(fingerprint(text)).model_dump()]
    elif target is not None and "/" in target:  # no id has one
        clean = clean_url(target)
        if clean is None:
            raise UsageError(
                f"'{target}' is no address", remedy="write it as http://HOST/PATH, as in the column page_url"
            )
        told["url"] = target = target if not re.search(r"\s", target) else clean
    elif target is not None:
        told["speech_id"] = target
    meant = probe(told, reason)
    speeches = _taken(_rows(home, dataset), meant)
    if target is not None and "speech_id" in told and not speeches:
        speeches = _of_old(home, dataset, meant)
        if not speeches:
            raise UsageError(
                f"no speech has the id '{target}'",
                where=str(home.root),
                remedy="copy it from the column speech_id of the dataset, or give the address of its page",
            )
    pages = _pages(
        home, [r["page_url"] for r in speeches] if text is not None or "speech_id" in told else [str(target)], speeches
    )
    if text is None:
        texts = list({r["simtext_sha256"]: r["text"] for r in speeches}.values())
        if "speech_id" in told or copies:
            told["texts"] = [fingerprint(t).model_dump() for t in texts]
        if copies:
            if not texts:
                raise UsageError(
                    "the text is not known here, so that its copies cannot be told",
                    remedy="give the text itself with --text-like FILE",
                )
            told["copies"] = True
            speeches = _taken(_rows(home, dataset), probe({**told, "pages": pages}, reason))
            if archive:
                pages = _pages(home, [r["page_url"] for r in speeches], speeches)
    entry: dict[str, Any] = {k: told[k] for k in ("url", "speech_id") if k in told}
    if pages:
        entry["pages"] = pages
    entry |= {"reason": reason.strip(), "date": today or datetime.now(UTC).date()}
    if by:
        entry["by"] = by
    entry |= {
        k: True for k, on in (("copies", "copies" in told), ("everywhere", everywhere), ("archive", archive)) if on
    }
    if told.get("texts"):
        entry["texts"] = told["texts"]
    shown = [{k: r[k] for k in ("speech_id", "site", "page_url", "title")} for r in speeches]
    return Found(entry, shown, _copies_left(home, dataset, {str(r["speech_id"]) for r in speeches}))


def _copies_left(home: Home, dataset: str, taken: set[str]) -> list[str]:
    """The speeches of the latest version that are copies of these, without these."""
    folder = dataset_folder(home, dataset)
    latest = read_latest(folder) if folder.is_dir() and taken else None
    if latest is None:
        return []
    m, _ = read_manifest(folder, latest.version, latest.manifest_sha256)
    parts = m.tables["duplicates"].parts
    rows = [r for p in parts for r in read_part(folder, "duplicates", p, m.schema_version).to_pylist()]
    clusters = {r["cluster_id"] for r in rows if r["speech_id"] in taken}
    return sorted(r["speech_id"] for r in rows if r["cluster_id"] in clusters and r["speech_id"] not in taken)


def _long_enough(print_: Fingerprint) -> Fingerprint:
    """A fingerprint by which a text can be told from others. Raises UsageError: shorter ones stand in other texts by chance."""
    if not print_.chars:
        raise UsageError("the file holds no text", remedy="give a file with the text to take down, in UTF-8")
    if print_.grams < LEAST:
        at_least = LEAST + SHINGLE - 1
        raise UsageError(
            f"the text is too short to be told from others: it has {counted(print_.chars, 'character')} and "
            f"{counted(print_.grams, 'different group')} of {SHINGLE} Chinese characters in a row, and {LEAST} such groups are needed "
            f"(a text of {at_least} Chinese characters that repeats nothing has as many)",
            remedy="give more of the text, or the address of the page or the speech_id instead of --text-like",
        )
    return print_


def probe(told: dict[str, Any], reason: str) -> Takedown:
    return Takedown(Entry.model_validate({"id": "new", "reason": reason, "date": date.min, **told}), "")


def _rows(home: Home, dataset: str, records_alone: bool = False) -> Iterator[pa.Table]:
    """The speeches of the records and of the latest version, some at a time; of one that both have, both."""
    for site in extracted_sites(home):
        for bucket in range(BUCKETS):
            yield read_records(home, site, "speeches", COLUMNS, bucket).select(COLUMNS)
    folder = dataset_folder(home, dataset)
    latest = read_latest(folder) if folder.is_dir() and not records_alone else None
    if latest is not None:
        m, _ = read_manifest(folder, latest.version, latest.manifest_sha256)
        for part in m.tables["speeches"].parts:
            yield read_part(folder, "speeches", part, m.schema_version).select(COLUMNS)


def _taken(tables: Iterable[pa.Table], meant: Takedown) -> list[dict[str, Any]]:
    """The rows that an entry is for, one a speech and text."""
    out: dict[tuple[str, str], dict[str, Any]] = {}
    for rows in tables:
        found = takedown.match(rows, [meant])
        for row in rows.take(pa.array(sorted(found), pa.int64())).to_pylist():
            out.setdefault((row["speech_id"], row["simtext_sha256"]), row)
    return list(out.values())


def _of_old(home: Home, dataset: str, meant: Takedown) -> list[dict[str, Any]]:
    """The speech as an older version has it."""
    folder = dataset_folder(home, dataset)
    for held in reversed(survey(folder, [meant])) if folder.is_dir() else ():
        for part in held.manifest.tables["speeches"].parts if held.taken else ():
            rows = read_part(folder, "speeches", part, held.manifest.schema_version).select(COLUMNS)
            if found := _taken([rows], meant):
                return found
    return []


def _pages(home: Home, urls: Iterable[str], speeches: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pages of these addresses and of the articles that they belong to, by site."""
    keys: dict[str, set[str]] = {}
    of_site = {r["page_url"]: r["site"] for r in speeches}
    for url in dict.fromkeys(urls):
        parts = urlsplit(url)
        path = without_case((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        both = [path, f"//{parts.netloc.lower()}{path}"]
        for site in _sites(home):
            with SiteState.open(home, site, read_only=True) as state:
                here = [r for r in state.rows(both) if of_site.get(url) == site or takedown.address(r.url) == takedown.address(url)]  # fmt: skip
            if here:
                keys.setdefault(site, set()).update(r.key for r in here)
        if url in of_site and of_site[url] not in keys:
            keys[of_site[url]] = {path}  # read from a state that is no more
    return [{"site": s, "keys": article_keys(home, s, k)} for s, k in sorted(keys.items())]


def _sites(home: Home) -> list[str]:
    return sorted(p.stem for p in (home.var / "state").glob("*.db"))


# -- carrying out


def carry_out(
    home: Home,
    entries: Sequence[Takedown],
    *,
    dataset: str = "speeches",
    remotes: Sequence[str] = (),
    dry_run: bool = False,
    wait: float = 60.0,
    progress: Progress = lambda _: None,
) -> Done:
    """Do what the entries ask for beyond the next version: re-issue published versions (`everywhere`), erase pages (`archive`).

    remotes: addresses of copies of the dataset. What is done already is not done again. Raises JianghuaError when a site is being crawled, a publish does not end, or the disk is
    full: run it again then.
    """
    done = Done()
    everywhere = [t for t in entries if t.entry.everywhere]
    folder = dataset_folder(home, dataset)
    if everywhere and folder.is_dir():
        with locked(folder, wait, to_look=dry_run):
            done.reissued = reissue(folder, everywhere, dry_run=dry_run, progress=progress)
    if everywhere:  # also where a home publishes to object storage alone
        done.mirrors = _mirrors(home, dry_run, wait)
    for where in remotes if everywhere else ():
        done.remotes[where] = at_remote(home, where, everywhere, dataset=dataset, dry_run=dry_run, wait=wait, progress=progress)  # fmt: skip
    erased = _erased(home)
    for t in entries:
        if not t.entry.archive or t.id in erased:
            continue
        done.erased += [erase(home, p.site, p.keys, dry_run=dry_run, progress=progress) for p in t.entry.pages]
        if not dry_run:
            erased[t.id] = datetime.now(UTC).isoformat(timespec="seconds")
            write_json(_marks(home), erased)
    return done


def at_remote(
    home: Home,
    where: str,
    entries: Sequence[Takedown],
    *,
    dataset: str = "speeches",
    dry_run: bool = False,
    wait: float = 60.0,
    progress: Progress = lambda _: None,
) -> list[str]:
    """Take what the entries are for out of every version of a dataset at an address; names of the versions that went.

    A copy of the home's own dataset is synced with it, which was re-issued already. One that has other versions is brought here,
    re-issued and synced back; when somebody publishes there meanwhile, again. Raises as `sync` does.
    """
    from publisher.chain import open_place, read_history  # bring the client of object storage
    from publisher.remote import ConflictError
    from publisher.sync import sync

    target = open_place(where, dataset, to_write=True)
    own = open_place(str(home.datasets), dataset)
    mine, theirs = read_history(own.store), read_history(target.store)
    if theirs.latest is None:
        return []
    head = theirs.latest
    known, gone = mine.versions.get(head.version), mine.gone.get(head.version)
    if head.manifest_sha256 in (known and known.sha256, gone and gone.manifest_sha256):
        return sync(own, target, dry_run=dry_run, wait=wait, progress=progress).gone
    copies = home.var / "takedowns" / "remote"
    with locked(copies, wait):  # a second takedown would remove the copy with which this one works
        for left in copies.iterdir():  # of one that was killed; it holds what was taken down
            if left.is_dir():
                shutil.rmtree(left)
        place = copies / hashlib.sha256(target.store.where.encode()).hexdigest()[:16]
        copy = open_place(str(place / dataset), dataset)
        for attempt in range(ATTEMPTS):
            (place / dataset).mkdir(parents=True)
            try:
                sync(target, copy, progress=progress)
                with locked(place / dataset, wait):
                    done = reissue(
                        place / dataset, entries, reserved=_names_at(target.store), dry_run=dry_run, progress=progress
                    )
                if done.versions and not dry_run:
                    sync(copy, target, progress=progress)
                return [v.old for v in done.versions]
            except (ConflictError, UsageError):  # somebody published there meanwhile
                if attempt == ATTEMPTS - 1:
                    raise
            finally:
                shutil.rmtree(place, ignore_errors=True)
    return []


def _names_at(store: Store) -> list[str]:
    """Names of all versions at a remote place, also of such as are only on their way."""
    folders, files = store.children("versions")
    return [n for n in (*folders, *(f.removesuffix(SUFFIX) for f in files)) if VERSION.fullmatch(n)]


def _marks(home: Home) -> Path:
    return home.var / "takedowns" / "erased.json"


def _erased(home: Home) -> dict[str, str]:
    """Entries whose pages were erased, with the time."""
    with suppress(OSError, ValueError):
        value = json.loads(_marks(home).read_bytes())
        return {str(k): str(v) for k, v in value.items()}
    return {}


def _mirrors(home: Home, dry_run: bool, wait: float) -> list[str]:
    """Remove the local mirrors of remote datasets, which may hold parts with the text; a publish makes them anew.

    One that publishes there just now, and may have read the list of takedowns before, has ended then: what it published is behind us.
    """
    found = [p for p in sorted((home.var / "publish" / "mirror").glob("*/*")) if p.is_dir() and _contents(p)]
    if not dry_run:
        for place in found:
            with locked(place.parent, wait), locked(place, wait), writing_told(place):
                for child in _contents(place):
                    discard(child)
    return [str(p) for p in found]


def _contents(place: Path) -> list[Path]:
    return [child for child in place.iterdir() if child.name != ".lock"]


def speeches_now(home: Home, entries: Sequence[Takedown], dataset: str = "speeches") -> dict[str, int]:
    """How many speeches of the records each entry takes now, by id; one that two take counts for the first."""
    counts = dict.fromkeys((t.id for t in entries), 0)
    if entries:
        for rows in _rows(home, dataset, records_alone=True):
            for t in takedown.match(rows, entries).values():
                counts[t.takedown] += 1
    return counts
