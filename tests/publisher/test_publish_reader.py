from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crawler.errors import DamagedError, JianghuaError, UsageError
from publisher.reader import Dataset, open_dataset
from publisher.release import publish_records
from publisher.tables import TABLES
from publisher.verified import _CACHES
from tests.publisher.publisher_made import page, records, speech, text

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a home's 数据") / "datasets" / "speeches"
    rows = [speech("a", n) for n in range(20)] + [speech("b", n, text(("a", n))) for n in range(4)]
    publish_records(folder, records(rows), now=DAY)
    later = [*rows[1:], speech("a", 50), speech("c", 1, text(("a", 7)) + "\n" + text("tail", 5))]
    publish_records(folder, records(later, [page(rows[0], "gone")]), now=DAY + timedelta(days=1))
    return folder


@pytest.fixture(scope="module")
def url(published: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

    handler = partial(Quiet, directory=str(published.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def plain(value: Any) -> Any:
    """A value of any reader as plain Python: what is missing as None, times in UTC, lists as lists."""
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if value is None or value is pandas.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, pandas.Timestamp):
        value = value.to_pydatetime()
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and value.is_integer():
        return int(value)  # pandas holds an integer column with gaps as float
    return value


def row_by_row(rows: Sequence[Mapping[Any, Any]]) -> list[Any]:
    return sorted(([plain(v) for v in r.values()] for r in rows), key=str)


@pytest.mark.parametrize("table", list(TABLES))
def test_every_library_reads_the_same_rows(published: Path, url: str, table: str) -> None:
    local, remote = open_dataset(published), open_dataset(f"{url}/speeches")
    wanted = row_by_row(local.arrow(table).to_pylist())
    assert len(wanted) == local.manifest.tables[table].rows
    folder = published / "latest" / table
    files = f"{str(folder).replace(chr(39), chr(39) * 2)}/*.parquet"
    for dataset in (local, remote):
        assert dataset.arrow(table).schema.equals(TABLES[table].schema)
        assert row_by_row(dataset.arrow(table).to_pylist()) == wanted
        assert row_by_row(dataset.pandas(table).to_dict("records")) == wanted
        assert row_by_row(dataset.polars(table).to_dicts()) == wanted
        relation = dataset.duckdb().sql(f"SELECT * FROM {table}")
        assert row_by_row(relation.to_arrow_table().to_pylist()) == wanted
    # and without us
    assert row_by_row(pandas.read_parquet(folder).to_dict("records")) == wanted
    assert row_by_row(polars.scan_parquet(folder / "*.parquet").collect().to_dicts()) == wanted
    assert (
        row_by_row(duckdb.connect().sql(f"SELECT * FROM read_parquet('{files}')").to_arrow_table().to_pylist())
        == wanted
    )
    assert row_by_row(pq.read_table(folder).to_pylist()) == wanted


def test_files_are_written_as_promised(published: Path) -> None:
    for part in (published / "latest" / "speeches").iterdir():
        file = pq.ParquetFile(part)
        assert file.schema_arrow.equals(TABLES["speeches"].schema)
        assert set(file.metadata.metadata or {}) == {b"ARROW:schema"}
        column = file.metadata.row_group(0).column(0)
        assert column.compression == "ZSTD"
        assert column.has_offset_index
        assert column.has_column_index
    frame = pandas.read_parquet(published / "latest" / "speeches")
    assert str(frame["published_at"].dtype) == "datetime64[ms, Asia/Shanghai]"


def test_ways_to_name_a_dataset_and_a_version(published: Path, url: str) -> None:
    names: list[str | Path] = [
        published,
        published.parent,
        published.parent.parent,
        published / "latest",
        url,
        f"{url}/speeches/",
    ]
    datasets = [open_dataset(n) for n in names]
    assert {d.version for d in datasets} == {"2026-11-23.1"}
    assert all(isinstance(d, Dataset) and d.arrow().num_rows == 25 for d in datasets)
    assert datasets[0].tables == list(TABLES)
    for root in (published, url):
        old = open_dataset(root, version="2026-11-22.1")
        assert old.arrow().num_rows == 24
        assert old.arrow("removed").num_rows == 0
    assert open_dataset(f"{url}/speeches/versions/2026-11-22.1").version == "2026-11-22.1"
    assert open_dataset(published / "versions" / "2026-11-22.1").arrow().num_rows == 24
    some = open_dataset(url).arrow(columns=["title", "speech_id"])
    assert some.column_names == ["title", "speech_id"]


def test_unknown_things_are_named(published: Path, url: str, tmp_path: Path) -> None:
    for root in (published, url):
        for version in ("2026-01-01.1", "newest", "../../etc"):
            with pytest.raises(UsageError, match="unknown version") as caught:
                open_dataset(root, version=version)
            assert "2026-11-22.1" in str(caught.value)
    dataset = open_dataset(published)
    with pytest.raises(UsageError, match="unknown table 'speech'"):
        dataset.arrow("speech")
    with pytest.raises(UsageError, match="unknown column 'body'"):
        dataset.pandas(columns=["body"])
    with pytest.raises(UsageError, match="no published dataset"):
        open_dataset(tmp_path)
    with pytest.raises(UsageError, match="no published dataset"):
        open_dataset(f"{url}/nothing")
    with pytest.raises(UsageError, match="ftp://"):
        open_dataset("ftp://example.org/speeches")
    with pytest.raises(JianghuaError, match="cannot reach"):
        open_dataset("http://127.0.0.1:9/speeches")


def test_damage_is_never_read_as_data(published: Path, url: str) -> None:
    part = published / "latest" / "speeches" / open_dataset(published).manifest.tables["speeches"].parts[0].file
    data = part.read_bytes()
    for at in (0, 200, len(data) // 2, len(data) - 10):
        part.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        try:
            _CACHES.clear()
            for root in (published, url):
                for read in (Dataset.arrow, Dataset.pandas, Dataset.polars, Dataset.duckdb):
                    with pytest.raises(DamagedError, match=part.name):
                        read(open_dataset(root))
        finally:
            part.write_bytes(data)
    part.rename(part.with_suffix(".away"))
    with pytest.raises(DamagedError, match="missing"):
        open_dataset(published).arrow()
    part.with_suffix(".away").rename(part)
    manifest = published / "versions" / "2026-11-23.1" / "manifest.json"
    kept = manifest.read_bytes()
    manifest.write_bytes(kept.replace(b'"sequence": 2', b'"sequence": 3'))
    with pytest.raises(DamagedError, match=r"manifest\.json"):
        open_dataset(published)
    manifest.write_bytes(kept)
    latest = published / "latest.json"
    kept = latest.read_bytes()
    latest.write_bytes(kept[:40])
    with pytest.raises(DamagedError, match=r"latest\.json"):
        open_dataset(published)
    assert open_dataset(published, version="2026-11-22.1").arrow().num_rows == 24
    latest.write_bytes(kept)
    assert isinstance(open_dataset(published).arrow(), pa.Table)
