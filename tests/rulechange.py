"""Another release of the code in which one rule is new: what it reads otherwise must be what the rule touches, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from crawler import shards
from crawler.extraction.plain import plain
from crawler.home import Home
from tests.chain import ROOT, Key, changes, files, key_of, report

THANKS = re.compile("^谢谢大家[!。]?$")
LAST = 6  # lines at the end of a speech that an editor's words are looked for in


def records(home: Home, sites: Iterable[str], table: str = "speeches") -> dict[Any, dict[str, Any]]:
    """The rows of a table of the records, by speech (and page)."""
    found = [r for site in sites for r in shards.read_records(home, site, table).to_pylist()]
    return {(r["speech_id"], r.get("ordinal")): r for r in found}


def kept_bytes(home: Home) -> dict[str, bytes]:
    """Every byte of the records and of what is published."""
    found = files(home.root, "var/records/**/*", "datasets/**/*")
    return {k: v for k, v in found.items() if not k.endswith(".lock")}


def copied(home: Home, to: Path) -> Home:
    """The home with its archive, records and dataset in another place."""
    shutil.copytree(home.root, to, symlinks=True)
    return Home.find(to)


def code_with(folder: Path, file: str, group: str, rule: dict[str, Any]) -> str:
    """The project's code with one more rule; the PYTHONPATH that runs it."""
    for package in ("crawler", "publisher", "schedules"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "crawler" / "extraction" / "rules" / f"{file}.yaml"
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))
    groups[group].append(rule)
    path.write_text(yaml.safe_dump(groups, allow_unicode=True), encoding="utf-8")
    return str(folder)


def thanked(row: dict[str, Any]) -> bool:
    """Whether a speech ends in a line of thanks."""
    paragraphs = row["text"].split("\n")
    return any(THANKS.match(plain(p)) for p in paragraphs[1:][-LAST:])


@dataclass(frozen=True, slots=True)
class Outcome:
    """Speeches by address that the new rule touches, those whose rows it changed in the records, and what the publish told of."""

    touched: set[Key]
    changed: set[Key]
    published: dict[str, set[Key]]
    again: str | None


def read_with_another_rule(home: Home, sites: Iterable[str], folder: Path) -> Outcome:
    """Read the archive of a home with a rule that takes thanks for an editor's words, and publish what comes of it."""
    sites = list(sites)
    before, sources = records(home, sites), records(home, sites, "provenance")
    version = report(home, "publish", "speeches")["version"] or _latest(home)
    rule = {"id": "rule_of_the_test", "pattern": THANKS.pattern, "yes": ["谢谢大家!"], "no": ["谢谢"]}
    code = code_with(folder, "structure", "outro", rule)
    report(home, "extract", *sites, PYTHONPATH=code)
    after, now = records(home, sites), records(home, sites, "provenance")
    assert set(after) == set(before)
    # every article was read by the new rules, and where each speech came from is the same
    assert {r["rules_version"] for r in now.values()}.isdisjoint({r["rules_version"] for r in sources.values()})
    assert [{**r, "rules_version": ""} for r in now.values()] == [{**r, "rules_version": ""} for r in sources.values()]
    made = report(home, "publish", "speeches", PYTHONPATH=code)["version"]
    return Outcome(
        {key_of(r) for r in before.values() if thanked(r)},
        {key_of(r) for k, r in before.items() if after[k] != r},
        changes(home, version, made),
        report(home, "publish", "speeches", PYTHONPATH=code)["version"],
    )


def _latest(home: Home) -> str:
    found: str = json.loads((home.datasets / "speeches" / "latest.json").read_text())["version"]
    return found
