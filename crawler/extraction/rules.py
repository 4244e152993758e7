"""Rules as data: phrases and patterns live in rules/*.yaml, each with an example that it matches and one that it must not.

A file holds groups; a group is a list of rules:

    salutation:
      - id: comrades            # one word, unique within the file
        pattern: '^同志们'      # Python regular expression, searched
        value: 同志们           # optional, what a match means
        yes: ['同志们:']        # at least one text that it must match
        no: ['同志们的努力']    # at least one text that it must not match

tests/crawler/extraction/test_rules.py runs every example. `RULES_VERSION` is a digest of the content of all files, so a
changed rule is a changed input of extraction.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from crawler.extraction.prefilter import AnyOf
from crawler.ourdata import read_ours

_YES_NO = {True: "yes", False: "no"}  # YAML 1.1 reads the bare words as booleans
FOLDER = Path(__file__).parent / "rules"


@dataclass(frozen=True)
class Rule:
    """One rule: what it is called, what it matches, what a match means, and its examples. where: its file and group, for who wrote it.

    Its pattern is compiled when it is first searched for: most are about words that no page of a site has (see prefilter.py), and
    compiling all of them is a good part of what a process that reads pages takes to begin.
    """

    id: str
    source: str
    value: Any
    yes: tuple[str, ...]
    no: tuple[str, ...]
    where: str = ""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What it matches, compiled. Raises ValueError naming the rule when it is no regular expression."""
        try:
            return re.compile(self.source)
        except re.error as e:
            raise ValueError(f"{self.where}, {self.id}: {e}") from None


@cache
def rule_file(name: str) -> dict[str, tuple[Rule, ...]]:
    """The groups of `rules/NAME.yaml`. Raises ValueError naming the rule when one is malformed (its pattern: when it is asked for)."""
    groups: dict[str, tuple[Rule, ...]] = {}
    seen: set[str] = set()
    for group, rules in read_ours(FOLDER / f"{name}.yaml").items():
        made = []
        for given in rules:
            r = {_YES_NO.get(k, k): v for k, v in given.items()}
            if unknown := set(r) - {"id", "pattern", "value", "yes", "no"}:
                raise ValueError(f"{name}.yaml, {group}: unknown key {sorted(unknown)[0]!r} in {r.get('id')}")
            if not re.fullmatch(r"[a-z][a-z0-9_]*", str(r["id"])):
                raise ValueError(
                    f"{name}.yaml, {group}: the id {r['id']!r} is not one word of small letters, digits and _"
                )
            if r["id"] in seen:
                raise ValueError(f"{name}.yaml, {group}: the id {r['id']} is given twice")
            seen.add(r["id"])
            examples = tuple(r.get("yes", ())), tuple(r.get("no", ()))
            made.append(Rule(r["id"], r["pattern"], r.get("value"), *examples, f"{name}.yaml, {group}"))
        groups[group] = tuple(made)
    return groups


def rules(name: str, group: str) -> tuple[Rule, ...]:
    """The rules of a group, in the order of the file (first match wins where one is wanted)."""
    return rule_file(name)[group]


def first_match(name: str, group: str, text: str) -> tuple[Rule, re.Match[str]] | None:
    """The first rule of a group that matches `text`, with its match."""
    return any_of(name, group).first(text)


def matching(name: str, group: str, text: str) -> list[Rule]:
    """The rules of a group that match `text`, in the order of the file."""
    return any_of(name, group).found(text)


@cache
def any_of(name: str, *groups: str) -> AnyOf[Rule]:
    """The rules of the groups as one pattern that matches where any of them does: for a quick yes or no over many texts."""
    return AnyOf([r for g in groups for r in rules(name, g)])


def _version() -> str:
    digest = hashlib.sha256()
    for path in sorted(FOLDER.glob("*.yaml")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


RULES_VERSION = _version()
