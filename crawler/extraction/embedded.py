"""Text that a page carries along without showing it: in the data or the template of a script that is to write it, or for readers
without scripts. It counts where the page shows no running text itself."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Sequence

_WIDE = re.compile(r"[\u4e00-\u9fff]")
_LEAST = 150  # Chinese characters of a text that is carried along; a teaser has fewer
_SHOWN = 120  # characters of running text that a page shows itself, from which on nothing else is looked for
_RUNNING = re.compile(r"[^<>]{25,}")
_STOP = re.compile("[\u3002\uff01\uff1f]")
_MARK = re.compile("[,;!?\uff0c\u3002\uff1b\uff01\uff1f\u3001]")
_ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}")
_LITERAL = re.compile(r'\\.|"((?:[^"\\\n\r]|\\.)*+)"|\'((?:[^\'\\\n\r]|\\.)*+)\'|`((?:[^`\\]|\\.)*+)`')
_BETWEEN = re.compile(r"\s*,\s*")  # between the strings of a list
_KEY = re.compile(r"[\"']?([A-Za-z_]\w{0,30})[\"']?\s*:\s*$")  # the name of a value
_OPENS, _CLOSES = re.compile(r"\[\s*$"), re.compile(r"\s*,?\s*\]")
_TAGS = re.compile(r"<(?:p|br|div|section|li)\b", re.IGNORECASE)
_ESCAPED_TAGS = re.compile(r"&(?:amp;)?lt;/?(?:p|br|div|section|li)\b", re.IGNORECASE)
_JS_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_PLAIN = {"n": "\n", "r": "", "t": "\t", "b": "", "f": "", "v": ""}
_SURROGATES = re.compile("[\ud800-\udfff]")
_HOLDERS = frozenset(("script", "noscript", "template"))


def may_hold_text(name: str, inner: str) -> bool:
    """Whether an element that is not shown may carry the text of the page. inner: from behind its name to its end."""
    return name in _HOLDERS and len(inner) > _LEAST and (not inner.isascii() or "\\u" in inner)


def embedded_text(carried: Sequence[tuple[str, str]], shown: str) -> str | None:
    """The longest running text that elements which are not shown carry along, as HTML; None where the page shows text itself,
    or nothing else does.

    carried: name and content (attributes first) of those elements; shown: the page without them.
    """
    carried = [c for c in carried if len(_WIDE.findall(c[1])) >= _LEAST or len(_ESCAPED.findall(c[1])) >= _LEAST]
    if not carried or _running(shown) >= _SHOWN:
        return None
    best, most = None, _LEAST - 1
    for name, inner in carried:
        attributes, _, content = inner.partition(">")
        if name != "script" or re.search(r"html|template", attributes, re.IGNORECASE):
            found: Iterable[str] = [content]
        else:
            found = _strings(content)
        for text in found:
            if len(text) > most and _STOP.search(text) and (n := len(_WIDE.findall(text))) > most:
                best, most = text, n
    if best is None:
        return None
    if _ESCAPED_TAGS.search(best):
        best = html.unescape(best.replace("&amp;lt;", "&lt;").replace("&amp;gt;", "&gt;"))
    if not _TAGS.search(best):
        best = "<br>".join(html.escape(html.unescape(line), quote=False) for line in best.split("\n"))
    return f"<div>{best}</div>"


def _running(page: str) -> int:
    """Characters of running text between the tags of a page."""
    start = page.lower().find("<body")
    return sum(
        len(m.group().strip()) for m in _RUNNING.finditer(page, max(start, 0)) if len(_MARK.findall(m.group())) >= 2
    )


def _strings(script: str) -> Iterable[str]:
    """The strings of a script; those of a list, and those that stand under one name one after the other, joined by line breaks."""
    row: list[str] = []
    named: list[str] = []
    name = ""
    end = -1
    for m in _LITERAL.finditer(script):
        if m.lastindex is None:
            continue  # an escape outside of strings
        yield (value := _value(m[m.lastindex]))
        if (key := _KEY.search(script, max(m.start() - 40, 0), m.start())) and len(_WIDE.findall(value)) > 1:
            if key[1] != name:
                if len(named) > 1:
                    yield "\n".join(named)
                named, name = [], key[1]
            named.append(value)
        if not row or not _BETWEEN.fullmatch(script, end, m.start()):
            row = [] if not _OPENS.search(script, max(m.start() - 9, 0), m.start()) else [value]
        else:
            row.append(value)
        end = m.end()
        if len(row) > 1 and _CLOSES.match(script, end):
            yield "\n".join(row)
    if len(named) > 1:
        yield "\n".join(named)


def _value(literal: str) -> str:
    """What a string of a script says."""
    if "\\" not in literal:
        return literal
    try:
        value = json.loads(f'"{literal}"')
    except ValueError:
        value = _JS_ESCAPE.sub(
            lambda m: chr(int(m[1] or m[2], 16)) if m[1] or m[2] else _PLAIN.get(m[3], m[3]), literal
        )
    return _SURROGATES.sub("", str(value))
