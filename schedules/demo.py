"""`jianghua demo`: the whole chain on the built-in sample, twice, a day apart.

Serves the sample's first day on loopback, runs crawl → learn → extract → publish as `jianghua run` does, switches to the
second day, runs again, and shows what changed between the two versions.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from crawler.console import JsonOption, err, home_of, show
from crawler.durable import write_json
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.sample import install_site_files
from crawler.sample.build import Sample, build
from crawler.sample.score import Score, key_of, score
from crawler.sample.server import SampleServer
from crawler.wording import counted
from publisher.compare import diff
from publisher.places import dataset_folder
from publisher.reader import open_dataset
from schedules.child import package_path

MARK = "demo.json"  # its presence says that the folder was made by the demo and may be made anew
QUERY = """\
SELECT site, count(*) AS speeches, count(*) FILTER (parts > 1) AS in_compilations, count(*) FILTER (is_preview) AS previews,
       round(avg(chars))::INT AS mean_chars, max(published_at)::DATE AS newest
FROM read_parquet('{files}')
GROUP BY site ORDER BY speeches DESC"""

app = typer.Typer()


def prepare(root: Path) -> Home:
    """The demo's home, fresh: what an earlier demo left there is removed. Raises UsageError when it is somebody else's."""
    home = home_of(root)
    if home.root.exists() and any(home.root.iterdir()):
        if not (home.root / MARK).is_file():
            raise UsageError(
                "the demo's folder holds something that the demo did not make",
                where=str(home.root),
                remedy="give another folder with --home, or empty this one",
            )
        for folder in (home.var, home.datasets, home.own_sites):
            shutil.rmtree(folder, ignore_errors=True)
    write_json(home.root / MARK, {"made_by": "jianghua demo"})
    install_site_files(home)
    return home


def run_once(home: Home, urls: dict[str, str]) -> dict[str, Any]:
    """One run of the whole chain in a process of its own, its progress on standard error; what it reported.

    Raises JianghuaError when it failed.
    """
    argv = [sys.executable, "-P", "-m", "schedules.cli", "run", *urls, "--refetch", "all", "--delay", "0", "--json"]
    for name, url in urls.items():
        argv += ["--at", f"{name}={url}"]
    env = package_path({**os.environ, "JIANGHUA_HOME": str(home.root)})
    done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, check=False)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        report = {}
    if done.returncode or not report:
        raise JianghuaError(
            f"the run ended with exit code {done.returncode}: {report.get('why') or 'see above'}",
            where=str(home.logs),
            remedy="the logs of its steps are there",
        )
    return report


def changed_rows(home: Home, before: str, after: str) -> list[dict[str, Any]]:
    """What changed from one version to another, a row a speech: what, site, path, part, title, columns."""
    folder = dataset_folder(home)
    columns = ["speech_id", "site", "page_url", "part", "title"]
    speeches = {
        r["speech_id"]: r for v in (before, after) for r in open_dataset(folder, v).arrow(columns=columns).to_pylist()
    }
    rows = []
    for change in diff(folder, before, after).rows.to_pylist():
        if change["table"] != "speeches":
            continue
        speech = speeches[change["id"]]
        site, path, part = key_of(speech)
        rows.append(
            {
                "what": change["op"],
                "site": site,
                "path": path,
                "part": part,
                "title": speech["title"],
                "columns": change["columns"],
            }
        )
    return sorted(
        rows, key=lambda r: (["added", "changed", "removed"].index(r["what"]), r["site"], r["path"], r["part"])
    )


def query(home: Home) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The demo's DuckDB query over the latest version: names of columns, rows."""
    import duckdb

    found = duckdb.execute(QUERY.format(files=dataset_folder(home) / "latest" / "speeches" / "*.parquet"))
    return [c[0] for c in found.description or ()], found.fetchall()


def against_gold(home: Home, version: str, sample: Sample, day: int) -> Score:
    """How well the sample was read: a version against what the sample says."""
    return score(open_dataset(dataset_folder(home), version).arrow().to_pylist(), sample.speeches(day))


def _changes_table(rows: list[dict[str, Any]], before: str, after: str) -> Table:
    counts = {op: sum(r["what"] == op for r in rows) for op in ("added", "changed", "removed")}
    table = Table(
        "what",
        "site",
        "title",
        "columns that changed",
        box=None,
        pad_edge=False,
        title=f"{before} → {after}: " + ", ".join(f"{n} {op}" for op, n in counts.items()),
        title_justify="left",
    )
    style = {"added": "green", "changed": "yellow", "removed": "red"}
    for op in counts:
        of_kind = [r for r in rows if r["what"] == op]
        for r in of_kind[:8]:
            title = r["title"] + (f" ({r['part']})" if r["part"] > 1 else "")
            table.add_row(Text(op, style=style[op]), r["site"], Text(title), ", ".join(r["columns"][:4]))
        if len(of_kind) > 8:
            table.add_row(Text(op, style=style[op]), "", Text(f"… and {len(of_kind) - 8} more", style="dim"), "")
    return table


