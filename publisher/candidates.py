"""Which pairs of texts are worth a look: near ones by bands of their signatures, contained ones by their rarest sampled 5-grams.

Both rules are functions of the texts that are asked about, whatever else the index holds and however its runs are cut.
A rule is worked out in two ways that give the same pairs: for all texts by walking over the index, for a few by asking it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from publisher.similarity import I64, MINIMA, U32, U64, sorted_in_buckets, spread
from publisher.sketches import BANDS, ROW_BITS, Run, band_entries, samples_of

RAREST = 8  # sampled hashes by which a text looks for its containers
COMMON = 128  # a hash in more texts than this is a stock phrase and proposes nothing
CROWD = 32  # more texts that share a band are a family or a stock phrase …
WINDOW = 4  # … and each is paired with so many before and after it only, in the order of their keys
FEW = 0.05  # of the texts: fewer are asked about one by one
PIECE = 2_000_000  # entries worked on at a time: bounds the memory

Flags = npt.NDArray[np.bool_]

_ROW = np.uint64((1 << ROW_BITS) - 1)
_SHIFT = np.uint64(ROW_BITS)
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


class View:
    """The index as seen by n texts, numbered 0 … n-1 in the order of their keys (sorted, distinct; all in the runs)."""

    def __init__(self, runs: Sequence[Run], keys: U64) -> None:
        self.n = len(keys)
        self.keys = keys
        self.runs = [r for r in runs if len(r.keys)]
        self.texts: list[npt.NDArray[np.int32]] = []  # of each row of each run, -1 where nobody asks about it
        self.dead: list[int] = []
        self.run = np.zeros(self.n, np.int32)
        self.row = np.zeros(self.n, np.int64)
        self.sizes = np.zeros(self.n, np.uint32)
        self.counts = np.zeros(self.n, np.uint32)
        for number, run in enumerate(self.runs):
            at = np.minimum(np.searchsorted(keys, run.keys), max(self.n - 1, 0)).astype(np.int32)
            rows = np.flatnonzero(keys[at] == run.keys) if self.n else np.zeros(0, np.int64)
            text = np.full(len(run.keys), -1, np.int32)
            text[rows] = at[rows]
            self.texts.append(text)
            self.dead.append(len(run.keys) - len(rows))
            self.run[at[rows]] = number
            self.row[at[rows]] = rows
            self.sizes[at[rows]] = run.sizes[rows]
            self.counts[at[rows]] = run.counts[rows]

    def _gathered(self, texts: I64, of: Callable[[Run, I64], Any], out: Any) -> Any:
        for number, run in enumerate(self.runs):
            mine = np.flatnonzero(self.run[texts] == number)
            if len(mine):
                out[mine] = of(run, self.row[texts[mine]])
        return out

    def signatures(self, texts: I64) -> Any:
        """n x 128"""
        return self._gathered(texts, lambda run, rows: run.signatures[rows], np.empty((len(texts), MINIMA), np.uint16))

    def samples(self, texts: I64) -> tuple[I64, U32]:
        """The sampled hashes of these texts, with the place (in `texts`) of the text that has them, in this order."""
        owners, hashes = [np.zeros(0, np.int64)], [np.zeros(0, np.uint32)]
        for number, run in enumerate(self.runs):
            mine = np.flatnonzero(self.run[texts] == number)
            rows = self.row[texts[mine]]
            owners.append(np.repeat(mine, run.counts[rows]))
            hashes.append(samples_of(run, rows))
        owner, hashed = np.concatenate(owners), np.concatenate(hashes)
        order = np.argsort(owner, kind="stable")
        return owner[order], hashed[order]


def near(view: View, asked: Flags, floor: Callable[[I64, I64], Any]) -> tuple[I64, I64]:
    """Pairs (i < j), at least one of them asked about, that share a band, and whose estimated similarity reaches floor(i, j).

    Of the texts that share a band each is paired with every other, but in a crowd with a few next to it, so that families
    and stock phrases of thousands of texts cost no more than a multiple of their number.
    """
    pairs = _Pairs(view, floor)
    texts = np.flatnonzero(asked)
    if len(texts) > FEW * view.n:
        for band in range(BANDS):
            _walk(view, band, asked, pairs)
    elif len(texts):
        for start in range(0, len(texts), 1024):
            _ask(view, texts[start : start + 1024], pairs)
    return pairs.done()


class _Pairs:
    """Collects pairs, each once, and lets go early of those that are not similar enough."""

    def __init__(self, view: View, floor: Callable[[I64, I64], Any]) -> None:
        self.view, self.floor = view, floor
        self.waiting: list[U64] = []
        self.count = 0
        self.kept: list[U64] = []

    def add(self, i: Any, j: Any) -> None:
        if len(i):
            code = np.minimum(i, j).astype(np.uint64) << _HALF | np.maximum(i, j).astype(np.uint64)
            self.waiting.append(code)
            self.count += len(code)
            if self.count > PIECE:
                self._sift()

    def _sift(self) -> None:
        codes = _distinct(np.concatenate(self.waiting)) if self.waiting else np.zeros(0, np.uint64)
        self.waiting, self.count = [], 0
        for start in range(0, len(codes), 50_000):
            some = codes[start : start + 50_000]
            i, j = _parted(some)
            same = np.count_nonzero(self.view.signatures(i) == self.view.signatures(j), axis=1)
            self.kept.append(some[same >= self.floor(i, j) * MINIMA])

    def done(self) -> tuple[I64, I64]:
        self._sift()
        return _parted(_distinct(np.concatenate(self.kept)) if self.kept else np.zeros(0, np.uint64))


def _distinct(values: Any) -> Any:
    values = np.sort(values)
    return values[np.concatenate([[True], values[1:] != values[:-1]])] if len(values) else values


def _parted(codes: U64) -> tuple[I64, I64]:
    return (codes >> _HALF).astype(np.int64), (codes & _LOW).astype(np.int64)


def _shared(view: View, entries: Sequence[U64]) -> U64:
    """What several of the texts have among the (sorted) entries of each run, as (32 bits << 32 | text), sorted."""
    parts = []
    for some, known in zip(entries, view.texts, strict=True):
        if len(entries) == 1:
            some = some[_twice(some >> _SHIFT)]
        text = known[some & _ROW]
        codes = some >> _SHIFT << _HALF | text.astype(np.uint64)
        parts.append(codes if len(text) and text.min() >= 0 else codes[text >= 0])
    codes = np.concatenate(parts) if parts else np.zeros(0, np.uint64)
    if len(parts) > 1:
        codes.sort()
    return np.asarray(codes[_twice(codes >> _HALF)])


def _twice(ordered: U64) -> Flags:
    """Which values stand there more than once."""
    same = ordered[1:] == ordered[:-1]
    out = np.zeros(len(ordered), np.bool_)
    out[1:] = same
    out[:-1] |= same
    return out


def _walk(view: View, band: int, asked: Flags, pairs: _Pairs) -> None:
    """The pairs of one band among all texts."""
    codes = _shared(view, [run.bands[band * run.in_bands : (band + 1) * run.in_bands] for run in view.runs])
    key, owner = codes >> _HALF, (codes & _LOW).astype(np.int64)
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.zeros(0, np.int64)
    size = np.diff(np.append(first, len(key)))
    begin, size = first[size > 1], size[size > 1]
    left = np.repeat(begin + size, size) - spread(begin, size) - 1  # how many of the same key follow
    at = spread(begin, size)
    reach = np.minimum(left, np.repeat(np.where(size > CROWD, WINDOW, CROWD), size))
    for step in range(1, CROWD):
        at, reach = at[reach >= step], reach[reach >= step]
        if not len(at):
            break
        i, j = owner[at], owner[at + step]
        wanted = asked[i] | asked[j]
        pairs.add(i[wanted], j[wanted])


def _ask(view: View, texts: I64, pairs: _Pairs) -> None:
    """The pairs of some texts, in all bands."""
    texts = texts[view.sizes[texts] > 0]
    entries = band_entries(view.signatures(texts)).reshape(-1)
    text = np.repeat(texts, BANDS)
    order = np.argsort(entries)
    entries, text = entries[order], text[order]
    questions, others = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for run, known, dead in zip(view.runs, view.texts, view.dead, strict=True):
        row = np.searchsorted(run.keys, view.keys[texts]).astype(np.uint64)  # where the text stands or would stand
        low = np.searchsorted(run.bands, entries)
        high = _ends(run.bands, low, entries | _ROW)
        middle = low.copy()
        some = np.flatnonzero(high - low > CROWD + 1)  # fewer are taken all, wherever one begins
        middle[some] = np.searchsorted(run.bands, entries[some] | row[np.searchsorted(texts, text[some])])
        for edge in (high, low):
            question, other = _nearest(run, known, dead, middle, edge)
            questions.append(question)
            others.append(other)
    question, other = np.concatenate(questions), np.concatenate(others)
    distance = other - text[question]
    question, other, distance = (x[distance != 0] for x in (question, other, distance))
    crowd = np.bincount(question, minlength=len(text))[question] >= CROWD
    # Each run gave its nearest; of them all the nearest count.
    order = np.lexsort((np.abs(distance), distance > 0, question))
    question, other, crowd, ahead = question[order], other[order], crowd[order], distance[order] > 0
    close = ~crowd | (_rank(question * 2 + ahead) < WINDOW)
    pairs.add(text[question[close]], other[close])


def _nearest(run: Run, known: npt.NDArray[np.int32], dead: int, start: I64, edge: I64) -> tuple[I64, I64]:
    """For each question the texts of at least CROWD + 1 entries from start towards edge (all, where there are fewer)."""
    questions, others = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    open_ones = np.flatnonzero(start != edge)
    width = CROWD + 1
    while len(open_ones):
        a, b = start[open_ones], edge[open_ones]
        count = np.minimum(np.abs(b - a), width)
        question = np.repeat(open_ones, count)
        other = known[run.bands[spread(np.where(b > a, a, a - count), count)] & _ROW]
        live = other >= 0
        enough = count == np.abs(b - a)
        if dead:
            found = np.bincount(question[live], minlength=len(start))[open_ones]
            enough |= found > CROWD
        else:
            enough[:] = True
        use = live & np.repeat(enough, count)
        questions.append(question[use])
        others.append(other[use].astype(np.int64))
        open_ones = open_ones[~enough]
        width *= 4
    return np.concatenate(questions), np.concatenate(others)


def _rank(ordered: I64) -> I64:
    """How many equal values stand before each."""
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else ordered
    return np.arange(len(ordered)) - np.repeat(first, np.diff(np.append(first, len(ordered))))


def contained(view: View, asked: Flags, shortest: float, longer: float) -> tuple[I64, I64]:
    """Pairs (short, long), at least one of them asked about: at least half of the RAREST sampled 5-grams that the short text
    shares with any other, and that are no stock phrases, stand in the long one.

    shortest: distinct 5-grams a text needs to be looked at; longer: how many times as long a container must be.
    """
    rule = _Rule(view, shortest, longer)
    texts = np.flatnonzero(asked)
    if len(texts) > FEW * view.n:
        short, long = _answers(rule, *_questions_of_all(rule))
        wanted = asked[short] | asked[long]
        return short[wanted], long[wanted]
    if not len(texts):
        return texts, texts
    mine = _sampled(view, texts)
    holders = partial(_holders, view)
    one = _answers(rule, _rarest(*_part(mine, rule.looks[mine[0]])), holders)
    askers = _askers(rule, mine)
    two = _answers(rule, _rarest(*_sampled(view, askers[~asked[askers]])), holders)
    wanted = asked[two[1]]
    codes = np.concatenate([a << 32 | b for a, b in (one, (two[0][wanted], two[1][wanted]))])
    return _parted(np.sort(codes).astype(np.uint64))


class _Rule:
    """looks: texts that look for containers; needs: how many of a text's questions a container must answer."""

    def __init__(self, view: View, shortest: float, longer: float) -> None:
        self.view = view
        # sizes are estimates: the true ones decide later
        self.looks: Flags = (view.counts >= 2) & (view.sizes >= 0.8 * shortest)
        self.needs: I64 = (np.minimum(view.counts, RAREST).astype(np.int64) + 1) // 2
        self.longer = 0.88 * longer

    def may(self, short: I64, long: I64) -> Flags:
        """Whether `short` looks for containers, and `long` is long enough for one."""
        sizes = self.view.sizes
        return np.asarray(self.looks[short] & (sizes[long] >= self.longer * sizes[short]))


