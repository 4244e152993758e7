"""Addresses: what is fetched for a link, whether it lies in the site's scope, what form it has. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit, urlunsplit

from w3lib.url import safe_url_string

from crawler.pagers import is_page_key
from crawler.site import Site

MAX_URL = 1_000  # characters; longer ones are traps or searches
_MAX_CACHE = 50_000  # links that are remembered
_MAX_BASES = 2_000  # and what they are relative to: a folder an article

# most links of most pages: nothing in them has to be escaped, sorted or taken off
_PLAIN = re.compile(
    r"https?://[a-z0-9.-]+(?::(?!80/|443/)\d{2,5})?/[A-Za-z0-9_~/-]*(?:[A-Za-z0-9_~-]\.[A-Za-z0-9]+)?\Z"
)
_BREAKS = re.compile(r"[\t\r\n]")
_SESSION_PATH = re.compile(r";(?:jsessionid|phpsessid|sessionid)=[^/?]*", re.IGNORECASE)
# ASP.NET without cookies: /(S(lit3py55t21z5v55vlm25s55))/page.aspx
_SESSION_FOLDER = re.compile(r"/\((?:[A-Z]\([^()/]*\))+\)(?=/)")
# a session is no part of a page's address, nor is where a reader comes from: what advertisers and chat programs add, the list of a forum; sid is one only when it looks
# like a token
_SESSION_FIELD = re.compile(
    r"(?:phpsessid|jsessionid|aspsessionid\w*|sessionid|session_id|utm_\w+|spm|fbclid|gclid|msclkid|bd_vid|hmsr|isappinstalled|share_token)=|from=(?:timeline|(?:single|group)message)$|(?:sid|s)=[0-9a-f]{16,}$|extra=page(?:=|%3d)",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_LEADING_FLAGS = re.compile(r"^\(\?([aimsux]+)\)(.*)$", re.DOTALL)
_LOOP = re.compile(r"((?:/[^/]+){1,3})\1{2,}(?:/|$)")  # a relative link that grows by itself: /a/b/a/b/a/b/
_DIGITS = re.compile(r"\d+")
_NO_LINK = ("javascript:", "mailto:", "#", "data:", "tel:", "about:", "vbscript:", "file:", "ftp:")


def clean_url(url: str, charset: str = "utf-8") -> str | None:
    """The address to fetch: http or https, escaped, without fragment, session and default port; None when it is none of ours.

    charset: of the page that the link stands on; browsers write what is not ASCII in a query in it.
    """
    if _PLAIN.match(url):
        return url
    try:
        parts = urlsplit(_BREAKS.sub("", url.strip()))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        default = {"http": 80, "https": 443}[parts.scheme]
        port = f":{parts.port}" if parts.port and parts.port != default else ""
        host = f"[{ip_address(parts.hostname).compressed}]" if ":" in parts.hostname else parts.hostname.lower()
        path = _SESSION_FOLDER.sub("", _SESSION_PATH.sub("", parts.path.replace("\\", "/"))) or "/"
        query = "&".join(q for q in parts.query.split("&") if q and not _SESSION_FIELD.match(q))
        safe = safe_url_string(urlunsplit((parts.scheme, host + port, path, query, "")), encoding=charset)
    except (ValueError, UnicodeError, LookupError):
        return None
    # IDNA may give capitals back; the order of the query's fields stays as linked: some servers answer to that alone
    scheme, _, rest = _ESCAPE.sub(lambda m: m[0].upper(), safe).partition("://")
    netloc, slash, tail = rest.partition("/")
    return f"{scheme}://{netloc.lower()}{slash}{tail}" if netloc else None


@lru_cache(maxsize=64)
def any_pattern(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    """One pattern for all of these, None where there are none."""
    # flags at the start of a pattern hold for this pattern alone
    each = (_LEADING_FLAGS.sub(r"(?\1:\2)", p) if _LEADING_FLAGS.match(p) else f"(?:{p})" for p in patterns)
    return re.compile("|".join(each)) if patterns else None


def _path(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def in_scope(url: str, site: Site) -> bool:
    """Whether an address lies on one of the site's hosts (host and port) and is not to be ignored."""
    if urlsplit(url).netloc.lower() not in site.hosts:
        return False
    ignored = any_pattern(site.follow.ignore)
    return not (ignored and ignored.search(_path(url)))


