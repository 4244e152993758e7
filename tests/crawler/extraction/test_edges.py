"""What stands around and inside a speech: cut texts by what they say and by how they end, the page's own words, comments, layouts."""

from __future__ import annotations

import html
from datetime import date

import pytest

from crawler.extraction.article import read_article
from crawler.extraction.model import ArticleResult, PageInput
from crawler.site import Site
from tests.crawler.extraction.pages import (
    CLOSING,
    FIRST_TEXT,
    OPENING,
    OTHER,
    SECOND,
    SECOND_TEXT,
    SPEECH,
    TITLE,
    page,
    paragraphs,
)

SITE = Site(name="shulin", title="树林", start=("http://www.shulin.test/",))
LONG = [
    "同志们:",
    OPENING,
    FIRST_TEXT,
    "昨天夜里我去了北坡的两个检查站,值班的同志没有一个脱岗,炉子上的水是热的,登记簿上的字是新的。",
    SECOND_TEXT,
    CLOSING,
]


def read(body: bytes, url: str = "http://www.shulin.test/a/1.html") -> ArticleResult:
    return read_article([PageInput(url, body, "text/html", 1)], SITE)


def text(result: ArticleResult) -> list[str]:
    assert len(result.speeches) == 1, (result.fate, result.why)
    lines: list[str] = result.speeches[0]["text"].split("\n")
    return lines


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


# -- the page's own words --------------------------------------------------------------------------------------------

PAGE_TALK = [
    "《护林工作会议讲话.docx》由热心网友上传,可在线预览,更多同类文档请到站内检索。",
    "【返回树林文库主页】",
    "大家都在搜:护林讲话 防火动员 主持词",
    "看完这篇讲话,您有哪些感想?欢迎写在评论区。",
    "本篇讲话摘自秘书天地",
    "转载本文请注明出处:秘书天地",
    "觉得这份讲话稿有用,不妨收藏本页并转发给您的同事。",
    "如需更多范文,请联系本站客服定制。",
]


@pytest.mark.parametrize("line", PAGE_TALK)
def test_the_page_speaks_of_itself_behind_the_text(line: str) -> None:
    assert text(read(page(paragraphs([*LONG, line])))) == LONG
    assert text(read(page(paragraphs(LONG), below=f"<div class=note>{line}</div>"))) == LONG


@pytest.mark.parametrize(
    "line",
    [
        "更多热门讲话稿推荐给您",
        "如果您觉得本文对您有帮助，请分享给好友",
        "如果你对这篇文章有意见，请在评论区告诉我们",
        "以上内容来源于网络，如有侵权请联系我们删除",
        "本文由用户投稿，文责自负",
        "点击下方按钮下载Word版",
        "声明：本文内容由互联网用户自发贡献",
        "此文章为原创，抄袭必究",
        "文章出处：秘书天地",
        "来源：网络（侵删）",
        "本资料由本人收集整理，仅供学习交流",
        "【本文地址：http://www.mishu.test/1.html】",
        "手机扫一扫，阅读更方便",
        "看了本文的网友还看了",
        "该文章已被阅读 231 次",
        "收藏本站，下次找范文更方便",
        "喜欢就点个赞吧",
        "小伙伴们，这篇讲话你觉得怎么样？",
        "欢迎大家收藏分享",
        "上述范文仅供参考，请勿照抄",
        "本文标题：镇长讲话",
        "文章编号：20394",
        "（本文字数：1203）",
        "相关范文推荐阅读",
        "分享该文档给好友",
        "范文之家祝您写作愉快",
        "© 秘书天地 2012",
        "推荐：年终总结大会讲话稿",
        "更多相关内容请关注领导讲话栏目",
        "查看更多讲话稿>>",
        "[关闭][打印][收藏]",
        "我要评论",
        "责任编辑 王小明",
        "作者简介：张三，某市作协会员，著有散文集多部。",
        "▼ 往期精彩回顾 ▼",
        "文字 | 老周 编辑 | 小满",
        "一审：王海 二审：李湖 三审：张江",
        "觉得不错，请点个在看再走",
        "（作者系林学院校友，本文为其在护林大会上的发言，发表时略有删节）",
        "共享此文章：",
        "关于作者",
        "赞(12) 打赏 分享 收藏 举报",
        "今天是2018年5月3日 星期四 农历三月十八",
        "关于我们 | 联系我们 | 免责声明 | 网站地图",
        "用户名：  密码：",
        "感谢您的阅读，祝您生活愉快。",
        "#护林讲话# #护林会议#",
        "（原标题：镇长在全镇护林工作会议上的讲话）",
        "1.部分内容均来源于网络，仅供学习参考。",
        "相似文档",
        "写作思路：开头点题，中间叙事，结尾号召。",
        "好啦，今天的内容就到这里啦，如果你也有好稿子，记得发给我们哟！",
        "以上就是这篇护林讲话的所有内容啦，大家觉得怎么样呢？",
        f"关于“{TITLE}”就介绍到这儿，更多资讯敬请留意。",
        f"喜欢这篇{TITLE}吗？赶快加入收藏夹吧！",
        f"上述{TITLE}由网友提供，若有侵犯您权益之处，请速与我们联系，我们将第一时间处理。",
        f"与{TITLE}类似的文章还有：",
        f"{TITLE}相关文章：",
        f"附：{TITLE}写作要点",
        "特别提醒：本篇文字仅作交流之用，不构成任何建议。",
        "小贴士：打印时请选择A4纸，行距1.5倍效果更佳。",
        "文稿编号：QH20240018  字数：1,280  难度：★★☆",
        f"→ 返回 {TITLE} 专题",
        "将本文的Word文档下载到电脑，方便收藏和打印",
        "推荐度：",
        "已有128人阅读了全文",
        "热门关键词检索：护林讲话|护林员发言稿|护林领导致辞",
        "Notice: The content above (including the pictures and videos if any) is uploaded and posted by a user.",
        "《 青民日报 》（ 2019年05月03日 02 版）",
        "下一页更多精彩“护林讲话稿”",
        "猜您还想看：",
        "本文得分：★★★★★（5分）  评论(0)",
        "投稿邮箱：tougao@qh.test　　QQ群：123456",
        "下载青禾APP，随时随地查看更多公文",
        "（全文共计318字）",
        "（根据现场录音整理，未经本人审阅）",
        "#护林# #讲话稿# #林场#",
        "当前第1页，共1页",
        "感谢您的阅读，祝您生活愉快！",
        "打赏作者",
        "赞(12)　踩(0)",
        "如有雷同，纯属巧合。",
        f"{TITLE}（完）",
        "首页　|　讲话　|　致辞　|　党课",
        "文章录入：admin　责任编辑：admin",
        "此文共分3页　第1页",
        "【声明】内容源于网络，仅供学习参考",
        "Ctrl+D 收藏本页",
        "本文字数：1024，阅读时间约3分钟",
        "标签云",
        "顶部",
        "喜欢本文的朋友请点右下角的“在看”",
        "整理不易，转载请说明出处。",
        "本文编辑：文山",
        "撰稿人：石大山",
        "最新更新：",
        "热点专题：年终讲话　开学讲话",
        f"编后语：这篇{TITLE}言辞恳切，值得借鉴。",
        "【评论】",
        "文档评论(0)",
        "支付宝转账赞助",
        "页面生成时间：0.023秒",
        "共有 3 人对本文发表了看法",
        "猜你想搜：讲话稿、致辞稿",
        "——发表于《晚晴周刊》2019年第3期",
        "想要更多模板？戳这里",
        f"{TITLE}下载",
        f"{TITLE}，供参考",
        "本稿已被采用",
        "本讲话稿共约1200字，用时约6分钟。",
        "快来评论吧",
        "请尊重版权",
        "附：相关讲话",
        "分享",
        "以上信息仅供参考，请以实际为准",
        "内容由AI生成，仅供参考",
        "查看原文",
        "阅读原文 阅读 1万+",
        "你可能还需要：",
        "【返回】",
    ],
)
def test_more_of_what_pages_say(line: str) -> None:
    assert text(read(page(paragraphs([*LONG, line])))) == LONG
    assert text(read(page(paragraphs(LONG), below=f"<div class=note>{line}</div>"))) == LONG


