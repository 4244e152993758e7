"""The Delta logs: read back with deltalake, Polars, DuckDB and pyarrow; appended, made anew, killed, damaged."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE
from typing import Any

import duckdb
import polars
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from crawler.errors import DamagedError, UsageError
from publisher import delta
from publisher.delta_log import LOG, Commit, File, Step, commit_name, delta_schema, following, make, read_log
from publisher.gone import remove_version, tombstone
from publisher.manifest import Manifest, Part, TableEntry, latest_of, sha256, to_json
from publisher.reader import open_dataset
from publisher.release import publish_records
from publisher.tables import TABLES
from publisher.versions import live_versions, read_latest, read_manifest, version_names
from tests.children import environment, program
from tests.publisher.publisher_made import page, records, speech, text

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def state(day: int) -> dict[str, pa.Table]:
    """The records of a day: rows added, changed and gone."""
    rows = [speech("a", n, text(("a", n, "new")) if n == day else None) for n in range(day, 8 + 2 * day)]
    rows += [speech("b", n, text(("a", n))) for n in range(4)]
    return records(rows, [page(speech("a", n), "gone") for n in range(day)])


def project(folder: Path) -> None:
    latest = read_latest(folder)
    assert latest
    delta.project(folder, latest)


def manifests(folder: Path) -> dict[str, tuple[Manifest, str]]:
    found = {n: read_manifest(folder, n) for n in version_names(folder)}
    return {n: (m, sha256(data)) for n, (m, data) in found.items()}


def logs(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.glob(f"tables/*/{LOG}/*"))}


def forget(folder: Path) -> None:
    for log in folder.glob(f"tables/*/{LOG}"):
        shutil.rmtree(log)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four versions, the Delta log brought up to date after each of them."""
    folder = tmp_path_factory.mktemp("delta") / "datasets" / "speeches"
    for day in range(4):
        publish_records(folder, state(day), now=DAY + timedelta(days=day), accept={"rows_gone": "a test"})
        project(folder)
    return folder


