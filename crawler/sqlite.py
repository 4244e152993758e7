"""SQLite files that may only be read: another user's home, a backup, a disk that is mounted so."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path


def sqlite_reader(path: Path) -> Callable[[], sqlite3.Connection] | None:
    """How a SQLite file is opened that lies where nothing may be written; None where something may, and it is opened as ever.

    SQLite makes files beside a database, also to read it. Where they are there (somebody writes it now), it reads by them; where not, the file as it is.
    """
    who = {"effective_ids": True} if os.access in os.supports_effective_ids else {}
    if os.access(path.parent, os.W_OK, **who) or not path.is_file():
        return None
    beside = path.with_name(f"{path.name}-wal").exists()
    address = f"{path.absolute().as_uri()}?mode=ro{'' if beside else '&immutable=1'}"
    return lambda: sqlite3.connect(address, uri=True, check_same_thread=False)  # as SQLAlchemy opens a file
