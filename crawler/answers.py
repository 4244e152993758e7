"""What an answer changes: the page kept, the links found in it, where it stands in its article. No politeness, no network.

What is written depends on the answers alone and not on the order in which they came, so that a crawl that was killed and
taken up again ends in the same state as one that was left alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

from scrapy.utils.gz import gunzip
from scrapy.utils.sitemap import Sitemap

from crawler import feeds
from crawler.archive import ArchiveWriter, WarcAddress, read_response
from crawler.completeness import Completeness, kept
from crawler.errors import DamagedError
from crawler.figures import HostCount
from crawler.home import Home
from crawler.links import PageLinks, read_links
from crawler.noise import Noise, form_of
from crawler.pagers import Pager, next_page, places, wholes, without_page
from crawler.site import Site
from crawler.state import ARTICLE, LAST, LIST, RECHECK, UNKNOWN, SiteState, new_row, text_time
from crawler.traps import Traps
from crawler.urls import Resolver, clean_url, template_of
from crawler.wording import counted

MAX_QUERY_TEMPLATE = 5_000  # addresses of one form: calendars and endless ?page=N
MAX_PATH_TEMPLATE = 300_000  # and see traps.py
MAX_SITEMAP_ENTRIES = 50_000
MAX_SITEMAP_BYTES = 50 * 1024 * 1024
MAX_GROUP = 200  # pages that are looked at to tell what an article's pages are
SERIES = 20  # pages of a list that are asked before what they lead to
MAX_CIRCLES = 2  # times that a page may lead to itself
LISTED = 3  # articles that a page names by their titles, for it to be a list of them
MAX_HOPS = 10  # redirects in a row that are followed
_HTML = ("text/html", "application/xhtml")
_FILES = (
    b"%PDF-",
    b"PK\x03\x04",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\xd0\xcf\x11\xe0",
    b"Rar!",
)  # whatever the header says
_UNTOLD = ("", "text/plain", "application/octet-stream", "unknown/unknown")  # media types that say nothing
_PICTURES = ("image/", "audio/", "video/", "font/")
_CODE = ("/css", "javascript", "json")
_PACKED = re.compile(r"[-;]{1,2}(?:gzip|deflate|df|br|zstd)$")
_LEADING = re.compile(rb"^(?:\xef\xbb\xbf|\s|<!--.*?-->|<\?xml[^>]*\?>)+", re.DOTALL)
_BLOCKS = re.compile(rb"</(p|div|title|table|td|ul|li|h[1-6]|a)>")
_KINDS = {"list": "list", "article": "article", "page": "article"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came. headers: names in lower case; raw: as sent; body: content encoding removed."""

    url: str
    status: int
    reason: str
    headers: Mapping[str, str]
    raw: list[tuple[str, str]]
    body: bytes
    at: datetime


