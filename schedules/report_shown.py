"""A run's report for people: tables of what each site brought, what went wrong, how hosts were asked, what lists say they hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from schedules.plan import span
from schedules.report import GateFigures, RunReport, SiteFigures

MOST = 8  # reasons, rejects and lists told of each site


def shown(report: RunReport) -> RenderableType:
    """The whole report."""
    parts: list[RenderableType] = [stages(report)]
    if any(s.crawl for s in report.sites):
        parts += [Text(), crawled(report)]
    if any(s.extract for s in report.sites):
        parts += [Text(), read(report)]
    if any(s.crawl and s.crawl.hosts for s in report.sites):
        parts += [Text(), hosts(report)]
    if report.published is not None:
        parts += [Text(), published(report)]
    notes = [*_notes(report)]
    return Group(*parts, *([Text(), *notes] if notes else []))


def _table(title: str, *columns: str, left: int = 1) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE, pad_edge=False, padding=(0, 1))
    for n, name in enumerate(columns):
        table.add_column(name, justify="left" if n < left else "right", no_wrap=n == 0)
    return table


def stages(report: RunReport) -> Table:
    """How long each step took and how it ended."""
    table = _table("Steps", "step", "result", "why", "seconds", left=3)
    for s in report.stages:
        result = (
            Text("done", "green")
            if s.ok
            else Text("waiting" if s.waiting else "failed", "yellow" if s.waiting else "red")
        )
        table.add_row(s.step, result, Text(s.why or ""), f"{s.seconds:,.1f}")
    return table


def _rows(report: RunReport) -> list[tuple[str, SiteFigures]]:
    rows = [(s.site, s) for s in report.sites]
    return [*rows, ("all", report.total)] if len(rows) > 1 else rows


def crawled(report: RunReport) -> Table:
    """What was fetched."""
    table = _table("Pages", "site", "new", "changed", "same", "gone", "failed", "denied", "asked", "MB", "s", "left")
    for name, site in _rows(report):
        c = site.crawl
        if c is None:
            table.add_row(name, *[""] * 9, Text("failed", "red") if site.error else "")
            continue
        figures = (c.new, c.changed, c.unchanged, c.gone, c.failed, c.disallowed, c.requests)
        left = Text("failed", "red") if site.error else "" if c.finished and not c.queued else f"{c.queued:,}"
        table.add_row(name, *(f"{n:,}" for n in figures), f"{c.bytes / 1e6:,.1f}", f"{c.seconds:,.0f}", left)
    return table


def read(report: RunReport) -> Table:
    """What was found in it."""
    table = _table(
        "Speeches", "site", "speeches", "previews", "read now", "of these speeches", "median length", "rejects"
    )
    table.columns[-1].justify = "left"
    for name, site in _rows(report):
        e = site.extract
        if e is None:
            continue
        fresh = e.fresh
        rejects = [f"{n:,} {fate}" for fate, n in list(e.rejects.items())[:MOST]]
        table.add_row(
            name,
            f"{e.speeches:,}",
            f"{e.previews:,}",
            f"{e.read:,}",
            f"{fresh.speeches:,}" if fresh else "",
            f"{fresh.chars_median:,}" if fresh and fresh.chars_median is not None else "",
            Text(", ".join(rejects)),
        )
    return table


def hosts(report: RunReport) -> Table:
    """How each host was asked."""
    table = _table("Hosts", "host", "site", "requests", "MB", "shortest delay", "median delay", "median answer", left=2)

    def seconds(value: float | None) -> str:
        return "" if value is None else f"{value:.2f} s"

    for site in report.sites:
        for h in site.crawl.hosts if site.crawl else ():
            delays = (seconds(h.delay_shortest), seconds(h.delay_median), seconds(h.answer_median))
            table.add_row(h.host, site.site, f"{h.requests:,}", f"{h.bytes / 1e6:,.1f}", *delays)
    return table


def published(report: RunReport) -> Table:
    """What changed in the dataset."""
    title = f"Version {report.version}" if report.version else "No new version"
    table = _table(title, "site", "speeches", "added", "changed", "removed")
    for name, site in _rows(report):
        p = site.publish
        if p is not None:
            table.add_row(name, *(f"{n:,}" for n in (p.rows, p.added, p.changed, p.removed)))
    return table


def _notes(report: RunReport) -> Iterator[Text]:
    """What went wrong, a line each."""
    for site in report.sites:
        if site.error:
            yield Text(f"{site.site}: {site.error.splitlines()[0]}", style="red")
        c = site.crawl
        if c is not None:
            for why, n in list(c.failures.items())[:MOST]:
                yield Text(f"{site.site}: {n} × {why}", style="yellow")
            if c.newly_disallowed:
                yield Text(f"{site.site}: robots.txt newly forbids {c.newly_disallowed} pages", style="yellow")
            if c.lists_stated:
                yield Text(
                    f"{site.site}: {c.lists_complete} of {c.lists_stated} lists that say how much they hold are complete"
                )
            for x in c.lists[:MOST]:
                told = []
                if x.pages_stated is not None:
                    told.append(f"{x.pages_seen} of {x.pages_stated} pages")
                if x.items_stated is not None:
                    told.append(f"{x.items_seen} of {x.items_stated} items")
                yield Text(f"{site.site}: {x.list}: {', '.join(told)} (“{x.said}”)", style="yellow")
            if len(c.lists) > MOST:
                yield Text(f"{site.site}: and {len(c.lists) - MOST} more lists (see --json)", style="yellow")
        e = site.extract
        if e is not None:
            for what, n in (("pages poison their reading", e.poison), ("archived records are damaged", e.damaged)):
                if n:
                    yield Text(f"{site.site}: {n} {what}", style="yellow")
            for flag, n in (e.fresh.flags if e.fresh else {}).items():
                yield Text(f"{site.site}: {n} × {flag}")
    yield from map(_gate, report.gates)


def _gate(gate: GateFigures) -> Text:
    accepted = f" (accepted: {gate.accepted})" if gate.accepted else ""
    return Text(
        f"{gate.result}: {gate.name}: {gate.what}{accepted}", style="red" if gate.result == "fail" else "yellow"
    )


def took(report: RunReport) -> str:
    """How long the run took, for people."""
    return "" if report.seconds is None else span(timedelta(seconds=round(report.seconds)))
