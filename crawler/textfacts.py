"""What the words of a row are like, told once, when extraction writes it, so that no publish has to go through all texts for it.

The bits of a row stand in the marks of its shard (crawler/shards.py) beside `version()`: what was told by other rules than today's is taken
for unknown, and looked for again by the publisher. A row has them from the very text that is written, and both files have their digests
in the shard's pointer.
"""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crawler import personal, textrules
from crawler.ourdata import read_ours
from crawler.textbuffers import blocks

Facts = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

PERSONAL = 1  # has personal data (crawler/personal.py); of a page: its title has
REPLACED = 2  # has U+FFFD in the text
SIGNS = 4  # the text begins or ends with what a page says around it (boilerplate.yaml)
WRONG = 8  # breaks a rule of crawler/textrules.py: its digest, its counts, or it is blank
UNKNOWN = 128  # nothing is told of it

LOOK = 1  # one more whenever this module or textrules tells something else of the same row

SIGNS_FILE = Path(__file__).with_name("boilerplate.yaml")
_BEGIN, _END = 90, 160  # bytes of a text in which signs of boilerplate are looked for
_TOGETHER = 1 << 19  # bytes looked through at once: what a core's cache holds


@cache
def version() -> str:
    """Names the rules: rows may be told otherwise by others."""
    told = f"{LOOK} {personal.digest()} ".encode() + SIGNS_FILE.read_bytes()
    return hashlib.sha256(told).hexdigest()[:16]


def of_speeches(rows: pa.Table) -> Facts:
    """The facts of rows of `speeches`, as extraction has them."""
    out = np.zeros(rows.num_rows, np.uint8)
    if not rows.num_rows:
        return out
    text = rows["text"]
    out[with_replacement(text)] |= REPLACED
    out[with_signs(text)] |= SIGNS
    for column in (text, personal.words(rows)):
        out[[i for i, _ in personal.scanned(column)]] |= PERSONAL
    for broken in textrules.check(rows).values():
        out[broken] |= WRONG
    return out


def of_pages(rows: pa.Table) -> Facts:
    """The facts of rows of `pages`."""
    out = np.zeros(rows.num_rows, np.uint8)
    out[[i for i, _ in personal.scanned(rows["title"])]] |= PERSONAL
    return out


@lru_cache(maxsize=1)
def _signs() -> dict[str, str]:
    """The signs of boilerplate as one pattern a place."""
    found = read_ours(SIGNS_FILE)
    return {place: "|".join(f"(?:{s['sign']})" for s in found[place]) for place in ("begin", "end")}


def with_replacement(texts: pa.ChunkedArray) -> Mask:
    """Which texts have U+FFFD."""
    out = np.zeros(len(texts), bool)
    for block in blocks(texts):
        low, high = int(block.offsets[0]), int(block.offsets[-1])
        for begin in range(low, high, _TOGETHER):
            some = block.data[begin : min(begin + _TOGETHER + 2, high)]
            # U+FFFD is EF BF BD, and hardly anything else has EF BF: looked for in pairs of bytes, that is half the numbers
            pairs = (some[odd : len(some) - (len(some) - odd) % 2].view("<u2") == 0xBFEF for odd in (0, 1))
            if any(p.any() for p in pairs):
                at = np.flatnonzero((some[:-2] == 0xEF) & (some[1:-1] == 0xBF) & (some[2:] == 0xBD)) + begin
                out[block.first + np.searchsorted(block.offsets, at, side="right") - 1] = True
    return out


def with_signs(texts: pa.ChunkedArray) -> Mask:
    """Which texts begin or end with what the page says around them."""
    whole = texts.cast(pa.large_binary())
    begin = pc.match_substring_regex(pc.binary_slice(whole, 0, _BEGIN), _signs()["begin"])
    end = pc.match_substring_regex(pc.binary_slice(whole, -_END, None), _signs()["end"])
    return np.asarray(pc.fill_null(pc.or_(begin, end), False).to_numpy(), bool)
