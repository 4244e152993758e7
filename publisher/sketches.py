"""The sketch index kept between publishes (var/publish/): sketches by simtext_sha256, laid out to be asked.

Immutable run files, which are mapped into memory, and a pointer that names them. New texts make a new run; runs of one
size class are merged when there are MERGE of them, so that a text is copied a few times in its life, and a publish with n
new texts writes about n. The index holds no truth: it may be deleted at any time, and a damaged run is made again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from crawler.durable import replacing, write_json
from publisher.similarity import (
    ALGORITHM,
    BLOCK,
    I64,
    MINIMA,
    U16,
    U32,
    U64,
    Sketches,
    sketch,
    sorted_in_buckets,
    spread,
)

log = logging.getLogger(__name__)

BAND_ROWS = 3  # 42 bands of 3: a pair of Jaccard .55 is proposed with probability .9995, of .1 with .04
BANDS = MINIMA // BAND_ROWS
ROW_BITS = 26  # a row of a run, in the low bits of a packed entry
LARGEST = 1 << 18  # texts in a run as it is first made: bounds the memory
MERGE = 4  # runs of one size class (a factor of 4) become one
POINTER = "index.json"
MAGIC = b"jianghua sketches\n"
ALIGN = 64
_PAGE = 4096  # words that a checksum folds onto each other
_STEP = 1 << 24  # bytes checked at a time
_MIX = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True, slots=True)
class Run:
    """Sketches of n texts, ordered by key; row r is the r-th.

    keys: the first 64 bits of simtext_sha256. sizes, counts, starts: of each text's 5-grams and sampled hashes, and where the
    latter begin in `samples`. bands: entries (number of the band, 32 bits that three minima make, row: 6 + 32 + ROW_BITS
    bits), of the texts that have 5-grams, sorted. postings: (sampled hash << ROW_BITS | row), sorted.
    """

    path: Path
    mapped: Any
    keys: U64
    sizes: U32
    counts: U32
    starts: I64
    signatures: U16
    samples: U32
    bands: U64
    postings: U64

    @property
    def in_bands(self) -> int:
        """How many entries each band has."""
        return len(self.bands) // BANDS


ARRAYS: dict[str, str] = {
    "keys": "<u8",
    "sizes": "<u4",
    "counts": "<u4",
    "starts": "<i8",
    "signatures": "<u2",
    "samples": "<u4",
    "bands": "<u8",
    "postings": "<u8",
}


@contextmanager
def opened(folder: Path | None, wanted: U64, ask: Callable[[I64], Iterable[tuple[int, str]]]) -> Iterator[list[Run]]:
    """The runs that hold the sketches of all `wanted` keys (sorted, distinct), and of others.

    folder: where the index is kept; None makes one for the time being. ask: gives (number in `wanted`, text) for the
    numbers given, in any order; it is called for those of which there is no sketch yet. Raises JianghuaError when the index
    cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="jianghua-sketches-") if folder is None else _kept(folder) as place:
        home = Path(place)
        runs = load_runs(home)
        missing = np.ones(len(wanted), np.bool_)
        for run in runs:
            missing[_found(wanted, run.keys)] = False
        before = [r.path.name for r in runs]
        places = np.flatnonzero(missing)
        if len(places):
            runs += _made(home, wanted, len(places), ask(places))
        runs = _merged(home, runs, wanted)
        names = [r.path.name for r in runs]
        if names != before or not (home / POINTER).exists():
            write_json(home / POINTER, {"algorithm": ALGORITHM, "runs": names})
            for left in home.iterdir():
                if left.name not in names and left.name != POINTER:
                    left.unlink(missing_ok=True)
        yield runs


