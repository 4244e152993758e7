"""Where everything lives on disk: one home folder, two kinds of content.

    $JIANGHUA_HOME/                 default: the current folder
      jianghua.toml                 settings (optional)
      sites/*.yaml                  own site files (optional; they win over the built-in ones of the same name)
      schedules/*.yaml              own schedules (optional)
      corrections/*.yaml            what people put right (optional; crawler/corrections/)
      takedowns/*.yaml              what was asked to be taken down (optional; crawler/takedowns.py)
      var/                          working state, may be deleted at the price of crawling again
        state/SITE.db               frontier and page states of a site (crawler/state.py, SQLite)
        archive/SITE/*.warc.gz      raw responses, one file a run (crawler/archive.py)
        profiles/SITE/NNNN.json     what was learned about a site, numbered and immutable (extraction/profile.py)
        records/SITE/               extraction's shards (crawler/records.py)
        publish/                    what the publisher remembers (publisher/history.py, memo.py)
        state.db                    ledger of runs (schedules/ledger.py)
        watching/                   samples of the free disk, the lock of who tells alarms (watching/)
        logs/                       one folder a run
      datasets/                     what is published (publisher/release.py)

Two homes never touch each other.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one Jianghua home. Nothing is created before something is written."""

    root: Path

    @classmethod
    def find(cls, root: Path | str | None = None) -> Home:
        """The home given, else `$JIANGHUA_HOME`, else the current folder; always absolute."""
        return cls(Path(root or os.environ.get("JIANGHUA_HOME") or ".").resolve())

    @property
    def var(self) -> Path:
        return self.root / "var"

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def own_sites(self) -> Path:
        return self.root / "sites"

    @property
    def own_schedules(self) -> Path:
        return self.root / "schedules"

    @property
    def own_corrections(self) -> Path:
        return self.root / "corrections"

    @property
    def takedowns(self) -> Path:
        return self.root / "takedowns"

    @property
    def settings_file(self) -> Path:
        return self.root / "jianghua.toml"

    @property
    def logs(self) -> Path:
        return self.var / "logs"

    @property
    def ledger(self) -> Path:
        return self.var / "state.db"

    def state_db(self, site: str) -> Path:
        return self.var / "state" / f"{site}.db"

    def archive(self, site: str) -> Path:
        return self.var / "archive" / site

    def profiles(self, site: str) -> Path:
        return self.var / "profiles" / site

    def records(self, site: str) -> Path:
        return self.var / "records" / site
