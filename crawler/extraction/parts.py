"""Compilations: one page, several speeches. Where each part begins and what its heading is.

Several readings are tried, each with its own evidence, and the one that explains the page best is taken:

* ordinals of one form (篇1, 【篇一】, 第一篇:, 范文一, 其一, 上篇, a title with (一) behind it) that run on by one, or with gaps
  where the parts open like speeches; ordinals of several forms that run on by one together;
* full titles of their own, without ordinals;
* a form of address with something that reads like a heading, or a line of ornaments, straight above it, whatever its form;
* where the page declares a number of speeches, as many new salutations or lines of ornaments.

Each part must hold text, so that a table of contents is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from crawler.extraction.blocks import Block
from crawler.extraction.edges import INTRO, OUTLINE, is_address_line
from crawler.extraction.rules import any_of
from crawler.extraction.salutation import is_address, salutation

_NUM = r"(?:[一二三四五六七八九十百]{1,4}|\d{1,3}|[①-⑳]|[Ⅰ-Ⅻ])"
_HAN, _ARABIC = r"(?:[一二三四五六七八九十百]{1,4})", r"(?:\d{1,3}|[①-⑳])"
_LETTER = r"(?:[A-Ha-h](?![A-Za-z])|[甲乙丙丁戊己庚辛])"
_MARKS = r"[^\w。!?;]*"  # brackets, stars, dashes: whatever is no word and ends no sentence
_SEP = r"(?P<sep>[^\w。!?;(《“\"【\[]*)"  # the same between an ordinal and what stands behind it

MAX_HEADING = 70
MAX_GAP = 3  # parts that may be missing between two ordinals
MIN_SPEECH = 90  # characters of a part that nothing but its title or salutation sets apart
_BEGUN = 20  # characters of a part in which the page breaks off
MIN_PART = 60  # characters a part must hold; between the lines of a table of contents stands less

# style → pattern with the ordinal `n`, what parts it from the rest, and the rest; searched in plain views
_ORDINAL_STYLES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("篇n", re.compile(rf"^{_MARKS}(?P<pre>[^。!?;]{{0,50}}?)\s*(?<!第)(?:篇|之)\s*(?P<n>{_NUM})(?![篇年月日个项点]){_SEP}(?P<rest>.*)$")),
    ("第n篇", re.compile(rf"^{_MARKS}(?P<pre>[^。!?;第]{{0,50}}?)\s*第\s*(?P<n>{_NUM})\s*(?:篇|份|稿|部(?!分)|则){_SEP}(?P<rest>.*)$")),
    ("范文n", re.compile(
        rf"^{_MARKS}(?P<pre>[^。!?;]{{0,50}}?(?:范文|样本|例文|样文|模板|范例|范本|样稿|例稿|版本|稿件|讲话稿?|讲稿|发言稿?|演讲稿?|致辞稿?|主持词|党课|稿|材料|文稿|篇目|案例|示例|文本|样例))"
        rf"\s*[(【\[]?\s*(?P<n>{_NUM}|{_LETTER})\s*[)】\]]?(?![年月日个项点次届、篇则份]){_SEP}(?P<rest>.*)$")),
    ("题(n)", re.compile(rf"^{_MARKS}(?P<pre>[^。!?;]{{4,60}}?)\s*[(\[【]\s*(?P<n>{_NUM})\s*[)\]】](?P<sep>)(?P<rest>){_MARKS}$")),
    ("Part n", re.compile(rf"^{_MARKS}(?P<pre>)(?:Part|PART|part|No|NO|Chapter|Speech)\s*\.?\s*(?P<n>{_NUM}){_SEP}(?P<rest>.*)$")),
    ("上篇", re.compile(rf"^{_MARKS}(?P<pre>)(?P<n>[上中下])\s*(?:篇|集|部)(?P<sep>[^\w。!?;,(《“\"【\[]*)(?P<rest>.*)$")),
    ("其n", re.compile(rf"^{_MARKS}(?P<pre>)其\s*(?P<n>{_NUM})(?P<sep>)(?P<rest>){_MARKS}$")),
    ("(n)题", re.compile(rf"^\s*[(\[【]\s*(?P<pre>)(?P<n>{_NUM})\s*[)\]】](?P<sep>)\s*(?P<rest>.{{4,60}})$")),
    ("n、题", re.compile(rf"^\s*(?P<pre>)(?P<n>{_HAN})\s*[、.:](?P<sep>)\s*(?P<rest>.{{4,60}})$")),
    ("1、题", re.compile(rf"^\s*(?P<pre>)(?P<n>{_ARABIC})\s*[、.:](?P<sep>)\s*(?P<rest>.{{4,60}})$")),
    ("n", re.compile(rf"^{_MARKS}(?P<pre>)(?P<n>{_NUM})(?P<sep>)(?P<rest>){_MARKS}$")),
)  # fmt: skip
_WEAK_STYLES = frozenset(("题(n)", "其n", "n"))
_TITLED_STYLES = frozenset(("(n)题", "n、题", "1、题"))  # an outline looks the same: each must be the title of a speech
_GAP_STYLES = frozenset(("篇n", "第n篇", "范文n", "Part n", "上篇"))  # forms of ordinals that no outline has
_SERIAL = {c: n for word in ("上中下", "甲乙丙丁戊己庚辛", "ABCDEFGH") for n, c in enumerate(word, 1)}

_ORNAMENT = re.compile(r"^[\-=_*~—–─━═·•#+.,。、★☆◆◇■□●○▲△▼▽※✦✿❀◎\s]{3,}$")
_DOTS = re.compile(r"^[\s.…·。]+$")
# 学会理事长刘一鸣: · 王海(三中校长): — who speaks now, by office and name
_OFFICE = (
    r"(?:书记|[省市县区乡镇村局厅处科部院校会园厂社站所队班组行州]长|秘书长|主任|主席|委员|代表|教授|院士|专家|经理|总监|董事|[理董监]事长|总裁|老师|教师|班主任|辅导员"
    r"|同学|学生|家长|校友|嘉宾|作家|医生|护士|工人|农民|干部|员工|职工|民警|站长|组长|负责人|创始人|[先女][生士])"
)
_WHO_SPEAKS = re.compile(
    rf"^[【\[(★◆■●▲]?\s*(?:[^,。!?;:的说讲对向]{{0,20}}?{_OFFICE}\s*[一-龥]{{2,4}}|[一-龥]{{2,4}}\s*[(、 ][^,。!?;:]{{0,20}}{_OFFICE}\)?)\s*[】\])]?\s*:\s*$"
)
_KIND = re.compile(r"[一二三四五六七八九十\d]{1,3}|[A-Za-z]|[甲乙丙丁戊己上中下首次末]")
_SCRIPT = re.compile(r"主持|串词|串联|议程|剧本|台词|流程")  # one text in which several people are addressed
_TITLE_LIKE = re.compile(
    r"(?:讲话|致辞|致词|发言|演讲|主持词|主持稿|报告|党课|讲稿|讲话稿|发言稿|演讲稿|贺词|开幕词|闭幕词|寄语|祝词|祝辞|献词|悼词|欢迎词|表态|稿)"
    r"(?:提纲|材料|范文|全文|实录|摘要|稿|草稿)?\s*(?:[(\[【《][^)\]】》]{1,20}[)\]】》])?(?:[—–:-]{1,2}.{2,30})?\s*$|^(?:关于|在)[^。]{4,50}(?:讲话|致辞|发言|演讲|报告)"
)
_DECLARED = re.compile(
    rf"(?P<n>{_NUM}|[两])\s*(?:篇(?!大?文章)|则|份|[位名]\S{{1,8}}的?(?:讲话|致辞|致词|发言|演讲)(?!上|中|时))|(?:汇编|合集|集锦|汇总|大全|集合)"
)
_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}
_GREETING = any_of("salutation", "greeting")
_CLOSING = any_of("outline", "closing")


def number(text: str) -> int | None:
    """The value of an ordinal: Chinese up to 99, Arabic, circled, Roman, A to H, 甲 to 辛, 上中下; None when it is none."""
    if text.isdigit() and text.isascii():
        return int(text)
    if len(text) == 1 and "①" <= text <= "⑳":
        return ord(text) - ord("①") + 1
    if len(text) == 1 and "Ⅰ" <= text <= "Ⅻ":
        return ord(text) - ord("Ⅰ") + 1
    if text.upper() in _SERIAL:
        return _SERIAL[text.upper()]
    if "百" in text:
        return None
    if "十" in text:
        tens, _, ones = text.partition("十")
        if len(tens) > 1 or len(ones) > 1:
            return None
        return (_DIGITS.get(tens, 1) if tens else 1) * 10 + (_DIGITS.get(ones, 0) if ones else 0)
    return _DIGITS.get(text)


def declared_count(title: str) -> int | None:
    """How many speeches a title (plain view) declares: `讲话稿6篇` 6, `汇编4篇` 4, `讲话汇编` 0 (some), else None."""
    found = None
    for m in _DECLARED.finditer(title):
        found = number(m["n"]) if m["n"] else (found or 0)
    return found


def is_ornament(block: Block) -> bool:
    """A line of dashes, stars or the like that parts a text and is none itself."""
    return block.size >= 3 and bool(_ORNAMENT.match(block.folded)) and not _DOTS.match(block.folded)


@dataclass(frozen=True, slots=True)
class Heading:
    """A part begins behind block `index` of the body; `rest` is text that stands behind the heading on its line.

    before: lines straight above the heading that belong to it (ornaments).
    """

    index: int
    ordinal: int | None
    text: str
    rest: str
    before: int = 0

    @property
    def first(self) -> int:
        """The first line that is no more of the part before."""
        return self.index - self.before


@dataclass(frozen=True, slots=True)
class _Candidate:
    index: int
    n: int
    pre: str
    heading: str
    rest: str
    titled: bool
    style: str


def _candidates(blocks: Sequence[Block], name: str, style: re.Pattern[str]) -> list[_Candidate]:
    out = []
    for i, b in enumerate(blocks):
        if b.size > MAX_HEADING and not (b.size <= 4000 and b.folded[:1] in "【[第篇(范样〖〔★◆■●"):
            continue
        m = style.match(b.folded[: MAX_HEADING + 30])
        if not m or (n := number(m["n"])) is None or n < 1:
            continue
        rest_at = m.start("rest")
        rest = b.text[rest_at:].strip() if m["rest"] or b.size > MAX_HEADING else ""
        plain_rest = b.folded[rest_at:].strip()
        titled = bool(rest) and _is_title(plain_rest)
        opening = bool(rest) and _greets(plain_rest)
        # 第一篇章,叫作坚持: what runs on without anything between is a word of a sentence
        if rest and not m["sep"] and not opening and name in _GAP_STYLES and not _TITLE_LIKE.search(plain_rest):
            continue
        if (
            rest
            and not titled
            and b.size > MAX_HEADING
            and (rest_at > 12 or not (re.search(r"[:\s)】\]》〗〕★]", m["sep"]) or opening))
        ):
            continue
        heading = b.text if titled or not rest else b.text[:rest_at].strip()
        out.append(_Candidate(i, n, re.sub(r"\s+", "", m["pre"]), heading.strip(), "" if titled else rest,
                              titled and bool(_TITLE_LIKE.search(plain_rest.strip("《》〈〉<>「」“” "))), name))  # fmt: skip
    return out


def _is_title(text: str) -> bool:
    """A line that reads like a title: short, and not ended like a sentence or an address."""
    return 2 <= len(text) <= 60 and not re.search(r"[。!?;:,]$", text) and text.count(",") <= 1 and not is_address(text)


def _sizes(blocks: Sequence[Block], starts: Sequence[int], cut: bool = False) -> list[int]:
    """Characters of each part. cut: the page breaks off, so that the last part counts as whole however little of it is there."""
    ends = [*starts[1:], len(blocks)]
    held = [sum(b.size for b in blocks[s + 1 : e] if not b.is_linked) for s, e in zip(starts, ends, strict=True)]
    return [*held[:-1], max(held[-1], MIN_SPEECH)] if cut and len(held) > 1 and held[-1] >= _BEGUN else held


def _series(blocks: Sequence[Block], found: list[_Candidate], gap: int = 1, cut: bool = False) -> list[_Candidate]:
    """The best run of candidates whose ordinals go on by one (by `gap` at most) and whose parts hold text; [] for none."""
    best: list[_Candidate] = []
    best_key = (0, 0)
    for k, first in enumerate(found):
        if first.n > 4:
            continue
        run = [first]
        for c in found[k + 1 :]:
            if 0 < c.n - run[-1].n <= gap and c.index > run[-1].index:
                run.append(c)
            elif c.n == first.n and len(run) == 1:
                break  # the same ordinal again: a later start is a better one
        held = _sizes(blocks, [c.index for c in run], cut)
        if any(size + len(c.rest) < MIN_PART for c, size in zip(run, held, strict=True)):
            continue
        key = (len(run), -k)
        if key > best_key:
            best, best_key = run, key
    return best


def _alike(a: str, b: str) -> float:
    """Share of the shorter text's character pairs that the longer one has."""
    x, y = ({s[i : i + 2] for i in range(len(s) - 1)} for s in (a, b))
    return len(x & y) / max(1, min(len(x), len(y)))


