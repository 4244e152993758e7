"""A proposal as the text of a site file: YAML with the reason of each line in a comment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from crawler.durable import write_bytes
from crawler.probe.model import Because, Proposal
from crawler.site import Site, parse_site
from crawler.wording import counted

_COLUMN = 44  # where comments stand, if the line is shorter


def site_file(proposal: Proposal, requests: int, day: date) -> str:
    """The site file. requests: on how many of them it rests; day: when they were made."""
    lines = [
        f"# Proposed by `jianghua sites add {_bare(proposal.start[0].value)}` from {counted(requests, 'request')} on {day.isoformat()}.",
        "# Each line says why it is there; all of it may be changed (docs/sites.md lists every key).",
        _line("name", proposal.name),
        _line("title", proposal.title),
        *_list("start", proposal.start, "where the crawl begins"),
    ]
    if proposal.allowed:
        lines += _list("allowed", proposal.allowed, "further hosts of the site")
    lines += [
        _line("platform", proposal.platform),
        _line("language", Because("zh", "the pages are Chinese")),
    ]
    patterns = (("lists", proposal.lists, "list pages"), ("articles", proposal.articles, "article pages"),
                ("pages", proposal.pages, "further pages of an article"), ("sitemaps", proposal.sitemaps, ""))  # fmt: skip
    if any(found for _, found, _ in patterns):
        lines.append(_noted("follow:", "what pages are, by their addresses"))
        if proposal.lists or proposal.articles:
            why = "the patterns tell what pages are and leave none out: every page of the hosts is followed"
            lines.append(_line("others", Because("follow", why), "  "))
        for key, found, what in patterns:
            if key == "sitemaps" and found:
                found = [Because("auto", "/sitemap.xml and those of robots.txt"), *found]
                what = "further sources of addresses"
            if found:
                lines += _list(key, found, what, "  ")
    lines += [
        _noted("politeness:", "how the site wants to be treated"),
        _line("delay", proposal.delay, "  "),
    ]
    return "\n".join(lines) + "\n"


def checked(text: str, name: str, folder: Path) -> Site:
    """What a site file says, read as it will be from a folder of one's own. Raises JianghuaError when it has mistakes."""
    path = folder / f"{name}.yaml"
    write_bytes(path, text.encode())
    return parse_site(path)


def keep(text: str, path: Path) -> Path | None:
    """Write a site file; one that was there before is kept beside it, and its new name is returned.

    Raises JianghuaError when it cannot be written.
    """
    before = None
    if path.is_file():
        before = path.with_name(path.name + ".bak")
        write_bytes(before, path.read_bytes())
    write_bytes(path, text.encode())
    return before


def _list(key: str, found: Iterable[Because], what: str, indent: str = "") -> list[str]:
    return [
        _noted(f"{indent}{key}:", what),
        *(_noted(f"{indent}  - {_scalar(b.value)}", b.why) for b in found),
    ]


def _line(key: str, because: Because, indent: str = "") -> str:
    return _noted(f"{indent}{key}: {_scalar(because.value)}", because.why)


def _noted(text: str, why: str) -> str:
    width = sum(2 if ord(c) > 0x2E7F else 1 for c in text)  # wide characters take two columns
    return f"{text}{' ' * max(1, _COLUMN - width)}# {_bare(why)}" if why else text


def _scalar(value: Any) -> str:
    """A value as YAML writes it, on one line."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return yaml.safe_dump(value, allow_unicode=True, width=100_000).removesuffix("\n").removesuffix("\n...")


def _bare(text: Any) -> str:
    """Text that can stand in a comment: one line, nothing that YAML does not print."""
    return "".join(c for c in " ".join(str(text).split()) if c.isprintable() and c not in "\ufeff\ufffe\uffff")[:300]
