"""Erasing: archive, state and records hold nothing of a page any more, all else stays where it was, and nobody asks for it again."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from crawler import erase
from crawler.archive import ArchiveWriter, WarcAddress, read_response
from crawler.errors import DamagedError, JianghuaError
from crawler.extraction.jobs import extract
from crawler.home import Home
from crawler.shards import read_records
from crawler.state import SiteState
from crawler.takedowns import add_takedown
from tests.crawler.crawling import crawl, pages
from tests.crawler.faults import FaultServer, links, site_file
from tests.publisher.denied import only_read

WHEN = datetime(2026, 11, 22, 8, 0, 0, tzinfo=UTC)
SECRET = "此段文字应权利人要求撤下"


@given(st.integers(0, 2000))
def test_a_tombstone_has_the_length_asked_for(length: int) -> None:
    try:
        made = erase.tombstone(length)
    except ValueError:
        assert length < 110  # no response is as short: its head alone is longer
        return
    assert len(made) == length
    assert b"WARC-Type: metadata" in gzip.decompress(made)
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    unpacker.decompress(made)
    assert unpacker.eof
    assert unpacker.unused_data == b""


def archive(home: Home) -> dict[str, list[WarcAddress]]:
    """Two files: pages 0 to 5, twice page 3, and a revisit of it."""
    out: dict[str, list[WarcAddress]] = {}
    for run in range(2):
        writer = ArchiveWriter(home, "s", "tests")
        for n in range(6):
            body = f"<p>{n} {run} {SECRET if n == 3 else '讲话'}".encode() * 40
            url = f"http://a.test/{n}.html"
            out.setdefault(url, []).append(writer.response(url, 200, "OK", [("ETag", "x")], body, WHEN))
        writer.revisit("http://a.test/3.html", 304, "Not Modified", [], WHEN, "0" * 64, WHEN)
        writer.close()
    return out


def test_a_state_is_read_where_nothing_may_be_written(tmp_path: Path) -> None:
    """As by somebody who only looks after a home: a dry run of an erasure reads it."""
    home = Home(tmp_path / "home")
    with SiteState.open(home, "s") as state:
        state.set_meta("told", "yes")
        state.commit()
    with only_read(home.root) as copy, SiteState.open(Home(copy), "s", read_only=True) as state:
        assert state.meta("told") == "yes"
        assert [p.name for p in (copy / "var" / "state").iterdir() if p.suffix not in (".db", ".lock")] == []


def everything(home: Home) -> bytes:
    """All bytes under var, archives unpacked, with what stands raw in them."""
    out = b""
    for path in sorted(home.var.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            out += data
            if path.name.endswith(".gz"):
                out += gzip.decompress(data)
            if path.suffix == ".parquet":
                out += str(pq.ParquetFile(path).read().to_pylist()).encode()
    return out


def test_records_are_erased_in_every_run_and_the_others_keep_their_addresses(tmp_path: Path) -> None:
    home = Home(tmp_path)
    kept = archive(home)
    lost = kept.pop("http://a.test/3.html")
    sizes = {p: p.stat().st_size for p in home.archive("s").iterdir()}
    assert SECRET.encode() in everything(home)
    done = erase.erase(home, "s", ["/3.html"], dry_run=True)
    assert (done.records, len(done.files)) == (4, 2)
    assert SECRET.encode() in everything(home)
    (home.archive("s") / ".x.warc.gz.abc.tmp").write_bytes(SECRET.encode())  # of an erasure that was killed
    done = erase.erase(home, "s", ["/3.html"])
    assert (done.records, len(done.files), done.anything) == (4, 2, True)
    assert SECRET.encode() not in everything(home)
    assert {p: p.stat().st_size for p in home.archive("s").iterdir()} == sizes
    for addresses in kept.values():
        for address in addresses:
            assert read_response(home, address).status == 200
    for address in lost:
        with pytest.raises(DamagedError):
            read_response(home, address)
    for path in sizes:
        with path.open("rb") as file:
            found = [(r.rec_type, r.rec_headers.get_header("WARC-Target-URI")) for r in ArchiveIterator(file, check_digests=True)]  # fmt: skip
        assert [f for f in found if f[0] == "metadata"] == [("metadata", None)] * 2
        assert len(found) == 8
        assert "http://a.test/3.html" not in [f[1] for f in found]
    assert not erase.erase(home, "s", ["/3.html"]).anything  # again: nothing is left to do


@pytest.mark.parametrize("cut", [1, 30, 100])
def test_a_file_with_a_torn_end_is_erased_too(tmp_path: Path, cut: int) -> None:
    home = Home(tmp_path)
    writer = ArchiveWriter(home, "s", "tests")
    first = writer.response("http://a.test/1.html", 200, "OK", [], b"whole", WHEN)
    last = writer.response("http://a.test/3.html", 200, "OK", [], SECRET.encode() * 50, WHEN)
    writer.close()
    path = home.var / "archive" / last.file
    path.write_bytes(path.read_bytes()[:-cut])
    erase.erase(home, "s", ["/3.html"])
    assert read_response(home, first).body == b"whole"
    assert SECRET.encode() not in zlib.decompressobj(31).decompress(path.read_bytes()[last.offset :])


def test_a_file_that_is_no_archive_is_told(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.archive("s").mkdir(parents=True)
    (home.archive("s") / "x.warc.gz").write_bytes(b"no archive at all")
    with pytest.raises(DamagedError, match="cannot be read"):
        erase.erase(home, "s", ["/3.html"])


def article(n: int, more: str = "") -> bytes:
    paragraphs = "".join(f"<p>同志们，第{n}点第{i}段，我们要认真学习会议精神，全面推进各项工作，狠抓落实{more}。</p>" for i in range(12))  # fmt: skip
    title = f"在第{n}次会议上的讲话"
    head = f"<html><head><meta charset=utf-8><title>{title}</title></head><body><h1>{title}</h1>"
    return f"{head}<div class=content><p>同志们：</p>{paragraphs}<p>谢谢大家！</p></div></body></html>".encode()


def test_a_page_is_erased_from_a_home_and_never_asked_for_again(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with FaultServer() as server:
        for n in range(1, 5):
            server.pages[f"/a/{n}.html"] = article(n, SECRET if n == 3 else "")
        server.pages["/"] = links(*(f"/a/{n}.html" for n in range(1, 5)))
        site_file(home, "s", server.url)
        assert crawl(home, "s", "--delay", "0").code == 0
        extract(home, ["s"], workers=1)
        before = {r["page_url"]: r for r in read_records(home, "s", "speeches").to_pylist()}
        assert SECRET in str(before)
        gone = next(u for u in before if u.endswith("/3.html"))
        assert erase.article_keys(home, "s", ["/a/3.html"]) == ["/a/3.html"]

        with SiteState.open(home, "s"), pytest.raises(JianghuaError, match="another crawl"):
            erase.erase(home, "s", ["/a/3.html"])
        told = {
            "url": gone,
            "reason": "asked for",
            "date": date(2026, 11, 22),
            "archive": True,
            "pages": [{"site": "s", "keys": ["/a/3.html"]}],
        }
        add_takedown(home, told)
        done = erase.erase(home, "s", ["/a/3.html"])
        assert (done.records, done.pages, done.speeches) == (1, 1, 1)
        assert SECRET.encode() not in everything(home)
        assert {r["page_url"] for r in read_records(home, "s", "speeches").to_pylist()} == before.keys() - {gone}
        page = next(r for r in read_records(home, "s", "pages").to_pylist() if r["key"] == "/a/3.html")
        assert (page["fate"], page["why"], page["title"], page["speeches"]) == ("disallowed", "taken down", None, 0)
        assert "/a/3.html" not in read_records(home, "s", "cuts")["article_key"].to_pylist()

        extract(home, ["s"], workers=1)
        after = {r["page_url"]: r for r in read_records(home, "s", "speeches").to_pylist()}
        assert after == {u: r for u, r in before.items() if u != gone}
        assert pages(home, "s")["/a/3.html"].address is None

        # the state may be lost: the list is not
        home.state_db("s").unlink()
        asked = len(server.log)
        assert crawl(home, "s", "--delay", "0").code == 0
        assert "/a/2.html" in server.paths()[asked:]
        assert "/a/3.html" not in server.paths()[asked:]
        assert pages(home, "s")["/a/3.html"].why == "taken down"
        assert SECRET.encode() not in everything(home)