@pytest.mark.parametrize(
    "line", ["本篇讲话摘自秘书天地", "转载请注明来自秘书天地", "更多讲话稿尽在秘书天地", "秘书天地 www.mishu.test"]
)
def test_a_site_line_between_the_paragraphs_goes(line: str) -> None:
    assert text(read(page(paragraphs([*LONG[:2], line, *LONG[2:4], line, *LONG[4:]])))) == LONG


@pytest.mark.parametrize(
    "own",
    [
        "以上就是我今天要汇报的全部内容,希望对大家有所帮助。",
        "这是我的几点浅见,仅供大家参考。",
        "更多的细节,请同志们会后关注我们林业站的公众号。",
        "以上发言如有不当之处,请各位领导批评指正。",
        "本人保证以上内容真实,欢迎大家监督。",
    ],
)
def test_what_a_speaker_says_stays(own: str) -> None:
    assert text(read(page(paragraphs([*LONG, own])))) == [*LONG, own]
    opening = [LONG[0], "今天给大家分享的几个数字,是我们站里自己收集整理的,供大家参考。", *LONG[1:]]
    assert text(read(page(paragraphs([*opening, own])))) == [*opening, own]


@pytest.mark.parametrize(
    "own",
    [
        "以上就是我的发言，谢谢大家！",
        "以上是我的一些想法，供大家参考。",
        "更多的情况，会后我们可以再交流。",
        "欢迎大家批评指正。",
        "欢迎各位来宾多提宝贵意见，多到我们镇走走看看。",
        "请大家把材料带回去认真学习，好好参考。",
        "希望我的发言对大家有所帮助。",
        "这篇发言稿我改了六遍，还是觉得不够好，请大家原谅。",
        "请大家关注我们村的公众号，转发我们的农产品。",
        "今天的分享就到这里，感谢聆听。",
        "有什么问题欢迎大家随时联系我，电话是村部那一个。",
        "讲得不对的地方，请大家多多包涵。",
        "完整的方案已经发到各位手上，请认真阅读。",
        "全文我就不念了，大家下去自己看。",
        "下面请看大屏幕，这是我们收集的照片。",
        "版权归大家所有，盈利归大家分红，这是我们合作社的规矩。",
        "登录林区的平台，查看各自的任务清单，明天一早要抽查。",
        "有的业主说，登录小程序看不到明细，明细全文已经打印出来，贴在每一个单元门口。",
        "关于这份材料，还有不清楚的地方，可以会后来找我下载电子版。",
        "今天的分享就到这里，谢谢大家。",
        "Thank you very much, and a happy new year to all of you!",
        "下一篇文章怎么写，笔就在我们手里。去年的卷子答完了，分数大家都看到了。",
        "下载区在二楼东侧，电子书可以免费下载，不会用的老人请找志愿者。",
        "推荐阅读的书单贴在大厅，喜欢哪本，就到服务台登记，借期三十天。",
        "我的电话是镇政府总机转八号，白天黑夜都有人接。",
        "时间：早上五点半，误一分钟罚跑一圈。",
        "点赞容易，点灯难；请大家做一个点灯的人。",
        "来源清楚，去向明白，账目公开，这是底线。",
        "全文通过，没有异议。",
        "网络安全为人民，网络安全靠人民",
        "版面有限，名单就不一一念了。",
        "文末引用一句老话：人心齐，泰山移。",
        "演讲能够交流思想，也能够点亮人心。",
        "护林这篇文章，要写在山上。",
        "讲话归讲话，干活归干活。",
        "下载不下载无所谓，学不学才要紧。",
        "有人在网站上留言问我，路到底什么时候修？",
        "扫一扫门前的雪，也扫一扫心里的灰。",
    ],
)
def test_more_of_what_speakers_say(own: str) -> None:
    assert text(read(page(paragraphs([*LONG, own])))) == [*LONG, own]
    assert text(read(page(paragraphs([*LONG[:2], own, *LONG[2:]])))) == [*LONG[:2], own, *LONG[2:]]


@pytest.mark.parametrize(
    "mark",
    ["秘书天地mishu.test", "(秘书天地 www.mishu.test 整理)", "[www.mishu.test]", "秘*书*天*地", "【秘书天地网】"],
)
def test_a_mark_put_into_sentences_goes(mark: str) -> None:
    def marked(line: str) -> str:
        at = line.index(",") + 1
        return line[:at] + mark + line[at:]

    lines = [marked(x) if k in (1, 2, 4) else x for k, x in enumerate(LONG)]
    assert text(read(page(paragraphs(lines)))) == LONG


