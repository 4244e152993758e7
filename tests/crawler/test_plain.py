"""What pages say steers no terminal, wherever it is printed or logged."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from crawler import logs
from crawler.console import Plain, run_app, show
from crawler.errors import JianghuaError
from crawler.home import Home
from crawler.plain import escaped, plain, plain_value
from schedules.jobs import Plan, run_plan

HOSTILE = "讲话\x1b]0;title\x07\x1b[2J\x9b31m\u202egnp.exe\u2066\ud800 end"
SAFE = "讲话\ufffd]0;title\ufffd\ufffd[2J\ufffd31m\ufffdgnp.exe\ufffd\ufffd end"


def test_signs_that_steer_are_shown_as_what_they_are() -> None:
    assert plain(HOSTILE) == SAFE
    assert plain("a\tb\nc, 各位同志\u200f\u3000") == "a\tb\nc, 各位同志\u200f\u3000"
    assert plain_value({HOSTILE: [HOSTILE, 1, None, (True,)]}) == {SAFE: [SAFE, 1, None, [True]]}


@given(
    st.recursive(st.text(st.characters(exclude_categories=())), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_an_escaped_json_text_is_the_same_value_and_can_be_encoded(value: object) -> None:
    text = escaped(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert plain(text) == text
    text.encode()


def test_a_console_obeys_only_itself() -> None:
    out = io.StringIO()
    console = Plain(file=out, force_terminal=True, width=200, highlight=False, markup=False)
    table = Table("head")
    table.add_row(Text(HOSTILE, style="red"))
    console.print(table, HOSTILE, Text(HOSTILE, style="bold"))
    found = out.getvalue()
    assert "\x1b[31m" in found  # its own
    for sign in ("\x1b]0", "\x1b[2J", "\x9b", "\x07", "\u202e", "\ud800"):
        assert sign not in found
    assert "]0;title" in found


def test_results_as_json_can_always_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show({"title": HOSTILE}, lambda: "", True)
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"title": HOSTILE}
    assert plain(printed) == printed


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk", "utf-8"])
def test_what_a_terminal_has_no_sign_for_ends_no_command(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"title": "讲话 → 😀"}
    pipes = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", pipes[0])
    monkeypatch.setattr(sys, "stderr", pipes[1])
    app = typer.Typer()

    @app.command()
    def tell(as_json: bool = False) -> None:
        show(said, lambda: said["title"], as_json)
        if not as_json:
            raise JianghuaError(said["title"])

    for arguments, code in (["--as-json"], 0), ([], 1):
        monkeypatch.setattr(sys, "argv", ["tell", *arguments])
        with pytest.raises(SystemExit) as ended:
            run_app(app)
        assert (ended.value.code or 0) == code
    pipes[1].flush()
    out, err = (p.buffer.getvalue().decode(encoding) for p in pipes)
    value, end = json.JSONDecoder().raw_decode(out)
    assert value == said
    shown = said["title"].encode(encoding, "backslashreplace").decode(encoding)
    assert out[end:].strip() == shown
    assert shown in err


@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_of_the_log_are_plain(form: logs.Format) -> None:
    formatter = logs.JsonFormatter() if form == "json" else logs.TextFormatter()
    record = logging.LogRecord("jianghua", logging.WARNING, "x.py", 1, "site muduo failed: %s", (HOSTILE,), None)
    line = formatter.format(record)
    assert plain(line) == line
    line.encode()
    assert io.StringIO(line).readlines() == [line]


def test_what_a_step_printed_is_kept_plain(tmp_path: Path) -> None:
    printed = json.dumps({"sites": [{"said": HOSTILE}]})  # its escapes are what no later page could be made of
    code = f"import sys; print({printed!r}); sys.stderr.write('\\x1b[31mred'); sys.exit(1)"
    outcome = run_plan(
        Plan(("muduo",), ("crawl",)),
        Home.find(tmp_path),
        "1",
        stop=threading.Event(),
        build=lambda step, plan, home: [sys.executable, "-c", code],
    )
    assert outcome.counts["crawl"]["report"] == {"sites": [{"said": SAFE}]}
    assert outcome.why == "crawl: \ufffd[31mred"
