"""`jianghua retention runs`: which runs of the ledger stay. The command beside it, for versions and archive, is the publisher's."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from crawler.console import HomeOption, JsonOption, err, home_of, show
from crawler.errors import UsageError
from crawler.wording import counted
from publisher.cli import size
from publisher.cli_retention import DryRunOption, DurationOption, app, parsed
from schedules.look import ledger_if_any
from schedules.old_runs import Forgotten, RunRules, forget, run_rules


@app.command()
def runs(
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="TIME", help="Remove runs older than this, e.g. 365d.")
    ] = None,
    most: Annotated[
        int | None, typer.Option("--most", min=1000, help="Remove the oldest until no more than this many are left.")
    ] = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove old runs from the ledger, with their logs. A running scheduler does it by itself.

    By default runs older than two years go, and the oldest where there are more than 100,000 (\\[retention] runs_keep_days, runs_most).
    Open runs stay, the last 200 of each schedule and the last one that ended well, those that open alarms name, and all of the last
    seven days. No fire time whose run was removed gets another.
    """
    at = home_of(home)
    rules = run_rules(at)
    age = parsed(DurationOption, older_than, "--older-than", "365d") if older_than else None
    if age is not None and age < timedelta(days=1):
        raise UsageError(f"--older-than '{older_than}': less than a day", remedy="write e.g. --older-than 365d")
    rules = RunRules(rules.days if age is None else age.total_seconds() / 86400, rules.most if most is None else most)
    ledger = ledger_if_any(at)
    if ledger is None:
        report = Forgotten(dry_run)
    else:
        with err.status("looking at the runs"):
            report = forget(at, ledger, rules, dry_run=dry_run)
        ledger.close()
    told = asdict(report) | {"runs": report.runs}
    for gone in told["schedules"].values():
        gone |= {k: gone[k].isoformat() for k in ("since", "until")}

    def human() -> RenderableType:
        text = Text()
        for name, gone in sorted(report.schedules.items()):
            text.append(f"{name}  {counted(gone.runs, 'run')}, {gone.since:%Y-%m-%d} to {gone.until:%Y-%m-%d}\n")
        went = "would go" if dry_run else "went"
        text.append(
            f"{counted(report.runs, 'run')} {went}, {report.left:,} stay; {size(report.bytes)} of logs", style="bold"
        )
        return text

    show(told, human, as_json)
