"""docs/commands.md, from what the commands say of themselves: `python -m schedules.reference docs/commands.md`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from typer import _click
from typer.core import TyperGroup

from crawler.durable import write_bytes
from schedules.cli import COMMANDS, app, flowing, load_command

HEAD = """# Commands

Written by `python -m schedules.reference docs/commands.md` from what the commands say of themselves; `jianghua COMMAND --help`
says the same. Results go to standard output (with `--json` as one JSON value), progress and errors to standard error. Exit
code 0: done; 1: it failed, and the error says what to do; 2: the command was called wrongly.
"""


def all_commands() -> Iterator[tuple[tuple[str, ...], _click.Command]]:
    """Every command by its path, groups that do something by themselves included."""
    own = typer.main.get_command(app)
    assert isinstance(own, TyperGroup)
    for name, (module, _, _) in COMMANDS.items():
        yield from _walk(flowing(own.commands[name]) if not module else load_command(name), (name,))


def _walk(command: _click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], _click.Command]]:
    if not isinstance(command, TyperGroup) or command.invoke_without_command:
        yield path, command
    if isinstance(command, TyperGroup):
        for name, sub in command.commands.items():
            yield from _walk(sub, (*path, name))


def _line(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").replace("|", "\\|").strip()


def _section(path: tuple[str, ...], command: _click.Command) -> str:
    context = _click.Context(command, info_name=f"jianghua {' '.join(path)}")
    usage = " ".join(x for x in command.collect_usage_pieces(context) if x)
    out = [f"## jianghua {' '.join(path)}", "", f"    jianghua {' '.join(path)} {usage}".rstrip(), ""]
    out += [inspect.cleandoc(command.help or "").replace("\f", ""), ""]
    records = [p.get_help_record(context) for p in command.params if p.name != "help"]
    rows = [r for r in records if r is not None]
    if rows:
        out += ["| | |", "| --- | --- |"]
        out += [f"| `{_line(name)}` | {_line(told)} |" for name, told in rows]
        out.append("")
    return "\n".join(out)


def page() -> str:
    """The whole page as Markdown."""
    return HEAD + "\n" + "\n".join(_section(path, command) for path, command in all_commands())


if __name__ == "__main__":
    write_bytes(Path(sys.argv[1]), page().encode())