Questions = tuple[I64, U32, I64]  # texts that ask (sorted), hashes they ask for, and in how many texts each stands
Holders = Callable[
    [Questions], tuple[I64, I64]
]  # the texts that have what is asked for, as (number of the question, text)


def _telling(frequency: Any) -> Flags:
    """Which hashes stand in another text too, and are no stock phrases."""
    return np.asarray((frequency > 1) & (frequency <= COMMON))


def _part(questions: Questions, which: Flags) -> Questions:
    owner, hashes, frequency = questions
    return owner[which], hashes[which], frequency[which]


def _rarest(owner: I64, hashes: U32, frequency: I64) -> Questions:
    owner, hashes, frequency = _part((owner, hashes, frequency), _telling(frequency))
    order = np.lexsort((hashes, frequency, owner))
    order = order[_rank(owner[order]) < RAREST]
    return owner[order], hashes[order], frequency[order]


def _sampled(view: View, texts: I64) -> Questions:
    """All that these texts (sorted) could ask for."""
    owner, hashes = view.samples(texts)
    distinct, of = np.unique(hashes, return_inverse=True)
    return texts[owner], hashes, _frequencies(view, distinct)[of]


def _questions_of_all(rule: _Rule) -> tuple[Questions, Holders]:
    """What all texts ask for and who has it, by one walk over the postings, a part of the hashes at a time. In place of a hash stands
    where those begin that have it: such numbers have the order of the hashes."""
    view = rule.view
    total = sum(len(r.postings) for r in view.runs)
    cuts = np.linspace(0, 1 << 32, max(2, total // PIECE + 2)).astype(np.uint64)
    found, having, passed = [np.zeros(0, np.uint64)], [np.zeros(0, np.int32)], 0
    for low, high in pairwise(cuts):
        cut = np.array([low, high]) << _SHIFT
        codes = _shared(view, [r.postings[slice(*np.searchsorted(r.postings, cut))] for r in view.runs])
        if not len(codes):
            continue
        hashes = codes >> _HALF
        first = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
        length = np.diff(np.append(first, len(hashes)))
        text = codes[np.repeat(_telling(length), length)] & _LOW
        length = length[_telling(length)]
        begin = passed + np.cumsum(length) - length
        each = length.astype(np.uint64) << _HALF | begin.astype(np.uint64)
        packed = text << np.uint64(40) | np.repeat(each, length)
        found.append(packed[rule.looks[text.astype(np.int64)]])
        having.append(text.astype(np.int32))
        passed += len(text)
    packed, texts = np.concatenate(found), np.concatenate(having)
    packed = sorted_in_buckets(
        packed, ((packed >> np.uint64(40)) * np.uint64(256) // np.uint64(max(view.n, 1))).astype(np.uint8)
    )
    packed = packed[_rank((packed >> np.uint64(40)).view(np.int64)) < RAREST]

    def holders(questions: Questions) -> tuple[I64, I64]:
        _, begin, length = questions
        return np.repeat(np.arange(len(begin)), length), texts[spread(begin, length)].astype(np.int64)

    questions = (
        (packed >> np.uint64(40)).astype(np.int64),
        (packed & _LOW).astype(np.uint32),
        ((packed >> _HALF) & np.uint64(0xFF)).astype(np.int64),
    )
    return questions, holders


def _spans(run: Run, hashes: U32) -> tuple[I64, I64]:
    """Where the postings of each hash begin, and how many there are."""
    codes = hashes.astype(np.uint64) << _SHIFT
    begin = np.searchsorted(run.postings, codes)
    return begin, _ends(run.postings, begin, codes | _ROW) - begin


def _ends(ordered: U64, begin: I64, last: U64) -> I64:
    """Where those entries end that begin at `begin` and are not above `last`; searched only for where there is one."""
    end = begin.copy()
    inside = np.flatnonzero(begin < len(ordered))
    some = inside[ordered[begin[inside]] <= last[inside]]
    end[some] = np.searchsorted(ordered, last[some], side="right")
    return end


def _frequencies(view: View, hashes: U32) -> I64:
    """In how many of the texts each hash stands; more than COMMON counts as COMMON + 1. Hashes sorted and distinct."""
    total = np.zeros(len(hashes), np.int64)
    for run, known, dead in zip(view.runs, view.texts, view.dead, strict=True):
        begin, count = _spans(run, hashes)
        if dead:
            unsure = np.flatnonzero((count > 0) & (count <= COMMON + dead))
            for start in range(0, len(unsure), 10_000):
                some = unsure[start : start + 10_000]
                live = known[run.postings[spread(begin[some], count[some])] & _ROW] >= 0
                count[some] = np.bincount(np.repeat(np.arange(len(some)), count[some])[live], minlength=len(some))
        total += count
    return np.minimum(total, COMMON + 1)


def _holders(view: View, questions: Questions) -> tuple[I64, I64]:
    """`Holders` that look into the index, of its hashes."""
    order = np.argsort(questions[1], kind="stable")  # one after the other they are found sooner
    hashes = questions[1][order]
    numbers, texts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for run, known in zip(view.runs, view.texts, strict=True):
        begin, count = _spans(run, hashes)
        text = known[run.postings[spread(begin, count)] & _ROW]
        live = text >= 0
        numbers.append(np.repeat(order, count)[live])
        texts.append(text[live].astype(np.int64))
    return np.concatenate(numbers), np.concatenate(texts)


def _pieces(questions: Questions) -> list[Questions]:
    """Questions in pieces that bound the answers, and never part what one text asks."""
    owner, hashes, frequency = questions
    if not len(owner):
        return []
    first = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]]))
    piece = (np.cumsum(frequency)[first] - frequency[first]) // PIECE
    cuts = first[np.flatnonzero(np.concatenate([[True], piece[1:] != piece[:-1]]))]
    edges = np.append(cuts, len(owner)).tolist()
    return [(owner[a:b], hashes[a:b], frequency[a:b]) for a, b in pairwise(edges)]


