"""`jianghua up`."""

from __future__ import annotations

from typing import Annotated

import typer

from crawler.console import HomeOption
from crawler.loading import loading

app = typer.Typer()


@app.command()
def up(
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on (default: 127.0.0.1). Any but a loopback one asks visitors for a token."
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port (default: 8640; 0: a free one).", show_default=False)
    ] = None,
    home: HomeOption = None,
) -> None:
    """Run the service: scheduler, workers and web pages, until Ctrl-C or SIGTERM.

    It needs no set-up. Stopping is clean (what runs goes on with the next start), a second signal stops at once, and after a
    kill or a power cut it goes on where it was.
    """
    with loading():
        from service.up import serve

    raise typer.Exit(serve(home, host, port))
