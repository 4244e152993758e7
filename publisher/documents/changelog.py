"""CHANGES.md: what changed in a version against its parent, for people.

`changes` is what changes.json holds (publisher/changes.py), and may hold, all optional:

    tables      {table: {"added": n, "changed": n, "removed": n}}
    speeches    {"added": [speech_id …], "changed": […], "removed": […]}
    examples    {"added": [{"speech_id", "site", "title"} …], "changed": [{…, "columns": [name …]}], "removed": [{…, "reason"}]}
    takedowns   [{"reason": text, "speeches": n} …]: what left at somebody's request; never a title

`chosen` says of which speeches the examples should be; `titled` puts them together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crawler.wording import plural
from publisher.documents.about import title
from publisher.documents.markdown import code, escape, number, table
from publisher.manifest import Manifest
from publisher.takedown import REASON as TAKEN_DOWN

MOST = 10  # titles shown of each kind of change
OPS = ("added", "changed", "removed")


def chosen(speeches: Mapping[str, Sequence[str]], most: int = MOST) -> dict[str, list[str]]:
    """The ids of speeches to show, of those added, changed and removed: few, spread over all, the same each time."""
    return {op: _spread(speeches.get(op, ()), most) for op in OPS}


def _spread(ids: Sequence[str], most: int) -> list[str]:
    """The first by what stands behind the last colon, which is a digest, then by id."""
    every = pa.array(ids, pa.string())
    found = pa.table({"digest": pc.replace_substring_regex(every, r"(?s)^.*:", ""), "id": every})
    at = pc.select_k_unstable(found, k=most, sort_keys=[("digest", "ascending"), ("id", "ascending")])
    chosen: list[str] = every.take(at).to_pylist()
    return chosen


def titled(
    ids: Mapping[str, Iterable[str]],
    titles: Mapping[str, Mapping[str, Any]],
    columns: Mapping[str, Sequence[str]] | None = None,
    reasons: Mapping[str, str] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """`examples` from ids (see `chosen`). titles: `site` and `title` by speech_id, of removed speeches those of `removed`.

    columns: what changed, by speech_id; reasons: why it left, by speech_id. What was taken down is left out.
    """
    out: dict[str, list[dict[str, Any]]] = {op: [] for op in OPS}
    for op in OPS:
        for speech_id in ids.get(op, ()):
            if speech_id not in titles or (op == "removed" and (reasons or {}).get(speech_id) == TAKEN_DOWN):
                continue
            entry: dict[str, Any] = {"speech_id": speech_id, **{k: titles[speech_id][k] for k in ("site", "title")}}
            if op == "changed":
                entry["columns"] = sorted((columns or {}).get(speech_id, ()))
            if op == "removed":
                entry["reason"] = (reasons or {}).get(speech_id, "unknown")
            out[op].append(entry)
    return out


def changelog(manifest: Manifest, changes: Mapping[str, Any] | None = None) -> bytes:
    """CHANGES.md. Without `changes` the counts are the manifest's, and there are no titles."""
    m, changes = manifest, changes or {}
    lines = [f"# {escape(title(m))} {m.version}: what changed", ""]
    lines.append(
        f"Published {m.published_at:%Y-%m-%d %H:%M} UTC, "
        + (
            f"compared with its parent {code(m.parent.version)}."
            if m.parent
            else "the first version: everything in it is new."
        )
    )
    if m.reissue_of:
        lines += [
            "",
            f"It takes the place of {code(m.reissue_of)}, without what was taken down; all else is as it was there.",
        ]
    counts = changes.get("tables") or {
        n: {"added": t.added, "changed": t.changed, "removed": t.removed} for n, t in m.tables.items()
    }
    rows = [
        [
            code(name),
            *(number(int(c.get(op, 0))) for op in OPS),
            number(m.tables[name].rows) if name in m.tables else "",
        ]
        for name, c in counts.items()
    ]
    lines += ["", *table(["table", *OPS, "rows now"], rows, right="lrrrr")]
    if m.schema_change != "none":
        lines += [
            "",
            f"The schema changed ({m.schema_change}): it is {m.schema_version} now. README.md describes every column.",
        ]
    examples = changes.get("examples") or {}
    known = changes.get("speeches") or {}
    speeches = counts.get("speeches", {})
    for op in OPS:
        shown = examples.get(op) or ()
        if not shown:
            continue
        total = len(known.get(op, ())) or int(speeches.get(op, 0)) or len(shown)
        lines += ["", f"## {op.capitalize()} speeches", ""]
        if total > len(shown):
            lines += [f"{len(shown)} of {number(total)}; `changes.parquet` has all of them.", ""]
        lines += [_example(op, e) for e in shown]
    lines += _rest(m, changes)
    return ("\n".join(lines) + "\n").encode()


def _example(op: str, entry: Mapping[str, Any]) -> str:
    line = f"* {code(entry['site'])} {escape(entry['title'])}"
    if op == "changed" and entry.get("columns"):
        line += f": {', '.join(code(c) for c in entry['columns'])}"
    if op == "removed":
        line += f": {escape(entry.get('reason') or 'unknown')}"
    return f"{line} ({code(entry['speech_id'])})"


def _rest(m: Manifest, changes: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    if takedowns := changes.get("takedowns"):
        lines += ["", "## Taken down", ""]
        lines += [
            f"* {number(int(t['speeches']))} {plural(int(t['speeches']), 'speech')}: {escape(t['reason'], 500)}"
            for t in takedowns
        ]
    if m.carried:
        lines += [
            "",
            "## Carried over",
            "",
            "These sites could not be read this time; their speeches are as they were:",
            "",
        ]
        lines += [
            f"* {code(site)}: {number(c.rows)} {plural(c.rows, 'speech')} as of {c.as_of:%Y-%m-%d} ({code(c.since)}): {escape(c.why, 500)}"
            for site, c in sorted(m.carried.items())
        ]
    if m.held:
        lines += [
            "",
            f"{number(m.held)} {plural(m.held, 'speech is as the parent has it', 'speeches are as the parent has them')}, because "
            f"{plural(m.held, 'its', 'their')} page could not be read this time.",
        ]
    if told := [g for g in m.gates if g.result != "pass"]:
        lines += ["", "## Remarks of the checks", ""]
        lines += [
            f"* {code(g.name)} ({g.result}): {escape(g.what, 500)}"
            + (f"; accepted: {escape(g.accepted, 500)}" if g.accepted else "")
            for g in told
        ]
        if m.confirmed:
            lines += ["", f"Confirmed: {escape(m.confirmed, 500)}"]
    return lines
