"""What is remembered of a version: each part in a file of its own, only those written that changed, damage found, any moment survived."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from crawler.durable import write_bytes
from crawler.home import Home
from crawler.shards import read_pointer
from publisher import layout, rowindex, stage
from publisher.places import memo_folder
from publisher.reader import open_dataset
from publisher.release import publish
from publisher.rowindex import Segment, State, damage, files, load, of_pieces, save, schema_of, segments_of
from publisher.tables import TABLES
from publisher.versions import read_latest
from tests.publisher.publisher_made import WHEN, speech, text
from tests.publisher.test_publish_follows_change import DAY, extracted


def piece(table: str, first: int, rows: int, unit: int = 0) -> pa.Table:
    schema = schema_of(TABLES[table])
    none = {name: pa.nulls(rows, schema.field(name).type) for name in schema.names}
    known = {
        "key": pa.array([f"a:{first + i:05}" for i in range(rows)], pa.large_string()),
        "unit": pa.array(np.full(rows, unit, np.int32)),
        "d0": pa.array(np.arange(first, first + rows, dtype=np.uint64)),
    }
    return pa.Table.from_pydict(none | known, schema=schema)


def state(*pieces: pa.Table) -> State:
    tables = {"pages": of_pieces(pieces, pieces[0].schema), "removed": schema_of(TABLES["removed"]).empty_table()}
    return State(
        tables, {"pages": [Segment(p.num_rows) for p in pieces]}, {"u": "t"}, {"u": 3}, "r", {"u": 1}, {"p": {}}
    )


def kept(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if p.name != "state.json"}


def test_only_parts_whose_rows_changed_are_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [piece("pages", 100 * i, 100) for i in range(5)]
    save(tmp_path, "one", state(*pieces))
    found = load(tmp_path, "one")
    assert found
    assert found.tables["pages"].equals(pa.concat_tables(pieces))
    assert found.tables["removed"].num_rows == 0
    assert (found.units, found.numbers, found.recipe, found.notes, found.measures) == (
        {"u": "t"}, {"u": 3}, "r", {"u": 1}, {"p": {}},
    )  # fmt: skip
    assert [s.rows for s in found.segments["pages"]] == [100] * 5
    assert load(tmp_path, "two") is None
    before = kept(tmp_path)
    assert before == files(tmp_path)
    assert len(before) == 6

    written: list[str] = []

    def noted(path: Path, data: bytes) -> None:
        written.append(path.name)
        write_bytes(path, data)

    monkeypatch.setattr(rowindex, "write_bytes", noted)
    pieces = [pieces[0], piece("pages", 100, 50), *pieces[3:], piece("pages", 900, 10)]
    segments = segments_of([0, None, 3, 4, None], [100, 50, 100, 100, 10], found.segments["pages"])
    assert [bool(s.file) for s in segments] == [True, False, True, True, False]
    found.tables["pages"], found.segments["pages"] = of_pieces(pieces, pieces[0].schema), segments
    save(tmp_path, "two", found)
    assert len(written) == 3
    assert written[-1] == "state.json"
    again = load(tmp_path, "two")
    assert again
    assert again.tables["pages"].equals(pa.concat_tables(pieces))
    assert kept(tmp_path) == files(tmp_path)
    assert len(kept(tmp_path) - before) == 2
    assert len(before - kept(tmp_path)) == 2


def test_a_save_that_is_cut_short_leaves_the_state_before_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each write and each removal in turn."""
    old = [piece("pages", 100 * i, 100) for i in range(3)]
    new = [old[0], piece("pages", 100, 100, unit=1), piece("pages", 200, 40)]
    moments = 0
    while True:
        folder = tmp_path / str(moments)
        folder.mkdir()
        save(folder, "old", state(*old))
        before = load(folder, "old")
        assert before
        segments = segments_of([0, None, None], [100, 100, 40], before.segments["pages"])
        next_ = State({**before.tables, "pages": of_pieces(new, new[0].schema)}, {**before.segments, "pages": segments})
        left = [moments]

        class KilledError(Exception):
            pass

        def step(plain, *arguments, left=left, killed=KilledError, **more):  # type: ignore[no-untyped-def]
            if not left[0]:
                raise killed
            left[0] -= 1
            return plain(*arguments, **more)

        write, unlink = write_bytes, Path.unlink
        with monkeypatch.context() as m:
            m.setattr(rowindex, "write_bytes", lambda *a, s=step, w=write: s(w, *a))
            m.setattr(Path, "unlink", lambda *a, s=step, u=unlink, **k: s(u, *a, **k))
            try:
                save(folder, "new", next_)
                done = True
            except KilledError:
                done = False
        one, two = load(folder, "old"), load(folder, "new")
        assert (one is None) != (two is None)
        found = one or two
        assert found
        assert found.tables["pages"].equals(pa.concat_tables(old if one else new))
        assert damage(folder) is None
        save(folder, "new", next_)  # what was left goes with the next one
        assert kept(folder) == files(folder)
        if done:
            break
        moments += 1
    assert moments == 5  # two parts and state.json are written, two parts go


