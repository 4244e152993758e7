"""Shards: extraction's records on disk, the durable hand-off from extract to publish.

    var/records/SITE/
      07.json                 pointer of bucket 07: which shard holds, of which input it was made, digest of each file
      07-3f2a…/               the shard, immutable: speeches, provenance, pages, readings, cuts, marks (.arrow)

The articles of a site are spread over BUCKETS buckets by a hash of their key; one bucket is one unit of work, rewritten whole
or not at all. A shard is written beside, renamed into place under the digest of its content, and then its pointer is
replaced: the pointer is the only commit point. The same rows give the same bytes, and a shard whose content did not change is not
touched. `readings` and `cuts` are extraction's own memory of what reading made of each article and of what it cut (see READING, CUT); the
other three are what the publisher takes; `marks` has a digest of each of their rows (see `Marks`), so that the publisher finds the few that changed
without reading the others.

The files are Arrow's own format, compressed with LZ4: a publish reads each row once and writes it as Parquet, and Parquet with zstd takes six times as long to
read, for half of the bytes. Shards that an earlier version wrote are Parquet (FORMAT 1), and stay so until something changes in them.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crawler import durable
from crawler.errors import DamagedError, JianghuaError, UsageError
from crawler.home import Home
from crawler.records import PAGE_SCHEMA, PROVENANCE_SCHEMA, SPEECH_SCHEMA, STRINGS, Column, schema

BUCKETS = 16
FORMAT = 2
_FORMS = {1: "parquet", 2: "arrow"}  # of the files, by the format of the pointer

_NUMBERS = pa.list_(pa.field("item", pa.int16(), nullable=False))
READING: tuple[Column, ...] = (
    Column("article_key", pa.string(), "key of the article's first page"),
    Column("digest", pa.string(), "digest of all that reading the article takes in; empty: to be read again"),
    Column("fate", pa.string(), "what reading made of it (records.Fate)"),
    Column("why", pa.string(), "the reason, for people", nullable=True),
    Column("title", pa.string(), "title of its first page", nullable=True),
    Column("parts", _NUMBERS, "part numbers of its speeches, in order"),
    Column("score", pa.float32(), "score of the verdict whether it is a speech", nullable=True),
    Column("charsets", STRINGS, "charset of each page read, in order"),
    Column("statuses", _NUMBERS, "HTTP status of each page read, in order"),
)
READING_SCHEMA = schema(READING)

CUT: tuple[Column, ...] = (
    Column("article_key", pa.string(), "key of the article's first page"),
    Column("order", pa.int16(), "number of the cut within its article, from 1, in the order in which reading cut"),
    Column(
        "page", pa.int16(), "number of the in-article page that the text stood on, among those that were read, from 1"
    ),
    Column("rule", pa.string(), "the rule that cut it: file.group.id of the rules, or the name of a step of reading"),
    Column("text", pa.string(), "what was cut; a long text is kept with its first characters"),
    Column("chars", pa.int32(), "characters of the whole text without white space"),
)
CUT_SCHEMA = schema(CUT)

SCHEMAS: dict[str, pa.Schema] = {
    "speeches": SPEECH_SCHEMA,
    "provenance": PROVENANCE_SCHEMA,
    "pages": PAGE_SCHEMA,
    "readings": READING_SCHEMA,
    "cuts": CUT_SCHEMA,
}
# What identifies a row of the tables that the publisher takes.
KEYS: dict[str, tuple[str, ...]] = {
    "speeches": ("speech_id",),
    "provenance": ("speech_id", "ordinal"),
    "pages": ("site", "key"),
}
MARKS = "marks.arrow"
# Of the rows of a shard one in so many at most may be fresh (not in the shard that it replaced) for them to be kept apart as well.
FEW = 8
_AT = "__row"
_FACTS = b"facts"  # in the metadata of marks: textfacts.version() of what they tell
_GONE = pa.schema([pa.field("table", pa.string()), pa.field("key", pa.large_string())])
MARKS_SCHEMA = pa.schema(
    [
        pa.field("table", pa.string(), nullable=False),
        pa.field("key", pa.large_string(), nullable=False),  # of several columns joined by \x1f
        pa.field(
            "day", pa.int64()
        ),  # published_at of the speech that the row belongs to, in ms; null where there is none
        pa.field(
            "high", pa.uint64(), nullable=False
        ),  # digest of the row without its text, which has one of its own in it
        pa.field("low", pa.uint64(), nullable=False),
        pa.field("facts", pa.uint8(), nullable=False),  # what its words are like (crawler/textfacts.py)
    ]
)
COLUMNS = hashlib.sha256("\n".join(f"{n} {t.to_string()}" for n, t in SCHEMAS.items()).encode()).hexdigest()[:16]
SORT: dict[str, list[tuple[str, str]]] = {
    "speeches": [("page_url", "ascending"), ("part", "ascending"), ("speech_id", "ascending")],
    "provenance": [("speech_id", "ascending"), ("ordinal", "ascending")],
    "pages": [("key", "ascending")],
    "readings": [("article_key", "ascending")],
    "cuts": [("article_key", "ascending"), ("order", "ascending")],
}


def speech_id(site: str, key: str, part: int) -> str:
    """The stable id of a speech, `SITE:` and 20 hex digits: from the site's name, the key of the article's first page
    (canonical path and query) and the part, never from the text, the host or the port."""
    digest = hashlib.sha256("\0".join((site, key, str(part))).encode()).hexdigest()
    return f"{site}:{digest[:20]}"


def bucket_of(article_key: str) -> int:
    """The bucket, 0 to BUCKETS-1, that an article belongs to."""
    return int.from_bytes(hashlib.sha256(article_key.encode()).digest()[:4], "big") % BUCKETS


@dataclass(frozen=True, slots=True)
class Shard:
    """A committed shard, as its pointer says.

    input: digest of the input it was made of. files: by table name its sha256 (hex), bytes and rows. counts: pages by fate.
    complete: False when an archived record could not be read, so that the same input is tried again. marks: SHA-256 of its marks, None in a
    shard written before there were any. form: of its files, `arrow` or `parquet`.
    """

    site: str
    bucket: int
    folder: Path
    input: str
    files: Mapping[str, Mapping[str, Any]]
    counts: Mapping[str, int] = field(default_factory=dict)
    complete: bool = True
    marks: str | None = None
    form: str = _FORMS[FORMAT]

    def path(self, table: str) -> Path:
        """The file of a table."""
        return self.folder / f"{table}.{self.form}"


def _name(bucket: int) -> str:
    return f"{bucket:02x}"


def pointer_path(home: Home, site: str, bucket: int) -> Path:
    """The pointer file of a bucket."""
    return home.records(site) / f"{_name(bucket)}.json"


def _damaged(path: Path, what: str) -> DamagedError:
    return DamagedError(what, where=str(path), remedy="run `jianghua extract` again: it makes the shard anew")


def read_pointer(home: Home, site: str, bucket: int) -> Shard | None:
    """The committed shard of a bucket, or None when it has none. Raises DamagedError when the pointer cannot be read."""
    path = pointer_path(home, site, bucket)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["format"] not in _FORMS:
            raise _damaged(path, f"the pointer has an unknown format ({value['format']})")
        if value["columns"] != COLUMNS:
            raise _damaged(path, "the shard was made by another version, with other columns")
        folder = str(value["shard"])
        if not re.fullmatch(r"[0-9a-f]{2}-[0-9a-f]{16}", folder) or set(value["files"]) != set(SCHEMAS):
            raise _damaged(path, "the pointer does not name a shard")
        return Shard(
            site, bucket, path.parent / folder, value["input"], value["files"], value["counts"], value["complete"],
            value.get("marks"), _FORMS[value["format"]],
        )  # fmt: skip
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise _damaged(path, f"the pointer cannot be read: {e}") from None


def committed(home: Home, site: str) -> list[Shard]:
    """All committed shards of a site, by bucket; empty when it was never extracted. Raises DamagedError."""
    return [s for b in range(BUCKETS) if (s := read_pointer(home, site, b)) is not None]


def extracted_sites(home: Home) -> list[str]:
    """The names of the sites that have records."""
    folder = home.var / "records"
    return sorted(p.name for p in folder.iterdir() if any(p.glob("*.json"))) if folder.is_dir() else []


def verify(shard: Shard, tables: Iterable[str] = tuple(SCHEMAS)) -> None:
    """Read every file of a shard (or those of `tables`) and compare it with the pointer. Raises DamagedError naming the first that differs."""
    for table in tables:
        path = shard.path(table)
        try:
            with path.open("rb") as f:
                digest = hashlib.file_digest(f, "sha256").hexdigest()
        except OSError as e:
            raise _damaged(path, f"a file of the shard cannot be read: {e.strerror or e}") from None
        if digest != shard.files[table]["sha256"]:
            raise _damaged(path, "a file of the shard is not what was written (its SHA-256 differs)")


def read_table(shard: Shard, table: str, columns: list[str] | None = None) -> pa.Table:
    """A table of a shard (`speeches`, `provenance`, `pages`, `readings` or `cuts`), checked against the pointer's SHA-256.

    Raises DamagedError. A shard that extraction replaced meanwhile is gone as well: take `committed` again.
    """
    path = shard.path(table)
    try:
        data = path.read_bytes()
    except OSError as e:
        raise _damaged(path, f"a file of the shard cannot be read: {e.strerror or e}") from None
    if hashlib.sha256(data).hexdigest() != shard.files[table]["sha256"]:
        raise _damaged(path, "a file of the shard is not what was written (its SHA-256 differs)")
    return decoded(pa.BufferReader(data), table, shard.form, columns)


def decoded(file: pa.NativeFile, table: str, form: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a file of a shard. form: as of Shard; columns: only these, of those that it has.

    Raises what pyarrow raises for a file that is none; whether it is the one that was written, its SHA-256 tells.
    """
    if form == "parquet":
        with pq.ParquetFile(file, page_checksum_verification=True, pre_buffer=False) as reader:
            found = reader.read(columns=None if columns is None else list(columns), use_threads=False)
        # Parquet knows no seconds: timestamps come back in milliseconds
        return found.cast(pa.schema([SCHEMAS[table].field(name) for name in found.column_names]))
    options = pa.ipc.IpcReadOptions(use_threads=False)
    if columns is not None:
        names = pa.ipc.open_file(file).schema.names
        wanted = [names.index(c) for c in columns if c in names]
        options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=wanted)
    found = pa.ipc.open_file(file, options=options).read_all()
    return found if columns is None else found.select([c for c in columns if c in found.column_names])


