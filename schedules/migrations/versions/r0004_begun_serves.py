"""Since when a schedule is looked after, and which schedules the holder of the lease serves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("lease", sa.Column("serves", sa.JSON))
    op.add_column("marks", sa.Column("begun", sa.DateTime))
    # A schedule that was there is not younger than its first row.
    op.execute(
        "UPDATE marks SET begun = COALESCE((SELECT MIN(scheduled_for) FROM runs WHERE runs.schedule = marks.schedule), until)"
    )