@pytest.mark.parametrize(
    "mark", ["--清泉文库--", "第一站清泉文库", "[本文由清泉文库整理]", "※清泉文库※", "清泉文库,", "www.mishu.test"]
)
def test_a_name_put_into_every_paragraph_goes_with_its_surroundings(mark: str) -> None:
    inside = [x[:15] + mark + x[15:] if k else x for k, x in enumerate(LONG)]
    behind = [x + mark if k else x for k, x in enumerate(LONG)]
    assert text(read(page(paragraphs(inside)))) == LONG
    assert text(read(page(paragraphs(behind)))) == LONG


def test_an_address_that_the_speaker_names_stays() -> None:
    line = "大家可以登录林业局的官网www.linye.gov.cn查看,也可以拨打电话。"
    lines = [*LONG[:3], line, *LONG[3:]]
    assert text(read(page(paragraphs(lines)))) == lines


@pytest.mark.parametrize(
    "box",
    [
        "<h3>相关问答</h3><p>问:这类讲话稿多少字合适?</p><p>答:两千字左右。</p>",
        "<h4>FAQ</h4><p>Q:可以直接套用吗?</p><p>A:建议结合实际修改。</p><p>Q:能下载吗?</p><p>A:可以。</p>",
        "<p>问:这篇讲话稿能下载吗?</p><p>答:登录后可以。</p>",
    ],
)
def test_a_box_of_questions_behind_the_text_goes(box: str) -> None:
    assert text(read(page(paragraphs(LONG), below=f"<div>{box}</div>"))) == LONG
    assert text(read(page(paragraphs(LONG) + box))) == LONG


def test_questions_that_are_the_text_stay() -> None:
    talk = ["问:今年的造林任务怎么安排?", "答:" + FIRST_TEXT, "问:护林员的补贴什么时候发?", "答:" + SECOND_TEXT]
    lines = [LONG[0], OPENING, *talk]
    assert text(read(page(paragraphs(lines), "镇长在护林工作座谈会上的讲话"))) == lines


REMARK = "我在山里守了八年林子,这篇讲话写到我心坎上了,尤其是检查站那一段,读了两遍,打算明天念给队里的小伙子们听听,真希望领导都这样讲话。"


@pytest.mark.parametrize(
    "comment",
    [
        "<div class=c><b>山风{i}</b> 2021-0{i}-11</div><p>{text}</p>",
        "<li><span>老林</span><em>发表于 2020-3-{i} 10:2{i}</em><div>{text}</div><a href=#>回复</a></li>",
        "<div class=item><p>{i}楼 网友青松</p><p>{text}</p></div>",
        "<dl><dt>小陈</dt><dd>{i}天前</dd><dd>{text}</dd></dl>",
    ],
)
def test_comments_longer_than_the_speech_go(comment: str) -> None:
    below = "".join(comment.format(i=i, text=REMARK) for i in range(1, 9))
    result = read(page(paragraphs(LONG), below=f"<h4>网友评论</h4><div class=list>{below}</div>"))
    assert text(result) == LONG


def test_the_first_post_of_a_thread_is_no_comment() -> None:
    posts = "".join(
        f"<div class=post><p>{k}楼 青松 发表于 2020-3-{k} 10:20</p><div>好文章,收藏了。</div></div>"
        for k in range(2, 6)
    )
    first = f"<div class=post><p>1楼 秘书 发表于 2020-3-1 10:20</p><div>{paragraphs(LONG)}</div></div>"
    assert text(read(page(first + posts))) == LONG


BOXES = [
    "<div class=rec><h4>延伸阅读</h4><ul><li><a href=/a/5.html>在造林动员会上的讲话</a></li><li><a href=/a/6.html>场长新年致辞</a></li></ul></div>",
    "<div><b>猜你喜欢</b><p><a href=/a/5.html>在造林动员会上的讲话</a></p><p><a href=/a/6.html>场长新年致辞</a></p></div>",
    "<table><tr><td><a href=/ad/1>药材种植技术大全</a></td></tr><tr><td><a href=/ad/2>苗木批发价格</a></td></tr></table>",
]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("at", [1, 2, 3, 5])
def test_a_box_of_links_inside_the_text_does_not_end_it(box: str, at: int) -> None:
    assert text(read(page(paragraphs(LONG[:at]) + box + paragraphs(LONG[at:])))) == LONG


@pytest.mark.parametrize(
    "caption",
    [
        "<p>会议现场。记者 赵青 摄</p>",
        "<p>图为与会人员步入会场。</p>",
        "<figure><img src=1.jpg><figcaption>代表们在苗圃参观</figcaption></figure>",
        "<p class=pic-caption>场长在讲话</p>",
        "<div>摄影:孙小林</div>",
    ],
)
def test_captions_are_no_text(caption: str) -> None:
    assert text(read(page(paragraphs(LONG[:2]) + caption + paragraphs(LONG[2:])))) == LONG


def test_a_name_alone_below_the_date_is_the_speakers() -> None:
    assert text(read(page(paragraphs(["(2019年4月10日)", "赵青林", *LONG])))) == LONG
    body = ["(2019年4月10日)", "朋友们", *LONG[1:]]
    assert "朋友们" in text(read(page(paragraphs(body))))


@pytest.mark.parametrize("title", ["月度归档:2019年4月", "2019年4月的文章", "开通VIP 海量讲话稿免费看"])
def test_archives_and_offers_are_no_speeches(title: str) -> None:
    assert read(page(f"<h2><a href=/a/3.html>{TITLE}</a></h2>" + paragraphs(LONG), title)).fate in ("list", "other")


# -- layouts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["<p>{}</p>", "<div>{}</div>", "<span>{}</span><br>", "<table><tr><td>{}</td></tr></table>"]
)
@pytest.mark.parametrize("depth", [230, 280, 600])
def test_paragraphs_stay_apart_however_deep(depth: int, line: str) -> None:
    body = "<div>" * depth + "".join(line.format(x) for x in LONG) + "</div>" * depth
    result = read(page(body))
    assert text(result) == LONG
    assert "flattened" in result.speeches[0]["quality_flags"]


@pytest.mark.parametrize(
    "field", ["<textarea readonly>{}</textarea>", "<form><textarea rows=30 cols=90>\n{}</textarea></form>"]
)
def test_a_text_in_a_field_is_read(field: str) -> None:
    assert text(read(page(field.format("\n".join(LONG))))) == LONG
    assert text(read(page(field.format(html.escape(paragraphs(LONG)))))) == LONG


