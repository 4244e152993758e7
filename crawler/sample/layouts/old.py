"""Two old kinds of site: tables with <br>, and a CMS of the 2010s with everything that editors add."""

from __future__ import annotations

import random
from html import escape
from typing import ClassVar

from crawler.sample.layouts.base import Layout, text_of
from crawler.sample.model import Article, Edition, Shelf


class TableLayout(Layout):
    """ASP pages of 2004: nested tables, <font>, <br>, indents of &nbsp; or ideographic spaces, addresses that live in the
    query, GBK behind a gb2312 declaration, no charset in the header, no validators, a token and a counter in each answer."""

    charset = "gb18030"
    content_type = "text/html"
    validators = "none"
    dynamic = True
    shows = frozenset({"published_at", "source", "breadcrumb"})
    soft_404_path = "/show.asp?id=99999"
    about_path = "/about.asp"
    advert_path = "/vip.asp"
    login_path = "/login.asp"

    def path(self, number: int, category: str, year: int, month: int, day: int) -> str:
        return f"/show.asp?id={number + 1000}"

    def page_path(self, path: str, k: int) -> str:
        return path if k == 1 else f"{path}&page={k}"

    def list_path(self, category: str, k: int = 1) -> str:
        return f"/list.asp?cid={category}" + (f"&page={k}" if k > 1 else "")

    def frame(self, shelf: Shelf, title: str, main: str, keywords: str = "", about: str = "") -> str:
        menu = " | ".join(
            f'<a href="{escape(self.list_path(s))}"><font color="#FFFFFF">{n}</font></a>' for s, n in shelf.categories
        )
        hot = "".join(
            f'<tr><td height="20">·{self.link(b, e)}</td></tr>' for b, e in self.others(shelf, None, 8, "hot")
        )
        return f"""<html>
<head>
<meta http-equiv="Content-Type" content="text/html; charset=gb2312">
<title>{text_of(title)}_{shelf.title}</title>
<script language="JavaScript">var sid="%%TOKEN%%";</script>
</head>
<body bgcolor="#F3F8FF" topmargin="0">
<table width="778" border="0" align="center" cellpadding="0" cellspacing="0">
<tr><td bgcolor="#336699" height="60"><font size="5" color="#FFFFFF"><b>{shelf.title}</b></font></td></tr>
<tr><td bgcolor="#6699CC" height="24"><a href="/"><font color="#FFFFFF">首页</font></a> | {menu}</td></tr>
</table>
<table width="778" border="0" align="center" cellpadding="4" cellspacing="0"><tr>
<td width="180" valign="top" bgcolor="#E8F0FA"><table width="100%" border="0"><tr><td><b>本月热门</b></td></tr>{hot}<!--pad--></table></td>
<td width="598" valign="top">{main}</td>
</tr></table>
<table width="778" border="0" align="center"><tr><td align="center"><hr size="1"><a href="/about.asp">关于本站</a> | <a href="/vip.asp">会员服务</a> | <a href="/login.asp">登录</a><br>
{shelf.title} 版权所有 湘ICP备00000000号 您是第%%COUNT%%位访客</td></tr></table>
</body></html>"""

    def article(self, shelf: Shelf, a: Article, e: Edition, blocks: list[tuple[str, str]], k: int) -> str:
        rng = random.Random(f"{shelf.name}{a.number}")
        indent = rng.choice(["　　", "&nbsp;&nbsp;&nbsp;&nbsp;", "&nbsp;　"])
        gap = rng.choice(["<br>\n", "<br><br>\n", "<BR>\r\n"])
        body = ""
        glue = ""
        if k == 1 and rng.random() < 0.4:
            body += f"{indent}{text_of(e.title)}{gap}"
        for kind, p in blocks:
            if kind == "h":
                body += f'<font color="#990000"><b>{text_of(p)}</b></font>{gap}'
            elif kind == "g":
                glue = f"<b>{text_of(p)}</b>"
            elif kind == "d":
                body += f'<div align="center">{text_of(p)}</div>'
            elif kind == "m":
                body += f'<font color="#FF0000">{text_of(p)}</font>{gap}'
            else:
                shown = text_of(p)
                if rng.random() < 0.1 and len(p) < 30:
                    shown = f"<b>{shown}</b>"
                body += f"{indent}{glue}{shown}{gap}"
                glue = ""
        steps = " -&gt; ".join(
            [
                f'<a href="/">{self.home_name}</a>',
                f'<a href="{escape(self.list_path(a.category[0]))}">{a.category[1]}</a>',
                "正文",
            ]
        )
        before, behind = self.neighbours(shelf, a)
        near = f"上一篇：{self.link(*before) if before else '没有了'}<br>下一篇：{self.link(*behind) if behind else '没有了'}"
        pager = f'<tr><td align="center">{self.pager(a, k)}</td></tr>' if a.split > 1 else ""
        main = f"""<table width="100%" border="0" cellpadding="3">
<tr><td bgcolor="#DDE8F5">您现在的位置：{steps}</td></tr>
<tr><td align="center" height="40"><font size="4" color="#003366"><b>{text_of(e.title_raw)}</b></font></td></tr>
<tr><td align="center"><font color="#888888">发布时间：{a.published_at.year}-{a.published_at.month}-{a.published_at.day} {a.published_at:%H:%M:%S}&nbsp;&nbsp;文章来源：{a.source}&nbsp;&nbsp;阅读 %%COUNT%% 次&nbsp;&nbsp;【字体：大 中 小】</font></td></tr>
<tr><td style="font-size:14px;line-height:180%"><font face="宋体">{body}{indent}<font color="#CCCCCC">{shelf.title}收集整理，转载请注明出处</font></font></td></tr>
{pager}
<tr><td><hr size="1">{near}</td></tr>
</table>"""
        return self.frame(shelf, e.title_raw, main)

    def items(self, shelf: Shelf, rows: list[tuple[Article, Edition]]) -> str:  # type: ignore[override]
        cells = "".join(
            f'<tr><td height="22">□ {self.link(a, e)}</td><td align="right"><font color="#999999">{a.published_at.month}-{a.published_at.day}</font></td></tr>'
            for a, e in rows
        )
        return f'<table width="100%" border="0">{cells}</table>'


