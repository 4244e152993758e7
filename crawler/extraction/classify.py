"""What a page is: a speech, another document, a list, or no document at all; always with the reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urljoin, urlsplit

from lxml.html import HtmlElement

from crawler.extraction import SPEECH_THRESHOLD
from crawler.extraction.blocks import Block
from crawler.extraction.density import is_furniture, teasers
from crawler.extraction.pagetalk import is_page_talk
from crawler.extraction.plain import DASH, plain
from crawler.extraction.rules import any_of, first_match, matching
from crawler.extraction.salutation import is_address, is_greeting
from crawler.wording import counted

UNSURE = 0.5  # a score that is no further above the threshold rests on one kind of evidence alone
MIN_CHARS = 40
MIN_SPOKEN = 20  # characters that follow a form of address in its own element: a toast is no longer
_MOST_AGAINST = 8.0  # points that the words of a text can take
# points that they take from a text that title, form of address and words call a speech
_ALL_OF_A_SPEECH = 3.0

_THICK = 3000  # characters; words against a longer text that is called a speech count in proportion

# what a page is whose title names no document
_FATE_OF_TITLE = (("list", ("首页", "标签", "列表", "搜索")), ("login", ("登录", "登陆", "注册")))
_CUE = any_of("structure", "cue")
_ADVERT = any_of("structure", "advert")
_SPEECH_WORDS = any_of("structure", "genre_speech")
_SOMEBODY = re.compile(r"[我你咱祝]|大家|各位|希望")
_READERS = re.compile(r"楼[主上下]|顶一?[下个]|沙发|收藏|分享|转走|下载|借鉴|参考|原创|帖")
_STOP = re.compile(r"[,。;!?]")
_DASHES = re.compile(rf"^\s*[{DASH}]")
_SENTENCE = re.compile(r"[。!?;…][”』」)]?\s*$")
# Words in a text against its being a speech: (pattern, points each, points at most, what one of them is)
_AGAINST = (
    (any_of("structure", "news"), 0.6, 3.0, "word of a news report"),
    (any_of("genre", "outside"), 0.6, 3.0, "phrase telling of an event from outside"),
    (any_of("structure", "retold"), 0.8, 3.0, "phrase telling of a text"),
    (any_of("structure", "narrative"), 0.8, 3.0, "phrase of a story"),
    (any_of("genre", "question"), 1.0, 4.0, "phrase of an exercise or of questions and answers"),
    (any_of("genre", "letter"), 1.0, 2.0, "phrase of a letter"),
    (any_of("genre", "official"), 0.6, 3.0, "formula of an official paper"),
    (any_of("genre", "taught"), 0.8, 4.0, "phrase on how speeches are written"),
    (any_of("genre", "pupil"), 0.8, 3.0, "phrase of a pupil's essay"),
    (any_of("genre", "card"), 0.8, 4.0, "word of a page that offers a file"),
)
# What stands behind the name of a speech in a title that still is one: 讲话稿, 讲话全文, 讲话(节选), 讲话:…
_STILL_NAMED = re.compile(
    r"(?:[稿词辞文集选]|发言|讲话|致辞|演讲|全文|原文|实录|录音|文字|提纲|纲要|材料|要点|节选|摘登|选登|选编|选集|汇编|合集|精选|范例|例文|样本|模板|大全|串词|初稿|代拟|参考|素材)*"
    r"(?:$|[\W\d_]|[一二三四五六七八九十第共]|之[一二三四五六七八九十\d]|[Xx×某]{2}|版|篇|推荐)"
)
_NO_LONGER = re.compile(r"[\W_]*,")  # 演讲稿,完成下列各题: a sentence about it
_QUOTED = re.compile("\u201c[^\u201c\u201d]{0,400}\u201d|\u300c[^\u300c\u300d]{0,400}\u300d")
_POINTS_OF_TITLE = {
    "speech": 2.0,
    "mention": 0.8,
    "新闻报道": -1.5,
    "材料": -1.5,
    "评论": -2.0,
}  # any other document: -2.5
# a paper that is sent or posted up ends with who signs it and the day
_DATED = re.compile(
    r"^\s*(?:(?:19|20)\d\d|[二一][\u4e00-\u9fff〇○]{3})\s*年\s*[\d一二三四五六七八九十]{1,2}\s*月\s*[\d一二三四五六七八九十]{1,3}\s*日?\s*$"
)
_SIGNS = re.compile(r"^[^,。!?;:]{2,30}$")
# somebody else's words are told: 他说:“…”, 母亲笑他:“…”
_THEY_SAY = re.compile(
    r"(?:他|她|[父母][亲]|爸|妈|爷爷|奶奶|老[一-龥]|小[一-龥]|师傅|队长|村长|主任)[^。!?:\u201c\u201d]{0,10}[:,]\s*[\u201c\u300c]"
)
_ROLE_LINE = re.compile(r"^([^:,。!?\s]{1,6})\s*[:](?=.)")
_BRACKETED = re.compile(r"[(【\[《][^)】\]》]{0,24}[)】\]》]")
_END_BRACKET = re.compile(r"[(【\[]([^()【】\[\]]{1,12})[)】\]]\s*$")
_TITLE_GROUPS = (
    ("structure", "genre_speech", "speech"),
    ("genre", "speech_more", "speech"),
    ("structure", "genre_other", None),
    ("genre", "title_other", None),
)
_COUNT = re.compile(
    r"(?:精选|通用|优秀|范文|范本|范例|样本|例文|模板|热门|最新|汇编|合集|集锦|大全|共)*\s*[\d一二三四五六七八九十两]{1,3}\s*[篇则份]\s*$|\s*(?:范文|范本|范例|样本|例文|模板|汇编|合集|集锦|大全|精选)+\s*$"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Fate of a page (records.Fate), the reason, and the score that decided between speech and other document."""

    fate: str
    why: str
    score: float = 0.0


