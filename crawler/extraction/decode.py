"""Bytes to text. The rule that lost no page of 69 (docs/reading.md): strict UTF-8, else the declared charset (gb2312, gbk or
none read as gb18030), else the candidate that reads best. A header alone is never trusted."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_META = re.compile(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_XML = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_.:-]{2,40})""")
_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

# The most frequent characters of running Chinese, Simplified and Traditional: what a right reading is full of.
_COMMON = frozenset(
    "的一是不了在人有我他这個个们們中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而子那得于着著下自之年过過发發后後作里裡"
    "用道行所然家种種事成方多经經么去法学學如都同现現当當没沒动動面起看定天分还還进進好小部其些主样樣理心她本前开開但因只从從想实實日军軍者意无無力它与與长長把机機十民第公此已"
    "工使情明性知全三又关關点點正业業外将將两兩高间間由问問很最重并物手应應战戰向头頭文体體政美相见見被利什二等产產或新己制身果加西斯月话話合回特代内內信表化老给給世位次度门門任常先海通教儿兒"
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text of a page, the charset it was read with, and whether characters were lost."""

    text: str
    charset: str
    replaced: int


def _codec(label: str) -> str | None:
    """The Python codec for a declared charset; supersets for the ones that are always declared too small."""
    name = label.strip().lower().replace("_", "-")
    if name in {
        "gb2312",
        "gbk",
        "gb-2312",
        "gb2312-80",
        "x-gbk",
        "cp936",
        "gb18030",
        "hz-gb-2312",
        "euc-cn",
        "chinese",
    }:
        return "gb18030"
    if name in {"big5", "big-5", "x-x-big5", "big5-hkscs", "cn-big5", "cp950"}:
        return "big5hkscs"
    if name in {"utf8", "utf-8", "unicode-1-1-utf-8"}:
        return "utf-8"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def declared_charsets(body: bytes, content_type: str | None = None) -> list[str]:
    """Codecs that the page itself declares (XML declaration, meta in the first 4 KiB), then the header's; no repeats."""
    labels = [m.decode("ascii", "replace") for m in (*_XML.findall(body[:512]), *_META.findall(body[:4096]))]
    if content_type and (m := _HEADER.search(content_type)):
        labels.append(m[1])
    return list(dict.fromkeys(c for c in map(_codec, labels) if c))


_GOOD = re.compile(f"[{''.join(sorted(_COMMON))}]")
_BAD = re.compile("[\ufffd\ue000-\uf8ff\x80-\x9f]")
_SAMPLE = 2_000  # characters from the beginning, the middle and the end


def _quality(text: str) -> float:
    """How much a text reads like running Chinese, from 0 up; what was lost or is private weighs against it."""
    middle = len(text) // 2
    sample = text if len(text) <= 3 * _SAMPLE else text[:_SAMPLE] + text[middle : middle + _SAMPLE] + text[-_SAMPLE:]
    wide = len(sample) - len(sample.encode("ascii", "ignore"))
    if not wide:
        return 1.0
    return (len(_GOOD.findall(sample)) - 5 * len(_BAD.findall(sample))) / wide


_SEVENTH = 7  # of a page's bytes: so many lead Latin letters with accents, and it is UTF-8 that was encoded once more
_LATIN_LEADS = (b"\xc2", b"\xc3")


def _encoded_twice(body: bytes, text: str) -> str | None:
    """What a page in UTF-8 says whose text was UTF-8 that somebody read as Latin-1 and saved; None for any other page.

    Told by what no Chinese page is full of; taken where nearly nothing is lost and the result reads like Chinese. What was read
    as GBK and saved is not tried: every other mark has lost a byte.
    """
    if _SEVENTH * sum(map(body.count, _LATIN_LEADS)) <= len(body):
        return None
    for charset in ("latin-1", "cp1252"):
        once = b"".join(_bytes_of(c, charset) for c in text).decode("utf-8", "replace")
        if 50 * once.count("\ufffd") <= len(once) and _quality(once) > 0.1:
            return once
    return None


def _bytes_of(character: str, charset: str) -> bytes:
    """A character's bytes; what the charset lacks was kept as a control character, or is lost."""
    try:
        return character.encode(charset)
    except UnicodeEncodeError:
        return bytes([ord(character)]) if ord(character) < 256 else b"?"


def decode(body: bytes, content_type: str | None = None) -> Decoded:
    """Decode a page's bytes; never raises, never guesses where strict UTF-8 fits."""
    for bom, name in _BOMS:
        if body.startswith(bom):
            text = body[len(bom) :].decode(name, "replace")
            return Decoded(text, name, text.count("\ufffd"))
    try:
        text = body.decode("utf-8")
        once = _encoded_twice(body, text)
        return Decoded(text, "utf-8", 0) if once is None else Decoded(once, "utf-8", once.count("\ufffd"))
    except UnicodeDecodeError:
        pass
    declared = [c for c in declared_charsets(body, content_type) if c != "utf-8"] or ["gb18030"]
    best: tuple[float, int] | None = None
    out = Decoded("", "utf-8", 0)
    for rank, charset in enumerate(dict.fromkeys([*declared, "utf-8", "gb18030", "big5hkscs"])):
        text = body.decode(charset, "replace")
        lost = text.count("\ufffd")
        if rank == 0 and lost == 0 and _quality(text) > 0.1:
            return Decoded(text, charset, 0)
        score = (_quality(text) + (0.05 if rank == 0 else 0.0), -lost)
        if best is None or score > best:
            best, out = score, Decoded(text, charset, lost)
    return out
