"""The speeches among which copies are sought: their facts by row, which of them fold alike, and their texts when needed."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from binascii import unhexlify
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
from publisher.layout import flat
from publisher.similarity import BLOCK, I64, U64, shingle_sets, spread

# Gives (row, text) of the speeches asked for by their rows, in any order.
Texts = Callable[[I64], Iterable[tuple[int, str]]]

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
        self.ids = flat(facts["speech_id"])
        self.text_sha = flat(facts["text_sha256"])
        self.preview = np.asarray(flat(facts["is_preview"]))
        self.chars = flat(facts["chars"])
        self.at = flat(facts["published_at"])
        keys = _first_bits(flat(facts["simtext_sha256"]))
        empty = keys == _EMPTY
        keys[empty] = _first_bits(self.text_sha.filter(pa.array(empty))) ^ _OWN
        self.rows = _order(keys)
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

    def rows_of(self, groups: I64) -> tuple[I64, I64]:
        """The rows of these groups, one group after the other, and how many each has."""
        counts = self.edges[groups + 1] - self.edges[groups]
        return self.rows[spread(self.edges[groups], counts)], counts

    def standing(self, rows: I64) -> tuple[I64, I64]:
        """The places of these rows in the order in which they stand for their copies (whole, longest, earliest published, smallest id),
        and in the order of their ids."""
        places = pa.array(rows)
        at = self.at.take(places)
        # null comes last: nobody knows whether it was earlier
        when = pc.fill_null(at.cast(pa.timestamp("ms", at.type.tz)).cast(pa.int64()), _NEVER).to_numpy()
        chars = self.chars.take(places).to_numpy(zero_copy_only=False)
        by_id = _places(pc.sort_indices(self.ids.take(places)).to_numpy().astype(np.int64))
        return _places(np.lexsort((by_id, when, -chars.astype(np.int64), self.preview[rows]))), by_id

    def id_of(self, rows: Any) -> list[str]:
        """The speech_id of each of these rows."""
        if len(rows) < 30:
            return [self.ids[r].as_py() for r in rows]
        found: list[str] = self.ids.take(pa.array(rows, pa.int64())).to_pylist()
        return found

    def representatives(self, groups: Any) -> I64:
        """A row of each group: its text folds as all of them do."""
        found: I64 = self.rows[self.first[groups]]
        return found

    def fetch(self, texts: Texts, rows: I64, names: I64 | None = None) -> Iterator[tuple[int, str]]:
        """(name, text) of each, in the order in which they come; names: by default the places in `rows`. Raises DamagedError when one
        is missing."""
        place = dict(zip(rows.tolist(), range(len(rows)) if names is None else names.tolist(), strict=True))
        for row, text in texts(rows) if len(rows) else ():
            at = place.pop(row, None)
            if at is not None:
                yield at, text
        if place:
            first = self.ids[next(iter(place))].as_py()
            raise DamagedError(
                f"the {plural(len(place), 'text is', 'texts are')} missing of {counted(len(place), 'speech')}, the first is {first}",
                remedy="run `jianghua verify` on the dataset, and extract the site of this speech again",
            )


def _places(order: I64) -> I64:
    """Where each stands in an order that names who comes first, second, …"""
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places


def _first_bits(digests: pa.Array) -> U64:
    """The first 64 bits of SHA-256 digests, given in hex or as 32 bytes."""
    if not len(digests):
        return np.zeros(0, np.uint64)
    as_text = not pa.types.is_fixed_size_binary(digests.type)
    width = 16 if as_text else 8
    if as_text:
        large = pa.types.is_large_string(digests.type)
        digests = digests.cast(pa.large_binary() if large else pa.binary())
    # cut first: whole digests would be copied for nothing
    first = pc.binary_slice(digests, 0, width).cast(pa.binary(width))
    data = memoryview(first.buffers()[1])[first.offset * width : (first.offset + len(first)) * width]
    return np.frombuffer(unhexlify(data) if as_text else data, ">u8").astype(np.uint64)


def _order(keys: U64) -> I64:
    """`argsort` of keys that are spread over all 64 bits, equal ones in their order; in a third of the time."""
    order = np.argsort((keys >> np.uint64(32)).astype(np.uint16), kind="stable")  # 16 bits are sorted by counting
    order = order[np.argsort((keys >> np.uint64(48)).astype(np.uint16)[order], kind="stable")]
    ordered = keys[order]
    high = ordered >> np.uint64(32)
    for i in np.flatnonzero(ordered[1:] < ordered[:-1]).tolist():  # hardly any share their first half but are not equal
        run = slice(*(int(np.searchsorted(high, high[i], side)) for side in ("left", "right")))
        rows = np.sort(order[run])
        order[run] = rows[np.argsort(keys[rows], kind="stable")]
    return order


class Shingles:
    """Sets of 5-grams by group: loaded in bulk, at most about HELD of them held."""

    def __init__(self, speeches: Speeches, texts: Texts) -> None:
        self.speeches, self.texts = speeches, texts
        self.sets: dict[int, U64] = {}
        self.raw: dict[int, str] = {}

    def load(self, groups: I64, rows: I64) -> None:
        """Load these groups, and the texts of these rows into `raw`, asking once."""
        first = dict(zip(self.speeches.representatives(groups).tolist(), groups.tolist(), strict=True))
        wanted = set(rows.tolist())
        every = np.array(sorted(first.keys() | wanted), np.int64)
        stream = self.speeches.fetch(self.texts, every)
        while block := list(islice(stream, BLOCK)):
            named = [(int(every[k]), text) for k, text in block]
            self.raw.update((i, text) for i, text in named if i in wanted)
            grams = [(first[i], text) for i, text in named if i in first]
            self.sets.update(zip([g for g, _ in grams], shingle_sets([text for _, text in grams]), strict=True))

    def need(self, groups: Iterable[int]) -> None:
        """Load what is not there yet of these groups."""
        wanted = set(groups)
        missing = sorted(g for g in wanted if g not in self.sets)
        if len(self.sets) + len(missing) > HELD:
            self.sets = {g: self.sets[g] for g in wanted & self.sets.keys()}
        asked = np.array(missing, np.int64)
        stream = self.speeches.fetch(self.texts, self.speeches.representatives(asked)) if missing else iter(())
        while block := list(islice(stream, BLOCK)):
            made = shingle_sets([text for _, text in block])
            for (k, _), grams in zip(block, made, strict=True):
                self.sets[missing[k]] = grams


def reasons(speeches: Speeches, texts: Texts, raw: Mapping[int, str], pairs: Sequence[tuple[int, int]]) -> list[str]:
    """How the copies of each pair of rows relate, whose texts differ and fold alike. raw: texts that need not be asked for."""
    out: list[str] = []
    for start in range(0, len(pairs), HELD // 2):
        some = pairs[start : start + HELD // 2]
        rows = np.array(sorted({r for pair in some for r in pair if r not in raw}), np.int64)
        text = {int(rows[k]): t for k, t in speeches.fetch(texts, rows)}
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
