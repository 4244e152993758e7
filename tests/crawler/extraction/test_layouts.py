"""Pages built in many ways: where the text is, which lines are paragraphs, what between them is none of it."""

from __future__ import annotations

import html
from itertools import pairwise

import pytest

from crawler.extraction import main_text
from crawler.extraction.article import read_article
from crawler.extraction.model import ArticleResult, PageInput
from tests.crawler.extraction.pages import (
    CLOSING,
    FIRST_TEXT,
    LONG,
    OPENING,
    OTHER,
    SECOND_TEXT,
    SITE,
    SPEECH,
    TITLE,
    page,
    paragraphs,
    read,
    text,
)

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
        # without a word for it, right below the picture
        "<p align=center><img src=a.jpg></p><p align=center>护林员在北坡巡山</p>",
        "<p><img src=a.jpg></p><p>▲护林员在北坡巡山</p>",
        "<div style='text-align:center'><img src=a.jpg><br>护林员在北坡巡山</div>",
    ],
)
def test_captions_are_no_text(caption: str) -> None:
    assert text(read(page(paragraphs(LONG[:2]) + caption + paragraphs(LONG[2:])))) == LONG


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


def test_a_box_of_teasers_inside_a_text_is_cut_and_a_page_of_them_is_no_speech() -> None:
    """Told by its place: two items, each a linked title and a teaser in an element of their own."""
    item = '<li><a href="/d/{n}.html">在第{n}届林业会议上的讲话</a><p>各位林农,山上的事要一件一件做,先从这条小路说起……</p></li>'
    box = f"<div class='x1'>推荐:<ul>{item.format(n=3)}{item.format(n=4)}</ul></div>"
    half = len(SPEECH) // 2
    inner = paragraphs(SPEECH[:half]) + box + paragraphs(SPEECH[half:])
    result = read_article([PageInput("http://a.example/1.html", page(inner))], SITE)
    assert [r["text"].split("\n") for r in result.speeches] == [SPEECH]
    assert read_article([PageInput("http://a.example/l.html", page(box, "讲话"))], SITE).fate in ("list", "empty")


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


def test_a_page_mark_does_not_join_a_heading_to_the_address_below() -> None:
    heads = ["（一）镇长在全镇秋季护林防火工作动员部署会议上的讲话", "（二）校长在全镇中小学秋季开学暨表彰典礼上的致辞"]
    lines = [heads[0], "- 1 -", *SPEECH, heads[1], "- 2 -", *OTHER]
    result = read(page(paragraphs(lines), "领导讲话2篇"))
    assert [s["text"].split("\n") for s in result.speeches] == [SPEECH, OTHER]


def test_bare_numbers_that_head_sections_are_text_and_page_marks_are_none() -> None:
    lines = [LONG[0], "01", OPENING, FIRST_TEXT, "02", LONG[3], "03", SECOND_TEXT, CLOSING]
    assert text(read(page(paragraphs(lines)))) == lines
    bare = [LONG[0], "1", OPENING, FIRST_TEXT, "2", LONG[3], "3", SECOND_TEXT, CLOSING]
    assert text(read(page(paragraphs(bare)))) == bare
    marked = [*LONG[:3], "1", *LONG[3:5], "2", LONG[5]]
    assert text(read(page(paragraphs(marked)))) == LONG
    parts = read(page(paragraphs(["01", *LONG, "02", *OTHER]), "护林讲话稿两篇"))
    assert [r["part_title"] for r in parts.speeches] == ["01", "02"]


def test_the_numbers_of_pieces_that_a_site_cuts_by_length_go() -> None:
    whole = "".join([*LONG, *LONG[1:5]][:9]).replace("同志们:", "")
    size = 90
    pieces = [whole[i : i + size] for i in range(0, len(whole), size)]
    numbered = "".join(f"<p>{n}、{x}</p>" for n, x in enumerate(pieces, 1))
    result = read(page(f"<h2>资源描述</h2>{numbered}"))
    assert "".join(text(result)) == whole
    assert [c.text for c in result.cut if c.rule == "chunk_number"] == [f"{n}、" for n in range(1, len(pieces) + 1)]


def test_the_numbers_of_a_speakers_points_stay() -> None:
    points = [f"{n}、{x}" for n, x in enumerate(LONG[1:5], 1)]
    assert text(read(page(paragraphs(["同志们:", *points])))) == ["同志们:", *points]
    headed = [y for n, x in enumerate(LONG[1:5], 1) for y in (f"{n}、把第{n}件事抓到底", x)]
    assert text(read(page(paragraphs(["同志们:", *headed])))) == ["同志们:", *headed]


