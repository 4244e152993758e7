"""Where a publish keeps its sketches, as the present callers ask for it."""

from __future__ import annotations

from pathlib import Path

from publisher.duplicates import Sketcher


def remembering(folder: Path) -> Sketcher:
    """For `duplicates.relate`: keeps the sketch index in this folder."""
    return Sketcher(folder)


def memo_path(folder: Path) -> Path:
    """The folder of the sketch index in var/publish."""
    return folder / "sketches"
