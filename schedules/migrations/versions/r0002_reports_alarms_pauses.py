"""Reports and retries of runs, who asked for one, paused schedules, alarms and who was told of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("runs", sa.Column("report", sa.JSON))
    op.add_column("runs", sa.Column("not_before", sa.DateTime))
    op.add_column("runs", sa.Column("retries", sa.Integer, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("asked_by", sa.Text))
    op.create_table(
        "paused",
        sa.Column("schedule", sa.String(63), primary_key=True),
        sa.Column("why", sa.Text),
        sa.Column("by", sa.Text),
        sa.Column("at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "alarms",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("site", sa.String(63)),
        sa.Column("schedule", sa.String(63)),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("remedy", sa.Text, nullable=False),
        sa.Column("figures", sa.JSON, nullable=False),
        sa.Column("first_seen", sa.DateTime, nullable=False),
        sa.Column("last_seen", sa.DateTime, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("told_at", sa.DateTime),
        sa.Column("closed_at", sa.DateTime),
        sa.Column("muted_until", sa.DateTime),
    )
    still_open = sa.text("closed_at IS NULL")
    op.create_index(
        "ix_alarms_open", "alarms", ["key"], unique=True, sqlite_where=still_open, postgresql_where=still_open
    )
    op.create_table(
        "told",
        sa.Column("alarm", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("channel", sa.String(32), primary_key=True),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime),
        sa.Column("error", sa.Text),
        sa.Column("event", sa.String(16)),
        sa.Column("severity", sa.String(16)),
        sa.Column("tried_at", sa.DateTime),
    )