@contextmanager
def _kept(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


def _found(wanted: U64, keys: U64) -> I64:
    """Numbers in `wanted` of the keys that are there."""
    if not len(wanted):
        return np.zeros(0, np.int64)
    at = np.minimum(np.searchsorted(wanted, keys), len(wanted) - 1)
    found: I64 = at[wanted[at] == keys]
    return found


def load_runs(folder: Path) -> list[Run]:
    """The sound runs that the pointer in `folder` names."""
    try:
        pointer = json.loads((folder / POINTER).read_bytes())
        if pointer["algorithm"] != ALGORITHM:
            return []
        names = [str(n) for n in pointer["runs"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as e:
        log.warning("sketches are made again: %s: %s", folder / POINTER, e)
        return []
    runs: list[Run] = []
    for name in names:
        try:
            runs.append(_read(folder / name))
        except (OSError, ValueError, KeyError, TypeError) as e:
            log.warning("sketches are made again: %s: %s", folder / name, e)
    return runs


def damaged(folder: Path) -> list[str]:
    """Names of the files of a kept index that are not as they were written."""
    try:
        names = [str(n) for n in json.loads((folder / POINTER).read_bytes())["runs"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError):
        return [POINTER]
    out = []
    for name in names:
        try:
            _read(folder / name)
        except (OSError, ValueError, KeyError, TypeError):
            out.append(name)
    return out


class _Checksum:
    """Finds any flipped bit and any hole, at the speed of memory: pages folded onto each other."""

    def __init__(self) -> None:
        self.column = np.zeros(_PAGE, np.uint64)
        self.rest = np.zeros(0, np.uint8)
        self.size = 0

    def add(self, data: npt.NDArray[np.uint8]) -> None:
        self.size += len(data)
        if len(self.rest):
            data = np.concatenate([self.rest, data])
        whole = len(data) // (8 * _PAGE) * _PAGE
        np.bitwise_xor(
            self.column,
            np.bitwise_xor.reduce(data[: whole * 8].view(np.uint64).reshape(-1, _PAGE), axis=0),
            out=self.column,
        )
        self.rest = data[whole * 8 :].copy()

    def hexdigest(self) -> str:
        return hashlib.sha256(self.column.tobytes() + self.rest.tobytes() + str(self.size).encode()).hexdigest()


class _Writer:
    """Writes a run file, array by array, in pieces."""

    def __init__(self, out: IO[bytes]) -> None:
        self.out = out
        self.at = out.write(MAGIC.ljust(ALIGN))
        self.toc: dict[str, dict[str, Any]] = {}

    def put(self, name: str, *values: Any) -> None:
        self.stream(name, values)

    def stream(self, name: str, pieces: Iterable[Any]) -> None:
        checksum, size = _Checksum(), 0
        for piece in pieces:
            data = np.ascontiguousarray(piece, ARRAYS[name]).reshape(-1).view(np.uint8)
            checksum.add(data)
            size += self.out.write(data.data)
        self.toc[name] = {"at": self.at, "bytes": size, "checksum": checksum.hexdigest()}
        self.at += size + self.out.write(b"\0" * (-size % ALIGN))

    def close(self) -> str:
        """Ends the file; gives a name for it that its content tells."""
        toc = json.dumps({"arrays": self.toc}, sort_keys=True).encode()
        digest = hashlib.sha256(toc).hexdigest()
        self.out.write(toc + digest.encode() + len(toc).to_bytes(8, "little") + MAGIC)
        return f"{digest[:16]}.sketches"


def _read(path: Path) -> Run:
    """Maps a run. Raises ValueError when it is damaged."""
    data = np.memmap(path, np.uint8, "r")
    tail = len(MAGIC) + 8
    if data[-len(MAGIC) :].tobytes() != MAGIC:
        raise ValueError("cut off")
    length = int.from_bytes(data[-tail : -len(MAGIC)].tobytes(), "little")
    toc = data[-tail - 64 - length : -tail - 64].tobytes()
    if hashlib.sha256(toc).hexdigest().encode() != data[-tail - 64 : -tail].tobytes():
        raise ValueError("damaged table of contents")
    arrays: dict[str, Any] = {}
    for name, entry in json.loads(toc)["arrays"].items():
        part = np.asarray(data[entry["at"] : entry["at"] + entry["bytes"]])
        checksum = _Checksum()
        for start in range(0, len(part), _STEP):
            checksum.add(part[start : start + _STEP])
            _forget(data)
        if len(part) != entry["bytes"] or checksum.hexdigest() != entry["checksum"]:
            raise ValueError(f"damaged {name}")
        arrays[name] = part.view(ARRAYS[name])
    arrays["signatures"] = arrays["signatures"].reshape(-1, MINIMA)
    return Run(path=path, mapped=data, **arrays)


def _forget(data: Any) -> None:
    """Let the system take the pages back that were looked at: they count as this process's memory."""
    mapped = getattr(data, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def forget(runs: Iterable[Run]) -> None:
    """Give the memory of mapped pages back; they are read again when they are wanted."""
    for run in runs:
        _forget(run.mapped)


def _made(folder: Path, wanted: U64, count: int, texts: Iterable[tuple[int, str]]) -> list[Run]:
    """Runs of the sketches of these texts, `count` of them."""
    runs: list[Run] = []
    stream = iter(texts)
    while count > 0:
        size = min(count, LARGEST)
        keys = np.empty(size, np.uint64)
        whole = _room(size)
        samples: list[U32] = []
        at = 0
        while at < size and (block := list(islice(stream, min(BLOCK, size - at)))):
            piece = slice(at, at + len(block))
            keys[piece] = wanted[[i for i, _ in block]]
            made = sketch([t for _, t in block])
            whole.sizes[piece], whole.signatures[piece], whole.counts[piece] = made.sizes, made.signatures, made.counts
            samples.append(made.samples)
            at += len(block)
        count -= size
        runs.append(_write(folder, keys, replace(whole, samples=np.concatenate(samples))))
    next(stream, None)  # whoever gives the texts sees that they were taken
    return runs


def _room(size: int) -> Sketches:
    return Sketches(
        np.empty(size, np.uint32),
        np.empty((size, MINIMA), np.uint16),
        np.empty(size, np.uint32),
        np.zeros(0, np.uint32),
    )


def _write(folder: Path, keys: U64, sketches: Sketches) -> Run:
    """Lays sketches out as a run (its rows in the order of the keys) and writes it."""
    starts = np.cumsum(sketches.counts, dtype=np.int64) - sketches.counts
    order = np.argsort(keys)
    row = np.empty(len(keys), np.uint32)
    row[order] = np.arange(len(keys), dtype=np.uint32)
    beside = folder / ".new.sketches"
    with replacing(beside) as out:
        writer = _Writer(out)
        writer.put("keys", keys[order])
        writer.put("sizes", sketches.sizes[order])
        writer.put("counts", sketches.counts[order])
        writer.put("starts", starts[order])
        writer.put("samples", sketches.samples)
        writer.stream("postings", _postings(sketches.samples, np.repeat(row, sketches.counts)))
        writer.stream("signatures", (sketches.signatures[order[i : i + 8192]] for i in range(0, len(order), 8192)))
        rows = order[sketches.sizes[order] > 0]
        writer.stream("bands", _bands(sketches.signatures, rows, row))
        name = writer.close()
    beside.replace(folder / name)
    return _read(folder / name)


def _postings(samples: U32, rows: U32) -> Iterator[U64]:
    """The entries of the postings, a part of the hashes at a time."""
    parts = len(samples) // (1 << 21) + 1
    part = (samples.astype(np.uint64) * np.uint64(parts) >> np.uint64(32)).astype(np.uint8) if parts > 1 else None
    for k in range(parts):
        mine = slice(None) if part is None else np.flatnonzero(part == k)
        hashes = samples[mine]
        entries = hashes.astype(np.uint64)
        entries <<= np.uint64(ROW_BITS)
        entries |= rows[mine]
        bucket = hashes.astype(np.uint64) * np.uint64(parts) >> np.uint64(24)  # its low byte, within a part
        yield sorted_in_buckets(entries, bucket.astype(np.uint8))


def _bands(signatures: U16, texts: I64, row: U32) -> Iterator[U64]:
    """The entries of the bands, some bands at a time. texts: those that have 5-grams; row: of each text."""
    for low in range(0, BANDS, 7):
        out = np.empty((min(7, BANDS - low), len(texts)), np.uint64)
        for start in range(0, len(texts), 4096):
            some = texts[start : start + 4096]
            out[:, start : start + 4096] = band_entries(signatures[some], low, low + 7).T | row[some]
        for entries in out:
            yield sorted_in_buckets(entries, (entries >> np.uint64(ROW_BITS + 24)).astype(np.uint8))


def band_entries(signatures: U16, low: int = 0, high: int = BANDS) -> U64:
    """The entry of each signature in the bands low … high - 1, for row 0: n x bands."""
    high = min(high, BANDS)
    three = signatures[:, low * BAND_ROWS : high * BAND_ROWS].reshape(len(signatures), high - low, BAND_ROWS)
    packed = three[:, :, 0].astype(np.uint64)
    for i in range(1, BAND_ROWS):
        packed |= three[:, :, i].astype(np.uint64) << np.uint64(16 * i)
    packed *= _MIX
    packed >>= np.uint64(32)
    packed <<= np.uint64(ROW_BITS)
    packed |= np.arange(low, high, dtype=np.uint64) << np.uint64(ROW_BITS + 32)
    return packed


def _merged(folder: Path, runs: list[Run], wanted: U64) -> list[Run]:
    """The runs after the rules: each is written anew without what nobody wants, when that is more than half of all; MERGE of one
    size class become one, unless it would be so large that it does not fit the memory."""
    dead = sum(len(r.keys) for r in runs) - len(wanted)
    if dead > max(len(wanted), 1000):
        runs = [_merge(folder, [r], wanted) for r in runs if len(_found(wanted, r.keys))]
    while True:
        classes: dict[int, list[Run]] = {}
        for run in runs:
            classes.setdefault(len(run.keys).bit_length() // 2, []).append(run)
        full = [c[:MERGE] for _, c in sorted(classes.items()) if len(c) >= MERGE]
        fits = next((c for c in full if sum(len(r.keys) for r in c) <= 2 * LARGEST), None)
        if fits is None:
            return runs
        merged = _merge(folder, fits, None)
        runs = [*(r for r in runs if all(r is not f for f in fits)), merged]


def _merge(folder: Path, runs: list[Run], wanted: U64 | None) -> Run:
    """One run of several; wanted: the keys to keep (all)."""
    kept = [np.arange(len(r.keys)) if wanted is None else np.flatnonzero(np.isin(r.keys, wanted)) for r in runs]
    counts = np.concatenate([r.counts[k] for r, k in zip(runs, kept, strict=True)])
    return _write(
        folder,
        np.concatenate([r.keys[k] for r, k in zip(runs, kept, strict=True)]),
        Sketches(
            np.concatenate([r.sizes[k] for r, k in zip(runs, kept, strict=True)]),
            np.concatenate([r.signatures[k] for r, k in zip(runs, kept, strict=True)]),
            counts,
            np.concatenate([samples_of(r, k) for r, k in zip(runs, kept, strict=True)]),
        ),
    )


def samples_of(run: Run, rows: I64) -> U32:
    """The sampled hashes of these rows, one row after the other."""
    return run.samples[spread(run.starts[rows], run.counts[rows])]
