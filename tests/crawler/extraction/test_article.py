"""Whole pages to rows: what stands in the text, what is cut, and what a page is."""

import gc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.html import HtmlElement

from crawler.extraction import main_text
from crawler.extraction.article import read_article
from crawler.extraction.model import ArticleResult, PageInput
from crawler.extraction.profile import Profile, learn, load_profile, save_profile
from crawler.home import Home
from crawler.records import SPEECH as COLUMNS
from crawler.site import Site
from tests.crawler.extraction.pages import OTHER, SPEECH, TITLE, page, paragraphs

SITE = Site(name="qingquan", title="清泉文库", start=("http://qingquan.invalid/",))
URL = "http://qingquan.invalid/a/1.html"
DRIVER_FILLS = {"speech_id", "page_url", "site"}


def read(*bodies: bytes, profile: Profile | None = None, site: Site = SITE) -> ArticleResult:
    return read_article([PageInput(URL, b, "text/html", k) for k, b in enumerate(bodies, 1)], site, profile)


def text(result: ArticleResult, part: int = 0) -> list[str]:
    lines: list[str] = result.speeches[part]["text"].split("\n")
    return lines


def test_every_column_is_there() -> None:
    result = read(page(paragraphs(SPEECH)))
    assert result.fate == "speech"
    (row,) = result.speeches
    assert set(row) == {c.name for c in COLUMNS} - DRIVER_FILLS
    assert text(result) == SPEECH
    assert row["title"] == TITLE
    assert (row["salutation"], row["paragraphs"], row["is_preview"]) == ("同志们", len(SPEECH), False)


def test_nothing_of_a_page_waits_for_the_collector_of_garbage() -> None:
    body = page("<div class=info>时间:2024-05-03 来源:清泉文库 作者:王某</div>" + paragraphs(SPEECH))

    def elements() -> int:
        return sum(isinstance(x, HtmlElement) for x in gc.get_objects())

    read(body)
    gc.collect()
    gc.disable()
    try:
        before = elements()
        read(body)
        after = elements()
    finally:
        gc.enable()
    assert after == before  # a circle holds a page's tree, lines and blocks until somebody looks for it


FURNITURE = [
    "<div class=info>时间:2024-05-03 10:20:30 来源:网友投稿 浏览次数:12</div>",
    "<p>下面是小编为大家整理的镇长在全镇护林工作会议上的讲话,供大家参考。</p>",
    f"<p>{TITLE}</p>",
    f"<p>{SPEECH[1][:30]}{SPEECH[3][:30]}以下是本站为大家收集的讲话,希望大家喜欢。</p>",
    "<p>导语:护林讲话一文来源于网友上传,不代表本站观点</p>",
]


@pytest.mark.parametrize("above", FURNITURE)
def test_matter_before_the_speech_goes(above: str) -> None:
    assert text(read(page(above + paragraphs(SPEECH)))) == SPEECH
    assert text(read(page(paragraphs(SPEECH), above=above))) == SPEECH


@pytest.mark.parametrize(
    "below",
    [
        "<p>推荐访问:<a href=/t/1>护林</a> <a href=/t/2>讲话</a></p>",
        "<p>标签: #护林</p>",
        "<div>上一篇:<a href=/a/0.html>护林倡议书</a></div><div>下一篇:没有了</div>",
        "<h3>猜你喜欢</h3><ul>"
        + "".join(f"<li><a href=/a/{i}.html>关于春季造林工作的第{i}个讲话</a></li>" for i in range(8))
        + "</ul>",
        "<p>以上就是镇长在全镇护林工作会议上的讲话的全部内容,希望对大家有帮助。</p>",
        "<div>分享到: <a href=#>微信</a> <a href=#>微博</a></div>",
        "<p>------分隔线------</p>",
        "<p>(责任编辑:admin)</p>",
        "<p>免责声明:本站文章均来自网络,如有侵权请联系删除。</p>",
    ],
)
def test_matter_behind_the_speech_goes(below: str) -> None:
    assert text(read(page(paragraphs(SPEECH) + below))) == SPEECH
    assert text(read(page(paragraphs(SPEECH), below=below))) == SPEECH


@pytest.mark.parametrize(
    ("marker", "declared"),
    [
        ("(阅读全部内容,您需要先登录!)", None),
        ("(未完,全文共1662字,当前显示422字)", 1662),
        ("全文约1429字,请下载后阅读、编辑。", 1429),
        ("试读结束,开通会员继续阅读", None),
        ("...(剩余全文70.03%)", None),
    ],
)
def test_open_previews(marker: str, declared: int | None) -> None:
    shown = SPEECH[:4]
    result = read(
        page(paragraphs([*shown[:-1], shown[-1] + "……"]) + f"<div><p>{marker}</p><a href=/login>登录</a></div>")
    )
    assert result.fate == "preview"
    assert text(result) == shown
    assert result.speeches[0]["chars_declared"] == declared
    assert result.speeches[0]["preview_evidence"]


