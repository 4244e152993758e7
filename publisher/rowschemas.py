"""The row rules over columns, as dataframely schemas: one rule a method, named as in publisher/rules.py.

A schema names the columns that its rules look at; all are nullable here, because nulls are the schema gate's (a rule over a null is
kept). Two columns are added to the rows: `now`, the time of publishing, and `row`, the number of the row.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import polars as pl

from crawler.corrections.entries import CLOSED
from crawler.loading import without
from crawler.records import Fate
from publisher.personal import KINDS

# It loads those of three databases, to make tables of schemas, which nothing here does; it works without, and a publish begins a tenth sooner.
with without("sqlalchemy", "sqlalchemy.dialects.mssql"):
    import dataframely as dy

FIRST_DAY = datetime(1949, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # a page may be dated in a time zone ahead of ours
DOC_TYPES, ADMIN_LEVELS = CLOSED["doc_type"], CLOSED["admin_level"]
SCRIPTS = ("simplified", "traditional", "mixed")
COPIES = ("exact", "mask_variant", "script_variant", "near")

_ID = r"^[a-z0-9][a-z0-9_-]*:[0-9a-f]{20}$"
_HEX = r"^[0-9a-f]{64}$"
_URL = r"^https?://[^\s/?#]+([/?#]\S*)?$"
_VERSION = r"^\d{4}-\d{2}-\d{2}\.\d+$"
NOW, ROW = "now", "row"


def _matches(pattern: str, *columns: str) -> pl.Expr:
    return pl.all_horizontal(pl.col(c).str.contains(pattern) for c in columns)


def _filled(column: str) -> pl.Expr:
    return pl.col(column).str.contains(r"\S")


def _not_ahead(column: str, by: timedelta = AHEAD) -> pl.Expr:
    return pl.col(column).dt.convert_time_zone("UTC") <= pl.col(NOW) + by


def _http(column: str) -> pl.Expr:
    return _matches(_URL, column)


def _status(column: str) -> pl.Expr:
    return pl.col(column).is_between(100, 599)


class _Base(dy.Schema):
    now = dy.Datetime(nullable=True, time_unit="ms", time_zone="UTC")
    row = dy.UInt32(nullable=True)


class Speeches(_Base):
    """Rules of `speeches`; those over its texts are in textrules."""

    speech_id = dy.String(nullable=True)
    page_url = dy.String(nullable=True)
    site = dy.String(nullable=True)
    part = dy.Int16(nullable=True)
    parts = dy.Int16(nullable=True)
    revision = dy.Int32(nullable=True)
    title = dy.String(nullable=True)
    paragraphs = dy.Int32(nullable=True)
    chars = dy.Int32(nullable=True)
    script = dy.String(nullable=True)
    published_at = dy.Datetime(nullable=True, time_unit="ms", time_zone="Asia/Shanghai")
    views = dy.Int64(nullable=True)
    gone_since = dy.Datetime(nullable=True, time_unit="ms", time_zone="UTC")
    doc_type = dy.String(nullable=True)
    admin_level = dy.String(nullable=True)
    event_date = dy.Date(nullable=True)
    chars_declared = dy.Int32(nullable=True)
    points_announced = dy.Int16(nullable=True)
    points_found = dy.Int16(nullable=True)
    mask_count = dy.Int32(nullable=True)
    personal_data = dy.List(dy.String(nullable=True), nullable=True)
    simtext_sha256 = dy.String(nullable=True)
    first_version = dy.String(nullable=True)

    @dy.rule()
    def speech_id_form(cls) -> pl.Expr:
        return _matches(_ID, "speech_id")

    @dy.rule()
    def page_url_form(cls) -> pl.Expr:
        return _http("page_url")

    @dy.rule()
    def digest_form(cls) -> pl.Expr:
        return _matches(_HEX, "simtext_sha256")  # text_sha256: text_digests

    @dy.rule()
    def title_blank(cls) -> pl.Expr:
        return _filled("title")

    @dy.rule()
    def site_blank(cls) -> pl.Expr:
        return _filled("site")

    @dy.rule()
    def part_of_parts(cls) -> pl.Expr:
        return (pl.col("part") >= 1) & (pl.col("part") <= pl.col("parts"))

    @dy.rule()
    def revision_from_1(cls) -> pl.Expr:
        return pl.col("revision") >= 1

    @dy.rule()
    def first_version_form(cls) -> pl.Expr:
        return _matches(_VERSION, "first_version")

    @dy.rule()
    def script_known(cls) -> pl.Expr:
        return pl.col("script").is_in(SCRIPTS)

    @dy.rule()
    def doc_type_known(cls) -> pl.Expr:
        return pl.col("doc_type").is_in(DOC_TYPES)

    @dy.rule()
    def admin_level_known(cls) -> pl.Expr:
        return pl.col("admin_level").is_in(ADMIN_LEVELS)

    @dy.rule()
    def personal_data_known(cls) -> pl.Expr:
        return pl.col("personal_data").list.set_difference(list(KINDS)).list.len() == 0

    @dy.rule()
    def published_in_future(cls) -> pl.Expr:
        return _not_ahead("published_at")

    @dy.rule()
    def published_before_1949(cls) -> pl.Expr:
        return pl.col("published_at").dt.convert_time_zone("UTC") >= FIRST_DAY

    @dy.rule()
    def event_date_range(cls) -> pl.Expr:
        # plans are announced ahead: 2027年工作会议
        return pl.col("event_date").is_between(pl.lit(FIRST_DAY.date()), (pl.col(NOW) + timedelta(days=730)).dt.date())

    @dy.rule()
    def counts_negative(cls) -> pl.Expr:
        counts = ("paragraphs", "chars", "views", "chars_declared", "points_announced", "points_found", "mask_count")
        return pl.all_horizontal((pl.col(c) >= 0).fill_null(True) for c in counts)

    @dy.rule()
    def gone_in_future(cls) -> pl.Expr:
        return _not_ahead("gone_since")


class Duplicates(_Base):
    """Rules of `duplicates`."""

    speech_id = dy.String(nullable=True)
    cluster_id = dy.String(nullable=True)
    jaccard = dy.Float64(nullable=True)
    reason = dy.String(nullable=True)

    @dy.rule()
    def duplicate_ids_form(cls) -> pl.Expr:
        return _matches(_ID, "speech_id") & _filled("cluster_id")

    @dy.rule()
    def duplicate_jaccard(cls) -> pl.Expr:
        return pl.col("jaccard").is_between(0, 1)

    @dy.rule()
    def duplicate_reason(cls) -> pl.Expr:
        return pl.col("reason").is_in(COPIES)


class Contained(_Base):
    """Rules of `contained`."""

    speech_id = dy.String(nullable=True)
    container_id = dy.String(nullable=True)
    share = dy.Float64(nullable=True)

    @dy.rule()
    def contained_ids_form(cls) -> pl.Expr:
        return _matches(_ID, "speech_id", "container_id")

    @dy.rule()
    def contained_share(cls) -> pl.Expr:
        return pl.col("share").is_between(0, 1)

    @dy.rule()
    def contained_itself(cls) -> pl.Expr:
        return pl.col("speech_id") != pl.col("container_id")


class Provenance(_Base):
    """Rules of `provenance`."""

    ordinal = dy.Int16(nullable=True)
    url = dy.String(nullable=True)
    fetched_at = dy.Datetime(nullable=True, time_unit="ms", time_zone="UTC")
    status = dy.Int16(nullable=True)
    warc_file = dy.String(nullable=True)
    warc_offset = dy.Int64(nullable=True)
    warc_length = dy.Int64(nullable=True)
    html_sha256 = dy.String(nullable=True)

    @dy.rule()
    def origin_url_form(cls) -> pl.Expr:
        return _http("url")

    @dy.rule()
    def origin_ordinal(cls) -> pl.Expr:
        return pl.col("ordinal") >= 1

    @dy.rule()
    def origin_digest(cls) -> pl.Expr:
        return _matches(_HEX, "html_sha256")

    @dy.rule()
    def origin_place(cls) -> pl.Expr:
        return _filled("warc_file") & (pl.col("warc_offset") >= 0) & (pl.col("warc_length") > 0)

    @dy.rule()
    def origin_status(cls) -> pl.Expr:
        return _status("status")

    @dy.rule()
    def origin_in_future(cls) -> pl.Expr:
        return _not_ahead("fetched_at")


class Pages(_Base):
    """Rules of `pages`."""

    url = dy.String(nullable=True)
    fate = dy.String(nullable=True)
    status = dy.Int16(nullable=True)
    speeches = dy.Int16(nullable=True)
    fetched_at = dy.Datetime(nullable=True, time_unit="ms", time_zone="UTC")

    @dy.rule()
    def page_form(cls) -> pl.Expr:
        return _http("url")

    @dy.rule()
    def page_fate(cls) -> pl.Expr:
        return pl.col("fate").is_in(list(get_args(Fate)))

    @dy.rule()
    def page_status(cls) -> pl.Expr:
        return _status("status")

    @dy.rule()
    def page_in_future(cls) -> pl.Expr:
        return _not_ahead("fetched_at")

    @dy.rule()
    def page_speeches(cls) -> pl.Expr:
        return pl.col("speeches") >= 0


class Removed(_Base):
    """Rules of `removed`."""

    speech_id = dy.String(nullable=True)
    reason = dy.String(nullable=True)
    removed_in = dy.String(nullable=True)
    last_version = dy.String(nullable=True)

    @dy.rule()
    def tomb_id_form(cls) -> pl.Expr:
        return _matches(_ID, "speech_id")

    @dy.rule()
    def tomb_reason(cls) -> pl.Expr:
        return _filled("reason")

    @dy.rule()
    def tomb_versions_form(cls) -> pl.Expr:
        return _matches(_VERSION, "removed_in", "last_version")


SCHEMAS: dict[str, type[_Base]] = {
    "speeches": Speeches,
    "duplicates": Duplicates,
    "contained": Contained,
    "provenance": Provenance,
    "pages": Pages,
    "removed": Removed,
}
