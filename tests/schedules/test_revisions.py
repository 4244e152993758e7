"""Ledgers of every older revision become ledgers of today, once, whole or not at all; newer ones are refused."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from crawler.errors import JianghuaError
from schedules import revisions
from schedules.ledger import Ledger, Run
from schedules.store import metadata
from schedules.totals import figures_of
from tests.chain import popen

LEDGERS = Path(__file__).with_name("ledgers")
OLDER = sorted({p.name[:4] for p in LEDGERS.glob("*.sql")})
LEASE = timedelta(seconds=30)


def make_old(url: str, revision: str) -> None:
    """A ledger of an older revision, from the SQL that its program left."""
    parsed = sa.make_url(url)
    script = (LEDGERS / f"{revision}.{parsed.get_backend_name()}.sql").read_text(encoding="utf-8")
    if parsed.get_backend_name() == "sqlite":
        path = Path(str(parsed.database))
        path.parent.mkdir(parents=True)
        with closing(sqlite3.connect(path)) as c:
            c.executescript(script)
    else:
        with psycopg.connect(
            host=str(parsed.query["host"]),
            user=parsed.username,
            dbname=parsed.database,
            options=str(parsed.query["options"]),
            autocommit=True,
        ) as c:
            c.execute(script.encode())


def rows_of(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table but alembic's, by plain reflection."""
    engine = sa.create_engine(url)
    there = sa.MetaData()
    with engine.connect() as c:
        there.reflect(c)
        found = {
            t.name: [dict(r._mapping) for r in c.execute(sa.select(t).order_by(*t.primary_key.columns))]
            for t in there.tables.values()
            if t.name != "alembic_version"
        }
    engine.dispose()
    return found


def differences(url: str) -> list[Any]:
    """Where the tables of a ledger are not those that schedules/store.py describes."""
    engine = sa.create_engine(url)
    with engine.connect() as c:
        context = MigrationContext.configure(c, opts={"compare_type": True, "compare_server_default": True})
        found = list(compare_metadata(context, metadata))
    engine.dispose()
    return found


def revision(url: str) -> str | None:
    engine = sa.create_engine(url)
    with engine.connect() as c:
        found = revisions.revision_of(c, metadata)
    engine.dispose()
    return found


def test_the_revisions_are_one_chain_and_each_older_one_has_ledgers_to_test_with() -> None:
    script = ScriptDirectory.from_config(revisions.alembic_config())
    assert script.get_heads() == [revisions.newest()]
    assert [r.revision for r in script.walk_revisions()][::-1] == list(revisions.known())
    assert list(revisions.known()[:-1]) == OLDER
    assert {p.name for p in LEDGERS.iterdir()} == {f"{r}.{d}.sql" for r in OLDER for d in ("sqlite", "postgresql")}


def test_a_new_ledger_has_the_tables_that_are_described_and_so_has_one_that_all_revisions_made(url: str) -> None:
    Ledger(url).close()
    assert differences(url) == []
    assert revision(url) == revisions.newest()
    engine = sa.create_engine(url)
    with engine.begin() as c:
        metadata.drop_all(c)
        revisions.said.drop(c)
    with engine.begin() as c:
        command.upgrade(revisions.alembic_config(c), "head")
    engine.dispose()
    assert differences(url) == []
    assert len(rows_of(url)["lease"]) == 1


@pytest.mark.parametrize("older", OLDER)
def test_an_older_ledger_is_migrated_with_all_its_rows_and_works(url: str, older: str) -> None:
    make_old(url, older)
    before = rows_of(url)
    ledger = Ledger(url, lambda: datetime(2026, 11, 22, 10, tzinfo=UTC))
    after = rows_of(url)
    for table, rows in before.items():
        assert [{k: new[k] for k in old} for old, new in zip(rows, after[table], strict=True)] == rows
    assert differences(url) == []
    assert revision(url) == revisions.newest()
    assert [r.retries for r in ledger.runs()] == [0] * len(before["runs"])

    (due,) = ledger.runs(states=["due"])
    lease = ledger.take_lease("host:9:9:m", LEASE)
    assert lease is not None
    assert isinstance(ledger.claim(lease, due.id, {}, ["hualong"], LEASE), Run)
    assert ledger.finish(due.id, "host:9:9:m", "done", None)
    assert ledger.add_manual("host:8:8:m", {}, ["wengao"], LEASE).id > due.id
    ledger.close()


def test_what_runs_brought_before_is_summed_when_a_ledger_is_migrated(url: str) -> None:
    make_old(url, "0004")
    kept = rows_of(url)["runs"][-1]["report"]
    # half a character, which PostgreSQL's own JSON does not understand
    half = (
        "UPDATE runs SET report = CAST(REPLACE(CAST(report AS TEXT), '\"cause\"', '\"\\ud83d\"') AS JSON) WHERE id = 10"
    )
    engine = sa.create_engine(url)
    with engine.begin() as c:
        c.exec_driver_sql(
            half
            if engine.dialect.name == "postgresql"
            else half.replace("CAST(REPLACE(", "(REPLACE(").replace(" AS JSON)", ")")
        )
    engine.dispose()
    Ledger(url).close()
    (row,) = rows_of(url)["totals"]
    sums = row["sums"] if isinstance(row["sums"], dict) else json.loads(row["sums"])
    assert kept["total"]["crawl"]["requests"] == 100
    assert sums == {
        "requests": 100,
        "bytes": 5_000_000,
        "new": 10,
        "changed": 5,
        "unchanged": 85,
        "speeches": 14,
        "rows_added": 9,
        "rows_changed": 2,
        "rows_removed": 1,
    }
    assert (row["schedule"], row["removed_since"]) == ("nightly", None)
    assert sums == {
        k: v for k, v in figures_of(kept).items() if v
    }  # the migration reads what the program of today reads