@pytest.mark.parametrize("indent", ["\u3000\u3000", "&nbsp;&nbsp;&nbsp;&nbsp;"])
def test_the_lines_above_a_text_that_indents_alone_part_are_lines(indent: str) -> None:
    head = ["——镇长在全镇护林工作会议上的讲话", "2021年9月1日"]
    result = read(page(f"<p>{indent.join(['', *head, *LONG[1:]])}</p>", "守好青山 造福子孙"))
    assert text(result) == LONG[1:]
    assert result.speeches[0]["occasion"] == "全镇护林工作会议"


def test_the_main_text_goes_on_behind_numbers_that_head_its_sections() -> None:
    long = [x + y for x, y in pairwise([*LONG[1:], *OTHER[1:]])]
    lines = ["1", *long[:3], "2", *long[3:5], "3", *long[5:]]
    got = main_text(page(paragraphs(lines))).split("\n")
    assert [x for x in got if x in long] == long
    below = page(
        paragraphs(long), below="<div>1 2 3 下一页</div><div>本站其他文章的一段很长的摘要,说的是另外一件事。</div>"
    )
    assert [x for x in main_text(below).split("\n") if x in long] == long


def test_an_abstract_on_top_of_each_page_of_an_article_is_no_text_on_any() -> None:
    told = "".join(LONG[:3])[:90] + "..."
    half = len(LONG) // 2
    bodies = [page(f"<div class=intro>{told}</div>" + paragraphs(x)) for x in (LONG[:half], LONG[half:])]
    pages = [PageInput(f"http://www.shulin.test/a/1_{k}.html", b, "text/html", k) for k, b in enumerate(bodies, 1)]
    assert text(read_article(pages, SITE)) == LONG


def test_headings_of_one_length_between_whole_paragraphs_are_no_broken_lines() -> None:
    heads = [
        "1.提高认识把护林防火摆上日程",
        "2.突出重点把林区路口守住守牢",
        "3.压实责任把巡山任务分到各人",
        "4.严明纪律把火源管控落到实处",
    ]
    said = [y for head, x in zip(heads, [*LONG[1:4], OTHER[1]], strict=True) for y in (head, x)]
    assert text(read(page(f"<div>{'<br>'.join(['同志们:', *said])}</div>"))) == ["同志们:", *said]


def test_a_short_beginning_in_a_viewer_of_lines_is_put_together() -> None:
    lines = [x[i : i + 30] for x in ("\u3000\u3000" + y for y in LONG[1:4]) for i in range(0, len(x), 30)]
    shown = "".join(
        f"<div class=t>{x.replace(chr(0x3000), '&nbsp;&nbsp;')}</div>" for x in ["\u3000\u3000同志们:", *lines]
    )
    assert text(read(page(f"<div class=pf>{shown}</div>"))) == LONG[:4]


@pytest.mark.parametrize("more", ["[…]</p>", "...</p><a href=/b/7.html>继续阅读</a>"])
def test_a_list_of_one_article_is_no_speech(more: str) -> None:
    teaser = "".join(LONG[:3])[:80]
    shown = f"<html><head><title>护林 - 树林</title></head><body><h1><a href=/>树林</a></h1><p>每天一篇</p><article><h2><a href=/b/7.html>{TITLE}</a></h2><p>2021-3-4 阅读(3)</p><p>{teaser} {more}</article></body></html>"
    assert read(shown.encode()).fate in ("list", "empty")
    own = shown.replace("/b/7.html", "/a/1.html")  # the page itself, whose rest is not shown
    assert read(own.encode()).fate != "list"


def _among(paragraph: str, at: int) -> bytes:
    return page(paragraphs(LONG[:at]) + paragraph + paragraphs(LONG[at:]))


LINKED = "<p>相关推荐:</p><p><a href=/a/5.html>在造林动员会上的讲话</a></p><p><a href=/a/6.html>场长在新年茶话会上的致辞</a></p>"


@pytest.mark.parametrize("at", [2, 3, 4, 5])
def test_links_that_are_paragraphs_among_those_of_the_text_do_not_end_it(at: int) -> None:
    assert text(read(_among(LINKED, at))) == LONG
    bare = LINKED.partition("</p>")[2]
    assert text(read(_among(bare, at))) == LONG


