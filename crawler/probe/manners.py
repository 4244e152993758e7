"""How a site answers and wants to be treated: where it begins, its hosts, delays, charsets, validators, dates. Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from crawler.extraction.decode import declared_charsets, decode
from crawler.extraction.model import ArticleResult
from crawler.probe.look import Look, Page
from crawler.probe.model import Because
from crawler.wording import counted

DELAY = 1.0  # seconds between two requests, where nothing asks for more
SLOW = 1.0  # seconds: a host that needs so long for an answer gets more time between requests
BUSY = 5.0  # seconds after an answer that says that the host has too much to do


def start(look: Look) -> list[Because]:
    """Where to begin, with the reasons: the address given, or where it leads, and the host's root if that is another page."""
    out: list[Because] = []
    for url in look.site.start:
        page = look.pages.get(look.site.key(url))
        if url == look.start:
            moved = f"{look.moved[0]} leads here; " if look.moved else ""
            scheme = next(
                (a.url for a in look.asked if a.status == 200 and look.site.key(a.url) == look.site.key(url)), url
            )
            out.append(Because(scheme if page is None or page.body is not None else url, f"{moved}{_answer(page)}"))
        elif page is not None and page.body is not None:
            out.append(Because(page.url, f"the root of the host; {_answer(page)}"))
    return out


def _answer(page: Page | None) -> str:
    if page is None:
        return "as given"
    if page.body is None:
        return page.why or "as given"
    return f"answers {page.status} with a {'list of links' if page.kind == 'list' else 'page of text'}"


def allowed(look: Look) -> list[Because]:
    """Further hosts of the site: the same name with or without www."""
    main = urlsplit(look.start).netloc.lower()
    other = main.removeprefix("www.") if main.startswith("www.") else f"www.{main}"
    came = {urlsplit(u).netloc.lower() for u in look.moved}
    count = look.outside[other]
    if other in came:
        return [Because(other, "leads here, and links may still name it")]
    return (
        [Because(other, f"{counted(count, 'link')} on the pages looked at; the same site by another name")]
        if count
        else []
    )


def delay_for(look: Look, given: float | None, local: bool) -> Because:
    """Seconds between two requests and the reason."""
    asked = look.robots.delay if look.robots is not None else 0.0
    answers = [a for a in look.asked if a.status is not None]
    busy = [a for a in answers if a.status in (429, 503)]
    usual = statistics.median([a.seconds for a in answers]) if answers else 0.0
    if given is not None:
        return Because(
            max(given, asked),
            "as asked for" if given >= asked else f"Crawl-delay of robots.txt; {given:g} was asked for",
        )
    least = 0.0 if local else DELAY
    if asked > least:
        return Because(asked, "Crawl-delay of robots.txt")
    if busy:
        return Because(
            max(least, BUSY),
            f"{len(busy)} of {counted(len(answers), 'answer')} said that it was too much ({busy[0].status})",
        )
    if usual >= SLOW:
        return Because(
            max(least, round(2 * usual, 1)), f"answers take {usual:.1f} s: twice as long is left between them"
        )
    if local:
        return Because(0.0, "an address of this machine or network, which asks for no delay")
    return Because(least, f"nothing asks for more; answers take {usual:.2f} s")


def sitemaps(look: Look) -> list[Because]:
    """Sitemaps and feeds that were read, the usual place and those of robots.txt apart."""
    auto = {"/sitemap.xml"} | {look.site.key(u) for u in (look.robots.sitemaps if look.robots is not None else ())}
    own = [p for p in look.pages.values() if p.kind == "sitemap" and p.status == 200 and p.why and p.depth <= 1]
    return [Because(p.key, p.why or "") for p in own if p.key not in auto and not p.key.startswith("//")][:5]


def charset(read: Iterable[Page]) -> str:
    """The charsets of the pages and whether header, meta element and bytes agree, in words."""
    found: Counter[tuple[str, str, str]] = Counter()
    for page in read:
        body = page.body or b""
        told = [
            (declared_charsets(b"", page.content_type) or ["nothing"])[0],
            (declared_charsets(body) or ["nothing"])[0],
        ]
        found[told[0], told[1], decode(body, page.content_type).charset] += 1
    if not found:
        return "no page was read"
    names = sorted({b for _, _, b in found})
    sets = []
    for (header, meta, real), count in found.most_common(3):
        agree = {header, meta} - {"nothing"} <= {real}
        sets.append(
            f"{count} × header says {header}, meta {meta}, bytes are {real}"
            + ("" if agree else ": they disagree, bytes count")
        )
    return f"{', '.join(names)} ({'; '.join(sets)})"


def facts(look: Look, read: Iterable[Page], results: Mapping[str, ArticleResult]) -> list[tuple[str, str]]:
    """Further things that people want to know, by name."""
    pages = list(read)
    ok = [a for a in look.asked if a.status == 200]
    tags = sum("etag" in a.headers for a in ok)
    dated = sum("last-modified" in a.headers for a in ok)
    evidence = Counter(
        str(row["published_from"] or "none") for r in results.values() for row in r.speeches[:1]
    )  # fmt: skip
    statuses = Counter(str(a.status) if a.status is not None else "no answer" for a in look.asked)
    times = sorted(a.seconds for a in look.asked if a.status is not None)
    sources = [p for p in look.pages.values() if p.kind == "sitemap" and p.status == 200]
    split = {p.article_key for p in pages if p.expected > 1}
    pagers = sorted(k for k, p in look.pages.items() if p.ordinal > 1)
    out = [
        ("requests", f"{len(look.asked)} ({', '.join(f'{n} × {s}' for s, n in statuses.most_common())})"),
        ("robots.txt", _robots(look)),
        ("sitemaps and feeds", ", ".join(f"{p.key} ({p.why})" for p in sources) or "none"),
        ("validators", f"ETag on {tags}, Last-Modified on {dated} of {counted(len(ok), 'answer')}" if tags or dated else "none: unchanged pages come whole"),
        ("dates", ", ".join(f"{n} × {e}" for e, n in evidence.most_common()) or "no speech was read"),
        ("split articles", f"{len(split)}, continued as {pagers[0]}" if split and pagers else "none seen"),
    ]  # fmt: skip
    if times:
        out.append(("answers take", f"{statistics.median(times):.2f} s, at most {times[-1]:.2f} s"))
    return out


def _robots(look: Look) -> str:
    if look.robots is None or not look.robots.text.strip():
        return "none: everything may be fetched"
    barred = sum(p.fate == "disallowed" for p in look.pages.values())
    wait = f", Crawl-delay {look.robots.delay:g} s" if look.robots.delay else ""
    return f"obeyed{wait}; forbids {barred} of {counted(len(look.pages), 'address')} met"
