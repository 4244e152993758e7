"""Charts as inline SVG, coloured by the classes of the page around them. No script, no size of its own: they fill the width."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from publisher.documents.markdown import plain

WIDTH, HEIGHT = 900, 260
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 16, 40, 36


def histogram(bins: Sequence[tuple[str, int]]) -> str:
    """Bars of counts, with a label under each (as many as fit) and a title to read when pointed at."""
    most = max((n for _, n in bins), default=0)
    top = _nice(most)
    width = (WIDTH - _LEFT - _RIGHT) / max(1, len(bins))
    height = HEIGHT - _TOP - _BOTTOM
    total = sum(n for _, n in bins) or 1
    every = max(1, -(-max((len(label) for label, _ in bins), default=1) * 7 // int(max(1, width))))
    parts = [
        f'<svg class=chart viewBox="0 0 {WIDTH} {HEIGHT}" role=img aria-label="{len(bins)} classes, the largest has {most}">'
    ]
    for i in range(5):
        y = _TOP + height * (1 - i / 4)
        parts.append(f'<line class=grid x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class=tick x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor=end>{top * i // 4:,}</text>')
    for i, (label, n) in enumerate(bins):
        h = height * n / top
        x = _LEFT + i * width
        name = escape(plain(label, 40))
        parts.append(
            f'<rect class=column x="{x + width * 0.08:.1f}" y="{_TOP + height - h:.1f}" width="{width * 0.84:.1f}" height="{h:.1f}" rx="2">'
            f"<title>{name}: {n:,} ({n / total * 100:.1f} %)</title></rect>"
        )
        if i % every == 0:
            parts.append(
                f'<text class=tick x="{x + width / 2:.1f}" y="{HEIGHT - _BOTTOM + 18}" text-anchor=middle>{name}</text>'
            )
    return "".join(parts) + "</svg>"


def _nice(value: int) -> int:
    """The least number of the form 4, 8, 12, 20, 40 … that is not below a value: four steps of a scale are whole."""
    step = 1
    while True:
        for factor in (1, 2, 3, 5):
            if 4 * factor * step >= value:
                return 4 * factor * step
        step *= 10
