"""What a page says of itself, told from what a speaker says: by the kinds of words in a line, not by whole phrases.

A line that speaks of the site or of its text, and besides of readers, of what one does on a page, of offers or of rights, is
furniture in whatever words it comes. A line that speaks in a speaker's own voice never is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crawler.extraction.blocks import Block
from crawler.extraction.plain import plain
from crawler.extraction.prefilter import AnyOf
from crawler.extraction.rules import any_of, rules

_LAST_LINE = 40  # characters
# to those who listen, or of them
_TURNED = re.compile(r"[我咱]|大家|各位|同志|同学|老师|乡亲|你们|让|愿|祝|敬|谢")
_SENTENCE = re.compile(r"[。!?…]\s*$")
_BUTTON = re.compile(r"^\s*(?:分享|收藏|打印|点赞|评论|转发|举报|纠错|复制|关闭|在看|打赏)\s*$")
# an offer stands at either end; a definition at the end may be a speaker's
_OFFERS = frozenset(("offered", "offered_short", "from_users", "collected"))
_INTRO = AnyOf([r for r in rules("structure", "intro") if r.id in _OFFERS])
_SPEECH_END = re.compile(r"(?:讲话|致辞|致词|发言|演讲|主持词|党课|讲稿|贺词|开幕词|闭幕词)稿?$")
_MORE = 10  # characters beside a title
_HEADING = 24  # characters of a heading
_ORDINAL = re.compile(r"(?:[篇第之]\s*)?[(【\[]?[一二三四五六七八九十\d]{1,3}[)】\]篇]?\s*$")
_NUMBERED = re.compile(r"^\s*(?:[一二三四五六七八九十]{1,3}|\d{1,2}|\([一二三四五六七八九十\d]{1,2}\))\s*[、.,]")
_OWN_NOTICE = re.compile(r"本(?:网?站|平台|文|资料|资源)|站长|小编|会员|下载|版权|侵权|转载|分享")
MOST = 160  # characters; what a page says of itself is short
NOTICE_LEAST, NOTICE_CHARS = 60, 800  # but not what it says of its rights
_NOTICE = any_of("furniture", "notice")
_SPEAKS = any_of("structure", "speaks")
_KINDS = any_of("structure", "page_talk")
_QUESTION = re.compile(r"^\s*(?:问题?|提问|Q|网友提问|读者问)\s*\d{0,2}\s*[:.、]")
_ANSWER = re.compile(r"^\s*(?:答案?|回答|解答|回复|A|小编答|编辑答)\s*\d{0,2}\s*[:.、]")
_BOX = re.compile(
    r"^[\s\W]{0,4}(?:常见|相关|热门|网友|用户|读者|大家)?(?:问题|问答|提问|疑问|答疑|互动|FAQ|Q\s*&\s*A)(?:解答|与?回答|精选|区|互动)?[\s\W]{0,4}$|^[\s\W]{0,4}(?:你问我答|有问必答)[\s\W]{0,4}$",
    re.IGNORECASE,
)
_ABOUT_TEXTS = re.compile(
    r"(?:讲话|发言|演讲|主持|致辞)[稿词]|范文|稿子|这篇|本文|文档|下载|格式|字数|多少字|写法|怎么写|打印|套用|会员|充值"
)


def speaks(view: str) -> bool:
    """Whether a line (plain view) is in a speaker's own voice."""
    return _SPEAKS.search(view) is not None


def is_page_talk(view: str, own: Sequence[str] = (), least: int = 3) -> bool:
    """Whether a line (plain view) is the page's talk of itself.

    own: plain views of the page's title and the site's names, a mention of which speaks for it; least: how many kinds of words it
    must have, two are enough for a short line.
    """
    if len(view) > MOST or not (kinds := _KINDS.found(view)) or speaks(view) or _is_point(view):
        return False
    mine = any(len(o) >= 2 and o in view for o in own)
    if not mine and not any(r.value == "own" for r in kinds):
        # a short line may speak to the reader without naming what it speaks of
        return len(kinds) >= 3 and len(view) <= 40
    if len(kinds) + mine >= least and len(view) > _HEADING:
        return True
    # a heading of a compilation (讲话稿精选一) names the text and praises it, but it speaks of nothing else
    told = [r for r in kinds if r.id not in ("this_text", "offers")]
    return bool(told) and len(kinds) >= min(least, 2 + (len(view) > _HEADING)) and not _ORDINAL.search(view)