_TEASER_END = re.compile(r"(?P<wp>[\[(【]\s*(?:…+|\.{3,})\s*[\])】])\s*$|(?:…+|\.{3,})\s*$")
_MORE = re.compile(
    r"^\W*(?:继续阅读|阅读(?:全文|更多|原文)|查看(?:全文|详情|更多)|(?:查看)?详[细情]|全文|更多|read more|more)\W*$",
    re.IGNORECASE,
)
_HEADINGS = ("h1", "h2", "h3", "h4")
_TEASER = 240  # characters


def is_lone_item(blocks: Sequence[Block], url: str | None) -> bool:
    """Whether all that a page says is the teaser of one article of another address: the list of a column, a tag or a day that has one."""
    running = [i for i, b in enumerate(blocks) if b.size >= 40 and not b.is_linked and _STOP.search(b.folded)]
    if not 1 <= len(running) <= 2 or any(blocks[i].size > _TEASER for i in running):
        return False  # the second may be the site's, at its foot
    teaser = running[0]
    end = _TEASER_END.search(blocks[teaser].folded)
    if end is None or not (
        end["wp"] or any(b.is_linked and _MORE.match(b.folded) for b in blocks[teaser + 1 : teaser + 4])
    ):
        return False
    here = urlsplit(url or "")
    for block in blocks[max(0, teaser - 4) : teaser]:
        if block.tag in _HEADINGS and block.is_linked and block.size >= 6 and block.links:
            there = urlsplit(urljoin(url or "", block.links[0].get("href") or ""))
            if (there.path, there.query) not in ((here.path, here.query), ("/", ""), ("", "")):
                return True
    return False


