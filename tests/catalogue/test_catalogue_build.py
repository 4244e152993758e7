"""The files of the catalogue: what is in them, what a second build does, and what readers see meanwhile."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
import zlib
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import catalogue.build as building
from catalogue.build import build, static_files
from catalogue.cli import app
from catalogue.packs import Pack
from catalogue.terms import fold, id_key, key_pack, term_pack, url_key
from crawler.errors import DamagedError, UsageError
from crawler.takedowns import Entry, Takedown
from publisher.reader import open_dataset
from publisher.recipe import Recipe
from publisher.release import publish_records
from tests.catalogue.catalogue_made import DAY, HOSTILE, publish, rows
from tests.publisher.publisher_made import records


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions, and the catalogue of them."""
    folder = tmp_path_factory.mktemp("catalogue")
    publish(folder, count=120)
    build(folder)
    return folder


@pytest.fixture
def own(datasets: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    shutil.copytree(datasets, tmp_path / "datasets", symlinks=True)
    return tmp_path / "datasets"


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "catalogue/catalogue.json").read_bytes())
    return found


def line(folder: Path, name: str = "speeches") -> dict[str, Any]:
    return next(d for d in document(folder)["datasets"] if d["dataset"] == name)


def data(folder: Path, kind: str, name: str = "speeches") -> Any:
    return json.loads((folder / "catalogue/data" / name / line(folder, name)["files"][kind]).read_bytes())


def frames(folder: Path, index: dict[str, Any], name: str = "speeches") -> list[bytes]:
    content = (folder / "catalogue/data" / name / index["file"]).read_bytes()
    assert len(content) == index["bytes"] == sum(index["frames"])
    return _frames(content, index["frames"])


def _frames(content: bytes, lengths: Any) -> list[bytes]:
    out, at = [], 0
    for n in lengths:
        raw = content[at : at + n]
        out.append(pa.input_stream(pa.BufferReader(raw), compression="zstd").read())
        at += n
    return out


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        p.relative_to(folder).as_posix(): (p.read_bytes(), p.stat().st_mtime_ns)
        for p in (folder / "catalogue").rglob("*")
        if p.is_file()
    }


def test_the_page_names_files_that_are_there(datasets: Path) -> None:
    page = (datasets / "index.html").read_text()
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(named) >= 4
    for path in named:
        assert (datasets / path).is_file(), path
    assert "{app}" not in page
    for path, content in static_files().items():
        if path != "index.html":
            assert (datasets / "catalogue" / document(datasets)["app"] / path).read_bytes() == content


def test_every_file_of_data_is_named_by_what_it_holds(datasets: Path) -> None:
    folder = datasets / "catalogue/data/speeches"
    names = building._named(line(datasets)["files"])
    assert sorted(names) == sorted(p.name for p in folder.iterdir())
    for name in names:
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert name.split("-")[1].startswith(digest[:24])


def test_cards_lead_to_the_rows_of_the_parts(datasets: Path) -> None:
    browse = data(datasets, "browse")
    version = open_dataset(datasets / "speeches")
    table = version.arrow(
        columns=["speech_id", "title", "part_title", "chars", "is_preview", "region", "topics", "site"]
    )
    wanted = {r["speech_id"]: r for r in table.to_pylist()}
    facets = {f["name"]: f["values"] for f in browse["facets"] if "values" in f}
    cards = [json.loads(f) for f in frames(datasets, browse["packs"]["cards"])]
    seen, days = [], []
    parts = [
        pa.parquet.read_table(datasets / "speeches/tables/speeches" / name, columns=["speech_id"])["speech_id"]
        for name, _ in browse["parts"]["speeches"]
    ]
    origins = [
        pa.parquet.read_table(datasets / "speeches/tables/provenance" / name, columns=["speech_id"])["speech_id"]
        for name, _ in browse["parts"]["provenance"]
    ]
    for card in cards:
        for i, speech_id in enumerate(card["i"]):
            row = wanted[speech_id]
            seen.append(speech_id)
            days.append(card["d"][i])
            assert card["t"][i] == row["title"]
            assert card["n"][i] == row["chars"]
            assert bool(card["m"][i] & 1) == row["is_preview"]
            assert card["r"][i] == row["region"]
            assert card["o"][i] == row["topics"]
            assert facets["site"][card["s"][i]] == row["site"]
            assert parts[card["p"][i]][card["q"][i]].as_py() == speech_id
            part, offset = card["v"][i]
            assert origins[part][offset].as_py() == speech_id
            assert card["f"][i] > 1.7e9
    assert sorted(seen) == sorted(wanted)
    assert days == sorted(days)


