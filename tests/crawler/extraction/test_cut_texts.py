"""Cut texts, told by what the page says of them and by how they end; whole ones that only look so."""

from __future__ import annotations

import pytest

from crawler.extraction.article import read_article
from crawler.extraction.model import PageInput
from tests.crawler.extraction.pages import (
    FIRST_TEXT,
    LONG,
    OPENING,
    SECOND,
    SITE,
    SPEECH,
    page,
    paragraphs,
    read,
    text,
)

# -- cut texts: the page says so -------------------------------------------------------------------------------------

MARKERS = [
    ("(讲稿未完,登录后方可查看余下内容)", None),
    ("全稿共计3120字,本页仅展示开头部分,完整版请下载", 3120),
    ("(原稿2870字,目前只显示其中410字)", 2870),
    ("您的等级不够,当前只能试看前一页,更多内容请开通会员", None),
    ("还有64%没读,余下部分付费后解锁", None),
    ("以上是试读部分", None),
    ("此文约1.2万字,游客仅可浏览前300字", 12000),
    ("【后续内容需支付2元后阅读】", None),
    ("完整文稿可联系客服索取", None),
    ("想看全文,请先关注公众号", None),
    ("免费部分到此为止", None),
]


@pytest.mark.parametrize("where", ["line", "glued", "box"])
@pytest.mark.parametrize(("marker", "declared"), MARKERS)
def test_markers_in_other_words(marker: str, declared: int | None, where: str) -> None:
    shown = LONG[:4]
    if where == "line":
        body = page(paragraphs([*shown[:-1], shown[-1] + "……", marker]))
    elif where == "glued":
        body = page(paragraphs([*shown[:-1], shown[-1] + "……" + marker]))
    else:
        body = page(
            paragraphs([*shown[:-1], shown[-1] + "……"]), below=f"<div class=box><a href=/login>{marker}</a></div>"
        )
    result = read(body)
    assert result.fate == "preview"
    assert text(result) == shown
    assert result.speeches[0]["chars_declared"] == declared


@pytest.mark.parametrize(
    "hole",
    [
        "……此处略去2450字,登录后查看……",
        "(中间的部分段落已隐藏,会员可见)",
        "====本节文字只对会员开放====",
        "[此处删节约800字]",
        "********此段文字需付费后可见********",
        "----此处内容仅注册用户可浏览----",
    ],
)
def test_holes_leave_nothing_behind(hole: str) -> None:
    result = read(page(paragraphs([*LONG[:4], hole, *LONG[4:]])))
    assert result.fate == "preview"
    assert text(result) == LONG


@pytest.mark.parametrize(
    "line",
    [
        "这份材料的完整版,请大家会后扫码下载,今天我只讲前两页。",
        "其余的内容我们下次会上再讲,需要的同志可以来办公室查看。",
        "这本书还剩三章没有读完,我就把它送给了护林员老陈。",
        "我们的故事未完待续,下一章要由在座的各位来写。",
    ],
)
def test_what_a_speaker_says_of_the_rest_is_no_marker(line: str) -> None:
    lines = [*LONG[:3], line, *LONG[3:]]
    result = read(page(paragraphs(lines)))
    assert result.fate == "speech"
    assert text(result) == lines


TEASERS = [
    "<article class=post><h2>在林场职工大会上的发言</h2><p>同志们:今年的苗木长势很好,这里向大家报告一下上半年的进展情况。"
    "</p><a href=/a/9.html>阅读全文</a></article>",
    "<div class=rel><a href=/a/8.html>在造林动员会上的讲话</a><p>各位乡亲:春分一过就要动锹了,今天把大家请来说几句话。</p>"
    "<a href=/a/8.html>继续阅读</a></div>",
    "<h3>相关文章</h3><p>关于林场的另一篇讲话,全文共三千字,摘要如下。</p><p><a href=/a/7.html>查看全文</a></p>",
]


@pytest.mark.parametrize("teaser", TEASERS)
def test_a_link_of_a_teaser_is_no_marker(teaser: str) -> None:
    result = read(page(paragraphs(LONG), below=teaser))
    assert result.fate == "speech"
    assert text(result) == LONG


