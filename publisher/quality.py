"""Measures of what is in a dataset, by site, and quality.json, which holds those of one version.

Measures are counts, so that those of parts of a dataset add up to those of the whole, in any order: unchanged parts need not be
read again, and two versions can be compared without their rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crawler import textfacts
from publisher.manifest import Gate
from publisher.tables import SPEECHES

FORMAT = "jianghua-quality-1"
# Lengths are counted in bins of half an octave: bin k holds texts of isqrt(2**k) characters up to those of bin k+1.
EDGES = np.array([math.isqrt(1 << k) for k in range(48)], np.int64)
BINS_AN_OCTAVE = 2
# Lists that a page mostly fills: an empty one counts like a null.
LISTS = ("breadcrumb", "keywords", "topics", "outline")
_DAMAGED = "mojibake"
_FOREIGN = ("watermark", "markup")  # quality flags that say that something of the page stands in the text
# figures of gates that depend on the clock; they stand in the manifest
CLOCK = frozenset({"since", "days", "runs", "at", "short"})
# the columns whose nulls are counted
COUNTED = tuple(c.name for c in SPEECHES.columns if c.nullable or c.name in LISTS)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts over some speeches.

    rows: speeches; chars: characters in their texts; previews: cut ones; mojibake: with the flag or with U+FFFD in the text;
    boilerplate: with a sign of the page around it (boilerplate.yaml) or flagged as watermark or markup. flags, personal: speeches
    by quality flag and by kind of personal data; nulls: by column, those without a value (for LISTS: with an empty one);
    lengths: by bin of EDGES.
    """

    rows: int = 0
    chars: int = 0
    previews: int = 0
    mojibake: int = 0
    boilerplate: int = 0
    flags: dict[str, int] = field(default_factory=dict)
    personal: dict[str, int] = field(default_factory=dict)
    nulls: dict[str, int] = field(default_factory=dict)
    lengths: dict[int, int] = field(default_factory=dict)

    def __add__(self, other: Counts) -> Counts:
        return together((self, other))

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "chars": self.chars,
            "previews": self.previews,
            "mojibake": self.mojibake,
            "boilerplate": self.boilerplate,
            "flags": dict(self.flags),
            "personal": dict(self.personal),
            "nulls": dict(self.nulls),
            "lengths": {str(k): n for k, n in self.lengths.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Counts:
        def named(key: str) -> dict[str, int]:
            return {str(k): int(n) for k, n in sorted(value.get(key, {}).items())}

        return cls(
            rows=int(value["rows"]),
            chars=int(value["chars"]),
            previews=int(value["previews"]),
            mojibake=int(value["mojibake"]),
            boilerplate=int(value["boilerplate"]),
            flags=named("flags"),
            personal=named("personal"),
            nulls=named("nulls"),
            lengths=dict(sorted((int(k), n) for k, n in named("lengths").items())),
        )


@dataclass(frozen=True, slots=True)
class Measures:
    """Counts by site. `a + b` is what `measure` gives for the rows of both."""

    sites: dict[str, Counts] = field(default_factory=dict)

    def __add__(self, other: Measures) -> Measures:
        return summed((self, other))

    @property
    def total(self) -> Counts:
        """Of all sites together."""
        return together(self.sites.values())

    def as_json(self) -> dict[str, Any]:
        return {site: counts.as_json() for site, counts in self.sites.items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Measures:
        """From what `as_json` gave, and from the `sites` of a quality.json."""
        return cls({site: Counts.from_json(counts) for site, counts in sorted(value.items())})


NUMBERS = ("rows", "chars", "previews", "mojibake", "boilerplate")
KINDS = ("flags", "personal", "nulls", "lengths")


def together(counts: Iterable[Counts]) -> Counts:
    """The counts of some speeches from those of parts of them; what is counted nowhere is left out."""
    many = list(counts)
    return _sum({k: [getattr(c, k) for c in many] for k in (*NUMBERS, *KINDS)})


def summed(measures: Iterable[Measures]) -> Measures:
    """All of them together."""
    return Measures({site: together(counts) for site, counts in _by_site(m.sites for m in measures)})


def summed_json(values: Iterable[Mapping[str, Any]]) -> Measures:
    """All of them together, each as `as_json` gave it: as `summed` of those that `Measures.from_json` gives, in a fraction of the time."""
    found = {}
    for site, counts in _by_site(values):
        numbers = {k: [c[k] for c in counts] for k in NUMBERS}
        found[site] = _sum(numbers | {k: [c.get(k, {}) for c in counts] for k in KINDS})
    return Measures(found)


def _by_site(sites: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    found: dict[str, list[Any]] = {}
    for some in sites:
        for site, counts in some.items():
            found.setdefault(site, []).append(counts)
    return sorted(found.items())


def _sum(values: Mapping[str, list[Any]]) -> Counts:
    """The sum of counts, given by the name of what is counted."""
    kinds: list[dict[Any, int]] = []
    for kind in KINDS:
        into: dict[Any, int] = {}
        for of in values[kind]:
            for key, n in of.items():
                into[key] = into.get(key, 0) + n
        kinds.append({int(k): n for k, n in into.items()} if kind == "lengths" else into)
    flags, personal, nulls, lengths = ({k: n for k, n in sorted(kind.items()) if n} for kind in kinds)
    numbers = {k: sum(values[k]) for k in NUMBERS}
    return Counts(**numbers, flags=flags, personal=personal, nulls=nulls, lengths=lengths)


# ---------------------------------------------------------------------------------------------- measuring


class _BySite:
    """Counts rows by site. codes: for each row the number of its site."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        encoded = _one(column).dictionary_encode()
        self.names: list[str] = encoded.dictionary.to_pylist()
        self.codes = encoded.indices.to_numpy(zero_copy_only=False)

    def count(self, mask: Mask | None = None) -> list[int]:
        if len(self.names) == 1:  # as in every shard
            return [len(self.codes) if mask is None else int(np.count_nonzero(mask))]
        codes = self.codes if mask is None else self.codes[mask]
        return [int(n) for n in np.bincount(codes, minlength=len(self.names))]

    def nulls(self, column: pa.ChunkedArray) -> list[int]:
        return [column.null_count] if len(self.names) == 1 else self.count(_mask(pc.is_null(column)))

    def sum(self, values: npt.NDArray[np.int64]) -> list[int]:
        # bincount adds floats: exact up to 2**53 characters
        return [int(n) for n in np.bincount(self.codes, weights=values, minlength=len(self.names))]

    def by(self, rows: npt.NDArray[Any], values: npt.NDArray[Any], kinds: int) -> npt.NDArray[np.int64]:
        """For each site how many of the (row, value) pairs have each value below `kinds`."""
        flat = np.bincount(self.codes[rows].astype(np.int64) * kinds + values, minlength=len(self.names) * kinds)
        return flat.reshape(len(self.names), kinds)


def _one(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks()
    return found.chunk(0) if isinstance(found, pa.ChunkedArray) else found


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = (
        (pc.fill_null(column, 0) if column.null_count else column).to_numpy().astype(np.int64)
    )
    return found


def _mask(column: pa.ChunkedArray) -> Mask:
    found = pc.fill_null(column, False) if column.null_count else column
    return np.asarray(found.to_numpy(), dtype=bool)


def _listed(column: pa.ChunkedArray) -> tuple[npt.NDArray[Any], npt.NDArray[Any], list[str]]:
    """Of a column of lists: the row and the number of the name of each item, and the names."""
    array = _one(column)
    rows = pc.list_parent_indices(array).to_numpy()
    encoded = array.flatten().dictionary_encode()
    return rows, encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()


def _looked_for(texts: pa.ChunkedArray, facts: textfacts.Facts | None) -> tuple[Mask, Mask]:
    """Which texts have U+FFFD, and which begin or end with what the page says around them."""
    if facts is None:
        return textfacts.with_replacement(texts), textfacts.with_signs(texts)
    damaged, foreign = ((facts & bit) > 0 for bit in (textfacts.REPLACED, textfacts.SIGNS))
    unknown = (facts & textfacts.UNKNOWN) > 0
    if unknown.any():
        some = texts if unknown.all() else texts.filter(pa.array(unknown))
        damaged[unknown], foreign[unknown] = textfacts.with_replacement(some), textfacts.with_signs(some)
    return damaged, foreign


def measure(speeches: pa.Table, facts: textfacts.Facts | None = None) -> Measures:
    """The measures of some rows of `speeches` in the published schema, of any sites and in any order. facts: what is known of their texts
    (crawler/textfacts.py); where that is nothing, it is looked for."""
    n = speeches.num_rows
    if not n:
        return Measures()
    by = _BySite(speeches["site"])
    kinds = {}
    damaged, foreign = _looked_for(speeches["text"], facts)
    for column in ("quality_flags", "personal_data"):
        rows, codes, names = _listed(speeches[column])
        kinds[column] = names, by.by(rows, codes, len(names))
        if column == "quality_flags":
            for number, name in enumerate(names):
                if name == _DAMAGED:
                    damaged[rows[codes == number]] = True
                elif name in _FOREIGN:
                    foreign[rows[codes == number]] = True
    nulls = {}
    for column in speeches.schema:
        values = speeches[column.name]
        if column.nullable and values.null_count:
            nulls[column.name] = by.nulls(values)
        elif column.name in LISTS:
            nulls[column.name] = by.count(_numbers(pc.list_value_length(values)) == 0)
    chars = _numbers(speeches["chars"])
    bins = np.maximum(np.searchsorted(EDGES, chars, side="right") - 1, 0)
    lengths = by.by(np.arange(n), bins, len(EDGES))
    rows_, sums, previews = by.count(), by.sum(chars), by.count(_mask(speeches["is_preview"]))
    mojibake, boilerplate = by.count(damaged), by.count(foreign)

    def named(column: str, site: int) -> dict[str, int]:
        names, table = kinds[column]
        return {name: int(c) for name, c in sorted(zip(names, table[site], strict=True)) if c}

    found = {
        site: Counts(
            rows=rows_[i],
            chars=sums[i],
            previews=previews[i],
            mojibake=mojibake[i],
            boilerplate=boilerplate[i],
            flags=named("quality_flags", i),
            personal=named("personal_data", i),
            nulls={c: v[i] for c, v in sorted(nulls.items()) if v[i]},
            lengths={int(k): int(lengths[i, k]) for k in np.flatnonzero(lengths[i])},
        )
        for i, site in enumerate(by.names)
    }
    return Measures(dict(sorted(found.items())))


# ---------------------------------------------------------------------------------------------- figures of counts


def shift(a: Counts, b: Counts) -> float:
    """How far apart two distributions of length are, in octaves: the earth mover's distance of the two histograms over
    log2(chars). 1.0: as if every text were half or twice as long. 0 where one of them is empty."""
    if not a.rows or not b.rows:
        return 0.0
    distance = ahead = 0.0
    for k in range(len(EDGES)):
        ahead += a.lengths.get(k, 0) / a.rows - b.lengths.get(k, 0) / b.rows
        distance += abs(ahead)
    return round(distance / BINS_AN_OCTAVE, 4)


def median_length(counts: Counts) -> int:
    """The length below which half of the texts stay, in characters, to half an octave (the lower edge of its bin)."""
    passed = 0
    for k, n in sorted(counts.lengths.items()):
        passed += n
        if 2 * passed >= counts.rows:
            return int(EDGES[k])
    return 0


def share(part: int, whole: int) -> float:
    """Part of a whole, from 0 to 1, to four digits."""
    return round(part / whole, 4) if whole else 0.0


def _shares(counts: Counts) -> dict[str, float]:
    return {k: share(getattr(counts, k), counts.rows) for k in ("previews", "mojibake", "boilerplate")}


def _figures(counts: Counts) -> dict[str, Any]:
    return counts.as_json() | {"median_length": median_length(counts)}


def _histogram(counts: Counts) -> dict[str, list[int]]:
    """Edges of the bins that have texts, and of those between them, and how many each has; one edge more than bins."""
    used = sorted(counts.lengths)
    bins = range(used[0], used[-1] + 1) if used else range(0)
    edges = [int(EDGES[k]) for k in (*bins, bins[-1] + 1)] if used else []
    return {"edges": edges, "counts": [counts.lengths.get(k, 0) for k in bins]}


def document(
    facts: Mapping[str, Any], measures: Measures, gates: Iterable[Gate], relations: Mapping[str, int]
) -> dict[str, Any]:
    """quality.json of a version: the same for the same rows, whenever it is made.

    facts: dataset, version, sequence, schema_version, parent (its name or None). relations: rows of duplicates, contained and removed,
    and clusters. What gates say of time stands in the manifest alone (`short` among their figures takes the place of what they say).
    In `lengths` of a site bin k holds texts of isqrt(2**k) characters and more; `chars` has the edges written out.
    """
    total = measures.total
    return {
        "format": FORMAT,
        **facts,
        "rows": total.rows,
        "median_length": median_length(total),
        "totals": {k: getattr(total, k) for k in ("rows", "chars", "previews", "mojibake", "boilerplate")},
        "shares": _shares(total) | {"duplicates": share(relations.get("duplicates", 0), total.rows)},
        "relations": dict(relations),
        "flags": dict(total.flags),
        "personal_data": dict(total.personal),
        "columns": {name: {"nulls": total.nulls.get(name, 0)} for name in COUNTED},
        "chars": _histogram(total),
        "sites": {site: _figures(counts) for site, counts in measures.sites.items()},
        "gates": [
            {
                "name": g.name,
                "result": g.result,
                "what": g.figures.get("short", g.what),
                "accepted": g.accepted,
                "figures": {k: v for k, v in g.figures.items() if k not in CLOCK},
            }
            for g in gates
        ],
    }


def measures_of(quality: Mapping[str, Any]) -> Measures:
    """The measures in a quality.json."""
    return Measures.from_json(quality["sites"])
