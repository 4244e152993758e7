"""What all runs brought together, and what is known of those that were removed; indexes for lists and counts of many runs."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

AT_ONCE = 1000
PAGES = ("new", "changed", "unchanged", "gone", "failed", "disallowed")
PLACES = (
    {f: ("total", "crawl", f) for f in ("requests", "bytes", *PAGES)}
    | {f"rows_{f}": ("published", f) for f in ("added", "changed", "removed")}
    | {"speeches": ("total", "extract", "fresh", "speeches")}
)


def upgrade() -> None:
    op.create_table(
        "totals",
        sa.Column("schedule", sa.String(63), primary_key=True),
        sa.Column("sums", sa.JSON, nullable=False),
        sa.Column("removed", sa.JSON, nullable=False),
        sa.Column("removed_since", sa.DateTime),
        sa.Column("removed_until", sa.DateTime),
    )
    op.create_index("ix_runs_counted", "runs", ["schedule", "state", "finished"])
    op.create_index("ix_runs_listed", "runs", ["scheduled_for", "id", "state"])
    c = op.get_bind()
    # As text: what an older program kept may be more than the database's own JSON understands, and must not stop this.
    runs = sa.table("runs", sa.column("id"), sa.column("schedule"), sa.column("report"))
    asked = sa.select(runs.c.id, runs.c.schedule, sa.cast(runs.c.report, sa.Text).label("report"))
    sums: dict[str, Counter[str]] = {}
    last = -1
    while True:
        those = asked.where(runs.c.report.is_not(None), runs.c.id > last).order_by(runs.c.id).limit(AT_ONCE)
        rows = c.execute(those).all()
        if not rows:
            break
        last = rows[-1].id
        for row in rows:
            sums.setdefault(row.schedule, Counter()).update(_figures(row.report))
    totals = sa.table("totals", sa.column("schedule"), sa.column("sums", sa.JSON), sa.column("removed", sa.JSON))
    for schedule, of in sums.items():
        if any(of.values()):
            c.execute(totals.insert().values(schedule=schedule, sums={k: v for k, v in of.items() if v}, removed={}))


def _figures(report: str) -> dict[str, Any]:
    try:
        told = json.loads(report)
    except ValueError:
        return {}
    found = {}
    for name, place in PLACES.items():
        value = told
        for key in place:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = value
    return found
