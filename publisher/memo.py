"""Sketches remembered between publishes (var/publish/), so that a publish folds and hashes only texts it has not seen.

A memo only: it may be deleted at any time, and a damaged one is made again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crawler.durable import write_bytes
from crawler.errors import DamagedError
from publisher.similarity import ALGORITHM, PERMUTATIONS, Sketches, sketch
from publisher.storage import decode, encode

log = logging.getLogger(__name__)

SCHEMA = pa.schema(
    [("key", pa.string()), ("size", pa.int64()), ("signature", pa.binary()), ("sample", pa.list_(pa.uint64()))]
)


def remembering(path: Path) -> Callable[[list[str], Callable[[int], str]], Sketches]:
    """A sketcher for `duplicates.relate` that keeps its sketches in the file `path`."""

    def sketcher(keys: list[str], text: Callable[[int], str]) -> Sketches:
        known = _load(path)
        at = np.array(
            pc.fill_null(pc.index_in(pa.array(keys, pa.string()), value_set=known["key"].combine_chunks()), -1)
        )
        new = np.flatnonzero(at < 0)
        if len(new):
            made = sketch([text(int(i)) for i in new])
            fresh = pa.table(
                {
                    "key": pa.array([keys[i] for i in new], pa.string()),
                    "size": pa.array(made.sizes),
                    "signature": pa.array([row.tobytes() for row in made.signatures.astype("<u4")], pa.binary()),
                    "sample": pa.array(made.samples, pa.list_(pa.uint64())),
                },
                schema=SCHEMA,
            )
            at[new] = known.num_rows + np.arange(len(new))
            known = pa.concat_tables([known, fresh])
        rows = known.take(pa.array(at, pa.int64()))
        if len(new):
            for left in path.parent.glob(f".{path.name}.*.tmp"):  # of a publish that was killed here
                left.unlink(missing_ok=True)
            write_bytes(path, encode(rows))
        return _sketches(rows)

    return sketcher


def _load(path: Path) -> pa.Table:
    try:
        rows = decode(path.read_bytes(), str(path))
        if rows.schema.names == SCHEMA.names:
            return rows.cast(SCHEMA)
    except FileNotFoundError:
        pass
    except (DamagedError, OSError, pa.ArrowException) as e:
        log.warning("sketches are made again: %s", e)
    return SCHEMA.empty_table()


def _sketches(rows: pa.Table) -> Sketches:
    signatures = b"".join(rows["signature"].to_pylist())
    column = rows["sample"]
    lists = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    flat = lists.flatten().to_numpy(zero_copy_only=False)
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths)
    return Sketches(
        rows["size"].to_numpy().astype(np.int64),
        np.frombuffer(signatures, dtype="<u4").reshape(-1, PERMUTATIONS),
        [flat[e - n : e] for e, n in zip(ends, lengths, strict=True)],
    )


def memo_path(folder: Path) -> Path:
    """Where the sketches of the present algorithm lie in var/publish; those of another one lie elsewhere."""
    return folder / f"sketches-{ALGORITHM}.parquet"
