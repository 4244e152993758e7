"""Profiles for people: what was learned of each site in a line a layout, or all that one profile says."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from crawler.errors import JianghuaError
from crawler.extraction.profile import Layout, Profile, as_json
from crawler.wording import counted

__all__ = ["as_json", "overview", "whole"]


def _span(layout: Layout) -> str:
    if layout.first is None or layout.first == layout.last:
        return layout.first or "?"
    return f"{layout.first} to {layout.last}"


def overview(found: Mapping[str, Profile | JianghuaError | None]) -> RenderableType:
    """One row a layout: site, number of the profile, span, pages, where its bodies stand, how much of it repeats."""
    table = Table(box=None)
    for heading in ("site", "profile", "layout", "seen", "pages", "lines", "sentences", "where bodies stand"):
        right = heading in ("profile", "layout", "pages", "lines", "sentences")
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading in ("site", "seen"))
    for site, profile in found.items():
        if not isinstance(profile, Profile):
            table.add_row(site, "failed" if profile else "too few pages yet")
            continue
        if not profile.layouts:
            table.add_row(
                site, str(profile.version), "", "", "", str(len(profile.lines)), "", ", ".join(profile.bodies)
            )
        for n, x in enumerate(profile.layouts, 1):
            name, number = (site, str(profile.version)) if n == 1 else ("", "")
            table.add_row(
                name, number, str(n), _span(x), str(x.pages), str(len(x.lines)), str(len(x.sentences)), Text(", ".join(x.bodies))
            )  # fmt: skip
    return table


def whole(profile: Profile) -> RenderableType:
    """Everything a profile says: each layout with its places and with its lines and on how many pages they stand."""
    shown: list[RenderableType] = [Text(f"profile {profile.version} of {profile.site}", style="bold")]
    for n, x in enumerate(profile.layouts, 1):
        shown.append(Text(f"\nlayout {n}: seen {_span(x)}, learned from {counted(x.pages, 'page')}", style="bold"))
        shown += [Text(f"  body at {place}") for place in x.bodies]
        table = Table(box=None)
        table.add_column("pages", justify="right")
        table.add_column("what is cut", overflow="fold")
        table.add_column("where", overflow="fold")
        for r in x.lines:
            table.add_row(str(r.pages), Text(r.key), Text(r.place or "anywhere"))
        for r in x.sentences:
            table.add_row(str(r.pages), Text(r.key), "inside paragraphs")
        shown.append(table if x.lines or x.sentences else Text("  nothing that stands on many pages"))
    if not profile.layouts:
        shown += [Text(f"  body at {place}") for place in profile.bodies]
        shown += [Text(f"  cut: {line}") for line in profile.lines]
    if profile.blocks:
        shown.append(Text("\nlong texts of many pages, which are no body", style="bold"))
        shown += [Text(f"  {text[:120]}") for text in profile.blocks]
    return Group(*shown)
