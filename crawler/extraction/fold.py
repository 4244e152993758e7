"""Sameness: folds away what differs between copies of one speech (script, width, case, punctuation, white space, masks).

A folded text is for comparing only, never for showing.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import cache
from typing import Literal, Protocol

Script = Literal["simplified", "traditional", "mixed"]

# Everything that is no letter, digit or ideograph: this takes the masks × * ★ ○ □ … with it.
_PUNCTUATION = re.compile(r"[\W_]+")
# Letter masks: runs of X (Latin, Cyrillic, Greek) that are no part of a word, and 某. Lower case, after NFKC.
_MASK = re.compile(r"(?:[xхχ](?<![a-wyz].)|某)[xхχ某]*(?![a-wyz])")
# What a masked year leaves behind (20xx年, 201x年, 20**年): it must not depend on how many digits were masked.
_CUT_YEAR = re.compile(r"(?:(?:19|20)(?<![0-9]..)[0-9]?|二〇[一二三]?|一九[四五六七八九]?)年")
# A censored congress: 20D for 二十大.
_CENSORED = re.compile(r"(?<![0-9a-z])(18|19|20)d(?![0-9a-z])")
_CONGRESS = {"18": "十八大", "19": "十九大", "20": "二十大"}
# The zero of a year in Chinese numerals: 二○二二, 二0二二, 二零二二, 二〇二二.
_ZERO = re.compile(r"[0o零○〇Οο](?<=[一二][0o零○〇Οο])(?=[一二三四五六七八九0零○〇])")
# 經(jīng): a transcoder's mojibake puts the reading behind each Traditional character.
_READING = re.compile(r"[a-zü]*[āáǎàōóǒòēéěèīíǐìūúǔùǖǘǚǜ][a-zü]*")


class _Converter(Protocol):
    def convert(self, text: str) -> str: ...


@cache
def _t2s() -> _Converter:
    import opencc  # heavy: only those who fold pay for it

    converter: _Converter = opencc.OpenCC("t2s")
    return converter


def _charset(chars: str) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(chars)}]")


@cache
def traditional_table() -> dict[int, str]:
    """str.translate table, character by character, from Traditional to Simplified (basic ideograph block)."""
    block = [chr(c) for c in range(0x4E00, 0xA000)]
    simple = _t2s().convert("\n".join(block)).split("\n")
    return {ord(a): b for a, b in zip(block, simple, strict=True) if a != b and len(b) == 1}


@cache
def traditional_pattern() -> re.Pattern[str]:
    """Matches a character that conversion to Simplified changes."""
    return _charset("".join(map(chr, traditional_table())))


def _encodable(char: str, codec: str) -> bool:
    try:
        return bool(char.encode(codec))
    except UnicodeEncodeError:
        return False


@cache
def _script_marks() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Characters only Simplified texts use, and only Traditional ones: in one of GB 2312 and Big5 but not in the other."""
    block = [chr(c) for c in range(0x4E00, 0xA000)]
    gb = {c for c in block if _encodable(c, "gb2312")}
    big = {c for c in block if _encodable(c, "big5")}
    changed = set(map(chr, traditional_table()))
    return _charset("".join(sorted(gb - big - changed))), _charset("".join(sorted((big - gb) & changed)))


def script_of(text: str) -> Script:
    """Script of a text: `mixed` when the rarer script has more than a tenth of the telling characters.

    A text without any telling character counts as simplified.
    """
    simple, traditional = _script_marks()
    if not traditional.search(text):
        return "simplified"
    s, t = len(simple.findall(text)), len(traditional.findall(text))
    if t <= 0.1 * (s + t):
        return "simplified"
    return "traditional" if s <= 0.1 * (s + t) else "mixed"


def fold(text: str) -> str:
    """Text as compared: Simplified, NFKC, lower case, without punctuation, white space and masks.

    Differently masked copies fold alike: XX市 ××市 **市 某某市 to 市; 20xx年 201x年 20**年 to 年; X月X日 to 月日.
    """
    text = _PUNCTUATION.sub("", _zeros(text))
    # Most of what NFKC would change was punctuation, so that this quick check usually saves the conversion.
    if not unicodedata.is_normalized("NFKC", text):
        text = _PUNCTUATION.sub("", unicodedata.normalize("NFKC", text))
    text = _MASK.sub("", text.lower())
    if traditional_pattern().search(text):
        text = _t2s().convert(_READING.sub("", text))
    text = _CUT_YEAR.sub("年", text)
    if "d" in text:
        text = _CENSORED.sub(lambda m: _CONGRESS[m[1]], text)
    return text


def _zeros(text: str) -> str:
    """The many zeros of 二○二二年 as 〇; ○ is punctuation to Unicode and would be lost."""
    return _ZERO.sub("〇", text)


def text_sha256(text: str) -> str:
    """SHA-256 (hex) of the text as shown, in NFC."""
    return hashlib.sha256(unicodedata.normalize("NFC", text).encode()).hexdigest()


def simtext_sha256(text: str) -> str:
    """SHA-256 (hex) of the folded text: equal for copies that differ only in what `fold` takes away."""
    return hashlib.sha256(fold(text).encode()).hexdigest()