def read_records(
    home: Home, site: str, table: str, columns: list[str] | None = None, bucket: int | None = None
) -> pa.Table:
    """A table of all shards of a site, one after the other; empty when there are none. Raises DamagedError.

    columns: only these; bucket: only the shard of this one.

    May run beside an extraction: a shard replaced between reading its pointer and its file is looked up again.
    """
    tables = []
    for number in range(BUCKETS) if bucket is None else (bucket,):
        for attempt in range(5):
            shard = read_pointer(home, site, number)
            if shard is None:
                break
            try:
                tables.append(read_table(shard, table, columns))
                break
            except DamagedError:
                if attempt == 4 or read_pointer(home, site, number) == shard:
                    raise
    if tables:
        return pa.concat_tables(tables)
    empty = SCHEMAS[table].empty_table()
    return empty.select(columns) if columns else empty


def _encoded(table: pa.Table, schema: pa.Schema) -> bytes:
    """The file of a table: the same rows give the same bytes."""
    rows = table if table.schema.equals(schema) else table.cast(schema)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    with pa.ipc.new_file(sink, schema, options=options) as writer:
        writer.write_table(rows.replace_schema_metadata(None).combine_chunks())
    return bytes(sink.getvalue())


def write_shard(
    home: Home, site: str, bucket: int, tables: Mapping[str, pa.Table], *, input_digest: str, complete: bool = True
) -> Shard:
    """Commit the rows of a bucket: sort, write beside, fsync, rename, replace the pointer, sweep what it replaced.

    tables: one of each name in SCHEMAS, in any order of rows. Nothing is written where the same content already stands.
    Raises JianghuaError when the disk is full; what was committed before then still holds.
    """
    root = home.records(site)
    in_order = {name: tables[name].sort_by(SORT[name]) for name in SCHEMAS}
    data = {name: _encoded(rows, SCHEMAS[name]) for name, rows in in_order.items()}
    marked = _marks(in_order)
    marks = _arrow_file(marked)
    files = {
        name: {"sha256": hashlib.sha256(b).hexdigest(), "bytes": len(b), "rows": tables[name].num_rows}
        for name, b in data.items()
    }
    content = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
    folder = root / f"{_name(bucket)}-{content}"
    fates = tables["pages"].column("fate").value_counts().to_pylist()
    counts = {v["values"]: v["counts"] for v in sorted(fates, key=lambda v: str(v["values"]))}
    shard = Shard(site, bucket, folder, input_digest, files, counts, complete, hashlib.sha256(marks).hexdigest())
    before = _known(home, site, bucket)
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not _holds(shard):
            _put(folder, data | {MARKS: marks})
        elif not (folder / MARKS).is_file() or (folder / MARKS).read_bytes() != marks:
            durable.write_bytes(folder / MARKS, marks)
        if before is not None and before.folder != folder and (fresh := _fresh(before, in_order, marked)):
            fresh_path(home, shard).parent.mkdir(parents=True, exist_ok=True)
            durable.write_bytes(fresh_path(home, shard), fresh)
    except OSError as e:
        raise durable.cannot_write(folder, e) from e
    pointer = {
        "format": FORMAT,
        "columns": COLUMNS,
        "shard": folder.name,
        "input": input_digest,
        "files": files,
        "counts": counts,
        "complete": complete,
        "marks": shard.marks,
    }
    if not _same(home, shard):
        durable.write_json(pointer_path(home, site, bucket), pointer)
    sweep(root, bucket, keep=folder.name)
    _sweep_fresh(home, site, bucket, keep=folder.name)
    return shard