def test_clusters_and_relations_are_those_of_the_tables(datasets: Path) -> None:
    browse = data(datasets, "browse")
    cards = [json.loads(f) for f in frames(datasets, browse["packs"]["cards"])]
    ids = [i for c in cards for i in c["i"]]
    clusters = [c for f in frames(datasets, browse["packs"]["clusters"]) for c in json.loads(f)]
    found = {frozenset(ids[m[0]] for m in c) for c in clusters}
    version = open_dataset(datasets / "speeches")
    by: dict[str, set[str]] = {}
    for r in version.arrow("duplicates").to_pylist():
        by.setdefault(r["cluster_id"], set()).add(r["speech_id"])
    assert len(by) > 2
    assert found == {frozenset(v) for v in by.values()}
    assert all(c[0][3] == 1 and [m[3] for m in c].count(1) == 1 for c in clusters)
    inside = {
        (card["i"][int(i)], ids[row]) for card in cards for i, held in card.get("in", {}).items() for row, _ in held
    }
    assert inside == {(r["speech_id"], r["container_id"]) for r in version.arrow("contained").to_pylist()}


def test_facet_columns_agree_with_the_cards(datasets: Path) -> None:
    browse = data(datasets, "browse")
    cards = [json.loads(f) for f in frames(datasets, browse["packs"]["cards"])]
    opened = frames(datasets, browse["packs"]["facets"])
    for facet, content in zip(browse["facets"], opened, strict=False):
        column = np.frombuffer(content, f"<u{facet['width']}").tolist()
        key = {"site": "s", "kind": "k", "level": "l", "region": "r", "topic": "o", "marks": "m"}[facet["name"]]
        shown = [v for c in cards for v in c[key]]
        if facet["name"] == "marks":
            assert column == shown
            continue
        values, counts = json.loads(opened[facet["more"]]) if "more" in facet else (facet["values"], facet["counts"])
        assert len(values) == facet["n"]
        assert [values[c] for c in column] == shown if key in "ro" else column == shown
        assert counts == [column.count(i) for i in range(len(values))]
        if facet["name"] == "topic":
            assert dict(facet["topics"]) == Counter(t for topics in shown for t in topics)
    assert any("more" in f for f in browse["facets"])
    assert sum(n for _, _, n in browse["years"]) == browse["rows"]
    years = [y for y, start, n in browse["years"] for _ in range(n)]
    days = [d for c in cards for d in c["d"]]
    assert years == [int(str(np.datetime64(d, "D"))[:4]) for d in days]


def test_figures_add_up(datasets: Path) -> None:
    figures = data(datasets, "figures")
    n = figures["rows"]
    assert sum(m[1] for m in figures["months"]) + figures["undated"] == n
    assert sum(m[2] for m in figures["months"]) <= figures["previews"]
    assert sum(x[2] for x in figures["lengths"]) == n
    for facet in ("site", "kind", "level"):
        assert sum(c for _, c in figures["by"][facet]) == n


def rows_of(pack: Pack, term: str) -> list[int]:
    """The rows of a term, as the browser reads them."""
    content = _frames(pack.data, pack.frames)[zlib.crc32(term.encode()) & (len(pack.frames) - 1)]
    terms, total = np.frombuffer(content, "<u4", 2).tolist()
    first, second, counts = np.frombuffer(content, "<u4", 3 * terms, 8).reshape(3, -1).astype(int)
    planes = np.frombuffer(content, np.uint8, 4 * total, 8 + 12 * terms).reshape(4, -1).astype(np.int64)
    gaps = (planes * np.array([[1], [1 << 8], [1 << 16], [1 << 24]])).sum(axis=0)
    for t in range(terms):
        if (first[t], second[t]) == (ord(term[0]), ord(term[1]) if len(term) > 1 else 0):
            start = int(counts[:t].sum())
            return [int(r) for r in np.cumsum(gaps[start : start + counts[t]])]
    return []


_TITLES = st.lists(st.text(alphabet="在会議议讲話话 Aａ1２😀", max_size=8), min_size=1, max_size=30)


