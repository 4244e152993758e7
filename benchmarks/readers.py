"""Main-text readers on the same pages in one run and one process: how well they read, and how many pages a CPU second.

    python benchmarks/readers.py [--gold DIR] [--golden DIR] [--rounds 3] [--quick] [--json FILE] [--picture FILE.svg]

Pages: the hand-made gold that lies beside the project on some machines (shared/gold: real pages of many kinds), and the project's
golden pages that hold speeches (tests/golden). Measured of each reader, as means over the pages of a set:

* P, R, F1 over multisets of shingles of four tokens; a token is one CJK character or a run of other letters and digits;
* paragraphs: F1 over the lines of golden pages, each exact but for white space;
* dates that are right, where the page's gold has one and the reader gives any;
* pages a second of this process's CPU time, the median of the rounds. In each round every reader reads every page, in turn.

The yardstick of speed is `trafilatura.bare_extraction(with_metadata=True)` given bytes. A reader that is not installed is left out.
"""

from __future__ import annotations

import json
import platform
import re
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from math import log10
from pathlib import Path
from statistics import fmean, median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crawler.durable import write_bytes, write_json  # noqa: E402
from crawler.extraction import golden  # noqa: E402
from crawler.extraction.article import read_article  # noqa: E402
from crawler.extraction.decode import decode  # noqa: E402
from crawler.extraction.maintext import main_text, read_page  # noqa: E402
from crawler.extraction.model import PageInput  # noqa: E402
from crawler.site import Site  # noqa: E402

YARDSTICK = "trafilatura, with metadata"
WARM_UP = 5  # pages read before a round counts: modules and tables are loaded at the first
out = Console(width=None if sys.stdout.isatty() else 110)
err = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Page:
    """A page and its gold. date: YYYY-MM-DD or None; lines: whether paragraphs of the gold are exact."""

    body: bytes
    url: str | None
    text: str
    date: str | None
    lines: bool


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader gives: its text, and a date where it reads dates."""

    text: str
    date: str | None = None


Reader = Callable[[bytes, str | None], Read]


@dataclass(slots=True)
class Score:
    """Means over the pages of a set; see the module's text. dates: right and wanted; None where a reader reads none."""

    f1: float
    precision: float
    recall: float
    paragraphs: float | None
    dates: tuple[int, int] | None
    failed: int
    speeds: list[float] = field(default_factory=list)

    @property
    def speed(self) -> float:
        """Pages a CPU second, median of the rounds."""
        return median(self.speeds)


# ------------------------------------------------------------------------------------------------ readers


def readers() -> dict[str, Reader]:
    """The readers that are installed, by what the table calls them."""
    found: dict[str, Reader] = {}
    import trafilatura

    found["trafilatura, bytes"] = lambda b, u: Read(trafilatura.extract(b, url=u) or "")
    found["trafilatura, decoded"] = lambda b, u: Read(trafilatura.extract(decode(b).text, url=u) or "")
    found["trafilatura, favor_precision"] = lambda b, u: Read(
        trafilatura.extract(decode(b).text, url=u, favor_precision=True) or ""
    )

    def with_metadata(b: bytes, u: str | None) -> Read:
        made = trafilatura.bare_extraction(b, url=u, with_metadata=True)
        return Read(getattr(made, "text", None) or "", getattr(made, "date", None))

    found[YARDSTICK] = with_metadata
    try:
        from lxml.html import fromstring
        from readability import Document
    except ImportError:
        pass
    else:

        def readability(b: bytes, u: str | None) -> Read:
            tree = fromstring(Document(decode(b).text, url=u).summary())
            return Read(_lines_of(tree))

        found["readability-lxml"] = readability
    try:
        from resiliparse.extract.html2text import extract_plain_text
    except ImportError:
        pass
    else:
        found["resiliparse"] = lambda b, u: Read(
            extract_plain_text(decode(b).text, main_content=True, alt_texts=False, list_bullets=False) or ""
        )
    found["jianghua, main_text"] = lambda b, u: Read(main_text(b, u))

    def page(b: bytes, u: str | None) -> Read:
        made = read_page(b, u)
        return Read(made["text"] or "", made["date"])

    found["jianghua, read_page"] = page

    def speeches(b: bytes, u: str | None) -> Read:
        site = Site(name="bench", title="bench", start=(u or golden.URL,))
        rows = read_article([PageInput(u or golden.URL, b)], site, None).speeches
        date = rows[0]["published_at"] if rows else None
        text = "\n".join(x for row in rows for x in (row["part_title"], row["text"]) if x)
        return Read(text, date.date().isoformat() if date else None)

    found["jianghua, speeches"] = speeches
    return found


def _lines_of(tree: Any) -> str:
    """The text of a tree, a line an element that breaks lines."""
    for e in tree.iter("p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "td"):
        e.tail = "\n" + (e.tail or "")
    return "\n".join(x for line in tree.text_content().split("\n") if (x := " ".join(line.split())))


# ------------------------------------------------------------------------------------------------ measures

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff]|(?:(?![\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff])[^\W_])+")  # fmt: skip


