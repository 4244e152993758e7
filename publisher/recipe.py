"""What is done to rows between records and version: what people took down, what they put right, personal data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crawler import textfacts
from crawler.corrections.entries import Correction
from crawler.corrections.match import correct
from crawler.takedowns import Takedown
from publisher import personal, takedown
from publisher.tables import SCHEMA_VERSION

CORRECTION = "correction"
FactsOf = Callable[[str, pa.Table], textfacts.Facts | None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """corrections: what people put right. takedowns: the entries that hold. mask: whether personal data is masked."""

    corrections: Sequence[Correction] = ()
    takedowns: Sequence[Takedown] = ()
    mask: bool = True

    def digest(self) -> str:
        """Names all that rows depend on beside the records; when it is another one, every unit is read again."""
        parts = [
            SCHEMA_VERSION,
            *(repr(c) for c in self.corrections),
            takedown.digest(self.takedowns),
            str(self.mask),
            personal.digest(),
        ]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @property
    def plain(self) -> bool:
        """Whether people asked for nothing."""
        return not self.corrections and not self.takedowns


@dataclass(slots=True)
class Applied:
    """What a recipe made of some units of records.

    speeches, provenance, pages: the rows. dropped: reason by id of each speech that was taken out. notes: counts for the gates, as JSON.
    facts: what is known of the words of these speeches as they are now, None where nothing is.
    """

    speeches: pa.Table
    provenance: pa.Table
    pages: pa.Table
    dropped: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    facts: textfacts.Facts | None = None


def apply(
    recipe: Recipe, speeches: pa.Table, provenance: pa.Table, pages: pa.Table, facts: FactsOf = lambda *_: None
) -> Applied:
    """Apply a recipe to rows in the published schema: first what is taken down goes, then come corrections, then personal data.

    facts: tells of given rows of a table, as the records have them, what is known of their words (crawler/textfacts.py)."""
    out = Applied(speeches, provenance, pages)
    if recipe.takedowns:
        out.speeches, taken = takedown.apply(speeches, recipe.takedowns)
        out.dropped |= {t.speech_id: takedown.REASON for t in taken}
        ids = pa.array(list(out.dropped), pa.string())
        urls = speeches["page_url"].filter(pc.is_in(speeches["speech_id"], value_set=ids)).to_pylist()
        out.pages = takedown.scrub_pages(pages, recipe.takedowns, urls)
    if recipe.corrections:
        corrected = correct(out.speeches, recipe.corrections)
        out.speeches = corrected.rows
        out.dropped |= dict.fromkeys(corrected.dropped, CORRECTION)
        number = {id(c): n for n, c in enumerate(recipe.corrections)}
        out.notes["corrections"] = {
            "applied": [number[id(c)] for c in corrected.applied],
            "idle": [[number[id(c)], why] for c, why in corrected.idle],
            "speeches": corrected.speeches,
            "dropped": len(corrected.dropped),
        }
    # what people put right may have brought some
    out.facts = None if recipe.corrections else facts("speeches", out.speeches)
    out.speeches = personal.apply(out.speeches, recipe.mask, _may_have(out.facts))
    if out.facts is not None:
        out.facts = np.where(out.facts & textfacts.PERSONAL, textfacts.UNKNOWN, out.facts)  # masked by now
    if recipe.mask:
        out.pages = personal.pages(out.pages, _may_have(facts("pages", out.pages)))
    if out.dropped:
        out.provenance = without(provenance, out.dropped)
    return out


def _may_have(facts: textfacts.Facts | None) -> personal.Mask | None:
    """Which rows may have personal data."""
    return None if facts is None else (facts & (textfacts.PERSONAL | textfacts.UNKNOWN)) > 0


def without(rows: pa.Table, speech_ids: Collection[str]) -> pa.Table:
    """Rows that are not of these speeches."""
    return rows.filter(pc.invert(pc.is_in(rows["speech_id"], value_set=pa.array(list(speech_ids), pa.string()))))


def dropped(recipe: Recipe, rows: pa.Table) -> dict[str, str]:
    """Reason by id of those speeches of the parent version, not in the records, that the recipe takes out.

    rows: columns speech_id, site, page_url and text_sha256, and with takedowns text and simtext_sha256.
    """
    ids = rows["speech_id"].to_pylist()
    drops = [c for c in recipe.corrections if c.drop]
    out = {
        i: CORRECTION
        for i, text in zip(ids, rows["text_sha256"].to_pylist(), strict=True)
        if any(c.matches(i, text) for c in drops)
    }
    if recipe.takedowns:
        found = takedown.match(rows, recipe.takedowns)
        out |= {ids[at]: takedown.REASON for at in found}
    return out
