"""Breadcrumbs in the forms that sites give them."""

from __future__ import annotations

import pytest

from crawler.extraction.breadcrumb import find_breadcrumb
from crawler.extraction.dom import parse
from crawler.extraction.lines import read_lines

T = "在全市安全生产工作会议上的讲话"
A, B, C = '<a href="/">首页</a>', '<a href="/a/">范文大全</a>', '<a href="/a/b/">讲话/致辞</a>'
STEPS = ["首页", "范文大全", "讲话/致辞"]


@pytest.mark.parametrize(
    "html",
    [
        f"<div>当前位置:{A} &gt; {B} &gt; {C} &gt; </div>",
        f"<div>您的位置:{A}&gt;&gt;{B}/{C}/&gt;&gt;正文</div>",
        f"<td>您现在的位置:&nbsp;{A} → {B} → {C} → {T}</td>",
        f"<p>{A} » {B} » {C} » 内容</p>",
        f"<p>{A} › {B} › {C} › 在全市安全生产工作...</p>",
        f"<div class=path>{A} / {B} / {C} / 正文</div>",
        f"<div class=crumbs>{A} | {B} | {C}</div>",
        f"<ol class=breadcrumb><li>{A}</li><li>{B}</li><li>{C}</li><li class=active>{T}</li></ol>",
        f"<div><span>您当前的位置\uff1a</span>{A}<em>&gt;</em>{B}<em>&gt;</em>{C}</div>",
        f"<div class=mbx><b>所在位置</b><ul><li>{A}</li><li>{B}</li><li>{C}</li></ul></div>",
        f"<ul><li>{A}</li><li>{B}</li><li>{C}</li></ul>",
        f"<nav aria-label=breadcrumb><ol><li>{A}</li><li>{B}</li><li>{C}</li></ol></nav>",
        f"<ol class=x1><li>{A}</li><li><svg></svg></li><li>{B}</li><li><svg></svg></li><li>{C}</li></ol>",
        f"<div class=x1>{A}<img src=j.gif>{B}<img src=j.gif>{C}</div>",
        f"<div>您在这里:{A}&gt;{B}&gt;{C}</div>",
        f"<font>目前位置:{A} -&gt; {B} -&gt; {C}</font>",
        f"<div>您现在浏览的位置:{A} 》 {B} 》 {C} 》 正文</div>",
        f"<div class=bread>当前所在\uff1a{A} | {B} | {C}</div>",
        f"<ul class=menu><li>{A}</li><li>{B}</li><li><a href=/y/>讲话</a></li></ul><ol><li>{A}</li><li>{B}</li><li>{C}</li></ol>",
        f"<ul><li>{A}</li><li>{B}</li><li>{C}</li><li><a href=/a/b/9.html>{T}</a></li></ul>",
    ],
)
def test_forms(html: str) -> None:
    assert steps(html) == STEPS


def steps(html: str, url: str = "http://example.org/a/b/9.html") -> list[str]:
    page = f"<div class=top><a href=/>某网</a> <a href=/login>登录</a></div>{html}<h1>{T}</h1><p>同志们:</p>"
    lines = read_lines(parse(page.encode(), None, url).root.find("body"))
    before = next(x.index for x in lines if x.level)
    found = find_breadcrumb(lines, before, T, url)
    return found.steps if found else []


@pytest.mark.parametrize(
    "html",
    [
        "",
        f"<ul class=menu><li>{A}</li><li><a href=/x/>新闻</a></li><li><a href=/y/>讲话</a></li></ul>",
        f"<div class=x1>{A}<a href=/x/>新闻</a><a href=/y/>讲话</a></div>",
        f"<ul class=menu><li>{A}</li><li>{B}</li><li><a href=/y/>讲话</a></li><li><a href=/z/>致辞</a></li></ul>",
        f"<ul class=x1><li>{A}</li><li><a href=/x/><img src=i.gif>新闻</a></li><li><a href=/y/><img src=i.gif>讲话</a></li></ul>",
        "<div class=nav><a href=/>首页</a> | <a href=/x/>新闻</a> | <a href=/y/>讲话</a></div>",
        "<p>位置决定视野,这是一句话。</p>",
    ],
)
def test_menus_are_none(html: str) -> None:
    assert steps(html) == []


def test_text_without_links() -> None:
    assert steps("<div>首页 > 范文 > 讲话 / 正文</div>") == ["首页", "范文", "讲话"]
    assert steps(f"<div>当前位置: 首页 - 范文 - 讲话 - {T}</div>") == ["首页", "范文", "讲话"]


def test_behind_the_title() -> None:
    path = "/a/b/9.html"
    page = f"<h1>{T}</h1><p>2023-05-04</p><nav class=breadcrumbs><span>{A}</span> » <span>{B}</span> » {T}</nav><p>同志们:</p>"
    lines = read_lines(parse(page.encode(), None, path).root.find("body"))
    found = find_breadcrumb(lines, 0, T, "http://example.org" + path)
    assert found
    assert found.steps == ["首页", "范文大全"]
