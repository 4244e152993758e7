"""Titles: which line of a page is its title, and what is left of it when decorations are taken off."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from crawler.extraction.lines import (
    ASIDE,
    BIG,
    BOLD,
    CELL,
    CENTER,
    CRUMB,
    FOOTER,
    ITEM,
    LINK,
    NAV,
    TITLE,
    Line,
    half_width,
)
from crawler.extraction.rules import first_match, rules

# matched on half-width text, so that ASCII brackets stand for full-width ones too
_BRACKETS = {p[0]: p[1] for p in ("()", "[]", "{}", "<>", "【】", "〔〕", "〖〗", "「」", "『』", "\ufe5d\ufe5e")}
_OPEN, _CLOSE = "".join(_BRACKETS), "".join(_BRACKETS.values())
_LAST_BRACKET = re.compile(
    rf"\s*([{re.escape(_OPEN)}])([^{re.escape(_OPEN + _CLOSE)}]{{1,30}})([{re.escape(_CLOSE)}])\s*$"
)
_FIRST_BRACKET = re.compile(
    rf"^\s*([{re.escape(_OPEN)}])([^{re.escape(_OPEN + _CLOSE)}]{{1,30}})([{re.escape(_CLOSE)}])\s*"
)
_LAST_PIECE = re.compile(r"\s*[|丨_\-—–]+\s*([^|丨_\-—–\s]{2,10})\s*$")
_NOT_WORD = re.compile(r"[\W_]+")
# stars and squares too: ★在…会上的讲话★
_EDGES = re.compile(
    r"^[\s\u200b\ufeff_\-—–|·>»★☆◆◇■□●▲►▶\U0001f300-\U0001faff\ufe0f]+|[\s\u200b\ufeff_\-—–|·>»★☆◆◇■□▲►▶\U0001f300-\U0001faff\ufe0f]+$"
)
_EDGE = " \t\r\n\u3000\xa0\u200b\ufeff-_—–|·>»"

# Between a title and the name of its site. Those of the second kind also stand inside titles, so they need evidence.
_HARD = re.compile(r"\s*(?:_+|\||｜|»|>>|>|::|┊|‖|#)\s*")
_SOFT = re.compile(r"\s*(?:——|—|–|-|·|•|,|\uff0c|:|\uff1a|~)\s*|\s+")
_DASHED = re.compile(r"\s+(?:——|—|–|-|·|•|:)\s+")
_SITE_WORD = re.compile(
    r"(?:网|網|网站|网校|论坛|論壇|文库|之家|平台|频道|博客|门户|大全|吧|资源|资讯|在线|社区|政府|官网|中心|[a-zA-Z]\.(?:com|cn|net|org))$|^(?:www\.|中国|中共|中國)|門戶|门户网|站$"
)
_DOTS = re.compile(r"(?:…+|\.{2,}|。{2,})\s*$")
_BYLINE = re.compile(r"(?:19|20)\d\d[-/.年]\d{1,2}[-/.月]\d{1,2}|(?:来源|來源|作者|时间|時間|日期|编辑|点击|浏览)\s?:")
# 主题: before the title of a thread, 标题: before that of a document
_TITLE_LABEL = re.compile(
    r"^[\s\x1f]*(?:(?:帖子|贴子|文章|本帖|信息|新闻|文档|文件)?(?:标题|標題|主题|主題)|题目|題目|题名|(?i:title))[\s\x1f]*:[\s\x1f]*(?=.{4})"
)
_OPENS = tuple("[【〔(<〖「\uff08\uff3b")
_BRACKETED = re.compile(r"^[\s\x1f]*([\[【〔(<〖「])([^\[\]【】]{1,20})([\]】〕)>〗」])[\s\x1f]*(?=\S{4})")
_STEP = re.compile(r"[\s\x1f]*[:\uff1a>»›/|-]+[\s\x1f]*")  # between a link to a column and a title
_MAYBE_TAIL = re.compile(r"[:\uff1a]|\d\d\d\d|[\uff08(【\[]")
# A byline that stands inside the heading element: 标题 2020-02-01 来源:…
_TAIL = re.compile(
    r"[\s\x1f]+[\[(【]?(?:(?:19|20)\d\d[-/.年]\d{1,2}[-/.月]\d{1,2}|(?:发布|发表|更新|录入)?(?:时间|日期|时\s间)\s?:|(?:文章)?来源\s?:|作者\s?:|(?:阅读|浏览|点击|查看)(?:次数|量|数)?\s?(?:[:(]|\d+\s?[次人])|[【\[]?字[号体]).*$",
    re.DOTALL,
)


@lru_cache(maxsize=4096)
def _is_decoration(content: str, trailing: bool) -> bool:
    """Whether what stands in a bracket only advertises, counts or numbers."""
    text = unicodedata.normalize("NFKC", content).strip()
    if any(r.pattern.search(text) for r in rules("titles", "numbering") if trailing or r.value == "either"):
        return True
    found = False
    for rule in rules("titles", "promotion"):
        text, n = rule.pattern.subn(" ", text)
        found = found or n > 0
    if not found:
        return False
    for rule in rules("titles", "filler"):
        text = rule.pattern.sub(" ", text)
    return not text.strip()


def clean_title(raw: str) -> str:
    """The title without its decorations (【优秀范文】, (精选7篇), a trailing (2), .docx, [VIP], -致辞范文, also stacked).

    What means something stays: (支部版), (2023年5月4日), (一), a bare 6篇, a year in front. A title that is all decoration stays whole.
    """
    text = _EDGES.sub("", raw)
    while True:
        before = text
        half = half_width(text)
        for rule in rules("titles", "extension"):
            if m := rule.pattern.search(half):
                text, half = text[: m.start()], half[: m.start()]
        if (
            (m := _LAST_BRACKET.search(half))
            and _BRACKETS[m[1]] == m[3]
            and m.start() > 0
            and _is_decoration(m[2], True)
        ):
            text, half = text[: m.start()], half[: m.start()]
        if (
            (m := _FIRST_BRACKET.match(half))
            and _BRACKETS[m[1]] == m[3]
            and m.end() < len(half)
            and _is_decoration(m[2], False)
        ):
            text = text[m.end() :]
        elif (label := first_match("titles", "label", half)) is not None:
            text = text[label[1].end() :]
        half = half_width(text)
        if (m := _LAST_PIECE.search(half)) and m.start() > 3 and _is_decoration(m[1], False):
            text = text[: m.start()]
        text = _EDGES.sub("", text)
        if text == before:
            return text or raw.strip()


@lru_cache(maxsize=4096)
def fold_title(text: str) -> str:
    """A title as compared: NFKC, lower case, no white space and punctuation."""
    return _NOT_WORD.sub("", unicodedata.normalize("NFKC", text)).lower()


def same_title(a: str, b: str) -> bool:
    """Whether two titles are the same once decorations, width, white space and punctuation are folded away."""
    return fold_title(clean_title(a)) == fold_title(clean_title(b)) != ""


@lru_cache(maxsize=4096)
def _dress(flags: int, level: int, linked: bool) -> float:
    """How much a line looks like the page's title by its place and dress alone."""
    score = {0: 0.15, 1: 0.6, 2: 0.45, 3: 0.3}.get(level, 0.15)
    score += (
        0.35 * bool(flags & TITLE) + 0.2 * bool(flags & BOLD) + 0.2 * bool(flags & CENTER) + 0.25 * bool(flags & BIG)
    )
    if flags & (NAV | CRUMB):
        score -= 0.6
    if flags & (ASIDE | FOOTER):
        score -= 0.5
    if flags & ITEM and not level:
        score -= 0.4
    if flags & LINK and linked:
        score -= 0.3 if level else 0.7
    return score


