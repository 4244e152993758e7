"""Row rules: what must be true of every row of a published table. Checked on rows that are new or changed.

A rule never stops at the first row: it counts the rows that break it and keeps a few of their keys as examples, so that what batches give
adds up. Which rules refuse a publish and which warn stands in RULES, with the reason: a fact that the program made itself and that
is false is a defect of the program and refuses; one that the page got wrong is only told.

The rules over columns are dataframely schemas (publisher/rowschemas.py); those over texts read Arrow's buffers (crawler/textrules.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import polars as pl
import pyarrow as pa

from crawler import textfacts, textrules
from publisher.layout import keys
from publisher.manifest import Gate
from publisher.rowschemas import NOW, ROW, SCHEMAS
from publisher.tables import TABLES

EXAMPLES = 5
_OF_TEXTS = ("speech_id", "text", "text_sha256", "chars", "paragraphs")  # columns that the rules over texts look at


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. result: what a row that breaks it makes of its gate; what: said of such rows, after their number; why: the reason for `result`."""

    table: str
    result: Literal["warn", "fail"]
    what: str
    why: str


_OURS = "made by the program: a false one is a defect of it"
_THEIRS = "said by the page, which may be wrong; the row is as it was read"

RULES: dict[str, Rule] = {
    "speech_id_form": Rule("speeches", "fail", "speeches have a malformed speech_id", _OURS),
    "page_url_form": Rule("speeches", "warn", "speeches have no http or https address", _THEIRS),
    "empty_text": Rule("speeches", "fail", "speeches have no text", "a speech without text is none"),
    "text_digests": Rule(
        "speeches",
        "fail",
        "speeches have a text without its digest",
        "what lies in the records is not what was written",
    ),
    "text_chars": Rule("speeches", "fail", "speeches have more or fewer characters than chars says", _OURS),
    "text_paragraphs": Rule("speeches", "fail", "speeches have more or fewer paragraphs than they say", _OURS),
    "text_paragraphs_blank": Rule("speeches", "warn", "speeches begin or end with an empty paragraph", _OURS),
    "digest_form": Rule("speeches", "fail", "speeches have a simtext_sha256 that is no digest", _OURS),
    "title_blank": Rule("speeches", "warn", "speeches have no title", "the page may have none"),
    "site_blank": Rule("speeches", "fail", "speeches have no site", _OURS),
    "part_of_parts": Rule("speeches", "fail", "speeches have a part that is not between 1 and parts", _OURS),
    "revision_from_1": Rule("speeches", "fail", "speeches have no revision", _OURS),
    "first_version_form": Rule("speeches", "fail", "speeches have a malformed first_version", _OURS),
    "script_known": Rule(
        "speeches", "warn", "speeches have an unknown script", "a new value is to be told in tables.py"
    ),
    "doc_type_known": Rule(
        "speeches", "warn", "speeches have an unknown doc_type", "a new value is to be told in tables.py"
    ),
    "admin_level_known": Rule(
        "speeches", "warn", "speeches have an unknown admin_level", "a new value is to be told in tables.py"
    ),
    "personal_data_known": Rule(
        "speeches", "warn", "speeches have an unknown kind of personal data", "a new value is to be told in tables.py"
    ),
    "published_in_future": Rule("speeches", "warn", "speeches were published after this publish", _THEIRS),
    "published_before_1949": Rule("speeches", "warn", "speeches were published before 1949", _THEIRS),
    "event_date_range": Rule("speeches", "warn", "speeches have an event before 1949 or over two years ahead", _THEIRS),
    "counts_negative": Rule("speeches", "fail", "speeches have a negative count", _OURS),
    "gone_in_future": Rule("speeches", "fail", "speeches are gone since a time to come", _OURS),
    "duplicate_ids_form": Rule("duplicates", "fail", "duplicates have a malformed id", _OURS),
    "duplicate_jaccard": Rule("duplicates", "fail", "duplicates have a jaccard outside of 0 to 1", _OURS),
    "duplicate_reason": Rule("duplicates", "fail", "duplicates have an unknown reason", _OURS),
    "contained_ids_form": Rule("contained", "fail", "contained speeches have a malformed id", _OURS),
    "contained_share": Rule("contained", "fail", "contained speeches have a share outside of 0 to 1", _OURS),
    "contained_itself": Rule("contained", "fail", "speeches are contained in themselves", _OURS),
    "origin_url_form": Rule("provenance", "warn", "responses have no http or https address", _THEIRS),
    "origin_ordinal": Rule("provenance", "fail", "responses have an ordinal below 1", _OURS),
    "origin_digest": Rule("provenance", "fail", "responses have a digest that is none", _OURS),
    "origin_place": Rule("provenance", "fail", "responses have no place in the archive", _OURS),
    "origin_status": Rule("provenance", "warn", "responses have a status outside of 100 to 599", _THEIRS),
    "origin_in_future": Rule(
        "provenance", "warn", "responses were fetched after this publish", "the clock was wrong once"
    ),
    "page_form": Rule("pages", "warn", "pages have no http or https address", _THEIRS),
    "page_fate": Rule("pages", "warn", "pages have an unknown fate", "a new value is to be told in records.py"),
    "page_status": Rule("pages", "warn", "pages have a status outside of 100 to 599", _THEIRS),
    "page_in_future": Rule("pages", "warn", "pages were fetched after this publish", "the clock was wrong once"),
    "page_speeches": Rule("pages", "fail", "pages have a negative number of speeches", _OURS),
    "tomb_id_form": Rule("removed", "fail", "tombstones have a malformed speech_id", _OURS),
    "tomb_versions_form": Rule("removed", "fail", "tombstones have a malformed version", _OURS),
    "tomb_reason": Rule("removed", "fail", "tombstones have no reason", _OURS),
}


