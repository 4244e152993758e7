"""Commands of the publish stage: publish, versions, verify, changes."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from crawler.console import HomeOption, JsonOption, err, home_of, show
from crawler.durable import cannot_read, writing
from crawler.errors import UsageError
from crawler.loading import loading
from crawler.wording import counted
from publisher.fencing import Fence
from publisher.gates import RefusedError, WaitingError, Warnings
from publisher.gone import gone_versions
from publisher.places import dataset_folder
from publisher.storage import encode
from publisher.versions import live_versions, read_latest, read_manifest, version_names

# The libraries that a version is made with are loaded by the commands that make or compare one: `versions` is there at once.
if TYPE_CHECKING:
    from publisher.release import Commit, PublishResult

app = typer.Typer(no_args_is_help=True, help="Publish versions of a dataset and look at them.")

DatasetOption = Annotated[str, typer.Option("--dataset", help="Which dataset.")]


@app.command()
def publish(
    ctx: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Which dataset.")] = "speeches",
    home: HomeOption = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="GATE", help="Publish although this gate fails (repeatable)."),
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it is kept in the manifest.")] = None,
    warnings: Annotated[
        str,
        typer.Option("--warnings", metavar="publish|wait", help="What happens to a version with warnings."),
    ] = "publish",
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="REASON", help="Publish with its warnings; the manifest keeps the reason."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="URL", help="Publish to object storage (s3://BUCKET/PREFIX …) instead of datasets/."
        ),
    ] = None,
    wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for another publish to end.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Publish the next version from the records of every site. Nothing changed: no new version, and exit code 0."""
    if accept and not (reason and reason.strip()):
        raise UsageError("--accept needs a reason", remedy="add --reason TEXT; it is kept in the manifest")
    with loading():
        from publisher.release import publish as publish_dataset

    if warnings not in get_args(Warnings):
        raise UsageError(f"--warnings cannot be '{warnings}'", remedy=f"use {' or '.join(get_args(Warnings))}")
    if confirm is not None and not confirm.strip():
        raise UsageError("--confirm needs a reason", remedy="write --confirm REASON; it is kept in the manifest")
    people: dict[str, Any] = {"warnings": warnings} if warnings != "publish" else {}
    people |= {"confirm": confirm} if confirm else {}
    accepted = dict.fromkeys(accept or [], reason or "")
    fence: Fence = (ctx.obj or {}).get("fence", nullcontext)  # of the run that this publish is a step of
    try:
        if to is None:
            with err.status("publishing") as status:

                def progress(step: str, done: int, of: int) -> None:
                    status.update(f"publishing: {step}" + (f", {done} of {of}" if of > 1 else ""))

                result = publish_dataset(
                    home_of(home), dataset, accept=accepted, wait=wait, fence=fence, progress=progress, **people
                )
        else:
            from publisher.upload import publish_to  # brings the client of object storage

            def into(folder: Path, commit: Commit, taken: frozenset[str]) -> PublishResult:
                more = {"folder": folder, "commit": commit, **({"taken": taken} if taken else {}), **people}
                return publish_dataset(home_of(home), dataset, accept=accepted, wait=wait, **more)

            mirrors = home_of(home).var / "publish" / "mirror"
            with err.status("publishing") as status:
                result = publish_to(to, mirrors, into, dataset=dataset, wait=wait, fence=fence, progress=status.update)
    except (RefusedError, WaitingError) as e:
        if as_json:  # a run's report tells which gates stood in the way
            show({"version": None, "gates": [g.model_dump(mode="json") for g in e.gates]}, Text, as_json)
        raise

    def human() -> RenderableType:
        text = Text(result.reason, style="bold" if result.version else "")
        for g in result.gates:
            if g.result == "pass" and g.name == "corrections":
                text.append(f"\n{g.what}", style="none")
            elif g.result != "pass":
                remark = f"\n{g.result}: {g.name}: {g.what}" + (f" (accepted: {g.accepted})" if g.accepted else "")
                text.append(remark, style="yellow")
        if result.version and to is None:
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

    found.sort(
        key=lambda v: int(v["sequence"])
    )  # names go by day: what was re-issued has a later one, and a clock may have been set back
    gone = gone_versions(folder)

    def human() -> RenderableType:
        if not found:
            return Text("no version yet; `jianghua publish speeches` makes the first one")
        table = Table("version", "published (UTC)", box=None)
        table.columns[0].no_wrap = True  # a name that is cut names nothing
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
        if not gone:
            return table
        lines = [
            f"{g.version} {g.state} on {g.at:%Y-%m-%d}: {g.reason}"
            + (f"; replaced by {g.replaced_by}" if g.replaced_by else "")
            for g in gone
        ]
        return Group(table, Text("\n".join(["", "no more there:", *lines])))

    show(found, human, as_json)