def fresh_path(home: Home, shard: Shard) -> Path:
    """Where the rows of a shard are kept that were not in the one before. A memo: it may be removed at any time."""
    return home.var / "fresh" / shard.site / f"{shard.folder.name}.arrows"


def _known(home: Home, site: str, bucket: int) -> Shard | None:
    try:
        return read_pointer(home, site, bucket)
    except DamagedError:
        return None


@dataclass(frozen=True, slots=True)
class ShardChange:
    """What a shard has otherwise than the one that it replaced.

    before: the name of that one's folder. were: its rows, by table. tables: of each table of KEYS the rows that are new or changed, and the
    pages of those speeches; numbers: which rows of the shard these are, ascending. marks: their marks by table (MARKS_SCHEMA), and in `known`
    whether the shard before has a row with the same key. gone: keys of the rows that it has and this one has not, by table.
    """

    before: str
    were: Mapping[str, int]
    tables: Mapping[str, pa.Table]
    numbers: Mapping[str, pa.ChunkedArray]
    marks: Mapping[str, pa.Table]
    gone: Mapping[str, pa.Array]

    def rows(self, table: str) -> int:
        """How many rows the shard has."""
        new = pc.sum(pc.invert(self.marks[table]["known"]), min_count=0).as_py()
        return int(self.were.get(table, 0) + new - len(self.gone[table]))


