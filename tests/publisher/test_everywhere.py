"""The same rows, row by row, whatever loads them: seven libraries from disk, three and ours from a plain nginx, ours from S3."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas
import polars
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

import jianghua
from publisher import verified
from publisher.cards import documents
from publisher.delta import delta_version_of
from publisher.release import publish_records
from publisher.remote import open_store
from publisher.versions import read_manifest
from tests.publisher.nginx_server import nginx_server
from tests.publisher.publisher_made import page, records, speech, text
from tests.publisher.s3_server import S3, s3

s3 = s3  # a fixture

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
# One of each kind of type, nulls and empty lists among them.
COLUMNS = (
    "speech_id", "title", "text", "published_at", "gone_since", "event_date", "keywords", "outline", "masks",
    "chars", "views", "title_year", "part", "speech_score", "is_preview", "author", "first_version",
)  # fmt: skip
LATEST = "2026-11-24.1"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions; what the later ones bring stands in parts of its own."""
    folder = tmp_path_factory.mktemp("everywhere") / "datasets" / "speeches"
    rows = [speech("a", n) for n in range(23)] + [speech("b", n, text(("a", n)), views=None) for n in range(3)]
    rows += [speech("c", 1, masks=[{"kind": "year", "count": 2}], mask_count=2, title_year=1999, published_at=None)]
    publish_records(folder, records(rows), now=DAY)
    rows = [*rows[1:], speech("a", 50), speech("c", 2, is_preview=True, speech_score=None)]
    publish_records(folder, records(rows, [page(speech("a", 0), "gone")]), now=DAY + timedelta(days=1))
    rows = [rows[0] | {"title": "=另一个\t标题"}, *rows[1:], speech("d", 1, outline=[], keywords=["二", "三"])]
    publish_records(folder, records(rows, [page(speech("a", 0), "gone")]), now=DAY + timedelta(days=2))
    version = folder / "versions" / LATEST
    if not (version / "croissant.json").exists():
        (version / "croissant.json").write_bytes(documents(read_manifest(folder, LATEST)[0])["croissant.json"])
    return folder


@pytest.fixture(scope="module")
def url(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with nginx_server(published.parent, tmp_path_factory.mktemp("nginx")) as address:
        yield f"{address}/speeches"


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No loader looks for anything outside, and none writes outside of this test's folder."""
    for name, value in {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "HF_DATASETS_CACHE": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)


def plain(value: Any) -> Any:
    """A value of any library as plain Python: what is missing as None, times in UTC, text as str, lists as lists."""
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, Mapping):
        return {k.rsplit("/", 1)[-1]: plain(v) for k, v in value.items()}  # Croissant: with the path of the field
    if value is None or value is pandas.NaT or value is pandas.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, pandas.Timestamp):
        value = value.to_pydatetime()
    if isinstance(value, datetime):
        if value.tzinfo is None:  # mlcroissant has no other dates
            assert (value.hour, value.minute, value.second) == (0, 0, 0)
            return value.date().isoformat()
        return value.astimezone(UTC)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return int(value) if value.is_integer() else round(value, 4)
    return value


def normal(rows: list[Any]) -> list[dict[str, Any]]:
    """Rows in the order of their ids, the columns of COLUMNS."""
    return sorted(({c: plain(r[c]) for c in COLUMNS} for r in rows), key=lambda r: str(r["speech_id"]))


def digest(rows: list[dict[str, Any]]) -> str:
    return hashlib.sha256("\0".join(f"{r['speech_id']}\0{r['text']}" for r in rows).encode()).hexdigest()


def same(found: list[Any], wanted: list[dict[str, Any]]) -> None:
    rows = normal(found)
    assert len(rows) == len(wanted)
    assert digest(rows) == digest(wanted)
    for one, other in zip(rows, wanted, strict=True):
        assert one == other


