"""One article to its speeches: the pure function that extraction is made of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from lxml.html import HtmlElement

from crawler.extraction import SPEECH_THRESHOLD
from crawler.extraction.blocks import Block, read_blocks, with_text
from crawler.extraction.classify import is_list, is_lone_item, is_unsure, judge, page_without_text
from crawler.extraction.comments import comment_blocks
from crawler.extraction.coverage import Coverage, coverage
from crawler.extraction.density import is_furniture, is_tail, teasers
from crawler.extraction.dom import Document, parse, select
from crawler.extraction.edges import OUTLINE, UNDER_TITLE, is_address_line
from crawler.extraction.evidence import find_evidence
from crawler.extraction.facts import read_facts
from crawler.extraction.fold import script_of, simtext_sha256, text_sha256
from crawler.extraction.maintext import body_place, find_main, in_place
from crawler.extraction.model import ArticleResult, Cut, PageFacts, PageInput, Part, Structure
from crawler.extraction.nodes import node_of
from crawler.extraction.plain import DASH
from crawler.extraction.posts import keep_starter, may_be_thread
from crawler.extraction.profile import Profile
from crawler.extraction.speech import read_speech
from crawler.extraction.standing import take_out, title_forms
from crawler.extraction.structure import read_structure
from crawler.extraction.titles import same_title
from crawler.extraction.trace import MainText, Trace, read_shown
from crawler.extraction.watermarks import (
    injected,
    names_in_footer,
    site_names,
    watermarks_in,
    without,
    without_watermarks,
)
from crawler.site import Site
from crawler.wording import counted

_PAGE_MARK = re.compile(r"\s*[(【\[]?\s*(?:第\s*)?[\d一二三四五六七八九十]{1,3}\s*(?:页|/\s*\d+)?\s*[)】\]]?\s*$")
_STOP = re.compile(r"[。!?;]")
_SHOWN = 120  # characters of sentences that a page with a text shows
_OPEN_END = re.compile(r"[\u4e00-\u9fff,、]$")


def read_article(
    pages: Sequence[PageInput],
    site: Site,
    profile: Profile | None = None,
    trace: Trace | None = None,
    *,
    threshold: float = SPEECH_THRESHOLD,
) -> ArticleResult:
    """Read an article (its in-article pages in order) into speeches.

    trace: takes every decision along, and never changes the result. threshold: score from which a document counts as a speech
    (classify.judge).

    Pure: the same pages, site file, rules, profile and threshold give the same result. Raises nothing for bad HTML; a page that is no
    speech comes back with its fate and the reason.
    """
    documents = [parse(p.body, p.content_type, p.url) for p in pages]
    replies: list[Cut] = []
    if any(may_be_thread(p.body) for p in pages):
        for k, taken in enumerate(keep_starter(documents)):
            replies += [Cut("forum_reply", " ".join("".join(map(str, e.itertext())).split()), k) for e in taken]
    facts = read_facts(documents[0], site)
    if trace is not None:
        for page, document in zip(pages, documents, strict=True):
            trace.decoded(page, document)
        trace.facts = find_evidence(documents[0], facts, site)
    result = ArticleResult("empty", title=facts.title or None, charset=documents[0].charset, cut=replies)
    structure = _read(documents, site, profile, facts, result, trace, threshold)
    if trace is not None:
        trace.fate, trace.why = result.fate, result.why
        trace.flags = sorted({f for row in result.speeches for f in row["quality_flags"]})
        trace.finish(structure.parts if structure else [], structure is not None)
    return result


def _read(
    documents: Sequence[Document],
    site: Site,
    profile: Profile | None,
    facts: PageFacts,
    result: ArticleResult,
    trace: Trace | None,
    threshold: float,
) -> Structure | None:
    """Read body, structure and rows into `result`; the structure, None where the page was told by its looks to be no document."""
    read = _body_of(documents, site, profile, facts, result.cut, trace)
    lines, all_blocks = read.lines, read.first
    if trace is not None:
        trace.coverage = read.covered
    verdict = page_without_text(all_blocks, facts.title, read.teased)
    # the first of several pages may be short, and its form the longest text on it
    if (
        verdict is not None
        and verdict.fate in ("login", "empty", "list")
        and sum(b.page > 0 and b.size >= _RUNNING for b in lines) > 1
    ):
        verdict = None
    if verdict is not None:
        result.fate, result.why = verdict.fate, verdict.why
        return None
    if not lines:
        linked = [b for b in all_blocks if b.is_linked and b.size >= 6]
        if len(linked) >= 8 and sum(b.link for b in linked) > sum(b.size - b.link for b in all_blocks if b.size >= 25):
            result.fate, result.why = "list", f"no running text, {len(linked)} links"
        else:
            result.why = "no running text found"
        return None
    if is_list(lines) or is_lone_item(all_blocks, documents[0].url):
        result.fate, result.why = "list", "links with a teaser each"
        return None
    structure = read_structure(
        lines, facts.title, title_raw=facts.title_raw, after=read.after, names=read.names, trace=trace
    )
    result.cut += structure.cut
    if not structure.parts:
        result.why = "nothing is left when the page's furniture is cut"
        return structure
    first = structure.parts[0]
    if (under := _under_title(all_blocks, facts)) and under not in first.subtitles:
        first.subtitles.insert(0, under)
    verdict = judge(
        facts.title,
        [p for part in structure.parts for p in part.paragraphs],
        [p.heading for p in structure.parts],
        threshold,
        intro=first.intro,
        subtitles=first.subtitles,
    )
    result.fate, result.why, result.score = verdict.fate, verdict.why, verdict.score
    if trace is not None:
        trace.judged(verdict)
    if verdict.fate != "speech":
        return structure
    if any(p.is_preview for p in structure.parts):
        result.fate = "preview"
    flags = sorted({f for d in documents for f in d.flags} | {*structure.flags, *read.covered.flags})
    if is_unsure(verdict.score, threshold):
        flags.append("unsure_speech")
    count = len(structure.parts)
    result.speeches = [
        _row(i, count, part, structure, facts, flags, verdict.score) for i, part in enumerate(structure.parts, 1)
    ]
    if result.fate == "speech" and any(row["is_preview"] for row in result.speeches):
        result.fate = "preview"
    return structure


@dataclass(frozen=True, slots=True)
class _Read:
    """What is read of an article's pages. lines: body blocks of all in order; after: the blocks behind the last body; first, teased: all
    blocks of the first page, and which of them are teasers; names: what the site may call itself; covered: how much of the pages the
    lines are."""

    lines: list[Block]
    after: list[Block]
    first: list[Block]
    teased: list[int]
    names: tuple[str, ...]
    covered: Coverage


def _body_of(
    documents: Sequence[Document],
    site: Site,
    profile: Profile | None,
    facts: PageFacts,
    cut: list[Cut],
    trace: Trace | None,
) -> _Read:
    """The bodies of all in-article pages; cut: takes what is cut on the way."""

    def note(rule: str, blocks: Sequence[Block]) -> None:
        cut.extend(Cut(rule, b.text, b.page) for b in blocks)
        if trace is not None:
            trace.cut(rule, blocks)

    def note_piece(rule: str, block: Block, text: str) -> None:
        cut.append(Cut(rule, text, block.page))
        if trace is not None:
            trace.piece(rule, block, text)

    lines: list[Block] = []
    bodies: list[list[Block]] = []
    after: list[Block] = []
    first_blocks: list[Block] = []
    first_teased: list[int] = []
    covered = Coverage()
    titles = title_forms(facts.title_raw, facts.title) if profile else ()
    names: tuple[str, ...] = ()
    cuts = [re.compile(p) for p in site.reading.cut]
    read: list[tuple[list[Block], list[int], tuple[int, int] | None]] = []
    for k, document in enumerate(documents):
        shown = read_shown(document) if trace is not None and site.reading.drop else []
        dropped: list[tuple[str, HtmlElement]] = []
        for selector in site.reading.drop:
            for element in select(document.root, selector):
                if element.getparent() is not None:
                    element.drop_tree()
                    dropped.append((selector, element))
        if dropped:
            document.node = node_of(document.root)
        blocks = read_blocks(document.body)
        if not any(b.size >= _SHOWN for b in blocks) and (
            sum(b.size for b in blocks if not b.is_linked and _STOP.search(b.folded)) < _SHOWN
        ):
            # a page that shows next to nothing may hide its text until a script shows it
            whole = read_blocks(document.body, hidden_boxes=True)
            if any(map(is_address_line, whole)) and not any(map(is_address_line, blocks)):
                blocks = whole
        if k == 0:
            first_blocks = blocks
            names = _names_of(document, site, facts, blocks)
        else:
            for b in blocks:
                b.page = k
        if trace is not None:
            trace.blocks(k, shown, blocks, dropped)
        teased = teasers(blocks)
        if k == 0:
            first_teased = teased
        told = None if trace is None else partial(trace.main, k)
        read.append((blocks, teased, find_main(document, blocks, site, profile, told, teased=teased)))
    if len(documents) > 1 and not site.reading.body:
        read = _in_one_place(read, trace)
    for blocks, teased, main in read:
        if main is None:
            continue
        first, last = main
        if (end := _next_article(blocks, first, last, facts)) <= last:
            note("next_article", blocks[end : last + 1])
            last = end - 1
        body = blocks[first : last + 1]
        if profile and (standing := profile.standing(body)):
            body, gone = take_out(body, standing, titles)
            for b, text in gone:
                if text == b.text:
                    note("profile.line", [b])
                else:
                    note_piece("profile.sentence", b, text)
        own = []
        marks = injected([b.text for b in body], names, facts.title)
        comments = {blocks[i].index for i in comment_blocks(blocks)}
        for b in body:
            if b.index in comments:
                note("comments", [b])
            elif phrase := next((c.pattern for c in cuts if c.search(b.text)), None):
                note(f"site_file.cut {phrase}", [b])
            elif (text := without_watermarks(without(b.text, marks), names)) != b.text:
                for piece in [m for m in marks if m in b.text] + watermarks_in(without(b.text, marks), names):
                    note_piece("watermark", b, piece)
                if text.strip():
                    own.append(with_text(b, text))
            else:
                own.append(b)
        covered += coverage(blocks, first, last, own, teased)
        bodies.append(own)
        after = blocks[last + 1 : last + 13]
    again = _on_every_page(bodies, facts)
    for k, own in enumerate(bodies):
        if k > 0:
            rest = _without_page_head(own, facts)
            note("page_head", own[: len(own) - len(rest)])
            own = rest
        if again:
            # what is long on the first is an abstract, which the text below it tells
            alike = {b.index for b in own if b.text in again and (k or b.size <= _ON_EVERY_PAGE)}
            note("every_page", [b for b in own if b.index in alike])
            own = [b for b in own if b.index not in alike]
        if k > 0 and own and lines:
            # lines of the page stand around the break
            begin = next((n for n in range(min(len(own), _EDGE)) if _is_text(own[n])), -1)
            end = _torn(lines, own[begin]) if begin >= 0 else -1
            if end >= 0:
                lines[end] = _joined(lines[end], own[begin])
                own = own[:begin] + own[begin + 1 :]
        lines.extend(own)
    return _Read(lines, after, first_blocks, first_teased, names, covered)


def _in_one_place(
    read: Sequence[tuple[list[Block], list[int], tuple[int, int] | None]], trace: Trace | None
) -> list[tuple[list[Block], list[int], tuple[int, int] | None]]:
    """The main texts of an article's pages where that of the page with most text stands: a page with one paragraph may hold less
    text than what its template says of the site."""
    held = [(sum(b.size - b.link for b in blocks[m[0] : m[1] + 1]), k) for k, (blocks, _, m) in enumerate(read) if m]
    fullest = max(held, default=(0, -1))[1]
    main = read[fullest][2] if fullest >= 0 else None
    where = body_place(read[fullest][0], main) if main else None
    if where is None:
        return list(read)
    out = []
    for k, (blocks, teased, found) in enumerate(read):
        there = found if k == fullest else in_place(blocks, found, where)
        if trace is not None and there is not None and there != found:
            trace.main(k, MainText("other_page", where, *there))
        out.append((blocks, teased, there))
    return out


_RUNNING = 40  # characters of a paragraph
_SENTENCE = 16  # characters
_BYLINE = 6  # lines below a headline
_STAMP = re.compile(r"(?:19|20)\d\d([-/.])\d{1,2}\1\d{1,2}")


def _next_article(blocks: Sequence[Block], first: int, last: int, facts: PageFacts) -> int:
    """Where another article begins behind the page's own, which some pages go on with: at a heading of the same class as the page's, with
    a byline of its own; behind the last block where none does."""
    own = next(
        (b for b in blocks[: last + 1] if b.tag in ("h1", "h2", "h3") and same_title(b.text, facts.title_raw)), None
    )
    slot = own.element.get("class") if own is not None else None
    if own is None or not slot:
        return last + 1
    tag = own.tag
    for k in range(max(first, own.index) + 1, last + 1):
        b = blocks[k]
        if (
            b.element.tag == tag
            and b.element.get("class") == slot
            and not same_title(b.text, own.text)
            and any(x.size <= _ON_EVERY_PAGE and _STAMP.search(x.folded) for x in blocks[k + 1 : k + 1 + _BYLINE])
        ):
            return k
    return last + 1


_ON_EVERY_PAGE = 80  # characters of a line of the template
_TOP = 3  # lines on top of a page


def _on_every_page(bodies: Sequence[Sequence[Block]], facts: PageFacts) -> set[str]:
    """The lines that stand on each of an article's pages, and so are the template's: short ones (a date, a list, what the site says), and what stands on
    top of each, of any length: an abstract."""
    if len(bodies) < 2:
        return set()
    each = [
        {
            b.text
            for i, b in enumerate(own)
            if b.size >= 4 and (b.size <= _ON_EVERY_PAGE or i < _TOP) and not is_address_line(b) and not is_tail(b)
        }
        for own in bodies
    ]
    return {t for t in set.intersection(*each) if not same_title(t, facts.title)}


def _names_of(document: Document, site: Site, facts: PageFacts, blocks: Sequence[Block]) -> tuple[str, ...]:
    """What the site may call itself: in its file, on the page, in the page's footer, by its address."""
    foot = names_in_footer(b.text for b in blocks[-12:] if b.size <= 200)
    return site_names([facts.site_title, site.title, *foot], document.url)


