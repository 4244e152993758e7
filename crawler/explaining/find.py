"""From what a person gives (an id, the beginning of one, an address, a site and a path) to the article that it means."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import unquote, urlsplit

from crawler.errors import JianghuaError, UsageError
from crawler.home import Home
from crawler.shards import extracted_sites, read_records, speech_id
from crawler.site import load_site
from crawler.state import PageState, SiteState
from crawler.urls import clean_url

_SHOWN = 8  # matches that an error lists


@dataclass(frozen=True, slots=True)
class Found:
    """An article. part: the speech that was asked for, None where a page was; pages: all its in-article pages as the crawl knows them."""

    site: str
    article_key: str
    part: int | None
    pages: tuple[PageState, ...]


def find(home: Home, what: str, path: str | None = None) -> Found:
    """The article that is meant.

    what: a speech id, an unambiguous beginning of one (with or without the site's name), or the address of a page; with `path` the name of a
    site. Raises UsageError when nothing or more than one thing fits, with what comes near.
    """
    sites = extracted_sites(home)
    if not sites:
        raise UsageError(
            "there are no records here", where=str(home.var / "records"), remedy="run `jianghua extract` first, or give --home"
        )  # fmt: skip
    if path is not None:
        if what not in sites:
            raise UsageError(f"there are no records of the site '{what}'", remedy=f"use one of: {', '.join(sites)}")
        return _by_key(home, what, path if path.startswith("/") else f"/{path}", f"{what} {path}")
    if what.startswith(("http://", "https://")):
        return _by_url(home, sites, what)
    return _by_id(home, sites, what)


def _article(home: Home, site: str, key: str) -> tuple[PageState, ...]:
    with SiteState.open(home, site, read_only=True) as state:
        return tuple(state.article(key))


def _by_id(home: Home, sites: list[str], what: str) -> Found:
    name, colon, digest = what.partition(":")
    among = [s for s in sites if not colon or s == name]
    rows: list[dict[str, Any]] = []
    for site in among:
        rows += read_records(home, site, "speeches", ["speech_id", "site", "page_url", "part", "title"]).to_pylist()
    digest = (digest if colon else what).lower()
    hits = [r for r in rows if r["speech_id"].partition(":")[2].startswith(digest)] if digest else []
    if len(hits) > 1:
        listed = "\n         ".join(f"{r['speech_id']}  {r['title']}" for r in hits[:_SHOWN])
        more = f"\n         and {len(hits) - _SHOWN} more" if len(hits) > _SHOWN else ""
        raise UsageError(f"'{what}' fits {len(hits)} speeches", where=listed + more, remedy="give more of the id")
    if not hits and what in sites:
        raise UsageError(f"'{what}' is a site", remedy=f"name a page of it too: jianghua explain {what} /PATH")
    if not hits:
        near = get_close_matches(what, [r["speech_id"] for r in rows], 3, 0.5) if len(rows) <= 20_000 else []
        titles = {r["speech_id"]: r["title"] for r in rows}
        listed = "\n         ".join(f"{i}  {titles[i]}" for i in near)
        raise UsageError(
            f"no speech '{what}' in the records",
            where=f"near it: {listed}" if near else f"looked in {', '.join(among or sites)}",
            remedy="give an id of the table speeches, the beginning of one, the address of a page, or SITE and PATH",
        )
    (row,) = hits
    key = _key_of(home, row)
    pages = _article(home, row["site"], key)
    return Found(row["site"], key, row["part"], pages)


def _key_of(home: Home, row: dict[str, Any]) -> str:
    """The article key of a speech: the one that its id is made of."""
    wanted = row["speech_id"]
    parts = urlsplit(row["page_url"])
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    for key in (path, f"//{parts.netloc.lower()}{path}"):
        if speech_id(row["site"], key, row["part"]) == wanted:
            return key
    for key in read_records(home, row["site"], "readings", ["article_key"])["article_key"].to_pylist():
        if speech_id(row["site"], key, row["part"]) == wanted:
            return str(key)
    raise JianghuaError(
        f"the article of {wanted} is not in the records", remedy=f"run `jianghua extract {row['site']}`"
    )


def _by_url(home: Home, sites: list[str], url: str) -> Found:
    address = clean_url(url) or url
    hosts: dict[str, set[str]] = {}
    for site in sites:
        pages = read_records(home, site, "pages", ["url", "key"])
        known = dict(zip(pages["url"].to_pylist(), pages["key"].to_pylist(), strict=True))
        if address in known or url in known:
            return _by_key(home, site, known.get(address) or known[url], url)
        hosts[site] = {urlsplit(u).netloc.lower() for u in known}
    netloc = urlsplit(address).netloc.lower()
    for site in sites:
        try:
            model = load_site(site, home)
        except JianghuaError:
            continue
        if netloc in model.hosts or netloc in hosts[site]:
            key = urlsplit(address).path + (f"?{urlsplit(address).query}" if urlsplit(address).query else "")
            return _by_key(home, site, model.key(address) if netloc in model.hosts else key, url)
    raise UsageError(
        "no page of the records has this address",
        where=url,
        remedy=f"look at it with `jianghua sites try {url}`, or crawl its site first",
    )


def _by_key(home: Home, site: str, key: str, asked: str) -> Found:
    table = read_records(home, site, "pages", ["key", "fate", "why", "title"]).to_pylist()
    by_key = {r["key"]: r for r in table}
    row = by_key.get(key) or next((r for r in table if unquote(r["key"]) == unquote(key)), None)
    if row is None:
        near = get_close_matches(key, list(by_key), 3, 0.6) if len(by_key) <= 20_000 else []
        raise UsageError(
            f"the site '{site}' has no page {key}",
            where="near it: " + "\n         ".join(f"{k}  {by_key[k]['title'] or ''}" for k in near) if near else None,
            remedy="paths are those of the table pages (column key)",
        )
    pages = _article(home, site, row["key"])
    if not any(p.address is not None for p in pages) or (row["fate"] == "gone" and not pages):
        raise JianghuaError(
            f"there is nothing to read of this page: {row['fate']}" + (f": {row['why']}" if row["why"] else ""),
            where=asked,
            remedy="crawl it first" if row["fate"] in ("unfetched", "error") else None,
        )
    return Found(site, pages[0].article_key, None, pages)
