"""Bad input through the real command: what was wrong, where, what to do; nothing kept is lost; `latest` stays readable."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.home import Home
from crawler.sample import install_site_files
from crawler.sample.build import Sample, build
from crawler.sample.server import SampleServer
from publisher.verify import verify
from publisher.versions import version_names
from tests.chain import argv, at, content, environment, files, jianghua, report, rows


@pytest.fixture(scope="module")
def one_site() -> Sample:
    return build(articles=13, chars=400, sites=("muduo",))


@pytest.fixture(scope="module")
def server(one_site: Sample) -> Iterator[SampleServer]:
    with SampleServer(one_site) as made:
        yield made


@pytest.fixture(scope="module")
def published(server: SampleServer, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with the sample's first day published; the server shows the second day from then on."""
    home = Home.find(tmp_path_factory.mktemp("published"))
    install_site_files(home)
    assert report(home, "run", *at(server.urls), "--delay", "0")["version"]
    server.set_day(2)
    return home


@pytest.fixture
def home(published: Home, tmp_path: Path) -> Home:
    """A copy of the published home, to be spoilt."""
    shutil.copytree(published.root, tmp_path / "home", symlinks=True)
    return Home.find(tmp_path / "home")


def told(done: subprocess.CompletedProcess[str], *words: str, code: int | None = None) -> None:
    """An error for people: a code that is not 0, no traceback, and what, where and remedy."""
    everything = done.stderr + done.stdout
    assert done.returncode not in (0, None), everything
    assert code is None or done.returncode == code, everything
    assert "Traceback" not in everything, everything
    for word in ("do:", *words):
        assert word in everything, (word, everything)


def flip(path: Path, place: float = 0.5) -> None:
    """One bit of a file turned over."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 0x10
    path.write_bytes(data)


def limited(home: Home, bytes_a_file: int, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the command on a disk that takes no more than so many bytes a file."""
    return jianghua(home, *args, bytes_a_file=bytes_a_file)


def same_latest(home: Home, published: Home) -> None:
    """The latest version is whole, and the one that was there before."""
    assert content(home) == content(published)
    folders = [h.datasets / "speeches" for h in (home, published)]
    assert verify(folders[0]).versions == verify(folders[1]).versions


@pytest.mark.parametrize("command", ["crawl", "learn", "extract", "run"])
def test_unknown_site(home: Home, published: Home, command: str) -> None:
    before = files(home.root)
    told(jianghua(home, command, "nosuch"), "unknown site 'nosuch'", "where:", "muduo", code=2)
    assert files(home.root) == before


def test_broken_site_file(home: Home, server: SampleServer, published: Home) -> None:
    path = home.own_sites / "muduo.yaml"
    path.write_text(path.read_text() + "colour: red\nfollow:\n  articles: ['([']\n")
    line = path.read_text().splitlines().index("colour: red") + 1
    for args in (("crawl", *at(server.urls)), ("run", *at(server.urls)), ("sites", "check")):
        told(jianghua(home, *args), str(path), f"line {line}: unknown key 'colour'", "regular expression")
    same_latest(home, published)


def test_one_broken_site_file_does_not_stop_the_others(home: Home, server: SampleServer) -> None:
    (home.own_sites / "tanxi.yaml").write_text("name: [tanxi\n")
    done = jianghua(home, "run", "muduo", "tanxi", *at(server.urls)[1:], "--refetch", "all", "--delay", "0")
    told(done, "tanxi", "not valid YAML", "tanxi.yaml:2")
    assert len(version_names(home.datasets / "speeches")) == 2


def test_unreachable_host(home: Home, published: Home) -> None:
    told(
        jianghua(home, "run", "muduo", "--at", "muduo=http://127.0.0.1:1/", "--refetch", "all", "--delay", "0"),
        "127.0.0.1:1 cannot be reached",
        code=1,
    )
    same_latest(home, published)
    assert rows(home, "removed") == []


def test_a_full_disk_stops_each_step_and_the_same_command_goes_on(
    home: Home, published: Home, server: SampleServer
) -> None:
    crawl = (*at(server.urls), "--refetch", "all", "--delay", "0")
    for limit, args in (
        (2_000, ("run", *crawl)),
        (2_000, ("crawl", *crawl)),
        (300, ("learn", "muduo")),
        (3_000, ("extract", "muduo")),
        (3_000, ("publish",)),
    ):
        told(limited(home, limit, *args), "make room on the disk", "where:", code=1)
        same_latest(home, published)
        if args[0] != "run":
            report(home, *args)
    # with room again nothing was lost
    assert len(verify(home.datasets / "speeches").versions) == 2
    assert len(rows(home)) == len(server.sample.speeches(2))


def test_a_disk_that_fills_up_during_a_crawl(home: Home, server: SampleServer) -> None:
    crawl = ("crawl", *at(server.urls), "--refetch", "all", "--delay", "0")
    told(limited(home, 80_000, *crawl), "make room on the disk", "where:", code=1)
    assert all(s["finished"] for s in report(home, *crawl)["sites"])


def test_a_full_disk_behind_the_result(home: Home) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            argv("versions", "--json"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(home),
            check=False,
        )
    assert done.returncode
    assert "Traceback" not in done.stderr
    assert "do: make room" in done.stderr


