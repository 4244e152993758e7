"""Publishing to object storage and syncing, on a real S3 server: several publishers at once, kill -9, damage."""

from __future__ import annotations

import contextlib
import functools
import http.server
import io
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crawler.console import run_app
from crawler.errors import DamagedError, JianghuaError, UsageError
from crawler.takedowns import Entry, Takedown
from publisher import reissue
from publisher.chain import Place, open_place, read_history
from publisher.gone import remove_version, tombstone
from publisher.manifest import sha256, to_json
from publisher.projections import project
from publisher.reader import open_dataset
from publisher.release import PublishedError, PublishResult, locked, publish_records
from publisher.remote import ConflictError, FolderStore
from publisher.retention import RetentionSettings, retain
from publisher.shipping import VersionUpload
from publisher.sync import Synced, sweep, sync
from publisher.upload import Upload, mirror, mirror_folder, publish_to
from publisher.verify import verify
from publisher.verify_remote import verify_remote
from publisher.versions import read_latest, read_manifest
from schedules.cli import app
from tests.children import environment, program
from tests.publisher.publisher_made import page, records, speech, text
from tests.publisher.remote_child import NOW, publish_hooked
from tests.publisher.s3_server import S3
from tests.publisher.s3_server import s3 as s3
from tests.publisher.test_publish_cli import extracted

# Every request takes a minute; one in ten of them, and every one with JIANGHUA_TEST_EVERY_STEP set.
EVERY = bool(os.environ.get("JIANGHUA_TEST_EVERY_STEP"))
Run = Callable[[list[dict[str, Any]]], list[tuple[int, str]]]


