"""The `jianghua` command as a person calls it: real processes, errors for people, quick help."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import itertools
import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.cells import cell_len
from typer import rich_utils
from typer.core import TyperGroup

import crawler.config
from crawler.errors import JianghuaError
from crawler.home import Home
from crawler.loading import loading
from schedules.cli import COMMANDS, app, main
from schedules.look import brief
from schedules.reference import all_commands
from schedules.settings import Settings, load_settings
from tests.chain import argv, ran

ROOT = Path(__file__).parents[2]


def jianghua(home: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    own = {**os.environ, "PYTHONPATH": str(ROOT), "JIANGHUA_HOME": str(home), "COLUMNS": "160", **env}
    return ran(argv(*args), cwd=home, env=own)


def schedule(home: Path, name: str, text: str) -> Path:
    path = home / "schedules" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def called(capsys: pytest.CaptureFixture[str], home: Path, *args: str) -> tuple[int, str, str]:
    """Call the command in this process: exit code, standard output, standard error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JIANGHUA_HOME", str(home))
        patch.setattr(sys, "argv", ["jianghua", *args])
        with pytest.raises(SystemExit) as e:
            main()
    told = capsys.readouterr()
    return int(e.value.code or 0), told.out, told.err


def test_help_and_version(tmp_path: Path) -> None:
    result = jianghua(tmp_path, "--help")
    assert result.returncode == 0
    assert all(name in result.stdout for name in COMMANDS)
    assert jianghua(tmp_path, "--version").stdout.startswith("jianghua ")
    assert jianghua(tmp_path).returncode == 2
    assert jianghua(tmp_path, "nonsense").returncode == 2


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom schedules.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('scrapy', 'pyarrow', 'trafilatura', 'sqlalchemy', 'apscheduler') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("modules", "without"),
    [
        # who hands out the work need not know how to read, and a crawl writes no tables
        ("crawler.extraction.cli", ("crawler.extraction.density", "crawler.extraction.previews", "scrapy", "fsspec")),
        ("crawler.cli, crawler.sitecrawl", ("pyarrow", "numpy", "crawler.extraction.density")),
        ("publisher.cli, publisher.release", ("sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.mssql", "scrapy")),
        ("crawler.extraction.article, crawler.extraction.worker", ("pyarrow", "sqlalchemy", "scrapy", "fsspec")),
        ("service.up, service.app", ("polars", "publisher.verify", "scrapy")),
        ("service.scheduler", ("polars", "publisher.verify", "scrapy")),
        ("publisher.verify", ("polars",)),  # a quick look at the files of a version
    ],
)
def test_a_stage_loads_only_what_it_works_with(modules: str, without: tuple[str, ...]) -> None:
    code = f"import sys, {modules}\nprint([m for m in {without} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout == "[]\n", result.stderr


