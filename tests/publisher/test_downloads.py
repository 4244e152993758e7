"""jianghua download: whole or not at all, resumed, verified, shared; and what killed it in between."""

from __future__ import annotations

import http.server
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from typer.testing import CliRunner

from crawler.durable import write_bytes
from jianghua import DamagedError, GoneError, JianghuaError, UsageError, download, open_dataset
from publisher import download as module
from publisher.cli import app as publishing
from publisher.cli_data import app
from publisher.manifest import Gone, to_json
from publisher.release import publish_records
from publisher.tables import TABLES
from tests.children import environment
from tests.publisher.publisher_made import records, speech

DAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


class Server(http.server.SimpleHTTPRequestHandler):
    """Files, whole ones only, as Python serves them; counts what it sends."""

    got: ClassVar[Counter[str]] = Counter()
    ranges: ClassVar[list[str]] = []
    cut: ClassVar[dict[str, int]] = {}  # breaks off after so many bytes, once

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        self.got[self.path] += 1
        wanted = self.headers.get("Range")
        path = Path(self.translate_path(self.path))
        if not path.is_file() or not (self.cut or (wanted and self.knows_ranges)):
            super().do_GET()
            return
        data = path.read_bytes()
        first = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted and self.knows_ranges else 0
        if first >= len(data):
            self.send_error(416)
            return
        if first:
            self.ranges.append(f"{path.name} {first}")
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        part = data[first:]
        key = next((k for k in self.cut if k in self.path), None)
        if key is not None:
            part = part[: self.cut.pop(key)]
            self.close_connection = True
        self.wfile.write(part)

    knows_ranges = False


class Ranges(Server):
    knows_ranges = True


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    servers: list[http.server.ThreadingHTTPServer] = []
    Server.got.clear()
    Server.ranges.clear()
    Server.cut.clear()

    def start(folder: Path, handler: type[Server] = Ranges) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other without a pause."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("publisher.transfer.PATIENCE", 0.001)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions; the second has one speech more, so that only a few parts differ."""
    folder = tmp_path_factory.mktemp("home") / "datasets" / "speeches"
    rows = [speech("a", n) for n in range(12)]
    publish_records(folder, records(rows), now=DAY)
    publish_records(folder, records([*rows, speech("a", 50)]), now=DAY + timedelta(days=1))
    return folder


def whole(folder: Path) -> bool:
    """What the user's own tool says of a version's folder."""
    return (
        subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=False).returncode
        == 0
    )


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("handler", [Server, Ranges])
def test_a_version_comes_whole_and_is_a_dataset(
    published: Path, serve: Callable[..., str], tmp_path: Path, handler: type[Server]
) -> None:
    url = serve(published, handler)
    found = download(url, tmp_path / "to", version="2026-11-22.1")
    folder = tmp_path / "to" / "versions" / "2026-11-22.1"
    assert Path(found.folder) == folder
    assert tree(folder) == tree(published / "versions" / "2026-11-22.1")
    assert whole(folder)
    assert found.fetched == found.files - 1  # all but SHA256SUMS, which was read before
    assert found.bytes == sum(len(d) for n, d in tree(folder).items() if n != "SHA256SUMS")
    for place in (folder, tmp_path / "to"):
        ds = open_dataset(place)
        assert ds.version == "2026-11-22.1"
        for table in TABLES:
            assert ds.arrow(table).equals(open_dataset(published, version="2026-11-22.1").arrow(table))
    # the next version shares what it can, and nothing of the first is fetched again
    Server.got.clear()
    second = download(url, tmp_path / "to")
    newer = tmp_path / "to" / "versions" / "2026-11-23.1"
    assert whole(newer)
    assert whole(folder)
    shared = {n for n in tree(newer) if "/" in n} & {n for n in tree(folder) if "/" in n}
    assert shared
    assert second.linked == len(shared)
    assert not [p for p in Server.got if p.removeprefix("/versions/2026-11-23.1/") in shared]
    assert all((newer / n).samefile(folder / n) for n in shared)
    assert open_dataset(tmp_path / "to").version == "2026-11-23.1"
    assert [v.version for v in open_dataset(tmp_path / "to").versions()] == ["2026-11-22.1", "2026-11-23.1"]
    # an older one does not become the latest; nothing is fetched twice
    Server.got.clear()
    again = download(url, tmp_path / "to", as_of="2026-11-22")
    assert (again.version, again.fetched, again.kept) == ("2026-11-22.1", 0, found.files - 1)
    assert not [p for p in Server.got if p.endswith(".parquet")]
    assert open_dataset(tmp_path / "to").version == "2026-11-23.1"
    # and it can be downloaded from, by path and by address
    third = download(tmp_path / "to", tmp_path / "third")
    assert tree(Path(third.folder)) == tree(newer)
    assert tree(Path(download(serve(tmp_path / "to"), tmp_path / "fourth").folder)) == tree(newer)
    assert tree(Path(download(newer, tmp_path / "fifth").folder)) == tree(newer)


