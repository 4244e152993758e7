"""Rows on their way to their parts: kept in memory while they are few, in files by destination when they are many.

A publish reads its records unit by unit and writes its version part by part; between the two every row is filed under its
place in the version. What does not fit into memory goes to one file a range of places, so that a part can be made from one or two.
Texts are nine tenths of the bytes. They have files of their own, into which the system takes them from where they lie, and are copied once more,
out of these files in the order of their part.
"""

from __future__ import annotations

import mmap
import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crawler.durable import cannot_write
from publisher.textbuffers import Values, joined, values_of

RANGE = 10_000  # places a file: some 30 MB of speeches
MEMORY = 96 << 20  # bytes that are kept in memory
LOADED = 3  # files that are open for reading at once
PLACE, BYTES = "__place", "__bytes"
LONG = "text"  # the column that has a file of its own
_AT_ONCE = 1_000  # slices that the system takes in one call (IOV_MAX is 1024)

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Filed:
    """Rows by place, ascending. rest: their columns but LONG, in this order; long: the values of LONG; order: for each row its number there."""

    places: Places
    order: Places
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
        long = joined(self.long, self.order[at], schema.field(LONG).type)
        return pa.Table.from_arrays([long if n == LONG else rest[n] for n in schema.names], schema=schema)


class Spill:
    """Rows of one table by place. `add` them all, then `take` them."""

    def __init__(self, schema: pa.Schema, folder: Path, memory: int = MEMORY) -> None:
        self.schema = schema
        self._folder = folder
        self._memory = memory
        self._bytes = 0
        self._waiting: list[tuple[pa.Table, Places]] = []
        self._files: dict[int, pa.RecordBatchStreamWriter] = {}
        self._sinks: dict[int, pa.NativeFile] = {}
        self._kept: _Filed | None = None
        self._loaded: OrderedDict[int, _Filed] = OrderedDict()
        self.rows = 0

    def add(self, rows: pa.Table, places: Places) -> None:
        """File rows under their places (not negative, no two alike). Raises JianghuaError when the disk is full."""
        if not rows.num_rows:
            return
        self._waiting.append((rows, places))
        self.rows += rows.num_rows
        self._bytes += rows.nbytes
        if self._bytes > self._memory:
            self._flush()

    def _gather(self) -> _Filed:
        """All rows that wait, by place."""
        rows = pa.concat_tables([self.schema.empty_table(), *(rows for rows, _ in self._waiting)])
        places = np.concatenate([np.zeros(0, np.int64), *(places for _, places in self._waiting)])
        if LONG not in rows.column_names:
            return _filed(rows, places, None)
        return _filed(rows.drop_columns([LONG]), places, values_of(rows[LONG]))

    def _flush(self) -> None:
        """Write what waits to the files of its ranges: one piece a file, since small ones cost as much as large ones."""
        filed = self._gather()
        self._waiting.clear()
        self._bytes = 0
        if not len(filed.places):
            return
        owner = filed.places // RANGE
        starts = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]])).tolist()
        try:
            for start, stop in zip(starts, [*starts[1:], len(owner)], strict=True):
                self._write(int(owner[start]), filed, slice(start, stop))
        except OSError as e:
            raise cannot_write(self._folder, e) from e

    def _write(self, number: int, filed: _Filed, here: slice) -> None:
        rows = filed.rest.slice(here.start, here.stop - here.start)
        rows = rows.append_column(PLACE, pa.array(filed.places[here]))
        if filed.long is not None:
            order = filed.order[here]
            rows = rows.append_column(BYTES, pa.array(filed.long.high[order] - filed.long.low[order]))
        if number not in self._files:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._sinks[number] = pa.OSFile(str(self._path(number)), "wb")
            self._files[number] = pa.ipc.new_stream(self._sinks[number], rows.schema)
        self._files[number].write_table(rows)
        if filed.long is not None:
            _append(self._path(number, LONG), filed.long.slices(order))

    def _path(self, number: int, suffix: str = "arrows") -> Path:
        return self._folder / f"{number}.{suffix}"

    def finish(self) -> None:
        """No more rows will come."""
        if not self._files:
            self._kept = self._gather()
            self._waiting.clear()
            return
        self._flush()
        try:
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
        places = rows[PLACE].to_numpy()
        long = None
        if BYTES in rows.column_names:
            ends = np.cumsum(rows[BYTES].to_numpy())
            long = Values([_mapped(self._path(number, LONG))], None, ends - rows[BYTES].to_numpy(), ends)
        own = [n for n in (PLACE, BYTES) if n in rows.column_names]
        self._loaded[number] = _filed(rows.drop_columns(own), places, long)
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
        for number, writer in self._files.items():
            self._sinks[number].close()
            del writer
            for suffix in ("arrows", LONG):
                self._path(number, suffix).unlink(missing_ok=True)
        self._files.clear()
        self._waiting.clear()
        self._kept = None


def _filed(rest: pa.Table, places: Places, long: Values | None) -> _Filed:
    order = np.argsort(places, kind="stable")
    # in one piece first: a take of a column in pieces would put them together itself, once a column of a struct or list
    rest = rest.combine_chunks()
    if (np.diff(order) != 1).any():
        rest = rest.take(pa.array(order))
    return _Filed(places[order], order, rest, long)


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