_HOST = re.compile(r"^(?:https?:)?//[^/]+")
_FRONT = frozenset(
    ("", "/", "./", "../", "/index.html", "/index.htm", "/index.php", "/index.asp", "/index.shtml", "index.html")
)


@lru_cache(maxsize=4096)
def leads_home(href: str) -> bool:
    """Whether an address is the front page of its host."""
    path = _HOST.sub("", href.strip())
    return path.partition("?")[0].lower() in _FRONT and (bool(path) or "//" in href)


def _is_path(line: Line) -> bool:
    """Whether a line is a breadcrumb in a heading: 首页 - 新闻动态."""
    return "首" in line.raw[:6] and _FROM_HOME.match(line.half) is not None


def _is_logo(line: Line) -> bool:
    return bool(line.links) and line.is_linked and leads_home(line.links[0][2])


def _shown(line: Line) -> str:
    """The text of a line without a byline that stands in the same element and without 主题: before it."""
    raw = line.raw
    if len(raw) > 12 and _MAYBE_TAIL.search(raw) and (m := _TAIL.search(line.half)) and m.start() >= 4:
        return " ".join(raw[: m.start()].replace("\x1f", "").split())
    if (raw.find(":", 0, 16) > 0 or raw.find("\uff1a", 0, 16) > 0) and (m := _TITLE_LABEL.match(line.half)):
        return " ".join(raw[m.end() :].replace("\x1f", "").split())
    return line.text