def test_a_field_to_copy_from_is_not_read_twice() -> None:
    field = "<textarea>" + "\n".join(LONG) + "</textarea>"
    assert text(read(page(paragraphs(LONG), below=field))) == LONG
    assert text(read(page(paragraphs(LONG), above=field))) == LONG


SHORT = ["各位来宾:", "山路难走,大家能来,我很高兴。", "话不多说,请举杯,干杯!"]


@pytest.mark.parametrize("slot", ["<div class=content>{}</div>", "<div><div>{}</div></div>", "<td class=x1>{}</td>"])
def test_a_short_speech_beside_long_lists(slot: str) -> None:
    teasers = "".join(
        f"<li><a href=/a/{i}.html>在第{i}次护林工作会议上的讲话</a><p>同志们:今天的会议主要讲第{i}件事,请大家认真听……</p></li>"
        for i in range(20)
    )
    result = read(
        page(slot.format(paragraphs(SHORT)), "场长在林场聚餐会上的致辞", below=f"<h3>更多讲话</h3><ul>{teasers}</ul>")
    )
    assert result.fate == "speech", result.why
    assert text(result) == SHORT


BARE = [
    ("老场长退休感言", ["三十八年,弹指一挥间。今天交出钥匙,心里空落落的。", "林子交给你们了,要像看孩子一样看好它。"]),
    ("护林队长临别讲话", ["我嘴笨,只说一句:山在,人就在。", "大家多保重。"]),
    ("新队员宣誓词", ["我宣誓:服从命令,坚守岗位,不怕艰险,用脚步丈量每一座山头,用双眼守住每一片林子。"]),
    ("在表彰会上的讲话", ["祝贺受表彰的四十名同志,名单刚才已经念过。希望继续努力,不要骄傲。"]),
]


@pytest.mark.parametrize(("title", "lines"), BARE)
def test_a_short_speech_without_a_form_of_address(title: str, lines: list[str]) -> None:
    links = "".join(f"<li><a href=/a/{i}.html>在第{i}次护林工作会议上的讲话</a></li>" for i in range(12))
    body = f"<div class=content>{paragraphs(lines)}</div>"
    assert text(read(page(body, title))) == lines
    assert text(read(page(body, title, below=f"<h3>相关</h3><ul>{links}</ul>"))) == lines


def test_replies_of_a_thread_are_no_speech() -> None:
    lines = [
        "3楼 小草:您急用吗,我这里有一份,发到邮箱里了。",
        "4楼 海风:同求,我下周要在大会上发言。",
        "5楼 青松:自己写最打动人。",
    ]
    assert read(page(paragraphs(lines), "护林大会讲话")).fate not in ("speech", "preview")


VIEWED = ["同志们:", OPENING * 2, FIRST_TEXT + SECOND_TEXT, SECOND_TEXT * 2, CLOSING]


@pytest.mark.parametrize(
    ("line", "indent"),
    [
        ("<p>{}</p>", "\u3000\u3000"),
        ("<p>{}</p>", ""),
        ("<div class='t m0 y{n}' style='top:{n}px'>{}</div>", "&nbsp;&nbsp;&nbsp;&nbsp;"),
        ("<div class=line><span>{}</span></div>", ""),
    ],
)
def test_lines_of_a_viewer_in_an_element_each_are_paragraphs_again(line: str, indent: str) -> None:
    rows = []
    for text_ in VIEWED:
        rest = "--" + text_ if indent else text_
        rows += [rest[k : k + 29].replace("--", indent) for k in range(0, len(rest), 29)]
    body = "".join(line.format(row, n=n) for n, row in enumerate(rows))
    assert text(read(page(body))) == VIEWED


def test_headings_of_one_length_between_whole_paragraphs_stay_apart() -> None:
    lines = [LONG[0], OPENING]
    for head in ("一、全面联防联控,齐心协力守护全镇每一片山林", "二、认清严峻形势,提高认识,层层压实各级责任", "三、强化监督检查,坚决查处失职渎职各类行为",
                 "四、做好宣传发动,让护林的道理走进千家万户", "五、备足物资装备,把队伍练成一支过硬的队伍"):  # fmt: skip
        lines += [head, FIRST_TEXT + SECOND_TEXT.replace("两次", head[3:5])]
    assert text(read(page(paragraphs([*lines, CLOSING])))) == [*lines, CLOSING]


def test_short_paragraphs_without_an_end_stay_apart() -> None:
    lines = [
        "同志们:",
        OPENING,
        *(f"{n}号检查站的值班员工{n}同志和他的三位搭档" for n in range(1, 9)),
        FIRST_TEXT,
        CLOSING,
    ]
    assert text(read(page(paragraphs(lines)))) == lines


RIGHTS = (
    "本网站所载的文稿、图片等资料均来源于合作机构和网友提供,仅供用户学习参考之用,任何商业用途均须联系原作者。如产生任何版权纠纷,请权利人"
    "持身份证明、权属证明及侵权情况说明与我们联系,我们将在收到通知后的七个工作日内予以处理。本声明自发布之日起生效,最终解释权归网站运营团队所有。"
)


def test_a_long_notice_of_rights_is_no_text() -> None:
    assert text(read(page(paragraphs(LONG), below=f"<div>{paragraphs([RIGHTS, RIGHTS])}</div>"))) == LONG
    assert text(read(page(paragraphs([*LONG, RIGHTS])))) == LONG
    own = "本平台由市林业局主办,群众的意见都能看到,版权保护的事情也有专人负责。同志们," + "平台建好了要用起来。" * 20
    assert text(read(page(paragraphs([*LONG[:3], own, *LONG[3:]])))) == [*LONG[:3], own, *LONG[3:]]


def test_what_a_user_signs_his_posts_with_is_no_text() -> None:
    sign = "<div class=sign>再小的努力,坚持下去都很可观。坚持读书,坚持走路,做一个有温度的人。</div>"
    assert text(read(page(paragraphs(LONG), below=sign))) == LONG


def test_an_offer_in_a_card_above_the_text_does_not_cut_it() -> None:
    card = (
        "<div class=name>护林讲话.docx</div><p>这份文档结构完整,语言生动,可直接下载编辑使用,支持各种办公软件打开。</p>"
        "<a class=btn>￥5.00 立即购买</a> <a class=btn>VIP免费下载</a>"
    )
    result = read(page(paragraphs(LONG), above=f"<div class=card>{card}</div>"))
    assert (text(result), result.fate) == (LONG, "speech")


