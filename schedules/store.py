"""The tables of the ledger and how to open them: any SQLAlchemy URL, SQLite by default."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoResultFound, NoSuchModuleError

from crawler.errors import JianghuaError
from crawler.plain import plain_value
from crawler.sqlite import sqlite_reader
from schedules.revisions import WAIT, bring_up_to_date


class UTCDateTime(sa.TypeDecorator[datetime]):
    """An aware datetime, kept as UTC without zone, because SQLite keeps no zones."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


IDLE = 20  # seconds that a change of a ledger on PostgreSQL may wait for its own process

metadata = sa.MetaData()
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("schedule", sa.String(63), nullable=False),
    sa.Column("scheduled_for", UTCDateTime, nullable=False),
    sa.Column("start_after", UTCDateTime, nullable=False),
    sa.Column("cause", sa.String(16), nullable=False),  # timer, catch_up, manual, now, backfill, confirm
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("why", sa.Text),
    sa.Column("sites", sa.JSON, nullable=False, default=list),
    sa.Column("plan", sa.JSON),
    sa.Column("started", UTCDateTime),
    sa.Column("finished", UTCDateTime),
    sa.Column("heartbeat", UTCDateTime),
    sa.Column("owner", sa.Text),
    sa.Column("step", sa.String(16)),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("counts", sa.JSON, nullable=False, default=dict),
    sa.Column("version", sa.Text),
    sa.Column("report", sa.JSON(none_as_null=True)),
    sa.Column("not_before", UTCDateTime),  # a run that is tried again waits until then
    sa.Column("retries", sa.Integer, nullable=False, default=0, server_default="0"),
    sa.Column("asked_by", sa.Text),  # who asked for it, where a person did
    sa.Column("cancel", sa.Text),  # a person wants it ended: who and why
    sa.UniqueConstraint("schedule", "scheduled_for"),
)
sa.Index(
    "ix_runs_counted", runs.c.schedule, runs.c.state, runs.c.finished
)  # how many of each state, the last that ended well
sa.Index("ix_runs_listed", runs.c.scheduled_for, runs.c.id, runs.c.state)  # lists, newest first
# The state in a form for which SQLite takes no index of states alone, where another one gives the order or all that is asked for.
state_told: sa.ColumnElement[str] = runs.c.state.concat("")
lease = sa.Table(
    "lease",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("owner", sa.Text),
    sa.Column("token", sa.Integer, nullable=False),
    sa.Column("expires", UTCDateTime),
    sa.Column("serves", sa.JSON(none_as_null=True)),  # names of schedules; empty: all that are enabled
)
# Up to when the fire times of a schedule have been dealt with, by which timing, and since when it is looked after.
marks = sa.Table(
    "marks",
    metadata,
    sa.Column("schedule", sa.String(63), primary_key=True),
    sa.Column("until", UTCDateTime, nullable=False),
    sa.Column("timing", sa.String(16), nullable=False),
    sa.Column("begun", UTCDateTime),
)
# What all runs of a schedule brought together, and what is known of those that were removed (schedules/totals.py). removed: by state,
# with those that only left it; between which scheduled times those lie that had begun: no fire time there gets a run again.
totals = sa.Table(
    "totals",
    metadata,
    sa.Column("schedule", sa.String(63), primary_key=True),
    sa.Column("sums", sa.JSON, nullable=False, default=dict),
    sa.Column("removed", sa.JSON, nullable=False, default=dict),
    sa.Column("removed_since", UTCDateTime),
    sa.Column("removed_until", UTCDateTime),
)
# Schedules that a person holds back.
paused = sa.Table(
    "paused",
    metadata,
    sa.Column("schedule", sa.String(63), primary_key=True),
    sa.Column("why", sa.Text),
    sa.Column("by", sa.Text),
    sa.Column("at", UTCDateTime, nullable=False),
)
# What is or was wrong. key: what makes two alarms the same; one of a key is open at a time.
alarms = sa.Table(
    "alarms",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("site", sa.String(63)),
    sa.Column("schedule", sa.String(63)),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("remedy", sa.Text, nullable=False),
    sa.Column("figures", sa.JSON, nullable=False, default=dict),
    sa.Column("first_seen", UTCDateTime, nullable=False),
    sa.Column("last_seen", UTCDateTime, nullable=False),
    sa.Column("times", sa.Integer, nullable=False, default=1),
    sa.Column("told_at", UTCDateTime),
    sa.Column("closed_at", UTCDateTime),
    sa.Column("muted_until", UTCDateTime),  # nobody is told of it before
)
sa.Index(
    "ix_alarms_open",
    alarms.c.key,
    unique=True,
    sqlite_where=alarms.c.closed_at.is_(None),
    postgresql_where=alarms.c.closed_at.is_(None),
)
# Which channel (log, webhook, mail …) was told of an alarm: `at` is empty while it could not be, `error` says why.
told = sa.Table(
    "told",
    metadata,
    sa.Column("alarm", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("channel", sa.String(32), primary_key=True),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("at", UTCDateTime),
    sa.Column("error", sa.Text),
    sa.Column("event", sa.String(16)),  # what it was told last: opened or closed
    sa.Column("severity", sa.String(16)),
    sa.Column("tried_at", UTCDateTime),  # when telling it failed last
)


def open_engine(url: str | sa.URL) -> sa.Engine:
    """An engine for the ledger at `url`, its tables made or brought up to date.

    Raises JianghuaError when it cannot be opened or is of a newer Jianghua.
    """
    how: dict[str, Any] = {}
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise JianghuaError(
                    "a ledger in memory is seen by one process alone, and lost with it",
                    where=_plain(url),
                    remedy="name its file: sqlite:///path, with four slashes for a path from the root",
                )
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            if reader := sqlite_reader(Path(parsed.database)):
                how["creator"] = reader
        else:
            # a connection that the server has ended meanwhile is made anew before it is used
            how["pool_pre_ping"] = True
        engine = sa.create_engine(parsed, json_deserializer=_from_json, **how)
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as e:
        # what a port or an address cannot be is told by SQLAlchemy with a ValueError that shows a piece of the URL
        told = "its address cannot be understood" if isinstance(e, ValueError) else str(e)
        raise JianghuaError(
            f"cannot open the ledger: {told}",
            where=_plain(url),
            remedy="give an SQLAlchemy URL (sqlite:///path or postgresql+psycopg://…) and install its driver",
        ) from None
    except OSError as e:
        raise JianghuaError(
            f"cannot open the ledger: {e.strerror}", where=_plain(url), remedy="check the folder's permissions"
        ) from None
    if engine.dialect.name == "sqlite":
        _for_sqlite(engine, writing="creator" not in how)
    elif engine.dialect.name == "postgresql":
        _for_postgresql(engine)
    with explained(engine.url.render_as_string()):
        bring_up_to_date(engine, metadata)
    return engine


def _from_json(text: str | bytes) -> Any:
    """A value of a JSON column; psycopg gives bytes. Half a surrogate pair, which JSON can write and no answer can be encoded with, becomes U+FFFD."""
    told = text if isinstance(text, str) else bytes(text).decode()
    value = json.loads(told)
    return plain_value(value) if "\\ud" in told.lower() else value


def _plain(url: str | sa.URL) -> str:
    """A URL without user and password, for messages."""
    return re.sub(r"://.*@", "://…@", str(url))


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Keep the ledger in WAL mode. Where several open a new one at once, each changes its mode, for which SQLite waits for nobody."""
    until = time.monotonic() + WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as e:
            if "locked" not in str(e) or time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.005, 0.05))


def _for_sqlite(engine: sa.Engine, writing: bool) -> None:
    # sqlite3 would begin transactions late and as readers; two writers could then read the same state and both act.
    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {WAIT * 1000}")
        if writing:
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _for_postgresql(engine: sa.Engine) -> None:
    # A process that is frozen, or a machine that is gone, in the middle of a change must not hold the ledger up: the
    # server undoes the change, and the process finds that out when it goes on.
    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE}s'")
            for name, value in (("idle", IDLE), ("interval", 5), ("count", 3)):
                cursor.execute(f"SET tcp_keepalives_{name} = {value}")
        connection.commit()


def _damaged(what: str, url: object) -> JianghuaError:
    return JianghuaError(
        f"the ledger is damaged: {what}",
        where=str(url),
        remedy="stop the scheduler, put the ledger aside and fill an empty one from a backup "
        "(`jianghua backup --restore BACKUP --only-ledger`); archive, records and datasets are not in it",
    )


@contextmanager
def explained(url: object) -> Iterator[None]:
    """Turn database errors into errors for people."""
    try:
        yield
    except NoResultFound:
        raise _damaged("a row is missing that every ledger has", url) from None
    except DBAPIError as e:
        if isinstance(e, IntegrityError):
            raise
        if re.search("malformed|not a database|no such (table|column)|relation .* does not exist", str(e.orig)):
            raise _damaged(str(e.orig).splitlines()[0], url) from None
        if "readonly database" in str(e.orig):
            raise JianghuaError(
                "the ledger may only be read",
                where=str(url),
                remedy="run this as the user whose home it is (here one can look at runs, alarms and health), or let yourself write there",
            ) from None
        raise JianghuaError(
            f"the ledger does not answer: {e.orig}",
            where=str(url),
            remedy="make room on the disk or check the database, then run the same command again; nothing kept was touched",
        ) from None