def truth(folder: Path, version: str) -> list[dict[str, Any]]:
    """The rows of a version from its parts, one file after the other, by nothing but the file format's own reader."""
    manifest, _ = read_manifest(folder, version)
    parts = [folder / "versions" / version / "speeches" / p.file for p in manifest.tables["speeches"].parts]
    rows = normal([r for p in parts for r in pq.ParquetFile(p).read().to_pylist()])
    assert len(rows) == manifest.tables["speeches"].rows
    return rows


def test_the_data_has_what_is_to_be_compared(published: Path) -> None:
    rows = truth(published, LATEST)
    manifest, _ = read_manifest(published, LATEST)
    assert len(manifest.tables["speeches"].parts) > 1
    for column in ("published_at", "event_date", "views", "title_year", "speech_score", "author"):
        assert {r[column] is None for r in rows} >= {True}
    for column in ("keywords", "outline", "masks"):
        assert {bool(r[column]) for r in rows} == {True, False}
    assert len({digest(truth(published, v)) for v in ("2026-11-22.1", "2026-11-23.1", LATEST)}) == 3


def _files(folder: Path) -> str:
    return f"{folder}/speeches/*.parquet"


def _hugging_face(folder: Path) -> Any:
    import datasets  # type: ignore[import-untyped,unused-ignore]

    datasets.disable_progress_bars()
    cache = str(folder.parents[3] / "hf")
    return datasets.load_dataset("parquet", data_files=_files(folder), split="train", cache_dir=cache)


def _croissant(folder: Path) -> list[dict[str, Any]]:
    import mlcroissant

    found = mlcroissant.Dataset(str(folder / "croissant.json")).records("speeches")
    return [{k.removeprefix("speeches/"): v for k, v in r.items()} for r in found]


DISK: dict[str, Callable[[Path], Any]] = {
    "pandas": lambda f: pandas.read_parquet(f / "speeches").to_dict("records"),
    "pandas-arrow": lambda f: pandas.read_parquet(f / "speeches", dtype_backend="pyarrow").to_dict("records"),
    "polars": lambda f: polars.read_parquet(_files(f)).to_dicts(),
    "duckdb": lambda f: duckdb.connect().sql(f"SELECT * FROM read_parquet('{_files(f)}')").to_arrow_table().to_pylist(),
    "pyarrow": lambda f: pq.read_table(f / "speeches").to_pylist(),
    "pyarrow-dataset": lambda f: pyarrow.dataset.dataset(f / "speeches").to_table().to_pylist(),
    "datasets": lambda f: list(_hugging_face(f)),
    "mlcroissant": _croissant,
}


@pytest.mark.parametrize("library", list(DISK))
def test_from_disk(published: Path, library: str) -> None:
    same(DISK[library](published / "versions" / LATEST), truth(published, LATEST))


def test_delta_has_every_version(published: Path) -> None:
    import deltalake

    table = published / "tables" / "speeches"
    for version in ("2026-11-22.1", "2026-11-23.1", LATEST):
        number = delta_version_of(published, "speeches", version)
        found = pa.table(deltalake.DeltaTable(table, version=number).to_pyarrow_table())
        same(found.to_pylist(), truth(published, version))
    same(pa.table(deltalake.DeltaTable(table).to_pyarrow_table()).to_pylist(), truth(published, LATEST))


def test_the_reader_in_every_way(published: Path, url: str) -> None:
    wanted = truth(published, LATEST)
    for root in (published, url):
        ds = jianghua.open_dataset(root)
        same(ds.arrow().to_pylist(), wanted)
        same(ds.pandas().to_dict("records"), wanted)
        same(ds.pandas(dtype_backend="pyarrow").to_dict("records"), wanted)
        same(ds.polars().to_dicts(), wanted)
        same(ds.scan().collect().to_dicts(), wanted)
        same(ds.duckdb().sql("SELECT * FROM speeches").to_arrow_table().to_pylist(), wanted)
        same(list(ds.hf()), wanted)
        same([r for b in ds.batches(rows=7) for r in b.to_pylist()], wanted)
        for version in ("2026-11-22.1", "2026-11-23.1"):
            same(jianghua.open_dataset(root, version=version).arrow().to_pylist(), truth(published, version))


