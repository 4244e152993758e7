"""How well the sample was read: rows of speeches against the sample's gold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

# columns of records.SPEECH that are compared with the gold field of the same name
FACTS = (
    "title",
    "title_raw",
    "published_at",
    "source",
    "breadcrumb",
    "keywords",
    "salutation",
    "is_preview",
    "chars_declared",
)


@dataclass(slots=True)
class Score:
    """wanted, found: speeches in the gold and rows that are among them; extra: rows that are none of them.

    perfect: found speeches with exactly the paragraphs; facts: share of found speeches with the right value, by column;
    worst: (site, path, part, what) of every difference.
    """

    wanted: int = 0
    found: int = 0
    extra: int = 0
    perfect: int = 0
    facts: dict[str, float] = field(default_factory=dict)
    worst: list[tuple[str, str, int, str]] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.found / self.wanted if self.wanted else 1.0

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.extra) if self.found + self.extra else 1.0

    @property
    def perfect_share(self) -> float:
        return self.perfect / self.found if self.found else 0.0


def key_of(row: Mapping[str, Any]) -> tuple[str, str, int]:
    """Site, path with query, and part of a row of speeches."""
    parts = urlsplit(row["page_url"])
    return row["site"], (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), int(row["part"])


def _without(paragraphs: list[str], optional: list[str]) -> list[str]:
    """The paragraphs without leading ones that are neither wanted nor wrong."""
    while paragraphs and "".join(paragraphs[0].split()) in {"".join(o.split()) for o in optional}:
        paragraphs = paragraphs[1:]
    return paragraphs


def score(rows: Iterable[Mapping[str, Any]], gold: Iterable[Mapping[str, Any]]) -> Score:
    """Compare rows (of records.SPEECH or the published table) with `Sample.speeches(day)`."""
    wanted = {(g["site"], g["path"], g["part"]): g for g in gold}
    result = Score(wanted=len(wanted))
    right = dict.fromkeys(FACTS, 0)
    seen: set[tuple[str, str, int]] = set()
    for row in rows:
        key = key_of(row)
        g = wanted.get(key)
        if g is None or key in seen:
            result.extra += 1
            result.worst.append((*key, f"extra: {row['title']}"))
            continue
        seen.add(key)
        result.found += 1
        if _without(row["text"].split("\n"), g["optional"]) == g["paragraphs"]:
            result.perfect += 1
        else:
            result.worst.append((*key, "paragraphs"))
        for fact in FACTS:
            value, want = row[fact], g[fact]
            # of a part either the title of the page or its own heading is a title
            if value == want or (fact == "title" and g["parts"] > 1 and value == g["part_title"]):
                right[fact] += 1
            else:
                result.worst.append((*key, f"{fact}: {value!r} instead of {want!r}"))
    result.worst += [(*key, "missed") for key in sorted(set(wanted) - seen)]
    result.facts = {f: n / result.found if result.found else 0.0 for f, n in right.items()}
    return result
