"""Whether a text is only a beginning by what the page says of it: markers that the rest is not shown, and holes in the middle.

What the text itself tells (it ends in dots, or in the middle of a sentence) is in endings.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from crawler.extraction.blocks import Block, with_text
from crawler.extraction.density import in_line
from crawler.extraction.edges import OUTLINE, is_address_line
from crawler.extraction.model import Structure
from crawler.extraction.pagetalk import is_page_talk, speaks
from crawler.extraction.plain import plain
from crawler.extraction.rules import Rule, any_of

_FURNITURE = any_of("furniture", "tail", "line")
_TAIL = any_of("furniture", "tail")
_CLOSING = any_of("outline", "closing", "closing_paragraph")
_PREVIEW = any_of("structure", "preview")
# a speaker who tells the listeners where the rest is to be had
_SPOKEN = re.compile(
    r"我们|我(?!要(?:下载|购买|阅读|看))|大家|同志|同学|各位(?!网友|读者|用户)|会后|课后|散会|咱|你们|乡亲|朋友们|一起"
)
# a line that tells who shared the file, and offers others
_FILE_CARD = re.compile(r"由[^。,]{0,12}(?:分享|上传|提供|贡献|供稿)|珍藏版")
# words on either side of a marker that belong to it: the reader it speaks to and what it speaks of
_GLUE_BEFORE = re.compile(
    r"(?:[,、:\s.\u2026(【\[—\-=*]|(?:温馨|友情)?提示|注意|说明|您|亲|游客|用户|访客|尊敬的|当前|目前|现在|由于|因|本|该|此|文档|文章|稿件|内容|全文|的|为|是|在|处|页|好|尚?未|权限|级别|等级|不足|不够)+$"
)
_GLUE_AFTER = re.compile(
    r"^[^。!?我]{0,40}?(?:登[录陆]|注册|会员|VIP|付费|购买|下载|扫码|查看|阅读|可见|显示|客服|解锁|全文|完整)[^。!?我]{0,24}[.\u2026。!)】\]=\-—*]*$"
)
_OPENING = 16
_OF_PAGE = re.compile(r"本[文篇页帖]|文[档章稿]|页面|内容|您|游客|访客|会员|付费|微信|扫码|客户端")
_GLUE_MARKS = re.compile(r"^[\s.\u2026。,;、!)】\]=\-—*>»]+")
# what is to be had by logging in or paying is the text: speakers too speak of what must be paid and who registers
_OF_TEXT = re.compile(r"全文|全部|剩余|余下|完整|隐藏|更多|后续|继续|阅读|查看")
_MARKER_LINE = 60  # a line that is hardly more than a marker is one, whatever else it says

_GATE_TALK = any_of("structure", "gate_talk")
_GATE_LINE = 40  # characters
_WHOLE = re.compile(r"^.*$", re.DOTALL)

_NUMBER = r"(?<![\d,.])(?P<n>\d[\d,]{0,9}(?:\.\d{1,2})?)\s?(?P<unit>[千万]?)\s?[余多]?\s?个?(?:汉?字|字符)"
_LENGTH = re.compile(_NUMBER)
_NOT_ALL = re.compile(
    r"(?:显示|展示|预览|试[读看阅]|阅读|可[读看见]|前|剩余|余下|还[剩有]|其余|隐藏|省略|略去|删节|未读|呈现)[^\d。,;]{0,5}$"
)
_UNITS = {"": 1, "千": 1_000, "万": 10_000}


def find_marker(block: Block) -> tuple[Rule, re.Match[str]] | None:
    """The preview marker in a block, if there is one: of several rules that see one, the one that sees it begin first."""
    view = block.folded
    possible = _PREVIEW.possible(view)
    if (not possible and block.size > _GATE_LINE and view[-1:] in _FULL_STOPS) or _FILE_CARD.search(view):
        return None  # as most paragraphs
    best: tuple[Rule, re.Match[str]] | None = None
    for rule in possible:
        m = rule.pattern.search(view)
        # a marker is a short line, or stands at the very end of a paragraph, or in brackets inside it
        if (
            m
            and (best is None or m.start() < best[1].start())
            and (block.size <= 80 or m.end() >= len(view) - 3 or rule.value == "hole")
            and not _SPOKEN.search(_sentence(view, m))
            and (rule.id != "login_to_read" or _OF_TEXT.search(m.group()) or _is_gate(block))
        ):
            best = rule, m
    return best or _gate_talk(block) or _glued(block)


def _is_gate(block: Block) -> bool:
    """Whether a short line asks to log in or pay for something of the page; a sentence that names nothing of it is a speaker's."""
    view = block.folded
    return block.size <= _MARKER_LINE and (view[-1:] != "。" or _OF_PAGE.search(view) is not None)


