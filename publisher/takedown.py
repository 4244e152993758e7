"""Taking down: which rows of a table are meant by the entries of the home's takedown list, and the rows without them.

Pure functions of rows and entries. By id and by address a row costs next to nothing; texts are compared only where an entry asks
for copies (publisher/fingerprint.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crawler.site import without_case
from crawler.takedowns import Fingerprint, Takedown
from crawler.urls import clean_url
from publisher.fingerprint import alike

REASON = "taken_down"  # in the table `removed`
TITLE = ""  # of a tombstone of what was taken down
BATCH = 2_500  # texts that are compared at a time

Entries = Sequence[Takedown]


@dataclass(frozen=True, slots=True)
class Taken:
    """A speech that is left out. takedown: id of the entry; how: id, page, copy (the same folded text), near, excerpt or contains."""

    speech_id: str
    takedown: str
    how: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the entries are for, ready to be looked up. Each maps to the id of the entry.

    addresses: host and path; pages: site and key. everywhere: texts that are compared with every row, by folded text and by
    fingerprint; there: those that are compared with the rows of a page alone.
    """

    ids: dict[str, str]
    addresses: dict[str, str]
    pages: dict[str, str]
    texts: dict[str, str]
    prints: tuple[tuple[Fingerprint, str], ...]
    there: dict[str, tuple[tuple[Fingerprint, str], ...]]