def _under_title(blocks: Sequence[Block], facts: PageFacts) -> str | None:
    """The line of dashes right below the page's title, outside its body: ——在全镇护林工作会议上的讲话."""
    for title, below in pairwise(blocks):
        if (
            below.folded[:1] in DASH
            and UNDER_TITLE.match(below.folded)
            and not below.is_linked
            and same_title(title.text, facts.title_raw)
        ):
            return below.text
    return None


def _without_page_head(blocks: list[Block], facts: PageFacts) -> list[Block]:
    """A further in-article page without the title (with its page number) that stands on top of it again."""
    for k, block in reversed(list(enumerate(blocks[:6]))):
        bare = _PAGE_MARK.sub("", block.text)
        if block.size <= 90 and any(
            same_title(t, u) for t in (block.text, bare) for u in (facts.title, facts.title_raw) if u
        ):
            above, below = _held(blocks[:k]), _held(blocks[k + 1 :])
            return (
                blocks[k + 1 :] if below >= above else blocks
            )  # below the last paragraphs, what is named there is the page
    return blocks


def _held(blocks: Sequence[Block]) -> int:
    """How many characters of running text blocks hold."""
    return sum(b.size for b in blocks if b.size >= _SENTENCE and not b.is_linked)


_EDGE = 8  # lines on either side of a page break


