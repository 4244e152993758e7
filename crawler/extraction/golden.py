"""Golden pages: pages of the project's own with what is true of them, and where a reading differs from that.

A folder holds `NAME.html`, the bytes as served, and beside it `NAME.json`, what is on the page:

    note           which trap the page sets (for people; not compared)
    url, content_type, further
                   address and Content-Type as served; further in-article pages, each a file and its address
    fate, why      what becomes of the page; `why` is a piece of the reason
    charset, title of the decoded page, where they matter
    page           columns (crawler/records.py) that every speech of the page has
    speeches       one object a speech with its own columns; `text` is a list of paragraphs
    cut            pieces that must be kept among what was cut off

Columns that a file does not name are not compared, so a new column breaks no page. `preview_evidence` and `editor_intro` are pieces
of what is read. `quality_flags` names flags that must be there, and those that must not with a minus in front.
`known.yaml` lists the pages that are read wrongly as yet, each with the reason: NAME: reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from crawler.durable import write_bytes
from crawler.errors import JianghuaError, UsageError
from crawler.extraction.article import read_article
from crawler.extraction.model import ArticleResult, PageInput
from crawler.site import Site

KNOWN = "known.yaml"
URL = "http://www.golden.test/article/1.html"
_PIECES = ("preview_evidence", "editor_intro")  # compared as pieces: their exact span is the reader's affair
_PAGE_COLUMNS = ("title", "published_at", "source", "author", "breadcrumb", "keywords", "views")
_SPEECH_COLUMNS = ("part_title", "salutation", "doc_type", "is_preview", "preview_evidence", "editor_intro")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is read differently. where: `fate`, `page.title`, `speech 2: text` …; expected and read are JSON values."""

    where: str
    expected: Any
    read: Any


def find_folder(given: Path | None) -> Path:
    """The folder of golden pages: the given one, else tests/golden of the current folder or of the checkout this code lies in.

    Raises UsageError when there is none.
    """
    if given is None:
        candidates = [Path("tests/golden"), Path(__file__).resolve().parents[2] / "tests" / "golden"]
        given = next((p for p in candidates if p.is_dir()), candidates[0])
    if not given.is_dir() or not any(given.glob("*.html")):
        raise UsageError(
            "there are no golden pages",
            where=str(given),
            remedy="call this in a checkout of the project, or name a folder with NAME.html files by --folder",
        )
    return given


def page_names(folder: Path, wanted: Sequence[str] = ()) -> list[str]:
    """The names of all golden pages, or of the wanted ones. Raises UsageError for one that is not there."""
    further = {str(f["file"]) for path in folder.glob("*.json") for f in load(path).get("further", ())}
    names = sorted(p.stem for p in folder.glob("*.html") if p.name not in further)
    wanted = [w.removesuffix(".html").removesuffix(".json") for w in wanted]
    if unknown := sorted(set(wanted) - set(names)):
        raise UsageError(
            f"no golden page is called {', '.join(unknown)}", where=str(folder), remedy="leave the names out to see all"
        )
    return list(wanted) or names


def load(path: Path) -> dict[str, Any]:
    """What a page's JSON file says; empty when there is no file yet. Raises JianghuaError naming a file that is no JSON object."""
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as e:
        raise JianghuaError(f"not valid JSON: {e}", where=str(path), remedy="mend the file") from None
    if not isinstance(value, dict):
        raise JianghuaError("a golden page's file must hold one object", where=str(path), remedy="mend the file")
    return value


def known_misses(folder: Path) -> dict[str, str]:
    """Pages that are read wrongly as yet, each with the reason."""
    path = folder / KNOWN
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}


def page_inputs(folder: Path, name: str, expected: Mapping[str, Any]) -> list[PageInput]:
    """The page and its further in-article pages as extraction takes them."""
    url, content_type = expected.get("url", URL), expected.get("content_type")
    pages = [PageInput(url, (folder / f"{name}.html").read_bytes(), content_type)]
    for n, f in enumerate(expected.get("further", ()), 2):
        pages.append(PageInput(f["url"], (folder / f["file"]).read_bytes(), content_type, n))
    return pages


def read(folder: Path, name: str, expected: Mapping[str, Any]) -> ArticleResult:
    """Read a golden page as extraction does, with a site file that says nothing and no profile."""
    pages = page_inputs(folder, name, expected)
    return read_article(pages, Site(name="golden", title="golden", start=(pages[0].url,)), None)