def _query_table(columns: list[str], rows: list[tuple[Any, ...]]) -> Table:
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(str, row))
    return table


def _where(root: Path) -> RenderableType:
    places = [
        ("latest version, plain Parquet", root / "datasets/speeches/latest/speeches"),
        ("every version and its changes", root / "datasets/speeches/versions"),
        ("raw pages (WARC)", root / "var/archive"),
        ("frontier and page states", root / "var/state"),
        ("site files", root / "sites"),
        ("logs", root / "var/logs"),
    ]
    pandas = f"import pandas; print(pandas.read_parquet('{root}/datasets/speeches/latest/speeches').head())"
    following = [
        (f"jianghua versions --home {root}", "the two versions"),
        (f"jianghua up --home {root}", "the same in the browser: the speeches, what ran, the sites"),
        (f"jianghua runs --home {root}", "what ran"),
        (f"jianghua verify --home {root}", "re-read every file"),
        (f'python -c "{pandas}"', ""),
        ("jianghua sample serve", "the same sites, to look at in a browser"),
    ]
    # lines, not a table: a path or a command that is cut off or wrapped cannot be copied
    return Text.assemble(
        ("where everything lies\n", "bold"),
        *(f"  {what:<32}{path}\n" for what, path in places),
        ("\nwhat to try next\n", "bold"),
        *(x for line, why in following for x in (f"  {line}", (f"  # {why}\n" if why else "\n", "dim"))),
    )


def demo(
    home: Home, shown: Path, say: Callable[[RenderableType], None], sample: Sample | None = None
) -> dict[str, Any]:
    """Run the demo in a home; what is worth showing is told through `say`. Returns the figures.

    shown: the home as the user named it. sample: None for the demo's own. Raises JianghuaError when a run fails.
    """
    began = time.monotonic()
    sample = sample or build(articles=20)  # about 300 pages a day: the demo is to take less than a minute
    versions: list[str] = []
    scores: list[Score] = []
    with SampleServer(sample) as sites:
        for day in (1, 2):
            sites.set_day(day)
            say(Text(f"day {day}: crawl {len(sites.urls)} sample sites on loopback, read them, publish", style="bold"))
            report = run_once(home, sites.urls)
            version = report.get("version")
            if not version:
                raise JianghuaError("the run made no version", where=str(home.logs), remedy="its log says why")
            versions.append(version)
            scores.append(against_gold(home, version, sample, day))
            last = scores[-1]
            say(
                Text(
                    f"version {version}: {counted(last.found + last.extra, 'speech')}; {last.found} of the {last.wanted} that the sample holds, "
                    f"{last.extra} that it does not, {last.perfect_share:.1%} with exactly the right paragraphs"
                )
            )
            say(Text(""))
        requests = len(sites.requests())
    rows = changed_rows(home, versions[0], versions[1])
    expected = sample.changes()
    say(_changes_table(rows, versions[0], versions[1]))
    missed = sum(
        len(expected[op] ^ {(r["site"], r["path"], r["part"]) for r in rows if r["what"] == op}) for op in expected
    )
    if not missed:
        say(Text("exactly the changes that the sample made", style="green"))
    columns, found = query(home)
    say(Text("\nDuckDB over the Parquet of the latest version", style="bold"))
    say(Text(QUERY.format(files=shown / "datasets/speeches/latest/speeches/*.parquet"), style="dim"))
    say(_query_table(columns, found))
    say(Text(""))
    say(_where(shown))
    seconds = time.monotonic() - began
    say(Text(f"\n{counted(requests, 'request')}, two versions, {seconds:.0f} s", style="dim"))
    return {
        "home": str(home.root),
        "versions": versions,
        "speeches": [s.found + s.extra for s in scores],
        "recall": [round(s.recall, 4) for s in scores],
        "precision": [round(s.precision, 4) for s in scores],
        "exact_paragraphs": [round(s.perfect_share, 4) for s in scores],
        "changes": rows,
        "changes_as_expected": not missed,
        "query": [dict(zip(columns, r, strict=True)) for r in found],
        "requests": requests,
        "seconds": round(seconds, 1),
    }


@app.command(name="demo")
def demo_command(
    folder: Annotated[
        Path, typer.Option("--home", help="Where the demo works; made anew each time. Yours is not touched.")
    ] = Path("demo"),
    as_json: JsonOption = False,
) -> None:
    """Crawl the built-in sample sites, publish, crawl them a day later, publish again, and show what changed."""
    home = prepare(folder)
    if as_json:
        result = demo(home, folder, lambda _: None)
        show(result, lambda: "", True)
    else:
        from crawler.console import out

        def say(what: RenderableType) -> None:
            err.file.flush()
            out.print(what, soft_wrap=isinstance(what, Text))

        demo(home, folder, say)