def find_headings(
    blocks: Sequence[Block], title: str, *, same_title: Callable[[str, str], bool], cut: bool = False
) -> tuple[list[Heading], int | None]:
    """The headings of a compilation's parts, in order ([] for a page with one speech), and the number the title declares.

    blocks: the body, furniture and introductions still in it. title: the page's title (plain view).
    cut: the page breaks off, so that its last part may hold little.
    A first part without a heading of its own (the page starts at 篇2) has a Heading with index -1 and empty text.
    """
    declared = declared_count(title)
    readings = [r for r in _readings(blocks, title, declared, same_title, cut) if len(r) > 1]
    if not readings:
        return [], declared
    fitting = [r for r in readings if declared and len(r) == declared]
    best = (fitting or readings)[0]
    for other in readings:
        # a reading that sets more parts apart, each of which opens like a speech, and denies none of those found
        if (
            len(other) > len(best)
            and not fitting
            and _opened(blocks, other) == len(other)
            and all(any(abs(h.index - o.index) <= 2 for o in other) for h in best)
        ):
            best = other
    return best, declared


def _readings(
    blocks: Sequence[Block], title: str, declared: int | None, same_title: Callable[[str, str], bool], cut: bool
) -> Iterable[list[Heading]]:
    """The ways in which the page can be read as a compilation, surest first."""
    by_style = {name: _candidates(blocks, name, pattern) for name, pattern in _ORDINAL_STYLES}
    for name, found in by_style.items():
        yield _of_one_style(blocks, title, declared, name, found, cut)
    yield _of_mixed_styles(blocks, by_style)
    yield _own_titles(blocks, title, declared, same_title, cut)
    if not _SCRIPT.search(title) or declared is not None:
        yield _above_addresses(blocks, declared, cut)
    if declared is not None and declared >= 2:
        yield _salutations(blocks, declared)
        yield _between_ornaments(blocks, declared)
        yield _declared_headlines(blocks, declared)