def plain_value(value: Any) -> Any:
    """A column's value as JSON has it; times as `2024-05-03 10:20:30` in the time of the place."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    return value


def _as_read(column: str, row: Mapping[str, Any]) -> Any:
    value = plain_value(row.get(column))
    return value.split("\n") if column == "text" else value


def _agrees(column: str, expected: Any, got: Any) -> bool:
    if column in _PIECES and isinstance(expected, str) and isinstance(got, str):
        return "".join(expected.split()) in "".join(got.split())
    if column == "quality_flags":
        return all((f[1:] not in got) if f.startswith("-") else f in got for f in expected)
    return bool(expected == got)


def differences(expected: Mapping[str, Any], result: ArticleResult) -> Iterator[Difference]:
    """Where a reading differs from what is expected, field by field."""
    if "fate" in expected and result.fate != expected["fate"]:
        yield Difference("fate", expected["fate"], f"{result.fate} ({result.why})")
    if "why" in expected and expected["why"] not in (result.why or ""):
        yield Difference("why", expected["why"], result.why)
    for field in ("charset", "title"):
        if field in expected and getattr(result, field) != expected[field]:
            yield Difference(field, expected[field], getattr(result, field))
    for column, value in expected.get("page", {}).items():
        reads = [_as_read(column, row) for row in result.speeches]
        if wrong := [r for r in reads if not _agrees(column, value, r)]:
            yield Difference(f"page.{column}", value, wrong[0])
    speeches = expected.get("speeches", [])
    if "fate" in expected and len(speeches) != len(result.speeches):
        yield Difference("number of speeches", len(speeches), len(result.speeches))
    for n, (speech, row) in enumerate(zip(speeches, result.speeches, strict=False), 1):
        for column, value in speech.items():
            if not _agrees(column, value, got := _as_read(column, row)):
                yield Difference(f"speech {n}: {column}", value, got)
    whole = "".join("".join(text.split()) for _, text, _ in result.cut)
    for piece in expected.get("cut", ()):
        if "".join(piece.split()) not in whole:
            yield Difference("cut", piece, None)


def accepted(expected: Mapping[str, Any], result: ArticleResult) -> dict[str, Any]:
    """What a page's file says when the reading is taken for true: the fields it names, with the values that were read."""
    out = dict(expected)
    fresh = "fate" not in expected
    if fresh:
        out |= {"note": expected.get("note", ""), "url": expected.get("url", URL)}
    out["fate"] = result.fate
    if (
        not result.speeches
        and (fresh or "why" in expected)
        and str(expected.get("why", "\0")) not in (result.why or "")
    ):
        out["why"] = result.why
    for field in ("charset", "title"):
        if field in expected:
            out[field] = getattr(result, field)
    if not result.speeches:
        out.pop("page", None)
        if "speeches" in out:
            out["speeches"] = []
    else:
        columns = tuple(expected.get("page", _PAGE_COLUMNS if fresh else ()))
        out["page"] = {c: _accepted(c, expected.get("page", {}), result.speeches[0], fresh) for c in columns}
        told = [*expected.get("speeches", []), *({} for _ in result.speeches)]
        out["speeches"] = [
            {c: _accepted(c, old, row, not old) for c in (old or (*_SPEECH_COLUMNS, "text"))}
            for old, row in zip(told, result.speeches, strict=False)
        ]
        if fresh:
            out["page"] = _told(out["page"])
        out["speeches"] = [s if old else _told(s) for old, s in zip(told, out["speeches"], strict=False)]
    if "cut" in expected:
        whole = "".join("".join(text.split()) for _, text, _ in result.cut)
        out["cut"] = [piece for piece in expected["cut"] if "".join(piece.split()) in whole]
    return out


def _accepted(column: str, old: Mapping[str, Any], row: Mapping[str, Any], fresh: bool) -> Any:
    got = _as_read(column, row)
    return old[column] if not fresh and column in old and _agrees(column, old[column], got) else got


def _told(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that say something: a new file shall be short."""
    return {c: v for c, v in columns.items() if v not in (None, [], "")}


def as_text(expected: Mapping[str, Any]) -> str:
    """A page's file as it is written: keys in order, one line an item, so that a change shows as few lines."""
    return json.dumps(expected, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def accept(folder: Path, name: str) -> bool:
    """Write what is read now as what is expected of a page; True when the file changed."""
    path = folder / f"{name}.json"
    expected = load(path)
    made = as_text(accepted(expected, read(folder, name, expected)))
    if path.exists() and path.read_text(encoding="utf-8") == made:
        return False
    write_bytes(path, made.encode())
    return True
