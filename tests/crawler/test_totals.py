"""What list pages say of how much they hold, in the forms of real systems; and what is no statement."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from crawler.completeness import completeness, kept
from crawler.links import read_links
from crawler.site import Site
from crawler.totals import Stated, last_page, list_pager, number, plain, read_totals, stated_in

HOST = "http://lists.example.com"


@pytest.mark.parametrize(
    ("text", "items", "pages", "page"),
    [
        ("共1234篇", 1234, None, None),
        ("共 1,234 条记录", 1234, None, None),
        ("共有文章87篇", 87, None, None),
        ("共25页", None, 25, None),
        ("第3页 共25页", None, 25, 3),
        ("第1/25页", None, 25, 1),
        ("3/25页", None, 25, 3),
        ("页次:2/18", None, 18, 2),
        ("共25页1234条", 1234, 25, None),
        ("共 25 页 / 1234 条记录 每页 50 条", 1234, 25, None),
        ("每页20条 共31条", 31, None, None),
        ("共1234篇文章 当前 第2/62页", 1234, 62, 2),
        ("1234条数据 3/62 页", 1234, 62, 3),
        ("总数:1234", 1234, None, None),
        ("总共 98 篇", 98, None, None),
        ("找到相关结果412条", 412, None, None),
        ("共二十五页", None, 25, None),
        ("共一百零三篇", 103, None, None),
        ("Page 2 of 31", None, 31, 2),
        ("1-20 of 1,234 results", 1234, None, None),
        ("312 articles found", 312, None, None),
        ("Total: 77", 77, None, None),
        ("31 pages", None, 31, None),
        # none of these says a total
        ("每页20条", None, None, None),
        ("2026/3/5 发布", None, None, None),
        ("第3页", None, None, None),
        ("上一页 1 2 3 下一页", None, None, None),
        ("9/4页", None, None, None),
        ("20 results per page", None, None, None),
    ],
)
@pytest.mark.parametrize("form", ["simplified", "traditional", "full width"])
def test_statements(text: str, items: int | None, pages: int | None, page: int | None, form: str) -> None:
    if form == "traditional":
        text = text.translate(str.maketrans("页条总记录计个结显资料项数据内为当", "頁條總記錄計個結顯資料項數據內為當"))
    elif form == "full width":
        text = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else "\u3000" if c == " " else c for c in text)
    found = stated_in(plain(text))
    assert (found.items, found.pages, found.page) == (items, pages, page), found


@given(st.integers(0, 99_999_999))
def test_any_number_is_read_in_chinese_numerals(n: int) -> None:
    assert number(_chinese(n)) == n
    assert number(f"{n:,}") == n


def _chinese(n: int) -> str:
    digits = "零一二三四五六七八九"

    def below(n: int) -> str:
        out, zero = "", False
        for unit, size in (("千", 1000), ("百", 100), ("十", 10), ("", 1)):
            d, n = divmod(n, size)
            if d:
                out += ("零" if zero else "") + digits[d] + unit
                zero = False
            elif out:
                zero = True
        return out

    high, low = divmod(n, 10_000)
    if not n:
        return "零"
    return (below(high) + "万" if high else "") + ("零" if high and 0 < low < 1000 else "") + below(low)


@given(st.text(alphabet="共0123456789页条第/一十百总数:of pagesresults ", max_size=40))
def test_nothing_that_looks_like_a_statement_breaks_the_reader(text: str) -> None:
    found = stated_in(plain(text))
    assert found.pages is None or found.pages >= 1
    assert bool(found) == (found.items is not None or found.pages is not None)


ROWS = "".join(
    f'<li><a href="/a/{n}.html">在第{n}次全县工作会议上的讲话</a><span>2026-03-{n:02}</span></li>' for n in range(1, 9)
)


def _tree(html: str) -> etree._Element:
    return etree.fromstring(f"<html><body>{html}</body></html>", etree.HTMLParser())


@pytest.mark.parametrize(
    ("pager", "items", "pages"),
    [
        # numbers in elements of their own
        ('<div class="p"><span>共 <b>25</b> 页 <b>1234</b> 条</span> <a href="l_2.html">2</a> <a href="l_2.html">下一页</a></div>', 1234, 25),
        # the total is the first of the pager's links
        ('<div id="pages"><a class="a1">412条</a> <a href="l_1.html">上一页</a> <a href="l_2.html">2</a></div>', 412, None),
        # the total has no word but a title
        ('<div><a title="总数">&nbsp;<b>96</b></a> <b>1</b> <a href="l_2.html">2</a> <a href="l_2.html">尾页</a></div>', 96, None),
        ('<table><tr><td>頁次：１／１８ 共３５１筆 <a href="l_2.html">下一頁</a></td></tr></table>', 351, 18),
        ('<p class="sum">本栏目共有文章88篇</p>', 88, None),
        ('<nav><span>Page 1 of 7</span> <a href="?page=2">Next</a></nav><p>133 documents found</p>', 133, 7),
    ],
)  # fmt: skip
def test_lists_of_many_systems(pager: str, items: int | None, pages: int | None) -> None:
    found = read_totals(_tree(f"<ul>{ROWS}</ul>{pager}"))
    assert (found.items, found.pages) == (items, pages), found
    assert found.said


@pytest.mark.parametrize(
    "entry",
    [
        '<li><a href="/a/1.html">领导干部廉政教育讲话稿（共10篇）</a></li>',
        '<li><a href="/a/1.html">领导干部廉政教育讲话稿</a><p>共10篇，可打印</p></li>',
        "<p>这一年全县共有2300个项目开工，完成投资80亿元，我们的工作取得了新的成绩，得到了群众的肯定和支持。</p>",
        '<div class="hot"><a href="/a/2.html">在会议上的讲话共5页</a></div>',
    ],
)
def test_titles_teasers_and_sentences_are_no_statements(entry: str) -> None:
    assert read_totals(_tree(f"<ul>{ROWS}{entry}</ul>")) == Stated()


def _site() -> Site:
    return Site.model_validate({"name": "lists", "title": "Lists", "start": [f"{HOST}/"]})


def _page(n: int, last: int, form: str, said: str = "") -> bytes:
    links = "".join(
        f'<a href="{form.format(i)}">{i}</a> ' for i in range(max(1, n - 3), min(last, n + 3) + 1) if i != n
    )
    rows = "".join(f'<li><a href="/a/{100 * n + i}.html">在第{n}批第{i}次会议上的讲话</a></li>' for i in range(10))
    hot = "".join(f'<li><a href="/a/{i}.html">在热门的第{i}次大会上的讲话</a></li>' for i in range(5))
    pager = f'<div class="page">{said}{links}<a href="{form.format(last)}">尾页</a></div>'
    return f"<html><body><ul>{rows}</ul><div><ul>{hot}</ul></div>{pager}</body></html>".encode()


@pytest.mark.parametrize(
    ("first", "form", "whole"),
    [
        ("/jianghua/list_3_1.html", "/jianghua/list_3_{}.html", "/jianghua/list_3.html"),
        ("/jianghua/?page=1", "/jianghua/?page={}", "/jianghua/"),
        ("/jianghua/", "/jianghua/index_{}.html", "/jianghua/"),
    ],
)
def test_a_list_is_counted_over_its_pages(first: str, form: str, whole: str) -> None:
    site = _site()
    state = {}
    for n in (1, 2, 3, 5):  # the fourth is missing
        path = first if n == 1 else form.format(n)
        found = read_links(_page(n, 5, form), "text/html", HOST + path, site)
        assert found.kind == "list"
        assert found.list_pager is not None
        assert found.stated.pages == 5
        own = next(i for i, u in found.list_pager.pages.items() if u == HOST + path)
        assert own == n
        assert site.key(found.list_pager.whole) == whole
        state[path] = kept(whole, own, found.stated.items, found.stated.pages, found.stated.said, found.items)
    result = completeness(state)
    assert (result.stated, result.complete) == (1, 0)
    (short,) = result.short
    assert (short.list, short.pages_stated, short.pages_seen) == (whole, 5, 4)
    assert short.items_seen == 40  # what stands on every page is no item of the list


def test_items_are_compared_where_a_list_states_them() -> None:
    site = _site()
    pages = {
        n: read_links(_page(n, 3, "/l/?page={}", "<span>共30条</span>"), "text/html", f"{HOST}/l/?page={n}", site)
        for n in (1, 2, 3)
    }

    def state(*numbers: int) -> dict[str, str]:
        return {
            f"/l/?page={n}": kept("/l/", n, p.stated.items, p.stated.pages, p.stated.said, p.items)
            for n, p in pages.items()
            if n in numbers
        }

    assert pages[1].stated.items == 30
    assert completeness(state(1, 2, 3)).complete == 1
    (short,) = completeness(state(1)).short
    assert (short.pages_seen, short.pages_stated, short.items_stated) == (1, 3, 30)
    assert "共30条" in short.said


def test_a_list_that_says_nothing_is_not_judged() -> None:
    assert completeness({"/l/": kept("/l/", 1, None, None, "", ["/a/1.html"])}) == completeness({})


def test_the_last_page_by_its_link() -> None:
    links = [(f"{HOST}/l/index_{n}.html", str(n + 1)) for n in (1, 2)] + [(f"{HOST}/l/index_24.html", "末页")]
    pager = list_pager(f"{HOST}/l/index.html", links)
    assert pager is not None
    assert last_page(pager, links) == 25  # the addresses count from nought
    assert last_page(pager, links[:2]) is None


def test_kept_values_are_small(tmp_path: Path) -> None:
    text = kept("/l/", 1, 5, 1, "共5篇", [f"/a/{n}.html" for n in range(3000)])
    assert len(text) < 4000
