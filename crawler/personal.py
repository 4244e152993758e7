"""Personal data in speeches: numbers and addresses by which one person can be reached or told. The rules are personal.yaml.

What is looked for: mobile numbers, identity numbers (date and checksum verified), e-mail addresses, QQ numbers and WeChat ids behind
their labels. Landlines, hotlines, names and offices are not. Masked numbers (138****1234) are none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from string import ascii_letters, digits

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crawler.ourdata import read_ours

FILE = Path(__file__).with_name("personal.yaml")
KINDS = ("email", "id_number", "mobile", "qq", "wechat")

# What takes the place of one, whatever it was: nothing of it is left. Signs that the dataset knows as masks.
MASKS = {"mobile": "×" * 11, "id_number": "×" * 18, "email": "×××@×××", "qq": "×" * 8, "wechat": "×" * 8}

SEARCH = 3  # one more whenever the same rules find more or less than before: then all rows are looked through again

# Where it is looked for besides `text`.
FIELDS = ("title", "title_raw", "part_title", "source", "author", "editor_intro", "site_title", "occasion", "preview_evidence",
          "speaker_name", "speaker_role", "salutation", "region")  # fmt: skip
LISTS = ("breadcrumb", "keywords", "topics")

# Folded before the rules look: full-width digits, letters and a few signs, spaces and dashes, each one character for one.
_FOLDED = {
    **{c: c - 0xFEE0 for c in map(ord, "０１２３４５６７８９＠．－＿＋＃")},
    **{c: c - 0xFEE0 for a in (0xFF21, 0xFF41) for c in range(a, a + 26)},
    **dict.fromkeys(map(ord, "\u3000\u00a0\u2002\u2003\u2009"), 0x20),
    **dict.fromkeys(map(ord, "‐‑–—−"), 0x2D),
}
_TO_FOLD = re.compile("[" + "".join(map(chr, _FOLDED)) + "]")
_RUN = re.compile(r"[!-~][ -~]{4,}")  # every rule matches a run of 5 half-width characters at the least
_LABEL, _BEHIND = 16, 8  # characters before and behind such a run that a rule looks at
_PROVINCES = frozenset("11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83 91".split())  # fmt: skip  # noqa: SIM905
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999, ISO 7064 MOD 11-2


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of personal.yaml."""

    id: str
    kind: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool]
    yes: tuple[str, ...]
    no: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """Personal data in a text: text[start:end], in characters."""

    start: int
    end: int
    kind: str


def id_check_digit(first: str) -> str:
    """The last character of an identity number whose first 17 digits these are (GB 11643-1999)."""
    total = sum(w * int(d) for w, d in zip(_WEIGHTS, first, strict=True))
    return "10X98765432"[total % 11]


def _is_date(year: str, month_day: str) -> bool:
    try:
        date(int(year), int(month_day[:2]), int(month_day[2:]))
    except ValueError:
        return False
    return True


def _id_18(found: str) -> bool:
    digits = found.replace(" ", "").replace("-", "").upper()
    return (
        digits[:2] in _PROVINCES and _is_date(digits[6:10], digits[10:14]) and digits[17] == id_check_digit(digits[:17])
    )


def _id_15(found: str) -> bool:
    return found[:2] in _PROVINCES and _is_date("19" + found[6:8], found[8:12])


_CHECKS: Mapping[str, Callable[[str], bool]] = {"": lambda _: True, "id_18": _id_18, "id_15": _id_15}


@cache
def rules() -> tuple[Rule, ...]:
    """The rules of personal.yaml, in its order. Raises ValueError for one that is malformed."""
    made = []
    for given in read_ours(FILE):
        r = {{True: "yes", False: "no"}.get(k, k): v for k, v in given.items()}  # YAML 1.1 reads the bare words so
        if unknown := set(r) - {"id", "kind", "pattern", "check", "yes", "no"}:
            raise ValueError(f"{FILE.name}: unknown key {sorted(unknown)[0]!r} in {r.get('id')}")
        if r["kind"] not in KINDS:
            raise ValueError(f"{FILE.name}: unknown kind {r['kind']!r} in {r['id']}")
        check = _CHECKS[r.get("check", "")]
        made.append(Rule(r["id"], r["kind"], re.compile(r["pattern"]), check, tuple(r["yes"]), tuple(r["no"])))
    return tuple(made)


@cache
def digest() -> str:
    """Digest of the rules, the masks and the search: another one means that rows may come out otherwise."""
    told = (sorted(MASKS.items()), FIELDS, LISTS, SEARCH)
    return hashlib.sha256(FILE.read_bytes() + repr(told).encode()).hexdigest()


