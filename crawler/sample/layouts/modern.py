"""Modern kinds of site: sections with a summary and compilations, the same site redesigned, and a library of previews."""

from __future__ import annotations

import random
from html import escape
from typing import ClassVar

from crawler.sample.layouts.base import Layout, text_of
from crawler.sample.model import Article, Edition, Shelf


class SectionLayout(Layout):
    """HTML 5 sections: a summary that repeats the beginning of the body, related lists before and behind it, compilations;
    its sitemap still names the placeholder host of the template it was made from."""

    validators = "both"
    precision = "minute"
    sitemap_host = "www.template.example"
    robots = "User-agent: *\nAllow: /\n"
    soft_404_path = "/doc/00000000.html"

    def path(self, number: int, category: str, year: int, month: int, day: int) -> str:
        return f"/doc/{(number * 2654435761) % (1 << 32):08x}.html"

    def page_path(self, path: str, k: int) -> str:
        return path if k == 1 else path.replace(".html", f"-{k}.html")

    def list_path(self, category: str, k: int = 1) -> str:
        return f"/c/{category}" + (f"?page={k}" if k > 1 else "")

    def tag_path(self, keyword: str) -> str | None:
        return f"/tag/{sum(map(ord, keyword)) % 89}"

    def breadcrumb(self, article: Article) -> list[str]:
        return ["木铎公文", "文稿", article.category[1]]

    def frame(self, shelf: Shelf, title: str, main: str, keywords: str = "", about: str = "") -> str:
        menu = "".join(f'<a class="nav-item" href="{self.list_path(s)}">{n}</a>' for s, n in shelf.categories)
        return f"""<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{text_of(title)}｜{shelf.title}</title><meta name="keywords" content="{escape(keywords)}"><meta name="description" content="{escape(about)}">
<link rel="stylesheet" href="/static/app.css"></head><body>
<header class="site-header"><a class="brand" href="/">{shelf.title}</a><nav class="site-nav">{menu}</nav><form action="/search"><input name="q" placeholder="搜索二十万份文稿"></form></header>
<main class="layout">{main}<!--pad--></main>
<footer class="site-footer"><a href="/about.html">关于</a><a href="/vip.html">会员</a><a href="/login.html">登录</a><small>© {shelf.title}</small></footer>
<script>window.__STATE__={{"build":"{shelf.day}"}}</script></body></html>"""

    def body(self, a: Article, blocks: list[tuple[str, str]], rng: random.Random) -> str:
        """The blocks of a page as markup."""
        out, glue = "", ""
        for kind, p in blocks:
            if kind == "h":
                out += rng.choice(
                    [f"<h2>{text_of(p)}</h2>", f"<p><b>{text_of(p)}</b></p>", f'<p class="pt">{text_of(p)}</p>']
                )
            elif kind == "g":
                glue = text_of(p)
            elif kind == "m":
                out += f'<div class="lock">{text_of(p)}</div>'
            else:
                shown = text_of(p)
                if len(p) < 24 and p.startswith(("一、", "二、", "三、", "四、", "五、")):
                    shown = f"<strong>{shown}</strong>"
                for word in a.keywords[:1]:
                    if word in shown and rng.random() < 0.3:
                        shown = shown.replace(word, f'<a class="kw" href="{self.tag_path(word)}">{word}</a>', 1)
                out += f"<p>{glue}{shown}</p>"
                glue = ""
        return out

    def article(self, shelf: Shelf, a: Article, e: Edition, blocks: list[tuple[str, str]], k: int) -> str:
        rng = random.Random(f"{shelf.name}{a.number}{k}")
        first = "".join(e.parts[0].paragraphs)[:110]
        lead = f'<div class="lead"><span>摘要：</span>{text_of(first)}…</div>' if k == 1 and e.parts else ""
        above = "".join(f"<li>{self.link(b, x)}</li>" for b, x in self.others(shelf, a, 4, "above"))
        below = "".join(
            f"<li>{self.link(b, x)}<time>{b.published_at:%m-%d}</time></li>"
            for b, x in self.others(shelf, a, 8, "below")
        )
        tags = "".join(f'<a href="{self.tag_path(w)}" rel="tag">{w}</a>' for w in a.keywords)
        pager = f'<nav class="turn-page">{self.pager(a, k)}</nav>' if a.split > 1 else ""
        crumbs = f'<nav class="crumbs"><a href="/">木铎公文</a> / <a href="/">文稿</a> / <a href="{self.list_path(a.category[0])}">{a.category[1]}</a></nav>'
        main = f"""<section class="detail">{crumbs}
<section class="recommend"><h4>大家都在看</h4><ul>{above}</ul></section>
<h1 class="detail-title">{text_of(e.title_raw)}</h1>
<div class="detail-meta"><time datetime="{a.published_at:%Y-%m-%dT%H:%M:%S}+08:00">{a.published_at:%Y年%m月%d日 %H:%M}</time><span>来源：{a.source}</span><span>责任编辑：{a.author}</span></div>
{lead}<section class="detail-body"><p class="hint">温馨提示：文中的人名、地名已作处理，引用时请自行替换。</p>{self.body(a, blocks, rng)}</section>{pager}
<div class="detail-tags">标签：{tags}</div>
<div class="notice">声明：本站文稿来自网络和投稿，版权归原作者。如有不妥，请与我们联系。</div>
<section class="more"><h4>相关文稿</h4><ul>{below}</ul></section></section>"""
        return self.frame(shelf, e.title_raw, main, ",".join(a.keywords), first)


