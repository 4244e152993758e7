"""preview.parquet: a small sample of a version, for catalogues and for people who want a look before they download."""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

ROWS = 100
CHARS = 300  # of the text
COLUMNS = (
    "speech_id", "page_url", "site", "title", "doc_type", "published_at", "source", "speaker_role", "admin_level", "region", "occasion",
    "topics", "chars", "paragraphs", "is_preview",
)  # fmt: skip
TEXT = "text_begin"


def chosen(keys: pa.Table, rows: int = ROWS) -> pa.Array:
    """The ids of the speeches to show, sorted. keys: columns speech_id, site, doc_type, is_preview of all speeches, in any order.

    Sites take turns, within a site the kinds of speech do, whole speeches before previews; within a kind the order is that of the
    SHA-256 of the id. So the sample shows every site and kind that there is room for, is the same for the same speeches, and changes little when
    speeches come and go.
    """
    lanes: dict[str, dict[str, list[tuple[bool, bytes, str]]]] = defaultdict(lambda: defaultdict(list))
    columns = [keys[c].to_pylist() for c in ("speech_id", "site", "doc_type", "is_preview")]
    for speech_id, site, kind, cut in zip(*columns, strict=True):
        lanes[site][kind].append((cut, hashlib.sha256(speech_id.encode()).digest(), speech_id))
    turns = deque(_site(lanes[site], rows) for site in sorted(lanes))
    out: list[str] = []
    while turns and len(out) < rows:
        lane = turns.popleft()
        out.append(lane.popleft())
        if lane:
            turns.append(lane)
    return pa.array(sorted(out), pa.string())


def _site(kinds: dict[str, list[tuple[bool, bytes, str]]], rows: int) -> deque[str]:
    """The first `rows` ids of a site, kinds in turn."""
    lanes = deque(deque(sorted(kinds[k])[:rows]) for k in sorted(kinds))
    out: deque[str] = deque()
    while lanes and len(out) < rows:
        lane = lanes.popleft()
        out.append(lane.popleft()[2])
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
