"""A publish whose version readers get already, and of which something behind the commit fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawler.durable import write_bytes
from crawler.errors import JianghuaError
from crawler.home import Home
from publisher import release
from publisher.doctor import examine
from publisher.history import history_path
from publisher.history import read as read_history
from publisher.reader import open_dataset
from publisher.release import PublishedError, publish_records
from publisher.verify import verify
from tests.publisher.publisher_made import records, speech
from tests.publisher.test_publish_cli import extracted, jianghua

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def test_the_command_says_that_the_version_is_published_and_doctor_brings_up_the_rest(tmp_path: Path) -> None:
    extracted(tmp_path, "a", [speech("a", n) for n in range(8)])
    folder = tmp_path / "datasets" / "speeches"
    (folder / "feed.xml").mkdir(parents=True)  # nothing can be written there
    done = jianghua(tmp_path, "publish")
    version = open_dataset(folder).version
    assert done.returncode == 1
    assert f"error: {version} is published, and readers get it" in done.stderr
    assert "cannot write: " in done.stderr
    assert str(folder / "feed.xml") in done.stderr
    assert "nothing already kept was touched" not in done.stderr
    assert "by the next publish, or `jianghua doctor` now" in done.stderr
    verify(folder, version)
    assert not (folder / ".building.json").exists()
    assert [e["outcome"] for e in read_history(history_path(tmp_path / "var" / "publish", "speeches"))] == ["published"]
    (folder / "feed.xml").rmdir()
    found = examine(Home(tmp_path), "speeches")
    assert found.well
    assert (folder / "feed.xml").is_file()
    assert (folder / "latest").readlink() == Path("versions") / version
    verify(folder)


def test_the_next_publish_brings_up_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "speeches"
    rows = [speech("a", n) for n in range(5)]
    (folder / "versions.json").mkdir(parents=True)
    with pytest.raises(PublishedError, match="is published, and readers get it") as caught:
        publish_records(folder, records(rows), now=DAY)
    assert (caught.value.version, caught.value.exit_code) == ("2026-11-22.1", 1)
    (folder / "versions.json").rmdir()
    assert publish_records(folder, records(rows), now=DAY + timedelta(days=1)).version is None
    verify(folder)


@pytest.mark.parametrize("replaced", [True, False])
def test_what_counts_is_what_latest_json_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool) -> None:
    """The folder's fsync may fail when the new latest.json is in its place already; before that nothing is published."""
    folder = tmp_path / "speeches"
    publish_records(folder, records([speech("a", 1)]), now=DAY)
    write = write_bytes

    def failing(path: Path, data: bytes) -> None:
        if path.name != "latest.json":
            write(path, data)
            return
        if replaced:
            write(path, data)
        raise JianghuaError("cannot write: Input/output error", where=str(path), remedy="run the same command again")

    monkeypatch.setattr(release, "write_bytes", failing)
    more: dict[str, Any] = records([speech("a", 1), speech("a", 2)])
    with pytest.raises(JianghuaError, match="cannot write: Input/output error") as caught:
        publish_records(folder, more, now=DAY + timedelta(days=1))
    assert isinstance(caught.value, PublishedError) == replaced
    assert ("is published" in str(caught.value)) == replaced
    assert open_dataset(folder).version == ("2026-11-23.1" if replaced else "2026-11-22.1")
    monkeypatch.undo()
    again = publish_records(folder, more, now=DAY + timedelta(days=1))
    assert again.version == (None if replaced else "2026-11-23.1")
    verify(folder)
