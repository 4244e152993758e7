"""`jianghua doctor`: finds what commands that died have left, and files that rotted, and mends it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from crawler.console import HomeOption, JsonOption, err, home_of, show
from crawler.wording import counted
from publisher.doctor import Diagnosis, examine

app = typer.Typer()

_STYLES = {"mended": "green", "found": "yellow", "left": "bold red", "remark": "none"}


@app.command()
def doctor(
    dataset: Annotated[str, typer.Option("--dataset", help="Which dataset.")] = "speeches",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    restore_latest: Annotated[
        bool,
        typer.Option(
            "--restore-latest",
            help="Let a latest.json that is missing, damaged or too old name the newest version that verifies.",
        ),
    ] = False,
    lost: Annotated[
        list[str] | None,
        typer.Option(
            "--lost", metavar="VERSION", help="Give a version whose folder is lost for good a tombstone (repeatable)."
        ),
    ] = None,
    wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for a publish to end.")] = 60.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find and mend what publishes, takedowns, retention and uploads that died have left, and files that rotted.

    A kill needs no doctor: the next publish undoes or finishes what it finds. The doctor does it now, and reads every file of every
    version; what is damaged it mends from other copies on this machine. Exit code 0: nothing is left to do; 1: something is.
    """
    with err.status("looking at the dataset") as status:
        found = examine(
            home_of(home),
            dataset,
            dry_run=dry_run,
            restore_latest=restore_latest,
            lost_for_good=lost or (),
            wait=wait,
            progress=lambda what: status.update(f"looking at {what}"),
        )
    show(found.as_json(), lambda: _human(found), as_json)
    if not found.well:
        raise typer.Exit(1)


def _human(found: Diagnosis) -> Text:
    text = Text()
    for f in found.findings:
        text.append(f"{f.what}\n", style=_STYLES[f.state])
        text.append(f"  where: {f.where}\n  {'do: ' if f.state == 'left' else ''}{f.done}\n", style="none")
    versions = f"{counted(len(found.looked_at), 'version')} of {found.dataset}"
    left = sum(f.state == "left" for f in found.findings)
    if found.well:
        mended = sum(f.state == "mended" for f in found.findings)
        text.append(f"{versions}: all is well" + (f" ({mended} mended)" if mended else ""), style="bold")
    elif left:
        text.append(f"{versions}: {left} left for a person", style="bold")
    else:
        text.append(f"{versions}: run without --dry-run to mend this", style="bold")
    return text