def _without_column(text: str, line: Line, element_title: str, columns: set[str]) -> str:
    """A title without the column in brackets that a forum shows before it ([领导讲话] 在…上的讲话).

    A bracket is such a column when it is a link of its own, or when it names a column of the page and <title> begins without
    it. [转载] is none, since <title> begins with it too.
    """
    m = _BRACKETED.match(line.half)
    if not m or _BRACKETS.get(m[1]) != m[3] or not text.startswith(line.raw[m.start(1) : m.end(2)]):
        return text
    rest = text[text.index(line.raw[m.end(2)]) + 1 :].strip()
    whole, core = fold_title(element_title), fold_title(rest)
    if not core or (whole and not whole.startswith(core[:12])):
        return text
    first = line.links[0] if line.links else None
    own_link = first is not None and first[0] <= m.end(1) and first[1] >= m.start(3) and first[1] <= m.end() + 1
    # <title> has all but the bracket: the template stands it before each title
    bare = m[1] in "[【" and core in columns
    if own_link or bare or fold_title(m[2]) in columns or fold_title(m[2]) in whole[len(core) :]:
        return rest
    return text


def _without_link(text: str, line: Line, told: set[str]) -> str:
    """A title without the link to its column before it (典禮致詞 : …校長致詞), where the rest is what <title> tells."""
    begin, end, _ = line.links[0]
    if begin > 2 or len(line.links) != 1:
        return text
    if (m := _STEP.match(line.raw, end)) and fold_title(
        rest := " ".join(line.raw[m.end() :].replace("\x1f", "").split())
    ) in told:
        return rest
    return text


_RUNS_ON, _STOPS = re.compile(r"[\w”》]$"), re.compile(r"[。,;:!?，；：！？]\s*$")
_UNDER = re.compile(r"^[\s\x1f]*[—–\-(【\[]")


def _two_lines(lines: list[Line], line: Line) -> str:
    """A title that a <br> parts in two, as one; "" where the next line is none of it: of another element, a byline, a subtitle."""
    behind = lines[line.index + 1] if line.index + 1 < len(lines) else None
    if behind is None or behind.element is not line.element or behind.long or line.long:
        return ""
    if len(line.raw) > 60 or len(behind.raw) > 60 or behind.links or _BYLINE.search(behind.half):
        return ""
    if not _RUNS_ON.search(line.text) or _STOPS.search(behind.text):
        return ""
    return line.text + behind.text


