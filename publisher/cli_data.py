"""Commands for those who use a dataset: download, export, push."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.text import Text

from crawler.console import HomeOption, JsonOption, err, home_of, show
from crawler.errors import UsageError
from crawler.wording import counted
from publisher.cli import size
from publisher.download import PARALLEL, Watch
from publisher.download import download as download_version
from publisher.export import Format
from publisher.export import export as export_table
from publisher.push import push_hf
from publisher.reader import open_dataset
from publisher.selection import Split

app = typer.Typer(no_args_is_help=True, help="Download, export and pass on published datasets.")
push_app = typer.Typer(no_args_is_help=True, help="Pass a version on to another place.")
app.add_typer(push_app, name="push")

VersionOption = Annotated[
    str | None, typer.Option("--version", metavar="VERSION", help="Which version (default: the latest).")
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="DATE", help="Instead: the version that was the latest then (2026-11-22: its end, UTC)."
    ),
]
SourceArgument = Annotated[
    str | None,
    typer.Argument(metavar="PATH|URL", help="The dataset (default: the one of the home).", show_default=False),
]


@app.command()
def download(
    source: Annotated[
        str, typer.Argument(metavar="PATH|URL", help="The dataset: a folder, or an http(s) or s3 address.")
    ],
    version: VersionOption = None,
    as_of: AsOfOption = None,
    table: Annotated[
        list[str] | None, typer.Option("--table", metavar="TABLE", help="Only this table (repeatable; default: all).")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder of downloads (default: one of the dataset's name, here).")
    ] = None,
    parallel: Annotated[int, typer.Option("--parallel", min=1, max=64, help="Files at once.")] = PARALLEL,
    as_json: JsonOption = False,
) -> None:
    """Download a version: every file verified, only what is missing; run it again after a break and it goes on.

    Versions downloaded into one folder share their files. The folder can be opened like the dataset itself.
    """
    with _transfer(err.is_terminal and not as_json) as watch:
        found = download_version(source, to, version, as_of, table, parallel, watch)

    def human() -> Text:
        parts = [f"{found.fetched} fetched ({size(found.fetched_bytes)})"]
        parts += [f"{found.linked} shared with other versions"] if found.linked else []
        parts += [f"{found.kept} were here"] if found.kept else []
        text = Text(
            f"{found.version}: {counted(found.files, 'file')}, {size(found.bytes)}, all verified: {', '.join(parts)}"
        )
        for name, reason in found.withdrawn.items():
            text.append(
                f"\n{name}, which is here, was taken down by its publisher: {reason}; delete it", style="yellow"
            )
        for name in found.strange:
            text.append(f"\n{name} in it is not of the version, and may be read with it: move it away", style="yellow")
        text.append(f"\n{found.folder}")
        return text

    show(asdict(found), human, as_json)


@contextmanager
def _transfer(on: bool) -> Iterator[Watch | None]:
    """A bar of bytes on standard error, when that is a terminal."""
    if not on:
        yield (
            lambda what, where, _: (
                err.print(f"another download into {where} is running; waiting") if what == "wait" else None
            )
        )
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    guard = threading.Lock()
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("looking", total=None)

        def update(what: str, name: str, n: int) -> None:
            with guard:
                if what == "total":
                    bar.update(task, description=name, total=n)
                elif what == "wait":
                    bar.update(task, description="waiting for another download")
                else:
                    bar.advance(task, n)

        yield update


@app.command()
def export(
    source: SourceArgument = None,
    to: Annotated[str, typer.Option("--to", metavar="FILE", help="The file to write; - is standard output.")] = "-",
    kind: Annotated[
        Format | None,
        typer.Option("--format", help="Format (default: by the ending of the file).", case_sensitive=False),
    ] = None,
    table: Annotated[str, typer.Option("--table", help="Which table.")] = "speeches",
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="NAME,…", help="Only these columns, in this order.")
    ] = None,
    version: VersionOption = None,
    as_of: AsOfOption = None,
    dedupe: Annotated[bool, typer.Option("--dedupe", help="One copy of each speech.")] = False,
    previews: Annotated[
        bool, typer.Option("--previews/--no-previews", help="With or without texts that are cut.")
    ] = True,
    split: Annotated[
        Split | None, typer.Option("--split", help="Only this side; copies are on one side (default: both).")
    ] = None,
    test_share: Annotated[float, typer.Option("--test-share", min=0, max=1, help="Share of the test side.")] = 0.1,
    bom: Annotated[
        bool, typer.Option("--bom", help="Begin CSV with a byte order mark, by which Excel knows UTF-8.")
    ] = False,
    keep_formulas: Annotated[
        bool,
        typer.Option("--keep-formulas", help="Leave cells that look like formulas as they are: for programs alone."),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a table as CSV that is safe to open in a spreadsheet, as JSON lines or as one Parquet file."""
    if to == "-" and as_json:
        raise UsageError("--json tells what was written, and the rows go to the same place", remedy="add --to FILE")
    if to == "-" and kind == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is nothing for a terminal", remedy="add --to FILE, or send it into a pipe")
    dataset = open_dataset(
        source or home_of(home).root,
        version,
        as_of,
        dedupe=dedupe,
        previews=previews,
        split=split,
        test_share=test_share,
    )
    formulas: Literal["keep", "defuse"] = "keep" if keep_formulas else "defuse"
    names = [c.strip() for c in columns.split(",")] if columns is not None else None
    with err.status("exporting") as status:
        found = export_table(
            dataset, to, kind, table, names, bom, formulas, lambda n: status.update(f"exporting: {counted(n, 'row')}")
        )
    if to != "-":
        show(
            asdict(found),
            lambda: Text(f"{counted(found.rows, 'row')} of {found.table}, version {found.version}\n{found.to}"),
            as_json,
        )


@push_app.callback()
def _push() -> None:
    """Pass a version on to another place."""


@push_app.command()
def hf(
    repo: Annotated[str, typer.Argument(metavar="REPO", help="Dataset repository on the Hub, as OWNER/NAME.")],
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH", help="The dataset on this disk (default: the one of the home).", show_default=False
        ),
    ] = None,
    version: VersionOption = None,
    as_of: AsOfOption = None,
    private: Annotated[
        bool, typer.Option("--private", help="Make the repository a private one; refuse one that is public.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent and removed.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a Hugging Face dataset repository hold a version: one commit, tagged with the version's name.

    The token comes from HF_TOKEN. Only what the repository does not have is sent. Needs the package's extra `hf`.
    """
    with err.status("looking at both sides"):
        found = push_hf(source or home_of(home).root, repo, version, as_of, private, dry_run)

    def human() -> Text:
        done = "would add" if dry_run else "added"
        text = Text(
            f"{found.version} → {found.url}: {done} {counted(len(found.add), 'file')} ({size(found.add_bytes)}), "
        )
        text.append(f"{len(found.delete)} removed, {found.unchanged} are there already")
        if not found.compared:
            text.append("\nthe repository cannot be seen from here: taken for empty", style="yellow")
        if dry_run:
            text.append("".join(f"\n+ {n}" for n in found.add) + "".join(f"\n- {n}" for n in found.delete))
        return text

    show(asdict(found), human, as_json)
