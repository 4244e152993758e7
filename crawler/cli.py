"""Commands of the crawl stage: `crawl` and `sites`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from crawler.console import HomeOption, JsonOption, err, home_of, show
from crawler.errors import Interrupted, JianghuaError, UsageError
from crawler.loading import loading
from crawler.probe.cli import add_site
from crawler.wording import counted

app = typer.Typer(no_args_is_help=True, help="Fetch pages, and look at site files.")
sites_app = typer.Typer(help="Add, list, show and check site files.", invoke_without_command=True)
sites_app.command("add")(add_site)
app.add_typer(sites_app, name="sites")

_COLUMNS = (
    ("new", "new"), ("changed", "chg"), ("unchanged", "same"), ("gone", "gone"), ("errors", "fail"), ("disallowed", "deny"),
)  # fmt: skip


@app.command()
def crawl(
    sites: Annotated[
        list[str] | None,
        typer.Argument(help="Sites to crawl (default: every site that has an address).", show_default=False),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option("--at", metavar="SITE=URL", help="Point a site at a replica; a bare URL when there is one site."),
    ] = None,
    refetch: Annotated[
        str, typer.Option(metavar="due|all|none", help="Which known pages are asked for again; none: lists only.")
    ] = "due",
    delay: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds between two requests to a host, never below robots' Crawl-delay."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many requests a site; the same command goes on later.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch the pages of sites into the archive.

    May be killed at any moment: the same command goes on where it was. Exit code 1 when a site failed; the others go on.
    """
    with loading():
        from crawler.crawl import chosen_sites
        from crawler.crawl import crawl as run

    if refetch not in ("due", "all", "none"):
        raise UsageError(f"--refetch {refetch} is not known", remedy="use due, all or none")
    where = home_of(home)
    chosen, broken = chosen_sites(where, sites or [], at or [])
    with _Progress(err.is_terminal and not as_json) as progress:
        results = run(
            where, chosen, refetch=refetch, delay=delay, limit=limit, watch=progress.update if progress.on else None
        )
    results += broken
    value = {"sites": [{"site": r.site, "error": r.error, **r.counts} for r in results]}

    def human() -> RenderableType:
        table = Table(title="Crawled", title_justify="left", box=SIMPLE, pad_edge=False, padding=(0, 1))
        table.add_column("site", no_wrap=True)
        for _, name in _COLUMNS:
            table.add_column(name, justify="right", no_wrap=True)
        for name in ("asked", "MB", "s"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("state", no_wrap=True)
        for r in results:
            c = r.counts
            state = (
                "failed"
                if r.error
                else ("resumed, " if c.get("resumed") else "")
                + ("finished" if c.get("finished") else f"{c.get('queued', 0)} left")
            )
            table.add_row(
                r.site,
                *(str(c.get(k, "")) for k, _ in _COLUMNS),
                str(c.get("requests", 0)),
                f"{c.get('bytes', 0) / 1e6:.1f}",
                f"{c.get('seconds', 0):.0f}",
                state,
            )
        notes = [
            Text(f"{r.site}: {n} × {why}", style="yellow")
            for r in results
            for why, n in r.counts.get("reasons", {}).items()
        ]
        return Group(table, *notes)

    show(value, human, as_json)
    failed = [r for r in results if r.error]
    if failed:
        told = "\n".join(f"{r.site}: {r.error}" for r in failed)
        remedy = None if "\n  do: " in told else "run the same command again later; what was fetched is kept"
        raise JianghuaError(told, remedy=remedy)
    if any(r.interrupted for r in results):
        raise Interrupted("the crawl was interrupted", remedy="run the same command again: it goes on where it was")


class _Progress:
    """A progress bar a site on standard error, when that is a terminal."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __enter__(self) -> _Progress:
        if self.on:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                console=err,
                transient=True,
            )
            self._tasks: dict[str, Any] = {}
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.on:
            self._bar.stop()

    def update(self, crawls: list[Any]) -> None:
        """Show how far each crawl is: pages known and pages still in the frontier."""
        for c in crawls:
            name = c.site.name
            if name not in self._tasks:
                self._tasks[name] = self._bar.add_task(name, total=None, rate="")
            try:
                left, known = c.state.queued(), c.state.known()
            except Exception:  # its state is closed already
                left, known = c.counts.queued, c.counts.known
            self._bar.update(
                self._tasks[name], completed=known - left, total=known, rate=counted(c.counts.requests, "request")
            )


@sites_app.callback()
def _sites(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_sites(home, as_json)


@sites_app.command("list")
def list_sites(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the sites there are."""
    from crawler.site import parse_site, site_files

    where = home_of(home)
    rows = []
    for name, path in site_files(where).items():
        row: dict[str, Any] = {"name": name, "file": str(path), "own": path.is_relative_to(where.own_sites)}
        try:
            site = parse_site(path)
            row |= {
                "title": site.title,
                "start": list(site.start),
                "platform": site.platform,
                "ready": not site.unfilled,
                "error": None,
            }
        except JianghuaError as e:
            row |= {"title": None, "start": [], "platform": None, "ready": False, "error": str(e)}
        row["crawled"] = where.state_db(name).is_file()
        rows.append(row)

    def human() -> RenderableType:
        table = Table(title="Sites", title_justify="left", box=SIMPLE, pad_edge=False, padding=(0, 1))
        for column in ("name", "title", "platform", "address", "state"):
            table.add_column(column, no_wrap=column in ("name", "platform", "state"), overflow="fold")
        for r in rows:
            host = ", ".join(u.partition("//")[2].rstrip("/") for u in r["start"])
            state = "broken" if r["error"] else "crawled" if r["crawled"] else "ready" if r["ready"] else "no address"
            shown = host if r["ready"] else ""
            table.add_row(r["name"], r["title"] or "", r["platform"] or "", shown, state)
        notes = []
        if any(not r["ready"] and not r["error"] for r in rows):
            notes.append(
                Text("no address: fill in `start` in a site file of your own, or crawl a replica with --at URL")
            )
        if any(r["error"] for r in rows):
            notes.append(Text("broken: jianghua sites check", style="red"))
        return Group(table, *notes)

    show(rows, human, as_json)


@sites_app.command("show")
def show_site(
    name: Annotated[str, typer.Argument(help="Name of the site.")], home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Show a site as it is crawled: its file with its platform merged in."""
    import yaml

    from crawler.site import load_site, site_files

    where = home_of(home)
    site = load_site(name, where)
    value = site.model_dump(mode="json")
    text = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=120)
    show({"file": str(site_files(where)[name]), **value}, lambda: Text(f"# {site_files(where)[name]}\n{text}"), as_json)


@sites_app.command("check")
def check_sites(
    names: Annotated[
        list[str] | None, typer.Argument(help="Sites or site files to check (default: all).", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check site files: every mistake with file, line and remedy. Exit code 1 when there is one."""
    from crawler.site import load_site, parse_site, site_files

    where = home_of(home)
    files = site_files(where)
    rows: list[dict[str, Any]] = []
    for name in names or list(files):
        path = Path(name) if name.endswith((".yaml", ".yml")) else files.get(name)
        try:
            if path is None:
                load_site(name, where)
            else:
                parse_site(path)
            rows.append({"site": name, "file": str(path), "error": None})
        except JianghuaError as e:
            rows.append({"site": name, "file": str(path) if path else None, "error": str(e)})

    def human() -> RenderableType:
        return Group(
            *(
                Text(
                    f"{r['site']}: " + ("ok" if r["error"] is None else r["error"]),
                    style="red" if r["error"] else "green",
                )
                for r in rows
            )
        )

    show(rows, human, as_json)
    if any(r["error"] for r in rows):
        raise typer.Exit(1)


@sites_app.command("try")
def try_pages(
    pages: Annotated[
        list[str],
        typer.Argument(metavar="PAGE...", help="Addresses of pages, or files of saved pages.", show_default=False),
    ],
    site: Annotated[
        str | None,
        typer.Option(
            "--site", metavar="NAME", help="Read with this site's file and profile (default: by the page's host)."
        ),
    ] = None,
    most: Annotated[
        int, typer.Option("--pages", "-n", min=1, max=60, help="In-article pages that are read together, at most.")
    ] = 5,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write it as one HTML page to look at; it needs no network."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what would be extracted from given pages, side by side with what is cut and why.

    Fetches them politely (robots.txt, one request after the other, your contact in the user agent) and keeps nothing. Pages of a known
    site are read with its site file and newest profile, others without.
    """
    from crawler.explaining.terminal import join, render_side_by_side
    from crawler.explaining.trying import try_pages as read

    with err.status("fetching …") if err.is_terminal else nullcontext() as status:
        views = read(home_of(home), pages, site, most, (lambda url: status.update(url)) if status else lambda _: None)
    if html is not None:
        from crawler.explaining.html import write_page

        write_page(html, views)
        if not as_json:
            show(None, lambda: f"written: {html}", False)
            return
    show(views, lambda: join([render_side_by_side(v) for v in views]), as_json)