def _has_byline(lines: list[Line], index: int) -> bool:
    """Whether a date or a label of a byline stands in the three lines behind a line."""
    return any(len(x.raw) < 120 and _BYLINE.search(x.half) for x in lines[index + 1 : index + 4])


_FAR = 100  # lines: a page with a long menu has its title no deeper than others
# names of speeches at the end of a line
_NAMED = re.compile(
    r"(?:讲话|講話|致[辞词辭詞]|发言|發言|演[讲講]|主持[词稿詞]|党课|[祝贺賀献獻悼][词辞詞辭]|[开開闭閉]幕[词辞詞辭]|工作报告)(?:稿|全文|实录|實錄)?\s*[)\uff09】]?\s*$"
)


_EDITION = re.compile(r"^\s*第?\s*[A-Za-z]?\d{1,3}\s*版(?:\s*[:\-—]|\s*$)")  # of a newspaper


def _best_dressed(
    lines: list[Line], names: set[str], suffix: str, least: float, told_speech: bool = False
) -> Line | None:
    """The line that looks most like a title where <title> says nothing of it: by its dress (at least `least`) and by a byline behind it.

    A heading that is called a speech, by itself or by a line of dashes below it, needs less dress where <title> (told_speech) names none.
    """
    best: tuple[float, Line] | None = None
    for line in lines:
        if line.long or len(line.raw) > 140 or (line.is_linked and not line.level):
            continue
        dress = _dress(line.flags, line.level, line.is_linked)
        folded = fold_title(line.text)
        enough = least
        begins = not line.index or lines[line.index - 1].element is not line.element
        if least > 0.3 and not told_speech and line.level and begins:
            below = lines[line.index + 1].half if line.index + 1 < len(lines) else ""
            if _NAMED.search(line.half) or (_UNDER.match(below) and _NAMED.search(below)):
                enough = 0.3
        if (
            dress < enough
            or not 4 <= len(folded) <= 70
            or folded in names
            or _is_logo(line)
            or _BYLINE.search(line.half)
            or _is_path(line)
            or _EDITION.match(line.half)
            or "。" in line.text  # sentences of the text in large letters
        ):
            continue
        score = dress - 0.002 * min(line.index, _FAR) + 0.4 * _has_byline(lines, line.index) + 0.2 * (enough < least)
        if (suffix and suffix in folded) or any(folded.startswith(n) for n in names):
            score -= 0.5  # the site's name and what it says of itself
        if score >= 0.5 and (best is None or score > best[0]):
            best = score, line
    return best[1] if best else None


_FROM_HOME = re.compile(r"^[\s\x1f]*(?:网站)?首\s?[页頁][\s\x1f]*[-–—>»/|›→·][^,。;!?]{1,30}$")
_LABEL_ALONE = re.compile(
    r"^[\s\x1f]*(?:(?:信息|文件|公文|文档|公开|资料)?(?:名\s{0,4}称|标\s{0,4}题|题\s{0,4}名|主\s{0,4}题))[\s\x1f]*[:]?[\s\x1f]*$"
)


def _in_cell(lines: list[Line]) -> Line | None:
    """The line of a table of labels that holds the title: the cell behind 名称 or 标题."""
    for line, behind in pairwise(lines):
        if (
            line.flags & CELL
            and behind.flags & CELL
            and not behind.long
            and len(line.raw) <= 16
            and _LABEL_ALONE.match(line.half)
            and 6 <= len(fold_title(behind.text)) <= 70
        ):
            return behind
    return None


