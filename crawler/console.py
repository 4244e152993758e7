"""What every command shares: its options, where it prints, and how its errors end.

Results go to standard output (a table for people, one JSON value with --json); progress, logs and errors go to standard
error, so that a pipe gets the result alone.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from crawler import logs
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.plain import escaped, plain
from crawler.secrecy import masker_of


class Plain(Console):
    """A console at which no text of others steers the terminal; its own colours do."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain(segment.text), segment.style)


# What is printed holds titles, texts and addresses of pages: [b] and :star: in them are no markup.
out = Plain(highlight=False, markup=False, emoji=False)
err = Plain(stderr=True, highlight=False, markup=False, emoji=False)

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", envvar="JIANGHUA_HOME", help="Folder that holds var/ and datasets/ (default: this folder)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for machines.")]


def home_of(path: Path | None) -> Home:
    """The home that a command works in. Raises UsageError where that is a file, in which nothing would be found and nothing told."""
    home = Home.find(path)
    if home.root.exists() and not home.root.is_dir():
        raise UsageError(
            "the home is no folder", where=str(home.root), remedy="name a folder with --home or JIANGHUA_HOME"
        )
    return home


def show(value: Any, human: Callable[[], RenderableType], as_json: bool) -> None:
    """Print a result: `value` as one JSON value with --json, else what `human` makes of it.

    Raises JianghuaError when standard output is a file on a full disk.
    """
    try:
        if as_json:
            ascii_alone = not _prints_everything(sys.stdout)
            sys.stdout.write(escaped(json.dumps(value, ensure_ascii=ascii_alone, indent=1, default=str)) + "\n")
        else:
            found = human()
            # A line of text stays one line, so that a path in it can be copied; only tables fit themselves to the window.
            out.print(found, soft_wrap=isinstance(found, str | Text))
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # whoever read it has seen enough
    except OSError as e:
        raise JianghuaError(
            f"the result cannot be printed: {e.strerror or e}",
            where="standard output",
            remedy="make room on the disk that it goes to; what the command was to do is done",
        ) from e


def _prints_everything(stream: Any) -> bool:
    """Whether a stream has a sign for every character."""
    encoding = getattr(stream, "encoding", None) or "utf-8"  # none: it keeps characters, not bytes
    return str(encoding).lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig", "utf-16", "gb18030")


def print_what_can_be() -> None:
    """What the encoding of the terminal has no sign for is printed as \\uXXXX: a title must not end a command that has done its work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not _prints_everything(stream):
            stream.reconfigure(errors="backslashreplace")


def run_app(app: typer.Typer) -> None:
    """Run a command line; an error for people is printed without a traceback and gives its exit code."""
    print_what_can_be()
    try:
        app(standalone_mode=True)
    except JianghuaError as e:
        if logs.structured():
            logging.getLogger("jianghua").error("%s", e)
        else:
            err.print("error:", style="bold red", end=" ")
            err.print(masker_of(os.environ)(str(e)), soft_wrap=True)
        sys.exit(e.exit_code)
