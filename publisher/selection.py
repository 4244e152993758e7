"""Which speeches a reader asked for: one copy of each, whole texts only, the training or the test side.

Everything follows from `speeches` (four columns), `duplicates` and `contained` of the version alone, so that whoever selects
the same gets the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from numbers import Real
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crawler.errors import UsageError

Split = Literal["train", "test"]

# what `kept` reads: table → columns
NEEDS = {
    "speeches": ("speech_id", "is_preview", "chars", "published_at"),
    "duplicates": ("speech_id", "cluster_id", "is_representative"),
    "contained": ("speech_id", "container_id"),
}
# the columns that name a speech, of the tables that refer to speeches; `pages` and `removed` stand for themselves
REFERS = {
    "speeches": ("speech_id",),
    "duplicates": ("speech_id",),
    "contained": ("speech_id", "container_id"),
    "provenance": ("speech_id",),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """dedupe: one speech a cluster; previews: whether texts that are cut are wanted; split: one side only, None for both.

    test_share: how much of the speeches are on the test side, from 0 to 1.
    """

    dedupe: bool = False
    previews: bool = True
    split: Split | None = None
    test_share: float = 0.1

    def __post_init__(self) -> None:
        if self.split not in (None, "train", "test"):
            raise UsageError(f"unknown split '{self.split}'", remedy="use train or test, or leave it out for both")
        if not isinstance(self.test_share, Real) or not 0 <= self.test_share <= 1:
            raise UsageError(f"test_share is {self.test_share!r}", remedy="give a share from 0 to 1, e.g. 0.1")
        for name in ("dedupe", "previews"):
            if not isinstance(getattr(self, name), bool | np.bool_):  # "no" would count as yes
                raise UsageError(f"{name} is {getattr(self, name)!r}", remedy="give True or False")

    @property
    def active(self) -> bool:
        """Whether anything is left out at all."""
        return self.dedupe or not self.previews or self.split is not None


def kept(speeches: pa.Table, duplicates: pa.Table, contained: pa.Table, filters: Filters) -> pa.Array:
    """The ids of the speeches that pass, in their order. The tables have at least the columns in NEEDS.

    dedupe keeps the representative of each cluster; where it is a preview and those are not wanted, the longest of the others
    (then the earliest published, then the smallest id), so that no cluster is lost that has a whole text.
    """
    ids = speeches["speech_id"].combine_chunks()
    keep = np.ones(len(ids), dtype=bool)
    if not filters.previews:
        keep &= ~speeches["is_preview"].to_numpy().astype(bool)
    if filters.split is not None:
        root = roots(duplicates, contained)
        tests = np.fromiter(
            (on_test_side(root.get(i, i), filters.test_share) for i in ids.to_pylist()), dtype=bool, count=len(ids)
        )
        keep &= tests if filters.split == "test" else ~tests
    if filters.dedupe:
        keep &= _one_a_cluster(speeches, duplicates, keep)
    return ids.filter(pa.array(keep))


def _one_a_cluster(speeches: pa.Table, duplicates: pa.Table, keep: np.ndarray) -> np.ndarray:
    at = pc.index_in(speeches["speech_id"], value_set=duplicates["speech_id"].combine_chunks()).to_numpy()
    clustered = np.flatnonzero(~np.isnan(at) & keep)
    out = np.ones(len(keep), dtype=bool)
    if not len(clustered):
        return out
    out[clustered] = False
    of = pa.array(at[clustered].astype(np.int64))
    members = pa.table(
        {
            "cluster": duplicates["cluster_id"].take(of),
            "representative": pc.cast(duplicates["is_representative"].take(of), pa.int8()),
            "chars": speeches["chars"].take(clustered),
            "at": pc.fill_null(speeches["published_at"].take(clustered).cast(pa.int64()), np.iinfo(np.int64).max),
            "id": speeches["speech_id"].take(clustered),
            "row": clustered,
        }
    ).sort_by(
        [
            ("cluster", "ascending"),
            ("representative", "descending"),
            ("chars", "descending"),
            ("at", "ascending"),
            ("id", "ascending"),
        ]
    )
    best = members.group_by("cluster", use_threads=False).aggregate([("row", "first")])
    out[best["row_first"].to_numpy()] = True
    return out


def roots(duplicates: pa.Table, contained: pa.Table) -> dict[str, str]:
    """For each speech that is tied to another one the smallest id among all that it is tied to, itself included.

    Ties are clusters and `contained`: a speech, its copies and the longer text that it stands in share their id here, and so
    their side of a split. A speech that is tied to none is not listed; its root is its own id.
    """
    parent: dict[str, str] = {}

    def find(i: str) -> str:
        while (up := parent.setdefault(i, i)) != i:
            parent[i] = parent[up]
            i = parent[i]
        return i

    first: dict[str, str] = {}
    pairs = [
        (i, first.setdefault(c, i))
        for i, c in zip(duplicates["speech_id"].to_pylist(), duplicates["cluster_id"].to_pylist(), strict=True)
    ]
    pairs += zip(contained["speech_id"].to_pylist(), contained["container_id"].to_pylist(), strict=True)
    for i, j in pairs:
        a, b = find(i), find(j)
        parent[max(a, b)] = min(a, b)
    return {i: find(i) for i in parent}


def on_test_side(root: str, share: float) -> bool:
    """Whether the speeches of this root are on the test side.

    The first eight bytes of the SHA-256 of the root, as a big-endian number, lie below share · 2⁶⁴. So a larger share only
    moves speeches from train to test, and a new version moves none whose root stays.
    """
    return int.from_bytes(hashlib.sha256(root.encode()).digest()[:8], "big") < share * 2.0**64
