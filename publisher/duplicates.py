"""Copies of one speech (`duplicates`) and speeches inside longer ones (`contained`), from the texts alone.

Both tables are pure functions of the rows, whatever their order. Texts that fold alike are copies by definition; other
copies are near: their true Jaccard similarity reaches NEAR, or NEAR_PREVIEW where one is a preview that stands almost
wholly in the other. Clusters are what these pairs connect.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import pyarrow as pa

from crawler.extraction.fold import fold
from publisher.similarity import Sketches, container_candidates, near_candidates, overlap, shingle_set, sketch
from publisher.tables import CONTAINED, DUPLICATES

NEAR = 0.55  # copies by hand measure above .7 of 4-grams, texts that merely share passages below .4
NEAR_PREVIEW = 0.45  # a preview that shows half of its whole
SHARE = 0.9  # of the shorter text's 5-grams, for `contained`
LONGER = 1.25  # how many times as long a container is
SHORTEST = 60  # distinct 5-grams; what is shorter stands in other texts by chance

COLUMNS = ("speech_id", "text", "text_sha256", "simtext_sha256", "is_preview", "chars", "published_at")

Sketcher = Callable[[list[str], Callable[[int], str]], Sketches]


@dataclass(frozen=True, slots=True)
class Relations:
    """The two tables, with the published schemas, sorted by key."""

    duplicates: pa.Table
    contained: pa.Table


class _Union:
    """Disjoint sets over 0 … n-1, each named by its smallest member."""

    def __init__(self, n: int) -> None:
        self.parent = list(range(n))

    def find(self, i: int) -> int:
        while self.parent[i] != i:
            self.parent[i] = self.parent[self.parent[i]]
            i = self.parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        a, b = self.find(i), self.find(j)
        self.parent[max(a, b)] = min(a, b)


def plain_sketcher(_: list[str], text: Callable[[int], str]) -> Sketches:
    """Sketches made anew. A sketcher gets the key of each text and how to get its folded text."""
    return sketch([text(i) for i in range(len(_))])


def relate(speeches: pa.Table, sketcher: Sketcher = plain_sketcher) -> Relations:
    """Find copies and containments among speeches (a table with at least COLUMNS, speech_id unique)."""
    rows = speeches.select(list(COLUMNS)).sort_by("speech_id").to_pylist()
    groups = _same_folded(rows)
    texts: list[str] = [rows[g[0]]["text"] for g in groups]

    @lru_cache(maxsize=4096)
    def folded(i: int) -> str:
        return fold(texts[i])

    @lru_cache(maxsize=50_000)
    def grams(i: int) -> Any:
        return shingle_set(folded(i))

    sketches = sketcher([rows[g[0]]["simtext_sha256"] for g in groups], folded)

    @cache
    def shared(i: int, j: int) -> int:
        return overlap(grams(i), grams(j))

    def jaccard(i: int, j: int) -> float:
        if i == j:
            return 1.0
        common = shared(min(i, j), max(i, j))
        return common / max(1, len(grams(i)) + len(grams(j)) - common)

    preview = [any(rows[r]["is_preview"] for r in g) for g in groups]
    union = _Union(len(groups))
    for i, j in near_candidates(sketches, NEAR_PREVIEW):
        if union.find(i) == union.find(j):
            continue  # connected already: a family of a thousand copies is not compared a million times
        alike = jaccard(i, j)
        if alike >= NEAR:
            union.join(i, j)
        elif alike >= NEAR_PREVIEW:
            short, long = (i, j) if len(grams(i)) <= len(grams(j)) else (j, i)
            if preview[short] and shared(min(i, j), max(i, j)) >= SHARE * len(grams(short)):
                union.join(short, long)

    clusters: dict[int, list[int]] = {}
    for i in range(len(groups)):
        clusters.setdefault(union.find(i), []).append(i)
    duplicates: list[dict[str, Any]] = []
    for members in clusters.values():
        if len(members) > 1 or len(groups[members[0]]) > 1:
            duplicates += _cluster([(r, i) for i in members for r in groups[i]], rows, jaccard)

    contained: list[dict[str, Any]] = []
    for short, long in container_candidates(sketches, SHORTEST, LONGER):
        size = max(1, len(grams(short)))
        share = shared(min(short, long), max(short, long)) / size
        if share >= SHARE:
            best = rows[min(groups[long], key=lambda r: _rank(rows[r]))]["speech_id"]
            contained += [
                {"speech_id": rows[r]["speech_id"], "container_id": best, "share": round(share, 6)}
                for r in groups[short]
            ]
    return Relations(
        pa.Table.from_pylist(duplicates, schema=DUPLICATES.schema).sort_by("speech_id"),
        pa.Table.from_pylist(contained, schema=CONTAINED.schema).sort_by(
            [("speech_id", "ascending"), ("container_id", "ascending")]
        ),
    )


def _same_folded(rows: list[dict[str, Any]]) -> list[list[int]]:
    """Row numbers grouped by folded text, in the order of their first rows."""
    groups: dict[str, list[int]] = {}
    empty = hashlib.sha256(b"").hexdigest()
    for i, row in enumerate(rows):
        # A text of nothing but masks and punctuation folds to nothing; such texts are alike only when equal.
        key = row["simtext_sha256"]
        groups.setdefault(f"text {row['text_sha256']}" if key == empty else key, []).append(i)
    return list(groups.values())


def _rank(row: dict[str, Any]) -> tuple[Any, ...]:
    """The representative's order: whole, longest, earliest published, smallest id."""
    at = row["published_at"]
    return (row["is_preview"], -row["chars"], at is None, at.timestamp() if at else 0.0, row["speech_id"])