def test_a_list_of_posts_with_links_is_no_text() -> None:
    posts = "".join(
        f"<li>{n}号护林员的来信,<a href=/t/{n}>说的是北坡检查站的炉子和登记簿</a>【小溪】</li>" for n in range(4)
    )
    assert (
        text(read(page(paragraphs(LONG), below=f"<ul>{posts}<li>大家都来说一说,今年的火情怎么防。</li></ul>"))) == LONG
    )


def test_numbers_that_head_short_sections_are_text() -> None:
    lines = ["同志们:", OPENING, FIRST_TEXT, "1", SECOND_TEXT, "2", LONG[3], "3", LONG[1], CLOSING]
    assert text(read(page(paragraphs(lines)))) == lines


def test_main_text_goes_on_below_numbers_over_short_paragraphs() -> None:
    short = [
        "炉子上的水是热的。",
        "登记簿上的字是新的,一个脱岗的也没有。",
        "夜里我去了北坡,两个检查站都亮着灯,值班的人正在火炉边烤土豆。",
    ]
    lines = [*LONG[:-1], "1", *short, *short[::-1], "2", *short, CLOSING]
    got = main_text(page(paragraphs(lines)))
    assert got.split("\n") == [x for x in lines if not x.isdigit()]


def test_dots_alone_and_a_comment_of_the_speaker_do_not_end_the_main_text() -> None:
    for line in ("……", "点评:"):
        got = main_text(page(paragraphs([*LONG[:4], line, "炉火正旺。", "水是热的。"])))
        assert got.endswith("水是热的。"), line


def test_a_byline_behind_the_name_of_the_site_is_no_text() -> None:
    for line in (
        "清泉在线 www.qqzx.test 时间:2023-05-04 10:20:30 责任编辑:小溪",
        "qqzx.test Time:2023-05-04 10:20:30 Editor:小溪",
    ):
        assert text(read(page(f"<p>{line}</p>" + paragraphs(LONG[1:])))) == LONG[1:]


def test_sums_of_money_are_no_advert() -> None:
    lines = [*LONG[:4], "新建圈舍每平方米补助100元,每头母猪奖励500元;", *LONG[4:]]
    assert text(read(page(paragraphs(lines)))) == lines


@pytest.mark.parametrize(
    "below",
    [
        "<p>以上就是小编整理的镇长在全镇护林工作会议上的讲话,希望对您有所帮助。</p>",
        "<div class=pl><h3>网友评论</h3><ul><li>山里人 2023-05-05 10:11<p>讲得真好,收藏起来慢慢学。</p></li>"
        "<li>过路人 2023-05-06 09:10<p>我们单位也用得上,谢谢。</p></li></ul></div>",
    ],
)
def test_who_signs_and_the_day_stay_above_what_the_page_says(below: str) -> None:
    lines = [*LONG, "石大山", "2023年5月4日"]
    assert text(read(page(paragraphs(lines) + below))) == lines


def test_a_footer_with_more_words_than_a_short_speech_is_no_text() -> None:
    foot = (
        "树林网是山里人自己的网站,记录护林员的一天一夜,也收集各地林场的好做法,欢迎来信来稿,地址在北坡检查站旁边的小楼二层。"
        * 3
    )
    short = LONG[:4]
    got = read(page(paragraphs(short), below=f"<footer><section><div><p>{foot}</p></div></section></footer>"))
    assert text(got) == short


def test_lines_of_buttons_and_of_thanks_in_money_are_no_text() -> None:
    for line in ("赞 (12) 收藏 (3) 分享到:微信 微博 QQ空间", "如果觉得文章对您有用,请随意打赏"):
        result = read(page(paragraphs(LONG), below=f"<div class=txt2><p>{line}</p></div>"))
        assert text(result) == LONG
        assert text(read(page(paragraphs([*LONG, line])))) == LONG
        assert result.fate == "speech"


def test_the_name_of_a_box_of_contents_is_no_text() -> None:
    box = "<div class=toc><p>文章目录</p><ul><li><a href=#t1>看清形势</a></li><li><a href=#t2>压实责任</a></li></ul></div>"
    assert text(read(page(paragraphs(LONG[:2]) + box + paragraphs(LONG[2:])))) == LONG


