"""The command `golden`: are the project's own pages still read as they should be, and renewing what is expected of them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from crawler.console import JsonOption, err, show
from crawler.errors import JianghuaError, UsageError
from crawler.extraction import golden as pages
from crawler.extraction.golden import Difference
from crawler.wording import counted

app = typer.Typer(no_args_is_help=False)


@app.command()
def golden(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Pages to read (default: all).", show_default=False)
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Write what is read now as what is expected, to be reviewed by git diff.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --accept and no name: all pages, without asking.")] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Folder of golden pages (default: tests/golden).", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read the golden pages and show where the reading differs from what is expected of them.

    Golden pages are the project's own: a page a trap, with what is true of it (docs/golden.md). Exit code 1 when a page is read
    differently, unless known.yaml lists it; also when a page listed there is read well by now.
    """
    where = pages.find_folder(folder)
    wanted = pages.page_names(where, names or ())
    if accept:
        _accept(where, wanted, bool(names) or yes, as_json)
        return
    found = {n: list(pages.differences(e := pages.load(where / f"{n}.json"), pages.read(where, n, e))) for n in wanted}
    unnamed = [n for n in wanted if not (where / f"{n}.json").exists()]
    known = {n: why for n, why in pages.known_misses(where).items() if n in wanted}
    differ = [n for n in wanted if found[n] and n not in known]
    mended = [n for n in known if not found[n]]
    value = {
        "pages": len(wanted),
        "differ": {n: [{"where": d.where, "expected": d.expected, "read": d.read} for d in found[n]] for n in differ},
        "known": {n: why for n, why in known.items() if n not in mended},
        "mended": mended,
        "without_json": unnamed,
    }
    show(value, lambda: _shown(wanted, found, known, unnamed), as_json)
    if differ or mended or unnamed:
        whats = [f"{len(differ)} of {len(wanted)} golden pages are read differently"] if differ else []
        whats += [f"read well by now, so take it out of {pages.KNOWN}: {', '.join(mended)}"] if mended else []
        whats += [f"nothing is written of {', '.join(unnamed)}"] if unnamed else []
        raise JianghuaError(
            "; ".join(whats),
            where=str(where),
            remedy="mend the reader; or, where the new reading is the true one, `jianghua golden NAME --accept` and review git diff",
        )


def _accept(folder: Path, names: Sequence[str], sure: bool, as_json: bool) -> None:
    if not sure:
        if as_json or not err.is_terminal:
            raise UsageError(
                f"--accept without a name writes what is expected of all {len(names)} pages",
                where="--accept",
                remedy="name the pages, or say --yes",
            )
        typer.confirm(f"Take what is read now for true on all {counted(len(names), 'page')}?", abort=True, err=True)
    changed = [n for n in names if pages.accept(folder, n)]
    told = f"{len(changed)} of {counted(len(names), 'file')} written" + (f": {', '.join(changed)}" if changed else "")
    show(
        {"pages": len(names), "changed": changed},
        lambda: told + ("; review them: git diff" if changed else ""),
        as_json,
    )


def _shown(
    names: Sequence[str], found: dict[str, list[Difference]], known: dict[str, str], unnamed: Sequence[str]
) -> RenderableType:
    out: list[Text] = []
    for name in names:
        if name in unnamed:
            out.append(Text(f"{name}: there is no {name}.json; `--accept` makes one", style="yellow"))
        elif found[name]:
            out.append(
                Text(name, style="bold") + Text(f"  known: {known[name]}" if name in known else "", style="yellow")
            )
            for d in found[name]:
                out += _difference(d)
    good = sum(not found[n] for n in names) - len(unnamed)
    out.append(Text(f"{good} of {len(names)} golden pages are read as expected"))
    return Text("\n").join(out)  # one text, so that no line of it is broken


def _difference(d: Difference) -> list[Text]:
    """A difference for people: one line each for what is expected and read; of lists only what changed."""
    head = Text(f"  {d.where}", style="cyan")
    if isinstance(d.expected, list) and isinstance(d.read, list):
        old, new = [_line(x) for x in d.expected], [_line(x) for x in d.read]
        lines = [x for x in difflib.ndiff(old, new) if x[:1] in "+-?"]
        styles = {"+": "green", "-": "red", "?": "dim"}
        return [head, *(Text(f"    {x.rstrip()}", style=styles[x[0]]) for x in lines)]
    return [head, Text(f"    - {_line(d.expected)}", style="red"), Text(f"    + {_line(d.read)}", style="green")]


def _line(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
