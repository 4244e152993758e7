"""open_dataset: which version, which rows, what is verified, and how."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import json
import random
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jianghua
from jianghua import DamagedError, Dataset, GoneError, JianghuaError, UsageError, open_dataset
from publisher import reader, verified
from publisher.compare import diff
from publisher.finding import find
from publisher.manifest import Gone, latest_of, parse_manifest, sha256, to_json
from publisher.release import publish_records
from publisher.selection import Filters, kept, on_test_side, roots
from publisher.tables import CONTAINED, DUPLICATES, TABLES
from publisher.transfer import TransferError, Web
from publisher.verify import verify
from tests.publisher.denied import denied
from tests.publisher.publisher_made import page, records, speech, text

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Python's own file server: it knows no ranges."""

    def log_message(self, *_: Any) -> None: ...


class Ranges(Quiet):
    """A file server that knows ranges, and notes what it was asked for."""

    asked: ClassVar[list[tuple[str, str | None]]]

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append((self.path, wanted))
        path = Path(self.translate_path(self.path))
        if wanted is None or not path.is_file():
            super().do_GET()
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        data = path.read_bytes()
        part = data[int(first) : int(last) + 1 if last else None]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(folder: Path, handler: type[Quiet] = Quiet) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Packing(Quiet):
    """Packs whatever it sends, ranges too, though it was asked not to; it breaks off `cut` bytes before the end."""

    coding = "gzip"
    cut = 0

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = gzip.compress(path.read_bytes())
        wanted = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        first, last = (
            (int(wanted[0]), min(int(wanted[2] or len(data)), len(data) - 1)) if wanted[0] else (0, len(data) - 1)
        )
        self.send_response(206 if wanted[0] else 200)
        if wanted[0]:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Encoding", self.coding)
        self.send_header("Content-Length", str(last + 1 - first - self.cut))
        self.end_headers()
        self.wfile.write(data[first : last + 1 - self.cut])


class OtherPacking(Packing):
    coding = "br"


class CutPacking(Packing):
    cut = 4


def three_versions(folder: Path) -> Path:
    """Published on the 22nd, 23rd and 25th. Copies, a cluster of previews alone, and a preview in a whole."""
    rows = [speech("a", n) for n in range(12)]
    rows += [speech("b", n, text(("a", n))) for n in range(4)]
    rows += [speech("c", n, text("cut", 3), is_preview=True) for n in range(2)]
    rows += [
        speech("d", 1, text("whole", 9)),
        speech("d", 2, "\n".join(text("whole", 9).split("\n")[:4]), is_preview=True),
    ]
    publish_records(folder, records(rows), now=DAY)
    rows = [*rows[1:], speech("a", 50)]
    gone = page(speech("a", 0), "gone")
    publish_records(folder, records(rows, [gone]), now=DAY + timedelta(days=1))
    rows = [rows[0] | {"title": "另一个标题"}, *rows[1:], speech("a", 51)]
    publish_records(folder, records(rows, [gone]), now=DAY + timedelta(days=3))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return three_versions(tmp_path_factory.mktemp("home") / "datasets" / "speeches")


