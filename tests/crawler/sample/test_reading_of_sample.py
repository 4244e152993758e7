"""The reader against the sample's gold, page by page, without a crawl: what it must bring on sites it was not made for."""

from __future__ import annotations

from typing import Any

import pytest

from crawler.extraction.article import read_article
from crawler.extraction.model import PageInput
from crawler.extraction.profile import learn
from crawler.sample import SITE_FILES
from crawler.sample.build import DAYS, Sample, SiteSpec
from crawler.sample.score import Score, score
from crawler.site import parse_site

BASE = "http://127.0.0.1:9"


def documents(sample: Sample, spec: SiteSpec, day: int) -> list[tuple[dict[str, Any], list[PageInput]]]:
    """Every page that a crawl would read, an article with its further pages, beside its row of the gold."""
    pages = sample.pages(spec.name, day)
    out, seen = [], set()
    for row in sample.expected(day):
        skip = row["site"] != spec.name or row["status"] != 200 or row["kind"] in ("continuation", "redirect")
        if skip or row["disallowed"] or row["path"] in seen:
            continue
        seen.add(row["path"])
        inputs = []
        for i, path in enumerate(row.get("split", [row["path"]]), 1):
            body = pages[path].body.replace(b"%%TOKEN%%", b"5f2c").replace(b"%%COUNT%%", b"123")
            inputs.append(PageInput(BASE + path, body, pages[path].content_type, i))
        out.append((row, inputs))
    return out


@pytest.mark.parametrize("day", DAYS)
def test_the_sample_is_read_as_its_gold_says(sample: Sample, day: int) -> None:
    scores: list[Score] = []
    for spec in sample.sites:
        site = parse_site(SITE_FILES / f"{spec.name}.yaml").at(BASE)
        read = documents(sample, spec, day)
        profile = learn([inputs for _, inputs in read], site)
        rows = []
        for _, inputs in read:
            made = read_article(inputs, site, profile).speeches
            rows += [{**x, "site": spec.name, "page_url": inputs[0].url} for x in made]
        scores.append(score(rows, [g for g in sample.speeches(day) if g["site"] == spec.name]))
    wanted, found = sum(s.wanted for s in scores), sum(s.found for s in scores)
    worst = [w for s in scores for w in s.worst][:20]
    assert found / wanted >= 0.98, worst
    assert sum(s.extra for s in scores) / found <= 0.02, worst
    assert sum(s.perfect for s in scores) / found >= 0.95, worst
    for fact in scores[0].facts:
        share = sum(s.facts[fact] * s.found for s in scores) / found
        assert share >= 0.97, (fact, share, worst)
