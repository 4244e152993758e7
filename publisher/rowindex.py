"""What a publish remembers of its parent version, so that its cost follows the change: a few dozen bytes a row instead of the rows.

For each table one index row a row, in the order of the version: its key, a digest of what makes it count as changed, the unit of
records that brought it, whether it was held, and a digest of the record that it was made of (r0, r1). For speeches also the facts that copies are told by. It is kept in
var/publish/DATASET/ and named by the parent's manifest; without it, or where it is damaged, it is made again from the parent's parts.

Each part of the version has a file of its own there, named by its digest, so that only the index of parts whose rows changed is written.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from crawler.durable import write_bytes
from publisher.layout import flat, keys
from publisher.manifest import sha256
from publisher.tables import TABLES, Table

log = logging.getLogger(__name__)

# 3: rows of pages that are gone are compared anew; 4: a file a part; 5: of sites that failed all is looked at anew; 6: a digest
FORMAT = 6
SEEDS = (20_240_115, 7)
FACTS = ("text_sha256", "simtext_sha256", "is_preview", "chars", "published_at")
NOT_HELD, HELD, CARRIED = 0, 1, 2  # held: its page could not be read; carried: its whole site failed
NO_UNIT = -1
_DIGITS = 20  # of a speech_id, behind its site and a colon

_BASE = [
    pa.field("key", pa.large_string()),
    pa.field("d0", pa.uint64()),
    pa.field("d1", pa.uint64()),
    pa.field("site", pa.string()),
    pa.field("unit", pa.int32()),
    pa.field("held", pa.int8()),
    pa.field("r0", pa.uint64()),
    pa.field("r1", pa.uint64()),
]


def ignored(table: Table) -> tuple[str, ...]:
    """Columns whose change alone does not change a row. `gone_since` counts: people want to see the flag."""
    return (*table.quiet, *(c for c in table.own if c != "gone_since"))


def compared(table: Table, names: Iterable[str]) -> list[str]:
    """Those of the columns that make a row count as changed. A text is compared by its digest, which stands beside it."""
    skip = {*table.key, *ignored(table), *(("text",) if "text_sha256" in table.schema.names else ())}
    return [n for n in names if n not in skip]


def digests(rows: pa.Table, columns: Sequence[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Two 64-bit digests a row of these columns: rows with both alike are taken for equal (chance of an error: 2^-128 a pair)."""
    if not columns or not rows.num_rows:
        return np.zeros(rows.num_rows, np.uint64), np.zeros(rows.num_rows, np.uint64)
    frame = pl.from_arrow(rows.select(list(columns)))
    assert isinstance(frame, pl.DataFrame)
    return tuple(frame.hash_rows(seed).to_numpy() for seed in SEEDS)  # type: ignore[return-value]


def page_codes(rows: pa.Table) -> npt.NDArray[np.uint64]:
    """A number a row that tells the page it stands on (site and address)."""
    return digests(rows, ("site", "page_url"))[0]


def schema_of(table: Table) -> pa.Schema:
    """The schema of the index of a table."""
    if table.name != "speeches":
        return pa.schema(_BASE)
    facts = [table.schema.field(n).with_nullable(True) for n in FACTS]
    return pa.schema([*_BASE, pa.field("page", pa.uint64()), *facts, pa.field("doc_type", pa.string())])


def sites_of(table: Table, rows: pa.Table) -> pa.Array:
    """The site of each row: its column, else what its speech_id begins with."""
    if "site" in rows.column_names:
        return flat(rows["site"]).cast(pa.string())
    ids = flat(rows["speech_id"])
    plain = ids.cast(pa.binary())
    behind = pc.binary_slice(plain, -_DIGITS - 1, None)
    if pc.all(pc.and_(pc.starts_with(behind, ":"), pc.equal(pc.count_substring(behind, ":"), 1))).as_py() is not False:
        return pc.binary_slice(plain, 0, -_DIGITS - 1).cast(pa.string())  # in half of the time
    return pc.replace_substring_regex(ids, r":[^:]*$", "")


def index_rows(table: Table, rows: pa.Table, unit: int, columns: Sequence[str], held: int = NOT_HELD) -> pa.Table:
    """The index of some rows. columns: those that are compared."""
    d0, d1 = digests(rows, columns)
    n = rows.num_rows
    unknown = pa.array(np.zeros(n, np.uint64))
    arrays = [
        keys(rows, table.key),
        pa.array(d0),
        pa.array(d1),
        sites_of(table, rows),
        pa.array(np.full(n, unit, np.int32)),
        pa.array(np.full(n, held, np.int8)),
        unknown,
        unknown,
    ]
    if table.name == "speeches":
        arrays += [pa.array(page_codes(rows)), *(flat(rows[f]) for f in (*FACTS, "doc_type"))]
    return pa.Table.from_arrays(arrays, schema=schema_of(table))


