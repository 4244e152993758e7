"""Facts in layouts that other templates do not share: bylines without colons, the ROC calendar, tags without a label, forum columns."""

from __future__ import annotations

import pytest

from crawler.extraction.dom import parse
from crawler.extraction.facts import read_facts
from crawler.extraction.model import PageFacts

T = "在全县春季植树动员会上的讲话"
BODY = (
    "<div class=txt>"
    + "<p>今天把大家请来,是要把今年的树种下去,也要把种树的规矩立起来,各单位都要出人出力,山要一座一座绿起来,路要一条一条修起来,人人都有份。</p>"
    * 6
    + "</div>"
)


def facts(above: str = "", below: str = "", behind: str = "", title: str = f"{T} - 文海", h1: str = T) -> PageFacts:
    page = f"<html><head><title>{title}</title></head><body>{above}<h1>{h1}</h1>{below}{BODY}{behind}</body></html>"
    return read_facts(parse(page.encode(), "text/html; charset=utf-8", "http://example.org/a/7"))


@pytest.mark.parametrize(
    ("h1", "title"),
    [
        (f"<a href=/f/1>[领导讲话]</a> <span>{T}</span>", f"{T} - 植树 - 论坛"),
        (f"[领导讲话] {T}", f"{T} - 领导讲话 - 论坛"),
        (f"【公文】{T}", f"{T}_公文_文海"),
        (f"主题: {T}", f"{T} - 文海"),
        (f"标题:{T}", f"{T} - 文海"),
        (f"<a href=/f/1>[公文]</a>【转帖】{T}", f"【转帖】{T} - 公文 - 论坛"),
        (f"[转] {T}", f"[转] {T} - 论坛"),
    ],
)
def test_column_before_a_title(h1: str, title: str) -> None:
    assert facts(h1=h1, title=title).title == T


@pytest.mark.parametrize("mark", ["(节选)", "[支部版]", "(2023年3月)"])
def test_bracket_of_a_title_stays(mark: str) -> None:
    assert facts(h1=f"{mark}{T}", title=f"{mark}{T} - 文海").title == f"{mark}{T}"


@pytest.mark.parametrize(
    ("below", "behind"),
    [
        ("<div><span>作者 李某</span><span>2023年7月20日</span><span>1971 阅读</span></div>", ""),
        ("<div>2023年7月20日</div><div>约3分钟</div>", ""),
        ("<div>發布日期:112年7月20日 發布單位:新聞處</div>", ""),
        ("<p>中華民國112年7月20日 點閱數:5</p>", ""),
        ("", "<div>日期:112/07/20 資料來源:秘書處 點閱數:7</div><div>最後異動日期:113-10-28</div>"),
        ("", "<div>最後異動日期:113-10-28</div><div>上版日期:112.07.20</div>"),
        ("<div class=meta><span class=sr>发布于</span><time>2023-07-20</time></div>", ""),
    ],
)
def test_dates(below: str, behind: str) -> None:
    found = facts(below=below, behind=behind).published_at
    assert found is not None
    assert found.strftime("%Y-%m-%d") == "2023-07-20"


@pytest.mark.parametrize(
    ("below", "behind"),
    [
        ("<p>2023年7月20日</p>", ""),
        ("", "<p>日期:2023年7月20日</p>"),
        ("<p>时间:2023年7月20日</p><p>地点:会议室</p>", ""),
    ],
)
def test_days_of_a_speech(below: str, behind: str) -> None:
    assert facts(below=below, behind=behind).published_at is None


