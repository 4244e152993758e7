"""Any two versions compared: the result says exactly how one differs from the other, and little is read for it."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.errors import DamagedError, UsageError
from crawler.extraction.fold import text_sha256
from publisher.changes import SCHEMA
from publisher.compare import diff, differences, rows_of, verified_columns
from publisher.digests import content_digest
from publisher.gone import remove_version, tombstone
from publisher.manifest import Manifest, Part, TableEntry, sha256
from publisher.reader import open_dataset
from publisher.release import publish_records
from publisher.tables import SCHEMA_VERSION, SPEECHES
from publisher.versions import part_path, read_manifest
from tests.publisher.publisher_made import page, records, speech, text

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
BASE = [speech("a", n, text(n, 1)) for n in range(8)]


# Versions in memory


def variant(n: int, title: int, body: int, words: int, views: int) -> dict[str, Any]:
    new = text((n, body), 1)
    return BASE[n] | {
        "title": f"讲话{title}",
        "text": new,
        "text_sha256": text_sha256(new),
        "keywords": ["甲"] * words,
        "views": views,
        "revision": 1 + title + body,
        "first_version": f"2026-01-0{1 + views}.1",
        "corrected": [],
        "personal_data": [],
    }


STATES = st.dictionaries(
    st.integers(0, 7), st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 1), st.integers(0, 1))
)


class Memory:
    """Versions whose parts lie in memory; counts which columns are read of which part."""

    def __init__(self) -> None:
        self.parts: dict[str, pa.Table] = {}
        self.asked: list[tuple[str, str]] = []

    def version(self, name: str, state: dict[int, tuple[int, int, int, int]], size: int) -> Manifest:
        parts = []
        for start in range(0, 8, size):
            rows = [variant(n, *state[n]) for n in range(start, min(start + size, 8)) if n in state]
            table = pa.Table.from_pylist(rows, schema=SPEECHES.schema)
            digest = content_digest(table)
            self.parts[digest] = table
            parts.append(Part(file="", rows=len(rows), bytes=0, sha256=digest, content_sha256=digest))
        return Manifest(
            dataset="speeches",
            version=name,
            sequence=1,
            schema_version=SCHEMA_VERSION,
            published_at=DAY,
            parent=None,
            tables={"speeches": TableEntry(rows=len(state), parts=tuple(parts))},
            sites={},
        )

    def read(self, manifest: Manifest, table: str, part: Part, columns: Sequence[str]) -> pa.Table:
        self.asked += [(part.sha256, c) for c in columns]
        return self.parts[part.sha256].select(list(columns))


def expected(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[str, tuple[str, ...]]]:
    out: dict[str, tuple[str, tuple[str, ...]]] = {}
    quiet = {"speech_id", "views", "published_from", "speech_score", "revision", "first_version"}
    for i in {*old, *new}:
        if i not in old or i not in new:
            out[i] = ("added" if i in new else "removed", ())
        elif columns := tuple(c for c in SPEECHES.schema.names if c not in quiet and old[i].get(c) != new[i].get(c)):
            out[i] = ("changed", columns)
    return out


def by_id(state: dict[int, tuple[int, int, int, int]]) -> dict[str, Any]:
    return {BASE[n]["speech_id"]: variant(n, *v) for n, v in state.items()}


@settings(max_examples=40, deadline=None)
@given(STATES, STATES, st.integers(1, 8), st.integers(1, 8))
def test_what_differs_is_told_exactly(old: Any, new: Any, size_old: int, size_new: int) -> None:
    memory = Memory()
    a, b = memory.version("2026-01-01.1", old, size_old), memory.version("2026-01-02.1", new, size_new)
    changes = differences(a, b, memory.read)
    assert changes.rows.schema == SCHEMA
    found = changes.rows.to_pylist()
    before, after = by_id(old), by_id(new)
    assert {r["id"]: (r["op"], tuple(r["columns"])) for r in found} == expected(before, after)
    assert found == sorted(found, key=lambda r: (r["op"], r["id"]))
    for r in found:
        of = {s: rows.get(r["id"], {}).get("text_sha256") for s, rows in (("old", before), ("new", after))}
        assert (r["old_sha256"], r["new_sha256"]) == (of["old"], of["new"])
        assert r["revision"] == (after.get(r["id"]) or before[r["id"]])["revision"]
    # applied to the ids of one version it gives those of the other
    speeches = changes.summary["speeches"]
    assert (set(before) - set(speeches["removed"])) | set(speeches["added"]) == set(after)
    assert changes.summary["tables"]["speeches"] == {op: len(ids) for op, ids in speeches.items()}
    # the way back is the same with the ends changed
    back = differences(b, a, memory.read).summary["speeches"]
    assert back == {"added": speeches["removed"], "changed": speeches["changed"], "removed": speeches["added"]}
    # texts and shared parts are never read
    shared = {p.sha256 for p in a.tables["speeches"].parts} & {p.sha256 for p in b.tables["speeches"].parts}
    assert not [(p, c) for p, c in memory.asked if c == "text" or p in shared]


def summed(steps: list[list[dict[str, Any]]]) -> dict[str, tuple[str, set[str]]]:
    """The net of the changes of consecutive versions; of a row changed twice the columns of both."""
    net: dict[str, tuple[str, set[str]]] = {}
    for rows in steps:
        for r in rows:
            before, columns = net.pop(r["id"], ("", set()))
            op = {
                ("added", "removed"): "",
                ("added", "changed"): "added",
                ("removed", "added"): "changed",
            }.get((before, r["op"]), r["op"])
            if op:
                net[r["id"]] = op, (columns | set(r["columns"]) if op == "changed" else set())
    return net


@settings(max_examples=25, deadline=None)
@given(st.lists(STATES, min_size=2, max_size=4))
def test_the_changes_of_consecutive_versions_sum_up_to_the_difference(states: list[Any]) -> None:
    memory = Memory()
    versions = [memory.version(f"2026-01-0{i + 1}.1", s, 3) for i, s in enumerate(states)]
    steps = [differences(a, b, memory.read).rows.to_pylist() for a, b in itertools.pairwise(versions)]
    net = summed(steps)
    direct = {
        r["id"]: (r["op"], set(r["columns"]))
        for r in differences(versions[0], versions[-1], memory.read).rows.to_pylist()
    }
    for op in ("added", "removed"):
        assert {i for i, (o, _) in net.items() if o == op} == {i for i, (o, _) in direct.items() if o == op}
    for i, (op, columns) in direct.items():
        if op == "changed" and len([r for rows in steps for r in rows if r["id"] == i and r["op"] == "added"]) == 0:
            assert columns <= net[i][1]  # what was changed and changed back is in the sum, not in the difference
    assert {i for i, (o, _) in direct.items() if o == "changed"} <= {i for i, (o, _) in net.items() if o == "changed"}


# Versions on disk


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four versions: a speech goes, comes back, changes; others come."""
    folder = tmp_path_factory.mktemp("compare") / "datasets" / "speeches"
    rows = [speech("a", n) for n in range(9)] + [speech("b", n, text(("a", n))) for n in range(3)]
    states = [
        records(rows),
        records([rows[1] | {"title": "改了", "doc_type": "报告"}, *rows[2:]], [page(rows[0], "gone")]),
        records([rows[0], *rows[2:], speech("c", 1)], [page(rows[1], "gone")]),
        records([rows[0], rows[1], *rows[3:], speech("c", 1, text("new"))], [page(rows[2], "gone")]),
    ]
    for day, state in enumerate(states):
        assert publish_records(folder, state, now=DAY + timedelta(days=day)).version
    return folder