def find(text: str) -> list[Hit]:
    """The personal data of a text, by where it stands. Two kinds may claim one place (a mobile number given as WeChat id)."""
    plain = text.translate(_FOLDED) if _TO_FOLD.search(text) else text
    hits: set[Hit] = set()
    while found := _round(plain) - hits:
        hits |= found
        # what is taken out may have hidden what stands beside it: 13812345678vx:somebody
        for hit in found:
            plain = plain[: hit.start] + "×" * (hit.end - hit.start) + plain[hit.end :]
    return sorted(hits)


def _round(plain: str) -> set[Hit]:
    hits = set()
    for begin, end in _windows(plain):
        for rule in rules():
            for m in rule.pattern.finditer(plain, begin, end):
                group: int | str = "it" if "it" in rule.pattern.groupindex else 0
                if rule.check(m[group]):
                    hits.add(Hit(m.start(group), m.end(group), rule.kind))
    return hits


def _windows(plain: str) -> list[tuple[int, int]]:
    """Where the rules have something to look at, in order, without overlap: most of a Chinese text is left out."""
    out: list[tuple[int, int]] = []
    for run in _RUN.finditer(plain):
        begin, end = max(0, run.start() - _LABEL), run.end() + _BEHIND
        if out and begin <= out[-1][1]:
            begin, _ = out.pop()
        out.append((begin, end))
    return out


def mask(text: str) -> str:
    """The text with its personal data replaced by masks (MASKS). Of what overlaps, the first and longest gives the mask."""
    out, end = [], 0
    for hit in sorted(find(text), key=lambda h: (h.start, -h.end)):
        if hit.start >= end:
            out += [text[end : hit.start], MASKS[hit.kind]]
        end = max(end, hit.end)
    return "".join(out) + text[end:] if out else text


# -- many texts


def _folding(*plain: str) -> str:
    """RE2: one of the characters that are these when they are folded."""
    wanted = set("".join(plain))
    alike = sorted({*map(ord, wanted), *(c for c, to in _FOLDED.items() if chr(to) in wanted)})
    return "[" + "".join(rf"\x{{{c:x}}}" for c in alike) + "]"


def _word(plain: str) -> str:
    """RE2: this word in letters of any width and case."""
    return "".join(_folding(c.lower(), c.upper()) for c in plain)


# RE2 over the few texts that the looks leave, and over all that are short: what every rule needs at the least
_D, _A, _SPACE = _folding(digits), _folding(digits, ascii_letters), _folding(" ") + "?"
_S = _folding(" -.") + "?"
_NEEDED = (
    rf"{_folding('1')}{_folding('3456789')}(?:{_S}{_D}){{9}}|{_folding('123456789')}{_D}{{5}}{_S}{_D}{{2}}|{_folding('@')}"
    rf"|{_folding(digits, ascii_letters, '._-')}{_SPACE}(?:{_folding('#')}|[(（\[]{_word('at')}[)）\]]){_SPACE}{_A}"
    rf"|(?:{_word('q')}{_SPACE}{_word('q')}|{_word('q')}号|(?:加|{_folding('+')}{_SPACE}){_word('q')}|扣扣|企鹅).{{0,9}}{_D}{{5}}"
    rf"|(?:{_folding('VvWw')}{_word('x')}|{_word('v')}信|{_word('wechat')}|微.?信|[薇威]信|(?:加|{_folding('+')}{_SPACE}){_word('v')})"
    rf".{{0,9}}{_A}{_folding(digits, ascii_letters, '_-')}{{5}}"
)


def _classes() -> npt.NDArray[np.bool_]:
    table = np.zeros(256, bool)
    table[[*map(ord, digits + ascii_letters + "_.-+@# ")]] = True
    return table


_CLASSES = _classes()
_WANTED = np.ones(256, bool)
_WANTED[0x9B:0xA0] = False  # no full-width letter, digit or sign of _FOLDED ends so, but ； and ？ do
_LINES = 100  # bytes a value: shorter ones go to RE2 at once
_AT_ONCE = 1 << 19  # bytes, a multiple of 8: what is worked out of so many stays in the processor's cache


