"""A home with an archive and a state, made by hand: what a crawl hands over, page by page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawler.archive import ArchiveWriter, WarcAddress
from crawler.home import Home
from crawler.state import PageState, SiteState, new_row, text_time

FETCHED = datetime(2026, 11, 1, 8, 0, 0, tzinfo=UTC)
ORIGIN = "http://127.0.0.1:1"


class Archived:
    """One site of a home. `page` fetches or changes a page, `commit` hands all over to extraction."""

    def __init__(self, root: Path, site: str = "hua", extra: str = "") -> None:
        self.home = Home(root)
        self.site = site
        self.states: dict[str, PageState] = {}
        self.writer = ArchiveWriter(self.home, site, "tests")
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
        headers = (("Content-Type", "text/html; charset=utf-8"),)
        address = self.writer.response(url, 200, "OK", headers, body, FETCHED)
        self.writer.flush()
        return address

    def damage(self, key: str) -> None:
        """Overwrite the middle of a page's record."""
        address = self.states[key].address
        assert address is not None
        with (self.home.var / "archive" / address.file).open("r+b") as f:
            f.seek(address.offset + address.length // 2)
            f.write(b"\xff" * 8)

    def commit(self) -> Home:
        """Write the state anew, as if a crawl had just committed all this."""
        path = self.home.state_db(self.site)
        for old in path.parent.glob(f"{path.name}*"):
            old.unlink()
        with SiteState.open(self.home, self.site) as state:
            state.insert([new_row(p.key, p.url, text_time(FETCHED)) for p in self.states.values()])
            for p in self.states.values():
                facts: dict[str, Any] = {
                    name: getattr(p, name)
                    for name in ("article_key", "ordinal", "expected", "fate", "why", "status", "content_type")
                }
                if p.address is not None:
                    a = p.address
                    facts |= {"warc_file": a.file, "warc_offset": a.offset, "warc_length": a.length, "sha256": a.sha256}
                for name, when in (("fetched_at", p.fetched_at), ("gone_since", p.gone_since)):
                    facts[name] = text_time(when) if when else None
                state.update(p.key, **facts)
            state.commit()
        return self.home
