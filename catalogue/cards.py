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
LISTED = 100  # values of a facet that are told at once; all of more lie in the pack


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
            **{key: rows.facets[name].codes[cut].tolist() for key, name in _CODED.items()},
            **{
                key: [rows.facets[name].values[c] for c in rows.facets[name].codes[cut]] for key, name in _SPELT.items()
            },
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


_CODED = {"s": "site", "k": "kind", "l": "level"}
_SPELT = {"r": "region", "o": "topic"}  # of which there may be many thousands: a list of all would be fetched for a few


def cluster_pack(rows: Rows) -> Pack:
    """The clusters, some a frame: of each its members as [row, jaccard, reason, chosen]."""
    frames = [
        compact([[[r, j, why, int(c)] for r, j, why, c in members] for members in rows.clusters[n : n + CLUSTERS]])
        for n in range(0, len(rows.clusters), CLUSTERS)
    ]
    return pack("clusters", frames)


def facet_pack(rows: Rows) -> tuple[Pack, list[dict[str, Any]]]:
    """Facet columns, a frame each, and what the frames are: name, bytes a row, how many values, the first of them with their counts.

    Where there are more, `more` is the number of the frame that has all: JSON, values and counts. Topics are coded by the list of a
    speech's topics; at once are told the topics themselves.
    """
    frames: list[bytes] = []
    told: list[dict[str, Any]] = []
    late: list[tuple[dict[str, Any], list[Any], list[int]]] = []
    for name, coded in rows.facets.items():
        n = len(coded.values)
        width = 1 if n <= 0x100 else 2 if n <= 0x10000 else 4
        frames.append(coded.codes.astype(f"<u{width}").tobytes())
        entry: dict[str, Any] = {"name": name, "width": width, "n": n}
        if name == "topic":
            entry["topics"] = _topics(coded.values, coded.counts)
        else:
            entry |= {"values": coded.values[:LISTED], "counts": coded.counts[:LISTED]}
        if name == "topic" or n > LISTED:
            late.append((entry, coded.values, coded.counts))
        told.append(entry)
    frames.append(rows.marks.astype("<u1").tobytes())
    counts = {name: int(np.count_nonzero(rows.marks & bit)) for name, bit in MARKS.items()}
    told.append({"name": "marks", "width": 1, "values": MARKS, "counts": counts})
    for entry, values, numbers in late:
        entry["more"] = len(frames)
        frames.append(compact([values, numbers]))
    return pack("facets", frames), told


def _topics(lists: list[Any], counts: list[int]) -> list[list[Any]]:
    """How many speeches each topic has, the most frequent first."""
    found: Counter[str] = Counter()
    for names, count in zip(lists, counts, strict=True):
        for name in names:
            found[name] += count
    return [[name, n] for name, n in sorted(found.items(), key=lambda t: (-t[1], t[0]))]


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
    by: dict[str, Any] = {
        name: [[v, n] for v, n in zip(c.values[:REGIONS], c.counts[:REGIONS], strict=True)]
        for name, c in rows.facets.items()
        if name in FACETS
    }
    by["topic"] = _topics(rows.facets["topic"].values, rows.facets["topic"].counts)
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