def test_a_page_of_long_teasers_is_a_list() -> None:
    """Headline and link to read on lead to the same other page: what stands between is that page's beginning."""
    items = "".join(
        f"<h2><a href=/a/{n}.html>在第{n}次林场职工大会上的讲话</a></h2>{paragraphs(LONG[:3])}<a href=/a/{n}.html>阅读全文</a>"
        for n in range(2)
    )
    for below in (items, items[: items.index("<h2>", 4)]):
        assert read(page(below, "二〇一二年")).speeches == []


@pytest.mark.parametrize(
    "marker",
    [
        "后面还有更多精彩内容，请登录后继续阅读",
        "本文剩余部分仅向VIP用户开放",
        "您还没有登录，只能看到文章的前半部分",
        "未登录只能查看部分内容",
        "点此购买完整文档（5元）",
        "想继续看？请先支付3元",
        "【内容节选，完整版见附件下载】",
        "提示：此文档为节选，下载后可见全文",
        "阅读剩余的 72% 需要登录",
        "您的阅读权限不足",
        "试看结束 开通会员看全文",
        "预览已到尽头，下载查看更多",
        "…………（省略）",
        "（以下略）",
        "（略）",
        "本文共5页 当前第1页 下载后可阅读全部",
        "内容过长，仅展示前500字",
        "【未完，下载后阅读】",
        "查看剩余4页",
        "仅供试读，购买后可查看完整内容",
        "显示全部",
        "展开剩余60%",
        "（文章未完，请注册会员阅读全文）",
        "正文约 3000 字，已展示 20%",
        "由于篇幅限制，以下内容请下载附件查看。",
        "【付费文章，您已阅读 20%】",
        "——余文请订阅后查看——",
        "扫描上方二维码，阅读完整文稿",
        "为保护原创，后文仅对认证用户开放",
        "本文剩余 1,862 字",
        "页面仅提供前 2 页预览，共 6 页",
        "完整内容请到App内阅读",
        "（本文共 4 页，当前为第 1 页，购买后可下载 Word 版本）",
        "……（后面还有，扫码看全篇）",
        "本文档还有 62% 的内容没有显示",
        "想看完整版？微信搜一搜“青禾文稿”，回复口令8812即可获取",
        "本内容已隐藏 2,310 字，开通月卡后畅读",
        "（待续，点这里看下半部分）",
        "↓↓↓ 下载完整版继续阅读 ↓↓↓",
        "点击空白处加载后面内容",
        "全文未完，点击继续",
        "您的免费阅读次数已用完",
        "（由于字数限制，只能发这么多了）",
        "[此部分需要回复才能看到]",
        "本文为会员文章，非会员仅展示三分之一",
        "（未经授权，部分内容已隐藏）",
        "————以下为付费内容————",
        "解锁全文",
        "只显示前500字",
        "抱歉，后面的内容您暂时看不到",
        "本文仅供会员阅读",
        "[隐藏内容，评论后可见]",
        "…………（以下内容略去）",
        "该内容已加密，输入密码查看",
    ],
)
def test_more_markers(marker: str) -> None:
    result = read(page(paragraphs([*LONG[:5], marker])))
    assert result.fate == "preview"
    assert text(result) == LONG[:5]


def test_a_button_right_below_the_text_is_one() -> None:
    cut = [*LONG[:4], LONG[4][:30]]
    result = read(page(paragraphs(cut), below="<div><a href='javascript:;'>展开全文</a></div>"))
    assert result.fate == "preview"


# -- cut texts: only the end tells -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        "各村要把山头地块逐一分到人,护林员每天上山不少于两次,发现野外用火立即制止,并在十分钟之内报告给",
        "入秋以来雨水偏少,林下的枯枝落叶已经堆了厚厚一层,从目前掌握的情况来看,最让人放心不下的是",
        "第二件事是把瞭望哨的班次重新排一遍,白天两人、夜里三人,凡是脱岗漏岗的,一律",
        "防火物资要在月底前全部补齐,风力灭火机、铁扫把、水袋逐件登记,坏了的马上修,缺了的马上",
    ],
)
def test_a_stop_in_mid_sentence_is_seen(end: str) -> None:
    result = read(page(paragraphs([*LONG[:5], end])))
    assert result.fate == "preview"
    assert result.speeches[0]["preview_evidence"].startswith("stops in mid-sentence")
    assert text(result)[-1] == end


