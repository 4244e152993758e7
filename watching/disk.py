"""How full the disk is and how fast it fills: the free space now, and samples of before.

    var/watching/disk.jsonl     one sample an hour at most, for 30 days: {"at": …, "free": bytes}

The file may be deleted: then growth is not known until there are samples again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from crawler.durable import write_bytes
from crawler.errors import JianghuaError
from crawler.home import Home

EVERY = timedelta(hours=1)
KEPT = timedelta(days=30)
LEAST = timedelta(hours=12)  # shorter than that, what one run wrote would look like growth


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes that are free and that there are."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Sample:
    """The free bytes at a time (aware)."""

    at: datetime
    free: int


def path(home: Home) -> Path:
    return home.var / "watching" / "disk.jsonl"


def samples(home: Home) -> list[Sample]:
    """The samples, oldest first. A line that is none is left out."""
    try:
        lines = path(home).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    found = []
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            value = json.loads(line)
            found.append(Sample(datetime.fromisoformat(value["at"]), int(value["free"])))
    return sorted(found, key=lambda s: s.at)


def remember(home: Home, disk: Disk, now: datetime) -> None:
    """Keep a sample, where the last one is an hour old. A disk that is too full for it keeps the old ones."""
    known = samples(home)
    if known and timedelta(0) <= now - known[-1].at < EVERY:
        return
    kept = [s for s in known if now - KEPT <= s.at <= now] + [Sample(now, disk.free)]
    text = "".join(json.dumps({"at": s.at.isoformat(), "free": s.free}) + "\n" for s in kept)
    with suppress(JianghuaError):
        write_bytes(path(home), text.encode())


def growth(known: Sequence[Sample], now: datetime, free: int) -> float | None:
    """Bytes a day by which the free space shrank since it was last largest, within a week; None where that is too short ago to tell.

    From the peak, and not from the first sample, because a clean-up in between would hide how fast it fills.
    """
    recent = [s for s in known if now - timedelta(days=7) <= s.at <= now]
    peak = max(recent, key=lambda s: (s.free, s.at), default=None)
    if peak is None or now - peak.at < LEAST:
        return None
    return max(0, peak.free - free) / ((now - peak.at) / timedelta(days=1))