def _counted(questions: Questions, holders: Holders, may: Callable[[I64, I64], Flags]) -> tuple[I64, I64, I64]:
    """Which other text answers how many of the questions of each text: (asking, other, count), sorted. may: which of (asking, other)
    are wanted at all."""
    number, other = holders(questions)
    asking = questions[0][number]
    wanted = (asking != other) & may(asking, other)
    codes, count = np.unique(asking[wanted] << 32 | other[wanted], return_counts=True)
    return codes >> 32, codes & 0xFFFFFFFF, count


def _answers(rule: _Rule, questions: Questions, holders: Holders) -> tuple[I64, I64]:
    found = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    for piece in _pieces(questions):
        short, long, count = _counted(piece, holders, rule.may)
        enough = count >= rule.needs[short]
        found.append((short[enough], long[enough]))
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def _askers(rule: _Rule, sampled: Questions) -> I64:
    """Texts that may find one of these as their container: they share enough sampled hashes with it, rare or not."""
    found = [np.zeros(0, np.int64)]
    for piece in _pieces(_part(sampled, _telling(sampled[2]))):
        _, short, count = _counted(piece, partial(_holders, rule.view), lambda long, short: rule.may(short, long))
        found.append(short[count >= rule.needs[short]])
    return np.unique(np.concatenate(found))