@pytest.mark.parametrize(
    "end",
    [
        "各村要把山头地块逐一分到人,",
        "风力灭火机、铁扫把、",
        "二、压实责任。各村要把山头地块逐一分到人,护林员每天上山不能",
        "各村要把山头地块逐一分到人,护林员每天上山不少于两次,发现野火就",
    ],
)
def test_words_that_are_no_end_need_no_other_evidence(end: str) -> None:
    result = read(page(paragraphs([SPEECH[0], OPENING, end])))
    assert result.fate == "preview"
    assert text(result) == [SPEECH[0], OPENING, end]


def test_two_paragraphs_are_enough_where_a_long_one_stops() -> None:
    """A short preview has no third paragraph to tell by."""
    end = "各村要把山头地块逐一分到人,护林员每天上山不少于两次,发现野外用火立即制止,并在十分钟之内报告镇里,由镇里统一调度扑火队"
    result = read(page(paragraphs([SPEECH[0], OPENING, FIRST_TEXT, end])))
    assert result.fate == "preview"
    assert read(page(paragraphs([SPEECH[0], OPENING, FIRST_TEXT, end[:30]]))).fate == "speech"


@pytest.mark.parametrize(
    "end",
    [
        ["让我们守好每一片林子,为建设绿色家园作出新的更大贡献"],
        ["祝大家身体健康、工作顺利、阖家幸福"],
        ["谢谢大家!", "云岭镇林业站 站长 李长青"],
        ["青山常在,绿水长流"],
        ["我的发言完了,谢谢大家"],
        ["愿每一粒种子都长成大树,愿每一双手都握得住明天"],
    ],
)
def test_whole_texts_without_a_full_stop(end: list[str]) -> None:
    result = read(page(paragraphs([*LONG[:5], *end])))
    assert result.fate == "speech", result.speeches[0]["preview_evidence"]


@pytest.mark.parametrize(
    ("end", "fate"),
    [
        ("此刻我只想说一句话:老伙计们,多保重,一定要多保重……", "speech"),
        ("愿我们的林子一年比一年绿,愿山里的日子越来越好……", "speech"),
        ("再见了,亲爱的同学们,母校永远是你们的家啊……", "speech"),
        ("各村要把山头地块逐一分到人,护林员每天上山不少于两次......", "preview"),
        ("上半年全镇共组织巡护四百余次,没有发生一起火情,成绩……", "preview"),
        ("入秋以后天干物燥,任何一点松懈都可能酿成大祸。……", "preview"),
    ],
)
def test_dots_at_the_end(end: str, fate: str) -> None:
    assert read(page(paragraphs([*LONG[:5], end]))).fate == fate


def test_a_heading_with_nothing_under_it_ends_a_preview() -> None:
    result = read(page(paragraphs([*SPEECH[:4], SECOND])))
    assert result.fate == "preview"
    assert result.speeches[0]["preview_evidence"]


def test_an_offer_in_a_card_above_the_text_does_not_cut_it() -> None:
    card = (
        "<div class=name>护林讲话.docx</div><p>这份文档结构完整,语言生动,可直接下载编辑使用,支持各种办公软件打开。</p>"
        "<a class=btn>￥5.00 立即购买</a> <a class=btn>VIP免费下载</a>"
    )
    result = read(page(paragraphs(LONG), above=f"<div class=card>{card}</div>"))
    assert (text(result), result.fate) == (LONG, "speech")


@pytest.mark.parametrize("banner", ["登录后可查看更多精彩内容", "注册会员后可查看全部内容"])
def test_a_gate_between_the_paragraphs_of_a_whole_speech_is_a_banner(banner: str) -> None:
    whole = [*LONG, "我就讲这些,谢谢大家。"]
    result = read(page(paragraphs(whole[:4]) + f"<div class=tip>{banner}</div>" + paragraphs(whole[4:])))
    assert (text(result), result.fate) == (whole, "speech")
    cut = read(
        page(paragraphs(whole[:4]) + f"<div class=tip>{banner}</div><div>{paragraphs(['版权归原作者所有'])}</div>")
    )
    assert (text(cut), cut.fate) == (whole[:4], "preview")