def _cluster(
    members: list[tuple[int, int]], rows: list[dict[str, Any]], jaccard: Callable[[int, int], float]
) -> list[dict[str, Any]]:
    """The rows of `duplicates` for one cluster, given (row, group) of each member."""
    best, best_group = min(members, key=lambda m: _rank(rows[m[0]]))
    cluster_id = "c" + hashlib.sha256(min(rows[r]["speech_id"] for r, _ in members).encode()).hexdigest()[:16]
    out = []
    for r, group in members:
        if r != best:
            reason = relation(rows[r], rows[best])
            out.append(
                {
                    "speech_id": rows[r]["speech_id"],
                    "cluster_id": cluster_id,
                    "is_representative": False,
                    "jaccard": round(jaccard(group, best_group), 6),
                    "reason": reason,
                }
            )
    order = ("exact", "script_variant", "mask_variant", "near")
    nearest = min((str(m["reason"]) for m in out), key=order.index)
    out.append(
        {
            "speech_id": rows[best]["speech_id"],
            "cluster_id": cluster_id,
            "is_representative": True,
            "jaccard": 1.0,
            "reason": nearest,
        }
    )
    return out


_NO_LETTER = re.compile(r"[\W_]+")


@cache
def _simplified() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert


def relation(a: dict[str, Any], b: dict[str, Any]) -> str:
    """How two copies relate: exact, script_variant, mask_variant or near (punctuation or words differ)."""
    if a["text_sha256"] == b["text_sha256"]:
        return "exact"
    if a["simtext_sha256"] != b["simtext_sha256"]:
        return "near"
    left, right = (_NO_LETTER.sub("", unicodedata.normalize("NFKC", x["text"])).lower() for x in (a, b))
    if left == right:
        return "mask_variant" if _marks(a["text"]) != _marks(b["text"]) else "near"
    convert = _simplified()
    return "script_variant" if convert(left) == convert(right) else "mask_variant"


def _marks(text: str) -> str:
    """Masks made of signs (×× ** ★), which folding cannot tell from punctuation."""
    return "".join(re.findall(r"[×*★☆○●□■＊]+", text))
