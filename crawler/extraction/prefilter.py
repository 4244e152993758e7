"""Which of many patterns can match a text at all, told by strings that every match of a pattern must hold.

Most lines of a page hold none of the words that a rule is about, and searching a line for an alternation of some hundred phrases costs
a thousand times what telling this does. From the syntax of a pattern follow strings of which one stands in whatever it matches
(`needles`, as the prefilters of RE2 and of Cox, Regular Expression Matching with a Trigram Index, 2012); of all patterns together a
text is looked through once, by Aho and Corasick's automaton. A pattern from which nothing follows is always searched for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

# the parser of re itself: it alone knows what a pattern means. It has no promised interface, so what is not known to _follow tells
# nothing, and the pattern is searched for as ever.
from re import _parser as parser  # type: ignore[attr-defined]
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

from ahocorasick_rs import AhoCorasick

MOST = 400  # strings of a pattern: one with more names half the language
_EVERYWHERE = frozenset("的在是和0123456789")  # to look for what nearly every text holds costs more than it tells
_EXACT = 64  # strings that a piece of a pattern is written out to
_KEPT = 1024  # texts whose answer is kept: the lines of a page are asked for by many rules

_Strings = frozenset[str]
_NONE: frozenset[int] = frozenset()
_NOTHING: _Strings = frozenset(("",))


def needles(source: str) -> frozenset[str] | None:
    """Strings of which at least one stands in every text that the pattern is found in; None when nothing follows from its syntax, or
    nothing that tells texts apart.

    Raises re.error when it is no regular expression.
    """
    parsed = parser.parse(source)
    exact, needed = _sequence(parsed, bool(parsed.state.flags & re.IGNORECASE))
    if exact is not None:
        needed = _better(needed, exact)
    return needed if needed is not None and len(needed) <= MOST and not needed & _EVERYWHERE else None


def _better(a: _Strings | None, b: _Strings | None) -> _Strings | None:
    """The one of two sets of needles that tells more: whose shortest string is longer (three characters are enough), or that has fewer."""
    usable = [x for x in (a, b) if x and "" not in x]
    return max(usable, key=lambda x: (min(3, *map(len, x)) if x else 0, -len(x)), default=None)


def _sequence(items: Iterable[Any], any_case: bool) -> tuple[_Strings | None, _Strings | None]:
    """Of pieces one behind the other: all strings that they match together (None: too many, or not known), and needles."""
    run: _Strings | None = _NOTHING  # what the pieces since the last unknown one match
    whole = True
    best: _Strings | None = None
    for op, av in items:
        exact, needed = _follow(str(op), av, any_case)
        best = _better(best, needed)
        joined = None
        if exact is not None and run is not None and len(exact) * len(run) <= _EXACT:
            joined = frozenset(a + b for a in run for b in exact)
        if joined is None:
            whole = False
            best = _better(best, run)
            joined = exact if exact is not None else _NOTHING
        run = joined
    return (run if whole else None), _better(best, run)


def _follow(op: str, av: Any, any_case: bool) -> tuple[_Strings | None, _Strings | None]:
    """Of one piece: all strings that it matches, or None; and needles, or None."""
    if op == "LITERAL":
        letter = chr(av)
        return (None if any_case and letter.lower() != letter.upper() else frozenset(letter)), None
    if op == "IN":
        return _members(av, any_case), None
    if op == "BRANCH":
        return _branch(av[1], any_case)
    if op == "SUBPATTERN":
        _, on, off, inner = av
        return _sequence(inner, (any_case or bool(on & re.IGNORECASE)) and not off & re.IGNORECASE)
    if op == "ATOMIC_GROUP":
        return _sequence(av, any_case)
    if op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = av
        return _repeat(least, most, inner, any_case)
    if op == "ASSERT":  # what stands in front or behind stands in the text as well
        exact, needed = _sequence(av[1], any_case)
        return _NOTHING, _better(needed, exact)
    if op in ("AT", "ASSERT_NOT"):
        return _NOTHING, None
    return None, None


def _members(items: Iterable[Any], any_case: bool) -> _Strings | None:
    """The characters of a class, when they are few and have one form."""
    out: set[str] = set()
    for op, av in items:
        if str(op) == "LITERAL":
            out.add(chr(av))
        elif str(op) == "RANGE" and av[1] - av[0] < _EXACT:
            out.update(map(chr, range(av[0], av[1] + 1)))
        else:
            return None
    if len(out) > _EXACT or (any_case and any(c.lower() != c.upper() for c in out)):
        return None
    return frozenset(out)


def _branch(ways: Sequence[Any], any_case: bool) -> tuple[_Strings | None, _Strings | None]:
    read = [_sequence(way, any_case) for way in ways]
    exact = [e for e, _ in read if e is not None]
    all_exact: _Strings | None = None
    if len(exact) == len(read):
        all_exact = frozenset[str]().union(*exact)
        if len(all_exact) > MOST:
            all_exact = None
    each = [_better(needed, e) for e, needed in read]
    needed = frozenset[str]().union(*(n for n in each if n)) if all(each) else None
    return all_exact, needed


def _repeat(least: int, most: Any, inner: Any, any_case: bool) -> tuple[_Strings | None, _Strings | None]:
    exact, needed = _sequence(inner, any_case)
    if least == 0:
        return (exact | _NOTHING if exact is not None and most == 1 else None), None
    if least == 1 and most == 1:
        return exact, needed
    return None, _better(needed, exact)


@dataclass(frozen=True)
class _Looking:
    """What is looked for, as it is at one moment. numbers: of each pattern by its source, None for one without needles; present: of a
    text the numbers of the patterns that have a needle in it, remembered for the last texts."""

    numbers: Mapping[str, int | None]
    needles: Mapping[str, tuple[int, ...]]

    @cached_property
    def present(self) -> Callable[[str], frozenset[int]]:
        automaton = AhoCorasick(list(self.needles))
        patterns = list(self.needles.values())

        @lru_cache(_KEPT)
        def present(text: str) -> frozenset[int]:
            found = automaton.find_matches_as_indexes(text, overlapping=True)
            return frozenset().union(*[patterns[k] for k in {m[0] for m in found}]) if found else _NONE

        return present

    def with_more(self, sources: Iterable[str]) -> _Looking:
        numbers, strings = dict(self.numbers), dict(self.needles)
        for source in sources:
            if source not in numbers:
                found = needles(source)
                numbers[source] = None if found is None else len(numbers)
                for s in found or ():
                    strings[s] = (*strings.get(s, ()), len(numbers) - 1)
        return _Looking(numbers, strings)


# Patterns that wait to be looked for are taken in together, when the first of them is searched for: making the automaton costs some
# milliseconds. Replaced as a whole, so that a thread has either the old or the new one.
_looking = _Looking({}, {})
_waiting: list[str] = []
_changing = Lock()


def _numbers(sources: Sequence[str]) -> list[int | None]:
    """The numbers under which `present` tells of patterns; None for one of which it cannot."""
    global _looking
    with _changing:
        if _waiting or not all(s in _looking.numbers for s in sources):
            waiting = [*_waiting, *sources]
            _waiting.clear()
            _looking = _looking.with_more(waiting)
        return [_looking.numbers[s] for s in sources]


class Searched(Protocol):
    """A pattern as source and compiled; rules.Rule is one."""

    @property
    def source(self) -> str: ...

    @property
    def pattern(self) -> re.Pattern[str]: ...


@dataclass(frozen=True)
class Expression:
    """A regular expression that is compiled when it is first searched for."""

    source: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.source)


P = TypeVar("P", bound=Searched)


class AnyOf(Generic[P]):
    """Several patterns as one that matches where any of them does, as `a|b|c` would: the leftmost match, of two at one place the one
    of the pattern named first. Groups are those of the pattern that matches. Patterns are compiled when they are first searched for;
    of two with one source the first counts."""

    def __init__(self, patterns: Iterable[P]) -> None:
        one_each: dict[str, P] = {}
        for p in patterns:
            one_each.setdefault(p.source, p)
        self.patterns = tuple(one_each.values())
        _waiting.extend(p.source for p in self.patterns)

    @cached_property
    def _known(self) -> tuple[dict[int, int], frozenset[int], tuple[int, ...], tuple[P, ...]]:
        """The place of each pattern that `present` tells of by its number, the numbers, and the places and patterns of the others."""
        numbers = _numbers([p.source for p in self.patterns])
        places = {n: k for k, n in enumerate(numbers) if n is not None}
        others = tuple(k for k, n in enumerate(numbers) if n is None)
        return places, frozenset(places), others, tuple(self.patterns[k] for k in others)

    def possible(self, text: str) -> Sequence[P]:
        """The patterns that may match, in order."""
        places, numbers, others, always = self._known
        there = numbers & _looking.present(text)
        if not there:
            return always
        found = [places[n] for n in there]
        found += others
        found.sort()
        return [self.patterns[k] for k in found]

    def search(self, text: str, pos: int = 0) -> re.Match[str] | None:
        """As `re.Pattern.search` of all as one alternation."""
        best: re.Match[str] | None = None
        for p in self.possible(text):
            m = p.pattern.search(text, pos)
            if m and (best is None or m.start() < best.start()):
                best = m
        return best

    def found(self, text: str) -> list[P]:
        """The patterns that are found in a text, in order."""
        return [p for p in self.possible(text) if p.pattern.search(text)]

    def first(self, text: str) -> tuple[P, re.Match[str]] | None:
        """The first of the patterns, in their order, that is found, and its match."""
        for p in self.possible(text):
            if m := p.pattern.search(text):
                return p, m
        return None

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """As `re.Pattern.finditer` of all as one alternation, for patterns that match no empty string."""
        waiting = [(m, p.pattern) for p in self.possible(text) if (m := p.pattern.search(text))]
        while waiting:
            best = min((m for m, _ in waiting), key=lambda m: m.start())
            yield best
            end = max(best.end(), best.start() + 1)
            waiting = [(n, p) for m, p in waiting if (n := m if m.start() >= end else p.search(text, end))]

    def sub(self, by: str, text: str) -> str:
        """The text with each match replaced by a string, as it is written."""
        out: list[str] = []
        end = 0
        for m in self.finditer(text):
            out += text[end : m.start()], by
            end = m.end()
        return "".join((*out, text[end:])) if out else text

    def count(self, text: str) -> int:
        """How many matches a text has, one behind the other."""
        return sum(1 for _ in self.finditer(text))


def quick(source: str) -> AnyOf[Expression]:
    """A regular expression that is seldom found, with its prefilter."""
    return AnyOf([Expression(source)])
