"""The commands `extract` and `learn`."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer
from rich.console import Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from crawler.console import HomeOption, JsonOption, err, home_of, show
from crawler.errors import JianghuaError, UsageError
from crawler.extraction import jobs, profile_view
from crawler.extraction.profile import Profile, load_profile
from crawler.extraction.report import ExtractReport
from crawler.home import Home
from crawler.loading import without
from crawler.site import load_site
from crawler.wording import counted

app = typer.Typer(no_args_is_help=True)

SHOWN = 20  # damaged records and poison pages listed one by one

SitesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="SITE", help="Sites to extract (default: all that were crawled).")
]


class _Bars:
    """One progress bar a site."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, site: str, done: int, total: int) -> None:
        if site not in self.tasks:
            self.tasks[site] = self.progress.add_task(site, total=total)
        self.progress.update(self.tasks[site], completed=done, total=total)


def _bars() -> AbstractContextManager[Progress | None]:
    if not err.is_terminal:
        return nullcontext()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, refresh_per_second=4)


def _runs(pid: int) -> bool:
    """Whether a process is still at work; one that ended and waits for its parent is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return Path("/proc/self").exists() is False


def _tell_without_file(home: Path | None, sites: list[str] | None) -> None:
    """Where no site is named, say which of the crawled ones are left out."""
    if not sites and (gone := jobs.without_file(home_of(home))):
        err.print(f"left out, since they have no site file any more: {', '.join(gone)}", soft_wrap=True)


@app.command()
def extract(
    sites: SitesArgument = None,
    again: Annotated[bool, typer.Option("--again", help="Read every page anew, also what did not change.")] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", min=1, max=256, help="Worker processes (default: the CPUs).")
    ] = None,
    follow: Annotated[
        int | None,
        typer.Option("--follow", metavar="PID", help="Go on beside a crawl until the process with this id has ended."),
    ] = None,
    learn: Annotated[
        bool,
        typer.Option("--learn", help="Learn the sites first, as `learn` does; with --follow, at the end of the crawl."),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the speeches out of the archived pages and write them as records. Reads the archive alone, no network."""
    if follow is not None and not sites:
        raise UsageError("--follow needs to know the sites", where="--follow", remedy="name the sites that are crawled")
    _tell_without_file(home, sites)
    # pyarrow loads it with the first list that it makes an array of, and looks for it once: .2 s
    with without("pandas"):
        pa.array([])
    with _bars() as progress:
        report = jobs.extract(
            home_of(home),
            sites or (),
            again=again,
            workers=workers,
            progress=_Bars(progress) if progress else None,
            until=None if follow is None else (lambda: not _runs(follow)),
            learning=learn,
        )
    show(report.as_json(), lambda: summary(report), as_json)
    if not report.ok:
        raise trouble(report)


@app.command()
def learn(
    sites: Annotated[
        list[str] | None, typer.Argument(metavar="SITE", help="Sites to learn (default: all that were crawled).")
    ] = None,
    shown: Annotated[
        bool,
        typer.Option(
            "--show", help="Learn nothing: print the site's newest profile, or with --show N the one with that number."
        ),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn what repeats on a site's pages from its archive, and keep it as the site's next profile if it changed."""
    if shown:
        profile = _asked_profile(home_of(home), sites or [])
        show(profile_view.as_json(profile), lambda: profile_view.whole(profile), as_json)
        return
    _tell_without_file(home, sites)
    with err.status("learning") if err.is_terminal else nullcontext():
        found = jobs.learn_all(home_of(home), sites or ())
    rows = jobs.learned_rows(found)
    profiles = [found[str(r["site"])] for r in rows]
    value = [
        row | ({"learned": profile_view.as_json(p)} if isinstance(p, Profile) else {})
        for row, p in zip(rows, profiles, strict=True)
    ]
    show(value, lambda: profile_view.overview(found), as_json)
    if failed := [f"{r['site']}: {r['error']}" for r in rows if r["error"]]:
        raise JianghuaError("; ".join(failed))


def _asked_profile(home: Home, words: list[str]) -> Profile:
    """The profile that `SITE --show [N]` asks for."""
    names = [w for w in words if not w.isdigit()]
    numbers = [int(w) for w in words if w.isdigit()]
    if len(names) != 1 or len(numbers) > 1:
        raise UsageError("--show needs one site", where="--show", remedy="write: jianghua learn SITE --show [NUMBER]")
    site = load_site(names[0], home)
    profile = load_profile(home, site.name, *numbers)
    if profile is None:
        raise UsageError(f"there is no profile of '{site.name}' yet", where=str(home.profiles(site.name)),
                         remedy=f"run: jianghua learn {site.name}")  # fmt: skip
    return profile


def summary(report: ExtractReport) -> RenderableType:
    """The report for people: one row a site with what became of its pages, then what went wrong."""
    table = Table(box=None)
    for n, heading in enumerate(("site", "read", "reused", "speeches", "pages by what became of them")):
        table.add_column(heading, justify="right" if 0 < n < 4 else "left")
    for s in report.sites:
        fates = sorted(s.fates.items(), key=lambda f: (f[0] not in ("speech", "preview"), -f[1], f[0]))
        became = ", ".join(f"{n} {fate}" for fate, n in fates) or (s.error or "").split("\n")[0]
        table.add_row(s.site, str(s.read), str(s.articles - s.read), str(s.speeches), Text(became))
    lines: list[RenderableType] = [table]
    pages = sum(s.pages_read for s in report.sites)
    skipped, all_jobs = sum(s.skipped for s in report.sites), sum(s.jobs for s in report.sites)
    rate = f", {pages / report.seconds:.0f} pages/s" if pages and report.seconds else ""
    lines.append(
        Text(
            f"{counted(pages, 'page')} read in {report.seconds:.1f} s{rate}; {skipped} of {counted(all_jobs, 'bucket')} had not changed"
        )
    )
    for s in report.sites:
        lines += [Text(f"{s.site}: {w}", style="yellow") for w in s.warnings]
        lines += [Text(f"{s.site}: poison: {url}: {why}", style="yellow") for url, why in s.poison[:SHOWN]]
        if len(s.poison) > SHOWN:
            lines.append(
                Text(f"{s.site}: and {counted(len(s.poison) - SHOWN, 'more poison page')} (see --json)", style="yellow")
            )
    return Group(*lines)


def trouble(report: ExtractReport) -> JianghuaError:
    """The error that a report with damaged records or failed sites ends in."""
    damaged = [(s.site, *d) for s in report.sites for d in s.damaged]
    failed = [s for s in report.sites if s.error]
    whats = [f"{s.site}: {s.error}" for s in failed]
    whats += [f"{r['site']}: {r['error']}" for r in report.learned or () if r["error"]]
    if damaged:
        whats.append(f"{counted(len(damaged), 'archived record')} cannot be read")
    places = [f"{where}: {what} ({url})" for _, url, where, what in damaged[:SHOWN]]
    if len(damaged) > SHOWN:
        places.append(f"and {len(damaged) - SHOWN} more (see --json)")
    return JianghuaError(
        "; ".join(whats),
        where="\n         ".join(places) or None,
        remedy="crawl the pages again with `jianghua crawl SITE --refetch all`; the other pages were read, and what these "
        "gave before was kept"
        if damaged
        else None,
    )
