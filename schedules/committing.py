"""What a publish holds while it commits: the run of which it is a step, and the dataset, each for itself. The rest of the ledger stays free.

Whoever commits takes the lock first, then looks in the ledger whether the run still is its own, and keeps the lock until latest.json is in
its place. Whoever takes over a run looks in the transaction that changes its row whether the lock is held, and leaves the run alone then. Either
order of the two is right: was the row changed first, the one that commits sees it; was the lock taken first, the one that takes over does. So a
publish that is frozen in between holds up its own run and dataset, and nobody else; when it wakes up the run is still its own, and when it
ends, its lock ends with it.

On SQLite the lock is that of a file beside the ledger, one a dataset, in which stands which run holds it; on PostgreSQL two advisory locks
of a transaction that changes nothing, so that one whose machine is gone loses them (TCP keepalive).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import escape
from pathlib import Path

import sqlalchemy as sa

from crawler.durable import cannot_write
from crawler.errors import JianghuaError

WAIT = 60.0  # seconds for another commit into the same dataset to end
_NAME = "jianghua commit"


@dataclass(frozen=True, slots=True)
class Committing:
    """A run that commits into a dataset. process: number and machine of the one that does; since: aware UTC."""

    run: int
    pid: int
    host: str
    since: datetime
    dataset: str = "speeches"

    @property
    def process(self) -> str:
        return f"process {self.pid} on {self.host}"


def _busy(dataset: str, other: Committing | None) -> JianghuaError:
    by = f"run {other.run} ({other.process})" if other else "another run"
    return JianghuaError(
        f"{by} commits to the dataset {dataset} and does not end",
        where=f"since {other.since:%Y-%m-%d %H:%M:%S} UTC" if other else None,
        remedy="end that process if it is frozen, then run the same command again; nothing was published",
    )


@contextmanager
def held(engine: sa.Engine, run: int, dataset: str) -> Iterator[Callable[[], sa.Connection] | None]:
    """While this is held nobody takes over the run, and no other run commits to the dataset. Yields on PostgreSQL the connection that holds it.

    Raises JianghuaError when another run commits to the dataset and does not end.
    """
    if engine.dialect.name == "postgresql":
        with _held_in_transaction(engine, run, dataset) as c:
            yield lambda: c
    else:
        with _held_file(engine, run, dataset):
            yield None


def committing_of(c: sa.Connection, runs: Iterable[int]) -> set[int]:
    """Which of these runs commit now. In the transaction that is to change their rows: on PostgreSQL the others cannot begin to commit before
    it has ended; on SQLite they look at their rows only behind it."""
    asked = {*runs}
    if not asked:
        return set()
    if c.dialect.name == "postgresql":
        lock = sa.func.pg_try_advisory_xact_lock
        return {run for run in asked if not c.execute(sa.select(lock(_key(f"run {run}")))).scalar()}
    return {found.run for found in _held_files(c.engine)} & asked


def all_committing(c: sa.Connection) -> list[Committing]:
    """The commits that go on now, the longest first."""
    found = _in_activity(c) if c.dialect.name == "postgresql" else _held_files(c.engine)
    return sorted(found, key=lambda x: (x.since, x.run))


# ---------------------------------------------------------------------------------------------- SQLite: files


def _ledger(engine: sa.Engine) -> Path:
    """The ledger's own file: behind a link to it, as SQLite does with what it keeps beside it, else those who come by the link lock another."""
    return Path(os.path.realpath(engine.url.database or ""))


def _file(engine: sa.Engine, dataset: str) -> Path:
    path = _ledger(engine)
    return path.with_name(f"{path.name}.commit-{_plain(dataset)}")


def _plain(dataset: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", dataset)


@contextmanager
def _held_file(engine: sa.Engine, run: int, dataset: str) -> Iterator[None]:
    path = _file(engine, dataset)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError as e:
        raise cannot_write(path, e) from e
    try:
        until = time.monotonic() + WAIT
        while not _locked(fd, fcntl.LOCK_EX):
            if time.monotonic() >= until:
                raise _busy(dataset, _read(fd))
            time.sleep(0.05)
        told = {
            "run": run,
            "dataset": dataset,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(),
        }
        try:  # before the row is looked at: who sees the lock and not yet this has its change seen there
            os.ftruncate(fd, 0)
            os.pwrite(fd, json.dumps(told).encode(), 0)
        except OSError as e:
            raise cannot_write(path, e) from e
        yield
        with suppress(OSError):
            os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def _locked(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(fd: int) -> Committing | None:
    try:
        told = json.loads(os.pread(fd, 4096, 0))
        since = datetime.fromisoformat(told["since"])
        return Committing(int(told["run"]), int(told["pid"]), str(told["host"]), since, str(told["dataset"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _held_files(engine: sa.Engine) -> list[Committing]:
    path = _ledger(engine)
    found = []
    for file in sorted(path.parent.glob(f"{escape(path.name)}.commit-*")):
        try:
            fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if not _locked(fd, fcntl.LOCK_SH) and (one := _read(fd)) is not None:
                found.append(one)
        finally:
            os.close(fd)
    return found


# ---------------------------------------------------------------------------------------------- PostgreSQL: advisory locks


def _key(what: str) -> sa.ColumnElement[int]:
    """The number of a lock: of this ledger, not of others in the same database."""
    return sa.func.hashtextextended(sa.func.concat(sa.func.current_schema(), " jianghua ", what), 0)


def _ours(c: sa.Connection) -> str:
    return f"{_NAME} {c.execute(sa.select(sa.func.hashtext(sa.func.current_schema()))).scalar()} "


@contextmanager
def _held_in_transaction(engine: sa.Engine, run: int, dataset: str) -> Iterator[sa.Connection]:
    # by statement: what is looked at behind the lock has to be what is there then
    c = engine.connect().execution_options(isolation_level="READ COMMITTED")
    try:
        c.begin()
        c.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")  # a frozen holder must keep it
        name = f"{_ours(c)}{run} {os.getpid()} {_plain(dataset)} {socket.gethostname()}"[:63]
        c.execute(sa.select(sa.func.set_config("application_name", name, True)))
        until = time.monotonic() + WAIT
        for what in (f"run {run}", f"dataset {dataset}"):
            while not c.execute(sa.select(sa.func.pg_try_advisory_xact_lock(_key(what)))).scalar():
                if time.monotonic() >= until:
                    raise _busy(dataset, next((x for x in _in_activity(c) if x.run != run), None))
                time.sleep(0.05)
        yield c
    finally:
        with suppress(sa.exc.SQLAlchemyError):
            c.close()


def _in_activity(c: sa.Connection) -> list[Committing]:
    asked = sa.text(
        "SELECT application_name, xact_start FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name LIKE :ours AND xact_start IS NOT NULL"
    )
    found = []
    for name, since in c.execute(asked, {"ours": f"{_ours(c)}%"}):
        if m := re.fullmatch(rf"{_NAME} -?\d+ (\d+) (\d+) (\S+) (.*)", name):
            found.append(Committing(int(m[1]), int(m[2]), m[4], since.astimezone(UTC), m[3]))
    return found
