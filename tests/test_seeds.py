"""Real speeches whose paragraphs were copied out by hand, read from the replica pages that hold them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.chain import rows
from tests.docsites import MISSING, SHARED, Docsites

EXPECTED = SHARED / "seeds" / "expected.json"
pytestmark = [
    pytest.mark.docsites,
    MISSING,
    pytest.mark.skipif(not EXPECTED.is_file(), reason="the expected speeches are not on this machine"),
    pytest.mark.timeout(480),
]


def plain(paragraph: str) -> str:
    return "".join(paragraph.split())


def test_the_speeches_have_exactly_the_expected_paragraphs(docsites: Docsites) -> None:
    walk = docsites.walks["by hand"]
    published = rows(walk.home, version=walk.days[1].version or "")
    by_page: dict[str, list[dict[str, Any]]] = {}
    for row in published:
        by_page.setdefault(row["page_url"], []).append(row)
    wrong, speeches = [], 0
    for page in json.loads(EXPECTED.read_text()):
        pages = [
            r
            for r in by_page.values()
            if page["title"] in (r[0]["title"], r[0]["title_raw"]) or page["title_raw"] == r[0]["title_raw"]
        ]
        for wanted in page["speeches"]:
            speeches += 1
            paragraphs = [plain(p) for p in wanted["paragraphs"]]
            found = [
                r
                for rs in pages
                for r in rs
                if r["part"] == wanted["part"] and [plain(p) for p in r["text"].split("\n")] == paragraphs
            ]
            if not found:
                wrong.append((page["file"], wanted["part"], [rs[0]["page_url"] for rs in pages]))
                continue
            assert found[0]["salutation"] == wanted["salutation"], page["file"]
        texts = "\n".join(r["text"] for rs in pages for r in rs)
        assert [x for x in page["must_not_contain"] if x in texts] == [], page["file"]
    assert not wrong
    assert speeches == 10
