"""`jianghua sync`: make one place hold the versions that another holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from crawler.console import HomeOption, JsonOption, err, home_of, show
from crawler.wording import counted
from publisher.chain import Place, open_place
from publisher.cli import DatasetOption, size

app = typer.Typer(help="Copy the versions of a dataset between folders, object storage and the web.")


def place_of(where: str, home: HomeOption, dataset: str, *, to_write: bool = False) -> Place:
    """The place that an argument means: an address, or a folder (`.` for the home's own datasets)."""
    if where == "." and home is not None:
        where = str(home_of(home).datasets)
    return open_place(where, dataset, to_write=to_write)


@app.command()
def sync(
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="Folder, s3://…, gs://…, az://… or http(s)://… of datasets or of one.")
    ],
    target: Annotated[str, typer.Argument(metavar="TO", help="Folder, s3://…, gs://… or az://….")],
    dataset: DatasetOption = "speeches",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Also look for files that versions at TO have lost, and restore them.")
    ] = False,
    delete: Annotated[
        bool,
        typer.Option("--delete", help="Also remove what belongs to no version at TO and is older than two days."),
    ] = False,
    wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for a publish into TO to end.")] = 60.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring every published version from one place to another, and let go there what is gone here.

    Only what is missing is moved, verified by SHA-256; readers at TO never meet half a version. Killed, the same command goes
    on where it was. Object storage is told by the environment: AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL and so on. FROM or TO `.`
    with --home is the home's datasets folder.
    """
    from publisher.sync import sync as sync_places

    places = place_of(source, home, dataset), place_of(target, home, dataset, to_write=True)
    with err.status("looking") as status:
        report = sync_places(
            *places,
            dry_run=dry_run,
            delete=delete,
            check=check,
            wait=wait,
            progress=lambda name: status.update(f"syncing {name}"),
        )

    def human() -> Text:
        verb = "would bring" if dry_run else "brought"
        text = Text(f"{report.target}: latest is {report.latest}")
        if report.versions:
            shown = ", ".join(report.versions[-3:])
            more = f"{len(report.versions)} versions up to " if len(report.versions) > 3 else ""
            text.append(
                f"\n{verb} {more}{shown}: {counted(report.files, 'file')}, {size(report.bytes)} of parts and changes"
            )
        else:
            text.append("\nnothing was missing")
        if report.gone:
            text.append(f"\n{'would remove' if dry_run else 'removed'}, as gone: {', '.join(report.gone)}")
        if report.swept:
            text.append(f"\nswept {counted(len(report.swept), 'file')} that belong to no version")
        return text

    show(asdict(report), human, as_json)