def _fresh(before: Shard, tables: Mapping[str, pa.Table], marks: pa.Table) -> bytes | None:
    """The file of a ShardChange: the SHA-256 of what follows, then an Arrow stream with the marks, one with the keys that are gone and one a
    table of KEYS. None where too many rows are new or changed, or where it cannot be told."""
    try:
        old = read_marks(before, before.folder / MARKS)
    except DamagedError:
        return None
    if old is None:
        return None
    were, are = _by_key(old), _by_key(marks)
    if len(are) < marks.num_rows:
        return None  # rows that share a key; publishing will say so
    keyed = [*are]
    start = dict(zip(KEYS, accumulate((tables[n].num_rows for n in KEYS), initial=0), strict=False))
    new = {i for i, mark in enumerate(keyed) if were.get(mark) != are[mark]}
    # whether a speech's page is gone is told by that page's row alone
    of_speeches = tables["speeches"]["page_url"].to_pylist()
    urls = {of_speeches[i] for i in new if i < start["provenance"]}
    new |= {start["pages"] + i for i, url in enumerate(tables["pages"]["url"].to_pylist()) if url in urls}
    if len(new) * FEW > marks.num_rows:
        return None
    rows_of = sorted(new)
    told = marks.take(pa.array(rows_of, pa.int64()))
    told = told.append_column("known", pa.array([keyed[i] in were for i in rows_of], pa.bool_()))
    more = {"before": before.folder.name, "were": json.dumps(Counter(t for t, _ in were))}
    told = told.replace_schema_metadata({**(marks.schema.metadata or {}), **more})
    gone = [mark for mark in were if mark not in are]
    sink = pa.BufferOutputStream()
    parts = [told, pa.table({"table": [t for t, _ in gone], "key": [k for _, k in gone]}, schema=_GONE)]
    for name, first in start.items():
        rows = tables[name]
        at = pa.array([i - first for i in rows_of if first <= i < first + rows.num_rows], pa.int64())
        parts.append(rows.cast(SCHEMAS[name]).take(at).append_column(_AT, at))
    for part in parts:
        with pa.ipc.new_stream(sink, part.schema) as writer:
            writer.write_table(part)
    body = bytes(sink.getvalue())
    return hashlib.sha256(body).digest() + body


