"""The check of what was taken against what stands on the page: it tells of text left elsewhere, and of lists taken for text."""

from __future__ import annotations

import json

import pytest

from crawler.extraction.article import read_article
from crawler.extraction.model import PageInput
from crawler.site import Site
from tests.crawler.extraction.pages import OTHER, SPEECH, page, paragraphs
from tests.docsites import SHARED

SITE = Site(name="qingquan", title="清泉文库", start=("https://www.qingquan.test/",))
# text of another matter, as long as it has to be to be missed
LEFT = [
    f"散会以后大家又到{place}走了一圈,边走边议,把剩下的几个难点逐个落实到了人头上,路边、坟头、庙前都没有留下一处空白。"
    for place in ("东坡", "西沟", "南岭", "北湾", "后山")
]
REST = paragraphs(LEFT)
LIST = "<ul>" + "".join(f"<li><a href=/{n}>第{n}次护林会议讲话</a></li>" for n in range(30)) + "</ul>"


def flags(*bodies: bytes) -> set[str]:
    read = read_article(
        [PageInput("https://www.qingquan.test/1.html", b, "text/html", k) for k, b in enumerate(bodies, 1)], SITE
    )
    assert read.speeches, read
    return set(read.speeches[0]["quality_flags"]) & {"low_coverage", "with_furniture"}


def test_running_text_that_was_left_is_told() -> None:
    body = paragraphs(SPEECH)
    assert flags(page(f"<div class=zw>{body}</div>")) == set()
    assert flags(page(f"<div class=zw>{body}</div>", below=f"{LIST}<div class=xx>{REST}</div>")) == {"low_coverage"}


@pytest.mark.parametrize(
    "below",
    [
        f"<div class=comments>{REST}</div>",
        f"<footer>{REST}</footer>",
        f"<p>上一篇:没有了</p><div>{REST}</div>",
        f"<div>相关阅读</div><div>{REST}</div>",
        f"{LIST}<div class=zy>{paragraphs(SPEECH[1:])}</div>",
        "".join(f"<p><a href=/{n}>{t[:12]}</a></p><p>{t[:60]}</p>" for n, t in enumerate(OTHER * 2)),
    ],
)  # fmt: skip
def test_what_never_is_text_was_not_left(below: str) -> None:
    assert "low_coverage" not in flags(page(f"<div class=zw>{paragraphs(SPEECH)}</div>", below=below))


def test_a_body_full_of_links_is_told() -> None:
    linked = [x if n < 2 else f"<a href=/{n}>{x[:24]}</a>{x[24:]}" for n, x in enumerate(SPEECH)]
    assert flags(page(paragraphs(linked))) == {"with_furniture"}
    some = [x.replace("护林", "<a href=/t>护林</a>") for x in SPEECH]
    assert flags(page(paragraphs(some))) == set()


def test_in_article_pages_count_together() -> None:
    """What is left on each of two pages is too little to tell of, on both together it is not."""
    box = f"{LIST}<div class=xx>{paragraphs(LEFT[:3])}</div>"
    first, second = (page(f"<div class=zw>{paragraphs(lines)}</div>", below=box) for lines in (SPEECH[:4], SPEECH[4:]))
    assert flags(first, second) == {"low_coverage"}
    assert flags(first) == set()


@pytest.mark.skipif(not (SHARED / "gold").is_dir(), reason="the hand-made gold is not on this machine")
def test_few_right_pages_are_flagged() -> None:
    from crawler.extraction.blocks import read_blocks
    from crawler.extraction.coverage import coverage
    from crawler.extraction.density import trim
    from crawler.extraction.dom import parse
    from crawler.extraction.maintext import find_main

    told = 0
    rows = [json.loads(line) for line in (SHARED / "gold" / "manifest.jsonl").read_text().splitlines()]
    for row in rows:
        document = parse((SHARED / "gold" / row["html"]).read_bytes())
        blocks = read_blocks(document.root)
        main = find_main(document, blocks)
        if main and coverage(blocks, *main, trim(blocks[main[0] : main[1] + 1])).flags:
            told += 1
    assert 1 <= told <= 0.06 * len(rows)