def test_what_is_done_without_is_not_found_and_is_there_again_afterwards() -> None:
    code = (
        "import sys, warnings\nfrom crawler.loading import without\n"
        "with without('wave', 'warnings', 'xml.dom'):\n"
        "    import warnings, xml.sax\n"
        "    for name in ('wave', 'xml.dom'):\n"
        "        try: __import__(name)\n"
        "        except ImportError: print(name)\n"
        "import wave, xml.dom\nprint(wave.__name__, xml.dom.__name__)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout == "wave\nxml.dom\nwave xml.dom\n", result.stderr


def test_while_modules_are_loaded_nobody_looks_for_garbage() -> None:
    assert gc.isenabled()
    before, made = gc.get_freeze_count(), [[n] for n in range(1000)]
    with suppress(RuntimeError), loading():
        assert not gc.isenabled()
        with loading():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise RuntimeError
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(made)


def test_the_rules_of_rows_are_there_with_and_without_databases() -> None:
    """dataframely is loaded as if there were none; sqlalchemy can be loaded before and after."""
    for before, after in (("sqlalchemy", "math"), ("math", "sqlalchemy.dialects.mssql")):
        code = f"import {before}, publisher.rowschemas, {after}, sqlalchemy\nprint(sqlalchemy.select is not None)"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
        assert result.stdout == "True\n", result.stderr


def test_the_commands_of_the_stages_are_all_reachable() -> None:
    for name, (module, _, _) in COMMANDS.items():
        if module:
            stage = typer.main.get_command(importlib.import_module(module).app)
            if isinstance(stage, TyperGroup) and name in stage.commands:
                assert set(stage.commands) <= set(COMMANDS), module


def test_every_command_is_documented_and_explains_itself() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    for path, command in all_commands():
        assert f"## jianghua {' '.join(path)}\n" in page
        assert command.help, path


@pytest.mark.parametrize("width", [80, 120])
def test_help_fills_its_lines_whatever_the_window(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line of a description ends before the next word would not fit any more; no line is longer than the window."""
    monkeypatch.setattr(rich_utils, "MAX_WIDTH", width)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    ragged: list[tuple[str, str]] = []
    described = 0
    for path, _ in all_commands():
        context = typer.Context(group, info_name="jianghua")
        command: Any = group
        for name in path:
            _, command, _ = command.resolve_command(context, [name])
        with contextlib.redirect_stdout(io.StringIO()) as out:
            command.get_help(typer.Context(command, info_name=f"jianghua {' '.join(path)}"))
        shown = [line.rstrip() for line in out.getvalue().splitlines()]
        assert max(map(cell_len, shown)) <= width
        description = shown[: next(i for i, line in enumerate(shown) if line.startswith("╭"))]
        described += sum(bool(line) for line in description)
        for line, following in itertools.pairwise(description):
            if line and following and cell_len(f"{line} {following.split()[0]}") < width:
                ragged.append((" ".join(path), line))
    assert ragged == []
    assert described > 100


@pytest.mark.parametrize("called_so", [["extract"], ["export"], ["explain"], ["push", "hf"]])
def test_usage_has_one_pair_of_brackets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], called_so: list[str]
) -> None:
    assert "[[" not in called(capsys, tmp_path, *called_so, "--help")[1]


def test_schedules_are_listed_checked_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schedule(tmp_path, "good", "name: good\ncron: 30 3 * * *\ntime_zone: Asia/Shanghai\nsites: [wanshu]\n")
    rows = json.loads(called(capsys, tmp_path, "schedule", "list", "--json")[1])
    assert [(r["name"], r["error"], r["missed"]) for r in rows] == [("good", None, "latest")]
    times = json.loads(called(capsys, tmp_path, "schedule", "next", "good", "-n", "3", "--json")[1])["good"]
    assert [t[11:] for t in times] == ["19:30:00+00:00"] * 3
    bad = schedule(tmp_path, "bad", "name: bad\ncron: 30 3 * * *\nmised: all\n")
    for command in (["list"], ["check"], ["next"], ["check", str(bad)], ["next", "bad"], ["run", "bad"]):
        code, out, err = called(capsys, tmp_path, "schedule", *command)
        assert code == 1, command
        assert f"{bad}:3" in err
        if command == ["list"]:
            assert "broken" in out
            assert "03:30" in out
    assert not (tmp_path / "var").exists()  # looking makes nothing


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run", "nowhere"], "unknown site 'nowhere'"),
        (["run", "hualong"], "start URL is still to be filled in"),
        (["run", "--at", "http://127.0.0.1:1"], "needs exactly one site"),
        (["run", "wengao", "--at", "hualong=http://127.0.0.1:1"], "not among the sites"),
        (["run", "wanshu", "--steps", "crawl,pray"], "unknown step 'pray'"),
        (["run", "wanshu", "--refetch", "often"], "use due, all or none"),
        (["run", "--schedule", "nothing"], "unknown schedule"),
        (["schedule", "run", "nothing"], "unknown schedule"),
        (["runs", "show", "9"], "unknown run 9"),
        (["runs", "--state", "tired"], "unknown state"),
    ],
)
def test_wrong_calls_are_told_and_run_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], said: str
) -> None:
    code, _, err = called(capsys, tmp_path, *args)
    assert code == 2
    assert said in " ".join(err.split())
    assert not (tmp_path / "var").exists()


def test_a_file_in_the_place_of_the_home_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file := tmp_path / "notes.txt").write_text("x")
    for args in (["runs"], ["versions"], ["publish"], ["health"], ["sites"], ["demo", "--home", str(file)]):
        code, _, err = called(capsys, file, *args)
        assert code == 2, args
        assert "the home is no folder" in err


def test_bad_settings_are_told(tmp_path: Path) -> None:
    assert jianghua(tmp_path, "runs", JIANGHUA_HEARTBEAT="often").returncode == 1
    (tmp_path / "jianghua.toml").write_text("heartbeat = \n")
    result = jianghua(tmp_path, "runs")
    assert result.returncode == 1
    assert "jianghua.toml" in result.stderr
    (tmp_path / "jianghua.toml").unlink()
    (tmp_path / "jianghua.toml").mkdir()
    result = jianghua(tmp_path, "runs")
    assert result.returncode == 1
    assert "Is a directory" in result.stderr
    (tmp_path / "jianghua.toml").rmdir()
    (tmp_path / "jianghua.toml").write_text(f'state = "sqlite:///{tmp_path}/elsewhere.db"\n')
    assert jianghua(tmp_path, "runs").returncode == 0
    assert (tmp_path / "elsewhere.db").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hartbeat = 3", "did you mean heartbeat?"),
        ("[alarm]\nlog = true", "did you mean [alarms]?"),
        ("nonsense = 1", "use one of: [alarms], contact,"),
        ("heartbeat = inf", "must be 604800 or less"),
        ("lease = 1e300", "must be 604800 or less"),
        ("lease = 'long'", "setting 'lease': must be a number"),
    ],
    ids=range(6),
)
def test_settings_that_nobody_reads_or_can_follow_are_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "jianghua.toml").write_text(text)
    with pytest.raises(JianghuaError) as e:
        load_settings(Home.find(tmp_path))
    assert said in str(e.value)
    assert "jianghua.toml" in str(e.value)


def test_the_settings_that_are_known_are_those_that_are_read() -> None:
    assert set(crawler.config.OF_SCHEDULES) == set(Settings.model_fields)
    sources = "".join(p.read_text() for p in ROOT.glob("[!.]*/*.py"))
    read = set(re.findall(r'load_section\(home, "(\w+)"', sources)) | set(
        re.findall(r'toml_table_header=\("(\w+)"', sources)
    )
    assert set(crawler.config.SECTIONS) == read


def test_a_list_of_runs_shows_what_was_wrong_and_not_all_that_is_told_of_it() -> None:
    assert brief("publish: not published: no speech; where: /a/b; do: look") == "publish: not published: no speech"
    assert brief("interrupted; the same command goes on") == "interrupted; the same command goes on"
    assert brief("x" * 500) == "x" * 119 + "…"


def test_a_run_by_hand_is_recorded_and_its_failure_told(tmp_path: Path) -> None:
    """extract without anything crawled: a real step that fails with an error for people."""
    result = jianghua(tmp_path, "run", "wanshu", "--steps", "extract", "--json")
    assert result.returncode == 1, result.stderr
    run = json.loads(result.stdout)
    assert (run["schedule"], run["state"], run["sites"], run["attempts"]) == ("manual", "failed", ["wanshu"], 1)
    assert "crawled" in run["why"]
    assert "error:" in result.stderr
    shown = jianghua(tmp_path, "runs", "show", "1")
    assert shown.returncode == 0
    assert "failed" in shown.stdout
    (row,) = json.loads(jianghua(tmp_path, "runs", "--json").stdout)
    assert row["counts"]["extract"]["ok"] is False
    assert json.loads(jianghua(tmp_path, "runs", "--state", "done", "--json").stdout) == []
    told = jianghua(tmp_path, "run", "wanshu", "--steps", "extract").stdout.split("run 2 failed: no new version\n")[1]
    assert len(told.splitlines()[0]) > 60  # not as narrow as the table above it
    assert jianghua(tmp_path, "runs", "--state", "done").stdout == "no such run; `jianghua runs` lists all\n"
