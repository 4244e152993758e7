"""Row rules over the texts of speeches, on Arrow's buffers: a text is never made a Python string to be checked.

Texts are nine tenths of a dataset, so these rules cost a pass of memory each and no more. Where a count is cheap for many texts
together and dear for each, it is taken for some dozens of texts at once, and for each only where the sum is wrong.
"""

from __future__ import annotations

import hashlib
from binascii import hexlify
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crawler.textbuffers import Block, Indices, blocks, buffers_of

_TOGETHER = 1 << 18  # bytes of texts whose line breaks are counted at once: what a core's cache holds
_NEWLINE = 10
# Texts whose characters are counted one by one in a batch because they hold other white space than line breaks.
_SLOWLY = 2_000


def check(speeches: pa.Table) -> dict[str, Indices]:
    """The rows that break each rule: empty_text, text_digests, text_chars, text_paragraphs, text_paragraphs_blank."""
    text = speeches["text"]
    numbers = {c: _numbers(speeches[c]) for c in ("chars", "paragraphs")}
    empty, blank = ends(text)
    found = {
        "empty_text": empty,
        "text_digests": text_digests_wrong(speeches),
        "text_paragraphs": wrong_paragraphs(text, numbers["paragraphs"]),
        "text_paragraphs_blank": blank,
    }
    found["text_chars"] = wrong_chars(text, numbers["chars"], numbers["paragraphs"])
    return {rule: rows for rule, rows in found.items() if len(rows)}


def _numbers(column: pa.ChunkedArray) -> Indices:
    return np.asarray(pc.fill_null(column, -1).to_numpy().astype(np.int64))


def _rows(found: list[Indices]) -> Indices:
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def ends(text: pa.ChunkedArray) -> tuple[Indices, Indices]:
    """Rows whose text has nothing but white space, and the others that begin or end with a line break."""
    lengths = pc.fill_null(pc.binary_length(text), 0).to_numpy()
    broken = np.zeros(len(lengths), bool)
    for block in blocks(text):
        low, high = block.offsets[:-1], block.offsets[1:]
        some = high > low
        first, last = block.data[low[some]], block.data[high[some] - 1]
        broken[block.first + np.flatnonzero(some)] = (first == _NEWLINE) | (last == _NEWLINE)
    # only short texts can be blank without anybody having seen it
    short = np.flatnonzero(lengths <= 64)
    blank = [i for i in short.tolist() if not (text[i].as_py() or "").strip()]
    broken[blank] = False
    return np.array(blank, np.int64), np.flatnonzero(broken)


def _line_breaks(block: Block) -> Indices:
    """Line breaks in each text of a block."""
    low, high = int(block.offsets[0]), int(block.offsets[-1])
    at = np.flatnonzero(block.data[low:high] == _NEWLINE) + low
    return np.asarray(np.diff(np.searchsorted(at, block.offsets)), np.int64)


def wrong_paragraphs(text: pa.ChunkedArray, paragraphs: Indices) -> Indices:
    """Rows whose text has not one paragraph more than line breaks. Two wrong ones that make up for each other within some dozens
    of neighbours are not seen."""
    found = []
    for block in blocks(text, _TOGETHER):
        said = paragraphs[block.first : block.first + len(block)] - 1
        breaks = np.count_nonzero(block.data[int(block.offsets[0]) : int(block.offsets[-1])] == _NEWLINE)
        if breaks != said.sum():
            found.append(block.first + np.flatnonzero(_line_breaks(block) != said))
    return _rows(found)


def wrong_chars(text: pa.ChunkedArray, chars: Indices, paragraphs: Indices) -> Indices:
    """Rows in which `chars` is not the number of characters that are not white space.

    Nearly all white space of a text is its line breaks; the texts that do not come out so are counted one by one, the first
    _SLOWLY of them. A text with blanks whose `chars` counts them too is not found: that would take a second pass over all texts.
    """
    length = pc.fill_null(pc.utf8_length(text), 0).to_numpy().astype(np.int64)
    doubtful = np.flatnonzero(length - (paragraphs - 1) != chars)
    counted = doubtful[:_SLOWLY]
    wrong = [i for i in counted.tolist() if len("".join((text[i].as_py() or "").split())) != chars[i]]
    rest = doubtful[_SLOWLY:]
    # of the others it is only sure that white space makes a text longer, never shorter
    return np.concatenate([np.array(wrong, np.int64), rest[chars[rest] > length[rest]]])


def text_digests_wrong(rows: pa.Table, text: str = "text", sha256: str = "text_sha256") -> npt.NDArray[np.int64]:
    """Indices of the rows whose text does not have the SHA-256 (hex, of its UTF-8 bytes) that stands beside it, ascending.

    text, sha256: names of the two columns (string or large_string). A null on either side is wrong.
    """
    wrong: list[npt.NDArray[np.int64]] = []
    start = 0
    stated = rows[sha256]
    for chunk in rows[text].chunks:
        digests, said = _sha256_each(chunk), _flat(stated.slice(start, len(chunk)))
        if not chunk.null_count and _hexadecimal(said) == hexlify(
            b"".join(digests)
        ):  # as nearly always: nothing is made of each
            start += len(chunk)
            continue
        found = pa.array([d.hex() for d in digests], stated.type)
        unequal = pc.fill_null(pc.not_equal(said, found), True)
        at = np.flatnonzero(unequal.to_numpy(zero_copy_only=False))
        if chunk.null_count:
            at = np.union1d(at, np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False)))
        wrong.append(at + start)
        start += len(chunk)
    return np.concatenate(wrong).astype(np.int64) if wrong else np.zeros(0, np.int64)


def _sha256_each(strings: pa.Array) -> list[bytes]:
    """SHA-256 of each value's bytes; what a null gives says nothing."""
    offsets, data = buffers_of(strings)
    one = hashlib.sha256
    return [one(data[a:b]).digest() for a, b in pairwise(offsets.tolist())]


def _hexadecimal(strings: pa.Array) -> bytes | None:
    """All values, one behind the other, where each has the 64 digits of a SHA-256."""
    offsets, data = buffers_of(strings)
    if strings.null_count or (np.diff(offsets) != 64).any():
        return None
    return bytes(data[int(offsets[0]) : int(offsets[-1])])


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays([pa.array([], column.type), *column.chunks])
