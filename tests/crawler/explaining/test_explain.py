"""`jianghua explain` as people call it: on the sample's home, on records that have changed, on what is damaged, gone or unknown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from crawler.errors import UsageError
from crawler.explaining.find import find
from crawler.explaining.html import page as made
from crawler.explaining.reading import explain
from crawler.explaining.rules import describe
from crawler.extraction import jobs
from crawler.extraction.rules import FOLDER, rule_file
from crawler.home import Home
from crawler.sample import install_site_files
from crawler.sample.build import Sample
from crawler.sample.server import SampleServer
from crawler.shards import read_records
from tests.chain import jianghua, report
from tests.crawler.extraction.archived import ORIGIN, Archived
from tests.crawler.extraction.pages import OTHER, OTHER_TITLE, SPEECH, TITLE, page, paragraphs

SITES = ("muduo", "zhimo")


@pytest.fixture(scope="module")
def sample_home(small_sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two sites of the sample, crawled, learned and extracted. Read only."""
    home = Home.find(tmp_path_factory.mktemp("explained"))
    install_site_files(home)
    with SampleServer(small_sample) as server:
        where = [f"--at={n}={server.urls[n]}" for n in SITES]
        done = jianghua(home, "run", *SITES, *where, "--delay", "0", "--steps", "crawl,learn,extract")
    assert done.returncode == 0, done.stderr
    return home


def speeches(home: Home, site: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_records(home, site, "speeches").to_pylist()
    return rows


def test_every_speech_of_the_sample_is_read_again_as_it_was(sample_home: Home) -> None:
    cut = 0
    for site in SITES:
        for row in speeches(sample_home, site):
            view = explain(sample_home, find(sample_home, row["speech_id"]))
            assert (view["recorded"]["changed"], view["recorded"]["differs"], view["notes"]) == ([], [], [])
            (speech,) = [s for s in view["speeches"] if s["part"] == row["part"]]
            assert "\n".join(speech["paragraphs"]) == row["text"]
            kept = {b["paragraph"] for p in view["pages"] for b in p["blocks"] if b["part"] == row["part"]}
            assert kept == set(range(1, row["paragraphs"] + 1))
            assert len(view["pages"]) == len(view["provenance"])
            cut += sum(b["fate"] == "cut" for p in view["pages"] for b in p["blocks"])
            assert all(told["pattern"] or told["what"] != "a step of reading" for told in view["rules"].values())
    assert cut > 10


def test_a_speech_is_found_by_id_beginning_address_and_path(sample_home: Home) -> None:
    row = next(r for r in speeches(sample_home, "zhimo") if r["parts"] == 1)
    whole = find(sample_home, row["speech_id"])
    ident = row["speech_id"].partition(":")[2]
    assert find(sample_home, ident[:14]) == find(sample_home, f"zhimo:{ident[:14]}") == whole
    page_ = replace(whole, part=None)
    assert find(sample_home, row["page_url"]) == find(sample_home, row["page_url"] + "#text") == page_
    assert find(sample_home, "zhimo", whole.article_key) == find(sample_home, "zhimo", whole.article_key[1:]) == page_
    told = [report(sample_home, "explain", *args) for args in ((ident[:14],), ("zhimo", whole.article_key))]
    assert [t["title"] for t in told] == [row["title"]] * 2


def test_a_further_page_leads_to_its_article(sample_home: Home) -> None:
    pages = read_records(sample_home, "zhimo", "pages").to_pylist()
    further = next(p for p in pages if p["fate"] == "continuation")
    view = explain(sample_home, find(sample_home, further["url"]))
    assert len(view["pages"]) > 1
    assert further["url"] in [p["url"] for p in view["pages"]]


def test_a_page_that_is_no_speech_is_explained_too(sample_home: Home) -> None:
    pages = read_records(sample_home, "zhimo", "pages").to_pylist()
    for fate in ("list", "off_topic"):
        one = next(p for p in pages if p["fate"] == fate)
        view = explain(sample_home, find(sample_home, one["url"]))
        assert (view["fate"], view["why"], view["speeches"]) == (fate, one["why"], [])
    told = jianghua(sample_home, "explain", one["url"])
    assert told.returncode == 0
    assert one["why"] in told.stdout


def test_what_the_terminal_shows(sample_home: Home, tmp_path: Path) -> None:
    by_rule = {
        c["article_key"]
        for c in read_records(sample_home, "muduo", "cuts").to_pylist()
        if c["rule"].startswith("structure.")
    }
    row = next(r for r in speeches(sample_home, "muduo") if urlsplit(r["page_url"]).path in by_rule)
    short = jianghua(sample_home, "explain", row["speech_id"])
    assert short.returncode == 0
    assert "nothing it depends on has changed" in short.stdout
    assert "outside the main text" in short.stdout
    assert "crawler/extraction/rules/structure.yaml:" in short.stdout
    assert row["text"].split("\n")[0] in short.stdout
    whole = jianghua(sample_home, "explain", row["speech_id"], "--all")
    out = tmp_path / "why.html"
    told = jianghua(sample_home, "explain", row["speech_id"], "--html", str(out))
    assert (told.returncode, told.stdout.strip()) == (0, f"written: {out}")
    assert row["text"].split("\n")[-1] in out.read_text(encoding="utf-8")
    nowhere = jianghua(sample_home, "explain", row["speech_id"], "--html", str(out / "below"))
    assert nowhere.returncode == 1
    assert "cannot write" in nowhere.stderr
    assert len(whole.stdout.splitlines()) > len(short.stdout.splitlines())
    assert row["text_sha256"] in whole.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["zhimo:ffffffffffffffffffff"], "no speech"),
        (["1f2e3d4c5b6a7988ffff"], "no speech"),
        (["http://127.0.0.1:1/nowhere.html"], "no page of the records has this address"),
        (["zhimo", "/nowhere.html"], "has no page /nowhere.html"),
        (["nowhere", "/a"], "no records of the site 'nowhere'"),
        (["zhimo:"], "no speech"),
        (["zhimo"], "explain zhimo /PATH"),
    ],
)
def test_what_is_not_there_is_told(sample_home: Home, args: list[str], said: str) -> None:
    with pytest.raises(UsageError) as e:
        find(sample_home, *args)
    assert said in str(e.value)


