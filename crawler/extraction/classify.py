"""What a page is: a speech, another document, a list, or no document at all; always with the reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lxml.html import HtmlElement

from crawler.extraction import SPEECH_THRESHOLD
from crawler.extraction.blocks import Block
from crawler.extraction.density import teasers
from crawler.extraction.plain import plain
from crawler.extraction.rules import any_of, first_match, rules
from crawler.extraction.salutation import is_address

UNSURE = 0.5  # a score that is no further above the threshold rests on one kind of evidence alone
MIN_CHARS = 40
MIN_SPOKEN = 20  # characters that follow a form of address in its own element: a toast is no longer

# what a page is whose title names no document
_FATE_OF_TITLE = (("list", ("首页", "标签", "列表", "搜索")), ("login", ("登录", "登陆", "注册")))
_CUE = any_of("structure", "cue")
_NEWS = any_of("structure", "news")
_RETOLD = any_of("structure", "retold")
_NARRATIVE = any_of("structure", "narrative")
_ADVERT = any_of("structure", "advert")
_SPEECH_WORDS = any_of("structure", "genre_speech")
_BRACKETED = re.compile(r"[(【\[《][^)】\]》]{0,24}[)】\]》]")
_COUNT = re.compile(
    r"(?:精选|通用|优秀|范文|热门|最新|汇编|合集|集锦|大全|共)*\s*[\d一二三四五六七八九十两]{1,3}\s*[篇则份]\s*$|\s*(?:范文|模板|汇编|合集|集锦|大全|精选)+\s*$"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Fate of a page (records.Fate), the reason, and the score that decided between speech and other document."""

    fate: str
    why: str
    score: float = 0.0


def page_without_text(blocks: Sequence[Block], title: str) -> Verdict | None:
    """The verdict on a page that holds links, a form or a notice instead of running text; None when it holds text."""
    text = sum(b.size - b.link for b in blocks)
    linked = sum(b.link for b in blocks)
    whole = " ".join(b.folded for b in blocks if not b.is_linked)[:3000]
    if found := first_match("structure", "not_a_document_but_a_list", plain(title)):
        return Verdict("list", f"the title names a list: {found[1].group().strip()}")
    if found := first_match("structure", "not_a_document", plain(title)):
        fate = next((f for f, words in _FATE_OF_TITLE if any(w in title for w in words)), "other")
        return Verdict(fate, f"the title names no document: {found[1].group().strip()}")
    between = set(teasers(list(blocks)))
    running = [
        b
        for i, b in enumerate(blocks)
        if i not in between and not b.is_linked and b.size >= 25 and re.search(r"[,。;!?]", b.folded)
    ]
    # short lines of one element (a text broken at a fixed width) run on together
    together: Counter[HtmlElement] = Counter()
    for i, b in enumerate(blocks):
        if i not in between and not b.is_linked and b not in running and re.search(r"[,。;!?]", b.folded):
            together[b.element] += b.size
    size = sum(b.size for b in running) + sum(n for n in together.values() if n >= 60)
    if size < 300:
        if found := first_match("structure", "soft_404", whole + " " + plain(title)):
            return Verdict("soft_404", f"says that there is nothing here: {found[1].group().strip()}")
        if size < 120 and (found := first_match("structure", "login", whole)):
            return Verdict("login", f"asks to log in: {found[1].group().strip()[:40]}")
    # a short preview beside many teasers: its form of address tells it from a list
    addressed = any(
        i not in between and b.folded.endswith((":", "!")) and is_address(b.folded.strip(" :!"))
        for i, b in enumerate(blocks)
    )
    addressed = addressed and _spoken(blocks, between) >= MIN_SPOKEN
    if size < MIN_CHARS and linked >= 40 and addressed and _names_speech(title):
        return None
    if (size < MIN_CHARS and linked >= 40) or (len(between) >= 5 and size < 150 and not addressed):
        return Verdict("list", f"{linked} characters of links, {size} of running text")
    if text < MIN_CHARS:
        return Verdict("empty", f"only {text} characters of text")
    return None


def _spoken(blocks: Sequence[Block], teased: set[int]) -> int:
    """Characters of the sentences that stand below a form of address in one element with it."""
    best = 0
    for i, b in enumerate(blocks):
        if i in teased or not (b.folded.endswith((":", "!", ",")) and is_address(b.folded.strip(" :!,"))):
            continue
        own, around = b.element, b.element.getparent()
        size = 0
        for other in blocks[i + 1 :]:
            if other.element is not own and other.element.getparent() is not around:
                break
            if not other.is_linked and re.search(r"[,。;!?]", other.folded):
                size += other.size
        best = max(best, size)
    return best


def _names_speech(title: str) -> bool:
    named = genre(title)
    return named is not None and named[0] == "speech"


def is_list(lines: Sequence[Block]) -> bool:
    """Whether a body is a list of links with a teaser each: about as many links as short running lines, over and over."""
    links = [b for b in lines if b.is_linked and b.size >= 6]
    text = [b for b in lines if not b.is_linked and b.size >= 20]
    if sum(b.link for b in lines) > sum(b.size - b.link for b in lines):
        return True
    if len(links) < 4 or len(links) < 0.7 * len(text):
        return False
    # related lists behind a text are links too, but they do not alternate with it
    turns = sum(a.is_linked != b.is_linked for a, b in pairwise([x for x in lines if x.size >= 6]))
    return turns >= len(links)