@app.command()
def verify(
    version: Annotated[str | None, typer.Argument(help="Version or `latest` (default: all).")] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="URL", help="Verify the copy at this address by its files' digests (s3://…, http://…)."
        ),
    ] = None,
    home: HomeOption = None,
    dataset: DatasetOption = "speeches",
    quick: Annotated[
        bool, typer.Option("--quick", help="Only manifests, and that every file is there with its size.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Re-read every file of a version, or of all, and name the first thing that is not as it was written."""
    if at is not None and quick:
        raise UsageError("--quick is for a folder", remedy="leave it out, or sync the copy into a folder first")
    with err.status("verifying") as status:

        def progress(what: str) -> None:
            status.update(f"verifying {what}")

        if at is not None:
            from publisher.chain import published_at
            from publisher.verify_remote import verify_remote

            try:
                report = verify_remote(published_at(at, dataset), version, progress)
            except OSError as e:  # a folder that may not be looked into
                raise cannot_read(e.filename or at, e) from e
        else:
            from publisher.verify import verify as verify_dataset

            report = verify_dataset(dataset_folder(home_of(home), dataset), version, progress, quick=quick)
    rate = round(report.bytes / report.seconds) if report.seconds and not quick else None
    read = (
        f"{size(report.bytes)}, {counted(report.rows, 'row')}: all as written"
        if not quick
        else f"{size(report.bytes)} in place"
    )
    named = ", ".join(report.versions)
    if len(report.versions) > 3:
        named = f"{len(report.versions)} versions up to {report.versions[-1]}"
    text = f"{named}: {counted(report.files, 'file')}, {read}" + (f" ({size(rate)}/s)" if rate else "")
    text += "".join(f"\nnot verified: {what}" for what in report.unchecked)
    show(asdict(report) | {"bytes_per_second": rate}, lambda: Text(text), as_json)


@app.command()
def changes(
    a: Annotated[str | None, typer.Argument(help="Version to start from: a name, `latest`, or a date (UTC).")] = None,
    b: Annotated[str, typer.Argument(help="Version to end with; it may be the older one.")] = "latest",
    home: HomeOption = None,
    dataset: DatasetOption = "speeches",
    since: Annotated[
        str | None, typer.Option("--since", metavar="VERSION", help="All that changed since this version or date.")
    ] = None,
    values: Annotated[bool, typer.Option("--values", help="Also old and new values of changed columns.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=0, help="How many speeches of each kind to show (0: all).")] = 20,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="FILE", help="Write all changes as changes.parquet has them.")
    ] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print a changelog in Markdown.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what changed from one version to another."""
    if (a is None) == (since is None) or (since is not None and b != "latest"):
        raise UsageError("one version to start from is needed", remedy="give it as A, or with --since, not both")
    if as_markdown and as_json:
        raise UsageError("--markdown and --json exclude each other", remedy="leave one of them out")
    from publisher import changes_shown
    from publisher.compare import differences, resolve, verified_columns

    folder = dataset_folder(home_of(home), dataset)
    with err.status("comparing"):
        pair = resolve(folder, str(a or since)), resolve(folder, b)
        read = verified_columns(folder)
        found = differences(*pair, read)
        shown = changes_shown.lines(found, pair, read, limit, values) if values or not as_json else []
        latest = read_latest(folder)
        steps = changes_shown.steps(live_versions(folder, latest), pair) if latest else []
    if parquet:
        with writing(parquet) as file:
            file.write(encode(found.rows))
    if as_markdown:
        show(None, lambda: Text(changes_shown.markdown(found, steps, shown).rstrip()), False)
        return
    old_new = {line.id: line.values for line in shown if line.values}
    result = {**found.summary, "steps": steps} | ({"values": old_new} if values else {})
    if as_json:
        result["rows"] = found.rows.to_pylist()
    show(result, lambda: changes_shown.human(found, steps, shown), as_json)


def size(n: int) -> str:
    """A number of bytes for people, e.g. 1.4 MB."""
    value = float(n)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
