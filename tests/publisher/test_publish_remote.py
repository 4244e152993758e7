"""Folders and object storage behind one interface, on a real S3 server."""

from __future__ import annotations

import contextlib
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import DamagedError, JianghuaError, UsageError
from publisher.chain import open_place
from publisher.remote import ConflictError, Store, Tag, at_once, open_store
from tests.publisher.s3_server import BUCKET, S3
from tests.publisher.s3_server import s3 as s3


@pytest.fixture(autouse=True)
def _credentials(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "s3" in request.fixturenames:
        for name, value in request.getfixturevalue("s3").environment.items():
            monkeypatch.setenv(name, value)


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, s3: S3) -> Store:
    return open_store(tmp_path if request.param == "folder" else s3.url(f"store-{uuid.uuid4()}"), to_write=True)


def names(found: Any) -> set[str]:
    return {e.name for e in found}


def test_a_store_reads_lists_copies_and_deletes_what_was_put(store: Store, tmp_path: Path) -> None:
    big = tmp_path / ".big"
    big.write_bytes(bytes(range(256)) * 40_000)  # more than one part of an upload
    store.put("a/b/one", b"1")
    store.put("a/ten", big)
    store.put("a/one", b"")
    found, sized = store.read("a/b/one"), store.stat("a/ten")
    assert found
    assert found.data == b"1"
    assert sized
    assert sized.size == 256 * 40_000
    assert b"".join(store.stream("a/ten")) == big.read_bytes()
    store.copy("a/ten", "c/d/ten")
    store.copy("a/ten", "c/d/ten")  # again: nothing to do, no error
    assert b"".join(store.at("c").at("d").stream("ten")) == big.read_bytes()
    assert names(store.entries()) == {"a/b/one", "a/ten", "a/one", "c/d/ten"}
    assert names(store.entries("a")) == {"a/b/one", "a/ten", "a/one"}  # not what only begins alike
    assert names(store.at("a").entries("b")) == {"b/one"}
    assert store.children("a") == (["b"], ["one", "ten"])
    assert store.children("nothing") == ([], [])
    store.delete(["a/b/one", "never/there"])
    assert store.read("a/b/one") is None
    assert store.read("a/b") is None
    assert store.stat("a/b/one") is None
    assert names(store.entries("a")) == {"a/ten", "a/one"}
    with pytest.raises(DamagedError, match="missing"):
        list(store.stream("a/b/one"))
    with pytest.raises(FileNotFoundError):
        store.copy("a/b/one", "a/c")


def test_conditional_puts(store: Store) -> None:
    store.put("claim", b"mine", absent=True)
    with pytest.raises(ConflictError):
        store.put("claim", b"yours", absent=True)
    first = store.read("claim")
    assert first
    assert first.data == b"mine"
    store.put("claim", b"mine still", tag=first.tag)
    with pytest.raises(ConflictError):
        store.put("claim", b"too late", tag=first.tag)
    second = store.read("claim")
    assert second
    assert second.data == b"mine still"
    store.delete(["claim"])
    with pytest.raises(ConflictError):
        store.put("claim", b"it is gone", tag=second.tag)
    assert store.read("claim") is None


def test_of_many_conditional_puts_at_once_one_wins(store: Store) -> None:
    wins: list[bytes] = []
    ready = threading.Barrier(8)

    def attempt(job: tuple[bytes, Tag | None]) -> None:
        data, tag = job
        ready.wait()
        with contextlib.suppress(ConflictError):
            store.put("latest", data, absent=tag is None, tag=tag)
            wins.append(data)

    for turn in range(5):
        found = store.read("latest")
        wins.clear()
        at_once([(f"{turn} {i}".encode(), found.tag if found else None) for i in range(8)], attempt)
        last = store.read("latest")
        assert last is not None
        assert wins == [last.data]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ftp://host/x", "cannot use ftp"),
        ("s3://", "no bucket"),
        ("s3:/bucket/x", "two slashes"),
        ("s3:bucket", "two slashes"),
        ("s3://key:hidden-word@bucket/x", "no credentials"),
        ("https://example.org/x", "only be read"),
        ("az://account", "no bucket"),
        ("s3:///", "no bucket"),
        ("https://", "only be read"),
    ],
)
def test_addresses_that_are_none(address: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    with pytest.raises(UsageError, match=said) as e:
        open_store(address, to_write=True)
    assert "hidden-word" not in str(e.value)
    with pytest.raises(UsageError, match=said):
        open_place(address, "speeches", to_write=True)


def test_credentials_that_are_missing_or_wrong_are_told_without_showing_them(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(UsageError, match="AWS_SECRET_ACCESS_KEY is missing"):
        open_store(s3.url("x"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-right-one")
    with pytest.raises(JianghuaError, match="refuses: SignatureDoesNotMatch") as e:
        open_store(s3.url("x")).read("latest.json")
    assert "not-the-right-one" not in str(e.value)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(UsageError, match="no credentials"):
        open_store(s3.url("x"))


def test_a_bucket_that_is_missing_and_a_server_that_is_away(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no such bucket"):
        open_store(f"s3://{BUCKET}-not").read("latest.json")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("publisher.buckets.RETRIES", 0)
    with pytest.raises(JianghuaError, match="no connection") as e:
        open_store(s3.url("x")).read("latest.json")
    assert "AWS_ENDPOINT_URL" in str(e.value.remedy)
    with pytest.raises(JianghuaError, match="no connection") as e:
        open_store("http://127.0.0.1:9/x").read("latest.json")
    assert "AWS" not in str(e.value.remedy)
