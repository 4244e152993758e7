"""Text that a page carries in its scripts, templates and noscript elements is read where the page shows none."""

from __future__ import annotations

import json

import pytest

from crawler.extraction.article import read_article
from crawler.extraction.model import ArticleResult, PageInput
from crawler.site import Site
from tests.crawler.extraction.pages import OTHER, OTHER_TITLE, SPEECH, TITLE, paragraphs

SITE = Site(name="shulin", title="树林", start=("http://www.shulin.test/",))
HTML = paragraphs(SPEECH)
STATE = {
    "menu": [{"id": 1, "title": "领导讲话"}],
    "detail": {"title": TITLE, "content": HTML, "views": 12},
    "more": [{"id": n, "title": OTHER_TITLE, "summary": OTHER[1]} for n in range(4)],
}


def read(inside: str, head: str = "") -> ArticleResult:
    page = f"<!doctype html><html><head><meta charset=utf-8><title>{TITLE}</title>{head}</head><body>{inside}</body></html>"
    return read_article([PageInput("http://www.shulin.test/a/1.html", page.encode(), "text/html", 1)], SITE)


def script(value: object, *, ascii_only: bool = False, before: str = "window.__STATE__=", kind: str = "") -> str:
    said = json.dumps(value, ensure_ascii=ascii_only).replace("</", "<\\/")
    return f"<div id=app></div><script{kind}>{before}{said};</script>"


CARRIED = {
    "state": script(STATE),
    "escaped": script(STATE, ascii_only=True),
    "json": script({"props": {"body": "\n".join(SPEECH), "tags": ["甲"]}}, before="", kind=" type='application/json'"),
    "list": script({"title": TITLE, "paragraphs": SPEECH, "related": [OTHER_TITLE, OTHER_TITLE]}),
    "blocks": script(
        {
            "title": TITLE,
            "blocks": [{"type": "p", "text": x} for x in SPEECH],
            "more": [{"name": OTHER_TITLE, "text": OTHER[1]}] * 2,
        }
    ),
    "entities": script({"body": HTML.replace("<", "&lt;").replace(">", "&gt;")}),
    "single quotes": f"<div id=c></div><script>var body='{HTML}'; render('c', body)</script>",
    "template literal": f"<div id=c></div><script>const md = `{chr(10).join(SPEECH)}`</script>",
    "template": f"<div id=c></div><script type='text/html' id=t>{HTML}</script>",
    "template element": f"<div id=c></div><template>{HTML}</template>",
    "noscript": f"<div id=c></div><script>go()</script><noscript><div>{HTML}</div></noscript>",
}


@pytest.mark.parametrize("name", CARRIED)
def test_a_page_that_shows_nothing_is_read_from_what_it_carries(name: str) -> None:
    result = read(f"<h1>{TITLE}</h1>{CARRIED[name]}")
    assert [s["text"].split("\n") for s in result.speeches] == [SPEECH], (result.fate, result.why)


def test_linked_data_holds_the_text_of_a_shell() -> None:
    data = {"@type": "Article", "headline": TITLE, "articleBody": "\n".join(SPEECH)}
    head = f"<script type=application/ld+json>{json.dumps(data, ensure_ascii=False)}</script>"
    assert [s["text"].split("\n") for s in read("<div id=root></div>", head).speeches] == [SPEECH]


def test_a_page_that_shows_its_text_is_not_read_from_its_scripts() -> None:
    other = script({"body": "\n".join(OTHER * 3)})
    result = read(f"<h1>{TITLE}</h1><div>{HTML}</div>{other}<noscript><p>{'请打开脚本。' * 40}</p></noscript>")
    assert [s["text"].split("\n") for s in result.speeches] == [SPEECH]


def test_teasers_and_words_of_a_script_are_no_text() -> None:
    result = read(script({"list": [{"title": OTHER_TITLE, "summary": OTHER[1]} for _ in range(20)]}))
    assert not result.speeches
    assert not read("<script>" + '"\\' * 3000 + "同志们" * 60 + "</script>").speeches
