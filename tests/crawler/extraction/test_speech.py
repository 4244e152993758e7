"""Facts of one speech: kind, speaker, level, place, occasion, date, topics, masks, flags."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.extraction.masks import mask_pattern, masks
from crawler.extraction.plain import number, plain, year
from crawler.extraction.quality import quality_flags
from crawler.extraction.speech import read_speech

BODY = ["同志们:", "今天我们召开会议,总结工作,部署任务。"]
LONG = "要认真贯彻落实会议精神,扎实做好各项工作,确保取得实效。"


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("在全县经济工作会议上的讲话", "讲话"),
        ("在开业庆典上的致詞", "致辞"),
        ("领导讲话主持词", "主持词"),
        ("廉政党课讲稿:守住底线", "党课"),
        ("在座谈会上的表态发言", "发言"),
        ("竞聘演讲稿", "演讲"),
        ("2021年政府工作报告", "报告"),
        ("在工作报告会上的讲话", "讲话"),
    ],
)
def test_kind_from_title(title: str, kind: str) -> None:
    assert read_speech(title, None, BODY).doc_type == kind


def test_kind_from_text_and_part() -> None:
    assert read_speech("内部材料", None, ["同志们:", "现在开会。今天的会议由我主持。"]).doc_type == "主持词"
    assert read_speech("内部材料", None, ["天气很好。"]).doc_type == "其他"
    assert read_speech("讲话稿3篇", "篇2:开幕式上的致辞", BODY).doc_type == "致辞"


@pytest.mark.parametrize(
    ("title", "role", "name", "level"),
    [
        ("市委书记在全市大会上的讲话", "市委书记", None, "市"),
        ("2022年度常务副县长在全县会议上的讲话", "常务副县长", None, "县"),
        ("县委书记王某某在干部大会上的讲话", "县委书记", "王某某", "县"),
        ("贵阳市市长在大会上的讲话", "市长", None, "市"),
        ("街道党工委书记XXX在会议上的讲话", "街道党工委书记", None, "乡镇"),
        ("秋季开学典礼校长讲话稿", "校长", None, "学校"),
        ("家长会班主任发言稿", "班主任", None, "学校"),
        ("局党组书记、局长在作风建设会上的讲话", "局党组书记、局长", None, "单位"),
        ("李小明同志在离任大会上的讲话", None, "李小明", None),
        ("在全市党支部书记培训班上的讲话", None, None, "市"),
        ("安全在我心中演讲稿", None, None, None),
        ("在全省教育大会上的讲话", None, None, "省"),
        ("在全街道动员会上的讲话", None, None, "乡镇"),
        ("公司年会致辞", None, None, "企业"),
        ("2023年会议讲话", None, None, None),
    ],
)
def test_speaker_and_level(title: str, role: str | None, name: str | None, level: str | None) -> None:
    facts = read_speech(title, None, ["大家好!"])
    assert (facts.speaker_role, facts.speaker_name, facts.admin_level) == (role, name, level)


def test_speaker_and_date_from_the_lines_under_the_title() -> None:
    facts = read_speech("在干部大会上的讲话", None, ["(2023年5月4日)", "县委书记 李明", *BODY])
    assert (facts.event_date, facts.speaker_role, facts.speaker_name) == (date(2023, 5, 4), "县委书记", "李明")
    assert facts.salutation == "同志们"
    beside = read_speech("讲话", None, BODY, ["(2023年5月4日)", "校长 李明"])
    assert (beside.event_date, beside.speaker_role, beside.speaker_name) == (date(2023, 5, 4), "校长", "李明")
    assert read_speech("讲话", None, ["（二〇二三年五月四日）"]).event_date == date(2023, 5, 4)
    assert read_speech("讲话", None, ["(2023年13月4日)"]).event_date is None
    assert read_speech("讲话", None, ["2023年5月4日,我们召开了会议,会上提出了要求。"]).event_date is None


def test_speaker_from_own_words() -> None:
    facts = read_speech("开学典礼发言稿", None, ["大家好!", "作为教师代表,我很荣幸在这里发言。"])
    assert facts.speaker_role == "教师代表"


def test_occasion_and_place_as_shown() -> None:
    facts = read_speech("在安福县招商引资推介会上的致辞", None, BODY)
    assert (facts.occasion, facts.region) == ("安福县招商引资推介会", "安福县")
    assert read_speech("在創建文明城市動員大會上的講話", None, BODY).occasion == "創建文明城市動員大會"
    assert read_speech("全县誓师大会主持词", None, BODY).occasion == "全县誓师大会"
    assert read_speech("在XX县干部大会上的讲话", None, BODY).region is None
    assert read_speech("在文明城市创建会上的讲话", None, BODY).region is None


def test_topics_follow_the_text_not_only_the_title() -> None:
    text = ["信访工作要抓好,信访维稳责任重大,越级上访要化解矛盾纠纷。" * 20]
    assert read_speech("疫情防控工作讲话稿6篇", None, text).topics[0] == "信访维稳"
    assert "疫情防控" not in read_speech("疫情防控工作讲话稿6篇", None, text).topics
    assert read_speech("在森林防火会议上的讲话", None, ["森林防火要抓紧。"]).topics == ["森林防火"]
    assert read_speech("讲话", None, ["党建工作要抓好。党建是根本。"], page_topic_hints=["党建材料"]).topics == ["党建"]


@pytest.mark.parametrize(
    ("text", "masks"),
    [
        ("XX市和××区", 2),
        ("X月X日", 2),
        ("20xx年,201x年,20**年", 3),
        ("张某某和某县的某些人", 2),
        ("ＸＸ市", 1),
        ("X光检查3×5米,exam", 0),
        ("□□□同志和____", 2),
        ("迎接20D召开", 1),
        ("没有", 0),
    ],
)
def test_masks(text: str, masks: int) -> None:
    assert read_speech("讲话", None, [text]).mask_count == masks


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("XX市和xx县", {"letters": 2}),
        ("张某某、某乡", {"mou": 2}),
        ("××局、**镇、★★村、△△社区、同志____", {"cross": 1, "asterisk": 1, "star": 1, "figure": 1, "blank": 1}),
        ("20xx年X月X日,XX年以来", {"year": 2, "date": 2}),
        ("X年级有XX名学生", {"number": 2}),
        ("增长X%,投入××万元,下降XX个百分点,建成XX亩", {"number": 4}),
        ("XX日报,XX家属,XX号文件,X号上午", {"letters": 2, "number": 1, "date": 1}),
        ("XX人民和某市", {"letters": 1, "mou": 1}),
        ("某年某月某日", {"year": 1, "date": 2}),
        ("喜迎20D召开", {"censored": 1}),
        ("印发《》的通知,县委书记 同志", {"deleted": 2}),
        ("(20 年 月 日)", {"date": 1}),
        ("各位局长 同志们,《决定》2022年5月4日,5*3", {}),
    ],
)
def test_masks_are_told_apart_by_kind(text: str, kinds: dict[str, int]) -> None:
    facts = read_speech("讲话", None, [text])
    assert {m["kind"]: m["count"] for m in facts.masks} == kinds
    assert facts.mask_count == sum(kinds.values())
    assert [m["kind"] for m in facts.masks] == sorted(kinds)


@given(st.text(alphabet="X×*某★□○_年月日书记同志《》“” 市人%20D", max_size=60))
@settings(max_examples=300)
def test_no_mask_is_missed_by_looking_only_near_hints(text: str) -> None:
    assert sum(int(m["count"]) for m in masks(text)) == sum(1 for _ in mask_pattern().finditer(text))


@pytest.mark.parametrize(
    ("paragraphs", "flag"),
    [
        (["經(jīng)濟(jì)發(fā)展要抓好。"], "mojibake"),
        (["同志们\ufffd会议"], "mojibake"),
        ([LONG * 40], "one_paragraph"),
        (["要扛起第1责任人的责任。"], "spun"),
        (["更多内容请访问www.example.com下载。"], "watermark"),
        (["会议,要求,各地,各部门,认真,抓好,落实,工作,责任。"], "ascii_punctuation"),
        ([LONG * 2, LONG * 3, LONG * 2, LONG * 3], "repeated_text"),
        ([f"{i}" + "各级各部门要认真贯彻落实会议精神扎实做好各项工作确保取" for i in range(10)], "hard_wrapped"),
        (["同志们:", LONG * 3 + "要切实加强组织领"], "truncated"),
        (["一、甲", LONG, "二、乙"], "truncated"),
        (["工 作 要 抓 好 落 实 责 任 到 人 不 留 死 角 。"], "ocr_noise"),
        (["会议于l0月5日召开。"], "ocr_noise"),
        (["[标签:标题]的讲话。"], "markup"),
    ],
)
def test_flags(paragraphs: list[str], flag: str) -> None:
    assert flag in read_speech("讲话", None, paragraphs).quality_flags


def test_clean_text_has_no_flag() -> None:
    clean = ["同志们：", "今天，我们召开会议。", "一、抓落实", "各地要认真抓好落实。", "谢谢大家！"]
    assert read_speech("在会上的讲话", None, clean).quality_flags == []


def test_year_that_the_text_contradicts() -> None:
    assert read_speech("2022年全市大会讲话", None, ["2016年,我们取得成绩。2017年要努力。"]).title_year == 2022
    assert read_speech("2022年全市大会讲话", None, ["2021年,我们取得成绩。2016年起步。"]).title_year is None
    assert read_speech("2022年全市大会讲话", None, ["到2025年,到2035年。"]).title_year is None
    assert read_speech("全市大会讲话", None, ["2016年,2017年。"]).title_year is None


def test_numerals() -> None:
    assert [number(n) for n in ("3", "十", "十二", "二十", "二十三", "两")] == [3, 10, 12, 20, 23, 2]
    assert [year(y) for y in ("2022", "二〇二二", "二O二二", "20xx", "3022")] == [2022, 2022, 2022, None, None]
    with pytest.raises(ValueError, match="numeral"):
        number("百")


@given(st.text())
def test_plain_keeps_every_place(text: str) -> None:
    assert len(plain(text)) == len(text)


@settings(max_examples=60)
@given(st.text(), st.lists(st.text(max_size=80), max_size=12))
def test_any_input_is_read(title: str, paragraphs: list[str]) -> None:
    facts = read_speech(title, None, paragraphs)
    assert facts == read_speech(title, None, paragraphs)
    assert all(0 <= o["paragraph"] < len(paragraphs) and o["level"] >= 1 for o in facts.outline)


@pytest.mark.parametrize(
    ("title", "subtitles", "role", "name", "level"),
    [
        ("自治区党委书记在干部大会上的讲话", [], "自治区党委书记", None, "省"),
        ("街道办事处主任在年度工作会上的讲话", [], "街道办事处主任", None, "乡镇"),
        ("国务院副总理在抗旱会议上的讲话", [], "国务院副总理", None, "国家"),
        ("市委常委、组织部部长苗青在培训班上的讲话", [], "市委常委、组织部部长", "苗青", "市"),
        ("市委副书记、市长、市防指总指挥张伟在防汛会上的讲话", [], "市委副书记、市长、市防指总指挥", "张伟", "市"),
        ("高新区党工委书记在企业家座谈会上的讲话", [], "高新区党工委书记", None, "县"),
        ("镇党委书记某某在总结会上的讲话", [], "镇党委书记", None, "乡镇"),
        ("在修渠会议上的讲话(县长 苗青)", [], "县长", "苗青", "县"),
        ("苗青:在修渠会议上的讲话", [], None, "苗青", None),
        ("在修渠会议上的讲话", ["县长 苗 青", "(2019年3月1日)"], "县长", "苗青", "县"),
        ("在修渠会议上的讲话", ["党组书记、局长 欧阳苗青"], "党组书记、局长", "欧阳苗青", "单位"),
        ("在修渠会议上的讲话", ["苗青"], None, "苗青", None),
        ("在修渠会议上的讲话", ["发言人:苗青"], None, "苗青", None),
        ("在修渠会议上的讲话", ["节选"], None, None, None),
        ("在修渠会议上的讲话", ["高举旗帜"], None, None, None),
    ],
)
def test_speakers(title: str, subtitles: list[str], role: str | None, name: str | None, level: str | None) -> None:
    read = read_speech(title, None, ["同志们:", "今天说修渠的事。"], subtitles)
    assert (read.speaker_role, read.speaker_name, read.admin_level) == (role, name, level)


def test_occasions_and_places() -> None:
    assert read_speech("董事长钱有田在年会上的致辞", None, ["各位同事:"]).occasion == "年会"
    assert read_speech("驻村第一书记表态发言", None, ["同志们:"]).speaker_role == "第一书记"
    assert read_speech("老干部局局长重阳节茶话会致辞", None, ["各位老同志:"]).occasion == "重阳节茶话会"
    assert read_speech("在中国共产党青川县第十四次代表大会上的报告", None, ["各位代表:"]).region == "青川县"
    quoted = read_speech("在“植树节”启动仪式上的讲话", None, ["各位同事:"])
    assert quoted.occasion == "“植树节”启动仪式"
    assert read_speech("钱有田在会上的讲话", None, ["各位同事:"]).occasion is None
    assert read_speech("在修渠会议上的讲话", None, ["同志们:"], ["青岭市人民政府市长 苗青"]).region == "青岭市"
    assert read_speech("东河村党总支书记在主题党日上的党课", None, ["同志们:"]).region == "东河村"


@pytest.mark.parametrize("text", ["管子是2x4的规格。", "池子是3 × 5米。", "木料2X4的要十根。"])
def test_sizes_are_no_masks(text: str) -> None:
    assert read_speech("在会议上的讲话", None, [text]).masks == []


@pytest.mark.parametrize("text", ["一、二、三产业要一起抓。", "三、四线城市要去看看。", "五、六年级留下。"])
def test_lists_of_numerals_are_no_outline(text: str) -> None:
    assert read_speech("在会议上的讲话", None, [text, "大家都同意。"]).outline == []


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        ("更多讲稿请看HTTP://WWW.EXAMPLE.XYZ/JH", "watermark"),
        ("文稿存放在Example.Top上", "watermark"),
        ("本稿由大地秘书网录入", "watermark"),
        ("第 3 页,共 9 页", "watermark"),
        ("全市\ufffd会议", "mojibake"),
        ("落实第1责任", "spun"),
        ("定在l0月5日", "ocr_noise"),
        ("{dede:title}", "markup"),
    ],
)
def test_what_a_pattern_finds_is_flagged_in_whatever_case(line: str, flag: str) -> None:
    text = f"同志们。\n{line}。\n谢谢大家。"
    assert flag in quality_flags(text.split("\n"), text)
    assert flag not in quality_flags(["同志们。", "谢谢大家。"], "同志们。\n谢谢大家。")
