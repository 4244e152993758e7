"""What the tests of the whole chain share: the real command in processes of its own, published tables, what changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from crawler.home import Home
from publisher.reader import open_dataset
from publisher.tables import TABLES
from tests.children import program
from tests.nursery import Forked, Nursery

ROOT = Path(__file__).parents[1]
Key = tuple[str, str, int]  # site, path with query, part


def environment(home: Home | None, **more: str) -> dict[str, str]:
    """The environment of a `jianghua` process that works in a home, or in none that it knows of yet."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("JIANGHUA_")}
    works = {"JIANGHUA_HOME": str(home.root)} if home else {}
    return {**own, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **works, **more}


def argv(*args: str) -> list[str]:
    return [sys.executable, "-P", "-m", "schedules.cli", *args]


def jianghua(home: Home, *args: str, bytes_a_file: int | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, on a disk that takes no more than so many bytes a file.

    It is a process of its own, forked from one that has loaded the command already; with other code (PYTHONPATH) it is started anew.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    if "PYTHONPATH" in env:
        assert bytes_a_file is None
        return subprocess.run(
            argv(*args), capture_output=True, text=True, cwd=home.root, env=environment(home, **env), timeout=240
        )
    return forked(list(args), environment(home, **env), home.root, bytes_a_file)


def forked(
    args: list[str], env: dict[str, str], folder: Path, bytes_a_file: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end in a process of its own, forked from one that has loaded it already."""
    return ran(argv(*args), env=env, cwd=folder, limit=bytes_a_file)


def popen(args: list[str], **how: Any) -> Forked:
    """As subprocess.Popen for what Python is to run, in a process forked from one that has loaded the command and all that it needs."""
    return Forked(nursery(), args, **how)


def ran(args: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
    """As subprocess.run for what Python is to run, likewise; what it writes is kept."""
    child = popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)
    out, err = child.communicate()
    return subprocess.CompletedProcess(args, child.wait(), out, err)


_STARTED: list[Nursery] = []
_STARTING = threading.Lock()  # two threads may ask at once


def nursery() -> Nursery:
    """The one of this process, which ends with it. It has no home, lest it looks like one at work."""
    with _STARTING:
        if not _STARTED:
            _STARTED.append(Nursery.start(program("tests.warm_command"), environment(None)))
        return _STARTED[0]


def report(home: Home, *args: str, **env: str) -> Any:
    """Run the command with --json; what it says. Fails with all that was told when the exit code is not 0."""
    done = jianghua(home, *args, "--json", bytes_a_file=None, **env)
    assert done.returncode == 0, f"{args}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return json.loads(done.stdout)


def at(urls: Mapping[str, str]) -> list[str]:
    """The sites' names and where they are served, as arguments."""
    return [*urls, *(f"--at={name}={url}" for name, url in urls.items())]


def start(home: Home, *args: str) -> Forked:
    """Start the command in a process group of its own, to be killed with `kill_group`. It has loaded all, and is at its work at once."""
    log = (home.root / "killed.log").open("ab")
    with log:
        return popen(argv(*args), cwd=home.root, env=environment(home), stdout=log, stderr=log, start_new_session=True)


def kill_group(process: Forked) -> None:
    """kill -9 a process and everything in its group."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def rows(home: Home, table: str = "speeches", version: str = "latest") -> list[dict[str, Any]]:
    """The rows of a published table."""
    found: list[dict[str, Any]] = open_dataset(home.datasets / "speeches", version).arrow(table).to_pylist()
    return found


def key_of(row: Mapping[str, Any]) -> Key:
    """Site, path with query (unquoted, as gold has it), and part of a speech."""
    url = urlsplit(row["page_url"])
    return row["site"], unquote(url.path or "/") + (f"?{url.query}" if url.query else ""), int(row["part"])


def changes(home: Home, before: str, after: str) -> dict[str, set[Key]]:
    """Which speeches were added, changed, removed from one version to another, as `jianghua changes` tells it."""
    names = {r["speech_id"]: key_of(r) for v in (before, after) for r in rows(home, version=v)}
    found: dict[str, set[Key]] = {"added": set(), "changed": set(), "removed": set()}
    for row in report(home, "changes", before, after)["rows"]:
        if row["table"] == "speeches":
            found[row["op"]].add(names[row["id"]])
    return found


# What no two runs have in common: times, where the archive keeps a page, ports, and which version brought a row.
TIMES_AND_PLACES = {
    "fetched_at", "checked_at", "changed_at", "first_seen", "gone_since", "removed_at", "warc_file", "warc_offset", "warc_length",
}  # fmt: skip


def content(home: Home, version: str = "latest", without: Iterable[str] = ()) -> dict[str, list[str]]:
    """Every table of a version as sorted lines of JSON, without times and archive addresses: equal for equal input."""
    left_out = TIMES_AND_PLACES | set(without)
    return {
        table: sorted(
            json.dumps(
                {k: v for k, v in r.items() if k not in left_out}, ensure_ascii=False, sort_keys=True, default=str
            )
            for r in rows(home, table, version)
        )
        for table in TABLES
    }


def files(folder: Path, *patterns: str) -> dict[str, bytes]:
    """Every file below a folder that fits one of the patterns, with its bytes."""
    return {
        str(p.relative_to(folder)): p.read_bytes() for x in patterns or ("**/*",) for p in folder.glob(x) if p.is_file()
    }
