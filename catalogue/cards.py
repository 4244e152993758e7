"""What a list of speeches shows: cards, some rows a frame; facet columns; clusters. Also the figures that the pictures show."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from catalogue.packs import Pack, compact, pack
from catalogue.rows import FACETS, GONE, MARKS, PREVIEW, UNDATED, Rows, month_of, year_of

CARDS = 64  # rows a frame: what a search fetches is one frame a hit at worst
CLUSTERS = 64
REGIONS = 60  # regions that the pictures know


def card_pack(rows: Rows) -> Pack:
    """The cards. A frame is JSON by column; `v` says where rows of `provenance` lie, `in` which rows hold one of these."""
    frames = []
    for start in range(0, len(rows), CARDS):
        span = range(start, min(start + CARDS, len(rows)))
        cut = slice(span.start, span.stop)
        card: dict[str, Any] = {
            "i": rows.ids[cut],
            "t": rows.titles[cut],
            "d": [None if d == UNDATED else int(d) for d in rows.days[cut]],
            **{key: rows.facets[name].codes[cut].tolist() for key, name in _SHORT.items()},
            "n": rows.chars[cut].tolist(),
            "m": rows.marks[cut].tolist(),
            "p": rows.part[cut].tolist(),
            "q": rows.offset[cut].tolist(),
            "c": rows.cluster[cut].tolist(),
            "f": rows.fetched[cut].tolist(),
            "v": [[n for place in rows.origin.get(r, ()) for n in place] for r in span],
        }
        if held := {str(r - start): rows.inside[r] for r in span if r in rows.inside}:
            card["in"] = held
        frames.append(compact(card))
    return pack("cards", frames)


_SHORT = {"s": "site", "k": "kind", "l": "level", "r": "region", "o": "topic"}


def cluster_pack(rows: Rows) -> Pack:
    """The clusters, some a frame: of each its members as [row, jaccard, reason, chosen]."""
    frames = [
        compact([[[r, j, why, int(c)] for r, j, why, c in members] for members in rows.clusters[n : n + CLUSTERS]])
        for n in range(0, len(rows.clusters), CLUSTERS)
    ]
    return pack("clusters", frames)


def facet_pack(rows: Rows) -> tuple[Pack, list[dict[str, Any]]]:
    """Facet columns, a frame each, and what the frames are: name, bytes a row, values with their counts."""
    frames, told = [], []
    for name, coded in rows.facets.items():
        width = 1 if len(coded.values) <= 0x100 else 2 if len(coded.values) <= 0x10000 else 4
        frames.append(coded.codes.astype(f"<u{width}").tobytes())
        told.append({"name": name, "width": width, "values": coded.values, "counts": coded.counts})
    frames.append(rows.marks.astype("<u1").tobytes())
    told.append(
        {
            "name": "marks",
            "width": 1,
            "values": MARKS,
            "counts": {name: int(np.count_nonzero(rows.marks & bit)) for name, bit in MARKS.items()},
        }
    )
    return pack("facets", frames), told


def years(rows: Rows) -> list[list[int | None]]:
    """Where each year begins: [year, first row, rows], rows without a date with None. The rows lie in the order of their dates."""
    out: list[list[int | None]] = []
    for day, count in zip(*np.unique(rows.days, return_counts=True), strict=True):
        year = year_of(int(day))
        start = sum(int(y[2] or 0) for y in out)
        if out and out[-1][0] == year:
            out[-1][2] = int(out[-1][2] or 0) + int(count)
        else:
            out.append([year, start, int(count)])
    return out


def figures(rows: Rows) -> dict[str, Any]:
    """What the pictures show: counts by month, site, kind, level, topic, region and length."""
    months: Counter[int] = Counter()
    cut: Counter[int] = Counter()
    days, counts = np.unique(rows.days, return_counts=True)
    previews = dict(zip(*np.unique(rows.days[(rows.marks & PREVIEW) > 0], return_counts=True), strict=True))
    undated = 0
    for day, count in zip(days.tolist(), counts.tolist(), strict=True):
        month = None if day == UNDATED else month_of(day)
        if month is None:
            undated += count
        else:
            months[month] += count
            cut[month] += int(previews.get(day, 0))
    topics: Counter[str] = Counter()
    topic = rows.facets["topic"]
    for names, count in zip(topic.values, topic.counts, strict=True):
        for name in names:
            topics[name] += count
    by: dict[str, Any] = {
        name: [[v, n] for v, n in zip(c.values[:REGIONS], c.counts[:REGIONS], strict=True)]
        for name, c in rows.facets.items()
        if name in FACETS
    }
    by["topic"] = [[name, n] for name, n in sorted(topics.items(), key=lambda t: (-t[1], t[0]))]
    return {
        "rows": len(rows),
        "months": [[m, n, cut[m]] for m, n in sorted(months.items())],
        "undated": undated,
        "previews": int(np.count_nonzero(rows.marks & PREVIEW)),
        "gone": int(np.count_nonzero(rows.marks & GONE)),
        "by": by,
        "lengths": _lengths(rows),
    }


def _lengths(rows: Rows) -> list[list[int]]:
    """Texts by length: [from, below, texts], half an octave each."""
    chars = rows.chars[rows.chars > 0]
    if not len(chars):
        return []
    steps = np.floor(2 * np.log2(chars)).astype(np.int64)
    count = Counter(steps.tolist())
    return [
        [math.ceil(2 ** (s / 2)), math.ceil(2 ** ((s + 1) / 2)), count[s]] for s in range(min(count), max(count) + 1)
    ]
