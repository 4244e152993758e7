"""Parts of a compilation that no ordinal numbers: full titles, lines above a form of address, and as many marks as the title declares."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from crawler.extraction.blocks import Block
from crawler.extraction.edges import INTRO, OUTLINE, is_address_line
from crawler.extraction.part_headings import (
    BEGUN,
    MIN_PART,
    MIN_SPEECH,
    ORNAMENT,
    TITLE_LIKE,
    Heading,
    is_ornament,
    is_title,
    opens,
    part_sizes,
)
from crawler.extraction.rules import any_of
from crawler.extraction.salutation import is_address

# 学会理事长刘一鸣: · 王海(三中校长): — who speaks now, by office and name
_OFFICE = (
    r"(?:书记|[省市县区乡镇村局厅处科部院校会园厂社站所队班组行州]长|秘书长|主任|主席|委员|代表|教授|院士|专家|经理|总监|董事|[理董监]事长|总裁|老师|教师|班主任|辅导员"
    r"|同学|学生|家长|校友|嘉宾|作家|医生|护士|工人|农民|干部|员工|职工|民警|站长|组长|负责人|创始人|[先女][生士])"
)
_WHO_SPEAKS = re.compile(
    rf"^[【\[(★◆■●▲]?\s*(?:[^,。!?;:的说讲对向]{{0,20}}?{_OFFICE}\s*[一-龥]{{2,4}}|[一-龥]{{2,4}}\s*[(、 ][^,。!?;:]{{0,20}}{_OFFICE}\)?)\s*[】\])]?\s*:\s*$"
)
_KIND = re.compile(r"[一二三四五六七八九十\d]{1,3}|[A-Za-z]|[甲乙丙丁戊己上中下首次末]")
_CLOSING = any_of("outline", "closing")


def own_titles(
    blocks: Sequence[Block], title: str, declared: int | None, same_title: Callable[[str, str], bool], cut: bool
) -> list[Heading]:
    """Parts that open with a full title of their own and no ordinal."""
    found = []
    for i, b in enumerate(blocks):
        bare = b.folded.strip(" 《》【】<>[]★☆◆■●*#")
        if not (6 <= b.size <= 64) or b.is_linked or not is_title(bare) or not TITLE_LIKE.search(bare):
            continue
        if same_title(b.text, title) or b.folded.startswith(("第一", "一、", "(一", "1")):
            continue
        found.append(i)
    found = [
        i
        for k, i in enumerate(found)
        if k + 1 == len(found) or sum(b.size for b in blocks[i + 1 : found[k + 1]]) >= MIN_PART
    ]
    if len(found) < 2 or min(part_sizes(blocks, found, cut)) < MIN_SPEECH:
        return []
    heads = [Heading(i, None, blocks[i].text, "", _ornaments_above(blocks, i)) for i in found]
    strong = sum(blocks[h.index].is_heading or opens(blocks, h) for h in heads)
    before = sum(b.size for b in blocks[: found[0]])
    fits = declared is not None and (declared in (0, len(found)) or strong == len(found))
    return heads if fits or (strong == len(found) and before < 200) else []


def _ornaments_above(blocks: Sequence[Block], index: int) -> int:
    above = 0
    while above < index and is_ornament(blocks[index - above - 1]):
        above += 1
    return above


def above_addresses(blocks: Sequence[Block], declared: int | None, cut: bool) -> list[Heading]:
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
        ended.append(at > 0 and bool(ORNAMENT.match(blocks[at].folded) or _CLOSING.search(blocks[at - 1].folded[-80:])))
        kinds.append(
            "-" if lone else ("h:" if blocks[index].is_heading else "") + _KIND.sub("#", blocks[index].folded)[:12]
        )
        since = i + 1
    if len(heads) < 2 or sum(b.size for b in blocks[since:]) < (BEGUN if cut else MIN_SPEECH):
        return []
    inner = kinds[1:]
    titled = all(h.text and TITLE_LIKE.search(blocks[h.index].folded.strip(" 《》【】")) for h in heads)
    one_form = len(inner) >= 2 and (len(set(inner)) == 1 or all(k.startswith("h:") for k in inner))
    return heads if one_form or titled or all(ended[1:]) or declared in (0, len(heads)) else []


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


def salutations(blocks: Sequence[Block], declared: int) -> list[Heading]:
    """Parts told only by a new salutation, where as many stand there as the title declares."""
    found = [
        i
        for i, b in enumerate(blocks)
        if b.size <= 40 and b.folded.rstrip().endswith((":", "!")) and is_address(b.folded.strip(" :!"))
    ]
    if len(found) == declared and min(part_sizes(blocks, found)) >= MIN_SPEECH:
        return [Heading(i, None, "", blocks[i].text, _ornaments_above(blocks, i)) for i in found]
    return []


def declared_headlines(blocks: Sequence[Block], declared: int) -> list[Heading]:
    """Parts told only by heading elements of one kind, whatever their words, where they make as many as the title declares."""
    by_tag: dict[str, list[int]] = {}
    for i, b in enumerate(blocks):
        if b.is_heading and _is_headline(b) and not is_ornament(b):
            by_tag.setdefault(b.tag, []).append(i)
    for found in by_tag.values():
        if len(found) == declared and min(part_sizes(blocks, found)) >= MIN_SPEECH:
            return [Heading(i, None, blocks[i].text, "") for i in found]
    return []


def between_ornaments(blocks: Sequence[Block], declared: int) -> list[Heading]:
    """Parts told only by lines of ornaments, where these make as many as the title declares."""
    lines = [i for i, b in enumerate(blocks) if is_ornament(b)]
    starts = [-1, *lines]
    kept = [s for s, size in zip(starts, part_sizes(blocks, starts), strict=True) if size >= MIN_SPEECH]
    return [Heading(i, None, "", "") for i in kept] if len(kept) == declared else []