@pytest.fixture
def dataset(published: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "speeches"
    shutil.copytree(published, copy, symlinks=True)
    return copy


def in_order(rows: pa.Table, table: str) -> pa.Table:
    known = TABLES[table]
    return rows.cast(known.schema).sort_by([(k, "ascending") for k in known.key])


@pytest.mark.parametrize("table", list(TABLES))
def test_every_version_reads_equal_with_every_engine(published: Path, table: str) -> None:
    place = published / "tables" / table
    for number, name in enumerate(version_names(published)):
        true = in_order(open_dataset(published, name).arrow(table), table)
        found = DeltaTable(str(place), version=number)
        assert delta.delta_version_of(published, table, name) == number
        assert found.count() == true.num_rows
        assert in_order(found.to_pyarrow_table(), table).equals(true)
        assert in_order(found.to_pyarrow_dataset().to_table(), table).equals(true)
        frame = polars.scan_delta(str(place), version=number).collect()
        assert in_order(frame.to_arrow(), table).equals(true)
        data = found.to_pyarrow_dataset()
        with duckdb.connect() as db:
            assert db.from_arrow(data).aggregate("count(*)").fetchall() == [(true.num_rows,)]
    assert DeltaTable(str(place)).version() == 3


def test_times_are_the_same_instants(published: Path) -> None:
    place = published / "tables" / "speeches"
    true = {r["speech_id"]: r["published_at"] for r in open_dataset(published).arrow().to_pylist()}
    found = DeltaTable(str(place)).to_pyarrow_table()
    assert str(found.schema.field("published_at").type) == "timestamp[us, tz=UTC]"
    assert {r["speech_id"]: r["published_at"] for r in found.to_pylist()} == true


def test_history_tells_the_versions_and_dates_find_them(published: Path) -> None:
    table = DeltaTable(str(published / "tables" / "speeches"))
    told = [(h["userMetadata"], h["jianghua"]["sequence"], h["timestamp"]) for h in reversed(table.history())]
    true = [(m.version, m.sequence, int(m.published_at.timestamp()) * 1000) for m, _ in manifests(published).values()]
    assert told == true
    for day in range(4):
        table.load_as_version(DAY + timedelta(days=day, hours=1))
        assert table.version() == day
    with pytest.raises(UsageError, match="unknown version"):
        delta.delta_version_of(published, "speeches", "2026-12-24.1")


def test_a_log_made_anew_has_the_same_bytes(dataset: Path) -> None:
    before = logs(dataset)
    assert len(before) == 4 * len(TABLES)
    project(dataset)
    assert logs(dataset) == before
    forget(dataset)
    project(dataset)
    assert logs(dataset) == before
    assert not list(dataset.glob("tables/*/.delta*"))


def test_a_folder_whose_name_looks_quoted_has_the_same_logs(published: Path, tmp_path: Path) -> None:
    """deltalake takes %20 in a path for a space: a publish failed behind its commit, and each one after it before it began."""
    folder = tmp_path / "My%20Data %2f 讲话 #?" / "datasets" / "speeches"
    for day in range(4):
        publish_records(folder, state(day), now=DAY + timedelta(days=day), accept={"rows_gone": "a test"})
    assert logs(folder) == logs(published)
    forget(folder)
    project(folder)
    assert logs(folder) == logs(published)
    assert not list(folder.glob("tables/*/.delta*"))


@pytest.mark.parametrize("seed", range(4))
def test_a_commit_that_follows_is_what_deltalake_writes(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    schema = delta_schema(TABLES["pages"].schema, "pages")
    names = [f"part-{n}.parquet" for n in range(8)]
    files = [{n: File(rng.randrange(10**9), rng.randrange(10**4)) for n in rng.sample(names, seed * 2)} for _ in "ab"]
    for name in files[0].keys() & files[1].keys():
        files[1][name] = files[0][name]
    step = Step(
        "pages", "2026-11-23.1", 2, "f" * 64, "e" * 32, DAY + timedelta(seconds=rng.randrange(9**9)), schema, files[1]
    )
    before = Commit(tmp_path, "2026-11-22.1", 1, "d" * 64, "c" * 32, schema, 1_700_000_000_123, files[0])
    (wanted,) = make("speeches/pages", [step], tmp_path, before)
    assert following("speeches/pages", step, before.files, before.created) == wanted
    monkeypatch.setattr("publisher.delta_log._installed", lambda: "1.7.0")
    assert following("speeches/pages", step, before.files, before.created) is None


@pytest.mark.parametrize("other", [False, True])
def test_a_version_is_appended_without_deltalake_where_its_form_is_known(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, other: bool
) -> None:
    before = logs(dataset)
    for table in TABLES:
        (dataset / "tables" / table / LOG / commit_name(3)).unlink()
    asked: list[str] = []

    def noted(name: str, *more: Any) -> Iterator[bytes]:
        asked.append(name)
        return make(name, *more)

    monkeypatch.setattr(delta, "make", noted)
    if other:
        monkeypatch.setattr("publisher.delta_log._installed", lambda: "1.7.0")
    project(dataset)
    assert logs(dataset) == before
    assert len(asked) == (len(TABLES) if other else 0)


def test_nothing_is_opened_where_the_log_is_up_to_date(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the log was read")

    monkeypatch.setattr(delta, "read_log", never)
    monkeypatch.setattr(delta, "live_versions", never)
    project(dataset)


def test_several_versions_are_caught_up(dataset: Path) -> None:
    before = logs(dataset)
    for number in (2, 3):
        for table in TABLES:
            (dataset / "tables" / table / LOG / commit_name(number)).unlink()
    delta.check(dataset, manifests(dataset))  # behind is no damage
    project(dataset)
    assert logs(dataset) == before


def test_a_version_that_changes_nothing_in_a_table_has_its_commit(published: Path) -> None:
    commits = read_log(published / "tables" / "contained")
    assert [c.version for c in commits] == version_names(published)
    assert len({json.dumps(sorted(c.files)) for c in commits}) < len(commits)


def test_gone_versions_leave_the_log(dataset: Path) -> None:
    names = version_names(dataset)
    manifest, digest = manifests(dataset)[names[1]]
    remove_version(dataset, tombstone(manifest, digest, "retired", "older than 30 days", DAY))
    delta.check(dataset, manifests(dataset))  # not made anew yet: no damage
    kept = [names[0], *names[2:]]
    named = {p.file for m, _ in manifests(dataset).values() for t in m.tables.values() for p in t.parts}
    for part in dataset.glob("tables/*/*.parquet"):
        if part.name not in named:
            part.unlink()
    project(dataset)
    assert [c.version for c in read_log(dataset / "tables" / "speeches")] == kept
    for number, name in enumerate(kept):
        found = DeltaTable(str(dataset / "tables" / "speeches"), version=number).to_pyarrow_table()
        assert in_order(found, "speeches").equals(in_order(open_dataset(dataset, name).arrow(), "speeches"))
    delta.check(dataset, manifests(dataset))


def test_a_reissued_version_takes_the_place_of_the_old_one(dataset: Path) -> None:
    names = version_names(dataset)
    old, digest = manifests(dataset)[names[0]]
    again = old.model_copy(update={"version": "2026-11-22.2", "reissue_of": old.version})
    shutil.copytree(dataset / "versions" / old.version, dataset / "versions" / again.version)
    (dataset / "versions" / again.version / "manifest.json").write_bytes(to_json(again))
    latest = read_latest(dataset)
    assert latest
    assert [m.version for m, _ in live_versions(dataset, latest)] == [again.version, *names[1:]]
    project(dataset)  # both are there: the new one counts
    assert [c.version for c in read_log(dataset / "tables" / "pages")] == [again.version, *names[1:]]
    remove_version(dataset, tombstone(old, digest, "yanked", "asked for", DAY, again.version))
    project(dataset)
    assert [c.version for c in read_log(dataset / "tables" / "pages")] == [again.version, *names[1:]]
    delta.check(dataset, manifests(dataset))


def part(name: str, rows: int) -> Part:
    digest = sha256(name.encode())
    return Part(file=f"part-{digest[:32]}.parquet", rows=rows, bytes=10 * rows, sha256=digest, content_sha256=digest)


def versions(folder: Path, states: list[tuple[str, Mapping[str, tuple[Part, ...]]]]) -> None:
    """Versions of a made-up dataset: manifests alone. states: schema version and the parts of the tables."""
    for n, (schema, tables) in enumerate(states):
        manifest = Manifest(
            dataset=folder.name,
            version=f"2026-11-{n + 1:02}.1",
            sequence=n + 1,
            schema_version=schema,
            published_at=DAY + timedelta(days=n),
            parent=None,
            tables={t: TableEntry(rows=sum(p.rows for p in parts), parts=parts) for t, parts in tables.items()},
            sites={},
        )
        (folder / "versions" / manifest.version).mkdir(parents=True, exist_ok=True)
        (folder / "versions" / manifest.version / "manifest.json").write_bytes(to_json(manifest))
        for table in tables:
            (folder / "tables" / table).mkdir(parents=True, exist_ok=True)


def project_made(folder: Path) -> None:
    name = version_names(folder)[-1]
    manifest, data = read_manifest(folder, name)
    delta.project(folder, latest_of(manifest, sha256(data)))


def test_columns_that_were_added_come_with_the_version_that_has_them(tmp_path: Path) -> None:
    folder = tmp_path / "speeches"
    old, new, more = part("old", 3), part("new", 3), part("more", 1)
    versions(folder, [("1.0.0", {"pages": (old,)}), ("1.1.0", {"pages": (new, more)}), ("1.1.0", {"pages": (new,)})])
    project_made(folder)
    place = folder / "tables" / "pages"
    for number, schema in enumerate(("1.0.0", "1.1.0", "1.1.0")):
        names = [f.name for f in DeltaTable(str(place), version=number).schema().fields]
        assert names == TABLES["pages"].schema_in(schema).names
    assert [sorted(c.files) for c in read_log(place)] == [
        sorted(p.file for p in parts) for parts in ((old,), (new, more), (new,))
    ]
    files = [DeltaTable(str(place), version=n).file_uris() for n in range(3)]
    assert [len(f) for f in files] == [1, 2, 1]
    delta.check(folder, manifests(folder))
    whole = logs(folder)
    (place / LOG / commit_name(2)).unlink()
    (place / LOG / commit_name(1)).unlink()
    project_made(folder)
    assert logs(folder) == whole


def test_a_file_that_stays_when_columns_change_stays(tmp_path: Path) -> None:
    folder = tmp_path / "speeches"
    stays, new = part("stays", 2), part("new", 1)
    versions(folder, [("1.0.0", {"pages": (stays,)}), ("1.1.0", {"pages": (stays, new)})])
    project_made(folder)
    table = DeltaTable(str(folder / "tables" / "pages"))
    assert len(table.file_uris()) == 2
    second = (folder / "tables" / "pages" / LOG / commit_name(1)).read_text()
    assert '"remove"' not in second
    assert second.count('"add"') == 1


def test_tables_that_come_and_go(tmp_path: Path) -> None:
    folder = tmp_path / "speeches"
    a, b = part("a", 2), part("b", 1)
    versions(
        folder, [("1.1.0", {"pages": (a,)}), ("1.1.0", {"pages": (a,), "removed": (b,)}), ("1.1.0", {"removed": (b,)})]
    )
    project_made(folder)
    assert [len(c.files) for c in read_log(folder / "tables" / "pages")] == [1, 1, 0]
    assert [c.version for c in read_log(folder / "tables" / "removed")] == ["2026-11-02.1", "2026-11-03.1"]
    delta.check(folder, manifests(folder))


def test_a_schema_that_this_program_does_not_know_is_read_from_the_files(published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "speeches"
    source = next(iter(manifests(published).values()))[0].tables["pages"].parts[0]
    versions(folder, [("9.0.0", {"pages": (source,)})])
    shutil.copy(published / "tables" / "pages" / source.file, folder / "tables" / "pages")
    project_made(folder)
    assert DeltaTable(str(folder / "tables" / "pages")).to_pyarrow_table().num_rows == source.rows


def test_every_flipped_bit_is_found_and_mended(dataset: Path) -> None:
    rng = random.Random(7)
    true, known = logs(dataset), manifests(dataset)
    for name in rng.sample(sorted(true), 12):
        path = dataset / name
        for _ in range(4):
            flipped = bytearray(true[name])
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            path.write_bytes(flipped)
            with pytest.raises(DamagedError) as caught:
                delta.check(dataset, known)
            assert str(path) in str(caught.value)
            path.write_bytes(true[name])
    delta.check(dataset, known)


def test_what_contradicts_the_manifests_is_damage_and_is_made_anew(dataset: Path) -> None:
    """seen: the quick look of a publish sees it too, and mends it; else the log is to be deleted, as the error says."""
    true, known = logs(dataset), manifests(dataset)
    log = dataset / "tables" / "speeches" / LOG
    place = log.parent

    def damaged(match: str, seen: bool = True) -> None:
        with pytest.raises(DamagedError, match=match):
            delta.check(dataset, known)
        if not seen:
            shutil.rmtree(log)
        project(dataset)
        assert logs(dataset) == true

    (log / commit_name(1)).unlink()
    damaged("a commit is missing")
    (log / "notes.txt").write_text("x")
    damaged("notes.txt")
    DeltaTable(str(place)).create_checkpoint()
    damaged("none of the log")
    DeltaTable(str(place)).delete()  # another writer
    damaged("cannot be understood")
    # well sealed, but of other versions
    steps = delta._steps(place, live_versions(dataset, read_latest(dataset)))  # type: ignore[arg-type]
    for change, match in (
        ({"files": {}}, "is not there as in version"),
        ({"version": "2025-01-01.1"}, "there is no version"),
        ({"manifest_sha256": "0" * 64}, "is another one"),
    ):
        wrong = [*steps[:3], replace(steps[3], **change)]
        for number, data in enumerate(make("speeches/speeches", wrong, place)):
            (log / commit_name(number)).write_bytes(data)
        damaged(match, seen=False)
    for number, data in enumerate(make("speeches/speeches", [steps[0], steps[2], steps[3]], place)):
        (log / commit_name(number)).write_bytes(data)
    (log / commit_name(3)).unlink()
    damaged("lacks version", seen=False)


def test_a_log_that_is_missing_is_no_damage(dataset: Path) -> None:
    forget(dataset)
    delta.check(dataset, manifests(dataset))


@pytest.fixture(scope="module")
def child() -> Iterator[subprocess.Popen[str]]:
    """See delta_child.py."""
    command = program("tests.publisher.delta_child")
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=environment()) as process:
        yield process
        assert process.stdin
        process.stdin.close()


def killed(child: subprocess.Popen[str], folder: Path, number: int) -> bool:
    """Whether a projection was killed before its change of this number, or came to its end."""
    assert child.stdin
    assert child.stdout
    child.stdin.write(f"{folder}\t{number}\n")
    child.stdin.flush()
    code = int(child.stdout.readline())
    assert code in (0, -signal.SIGKILL)
    return code != 0


@pytest.mark.parametrize("what", ["append", "append two", "anew"])
def test_killed_anywhere_it_comes_out_the_same(child: subprocess.Popen[str], dataset: Path, what: str) -> None:
    true, known = logs(dataset), manifests(dataset)
    keep = dataset / "tables" / "speeches"
    for table in TABLES:  # one table shows it
        if table != keep.name:
            shutil.rmtree(dataset / "tables" / table)
    true = {k: v for k, v in true.items() if "/speeches/" in k}
    after = 0
    while True:
        if what != "anew":
            for number in (2, 3) if what == "append two" else (3,):
                (keep / LOG / commit_name(number)).unlink()
        else:
            (keep / LOG / commit_name(0)).write_bytes(b"{}\n")
            (keep / LOG / commit_name(3)).unlink()
        if not killed(child, dataset, after):
            break
        log = read_log(keep) if what != "anew" else []
        assert [c.version for c in log] == version_names(dataset)[: len(log)]
        if what != "anew":
            delta.check(dataset, known)
            assert DeltaTable(str(keep)).version() == len(log) - 1
        project(dataset)
        assert logs(dataset) == true
        assert not list(keep.glob(".delta*"))
        after += 1
    assert after >= (3 if what == "append" else 5)
    assert logs(dataset) == true


def test_descriptions_become_comments() -> None:
    fields = {f["name"]: f for f in json.loads(delta_schema(TABLES["speeches"].schema, "speeches"))["fields"]}
    assert fields["text"]["type"] == "string"
    assert fields["text"]["metadata"]["comment"].startswith("the speech")
    assert fields["outline"]["type"]["elementType"]["fields"][0]["type"] == "byte"