def test_some_tables_then_the_others(published: Path, serve: Callable[..., str], tmp_path: Path) -> None:
    url = serve(published)
    folder = Path(download(url, tmp_path, tables=["speeches", "duplicates"]).folder)
    assert {p.name for p in folder.iterdir() if p.is_dir()} == {"speeches", "duplicates"}
    assert whole(folder)
    ds = open_dataset(tmp_path)
    assert ds.arrow().num_rows == 13
    with pytest.raises(DamagedError, match="'pages' is missing") as caught:
        ds.arrow("pages")
    assert "--table pages" in str(caught.value)
    assert download(url, tmp_path, tables=["duplicates"]).fetched == 0
    assert whole(folder)
    assert len((folder / "SHA256SUMS").read_text().splitlines()) == len(tree(folder)) - 1  # speeches still stand there
    rest = download(url, tmp_path)
    assert rest.kept
    assert tree(folder) == tree(published / "versions" / "2026-11-23.1")
    with pytest.raises(UsageError, match="unknown table 'speech'"):
        download(url, tmp_path, tables=["speech"])


def test_what_is_damaged_here_is_fetched_again(published: Path, serve: Callable[..., str], tmp_path: Path) -> None:
    url = serve(published)
    folder = Path(download(url, tmp_path).folder)
    part = next((folder / "speeches").iterdir())
    data = part.read_bytes()
    part.write_bytes(data[:50] + b"?" + data[51:])
    (folder / "README.md").unlink()
    (folder / "SHA256SUMS").write_text("nonsense\n")
    assert download(url, tmp_path).fetched == 2
    assert tree(folder) == tree(published / "versions" / "2026-11-23.1")
    # of a version beside, a damaged part is not taken over
    older = Path(download(url, tmp_path / "other", version="2026-11-22.1").folder)
    shared = next(n for n in tree(older) if "/" in n and (published / "versions/2026-11-23.1" / n).exists())
    (older / shared).write_bytes(b"nothing")
    newer = Path(download(url, tmp_path / "other").folder)
    assert tree(newer) == tree(published / "versions" / "2026-11-23.1")


@pytest.mark.parametrize("handler", [Server, Ranges])
def test_what_breaks_off_goes_on(
    published: Path, serve: Callable[..., str], tmp_path: Path, handler: type[Server]
) -> None:
    parts = sorted(p.name for p in (published / "versions" / "2026-11-23.1" / "speeches").iterdir())
    Server.cut.update({parts[0]: 700, "README.md": 10})
    folder = Path(download(serve(published, handler), tmp_path).folder)
    assert tree(folder) == tree(published / "versions" / "2026-11-23.1")
    if handler is Ranges:
        assert sorted(Server.ranges) == sorted([f"{parts[0]} 700", "README.md 10"])
    else:
        assert not Server.ranges
    assert not Server.cut


def test_leftovers_of_a_killed_download_are_used_or_put_right(
    published: Path, serve: Callable[..., str], tmp_path: Path
) -> None:
    wanted = published / "versions" / "2026-11-23.1"
    beside = tmp_path / "versions" / ".downloading-2026-11-23.1"
    shutil.copytree(wanted, beside)
    speeches = sorted((beside / "speeches").iterdir())
    data = speeches[0].read_bytes()
    speeches[0].unlink()
    (beside / "speeches" / f"{speeches[0].name}.partial").write_bytes(data)  # killed before the rename
    (beside / "README.md").unlink()
    (beside / "README.md.partial").write_bytes(b"x" * 100_000)  # longer than the file, and another one
    duplicates = next((beside / "duplicates").iterdir())
    (beside / "duplicates" / f"{duplicates.name}.partial").write_bytes(b"y" * 20)  # another beginning
    duplicates.unlink()
    (beside / "pages" / "old.parquet").write_bytes(b"of something else")
    (beside / "SHA256SUMS").write_text("")
    found = download(serve(published), tmp_path)
    assert tree(Path(found.folder)) == tree(wanted)
    assert not beside.exists()
    assert Server.ranges  # it was tried to go on
    assert not [p for p in Server.got if speeches[0].name in p]


