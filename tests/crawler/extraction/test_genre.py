"""Speeches of unusual kinds stay in, and documents about, around and beside speeches stay out."""

from __future__ import annotations

import pytest

from crawler.extraction.classify import genre, judge
from tests.crawler.extraction.pages import page, paragraphs, read, text

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
        ("縣長參加修渠紀念會致詞", ["王鄉長、各位鄉親,大家早安:", F, "謝謝大家!"]),
        ("在客户答谢会上的致辞", ["尊敬的客户:", f"下午好!{F}", "谢谢大家!", "清泉水泵公司", "2020年5月6日"]),
        ("县长出席修渠大会并讲话", ["同志们:", "今天我们开这个会。下面,我讲三点意见。", F, "谢谢大家!"]),
        ("毕业论文答辩陈述", ["尊敬的各位老师:", "下午好!下面我向各位老师作简要汇报。", F]),
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
        ("父亲的讲话稿", ["那年村里让父亲在大会上讲几句。", "母亲笑他:“就你那点墨水?”", "他走上台,说:“同志们——”就停住了。", "他终于把稿纸折了起来。"]),
        ("国庆放假安排", ["尊敬的客户:", "国庆节将至,我司放假七天,放假期间暂停发货。", "祝大家节日快乐!"]),
        ("致歉声明", ["尊敬的广大网友:", "我司员工言论不当,我们深感愧疚。", "再次向大家道歉!"]),
        ("水渠改道", ["各位村民:", "东渠本月改道,请绕行北坡。", "清泉镇水利站", "2020年5月6日"]),
        ("给十年后的自己", ["亲爱的自己:", "展信好。写信的时候窗外下着小雨。", F, "此致", "十七岁的你"]),
        ("代表委员热议政府工作报告", ["“报告实在。”代表王海连连点赞。", "“同志们都在说,件件说到心坎上。”张江表示。", F]),
        ("听了书记的讲话之后", ["昨天下午,单位组织我们收听了书记的讲话,我坐在后排,听得很认真。", "书记讲到修渠时,我的鼻子酸了。", F]),
        ("浅评县长在修渠大会上的讲话", ["县长的这篇讲话没有一句官话,读来让人耳目一新。", "开头从去年的账算起,用数字说话。", F]),
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


def test_a_title_like_a_report_of_an_event_over_a_text_that_is_the_speech() -> None:
    speech = [
        "各位乡亲、各位同仁:",
        "今天桥通了,我心里高兴。",
        "往后大家上山下山再也不用绕那十里路。",
        "祝大家一路平安!",
    ]
    assert judge("镇长出席通车典礼致辞", speech).fate == "speech"
    report = ["昨日上午,通车典礼在桥头举行,镇长出席并致辞。", "他指出,桥要修好,更要管好。", "会后,与会人员参观了新桥。"]
    assert judge("镇长出席通车典礼致辞", report).fate != "speech"


DASHED = "——镇长在全镇修渠动员会上的讲话"


@pytest.mark.parametrize("dashes", ["——", "──", "――", "－－", "--", "—"])
def test_the_line_under_a_title_in_words_of_its_own_names_the_speech(dashes: str) -> None:
    verdict = judge("水到渠成 人定胜天", [F, F], subtitles=[dashes + DASHED.strip("—")])
    assert verdict.fate == "speech", verdict
    assert judge("水到渠成 人定胜天", [F, F]).fate != "speech"
    assert judge("水到渠成 人定胜天", [F, F], subtitles=[f"{dashes}记全镇修渠工程"]).fate != "speech"


@pytest.mark.parametrize("below", ["<p>{}</p>", "<h2>{}</h2>", "<div class=sub>{}</div>"])
def test_it_may_stand_in_the_text_or_beside_the_title(below: str) -> None:
    plain_text = [f"{n}是咱们的命根子,{F}" for n in "水土粮林"]
    inside = read(page(below.format(DASHED) + paragraphs(plain_text), "水到渠成 人定胜天"))
    beside = read(page(paragraphs(plain_text), "水到渠成 人定胜天", above=below.format(DASHED)))
    for result in (inside, beside):
        assert text(result) == plain_text
        assert result.speeches[0]["occasion"] == "全镇修渠动员会"
        assert result.speeches[0]["speaker_role"] == "镇长"


def test_words_against_a_long_text_that_is_called_a_speech_count_by_how_thick_they_stand() -> None:
    told = ["会议指出,要抓紧。会议强调,要抓实。", "会上宣读了名单。县长出席会议并作了讲话。"]
    assert judge("修渠工作讲话", [*told, F]).fate != "speech"
    assert judge("修渠工作讲话", [*told, *[F] * 200]).fate == "speech"


def test_whom_a_report_tells_of_is_nobody_who_is_spoken_to() -> None:
    told = [
        "周五下午,水渠小学的同学们在操场上动手搭起了一座小水车。老师们把木板锯好,同学们踊跃参加,一个小时就装好了轮叶。",
        "活动结束以后,老师们、同学们纷纷表示,要把水车的来历讲给家里人听。同学们还一起把工具送回了木工房。",
    ]
    assert judge("水渠小学的小水车转起来了", told).fate != "speech"
    spoken = [
        "同学们,这座小水车是你们自己锯的木板、自己装的轮叶,看它转起来,我比你们还高兴。",
        "老师们、同学们,水从山上来,也从人的肩膀上来,你们记住这句话。",
    ]
    assert judge("水渠小学的小水车转起来了", spoken).fate == "speech"
