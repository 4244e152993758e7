"""`jianghua sites add URL`."""

from __future__ import annotations

import sys
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from crawler.console import HomeOption, JsonOption, err, home_of, show
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home

if TYPE_CHECKING:
    from crawler.probe.look import Look


def add_site(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Address of the site: its first page, or a list of articles.")
    ],
    name: Annotated[str | None, typer.Option(help="Name of the site (default: from its host).")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take the proposal without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the proposal, write nothing.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write the site file anew; the old one is kept as NAME.yaml.bak.")
    ] = False,
    delay: Annotated[
        float | None,
        typer.Option(
            min=0, help="Seconds between two requests, never below robots' Crawl-delay (default: 1; local: 0)."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=3, max=200, help="Requests to look with (default: 15 to 40).")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at an unknown site politely and write its site file, with the reason for each line.

    Asks for robots.txt, sitemap, feeds, and a few pages of each kind: 15 to 40 requests, one at a time. Shows which pages would be
    crawled, how sure that is, and what would be read from some of them.
    """
    from crawler.probe.look import local, look
    from crawler.probe.proposal import propose
    from crawler.probe.report import as_data, as_report
    from crawler.probe.sitefile import checked, keep, site_file

    if not (yes or dry_run) and not sys.stdin.isatty():
        raise UsageError("there is nobody to ask whether the proposal is right", where="standard input is no terminal",
                         remedy="give --yes to take it, or --dry-run to see it")  # fmt: skip
    where = home_of(home)
    start = _address(url)
    if name is not None:
        _free(where, name, start, replace)
    near = local(start)
    wait = delay if delay is not None else 0.0 if near else 1.0
    with tempfile.TemporaryDirectory(prefix="jianghua-look-") as folder:
        work = Home(Path(folder) / "home")
        seen: Look = _looked(look, where, work, start, wait, limit, as_json)
        _could_be_seen(seen)
        proposal = propose(seen, name, delay, near)
        chosen = str(proposal.name.value)
        path = _free(where, chosen, proposal.start[0].value, replace)
        if twins := _same_host(where, chosen, proposal.start[0].value):
            proposal.warnings.append(
                f"{' and '.join(twins)} {'begin' if twins[1:] else 'begins'} at this host too: its speeches would come twice"
            )
        text = site_file(proposal, len(seen.asked), datetime.now(UTC).date())
        checked(text, chosen, Path(folder) / "sites")
    value: dict[str, Any] = {**as_data(proposal, seen, text), "file": str(path), "written": False, "kept": None}

    if not as_json:
        show(value, lambda: as_report(proposal, seen, text), False)
    if not (yes or dry_run):
        err.print(f"Write {path}?", end=" ", soft_wrap=True)
        if not typer.confirm("", prompt_suffix="", err=True, default=True):
            raise typer.Exit(1)
    if not dry_run:
        kept = keep(text, path)
        value |= {"written": True, "kept": str(kept) if kept else None}
    if as_json:
        show(value, str, True)
    elif value["written"]:
        aside = f", the old one is kept as {Path(value['kept']).name}" if value["kept"] else ""
        err.print(f"written: {path}{aside}", soft_wrap=True)
        err.print(f"next: jianghua crawl {chosen}", soft_wrap=True)


def _address(url: str) -> str:
    """The address to look at. Raises UsageError for one that cannot be fetched."""
    from crawler.urls import clean_url

    given = url.strip()
    if "://" not in given:
        given = f"http://{given}"
    found = clean_url(given)
    host = urlsplit(found).hostname if found else None
    if (
        found is None
        or not host
        or any(c in host for c in " _%<>\"'")
        or ("." not in host and ":" not in host and host != "localhost")
    ):
        raise UsageError("not the address of a web site", where=url, remedy="give it like https://www.example.com/")
    if host.endswith(".invalid"):
        raise UsageError("a host under .invalid can never exist", where=url, remedy="give the site's real address")
    return found


def _free(home: Home, name: str, start: str, replace: bool) -> Path:
    """Where the file of a new site goes. Raises UsageError when the name cannot be had."""
    import re

    from crawler.mistakes import NAME
    from crawler.site import load_site, site_files

    path = home.own_sites / f"{name}.yaml"
    if not re.fullmatch(NAME, name):
        raise UsageError(f"'{name}' cannot be a site's name", where="--name",
                         remedy="use small letters, digits, - and _, beginning with a letter or digit")  # fmt: skip
    there = site_files(home).get(name)
    if there is None or replace:
        return path
    try:
        known = urlsplit(load_site(name, home).start[0]).netloc
    except JianghuaError:
        known = None
    if known == urlsplit(start).netloc:
        raise UsageError(f"the site is there already, as '{name}'", where=str(there),
                         remedy="give --replace to write its file anew (the old one is kept), or --name for a second one")  # fmt: skip
    raise UsageError(f"there is another site called '{name}'" + (f", at {known}" if known else ""), where=str(there),
                     remedy="give --name for another name, or --replace to write that file anew")  # fmt: skip


def _same_host(home: Home, name: str, start: str) -> list[str]:
    """Other sites that begin at the host of `start`; files with mistakes are passed over."""
    from crawler.site import load_site, site_files

    twins = []
    for other in site_files(home):
        with suppress(JianghuaError):
            if other != name and urlsplit(load_site(other, home).start[0]).netloc == urlsplit(start).netloc:
                twins.append(other)
    return twins


def _looked(look: Any, home: Home, work: Home, start: str, delay: float, limit: int | None, as_json: bool) -> Any:
    """Look at the site, with a progress bar on a terminal."""
    if not err.is_terminal or as_json:
        return look(home, work, start, delay, limit)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("looking at {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(urlsplit(start).netloc, total=None)
        return look(home, work, start, delay, limit, lambda made, most: bar.update(task, completed=made, total=most))


def _could_be_seen(seen: Look) -> None:
    """Raises JianghuaError when the start page could not be had: then there is nothing to propose."""
    page = seen.pages.get(seen.site.key(seen.start))
    read = any(p.body is not None for p in seen.pages.values())
    if read and (page is None or page.body is not None or page.fate == "redirect"):
        return
    moved = f" (where {seen.moved[0]} leads)" if seen.moved else ""
    where = seen.start + moved
    if page is not None and page.fate == "disallowed":
        raise JianghuaError("robots.txt forbids crawling this site", where=where,
                            remedy="respect it; if the site is yours, allow the user agent Jianghua there")  # fmt: skip
    if page is not None and page.fate == "not_html":
        raise JianghuaError(
            f"the start page is no web page: {page.why}", where=where, remedy="give the address of a page"
        )
    if page is not None and page.body is None and page.fate not in (None, "unfetched"):
        told = (
            f"the start page {page.why}"
            if page.why and page.why.startswith(("answer", "leads"))
            else f"the start page cannot be had: {page.why}"
        )
        raise JianghuaError(told, where=where, remedy="check the address in a browser")
    last = next((a for a in reversed(seen.asked) if a.status is None or a.status >= 400), None)
    told = seen.failed or (last.why or f"the start page answers {last.status}" if last else "nothing was answered")
    raise JianghuaError(told, where=where, remedy="check the address and the network, and try again later")
