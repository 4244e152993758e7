"""Export a table as one file: CSV that is safe to open in a spreadsheet, JSON lines, or one Parquet file. In bounded memory.

CSV follows RFC 4180 in UTF-8: text is always quoted, a missing value is an empty field without quotes. A cell of text that a
spreadsheet would take for a formula gets an apostrophe in front, as the OWASP page on CSV injection says
(https://owasp.org/www-community/attacks/CSV_Injection): cells that begin with = + - @, tab, carriage return, line feed, or the full-width forms
of the four signs. Numbers and times are none of these. Lists and structs stand as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import IO, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from crawler.durable import writing
from crawler.errors import JianghuaError, UsageError
from publisher.reader import Dataset
from publisher.storage import ROW_GROUP_ROWS

Format = Literal["csv", "jsonl", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "jsonl", "parquet")
ENDINGS: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. to: the file, `-` for standard output."""

    to: str
    format: Format
    version: str
    table: str
    rows: int


def export(
    dataset: Dataset,
    to: str | Path = "-",
    format: Format | None = None,
    table: str = "speeches",
    columns: Iterable[str] | None = None,
    bom: bool = False,
    formulas: Literal["defuse", "keep"] = "defuse",
    watch: Callable[[int], object] | None = None,
) -> Exported:
    """Write a table of a version, filtered as the dataset was opened, to a file or to standard output (`-`).

    format: by the ending of the file when left out. columns: which ones, in this order. bom: begin CSV with a byte order mark, by
    which Excel knows UTF-8. formulas: `keep` leaves cells of CSV as they are, for programs. watch: told the rows written.

    A file is written beside and renamed when whole (what is no file, as a named pipe, is written to). Raises UsageError for what does not fit together, DamagedError for a damaged
    version, JianghuaError when the disk is full.
    """
    chosen = format or ENDINGS.get(Path(to).suffix.lower())
    if chosen not in FORMATS:
        raise UsageError(
            f"unknown format '{chosen}'" if chosen else "no format given",
            where=str(to),
            remedy="add --format csv, jsonl or parquet, or let the file's name end so",
        )
    if bom and chosen != "csv":
        raise UsageError(f"{chosen} has no byte order mark", remedy="leave --bom out")
    columns = None if columns is None else list(columns)
    if twice := [c for i, c in enumerate(columns or []) if c in (columns or [])[:i]]:
        raise UsageError(f"column '{twice[0]}' is named twice", remedy="name each column once")
    pieces = dataset.batches(table, columns, rows=2_500)
    first = next(pieces, None)
    if first is None:  # no rows pass: the columns alone
        schema = dataset.arrow(table, columns).schema
        batches: Iterator[pa.RecordBatch] = iter([])
    else:
        schema, batches = first.schema, chain([first], pieces)
    rows = 0

    def counted() -> Iterator[pa.RecordBatch]:
        nonlocal rows
        for batch in batches:
            yield batch
            rows += batch.num_rows
            if watch:
                watch(rows)

    with _target(to) as out:
        if chosen == "csv":
            write_csv(counted(), schema, out, bom, formulas == "defuse")
        elif chosen == "jsonl":
            write_jsonl(counted(), out)
        else:
            write_parquet(counted(), schema, out)
    return Exported(str(to), chosen, dataset.version, table, rows)


@contextmanager
def _target(to: str | Path) -> Iterator[IO[bytes]]:
    if str(to) != "-":
        with writing(Path(to)) as out:
            yield out
        return
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise  # whoever read it has seen enough
    except OSError as e:
        raise JianghuaError(
            f"the result cannot be written: {e.strerror or e}",
            where="standard output",
            remedy="make room on the disk that it goes to",
        ) from e


def write_csv(batches: Iterable[pa.RecordBatch], schema: pa.Schema, out: IO[bytes], bom: bool, defuse: bool) -> None:
    """Rows as CSV, see the module's text. Times are ISO 8601 with their zone, booleans true and false."""
    if bom:
        out.write(BOM)
    flat = pa.schema([pa.field(f.name, f.type if _plain(f.type) else pa.large_string()) for f in schema])
    with pa.csv.CSVWriter(pa.PythonFile(out, mode="w"), flat) as writer:
        for batch in batches:
            columns = [_cells(c, f.type, defuse) for c, f in zip(batch.columns, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=flat))


def _plain(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_boolean(dtype))


def _cells(column: pa.Array, dtype: pa.DataType, defuse: bool) -> pa.Array:
    """A column as it stands in CSV: numbers and booleans as they are, all else as text."""
    if _plain(dtype):
        return column
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        cells = column.cast(pa.large_string())
        if not defuse:
            return cells
        found = pc.match_substring_regex(cells, FORMULA)
        marked = pc.binary_join_element_wise(pa.scalar("'", pa.large_string()), cells, pa.scalar("", pa.large_string()))
        return pc.if_else(found, marked, cells)
    values = (plain(v) for v in column.to_pylist())
    texts = [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
    return pa.array(texts, pa.large_string())


def write_jsonl(batches: Iterable[pa.RecordBatch], out: IO[bytes]) -> None:
    """Rows as JSON lines in UTF-8: one object a row, times and dates in ISO 8601, what is missing as null."""
    for batch in batches:
        lines = [json.dumps(plain(row), ensure_ascii=False) + "\n" for row in batch.to_pylist()]
        out.write("".join(lines).encode())


def write_parquet(batches: Iterable[pa.RecordBatch], schema: pa.Schema, out: IO[bytes]) -> None:
    """Rows as one Parquet file, written as the parts of a version are (publisher.storage.encode)."""
    with pq.ParquetWriter(
        out, schema, compression="zstd", compression_level=3, write_page_index=True, write_page_checksum=True
    ) as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in batches:
            waiting.append(batch)
            if sum(b.num_rows for b in waiting) >= ROW_GROUP_ROWS:
                rows = pa.Table.from_batches(waiting)
                writer.write_table(rows.slice(0, ROW_GROUP_ROWS))
                waiting = rows.slice(ROW_GROUP_ROWS).to_batches()
        writer.write_table(pa.Table.from_batches(waiting, schema))


def plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value