@dataclass(frozen=True, slots=True)
class Segment:
    """The index of one part of a table. rows: how many; file: where it is kept ("" where it is not); checksum: of that file (`checksum`);
    sha256: its digest, in place of it where an earlier program wrote it."""

    rows: int
    file: str = ""
    sha256: str = ""
    checksum: str = ""

    def whole(self, data: pa.Buffer | bytes) -> bool:
        """Whether these bytes are those of the file as it was written."""
        return checksum(data) == self.checksum if self.checksum else sha256(data) == self.sha256


@dataclass(slots=True)
class State:
    """What is known of a version.

    tables: the index of each; segments: of each the index of its parts, one after another. units: token of each unit of records that it was
    made of, by name; numbers: what `unit` in an index says for it. recipe: digest of all that is applied to rows between records and
    version. notes: what was counted of each unit; measures: of each part of speeches, by its digest (publisher/quality.py).
    """

    tables: dict[str, pa.Table]
    segments: dict[str, list[Segment]] = field(default_factory=dict)
    units: dict[str, str | None] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    recipe: str = ""
    notes: dict[str, Any] = field(default_factory=dict)
    measures: dict[str, Any] = field(default_factory=dict)


def of_pieces(pieces: Sequence[pa.Table], schema: pa.Schema, keys_at_once: bool = True) -> pa.Table:
    """An index of pieces that follow each other. Its keys lie in one piece with `keys_at_once`, for who looks for them again and again; the rest
    is not copied."""
    table = pa.concat_tables([schema.empty_table(), *pieces])
    return table.set_column(0, schema.field(0), flat(table["key"])) if keys_at_once else table


def segments_of(kept: Sequence[int | None], rows: Sequence[int], parent: Sequence[Segment]) -> list[Segment]:
    """The segments of a table in the next version. kept: of each of its parts which of the parent's it is, with an index that is the same;
    rows: how many each has."""
    return [Segment(n) if k is None or k >= len(parent) else parent[k] for k, n in zip(kept, rows, strict=True)]


def load(folder: Path, manifest_sha256: str) -> State | None:
    """The state kept of the version with this manifest, None when there is none that is whole and of this program."""
    try:
        kept = _read(folder / "state.json")
        if (kept["format"], kept["manifest"], kept["polars"]) != (FORMAT, manifest_sha256, pl.__version__):
            return None
        tables, segments = {}, {}
        for name, entries in kept["tables"].items():
            schema = schema_of(TABLES[name])
            segments[name] = [Segment(**e) for e in entries]
            pieces = []
            for segment in segments[name]:
                # mapped: what is kept of rows that stay is looked at where it lies, and copied only where it is needed in one piece
                data = pa.memory_map(f"{folder}/{segment.file}").read_buffer()
                if not segment.whole(data):
                    log.warning("%s is damaged and is made again", folder / segment.file)
                    return None
                pieces.append(pa.ipc.open_file(data).read_all())
                if pieces[-1].schema != schema or pieces[-1].num_rows != segment.rows:
                    return None
            tables[name] = of_pieces(pieces, schema)
        return State(tables, segments, kept["units"], kept["numbers"], kept["recipe"], kept["notes"], kept["measures"])
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def damage(folder: Path) -> str | None:
    """What is wrong with the state kept in `folder`, None when it is whole, or there is none that this program wrote."""
    path = folder / "state.json"
    try:
        if json.loads(path.read_bytes())["format"] != FORMAT:
            return None  # of another program: the next publish makes it anew
        for entry in _entries(path):
            if not Segment(**entry).whole((folder / entry["file"]).read_bytes()):
                return f"{entry['file']} is not as it was written"
    except FileNotFoundError as e:
        return None if e.filename == str(path) else f"{Path(e.filename).name} is missing"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"{path.name} cannot be understood"
    return None


def files(folder: Path) -> set[str]:
    """Names of the files beside state.json that it needs. Raises OSError, ValueError, KeyError, TypeError, AttributeError when it cannot
    be understood."""
    return {e["file"] for e in _entries(folder / "state.json")}


def _entries(path: Path) -> list[dict[str, Any]]:
    return [e for entries in _read(path)["tables"].values() for e in entries]


