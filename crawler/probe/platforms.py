"""Which software a site is made with, by signs on its pages, in its addresses and in the heads of its answers. Pure.

The signs are data: platforms.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from crawler.ourdata import read_ours

SIGNS = Path(__file__).with_name("platforms.yaml")
ENOUGH = 2  # weight from which a platform is recognised
_SHOWN = 60  # characters of what a sign found

Where = Literal["html", "url", "header"]


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of a platform; yes, no: a text it finds and one it does not."""

    where: Where
    weight: int
    pattern: re.Pattern[str]
    yes: str
    no: str


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform: its name, what people call it, the platform of the site file, its signs."""

    name: str
    title: str
    file: str
    signs: tuple[Sign, ...]


@dataclass(frozen=True, slots=True)
class Recognised:
    """A platform that was recognised, and by what: the texts that its signs found. weight: of the signs together."""

    platform: Platform
    evidence: tuple[str, ...]
    weight: int


@cache
def platforms() -> tuple[Platform, ...]:
    """Every platform that there are signs of."""
    value: dict[str, Any] = read_ours(SIGNS)
    return tuple(
        Platform(
            name,
            p["title"],
            p["file"],
            tuple(Sign(s["where"], s["weight"], re.compile(s["pattern"], re.MULTILINE), s["yes"], s["no"]) for s in p["signs"]),
        )
        for name, p in value.items()
    )  # fmt: skip


def recognise(pages: Iterable[str], urls: Iterable[str], headers: Iterable[str]) -> Recognised | None:
    """The platform of a site, None when nothing tells.

    pages: texts of its pages. urls: path and query of addresses met. headers: heads of answers, `Name: value` lines.
    """
    texts: dict[str, list[str]] = {"html": list(pages), "url": sorted(set(urls)), "header": sorted(set(headers))}
    best: Recognised | None = None
    for platform in platforms():
        weight = 0
        evidence = []
        for sign in platform.signs:
            found = next((m for t in texts[sign.where] if (m := sign.pattern.search(t))), None)
            if found is None:
                continue
            weight += sign.weight
            what = found.string if sign.where == "url" else found.group()
            evidence.append(" ".join(what.split())[:_SHOWN])
        if weight >= ENOUGH and (best is None or weight > best.weight):
            best = Recognised(platform, tuple(evidence), weight)
    return best
