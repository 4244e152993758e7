"""Scrapy says nothing of single pages: what it would say of each is below the level of any log here, and making it costs as much as asking."""

from __future__ import annotations

from typing import Any

from scrapy.logformatter import LogFormatter


class SilentFormatter(LogFormatter):
    """Messages of Scrapy, without those about pages that came."""

    def crawled(self, *_: Any) -> Any:
        """None: there is no message."""
        return None