def _is_point(view: str) -> bool:
    """Whether a line is a numbered point on what is done on some page: a site that numbers its notices names itself or its rights."""
    return len(view) > _LAST_LINE and _NUMBERED.match(view) is not None and not _OWN_NOTICE.search(view)


def is_notice(block: Block) -> bool:
    """Whether a long paragraph is the site's: its rights, where its texts come from, what it answers for."""
    return NOTICE_LEAST <= block.size <= NOTICE_CHARS and _NOTICE.search(block.folded) is not None


def is_page_line(view: str, own: Sequence[str] = ()) -> bool:
    """Whether the last line of a text (plain view) is the page's and no speaker's: short, turned to nobody who listens, and with words of
    the page's talk (or those of an introduction, or the page's title `own`): one that means the page or its text, or two kinds of which one is of rights; a sentence must have three of them, or two of which one is of rights."""
    if len(view) > _LAST_LINE or _TURNED.search(view) or speaks(view):
        return False
    if _BUTTON.match(view) or _INTRO.search(view):
        return True
    # a title that names a speech, and hardly more: 护林讲话下载
    if any(_SPEECH_END.search(o) and o in view and len(view) - len(o) <= _MORE for o in own):
        return True
    kinds = _KINDS.found(view)
    mine, legal = any(r.value == "own" for r in kinds), any(r.id == "legal" for r in kinds)
    if _SENTENCE.search(view):
        return len(kinds) >= (2 if legal else 3) and (mine or legal)
    return mine or (legal and len(kinds) > 1)


def question_box(lines: Sequence[Block]) -> int | None:
    """Where a box of questions and answers about the text begins behind it; None when there is none, or when they are the text.

    It reaches to the end, holds less than a third of the text, and has a heading of its own or asks about texts and not about their matter.
    """
    start = len(lines)
    seen = 0
    for k in range(len(lines) - 1, 0, -1):
        view = lines[k].folded
        if _QUESTION.match(view):
            seen += 1
            start = k
        elif _ANSWER.match(view):
            start = min(start, k)
        elif len(lines) - k > 3 and start - k > 3:
            break
    if not seen:
        return None
    boxed = start > 1 and bool(_BOX.match(lines[start - 1].folded))
    asked = [b.folded for b in lines[start:] if _QUESTION.match(b.folded)]
    if not boxed and sum(bool(_ABOUT_TEXTS.search(q)) for q in asked) < len(asked):
        return None
    if 2 * sum(b.size for b in lines[start:]) > sum(b.size for b in lines[:start]):
        return None
    return start - 1 if boxed else start


# what stands on top of each page of a printed document
_RUNNING_HEAD = re.compile(
    r"^[^,。!?;:]{0,30}(?:第\s?\d{1,4}\s?期|总第?\s?\d{1,4}\s?期|公报|学报|简报|内部(?:资料|文件|刊物))[\s\W\d年月日期第]*$"
)


def repeated_lines(lines: Sequence[Block], own: Sequence[str] = ()) -> set[str]:
    """Plain views of short lines that come again between the paragraphs and are the page's: what a copy is to be known by."""
    seen: dict[str, int] = {}
    for b in lines:
        if 4 <= b.size <= 60:
            seen[b.folded] = seen.get(b.folded, 0) + 1
    return {
        v
        for v, n in seen.items()
        if n >= 2
        and not speaks(v)
        and (
            is_page_talk(v, own, 2)
            or any(len(o) >= 2 and o in v for o in own)
            or re.search(r"[A-Za-z0-9-]{3,}\.[A-Za-z]{2,}", v)
            or re.search(r"(?:网|之家|文库|大全|范文|文秘|在线|驿站|坊|吧)[\s\W]*$", v)
            or _RUNNING_HEAD.search(v)
        )
    }


def plain_names(names: Sequence[str]) -> list[str]:
    return [plain(n) for n in names if n]
