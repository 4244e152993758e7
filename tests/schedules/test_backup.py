"""`jianghua backup`: whole or not at all, checked, and a home of it goes on elsewhere, on SQLite or PostgreSQL."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from crawler.errors import DamagedError, JianghuaError, UsageError
from crawler.home import Home
from crawler.shards import SCHEMAS, committed, verify, write_shard
from crawler.state import SiteState
from publisher.release import dataset_folder, publish
from publisher.verify import verify as verify_dataset
from schedules import packing
from schedules.backup import LARGE, back_up, restore, restore_ledger
from schedules.ledger import Ledger, Run
from schedules.packing import Contents
from schedules.plan import Schedule, due_runs
from schedules.portable import export_rows, import_rows
from tests.chain import argv, popen, ran
from tests.children import environment
from tests.publisher.publisher_made import records, speech
from tests.schedules.postgres_server import PostgresServer
from tests.schedules.test_revisions import differences, make_old, rows_of

LEASE = timedelta(seconds=30)
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


def extracted(home: Home, count: int) -> None:
    empty = {n: s.empty_table() for n, s in SCHEMAS.items()}
    made = empty | records([speech("wanshu", n) for n in range(count)])
    write_shard(home, "wanshu", 0, made, input_digest=str(count))


def fill(ledger: Ledger, now: datetime) -> None:
    """A run that is done, one that runs, one by hand that runs, and what else a ledger holds."""
    lease = ledger.take_lease("elsewhere:1:1:m", LEASE)
    assert lease is not None
    s = Schedule.model_validate({"name": "s", "cron": "0 * * * *", "missed": "all", "overlap": "queue"})
    ledger.mark(lease, s, now - timedelta(hours=2))
    ledger.record(lease, s, due_runs(s, now - timedelta(hours=2), now), now)
    first = ledger.claim(lease, 1, {"sites": ["wanshu"]}, ["wanshu"], LEASE)
    assert isinstance(first, Run)
    ledger.finish(1, lease.owner, "done", None, "2026-11-22.1")
    ledger.claim(lease, 2, {"sites": ["wanshu"]}, ["wanshu"], LEASE)
    ledger.beat(2, lease.owner, step="crawl", counts={"crawl": {"why": "讲话"}})
    ledger.add_manual("elsewhere:2:2:m", {}, ["wengao"], LEASE)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with something of everything. Read only."""
    home = Home.find(tmp_path_factory.mktemp("kept") / "home")
    for n in (3, 5):
        extracted(home, n)
        publish(home)
    for name, text in {
        "jianghua.toml": "heartbeat = 1.0\n",
        "sites/mine.yaml": "name: mine\n",
        "schedules/nightly.yaml": "name: nightly\ncron: 0 3 * * *\n",
        "corrections/2026.yaml": "[]\n",
        "takedowns/one.yaml": "[]\n",
        "var/archive/wanshu/a.warc.gz": "responses" * 1000,
        "var/profiles/wanshu/0001.json": "{}",
        "var/token": "hidden",
        "var/logs/1/crawl.log": "not to be kept",
        "var/service.lock": "",
    }.items():
        (home.root / name).parent.mkdir(parents=True, exist_ok=True)
        (home.root / name).write_text(text)
    (home.var / "token").chmod(0o600)
    with SiteState.open(home, "wanshu") as state:
        state.set_meta("as", "an example")
        state.commit()
    ledger = Ledger(f"sqlite:///{home.ledger}", lambda: NOW)
    fill(ledger, NOW)
    ledger.close()
    return home


def files(home: Home) -> dict[str, tuple[bytes, int]]:
    """What a home holds that a backup is to hold byte by byte: content and permissions."""
    found = {}
    for path in sorted(home.root.rglob("*")):
        name = str(path.relative_to(home.root))
        left_out = name.startswith(("var/logs", "var/state", "var/publish/speeches")) or path.name.endswith(".lock")
        if path.is_file() and not path.is_symlink() and not left_out:
            found[name] = (path.read_bytes(), path.stat().st_mode & 0o777)
    return found