def test_wrong_files_are_never_kept(published: Path, serve: Callable[..., str], tmp_path: Path) -> None:
    copy = shutil.copytree(published, tmp_path / "copy", symlinks=True)
    part = next((copy / "versions" / "2026-11-23.1" / "speeches").iterdir())
    part.write_bytes(part.read_bytes()[:-1] + b"!")
    url = serve(copy)
    for _ in range(2):
        with pytest.raises(DamagedError, match="not what was published"):
            download(url, tmp_path / "to")
        assert not (tmp_path / "to" / "versions" / "2026-11-23.1").exists()
        assert not (tmp_path / "to" / "latest.json").exists()
    shutil.copyfile(published / "versions" / "2026-11-23.1" / "speeches" / part.name, part)
    assert whole(Path(download(url, tmp_path / "to").folder))
    part.unlink()
    with pytest.raises(DamagedError, match="is missing"):
        download(url, tmp_path / "to2")
    manifest = copy / "versions" / "2026-11-22.1" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    with pytest.raises(DamagedError, match="SHA-256"):
        download(url, tmp_path / "to3", version="2026-11-22.1")


def test_servers_in_trouble(published: Path, serve: Callable[..., str], tmp_path: Path) -> None:
    class Flaky(Ranges):
        left: ClassVar[Counter[str]] = Counter()

        def do_GET(self) -> None:
            self.left[self.path] += 1
            if self.left[self.path] < 3:
                self.send_response(503)
                self.send_header("Retry-After", "0")
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                super().do_GET()

    assert whole(Path(download(serve(published, Flaky), tmp_path / "a").folder))

    class Down(Ranges):
        def do_GET(self) -> None:
            if self.path.endswith(".parquet"):
                self.send_error(500)
            else:
                super().do_GET()

    with pytest.raises(JianghuaError, match="500"):
        download(serve(published, Down), tmp_path / "b")
    with pytest.raises(JianghuaError, match="cannot reach"):
        download("http://127.0.0.1:9/speeches", tmp_path / "c")
    with pytest.raises(UsageError, match="published in this folder"):
        download(serve(published), published)


def test_a_version_that_goes_while_it_is_downloaded(published: Path, serve: Callable[..., str], tmp_path: Path) -> None:
    copy = shutil.copytree(published, tmp_path / "copy", symlinks=True)
    gone = Gone(
        version="2026-11-22.1", sequence=1, state="yanked", reason="a letter", at=DAY, manifest_sha256="0" * 64,
        replaced_by="2026-11-22.2",
    )  # fmt: skip

    class Removing(Ranges):
        def do_GET(self) -> None:
            if self.path.endswith(".parquet"):
                write_bytes(copy / "versions" / "2026-11-22.1.gone.json", to_json(gone))
                shutil.rmtree(copy / "versions" / "2026-11-22.1", ignore_errors=True)
            super().do_GET()

    with pytest.raises(GoneError, match="a letter"):
        download(serve(copy, Removing), tmp_path / "to", version="2026-11-22.1")
    # who has it is told with the next download
    download(published, tmp_path / "to", version="2026-11-22.1")
    assert download(serve(copy), tmp_path / "to").withdrawn == {"2026-11-22.1": "a letter"}


