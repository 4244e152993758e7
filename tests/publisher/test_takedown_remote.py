"""A takedown in copies on object storage: a real S3 server; no object there holds the text or its title any more."""

from __future__ import annotations

import io
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from crawler.home import Home
from publisher.chain import open_place
from publisher.intake import read_all
from publisher.release import publish, publish_records
from publisher.remote import Store
from publisher.sync import sync
from tests.publisher.publisher_made import speech, text
from tests.publisher.s3_server import S3, s3  # noqa: F401
from tests.publisher.test_publish_cli import extracted
from tests.publisher.test_takedown_cli import told

WHEN = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
TITLE = "一次不再公开的讲话"
MEANT = speech("a", 2, text("taken"), title=TITLE, title_raw=TITLE)


@pytest.fixture
def home(tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch) -> Home:  # noqa: F811
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    extracted(tmp_path, "a", [*(speech("a", n) for n in range(5) if n != 2), MEANT])
    home = Home(tmp_path)
    publish(home, now=WHEN)
    return home


def words(store: Store) -> str:
    """All that can be read at a place."""
    out: list[Any] = []
    for entry in store.entries():
        found = store.read(entry.name)
        assert found is not None
        if entry.name.endswith(".parquet"):
            out.append(pq.ParquetFile(io.BytesIO(found.data)).read().to_pylist())
        out += [entry.name, found.data.decode("utf-8", "replace")]
    return "\n".join(map(str, out))


def test_a_copy_of_the_home_is_brought_up_and_holds_nothing_of_it(home: Home, s3: S3) -> None:  # noqa: F811
    url = s3.url("copy")
    target = open_place(url, "speeches")
    sync(open_place(str(home.datasets), "speeches"), target)
    assert TITLE in words(target.datasets)
    done = told(home, "add", MEANT["speech_id"], "--reason", "来函", "--everywhere", "--to", url)
    assert done["remotes"] == {url: ["2026-11-22.1"]}
    assert TITLE not in words(target.datasets)
    assert MEANT["text"][:20] not in words(target.datasets)
    assert "2026-11-22.1.gone.json" in words(target.datasets)
    assert told(home, "apply", "--to", url)["remotes"] == {url: []}


def test_a_place_with_versions_of_its_own(home: Home, s3: S3, tmp_path: Path) -> None:  # noqa: F811
    url = s3.url("own")
    target = open_place(url, "speeches")
    other = tmp_path / "other" / "speeches"
    shutil.copytree(home.datasets / "speeches", other, symlinks=True)
    (home.root / "jianghua.toml").write_text(f'[publish]\nremotes = ["{url}"]\n')
    extracted(home.root, "b", [speech("b", 1)])
    publish_records(other, read_all(home), now=WHEN)  # what was published there, and never here
    sync(open_place(str(other), "speeches"), target)
    left = home.var / "takedowns" / "remote" / "of one that was killed" / "speeches"
    left.mkdir(parents=True)
    (left / "part").write_text(TITLE)
    done = told(home, "add", MEANT["speech_id"], "--reason", "来函", "--everywhere")
    assert done["remotes"] == {url: ["2026-11-22.1", "2026-11-22.2"]}
    assert TITLE not in words(target.datasets)
    assert [p.name for p in (home.var / "takedowns" / "remote").iterdir()] == [".lock"]