@dataclass(slots=True)
class Counts:
    """What a crawl did; `failed` says why the site could not be crawled, None when it could."""

    requests: int = 0
    bytes: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    not_modified: int = 0
    gone: int = 0
    errors: int = 0
    disallowed: int = 0
    newly_disallowed: int = 0
    lost_to_robots: int = 0
    redirects: int = 0
    not_html: int = 0
    retries: int = 0
    seconds: float = 0.0
    known: int = 0
    queued: int = 0
    run: str = ""
    resumed: bool = False
    finished: bool = False
    failed: str | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    hosts: dict[str, HostCount] = field(default_factory=dict)
    lists: Completeness | None = None

    def as_json(self) -> dict[str, Any]:
        """As the crawl prints them; of the reasons the most frequent ones."""
        told = {f: getattr(self, f) for f in self.__slots__ if f not in ("reasons", "hosts", "lists")}
        told["reasons"] = dict(sorted(self.reasons.items(), key=lambda x: (-x[1], x[0]))[:10])
        told["seconds"] = round(self.seconds, 2)
        told["hosts"] = [count.as_json(host) for host, count in sorted(self.hosts.items())]
        return told | (self.lists.as_json() if self.lists is not None else {})


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a page that answered 200 is not taken, and the status that would have been honest."""

    why: str
    status: int


REFUSALS = {
    "check": Refused("asks who we are instead of answering (a captcha)", 429),
    "closed": Refused("says that it is closed for maintenance", 503),
    "broken": Refused("shows an error of its server or database, or that no site is there", 500),
}
BLANK = Refused("shows nothing any more", 503)
MAY_REFUSE = Refused("says something else instead", 503)
SAYS_GONE = "says that nothing is there"
LEADS_HOME = "leads to the start page"


def _same_validators(row: Any, values: Mapping[str, Any], found: PageLinks) -> bool:
    """Whether a page that changed has the validators that it had before, so that it would have been answered 304. Of an article its text counts
    and not what counts its readers; weak validators promise less than the same bytes, but the same text."""
    if found.kind == "article" and row.kind == "article":
        if {f"{t:x}" for t in found.texts} == set((row.texts or "").split()):
            return False
    elif (row.etag or "").startswith("W/"):
        return False
    if row.etag:
        return bool(row.etag == values["etag"])
    return bool(row.last_modified and row.last_modified == values["last_modified"])


def _tag(etag: str) -> str:
    """An ETag for comparing: servers that pack what they send add how (`"5d8-gzip"`), and leave that out of a 304."""
    return _PACKED.sub("", etag.removeprefix("W/").strip('"'))


def is_html(content_type: str, body: bytes) -> bool:
    """Whether an answer is a page: by its media type, or by its looks where that says nothing."""
    media = content_type.partition(";")[0].strip().lower()
    if body.startswith(_FILES):
        return False
    if media.startswith(_HTML):
        return True
    head = _LEADING.sub(b"", body[:4096]).lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return not media.endswith(_CODE) and not media.startswith(_PICTURES)
    # a wide charset has zeros between its letters
    plain = media in _UNTOLD and b"\x00" not in body[:1024]
    return plain and (b"<body" in head[:1024] or len(set(_BLOCKS.findall(head))) >= 2)


def begins_whole(body: bytes) -> bool:
    """Whether a page opens its root, so that it should close it."""
    head = body[:2048].lower()
    return b"<html" in head or b"<body" in head


def ends_whole(body: bytes) -> bool:
    """Whether a page ends as pages do: its root closed, or its body."""
    tail = body[-400:].lower()
    return b"</html" in tail or b"</body" in tail


def body_kept(home: Home, row: Any) -> bool:
    """Whether the archive still holds the body that a row refers to, whole."""
    if not row.warc_file:
        return False
    try:
        read_response(home, WarcAddress(row.warc_file, row.warc_offset, row.warc_length, row.sha256))
    except DamagedError:
        return False
    return True


class Answers:
    """Takes the answers of one site into its state and its archive. Raises JianghuaError when they cannot be kept."""

    def __init__(
        self, home: Home, site: Site, state: SiteState, writer: ArchiveWriter, counts: Counts, since: str = ""
    ) -> None:
        """since: when the run began, as the state keeps times."""
        self._home, self._site, self._state, self._writer, self.counts = home, site, state, writer, counts
        self._resolver = Resolver(site)
        self._known = state.keys()
        self._noise = Noise(json.loads(state.meta("noise") or "{}"))
        self._plain: dict[str, str] = {}  # keys by their plain form, where fields say nothing
        for key in sorted(self._known) if self._noise.silent else ():
            self._name(key)
        self._templates: Counter[str] = Counter(state.template_counts())
        self.starts: set[str] = set()  # keys of the start pages
        self._since = since
        self._sent_home: bool | None = None  # whether more pages lead to a start page than answer
        self._lists: dict[int, str] = {}  # keys of the lists of this run, by what they show
        self._notices: dict[int, set[str]] = {}  # keys by what is said instead of a page
        self.liar = state.meta("validators") is not None  # whether the site's validators are not to be relied on
        self._everywhere: set[str] | None = None  # texts of the site, looked up when first needed
        self._data_shown: dict[
            str, set[str]
        ] = {}  # keys that pages of a list as JSON named, by its address without number
        self._listed: dict[str, Counter[str]] = {}  # how many articles of which form lists name that pages were led to
        self._circles: Counter[str] = Counter()
        self._set_cookies: set[str] = set()  # keys of redirects that set a cookie
        self._traps = Traps(json.loads(state.meta("traps") or "{}"))
        self.urgent: tuple[int, int] | None = (
            None  # least (priority, depth) of what was added since it was last looked at
        )

    def error_fate(self, row: Any, why: str) -> dict[str, Any]:
        """What an error makes of a page: what was read before stays readable."""
        return {} if row.warc_file and row.fate is None else {"fate": "error", "why": why}

    # -- what is met

    def key_of(self, key: str) -> str:
        """The key under which a page is known: without fields that say nothing, where it is not known with them."""
        if key in self._known or not self._noise.silent:
            return key
        plain = self._noise.plain(key)
        return self._plain.get(plain, plain)

    def _name(self, key: str) -> None:
        plain = self._noise.plain(key)
        if plain != key or form_of(plain) in self._noise.silent:
            self._plain.setdefault(plain, key)

    def _learn(self, row: Any, found: PageLinks) -> None:
        """Note what an address shows; where that tells that a field says nothing, addresses that differ in it alone are one from now on."""
        if not self._noise.seen(row.key, found.shows, len(found.titled)):
            return
        self._state.set_meta("noise", json.dumps(self._noise.kept(), ensure_ascii=False, sort_keys=True))
        self._plain.clear()
        doubles: list[str] = []
        for key, read in self._state.met():
            if form_of(key) not in self._noise.silent:
                continue
            plain = self._noise.plain(key)
            if self._plain.setdefault(plain, key) != key and not read and key != row.key:
                doubles.append(key)
        self._state.forget(doubles)
        self._known -= set(doubles)
        self.urgent = (0, 0)

    def add(self, rows: Iterable[dict[str, Any]]) -> int:
        """Put URLs that are not known yet into the frontier; how many."""
        new = []
        for row in rows:
            row["key"] = row["article_key"] = self.key_of(row["key"])
            if row["key"] in self._known:
                continue
            template = row["template"]
            if not self._room(template):
                continue
            if self._traps.last(template):
                row["priority"] = LAST
            self._known.add(row["key"])
            self._name(row["key"])
            self._templates[template] += 1
            place = (row["priority"], row["depth"])
            self.urgent = min(self.urgent or place, place)
            new.append(row)
        self._state.insert(new)
        return len(new)

    def _room(self, template: str) -> bool:
        """Whether more addresses of a form are followed."""
        return self._templates[template] < (MAX_QUERY_TEMPLATE if "?" in template else MAX_PATH_TEMPLATE)

    def _links(self, row: Any, found: PageLinks, stamp: str) -> None:
        links, depth = found.links, row.depth + 1
        everything = self._site.follow.everything
        own = template_of(row.url)
        fresh = [
            t for t in links
            if t.key not in self._known and self.key_of(t.key) not in self._known and (everything or t.kind is not None) and self._room(t.template)
        ]  # fmt: skip
        # The next page of a list that brought something new is hardly deeper than this one: a long list is followed to its end,
        # a calendar or an endless ?page=N only as deep as max_depth.
        forms = [(t.template, t.key in found.titled) for t in fresh]
        fruitful = self._traps.bears(own, forms)
        if row.depth and row.warc_file is None and found.pager is None:
            self._look_for_traps(own, found, forms)
        beside = row.depth
        if not any(titled and other != own for other, titled in forms):
            # what it brings is not named as articles are: the more there are of it, the sooner one looks at what it leads to
            beside = min(depth, max(row.depth, self._templates[own] // SERIES + 1))
        if self._templates[own] % SERIES == 0:  # now and then the others have their turn
            beside = max(row.depth, min(depth, self._site.follow.max_depth // 2))
        # the same titles under one more condition: what lies below this address will show them again
        again = (
            found.kind == "list" and len(found.titled) >= LISTED and self._lists.get(found.shows, row.key) != row.key
        )
        below = urlsplit(row.url).path.rstrip("/") + "/"
        rows = []
        for target in fresh:
            if row.depth and self._traps.ends(own, target.template, target.key in found.titled):
                continue
            at = beside if fruitful and target.template == own and row.depth else depth
            if (
                again
                and below != "/"
                and target.key not in found.titled
                and urlsplit(target.url).path.startswith(below)
            ):
                at += self._site.follow.max_depth // 2
            if at > self._site.follow.max_depth:
                continue
            kind = _KINDS.get(target.kind or "")
            rows.append(
                new_row(target.key, target.url, stamp, kind=kind, depth=at, template=target.template,
                        priority=LIST if kind == "list" else ARTICLE if kind == "article" else UNKNOWN)
            )  # fmt: skip
        self.add(rows)

    def _look_for_traps(self, template: str, found: PageLinks, fresh: list[tuple[str, bool]]) -> None:
        """Note what a new page brought; pages of a form that brings nothing are asked last."""
        before = self._traps.last(template)
        shows = [(t.key, t.template, t.key in found.titled) for t in found.links]
        if not self._traps.seen(template, fresh, found.text, found.kind == "article", shows):
            return
        self._state.set_meta("traps", json.dumps(self._traps.barren, sort_keys=True))
        if self._traps.last(template) and not before:
            self._state.postpone(template)
            self.urgent = (0, 0)  # what waits in the order of before is read again

    # -- pages

    def page(self, row: Any, answer: Answer, sure: bool) -> Refused | None:
        """Take a page that answered 2xx; why it was not taken, where the site says something else instead. sure: its body in the archive was just
        seen to be whole."""
        stamp = text_time(answer.at)
        content_type = answer.headers.get("content-type", "")
        values: dict[str, Any] = {
            "queued": 0, "tries": 0, "missing": 0, "status": answer.status, "checked_at": stamp, "gone_since": None,
            "url": clean_url(answer.url) or answer.url, "why": None, "etag": answer.headers.get("etag"),
            "last_modified": answer.headers.get("last-modified"), "whole_at": stamp,
        }  # fmt: skip
        if row.kind == "sitemap":
            self._state.update(row.key, **{**values, "why": self._sitemap(row, answer, stamp)})
            return None
        if feeds.is_feed(answer.body):
            why = self._sitemap(row, answer, stamp)
            self._state.update(row.key, **{**values, "kind": "sitemap", "fate": None, "why": why})
            return None
        data = feeds.read_data(answer.body)
        if data is not None and (named := feeds.data_addresses(data)):
            why = self._data(row, answer, named, stamp)
            self._state.update(row.key, **{**values, "kind": "sitemap", "fate": None, "why": why})
            return None
        if not is_html(content_type, answer.body):
            self.counts.not_html += 1
            media = content_type.partition(";")[0].strip() or "unknown media type"
            self._state.update(row.key, **{**values, "fate": "not_html", "why": media, "kind": "file"})
            return None
        found = read_links(answer.body, content_type, answer.url, self._site, self._resolver)
        sha256 = hashlib.sha256(answer.body).hexdigest()
        new = row.warc_file is None or row.sha256 != sha256
        if new and found.notice in REFUSALS and (refused := self._notice(row, found)) is not None:
            return refused
        if new and found.notice == "blank" and row.warc_file is not None:
            before = self._kept_body(row)
            if before is not None and self._read_again(row, before).notice != "blank":
                return BLANK
        if new and row.warc_file is not None and row.kind == "article":
            instead = self._lists.get(found.shows) if found.kind == "list" and found.titled else None
            # what was an article is something else now
            if (found.notice is not None or instead is not None) and not self._shares(row, found):
                if found.notice in REFUSALS:  # said by this address alone: the page and not the host
                    return replace(REFUSALS[found.notice], status=503)
                if found.notice == "login":
                    kept = ("queued", "tries", "missing", "checked_at")
                    self._state.update(row.key, **{k: values[k] for k in kept})
                    return None
                self.missing(row, answer, SAYS_GONE if instead is None else f"shows {instead} instead")
                return None
        if found.notice == "gone":
            values["why"] = SAYS_GONE
        if found.kind == "list" and found.shows and row.kind != "article":
            self._lists.setdefault(found.shows, row.key)
        if not new and (sure or body_kept(self._home, row)):
            self.counts.unchanged += 1
            first = datetime.fromisoformat(row.fetched_at)
            self._writer.revisit(answer.url, answer.status, answer.reason, answer.raw, answer.at, sha256, first)
        else:
            self.counts.changed += row.warc_file is not None
            if (
                row.warc_file is not None
                and row.sha256 != sha256
                and _same_validators(row, values, found)
                and not self.liar
            ):
                self.liar = True
                self._state.set_meta("validators", f"{stamp} {row.key} changed and its validators did not"[:300])
            self.counts.new += row.warc_file is None
            address = self._writer.response(
                answer.url, answer.status, answer.reason, answer.raw, answer.body, answer.at, sha256
            )
            values |= {
                "warc_file": address.file, "warc_offset": address.offset, "warc_length": address.length,
                "sha256": sha256, "fetched_at": stamp, "changed_at": stamp,
            }  # fmt: skip
        values |= {"fate": None, "content_type": content_type or None}
        values["kind"] = found.kind
        values["stated"] = self._stated(row, found)
        values |= {"canonical": found.canonical, "texts": " ".join(map("{:x}".format, found.texts)) or None}
        if found.pager is not None:
            values["kind"] = "article"
            values |= self._pager(row, found.pager, stamp, found.title)
        elif row.pager is not None:
            values |= self._regroup(row, None)
        if "?" in row.key:
            self._learn(row, found)
        self._links(row, found, stamp)
        self._state.update(row.key, **values)
        return None

    def _shares(self, row: Any, found: PageLinks) -> bool:
        """Whether a page shows something of what it showed when it was read before, other than what stands on every page of the site."""
        common = {f"{t:x}" for t in found.texts} & set((row.texts or "").split())
        if common and self._everywhere is None:
            self._everywhere = self._state.common_texts()
        return bool(common - (self._everywhere or set()))

    def _notice(self, row: Any, found: PageLinks) -> Refused | None:
        """Why a page is not taken that reads like a notice: when other addresses say the same. The first that says so is asked for again, since a
        short page may use such words of itself."""
        saying = self._notices.setdefault(found.said, set())
        saying.add(row.key)
        if len(saying) > 1:
            return REFUSALS[found.notice or ""]
        return None if row.tries else MAY_REFUSE

    def _stated(self, row: Any, found: PageLinks) -> str | None:
        """What is kept of a list page that has a pager or says how much it holds."""
        if found.kind != "list" or (found.list_pager is None and not found.stated):
            return None
        pager, said = found.list_pager, found.stated
        whole = row.key
        if pager is not None:
            keys = [self._site.key(u) for u in wholes(pager.whole, row.url)]
            whole = next((k for k in keys if k in self._known), keys[0])
        own = [n for n, u in pager.pages.items() if self._site.key(u) == row.key] if pager is not None else []
        n = own[0] if own else said.page or 1
        return kept(whole, n, said.items, said.pages, said.said, found.items)

    def unchanged(self, row: Any, answer: Answer) -> None:
        """Take a 304 for a page whose body is kept."""
        told = answer.headers.get("etag")
        if told and row.etag and _tag(told) != _tag(row.etag):  # not the body that we have
            self._state.update(row.key, etag=None, last_modified=None, queued=1)
            return
        self.counts.not_modified += 1
        self.counts.unchanged += 1
        values: dict[str, Any] = {
            "queued": 0, "tries": 0, "missing": 0, "status": 200, "checked_at": text_time(answer.at), "gone_since": None,
            "url": answer.url,
        }  # fmt: skip
        if row.warc_file and row.kind != "file":
            values |= {"fate": None, "why": None}
        self._state.update(row.key, **values)

    def missing(self, row: Any, answer: Answer, why: str | None = None) -> bool:
        """Take a 404 or 410, or what is as good as one for the reason `why`; whether the page is gone: when it has answered so again at the end of
        the run."""
        stamp = text_time(answer.at)
        if row.kind == "sitemap":  # most sites have none
            self._state.update(row.key, queued=0, tries=0, status=answer.status, checked_at=stamp)
            return False
        if not row.missing:
            self._state.update(row.key, missing=1, tries=0, status=answer.status, priority=RECHECK, queued=1)
            return False
        self.counts.gone += 1
        self._state.update(
            row.key, queued=0, tries=0, status=answer.status, checked_at=stamp, gone_since=row.gone_since or stamp,
            fate="gone", why=why or f"answers {answer.status}",
        )  # fmt: skip
        if row.pager is not None:
            self._state.update(row.key, **self._regroup(row, None))
        return True

    # -- redirects

    def redirect(self, row: Any, answer: Answer) -> None:
        """Take a 3xx: the target becomes a row of the frontier; a detour deletes nothing."""
        stamp = text_time(answer.at)
        # bytes that are not ASCII stand there as sent, in whatever charset: the server knows them
        given = "".join(c if c < "\x80" else f"%{ord(c):02X}" for c in answer.headers.get("location", ""))
        try:
            target = clean_url(urljoin(answer.url, given))
        except ValueError:
            target = None
        self.counts.redirects += 1
        found = self._resolver.target(target) if target is not None else None
        if found is not None and found.inside and found.key == row.key and self._circles[row.key] < MAX_CIRCLES:
            # sets a cookie and leads to itself, or to https: ask again, now with the cookie
            self._circles[row.key] += 1
            # what clean_url takes off may be what the server wants: a session in the path
            self._state.update(row.key, url=urljoin(answer.url, given) if found.url == row.url else found.url, queued=1)
            return
        inside = found is not None and found.inside
        if "set-cookie" in answer.headers:
            self._set_cookies.add(row.key)
        hops = (row.hops or 0) + 1
        if found is not None and inside and hops <= MAX_HOPS:
            priority = row.priority if row.priority != RECHECK else UNKNOWN
            self.add(
                [
                    new_row(
                        found.key,
                        found.url,
                        stamp,
                        depth=row.depth,
                        priority=priority,
                        template=found.template,
                        hops=hops,
                    )
                ]
            )
            if found.key != row.key and self._circles[found.key] < MAX_CIRCLES and self._came_from(found.key, row.key):
                # it set a cookie and led here, to see whether that came: asked again, now with the cookie
                self._circles[found.key] += 1
                self._state.update(found.key, queued=1)
                self.urgent = (0, 0)
        values: dict[str, Any] = {"queued": 0, "missing": 0, "tries": 0, "status": answer.status, "checked_at": stamp}
        passing = answer.status in (302, 303, 307) or not inside
        passing_or_home = passing or (found is not None and found.key in self.starts)
        if passing_or_home and found is not None and inside and row.warc_file and row.kind == "article":
            why_gone = self._led_away(row, found.key)
            if why_gone is not None:
                self.missing(row, answer, why_gone)
                return
        if not (row.warc_file and row.fate is None and passing):
            # keys, not addresses: the same on a replica or another port
            where = found.key if found is not None else given or "nowhere"
            why = f"leads to {where}" if inside else f"leads out of the site, to {where}"
            if inside and hops > MAX_HOPS:
                why = f"leads on and on, after {MAX_HOPS} redirects to {where}"
            values |= {"fate": "redirect", "why": why[:300]}
        self._state.update(row.key, **values)

    def _came_from(self, key: str, here: str) -> bool:
        """Whether a redirect leads back to where one came from by another one: that set a cookie in this process, or, before a kill, led here."""
        if key in self._set_cookies:
            return True
        there = next(iter(self._state.rows([key])), None) if key in self._known else None
        return there is not None and there.fate == "redirect" and there.why == f"leads to {here}"

    def _led_away(self, row: Any, target: str) -> str | None:
        """Why a page that was read and leads to another one for the time being is as good as missing, None where it is not, a detour to a login, say.

        It is when it leads to a page that says that it is gone, or to a start page or a list of such articles while not more pages do so than
        answer: a site that sends everybody home is being mended. What is not known yet is told at the end of the run, when missing pages are asked again.
        """
        there = next(iter(self._state.rows([target])), None)
        if target in self.starts or self._lists_such(there, template_of(row.url)):
            if row.missing and self._sent_home is None:
                self._sent_home = self._state.sent_away(self._since)
            why = LEADS_HOME if target in self.starts else f"leads to {target}, a list"[:300]
            return why if not row.missing or self._sent_home in (None, False) else None
        if there is not None and (there.fate == "gone" or there.why == SAYS_GONE):
            return f"leads to {target}, which {there.why}"[:300]
        unknown = there is None or there.checked_at is None or there.queued
        return f"leads to {target}"[:300] if unknown and not row.missing else None

    def _kept_body(self, row: Any) -> bytes | None:
        """The body that a page was read from, None where the archive does not hold it any more."""
        try:
            address = WarcAddress(row.warc_file, row.warc_offset, row.warc_length, row.sha256)
            return read_response(self._home, address).body
        except DamagedError:
            return None

    def _read_again(self, row: Any, body: bytes) -> PageLinks:
        """What a page showed when it was read."""
        return read_links(body, row.content_type, row.url, self._site, self._resolver)

    def _lists_such(self, row: Any, template: str) -> bool:
        """Whether a page that was read is a list of articles of a form, and none that asks to log in."""
        if row is None or row.kind != "list" or not row.warc_file or row.fate is not None:
            return False
        if row.key not in self._listed:
            body = self._kept_body(row)
            if body is None:
                return False
            found = self._read_again(row, body)
            asks = re.search(rb"""type\s*=\s*["']?password""", body, re.IGNORECASE)
            forms = Counter(t.template for t in found.links if t.key in found.titled)
            self._listed[row.key] = Counter() if asks else forms
        return self._listed[row.key][template] >= LISTED

    # -- articles over several pages

    def _pager(self, row: Any, pager: Pager, stamp: str, title: int) -> dict[str, Any]:
        """Note what a page says of its article, and put the article's other pages into the frontier. title: see PageLinks."""
        self.add(
            new_row(self._site.key(u), u, stamp, kind="article", depth=row.depth, priority=ARTICLE, template=template_of(u))
            for _, u in sorted(pager.pages.items())
        )  # fmt: skip
        keys = {n: self.key_of(self._site.key(u)) for n, u in pager.pages.items()}
        whole = self.key_of(self._site.key(pager.whole))
        # x_1.html is x.html under another name, where that is known
        first = whole if whole in self._known or 1 not in keys else keys[1]
        if first not in self._known:
            first = self._read_first(pager, row) or first
        said = {"first": first, "shift": pager.shift, "pages": {str(n): k for n, k in sorted(keys.items())}}
        if title:
            said["title"] = title
        return self._regroup(row, said)

    def _read_first(self, pager: Pager, row: Any) -> str | None:
        """The key of an article that is known as the first page of what a pager goes over, though none of its links leads there."""
        keys = [self.key_of(self._site.key(u)) for u in wholes(pager.whole, row.url)]
        rows = self._state.rows([k for k in keys if k in self._known])
        return next((r.key for r in sorted(rows, key=lambda r: keys.index(r.key)) if r.kind == "article"), None)

    def _regroup(self, row: Any, said: dict[str, Any] | None) -> dict[str, Any]:
        """Tell anew which pages belong together, now that a row's page says this; what changes of that row. What the page said before is
        changed by its own answers alone, so that the row tells it, whenever it was read."""
        key = row.key
        before = json.loads(row.pager) if row.pager else None
        if said is not None and said == before and row.expected > 1:  # 1: lost by an older version
            return {}
        met = {key} | {k for p in (said, before) if p for k in (*p["pages"].values(), p["first"])}
        rows: dict[str, Any] = {}
        seen: dict[str, Any] = {}
        asked: set[str] = set()
        while (more := met - rows.keys()) and len(rows) < MAX_GROUP:
            seen |= self._related(more, asked)
            rows |= {k: seen.get(k) for k in more}
            articles = {r.article_key for r in rows.values() if r is not None}
            seen |= self._related(articles, asked)
            met |= articles | {r.key for r in seen.values() if r.article_key in articles}
            for r in rows.values():
                if r is not None and r.pager:
                    met |= set(json.loads(r.pager)["pages"].values())
        pagers = {r.key: json.loads(r.pager) for r in rows.values() if r is not None and r.pager and r.key != key}
        if said is not None:
            pagers[key] = said
        mine: dict[str, Any] = {"pager": json.dumps(said) if said is not None else None}
        for k, place in places((k for k, r in rows.items() if r is not None), pagers).items():
            r = rows[k]
            alone = place.article_key == k and place.expected == 1
            if alone and (r.fate == "gone" or (k == key and said is None and row_is_gone(r))):
                continue  # stays what it was a page of
            values = {"article_key": place.article_key, "ordinal": place.ordinal, "expected": place.expected}
            if k == key:
                mine |= values
            elif (r.article_key, r.ordinal, r.expected) != tuple(values.values()):
                self._state.update(k, **values)
        return mine

    def _related(self, keys: Set[str], asked: set[str]) -> dict[str, Any]:
        """The rows of these keys and of the pages of articles that are called so, by key. asked: keys that were asked for, which are not again."""
        new = keys - asked
        asked |= new
        return {r.key: r for r in self._state.related(new)} if new else {}

    # -- sitemaps

    def sitemaps(self, given: Iterable[str], stamp: str) -> None:
        """Put sitemaps of the site's own hosts into the frontier."""
        rows = []
        for url in given:
            target = clean_url(urljoin(self._site.origin, url))
            if target and urlsplit(target).netloc in self._site.hosts:
                rows.append(
                    new_row(self._site.key(target), target, stamp, kind="sitemap", priority=LIST, template="sitemap")
                )
        self.add(rows)

    def _sitemap(self, row: Any, answer: Answer, stamp: str) -> str | None:
        """Put what a sitemap, an index of sitemaps or a feed names into the frontier; what it is, None when it cannot be read."""
        try:
            body = answer.body
            data = gunzip(body, max_size=MAX_SITEMAP_BYTES) if body[:2] == b"\x1f\x8b" else body
            if len(data) > MAX_SITEMAP_BYTES:
                raise ValueError("too large")
            what, found = _named(data)
            rows = []
            named = list(islice(found, MAX_SITEMAP_ENTRIES))
            for address in named:
                target = self._resolver.resolve(answer.url, address)
                if target is None or urlsplit(target.url).netloc not in self._site.hosts:
                    continue
                if what == "index":
                    if row.depth < 3:
                        rows.append(new_row(target.key, target.url, stamp, kind="sitemap", depth=row.depth + 1,
                                            priority=LIST, template="sitemap"))  # fmt: skip
                elif target.inside:
                    kind = _KINDS.get(target.kind or "")
                    rows.append(new_row(target.key, target.url, stamp, kind=kind, depth=1, priority=UNKNOWN,
                                        template=target.template))  # fmt: skip
            self.add(rows)
            return f"{what} of {counted(len(named), 'address')}"
        except Exception as e:  # a sitemap is a courtesy: a broken one is no failure of the site
            self.counts.reasons[f"sitemap not readable: {type(e).__name__}"] += 1
            return None

    def _data(self, row: Any, answer: Answer, named: list[str], stamp: str) -> str:
        """Put what a list as JSON names into the frontier, and its next page where this one brought something new; what it is."""
        found = [t for a in named if (t := self._resolver.resolve(answer.url, a)) is not None and t.inside]
        depth = row.depth + 1
        new = self.add(
            new_row(
                t.key, t.url, stamp, kind=_KINDS.get(t.kind or ""), depth=depth, priority=UNKNOWN, template=t.template
            )
            for t in found
            if depth <= self._site.follow.max_depth
        )
        following = next_page(answer.url)
        if following is not None:
            # the list may stand at an address without number too, which named what its first page names
            shown = self._data_shown.setdefault(without_page(answer.url), set())
            fresh = {t.key for t in found} - shown
            shown |= fresh
            following = following if new or (fresh and row.checked_at is None) else None
        if following is not None:
            at = self._resolver.target(following)
            self.add([new_row(at.key, at.url, stamp, depth=row.depth, priority=LIST, template=at.template)])
        return f"list of {counted(len(named), 'address')}"


def _named(data: bytes) -> tuple[str, Iterable[str]]:
    """What a sitemap is (sitemap, index of others, feed) and the addresses that it names. A plain list of lines is one too."""
    if feeds.is_feed(data):
        return "feed", feeds.addresses(data)
    data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if data[:4].lower() == b"http" or (data[:1] == b"/" and b"<" not in data[:1024]):
        return "sitemap", (line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip())
    found = Sitemap(feeds.escaped(data))
    return "index" if found.type == "sitemapindex" else "sitemap", (str(entry.get("loc", "")) for entry in found)


def row_is_gone(row: Any) -> bool:
    """Whether a row's page answered 404 or 410 in this run."""
    return bool(row.missing) or row.fate == "gone"
