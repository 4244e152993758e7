"""Parquet as versions have it: zstd level 3, a page index, a checksum a page, no pandas
metadata. The same rows give the same bytes.
"""

from __future__ import annotations

import contextlib

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["ROW_GROUP_ROWS", "encode", "encoded"]

ROW_GROUP_ROWS = 20_000
# Rows after which it is seen whether a page is full: with pyarrow's 1,024 a page of texts gets three times as long as it should.
_ROWS_AT_ONCE = 128
LEVEL = 3
# Columns (paths of leaves) whose values hardly ever repeat: a dictionary of them would be made, thrown away, and be in the way of who reads.
UNIQUE = frozenset(
    {
        "text",
        "speech_id",
        "page_url",
        "url",
        "key",
        "title",
        "title_raw",
        "text_sha256",
        "simtext_sha256",
        "html_sha256",
        "warc_offset",
        "warc_length",
        "outline.list.element.heading",
        "id",
        "old_sha256",
        "new_sha256",
        # these do repeat, but zstd sees that as well, and a dictionary of some small values is slower to write and to read, and no smaller
        "outline.list.element.level",
        "outline.list.element.marker",
        "outline.list.element.paragraph",
    }
)
# Hexadecimal digits: nothing repeats in them, and zstd, looking for it, takes three times as long and leaves more than when it hardly looks.
HEXADECIMAL = frozenset({"speech_id", "text_sha256", "simtext_sha256", "html_sha256", "old_sha256", "new_sha256"})
# Nobody asks for texts between two others, and a page's first and last of them would be copied whole into its index.
UNRANKED = frozenset({"text"})


def encode(table: pa.Table) -> bytes:
    """The table as one Parquet file."""
    return bytes(encoded(table))


def encoded(table: pa.Table, room: pa.Buffer | None = None) -> pa.Buffer:
    """As `encode`, without a copy. room: memory to write into where the file fits there (what is given back lies in it then): a buffer that
    grows is copied each time."""
    if room is not None:
        sink = pa.FixedSizeBufferWriter(room)
        with contextlib.suppress(pa.ArrowException, OSError):  # if it was not for want of room, it is told below
            _write(table, sink)
            return room.slice(0, sink.tell())
    sink = pa.BufferOutputStream()
    _write(table, sink)
    return sink.getvalue()


def _write(table: pa.Table, sink: pa.NativeFile) -> None:
    columns = _leaves(table.schema)
    pq.write_table(
        table.replace_schema_metadata(None),
        sink,
        use_dictionary=[n for n in columns if n not in UNIQUE],
        write_statistics=[n for n in columns if n not in UNRANKED],
        row_group_size=ROW_GROUP_ROWS,
        write_batch_size=_ROWS_AT_ONCE,
        compression="zstd",
        compression_level={n: 1 if n in HEXADECIMAL else LEVEL for n in columns},
        write_page_index=True,
        write_page_checksum=True,
    )


def _leaves(schema: pa.Schema) -> list[str]:
    """Paths of the columns as Parquet has them: a list of structs gives one a field."""
    out: list[str] = []

    def walk(path: str, dtype: pa.DataType) -> None:
        if pa.types.is_list(dtype) or pa.types.is_large_list(dtype):
            walk(f"{path}.list.element", dtype.value_type)
        elif pa.types.is_struct(dtype):
            for field in dtype:
                walk(f"{path}.{field.name}", field.type)
        else:
            out.append(path)

    for field in schema:
        walk(field.name, field.type)
    return out