def _of_one_style(
    blocks: Sequence[Block], title: str, declared: int | None, name: str, found: list[_Candidate], cut: bool
) -> list[Heading]:
    titled = [c for c in found if c.titled] if name in _TITLED_STYLES else found
    run = _series(blocks, titled, cut=cut)
    if name in _GAP_STYLES:
        wider = _series(blocks, found, MAX_GAP, cut)
        if len(wider) > max(len(run), 1) and 2 * _opened(blocks, _headings(wider)) >= len(wider):
            run = wider
    elif name in _TITLED_STYLES:
        # every line opens a speech: then it is a heading, whatever its words
        wider = _series(blocks, found, cut=cut)
        if len(wider) > max(len(run), 1) and _opened(blocks, _headings(wider)) == len(wider):
            return _with_first(blocks, wider)
    if not run:
        return []
    heads = _with_first(blocks, run)
    if len(heads) < 2:
        return []
    opened = _opened(blocks, _headings(run))
    if name in _TITLED_STYLES and 2 * opened < len(run):
        return []
    if name in _WEAK_STYLES and not _weak_is_real(blocks, run, opened, title, declared, name):
        return []
    return heads


def _headings(run: Sequence[_Candidate]) -> list[Heading]:
    return [Heading(c.index, c.n, c.heading, c.rest) for c in run]