@dataclass(frozen=True, slots=True)
class Violation:
    """Rows that break one rule. examples: the smallest of their keys, EXAMPLES at most (of a key of several columns, joined by a blank)."""

    count: int
    examples: tuple[str, ...] = ()

    def __add__(self, other: Violation) -> Violation:
        return Violation(self.count + other.count, tuple(sorted({*self.examples, *other.examples})[:EXAMPLES]))


Violations = dict[str, Violation]


def merged(found: Iterable[Mapping[str, Violation]]) -> Violations:
    """What several batches broke, in the order of RULES."""
    total: Violations = {}
    for one in found:
        for rule, violation in one.items():
            total[rule] = total[rule] + violation if rule in total else violation
    return {rule: total[rule] for rule in RULES if rule in total}


class RowCheck:
    """Checks rows batch by batch. Texts are checked as they come; the other columns are gathered first, since a rule costs
    milliseconds whether it looks at ten rows or at ten thousand.

    now: the time of publishing, aware. at_once: rows of a table that are gathered, without their texts.
    """

    def __init__(self, now: datetime, at_once: int = 50_000) -> None:
        self._now = now.astimezone(UTC)
        self._at_once = at_once
        self._found: Violations = {}
        self._waiting: dict[str, list[pa.Table]] = {}

    def add(self, table: str, rows: pa.Table, facts: textfacts.Facts | None = None) -> None:
        """Rows of a table as they are to be published. facts: what is known of their texts (crawler/textfacts.py). Raises KeyError for an unknown
        table."""
        if not rows.num_rows:
            return
        if table == "speeches":
            doubtful = None if facts is None else (facts & (textfacts.WRONG | textfacts.UNKNOWN)) > 0
            if doubtful is None or doubtful.any():
                # filtered, not taken: a take would put all texts into one piece first
                some = rows if doubtful is None else rows.select(list(_OF_TEXTS)).filter(pa.array(doubtful))
                self._found = merged([self._found, _texts(some)])
        names = dict.fromkeys([*TABLES[table].key, *_columns(table)])
        waiting = self._waiting.setdefault(table, [])
        waiting.append(rows.select(list(names)))
        if sum(r.num_rows for r in waiting) >= self._at_once:
            self._check(table)

    def result(self) -> Violations:
        """What all rows so far broke."""
        for table in list(self._waiting):
            self._check(table)
        return self._found

    def _check(self, table: str) -> None:
        rows = pa.concat_tables(self._waiting.pop(table))
        self._found = merged([self._found, _broken(table, rows, self._now)])