def test_near_and_several_matches_are_listed(sample_home: Home) -> None:
    ids = sorted(r["speech_id"] for r in speeches(sample_home, "zhimo"))
    wrong = ids[0][:-1] + ("0" if ids[0][-1] != "0" else "1")
    with pytest.raises(UsageError) as near:
        find(sample_home, wrong)
    assert ids[0] in str(near.value)
    first = next(d for d in "0123456789abcdef" if sum(i.partition(":")[2].startswith(d) for i in ids) > 1)
    several = jianghua(sample_home, "explain", f"zhimo:{first}")
    assert several.returncode == 2
    assert all(i in several.stderr for i in ids if i.partition(":")[2].startswith(first))


def test_no_records(tmp_path: Path) -> None:
    done = jianghua(Home.find(tmp_path), "explain", "a:b")
    assert done.returncode == 2
    assert "there are no records here" in done.stderr


# ------------------------------------------------------------------------- archives made by hand


@pytest.fixture
def site(tmp_path: Path) -> Archived:
    made = Archived(tmp_path)
    made.page("/a/1.html", page(paragraphs(SPEECH)).decode())
    made.page("/a/2.html", page(paragraphs(OTHER), OTHER_TITLE).decode())
    return made


def extracted(site: Archived) -> Home:
    home = site.commit()
    jobs.extract(home, [site.site], workers=1)
    return home


def view_of(home: Home, key: str) -> dict[str, Any]:
    return explain(home, find(home, "hua", key))


def test_a_site_file_that_changed_is_told_with_what_it_changes(site: Archived) -> None:
    home = extracted(site)
    assert view_of(home, "/a/1.html")["recorded"]["changed"] == []
    site.file(f"reading:\n  cut: ['^{SPEECH[-1][:6]}']\n")
    recorded = view_of(home, "/a/1.html")["recorded"]
    assert recorded["changed"] == ["the site file, the settings, the profile or the page"]
    assert "text" in [d["column"] for d in recorded["differs"]]
    other = view_of(home, "/a/2.html")["recorded"]
    assert (len(other["changed"]), other["differs"]) == (1, [])
    told = jianghua(home, "explain", "hua", "/a/2.html")
    assert "the row is still the same" in told.stdout


