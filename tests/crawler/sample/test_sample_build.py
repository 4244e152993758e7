"""The sample is deterministic, its gold is what its pages show, and every page can be reached."""

from __future__ import annotations

import html
import json
import re
from itertools import combinations
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from lxml.html import document_fromstring

from crawler.home import Home
from crawler.sample.build import DAYS, Sample, build, split_blocks
from crawler.sample.compose import SOFT
from crawler.sample.layouts import traditional
from crawler.site import load_site

SITES = ("qingyun", "zhimo", "muduo", "wenku", "yushan", "tanxi")


def shown(sample: Sample, site: str, day: int, path: str) -> str:
    """The text of a page without markup, hidden text and white space."""
    spec = next(s for s in sample.sites if s.name == site)
    text = sample.pages(site, day)[path].body.decode(spec.layout(day).charset)
    text = re.sub(r"(?s)<(script|style)\b.*?</\1>|<span[^>]*display:none[^>]*>.*?</span>", "", text)
    return re.sub(r"[\s\u3000]+", "", html.unescape(re.sub(r"<[^>]+>", "", text)))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    a, b, c = (build(seed=s, articles=9) for s in (5, 5, 6))
    for site in SITES:
        for day in DAYS:
            assert a.pages(site, day) == b.pages(site, day)
        assert a.pages(site, 1) != c.pages(site, 1)
    assert a.expected(2) == b.expected(2)


def test_the_order_of_asking_does_not_matter() -> None:
    a, b = build(articles=9), build(articles=9)
    a.pages("muduo", 2)
    b.pages("muduo", 1)
    assert a.pages("muduo", 1) == b.pages("muduo", 1)
    assert a.pages("muduo", 2) == b.pages("muduo", 2)


@pytest.mark.parametrize("day", DAYS)
def test_gold_stands_on_the_pages(sample: Sample, day: int) -> None:
    texts: dict[tuple[str, str], str] = {}
    for row in sample.expected(day):
        if "paragraphs" not in row:
            continue
        for path in row["split"]:
            texts.setdefault((row["site"], path), shown(sample, row["site"], day, path))
        text = "".join(texts[row["site"], path] for path in row["split"])
        where = (row["site"], row["path"])
        at = 0
        for paragraph in row["paragraphs"]:
            assert paragraph == paragraph.strip(), where
            at = text.find(re.sub(r"\s", "", paragraph), at)
            assert at >= 0, (where, paragraph)
        for fact in ("title_raw", "part_title", "source", "author", "site_title", *()):
            if row[fact]:
                assert re.sub(r"\s", "", row[fact]) in text, (where, fact)
        for step in row["breadcrumb"]:
            assert step in text, where
        assert row["title"] in row["title_raw"] or row["title"].replace("（", "(") in row["title_raw"]


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("site", SITES)
def test_every_live_page_is_reached_from_the_home_page(sample: Sample, site: str, day: int) -> None:
    pages = sample.pages(site, day)
    charset = next(s for s in sample.sites if s.name == site).layout(day).charset
    base = "http://host.test"
    seen, todo = {"/"}, ["/"]
    while todo:
        here = todo.pop()
        answer = pages.get(here)
        if answer is None or answer.status != 200 or "xml" in answer.content_type or not answer.body:
            continue
        for link in document_fromstring(answer.body.decode(charset)).iter("a"):
            if not (href := link.get("href")):
                continue
            parts = urlsplit(urljoin(base + here, href))
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            if parts.netloc == "host.test" and path not in seen:
                seen.add(path)
                todo.append(path)
    live = {p for p, a in pages.items() if a.status == 200 and p not in {"/robots.txt", "/sitemap.xml"}}
    # what became "not found" with status 200 is linked no more, as on real sites
    soft = {r["path"] for r in sample.expected(day) if r["site"] == site and r["kind"] == "soft404"}
    assert live - soft <= seen


def test_day_two_changes_what_it_should(sample: Sample) -> None:
    changes = sample.changes()
    assert all(len(v) >= 12 for v in changes.values()), {k: len(v) for k, v in changes.items()}
    for site in SITES:
        assert any(s == site for s, _, _ in changes["added"])
    gone = {a.on(2) for articles in sample.articles.values() for a in articles if isinstance(a.on(2), int)}
    assert gone == {404, 410, SOFT}
    before, after = ({(r["site"], r["path"], r["part"]): r for r in sample.speeches(d)} for d in DAYS)
    fields = {f for k in changes["changed"] for f in before[k] if before[k][f] != after[k][f]}
    assert {"paragraphs", "title", "title_raw"} <= fields
    # a redesign changes every page of the site and no fact
    one, two = sample.pages("muduo", 1), sample.pages("muduo", 2)
    same = [k for k in before if k[0] == "muduo" and before[k] == after.get(k)]
    assert same
    assert all(one[path].body != two[path].body for _, path, _ in same)