class RedesignedLayout(SectionLayout):
    """The same site after a relaunch: the same addresses and facts in other markup."""

    def frame(self, shelf: Shelf, title: str, main: str, keywords: str = "", about: str = "") -> str:
        menu = "".join(f'<li><a href="{self.list_path(s)}">{n}</a></li>' for s, n in shelf.categories)
        return f"""<!DOCTYPE html><html><head><meta charset="utf-8"><title>{text_of(title)} | {shelf.title}</title>
<meta name="keywords" content="{escape(keywords)}"></head><body class="v3"><div class="ui-top"><div class="ui-w"><a href="/" class="ui-logo">{shelf.title}</a><ul class="ui-menu">{menu}</ul></div></div>
<div class="ui-w ui-cols">{main}<!--pad--></div><div class="ui-bottom"><p><a href="/about.html">关于我们</a> <a href="/vip.html">会员中心</a> <a href="/login.html">登录</a></p><p>{shelf.title} 全新改版上线，感谢一路同行</p></div></body></html>"""

    def article(self, shelf: Shelf, a: Article, e: Edition, blocks: list[tuple[str, str]], k: int) -> str:
        rng = random.Random(f"v3{shelf.name}{a.number}{k}")
        first = "".join(e.parts[0].paragraphs)[:110]
        lead = f'<blockquote class="ui-brief">摘要：{text_of(first)}…</blockquote>' if k == 1 else ""
        side = "".join(
            f'<a class="ui-card" href="{b.path}"><b>{text_of(x.title_raw)}</b><i>{b.views}人看过</i></a>'
            for b, x in self.others(shelf, a, 6, "side")
        )
        tags = " ".join(f'<a href="{self.tag_path(w)}">#{w}</a>' for w in a.keywords)
        pager = f'<div class="ui-turn">{self.pager(a, k)}</div>' if a.split > 1 else ""
        main = f"""<div class="ui-left"><div class="ui-path">当前位置：<a href="/">木铎公文</a> &gt; <a href="/">文稿</a> &gt; <a href="{self.list_path(a.category[0])}">{a.category[1]}</a></div>
<div class="ui-paper"><div class="ui-h">{text_of(e.title_raw)}</div><div class="ui-sub"><time datetime="{a.published_at:%Y-%m-%dT%H:%M:%S}+08:00">{a.published_at:%Y-%m-%d %H:%M}</time>　来源：{a.source}　责任编辑：{a.author}</div>
{lead}<div class="ui-text">{self.body(a, blocks, rng)}</div>{pager}<div class="ui-tags">标签：{tags}</div></div></div><div class="ui-right"><h5>猜您需要</h5>{side}</div>"""
        return self.frame(shelf, e.title_raw, main, ",".join(a.keywords))


