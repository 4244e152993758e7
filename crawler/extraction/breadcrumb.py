"""The breadcrumb: where a page says it stands, from text (当前位置:A > B > C), from a slot (<ol class=breadcrumb>) or from nested links."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from lxml.html import HtmlElement

from crawler.extraction.lines import CRUMB, MARK, Line, half_width, slot_flags
from crawler.extraction.rules import any_of, rules
from crawler.extraction.titles import fold_title, leads_home, same_title

MAX_STEPS, MAX_STEP, MAX_LINE = 8, 40, 300
ABOVE = 160  # lines above the title that are looked at
_STRONG = re.compile(r"[>»›❯▸→⇒➔⟩≫]+|-+>|——>|::")
_WEAK = re.compile(r"[/\\|┊│·・-]+|—+")
_SLASH = re.compile(r"(?<=[\0\s\x1f])/+|/+(?=[\s\x1f]*(?:[\0>»]|$))")
_ENDS_STRONG = re.compile(r"[>»›→][\s\x1f]*$")
_FOLDER = re.compile(r"/(?:(?:index|list)[^/]*)?$")
_EDGE = " \x1f\t\u3000\xa0:\uff1a\uff1e>»›/\\|-—·・→[]【】▪■◆★※•"


@dataclass(frozen=True, slots=True)
class Crumbs:
    """Steps as shown and the lines that show them (index of first and last)."""

    steps: list[str]
    first: int
    last: int


def _clean(text: str) -> str:
    return " ".join(text.replace(MARK, "").split()).strip(_EDGE)


def _prefix(line: Line) -> int:
    """Length of 当前位置: at the start of a line, 0 without one."""
    half = line.half
    for rule in rules("facts", "breadcrumb_prefix"):
        if m := rule.pattern.match(half):
            rest = half[m.end() :]
            # 位置决定… is a sentence: what follows must be a mark, a separator or nothing
            if (
                m[0].rstrip(" \x1f").endswith((":", "]", "】"))
                or not rest.strip(" \x1f")
                or rest[:1] in " \x1f>»"
                or m[0][-1:] in " \x1f"
            ):
                return m.end()
    return 0


def split_steps(line: Line, start: int = 0, *, weak: bool = True) -> list[str]:
    """Steps of one line from offset `start`: links are whole, the text between them parts at separators."""
    half, raw = line.half, line.raw
    if "\u300b" in half and "\u300a" not in half:
        half = half.replace("\u300b", "»")  # a closing title mark that closes none
        raw = raw.replace("\u300b", "»")
    rest = half[start:]
    between = list(rest)
    for begin, end, _ in line.links:
        for i in range(max(begin - start, 0), max(end - start, 0)):
            between[i] = "\0"
    text = "".join(between)
    separator = _STRONG if _STRONG.search(text) else (_WEAK if weak and _WEAK.search(text) else None)
    cuts: list[tuple[int, int]] = []
    if separator:
        cuts += [(m.start(), m.end()) for m in separator.finditer(text)]
        if separator is _STRONG:  # A>>B/C/>>正文, A > B / 正文: beside linked steps or spaces a slash parts too
            cuts += [(m.start(), m.end()) for m in _SLASH.finditer(text)]
    elif not line.links:
        return [s] if (s := _clean(raw[start:])) else []
    cuts += [(begin - start, begin - start) for begin, _, _ in line.links if begin >= start]
    if not separator:
        cuts += [(end - start, end - start) for _, end, _ in line.links if end > start]
    steps, at = [], 0
    for a, b in sorted(cuts):
        if a >= at:
            steps.append(_clean(raw[start + at : start + a]))
            at = b
    steps.append(_clean(raw[start + at :]))
    return [s for s in steps if s]


def _container(element: HtmlElement) -> HtmlElement | None:
    """The nearest element around (and with) `element` whose slot is named as a breadcrumb."""
    node: HtmlElement | None = element
    for _ in range(6):
        if node is None:
            return None
        if (
            slot_flags(node.get("class") or "") & CRUMB
            or slot_flags(node.get("id") or "") & CRUMB
            or node.get("aria-label", "").lower() == "breadcrumb"
        ):
            return node
        node = node.getparent()
    return None


def _of_lines(lines: Sequence[Line], start: int = 0) -> list[str]:
    steps: list[str] = []
    for i, line in enumerate(lines):
        steps += split_steps(line, start if i == 0 else 0)
    return [s for s in steps if not _STRONG.fullmatch(s)]


def _nested(lines: Sequence[Line], at: int, page_path: str, url: str) -> int:
    """How many lines from `at` on are single links whose paths nest, from the front page to the page's own folder."""
    path, n = "/", 0
    for line in lines[at : at + MAX_STEPS]:
        if len(line.links) != 1 or not line.is_linked or line.element.tag not in ("li", "a", "span", "div", "dd"):
            break
        try:
            href = urlsplit(urljoin(url, line.links[0][2])).path or "/"
        except ValueError:  # not an address
            break
        folder = href.rsplit("/", 1)[0] + "/"
        if n == 0:
            if not leads_home(line.links[0][2]) and href != "/":
                break
        elif not (folder.startswith(path) and page_path.startswith(folder) and folder != "/") or not _FOLDER.search(
            href
        ):
            break
        path, n = folder, n + 1
    return n


