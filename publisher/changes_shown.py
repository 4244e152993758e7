"""What changed between two versions, as people read it: in the terminal, and as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow.compute as pc
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from publisher.changes import Changes
from publisher.compare import OPS, Read, rows_of
from publisher.documents.markdown import code, escape, number, plain, table
from publisher.manifest import Manifest
from publisher.tables import SPEECHES
from publisher.takedown import REASON as TAKEN_DOWN

MARK = {"added": "+", "changed": "~", "removed": "-"}
STYLE = {"added": "green", "changed": "yellow", "removed": "red"}
# Long, or of no use to people: only that they changed is shown.
UNSHOWN = frozenset({"text", "text_sha256", "simtext_sha256"})
WIDTH = 60  # characters of a value


@dataclass(frozen=True, slots=True)
class Line:
    """One speech that changed. title: None when it may not be shown; note: of a removed one why it left, where that is told.

    values: before and after, by column, where asked for.
    """

    op: str
    id: str
    title: str | None
    columns: tuple[str, ...]
    revision: int
    note: str = ""
    values: dict[str, tuple[str, str]] = field(default_factory=dict)


def lines(
    changes: Changes, versions: tuple[Manifest, Manifest], read: Read, limit: int = 0, values: bool = False
) -> list[Line]:
    """The speeches that changed, with their titles. limit: how many of each kind (0: all); values: also old and new values."""
    chosen: list[dict[str, Any]] = []
    rows = changes.rows.filter(pc.equal(changes.rows["table"], "speeches"))
    for op in OPS:
        of_op = rows.filter(pc.equal(rows["op"], op))
        chosen += of_op.slice(0, limit or None).to_pylist()
    ids = {op: {r["id"] for r in chosen if r["op"] == op} for op in OPS}
    differ = {c for r in chosen for c in r["columns"]} - UNSHOWN if values else set()
    wanted = ["title", "part_title", *(c for c in SPEECHES.schema.names if c in differ - {"title", "part_title"})]
    before = rows_of("speeches", versions, 0, ids["removed"] | (ids["changed"] if values else set()), wanted, read)
    after = rows_of("speeches", versions, 1, ids["added"] | ids["changed"], wanted, read)
    tombs = rows_of("removed", versions, 1, ids["removed"], ["reason"], read)
    out = []
    for row in chosen:
        reason = tombs.get(row["id"], {}).get("reason", "")
        shown = before if row["op"] == "removed" else after
        pairs = {}
        if values and row["op"] == "changed":
            old, new = before[row["id"]], after[row["id"]]
            pairs = {c: (value(old[c]), value(new[c])) for c in row["columns"] if c in differ}
        out.append(
            Line(
                row["op"],
                row["id"],
                None if reason == TAKEN_DOWN else _title(shown[row["id"]]),
                tuple(row["columns"]),
                row["revision"],
                reason,
                pairs,
            )
        )
    return out


def _title(row: dict[str, Any]) -> str:
    part = row.get("part_title")
    return f"{row['title']} · {part}" if part else str(row["title"])


def value(v: Any) -> str:
    """A value for people, on one line and short."""
    if v is None:
        return "–"
    if isinstance(v, bool):
        return "yes" if v else "no"
    if isinstance(v, datetime):
        return f"{v.astimezone(UTC):%Y-%m-%d %H:%M}Z" if v.tzinfo else f"{v:%Y-%m-%d %H:%M}"
    if isinstance(v, list):
        told = [str(i.get("heading") or i.get("text") or i) if isinstance(i, dict) else str(i) for i in v]
        return plain(f"[{', '.join(told)}]", WIDTH)
    return plain(v, WIDTH)


def steps(live: Sequence[tuple[Manifest, str]], versions: tuple[Manifest, Manifest]) -> list[dict[str, Any]]:
    """The versions on the way from one to the other that are still there, oldest first, with what each says of its speeches.

    live: all versions there are, by sequence.
    """
    first, last = sorted(m.sequence for m in versions)
    return [
        {"version": m.version, "published_at": f"{m.published_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        | {op: getattr(m.tables["speeches"], op) for op in OPS}
        for m, _ in live
        if first < m.sequence <= last
    ]


def by_site(changes: Changes) -> dict[str, dict[str, int]]:
    """Speeches added, changed and removed, by site."""
    counts = Counter((i.rpartition(":")[0], op) for op in OPS for i in changes.summary["speeches"][op])
    return {s: {op: counts[s, op] for op in OPS} for s in sorted({s for s, _ in counts})}


def _more(changes: Changes, shown: Sequence[Line]) -> int:
    return sum(len(changes.summary["speeches"][op]) for op in OPS) - len(shown)


def _onwards(changes: Changes, steps: Sequence[dict[str, Any]]) -> bool:
    """Whether there are several steps, and they lead where the comparison does. From a version to an older one they lead the other way: what they
    added is lacking there."""
    return len(steps) > 1 and steps[-1]["version"] == changes.summary["version"]


def human(changes: Changes, steps: Sequence[dict[str, Any]], shown: Sequence[Line]) -> RenderableType:
    """The changes for the terminal."""
    s = changes.summary
    parts: list[RenderableType] = [_counts(f"{s['parent']} → {s['version']}", "table", s["tables"])]
    if _onwards(changes, steps):
        parts += [Text(""), _counts("speeches, step by step", "version", {v["version"]: v for v in steps})]
    if len(sites := by_site(changes)) > 1:
        parts += [Text(""), _counts("speeches", "site", sites)]
    for op in OPS:
        mine = [line for line in shown if line.op == op]
        if not mine:
            continue
        listed = Table(box=None, show_header=False, pad_edge=False)
        listed.add_column(no_wrap=True)
        listed.add_column(overflow="fold")
        listed.add_column(overflow="fold")
        for line in mine:
            note = ", ".join(line.columns) or line.note
            title = line.title if line.title is not None else "(taken down)"
            listed.add_row(Text(f"{MARK[op]} {line.id}", STYLE[op]), Text(plain(title)), Text(note, "dim"))
            for column, (old, new) in line.values.items():
                listed.add_row("", Text(f"{column}: {old} → {new}", "dim"), "")
        total = len(s["speeches"][op])
        some = f" ({len(mine)} of {total})" if total > len(mine) else ""
        parts += [Text(""), Text(f"{op} speeches{some}", "bold"), listed]
    if more := _more(changes, shown):
        parts.append(Text(f"\n{more} more; --limit 0 shows all, --json and --parquet FILE are for machines"))
    return Group(*parts)


def _counts(title: str, what: str, counts: dict[str, dict[str, int]]) -> Table:
    out = Table(what, box=None, title=title, title_justify="left", pad_edge=False)
    for op in OPS:
        out.add_column(op, justify="right")
    for name, c in counts.items():
        out.add_row(Text(name), *(str(c[op]) for op in OPS))
    return out


def markdown(changes: Changes, steps: Sequence[dict[str, Any]], shown: Sequence[Line]) -> str:
    """The changes as Markdown; what comes from pages is escaped."""
    s = changes.summary
    out = [f"# {code(s['parent'])} → {code(s['version'])}", ""]
    sections: list[tuple[str, dict[str, dict[str, int]]]] = [("table", s["tables"])]
    sections += [("version", {v["version"]: v for v in steps})] if _onwards(changes, steps) else []
    sections += [("site", sites)] if len(sites := by_site(changes)) > 1 else []
    for what, counts in sections:
        out += table([what, *OPS], [[code(n), *(number(c[op]) for op in OPS)] for n, c in counts.items()], right="lrrr")
        out.append("")
    for op in OPS:
        mine = [line for line in shown if line.op == op]
        if not mine:
            continue
        out += [f"## {op.capitalize()} speeches", ""]
        if (total := len(s["speeches"][op])) > len(mine):
            out += [f"{number(len(mine))} of {number(total)}.", ""]
        for line in mine:
            title = escape(line.title) if line.title is not None else "(taken down)"
            note = ", ".join(code(c) for c in line.columns) or escape(line.note)
            out.append(f"* {title}" + (f": {note}" if note else "") + f" ({code(line.id)})")
            out += [f"  * {code(c)}: {escape(old)} → {escape(new)}" for c, (old, new) in line.values.items()]
        out.append("")
    return "\n".join(out)
