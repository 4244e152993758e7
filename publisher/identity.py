"""Which published id a record gets: ids follow the texts when the parts of a page change in number or order.

Extraction makes an id from site, page and part number, and never knows what was published before. Here the rows of a page are
compared with those that the parent version has of it:

1. One speech before and one now: it is the same speech, however much its text changed.
2. Equal texts keep their id, then texts that fold alike (crawler/extraction/fold.py): of several copies those with the same part
   number first, then in the order of the parts.
3. What is left is paired so that the sum of the Jaccard similarities of character 5-grams is as large as it can be, and with equal
   sums the part numbers move least. A pair needs SHARE of the 5-grams of its shorter text in common.
   So of a speech split in two the larger piece keeps the id, two speeches that become one give it the id of the larger, and when a page
   of one speech turns out to be a compilation, the part that holds most of the old text keeps the id: it is found where it was cited.
4. A text that left these pages before and is back gets the id that it had.
5. All others are new speeches. They get the id that extraction made, or, where that was another text's, the next one that is free.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crawler.extraction.fold import fold
from publisher.similarity import I64, shingle_set

# Two speeches of one page on one subject share a few hundredths; of an edited one at least half of the 5-grams stay when every eighth
# character is another.
SHARE = 0.3


@dataclass(frozen=True, slots=True)
class _Row:
    """A row by what decides on its id. Sorted in the order of its page, whatever the order of the table."""

    site: str
    page_url: str
    part: int
    text_sha256: str
    simtext_sha256: str
    id: str
    text: str


def reconcile(
    old: pa.Table, new: pa.Table, taken: Collection[str], removed: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The published id of each new row, by the id that its record has.

    old: what the parent version has of some pages; new: what the records have of the same pages, each id once; both with the columns
    speech_id, site, page_url, part, text, text_sha256 and simtext_sha256, rows in any order. taken: ids that a new speech may not get
    because another text had them, e.g. those of tombstones; ids of `old` need not be among them. removed: text_sha256 by id of
    speeches of these pages that left, as far as it is known: a text that comes back gets its id again, taken or not.

    Published ids are unique, and depend on nothing but the rows. With the published ids put into `new`, or with the result as `old`,
    nothing changes.
    """
    before, now = _rows(old), _rows(new)
    kept: dict[str, str] = {}
    for olds, news in _pages(before, now):
        pairs = [(olds[0], news[0])] if len(olds) == len(news) == 1 else _pairs(olds, news)
        kept.update((n.id, o.id) for o, n in pairs)
    there = {r.id for r in before}
    left: dict[tuple[str, str], list[str]] = defaultdict(list)  # ids by site and text
    for i, text in sorted((removed or {}).items(), reverse=True):
        if i not in there:
            left[_site(i), text].append(i)
    for row in now:
        if row.id not in kept and (ids := left.get((row.site, row.text_sha256))):
            kept[row.id] = ids.pop()
    used = there | set(taken) | set(kept.values()) | set(removed or ())
    for row in now:
        if row.id not in kept:
            kept[row.id] = next(i for i in candidates(row.id) if i not in used)
            used.add(kept[row.id])
    return {row.id: kept[row.id] for row in now}


def candidates(record_id: str) -> Iterator[str]:
    """The ids that a new speech may get, in this order: its record's, then others made from it."""
    yield record_id
    number = 2
    while True:
        digest = hashlib.sha256("\0".join((record_id, str(number))).encode()).hexdigest()
        yield f"{_site(record_id)}:{digest[:20]}"
        number += 1


def _site(speech_id: str) -> str:
    return speech_id.rpartition(":")[0]


def _rows(table: pa.Table) -> list[_Row]:
    columns = ("site", "page_url", "part", "text_sha256", "simtext_sha256", "speech_id", "text")
    values = zip(*(table[c].to_pylist() for c in columns), strict=True)
    return sorted((_Row(*v) for v in values), key=lambda r: (r.site, r.page_url, r.part, r.text_sha256, r.id))