KILLED = """
import os, signal, sys
from publisher import download as module
url, to = sys.argv[1:]
def doomed(n):
    def tick(*_):
        nonlocal n
        n -= 1
        if n < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    def audit(event, args):
        if event in {"open", "os.rename", "os.link", "os.mkdir", "os.remove", "shutil.rmtree"} and to in str(args[:2]):
            tick()
    sys.addaudithook(audit)
    module.download(url, to, watch=tick)
    os._exit(0)
for line in sys.stdin:
    pid = os.fork() or doomed(int(line))
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def test_killed_anywhere_it_can_be_run_again(published: Path, serve: Callable[..., str], tmp_path: Path) -> None:
    """Each attempt is killed, before a change on disk or a piece of a file, a little later than the one before."""
    url, to = serve(published), tmp_path / "to"
    version = to / "versions" / "2026-11-23.1"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, url, str(to)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as runner:
        assert runner.stdin
        assert runner.stdout
        for n in range(400):
            print(3 * n, file=runner.stdin, flush=True)
            ended = int(runner.stdout.readline())
            assert ended in (0, -signal.SIGKILL)
            assert not version.exists() or whole(version)
            if (to / "latest.json").exists():
                assert open_dataset(to).arrow().num_rows == 13
            if not ended:
                break
        runner.stdin.close()
    assert n > 8
    assert tree(version) == tree(published / "versions" / "2026-11-23.1")
    assert {p.name for p in to.rglob("*") if p.name.startswith(".")} == {module.LOCK}


def test_the_command(published: Path, serve: Callable[..., str], tmp_path: Path) -> None:
    runner = CliRunner()
    url = serve(published)
    result = runner.invoke(app, ["download", url, "--as-of", "2026-11-22", "--to", str(tmp_path), "--json"])
    told = json.loads(result.stdout)
    assert told["version"] == "2026-11-22.1"
    assert whole(Path(told["folder"]))
    result = runner.invoke(app, ["download", url, "--to", str(tmp_path), "--table", "speeches"])
    assert "all verified" in result.stdout
    assert "shared with other versions" in result.stdout
    result = runner.invoke(app, ["download", url, "--version", "2020-01-01.1"])
    assert isinstance(result.exception, UsageError)


PUBLISH = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tests.publisher.publisher_made import records, speech
from publisher.release import publish_records
rows = [speech("a", n) for n in range(8)]
for n in range(20):
    rows = [*rows[1:], speech("a", 8 + n)]  # one comes and one goes: no version has the files of another
    publish_records(Path(sys.argv[1]), records(rows), now=datetime(2026, 12, 1, 3, tzinfo=UTC) + timedelta(days=n))
    print(n, flush=True)
"""


def test_fifty_downloads_while_twenty_versions_are_published(serve: Callable[..., str], tmp_path: Path) -> None:
    folder = tmp_path / "speeches"
    publish_records(folder, records([speech("a", n) for n in range(8)]), now=DAY)
    url = serve(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", PUBLISH, str(folder)], env=environment(), stdout=subprocess.PIPE, text=True
    ) as publisher:
        try:
            done, changed = 0, threading.Condition()

            def reached(since: int) -> bool:
                return done >= since

            def fetch(n: int) -> list[str]:
                """Once with all the others, and once more when a version of one's own has just been published."""
                found = []
                for since in (1, 1 + n % 20):
                    with changed:
                        changed.wait_for(partial(reached, since))
                    # ten folders for fifty: some meet in one, where versions share files
                    found.append(download(url, tmp_path / "to" / str(n % 10), parallel=2).folder)
                return found

            with ThreadPoolExecutor(50) as pool:
                downloads = [pool.submit(fetch, n) for n in range(50)]
                assert publisher.stdout
                for _ in publisher.stdout:
                    with changed:
                        done += 1
                        changed.notify_all()
                with changed:
                    done = 100  # whatever happened to it: nobody waits for ever
                    changed.notify_all()
                folders = {Path(f) for d in downloads for f in d.result()}
        finally:
            publisher.kill()
    assert publisher.returncode == 0
    names = {f.name for f in folders}
    assert len(names) > 3  # they met a dataset that changed under them
    for found in folders:
        assert whole(found)
        assert tree(found) == tree(folder / "versions" / found.name)
        assert open_dataset(found).arrow().num_rows == 8