def test_a_gate_is_a_banner_where_whole_paragraphs_go_on_behind_it() -> None:
    whole = [*LONG[:-1], "山下的人看着我们,林子也看着我们。"]
    body = paragraphs(whole[:2]) + "<div class=tip>登录后可查看更多精彩内容</div>" + paragraphs(whole[2:])
    assert text(read(page(body))) == whole


def test_a_hole_that_names_a_download_is_a_hole() -> None:
    half = len(SPEECH) // 2
    lines = [*SPEECH[:half], "……此处隐去2930字,完整内容请下载后查看……", *SPEECH[half:]]
    result = read_article([PageInput("http://a.example/1.html", page(paragraphs(lines)))], SITE)
    (row,) = result.speeches
    assert row["text"].split("\n") == SPEECH
    assert row["is_preview"]


@pytest.mark.parametrize(
    "button", ["展开剩余60%", "<a href='javascript:;'>展开全文</a>", "显示全部", "<a href='#'>加载更多</a>"]
)
def test_a_button_that_unfolds_a_whole_text_is_no_marker(button: str) -> None:
    whole = read(page(paragraphs([*SPEECH, button])))
    assert (whole.fate, text(whole)) == ("speech", SPEECH)
    inside = read(page(paragraphs([*SPEECH[:4], button, *SPEECH[4:]])))
    assert (inside.fate, text(inside)) == ("speech", SPEECH)
    assert read(page(paragraphs([*SPEECH[:4], button]))).fate == "preview"


@pytest.mark.parametrize(
    "box",
    ["style='height:600px;overflow:hidden'", "style='max-height: 40rem; overflow: hidden'", "class='content fold'"],
)
def test_a_button_below_a_box_that_clips_its_text_unfolds_it(box: str) -> None:
    """The text is there, whether or not its last sentence is one of those with which speeches close."""
    shown = SPEECH[:4]
    for button in ("<a onclick='unfold()'>点击展开全文</a>", "<a href='javascript:;'>展开全文</a>"):
        result = read(page(f"<div {box}>{paragraphs(shown)}</div><div>{button}</div>"))
        assert (result.fate, text(result)) == ("speech", shown)
        cut = read(page(f"<div {box}>{paragraphs([*shown, SPEECH[4][:30]])}</div><div>{button}</div>"))
        assert cut.fate == "preview"


@pytest.mark.parametrize(
    "below",
    [
        "<div class=pay><p>此内容查看价格<b>9.9</b>元,VIP会员免费</p><a>立即购买</a></div>",
        "<div>该篇文章共406字,您已阅读140字</div>",
    ],
)
def test_a_price_or_a_count_below_the_text_tells_that_it_is_cut(below: str) -> None:
    result = read(page(paragraphs(LONG[:5]), below=below))
    assert (result.fate, text(result)) == ("preview", LONG[:5])


def test_a_button_beside_a_list_of_links_unfolds_as_well() -> None:
    # the element that holds the button holds links to other pages too
    around = "<a href='javascript:more()'>展开全文</a><ul><li><a href=/b/7.html>校长在毕业典礼上的致辞</a></li></ul>"
    html = page(paragraphs(SPEECH)).replace(b"<div class=bottom>", f"{around}<div class=bottom>".encode())
    assert (read(html).fate, text(read(html))) == ("speech", SPEECH)


def test_what_stands_between_a_menu_and_a_link_to_more_is_no_teaser() -> None:
    # both lead to the column that the page is in
    menu, more = "<p><a href=/jianghua/>领导讲话大全</a></p>", "<p><a href=/jianghua/>更多</a></p>"
    html = page(f"{paragraphs(SPEECH)}{more}").replace(b"<h1>", f"{menu}<h1>".encode())
    assert (read(html).fate, text(read(html))) == ("speech", SPEECH)


