"""Bytes become the text that was written, whatever header and meta claim."""

from hypothesis import given
from hypothesis import strategies as st

from crawler.extraction.decode import declared_charsets, decode

TEXT = "同志们:今天我们召开全镇护林工作会议,主要任务是总结上半年的工作。陶堃、李喆两位同志也来了。"
BIG5 = "各位鄉親:今天是我們社區圖書館開館的日子,感謝大家的到來,也感謝所有志工的付出。"


def test_gbk_bytes_are_read_whatever_the_header_claims() -> None:
    for content_type in (None, "text/html; charset=utf-8", "text/html; charset=gb2312", "text/html; charset=big5"):
        for meta in ("", '<meta charset="gb2312">', '<meta charset="utf-8">'):
            got = decode((meta + TEXT * 3).encode("gbk"), content_type)
            assert got.text == meta + TEXT * 3, (content_type, meta)
            assert got.charset == "gb18030"


def test_utf8_wins_over_a_wrong_declaration() -> None:
    got = decode(('<meta charset="gb2312">' + TEXT).encode(), "text/html; charset=gbk")
    assert (got.charset, got.replaced) == ("utf-8", 0)


def test_big5_declared_and_undeclared() -> None:
    assert decode(('<meta charset="big5">' + BIG5).encode("big5")).text.endswith(BIG5)
    assert decode((BIG5 * 4).encode("big5")).text == BIG5 * 4


def test_a_torn_character_costs_only_itself() -> None:
    got = decode(b'<meta charset="utf-8">' + TEXT.encode()[:-1])
    assert got.charset == "utf-8"
    assert got.replaced == 1


def test_a_page_that_was_encoded_twice_is_read_as_it_was_written() -> None:
    page = f'<meta charset="utf-8"><h1>护林</h1><p>{TEXT * 3}</p><a href="/a/b/c.html">x</a>'
    for wrong in ("latin-1", "cp1252"):
        twice = "".join(bytes([b]).decode(wrong, "ignore") or chr(b) for b in page.encode())
        got = decode(twice.encode())
        assert (got.text, got.replaced) == (page, 0), wrong
    for right in (TEXT, "café à la crème, été, naïve " * 9, "×·©®±" * 30):
        assert decode(right.encode()).text == right


def test_declarations_are_found_in_page_then_header() -> None:
    assert declared_charsets(b"<meta http-equiv=x content='text/html; charset=GB2312'>", "text/html;charset=Big5") == [
        "gb18030",
        "big5hkscs",
    ]


@given(st.binary(max_size=400))
def test_never_raises(body: bytes) -> None:
    assert isinstance(decode(body, "text/html; charset=nonsense").text, str)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\ufeff"), max_size=200))
def test_utf8_round_trip(text: str) -> None:
    assert decode(text.encode()).text == text
