"""Row rules and measures taken while parts are written, and what is remembered of parts that stay."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from publisher_made import speech

from publisher.manifest import Part
from publisher.quality import Measures, measure
from publisher.tables import SPEECHES
from publisher.watch import FILE, Watch, load, save

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
OWN: dict[str, Any] = {
    "revision": 1,
    "gone_since": None,
    "first_version": "2026-11-22.1",
    "corrected": [],
    "personal_data": [],
}


def table(*numbers: int, **columns: Any) -> pa.Table:
    return pa.Table.from_pylist([OWN | speech("ab"[n % 2], n, **columns) for n in numbers], schema=SPEECHES.schema)


def part(name: str, rows: pa.Table) -> Part:
    return Part(file=name, rows=rows.num_rows, bytes=1, sha256=name * 64, content_sha256=name * 64)


def never(p: Part) -> pa.Table:
    pytest.fail(f"{p.file} was read again")


def test_what_is_written_is_measured_and_what_stays_is_remembered(tmp_path: Path) -> None:
    old, new = table(1, 2, 3), table(4, 5, is_preview=True)
    first = Watch(NOW)
    first.rows("speeches", old)
    first.part(part("1", old), old)
    assert first.measures([part("1", old)], never) == measure(old) == first.new
    save(tmp_path, first.parts)

    alone = Watch(NOW, first=True)
    alone.rows("speeches", old)
    assert alone.new == Measures()

    second = Watch(NOW, load(tmp_path))
    second.rows("speeches", new.slice(0, 1))
    second.part(part("2", new), new)
    both = [part("1", old), part("2", new)]
    assert second.measures(both, never) == measure(pa.concat_tables([new, old]))
    assert second.new == measure(new.slice(0, 1))
    assert set(second.parts) == {"1" * 64, "2" * 64}, "all parts of the version, to be saved"


@pytest.mark.parametrize("left", [None, b"", b"[1]", b'{"x": {"a": {}}}', b"\xff"])
def test_a_memory_that_is_lost_is_made_again(tmp_path: Path, left: bytes | None) -> None:
    rows = table(1, 2)
    if left is not None:
        (tmp_path / FILE).write_bytes(left)
    watch = Watch(NOW, load(tmp_path))
    assert watch.measures([part("1", rows)], lambda _: rows) == measure(rows)
    assert watch.measures([part("1", rows)], never) == measure(rows)


def test_row_rules_of_all_tables_become_gates() -> None:
    watch = Watch(NOW)
    watch.rows("speeches", table(1, 2, doc_type="讲座"))
    watch.rows("contained", pa.table({"speech_id": ["x"], "container_id": ["y"], "share": [2.0]}))
    found = {g.name: (g.result, g.figures.get("rows")) for g in watch.gates()}
    assert found == {
        "row_rules": ("pass", None),
        "doc_type_known": ("warn", 2),
        "contained_ids_form": ("fail", 1),
        "contained_share": ("fail", 1),
    }
