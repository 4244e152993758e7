"""What extraction writes: the one source of the column names, types and descriptions of records.

A *speech* row is one speech (a compilation page gives one row a part). A *provenance* row is one response that a
speech was read from. A *pages* row is one URL that the crawler met, with its fate. The publisher adds columns of
its own (see publisher/tables.py) and never renames one of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

TIME_ZONE = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, Arrow type, whether it may be null, and what it means (for people)."""

    name: str
    type: pa.DataType
    description: str
    nullable: bool = False

    @property
    def field(self) -> pa.Field:
        return pa.field(self.name, self.type, nullable=self.nullable)


OUTLINE = pa.struct(
    [
        pa.field("level", pa.int8(), nullable=False),
        pa.field("marker", pa.string(), nullable=False),
        pa.field("heading", pa.string(), nullable=False),
        pa.field("paragraph", pa.int32(), nullable=False),
    ]
)
STRINGS = pa.list_(pa.field("item", pa.string(), nullable=False))
MASK = pa.struct([pa.field("kind", pa.string(), nullable=False), pa.field("count", pa.int32(), nullable=False)])

SPEECH: tuple[Column, ...] = (
    # identity
    Column(
        "speech_id",
        pa.string(),
        "stable id of the speech: made from site, canonical path and query, and part; never from the text",
    ),
    Column(
        "page_url",
        pa.string(),
        "address of the page as fetched; of an article split over pages its first page",
    ),
    Column("site", pa.string(), "name of the site file"),
    Column("part", pa.int16(), "number of the speech on its page, from 1"),
    Column("parts", pa.int16(), "how many speeches the page holds"),
    # text
    Column("title", pa.string(), "title without decorations"),
    Column("title_raw", pa.string(), "title as the page shows it"),
    Column("part_title", pa.string(), "heading of the part in a compilation", nullable=True),
    Column(
        "text",
        pa.large_string(),
        "the speech: paragraphs joined by one newline, masks untouched, Unicode NFC",
    ),
    Column("paragraphs", pa.int32(), "number of paragraphs in text"),
    Column("chars", pa.int32(), "number of characters in text without white space"),
    Column("script", pa.string(), "simplified, traditional, or mixed where the rarer has more than a tenth"),
    # page facts
    Column(
        "published_at",
        pa.timestamp("s", TIME_ZONE),
        "when the site says it published the page",
        nullable=True,
    ),
    Column("published_from", pa.string(), "which evidence published_at comes from", nullable=True),
    Column("source", pa.string(), "来源 as the page names it", nullable=True),
    Column("author", pa.string(), "author, uploader or editor as the page names one", nullable=True),
    Column("breadcrumb", STRINGS, "breadcrumb of the page, without the title as last step"),
    Column("keywords", STRINGS, "the page's own keyword list, else its meta keywords"),
    Column("views", pa.int64(), "view counter of the page", nullable=True),
    Column("site_title", pa.string(), "name of the site as the page shows it", nullable=True),
    # the speech
    Column("doc_type", pa.string(), "讲话 致辞 主持词 党课 发言 演讲 报告 其他"),
    Column(
        "salutation",
        pa.string(),
        "form of address that opens the speech, without closing marks",
        nullable=True,
    ),
    Column("speaker_role", pa.string(), "office of the speaker, e.g. 市委书记", nullable=True),
    Column("speaker_name", pa.string(), "name of the speaker, where the page gives one", nullable=True),
    Column("admin_level", pa.string(), "国家 省 市 县 乡镇 村社区 单位 学校 企业", nullable=True),
    Column("region", pa.string(), "place that the speech belongs to, as named", nullable=True),
    Column("occasion", pa.string(), "what stands between 在 and 上的讲话 in the title", nullable=True),
    Column("event_date", pa.date32(), "date of the event, where title or subtitle gives one", nullable=True),
    Column("topics", STRINGS, "topics by rule, e.g. 疫情防控"),
    Column(
        "outline",
        pa.list_(pa.field("item", OUTLINE, nullable=False)),
        "numbered headings and points: level from 1, marker, heading, paragraph index from 0",
    ),
    # honesty
    Column(
        "speech_score",
        pa.float32(),
        "how much speaks for a speech: a document from `speech_threshold` (1) up is one, 5 is the most; null in a row "
        "of before this column",
        nullable=True,
    ),
    Column("is_preview", pa.bool_(), "the page shows only a beginning of the speech"),
    Column(
        "preview_evidence",
        pa.string(),
        "what says so: the marker seen, or points announced against found",
        nullable=True,
    ),
    Column("chars_declared", pa.int32(), "length of the whole text as the page declares it", nullable=True),
    Column("points_announced", pa.int16(), "points that the speaker announces (我讲三点意见)", nullable=True),
    Column("points_found", pa.int16(), "points found in the text", nullable=True),
    Column("mask_count", pa.int32(), "masks in the text (XX, 某某, ××, 20xx …), all kinds together"),
    Column(
        "masks",
        pa.list_(pa.field("item", MASK, nullable=False)),
        "masks by kind: what stood there where that is told (year date number censored deleted), else the sign (letters "
        "mou cross asterisk star figure blank)",
    ),
    Column(
        "quality_flags",
        STRINGS,
        "what looks wrong: mojibake, one_paragraph, watermark, spun, ocr_noise, unsure_speech …",
    ),
    Column("title_year", pa.int16(), "a year in the title that the body contradicts", nullable=True),
    Column("editor_intro", pa.string(), "introduction by the site's editor that was cut off", nullable=True),
    # sameness
    Column("text_sha256", pa.string(), "SHA-256 of text (UTF-8), hex"),
    Column(
        "simtext_sha256",
        pa.string(),
        "SHA-256 of the text with masks, script, punctuation and white space folded",
    ),
)