def _goes_on(lines: Sequence[Line], at: int, n: int, page_path: str, url: str) -> bool:
    """Whether the list of `n` nested links from `at` on has more links, and none to the page itself: then it is a menu."""
    last = lines[at + n - 1]
    holder = last.element.getparent()
    if at + n >= len(lines) or holder is None:
        return False
    behind = lines[at + n]
    if not behind.is_linked or not behind.links or not _is_within(behind.element, holder):
        return False
    try:
        return urlsplit(urljoin(url, behind.links[0][2])).path != page_path
    except ValueError:  # not an address
        return True


def find_breadcrumb(lines: list[Line], before: int, title: str, url: str | None) -> Crumbs | None:
    """The breadcrumb of a page, None without one.

    lines: of the whole page; before: index of the title's line (a breadcrumb stands above it, or says what it is); url: of the page.
    """
    head = [x for x in lines[max(0, before - ABOVE) : before + 8] if len(x.raw) <= MAX_LINE]
    above = [x for x in head if x.index <= before + 1]
    path = urlsplit(url).path if url else ""
    found = (
        _said(lines, head, before)
        or _slotted(above, head)
        or _chained(above)
        or _items(above, path, url or "")
        or _bare(above)
        or _slotted([x for x in head if x.index > before + 1 and _from_home(x)], head)
    )
    return _finish(*found, title) if found else None


Found = tuple[list[str], Sequence[Line]]


def _said(lines: list[Line], head: list[Line], before: int) -> Found | None:
    """当前位置: A > B, or 当前位置: with the steps in the lines that follow."""
    for line in head:
        if not (start := _prefix(line)):
            continue
        own = split_steps(line, start)
        if own and len(own) <= MAX_STEPS + 2:
            return own, [line]
        holder = line.element.getparent()
        if own or holder is None:
            continue
        follow = lines[line.index + 1 : min(line.index + 1 + MAX_STEPS, before)]
        inside = [x for x in follow if len(x.raw) <= MAX_LINE and _is_within(x.element, holder)]
        if inside and (steps := _of_lines(inside)):
            return steps, [line, *inside]
    return None


def _slotted(above: list[Line], head: list[Line]) -> Found | None:
    """The steps in an element that the template names as a breadcrumb."""
    for line in above:
        if not line.flags & CRUMB:
            continue
        holder = _container(line.element)
        group = [x for x in head if x.flags & CRUMB and (holder is None or _is_within(x.element, holder))]
        if not group or sum(len(x.raw) for x in group) > MAX_LINE:
            continue
        steps = _of_lines(group)
        links = sum(len(x.links) for x in group)
        if not 1 <= len(steps) <= MAX_STEPS or (not links and len(steps) < 2) or ":" in half_width(steps[0]):
            continue
        if len(group) == 1 and links > 3 and not _STRONG.search(line.half) and not _WEAK.search(line.half):
            continue  # a row of links in a slot called position is a menu
        return steps, group
    return None


def _chained(above: list[Line]) -> Found | None:
    """A line above the title whose links are parted by > » →, or that starts with 首页."""
    for line in above:
        text = line.half
        if len(text) > 240:
            continue
        marks = len(_STRONG.findall(text))
        if not marks and "/" not in text:
            continue
        if line.links:
            steps = split_steps(line, weak=False) if marks else []
            home = bool(steps) and (leads_home(line.links[0][2]) or is_home_word(steps[0]))
            if 2 <= len(steps) <= MAX_STEPS and marks >= len(steps) - 1 and (home or len(line.links) >= 2):
                return steps, [line]
            if not marks and "/" in text and "|" not in text:
                steps = split_steps(line)
                if 2 <= len(steps) <= 5 and is_home_word(steps[0]):
                    return steps, [line]
        elif marks and len(text) < 120:
            steps = split_steps(line)
            if len(steps) >= 2 and is_home_word(steps[0]):
                return steps, [line]
    return None