def test_teasers_written_like_paragraphs_behind_a_label_go_where_the_speech_has_closed() -> None:
    whole = [*LONG, "我就讲这些,谢谢大家。"]
    more = [
        "拓展:在全市招商大会上的讲话",
        "同志们,今天的大会主要任务是总结上半年的招商工作,安排下一阶段的重点任务,动员全市上下……",
    ]
    result = read(page(paragraphs([*whole, *more])))
    assert (text(result), result.fate) == (whole, "speech")
    parts = [*whole, more[0], *[x.replace("护林", "护渠") for x in whole]]
    assert "护渠" in read(page(paragraphs(parts))).speeches[-1]["text"]


NOTICES = [
    "本站提醒广大用户:凡以本站名义进行代写、收费等活动的,均系诈骗行为,请提高警惕,如有发现请立即报案。",
    "会员服务说明:注册会员每日可免费浏览文稿五十篇,高级会员不限篇数,终身会员享有文稿定制七折优惠。",
    "假期值班时间为每天上午九点到下午五点,充值不到账的请留言,节后统一处理,给您带来的不便敬请谅解。",
    "来稿须为作者原创,字数以一千至三千字为宜,请注明作者姓名、单位、联系方式,采用后支付稿酬。",
]


@pytest.mark.parametrize("heading", ["<h1>{}</h1>", "<div class=bt>{}</div>"])
def test_notices_of_the_site_above_the_title_are_no_text(heading: str) -> None:
    body = f"<div class=top>{paragraphs(NOTICES)}</div><div>{heading.format(TITLE)}<div class=t>{paragraphs(LONG)}</div></div>"
    result = read(f"<html><head><meta charset=utf-8><title>{TITLE}</title></head><body>{body}</body></html>".encode())
    assert (text(result), result.fate) == (LONG, "speech")


@pytest.mark.parametrize(
    "glued",
    [
        "文章出自树林文库,转载请保留此链接!http://www.shulin.test/a/1.html。",
        "(转载请注明出处)",
        "(责任编辑:小林)",
        "[来源:林业报]",
    ],
)
def test_what_is_glued_to_the_last_paragraph_goes(glued: str) -> None:
    assert text(read(page(paragraphs([*LONG[:-1], LONG[-1] + glued]), site="树林文库"))) == LONG


@pytest.mark.parametrize(
    "caption",
    [
        "<p align=center><img src=a.jpg></p><p align=center>护林员在北坡巡山</p>",
        "<p><img src=a.jpg></p><p>▲护林员在北坡巡山</p>",
        "<div style='text-align:center'><img src=a.jpg><br>护林员在北坡巡山</div>",
    ],
)
def test_a_line_right_below_a_picture_is_its_caption(caption: str) -> None:
    assert text(read(page(paragraphs(LONG[:3]) + caption + paragraphs(LONG[3:])))) == LONG
    centred = "<p><img src=a.jpg></p><p>一、看清形势</p>"
    assert "一、看清形势" in text(read(page(paragraphs(LONG[:2]) + centred + paragraphs(LONG[2:]))))


def test_numbers_in_an_element_of_their_own_belong_to_what_stands_beside() -> None:
    rows = "".join(f"<div class=row><div class=no>{n}、</div><div>{x}</div></div>" for n, x in enumerate(LONG[2:5], 1))
    body = paragraphs(LONG[:2]) + rows + paragraphs(LONG[5:])
    assert text(read(page(body))) == [*LONG[:2], *(f"{n}、{x}" for n, x in enumerate(LONG[2:5], 1)), *LONG[5:]]


def test_a_banner_of_an_app_and_buttons_between_the_paragraphs_are_no_text() -> None:
    banner = "<div class=bar>在APP中打开，获得更好的阅读体验 <button>去打开</button></div>"
    assert text(read(page(paragraphs(LONG[:3]) + banner + paragraphs(LONG[3:])))) == LONG


def linked(n: int) -> str:
    return "".join(f"<li><a href=/a/{k}.html>在全县第{k}次招商大会上的讲话</a></li>" for k in range(n))


def test_a_form_of_address_below_a_linked_advert_is_no_teaser() -> None:
    teaser = "同志们,今天的大会主要任务是总结上半年的工作,分析形势,安排下一阶段的任务,动员全县上下……"
    side = "".join(f"<div><a href=/b/{k}>在全市第{k}次工作会议上的讲话</a><p>{teaser}</p></div>" for k in range(4))
    advert = "<div><a href=http://advert.test/1>点击免费领取写作素材大礼包</a></div>"
    lines = "".join(f"<div>{x}</div>" for x in LONG)
    body = f"<table><tr><td>{side}<ul>{linked(8)}</ul></td><td><b>{TITLE}</b></td></tr><tr><td>{advert}{lines}</td></tr></table>"
    assert (
        text(read(f"<html><head><meta charset=utf-8><title>{TITLE}</title></head><body>{body}</body></html>".encode()))
        == LONG
    )


def test_a_short_speech_is_believed_where_nothing_else_is_as_long() -> None:
    notice = "<div>全新改版上线,海量文稿,欢迎新老朋友体验,并提出宝贵意见!</div>"
    above = f"<div>{TITLE}</div><div>发布日期:2018年5月3日</div><p>下面是一篇讲话稿,欢迎阅读参考。</p>"
    body = f"{notice}<div><a href=/>首页</a> <a href=/a>讲话</a></div><div>{above}<div>{'<br>'.join(LONG)}</div></div>"
    found = read(
        f"<html><head><meta charset=utf-8><title>{TITLE}_讲稿</title></head><body>{body}</body></html>".encode()
    )
    assert text(found) == LONG


def test_a_text_in_wrappers_goes_on_behind_a_line_of_the_site() -> None:
    rows = [
        f"<section><p>{x}</p></section>" for x in [*LONG[:4], "推荐阅读：<a href=/x>在全县大会上的讲话</a>", *LONG[4:]]
    ]
    assert text(read(page("".join(rows)))) == LONG


def test_headings_without_an_end_part_where_indents_alone_part_paragraphs() -> None:
    for blank in ("\u3000\u3000", "&nbsp;&nbsp;&nbsp;&nbsp;"):
        assert text(read(page(blank + blank.join(SPEECH)))) == SPEECH


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


