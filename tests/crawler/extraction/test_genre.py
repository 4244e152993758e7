"""Speeches of unusual kinds stay in, and documents about, around and beside speeches stay out."""

from __future__ import annotations

import pytest

from crawler.extraction.classify import genre, judge

F = "我们要认真分析当前的形势,把修渠这件事一段一段抓实,谁家的地边谁家先出工,年底之前要见到水。"


@pytest.mark.parametrize(
    ("title", "paragraphs"),
    [
        ("2020年度述职报告", ["各位领导、同志们:", "现将一年来的工作报告如下,请予评议。", F]),
        ("修渠工作报告", ["各位代表:", "现在,我代表村委会报告工作,请予审议。", F]),
        ("表彰大会主持词", ["同志们,现在开会。", "第一项,请副镇长宣读表彰决定。第二项,请获奖代表发言。", "大会到此结束,散会。请代表们有序离场。"]),
        ("党课:一条渠的来历", [F, F]),
        ("在修渠动员会上的讲话要点", [f"一、认清形势。{F}", f"二、抓好落实。{F}"]),
        ("水从哪里来(演讲稿)", ["水从山上来,也从人的肩膀上来。", F]),
        ("校长在开学典礼上讲话", ["老师们、同学们:", F, "谢谢大家!"]),
        ("在传达会议精神大会上的讲话", ["同志们:", "会议强调,要抓好安全。会议指出,要防风险。会议要求,要落实。", "下面,我讲三点。", F]),
        ("县长出席修渠大会并讲话", ["同志们:", "今天我们开这个会。下面,我讲三点意见。", F, "谢谢大家!"]),
        ("修渠经验交流材料", ["各位领导、同志们:", f"下面我就本村的做法作一汇报。{F}", "谢谢大家!"]),
    ],
)  # fmt: skip
def test_speeches(title: str, paragraphs: list[str]) -> None:
    verdict = judge(title, paragraphs)
    assert verdict.fate == "speech", verdict


@pytest.mark.parametrize(
    ("title", "paragraphs"),
    [
        ("全镇修渠大会召开 镇长出席并讲话", ["3月10日,全镇修渠大会在礼堂举行。镇长钱有田出席并讲话。", "他说,水是命脉。他要求各村抓紧动工。", F]),
        ("把讲话精神落到渠上——三论修渠", ["本报评论员", F, F]),
        ("一次难忘的演讲比赛", ["轮到我上台了,我手心冒汗。", "我开口说道:“各位老师,大家好!谢谢大家!”台下顿时响起掌声。", F]),
        ("讲话内容摘要", ["本文主要介绍了修渠会议上的讲话要点。文章首先分析了形势。", F]),
        ("讲话稿(应用文体)", ["讲话稿是指领导者发表讲话所依据的文稿。", "讲话稿一般由标题、称谓、正文三部分组成。", F]),
        ("阅读下面的演讲稿,完成1~4题", ["同学们,水是一件宝贝。", "1.第①段运用了什么修辞手法?(3分)", F]),
        ("自荐信", ["尊敬的领导:", "您好!我是水利专业的应届毕业生,诚挚地向贵单位自荐。", "此致敬礼!"]),
        ("婚礼上父亲讲话怎么说?", ["提问者:老爸 悬赏20分", "最佳答案:不要紧张,先感谢来宾,再说一两件小时候的趣事,最后送上祝福。"]),
        ("赞助会员", ["各位朋友:", "本站费用不少,欢迎加入会员,可看全部文稿,每年仅需39元。", "扫码付款后请留言邮箱。谢谢大家!"]),
        ("求一篇镇长讲话", ["各位朋友,急求一篇讲话,三页纸左右,主要说修渠的事,写得朴素一点就好。", "谢谢大家!"]),
        ("在全镇修渠会议上的讲话", ["资源大小:34KB 资源格式:doc", "下载地址:本地下载 网盘下载", "解压密码为本站域名,请用最新的软件解压。"]),
        ("会议发言管理制度", ["第一条 为规范会议发言,制定本制度。", "第二条 发言不得超过八分钟。", "第三条 本制度自印发之日起施行。"]),
        ("专访:钱有田谈修渠", ["记者:渠什么时候通水?", "钱有田:今年年底之前一定通水,明年春天就能浇地。", "记者:钱从哪里来?", "钱有田:大家凑一点,上面补一点。"]),
    ],
)  # fmt: skip
def test_others(title: str, paragraphs: list[str]) -> None:
    verdict = judge(title, paragraphs)
    assert verdict.fate != "speech", verdict


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("在修渠大会上的讲话(节选)", "speech"),
        ("讲话稿:修渠", "speech"),
        ("讲话那天的雨", "mention"),
        ("在演讲比赛上的致辞", "speech"),
        ("讲话精神学习问答", "问答"),
    ],
)
def test_what_a_title_calls_it(title: str, kind: str) -> None:
    found = genre(title)
    assert found is not None
    assert found[0] == kind


def test_words_in_quotation_marks_are_not_the_speakers() -> None:
    quoted = judge("修渠那天", [f"他喊道:“同志们,我讲三点!谢谢大家!”{F}"])
    said = judge("修渠那天", [f"同志们,我讲三点!谢谢大家!{F}"])
    assert quoted.score < said.score
