"""Fields of a query that say nothing: sessions, times, where a reader came from. Learned from what a site shows, not from their names. Pure.

A session that is new on each page makes a new address of every link, and a crawl of it never ends. Two addresses that differ in such a field
and show the same are a sign that it says nothing; where they show something else, it does. It takes signs from several things
shown: one page that comes for every number (nothing found, closed for today) proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from crawler.pagers import is_page_key

SIGNS = 3  # things shown, each under two values at least, that make a field say nothing
MANY = (
    4  # values of a field, made up of letters and digits, that show one and the same list of titles, which is as good
)
TITLES = 5  # links named as with a title that such a list has
MAX_FIELDS = 6  # fields of an address that is looked at
MAX_SHOWN = 50_000  # addresses that are remembered

_TOKEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w-]{6,}$|\d{9,}$|0?\.\d{6,}$")
_DIGITS = re.compile(r"\d+")
Fields = list[tuple[str, str]]


def split(key: str) -> tuple[str, Fields]:
    """The path of a key, and the fields of its query in order."""
    path, _, query = key.partition("?")
    return path, [(k, v) for k, _, v in (q.partition("=") for q in query.split("&") if q)]


def joined(path: str, fields: Iterable[tuple[str, str]]) -> str:
    """The key that is made of a path and fields, as `split` gave them."""
    query = "&".join(f"{k}={v}" if v else k for k, v in fields)
    return f"{path}?{query}" if query else path


def form_of(key: str) -> str:
    """The form of a key's path: digits folded."""
    return _DIGITS.sub("0", key.partition("?")[0])


class Noise:
    """What is known of the fields of one site.

    silent: by form of path (digits folded), the fields that say nothing; what is kept of it makes the same Noise again.
    """

    def __init__(self, silent: Mapping[str, Iterable[str]] | None = None) -> None:
        self.silent: dict[str, set[str]] = {p: set(f) for p, f in (silent or {}).items()}
        self._speaking: set[tuple[str, tuple[str, ...]]] = (
            set()
        )  # form and fields of which other values show other things
        self._shown: dict[
            str, tuple[tuple[str, ...], int]
        ] = {}  # the values of fields met first with the rest of an address, what they showed
        self._signs: dict[
            tuple[str, tuple[str, ...]], dict[int, set[tuple[str, ...]]]
        ] = {}  # what was shown under which values

    def plain(self, key: str) -> str:
        """A key without the fields that say nothing."""
        path, mark, _ = key.partition("?")
        quiet = self.silent.get(form_of(path)) if mark and self.silent else None
        if not quiet:
            return key
        fields = split(key)[1]
        left = [f for f in fields if f[0] not in quiet]
        return joined(path, left) if len(left) < len(fields) else key

    def kept(self) -> dict[str, list[str]]:
        """What makes the same Noise again."""
        return {p: sorted(f) for p, f in sorted(self.silent.items())}

    def seen(self, key: str, shows: int, titles: int) -> bool:
        """Note what a page shows; whether that showed that a field says nothing.

        shows: a hash of what stands on it, the same for the same content; 0 where too little does. titles: links on it that are named as with a title.
        """
        path, fields = split(self.plain(key))
        if not shows or not 1 <= len(fields) <= MAX_FIELDS or len(self._shown) >= MAX_SHOWN:
            return False
        learned = False
        form = form_of(path)
        for names, values, rest in _differences(path, fields):
            if (form, names) in self._speaking:
                continue
            before, showed = self._shown.setdefault(f"{' '.join(names)} {rest}", (values, shows))
            if any(a == b for a, b in zip(before, values, strict=True)):
                continue
            if showed != shows:
                self._speaking.add((form, names))
                self._signs.pop((form, names), None)
                continue
            signs = self._signs.setdefault((form, names), {})
            signs.setdefault(shows, {before}).add(values)
            tokens = titles >= TITLES and sum(all(map(_TOKEN.match, v)) for v in signs[shows]) >= MANY
            if len(signs) >= SIGNS or tokens:
                self.silent.setdefault(form, set()).update(names)
                learned = True
        return learned


def _differences(path: str, fields: Fields) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], str]]:
    """The fields that may say nothing, one and two at a time: their names, their values, and the address without them."""
    places = [i for i, (name, _) in enumerate(fields) if not is_page_key(name)]
    for few in (*combinations(places, 1), *combinations(places, 2)):
        rest = joined(path, [f for i, f in enumerate(fields) if i not in few])
        yield tuple(fields[i][0] for i in few), tuple(fields[i][1] for i in few), rest
