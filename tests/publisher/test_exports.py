"""jianghua export: CSV that spreadsheets take for text, JSON lines, one Parquet file."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from jianghua import DamagedError, Dataset, UsageError, export, open_dataset
from publisher.cli_data import app
from publisher.export import plain, write_csv, write_jsonl, write_parquet
from publisher.release import publish_records
from publisher.tables import TABLES
from tests.publisher.publisher_made import records, speech, text

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
TRAPS = [
    "=1+1",
    "+86",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "＝1",
    '=cmd|"/c calc"!A1',
    'he said "no"',
    "a,b",
    "one\ntwo",
    "",
    "'=x",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    rows = [speech("a", n, title=t, author=t or None) for n, t in enumerate(TRAPS)]
    rows += [speech("b", 1, text(("a", 1)))]
    publish_records(home / "datasets" / "speeches", records(rows), now=DAY)
    return home


def parsed(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_csv_reads_back_and_holds_no_formula(home: Path, tmp_path: Path) -> None:
    dataset = open_dataset(home)
    told = export(dataset, tmp_path / "speeches.csv")
    assert (told.format, told.rows, told.version) == ("csv", len(TRAPS) + 1, "2026-11-22.1")
    rows = {r["speech_id"]: r for r in parsed((tmp_path / "speeches.csv").read_bytes())}
    for row in dataset.arrow().to_pylist():
        found = rows[row["speech_id"]]
        assert list(found) == TABLES["speeches"].schema.names
        for name, value in row.items():
            cell = found[name]
            if value is None:
                assert cell == ""
            elif isinstance(value, str):
                assert cell in (value, "'" + value)
                assert (cell != value) == (value[:1] in set("=+-@\t\r\n＝＋－＠") - {""})
            elif isinstance(value, bool):
                assert cell == str(value).lower()
            elif isinstance(value, int):
                assert int(cell) == value
            elif isinstance(value, float):
                assert float(cell) == pytest.approx(value)
            elif isinstance(value, datetime):
                assert datetime.fromisoformat(cell) == value
            elif isinstance(value, list):
                assert json.loads(cell) == plain(value)
            else:
                assert cell == value.isoformat()
    frame = pandas.read_csv(tmp_path / "speeches.csv")
    assert frame["chars"].tolist() == dataset.arrow()["chars"].to_pylist()
    raw = parsed(
        _written(
            lambda out: write_csv(
                iter(dataset.batches(columns=["title"])), _schema(dataset, "title"), out, False, False
            )
        )
    )
    assert {r["title"] for r in raw} == set(dataset.arrow()["title"].to_pylist())


def _schema(dataset: Any, *columns: str) -> pa.Schema:
    return dataset.arrow(columns=columns).schema


def _written(write: Any) -> bytes:
    out = io.BytesIO()
    write(out)
    return out.getvalue()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({"a": st.none() | st.text(), "b": st.text(), "n": st.none() | st.integers(-9, 9)}),
        max_size=8,
    )
)
def test_any_text_survives_csv_and_json(rows: list[dict[str, Any]]) -> None:
    schema = pa.schema([("a", pa.string()), ("b", pa.large_string()), ("n", pa.int32())])
    batches = pa.Table.from_pylist(rows, schema=schema).to_batches()
    kept = parsed(_written(lambda out: write_csv(iter(batches), schema, out, False, False)))
    # a carriage return in a quoted field stays; csv.reader with newline="" hands it through
    assert [(r["a"], r["b"], r["n"]) for r in kept] == [
        (r["a"] or "", r["b"], "" if r["n"] is None else str(r["n"])) for r in rows
    ]
    for row in parsed(_written(lambda out: write_csv(iter(batches), schema, out, False, True))):
        assert row["a"][:1] not in set("=+-@\t\r\n＝＋－＠")
        assert row["b"][:1] not in set("=+-@\t\r\n＝＋－＠")
    lines = _written(lambda out: write_jsonl(iter(batches), out)).decode().split("\n")
    assert [json.loads(line) for line in lines if line] == rows


def test_json_lines_and_parquet(home: Path, tmp_path: Path) -> None:
    dataset = open_dataset(home, dedupe=True)
    wanted = dataset.arrow()
    export(dataset, tmp_path / "s.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "s.jsonl").read_bytes().decode().split("\n") if line]
    assert rows == [plain(r) for r in wanted.to_pylist()]
    assert datetime.fromisoformat(rows[0]["published_at"]) == wanted["published_at"][0].as_py()
    export(dataset, tmp_path / "s.parquet")
    assert pq.read_table(tmp_path / "s.parquet").equals(wanted)
    assert wanted.num_rows == len(TRAPS)
    names = ["title", "speech_id"]
    export(dataset, tmp_path / "d.csv", table="duplicates", columns=["cluster_id"])
    assert (tmp_path / "d.csv").read_text().splitlines()[0] == '"cluster_id"'
    export(dataset, tmp_path / "t.parquet", columns=names)
    assert pq.read_table(tmp_path / "t.parquet").equals(wanted.select(names))
    # no row passes: the columns all the same
    nothing = open_dataset(home, split="test", test_share=0)
    for name in ("n.csv", "n.parquet", "n.jsonl"):
        assert export(nothing, tmp_path / name).rows == 0
    assert pq.read_table(tmp_path / "n.parquet").schema.equals(wanted.schema)
    assert len((tmp_path / "n.csv").read_text().splitlines()) == 1
    assert (tmp_path / "n.jsonl").read_bytes() == b""


def test_parquet_has_full_row_groups_whatever_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.export.ROW_GROUP_ROWS", 10)
    schema = pa.schema([("n", pa.int32())])
    batches = [pa.record_batch([pa.array(range(7), pa.int32())], schema) for _ in range(5)]
    out = io.BytesIO()
    write_parquet(iter(batches), schema, out)
    file = pq.ParquetFile(io.BytesIO(out.getvalue()))
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [10, 10, 10, 5]
    assert file.read()["n"].to_pylist() == list(range(7)) * 5


def test_rows_stream_and_a_damaged_file_leaves_nothing(home: Path, tmp_path: Path) -> None:
    class Watched(Dataset):
        """A dataset whose second batch is damaged."""

        def __init__(self, real: Dataset) -> None:
            self.__dict__ |= vars(real)

        def batches(self, *_: Any, **__: Any) -> Iterator[pa.RecordBatch]:
            yield next(super().batches())
            assert list(tmp_path.glob(".x.csv.*"))  # the first is written before the second is read
            raise DamagedError("damaged")

    with pytest.raises(DamagedError):
        export(Watched(open_dataset(home)), tmp_path / "x.csv")
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_together_is_told(home: Path, tmp_path: Path) -> None:
    dataset = open_dataset(home)
    for arguments, what in (
        ({"to": tmp_path / "x.xlsx"}, "no format given"),
        ({"to": "-"}, "no format given"),
        ({"to": "-", "format": "xls"}, "unknown format 'xls'"),
        ({"to": "-", "format": "jsonl", "bom": True}, "no byte order mark"),
        ({"to": tmp_path / "x.csv", "table": "speech"}, "unknown table"),
        ({"to": tmp_path / "x.csv", "columns": ["body"]}, "unknown column"),
    ):
        with pytest.raises(UsageError, match=what):
            export(dataset, **arguments)
    assert not list(tmp_path.iterdir())


def test_the_command(home: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    base = ["export", "--home", str(home)]
    result = runner.invoke(app, [*base, "--format", "csv", "--bom", "--columns", "title,chars", "--dedupe"])
    assert result.stdout_bytes.startswith(b"\xef\xbb\xbf")
    assert len(parsed(result.stdout_bytes)) == len(TRAPS)
    result = runner.invoke(app, [*base, "--to", str(tmp_path / "s.jsonl"), "--json", "--no-previews"])
    assert json.loads(result.stdout) == {
        "to": str(tmp_path / "s.jsonl"), "format": "jsonl", "version": "2026-11-22.1", "table": "speeches", "rows": len(TRAPS) + 1
    }  # fmt: skip
    result = runner.invoke(app, ["export", str(home), "--format", "csv", "--keep-formulas", "--columns", "title"])
    assert "=1+1" in {r["title"] for r in parsed(result.stdout_bytes)}
    assert isinstance(runner.invoke(app, [*base, "--format", "csv", "--json"]).exception, UsageError)
    assert runner.invoke(app, [*base, "--split", "dev"]).exit_code == 2


def test_a_pipe_gets_the_rows_alone(home: Path) -> None:
    """A real process, whose reader goes away after one line."""
    command = [sys.executable, "-m", "schedules.cli", "export", "--home", str(home), "--format", "jsonl"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert len(done.stdout.decode().split("\n")) == len(TRAPS) + 2
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        json.loads(process.stdout.readline())
        process.stdout.close()
        assert process.wait(60) is not None


def test_what_is_no_file_is_written_to_and_a_link_stays_one(home: Path, tmp_path: Path) -> None:
    dataset = open_dataset(home)
    export(dataset, tmp_path / "whole.csv")
    pipe, got = tmp_path / "pipe", bytearray()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.extend(pipe.read_bytes()), daemon=True)
    reader.start()
    export(dataset, pipe, "csv")
    reader.join(30)
    assert bytes(got) == (tmp_path / "whole.csv").read_bytes()
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (tmp_path / "file.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("file.csv")
    export(dataset, tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "file.csv").read_bytes() == bytes(got)


def test_a_column_named_twice_is_refused(home: Path, tmp_path: Path) -> None:
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        with pytest.raises(UsageError, match="'title' is named twice"):
            export(open_dataset(home), tmp_path / name, columns=["title", "chars", "title"])
    assert list(tmp_path.iterdir()) == []