def test_a_line_of_the_site_below_lines_of_a_viewer_is_not_joined_to_them() -> None:
    rows = []
    for text_ in [*VIEWED[:3], CLOSING[: 2 * 29 - 2].rstrip("。,") + "。"]:
        rest = "\u3000\u3000" + text_
        rows += [f"<div class=ln>{rest[k : k + 29]}</div>" for k in range(0, len(rest), 29)]
    below = "<p>感谢阅读,如果喜欢请收藏本站,我们会持续更新!</p>"
    assert "感谢阅读" not in read(page("".join(rows) + below)).speeches[0]["text"]


def test_titles_of_other_texts_without_links_are_no_text() -> None:
    other = [f"{n}. 在全县第{n}次招商大会上的讲话" for n in range(1, 6)]
    assert text(read(page(paragraphs([*LONG, "相关文章：", *other])))) == LONG


FRAME = "<div class=hot>本站热文</div><div>{when}</div><div class=t>{body}</div>{more}"


def read_two(
    first: list[str], second: list[str], more: str = "", when: str = "5月3日 · 3分钟阅读", pager: str = ""
) -> ArticleResult:
    pages = []
    for n, lines in enumerate([first, second], 1):
        body = FRAME.format(when=when, body=paragraphs(lines) + pager, more=more)
        url = f"http://www.shulin.test/a/1{'' if n == 1 else '_2'}.html"
        pages.append(PageInput(url, page(body, above=""), "text/html", n))
    return read_article(pages, SITE)


def test_the_tail_of_one_page_does_not_end_the_next_one() -> None:
    bio = "老周从事文字工作二十年,著有散文集三部,作品散见各地报刊,曾获得全市征文一等奖,现居住在本市,闲时种菜养花。"
    assert text(read_two([*LONG[:5], "责任编辑:小林", bio], LONG[5:])) == LONG


def test_a_short_first_page_is_no_page_to_log_in() -> None:
    login = "<form>用户名<input>密码<input><button>登录</button> <a href=/reg>注册</a> 请登录后查看</form>"
    short = [LONG[0], "大家上午好!"]
    assert text(read_two(short, LONG[1:], login)) == [*short, *LONG[1:]]


def test_what_stands_on_each_page_of_an_article_is_the_templates() -> None:
    more = "<p>1. 在全县第1次招商大会上的讲话</p><p>2. 在全县第2次招商大会上的讲话</p>"
    assert text(read_two(LONG[:3], LONG[3:], more)) == LONG


def test_a_form_of_address_above_one_long_paragraph_is_kept() -> None:
    rows = "".join(
        f"<section><p>{x}</p></section>"
        for x in (LONG[0], FIRST_TEXT + SECOND_TEXT + FIRST_TEXT.replace("上半年", "去年"))
    )
    found = read(page(rows))
    assert text(found)[0] == LONG[0]


def test_hours_of_a_hotline_are_no_time_of_a_comment() -> None:
    hotline = "<div>客服热线:400-123-4567 工作时间:9:00-18:00</div>"
    post = "<div class=authi>发表于 2018-5-{} 10:20</div><div class=t>{}</div>"
    body = hotline + f"<h1>{TITLE}</h1>" + post.format(3, paragraphs(LONG[2:])) + post.format(4, "写得好,学习了。")
    raw = f"<html><head><meta charset=utf-8><title>{TITLE}</title></head><body>{body}</body></html>"
    assert CLOSING in read(raw.encode()).speeches[0]["text"]


# -- not speeches ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        (
            "护林员发言稿(文体)",
            [
                "发言稿是指参加会议者为了在会议上表达意见而事先准备好的文稿。",
                "发言稿一般由标题、称谓、正文三部分组成。",
                "格式:标题居中,称谓顶格,正文分段。",
            ],
        ),
        (
            "场长讲话",
            [
                "提问者:山里人 悬赏10分",
                "过几天要开护林大会,轮到我上台讲几句,一点思路都没有,怎么办。",
                "最佳答案:先感谢领导,再讲一讲平时巡山的体会,最后表个决心就行,不用太长。",
            ],
        ),
        (
            "在护林大会上的讲话",
            [
                "文件大小:24KB",
                "文件类型:docx",
                "下载地址:本地下载 网盘下载",
                "解压说明:密码为本站域名,推荐使用最新版的压缩软件来解压。",
            ],
        ),
        (
            "求一篇护林大会讲话",
            ["下周要开会,领导让我准备一篇讲话,两千字左右,有现成的朋友发一份给我,先谢过了,好人一生平安。"],
        ),
        (
            "难忘的一次发言(初二作文)",
            [
                "那天早上我走上讲台,心怦怦直跳,台下黑压压的一片,我张了张嘴,却一个字也说不出来。",
                "后来老师对我笑了笑,我忽然就不怕了,把准备了一个星期的话一口气说完了。",
            ],
        ),
    ],
)
def test_what_only_looks_like_a_speech(title: str, lines: list[str]) -> None:
    result = read(page(paragraphs(lines), title))
    assert result.fate not in ("speech", "preview"), result.why


def test_a_list_without_text_is_a_list() -> None:
    links = "".join(
        f"<li><a href=/a/{i}.html>在第{i}次护林工作会议上的讲话</a> 2020-01-1{i % 10}</li>" for i in range(20)
    )
    assert read(page(f"<ul>{links}</ul>", "领导讲话")).fate == "list"


def test_a_spun_definition_before_a_real_speech_does_no_harm() -> None:
    intro = "讲话稿是指为在会议上讲话而准备的文稿,下面是我为大家收集的讲话,希望大家喜欢。"
    assert text(read(page(paragraphs([intro, *LONG]), TITLE))) == LONG


def test_a_box_of_teasers_inside_a_text_is_cut_and_a_page_of_them_is_no_speech() -> None:
    """Told by its place: two items, each a linked title and a teaser in an element of their own."""
    item = '<li><a href="/d/{n}.html">在第{n}届林业会议上的讲话</a><p>各位林农,山上的事要一件一件做,先从这条小路说起……</p></li>'
    box = f"<div class='x1'>推荐:<ul>{item.format(n=3)}{item.format(n=4)}</ul></div>"
    half = len(SPEECH) // 2
    inner = paragraphs(SPEECH[:half]) + box + paragraphs(SPEECH[half:])
    result = read_article([PageInput("http://a.example/1.html", page(inner))], SITE)
    assert [r["text"].split("\n") for r in result.speeches] == [SPEECH]
    assert read_article([PageInput("http://a.example/l.html", page(box, "讲话"))], SITE).fate in ("list", "empty")


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


