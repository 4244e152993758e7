"""Hostile pages are capped, deep text is kept, and paragraphs are what a reader sees."""

from hypothesis import given
from hypothesis import strategies as st

from crawler.extraction.blocks import place, read_blocks
from crawler.extraction.dom import MAX_TAGS, parse


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


def test_same_slot_of_a_template_has_the_same_place() -> None:
    roots = [parse(f"<div id=d{i}><div class='c x{i}'><p>字</p></div></div>".encode()).root for i in (1, 27)]
    assert len({place(read_blocks(r)[0].element) for r in roots}) == 1


@given(st.text(alphabet="<>/pdivbrah=\"' 字。\n&;", max_size=300))
def test_any_markup_parses(html: str) -> None:
    for block in read_blocks(parse(html.encode()).root):
        assert block.text == block.text.strip()
        assert block.link <= block.size
        assert len(block.folded) == len(block.text)