def test_a_hole_in_the_middle_keeps_both_sides() -> None:
    result = read(page(paragraphs([*SPEECH[:4], "……此处隐藏9358个字……", *SPEECH[4:]])))
    assert text(result) == SPEECH
    assert result.speeches[0]["is_preview"]


def test_a_bare_ellipsis_is_evidence() -> None:
    result = read(page(paragraphs([*SPEECH[:3], SPEECH[3][:-6] + "..."])))
    assert result.speeches[0]["is_preview"]
    assert text(result)[-1] == SPEECH[3][:-6]


def test_points_announced_and_not_there() -> None:
    lines = ["同志们:", "下面,我讲三点意见。", "第一,责任要压实。" + SPEECH[3], "第二,措施要到位。" + SPEECH[5]]
    (row,) = read(page(paragraphs(lines))).speeches
    assert (row["points_announced"], row["points_found"], row["is_preview"]) == (3, 2, True)


def test_compilation_gives_one_row_a_part() -> None:
    body = paragraphs(["护林讲话3篇", "篇1", *SPEECH, "篇2", *OTHER, "篇3", *SPEECH[:5]])
    result = read(page(body, "护林讲话3篇"))
    assert [(r["part"], r["parts"], r["part_title"]) for r in result.speeches] == [
        (1, 3, "篇1"),
        (2, 3, "篇2"),
        (3, 3, "篇3"),
    ]
    assert text(result, 1) == OTHER
    assert result.speeches[1]["salutation"] == "老师们、同学们"


def test_a_wrong_number_in_the_title_is_flagged() -> None:
    result = read(page(paragraphs(["篇1", *SPEECH, "篇2", *OTHER]), "护林讲话5篇"))
    assert len(result.speeches) == 2
    assert all("parts_mismatch" in r["quality_flags"] for r in result.speeches)


def test_split_article_is_one_speech() -> None:
    pager = "<div><a href=1.html>上一页</a> <b>1</b> <a href=1_2.html>2</a> <a href=1_2.html>下一页</a></div>"
    cut = SPEECH[3][:70]
    result = read(
        page(paragraphs([*SPEECH[:3], cut]) + pager),
        page(paragraphs([SPEECH[3][70:], *SPEECH[4:]]) + pager, TITLE + "(2)"),
    )
    assert len(SPEECH[3]) > 70 or text(result) == SPEECH
    assert text(result) == SPEECH
    stop = SPEECH[3].index(",", 20) + 1  # a short piece that ends in a comma goes on as well
    result = read(
        page(paragraphs([*SPEECH[:3], SPEECH[3][:stop]]) + pager),
        page(paragraphs([SPEECH[3][stop:], *SPEECH[4:]]) + pager, TITLE + "(2)"),
    )
    assert text(result) == SPEECH


def test_table_and_br_layout_in_gbk() -> None:
    body = "<BR>\r\n".join("&nbsp;&nbsp;&nbsp;&nbsp;" + x for x in SPEECH)
    links = "".join(f"·<A href=/a/{i}.htm>护林工作讲话之{i}</A><BR>" for i in range(9))
    html = (
        f"<HTML><HEAD><TITLE>{TITLE}_清泉文库</TITLE></HEAD><BODY><TABLE><TR><TD><A href=/>首页</A></TD></TR></TABLE>"
        f"<TABLE><TR><TD width=170>热门文章<BR>{links}</TD><TD><CENTER><B>{TITLE}</B></CENTER><CENTER>2024-5-3 阅读次数:9</CENTER>"
        f"<TABLE><TR><TD><FONT>{body}</FONT></TD></TR></TABLE><HR>相关文章:<BR>{links}</TD></TR></TABLE></BODY></HTML>"
    )
    result = read(html.encode("gbk"))
    assert text(result) == SPEECH
    assert result.charset == "gb18030"


def test_text_printed_twice_stays_once() -> None:
    assert text(read(page(paragraphs(SPEECH) + f"<div id=print>{paragraphs(SPEECH)}</div>"))) == SPEECH


