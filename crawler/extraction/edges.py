"""Where a speech begins and ends: what belongs to the editor on either side is told by rules and cut."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crawler.extraction.blocks import Block, with_text
from crawler.extraction.model import Part, Structure
from crawler.extraction.pagetalk import is_notice, is_page_line, is_page_talk, plain_names, speaks
from crawler.extraction.plain import DASH, plain
from crawler.extraction.rules import any_of, matching, rules
from crawler.extraction.salutation import is_address
from crawler.extraction.titles import clean_title, fold_title, same_title

_HEAD_LINES = 8  # matter that belongs to the editor stands within so many lines before a speech
_TAIL_LINES = 6
_LAST_LINE = 60  # characters
_THIS_TEXT = re.compile(r"[这本此]篇|(?:提[醒示]|贴士)\s*[】\])]?\s*:")
_PREFACE_CHARS = 260  # an editor's words before the form of address are short
_BYLINE_CHARS = 60  # nor are lines of a date or a name
_GLUED_TITLE = 8
_SPEECH_NAME = re.compile(r"(?:讲话|致[辞词]|发言|演讲|主持词|报告|党课|讲稿|贺词|[开闭]幕词)稿?$")
_ABSTRACT_KEY = 24  # so many characters found again later make a line a copy of the text
_THANKS = re.compile(
    r"(?:谢谢|感谢|多谢)(?:大家|各位|你们|同志们)?[!。.]*$|(?:讲话|发言|致辞)(?:完|完毕|结束|到此)[^。]{0,8}[!。]?$"
)
_SIGNATURE = re.compile(r"年.{1,6}月|某|[×xX]{2}|谢|^[(\[【].{0,8}(?:掌声|鼓掌|鞠躬|敬礼|起立)")
_SENTENCE_END = re.compile(r"[。!?;:\"”’」』)】》]$")
OUTLINE = re.compile(
    r"^(?:第?[一二三四五六七八九十]{1,3}[、,.:是要]|\([一二三四五六七八九十\d]{1,3}\)|\d{1,2}[、.,](?!\d[\d.]*\s?[%万亿个元公平]))"
)
_SUBTITLE = re.compile(
    r"^[(【\[]?\s*(?:(?:19|20)\d{2}|[二一]?[〇○零一二三四五六七八九]{4}|20?[x×X*]{2,4})\s*年.{0,40}?[)】\]]?$"
    rf"|^\([^()]{{2,40}}\)$|^[\s{DASH}]+.{{4,60}}(?:讲话|致辞|发言|演讲|报告|讲稿|稿)$"
)
_END_MARK = re.compile(r"^\s*[■□◆◇●▲★☆※▇█]{1,2}\s*$")
_ENDED = re.compile(r"\s*[(（【\[]\s*(?:全文|本文|正文)?(?:完|终|结束|END|end)\s*[)）】\]]\s*$")
UNDER_TITLE = re.compile(
    rf"^\s*[{DASH}]+.{{4,80}}(?:讲话|致辞|致词|发言|演讲|报告|党课|讲稿)(?:稿|提纲|摘要|要点|节选|摘登)?\s*(?:\([^()]{{2,30}}\))?\s*$"
)
_NAME_ALONE = re.compile(
    r"^[赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏苏潘葛奚范彭郎鲁韦昌马苗凤方俞任袁柳史唐费薛雷贺倪汤"
    r"罗毕郝安常乐傅卞齐康伍余元卜顾孟黄穆萧尹姚邵汪祁毛狄米贝明计成戴宋茅庞熊纪舒屈项祝董梁杜阮蓝闵季贾路娄江童颜郭梅盛林钟徐邱骆高夏蔡田"
    r"樊胡凌霍虞万支柯卢莫房缪解应宗丁宣邓单杭洪包左石崔龚程邢裴陆荣翁荀甄曲封储靳焦侯谷车全秋仲伊宫宁仇甘厉武刘景詹龙叶司黎白蒲赖卓蔺屠池乔闻"
    r"党翟谭劳姬申冉桑桂牛寿边燕冀尚温庄晏柴瞿阎连习艾向古易廖终耿匡文东欧师关曾聂辛简饶沙丰查游盖肖涂][\u4e00-\u9fff]{1,2}$"
)
_SPEAKER_LINE = re.compile(
    r"^(?:(?:主讲人?|演讲(?:者|人)|发言人|讲话人|主持人|致辞人|报告人|作者|单位|地点|时间|会议时间|会议地点)\s*[:].{1,50}"
    r"|[一-龥]{2,12}(?:[省市县区乡镇村局厅院校厂所站]|公司|集团|小学|中学|大学|医院|政府|街道|社区)\s+[一-龥]{2,4}"
    r"|.{0,20}(?:书记|市长|县长|区长|局长|镇长|乡长|主任|校长|院长|部长|厅长|省长|州长|主席|总经理|董事长)\s*[\u4e00-\u9fff×xX*某 ]{2,8})$"
)
_TITLE_END = re.compile(
    r"(?:讲话|致辞|致词|发言|演讲|主持词|报告|党课|讲稿|稿|贺词|开幕词|闭幕词)(?:\(.{1,20}\)|【.{1,12}】)?$"
)
INTRO = any_of("structure", "intro")
OUTRO = any_of("structure", "outro")
_EDITOR = next(r.pattern for r in rules("structure", "intro") if r.id == "editor_named")
GLUED = any_of("structure", "glued")
_CLOSING = any_of("outline", "closing", "closing_paragraph")
_PARAGRAPH = 30  # characters of a closing paragraph; an editor's wishes are shorter
_GLUED_CHARS, _GLUED_LEAST = 120, 12  # of what is glued to a paragraph, and of what must stand before it


def rule_of(group: str, file: str, text: str) -> str:
    found = next((r.id for r in matching(file, group, text)), None)
    return f"{file}.{group}.{found}"


def head_end(lines: list[Block], titles: list[str], part: Part, out: Structure) -> int:
    """Where the speech begins: behind repeated titles, date and speaker lines, introductions and copies of the text.

    A form of address on a line of its own begins a speech: what stands before the first one is the editor's.
    """
    first = 0
    total = sum(b.size for b in lines) or 1
    before = 0
    address = next((k for k, b in enumerate(lines[: 2 * _HEAD_LINES]) if is_address_line(b)), None)
    if lines and (bare := _without_glued_title(lines[0], titles)) is not lines[0]:
        out.note_piece("title", lines[0], lines[0].text[: len(lines[0].text) - len(bare.text)])
        lines[0] = bare
    for k, block in enumerate(lines[:_HEAD_LINES]):
        if k == address:
            if first < k and before <= _PREFACE_CHARS and before < 0.4 * total:
                part.intro = part.intro or "\n".join(b.text for b in lines[first:k])
                out.note("before_address", lines[first:k])
                first = k
            break
        # one in which nobody speaks is told by the rule of its label
        told = _behind_label(block.folded) if speaks(block.folded) else block.folded
        if block.size >= 2 * _ABSTRACT_KEY and _copies(told, "".join(b.folded for b in lines[k + 1 :])):
            part.intro = part.intro or block.text
            out.note("abstract", lines[first : k + 1])
            first, before = k + 1, 0
            continue
        rule = _head_rule(block, titles)
        # a name alone below the title or the date is the speaker's
        if rule is None and k and first == k and _NAME_ALONE.match(block.folded) and not is_address(block.folded):
            rule = "subtitle"
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
                out.note(rule, lines[first:k])
                out.note_piece(rule, block, block.text[: len(block.text) - len(rest)])
                return k
        elif rule == "title" and first != k and not _is_preface(lines[first:k], block, titles):
            continue
        out.note(rule, lines[first : k + 1])
        first, before = k + 1, 0
    return first


def _without_glued_title(block: Block, titles: Sequence[str]) -> Block:
    """A first paragraph without the title of a speech that stands glued before its form of address, once or twice."""
    at = 0
    for title in (plain(t) for t in titles if t and _SPEECH_NAME.search(plain(t))):
        while len(title) >= _GLUED_TITLE and block.folded.startswith(title, at):
            at += len(title)
            at += len(block.folded[at:]) - len(block.folded[at:].lstrip())
    if not at or at >= len(block.folded):
        return block
    opening = re.match(r"[^:。!?,]{2,40}[:!,]", block.folded[at:])
    return with_text(block, block.text[at:]) if opening and is_address(opening.group().strip(" :!,"), True) else block


def _is_preface(above: Sequence[Block], title: Block, titles: Sequence[str]) -> bool:
    """Whether what stands above a repeated title is the editor's: some sentences, but no text of their own; above the very title also
    a line without a sentence."""
    held = sum(b.size for b in above)
    if held > _PREFACE_CHARS or any(speaks(b.folded) for b in above):
        return False
    ended = [b for b in above if _SENTENCE_END.search(b.folded)]
    if not ended and held <= _BYLINE_CHARS:
        return any(same_title(title.text, t) for t in titles if t)
    return above[-1].size >= 20 and above[-1] in ended


def is_address_line(block: Block) -> bool:
    """A form of address on a line of its own, with its closing mark."""
    line = block.folded.rstrip()
    return (
        block.size <= 60 and line.endswith((":", "!", ",", "—")) and is_address(line.strip(" :!,—"), line.endswith(":"))
    )


def _head_rule(block: Block, titles: list[str]) -> str | None:
    """Which kind of matter before the speech a line is; `speech` when the speech surely begins here; None when unsure."""
    if is_address_line(block):
        return "speech"
    if (
        INTRO.search(block.folded)
        and not (block.size > 400 and not _EDITOR.search(block.folded))
        and (_EDITOR.search(block.folded) or not speaks(block.folded))
    ):
        return rule_of("intro", "structure", block.folded)
    if is_page_talk(block.folded, plain_names(titles)):
        return "structure.intro.page_talk"
    if UNDER_TITLE.match(block.folded) and not any(same_title(block.text, t) for t in titles if t):
        return "subtitle"
    if _is_title_line(block, titles):
        return "title"
    if block.size <= 60 and (_SUBTITLE.match(block.folded) or _SPEAKER_LINE.match(block.folded)):
        return "subtitle"
    if OUTLINE.match(block.folded):
        return "speech"
    return None


def _is_title_line(block: Block, titles: Sequence[str]) -> bool:
    """A line that repeats one of the titles, in the same or in other words."""
    if block.size > 90:
        return False
    if any(same_title(block.text, t) for t in titles if t):
        return True
    # a heading that a <br> parts in two
    if (
        block.is_heading
        and len(mine := fold_title(block.text)) >= 4
        and any(mine in fold_title(t) for t in titles if t)
    ):
        return True
    if re.search(r"[。!?;:]$", block.folded) or OUTLINE.match(block.folded):
        return False
    pairs = _pairs(clean_title(block.folded))
    for t in titles:
        theirs = _pairs(plain(clean_title(t)))
        if pairs and theirs:
            common = len(pairs & theirs)
            if common >= 0.75 * min(len(pairs), len(theirs)) and common >= 0.5 * max(len(pairs), len(theirs)):
                return True
    return bool(_TITLE_END.search(block.folded)) and 8 <= block.size <= 60 and "," not in block.folded


def _pairs(text: str) -> set[str]:
    text = re.sub(r"[\W_]+", "", text)
    return {text[i : i + 2] for i in range(len(text) - 1)}


def _text_behind_intro(block: Block) -> str:
    """Text that goes on behind an introduction in the same block (everything in one paragraph); empty when there is none."""
    end = 0
    for m in re.finditer(r"[^。!?]*[。!?]+\s*", block.folded):
        if INTRO.search(m.group()):
            end = m.end()
    rest = block.text[end:].strip() if end else ""
    return rest if len(rest) > 150 else ""


def _behind_label(line: str) -> str:
    """A line without the label of an abstract (摘要:): what stands behind one may well be the speech's own first words."""
    for r in rules("structure", "intro"):
        if r.id == "labelled" and (m := r.pattern.match(line)):
            return line[m.end() :].lstrip()
    return line