def find_title(lines: list[Line], element_title: str, og_title: str, site_names: list[str]) -> tuple[str, Line | None]:
    """The title as shown and the line that shows it; ("", None) when the page has none.

    element_title: of <title>; site_names: what is known of the site's name (file, og:site_name).
    """
    whole = fold_title(element_title)
    og = fold_title(og_title)
    names = {fold_title(n) for n in site_names if n}
    parts = [fold_title(_DOTS.sub("", p)) for p in _HARD.split(element_title)] if element_title else []
    starts = {p for p in parts if len(p) >= 2}
    dashed = starts | {f for p in _DASHED.split(element_title)[:2] if len(f := fold_title(_DOTS.sub("", p))) >= 8}
    cut_short = (
        fold_title(_DOTS.sub("", element_title.split("_")[0])) if "…" in element_title or ".." in element_title else ""
    )
    best: tuple[float, str, Line] | None = None
    for line in lines:
        if line.long or len(line.raw) > 240:
            continue
        dress = _dress(line.flags, line.level, line.is_linked)
        if dress <= -0.5:
            continue
        text = _shown(line)
        if line.links and line.links[0][1] <= 12:
            text = _without_link(text, line, dashed)
        if text[:1] in _OPENS:
            text = _without_column(text, line, element_title, starts)
        folded = fold_title(text)
        n = len(folded)
        if n < 2 or n > 110 or folded in names or _is_logo(line) or _is_path(line):
            continue
        agreement = 0.0
        if both := _two_lines(lines, line) if whole or og else "":
            joined = fold_title(both)
            if n >= 3 and (joined in whole or joined in og):
                text, folded, n = both, joined, len(joined)
        if n >= 3 and whole and folded in whole:
            agreement = n / len(whole) + 0.3 * (whole.startswith(folded)) + 0.2 * (folded in starts)
        elif og and n >= 4 and (folded in og or og in folded):
            agreement = min(n, len(og)) / max(n, len(og))
        else:
            core = next((p for p in starts if len(p) >= 6 and folded.startswith(p) and p not in names), "")
            core = core or next((p for p in starts if len(p) >= 8 and p in folded and p not in names), "")
            if not core and len(cut_short) >= 6 and folded.startswith(cut_short):
                core = cut_short
            if core:
                agreement = len(core) / max(len(whole), 1) + 0.3
        if agreement:
            score = agreement + dress - 0.0005 * line.index
            if best is None or score > best[0]:
                best = (score, text, line)
    if best and best[0] >= 0.55:
        return best[1], best[2]
    if cell := _in_cell(lines):
        return cell.text, cell
    told = strip_site(element_title, names)[0]
    least = 0.5 if len(told) >= 8 and fold_title(told) not in names else 0.1
    if shown := _best_dressed(
        lines, names, parts[-1] if len(parts) > 1 else "", least, _NAMED.search(told) is not None
    ):
        both = _two_lines(lines, shown) if shown.level or shown.flags & (TITLE | BIG) else ""
        if both and not _UNDER.match(lines[shown.index + 1].half):
            return both, shown
        return _without_column(_shown(shown), shown, element_title, starts), shown
    if og_title:
        return strip_site(og_title, names)[0], best[2] if best else None
    return told, best[2] if best else None


_SPACED = re.compile(r"\s+(?:——|—|–|-|·|•)\s+")
# what carries a site: an office, a school, a firm
_BODY_OF_SITE = re.compile(
    r"(?:委员会|工会|妇联|团委|[商学协]会|联合会|大学|学院|学校|[中小]学|幼儿园|医院|公司|集团|法院|检察院|[党市县区工纪政]委|人大|政协|办公室|研究[院所]|[\u4e00-\u9fff]{2}[局厅])$"
)


def _first_of_steps(text: str) -> tuple[str, str] | None:
    """A <title> that goes up from the page to its column and its site (在…上的讲话 - 政协动态 - 某市政协): title and site."""
    pieces = [p.strip(_EDGE) for p in _SPACED.split(text)]
    if len(pieces) < 2 or len(pieces[0]) < 8 or not all(2 <= len(p) <= 20 for p in pieces[1:]):
        return None
    if any(_BYLINE.search(p) for p in pieces) or sum(map(len, pieces[1:-1])) > 8 * max(1, len(pieces) - 2):
        return None
    return (pieces[0], pieces[-1]) if len(pieces) > 2 or _BODY_OF_SITE.search(pieces[-1]) else None


