"""Search: which rows have a character, or two characters side by side, in their title; and which row has an id or an address.

Chinese has no spaces, so a title is found by its pairs of characters. Titles and what is asked are folded alike here and in
static/fold.js: NFKC, lower case, no white space, no quotation marks, Traditional characters as Simplified ones. A browser fetches only the frames of
the pairs that it was asked for, takes the rows that have all of them, and looks at their titles for the rest.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from catalogue.packs import Pack, pack, planes
from crawler.extraction.fold import traditional_table

U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]

FRAME = 32_768  # pairs of term and row that a frame of terms is to have on average
KEYS = 2_048  # entries that a frame of keys is to have on average
_CHAR = 21  # bits of a code point
# White space and quotation marks, as static/fold.js has them: who types a quotation mark hardly knows which one the title has.
_ASIDE = re.compile("[\\s\"'“”‘’„‟«»‹›「」『』〝〞〟]+")


def fold(text: str) -> str:
    """The text as it is searched."""
    return _ASIDE.sub("", unicodedata.normalize("NFKC", text).lower()).translate(traditional_table())


def fold_table() -> dict[str, str]:
    """Traditional and Simplified characters, one for one: what static/fold.js folds by."""
    table = traditional_table()
    return {"from": "".join(map(chr, table)), "to": "".join(table.values())}


def _frames(n: int, each: int) -> int:
    """How many frames: a power of two, so that the browser takes a few bits of the checksum."""
    return 1 << max(0, min(10, (max(1, n // each)).bit_length() - 1))


def term_pack(titles: Sequence[str]) -> Pack:
    """The rows of every character and pair of characters. A term lies in frame crc32(term) modulo the number of frames.

    A frame: how many terms, how many rows (two numbers of 4 bytes); of the terms, first characters, second ones (0: a single
    character) and counts; then the rows of all terms, each as its distance from the one before, by `planes`.
    """
    keys, rows = _pairs(titles)
    terms, starts, counts = np.unique(keys, return_index=True, return_counts=True)
    gaps = np.diff(rows, prepend=0)
    gaps[starts] = rows[starts]
    first, second = terms >> _CHAR, terms & ((1 << _CHAR) - 1)
    n = _frames(len(rows), FRAME)
    crc = np.fromiter(
        (zlib.crc32((chr(a) + (chr(b) if b else "")).encode("utf-8", "surrogatepass")) for a, b in zip(first.tolist(), second.tolist(), strict=True)),
        np.int64, len(terms),
    )  # fmt: skip
    frame_of = crc & (n - 1)
    frames = []
    for number in range(n):
        mine = np.flatnonzero(frame_of == number)
        taken = (
            np.concatenate([np.arange(starts[t], starts[t] + counts[t]) for t in mine])
            if len(mine)
            else np.zeros(0, np.int64)
        )
        head = np.concatenate(([len(mine), len(taken)], first[mine], second[mine], counts[mine]))
        frames.append(head.astype("<u4").tobytes() + planes(gaps[taken].astype(np.uint32)))
    return pack("terms", frames)


def _pairs(titles: Sequence[str]) -> tuple[I64, I64]:
    """Every (term, row) once, by term and row."""
    folded = [fold(t) for t in titles]
    lengths = np.fromiter(map(len, folded), np.int64, len(folded))
    points = np.frombuffer("".join(folded).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    row = np.repeat(np.arange(len(folded), dtype=np.int64), lengths)
    beside = np.flatnonzero(row[1:] == row[:-1]) if len(row) else np.zeros(0, np.int64)
    keys = np.concatenate((points << _CHAR, points[beside] << _CHAR | points[beside + 1]))
    rows = np.concatenate((row, row[beside]))
    order = np.lexsort((rows, keys))
    keys, rows = keys[order], rows[order]
    if not len(keys):
        return keys, rows
    new = np.flatnonzero(np.concatenate(([True], (keys[1:] != keys[:-1]) | (rows[1:] != rows[:-1]))))
    return keys[new], rows[new]


def id_key(speech_id: str) -> str:
    """By what a speech is found from its id: the digest alone, so that the site may be left out."""
    return "i" + speech_id.rpartition(":")[2].lower()


def url_key(url: str) -> str:
    """By what a speech is found from its address: without scheme and closing slash."""
    return "u" + re.sub(r"^[a-z][a-z0-9+.-]*://", "", url.strip(), flags=re.IGNORECASE).rstrip("/")


def key_pack(ids: Sequence[str], urls: Sequence[str]) -> Pack:
    """The rows of every id and address: a frame is its checksums (crc32, rising), then its rows, 4 bytes each.

    A key lies in frame crc32(key) modulo the number of frames. Two keys may have one checksum: who reads looks at the row.
    """
    found = [(zlib.crc32(k.encode("utf-8", "surrogatepass")), row) for keys in (map(id_key, ids), map(url_key, urls)) for row, k in enumerate(keys)]  # fmt: skip
    pairs = np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
    n = _frames(len(pairs), KEYS)
    frames = []
    for number in range(n):
        mine = pairs[(pairs[:, 0] & (n - 1)) == number]
        frames.append(mine[:, 0].astype("<u4").tobytes() + mine[:, 1].astype("<u4").tobytes())
    return pack("keys", frames)


__all__ = ["U32", "fold", "fold_table", "id_key", "key_pack", "term_pack", "url_key"]
