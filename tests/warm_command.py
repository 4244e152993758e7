"""A process in which the command is loaded already, and that forks for each line it reads: so that loading costs once.

Each line is JSON: args, cwd, env, and limit (bytes a file may have) or null. The child is a process of its own that runs the command as
the console script does; answered are its exit code and all that was written to its standard output and error. Started by tests/chain.py.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import selectors
import sys
import threading

from crawler import console
from crawler.crawl import load_scrapy
from schedules.cli import main as command

# What the commands load when they are called; nothing here starts a thread that a fork would lack, or installs a reactor.
MODULES = (
    "crawler.cli",
    "crawler.extraction.cli",
    "crawler.sitecrawl",
    "publisher.cli",
    "publisher.release",
    "publisher.changes_shown",
    "publisher.verify",
    "schedules.jobs",
    "schedules.ledger",
)


def load() -> None:
    load_scrapy()
    for name in MODULES:
        importlib.import_module(name)
    assert "twisted.internet.reactor" not in sys.modules
    assert threading.active_count() == 1


def become(job: dict[str, object], out: int, err: int) -> None:
    """Make this process what the job says, as if it had just been started."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for fd in (out, err):
        os.close(fd)
    os.environ.clear()
    os.environ.update(job["env"])  # type: ignore[call-overload]
    os.chdir(str(job["cwd"]))
    sys.argv = ["jianghua", *job["args"]]  # type: ignore[misc]
    for told in (console.out, console.err):  # made when this process began
        told.width = int(os.environ.get("COLUMNS", 80))
        told.no_color = "NO_COLOR" in os.environ
    if limit := job["limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # type: ignore[arg-type]


def collect(pipes: tuple[int, int]) -> list[str]:
    """All that comes out of two pipes until both are closed."""
    found = dict.fromkeys(pipes, b"")
    with selectors.DefaultSelector() as ready:
        for fd in pipes:
            ready.register(fd, selectors.EVENT_READ)
        while ready.get_map():
            for key, _ in ready.select():
                piece = os.read(key.fd, 65536)
                found[key.fd] += piece
                if not piece:
                    ready.unregister(key.fd)
    for fd in pipes:
        os.close(fd)
    return [found[fd].decode() for fd in pipes]


def main() -> None:
    load()
    for line in sys.stdin:
        job = json.loads(line)
        (out, to_out), (err, to_err) = os.pipe(), os.pipe()
        if not (child := os.fork()):
            os.close(out)
            os.close(err)
            become(job, to_out, to_err)
            command()
            return
        os.close(to_out)
        os.close(to_err)
        said = collect((out, err))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(json.dumps([code, *said]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
