"""Text of others as it may be shown: without signs that steer a terminal, turn a line round, or are no text. Pure."""

from __future__ import annotations

import re
from typing import Any

# C0 and C1 but tab and line feed, signs that turn a line round, and halves of surrogate pairs, which no encoding takes
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
SHOWN = "\ufffd"


def plain(text: str) -> str:
    """The text with U+FFFD for each sign that does something instead of being shown; tabs and line feeds stay."""
    return _STEERING.sub(SHOWN, text)


def plain_value(value: Any) -> Any:
    """A value as JSON has it, all its texts plain."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {plain(k) if isinstance(k, str) else k: plain_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(v) for v in value]
    return value


def escaped(json: str) -> str:
    """A JSON text in which each of these signs is escaped: they stand in its strings alone, where an escape means the same."""
    return _STEERING.sub(lambda m: f"\\u{ord(m[0]):04x}", json)