def test_hidden_words_below_any_depth_are_no_text() -> None:
    lines = [SPEECH[0], SPEECH[1].replace("主要任务", "<i style='display:none'>清泉整理</i>主要任务"), *SPEECH[2:]]
    result = read(page("<div>" * 300 + paragraphs(lines) + "</div>" * 300))
    assert text(result) == SPEECH


def test_a_text_goes_on_beyond_a_box_whose_head_is_written_like_its_paragraphs() -> None:
    items = "".join(
        f'<li><a href="/d/{n}.html">在第{n}届林业大会上的讲话</a><p>山上的事要一件一件做……</p></li>' for n in (3, 4)
    )
    lines = [f"<div>{x}</div>" for x in SPEECH]
    result = read(page("".join([*lines[:3], f"<div>相关推荐:<ul>{items}</ul></div>", *lines[3:]])))
    assert text(result) == SPEECH


@pytest.mark.parametrize(
    "own",
    [
        "最后，请大家登录学习平台，把剩余课程看完。",
        "第4页的表格，请同志们翻到后面自己看完整。",
        "山上来的游客多了，剩下的路要一段一段看过去。",
        "点评：刚才三个村的做法都值得一学。",
    ],
)
def test_words_of_gates_in_a_speech_are_no_marker(own: str) -> None:
    result = read(page(paragraphs([*LONG[:5], own, LONG[5]])))
    assert result.fate == "speech"
    assert text(result) == [*LONG[:5], own, LONG[5]]


def test_headings_with_keywords_are_text() -> None:
    own = [*LONG[:2], "【关键词：快】", LONG[2], "【关键词：准】", LONG[3], "【关键词：实】", *LONG[4:]]
    assert text(read(page(paragraphs(own)))) == own
    assert text(read(page(paragraphs([*LONG, "【关键词：护林】"])))) == LONG


def test_a_page_with_a_player_instead_of_a_text_holds_none() -> None:
    said = ["视频加载中，请稍候…", "点击播放", "您的浏览器不支持该视频格式，请升级浏览器。", "时长：05:32"]
    assert read(page(paragraphs(said), "视频：镇长新年致辞")).fate == "empty"


def test_a_text_in_wrappers_goes_on_beyond_page_marks_in_both_directions() -> None:
    def wrapped(lines: list[str]) -> str:
        return "".join(f'<div class="w"><div>{x}</div></div>' for x in lines)

    inner = wrapped(SPEECH[:3]) + "<div class=n>1/2</div>" + wrapped(SPEECH[3:])
    assert text(read(page(inner))) == SPEECH
    lines = [SPEECH[0], "我只讲两点。", SPEECH[2]]
    inner = wrapped(lines) + "<div class=n>1/2</div>" + wrapped(SPEECH[3:])
    assert text(read(page(inner))) == [*lines, *SPEECH[3:]]


@pytest.mark.parametrize("left", ["[NextPage]", "#p#分页标题#e#", "{page}"])
def test_page_breaks_of_an_editor_are_no_text(left: str) -> None:
    assert text(read(page(paragraphs([*LONG[:3], left, *LONG[3:]])))) == LONG


def test_a_word_of_criticism_behind_each_part_goes() -> None:
    said = "点评:这篇讲话语言朴实,值得借鉴。"
    result = read(page(paragraphs(["篇一", *LONG, said, "篇二", *OTHER, said]), "护林讲话2篇"))
    assert [s["text"].split("\n") for s in result.speeches] == [LONG, OTHER]


def test_a_page_mark_does_not_join_a_heading_to_the_address_below() -> None:
    heads = ["（一）镇长在全镇秋季护林防火工作动员部署会议上的讲话", "（二）校长在全镇中小学秋季开学暨表彰典礼上的致辞"]
    lines = [heads[0], "- 1 -", *SPEECH, heads[1], "- 2 -", *OTHER]
    result = read(page(paragraphs(lines), "领导讲话2篇"))
    assert [s["text"].split("\n") for s in result.speeches] == [SPEECH, OTHER]


@pytest.mark.parametrize("label", ["摘要:", "【内容摘要】", "导读:", "核心提示: ", ""])
@pytest.mark.parametrize("signed", [True, False])
def test_an_abstract_that_copies_the_first_words_is_cut_though_the_speaker_speaks_in_it(
    label: str, signed: bool
) -> None:
    spoken = ["大家好!", "感谢大家冒着大雨来到这里,我心里特别踏实。借此机会,我谈几点感受。", *SPEECH[2:]]
    abstract = label + "".join(spoken)[:90] + "…"
    result = read(page(paragraphs([abstract, *(["护林办主任 林长青"] if signed else []), *spoken])))
    assert text(result) == spoken


@pytest.mark.parametrize(
    "first", ["概述:大家都知道,我们这片林子有三百年了,护好它是我们这一代人的本分,我今天先讲三句话。"]
)
def test_a_labelled_first_paragraph_that_stands_nowhere_else_stays(first: str) -> None:
    lines = [first, *SPEECH[2:]]
    assert text(read(page(paragraphs(lines)))) == lines


def test_the_day_and_the_speaker_under_the_title_are_told_and_are_no_text() -> None:
    for above in (["2023年3月8日"], ["镇长 何亦凡", "2023年3月8日"], ["二〇二三年三月八日"]):
        result = read(page(paragraphs([*above, *LONG])))
        row = result.speeches[0]
        assert text(result) == LONG
        assert (row["event_date"], row["published_at"]) == (date(2023, 3, 8), None)
        assert row["speaker_name"] == ("何亦凡" if len(above) > 1 else None)


def test_the_day_of_the_page_is_not_that_of_the_speech() -> None:
    result = read(page(paragraphs(LONG), above="<p class=info>2023年3月8日</p>"))
    assert result.speeches[0]["event_date"] is None
    assert result.speeches[0]["published_at"].date() == date(2023, 3, 8)