@settings(deadline=None)
@given(_TITLES)
def test_every_term_has_just_the_rows_whose_title_has_it(titles: list[str]) -> None:
    pack = term_pack(titles)
    folded = [fold(t) for t in titles]
    terms = {f[i : i + n] for f in folded for n in (1, 2) for i in range(len(f) - n + 1)} | {"没有", "议会"}
    for term in terms:
        assert rows_of(pack, term) == [i for i, f in enumerate(folded) if term in f]


def test_terms_spread_over_frames_and_are_still_found() -> None:
    titles = [f"在第{n}次会议上的讲话{chr(0x4E00 + n % 5000)}" for n in range(12_000)]
    pack = term_pack(titles)
    assert len(pack.frames) > 4
    for term in ("会议", "在", chr(0x4E00 + 77), "第7"):
        assert rows_of(pack, term) == [i for i, t in enumerate(titles) if term in t]


@given(st.text(max_size=20))
def test_folding_twice_changes_nothing(text: str) -> None:
    folded = fold(text)
    assert " " not in folded
    assert fold("全國人民代表大會ＡＢ") == fold("全国人民代表大会ab")


def test_keys_find_ids_and_addresses() -> None:
    ids = [f"site:{hashlib.sha256(str(n).encode()).hexdigest()[:20]}" for n in range(9000)]
    urls = [f"http://a.example/{n}.html" for n in range(9000)]
    pack = key_pack(ids, urls)
    assert len(pack.frames) > 2
    opened = _frames(pack.data, pack.frames)
    for n in (0, 17, 8999):
        for key in (id_key(ids[n]), url_key(urls[n]), url_key(f"https://a.example/{n}.html/")):
            crc = zlib.crc32(key.encode())
            crcs, found = np.frombuffer(opened[crc & (len(opened) - 1)], "<u4").reshape(2, -1)
            assert n in found[crcs == crc]


def test_a_second_build_writes_nothing(own: Path) -> None:
    before = state(own)
    result = build(own)
    assert (result.made, result.kept, result.written, result.removed) == ([], ["speeches"], 0, 0)
    assert state(own) == before


def test_a_new_version_replaces_the_data_and_leaves_the_program(own: Path) -> None:
    before = state(own)
    old = line(own)
    assert publish_records(own / "speeches", records(rows(125)), now=DAY.replace(day=25)).version
    result = build(own)
    assert result.made == ["speeches"]
    new = line(own)
    assert new["version"] == "2026-11-25.1"
    after = state(own)
    assert [p for p in after if "/app-" in p] == [p for p in before if "/app-" in p]
    assert all(after[p] == before[p] for p in after if "/app-" in p)
    gone = set(building._named(old["files"])) - set(building._named(new["files"]))
    assert len(gone) > 5
    assert not any((own / "catalogue/data/speeches" / n).exists() for n in gone)
    # fold did not change, and was not written again
    fold_file = f"catalogue/data/speeches/{new['files']['fold']}"
    assert after[fold_file] == before[fold_file]
    # nothing of the speeches that left is in any file: their titles are shown where the version tells what left
    texts = b"".join(v[0] for p, v in after.items() if p.endswith(".json"))
    assert b"window.broken" in texts  # a removed one, by the changes of this version
    history = data(own, "history")
    assert history["versions"][0]["removed"] == 4
    assert {e["title"] for e in history["versions"][0]["examples"]["removed"]} <= set(HOSTILE)


def test_a_text_that_was_taken_down_is_in_no_file(own: Path) -> None:
    """Neither among the speeches nor among what older versions changed, though those name it by its id."""
    some = rows(120)
    added = data(own, "history")["versions"][0]["examples"]["added"][0]
    (target,) = (s for s in some if s["speech_id"] == added["id"])
    target["title"] = "只此一处的题目"
    publish_records(own / "speeches", records(some), now=DAY.replace(day=25))
    build(own)
    assert any("只此一处的题目".encode() in content for content, _ in state(own).values())
    entry = Entry.model_validate(
        {"id": "t1", "reason": "a request", "date": date(2026, 11, 26), "speech_id": target["speech_id"]}
    )
    recipe = Recipe(takedowns=(Takedown(entry, "takedowns/a.yaml:1"),))
    publish_records(own / "speeches", records(some), now=DAY.replace(day=26), recipe=recipe)
    assert build(own).made == ["speeches"]
    browse = data(own, "browse")
    unpacked = [f for index in browse["packs"].values() for f in frames(own, index)]
    for content in [*unpacked, *(c for p, (c, _) in state(own).items() if p.endswith(".json"))]:
        assert "只此一处的题目".encode() not in content
    ids = [e["id"] for v in data(own, "history")["versions"] for op in v["examples"].values() for e in op]
    assert target["speech_id"] not in ids


