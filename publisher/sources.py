"""Where the speeches come from: what each site allowed and said of its texts when it was crawled, from what the crawl has kept."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from crawler.archive import WarcAddress, read_response
from crawler.errors import JianghuaError
from crawler.extraction.dom import parse
from crawler.home import Home
from crawler.site import Site, load_site
from crawler.state import SiteState

CUT = 50_000  # characters of a robots.txt or of terms of use that are shown; the digest is of all of it


def snapshot(home: Home, sites: Iterable[str]) -> list[dict[str, Any]]:
    """What sources.json says of each site, by name. Reads states and archive, and neither the clock nor the network.

    site, title, platform, language; start: addresses where the crawl begins (of a site whose file leaves them open, those that it was crawled
    at). robots_policy: obey or ignore. robots: one entry a host that was asked: host, url, status, fetched_at, sha256, text; the
    site's main host first. terms: url, status, fetched_at, sha256, warc_file, warc_offset, text, or None. A site without file
    or state has what is known of it. What is cut has `cut`.
    """
    return [_site(home, name) for name in sorted(set(sites))]


def _site(home: Home, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "site": name, "title": name, "platform": None, "language": None, "start": [], "robots_policy": None, "robots": [], "terms": None,
    }  # fmt: skip
    site: Site | None = None
    with contextlib.suppress(
        JianghuaError
    ):  # the file may be gone or broken since: the speeches stay, and so does their origin
        site = load_site(name, home)
        entry |= {
            "title": site.title,
            "platform": site.platform,
            "language": site.language,
            "robots_policy": site.politeness.robots,
        }
        entry["start"] = [] if site.unfilled else list(site.start)
    with contextlib.suppress(JianghuaError), SiteState.open(home, name, read_only=True) as state:
        if not entry["start"]:
            entry["start"] = state.seeds()
        main = entry["start"][0].split("/")[2].lower() if entry["start"] else ""
        entry["robots"] = sorted(
            map(_robots, state.metas("robots ").items()), key=lambda r: (r["host"] != main, r["host"])
        )
        if site is not None and site.terms is not None:
            entry["terms"] = _terms(home, state.row(site.key(site.terms)), site.terms)
    return entry


def _robots(kept: tuple[str, str]) -> dict[str, Any]:
    host, value = kept
    found = json.loads(value)
    at = datetime.fromisoformat(found["at"]).astimezone(UTC).replace(microsecond=0)
    return {
        "host": host,
        "url": found.get("url"),
        "status": found.get("status"),
        "fetched_at": at.isoformat(),
        "sha256": found.get("sha256"),
        **_shown(found["text"]),
    }


def _terms(home: Home, row: Any, url: str) -> dict[str, Any]:
    if row is None:
        return {"url": url, "status": None, "fetched_at": None, "sha256": None}
    entry = {"url": row.url, "status": row.status, "fetched_at": row.fetched_at, "sha256": row.sha256}
    if row.warc_file:
        entry |= {"warc_file": row.warc_file, "warc_offset": row.warc_offset}
        with contextlib.suppress(
            JianghuaError
        ):  # what the archive lost does not hinder a publish; the digest still tells
            body = read_response(home, WarcAddress(row.warc_file, row.warc_offset, row.warc_length, row.sha256)).body
            entry |= _shown(_text(body, row.content_type))
    return entry


def _text(body: bytes, content_type: str | None) -> str:
    """The words of a page, a line a block, without markup."""
    root = parse(body, content_type).root
    lines = (" ".join(t.split()) for t in root.xpath("//body//text()"))
    return "\n".join(line for line in lines if line)


def _shown(text: str) -> dict[str, Any]:
    return {"text": text[:CUT], "cut": True} if len(text) > CUT else {"text": text}