def test_damaged_warc(home: Home, published: Home, server: SampleServer) -> None:
    archived = sorted(home.archive("muduo").glob("*.warc.gz"))
    assert archived
    for path in archived:
        flip(path)
    told(jianghua(home, "extract", "muduo", "--again"), "archived record", archived[0].name, "offset", "where:", code=1)
    assert report(home, "publish", "speeches")["version"] is None
    same_latest(home, published)
    server.set_day(1)
    try:  # the remedy that was named, on a site where nothing has changed
        report(home, "crawl", *at(server.urls), "--refetch", "all", "--delay", "0")
    finally:
        server.set_day(2)
    report(home, "extract", "muduo", "--again")
    assert report(home, "publish", "speeches")["version"] is None
    same_latest(home, published)


def test_an_archive_that_was_cut_off(home: Home, published: Home) -> None:
    for path in home.archive("muduo").glob("*.warc.gz"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    told(jianghua(home, "extract", "muduo", "--again"), "cut off", "offset", code=1)
    assert report(home, "publish", "speeches")["version"] is None
    same_latest(home, published)


def test_damaged_records(home: Home, published: Home) -> None:
    spoilt = sorted(home.records("muduo").rglob("*.arrow"))
    assert spoilt
    for path in spoilt:
        flip(path)
    assert report(home, "publish", "speeches")["version"] is None  # what was taken in before is not read again
    same_latest(home, published)
    shutil.rmtree(home.var / "publish")  # now it has to be
    told(jianghua(home, "publish"), str(home.records("muduo")), "jianghua extract", "every site failed", code=1)
    same_latest(home, published)
    report(home, "extract", "muduo")
    assert report(home, "publish", "speeches")["version"] is None
    same_latest(home, published)


def test_damaged_published_parquet(home: Home, published: Home, server: SampleServer) -> None:
    (old,) = version_names(home.datasets / "speeches")
    assert report(home, "run", *at(server.urls), "--refetch", "all", "--delay", "0")["version"]
    first = home.datasets / "speeches" / "versions" / old / "speeches"
    kept = {p.name for p in (home.datasets / "speeches" / "latest" / "speeches").glob("*.parquet")}
    mine = next(p for p in first.glob("*.parquet") if p.name not in kept)  # a part that only the old version has
    flip(home.datasets / "speeches" / "tables" / "speeches" / mine.name)
    if mine.stat().st_nlink == 1:
        flip(mine)
    told(jianghua(home, "verify"), mine.name, "SHA-256", "where:", code=1)
    told(jianghua(home, "verify", old), mine.name, "where:", code=1)
    assert verify(home.datasets / "speeches", "latest").rows
    assert len(rows(home)) == len(server.sample.speeches(2))


def test_a_damaged_parent_is_not_built_upon(home: Home, server: SampleServer) -> None:
    before = (home.datasets / "speeches" / "latest.json").read_bytes()
    for part in (home.datasets / "speeches" / "tables" / "speeches").glob("*.parquet"):
        flip(part)
    done = jianghua(home, "run", *at(server.urls), "--refetch", "all", "--delay", "0")
    told(done, "damaged file", "restore the file", code=1)
    assert (home.datasets / "speeches" / "latest.json").read_bytes() == before
    assert len(version_names(home.datasets / "speeches")) == 1


@pytest.mark.parametrize(
    "args", [("verify", "1999-01-01.1"), ("changes", "1999-01-01.1", "latest"), ("changes", "latest", "nosuch")]
)
def test_unknown_version(published: Home, args: tuple[str, ...]) -> None:
    (known,) = version_names(published.datasets / "speeches")
    told(jianghua(published, *args), "unknown version", known, "where:", code=2)


def test_unknown_dataset(published: Home) -> None:
    told(jianghua(published, "publish", "nosuch"), "unknown dataset 'nosuch'", "speeches", code=2)


def test_bad_schedule(home: Home, published: Home) -> None:
    path = home.own_schedules / "night.yaml"
    path.parent.mkdir()
    path.write_text('name: night\ncron: "61 3 * * *"\ntime_zone: Mars/Olympus\nmissed: perhaps\ncolour: red\n')
    for args in (("schedule", "check"), ("schedule", "run", "--once"), ("run", "--schedule", "night")):
        told(jianghua(home, *args), f"{path}:2", "line 2: 'cron'", "line 3: 'time_zone'", "line 5: unknown key", code=1)
    told(jianghua(home, "schedule", "run", "nosuch", "--once"), "unknown schedule 'nosuch'", "night", code=2)
    same_latest(home, published)


@pytest.mark.parametrize("what", ["state", "ledger", "latest"])
def test_a_file_that_is_no_more_what_it_was(home: Home, published: Home, server: SampleServer, what: str) -> None:
    path = {
        "state": home.state_db("muduo"),
        "ledger": home.ledger,
        "latest": home.datasets / "speeches" / "latest.json",
    }[what]
    path.write_bytes(b"rubbish" * 1000)
    command = ("crawl", *at(server.urls), "--delay", "0") if what == "state" else ("publish",)
    if what == "ledger":
        command = ("run", *at(server.urls), "--delay", "0")
    told(jianghua(home, *command), path.name, "where:", code=1)
    versions = home.datasets / "speeches" / "versions"
    assert files(versions) == files(published.datasets / "speeches" / "versions")
    if what != "latest":
        same_latest(home, published)