def ledger_rows(home: Home) -> dict[str, list[dict[str, Any]]]:
    return rows_of(f"sqlite:///{home.ledger}")


@pytest.mark.parametrize("name", ["copy", "copy.tar.zst"])
def test_a_restored_home_has_all_that_the_first_had(kept: Home, tmp_path: Path, name: str) -> None:
    made = back_up(kept, tmp_path / name, LARGE)
    assert made.holds == ["settings", "state", "archive", "records", "datasets"]
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert not [p for p in kept.var.iterdir() if p.name.startswith(".")]
    there = Home.find(tmp_path / "there")
    assert restore(there, tmp_path / name).made_at
    assert files(there) == files(kept)
    assert (there.var / "token").stat().st_mode & 0o777 == 0o600
    assert not [p for p in there.root.iterdir() if p.name.startswith(".")]
    with SiteState.open(there, "wanshu", read_only=True) as state:
        assert state.meta("as") == "an example"
    for shard in committed(there, "wanshu"):
        verify(shard)
    folder = dataset_folder(there)
    assert len(verify_dataset(folder).versions) == 2
    assert (folder / "latest").resolve().name == verify_dataset(folder).versions[-1]
    parts = list(folder.glob("versions/*/*/part-*.parquet"))
    assert parts
    assert all(p.stat().st_ino == (folder / "tables" / p.parent.name / p.name).stat().st_ino for p in parts)
    assert publish(there).version is None  # nothing changed


def test_without_what_is_large_it_holds_settings_and_state(kept: Home, tmp_path: Path) -> None:
    back_up(kept, tmp_path / "copy")
    there = Home.find(tmp_path / "there")
    assert restore(there, tmp_path / "copy").holds == ["settings", "state"]
    lacking = {n for n in files(kept) if n.startswith(("datasets/", "var/records/", "var/archive/"))}
    assert set(files(there)) == set(files(kept)) - lacking
    assert {r["schedule"] for r in ledger_rows(there)["runs"]} == {"s", "manual"}


