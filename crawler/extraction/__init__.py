"""Bytes to speeches: pure functions of archived page(s), site file, rules and site profile. No network, no clock.

`main_text(html, url)` gives the main text of any page; `read_page(html, url)` its title, date and author as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crawler.extraction.maintext import main_text, read_page

__all__ = ["SPEECH_THRESHOLD", "main_text", "read_page"]

SPEECH_THRESHOLD = 1.0  # a score from here up is a speech, where the settings say nothing else (classify.judge)


def __getattr__(name: str) -> Any:
    # lazily, so that the command line starts without loading parsers and dictionaries
    if name in ("main_text", "read_page"):
        from crawler.extraction import maintext

        return getattr(maintext, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
