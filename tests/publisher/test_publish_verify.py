from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from crawler.errors import DamagedError, UsageError
from publisher import delta
from publisher.digests import content_digest
from publisher.manifest import as_json, sha256
from publisher.release import publish_records
from publisher.storage import decode, encode, part_name
from publisher.tables import TABLES
from publisher.verify import verify
from publisher.versions import read_latest, read_manifest
from tests.publisher.publisher_made import page, records, speech, text

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
FIRST, SECOND = "2026-11-22.1", "2026-11-23.1"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify") / "datasets" / "speeches"
    rows = [speech("a", n) for n in range(12)] + [speech("b", n, text(("a", n))) for n in range(4)]
    publish_records(folder, records(rows), now=DAY)
    publish_records(folder, records([*rows[1:], speech("a", 50)], [page(rows[0], "gone")]), now=DAY + timedelta(days=1))
    latest = read_latest(folder)
    assert latest
    delta.project(folder, latest)
    return folder


@pytest.fixture
def copy(published: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged; nothing in it is linked."""
    shutil.copytree(published, tmp_path / "datasets" / "speeches", symlinks=True)
    return tmp_path / "datasets" / "speeches"


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in (".lock",) and "latest" not in p.parts)


def test_150_random_bit_flips_in_files_written_and_derived_are_all_found_and_the_file_named(published: Path) -> None:
    rng = random.Random(11)
    found = files(published.parent)
    kinds = {p.name for p in found if not p.name.startswith("part-")}
    assert {"versions.json", "index.json", "latest.json", "changes.json", f"{0:020}.json"} <= kinds
    asked = [*found, *rng.choices(found, k=max(150 - len(found), 0))]
    assert len(asked) >= 150
    for path in asked:
        data = path.read_bytes()
        flipped = bytearray(data)
        flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        # in place, so that what is hard linked is damaged in all its places, as on a real disk
        path.write_bytes(flipped)
        try:
            with pytest.raises((DamagedError, UsageError)) as caught:
                verify(published)
            told = str(caught.value)
            assert path.name in told or str(path.parent) in told, (path, told)
        finally:
            path.write_bytes(data)
    assert verify(published).versions == [FIRST, SECOND]


def test_an_empty_folder_in_a_version_is_told(copy: Path) -> None:
    (copy / "versions" / FIRST / "speeches" / "more").mkdir()
    with pytest.raises(DamagedError, match="an empty folder"):
        verify(copy)


def test_every_byte_of_sha256sums_counts(published: Path) -> None:
    path = published / "versions" / FIRST / "SHA256SUMS"
    data = path.read_bytes()
    for at in (data.index(b"\n"), len(data) - 1):
        for bit in range(8):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
            try:
                with pytest.raises(DamagedError, match=r"SHA256SUMS|versions"):
                    verify(published, FIRST)
            finally:
                path.write_bytes(data)


@pytest.mark.parametrize("quick", [False, True])
def test_missing_strange_and_truncated_files_are_named(copy: Path, quick: bool) -> None:
    part = next((copy / "tables" / "speeches").glob("part-*"))
    strange = copy / "versions" / SECOND / "speeches" / "notes.txt"

    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:-1])

    damages: list[tuple[Path, Callable[[Path], Any]]] = [
        (part, Path.unlink),
        (part, cut),
        (next((copy / "versions" / FIRST / "duplicates").iterdir()), cut),
        (copy / "versions" / SECOND / "README.md", Path.unlink),
        (copy / "versions" / SECOND / "manifest.json", cut),
        (copy / "latest.json", cut),
        (strange, lambda p: p.write_text("x")),
    ]
    assert verify(copy, quick=quick).quick == quick
    for path, damage in damages:
        before = path.read_bytes() if path.exists() else None
        damage(path)
        with pytest.raises(DamagedError, match=path.name):
            verify(copy, quick=quick)
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_bytes(before)
    verify(copy, quick=quick)


def test_quick_reads_no_part(copy: Path) -> None:
    part = next((copy / "versions" / SECOND / "speeches").iterdir())
    part.write_bytes(bytes(part.stat().st_size))
    report = verify(copy, quick=True)
    assert report.rows == 0
    assert report.bytes > part.stat().st_size
    with pytest.raises(DamagedError, match=part.name):
        verify(copy)


def test_parts_that_changed_places_are_found(copy: Path) -> None:
    one, other = sorted((copy / "versions" / SECOND / "speeches").iterdir())[:2]
    a, b = one.read_bytes(), other.read_bytes()
    one.write_bytes(b)
    other.write_bytes(a)
    with pytest.raises(DamagedError, match=f"{one.name}|{other.name}"):
        verify(copy, SECOND)


# Whoever writes a digest for every file that he changes is found by what the files say of each other.


def reseal(folder: Path, version: str, edit: Callable[[dict[str, Any]], Any] = lambda m: None) -> None:
    """Edit a manifest, and make SHA256SUMS, latest.json and all that is derived agree with the files as they are."""
    place = folder / "versions" / version
    manifest = json.loads((place / "manifest.json").read_bytes())
    for name, entry in manifest["files"].items():
        data = (place / name).read_bytes()
        entry.update(bytes=len(data), sha256=sha256(data))
    edit(manifest)
    (place / "manifest.json").write_bytes(as_json(manifest))
    sums = {
        str(p.relative_to(place)): sha256(p.read_bytes())
        for p in place.rglob("*")
        if p.is_file() and p.name != "SHA256SUMS"
    }
    (place / "SHA256SUMS").write_text("".join(f"{d}  {n}\n" for n, d in sorted(sums.items())))
    latest = json.loads((folder / "latest.json").read_bytes())
    if latest["version"] == version:
        latest["manifest_sha256"] = sums["manifest.json"]
        (folder / "latest.json").write_bytes(as_json(latest))
    (folder / "versions.json").unlink(missing_ok=True)
    for log in folder.glob("tables/*/_delta_log"):
        shutil.rmtree(log)


def replace_part(folder: Path, version: str, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change the first part of a table, with every digest and count of it made anew."""
    place = folder / "versions" / version / table

    def edit(manifest: dict[str, Any]) -> None:
        part = manifest["tables"][table]["parts"][0]
        old = place / part["file"]
        rows = change(decode(old.read_bytes(), "part").cast(TABLES[table].schema))
        data = encode(rows)
        old.unlink()
        manifest["tables"][table]["rows"] += rows.num_rows - part["rows"]
        part |= {
            "file": part_name(sha256(data)),
            "rows": rows.num_rows,
            "bytes": len(data),
            "sha256": sha256(data),
            "content_sha256": content_digest(rows),
        }
        for target in (place, folder / "tables" / table):
            (target / part["file"]).write_bytes(data)

    reseal(folder, version, edit)


def set_value(table: pa.Table, column: str, values: list[Any]) -> pa.Table:
    at = table.schema.get_field_index(column)
    return table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))