def page_without_text(blocks: Sequence[Block], title: str, teased: Collection[int] | None = None) -> Verdict | None:
    """The verdict on a page that holds links, a form or a notice instead of running text; None when it holds text. teased: its teasers
    (density.teasers), where they are known."""
    text = sum(b.size - b.link for b in blocks)
    linked = sum(b.link for b in blocks)
    whole = " ".join(b.folded for b in blocks if not b.is_linked)[:3000]
    if found := first_match("structure", "not_a_document_but_a_list", plain(title)):
        return Verdict("list", f"the title names a list: {found[1].group().strip()}")
    if found := first_match("structure", "not_a_document", plain(title)):
        fate = next((f for f, words in _FATE_OF_TITLE if any(w in title for w in words)), "other")
        return Verdict(fate, f"the title names no document: {found[1].group().strip()}")
    between = set(teasers(list(blocks)) if teased is None else teased)
    size = 0
    # short lines of one element (a text broken at a fixed width) run on together
    together: Counter[HtmlElement] = Counter()
    for i, b in enumerate(blocks):
        if i not in between and not b.is_linked and _STOP.search(b.folded):
            if b.size >= 25:
                size += b.size
            else:
                together[b.element] += b.size
    size += sum(n for n in together.values() if n >= 60)
    # the form of address of a short preview tells it from a list and from a page to log in
    addressed = any(
        i not in between and b.folded.endswith((":", "!")) and is_address(b.folded.strip(" :!"))
        for i, b in enumerate(blocks)
    )
    addressed = addressed and _spoken(blocks, between) >= MIN_SPOKEN
    if size < 300:
        if found := first_match("structure", "soft_404", whole + " " + plain(title)):
            return Verdict("soft_404", f"says that there is nothing here: {found[1].group().strip()}")
        if size < 120 and not addressed and (found := first_match("structure", "login", whole)):
            return Verdict("login", f"asks to log in: {found[1].group().strip()[:40]}")
    short = _names_speech(title) and (addressed or _standing_text(blocks, between) >= MIN_SPOKEN)
    if size < MIN_CHARS and linked >= 40 and short:
        return None
    if (size < MIN_CHARS and linked >= 40) or (len(between) >= 5 and size < 150 and not addressed):
        return Verdict("list", f"{counted(linked, 'character')} of links, {size} of running text")
    if text < MIN_CHARS and not (short and text >= MIN_SPOKEN):
        return Verdict("empty", f"only {counted(text, 'character')} of text")
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
            if not other.is_linked and _STOP.search(other.folded):
                size += other.size
        best = max(best, size)
    return best


def _standing_text(blocks: Sequence[Block], teased: set[int]) -> int:
    """Characters of the most sentences that stand together in one element and are no teasers and nothing that pages say."""
    held: Counter[HtmlElement] = Counter()
    for i, b in enumerate(blocks):
        parent = b.element.getparent()
        if (
            parent is not None
            and i not in teased
            and not b.is_linked
            and b.size >= 6
            and _SENTENCE.search(b.folded)
            and not is_furniture(b)
            and not is_page_talk(b.folded)
        ):
            held[parent] += b.size
    return max(held.values(), default=0)


def _names_speech(title: str) -> bool:
    """Whether a title is that of one speech: 领导讲话 alone names a list of them."""
    named = genre(title)
    return named is not None and named[0] == "speech" and len(title) > len(named[1]) + 2


def _is_spoken(views: Sequence[str]) -> bool:
    """Whether a very short text is made of sentences of somebody who speaks to somebody, and of none in which a page or its readers do."""
    said = sum(len(v) for v in views if _SENTENCE.search(v) and not is_page_talk(v))
    text = "".join(views)
    return (
        said >= MIN_SPOKEN
        and 2 * said > sum(map(len, views))
        and bool(_SOMEBODY.search(text))
        and not _READERS.search(text)
    )


def is_list(lines: Sequence[Block]) -> bool:
    """Whether a body is a list of links with a teaser each: about as many links as short running lines, over and over."""
    links = [b for b in lines if b.is_linked and b.size >= 6]
    text = [b for b in lines if not b.is_linked and b.size >= 20]
    if sum(b.link for b in lines) > sum(b.size - b.link for b in lines):
        return True
    titles = len({b.text for b in links})  # a box of links on each page of an article counts once
    if titles < 4 or titles < 0.7 * len(text):
        return False
    # related lists behind a text are links too, but they do not alternate with it
    turns = sum(a.is_linked != b.is_linked for a, b in pairwise([x for x in lines if x.size >= 6]))
    return turns >= len(links)


