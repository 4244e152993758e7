"""Which texts are alike: character 5-grams of folded texts, MinHash signatures, candidates, and the true figures.

A sketch stands for a text: the number of its distinct 5-grams, a MinHash signature of 128 permutations (near duplicates) and
a sample of its 5-gram hashes (containment). Sketches only propose pairs; a pair counts by its true sets of 5-grams.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import rensa

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

SHINGLE = 5
PERMUTATIONS = 128
BAND_ROWS = 3  # 42 bands of 3: a pair of Jaccard .5 is proposed with probability .996, of .1 with .04
SAMPLE = 16  # one 5-gram hash of 16 is sampled
RAREST = 8  # sampled hashes by which a text looks for its containers
COMMON = 128  # a hash in more texts than this is a stock phrase and proposes nothing
WINDOW = 32  # in a band, a text is paired with at most this many next ones
SEED = 20_240_115
ALGORITHM = f"{SHINGLE}-{PERMUTATIONS}-{SAMPLE}-{SEED}-rensa{rensa.RMinHash.ALGORITHM_VERSION}"


@dataclass(frozen=True, slots=True)
class Sketches:
    """Sketches of n texts. sizes: distinct 5-grams each; signatures: n x 128; samples: sorted sampled hashes of each."""

    sizes: I64
    signatures: npt.NDArray[np.uint32]
    samples: list[U64]


def shingle_hashes(texts: Sequence[str]) -> tuple[U64, I64]:
    """Hashes of all 5-grams of the texts, one after the other, and where each text's begin and end (n + 1 offsets).

    A text shorter than 5 characters has none.
    """
    lengths = np.fromiter((len(t) for t in texts), dtype=np.int64, count=len(texts))
    counts = np.maximum(lengths - SHINGLE + 1, 0)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    if len(points) < SHINGLE:
        return np.zeros(0, np.uint64), offsets
    n = len(points) - SHINGLE + 1
    hashes = np.zeros(n, np.uint64)
    for i in range(SHINGLE):
        hashes = hashes * np.uint64(0x100000001B3) + points[i : i + n]
    owner = np.repeat(np.arange(len(texts)), lengths)
    inside = owner[:n] == owner[SHINGLE - 1 :]  # a window that reaches into the next text is no 5-gram
    return _mix(hashes[inside]), offsets


def _mix(x: U64) -> U64:
    """The finaliser of splitmix64: spreads neighbouring values over all 64 bits."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def shingle_set(text: str) -> U64:
    """The distinct 5-gram hashes of one folded text, sorted."""
    return np.unique(shingle_hashes([text])[0])


def sketch(texts: Sequence[str], batch: int = 1000) -> Sketches:
    """Sketches of folded texts."""
    sizes, signatures, samples = [], [], []
    for start in range(0, len(texts), batch):
        hashes, offsets = shingle_hashes(texts[start : start + batch])
        matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, PERMUTATIONS, SEED)
        signatures.append(np.array(matrix.to_rows(), dtype=np.uint32).reshape(-1, PERMUTATIONS))
        for a, b in pairwise(offsets.tolist()):
            distinct = np.unique(hashes[a:b])
            sizes.append(len(distinct))
            samples.append(distinct[distinct % np.uint64(SAMPLE) == 0])
    return Sketches(
        np.array(sizes, np.int64),
        np.concatenate(signatures) if signatures else np.zeros((0, PERMUTATIONS), np.uint32),
        samples,
    )