def test_gold_covers_what_it_is_for(sample: Sample) -> None:
    rows = sample.expected(1)
    speeches = [r for r in rows if r["kind"] == "speech"]
    assert {r["copy"] for r in speeches} == {"original", "exact", "edited", "masked", "script", "preview"}
    assert {
        "方案",
        "通知",
        "心得体会",
        "新闻报道",
        "写作指导",
        "小说",
        "list",
        "home",
        "tag",
        "about",
        "advert",
        "login",
    } <= {r["kind"] for r in rows}
    assert {"soft404", "continuation", "redirect"} <= {r["kind"] for r in rows}
    assert any(r["disallowed"] for r in speeches)
    assert any(len(r["split"]) > 1 for r in speeches)
    assert any(r["parts"] > 1 and len(r["split"]) == 1 for r in speeches)
    assert sum(r["is_preview"] for r in speeches) >= 8
    assert any(r["chars_declared"] for r in speeches)
    for r in speeches:
        assert r["salutation"] is None or r["paragraphs"][0].startswith(r["salutation"])


def test_copies_are_alike_and_others_are_not(sample: Sample) -> None:
    def shingles(row: dict[str, object]) -> set[str]:
        paragraphs = row["paragraphs"]
        assert isinstance(paragraphs, list)
        text = "".join(paragraphs)
        return {text[i : i + 5] for i in range(len(text) - 4)}

    rows = [r for r in sample.speeches(1, disallowed=True) if r["site"] != "yushan" and not r["is_preview"]]
    made = [(r, shingles(r)) for r in rows]
    for (a, x), (b, y) in combinations(made, 2):
        alike = len(x & y) / len(x | y)
        if a["cluster"] == b["cluster"]:
            masked = "masked" in (a["copy"], b["copy"])
            ascii_marks = "wenku" in (a["site"], b["site"])
            assert alike > (0.3 if masked or ascii_marks else 0.8), (a["path"], b["path"], alike)
        else:
            assert alike < 0.45, (a["path"], b["path"], alike)


def test_the_traditional_copy_is_the_same_text_in_another_script(sample: Sample) -> None:
    rows = sample.speeches(1)
    originals = {r["cluster"]: r for r in rows if r["copy"] == "original" and r["site"] not in ("yushan", "wenku")}
    copies = [r for r in rows if r["copy"] == "script" and r["cluster"] in originals]
    assert copies
    for r in copies:
        assert [traditional(p) for p in originals[r["cluster"]]["paragraphs"]] == r["paragraphs"]


def test_scaled_pages_have_their_size() -> None:
    big = build(articles=12, chars=2600, page_bytes=30_000, page_size=50, sites=("qingyun", "muduo"))
    for site in ("qingyun", "muduo"):
        sizes = [len(big.pages(site, 1)[a.path].body) for a in big.articles[site] if a.editions[0][0] == 1]
        assert all(28_000 < s < 36_000 for s in sizes), sizes


def test_split_keeps_all_blocks_in_order() -> None:
    blocks = [("h", "篇1"), *[("p", "字" * n) for n in (3, 90, 5, 40)], ("h", "篇2"), ("p", "末")]
    for pages in (1, 2, 3, 4):
        made = split_blocks(blocks, pages)
        assert [b for page in made for b in page] == blocks
        assert len(made) == pages
        assert all(page for page in made)


def test_written_sample_and_gold(sample_dir: Path, small_sample: Sample) -> None:
    gold = [json.loads(line) for line in (sample_dir / "gold-2.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(gold) == len(small_sample.expected(2))
    index = [
        json.loads(line) for line in (sample_dir / "zhimo/day1/index.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    pages = small_sample.pages("zhimo", 1)
    assert {row["path"] for row in index} == set(pages)
    row = next(r for r in index if r["path"] == "/")
    assert (sample_dir / "zhimo/day1" / row["file"]).read_bytes() == pages["/"].body


def test_site_files_are_valid(home: Home) -> None:
    for name in SITES:
        site = load_site(name, home)
        assert site.name == name