@pytest.fixture
def published(made: Path, tmp_path: Path) -> Path:
    """A copy of one's own, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "datasets" / "speeches", symlinks=True))


def ids(table: pa.Table) -> set[str]:
    return set(table["speech_id"].to_pylist())


# which version


def test_as_of_gives_the_version_of_the_time(made: Path, serve: Callable[..., str]) -> None:
    for root in (made, serve(made)):
        for when, version in (
            (date(2026, 11, 22), "2026-11-22.1"),
            ("2026-11-22", "2026-11-22.1"),
            ("2026-11-22T03:00:00Z", "2026-11-22.1"),
            (DAY + timedelta(days=1) - timedelta(seconds=1), "2026-11-22.1"),
            ((DAY + timedelta(days=1)).astimezone(timezone(timedelta(hours=8))), "2026-11-23.1"),
            ("2026-11-24", "2026-11-23.1"),
            ("2027-01-01T00:00:00+08:00", "2026-11-25.1"),
        ):
            assert open_dataset(root, as_of=when).version == version
        with pytest.raises(UsageError, match="nothing had been published at 2026-11-21 23:59") as caught:
            open_dataset(root, as_of="2026-11-21")
        assert "the first version is 2026-11-22.1" in str(caught.value)
        assert [v.version for v in open_dataset(root).versions()] == ["2026-11-22.1", "2026-11-23.1", "2026-11-25.1"]
    for wrong, what in (("yesterday", "no date"), (datetime(2026, 11, 22), "no time zone")):
        with pytest.raises(UsageError, match=what):
            open_dataset(made, as_of=wrong)
    with pytest.raises(UsageError, match="exclude each other"):
        open_dataset(made, version="2026-11-22.1", as_of="2026-11-22")
    with pytest.raises(UsageError, match="single version"):
        open_dataset(made / "versions" / "2026-11-22.1", as_of="2026-11-22")


@pytest.mark.parametrize("wrong", [3, 2026.1, b"2026-11-22.1", date(2026, 11, 22), ["2026-11-22.1"], True])
def test_what_is_no_name_of_a_version_is_told_so(made: Path, wrong: Any) -> None:
    told = "is no version: a version is a name like 2026-11-22.1"
    for place in (made, made / "versions" / "2026-11-22.1"):
        with pytest.raises(UsageError, match=told) as caught:
            open_dataset(place, version=wrong)
        assert repr(wrong) in str(caught.value)
    with pytest.raises(UsageError, match=told):
        open_dataset(made).changes(since=wrong)
    with pytest.raises(UsageError, match=told):
        jianghua.download(made, to=made.parent / "elsewhere", version=wrong)
    with pytest.raises(UsageError, match="unknown dtype_backend 'numpy_nullable'"):
        open_dataset(made).pandas(dtype_backend="numpy_nullable")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="20261122 is no date"):
        open_dataset(made, as_of=20261122)  # type: ignore[arg-type]


def bury(folder: Path, version: str, **columns: Any) -> Gone:
    """Remove a version as a takedown or retention does, with its tombstone."""
    path = folder / "versions" / version
    manifest = parse_manifest((path / "manifest.json").read_bytes(), "")
    gone = Gone(
        version=version, sequence=manifest.sequence, at=DAY + timedelta(days=9),
        manifest_sha256=sha256((path / "manifest.json").read_bytes()), published_at=manifest.published_at, **columns,
    )  # fmt: skip
    shutil.rmtree(path)
    (folder / "versions" / f"{version}.gone.json").write_bytes(to_json(gone))
    return gone


def list_versions(folder: Path, *gone: Gone) -> None:
    """versions.json as the publisher leaves it after a removal."""
    document = json.loads((folder / "versions.json").read_bytes())
    names = {p.name for p in (folder / "versions").iterdir()}
    document["versions"] = [v for v in document["versions"] if v["version"] in names]
    document["gone"] = [g.model_dump(mode="json") for g in gone]
    (folder / "versions.json").write_text(json.dumps(document))


def test_versions_that_are_no_more_say_why(published: Path, serve: Callable[..., str]) -> None:
    # the second is re-issued without a text: a new name, the same sequence and time of publishing
    old, new = published / "versions" / "2026-11-23.1", published / "versions" / "2026-11-23.2"
    shutil.copytree(old, new)
    manifest = parse_manifest((new / "manifest.json").read_bytes(), "").model_copy(
        update={"version": "2026-11-23.2", "reissue_of": "2026-11-23.1"}
    )
    (new / "manifest.json").write_bytes(to_json(manifest))
    sums = (new / "SHA256SUMS").read_text()
    old_sum = sha256((old / "manifest.json").read_bytes())
    (new / "SHA256SUMS").write_text(sums.replace(old_sum, sha256(to_json(manifest))))
    yanked = bury(published, "2026-11-23.1", state="yanked", reason="a private letter", replaced_by="2026-11-23.2")
    document = json.loads((published / "versions.json").read_bytes())
    document["versions"].append(
        {"version": "2026-11-23.2", "sequence": 2, "published_at": "2026-11-23T03:00:00Z", "rows": 20}
    )
    (published / "versions.json").write_text(json.dumps(document))
    list_versions(published, yanked)
    url = serve(published)
    for root in (published, url):
        with pytest.raises(GoneError, match=r"2026-11-23\.1 was taken back .* a private letter") as caught:
            open_dataset(root, version="2026-11-23.1")
        assert "use 2026-11-23.2" in str(caught.value)
        assert open_dataset(root, as_of="2026-11-24").version == "2026-11-23.2"
        assert open_dataset(root).version == "2026-11-25.1"
        listed = [(v.version, v.state) for v in open_dataset(root).versions()]
        assert listed == [
            ("2026-11-22.1", "published"),
            ("2026-11-23.1", "yanked"),
            ("2026-11-23.2", "published"),
            ("2026-11-25.1", "published"),
        ]
    # replaced once more: who asks for the first is told of the last
    shutil.copytree(new, published / "versions" / "2026-11-23.3")
    bury(published, "2026-11-23.2", state="yanked", reason="another letter", replaced_by="2026-11-23.3")
    for root in (published, url):
        with pytest.raises(GoneError, match=r"2026-11-23\.1 was taken back .* a private letter") as caught:
            open_dataset(root, version="2026-11-23.1")
        assert "use 2026-11-23.3" in str(caught.value)
    (published / "versions" / "2026-11-23.3").rename(new)
    (published / "versions" / "2026-11-23.2.gone.json").unlink()
    # the first goes by retention: there is nothing as old any more
    retired = bury(published, "2026-11-22.1", state="retired", reason="older than a month")
    list_versions(published, yanked, retired)
    for root in (published, url):
        with pytest.raises(GoneError, match="is no longer kept"):
            open_dataset(root, version="2026-11-22.1")
        with pytest.raises(UsageError, match="the latest at 2026-11-22 23:59:59 UTC, is gone") as told:
            open_dataset(root, as_of="2026-11-22")
        assert "the oldest that is still there is 2026-11-23.2" in str(told.value)


def test_a_server_that_packs_files_unasked_is_read_all_the_same(
    published: Path, serve: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified, "RANGES_FROM", 0)
    url = serve(published, Packing)
    want = open_dataset(published)
    assert open_dataset(url).arrow().equals(want.arrow())
    assert open_dataset(url).arrow(columns=["speech_id"]).equals(want.arrow(columns=["speech_id"]))
    assert open_dataset(url, as_of="2026-11-24").version == "2026-11-23.1"
    part = max((published / "versions" / "2026-11-25.1" / "speeches").iterdir(), key=lambda p: p.stat().st_size)
    half = tmp_path / "to" / "versions" / ".downloading-2026-11-25.1" / "speeches" / part.name
    half.parent.mkdir(parents=True)
    half.with_name(f"{half.name}.partial").write_bytes(part.read_bytes()[:100])
    jianghua.download(url, to=tmp_path / "to")
    assert open_dataset(tmp_path / "to").arrow().equals(want.arrow())
    with pytest.raises(TransferError, match=r"the server packs the file \(br\)"):
        open_dataset(serve(published, OtherPacking))
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(TransferError, match="breaks off before its end"):
        open_dataset(serve(published, CutPacking))


def test_a_folder_that_was_not_committed_is_no_version(published: Path) -> None:
    shutil.copytree(published / "versions" / "2026-11-25.1", published / "versions" / "2026-11-26.1")
    path = published / "versions" / "2026-11-26.1" / "manifest.json"
    manifest = parse_manifest(path.read_bytes(), "")
    path.write_bytes(to_json(manifest.model_copy(update={"version": "2026-11-26.1", "sequence": 4})))
    assert open_dataset(published, as_of="2030-01-01").version == "2026-11-25.1"
    assert [v.sequence for v in open_dataset(published).versions()] == [1, 2, 3]


def test_changes_since_an_older_version(published: Path, serve: Callable[..., str]) -> None:
    for root in (published, serve(published)):
        ds = open_dataset(root)
        whole = ds.changes(since="2026-11-22.1")
        assert whole["version"].unique().to_pylist() == ["2026-11-23.1", "2026-11-25.1"]
        wanted = [
            pq.read_table(published / "versions" / v / "changes.parquet") for v in whole["version"].unique().to_pylist()
        ]
        assert whole.drop_columns("version").to_pylist() == pa.concat_tables(wanted).to_pylist()
        assert ds.changes().drop_columns("version").to_pylist() == wanted[1].to_pylist()
        assert ds.changes(since=ds.version).num_rows == 0
        with pytest.raises(UsageError, match="newer"):
            open_dataset(root, version="2026-11-22.1").changes(since="2026-11-23.1")
    bury(published, "2026-11-23.1", state="retired", reason="one a month")
    rows = open_dataset(published).changes(since="2026-11-22.1")
    assert set(rows["version"].to_pylist()) == {"2026-11-25.1"}
    assert rows.drop_columns("version").to_pylist() == diff(published, "2026-11-22.1", "2026-11-25.1").rows.to_pylist()
    path = published / "versions" / "2026-11-25.1" / "changes.parquet"
    data = path.read_bytes()
    path.unlink()  # its own copy: the file is linked to no other
    path.write_bytes(data[:300] + bytes([data[300] ^ 1]) + data[301:])
    with pytest.raises(DamagedError, match="changes"):
        open_dataset(published).changes()


# which rows


def test_one_copy_of_each_and_whole_texts(made: Path) -> None:
    every = {r["speech_id"]: r for r in open_dataset(made).arrow().to_pylist()}
    clusters: dict[str, list[dict[str, Any]]] = {}
    for r in open_dataset(made).arrow("duplicates").to_pylist():
        clusters.setdefault(r["cluster_id"], []).append(r)
    assert len(clusters) == 4  # one of them of previews alone
    one = ids(open_dataset(made, dedupe=True).arrow())
    for members in clusters.values():
        assert [m["speech_id"] for m in members if m["speech_id"] in one] == [
            m["speech_id"] for m in members if m["is_representative"]
        ]
    assert len(one) == len(every) - sum(len(m) - 1 for m in clusters.values())
    whole = open_dataset(made, previews=False).arrow()
    assert ids(whole) == {i for i, r in every.items() if not r["is_preview"]}
    assert whole.num_rows == len(every) - 3
    assert ids(open_dataset(made, dedupe=True, previews=False).arrow()) == one & ids(whole)
    both = open_dataset(made, dedupe=True, previews=False)
    for table in ("duplicates", "contained", "provenance"):
        assert ids(both.arrow(table)) <= ids(both.arrow())
    assert both.arrow("provenance").num_rows == both.arrow().num_rows
    assert open_dataset(made).arrow("contained").num_rows == 1
    assert both.arrow("contained").num_rows == 0  # the shorter one is the preview
    for table in ("pages", "removed"):
        assert both.arrow(table).equals(open_dataset(made).arrow(table))


def test_every_way_of_reading_gives_the_rows_that_pass(made: Path, serve: Callable[..., str]) -> None:
    import polars

    for root in (made, serve(made)):
        ds = open_dataset(root, dedupe=True, previews=False, split="train", test_share=0.3)
        assert 0 < ds.arrow().num_rows < open_dataset(made, dedupe=True, previews=False).arrow().num_rows
        for table in TABLES:
            wanted = ds.arrow(table)
            assert ds.polars(table).to_arrow().num_rows == wanted.num_rows
            assert len(ds.pandas(table)) == wanted.num_rows
            assert ds.scan(table).collect().equals(polars.from_arrow(wanted))  # type: ignore[arg-type]
            assert ds.duckdb().sql(f"SELECT * FROM {table}").to_arrow_table().num_rows == wanted.num_rows
            batches = list(ds.batches(table, rows=3))
            assert max(b.num_rows for b in batches) <= 3 if batches else not wanted.num_rows
            assert pa.Table.from_batches(batches, wanted.schema).equals(wanted)
            assert ds.hf(table).num_rows == wanted.num_rows
        names = ["title", "chars"]
        assert ds.arrow(columns=names).equals(ds.arrow().select(names))
        assert ds.duckdb().sql("SHOW TABLES").fetchall() == [(t,) for t in sorted(TABLES)]


speech_rows = st.lists(
    st.fixed_dictionaries(
        {"cluster": st.sampled_from(["", "x", "y"]), "preview": st.booleans(), "chars": st.integers(1, 3)}
    ),
    max_size=12,
)
split_of: Callable[..., Filters] = Filters


@settings(max_examples=60, deadline=None)
@given(speech_rows, st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=4), st.floats(0, 1))
def test_filters_keep_what_they_say(rows: list[dict[str, Any]], inside: list[tuple[int, int]], share: float) -> None:
    names = [f"s{n:02}" for n in range(len(rows))]
    inside = [(i, j) for i, j in inside if i != j and max(i, j) < len(rows)]
    speeches = pa.table(
        {
            "speech_id": pa.array(names, pa.string()),
            "is_preview": pa.array([r["preview"] for r in rows], pa.bool_()),
            "chars": pa.array([r["chars"] for r in rows], pa.int32()),
            "published_at": pa.array([None] * len(rows), pa.timestamp("ms", "UTC")),
        }
    )
    clusters = {c: [n for n, r in zip(names, rows, strict=True) if r["cluster"] == c] for c in ("x", "y")}
    best = {c: min(m, key=lambda n: (rows[names.index(n)]["preview"], n)) for c, m in clusters.items() if m}
    duplicates = pa.Table.from_pylist(
        [
            {"speech_id": n, "cluster_id": c, "is_representative": best[c] == n, "jaccard": 1.0, "reason": "near"}
            for c, m in clusters.items()
            for n in m
        ],
        schema=DUPLICATES.schema,
    )
    contained = pa.Table.from_pylist(
        [{"speech_id": names[i], "container_id": names[j], "share": 1.0} for i, j in inside], schema=CONTAINED.schema
    )

    def chosen(**filters: Any) -> set[str]:
        return set(kept(speeches, duplicates, contained, split_of(**filters)).to_pylist())

    train, test = (chosen(split=s, test_share=share) for s in ("train", "test"))
    assert train | test == set(names)
    assert not train & test
    for tied in (*clusters.values(), *([names[i], names[j]] for i, j in inside)):
        assert set(tied) <= train or set(tied) <= test
    whole = {n for n, r in zip(names, rows, strict=True) if not r["preview"]}
    assert chosen(previews=False) == whole
    for allowed, found in ((set(names), chosen(dedupe=True)), (whole, chosen(dedupe=True, previews=False))):
        for c in ("x", "y"):
            there = set(clusters[c]) & allowed
            assert len(set(clusters[c]) & found) == (1 if there else 0)
        assert {n for n, r in zip(names, rows, strict=True) if n in allowed and not r["cluster"]} <= found <= allowed
    assert chosen(dedupe=True) >= set(best.values())
    # filters do not lean on each other: what is kept with both is what is kept of the rows of the side
    assert chosen(dedupe=True, split="test", test_share=share) == chosen(dedupe=True) & test


def test_a_cluster_whose_representative_is_cut_keeps_its_longest_whole_text() -> None:
    speeches = pa.table(
        {
            "speech_id": ["a", "b", "c"],
            "is_preview": [True, False, False],
            "chars": pa.array([900, 400, 500], pa.int32()),
            "published_at": pa.array([None, 1, 2], pa.timestamp("ms", "UTC")),
        }
    )
    duplicates = pa.table(
        {"speech_id": ["a", "b", "c"], "cluster_id": ["x"] * 3, "is_representative": [True, False, False]}
    )
    none = CONTAINED.schema.empty_table()
    assert kept(speeches, duplicates, none, Filters(dedupe=True)).to_pylist() == ["a"]
    assert kept(speeches, duplicates, none, Filters(dedupe=True, previews=False)).to_pylist() == ["c"]


def test_the_split_is_stable(made: Path) -> None:
    sides: dict[str, bool] = {}
    for version in ("2026-11-22.1", "2026-11-23.1", "2026-11-25.1"):
        test = ids(open_dataset(made, version=version, split="test", test_share=0.4).arrow())
        every = ids(open_dataset(made, version=version).arrow())
        assert 0 < len(test) < len(every)
        for i in every - {speech("b", 0)["speech_id"]}:  # whose original left
            assert sides.setdefault(i, i in test) == (i in test)
    assert test <= ids(open_dataset(made, split="test", test_share=0.7).arrow())
    shares = [on_test_side(f"speech {n}", 0.1) for n in range(4000)]
    assert 0.08 < sum(shares) / len(shares) < 0.12
    # the rule, as the docs tell it
    number = int(hashlib.sha256(b"speech 7").hexdigest()[:16], 16)
    assert on_test_side("speech 7", 0.1) == (number / 2**64 < 0.1)
    # a copy that comes later, with a greater id, moves nothing
    pair = pa.table({"speech_id": ["a", "b"], "cluster_id": ["x", "x"]})
    assert roots(pair, CONTAINED.schema.empty_table()) == {"a": "a", "b": "a"}


def test_wrong_filters_are_told(made: Path) -> None:
    with pytest.raises(UsageError, match="unknown split 'dev'"):
        open_dataset(made, split="dev")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="test_share is 2"):
        open_dataset(made, split="test", test_share=2)
    with pytest.raises(UsageError, match=r"test_share is '0\.1'"):
        open_dataset(made, split="test", test_share="0.1")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="dedupe is 'no'"):
        open_dataset(made, dedupe="no")  # type: ignore[arg-type]


def test_columns_say_what_they_mean(made: Path) -> None:
    for table, published in TABLES.items():
        assert open_dataset(made).columns(table) == published.columns
    first = jianghua.open_dataset(made).columns()[0]
    assert (first.name, first.type) == ("speech_id", pa.string())
    assert "stable id" in first.description


# what is verified


def flip(path: Path, at: int) -> None:
    data = path.read_bytes()
    path.unlink()  # the store's file, hard-linked, stays as it is
    path.write_bytes(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :])


READS: dict[str, Callable[[jianghua.Dataset], Any]] = {
    "arrow": lambda d: d.arrow(),
    "columns": lambda d: d.arrow(columns=["title"]),
    "batches": lambda d: list(d.batches()),
    "pandas": lambda d: d.pandas(),
    "polars": lambda d: d.polars(),
    "scan": lambda d: d.scan(),
    "duckdb": lambda d: d.duckdb(),
    "hf": lambda d: d.hf(),
    "filters": lambda d: open_dataset(d._source.where, previews=False).arrow("provenance"),
}


@pytest.mark.parametrize("read", list(READS))
def test_a_damaged_file_is_never_handed_over(published: Path, read: str) -> None:
    path = next((published / "versions" / "2026-11-25.1" / "speeches").iterdir())
    flip(path, path.stat().st_size - 40)  # in the footer, which no page checksum covers
    with pytest.raises(DamagedError, match=path.name):
        READS[read](open_dataset(published))


def test_a_damaged_manifest_of_an_older_version_is_found(published: Path) -> None:
    path = published / "versions" / "2026-11-22.1" / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"held": 0', b'"held": 1'))
    with pytest.raises(DamagedError, match="SHA-256"):
        open_dataset(published, version="2026-11-22.1")
    with pytest.raises(DamagedError, match="SHA-256"):
        open_dataset(path.parent)
    assert open_dataset(published, version="2026-11-22.1", verify=False).manifest.held == 1


def test_without_verifying_pages_are_still_checked(published: Path) -> None:
    path = next((published / "versions" / "2026-11-25.1" / "speeches").iterdir())
    group = pq.ParquetFile(path).metadata.row_group(0)
    column = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "text")
    flip(path, column.data_page_offset + column.total_compressed_size // 2)
    ds = open_dataset(published, verify=False)
    with pytest.raises(DamagedError, match=path.name):
        ds.arrow()
    assert ds.arrow(columns=["title", "speech_id"]).num_rows > 0  # that column is as it was


def test_columns_over_http_are_read_by_ranges(
    made: Path, serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified, "RANGES_FROM", 1)

    class Noting(Ranges):
        asked: ClassVar = []

    url = serve(made, Noting)
    names = ["views", "speech_id"]
    wanted = open_dataset(made).arrow(columns=names)
    assert open_dataset(url).arrow(columns=names).equals(wanted)
    parts = [w for p, w in Noting.asked if p.endswith(".parquet")]
    assert parts
    assert None not in parts
    for ds in (open_dataset(url, verify=True), open_dataset(serve(made))):  # told to verify; a server of whole files
        Noting.asked.clear()
        assert ds.arrow(columns=names).equals(wanted)
        assert not [w for p, w in Noting.asked if w]


def test_errors_of_servers_are_told(
    published: Path, serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)

    class Flaky(Quiet):
        failures = 2

        def do_GET(self) -> None:
            if Flaky.failures:
                Flaky.failures -= 1
                self.send_error(503)
            else:
                super().do_GET()

    url = serve(published, Flaky)
    assert open_dataset(url).arrow().num_rows
    Flaky.failures = 100
    with pytest.raises(JianghuaError, match="503"):
        open_dataset(url)

    class Short(Quiet):
        def copyfile(self, source: Any, outputfile: Any) -> None:
            outputfile.write(source.read()[:-7])

    with pytest.raises(JianghuaError, match=re.compile("cannot reach|breaks off")):
        open_dataset(serve(published, Short))


def test_single_flipped_bits_are_never_handed_over(published: Path) -> None:
    """150 of them, each in another place of the files that are read: the manifest or a part."""
    version = published / "versions" / "2026-11-25.1"
    paths = [version / "manifest.json", *sorted(version.glob("*/*.parquet"))]
    rng = random.Random("flips")
    for n in range(150):
        path = paths[n % len(paths)]
        data = path.read_bytes()
        at, bit = rng.randrange(len(data)), rng.randrange(8)
        path.unlink()  # the store's file, hard-linked, stays as it is
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        table = "speeches" if path.parent == version else path.parent.name
        read = (Dataset.arrow, Dataset.scan, lambda d, t: list(d.batches(t)))[n % 3]
        with pytest.raises(DamagedError, match=path.name):
            read(open_dataset(published), table)
        path.write_bytes(data)
    assert open_dataset(published).arrow().num_rows


def test_a_latest_that_has_just_gone_is_asked_for_again(published: Path, serve: Callable[..., str]) -> None:
    """latest.json was read, then its version was taken down and re-issued, then its manifest was asked for."""
    stale = (published / "versions" / "2026-11-23.1" / "manifest.json").read_bytes()
    old = latest_of(parse_manifest(stale, ""), sha256(stale))
    bury(published, "2026-11-23.1", state="yanked", reason="a letter", replaced_by="2026-11-25.1")

    class Stale(Quiet):
        answers: ClassVar = [to_json(old)]

        def do_GET(self) -> None:
            if self.path == "/latest.json" and self.answers:
                data = self.answers.pop()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            else:
                super().do_GET()

    url = serve(published, Stale)
    reader.locate(url)  # asks once whether there is a dataset
    Stale.answers.append(to_json(old))
    assert find(Web(url))[0].version == "2026-11-25.1"
    assert not Stale.answers


def test_times_at_the_ends_of_the_calendar(made: Path) -> None:
    for hours in (-5, 5):
        zone = timezone(timedelta(hours=hours))
        assert open_dataset(made, as_of=datetime.max.replace(tzinfo=zone)).version == "2026-11-25.1"
        assert diff(made, "2026-11-22.1", "9999-12-31T23:59:59-05:00").summary["version"] == "2026-11-25.1"
        with pytest.raises(UsageError, match="nothing had been published"):
            open_dataset(made, as_of=datetime.min.replace(tzinfo=zone))


def test_a_time_is_told_to_changes_as_to_the_reader(made: Path) -> None:
    assert diff(made, "2026-11-22 23:00+08:00", "latest").summary["parent"] == "2026-11-22.1"


@pytest.mark.parametrize("folder", ["数据 集", "a%41", "it's=1 [x] (2)"])
def test_addresses_as_people_write_them(made: Path, serve: Callable[..., str], tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).symlink_to(made)
    url = serve(tmp_path)
    asked = folder.replace("%", "%25")  # what is escaped already is left as it is
    assert open_dataset(f"{url}/{asked}").arrow().equals(open_dataset(made).arrow())
    assert open_dataset(f"{url.upper().replace('HTTP', 'Http')}/{asked}").version == "2026-11-25.1"


@pytest.mark.parametrize("address", ["http://", "https:///x", "http://[::1/x", "http://h/a\nb"])
def test_what_is_no_address_is_told_so(address: str) -> None:
    with pytest.raises(UsageError, match="this is no address"):
        open_dataset(address)


@pytest.mark.parametrize("place", ["~nobody-of-this-name/x", "a" * 5000, "a/" * 3000])
def test_what_can_be_no_folder_is_told(place: str) -> None:
    with pytest.raises(JianghuaError, match=r"no published dataset here|cannot read: File name too long"):
        open_dataset(place)


class Moody(Ranges):
    """The first range is given, none after it: two servers behind one address, of which one knows none."""

    def do_GET(self) -> None:
        if self.headers.get("Range") and any(r for _, r in self.asked):
            del self.headers["Range"]
        super().do_GET()


def test_a_server_that_gives_ranges_once_is_sent_for_whole_files(
    made: Path, serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified, "RANGES_FROM", 1)
    Moody.asked = []
    found = open_dataset(serve(made, Moody)).arrow(columns=["title", "chars"])
    assert found.equals(open_dataset(made).arrow(columns=["title", "chars"]))
    assert [r for _, r in Moody.asked if r] == ["bytes=0-3"]


class Guarded(Quiet):
    """What is not there is forbidden, as object storage answers that nobody may list."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        super().send_error(403 if code == 404 else code, message, explain)


