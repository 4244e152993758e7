"""Copies of one speech (`duplicates`) and speeches inside longer ones (`contained`), from the texts alone.

Texts that fold alike are copies by definition; other copies are near: their true Jaccard similarity reaches NEAR, or
NEAR_PREVIEW where one is a preview that stands almost wholly in the other. Clusters are what these pairs connect.

What the parent version says of speeches that nobody touched is carried over. A cluster that a member left, or in which one
changed, is dissolved, and what remains of it is examined again together with the touched speeches. The result is a function
of what is handed in, whatever the order: a kept sketch index changes what it costs and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from publisher import candidates
from publisher.copies import HELD, REASONS, Shingles, Speeches, Texts, reasons, relation
from publisher.memory import keep_freed
from publisher.similarity import I64, MINIMA, overlap
from publisher.sketches import forget, opened
from publisher.tables import CONTAINED, DUPLICATES

__all__ = [
    "COLUMNS",
    "NEAR",
    "NEAR_PREVIEW",
    "SHARE",
    "Relations",
    "relate",
    "relation",
    "texts_of",
]

NEAR = 0.55  # copies by hand measure above .7 of 4-grams, texts that merely share passages below .4
NEAR_PREVIEW = 0.45  # a preview that shows half of its whole
SHARE = 0.9  # of the shorter text's 5-grams, for `contained`
LONGER = 1.25  # how many times as long a container is
SHORTEST = 60  # distinct 5-grams; what is shorter stands in other texts by chance

COLUMNS = ("speech_id", "text_sha256", "simtext_sha256", "is_preview", "chars", "published_at")

_EXACT, _NEAR = REASONS.index("exact"), REASONS.index("near")

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Relations:
    """The two tables, with the published schemas, sorted by key."""

    duplicates: pa.Table
    contained: pa.Table


def relate(
    facts: pa.Table,
    texts: Texts,
    *,
    old: Relations | None = None,
    touched: Collection[str] | None = None,
    index: Path | None = None,
) -> Relations:
    """Find copies and containments among speeches.

    facts: the speeches of the version, at least COLUMNS, speech_id unique. texts: gives (row, text) of those asked for by
    their rows in `facts`, in any order; it is asked for many at once, and read as a stream. old: the tables of the parent version. touched:
    the speeches that are new or whose facts changed since; None: all, as without `old`. index: folder of the kept sketch
    index, which belongs to one publish at a time; None: sketches are made for this once.

    Raises DamagedError when `texts` does not give a text, JianghuaError when the index cannot be written.
    """
    keep_freed()
    speeches = Speeches(facts.select(list(COLUMNS)))
    past = _Past(speeches, old, touched)
    sketched = np.flatnonzero(~speeches.bare)

    def ask(places: I64) -> Iterator[tuple[int, str]]:
        return speeches.fetch(texts, speeches.representatives(sketched[places]), places)

    preview = speeches.any(speeches.preview)[sketched]
    floors = [_floor(NEAR), _floor(NEAR_PREVIEW)]

    with opened(index, speeches.keys[sketched], ask) as runs:
        view = candidates.View(runs, speeches.keys[sketched])
        asked = past.asked[sketched]
        near = candidates.near(view, asked, lambda i, j: np.where(preview[i] | preview[j], floors[1], floors[0]))
        forget(runs)
        within = candidates.contained(view, asked, SHORTEST, LONGER)
        forget(runs)
        del runs, view
    work = _Work(speeches, texts, past)
    work.examine(sketched[near[0]], sketched[near[1]], sketched[within[0]], sketched[within[1]])
    return Relations(
        pa.concat_tables([past.duplicates(work.joined), work.duplicates()]).sort_by("speech_id").combine_chunks(),
        pa.concat_tables([past.contained(), work.contained()])
        .sort_by([("speech_id", "ascending"), ("container_id", "ascending")])
        .combine_chunks(),
    )


def texts_of(speeches: pa.Table) -> Texts:
    """The texts of a table of speeches that has them, as `relate` asks for them when this table tells the facts."""

    def texts(rows: I64) -> Iterator[tuple[int, str]]:
        for start in range(0, len(rows), 1000):
            some = rows[start : start + 1000]
            yield from zip(some.tolist(), speeches["text"].take(pa.array(some)).to_pylist(), strict=True)

    return texts


def _floor(at_least: float) -> float:
    """Three standard deviations of the estimate below the wanted similarity."""
    return at_least - 3 * float(np.sqrt(at_least * (1 - at_least) / MINIMA))


class _Past:
    """What the parent version tells.

    asked: groups to examine (those of a touched speech, and of what remains of a dissolved cluster). cluster: number of the whole
    cluster of each group, -1 where it is in none.
    """

    def __init__(self, speeches: Speeches, old: Relations | None, touched: Collection[str] | None) -> None:
        self.speeches = speeches
        self.cluster = np.full(speeches.groups, -1, np.int64)
        self.inside: list[I64] = []  # rows of both sides of the parent's containments
        self.members = np.zeros((2, 0), np.int64)  # cluster and group, sorted
        if old is None or touched is None or not speeches.groups:
            self.old = Relations(DUPLICATES.schema.empty_table(), CONTAINED.schema.empty_table())
            self.codes = np.zeros(0, np.int64)
            self.asked = np.ones(speeches.groups, np.bool_)
            return
        self.old = old
        fresh = np.asarray(pc.is_in(speeches.ids, value_set=pa.array(sorted(touched), speeches.ids.type)))
        columns = (old.duplicates["speech_id"], old.contained["speech_id"], old.contained["container_id"])
        at, *self.inside = self._rows(columns)
        encoded = old.duplicates["cluster_id"].combine_chunks().dictionary_encode()
        codes = np.asarray(encoded.indices, np.int64)
        broken = np.zeros(len(encoded.dictionary), np.bool_)
        broken[codes[(at < 0) | fresh[at]]] = True
        pairs = self._pairs(codes, at, broken)
        same = np.flatnonzero(np.bincount(pairs[1], minlength=speeches.groups) > 1)
        if len(same):  # what folds alike is in two clusters: the parent was not made by this rule
            broken[pairs[0][np.isin(pairs[1], same)]] = True
            pairs = self._pairs(codes, at, broken)
        fresh[at[broken[codes] & (at >= 0)]] = True
        self.codes = np.where(broken[codes], -1, codes)
        self.asked = speeches.any(fresh)
        self.members = pairs
        self.cluster[pairs[1]] = pairs[0]

    def _pairs(self, codes: I64, at: I64, broken: Flags) -> I64:
        """(cluster, group) of the clusters that are whole, sorted."""
        keep = ~broken[codes]
        both = np.unique(codes[keep] << 32 | self.speeches.group[at[keep]])
        return np.stack([both >> 32, both & 0xFFFFFFFF])

    def _rows(self, columns: Sequence[pa.ChunkedArray]) -> list[I64]:
        """Rows of the speeches that each column names, -1 where there is none."""
        ids = self.speeches.ids
        named = pa.chunked_array([c.cast(ids.type) for column in columns for c in column.chunks], ids.type)
        encoded = named.combine_chunks().dictionary_encode()
        # The few are looked up for each of the many: a table of the few is made sooner, and fits the processor's cache.
        place = np.asarray(pc.fill_null(pc.index_in(ids, value_set=encoded.dictionary), -1))
        row = np.full(len(encoded.dictionary), -1, np.int64)
        there = np.flatnonzero(place >= 0)
        row[place[there]] = there
        at = row[np.asarray(encoded.indices)]
        return list(np.split(at, np.cumsum([len(c) for c in columns])[:-1]))

    def groups_of(self, cluster: int) -> list[int]:
        """The groups that have a row in this cluster."""
        a, b = np.searchsorted(self.members[0], [cluster, cluster + 1])
        return [int(g) for g in self.members[1, a:b]]

    def duplicates(self, joined: Collection[int]) -> pa.Table:
        """Rows of clusters that stay as they are; joined: those that do not."""
        keep = (self.codes >= 0) & ~np.isin(self.codes, np.array(sorted(joined), np.int64))
        return (
            self.old.duplicates.select(DUPLICATES.schema.names)
            .filter(pa.array(keep, pa.bool_()))
            .cast(DUPLICATES.schema)
        )

    def contained(self) -> pa.Table:
        """Rows both of whose speeches are not examined again."""
        rows = self.old.contained.select(CONTAINED.schema.names).cast(CONTAINED.schema)
        keep = np.ones(rows.num_rows, np.bool_)
        for at in self.inside if rows.num_rows else ():
            keep &= (at >= 0) & ~self.asked[self.speeches.group[at]]
        return rows.filter(pa.array(keep, pa.bool_()))


class _Work:
    """Compares what was proposed. Nodes are groups, and whole clusters of the parent (numbered after the groups)."""

    def __init__(self, speeches: Speeches, texts: Texts, past: _Past) -> None:
        self.speeches, self.texts, self.past = speeches, texts, past
        self.shingles = Shingles(speeches, texts)
        self.whole = speeches.any(speeches.preview)
        self.parent: dict[int, int] = {}
        self.joined: set[int] = set()
        self.common: dict[tuple[int, int], int] = {}  # how many 5-grams groups share that were joined
        self.found: list[pa.Table] = []
        self.unclear: list[
            tuple[int, int, int]
        ] = []  # place among what is found, row and its representative's: their texts tell the reason
        self.inside: list[tuple[str, str, float]] = []

    def _find(self, i: int) -> int:
        parent = self.parent
        while (up := parent.get(i, i)) != i:
            parent[i] = i = parent.get(up, up)
        return i

    def _join(self, i: int, j: int) -> None:
        a, b = self._find(i), self._find(j)
        self.parent[max(a, b)] = min(a, b)
        self.parent.setdefault(min(a, b), min(a, b))

    def examine(self, near_a: I64, near_b: I64, short: I64, long: I64) -> None:
        """Compare the pairs of groups proposed as near (a, b) and as contained (short, long)."""
        a, b = np.concatenate([near_a, short]), np.concatenate([near_b, long])
        within = np.arange(len(a)) >= len(near_a)
        node = np.where(
            self.past.cluster >= 0, self.speeches.groups + self.past.cluster, np.arange(self.speeches.groups)
        )
        component = _components(node[a], node[b], int(node.max(initial=0)) + 1)
        # What is connected is done together, so that a text is read once, or a few times in a large family.
        order = np.lexsort((b, a, component))
        a, b, within, component = a[order], b[order], within[order], component[order]
        wanted, variants = np.unique(np.concatenate([a, b])), self.speeches.variants(self.past.asked)
        if 0 < len(wanted) + len(variants) <= HELD:
            self.shingles.load(wanted, variants)  # a small change asks for its texts once
        ends = np.append(np.flatnonzero(component[1:] != component[:-1]) + 1, len(a)).tolist() if len(a) else []
        start = 0
        for k, end in enumerate(ends):
            if k + 1 < len(ends) and ends[k + 1] - start <= HELD // 2:
                continue
            for at in range(start, end, HELD // 2):
                piece = slice(at, min(end, at + HELD // 2))
                self._compare(a[piece].tolist(), b[piece].tolist(), within[piece].tolist(), node)
            self._cluster(np.unique(np.concatenate([node[a[start:end]], node[b[start:end]]])))
            self.common.clear()
            start = end
        done = np.zeros(len(node) if not len(node) else int(node.max()) + 1, np.bool_)
        done[node[a]] = done[node[b]] = True
        asked = np.flatnonzero(self.past.asked & ~done[node] if len(node) else self.past.asked)
        lone = asked[(np.diff(self.speeches.edges)[asked] > 1) | (self.past.cluster[asked] >= 0)]
        self._cluster(np.unique(node[lone]))

    def _compare(self, a: list[int], b: list[int], within: list[bool], node: I64) -> None:
        at = node.item
        open_ones = [k for k in range(len(a)) if within[k] or self._find(at(a[k])) != self._find(at(b[k]))]
        self.shingles.need({g for k in open_ones for g in (a[k], b[k])})
        sets = self.shingles.sets
        answers: dict[tuple[int, int], float] = {}
        for k in open_ones:
            i, j = a[k], b[k]
            x, y = sets[i], sets[j]
            if within[k]:
                if len(x) >= SHORTEST and len(y) >= LONGER * len(x):
                    share = overlap(x, y) / len(x)
                    if share >= SHARE:
                        answers[i, j] = share
            elif self._find(at(i)) != self._find(at(j)):
                # connected already: a family of a thousand copies is not compared a million times
                common = overlap(x, y)
                alike = common / max(1, len(x) + len(y) - common)
                if alike >= NEAR or (alike >= NEAR_PREVIEW and self._shows(i, j, common)):
                    self._join(at(i), at(j))
                    self.common[i, j] = common
        self._put_inside(answers)

    def _shows(self, i: int, j: int, common: int) -> bool:
        """Whether the shorter of two texts is a preview that stands in the other."""
        sets = self.shingles.sets
        short = i if len(sets[i]) <= len(sets[j]) else j
        return bool(self.whole[short]) and common >= SHARE * len(sets[short])

    def _put_inside(self, answers: dict[tuple[int, int], float]) -> None:
        if not answers:
            return
        speeches = self.speeches
        short, long = np.array(list(answers), np.int64).T
        containers, number = np.unique(long, return_inverse=True)
        rows, counts = speeches.rows_of(containers)
        standing, _ = speeches.standing(rows)
        order = np.argsort(standing)
        best = rows[order[np.minimum.reduceat(standing, np.cumsum(counts) - counts)]]
        rows, counts = speeches.rows_of(short)
        holders = speeches.id_of(np.repeat(best[number], counts))
        shares = np.repeat([round(share, 6) for share in answers.values()], counts).tolist()
        self.inside += zip(speeches.id_of(rows), holders, shares, strict=True)

    def _cluster(self, nodes: I64) -> None:
        """Make the clusters of these nodes; all that is connected with them is among them."""
        groups = self.speeches.groups
        members: dict[int, list[int]] = {}
        for n in nodes.tolist():
            members.setdefault(self._find(n), []).append(n)
        found: list[list[int]] = []
        for some in members.values():
            if len(some) == 1 and some[0] < groups:
                if self.speeches.edges[some[0] + 1] - self.speeches.edges[some[0]] > 1:
                    found.append(some)
                continue
            clusters = [n - groups for n in some if n >= groups]
            own = {g for n in some if n < groups for g in [n]} | {g for c in clusters for g in self.past.groups_of(c)}
            if len(some) > 1 or any(self.past.asked[g] for g in own):
                self.joined.update(clusters)
                found.append(sorted(own))
        start = 0
        while start < len(found):
            end, size = start, 0
            while end < len(found) and (end == start or size + len(found[end]) <= HELD):
                size += len(found[end])
                end += 1
            self._write(found[start:end])
            start = end

    def _write(self, found: list[list[int]]) -> None:
        """The rows of some clusters, given the groups of each."""
        speeches = self.speeches
        groups = np.array([g for some in found for g in some], np.int64)
        rows, counts = speeches.rows_of(groups)
        cluster = np.repeat(np.repeat(np.arange(len(found)), list(map(len, found))), counts)
        first = np.flatnonzero(np.concatenate([[True], cluster[1:] != cluster[:-1]]))
        standing, by_id = speeches.standing(rows)
        best = np.argsort(standing)[np.minimum.reduceat(standing, first)]
        ids = speeches.id_of(rows)
        smallest = np.argsort(by_id)[np.minimum.reduceat(by_id, first)]
        named = ["c" + hashlib.sha256(ids[k].encode()).hexdigest()[:16] for k in smallest.tolist()]

        group, top = speeches.group[rows], speeches.group[rows[best]]
        self.shingles.need(g for some in found if 1 < len(some) <= HELD for g in some)
        alike: dict[int, float] = {}
        for some, one in zip(found, top.tolist(), strict=True):
            alike.update(self._jaccards(some, one))
        text = speeches.text_sha.take(pa.array(rows)).dictionary_encode().indices.to_numpy()
        reason = np.where(text == text[best][cluster], _EXACT, _NEAR)
        is_best = np.zeros(len(rows), np.bool_)
        is_best[best] = True
        before = sum(t.num_rows for t in self.found)
        unclear = np.flatnonzero((reason == _NEAR) & (group == top[cluster]))
        self.unclear += zip(
            (before + unclear).tolist(), rows[unclear].tolist(), rows[best[cluster[unclear]]].tolist(), strict=True
        )
        columns = (
            ids,
            pa.array(named, pa.string()).take(pa.array(cluster)),
            is_best,
            [alike[g] for g in group.tolist()],
            reason.astype(np.int8),
        )
        self.found.append(pa.table(dict(zip(DUPLICATES.schema.names, columns, strict=True))))

    def _jaccards(self, groups: list[int], top: int) -> dict[int, float]:
        """Similarity of each group with the one of the representative."""
        out = {top: 1.0}
        for start in range(0, len(groups), HELD - 1):
            some = groups[start : start + HELD - 1]
            if len(groups) > 1:
                self.shingles.need([top, *some])
            sets = self.shingles.sets
            for g in some:
                if g != top:
                    common = self.common.get((min(g, top), max(g, top)))
                    if common is None:
                        common = overlap(sets[g], sets[top])
                    out[g] = round(common / max(1, len(sets[g]) + len(sets[top]) - common), 6)
        return out

    def duplicates(self) -> pa.Table:
        """The rows found; a representative relates as its nearest copy does."""
        schema = DUPLICATES.schema
        if not self.found:
            return schema.empty_table()
        found = pa.concat_tables(self.found).combine_chunks()
        reason = found["reason"].to_numpy().astype(np.int64)
        told = reasons(self.speeches, self.texts, self.shingles.raw, [(row, best) for _, row, best in self.unclear])
        reason[[k for k, _, _ in self.unclear]] = [REASONS.index(r) for r in told]
        best = found["is_representative"].to_numpy()
        cluster = found["cluster_id"].combine_chunks().dictionary_encode().indices.to_numpy()
        nearest = np.full(cluster.max() + 1, _NEAR)
        np.minimum.at(nearest, cluster[~best], reason[~best])
        reason[best] = nearest[cluster[best]]
        named = pa.array(REASONS, pa.string()).take(pa.array(reason))
        return found.set_column(found.column_names.index("reason"), "reason", named).cast(schema)

    def contained(self) -> pa.Table:
        """The containments found."""
        schema = CONTAINED.schema
        columns: Iterable[Any] = zip(*self.inside, strict=True) if self.inside else ([], [], [])
        return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def _components(a: I64, b: I64, n: int) -> I64:
    """A number for each edge, the same for edges that are connected. Nodes are 0 … n-1."""
    label = np.arange(n)
    while True:
        low = np.minimum(label[a], label[b])
        before = label.copy()
        np.minimum.at(label, label[a], low)
        np.minimum.at(label, label[b], low)
        label = label[label]
        if np.array_equal(label, before):
            return np.asarray(label[a])
