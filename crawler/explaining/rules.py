"""What a rule's name in a trace means: its pattern and its place in rules/*.yaml, or what the step of reading does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from crawler.extraction.rules import FOLDER, rule_file

# Steps of reading that cut without a rule of rules/*.yaml: what each does, and the module that does it.
STEPS = {
    "title": ("repeats the title", "edges.py"),
    "subtitle": ("date, place or speaker below the title; facts are told from it", "edges.py"),
    "before_parts": ("stands before the heading of the first part", "structure.py"),
    "before_address": ("the editor's words before the form of address that opens the speech", "edges.py"),
    "abstract": ("a copy of text that comes later", "edges.py"),
    "outro": ("the editor's words behind the speech", "edges.py"),
    "behind_thanks": ("short lines behind the speaker's thanks", "edges.py"),
    "end_mark": ("a mark that the text has ended", "edges.py"),
    "forum_signature": ("what a user of a forum signs posts with", "structure.py"),
    "fold": ("a button that unfolds what stands on the page", "previews.py"),
    "teaser": ("the teaser of another page, below its linked title", "density.py"),
    "ornament": ("a line of dashes or stars between two texts", "parts.py"),
    "behind_tail": ("stands behind a line that ends the text", "structure.py"),
    "after_preview_marker": ("stands behind the marker that says the rest is not shown", "previews.py"),
    "linked": ("a link inside the text", "structure.py"),
    "listed": ("the title of another text in a list inside the text", "structure.py"),
    "offer": ("an offer of other texts, or of something else than the rest of this one", "previews.py"),
    "chunk_number": ("the number of a piece that the site cut the text into", "layout.py"),
    "next_article": ("another article that the page goes on with", "article.py"),
    "caption": ("what stands under a picture", "structure.py"),
    "button": ("a button", "structure.py"),
    "comments": ("what users wrote below the text", "comments.py"),
    "every_page": ("a short line that stands on each of the article's pages", "article.py"),
    "page_talk": ("what a page says of itself and its texts", "pagetalk.py"),
    "question_box": ("questions about the text with their answers, below it", "pagetalk.py"),
    "repeated_line": ("a line of the page that comes again between paragraphs", "pagetalk.py"),
    "structure.glued": ("what is glued to the end of the last paragraph (rules/structure.yaml: glued)", "edges.py"),
    "retold": ("only tells again what stands above it", "structure.py"),
    "reprint": ("the same text printed a second time", "density.py"),
    "page_head": ("the title once more on top of a further in-article page", "article.py"),
    "parts.heading": ("the heading of a part, with text behind it on its line", "parts.py"),
    "watermark": ("the site's name or address put into the text", "watermarks.py"),
    "empty": ("nothing is left of it when white space and marks are taken off", "structure.py"),
    "profile.line": ("stands in most bodies of the site: the site's profile has it", "profile.py"),
    "profile.sentence": ("a sentence that stands in paragraphs of many pages: the site's profile has it", "profile.py"),
    "site_file.cut": ("a phrase that the site file cuts (reading.cut)", "article.py"),
    "site_file.drop": ("an element that the site file drops (reading.drop)", "article.py"),
    "more": ("more cuts than are kept", "worker.py"),
}


_ID = re.compile(r"""^\s*-\s*(?:\{\s*)?id:\s*["']?(\w+)""")


@dataclass(frozen=True, slots=True)
class Told:
    """A rule for people. what: what it means, where there are words for it; pattern: regular expression, or what the site file says; file,
    line: where it stands, None for a step without a line."""

    rule: str
    what: str | None
    pattern: str | None
    file: str | None
    line: int | None


def describe(rule: str) -> Told:
    """What a rule's name means; a name that nobody knows is a step of reading."""
    name, _, given = rule.partition(" ")
    if given and name in STEPS:
        return Told(rule, STEPS[name][0], given, "site file", None)
    if rule in STEPS:
        what, module = STEPS[rule]
        return Told(rule, what, None, f"crawler/extraction/{module}", None)
    file, _, rest = rule.partition(".")
    group, _, ident = rest.partition(".")
    if ident and (FOLDER / f"{file}.yaml").is_file():
        found = next((r for r in rule_file(file).get(group, ()) if r.id == ident), None)
        if found is not None:
            where = f"crawler/extraction/rules/{file}.yaml"
            return Told(rule, None, found.pattern.pattern, where, _lines(file).get(ident))
    return Told(rule, "a step of reading", None, None, None)


@cache
def _lines(file: str) -> dict[str, int]:
    """The line of each rule of a file by its id."""
    lines = (FOLDER / f"{file}.yaml").read_text(encoding="utf-8").splitlines()
    return {m[1]: n for n, line in enumerate(lines, 1) if (m := _ID.match(line))}
