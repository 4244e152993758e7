"""What is looked at while parts are written: row rules over rows that are new or changed, measures of every part of `speeches`.

A part never changes, so its measures are remembered by its digest, beside the other things that the publisher remembers
(`var/publish/…/measures.json`, which may be deleted): a publish measures the parts that it writes, and adds the others up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from crawler.durable import write_bytes
from publisher.manifest import Gate, Part
from publisher.quality import Measures, measure, summed
from publisher.rules import RowCheck, gates_of

FILE = "measures.json"


class Watch:
    """now: the time of publishing, aware. known: measures by the SHA-256 of a part (see `load`). first: there is no parent, so that all rows are
    new, and are measured as parts only.

    new: measures of the speeches that are new or changed. parts: of each part that was written or asked for.
    """

    def __init__(self, now: datetime, known: Mapping[str, Measures] | None = None, *, first: bool = False) -> None:
        self._first = first
        self._check = RowCheck(now)
        self._known = dict(known or {})
        self._new: list[Measures] = []
        self.parts: dict[str, Measures] = {}

    def rows(self, table: str, rows: pa.Table) -> None:
        """Rows that are new or changed, as they are to be published, all columns filled."""
        self._check.add(table, rows)
        if table == "speeches" and not self._first:
            self._new.append(measure(rows))

    def part(self, part: Part, rows: pa.Table) -> None:
        """A part of `speeches` that was written."""
        self.parts[part.sha256] = measure(rows)

    def measures(self, parts: Sequence[Part], read: Callable[[Part], pa.Table]) -> Measures:
        """The measures of all these parts of `speeches`. read: gives the rows of a part that nobody has measured."""
        for part in parts:
            if part.sha256 not in self.parts:
                known = self._known.get(part.sha256)
                self.parts[part.sha256] = measure(read(part)) if known is None else known
        return summed(self.parts[part.sha256] for part in parts)

    @property
    def new(self) -> Measures:
        return summed(self._new)

    def gates(self) -> list[Gate]:
        """The gates of the row rules."""
        return gates_of(self._check.result())


def save(folder: Path, parts: Mapping[str, Measures]) -> None:
    """Remember the measures of the parts of a version."""
    value = {sha256: found.as_json() for sha256, found in sorted(parts.items())}
    write_bytes(folder / FILE, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def load(folder: Path) -> dict[str, Measures]:
    """What `save` remembered; nothing where there is no such file, or none that can be understood."""
    try:
        value = json.loads((folder / FILE).read_bytes())
        return {sha256: Measures.from_json(found) for sha256, found in value.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
