"""One speech as it was read and its corrections → the speech as it is published. No disk, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crawler.corrections.entries import CORRECTABLE, Correction, tidy_text
from crawler.extraction.fold import script_of, simtext_sha256, text_sha256
from crawler.extraction.masks import masks
from crawler.extraction.outline import outline, points
from crawler.extraction.plain import plain
from crawler.extraction.quality import TEXT_FLAGS, quality_flags

EVIDENCE = "correction"  # what published_from and preview_evidence say of what a correction set


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of a correction of a speech. before: the value that it replaced. problem: why it changed nothing, else None."""

    correction: Correction
    before: Any = None
    problem: str | None = None

    @property
    def applied(self) -> bool:
        return self.problem is None


def apply(row: Mapping[str, Any], corrections: Iterable[Correction]) -> tuple[dict[str, Any] | None, list[Effect]]:
    """The row with its corrections, and what became of each that is for it, in their order.

    row: columns of records.SPEECH, as read. The row comes back with the further column `corrected` (names of the columns that a
    correction changed), or as None where a correction says that it is no speech. Of several values for one column the last one holds.
    Columns that follow from a corrected one are made anew (see `with_text`).
    """
    mine = []
    effects: dict[int, Effect] = {}
    for c in corrections:
        if c.matches(row["speech_id"], row["text_sha256"]):
            mine.append(c)
        elif c.speech_id == row["speech_id"]:
            mine.append(c)
            effects[id(c)] = Effect(c, problem="its text is not the one with this text_sha256")
    valid = [c for c in mine if id(c) not in effects]
    if drop := next((c for c in reversed(valid) if c.drop), None):
        gone = f"the speech is dropped by {drop.where}"
        effects |= {id(c): Effect(c, problem=None if c is drop else gone) for c in valid}
        return None, [effects[id(c)] for c in mine]
    last = {c.field: c for c in valid if c.find is None}
    out = dict(row)
    text = row["text"]
    for c in valid:
        if c.find is None and last[c.field] is not c:
            effects[id(c)] = Effect(c, problem=f"{last[c.field].where} gives another value")
        elif c.field == "text":
            text, effects[id(c)] = _text(text, c)
    if text != row["text"]:
        out = with_text(out, text)
    for c in valid:
        if c.field != "text" and id(c) not in effects:
            assert c.field is not None
            before = row[c.field]
            effects[id(c)] = Effect(c, before, "its value is already so" if before == c.value else None)
            out[c.field] = c.value
    done = {e.correction.field for e in effects.values() if e.applied}
    _follow(out, done)
    return out | {"corrected": [name for name in CORRECTABLE if name in done]}, [effects[id(c)] for c in mine]


def _text(text: str, c: Correction) -> tuple[str, Effect]:
    if c.find is None:
        return c.value, Effect(c, text, "its value is already so" if c.value == text else None)
    assert c.replace is not None
    if c.find not in text:
        already = bool(c.replace) and c.replace in text
        return text, Effect(c, problem="its value is already so" if already else "`find` does not stand in the text")
    new = tidy_text(text.replace(c.find, c.replace))
    if not new:
        return text, Effect(c, problem="nothing would be left of the text")
    return new, Effect(c, text, "its value is already so" if new == text else None)


def with_text(row: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The row with another text, and with what follows from it alone: lengths, script, masks, outline, points, the flags that the
    text itself raises, digests. What was told from title and text together (topics, place, level …) stays as it was read."""
    paragraphs = text.split("\n")
    view = plain(text)
    views = view.split("\n")
    numbered = outline(paragraphs, views)
    said, found = points(views)
    kinds = masks(view)
    flags = {f for f in row["quality_flags"] if f not in TEXT_FLAGS}
    return {
        **row,
        "text": text,
        "paragraphs": len(paragraphs),
        "chars": len("".join(text.split())),
        "script": script_of(text),
        "outline": numbered,
        "points_announced": said,
        "points_found": found,
        "masks": kinds,
        "mask_count": sum(int(m["count"]) for m in kinds),
        "quality_flags": sorted(flags | set(quality_flags(paragraphs, text, [o["paragraph"] for o in numbered]))),
        "text_sha256": text_sha256(text),
        "simtext_sha256": simtext_sha256(text),
    }


def _follow(row: dict[str, Any], done: set[str | None]) -> None:
    """What says where a corrected value comes from."""
    if "published_at" in done:
        row["published_from"] = EVIDENCE if row["published_at"] is not None else None
    if "is_preview" in done and "preview_evidence" not in done:
        row["preview_evidence"] = (row["preview_evidence"] or EVIDENCE) if row["is_preview"] else None