def test_a_copy_of_a_sqlite_ledger_as_it_was_stays_beside_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/var/state.db"
    make_old(url, "0001")
    before = rows_of(url)
    Ledger(url).close()
    copy = tmp_path / "var" / f"state.db.before-{revisions.newest()}"
    assert rows_of(f"sqlite:///{copy}") == before
    assert {p.name for p in copy.parent.iterdir()} == {"state.db", copy.name}
    stamp = copy.stat()
    Ledger(url).close()  # nothing to do any more
    assert copy.stat().st_mtime_ns == stamp.st_mtime_ns


OPENER = """
import sys, logging
logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
from schedules.ledger import Ledger
sys.stdin.readline()
Ledger(sys.argv[1]).close()
"""


@pytest.mark.parametrize("old", [True, False])
def test_processes_that_open_a_ledger_at_once_do_not_collide(url: str, old: bool) -> None:
    if old:
        make_old(url, "0001")
    processes = [
        popen(
            [sys.executable, "-c", OPENER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(4)
    ]
    said = [b""] * 4
    for p in processes:
        assert p.stdin is not None
        p.stdin.write(b"go\n")
        p.stdin.flush()
    said = [p.communicate()[0] for p in processes]
    assert [p.returncode for p in processes] == [0] * 4, said
    assert sum(b"tables change" in x for x in said) == (1 if old else 0)
    assert differences(url) == []
    assert len(rows_of(url)["lease"]) == 1


def test_a_new_ledger_that_another_process_is_at_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")  # before anybody has changed the mode of the file
        timer = threading.Timer(0.5, other.execute, ["COMMIT"])
        timer.start()
        Ledger(f"sqlite:///{path}").close()
        timer.join()
    assert differences(f"sqlite:///{path}") == []


def test_a_newer_ledger_is_refused_and_left_as_it_is(url: str) -> None:
    Ledger(url).close()
    engine = sa.create_engine(url)
    with engine.begin() as c:
        c.execute(revisions.said.update().values(version_num="9000"))
    engine.dispose()
    with pytest.raises(JianghuaError, match="newer Jianghua: revision 9000") as e:
        Ledger(url)
    assert "update Jianghua" in str(e.value)
    assert revision(url) == "9000"


def test_a_program_that_runs_while_a_newer_one_migrates_the_ledger_changes_nothing_any_more(url: str) -> None:
    ledger = Ledger(url)
    held = ledger.take_lease("a:1:1:1", LEASE)
    assert held is not None
    with ledger.engine.begin() as c:
        c.execute(revisions.said.update().values(version_num="9000"))
    before = rows_of(url)
    for change in (
        lambda: ledger.renew(held, LEASE),
        lambda: ledger.release(held),
        lambda: ledger.take_lease("a:1:1:1", LEASE),
        lambda: ledger.beat(1, "a:1:1:1"),
        lambda: ledger.add_manual("a:1:1:1", {}, [], LEASE),
    ):
        with pytest.raises(revisions.NewerLedgerError, match="newer Jianghua: revision 9000"):
            change()
    assert rows_of(url) == before
    ledger.close()


BROKEN = """
import sqlalchemy as sa
from alembic import op
revision = "9000"
down_revision = "{newest}"

def upgrade() -> None:
    op.add_column("runs", sa.Column("half", sa.Text))
    op.execute("UPDATE runs SET why = 'lost'")
    op.execute("INSERT INTO nowhere VALUES (1)")
"""


def test_a_migration_that_fails_changes_nothing(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_old(url, "0001")
    before = rows_of(url)
    broken = tmp_path / "migrations"
    shutil.copytree(revisions.MIGRATIONS, broken)
    (broken / "versions" / "r9000_broken.py").write_text(BROKEN.format(newest=revisions.newest()), encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(revisions, "MIGRATIONS", broken)
        revisions.known.cache_clear()
        with pytest.raises(JianghuaError, match="nowhere"):
            Ledger(url)
    revisions.known.cache_clear()
    assert rows_of(url) == before
    Ledger(url).close()
    assert differences(url) == []


def test_a_database_of_somebody_else_is_not_touched(url: str) -> None:
    if url.startswith("sqlite"):
        Path(str(sa.make_url(url).database)).parent.mkdir()
    engine = sa.create_engine(url)
    with engine.begin() as c:
        c.exec_driver_sql("CREATE TABLE runs (distance INTEGER)")
    with pytest.raises(JianghuaError, match="is no ledger") as e:
        Ledger(url)
    assert "of its own" in str(e.value)
    assert [*rows_of(url)] == ["runs"]
    engine.dispose()