def check_rows(table: str, rows: pa.Table, now: datetime) -> Violations:
    """What rows of one table, as they are to be published, break; see RowCheck."""
    check = RowCheck(now)
    check.add(table, rows)
    return check.result()


def _columns(table: str) -> list[str]:
    return [n for n in SCHEMAS[table].column_names() if n not in (NOW, ROW)]


def _texts(speeches: pa.Table) -> Violations:
    found = {}
    for rule, broken in textrules.check(speeches).items():
        ids = map(str, speeches["speech_id"].take(pa.array(broken)).to_pylist())
        found[rule] = Violation(len(broken), tuple(sorted(ids)[:EXAMPLES]))
    return found


def _broken(table: str, rows: pa.Table, now: datetime) -> Violations:
    frame = pl.from_arrow(rows.select(_columns(table)), rechunk=False)
    assert isinstance(frame, pl.DataFrame)
    at = pl.lit(now).cast(pl.Datetime("ms", "UTC")).alias(NOW)
    failure = SCHEMAS[table].filter(frame.lazy().with_columns(at).with_row_index(ROW)).failure
    counts = failure.counts()
    if not counts:
        return {}
    # Only now are keys made: nearly always no row breaks a rule.
    names = pl.Series(keys(rows, TABLES[table].key)).str.replace_all("\x1f", " ", literal=True)
    details = failure.details()
    found = {}
    for rule, count in counts.items():
        broken = names.gather(details.filter(pl.col(rule) == "invalid")[ROW])
        found[rule] = Violation(count, tuple(broken.sort().head(EXAMPLES).to_list()))
    return found


# of one row alone: the verbs and pronouns of a rule's words that agree with its noun
_AGREES = {
    "have": "has",
    "were": "was",
    "are": "is",
    "begin": "begins",
    "end": "ends",
    "they say": "it says",
    "themselves": "itself",
}
_AGREEING = re.compile("|".join(rf"\b{word}\b" for word in _AGREES))


def said(count: int, what: str) -> str:
    """How many rows break a rule, in its words: 3 speeches have no title, 1 speech has no title."""
    if count != 1:
        return f"{count} {what}"
    noun, _, rest = what.removeprefix("contained ").partition(" ")
    one = "contained " if what.startswith("contained ") else ""
    one += noun.removesuffix("es") if noun.endswith("ches") else noun.removesuffix("s")
    return f"{count} {one} {_AGREEING.sub(lambda m: _AGREES[m[0]], rest)}"


def gates_of(found: Mapping[str, Violation]) -> list[Gate]:
    """One gate for each rule that rows break, named as the rule, and `row_rules`, which says how many rules are kept."""
    out = []
    for name, violation in merged([found]).items():
        rule = RULES[name]
        out.append(
            Gate(
                name=name,
                result=rule.result,
                what=f"{said(violation.count, rule.what)}, e.g. {', '.join(violation.examples[:2])}",
                figures={"table": rule.table, "rows": violation.count, "examples": list(violation.examples)},
            )
        )
    kept = len(RULES) - len(out)
    what = f"{kept} of {len(RULES)} rules are kept by every row that is new or changed"
    return [
        Gate(name="row_rules", result="pass", what=what, figures={"kept": kept, "broken": [g.name for g in out]}),
        *out,
    ]


def listed() -> str:
    """The row rules as a Markdown table (docs/gates.md holds it between two marks)."""
    lines = ["| rule | table | a row that breaks it | reason |", "| --- | --- | --- | --- |"]
    lines += [f"| `{n}` | {r.table} | {r.result}: {r.what} | {r.why} |" for n, r in RULES.items()]
    return "\n".join(lines) + "\n"
