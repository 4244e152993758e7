"""What stands around and inside a speech: the page's own words, comments, introductions, what only looks like a speech."""

from __future__ import annotations

from datetime import date

import pytest

from tests.crawler.extraction.pages import (
    CLOSING,
    FIRST_TEXT,
    LONG,
    OPENING,
    OTHER,
    SECOND_TEXT,
    SPEECH,
    TITLE,
    page,
    paragraphs,
    read,
    text,
)

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


def test_a_name_alone_below_the_date_is_the_speakers() -> None:
    assert text(read(page(paragraphs(["(2019年4月10日)", "赵青林", *LONG])))) == LONG
    body = ["(2019年4月10日)", "朋友们", *LONG[1:]]
    assert "朋友们" in text(read(page(paragraphs(body))))


@pytest.mark.parametrize("title", ["月度归档:2019年4月", "2019年4月的文章", "开通VIP 海量讲话稿免费看"])
def test_archives_and_offers_are_no_speeches(title: str) -> None:
    assert read(page(f"<h2><a href=/a/3.html>{TITLE}</a></h2>" + paragraphs(LONG), title)).fate in ("list", "other")


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


def test_headings_with_keywords_are_text() -> None:
    own = [*LONG[:2], "【关键词：快】", LONG[2], "【关键词：准】", LONG[3], "【关键词：实】", *LONG[4:]]
    assert text(read(page(paragraphs(own)))) == own
    assert text(read(page(paragraphs([*LONG, "【关键词：护林】"])))) == LONG


def test_a_word_of_criticism_behind_each_part_goes() -> None:
    said = "点评:这篇讲话语言朴实,值得借鉴。"
    result = read(page(paragraphs(["篇一", *LONG, said, "篇二", *OTHER, said]), "护林讲话2篇"))
    assert [s["text"].split("\n") for s in result.speeches] == [LONG, OTHER]


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


# -- the names of slots ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pic_txt", "imgtext", "photo-info", "caption", "sign", "user-sign"])
def test_the_place_of_a_whole_text_is_no_slot_whatever_it_is_called(name: str) -> None:
    lines = "<br>".join(f"　　{x}" for x in SPEECH)
    assert text(read(page(f"<div class={name}>{lines}</div>"))) == SPEECH
    assert text(read(page("".join(f"<p class={name}>{x}</p>" for x in SPEECH)))) == SPEECH
    beside = f"<div class={name}>护林员走上北坡</div>"
    assert text(read(page(paragraphs(SPEECH[:4]) + beside + paragraphs(SPEECH[4:])))) == SPEECH


def test_a_picture_above_a_centred_text_makes_no_caption_of_its_short_lines() -> None:
    lines = "<br>".join(SPEECH)
    assert text(read(page(f"<div align=center><img src=a.jpg><br>{lines}</div>"))) == SPEECH


# -- what only sounds like an editor's words -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "own",
    [
        "昨天网上有人留言,快来评论吧,镇里的护林员都睡着了。",
        "墙上贴着一行字:持续关注,及时报告。",
    ],
)
def test_the_speaker_who_goes_on_below_a_line_of_that_kind_is_heard_out(own: str) -> None:
    for k in (len(LONG) - 1, len(LONG) - 2):
        lines = [*LONG[:k], own, *LONG[k:]]
        assert text(read(page(paragraphs(lines)))) == lines


def test_an_editors_goodbye_with_a_wish_goes_all_the_same() -> None:
    lines = [*LONG, "以上就是护林讲话的全部内容。", "祝大家工作顺利!"]
    assert text(read(page(paragraphs(lines)))) == LONG


def test_a_subheading_like_the_title_does_not_begin_the_speech() -> None:
    lead = [
        "上个月我去了一趟北坡,看见新栽的松苗一排一排站得整整齐齐,护林员老周正蹲在地上给树根培土,裤腿上全是泥。",
        "坡上风大,说话要凑到耳朵边上才听得见,他却一个劲地往上走,要带人去看那棵去年雷劈了又活过来的老樟树。",
        "我问他一年下来走多少路,他伸出三个指头,说三千里只多不少,鞋子都是老伴用废轮胎底子给他纳的,结实。",
        "老樟树底下有个石头垒的小屋,四面透风,里头一张床,一口锅,墙上挂着十年来的巡山记录,一本挨着一本。",
        "下山的时候天已经黑透了,手电筒照着脚下的路,老周在前头走得飞快,回过头来喊了一句:这片林子比我儿子还亲,谁敢动它一根枝条,先问问我手里的这根棍子答应不答应。",
    ]
    rest = [
        f"{n}村那片林子也是这样看住的,山口有人守,坡上有人走,夜里有人值班,一年到头没有断过一天。"
        for n in "石柳桃杏梨枣榆槐"
    ]
    lines = [*lead, "全镇护林工作会议", *LONG[1:-1], *rest, LONG[-1]]
    assert text(read(page(paragraphs(lines)))) == lines
    short = ["(本站讯)下面是一篇在会议上的讲话,请各位细细读来。", TITLE, *LONG]
    assert text(read(page(paragraphs(short)))) == LONG
    assert text(read(page(paragraphs(["Saturday, 10:56 am", TITLE, *LONG])))) == LONG


