"""What makes texts alike: character 5-grams of folded texts, their true sets, and sketches of them.

A sketch stands for a text: how many 5-grams it has, a MinHash signature of 128 permutations (near duplicates) and a sample
of its 5-gram hashes (containment). Sketches only propose pairs; a pair counts by its true sets of 5-grams.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import rensa

from crawler.extraction.foldmany import Folded, fold_many

U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]
U16 = npt.NDArray[np.uint16]
I64 = npt.NDArray[np.int64]

SHINGLE = 5
PERMUTATIONS = 128
SAMPLE_BITS = 4  # a 5-gram hash of 16 is sampled: those whose first four bits are 0
SEED = 20_240_115
BLOCK = 128  # texts hashed at a time: what they need stays in the processor's cache
ALGORITHM = f"2-{SHINGLE}-{PERMUTATIONS}-{SAMPLE_BITS}-{SEED}-rensa{rensa.RMinHash.ALGORITHM_VERSION}"

_A, _B, _C = (np.uint64(x) for x in (0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F))
_MIX = np.uint64(0xBF58476D1CE4E5B9)


@dataclass(frozen=True, slots=True)
class Sketches:
    """Sketches of n texts.

    sizes: about how many distinct 5-grams each has (exactly 0 where it has none). signatures: n x 128, the low 16 bits of
    each minimum. counts, samples: how many sampled hashes each has, and these, one text after the other, distinct and
    sorted in each.
    """

    sizes: U32
    signatures: U16
    counts: U32
    samples: U32


def hashes(folded: Folded) -> tuple[U64, I64, I64]:
    """A hash for each code point of the texts, and where the texts begin and end in them.

    The hash is that of the 5-gram that begins there; where none does (the last four of a text, and its end) it is the
    text's first, so that the hashes of a text are its 5-grams, and some of them twice. A text of less than five
    characters has none: what stands for it is to be passed over.
    """
    codes = np.zeros(len(folded.codes) + SHINGLE, np.uint64)
    codes[: len(folded.codes)] = folded.codes
    # ((c0 A + c1) B + (c2 A + c3) C + c4), mixed: odd numbers of 64 bits, so that the code points spread over all of it
    pairs = codes[:-1] * _A
    pairs += codes[1:]
    out = pairs[: len(folded.codes)] * _B
    out += pairs[2 : len(folded.codes) + 2] * _C
    out += codes[4 : len(folded.codes) + 4]
    out ^= out >> np.uint64(32)
    out *= _MIX
    begins = np.concatenate([[0], folded.ends[:-1] + 1])
    some = folded.ends - begins >= SHINGLE
    spare = folded.ends[some][:, None] - np.arange(SHINGLE)
    out[spare] = out[begins[some]][:, None]
    return out, begins, folded.ends + 1


def shingle_sets(texts: Sequence[str]) -> list[U64]:
    """The distinct 5-gram hashes of each text (not folded yet), sorted."""
    out: list[U64] = [np.zeros(0, np.uint64)] * len(texts)
    for start in range(0, len(texts), BLOCK):
        for folded in fold_many(texts[start : start + BLOCK]):
            flat, begins, ends = hashes(folded)
            for place, a, b in zip(folded.places.tolist(), begins.tolist(), ends.tolist(), strict=True):
                if b - a > SHINGLE:
                    out[start + place] = _distinct(np.sort(flat[a:b]))
    return out


def _distinct(ordered: Any) -> Any:
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]


def shingle_set(folded: str) -> U64:
    """The distinct 5-gram hashes of one folded text, sorted."""
    codes = np.frombuffer((folded + "\0").encode("utf-32-le", "surrogatepass"), "<u4")
    flat, _, _ = hashes(Folded(np.zeros(1, np.int64), codes, np.array([len(folded)])))
    return _distinct(np.sort(flat)) if len(folded) >= SHINGLE else flat[:0]


def overlap(a: U64, b: U64) -> int:
    """How many 5-grams two sorted sets share."""
    both = np.concatenate([a, b])
    both.sort(kind="stable")  # merges two sorted runs
    return int(np.count_nonzero(both[1:] == both[:-1]))


def sketch(texts: Sequence[str]) -> Sketches:
    """Sketches of some texts (not folded yet). Best given about BLOCK of them."""
    sizes = np.zeros(len(texts), np.uint32)
    signatures = np.zeros((len(texts), PERMUTATIONS), np.uint16)
    counts = np.zeros(len(texts), np.uint32)
    owners, sampled = [np.zeros(0, np.int64)], [np.zeros(0, np.uint32)]
    for folded in fold_many(texts):
        flat, begins, ends = hashes(folded)
        offsets = np.append(begins, ends[-1:])
        matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(flat, offsets, PERMUTATIONS, SEED)
        minima = array("I", chain.from_iterable(matrix.to_rows()))
        signatures[folded.places] = np.frombuffer(minima, np.uint32).astype(np.uint16).reshape(-1, PERMUTATIONS)
        grams = np.maximum(ends - begins - SHINGLE, 0)
        owner, hashed, share = _sample(flat, ends, grams)
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


def _sample(flat: U64, ends: I64, grams: I64) -> tuple[I64, U32, npt.NDArray[np.float64]]:
    """The sampled hashes (32 bits) with the number of their text, and which share of each text's sample is distinct."""
    at = np.flatnonzero(flat < np.uint64(1 << (64 - SAMPLE_BITS)))
    owner = np.searchsorted(ends, at, side="right")
    real = at < ends[owner] - SHINGLE  # what only fills up counts for nothing
    at, owner = at[real], owner[real]
    drawn = np.bincount(owner, minlength=len(ends))
    shift = np.uint64(32 - SAMPLE_BITS)
    key = (owner.astype(np.uint64) << np.uint64(32)) | ((flat[at] >> shift) & np.uint64(0xFFFFFFFF))
    key.sort()
    key = _distinct(key) if len(key) else key
    owner = (key >> np.uint64(32)).astype(np.int64)
    distinct = np.bincount(owner, minlength=len(ends))
    return owner, (key & np.uint64(0xFFFFFFFF)).astype(np.uint32), np.where(drawn, distinct / np.maximum(drawn, 1), 1.0)
