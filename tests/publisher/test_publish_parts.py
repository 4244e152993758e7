from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.errors import DamagedError
from publisher.manifest import Part, sha256
from publisher.pages import strings_at
from publisher.parquet import encode, encoded
from publisher.parts import PartStore
from publisher.storage import checked
from publisher.tables import SPEECHES
from publisher.taking import in_order
from tests.publisher.publisher_made import records, speech, text


def at(path: Path, column: str, rows: Sequence[int]) -> list[str] | None:
    with pq.ParquetFile(path) as file:
        return strings_at(path, file, column, rows)


LAYOUTS: list[dict[str, Any]] = [
    {},
    {"row_group_size": 7},
    {"write_statistics": False},
    {"use_dictionary": True},
    {"compression": "snappy"},
    {"write_page_checksum": False},
    {"data_page_version": "2.0"},
    {"column_encoding": {"text": "DELTA_LENGTH_BYTE_ARRAY"}},
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.text("国會a。", max_size=40)), min_size=1, max_size=60),
    st.booleans(),
    st.sampled_from(LAYOUTS),
    st.data(),
)
def test_strings_of_some_rows_are_those_that_the_reader_gives(
    values: list[str | None], never: bool, layout: dict[str, Any], data: st.DataObject
) -> None:
    if never:
        values = [v or "" for v in values]
    rows = sorted(data.draw(st.sets(st.integers(0, len(values) - 1), min_size=1)))
    schema = pa.schema([pa.field("n", pa.int32()), pa.field("text", pa.large_string(), nullable=not never)])
    table = pa.table([list(range(len(values))), values], schema)
    how = {"use_dictionary": False, "compression": "zstd", "write_page_checksum": True} | layout
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.parquet"
        pq.write_table(table, path, data_page_size=60, write_batch_size=4, **how)
        found = at(path, "text", rows)
        assert at(path, "n", rows) is None
        assert at(path, "other", rows) is None
    assert found in (None, [values[r] for r in rows])
    if layout in LAYOUTS[:3] and None not in values:
        assert found is not None


def part_of(folder: Path, rows: int) -> tuple[PartStore, Part, list[str]]:
    """A part of speeches, written by hand, and its texts."""
    table = in_order(records([speech("a", n, text(n, 30)) for n in range(rows)])["speeches"], SPEECHES)
    data = encode(table)
    (folder / "tables/speeches").mkdir(parents=True)
    (folder / "tables/speeches/part.parquet").write_bytes(data)
    part = Part(file="part.parquet", rows=rows, bytes=len(data), sha256=sha256(data), content_sha256="")
    return PartStore(folder), part, table["text"].to_pylist()


def test_one_text_is_read_without_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store, part, texts = part_of(tmp_path, 1500)
    read = 0
    plain = os.pread

    def counted(file: int, size: int, offset: int) -> bytes:
        nonlocal read
        found = plain(file, size, offset)
        read += len(found)
        return found

    monkeypatch.setattr("publisher.pages.os.pread", counted)
    for n in (0, 700, 1499):
        read = 0
        assert store.some("speeches", part, ["text"], np.array([n])).to_pydict() == {"text": [texts[n]]}
        assert 0 < read < part.bytes / 3
    assert store.some("speeches", part, ["text"], np.array([3, 1000]))["text"].to_pylist() == [texts[3], texts[1000]]


def test_a_damaged_byte_is_found_or_does_no_harm(tmp_path: Path) -> None:
    store, part, texts = part_of(tmp_path, 300)
    path = store.path("speeches", part)
    whole = path.read_bytes()
    group = pq.read_metadata(path).row_group(0)
    chunk = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "text")
    begin, end = chunk.data_page_offset, chunk.data_page_offset + chunk.total_compressed_size
    told = 0
    for place in [*range(begin, begin + 40), *range(begin + 40, end, (end - begin) // 40)]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            assert store.some("speeches", part, ["text"], np.array([150]))["text"].to_pylist() == [texts[150]]
        except DamagedError:
            told += 1
    assert told > 40


def test_the_bytes_of_a_part_are_the_same_wherever_there_is_room_for_them(tmp_path: Path) -> None:
    several = [in_order(records([speech("a", i) for i in range(n)])["speeches"], SPEECHES) for n in (300, 3, 40)]
    for rows in several:
        wanted = encode(rows)
        for size in (0, 100, len(wanted) - 1, len(wanted), 2 * len(wanted)):
            found = encoded(rows, pa.py_buffer(bytearray(b"x" * size)))
            assert bytes(found) == wanted
    store = PartStore(tmp_path)  # one that uses it again
    for rows in several:
        part = store.write("speeches", rows)
        assert store.path("speeches", part).read_bytes() == encode(rows)


def test_a_digest_that_is_itself_damaged_is_shown_whole() -> None:
    """Else the error would say that it is abc…, not abc…."""
    right = sha256(b"rows")
    for wrong in (right[:40] + "f" * 24, "0" * 64):
        with pytest.raises(DamagedError) as caught:
            checked(b"rows", wrong, "a file")
        ours, asked = caught.value.what.removeprefix("damaged file: its SHA-256 is ").split(", not ")
        assert ours != asked
        assert right.startswith(ours.rstrip("…"))
        assert wrong.startswith(asked.rstrip("…"))