@pytest.mark.parametrize(
    "own",
    [
        "最后，请大家登录学习平台，把剩余课程看完。",
        "第4页的表格，请同志们翻到后面自己看完整。",
        "山上来的游客多了，剩下的路要一段一段看过去。",
        "点评：刚才三个村的做法都值得一学。",
        "下载安装以后，用身份证号注册，验证码会发到手机上。",
    ],
)
def test_words_of_gates_in_a_speech_are_no_marker(own: str) -> None:
    result = read(page(paragraphs([*LONG[:5], own, LONG[5]])))
    assert result.fate == "speech"
    assert text(result) == [*LONG[:5], own, LONG[5]]


PAID = "山里的路修好以后，木材运得出去了，可是养护这条路每年还要不少钱，十个护林点的工资也需要按月支付，一天都拖不得，这笔钱由镇里出。"


@pytest.mark.parametrize(
    "own",
    [
        PAID,
        "去年我们先试了两个村，用台账督促各户按时交回工具，因为用不用得着这把锯子，领的时候就已经想清楚了，交回不应该拖延，阅读登记簿需要先登录系统。",
    ],
)
def test_a_paragraph_that_ends_like_a_marker_is_none_where_the_text_goes_on(own: str) -> None:
    lines = [*SPEECH[:4], own, *SPEECH[4:]]
    result = read(page(paragraphs(lines)))
    assert (result.fate, text(result)) == ("speech", lines)


def test_what_must_be_paid_in_a_last_paragraph_is_no_marker() -> None:
    lines = [*SPEECH[:-1], PAID]
    assert text(read(page(paragraphs(lines)))) == lines


def test_a_short_preview_before_a_login_is_no_page_to_log_in() -> None:
    short = ["战友们：", "明天天一亮，你们就要脱下军装回家了，今晚再好好看它一眼。"]
    assert read(page(paragraphs([*short, "此处为会员内容，请登录"]), "退伍欢送讲话")).fate == "preview"


@pytest.mark.parametrize(
    "marker",
    [
        "【未完待续】",
        "VIP文档，无法查看全文",
        "本文为付费文章，剩余62%内容订阅后可读",
        "当前文档为预览版，下载后可查看全部内容",
        "微信扫码登录后阅读全文",
    ],
)
def test_a_marker_glued_to_a_last_sentence_goes_as_a_whole(marker: str) -> None:
    cut = [*LONG[:3], LONG[3]]
    result = read(page(paragraphs([*cut[:-1], cut[-1] + marker])))
    assert (result.fate, text(result)) == ("preview", cut)


def test_a_last_quotation_with_whose_it_is_breaks_nothing_off() -> None:
    lines = [
        *LONG[:5],
        "一位老护林员在日记里写道:“等这片林子长大了,我也就老了,可是山还年轻,年轻得像我刚上山那一年”。——老周",
    ]
    result = read(page(paragraphs(lines)))
    assert (result.fate, text(result)) == ("speech", lines)


def test_a_list_below_a_text_is_unfolded_as_well() -> None:
    below = "<div>+1</div><div>字号</div><div>加载更多</div>"
    assert read(page(paragraphs(LONG[:5]), below=below)).fate == "speech"


def test_a_marker_needs_no_other_words_than_those_of_its_rule() -> None:
    assert read(page(paragraphs([*LONG[:4], "(由于版面有限,未能全录)"]))).fate == "preview"


@pytest.mark.parametrize(
    "offer",
    [
        "更多“护林讲话”的相关资讯请关注www.shulin.test",
        "更多护林讲话相关内容请关注树林网",
        "更多精彩内容，请关注公众号“树林”",
        "更多讲话稿请登录www.shulin.test查看",
        "欢迎注册会员，下载更多讲话稿",
        "开通会员，海量范文免费下载",
        "请登录后发表评论",
        "剩余积分：0",
        "全文下载",
    ],
)
def test_an_offer_of_other_texts_says_nothing_of_this_one(offer: str) -> None:
    # the text has not come to its close, so that a marker would be believed
    for html in (page(paragraphs([*LONG[:5], offer])), page(paragraphs(LONG[:5]), below=f"<div>{offer}</div>")):
        assert (read(html).fate, text(read(html))) == ("speech", LONG[:5])
    glued = page(paragraphs([*LONG[:4], f"{LONG[4]}{offer}"]))
    assert read(glued).fate == "speech"
    assert read(page(paragraphs([*LONG[:4], "剩余内容请登录后查看,更多讲话稿请关注树林网"]))).fate == "preview"
