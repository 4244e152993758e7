"""`jianghua`, the one command. Each stage brings its own commands; here they are put together, with those about time.

The modules of the stages are imported only when one of their commands is called, so that the command starts quickly.
"""

from __future__ import annotations

# isort: off
import schedules.early  # noqa: F401 — before all that takes time to load: from here on `jianghua up` ends well when it is told to

# isort: on
import importlib
import inspect
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import _click
from typer.core import TyperCommand, TyperGroup

from crawler.console import HomeOption, JsonOption, run_app
from crawler.loading import loading
from schedules.child import FENCE, die_with_parent

STAGES, TIME, LOOK = "The chain, step by step", "The whole chain, and when it runs", "Looking at what there is"
USE = "Using a published dataset"

# command: (module whose `app` has it, panel of the help, first line of its help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "up": ("service.cli", TIME, "Run the service: scheduler, workers and web pages on this machine."),
    "demo": ("schedules.demo", TIME, "The whole chain on the built-in sample: two days, two versions, what changed."),
    "run": ("", TIME, ""),
    "schedule": ("", TIME, ""),
    "runs": ("", TIME, ""),
    "crawl": ("crawler.cli", STAGES, "Fetch the pages of sites into the archive."),
    "learn": ("crawler.extraction.cli", STAGES, "Learn what repeats on a site's pages: a new numbered profile."),
    "extract": ("crawler.extraction.cli", STAGES, "Read the archived pages into speech records, without the network."),
    "publish": ("publisher.cli", STAGES, "Make the next version of a dataset from the records."),
    "sync": ("publisher.cli_sync", STAGES, "Copy versions between folders, object storage and the web."),
    "sites": ("crawler.cli", LOOK, "Add, list, show and check site files."),
    "corrections": ("crawler.corrections.cli", LOOK, "What people put right: list, check and add corrections."),
    "takedown": ("publisher.cli_takedown", LOOK, "Take speeches down: add, list, lift and carry out."),
    "explain": ("crawler.explaining.cli", LOOK, "Show why a row is what it is: page, blocks, decisions, row."),
    "retention": ("schedules.retention_cli", STAGES, "Let old versions, files of the archive and runs go by rule."),
    "versions": ("publisher.cli", LOOK, "List the published versions."),
    "changes": ("publisher.cli", LOOK, "Show what changed between two versions."),
    "verify": ("publisher.cli", LOOK, "Read every file of a version again and check it."),
    "alarms": ("watching.cli", LOOK, "What is wrong: list, show, mute; send a trial message."),
    "health": ("watching.cli", LOOK, "Whether all is well, and if not, what is wrong and what to do."),
    "doctor": ("publisher.cli_doctor", LOOK, "Find and mend what commands that died have left, and damaged files."),
    "download": ("publisher.cli_data", USE, "Download a version: verified, resumable, only what is missing."),
    "export": ("publisher.cli_data", USE, "Write a table as CSV for spreadsheets, JSON lines or one Parquet file."),
    "push": ("publisher.cli_data", USE, "Pass a version on: to Hugging Face."),
    "catalogue": ("catalogue.cli", USE, "Pages for people who come for the data: made as static files."),
    "backup": ("schedules.backup_cli", LOOK, "Copy a home while everything goes on, and make a home of a copy."),
    "golden": ("crawler.extraction.golden_cli", LOOK, "Are the golden pages read as they should be; renew them."),
    "sample": ("crawler.sample.cli", LOOK, "Build or serve the built-in sample of document sites."),
}