NAMES = [f"2026-11-2{n}.1" for n in range(2, 6)]


@pytest.mark.parametrize(("a", "b"), [(a, b) for a in NAMES for b in NAMES])
def test_any_two_versions(dataset: Path, a: str, b: str) -> None:
    changes = diff(dataset, a, b)
    old, new = ({r["speech_id"]: r for r in open_dataset(dataset, version=v).arrow().to_pylist()} for v in (a, b))
    found = {r["id"]: (r["op"], tuple(r["columns"])) for r in changes.rows.to_pylist() if r["table"] == "speeches"}
    assert found == expected(old, new)
    assert (changes.summary["parent"], changes.summary["version"]) == (a, b)


def test_neighbours_differ_by_what_the_version_says_of_itself(dataset: Path) -> None:
    for a, b in itertools.pairwise(NAMES):
        written = pq.read_table(dataset / "versions" / b / "changes.parquet").cast(SCHEMA)
        assert diff(dataset, a, b).rows.to_pylist() == written.to_pylist()
    first = read_manifest(dataset, NAMES[0])[0]
    written = pq.read_table(dataset / "versions" / NAMES[0] / "changes.parquet").cast(SCHEMA)
    assert differences(None, first, verified_columns(dataset)).rows.to_pylist() == written.to_pylist()


