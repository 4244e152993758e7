"""`jianghua takedown`: what was asked to be taken down, and carrying it out."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from crawler.console import HomeOption, JsonOption, err, home_of, show
from crawler.errors import UsageError
from crawler.home import Home
from crawler.takedowns import add_takedown, lift_takedown, load_takedowns, require_new
from crawler.wording import counted
from publisher.settings import publish_settings
from publisher.takedown_work import Done, carry_out, look_up, probe, speeches_now

app = typer.Typer(help="Take speeches down: add, list, lift and carry out.", invoke_without_command=True)

DatasetOption = Annotated[str, typer.Option("--dataset", help="Which dataset.")]
WaitOption = Annotated[float, typer.Option("--wait", help="Seconds to wait for a publish to end.")]
RemotesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--to", metavar="URL", help="Also in this copy of the datasets (s3://…; repeatable), with --everywhere."
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only tell what would happen.")]


@app.callback()
def _takedown(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_takedowns(home=home, as_json=as_json)


def _remotes(home: Home, to: list[str] | None) -> list[str]:
    return list(dict.fromkeys([*publish_settings(home).remotes, *(to or ())]))


def _told(done: Done, renewed: bool) -> dict[str, Any]:
    r = done.reissued
    return {
        "versions": [v.model_dump(mode="json") for v in r.versions] if r else [],
        "latest": r.latest if r else None,
        "parts_removed": len(r.dropped) if r else 0,
        "erased": [asdict(e) for e in done.erased],
        "mirrors_removed": done.mirrors,
        "remotes": done.remotes,
        "catalogue_renewed": renewed,
    }


def _renew_catalogue(home: Home) -> bool:
    """Make the catalogue of the datasets anew, which holds titles, where there is one; whether something of it had to be."""
    document = home.datasets / "catalogue" / "catalogue.json"
    if not document.exists():
        return False
    from catalogue.build import build

    data = None
    with suppress(OSError, ValueError, KeyError, TypeError):
        data = str(json.loads(document.read_bytes())["data"])
    return bool(build(home.datasets, data=data).made)


def _lines(done: Done, dry_run: bool, renewed: bool) -> list[Text]:
    would = "would be " if dry_run else ""
    lines = []
    if done.reissued is not None:
        for v in done.reissued.versions:
            what = f"without {counted(v.speeches, 'speech')}" if v.speeches else "without its titles"
            lines.append(Text(f"{v.old} {would}re-issued as {v.new}: {what}"))
        if not done.reissued.versions:
            lines.append(Text("no kept version holds it"))
    for e in done.erased:
        lines.append(Text(f"{e.site}: {counted(e.records, 'archived response')} {would}erased, {counted(e.pages, 'page')}, {counted(e.speeches, 'speech')} of the records"))  # fmt: skip
    if done.mirrors:
        lines.append(Text(f"{counted(len(done.mirrors), 'local mirror')} {would}removed"))
    if renewed:
        lines.append(Text("the catalogue is made anew"))
    for where, names in done.remotes.items():
        lines.append(Text(f"{where}: {', '.join(names) or 'no version'} {would}replaced"))
    return lines


@app.command("add")
def add(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="URL|SPEECH_ID", help="Address of the page, or speech_id; not with --text-like.", show_default=False
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", help="Why; it is published with the versions that it concerns.")
    ] = "",
    text_like: Annotated[
        Path | None,
        typer.Option(
            "--text-like", metavar="FILE", help="Every speech like the text of this file, wherever it stands."
        ),
    ] = None,
    copies: Annotated[
        bool, typer.Option("--copies", help="Also the copies of it at other addresses, now and later.")
    ] = False,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Also re-issue the published versions that hold it, without it.")
    ] = False,
    archive: Annotated[
        bool,
        typer.Option("--archive", help="Also erase its pages from archive and records, and never fetch them again."),
    ] = False,
    by: Annotated[
        str | None, typer.Option("--by", help="Who asked, or who decided; it stays in the list alone.")
    ] = None,
    to: RemotesOption = None,
    dry_run: DryRunOption = False,
    dataset: DatasetOption = "speeches",
    wait: WaitOption = 60.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a page, a speech, or a text down. It is left out from the next version on, however often it is crawled again.

    The entry stands in takedowns/takedowns.yaml of the home, without the text.
    """
    at = home_of(home)
    if not reason.strip():
        raise UsageError("a takedown needs a reason", remedy="add --reason TEXT")
    if (target is None) == (text_like is None):
        raise UsageError("say what is to be taken down: URL, SPEECH_ID, or --text-like FILE", remedy="give one of them")
    text = None
    if text_like is not None:
        try:
            text = text_like.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as e:
            what = (e.strerror or str(e)) if isinstance(e, OSError) else "it is not UTF-8"
            raise UsageError(
                f"cannot read the text: {what}", where=str(text_like), remedy="give a UTF-8 file"
            ) from None
    with err.status("looking it up") as status:
        found = look_up(
            at, target, text, reason=reason, by=by, copies=copies, everywhere=everywhere, archive=archive, dataset=dataset
        )  # fmt: skip
        if dry_run:
            require_new(load_takedowns(at), found.entry)
            entry = probe({k: v for k, v in found.entry.items() if k not in ("reason", "date")}, reason)
        else:
            entry = add_takedown(at, found.entry)
        done = carry_out(
            at,
            [entry],
            dataset=dataset,
            remotes=_remotes(at, to),
            dry_run=dry_run,
            wait=wait,
            progress=lambda n: status.update(n),
        )
        renewed = everywhere and not dry_run and _renew_catalogue(at)
    value = {
        "id": None if dry_run else entry.id,
        "where": None if dry_run else entry.where,
        "dry_run": dry_run,
        "subject": entry.subject,
        "speeches": found.speeches,
        "copies_left": found.copies_left,
        "pages": [p.model_dump(mode="json") for p in entry.entry.pages],
        **_told(done, renewed),
    }

    def human() -> RenderableType:
        lines = [Text(f"{entry.where}: {entry.id}" if not dry_run else "dry run: nothing is written", style="bold")]
        lines += [Text(f"{s['speech_id']} {s['title']} ({s['page_url']})") for s in found.speeches[:20]]
        if len(found.speeches) > 20:
            lines.append(Text(f"… and {len(found.speeches) - 20} more"))
        if not found.speeches:
            lines.append(Text("nothing here is it now; it is left out when it comes", style="yellow"))
        lines += _lines(done, dry_run, renewed)
        if left := found.copies_left:
            which = ", ".join(left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
            lines.append(
                Text(
                    f"{counted(len(left), 'copy')} at other addresses {'stays' if len(left) == 1 else 'stay'} ({which}); --copies takes them, too",
                    style="yellow",
                )
            )
        if not everywhere:
            lines.append(
                Text("it is left out from the next `jianghua publish` on; published versions keep it (--everywhere)")
            )
        return Group(*lines)

    show(value, human, as_json)


@app.command("list")
def list_takedowns(
    every: Annotated[bool, typer.Option("--all", help="Also those that were lifted.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what is taken down, why, and how many speeches of the records each entry takes now."""
    at = home_of(home)
    entries = load_takedowns(at, lifted=every)
    with err.status("looking at the records"):
        counts = speeches_now(at, [t for t in entries if t.active])
    rows = [
        {
            "where": t.where,
            "subject": t.subject,
            "speeches": counts.get(t.id, 0),
            **t.entry.model_dump(mode="json", exclude_none=True, exclude={"texts"}),
            "texts": len(t.entry.texts),
        }
        for t in entries
    ]

    def human() -> RenderableType:
        if not rows:
            return Text(f"nothing is taken down; entries stand in {at.takedowns}/*.yaml (docs/takedown.md)")
        table = Table("id", "what", "reason", "reach", "takes now", box=None)
        for t in entries:
            e = t.entry
            reach = [w for w, on in (("copies", t.by_text), ("everywhere", e.everywhere), ("archive", e.archive)) if on]
            state = f"lifted {e.lifted}" if e.lifted else str(counts.get(t.id, 0))
            table.add_row(t.id, Text(t.subject), Text(e.reason), " ".join(reach), state)
        return table

    show(rows, human, as_json)


@app.command("lift")
def lift(
    id: Annotated[str, typer.Argument(metavar="ID", help="The entry, as `jianghua takedown list` shows it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lift a takedown: what it is for comes back with the next version, if the records still have it.

    What was erased from the archive comes back only when it is crawled again.
    """
    if not reason.strip():
        raise UsageError("lifting a takedown needs a reason", remedy="add --reason TEXT")
    lifted = lift_takedown(home_of(home), id, reason, datetime.now(UTC).date())
    show(
        {"id": lifted.id, "where": lifted.where, "subject": lifted.subject, "lifted": str(lifted.entry.lifted)},
        lambda: Text(f"{lifted.where}: {lifted.id} is lifted; {lifted.subject} may come back with the next publish"),
        as_json,
    )


@app.command("apply")
def apply(
    to: RemotesOption = None,
    dry_run: DryRunOption = False,
    dataset: DatasetOption = "speeches",
    wait: WaitOption = 60.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Carry out what the list asks for and is not done yet: re-issue versions, erase pages. Again after a kill or an error."""
    at = home_of(home)
    with err.status("looking at the versions") as status:
        entries = load_takedowns(at)
        done = carry_out(
            at,
            entries,
            dataset=dataset,
            remotes=_remotes(at, to),
            dry_run=dry_run,
            wait=wait,
            progress=lambda n: status.update(n),
        )
        renewed = not dry_run and any(t.entry.everywhere for t in entries) and _renew_catalogue(at)
    show({"dry_run": dry_run, **_told(done, renewed)}, lambda: Group(*(_lines(done, dry_run, renewed) or [Text("nothing is to be done")])), as_json)  # fmt: skip
