"""A ledger as JSON lines, one file a table, so that it can move between SQLite and PostgreSQL and to another machine.

    FOLDER/runs.jsonl      one row a line; times in ISO 8601, UTC

Rows are those of one moment. They belong to a revision of the tables (schedules/revisions.py); rows of an older one go through a ledger of that
revision, which is then migrated as any other.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from crawler.errors import DamagedError, UsageError
from schedules import revisions
from schedules.store import UTCDateTime, explained, lease, metadata, open_engine, runs

AT_ONCE = 500  # rows


def export_rows(engine: sa.Engine, folder: Path, tables: sa.MetaData = metadata) -> dict[str, int]:
    """Write the rows of a ledger's tables into `folder`; how many each has. Raises OSError when the disk is full."""
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    options: dict[str, Any] = {"reading": True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    with explained(engine.url.render_as_string()), engine.connect().execution_options(**options) as c:
        for table in tables.sorted_tables:
            counts[table.name] = 0
            with (folder / f"{table.name}.jsonl").open("w", encoding="utf-8") as out:
                for row in c.execute(sa.select(table).order_by(*table.primary_key.columns)).yield_per(AT_ONCE):
                    out.write(json.dumps(dict(row._mapping), ensure_ascii=False, default=_plain) + "\n")
                    counts[table.name] += 1
    return counts


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC).isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")


def import_rows(engine: sa.Engine, folder: Path, revision: str) -> None:
    """Fill a new ledger with rows that `export_rows` wrote at this revision. Nobody holds its lease, and its runs wait to be gone on with.

    Raises UsageError when the ledger has rows or the revision is of a newer Jianghua, DamagedError for rows that fit no table.
    """
    where = engine.url.render_as_string()
    revisions.check_not_newer(revision, str(folder))
    with tempfile.TemporaryDirectory(prefix="jianghua-ledger-") as place:
        if revision != revisions.newest():
            folder = _migrated(folder, revision, Path(place))
        with explained(where), engine.begin() as c:
            refuse_used(c, where)
            token = c.execute(sa.select(lease.c.token)).scalar_one()
            c.execute(lease.delete())
            _fill(c, metadata, folder)
            known = c.execute(sa.select(lease.c.token)).scalar_one()
            c.execute(lease.update().values(owner=None, expires=None, token=max(token, known) + 1))
            _interrupt(c)


def refuse_used(c: sa.Connection, where: str) -> None:
    """Raises UsageError when a ledger holds anything."""
    tables = [t for t in metadata.sorted_tables if t is not lease]
    if any(c.execute(sa.select(sa.literal(1)).select_from(t).limit(1)).first() for t in tables):
        raise UsageError(
            "the ledger has rows, and nothing is put among them",
            where=where,
            remedy="name an empty one with JIANGHUA_STATE, or leave this one as it is with --keep-ledger",
        )


def _migrated(folder: Path, revision: str, place: Path) -> Path:
    """Rows of an older revision as rows of today, by way of a ledger of that revision."""
    from alembic import command

    url = sa.URL.create("sqlite", database=f"{place}/old.db")
    engine = sa.create_engine(url)
    with engine.begin() as c:
        command.upgrade(revisions.alembic_config(c), revision)
        tables = sa.MetaData()
        tables.reflect(c)
        for table in tables.sorted_tables:
            c.execute(table.delete().where(sa.literal(table.name != revisions.said.name)))
        _fill(c, tables, folder)
    engine.dispose()
    engine = open_engine(url)
    export_rows(engine, place / "rows")
    engine.dispose()
    return place / "rows"


def _fill(c: sa.Connection, tables: sa.MetaData, folder: Path) -> None:
    for table in tables.sorted_tables:
        path = folder / f"{table.name}.jsonl"
        if not path.exists():
            continue
        # An empty value is one in the database as well, not JSON's null.
        plain = table.to_metadata(sa.MetaData())
        for column in plain.columns:
            if isinstance(column.type, sa.JSON):
                column.type = sa.JSON(none_as_null=True)
        for rows in _batches(path, plain):
            c.execute(plain.insert(), rows)
        _go_on_counting(c, plain)


def _batches(path: Path, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                rows.append({k: _value(table.columns[k], v) for k, v in json.loads(line).items()})
            except (ValueError, KeyError, AttributeError, TypeError) as e:
                raise DamagedError(
                    f"no row of the table {table.name}: {e}",
                    where=f"{path.name}:{number}",
                    remedy="take another backup",
                ) from None
            if len(rows) == AT_ONCE:
                yield rows
                rows = []
    if rows:
        yield rows


def _value(column: sa.Column[Any], value: Any) -> Any:
    if value is None or not isinstance(column.type, sa.DateTime | UTCDateTime):
        return value
    moment = datetime.fromisoformat(value)
    return moment if isinstance(column.type, UTCDateTime) else moment.astimezone(UTC).replace(tzinfo=None)


def _go_on_counting(c: sa.Connection, table: sa.Table) -> None:
    """PostgreSQL numbers new rows by a counter that does not see numbers given by hand."""
    keys = list(table.primary_key.columns)
    if c.dialect.name != "postgresql" or len(keys) != 1 or not isinstance(keys[0].type, sa.Integer):
        return
    counter = c.execute(sa.select(sa.func.pg_get_serial_sequence(table.name, keys[0].name))).scalar()
    last = c.execute(sa.select(sa.func.max(keys[0]))).scalar()
    if counter is not None and last is not None:
        c.execute(sa.select(sa.func.setval(counter, last)))


def _interrupt(c: sa.Connection) -> None:
    """What was running when the backup was made runs no more: a run of a schedule is due again, one by hand is over."""
    running = runs.c.state == "running"
    c.execute(
        runs.update()
        .where(running, runs.c.cause == "manual")
        .values(
            state="failed",
            why="was running when the backup was made; what it kept is kept, the same command goes on",
            finished=runs.c.heartbeat,
        )
    )
    c.execute(runs.update().where(running).values(state="due", why="was running when the backup was made; goes on"))