PROVENANCE: tuple[Column, ...] = (
    Column("speech_id", pa.string(), "the speech"),
    Column(
        "ordinal",
        pa.int16(),
        "number of the response among those of the speech, from 1 (pages of a split article)",
    ),
    Column("url", pa.string(), "address fetched"),
    Column("fetched_at", pa.timestamp("s", "UTC"), "when these bytes were first fetched"),
    Column("status", pa.int16(), "HTTP status"),
    Column("charset", pa.string(), "charset that the bytes were decoded with"),
    Column("warc_file", pa.string(), "WARC file, relative to var/archive"),
    Column("warc_offset", pa.int64(), "byte offset of the record's gzip member"),
    Column("warc_length", pa.int64(), "length of the gzip member in bytes"),
    Column("html_sha256", pa.string(), "SHA-256 of the page's bytes, hex"),
    Column("extractor", pa.string(), "name and version of the extractor"),
    Column("rules_version", pa.string(), "digest of the rules"),
    Column("profile_version", pa.int32(), "number of the site profile that was used", nullable=True),
)

# What became of a URL. `speech` and `preview` have rows in speeches; the others say why they have none.
Fate = Literal[
    "speech",  # one or more speeches, whole
    "preview",  # one or more speeches, of which at least one is cut
    "continuation",  # a further page of an article split over pages
    "list",  # links to other pages (home, list, tag and search pages)
    "off_topic",  # a document that is not a speech: plan, notice, reflection, news, guide, novel …
    "soft_404",  # says "not found" with status 200
    "login",  # login, captcha or payment wall
    "empty",  # no text to read
    "other",  # about, contact, advert, form …
    "not_html",  # another media type
    "redirect",  # leads elsewhere
    "disallowed",  # robots.txt forbids it
    "gone",  # 404 or 410, confirmed
    "error",  # last answer was an error, nothing kept
    "poison",  # its reading took too long or killed a worker
    "unfetched",  # known but not fetched (budget, still in the frontier)
]

PAGE: tuple[Column, ...] = (
    Column("url", pa.string(), "address of the page as met"),
    Column("site", pa.string(), "name of the site file"),
    Column("key", pa.string(), "canonical path and query: what identifies the page within its site"),
    Column(
        "fate",
        pa.string(),
        "what became of it: speech, preview, list, soft_404, off_topic, error, disallowed …",
    ),
    Column("why", pa.string(), "the reason, for people", nullable=True),
    Column("status", pa.int16(), "last HTTP status", nullable=True),
    Column("title", pa.string(), "title of the page, where it was read", nullable=True),
    Column(
        "is_speech",
        pa.bool_(),
        "whether reading took it for a speech; null where nothing was read, and on further pages of an article",
        nullable=True,
    ),
    Column(
        "speech_score",
        pa.float32(),
        "how much speaks for a speech (see speeches); null where it did not come to the question",
        nullable=True,
    ),
    Column("speeches", pa.int16(), "how many speeches were taken from it"),
    Column(
        "fetched_at",
        pa.timestamp("s", "UTC"),
        "when the bytes that were read were first fetched",
        nullable=True,
    ),
    Column("gone_since", pa.timestamp("s", "UTC"), "since when it answers 404 or 410", nullable=True),
)


def schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema of a table of records."""
    return pa.schema([c.field for c in columns])


SPEECH_SCHEMA = schema(SPEECH)
PROVENANCE_SCHEMA = schema(PROVENANCE)
PAGE_SCHEMA = schema(PAGE)
