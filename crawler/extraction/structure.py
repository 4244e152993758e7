"""From the blocks of a body to speeches: what is cut off at either end, where a compilation splits, whether the text is cut.

Everything that is cut is kept with the rule that cut it, so that a row can be explained.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from lxml.html import HtmlElement

from crawler.extraction.blocks import Block, joined
from crawler.extraction.density import in_line, is_day, is_furniture, item_teasers, signs, without_reprint
from crawler.extraction.edges import INTRO, OUTRO, head_end, is_address_line, rule_of, tail_start
from crawler.extraction.endings import look_at_end, take_dots_off
from crawler.extraction.layout import goes_on, unwrap, with_markers, without_chunk_numbers
from crawler.extraction.model import Part, Structure
from crawler.extraction.pagetalk import is_page_talk, plain_names, question_box, repeated_lines
from crawler.extraction.part_headings import Heading, is_ornament
from crawler.extraction.parts import find_headings
from crawler.extraction.plain import plain
from crawler.extraction.previews import cut_at_marker
from crawler.extraction.rules import any_of, matching, rules
from crawler.extraction.titles import same_title
from crawler.extraction.trace import Trace

_CAPTION = any_of("structure", "caption")
_CAPTION_SLOT = re.compile(
    r"(?:^|[\s_-])(?:(?:img|pic|pics|picture|photo|image|tu)[_-]?(?:desc|description|cap|caption|txt|text|note|info|alt|title|name|intro|sm)|(?:wp-)?caption(?:-text)?|figcaption|tuzhu)(?:[\s_-]|$)",
    re.IGNORECASE,
)
# what users of a forum write under each of their posts
_SIGN_SLOT = re.compile(r"(?:^|[\s_-])(?:sign|signatures?|sightml|user-?sign|post-?sign)(?:[\s_-]|$)", re.IGNORECASE)
_ENOUGH = 40  # characters of a speech above what a user writes under it
_SLOT_SHARE = 0.4  # elements of one name that hold more of a text are its place, whatever they are called
_GOES_ON = 24  # characters of text behind a box inside it: a closing sentence is no longer
_DOTS_ONLY = re.compile(r"^[\s.…·。]+$")
_FURNITURE = any_of("furniture", "tail", "line")
_KEYWORD_TAIL = next(r.pattern for r in rules("furniture", "tail") if r.id == "keyword_tail")
_HEADLINE = 64  # characters
_WHEN = re.compile(r"^\s*(?:会议|讲话|活动|演讲|发言)?(?:时间|日期)\s*:\s*(?:19|20)\d\d年.{0,24}$")
_WHERE = re.compile(r"^\s*(?:(?:会议|讲话|活动|演讲|发言)?地点|(?:讲话|发言|主讲|演讲|致辞|报告)人)\s*:")
_BARE_NUMBER = re.compile(r"^\s*0?[1-9]\d?\s*$")
_SENTENCE_END = re.compile(r"[。!?;:]$")
_CAPTION_CHARS = 40
_LABEL = re.compile(r"^\s*[【\[]?[^\s:,。]{2,8}[】\]]?\s*:\s*")
# a title in a list of other texts, without a link
_LISTED = re.compile(
    r"^(?:\d{1,2}\s*[.、,)]\s*)?[^。!?;]{4,44}(?:讲话稿?|致[辞词]|发言稿?|演讲稿?|主持词|报告|范文|总结|方案|体会|党课|材料|讲稿|\d+篇|[)】])$"
)
_CLOSED = any_of("outline", "closing")
_PART = re.compile(r"篇\s*[一二三四五六七八九十\d]|第\s*[一二三四五六七八九十\d]{1,3}\s*[篇部章]|范文|样本")
_SECTION = 40  # characters that stand at least under a heading
_PAGE = 300  # characters that a page of a document holds at least
_PAGE_MARK = next(r.pattern for r in rules("furniture", "line") if r.value == "page")


def read_structure(
    blocks: Sequence[Block],
    title: str,
    *,
    title_raw: str = "",
    after: Sequence[Block] = (),
    names: Sequence[str] = (),
    trace: Trace | None = None,
) -> Structure:
    """Split a body into its speeches.

    blocks: the body, furniture included; title, title_raw: the page's title cleaned and as shown; after: blocks behind the body, where a preview
    marker may stand outside it; names: what the site may call itself; trace: takes what becomes of each block.
    """
    out = Structure([], trace=trace)
    once = without_reprint(list(blocks))
    if len(once) < len(blocks):
        here = set(map(id, once))
        out.note("reprint", [b for b in blocks if id(b) not in here])
    lines = without_chunk_numbers(
        with_markers(unwrap(once)), lambda b, number: out.note_piece("chunk_number", b, number)
    )
    if (box := question_box(lines)) is not None:
        out.note("question_box", lines[box:])
        lines = lines[:box]
    lines, evidence = cut_at_marker(lines, after, out)
    lines = _without_furniture(lines, out, plain_names([title, *names]))
    headings, out.declared = find_headings(
        lines, plain(title_raw or title), same_title=same_title, cut=evidence is not None
    )
    if headings:
        starts = [h.first for h in headings]
        out.note("before_parts", lines[: max(0, starts[0])])
        intro = _intro_of(lines[: max(0, starts[0])])
        for k, h in enumerate(headings):
            end = starts[k + 1] if k + 1 < len(starts) else len(lines)
            if trace is not None and h.index >= 0:
                trace.heading(lines[h.index], h.text, h.rest)
            out.note("ornament", lines[max(0, h.first) : max(0, h.index)])
            part = _read_part(lines[h.index + 1 : end], _part_titles(title, h), h, out)
            part.intro = part.intro or (intro if k == 0 else None)
            if part.paragraphs:
                out.parts.append(part)
    else:
        part = _read_part(lines, [title], None, out)
        if part.paragraphs:
            out.parts.append(part)
    if out.declared and out.declared != len(out.parts):
        out.flags.append("parts_mismatch")
    if out.parts and evidence:
        last = out.parts[-1]
        last.is_preview, last.preview_evidence = True, evidence
        take_dots_off(last)
    for part in out.parts:
        look_at_end(part, is_last=part is out.parts[-1])
    return out


def _part_titles(title: str, heading: Heading) -> list[str]:
    return [title, heading.text] if heading.text else [title]


def _intro_of(blocks: Sequence[Block]) -> str | None:
    return next((b.text for b in blocks if INTRO.search(b.folded)), None)


def _without_furniture(lines: list[Block], out: Structure, own: Sequence[str] = ()) -> list[Block]:
    """Take out lines that are never text, and end the text before its tail."""
    kept: list[Block] = []
    held = 0
    torn = tail_seen = in_list = False
    left = sum(b.size for b in lines if not b.is_linked)
    again = repeated_lines(lines, own)
    listed = set(item_teasers(lines))
    headed = _keyword_headings(lines) | _number_headings(lines)
    slots: Counter[str] = Counter()
    for block in lines:
        slots[_slot(block)] += block.size
    total = sum(slots.values())
    ended = -1  # the in-article page whose text has come to its end
    for k, block in enumerate(lines):
        if not block.is_linked:
            left -= block.size
        if block.page == ended:
            continue
        if k in listed:
            out.note("teaser", [block])
            continue
        if in_list and _LISTED.match(block.folded):
            out.note("listed", [block])
            continue
        in_list = False
        if block.folded in again and not (k + 1 < len(lines) and is_address_line(lines[k + 1])):
            out.note("repeated_line", [block])
            torn = True
            continue
        is_slot = slots[_slot(block)] <= _SLOT_SHARE * total
        if _is_caption(block, is_slot, first=k == 0 or lines[k - 1].element is not block.element):
            out.note("caption", [block])
            continue
        if block.tag == "button":
            out.note("button", [block])
            continue
        if is_slot and block.size <= 80 and held >= _ENOUGH and _SIGN_SLOT.search(_slot(block)):
            out.note("forum_signature", [block])
            continue
        # an introduction is cut, and kept as one, where the speech begins
        if block.size <= 80 and not INTRO.search(block.folded) and is_page_talk(block.folded, own, 4):
            out.note("page_talk", [block])
            continue
        day = is_day(block)
        if (day or _of_event(lines, k)) and _is_head(kept, lines[k + 1 : k + 3]):
            kept.append(block)
            continue
        if day and held >= _ENOUGH and _signs(kept[-1:], block, lines[k + 1 :]):
            kept.append(block)
            continue
        if k not in headed and is_furniture(block) and (m := _FURNITURE.search(block.folded)) and m.group():
            torn = torn or _PAGE_MARK.search(block.folded) is not None
            found = next(iter(matching("furniture", "tail", block.folded)), None)
            if found and block.link == 0 and (_PAGE_MARK.search(block.folded) or block.folded.strip().isdigit()):
                found, torn = None, True  # a page mark of the document, no pager of the site
            name = f"furniture.tail.{found.id}" if found else rule_of("line", "furniture", block.folded)
            out.note(name, [block])
            # of an article in several pages, the text ends on this one
            behind = [b for b in lines[k + 1 :] if b.page == block.page]
            here = left if len(behind) == len(lines) - k - 1 else sum(b.size for b in behind if not b.is_linked)
            # above all text of a further page stands the template's head
            headed_page = bool(kept) and kept[-1].page != block.page
            # keywords stand below an abstract too, and what follows there is the text
            tail_seen = tail_seen or (found is not None and here <= held)
            ends = (
                found is not None
                and held >= 120
                and here <= held
                and not headed_page
                and not _closes(kept[-1:], behind)
            )
            in_list = found is not None and found.value == "soft" and _lists(lines, k)
            if (
                ends
                and found
                and (
                    found.value not in ("soft", "pause")
                    or not (kept and _text_goes_on(kept[-1], behind))
                    or (found.value == "soft" and 2 * here <= held and _is_over(kept, behind))
                )
            ):
                out.note("behind_tail", behind)
                if here == left:
                    break
                ended = block.page
            continue
        if _DOTS_ONLY.match(block.folded) and kept:
            kept[-1] = joined(kept[-1], block, "…")
            continue
        if block.is_linked and (block.size < 8 or block.link >= 0.8 * block.size or _is_led_in(block)):
            out.note("linked", [block])
            continue
        if tail_seen and block.size >= 60 and block.size >= 0.5 * held and _retold(block, kept):
            out.note("retold", [block])
            continue
        if torn and kept and goes_on(kept[-1], block):
            kept[-1] = joined(kept[-1], block)  # a paragraph that a page mark cut in two
        else:
            kept.append(block)
        torn = False
        held += block.size
    return kept


def _signs(above: Sequence[Block], day: Block, behind: Sequence[Block]) -> bool:
    """Whether a day ends a text below who signs it, and nothing is said behind it."""
    said = (
        b
        for b in behind
        if not b.is_linked
        and b.size > _HEADLINE // 2
        and not _FURNITURE.search(b.folded)
        and not OUTRO.search(b.folded)
        and not is_page_talk(b.folded)
    )
    return bool(above) and signs(above[0], day) and not any(_SENTENCE_END.search(b.folded) for b in said)


def _of_event(lines: Sequence[Block], k: int) -> bool:
    """Whether a line says when something was held: 时间: beside 地点: or 讲话人:."""
    return bool(_WHEN.match(lines[k].folded)) and any(_WHERE.match(b.folded) for b in lines[max(0, k - 2) : k + 3])


def _is_head(above: Sequence[Block], below: Sequence[Block]) -> bool:
    """Whether a line of its own stands between what is above a speech and the speech: no sentence above it, or a form of address below."""
    return all(b.size <= _HEADLINE and not _SENTENCE_END.search(b.folded) for b in above) or any(
        map(is_address_line, below)
    )


def _keyword_headings(lines: Sequence[Block]) -> set[int]:
    """Lines like 【关键词:快】 that head one section of the text after the other, and so are no keywords of the page."""
    found = [k for k, b in enumerate(lines) if b.size <= 24 and not b.is_linked and _KEYWORD_TAIL.search(b.folded)]
    if len(found) < 2:
        return set()
    ends = [*found[1:], len(lines)]
    held = [sum(b.size for b in lines[k + 1 : e] if not b.is_linked) for k, e in zip(found, ends, strict=True)]
    return set(found) if all(n >= _SECTION for n in held) else set()


def _number_headings(lines: Sequence[Block]) -> set[int]:
    """Lines like 01, 02 that head one section of the text after the other, and so are no pager and no page marks of a document.

    A page mark stands behind a page of text, often in mid-sentence; above a first heading stands less than that.
    """
    found = [k for k, b in enumerate(lines) if not b.link and _BARE_NUMBER.match(b.folded)]
    if len(found) < 2 or [int(lines[k].folded) for k in found] != list(range(1, len(found) + 1)):
        return set()
    ends = [*found[1:], len(lines)]
    held = [sum(b.size for b in lines[k + 1 : e] if not b.is_linked) for k, e in zip(found, ends, strict=True)]
    above = sum(b.size for b in lines[: found[0]] if not b.is_linked)
    torn = any(k and lines[k - 1].size > _HEADLINE and not _SENTENCE_END.search(lines[k - 1].folded) for k in found)
    return set(found) if min(held) >= _SECTION and above < max(min(held), _PAGE) and not torn else set()


def _lists(lines: Sequence[Block], k: int) -> bool:
    """Whether two titles without a link stand right behind a label (相关阅读): a list of other texts inside the text."""
    behind = lines[k + 1 : k + 3]
    return len(behind) == 2 and all(_LISTED.match(b.folded) for b in behind)


def _is_led_in(block: Block) -> bool:
    """Whether a line is one linked title behind a label (延伸阅读:在全镇护林会议上的讲话)."""
    label = _LABEL.match(block.folded)
    return label is not None and len(block.links) == 1 and block.size - label.end() <= block.link + 2


def _slot(block: Block) -> str:
    return f"{block.element.get('class') or ''} {block.element.get('id') or ''}"


def _is_caption(block: Block, is_slot: bool, *, first: bool) -> bool:
    """What stands under a picture, by its element, its slot, or its words.

    is_slot: elements of its name hold little of the text; first: no line stands above it in its element.
    """
    if block.size > 80:
        return False
    return (
        block.tag == "figcaption"
        or (is_slot and bool(_CAPTION_SLOT.search(_slot(block))))
        or bool(_CAPTION.search(block.folded))
        or (first and _stands_below_picture(block))
    )


def _stands_below_picture(block: Block) -> bool:
    """Whether a short line is centred, or begins with a sign that points up, right below a picture."""
    if (
        block.size > _CAPTION_CHARS
        or _SENTENCE_END.search(block.folded)
        or block.size < 4
        or _PART.search(block.folded)
    ):
        return False
    element = block.element
    above = element.getprevious()
    while above is not None and above.tag == "br":
        above = above.getprevious()
    pictured = (above is not None and _holds_picture(above)) or (
        not (element.text or "").strip() and len(element) > 0 and _holds_picture(element[0])
    )
    if not pictured:
        return False
    layout = f"{element.get('style') or ''} {element.get('align') or ''}"
    return block.folded[0] in "▲△↑" or "center" in layout.lower()


def _holds_picture(element: HtmlElement) -> bool:
    """Whether an element is a picture, or holds one and no text."""
    return (element.tag == "img" or element.find(".//img") is not None) and not "".join(element.itertext()).strip()


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
            and (b.element is last.element or b.element.getparent() is parent or in_line(b.element, last.element))
            and not _FURNITURE.search(b.folded)
            and not OUTRO.search(b.folded)
            and not is_page_talk(b.folded)
            and not _LISTED.match(b.folded)
        )
        >= _GOES_ON
    )


def _closes(above: Sequence[Block], behind: Sequence[Block]) -> bool:
    """Whether the speech, not closed above a line of the page, comes to its close right behind it, in the place of the text."""
    if not above or not behind or _CLOSED.search(above[0].folded[-40:]):
        return False
    first = behind[0]
    return (
        _CLOSED.search(first.folded[-40:]) is not None
        and not first.is_linked
        and in_line(first.element, above[0].element)
        and not OUTRO.search(first.folded)
        and not is_page_talk(first.folded)
        and not _FURNITURE.search(first.folded)
    )


def _is_over(kept: Sequence[Block], behind: Sequence[Block]) -> bool:
    """Whether a speech has come to its close above a line of the page, and no other one begins below it."""
    return bool(kept and _CLOSED.search(kept[-1].folded[-40:])) and not any(
        is_address_line(b) or _PART.search(b.folded[:40]) for b in behind
    )


def _read_part(lines: list[Block], titles: list[str], heading: Heading | None, out: Structure) -> Part:
    part = Part(heading.text or None if heading else None, [])
    if heading and heading.rest:
        part.paragraphs.append(_clean(heading.rest))
    if ornaments := [b for b in lines if is_ornament(b)]:
        out.note("ornament", ornaments)
        lines = [b for b in lines if not is_ornament(b)]
    first = head_end(lines, titles, part, out)
    last = tail_start(lines, first, titles, out)
    if out.trace is not None:
        out.trace.kept(part, lines[first:last])
    for b in lines[first:last]:
        text = _clean(b.text)
        if text:
            part.paragraphs.append(text)
    return part


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().strip("\u3000\u00a0")