def _by_key(marks: pa.Table) -> dict[tuple[str, str], tuple[int, int]]:
    """The digest of each row, by table and key."""
    columns = (marks[c].to_pylist() for c in ("table", "key", "high", "low"))
    return {(table, key): (high, low) for table, key, high, low in zip(*columns, strict=True)}


def read_fresh(path: Path) -> ShardChange | None:
    """What a shard has otherwise than the one before, None where it was not kept."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        return None
    source = pa.BufferReader(pa.py_buffer(data).slice(32))
    marks = pa.ipc.open_stream(source).read_all()
    if (told := marks.schema.metadata) is None or b"before" not in told:
        return None  # kept by an earlier version, which told less
    marks = _of_today(marks)
    gone = pa.ipc.open_stream(source).read_all()
    rows = {name: pa.ipc.open_stream(source).read_all() for name in KEYS}
    first = dict(zip(KEYS, accumulate((r.num_rows for r in rows.values()), initial=0), strict=False))
    none = pa.array([], pa.large_string())
    return ShardChange(
        told[b"before"].decode(),
        json.loads(told[b"were"]),
        {n: r.remove_column(r.num_columns - 1) for n, r in rows.items()},
        {n: r.column(r.num_columns - 1) for n, r in rows.items()},
        {n: marks.slice(first[n], r.num_rows) for n, r in rows.items()},
        {n: gone.filter(pc.equal(gone["table"], n))["key"].combine_chunks() if gone.num_rows else none for n in KEYS},
    )


def _sweep_fresh(home: Home, site: str, bucket: int, keep: str | None) -> None:
    for path in (home.var / "fresh" / site).glob(f"*{_name(bucket)}-*"):
        if path.name != f"{keep}.arrows":
            path.unlink(missing_ok=True)


def _marks(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Marks of the rows of the tables that the publisher takes, in their order."""
    speeches, pages = tables["speeches"], tables["pages"]
    days = {
        i: None if at is None else int(at.timestamp() * 1000)
        for i, at in zip(speeches["speech_id"].to_pylist(), speeches["published_at"].to_pylist(), strict=True)
    }
    of_page = dict(zip(speeches["page_url"].to_pylist(), speeches["speech_id"].to_pylist(), strict=True))
    gone = dict(zip(pages["url"].to_pylist(), pages["gone_since"].to_pylist(), strict=True))
    from crawler import textfacts  # whoever only reads records does without its patterns

    out: list[dict[str, Any]] = []
    facts = [
        textfacts.of_speeches(speeches),
        np.zeros(tables["provenance"].num_rows, np.uint8),
        textfacts.of_pages(pages),
    ]
    for name, columns in KEYS.items():
        for row in tables[name].drop_columns([c for c in ("text",) if c in tables[name].column_names]).to_pylist():
            if name == "speeches":  # whether its page is gone is told in its row
                row["gone_since"] = gone.get(row["page_url"])
            digest = hashlib.blake2b(repr(list(row.items())).encode("utf-8", "surrogatepass"), digest_size=16).digest()
            speech = row.get("speech_id") or of_page.get(row["url"])
            out.append(
                {
                    "table": name,
                    "key": "\x1f".join(str(row[c]) for c in columns),
                    "day": days.get(speech),
                    "high": int.from_bytes(digest[:8], "big"),
                    "low": int.from_bytes(digest[8:], "big"),
                    "facts": 0,
                }
            )
    marks = pa.Table.from_pylist(out, schema=MARKS_SCHEMA).combine_chunks()
    marks = marks.set_column(len(MARKS_SCHEMA) - 1, MARKS_SCHEMA.field("facts"), pa.array(np.concatenate(facts)))
    return marks.replace_schema_metadata({_FACTS: textfacts.version()})