_HYPHEN = re.compile(r"\s+[-–|·•«]\s+")
_COLUMN = re.compile(
    r"^(?:领导|会议|大会|活动|个人|优秀|精选)?(?:讲话|致[辞词]|发言|演讲|主持词?|党课)(?:稿|范文|大全|材料)*$"
)

_OF_TEXTS = re.compile(r"秘书|文秘|[公范]文|文[库稿档]|讲稿|写作|笔杆")  # in the names of sites that offer texts


def _beside_a_speech(text: str) -> tuple[str, str] | None:
    """A <title> of two pieces of which one is called a speech, and the other, short and parted by a hyphen, names a column or
    a site of texts."""
    pieces = [p.strip(_EDGE) for p in _HYPHEN.split(text)]
    if len(pieces) != 2 or not all(pieces):
        return None
    first, last = pieces
    named = _NAMED.search(half_width(clean_title(first))) and len(first) >= 8 and len(last) <= 10
    if named and (_COLUMN.match(last) or _OF_TEXTS.search(last)):
        return first, last
    if _NAMED.search(half_width(last)) and len(last) >= 8 and len(first) <= 10 and _SITE_WORD.search(first):
        return last, first
    return None


def strip_site(text: str, names: set[str]) -> tuple[str, str | None]:
    """A <title> as (title, name of the site or None). names: folded names of the site that are known.

    Underscores and bars always part; dashes, dots and spaces only where the last piece is a known name or reads like one.
    """
    pieces = [p for p in _HARD.split(text.strip()) if p.strip()]
    if len(pieces) > 1:
        if fold_title(pieces[0]) in names or (
            _SITE_WORD.search(pieces[0]) and len(pieces[0]) < len(pieces[-1]) and not _SITE_WORD.search(pieces[-1])
        ):
            return pieces[-1].strip(_EDGE), pieces[0].strip(_EDGE)
        rest = strip_site(pieces[0], names)
        return rest[0], pieces[-1].strip(_EDGE)
    text = text.strip()
    cuts = list(_SOFT.finditer(text))
    for cut in cuts:  # the longest tail that is a known name
        if fold_title(text[cut.end() :]) in names and cut.start() > 0:
            return text[: cut.start()].strip(_EDGE), text[cut.end() :].strip(_EDGE)
        if fold_title(text[: cut.start()]) in names and cut.end() < len(text):
            return text[cut.end() :].strip(_EDGE), text[: cut.start()].strip(_EDGE)
    for cut in reversed(cuts):
        tail, sign = text[cut.end() :].strip(_EDGE), cut.group().strip()
        if sign in ("", ",", "\uff0c", ":", "\uff1a") or cut.start() < 4:
            continue
        if 2 <= len(tail) <= 20 and _SITE_WORD.search(tail):
            pieces = text[: cut.start()].split(cut.group())
            while len(pieces) > 1 and len(pieces[-1].strip()) <= 6 and len(pieces[0]) >= 8:
                pieces.pop()  # the column between title and site
            return cut.group().join(pieces).strip(_EDGE), tail
    if steps := _first_of_steps(text) or _beside_a_speech(text):
        return steps
    return text.strip(_EDGE) if cuts else text, None


def site_of_title(element_title: str, title: str, names: set[str]) -> str | None:
    """The site's name in <title>: what stands behind (or before) the page's own title, or None."""
    i = element_title.find(title) if title else -1
    if i < 0:
        return strip_site(element_title, names)[1]
    after, before = element_title[i + len(title) :].strip(_EDGE), element_title[:i].strip(_EDGE)
    for rest, last in ((after, -1), (before, 0)):
        pieces = [p.strip(_EDGE) for p in re.split(r"[_|｜»>,\uff0c–—-]+|::", rest) if p.strip(_EDGE)]
        if pieces and 2 <= len(pieces[last]) <= 30:
            return pieces[last]
    return None