def _urls(published: Path, url: str) -> list[str]:
    manifest, _ = read_manifest(published, LATEST)
    return [f"{url}/versions/{LATEST}/speeches/{p.file}" for p in manifest.tables["speeches"].parts]


def _arrow_over_http(urls: list[str]) -> pa.Table:
    import fsspec

    web = fsspec.filesystem("http")
    return pa.concat_tables(pq.read_table(u, filesystem=web) for u in urls)


HTTP: dict[str, Callable[[list[str]], Any]] = {
    "pandas": lambda urls: pandas.concat([pandas.read_parquet(u) for u in urls]).to_dict("records"),
    "polars": lambda urls: polars.scan_parquet(urls).collect().to_dicts(),
    "pyarrow": lambda urls: _arrow_over_http(urls).to_pylist(),
}


@pytest.mark.parametrize("library", list(HTTP))
def test_over_http_from_nginx(published: Path, url: str, library: str) -> None:
    same(HTTP[library](_urls(published, url)), truth(published, LATEST))


def test_ranges_and_downloads_from_nginx(
    published: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified, "RANGES_FROM", 1)
    names = ["views", "speech_id", "published_at"]
    wanted = jianghua.open_dataset(published).arrow(columns=names)
    assert jianghua.open_dataset(url).arrow(columns=names).equals(wanted)
    for version in ("2026-11-22.1", LATEST):
        folder = Path(jianghua.download(url, tmp_path, version=version).folder)
        subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
        same(jianghua.open_dataset(tmp_path, version=version).arrow().to_pylist(), truth(published, version))
    # the rest of a file that was fetched in part
    data = next((folder / "speeches").iterdir()).read_bytes()
    name = next((folder / "speeches").iterdir()).name
    beside = tmp_path / "again" / "versions" / f".downloading-{LATEST}" / "speeches"
    beside.mkdir(parents=True)
    (beside / f"{name}.partial").write_bytes(data[:1000])
    told: list[int] = []
    jianghua.download(url, tmp_path / "again", watch=lambda what, n, size: told.append(size) if name in n else None)
    assert sum(told) == len(data) - 1000


def test_from_object_storage(published: Path, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    address = s3.url("everywhere/speeches")
    store = open_store(address, to_write=True)
    names = [
        p
        for p in published.rglob("*")
        if p.is_file() and not {"tables", "latest"} & set(p.relative_to(published).parts)
    ]
    for path in names:
        if not path.name.startswith("."):
            store.put(str(path.relative_to(published)), path)
    wanted = truth(published, LATEST)
    ds = jianghua.open_dataset(address)
    assert [v.version for v in ds.versions()] == ["2026-11-22.1", "2026-11-23.1", LATEST]
    same(ds.arrow().to_pylist(), wanted)
    same(ds.scan().collect().to_dicts(), wanted)
    same(jianghua.open_dataset(address, as_of="2026-11-22").arrow().to_pylist(), truth(published, "2026-11-22.1"))
    monkeypatch.setattr(verified, "RANGES_FROM", 1)
    assert ds.arrow(columns=["chars"]).equals(jianghua.open_dataset(published).arrow(columns=["chars"]))
    folder = Path(jianghua.download(address, tmp_path).folder)
    subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    same(jianghua.open_dataset(folder).arrow().to_pylist(), wanted)
    with pytest.raises(jianghua.UsageError, match="no published dataset"):
        jianghua.open_dataset(s3.url("nothing"))
    with pytest.raises(jianghua.UsageError, match="unknown version"):
        jianghua.open_dataset(address, version="2020-01-01.1")
