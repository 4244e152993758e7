"""The speeches among which copies are sought: their facts by row, which of them fold alike, and their texts when needed."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crawler.errors import DamagedError
from crawler.extraction.fold import traditional_pattern
from crawler.wording import counted, plural
from publisher.similarity import BLOCK, I64, U64, shingle_sets

# Gives (speech_id, text) of the speeches asked for, in any order.
Texts = Callable[[Sequence[str]], Iterable[tuple[str, str]]]

HELD = 16_000  # sets of 5-grams held at a time, about 7 KB each
REASONS = ("exact", "script_variant", "mask_variant", "near")  # nearest first

_EMPTY = int(hashlib.sha256(b"").hexdigest()[:16], 16)
_NEVER = np.iinfo(np.int64).max
_OWN = np.uint64(0x5851F42D4C957F2D)


class Speeches:
    """Rows of facts, and their groups: the rows whose texts fold alike, numbered in the order of their keys.

    A text of nothing but masks and punctuation folds to nothing; such texts are alike only when equal, and `bare`.
    """

    def __init__(self, facts: pa.Table) -> None:
        self.ids = _whole(facts["speech_id"], pa.string())
        self.text_sha = _whole(facts["text_sha256"])
        self.preview = np.asarray(_whole(facts["is_preview"]))
        self.chars = np.asarray(_whole(facts["chars"], pa.int64()))
        at = _whole(facts["published_at"])
        # null comes last: nobody knows whether it was earlier
        self.at = np.asarray(pc.fill_null(at.cast(pa.timestamp("ms", at.type.tz)).cast(pa.int64()), _NEVER))
        keys = _first_bits(_whole(facts["simtext_sha256"]))
        empty = keys == _EMPTY
        keys[empty] = _first_bits(self.text_sha.filter(pa.array(empty))) ^ _OWN
        self.rows = np.argsort(keys, kind="stable")
        ordered = keys[self.rows]
        self.first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(keys) else self.rows
        self.edges = np.append(self.first, len(keys))
        self.keys: U64 = ordered[self.first]
        self.group = np.empty(len(keys), np.int64)
        self.group[self.rows] = np.repeat(np.arange(len(self.keys)), np.diff(self.edges))
        self.bare = empty[self.rows[self.first]]

    def variants(self, groups: npt.NDArray[np.bool_]) -> I64:
        """The rows of these groups whose texts differ from the one of another row of the group."""
        rows = self.rows[np.repeat(groups & (np.diff(self.edges) > 1), np.diff(self.edges))]
        texts = self.text_sha.take(pa.array(rows)).dictionary_encode().indices.to_numpy()
        several = np.zeros(self.groups, np.bool_)
        same = (self.group[rows][1:] == self.group[rows][:-1]) & (texts[1:] != texts[:-1])
        several[self.group[rows[1:][same]]] = True
        found: I64 = rows[several[self.group[rows]]]
        return found

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self.keys)

    def any(self, rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which groups have such a row."""
        return np.bincount(self.group[rows], minlength=self.groups) > 0

    def rows_of(self, groups: Iterable[int]) -> list[int]:
        """The rows of these groups."""
        return [r for g in groups for r in self.rows[self.edges[g] : self.edges[g + 1]].tolist()]

    def best(self, rows: Sequence[int], ids: Sequence[str]) -> int:
        """Place in `rows` of the one to represent them: whole, longest, earliest published, smallest id (of `ids`)."""
        preview, chars, at = self.preview, self.chars, self.at
        return min(range(len(rows)), key=lambda k: (preview[r := rows[k]], -chars[r], at[r], ids[k]))

    def id_of(self, rows: Any) -> list[str]:
        """The speech_id of each of these rows."""
        if len(rows) < 30:
            return [self.ids[r].as_py() for r in rows]
        found: list[str] = self.ids.take(pa.array(rows, pa.int64())).to_pylist()
        return found

    def representative_ids(self, groups: Any) -> list[str]:
        """A speech of each group: its text folds as all of them do."""
        return self.id_of(self.rows[self.first[groups]])


def _whole(column: Any, to: Any = None) -> Any:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return array if to is None else array.cast(to)


