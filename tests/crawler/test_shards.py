"""Shards: same rows same bytes, commit by pointer, damage seen, locks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import shards
from crawler.errors import DamagedError, JianghuaError, UsageError
from crawler.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def tables(*keys: str, fate: str = "list") -> dict[str, pa.Table]:
    made: dict[str, list[dict[str, Any]]] = {name: [] for name in shards.SCHEMAS}
    for key in keys:
        made["pages"].append({"url": f"http://x{key}", "site": "s", "key": key, "fate": fate, "speeches": 0})
        made["readings"].append(
            {"article_key": key, "digest": "d", "fate": fate, "parts": [], "charsets": ["utf-8"], "statuses": [200]}
        )
    return {name: pa.Table.from_pylist(rows, shards.SCHEMAS[name]) for name, rows in made.items()}


def tree(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(p.relative_to(root)): (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(root.rglob("*")) if p.is_file()
    }


def commit(home: Home, *keys: str, bucket: int = 3, digest: str = "i1", fate: str = "list") -> shards.Shard:
    return shards.write_shard(home, "s", bucket, tables(*keys, fate=fate), input_digest=digest)


@given(st.text(), st.text(), st.integers(1, 3000), st.text(), st.text(), st.integers(1, 3000))
def test_ids_differ_where_site_key_or_part_differ(a: str, k: str, n: int, b: str, m: str, o: int) -> None:
    same = shards.speech_id(a, k, n) == shards.speech_id(b, m, o)
    assert same == ((a, k, n) == (b, m, o)) or "\0" in a + k + b + m


@given(st.text())
def test_every_key_has_a_bucket(key: str) -> None:
    assert 0 <= shards.bucket_of(key) < shards.BUCKETS


def test_ids_and_buckets_stay_what_they_are() -> None:
    # published ids stand on these: a change here would make every speech look removed and new
    assert shards.speech_id("wanshu", "/a/1.htm", 1) == "wanshu:1faa5d27c58412a76866"
    assert shards.bucket_of("/a/1.htm") == 12


def test_a_shard_reads_back_sorted_and_counted(home: Home) -> None:
    shard = commit(home, "/b", "/a", "/c")
    assert shards.committed(home, "s") == [shard]
    assert shard.counts == {"list": 3}
    assert shards.read_records(home, "s", "pages")["key"].to_pylist() == ["/a", "/b", "/c"]
    assert shards.read_records(home, "s", "speeches").schema.equals(shards.SCHEMAS["speeches"])
    assert shards.extracted_sites(home) == ["s"]
    assert not shards.read_records(home, "none", "pages").num_rows


def test_the_same_rows_in_any_order_touch_nothing(home: Home) -> None:
    commit(home, "/a", "/b")
    before = tree(home.records("s"))
    commit(home, "/b", "/a")
    assert tree(home.records("s")) == before


def test_the_same_rows_of_another_input_move_only_the_pointer(home: Home) -> None:
    one = commit(home, "/a")
    two = commit(home, "/a", digest="i2")
    assert one.folder == two.folder
    assert shards.read_pointer(home, "s", 3) == two


def test_a_replaced_shard_and_what_a_kill_left_are_swept(home: Home) -> None:
    one = commit(home, "/a")
    other = commit(home, "/x", bucket=4)
    left = home.records("s") / ".03-left.tmp"
    left.mkdir()
    (left / "speeches.arrow").write_bytes(b"half")
    (home.records("s") / ".03.json.abc.tmp").write_bytes(b"{")
    two = commit(home, "/a", "/b")
    names = sorted(p.name for p in home.records("s").iterdir())
    assert names == sorted(["03.json", "04.json", two.folder.name, other.folder.name])
    assert not one.folder.exists()


def test_a_dropped_bucket_leaves_nothing(home: Home) -> None:
    commit(home, "/a")
    shards.drop_shard(home, "s", 3)
    shards.drop_shard(home, "s", 3)
    assert list(home.records("s").iterdir()) == []


@pytest.mark.parametrize("table", list(shards.SCHEMAS))
def test_a_flipped_bit_is_seen(home: Home, table: str) -> None:
    shard = commit(home, "/a", "/b")
    data = bytearray(shard.path(table).read_bytes())
    data[len(data) // 2] ^= 4
    shard.path(table).write_bytes(data)
    for look in (lambda: shards.verify(shard), lambda: shards.read_table(shard, table)):
        with pytest.raises(DamagedError, match="SHA-256") as e:
            look()
        assert str(shard.path(table)) in str(e.value)
    assert commit(home, "/a", "/b") == shard  # made anew in its place
    shards.verify(shard)


def test_a_missing_file_and_a_broken_pointer_are_seen(home: Home) -> None:
    shard = commit(home, "/a")
    shard.path("pages").unlink()
    with pytest.raises(DamagedError, match="cannot be read"):
        shards.read_records(home, "s", "pages")
    for broken in ("", "{", "[]", '{"format": 1}', '{"format": 99}'):
        shards.pointer_path(home, "s", 3).write_text(broken)
        with pytest.raises(DamagedError, match="pointer"):
            shards.committed(home, "s")


def test_a_shard_with_other_columns_is_not_taken(home: Home) -> None:
    commit(home, "/a")
    path = shards.pointer_path(home, "s", 3)
    path.write_text(path.read_text().replace(shards.COLUMNS, "0" * 16))
    with pytest.raises(DamagedError, match="another version"):
        shards.committed(home, "s")


def test_a_pointer_cannot_lead_out_of_the_folder(home: Home) -> None:
    path = shards.pointer_path(home, "s", 3)
    commit(home, "/a")
    path.write_text(path.read_text().replace('"shard": "03-', '"shard": "../03-'))
    with pytest.raises(DamagedError):
        shards.committed(home, "s")


def test_what_cannot_be_written_leaves_what_was(home: Home) -> None:
    shard = commit(home, "/a")
    blocked = home.records("s") / "x"
    blocked.write_text("a file where a folder is wanted")
    with pytest.raises(JianghuaError, match="cannot write"):
        shards.write_shard(home, "s/x", 3, tables("/b"), input_digest="i")
    assert shards.committed(home, "s") == [shard]


def test_one_extraction_at_a_time(home: Home) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom crawler import shards\nfrom crawler.home import Home\n"
        f"with shards.locked(Home(Path({str(home.root)!r})), 's'):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(UsageError, match="another extraction"), shards.locked(home, "s"):
        pass
    other.kill()
    other.communicate()
    with shards.locked(home, "s"):
        pass


def test_the_rows_that_a_shard_has_anew_are_kept_beside_it(home: Home) -> None:
    keys = [f"/{n}" for n in range(40)]
    first = commit(home, *keys)
    assert not shards.fresh_path(home, first).exists()  # all of them
    second = commit(home, *keys, "/new", digest="i2")
    kept = shards.read_fresh(shards.fresh_path(home, second))
    assert kept is not None
    assert kept.tables["pages"]["key"].to_pylist() == ["/new"]
    at = shards.read_records(home, "s", "pages")["key"].to_pylist().index("/new")
    assert kept.numbers["pages"].to_pylist() == [at]
    marks = shards.read_marks(second, second.folder / shards.MARKS)
    assert marks is not None
    assert kept.marks["pages"].to_pylist() == [
        m | {"known": False} for m in marks.to_pylist() if "/new" in m["key"]
    ]  # fmt: skip
    assert kept.tables["speeches"].schema.equals(shards.SCHEMAS["speeches"])
    assert not kept.tables["speeches"].num_rows
    assert (kept.before, kept.were, kept.rows("pages")) == (first.folder.name, {"pages": 40}, 41)
    assert [len(g) for g in kept.gone.values()] == [0, 0, 0]
    # the same again leaves it, another shard replaces it, one that is dropped takes it along
    commit(home, *keys, "/new", digest="i3")
    assert shards.fresh_path(home, second).exists()
    third = commit(home, *keys, digest="i4")
    back = shards.read_fresh(shards.fresh_path(home, third))
    assert back is not None
    assert (back.before, back.gone["pages"].to_pylist(), back.rows("pages")) == (second.folder.name, ["s\x1f/new"], 40)
    assert [*(home.var / "fresh" / "s").iterdir()] == [shards.fresh_path(home, third)]
    shards.drop_shard(home, "s", 3)
    assert not [*(home.var / "fresh" / "s").iterdir()]


def test_rows_kept_beside_a_shard_that_are_damaged_are_none(home: Home) -> None:
    commit(home, *[f"/{n}" for n in range(40)])
    path = shards.fresh_path(home, commit(home, *[f"/{n}" for n in range(41)], digest="i2"))
    data = path.read_bytes()
    assert shards.read_fresh(path)
    for at in (0, 33, len(data) - 1):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert shards.read_fresh(path) is None
    path.write_bytes(data[:20])
    assert shards.read_fresh(path) is None