def _arrow_file(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def read_marks(shard: Shard, path: Path) -> pa.Table | None:
    """The marks of a shard in the file `path` (MARKS_SCHEMA), None where it has none. Raises DamagedError."""
    if shard.marks is None:
        return None
    try:
        data = path.read_bytes()
    except OSError as e:
        raise _damaged(path, f"a file of the shard cannot be read: {e.strerror or e}") from None
    if hashlib.sha256(data).hexdigest() != shard.marks:
        raise _damaged(path, "a file of the shard is not what was written (its SHA-256 differs)")
    return _of_today(pa.ipc.open_file(pa.BufferReader(data)).read_all())


def _of_today(marks: pa.Table) -> pa.Table:
    """Marks with facts that hold: what other rules told is unknown."""
    from crawler import textfacts

    told = (marks.schema.metadata or {}).get(_FACTS)
    at = marks.schema.get_field_index("facts")
    if at >= 0 and told == textfacts.version().encode():
        return marks
    field = MARKS_SCHEMA.field("facts")
    unknown = pa.array(np.full(marks.num_rows, textfacts.UNKNOWN, np.uint8))
    return marks.set_column(at, field, unknown) if at >= 0 else marks.add_column(len(MARKS_SCHEMA) - 1, field, unknown)


def _holds(shard: Shard) -> bool:
    try:
        verify(shard)
    except DamagedError:
        return False
    return True


def _same(home: Home, shard: Shard) -> bool:
    try:
        return read_pointer(home, shard.site, shard.bucket) == shard
    except DamagedError:
        return False


def _put(folder: Path, data: Mapping[str, bytes]) -> None:
    """Write the files into a new folder and rename it into place; a damaged one that stands there makes way."""
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name[:2]}-", suffix=".tmp", dir=folder.parent))
    try:
        beside.chmod(0o755)
        for name, content in data.items():
            with (beside / (name if name == MARKS else f"{name}.{_FORMS[FORMAT]}")).open("wb") as f:
                f.write(content)
                f.flush()
                os.fsync(f.fileno())
        durable.fsync_folder(beside)
        if folder.exists():
            folder.rename(Path(tempfile.mkdtemp(prefix=f".{folder.name[:2]}-", suffix=".tmp", dir=folder.parent)) / "x")
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    durable.fsync_folder(folder.parent)


def drop_shard(home: Home, site: str, bucket: int) -> None:
    """Take a bucket's records away: pointer first, then its files. No error when there are none."""
    try:
        pointer_path(home, site, bucket).unlink(missing_ok=True)
    except OSError as e:
        raise durable.cannot_write(pointer_path(home, site, bucket), e) from e
    sweep(home.records(site), bucket, keep=None)
    _sweep_fresh(home, site, bucket, keep=None)


def sweep(root: Path, bucket: int, *, keep: str | None) -> None:
    """Remove the folders of a bucket that no pointer names: replaced shards and what a kill left half written."""
    name = _name(bucket)
    for path in [*root.glob(f"{name}-*"), *root.glob(f".{name}-*.tmp"), *root.glob(f".{name}.json.*.tmp")]:
        if path.is_dir() and path.name != keep:
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_file():
            path.unlink(missing_ok=True)


@contextmanager
def locked(home: Home, site: str) -> Iterator[None]:
    """Hold a site's records against a second extraction; the lock ends with the process, however it ends.

    Raises UsageError when another process holds it.
    """
    root = home.records(site)
    path = root / ".lock"
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = path.open("a")
    except OSError as e:
        raise durable.cannot_write(path, e) from e
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another extraction of '{site}' is running",
                where=str(path),
                remedy="wait until it has ended, or end it; nothing is lost by that",
            ) from None
        except OSError as e:
            raise JianghuaError(f"cannot lock the records: {e.strerror}", where=str(path)) from e
        yield
