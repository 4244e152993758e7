"""A reading as one plain value that terminal, page and JSON are made of: pages with blocks, verdict, rows with evidence, rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from crawler.explaining.rules import describe
from crawler.extraction import SPEECH_THRESHOLD
from crawler.extraction.evidence import speech_evidence
from crawler.extraction.model import ArticleResult
from crawler.extraction.trace import Trace
from crawler.records import SPEECH
from crawler.wording import counted

View = dict[str, Any]

# Columns in the order in which people look for them; those of records.SPEECH that are not named follow.
_FIRST = (
    "title", "title_raw", "part_title", "published_at", "published_from", "source", "author", "doc_type", "salutation", "speaker_role",
    "speaker_name", "admin_level", "region", "occasion", "event_date", "topics", "breadcrumb", "keywords", "views", "site_title",
)  # fmt: skip
_SHOWN_ELSEWHERE = frozenset(("text", "page_url", "site", "part", "parts", "speech_id"))


def make_view(
    trace: Trace,
    result: ArticleResult,
    rows: Sequence[Mapping[str, Any]],
    *,
    site: str | None,
    url: str,
    article_key: str | None = None,
    part: int | None = None,
    threshold: float = SPEECH_THRESHOLD,
    read_with: Mapping[str, Any] | None = None,
    recorded: Mapping[str, Any] | None = None,
    provenance: Sequence[Mapping[str, Any]] = (),
    corrections: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
) -> View:
    """Everything that is to be shown, as plain values.

    rows: the speeches read, by column name. part: the one that was asked for, None for the whole page. threshold: score from which
    it counts as a speech. read_with: profile, rules and
    extractor of this reading; recorded: those of the records, and whether the row is still the same. corrections: reviewed values that
    take the place of what was read, with part, field, raw, value, reason, by, where, and what hinders them (problem). notes: sentences for people that stand above all.
    """
    value = trace.as_json()
    used = Counter(
        rule
        for page in value["pages"]
        for block in page["blocks"]
        for rule in (block["rule"], *(p["rule"] for p in block["pieces"]))
        if rule
    )
    asked = next((r for r in rows if r["part"] == part), rows[0] if rows else None)
    return {
        "speech_id": asked.get("speech_id") if asked and part is not None else None,
        "site": site,
        "article_key": article_key,
        "url": url,
        "title": (asked and asked["title"]) or result.title,
        "part": part,
        "fate": value["fate"],
        "why": value["why"],
        "score": value["score"],
        "threshold": threshold,
        "coverage": value["coverage"],
        "flags": value["flags"],
        "notes": list(notes),
        "read_with": dict(read_with or {}),
        "recorded": dict(recorded) if recorded is not None else None,
        "provenance": [dict(p) for p in provenance],
        "corrections": [dict(c) for c in corrections],
        "facts": value["facts"],
        "pages": value["pages"],
        "speeches": [_speech(row, trace, value["facts"]) for row in rows],
        "rules": {rule: {**asdict(describe(rule)), "times": n} for rule, n in sorted(used.items())},
    }


def _speech(row: Mapping[str, Any], trace: Trace, facts: Mapping[str, Any]) -> View:
    subtitles = [b.text for p in trace.pages for b in p.blocks if b.fate == "subtitle"]
    told = {k: asdict(e) for k, e in speech_evidence(row, subtitles).items()}
    evidence = {**facts, **told}
    names = [*_FIRST, *(c.name for c in SPEECH if c.name not in _FIRST)]
    columns = []
    for name in names:
        if name in _SHOWN_ELSEWHERE or name not in row:
            continue
        found = evidence.get(name) or {"how": None, "text": None}
        columns.append({"name": name, "value": row[name], "how": found["how"], "text": found["text"]})
    return {
        "speech_id": row.get("speech_id"),
        "part": row["part"],
        "parts": row["parts"],
        "title": row["title"],
        "part_title": row["part_title"],
        "paragraphs": str(row["text"]).split("\n"),
        "chars": row["chars"],
        "is_preview": row["is_preview"],
        "quality_flags": row["quality_flags"],
        "columns": columns,
    }


def shown(value: Any) -> str:
    """A column's value as a line for people; what is missing is an empty string."""
    if value is None or value == [] or value == "":
        return ""
    if isinstance(value, list):
        if value and isinstance(value[0], Mapping):
            return " · ".join(f"{'  ' * (v.get('level', 1) - 1)}{v.get('marker', '')} {v.get('heading', '')}".strip() for v in value)  # fmt: skip
        return " · ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def main_text_told(page: Mapping[str, Any]) -> str:
    """How the main text of a page was found, in words."""
    main, total = page["main"], len(page["blocks"])
    if main["first"] is None:
        return "no main text found"
    where = f"blocks {main['first'] + 1} to {main['last'] + 1} of {total}"
    by = main["by"]
    if by == "site_file":
        return f"{where}, named by the site file ({main['named']})"
    if by == "profile":
        return f"{where}, a place that the site's profile names ({main['named']})"
    if by == "other_page":
        return f"{where}, the place of the text on another page of the article ({main['named']})"
    weights = [str(c["weight"]) for c in main["candidates"]]
    rivals = f", its rivals {', '.join(weights[1:])}" if len(weights) > 1 else ""
    known = "; the profile names the same place" if main["named"] else ""
    if by == "votes":
        votes = "; ".join(
            f"blocks {c['first'] + 1}–{c['last'] + 1}: weight {c['weight']}, trafilatura agrees {c.get('trafilatura', 0):.0%}"
            + (", stands below the title" if c.get("below_title") else "")
            for c in main["candidates"]
        )
        return f"{where}, chosen among rivals ({votes}){known}"
    return f"{where}, by text density (weight {weights[0] if weights else '?'}{rivals}){known}"


def coverage_told(coverage: Mapping[str, int]) -> str:
    """How much of the running text was taken, in words."""
    links = f", {counted(coverage['linked'], 'character')} of links in it" if coverage["linked"] else ""
    left = coverage["left"] or "none"
    return f"{counted(coverage['taken'], 'character')} taken as text{links}; of running text outside it {left} left"


def decoded_told(page: Mapping[str, Any]) -> str:
    """How a page was decoded, in words."""
    declared = f"; declared: {', '.join(page['declared'])}" if page["declared"] else "; declares none"
    return f"{page['charset']} ({page['decoded_by']}{declared})"


def correction_told(c: Mapping[str, Any]) -> str:
    """A correction as a line for people."""
    raw, value = shown(c["raw"]) or "(empty)", shown(c["value"]) or "(empty)"
    change = value if c["value"] == "dropped: it is no speech" else f"{raw} → {value}"
    by = f", {c['by']}" if c["by"] else ""
    if c["problem"]:
        return f"correction that does nothing: {c['field']}: {change}: {c['problem']} ({c['where']}{by})"
    return f"corrected: {c['field']}: {change} — {c['reason']} ({c['where']}{by})"


FATE_WORDS = {
    "kept": "in the speech",
    "heading": "heading of a part",
    "subtitle": "line below the title",
    "intro": "editor's introduction",
    "title": "the title again",
    "marker": "says the rest is not shown",
    "cut": "cut",
    "dropped": "dropped by the site file",
    "outside": "outside the main text",
    "unread": "main text of a page that is no document",
}
