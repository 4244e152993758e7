"""Looking into the ledger's database, and changing it beside nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from schedules.ledger import Ledger
from schedules.store import explained, lease


@contextmanager
def reading(ledger: Ledger) -> Iterator[sa.Connection]:
    """A connection to look with; all that is asked is answered as of one moment. Raises JianghuaError when the database does not answer."""
    options: dict[str, Any] = {"reading": True}
    if ledger.engine.dialect.name == "postgresql":  # else each statement sees what was changed since the one before
        options["isolation_level"] = "REPEATABLE READ"
    with explained(ledger.url), ledger.engine.connect().execution_options(**options) as c:
        yield c


@contextmanager
def changing(ledger: Ledger) -> Iterator[sa.Connection]:
    """A transaction that nobody else's changing transaction runs beside."""
    with explained(ledger.url), ledger.engine.begin() as c:
        c.execute(sa.select(lease).where(lease.c.id == 1).with_for_update())
        yield c