def _copies(line: str, body: str) -> bool:
    """Whether a line is only a copy of text that comes later (a teaser glued before the speech)."""
    key = line.rstrip(".… \t\r\n\u3000\xa0")
    return len(key) >= 2 * _ABSTRACT_KEY and key[:_ABSTRACT_KEY] in body and key[-_ABSTRACT_KEY:] in body


def _names_text(block: Block, own: Sequence[str]) -> bool:
    """Whether a short line names the text that it stands behind: by its title or as 这篇, or is labelled as a notice to its reader."""
    return block.size <= _LAST_LINE and (
        any(len(o) >= 4 and o in block.folded for o in own) or bool(_THIS_TEXT.search(block.folded))
    )


def _cut_glued(lines: list[Block], k: int, out: Structure) -> None:
    """Take what the site has glued to the end of the last paragraph off it: who edited it, how it may be reprinted."""
    block = lines[k]
    m = GLUED.search(block.folded, max(0, len(block.folded) - _GLUED_CHARS))
    if m is None or m.start() < _GLUED_LEAST:
        return
    rest = block.text[: m.start()].rstrip(" \u3000，,、")
    out.note_piece("structure.glued", block, block.text[len(rest) :])
    lines[k] = with_text(block, rest)


def _goes_on(behind: Sequence[Block]) -> bool:
    """Whether the speaker goes on in these last lines: in a voice of his own, or with a paragraph that comes to the speech's close."""
    return any(
        speaks(b.folded) or (b.size >= _PARAGRAPH and _CLOSING.search(b.folded[-80:]) and not _is_editors(b))
        for b in behind
        if not _EDITOR.search(b.folded)
    )


