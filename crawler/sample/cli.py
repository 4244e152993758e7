"""`jianghua sample`: the built-in document sites, for the demo, for tests and for trying things out."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from crawler.console import JsonOption, show
from crawler.durable import write_bytes, write_json
from crawler.errors import UsageError
from crawler.sample import SITE_FILES
from crawler.sample.build import SITES, Sample, build, write
from crawler.sample.server import SampleServer
from crawler.wording import counted

app = typer.Typer(help="Built-in sample document sites on loopback.", no_args_is_help=True)

SeedOption = Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.")]
ArticlesOption = Annotated[int, typer.Option("--articles", min=1, help="Documents a site (three more come on day 2).")]
CharsOption = Annotated[int, typer.Option("--chars", min=300, help="Length of a speech in characters, about.")]
PageBytesOption = Annotated[int, typer.Option("--page-bytes", min=0, help="Fill pages up to this size.")]
PageSizeOption = Annotated[int | None, typer.Option("--page-size", min=2, help="Entries a list page.")]
SiteOption = Annotated[list[str] | None, typer.Option("--site", help="Only this site (can be given several times).")]


def _built(
    seed: int, articles: int, chars: int, page_bytes: int, page_size: int | None, sites: list[str] | None
) -> Sample:
    known = [s.name for s in SITES]
    for name in sites or ():
        if name not in known:
            raise UsageError(
                f"the sample has no site '{name}'", where="--site", remedy=f"use one of: {', '.join(known)}"
            )
    return build(seed, articles, chars, page_bytes, tuple(sites) if sites else None, page_size)


@app.command()
def serve(
    day: Annotated[int, typer.Option("--day", min=1, max=2, help="Which state to show.")] = 1,
    base_port: Annotated[
        int, typer.Option("--base-port", min=0, max=65535, help="Port of the first site; 0 takes free ports.")
    ] = 8600,
    latency: Annotated[float, typer.Option("--latency", min=0, help="Seconds to wait before each answer.")] = 0.0,
    flaky: Annotated[int, typer.Option("--flaky", min=0, help="One path in N answers 503 at first.")] = 0,
    ready: Annotated[
        Path | None, typer.Option("--ready", help="Write the sites' addresses to this JSON file once they answer.")
    ] = None,
    seed: SeedOption = 1,
    articles: ArticlesOption = 30,
    chars: CharsOption = 900,
    page_bytes: PageBytesOption = 0,
    page_size: PageSizeOption = None,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve the sample sites until interrupted, one port a site."""
    server = SampleServer(_built(seed, articles, chars, page_bytes, page_size, site), day, base_port, latency, flaky)
    for spec in server.sample.sites:
        server.sample.pages(spec.name, day)
    over: list[int] = []  # no Event: its lock may be held by the very wait that the signal interrupts
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _: over.append(caught))
    with server:
        if ready:
            write_json(ready, server.urls)

        def human() -> Table:
            table = Table("site", "address", "title", title=f"the sample, day {day}; end with Ctrl-C")
            for spec in server.sample.sites:
                table.add_row(spec.name, server.urls[spec.name], spec.title)
            return table

        show(server.urls, human, as_json)
        while not over:
            time.sleep(0.1)


@app.command("build")
def build_command(
    folder: Annotated[Path, typer.Argument(help="Where the pages and the gold go.")],
    seed: SeedOption = 1,
    articles: ArticlesOption = 30,
    chars: CharsOption = 900,
    page_bytes: PageBytesOption = 0,
    page_size: PageSizeOption = None,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write both days of the sample to a folder: pages, what reading them must give (gold-DAY.jsonl), and the site files."""
    sample = _built(seed, articles, chars, page_bytes, page_size, site)
    count = write(sample, folder)
    for spec in sample.sites:
        source = SITE_FILES / f"{spec.name}.yaml"
        write_bytes(folder / "sites" / source.name, source.read_bytes())
    result = {"folder": str(folder), "pages": count, "sites": [s.name for s in sample.sites]}
    show(
        result,
        lambda: f"{counted(count, 'page')} of {counted(len(sample.sites), 'site')} on two days in {folder}",
        as_json,
    )


@app.command()
def gold(
    day: Annotated[int, typer.Option("--day", min=1, max=2, help="Of which state.")] = 1,
    seed: SeedOption = 1,
    articles: ArticlesOption = 30,
    chars: CharsOption = 900,
) -> None:
    """Print what reading the sample must give, one JSON value a line."""
    for row in build(seed, articles, chars).expected(day):
        typer.echo(json.dumps(row, ensure_ascii=False, default=str))
