"""Files as they are given out: ranges, tags, and nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.home import Home
from publisher.release import publish_records
from service.files import _range, open_below
from tests.publisher.publisher_made import records, speech
from tests.schedules.house import until
from tests.service.server import Up

Start = Callable[..., Up]
DATA = os.urandom(300_000)
PART = f"part-{hashlib.sha256(DATA).hexdigest()[:32]}.parquet"
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with one part, and what goes with it."""
    home = Home.find(tmp_path_factory.mktemp("shop") / "home")
    table = home.datasets / "speeches" / "tables" / "speeches"
    table.mkdir(parents=True)
    (table / PART).write_bytes(DATA)
    (home.datasets / "speeches" / "versions.json").write_bytes(b'{"versions": []}')
    return home


def test_ranges_tags_and_caching(shop: Home, ups: Start) -> None:
    up = ups(shop, env={"JIANGHUA_PUBLIC": "true"}).ready()
    path = f"/datasets/speeches/tables/speeches/{PART}"
    whole = up.get(path)
    assert (whole.status, whole.body) == (200, DATA)
    tag = whole.headers["ETag"]
    assert tag == f'"{DIGEST}"'
    assert whole.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert whole.headers["Access-Control-Allow-Origin"] == "*"
    assert whole.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(bytes.fromhex(DIGEST)).decode()}:"
    assert up.get(path, If_None_Match=f'"x", {tag}').status == 304
    assert up.get(path, If_None_Match='"x"').status == 200
    for asked, first, last in (
        ("0-9", 0, 9),
        ("-8", 299_992, 299_999),
        ("299990-", 299_990, 299_999),
        ("5-999999999", 5, 299_999),
    ):
        part = up.get(path, Range=f"bytes={asked}")
        assert (part.status, part.body) == (206, DATA[first : last + 1]), asked
        assert part.headers["Content-Range"] == f"bytes {first}-{last}/300000"
        assert part.headers["ETag"] == tag
    beyond = up.get(path, Range="bytes=300000-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */300000")
    assert up.get(path, Range="bytes=0-1,5-6").body == DATA  # several at once: all
    assert up.get(path, Range="bytes=0-9", If_Range='"another"').body == DATA
    assert up.get(path, Range="bytes=0-9", If_Range=tag).body == DATA[:10]
    head = up.ask(path, "HEAD")
    assert (head.status, head.body, head.headers["Content-Length"], head.headers["ETag"]) == (200, b"", "300000", tag)
    pointer = up.get("/datasets/speeches/versions.json")
    assert pointer.headers["Cache-Control"] == "public, max-age=0, must-revalidate"
    (shop.datasets / "speeches" / "versions.json").write_bytes(b'{"versions": [1]}')
    assert up.get("/datasets/speeches/versions.json", If_None_Match=pointer.headers["ETag"]).json == {"versions": [1]}
    asked_before = up.ask(path, "OPTIONS", Origin="https://notebook.example", Access_Control_Request_Method="GET")
    assert asked_before.status == 204
    assert "Range" in asked_before.headers["Access-Control-Allow-Headers"]


def test_latest_is_had_whatever_is_wrong_with_an_old_version(bare: Home, ups: Start) -> None:
    folder = bare.datasets / "speeches"
    names = []
    for n in (1, 2):
        made = publish_records(
            folder, records([speech("a", i) for i in range(n)]), now=datetime(2026, 11, 20 + n, tzinfo=UTC)
        )
        names.append(str(made.version))
    (folder / "versions" / names[0] / "manifest.json").write_text("{}")
    up = ups(bare).ready()
    answer = up.get("/datasets/speeches/latest/manifest.json")
    assert (answer.status, answer.headers["Location"]) == (307, f"/datasets/speeches/versions/{names[1]}/manifest.json")
    told = up.get("/api/v1/datasets/speeches").json
    assert (told["latest"], [v["version"] for v in told["versions"]]) == (names[1], [names[1]])
    assert names[0] in told["error"]
    assert names[1] in up.get("/").text


def test_what_is_not_public_says_so(shop: Home, ups: Start) -> None:
    up = ups(shop).ready()
    answer = up.get(f"/datasets/speeches/tables/speeches/{PART}")
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_reader_that_goes_away_leaves_no_file_open(shop: Home, ups: Start) -> None:
    up = ups(shop).ready()
    up.get("/health")

    def held() -> int:
        return sum(PART in target for target in open_files(up.process.pid))

    for _ in range(5):
        with socket.create_connection(("127.0.0.1", up.port)) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.sendall(f"GET /datasets/speeches/tables/speeches/{PART} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            s.recv(1000)
    until(lambda: held() == 0)


def open_files(pid: int) -> list[str]:
    """What the open files of a process are, of those that are still open when they are looked at."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found.append(str(link.readlink()))
    return found


@given(st.text("bytes=0123456789-, ", max_size=30), st.integers(0, 10**6))
def test_a_range_lies_in_the_file(text: str, size: int) -> None:
    try:
        found = _range(text, size)
    except ValueError:
        return
    if found is not None:
        assert 0 <= found[0] <= found[1] < size


def test_no_link_is_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (tmp_path / "secret").write_text("x")
    (root / "a" / "file").write_text("x")
    (root / "link").symlink_to(tmp_path)
    (root / "a" / "leads").symlink_to(tmp_path / "secret")
    os.mkfifo(root / "a" / "pipe")
    for bad in ("link/secret", "a/leads", "a", "a/pipe", "../secret", "a/../../secret", "a/missing", "a/.", ".hidden"):
        assert open_below(root, PurePosixPath(bad)) is None, bad
    fd = open_below(root, PurePosixPath("a/file"))
    assert fd is not None
    os.close(fd)