def _read(path: Path) -> dict[str, Any]:
    """What state.json tells. Raises OSError, ValueError, KeyError, TypeError when it is not as it was written, or no state at all."""
    data = path.read_bytes()
    kept: dict[str, Any] = json.loads(data)
    if kept["format"] == FORMAT and _sealed(data.rpartition(_SEAL)[0]) != data:
        raise ValueError("not as it was written")
    return kept


_SEAL = b', "sha256": "'


def _sealed(body: bytes) -> bytes:
    """A JSON object without its closing brace, closed by a digest of it."""
    return body + _SEAL + hashlib.sha256(body).hexdigest().encode() + b'"}'


def save(folder: Path, manifest_sha256: str, state: State) -> None:
    """Keep the state of a version; it takes the place of the one kept before. A memo only: an error here spoils nothing.

    Segments that are kept already are not written again. Until state.json is replaced all stays there that the one before needs.
    """
    there = {p.name for p in folder.glob("*.arrow")}
    entries: dict[str, list[dict[str, Any]]] = {}
    for name, rows in state.tables.items():
        entries[name] = []
        start = 0
        for segment in state.segments.get(name) or [Segment(rows.num_rows)]:
            if segment.file not in there:
                segment = _written(folder, name, rows.slice(start, segment.rows), there)
            entries[name].append({k: v for k, v in asdict(segment).items() if v != ""})
            start += segment.rows
    kept = {
        "format": FORMAT,
        "manifest": manifest_sha256,
        "polars": pl.__version__,
        "tables": entries,
        "units": state.units,
        "numbers": state.numbers,
        "recipe": state.recipe,
        "notes": state.notes,
        "measures": state.measures,
    }
    # for no one to read: without indents it is made in a tenth of the time
    write_bytes(folder / "state.json", _sealed(json.dumps(kept, ensure_ascii=False).encode()[:-1]))
    for old in there - {e["file"] for of in entries.values() for e in of}:
        (folder / old).unlink(missing_ok=True)
    for left in folder.glob(".*.tmp"):
        left.unlink(missing_ok=True)


def _written(folder: Path, name: str, rows: pa.Table, there: set[str]) -> Segment:
    """Keep the index of a part. there: names of the files that are kept; gets the one written."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows.combine_chunks())
    data = sink.getvalue()
    digest = checksum(data)
    file = f"{name}-{digest[:16]}.arrow"
    write_bytes(folder / file, data)  # also where one of this name is there: it may be damaged
    there.add(file)
    return Segment(rows.num_rows, file, checksum=digest)


_WIDTHS = (4096, 4093)  # words; a block that stands elsewhere by a multiple of the one does not by one of the other


def checksum(data: pa.Buffer | bytes) -> str:
    """Finds any flipped bit, any hole and any block in another's place, at the speed of memory: a memo of some hundred bytes a row is read whole for
    each version, however little changes. Bytes folded onto each other, in two widths, and the SHA-256 of that."""
    given = np.frombuffer(data, np.uint8)
    words = given[: len(given) // 8 * 8].view(np.uint64)
    digest = hashlib.sha256(f"{len(given)} ".encode() + given[len(words) * 8 :].tobytes())
    for width in _WIDTHS:
        even = len(words) // width * width
        digest.update(np.bitwise_xor.reduce(words[:even].reshape(-1, width), axis=0).tobytes())
        digest.update(words[even:].tobytes())
    return digest.hexdigest()


def rebuilt(parts: Callable[[str], Iterable[pa.Table]], names: dict[str, list[str]]) -> State:
    """The state of a version from its parts alone. parts: the rows of each part of a table, in order, with at least the columns
    asked for (`needed`); names: the columns of each table that the version has and that are compared.

    Where rows came from is not known then, so every unit is read again; nor is which rows were held.
    """
    tables, segments = {}, {}
    for name, columns in names.items():
        table = TABLES[name]
        pieces = [index_rows(table, rows, NO_UNIT, columns) for rows in parts(name)]
        tables[name] = of_pieces(pieces, schema_of(table))
        segments[name] = [Segment(p.num_rows) for p in pieces]
    return State(tables, segments)


def needed(table: Table, columns: Sequence[str]) -> list[str]:
    """The columns of a part that its index is made of."""
    more = (
        ["site", "page_url", *FACTS, "doc_type"]
        if table.name == "speeches"
        else ["site"]
        if "site" in table.schema.names
        else []
    )
    return list(dict.fromkeys([*table.key, *more, *columns]))
