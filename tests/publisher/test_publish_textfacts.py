"""What extraction tells of the words of rows: a publish that goes by it makes the same version as one that looks for itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from crawler import personal, textfacts
from crawler.home import Home
from crawler.shards import MARKS, SCHEMAS, committed, pointer_path, read_marks, read_records, read_table, write_shard
from publisher.gates import RefusedError
from publisher.parquet import encode
from publisher.release import publish
from tests.publisher.publisher_made import page, records, speech

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
BODY = "同志们：\n今天我们在这里开会。\n" + "我们要认真学习，狠抓落实。" * 20


def told(body: str) -> dict[str, Any]:
    """The columns that follow from a text."""
    return {
        "text_sha256": hashlib.sha256(body.encode()).hexdigest(),
        "chars": len("".join(body.split())),
        "paragraphs": body.count("\n") + 1,
    }


def written(home: Home, bodies: list[str], **last: Any) -> None:
    """A shard of speeches with these texts. last: columns of the last one."""
    rows = [speech("s", n, body, **told(body)) for n, body in enumerate(bodies)]
    rows[-1] |= last
    of_pages = [page(rows[0], title="咨询电话13812345678"), *(page(r) for r in rows[1:])]
    empty = {n: s.empty_table() for n, s in SCHEMAS.items()}
    write_shard(home, "s", 0, empty | records(rows, of_pages), input_digest="x")


BODIES = [
    BODY,
    BODY + "请致电13812345678。",
    BODY + "\ufffd\ufffd",
    "当前位置：首页 > 讲话稿\n" + BODY,
    BODY + "\n",
]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.is_symlink()}


def test_what_is_told_of_rows_is_so() -> None:
    rows = records([speech("s", n, body, **told(body)) for n, body in enumerate(BODIES)])["speeches"]
    facts = textfacts.of_speeches(rows)
    assert (facts & textfacts.PERSONAL > 0).tolist() == [False, True, False, False, False]
    assert (facts & textfacts.REPLACED > 0).tolist() == [False, False, True, False, False]
    assert (facts & textfacts.WRONG > 0).tolist() == [False, False, False, False, True]
    assert (facts & textfacts.SIGNS > 0).tolist() == [False, False, False, True, False]
    assert facts[0] == 0
    assert not (facts & textfacts.UNKNOWN).any()
    assert textfacts.of_speeches(rows.slice(0, 0)).tolist() == []


@pytest.mark.parametrize("missing", ["column", "version"])
def test_a_publish_that_looks_for_itself_makes_the_same_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    homes = [Home.find(tmp_path / n) for n in ("told", "looks")]
    made = []
    plain = personal.scanned
    for home in homes:
        written(home, BODIES)
        shard = committed(home, "s")[0]
        marks = read_marks(shard, shard.folder / MARKS)
        assert marks is not None
        assert (marks["facts"].to_numpy() < textfacts.UNKNOWN).all()
        if home is homes[1] and missing == "column":  # as a shard that an earlier program wrote
            monkeypatch.setattr("publisher.looking._facts", lambda m: np.full(len(m), textfacts.UNKNOWN, np.uint8))
        elif home is homes[1]:  # as one that was written with other rules
            monkeypatch.setattr(textfacts, "version", lambda: "other")
            marks = read_marks(shard, shard.folder / MARKS)
            assert marks is not None
            assert set(marks["facts"].to_pylist()) == {textfacts.UNKNOWN}
        looked: list[int] = []
        monkeypatch.setattr("publisher.personal.scanned", lambda t, n=looked: (n.append(len(t)), plain(t))[1])
        result = publish(home, now=NOW)
        made.append((tree(home.datasets), [g.model_dump() for g in result.gates], sum(looked)))
    assert made[0][0] == made[1][0]
    assert made[0][1] == made[1][1]
    assert made[0][2] < made[1][2]
    table = homes[0].datasets / "speeches" / "versions" / "2026-11-22.1"
    assert b"13812345678" not in b"".join(pa.OSFile(str(p)).readall() for p in table.rglob("*.parquet"))


def test_a_false_digest_in_the_records_refuses_as_ever(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    written(home, BODIES, text_sha256="0" * 64)
    with pytest.raises(RefusedError, match="without its digest"):
        publish(home, now=NOW)


def test_marks_of_an_earlier_program_tell_nothing_of_words(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    written(home, BODIES)
    shard = committed(home, "s")[0]
    path = shard.folder / MARKS
    plain = pa.ipc.open_file(path).read_all().drop_columns(["facts"]).replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, plain.schema) as out:
        out.write_table(plain)
    path.write_bytes(sink.getvalue())
    marks = read_marks(replace(shard, marks=hashlib.sha256(sink.getvalue()).hexdigest()), path)
    assert marks is not None
    assert marks["facts"].to_pylist() == [textfacts.UNKNOWN] * marks.num_rows


def as_earlier(home: Home) -> None:
    """Make the shard what a program of before 2 wrote: Parquet, without what is told of words."""
    shard = committed(home, "s")[0]
    files = {}
    for name in SCHEMAS:
        data = encode(read_table(shard, name))
        (shard.folder / f"{name}.parquet").write_bytes(data)
        files[name] = {**shard.files[name], "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        shard.path(name).unlink()
    path = pointer_path(home, "s", 0)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 1, "files": files, "marks": None}))


def test_shards_in_parquet_are_read_as_ever(tmp_path: Path) -> None:
    homes = [Home.find(tmp_path / n) for n in ("arrow", "parquet")]
    for home in homes:
        written(home, BODIES)
    rows = {n: read_records(homes[0], "s", n) for n in SCHEMAS}
    few = read_records(homes[0], "s", "speeches", ["title", "speech_id"])
    as_earlier(homes[1])
    assert committed(homes[1], "s")[0].form == "parquet"
    assert {n: read_records(homes[1], "s", n) for n in SCHEMAS} == rows
    assert read_records(homes[1], "s", "speeches", ["title", "speech_id"]) == few
    assert few.column_names == ["title", "speech_id"]
    for home in homes:
        publish(home, now=NOW)
    assert tree(homes[0].datasets) == tree(homes[1].datasets)
    # what extraction writes again is Arrow, and the same rows make no other version
    written(homes[1], BODIES)
    (shard,) = committed(homes[1], "s")
    assert shard.form == "arrow"
    assert {p.suffix for p in shard.folder.iterdir()} == {".arrow"}
    assert publish(homes[1], now=NOW + timedelta(days=1)).version is None