@pytest.mark.parametrize(
    ("below", "behind"),
    [
        (
            "<div class=meta><span>分类</span><a href=/c/1>讲话</a> <span>标签</span><a href=/t/1>植树</a>、<a href=/t/2>动员</a></div>",
            "",
        ),
        (
            "<div class=meta>分类:<a href=/c/1>讲话</a> 标签:<a href=/t/1>植树</a> <a href=/t/2>动员</a> 评论:<a href=#>2</a></div>",
            "",
        ),
        (
            "<table><tr><td>标签：</td><td><h3><a href=/t/1>植树</a></h3><h3><a href=/t/2>动员</a></h3></td><td>分类：<a href=/c>讲话</a></td></tr></table>",
            "",
        ),
        ("", "<div class=post-tags><a href=/tag/1>植树</a> <a href=/tag/2>动员</a></div>"),
        (
            "",
            "<div><a rel=tag href=/1>植树</a> <a rel=tag href=/2>动员</a> <a rel='category tag' href=/3>讲话</a></div>",
        ),
        ("", "<ul class=tags><li><a href=/tags/1>#植树</a></li><li><a href=/tags/2>#动员</a></li></ul>"),
        (
            "<p>[标签:标题]是大家写作时的参考,下面为您推荐。</p>",
            "<div>关键词:<a href=/1>植树</a> <a href=/2>动员</a></div>",
        ),
    ],
)
def test_keywords(below: str, behind: str) -> None:
    assert facts(below=below, behind=behind).keywords == ["植树", "动员"]


@pytest.mark.parametrize(
    "behind",
    [
        "<div class=side><h3>热门标签</h3><div class=tagcloud><a href=/tag/1>植树</a> <a href=/tag/2>动员</a></div></div>",
        "<div class=links><a href=/a/1>植树</a> <a href=/a/2>动员</a></div>",
        "<p>相关文章</p><div class=tags><a href=/tag/1>植树</a></div>",
    ],
)
def test_no_keywords(behind: str) -> None:
    assert facts(behind=behind).keywords == []


def test_names_without_a_colon() -> None:
    found = facts(below="<div class=meta><span>作者</span><a href=/u>李某</a> <span>来源</span><em>县政府办</em></div>")
    assert (found.author, found.source) == ("李某", "县政府办")


def test_a_column_called_right_that_holds_the_text() -> None:
    page = (
        "<html><head><title>清泉阀门有限公司-专业阀门制造商</title></head><body><div class=left><h3>新闻中心</h3><p>公司新闻</p></div>"
        f"<div class=right><div class=news_tit>{T}</div><div class=news_time>日期:2015-02-10 人气:532</div>{BODY}</div></body></html>"
    )
    found = read_facts(parse(page.encode(), "text/html; charset=utf-8", "http://example.org/a/7"))
    assert found.title == T
    assert str(found.published_at)[:10] == "2015-02-10"


def test_a_title_in_a_table_of_labels() -> None:
    card = (
        "<table><tr><td>索引号</td><td>QS00-018</td><td>主题分类</td><td>讲话</td></tr><tr><td>发布机构</td><td>清泉市林业局</td>"
        f"<td>公开日期</td><td>2021年06月03日</td></tr><tr><td>名称</td><td colspan=3>{T}</td></tr></table>"
    )
    page = f"<html><head><title>信息公开</title></head><body>{card}{BODY}</body></html>"
    found = read_facts(parse(page.encode(), "text/html; charset=utf-8", "http://example.org/a/7"))
    assert found.title == T


def test_a_date_beside_buttons() -> None:
    page = f"<html><head><title>{T} - 植树</title></head><body><div>[2015-01-30] 【打印】【关闭】</div>{BODY}</body></html>"
    found = read_facts(parse(page.encode(), "text/html; charset=utf-8", "http://example.org/a/7"))
    assert str(found.published_at)[:10] == "2015-01-30"


def test_a_template_that_was_not_filled_in_has_no_keywords() -> None:
    from crawler.extraction.keywords import split_keywords

    assert split_keywords("标题]") == []
    assert split_keywords("防汛,[field:title/],讲话") == ["防汛", "讲话"]


@pytest.mark.parametrize(
    ("element", "head", "title"),
    [
        (f"{T}_文海", f"<h1>领导讲话</h1><div class=bt>{T[:8]}<br>{T[8:]}</div>", T),
        ("详情 - 一个很长很长的网站名称", f"<h1>{T[:8]}<br>{T[8:]}</h1>", T),
        ("详情 - 一个很长很长的网站名称", f"<h1>{T}<br>2021-03-05 来源:林业局</h1>", T),
        ("清泉林业-守好绿水青山的人们", "<h2>以树为师</h2><h4>——在全县植树动员会上的讲话</h4>", "以树为师"),
    ],
)
def test_titles_over_two_lines(element: str, head: str, title: str) -> None:
    page = f"<html><head><title>{element}</title></head><body><p>欢迎光临</p>{head}{BODY}</body></html>"
    assert read_facts(parse(page.encode(), "text/html; charset=utf-8", "http://example.org/a/7")).title == title