def genre(title: str) -> tuple[str, str] | None:
    """What the title calls the document: ('speech', 'mention' or a document kind, the word); the last word decides.

    Brackets, counts and 范文 at the end are no genre. `党课讲稿:以过硬作风…` names it in front of the colon. A `mention` has the name of a
    speech within other words (讲话…的几点): weak evidence.
    """
    view = plain(title)
    # (高一作文) behind a title says what it is, whatever the title tells of
    for m in _BRACKETED.finditer(view):
        if (told := first_match("genre", "in_brackets", m.group())) is not None:
            return str(told[0].value), told[1].group()
    if (end := _END_BRACKET.search(view)) and (kind := first_match("genre", "in_last_bracket", end[1])):
        return str(kind[0].value), kind[1].group()
    bare = _COUNT.sub("", _BRACKETED.sub("", view)).strip()
    if end and (word := _SPEECH_WORDS.search(end[1])) and not _SPEECH_WORDS.search(bare):
        return "speech", word.group()  # 我的父亲是护林员(演讲稿)
    best: tuple[int, int, str, str] | None = None
    for file, group, fixed in _TITLE_GROUPS:
        for rule in any_of(file, group).possible(bare):
            for m in rule.pattern.finditer(bare):
                found = (m.end(), m.end() - m.start(), fixed or str(rule.value), m.group())
                # of two words that end at one place the longer one counts: 自查报告 is no 报告
                if best is None or found[:2] > best[:2]:
                    best = found
    if best is None:
        return None
    head, colon, _ = bare.partition(":")
    if best[2] != "speech":
        if colon and (named := _SPEECH_WORDS.search(head)) and _still_named(head, named.end()):
            return "speech", head
        return best[2], best[3]
    if not _still_named(bare, best[0]) and not (colon and _SPEECH_WORDS.search(head)):
        return "mention", best[3]
    return best[2], best[3]


def _still_named(title: str, end: int) -> bool:
    """Whether a title that names a speech up to `end` still does so with what stands behind."""
    return _STILL_NAMED.match(title, end) is not None and not _NO_LONGER.match(title, end)


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
    subtitles: Sequence[str] = (),
) -> Verdict:
    """Whether a document is a speech, by what its title calls it and by the words that only a speaker uses.

    Each piece of evidence adds to the score or takes from it (docs/extracting.md has the table); a score of at least `threshold`
    is a speech. intro: what was cut before the text as an editor's words; subtitles: lines under the title that are no part of the text.
    """
    views = [plain(p) for p in paragraphs]
    text = "\n".join(views)
    size = sum(map(len, views))
    score, reasons = 0.0, []
    view = plain(title)
    guide = first_match("structure", "genre_guide", view) or first_match("genre", "title_decides", view)
    if guide:
        reasons.append(f"the title says {guide[1].group().strip()}")
        return _verdict(-4.0, threshold, reasons, str(guide[0].value))
    named = genre(title) or next((g for t in part_titles if t and (g := genre(t))), None)
    if named and named[0] == "新闻报道" and _SPEECH_WORDS.search(view) and views and _addresses(views[0]):
        named = (
            "mention",
            named[1],
        )  # 市长出席通车典礼致词: a report never opens with the form of address that the speech has
    # a title in words of its own is told by the line of dashes under it: 守好青山 / ——在全镇护林工作会议上的讲话
    under = next((g for s in map(plain, subtitles) if _DASHES.match(s) and (g := genre(s)) and g[0] == "speech"), None)
    if under and not (named and named[0] == "speech"):
        named = under
        reasons.append(f"the line under the title calls it {under[1]}")
        score += _POINTS_OF_TITLE["speech"]
    elif named:
        score += _POINTS_OF_TITLE.get(named[0], -2.5)
        reasons.append(f"the title {'has the word' if named[0] == 'mention' else 'calls it'} {named[1]}")
    addressed = any(is_address(v.strip(" :!,"), v.rstrip().endswith(":")) or _opens_with_address(v) for v in views[:3])
    if addressed:
        score += 1.5
        reasons.append("it opens with a form of address")
    cues = _CUE.count(_QUOTED.sub("", text))
    score += min(1.5, 0.5 * cues)
    if cues:
        reasons.append(f"{counted(cues, 'word')} of a speaker")
    # a long speech has a few of any words: those against it are weighed by how thick they stand
    thick = min(1.0, _THICK / max(size, 1)) if named and named[0] == "speech" else 1.0
    against = 0.0
    for pattern, each, most, what in _AGAINST:
        if n := pattern.count(text):
            against += min(most, thick * each * n)
            noun, kind = what.split(" ", 1)
            reasons.append(f"{counted(n, noun)} {kind}")
    if not (named and named[0] == "speech") and len(views) > 2 and _DATED.match(views[-1]) and _SIGNS.match(views[-2]):
        against += 1.0
        reasons.append("it is signed and dated")
    if (lines := _dialogue(views)) and not (named and named[0] == "speech"):
        against += 2.5
        reasons.append(f"{counted(lines, 'line')} of a dialogue")
    forms = matching("structure", "answers_page", text)
    if len(forms) >= 2 or _is_thread(views):
        against += 4.0
        reasons.append("it is a question with its answers")
    elif not addressed and not cues:
        # nobody speaks here: what reads like an article about speeches, or like a sheet of data, is one
        read = f"{plain(intro or '')}\n{text}"
        about = [str(r.value) for r in matching("genre", "about_speeches", read)]
        if _is_sheet(views):
            about.append("a sheet of labels")
        if forms or about:
            against += thick * 1.5 * (len(forms) + len(about))
            reasons.append(f"nobody speaks, and it has {', '.join([*(r.id for r in forms), *about])}")
        if told := len(_THEY_SAY.findall(text)):
            against += min(2.0, 0.6 * told)
            reasons.append(f"nobody speaks, and the words of others are told {counted(told, 'time')}")
    # a text with all that a speech has may well quote a report, a rule or a story
    whole = named is not None and named[0] == "speech" and addressed and cues > 1
    score -= min(against, _ALL_OF_A_SPEECH if whole else _MOST_AGAINST)
    adverts = _ADVERT.count(text)
    if adverts >= 2 and size < 1500:
        score -= 4.0
        reasons.append("it sells something")
    short = _names_speech(title) and (addressed or _is_spoken(views))
    if size < (MIN_SPOKEN if short else MIN_CHARS):
        return Verdict("empty", f"only {counted(size, 'character')} of text", round(score, 2))
    return _verdict(
        score, threshold, reasons, named[0] if named and named[0] not in ("speech", "mention") else "other document"
    )


