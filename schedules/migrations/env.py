"""What alembic runs to migrate. It is given a connection whose transaction holds the lock; see schedules/revisions.py."""

from alembic import context

from schedules.store import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column by copying its table
)
context.run_migrations()