@pytest.mark.parametrize(
    ("fate", "title", "body"),
    [
        ("off_topic", "全镇秋季护林工作方案", ["为切实做好护林工作,结合我镇实际,特制定本方案。", *SPEECH[2:6]]),
        ("off_topic", "关于做好护林工作的通知", ["各村、各单位:", *SPEECH[2:6], "特此通知。"]),
        ("off_topic", "学习护林会议精神心得体会", ["通过这次学习,我对护林有了更深的认识。", *SPEECH[2:6]]),
        (
            "off_topic",
            "我镇召开护林会议",
            ["本报讯 昨日,我镇召开护林会议。会议指出,要看清形势。会议强调,要压实责任。会议要求,各村要立即行动。"] * 2,
        ),
        ("soft_404", "提示信息", ["对不起,您浏览的内容不存在或已经被移除!"]),
        ("soft_404", "出错了", ["抱歉,您打开的网页找不着了,可能链接已经过期。您可以返回首页看看别的内容。"]),
        ("soft_404", "护林讲话", ["该文档已被上传者删除,您可以浏览其他相关文档。"]),
        ("login", "提示", ["用户名: 密码: 登录 忘记密码"]),
        ("other", "关于我们", ["清泉文库是一个文稿学习平台,收录各类讲话,供写作者学习参考,欢迎大家常来看看。"] * 3),
    ],
)
def test_what_is_no_speech(fate: str, title: str, body: list[str]) -> None:
    result = read(page(paragraphs(body), title))
    assert result.fate == fate
    assert result.speeches == []
    assert result.why


def test_lists_are_lists() -> None:
    links = "".join(f"<li><a href=/a/{i}.html>镇长在第{i}次护林会议上的讲话</a></li>" for i in range(30))
    teasers = "".join(
        f"<li><a href=/a/{i}.html>镇长在第{i}次护林会议上的讲话</a><p>同志们:{SPEECH[3][:60]}...</p></li>"
        for i in range(12)
    )
    assert read(page(f"<ul>{links}</ul>", "讲话")).fate == "list"
    assert read(page(f"<ul>{teasers}</ul>", "讲话")).fate == "list"


def test_site_file_names_the_body() -> None:
    site = SITE.model_copy(update={"reading": SITE.reading.model_copy(update={"body": ("div.mine",)})})
    noise = f"<div class=big>{paragraphs(OTHER * 3)}</div>"
    assert text(read(page(f"{noise}<div class=mine>{paragraphs(SPEECH)}</div>"), site=site)) == SPEECH


def with_watermark(k: int) -> bytes:
    village = "甲乙丙丁戊己庚辛壬癸子丑"[k]
    own = [x if x == SPEECH[0] else f"{village}村{x}" for x in SPEECH]
    return page(paragraphs([*own[:2], f"第{k}次印发清泉文库整理发布", *own[2:]]), f"{village}村{TITLE}")


def test_profile_learns_what_stands_on_every_page(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = Home(tmp_path_factory.mktemp("home"))
    articles = [[PageInput(f"{URL}?{k}", with_watermark(k))] for k in range(12)]
    profile = learn(articles, SITE)
    assert profile is not None
    assert profile == learn(reversed(articles), SITE)
    assert len(profile.lines) == 1
    assert text(read(with_watermark(1))) == [*text(read(with_watermark(1), profile=profile))[:2], "第1次印发清泉文库整理发布",
                                             *text(read(with_watermark(1), profile=profile))[2:]]  # fmt: skip
    saved = save_profile(home, SITE.name, profile)
    assert saved is not None
    assert saved.version == 1
    assert save_profile(home, SITE.name, profile) == saved == load_profile(home, SITE.name)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=600), st.integers(0, 2000))
def test_damaged_pages_never_raise(noise: bytes, at: int) -> None:
    whole = page(paragraphs(SPEECH))
    damaged = whole[: at % len(whole)] + noise + whole[at % len(whole) :]
    result = read(damaged)
    assert result.fate
    assert isinstance(main_text(damaged), str)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(6)), st.booleans())
def test_reading_is_pure(order: list[int], previews: bool) -> None:
    pages = [page(paragraphs(SPEECH[: 7 - k] if previews else SPEECH)) for k in order]
    assert [read(p).speeches for p in pages] == [read(p).speeches for p in pages]


def test_the_article_that_a_page_goes_on_with_is_none_of_its_parts() -> None:
    def article(title: str, lines: list[str]) -> str:
        return f"<h1 class=art-title>{title}</h1><div class=by>老周 2023-05-12 09:30</div><div class=c>{paragraphs(lines)}</div>"

    both = article(TITLE, SPEECH) + article("校长在秋季开学典礼上的致辞", OTHER)
    html = f"<html><head><meta charset=utf-8><title>{TITLE}</title></head><body>{both}</body></html>".encode()
    result = read(html)
    assert [text(result, k) for k in range(len(result.speeches))] == [SPEECH]
    assert {c.rule for c in result.cut} >= {"next_article"}