def test_the_numbered_points_of_a_speaker_are_no_page_talk() -> None:
    points = [
        "1、在镇里的网站上报。打开浏览器搜索镇政府网站,点击首页的互动栏目,再点我要留言,输入用户名和联系电话就可以提交。",
        "2、在手机上报。关注镇里的公众号,点击下方的护林栏目,输入用户名和密码登录网站,把照片上传以后就可以浏览办理情况,还能联系到值班员。",
    ]
    lines = [*LONG[:3], "火情怎么报?我给大家说两条路:", *points]
    assert text(read(page(paragraphs(lines)))) == lines
    notice = "1、本站所有资源均来自网络,版权归原作者所有,如有侵权请联系站长删除,下载后请在二十四小时之内自觉删除。"
    assert text(read(page(paragraphs([*LONG, notice])))) == LONG


@pytest.mark.parametrize("led", ["点击阅读：", "延伸:", "【往期】:"])
def test_a_linked_title_behind_a_label_inside_a_text_goes(led: str) -> None:
    line = f"<p>{led}<a href=/a/7.html>全镇春季造林动员会主持词</a></p>"
    assert text(read(page(paragraphs(SPEECH[:4]) + line + paragraphs(SPEECH[4:])))) == SPEECH


def test_stage_directions_behind_the_thanks_stay() -> None:
    lines = [*LONG, "谢谢大家!", "[掌声]"]
    assert text(read(page(paragraphs(lines)))) == lines


@pytest.mark.parametrize(
    "own",
    [
        "台里的小编们都是年轻人,夜里两点还在改标题,我要替他们说一句公道话。",
        "我在镇里的公众号当过两年小编,知道一条消息从写到发要过几道关。",
    ],
)
def test_a_speaker_may_speak_of_editors(own: str) -> None:
    for k in (1, 3, len(LONG) - 1, len(LONG)):
        lines = [*LONG[:k], own, *LONG[k:]]
        assert text(read(page(paragraphs(lines)))) == lines
    for editor in ("今天小编们为大家精心准备了护林讲话。", "以上就是小编带来的全部内容。"):
        assert text(read(page(paragraphs([*LONG, editor])))) == LONG


@pytest.mark.parametrize("how", ["visibility: hidden; opacity: 0;", "display:none"])
def test_a_short_text_that_a_script_is_to_show_is_read(how: str) -> None:
    # a longer one is never taken for hidden
    body = f"<div style='{how}'>{paragraphs(OTHER)}</div><div>微信扫一扫 关注该公众号</div>"
    assert text(read(page(body, "校长在秋季开学典礼上的致辞"))) == OTHER
    noise = "<p style='display:none'>各位领导:本文来自清泉文库,未经许可不得转载。</p>"
    assert text(read(page(paragraphs(SPEECH[:3]) + noise + paragraphs(SPEECH[3:])))) == SPEECH


@pytest.mark.parametrize("glued", [TITLE, f"{TITLE}{TITLE}", f"{TITLE} "])
def test_a_title_glued_before_the_form_of_address_goes(glued: str) -> None:
    whole = "".join(SPEECH)
    assert text(read(page(f"<p>{glued}{whole}</p>"))) == [whole]
    own = f"{TITLE}精神要一条一条落实。{FIRST_TEXT}"
    assert text(read(page(paragraphs([own, *LONG[1:]])))) == [own, *LONG[1:]]


def test_titles_without_links_below_a_label_inside_a_text_go() -> None:
    box = "<div><p>你可能喜欢：</p><p>全镇春季造林动员会讲话</p><p>镇长在年终总结会上的致辞</p><p>护林员表彰会主持词</p></div>"
    assert text(read(page(paragraphs(SPEECH[:4]) + box + paragraphs(SPEECH[4:])))) == SPEECH


def test_who_signs_a_speech_and_the_day_stay_together() -> None:
    signed = [*LONG, "清泉镇人民政府", "2021年9月1日"]
    assert text(read(page(paragraphs(signed)))) == signed
    assert text(read(page("<br>".join(signed)))) == signed
    # a day that the page sets below a text is none of it
    assert text(read(page(paragraphs([*LONG, "2021年9月1日"])))) == LONG
    assert text(read(page(paragraphs(LONG), below="<div>清泉文库</div><div>2021年9月1日</div>"))) == LONG


@pytest.mark.parametrize(
    "line", ["推荐阅读：", "扫码关注公众号", "上一页 1 2 3 下一页", "声明：本文由会员上传", "你可能还喜欢"]
)
def test_a_short_close_behind_a_line_of_the_page_is_the_speakers(line: str) -> None:
    closed = [*LONG[:5], "祝大家工作顺利!谢谢大家。"]
    assert text(read(page(paragraphs(closed[:5]) + f"<div>{line}</div>" + paragraphs(closed[5:])))) == closed


@pytest.mark.parametrize("line", ["未完，请点击下一页", "（请见下页）"])
def test_lines_of_the_page_between_paragraphs_go_whole(line: str) -> None:
    for k in (2, 4, len(LONG) - 1):
        assert text(read(page(paragraphs(LONG[:k]) + f"<div>{line}</div>" + paragraphs(LONG[k:])))) == LONG
