"""Runs that the tests make: rows of a real ledger with what steps would have printed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crawler.home import Home
from crawler.sample import install_site_files
from schedules import report
from schedules.ledger import Ledger
from schedules.store import runs

START = datetime(2026, 11, 2, 3, 30, tzinfo=UTC)
SITE = "muduo"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


def crawl(site: str = SITE, **figures: Any) -> dict[str, Any]:
    """What `crawl --json` prints of a site in which nothing is unusual."""
    host = {
        "host": f"{site}.example.com",
        "requests": 100,
        "bytes": 5_000_000,
        "delay_shortest": 1.0,
        "delay_median": 1.1,
        "answer_median": 0.2,
    }
    usual: dict[str, Any] = {
        "site": site, "error": None, "requests": 100, "bytes": 5_000_000, "new": 10, "changed": 5, "unchanged": 85, "gone": 0, "errors": 0,
        "disallowed": 0, "lost_to_robots": 0, "known": 120, "queued": 0, "finished": True, "seconds": 100.0, "reasons": {},
        "hosts": [host], "lists_stated": 0, "lists_complete": 0, "lists": [],
    }  # fmt: skip
    return usual | figures


def extract(site: str = SITE, *, fresh: dict[str, Any] | None = None, **figures: Any) -> dict[str, Any]:
    """What `extract --json` prints of a site in which nothing is unusual."""
    read = {
        "articles": 15,
        "speeches": 14,
        "fates": {"speech": 12, "preview": 2, "off_topic": 1},
        "flags": {},
        "chars_median": 2400,
    }
    fates = {"speech": 80, "preview": 10, "list": 12, "off_topic": 3, "soft_404": 1}
    usual: dict[str, Any] = {
        "site": site,
        "articles": 94,
        "read": 15,
        "speeches": 90,
        "fates": fates,
        "poison": [],
        "damaged": [],
        "error": None,
    }
    return usual | {"fresh": read | (fresh or {})} | figures


def publish(**figures: Any) -> dict[str, Any]:
    """What `publish --json` prints."""
    usual = {
        "version": "2026-11-02.1", "rows": 90, "added": 9, "changed": 2, "removed": 1, "gates": [],
        "sites": {SITE: {"rows": 90, "added": 9, "changed": 2, "removed": 1}},
    }  # fmt: skip
    return usual | figures


def step(printed: Any, why: str | None = None, **more: Any) -> dict[str, Any]:
    """A step as the ledger keeps it. why: what was wrong."""
    return {"ok": why is None, "why": why, "seconds": 12.5, "report": printed, "waiting": False} | more


def counts(
    crawled: list[dict[str, Any]], read: list[dict[str, Any]], published: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The steps of a run; a site that failed to be crawled makes its step fail."""
    failed = "; ".join(f"{c['site']}: {c['error']}" for c in crawled if c.get("error")) or None
    return {
        "crawl": step({"sites": crawled}, failed),
        "extract": step({"seconds": 3.0, "ok": True, "sites": read}),
        "publish": step(published or publish()),
    }


class House:
    """A home with a ledger, a clock that is moved by hand, and the sample's site files."""

    def __init__(self, root: Path, url: str | None = None) -> None:
        self.home = Home.find(root)
        install_site_files(self.home)
        self.clock = Clock()
        self.ledger = Ledger(url or f"sqlite:///{self.home.ledger}", self.clock)

    def ran(
        self, kept: dict[str, Any] | None = None, *, schedule: str = "nightly", state: str | None = None, **by: float
    ) -> int:
        """A run that took ten minutes and ended now; the clock moves on first, by a day unless said otherwise. Its number."""
        now = self.clock.pass_(**(by or {"days": 1}))
        kept = counts([crawl()], [extract()]) if kept is None else kept
        bad = [f"{s}: {x['why']}" for s, x in kept.items() if not x["ok"]]
        waiting = any(x.get("waiting") for x in kept.values())
        with self.ledger.engine.begin() as c:
            key = c.execute(
                runs.insert().values(
                    schedule=schedule, scheduled_for=now - timedelta(minutes=10), start_after=now - timedelta(minutes=10),
                    cause="timer", state=state or ("waiting" if waiting else "failed" if bad else "done"), why="; ".join(bad) or None,
                    sites=[SITE], plan={"sites": [SITE], "dataset": "speeches"}, started=now - timedelta(minutes=10), finished=now, heartbeat=now,
                    attempts=1, counts=kept, version=None,
                )
            ).inserted_primary_key  # fmt: skip
        assert key is not None
        report.keep(self.ledger, key[0])
        return int(key[0])

    def row(self, state: str, **by: float) -> None:
        """A fire time that came to nothing: missed, skipped, due."""
        now = self.clock.pass_(**by)
        with self.ledger.engine.begin() as c:
            c.execute(
                runs.insert().values(
                    schedule="nightly",
                    scheduled_for=now,
                    start_after=now,
                    cause="timer",
                    state=state,
                    why=f"was {state}",
                    sites=[],
                    attempts=0,
                    counts={},
                )
            )

    def schedule(self, text: str = "", name: str = "nightly") -> None:
        """A schedule file; enabled, so that what it does is watched."""
        self.home.own_schedules.mkdir(exist_ok=True)
        (self.home.own_schedules / f"{name}.yaml").write_text(
            text or f"name: {name}\ncron: 30 3 * * *\nsites: [{SITE}]\n"
        )
