"""What is told from the title and the paragraphs of one speech. Pure: the same input and rules give the same facts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crawler.extraction.headline import doc_type, event_date, occasion, title_year
from crawler.extraction.masks import masks
from crawler.extraction.model import SpeechFacts
from crawler.extraction.outline import outline, points
from crawler.extraction.plain import DASH, plain
from crawler.extraction.quality import quality_flags
from crawler.extraction.roles import admin_level, is_signature, region, speaker
from crawler.extraction.salutation import salutation
from crawler.extraction.topics import topics

__all__ = ["SpeechFacts", "read_speech"]

_DASHES = re.compile(rf"^[\s{DASH}]*[{DASH}]+\s*")
_TITLE = 6  # characters that a title has at least


def read_speech(
    title: str,
    part_title: str | None,
    paragraphs: Sequence[str],
    subtitles: Sequence[str] = (),
    page_topic_hints: Sequence[str] = (),
) -> SpeechFacts:
    """Read one speech.

    title: of the page, decorations taken off. part_title: heading of the part in a compilation; it is believed before the
    page's title. paragraphs: the body as shown. subtitles: lines under the title that are no part of the body, such as
    (2023年5月4日) or 县委书记 李明. page_topic_hints: what the page files itself under (breadcrumb, keywords).
    """
    text = "\n".join(paragraphs)
    text_view = plain(text)
    views = text_view.split("\n")
    if len(views) != len(paragraphs):  # a paragraph with a newline in it
        views = [plain(p) for p in paragraphs]
    named = [(t, plain(t)) for t in (part_title, title) if t]
    # ——县长在…会上的讲话 under a title is one more
    under_dashes = [_DASHES.sub("", s) for s in subtitles if _DASHES.match(s)]
    named += [(s, plain(s)) for s in under_dashes if len(s) >= _TITLE]
    titles = [view for _, view in named]
    whole_title = " ".join(titles)
    greeted, _ = salutation(paragraphs, views)
    under = [plain(s) for s in subtitles]
    role, name = speaker(titles, [*under, *views], len(under))
    said, found = points(views)
    numbered = outline(paragraphs, views)
    shown = [*named, *zip(subtitles, under, strict=True), *zip(paragraphs[:4], views[:4], strict=True)]
    return SpeechFacts(
        doc_type=doc_type(titles, text_view),
        salutation=greeted,
        speaker_role=role,
        speaker_name=_as_shown(name, shown),
        admin_level=admin_level(role, whole_title, text_view),
        region=_as_shown(region([*titles, *(s for s in under if is_signature(s))]), shown),
        occasion=_as_shown(occasion(titles, role), shown),
        event_date=event_date(titles, [*under, *views]),
        topics=topics(whole_title, text_view, [plain(h) for h in page_topic_hints]),
        outline=numbered,
        points_announced=said,
        points_found=found,
        masks=masks(text_view),
        quality_flags=quality_flags(paragraphs, text, [o["paragraph"] for o in numbered]),
        title_year=title_year(whole_title, text_view),
    )


def _as_shown(found: str | None, shown: Sequence[tuple[str, str]]) -> str | None:
    """What was found in a plain view, as the page shows it."""
    if found:
        for text, view in shown:
            if (at := view.find(found)) >= 0:
                return text[at : at + len(found)]
    return found