class Jianghua(TyperGroup):
    """The group of all commands. Those of other modules stand in the help by name and one line until they are called."""

    def list_commands(self, ctx: _click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: _click.Context, cmd_name: str) -> _click.Command | None:
        if cmd_name in self.commands:
            return flowing(self.commands[cmd_name])
        if cmd_name not in COMMANDS:
            return None
        _, panel, line = COMMANDS[cmd_name]
        return TyperCommand(name=cmd_name, help=line, rich_help_panel=panel)

    def resolve_command(
        self, ctx: _click.Context, args: list[str]
    ) -> tuple[str | None, _click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS and name not in self.commands:
            command = load_command(name)
        return name, command, rest


def load_command(name: str) -> _click.Command:
    """The command `name` of the module that brings it."""
    module, _, _ = COMMANDS[name]
    with loading():
        if name == "publish":
            importlib.import_module("publisher.memory").keep_freed_by_arrow()
        stage: typer.Typer = importlib.import_module(module).app
    stage._add_completion = False  # the command as a whole offers none either
    found = typer.main.get_command(stage)
    if isinstance(found, TyperGroup) and name in found.commands:
        return flowing(found.commands[name])
    return flowing(found)  # an app that is this one command, or this one group


def flowing(command: _click.Command) -> _click.Command:
    """The command, its help in paragraphs that fit themselves to the window: Typer would keep the line breaks of the source in all but the
    first, and break the lines of a narrow window once more."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(p.split("\n")) for p in paragraphs) or None
    if isinstance(command, TyperGroup):
        for one in command.commands.values():
            flowing(one)
    return command


class CommandLine(typer.Typer):
    """The command line; as a step of a run it leaves its error where the run looks for it, and has the fence of the run."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if FENCE in os.environ:
            from schedules.fence import from_environment

            kwargs["obj"] = {"fence": from_environment}
        try:
            return super().__call__(*args, **kwargs)
        except Exception as e:
            from schedules.jobs import tell_error

            tell_error(e)
            raise


def _watching(name: str) -> Any:
    """A function of the watching, which schedules themselves know nothing of; here all are put together."""
    return getattr(importlib.import_module("watching.check"), name)


app = CommandLine(
    name="jianghua",
    pretty_exceptions_enable=False,  # a plain traceback is what a log and a bug report need
    cls=Jianghua,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Collect Chinese speech pages (讲话稿) from document sites and publish them as versioned Parquet datasets.",
    epilog="Every command explains itself with --help and speaks JSON with --json. JIANGHUA_HOME is where var/ and datasets/ live.",
)
schedule_app = typer.Typer(help="Run schedules, look at them, hold them back.", no_args_is_help=True)
runs_app = typer.Typer(help="What ran, what was missed or skipped, and why.", invoke_without_command=True)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"jianghua {version('jianghua')}")
        raise typer.Exit