def test_an_office_closes_a_release_with_day_and_hour() -> None:
    found = facts(behind="<p>完</p><p>2022年10月15日（星期六）<br>香港時間15時30分</p>").published_at
    assert str(found)[:10] == "2022-10-15"
    assert facts(behind="<p>2022年10月15日（星期六）</p>").published_at is None


def test_a_title_over_two_lines_that_a_meta_element_alone_tells() -> None:
    metas = f"<meta name=ArticleTitle content='{T}'>"
    head = f"<html><head>{metas}<title>某市人民政府</title></head><body>"
    shown = f"<p class=bt>{T[:6]}<br>{T[6:]}</p><p>来源:市府办 | 时间:2021-03-04</p>"
    found = read_facts(parse(f"{head}{shown}{BODY}".encode(), "text/html", "http://example.org/a/7"))
    assert found.title == T


@pytest.mark.parametrize(
    ("above", "below", "source"),
    [
        ("", "<div>2023-07-20 09:12:30 清泉日报</div>", "清泉日报"),
        ("", "<div><span>2023年07月20日 09:12</span><span>山城在线</span></div>", "山城在线"),
        ("", "<div>2023-07-20 09:12:30 小溪</div>", None),
        ("", "<div>2023-07-20 清泉日报</div>", None),
        ("", "<div>来源:清泉网-《清泉日报》2023-07-20 09:12</div>", "清泉网-《清泉日报》"),
        ("", "<div>2023-07-20 来源:清泉网 www.qq.test</div>", "清泉网"),
        ("", "<div>2023-07-20 来源:清泉武校(http://www.qq.test/)</div>", "清泉武校"),
    ],
)
def test_source_without_a_label(above: str, below: str, source: str | None) -> None:
    assert facts(above, below).source == source


def test_an_office_that_only_holds_the_rights_is_no_source() -> None:
    assert facts(behind="<div>主办单位:清泉县林业局 版权所有</div>").source is None


def test_who_picked_a_text_is_not_its_author() -> None:
    assert facts(below="<div>2023-07-20 09:12 <span class=author>选稿:小溪</span></div>").author is None


def test_names_of_slots_in_two_words_without_a_mark_between() -> None:
    menu = "".join(f"<li><a href=/c/{n}>栏目{n}</a></li>" for n in range(320))
    head = f"<ul>{menu}</ul><div><p class=titleName>{T}</p><p class=sourceTitle>发布日期:<span>2023-07-20 09:12:30</span></p></div>"
    page = f"<html><head><title>文海</title></head><body>{head}{BODY}</body></html>"
    got = read_facts(parse(page.encode(), "text/html; charset=utf-8", "http://example.org/a/7"))
    assert got.title == T
    assert str(got.published_at)[:10] == "2023-07-20"


def test_text_that_is_set_to_the_right_is_no_side_column() -> None:
    assert str(facts(below="<p class='date text-right'>2023-07-20 09:12:30</p>").published_at)[:10] == "2023-07-20"


def test_a_sentence_in_large_letters_is_no_title() -> None:
    big = "<p style='font-size:24px;text-align:center;font-weight:bold'>各村要把山头地块逐一分到人,护林员每天上山不少于两次。</p>"
    page = f"<html><head><title>文海</title></head><body><div>{T}</div>{BODY}{big}</body></html>"
    got = read_facts(parse(page.encode(), "text/html; charset=utf-8", "http://example.org/a/7"))
    assert "护林员" not in got.title


