"""`jianghua retention`: which versions stay, and which files of the archive. That of the runs is in schedules/retention_cli.py."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ByteSize, ValidationError
from rich.console import RenderableType
from rich.text import Text

from crawler.console import HomeOption, JsonOption, err, home_of, show
from crawler.errors import UsageError
from crawler.mistakes import said
from crawler.site import Duration
from crawler.wording import counted
from publisher.places import dataset_folder
from publisher.retention import RetentionReport, RetentionSettings, retain, retention_settings
from publisher.retention_archive import ArchiveReport, retain_archive

app = typer.Typer(invoke_without_command=True)

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only tell what would go and the bytes that it frees.")]
WaitOption = Annotated[float, typer.Option("--wait", help="Seconds to wait for a publish to end.")]


class DurationOption(BaseModel):
    value: Duration


class _Size(BaseModel):
    value: ByteSize


def parsed(model: type[BaseModel], text: str, option: str, example: str) -> Any:
    try:
        return model(value=text).value  # type: ignore[attr-defined]
    except ValidationError as e:
        raise UsageError(f"{option} '{text}': {said(e.errors()[0])}", remedy=f"write e.g. {option} {example}") from None


@app.callback()
def versions(
    ctx: typer.Context,
    dataset: Annotated[str, typer.Option("--dataset", help="Which dataset.")] = "speeches",
    days: Annotated[float | None, typer.Option("--days", min=0, help="Keep versions younger than this.")] = None,
    last: Annotated[int | None, typer.Option("--last", min=2, help="Keep this many of the newest.")] = None,
    monthly: Annotated[
        bool | None, typer.Option("--monthly/--no-monthly", help="Keep the last version of each month.")
    ] = None,
    months: Annotated[
        int | None, typer.Option("--months", min=1, help="… of this many months, this one included (default: of all).")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", metavar="VERSION", help="Keep this version too (repeatable).")
    ] = None,
    grace: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long a part stays that no version names, e.g. 24h.")
    ] = None,
    dry_run: DryRunOption = False,
    wait: WaitOption = 60.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let versions of a dataset go by rule and sweep the parts that no version names any more.

    The rules stand in \\[retention] of jianghua.toml; options win over them. By default all versions of the last 30 days stay, and of
    older ones the last of each month. The latest and the one before always stay. A version that goes leaves a tombstone.
    """
    if ctx.invoked_subcommand is not None:
        return
    at = home_of(home)
    rules = retention_settings(at)
    given: dict[str, Any] = {
        "keep_days": days,
        "keep_last": last,
        "monthly": monthly,
        "keep_months": months,
        "keep": (*rules.keep, *keep) if keep else None,
        "grace": parsed(DurationOption, grace, "--grace", "24h") if grace else None,
    }
    rules = RetentionSettings.model_validate(dict(rules) | {k: v for k, v in given.items() if v is not None})
    with err.status("looking at the versions"):
        report = retain(dataset_folder(at, dataset), rules, now=datetime.now(UTC), dry_run=dry_run, wait=wait)
    show(asdict(report), lambda: _versions(report), as_json)


@app.command()
def archive(
    sites: Annotated[
        list[str] | None, typer.Argument(help="Sites (default: all that have an archive).", show_default=False)
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="TIME", help="Remove files whose crawl began before this, e.g. 180d."),
    ] = None,
    max_bytes: Annotated[
        str | None,
        typer.Option(
            "--max-bytes", metavar="SIZE", help="Remove the oldest files until no more than this is left, e.g. 50GB."
        ),
    ] = None,
    even_named: Annotated[
        bool,
        typer.Option(
            "--even-named",
            help="Remove also files that pages, records or kept versions name; their rows are held as they are published.",
        ),
    ] = False,
    dry_run: DryRunOption = False,
    wait: WaitOption = 60.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove old files of the archive, by age and disk budget.

    A file stays that anything names: a page of the crawl's state, the records, the provenance of a version that exists. What is removed
    with --even-named cannot be read again by better rules, until its pages are crawled again.
    """
    at = home_of(home)
    rules = retention_settings(at)
    age = parsed(DurationOption, older_than, "--older-than", "180d") if older_than else None
    size = parsed(_Size, max_bytes, "--max-bytes", "50GB") if max_bytes else None
    if age is None and size is None:
        age, size = rules.archive_older_than, rules.archive_max_bytes
    with err.status("looking at the archive"):
        report = retain_archive(
            at,
            sites or (),
            now=datetime.now(UTC),
            older_than=age,
            max_bytes=size,
            even_named=even_named,
            dry_run=dry_run,
            wait=wait,
        )
    show(asdict(report), lambda: _archive(report), as_json)


def _archive(report: ArchiveReport) -> RenderableType:
    went = "would go" if report.dry_run else "went"
    text = Text()
    for f in report.removed:
        text.append(f"{f.file}  {_size(f.bytes)}{f'  named by {f.named_by}' if f.named_by else ''}\n")
    text.append(
        f"{counted(len(report.removed), 'file')} {went}: {_size(report.bytes)} free, {_size(report.left)} left",
        style="bold",
    )
    if report.pages:
        text.append(f"\n{counted(report.pages, 'page')} without archived body; their rows are held", style="yellow")
    if report.spared:
        spared = sum(f.bytes for f in report.spared)
        text.append(f"\n{counted(len(report.spared), 'file')} ({_size(spared)}) stay as they are named", style="none")
    if report.over:
        text.append(f"\n{_size(report.over)} more than --max-bytes allows", style="yellow")
    for site in report.busy:
        text.append(f"\n{site}: left alone, a crawl or an extraction of it is running", style="yellow")
    return text


def _versions(report: RetentionReport) -> RenderableType:
    went = "would go" if report.dry_run else "went"
    text = Text()
    for r in report.retired:
        text.append(f"{r.version}  {r.reason}\n")
    for part in report.swept:
        text.append(f"tables/{part.part}  {_size(part.bytes)}\n")
    text.append(
        f"{counted(len(report.retired), 'version')} and {counted(len(report.swept), 'part')} {went}, "
        f"{counted(len(report.kept), 'version')} kept, {_size(report.bytes)} free",
        style="bold",
    )
    if report.waiting:
        until = max(w.until or "" for w in report.waiting)[:16].replace("T", " ")
        text.append(
            f"\n{counted(len(report.waiting), 'part')} more ({_size(report.later_bytes)}) when run again after {until} UTC",
            style="none",
        )
    return text


def _size(n: int) -> str:
    from publisher.cli import size

    return size(n)
