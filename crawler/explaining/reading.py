"""Read an archived article again with a trace, as it was read when its row was recorded, and hold the row against the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crawler.archive import WarcAddress, read_response
from crawler.config import load_settings
from crawler.corrections.apply import apply
from crawler.corrections.entries import load_corrections
from crawler.errors import JianghuaError
from crawler.explaining.find import Found
from crawler.explaining.view import View, make_view
from crawler.extraction import rows
from crawler.extraction.article import read_article
from crawler.extraction.inputs import Article, environment, extractor, pages_to_read, read_task, reading_digest
from crawler.extraction.jobs import READER
from crawler.extraction.model import PageInput
from crawler.extraction.profile import Profile, load_profile
from crawler.extraction.rules import RULES_VERSION
from crawler.extraction.trace import Trace
from crawler.extraction.worker import Reading
from crawler.home import Home
from crawler.records import SPEECH
from crawler.shards import bucket_of, read_records, speech_id
from crawler.site import Site, load_site
from crawler.state import PageState


def explain(home: Home, found: Found) -> View:
    """What became of an article and why (see make_view).

    Its pages are those that its rows were made of, its profile the one that was recorded; rules, extractor and site file are those of now.
    Raises DamagedError when an archived page cannot be read, JianghuaError when the article has none.
    """
    site = load_site(found.site, home)
    article = Article(found.article_key, found.pages)
    states = pages_to_read(article, site)
    recorded = _records(home, found)
    pages, notes = _pages(home, found, states, recorded["provenance"])
    if not pages:
        first = found.pages[0] if found.pages else None
        why = f"{first.fate}: {first.why}" if first and first.fate else "nothing of it is archived"
        raise JianghuaError(
            "there is no archived page to read", where=first.url if first else found.article_key, remedy=why
        )
    version = recorded["provenance"][0]["profile_version"] if recorded["provenance"] else None
    profile, told = _profile(home, site, version, bool(recorded["provenance"]))
    notes += told
    trace = Trace()
    threshold = load_settings(home).speech_threshold
    result = read_article(pages, site, profile, trace, threshold=threshold)
    expected = max((p.expected for p in states), default=1)
    if len(pages) < expected:
        notes.append(f"the article has {expected} in-article pages, {len(pages)} of them are archived")
        for row in result.speeches:
            row["quality_flags"] = [*row["quality_flags"], "incomplete"]
    reading = Reading(result.fate, result.why, result.title, speeches=tuple(result.speeches))
    made = rows.table("speeches", rows.complete_rows(site, article, reading)).to_pylist()
    digest = (
        reading_digest(read_task(article, states, site, profile), environment(site, profile, READER, threshold))
        if states
        else ""
    )
    return make_view(
        trace,
        result,
        made,
        site=site.name,
        url=pages[0].url,
        article_key=found.article_key,
        part=found.part,
        threshold=threshold,
        read_with={
            "rules_version": RULES_VERSION,
            "extractor": extractor(),
            "profile_version": profile.version if profile else None,
        },
        recorded=_compare(found, recorded, made, digest),
        provenance=recorded["provenance"],
        corrections=_corrections(home, found, recorded["speeches"]),
        notes=notes,
    )


def _records(home: Home, found: Found) -> dict[str, Any]:
    """What the records hold of an article: its speeches, the provenance of the one asked for (or of its first), its reading."""
    import pyarrow.compute as pc

    def of(table: str, column: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        whole = read_records(home, found.site, table, bucket=bucket_of(found.article_key))
        kept = whole.filter(pc.is_in(whole[column], value_set=_strings(values)))
        made: list[dict[str, Any]] = kept.to_pylist()
        return made

    readings = of("readings", "article_key", [found.article_key])
    parts = readings[0]["parts"] if readings else []
    ids = [speech_id(found.site, found.article_key, p) for p in parts]
    speeches = of("speeches", "speech_id", ids)
    asked = speech_id(found.site, found.article_key, found.part if found.part is not None else (parts or [1])[0])
    provenance = sorted(of("provenance", "speech_id", [asked]), key=lambda r: int(r["ordinal"]))
    return {"reading": readings[0] if readings else None, "speeches": speeches, "provenance": provenance}


def _strings(values: Sequence[Any]) -> Any:
    import pyarrow as pa

    return pa.array(list(values), pa.string())


def _pages(
    home: Home, found: Found, states: Sequence[PageState], provenance: Sequence[Mapping[str, Any]]
) -> tuple[list[PageInput], list[str]]:
    """The archived pages that the row was made of; those that would be read now where there is no row. And what is to be told."""
    by_url = {p.url: p for p in found.pages}
    notes = []
    if provenance:
        wanted = [
            (p["url"], WarcAddress(p["warc_file"], p["warc_offset"], p["warc_length"], p["html_sha256"]))
            for p in provenance
        ]
        now = {s.address.sha256 for s in states if s.address is not None}
        if now != {a.sha256 for _, a in wanted}:
            notes.append("the page was fetched again since, and is another: this is the one that the row was made of")
    else:
        wanted = [(s.url, s.address) for s in states if s.address is not None]
    pages = []
    for n, (url, address) in enumerate(wanted, 1):
        response = read_response(home, address)
        state = by_url.get(url)
        sent = next((v for k, v in response.headers if k.lower() == "content-type"), None)
        same = state is not None and state.address is not None and state.address.sha256 == address.sha256
        kind = state.content_type if same and state is not None else sent
        pages.append(PageInput(url, response.body, kind, state.ordinal if state else n))
    return pages, notes


def _profile(home: Home, site: Site, version: int | None, known: bool) -> tuple[Profile | None, list[str]]:
    """The profile that the row was read with; where nothing is recorded, the newest one."""
    if not known:
        return load_profile(home, site.name), []
    if version is None:
        return None, []
    if version == 0:  # read beside a crawl, with a profile that is kept nowhere
        return load_profile(home, site.name), ["it was read with a provisional profile; here the newest one is taken"]
    try:
        return load_profile(home, site.name, version), []
    except JianghuaError:
        return load_profile(home, site.name), [
            f"profile {version}, which it was read with, is gone; here the newest one is taken"
        ]


def _corrections(home: Home, found: Found, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What people put right of the speeches, as the next publish applies it to the records: raw value, value, reason, and what hinders it."""
    told = []
    for row in rows:
        mine = [
            c
            for c in load_corrections(home)
            if c.matches(row["speech_id"], row["text_sha256"]) or c.speech_id == row["speech_id"]
        ]
        if not mine or found.part not in (None, row["part"]):
            continue
        _, effects = apply(row, mine)
        for e in effects:
            c = e.correction
            passage = c.find is not None
            told.append(
                {
                    "part": row["part"],
                    "field": c.field or "the whole speech",
                    "raw": c.find if passage else (None if c.drop else e.before),
                    "value": c.replace if passage else ("dropped: it is no speech" if c.drop else c.value),
                    "reason": c.reason,
                    "by": c.by,
                    "where": c.where,
                    "problem": e.problem,
                }
            )
    return told