def _with_first(blocks: Sequence[Block], run: Sequence[_Candidate]) -> list[Heading]:
    """The run's headings, and before them one of a first part that has none of its own."""
    before = sum(b.size for b in blocks[: run[0].index])
    unheaded = run[0].n > 1 and (
        before >= 3 * MIN_PART or (before >= MIN_PART and _opens(blocks[: run[0].index], Heading(-1, None, "", "")))
    )
    return ([Heading(-1, None, "", "")] if unheaded else []) + _headings(run)


def _of_mixed_styles(blocks: Sequence[Block], by_style: dict[str, list[_Candidate]]) -> list[Heading]:
    """Ordinals of several forms that run on together (篇一, 第二篇, 【三】), each part opening like a speech."""
    first: dict[int, _Candidate] = {}
    for name, found in by_style.items():
        for c in found:
            if c.titled or name not in _TITLED_STYLES:
                first.setdefault(c.index, c)
    run = _series(blocks, [first[i] for i in sorted(first)])
    if len({c.style for c in run}) < 2 or _opened(blocks, _headings(run)) < len(run):
        return []
    return _with_first(blocks, run)


def _greets(view: str) -> bool:
    """Whether a text (plain view) opens with a form of address or a greeting."""
    return salutation([view], [view])[1] >= 0 or bool(_GREETING.search(view[:12])) or view.startswith("大家好")


