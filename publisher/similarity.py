"""What makes texts alike: character 5-grams of folded texts, their true sets, and sketches of them.

A sketch stands for a text: how many 5-grams it has, a signature of 128 minima (near duplicates) and a sample of its 5-gram
hashes (containment). Sketches only propose pairs; a pair counts by its true sets of 5-grams.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from crawler.extraction.foldmany import Folded, fold_many

U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]
U16 = npt.NDArray[np.uint16]
I64 = npt.NDArray[np.int64]

SHINGLE = 5
BIN_BITS = 7
MINIMA = 1 << BIN_BITS  # of a signature
ROUNDS = 6  # in which each 5-gram is thrown into a bin, before what is still empty is filled directly
SAMPLE_BITS = 4  # a 5-gram hash of 16 is sampled: those whose first four bits are 0
BLOCK = 128  # texts hashed at a time: what they need stays in the processor's cache
ALGORITHM = f"3-{SHINGLE}-{MINIMA}-{ROUNDS}-{SAMPLE_BITS}"

_A, _B, _MIX = (np.uint64(x) for x in (0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xBF58476D1CE4E5B9))
_HALF = np.uint64(32)
_NONE = np.uint64(0xFFFFFFFFFFFFFFFF)  # where no 5-gram begins
_EMPTY = np.uint32(0xFFFFFFFF)  # a bin without a minimum


@dataclass(frozen=True, slots=True)
class Sketches:
    """Sketches of n texts.

    sizes: about how many distinct 5-grams each has (exactly 0 where it has none). signatures: n x MINIMA, 16 bits of each
    minimum: the share of those that two texts have alike estimates their Jaccard similarity. counts, samples: how many
    sampled hashes each has, and these, one text after the other, distinct and sorted in each.
    """

    sizes: U32
    signatures: U16
    counts: U32
    samples: U32


def hashes(folded: Folded) -> tuple[U64, I64, I64]:
    """A hash for each code point of the texts, that of the 5-gram that begins there, and where the texts begin and end in them.

    Where none begins (the last four code points of a text, and its end) it is the largest number there is, which is
    the hash of no 5-gram.
    """
    codes = folded.codes
    length = len(codes)
    out = np.zeros(length, np.uint64)
    # ((c0 + c1 2^16 + c2 2^32 + c3 2^48) A + c4 B), mixed: odd numbers of 64 bits, so that the code points spread over all of it
    if codes.dtype == np.uint16:  # four of them are one number where they lie
        fours = np.ndarray(
            (max(length - SHINGLE + 1, 0),), np.dtype("<u8"), np.ascontiguousarray(codes, "<u2"), 0, (2,)
        )
        out[: len(fours)] = fours
    else:
        for i in range(min(SHINGLE - 1, length)):
            out[: length - i] += codes[i:].astype(np.uint64) << np.uint64(16 * i)
    out *= _A
    if length >= SHINGLE:
        out[: length - SHINGLE + 1] += np.multiply(codes[SHINGLE - 1 :], _B, dtype=np.uint64)
    out ^= out >> _HALF
    out *= _MIX
    begins = np.concatenate([[0], folded.ends[:-1] + 1])
    spare = folded.ends[:, None] - np.arange(SHINGLE)
    out[spare[spare >= begins[:, None]]] = _NONE
    return out, begins, folded.ends + 1


def shingle_sets(texts: Sequence[str]) -> list[U64]:
    """The distinct 5-gram hashes of each text (not folded yet), sorted."""
    out: list[U64] = [np.zeros(0, np.uint64)] * len(texts)
    for start in range(0, len(texts), BLOCK):
        for folded in fold_many(texts[start : start + BLOCK]):
            flat, begins, ends = hashes(folded)
            for place, a, b in zip(folded.places.tolist(), begins.tolist(), ends.tolist(), strict=True):
                if b - a > SHINGLE:
                    out[start + place] = _distinct(np.sort(flat[a : b - SHINGLE]))
    return out


def _distinct(ordered: Any) -> Any:
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]


def shingle_set(folded: str) -> U64:
    """The distinct 5-gram hashes of one folded text, sorted."""
    codes = np.frombuffer((folded + "\0").encode("utf-32-le", "surrogatepass"), "<u4")
    flat, _, _ = hashes(Folded(np.zeros(1, np.int64), codes, np.array([len(folded)])))
    return _distinct(np.sort(flat[:-SHINGLE])) if len(folded) >= SHINGLE else flat[:0]


def overlap(a: U64, b: U64) -> int:
    """How many 5-grams two sorted sets share."""
    both = np.concatenate([a, b])
    both.sort(kind="stable")  # merges two sorted runs
    return int(np.count_nonzero(both[1:] == both[:-1]))


def sketch(texts: Sequence[str]) -> Sketches:
    """Sketches of some texts (not folded yet). Best given about BLOCK of them."""
    sizes = np.zeros(len(texts), np.uint32)
    signatures = np.zeros((len(texts), MINIMA), np.uint16)
    counts = np.zeros(len(texts), np.uint32)
    owners, sampled = [np.zeros(0, np.int64)], [np.zeros(0, np.uint32)]
    for folded in fold_many(texts):
        flat, begins, ends = hashes(folded)
        first_bins = np.repeat(np.arange(len(ends)) << BIN_BITS, ends - begins)
        signatures[folded.places] = _signatures(flat, first_bins, begins, ends)
        grams = np.maximum(ends - begins - SHINGLE, 0)
        owner, hashed, share = _sample(flat, first_bins, len(ends))
        counts[folded.places] = np.bincount(owner, minlength=len(ends))
        # What a text repeats is no 5-gram more: as many of all are distinct as of those sampled.
        sizes[folded.places] = np.maximum(np.rint(grams * share), grams > 0)
        owners.append(folded.places[owner])
        sampled.append(hashed)
    owner, hashed = np.concatenate(owners), np.concatenate(sampled)
    if len(owners) > 2:
        order = np.argsort(owner, kind="stable")
        hashed = hashed[order]
    return Sketches(sizes, signatures, counts, hashed)


def _signatures(flat: U64, first_bins: I64, begins: I64, ends: I64) -> U16:
    """The signatures of texts, n x MINIMA, of the hashes of their 5-grams. first_bins: for each hash the first bin of its text.

    Fast Similarity Sketching (Dahlgaard, Houen, Langhede and Thorup, arXiv:1704.04370): each hash is thrown into one of the
    bins, each bin keeps its least; what is thrown in a later round counts only where a bin is still empty, and in the last
    each empty bin gets the least of all hashes, mixed for this bin. As good an estimate as MinHash, for a pass over the
    hashes instead of one for each minimum. The paper has as many rounds as bins; after ROUNDS only texts of some hundred
    5-grams or fewer have empty bins, which are filled the sooner at once. A text that has no 5-gram has a signature of zeros.
    """
    n = len(ends)
    minima = np.full(n * MINIMA, _EMPTY, np.uint32)
    _throw(flat, first_bins, minima)
    table = minima.reshape(n, MINIMA)
    grams = ends - begins - SHINGLE
    table[grams <= 0] = 0
    for k in range(1, ROUNDS):
        open_ones = np.flatnonzero((table == _EMPTY).any(axis=1))
        if not len(open_ones):
            break
        at = spread(begins[open_ones], grams[open_ones])
        more = np.full(len(open_ones) * MINIMA, _EMPTY, np.uint32)
        _throw(_mixed(flat[at], k), np.repeat(np.arange(len(open_ones)) << BIN_BITS, grams[open_ones]), more)
        old = table[open_ones]
        table[open_ones] = np.where(old == _EMPTY, more.reshape(-1, MINIMA), old)
    text, empty = np.nonzero(table == _EMPTY)
    for start in range(0, len(text), 1024):  # of short texts: all bins of many would be much at a time
        some, bins = text[start : start + 1024], empty[start : start + 1024]
        at = spread(begins[some], grams[some])
        values = _mixed(flat[at], np.repeat(bins + ROUNDS, grams[some]))
        first = np.cumsum(grams[some]) - grams[some]
        table[some, bins] = np.minimum.reduceat(values.astype(np.uint32), first)
    return table.astype(np.uint16)


def _throw(hashed: U64, first_bins: I64, minima: U32) -> None:
    """Put each hash into one of the MINIMA bins that begin at its first one, where it stays if it is the least."""
    bins = (hashed >> np.uint64(64 - BIN_BITS)).view(np.int64)
    bins += first_bins
    np.minimum.at(minima, bins, hashed.astype(np.uint32))


def _mixed(hashed: U64, k: Any) -> U64:
    """Other hashes for these, the k-th such."""
    out = hashed ^ (np.asarray(k, np.uint64) * _A)
    out *= _MIX
    out ^= out >> _HALF
    out *= _B
    return out


def _sample(flat: U64, first_bins: I64, texts: int) -> tuple[I64, U32, npt.NDArray[np.float64]]:
    """The sampled hashes (32 bits) with the number of their text, and which share of each text's sample is distinct."""
    at = np.flatnonzero(flat < np.uint64(1 << (64 - SAMPLE_BITS)))
    owner = first_bins[at] >> BIN_BITS
    drawn = np.bincount(owner, minlength=texts)
    key = (owner.astype(np.uint64) << _HALF) | ((flat[at] >> np.uint64(32 - SAMPLE_BITS)) & np.uint64(0xFFFFFFFF))
    key.sort()
    key = _distinct(key) if len(key) else key
    owner = (key >> _HALF).astype(np.int64)
    distinct = np.bincount(owner, minlength=texts)
    return owner, key.astype(np.uint32), np.where(drawn, distinct / np.maximum(drawn, 1), 1.0)


FEW = 1 << 12  # values that are sorted sooner than told apart


def sorted_in_buckets(values: Any, buckets: npt.NDArray[np.uint8]) -> Any:
    """`sort` of many values of which it is known into which of 256 about equal buckets each falls, the lower the lower: what is sorted at
    a time stays in the processor's cache, which takes three quarters of the time. Of few values all stay there."""
    if len(values) < FEW:
        return np.sort(values)
    out = values[np.argsort(buckets, kind="stable")]  # a byte is sorted by counting
    edges = np.cumsum(np.bincount(buckets, minlength=256)).tolist()
    for a, b in pairwise([0, *edges]):
        out[a:b].sort()
    return out


def spread(starts: Any, counts: Any) -> I64:
    """start, start + 1, … (count of them) for each start, one after the other."""
    counts = np.asarray(counts, np.int64)
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    out: I64 = np.arange(total, dtype=np.int64) + np.repeat(np.asarray(starts, np.int64) - ends + counts, counts)
    return out