def _is_text(block: Block) -> bool:
    return not block.is_linked and not is_furniture(block)


def _torn(lines: Sequence[Block], first: Block) -> int:
    """The index of the paragraph that goes on with `first` on the next page, -1 where none does: behind it stand no sentences."""
    for n in range(len(lines) - 1, max(-1, len(lines) - 1 - _EDGE), -1):
        if not _is_text(lines[n]):
            continue
        if _runs_on(lines[n], first):
            return n
        if _STOP.search(lines[n].folded):
            break
    return -1


def _runs_on(last: Block, first: Block) -> bool:
    """Whether a paragraph was cut by the page break: a long line without an end, and a line that is no new beginning."""
    if last.folded.endswith((",", "、")):
        return last.size >= 8 and first.size > 3 and not is_address_line(last) and not OUTLINE.match(first.folded)
    return (
        last.size >= 60
        and bool(_OPEN_END.search(last.folded))
        and not re.match(r"^[\d一二三四五六七八九十(第]", first.folded)
        and first.size > 10
    )


def _joined(last: Block, first: Block) -> Block:
    return Block(last.element, last.text + first.text, last.size + first.size, last.link + first.link, 0, last.index,
                 last.folded + first.folded, page=last.page, also=(*last.also, *first.keys), links=(*last.links, *first.links))  # fmt: skip


