"""What every document says of the dataset in the same words: names, licence, how it was made, what it cannot do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from crawler.records import Column
from crawler.wording import counted
from publisher.manifest import Manifest
from publisher.tables import TABLES, Table

CREATOR = "Jianghua contributors"
LANGUAGE = "zh"
SUMMARY = (
    "Chinese speech pages (讲话稿): speeches, addresses and party lectures as document sites publish them, one row a speech, "
    "with what the page says of it, where it was read, and which texts are copies of each other."
)
KEYWORDS = (
    "Chinese",
    "speech",
    "讲话稿",
    "political language",
    "government",
    "web corpus",
    "near duplicates",
    "Parquet",
)
LICENCE_NAME = "texts-belong-to-their-authors"
LICENCE_FILE = "LICENSE.md"
LICENCE = (
    "The texts belong to their authors and to the sites that publish them; this dataset grants no rights in them. "
    "Whether and how you may use them depends on the law where you are and on the terms of each site."
)
COLLECTION = (
    "Pages were fetched one after another from the sites named in sources.json, within robots.txt (RFC 9309) unless sources.json "
    "says otherwise for a site, with delays between requests, and kept as WARC records. Rules and a profile of each site take the "
    "speech out of the archived page; the same page and rules always give the same row. `provenance` names the response that a "
    "speech was read from by its digest."
)
LIMITS = (
    "Document sites copy from each other and change what they copy: names, places and numbers are often masked (XX, 某某), dates "
    "are the site's, not the speech's, and many texts are templates that nobody ever gave. Use `duplicates` to keep one copy.",
    "Many sites show only the beginning of a text; such rows have `is_preview`. `chars_declared` and `points_announced` tell, "
    "where a page does, how long the whole is.",
    "Columns about the speech (speaker, place, occasion, kind) are read by rules from title and text, not checked by people; "
    "null means that nothing was found, not that there is nothing.",
    "The sites are no sample of anything: kinds of speech, regions and years are as unequal as the sites are.",
)
PERSONAL = (
    "Speeches name people in public office, and some texts hold telephone numbers, addresses or other personal data that the site "
    "published; from schema 1.2.0 on `personal_data` names the kinds that rules found in a text. Do not use the dataset to find or "
    "profile persons. A text that should not be here can be taken down: ask whoever publishes this dataset, naming `speech_id` or "
    "`page_url`; the next version is without it, and old versions can be re-issued without it."
)
UPKEEP = (
    "A version never changes. A new one is published when the content changed; `changes.parquet` and CHANGES.md say what changed "
    "against its parent. A version whose folder is gone leaves a tombstone that says why."
)
_SIZES = (
    "n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B", "10B<n<100B", "100B<n<1T", "n>1T",
)  # fmt: skip


def title(manifest: Manifest) -> str:
    """The dataset's name for people."""
    return f"Jianghua {manifest.dataset} (讲话稿)"


def semver(version: str) -> str:
    """A version name as Semantic Versioning writes it: 2026-11-22.1 is 2026.11.22+1. Raises ValueError for another name."""
    m = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})\.(\d+)", version)
    if m is None:
        raise ValueError(f"no version name: {version!r}")
    return "{}.{}.{}+{}".format(*map(int, m.groups()))


def size_category(rows: int) -> str:
    """The size category that the Hugging Face Hub gives so many rows."""
    return _SIZES[min(max(0, len(str(rows)) - 3), len(_SIZES) - 1)]


def tables(manifest: Manifest) -> Iterator[tuple[Table, tuple[Column, ...]]]:
    """The tables of a version that this program knows, each with the columns that it has in the version's schema."""
    for name, table in TABLES.items():
        if name in manifest.tables:
            there = set(table.schema_in(manifest.schema_version).names)
            yield table, tuple(c for c in table.columns if c.name in there)


def citation(manifest: Manifest) -> str:
    """How to cite a version, as BibTeX."""
    m = manifest
    return (
        f"@misc{{jianghua_{m.dataset}_{re.sub('[^0-9]', '_', m.version)},\n"
        f"  title = {{{{Jianghua {m.dataset}: Chinese speech pages}}}},\n"
        f"  author = {{{{{CREATOR}}}}},\n"
        f"  year = {{{m.published_at:%Y}}},\n"
        f"  version = {{{m.version}}},\n"
        f"  note = {{Parquet dataset, {counted(m.tables['speeches'].rows, 'speech')}, schema {m.schema_version}}}\n"
        "}"
    )
