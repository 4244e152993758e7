"""Running `jianghua crawl` in a process of its own, and looking at what it left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crawler.home import Home
from crawler.state import PageState, SiteState
from tests.chain import forked, popen
from tests.crawler.faults import Asked, FaultServer
from tests.nursery import Forked

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    sites: dict[str, dict[str, Any]]
    err: str
    out: str


def argv(home: Home, *words: str) -> list[str]:
    return [sys.executable, "-m", "schedules.cli", *words, "--home", str(home.root)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "NO_COLOR": "1"}


def start(home: Home, *words: str, limit: int | None = None) -> Forked:
    """Start a command and leave it running. limit: bytes that a file of it may have."""
    pipe = subprocess.PIPE
    return popen(argv(home, *words), env=environment(), stdout=pipe, stderr=pipe, text=True, limit=limit)


def crawl(home: Home, *words: str) -> Ran:
    """Run `jianghua crawl WORDS --json` to its end."""
    done = forked(["crawl", *words, "--json", "--home", str(home.root)], environment(), ROOT)
    sites = {s["site"]: s for s in json.loads(done.stdout)["sites"]} if done.stdout.strip().startswith("{") else {}
    return Ran(done.returncode, sites, done.stderr, done.stdout)


def pages(home: Home, site: str) -> dict[str, PageState]:
    with SiteState.open(home, site, read_only=True) as state:
        return {p.key: p for p in state.pages()}


def lasting(home: Home, site: str) -> dict[str, tuple[Any, ...]]:
    """What a crawl must leave whatever happened on the way: all but times, addresses in the archive, and the server's port."""
    return {
        p.key: (p.article_key, p.ordinal, p.expected, p.fate, p.why, p.status, p.content_type,
                p.address is not None, p.gone_since is not None, p.url.partition("//")[2].partition("/")[2])
        for p in pages(home, site).values()
    }  # fmt: skip


@dataclass
class Rounds:
    """Sites crawled several times, and what came of each round: by round the pages of each site, what each server was asked, and what the crawl said."""

    home: Home
    servers: dict[str, FaultServer]
    names: tuple[str, ...]
    ran: list[Ran] = field(default_factory=list)
    states: list[dict[str, dict[str, PageState]]] = field(default_factory=list)
    asked: list[dict[str, list[Asked]]] = field(default_factory=list)

    def go(self) -> None:
        for server in self.servers.values():
            server.log.clear()
        self.ran.append(crawl(self.home, *self.names, "--refetch", "all"))
        self.states.append({n: pages(self.home, n) for n in self.names})
        self.asked.append({n: list(s.log) for n, s in self.servers.items()})

    def story(self, site: str, key: str) -> list[str | None]:
        """The fate of a page after each round, `read` where it has a body to be read."""
        return [s[site][key].fate or ("read" if s[site][key].address else "?") for s in self.states]

    def paths(self, day: int, site: str) -> list[str]:
        return [a.path for a in self.asked[day][site]]

    def error(self, day: int, site: str) -> str | None:
        found: str | None = self.ran[day].sites[site]["error"]
        return found

    def read(self, day: int, site: str) -> set[str]:
        return {k for k, p in self.states[day][site].items() if p.fate is None}

    def body(self, day: int, site: str, key: str) -> str:
        address = self.states[day][site][key].address
        assert address is not None
        return address.sha256