def _compare(
    found: Found, recorded: Mapping[str, Any], made: Sequence[Mapping[str, Any]], digest: str
) -> dict[str, Any] | None:
    """The record against this reading; None when nothing is recorded of the article."""
    reading, provenance = recorded["reading"], recorded["provenance"]
    if reading is None or not provenance:
        return None
    first = provenance[0]
    changed = []
    if first["rules_version"] != RULES_VERSION:
        changed.append("the rules")
    if first["extractor"] != extractor():
        changed.append("the extractor")
    if not changed and reading["digest"] != digest:
        changed.append("the site file, the settings, the profile or the page")
    differs = []
    now = {r["speech_id"]: r for r in made}
    asked = [r for r in recorded["speeches"] if found.part is None or r["part"] == found.part]
    for old in asked:
        new = now.get(old["speech_id"])
        many = f"part {old['part']}, " if len(asked) > 1 else ""
        if new is None:
            differs.append({"column": f"{many}the row", "recorded": "there", "now": "none"})
            continue
        differs += [
            {"column": many + c.name, "recorded": old[c.name], "now": new[c.name]}
            for c in SPEECH
            if old[c.name] != new[c.name]
        ]
    if found.part is None and (extra := [i for i in now if i not in {r["speech_id"] for r in asked}]):
        differs += [{"column": f"part {now[i]['part']}, the row", "recorded": "none", "now": "there"} for i in extra]
    return {
        "rules_version": first["rules_version"],
        "extractor": first["extractor"],
        "profile_version": first["profile_version"],
        "changed": changed,
        "differs": differs,
    }
