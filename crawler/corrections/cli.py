"""The command `corrections`: list, check, add."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from crawler.console import HomeOption, JsonOption, err, home_of, show
from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.wording import counted

app = typer.Typer(help="What people put right: list, check and add corrections.", invoke_without_command=True)

DEFAULT_FILE = "corrections"


@app.callback()
def _corrections(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_corrections(home, as_json)


def _states(home: Home) -> list[dict[str, Any]]:
    """Every correction of a home with what it does to the records: `problem` is None where it does something."""
    from crawler.corrections.entries import load_corrections
    from crawler.corrections.match import correct

    corrections = load_corrections(home)
    with err.status("reading the records"):
        made = correct(_speeches(home), corrections) if corrections else None
    idle = {id(c): why for c, why in made.idle} if made else {}
    return [
        {
            "where": c.where,
            "speech_id": c.speech_id,
            "text_sha256": c.text_sha256,
            "field": c.field,
            "value": c.value,
            "find": c.find,
            "replace": c.replace,
            "drop": c.drop,
            "reason": c.reason,
            "by": c.by,
            "date": c.date,
            "what": c.what,
            "subject": c.subject,
            "problem": idle.get(id(c)),
        }
        for c in corrections
    ]


def _speeches(home: Home) -> Any:
    """The speeches of all sites as they were read."""
    import pyarrow as pa

    from crawler.records import SPEECH_SCHEMA
    from crawler.shards import extracted_sites, read_records

    tables = [read_records(home, site, "speeches") for site in extracted_sites(home)]
    return pa.concat_tables([SPEECH_SCHEMA.empty_table(), *tables])


@app.command("list")
def list_corrections(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the corrections of the home, and what each does now."""
    rows = _states(home_of(home))

    def human() -> RenderableType:
        if not rows:
            return Text(f"no corrections; they stand in {home_of(home).own_corrections}/*.yaml (docs/correcting.md)")
        table = Table("where", "speech", "what", "reason", "", box=None)
        for r in rows:
            state = Text(r["problem"], style="yellow") if r["problem"] else Text("applied", style="green")
            table.add_row(Text(r["where"]), Text(r["subject"]), Text(r["what"]), Text(r["reason"]), state)
        return table

    show([{k: v for k, v in r.items() if k not in ("what", "subject")} for r in rows], human, as_json)


@app.command("check")
def check_corrections(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check the correction files against the records: mistakes in them, and entries that do not match any more.

    Each is told with file and line. Exit code 1 when there is one.
    """
    from crawler.corrections.entries import correction_files, read_file

    where = home_of(home)
    problems: list[dict[str, str | None]] = []
    count = 0
    for path in correction_files(where):
        try:
            count += len(read_file(where, path))
        except JianghuaError as e:
            problems.append({"where": e.where, "problem": e.what, "remedy": e.remedy})
    if not problems:
        try:
            problems = [
                {
                    "where": r["where"],
                    "problem": f"{r['subject']}: {r['problem']}",
                    "remedy": "mend or remove the entry",
                }
                for r in _states(where)
                if r["problem"]
            ]
        except JianghuaError as e:  # two entries that contradict each other
            problems = [{"where": e.where, "problem": e.what, "remedy": e.remedy}]

    def human() -> RenderableType:
        if not problems:
            return Text(f"{counted(count, 'correction')}: each does what it says", style="green")
        return Group(*(Text(f"{p['where']}: {p['problem']}\n  do: {p['remedy']}", style="red") for p in problems))

    show({"corrections": count, "problems": problems}, human, as_json)
    if problems:
        raise typer.Exit(1)


@app.command("add")
def add_correction(
    speech_id: Annotated[str, typer.Argument(metavar="SPEECH_ID", help="The speech, as in the dataset.")],
    field: Annotated[str | None, typer.Argument(metavar="FIELD", help="The column to put right.")] = None,
    value: Annotated[
        str | None,
        typer.Argument(metavar="VALUE", help="Its value: text as it is, others as in YAML (12, true, null, [甲, 乙])."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="What was wrong, and how one knows.")] = "",
    find: Annotated[
        str | None, typer.Option("--find", metavar="TEXT", help="Of the field text: the passage that VALUE replaces.")
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="It is no speech: leave it out.")] = False,
    by: Annotated[str | None, typer.Option("--by", help="Who says so.")] = None,
    only_this_text: Annotated[
        bool, typer.Option("--only-this-text", help="Only as long as the speech is read with the text that it has now.")
    ] = False,
    file: Annotated[
        str, typer.Option("--file", metavar="NAME", help="Name of the correction file, without .yaml.")
    ] = DEFAULT_FILE,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a correction to a file of the home; what stands there stays as it is. It holds from the next publish on."""
    import pyarrow.compute as pc
    import yaml

    from crawler.corrections.apply import apply
    from crawler.corrections.entries import CORRECTABLE, Correction, add_entry

    where = home_of(home)
    if not reason.strip():
        raise UsageError("a correction needs a reason", remedy="add --reason TEXT: what was wrong, and how one knows")
    if drop == (field is not None):
        raise UsageError(
            "say what is wrong: FIELD and VALUE, or --drop", remedy="see `jianghua corrections add --help`"
        )
    if field is not None and value is None:
        raise UsageError(f"what is {field} to be?", remedy="give a VALUE; null where the column is to be empty")
    if not file or "/" in file or file.startswith("."):
        raise UsageError(f"'{file}' is no name of a file", remedy="give a bare name, like --file names")
    speeches = _speeches(where)
    found = speeches.filter(pc.equal(speeches["speech_id"], speech_id)).to_pylist()
    if not found:
        raise UsageError(
            f"no speech has the id '{speech_id}'",
            where=str(where.var / "records"),
            remedy="copy it from the column speech_id of the dataset",
        )
    entry: dict[str, Any] = {"speech_id": speech_id}
    if only_this_text:
        entry["text_sha256"] = found[0]["text_sha256"]
    if drop:
        entry["drop"] = True
    elif find is not None:
        entry |= {"field": field, "find": find, "replace": value}
    else:
        column = CORRECTABLE.get(field or "")
        plain = column is None or (str(column.type) in ("string", "large_string") and value != "null")
        try:
            entry |= {"field": field, "value": value if plain else yaml.safe_load(str(value))}
        except (yaml.YAMLError, ValueError):  # ValueError: 2023-13-04
            raise UsageError(
                f"'{value}' is no value for {field}", remedy="write it as in YAML: 12, true, [甲, 乙]"
            ) from None
    entry["reason"] = reason.strip()
    if by:
        entry["by"] = by
    entry["date"] = datetime.now(UTC).date()

    def useful(new: Correction) -> None:
        """A correction that does nothing is a slip of whoever adds it."""
        if problem := next((e.problem for e in apply(found[0], [new])[1] if e.problem), None):
            raise UsageError(f"this correction does nothing: {problem}", remedy="look at the speech as it is published")

    made = add_entry(where, where.own_corrections / f"{file}.yaml", entry, useful)
    show(
        {"where": made.where, "speech_id": speech_id, "what": made.what},
        lambda: Text(f"{made.where}: {made.what}; it holds from the next `jianghua publish` on"),
        as_json,
    )
