"""Bringing a ledger to the tables of today: made new, migrated from an older revision, or refused when it is newer.

The revisions are alembic's (schedules/migrations). Everything happens in one transaction that holds the ledger's write
lock (SQLite) or an advisory lock (PostgreSQL), so that of two processes that open an old ledger at once one migrates it
and the other finds it done, and a kill at any moment leaves the ledger as it was.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from crawler.durable import cannot_write, fsync_folder
from crawler.errors import JianghuaError

log = logging.getLogger("jianghua.schedules")

MIGRATIONS = Path(__file__).with_name("migrations")
WAIT = 60  # seconds that a process waits for others to let go of a ledger on SQLite
FIRST = "0001"  # of the ledgers that have tables but say no revision
_LOCK = 0x6A68_6C64  # "jhld": the advisory lock of PostgreSQL while tables are made or changed

# As alembic keeps it; here, so that opening a ledger of today need not import alembic.
said = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


class NewerLedgerError(JianghuaError):
    """The ledger has been migrated by a newer program: this one does not know what is in it."""


@lru_cache(maxsize=1)
def known() -> tuple[str, ...]:
    """All revisions, oldest first: the numbers of the files rNNNN_what.py."""
    return tuple(sorted(p.name[1:5] for p in (MIGRATIONS / "versions").glob("r[0-9]*_*.py")))


def newest() -> str:
    """The revision that `schedules.store.metadata` describes."""
    return known()[-1]


def alembic_config(connection: sa.Connection | None = None) -> Any:
    """What alembic's commands are called with (alembic.config.Config)."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def revision_of(c: sa.Connection, metadata: sa.MetaData) -> str | None:
    """The revision of the ledger behind a connection; None where there is none yet.

    Raises JianghuaError when tables of ours are there that make no ledger.
    """
    there = {*sa.inspect(c).get_table_names()}
    if said.name in there:
        revision = c.execute(sa.select(said.c.version_num)).scalar()
        if revision is not None:
            return str(revision)
    ours = {"runs", "lease", "marks"}
    if ours <= there:
        return FIRST
    if there & {*metadata.tables}:
        raise JianghuaError(
            f"has a table {', '.join(sorted(there & {*metadata.tables}))}, but is no ledger",
            where=c.engine.url.render_as_string(),
            remedy="give the ledger a database (or a PostgreSQL schema) of its own",
        )
    return None


def check_not_newer(revision: str | None, where: str) -> None:
    """Raises NewerLedgerError for a revision that this program does not know."""
    if revision is None or revision in known():
        return
    raise NewerLedgerError(
        f"the ledger is of a newer Jianghua: revision {revision}, and this one knows up to {newest()}",
        where=where,
        remedy="update Jianghua; or go back to the copy that was made before the update "
        "(state.db.before-… beside a SQLite ledger, `jianghua backup --restore` for others)",
    )


def bring_up_to_date(engine: sa.Engine, metadata: sa.MetaData) -> None:
    """Make the tables, or migrate them. Raises JianghuaError when the ledger is newer than this program."""
    where = engine.url.render_as_string()
    with engine.connect().execution_options(reading=True) as c:
        revision = revision_of(c, metadata)
    check_not_newer(revision, where)
    if revision == newest():
        return
    with engine.begin() as c:
        if engine.dialect.name == "postgresql":
            c.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        revision = revision_of(c, metadata)  # another process may have been at it meanwhile
        check_not_newer(revision, where)
        if revision is None:
            _make(c, metadata)
        else:
            _migrate(c, revision)


def _make(c: sa.Connection, metadata: sa.MetaData) -> None:
    metadata.create_all(c, checkfirst=False)
    c.execute(metadata.tables["lease"].insert().values(id=1, owner=None, token=0, expires=None))
    _say(c, newest())


def _say(c: sa.Connection, revision: str) -> None:
    said.create(c, checkfirst=True)
    c.execute(said.delete())
    c.execute(said.insert().values(version_num=revision))


def _migrate(c: sa.Connection, revision: str) -> None:
    from alembic import command

    if revision == newest():
        return
    copy = _copy_aside(c.engine)
    kept = f"; the ledger as it was is {copy}" if copy else ""
    log.warning("the ledger's tables change from revision %s to %s%s", revision, newest(), kept)
    if not sa.inspect(c).has_table(said.name):
        _say(c, revision)
    command.upgrade(alembic_config(c), "head")


def _copy_aside(engine: sa.Engine) -> Path | None:
    """A copy of a SQLite ledger as it is before a migration, beside it. PostgreSQL's is the administrator's to back up."""
    if engine.dialect.name != "sqlite" or not engine.url.database or engine.url.database == ":memory:":
        return None
    path = Path(engine.url.database)
    copy = path.with_name(f"{path.name}.before-{newest()}")
    copy_sqlite(path, copy)
    return copy


def copy_sqlite(path: Path, copy: Path) -> None:
    """A copy of a SQLite file as it was last committed, whatever works on it meanwhile; whole or not at all.

    Raises JianghuaError when it cannot be written.
    """
    temporary = copy.with_name(f".{copy.name}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(temporary)) as target:
            source.execute(f"PRAGMA busy_timeout = {WAIT * 1000}")
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, without -wal and -shm beside it
        with temporary.open("rb+") as f:
            os.fsync(f.fileno())
        temporary.replace(copy)
        fsync_folder(copy.parent)
    except OSError as e:
        raise cannot_write(copy, e) from e
    except sqlite3.Error as e:
        raise JianghuaError(
            f"cannot copy: {e}",
            where=f"{path} to {copy}",
            remedy="make room on the disk, then run the same command again",
        ) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
