"""The tables as they were before the ledger had revisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("schedule", sa.String(63), nullable=False),
        sa.Column("scheduled_for", sa.DateTime, nullable=False),
        sa.Column("start_after", sa.DateTime, nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.Text),
        sa.Column("sites", sa.JSON, nullable=False),
        sa.Column("plan", sa.JSON),
        sa.Column("started", sa.DateTime),
        sa.Column("finished", sa.DateTime),
        sa.Column("heartbeat", sa.DateTime),
        sa.Column("owner", sa.Text),
        sa.Column("step", sa.String(16)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("version", sa.Text),
        sa.UniqueConstraint("schedule", "scheduled_for"),
    )
    op.create_index("ix_runs_state", "runs", ["state"])
    lease = op.create_table(
        "lease",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("owner", sa.Text),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("expires", sa.DateTime),
    )
    op.bulk_insert(lease, [{"id": 1, "owner": None, "token": 0, "expires": None}])
    op.create_table(
        "marks",
        sa.Column("schedule", sa.String(63), primary_key=True),
        sa.Column("until", sa.DateTime, nullable=False),
        sa.Column("timing", sa.String(16), nullable=False),
    )
