"""What each publish found, also those that made no version: the memory of the release rules.

    var/publish/history-DATASET.jsonl      one JSON object a line, oldest first

A line is appended with one write and synced; one that a kill cut short is no entry, and the next append ends it. The file holds at most
2 * KEPT lines. It may be deleted: then the memory begins with what the kept versions say (`of_versions`).

An entry: `at` (ISO, UTC), `outcome` (published, unchanged, refused, waiting), `version` (the one made, else null), `added`, `changed`,
`removed` (speeches; null where it did not come to that), `rows` (by site), `new` (added speeches by site), `failed` (site: why),
`values` (rule: subject: value; what is 0 is left out), `confirmed` (whether a person confirmed warnings or accepted failures).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from crawler.durable import cannot_write, fsync_folder, replacing
from publisher.manifest import Manifest
from publisher.quality import Measures, measures_of

KEPT = 200
Outcome = Literal["published", "unchanged", "refused", "waiting"]
# Only what was published, or would have been, is a measure of what is usual.
USUAL = frozenset({"published", "unchanged"})

Entry = Mapping[str, Any]


def history_path(folder: Path, dataset: str = "speeches") -> Path:
    """The file of a dataset in `folder` (of a home: var/publish)."""
    return folder / f"history-{dataset}.jsonl"


def line(entry: Entry) -> bytes:
    """An entry as it stands in the file."""
    return json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def append(path: Path, entry: Entry, kept: int = KEPT) -> None:
    """Add an entry, durably. The caller holds the dataset's lock. Raises JianghuaError when the disk is full."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(fd).st_size
            torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
            data = (b"\n" if torn else b"") + line(entry)
            while data:
                data = data[os.write(fd, data) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        if new:
            fsync_folder(path.parent)
    except OSError as e:
        raise cannot_write(path, e) from e
    entries = read(path)
    if len(entries) > 2 * kept:
        with replacing(path) as out:
            out.writelines(map(line, entries[-kept:]))


def read(path: Path) -> list[dict[str, Any]]:
    """The entries, oldest first; none where there is no file. A line that is none (cut short, damaged) is left out."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for text in lines:
        try:
            entry = json.loads(text)
        except ValueError:
            continue
        if isinstance(entry, dict) and {"at", "outcome"} <= entry.keys():
            found.append(entry)
    return found


def of_versions(versions: Iterable[tuple[Manifest, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Entries from versions, oldest first, with the quality.json of each."""
    from publisher.releaserules import values

    found: list[dict[str, Any]] = []
    before: Measures | None = None
    for manifest, quality in versions:
        now = measures_of(quality)
        entry = manifest.tables["speeches"]
        found.append(
            {
                "at": manifest.published_at.isoformat(),
                "outcome": "published",
                "version": manifest.version,
                "added": entry.added,
                "changed": entry.changed,
                "removed": entry.removed,
                "rows": dict(manifest.sites),
                "new": {},
                "failed": {site: c.why for site, c in manifest.carried.items()},
                "values": values(now, before, quality.get("relations", {}).get("duplicates", 0)),
                "accepted": sorted(g.name for g in manifest.gates if g.accepted),
                "confirmed": manifest.confirmed is not None or any(g.accepted for g in manifest.gates),
            }
        )
        before = now
    return found


def joined(kept: Sequence[Entry], versions: Sequence[Entry]) -> list[Entry]:
    """The kept history with what versions say of the time before it, oldest first."""
    known = {e.get("version") for e in kept}
    first = kept[0]["at"] if kept else None
    older = [v for v in versions if v["version"] not in known and (first is None or _time(v) < _time(kept[0]))]
    return [*older, *kept]


def _time(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry["at"])


# ---------------------------------------------------------------------------------------------- what it says


def run_of_zeros(history: Sequence[Entry]) -> tuple[int, str | None]:
    """How many of the last runs in a row found no new speech, and when the first of them was. Runs that did not come to the
    question (refused before) neither count nor end the row."""
    runs, since = 0, None
    for entry in reversed(history):
        if entry.get("added") is None:
            continue
        if entry["added"]:
            break
        runs, since = runs + 1, str(entry["at"])
    return runs, since


def last_new(history: Sequence[Entry], site: str | None = None) -> str | None:
    """When a run last found a new speech (of a site), as far as the history goes back."""
    for entry in reversed(history):
        found = entry.get("new", {}).get(site) if site else entry.get("added")
        if found:
            return str(entry["at"])
    return None


def failing_since(history: Sequence[Entry], site: str) -> str | None:
    """When the unbroken row of runs began in which the site failed, up to the last; None when it did not fail in that. When the clock was ahead
    in the first of them, by the earliest that the others say: else the row would never grow old."""
    row = _failing(history, site)
    if not row:
        return None
    first = row[-1] if _time(row[-1]) <= _time(row[0]) else min(row, key=_time)
    return str(first["at"])


def carrying_accepted(history: Sequence[Entry], site: str, gate: str) -> bool:
    """Whether a person accepted the gate of carried sites in a run of the unbroken row in which the site failed, up to the last."""
    return any(gate in entry.get("accepted", ()) for entry in _failing(history, site))


def _failing(history: Sequence[Entry], site: str) -> list[Entry]:
    """The unbroken row of runs in which the site failed, the last one first."""
    row = []
    for entry in reversed(history):
        if site not in entry.get("failed", {}):
            break
        row.append(entry)
    return row


@dataclass(frozen=True, slots=True)
class Past:
    """The values that a rule had for a subject in the last runs, oldest first. run: all; confirmed: the last of them, since a person
    last confirmed how things are."""

    run: tuple[float, ...] = ()
    confirmed: tuple[float, ...] = ()


NEVER = Past()


def past(history: Sequence[Entry], rule: str, subject: str, site: str, window: int) -> Past:
    """What a rule found for a subject in the last `window` runs that were published or would have been. site: whose rows the subject is
    about; runs that had none are left out ("" for all sites)."""
    found: list[float] = []
    since: int | None = None
    for entry in reversed(history):
        if len(found) == window:
            break
        if entry["outcome"] not in USUAL or "values" not in entry:
            continue
        if not site or site in entry.get("rows", {}):
            found.append(float(entry["values"].get(rule, {}).get(subject, 0.0)))
        if entry.get("confirmed") and since is None:
            since = len(found)
    run = tuple(found[::-1])
    return Past(run, run if since is None else run[len(run) - since :])