def genre(title: str) -> tuple[str, str] | None:
    """What the title calls the document: ('speech' or a document kind, the word); the last word decides.

    Brackets, counts and 范文 at the end are no genre. `党课讲稿:以过硬作风…` names it in front of the colon.
    """
    # (高一作文) behind a title says what it is, whatever the title tells of
    for m in _BRACKETED.finditer(plain(title)):
        if (told := first_match("structure", "genre_in_brackets", m.group())) is not None:
            return str(told[0].value), told[1].group()
    bare = _COUNT.sub("", _BRACKETED.sub("", plain(title))).strip()
    best: tuple[int, int, str, str] | None = None
    for group, fixed in (("genre_speech", "speech"), ("genre_other", None)):
        for rule in rules("structure", group):
            for m in rule.pattern.finditer(bare):
                found = (m.end(), m.end() - m.start(), fixed or str(rule.value), m.group())
                # of two words that end at one place the longer one counts: 自查报告 is no 报告
                if best is None or found[:2] > best[:2]:
                    best = found
    if best is None:
        return None
    head, colon, _ = bare.partition(":")
    if colon and best[2] != "speech" and _SPEECH_WORDS.search(head):
        return "speech", head
    return best[2], best[3]


def is_unsure(score: float, threshold: float) -> bool:
    """Whether a score barely reaches the threshold: the speech should be looked at before it is believed."""
    return 0 <= score - threshold <= UNSURE


def judge(
    title: str,
    paragraphs: Sequence[str],
    part_titles: Sequence[str | None] = (),
    threshold: float = SPEECH_THRESHOLD,
    *,
    intro: str | None = None,
) -> Verdict:
    """Whether a document is a speech, by what its title calls it and by the words that only a speaker uses.

    Each piece of evidence adds to the score or takes from it (docs/extracting.md has the table); a score of at least `threshold`
    is a speech. intro: what was cut before the text as an editor's words.
    """
    views = [plain(p) for p in paragraphs]
    text = "\n".join(views)
    size = sum(map(len, views))
    score, reasons = 0.0, []
    guide = first_match("structure", "genre_guide", plain(title))
    if guide:
        reasons.append(f"the title says {guide[1].group().strip()}")
        return _verdict(-4.0, threshold, reasons, str(guide[0].value))
    named = genre(title) or next((g for t in part_titles if t and (g := genre(t))), None)
    if named:
        score += 2.0 if named[0] == "speech" else -2.5
        reasons.append(f"the title calls it {named[1]}")
    addressed = any(is_address(v.strip(" :!,")) or _opens_with_address(v) for v in views[:3])
    if addressed:
        score += 1.5
        reasons.append("it opens with a form of address")
    cues = len(_CUE.findall(text))
    score += min(1.5, 0.5 * cues)
    if cues:
        reasons.append(f"{cues} words of a speaker")
    news = len(_NEWS.findall(text))
    if news:
        score -= min(3.0, 0.6 * news)
        reasons.append(f"{news} words of a news report")
    retold = len(_RETOLD.findall(text))
    if retold:
        score -= min(3.0, 0.8 * retold)
        reasons.append(f"{retold} phrases that tell of a text")
    told = len(_NARRATIVE.findall(text))
    if told:
        score -= min(3.0, 0.8 * told)
        reasons.append(f"{told} phrases of a story")
    forms = [r for r in rules("structure", "answers_page") if r.pattern.search(text)]
    if len(forms) >= 2:
        score -= 4.0
        reasons.append("it is a question with its answers")
    elif not addressed and not cues:
        # nobody speaks here: what reads like an article about speeches, or like a sheet of data, is one
        about = [
            r.id for r in rules("structure", "about_speeches") if r.pattern.search(f"{plain(intro or '')}\n{text}")
        ]
        if _is_sheet(views):
            about.append("a sheet of labels")
        if forms or about:
            score -= 1.5 * (len(forms) + len(about))
            reasons.append(f"nobody speaks, and it has {', '.join([*(r.id for r in forms), *about])}")
    adverts = len(_ADVERT.findall(text))
    if adverts >= 2 and size < 1500:
        score -= 4.0
        reasons.append("it sells something")
    if size < (MIN_SPOKEN if addressed and named and named[0] == "speech" else MIN_CHARS):
        return Verdict("empty", f"only {size} characters of text", round(score, 2))
    return _verdict(score, threshold, reasons, named[0] if named and named[0] != "speech" else "other document")


def _verdict(score: float, threshold: float, reasons: Sequence[str], kind: str) -> Verdict:
    score = round(score, 2)  # sums of tenths: 1.0 must not fail for 0.9999
    why = "; ".join(reasons) or "nothing says that it is a speech"
    return Verdict("speech", why, score) if score >= threshold else Verdict("off_topic", f"{kind}: {why}", score)


def _is_sheet(views: Sequence[str]) -> bool:
    """Whether most paragraphs are a label with something behind it, each label another one (the parts of a script come again)."""
    labels = [m[1] for v in views if (m := re.match(r"^\s*([\u4e00-\u9fff]{2,6})\s*[:】]", v))]
    return len(labels) >= 2 and len(set(labels)) == len(labels) and len(labels) >= 0.6 * len(views)


def _opens_with_address(view: str) -> bool:
    head = re.match(r"^([^:。!?\u201c]{2,40})[:!]", view)
    return bool(head and is_address(head[1].strip()))