def _pages(old: list[_Row], new: list[_Row]) -> Iterator[tuple[list[_Row], list[_Row]]]:
    """The rows of each page, old and new. A page that has another address now (another host, https) is known by an id."""
    page: dict[Hashable, Hashable] = {}

    def root(x: Hashable) -> Hashable:
        page.setdefault(x, x)
        while page[x] != x:
            page[x] = page[page[x]]
            x = page[x]
        return x

    for row in (*old, *new):
        page[root(row.id)] = root((row.site, row.page_url))
    groups: dict[Hashable, tuple[list[_Row], list[_Row]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((old, new)):
        for row in rows:
            groups[root(row.id)][side].append(row)
    yield from groups.values()


def _pairs(old: list[_Row], new: list[_Row]) -> list[tuple[_Row, _Row]]:
    """Which old row and which new one are the same speech."""
    pairs: list[tuple[_Row, _Row]] = []
    rules: tuple[Callable[[_Row], Hashable], ...] = (
        lambda r: (r.text_sha256, r.part),
        lambda r: r.text_sha256,
        lambda r: (r.simtext_sha256, r.part),
        lambda r: r.simtext_sha256,
    )
    for rule in rules:
        waiting: dict[Hashable, list[_Row]] = defaultdict(list)
        for o in reversed(old):
            waiting[rule(o)].append(o)
        found = [(waiting[rule(n)].pop(), n) for n in new if waiting[rule(n)]]
        pairs += found
        gone = {id(r) for pair in found for r in pair}
        old, new = ([r for r in rows if id(r) not in gone] for rows in (old, new))
    if old and new:
        weights = _weights(old, new)
        pairs += [(old[i], new[j]) for i, j in assignment(weights)]
    return pairs


def _weights(old: list[_Row], new: list[_Row]) -> I64:
    """How alike old and new rows are, old by new: millionths of the Jaccard similarity, and below them how near their part numbers are.
    Zero: not the same speech."""
    sets = [shingle_set(fold(r.text)) for r in old]
    hashes = np.concatenate(sets)
    owner = np.repeat(np.arange(len(old)), [len(s) for s in sets])
    order = np.argsort(hashes, kind="stable")
    hashes, owner = hashes[order], owner[order]
    sizes = np.array([len(s) for s in sets], np.int64)
    parts = np.array([r.part for r in old], np.int64)
    out = np.zeros((len(old), len(new)), np.int64)
    for j, row in enumerate(new):
        mine = shingle_set(fold(row.text))
        first, last = np.searchsorted(hashes, mine, "left"), np.searchsorted(hashes, mine, "right")
        runs = last - first
        at = np.repeat(first, runs) + np.arange(runs.sum()) - np.repeat(np.cumsum(runs) - runs, runs)
        shared = np.bincount(owner[at], minlength=len(old)).astype(np.int64)
        alike = (shared > 0) & (shared >= SHARE * np.minimum(sizes, len(mine)))
        millionths = 1_000_000 * shared // np.maximum(sizes + len(mine) - shared, 1)
        near = np.maximum(999 - np.abs(parts - row.part), 0)
        out[alike, j] = (1_000 * millionths + near)[alike]
    return out


def assignment(weights: npt.ArrayLike) -> list[tuple[int, int]]:
    """The pairs (row, column), each row and column at most once, whose weights have the largest sum; pairs of weight 0 are left out.

    weights: whole numbers from 0, rows by columns. The Hungarian method with shortest augmenting paths, in time n²m (n ≤ m the two sides).
    """
    matrix = np.asarray(weights, np.int64)
    if matrix.shape[0] > matrix.shape[1]:
        return sorted((i, j) for j, i in assignment(matrix.T))
    n, m = matrix.shape
    if not n:
        return []
    cost = np.zeros((n, m + 1), np.int64)
    cost[:, 1:] = -matrix
    up, down = np.zeros(n, np.int64), np.zeros(m + 1, np.int64)  # potentials of rows and columns
    row_of = np.full(m + 1, -1, np.int64)  # column 0 stands for "none"
    far = np.iinfo(np.int64).max // 4
    for i in range(n):
        row_of[0] = i
        column = 0
        nearest = np.full(m + 1, far)
        way = np.zeros(m + 1, np.int64)
        done = np.zeros(m + 1, bool)
        while row_of[column] >= 0:
            done[column] = True
            row = row_of[column]
            reach = cost[row] - up[row] - down
            better = ~done & (reach < nearest)
            nearest[better], way[better] = reach[better], column
            free = np.where(done, far, nearest)
            following = int(np.argmin(free))
            step = free[following]
            up[row_of[done]] += step
            down[done] -= step
            nearest[~done] -= step
            column = following
        while column:
            row_of[column] = row_of[way[column]]
            column = int(way[column])
    return sorted((int(row_of[j]), j - 1) for j in range(1, m + 1) if row_of[j] >= 0 and matrix[row_of[j], j - 1] > 0)
