"""Forms of addresses: which of a site's addresses are made alike, and the pattern that fits them. Pure.

`/jianghua/12.html` and `/lianghui/7.html` are one form when there are many such folders, `/{}/{n}.html`; the fields of a query
belong to it with the values that name things (`mod=viewthread`), without those that count (`tid=7`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

NUMBER, TOKEN, ANY = "{n}", "{x}", "{}"
MANY = 3  # so many different words at one place are names, and not parts of the form
FEW = 2  # addresses of a word with a number in it, up to which it may be a name too

_HOST = re.compile(r"^//[^/]+")
_DIGITS = re.compile(r"\d+")
_TOKEN = re.compile(r"^(?=.*\d)(?:[0-9a-f]{12,}|[0-9A-F]{12,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")
_WORD = re.compile(r"^[A-Za-z][A-Za-z_-]{0,24}$")
_PARTS = re.compile(r"(\{n\}|\{x\}|\{\})")
_WRITTEN = {NUMBER: r"\d+", TOKEN: r"[0-9A-Fa-f-]+", ANY: r"[^/?]+"}
_PLAIN_MARKS = re.compile(r"\\([-/&=%~,:;@# ])")


@dataclass(frozen=True, slots=True)
class Form:
    """What addresses have in common: the segments of the path (without its first slash), file ending, fields of the query.

    repeated: a field stands there more than once, as where links grow by themselves. In segments and values `{n}` stands for digits, `{x}` for a token of hexadecimal digits, `{}` for anything.
    """

    segments: tuple[str, ...]
    ending: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    repeated: bool = False

    def __str__(self) -> str:
        path = "/" + "/".join(self.segments) + self.ending
        query = "&".join(f"{k}={v}" if v else k for k, v in self.fields) + ("&…" if self.repeated else "")
        return path + (f"?{query}" if self.fields else "")

    @property
    def varies(self) -> bool:
        """Whether more than one address can have this form."""
        return any(mark in str(self) for mark in (NUMBER, TOKEN, ANY))

    @property
    def pattern(self) -> str:
        """A regular expression that fits path and query of every address of this form, in a site file's words."""
        path = "^/" + "/".join(map(_written, self.segments)) + _plain(self.ending)
        if not self.fields:
            return path + "$"
        if len(self.fields) == 1 and not self.repeated:
            return path + r"\?" + _field(*self.fields[0]) + "$"
        each = "".join(f"(?=(?:.*&)?{_field(k, v)}(?:&|$))" for k, v in self.fields)
        more = f"(?:&[^&]*){{{len(self.fields)},}}" if self.repeated else "&[^&]*" * (len(self.fields) - 1)
        return path + r"\?" + each + "[^&]*" + more + "$"


def _plain(text: str) -> str:
    return _PLAIN_MARKS.sub(r"\1", re.escape(text))


def _written(part: str) -> str:
    return "".join(_WRITTEN.get(x) or _plain(x) for x in _PARTS.split(part) if x)


def _field(name: str, value: str) -> str:
    if value == ANY:
        return _plain(name) + r"(?:=[^&]*)?"
    return _plain(name) + ("=" + _written(value) if value else "=?")


def _folded(text: str) -> str:
    """A segment or value with what counts in it folded. Braces of its own would look like ours: then it is anything."""
    if "%" in text or "{" in text or "}" in text or not text.isascii():
        return ANY
    return TOKEN if _TOKEN.match(text) else _DIGITS.sub(NUMBER, text)


def _value(text: str) -> str:
    if not text or text.isdigit():
        return NUMBER if text else ""
    return text if _WORD.match(text) else ANY


def form_of(key: str) -> Form:
    """The form of an address by itself: numbers and tokens folded, words kept."""
    path, _, query = _HOST.sub("", key).partition("?")
    *folders, last = path.removeprefix("/").split("/")
    stem, dot, ending = last.rpartition(".")
    if not (dot and ending.isascii() and ending.isalnum() and not ending.isdigit() and len(ending) <= 6 and stem):
        stem, dot, ending = last, "", ""
    pairs = [(k, _value(v)) for k, _, v in (q.partition("=") for q in query.split("&"))] if query else []
    return Form(
        (*map(_folded, folders), _folded(stem)), dot + ending, tuple(sorted(set(pairs))), len(set(pairs)) < len(pairs)
    )


def forms_of(keys: Iterable[str]) -> dict[str, Form]:
    """The form of each key (see Site.key). Depends on which keys there are, not on their order."""
    out = {key: form_of(key) for key in sorted(set(keys))}
    longest = max((len(f.segments) for f in out.values()), default=0)
    most = max((len(f.fields) for f in out.values()), default=0)
    for i in range(longest):
        out = _generalised(out, i, _segment)
    for i in range(most):
        out = _generalised(out, i, _value_at)
    return out


def _segment(form: Form, i: int) -> tuple[str, Form] | None:
    if i >= len(form.segments) or form.segments[i] in ("", ANY):
        return None
    return form.segments[i], replace(form, segments=(*form.segments[:i], ANY, *form.segments[i + 1 :]))


def _value_at(form: Form, i: int) -> tuple[str, Form] | None:
    if i >= len(form.fields) or form.fields[i][1] in ("", ANY, NUMBER):
        return None
    name, value = form.fields[i]
    return value, replace(form, fields=(*form.fields[:i], (name, ANY), *form.fields[i + 1 :]))


def _generalised(
    forms: dict[str, Form], i: int, part: Callable[[Form, int], tuple[str, Form] | None]
) -> dict[str, Form]:
    """Forms that differ at one place alone become one, where many different names stand at that place."""
    counts: Counter[Form] = Counter(forms.values())
    words: dict[Form, set[str]] = defaultdict(set)
    for form, count in counts.items():
        found = part(form, i)
        # a word with a number in it that has many addresses is a form of its own: list_{n} is no name
        if found is not None and (NUMBER not in found[0] or count <= FEW):
            words[found[1]].add(found[0])
    out = {}
    for key, form in forms.items():
        found = part(form, i)
        merged = found is not None and found[0] in words[found[1]] and len(words[found[1]]) >= MANY
        out[key] = found[1] if found is not None and merged else form
    return out
