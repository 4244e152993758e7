"""Commands of the publish stage: publish, versions, verify, changes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from crawler.console import HomeOption, JsonOption, err, home_of, show
from crawler.errors import UsageError
from publisher.compare import diff
from publisher.release import dataset_folder
from publisher.release import publish as publish_dataset
from publisher.tables import TABLES
from publisher.verify import verify as verify_dataset
from publisher.versions import read_latest, read_manifest, version_names

app = typer.Typer(no_args_is_help=True, help="Publish versions of a dataset and look at them.")

DatasetOption = Annotated[str, typer.Option("--dataset", help="Which dataset.")]


@app.command()
def publish(
    dataset: Annotated[str, typer.Argument(help="Which dataset.")] = "speeches",
    home: HomeOption = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="GATE", help="Publish although this gate fails (repeatable)."),
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it is kept in the manifest.")] = None,
    wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for another publish to end.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Publish the next version from the records of every site. Nothing changed: no new version, and exit code 0."""
    if accept and not (reason and reason.strip()):
        raise UsageError("--accept needs a reason", remedy="add --reason TEXT; it is kept in the manifest")
    result = publish_dataset(home_of(home), dataset, accept=dict.fromkeys(accept or [], reason or ""), wait=wait)

    def human() -> RenderableType:
        text = Text(result.reason, style="bold" if result.version else "")
        for g in result.gates:
            if g.result == "pass" and g.name == "corrections":
                text.append(f"\n{g.what}", style="none")
            elif g.result != "pass":
                remark = f"\n{g.result}: {g.name}: {g.what}" + (f" (accepted: {g.accepted})" if g.accepted else "")
                text.append(remark, style="yellow")
        if result.version:
            text.append(f"\n{dataset_folder(home_of(home), dataset) / 'versions' / result.version}", style="none")
        return text

    show(asdict(result) | {"gates": [g.model_dump(mode="json") for g in result.gates]}, human, as_json)


@app.command()
def versions(home: HomeOption = None, dataset: DatasetOption = "speeches", as_json: JsonOption = False) -> None:
    """List the versions of a dataset, latest last."""
    folder = dataset_folder(home_of(home), dataset)
    latest = read_latest(folder)
    found: list[dict[str, Any]] = []
    for name in version_names(folder):
        m, _ = read_manifest(folder, name)
        if latest and m.sequence <= latest.sequence:
            entry = m.tables["speeches"]
            found.append(
                {
                    "version": m.version,
                    "sequence": m.sequence,
                    "published_at": m.model_dump(mode="json")["published_at"],
                    "rows": entry.rows,
                    "added": entry.added,
                    "changed": entry.changed,
                    "removed": entry.removed,
                    "bytes": sum(p.bytes for t in m.tables.values() for p in t.parts),
                    "latest": m.version == latest.version,
                    "remarks": [f"{g.name}: {g.what}" for g in m.gates if g.result != "pass"],
                }
            )

    def human() -> RenderableType:
        if not found:
            return Text("no version yet; `jianghua publish speeches` makes the first one")
        table = Table("version", "published (UTC)", box=None)
        for column in ("speeches", "added", "changed", "removed", "size"):
            table.add_column(column, justify="right")
        table.add_column("")
        for v in found:
            table.add_row(
                v["version"],
                v["published_at"][:16].replace("T", " "),
                *(str(v[c]) for c in ("rows", "added", "changed", "removed")),
                size(v["bytes"]),
                "latest" if v["latest"] else "",
            )
        return table

    show(sorted(found, key=lambda v: int(v["sequence"])), human, as_json)


@app.command()
def verify(
    version: Annotated[str | None, typer.Argument(help="Version or `latest` (default: all).")] = None,
    home: HomeOption = None,
    dataset: DatasetOption = "speeches",
    quick: Annotated[
        bool, typer.Option("--quick", help="Only manifests, and that every file is there with its size.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Re-read every file of a version, or of all, and name the first thing that is not as it was written."""
    folder = dataset_folder(home_of(home), dataset)
    with err.status("verifying") as status:
        report = verify_dataset(folder, version, lambda what: status.update(f"verifying {what}"), quick=quick)
    rate = round(report.bytes / report.seconds) if report.seconds and not quick else None
    read = (
        f"{size(report.bytes)}, {report.rows} rows: all as written" if not quick else f"{size(report.bytes)} in place"
    )
    text = f"{', '.join(report.versions[-3:])}: {report.files} files, {read}" + (f" ({size(rate)}/s)" if rate else "")
    if len(report.versions) > 3:
        text = f"{len(report.versions)} versions up to {text}"
    show(asdict(report) | {"bytes_per_second": rate}, lambda: Text(text), as_json)


@app.command()
def changes(
    a: Annotated[str, typer.Argument(help="Version to start from.")],
    b: Annotated[str, typer.Argument(help="Version to end with.")] = "latest",
    home: HomeOption = None,
    dataset: DatasetOption = "speeches",
    limit: Annotated[int, typer.Option("--limit", help="How many changed rows to show (0: all).")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show what changed from one version to another."""
    found = diff(dataset_folder(home_of(home), dataset), a, b)
    rows = [r for r in found.rows.to_pylist() if r["table"] == "speeches"]

    def human() -> RenderableType:
        counts = Table(
            "table", box=None, title=f"{found.summary['parent']} → {found.summary['version']}", title_justify="left"
        )
        for op in ("added", "changed", "removed"):
            counts.add_column(op, justify="right")
        for name in TABLES:
            counts.add_row(name, *(str(found.summary["tables"][name][op]) for op in ("added", "changed", "removed")))
        listed = Table("speech", "what", "columns", "revision", box=None)
        for r in rows[: limit or None]:
            listed.add_row(Text(r["id"]), r["op"], ", ".join(r["columns"]), str(r["revision"]))
        parts: list[RenderableType] = [counts, Text(""), listed] if rows else [counts]
        if limit and len(rows) > limit:
            parts.append(Text(f"… and {len(rows) - limit} more; --limit 0 shows all, --json for machines"))
        return Group(*parts)

    show({**found.summary, "rows": found.rows.to_pylist()}, human, as_json)


def size(n: int) -> str:
    """A number of bytes for people, e.g. 1.4 MB."""
    value = float(n)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
