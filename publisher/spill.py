"""Rows on their way to their parts: kept in memory while they are few, in files by destination when they are many.

A publish reads its records unit by unit and writes its version part by part; between the two every row is filed under its
place in the version. What does not fit into memory goes to one file a range of places, so that a part can be made from one or two.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crawler.durable import cannot_write

RANGE = 10_000  # places a file: some 30 MB of speeches
MEMORY = 96 << 20  # bytes that are kept in memory
LOADED = 3  # files that are open for reading at once
PLACE = "__place"

Places = npt.NDArray[np.int64]


class Spill:
    """Rows of one table by place. `add` them all, then `take` them."""

    def __init__(self, schema: pa.Schema, folder: Path, memory: int = MEMORY) -> None:
        self.schema = schema.append(pa.field(PLACE, pa.int64()))
        self._folder = folder
        self._memory = memory
        self._bytes = 0
        self._pieces: dict[int, list[pa.Table]] = {}
        self._files: dict[int, pa.RecordBatchStreamWriter] = {}
        self._sinks: dict[int, pa.NativeFile] = {}
        self._loaded: OrderedDict[int, tuple[pa.Table, Places]] = OrderedDict()
        self.rows = 0

    def add(self, rows: pa.Table, places: Places) -> None:
        """File rows under their places (not negative, no two alike). Raises JianghuaError when the disk is full."""
        if not rows.num_rows:
            return
        order = np.argsort(places, kind="stable")
        # in one piece first: a take of a column in pieces would put them together itself, once a column of a struct or list
        rows = rows.combine_chunks().take(pa.array(order))
        places = places[order]
        rows = pa.Table.from_arrays([*rows.columns, pa.array(places)], schema=self.schema)
        owner = places // RANGE
        starts = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]]))
        for start, stop in zip(starts, [*starts[1:], len(owner)], strict=True):
            self._pieces.setdefault(int(owner[start]), []).append(rows.slice(start, stop - start))
        self.rows += rows.num_rows
        self._bytes += rows.nbytes
        if self._bytes > self._memory:
            self._flush()

    def _flush(self) -> None:
        try:
            for number, pieces in self._pieces.items():
                if number not in self._files:
                    self._folder.mkdir(parents=True, exist_ok=True)
                    self._sinks[number] = pa.OSFile(str(self._path(number)), "wb")
                    self._files[number] = pa.ipc.new_stream(self._sinks[number], self.schema)
                for piece in pieces:
                    self._files[number].write_table(piece)
        except OSError as e:
            raise cannot_write(self._folder, e) from e
        self._pieces.clear()
        self._bytes = 0

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.arrows"

    def finish(self) -> None:
        """No more rows will come."""
        if self._files:
            self._flush()
        try:
            for number, writer in self._files.items():
                writer.close()
                self._sinks[number].close()
        except OSError as e:
            raise cannot_write(self._folder, e) from e

    def _range(self, number: int) -> tuple[pa.Table, Places]:
        """The rows of a range by place, and their places."""
        if number in self._loaded:
            self._loaded.move_to_end(number)
            return self._loaded[number]
        if number in self._files:
            with pa.OSFile(str(self._path(number)), "rb") as file:
                rows = pa.ipc.open_stream(file).read_all()
        else:
            rows = pa.concat_tables([self.schema.empty_table(), *self._pieces.get(number, [])])
        places = rows[PLACE].to_numpy()
        order = np.argsort(places, kind="stable")
        rows = rows.drop_columns([PLACE]).combine_chunks().take(pa.array(order))
        self._loaded[number] = rows, places[order]
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
            rows, have = self._range(number)
            if not len(have):
                continue
            at = np.minimum(np.searchsorted(have, places[mine]), len(have) - 1)
            hit = have[at] == places[mine]
            at = at[hit]
            if len(at) and (np.diff(at) == 1).all():
                out.append(rows.slice(int(at[0]), len(at)))  # as when a part is made of new rows: nothing is copied
            else:
                out.append(rows.take(pa.array(at)))
            found.append(mine[hit])
        if not out:
            return self.schema.empty_table().drop_columns([PLACE]), np.zeros(0, np.int64)
        rows = pa.concat_tables(out)
        index = np.concatenate(found)
        if (index[1:] < index[:-1]).any():
            order = np.argsort(index, kind="stable")
            return rows.take(pa.array(order)), index[order]
        return rows, index

    def close(self) -> None:
        """Forget everything and remove the files."""
        for number, writer in self._files.items():
            self._sinks[number].close()
            del writer
            self._path(number).unlink(missing_ok=True)
        self._files.clear()
        self._pieces.clear()
        self._loaded.clear()