def test_a_server_that_forbids_what_is_not_there(made: Path, serve: Callable[..., str], tmp_path: Path) -> None:
    url = serve(made.parent.parent, Guarded)
    assert open_dataset(url).version == open_dataset(f"{url}/datasets/speeches").version == "2026-11-25.1"
    assert open_dataset(f"{url}/datasets/speeches/versions/2026-11-22.1").version == "2026-11-22.1"
    with pytest.raises(JianghuaError, match="403"):
        open_dataset(f"{url}/datasets/speeches/versions")


@pytest.mark.parametrize(
    ("key", "value"),
    [("version", "../../../x"), ("version", "2026-11-22.1"), ("dataset", "../x"), ("dataset", "/etc"), ("dataset", "")],
)
def test_a_manifest_of_another_name_is_not_taken(published: Path, tmp_path: Path, key: str, value: str) -> None:
    """A server is not to decide where a download is written."""
    place = published / "versions" / "2026-11-25.1"
    manifest = json.loads((place / "manifest.json").read_bytes()) | {key: value}
    data = json.dumps(manifest).encode()
    (place / "manifest.json").write_bytes(data)
    sums = (place / "SHA256SUMS").read_text().splitlines()
    told = [f"{sha256(data)}  manifest.json" if line.endswith("  manifest.json") else line for line in sums]
    (place / "SHA256SUMS").write_text("\n".join(told) + "\n")
    latest = json.loads((published / "latest.json").read_bytes()) | {"manifest_sha256": sha256(data)}
    (published / "latest.json").write_text(json.dumps(latest))
    for ask in (open_dataset, partial(jianghua.download, to=tmp_path / "to")):
        with pytest.raises(DamagedError, match="the manifest is of "):
            ask(published)
    assert not (tmp_path / "to").exists()