def address(url: str) -> str:
    """Host, path and query of an address, as far as they tell one page from another; http and https are one."""
    parts = urlsplit(clean_url(url) or url)
    return parts.netloc.lower() + without_case((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _places_of(t: Takedown) -> list[str]:
    return [f"{p.site} {key}" for p in t.entry.pages for key in p.keys]


@lru_cache(maxsize=8)
def _wanted(entries: tuple[Takedown, ...]) -> _Wanted:
    out = _Wanted({}, {}, {}, {}, (), {})
    prints: list[tuple[Fingerprint, str]] = []
    for t in entries:
        e = t.entry
        if e.speech_id is not None:
            out.ids.setdefault(e.speech_id, t.id)
        if e.url is not None:
            out.addresses.setdefault(address(e.url), t.id)
            for place in _places_of(t):
                out.pages.setdefault(place, t.id)
        if t.by_text:
            for p in e.texts:
                out.texts.setdefault(p.simtext_sha256, t.id)
                prints.append((p, t.id))
        elif e.speech_id is not None and e.texts:
            # when the parts of a page change in number, the text may come back under another id
            for place in _places_of(t):
                out.there[place] = out.there.get(place, ()) + tuple((p, t.id) for p in e.texts)
    return _Wanted(out.ids, out.addresses, out.pages, out.texts, tuple(prints), out.there)


def digest(entries: Entries) -> str:
    """Digest of what the entries are for: another one means that other rows may be left out."""
    facts = [t.entry.model_dump(mode="json", include={"id", "url", "speech_id", "pages", "copies", "texts"}) for t in entries]  # fmt: skip
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def apply(
    rows: pa.Table, entries: Entries, cleared: pa.Array | pa.ChunkedArray | None = None
) -> tuple[pa.Table, list[Taken]]:
    """The rows that stay, in their order, and what was left out.

    rows: with the columns speech_id, site, page_url, text and simtext_sha256 of `speeches`. entries: those that hold. cleared: true for rows
    whose text was compared before, with entries of the same `digest`; they are looked up by id and address alone.
    """
    found = match(rows, entries, cleared)
    if not found:
        return rows, []
    stay = np.ones(rows.num_rows, bool)
    stay[list(found)] = False
    return rows.filter(pa.array(stay)), [found[i] for i in sorted(found)]


def match(rows: pa.Table, entries: Entries, cleared: pa.Array | pa.ChunkedArray | None = None) -> dict[int, Taken]:
    """What the entries are for, by row number; see `apply`.

    Rows without the column text (or simtext_sha256) are looked up by what they have: texts are not compared then.
    """
    if not entries or not rows.num_rows:
        return {}
    wanted = _wanted(tuple(entries))
    ids = rows["speech_id"]
    out: dict[int, Taken] = {}

    def take(number: int, takedown: str, how: str) -> None:
        out.setdefault(int(number), Taken(ids[int(number)].as_py(), takedown, how))

    for i in _among(ids, wanted.ids):
        take(i, wanted.ids[ids[int(i)].as_py()], "id")
    told, folded = "text" in rows.column_names, "simtext_sha256" in rows.column_names
    if wanted.addresses or wanted.pages or wanted.there:
        hosts, local, far = _places(rows)
        for column, known in ((hosts, wanted.addresses), (local, wanted.pages), (far, wanted.pages)):
            for i in _among(column, known):
                take(i, known[column[int(i)].as_py()], "page")
        for column in (local, far) if told and folded else ():
            at = [int(i) for i in _among(column, wanted.there) if int(i) not in out]
            for i in at:
                _compare(rows, [i], wanted.there[column[i].as_py()], take)
    if wanted.texts and folded:
        for i in _among(rows["simtext_sha256"], wanted.texts):
            take(i, wanted.texts[rows["simtext_sha256"][int(i)].as_py()], "copy")
    if wanted.prints and told and folded:
        left = [i for i in range(rows.num_rows) if i not in out]
        if cleared is not None:
            before = pc.fill_null(cleared, False).to_pylist()
            left = [i for i in left if not before[i]]
        for start in range(0, len(left), BATCH):
            _compare(rows, left[start : start + BATCH], wanted.prints, take)
    return out


def _among(column: pa.ChunkedArray, known: Iterable[str]) -> list[int]:
    values = pa.array(list(known), pa.string())
    if not len(values):
        return []
    found: list[int] = pc.indices_nonzero(
        pc.fill_null(pc.is_in(column.cast(pa.string()), value_set=values), False)
    ).to_pylist()
    return found


def _addresses(urls: pa.ChunkedArray) -> pa.ChunkedArray:
    """`address` of every one of a column of clean addresses."""
    hosts = pc.replace_substring_regex(urls.cast(pa.string()), "^https?://", "")
    no_case = pc.indices_nonzero(pc.fill_null(pc.match_substring_regex(hosts, r"(?i)\.as(p|px|hx)(\?|$)"), False))
    if len(no_case):
        listed = hosts.to_pylist()
        for i in no_case.to_pylist():
            listed[i] = address(urls[i].as_py())
        hosts = pa.chunked_array([pa.array(listed, pa.string())])
    return hosts


def _places(rows: pa.Table) -> tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]:
    """Of each row host and path, site and path, and site with both as a key on another host is written."""
    hosts = _addresses(rows["page_url"])
    path = pc.replace_substring_regex(hosts, "^[^/]*", "")
    site = rows["site"].cast(pa.string())
    return hosts, pc.binary_join_element_wise(site, path, " "), pc.binary_join_element_wise(site, hosts, " //")


def _compare(
    rows: pa.Table, at: Sequence[int], prints: Sequence[tuple[Fingerprint, str]], take: Callable[[int, str, str], None]
) -> None:
    texts = rows["text"].take(pa.array(at, pa.int64())).to_pylist()
    same = {p.simtext_sha256: takedown for p, takedown in prints}
    for i, folded in zip(at, rows["simtext_sha256"].take(pa.array(at, pa.int64())).to_pylist(), strict=True):
        if folded in same:
            take(i, same[folded], "copy")
    for found in alike(texts, [p for p, _ in prints]):
        take(at[found.text], prints[found.print_][1], found.how)


def known_by_id_alone(entries: Entries) -> set[str]:
    """Ids of speeches that the entries name without a fingerprint of their text, as when one is written by hand."""
    return {t.entry.speech_id for t in entries if t.entry.speech_id is not None and not t.entry.texts}


# -- the other tables


def scrub_pages(pages: pa.Table, entries: Entries, page_urls: Iterable[str] = ()) -> pa.Table:
    """Rows of `pages` (or of records) without the titles of pages that are taken down.

    page_urls: addresses of further pages of which a speech was taken (by its text, or by id).
    """
    if not pages.num_rows:
        return pages
    return _without(pages, "title", _page_rows(pages, entries, page_urls), None)


def _page_rows(pages: pa.Table, entries: Entries, page_urls: Iterable[str]) -> list[int]:
    wanted = _wanted(tuple(entries))
    keys = {place for t in entries for place in _places_of(t)}
    places = pc.binary_join_element_wise(pages["site"].cast(pa.string()), pages["key"].cast(pa.string()), " ")
    known = {*_among(pages["url"], page_urls), *_among(places, keys)}
    if wanted.addresses:
        known |= set(_among(_addresses(pages["url"]), wanted.addresses))
    return sorted(i for i in known if pages["title"][i].as_py() is not None)


def scrub_removed(removed: pa.Table, entries: Entries, ids: Iterable[str] = ()) -> pa.Table:
    """Tombstones without the titles of what is taken down, with the reason `taken_down`. ids: further speeches that were taken."""
    if not removed.num_rows:
        return removed
    wanted = _wanted(tuple(entries))
    meant = set(_among(removed["speech_id"], {*wanted.ids, *ids}))
    if wanted.addresses or wanted.pages:
        hosts, local, far = _places(removed)
        for column, known in ((hosts, wanted.addresses), (local, wanted.pages), (far, wanted.pages)):
            meant |= set(_among(column, known))
    at = sorted(meant)
    out = _without(_without(removed, "title", at, TITLE), "reason", at, REASON)
    return _without(out, "text_sha256", at, None) if "text_sha256" in out.column_names else out


def _without(rows: pa.Table, column: str, at: Sequence[int], value: str | None) -> pa.Table:
    if not at:
        return rows
    hit = np.zeros(rows.num_rows, bool)
    hit[list(at)] = True
    field = rows.schema.field(column)
    new = pc.if_else(pa.array(hit), pa.scalar(value, field.type), rows[column])
    new = new if isinstance(new, pa.ChunkedArray) else pa.chunked_array([new])
    return rows if new.equals(rows[column]) else rows.set_column(rows.schema.get_field_index(column), field, new)
