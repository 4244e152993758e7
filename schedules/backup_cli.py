"""`jianghua backup`: a copy of a home, and a home from a copy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from crawler.console import HomeOption, JsonOption, err, home_of, show
from crawler.errors import UsageError
from schedules.backup import LARGE, back_up, restore, restore_ledger

app = typer.Typer(help="Copy a home while everything goes on, and make a home of a copy.")


@app.command()
def backup(
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="PLACE", help="A new folder, or a new file NAME.tar.zst (default: in backups/)."),
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="|".join(LARGE), help="Also what is large (repeatable)."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="With all that is large: to move a home.")] = False,
    from_: Annotated[
        Path | None,
        typer.Option("--restore", metavar="PLACE", help="Make a home, which must be empty, of this backup."),
    ] = None,
    keep_ledger: Annotated[
        bool, typer.Option("--keep-ledger", help="When restoring: leave the ledger (on PostgreSQL) as it is.")
    ] = False,
    only_ledger: Annotated[
        bool, typer.Option("--only-ledger", help="When restoring: only the ledger, into one that is empty.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the home's settings, sites, schedules, corrections, takedowns and state, while everything goes on.

    What is large (archive, records, datasets) is in it only when asked for: without archive and records the speeches of a restored
    home have to be crawled again. The ledger is in it as JSON lines and can be restored into SQLite or PostgreSQL.
    """
    where = home_of(home)
    if from_ is not None:
        if to is not None or more or everything:
            raise UsageError("--restore takes no --to, --with or --all", remedy="leave them out")
        if keep_ledger and only_ledger:
            raise UsageError("--keep-ledger and --only-ledger exclude each other", remedy="leave one of them out")
        with err.status("restoring") as status:
            if only_ledger:
                contents = restore_ledger(where, from_, status.update)
            else:
                contents = restore(where, from_, keep_ledger=keep_ledger, progress=status.update)
        lacking = [x for x in LARGE if x not in contents.holds and not only_ledger]
        text = f"restored {'the ledger' if only_ledger else where.root}, as of {contents.made_at}" + (
            f"; the backup does not hold {', '.join(lacking)}" if lacking else ""
        )
        result: dict[str, Any] = {
            "home": str(where.root),
            "made_at": contents.made_at,
            "holds": contents.holds,
            "ledger": contents.ledger,
        }
        show(result, lambda: Text(text), as_json)
        return
    if keep_ledger or only_ledger:
        raise UsageError("--keep-ledger and --only-ledger go with --restore", remedy="leave them out")
    large = LARGE if everything else tuple(more or ())
    if unknown := sorted({*large} - {*LARGE}):
        raise UsageError(f"--with cannot be '{unknown[0]}'", remedy=f"use some of: {', '.join(LARGE)}")
    place = to or where.root / "backups" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.zst"
    with err.status("backing up") as status:
        made = back_up(where, place.absolute(), large, lambda what: status.update(f"backing up {what}"))
    result = {"path": str(made.path), "holds": made.holds, "files": made.files, "bytes": made.bytes, "rows": made.rows}
    show(
        result,
        lambda: Text(f"{made.path}: {', '.join(made.holds)}; {made.files} files, {made.bytes / 1e6:.1f} MB"),
        as_json,
    )
