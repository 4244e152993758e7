"""Hostile strings in Markdown: whatever a page says, it shows as text and does nothing (CommonMark 0.31 and GitHub's extensions)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

# Marks of CommonMark, tables, strike-through, mathematics and entities; what makes an address of itself (://, mailto:, www., a@b)
# and an emoji (:word:). A backslash makes each of them itself.
_MARKS = re.compile(r"[\\`*_\[\]<>|~&$@]|:(?=//|[\w+-]+:)|(?<=mailto):|(?<=xmpp):|(?<=www)\.", re.IGNORECASE)
_LEADING = re.compile(r"^(?:[-+#=]|\d+(?=[.)]))")


def plain(value: object, limit: int = 200) -> str:
    """A string on one line, without control characters and marks of direction, cut after `limit` characters."""
    text = str(value)
    if not (text.isascii() and text.isprintable()):  # of what most are, each character stays
        text = _one_line(text)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _one_line(text: str) -> str:
    text = "".join(" " if c.isspace() else c for c in text)
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))


def escape(value: object, limit: int = 200) -> str:
    """A string that Markdown shows as it is (see `plain`), inside a line, a list item or a cell of a table."""
    text = _MARKS.sub(r"\\\g<0>", plain(value, limit))
    m = _LEADING.match(text)
    if m:  # a list, were it to stand at the beginning of a block
        text = rf"\{text}" if not m[0].isdigit() else rf"{m[0]}\{text[m.end() :]}"
    return text


def code(value: object, limit: int = 200) -> str:
    """A string as code, in a table too."""
    text = plain(value, limit).replace("|", "¦")
    if "`" not in text:
        return f"`{text}`" if text else ""
    return f"<code>{_entities(text)}</code>"


def _entities(text: str) -> str:
    return "".join(c if c.isalnum() or c in " -" else f"&#{ord(c)};" for c in text)


def number(value: int) -> str:
    """A count with thin groups for people: 12,345."""
    return f"{value:,}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: str = "") -> list[str]:
    """The lines of a table. right: one letter a column, `r` for columns of numbers. Cells are escaped by the caller."""
    marks = ["---:" if right[i : i + 1] == "r" else "---" for i in range(len(head))]
    return [f"| {' | '.join(line)} |" for line in (head, marks, *rows)]
