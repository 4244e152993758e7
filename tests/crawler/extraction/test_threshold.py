"""The score of a page, the threshold that makes a speech of it, and the setting that holds the threshold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import shards
from crawler.config import Settings, load_settings
from crawler.errors import JianghuaError
from crawler.extraction import SPEECH_THRESHOLD, jobs
from crawler.extraction.article import read_article
from crawler.extraction.classify import is_unsure, judge
from crawler.extraction.model import ArticleResult, PageInput
from crawler.home import Home
from crawler.site import Site
from tests.crawler.extraction.archived import Archived
from tests.crawler.extraction.pages import OTHER, SPEECH, TITLE, page, paragraphs

SITE = Site(name="qingquan", title="清泉文库", start=("http://127.0.0.1:1/",))
PLAN = "全镇秋季护林工作方案"
UNNAMED = "全镇秋季护林"
PLAIN = [x for x in SPEECH[1:6] if "同志们" not in x]


def read(body: list[str], title: str, threshold: float = SPEECH_THRESHOLD) -> ArticleResult:
    pages = [PageInput("http://127.0.0.1:1/a/1.html", page(paragraphs(body), title), "text/html")]
    return read_article(pages, SITE, threshold=threshold)


def test_the_score_of_a_speech_stands_in_its_rows_and_its_page() -> None:
    result = read(SPEECH, TITLE)
    assert result.score is not None
    assert result.score >= 3.5  # the title, the form of address
    assert [r["speech_score"] for r in result.speeches] == [result.score]
    assert "unsure_speech" not in result.speeches[0]["quality_flags"]
    assert read(PLAIN, PLAN).score == -2.0
    assert read(OTHER[:1], "提示").score is None  # it never came to the question


def test_the_threshold_decides_and_what_barely_reaches_it_is_flagged() -> None:
    sure = read(SPEECH, TITLE).score
    assert sure is not None
    assert read(SPEECH, TITLE, sure).fate == "speech"
    assert "unsure_speech" in read(SPEECH, TITLE, sure).speeches[0]["quality_flags"]
    above = read(SPEECH, TITLE, sure + 0.1)
    assert (above.fate, above.speeches, above.score) == ("off_topic", [], sure)
    below = read(PLAIN, PLAN, -2.0)
    assert below.fate == "speech"
    assert "unsure_speech" in below.speeches[0]["quality_flags"]


@given(st.floats(-15, 5), st.floats(-15, 5))
def test_only_a_speech_is_unsure(score: float, threshold: float) -> None:
    assert not is_unsure(score, threshold) or score >= threshold
    assert is_unsure(threshold, threshold)


@given(
    st.sampled_from([TITLE, PLAN, UNNAMED, "如何写好讲话稿"]),
    st.lists(st.sampled_from(SPEECH), min_size=3),
    st.floats(-15, 5),
)
def test_verdict_follows_score_and_threshold(title: str, body: list[str], threshold: float) -> None:
    verdict = judge(title, body, (), threshold)
    if verdict.fate != "empty":
        assert (verdict.fate == "speech") == (verdict.score >= threshold)
    assert verdict.score == judge(title, body).score  # the threshold is no part of the score
    assert verdict.why


def extract(site: Archived, **options: Any) -> tuple[int, dict[str, dict[str, Any]]]:
    """How many articles were read, and the pages by key."""
    site.commit()
    report = jobs.extract(site.home, [site.site], workers=1, **options).sites[0]
    assert report.error is None
    return report.read, {r["key"]: r for r in shards.read_records(site.home, site.site, "pages").to_pylist()}


def test_a_changed_setting_reads_again_and_pages_say_how_sure_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Archived(tmp_path)
    for key, title, body in (("/1", TITLE, SPEECH), ("/2", PLAN, PLAIN)):
        site.page(key, page(paragraphs(body), title).decode())
    site.page("/3", page("<ul>" + "<li><a href=/1>镇长在护林会议上的讲话</a></li>" * 30 + "</ul>", "讲话").decode())
    site.page("/4", fate="error", why="status 500")
    read, pages = extract(site)
    assert read == 3
    assert {k: (p["fate"], p["is_speech"]) for k, p in pages.items()} == {
        "/1": ("speech", True), "/2": ("off_topic", False), "/3": ("list", False), "/4": ("error", None)
    }  # fmt: skip
    assert pages["/1"]["speech_score"] >= 3.5
    assert pages["/2"]["speech_score"] == -2.0
    assert pages["/3"]["speech_score"] is pages["/4"]["speech_score"] is None
    assert extract(site)[0] == 0
    site.home.settings_file.write_text("speech_threshold = -3\n")
    read, pages = extract(site)
    assert read == 3
    assert {k: p["fate"] for k, p in pages.items() if k in ("/1", "/2")} == {"/1": "speech", "/2": "speech"}
    monkeypatch.setenv("JIANGHUA_SPEECH_THRESHOLD", "5")  # the environment wins over the file
    read, pages = extract(site)
    assert read == 3
    assert pages["/2"]["fate"] == "off_topic"
    monkeypatch.delenv("JIANGHUA_SPEECH_THRESHOLD")
    site.home.settings_file.unlink()
    extract(site)
    assert extract(site)[0] == 0


@pytest.mark.parametrize("value", ["7", "nan", '"high"', "-16"])
def test_a_wrong_threshold_is_told(tmp_path: Path, value: str) -> None:
    (tmp_path / "jianghua.toml").write_text(f"speech_threshold = {value}\n")
    with pytest.raises(JianghuaError, match="speech_threshold"):
        load_settings(Home(tmp_path))
    assert Settings().speech_threshold == SPEECH_THRESHOLD
