"""Rows on their way to their parts: kept in memory while they are few, in files by destination when they are many.

A publish reads its records unit by unit and writes its version part by part; between the two every row is filed under its
place in the version. What does not fit into memory goes to one file a range of places, so that a part can be made from one or two.
Texts are nine tenths of the bytes. They have files of their own, into which the system takes them from where they lie, and are copied once more,
out of these files in the order of their part.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crawler.durable import cannot_write
from crawler.textbuffers import Values, joined, values_of

RANGE = 10_000  # places a file: some 30 MB of speeches
MEMORY = 96 << 20  # bytes that are kept in memory
LOADED = 3  # files that are open for reading at once
PLACE, START, BYTES = "__place", "__start", "__bytes"
LONG = "text"  # the column that has a file of its own
_BUFFER = 64 << 10  # bytes a file that is written: a column of a few rows is some hundred
_AT_ONCE = 1_000  # slices that the system takes in one call (IOV_MAX is 1024)

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Filed:
    """Rows by place, ascending. rest: their columns but LONG; long: the values of LONG."""

    places: Places
    rest: pa.Table
    long: Values | None

    def some(self, at: Places, schema: pa.Schema) -> pa.Table:
        """Some of the rows, by their numbers."""
        if len(at) and (np.diff(at) == 1).all():  # as when a part is made of new rows
            rest = self.rest.slice(int(at[0]), len(at))
        else:
            rest = self.rest.take(pa.array(at))
        if self.long is None:
            return rest
        long = joined(self.long, at, schema.field(LONG).type)
        return pa.Table.from_arrays([long if n == LONG else rest[n] for n in schema.names], schema=schema)


class Spill:
    """Rows of one table by place. `add` them all, then `take` them."""

    def __init__(self, schema: pa.Schema, folder: Path, memory: int = MEMORY) -> None:
        self.schema = schema
        self._rest = pa.schema([f for f in schema if f.name != LONG])
        self._folder = folder
        self._memory = memory
        self._bytes = 0
        self._waiting: list[tuple[pa.Table, Places]] = []  # without LONG
        self._long: list[pa.ChunkedArray] = []  # of those that wait, while it is in memory
        self._outside = False  # whether LONG goes to files at once
        self._sizes: dict[int, int] = {}  # bytes of LONG in each file
        self._files: dict[int, pa.RecordBatchStreamWriter] = {}
        self._sinks: dict[int, pa.NativeFile] = {}
        self._kept: _Filed | None = None
        self._loaded: OrderedDict[int, _Filed] = OrderedDict()
        self.rows = 0

    def add(self, rows: pa.Table, places: Places) -> None:
        """File rows under their places (not negative, no two alike). Raises JianghuaError when the disk is full."""
        if not rows.num_rows:
            return
        self.rows += rows.num_rows
        long = rows[LONG] if LONG in rows.column_names else None
        rest = rows if long is None else rows.drop_columns([LONG])
        try:
            if long is not None and self._outside:
                # at once, so that the memory of a batch is there for the next one
                rest = self._with_long_outside(rest, long, places)
            elif long is not None:
                self._long.append(long)
                self._bytes += long.nbytes
            self._waiting.append((rest, places))
            self._bytes += rest.nbytes
            if not self._outside and self._bytes > self._memory:
                self._outside = True
                if self._long:
                    held = zip(self._waiting, self._long, strict=True)
                    self._waiting = [(self._with_long_outside(r, x, p), p) for (r, p), x in held]
                    self._long.clear()
                    self._bytes = sum(r.nbytes for r, _ in self._waiting)
            # a flush needs room for two copies of what it writes
            if self._outside and self._bytes > self._memory // 2:
                self._flush()
        except OSError as e:
            raise cannot_write(self._folder, e) from e

    def _with_long_outside(self, rest: pa.Table, long: pa.ChunkedArray, places: Places) -> pa.Table:
        """Rows with the place of their LONG in the file of their range, to which it is written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        values = values_of(long)
        lengths = values.high - values.low
        low = np.zeros(len(places), np.int64)
        order = np.argsort(places // RANGE, kind="stable")
        for number, here in _runs(places[order] // RANGE):
            mine = order[here]
            size = self._sizes.get(number, 0)
            ends = size + np.cumsum(lengths[mine])
            low[mine] = ends - lengths[mine]
            _append(self._path(number, LONG), values.slices(mine))
            self._sizes[number] = int(ends[-1])
        return rest.append_column(START, pa.array(low)).append_column(BYTES, pa.array(lengths))

    def _gather(self) -> _Filed:
        """All rows that wait, by place."""
        if not self._waiting:
            return _Filed(np.zeros(0, np.int64), self._rest.empty_table(), None)
        filed = _filed(
            pa.concat_tables([rows for rows, _ in self._waiting]),
            np.concatenate([places for _, places in self._waiting]),
            values_of(pa.chunked_array([c for x in self._long for c in x.chunks])) if self._long else None,
        )
        self._waiting.clear()
        self._long.clear()
        self._bytes = 0
        return filed

    def _flush(self) -> None:
        """Write what waits to the files of its ranges: one piece a file, since small ones cost as much as large ones."""
        filed = self._gather()
        for number, here in _runs(filed.places // RANGE):
            rows = filed.rest.slice(here.start, here.stop - here.start)
            rows = rows.append_column(PLACE, pa.array(filed.places[here]))
            if number not in self._files:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._sinks[number] = pa.BufferedOutputStream(pa.OSFile(str(self._path(number)), "wb"), _BUFFER)
                self._files[number] = pa.ipc.new_stream(self._sinks[number], rows.schema)
            self._files[number].write_table(rows)

    def _path(self, number: int, suffix: str = "arrows") -> Path:
        return self._folder / f"{number}.{suffix}"

    def finish(self) -> None:
        """No more rows will come."""
        if not self._outside:
            self._kept = self._gather()
            return
        try:
            self._flush()
            for number, writer in self._files.items():
                writer.close()
                self._sinks[number].close()
        except OSError as e:
            raise cannot_write(self._folder, e) from e

    def _range(self, number: int) -> _Filed | None:
        """The rows of a range."""
        if self._kept is not None:
            return self._kept
        if number in self._loaded:
            self._loaded.move_to_end(number)
            return self._loaded[number]
        if number not in self._files:
            return None
        with pa.memory_map(str(self._path(number))) as file:
            rows = pa.ipc.open_stream(file).read_all()
        long = None
        if START in rows.column_names:
            low = rows[START].to_numpy()
            long = Values([_mapped(self._path(number, LONG))], None, low, low + rows[BYTES].to_numpy())
        self._loaded[number] = _filed(rows.select(self._rest.names), rows[PLACE].to_numpy(), long)
        while len(self._loaded) > LOADED:
            self._loaded.popitem(last=False)
        return self._loaded[number]

    def take(self, places: Places) -> tuple[pa.Table, Places]:
        """The rows filed under these places, in this order, and for each the index in `places`; places without a row are left out.

        `places` ascending within each range takes least.
        """
        owner = places // RANGE
        out, found = [], []
        for number in dict.fromkeys(owner.tolist()):
            mine = np.flatnonzero(owner == number)
            filed = self._range(number)
            if filed is None or not len(filed.places):
                continue
            at = np.minimum(np.searchsorted(filed.places, places[mine]), len(filed.places) - 1)
            hit = filed.places[at] == places[mine]
            if hit.any():
                out.append(filed.some(at[hit], self.schema))
                found.append(mine[hit])
        if not out:
            return self.schema.empty_table(), np.zeros(0, np.int64)
        rows = pa.concat_tables(out)
        index = np.concatenate(found)
        if (index[1:] < index[:-1]).any():
            order = np.argsort(index, kind="stable")
            return rows.take(pa.array(order)), index[order]
        return rows, index

    def close(self) -> None:
        """Forget everything and remove the files."""
        self._loaded.clear()
        for number, sink in self._sinks.items():
            with contextlib.suppress(OSError):  # it may have something left to write, which nobody wants
                sink.close()
            self._path(number).unlink(missing_ok=True)
        for number in self._sizes:
            self._path(number, LONG).unlink(missing_ok=True)
        self._files.clear()
        self._sinks.clear()
        self._sizes.clear()
        self._waiting.clear()
        self._long.clear()
        self._kept = None


def _runs(numbers: Places) -> list[tuple[int, slice]]:
    """Where each number stands, of numbers that ascend."""
    if not len(numbers):
        return []
    starts = np.flatnonzero(np.concatenate([[True], numbers[1:] != numbers[:-1]])).tolist()
    return [(int(numbers[a]), slice(a, z)) for a, z in zip(starts, [*starts[1:], len(numbers)], strict=True)]


def _filed(rest: pa.Table, places: Places, long: Values | None) -> _Filed:
    order = np.argsort(places, kind="stable")
    # in one piece first: a take of a column in pieces would put them together itself, once a column of a struct or list
    rest = rest.combine_chunks()
    if (np.diff(order) != 1).any():
        rest = rest.take(pa.array(order))
    return _Filed(places[order], rest, None if long is None else long.take(order))


def _append(path: Path, slices: list[memoryview]) -> None:
    """Write slices behind what a file holds."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for start in range(0, len(slices), _AT_ONCE):
            some = slices[start : start + _AT_ONCE]
            written, wanted = os.writev(file, some), sum(map(len, some))
            if written < wanted:  # interrupted, or no room: then this call says so
                rest = memoryview(b"".join(some))[written:]
                while rest:
                    rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)) if size else memoryview(b"")
