"""The same records and parent give the same bytes; another writer of Parquet makes nothing look changed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from publisher import parts
from publisher.manifest import Manifest, as_json
from publisher.reader import open_dataset
from publisher.release import PublishResult, publish_records
from publisher.tables import TABLES
from publisher.verify import verify
from publisher.versions import read_manifest
from tests.publisher.publisher_child import DAY, state
from tests.publisher.publisher_disturbed import tree
from tests.publisher.publisher_made import records, speech, text

BUILT = ("changes.parquet", "changes.json", "preview.parquet", "quality.json")


def without_clock(data: bytes) -> bytes:
    """A manifest without the time of publishing, and without the digest of its parent's, which tells that time."""
    found = json.loads(data)
    del found["published_at"]
    if found["parent"]:
        del found["parent"]["manifest_sha256"]
    return as_json(found)


def shuffled(tables: dict[str, pa.Table], seed: int) -> dict[str, pa.Table]:
    rng = random.Random(seed)
    return {n: t.take(rng.sample(range(t.num_rows), t.num_rows)) for n, t in tables.items()}


def chain(
    folder: Path, days: Callable[[int], dict[str, pa.Table]], seed: int = 0, hours: int = 0, memo: Path | None = None
) -> dict[str, bytes]:
    """The files of a dataset after two days. seed: of the order of the records, 0 for the usual one."""
    for day in range(2):
        given = shuffled(days(day), seed) if seed else days(day)
        result = publish_records(folder, given, now=DAY + timedelta(days=day, hours=hours), memo=memo)
        assert result.version == f"2026-11-{22 + day}.1"
    return tree(folder)


def test_two_builds_are_the_same(tmp_path: Path) -> None:
    """Records in any order, with a memo or without one."""
    wanted = chain(tmp_path / "one" / "speeches", state)
    assert chain(tmp_path / "two" / "speeches", state, seed=1, memo=tmp_path / "memo") == wanted


def test_two_builds_at_another_time_of_the_day_are_the_same_but_for_the_clock(tmp_path: Path) -> None:
    wanted = chain(tmp_path / "one" / "speeches", state, memo=tmp_path / "memo")
    found = chain(tmp_path / "two" / "speeches", state, seed=1, hours=5)
    assert open_dataset(tmp_path / "one" / "speeches").arrow("removed").num_rows  # some leave on the second day
    manifests = [n for n in wanted if n.endswith("/manifest.json")]
    built = [n for n in wanted if "part-" in n or n.rsplit("/", 1)[-1] in BUILT]
    assert (len(manifests), len(built) > 30) == (2, True)
    assert found.keys() == wanted.keys()
    assert [n for n in built if found[n] != wanted[n]] == []
    for n in manifests:
        assert found[n] != wanted[n]
        assert without_clock(found[n]) == without_clock(wanted[n])


def another_writer(table: pa.Table, room: pa.Buffer | None = None) -> pa.Buffer:
    """The rows as another version of the library might write them."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata(None),
        sink,
        compression="zstd",
        compression_level=9,
        version="2.4",
        row_group_size=7,
        use_dictionary=False,
        write_page_checksum=True,
    )
    return sink.getvalue()


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setattr(parts, "encoded", another_writer)
    yield monkeypatch
    monkeypatch.undo()


@pytest.mark.parametrize("remembered", [False, True], ids=["no memo", "memo"])
def test_with_another_writer_of_parquet_no_part_is_written_again(
    tmp_path: Path, other: pytest.MonkeyPatch, remembered: bool
) -> None:
    folder = tmp_path / "speeches"
    memo = tmp_path / "memo" if remembered else None
    rows = [speech("a", n) for n in range(30)]

    def go(day: int, to: Path = folder, memo: Path | None = None) -> PublishResult:
        return publish_records(to, records(rows), now=DAY + timedelta(days=day), memo=memo)

    go(0, memo=memo)
    rows += [speech("b", n, text(("a", n))) for n in range(4)]
    go(1, memo=memo)
    before, _ = read_manifest(folder, "2026-11-23.1")
    other.undo()

    twin = tmp_path / "twin" / "speeches"
    rows = rows[:30]
    go(0, twin)
    rows += [speech("b", n, text(("a", n))) for n in range(4)]
    go(1, twin)
    same, _ = read_manifest(twin, "2026-11-23.1")
    assert of_parts(before, "content_sha256") == of_parts(same, "content_sha256")
    assert not set(of_parts(before, "sha256")) & set(of_parts(same, "sha256"))
    assert len(before.tables["speeches"].parts) == 2

    files = tree(folder)
    assert go(2, memo=memo).version is None
    assert tree(folder) == files

    rows.append(speech("c", 1))
    rows[31] = rows[31] | {"title": "another title", "title_raw": "another title"}  # in the second part
    result = go(3, memo=memo)
    assert (result.added, result.changed, result.removed) == (1, 1, 0)
    after, _ = read_manifest(folder, "2026-11-25.1")
    assert after.tables["speeches"].parts[0] == before.tables["speeches"].parts[0]
    for table in TABLES:
        kept = before.tables[table].parts
        if table not in ("speeches", "provenance", "pages"):
            assert after.tables[table].parts == kept, table
        elif table != "speeches":
            assert after.tables[table].parts[0] == kept[0], table
    verify(folder)


def of_parts(manifest: Manifest, what: str) -> list[str]:
    return [getattr(p, what) for t in TABLES for p in manifest.tables[t].parts]
