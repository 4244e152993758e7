"""From what was seen of a site to what its site file should say, each with the reason. Pure: the same look gives the same proposal."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from crawler.extraction.article import read_article
from crawler.extraction.decode import decode
from crawler.extraction.model import ArticleResult, PageInput
from crawler.probe.forms import Form, form_of, forms_of
from crawler.probe.look import Look, Page
from crawler.probe.manners import allowed, charset, delay_for, facts, sitemaps, start
from crawler.probe.model import Because, Group, Kind, Proposal, Reading
from crawler.probe.names import name_for, site_title
from crawler.probe.platforms import Recognised, recognise
from crawler.site import Site
from crawler.wording import counted

EXAMPLES = 3
FIELDS = 3  # of a query, above which a form is one of many ways to show a list
PARTS = 12  # forms into which one is taken apart, at most
_DOCUMENT = ("speech", "preview", "off_topic")


def propose(look: Look, name: str | None = None, delay: float | None = None, local: bool = False) -> Proposal:
    """The proposal for a site. name, delay: given by hand. local: the site is on this machine or in the local network."""
    site = look.site
    read = {p.key: p for p in look.pages.values() if p.body is not None}
    results = _read(read, site)
    groups = _groups(look, results)
    readings = _readings(results, look, groups)
    title = site_title(look, results)
    texts = {k: decode(p.body or b"", p.content_type).text for k, p in read.items()}
    found = recognise(
        texts.values(),
        [k for k, p in look.pages.items() if p.status != 404],
        [f"{k}: {v}" for a in look.asked if a.status is not None and a.status < 400 for k, v in a.headers.items()],
    )
    patterns = {
        kind: [g for g in groups if g.kind == kind and g.pattern] for kind in ("list", "article", "in-article page")
    }
    return Proposal(
        name=Because(name, "as asked for") if name else name_for(look.start),
        title=title,
        start=start(look),
        allowed=allowed(look),
        platform=_platform(found),
        recognised=found,
        delay=delay_for(look, delay, local),
        lists=[_pattern(g) for g in patterns["list"]],
        articles=[_pattern(g) for g in patterns["article"]],
        pages=[_pattern(g) for g in patterns["in-article page"]],
        sitemaps=sitemaps(look),
        groups=groups,
        readings=readings,
        charset=charset(read.values()),
        facts=facts(look, read.values(), results),
        warnings=_warnings(look, groups, results),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------ what pages are


def _read(read: Mapping[str, Page], site: Site) -> dict[str, ArticleResult]:
    """What extraction makes of each article, by key of its first page that was fetched."""
    articles: dict[str, list[Page]] = defaultdict(list)
    for page in read.values():
        articles[page.article_key].append(page)
    out = {}
    for pages in articles.values():
        pages.sort(key=lambda p: (p.ordinal, p.key))
        inputs = [PageInput(p.url, p.body or b"", p.content_type, p.ordinal) for p in pages]
        out[pages[0].key] = read_article(inputs, site)
    return out


def _kind_of(page: Page, results: Mapping[str, ArticleResult]) -> Kind:
    if page.kind == "sitemap":
        return "feed or sitemap"
    if page.body is None:
        return "not seen" if page.fate in (None, "unfetched") else "not fetched"
    if page.ordinal > 1 and page.expected > 1:
        return "in-article page"
    result = results.get(page.key)
    if result is None or result.fate in _DOCUMENT:
        return "article"
    return "list" if result.fate == "list" or (page.kind == "list" and result.fate != "soft_404") else "other"


def _groups(look: Look, results: Mapping[str, ArticleResult]) -> list[Group]:
    """The forms of address of a site, most addresses first."""
    pages = {k: p for k, p in look.pages.items() if p.kind != "sitemap" or p.status == 200}
    forms = forms_of(pages)
    members: dict[Form, list[Page]] = defaultdict(list)
    for key, form in forms.items():
        members[form].append(pages[key])
    groups = []
    for form, found in list(members.items()):
        group = _group(form, found, results)
        if group.kind == "mixed":  # folders of several kinds were taken for one: apart they may be plain
            apart: dict[Form, list[Page]] = defaultdict(list)
            for page in found:
                apart[form_of(page.key)].append(page)
            parts = [_group(f, p, results) for f, p in apart.items()]
            if len(parts) <= PARTS and sum(p.count for p in parts if p.kind != "mixed") * 2 > group.count:
                groups += parts
                forms |= {page.key: f for f, pages_ in apart.items() for page in pages_}
                continue
        groups.append(group)
    return _without_conflicts(sorted(groups, key=lambda g: (-g.count, str(g.form))), forms)


def _group(form: Form, pages: Sequence[Page], results: Mapping[str, ArticleResult]) -> Group:
    kinds = Counter(k for p in pages if (k := _kind_of(p, results)) not in ("not seen", "not fetched"))
    looked = sum(kinds.values())
    examples = tuple(p.key for p in sorted(pages, key=lambda p: (p.body is None, p.key))[:EXAMPLES])
    if not looked:
        failed = Counter(p.why or p.fate or "" for p in pages if p.fate not in (None, "unfetched"))
        kind: Kind = "not fetched" if failed else "not seen"
        why = (
            failed.most_common(1)[0][0]
            if failed
            else "none was looked at; what they are will be told from what stands on them"
        )
        return Group(form, kind, len(pages), 0, 0, 0.0, why, examples)
    named_elsewhere = {p.canonical for p in pages if p.canonical and form_of(p.canonical) != form_of(p.key)}
    first, agree = kinds.most_common(1)[0]
    if first == "article" and 1 < len(named_elsewhere) >= 0.75 * looked:
        why = f"{len(named_elsewhere)} of {looked} looked at name another address as theirs; read once"
        return Group(
            form,
            "copy",
            len(pages),
            looked,
            len(named_elsewhere),
            (len(named_elsewhere) + 1) / (looked + 2),
            why,
            examples,
        )
    titled = sum(p.titled for p in pages)
    # Laplace's rule of succession, with the way in which the site's links name them as one more look
    named = 1 if (first == "article") == (titled * 2 > len(pages)) else 0
    sure = (agree + 1 + named) / (looked + 2 + named)
    if agree < looked * 0.75 and len(kinds) > 1:
        told = ", ".join(f"{n} {k}" for k, n in kinds.most_common())
        return Group(form, "mixed", len(pages), looked, agree, sure, f"{told}; told page by page", examples)
    why = f"{agree} of {looked} looked at" + (f", {titled} of {len(pages)} linked by a title" if titled else "")
    # that some say "not found" or ask to log in makes them no lists
    alike = set(kinds) <= {first, "other"} and agree >= 0.75 * looked
    sound = alike and looked >= min(2, len(pages)) and first in ("list", "article", "in-article page")
    # a single address needs no pattern where its content tells the crawl the same
    needed = form.varies or (first == "list" and any(p.body is not None and p.kind != first for p in pages))
    needed = needed and not form.repeated and len(form.fields) <= FIELDS
    pattern = form.pattern if sound and needed else None
    return Group(form, first, len(pages), looked, agree, sure, why, examples, pattern)  # fmt: skip


def _without_conflicts(groups: list[Group], forms: Mapping[str, Form]) -> list[Group]:
    """The groups, without the patterns that also fit addresses of another kind."""
    kinds = {g.form: g.kind for g in groups}
    out = []
    for g in groups:
        if g.pattern:
            found = re.compile(g.pattern)
            other = {kinds[f] for k, f in forms.items() if not k.startswith("//") and found.search(k)} - {
                g.kind,
                "not seen",
            }
            if other:
                g = replace(g, pattern=None, why=f"{g.why}; {', '.join(sorted(other))} look alike")
        out.append(g)
    return out


def _readings(results: Mapping[str, ArticleResult], look: Look, groups: Sequence[Group]) -> list[Reading]:
    """Three articles as they would be read: such that give most, of different forms."""
    forms = forms_of(look.pages)
    copies = {g.form for g in groups if g.kind in ("copy", "list")}
    ranked = sorted(
        (k for k, r in results.items() if r.fate in _DOCUMENT),
        key=lambda k: (forms[k] in copies, _DOCUMENT.index(results[k].fate), k),
    )
    chosen: list[str] = []
    for once in (True, False):
        for key in ranked:
            if len(chosen) < EXAMPLES and key not in chosen and not (once and forms[key] in {forms[c] for c in chosen}):
                chosen.append(key)
    out = []
    for key in chosen:
        r = results[key]
        row = r.speeches[0] if r.speeches else {}
        date = row.get("published_at")
        out.append(Reading(look.pages[key].url, r.fate, r.why, row.get("title") or r.title, date.isoformat(" ") if date else None,
                           row.get("published_from"), len(r.speeches), " ".join(str(row.get("text", "")).split())[:40]))  # fmt: skip
    return out


def _pattern(group: Group) -> Because:
    return Because(group.pattern, f"{group.count} met, such as {group.examples[0]}; {group.why}")


def _platform(found: Recognised | None) -> Because:
    if found is None:
        return Because("generic", "no sign of a known CMS")
    signs = "; ".join(found.evidence[:2])
    told = f"{found.platform.title}, by {counted(len(found.evidence), 'sign')}: {signs}"
    return Because(found.platform.file, told)


def _warnings(look: Look, groups: Sequence[Group], results: Mapping[str, ArticleResult]) -> list[str]:
    """What people should know before they take the proposal."""
    out = []
    speeches = sum(r.fate in ("speech", "preview") for r in results.values())
    documents = sum(r.fate in _DOCUMENT for r in results.values())
    if not documents:
        out.append("none of the pages looked at is an article; the start address may be the wrong one")
    elif not speeches:
        out.append(f"of {counted(documents, 'article')} looked at none is a speech")
    barred = sum(p.fate == "disallowed" for p in look.pages.values())
    if barred:
        out.append(
            f"robots.txt forbids {barred} of {counted(len(look.pages), 'address')} met; they will not be crawled"
        )
    if any(g.kind == "mixed" and g.count > 5 for g in groups):
        out.append("some addresses of one form are lists and articles; each page is told by what stands on it")
    for host, count in look.outside.most_common(3):
        if count >= 3:
            out.append(
                f"{count} links lead to {host}, which is not crawled; add it to `allowed` if it belongs to the site"
            )
    return out
