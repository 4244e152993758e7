"""Sentences that the program made from templates, in another language.

What was said stands as English text in ledgers, manifests and alarms. A table of templates, English and the other language, finds the
template again in the sentence, so that who makes a sentence says it once, in English, and also what was kept long ago can be shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# names of holes for texts of others, which may have any marks
WIDE = frozenset({"why", "error", "list", "said", "at", "folder", "names", "new"})
_HOLE = re.compile(r"\{(\w+)(:d)?\}|\[([^\]|]*(?:\|[^\]|]*)+)\]")


class Phrases:
    """A table of templates. In a template `{name}` stands for a name without marks, or (one of WIDE) for anything, `{n:d}` for a number,
    `{key}` for a name of lower case letters, `{Name}` for something that is translated in its turn where there is a template for it,
    `{NAME}` for something that has one, `[a|b]` for one of several words."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self.table = dict(table)
        ordered = sorted(self.table, key=lambda english: -len(_HOLE.sub("", english)))
        self._known = [(re.compile(_pattern(english), re.DOTALL), self.table[english]) for english in ordered]

    def __call__(self, text: str) -> str:
        """The text in the other language; what has no template stays as it is, also a piece of the text."""
        return self._found(text) or text

    def _found(self, text: str) -> str | None:
        pieces = text.split("; ")
        found = [self._whole(piece) for piece in pieces]
        if all(found):
            return "；".join(f for f in found if f)
        whole = self._whole(text) if len(pieces) > 1 else None
        if whole or not any(found):
            return whole
        return "；".join(f or piece for f, piece in zip(found, pieces, strict=True))

    def _whole(self, text: str) -> str | None:
        """A sentence that has a template; or several with commas between them, all of which have one."""
        for pattern, other in self._known:
            if m := pattern.fullmatch(text):
                values = {
                    k: self._found(v) or (None if k.isupper() else v) if k[0].isupper() else v
                    for k, v in m.groupdict().items()
                }
                if None not in values.values():
                    return _HOLE.sub(lambda h, values=values: str(values[h[1]]), other)  # type: ignore[misc]
        return self._row(text)

    def _row(self, text: str) -> str | None:
        pieces = text.split(", ")
        found = [self._whole(piece) for piece in pieces] if len(pieces) > 1 else []
        return "，".join(f for f in found if f) if found and all(found) else None


def _pattern(english: str) -> str:
    out, at = [], 0
    for m in _HOLE.finditer(english):
        out.append(re.escape(english[at : m.start()]))
        if m[3] is not None:
            out.append(f"(?:{'|'.join(map(re.escape, m[3].split('|')))})")
        else:
            wide = m[1][0].isupper() or m[1] in WIDE
            what = r"[0-9][0-9.,]*" if m[2] else r"[a-z0-9_]+" if m[1] == "key" else ".+?" if wide else "[^;,:]+?"
            out.append(f"(?P={m[1]})" if f"(?P<{m[1]}>" in "".join(out) else f"(?P<{m[1]}>{what})")
        at = m.end()
    return "".join(out) + re.escape(english[at:])