def kind_by_pattern(url: str, site: Site) -> str | None:
    """What the site file's patterns say an address is: `list`, `article`, `page` (in-article) or None."""
    for kind, patterns in (("page", site.follow.pages), ("list", site.follow.lists), ("article", site.follow.articles)):
        found = any_pattern(patterns)
        if found and found.search(_path(url)):
            return kind
    return None


def template_of(url: str) -> str:
    """The form of an address: digits folded, query without values. Pages of one form are made by one template."""
    parts = urlsplit(url)
    keys = ",".join(sorted({p.split("=", 1)[0] for p in parts.query.split("&")})) if parts.query else ""
    return _DIGITS.sub("0", parts.path) + (f"?{keys}" if keys else "")


def _grows(query: str) -> bool:
    """Whether a query comes of links that are written by adding to the address of the page they stand on.

    Such links name a field again and again (?sort=time&sort=hits&sort=time), each page more of them than the one before. Lists
    of values (tag[]=a&tag[]=b) do so too, and so may the number of a page, which is worth following until it says the same thrice.
    """
    fields = query.split("&")
    if len(fields) < 2:
        return False
    names = Counter(f.partition("=")[0].lower() for f in fields)
    again = any(n > 1 and not is_page_key(name) and not name.endswith(("[]", "%5b%5d")) for name, n in names.items())
    return again or max(map(fields.count, set(fields))) >= 3


@dataclass(frozen=True, slots=True)
class Target:
    """Where a link leads: its address, the site's key for it, its form, whether it is in scope, and its kind by the site's
    patterns (None: to be seen)."""

    url: str
    key: str
    template: str
    inside: bool
    kind: str | None


_Known = dict[str | tuple[str, str], Target | None]  # by the link as written, with the charset where it is not ASCII


class Resolver:
    """Links to targets for one site. Remembers what it resolved: of a hundred links of a page most stand on others too."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._hosts = site.hosts
        self._ignored = any_pattern(site.follow.ignore)
        self._known: dict[str, _Known] = {}  # by what links are relative to
        self._count = 0

    def resolve(self, base: str, href: str, charset: str = "utf-8") -> Target | None:
        """The target of a link; None for one that cannot be fetched (javascript:, mailto:, a bare fragment, …).

        base: the address of the page, or what its <base> says.
        """
        return self.of_page(base, charset)(href)

    def of_page(self, base: str, charset: str = "utf-8") -> Callable[[str], Target | None]:
        """`resolve` for the links of one page."""
        end = base.find("/", 8)
        origin = base[:end] if end > 0 else base
        head = base.partition("?")[0]
        folder = head[: head.rfind("/") + 1] if head.count("/") > 2 else head
        rooted, beside, anywhere = self._under(origin), self._under(folder), self._under("")

        def resolve(href: str) -> Target | None:
            if href[:1] == "/" and href[1:2] != "/":
                start, known = origin, rooted
            elif href[:7].lower() == "http://" or href[:8].lower() == "https://":
                start, known = "", anywhere
            elif href[:1] not in ("?", "#", ""):
                start, known = folder, beside
            else:
                start, known = base, self._under(base)
            name = href if href.isascii() else (href, charset)
            try:
                return known[name]
            except KeyError:
                pass
            found = self._resolve(start, href, charset)
            self._count += 1
            if self._count >= _MAX_CACHE:
                self._forget()
            known[name] = found
            return found

        return resolve

    def _under(self, start: str) -> _Known:
        """What is known of links that are relative to this."""
        found = self._known.get(start)
        if found is None:
            if len(self._known) >= _MAX_BASES:
                self._forget()
            found = self._known[start] = {}
        return found

    def _forget(self) -> None:
        self._known.clear()
        self._count = 0

    def _resolve(self, base: str, href: str, charset: str) -> Target | None:
        href = href.strip()
        if not href or href.lower().startswith(_NO_LINK):
            return None
        head, mark, query = href.partition("?")
        try:
            url = clean_url(urljoin(base, head.replace("\\", "/") + mark + query), charset)
        except ValueError:
            return None
        return self.target(url) if url else None

    def target(self, url: str) -> Target:
        """The target of a clean address."""
        inside = (
            len(url) <= MAX_URL
            and urlsplit(url).netloc in self._hosts
            and not (self._ignored and self._ignored.search(_path(url)))
            and not _LOOP.search(urlsplit(url).path)
            and not _grows(urlsplit(url).query)
        )
        return Target(url, self._site.key(url), template_of(url), inside, kind_by_pattern(url, self._site))