def _first_bits(digests: pa.Array) -> U64:
    """The first 64 bits of SHA-256 digests, given in hex or as 32 bytes."""
    if not len(digests):
        return np.zeros(0, np.uint64)
    as_text = pa.types.is_string(digests.type) or pa.types.is_large_string(digests.type)
    width = 64 if as_text else 32
    if as_text:
        digests = digests.cast(pa.large_string()).view(pa.large_binary())
    flat = digests.cast(pa.binary(width))
    data = np.frombuffer(flat.buffers()[1], np.uint8)[flat.offset * width :].reshape(-1, width)[: len(flat)]
    if not as_text:
        return np.ascontiguousarray(data[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
    high, low = (_hex(np.ascontiguousarray(data[:, i : i + 8]).view(">u8").reshape(-1)) for i in (0, 8))
    bits: U64 = high << np.uint64(32) | low
    return bits


def _hex(letters: Any) -> U64:
    """The value of eight hexadecimal digits, given as the bytes of their letters."""
    x: U64 = letters.astype(np.uint64)
    x = (x & np.uint64(0x0F0F0F0F0F0F0F0F)) + (x >> np.uint64(6) & np.uint64(0x0101010101010101)) * np.uint64(9)
    for shift, mask in ((4, 0x00FF00FF00FF00FF), (8, 0x0000FFFF0000FFFF), (16, 0xFFFFFFFF)):
        x = (x | x >> np.uint64(shift)) & np.uint64(mask)
    return x


def fetch(texts: Texts, ids: Sequence[str]) -> Iterator[tuple[int, str]]:
    """(place in `ids`, text) of each, in the order in which they come. Raises DamagedError when one is missing."""
    place = {speech_id: k for k, speech_id in enumerate(ids)}
    for speech_id, text in texts(ids):
        at = place.pop(speech_id, None)
        if at is not None:
            yield at, text
    if place:
        raise DamagedError(
            f"the {plural(len(place), 'text is', 'texts are')} missing of {counted(len(place), 'speech')}, the first is {next(iter(place))}",
            remedy="run `jianghua verify` on the dataset, and extract the site of this speech again",
        )


class Shingles:
    """Sets of 5-grams by group: loaded in bulk, at most about HELD of them held."""

    def __init__(self, speeches: Speeches, texts: Texts) -> None:
        self.speeches, self.texts = speeches, texts
        self.sets: dict[int, U64] = {}
        self.raw: dict[str, str] = {}

    def load(self, groups: Any, rows: Any) -> None:
        """Load these groups, and the texts of these rows into `raw`, asking once."""
        first = dict(zip(self.speeches.representative_ids(groups), groups.tolist(), strict=True))
        wanted = set(self.speeches.id_of(rows))
        ids = sorted(first.keys() | wanted)
        stream = fetch(self.texts, ids)
        while block := list(islice(stream, BLOCK)):
            named = [(ids[k], text) for k, text in block]
            self.raw.update((i, text) for i, text in named if i in wanted)
            grams = [(first[i], text) for i, text in named if i in first]
            self.sets.update(zip([g for g, _ in grams], shingle_sets([text for _, text in grams]), strict=True))

    def need(self, groups: Iterable[int]) -> None:
        """Load what is not there yet of these groups."""
        wanted = set(groups)
        missing = sorted(g for g in wanted if g not in self.sets)
        if len(self.sets) + len(missing) > HELD:
            self.sets = {g: self.sets[g] for g in wanted & self.sets.keys()}
        stream = fetch(self.texts, self.speeches.representative_ids(missing)) if missing else iter(())
        while block := list(islice(stream, BLOCK)):
            made = shingle_sets([text for _, text in block])
            for (k, _), grams in zip(block, made, strict=True):
                self.sets[missing[k]] = grams


def reasons(texts: Texts, raw: Mapping[str, str], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """How the copies of each pair relate, whose texts differ and fold alike. raw: texts that need not be asked for."""
    out: list[str] = []
    for start in range(0, len(pairs), HELD // 2):
        some = pairs[start : start + HELD // 2]
        ids = sorted({i for pair in some for i in pair if i not in raw})
        text = {ids[k]: t for k, t in fetch(texts, ids)} if ids else {}
        out += [folding_alike(text.get(a) or raw[a], text.get(b) or raw[b]) for a, b in some]
    return out


_NO_LETTER = re.compile(r"[\W_]+")
_STOPS = re.compile(r"[，。、；：！？（）《》“”‘’…—\s]+")
_MARKS = re.compile(r"[×*★☆○●□■＊]+")


@cache
def _simplified() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert


def relation(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """How two copies relate: exact, script_variant, mask_variant or near (punctuation or words differ)."""
    if a["text_sha256"] == b["text_sha256"]:
        return "exact"
    if a["simtext_sha256"] != b["simtext_sha256"]:
        return "near"
    return folding_alike(a["text"], b["text"])


def folding_alike(a: str, b: str) -> str:
    """How two texts relate that are not equal, and fold alike."""
    begin, end = _shared_ends(a, b)
    left, right = (x[begin : len(x) - end] for x in (a, b))
    if _letters(left) == _letters(right):
        return "mask_variant" if _marks(left) != _marks(right) else "near"
    # Conversion looks at words: whole texts, and only where there is something to convert.
    if not any(map(traditional_pattern().search, (left, right))):
        return "mask_variant"
    return "script_variant" if _to_simplified(_letters(a)) == _to_simplified(_letters(b)) else "mask_variant"


def _shared_ends(a: str, b: str) -> tuple[int, int]:
    """How many characters two texts share at their begin and at their end, up to an ideograph (which composes with nothing,
    so that what stands between can be looked at alone)."""
    begin = _common(a, b)
    while begin and not "一" <= a[begin - 1] <= "鿿":
        begin -= 1
    end = _common(a[: begin - 1 if begin else None : -1], b[: begin - 1 if begin else None : -1])
    while end and not "一" <= a[-end] <= "鿿":
        end -= 1
    return begin, end


def _common(a: str, b: str) -> int:
    """Length of the common prefix."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _letters(text: str) -> str:
    text = _STOPS.sub("", text)  # most of what normalising would change, and slow
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    return _NO_LETTER.sub("", text).lower()


def _to_simplified(text: str) -> str:
    return _simplified()(text) if traditional_pattern().search(text) else text


def _marks(text: str) -> str:
    """Masks made of signs (×× ** ★), which folding cannot tell from punctuation."""
    return "".join(_MARKS.findall(text))