def test_times_stand_for_the_version_that_was_the_latest_then(dataset: Path) -> None:
    for a, b in (("2026-11-22", "2026-11-24"), ("2026-11-22T03:00:00Z", "2026-11-25T10:59:59+08:00")):
        summary = diff(dataset, a, b).summary
        assert (summary["parent"], summary["version"]) == ("2026-11-22.1", "2026-11-24.1")
    assert diff(dataset, "2026-11-25T10:59:59+08:00", "2027-01-01").summary["version"] == "2026-11-25.1"
    for wrong in ("2026-11-22T02:59:59Z", "2026-11-21", "2026-13-01", "2026-11-22T08:00", "2026-11-22.9", "last"):
        with pytest.raises(UsageError):
            diff(dataset, wrong, "latest")


def test_rows_are_found_in_either_version(dataset: Path) -> None:
    pair = read_manifest(dataset, NAMES[0])[0], read_manifest(dataset, NAMES[1])[0]
    changed, gone = speech("a", 1)["speech_id"], speech("a", 0)["speech_id"]
    read = verified_columns(dataset)
    old = rows_of("speeches", pair, 0, {changed, gone}, ["title"], read)
    assert set(old) == {changed, gone}
    assert rows_of("speeches", pair, 1, {changed, gone}, ["title"], read) == {
        changed: {"speech_id": changed, "title": "改了"}
    }
    assert rows_of("removed", pair, 1, {changed, gone}, ["reason"], read)[gone]["reason"] == "gone"


def test_a_damaged_part_is_named_and_one_that_is_not_needed_does_no_harm(dataset: Path) -> None:
    versions = [read_manifest(dataset, n)[0].tables["speeches"].parts for n in NAMES[:2]]
    part = next(p for p in versions[0] if p not in versions[1])
    path = part_path(dataset, "speeches", part)
    data = path.read_bytes()
    path.write_bytes(data[:400] + bytes([data[400] ^ 1]) + data[401:])
    try:
        with pytest.raises(DamagedError, match=part.file):
            diff(dataset, NAMES[0], NAMES[1])
        diff(dataset, NAMES[2], NAMES[3])
    finally:
        path.write_bytes(data)


def test_a_version_that_is_gone_says_why(dataset: Path, tmp_path: Path) -> None:
    copy = tmp_path / "speeches"
    shutil.copytree(dataset, copy, symlinks=True)
    manifest, data = read_manifest(copy, NAMES[1])
    remove_version(copy, tombstone(manifest, sha256(data), "retired", "one a month is kept", DAY))
    for asked in (NAMES[1], "2026-11-23"):
        with pytest.raises(UsageError, match=r"2026-11-23\.1.*retired.*one a month"):
            diff(copy, asked, "latest")
    assert diff(copy, NAMES[0], "latest").rows.equals(diff(dataset, NAMES[0], "latest").rows)