def test_a_breadcrumb_in_a_heading_is_no_title() -> None:
    head = f"<h3>首页 - 植树动态</h3><h5>{T}</h5><div>发布时间:2023-07-20 来源:林业局</div>"
    page = f"<html><head><title>植树动态--清泉林业网</title></head><body>{head}{BODY}</body></html>"
    assert read_facts(parse(page.encode(), "text/html; charset=utf-8", "http://example.org/a/7")).title == T


def test_an_english_label_before_a_title_goes() -> None:
    assert facts(h1=f"Title:{T}").title == T


def test_buttons_and_a_heading_in_the_slot_of_a_breadcrumb_are_no_steps() -> None:
    tools = "<div class=crumb><a href=/>首页</a> &gt; <a href=/jh/>讲话</a> &gt; <a href=/jh/1/>植树</a><div>字号:默认 大 超大 | <a href=#>打印</a></div></div>"
    assert facts(tools).breadcrumb == ["首页", "讲话", "植树"]
    headed = "<div class=position><h2>植树动态</h2><a href=/>首页</a> &gt; <a href=/jh/>讲话</a></div>"
    assert facts(headed).breadcrumb == ["首页", "讲话"]


def test_signs_are_no_keywords() -> None:
    assert facts(behind="<div>关键词 &gt;&gt; <a href=/t/1>&gt;&gt;</a> <a href=/t/2>植树</a></div>").keywords == [
        "植树"
    ]


@pytest.mark.parametrize(
    ("head", "address", "day"),
    [
        ("2021年6月26日 星期六", "/html/2021-06/26/content_100_3.htm", "2021-06-26"),
        ("2021-06-26 农历五月十七", "/epaper/20210626/7.html", "2021-06-26"),
        ("2023年8月9日 星期三", "/html/2021-06/26/content_100_3.htm", None),  # today
        ("2021年6月26日 星期六", "/content/7.html", None),
    ],
)
def test_the_day_of_issue_at_the_head_of_a_newspaper_is_the_one_its_address_names(
    head: str, address: str, day: str | None
) -> None:
    page = f"<html><head><title>某某日报</title></head><body><table><tr><td>第01版:要闻</td><td><a href=n.htm>版面导航</a></td></tr><tr><td>{head}</td><td><a>放大+</a></td></tr></table><h1>{T}</h1>{BODY}</body></html>"
    facts = read_facts(parse(page.encode(), "text/html", f"http://example.org{address}"))
    assert (facts.published_at.date().isoformat() if facts.published_at else None) == day
    assert facts.title == T  # and not the name of the page, which has the date beside it


def test_text_of_short_paragraphs_is_not_searched_for_facts() -> None:
    short = [
        "炉子上的水是热的,登记簿上的字是新的。",
        "检查站的灯亮着,值班的人一个也没有脱岗。",
        "山下的井满了,渠里的水也清了。",
    ] * 4
    text = "".join(f"<p>{x}</p>" for x in short)
    head = f"<h1>{T}</h1><div>日期:2023-07-20 16:26:11 来源:本站</div>"
    page = f"<html><head><title>{T} - 文海</title></head><body>{head}<div>{text}<p>上传者:小溪 上传时间:2021-03-05 来源:清泉网</p></div></body></html>"
    got = read_facts(parse(page.encode(), "text/html; charset=utf-8", "http://example.org/a/7"))
    assert (str(got.published_at)[:10], got.source) == ("2023-07-20", "本站")


def test_a_column_in_square_brackets_that_the_title_element_leaves_out() -> None:
    assert facts(h1=f"[植树资讯]{T}", title=f"{T}_文海").title == T
    assert facts(h1=f"(节选){T}", title=f"{T}_文海").title == f"(节选){T}"


def test_who_sits_at_which_desk_is_no_author() -> None:
    assert facts(behind="<div>责任编辑:王小溪_NF4425</div>").author == "王小溪"
    assert facts(behind="<div>责任编辑:NF055</div>").author is None


def test_a_house_and_the_word_beside_it_are_one_step() -> None:
    crumb = "<div class=crumb><a href=/>首页</a> &gt; <a href=/>网站首页</a> &gt; <a href=/jh/>讲话</a></div>"
    assert facts(crumb).breadcrumb == ["网站首页", "讲话"]