def _opened(blocks: Sequence[Block], headings: Sequence[Heading]) -> int:
    """How many parts open with a form of address or a greeting within three lines of their heading."""
    return sum(_opens(blocks, h) for h in headings)


def _opens(blocks: Sequence[Block], heading: Heading) -> bool:
    if heading.rest and _greets(heading.rest):
        return True
    views = [b.folded for b in blocks[heading.index + 1 : heading.index + 4]]
    return salutation(views, views)[1] >= 0 or any(is_address(v.strip(" :!")) or v.startswith("大家好") for v in views)


def _weak_is_real(
    blocks: Sequence[Block], run: list[_Candidate], opened: int, title: str, declared: int | None, style: str
) -> bool:
    """Whether bracketed or bare ordinals are parts and not the outline of one speech."""
    sizes = _sizes(blocks, [c.index for c in run])
    if style == "题(n)":
        bare_title = re.sub(r"[\d一二三四五六七八九十两]+\s*篇.*$", "", title)
        same = len({c.pre for c in run}) == 1
        return (same and (_alike(run[0].pre, bare_title) >= 0.5 or opened >= 2)) or (
            opened * 2 >= len(run) and all(_TITLE_LIKE.search(c.pre) for c in run)
        )
    return (declared is not None and declared in (0, len(run)) and min(sizes) >= 2 * MIN_PART) or opened >= max(
        2, len(run) - 1
    )


def _own_titles(
    blocks: Sequence[Block], title: str, declared: int | None, same_title: Callable[[str, str], bool], cut: bool
) -> list[Heading]:
    """Parts that open with a full title of their own and no ordinal."""
    found = []
    for i, b in enumerate(blocks):
        bare = b.folded.strip(" 《》【】<>[]★☆◆■●*#")
        if not (6 <= b.size <= 64) or b.is_linked or not _is_title(bare) or not _TITLE_LIKE.search(bare):
            continue
        if same_title(b.text, title) or b.folded.startswith(("第一", "一、", "(一", "1")):
            continue
        found.append(i)
    found = [
        i
        for k, i in enumerate(found)
        if k + 1 == len(found) or sum(b.size for b in blocks[i + 1 : found[k + 1]]) >= MIN_PART
    ]
    if len(found) < 2 or min(_sizes(blocks, found, cut)) < MIN_SPEECH:
        return []
    heads = [Heading(i, None, blocks[i].text, "", _ornaments_above(blocks, i)) for i in found]
    strong = sum(blocks[h.index].is_heading or _opens(blocks, h) for h in heads)
    before = sum(b.size for b in blocks[: found[0]])
    fits = declared is not None and (declared in (0, len(found)) or strong == len(found))
    return heads if fits or (strong == len(found) and before < 200) else []


def _ornaments_above(blocks: Sequence[Block], index: int) -> int:
    above = 0
    while above < index and is_ornament(blocks[index - above - 1]):
        above += 1
    return above


