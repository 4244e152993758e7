"""Fingerprints of texts: enough to tell a copy by, too little to read.

A text is compared by its ideographs alone, in Simplified script, in overlapping groups of five. Of these 5-grams a fingerprint keeps
hashes of one in two or fewer, at most 256, so that the text cannot be put together again from them.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from crawler.extraction.fold import simtext_sha256, text_sha256, traditional_table
from crawler.takedowns import Fingerprint

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

SHINGLE = 5
LEAST = 60  # distinct 5-grams; what is shorter stands in other texts by chance, and is told by its digest alone
KEPT = 256  # hashes of a fingerprint, at most
NEAR = 0.55  # Jaccard similarity of copies, as for `duplicates`
TELLING = 12  # sampled 5-grams of an excerpt, at the least; fewer tell nothing
SHARE = 0.9  # of the 5-grams of the one text that stand in the other: a preview, an excerpt, a text inside a longer one
_FIRST, _LAST = 0x4E00, 0xA000
_MASK = ord("某")


@dataclass(frozen=True, slots=True)
class Likeness:
    """Text number `text` is like fingerprint number `print_`. how: copy, near, excerpt (of the taken text) or contains (it)."""

    text: int
    print_: int
    how: str


@cache
def _simplified() -> npt.NDArray[np.uint64]:
    """For each ideograph of the basic block what it is in Simplified script; 0 for a mask."""
    table = np.arange(_FIRST, _LAST, dtype=np.uint64)
    for code, simple in traditional_table().items():
        table[code - _FIRST] = ord(simple)
    table[_MASK - _FIRST] = 0
    return table


def _sampled(texts: Sequence[str], step: int) -> tuple[U64, I64]:
    """The sampled 5-gram hashes of texts, in their order, and the text of each. step: a power of 2, one in so many is kept."""
    joined = "".join(texts).encode("utf-32-le", "surrogatepass")
    points = np.frombuffer(joined, dtype="<u4")
    owner = np.repeat(np.arange(len(texts)), np.fromiter(map(len, texts), np.int64, len(texts)))
    here = (points >= _FIRST) & (points < _LAST)
    points, owner = _simplified()[points[here] - _FIRST], owner[here]
    here = points > 0
    points, owner = points[here], owner[here]
    n = len(points) - SHINGLE + 1
    if n <= 0:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    hashes = np.zeros(n, np.uint64)
    for i in range(SHINGLE):
        hashes = hashes * np.uint64(0x100000001B3) + points[i : i + n]
    hashes = (hashes ^ (hashes >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = hashes >> np.uint64(32)  # 32 bits are enough to compare by
    chosen = (hashes & np.uint64(step - 1)) == 0
    chosen &= owner[:n] == owner[SHINGLE - 1 :]  # a window that reaches into the next text is no 5-gram
    return hashes[chosen], owner[:n][chosen]


def _grams(texts: Sequence[str], step: int) -> tuple[U64, I64]:
    """The distinct ones of `_sampled`, ordered by text."""
    hashes, owner = _sampled(texts, step)
    packed = np.unique((owner.astype(np.uint64) << np.uint64(32)) | hashes)
    return packed & np.uint64(0xFFFFFFFF), (packed >> np.uint64(32)).astype(np.int64)


def fingerprint(text: str) -> Fingerprint:
    """The fingerprint of a text."""
    text = unicodedata.normalize("NFC", text)
    hashes, _ = _grams([text], 1)
    step = 2
    while len(kept := hashes[(hashes & np.uint64(step - 1)) == 0]) > KEPT:
        step *= 2
    return Fingerprint(
        text_sha256=text_sha256(text),
        simtext_sha256=simtext_sha256(text),
        chars=len("".join(text.split())),
        grams=len(hashes),
        step=step,
        sample=base64.b64encode(kept.astype("<u4").tobytes()).decode(),
    )


@cache
def _sample(sample: str) -> U64:
    return np.frombuffer(base64.b64decode(sample), "<u4").astype(np.uint64)


def alike(texts: Sequence[str], prints: Sequence[Fingerprint]) -> list[Likeness]:
    """Which texts are copies, near copies, excerpts or carriers of which fingerprinted texts. Texts that fold alike are told by their
    digests (publisher/takedown.py), not here."""
    usable = [i for i, p in enumerate(prints) if p.grams >= LEAST]
    if not usable or not len(texts):
        return []
    step = min(prints[i].step for i in usable)
    enough = SHARE * TELLING - 1  # an excerpt shares the fewest
    likely = _likely(texts, step, np.concatenate([_sample(prints[i].sample) for i in usable]), enough)
    found = _compared([texts[i] for i in likely], step, prints, usable) if len(likely) else []
    return [Likeness(int(likely[t]), i, how) for t, i, how in found]


def _likely(texts: Sequence[str], step: int, wanted: U64, enough: float) -> I64:
    """The texts that may share `enough` 5-grams with a fingerprint: next to none of those that have nothing to do with one."""
    table = np.zeros(1 << 22, bool)
    table[(wanted >> np.uint64(10)).astype(np.int64)] = True
    hashes, owner = _sampled(texts, step)
    counts = np.bincount(owner[table[(hashes >> np.uint64(10)).astype(np.int64)]], minlength=len(texts))
    return np.flatnonzero(counts >= enough)


def _compared(
    texts: Sequence[str], step: int, prints: Sequence[Fingerprint], usable: Sequence[int]
) -> list[tuple[int, int, str]]:
    """Text, fingerprint and likeness of all pairs that are alike."""
    hashes, owner = _grams(texts, step)
    # every 5-gram of a fingerprint with its owner, by hash: one look tells all fingerprints that have a text's 5-gram
    samples = [_sample(prints[i].sample) for i in usable]
    theirs = np.concatenate(samples)
    order = np.argsort(theirs, kind="stable")
    theirs, whose = theirs[order], np.repeat(np.arange(len(usable)), [len(x) for x in samples])[order]
    begin, end = np.searchsorted(theirs, hashes, "left"), np.searchsorted(theirs, hashes, "right")
    hit = np.flatnonzero(end > begin)
    many = end[hit] - begin[hit]
    within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    pairs = np.repeat(owner[hit], many) * len(usable) + whose[np.repeat(begin[hit], many) + within]
    code, both = np.unique(pairs, return_counts=True)
    text, print_ = np.divmod(code, len(usable))
    steps = np.array([prints[i].step for i in usable])
    own = np.zeros(len(code), np.int64)
    for step in np.unique(steps).tolist():
        sizes = np.bincount(owner[(hashes & np.uint64(step - 1)) == 0], minlength=len(texts))
        here = steps[print_] == step
        own[here] = sizes[text[here]]
    taken = np.array([len(x) for x in samples])[print_]
    near = both >= NEAR * (own + taken - both)
    excerpt = (both >= SHARE * own) & (own * steps[print_] >= LEAST) & (own >= TELLING)
    contains = both >= SHARE * taken
    return [
        (int(text[i]), usable[print_[i]], "near" if near[i] else "excerpt" if excerpt[i] else "contains")
        for i in np.flatnonzero(near | excerpt | contains)
    ]
