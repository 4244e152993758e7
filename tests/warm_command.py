"""A process in which the command is loaded already, and that forks for whatever Python is to run: so that loading costs once.

It is given the number of a file over which it is asked (tests/nursery.py); tests/chain.py starts it. A fork is a process of its own that runs
the command as the console script does, or a module, a file or code as `python` does; what those start is forked as well.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
import runpy
import socket
import sys
import threading
from types import ModuleType

import typer

from crawler import console
from crawler.crawl import load_scrapy
from crawler.extraction import pool, rules
from crawler.extraction.article import read_article
from crawler.extraction.fold import fold
from crawler.extraction.inputs import extractor
from crawler.extraction.model import PageInput
from crawler.loading import loading
from crawler.sample.build import build
from crawler.site import Site
from schedules import child
from schedules.cli import COMMANDS, app
from schedules.cli import main as command
from tests.nursery import Nursery, serve

# What the commands load when they are called; nothing here starts a thread that a fork would lack, or installs a reactor.
MODULES = (
    "crawler.cli",
    "crawler.frontier",
    "crawler.middlewares.guard",
    "crawler.probe.cli",
    "crawler.settings",
    "crawler.spiders.document",
    "crawler.spiders.loader",
    "crawler.extraction.cli",
    "crawler.extraction.learning",
    "crawler.extraction.profile",
    "crawler.extraction.worker",
    "crawler.sitecrawl",
    "pandas",  # pyarrow's, for any list that becomes an array
    "pyarrow.pandas_compat",
    "publisher.cli",
    "publisher.release",
    "publisher.changes_shown",
    "publisher.verify",
    "rich._emoji_codes",
    "rich.status",
    "schedules.clock",
    "schedules.jobs",
    "schedules.ledger",
    "service.app",
    "service.cli",
    "trafilatura",
    "watching.check",
    "crawler.middlewares.cookies",
    "crawler.middlewares.packed",
    "crawler.middlewares.silence",
    *(f"scrapy.downloadermiddlewares.{x}" for x in ("defaultheaders", "downloadtimeout", "useragent")),
    "scrapy.statscollectors",
    "scrapy.utils.project",
)
WORKER = re.compile(r"from crawler\.extraction\.pool import serve; serve\((\d+), \d+\)")
# Which of them have workers that read pages.
READING = ("extract", "learn", "explain", "golden")


def load() -> None:
    with loading():
        load_scrapy()
        for name in MODULES:
            importlib.import_module(name)
        make_ready()
        know_parameters()
    assert "twisted.internet.reactor" not in sys.modules
    assert threading.active_count() == 1


def know_parameters() -> None:
    """Have what the functions of the commands say of their parameters; it takes a third of a command that does little."""
    known = vars(typer.main)
    known["get_params_from_function"] = functools.cache(known["get_params_from_function"])
    for told in (app, *(vars(importlib.import_module(module))["app"] for module, _, _ in COMMANDS.values() if module)):
        typer.main.get_command(told)


def make_ready() -> None:
    """Have what reading and folding make when they are first needed, such as the patterns of their rules."""
    fold("學習")
    extractor()
    for file in rules.FOLDER.glob("*.yaml"):
        for group in rules.rule_file(file.stem).values():
            for rule in group:
                assert rule.pattern
    sample, site = build(articles=4, chars=300), Site(name="a", title="a", start=("http://a.example/",))
    for spec in sample.sites:
        for answer in sample.pages(spec.name, 1).values():
            if b"<p" in answer.body:
                read_article([PageInput("http://a.example/1.html", answer.body, answer.content_type)], site, None)


def run(args: list[str], nursery: Nursery) -> None:
    """In a fork: be `python ARGS`. Its steps are forks of the nursery; the workers that read pages must end with it, and have one of their
    own."""
    sys.path[:0] = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p not in sys.path]
    if args[0] == "-c" and (worker := WORKER.fullmatch(args[1])):
        nursery.asking.close()
        pool.serve(int(worker[1]), os.getppid())
        return
    vars(child)["subprocess"] = nursery.subprocess()
    for told in (console.out, console.err):  # made when the first process began
        told.width = int(os.environ.get("COLUMNS", 80))
        told.no_color = "NO_COLOR" in os.environ
    match args[1:] if args[0] == "-P" else args:
        case ["-m", "schedules.cli", *words]:
            sys.argv = ["jianghua", *words]
            if words and words[0] in READING:
                vars(pool)["subprocess"] = Nursery.begin(run, dies=True).subprocess()
            command()
        case ["-m", module, *words]:
            sys.argv = [module, *words]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-c", code, *words]:
            sys.argv = ["-c", *words]
            if "crawler.extraction" in code:
                vars(pool)["subprocess"] = Nursery.begin(run, dies=True).subprocess()
            main = sys.modules["__main__"] = ModuleType("__main__")
            exec(compile(code, "<string>", "exec"), vars(main))
        case [path, *words]:
            sys.argv = [path, *words]
            sys.path.insert(0, os.path.dirname(path))  # noqa: PTH120
            runpy.run_path(path, run_name="__main__")


if __name__ == "__main__":
    load()
    serve(socket.socket(fileno=int(sys.argv[1])), run)
