"""Other addresses of one article: for print, for telephones, with a mark of where a reader came from, in capitals. Pure.

Two things together make two addresses one article: they show the same text, and they name the same thing: the same path but
for case, a closing slash, an index file and fields of the query; or the same number or slug at the place where the path or a
field names the article. The same speech under two numbers of a site is two articles, as the site has it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from crawler.pagers import MAX_PAGES, is_page_key

MAX_TEXTS = 200  # pieces of a page's long texts that are kept, the smallest hashes
LEAST = 3  # pieces of text that two pages must have in common: a single sentence may be anybody's
SAME = 0.8  # share of the pieces of the page with fewer that must stand on the other one too
COPIES = 3  # names of articles that a text stands on, above which it is the site's and tells nothing
PAIRS = 3  # pages of one form that show a part of those of another, for that to be what they are for
MOST = 40  # addresses of one name that are compared with each other; more are no article's

_INDEX = re.compile(r"/(?:index|default)\.\w{2,6}$")
_SCRIPT = re.compile(r"\.(?:php\d?|aspx?|ashx|jsp|do|action|cgi)$")
_NUMBER = re.compile(r"\d+")
_FIRST_PAGE = re.compile(r"(?<=\d)(?:[-_]1)+(?=\.|$)")  # thread-71-1-1.html
_TOKEN = re.compile(r"^(?=.*\d)[0-9a-f-]{12,}$")
_OTHER = re.compile(
    r"(?:^|[/_.?&=-])(?:print\w*|printer|m|wap|3g|mobile|touch|mip|amp|h5|app|full|all|share|archiver|html?view|text)(?=$|[/_.?&=-])"
)


@dataclass(frozen=True, slots=True)
class Name:
    """What an address names. path: without case, index file and closing slash. fields: of the query. tokens: numbers and slugs that
    may be the article's."""

    path: str
    fields: frozenset[tuple[str, str]]
    tokens: frozenset[str]


@dataclass(frozen=True, slots=True)
class Read:
    """An article that was read. depth: steps from the start page. met: how many addresses were met before. texts: hashes of the pieces of its text, all up to `upto` (None: all)."""

    key: str
    depth: int
    met: int
    texts: frozenset[int]
    upto: int | None = None
    plain: str = ""

    @property
    def name(self) -> Name:
        """What its address names."""
        return name_of(self.plain or self.key)


def _named(text: str) -> str | None:
    """The number or the slug in a segment or value, None when it has none."""
    if _TOKEN.match(text):
        return text
    numbers = _NUMBER.findall(_FIRST_PAGE.sub("", text))
    return str(numbers[-1]) if numbers else None


@lru_cache(maxsize=4096)
def name_of(key: str) -> Name:
    """What a key names (see Site.key)."""
    whole, _, query = key.partition("?")
    path = _INDEX.sub("/", unquote(whole, errors="replace").lower()).rstrip("/")
    fields = frozenset((k.lower(), v) for k, _, v in (q.partition("=") for q in query.split("&") if q))
    segments = [s for s in path.split("/") if s]
    tokens = {t for k, v in fields if (t := _named(v)) and (not is_page_key(k) or int_of(t) > MAX_PAGES)}
    if segments:
        last = segments[-1]
        stem = last.partition(".")[0]
        found = _named(stem)
        if found is None and len(segments) > 1 and not fields and len(stem) <= 8:
            found = _named(segments[-2])  # /p/22/full
        if found is None and not (fields and (_SCRIPT.search(last) or not tokens)) and not _SCRIPT.search(last):
            found = stem
        if found is not None:
            tokens.add(found)
    return Name(path, fields, frozenset(tokens))


def int_of(text: str) -> int:
    """The number that a token is; 0 where it is none."""
    return int(text) if text.isdigit() and len(text) < 18 else 0


def one_name(here: Name, there: Name) -> bool:
    """Whether two addresses name one thing, provided they show the same."""
    if here.path != there.path:
        # siblings, which differ in a number alone, are two articles
        apart = _NUMBER.sub("0", here.path) != _NUMBER.sub("0", there.path)
        few, many = sorted((here.tokens, there.tokens), key=len)
        return apart and bool(few) and few <= many
    if here.fields <= there.fields or there.fields <= here.fields:
        return True
    mine, other = dict(here.fields), dict(there.fields)
    if any(_named(v) and _named(other.get(k, "")) and v != other[k] for k, v in mine.items()):
        return False  # /show?class=3&id=5 and /show?class=3&id=6
    # the fields they share, or the path, must name it: /show?id=5&from=a and /show?id=5&ref=b
    last = here.path.rpartition("/")[2]
    return any(_named(v) for _, v in here.fields & there.fields) or not (_SCRIPT.search(last) or last == "")