def test_a_damaged_part_leaves_the_catalogue_as_it_was(own: Path) -> None:
    before = state(own)
    (own / "catalogue/data/speeches" / line(own)["files"]["figures"]).unlink()  # so that it is to be built again
    part = own / "speeches/tables/speeches" / data(own, "browse")["parts"]["speeches"][0][0]
    content = bytearray(part.read_bytes())
    content[100:4000] = bytes(3900)  # the ids, which come first
    part.unlink()
    part.write_bytes(bytes(content))
    with pytest.raises(DamagedError):
        build(own)
    after = state(own)
    assert after["catalogue/catalogue.json"] == before["catalogue/catalogue.json"]


def test_what_is_lost_or_unknown_is_made_again(own: Path) -> None:
    (own / "catalogue/catalogue.json").write_text("{")
    (own / "catalogue/data/speeches/stray.json").write_text("{}")
    (own / "catalogue/app-000000000000").mkdir()
    (own / "catalogue/app-000000000000/app.js").write_text("old")
    result = build(own)
    assert result.made == ["speeches"]
    assert result.removed == 2
    assert line(own)["rows"] > 100
    assert not (own / "catalogue/app-000000000000").exists()


def test_one_dataset_of_two(own: Path) -> None:
    publish(own, count=20, versions=1, name="second")
    before = line(own)
    result = build(own, dataset="second")
    assert result.made == ["second"]
    assert line(own) == before
    assert line(own, "second")["rows"] == 24
    with pytest.raises(UsageError, match="no dataset 'third'") as e:
        build(own, dataset="third")
    assert "second, speeches" in str(e.value)
    shutil.rmtree(own / "second")
    assert build(own).removed > 10
    assert [d["dataset"] for d in document(own)["datasets"]] == ["speeches"]


def test_pages_elsewhere_know_where_the_data_is(own: Path, tmp_path: Path) -> None:
    out = tmp_path / "www" / "pages"
    build(own, out)
    assert document(out)["data"] == "../../datasets/"
    assert document(own)["data"] == ""
    build(own, out, data="/files/")
    assert document(out)["data"] == "/files/"
    assert not list(own.glob("www"))


def test_builds_at_once_end_in_one_whole_catalogue(own: Path) -> None:
    shutil.rmtree(own / "catalogue")
    errors: list[Exception] = []

    def work() -> None:
        try:
            build(own)
        except Exception as e:
            errors.append(e)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []
    assert build(own).written == 0


def test_readers_never_see_a_catalogue_that_names_what_is_not_there(own: Path) -> None:
    """While builds with ever new versions run, whatever catalogue.json names is there, or catalogue.json has changed since."""
    stop = threading.Event()
    seen: set[str] = set()
    broken: list[str] = []

    def read() -> None:
        while not stop.is_set():
            found = document(own)
            for d in found["datasets"]:
                seen.add(d["version"])
                missing = [
                    n for n in building._named(d["files"]) if not (own / "catalogue/data/speeches" / n).is_file()
                ]
                if missing and document(own) == found:
                    broken.extend(missing)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for day in (26, 27):
            publish_records(own / "speeches", records(rows(100 + day)), now=DAY.replace(day=day))
            build(own)
    finally:
        stop.set()
        reader.join()
    assert broken == []
    assert "2026-11-27.1" in seen | {line(own)["version"]}


def test_the_command(own: Path) -> None:
    runner = CliRunner()
    result = runner.invoke(app, ["catalogue", "build", "--home", str(own.parent), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["kept"] == ["speeches"]
    result = runner.invoke(app, ["catalogue", "build", "--home", str(own.parent)])
    assert "up to date" in result.stdout
    assert str(own / "index.html") in result.stdout.replace("\n", "")


def test_a_home_without_datasets_has_a_catalogue_too(tmp_path: Path) -> None:
    result = build(tmp_path / "datasets")
    assert result.made == []
    assert document(tmp_path / "datasets")["datasets"] == []