def _above_addresses(blocks: Sequence[Block], declared: int | None, cut: bool) -> list[Heading]:
    """Parts that open with a form of address and have a heading of any form, or a line of ornaments, straight above it.

    One text may address its hearers again and again, and may have headings; a heading of the outline begins with its
    marker, and the one straight above a form of address is that of a new speech where the lines above all addresses are of
    one form, or the speech before has come to its end.
    """
    heads: list[Heading] = []
    ended: list[bool] = []
    kinds: list[str] = []
    since = 0
    for i, b in enumerate(blocks):
        if not is_address_line(b):
            continue
        at = i
        while at > since and i - at < 4 and _is_headline(blocks[at - 1]):
            at -= 1
        held = sum(x.size for x in blocks[since:at])
        if at == i and heads:
            continue
        if heads and held < MIN_SPEECH:
            continue
        if not heads and held >= MIN_SPEECH and not any(INTRO.search(x.folded) for x in blocks[:at]):
            heads.append(Heading(-1, None, "", ""))  # a first speech without a form of address
            ended.append(True)
            kinds.append("")
        if not heads and at == i:
            heads.append(Heading(i - 1, None, "", ""))
            ended.append(True)
            kinds.append("")
            since = i + 1
            continue
        index = next((k for k in range(at, i) if not is_ornament(blocks[k])), i - 1)
        lone = is_ornament(blocks[index])
        heads.append(Heading(index, None, "" if lone else blocks[index].text, "", index - at))
        ended.append(
            at > 0 and bool(_ORNAMENT.match(blocks[at].folded) or _CLOSING.search(blocks[at - 1].folded[-80:]))
        )
        kinds.append(
            "-" if lone else ("h:" if blocks[index].is_heading else "") + _KIND.sub("#", blocks[index].folded)[:12]
        )
        since = i + 1
    if len(heads) < 2 or sum(b.size for b in blocks[since:]) < (_BEGUN if cut else MIN_SPEECH):
        return []
    inner = kinds[1:]
    one_form = len(inner) >= 2 and (len(set(inner)) == 1 or all(k.startswith("h:") for k in inner))
    return heads if one_form or all(ended[1:]) or declared in (0, len(heads)) else []


def _is_headline(block: Block) -> bool:
    """A line that reads like a heading and not like a line of a speech or of its outline."""
    if is_ornament(block):
        return True
    if block.size <= 40 and not block.is_linked and _WHO_SPEAKS.match(block.folded):
        return True
    return (
        block.size <= 64
        and not block.is_linked
        and not re.search(r"[。!?;,:]$", block.folded)
        and not OUTLINE.match(block.folded)
        and not is_address_line(block)
    )


def _salutations(blocks: Sequence[Block], declared: int) -> list[Heading]:
    """Parts told only by a new salutation, where as many stand there as the title declares."""
    found = [
        i
        for i, b in enumerate(blocks)
        if b.size <= 40 and b.folded.rstrip().endswith((":", "!")) and is_address(b.folded.strip(" :!"))
    ]
    if len(found) == declared and min(_sizes(blocks, found)) >= MIN_SPEECH:
        return [Heading(i, None, "", blocks[i].text, _ornaments_above(blocks, i)) for i in found]
    return []


def _declared_headlines(blocks: Sequence[Block], declared: int) -> list[Heading]:
    """Parts told only by heading elements of one kind, whatever their words, where they make as many as the title declares."""
    by_tag: dict[str, list[int]] = {}
    for i, b in enumerate(blocks):
        if b.is_heading and _is_headline(b) and not is_ornament(b):
            by_tag.setdefault(b.tag, []).append(i)
    for found in by_tag.values():
        if len(found) == declared and min(_sizes(blocks, found)) >= MIN_SPEECH:
            return [Heading(i, None, blocks[i].text, "") for i in found]
    return []


def _between_ornaments(blocks: Sequence[Block], declared: int) -> list[Heading]:
    """Parts told only by lines of ornaments, where these make as many as the title declares."""
    lines = [i for i, b in enumerate(blocks) if is_ornament(b)]
    starts = [-1, *lines]
    kept = [s for s, size in zip(starts, _sizes(blocks, starts), strict=True) if size >= MIN_SPEECH]
    return [Heading(i, None, "", "") for i in kept] if len(kept) == declared else []