def one_text(here: Read, there: Read, own: Collection[int]) -> bool:
    """Whether two pages show the same. own: texts of the site, which tell nothing."""
    few, many = sorted(_compared(here, there, own), key=len)
    return _within(few, many) and 2 * len(few & many) >= len(many)


def one_part(here: Read, there: Read, own: Collection[int]) -> bool:
    """Whether the first page shows a part of the second and hardly anything else: a page to download it, a preview."""
    return _within(*_compared(here, there, own))


def _compared(here: Read, there: Read, own: Collection[int]) -> tuple[set[int], set[int]]:
    upto = min((r.upto for r in (here, there) if r.upto is not None), default=None)
    mine, other = ({t for t in r.texts if t not in own and (upto is None or t <= upto)} for r in (here, there))
    return mine, other


def _within(few: set[int], many: set[int]) -> bool:
    common = len(few & many)
    return common >= LEAST and common >= SAME * len(few)


def rank(page: Read) -> tuple[bool, int, int, int, int, int, str]:
    """The order of addresses of one article, the one to keep first: on the site's main host, not for print, few fields, near to the start page,
    met first."""
    capitals = sum(c.isupper() for c in unquote(page.key, errors="replace"))
    return (
        page.key.startswith("//"),
        len(_OTHER.findall(page.key.lower())),
        len(page.name.fields),
        page.depth,
        capitals,
        page.met,
        page.key,
    )


def alike(keys: Iterable[str], plain: Mapping[str, str] | None = None) -> list[list[str]]:
    """Keys that share a name with others, by name; a key may stand in several. Only these can be one article.

    plain: keys without the fields that say nothing, where that is another one.
    """
    by_token: defaultdict[str, list[str]] = defaultdict(list)
    plain = plain or {}
    for key in keys:
        name = name_of(plain.get(key, key))
        for token in name.tokens | {name.path}:
            by_token[token].append(key)
    return [sorted(found) for _, found in sorted(by_token.items()) if 1 < len(found) <= MOST]


def furniture(read: Iterable[Read]) -> set[int]:
    """Texts that stand on articles of several names: they are the site's. Addresses of one article have one name, or few."""
    seen: dict[frozenset[str], set[int]] = {}
    for page in read:
        name = page.name
        # nine digits and more may be a time
        own = frozenset(t for t in name.tokens if not (t.isdigit() and len(t) > 8))
        seen.setdefault(own or frozenset((name.path,)), set()).update(page.texts)
    spread = Counter(t for texts in seen.values() for t in texts)
    return {t for t, n in spread.items() if n > COPIES}


def same_articles(read: Mapping[str, Read], own: Collection[int]) -> dict[str, str]:
    """Further addresses of articles, by key: the key of the address to keep. own: texts of the site, which tell nothing."""
    order = {k: rank(r) for k, r in read.items()}
    kept: dict[str, str] = {}
    parts: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    whole: Counter[str] = Counter()  # pages of a form that show all of an article

    def first(key: str) -> str:
        while key in kept:
            key = kept[key]
        return key

    for group in alike(read, {k: r.plain for k, r in read.items() if r.plain}):
        keys = sorted(group, key=order.__getitem__)
        for i, mine in enumerate(keys):
            for other in keys[:i]:
                a, b = sorted((first(mine), first(other)), key=order.__getitem__)
                if a == b or not one_name(read[mine].name, read[other].name):
                    continue
                if one_text(read[mine], read[other], own):
                    kept[b] = a
                    whole[_form(read[mine])] += 1
                    break
                if one_part(read[mine], read[other], own):
                    parts[_form(read[mine]), _form(read[other])].append((mine, other))
    # one page that stands on another may be chance: an entry of an archive with its number
    for forms, pairs in sorted(parts.items()):
        # where all others are the same, it is the first page of an article that goes on at its own address alone
        for mine, other in pairs if len(pairs) + whole[forms[0]] >= PAIRS else ():
            a, b = sorted((first(mine), first(other)), key=order.__getitem__)
            if a != b and b == mine:
                kept[b] = a
    return {k: first(k) for k in kept}


def _form(page: Read) -> str:
    return _NUMBER.sub("0", page.name.path)