def _items(above: list[Line], path: str, url: str) -> Found | None:
    """Steps that are lines of their own: each ending in >, or links whose paths nest down to the page."""
    for i, line in enumerate(above):
        if not line.links:
            continue
        n = 0
        for follow in above[i : i + MAX_STEPS]:
            n += 1
            if not (follow.links and _ENDS_STRONG.search(follow.half)):
                break
        if n >= 3 and (steps := _of_lines(above[i : i + n])):
            return steps, above[i : i + n]
        if path and (n := _nested(above, i, path, url)) >= 2 and not _goes_on(above, i, n, path, url):
            return _of_lines(above[i : i + n]), above[i : i + n]
    return None


def _from_home(line: Line) -> bool:
    """Whether a line is a path from the front page on: 首页 » 讲话 » …"""
    return (
        bool(line.links)
        and bool(_STRONG.search(line.half) or _WEAK.search(line.half))
        and not line.half[: line.links[0][0]].strip(" \x1f")
        and leads_home(line.links[0][2])
    )


def _bare(above: list[Line]) -> Found | None:
    """A short list right above the title, from the front page on, whose separators are pictures or drawn by the style sheet.

    A menu begins with the front page too: so the list must be an ordered one, or hold separators without text, and stand in
    the last lines above the title.
    """
    for i in range(len(above) - 2, max(len(above) - 2 - MAX_STEPS, -1), -1):
        line = above[i]
        if not line.links or not leads_home(line.links[0][2]) or not line.is_linked:
            continue
        holder = line.element if len(line.links) > 1 else line.element.getparent()
        while holder is not None and holder.tag in ("a", "span", "li"):
            holder = holder.getparent()
        if holder is None:
            continue
        group = [line, *(x for x in above[i + 1 : i + MAX_STEPS] if _is_within(x.element, holder))]
        links = [k for x in group for k in x.links]
        behind = above[i + len(group) :]
        if not 2 <= len(links) <= 5 or len(behind) > 2 or any(len(x.raw) > MAX_STEP * 2 for x in group):
            continue
        if holder.tag == "ol" or _has_empty_separators(holder, len(links)):
            return [s for x in group for s in split_steps(x, weak=False)], group
    return None


def _has_empty_separators(holder: HtmlElement, steps: int) -> bool:
    """Whether elements without text (pictures, icons, hidden ones) stand between the links of a list."""
    marks = links = 0
    for node in holder.iter("a", "img", "svg", "i", "span", "em", "li", "use"):
        if node.tag == "a":
            links += 1
        elif links and links < steps and not "".join(node.itertext()).strip() and not _inside_link(node, holder):
            marks += 1
    return marks >= steps - 1 > 0


def _inside_link(node: HtmlElement, holder: HtmlElement) -> bool:
    parent = node.getparent()
    while parent is not None and parent is not holder:
        if parent.tag == "a":
            return True
        parent = parent.getparent()
    return False


def _is_within(element: HtmlElement, holder: HtmlElement) -> bool:
    node: HtmlElement | None = element
    while node is not None:
        if node is holder:
            return True
        node = node.getparent()
    return False


def is_home_word(step: str) -> bool:
    """Whether a step is 首页 or its like."""
    return any_of("facts", "home_words").search(step) is not None


def _is_self(step: str, title: str) -> bool:
    """Whether a last step stands for the page itself: its title (also cut short) or a word such as 正文."""
    if (any_of("facts", "breadcrumb_self").search(step) is not None) or same_title(step, title):
        return True
    short, full = fold_title(step.rstrip(".… ")), fold_title(title)
    return len(short) >= 8 and len(full) >= 8 and (full.startswith(short) or short in full or full in short)


def _finish(steps: list[str], shown: Sequence[Line], title: str) -> Crumbs:
    steps = [s for s in steps if any_of("facts", "breadcrumb_tools").search(half_width(s)) is None]
    home = next((k for k, s in enumerate(steps) if is_home_word(s)), 0)
    steps = steps[home:]  # what stands before the front page heads the column
    while len(steps) > 1 and is_home_word(steps[0]) and is_home_word(steps[1]):
        steps = steps[1:]  # an icon of a house, and the word beside it
    kept = [s for s in steps if len(s) <= MAX_STEP or s is steps[-1]]
    while kept and _is_self(kept[-1], title):
        kept.pop()
    if kept and len(kept[-1]) > MAX_STEP:
        kept.pop()
    return Crumbs(kept, shown[0].index, shown[-1].index)


def steps_of(line: Line) -> list[str]:
    """Steps of a line that is known to be a breadcrumb, without 当前位置."""
    return split_steps(line, _prefix(line))
