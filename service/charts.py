"""Pictures made here, as SVG without style or script: the timeline of runs, and a site's last runs in a few strokes.

Colours come from classes in the style sheet, so that they follow dark mode and print; what a colour says, a title says too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from urllib.parse import urlencode

from markupsafe import Markup, escape

from schedules.plan import MANUAL
from service.models import PointOut, RunOut

Words = Callable[..., str]
NEAR = 4.0  # units of the picture; bars are 5 wide at least


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch of time that a timeline shows."""

    begin: datetime
    end: datetime

    def at(self, moment: datetime, width: float) -> float:
        """Where a moment stands, 0 to width; what lies outside stands at the edge."""
        share = (moment - self.begin) / (self.end - self.begin)
        return round(width * min(1.0, max(0.0, share)), 1)


def _ticks(span: Span, zone: tzinfo, most: int) -> list[tuple[datetime, str]]:
    """Round times in the span with their labels, at most `most` of them."""
    hours = (span.end - span.begin).total_seconds() / 3600
    step = next((s for s in (1, 2, 3, 6, 12, 24, 48, 96, 168, 336) if hours / s <= most), 720)
    first = span.begin.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    for i in range(int(hours // step) + 26):
        at = first + timedelta(hours=i * step)
        if span.begin <= at <= span.end:
            found.append((at, f"{at:%m-%d}" if at.hour == 0 else f"{at:%H:%M}"))
    return found


def _bars(runs: Sequence[RunOut], span: Span, width: float) -> list[list[RunOut]]:
    """The runs of a schedule by bar: those of one state that would lie upon each other are one. Bars that a person should see are last, so
    that they are drawn upon the others."""
    bars: list[list[RunOut]] = []
    open_bars: dict[str, tuple[float, list[RunOut]]] = {}
    for run in sorted(runs, key=lambda r: r.scheduled_for):
        x = span.at(run.started or run.scheduled_for, width)
        begun, group = open_bars.get(run.state, (-NEAR, []))
        if not group or x - begun >= NEAR:
            begun, group = x, []
            bars.append(group)
            open_bars[run.state] = begun, group
        group.append(run)
    return sorted(bars, key=lambda g: g[0].state not in ("done", "caught_up", "skipped"))


def timeline(
    runs: Sequence[RunOut],
    coming: Sequence[tuple[str, datetime]],
    span: Span,
    now: datetime,
    zone: tzinfo,
    t: Words,
    *,
    width: int = 1080,
    narrow: bool = False,
) -> Markup:
    """A row a schedule, a bar a run that leads to its report (many in a short time share one); coming: fire times ahead, by schedule. narrow: for a phone."""
    names = list(dict.fromkeys([*(n for n, _ in coming), *(r.schedule for r in sorted(runs, key=lambda r: r.id))]))
    left = 0 if narrow else 130
    row, top = (46, 22) if narrow else (34, 22)
    height, inner = top + row * max(1, len(names)) + 4, width - left - 6
    out: list[str] = []
    for at, label in _ticks(span, zone, 5 if narrow else 12):
        x = left + span.at(at, inner)
        out.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{top - 4}" y2="{height}"/>')
        if x < width - 30:
            out.append(f'<text class="tick" x="{x + 3}" y="12">{escape(label)}</text>')
    for number, name in enumerate(names):
        y = top + number * row
        title = t("by hand") if name == MANUAL else name
        shown = title if len(title) <= (40 if narrow else 17) else title[: 39 if narrow else 16] + "…"
        out.append(f'<line class="row" x1="0" x2="{width}" y1="{y + row}" y2="{y + row}"/>')
        at_y = y + 15 if narrow else y + row / 2 + 4
        out.append(f'<text class="name" x="{2 if narrow else 0}" y="{at_y}">{escape(shown)}</text>')
        bar_y, bar = (y + 22, 18) if narrow else (y + 8, 18)
        for group in _bars([r for r in runs if r.schedule == name], span, inner):
            run, last = group[0], group[-1]
            begin = run.started or run.scheduled_for
            end = max(r.finished or (now if r.started else r.started or r.scheduled_for) for r in group)
            x = left + span.at(begin, inner)
            length = max(5.0, left + span.at(end, inner) - x)
            if len(group) == 1:
                told, leads = f"{t('Run')} {run.id} · {name} · {t(run.state)}", f"/runs/{run.id}"
            else:
                told = f"{t('{n} runs', n=len(group))}: {run.id} – {last.id} · {name} · {t(run.state)}"
                leads = f"/runs?{urlencode({'schedule': name, 'state': run.state})}"
            told += f" · {run.scheduled_for.astimezone(zone):%Y-%m-%d %H:%M}"
            told += f" – {last.scheduled_for.astimezone(zone):%m-%d %H:%M}" if len(group) > 1 else ""
            out.append(
                f'<a href="{escape(leads)}" aria-label="{escape(told)}"><rect class="bar s-{run.state}" x="{x}" y="{bar_y}" '
                f'width="{round(length, 1)}" height="{bar}" rx="3"/><title>{escape(told)}</title></a>'
            )
        for at in sorted(m for n, m in coming if n == name):
            if at <= span.end:
                x = left + span.at(at, inner)
                told = f"{t('next')}: {name} · {at.astimezone(zone):%Y-%m-%d %H:%M}"
                out.append(
                    f'<circle class="coming" cx="{x}" cy="{bar_y + bar / 2}" r="5"><title>{escape(told)}</title></circle>'
                )
    x = left + span.at(now, inner)
    out.append(f'<line class="now" x1="{x}" x2="{x}" y1="{top - 6}" y2="{height}"/>')
    label = t("{n} runs in this time", n=len(runs))
    return Markup(
        f'<svg class="timeline{" narrow" if narrow else " wide"}" viewBox="0 0 {width} {height}" role="group" '
        f'aria-label="{escape(label)}">' + "".join(out) + "</svg>"
    )


def sparkline(points: Sequence[PointOut], t: Words, *, width: int = 132, height: int = 30) -> Markup:
    """What the last runs of a site brought, a bar a run: new and changed pages; a failed run is marked at the foot."""
    if not points:
        return Markup("")
    most = max((p.new + p.changed for p in points), default=0) or 1
    step = width / max(12, len(points))
    bars = []
    for i, p in enumerate(points):
        value = p.new + p.changed
        tall = round((height - 5) * value / most, 1)
        x = round(width - (len(points) - i) * step, 1)
        told = f"{t('Run')} {p.run}: {t('{n} new', n=p.new)}, {t('{n} changed', n=p.changed)}" + (
            f", {t('failed')}" if p.failed else ""
        )
        kind = "failed" if p.failed else "brought" if value else "nothing"
        tall = max(tall, 2)
        bars.append(
            f'<rect class="{kind}" x="{x}" y="{round(height - 1 - tall, 1)}" width="{round(step - 1.5, 1)}" height="{tall}" rx="1">'
            f"<title>{escape(told)}</title></rect>"
        )
    last = points[-1]
    label = t(
        "last {n} runs; the last brought {new} new and {changed} changed pages",
        n=len(points),
        new=last.new,
        changed=last.changed,
    )
    return Markup(
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{escape(label)}">'
        f'<line class="row" x1="0" x2="{width}" y1="{height - 0.5}" y2="{height - 0.5}"/>' + "".join(bars) + "</svg>"
    )
