"""All rows and all corrections: the table with those applied that match, and which do not match any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from crawler.corrections.apply import Effect, apply
from crawler.corrections.entries import Correction


@dataclass(slots=True)
class Corrected:
    """rows: the table, corrected. speeches: how many rows were corrected. dropped: ids of those that are no speech.

    applied: the corrections that did something. idle: those that did nothing, each with the reason.
    """

    rows: pa.Table
    speeches: int = 0
    dropped: frozenset[str] = frozenset()
    applied: list[Correction] = field(default_factory=list)
    idle: list[tuple[Correction, str]] = field(default_factory=list)


def correct(rows: pa.Table, corrections: Sequence[Correction]) -> Corrected:
    """Apply corrections to a table with the columns of records.SPEECH, as read (and `corrected`, filled where it is there).

    Rows that no correction is for are not touched; the order of the rows is not kept.
    """
    if not corrections:
        return Corrected(rows)
    by_id: dict[str, list[int]] = {}
    by_text: dict[str, list[int]] = {}
    for n, c in enumerate(corrections):
        if c.speech_id is not None:
            by_id.setdefault(c.speech_id, []).append(n)
        elif c.text_sha256 is not None:
            by_text.setdefault(c.text_sha256, []).append(n)
    hit = pc.or_(
        pc.is_in(rows["speech_id"], value_set=pa.array(list(by_id), pa.string())),
        pc.is_in(rows["text_sha256"], value_set=pa.array(list(by_text), pa.string())),
    )
    out = Corrected(rows)
    effects: dict[int, list[Effect]] = {}
    made, dropped = [], []
    for row in rows.filter(hit).to_pylist():
        mine = sorted({*by_id.get(row["speech_id"], []), *by_text.get(row["text_sha256"], [])})
        new, told = apply(row, [corrections[n] for n in mine])
        for n, effect in zip(mine, told, strict=True):
            effects.setdefault(n, []).append(effect)
        if new is None:
            dropped.append(row["speech_id"])
        else:
            made.append(new)
            out.speeches += bool(new["corrected"])
    out.rows = pa.concat_tables([rows.filter(pc.invert(hit)), pa.Table.from_pylist(made, schema=rows.schema)])
    out.dropped = frozenset(dropped)
    for n, c in enumerate(corrections):
        told = effects.get(n, [])
        if any(e.applied for e in told):
            out.applied.append(c)
        elif told:
            out.idle.append((c, str(told[0].problem)))
        else:
            out.idle.append((c, "no speech has this id" if c.speech_id else "no speech has this text as read"))
    return out