_FLOOR = re.compile(r"^\s*(?:第?\d{1,3}\s*(?:楼|#)|沙发|板凳|地板)")
_LABEL = re.compile(r"^\s*([\u4e00-\u9fff]{2,6})\s*[:】]")


def _verdict(score: float, threshold: float, reasons: Sequence[str], kind: str) -> Verdict:
    score = round(score, 2)  # sums of tenths: 1.0 must not fail for 0.9999
    why = "; ".join(reasons) or "nothing says that it is a speech"
    return Verdict("speech", why, score) if score >= threshold else Verdict("off_topic", f"{kind}: {why}", score)


def _is_thread(views: Sequence[str]) -> bool:
    """Whether most paragraphs are posts of a thread, each with the number of its floor."""
    floors = sum(_FLOOR.match(v) is not None for v in views)
    return floors >= 2 and floors >= 0.5 * len(views)


def _is_sheet(views: Sequence[str]) -> bool:
    """Whether most paragraphs are a label with something behind it, each label another one (the parts of a script come again)."""
    labels = [m[1] for v in views if (m := _LABEL.match(v))]
    return len(labels) >= 2 and len(set(labels)) == len(labels) and len(labels) >= 0.6 * len(views)


def _dialogue(views: Sequence[str]) -> int:
    """The lines of a play or an interview (老支书:…), when they are most of a text and its speakers come again."""
    names = Counter(m[1] for v in views if (m := _ROLE_LINE.match(v)))
    lines = sum(n for n in names.values() if n > 1)
    return lines if lines >= 3 and sum(names.values()) >= 0.5 * len(views) else 0


def _addresses(view: str) -> bool:
    """Whether a paragraph is a form of address on a line of its own."""
    return view.rstrip().endswith(":") and is_address(view.strip(" :"), True)


def _opens_with_address(view: str) -> bool:
    head = re.match(r"^([^:。!?\u201c]{2,40})[:!]", view)
    if head is None:
        return False
    names, _, greeting = head[1].rpartition(",")
    return is_address(head[1].strip()) or (is_greeting(greeting.strip()) and is_address(names.strip()))
