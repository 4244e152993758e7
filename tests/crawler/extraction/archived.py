"""A home with an archive and a state, made by hand: what a crawl hands over, page by page."""

from __future__ import annotations

import hashlib
import io
import pickle, gzip, json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawler.archive import WarcAddress
from crawler.home import Home
from crawler.state import PageState

FETCHED = datetime(2026, 11, 1, 8, 0, 0, tzinfo=UTC)
ORIGIN = "http://127.0.0.1:1"


class Archived:
    """One site of a home. `page` fetches or changes a page, `commit` hands all over to extraction."""

    def __init__(self, root: Path, site: str = "hua", extra: str = "") -> None:
        self.home = Home(root)
        self.site = site
        self.states: dict[str, PageState] = {}
        self.runs = 0
        self.home.own_sites.mkdir(parents=True, exist_ok=True)
        self.file(extra)

    def file(self, extra: str = "") -> None:
        text = f"name: {self.site}\ntitle: 华文网\nstart:\n  - {ORIGIN}/\n{extra}"
        (self.home.own_sites / f"{self.site}.yaml").write_text(text, encoding="utf-8")

    def page(self, key: str, text: str | None = None, **facts: Any) -> PageState:
        """A page as the crawl knows it; with `text` it is archived anew."""
        old = self.states.get(key) or PageState(
            key, ORIGIN + key, key, 1, 1, None, None, 200, None, "text/html; charset=utf-8", None, None
        )
        if text is not None:
            old = replace(old, address=self._keep(old.url, text.encode()), fetched_at=FETCHED)
        self.states[key] = replace(old, **facts)
        return self.states[key]

    def _keep(self, url: str, body: bytes) -> WarcAddress:
        path = self.home.archive(self.site) / "20261101T080000Z-1.warc.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = gzip.compress(
            json.dumps({"url": url, "status": 200, "at": FETCHED.isoformat()}).encode() + b"\n" + body, mtime=0
        )
        with path.open("ab") as f:
            offset = f.tell()
            f.write(raw)
        return WarcAddress(f"{self.site}/{path.name}", offset, len(raw), hashlib.sha256(body).hexdigest())

    def damage(self, key: str) -> None:
        """Overwrite the middle of a page's record."""
        address = self.states[key].address
        assert address is not None
        with (self.home.var / "archive" / address.file).open("r+b") as f:
            f.seek(address.offset + address.length // 2)
            f.write(b"\xff" * 8)

    def commit(self) -> Home:
        path = self.home.state_db(self.site)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(list(self.states.values())))
        return self.home