@app.callback()
def _main(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command("run", rich_help_panel=TIME)
def run_command(
    sites: Annotated[
        list[str] | None,
        typer.Argument(help="Sites to run (default: every site that has an address).", show_default=False),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option("--at", metavar="SITE=URL", help="Point a site at a replica; a bare URL when there is one site."),
    ] = None,
    refetch: Annotated[
        str | None, typer.Option(metavar="due|all|none", help="Which known pages are asked for again (default: due).")
    ] = None,
    delay: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds between two requests to a host, never below robots' Crawl-delay."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Read every archived page again, changed or not.")] = False,
    steps: Annotated[
        str | None, typer.Option(metavar="STEP,…", help="Only these of crawl,learn,extract,publish.")
    ] = None,
    dataset: Annotated[str, typer.Option(help="Dataset to publish.")] = "speeches",
    schedule: Annotated[
        str | None, typer.Option("--schedule", metavar="NAME", help="Do now what this schedule does when it fires.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the whole chain by hand: crawl, learn, extract, publish.

    Each step may be killed at any moment; the same command goes on where it was. A site whose crawl fails does not stop
    the others. The run is written into the ledger (`jianghua runs`). Exit code 1 when a step failed.
    """
    from schedules import manual

    raise typer.Exit(
        manual.run(home, tuple(sites or ()), at or [], refetch, delay, again, steps, dataset, schedule, as_json=as_json)
    )


@schedule_app.command("run")
def schedule_run(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Schedules to work on (default: all that are enabled).", show_default=False),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Run what is due now, then stop.")] = False,
    seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=0, help="Stop after this many seconds.")
    ] = None,
    home: HomeOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="When it stops, print the runs it worked on as JSON.")
    ] = False,
) -> None:
    """Be the scheduler: run what is due, and wait for what comes.

    What was missed while no scheduler was running is caught up or recorded as each schedule says. A run whose process
    died is taken up again. One scheduler at a time holds the lease; a second one waits and takes over. SIGTERM and
    Ctrl-C stop it cleanly: what was running goes on when a scheduler runs again.
    """
    from schedules import look

    raise typer.Exit(look.schedule_run(home, names or None, once, seconds, as_json, _watching("beside")))


@schedule_app.command("list")
def schedule_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the schedules: when they fire next, how their last run went, which files are broken."""
    from schedules import look

    raise typer.Exit(look.schedule_list(home, as_json))


@schedule_app.command("next")
def schedule_next(
    names: Annotated[
        list[str] | None, typer.Argument(help="Schedules (default: all that are enabled).", show_default=False)
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="How many fire times of each.")] = 5,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the next fire times, in each schedule's own zone and in UTC."""
    from schedules import look

    raise typer.Exit(look.schedule_next(home, names or None, count, as_json))


@schedule_app.command("check")
def schedule_check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Schedule files (default: those of the home).", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check schedule files; each mistake is told with file, line and remedy. Exit code 1 when there is one."""
    from schedules import look

    raise typer.Exit(look.schedule_check(home, files or None, as_json))


ScheduleArgument = Annotated[str, typer.Argument(metavar="NAME", help="The schedule.")]
WhyOption = Annotated[str | None, typer.Option("--why", metavar="TEXT", help="The reason, which is kept and shown.")]


@schedule_app.command("pause")
def schedule_pause(
    name: ScheduleArgument, why: WhyOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Hold a schedule back until it is resumed.

    Nothing of it begins; its fire times are recorded as skipped, with the reason. A run that is at work is let finish.
    """
    from schedules import control_cli

    raise typer.Exit(control_cli.pause(home, name, why, as_json))


@schedule_app.command("resume")
def schedule_resume(name: ScheduleArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Let a paused schedule go on from now."""
    from schedules import control_cli

    raise typer.Exit(control_cli.resume(home, name, as_json))


@schedule_app.command("now")
def schedule_now(name: ScheduleArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Have the running scheduler run a schedule now, besides its fire times.

    Also while it is paused or in its blackout hours. When no scheduler is running it says so; `jianghua run --schedule NAME`
    runs it in this process.
    """
    from schedules import control_cli

    raise typer.Exit(control_cli.now(home, name, as_json))


@schedule_app.command("backfill")
def schedule_backfill(
    name: ScheduleArgument,
    since: Annotated[str, typer.Option(metavar="DATE", help="From when on, in the schedule's zone.")],
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Until when, that day included (default: now).", show_default=False),
    ] = None,
    missed: Annotated[
        bool, typer.Option("--missed", help="Also fire times that are recorded as missed or skipped.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show which runs it would make, and make none.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Make them without asking.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a run for each fire time of the past that has none.

    Shows how many and asks. They go one after the other, after what is due now, with cause `backfill`. A crawl fetches what a
    site has now, whatever the fire time was.
    """
    from schedules import control_cli

    raise typer.Exit(control_cli.backfill(home, name, since, until, missed, dry_run, yes, as_json))


@schedule_app.command("cancel")
def schedule_cancel(
    run: Annotated[int, typer.Argument(help="Number of the run.")],
    why: WhyOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a run: one that is due never begins, one at work ends cleanly, one that waits for a person waits no more.

    What it kept is kept, and it is not tried again.
    """
    from schedules import control_cli

    raise typer.Exit(control_cli.cancel(home, run, why, as_json))


@runs_app.callback(invoke_without_command=True)
def runs_list(
    ctx: typer.Context,
    schedule: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only runs of this schedule (or `manual`).")
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            help="Only runs in this state: due, running, waiting, done, failed, missed, skipped, caught_up.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, newest first.")] = 30,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    if ctx.invoked_subcommand is None:
        from schedules import look

        raise typer.Exit(look.runs_list(home, schedule, state, limit, as_json))


@runs_app.command("show")
def runs_show(
    run: Annotated[int, typer.Argument(help="Number of the run.")], home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Show one run: its steps, what each reported, and where the logs are."""
    from schedules import look

    raise typer.Exit(look.runs_show(home, run, as_json))


app.add_typer(schedule_app, name="schedule", rich_help_panel=TIME)
app.add_typer(runs_app, name="runs", rich_help_panel=TIME)


def main() -> Any:
    """The console script."""
    die_with_parent()
    if os.environ.get("JIANGHUA_RUN"):  # a step of a run: its log is var/logs/RUN/STEP.log
        from schedules.steplog import set_up_step

        set_up_step()
    run_app(app)


if __name__ == "__main__":
    main()