def shingles(text: str, n: int = 4) -> Counter[tuple[str, ...]]:
    """Multiset of runs of n tokens; of a shorter text the one run that it is."""
    tokens = _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())
    if not tokens:
        return Counter()
    return Counter(tuple(tokens[i : i + n]) for i in range(max(1, len(tokens) - n + 1)))


def agreement(wanted: Counter[Any], found: Counter[Any]) -> tuple[float, float, float]:
    """Precision, recall and F1 of one multiset against another; all 1 when both are empty."""
    if not wanted and not found:
        return 1.0, 1.0, 1.0
    both = (wanted & found).total()
    p, r = both / max(1, found.total()), both / max(1, wanted.total())
    return p, r, 2 * p * r / (p + r) if p + r else 0.0


def paragraphs(text: str) -> Counter[str]:
    """The lines of a text without white space, as a multiset."""
    return Counter(x for line in text.split("\n") if (x := "".join(line.split())))


def score(pages: Sequence[Page], reads: Sequence[Read | None]) -> Score:
    """How well a reader read the pages; None for a page that it failed on."""
    found = [r or Read("") for r in reads]
    marks = [agreement(shingles(p.text), shingles(r.text)) for p, r in zip(pages, found, strict=True)]
    lines = [agreement(paragraphs(p.text), paragraphs(r.text))[2] for p, r in zip(pages, found, strict=True) if p.lines]
    dated = [(p.date, r.date) for p, r in zip(pages, found, strict=True) if p.date]
    return Score(
        f1=fmean(m[2] for m in marks),
        precision=fmean(m[0] for m in marks),
        recall=fmean(m[1] for m in marks),
        paragraphs=fmean(lines) if lines else None,
        dates=(sum(a == (b or "")[: len(a)] for a, b in dated), len(dated)) if any(r.date for r in found) else None,
        failed=sum(r is None for r in reads),
    )


def measure(pages: Sequence[Page], found: dict[str, Reader], rounds: int) -> dict[str, Score]:
    """Scores by reader."""
    out: dict[str, Score] = {}
    with Progress(console=err, transient=True) as progress:
        task = progress.add_task("reading", total=rounds * len(found) * len(pages))
        for _ in range(rounds):
            for name, reader in found.items():
                for page in pages[:WARM_UP]:
                    _read(reader, page)
                spent, reads = 0.0, []
                for page in pages:
                    began = time.process_time()
                    reads.append(_read(reader, page))
                    spent += time.process_time() - began
                    progress.advance(task)
                if name not in out:
                    out[name] = score(pages, reads)
                out[name].speeds.append(len(pages) / max(spent, 1e-9))
    return out


def _read(reader: Reader, page: Page) -> Read | None:
    try:
        return reader(page.body, page.url)
    except Exception:  # whatever a reader stumbles over is its result
        return None


# --------------------------------------------------------------------------------------------------- pages


def gold_pages(folder: Path) -> list[Page]:
    """The pages of a folder with manifest.jsonl, html/ and gold/, whose main text was copied out by hand."""
    out = []
    for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row.get("kind") == "hand" and row.get("gold"):
            text = (folder / row["gold"]).read_text(encoding="utf-8")
            out.append(Page((folder / row["html"]).read_bytes(), row.get("url") or None, text, row.get("date"), False))
    return out


def golden_pages(folder: Path) -> list[Page]:
    """The golden pages that hold speeches: part titles and paragraphs are what a reader of main text should give."""
    out = []
    for name in golden.page_names(folder):
        expected = golden.load(folder / f"{name}.json")
        if not expected.get("speeches") or expected.get("further"):
            continue
        lines = [x for s in expected["speeches"] for x in (s.get("part_title"), *s["text"]) if x]
        date = expected.get("page", {}).get("published_at")
        body = (folder / f"{name}.html").read_bytes()
        out.append(Page(body, expected.get("url"), "\n".join(lines), date[:10] if date else None, True))
    return out


# -------------------------------------------------------------------------------------------------- results


def table(title: str, scores: dict[str, Score]) -> Table:
    """One set's scores for people."""
    base = scores[YARDSTICK].speed
    out = Table(title=title, title_justify="left", box=None)
    for n, heading in enumerate(
        ("reader", "F1", "P", "R", "paragraphs", "dates", "pages/CPU s", "× yardstick", "failed")
    ):
        out.add_column(heading, justify="right" if n else "left")
    for name, s in scores.items():
        out.add_row(
            name, f"{s.f1:.3f}", f"{s.precision:.3f}", f"{s.recall:.3f}", f"{s.paragraphs:.3f}" if s.paragraphs is not None else "",
            f"{s.dates[0]}/{s.dates[1]}" if s.dates else "", f"{s.speed:.1f}", f"{s.speed / base:.2f}", str(s.failed or ""),
        )  # fmt: skip
    return out


_WIDE, _HIGH, _LEFT, _TOP, _GAP = 400, 300, 56, 44, 250


