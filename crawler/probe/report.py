"""A proposal for people: what would be crawled, how sure that is, what would be read; and the same as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from crawler.probe.look import Look
from crawler.probe.model import Proposal
from crawler.wording import counted

_SHOWN = 14  # forms of address; more are counted together
_ORDER = ("article", "in-article page", "list", "copy", "feed or sitemap", "mixed", "other", "not seen", "not fetched")


def as_data(proposal: Proposal, look: Look, text: str) -> dict[str, Any]:
    """A proposal as plain data, for --json."""
    return {
        "name": proposal.name.value,
        "title": proposal.title.value,
        "start": [b.value for b in proposal.start],
        "moved_from": look.moved,
        "platform": proposal.recognised.platform.name if proposal.recognised else None,
        "platform_file": proposal.platform.value,
        "platform_why": proposal.platform.why,
        "charset": proposal.charset,
        "delay": proposal.delay.value,
        "delay_why": proposal.delay.why,
        "requests": len(look.asked),
        "known": len(look.pages),
        "kinds": [
            {**asdict(g), "form": str(g.form), "sure": round(g.sure, 2), "examples": list(g.examples)} for g in proposal.groups
        ],
        "readings": [asdict(r) for r in proposal.readings],
        "facts": dict(proposal.facts),
        "warnings": proposal.warnings,
        "site_file": text,
    }  # fmt: skip


def as_report(proposal: Proposal, look: Look, text: str) -> RenderableType:
    """A proposal as tables and the site file."""
    head = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    head.add_column(style="bold", no_wrap=True)
    head.add_column(overflow="fold")
    head.add_row("site", f"{proposal.name.value}  {proposal.title.value}")
    for url in look.moved:
        head.add_row("moved", f"{url} leads to {look.start}")
    head.add_row("platform", f"{proposal.platform.value}: {proposal.platform.why}")
    head.add_row("charset", proposal.charset)
    for name, value in proposal.facts:
        head.add_row(name, value)
    kinds = Table(title="What would be crawled", title_justify="left", box=SIMPLE, pad_edge=False, padding=(0, 1))
    for column, right in (("kind", False), ("met", True), ("address", False), ("sure", True), ("why", False)):
        kinds.add_column(column, justify="right" if right else "left", overflow="fold", no_wrap=right)
    groups = sorted(proposal.groups, key=lambda g: (_ORDER.index(g.kind), -g.count, str(g.form)))
    for g in groups[:_SHOWN]:
        sure = f"{100 * g.sure:.0f} %" if g.looked else ""
        kinds.add_row(g.kind, str(g.count), f"{g.form}\n  {g.examples[0]}" if g.examples[0] != str(g.form) else g.examples[0],
                      sure, g.why)  # fmt: skip
    if len(groups) > _SHOWN:
        rest = groups[_SHOWN:]
        kinds.add_row("…", str(sum(g.count for g in rest)), f"of {counted(len(rest), 'more form')}", "", "")
    samples = Table(title="What would be read", title_justify="left", box=SIMPLE, pad_edge=False, padding=(0, 1))
    for column in ("article", "speeches", "date", "begins with"):
        samples.add_column(column, overflow="fold")
    for r in proposal.readings:
        what = str(r.speeches) if r.speeches else f"none: {r.why}"
        samples.add_row(f"{r.title or ''}\n{r.url}", what, f"{r.date} ({r.dated})" if r.date else "none found", r.words)
    parts: list[RenderableType] = [head, Text(), kinds]
    if proposal.readings:
        parts.append(samples)
    parts += [Text(f"note: {w}", style="yellow") for w in proposal.warnings]
    parts += [Text(), Text(text.rstrip(), no_wrap=True, overflow="ignore")]  # lines of YAML, to be copied as they are
    return Group(*parts)