def test_the_page_that_the_row_was_made_of_is_shown_not_a_later_one(site: Archived) -> None:
    home = extracted(site)
    site.page("/a/1.html", page(paragraphs(OTHER), OTHER_TITLE).decode())
    site.commit()
    view = view_of(home, "/a/1.html")
    assert view["title"] == TITLE
    assert view["recorded"]["differs"] == []
    assert "fetched again since" in view["notes"][0]


def test_a_damaged_record_is_told_with_its_place(site: Archived) -> None:
    home = extracted(site)
    site.damage("/a/1.html")
    done = jianghua(home, "explain", ORIGIN + "/a/1.html")
    assert done.returncode == 1
    assert "archived page" in done.stderr
    assert "offset" in done.stderr
    assert "--refetch all" in done.stderr
    assert jianghua(home, "explain", ORIGIN + "/a/2.html").returncode == 0


def test_pages_that_were_never_read_and_pages_that_are_gone(site: Archived) -> None:
    site.page("/a/3.html", fate="disallowed", why="robots.txt forbids it")
    home = extracted(site)
    never = jianghua(home, "explain", ORIGIN + "/a/3.html")
    assert never.returncode == 1
    assert "robots.txt forbids it" in never.stderr
    ident = next(r["speech_id"] for r in speeches(home, "hua") if r["title"] == TITLE)
    site.page("/a/1.html", fate="gone", why="status 404", status=404)
    extracted(site)
    assert jianghua(home, "explain", ident).returncode == 2
    gone = jianghua(home, "explain", ORIGIN + "/a/1.html")
    assert gone.returncode == 1
    assert "gone" in gone.stderr


def test_every_rule_is_described_by_its_pattern_and_line() -> None:
    for path in sorted(FOLDER.glob("*.yaml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for group, rules in rule_file(path.stem).items():
            for rule in rules:
                told = describe(f"{path.stem}.{group}.{rule.id}")
                assert (told.pattern, told.file) == (rule.pattern.pattern, f"crawler/extraction/rules/{path.name}")
                assert told.line is not None
                assert rule.id in lines[told.line - 1]
    assert describe("site_file.cut ^甲").pattern == "^甲"
    assert describe("title").what == "repeats the title"
    assert describe("never.heard.of").pattern is None


def test_corrections_stand_beside_what_was_read(site: Archived) -> None:
    home = extracted(site)
    row = next(r for r in speeches(home, "hua") if r["title"] == TITLE)
    home.own_corrections.mkdir(exist_ok=True)
    (home.own_corrections / "reviewed.yaml").write_text(
        f"- {{speech_id: '{row['speech_id']}', field: region, value: 青石镇, reason: the minutes say so}}\n"
        f"- {{speech_id: '{row['speech_id']}', field: text, find: 家底, replace: 家园, reason: a slip}}\n"
        f"- {{speech_id: '{row['speech_id']}', field: text, find: 不在其中, replace: 甲, reason: another}}\n",
        encoding="utf-8",
    )
    view = view_of(home, "/a/1.html")
    region, text, idle = view["corrections"]
    assert (region["raw"], region["value"], region["reason"]) == (None, "青石镇", "the minutes say so")
    assert (text["raw"], text["value"], text["problem"]) == ("家底", "家园", None)
    assert "does not stand in the text" in idle["problem"]
    assert view["recorded"]["differs"] == []  # what was read stays what it was
    told = jianghua(home, "explain", row["speech_id"]).stdout
    assert "corrected: region: (empty) → 青石镇 — the minutes say so (corrections/reviewed.yaml:1)" in told
    assert "corrected: region" in made([view])
    assert view_of(home, "/a/2.html")["corrections"] == []


def test_json_is_one_value_with_all_decisions(site: Archived) -> None:
    home = extracted(site)
    done = jianghua(home, "explain", "hua", "/a/1.html", "--json")
    view = json.loads(done.stdout)
    assert view["read_with"]["rules_version"] == view["recorded"]["rules_version"]
    assert {c["name"] for c in view["speeches"][0]["columns"]} >= {"title", "published_at", "speaker_role", "outline"}
    assert {b["fate"] for b in view["pages"][0]["blocks"]} >= {"kept", "outside"}
