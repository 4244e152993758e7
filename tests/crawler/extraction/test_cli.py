"""The commands as a user meets them: tables, JSON, errors and exit codes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from crawler.archive import read_response
from tests.chain import ran
from tests.crawler.extraction.archived import Archived

RUN = "from crawler.console import run_app; from crawler.extraction.cli import app; run_app(app)"


def jianghua(home: Path, *words: str, first: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "JIANGHUA_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "160"}
    return ran([sys.executable, "-c", first + RUN, *words], env=env)


@pytest.fixture
def site(tmp_path: Path) -> Archived:
    site = Archived(tmp_path)
    deeds = ["修路", "治水", "种树", "办学", "招商", "养老", "防火", "减税", "扶贫", "建桥", "育才", "安居"]
    for n, place in enumerate(["东山", "西河", "南岭", "北湖", "中原", "海口"]):
        text = "".join(f"<p>{place}今年要把{d}的事情办好,请{place}的同志们认真落实,确保完成任务。</p>" for d in deeds)
        body = f"<p>同志们:</p><p>今天我们在{place}开会。</p>{text}"
        site.page(
            f"/{n}.html", f"<html><body><h1>市长在{place}会议上的讲话</h1><div class='c'>{body}</div></body></html>"
        )
    site.page("/robots", fate="disallowed", why="robots.txt")
    site.commit()
    return site


def test_learn_then_extract_for_people_and_for_machines(site: Archived) -> None:
    root = site.home.root
    learned = jianghua(root, "learn", "hua", "--json")
    assert (learned.returncode, json.loads(learned.stdout)[0]["profile"]) == (0, 1), learned.stderr
    assert [x["pages"] for x in json.loads(learned.stdout)[0]["learned"]["layouts"]] == [6]
    assert "body>div.c" in jianghua(root, "learn").stdout
    table = jianghua(root, "extract")
    assert table.returncode == 0, table.stderr
    assert "hua" in table.stdout
    assert "6 pages read" in table.stdout
    value = json.loads(jianghua(root, "extract", "hua", "--json", "--workers", "1").stdout)
    assert value["ok"] is True
    assert value["sites"][0]["fates"] == {"disallowed": 1, "speech": 6}
    assert value["sites"][0]["speeches"] == 6


def test_an_extraction_does_without_pandas(site: Archived) -> None:
    """pyarrow would load it with the first list that becomes an array."""
    first = "import atexit, sys; atexit.register(lambda: print('pandas' in sys.modules, file=sys.stderr)); "
    env = {**os.environ, "JIANGHUA_HOME": str(site.home.root), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", first + RUN, "extract", "--json"], env=env, capture_output=True, text=True
    )
    assert json.loads(done.stdout)["sites"][0]["speeches"] == 6
    assert done.stderr.splitlines()[-1] == "False"


def test_a_profile_is_shown_for_people_and_for_machines(site: Archived) -> None:
    root = site.home.root
    for n in range(6):
        one = site.states[f"/{n}.html"]
        assert one.address is not None
        text = (
            read_response(site.home, one.address).body.decode().replace("<p>今天", "<p>华文网每天都有新稿子</p><p>今天")
        )
        site.page(f"/{n}.html", text)
    site.commit()
    assert jianghua(root, "learn", "hua", "--show").returncode == 2
    assert jianghua(root, "learn").returncode == 0
    told = jianghua(root, "learn", "hua", "--show", "1")
    assert "华文网每天都有新稿子" in told.stdout, told.stderr
    assert "seen 2026-11-01" in told.stdout
    value = json.loads(jianghua(root, "learn", "hua", "--show", "--json").stdout)
    assert value["layouts"][0]["lines"] == [{"text": "华文网每天都有新稿子", "pages": 6}]
    gone = jianghua(root, "learn", "hua", "--show", "7")
    assert (gone.returncode, gone.stdout) == (2, "")
    assert "no profile 7" in gone.stderr


def test_damaged_records_are_listed_and_end_in_an_error(site: Archived) -> None:
    site.damage("/2.html")
    done = jianghua(site.home.root, "extract", "hua", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["sites"][0]["fates"] == {"disallowed": 1, "error": 1, "speech": 5}
    assert "1 archived record cannot be read" in done.stderr
    address = site.states["/2.html"].address
    assert address is not None
    assert f"{address.file}, offset {address.offset}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "what", "code"),
    [
        (("extract", "nowhere"), "unknown site 'nowhere'", 2),
        (("extract", "wanshu"), "never crawled", 2),
        (("learn", "nowhere"), "unknown site 'nowhere'", 2),
        (("extract", "--workers", "0"), "--workers", 2),
    ],
)
def test_errors_for_people(site: Archived, words: tuple[str, ...], what: str, code: int) -> None:
    done = jianghua(site.home.root, *words)
    assert done.returncode == code
    assert what in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_site_whose_file_was_taken_away_is_left_out_when_none_is_named(site: Archived) -> None:
    root = site.home.root
    site.home.state_db("old").write_bytes(site.home.state_db("hua").read_bytes())
    for words in (("extract",), ("learn",)):
        done = jianghua(root, *words, "--json")
        assert done.returncode == 0, done.stderr
        assert "left out, since they have no site file any more: old" in done.stderr
        assert "hua" in done.stdout
        assert "old" not in done.stdout
        assert "unknown site 'old'" in jianghua(root, *words, "old").stderr
    site.home.state_db("hua").unlink()
    done = jianghua(root, "extract")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no site that was crawled here has a site file: old" in done.stderr
    assert "put old.yaml back" in done.stderr


def test_a_home_without_anything(tmp_path: Path) -> None:
    done = jianghua(tmp_path, "extract")
    assert done.returncode == 2
    assert "nothing was crawled" in done.stderr


def test_a_full_disk_is_told_and_costs_nothing(site: Archived) -> None:
    """A limit on the size of files stands for the full disk: writing fails in the same place in the same way."""
    root = site.home.root
    assert jianghua(root, "extract").returncode == 0
    kept = {p: p.read_bytes() for p in site.home.records("hua").rglob("*") if p.is_file()}
    before = json.loads(jianghua(root, "extract", "--json").stdout)
    chance = random.Random(1)  # so that it does not compress, and its shard is larger than SQLite's shared memory file
    words = "".join(
        f"<p>{''.join(chance.choices([chr(c) for c in range(0x4E00, 0x9000)], k=80))}。</p>" for _ in range(300)
    )
    site.page("/0.html", f"<html><body><h1>县长在会议上的讲话</h1><p>同志们:</p>{words}</body></html>")
    site.commit()
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (33000, 33000)); "
    done = jianghua(root, "extract", first=limit)
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "make room on the disk" in done.stderr
    assert {p: p.read_bytes() for p in kept} == kept
    assert not [p for p in site.home.records("hua").iterdir() if p.name.endswith(".tmp")]
    after = json.loads(jianghua(root, "extract", "--json").stdout)
    assert after["sites"][0]["articles"] == before["sites"][0]["articles"]
    assert after["sites"][0]["read"] == 1