def test_downloads_list_their_versions_for_those_who_read_them_over_the_web(
    published: Path, serve: Callable[..., str], tmp_path: Path
) -> None:
    to = tmp_path / "to"
    download(published, to)
    download(published, to, version="2026-11-22.1")
    assert (to / "versions.json").read_bytes() == (published / "versions.json").read_bytes()
    url = serve(to)
    assert [v.version for v in open_dataset(url).versions()] == ["2026-11-22.1", "2026-11-23.1"]
    assert open_dataset(url, as_of="2026-11-22").version == "2026-11-22.1"
    assert download(url, tmp_path / "again", as_of="2026-11-22").version == "2026-11-22.1"
    with pytest.raises(UsageError, match="unknown version") as caught:
        open_dataset(url, version="2026-11-24.1")
    assert "2026-11-22.1, 2026-11-23.1" in str(caught.value)
    # of a version and the one re-issued in its place only the latter is listed, as where the folder is opened
    manifest = json.loads((to / "versions" / "2026-11-22.1" / "manifest.json").read_bytes())
    again = to / "versions" / "2026-11-22.2" / "manifest.json"
    write_bytes(again, json.dumps(manifest | {"version": "2026-11-22.2", "reissue_of": "2026-11-22.1"}).encode())
    download(published, to)
    for where in (url, to):
        assert [v.version for v in open_dataset(where).versions()] == ["2026-11-22.2", "2026-11-23.1"]


def test_a_download_in_part_can_be_downloaded_from(published: Path, tmp_path: Path) -> None:
    some = ["speeches", "duplicates"]
    download(published, tmp_path / "part", tables=some)
    with pytest.raises(UsageError, match="downloaded in part") as caught:
        download(tmp_path / "part", tmp_path / "next")
    assert "duplicates, speeches" in str(caught.value)
    download(tmp_path / "part", tmp_path / "next", tables=some)
    assert tree(tmp_path / "next" / "versions") == tree(tmp_path / "part" / "versions")
    assert whole(tmp_path / "next" / "versions" / "2026-11-23.1")


def test_a_download_is_verified_wherever_it_lies(published: Path, serve: Callable[..., str], tmp_path: Path) -> None:
    to = tmp_path / "mine"
    download(published, to)
    for where in (str(to), serve(to)):
        told = CliRunner().invoke(publishing, ["verify", "--at", where])
        assert told.exit_code == 0, told.output
        assert "all as written" in told.output
    part = next((to / "versions" / "2026-11-23.1" / "pages").iterdir())
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    for where in (str(to), serve(to)):
        told = CliRunner().invoke(publishing, ["verify", "--at", where])
        assert isinstance(told.exception, DamagedError)
    shutil.copytree(published, tmp_path / "speeches", symlinks=True)
    shutil.rmtree(tmp_path / "speeches" / "tables")  # no download, and has lost its store
    told = CliRunner().invoke(publishing, ["verify", "--at", str(tmp_path / "speeches")])
    assert isinstance(told.exception, DamagedError)


def test_some_tables_are_verified_as_what_they_are(published: Path, serve: Callable[..., str], tmp_path: Path) -> None:
    to = tmp_path / "mine"
    download(published, to, tables=["speeches", "duplicates"])
    told = CliRunner().invoke(publishing, ["verify", "--at", str(to), "--json"])
    assert told.exit_code == 0, told.output
    rows = {t: open_dataset(to).arrow(t).num_rows for t in ("speeches", "duplicates")}
    assert json.loads(told.stdout)["rows"] == sum(rows.values())
    for where in (serve(to), str(shutil.copytree(to, tmp_path / "copy", ignore=lambda *_: [".download.lock"]))):
        told = CliRunner().invoke(publishing, ["verify", "--at", where])  # what it is nobody can tell here
        assert isinstance(told.exception, DamagedError)
        assert "lacks the tables contained, " in str(told.exception)
        assert "without --table" in str(told.exception)
    part = next((to / "versions" / "2026-11-23.1" / "duplicates").iterdir())
    part.unlink()
    told = CliRunner().invoke(publishing, ["verify", "--at", str(to)])
    assert isinstance(told.exception, DamagedError)


def test_what_is_not_of_the_version_is_told(published: Path, tmp_path: Path) -> None:
    some = ["speeches", "pages"]
    assert download(published, tmp_path / "to", tables=some).strange == ()
    version = tmp_path / "to" / "versions" / "2026-11-23.1"
    shutil.copy(next((version / "speeches").iterdir()), version / "speeches" / "copy.parquet")
    (version / "pages" / "more").symlink_to(version / "speeches", target_is_directory=True)
    assert download(published, tmp_path / "to", tables=["removed"]).strange == ("pages/more", "speeches/copy.parquet")
    told = CliRunner().invoke(app, ["download", str(published), "--to", str(tmp_path / "to")])
    assert "copy.parquet in it is not of the version" in told.output
