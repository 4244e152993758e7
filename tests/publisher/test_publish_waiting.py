"""A publish whose warnings wait for a person, through the publisher as a whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from publisher.gates import WaitingError
from publisher.history import history_path, read
from publisher.reader import open_dataset
from publisher.release import publish_records
from publisher.verify import verify
from tests.publisher.publisher_made import page, records, speech

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def test_a_version_with_warnings_waits_until_somebody_confirms(tmp_path: Path) -> None:
    folder = tmp_path / "datasets" / "speeches"
    rows = [speech("a", n) for n in range(40)]
    first = records(rows)
    publish_records(folder, first, now=DAY)
    latest = (folder / "latest.json").read_bytes()
    # two of forty lose their page without being confirmed gone: a warning
    fewer = records([*rows[2:], speech("a", 99)], [page(r, "off_topic") for r in rows[:2]])
    day = DAY + timedelta(days=1)
    with pytest.raises(WaitingError, match="rows_lost") as caught:
        publish_records(folder, fewer, now=day, warnings="wait")
    assert any(g.name == "rows_lost" and g.result == "warn" for g in caught.value.gates)
    assert (folder / "latest.json").read_bytes() == latest
    assert verify(folder).versions == ["2026-11-22.1"]
    made = publish_records(folder, fewer, now=day, warnings="wait", confirm="looked at both pages")
    assert made.version == "2026-11-23.1"
    manifest = open_dataset(folder).manifest
    assert manifest.confirmed == "looked at both pages"
    # nothing to publish: nothing to wait for
    assert publish_records(folder, fewer, now=day, warnings="wait").version is None
    assert publish_records(folder, first, now=day).version == "2026-11-23.2"
    assert open_dataset(folder).manifest.confirmed is None


def test_days_without_changes_do_not_make_copies_unusual(tmp_path: Path) -> None:
    folder, memo = tmp_path / "datasets" / "speeches", tmp_path / "publish" / "speeches"
    rows = [speech("a", n) for n in range(30)] + [speech("b", n, speech("a", n)["text"]) for n in range(30)]
    publish_records(folder, records(rows), now=DAY, memo=memo)
    for n in range(1, 8):
        assert publish_records(folder, records(rows), now=DAY + timedelta(days=n), memo=memo).version is None
    told = [entry["values"]["duplicates"] for entry in read(history_path(memo.parent))]
    assert told == [{"all sites": 1.0}] * 8
    made = publish_records(folder, records([*rows, speech("a", 99)]), now=DAY + timedelta(days=8), memo=memo)
    assert made.version
    assert [g.result for g in made.gates if g.name == "duplicates"] == ["pass"]