def _gate_talk(block: Block) -> tuple[Rule, re.Match[str]] | None:
    """A short line that speaks of the rest, of a gate before it and of seeing it, in whatever words: a marker as a whole."""
    view = block.folded
    kinds = len(_GATE_TALK.patterns)
    if block.size > _GATE_LINE or not block.size or len(_GATE_TALK.possible(view)) < kinds:
        return None
    if _SPOKEN.search(view) or speaks(view):
        return None
    if len(_GATE_TALK.found(view)) < kinds or not (whole := _WHOLE.match(view)):
        return None
    return _GATE_TALK.patterns[0], whole


def _glued(block: Block) -> tuple[Rule, re.Match[str]] | None:
    """The marker glued to the end of a paragraph, behind its last full stop: what would be one on a line of its own."""
    view = block.folded
    if block.size <= _GATE_LINE or view[-1:] in _FULL_STOPS:
        return None
    if not (tail := _GLUED_TAIL.search(view, max(0, len(view) - _GLUED_MOST - 1))):
        return None
    found = find_marker(with_text(block, block.text[tail.start() :]))
    return None if found is None or found[0].value == "hole" else (found[0], tail)


_GLUED_MOST = 40  # characters
_FULL_STOPS = frozenset("。!?")
_GLUED_TAIL = re.compile(rf"(?<=[。!?…”])[^。!?…”]{{4,{_GLUED_MOST}}}$")
_OTHERS = re.compile(
    r"更多(?:相关|同类|类似|好文|[“\"《【][^”\"》】]{1,40}[”\"》】]|[^,。;!?]{0,16}(?:相关|资讯|讲话|发言|致辞|演讲|主持词|[范公]文|文[稿章]|资料|材料|素材|模板|新闻|信息))"
    r"|更多[^。;!?]{0,10}(?:关注|公众号)|海量|全站|评论|跟帖|剩余(?:积分|次数|下载)|次数|^[\s\W]*(?:全文|文档)?下载[\s\W]*$|的(?:网友|读者|人)(?:还|也)"
)
_THE_REST = re.compile(
    r"剩余(?!积分|次数|下载)|[余剩]下|其余|隐藏|未完|未读|待续|全[文稿篇](?!下载|的网友|的人)|完整|后[续面半]|以下|\d\s*%|试[读看阅]|预览|字|页|阅读次数"
)


def _offers_others(sentence: str) -> bool:
    """Whether a sentence offers other texts, or something else than the rest of this one: 更多讲话稿请关注…, 登录后发表评论."""
    return _OTHERS.search(sentence) is not None and not _THE_REST.search(sentence)


_STOPS = re.compile(r"[。!?….]+[”』」)】]*")


def _sentence(view: str, m: re.Match[str]) -> str:
    """The whole sentence that a marker would be, or be part of."""
    begin = m.start() + len(m.group()) - len(m.group().lstrip(" .…·"))
    before = [s.end() for s in _STOPS.finditer(view, 0, begin)]
    after = _STOPS.search(view, m.end())
    return view[before[-1] if before else 0 : after.start() if after else len(view)]


def _span(block: Block, m: re.Match[str]) -> tuple[int, int]:
    """From where to where a marker reaches in its block, with the words around it that belong to it."""
    start, end = m.start(), m.end()
    if glue := _GLUE_BEFORE.search(block.folded, 0, start):
        start = glue.start()
    # a marker that is a sentence of its own behind the last full stop, in whatever words it begins
    stops = [s.end() for s in _STOPS.finditer(block.folded, 0, start)]
    if stops and start - stops[-1] <= _OPENING and _OF_PAGE.search(block.folded, stops[-1], start):
        start = stops[-1]
    behind = block.folded[end:]
    if _GLUE_AFTER.match(behind):
        end = len(block.folded)
    elif glue := _GLUE_MARKS.match(behind):
        end += glue.end()
    # what is left of a short line is part of the marker, unless it is a sentence or the beginning of one
    if block.size <= _MARKER_LINE and 2 * (end - start) >= len(block.folded):
        before = block.folded[:start].strip()
        if len(before) <= 12 and not re.search(r"[,。;!?]", before):
            start = 0
        if len(block.folded) - end <= 12 and not re.search(r"[。;!?]", block.folded[end:-1]):
            end = len(block.folded)
    return start, end