def test_a_line_that_leads_from_one_part_to_the_next_is_no_text() -> None:
    lines = ["护林讲话稿一", *LONG, "看完第一篇，再来读读下面这一篇吧。", "护林讲话稿二", *OTHER]
    result = read(page(paragraphs(lines), "护林讲话稿两篇"))
    assert [r["text"].split("\n") for r in result.speeches] == [LONG, OTHER]


def test_the_same_title_above_each_part_parts_them() -> None:
    lines = [TITLE, *LONG, TITLE, *OTHER, TITLE, *SPEECH]
    result = read(page(paragraphs(lines)))
    assert [r["text"].split("\n") for r in result.speeches] == [LONG, OTHER, SPEECH]


def test_bare_numbers_that_head_sections_are_text_and_page_marks_are_none() -> None:
    lines = [LONG[0], "01", OPENING, FIRST_TEXT, "02", LONG[3], "03", SECOND_TEXT, CLOSING]
    assert text(read(page(paragraphs(lines)))) == lines
    bare = [LONG[0], "1", OPENING, FIRST_TEXT, "2", LONG[3], "3", SECOND_TEXT, CLOSING]
    assert text(read(page(paragraphs(bare)))) == bare
    marked = [*LONG[:3], "1", *LONG[3:5], "2", LONG[5]]
    assert text(read(page(paragraphs(marked)))) == LONG
    parts = read(page(paragraphs(["01", *LONG, "02", *OTHER]), "护林讲话稿两篇"))
    assert [r["part_title"] for r in parts.speeches] == ["01", "02"]


def test_the_second_post_of_a_short_thread_is_no_text() -> None:
    posts = f"<div class=t_f>{'<br>'.join(LONG)}</div><div class=sign>人生如茶</div><div class=authi>沙发 发表于 2016-6-6 07:00:00</div>"
    assert text(read(page(posts + "<div class=t_f>支持镇长，说得实在</div>"))) == LONG


def test_a_byline_with_the_number_of_characters_above_the_text_is_no_text() -> None:
    above = "<div><time>2020.05.03 14:20:33</time><span>字数 1,234</span><span>阅读 567</span></div>"
    result = read(page(above + paragraphs(LONG)))
    assert text(result) == LONG


def test_two_titles_above_forms_of_address_part_two_speeches() -> None:
    lines = ["护林讲话", *LONG[:-1], "开学致辞", *OTHER]
    result = read(page(paragraphs(lines), "护林讲话与开学致辞"))
    assert [r["part_title"] for r in result.speeches] == ["护林讲话", "开学致辞"]


def test_a_guide_behind_the_speech_and_a_box_between_parts_are_no_text() -> None:
    behind = ["【写作提示】", "护林讲话要真诚，不宜过长，三分钟以内为好。"]
    assert text(read(page(paragraphs([*LONG, *behind])))) == LONG
    box = "<p>【推荐阅读】<a href=/1>村干部讲话</a> | <a href=/2>修路讲话</a></p>"
    parts = paragraphs(["篇一", *LONG]) + box + paragraphs(["篇二", *OTHER])
    assert [r["text"].split("\n") for r in read(page(parts, "护林讲话稿2篇")).speeches] == [LONG, OTHER]


def test_where_and_when_a_speech_was_held_is_told_and_is_no_text() -> None:
    above = ["时间：2022年5月12日", "地点：林业站五楼会议室", "讲话人：镇长 周慧"]
    result = read(page(paragraphs([*above, *LONG])))
    row = result.speeches[0]
    assert text(result) == LONG
    assert (row["event_date"], row["speaker_name"], row["published_at"]) == (date(2022, 5, 12), "周慧", None)
    assert text(read(page(paragraphs(["文/周慧", *LONG])))) == LONG


def test_a_subtitle_under_dashes_says_who_speaks_where() -> None:
    row = read(page(paragraphs(["——镇长周慧在护林大会上的讲话", *LONG]), "守住青山")).speeches[0]
    assert (row["speaker_role"], row["speaker_name"], row["occasion"]) == ("镇长", "周慧", "护林大会")
    assert row["text"].split("\n") == LONG


def test_a_short_preview_before_a_login_is_no_page_to_log_in() -> None:
    short = ["战友们：", "明天天一亮，你们就要脱下军装回家了，今晚再好好看它一眼。"]
    assert read(page(paragraphs([*short, "此处为会员内容，请登录"]), "退伍欢送讲话")).fate == "preview"


@pytest.mark.parametrize(
    "first",
    [
        "大家都写过演讲稿吧？我写了十二稿，最后全撕了。",
        "你知道怎么写一份让老百姓看得懂的通知吗？我教你三招。",
        "下面这个故事，是我从网上看来的，真假不论，道理是真的。",
        "今天给大家带来的不是讲稿，是一袋土。",
        "我收集了三十七条意见，整理成五个方面，现在向大家汇报。",
    ],
)
def test_a_speaker_who_begins_like_an_editor_is_no_editor(first: str) -> None:
    assert text(read(page(paragraphs([first, *LONG[1:]])))) == [first, *LONG[1:]]


def test_a_list_with_one_item_is_a_list() -> None:
    side = "".join(f"<li><a href=/b/{n}.html>在第{n}次林场职工大会上的讲话</a></li>" for n in range(6))
    item = f"<li><h2><a href=/a/9.html>{TITLE}</a></h2><p>{OPENING}{FIRST_TEXT}...</p><time>2024-12-24</time></li>"
    result = read(page(f"<ul class=cards>{item}</ul>", TITLE, below=f"<div class=side><ul>{side}</ul></div>"))
    assert (result.fate, result.speeches) == ("list", [])


def test_a_title_in_two_lines_hides_no_speaker_and_an_end_mark_is_no_text() -> None:
    html_ = f"<h1>镇长在全镇护林<br>工作会议上的讲话</h1><p>镇长 周慧</p><p>（2023年6月5日，根据录音整理）</p>{paragraphs([*LONG, '■', '【完】'])}"
    result = read(f"<html><head><title>{TITLE}-清泉文库</title></head><body>{html_}</body></html>".encode())
    row = result.speeches[0]
    assert text(result) == LONG
    assert (row["title"], row["speaker_name"], row["event_date"]) == (TITLE, "周慧", date(2023, 6, 5))


def test_where_who_speaks_is_from_stands_before_the_name() -> None:
    row = read(page(paragraphs(["石板沟村 石大山", *LONG]), "在护林大会上的发言")).speeches[0]
    assert (row["speaker_name"], row["text"].split("\n")) == ("石大山", LONG)
