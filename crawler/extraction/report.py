"""What an extraction did, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from crawler.shards import Shard


@dataclass(slots=True)
class Fresh:
    """What reading made of the articles read in this run. fates: articles by what became of them; flags: speeches by quality flag;
    lengths: of the speeches, in characters, by how often."""

    articles: int = 0
    speeches: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)

    def count(self, fate: str, speeches: Iterable[Mapping[str, Any]]) -> None:
        """Count in one article. speeches: its rows."""
        self.articles += 1
        self.fates[fate] += 1
        for row in speeches:
            self.speeches += 1
            self.lengths[row["chars"]] += 1
            self.flags.update(row["quality_flags"])

    def add(self, other: Fresh) -> None:
        """Count in what another pass read."""
        self.articles += other.articles
        self.speeches += other.speeches
        for mine, others in ((self.fates, other.fates), (self.flags, other.flags)):
            mine.update(others)
        self.lengths.update(other.lengths)

    def as_json(self) -> dict[str, Any]:
        """As plain values, with the median instead of all lengths."""
        ordered = sorted(self.lengths.elements())
        return {
            "articles": self.articles,
            "speeches": self.speeches,
            "fates": dict(sorted(self.fates.items())),
            "flags": dict(sorted(self.flags.items())),
            "chars_median": ordered[(len(ordered) - 1) // 2] if ordered else None,
        }


@dataclass(slots=True)
class SiteReport:
    """What extraction did for one site, and what its records hold now.

    jobs, skipped: buckets, and those of them whose input had not changed. read, reused: articles read now and taken from the
    old shards; pages_read: archived pages read now. fates: pages by fate; speeches: rows in the records.
    poison: (url, why) of articles whose reading failed in this run. damaged: (url, where, what) of archived records that
    cannot be read. warnings: what was repaired on the way. error: what kept the site from being extracted. fresh: of what was read now.
    """

    site: str
    jobs: int = 0
    skipped: int = 0
    articles: int = 0
    read: int = 0
    reused: int = 0
    pages_read: int = 0
    speeches: int = 0
    fates: dict[str, int] = field(default_factory=dict)
    poison: list[tuple[str, str]] = field(default_factory=list)
    damaged: list[tuple[str, str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    fresh: Fresh = field(default_factory=Fresh)

    def add(self, shard: Shard) -> None:
        """Count what a committed shard holds."""
        self.speeches += shard.files["speeches"]["rows"]
        for fate, n in shard.counts.items():
            self.fates[fate] = self.fates.get(fate, 0) + n

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {**asdict(self), "fresh": self.fresh.as_json()}


@dataclass(slots=True)
class ExtractReport:
    """What an extraction did, by site; seconds: its wall time.

    learned: of each site its profile's number or what went wrong, where the extraction learned as well (else None), and
    learned_seconds how long that took.
    """

    sites: list[SiteReport] = field(default_factory=list)
    seconds: float = 0.0
    learned: list[dict[str, str | int | None]] | None = None
    learned_seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """True when every site was extracted (and learned, if asked) and every archived record could be read."""
        return not any(s.error or s.damaged for s in self.sites) and not any(r["error"] for r in self.learned or ())

    def add(self, earlier: ExtractReport) -> None:
        """Count in what an earlier pass of the same run read; what the records hold is told by the last pass alone."""
        own = {s.site: s for s in self.sites}
        for before in earlier.sites:
            site = own[before.site]
            site.read += before.read
            site.pages_read += before.pages_read
            site.poison = sorted({*before.poison, *site.poison})
            site.warnings = [*before.warnings, *site.warnings]
            site.fresh.add(before.fresh)

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        value = {"seconds": round(self.seconds, 3), "ok": self.ok, "sites": [s.as_json() for s in self.sites]}
        if self.learned is not None:
            value |= {"learned": self.learned, "learned_seconds": round(self.learned_seconds, 3)}
        return value