def cut_at_marker(lines: list[Block], after: Sequence[Block], out: Structure) -> tuple[list[Block], str | None]:
    """End the text at the marker that says the rest is not shown; a hole in the middle goes, the text behind it stays."""
    kept: list[Block] = []
    evidence: str | None = None
    held = 0
    for k, block in enumerate(lines):
        found = None if block.is_linked and block.size > 40 else find_marker(block)
        if found is not None and not _belongs(block, found[0], lines[:k]):
            found = None
        if found is None:
            kept.append(block)
            held += block.size
            continue
        rule, m = found
        if _offers_others(_sentence(block.folded, m)):
            begin = _span(block, m)[0] if block.size > _MARKER_LINE else 0
            if begin:
                kept.append(with_text(block, block.text[:begin].rstrip()))
            out.note_piece("offer", block, block.text[begin:])
            continue
        behind = sum(b.size for b in lines[k + 1 :] if not b.is_linked and not _FURNITURE.search(b.folded))
        if _is_fold(block, m) and (behind >= 40 or _has_closed(kept) or _is_clipped(kept)):
            out.note("fold", [block])
            continue
        if rule.value != "hole" and (
            (held < 40 and behind > held) or behind > 4 * held + 400 or _stands_above(lines, k, held, behind)
        ):
            out.note(f"structure.preview.{rule.id}", [block])
            continue  # an offer above the text, not its end
        if rule.value != "hole" and block.size <= _MARKER_LINE and _goes_on_behind(kept, lines[k + 1 :]):
            out.note(f"structure.preview.{rule.id}", [block])
            continue
        if rule.value != "hole" and block.size > _MARKER_LINE and _goes_on_behind([block], lines[k + 1 :]):
            kept.append(
                block
            )  # the end of a paragraph that only sounds like a marker: no site glues one to the middle of a text
            held += block.size
            continue
        start, end = _span(block, m)
        evidence = (block.text[start:end].strip(" \u3000-—=*") or block.text[m.start() : m.end()].strip())[:80]
        _declared_length([block, *lines[k + 1 : k + 2]], out)
        out.note_piece(f"structure.preview.{rule.id}", block, evidence)
        before, rest = block.text[:start].rstrip(), block.text[end:].strip()
        if before and len(before) > 2 and not _FURNITURE.search(plain(before)):
            kept.append(with_text(block, before))
        if rule.value == "hole":
            if rest:
                kept.append(with_text(block, rest))
            continue
        out.note("after_preview_marker", lines[k + 1 :])
        return kept, evidence
    if evidence is None:
        evidence = _marker_below(kept, after, out)
    return kept, evidence


_GOES_ON = 40  # characters of a text behind a banner
_WHOLE_LINE = 25  # of a paragraph that is no heading
_WHOLE_END = re.compile(r"[。!?][”」』)]?$")
_PREFACE = 260  # characters of what a page says above its text


def _goes_on_behind(kept: Sequence[Block], behind: Sequence[Block]) -> bool:
    """Whether the text goes on behind what looks like a marker, paragraph by paragraph in the same place: to its close, or with whole
    sentences at once. It is a banner between its paragraphs then."""
    if not kept:
        return False
    more: list[Block] = []
    at_once = 0
    for k, b in enumerate(behind):
        if b.is_linked or b.size < 8 or not in_line(b.element, kept[-1].element) or _FURNITURE.search(b.folded):
            continue
        more.append(b)
        if at_once == k and b.size >= _WHOLE_LINE and _WHOLE_END.search(b.folded) and not is_page_talk(b.folded):
            at_once += 1
    return sum(b.size for b in more) >= _GOES_ON and (
        at_once > 1 or any(_CLOSING.search(b.folded[-80:]) for b in more[-2:])
    )


def _stands_above(lines: Sequence[Block], k: int, held: int, behind: int) -> bool:
    """Whether what looks like a marker stands above the text: an offer in the card of a file, and a form of address behind it."""
    return (
        held <= _PREFACE
        and behind > held
        and any(map(is_address_line, lines[k + 1 : k + 4]))
        and not any(map(is_address_line, lines[:k]))
    )


def _marker_below(lines: Sequence[Block], after: Sequence[Block], out: Structure) -> str | None:
    """The marker in one of the blocks behind the text (the box that offers the rest), if there is one."""
    for k, block in enumerate(after[:12]):
        if block.size > 120 or (block.is_linked and block.size > 40):
            continue
        if (found := find_marker(block)) and found[0].value != "hole":
            rule, m = found
            if _offers_others(_sentence(block.folded, m)):
                continue
            if _is_fold(block, m) and (k or _has_closed(lines) or _is_clipped(lines)):
                continue  # a list below the text is unfolded as well
            if not _belongs(block, rule, [*lines[-4:], *after[:k]], between=after[:k]):
                continue
            if rule.id == "login_to_read" and not _OF_TEXT.search(block.folded):
                continue
            if rule.id == "read_full" and "下载" in block.folded and "继续" not in block.folded:
                continue
            _declared_length(after[k : k + 2], out)
            start, end = _span(block, m)
            return block.text[start:end].strip(" \u3000-—=*")[:80]
    return None