def test_strings_where_lists_belong_and_batches_of_nothing(made: Path, tmp_path: Path) -> None:
    dataset = open_dataset(made)
    with pytest.raises(UsageError, match="columns is one string"):
        dataset.arrow(columns="title")
    with pytest.raises(UsageError, match="tables is one string"):
        jianghua.download(made, tmp_path / "to", tables="speeches")
    with pytest.raises(UsageError, match="rows is 0"):
        next(dataset.batches(rows=0))
    with pytest.raises(UsageError, match="rows is '5'"):
        next(dataset.batches(rows="5"))  # type: ignore[arg-type]


@pytest.mark.parametrize("where", [".", "versions", "versions/2026-11-25.1", "versions/2026-11-25.1/speeches"])
def test_what_may_not_be_read_is_told(published: Path, tmp_path: Path, where: str) -> None:
    every: list[Callable[[], object]] = [
        lambda: open_dataset(published).arrow(),
        lambda: open_dataset(published).scan(),
        lambda: open_dataset(published, verify=False).arrow(),
        lambda: jianghua.download(published, tmp_path / "to"),
        lambda: verify(published),
    ]
    if not where.endswith("speeches"):  # changes are read from the store
        every.append(lambda: diff(published, "2026-11-22.1", "latest"))
    for ask in every:
        ask()  # loads what it needs
    shutil.rmtree(tmp_path / "to")
    for ask in every:
        with denied(published / where), pytest.raises(JianghuaError, match="cannot read: Permission denied") as caught:
            ask()
        assert "that you may read it" in str(caught.value)  # it is not damaged, and no copy is to be fetched


