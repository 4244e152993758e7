"""A real PostgreSQL server for the tests, started once a session, with a schema of its own for each test.

It listens on a socket in its own folder alone, and runs as `nobody` where the tests run as root, which it refuses.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

UNTRUSTED = 65534  # nobody


def binaries() -> Path | None:
    """The folder of initdb and postgres, if they are installed."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((p for p in places if (p / "initdb").exists() and (p / "postgres").exists()), None)


class PostgresServer:
    """A server on a socket in `folder`; `new_ledger()` gives the URL of an empty place."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self.folder = folder
        self._numbers = count(1)
        who: dict[str, Any] = {}
        if os.getuid() == 0:
            os.chown(folder, UNTRUSTED, UNTRUSTED)
            who = {"user": UNTRUSTED, "group": UNTRUSTED, "extra_groups": []}
        data = folder / "data"
        made = subprocess.run(
            [
                bin_folder / "initdb",
                "-D",
                data,
                "-U",
                "jianghua",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ],
            capture_output=True,
            text=True,
            cwd=folder,
            **who,
        )
        assert made.returncode == 0, made.stderr
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": "60",
        }
        options = [x for k, v in settings.items() for x in ("-c", f"{k}={v}")]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [bin_folder / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd=folder, **who
            )

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(host=str(self.folder), user="jianghua", dbname="postgres", autocommit=True)

    def wait_until_it_answers(self) -> None:
        while self.process.poll() is None:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                with pytest.raises(subprocess.TimeoutExpired):
                    self.process.wait(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def new_ledger(self) -> str:
        """The URL of an empty schema of its own, which is quicker to make and to throw away than a database."""
        name = f"test_{next(self._numbers)}"
        with self.connect() as c:
            c.execute(f"CREATE SCHEMA {name}".encode())
        return f"postgresql+psycopg://jianghua@/postgres?host={self.folder}&options=-csearch_path%3D{name}"

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The server does not answer, and ends no connection."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        all_of_it = [self.process.pid, *map(int, children.read_text().split())]
        for pid in all_of_it:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(all_of_it):
                os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGQUIT)  # at once: its data are thrown away
        self.process.wait(30)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The server, or a skip with the reason."""
    bin_folder = binaries()
    if bin_folder is None:
        pytest.skip("no PostgreSQL server here (initdb and postgres, on PATH or in /usr/lib/postgresql/*/bin)")
    with tempfile.TemporaryDirectory(prefix="jianghua-pg-") as folder:  # short: a socket's path has at most 107 bytes
        server = PostgresServer(Path(folder), bin_folder)
        try:
            server.wait_until_it_answers()
            yield server
        finally:
            server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a ledger that is not there yet: each test that asks for it runs on both databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/var/state.db"
    new: Callable[[], str] = request.getfixturevalue("postgres").new_ledger
    return new()
