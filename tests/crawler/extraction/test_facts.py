"""What pages of many kinds of sites say of themselves: one golden page a kind, each also read with full-width punctuation."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.extraction.dom import parse
from crawler.extraction.facts import read_facts
from crawler.extraction.model import PageFacts
from crawler.site import Site

BODY = "".join(
    f"<p>{s}</p>"
    for s in (
        "同志们:",
        "今天召开这次会议,主要任务是总结上半年的工作,分析当前面临的形势,安排部署下半年的重点任务。下面,我讲三点意见。",
        "第一,要把思想统一到县委的部署上来,认清形势,坚定信心。2019年3月2日以来,全县上下克服了许多困难,成绩来之不易。",
        "第二,要突出重点,狠抓项目,把每一件事情落到具体的人、具体的时间。发布时间要求在月底以前的,一律提前三天。",
        "第三,要加强领导,转变作风,确保完成全年的目标任务。谢谢大家!",
    )
)
RELATED = (
    '<div class="xgwz"><h3>相关文章</h3><ul><li><a href="/a/9.html">在全县春季植树动员会上的讲话稿范文</a><span>2011-03-09</span></li>'
    '<li><a href="/a/8.html">在全县机关作风建设大会上的讲话</a> 发布时间:2010-02-08</li></ul></div>'
)
FOOT = '<div class="footer">版权所有 某某网 2009-10-11 更新 来源:网友投稿</div>'
URL = "http://example.org/a/7.html"


@dataclass
class Page:
    """A page and what it says; what is not named in `says` must be missing."""

    name: str
    html: str
    says: dict[str, Any] = field(default_factory=dict)
    url: str = URL
    charset: str = "utf-8"
    wide: bool = True


PAGES = [
    Page(
        "government portal",
        """<html><head><title>在全市安全生产工作会议上的讲话_领导讲话_某某市人民政府</title><meta name="SiteName" content="某某市人民政府">
        <meta name="PubDate" content="2024-05-03 08:12"><meta name="keywords" content="安全生产;讲话"></head><body>
        <div class="top"><a href="/">某某市人民政府</a><span>2026年11月22日 星期日</span></div>
        <div class="dqwz">您现在的位置:<a href="/">首页</a> &gt; <a href="/zwgk/">政务公开</a> &gt; <a href="/zwgk/ldjh/">领导讲话</a></div>
        <div class="content"><h1>在全市安全生产工作会议上的讲话</h1>
        <div class="xxly"><span>发布时间:2024-05-03 08:12</span> <span>来源:市政府办公室</span> <span>浏览次数:<em id="hits"></em></span>
        <span>【字号:<a href="#">大</a> <a href="#">中</a> <a href="#">小</a>】</span></div>"""
        + f"<div class=TRS_Editor>{BODY}</div></div>{RELATED}{FOOT}</body></html>",
        {
            "title": "在全市安全生产工作会议上的讲话",
            "published": "2024-05-03 08:12:00",
            "published_from": "labelled",
            "source": "市政府办公室",
            "breadcrumb": ["首页", "政务公开", "领导讲话"],
            "keywords": ["安全生产", "讲话"],
            "site_title": "某某市人民政府",
        },
    ),
    Page(
        "government information table",
        """<title>关于印发某同志讲话的通知</title><body><div class=nav><a href=/>首页</a> | <a href=/b/>新闻</a></div>
        <table class=xxgk><tr><td>索引号:</td><td>0001/2022-00426</td><td>主题分类:</td><td>综合</td></tr>
        <tr><td>发布机构:</td><td>某县人民政府办公室</td><td>成文日期:</td><td>2022年01月27日</td></tr>
        <tr><th>发布日期</th><td>2022年01月28日</td><td>文号:</td><td>某政办〔2022〕1号</td></tr></table>
        <div class="bt">关于印发某同志讲话的通知</div>"""
        + BODY
        + FOOT,
        {
            "title": "关于印发某同志讲话的通知",
            "published": "2022-01-28 00:00:00",
            "published_from": "labelled",
            "source": "某县人民政府办公室",
        },
    ),
    Page(
        "document library viewer",
        """<html><head><title>[精选]县长在招商引资大会上的讲话.docx - 某某文库</title></head><body>
        <div class="header"><a href="/"><img alt="某某文库"></a></div>
        <div class="crumbs"><a href="/">首页</a>/<a href="/c1/">党政公文</a>/<a href="/c2/">讲话致辞</a>/县长在招商引资大会上的讲话.docx</div>
        <h1 class="doc-title">[精选]县长在招商引资大会上的讲话.docx</h1>
        <ul class="card"><li>上传人:笔耕不辍</li><li>文档编号:12345678</li><li>上传时间:2022-03-04</li><li>格式:DOCX</li><li>页数:2</li>
        <li>大小:13.15KB</li><li>浏览:1,024</li></ul>"""
        + BODY
        + '<div class="tags">关键词:<span>县长</span><span>招商引资</span><span>讲话</span></div>'
        + RELATED,
        {
            "title_raw": "[精选]县长在招商引资大会上的讲话.docx",
            "title": "县长在招商引资大会上的讲话",
            "published": "2022-03-04 00:00:00",
            "published_from": "labelled",
            "author": "笔耕不辍",
            "views": 1024,
            "breadcrumb": ["首页", "党政公文", "讲话致辞"],
            "keywords": ["县长", "招商引资", "讲话"],
            "site_title": "某某文库",
        },
    ),
    Page(
        "Discuz thread",
        """<html><head><title>在公司年会上的致辞 - 公文交流 - 秘书论坛 - Powered by Discuz!</title></head><body>
        <div id="pt" class="bm cl"><div class="z"><a href="./" class="nvhm" title="首页">秘书论坛</a><em>&raquo;</em><a href="forum.php">论坛</a>
        <em>&rsaquo;</em> <a href="forum-2-1.html">公文交流</a> <em>&rsaquo;</em> <a href="thread-1-1-1.html">在公司年会上的致辞</a></div></div>
        <table><tr><td class="pls">查看: <span class="xi1">1523</span> | 回复: <span class="xi1">4</span></td>
        <td class="plc"><h1 class="ts"><a href="#">[致辞]</a> <span id="thread_subject">在公司年会上的致辞</span></h1></td></tr>
        <tr><td class="pls"><div class="authi"><a href="u-1.html" class="xw1">老秘书</a></div></td><td class="plc"><div class="pi"><div class="authi">
        <em id="authorposton9">发表于 <span title="2020-1-2 12:00:05">3 天前</span></em> | 只看该作者</div></div>"""
        + f'<div class="t_f">{BODY}</div></td></tr></table>'
        + '<div class="reply">网友 发表于 2020-2-2 08:00</div>',
        {
            "title_raw": "在公司年会上的致辞",
            "title": "在公司年会上的致辞",
            "published": "2020-01-02 12:00:05",
            "published_from": "labelled",
            "views": 1523,
            "breadcrumb": ["秘书论坛", "论坛", "公文交流"],
            "site_title": "秘书论坛",
        },
    ),
    Page(
        "WordPress post",
        """<html><head><title>校长在开学典礼上的讲话 &#8211; 讲话集</title><meta property="og:site_name" content="讲话集">
        <meta property="og:title" content="校长在开学典礼上的讲话"></head><body><header class="site-header"><p class="site-title"><a href="/" rel="home">讲话集</a></p></header>
        <nav class="breadcrumbs"><span><a href="/">首页</a></span> » <span><a href="/c/xuexiao/">学校</a></span> » <span class="last">校长在开学典礼上的讲话</span></nav>
        <article><header class="entry-header"><h1 class="entry-title">校长在开学典礼上的讲话</h1>
        <div class="entry-meta">Posted on <a href="/2023/09/01/x"><time class="entry-date" datetime="2023-09-01T00:30:00+00:00">2023年9月1日</time></a>
        by <span class="author vcard"><a class="url fn" href="/author/zhou">周老师</a></span></div></header>"""
        + f'<div class="entry-content">{BODY}</div><footer class="entry-footer">标签: <a href="/t/1" rel="tag">开学典礼</a>, <a href="/t/2" rel="tag">校长讲话</a></footer>'
        + '</article><div id="comments"><h2>评论</h2><p>某人 说: 2023年9月2日 写得好</p></div>',
        {
            "title": "校长在开学典礼上的讲话",
            "published": "2023-09-01 08:30:00",
            "published_from": "time_element",
            "author": "周老师",
            "breadcrumb": ["首页", "学校"],
            "keywords": ["开学典礼", "校长讲话"],
            "site_title": "讲话集",
        },
    ),
    Page(
        "news portal with its editor at the end",
        """<html><head><title>书记在全市干部大会上的讲话--时政--某某新闻网</title></head><body>
        <div class="path"><a href="http://example.org/">某某新闻网</a>&gt;&gt;<a href="/sz/">时政</a>&gt;&gt;正文</div>
        <h1>书记在全市干部大会上的讲话</h1><div class="text-info">2024年05月03日08:12&nbsp;&nbsp;来源:<a href="http://p.example.com/">某某日报</a></div>"""
        + BODY
        + '<div class="edit">(责编:王某、李某)</div><div class="rank">24小时排行</div>'
        + RELATED,
        {
            "title": "书记在全市干部大会上的讲话",
            "published": "2024-05-03 08:12:00",
            "published_from": "byline",
            "source": "某某日报",
            "author": "王某、李某",
            "breadcrumb": ["某某新闻网", "时政"],
            "site_title": "某某新闻网",
        },
    ),
    Page(
        "Big5 government site with the ROC calendar",
        """<html><head><meta http-equiv="Content-Type" content="text/html; charset=big5"><title>某縣政府-縣長於縣政會議致詞</title></head><body>
        <div class="location">您的位置:<a href="/">首頁</a> &gt; <a href="/news">縣政新聞</a> &gt; 縣長於縣政會議致詞</div>
        <h2 class="title">縣長於縣政會議致詞</h2>
        <ul class="data"><li>發布單位:秘書處</li><li>發布日期:113-05-03</li><li>點閱數:87</li></ul>"""
        + "<p>各位同仁大家好,今天是本年度第一次縣政會議,感謝各位在過去一年的辛勞與付出,讓縣政工作能夠順利推展。</p>"
        * 3,
        {
            "title": "縣長於縣政會議致詞",
            "published": "2024-05-03 00:00:00",
            "published_from": "labelled",
            "source": "秘書處",
            "views": 87,
            "breadcrumb": ["首頁", "縣政新聞"],
            "site_title": "某縣政府",
        },
        charset="big5",
        wide=False,
    ),
    Page(
        "table layout of 2003",
        """<html><head><title>某某文秘网-在全县教育工作会议上的讲话</title></head><body><table width=760><tr><td>
        您现在的位置: <a href="/">某某文秘网</a> &gt;&gt; <a href="/Article/">文章中心</a> &gt;&gt; <a href="/Article/jh/">领导讲话</a> &gt;&gt; 正文</td></tr>
        <tr><td align=center><font size=4 color=red><b>在全县教育工作会议上的讲话</b></font></td></tr>
        <tr><td align=center>作者:佚名&nbsp;&nbsp;&nbsp;&nbsp;文章来源:本站原创&nbsp;&nbsp;&nbsp;&nbsp;点击数:&nbsp;&nbsp;&nbsp;&nbsp;更新时间:2008/5/27 11:28:55</td></tr><tr><td>"""
        + re.sub(r"<p>(.*?)</p>", r"&nbsp;&nbsp;&nbsp;&nbsp;\1<br>", BODY)
        + "</td></tr><tr><td>文章录入:admin&nbsp;&nbsp;责任编辑:admin</td></tr></table>"
        + RELATED,
        {
            "title": "在全县教育工作会议上的讲话",
            "published": "2008-05-27 11:28:55",
            "published_from": "labelled",
            "source": "本站原创",
            "author": "佚名",
            "breadcrumb": ["某某文秘网", "文章中心", "领导讲话"],
            "site_title": "某某文秘网",
        },
    ),
    Page(
        "nothing but lists has dates",
        """<html><head><title>在全区禁毒工作会议上的讲话 - 写作网</title></head><body><div class="nav"><a href="/">首页</a><a href="/jh/">讲话</a></div>
        <div class="hot"><h3>热门文章</h3><ul><li><a href="/1">某某讲话稿一篇很长的标题文字</a> 2020-01-01</li></ul></div>
        <h1>在全区禁毒工作会议上的讲话</h1><span class="date">10-28</span>"""
        + BODY
        + RELATED
        + FOOT,
        {"title": "在全区禁毒工作会议上的讲话", "site_title": "写作网"},
        url="http://example.org/2021/1028/1.html",
    ),
    Page(
        "the meeting's time is not the page's",
        """<html><head><title>座谈会讲话_某网</title></head><body><h1>座谈会讲话</h1><p>时间:2024年5月4日上午9时</p><p>地点:县政府三楼会议室</p>
        <p>(2024年5月4日)</p>"""
        + BODY,
        {"title": "座谈会讲话", "site_title": "某网"},
    ),
    Page(
        "definition list and a date glued to its neighbours",
        """<html><head><title>动员部署会讲话(范文推荐) | 材料库</title><meta name="keywords" content="动员,部署 会议"></head><body>
        <ol><li><a href="/">材料库</a></li><li><a href="/cl/">材料</a></li><li><a href="/cl/jianghua/">讲话</a></li></ol>
        <h1>动员部署会讲话(范文推荐)</h1><dl class="x"><dt>作者</dt><dd>小文</dd><dt>来源</dt><dd>投稿</dd></dl><div>发布时间:2021-10-0723:33:08阅读:1.2万</div>"""
        + BODY
        + "<p>Tags:#动员 #部署</p>",
        {
            "title_raw": "动员部署会讲话(范文推荐)",
            "title": "动员部署会讲话",
            "published": "2021-10-07 23:33:08",
            "published_from": "labelled",
            "source": "投稿",
            "author": "小文",
            "views": 12000,
            "breadcrumb": ["材料库", "材料", "讲话"],
            "keywords": ["动员", "部署"],
            "site_title": "材料库",
        },
        url="http://example.org/cl/jianghua/2021/7.html",
    ),
    Page(
        "byline inside the heading, labels glued to values",
        """<html><head><title>读书活动启动仪式致辞</title></head><body><div class="logo"><h1><a href="/">好文网</a></h1></div>
        <div class="weizhi"><b>位置:</b><a href="/">好文网</a>→<a href="/zc/">致辞</a>→内容</div>
        <div><h2>读书活动启动仪式致辞 <small>时间:2020-09-18来源:网络作者:朱文点击:1315</small></h2></div>"""
        + BODY
        + '<div class="next">上一篇:<a href="/a/6.html">没有了</a></div>',
        {
            "title": "读书活动启动仪式致辞",
            "published": "2020-09-18 00:00:00",
            "published_from": "labelled",
            "source": "网络",
            "author": "朱文",
            "views": 1315,
            "breadcrumb": ["好文网", "致辞"],
            "site_title": "好文网",
        },
    ),
    Page(
        "date and readers without labels, title element cut short",
        """<html><head><title>在全省高质量发展大会上的讲话提纲及主…_秘书帮</title></head><body>
        <div class="title">在全省高质量发展大会上的讲话提纲及主持词</div><div class="sub">2021-10-07 23:33:08 223</div>"""
        + BODY,
        {
            "title": "在全省高质量发展大会上的讲话提纲及主持词",
            "published": "2021-10-07 23:33:08",
            "published_from": "byline",
            "views": 223,
            "site_title": "秘书帮",
        },
    ),
    Page(
        "title in the title element alone",
        "<html><head><title>在离退休老干部座谈会上的讲话 - 领导讲话 - 公文写作网</title></head><body><div>"
        + BODY
        + "</div></body></html>",
        {"title": "在离退休老干部座谈会上的讲话", "site_title": "公文写作网"},
    ),
    Page(
        "date in JSON-LD alone",
        """<html><head><title>在培训班开班式上的讲话</title><script type="application/ld+json">{"@context":"x","@id":"y",
        "title":"在培训班开班式上的讲话","pubDate":"2019-04-05T10:20:30"}</script></head><body><h1>在培训班开班式上的讲话</h1>"""
        + BODY,
        {"title": "在培训班开班式上的讲话", "published": "2019-04-05 10:20:30", "published_from": "meta"},
    ),
    Page(
        "labels in brackets, without colons",
        """<html><head><title>慰问信 | 文海</title></head><body><h1>慰问信</h1><p>【发布时间】2015.6.7 【来源】工会 【作者】宣传部 【点击】56</p>"""
        + BODY,
        {
            "title": "慰问信",
            "published": "2015-06-07 00:00:00",
            "published_from": "labelled",
            "source": "工会",
            "author": "宣传部",
            "views": 56,
            "site_title": "文海",
        },
    ),
]
FACTS = ("title", "source", "author", "breadcrumb", "keywords", "views", "site_title", "published_from")
EMPTY: dict[str, Any] = {"breadcrumb": [], "keywords": []}


def full_width(html: str) -> str:
    """The page with full-width punctuation in its text, as half of all sites write it."""

    def widen(m: re.Match[str]) -> str:
        text = re.sub(r":(?!\d\d)(?!//)|:(?=\d{3,})", "\uff1a", m[0])
        return text.replace("(", "\uff08").replace(")", "\uff09").replace(",", "\uff0c")

    parts = re.split(r"(<script.*?</script>|<[^>]*>|&\w+;)", html, flags=re.DOTALL)
    return "".join(p if p.startswith(("<", "&")) else widen(re.match(r"(?s).*", p)) for p in parts)  # type: ignore[arg-type]


def flat(facts: PageFacts) -> dict[str, Any]:
    said = {name: getattr(facts, name) for name in FACTS}
    said["published"] = facts.published_at.strftime("%Y-%m-%d %H:%M:%S") if facts.published_at else None
    return said


# a page whose charset or form of date has no full-width twin is read as it is alone
TWINS = [(page, wide) for page in PAGES for wide in (False, True) if page.wide or not wide]


@pytest.mark.parametrize(("page", "wide"), TWINS, ids=[f"{p.name}-{'full' if w else 'half'}" for p, w in TWINS])
def test_page_says(page: Page, wide: bool) -> None:
    html = full_width(page.html) if wide else page.html
    facts = read_facts(parse(html.encode(page.charset), f"text/html; charset={page.charset}", page.url))
    want = {name: page.says.get(name, EMPTY.get(name)) for name in (*FACTS, "published")}
    narrow = str.maketrans("\uff08\uff09\uff1a\uff0c", "():,")
    got = {k: v.translate(narrow) if isinstance(v, str) else v for k, v in flat(facts).items()}
    assert got == want
    assert facts.title_raw.translate(narrow) == page.says.get("title_raw", page.says["title"])
    if facts.published_at:
        assert str(facts.published_at.tzinfo) == "Asia/Shanghai"


def test_site_file_comes_first() -> None:
    site = Site.model_validate(
        {
            "name": "x",
            "title": "某网",
            "start": ["http://example.org/"],
            "reading": {
                "title": [".none", ".t2"],
                "date": [".d2"],
                "source": [".s"],
                "author": [".w"],
                "breadcrumb": [".b"],
                "keywords": [".k a"],
            },
        }
    )
    html = (
        "<title>别的标题_某网</title><h1>别的标题</h1><div class=t2>真正的标题</div><p>时间:2020-01-01</p><p class=d2>Update 2021-02-03 10:11</p>"
        "<p class=s>供稿 : 办公室</p><p class=w>某人</p><p class=b><a href=/>家</a> # <a href=/a>甲</a> <a href=/b>乙</a></p><p class=k><a>一</a><a>二</a></p>"
        + BODY
    )
    facts = read_facts(parse(html.encode(), None, URL), site)
    assert (facts.title, facts.source, facts.author) == ("真正的标题", "办公室", "某人")
    assert (str(facts.published_at), facts.published_from) == ("2021-02-03 10:11:00+08:00", "site_file")
    assert facts.breadcrumb[:1] == ["家"]
    assert facts.breadcrumb[-2:] == ["甲", "乙"]
    assert facts.keywords == ["一", "二"]


@pytest.mark.parametrize(
    "html", ["", "<p>", "<title></title>", "<h1><a href='/'>某网</a></h1>", "<body>" + "<br>" * 50]
)
def test_empty_pages_have_no_facts(html: str) -> None:
    facts = read_facts(parse(html.encode(), None, URL))
    assert facts.title == ""
    assert facts.published_at is None
    assert facts.breadcrumb == []


PIECES = [
    *(
        "<div>",
        "</div>",
        "<a href='http://[bad'>",
        "<a href=/>",
        "</a>",
        "<li>",
        "<br>",
        "<h1>",
        "</h1>",
        "<td>",
        "<dt>",
    ),
    *(
        "<title>",
        "</title>",
        "<ol class=breadcrumb>",
        "<b>",
        "<time datetime=x>",
        "<p class=place>",
        "<span title='2020-01-02'>",
    ),
    *(
        "当前位置:",
        "首页",
        ">",
        "&gt;",
        "/",
        "标签:",
        "#",
        "来源:",
        "作者",
        ":",
        "时间:",
        "2020-02-30",
        "2020-01-02 10:11",
        "20",
    ),
    *(
        "发表于",
        "点击:1.",
        "9万",
        "【",
        "】",
        "(2)",
        "在会议上的讲话",
        "同志们:",
        "\u3000",
        "\xa0",
        "上一篇:",
        "正文",
        "民國999年9月9日",
    ),
]


@given(st.lists(st.sampled_from(PIECES), max_size=40), st.sampled_from(["", "<title>在会议上的讲话_某网</title>"]))
@settings(max_examples=400, deadline=None)
def test_any_page_is_survived(pieces: list[str], head: str) -> None:
    facts = read_facts(parse((head + "".join(pieces)).encode(), None, URL))
    assert facts.published_at is None or facts.published_from
    assert all(facts.breadcrumb)
    assert all(facts.keywords)


def test_a_counter_in_the_heading_is_none_of_the_title() -> None:
    page = "<title>护林讲话-清泉文库</title><h1>护林讲话 <small>阅读 1234 次</small></h1>" + BODY
    assert read_facts(parse(page.encode(), None, "http://www.qingquan.test/1.html")).title == "护林讲话"