@pytest.mark.parametrize("data", [None, b"", b"[]", b"{}", b"[" * 100_000, "zone", "name", "key"])
def test_without_its_list_a_dataset_on_the_web_names_no_wrong_version(
    published: Path, serve: Callable[..., str], data: bytes | str | None
) -> None:
    path = published / "versions.json"
    whole = path.read_bytes()
    wrong = {
        "zone": (b'Z"', b'"'),
        "name": (b"2026-11-22.1", b"2026-11-22,1"),
        "key": (b"published_at", b"publishde_at"),
    }
    path.unlink() if data is None else path.write_bytes(whole.replace(*wrong[data]) if isinstance(data, str) else data)
    url = serve(published)
    assert open_dataset(url).version == open_dataset(url, as_of="2026-11-26").version == "2026-11-25.1"
    assert open_dataset(url, version="2026-11-22.1").version == "2026-11-22.1"
    with pytest.raises(DamagedError, match=r"versions\.json"):
        open_dataset(url, as_of="2026-11-22")
    with pytest.raises(DamagedError, match=r"versions\.json"):
        open_dataset(url).versions()
    with pytest.raises(UsageError, match="unknown version"):
        open_dataset(url, version="2026-11-30.1")


def test_a_list_with_another_time_than_the_manifest_is_found(published: Path, serve: Callable[..., str]) -> None:
    path = published / "versions.json"
    path.write_bytes(path.read_bytes().replace(b"2026-11-23T", b"2026-11-22T"))
    with pytest.raises(DamagedError, match="another time than its manifest"):
        open_dataset(serve(published), as_of="2026-11-22T10:00:00Z")


