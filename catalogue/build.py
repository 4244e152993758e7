"""Make the catalogue: static pages and JSON beside the datasets, that any web server can give out.

    OUT/index.html                        the one page; for who has no scripts, what there is and where
    OUT/catalogue/catalogue.json          what there is now: the commit point, replaced in one step
    OUT/catalogue/app-<digest>/…          scripts and styles, immutable
    OUT/catalogue/data/DATASET/…          what the pages show of a version, named by its SHA-256, immutable

Readers see the catalogue as it was or as it is: everything is written before catalogue.json names it, and what is not named
any more is removed after. A page that was open meanwhile finds its files gone, reads catalogue.json again and goes on. Nothing of an
older version is kept, so that a text that was taken down is in no file of the catalogue that is built next.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from catalogue import cards, describe, terms
from catalogue.names import OWN, is_dataset
from catalogue.packs import compact, named
from catalogue.rows import Rows, read_rows
from crawler.durable import alone, fsync_folder, write_bytes
from crawler.errors import UsageError
from publisher.manifest import Latest, Manifest
from publisher.versions import LATEST, read_latest

FORMAT = 6  # of the files of data/: another number makes everything anew
DOCUMENT = "catalogue.json"
PLAIN = ("README.md", "CHANGES.md", "LICENSE.md", "quality.html", "preview.parquet", "manifest.json", "SHA256SUMS")
STATIC = ("js", "css", "html", "svg", "md", "txt", "")


@dataclass(slots=True)
class Built:
    """What a build did. made: datasets built; kept: those that were up to date; skipped: name and why; written and removed: files."""

    out: Path
    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    written: int = 0
    written_bytes: int = 0
    removed: int = 0

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "out": str(self.out), "made": self.made, "kept": self.kept, "skipped": self.skipped,
            "written": self.written, "written_bytes": self.written_bytes, "removed": self.removed,
        }  # fmt: skip


def build(
    datasets: Path,
    out: Path | None = None,
    dataset: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
    data: str | None = None,
) -> Built:
    """Bring the catalogue in `out` up to date; what is up to date is left as it is.

    datasets: the folder of all datasets. out: where the pages go (default: that folder). dataset: only this one; the others stay as
    they are. data: the web address of `datasets` as seen from index.html (default: where it lies from `out`). Two builds wait for each
    other. Raises UsageError for a dataset that is not there, DamagedError for one that is damaged; the catalogue is then as it was.
    """
    out = out or datasets
    found = dict(_datasets(datasets))
    if dataset is not None and dataset not in found:
        raise UsageError(
            f"there is no dataset '{dataset}'",
            where=str(datasets),
            remedy=f"use one of: {', '.join(sorted(found)) or 'none yet; `jianghua publish` makes the first version'}",
        )
    result = Built(out)
    with alone(out / OWN):
        app, page = _install(out, result)
        before = _read(out)
        listed: dict[str, dict[str, Any]] = {}
        for name, latest in found.items():
            if not is_dataset(name):
                result.skipped[name] = "its name cannot stand in an address"
                continue
            old = before.get(name)
            if dataset not in (None, name):
                if old:
                    listed[name] = old
            elif old and _current(old, datasets / name, latest, out / OWN / "data" / name):
                listed[name] = old
                result.kept.append(name)
            else:
                progress(name)
                listed[name] = _build(datasets / name, latest, out / OWN / "data" / name, result)
                result.made.append(name)
        document = {
            "format": FORMAT,
            "app": app,
            "data": data if data is not None else _relative(datasets, out),
            "datasets": [listed[n] for n in sorted(listed)],
        }
        plain = "".join(_plain(datasets / name, str(document["data"]), listed[name]) for name in sorted(listed))
        page = page.replace("{app}", f"{OWN}/{app}").replace("{datasets}", plain)
        _put(out / "index.html", page.encode(), result, mutable=True)
        _put(out / OWN / DOCUMENT, compact(document) + b"\n", result, mutable=True)
        _sweep(out / OWN, app, listed, result)
    return result


def _datasets(folder: Path) -> Iterable[tuple[str, Latest]]:
    try:
        names = sorted(p.parent.name for p in folder.glob(f"*/{LATEST}"))
    except OSError:
        names = []
    for name in names:
        if latest := read_latest(folder / name):
            yield name, latest


def _relative(datasets: Path, out: Path) -> str:
    """The address of the datasets from index.html."""
    found = os.path.relpath(datasets.resolve(), out.resolve()).replace(os.sep, "/")
    return "" if found == "." else found + "/"


def _read(out: Path) -> dict[str, dict[str, Any]]:
    """What the catalogue has, by dataset; nothing where it is damaged or of another format."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        document = json.loads((out / OWN / DOCUMENT).read_bytes())
        if document["format"] == FORMAT:
            return {d["dataset"]: d for d in document["datasets"] if is_dataset(d["dataset"])}
    return {}


def _current(old: dict[str, Any], folder: Path, latest: Latest, target: Path) -> bool:
    """Whether what is there was made of just this: the same version, and the same other versions and tombstones beside it."""
    files = old.get("files")
    return (
        isinstance(files, dict)
        and old.get("made_of") == _made_of(folder, latest)
        and all((target / name).is_file() for name in _named(files))
    )


