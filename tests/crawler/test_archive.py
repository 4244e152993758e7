"""The WARC archive: what is written is read again, what is damaged is told, a torn end harms nothing before it."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from crawler.archive import ArchivedResponse, ArchiveWriter, WarcAddress, http_record, read_response
from crawler.errors import DamagedError
from crawler.home import Home

WHEN = datetime(2026, 11, 22, 8, 0, 0, tzinfo=UTC)
HEADERS = [("Content-Type", "text/html; charset=gbk"), ("Content-Encoding", "gzip"), ("X-A", "1"), ("X-A", "2")]


def write(home: Home, bodies: list[bytes]) -> list[WarcAddress]:
    writer = ArchiveWriter(home, "s", "tests")
    found = [writer.response(f"http://a.test/{n}", 200, "OK", HEADERS, body, WHEN) for n, body in enumerate(bodies)]
    writer.close()
    return found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.find(tmp_path)


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=4))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes]) -> None:
    home = Home.find(tmp_path_factory.mktemp("warc"))
    for n, (address, body) in enumerate(zip(write(home, bodies), bodies, strict=True)):
        found: ArchivedResponse = read_response(home, address)
        assert (found.url, found.status, found.body, found.fetched_at) == (f"http://a.test/{n}", 200, body, WHEN)
        assert [v for k, v in found.headers if k == "X-A"] == ["1", "2"]
        assert ("X-Archive-Original-Content-Encoding", "gzip") in found.headers


@pytest.mark.parametrize("kind", ["response", "revisit"])
@given(body=st.binary(max_size=300), value=st.text(st.characters(exclude_characters="\r\n", codec="utf-8")))
def test_a_record_is_the_one_that_warcio_writes(kind: str, body: bytes, value: str) -> None:
    body = b"" if kind == "revisit" else body
    warc = {"WARC-Date": "2026-11-22T08:00:00Z", "WARC-Payload-Digest": "sha256:0", "WARC-Profile": "p"}

    def headers() -> StatusAndHeaders:
        return StatusAndHeaders("200 OK", [*HEADERS, ("X-B", value)], protocol="HTTP/1.1")

    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=False)
    record = writer.create_warc_record(
        "http://a.test/文", kind, payload=io.BytesIO(body), length=len(body), http_headers=headers(), warc_headers_dict=warc | {"WARC-Record-ID": "<urn:uuid:1>"}
    )  # fmt: skip
    try:
        writer.write_record(record)
    except UnicodeEncodeError:
        reject()  # warcio cannot write it
    theirs = buffer.getvalue().replace(b"WARC-Record-ID: <urn:uuid:1>\r\nWARC-Type: %b\r\n" % kind.encode(), b"WARC-Type: %b\r\nWARC-Record-ID: <urn:uuid:1>\r\n" % kind.encode())  # fmt: skip
    assert http_record(kind, "http://a.test/文", body, headers(), warc, "<urn:uuid:1>") == theirs


def test_any_header_is_kept(home: Home) -> None:
    writer = ArchiveWriter(home, "s", "tests")
    headers = [("X-A", "=0;\x80"), ("X-\xe9", "1")]
    address = writer.response("http://a.test/", 200, "OK", headers, b"<html>", WHEN)
    writer.close()
    kept = dict(read_response(home, address).headers)
    assert kept["X-A"].endswith("0;%C2%80")
    assert kept["X-%C3%A9"] == "1"


def test_the_file_is_a_warc_that_others_read(home: Home) -> None:
    writer = ArchiveWriter(home, "s", "tests")
    address = writer.response("http://a.test/", 200, "OK", HEADERS, b"<html>", WHEN)
    writer.revisit("http://a.test/", 200, "OK", [("ETag", '"1"')], WHEN, address.sha256, WHEN)
    writer.close()
    with (home.var / "archive" / address.file).open("rb") as file:
        records = [
            (r.rec_type, r.rec_headers.get_header("WARC-Payload-Digest"))
            for r in ArchiveIterator(file, check_digests=True)
        ]
    digest = f"sha256:{address.sha256}"
    assert records == [("warcinfo", None), ("response", digest), ("revisit", digest)]


def test_damage_is_told_with_file_and_offset(home: Home) -> None:
    first, second = write(home, [os.urandom(3000), b"<html>" + b"x" * 3000])
    path = home.var / "archive" / first.file
    whole = path.read_bytes()
    for address in (replace(first, sha256=second.sha256), replace(first, offset=second.offset, length=second.length),
                    replace(first, offset=first.offset + 1), replace(second, length=second.length + 9), replace(second, file="s/none.warc.gz")):  # fmt: skip
        with pytest.raises(DamagedError) as error:
            read_response(home, address)
        assert address.file in str(error.value)
        assert f"offset {address.offset}" in str(error.value)
        assert "do:" in str(error.value)
    path.write_bytes(whole[:-5])
    with pytest.raises(DamagedError, match="cut off"):
        read_response(home, second)
    assert read_response(home, first).body
    random_ = random.Random(3)
    told = 0
    for _ in range(200):
        bad = bytearray(whole)
        at = random_.randrange(first.offset, first.offset + first.length)
        bad[at] ^= 1 << random_.randrange(8)
        path.write_bytes(bad)
        try:
            read_response(home, first)
        except DamagedError:
            told += 1
        assert read_response(home, second).body
    assert told >= 190  # the gzip header has a few bits that mean nothing


def test_a_torn_last_record_harms_nothing(home: Home) -> None:
    code = (
        "import os, signal, sys\nfrom datetime import UTC, datetime\nfrom pathlib import Path\n"
        "from crawler.archive import ArchiveWriter\nfrom crawler.home import Home\n"
        f"w = ArchiveWriter(Home.find({str(home.root)!r}), 's', 'tests')\n"
        "a = w.response('http://a.test/', 200, 'OK', [], b'first', datetime.now(UTC))\nw.flush()\n"
        "print(a.file, a.offset, a.length, a.sha256, flush=True)\n"
        "w.response('http://a.test/2', 200, 'OK', [], os.urandom(100_000), datetime.now(UTC))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == -9
    file, offset, length, sha256 = ran.stdout.split()
    address = WarcAddress(file, int(offset), int(length), sha256)
    assert read_response(home, address).body == b"first"
    again = write(home, [b"second"])[0]
    assert again.file != file  # never appended behind a torn record
    assert read_response(home, again).body == b"second"