@pytest.mark.parametrize("version", ["2026-11-22.1", "2026-11-25.1", None])
def test_a_version_without_its_manifest_is_damaged_and_not_unknown(
    published: Path, serve: Callable[..., str], version: str | None
) -> None:
    (published / "versions" / (version or "2026-11-25.1") / "manifest.json").unlink()
    for where in (published, serve(published)):
        with pytest.raises(DamagedError, match=f"version {version or '2026-11-25.1'} has no manifest.json"):
            open_dataset(where, version=version)


def test_an_unknown_column_of_a_newer_schema_names_those_there_are(published: Path) -> None:
    place = published / "versions" / "2026-11-25.1" / "manifest.json"
    data = json.dumps(json.loads(place.read_bytes()) | {"schema_version": "9.0.0"}).encode()
    place.write_bytes(data)
    latest = json.loads((published / "latest.json").read_bytes()) | {"manifest_sha256": sha256(data)}
    (published / "latest.json").write_text(json.dumps(latest))
    dataset = open_dataset(published)
    assert dataset.arrow(columns=["title"]).column_names == ["title"]
    with pytest.raises(UsageError, match="unknown column 'nosuch'") as caught:
        dataset.arrow(columns=["title", "nosuch"])
    assert "speech_id, page_url" in str(caught.value)
