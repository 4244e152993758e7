"""The trace of a reading: every visible block ends in one way, the rows are those of a reading without it, and what was cut is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.extraction import golden
from crawler.extraction.article import read_article
from crawler.extraction.blocks import read_blocks
from crawler.extraction.dom import parse
from crawler.extraction.model import ArticleResult, Cut, PageInput
from crawler.extraction.profile import Profile, learn
from crawler.extraction.standing import line_key
from crawler.extraction.trace import FATES, Trace, TracedBlock
from crawler.extraction.worker import CUT_CHARS, CUTS_CHARS, MAX_CUTS, bounded_cuts
from crawler.sample import SITE_FILES
from crawler.sample.build import Sample
from crawler.site import Reading, Site, parse_site
from tests.crawler.extraction.pages import OTHER, OTHER_TITLE, SPEECH, TITLE, page, paragraphs
from tests.crawler.sample.test_reading_of_sample import BASE, documents

SITE = Site(name="qingquan", title="清泉文库", start=("http://qingquan.invalid/",))
GOLDEN = Path(__file__).parents[2] / "golden"
URL = "http://qingquan.invalid/a/1.html"


def traced(*bodies: bytes, site: Site = SITE, profile: Profile | None = None) -> tuple[ArticleResult, Trace]:
    """Read with a trace; holds what must hold of every reading."""
    inputs = [PageInput(URL, b, "text/html", k) for k, b in enumerate(bodies, 1)]
    trace = Trace()
    result = read_article(inputs, site, profile, trace)
    check(inputs, site, profile, result, trace)
    return result, trace


def check(inputs: list[PageInput], site: Site, profile: Profile | None, result: ArticleResult, trace: Trace) -> None:
    assert result == read_article(inputs, site, profile)
    assert len(trace.pages) == len(inputs)
    kept: dict[tuple[int, int], list[TracedBlock]] = {}
    for given_, told in zip(inputs, trace.pages, strict=True):
        assert [b.fate for b in told.blocks if b.fate not in FATES] == []
        assert [b.text for b in told.blocks if b.rule in ("unexplained", "empty")] == []
        if not site.reading.drop:  # as many blocks as the page shows, in the same order
            body = parse(given_.body, given_.content_type).root.find("body")
            assert body is not None
            assert [b.text for b in told.blocks] == [b.text for b in read_blocks(body)]
        for block in told.blocks:
            assert (block.fate == "kept") == (block.paragraph is not None) == (block.part is not None)
            assert (block.rule is not None) >= (block.fate in ("cut", "dropped"))
            if block.part is not None and block.paragraph is not None and block.last_paragraph is not None:
                for n in range(block.paragraph, block.last_paragraph + 1):
                    kept.setdefault((block.part, n), []).append(block)
    for row in result.speeches:  # every paragraph comes from a block, and its text from those blocks
        for n, paragraph in enumerate(row["text"].split("\n"), 1):
            from_blocks = "".join(b.text for b in kept[row["part"], n])
            for p in (piece for b in kept[row["part"], n] for piece in b.pieces):
                from_blocks = from_blocks.replace(p.text, "")
            assert "".join(paragraph.split())[:20] in "".join(from_blocks.split()) or len(kept[row["part"], n]) > 1


def test_every_block_of_the_sample_has_one_fate(small_sample: Sample) -> None:
    for spec in small_sample.sites:
        of = parse_site(SITE_FILES / f"{spec.name}.yaml").at(BASE)
        read = documents(small_sample, spec, 1)
        profile = learn([inputs for _, inputs in read], of)
        for _, inputs in read:
            trace = Trace()
            result = read_article(inputs, of, profile, trace)
            check(inputs, of, profile, result, trace)
            assert trace.fate == result.fate


@pytest.mark.parametrize("name", golden.page_names(GOLDEN))
def test_every_block_of_the_golden_pages_has_one_fate(name: str) -> None:
    inputs = golden.page_inputs(GOLDEN, name, golden.load(GOLDEN / f"{name}.json"))
    trace = Trace()
    check(inputs, SITE, None, read_article(inputs, SITE, None, trace), trace)


def fates(trace: Trace) -> dict[str, tuple[str | None, str | None]]:
    """Fate and rule by text."""
    return {b.text: (b.fate, b.rule) for p in trace.pages for b in p.blocks}


def test_what_is_cut_is_told_with_its_rule() -> None:
    body = (
        f"<p>{TITLE}</p><p>(镇长 王松年)</p><p>下面是小编为大家整理的镇长讲话,供大家参考。</p>"
        + paragraphs(SPEECH)
        + "<p>推荐访问:<a href=/t>护林</a></p><p>上一篇:<a href=/0>护林倡议书</a></p>"
    )
    result, trace = traced(page(body), site=SITE.model_copy(update={"reading": Reading(body=(".text",))}))
    found = fates(trace)
    assert (trace.pages[0].main.by, trace.pages[0].main.named) == ("site_file", ".text")
    assert found["(镇长 王松年)"] == ("subtitle", "subtitle")
    assert found["下面是小编为大家整理的镇长讲话,供大家参考。"][0] == "intro"
    assert found["推荐访问:护林"] == ("cut", "furniture.tail.keyword_tail")
    assert [b.paragraph for p in trace.pages for b in p.blocks if b.fate == "kept"] == list(range(1, len(SPEECH) + 1))
    assert {"subtitle", "furniture.tail.keyword_tail"} <= {c.rule for c in result.cut}
    assert trace.score is not None
    assert trace.score >= 1
    assert trace.facts["title_raw"].text == TITLE


def test_parts_and_their_headings() -> None:
    body = f"<p>篇1:{TITLE}</p>{paragraphs(SPEECH)}<p>篇2:{OTHER_TITLE}</p>{paragraphs(OTHER)}"
    result, trace = traced(page(body, "讲话稿2篇"))
    assert len(result.speeches) == 2
    assert [b.text for b in trace.pages[0].blocks if b.fate == "heading"] == [f"篇1:{TITLE}", f"篇2:{OTHER_TITLE}"]
    assert {b.part for b in trace.pages[0].blocks if b.fate == "kept"} == {1, 2}


def test_site_file_profile_and_watermarks() -> None:
    ad, slogan = "加群领取全套资料", "本栏目由清泉编辑部选编"
    body = f"<div class=ad><p>{ad}</p></div><p>{slogan}</p>" + paragraphs(
        [SPEECH[0], SPEECH[1] + "(清泉文库 www.qingquan.invalid)", *SPEECH[2:], "内部材料,注意保存"]
    )
    site = SITE.model_copy(update={"reading": Reading(drop=(".ad",), cut=("^内部材料",))})
    bare = read_blocks(parse(page(f"<p>{slogan}</p>")).root)
    profile = Profile(1, "qingquan", (), tuple(line_key(b.folded) for b in bare if b.text == slogan))
    result, trace = traced(page(body), site=site, profile=profile)
    found = fates(trace)
    assert found[ad] == ("dropped", "site_file.drop .ad")
    assert found[slogan] == ("cut", "profile.line")
    assert found["内部材料,注意保存"] == ("cut", "site_file.cut ^内部材料")
    (marked,) = [b for p in trace.pages for b in p.blocks if b.pieces]
    assert (marked.fate, marked.pieces[0].rule) == ("kept", "watermark")
    assert {"profile.line", "site_file.cut ^内部材料", "watermark"} <= {c.rule for c in result.cut}
    assert result.speeches[0]["text"].split("\n") == SPEECH


def test_a_paragraph_that_runs_over_a_page_break_keeps_both_blocks() -> None:
    long = SPEECH[3] + "各村各组都要行动起来,把隐患排查到每一户每一处,对重点时段重点部位重点人员"
    rest = "实行专人包保,确保万无一失。"
    result, trace = traced(
        page(paragraphs([*SPEECH[:3], long])), page(paragraphs([rest, *SPEECH[4:]]), title=TITLE + "(2)")
    )
    assert long + rest in result.speeches[0]["text"]
    ends = [b for p in trace.pages for b in p.blocks if b.text in (long, rest)]
    assert len({(b.page, b.paragraph) for b in ends}) == 2
    assert len({b.paragraph for b in ends}) == 1


def test_a_page_that_is_no_document_is_traced_too() -> None:
    links = "".join(f"<li><a href=/{n}.html>关于开展第{n}季度护林检查工作的通知</a></li>" for n in range(30))
    result, trace = traced(page(f"<ul>{links}</ul>", "讲话 列表"))
    assert result.fate == "list"
    assert trace.why
    assert not any(b.fate == "kept" for b in trace.pages[0].blocks)


_LINES = st.sampled_from(
    [*SPEECH, *OTHER, TITLE, OTHER_TITLE, "篇1", "篇2:", "第一篇", "……", "…", "第2页", "上一篇:没有了", "标签: #护林", "(2024年5月3日)",
     "下面是小编为大家整理的讲话,供大家参考。", "试读结束,开通会员继续阅读", "……此处隐藏936个字……", "(未完,全文共1662字,当前显示422字)", "返回顶部", "清泉文库",
     "<a href=/x>相关文章</a>", "<a href=/x>镇长在春季造林动员大会上的讲话稿范文</a>", "谢谢大家!", "&nbsp;", "12", "护林员要"]
)  # fmt: skip
_TAGS = st.sampled_from(["p", "div", "td", "li", "span", "br", "h2", "strong"])


def _markup(line: tuple[str, str]) -> str:
    tag, text = line
    return f"{text}<br>" if tag == "br" else f"<{tag}>{text}</{tag}>"


def test_a_block_with_a_hole_in_it_makes_two_paragraphs() -> None:
    _, trace = traced(page(paragraphs([*SPEECH[:3], SPEECH[3] + "……此处隐藏936个字……" + SPEECH[5], SPEECH[6]])))
    (block,) = (b for b in trace.pages[0].blocks if "此处隐藏" in b.text)
    assert (block.paragraph, block.last_paragraph) == (4, 5)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.lists(st.tuples(_TAGS, _LINES), max_size=24), min_size=1, max_size=3), st.booleans(), st.booleans())
def test_every_block_of_any_page_has_one_fate(pages: list[list[tuple[str, str]]], drop: bool, cut: bool) -> None:
    reading = Reading(drop=("h2", "span") if drop else (), cut=("护林员",) if cut else ())
    site = SITE.model_copy(update={"reading": reading})
    traced(*(page("".join(map(_markup, p))) for p in pages), site=site)


@given(
    st.lists(
        st.builds(Cut, st.sampled_from(["a.b.c", "title"]), st.text(max_size=900), st.integers(0, 3)), max_size=260
    )
)
def test_what_is_kept_of_the_cuts_is_bounded(cut: list[Cut]) -> None:
    kept = bounded_cuts(cut)
    assert len(kept) <= min(len(cut), MAX_CUTS + 1)
    assert all(len(text) <= CUT_CHARS for _, text, _, _ in kept)
    assert sum(len(text) for rule, text, _, _ in kept if rule != "more") <= CUTS_CHARS
    whole = sum(len("".join(c.text.split())) for c in cut)
    assert sum(chars for *_, chars in kept) == whole  # also what is not kept is counted
