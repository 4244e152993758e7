"""Where a home keeps its datasets, and what is remembered between publishes of them.

Apart from publisher/release.py, so that what only looks at a dataset does not load all that makes one.
"""

from __future__ import annotations

from pathlib import Path

from crawler.errors import UsageError
from crawler.home import Home
from publisher.manifest import sha256

DATASETS = ("speeches",)


def dataset_folder(home: Home, dataset: str = "speeches") -> Path:
    """The folder of a dataset. Raises UsageError for an unknown one."""
    if dataset not in DATASETS:
        raise UsageError(f"unknown dataset '{dataset}'", remedy=f"use one of: {', '.join(DATASETS)}")
    return home.datasets / dataset


def memo_folder(home: Home, dataset: str = "speeches", mirror: Path | None = None) -> Path:
    """Where is kept what is remembered between publishes of a dataset, or of a mirror of it."""
    return home.var / "publish" / (dataset if mirror is None else f"mirror-{sha256(str(mirror).encode())[:16]}")