def picture(sets: dict[str, dict[str, Score]]) -> str:
    """An SVG: for each set F1 against speed (logarithmic), a dot a reader; ours are filled."""
    width = len(sets) * (_LEFT + _WIDE + _GAP) + 10
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HIGH + 110}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{_HIGH + 110}" fill="#fff"/>',
    ]
    for n, (title, scores) in enumerate(sets.items()):
        x0, y0 = n * (_LEFT + _WIDE + _GAP) + _LEFT, _TOP + _HIGH
        speeds = [log10(s.speed) for s in scores.values()]
        low, high = min(speeds) - 0.08, max(speeds) + 0.08
        least = min(0.7, *(int(s.f1 * 20) / 20 for s in scores.values()))

        def at(
            s: Score, x0: int = x0, y0: int = y0, low: float = low, high: float = high, least: float = least
        ) -> tuple[float, float]:
            return x0 + (log10(s.speed) - low) / (high - low) * _WIDE, y0 - (s.f1 - least) / (1 - least) * _HIGH

        out.append(f'<text x="{x0}" y="22" font-size="15" font-weight="bold">{escape(title)}</text>')
        for k in range(int((1 - least) * 20 + 1.5)):
            y = y0 - k * 0.05 / (1 - least) * _HIGH
            out.append(f'<line x1="{x0}" y1="{y:.1f}" x2="{x0 + _WIDE}" y2="{y:.1f}" stroke="#ddd"/>')
            out.append(
                f'<text x="{x0 - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{least + k * 0.05:.2f}</text>'
            )
        for value in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000):
            if low <= log10(value) <= high:
                x = x0 + (log10(value) - low) / (high - low) * _WIDE
                out.append(f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{y0}" stroke="#eee"/>')
                out.append(f'<text x="{x:.1f}" y="{y0 + 18}" text-anchor="middle" fill="#555">{value}</text>')
        out.append(
            f'<text x="{x0 + _WIDE / 2}" y="{y0 + 40}" text-anchor="middle" fill="#333">pages a CPU second</text>'
        )
        out.append(f'<text x="{x0 - 44}" y="{_TOP - 10}" fill="#333">F1</text>')
        labels = sorted(((name, *at(s)) for name, s in scores.items()), key=lambda p: p[2])
        down = float(_TOP)
        for name, x, y in labels:
            ours = name.startswith("jianghua")
            colour = "#b3261e" if ours else "#3b6ea5"
            down = max(down, y - 4)
            out.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" stroke="{colour}" stroke-width="2" fill="{colour if ours else "#fff"}"/>'
            )
            out.append(
                f'<line x1="{x + 6:.1f}" y1="{y:.1f}" x2="{x0 + _WIDE + 12}" y2="{down:.1f}" stroke="{colour}" stroke-width="0.5" opacity="0.5"/>'
            )
            out.append(f'<text x="{x0 + _WIDE + 16}" y="{down + 4:.1f}" fill="{colour}">{escape(name)}</text>')
            down += 17
    return "\n".join([*out, "</svg>", ""])


def main(
    gold: Annotated[Path, typer.Option(help="Folder of hand-made gold.")] = ROOT.parent / "shared" / "gold",
    pages: Annotated[Path, typer.Option("--golden", help="Folder of golden pages.")] = ROOT / "tests" / "golden",
    rounds: Annotated[int, typer.Option(min=1, help="How often every reader reads every page.")] = 3,
    quick: Annotated[bool, typer.Option("--quick", help="Eight pages a set, once: whether it runs.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
    picture_file: Annotated[Path | None, typer.Option("--picture", help="Draw F1 against speed as SVG.")] = None,
) -> None:
    """Compare readers of main text on the same pages in one process."""
    found = readers()
    sets: dict[str, list[Page]] = {}
    if (gold / "manifest.jsonl").is_file():
        hand = gold_pages(gold)
        sets[f"{len(hand)} real pages with hand-made gold"] = hand
    else:
        err.print(f"no hand-made gold in {gold}: golden pages only", style="yellow")
    made = golden_pages(pages)
    sets[f"{len(made)} golden pages"] = made
    results = {}
    for title, chosen in sets.items():
        # what makes speeches only is asked only where there are speeches
        own = {n: r for n, r in found.items() if n != "jianghua, speeches" or chosen is made}
        results[title] = measure(chosen[:8] if quick else chosen, own, 1 if quick else rounds)
        out.print(table(title, results[title]), "")
    if json_file:
        write_json(
            json_file,
            {
                "machine": f"{platform.machine()}, Python {platform.python_version()}",
                "yardstick": YARDSTICK,
                "sets": {
                    title: {
                        name: {"f1": s.f1, "precision": s.precision, "recall": s.recall, "paragraphs": s.paragraphs, "dates": s.dates,
                               "failed": s.failed, "pages_per_cpu_second": s.speed, "ratio": s.speed / scores[YARDSTICK].speed}
                        for name, s in scores.items()
                    }
                    for title, scores in results.items()
                },
            },
        )  # fmt: skip
    if picture_file:
        picture_file.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(picture_file, picture(results).encode())


if __name__ == "__main__":
    typer.run(main)
