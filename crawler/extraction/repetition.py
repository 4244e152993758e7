"""What repeats on the pages of a site and is not speech: counted by text, by place and by what stands around it.

Speakers repeat themselves too: salutations, thanks, set phrases, whole paragraphs that one office copies from the other. So a line
counts only as often as what stands around it differs, pages whose texts are near copies of each other count once, and a
longer line needs more pages than a short one unless it speaks of the site (`rules/standing.yaml`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

# Shares of the pages of a layout, each with the least number of pages that can tell. Measured on replicas of document sites, whose
# speeches are put together of the same paragraphs over and over: no paragraph of a speech above 60 characters stands on more
# than .23 of a site's pages, no shorter line that is neither salutation nor set phrase on more than .15, but single sentences on .36.
SHORT_SHARE, SHORT_LEAST = 0.25, 4
LONG_SHARE, LONG_LEAST = 0.40, 5
EVIDENT_SHARE, EVIDENT_LEAST = 0.12, 4  # of lines that speak of the site
PLACE_SHARE, PLACE_LEAST = 0.05, 3  # in a place of the template that holds little else
SENTENCE_SHARE, SENTENCE_LEAST = 0.20, 4  # sentences inside paragraphs, and only those that speak of the site
SHORT = 60  # characters; a line up to this length is a short one
PLACE_VARIETY = 0.34  # distinct lines to all lines in a place: what is below is filled by the template, not by speeches
NEAR_COPY = 0.5  # of the smaller of two texts in common, and they count as one
_SHINGLE = 6
# A page made to hold a learner up has more than these; no speech does.
MOST_LINES = 1_000
_MOST_CHARS = 20_000
_REACH = 30  # lines that a line's surroundings are looked for in


@dataclass(frozen=True, slots=True)
class Seen:
    """One line of a page, or one sentence. key: see standing.line_key; place: blocks.place of its element; size: characters.

    evident: it speaks of the site. exempt: speakers say it (salutation, thanks, a numbered point, a preview's marker): never counted.
    """

    key: str
    place: str
    size: int
    evident: bool = False
    exempt: bool = False


@dataclass(frozen=True, slots=True)
class Repeated:
    """A line that stands on so many pages with different texts around it. place: where, None for anywhere."""

    key: str
    place: str | None
    pages: int


def repeated_lines(pages: Sequence[Sequence[Seen]]) -> tuple[Repeated, ...]:
    """The lines of the pages (each a body's lines in order) that are the site's, in order of key.

    The order of the pages does not count.
    """
    anywhere, groups = _count(pages)
    # a line by its key: whether it is evident follows from that alone, how long it is from what its slot held
    lines = {s.key: s for s in sorted({s for page in pages for s in page}, key=lambda s: (s.evident, s.size, s.place))}
    found = [Repeated(key, None, n) for key, n in anywhere.items() if n >= _needed(lines[key], len(pages))]
    known = {r.key for r in found}
    found += [r for r in _by_place(pages, groups) if r.key not in known]
    return tuple(sorted(found, key=lambda r: (r.key, r.place or "")))


def repeated_sentences(pages: Sequence[Sequence[Seen]]) -> tuple[Repeated, ...]:
    """The sentences inside paragraphs that are the site's: those that speak of it and stand between different sentences."""
    least = max(SENTENCE_LEAST, SENTENCE_SHARE * len(pages))
    evident = {
        s.key for page in pages for s in page if s.evident
    }  # of these it is no matter which pages are copies of each other
    found = {key: n for key, n in _surroundings(pages).items() if n >= least and key in evident}
    return tuple(Repeated(key, None, n) for key, n in sorted(found.items()))


def _needed(line: Seen, pages: int) -> float:
    if line.evident:
        return max(EVIDENT_LEAST, EVIDENT_SHARE * pages)
    if line.size <= SHORT:
        return max(SHORT_LEAST, SHORT_SHARE * pages)
    return max(LONG_LEAST, LONG_SHARE * pages)


def _standing_least(pages: Sequence[Sequence[Seen]]) -> float:
    return max(PLACE_LEAST, EVIDENT_SHARE * len(pages))


def _surroundings(pages: Sequence[Sequence[Seen]]) -> dict[str, int]:
    """Of each line that stands on many pages between how many different lines it stands."""
    on: Counter[str] = Counter()
    for page in pages:
        on.update({s.key for s in page if not s.exempt})
    least = _standing_least(pages)
    frequent = {key for key, n in on.items() if n >= least}
    around: dict[str, tuple[set[tuple[int, str]], set[tuple[int, str]]]] = {key: (set(), set()) for key in frequent}
    for n, page in enumerate(pages):
        for i, line in enumerate(page):
            if line.key in frequent and not line.exempt:
                around[line.key][0].add(_beyond(n, page, range(i - 1, max(-1, i - 1 - _REACH), -1), frequent))
                around[line.key][1].add(_beyond(n, page, range(i + 1, min(len(page), i + 1 + _REACH)), frequent))
    return {key: min(len(before), len(behind)) for key, (before, behind) in around.items()}


def _count(pages: Sequence[Sequence[Seen]]) -> tuple[dict[str, int], list[int]]:
    """On how many pages each line stands, as far as those differ otherwise; and of each page the group of near copies it is in."""
    differ = _surroundings(pages)
    standing = {key for key, n in differ.items() if n >= _standing_least(pages)}
    groups = near_copies("".join(s.key for s in page if s.key not in standing) for page in pages)
    stands: dict[str, set[int]] = {key: set() for key in standing}
    for group, page in zip(groups, pages, strict=True):
        for key in {s.key for s in page} & standing:
            stands[key].add(group)
    evident = {s.key for page in pages for s in page if s.evident}  # speakers do not say these, in however many copies
    return {k: differ[k] if k in evident else min(differ[k], len(of)) for k, of in stands.items()}, groups


def _beyond(n: int, page: Sequence[Seen], way: Iterable[int], frequent: Collection[str]) -> tuple[int, str]:
    """The nearest line that neither stands on many pages nor is said in all speeches; the edge of a body differs from page to page."""
    for i in way:
        if page[i].key not in frequent and not page[i].exempt:
            return -1, page[i].key
    return n, ""


def _by_place(pages: Sequence[Sequence[Seen]], groups: Sequence[int]) -> list[Repeated]:
    """Lines that stand in one place of the template, where hardly anything else ever stands."""
    there: dict[str, Counter[str]] = {}
    stands: dict[tuple[str, str], set[int]] = {}
    running: Counter[str] = Counter()
    for group, page in zip(groups, pages, strict=True):
        for line in page:
            there.setdefault(line.place, Counter())[line.key] += 1
            running[line.place] += line.size
            if not line.exempt:
                stands.setdefault((line.place, line.key), set()).add(group)
    most = sum(running.values()) / 3
    own = {
        place
        for place, keys in there.items()
        if len(keys) <= PLACE_VARIETY * keys.total() and running[place] <= most  # never where the speeches stand
    }
    least = max(PLACE_LEAST, PLACE_SHARE * len(pages))
    return [Repeated(key, place, len(of)) for (place, key), of in stands.items() if place in own and len(of) >= least]


def near_copies(texts: Iterable[str]) -> list[int]:
    """Of each text the number of the first one that it is, step by step, a near copy of; short texts are copies of none."""
    shingled = [_shingles(t) for t in texts]
    group = list(range(len(shingled)))

    def top(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    for i, a in enumerate(shingled):
        for j in range(i):
            b = shingled[j]
            small, large = (a, b) if len(a) <= len(b) else (b, a)
            if len(small) < 10 or top(i) == top(j):
                continue
            if len(small & large) >= NEAR_COPY * len(small):
                low, high = sorted((top(i), top(j)))
                group[high] = low
    return [top(i) for i in range(len(group))]


def _shingles(text: str) -> frozenset[int]:
    """Some two in seven shingles of a text, told by their first and last character: the same in every text."""
    text = text[:_MOST_CHARS]
    codes = list(map(ord, text))
    ends = enumerate(zip(codes, codes[_SHINGLE - 1 :], strict=False))
    # hashes differ from process to process, but which of them are alike does not
    return frozenset(hash(text[i : i + _SHINGLE]) for i, (a, b) in ends if (a + b) % 7 < 2)