@pytest.fixture(autouse=True)
def _credentials(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def url(s3: S3) -> str:
    return s3.url(f"t-{uuid.uuid4()}")


@pytest.fixture(scope="module")
def run(s3: S3) -> Iterator[Run]:
    """Publishers at once, a process each: their exit codes and messages."""
    with subprocess.Popen(
        program("tests.publisher.remote_child"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdin
        assert process.stdout

        def ask(jobs: list[dict[str, Any]]) -> list[tuple[int, str]]:
            assert process.stdin
            assert process.stdout
            for job in jobs:
                process.stdin.write(json.dumps(job | {"environment": dict(s3.environment)}) + "\n")
            process.stdin.write("\n")
            process.stdin.flush()
            return [tuple(json.loads(process.stdout.readline())) for _ in jobs]

        yield ask
        process.stdin.close()


def publish_rows(url: str, mirrors: Path, site: str, rows: range, day: int = 0, **how: Any) -> PublishResult:
    return publish_to(
        url,
        mirrors,
        lambda folder, commit, taken: publish_hooked(
            folder,
            [speech(site, n) for n in rows],
            commit,
            taken,
            NOW + timedelta(days=day),
        ),
        **how,
    )


def down(url: str, folder: Path) -> Path:
    sync(open_place(url, "speeches"), open_place(str(folder), "speeches", to_write=True))
    return folder / "speeches"


def ids(where: str | Path) -> list[str]:
    found: list[str] = open_dataset(where).arrow(columns=["speech_id"])["speech_id"].to_pylist()
    return found


def local(folder: Path, days: int = 3) -> Path:
    """A dataset on disk with a version a day."""
    for day in range(days):
        rows = [speech("a", n) for n in range(4 + day)]
        publish_records(folder, records(rows, [page(speech("a", 99), "gone")]), now=NOW + timedelta(days=day))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """What readers see of a dataset folder."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and not p.name.startswith(".") and "latest" not in p.relative_to(folder).parts[0]
    } | {"latest.json": (folder / "latest.json").read_bytes()}


def test_a_first_and_a_second_version_through_different_machines(url: str, tmp_path: Path) -> None:
    one = publish_rows(url, tmp_path / "m1", "a", range(6))
    two = publish_rows(url, tmp_path / "m2", "b", range(3))
    assert (one.sequence, two.sequence) == (1, 2)
    assert (two.rows, two.added) == (9, 3)
    again = publish_rows(url, tmp_path / "m1", "b", range(3))
    assert again.version is None
    place = open_place(url, "speeches")
    assert verify_remote(place.store).versions == [one.version, two.version]
    folder = down(url, tmp_path / "down")
    assert verify(folder).versions == [one.version, two.version]
    assert sorted(ids(folder)) == sorted(speech(s, n)["speech_id"] for s, k in (("a", 6), ("b", 3)) for n in range(k))
    # What lies there is, file by file, what a folder would have.
    there = {e.name: e.size for e in place.store.entries()}
    assert there == {n: len(d) for n, d in files(folder).items()}
    index = place.datasets.read("index.json")
    assert index is not None
    assert json.loads(index.data)["datasets"][0]["version"] == two.version


def test_eight_publishers_at_once_make_a_chain(url: str, tmp_path: Path, run: Run) -> None:
    jobs = [{"url": url, "mirrors": str(tmp_path / f"m{i}"), "site": f"s{i}", "rows": [1, 2]} for i in range(8)]
    found = run(jobs)
    assert [code for code, _ in found] == [0] * 8, found
    history = read_history(open_place(url, "speeches").store)
    manifests = [k.manifest for k in history.versions.values()]
    assert [m.sequence for m in manifests] == list(range(1, 9))
    assert [m.parent.version if m.parent else None for m in manifests] == [None, *(m.version for m in manifests[:-1])]
    assert [m.tables["speeches"].added for m in manifests] == [2] * 8
    folder = down(url, tmp_path / "down")
    assert verify(folder).versions == [m.version for m in manifests]
    assert Counter(ids(folder)) == Counter(speech(f"s{i}", n)["speech_id"] for i in range(8) for n in (1, 2))
    listed = open_place(url, "speeches").store.read("versions.json")
    assert listed is not None
    assert [v["version"] for v in json.loads(listed.data)["versions"]] == [m.version for m in manifests]


def test_kill_at_any_request(url: str, tmp_path: Path, run: Run) -> None:
    publish_rows(url, tmp_path / "m", "a", range(3))
    place = open_place(url, "speeches")
    code, said = run([{"url": url, "mirrors": str(tmp_path / "m"), "site": "b", "rows": [1]}])[0]
    assert code == 0, said
    requests = int(said)
    points = range(0, requests, 1 if EVERY else requests // 10)
    for n in points:
        code, said = run([{"url": url, "mirrors": str(tmp_path / "m"), "site": f"k{n}", "rows": [n], "kill_at": n}])[0]
        assert code == -9, said
        verify_remote(place.store, "latest")
    assert verify(down(url, tmp_path / "down"), "latest").versions
    last = publish_rows(url, tmp_path / "m", "z", range(2))
    assert last.version
    verify_remote(place.store)
    folder = down(url, tmp_path / "down")
    assert verify(folder).versions[-1] == last.version
    history = read_history(place.store)
    assert [k.manifest.sequence for k in history.versions.values()] == list(range(1, last.sequence + 1))
    # What the dead left is swept when it is old enough, and nothing else.
    before = verify_remote(place.store).files
    sweep(place, history, timedelta(0))
    assert not read_history(place.store).strays
    assert verify_remote(place.store).files == before
    parts = {
        f"tables/{t}/{p.file}" for k in history.versions.values() for t, e in k.manifest.tables.items() for p in e.parts
    }
    assert {e.name for e in place.store.entries("tables") if "/part-" in e.name} == parts
    assert down(url, tmp_path / "again")


def test_a_lost_race_is_built_again_and_leaves_nothing(url: str, tmp_path: Path) -> None:
    publish_rows(url, tmp_path / "m1", "a", range(3))
    tries = 0

    def slow(folder: Path, commit: Any, taken: frozenset[str]) -> PublishResult:
        nonlocal tries
        tries += 1
        if tries == 1:  # another one is faster between our reading and our commit
            publish_rows(url, tmp_path / "m2", "fast", range(1))
        return publish_hooked(folder, [speech("slow", 1)], commit, taken)

    result = publish_to(url, tmp_path / "m1", slow)
    assert tries == 2
    assert result.sequence == 3
    place = open_place(url, "speeches")
    history = read_history(place.store)
    assert not history.strays
    assert {e.name.split("/")[1] for e in place.store.entries("versions")} == set(history.versions)
    assert len(ids(down(url, tmp_path / "down"))) == 5


def test_a_race_lost_at_the_last_moment_leaves_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_rows(url, tmp_path / "m1", "a", range(3))
    rest, lost = VersionUpload.rest, 0

    def slow(self: VersionUpload, only: set[str] | None = None) -> None:
        nonlocal lost
        rest(self, only)
        if "m1" in self.source.where and not lost:
            lost += 1
            publish_rows(url, tmp_path / "m2", "fast", range(1))

    monkeypatch.setattr(VersionUpload, "rest", slow)
    result = publish_rows(url, tmp_path / "m1", "slow", range(1))
    assert lost == 1
    place = open_place(url, "speeches")
    history = read_history(place.store)
    assert (result.sequence, len(history.versions)) == (3, 3)
    assert not history.strays
    assert {e.name.split("/")[1] for e in place.store.entries("versions")} == set(history.versions)
    assert len(ids(down(url, tmp_path / "down"))) == 5


def test_a_race_lost_too_often_is_an_error_and_changes_nothing(url: str, tmp_path: Path) -> None:
    publish_rows(url, tmp_path / "m1", "a", range(3))
    fast = iter(range(100))

    def slow(folder: Path, commit: Any, taken: frozenset[str]) -> PublishResult:
        publish_rows(url, tmp_path / "m2", f"fast{next(fast)}", range(1))
        return publish_hooked(folder, [speech("slow", 1)], commit, taken)

    with pytest.raises(ConflictError, match="somebody else"):
        publish_to(url, tmp_path / "m1", slow, tries=2)
    assert read_history(open_place(url, "speeches").store).head.sequence == 3  # type: ignore[union-attr]
    assert not [i for i in ids(down(url, tmp_path / "down")) if i.startswith("slow")]


def test_a_name_that_a_dead_publisher_holds_stands_in_nobodys_way(url: str, tmp_path: Path) -> None:
    first = publish_rows(url, tmp_path / "m", "a", range(3))
    store = open_place(url, "speeches").store
    day = f"{NOW:%Y-%m-%d}"
    manifest = store.read(f"versions/{first.version}/manifest.json")
    assert manifest is not None
    store.put(f"versions/{day}.2/manifest.json", manifest.data.replace(b'"sequence": 1', b'"sequence": 2'))
    store.put(f"versions/{day}.2/README.md", b"half")
    second = publish_rows(url, tmp_path / "m", "b", range(1))
    assert second.version == f"{day}.3"
    assert list(read_history(store).versions) == [f"{day}.1", f"{day}.3"]
    folder = down(url, tmp_path / "down")
    assert not (folder / "versions" / f"{day}.2").exists()
    assert store.read(f"versions/{day}.2/README.md") is not None  # too young to be swept
    swept = sweep(open_place(url, "speeches"), read_history(store), timedelta(seconds=-1))
    assert {n for n in swept if n.startswith("versions")} == {
        f"versions/{day}.2/manifest.json",
        f"versions/{day}.2/README.md",
    }
    verify_remote(store)


def test_who_died_claiming_a_name_takes_nothing_from_who_has_it_now(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_rows(url, tmp_path / "m1", "a", range(3))

    class KilledError(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(VersionUpload, "claim", killed)
        with pytest.raises(KilledError):
            publish_rows(url, tmp_path / "m1", "dead", range(1))
    rest = VersionUpload.rest
    back: list[PublishResult] = []

    def slow(self: VersionUpload, only: set[str] | None = None) -> None:
        rest(self, only)
        back.append(publish_rows(url, tmp_path / "m1", "a", range(3)))  # the one that died is run again

    monkeypatch.setattr(VersionUpload, "rest", slow)
    result = publish_rows(url, tmp_path / "m2", "b", range(1))
    assert [r.version for r in back] == [None]
    assert verify_remote(open_place(url, "speeches").store).versions[-1] == result.version


def test_a_version_that_may_be_published_is_not_swept(tmp_path: Path) -> None:
    """Retention took the version that named it as its parent, and a publisher that lost a race has left one of the same number."""
    folder = local(tmp_path / "speeches", days=4)
    first, second, third, _ = read_history(FolderStore(folder)).versions.values()
    name = f"{second.manifest.version.split('.')[0]}.9"
    (folder / "versions" / name).mkdir()
    lost = second.manifest.model_copy(update={"version": name})
    (folder / "versions" / name / "manifest.json").write_bytes(to_json(lost))
    place = open_place(str(tmp_path), "speeches")
    with locked(folder, 0):
        remove_version(folder, tombstone(third.manifest, third.sha256, "retired", "old", NOW))
    sweep(place, read_history(place.store), timedelta(seconds=-1))
    assert (folder / "versions" / second.manifest.version / "manifest.json").exists()
    shutil.rmtree(folder / "versions" / name)
    assert [*read_history(place.store).versions][:2] == [first.manifest.version, second.manifest.version]


def test_publishing_to_a_folder_holds_its_lock_and_clears_up_behind_the_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = local(tmp_path / "there" / "speeches", days=1)
    rest = VersionUpload.rest

    def busy(self: VersionUpload, only: set[str] | None = None) -> None:
        rest(self, only)
        with pytest.raises(JianghuaError, match="another publish is running"), locked(folder, 0):
            pass
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(VersionUpload, "rest", busy)
        with pytest.raises(KeyboardInterrupt):
            publish_rows(str(tmp_path / "there"), tmp_path / "m1", "b", range(2))
    assert len(list((folder / "versions").iterdir())) == 2
    result = publish_rows(str(tmp_path / "there"), tmp_path / "m2", "b", range(2))
    assert result.sequence == 2
    assert len(list((folder / "versions").iterdir())) == 2
    assert len(verify(folder).versions) == 2


def test_a_commit_that_arrives_late_finds_its_version_whole(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_rows(url, tmp_path / "m", "a", range(3))
    place = open_place(url, "speeches", to_write=True)
    put = type(place.store).put
    late: list[Callable[[], None]] = []

    def slow(self: Any, name: str, data: Any, **how: Any) -> None:
        if name == "latest.json":
            late.append(lambda: put(self, name, data, **how))
            raise JianghuaError("the storage does not answer", where=name, remedy="try again later")
        put(self, name, data, **how)

    with monkeypatch.context() as patched:
        patched.setattr(type(place.store), "put", slow)
        with pytest.raises(JianghuaError, match="does not answer"):
            publish_rows(url, tmp_path / "m", "b", range(1))
    publish_rows(url, tmp_path / "m", "a", range(3))  # nothing new
    late[0]()
    assert len(verify_remote(place.store).versions) == 2


def test_a_commit_whose_answer_was_lost_counts(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_rows(url, tmp_path / "m", "a", range(3))
    place = open_place(url, "speeches", to_write=True)
    put = type(place.store).put

    def twice(self: Any, name: str, data: Any, **how: Any) -> None:
        put(self, name, data, **how)
        if name == "latest.json":
            put(self, name, data, **how)  # as a client does that got no answer

    monkeypatch.setattr(type(place.store), "put", twice)
    result = publish_rows(url, tmp_path / "m", "b", range(1))
    assert result.sequence == 2
    assert list(read_history(place.store).versions)[-1] == result.version
    verify_remote(place.store)


def test_a_mirror_is_brought_up_from_anything(url: str, tmp_path: Path) -> None:
    first = publish_rows(url, tmp_path / "m", "a", range(3))
    folder = mirror_folder(tmp_path / "m", open_place(url, "speeches"))
    assert first.version
    part = next((folder / "tables" / "speeches").glob("part-*"))
    damaged = bytearray(part.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    part.unlink()
    part.write_bytes(damaged)
    assert publish_rows(url, tmp_path / "m", "b", range(1)).sequence == 2
    # A version that the remote has not, as after a commit that did not reach it.
    publish_hooked(folder, [speech("c", 1)], None)
    assert publish_rows(url, tmp_path / "m", "d", range(1)).sequence == 3
    verify_remote(open_place(url, "speeches").store)
    found = ids(down(url, tmp_path / "down"))
    assert len(found) == 5
    assert not [i for i in found if i.startswith("c:")]
    assert not (folder / "versions" / first.version / "README.md").exists()  # of old versions only the manifests
    assert mirror(open_place(url, "speeches"), folder).head.sequence == 3  # type: ignore[union-attr]


def test_projections_never_go_backwards(url: str, tmp_path: Path) -> None:
    publish_rows(url, tmp_path / "m1", "a", range(3))
    place = open_place(url, "speeches", to_write=True)
    folder = mirror_folder(tmp_path / "m1", place)
    publish_rows(url, tmp_path / "m2", "b", range(1))
    new = {e.name: place.store.read(e.name).data for e in place.store.entries() if "versions/" not in e.name}  # type: ignore[union-attr]
    from publisher.upload import finish

    finish(place, folder)  # of the one who was first and slept
    assert {n: place.store.read(n).data for n in new} == new  # type: ignore[union-attr]
    place.store.delete(["versions.json"])
    place.datasets.delete(["index.json"])
    publish_rows(url, tmp_path / "m1", "b", range(1))  # nothing new: the projections come back all the same
    assert place.store.read("versions.json").data == new["versions.json"]  # type: ignore[union-attr]
    assert place.datasets.read("index.json") is not None


def test_a_version_counts_though_what_is_derived_cannot_be_brought_up(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_rows(url, tmp_path / "m", "a", range(3))
    place = open_place(url, "speeches", to_write=True)
    put = type(place.store).put

    def refusing(store: Any, name: str, *arguments: Any, **how: Any) -> Any:
        if name == "versions.json":
            raise JianghuaError("the storage does not answer", where=name, remedy="try again later")
        return put(store, name, *arguments, **how)

    with monkeypatch.context() as m:
        m.setattr(type(place.store), "put", refusing)
        with pytest.raises(
            PublishedError, match=r"is published, and readers get it.*the storage does not answer"
        ) as caught:
            publish_rows(url, tmp_path / "m", "b", range(1))
    assert list(read_history(place.store).versions)[-1] == caught.value.version
    assert caught.value.version not in place.store.read("versions.json").data.decode()  # type: ignore[union-attr]
    publish_rows(url, tmp_path / "m", "b", range(1))
    assert caught.value.version in place.store.read("versions.json").data.decode()  # type: ignore[union-attr]


@pytest.mark.parametrize("through", ["folder", "bucket"])
def test_sync_goes_both_ways_and_moves_only_what_is_missing(url: str, tmp_path: Path, through: str) -> None:
    folder = local(tmp_path / "one" / "speeches")
    middle = url if through == "bucket" else str(tmp_path / "two")
    there = open_place(middle, "speeches", to_write=True)
    here = open_place(str(tmp_path / "one"), "speeches")
    plan = sync(here, there, dry_run=True)
    assert read_history(there.store).latest is None
    first = sync(here, there)
    assert (first.files, first.bytes, first.versions) == (plan.files, plan.bytes, plan.versions)
    assert len(first.versions) == 3
    again = sync(here, there)
    assert (again.files, again.versions) == (0, [])
    publish_records(folder, records([speech("a", n) for n in range(9)]), now=NOW + timedelta(days=7))
    more = sync(here, there)
    assert len(more.versions) == 1
    assert more.files < first.files
    back = down(middle, tmp_path / "three")
    assert files(back) == files(folder)
    verify(back)


def test_a_flipped_byte_is_found_and_mended(url: str, tmp_path: Path) -> None:
    folder = local(tmp_path / "one" / "speeches", days=1)
    here, there = open_place(str(tmp_path / "one"), "speeches"), open_place(url, "speeches", to_write=True)
    sync(here, there)
    rng = random.Random(5)
    for turn, name in enumerate(rng.sample(sorted(e.name for e in there.store.entries("versions")), 6)):
        good = there.store.read(name)
        assert good is not None
        bad = bytearray(good.data)
        bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        there.store.put(name, bytes(bad))
        with pytest.raises(DamagedError):
            verify_remote(there.store)
        with pytest.raises(DamagedError):
            down(url, tmp_path / f"down{turn}")
        assert not (tmp_path / f"down{turn}" / "speeches" / "latest.json").exists()
        there.store.delete([name])
        if name.endswith("/manifest.json"):
            there.store.put(name, good.data)
        sync(here, there, check=True)
        verify_remote(there.store)
    assert files(down(url, tmp_path / "down")) == files(folder)


def test_a_target_with_another_history_is_refused(url: str, tmp_path: Path) -> None:
    local(tmp_path / "one" / "speeches", days=1)
    publish_rows(url, tmp_path / "m", "other", range(2), day=5)
    with pytest.raises(UsageError, match="another dataset"):
        sync(open_place(str(tmp_path / "one"), "speeches"), open_place(url, "speeches", to_write=True))
    with pytest.raises(UsageError, match="no published dataset"):
        sync(open_place(url + "/nothing", "speeches"), open_place(str(tmp_path / "x"), "speeches"))


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_what_was_taken_down_at_the_target_does_not_come_back_from_an_old_copy(
    url: str, tmp_path: Path, kind: str
) -> None:
    where = url if kind == "bucket" else str(tmp_path / "two")
    local(tmp_path / "one" / "speeches")
    old, new = open_place(str(tmp_path / "one"), "speeches"), open_place(str(tmp_path / "copy"), "speeches")
    there = open_place(where, "speeches", to_write=True)
    sync(old, new)
    folder = tmp_path / "copy" / "speeches"
    name = f"{NOW:%Y-%m-%d}.1"
    manifest, data = read_manifest(folder, name)
    # the first version alone is taken back, so that latest.json is the same in both
    with locked(folder, 0):
        remove_version(folder, tombstone(manifest, sha256(data), "yanked", "taken down", NOW))
        project(folder, read_latest(folder))  # type: ignore[arg-type]
    sync(new, there)
    before = sorted(e.name for e in there.store.entries())
    with pytest.raises(UsageError, match=f"has let version {name} go"):
        sync(old, there)
    with pytest.raises(UsageError, match=f"has let version {name} go"):
        sync(old, there, dry_run=True)
    assert sorted(e.name for e in there.store.entries()) == before
    assert name not in verify_remote(there.store).versions


def test_what_retention_let_go_in_a_copy_is_not_brought_again(tmp_path: Path) -> None:
    folder = local(tmp_path / "one" / "speeches", days=5)
    here, there = open_place(str(tmp_path / "one"), "speeches"), open_place(str(tmp_path / "two"), "speeches")
    sync(here, there)
    retain(tmp_path / "two" / "speeches", RetentionSettings(keep_days=0, monthly=False), now=NOW + timedelta(days=9))
    assert sync(here, there).versions == []
    publish_records(folder, records([speech("a", n) for n in range(20)]), now=NOW + timedelta(days=7))
    assert len(sync(here, there).versions) == 1
    assert len(verify(tmp_path / "two" / "speeches").versions) == 3


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_commit_of_a_delta_log_that_differs_in_no_length_is_brought(url: str, tmp_path: Path, kind: str) -> None:
    """As where an old version was re-issued: its parts have other names of the same length, and the last commit is what it was."""
    folder = local(tmp_path / "one" / "speeches")
    there = open_place(url if kind == "bucket" else str(tmp_path / "two"), "speeches", to_write=True)
    here = open_place(str(tmp_path / "one"), "speeches")
    sync(here, there)
    name = "tables/speeches/_delta_log/00000000000000000000.json"
    true = (folder / name).read_bytes()
    at = true.index(b"part-") + 5
    there.store.put(name, true[:at] + (b"0" if true[at : at + 1] != b"0" else b"1") + true[at + 1 :])
    sync(here, there)
    found = there.store.read(name)
    assert found is not None
    assert found.data == true


def test_a_log_from_elsewhere_is_brought_whole_where_one_commit_differs(url: str, tmp_path: Path) -> None:
    folder = local(tmp_path / "one" / "speeches")
    sync(open_place(str(tmp_path / "one"), "speeches"), open_place(url, "speeches", to_write=True))
    copy = down(url, tmp_path / "two")
    name = "tables/speeches/_delta_log/00000000000000000000.json"
    true = (folder / name).read_bytes()
    at = true.index(b"part-") + 5
    (copy / name).write_bytes(true[:at] + (b"0" if true[at : at + 1] != b"0" else b"1") + true[at + 1 :])
    down(url, tmp_path / "two")
    assert (copy / name).read_bytes() == true
    verify(copy)


def test_versions_that_are_gone_go_at_the_target_too(url: str, tmp_path: Path) -> None:
    folder = local(tmp_path / "one" / "speeches")
    here, there = open_place(str(tmp_path / "one"), "speeches"), open_place(url, "speeches", to_write=True)
    sync(here, there)
    disk = open_place(str(tmp_path / "disk"), "speeches", to_write=True)
    sync(there, disk)
    history = read_history(here.store)
    first = next(iter(history.versions.values()))
    remove_version(folder, tombstone(first.manifest, first.sha256, "retired", "old", NOW + timedelta(days=9)))
    assert history.latest is not None
    project(folder, history.latest)
    for source, target in ((here, there), (there, disk)):
        report = sync(source, target)
        assert report.gone == [first.manifest.version]
        left = read_history(target.store)
        assert list(left.gone) == [first.manifest.version]
        assert len(left.versions) == 2
        assert not list(target.store.entries(f"versions/{first.manifest.version}"))
        assert sync(source, target).gone == []
    live = {
        f"tables/{t}/{p.file}" for k in left.versions.values() for t, e in k.manifest.tables.items() for p in e.parts
    }
    assert {e.name for e in there.store.entries("tables") if "/part-" in e.name} == live
    verify_remote(there.store)
    verify(tmp_path / "disk" / "speeches")


def test_what_was_taken_down_everywhere_leaves_the_copies(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "one" / "speeches"
    secret = speech("a", 7, text("the secret one"))
    for day in range(3):
        rows = [*(speech("a", n) for n in range(4 + day)), *([secret] if day else [])]
        publish_records(folder, records(rows), now=NOW + timedelta(days=day))
    here, there = open_place(str(tmp_path / "one"), "speeches"), open_place(url, "speeches", to_write=True)
    disk = open_place(str(tmp_path / "disk"), "speeches", to_write=True)
    sync(here, there)
    sync(there, disk)
    told = {"id": "t1", "reason": "来函要求", "date": NOW.date(), "everywhere": True, "speech_id": secret["speech_id"]}
    entry = Takedown(
        Entry.model_validate(told | {"pages": [{"site": "a", "keys": ["/a/7.html"]}]}), "takedowns/a.yaml:1"
    )
    with locked(folder, 0):
        done = reissue.reissue(folder, [entry], now=NOW + timedelta(days=9))
    assert len(done.versions) == 2
    for source, target in ((here, there), (there, disk)):
        assert len(sync(source, target).gone) == 2
        verify_remote(target.store)
        for each in target.store.entries():
            assert not holds(b"".join(target.store.stream(each.name)), each.name, secret["text"][8:30]), each.name
    assert files(tmp_path / "disk" / "speeches") == files(folder)
    verify(tmp_path / "disk" / "speeches")
    # And publishing goes on from there.
    assert publish_rows(url, tmp_path / "m", "b", range(1), day=10).sequence == 4
    verify_remote(there.store)


def holds(data: bytes, name: str, words: str) -> bool:
    if name.endswith(".parquet"):
        return words in str(pq.read_table(pa.BufferReader(data)).to_pylist())
    return words in data.decode("utf-8", "replace")


class _PluggedError(Exception):
    pass


def test_a_sync_that_died_goes_on(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = local(tmp_path / "one" / "speeches")
    here, there = open_place(str(tmp_path / "one"), "speeches"), open_place(url, "speeches", to_write=True)
    bucket = type(there.store)
    put, left = bucket.put, 0

    def failing(self: Any, name: str, data: Any, **how: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise _PluggedError
        put(self, name, data, **how)

    monkeypatch.setattr(bucket, "put", failing)
    reports: list[Synced] = []
    for allowed in (3, 9, 20, 30, 200):
        left = allowed
        with contextlib.suppress(_PluggedError):
            reports.append(sync(here, there))
        if (history := read_history(there.store)).latest:
            assert history.head
            verify_remote(there.store, "latest")
    assert reports
    assert files(down(url, tmp_path / "down")) == files(folder)


def test_a_hook_that_did_not_begin_from_the_latest_is_refused(url: str, tmp_path: Path) -> None:
    place = open_place(url, "speeches", to_write=True)
    began = read_history(place.store)
    publish_rows(url, tmp_path / "m", "a", range(3))
    with pytest.raises(ConflictError):
        publish_hooked(
            tmp_path / "scratch" / "speeches",
            [speech("b", 1)],
            Upload(Place(place.datasets, "speeches"), began),
            frozenset({f"{NOW:%Y-%m-%d}.1"}),
        )
    assert not (tmp_path / "scratch" / "speeches" / "latest.json").exists()
    assert len(read_history(place.store).versions) == 1


@contextlib.contextmanager
def web(folder: Path) -> Iterator[str]:
    """A plain web server over a folder."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.mark.parametrize("into", ["folder", "bucket"])
def test_from_a_web_server(url: str, tmp_path: Path, into: str) -> None:
    folder = local(tmp_path / "one" / "speeches")
    with web(tmp_path / "one") as address:
        target = open_place(url if into == "bucket" else str(tmp_path / "two"), "speeches", to_write=True)
        sync(open_place(address, "speeches"), target)
        assert sync(open_place(f"{address}/speeches", "speeches"), target).files == 0
        assert verify_remote(open_place(address, "speeches").store).versions == list(
            read_history(target.store).versions
        )
    back = down(url, tmp_path / "two") if into == "bucket" else tmp_path / "two" / "speeches"
    assert files(back) == files(folder)


def jianghua(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    argv, sys.argv = sys.argv, ["jianghua", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            run_app(app)
    except SystemExit as e:
        code = int(e.code or 0)
    finally:
        sys.argv = argv
    return code, out.getvalue(), err.getvalue()


def test_the_commands(url: str, tmp_path: Path) -> None:
    folder = local(tmp_path / "home" / "datasets" / "speeches")
    home = str(tmp_path / "home")
    code, out, err = jianghua("sync", ".", url, "--dry-run", "--json", "--home", home)
    assert code == 0, err
    plan = json.loads(out)
    assert plan["dry_run"]
    assert len(plan["versions"]) == 3
    assert jianghua("verify", "--at", url)[0] == 2  # nothing there yet
    code, out, _ = jianghua("sync", home, url, "--delete")
    assert code == 0
    assert f"brought {', '.join(plan['versions'])}" in out
    assert "nothing was missing" in jianghua("sync", home, url, "--check")[1]
    code, out, _ = jianghua("verify", "--at", url, "--json")
    assert (code, json.loads(out)["versions"]) == (0, plan["versions"])
    code, _, err = jianghua("sync", url, url)
    assert code == 2
    assert "the same place" in err
    code, _, err = jianghua("sync", home, "https://example.org/x")
    assert code == 2
    assert "only be read" in err
    assert jianghua("sync", url, str(tmp_path / "back"))[0] == 0
    assert files(tmp_path / "back" / "speeches") == files(folder)


def test_publish_to_an_address_by_the_command(url: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    extracted(home, "a", [speech("a", n) for n in range(4)])
    code, out, err = jianghua("publish", "--to", url, "--json", "--home", str(home))
    assert code == 0, err
    assert (json.loads(out)["sequence"], json.loads(out)["rows"]) == (1, 4)
    extracted(home, "a", [speech("a", n) for n in range(5)])
    code, out, err = jianghua("publish", "--to", url, "--home", str(home))
    assert code == 0, err
    assert "1 added" in out
    assert url in out
    code, out, _ = jianghua("publish", "--to", url, "--home", str(home))
    assert code == 0
    assert "nothing changed" in out
    assert not (home / "datasets").exists()
    assert [k.manifest.sequence for k in read_history(open_place(url, "speeches").store).versions.values()] == [1, 2]
    assert len(verify(down(url, tmp_path / "down")).versions) == 2
