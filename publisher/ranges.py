"""Some columns of a Parquet file that lies elsewhere: what they take of it is fetched by ranges, into memory that Arrow owns.

Arrow could read through a file object of Python's, but it does so on threads of its own, and such a thread that is still letting go
of the object when the interpreter ends takes the process down with it (`terminate called without an active exception`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

FOOTER = 64 << 10  # bytes at the end that are fetched first; most footers lie in them
HOLE = 8 << 10  # bytes between two ranges that are fetched with them, rather than asking twice
_END = 8  # bytes behind the metadata: its length, and the magic number

ReadRange = Callable[[int, int], bytes]


def owned(data: bytes | memoryview) -> pa.Buffer:
    """A copy of bytes in memory that Arrow owns, so that its threads hold nothing of Python's."""
    room = pa.allocate_buffer(len(data))
    _bytes_of(room)[:] = np.frombuffer(data, np.uint8)
    return room


def fetched(read_range: ReadRange, size: int, columns: Sequence[str]) -> pa.Buffer:
    """A file in which the footer and all of these columns are, and nothing else: what is not fetched is zero.

    read_range: gives `length` bytes from `start` on. size: of the file, in bytes. columns: names of the schema; those that it has not are
    left out. Raises what read_range raises, ArrowException or ValueError when this is no Parquet file or its footer leads out of it.
    """
    room = pa.allocate_buffer(size)
    whole = _bytes_of(room)
    whole[:] = 0
    start = max(0, size - FOOTER)

    def fetch(begin: int, end: int) -> None:
        data = read_range(begin, end - begin)
        if len(data) != end - begin:
            raise ValueError(f"{len(data)} bytes came of {end - begin}")
        whole[begin:end] = np.frombuffer(data, np.uint8)

    fetch(start, size)
    length = int.from_bytes(whole[max(0, size - _END) :][:4].tobytes(), "little")
    if (begin := max(0, size - _END - length)) < start:
        fetch(begin, start)
        start = begin
    try:
        metadata = pq.read_metadata(pa.BufferReader(room))
    except OSError as e:  # so says pyarrow of a footer that it cannot make out
        raise ValueError(str(e)) from e
    for begin, end in _together(_chunks(metadata, frozenset(columns))):
        if not 0 <= begin <= end <= size:
            raise ValueError(f"its footer tells of bytes {begin} to {end} of {size}")
        if begin < (end := min(end, start)):
            fetch(begin, end)
    return room


def _chunks(metadata: pq.FileMetaData, columns: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Where the columns lie, by row group: the first byte, and that behind the last."""
    for g in range(metadata.num_row_groups):
        group = metadata.row_group(g)
        for c in range(group.num_columns):
            chunk = group.column(c)
            if chunk.path_in_schema.split(".")[0] in columns:
                first = chunk.data_page_offset
                if chunk.has_dictionary_page:
                    first = min(first, chunk.dictionary_page_offset)
                yield first, first + chunk.total_compressed_size


def _together(ranges: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in their order, those put into one between which there is a small hole."""
    out: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        if out and begin - out[-1][1] <= HOLE:
            out[-1] = out[-1][0], max(end, out[-1][1])
        else:
            out.append((begin, end))
    return out


def _bytes_of(room: pa.Buffer) -> npt.NDArray[np.uint8]:
    return np.frombuffer(room, np.uint8)
