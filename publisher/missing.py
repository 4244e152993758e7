"""Speeches of the parent version that no record has any more: which leave and why, which are held, which are carried forward."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from publisher import recipe as recipes
from publisher import takedown
from publisher.intake import Source
from publisher.layout import flat
from publisher.parts import PartStore
from publisher.recipe import Recipe
from publisher.rowindex import CARRIED, HELD
from publisher.stage import Stage

# The page could not be read this time, which says nothing of its speeches: they stay as the parent has them.
TROUBLE = frozenset({"error", "unfetched", "poison"})
REASON = {
    "gone": "gone",
    "soft_404": "soft_404",
    "speech": "part_gone",
    "preview": "part_gone",
    "disallowed": "disallowed",
    "redirect": "moved",
}
TOMBSTONE = ("speech_id", "page_url", "site", "part", "title", "text_sha256", "first_version", "revision")


def _fates(source: Source, sites: Iterable[str], wanted: pa.Table) -> list[str | None]:
    """What became of pages: by address, else by the key that the parent knew for the address. wanted: columns url, site, key."""
    asked = set(sites)
    urls = set(wanted["url"].to_pylist())
    by_url: dict[str, str] = {}
    by_key: dict[tuple[str, str], str] = {}
    for unit in source.units():
        if unit.site and unit.site not in asked:
            continue
        rows = source.read(unit, "pages", ["url", "site", "key", "fate", "status"])
        hit = pc.or_(
            pc.is_in(rows["url"], value_set=pa.array(list(urls), pa.string())),
            pc.is_in(rows["key"], value_set=pa.array(wanted["key"].to_pylist(), pa.string())),
        )
        for row in rows.filter(hit).to_pylist():
            by_url[row["url"]] = by_key[row["site"], row["key"]] = _fate(row)
    return [
        by_url.get(r["url"]) or by_key.get((r["site"], r["key"] or ""))
        for r in wanted.select(["url", "site", "key"]).to_pylist()
    ]


def _fate(page: dict[str, Any]) -> str:
    """The fate of a page; of one that is gone by its own words, with status 200, as of one of which extraction saw that."""
    said = page["fate"] == "gone" and 200 <= (page["status"] or 0) < 300
    return "soft_404" if said else str(page["fate"])


def reason(fate: str | None) -> str:
    """Why a speech leaves whose page has this fate."""
    return REASON.get(fate, "no_longer_a_speech") if fate else "unknown"


@dataclass(slots=True)
class Missing:
    """The parent's speeches that no record has: which leave (rows of TOMBSTONE, with `reason`); the others are held or carried forward."""

    left: list[dict[str, Any]] = field(default_factory=list)


def decide(
    source: Source,
    stages: Mapping[str, Stage],
    store: PartStore,
    dropped: Mapping[str, str],
    recipe: Recipe,
    failed: Mapping[str, str],
    let_go: Collection[str] = (),
) -> Missing:
    """Decide about the parent's speeches that the records do not have.

    dropped: reason by id of speeches that the recipe took out of the records; failed: sites whose rows are carried forward, and why. let_go: sites that a
    person let go, whose speeches leave though their pages are only in trouble: a site that has closed for good answers nothing.
    """
    stage = stages["speeches"]
    out = Missing()
    places = stage.gone
    if not len(places):
        return out
    texts = ("text", "simtext_sha256") if recipe.takedowns else ()
    rows = stage.details(store, places, (*TOMBSTONE, *texts))
    out_of = recipes.dropped(recipe, rows)
    rows = rows.select(list(TOMBSTONE))
    ids = rows["speech_id"].to_pylist()
    out_of |= {i: dropped[i] for i in ids if i in dropped}
    staying = np.array([i not in out_of for i in ids], bool)
    of_failed = np.array([s in failed for s in rows["site"].to_pylist()], bool) & staying
    fates: list[str | None] = [None] * len(ids)
    # what is taken out goes whatever became of its page: the records of its site may be damaged
    rest = np.flatnonzero(~of_failed & staying)
    if len(rest):
        asked = rows.take(pa.array(rest))
        keyed = _keys_of_pages(stages["pages"], store, asked)
        found = _fates(source, asked["site"].to_pylist(), keyed)
        for i, fate in zip(rest.tolist(), found, strict=True):
            fates[i] = fate
    if let_go:
        wanted = [s in let_go for s in rows["site"].to_pylist()]
        fates = [None if w and f in TROUBLE else f for w, f in zip(wanted, fates, strict=True)]
    trouble = np.array([i not in out_of and f in TROUBLE for i, f in zip(ids, fates, strict=True)], bool)
    stage.keep(places[trouble], HELD)
    stage.keep(places[of_failed], CARRIED)
    for i, row in enumerate(rows.to_pylist()):
        if not trouble[i] and not of_failed[i]:
            why = out_of.get(row["speech_id"]) or reason(fates[i])
            title = takedown.TITLE if why == takedown.REASON else row["title"]
            out.left.append(row | {"reason": why, "title": title})
    return out


def fates_of_sites(source: Source, sites: Iterable[str]) -> dict[str, Counter[str]]:
    """How many pages of each of these sites have which fate."""
    wanted = set(sites)
    out: dict[str, Counter[str]] = {s: Counter() for s in wanted}
    for unit in source.units() if wanted else ():
        if unit.site and unit.site not in wanted:
            continue
        rows = source.read(unit, "pages", ["site", "fate"])
        for site, fate in zip(rows["site"].to_pylist(), rows["fate"].to_pylist(), strict=True):
            if site in wanted:
                out[site][fate] += 1
    return out


def _keys_of_pages(stage: Stage, store: PartStore, speeches: pa.Table) -> pa.Table:
    """url, site and key (as the parent's pages have it, else null) of the pages of speeches."""
    urls = speeches["page_url"].to_pylist()
    known: dict[str, str] = {}
    wanted = pa.array(sorted(set(urls)), pa.string())
    for part in stage.parts:
        rows = store.columns("pages", part, ["url", "key"])
        hit = rows.filter(pc.is_in(rows["url"], value_set=wanted))
        known |= dict(zip(hit["url"].to_pylist(), hit["key"].to_pylist(), strict=True))
    return pa.table(
        {
            "url": pa.array(urls, pa.string()),
            "site": speeches["site"],
            "key": pa.array([known.get(u) for u in urls], pa.string()),
        }
    )


def keep_pages(stages: Mapping[str, Stage], sites: Collection[str]) -> None:
    """The pages of sites of whose records nothing was taken in stay as the parent has them."""
    pages = stages["pages"]
    gone = pages.gone
    if not sites or not len(gone):
        return
    theirs = pc.is_in(flat(pages.index["site"]).take(pa.array(gone)), value_set=pa.array(sorted(sites), pa.string()))
    pages.keep(gone[np.asarray(theirs.to_numpy(zero_copy_only=False), bool)], CARRIED)


def keep_provenance(stages: Mapping[str, Stage]) -> None:
    """Speeches that are held keep the provenance that they had."""
    speeches, provenance = stages["speeches"], stages["provenance"]
    kept = flat(speeches.index["key"]).filter(pa.array(speeches.seen & (speeches.held > 0)))
    gone = provenance.gone
    if not len(kept) or not len(gone):
        return
    found = flat(provenance.index["key"]).take(pa.array(gone))
    ids = pc.replace_substring_regex(found, "\x1f.*$", "")
    provenance.keep(gone[np.asarray(pc.is_in(ids, value_set=kept).to_numpy(zero_copy_only=False), bool)])