_HARD = re.compile(
    r"登[录陆]|注册|会员|VIP|vip|付费|支付|购买|充值|积分|下载|解锁|开通|扫码|关注|剩余|余下|其余|\d|未完|结束"
)
_GATED = re.compile(
    r"登[录陆]|注册|会员|VIP|vip|付费|支付|购买|充值|积分|下载|解锁|开通|扫码|关注|打开|APP|App|app|客户端|小程序|公众号|未完|收费|元"
)
_SAME_PAGE = re.compile(r"^\s*(?:#|javascript:|$)", re.IGNORECASE)
_GATE = re.compile(r"(?:log|sign)-?in|login|vip|pay|member|user|reg|down|buy|order|recharge", re.IGNORECASE)


def _belongs(block: Block, rule: Rule, above: Sequence[Block], *, between: Sequence[Block] = ()) -> bool:
    """Whether a soft marker (阅读全文, 展开全文 …) speaks of this text and is no link of a teaser to another page.

    above: the blocks before it, the nearest last; between: those between the text and it, where it stands behind the text. A teaser has a headline of its own, and its
    link leads to a document and not to a gate or to a place on this page.
    """
    if rule.id not in ("read_full", "unfinished") or _HARD.search(block.folded):
        return True
    targets = [a.get("href") or "" for a in block.links] if block.link else []
    elsewhere = bool(targets) and not any(_SAME_PAGE.match(t) or _GATE.search(t) for t in targets)
    # a link to the whole text stands right below the text, never below a headline or in a list
    if elsewhere and (not above or any(map(_is_headline, above[-3:]))):
        return False
    return not any(_is_headline(b) or b.size >= 40 for b in between)


def _is_fold(block: Block, m: re.Match[str]) -> bool:
    """Whether a marker only unfolds what the page holds (展开剩余60%, 显示全部): a button that asks for nothing and leads nowhere.

    All the text stands on the page then, if it goes on behind the button or has come to its close.
    """
    if (
        block.size > 24
        or not re.search(r"展开|显示(?:全部|全文|剩余)|收起|加载(?:更多|剩余|全部)", m.group())
        or _GATED.search(block.folded)
    ):
        return False
    return all(_SAME_PAGE.match(a.get("href") or "") for a in block.links)


_CLIPS = re.compile(r"(?:^|[;{\s])(?:max-)?height\s*:\s*\d", re.IGNORECASE)
_FOLDED = re.compile(r"(?:^|[\s_-])(?:fold(?:ed|able)?|unfold|collapsed?|shrink|read-?more)(?:$|[\s_-])", re.IGNORECASE)


def _is_clipped(lines: Sequence[Block]) -> bool:
    """Whether the text stands whole in a box that shows its beginning alone until a button unfolds it: the box cuts at its height, and the text at
    the end of a sentence."""
    if not lines or not _WHOLE_END.search(lines[-1].folded):
        return False
    for box in islice(lines[-1].element.iterancestors(), 6):
        style = box.get("style") or ""
        if ("overflow" in style and "hidden" in style and _CLIPS.search(style)) or _FOLDED.search(
            f"{box.get('class') or ''} {box.get('id') or ''}"
        ):
            return True
    return False


def _has_closed(lines: Sequence[Block]) -> bool:
    """Whether the last lines are how a speech ends."""
    return any(_CLOSING.search(b.folded[-80:]) for b in lines[-2:])


def _is_headline(block: Block) -> bool:
    """A heading that is no point of the text, a linked title, or a line that a list of other pages begins with."""
    return (
        (block.is_heading and not OUTLINE.match(block.folded))
        or (block.is_linked and block.size >= 6)
        or _TAIL.search(block.folded) is not None
    )


def _declared_length(blocks: Sequence[Block], out: Structure) -> None:
    """Keep how long the whole text is said to be: of several numbers the one that does not count what is shown or left."""
    if out.chars_declared is not None:
        return
    for block in blocks:
        if block.size > 120 and block is not blocks[0]:
            return
        view = block.folded[-160:]
        found = [
            round(float(m["n"].replace(",", "")) * _UNITS[m["unit"]])
            for m in _LENGTH.finditer(view)
            if not _NOT_ALL.search(view, 0, m.start())
        ]
        if found:
            out.chars_declared = max(found)
            return