class EditorLayout(Layout):
    """A CMS template of the 2010s: editor's introduction, the title again as first line, hidden anti-copy text inside
    paragraphs, a keyword tail, a sitemap; GBK bytes declared gb2312 while the header claims UTF-8."""

    charset = "gb18030"
    content_type = "text/html; charset=utf-8"
    sitemap_host = "%%HOST%%"
    robots = "User-agent: *\nDisallow: /plus/\nDisallow: /member/\nSitemap: http://%%HOST%%/sitemap.xml\n"
    soft_404_path = "/jianghua/2020/0101/1.html"
    NOISE: ClassVar[tuple[str, ...]] = ("内容来自织墨", "zhimo版权所有", "本文由织墨提供")

    def path(self, number: int, category: str, year: int, month: int, day: int) -> str:
        return f"/{category}/{year}/{month:02d}{day:02d}/{number + 4200}.html"

    def tag_path(self, keyword: str) -> str | None:
        return f"/tags/{sum(map(ord, keyword)) % 97}.html"

    def frame(self, shelf: Shelf, title: str, main: str, keywords: str = "", about: str = "") -> str:
        menu = "".join(f'<li><a href="{self.list_path(s)}">{n}</a></li>' for s, n in shelf.categories)
        hot = "".join(
            f"<li><em>{i}</em>{self.link(b, e)}</li>" for i, (b, e) in enumerate(self.others(shelf, None, 8, "hot"), 1)
        )
        return f"""<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"><head><meta http-equiv="Content-Type" content="text/html; charset=gb2312" />
<title>{text_of(title)} - {shelf.title}</title>
<meta name="keywords" content="{escape(keywords)}" /><meta name="description" content="{escape(about)}" />
<style type="text/css">.hp{{display:none}}</style></head>
<body><div id="top"><div class="wel">欢迎光临{shelf.title}！</div><h2 class="logo"><a href="/">{shelf.title}</a></h2><ul id="nav"><li><a href="/">首页</a></li>{menu}</ul></div>
<div id="wrap"><div id="left">{main}</div>
<div id="right"><dl class="rank"><dt>点击排行</dt><dd><ol>{hot}</ol></dd></dl><!--pad--></div></div>
<div id="foot"><a href="/about.html">关于我们</a> - <a href="/vip.html">开通会员</a> - <a href="/login.html">会员登录</a> - <a href="/plus/guestbook.php">留言</a><p>Copyright 2012-2025 {shelf.title} 粤ICP备00000000号</p></div></body></html>"""

    def article(self, shelf: Shelf, a: Article, e: Edition, blocks: list[tuple[str, str]], k: int) -> str:
        rng = random.Random(f"{shelf.name}{a.number}")
        body = ""
        glue = ""
        # some editors paste a text with line breaks instead of paragraphs
        before_p, behind_p = ("<p>　　", "</p>\n") if rng.random() < 0.75 else ("　　", "<br />\n")
        if k == 1:
            if e.intro:
                body += f"<p>　　{text_of(e.intro)}</p>\n"
            if rng.random() < 0.6:
                body += f'<p align="center"><strong>{text_of(e.title)}</strong></p>\n'
        for kind, p in blocks:
            if kind == "h":
                body += f"<p><strong>{text_of(p)}</strong></p>\n"
            elif kind == "g":
                glue = f"<strong>{text_of(p)}</strong> "
            elif kind == "m":
                body += f'<p class="more">{text_of(p)}</p>\n'
            else:
                shown = text_of(p)
                if rng.random() < 0.25 and "。" in p[:-1]:
                    at = shown.index("。") + 1
                    shown = (
                        f'{shown[:at]}<span class="hp" style="display:none">{rng.choice(self.NOISE)}</span>{shown[at:]}'
                    )
                for word in a.keywords:
                    if word in shown and rng.random() < 0.5:
                        shown = shown.replace(
                            word, f'<a href="{self.tag_path(word)}" target="_blank"><u>{word}</u></a>', 1
                        )
                body += f"{before_p}{glue}{shown}{behind_p}"
                glue = ""
        if k == a.split:
            words = " ".join(f'<a href="{self.tag_path(w)}">{w}</a>' for w in a.keywords)
            body += f'<p class="tail">相关搜索：{words}</p>'
        related = "".join(
            f"<li>{self.link(b, x)}<p>{text_of(x.parts[0].paragraphs[1][:56])}…</p></li>"
            for b, x in self.others(shelf, a, 6, "rel")
        )
        before, behind = self.neighbours(shelf, a)
        pager = f'<div class="page_nav">{self.pager(a, k)}</div>' if a.split > 1 else ""
        main = f"""<div class="place">当前位置：<a href="/">{self.home_name}</a> &gt; <a href="{self.list_path(a.category[0])}">{a.category[1]}</a> &gt; {text_of(e.title_raw)}</div>
<div class="arc"><h1>{text_of(e.title_raw)}</h1>
<div class="arcinfo"><span>时间：{a.published_at:%Y-%m-%d %H:%M:%S}</span><span>来源：{a.source}</span><span>作者：{a.author}</span><span>点击：<i id="hits"></i>次</span></div>
<div class="arcbody">{body}</div>{pager}
<div class="share">分享到：<a href="#">微博</a><a href="#">微信</a><a href="#">QQ空间</a></div>
<p class="near">上一篇：{self.link(*before) if before else "没有了"}</p><p class="near">下一篇：{self.link(*behind) if behind else "没有了"}</p>
<div class="rel"><h3>您可能还想看</h3><ul>{related}</ul></div></div>"""
        return self.frame(shelf, e.title_raw, main, ",".join(a.keywords), e.parts[0].paragraphs[0][:60])
