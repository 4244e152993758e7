"""Read any page as extraction would, without a crawl: an address, or a page saved as a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from crawler.config import load_settings
from crawler.errors import JianghuaError, UsageError
from crawler.explaining.view import View, make_view
from crawler.extraction import rows
from crawler.extraction.article import read_article
from crawler.extraction.inputs import Article, extractor
from crawler.extraction.model import PageInput
from crawler.extraction.profile import Profile, load_profile
from crawler.extraction.rules import RULES_VERSION
from crawler.extraction.trace import Trace
from crawler.extraction.worker import Reading
from crawler.fetch_once import Fetcher
from crawler.home import Home
from crawler.links import read_links
from crawler.pagers import places
from crawler.site import Site, load_site, site_files
from crawler.state import PageState

MAX_PAGES = 5  # in-article pages that are followed where nobody says otherwise
MAX_FILE = 10 * 1024 * 1024


def try_pages(
    home: Home,
    targets: Sequence[str],
    site_name: str | None = None,
    max_pages: int = MAX_PAGES,
    progress: Callable[[str], None] = lambda _: None,
) -> list[View]:
    """What would be extracted from each of the pages, as views (see make_view).

    targets: addresses, file: addresses or paths of saved pages. site_name: whose site file is taken; None: that of the site which the
    page's host belongs to, if there is one. max_pages: how many in-article pages are read together. progress: is told each address before
    it is fetched.
    Raises JianghuaError for a page that may not or cannot be had, UsageError for an unknown site or file.
    """
    known = _known_sites(home) if site_name is None else {}
    named = load_site(site_name, home) if site_name is not None else None
    given = frozenset(n for t in targets for n in _netlocs(t))
    settings = load_settings(home)
    fetcher = Fetcher(settings, given)
    views = []
    for target in targets:
        pages, notes = _fetch(target, named, known, fetcher, max_pages, progress)
        site = named or known.get(urlsplit(pages[0].url).netloc.lower())
        views.append(_view(home, pages, site, notes, settings.speech_threshold))
    return views


def _netlocs(target: str) -> list[str]:
    parts = urlsplit(target)
    return [parts.netloc.lower()] if parts.scheme in ("http", "https") else []


def _known_sites(home: Home) -> dict[str, Site]:
    """Sites by host; broken and unfilled site files are passed over."""
    found: dict[str, Site] = {}
    for name in site_files(home):
        try:
            site = load_site(name, home)
        except JianghuaError:
            continue
        if not site.unfilled:
            found |= dict.fromkeys(site.hosts, site)
    return found


def _fetch(
    target: str,
    named: Site | None,
    known: dict[str, Site],
    fetcher: Fetcher,
    most: int,
    progress: Callable[[str], None],
) -> tuple[list[PageInput], list[str]]:
    """A page and its further in-article pages, in order, and what is to be told of them."""
    if not target.startswith(("http://", "https://")):
        path = Path(unquote(urlsplit(target).path) if target.startswith("file:") else target)
        return [PageInput(path.resolve().as_uri(), _file(path))], []
    progress(target)
    first = fetcher.fetch(target)
    site = named or known.get(urlsplit(first.url).netloc.lower()) or _nameless(first.url)
    # the pages of an article tell together which pages it has: a pager often shows only the next ones
    pages = {first.url: first}
    pager = read_links(first.body, first.content_type, first.url, site).pager
    wanted = dict(sorted(pager.pages.items())) if pager else {1: first.url}
    if first.url != wanted.get(1):
        wanted.setdefault(1, pager.whole if pager else first.url)
    said = {first.url: pager} if pager else {}
    notes = []
    for _ in range(most):
        left = [u for _, u in sorted(wanted.items()) if u not in pages]
        if not left or len(pages) >= most:
            break
        progress(left[0])
        try:
            page = fetcher.fetch(left[0])
        except JianghuaError as e:
            notes.append(f"{left[0]}: {e.what}; the article is read without this page")
            wanted = {n: u for n, u in wanted.items() if u != left[0]}
            continue
        pages[left[0]] = page
        if (also := read_links(page.body, page.content_type, page.url, site).pager) is not None:
            said[left[0]] = also
            for n, url in also.pages.items():
                wanted.setdefault(n, url)
    told = {
        u: {"first": p.whole, "shift": p.shift, "pages": {str(n): a for n, a in p.pages.items()}}
        for u, p in said.items()
    }
    place = places(pages, told)
    if len(wanted) > len(pages):
        notes.append(f"the article has {len(wanted)} in-article pages or more; {len(pages)} were read (--pages)")
    ordered = sorted(pages.items(), key=lambda p: (place[p[0]].ordinal, p[0]))
    return [PageInput(p.url, p.body, p.content_type, n) for n, (_, p) in enumerate(ordered, 1)], notes


def _nameless(url: str) -> Site:
    """A site of which nothing is known but where it is."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}/" if parts.scheme in ("http", "https") else "http://page.invalid/"
    return Site(name="unknown", title="", start=(origin,))


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as f:
            return f.read(MAX_FILE)
    except OSError as e:
        raise UsageError(
            f"the file cannot be read: {e.strerror or e}",
            where=str(path),
            remedy="give the address of a page (http://…), or the path of a page that was saved",
        ) from None


def _view(home: Home, pages: Sequence[PageInput], site: Site | None, notes: Sequence[str], threshold: float) -> View:
    profile: Profile | None = load_profile(home, site.name) if site is not None else None
    model = site or _nameless(pages[0].url)
    trace = Trace()
    result = read_article(pages, model, profile, trace, threshold=threshold)
    states = tuple(PageState(p.url, p.url, pages[0].url, p.ordinal, len(pages), None, None, 200, None, None, None, None) for p in pages)  # fmt: skip
    reading = Reading(result.fate, result.why, result.title, speeches=tuple(result.speeches))
    made = rows.table("speeches", rows.complete_rows(model, Article(pages[0].url, states), reading)).to_pylist()
    for row in made:
        row["speech_id"] = None  # it has one when its site is crawled
    how = f"the site file of {site.name}" if site is not None else "no site file"
    how += f" and its profile {profile.version}" if profile is not None else ", no profile"
    return make_view(
        trace,
        result,
        made,
        site=site.name if site is not None else None,
        url=pages[0].url,
        threshold=threshold,
        read_with={
            "site_file": site.name if site is not None else None,
            "profile_version": profile.version if profile else None,
            "rules_version": RULES_VERSION,
            "extractor": extractor(),
        },
        notes=[f"read with {how}", *notes],
    )