def test_a_seal_alone_is_no_damage(copy: Path) -> None:
    reseal(copy, SECOND)
    replace_part(copy, SECOND, "speeches", lambda rows: rows)
    assert verify(copy).versions == [FIRST, SECOND]


def _sites(m: dict[str, Any]) -> None:
    m["sites"]["a"] -= 1
    m["sites"]["c"] = 1


EDITS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "rows": (lambda m: m["tables"]["speeches"].update(rows=99), "do not add up"),
    "added": (lambda m: m["tables"]["speeches"].update(added=7), "counts other changes of speeches"),
    "duplicates": (lambda m: m["tables"]["duplicates"].update(removed=0, changed=9), "counts other changes"),
    "sites": (_sites, r"counts \d+ speeches of a"),
    "bytes": (lambda m: m["tables"]["speeches"]["parts"][0].update(bytes=5), "name or size"),
    "content": (lambda m: m["tables"]["pages"]["parts"][0].update(content_sha256="0" * 64), "content digest"),
    "part": (lambda m: m["tables"]["pages"]["parts"].pop(), "does not name pages/"),
    "sequence": (lambda m: m.update(sequence=5), "does not say what the manifest says"),
    "parent": (lambda m: m["parent"].update(manifest_sha256="0" * 64), "is not the parent"),
    "file": (lambda m: m["files"].update({"changes.json": {"bytes": 3, "sha256": "0" * 64}}), "disagree about changes"),
    "table": (lambda m: m["tables"].pop("removed"), "does not name removed/"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_manifest_edited_with_its_digests_is_found(copy: Path, edit: str) -> None:
    change, told = EDITS[edit]
    reseal(copy, SECOND, change)
    with pytest.raises(DamagedError, match=told):
        verify(copy)


def test_an_old_manifest_is_held_by_its_successor(copy: Path) -> None:
    reseal(copy, FIRST, lambda m: m.update(held=3))
    for asked in (None, FIRST, SECOND):
        with pytest.raises(DamagedError, match="is not the parent") as caught:
            verify(copy, asked)
        assert FIRST in str(caught.value)


def test_a_text_without_its_digest_is_found(copy: Path) -> None:
    replace_part(
        copy,
        SECOND,
        "speeches",
        lambda t: set_value(t, "text", [f"{v}!" if i == 1 else v for i, v in enumerate(t["text"].to_pylist())]),
    )
    with pytest.raises(DamagedError, match=r"the text of a:\w+ does not have its SHA-256"):
        verify(copy)


def test_rows_changed_with_all_digests_are_found_by_the_changes(copy: Path) -> None:
    replace_part(copy, SECOND, "speeches", lambda t: set_value(t, "title", ["新" for _ in range(t.num_rows)]))
    with pytest.raises(DamagedError, match=r"changes\.parquet does not say that .* of speeches is changed"):
        verify(copy)


def test_links_between_tables_are_checked(copy: Path) -> None:
    replace_part(copy, SECOND, "duplicates", lambda t: set_value(t, "speech_id", [f"x:{i}" for i in range(t.num_rows)]))
    with pytest.raises(DamagedError, match=r"duplicates\.speech_id x:0 is no speech"):
        verify(copy)


def test_changes_are_made_again_and_compared(copy: Path) -> None:
    path = copy / "versions" / SECOND / "changes.parquet"
    whole = path.read_bytes()
    rows = decode(whole, "changes")
    for wrong, told in (
        (rows.slice(1), "does not say that"),
        (pa.concat_tables([rows, set_value(rows.slice(0, 1), "id", ["a:no"])]), "a:no of"),
        (rows.take(pa.array([*range(1, rows.num_rows), 0])), "in another order"),
        (set_value(rows, "revision", [9] * rows.num_rows), "something else of a row"),
        (rows.drop_columns(["revision"]), "other columns"),
    ):
        path.write_bytes(encode(wrong))
        reseal(copy, SECOND)
        with pytest.raises(DamagedError, match=told):
            verify(copy)
    path.write_bytes(whole)
    path = copy / "versions" / SECOND / "changes.json"
    summary = json.loads(path.read_bytes())
    summary["speeches"]["removed"] = []
    path.write_bytes(as_json(summary))
    reseal(copy, SECOND)
    with pytest.raises(DamagedError, match=r"changes\.json says something else of 'speeches'"):
        verify(copy, SECOND)


def test_the_first_version_too_tells_its_changes(copy: Path) -> None:
    path = copy / "versions" / FIRST / "changes.parquet"
    path.write_bytes(encode(decode(path.read_bytes(), "changes").slice(2)))
    reseal(copy, FIRST)
    with pytest.raises(DamagedError, match="does not say that"):
        verify(copy, FIRST)


def test_without_its_parent_a_version_is_held_against_itself(copy: Path) -> None:
    shutil.rmtree(copy / "versions" / FIRST)
    verify(copy, SECOND)
    reseal(copy, SECOND, lambda m: m["tables"]["speeches"].update(added=7))
    with pytest.raises(DamagedError, match="counts other changes of speeches"):
        verify(copy, SECOND)


def test_one_version_alone(published: Path) -> None:
    assert verify(published, FIRST).versions == [FIRST]
    assert verify(published, "latest").versions == [SECOND]
    with pytest.raises(UsageError, match="unknown version") as caught:
        verify(published, "2025-01-01.1")
    assert SECOND in str(caught.value)


def test_copied_datasets_verify(published: Path, copy: Path) -> None:
    seen: list[str] = []
    assert verify(copy, progress=seen.append).rows >= verify(published).rows
    assert f"{SECOND}: speeches 1/2" in seen


def test_missing_derived_files_are_no_damage(copy: Path) -> None:
    (copy / "versions.json").unlink()
    verify(copy)


def test_a_dataset_may_lie_in_a_folder_of_another_name(copy: Path) -> None:
    moved = copy.parent / "speeches-of-november"
    copy.rename(moved)
    assert verify(moved).versions == [FIRST, SECOND]


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_parent_is_no_damage_of_the_version_that_is_asked_for(copy: Path, seed: int) -> None:
    """Wherever the damage is, in a column that changes are told by or in another."""
    manifest, _ = read_manifest(copy, FIRST)
    parts = {p.file for p in read_manifest(copy, SECOND)[0].tables["speeches"].parts}
    (mine,) = [p.file for p in manifest.tables["speeches"].parts if p.file not in parts]
    path = copy / "versions" / FIRST / "speeches" / mine
    data = bytearray(path.read_bytes())
    data[4 + seed * len(data) // 7] ^= 1
    path.write_bytes(data)
    report = verify(copy, SECOND)
    assert report.versions == [SECOND]
    assert all(mine in told and SECOND in told for told in report.unchecked)
    with pytest.raises(DamagedError, match="damaged"):
        verify(copy, FIRST)
    path.write_bytes(b"PAR1")
    assert mine in verify(copy, "latest").unchecked[0]


@pytest.mark.parametrize("quick", [False, True])
def test_a_link_to_a_folder_of_other_rows_is_found(copy: Path, quick: bool) -> None:
    """Engines that read the folder would read what it leads to."""
    link = copy / "versions" / SECOND / "speeches" / "more"
    link.symlink_to(copy / "versions" / FIRST / "speeches", target_is_directory=True)
    with pytest.raises(DamagedError, match="not listed in SHA256SUMS") as caught:
        verify(copy, quick=quick)
    assert str(link) in str(caught.value)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", ["speeches", "README.md", "manifest.json", "SHA256SUMS", "store"])
def test_a_link_to_the_same_content_is_no_file(copy: Path, tmp_path: Path, name: str, quick: bool) -> None:
    """It is in other hands, and a copy of the version would lack it."""
    place = copy / "versions" / SECOND / name
    if name == "store":
        place = copy / "tables" / "speeches"
    if place.is_dir():
        place = next(p for p in sorted(place.iterdir()) if p.is_file())
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedError, match="in the place of a file") as caught:
        verify(copy, quick=quick)
    assert str(place) in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\xff{", b"[]\n", b"null\n", b"[1]", b"[" * 100_000])
def test_changes_json_that_is_none_is_damage(copy: Path, data: bytes) -> None:
    (copy / "versions" / SECOND / "changes.json").write_bytes(data)
    reseal(copy, SECOND)
    with pytest.raises(DamagedError, match=r"changes\.json"):
        verify(copy)


@pytest.mark.parametrize("file", ["versions.json", "../index.json"])
def test_lists_too_deep_to_be_read_are_damage(copy: Path, file: str) -> None:
    (copy / file).write_bytes(b"[" * 100_000)
    with pytest.raises(DamagedError, match="as written"):
        verify(copy)


def test_latest_leads_to_a_version(copy: Path) -> None:
    link = copy / "latest"
    for target, wrong in ((f"versions/{FIRST}", False), ("versions/2020-01-01.1", True), ("/etc", True)):
        link.unlink()
        link.symlink_to(target)
        if not wrong:
            verify(copy)  # behind, as a publish killed after its commit leaves it
            continue
        with pytest.raises(DamagedError, match="no version of the dataset"):
            verify(copy)


@pytest.mark.parametrize("file", ["versions.json", "../index.json"])
def test_flipped_bits_of_the_lists_are_found(published: Path, copy: Path, file: str) -> None:
    """Of keys and of names too, with which the lists still are JSON as it is written."""
    path = copy / file
    data = (published / file).read_bytes()
    for at in range(0, len(data) * 8, 13):
        flipped = bytearray(data)
        flipped[at // 8] ^= 1 << at % 8
        path.write_bytes(flipped)
        with pytest.raises(DamagedError) as caught:
            verify(copy, quick=True)
        assert path.name in str(caught.value)
