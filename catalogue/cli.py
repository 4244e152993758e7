"""`jianghua catalogue`: pages for people who come for the data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from catalogue.build import build as build_catalogue
from crawler.console import HomeOption, JsonOption, err, home_of, show
from publisher.cli import size

app = typer.Typer(no_args_is_help=True)
catalogue_app = typer.Typer(no_args_is_help=True, help="Pages for people who come for the data: made as static files.")
app.add_typer(catalogue_app, name="catalogue")


@catalogue_app.callback()
def _catalogue() -> None:
    """Pages for people who come for the data: made as static files."""


@catalogue_app.command()
def build(
    dataset: Annotated[
        str | None, typer.Argument(metavar="[DATASET]", help="Only this dataset (default: all).", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Where the pages go (default: the folder of the datasets).", show_default=False
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="Web path of the datasets, from the page (default: where they lie from DIR).",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make or renew the catalogue: static pages and JSON that any web server gives out beside the datasets.

    What is up to date is left as it is. Readers see the catalogue as it was or as it is, never half of it.
    """
    datasets = home_of(home).datasets
    with err.status("looking at the datasets") as status:
        found = build_catalogue(
            datasets, out.resolve() if out else None, dataset, lambda name: status.update(f"reading {name}"), data
        )

    def human() -> Text:
        text = Text()
        for name in found.made:
            text.append(f"{name}: made\n")
        for name in found.kept:
            text.append(f"{name}: up to date\n")
        for name, why in found.skipped.items():
            text.append(f"{name}: left out, {why}\n", style="yellow")
        text.append(f"{found.written} files written ({size(found.written_bytes)}), {found.removed} removed\n")
        text.append(str(found.out / "index.html"))
        return text

    show(found.as_json(), human, as_json)