def test_links_to_keywords_in_a_paragraph_do_not_part_it_from_the_text_above_a_list() -> None:
    linked = CLOSING.replace("林子", "<a href=/tag/9.html><u>林子</u></a>")
    got = text(read(page(paragraphs(LONG[:5]) + LINKED + paragraphs([linked]))))
    assert got == LONG


def test_headings_without_an_end_in_preformatted_text_are_lines_of_their_own() -> None:
    heads = [
        "一、看清形势,把弦绷得紧一些",
        "二、压实责任,把人落到每座山",
        "三、备足物资,把水装满每个桶",
        "四、严明纪律,把火挡在山门外",
        "五、改进作风,把话说到心坎里",
    ]
    lines = ["同志们:", OPENING]
    for head, line in zip(heads, [FIRST_TEXT, SECOND_TEXT, LONG[3], FIRST_TEXT[::-1], SECOND_TEXT[::-1]], strict=True):
        lines += [head, line, OPENING[:-1] + "。"]
    lines.append(CLOSING)
    assert text(read(page("<pre>" + "\n\n".join(lines) + "</pre>"))) == lines


def test_places_to_lead_to_are_no_links() -> None:
    each = "".join(f'<p><a name="OLE_LINK{n}">{x}</a></p>' for n, x in enumerate(LONG))
    assert text(read(page(each))) == LONG
    assert text(read(page(f'<a name="_GoBack">{paragraphs(LONG)}</a>'))) == LONG


def test_what_is_blurred_is_not_shown() -> None:
    scrambled = (
        "<div style='filter:blur(4px)'><p>某某某,某某某某。某某某,某某某某。</p></div><div>5元购买后可阅读全文</div>"
    )
    result = read(page(paragraphs(LONG[:5]) + scrambled))
    assert (result.fate, text(result)) == ("preview", LONG[:5])


def test_a_day_in_brackets_under_a_title_is_no_comments_head() -> None:
    """The line of the day of the visit, the byline and the day under a title are no users with their times."""
    first = ["林业局局长在护林大会上的讲话", "(2021年3月8日)", *LONG]
    second = ["林场场长在护林大会上的讲话", "(2021年3月8日)", "各位代表:", *OTHER[1:]]
    top = "<div class=top><a href=/>网站首页</a> <a href=/a/>领导讲话</a> 今天是</div><div class=pos>您的位置:<a href=/>首页</a></div>"
    byline = "<div class=info><span>发布日期:2021-03-08 10:20</span><span>来源:林业局</span></div>"
    body = f"<div class=ed>{paragraphs(first)}<p>&nbsp;</p>{paragraphs(second)}</div>"
    shown = f"<html><head><title>护林大会领导讲话_林业局</title></head><body>{top}<div class=xl><h1>护林大会领导讲话</h1>{byline}{body}</div></body></html>"
    assert [r["text"].split("\n")[0] for r in read(shown.encode()).speeches] == [LONG[0], "各位代表:"]


def test_a_line_that_begins_with_a_decimal_goes_on_with_the_one_before() -> None:
    said = "截至上月底，全镇完成造林面积的比例已经达到了全年任务的" + "60.6%，比去年同期高出一大截，这个成绩来之不易。"
    lines = [y[i : i + 28] for y in (*LONG[1:4], said) for i in range(0, len(y), 28)]
    shown = "<br>".join(["同志们:", *lines])
    assert any("任务的60.6%" in x for x in text(read(page(f"<div>{shown}</div>"))))


@pytest.mark.parametrize("head", ["青石镇人民政府公报 2021年第3期", "林业简报", "内部资料 第12期"])
def test_the_running_head_of_a_printed_document_is_no_text(head: str) -> None:
    torn = [LONG[2][:30], head, LONG[2][30:]]  # it stands where a page ends
    assert text(read(page(paragraphs([*LONG[:2], *torn, *LONG[3:5], head, *LONG[5:]])))) == LONG


@pytest.mark.parametrize("keywords", ["【关键词】护林;讲话;落实", "关键词:护林 讲话"])
def test_the_text_below_an_abstract_and_keywords_is_no_tale_of_it(keywords: str) -> None:
    no_address = [x for x in LONG if x != "同志们:"]
    wide = ["".join(no_address[:2]), *no_address[2:]]
    abstract = f"【摘 要】{wide[0][:60]}"
    assert text(read(page(paragraphs([abstract, keywords, *wide])))) == wide
