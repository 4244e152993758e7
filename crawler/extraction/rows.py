"""Rows of records from page states and readings: plain data in, Arrow tables out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import pyarrow as pa
import pyarrow.compute as pc

from crawler.extraction.inputs import Article, extractor, pages_to_read
from crawler.extraction.rules import RULES_VERSION
from crawler.extraction.worker import Reading
from crawler.records import SPEECH, Fate
from crawler.shards import SCHEMAS, speech_id
from crawler.site import Site

_FATES = frozenset(get_args(Fate))
_REQUIRED = tuple(c.name for c in SPEECH if not c.nullable and c.name not in ("speech_id", "site", "page_url"))
UNREAD = frozenset({"poison", "error"})  # reading came to no answer
# what pyarrow raises for a value that is none of its column's
UNFIT = (pa.ArrowException, ValueError, TypeError, OverflowError)
_KNOWN = frozenset(c.name for c in SPEECH)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of an article after extraction: its reading without the rows (shards.READING).

    digest: of what was read; empty when it is to be read again. score: as in Reading. kept: its speeches stand in the old shard.
    provenance, pages: rows to take as they are, where a damaged record made an article keep all it had.
    """

    digest: str
    fate: str
    why: str | None
    title: str | None
    charsets: tuple[str, ...]
    statuses: tuple[int, ...]
    parts: tuple[int, ...]
    score: float | None = None
    kept: bool = False
    damaged: frozenset[int] = frozenset()
    provenance: tuple[dict[str, Any], ...] | None = None
    pages: tuple[dict[str, Any], ...] | None = None


def check(reading: Reading) -> str | None:
    """What is wrong with the shape of a reading, or None. A fault of the reader must not stop a run."""
    if reading.fate not in _FATES:
        return f"an unknown fate {reading.fate!r}"
    parts = [row.get("part") for row in reading.speeches]
    if len(set(parts)) < len(parts):
        return "two speeches with one part number"
    for row in reading.speeches:
        if missing := next((name for name in _REQUIRED if row.get(name) is None), None):
            return f"a speech without {missing}"
        if unknown := next(iter(row.keys() - _KNOWN), None):
            return f"a speech with an unknown column {unknown}"
    return None


def check_values(rows: list[dict[str, Any]]) -> str | None:
    """What is wrong with the values of speech rows, or None."""
    try:
        table("speeches", rows)
    except UNFIT as e:
        return f"a value that does not fit its column: {e}"
    return None


def complete_rows(site: Site, article: Article, reading: Reading) -> list[dict[str, Any]]:
    """The reading's rows with what the article itself gives: id, address, site."""
    own = {"site": site.name, "page_url": article.pages[0].url}
    return [{**row, **own, "speech_id": speech_id(site.name, article.key, row["part"])} for row in reading.speeches]


def kept_speeches(old: pa.Table, ids: list[str]) -> pa.Table:
    """The rows of an old shard's speeches whose id is in `ids`."""
    return old.filter(pc.is_in(old["speech_id"], pa.array(ids, pa.string())))


def cut_rows(key: str, reading: Reading) -> Iterable[dict[str, Any]]:
    """What was cut out of an article, as rows of shards.CUT."""
    for n, (rule, text, page, chars) in enumerate(reading.cuts, 1):
        yield {"article_key": key, "order": n, "page": page, "rule": rule, "text": text, "chars": chars}


def kept_cuts(old: pa.Table, keys: list[str]) -> pa.Table:
    """The rows of an old shard's cuts whose article is among `keys`."""
    return old.filter(pc.is_in(old["article_key"], pa.array(keys, pa.string())))


def provenance_rows(
    site: Site, article: Article, outcome: Outcome, profile_version: int | None
) -> Iterable[dict[str, Any]]:
    """One row a speech and response that it was read from."""
    if outcome.provenance is not None:
        return outcome.provenance
    pages = [p for p in pages_to_read(article, site) if p.ordinal not in outcome.damaged]
    rows = []
    for part in outcome.parts:
        for n, (page, charset, status) in enumerate(zip(pages, outcome.charsets, outcome.statuses, strict=True), 1):
            assert page.address is not None
            rows.append(
                {
                    "speech_id": speech_id(site.name, article.key, part),
                    "ordinal": n,
                    "url": page.url,
                    "fetched_at": page.fetched_at,
                    "status": status,  # of the archived response, whatever a later request met
                    "charset": charset,
                    "warc_file": page.address.file,
                    "warc_offset": page.address.offset,
                    "warc_length": page.address.length,
                    "html_sha256": page.address.sha256,
                    "extractor": extractor(),
                    "rules_version": RULES_VERSION,
                    "profile_version": profile_version,
                }
            )
    return rows


def page_rows(site: Site, article: Article, outcome: Outcome | None) -> Iterable[dict[str, Any]]:
    """One row a URL of the article, with its fate: what crawling says where nothing was read, else what reading made of it."""
    if outcome is not None and outcome.pages is not None:
        return outcome.pages
    damaged = outcome.damaged if outcome else frozenset()
    chosen = pages_to_read(article, site)
    read = [p for p in chosen if p.ordinal not in damaged]
    rows = []
    for page in article.pages:
        fate, why = page.fate or "unfetched", page.why
        row: dict[str, Any] = {
            "url": page.url,
            "site": site.name,
            "key": page.key,
            "status": page.status,
            "title": None,
            "is_speech": None,
            "speech_score": None,
            "speeches": 0,
            "fetched_at": None,
            "gone_since": page.gone_since,
        }
        if outcome is not None and page in read:
            row["fetched_at"] = page.fetched_at
            if page is not read[0]:
                fate, why = "continuation", f"page {page.ordinal} of {article.key}"
            else:
                row |= {
                    "title": outcome.title,
                    "is_speech": None if outcome.fate in UNREAD else bool(outcome.parts),
                    "speech_score": outcome.score,
                    "speeches": len(outcome.parts),
                }
                if outcome.parts or page.fate != "gone":
                    fate, why = outcome.fate, outcome.why
        elif outcome is not None and page in chosen and page.address is not None:
            fate, why = "error", f"the archived record is damaged ({page.address.file}, offset {page.address.offset})"
        elif page.address is not None and page.fate is None:
            fate = "continuation"
            gone = article.pages[0].fate == "gone"
            why = f"its article is gone ({article.key})" if gone else f"another address of a page of {article.key}"
        rows.append({**row, "fate": fate, "why": why})
    return rows


def reading_row(key: str, outcome: Outcome) -> dict[str, Any]:
    """An outcome as a row of shards.READING."""
    return {
        "article_key": key,
        "digest": outcome.digest,
        "fate": outcome.fate,
        "why": outcome.why,
        "title": outcome.title,
        "parts": outcome.parts,
        "score": outcome.score,
        "charsets": outcome.charsets,
        "statuses": outcome.statuses,
    }


def outcome_of(row: Mapping[str, Any]) -> Outcome:
    """A row of shards.READING as the outcome of an article that is kept as it is."""
    return Outcome(
        row["digest"],
        row["fate"],
        row["why"],
        row["title"],
        tuple(row["charsets"]),
        tuple(row["statuses"]),
        tuple(row["parts"]),
        row["score"],
        kept=True,
    )


def table(name: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows as a table of records."""
    return pa.Table.from_pylist(list(rows), SCHEMAS[name])