def _made_of(folder: Path, latest: Latest) -> str:
    try:
        names = sorted(n for n in os.listdir(folder / "versions") if not n.startswith("."))  # noqa: PTH208
    except OSError:
        names = []
    return hashlib.sha256("\0".join([str(FORMAT), latest.manifest_sha256, *names]).encode()).hexdigest()


def _build(folder: Path, latest: Latest, target: Path, result: Built) -> dict[str, Any]:
    """Write what the pages show of a dataset; gives its line of catalogue.json."""
    made_of = _made_of(folder, latest)
    manifest = describe.read_version(folder, latest)
    rows = read_rows(folder, manifest)
    live = describe.live(folder, latest)
    browse, packs = _browse(rows, manifest, target, result)
    documents = {
        "facts": describe.facts(folder, manifest, rows),
        "reference": describe.reference(folder, manifest),
        "history": describe.history(folder, live, rows),
        "figures": cards.figures(rows),
        "browse": browse,
        "fold": terms.fold_table(),
    }
    files: dict[str, Any] = {"packs": packs}
    for kind, value in documents.items():
        content = compact(value)
        files[kind] = named(kind, content, "json")
        _put(target / files[kind], content, result)
    return {
        **describe.summary(manifest, latest.manifest_sha256, rows, len(live)),
        "files": files,
        "made_of": made_of,
    }


def _browse(rows: Rows, manifest: Manifest, target: Path, result: Built) -> tuple[dict[str, Any], list[str]]:
    """Write the packs; gives what the list of speeches must know to read them, and their names."""
    facets, columns = cards.facet_pack(rows)
    packs = {
        "cards": cards.card_pack(rows),
        "facets": facets,
        "terms": terms.term_pack(rows.titles),
        "keys": terms.key_pack(rows.ids, rows.urls),
        "clusters": cards.cluster_pack(rows),
    }
    for p in packs.values():
        _put(target / p.name, p.data, result)
    document = {
        "rows": len(rows),
        "version": manifest.version,
        "each": {"cards": cards.CARDS, "clusters": cards.CLUSTERS},
        "years": cards.years(rows),
        "facets": columns,
        "packs": {name: p.index() for name, p in packs.items()},
        "parts": {
            name: [[p.file, p.bytes] for p in manifest.tables[name].parts]
            for name in ("speeches", "provenance")
            if name in manifest.tables
        },
    }
    return document, [p.name for p in packs.values()]


def _named(files: dict[str, Any]) -> list[str]:
    return [n for v in files.values() for n in (v if isinstance(v, list) else [v])]


def _put(path: Path, content: bytes, result: Built, mutable: bool = False) -> None:
    """Write a file unless it is there: a content-addressed one by its size, another by its bytes."""
    with contextlib.suppress(OSError):
        if path.stat().st_size == len(content) and (not mutable or path.read_bytes() == content):
            return
    write_bytes(path, content)
    result.written += 1
    result.written_bytes += len(content)


def static_files() -> dict[str, bytes]:
    """The scripts, styles and pages of the program, by path."""
    found: dict[str, bytes] = {}

    def walk(folder: Any, path: str) -> None:
        for item in folder.iterdir():
            if item.is_dir():
                walk(item, f"{path}{item.name}/")
            elif item.name.rpartition(".")[2] in STATIC or "." not in item.name:
                found[f"{path}{item.name}"] = item.read_bytes()

    walk(resources.files("catalogue") / "static", "")
    return dict(sorted(found.items()))


def _plain(folder: Path, data: str, line: Mapping[str, Any]) -> str:
    """A dataset for who has no scripts: what it is, and links to the documents of its version. folder: of the dataset; data: as in `build`."""
    version = line["version"]
    there = [n for n in PLAIN if (folder / "versions" / version / n).is_file()]
    at = f"{data}{line['dataset']}/versions/{version}/"
    links = " ".join(f'<a href="{escape(at + name)}">{escape(name)}</a>' for name in there)
    told = f"{version} · {line['rows']:,} speeches 篇讲话 · {line['bytes'] / 1e6:,.1f} MB"
    return f'<section class="card"><h2>{escape(line["title"])}</h2><p class="soft">{told}</p><p class="links">{links}</p></section>\n'


def _install(out: Path, result: Built) -> tuple[str, str]:
    """Write the program's own files; gives the name of their folder, and index.html as it comes with the program."""
    files = static_files()
    page = files.pop("index.html")
    digest = hashlib.sha256()
    for path, content in files.items():
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    app = f"app-{digest.hexdigest()[:12]}"
    for path, content in files.items():
        _put(out / OWN / app / path, content, result, mutable=True)
    return app, page.decode()


def _sweep(folder: Path, app: str, listed: dict[str, dict[str, Any]], result: Built) -> None:
    """Remove what nothing names any more."""
    named_now = {f"data/{name}/{n}" for name, d in listed.items() for n in _named(d["files"])}
    for path in sorted(folder.rglob("*"), reverse=True):
        relative = path.relative_to(folder).as_posix()
        if path.is_dir():
            with contextlib.suppress(OSError):
                path.rmdir()  # only where it is empty
        elif relative != DOCUMENT and relative not in named_now and relative.split("/")[0] != app:
            path.unlink(missing_ok=True)
            result.removed += 1
    fsync_folder(folder)
