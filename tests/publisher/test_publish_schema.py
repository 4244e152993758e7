"""Versions of an older schema: they stay readable, and the next version is made on top of one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from crawler.errors import JianghuaError
from publisher.compare import diff
from publisher.manifest import latest_of, sha256, to_json
from publisher.reader import open_dataset
from publisher.release import PublishResult, publish_records
from publisher.tables import ADDED, PAGES, SCHEMA_VERSION, SPEECHES, TABLES
from publisher.taking import in_order
from publisher.upgrade import filled, missing_columns
from publisher.verify import verify
from publisher.versions import read_manifest, read_part
from tests.publisher.publisher_made import aged, page, records, speech

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
# what a speech and a page had in 1.0.0: published versions have these for ever
SPEECH_1_0_0 = [
    "speech_id",
    "page_url",
    "site",
    "part",
    "parts",
    "revision",
    "title",
    "title_raw",
    "part_title",
    "text",
    "paragraphs",
    "chars",
    "published_at",
    "published_from",
    "source",
    "author",
    "breadcrumb",
    "keywords",
    "views",
    "site_title",
    "gone_since",
    "doc_type",
    "salutation",
    "speaker_role",
    "speaker_name",
    "admin_level",
    "region",
    "occasion",
    "event_date",
    "topics",
    "outline",
    "is_preview",
    "preview_evidence",
    "chars_declared",
    "points_announced",
    "points_found",
    "mask_count",
    "quality_flags",
    "title_year",
    "editor_intro",
    "text_sha256",
    "simtext_sha256",
    "first_version",
]
PAGE_1_0_0 = ["url", "site", "key", "fate", "why", "status", "title", "speeches", "fetched_at", "gone_since"]


def go(folder: Path, rows: list[dict[str, Any]], day: int = 0, pages: Any = ()) -> PublishResult:
    return publish_records(folder, records(rows, pages), now=DAY + timedelta(days=day))


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    masked = [{"kind": "letters", "count": 3}]
    return [speech("a", i, mask_count=3, masks=masked, script="mixed") for i in range(8)]


@pytest.fixture
def folder(tmp_path: Path, rows: list[dict[str, Any]]) -> Path:
    """A dataset whose only version has schema 1.0.0."""
    folder = tmp_path / "datasets" / "speeches"
    go(folder, rows)
    aged(folder, "1.0.0")
    return folder


def test_the_columns_of_older_schemas_are_what_they_were() -> None:
    assert SPEECHES.schema_in("1.0.0").names == SPEECH_1_0_0
    assert PAGES.schema_in("1.0.0").names == PAGE_1_0_0
    for table in TABLES.values():
        assert table.schema_in(SCHEMA_VERSION) == table.schema
        assert {n for added in ADDED.values() for n in added.get(table.name, ())} <= set(table.schema.names)
    assert max(ADDED) == SCHEMA_VERSION, "a new column is a new minor version, listed in tables.ADDED"


def test_an_old_version_is_read_and_verified_as_it_is(folder: Path) -> None:
    ds = open_dataset(folder)
    assert ds.manifest.schema_version == "1.0.0"
    assert ds.arrow().column_names == SPEECH_1_0_0
    assert ds.duckdb().sql("SELECT count(*) FROM speeches").fetchall() == [(8,)]
    assert verify(folder).versions == ["2026-11-22.1"]


def test_new_columns_are_filled_and_no_row_counts_as_changed(folder: Path, rows: list[dict[str, Any]]) -> None:
    result = go(folder, rows, 1)
    assert result.version == "2026-11-23.1"
    assert (result.added, result.changed, result.removed) == (0, 0, 0)
    assert SCHEMA_VERSION in result.reason
    ds = open_dataset(folder)
    assert ds.manifest.schema_version == SCHEMA_VERSION
    found = ds.arrow()
    assert found.schema == SPEECHES.schema
    for row in found.to_pylist():
        assert (row["revision"], row["first_version"]) == (1, "2026-11-22.1")
        assert (row["script"], row["masks"], row["corrected"]) == ("mixed", [{"kind": "letters", "count": 3}], [])
        assert row["speech_score"] == 3.5
    assert {r["is_speech"] for r in ds.arrow("pages").to_pylist()} == {True}
    assert verify(folder).versions == ["2026-11-22.1", "2026-11-23.1"]
    assert open_dataset(folder, "2026-11-22.1").arrow().column_names == SPEECH_1_0_0
    assert diff(folder, "2026-11-22.1", "latest").rows.num_rows == 0
    # tables without a new column keep their files
    before, after = (read_manifest(folder, f"2026-11-{d}.1")[0] for d in (22, 23))
    assert before.tables["provenance"].parts == after.tables["provenance"].parts
    assert go(folder, rows, 2).version is None


def test_personal_data_is_what_the_new_row_says_else_nothing_found(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    folder = tmp_path / "datasets" / "speeches"
    go(folder, rows)
    aged(folder, "1.1.0")
    manifest, _ = read_manifest(folder, "2026-11-22.1")
    old = pa.concat_tables([read_part(folder, "speeches", p, "1.1.0") for p in manifest.tables["speeches"].parts])
    assert "personal_data" not in old.column_names
    new = in_order(records(rows[:6])["speeches"], SPEECHES)
    at = new.schema.get_field_index("personal_data")
    found = pa.array([["email"] if i == 2 else [] for i in range(6)], new.schema.field(at).type)
    new = new.set_column(at, new.schema.field(at), found)
    then = filled(old, new, SPEECHES, missing_columns(SPEECHES, "1.1.0"))
    assert then.schema == SPEECHES.schema
    told = {r["speech_id"]: r["personal_data"] for r in then.to_pylist()}
    assert told == {r["speech_id"]: ["email"] if i == 2 else [] for i, r in enumerate(rows)}
    result = go(folder, rows, 1)
    assert (result.version, result.added, result.changed) == ("2026-11-23.1", 0, 0)


def test_only_what_changed_beside_the_columns_is_told(folder: Path, rows: list[dict[str, Any]]) -> None:
    rows[3] = rows[3] | {"title": "另一个题目", "masks": []}
    result = go(folder, [*rows[1:], speech("a", 99)], 1, [page(rows[0], "gone")])
    assert (result.added, result.changed, result.removed) == (1, 1, 1)
    for told in (diff(folder, "2026-11-22.1", "latest").rows, open_dataset(folder).arrow("removed")):
        assert told.num_rows
    changed = [r for r in diff(folder, "2026-11-22.1", "latest").rows.to_pylist() if r["op"] == "changed"]
    assert [(r["id"], r["columns"]) for r in changed] == [(rows[3]["speech_id"], ["title"])]
    verify(folder)


def test_a_row_that_is_held_gets_what_its_text_gives(tmp_path: Path) -> None:
    folder = tmp_path / "datasets" / "speeches"
    rows = [speech("a", i) for i in range(4)] + [
        speech("a", 9, "各位代表:\n會議認為,XX市和某縣應當於X月X日開會。", mask_count=4)
    ]
    go(folder, rows)
    aged(folder, "1.0.0")
    result = go(folder, rows[:4], 1, [page(rows[4], "error")])
    assert (result.added, result.changed, result.removed) == (0, 0, 0)
    held = {r["speech_id"]: r for r in open_dataset(folder).arrow().to_pylist()}[rows[4]["speech_id"]]
    assert held["script"] == "traditional"
    assert {m["kind"]: m["count"] for m in held["masks"]} == {"letters": 1, "mou": 1, "date": 2}
    assert (held["speech_score"], held["corrected"]) == (None, [])
    verify(folder)


def test_a_schema_of_the_future_is_not_published_upon_but_read(folder: Path, rows: list[dict[str, Any]]) -> None:
    path = folder / "versions" / "2026-11-22.1" / "manifest.json"
    manifest, _ = read_manifest(folder, "2026-11-22.1")
    future = manifest.model_copy(update={"schema_version": "2.0.0"})
    path.write_bytes(to_json(future))
    (folder / "latest.json").write_bytes(to_json(latest_of(future, sha256(path.read_bytes()))))
    with pytest.raises(JianghuaError, match=r"schema 2\.0\.0"):
        go(folder, rows, 1)
    assert isinstance(open_dataset(folder).arrow(), pa.Table)
