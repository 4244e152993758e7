"""Extraction as a whole on small archives, with real workers and a small reader: what is read again, what stays, what is told."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crawler import shards
from crawler.errors import JianghuaError, UsageError
from crawler.extraction import jobs
from crawler.extraction.inputs import reader_digest
from crawler.extraction.profile import Profile, save_profile
from crawler.extraction.report import SiteReport
from crawler.home import Home
from tests.chain import popen
from tests.crawler.extraction.archived import ORIGIN, Archived
from tests.crawler.extraction.pages import SPEECH, TITLE, page, paragraphs
from tests.crawler.extraction.readers import LOG
from tests.nursery import Forked


@pytest.fixture
def site(tmp_path: Path) -> Archived:
    return Archived(tmp_path)


def extract(site: Archived, **options: Any) -> SiteReport:
    site.commit()
    usual: dict[str, Any] = {"reader": "tests.crawler.extraction.readers:read", "workers": 1, "time_limit": 10}
    return jobs.extract(site.home, [site.site], **usual | options).sites[0]


def records(site: Archived, table: str, by: str) -> dict[str, dict[str, Any]]:
    return {r[by]: r for r in shards.read_records(site.home, site.site, table).to_pylist()}


def pages(site: Archived) -> dict[str, dict[str, Any]]:
    return records(site, "pages", "key")


def texts(site: Archived) -> list[str]:
    return sorted(r["text"] for r in records(site, "speeches", "speech_id").values())


def tree(home: Home, site: str = "hua") -> dict[str, tuple[bytes, int]]:
    root = home.records(site)
    return {
        str(p.relative_to(root)): (p.read_bytes(), p.stat().st_mtime_ns)
        for p in sorted(root.rglob("*"))
        if p.is_file() and p.name != ".lock"
    }


def content(home: Home) -> dict[str, bytes]:
    return {name: data for name, (data, _) in tree(home).items()}


@pytest.fixture
def read_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "read.log"
    path.touch()
    monkeypatch.setenv(LOG, str(path))
    return path


def read_since(log: Path) -> list[str]:
    urls = sorted(line.removeprefix(ORIGIN) for line in log.read_text().splitlines())
    log.write_text("")
    return urls


def test_a_page_becomes_a_speech_with_its_provenance(site: Archived) -> None:
    state = site.page("/a/1.html", "标题\n同志们:")
    report = extract(site)
    (row,) = records(site, "speeches", "speech_id").values()
    assert row["speech_id"] == shards.speech_id("hua", "/a/1.html", 1)
    assert (row["page_url"], row["site"], row["text"]) == (f"{ORIGIN}/a/1.html", "hua", "标题\n同志们:")
    (source,) = records(site, "provenance", "speech_id").values()
    assert state.address is not None
    assert source["speech_id"] == row["speech_id"]
    assert (source["warc_file"], source["warc_offset"], source["warc_length"], source["html_sha256"]) == (
        state.address.file,
        state.address.offset,
        state.address.length,
        state.address.sha256,
    )
    assert (source["ordinal"], source["status"], source["charset"], source["profile_version"]) == (
        1,
        200,
        "utf-8",
        None,
    )
    assert source["fetched_at"] == state.fetched_at
    assert source["extractor"].startswith("jianghua ")
    (page,) = pages(site).values()
    assert (page["fate"], page["title"], page["speeches"], page["fetched_at"]) == (
        "speech",
        "标题",
        1,
        state.fetched_at,
    )
    assert (report.read, report.pages_read, report.speeches, report.fates) == (1, 1, 1, {"speech": 1})


def test_what_the_crawl_could_not_bring_is_told_in_pages(site: Archived) -> None:
    for fate in ("disallowed", "redirect", "not_html", "error", "unfetched"):
        site.page(f"/{fate}", fate=fate, why=f"because {fate}", status=None)
    site.page("/list", "#list")
    extract(site)
    got = pages(site)
    for fate in ("disallowed", "redirect", "not_html", "error", "unfetched"):
        assert (got[f"/{fate}"]["fate"], got[f"/{fate}"]["why"]) == (fate, f"because {fate}")
    assert (got["/list"]["fate"], got["/list"]["why"], got["/list"]["speeches"]) == ("list", "mostly links", 0)
    assert texts(site) == []


def test_a_split_article_is_read_together(site: Archived) -> None:
    site.page("/b.html", "一", expected=3)
    for n, text in ((3, "三"), (2, "二")):
        site.page(f"/b_{n}.html", text, article_key="/b.html", ordinal=n, expected=3)
    extract(site)
    assert texts(site) == ["一\n二\n三"]
    (row,) = records(site, "speeches", "speech_id").values()
    assert row["page_url"] == f"{ORIGIN}/b.html"
    assert row["quality_flags"] == []
    sources = shards.read_records(site.home, "hua", "provenance").to_pylist()
    assert [(r["ordinal"], r["url"]) for r in sources] == [
        (1, f"{ORIGIN}/b.html"),
        (2, f"{ORIGIN}/b_2.html"),
        (3, f"{ORIGIN}/b_3.html"),
    ]
    assert {k: r["fate"] for k, r in pages(site).items()} == {
        "/b.html": "speech",
        "/b_2.html": "continuation",
        "/b_3.html": "continuation",
    }


def test_two_addresses_of_one_page_are_read_once(site: Archived) -> None:
    site.page("/b.html", "一", expected=2)
    site.page("/b_1.html", "一", article_key="/b.html", expected=2)
    site.page("/b_2.html", "二", article_key="/b.html", ordinal=2, expected=2)
    extract(site)
    assert texts(site) == ["一\n二"]
    assert pages(site)["/b_1.html"]["fate"] == "continuation"


def test_a_missing_page_is_flagged_until_it_comes(site: Archived) -> None:
    site.page("/b.html", "一", expected=2)
    site.page("/b_2.html", None, article_key="/b.html", ordinal=2, expected=2, fate="error", why="timeout")
    extract(site)
    (row,) = records(site, "speeches", "speech_id").values()
    assert row["quality_flags"] == ["incomplete"]
    assert pages(site)["/b_2.html"]["fate"] == "error"
    site.page("/b_2.html", "二", fate=None, why=None)
    extract(site)
    (row,) = records(site, "speeches", "speech_id").values()
    assert (row["text"], row["quality_flags"]) == ("一\n二", [])


def test_a_page_that_is_gone_takes_its_speech_along_unless_it_is_kept(site: Archived) -> None:
    since = datetime(2026, 11, 5, tzinfo=UTC)
    site.page("/a", "甲")
    site.page("/b", "乙")
    extract(site)
    site.page("/a", fate="gone", why="404", status=404, gone_since=since)
    extract(site)
    assert texts(site) == ["乙"]
    assert (pages(site)["/a"]["fate"], pages(site)["/a"]["gone_since"]) == ("gone", since)
    site.file("refetch:\n  gone: keep\n")
    extract(site)
    assert texts(site) == ["乙", "甲"]
    assert (pages(site)["/a"]["fate"], pages(site)["/a"]["gone_since"]) == ("speech", since)


def test_a_body_stays_readable_when_a_later_fetch_fails(site: Archived) -> None:
    site.page("/a", "甲")
    extract(site)
    site.page("/a", status=503)
    extract(site)
    assert texts(site) == ["甲"]
    assert (pages(site)["/a"]["fate"], pages(site)["/a"]["status"]) == ("speech", 503)
    (source,) = records(site, "provenance", "speech_id").values()
    assert source["status"] == 200


def test_running_again_changes_no_byte(site: Archived, read_log: Path) -> None:
    for n in range(60):
        site.page(f"/{n}", f"第{n}篇" + ("#parts" if n % 7 == 0 else ""))
    first = extract(site)
    before = tree(site.home)
    assert len(read_since(read_log)) == 60
    second = extract(site)
    assert tree(site.home) == before
    assert read_since(read_log) == []
    assert (second.skipped, second.jobs) == (first.jobs, first.jobs)
    assert (second.speeches, second.fates, second.articles) == (first.speeches, first.fates, first.articles)
    third = extract(site, again=True)
    assert len(read_since(read_log)) == third.read == 60
    assert tree(site.home) == before


def test_only_what_changed_is_read(site: Archived, read_log: Path) -> None:
    for n in range(60):
        site.page(f"/{n}", f"第{n}篇")
    extract(site)
    read_since(read_log)
    site.page("/7", "第7篇,改")
    site.page("/new", "新")
    del site.states["/9"]
    site.page("/11", status=500)  # an error that changes a row but no reading
    report = extract(site)
    assert read_since(read_log) == ["/7", "/new"]
    assert report.read == 2
    assert texts(site) == sorted([f"第{n}篇" for n in range(60) if n not in (7, 9)] + ["第7篇,改", "新"])
    assert pages(site)["/11"]["status"] == 500
    # what was copied is what a fresh extraction gives
    copied = content(site.home)
    for path in site.home.records("hua").glob("*.json"):
        path.unlink()
    extract(site)
    assert content(site.home) == copied


def test_another_profile_or_site_file_means_reading_again(site: Archived, read_log: Path) -> None:
    site.page("/a", "甲")
    extract(site)
    save_profile(site.home, "hua", Profile(0, "hua", lines=("x",)))
    extract(site)
    (row,) = records(site, "speeches", "speech_id").values()
    assert row["title"] == "甲 (profile 1)"
    assert records(site, "provenance", "speech_id")[row["speech_id"]]["profile_version"] == 1
    site.file("reading:\n  cut: ['^广告']\n")
    extract(site)
    site.file("reading:\n  cut: ['^广告']\npoliteness:\n  delay: 3\n")  # nothing that reading takes in
    extract(site)
    assert read_since(read_log) == ["/a"] * 3


def test_a_site_that_shrinks_gives_up_its_buckets(site: Archived) -> None:
    for n in range(40):
        site.page(f"/{n}", f"第{n}篇")
    extract(site)
    site.states = {"/3": site.states["/3"]}
    extract(site)
    assert texts(site) == ["第3篇"]
    assert len([p for p in site.home.records("hua").iterdir() if p.name != ".lock"]) == 2


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("#kill", "SIGKILL"),
        ("#hang", "longer than 5 s"),
        ("#memory", "more memory than"),
        ("#raise", "ValueError: cannot read this"),
        ("#fate", "an unknown fate"),
        ("#lacking", "without text"),
        ("#unfit", "does not fit"),
    ],
)
def test_a_poison_page_is_told_and_the_others_are_read(site: Archived, word: str, why: str, read_log: Path) -> None:
    for n in range(40):
        site.page(f"/{n}", f"第{n}篇")
    site.page("/bad", word)
    limit = 5 if word == "#hang" else 60  # on a busy machine an article may take seconds without hanging
    report = extract(site, time_limit=limit)
    assert texts(site) == sorted(f"第{n}篇" for n in range(40))
    assert pages(site)["/bad"]["fate"] == "poison"
    assert why in pages(site)["/bad"]["why"]
    assert [url for url, _ in report.poison] == [f"{ORIGIN}/bad"]
    assert report.fates == {"speech": 40, "poison": 1}
    read_since(read_log)
    extract(site, time_limit=limit)
    assert read_since(read_log) == []  # it is not tried again until something changes


def test_a_damaged_record_costs_only_what_is_new(site: Archived) -> None:
    for n in range(30):
        site.page(f"/{n}", f"第{n}篇")
    site.page("/keep", "原文")
    extract(site)
    kept = {
        t: records(site, t, k) for t, k in (("speeches", "speech_id"), ("provenance", "speech_id"), ("pages", "key"))
    }
    site.page("/keep", "新文")
    site.page("/new", "只有一次")
    site.damage("/keep")
    site.damage("/new")
    for _ in range(2):
        report = jobs.extract(site.commit(), ["hua"], reader="tests.crawler.extraction.readers:read")
        assert not report.ok
        assert sorted(d[0] for d in report.sites[0].damaged) == [f"{ORIGIN}/keep", f"{ORIGIN}/new"]
        assert all("offset" in d[1] for d in report.sites[0].damaged)
        assert texts(site) == sorted([f"第{n}篇" for n in range(30)] + ["原文"])
        for table, key in (("speeches", "speech_id"), ("provenance", "speech_id"), ("pages", "key")):
            rows = records(site, table, key)
            assert {k: rows[k] for k in kept[table]} == kept[table]
        assert pages(site)["/new"]["fate"] == "error"
        assert "offset" in pages(site)["/new"]["why"]
    site.page("/keep", "新文")
    site.page("/new", "只有一次")
    assert jobs.extract(site.commit(), ["hua"], reader="tests.crawler.extraction.readers:read", workers=1).ok
    assert texts(site) == sorted([f"第{n}篇" for n in range(30)] + ["新文", "只有一次"])


def test_a_damaged_page_of_a_split_article_leaves_the_others(site: Archived) -> None:
    site.page("/b.html", "一", expected=2)
    site.page("/b_2.html", "二", article_key="/b.html", ordinal=2, expected=2)
    site.damage("/b_2.html")
    assert extract(site).damaged
    (row,) = records(site, "speeches", "speech_id").values()
    assert (row["text"], row["quality_flags"]) == ("一", ["incomplete"])
    assert pages(site)["/b_2.html"]["fate"] == "error"
    assert extract(site).damaged  # told each time until it is mended
    assert texts(site) == ["一"]


def test_a_damaged_shard_is_made_anew_with_a_warning(site: Archived) -> None:
    for n in range(30):
        site.page(f"/{n}", f"第{n}篇")
    extract(site)
    before = content(site.home)
    victim = next(site.home.records("hua").glob("*/speeches.arrow"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    next(site.home.records("hua").glob("*.json")).write_text("{")
    report = extract(site)
    assert report.warnings
    assert content(site.home) == before
    assert not extract(site).warnings


def test_errors_for_people(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(UsageError, match="nothing was crawled"):
        jobs.extract(home)
    with pytest.raises(UsageError, match="unknown site 'nowhere'"):
        jobs.extract(home, ["nowhere"])
    with pytest.raises(UsageError, match="never crawled"):
        jobs.extract(home, ["wanshu"])
    with pytest.raises(UsageError, match="never crawled"):
        jobs.learn(home, "wanshu")


def test_a_site_that_cannot_be_extracted_does_not_stop_the_others(tmp_path: Path) -> None:
    good, other = Archived(tmp_path), Archived(tmp_path, "other")
    good.page("/a", "甲")
    good.commit()
    report = jobs.extract(good.home, ["other", "hua"], reader="tests.crawler.extraction.readers:read")
    assert [s.error is None for s in report.sites] == [False, True]
    assert not report.ok
    assert texts(good) == ["甲"]
    other.page("/b", "乙")
    other.commit()
    assert jobs.extract(good.home, reader="tests.crawler.extraction.readers:read", workers=1).ok
    assert texts(other) == ["乙"]


def test_records_are_not_lost_with_the_state(site: Archived) -> None:
    site.page("/a", "甲")
    extract(site)
    site.states.clear()
    report = extract(site)
    assert report.error is not None
    assert texts(site) == ["甲"]


def test_progress_reaches_the_end(site: Archived) -> None:
    for n in range(30):
        site.page(f"/{n}", f"第{n}篇")
    site.page("/none", fate="error")
    for _ in range(2):
        steps: list[tuple[str, int, int]] = []

        def note(*step: Any, steps: list[Any] = steps) -> None:
            steps.append(step)

        extract(site, progress=note)
        assert steps[0] == ("hua", 0, 31)
        assert steps[-1] == ("hua", 31, 31)
        assert [s[1] for s in steps] == sorted(s[1] for s in steps)


RUN = """
import sys
from crawler.extraction import jobs
from crawler.extraction.inputs import reader_digest
from crawler.home import Home
from pathlib import Path
jobs.extract(Home(Path(sys.argv[1])), ["hua"], reader="tests.crawler.extraction.readers:read", workers=2)
"""


def run_apart(home: Home) -> Forked:
    return popen([sys.executable, "-c", RUN, str(home.root)])


def test_killed_at_any_moment_and_run_again_gives_the_same(tmp_path: Path) -> None:
    site = Archived(tmp_path / "calm")
    for n in range(90):
        site.page(f"/{n}", f"第{n}篇#slow" + ("#parts" if n % 5 == 0 else ""))
    calm, rough = site.commit(), Home(tmp_path / "rough")
    shutil.copytree(calm.root, rough.root)
    code = reader_digest.__wrapped__()
    assert run_apart(calm).wait() == 0
    for round_ in range(5):
        process = run_apart(rough)
        committed = len(list(rough.records("hua").glob("*.json")))
        end = time.monotonic() + 30
        # some are killed before the first shard, some after a few more
        while process.poll() is None and len(list(rough.records("hua").glob("*.json"))) < committed + round_ % 4:
            assert time.monotonic() < end
            time.sleep(0.003)
        time.sleep(0.15 if round_ % 4 == 0 else 0.0)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert run_apart(rough).wait() == 0
    assert reader_digest.__wrapped__() == code, "the extractor's code was edited while this ran: run it again"
    assert content(rough) == content(calm)


def test_learning_keeps_a_new_number_only_for_new_content(site: Archived) -> None:
    body = "".join(f"<p>这是第{i}段,讲的是我们今年的工作,大家要认真抓好落实,确保完成任务。</p>" for i in range(12))
    for n in range(8):
        site.page(f"/{n}.html", f"<html><body><div class='c'><p>第{n}号</p>{body}</div></body></html>")
    site.commit()
    first = jobs.learn(site.home, "hua")
    assert first is not None
    assert first.version == 1
    assert jobs.learn(site.home, "hua") == first
    site.damage("/3.html")
    again = jobs.learn(site.home, "hua")
    assert again is not None


def test_learning_that_fails_is_an_error(site: Archived) -> None:
    site.page("/a", "甲")
    site.commit()
    with pytest.raises(JianghuaError, match="could not be learned"):
        jobs.learn(site.home, "hua", learner="tests.crawler.extraction.pool_tasks:broken")


def test_beside_a_crawl_what_is_committed_is_taken(site: Archived, read_log: Path) -> None:
    """A crawl that commits between the looks: its pages are read as they come, each once, and the last of them at the end."""
    looks = 0

    def ended() -> bool:
        nonlocal looks
        looks += 1
        for n in range(150 * (looks - 1), 150 * looks):
            site.page(f"/{n}", f"第{n}篇")
        site.commit()
        return looks == 4

    report = jobs.extract(site.home, ["hua"], reader="tests.crawler.extraction.readers:read", workers=1, until=ended)
    assert read_since(read_log) == sorted(f"/{n}" for n in range(600))
    assert texts(site) == sorted(f"第{n}篇" for n in range(600))
    assert (report.sites[0].read, report.sites[0].fates) == (600, {"speech": 600})
    followed = content(site.home)
    for path in site.home.records("hua").glob("*.json"):
        path.unlink()
    extract(site)
    assert content(site.home) == followed


def test_what_was_cut_is_kept_beside_the_records_and_copied_with_them(site: Archived) -> None:
    site.file("reading:\n  body: ['.text']\n")
    tail = "<p>标签: #护林</p>"
    for n in range(1, 5):
        text = page(paragraphs(SPEECH) + (tail if n < 4 else ""), f"{TITLE}({n})").decode()
        site.page(f"/a/{n}.html", text)
    real = {"reader": jobs.READER}
    extract(site, **real)
    before = shards.read_records(site.home, site.site, "cuts").to_pylist()
    tails = [c for c in before if c["rule"] == "furniture.tail.keyword_tail"]
    assert [(c["article_key"], c["page"], c["text"], c["chars"]) for c in sorted(tails, key=lambda c: str(c["article_key"]))] == [
        (f"/a/{n}.html", 1, "标签: #护林", 6) for n in (1, 2, 3)
    ]  # fmt: skip
    once = content(site.home)
    extract(site, again=True, **real)
    assert content(site.home) == once
    site.page("/a/1.html", page(paragraphs(SPEECH), f"{TITLE}(1)").decode())
    assert extract(site, **real).read == 1
    after = shards.read_records(site.home, site.site, "cuts").to_pylist()
    assert after == [c for c in before if c["article_key"] != "/a/1.html"]