def _row(
    number: int, count: int, part: Part, structure: Structure, facts: PageFacts, flags: list[str], score: float
) -> dict[str, Any]:
    """The columns of one speech (all of records.SPEECH but those that the driver fills from the address)."""
    speech = read_speech(facts.title, part.heading, part.paragraphs, part.subtitles)
    text = unicodedata.normalize("NFC", "\n".join(part.paragraphs))
    evidence = part.preview_evidence
    held = speech.event_date
    if held and facts.published_at and facts.published_from == "byline" and facts.published_at.date() == held:
        held = None  # the line under the title is read as the page's date
    short = (
        speech.points_announced is not None
        and speech.points_found is not None
        and speech.points_found < speech.points_announced
    )
    if evidence is None and short:
        evidence = f"announces {counted(speech.points_announced or 0, 'point')}, has {speech.points_found}"
    return {
        "part": number,
        "parts": count,
        "title": facts.title or part.heading or part.paragraphs[0][:60],
        "title_raw": facts.title_raw or facts.title or part.heading or part.paragraphs[0][:60],
        "part_title": part.heading if count > 1 else None,
        "text": text,
        "paragraphs": len(part.paragraphs),
        "chars": len("".join(text.split())),
        "script": script_of(text),
        "published_at": facts.published_at,
        "published_from": facts.published_from,
        "source": facts.source,
        "author": facts.author,
        "breadcrumb": facts.breadcrumb,
        "keywords": facts.keywords,
        "views": facts.views,
        "site_title": facts.site_title,
        "doc_type": speech.doc_type,
        "salutation": speech.salutation,
        "speaker_role": speech.speaker_role,
        "speaker_name": speech.speaker_name,
        "admin_level": speech.admin_level,
        "region": speech.region,
        "occasion": speech.occasion,
        "event_date": held,
        "topics": speech.topics,
        "outline": speech.outline,
        "speech_score": score,
        "is_preview": evidence is not None,
        "preview_evidence": evidence,
        "chars_declared": structure.chars_declared,
        "points_announced": speech.points_announced,
        "points_found": speech.points_found,
        "mask_count": speech.mask_count,
        "masks": speech.masks,
        "quality_flags": sorted({*speech.quality_flags, *flags}),
        "title_year": speech.title_year,
        "editor_intro": part.intro,
        "text_sha256": text_sha256(text),
        "simtext_sha256": simtext_sha256(text),
    }
