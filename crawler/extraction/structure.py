"""From the blocks of a body to speeches: what is cut off at either end, where a compilation splits, whether the text is cut.

Everything that is cut is kept with the rule that cut it, so that a row can be explained.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from crawler.extraction.blocks import Block
from crawler.extraction.density import FURNITURE_CHARS, without_reprint
from crawler.extraction.parts import Heading, find_headings
from crawler.extraction.plain import plain
from crawler.extraction.rules import Rule, any_of, rules
from crawler.extraction.salutation import is_address
from crawler.extraction.titles import clean_title, same_title

_HEAD_LINES = 8  # matter that belongs to the editor stands within so many lines before a speech
_TAIL_LINES = 6
_ELLIPSIS = re.compile(r"\s*(?:\.{3,}|…+|。{2,}|·{3,})\s*$")
_THANKS = re.compile(
    r"(?:谢谢|感谢|多谢)(?:大家|各位|你们|同志们)?[!。.]*$|(?:讲话|发言|致辞)(?:完|完毕|结束|到此)[^。]{0,8}[!。]?$"
)
_SIGNATURE = re.compile(r"年.{1,6}月|某|[×xX]{2}|谢")
_DOTS_ONLY = re.compile(r"^[\s.…·。]+$")
_OPEN_END = re.compile(r"[\u4e00-\u9fffA-Za-z0-9,、\u201c(%]$")
_SENTENCE_END = re.compile(r"[。!?;:\"”’」』)】》]$")
_OUTLINE = re.compile(r"^(?:第?[一二三四五六七八九十]{1,3}[、,.:是要]|\([一二三四五六七八九十\d]{1,3}\)|\d{1,2}[、.,])")
_SUBTITLE = re.compile(
    r"^[(【\[]?\s*(?:(?:19|20)\d{2}|[二一]?[〇○零一二三四五六七八九]{4}|20?[x×X*]{2,4})\s*年.{0,40}?[)】\]]?$"
    r"|^\([^()]{2,40}\)$|^[\s—–-]+.{4,60}(?:讲话|致辞|发言|演讲|报告|讲稿|稿)$"
)
_SPEAKER_LINE = re.compile(
    r"^(?:(?:主讲人?|演讲(?:者|人)|发言人|讲话人|主持人|致辞人|报告人|作者|单位|地点|时间|会议时间|会议地点)\s*[:].{1,50}"
    r"|.{2,20}(?:书记|市长|县长|区长|局长|镇长|乡长|主任|校长|院长|部长|厅长|省长|州长|主席|总经理|董事长)\s*[\u4e00-\u9fff×xX*某 ]{2,8})$"
)
_TITLE_END = re.compile(
    r"(?:讲话|致辞|致词|发言|演讲|主持词|报告|党课|讲稿|稿|贺词|开幕词|闭幕词)(?:\(.{1,20}\)|【.{1,12}】)?$"
)
_PREFACE_CHARS = 260  # an editor's words before the form of address are short
_ABSTRACT_KEY = 24  # so many characters found again later make a line a copy of the text


@dataclass(slots=True)
class Part:
    """One speech of a page: its heading (None when the page is no compilation), paragraphs, and what says it is cut."""

    heading: str | None
    paragraphs: list[str]
    intro: str | None = None
    subtitles: list[str] = field(default_factory=list)
    is_preview: bool = False
    preview_evidence: str | None = None


@dataclass(slots=True)
class Structure:
    """The speeches of a page and what was cut: (rule, text)."""

    parts: list[Part]
    declared: int | None = None
    chars_declared: int | None = None
    flags: list[str] = field(default_factory=list)
    cut: list[tuple[str, str]] = field(default_factory=list)


_FURNITURE = any_of("furniture", "tail", "line")
_TAIL = any_of("furniture", "tail")
_PAGE_MARK = next(r.pattern for r in rules("furniture", "line") if r.value == "page")
_INTRO = any_of("structure", "intro")
_OUTRO = any_of("structure", "outro")
_PREVIEW = tuple(rules("structure", "preview"))
_PREVIEW_HINT = re.compile(
    r"隐藏|省略|未完|显示|剩余|余下|全文|登[录陆]|注册|会员|VIP|vip|付费|购买|积分|试[读看]|预览|加载|下载|解锁|以下|阅读|查看|[(【\[]其余|完整"
)


def _rule_of(group: str, file: str, text: str) -> str:
    found = next((r.id for r in rules(file, group) if r.pattern.search(text)), None)
    return f"{file}.{group}.{found}"


def find_marker(block: Block) -> tuple[Rule, re.Match[str]] | None:
    """The preview marker in a block, if there is one."""
    if not _PREVIEW_HINT.search(block.folded):
        return None
    for rule in _PREVIEW:
        m = rule.pattern.search(block.folded)
        # a marker is a short line, or stands at the very end of a paragraph, or in brackets inside it
        if m and (block.size <= 80 or m.end() >= len(block.folded) - 3 or rule.value == "hole"):
            return rule, m
    return None


def read_structure(
    blocks: Sequence[Block], title: str, *, title_raw: str = "", after: Sequence[Block] = ()
) -> Structure:
    """Split a body into its speeches.

    blocks: the body, furniture included; title, title_raw: the page's title cleaned and as shown; after: blocks behind the body, where a preview
    marker may stand outside it.
    """
    out = Structure([])
    lines = unwrap(without_reprint(list(blocks)))
    lines, evidence = _cut_at_marker(lines, after, out)
    lines = _without_furniture(lines, out)
    headings, out.declared = find_headings(lines, plain(title_raw or title), same_title=same_title)
    if headings:
        starts = [h.index for h in headings]
        _note(out, "before_parts", lines[: max(0, starts[0])])
        intro = _intro_of(lines[: max(0, starts[0])])
        for k, h in enumerate(headings):
            end = starts[k + 1] if k + 1 < len(starts) else len(lines)
            part = _read_part(lines[h.index + 1 : end], _part_titles(title, h), h, out)
            part.intro = part.intro or (intro if k == 0 else None)
            if part.paragraphs:
                out.parts.append(part)
        if out.declared and out.declared != len(out.parts):
            out.flags.append("parts_mismatch")
    else:
        part = _read_part(lines, [title], None, out)
        if part.paragraphs:
            out.parts.append(part)
    if out.parts and evidence:
        last = out.parts[-1]
        last.is_preview, last.preview_evidence = True, evidence
        _take_dots_off(last)
    for part in out.parts:
        _ends_in_dots(part)
    return out


def _part_titles(title: str, heading: Heading) -> list[str]:
    return [title, heading.text] if heading.text else [title]


def _note(out: Structure, rule: str, blocks: Sequence[Block]) -> None:
    out.cut.extend((rule, b.text) for b in blocks)


def _intro_of(blocks: Sequence[Block]) -> str | None:
    return next((b.text for b in blocks if _INTRO.search(b.folded)), None)


def _cut_at_marker(lines: list[Block], after: Sequence[Block], out: Structure) -> tuple[list[Block], str | None]:
    """End the text at the marker that says the rest is not shown; a hole in the middle goes, the text behind it stays."""
    kept: list[Block] = []
    evidence: str | None = None
    held = 0
    for k, block in enumerate(lines):
        found = None if block.is_linked and block.size > 40 else find_marker(block)
        if found is None:
            kept.append(block)
            held += block.size
            continue
        rule, m = found
        behind = sum(b.size for b in lines[k + 1 :] if not b.is_linked and not _FURNITURE.search(b.folded))
        if rule.value != "hole" and (held < 40 or behind > 4 * held + 400):
            out.cut.append((f"structure.preview.{rule.id}", block.text))
            continue  # an offer above the text, not its end
        evidence = block.text[m.start() : m.end()].strip()[:80]
        _declared_length(m, out)
        out.cut.append((f"structure.preview.{rule.id}", evidence))
        before, rest = block.text[: m.start()].rstrip(), block.text[m.end() :].strip()
        if before and len(before) > 2 and not _FURNITURE.search(plain(before)):
            kept.append(with_text(block, before))
        if rule.value == "hole":
            if rest:
                kept.append(with_text(block, rest))
            continue
        _note(out, "after_preview_marker", lines[k + 1 :])
        return kept, evidence
    if evidence is None:
        for block in after[:12]:
            if block.size > 120 or (block.is_linked and block.size > 40):
                continue
            if (found := find_marker(block)) and found[0].id not in ("hidden_here",):
                if found[0].id == "login_to_read" and not re.search(
                    r"全文|全部|剩余|余下|完整|隐藏|更多|后续|阅读|查看", block.folded
                ):
                    continue
                if found[0].id == "read_full" and "下载" in block.folded:
                    continue
                _declared_length(found[1], out)
                evidence = block.text[found[1].start() : found[1].end()].strip()[:80]
                break
    return kept, evidence


def _declared_length(m: re.Match[str], out: Structure) -> None:
    total = m.groupdict().get("total")
    if total and out.chars_declared is None:
        out.chars_declared = int(total)


def with_text(block: Block, text: str) -> Block:
    return Block(block.element, text, len(text) - text.count(" "), 0, 0, block.index, plain(text))


def _without_furniture(lines: list[Block], out: Structure) -> list[Block]:
    """Take out lines that are never text, and end the text before its tail."""
    kept: list[Block] = []
    held = 0
    torn = tail_seen = False
    left = sum(b.size for b in lines if not b.is_linked)
    for k, block in enumerate(lines):
        if not block.is_linked:
            left -= block.size
        if block.size <= FURNITURE_CHARS and (m := _FURNITURE.search(block.folded)) and m.group():
            torn = torn or _PAGE_MARK.search(block.folded) is not None
            found = next((r for r in rules("furniture", "tail") if r.pattern.search(block.folded)), None)
            if found and block.link == 0 and (_PAGE_MARK.search(block.folded) or block.folded.strip().isdigit()):
                found, torn = None, True  # a page mark of the document, no pager of the site
            tail_seen = tail_seen or found is not None
            name = f"furniture.tail.{found.id}" if found else _rule_of("line", "furniture", block.folded)
            out.cut.append((name, block.text))
            ends = found is not None and held >= 120 and left <= held
            if (
                ends
                and found
                and (found.value not in ("soft", "pause") or not (kept and _text_goes_on(kept[-1], lines[k + 1 :])))
            ):
                _note(out, "behind_tail", lines[k + 1 :])
                break
            continue
        if _DOTS_ONLY.match(block.folded) and kept:
            kept[-1] = with_text(kept[-1], kept[-1].text + "…")
            continue
        if block.is_linked and (block.size < 8 or block.link >= 0.8 * block.size):
            out.cut.append(("linked", block.text))
            continue
        if tail_seen and block.size >= 60 and block.size >= 0.5 * held and _retold(block, kept):
            out.cut.append(("retold", block.text))
            continue
        if torn and kept and _goes_on(kept[-1], block):
            kept[-1] = with_text(kept[-1], kept[-1].text + block.text)  # a paragraph that a page mark cut in two
        else:
            kept.append(block)
        torn = False
        held += block.size
    return kept


def _retold(block: Block, kept: Sequence[Block]) -> bool:
    """Whether a block behind a tail line only tells again what stands above it (an abstract made by the site)."""
    above = re.sub(r"[\W\d_]+", "", "".join(b.folded for b in kept))
    mine = re.sub(r"[\W\d_]+", "", block.folded)
    grams = [mine[i : i + 5] for i in range(0, max(1, len(mine) - 4), 2)]
    return sum(g in above for g in grams) >= 0.8 * len(grams)


def _text_goes_on(last: Block, behind: Sequence[Block]) -> bool:
    """Whether running text stands behind in the same element as before (a list of related pages inside the text)."""
    parent = last.element.getparent()
    return (
        sum(
            b.size
            for b in behind
            if not b.is_linked
            and b.size >= 12
            and (b.element is last.element or b.element.getparent() is parent)
            and not _FURNITURE.search(b.folded)
            and not _OUTRO.search(b.folded)
        )
        >= 40
    )


def _goes_on(last: Block, block: Block) -> bool:
    """Whether a paragraph goes on behind a page mark: no end before it, no new beginning behind it."""
    return (
        last.size >= 25
        and bool(_OPEN_END.search(last.folded))
        and not block.indent
        and not _OUTLINE.match(block.folded)
    )


def unwrap(lines: list[Block]) -> list[Block]:
    """Join lines that were broken at a fixed width.

    Told by the page: in one element many lines without an end stand at the full width, and the line behind them is not
    indented.
    """
    broken = [k for k in range(len(lines) - 1) if _is_wrapped(lines[k], lines[k + 1])]
    indents = {lines[k].element for k in broken if sum(b.indent for b in lines if b.element is lines[k].element) >= 2}
    if len(broken) < (2 if indents else 4):
        return lines
    widths = sorted(lines[k].size for k in broken)
    middle = widths[len(widths) // 2]
    near = [k for k in broken if 0.8 * middle <= lines[k].size <= 1.25 * middle]
    if middle > 60 or len(near) < 0.6 * len(broken):
        return lines
    joined = set(near)
    # where paragraphs are indented, a line that is not goes on with the one before, whatever that ends with
    owners = {lines[k].element for k in near}
    for owner in owners:
        own = [k for k, b in enumerate(lines) if b.element is owner]
        if sum(lines[k].indent for k in own) >= 2:
            joined |= {
                k - 1
                for k in own
                if not lines[k].indent
                and k - 1 in own
                and lines[k - 1].size >= 0.8 * middle
                and not _OUTLINE.match(lines[k].folded)
                and not _is_address_line(lines[k - 1])
                and not _FURNITURE.search(lines[k].folded)
            }
    out: list[Block] = []
    for k, block in enumerate(lines):
        if k - 1 in joined:
            out[-1] = with_text(out[-1], out[-1].text + block.text)
        else:
            out.append(block)
    return out


def _is_wrapped(line: Block, following: Block) -> bool:
    return (
        line.element is following.element
        and line.size >= 12
        and not line.is_heading
        and not line.is_linked
        and not following.indent
        and bool(_OPEN_END.search(line.folded))
        and not _OUTLINE.match(following.folded)
        and not _FURNITURE.search(following.folded)
    )


def _is_title_line(block: Block, titles: Sequence[str]) -> bool:
    """A line that repeats one of the titles, in the same or in other words."""
    if block.size > 90:
        return False
    if any(same_title(block.text, t) for t in titles if t):
        return True
    if re.search(r"[。!?;:]$", block.folded) or _OUTLINE.match(block.folded):
        return False
    mine = _pairs(clean_title(block.folded))
    for t in titles:
        theirs = _pairs(plain(clean_title(t)))
        if mine and theirs:
            common = len(mine & theirs)
            if common >= 0.75 * min(len(mine), len(theirs)) and common >= 0.5 * max(len(mine), len(theirs)):
                return True
    return bool(_TITLE_END.search(block.folded)) and 8 <= block.size <= 60 and "," not in block.folded


def _pairs(text: str) -> set[str]:
    text = re.sub(r"[\W_]+", "", text)
    return {text[i : i + 2] for i in range(len(text) - 1)}


def _read_part(lines: list[Block], titles: list[str], heading: Heading | None, out: Structure) -> Part:
    part = Part(heading.text or None if heading else None, [])
    if heading and heading.rest:
        part.paragraphs.append(_clean(heading.rest))
    first = _head_end(lines, titles, part, out)
    last = _tail_start(lines, first, titles, out)
    for b in lines[first:last]:
        text = _clean(b.text)
        if text:
            part.paragraphs.append(text)
    return part


def _head_end(lines: list[Block], titles: list[str], part: Part, out: Structure) -> int:
    """Where the speech begins: behind repeated titles, date and speaker lines, introductions and copies of the text.

    A form of address on a line of its own begins a speech: what stands before the first one is the editor's.
    """
    first = 0
    total = sum(b.size for b in lines) or 1
    before = 0
    address = next((k for k, b in enumerate(lines[: 2 * _HEAD_LINES]) if _is_address_line(b)), None)
    for k, block in enumerate(lines[:_HEAD_LINES]):
        if k == address:
            if first < k and before <= _PREFACE_CHARS and before < 0.4 * total:
                part.intro = part.intro or "\n".join(b.text for b in lines[first:k])
                _note(out, "before_address", lines[first:k])
                first = k
            break
        if block.size >= 2 * _ABSTRACT_KEY and _copies(block.folded, "".join(b.folded for b in lines[k + 1 :])):
            part.intro = part.intro or block.text
            _note(out, "abstract", lines[first : k + 1])
            first, before = k + 1, 0
            continue
        rule = _head_rule(block, titles)
        if rule == "speech":
            if address is None or before + block.size > _PREFACE_CHARS:
                break
            rule = None
        if rule is None:
            before += block.size
            if before > 0.4 * total:
                break
            continue
        if rule == "subtitle":
            if first != k:  # behind a line of the speech it is one itself
                continue
            part.subtitles.append(block.text)
        elif rule.startswith("structure.intro"):
            rest = _text_behind_intro(block)
            part.intro = part.intro or block.text[: len(block.text) - len(rest)]
            if rest:
                lines[k] = with_text(block, rest)
                _note(out, rule, lines[first:k])
                return k
        elif (
            rule == "title"
            and first != k
            and not (lines[k - 1].size >= 20 and _SENTENCE_END.search(lines[k - 1].folded))
        ):
            continue
        _note(out, rule, lines[first : k + 1])
        first, before = k + 1, 0
    return first


def _is_address_line(block: Block) -> bool:
    """A form of address on a line of its own, with its closing mark."""
    return (
        block.size <= 60 and block.folded.rstrip().endswith((":", "!", ",")) and is_address(block.folded.strip(" :!,"))
    )


def _head_rule(block: Block, titles: list[str]) -> str | None:
    """Which kind of matter before the speech a line is; `speech` when the speech surely begins here; None when unsure."""
    if _is_address_line(block):
        return "speech"
    if _INTRO.search(block.folded) and not (block.size > 400 and "小编" not in block.folded):
        return _rule_of("intro", "structure", block.folded)
    if _is_title_line(block, titles):
        return "title"
    if block.size <= 60 and (_SUBTITLE.match(block.folded) or _SPEAKER_LINE.match(block.folded)):
        return "subtitle"
    if _OUTLINE.match(block.folded):
        return "speech"
    return None


def _text_behind_intro(block: Block) -> str:
    """Text that goes on behind an introduction in the same block (everything in one paragraph); empty when there is none."""
    end = 0
    for m in re.finditer(r"[^。!?]*[。!?]+\s*", block.folded):
        if _INTRO.search(m.group()):
            end = m.end()
    rest = block.text[end:].strip() if end else ""
    return rest if len(rest) > 150 else ""


def _copies(line: str, body: str) -> bool:
    """Whether a line is only a copy of text that comes later (a teaser glued before the speech)."""
    key = re.sub(r"[.…\s]+$", "", line)
    return len(key) >= 2 * _ABSTRACT_KEY and key[:_ABSTRACT_KEY] in body and key[-_ABSTRACT_KEY:] in body


def _tail_start(lines: list[Block], first: int, titles: list[str], out: Structure) -> int:
    """Where the speech ends: before the editor's words at the end, and before short lines behind the speaker's thanks."""
    last = len(lines)
    for k in range(len(lines) - 1, max(first, len(lines) - 1 - _TAIL_LINES), -1):
        b = lines[k]
        if b.size <= 200 and ("小编" in b.folded or _OUTRO.search(b.folded)):
            _note(out, "outro", lines[k:last])
            last = k
    while last > first + 1 and any(same_title(lines[last - 1].text, t) for t in titles if t):
        last -= 1
        _note(out, "title", [lines[last]])
    for k in range(last - 2, max(first, last - 5), -1):
        if lines[k].size <= 40 and _THANKS.search(lines[k].folded):
            behind = lines[k + 1 : last]
            if all(
                b.size <= 40 and not _SENTENCE_END.search(b.folded) and not _SIGNATURE.search(b.folded) for b in behind
            ):
                _note(out, "behind_thanks", behind)
                last = k + 1
            break
    return last


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().strip("\u3000\u00a0")


def _take_dots_off(part: Part) -> None:
    last = _ELLIPSIS.sub("", part.paragraphs[-1]).rstrip()
    if last:
        part.paragraphs[-1] = last
    elif len(part.paragraphs) > 1:
        part.paragraphs.pop()


def _ends_in_dots(part: Part) -> None:
    """A text whose last words are dots is cut, though nothing says so."""
    if part.is_preview:
        return
    last = plain(part.paragraphs[-1])
    if (m := _ELLIPSIS.search(last)) and not last[: m.start()].endswith(("等", "\u201d", "\u2019")):
        part.is_preview, part.preview_evidence = True, f"ends in {part.paragraphs[-1][m.start() :].strip()}"
        _take_dots_off(part)
