"""The published tables: their columns, types, meaning, keys and order. The one source of docs/dataset.md.

Columns that extraction writes are taken over from crawler/records.py; the publisher adds its own. One version has one
physical schema: times are stored as milliseconds (the coarsest unit that Parquet has), always whole seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa

from crawler.records import PAGE, PROVENANCE, SPEECH, STRINGS, Column

# What makes which number grow: publisher/contract.py. A column more is a new minor version, and stands in ADDED.
SCHEMA_VERSION = "1.2.0"
ADDED: dict[str, dict[str, tuple[str, ...]]] = {
    "1.1.0": {
        "speeches": ("script", "speech_score", "masks", "corrected"),
        "pages": ("is_speech", "speech_score"),
    },
    "1.2.0": {"speeches": ("personal_data",), "removed": ("text_sha256",)},
}


def number(schema_version: str) -> tuple[int, ...]:
    """A schema version as numbers, by which versions are ordered; () for what is none."""
    try:
        return tuple(int(n) for n in schema_version.split("."))
    except ValueError:
        return ()


def knows(schema_version: str) -> bool:
    """Whether this program knows the columns of a schema version: the present one, or an older one of the same major number."""
    mine, asked = number(SCHEMA_VERSION), number(schema_version)
    return len(asked) == 3 and asked[0] == mine[0] and asked <= mine


@dataclass(frozen=True)
class Table:
    """One published table.

    key: the columns that identify a row across versions.
    own: columns that the publisher fills from the parent version; they never make a row count as changed.
    made: columns that the publisher fills from what it did to the row; they count like those of the records.
    quiet: columns whose change alone does not rewrite a row (counters, and where a fact was read).
    content: whether a change in this table makes a new version. What is not content rides along with the next one.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    own: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    content: bool = True

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, as every Parquet file of the table has it."""
        return pa.schema([c.field for c in self.columns])

    def schema_in(self, schema_version: str) -> pa.Schema:
        """The Arrow schema that the table has in an older schema version (see `knows`): without what was added since."""
        then = number(schema_version)
        later = {n for v, tables in ADDED.items() if number(v) > then for n in tables.get(self.name, ())}
        return pa.schema([c.field for c in self.columns if c.name not in later])


def _physical(column: Column) -> Column:
    if pa.types.is_timestamp(column.type):
        return replace(column, type=pa.timestamp("ms", column.type.tz))
    return column


def _insert(columns: tuple[Column, ...], after: str, *new: Column) -> tuple[Column, ...]:
    at = next(i for i, c in enumerate(columns) if c.name == after) + 1
    return columns[:at] + new + columns[at:]


_REVISION = Column("revision", pa.int32(), "how many versions have changed this row, from 1; never falls")
_GONE_SINCE = Column(
    "gone_since",
    pa.timestamp("ms", "UTC"),
    "since when the page answers 404 or 410; set only where the site file says `gone: keep`",
    nullable=True,
)
_CORRECTED = Column(
    "corrected", STRINGS, "columns that a reviewed correction put right; empty where the row is as it was read"
)
_PERSONAL_DATA = Column(
    "personal_data",
    STRINGS,
    "kinds of personal data found in the text: mobile, id_number, email, qq, wechat; empty where none was found",
)
_FIRST_VERSION = Column("first_version", pa.string(), "the version in which this speech first appeared")

_SPEECHES = tuple(_physical(c) for c in SPEECH)
_SPEECHES = _insert(_SPEECHES, "parts", _REVISION)
_SPEECHES = _insert(_SPEECHES, "site_title", _GONE_SINCE)
_SPEECHES = _insert(_SPEECHES, "quality_flags", _CORRECTED, _PERSONAL_DATA)
_SPEECHES = (*_SPEECHES, _FIRST_VERSION)

SPEECHES = Table(
    "speeches",
    "one row a speech; a compilation page gives one row a part",
    _SPEECHES,
    key=("speech_id",),
    own=("revision", "gone_since", "first_version"),
    made=("corrected", "personal_data"),
    # a redesigned site tells the same date in another place; a score moves a little with every change of the rules
    quiet=("views", "published_from", "speech_score"),
)

DUPLICATES = Table(
    "duplicates",
    "speeches that have copies: one row a clustered speech",
    (
        Column("speech_id", pa.string(), "the speech"),
        Column(
            "cluster_id", pa.string(), "shared by all copies of one speech; made from the smallest speech_id among them"
        ),
        Column(
            "is_representative",
            pa.bool_(),
            "the copy to keep when one is wanted: whole before preview, then the longest, then the earliest published",
        ),
        Column(
            "jaccard",
            pa.float64(),
            "Jaccard similarity of character 5-grams of the folded text with the representative's, from 0 to 1",
        ),
        Column(
            "reason",
            pa.string(),
            "how the text relates to the representative's (the representative: to its nearest copy's): exact, mask_variant, "
            "script_variant or near",
        ),
    ),
    key=("speech_id",),
)

CONTAINED = Table(
    "contained",
    "speeches that stand in a longer one: a preview in the whole, a short speech in a long one; a relation, no cluster",
    (
        Column("speech_id", pa.string(), "the shorter speech"),
        Column(
            "container_id",
            pa.string(),
            "the longer speech; of several with the same folded text only the best",
        ),
        Column(
            "share", pa.float64(), "share of the shorter one's character 5-grams that the longer one has, from .9 to 1"
        ),
    ),
    key=("speech_id", "container_id"),
)

PROVENANCE_TABLE = Table(
    "provenance",
    "where a speech was read from: one row a response",
    tuple(_physical(c) for c in PROVENANCE),
    key=("speech_id", "ordinal"),
    content=False,
)

PAGES = Table(
    "pages",
    "every URL that the crawler met, with its fate",
    tuple(_physical(c) for c in PAGE),
    key=("site", "key"),
    content=False,
)

REMOVED = Table(
    "removed",
    "tombstones of speeches that were published once and are no more; without text",
    (
        Column("speech_id", pa.string(), "the speech"),
        Column("page_url", pa.string(), "address of its page"),
        Column("site", pa.string(), "name of the site file"),
        Column("part", pa.int16(), "number of the speech on its page, from 1"),
        Column("title", pa.string(), "its last title"),
        Column(
            "reason",
            pa.string(),
            "gone (404 or 410, confirmed), soft_404, moved, part_gone (the page holds fewer speeches now), "
            "no_longer_a_speech, disallowed, correction (a reviewed one says that it is no speech), taken_down (on request), unknown",
        ),
        Column("removed_in", pa.string(), "the first version without it"),
        Column("last_version", pa.string(), "the last version with it"),
        Column(
            "removed_at",
            pa.timestamp("ms", "UTC"),
            "the day that removed_in is named after (its midnight, UTC), whenever that day it was published; under schema 1.1.0 and before, the time",
        ),
        Column("first_version", pa.string(), "the version in which it first appeared"),
        Column("revision", pa.int32(), "its last revision; goes on counting if the speech comes back"),
        Column(
            "text_sha256",
            pa.string(),
            "SHA-256 of its last text, by which it gets its id back; null where it was taken down or is not known",
            nullable=True,
        ),
    ),
    key=("speech_id",),
)

TABLES: dict[str, Table] = {t.name: t for t in (SPEECHES, DUPLICATES, CONTAINED, PROVENANCE_TABLE, PAGES, REMOVED)}
CONTENT = tuple(t.name for t in TABLES.values() if t.content)


def type_name(dtype: pa.DataType) -> str:
    """The Arrow type as the data dictionary writes it, e.g. `list<string>` or `timestamp[ms, UTC]`."""
    if pa.types.is_list(dtype):
        return f"list<{type_name(dtype.value_type)}>"
    if pa.types.is_struct(dtype):
        return f"struct<{', '.join(f'{f.name} {type_name(f.type)}' for f in dtype)}>"
    if pa.types.is_timestamp(dtype):
        return f"timestamp[{dtype.unit}, {dtype.tz}]"
    return str(dtype).removesuffix("[day]")


def dictionary() -> str:
    """The data dictionary in Markdown: every table, every column (docs/dataset.md holds it between two marks)."""
    lines: list[str] = []
    for table in TABLES.values():
        lines += [f"### {table.name}", "", f"{table.description[0].upper()}{table.description[1:]}.", ""]
        lines += [f"Key: {', '.join(f'`{k}`' for k in table.key)}. "]
        lines[-1] += (
            "A change here makes a new version."
            if table.content
            else "A change here alone makes no version; it rides along with the next one."
        )
        lines += ["", "| column | type | null | meaning |", "| --- | --- | --- | --- |"]
        for c in table.columns:
            mark = " ●" if c.name in table.own else ""
            lines.append(
                f"| `{c.name}`{mark} | {type_name(c.type).replace('|', chr(92) + '|')} | {'yes' if c.nullable else ''} "
                f"| {c.description.replace('|', chr(92) + '|')} |"
            )
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"
