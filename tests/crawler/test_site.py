"""Site files: what they may say, what their mistakes are told as, and what a site knows of its addresses."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.site import BUILT_IN, Site, load_site, parse_site, site_files
from tests.chain import forked
from tests.crawler.crawling import environment

FULL = """name: full
title: 全
start: [http://www.full.test/, http://m.full.test:8080/x]
allowed: [full.test]
platform: dedecms
language: zh-Hant
follow:
  lists: ['^/list']
  articles: ['\\.html$']
  pages: ['_\\d+\\.html$']
  sitemaps: [auto, /map.xml]
  ignore: ['/tag/']
  max_depth: 9
politeness: {delay: 2.5, concurrency: 2, daily_budget: 500, contact: me@full.test, robots: obey}
reading:
  title: [h1]
  body: ['.content', '#main']
  cut: ['请下载.*']
refetch: {lists: 6h, young: 2d, old: 4w, young_for: 30d, gone: keep}
expect: {items_min: 10, speech_share_min: 0.4}
terms: https://m.full.test:8080/copyright.html
"""


LAST = FULL.count("\n")  # line of the last key


def test_every_key_is_read_and_the_platform_merged_in(tmp_path: Path) -> None:
    path = tmp_path / "full.yaml"
    path.write_text(FULL, encoding="utf-8")
    site = parse_site(path)
    assert site.hosts == {"www.full.test", "m.full.test:8080", "full.test"}
    assert (site.refetch.lists, site.refetch.old) == (timedelta(hours=6), timedelta(weeks=4))
    assert site.follow.ignore[0] == "/tag/"
    assert len(site.follow.ignore) > 5  # the platform's and what all share stand behind the site's own
    assert (site.politeness.delay, site.reading.body) == (2.5, (".content", "#main"))


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("title: 全", "titel: 全", 2, "unknown key 'titel'"),
        ("title: 全", "", 1, "'title' is missing"),
        ("lists: ['^/list']", "lists: ['(']", 8, "not a regular expression"),
        ("body: ['.content', '#main']", "body: ['..']", 17, "not a CSS selector"),
        ("lists: 6h", "lists: often", 19, "not a duration"),
        ("delay: 2.5", "delay: -1", 14, "politeness.delay"),
        ("http://www.full.test/", "www.full.test", 3, "not an http or https address"),
        ("platform: dedecms", "platform: wordstar", 5, "unknown platform 'wordstar'"),
        ("name: full", "name: other", 1, "does not fit the file's name"),
        ("allowed: [full.test]", "allowed: [full.test", 5, "not valid YAML"),
        ("terms: https://m.full", "terms: https://other", LAST, "on a host that is not the site's"),
        ("language: zh-Hant", "title: 二", 6, "given twice"),
        (
            "start: [http://www.full.test/, http://m.full.test:8080/x]",
            "start: http://www.full.test/",
            3,
            "'start': must be a list",
        ),
        ("title: 全", "title: 5", 2, "'title': must be text"),
        ("language: zh-Hant", "language: 2023-13-04", 6, "'2023-13-04' is no value"),
    ],
)
def test_mistakes_are_told_with_file_line_and_remedy(tmp_path: Path, old: str, new: str, line: int, told: str) -> None:
    path = tmp_path / "full.yaml"
    path.write_text(FULL.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(JianghuaError) as error:
        parse_site(path)
    assert told in error.value.what
    assert error.value.where is not None
    assert error.value.where.startswith(f"{path}:")
    assert f"line {line}:" in error.value.what or error.value.where == f"{path}:{line}"
    assert error.value.remedy


def test_what_is_no_file_of_text_is_told(tmp_path: Path) -> None:
    for name, make, told in (
        ("none", lambda p: None, "there is no such file"),
        ("folder", Path.mkdir, "cannot read the file: Is a directory"),
        ("gbk", lambda p: p.write_bytes("title: 讲话稿".encode("gbk")), "the file is not UTF-8"),
    ):
        path = tmp_path / f"{name}.yaml"
        make(path)
        with pytest.raises(JianghuaError) as error:
            parse_site(path)
        assert error.value.what == told


def test_a_file_of_another_ending_is_told_and_not_passed_over(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    home.own_sites.mkdir()
    (home.own_sites / "wanshu.yml").write_text("name: wanshu\ntitle: x\nstart: [http://mine.test/]\n", encoding="utf-8")
    with pytest.raises(JianghuaError, match=r"ends in \.yaml"):
        load_site("wanshu", home)  # not the built-in one
    (home.own_sites / "wanshu.yml").rename(home.own_sites / "wanshu.yaml")
    assert load_site("wanshu", home).title == "x"


def test_keys_are_the_same_on_a_replica_and_under_https(tmp_path: Path) -> None:
    site = Site(
        name="s",
        title="s",
        start=("http://www.s.test/index.html",),
        allowed=("img.s.test",),
        terms="http://www.s.test/t?1",
    )
    assert site.key("http://www.s.test/a/1.html?b=2") == "/a/1.html?b=2"
    assert site.key("https://www.s.test/a") == "/a"
    assert site.key("http://img.s.test/a") == "//img.s.test/a"
    replica = site.at("http://127.0.0.1:8103")
    assert replica.key("http://127.0.0.1:8103/a/1.html?b=2") == "/a/1.html?b=2"
    assert (replica.start, replica.replica, site.replica) == (("http://127.0.0.1:8103/index.html",), True, False)
    assert replica.terms == "http://127.0.0.1:8103/t?1"
    with pytest.raises(UsageError, match="--at"):
        site.at("file:///etc")


def test_every_built_in_site_is_right() -> None:
    home = Home.find(Path("/nonexistent"))
    for name in site_files(home):
        assert load_site(name, home).name == name
    assert {p.stem for p in BUILT_IN.glob("*.yaml")} == set(site_files(home))


def test_own_files_win_and_unknown_sites_are_told(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    home.own_sites.mkdir()
    (home.own_sites / "wanshu.yaml").write_text(
        "name: wanshu\ntitle: 我的\nstart: [http://mine.test/]\n", encoding="utf-8"
    )
    assert load_site("wanshu", home).title == "我的"
    with pytest.raises(UsageError, match="unknown site 'nosuch'"):
        load_site("nosuch", home)


def run(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    return forked([*words, "--home", str(home.root)], environment(), home.root)


def test_the_command_lists_shows_and_checks(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    home.own_sites.mkdir()
    (home.own_sites / "full.yaml").write_text(FULL, encoding="utf-8")
    (home.own_sites / "bad.yaml").write_text("name: bad\ntitle: b\nstart: [x]\n", encoding="utf-8")
    listed = run(home, "sites")
    assert listed.returncode == 0
    assert "wanshu" in listed.stdout
    assert max(map(len, listed.stdout.splitlines())) <= 80
    rows = {r["name"]: r for r in json.loads(run(home, "sites", "list", "--json").stdout)}
    assert (rows["full"]["ready"], rows["bad"]["ready"], rows["hualong"]["ready"]) == (True, False, False)
    assert json.loads(run(home, "sites", "show", "full", "--json").stdout)["politeness"]["delay"] == 2.5
    checked = run(home, "sites", "check")
    assert checked.returncode == 1
    assert "bad.yaml:3" in checked.stdout.replace("\n", "")  # a long path is broken over lines
    assert run(home, "sites", "check", "full").returncode == 0
    assert run(home, "sites", "show", "nosuch").returncode == 2