def test_every_file_of_a_backup_is_checked(kept: Home, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    back_up(kept, whole, LARGE)
    names = sorted(str(p.relative_to(whole)) for p in whole.rglob("*") if p.is_file())
    chosen = [n for n in names if n.startswith(("ledger/runs", "var/state", "sites", "datasets/speeches/latest.json"))]
    assert len(chosen) == 4
    there = Home.find(tmp_path / "there")
    for name in chosen:
        for spoil in ("flip", "remove"):
            spoilt = tmp_path / "spoilt"
            shutil.copytree(whole, spoilt, symlinks=True)
            data = bytearray((spoilt / name).read_bytes())
            data[len(data) // 2] ^= 1
            (spoilt / name).unlink()
            if spoil == "flip":
                (spoilt / name).write_bytes(data)
            with pytest.raises(DamagedError, match=name):
                restore(there, spoilt)
            assert list(there.root.iterdir()) == []
            shutil.rmtree(spoilt)


def test_a_packed_backup_that_is_cut_short_or_flipped_is_refused(kept: Home, tmp_path: Path) -> None:
    packed = tmp_path / "copy.tar.zst"
    back_up(kept, packed, LARGE)
    whole = packed.read_bytes()
    there = Home.find(tmp_path / "there")
    for n, spoilt in enumerate((whole[: len(whole) // 2], whole[:-200], whole[:500] + b"\0\1\2" + whole[503:])):
        path = tmp_path / f"{n}.tar.zst"
        path.write_bytes(spoilt)
        with pytest.raises(DamagedError):
            restore(there, path)
        assert list(there.root.iterdir()) == []


@pytest.mark.parametrize("name", ["../outside", "/outside-of-all", "var/../../outside", "..", "a\\..\\b"])
def test_a_backup_made_by_somebody_else_cannot_write_outside_the_home(tmp_path: Path, name: str) -> None:
    packed = tmp_path / "evil.tar.zst"
    note = {"format": 1, "made_at": "", "jianghua": "", "holds": [], "ledger": None, "files": {}, "links": {}}
    with pa.CompressedOutputStream(str(packed), "zstd") as out, tarfile.open(fileobj=out, mode="w|") as tar:
        for member, data in ((name, b"evil"), ("backup.json", json.dumps(note).encode())):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with pytest.raises(DamagedError):
        restore(Home.find(tmp_path / "a" / "there"), packed)
    folder = tmp_path / "evil"
    folder.mkdir()
    for key, value in (("files", {name: {"bytes": 0, "sha256": ""}}), ("links", {"latest": "../../outside"})):
        (folder / "backup.json").write_text(json.dumps(note | {key: value}))
        with pytest.raises(DamagedError):
            restore(Home.find(tmp_path / "a" / "there"), folder)
    assert {p.name for p in tmp_path.iterdir()} == {"evil.tar.zst", "evil", "a"}
    assert list((tmp_path / "a" / "there").iterdir()) == []


def test_nothing_that_is_there_is_written_over(kept: Home, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    back_up(kept, copy)
    with pytest.raises(UsageError, match="something already"):
        back_up(kept, copy)
    with pytest.raises(UsageError, match=r"one file NAME\.tar\.zst"):
        back_up(kept, tmp_path / "copy.zip")
    assert not (tmp_path / "copy.zip").exists()
    with pytest.raises(UsageError, match="no home here"):
        back_up(Home.find(tmp_path / "nowhere"), tmp_path / "other")
    with pytest.raises(UsageError, match="no backup here"):
        restore(Home.find(tmp_path / "there"), tmp_path / "nothing")
    there = Home.find(tmp_path / "full")
    there.own_sites.mkdir(parents=True)
    with pytest.raises(UsageError, match="not empty: it has sites"):
        restore(there, copy)
    with pytest.raises(UsageError, match="ledger has rows"):
        restore_ledger(kept, copy)


KILLED = """
import sys
from pathlib import Path
from crawler.home import Home
from schedules.backup import LARGE, back_up, restore
from tests.publisher.publisher_child import kill_at
what, one, other, count = sys.argv[1:]
if what == "backup":
    kill_at(str(Path(other).parent), int(count))
    back_up(Home.find(one), Path(other), LARGE)
else:
    kill_at(other, int(count))
    restore(Home.find(other), Path(one))
"""


@pytest.mark.parametrize("count", [10, 45])
@pytest.mark.parametrize("name", ["copy", "copy.tar.zst"])
def test_killed_in_the_middle_there_is_no_half_of_it(kept: Home, tmp_path: Path, count: int, name: str) -> None:
    def killed(*args: object) -> int:
        return ran([sys.executable, "-c", KILLED, *map(str, args)]).returncode

    copy = tmp_path / "copies" / name
    there = Home.find(tmp_path / "there")
    code = killed("backup", kept.root, copy, min(count, 4) if name.endswith("zst") else count)
    assert code == -signal.SIGKILL
    assert not copy.exists()
    with pytest.raises(UsageError):
        restore(there, copy)
    back_up(kept, copy, LARGE)
    assert [p.name for p in copy.parent.iterdir()] == [name]
    assert killed("restore", copy, there.root, count) == -signal.SIGKILL
    restore(there, copy)
    assert files(there) == files(kept)
    assert len(ledger_rows(there)["runs"]) == 3
    assert not [p for p in there.root.iterdir() if p.name.startswith(".")]


def test_what_has_come_into_a_home_since_its_restore_was_killed_stays(
    kept: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when the ledger was to be filled: the home is in its place, and somebody works in it before calling the command again."""
    copy, other = tmp_path / "copy", tmp_path / "other"
    back_up(kept, copy, LARGE)
    back_up(kept, other)
    there = Home.find(tmp_path / "there")

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    monkeypatch.setattr("schedules.backup._fill_ledger", killed)
    with pytest.raises(Killed):
        restore(there, copy)
    monkeypatch.undo()
    (there.root / "mine").write_text("precious")
    (there.datasets / "also-mine").write_text("precious")
    with pytest.raises(UsageError, match="half restored from another backup"):
        restore(there, other)
    restore(there, copy)
    assert (there.root / "mine").read_text() == (there.datasets / "also-mine").read_text() == "precious"
    assert len(ledger_rows(there)["runs"]) == 3
    assert not [p for p in there.root.iterdir() if p.name.startswith(".")]
    with pytest.raises(UsageError, match="not empty"):
        restore(there, copy)


def test_a_folder_that_a_restore_has_left_is_no_leave_to_empty_the_home(kept: Home, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    back_up(kept, copy)
    there = Home.find(tmp_path / "there")
    (there.root / ".restoring" / "var").mkdir(parents=True)
    (there.root / "mine").write_text("precious")
    with pytest.raises(UsageError, match="not empty: it has mine"):
        restore(there, copy)
    assert (there.root / "mine").read_text() == "precious"


def test_what_comes_into_the_home_while_it_is_restored_is_told(
    kept: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that is started too early makes var/."""
    copy = tmp_path / "copy"
    back_up(kept, copy)
    there = Home.find(tmp_path / "there")
    read = packing.unpack

    def unpack(*how: Path) -> Contents:
        there.var.mkdir(parents=True)
        (there.var / "token").write_text("x")
        return read(*how)

    monkeypatch.setattr("schedules.backup.unpack", unpack)
    with pytest.raises(UsageError, match="has got var while it was restored"):
        restore(there, copy)
    monkeypatch.undo()
    there.var.rename(tmp_path / "away")
    restore(there, copy)
    assert len(ledger_rows(there)["runs"]) == 3


def test_two_restores_at_once_make_one_home(kept: Home, tmp_path: Path) -> None:
    copy = tmp_path / "copy.tar.zst"
    back_up(kept, copy)
    there = tmp_path / "there"
    code = "import sys; from schedules.cli import main; main()"
    argv = [sys.executable, "-c", code, "backup", "--restore", str(copy), "--home", str(there)]
    both = [popen(argv, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    told = [p.communicate(timeout=120)[1] for p in both]
    assert sorted(p.wait() for p in both) == [0, 2, 2], told
    assert sum("not empty" in t for t in told) == 2
    assert len(ledger_rows(Home.find(there))["runs"]) == 3


def test_a_ledger_moves_from_sqlite_to_postgresql_and_back(
    kept: Home, tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(kept, tmp_path / "one")
    url = postgres.new_ledger()
    there, back = Home.find(tmp_path / "there"), Home.find(tmp_path / "back")
    with monkeypatch.context() as patched:
        patched.setenv("JIANGHUA_STATE", url)
        restore(there, tmp_path / "one")
        assert not there.ledger.exists()
        on_postgres = rows_of(url)
        with pytest.raises(UsageError, match="ledger has rows"):
            restore(Home.find(tmp_path / "other"), tmp_path / "one")
        restore(Home.find(tmp_path / "other"), tmp_path / "one", keep_ledger=True)
        assert rows_of(url) == on_postgres
        back_up(there, tmp_path / "two")
    restore(back, tmp_path / "two")
    before, after = ledger_rows(kept), ledger_rows(back)
    assert {k: v for k, v in after.items() if k not in ("runs", "lease")} == {
        k: v for k, v in before.items() if k not in ("runs", "lease")
    }
    done, running, by_hand = after["runs"]
    assert done == before["runs"][0]
    assert (running["state"], running["step"], running["counts"]) == ("due", "crawl", {"crawl": {"why": "讲话"}})
    assert (by_hand["state"], by_hand["sites"]) == ("failed", ["wengao"])
    assert after["lease"][0]["owner"] is None
    assert after["lease"][0]["token"] > before["lease"][0]["token"]
    for place in (url, f"sqlite:///{back.ledger}"):
        ledger = Ledger(place)
        lease = ledger.take_lease("new:1:1:m", LEASE)
        assert lease is not None
        assert ledger.add_manual("new:1:1:m", {}, ["wengao"], LEASE).id == 4
        assert isinstance(ledger.claim(lease, 2, {}, ["x"], LEASE), Run)
        ledger.close()


def test_the_rows_of_an_older_ledger_become_rows_of_today(url: str, tmp_path: Path) -> None:
    old = f"sqlite:///{tmp_path}/old/state.db"
    make_old(old, "0001")
    engine = sa.create_engine(old)
    tables = sa.MetaData()
    tables.reflect(engine)
    counts = export_rows(engine, tmp_path / "rows", tables)
    engine.dispose()
    ledger = Ledger(url)
    import_rows(ledger.engine, tmp_path / "rows", "0001")
    assert differences(url) == []
    assert {t: len(r) for t, r in rows_of(url).items() if t in counts} == counts
    assert {r.retries for r in ledger.runs()} == {0}
    assert ledger.add_manual("new:1:1:m", {}, ["x"], LEASE).id == counts["runs"] + 1
    with pytest.raises(JianghuaError, match="newer Jianghua"):
        import_rows(ledger.engine, tmp_path / "rows", "9000")
    ledger.close()


BUSY = """
import sys
from pathlib import Path
from crawler.home import Home
from publisher.release import publish
from tests.schedules.test_backup import extracted
home, stop, n = Home.find(sys.argv[1]), Path(sys.argv[2]), 2
while not stop.exists():
    extracted(home, n)
    publish(home, wait=600)
    n += 1
    print(n, flush=True)
"""


def test_what_is_copied_while_records_and_versions_are_made_is_whole(tmp_path: Path) -> None:
    home, stop = Home.find(tmp_path / "home"), tmp_path / "stop"
    with popen([sys.executable, "-c", BUSY, str(home.root), str(stop)], stdout=subprocess.PIPE) as busy:
        assert busy.stdout
        busy.stdout.readline()
        try:
            for n in range(3):
                back_up(home, tmp_path / f"copy{n}", LARGE)
                busy.stdout.readline()
        finally:
            stop.touch()
        busy.stdout.read()
    assert busy.returncode == 0
    for n in range(3):
        there = Home.find(tmp_path / f"there{n}")
        restore(there, tmp_path / f"copy{n}")
        for shard in committed(there, "wanshu"):
            verify(shard)
        assert verify_dataset(dataset_folder(there)).versions
        publish(there)
        assert verify_dataset(dataset_folder(there)).versions


def test_the_command(kept: Home, tmp_path: Path) -> None:
    def jianghua(*args: object, home: Path = kept.root, **env: str) -> subprocess.CompletedProcess[str]:
        return ran(argv("backup", *map(str, args), "--home", str(home)), env=environment(**env), cwd=tmp_path)

    made = jianghua("--to", "copy.tar.zst", "--with", "records", "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert told["holds"] == ["settings", "state", "records"]
    assert told["rows"]["runs"] == 3
    assert Path(told["path"]).stat().st_mode & 0o077 == 0
    restored = jianghua("--restore", "copy.tar.zst", home=tmp_path / "there")
    assert restored.returncode == 0, restored.stderr
    assert "does not hold archive, datasets" in restored.stdout
    other = f"sqlite:///{tmp_path}/other.db"
    only = jianghua("--restore", "copy.tar.zst", "--only-ledger", home=tmp_path / "there", JIANGHUA_STATE=other)
    assert only.returncode == 0, only.stderr
    assert len(rows_of(other)["runs"]) == 3
    assert jianghua("--with", "everything").returncode == 2
    assert jianghua("--restore", "copy.tar.zst", "--all").returncode == 2
