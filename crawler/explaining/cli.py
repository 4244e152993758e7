"""The command `explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crawler.console import HomeOption, JsonOption, home_of, show

app = typer.Typer(no_args_is_help=True)

HtmlOption = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write it as one HTML page to look at; it needs no network."),
]


@app.command()
def explain(
    speech: Annotated[
        str,
        typer.Argument(
            metavar="SPEECH", help="A speech_id or the beginning of one, the address of a page, or a site (then PATH)."
        ),
    ],
    path: Annotated[
        str | None, typer.Argument(metavar="PATH", help="Path of a page of the site SPEECH.", show_default=False)
    ] = None,
    html: HtmlOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what stands outside the main text, whole texts, empty columns.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show why a row is what it is: page, blocks, decisions, row.

    Its archived pages are read again with the profile that was recorded. Of each block it tells whether it is in the speech, and if
    not by which rule it was cut; of each column where its value stands; and whether the row is still the same.
    """
    from crawler.explaining.find import find
    from crawler.explaining.html import write_page
    from crawler.explaining.reading import explain as read
    from crawler.explaining.terminal import render

    where = home_of(home)
    view = read(where, find(where, speech, path))
    if html is not None:
        write_page(html, [view])
        if not as_json:
            show(None, lambda: f"written: {html}", False)
            return
    show(view, lambda: render(view, everything), as_json)
