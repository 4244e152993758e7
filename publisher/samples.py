"""The few rows of a version that people see first: the preview, and the titles in its changelog."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from publisher import takedown
from publisher.build import Build
from publisher.documents.changelog import chosen as chosen_examples
from publisher.documents.changelog import titled
from publisher.layout import flat
from publisher.manifest import Manifest
from publisher.parts import PartStore
from publisher.preview import COLUMNS, SCHEMA, chosen, preview
from publisher.storage import checked, decode, read_file
from publisher.tables import SPEECHES

FILE = "preview.parquet"
PARTS = 8  # that the preview is taken from at most
KEYS = ["speech_id", "site", "doc_type", "is_preview"]


def previewed(folder: Path, store: PartStore, made: Build, parent: Manifest | None) -> pa.Table:
    """The preview of a version that is about to be written. Rows that the parent's preview has and that did not change are taken from there,
    so that not every part is read for a hundred rows."""
    assert made.state is not None
    assert made.changes is not None
    wanted = chosen(_few_parts(made).rename_columns(KEYS))
    before = _before(folder, parent)
    touched = flat(made.changes.filter(pc.equal(made.changes["table"], "speeches"))["id"])
    stays = pc.is_in(before["speech_id"], value_set=wanted)
    kept = before.filter(pc.and_not(stays, pc.is_in(before["speech_id"], value_set=touched)))
    rest = wanted.filter(pc.invert(pc.is_in(wanted, value_set=flat(kept["speech_id"]))))
    rows = preview(_rows(store, made, rest, [*COLUMNS, "text"]), max(1, len(rest)))
    return pa.concat_tables([kept, rows.cast(SCHEMA)]).sort_by("speech_id").combine_chunks()


def _few_parts(made: Build) -> pa.Table:
    """Of the speeches in a few parts what a preview is chosen by."""
    assert made.state is not None
    index = made.state.tables["speeches"].select(["key", *KEYS[1:]])
    parts = made.entries["speeches"].parts
    starts = np.concatenate([[0], np.cumsum([p.rows for p in parts])]).astype(np.int64)
    return pa.concat_tables([index.slice(starts[n], parts[n].rows) for n in few(len(parts))])


def few(parts: int) -> range:
    """The numbers of PARTS parts at most, evenly from the oldest on. Their distance is a power of two, so that they stay the same parts when
    there are some more, and with them the preview."""
    step = 1
    while parts > PARTS * step:
        step *= 2
    return range(0, parts, step)


def _before(folder: Path, parent: Manifest | None) -> pa.Table:
    if parent is None or FILE not in parent.files:
        return SCHEMA.empty_table()
    path = folder / "versions" / parent.version / FILE
    rows = decode(checked(read_file(path), parent.files[FILE].sha256, str(path)), str(path))
    return rows.cast(SCHEMA) if rows.schema.names == SCHEMA.names else SCHEMA.empty_table()


def _rows(store: PartStore, made: Build, ids: pa.Array, columns: list[str]) -> pa.Table:
    """Some columns of the speeches with these ids, reading only the parts that hold them."""
    assert made.state is not None
    parts = made.entries["speeches"].parts
    starts = np.concatenate([[0], np.cumsum([p.rows for p in parts])]).astype(np.int64)
    keys = flat(made.state.tables["speeches"]["key"])
    places = np.flatnonzero(pc.is_in(keys, value_set=ids.cast(pa.large_string())).to_numpy(zero_copy_only=False))
    out = [SPEECHES.schema.empty_table().select(columns)]
    for number in np.unique(np.searchsorted(starts, places, side="right") - 1).tolist():
        here = places[(places >= starts[number]) & (places < starts[number + 1])] - starts[number]
        out.append(store.some("speeches", parts[number], columns, here).cast(out[0].schema))
    return pa.concat_tables(out)


def examples(store: PartStore, made: Build, summary: Mapping[str, Any]) -> dict[str, Any]:
    """`examples` of a changelog (publisher/documents/changelog.py). summary: what changes.json holds."""
    assert made.changes is not None
    ids = chosen_examples(summary["speeches"])
    shown = pa.array([*ids["added"], *ids["changed"]], pa.string())
    rows_ = _rows(store, made, shown, ["speech_id", "site", "title", "part_title"]).to_pylist()
    titles: dict[str, Mapping[str, Any]] = {
        r["speech_id"]: r | {"title": " · ".join(x for x in (r["title"], r["part_title"]) if x)} for r in rows_
    }
    titles |= {r["speech_id"]: r for r in made.left if r["speech_id"] in set(ids["removed"])}
    speeches = pc.equal(made.changes["table"], "speeches")
    rows = made.changes.filter(pc.and_(speeches, pc.is_in(made.changes["id"], value_set=shown)))
    columns = dict(zip(rows["id"].to_pylist(), rows["columns"].to_pylist(), strict=True))
    reasons = {r["speech_id"]: r["reason"] for r in made.left}
    taken = sum(1 for why in reasons.values() if why == takedown.REASON)
    told = [{"reason": "taken down on request", "speeches": taken}] if taken else []
    return {"examples": titled(ids, titles, columns, reasons), "takedowns": told}
