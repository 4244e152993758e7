"""Built-in sample document sites: the project's own synthetic speeches in layouts that document sites have.

sample = build()                    # crawler.sample.build: both days in memory, gold in sample.expected(day)
with SampleServer(sample) as sites: # crawler.sample.server: one free loopback port a site, sites.urls
    sites.set_day(2)
"""

from __future__ import annotations

import shutil
from pathlib import Path

from crawler.home import Home

SITE_FILES = Path(__file__).parent / "sites"


def install_site_files(home: Home) -> list[str]:
    """Copy the sample's site files into a home's `sites/`; returns the sites' names. Give their address with --at."""
    home.own_sites.mkdir(parents=True, exist_ok=True)
    files = sorted(SITE_FILES.glob("*.yaml"))
    for path in files:
        shutil.copyfile(path, home.own_sites / path.name)
    return [p.stem for p in files]