class LibraryLayout(Layout):
    """A document library: a file card, counters, texts that end at a login, 此处隐藏N字; links that change every day."""

    content_type = "text/html"
    validators = "etag"
    page_size = 6
    precision = "day"
    odd_links = (("/p/2.html", "旧公告", None),)
    shows = frozenset({"published_at", "author", "breadcrumb", "views"})
    soft_404_path = "/p/1.html"
    advert_path = "/price.html"
    robots = "User-agent: *\nDisallow: /download/\nDisallow: /user/\n"
    SIZES: ClassVar[tuple[str, ...]] = ("18.2KB", "21.5KB", "33.7KB", "40.1KB")

    def path(self, number: int, category: str, year: int, month: int, day: int) -> str:
        return f"/p/{number + 88000}.html"

    def list_path(self, category: str, k: int = 1) -> str:
        return f"/sort/{category}/" + (f"{k}/" if k > 1 else "")

    def breadcrumb(self, article: Article) -> list[str]:
        return ["首页", "文档", article.category[1]]

    def frame(self, shelf: Shelf, title: str, main: str, keywords: str = "", about: str = "") -> str:
        menu = "".join(f'<span><a href="{self.list_path(s)}">{n}</a></span>' for s, n in shelf.categories)
        fresh = "".join(f"<li>{self.link(b, e)}</li>" for b, e in self.others(shelf, None, 6, f"day{shelf.day}"))
        return f"""<!DOCTYPE html><html><head><meta charset="utf-8"/><title>{text_of(title)}-{shelf.title}</title><meta name="csrf" content="{random.Random(f"{shelf.day}{title}").randbytes(8).hex()}"></head>
<body><div class="hd"><b><a href="/">{shelf.title}</a></b>{menu}<span class="u"><a href="/login.html">登录</a>|<a href="/login.html">注册</a></span></div>
<div class="bd"><div class="main">{main}</div><div class="aside"><div class="t">今日推荐</div><ul>{fresh}</ul><!--pad--></div></div>
<div class="ft"><a href="/about.html">关于我们</a> <a href="/price.html">会员价格</a> 客服电话：400-000-0000　{shelf.title}只提供存储空间服务</div></body></html>"""

    def article(self, shelf: Shelf, a: Article, e: Edition, blocks: list[tuple[str, str]], k: int) -> str:
        rng = random.Random(f"{shelf.name}{a.number}")
        body, glue = "", ""
        sheets = rng.randint(2, 9)
        numbered = rng.random() < 0.4  # page numbers of the uploaded document, left between the lines
        for n, (kind, p) in enumerate(blocks):
            if numbered and n % 6 == 5 and n // 6 < sheets:
                body += f"<div class='ln'>第{n // 6 + 1}页 共{sheets}页</div>"
            if kind == "h":
                body += f"<div class='ln'><b>{text_of(p)}</b></div>"
            elif kind == "g":
                glue = text_of(p)
            elif kind == "m":
                inside = p.startswith("…")
                body += (
                    f"<div class='ln'>{text_of(p)}</div>"
                    if inside
                    else f"<div class='tip'>{text_of(p)}<a href='/login.html'>立即登录</a></div>"
                )
            else:
                body += f"<div class='ln'>{glue}{text_of(p)}</div>"
                glue = ""
        same = "".join(
            f"<li>{self.link(b, x)}<span>{b.views}次阅读</span></li>"
            for b, x in self.others(shelf, a, 8, f"same{shelf.day}")
        )
        pager = f'<div class="pg">{self.pager(a, k)}</div>' if a.split > 1 else ""
        main = f"""<div class="path">{" » ".join(['<a href="/">首页</a>', '<a href="/">文档</a>', f'<a href="{self.list_path(a.category[0])}">{a.category[1]}</a>'])}</div>
<h1>{text_of(e.title_raw)}</h1>
<div class="card">上传人：{a.author}　文档编号：{a.number + 88000}　上传时间：{a.published_at:%Y-%m-%d}　格式：DOCX　页数：{sheets}　大小：{rng.choice(self.SIZES)}　浏览：{a.views}　下载：{a.views // 37}</div>
<div class="doc">{body}</div>{pager}
<div class="btns"><a href="/download/{a.number}" rel="nofollow">下载文档</a><a href="#">收藏</a><a href="#">举报</a></div>
<div class="note">1. 文档内容由会员上传，本站不对其真实性负责。2. 下载后如无法打开，请联系客服。</div>
<div class="same"><h3>同类文档</h3><ul>{same}</ul></div>"""
        return self.frame(shelf, e.title_raw, main)
