"""Copies of one speech that differ in script, width, punctuation, white space and masks fold to one text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.extraction.fold import fold, script_of, simtext_sha256, text_sha256

PHRASES = st.sampled_from(
    [
        "同志们",
        "今年",
        "我们",
        "召开",
        "会议",
        "三点意见",
        "2022年",
        "增长",
        "副市长",
        "某些人",
        "box",
        "A类",
        "教育",
        "乾坤",
    ]
)
SIGNS = st.sampled_from([",", "，", "。", " ", "\n", "\u3000", "“", "、", "——", "……", "(", ")", "★", "\u200b"])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("各位领导、同志们:", "各位領導、同志們："),
        ("今天,我们开会。", "今天，我们开会！\n"),
        ("XX市××区的张某某", "**市xx区的张"),
        ("ХХ市ｘｘ区", "某某市XXX区"),
        ("20xx年X月X日", "201x年×月×日"),
        ("20**年", "20××年"),
        ("二○二二年", "二〇二二年"),
        ("二零二二年", "二0二二年"),
        ("迎接20D召开", "迎接二十大召开"),
        ("經(jīng)過會議", "经过会议"),
        ("ＡＢＣ１２", "abc12"),
        ("增长X%", "增长*%"),
    ],
)
def test_copies_fold_alike(a: str, b: str) -> None:
    assert fold(a) == fold(b)
    assert simtext_sha256(a) == simtext_sha256(b)
    assert text_sha256(a) != text_sha256(b)


@pytest.mark.parametrize(
    ("a", "b"), [("2021年", "2022年"), ("exam", "em"), ("20多年来", "30多年来"), ("box", "bo"), ("二十人", "三十人")]
)
def test_what_differs_stays_different(a: str, b: str) -> None:
    assert fold(a) != fold(b)


def test_text_hash_is_of_nfc() -> None:
    assert text_sha256("e\u0301") == text_sha256("\u00e9")


@given(st.lists(st.tuples(PHRASES, SIGNS, SIGNS), max_size=30))
def test_signs_never_matter_and_folding_twice_changes_nothing(pieces: list[tuple[str, str, str]]) -> None:
    one = "".join(p + a for p, a, _ in pieces)
    other = "".join(p + b for p, _, b in pieces)
    assert fold(one) == fold(other) == fold(fold(one))


@given(st.text())
def test_any_text_folds(text: str) -> None:
    assert not any(c.isspace() for c in fold(text))
    assert script_of(text) in {"simplified", "traditional", "mixed"}


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("各位领导,今天我们开会", "simplified"),
        ("各位領導,今天我們開會", "traditional"),
        ("各位領導,今天我们开会", "mixed"),
        ("abc 123", "simplified"),
        ("经" * 50 + "過", "simplified"),
    ],
)
def test_script(text: str, script: str) -> None:
    assert script_of(text) == script
