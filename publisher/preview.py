"""preview.parquet: a small sample of a version, for catalogues and for people who want a look before they download."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from publisher.tables import SPEECHES

ROWS = 100
CHARS = 300  # of the text
COLUMNS = (
    "speech_id", "page_url", "site", "title", "doc_type", "published_at", "source", "speaker_role", "admin_level", "region", "occasion",
    "topics", "chars", "paragraphs", "is_preview",
)  # fmt: skip
TEXT = "text_begin"


SCHEMA = pa.schema([*(SPEECHES.schema.field(c) for c in COLUMNS), pa.field(TEXT, pa.string(), nullable=False)])


def chosen(keys: pa.Table, rows: int = ROWS) -> pa.Array:
    """The ids of the speeches to show, sorted. keys: columns speech_id, site, doc_type, is_preview of all speeches, in any order.

    Sites take turns, within a site the kinds of speech do, whole speeches before previews; within a kind the order is that of the
    ids, which are digests. So the sample shows every site and kind that there is room for, is the same for the same speeches, and changes little when
    speeches come and go.
    """
    frame = pl.from_arrow(keys.select(["site", "doc_type", "is_preview", "speech_id"]))
    assert isinstance(frame, pl.DataFrame)
    first = (
        frame.sort("site", "doc_type", "is_preview", "speech_id")
        .group_by("site", "doc_type", maintain_order=True)
        .head(rows)
    )
    lanes: dict[str, dict[str, list[tuple[bool, str]]]] = defaultdict(lambda: defaultdict(list))
    for site, kind, cut, speech_id in first.select("site", "doc_type", "is_preview", "speech_id").iter_rows():
        lanes[site][kind].append((cut, speech_id))
    turns = deque(_site(lanes[site], rows) for site in sorted(lanes))
    out: list[str] = []
    while turns and len(out) < rows:
        lane = turns.popleft()
        out.append(lane.popleft())
        if lane:
            turns.append(lane)
    return pa.array(sorted(out), pa.string())


def _site(kinds: dict[str, list[tuple[bool, str]]], rows: int) -> deque[str]:
    """The first `rows` ids of a site, kinds in turn."""
    lanes = deque(deque(sorted(kinds[k])[:rows]) for k in sorted(kinds))
    out: deque[str] = deque()
    while lanes and len(out) < rows:
        lane = lanes.popleft()
        out.append(lane.popleft()[1])
        if lane:
            lanes.append(lane)
    return out


def preview(speeches: pa.Table, rows: int = ROWS) -> pa.Table:
    """The preview of these speeches: few rows, few columns, and `text_begin`, the first CHARS characters of the text.

    speeches: all of them, or those that `chosen` names, with at least COLUMNS and text. Rows are ordered by speech_id.
    """
    wanted = chosen(speeches.select(["speech_id", "site", "doc_type", "is_preview"]), rows)
    found = (
        speeches.select([*COLUMNS, "text"])
        .filter(pc.is_in(speeches["speech_id"], value_set=wanted))
        .sort_by("speech_id")
    )
    begin: Any = pc.utf8_slice_codeunits(found["text"], 0, CHARS)
    out = found.select(list(COLUMNS)).append_column(
        pa.field(TEXT, pa.string(), nullable=False), begin.cast(pa.string())
    )
    return out.replace_schema_metadata(None).combine_chunks()
