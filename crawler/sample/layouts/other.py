"""Two more kinds of site: a government site in Traditional Chinese, and a blog with comments."""

from __future__ import annotations

import random
from functools import cache
from html import escape
from typing import ClassVar

import opencc

from crawler.sample.layouts.base import Layout, text_of
from crawler.sample.model import Article, Edition, Shelf


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("s2t")


def traditional(text: str) -> str:
    """The text in Traditional script."""
    return str(_converter().convert(text))


class TraditionalLayout(Layout):
    """A county government in Traditional Chinese: Big5, dates of the Republic's era, addresses with query fields.

    Articles come in Simplified script from the generator; `build.py` converts them before they get here.
    """

    charset = "big5hkscs"
    content_type = "text/html; charset=big5"
    validators = "etag"
    shows = frozenset({"published_at", "source", "breadcrumb", "views"})
    precision = "day"
    home_name = "首頁"
    soft_404_path = "/News_Content.aspx?n=1&s=9999"
    about_path = "/Page.aspx?id=about"
    advert_path = "/Page.aspx?id=ad"
    login_path = "/Login.aspx"

    def path(self, number: int, category: str, year: int, month: int, day: int) -> str:
        return f"/News_Content.aspx?n={category}&s={number + 300}"

    def page_path(self, path: str, k: int) -> str:
        return path if k == 1 else f"{path}&p={k}"

    def list_path(self, category: str, k: int = 1) -> str:
        return f"/News.aspx?n={category}" + (f"&page={k}" if k > 1 else "")

    def breadcrumb(self, article: Article) -> list[str]:
        return ["首頁", "縣政資訊", article.category[1]]

    def frame(self, shelf: Shelf, title: str, main: str, keywords: str = "", about: str = "") -> str:
        menu = "".join(f'<li><a href="{escape(self.list_path(s))}">{n}</a></li>' for s, n in shelf.categories)
        return f"""<!DOCTYPE html><html lang="zh-Hant"><head><meta http-equiv="Content-Type" content="text/html; charset=big5" /><title>{shelf.title}-{text_of(title)}</title></head>
<body><a href="#C" class="skip">跳到主要內容區塊</a><div id="hdr"><h1 class="gov"><a href="/">{shelf.title}</a></h1><ul class="acc"><li><a href="/">回首頁</a></li><li><a href="{escape(self.about_path)}">網站導覽</a></li><li><a href="{escape(self.login_path)}">員工登入</a></li></ul><ul class="mnu">{menu}</ul></div>
<div id="C">{main}</div><div id="lst"><!--pad--></div><div id="ftr"><address>{shelf.title}　地址：000 玉山縣中正路一號　總機：(00)000-0000</address><a href="{escape(self.advert_path)}">活動專區</a></div></body></html>"""

    def article(self, shelf: Shelf, a: Article, e: Edition, blocks: list[tuple[str, str]], k: int) -> str:
        body, glue = "", ""
        for kind, p in blocks:
            if kind == "h":
                body += f"<h4>{text_of(p)}</h4>"
            elif kind == "g":
                glue = text_of(p)
            else:
                body += f'<p style="text-indent:2em">{glue}{text_of(p)}</p>'
                glue = ""
        d = a.published_at
        day = (
            f"民國{d.year - 1911}年{d.month}月{d.day}日"
            if a.number % 2
            else f"{d.year - 1911}-{d.month:02d}-{d.day:02d}"
        )
        pager = f'<div class="pgr">{self.pager(a, k)}</div>' if a.split > 1 else ""
        main = f"""<div class="bc">您現在的位置：<a href="/">首頁</a> &gt; <a href="/">縣政資訊</a> &gt; <a href="{escape(self.list_path(a.category[0]))}">{a.category[1]}</a></div>
<div class="ttl"><h2>{text_of(e.title_raw)}</h2></div><ul class="inf"><li>發布日期：{day}</li><li>資料來源：{a.source}</li><li>點閱數：{a.views}</li></ul>
<div class="cp">{body}</div>{pager}<div class="back"><a href="{escape(self.list_path(a.category[0]))}">回上一頁</a><a href="#">友善列印</a></div>"""
        return self.frame(shelf, e.title_raw, main)


