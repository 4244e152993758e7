"""Hostile pages are capped, deep text is kept, and paragraphs are what a reader sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.extraction.blocks import place, read_blocks
from crawler.extraction.dom import MAX_DEPTH, MAX_TAG_CHARS, MAX_TAGS, parse
from crawler.extraction.nodes import Node


def texts(html: str) -> list[str]:
    return [b.text for b in read_blocks(parse(html.encode()).root)]


def test_attribute_bomb_keeps_its_text() -> None:
    bomb = "<div " + " ".join(f"a{i}=1" for i in range(50_000)) + ">甲</div>"
    document = parse(bomb.encode())
    assert "capped_attributes" in document.flags
    assert [b.text for b in read_blocks(document.root)] == ["甲"]


def test_too_many_tags_are_cut_off() -> None:
    document = parse(("<p>一" * (MAX_TAGS + 500)).encode())
    assert "capped_tags" in document.flags
    assert len(read_blocks(document.root)) <= MAX_TAGS


def test_text_deeper_than_any_limit_is_kept() -> None:
    document = parse(("<div>" * 900 + "<p>深处的字</p>" + "</div>" * 900).encode())
    assert [b.text for b in read_blocks(document.root)] == ["深处的字"]
    assert "flattened" in document.flags


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_only_what_is_deeper_than_the_limit_is_flattened(more: int) -> None:
    divs = MAX_DEPTH - 2 + more  # below <html> and <body>
    document = parse(("<div>" * divs + "字" + "</div>" * divs).encode())
    assert document.flags == (["flattened"] if more > 0 else [])
    behind = parse(("<html><body>前</body></html>" + "<div>" * divs + "字" + "</div>" * divs).encode())
    assert [b.text for b in read_blocks(document.node)] == ["字"]
    assert [b.text for b in read_blocks(behind.node)][:1] == ["前"]


@pytest.mark.parametrize("chars", [MAX_TAG_CHARS, MAX_TAG_CHARS + 1])
def test_a_tag_that_is_too_long_loses_its_attributes(chars: int) -> None:
    tag = "a href=".ljust(chars, "x") + ">"
    document = parse(f"<p>前<{tag}字</a>".encode())
    assert document.flags == (["capped_attributes"] if chars > MAX_TAG_CHARS else [])
    assert [b.text for b in read_blocks(document.node)] == ["前字"]


def test_the_plain_tree_is_that_of_lxml() -> None:
    document = parse(
        "<title>题</title><p>一<b>二<i></i>三</b>四<br>五</p>六<ul><li>七<li class=a id=b>八</ul>九".encode()
    )

    def compare(node: Node) -> None:
        element, tag, attributes, text, children, tail = node
        assert (tag, attributes, text) == (element.tag, element.items(), element.text)
        assert tail == (element.tail if element is not document.root else None)
        assert [c[0] for c in children] == list(element)
        for child in children:
            compare(child)

    compare(document.node)
    assert document.body[0] is document.root.find("body")


def test_breaks_of_old_layouts() -> None:
    assert texts(
        "<td><font>&nbsp;&nbsp;&nbsp;&nbsp;第一段。<br>&nbsp;&nbsp;&nbsp;&nbsp;第二段。<BR><BR>\u3000\u3000第三段。</font></td>"
    ) == ["第一段。", "第二段。", "第三段。"]


def test_indent_inside_one_line_breaks_behind_a_sentence() -> None:
    assert texts("<div>第一段。\u3000\u3000第二段。 &nbsp; &nbsp;&nbsp;第三段</div>") == [
        "第一段。",
        "第二段。",
        "第三段",
    ]


def test_hard_wraps_vanish_between_wide_characters() -> None:
    assert texts("<p>今天我们\n  召开会议,a\nb</p>") == ["今天我们召开会议,a b"]


def test_inline_elements_do_not_break_and_links_are_counted() -> None:
    (block,) = read_blocks(parse("<p>要<span>抓好</span><a href=/x>防火</a>工作</p>".encode()).root)
    assert (block.text, block.size, block.link) == ("要抓好防火工作", 7, 2)


def test_hidden_anti_copy_text_is_left_out_but_a_hidden_body_is_not() -> None:
    assert texts("<p>正文<span style='display: none'>本文来自某站</span>继续<font class=jammer>xx</font></p>") == [
        "正文继续"
    ]
    assert texts(f"<div style=display:none>{'正文很长。' * 100}</div>") == ["正文很长。" * 100]


HIDDEN = [
    "<span style='display:none'>{}</span>",
    "<span style='visibility: hidden'>{}</span>",
    "<font style='FONT-SIZE: 0px'>{}</font>",
    "<span style='color:red;font-size:0'>{}</span>",
    "<i style='opacity:0'>{}</i>",
    "<span style='position:absolute;left:-9999px'>{}</span>",
    "<span style='text-indent:-99em;display:inline-block'>{}</span>",
    "<span style='display:inline-block;width:0;height:0;overflow:hidden'>{}</span>",
    "<span style='position:absolute;clip:rect(0 0 0 0)'>{}</span>",
    "<font color=#FFFFFF>{}</font>",
    "<span style='color:#fff'>{}</span>",
    "<span style='color: rgb(255, 255, 255)'>{}</span>",
    "<span style='color:transparent'>{}</span>",
    "<b style='background-color:#eee;color:#EEEEEE'>{}</b>",
    "<span hidden>{}</span>",
    "<em aria-hidden=true>{}</em>",
    "<span class=k7>{}</span>",
    "<span id=q>{}</span>",
    "<u class='x off'>{}</u>",
    "<span class=zero>{}</span>",
]
SHOWN = [
    "<span style='color:#fff;background:#c00'>{}</span>",
    "<span style='color:red'>{}</span>",
    "<span style='font-size:10px'>{}</span>",
    "<span style='font-size:0.9em'>{}</span>",
    "<span style='height:0;line-height:30px'>{}</span>",
    "<span style='text-indent:-2em'>{}</span>",
    "<span style='background:url(a.png);color:#fff'>{}</span>",
    "<span style='opacity:0.8'>{}</span>",
    "<span class=wide>{}</span>",
    "<span class=again>{}</span>",
    "<span class=hover>{}</span>",
    "<u class=off>{}</u>",
]
SHEET = (
    "<style type=text/css><!-- /* .wide{display:none} */ .k7, #q {display : none} p u.x.off{position:absolute;top:-2000px}\n"
    ".zero{font-size:0} .nowhere .off{display:none} .again{display:none} .again{display:inline} .hover:hover{display:none}"
    "@import 'x.css'; @media print { .wide{display:none} .hover{display:none} } --></style>"
)


@pytest.mark.parametrize("around", HIDDEN)
def test_what_nobody_sees_is_left_out(around: str) -> None:
    assert texts(f"<head>{SHEET}</head><body><p>前面的话{around.format('本文来自某站')}后面的话。</p></body>") == [
        "前面的话后面的话。"
    ]
    whole = "正文很长。" * 100
    assert texts(f"<head>{SHEET}</head><body><p>{around.format(whole)}</p></body>") == [whole]


@pytest.mark.parametrize("around", SHOWN)
def test_what_only_looks_hidden_is_kept(around: str) -> None:
    assert texts(f"<head>{SHEET}</head><body><p>前面的话{around.format('看得见的字')}后面的话。</p></body>") == [
        "前面的话看得见的字后面的话。"
    ]


def test_white_text_on_a_dark_ground_is_kept() -> None:
    assert texts("<table bgcolor=#003366><tr><td><font color=white>白字</font></td></tr></table>") == ["白字"]
    assert texts("<div style='background-color:#036'><p><span style='color:#fff'>白字</span></p></div>") == ["白字"]
    assert texts("<div style='color:#fff'>盒子里的白字</div>") == ["盒子里的白字"]
    assert texts("<p><font color=white>整段都是白字。</font></p>") == ["整段都是白字。"]


@pytest.mark.parametrize(
    "hostile",
    [
        "<style" * 50_000,
        "<style>" + "/*" * 100_000,
        "<style>" + "@;" * 100_000,
        "<style>" + "{" * 200_000,
        "<style>" + ".a " * 60_000 + "{display:none}",
        "<style>.a{display:none}</style>" + "<b class=a>" * 5_000,
        f"<p style='{'overflow:hidden height:0' * 150}x'>" * 900,
    ],
)
def test_hostile_style_sheets_hold_nobody_up(hostile: str) -> None:
    assert texts(f"<body>{hostile}</style></b><p>正文</p></body>")[-1:] in (["正文"], [])


@pytest.mark.parametrize(
    "html",
    [
        "<table><tr><td><p>{0}</p><p>{1}</p></td></tr></table>",
        "<table><tr><td>{0}</td></tr><tr><td>{1}</td></tr></table>",
        "<td>&nbsp;&nbsp;&nbsp; {0}<br>&nbsp;&nbsp;&nbsp; {1}</td>",
        "<div>{0}<br/><br/>{1}</div>",
        "<div>&nbsp; &nbsp; {0}&nbsp; &nbsp; &nbsp; {1}</div>",
        "<div>　　{0}\n　　{1}</div>",
        "<pre>　　{0}\n　　{1}</pre>",
        "<p><span><span><span style='font-size:14px'>{0}</span></span></span></p><p><span><span>{1}</span></span></p>",
        "<span><span>{0}<br></span></span><span><span><font>{1}</font></span></span>",
        "<span><p>{0}</p></span><span><p>{1}</p></span>",
        "<div><div><span>{0}</span></div><div><span>{1}</span></div></div>",
        "<section><section><span leaf>{0}</span></section></section><section><span leaf>{1}</span></section>",
        "<span style='display:block'>{0}</span><span style='display:block'>{1}</span>",
        "<center><font>{0}</font></center><font>{1}</font>",
        "<ul><li>{0}</li><li>{1}</li></ul>",
    ],
)
def test_paragraphs_stay_apart_in_every_layout(html: str) -> None:
    assert texts(f"<body>{html.format('第一段话说到这里。', '第二段话接着说。')}</body>") == [
        "第一段话说到这里。",
        "第二段话接着说。",
    ]


@pytest.mark.parametrize("tag", ["div", "span", "font", "b"])
@pytest.mark.parametrize("depth", [251, 1200])
def test_paragraphs_below_any_depth_are_kept_apart(tag: str, depth: int) -> None:
    html = f"<{tag}>" * depth + "<p>深处第一段。</p><p>深处第二段。</p>" + f"</{tag}>" * depth
    assert texts(html) == ["深处第一段。", "深处第二段。"]


def test_same_slot_of_a_template_has_the_same_place() -> None:
    roots = [parse(f"<div id=d{i}><div class='c x{i}'><p>字</p></div></div>".encode()).root for i in (1, 27)]
    assert len({place(read_blocks(r)[0].element) for r in roots}) == 1


@given(st.text(alphabet="<>/pdivbrah=\"' 字。\n&;", max_size=300))
def test_any_markup_parses(html: str) -> None:
    for block in read_blocks(parse(html.encode()).root):
        assert block.text == block.text.strip()
        assert block.link <= block.size
        assert len(block.folded) == len(block.text)


@pytest.mark.parametrize(
    "mark", ["\u200b", "\u200c\u2060", "\ufeff", "&#8203;", "&#x200B;", "&zwnj;", "&shy;", "&#65279;"]
)
def test_characters_of_no_width_leave_no_trace(mark: str) -> None:
    assert texts(f"<p>同志{mark}们,今{mark}天开会{mark}。</p>") == ["同志们,今天开会。"]


def test_what_was_escaped_once_too_often_is_read_as_meant() -> None:
    assert texts(
        "<p>&amp;nbsp;&amp;nbsp;&amp;nbsp;&amp;nbsp;他说&amp;ldquo;好&amp;rdquo;&amp;#8230;</p><p>甲&amp;乙 &amp;lt;</p>"
    ) == [
        "他说“好”…",
        "甲&乙 &lt;",
    ]
    body = "".join(f"&lt;p class=&quot;x&quot;&gt;第{n}段&lt;strong&gt;话&lt;/strong&gt;。&lt;/p&gt;" for n in "一二三")
    assert texts(f"<div>{body}</div>") == ["第一段话。", "第二段话。", "第三段话。"]
    assert texts("<p>标签&lt;p&gt;和&lt;/p&gt;要成对</p>") == ["标签<p>和</p>要成对"]  # spoken of


def read_with(sheet: str, body: str) -> list[str]:
    return texts(f"<html><head><style>{sheet}</style></head><body>{body}</body></html>")


@pytest.mark.parametrize(
    ("sheet", "noise"),
    [
        (".art > p > q{display:none}", "<q>本文来自某站</q>"),
        (".art s{font-size:0}", "<s>本文来自某站</s>"),
        (".w{color:#fff}", "<span class=w>本文来自某站</span>"),
        (".w{color:#fefefe}", "<span class=w>本文来自某站</span>"),
        ("body{background:#f5f5f5}.w{color:rgb(245,245,245)}", "<i class=w>本文来自某站</i>"),
    ],
)
def test_what_a_sheet_hides_by_any_simple_selector_is_left_out(sheet: str, noise: str) -> None:
    assert read_with(sheet, f"<div class=art><p>前面的话{noise}后面的话。</p></div>") == ["前面的话后面的话。"]


@pytest.mark.parametrize(
    ("sheet", "shown"),
    [
        ("body{background:#1b1b1b;color:#bbb}", "<span style=color:#fff>看得见的字</span>"),
        (".art{background:#222}", "<span style=color:#fff>看得见的字</span>"),
        (".art{background-image:linear-gradient(#111,#333)}", "<b style=color:#fff>看得见的字</b>"),
        (".k{color:#fff;background:#c00}", "<span class=k>看得见的字</span>"),
        (".art > q{display:none}", "<q>看得见的字</q>"),
        ("q{display:none}", "<q>看得见的字</q>"),
        (".k{display:block}", "<span class=k>看得见的字</span>"),
    ],
)
def test_what_a_sheet_shows_is_kept(sheet: str, shown: str) -> None:
    assert read_with(sheet, f"<div class=art><p>前面的话{shown}后面的话。</p></div>") == [
        "前面的话看得见的字后面的话。"
    ]


@pytest.mark.parametrize("value", ["pre-wrap", "pre-line", "pre", "break-spaces"])
def test_line_breaks_that_the_page_shows_are_line_breaks(value: str) -> None:
    lines = ["第一段话。", "第二段", "第三段话。"]
    text = "\n\n".join(lines)
    assert texts(f"<div style='white-space: {value};'>{text}</div>") == lines
    assert read_with(f".c{{white-space:{value}}}", f"<div class=c>{text}</div>") == lines
    assert texts(f"<div style='white-space:{value}'><p style='white-space:normal'>第一\n段</p></div>") == ["第一段"]
    assert texts("<div style='white-space:nowrap'>第一\n段</div>") == ["第一段"]


@pytest.mark.parametrize("tag", ["xmp", "listing", "pre"])
def test_old_names_of_preformatted_text(tag: str) -> None:
    assert texts(f"<{tag}>第一段。\n  第二段。</{tag}>") == ["第一段。", "第二段。"]


def test_lines_that_a_sheet_makes_of_inline_elements() -> None:
    lines = ["第一段话。", "第二段话。"]
    body = "".join(f"<span class=line>{x}</span>" for x in lines)
    assert read_with(".line{display:block}", f"<div>{body}</div>") == lines


@pytest.mark.parametrize("blank", ["&emsp;&emsp;", "&ensp;&ensp;&ensp;&ensp;", "\u2003\u2003"])
def test_indents_of_other_blanks_part_paragraphs(blank: str) -> None:
    assert texts(f"<div>{blank}第一段。{blank}第二段。\n{blank}第三段</div>") == ["第一段。", "第二段。", "第三段"]


def test_how_a_character_is_read_aloud_is_no_text() -> None:
    assert texts("<p>擦得<ruby>锃<rp>(</rp><rt>zèng</rt><rp>)</rp></ruby>亮</p>") == ["擦得锃亮"]


def test_hard_wraps_vanish_beside_quotation_marks() -> None:
    assert texts("<p>他说“\n  好”\n  。他又说……\n  走吧</p>") == ["他说“好”。他又说……走吧"]


@pytest.mark.parametrize("end", ["</body></html>", "</BODY></HTML>", "</html>", "</body></html><html><body>"])
def test_a_page_that_its_template_closes_too_early_is_read_to_its_end(end: str) -> None:
    lines = [f"第{n}段话说的是这件事情，请各位同志认真落实到具体工作中去。" * 3 for n in range(3)]
    rest = "".join(f"<p>{x}</p>" for x in lines)
    assert texts(f"<html><body><p>首页</p>{end}<div>{rest}</div></body></html>") == ["首页", *lines]
    # a line behind the end is no text of the page
    assert texts("<html><body><p>首页</p></body></html><p>统计</p>") == ["首页"]