def _suspects(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Places in UTF-8 bytes at or beside which personal data may stand. Misses none that a rule can match: whatever does has 5 characters of
    _CLASSES in a row, or an ASCII character before a space or dash that is none (138–1234–5678, an account ab–cd–ef, "a　@　b.cn"), or a
    full-width letter, digit, @, stop, dash or underscore.
    """
    last = len(data) - 1
    # a little more than one after the other, so that what lies over an edge is seen
    at = np.concatenate([_told(data[n : n + _AT_ONCE + 8]) + n for n in range(0, len(data), _AT_ONCE)])
    ascii_ = data[at] < 0x80
    wide = at[~ascii_]
    b, c = data[wide - 1], data[wide]
    wide = wide[((b == 0xBC) & (c != 0x9A) & (c != 0x9B) & (c != 0x9F)) | ((b == 0xBD) & (c <= 0x9A))]
    plain = at[ascii_]
    edge, plain = plain[plain > last - 4], plain[plain <= last - 4]
    a, b, c, d = (data[plain + k] for k in range(1, 5))
    row = _CLASSES[data[plain]] & _CLASSES[a] & _CLASSES[b] & _CLASSES[c] & _CLASSES[d]
    sign = ((a == 0xC2) & (b == 0xA0)) | ((a == 0xE3) & (b == 0x80) & (c == 0x80))
    sign |= (a == 0xE2) & (((b == 0x80) & (c <= 0x94)) | ((b == 0x88) & (c == 0x92)))
    return np.concatenate([plain[row | sign], edge, wide])


def _told(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """What _suspects looks at closer: where 5 ASCII characters begin, or one before what begins as the signs do, and the last bytes of
    full-width ones."""
    s = data.view(np.int8)  # numpy compares these in less time than unsigned ones
    ascii_ = s >= 0x20
    five = ascii_[:-2] & ascii_[2:]  # between two ASCII characters there is no room for a long one
    five = five[:-2] & ascii_[4:]
    follows = s < -0x1C  # after ASCII: C2 to E3, with which the signs begin, and no ideograph
    follows[1:-3] |= five
    hit = ascii_
    hit[:-1] &= follows[1:]
    # EF BC 8D to EF BD 9A: some of the punctuation is among these, but the comma is not
    wide = s > -0x74
    wide[1:] |= s[:-1] == -0x43
    wide[2:] &= s[:-2] == -0x11
    wide[:2] = False
    hit |= wide
    # in half the time of numpy's own where it is seldom true; the last few are told in any case
    words = hit[: len(hit) // 8 * 8].view(np.uint64)
    some = np.flatnonzero(words != 0)
    within = np.flatnonzero(words[some].view(bool))
    at = np.concatenate([some[within >> 3] * 8 + (within & 7), np.arange(len(hit) // 8 * 8, len(hit))])
    likely: npt.NDArray[np.int64] = at[_WANTED[data[at]]]
    return likely


def scan(texts: pa.ChunkedArray | pa.Array) -> list[list[str]]:
    """The kinds of personal data in each text, sorted; null has none. Cheap where few texts have any."""
    out: list[list[str]] = [[] for _ in range(len(texts))]
    for i, kinds in scanned(texts):
        out[i] = kinds
    return out


def scanned(texts: pa.ChunkedArray | pa.Array) -> Iterator[tuple[int, list[str]]]:
    """The texts that have personal data, by number, with its kinds, sorted."""
    start = 0
    for chunk in texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]:
        for i in _candidates(chunk):
            text = chunk[int(i)].as_py()
            if text is not None and (found := sorted({h.kind for h in find(text)})):
                yield start + int(i), found
        start += len(chunk)


def _candidates(texts: pa.Array) -> npt.NDArray[np.int64]:
    """Rows that may have personal data."""
    if not len(texts):
        return np.zeros(0, np.int64)
    texts = texts.cast(pa.large_string())
    _, where, values = texts.buffers()
    offsets = np.frombuffer(where, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    if values is None or offsets[-1] == offsets[0]:
        return np.zeros(0, np.int64)
    data = np.frombuffer(values, np.uint8)[offsets[0] : offsets[-1]]
    if len(data) < _LINES * len(texts):
        return np.flatnonzero(
            pc.fill_null(pc.match_substring_regex(texts, _NEEDED), False).to_numpy(zero_copy_only=False)
        )
    at = _suspects(data) + offsets[0]
    few = np.unique(np.searchsorted(offsets, at, side="right") - 1)
    if not len(few):
        return few
    likely = pc.fill_null(pc.match_substring_regex(texts.take(pa.array(few)), _NEEDED), False)
    chosen: npt.NDArray[np.int64] = few[np.asarray(likely.to_numpy(zero_copy_only=False), bool)]
    return chosen


def words(rows: pa.Table) -> pa.ChunkedArray:
    """The words of FIELDS and LISTS of each row, a line each: they are looked through in one go."""
    columns = [rows[n].cast(pa.large_string()) for n in FIELDS if n in rows.column_names]
    columns += [
        pc.binary_join(rows[n].cast(pa.list_(pa.string())), "\n").cast(pa.large_string())
        for n in LISTS
        if n in rows.column_names
    ]
    end = pa.scalar("\n", pa.large_string())
    joined = pc.binary_join_element_wise(*columns, end, null_handling="replace", null_replacement="")
    return joined if isinstance(joined, pa.ChunkedArray) else pa.chunked_array([joined])
