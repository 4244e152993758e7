"""What is done to rows between records and version: what people took down, what they put right, personal data."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crawler.corrections.entries import Correction
from crawler.corrections.match import correct
from publisher.tables import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Recipe:
    """corrections: what people put right."""

    corrections: Sequence[Correction] = ()

    def digest(self) -> str:
        """Names all that rows depend on beside the records; when it is another one, every unit is read again."""
        parts = [SCHEMA_VERSION, *(repr(c) for c in self.corrections)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(slots=True)
class Applied:
    """What a recipe made of one unit of records.

    speeches, provenance, pages: the rows. dropped: reason by id of each speech that was taken out. notes: counts for the gates, as JSON.
    """

    speeches: pa.Table
    provenance: pa.Table
    pages: pa.Table
    dropped: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


def apply(recipe: Recipe, speeches: pa.Table, provenance: pa.Table, pages: pa.Table) -> Applied:
    """Apply a recipe to the rows of one unit, in the published schema."""
    out = Applied(speeches, provenance, pages)
    if recipe.corrections:
        corrected = correct(speeches, recipe.corrections)
        out.speeches = corrected.rows
        out.dropped = dict.fromkeys(corrected.dropped, "correction")
        number = {id(c): n for n, c in enumerate(recipe.corrections)}
        out.notes["corrections"] = {
            "applied": [number[id(c)] for c in corrected.applied],
            "idle": [[number[id(c)], why] for c, why in corrected.idle],
            "speeches": corrected.speeches,
            "dropped": len(corrected.dropped),
        }
    if out.dropped:
        out.provenance = provenance.filter(
            pc.invert(pc.is_in(provenance["speech_id"], value_set=pa.array(list(out.dropped), pa.string())))
        )
    return out


def dropped_ids(recipe: Recipe, speech_ids: Sequence[str], texts: Sequence[str]) -> dict[str, str]:
    """Reason by id of those speeches of the parent version, not in the records, that the recipe takes out. texts: their text_sha256."""
    drops = [c for c in recipe.corrections if c.drop]
    return {
        i: "correction" for i, text in zip(speech_ids, texts, strict=True) if any(c.matches(i, text) for c in drops)
    }