@pytest.mark.parametrize("how", ["a byte", "cut", "gone", "empty"])
def test_a_damaged_part_is_found_and_written_again(tmp_path: Path, how: str) -> None:
    pieces = [piece("pages", 100 * i, 100) for i in range(3)]
    save(tmp_path, "one", state(*pieces))
    path = sorted(tmp_path.glob("pages-*.arrow"))[1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    if how != "gone":
        path.write_bytes({"a byte": bytes(data), "cut": bytes(data[:-100]), "empty": b""}[how])
    assert load(tmp_path, "one") is None
    assert path.name in str(damage(tmp_path))
    save(tmp_path, "one", state(*pieces))
    assert damage(tmp_path) is None
    found = load(tmp_path, "one")
    assert found
    assert found.tables["pages"].equals(pa.concat_tables(pieces))


def test_what_another_program_remembered_is_no_damage_and_goes(tmp_path: Path) -> None:
    tables = {"pages": {"file": "pages-0.arrow", "sha256": "0" * 64}}
    (tmp_path / "state.json").write_text(json.dumps({"format": 3, "manifest": "one", "tables": tables}))
    (tmp_path / "pages-0.arrow").write_bytes(b"x")
    assert load(tmp_path, "one") is None
    assert damage(tmp_path) is None
    save(tmp_path, "one", state(piece("pages", 0, 10)))
    assert "pages-0.arrow" not in kept(tmp_path) == files(tmp_path)
    odd = json.dumps({"format": rowindex.FORMAT, "tables": {"pages": [{}]}})
    for content in ("{}", "[]", "x", odd):
        (tmp_path / "state.json").write_text(content)
        assert "state.json" in str(damage(tmp_path))
        assert load(tmp_path, "one") is None


def test_a_state_with_digests_of_an_earlier_program_is_used(tmp_path: Path) -> None:
    pieces = [piece("pages", 100 * i, 100) for i in range(3)]
    save(tmp_path, "one", state(*pieces))
    told = json.loads((tmp_path / "state.json").read_bytes())
    del told["sha256"]
    for entry in told["tables"]["pages"]:
        del entry["checksum"]
        entry["sha256"] = hashlib.sha256((tmp_path / entry["file"]).read_bytes()).hexdigest()
    (tmp_path / "state.json").write_bytes(rowindex._sealed(json.dumps(told, ensure_ascii=False).encode()[:-1]))
    assert damage(tmp_path) is None
    found = load(tmp_path, "one")
    assert found
    assert found.tables["pages"].equals(pa.concat_tables(pieces))
    save(tmp_path, "two", found)
    assert load(tmp_path, "two")
    path = min(tmp_path.glob("pages-*.arrow"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert load(tmp_path, "two") is None


@pytest.mark.parametrize("size", [0, 7, 8, 4096 * 8, 4093 * 8 * 2 + 5, 300_000])
def test_a_checksum_tells_flips_holes_and_blocks_in_other_places(size: int) -> None:
    data = bytearray(np.random.default_rng(size).bytes(size))
    seen = {rowindex.checksum(bytes(data))}
    assert rowindex.checksum(pa.py_buffer(bytes(data))) in seen
    for at in {0, size // 3, size - 1} if size else ():
        flipped = bytearray(data)
        flipped[at] ^= 4
        seen.add(rowindex.checksum(bytes(flipped)))
    for block in (512, 4096, 4093 * 8, 4096 * 8):
        if size > 2 * block:
            seen.add(rowindex.checksum(bytes(data[block : 2 * block] + data[:block] + data[2 * block :])))
            seen.add(rowindex.checksum(bytes(bytes(block) + data[block:])))
    seen.add(rowindex.checksum(bytes(data) + b"\0"))
    assert len(seen) == 2 + (3 if size else 0) + sum(2 for b in (512, 4096, 4093 * 8, 4096 * 8) if size > 2 * b)


def test_a_state_in_which_a_digit_was_changed_is_not_used(tmp_path: Path) -> None:
    """It is JSON as before, and would take the rows of one unit for those of another."""
    made = state(piece("pages", 0, 3))
    made.units, made.numbers = {"a/00": "t", "a/01": "u"}, {"a/00": 0, "a/01": 1}
    save(tmp_path, "one", made)
    assert load(tmp_path, "one") is not None
    assert damage(tmp_path) is None
    path = tmp_path / "state.json"
    there = path.read_bytes()
    assert there.count(b'"a/01": 1') == 1
    for damaged in (there.replace(b'"a/01": 1', b'"a/01": 0'), there.replace(b', "sha256": "', b', "sha255": "')):
        path.write_bytes(damaged)
        assert load(tmp_path, "one") is None
        assert "state.json" in str(damage(tmp_path))


def test_a_publish_writes_the_index_of_few_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "PART_ROWS", 4)
    monkeypatch.setattr(stage, "SMALL_PART_ROWS", 4)
    assert layout.MERGE_AT == 4
    home = Home(tmp_path)
    pages = {n: [speech("a", n, published_at=WHEN + timedelta(days=n))] for n in range(40)}
    extracted(home, "a", pages, {}, WHEN)
    publish(home, now=DAY)
    memo = memo_folder(home)
    before = kept(memo)
    pages[39] = [speech("a", 39, text("edited"), published_at=WHEN + timedelta(days=39))]
    extracted(home, "a", pages, {}, WHEN)
    extracted(home, "new", {1: [speech("new", 1, published_at=WHEN + timedelta(days=41))]}, {}, WHEN)
    assert publish(home, now=DAY + timedelta(days=1)).changed == 1
    of_speeches = [n for n in before - kept(memo) if n.startswith("speeches-")]
    assert len(of_speeches) == 1  # of ten, though there are units that there were not before
    latest = read_latest(home.datasets / "speeches")
    assert latest
    found = load(memo, latest.manifest_sha256)
    assert found
    version = open_dataset(home.datasets / "speeches")
    for name in TABLES:
        rows = version.arrow(name)
        assert found.tables[name]["key"].to_pylist() == layout.keys(rows, TABLES[name].key).to_pylist()
        assert sum(s.rows for s in found.segments[name]) == rows.num_rows


def test_units_keep_their_rows_behind_a_site_whose_records_are_damaged(tmp_path: Path) -> None:
    """The units of such a site are not remembered, and those after it must not take their numbers."""
    when = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    ends = {}
    for name in ("remembered", "not"):
        home = Home(tmp_path / name)
        for site in ("a", "b", "c"):
            extracted(home, site, {n: [speech(site, n)] for n in range(12)}, {}, WHEN)
        publish(home, now=when)
        for site in ("a", "c"):
            extracted(home, site, {n: [speech(site, n, text((site, n, "e")))] for n in range(12)}, {}, WHEN)
        shard = read_pointer(home, "a", 0)
        assert shard
        whole = (shard.folder / "marks.arrow").read_bytes()
        (shard.folder / "marks.arrow").write_bytes(whole[:-1] + b"?")
        publish(home, now=when + timedelta(days=1))
        (shard.folder / "marks.arrow").write_bytes(whole)
        # of the last bucket of one site a page is no more, all else is as it was
        extracted(home, "c", {n: [speech("c", n, text(("c", n, "e")))] for n in range(11)}, {11: "gone"}, WHEN)
        if name == "not":
            for path in memo_folder(home).glob("*.arrow"):
                path.unlink()
        publish(home, now=when + timedelta(days=2), accept={"rows_lost": "test", "rows_gone": "test"})
        last = open_dataset(home.datasets / "speeches")
        ends[name] = {table: last.arrow(table).to_pylist() for table in TABLES}
    assert ends["remembered"] == ends["not"]


def test_replaced_rows_stand_in_the_places_of_those_before() -> None:
    schema = pa.schema(
        [("n", pa.int64()), ("text", pa.string()), ("list", pa.list_(pa.string())), ("same", pa.float64())]
    )
    rows = [
        {"n": n, "text": None if n == 3 else f"t{n}", "list": ["a"] * (n % 3), "same": float("nan")} for n in range(9)
    ]
    old = pa.Table.from_pylist(rows, schema=schema)
    at = np.array([2, 3, 8])
    before = old.take(pa.array(at))
    edits: list[dict[str, object]] = [{"text": "new"}, {"n": -1, "text": None, "list": ["b"]}, {}]
    none: list[dict[str, object]] = [{}] * 3
    for edited in (edits, none):
        new = pa.Table.from_pylist([r | e for r, e in zip(before.to_pylist(), edited, strict=True)], schema=schema)
        order = np.arange(9)
        order[at] = 9 + np.arange(3)
        made = stage._placed(old, before, new, order)
        assert made.schema == schema
        wanted = pa.concat_tables([old, new]).take(pa.array(order))
        assert str(made.to_pylist()) == str(wanted.to_pylist())