def near_candidates(sketches: Sketches, at_least: float) -> list[tuple[int, int]]:
    """Pairs (i < j) of texts whose estimated Jaccard similarity may be `at_least`, by locality-sensitive hashing."""
    n = len(sketches.sizes)
    usable = np.flatnonzero(sketches.sizes > 0)
    found: list[I64] = []
    for band in range(PERMUTATIONS // BAND_ROWS):
        rows = sketches.signatures[usable, band * BAND_ROWS : (band + 1) * BAND_ROWS].astype(np.uint64)
        key = np.zeros(len(usable), np.uint64)
        for column in range(BAND_ROWS):
            key = _mix(key + rows[:, column] + np.uint64(0x9E3779B97F4A7C15))
        order = np.argsort(key, kind="stable")
        key, owner = key[order], usable[order]
        for step in range(1, WINDOW + 1):
            same = np.flatnonzero(key[:-step] == key[step:])
            if not len(same):
                break
            a, b = owner[same], owner[same + step]
            found.append(np.minimum(a, b) * n + np.maximum(a, b))
        if len(found) > 200:
            found = [np.unique(np.concatenate(found))]
    if not found:
        return []
    pairs = np.unique(np.concatenate(found))
    # Three standard deviations of the estimate below the wanted value.
    floor = at_least - 3 * np.sqrt(at_least * (1 - at_least) / PERMUTATIONS)
    out: list[tuple[int, int]] = []
    for start in range(0, len(pairs), 100_000):
        i, j = np.divmod(pairs[start : start + 100_000], n)
        likely = (sketches.signatures[i] == sketches.signatures[j]).mean(axis=1) >= floor
        out += zip(i[likely].tolist(), j[likely].tolist(), strict=True)
    return out


def container_candidates(sketches: Sketches, shortest: int, longer: float) -> list[tuple[int, int]]:
    """Pairs (short, long) in which most of the rarest sampled 5-grams of the short text stand in the long one.

    shortest: distinct 5-grams a text needs to be looked at; longer: how many times as long a container must be.
    """
    n = len(sketches.sizes)
    counts = np.array([len(s) for s in sketches.samples], np.int64)
    if not counts.sum():
        return []
    hashes = np.concatenate(sketches.samples)
    docs = np.repeat(np.arange(n), counts)
    order = np.argsort(hashes, kind="stable")
    hashes, docs = hashes[order], docs[order]
    first = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
    run = np.diff(np.append(first, len(hashes)))
    begin, frequency = np.repeat(first, run), np.repeat(run, run)

    # The rarest few hashes of each text that is long enough.
    usable = np.flatnonzero((frequency <= COMMON) & (sketches.sizes[docs] >= shortest))
    usable = usable[np.lexsort((hashes[usable], frequency[usable], docs[usable]))]
    owner = docs[usable]
    starts = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]])) if len(owner) else np.zeros(0, np.int64)
    rank = np.arange(len(owner)) - np.repeat(starts, np.diff(np.append(starts, len(owner))))
    asked = usable[rank < RAREST]
    questions = np.bincount(docs[asked], minlength=n)

    found: list[tuple[int, int]] = []
    for piece in np.array_split(asked, max(1, len(asked) // 100_000)):  # bounds the memory
        found += _answers(piece, docs, begin, frequency, n) if len(piece) else []
    totals: dict[tuple[int, int], int] = {}
    for pair_code, count in found:
        pair = divmod(pair_code, n)
        totals[pair] = totals.get(pair, 0) + count
    return sorted(
        (short, long)
        for (short, long), count in totals.items()
        if questions[short] >= 2
        and 2 * count >= questions[short]
        and sketches.sizes[long] >= longer * sketches.sizes[short]
    )


def _answers(asked: I64, docs: I64, begin: I64, frequency: I64, n: int) -> Iterable[tuple[int, int]]:
    """How often each other text answers the questions of each asking text, as (asking * n + other, count)."""
    size = frequency[asked]
    within = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    other = docs[np.repeat(begin[asked], size) + within]
    asking = np.repeat(docs[asked], size)
    keep = asking != other
    codes, counts = np.unique(asking[keep] * n + other[keep], return_counts=True)
    return zip(codes.tolist(), counts.tolist(), strict=True)


def overlap(a: U64, b: U64) -> int:
    """How many 5-grams two sorted sets share."""
    return len(np.intersect1d(a, b, assume_unique=True))
