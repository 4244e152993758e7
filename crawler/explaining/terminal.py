"""A reading in the terminal: pages with the end of each block, the rules that cut, the verdict, and the row with its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from crawler.explaining.view import (
    FATE_WORDS,
    View,
    correction_told,
    coverage_told,
    decoded_told,
    main_text_told,
    shown,
)
from crawler.wording import counted

_STYLES = {
    "kept": "",
    "heading": "bold cyan",
    "subtitle": "cyan",
    "intro": "dim strike yellow",
    "title": "dim strike",
    "marker": "magenta",
    "cut": "dim strike red",
    "dropped": "dim strike blue",
    "outside": "dim",
    "unread": "dim",
}
_MARKS = {
    "heading": "§",
    "subtitle": "◦",
    "intro": "✂",
    "title": "✂",
    "marker": "✂",
    "cut": "✂",
    "dropped": "✂",
    "outside": "",
    "unread": "?",
}
_SHORT = 90  # characters of a block or value in the compact form


def render(view: View, everything: bool = False) -> RenderableType:
    """A view as one renderable. everything: also the blocks outside the main text, whole texts, and empty columns."""
    parts: list[RenderableType] = [*_head(view)]
    for number, page in enumerate(view["pages"], 1):
        parts.append(_page(page, number, len(view["pages"]), len(view["speeches"]) > 1, everything))
    if view["rules"]:
        parts.append(_rules(view))
    parts.append(_verdict(view))
    parts += _rows(view, everything)
    return Group(*parts)


def _head(view: View) -> Iterator[RenderableType]:
    title = Text(view["title"] or "(no title)", style="bold")
    if view["part"] is not None and view["speeches"] and view["speeches"][0]["parts"] > 1:
        title.append(f"   part {view['part']} of {view['speeches'][0]['parts']}", style="not bold")
    yield title
    yield Text("  ".join(x for x in (view["speech_id"], view["url"]) if x), style="dim")
    for note in view["notes"]:
        yield Text(note, style="yellow")
    if view["recorded"] is not None:
        yield from _against_record(view["recorded"])
    for c in view["corrections"]:
        yield Text(correction_told(c), style="yellow" if c["problem"] else "green")


def _against_record(recorded: Mapping[str, Any]) -> Iterator[RenderableType]:
    profile = f"profile {recorded['profile_version']}" if recorded["profile_version"] else "no profile"
    what = f"read again with {profile}, as recorded"
    if recorded["changed"]:
        yield Text(f"{what}; changed since: {', '.join(recorded['changed'])}", style="yellow")
    else:
        yield Text(f"{what}; nothing it depends on has changed", style="dim")
    if recorded["differs"]:
        yield Text("the row is not the same any more:", style="yellow")
        for d in recorded["differs"]:
            yield Text(f"  {d['column']}: {_cut(shown(d['recorded']))} → {_cut(shown(d['now']))}", style="yellow")
    elif recorded["changed"]:
        yield Text("the row is still the same", style="green")


def _page(page: Mapping[str, Any], number: int, count: int, many: bool, everything: bool) -> RenderableType:
    head = Text(f"\nPage {number} of {count}  ", style="bold")
    head.append(page["url"], style="not bold dim")
    lines = [Text(f"decoded    {decoded_told(page)}"), Text(f"main text  {main_text_told(page)}")]
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(justify="right", no_wrap=True, min_width=4)
    grid.add_column(overflow="fold" if everything else "ellipsis", no_wrap=not everything, ratio=1)
    grid.add_column(no_wrap=True, style="dim")
    for fate, run in groupby(page["blocks"], key=lambda b: b["fate"]):
        blocks = list(run)
        if fate in ("outside", "unread") and not everything:
            size = sum(b["size"] for b in blocks)
            grid.add_row(
                "",
                Text(
                    f"… {counted(len(blocks), 'block')}, {counted(size, 'character')}, {FATE_WORDS[fate]}", style="dim"
                ),
                "",
            )
            continue
        for block in blocks:
            grid.add_row(*_block(block, many, everything))
    return Group(head, *lines, Padding(grid, (0, 0, 0, 1)))


def _block(block: Mapping[str, Any], many: bool, everything: bool) -> tuple[str, Text, str]:
    fate = block["fate"]
    mark = _MARKS.get(fate, "")
    if fate == "kept":
        mark = f"{block['part']}.{block['paragraph']}" if many else str(block["paragraph"])
    text = Text(block["text"] if everything else _cut(block["text"]), style=_STYLES[fate])
    told = block["rule"] or ("" if fate in ("kept", "outside") else FATE_WORDS[fate])
    for piece in block["pieces"]:
        text.highlight_words([piece["text"]], style="strike red")
        if piece["rule"] != told:
            told = f"{told}  ✂ {_cut(piece['text'], 24)} {piece['rule']}".strip()
    return mark, text, told


def _rules(view: View) -> RenderableType:
    table = Table(title="Why it was cut", title_justify="left", box=SIMPLE, pad_edge=False, show_header=False)
    for name in ("rule", "times", "what"):
        table.add_column(name, overflow="fold", justify="right" if name == "times" else "left")
    for rule, told in view["rules"].items():
        where = "" if not told["file"] else told["file"] + (f":{told['line']}" if told["line"] else "")
        what = Text(told["what"] or "")
        if told["pattern"]:
            what.append(("\n" if told["what"] else "") + told["pattern"], style="cyan")
        what.append(f"\n{where}" if where else "", style="dim")
        table.add_row(rule.partition(" ")[0], str(told["times"]), what)
    return Group(Text(""), table)


def _verdict(view: View) -> RenderableType:
    good = view["fate"] in ("speech", "preview")
    line = Text("Verdict  ", style="bold")
    line.append(view["fate"] or "?", style="bold green" if good else "bold red")
    if view["score"] is not None:
        line.append(f"  score {view['score']:g}, a speech from {view['threshold']:g}", style="not bold")
    line.append(f"\n  {view['why'] or ''}", style="not bold")
    if view["coverage"] is not None:
        line.append(f"\n  {coverage_told(view['coverage'])}", style="not bold dim")
    if view["flags"]:
        line.append(f"\n  flags: {', '.join(view['flags'])}", style="not bold yellow")
    return line


def _rows(view: View, everything: bool) -> list[RenderableType]:
    asked = [s for s in view["speeches"] if view["part"] is None or s["part"] == view["part"]]
    if not asked:
        facts = Table(title="The page", title_justify="left", box=SIMPLE, pad_edge=False, show_header=False)
        facts.add_column()
        facts.add_column(overflow="fold")
        for name, e in view["facts"].items():
            facts.add_row(name, Text(f"{e['how']}: {_cut(e['text'] or '')}", style="dim"))
        return [Text(""), facts] if view["facts"] else []
    made: list[RenderableType] = []
    for k, speech in enumerate(asked):
        several = f" of part {speech['part']}" if speech["parts"] > 1 else ""
        size = f"{counted(len(speech['paragraphs']), 'paragraph')}, {counted(speech['chars'], 'character')}"
        table = Table(
            title=f"Row{several}: {size}", title_justify="left", box=SIMPLE, pad_edge=False, show_header=False
        )
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold", ratio=3)
        table.add_column(overflow="fold", ratio=3, style="dim")
        for c in speech["columns"]:
            value = shown(c["value"])
            if not everything and (not value or (k and c["name"] in view["facts"]) or c["name"].endswith("_sha256")):
                continue  # what the page says of itself is the same for all its parts
            where = f"{c['how']}: {c['text']}" if c["text"] and c["text"] != value else c["how"] or ""
            table.add_row(c["name"], value if everything else _cut(value, 2 * _SHORT), where if everything else _cut(where, 2 * _SHORT))  # fmt: skip
        made += [Text(""), table]
    return made


def render_side_by_side(view: View) -> RenderableType:
    """Kept and cut in two columns, in the order of the page; what stands outside the main text is told as a number."""
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1), expand=True)
    table.add_column("", justify="right", no_wrap=True, style="dim")
    table.add_column("kept", ratio=3, overflow="fold")
    table.add_column("cut", ratio=2, overflow="fold")
    many = len(view["speeches"]) > 1
    for number, page in enumerate(view["pages"], 1):
        if len(view["pages"]) > 1:
            table.add_row("", Text(f"page {number}: {page['url']}", style="bold"), "")
        for fate, run in groupby(page["blocks"], key=lambda b: b["fate"]):
            blocks = list(run)
            if fate in ("outside", "unread"):
                size = sum(b["size"] for b in blocks)
                told = f"… {len(blocks)} × {FATE_WORDS[fate]}, {counted(size, 'character')}"
                table.add_row("", "", Text(told, style="dim"))
                continue
            for block in blocks:
                mark, text, told = _block(block, many, False)
                if fate in ("kept", "heading"):
                    pieces = "\n".join(f"✂ {_cut(p['text'], 40)}\n  {p['rule']}" for p in block["pieces"])
                    table.add_row(mark, text, pieces)
                else:
                    table.add_row("", "", Text.assemble(text, (f"\n  {told}", "dim")))
    parts: list[RenderableType] = [*_head(view)]
    parts += [
        Text(f"page {n}: decoded {decoded_told(p)}; main text {main_text_told(p)}", style="dim")
        for n, p in enumerate(view["pages"], 1)
    ]
    parts += [table]
    if view["rules"]:
        parts.append(_rules(view))
    parts += [_verdict(view), *_rows(view, False)]
    return Group(*parts)


def _cut(text: str, most: int = _SHORT) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def join(views: Sequence[RenderableType]) -> RenderableType:
    """Several readings one below the other."""
    lines: list[RenderableType] = []
    for k, v in enumerate(views):
        lines += [Text("\n" + "─" * 60 + "\n", style="dim"), v] if k else [v]
    return Group(*lines)