class BlogLayout(Layout):
    """A blog: 发表于 with a date, tags, comments, neighbours; robots.txt with Disallow and Crawl-delay; Last-Modified only."""

    validators = "modified"
    page_size = 5
    precision = "minute"
    odd_links = (("/?p=3", "随便看看", 3),)
    shows = frozenset({"published_at", "author", "keywords", "breadcrumb"})
    robots = "User-agent: *\nDisallow: /wp-admin/\nDisallow: /private/\nCrawl-delay: 0.05\n"
    soft_404_path = "/archives/99999"
    about_path = "/about"
    advert_path = "/vip"
    login_path = "/wp-login.php"
    COMMENTS: ClassVar[tuple[str, ...]] = (
        "谢谢楼主分享",
        "正好用得上",
        "写得真好，收藏了",
        "请问有完整的稿子吗",
        "同志们辛苦了，顶一下",
    )

    def path(self, number: int, category: str, year: int, month: int, day: int) -> str:
        return f"/archives/{number + 20}"

    def page_path(self, path: str, k: int) -> str:
        return path if k == 1 else f"{path}/{k}"

    def list_path(self, category: str, k: int = 1) -> str:
        return f"/category/{category}" + (f"/page/{k}" if k > 1 else "")

    def tag_path(self, keyword: str) -> str | None:
        return f"/tag/{sum(map(ord, keyword)) % 83}"

    def frame(self, shelf: Shelf, title: str, main: str, keywords: str = "", about: str = "") -> str:
        menu = "".join(f'<li class="menu-item"><a href="{self.list_path(s)}">{n}</a></li>' for s, n in shelf.categories)
        recent = "".join(f"<li>{self.link(b, e)}</li>" for b, e in self.others(shelf, None, 5, "recent"))
        return f"""<!DOCTYPE html><html lang="zh-Hans"><head><meta charset="UTF-8"><title>{text_of(title)} – {shelf.title}</title><meta name="generator" content="WordPress"></head>
<body class="single"><div id="page"><header id="masthead"><p class="site-title"><a href="/" rel="home">{shelf.title}</a></p><ul class="menu">{menu}</ul></header>
<div id="content">{main}<aside id="secondary"><section class="widget"><h2>近期文章</h2><ul>{recent}</ul></section><!--pad--></aside></div>
<footer id="colophon">自豪地写于檀溪边 <a href="/about">关于</a> <a href="/vip">打赏</a> <a href="/wp-login.php">登录</a> <a href="/wp-admin/">管理</a></footer></div></body></html>"""

    def article(self, shelf: Shelf, a: Article, e: Edition, blocks: list[tuple[str, str]], k: int) -> str:
        rng = random.Random(f"{shelf.name}{a.number}")
        body, glue = "", ""
        for kind, p in blocks:
            if kind == "h":
                body += f"<h3>{text_of(p)}</h3>\n"
            elif kind == "g":
                glue = f"<strong>{text_of(p)}</strong>"
            elif kind == "m":
                body += f'<p class="more-link">{text_of(p)}</p>\n'
            else:
                body += f"<p>{glue}{text_of(p)}</p>\n"
                glue = ""
        d = a.published_at
        tags = ", ".join(f'<a href="{self.tag_path(w)}" rel="tag">{w}</a>' for w in a.keywords)
        said = "".join(
            f'<li class="comment"><cite>读者{rng.randint(10, 99)}</cite> <span>{d.year}-{d.month}-{min(28, d.day + 1)} {rng.randint(10, 23)}:{rng.randint(10, 59)}</span><p>{rng.choice(self.COMMENTS)}</p></li>'
            for _ in range(rng.randint(0, 4))
        )
        before, behind = self.neighbours(shelf, a)
        pager = f'<div class="page-links">{self.pager(a, k)}</div>' if a.split > 1 else ""
        crumb = f'<div class="breadcrumbs"><a href="/">{self.home_name}</a> » <a href="{self.list_path(a.category[0])}">{a.category[1]}</a> » {text_of(e.title_raw)}</div>'
        main = f"""<div id="primary">{crumb}<article class="post"><header class="entry-header"><h1 class="entry-title">{text_of(e.title_raw)}</h1>
<div class="entry-meta">作者：<a href="/about">{a.author}</a> 发表于 {d.year}-{d.month}-{d.day} {d:%H:%M}</div></header>
<div class="entry-content">{body}</div>{pager}<footer class="entry-footer">标签：{tags}</footer></article>
<nav class="post-navigation"><div>← {self.link(*before) if before else ""}</div><div>{self.link(*behind) if behind else ""} →</div></nav>
<div id="comments"><h2>发表评论</h2><ol>{said}</ol><form method="post"><textarea name="comment"></textarea></form></div></div>"""
        return self.frame(shelf, e.title_raw, main, ",".join(a.keywords))
