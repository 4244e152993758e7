"""Pages put together at random from the habits of many sites: every fact is found whatever stands beside it."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from crawler.extraction.dom import parse
from crawler.extraction.facts import read_facts

TITLES = [
    "在全县安全生产工作会议上的讲话",
    "2023年县委书记在XX县项目建设座谈会上的发言稿",
    "疫情防控工作讲话稿6篇",
    "专题党课:以过硬作风抓好基层党建(支部版)",
    "“七一”表彰大会主持词",
    "县长在政府全体(扩大)会议上的讲话(2023年5月4日)",
    "凝心聚力 砥砺前行——在全市干部大会上的讲话",
]
DECORATED = [
    "{}",
    "{}",
    "{}【优秀范文】",
    "{}(精选5篇)",
    "{}(2)",
    "{} (2)",
    "{}.docx",
    "{}【精品】(共3篇)",
    "[VIP]{}",
    "【推荐】{}",
]
SITES = ["文秘小站", "好范文", "第一公文网", "秘书之家", "XX文库", "晨光资料库"]
COLUMNS = [["范文大全", "讲话稿"], ["领导讲话"], ["公文写作", "党建材料", "党课讲稿"], ["实用资料", "致辞/演讲"]]
BODY = [
    "同志们:",
    "今天我们在这里召开全县工作会议,主要任务是贯彻落实上级精神,安排部署下一阶段的重点工作。2019年3月2日,县委作出了决定。",
    "一、提高认识,统一思想",
    "各级各部门要充分认识做好这项工作的重要性和紧迫性,切实增强责任感和使命感,以更加扎实的作风推动工作落实。",
    "二、加强领导,确保实效",
    "各乡镇要加强组织领导,明确责任分工,强化督促检查,推动各项工作落到实处。谢谢大家!",
]
DATE_LABELS = [
    "时间:",
    "发布时间:",
    "发布日期:",
    "更新时间:",
    "发表时间:",
    "日期:",
    "发表于 ",
    "录入时间:",
    "上传时间:",
]
SOURCE_LABELS = ["来源:", "文章来源:", "信息来源:", "稿源:", "出处:"]
AUTHOR_LABELS = ["作者:", "撰稿:", "上传人:", "编辑:", "发布人:", "作 者:"]
VIEWS_LABELS = ["点击:", "浏览次数:", "浏览量:", "阅读:", "查看人数:", "人气:"]
KEYWORD_LABELS = ["标签:", "Tags:", "关键词:", "推荐访问:", "本文标签:", "TAG标签:"]
BUTTONS = [
    "",
    "",
    "【字号:大 中 小】",
    "[字体:<a href=#>大</a> <a href=#>中</a> <a href=#>小</a>]",
    "<a href=#c>我要评论(0)</a>",
    "【打印】",
]
TITLE_BLOCKS = [
    "<h1>{}</h1>",
    "<h2>{}</h2>",
    "<div class=title><h1>{}</h1></div>",
    "<div class=arc_title>{}</div>",
    "<center><font size=4><b>{}</b></font></center>",
    "<h3 class=tit>{}</h3>",
]


def _date(r: random.Random) -> tuple[str, str]:
    y, m, d, h, mi, s = (
        r.randint(2005, 2025),
        r.randint(1, 12),
        r.randint(1, 28),
        r.randint(0, 23),
        r.randint(0, 59),
        r.randint(0, 59),
    )
    shown = r.choice(
        [
            f"{y}-{m:02}-{d:02}",
            f"{y}-{m:02}-{d:02} {h:02}:{mi:02}:{s:02}",
            f"{y}/{m}/{d} {h}:{mi:02}:{s:02}",
            f"{y}年{m:02}月{d:02}日",
            f"{y}年{m}月{d}日 {h:02}:{mi:02}",
            f"{y}.{m}.{d}",
        ]
    )
    return f"{y}-{m:02}-{d:02}", shown


def _crumbs(r: random.Random, site: str, title: str) -> tuple[str, list[str]]:
    steps = [r.choice(["首页", "网站首页", site]), *r.choice(COLUMNS)]
    links = [f'<a href="/{"".join(f"c{k}/" for k in range(n))}">{s}</a>' for n, s in enumerate(steps)]
    last = r.choice(["", "正文", title])
    label = r.choice(["当前位置:", "您的位置:", "您现在的位置:", "<b>当前位置:</b>", ""])
    mark = r.choice([" &gt; ", "&gt;", " &gt;&gt; ", " » ", " → ", " › "])
    line = label + mark.join(links) + (mark + last if last else "")
    items = "".join(f"<li>{x}</li>" for x in links)
    kind = r.randrange(5)
    if kind == 0:
        return f"<ol class=breadcrumb>{items}<li>{last or '正文'}</li></ol>", steps
    if kind == 1:
        return f"<div class=mbx><span>当前位置:</span><ul>{items}</ul></div>", steps
    if kind == 2:
        return f"<table><tr><td>{line}</td></tr></table>", steps
    return f"<div class={r.choice(['place', 'weizhi', 'nav2', 'path'])}>{line}</div>", steps


def _byline(r: random.Random, want: dict[str, Any]) -> str:
    fields: list[str] = []
    if r.random() < 0.85:
        want["published"], shown = _date(r)
        fields.append(r.choice(DATE_LABELS) + shown)
    if r.random() < 0.5:
        want["source"] = r.choice(["网络", "本站原创", "市委办公室"])
        fields.append(
            r.choice(SOURCE_LABELS) + r.choice(["{}", "<a href=http://x.example/>{}</a>"]).format(want["source"])
        )
    if r.random() < 0.4:
        want["author"] = r.choice(["佚名", "小萍", "张三丰"])
        fields.append(r.choice(AUTHOR_LABELS) + want["author"])
    if r.random() < 0.5:
        want["views"] = r.choice([None, r.randint(1, 99999)])
        shown = "" if want["views"] is None else str(want["views"])
        fields.append(f"{r.choice(VIEWS_LABELS)}<span id=hits>{shown}</span>{r.choice(['', '次'])}")
    r.shuffle(fields)
    kind = r.randrange(4)
    if kind == 0:
        return "<ul>" + "".join(f"<li>{f}</li>" for f in fields) + "</ul>"
    line = (
        "".join(f"<span>{f}</span>" for f in fields)
        if kind == 1
        else r.choice([" ", "&nbsp;&nbsp;", " | "]).join(fields)
    )
    return f"<{r.choice(['p', 'div', 'div class=info', 'p align=center'])}>{line} {r.choice(BUTTONS)}</div>"


def _keywords(r: random.Random, words: list[str]) -> tuple[str, str]:
    """Meta element and line in the page that tell the keywords."""
    if not words:
        return "", ""
    kind = r.randrange(4)
    label, comma = r.choice(KEYWORD_LABELS), r.choice([",", "\uff0c", "、"])
    links = "".join(f"<a href=/t/{k}>{w}</a>" for k, w in enumerate(words))
    return [
        (f'<meta name=keywords content="{comma.join(words)}">', ""),
        ("<meta name=keywords content=别的>", f"<div class=tags>{label}{links}</div>"),
        ("", f"<p>{label}{' '.join(words)}</p>"),
        ("", f"<p><strong>{label}</strong>{' '.join('#' + w for w in words)}</p>"),
    ][kind]


def make(seed: int) -> tuple[str, dict[str, Any]]:
    """A page and what it says."""
    r = random.Random(seed)
    title, site = r.choice(TITLES), r.choice(SITES)
    raw = r.choice(DECORATED).format(title)
    words = r.choice([[], ["安全", "生产"], ["讲话稿", "党建", "2023年"]])
    want: dict[str, Any] = {"title_raw": raw, "title": title, "keywords": words}
    want |= {"published": None, "source": None, "author": None, "views": None}
    crumbs, want["breadcrumb"] = _crumbs(r, site, raw)
    meta, tags = _keywords(r, words)
    element = r.choice(["{0} - {1}", "{0}_{1}", "{0}-领导讲话-{1}", "{0} | {1}", "{1} - {0}", "{0}"]).format(raw, site)
    body = (
        "".join(f"&nbsp;&nbsp;&nbsp;{b}<br>" for b in BODY)
        if r.random() < 0.3
        else "".join(f"<p>{b}</p>" for b in BODY)
    )
    if r.random() < 0.3:
        body = f"<p>{title}</p><p>(2023年5月4日)</p>" + body
    listed = "".join(
        f"<li><a href=/r{k}.html>{r.choice(TITLES)}</a> <span>{r.choice(['11-12', '2024-01-05'])}</span></li>"
        for k in range(6)
    )
    article = (
        r.choice(TITLE_BLOCKS).format(raw)
        + _byline(r, want)
        + r.choice(["", f"<div class=intro>下面是小编为大家整理的{raw},供大家参考。</div>"])
        + f"<div class=con>{body}</div>{tags}<div>上一篇:<a href=/p.html>在全市会议上的讲话稿</a></div>"
    )
    more = f"<div class=list2><h3>{r.choice(['相关文章', '猜你喜欢', '热门文章'])}</h3><ul>{listed}</ul></div>"
    logo = r.choice(
        [f"<h1><a href=/>{site}</a></h1>", f"<div class=top><a href=/>{site}</a> <a href=/login>登录</a></div>", ""]
    )
    menu = "<ul class=menu><li><a href=/>首页</a></li><li><a href=/n1/>范文大全</a></li><li><a href=/n2/>领导讲话</a></li></ul>"
    foot = "<div class=footer>Copyright 2010-2020 版权所有 更新时间:2020-02-02 来源:网友</div>"
    parts = [logo, menu, crumbs, article, more, foot]
    if r.random() < 0.4:
        parts[2:2] = [more]
    page = "".join(parts)
    if r.random() < 0.4:
        page = f"<table><tr><td width=180>{more}</td><td>{crumbs}{article}</td></tr></table>{foot}"
    html = f"<html><head><title>{element}</title>{meta}</head><body>{page}</body></html>"
    if r.random() < 0.3:
        html = re.sub(r"(?<=[\u4e00-\u9fff]):(?!\d\d\b)", "\uff1a", html)
    return html, want


@pytest.mark.parametrize("block", range(8))
def test_facts_whatever_stands_beside_them(block: int) -> None:
    for seed in range(block * 60, block * 60 + 60):
        html, want = make(seed)
        facts = read_facts(parse(html.encode(), "text/html; charset=utf-8", "http://example.org/c0/c1/c2/9.html"))
        got = {name: getattr(facts, name, None) for name in want}
        got["published"] = facts.published_at.strftime("%Y-%m-%d") if facts.published_at else None
        narrow = {k: v.replace("\uff1a", ":") if isinstance(v, str) else v for k, v in got.items()}
        assert narrow == want, f"seed {seed}\n{html}"
