"""Whether a text is only a beginning by how it ends: in dots, in the middle of a sentence, or on a heading with nothing under it.

Nothing on the page says so, and speakers end in dots or without a full stop as well. So each is weighed: what the last words are,
how all the other paragraphs end, and whether the speaker has come to an end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from crawler.extraction.edges import OUTLINE
from crawler.extraction.model import Part
from crawler.extraction.plain import plain
from crawler.extraction.rules import any_of

# begun only where a run of dots begins: thousands of them would be tried from each of them
_ELLIPSIS = re.compile(r"\s*(?:(?<!\.)\.{3,}+|(?<!…)…++|(?<!。)。{2,}+|(?<!·)·{3,}+)\s*$")
_END = re.compile(r"[。!?;:…~][\"'”’」』)】》\]]*$|[\"”’」』)】》\]]$|\.{2,}$")
_SAID_BY = re.compile(r"[。!?”』」]\s*[—–─]{1,2}\s*[^。,;!?]{1,12}$")  # a last quotation, with whose it is
_INSIDE = re.compile(r"[,、。;:!?]")
# a sentence never ends on these: marks that open or go on, and words that need another behind them
_OPEN = re.compile(
    r"(?:[,、(\[《“‘「『—–\-:/+]"
    r"|[和与及或把被将让使令叫向往朝从自由以于至比跟给替为因若虽但而且则即并仍又也都就才只仅更最很太极较颇正再每各某这那哪该此其]"
    r"|(?:我们|你们|他们|她们|他|她|我|您|谁|什么|怎么|如何|多少|因为|所以|但是|而且|并且|如果|虽然|不仅|不但|不|没|没有|要|必须|应该?|可以|能够?|需要|进行|加以"
    r"|通过|根据|按照|关于|对于|由于|随着|坚持以|围绕|一个|这个|那个|这些|那些|某个|每个|两个|几个|个|种|是|有|在|对|按|第[一二三四五六七八九十]?|[一二三四五六七八九十百千万\d]))$"
)
_WORDS_OF_CLOSE = any_of("structure", "close")
_RUNS_ON = re.compile(r"[。!?;].|[,、]$")  # a point whose text follows on its line, or goes on behind it
_LONG = 30  # characters of a paragraph of running text
_LEAST = 3  # so many others tell how this text ends its paragraphs
_FULL = 40  # characters of a last paragraph that is long enough for two others to do


def take_dots_off(part: Part) -> None:
    """The last paragraph without the dots that stand for what is not shown."""
    last = _ELLIPSIS.sub("", part.paragraphs[-1]).rstrip()
    if last:
        part.paragraphs[-1] = last
    elif len(part.paragraphs) > 1:
        part.paragraphs.pop()


def look_at_end(part: Part, *, is_last: bool) -> None:
    """Mark a part that ends before its end as a preview, with the evidence.

    is_last: it is the last one of its page; only there a page breaks off.
    """
    if part.is_preview or not part.paragraphs:
        return
    views = [plain(p).rstrip() for p in part.paragraphs]
    evidence: str | None = None
    if m := _ELLIPSIS.search(views[-1]):
        if not _trails_off(views, m.start()):
            evidence = f"ends in {part.paragraphs[-1][m.start() :].strip()}"
    elif is_last and _breaks_off(views):
        evidence = f"stops in mid-sentence: {part.paragraphs[-1][-16:]}"
    if evidence is not None:
        part.is_preview, part.preview_evidence = True, evidence
        take_dots_off(part)


def _trails_off(views: Sequence[str], at: int) -> bool:
    """Whether the dots at the end (from `at` on in the last paragraph) are the speaker's: the sentence before them is whole, and closes.

    A site puts its dots where it cuts: behind any word, or behind a full stop with nothing closed yet.
    """
    before = views[-1][:at].rstrip()
    if before.endswith(("等", "”", "’", "」")):
        return True
    if before.endswith(("。", "!", "?", ";", ",", "、", ":")) or _OPEN.search(before):
        return False
    sentence = re.split(r"[。!?;]", before)[-1]
    signs = 0
    signs += 2 * bool(_WORDS_OF_CLOSE.search(sentence))
    signs += bool(re.search(r"(?:[吧啊呢吗了呀啦哦嘛]|着呢|的呀?)$", before))
    signs += any(_WORDS_OF_CLOSE.search(v) for v in views[-3:-1])
    signs += any(_ELLIPSIS.search(v) for v in views[:-1])  # a speaker who likes them
    signs += len(before) <= 40 and views[-1][at:].strip().startswith("……") and len(views) > _LEAST
    return signs >= 2


def _breaks_off(views: Sequence[str]) -> bool:
    """Whether the last paragraph stops in the middle, where all the others come to an end."""
    last = views[-1]
    if _END.search(last) or _SAID_BY.search(last):
        return False
    if _is_heading(last):
        return _is_lonely_heading(views)
    comma = last.endswith((",", "、"))
    if not comma and (len(last) < 20 or not _INSIDE.search(last)):
        return False
    others = [v for v in views[:-1] if len(v) >= _LONG and not _is_heading(v)]
    ended = sum(bool(_END.search(v)) for v in others)
    # the surer the last words are no end, the fewer others must tell how this text ends its paragraphs
    least = 1 if comma or _OPEN.search(last) else _LEAST if len(last) < _FULL else _LEAST - 1
    if len(others) < least or ended < 0.8 * len(others):
        return False
    sentence = re.split(r"[。!?;]", last)[-1]
    if any(_WORDS_OF_CLOSE.search(v[-60:]) for v in views[-2:-1] if len(v) <= 40):
        return False  # a line behind the thanks: a signature, a motto
    if _OPEN.search(last):
        return True
    if _WORDS_OF_CLOSE.search(sentence):
        return False  # the full stop behind a last wish is often forgotten
    return ended == len(others) and len(last) >= 25


def _is_heading(view: str) -> bool:
    return len(view) <= 40 and bool(OUTLINE.match(view)) and not _END.search(view) and not _RUNS_ON.search(view)


def _is_lonely_heading(views: Sequence[str]) -> bool:
    """Whether the last line is a heading of points that have text under them elsewhere: nothing came of this one."""
    marker = _style(views[-1])
    headings = [k for k, v in enumerate(views) if _style(v) == marker and _is_heading(v)]
    if len(headings) < 2:
        return False
    return all(b - a > 1 for a, b in pairwise(headings))


def _style(view: str) -> str:
    """The form of an outline's marker, whatever its number."""
    m = OUTLINE.match(view)
    return re.sub(r"[一二三四五六七八九十\d]+", "n", m.group()) if m else ""
