"""Crawl and extract against Scrapy alone and against the trafilatura command line, on the same pages in the same run.

The built-in sample, scaled to 3,000 pages of 30 KB over 5 hosts, is served on loopback by a process of its own. Measured are
pages a second (wall) and the peak memory of each process of

  a  Scrapy that only downloads the same addresses, with the same concurrency;
  b  `jianghua run --steps crawl,learn,extract`: frontier, politeness, archive, profile, decoding, reading, records; a first crawl,
     so the sites have no profile yet and learning is part of what is measured (its seconds are shown apart);
  c  `trafilatura --input-dir … --json --with-metadata` with its default parallelism, on the same pages as files.

Ratios are what counts: a machine and what else runs on it change all three. Run it when nothing else does; with --rounds
each is measured several times in turn, and the ratio is the median of those of the rounds.

    python benchmarks/crawl_extract.py [--pages 3000] [--quick] [--rounds 3] [--only abc] [--json FILE] [--keep DIR]
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from benchmarks.measure import Measured, run  # noqa: E402
from crawler.home import Home  # noqa: E402
from crawler.sample import install_site_files  # noqa: E402
from crawler.sample.build import Sample, build  # noqa: E402
from crawler.sample.server import SampleServer  # noqa: E402

HOSTS = ("qingyun", "zhimo", "muduo", "wenku", "yushan")
NAMES = {"a": "Scrapy, download only", "b": "Jianghua, crawl + extract", "c": "trafilatura command line"}
# of 100 pages about 79 are articles, the others their further pages, lists and tags
ARTICLE_SHARE = 0.79
err = Console(stderr=True)


def _serve(sample: Sample, told: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with SampleServer(sample) as server:
        told.send(server.urls)
        told.recv()  # until the parent says so, or is gone


def addresses(sample: Sample, urls: dict[str, str]) -> list[str]:
    """Every HTML page that answers 200, the hosts in turn as a crawl meets them."""
    by_site = [
        [
            urls[s.name] + path
            for path, x in sample.pages(s.name, 1).items()
            if x.status == 200 and x.content_type.startswith("text/html")
        ]
        for s in sample.sites
    ]
    out = []
    for i in range(max(map(len, by_site))):
        out += [pages[i] for pages in by_site if i < len(pages)]
    return out


def write_pages(sample: Sample, folder: Path) -> int:
    """The same pages as files."""
    folder.mkdir(parents=True)
    count = 0
    for spec in sample.sites:
        for answer in sample.pages(spec.name, 1).values():
            if answer.status == 200 and answer.content_type.startswith("text/html"):
                (folder / f"{spec.name}-{count:05d}.html").write_bytes(answer.body)
                count += 1
    return count


def scrapy_only(urls: list[str], work: Path, concurrency: int) -> tuple[Measured, int, dict[str, Any]]:
    """Measure (a); returns also how many pages answered 200."""
    (work / "urls.txt").write_text("\n".join(urls))
    result = work / "download.json"
    m = run(
        [sys.executable, str(HERE / "download_only.py"), str(work / "urls.txt"), str(concurrency), str(result)],
        log=work / "a.log",
    )
    found = json.loads(result.read_text()) if result.exists() else {}
    return m, int(found.get("statuses", {}).get("200", 0)), found


def jianghua(urls: dict[str, str], work: Path) -> tuple[Measured, int, dict[str, Any]]:
    """Measure (b); returns also how many pages were crawled and read."""
    home = Home.find(work / "home")
    install_site_files(home)
    argv = [sys.executable, "-m", "schedules.cli", "run", "--steps", "crawl,learn,extract", "--delay", "0"]
    argv += ["--home", str(home.root), "--json"]
    for name, url in urls.items():
        argv += ["--at", f"{name}={url}"]
    m = run(argv, cwd=HERE.parent, log=work / "b.log", env={**os.environ, "PYTHONPATH": str(HERE.parent)})
    text = (work / "b.log").read_text(errors="replace")
    at = text.find("\n{")
    found = json.JSONDecoder().raw_decode(text[at + 1 :])[0] if at >= 0 else {"log": text[-2000:]}
    return m, 0, found


def trafilatura(pages: Path, work: Path) -> tuple[Measured, int, dict[str, Any]]:
    """Measure (c); returns also how many files it wrote: it writes none for a page in which it finds nothing."""
    out = work / "trafilatura"
    out.mkdir()
    argv = [
        str(Path(sys.executable).parent / "trafilatura"),
        "--input-dir",
        str(pages),
        "--output-dir",
        str(out),
        "--json",
        "--with-metadata",
    ]
    m = run(argv, log=work / "c.log")
    return m, sum(1 for p in out.rglob("*") if p.is_file()), {}


def main(
    pages: Annotated[int, typer.Option(help="How many pages, about.")] = 3000,
    page_bytes: Annotated[int, typer.Option(help="Size of a page.")] = 30_000,
    quick: Annotated[bool, typer.Option("--quick", help="300 pages: to see whether it runs, not how fast.")] = False,
    only: Annotated[str, typer.Option(help="Which of a, b, c.")] = "abc",
    concurrency: Annotated[
        int, typer.Option(help="Requests at a time to a host, for Scrapy alone; Jianghua takes one.")
    ] = 1,
    repeat: Annotated[int, typer.Option("--rounds", min=1, help="Measure so many times in turn.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the measurements here.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Work in this folder and leave it.")] = None,
) -> None:
    """Measure, print a table, and say whether b is 1.5 times as fast as c."""
    pages = 300 if quick else pages
    work = keep or Path(tempfile.mkdtemp(prefix="jianghua-bench-"))
    work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    per_site = max(8, round(pages * ARTICLE_SHARE / len(HOSTS)))
    sample = build(articles=per_site, chars=2600, page_bytes=page_bytes, page_size=50, sites=HOSTS)
    count = write_pages(sample, work / "pages")
    size = sum(p.stat().st_size for p in (work / "pages").iterdir())
    err.print(f"{count} pages, {size / count / 1000:.1f} kB each, built in {time.monotonic() - began:.0f} s")
    context = multiprocessing.get_context("fork")  # the server takes over the built pages as they are
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(sample, theirs), daemon=True)
    server.start()
    urls: dict[str, str] = ours.recv()
    rounds: list[dict[str, dict[str, Any]]] = []
    try:
        for number in range(1, repeat + 1):
            place = work / f"round-{number}"
            place.mkdir(exist_ok=True)
            rounds.append(
                {key: _measured(key, sample, urls, work / "pages", place, count, concurrency) for key in only}
            )
            if not keep:
                shutil.rmtree(place, ignore_errors=True)
    finally:
        ours.send("enough")
        server.join(5)
        if not keep:
            shutil.rmtree(work, ignore_errors=True)
    of_rounds = [_ratios(results) for results in rounds]
    report = {
        "pages": count,
        "bytes_a_page": round(size / count),
        "hosts": len(HOSTS),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "ratios": {k: round(median(r[k] for r in of_rounds if k in r), 2) for k in of_rounds[0]},
        "ratios_of_rounds": of_rounds,
        "rounds": rounds,
    }
    if json_file:
        json_file.write_text(json.dumps(report, ensure_ascii=False, indent=1, default=str) + "\n")
    _show(report)


def _measured(
    key: str, sample: Sample, urls: dict[str, str], pages: Path, work: Path, count: int, concurrency: int
) -> dict[str, Any]:
    """Measure one of a, b, c in a folder of its own."""
    load = os.getloadavg()[0]
    err.print(f"{key}  {NAMES[key]} … (load {load:.1f})")
    if key == "a":
        m, done, extra = scrapy_only(addresses(sample, urls), work, concurrency)
    elif key == "b":
        m, done, extra = jianghua(urls, work)
        done = count if m.code == 0 else 0
    else:
        m, written, extra = trafilatura(pages, work)
        done = count if written else 0  # pages that it finds nothing in are read all the same
        extra["written"] = written
    if m.code:
        log = (work / f"{key}.log").read_text(errors="replace")[-1500:]
        err.print(f"  ended with exit code {m.code}: {log}", markup=False)
    err.print(f"  {done} pages in {m.seconds:.1f} s: {done / m.seconds:.0f} pages/s")
    return {
        "name": NAMES[key],
        "load_before": round(load, 2),
        "pages": done,
        "pages_per_second": round(done / m.seconds, 1),
        "cpu_ms_per_page": round(1000 * m.cpu / done, 2) if done else None,
        "report": extra,
        **asdict(m),
    }


def _ratios(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """How many times as fast one is as the other, by wall time, and by CPU time for b and c."""
    ratios = {
        f"{x}/{y}": round(results[x]["pages_per_second"] / results[y]["pages_per_second"], 2)
        for x, y in (("b", "c"), ("b", "a"), ("a", "c"))
        if x in results and y in results and results[y]["pages_per_second"]
    }
    if "b" in results and "c" in results and results["b"]["cpu_ms_per_page"] and results["c"]["cpu_ms_per_page"]:
        ratios["cpu c/b"] = round(results["c"]["cpu_ms_per_page"] / results["b"]["cpu_ms_per_page"], 2)
    return ratios


def _show(report: dict[str, Any]) -> None:
    table = Table(
        "",
        "what",
        box=None,
        title=f"{report['pages']} pages of {report['bytes_a_page'] / 1000:.0f} kB, {report['cpus']} CPUs",
        title_justify="left",
    )
    for column in ("pages/s", "seconds", "CPU ms/page", "load before", "peak MiB, all", "peak MiB of each process"):
        table.add_column(column, justify="right" if "each" not in column else "left")
    console = Console(width=150)
    for results in report["rounds"]:
        for key, r in results.items():
            table.add_row(
                key,
                r["name"],
                f"{r['pages_per_second']:.0f}",
                f"{r['seconds']:.1f}",
                str(r["cpu_ms_per_page"]),
                f"{r['load_before']:.1f}",
                f"{r['peak_total_mib']:.0f}",
                ", ".join(f"{p['peak_mib']:.0f}" for p in r["processes"] if p["peak_mib"] > 20),
            )
    console.print(table)
    for results in report["rounds"]:
        if "b" in results:
            steps = results["b"]["report"].get("counts", {})
            told = ", ".join(f"{step} {x['seconds']:.1f} s" for step, x in steps.items())
            console.print(f"b by step (reading goes on beside the crawl): {told}")
            for p in results["b"]["processes"]:
                console.print(f"  {p['cpu']:5.1f} s CPU, {p['peak_mib']:4.0f} MiB  {p['name']}", markup=False)
    if "b/c" in report["ratios"]:
        ratio = report["ratios"]["b/c"]
        console.print(
            f"crawl + extract against the trafilatura command line: {ratio:.2f} (wanted: at least 1.5)",
            style="green" if ratio >= 1.5 else "red",
        )
        console.print(
            f"by CPU time alone, which a busy machine disturbs less: {report['ratios'].get('cpu c/b', 0):.2f}"
        )
    if "b/a" in report["ratios"]:
        console.print(f"crawl + extract against downloading alone: {report['ratios']['b/a']:.2f}")


if __name__ == "__main__":
    typer.run(main)
