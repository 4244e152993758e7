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
import socket
import sys
import threading

from crawler import console
from crawler.crawl import load_scrapy
from crawler.extraction import pool
from crawler.loading import loading
from schedules import child
from schedules.cli import main as command
from tests.nursery import COMMAND, WORKER, Nursery, have_environment

# What the commands load when they are called; nothing here starts a thread that a fork would lack, or installs a reactor.
MODULES = (
    "crawler.cli",
    "crawler.extraction.article",
    "crawler.extraction.cli",
    "crawler.extraction.learning",
    "crawler.extraction.worker",
    "crawler.sitecrawl",
    "publisher.cli",
    "publisher.release",
    "publisher.changes_shown",
    "publisher.verify",
    "schedules.jobs",
    "schedules.ledger",
)
READING = ("extract", "learn", "explain")


def load() -> None:
    with loading():
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
    have_environment(job["env"])  # type: ignore[arg-type]
    os.chdir(str(job["cwd"]))
    if limit := job["limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # type: ignore[arg-type]


def run(args: list[str], nursery: Nursery) -> None:
    """Run the command; its steps are forks of a nursery, and so are the workers that read pages, which must end with this process."""
    sys.argv = ["jianghua", *args]
    for told in (console.out, console.err):  # made when the first process began
        told.width = int(os.environ.get("COLUMNS", 80))
        told.no_color = "NO_COLOR" in os.environ
    vars(child)["subprocess"] = nursery.subprocess()
    if args[0] in READING:
        vars(pool)["subprocess"] = Nursery.begin(work, dies=True).subprocess()
    command()


def step(args: list[str], asking: socket.socket) -> None:
    """In a fork of the nursery: a step of a run."""
    run(args[len(COMMAND) :], Nursery(asking))


def work(args: list[str], asking: socket.socket) -> None:
    """In a fork of the nursery of a process that reads pages: one of its workers."""
    asking.close()
    found = WORKER.fullmatch(args[1])
    assert found
    pool.serve(int(found[1]), os.getppid())


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
    nursery = Nursery.begin(step)
    for line in sys.stdin:
        job = json.loads(line)
        (out, to_out), (err, to_err) = os.pipe(), os.pipe()
        if not (forked := os.fork()):
            os.close(out)
            os.close(err)
            become(job, to_out, to_err)
            run(job["args"], nursery)
            return
        os.close(to_out)
        os.close(to_err)
        said = collect((out, err))
        code = os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])
        sys.stdout.write(json.dumps([code, *said]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