def _is_editors(block: Block) -> bool:
    return bool(OUTRO.search(block.folded) or INTRO.search(block.folded)) or is_page_talk(block.folded)


def tail_start(lines: list[Block], first: int, titles: list[str], out: Structure) -> int:
    """Where the speech ends: before the editor's words at the end, and before short lines behind the speaker's thanks."""
    last = len(lines)
    own = plain_names(titles)
    for k in range(last - 1, max(first, last - 1 - _TAIL_LINES), -1):
        b = lines[k]
        if _goes_on(lines[k + 1 : last]):
            continue  # what only sounds like an editor's words
        editor = _EDITOR.search(b.folded) is not None
        if editor or not speaks(b.folded):
            if (b.size <= 200 and (editor or OUTRO.search(b.folded))) or is_notice(b):
                out.note("outro", lines[k:last])
                last = k
            # less is enough for a short last line that names the text
            elif is_page_talk(b.folded, own, 2 if k == last - 1 and _names_text(b, own) else 3) or (
                k == last - 1 and is_page_line(b.folded, own)
            ):
                out.note("page_talk", lines[k:last])
                last = k
    if last > first:
        _cut_glued(lines, last - 1, out)
    while last > first + 1 and _END_MARK.match(lines[last - 1].folded):
        last -= 1
        out.note("end_mark", [lines[last]])
    while last > first + 1 and any(same_title(_ENDED.sub("", lines[last - 1].text), t) for t in titles if t):
        last -= 1
        out.note("title", [lines[last]])
    for k in range(last - 2, max(first, last - 5), -1):
        if lines[k].size <= 40 and _THANKS.search(lines[k].folded):
            behind = lines[k + 1 : last]
            if all(
                b.size <= 40 and not _SENTENCE_END.search(b.folded) and not _SIGNATURE.search(b.folded) for b in behind
            ):
                out.note("behind_thanks", behind)
                last = k + 1
            break
    return last
